"""Random numbers: functions of a seed and a counter, the same on every machine.

>>> import feedfwd as ff
>>> ff.random.set_seed(1)
>>> ff.random.normal((2, 3)).shape
(2, 3)
"""

from __future__ import annotations

import threading
from collections.abc import Sequence

import numpy as np

from feedfwd import _core
from feedfwd._core import Tensor
from feedfwd.arguments import extents, number, shown
from feedfwd.floating import nearest

_MASK = (1 << 63) - 1


class _State:
    """The process's seed and how many numbers were asked of it."""

    seed: int | None = None
    drawn = 0
    lock = threading.Lock()


def check_seed(seed: int | None, argument: str = "seed") -> int | None:
    """The seed as an int of 0 to 2^63 - 1, or None.

    Raises:
        TypeError: no integer.
        ValueError: out of range.
    """
    if seed is None:
        return None
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)):
        got = f"{shown(seed)} of type {type(seed).__name__}"
        raise TypeError(f"{argument}: got {got}, expected an integer or None")
    if not 0 <= int(seed) <= _MASK:
        raise ValueError(f"{argument}: got {shown(seed)}, expected 0 to 2**63 - 1")
    return int(seed)


def set_seed(seed: int | None) -> None:
    """Make all that has no seed of its own repeatable; None goes back to the system's entropy.

    >>> import feedfwd as ff
    >>> ff.random.set_seed(1)
    >>> a = float(ff.random.uniform())
    >>> ff.random.set_seed(1)
    >>> float(ff.random.uniform()) == a
    True

    Raises:
        TypeError: no integer.
        ValueError: out of 0 to 2**63 - 1.
    """
    checked = check_seed(seed)
    with _State.lock:
        _State.seed, _State.drawn = checked, 0


def next_seed() -> int:
    """A seed for something that was given none."""
    with _State.lock:
        if _State.seed is None:
            return _core.entropy_seed()
        _State.drawn += 1
        words = _core.draw(
            "uniform", (2,), 0.0, 1.0, _State.seed, _State.drawn, _core.stream_of(0, "user")
        )
    return (int(words[0] * 2**31) << 32 | int(words[1] * 2**32)) & _MASK


@nearest
def _draw(
    kind: str, shape: Sequence[int], a: float, b: float, seed: int | None, dtype: str
) -> Tensor:
    if str(np.dtype(dtype)) not in ("float32", "float64"):
        raise ValueError(f"dtype: got {dtype!r}, expected 'float32' or 'float64'")
    chosen = check_seed(seed)
    values = _core.draw(
        kind,
        extents(shape, "shape"),
        a,
        b,
        next_seed() if chosen is None else chosen,
        0,
        _core.stream_of(1, "user"),
    )
    return _core.convert(np.asarray(values).astype(dtype))


def normal(
    shape: Sequence[int] = (),
    mean: float = 0.0,
    stddev: float = 1.0,
    dtype: str = "float32",
    seed: int | None = None,
) -> Tensor:
    """Numbers from N(mean, stddev^2), defaults 0 and 1.

    Args:
        shape: the extents, () for one number.
        mean, stddev: finite numbers, stddev at least 0.
        dtype: "float32" (default) or "float64".
        seed: 0 to 2^63 - 1; None: the next one of ``set_seed``, else the system's entropy.

    Raises:
        TypeError, ValueError: an argument of another kind or out of range.

    >>> import feedfwd as ff
    >>> bool(ff.random.normal((3,), seed=7)[0] == ff.random.normal((3,), seed=7)[0])
    True

    Source: the inverse distribution function, Wichura, AS 241, 1988.
    """
    mean, stddev = number(mean, "mean"), number(stddev, "stddev", 0)
    return _draw("normal", shape, mean, stddev, seed, dtype)


def truncated_normal(
    shape: Sequence[int] = (),
    mean: float = 0.0,
    stddev: float = 1.0,
    dtype: str = "float32",
    seed: int | None = None,
) -> Tensor:
    """Numbers from N(mean, stddev^2) given that they are within two stddev of the mean.

    By the inverse distribution function over the truncated range, no rejection. Errors and
    arguments as in :func:`normal`.

    >>> import feedfwd as ff
    >>> bool(abs(ff.random.truncated_normal((100,), seed=0).numpy()).max() <= 2)
    True
    """
    mean, stddev = number(mean, "mean"), number(stddev, "stddev", 0)
    return _draw("truncated_normal", shape, mean, stddev, seed, dtype)


def uniform(
    shape: Sequence[int] = (),
    minval: float = 0.0,
    maxval: float = 1.0,
    dtype: str = "float32",
    seed: int | None = None,
) -> Tensor:
    """Numbers from [minval, maxval), defaults 0 and 1; errors as in :func:`normal`.

    >>> import feedfwd as ff
    >>> 0 <= float(ff.random.uniform(seed=0)) < 1
    True
    """
    if number(minval, "minval") > number(maxval, "maxval"):
        raise ValueError(f"minval: got {minval}, expected at most maxval, {maxval}")
    return _draw("uniform", shape, minval, maxval, seed, dtype)
