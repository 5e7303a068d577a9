"""The oracle itself against numbers from Keras 3 (tests/goldens.json) and published answers."""

from __future__ import annotations

import json
import math
import pathlib

import numpy as np
import pytest
import reference as ref

GOLDENS = json.loads((pathlib.Path(ref.__file__).parent / "goldens.json").read_text())


def entries(kind, names):
    chosen = [e for e in GOLDENS[kind] if e["name"] in names]
    return [pytest.param(e, id=f"{i}-{e['name']}") for i, e in enumerate(chosen)]


def keras_optimizers():
    return [
        p for p in entries("optimizers", ref.OPTIMIZERS) if p.values[0]["convention"] == "keras"
    ]


def assert_elementwise(got, want):
    """Activations: each element by its own size."""
    want = np.asarray(want, dtype=np.float64)
    assert np.shape(got) == want.shape
    assert np.all(np.abs(got - want) <= 1e-12 * np.maximum(1, np.abs(want)))


def assert_array(got, want):
    """Everything else: the array by its largest element."""
    want = np.asarray(want, dtype=np.float64)
    assert np.shape(got) == want.shape
    assert np.max(np.abs(got - want)) <= 1e-12 * max(1e-6, np.max(np.abs(want)))


@pytest.mark.parametrize("entry", entries("activations", ref.ACTIVATIONS))
def test_activation(entry):
    x, kwargs = np.asarray(entry["x"]), entry["kwargs"]
    assert_elementwise(ref.activation(entry["name"], x, **kwargs), entry["y"])
    if "grad" in entry:
        upstream = np.arange(1, x.size + 1).reshape(x.shape) / x.size
        got = ref.activation_grad(entry["name"], x, upstream, **kwargs)
        assert_elementwise(got, entry["grad"])


@pytest.mark.parametrize("entry", entries("losses", ref.LOSSES))
def test_loss(entry):
    value, grad = ref.loss(
        entry["name"], entry["y_true"], entry["y_pred"], entry["sample_weight"], **entry["kwargs"]
    )
    assert_array(value, entry["loss"])
    assert_array(grad, entry["grad"])


@pytest.mark.parametrize("entry", keras_optimizers())
def test_optimizer(entry):
    optimizer = ref.Optimizer(entry["name"], **entry["kwargs"])
    weights = entry["w0"]
    for grads, want in zip(entry["grads"], entry["w"], strict=True):
        weights = optimizer.apply(weights, grads)
        for got, expected in zip(weights, want, strict=True):
            assert_array(got, expected)


METRICS = {"SparseCategoricalAccuracy", "CategoricalAccuracy", "BinaryAccuracy"}
METRICS |= {"MeanSquaredError", "MeanAbsoluteError"}


@pytest.mark.parametrize("entry", entries("metrics", METRICS))
def test_metric(entry):
    got = ref.metric(
        entry["name"], entry["y_true"], entry["y_pred"], entry["sample_weight"], **entry["kwargs"]
    )
    assert_array(got, entry["result"])


@pytest.mark.parametrize(
    ("counter", "key", "want"),
    [
        ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
        (
            (0xFFFFFFFF,) * 4,
            (0xFFFFFFFF,) * 2,
            (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD),
        ),
        (
            (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
            (0xA4093822, 0x299F31D0),
            (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
        ),
    ],
)
def test_philox_known_answers(counter, key, want):
    """The vectors published with Random123."""
    assert tuple(ref.philox4x32(counter, key)) == want


def test_dropout_uses_each_word_once():
    """70 columns take two groups of 64: distinct (block, word) pairs give distinct numbers."""
    u = ref.dropout_uniforms(seed=7, step=3, stream=2, rows=5, cols=70)
    words = ref.random_words(7, np.arange(16 * 2 * 5), 3, 2)
    assert u[2, 69] == ref.uniform(words[16 * 2 * 2 + 16 + 5, 0])
    assert u[0, 33] == ref.uniform(words[1, 2])
    assert np.isin(u, ref.uniform(words)).all()
    kept = ref.dropout(np.ones((200, 300)), 0.25, seed=7, step=0, stream=1) > 0
    assert abs(kept.mean() - 0.75) < 5 * math.sqrt(0.75 * 0.25 / kept.size)


def central_difference(f, x, h=1e-6):
    g = np.empty_like(x)
    for i in np.ndindex(x.shape):
        up, down = x.copy(), x.copy()
        up[i] += h
        down[i] -= h
        g[i] = (f(up) - f(down)) / (2 * h)
    return g


# A central difference errs by h^2 f'''/6 + eps |f| / h: about 1e-9 at h = 1e-6 for values near 1.
DIFFERENCE_TOLERANCE = 1e-7


@pytest.mark.parametrize("name", sorted(ref.UNARY_OPS.keys() - {"stop_gradient"}))
def test_unary_op_derivative(name):
    x = np.linspace(0.11, 1.93, 8)
    difference = central_difference(lambda v: ref.UNARY_OPS[name](v).sum(), x)
    assert np.allclose(ref.UNARY_OP_GRADS[name](x), difference, atol=DIFFERENCE_TOLERANCE)


@pytest.mark.parametrize("name", sorted(ref.BINARY_OPS))
def test_binary_op_derivative_with_broadcast(name):
    rng = np.random.default_rng(0)
    a, b = rng.uniform(0.5, 2, (3, 4)), rng.uniform(0.5, 2, (1, 4))
    grads = [ref.sum_to(g, x.shape) for g, x in zip(ref.BINARY_OP_GRADS[name](a, b), (a, b))]  # noqa: B905
    op = ref.BINARY_OPS[name]
    for got, want in (
        (grads[0], central_difference(lambda v: op(v, b).sum(), a)),
        (grads[1], central_difference(lambda v: op(a, v).sum(), b)),
    ):
        assert np.allclose(got, want, atol=DIFFERENCE_TOLERANCE)


@pytest.mark.parametrize("name", [*sorted(ref.ACTIVATIONS), "gelu_tanh"])
def test_dense_gradients(name):
    rng = np.random.default_rng(1)
    x, w, b = rng.normal(size=(5, 4)), rng.normal(size=(4, 3)), rng.normal(size=3)
    g = rng.normal(size=(5, 3))
    grads = ref.dense_grad(x, w, b, g, name)
    for i, variable in enumerate((x, w, b)):

        def value(v, i=i):
            args = [x, w, b]
            args[i] = v
            return (g * ref.dense(*args, name)).sum()

        difference = central_difference(value, variable)
        assert np.allclose(grads[i], difference, atol=DIFFERENCE_TOLERANCE)


@pytest.mark.parametrize("name", sorted(ref.LOSSES))
@pytest.mark.parametrize("scale", [1.0, 1e4])
def test_crossentropy_from_logits_is_finite(name, scale):
    if "Crossentropy" not in name:
        return
    logits = scale * np.array([[1.0, -1.0, 0.5], [-1.0, 1.0, 0.0]])
    y = [0, 1] if name.startswith("Sparse") else [[1, 0, 0], [0, 1, 0]]
    value, grad = ref.loss(name, y, logits, from_logits=True)
    assert np.isfinite(value) and np.isfinite(grad).all()


def test_truncated_std():
    """Against a Riemann sum of x^2 over the truncated density."""
    x = np.linspace(-2, 2, 200_001)
    density = np.exp(-x * x / 2)
    assert math.isclose(
        ref.TRUNCATED_STD, math.sqrt((x * x * density).sum() / density.sum()), rel_tol=1e-5
    )
