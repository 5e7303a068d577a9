"""All numbers of goldens.json (Keras 3 and PyTorch, float64) are run, or listed as not built."""

from __future__ import annotations

import json
import pathlib

import feedfwd as ff
import numpy as np
import pytest
import reference

GOLDENS = json.loads((pathlib.Path(reference.__file__).parent / "goldens.json").read_text())
# What the goldens hold and feedfwd does not have yet. A name in neither place fails below.
NOT_BUILT = {
    "optimizers": {"Adamax", "Nadam", "NAdam", "Lion", "Lamb", "Ftrl"},
    "losses": {
        *("MeanAbsolutePercentageError", "MeanSquaredLogarithmicError", "Huber", "LogCosh"),
        *("BinaryFocalCrossentropy", "KLDivergence", "Poisson", "CosineSimilarity"),
        *("Hinge", "SquaredHinge", "CategoricalHinge"),
    },
    "activations": {
        *("selu", "celu", "mish", "softsign", "hard_sigmoid", "hard_silu", "hard_tanh", "relu6"),
        *("log_sigmoid", "tanh_shrink", "soft_shrink", "hard_shrink", "squareplus"),
    },
    "metrics": {
        *("SparseTopKCategoricalAccuracy", "Precision", "Recall", "AUC", "RootMeanSquaredError"),
        *("R2Score", "F1Score"),
    },
    "schedules": set(),
}
HOMES = {
    "optimizers": ff.optimizers,
    "losses": ff.losses,
    "activations": ff.activations,
    "metrics": ff.metrics,
    "schedules": ff.optimizers.schedules,
}
EPS32 = 2.0**-24  # the unit roundoff of float32


def entries(kind):
    built = [e for e in GOLDENS[kind] if e["name"] not in NOT_BUILT[kind]]
    return [pytest.param(e, id=f"{i}-{e['name']}") for i, e in enumerate(built)]


def assert_elementwise(got, want):
    """Activations and their gradients: each element by its own size."""
    got, want = np.asarray(got), np.asarray(want, np.float64)
    assert got.dtype == np.float64 and got.shape == want.shape
    assert np.all(np.abs(got - want) <= 1e-12 * np.maximum(1, np.abs(want)))


def assert_array(got, want, tolerance=1e-12):
    """Everything else: the array by its largest element."""
    got, want = np.asarray(got, np.float64), np.asarray(want, np.float64)
    assert got.shape == want.shape
    assert np.max(np.abs(got - want)) <= tolerance * max(1e-6, np.max(np.abs(want)))


@pytest.mark.parametrize("kind", HOMES)
def test_every_golden_is_run_or_listed(kind):
    names = {e["name"] for e in GOLDENS[kind]}
    assert NOT_BUILT[kind] <= names, "listed as not built, but no golden has it"
    for name in names:
        assert hasattr(HOMES[kind], name) != (name in NOT_BUILT[kind]), name


def test_no_kind_of_golden_is_forgotten():
    assert set(GOLDENS) == {*HOMES, "made_with"}


def activation_and_gradient(entry, x):
    v = ff.Variable(x)
    upstream = (np.arange(1, x.size + 1).reshape(x.shape) / x.size).astype(x.dtype)
    with ff.GradientTape() as tape:
        y = getattr(ff.activations, entry["name"])(v, **entry["kwargs"])
        total = ff.ops.sum(y * upstream)
    return y.numpy(), tape.gradient(total, v).numpy()


@pytest.mark.parametrize("entry", entries("activations"))
def test_activation(entry):
    y, grad = activation_and_gradient(entry, np.asarray(entry["x"]))
    assert_elementwise(y, entry["y"])
    if "grad" in entry:
        assert_elementwise(grad, entry["grad"])


@pytest.mark.parametrize("entry", entries("activations"))
def test_activation_in_float32(entry):
    """All x of the goldens are float32 numbers but those of softmax, whose rounding is bounded too.

    A value takes at most 8 roundings (two functions at 2 ULP, four operations), each relative to an
    intermediate no larger than max(1, |y|); rounding x moves y by |x| u |y'|, |y'| at most about
    max(1, |y|); a gradient goes through twice as many steps.
    """
    x = np.asarray(entry["x"])
    y, grad = activation_and_gradient(entry, x.astype(np.float32))
    assert y.dtype == grad.dtype == np.float32
    move = EPS32 * np.max(np.abs(x))
    want = np.asarray(entry["y"])
    assert np.all(np.abs(y - want) <= (8 * EPS32 + move) * np.maximum(1, np.abs(want)))
    if "grad" in entry:
        want = np.asarray(entry["grad"])
        assert np.all(np.abs(grad - want) <= 2 * (8 * EPS32 + move) * np.maximum(1, np.abs(want)))


