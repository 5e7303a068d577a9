"""Initial weights: each a pure function of (shape, seed, stream), drawn in float64 and rounded once.

>>> import feedfwd as ff
>>> ff.initializers.get("glorot_uniform")((2, 2), seed=0).shape
(2, 2)
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from feedfwd import _core
from feedfwd.random import check_seed, next_seed
from feedfwd.registry import Registry

_registry = Registry("initializer")
# Standard deviation of a standard normal cut at two sigma.
_TRUNCATED = 0.87962566103423978


class Initializer:
    """Base class: ``initializer(shape, dtype, seed, stream)`` gives an array.

    A model passes its seed and the weight's stream; an initializer made with a seed of its own uses that.
    """

    def __init__(self, seed: int | None = None) -> None:
        self.seed = check_seed(seed)

    def __call__(
        self, shape: Sequence[int], dtype: str = "float32", seed: int | None = None, stream: int = 0
    ) -> NDArray[Any]:
        """Values of `shape` in `dtype`."""
        own = self.seed if self.seed is not None else check_seed(seed)
        values = self.draw(tuple(int(n) for n in shape), next_seed() if own is None else own, stream)
        return np.asarray(values).astype(dtype)

    def draw(self, shape: tuple[int, ...], seed: int, stream: int) -> NDArray[np.float64]:
        """Values in float64; what a subclass defines."""
        raise TypeError(f"{type(self).__name__} defines no draw(shape, seed, stream)")

    def get_config(self) -> dict[str, Any]:
        """The arguments this was made with."""
        return dict(vars(self))

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Initializer:
        """The initializer that ``get_config`` describes."""
        return cls(**config)

    def __repr__(self) -> str:
        arguments = ", ".join(f"{k}={v!r}" for k, v in self.get_config().items())
        return f"{type(self).__name__}({arguments})"


def _number(value: float, name: str, low: float = -math.inf) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise TypeError(f"{name}: got {type(value).__name__}, expected a number")
    if not math.isfinite(value) or value < low:
        bound = "" if low == -math.inf else f" of at least {low:g}"
        raise ValueError(f"{name}: got {value}, expected a finite number{bound}")
    return float(value)


class _Seedless(Initializer):
    def __init__(self) -> None:
        super().__init__(None)

    def get_config(self) -> dict[str, Any]:
        return {k: v for k, v in vars(self).items() if k != "seed"}


@_registry.register()
class Zeros(_Seedless):
    """All zeros."""

    def draw(self, shape: tuple[int, ...], seed: int, stream: int) -> NDArray[np.float64]:
        return np.zeros(shape)


@_registry.register()
class Ones(_Seedless):
    """All ones."""

    def draw(self, shape: tuple[int, ...], seed: int, stream: int) -> NDArray[np.float64]:
        return np.ones(shape)


@_registry.register()
class Constant(_Seedless):
    """All `value` (default 0)."""

    def __init__(self, value: float = 0.0) -> None:
        super().__init__()
        self.value = _number(value, "value")

    def draw(self, shape: tuple[int, ...], seed: int, stream: int) -> NDArray[np.float64]:
        return np.full(shape, self.value)


@_registry.register()
class RandomNormal(Initializer):
    """N(mean, stddev^2); defaults 0 and 0.05."""

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: int | None = None) -> None:
        super().__init__(seed)
        self.mean, self.stddev = _number(mean, "mean"), _number(stddev, "stddev", 0)

    def draw(self, shape: tuple[int, ...], seed: int, stream: int) -> NDArray[np.float64]:
        return _core.draw("normal", shape, self.mean, self.stddev, seed, 0, stream)


@_registry.register()
class TruncatedNormal(RandomNormal):
    """N(mean, stddev^2) within two stddev of the mean; defaults 0 and 0.05."""

    def draw(self, shape: tuple[int, ...], seed: int, stream: int) -> NDArray[np.float64]:
        return _core.draw("truncated_normal", shape, self.mean, self.stddev, seed, 0, stream)


@_registry.register()
class RandomUniform(Initializer):
    """Uniform on [minval, maxval); defaults -0.05 and 0.05."""

    def __init__(self, minval: float = -0.05, maxval: float = 0.05, seed: int | None = None) -> None:
        super().__init__(seed)
        self.minval, self.maxval = _number(minval, "minval"), _number(maxval, "maxval")

    def draw(self, shape: tuple[int, ...], seed: int, stream: int) -> NDArray[np.float64]:
        return _core.draw("uniform", shape, self.minval, self.maxval, seed, 0, stream)


def fans(shape: tuple[int, ...]) -> tuple[float, float]:
    """Inputs and outputs per unit of a weight: rows and columns of a matrix, the length of a vector twice."""
    if len(shape) < 2:
        n = float(shape[0]) if shape else 1.0
        return n, n
    outside = math.prod(shape[:-2])
    return float(outside * shape[-2]), float(outside * shape[-1])


class _VarianceScaling(Initializer):
    """Variance ``scale / fan``: uniform on +-sqrt(3 v), or normal cut at two sigma and widened to v again."""

    scale = 1.0
    fan = "in"
    uniform = False

    def draw(self, shape: tuple[int, ...], seed: int, stream: int) -> NDArray[np.float64]:
        fan_in, fan_out = fans(shape)
        fan = fan_in if self.fan == "in" else (fan_in + fan_out) / 2
        variance = self.scale / max(1.0, fan)
        if self.uniform:
            limit = math.sqrt(3 * variance)
            return _core.draw("uniform", shape, -limit, limit, seed, 0, stream)
        stddev = math.sqrt(variance) / _TRUNCATED
        return _core.draw("truncated_normal", shape, 0.0, stddev, seed, 0, stream)


@_registry.register()
class GlorotUniform(_VarianceScaling):
    """Uniform, variance ``2 / (fan_in + fan_out)``. Source: Glorot and Bengio, 2010."""

    fan, uniform = "average", True


@_registry.register()
class GlorotNormal(_VarianceScaling):
    """Truncated normal, variance ``2 / (fan_in + fan_out)``. Source: Glorot and Bengio, 2010."""

    fan = "average"


@_registry.register()
class HeUniform(_VarianceScaling):
    """Uniform, variance ``2 / fan_in``. Source: He et al., 2015."""

    scale, uniform = 2.0, True


@_registry.register()
class HeNormal(_VarianceScaling):
    """Truncated normal, variance ``2 / fan_in``. Source: He et al., 2015."""

    scale = 2.0


@_registry.register()
class LecunUniform(_VarianceScaling):
    """Uniform, variance ``1 / fan_in``. Source: LeCun et al., 1998."""

    uniform = True


@_registry.register()
class LecunNormal(_VarianceScaling):
    """Truncated normal, variance ``1 / fan_in``. Source: LeCun et al., 1998."""


def names() -> list[str]:
    """Names that ``kernel_initializer="..."`` takes."""
    return _registry.names()


def get(identifier: Any) -> Any:
    """An initializer from a name, class, config or callable; None is Glorot uniform.

    Raises:
        ValueError: an unknown name. TypeError: something else.
    """
    made = _registry.make("glorot_uniform" if identifier is None else identifier)
    if not callable(made):
        raise TypeError(f"initializer: got {type(identifier).__name__}, expected a name or an Initializer")
    return made
