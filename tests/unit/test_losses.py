"""Losses: shapes, weights, reductions, logits of any size, labels, dtypes, own functions."""

from __future__ import annotations

import feedfwd as ff
import numpy as np
import pytest
import reference

ELEMENTWISE = ["MeanSquaredError", "MeanAbsoluteError", "BinaryCrossentropy"]


def grad(loss, t, p, w=None):
    v = ff.Variable(np.asarray(p))
    with ff.GradientTape() as tape:
        value = loss(t, v, w)
    return value.numpy(), tape.gradient(value, v).numpy()


@pytest.mark.parametrize("name", ELEMENTWISE)
@pytest.mark.parametrize(("a", "b"), [((3,), (3, 1)), ((3, 1), (3,)), ((3,), (3,))])
def test_a_column_is_a_vector(name, a, b):
    rng = np.random.default_rng(0)
    t, p, w = rng.integers(0, 2, 3) * 1.0, rng.uniform(0.1, 0.9, 3), rng.uniform(size=3)
    loss = getattr(ff.losses, name)()
    want = float(loss(t[:, None], p[:, None], w))
    for weight in (w, w[:, None]):
        assert float(loss(t.reshape(a), p.reshape(b), weight)) == want


@pytest.mark.parametrize("name", [*ELEMENTWISE, "CategoricalCrossentropy"])
@pytest.mark.parametrize(
    ("t", "p"),
    [((3,), (3, 2)), ((3, 1), (3, 2)), ((1, 2), (3, 2)), ((2,), (3, 2)), ((4,), (3,)), ((), (3,))],
)
def test_other_shapes_are_no_broadcast(name, t, p):
    with pytest.raises(ValueError, match="y_true: got shape"):
        getattr(ff.losses, name)()(np.ones(t), np.full(p, 0.5))


def test_a_column_and_a_vector_in_a_loss_of_ones_own():
    t, p = np.array([1.0, 2.0, 4.0]), np.array([1.0, 4.0, 1.0])
    loss = ff.losses.get(lambda y, z: ff.ops.mean((z - y) ** 2))
    for a, b in [((3,), (3, 1)), ((3, 1), (3,)), ((3,), (3,))]:
        assert float(loss(t.reshape(a), p.reshape(b))) == pytest.approx(13 / 3, abs=1e-12)


def test_categorical_targets_that_are_class_numbers_name_the_other_loss():
    with pytest.raises(ValueError, match="SparseCategoricalCrossentropy"):
        ff.losses.CategoricalCrossentropy()([1, 0], [[0.2, 0.8], [0.5, 0.5]])


@pytest.mark.parametrize("shape", [(2,), (4,), (3, 2), (1, 3)])
def test_weights_are_one_per_row(shape):
    with pytest.raises(ValueError, match=r"sample_weight: got shape .* expected \(3,\)"):
        ff.losses.MeanSquaredError()(np.ones((3, 5)), np.ones((3, 5)), np.ones(shape))


def test_reductions():
    t, p, w = np.zeros((3, 1)), np.array([[1.0], [2.0], [3.0]]), [1.0, 0.5, 0.0]
    rows = ff.losses.MeanSquaredError(reduction="none")(t, p, w)
    np.testing.assert_array_equal(rows, [1.0, 2.0, 0.0])
    assert ff.losses.MeanSquaredError(reduction=None)(t, p).shape == (3,)
    total = ff.losses.MeanSquaredError(reduction="sum")(t, p, w)
    mean = ff.losses.MeanSquaredError()(t, p, w)
    assert total.shape == mean.shape == ()
    assert float(total) == 3.0 and float(mean) == 1.0
    with pytest.raises(ValueError, match="reduction: got 'mean '"):
        ff.losses.MeanSquaredError(reduction="mean ")


LOGITS = [
    ff.losses.BinaryCrossentropy(from_logits=True),
    ff.losses.CategoricalCrossentropy(from_logits=True),
    ff.losses.SparseCategoricalCrossentropy(from_logits=True),
]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("loss", LOGITS, ids=lambda x: x.name)
@pytest.mark.parametrize("size", [0.0, 1.0, 88.0, 104.0, 750.0, 1e4])
def test_logits_of_any_size(loss, size, dtype):
    """A softplus or log-sum-exp is off by at most 8 u of 1 or of the logit, whichever is larger."""
    p = np.array([[size, -size], [-size, size], [size, size], [-size, -size], [0.0, -0.0]], dtype)
    dense = np.array([[1, 0], [1, 0], [0, 1], [1, 0], [0, 1]], dtype)
    t = np.argmax(dense, 1) if loss.expects == "labels" else dense
    value, got = grad(loss, t, p)
    want, want_grad = reference.loss(type(loss).__name__, t, p, None, from_logits=True)
    u = np.finfo(dtype).eps / 2
    assert np.isfinite(value) and np.isfinite(got).all() and value.dtype == got.dtype == dtype
    assert abs(value - want) <= 8 * u * max(1, size)
    assert np.max(np.abs(got - want_grad)) <= 8 * u


@pytest.mark.parametrize(
    "dtype", ["int8", "uint8", "int64", "float16", "float32", "float64", "bool"]
)
def test_labels_are_integral_numbers_of_any_type(dtype):
    p = np.log(np.array([[0.25, 0.75], [0.5, 0.5]]))
    for from_logits, y in ((True, p), (False, np.exp(p))):
        loss = ff.losses.SparseCategoricalCrossentropy(from_logits)
        for labels in (np.array([1, 0], dtype), np.array([[1], [0]], dtype)):
            want = -(np.log(0.75) + np.log(0.5)) / 2
            assert float(loss(labels, y)) == pytest.approx(want, abs=1e-14)


