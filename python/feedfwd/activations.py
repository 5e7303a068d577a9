"""Activation functions, on Tensors, Variables and arrays alike; a GradientTape records them.

>>> import numpy as np, feedfwd as ff
>>> ff.activations.relu(np.array([-1.0, 2.0])).numpy()
array([0., 2.])
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from feedfwd import _core
from feedfwd._core import Tensor
from feedfwd.arguments import flag, number
from feedfwd.registry import Registry

Activation = Callable[..., Tensor]
_registry = Registry("activation")


@_registry.register()
def linear(x: Any) -> Tensor:
    """The identity: ``y = x``.

    >>> from feedfwd.activations import linear
    >>> float(linear(2.0))
    2.0
    """
    return _core.convert(x)


@_registry.register()
def sigmoid(x: Any) -> Tensor:
    """The logistic function ``1 / (1 + exp(-x))``, derivative ``y (1 - y)``.

    >>> from feedfwd.activations import sigmoid
    >>> float(sigmoid(0.0))
    0.5
    """
    return _core.map("sigmoid", x)


@_registry.register()
def tanh(x: Any) -> Tensor:
    """The hyperbolic tangent, derivative ``1 - y^2``.

    >>> from feedfwd.activations import tanh
    >>> float(tanh(0.0))
    0.0
    """
    return _core.map("tanh", x)


@_registry.register()
def relu(x: Any) -> Tensor:
    """The rectified linear unit ``max(0, x)``; its derivative at 0 is 0, and NaN passes through.

    >>> from feedfwd.activations import relu
    >>> float(relu(-3.0))
    0.0

    Source: Nair and Hinton, 2010.
    """
    return _core.map("relu", x)


@_registry.register()
def leaky_relu(x: Any, negative_slope: float = 0.2) -> Tensor:
    """``x`` where it is not negative, else ``negative_slope * x``.

    PyTorch's default slope is 0.01.

    >>> from feedfwd.activations import leaky_relu
    >>> float(leaky_relu(-10.0, negative_slope=0.5))
    -5.0

    Source: Maas, Hannun and Ng, 2013.
    """
    return _core.map("leaky_relu", x, number(negative_slope, "negative_slope"))


@_registry.register()
def elu(x: Any, alpha: float = 1.0) -> Tensor:
    """``x`` where it is not negative, else ``alpha (exp(x) - 1)``.

    >>> from feedfwd.activations import elu
    >>> round(float(elu(-1.0)), 6)
    -0.632121

    Source: Clevert, Unterthiner and Hochreiter, 2016.
    """
    return _core.map("elu", x, number(alpha, "alpha"))


@_registry.register()
def gelu(x: Any, approximate: bool = False) -> Tensor:
    """``x Phi(x)``, Phi the normal distribution function; approximately through tanh on request.

    The approximation is ``0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3)))``.

    >>> from feedfwd.activations import gelu
    >>> round(float(gelu(1.0)), 6), round(float(gelu(1.0, approximate=True)), 6)
    (0.841345, 0.841192)

    Source: Hendrycks and Gimpel, 2016.
    """
    return _core.map("gelu_tanh" if flag(approximate, "approximate") else "gelu", x)


@_registry.register("swish")
def silu(x: Any) -> Tensor:
    """``x sigmoid(x)``, also called swish.

    >>> from feedfwd.activations import silu
    >>> round(float(silu(1.0)), 6)
    0.731059

    Source: Hendrycks and Gimpel, 2016; Ramachandran, Zoph and Le, 2017.
    """
    return _core.map("silu", x)


@_registry.register()
def softplus(x: Any) -> Tensor:
    """``log(1 + exp(x))``, stable for large x of both signs.

    >>> from feedfwd.activations import softplus
    >>> round(float(softplus(0.0)), 6)
    0.693147
    """
    return _core.map("softplus", x)


@_registry.register()
def softmax(x: Any, axis: int = -1) -> Tensor:
    """``exp(x) / sum(exp(x))`` along `axis`, the maximum subtracted first.

    Raises:
        ValueError: a scalar, or an axis out of range.

    >>> from feedfwd.activations import softmax
    >>> softmax([0.0, 0.0]).numpy()
    array([0.5, 0.5], dtype=float32)
    """
    return _core.softmax(x, axis)


@_registry.register()
def log_softmax(x: Any, axis: int = -1) -> Tensor:
    """``x - log(sum(exp(x)))`` along `axis`, without overflow.

    >>> from feedfwd.activations import log_softmax
    >>> round(float(log_softmax([0.0, 0.0])[0]), 6)
    -0.693147
    """
    return _core.log_softmax(x, axis)


@_registry.register()
def exponential(x: Any) -> Tensor:
    """``exp(x)``.

    >>> from feedfwd.activations import exponential
    >>> float(exponential(0.0))
    1.0
    """
    return _core.map("exp", x)


def names() -> list[str]:
    """Names that ``activation="..."`` takes."""
    return _registry.names()


def get(identifier: str | Activation | None) -> Activation:
    """An activation from its name; None is `linear`; a callable stays itself.

    Raises:
        ValueError: an unknown name.
        TypeError: neither a name nor callable.
    """
    if identifier is None:
        return linear
    if isinstance(identifier, str):
        found: Activation = _registry.find(identifier)
        return found
    if not callable(identifier):
        raise TypeError(
            f"activation: got {type(identifier).__name__}, expected a name or a callable"
        )
    return identifier


FUNCTIONS: dict[str, Activation] = {
    f.__name__: f for f in (_registry.find(n) for n in names()) if f.__name__ in globals()
}
