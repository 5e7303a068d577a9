"""Small data sets for examples and tests, embedded or generated.

>>> import feedfwd as ff
>>> (x_train, y_train), (x_test, y_test) = ff.datasets.digits()
>>> x_train.shape, x_test.shape
((1438, 64), (359, 64))
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from feedfwd import _core
from feedfwd.arguments import count, number
from feedfwd.floating import nearest
from feedfwd.random import check_seed, next_seed

Pair = tuple[NDArray[Any], NDArray[Any]]


def digits() -> tuple[Pair, Pair]:
    """Handwritten digits: ``(x_train, y_train), (x_test, y_test)``.

    1,797 images of 8 x 8 pixels, rows of 64 uint8 from 0 to 16, and int64 labels; 80 % of each
    class to train on, by a fixed seed.

    >>> import feedfwd as ff
    >>> (x_train, y_train), _ = ff.datasets.digits()
    >>> x_train.dtype, int(x_train.max()), y_train.shape
    (dtype('uint8'), 16, (1438,))

    Source: Alpaydin and Kaynak, Optical Recognition of Handwritten Digits, UCI Machine Learning
    Repository, 1998 (CC BY 4.0).
    """
    from importlib import resources  # a slow import that only this needs

    with (
        resources.files("feedfwd").joinpath("digits.npz").open("rb") as file,
        np.load(file) as stored,
    ):
        x, y = stored["x"], stored["y"].astype(np.int64)
    order = _core.shuffled(len(y), 0, 0)
    x, y = x[order], y[order]
    test = np.zeros(len(y), bool)
    for label in range(10):
        of_class = np.flatnonzero(y == label)
        test[of_class[: round(len(of_class) / 5)]] = True
    return (x[~test], y[~test]), (x[test], y[test])


def _noise(shape: tuple[int, ...], noise: float, seed: int | None) -> NDArray[np.float64]:
    chosen = check_seed(seed)
    key = next_seed() if chosen is None else chosen
    sigma = number(noise, "noise", 0)
    return _core.draw("normal", shape, 0.0, sigma, key, 0, _core.stream_of(2, "user"))


def _wave(kind: str, angle: NDArray[np.float64]) -> NDArray[np.float64]:
    """Our own "sin" or "cos": NumPy's last bit depends on its version and the machine."""
    return _core.map(kind, angle).numpy()


@nearest
def two_spirals(n: int = 400, noise: float = 0.05, seed: int | None = 0) -> Pair:
    """Points of two interleaved spirals: x (n, 2) float64 in about [-1, 1], y (n,) int64, 0 or 1.

    Args:
        n: number of points, at least 2.
        noise: standard deviation added to x.
        seed: of the noise; None: as in ``ff.random``.

    Raises:
        TypeError, ValueError: an argument of another kind or out of range.

    >>> import feedfwd as ff
    >>> ff.datasets.two_spirals(10)[0].shape
    (10, 2)
    """
    n = count(n, "n", 2)
    y = np.arange(n) % 2
    t = np.linspace(0.1, 1.0, n)
    angle = 3.5 * np.pi * t + np.pi * y
    x = np.stack([t * _wave("cos", angle), t * _wave("sin", angle)], axis=1)
    return x + _noise((n, 2), noise, seed), y.astype(np.int64)


@nearest
def regression_curve(n: int = 200, noise: float = 0.1, seed: int | None = 0) -> Pair:
    """``y = sin(3 x) + x / 2`` plus noise: x (n, 1) float64 from -2 to 2, y (n, 1).

    Arguments and errors as in :func:`two_spirals`; the noise is added to y.

    >>> import feedfwd as ff
    >>> ff.datasets.regression_curve(5)[1].shape
    (5, 1)
    """
    n = count(n, "n", 2)
    x = np.linspace(-2.0, 2.0, n)[:, None]
    return x, _wave("sin", 3 * x) + x / 2 + _noise((n, 1), noise, seed)
