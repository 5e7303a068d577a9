"""Initializers: their law, their seeds, their fans."""

from __future__ import annotations

import math

import feedfwd as ff
import numpy as np
import pytest
import reference

SCALED = [f"{a}_{b}" for a in ("glorot", "he", "lecun") for b in ("uniform", "normal")]
PLAIN = {"random_uniform": 0.05, "random_normal": 0.05, "truncated_normal": 0.05}  # Keras' defaults
RANDOM = [*SCALED, *PLAIN]
SHAPE = (300, 200)


def law(name, shape):
    """Kind, and half width or the standard deviation before the cut."""
    if name in PLAIN:
        return name.removeprefix("random_").removesuffix("_normal"), PLAIN[name]
    kind, scale = reference.initializer_law(name, shape)
    return kind, scale if kind == "uniform" else scale / reference.TRUNCATED_STD


@pytest.mark.parametrize("name", RANDOM)
def test_law(name):
    """Mean and standard deviation within 6 standard errors, limits never passed and nearly met."""
    w = ff.initializers.get(name)(SHAPE, "float64", seed=1)
    kind, scale = law(name, SHAPE)
    n = w.size
    if kind == "uniform":
        std, limit, kurtosis = scale / math.sqrt(3), scale, 1.8
    elif kind == "truncated":
        std, limit, kurtosis = reference.TRUNCATED_STD * scale, 2 * scale, 2.4
    else:
        std, limit, kurtosis = scale, math.inf, 3.0
    assert abs(w.mean()) <= 6 * std / math.sqrt(n)
    assert abs(w.std() - std) <= 6 * std * math.sqrt((kurtosis - 1) / (4 * n))
    assert np.abs(w).max() <= limit
    if limit < math.inf:
        assert np.abs(w).max() >= limit * 0.999
    assert len(np.unique(w)) == n


@pytest.mark.parametrize("name", RANDOM)
def test_a_function_of_seed_and_stream(name):
    draw = ff.initializers.get(name)
    w = draw((5, 3), seed=7, stream=2)
    np.testing.assert_array_equal(w, draw((5, 3), seed=7, stream=2))
    assert (w != draw((5, 3), seed=8, stream=2)).any()
    assert (w != draw((5, 3), seed=7, stream=3)).any()
    own = type(draw)(seed=7)
    np.testing.assert_array_equal(own((5, 3), seed=99, stream=2), w)
    assert w.dtype == np.float32
    exact = draw((5, 3), "float64", seed=7, stream=2)
    np.testing.assert_array_equal(w, exact.astype(np.float32))


def test_without_a_seed():
    draw = ff.initializers.RandomNormal()
    assert (draw((4,)) != draw((4,))).any()
    try:
        ff.random.set_seed(3)
        first = draw((4,)), draw((4,))
        ff.random.set_seed(3)
        np.testing.assert_array_equal(np.stack(first), [draw((4,)), draw((4,))])
        assert (first[0] != first[1]).any()
    finally:
        ff.random.set_seed(None)


@pytest.mark.parametrize("name", SCALED)
@pytest.mark.parametrize("shape", [(), (7,), (784, 10), (3, 3, 8, 16), (0, 4)])
def test_fans(name, shape):
    assert ff.initializers.fans(shape) == reference.fans(shape)
    w = ff.initializers.get(name)(shape, seed=0)
    assert w.shape == shape and np.isfinite(w).all()
    if 0 not in shape:
        kind, scale = law(name, shape)
        assert np.all(np.abs(w) <= (scale if kind == "uniform" else 2 * scale) * (1 + 1e-7))


def test_constants():
    i = ff.initializers
    for draw, want in ((i.Zeros(), 0), (i.Ones(), 1), (i.Constant(2.5), 2.5), (i.Constant(), 0)):
        w = draw((2, 3), "float64")
        assert w.shape == (2, 3) and w.dtype == np.float64 and (w == want).all()


def test_mean_and_stddev():
    w = ff.initializers.RandomNormal(3.0, 0.0, seed=0)((4,))
    assert (w == 3).all()
    w = ff.initializers.RandomUniform(2.0, 3.0, seed=0)((1000,))
    assert w.min() >= 2 and w.max() < 3


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda: ff.initializers.RandomNormal(stddev=-1), ValueError),
        (lambda: ff.initializers.RandomNormal(mean=math.nan), ValueError),
        (lambda: ff.initializers.RandomNormal(stddev="1"), TypeError),
        (lambda: ff.initializers.Constant(True), TypeError),
        (lambda: ff.initializers.RandomUniform(1, 0), ValueError),
        (lambda: ff.initializers.HeNormal(seed=-1), ValueError),
        (lambda: ff.initializers.HeNormal(seed=1.5), TypeError),
        (lambda: ff.initializers.HeNormal(seed=True), TypeError),
        (lambda: ff.initializers.HeNormal()((-1, 2)), ValueError),
        (lambda: ff.initializers.HeNormal()((1.5, 2)), TypeError),
    ],
)
def test_bad_arguments(make, error):
    with pytest.raises(error):
        make()


@pytest.mark.parametrize("name", [*RANDOM, "zeros", "constant"])
def test_config_round_trip(name):
    draw = ff.initializers.get(name)
    again = type(draw).from_config(draw.get_config())
    np.testing.assert_array_equal(again((3,), seed=1), draw((3,), seed=1))
    assert repr(again) == repr(draw)


def test_get():
    assert isinstance(ff.initializers.get(None), ff.initializers.GlorotUniform)

    def mine(shape, dtype):
        return np.ones(shape, dtype)

    assert ff.initializers.get(mine) is mine