def loss_and_gradient(entry, dtype):
    p = ff.Variable(np.asarray(entry["y_pred"], dtype))
    loss = getattr(ff.losses, entry["name"])(**entry["kwargs"])
    weight = entry["sample_weight"]
    with ff.GradientTape() as tape:
        value = loss(np.asarray(entry["y_true"]), p, None if weight is None else np.asarray(weight))
    assert value.shape == ()
    return value.numpy(), tape.gradient(value, p).numpy()


@pytest.mark.parametrize("entry", entries("losses"))
def test_loss(entry):
    value, grad = loss_and_gradient(entry, np.float64)
    assert value.dtype == grad.dtype == np.float64
    assert_array(value, entry["loss"])
    assert_array(grad, entry["grad"])


@pytest.mark.parametrize("entry", entries("losses"))
def test_loss_in_float32(entry):
    """y_pred and y_true are rounded once and a value sums n of them: (n + 16) u of the largest.

    A term is at most max|grad| n max|y_pred| or the loss n; a gradient 1/p doubles p's error, and
    the cancellation in p - t leaves u of 1.
    """
    value, grad = loss_and_gradient(entry, np.float32)
    assert value.dtype == grad.dtype == np.float32
    p, g = np.asarray(entry["y_pred"]), np.asarray(entry["grad"])
    moved = EPS32 * np.sum(np.abs(g)) * max(1, np.max(np.abs(p)))  # the inputs' rounding
    assert abs(value - entry["loss"]) <= 2 * moved + (p.size + 16) * EPS32 * abs(entry["loss"])
    steepest = np.max(np.abs(g)) * max(1, np.max(np.abs(p)))
    assert np.max(np.abs(grad - g)) <= 16 * EPS32 * max(steepest, 1)


def optimizer_of(entry):
    cls = getattr(ff.optimizers, entry["name"])
    if entry["convention"] == "torch":
        return cls.like_torch(**entry["kwargs"])
    return cls(**entry["kwargs"])


def steps_of(entry, dtype):
    """The optimizer's weights after each of the golden's steps."""
    optimizer = optimizer_of(entry)
    variables = [ff.Variable(np.asarray(w, dtype)) for w in entry["w0"]]
    for grads in entry["grads"]:
        optimizer.apply_gradients(
            (np.asarray(g, dtype), v) for g, v in zip(grads, variables, strict=True)
        )
        yield [v.numpy() for v in variables]


@pytest.mark.parametrize("entry", entries("optimizers"))
def test_optimizer(entry):
    for got, want in zip(steps_of(entry, np.float64), entry["w"], strict=True):
        for a, b in zip(got, want, strict=True):
            assert a.dtype == np.float64
            assert_array(a, b)


@pytest.mark.parametrize("entry", entries("optimizers"))
def test_optimizer_in_float32(entry):
    """Each step rounds the weight once and its own change at most 32 times, relative to the change.

    Changes are summed, and every earlier one is carried by momentum, so the errors are bounded by
    the steps times u times (|w| + 32 times the path walked so far).
    """
    path, before = 0.0, [np.asarray(w) for w in entry["w0"]]
    for step, (got, want) in enumerate(
        zip(steps_of(entry, np.float32), entry["w"], strict=True), 1
    ):
        after = [np.asarray(w) for w in want]
        path += max(np.max(np.abs(a - b)) for a, b in zip(after, before, strict=True))
        before = after
        for a, b in zip(got, after, strict=True):
            assert a.dtype == np.float32
            assert np.max(np.abs(a - b)) <= EPS32 * ((step + 1) * np.max(np.abs(b)) + 32 * path)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("entry", entries("metrics"))
def test_metric(entry, dtype):
    """In two uneven batches. A float32 mean of positive terms is exact to n + 8 roundings."""
    metric = getattr(ff.metrics, entry["name"])(**entry["kwargs"])
    t, p = np.asarray(entry["y_true"]), np.asarray(entry["y_pred"], dtype)
    w = entry["sample_weight"]
    for part in (slice(0, 77), slice(77, None)):
        metric.update_state(t[part], p[part], None if w is None else np.asarray(w)[part])
    tolerance = 1e-12 if dtype is np.float64 else (len(t) + 8) * EPS32
    assert_array(float(metric.result()), entry["result"], tolerance)


@pytest.mark.parametrize("entry", entries("schedules"))
def test_schedule(entry):
    schedule = getattr(ff.optimizers.schedules, entry["name"])(**entry["kwargs"])
    assert_array([float(schedule(step)) for step in entry["steps"]], entry["values"])
