"""Activations: every input kind, dtypes, limits, and names."""

from __future__ import annotations

import feedfwd as ff
import numpy as np
import pytest
import reference

NAMES = sorted(ff.activations.FUNCTIONS)
ELEMENTWISE = [n for n in NAMES if n not in ("softmax", "log_softmax")]
X = np.linspace(-4, 4, 34).reshape(2, 17)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_arrays_tensors_variables_and_lists(name, dtype):
    f, x = getattr(ff.activations, name), X.astype(dtype)
    want = f(x)
    assert want.dtype == dtype and want.shape == x.shape and isinstance(want, ff.Tensor)
    for form in (ff.ops.convert_to_tensor, ff.Variable, np.asfortranarray):
        np.testing.assert_array_equal(f(form(x)).numpy(), want.numpy())
    assert f(X.tolist()).dtype == np.float32
    assert getattr(ff.ops, name) is f and ff.activations.get(name) is f


@pytest.mark.parametrize("name", sorted(set(NAMES) & set(reference.ACTIVATIONS)))
def test_against_the_oracle(name):
    got, want = getattr(ff.activations, name)(X).numpy(), reference.activation(name, X)
    assert np.all(np.abs(got - want) <= 1e-12 * np.maximum(1, np.abs(want)))
    g = np.cos(np.arange(X.size)).reshape(X.shape)
    v = ff.Variable(X)
    with ff.GradientTape() as tape:
        total = ff.ops.sum(getattr(ff.activations, name)(v) * g)
    want = reference.activation_grad(name, X, g)
    got = tape.gradient(total, v).numpy()
    assert np.all(np.abs(got - want) <= 1e-12 * np.maximum(1, np.abs(want)))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_nan_passes_and_limits_are_finite_or_right(name, dtype):
    f = getattr(ff.activations, name)
    assert np.isnan(f(np.array([[np.nan, 1.0]], dtype)).numpy()[0, 0])
    big = np.finfo(dtype).max
    y = f(np.array([[-big, 0.0]], dtype)).numpy()
    assert not np.isnan(y).any()
    if name in ("softmax", "sigmoid", "tanh", "relu", "exponential", "softplus", "silu", "gelu"):
        assert np.isfinite(y).all()


def test_alpha_and_slope():
    assert float(ff.activations.leaky_relu(-1.0)) == np.float32(-0.2)
    assert float(ff.activations.leaky_relu(-1.0, negative_slope=0.5)) == -0.5
    elu = ff.activations.elu(np.array([-1.0, 2.0]), alpha=3.0).numpy()
    np.testing.assert_allclose(elu, [3 * np.expm1(-1), 2.0], rtol=1e-15)


@pytest.mark.parametrize("axis", [0, 1, -1, -2])
def test_softmax_along_an_axis(axis):
    e = np.exp(X)
    want = e / e.sum(axis=axis, keepdims=True)
    np.testing.assert_allclose(ff.activations.softmax(X, axis).numpy(), want, rtol=1e-14)
    log = ff.activations.log_softmax(X, axis).numpy()
    np.testing.assert_allclose(log, np.log(want), rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("f", [ff.activations.softmax, ff.activations.log_softmax])
def test_softmax_of_what_it_cannot_take(f):
    with pytest.raises(ValueError):
        f(1.0)
    with pytest.raises(ValueError, match="axis"):
        f(X, 2)


def test_get():
    assert ff.activations.get(None) is ff.activations.linear
    assert ff.activations.get("swish") is ff.activations.silu
    assert ff.activations.get(abs) is abs
    with pytest.raises(TypeError, match="activation: got int"):
        ff.activations.get(3)