@pytest.mark.parametrize("label", [2, -1, 0.5, np.nan, np.inf, 1e30])
@pytest.mark.parametrize("from_logits", [True, False])
def test_labels_out_of_range(label, from_logits):
    loss = ff.losses.SparseCategoricalCrossentropy(from_logits)
    with pytest.raises(ValueError, match=r"y_true: got label .* expected integers from 0 to 1"):
        loss([0, label], [[0.5, 0.5], [0.5, 0.5]])


@pytest.mark.parametrize("shape", [(3,), (2, 2), (1, 2), ()])
def test_labels_are_one_per_row(shape):
    with pytest.raises(ValueError, match="one class number per row"):
        ff.losses.SparseCategoricalCrossentropy()(np.zeros(shape, int), np.full((2, 2), 0.5))


@pytest.mark.parametrize("kind", ["bool", "uint8", "int32", "int64", "float16", "float64"])
def test_targets_and_weights_take_the_dtype_of_predictions(kind):
    t, p = np.array([[1], [0]], kind), np.array([[0.5], [0.25]], "float32")
    value, got = grad(ff.losses.MeanSquaredError(), t, p, np.array([1, 1], kind))
    assert value.dtype == got.dtype == np.float32
    assert value == np.float32((0.25 + 0.0625) / 2)


def test_predictions_that_are_no_floats():
    assert ff.losses.MeanSquaredError()([1, 2], [1, 4]).dtype == np.float32
    assert float(ff.losses.MeanSquaredError()([1, 2], [1, 4])) == 2.0


@pytest.mark.parametrize("bad", ["3", None, True, [0.1]])
def test_label_smoothing_is_a_number(bad):
    with pytest.raises(TypeError, match="label_smoothing: got"):
        ff.losses.BinaryCrossentropy(label_smoothing=bad)


@pytest.mark.parametrize("bad", [-0.1, 1.5, np.nan, np.inf])
def test_label_smoothing_is_from_0_to_1(bad):
    with pytest.raises(ValueError, match=r"label_smoothing: got .* from 0 to 1"):
        ff.losses.CategoricalCrossentropy(label_smoothing=bad)


@pytest.mark.parametrize("bad", [1, 0, "yes", None])
def test_from_logits_is_a_flag(bad):
    with pytest.raises(TypeError, match="from_logits: got"):
        ff.losses.SparseCategoricalCrossentropy(from_logits=bad)


CONFIGURED = [
    ff.losses.MeanSquaredError("sum", name="a"),
    ff.losses.MeanAbsoluteError(),
    ff.losses.BinaryCrossentropy(True, 0.1, "none", "b"),
    ff.losses.CategoricalCrossentropy(True, 0.2),
    ff.losses.SparseCategoricalCrossentropy(True, "sum"),
]


@pytest.mark.parametrize("loss", CONFIGURED, ids=lambda x: type(x).__name__)
def test_config_round_trip(loss):
    again = type(loss).from_config(loss.get_config())
    assert again.get_config() == loss.get_config() and repr(again) == repr(loss)
    assert loss.get_config()["reduction"] == loss.reduction
    named = ff.losses.get({"class_name": type(loss).__name__, "config": loss.get_config()})
    assert named.get_config() == loss.get_config()


def test_the_functions_give_one_value_per_row():
    t, p = np.array([[0.0, 1.0], [1.0, 0.0], [0.0, 1.0]]), np.full((3, 2), 0.5)
    for name in ff.losses.names():
        if name.endswith(("error", "crossentropy")):
            f = getattr(ff.losses, name)
            rows = f(np.argmax(t, 1) if name.startswith("sparse") else t, p)
            assert rows.shape == (3,) and rows.dtype == np.float64
            assert type(ff.losses.get(f)) is type(ff.losses.get(name))


def test_a_loss_of_ones_own():
    class Weighted(ff.losses.Loss):
        def __init__(self, power, **common):
            super().__init__(**common)
            self.power = power

        def call(self, y_true, y_pred):
            return ff.ops.mean(ff.ops.abs(y_pred - y_true) ** self.power, axis=-1)

    loss = Weighted(4.0, reduction="sum")
    value, got = grad(loss, [[1.0], [0.0]], np.array([[3.0], [1.0]]))
    assert value == 17.0
    np.testing.assert_allclose(got, [[32.0], [4.0]], rtol=1e-14)
    assert Weighted.from_config(loss.get_config()).get_config() == loss.get_config()
    with pytest.raises(TypeError, match="Empty defines no call"):
        type("Empty", (ff.losses.Loss,), {})()([1.0], [1.0])


def test_inputs_are_not_changed():
    t, p, w = np.ones((2, 2)), np.full((2, 2), 0.5), np.ones(2)
    ff.losses.CategoricalCrossentropy(label_smoothing=0.5)(t, p, w)
    assert (t == 1).all() and (p == 0.5).all() and (w == 1).all()


def test_probabilities_of_0_and_1_are_clipped():
    """To 1e-7 and 1 - 1e-7, as in Keras: a finite loss, and no gradient beyond the clip."""
    far = -np.log(1e-7)
    value, got = grad(ff.losses.BinaryCrossentropy(), [[1.0, 0.0]], np.array([[0.0, 1.0]]))
    assert value == pytest.approx(far, rel=1e-8) and (got == 0).all()
    value, got = grad(ff.losses.SparseCategoricalCrossentropy(), [0], np.array([[0.0, 1.0]]))
    assert value == pytest.approx(far, rel=1e-12) and (got == 0).all()
