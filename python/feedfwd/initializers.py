"""Initial weights: pure functions of (shape, seed, stream), drawn in float64 and rounded once.

>>> import feedfwd as ff
>>> ff.initializers.get("glorot_uniform")((2, 2), seed=0).shape
(2, 2)
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from feedfwd import _core
from feedfwd.arguments import extents, number
from feedfwd.floating import nearest
from feedfwd.random import check_seed, next_seed
from feedfwd.registry import Configured, Registry

_registry = Registry("initializer")
# Standard deviation of a standard normal cut at two sigma.
_TRUNCATED = 0.87962566103423978


class Initializer(Configured):
    """Base class: ``initializer(shape, dtype, seed, stream)`` gives an array.

    A model passes its seed and the weight's stream; an initializer made with a seed of its own uses
    that. With neither the seed comes from ``ff.random.set_seed``, else from the system.

    Args:
        seed: 0 to 2^63 - 1, or None.

    Raises:
        TypeError, ValueError: a seed that is none, parameters that are no finite numbers.
    """

    def __init__(self, seed: int | None = None) -> None:
        self.seed = check_seed(seed)

    @nearest
    def __call__(
        self, shape: Sequence[int], dtype: str = "float32", seed: int | None = None, stream: int = 0
    ) -> NDArray[Any]:
        """Values of `shape` in `dtype`.

        Raises:
            ValueError: a negative extent.
        """
        known = extents(shape, "shape")
        own = self.seed if self.seed is not None else check_seed(seed)
        values = self.draw(known, next_seed() if own is None else own, stream)
        return np.asarray(values).astype(dtype)

    def draw(self, shape: tuple[int, ...], seed: int, stream: int) -> NDArray[np.float64]:
        """Values in float64; what a subclass defines."""
        raise TypeError(f"{type(self).__name__} defines no draw(shape, seed, stream)")


class _Seedless(Initializer):
    def __init__(self) -> None:
        super().__init__(None)

    def _arguments(self) -> dict[str, Any]:
        return {k: v for k, v in super()._arguments().items() if k != "seed"}


@_registry.register()
class Zeros(_Seedless):
    """All zeros.

    >>> import feedfwd as ff
    >>> ff.initializers.Zeros()((2,))
    array([0., 0.], dtype=float32)
    """

    def draw(self, shape: tuple[int, ...], seed: int, stream: int) -> NDArray[np.float64]:
        return np.zeros(shape)


@_registry.register()
class Ones(_Seedless):
    """All ones.

    >>> import feedfwd as ff
    >>> ff.initializers.Ones()((2,))
    array([1., 1.], dtype=float32)
    """

    def draw(self, shape: tuple[int, ...], seed: int, stream: int) -> NDArray[np.float64]:
        return np.ones(shape)


@_registry.register()
class Constant(_Seedless):
    """All `value` (default 0).

    >>> import feedfwd as ff
    >>> ff.initializers.Constant(0.5)((2,))
    array([0.5, 0.5], dtype=float32)
    """

    def __init__(self, value: float = 0.0) -> None:
        super().__init__()
        self.value = number(value, "value")

    def draw(self, shape: tuple[int, ...], seed: int, stream: int) -> NDArray[np.float64]:
        return np.full(shape, self.value)


@_registry.register("normal")
class RandomNormal(Initializer):
    """N(mean, stddev^2); defaults 0 and 0.05.

    >>> import feedfwd as ff
    >>> w = ff.initializers.RandomNormal(stddev=0.1, seed=3)((4, 2))
    """

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: int | None = None) -> None:
        super().__init__(seed)
        self.mean, self.stddev = number(mean, "mean"), number(stddev, "stddev", 0)

    def draw(self, shape: tuple[int, ...], seed: int, stream: int) -> NDArray[np.float64]:
        return _core.draw("normal", shape, self.mean, self.stddev, seed, 0, stream)


@_registry.register()
class TruncatedNormal(RandomNormal):
    """N(mean, stddev^2) within two stddev of the mean; defaults 0 and 0.05.

    By the inverse distribution function over the truncated range. PyTorch cuts at +-2, not at two
    standard deviations.

    >>> import feedfwd as ff
    >>> bool(abs(ff.initializers.TruncatedNormal(seed=0)((100,))).max() <= 0.1)
    True
    """

    def draw(self, shape: tuple[int, ...], seed: int, stream: int) -> NDArray[np.float64]:
        return _core.draw("truncated_normal", shape, self.mean, self.stddev, seed, 0, stream)


@_registry.register("uniform")
class RandomUniform(Initializer):
    """Uniform on [minval, maxval); defaults -0.05 and 0.05.

    Raises:
        ValueError: minval above maxval.

    >>> import feedfwd as ff
    >>> bool(abs(ff.initializers.RandomUniform(seed=0)((100,))).max() <= 0.05)
    True
    """

    def __init__(
        self, minval: float = -0.05, maxval: float = 0.05, seed: int | None = None
    ) -> None:
        super().__init__(seed)
        self.minval, self.maxval = number(minval, "minval"), number(maxval, "maxval")
        if self.minval > self.maxval:
            raise ValueError(f"minval: got {minval}, expected at most maxval, {maxval}")

    def draw(self, shape: tuple[int, ...], seed: int, stream: int) -> NDArray[np.float64]:
        return _core.draw("uniform", shape, self.minval, self.maxval, seed, 0, stream)


def fans(shape: tuple[int, ...]) -> tuple[float, float]:
    """Inputs and outputs per unit of a weight, as Keras counts them.

    Rows and columns of a matrix, the length of a vector twice, 1 and 1 for a scalar.

    >>> fans((784, 10)), fans((5,)), fans((3, 3, 8, 16))
    ((784.0, 10.0), (5.0, 5.0), (72.0, 144.0))
    """
    if len(shape) < 2:
        n = float(shape[0]) if shape else 1.0
        return n, n
    outside = math.prod(shape[:-2])
    return float(outside * shape[-2]), float(outside * shape[-1])


class _VarianceScaling(Initializer):
    """Variance ``v = scale / fan``: uniform on +-sqrt(3 v), or a cut normal widened to v."""

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
    """Uniform, variance ``2 / (fan_in + fan_out)``.

    Limits ``+-sqrt(6 / (fan_in + fan_out))``.

    Source: Glorot and Bengio, 2010.

    >>> import feedfwd as ff
    >>> ff.initializers.GlorotUniform(seed=0)((784, 10)).shape
    (784, 10)
    """

    fan, uniform = "average", True


@_registry.register()
class GlorotNormal(_VarianceScaling):
    """Truncated normal, variance ``2 / (fan_in + fan_out)``.

    Cut at two sigma and widened so that the variance is that again.

    Source: Glorot and Bengio, 2010.

    >>> import feedfwd as ff
    >>> ff.initializers.GlorotNormal(seed=0)((784, 10)).shape
    (784, 10)
    """

    fan = "average"


@_registry.register()
class HeUniform(_VarianceScaling):
    """Uniform, variance ``2 / fan_in``.

    Limits ``+-sqrt(6 / fan_in)``.

    Source: He et al., 2015.

    >>> import feedfwd as ff
    >>> ff.initializers.HeUniform(seed=0)((784, 10)).shape
    (784, 10)
    """

    scale, uniform = 2.0, True


@_registry.register()
class HeNormal(_VarianceScaling):
    """Truncated normal, variance ``2 / fan_in``.

    Cut at two sigma and widened so that the variance is that again.

    Source: He et al., 2015.

    >>> import feedfwd as ff
    >>> ff.initializers.HeNormal(seed=0)((784, 10)).shape
    (784, 10)
    """

    scale = 2.0


@_registry.register()
class LecunUniform(_VarianceScaling):
    """Uniform, variance ``1 / fan_in``.

    Limits ``+-sqrt(3 / fan_in)``.

    Source: LeCun et al., 1998.

    >>> import feedfwd as ff
    >>> ff.initializers.LecunUniform(seed=0)((784, 10)).shape
    (784, 10)
    """

    uniform = True


@_registry.register()
class LecunNormal(_VarianceScaling):
    """Truncated normal, variance ``1 / fan_in``.

    Cut at two sigma and widened so that the variance is that again.

    Source: LeCun et al., 1998.

    >>> import feedfwd as ff
    >>> ff.initializers.LecunNormal(seed=0)((784, 10)).shape
    (784, 10)
    """


def names() -> list[str]:
    """Names that ``kernel_initializer="..."`` takes."""
    return _registry.names()


def get(identifier: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """An initializer from a name, class, config or callable; None is Glorot uniform.

    Names are looked up in `custom_objects` first.

    Raises:
        ValueError: an unknown name; it lists the nearest known ones.
        TypeError: something else.
    """
    made = _registry.make("glorot_uniform" if identifier is None else identifier, custom_objects)
    if not callable(made):
        raise TypeError(
            f"initializer: got {type(identifier).__name__}, expected a name or an Initializer"
        )
    return made
