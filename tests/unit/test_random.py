"""Random numbers: repeatable, from the right law, in the right dtype."""

from __future__ import annotations

import math

import feedfwd as ff
import numpy as np
import pytest
from feedfwd import _core
from reference_random import random_words, shuffle

KINDS = [ff.random.normal, ff.random.truncated_normal, ff.random.uniform]


@pytest.fixture(autouse=True)
def forget_the_seed():
    yield
    ff.random.set_seed(None)


@pytest.mark.parametrize("draw", KINDS)
def test_set_seed_repeats(draw):
    def three():
        return [draw((5,)).numpy() for _ in range(3)]

    ff.random.set_seed(11)
    first = three()
    ff.random.set_seed(11)
    np.testing.assert_array_equal(first, three())
    ff.random.set_seed(12)
    assert (np.array(first) != three()).any()
    assert (first[0] != first[1]).all()
    ff.random.set_seed(None)
    assert (draw((5,)).numpy() != draw((5,)).numpy()).all()


@pytest.mark.parametrize("draw", KINDS)
def test_a_seed_of_its_own(draw):
    a = draw((2, 3), seed=4)
    assert a.shape == (2, 3) and a.dtype == np.float32
    np.testing.assert_array_equal(a.numpy(), draw((2, 3), seed=4).numpy())
    exact = draw((2, 3), seed=4, dtype="float64")
    np.testing.assert_array_equal(a.numpy(), exact.numpy().astype(np.float32))
    assert draw(seed=1).shape == ()


def test_set_seed_seeds_models():
    def weights():
        return ff.Sequential([ff.Input((3,)), ff.layers.Dense(2)]).get_weights()[0]

    ff.random.set_seed(0)
    first = weights(), weights()
    ff.random.set_seed(0)
    np.testing.assert_array_equal(first, [weights(), weights()])
    assert (first[0] != first[1]).any()


def test_laws():
    n = 100_000
    x = ff.random.normal((n,), 2.0, 3.0, "float64", seed=0).numpy()
    assert abs(x.mean() - 2) <= 6 * 3 / math.sqrt(n) and abs(x.std() - 3) <= 6 * 3 / math.sqrt(
        2 * n
    )
    assert abs((x < 2).mean() - 0.5) <= 6 * 0.5 / math.sqrt(n)
    x = ff.random.truncated_normal((n,), 2.0, 3.0, "float64", seed=0).numpy()
    assert np.abs(x - 2).max() <= 6 and np.abs(x - 2).max() > 5.99
    x = ff.random.uniform((n,), 2.0, 5.0, "float64", seed=0).numpy()
    assert x.min() >= 2 and x.max() < 5 and abs(x.mean() - 3.5) <= 6 * 3 / math.sqrt(12 * n)


@pytest.mark.parametrize("seed", [-1, 2**63, -(2**70)])
def test_seeds_out_of_range(seed):
    for use in (ff.random.set_seed, lambda s: ff.random.normal((2,), seed=s)):
        with pytest.raises(ValueError, match="seed: got"):
            use(seed)


@pytest.mark.parametrize("seed", ["3", 1.0, True, [1]])
def test_seeds_that_are_none(seed):
    for use in (ff.random.set_seed, lambda s: ff.random.normal((2,), seed=s)):
        with pytest.raises(TypeError, match="seed: got"):
            use(seed)


def test_bad_arguments():
    for bad in ({"stddev": -1.0}, {"mean": math.nan}, {"dtype": "int32"}, {"shape": (-1,)}):
        with pytest.raises(ValueError, match=next(iter(bad))):
            ff.random.normal(**bad)
    with pytest.raises(ValueError, match="minval: got 1"):
        ff.random.uniform((2,), 1.0, 0.0)
    assert ff.random.uniform(seed=np.int64(2**63 - 1)).shape == ()


@pytest.mark.parametrize("n", [0, 1, 2, 31, 255, 256, 257, 300, 5000, 70_001])
def test_a_shuffle_is_a_stable_sort_of_its_words(n):
    for seed, epoch in ((0, 0), (2**63 - 1, 7)):
        words = random_words(seed, np.arange(-(-n // 4)), epoch, _core.stream_of(0, "shuffle"))
        expected = shuffle(words.reshape(-1)[:n])
        np.testing.assert_array_equal(_core.shuffled(n, seed, epoch), expected)
