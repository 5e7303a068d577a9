"""The data sets: sizes, kinds, and the same numbers each time."""

from __future__ import annotations

import hashlib
import math

import feedfwd as ff
import numpy as np
import pytest

GENERATED = [ff.datasets.two_spirals, ff.datasets.regression_curve]


def test_digits():
    (x, y), (x_test, y_test) = ff.datasets.digits()
    assert x.shape == (1438, 64) and x_test.shape == (359, 64)
    assert x.dtype == np.uint8 and y.dtype == np.int64 and x.max() == 16 and x.min() == 0
    every = np.bincount(y) + np.bincount(y_test)
    assert every.sum() == 1797 and len(every) == 10
    np.testing.assert_array_equal(np.bincount(y_test), [round(n / 5) for n in every])
    (again, _), _ = ff.datasets.digits()
    np.testing.assert_array_equal(x, again)
    assert not (x_test[:, None] == x[None]).all(axis=2).any(), "a test image is in the training set"


@pytest.mark.parametrize("make", GENERATED)
def test_generated(make):
    x, y = make(50, 0.1, seed=3)
    assert len(x) == len(y) == 50 and x.dtype == np.float64
    np.testing.assert_array_equal(make(50, 0.1, seed=3)[0], x)
    np.testing.assert_array_equal(make(50, 0.1, seed=3)[1], y)
    other = make(50, 0.1, seed=4)
    assert (other[0] != x).any() or (other[1] != y).any()


@pytest.mark.parametrize(
    ("make", "want"),
    [
        (ff.datasets.two_spirals, "80193ce9e9239d16"),
        (ff.datasets.regression_curve, "1586ac96cd064ede"),
    ],
)
def test_the_same_bits_on_every_machine(make, want):
    """No NumPy function on the way whose last bit may differ; a change is a change of the data."""
    x, y = make(200, 0.1, seed=3)
    assert hashlib.sha256(x.tobytes() + y.tobytes()).hexdigest()[:16] == want


def test_laws():
    x, y = ff.datasets.regression_curve(20_000, noise=0.2)
    noise = y - np.sin(3 * x) - x / 2
    assert abs(noise.std() - 0.2) <= 6 * 0.2 / math.sqrt(2 * len(x))
    x, y = ff.datasets.two_spirals(100, noise=0.0)
    assert (np.bincount(y) == 50).all() and np.abs(x).max() <= 1
    np.testing.assert_allclose(np.hypot(*x.T), np.linspace(0.1, 1, 100), atol=1e-15)


@pytest.mark.parametrize("make", GENERATED)
def test_bad_arguments(make):
    for n in (1, 0, -5):
        with pytest.raises(ValueError, match="n: got"):
            make(n)
    for n in (2.0, "9", True, None):
        with pytest.raises(TypeError, match="n: got"):
            make(n)
    for noise in (-1.0, math.nan, math.inf):
        with pytest.raises(ValueError, match="noise: got"):
            make(5, noise)
