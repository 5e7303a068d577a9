"""GradientTape: gradient descent by hand, nests, several calls, errors."""

import copy
import pickle

import feedfwd as ff
import numpy as np
import pytest


def test_gradient_descent_by_hand():
    w = ff.Variable(5.0)
    for _ in range(100):
        with ff.GradientTape() as tape:
            loss = (w - 3.0) ** 2
        w.assign_sub(0.1 * tape.gradient(loss, w))
    assert abs(float(w) - 3) < 1e-6


def test_inside_or_after_the_with():
    w = ff.Variable(2.0)
    with ff.GradientTape() as tape:
        y = w * w
        inside = tape.gradient(y, w)
    with ff.GradientTape() as tape:
        y = w * w
    assert float(inside) == float(tape.gradient(y, w)) == 4


def test_gradients_are_nested_like_the_sources():
    a, b = ff.Variable(2.0), ff.Variable(3.0)
    with ff.GradientTape() as tape:
        y = a * b
    found = tape.gradient(y, {"a": a, "more": [b, (a,)]})
    assert float(found["a"]) == 3 and float(found["more"][0]) == 2
    assert float(found["more"][1][0]) == 3


def test_a_tape_gives_once_unless_persistent():
    w = ff.Variable(2.0)
    with ff.GradientTape() as tape:
        y = w * w
    tape.gradient(y, w)
    with pytest.raises(ValueError, match="persistent=True"):
        tape.gradient(y, w)
    with ff.GradientTape(persistent=True) as tape:
        y = w * w
        z = w * w * w
    assert (float(tape.gradient(y, w)), float(tape.gradient(z, w))) == (4, 12)


def test_tensors_are_watched_when_asked():
    x = ff.ops.convert_to_tensor(np.array([1.0, 2.0]))
    with ff.GradientTape() as tape:
        tape.watch(x)
        y = ff.ops.sum(x * x)
    assert np.array_equal(tape.gradient(y, x).numpy(), [2, 4])
    with pytest.raises(TypeError, match="expected a Tensor"):
        tape.watch(np.ones(2))


def test_a_tensor_never_watched_is_an_error():
    w = ff.Variable(2.0)
    moved = w - 0.1
    with ff.GradientTape() as tape:
        y = moved * moved * w
    with pytest.raises(ValueError, match=r"(?s)(assign_sub.*watch|watch.*assign_sub)"):
        tape.gradient(y, moved)


def test_unconnected():
    w, u = ff.Variable(2.0), ff.Variable([1.0, 2.0])
    with ff.GradientTape(persistent=True) as tape:
        y = w * w
        ff.ops.sum(u)
    assert tape.gradient(y, u) is None
    zeros = tape.gradient(y, [w, u], unconnected_gradients="zero")[1]
    assert np.array_equal(zeros.numpy(), [0, 0]) and zeros.dtype == np.float32
    with pytest.raises(ValueError, match="unconnected_gradients"):
        tape.gradient(y, u, unconnected_gradients="no")


def test_output_gradients_and_several_targets():
    w = ff.Variable([1.0, 2.0])
    with ff.GradientTape(persistent=True) as tape:
        y, z = w * 2.0, w * w
    assert np.array_equal(tape.gradient([y, z], w).numpy(), [4, 6])
    seeded = tape.gradient(y, w, output_gradients=np.array([1.0, 10.0], np.float32))
    assert np.array_equal(seeded.numpy(), [2, 20])
    with pytest.raises(ValueError, match="one per target"):
        tape.gradient([y, z], w, output_gradients=[None])


def test_a_tape_inside_a_tape():
    w = ff.Variable(3.0)
    with ff.GradientTape() as outer:
        with ff.GradientTape() as inner:
            y = w * w * w
        first = inner.gradient(y, w)
    assert float(first) == 27 and float(outer.gradient(first, w)) == 18


def test_watching_variables_only_when_asked():
    w, other = ff.Variable(2.0), ff.Variable(3.0)
    with ff.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(w)
        y = w * w
        z = y * other
    assert [v is w for v in tape.watched_variables()] == [True]
    assert tape.gradient(z, [w, other])[1] is None
    with ff.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(w)
        y = w * w
    assert float(tape.gradient(y, w)) == 4


def test_what_is_no_tensor_is_a_type_error():
    w = ff.Variable(2.0)
    with ff.GradientTape() as tape:
        y = w * w
    with pytest.raises(TypeError, match="sources: got float"):
        tape.gradient(y, 2.0)
    with pytest.raises(TypeError, match="target: got ndarray"):
        tape.gradient(np.ones(2), w)


def test_model_gradients():
    model = ff.Sequential([ff.layers.Dense(2)], seed=0, dtype="float64")
    x = np.random.default_rng(0).normal(size=(5, 3))
    with ff.GradientTape() as tape:
        loss = ff.ops.sum(model(x, training=True))
    kernel, bias = tape.gradient(loss, model.trainable_variables)
    np.testing.assert_allclose(kernel.numpy(), x.sum(0)[:, None] * np.ones(2), atol=1e-14)
    assert np.array_equal(bias.numpy(), [5, 5])


def test_tensors_copy_and_pickle():
    """Plotting libraries copy what they are given."""
    for values in (np.arange(6.0).reshape(2, 3), np.float32(2.5), np.array([True, False])):
        tensor = ff.ops.convert_to_tensor(values)
        for made in (
            copy.copy(tensor),
            copy.deepcopy(tensor),
            pickle.loads(pickle.dumps(tensor)),
        ):
            assert isinstance(made, ff.Tensor) and made.dtype == tensor.dtype
            assert np.array_equal(made.numpy(), values) and made.shape == tensor.shape
    for function in (copy.copy, pickle.dumps):
        with pytest.raises(TypeError, match="symbolic"):
            function(ff.Input((3,)))
