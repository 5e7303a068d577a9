"""Metrics: which one a name means, thresholds, weights, batches of any form."""

from __future__ import annotations

import feedfwd as ff
import numpy as np
import pytest
import reference

NAMES = ["MeanSquaredError", "MeanAbsoluteError", "BinaryAccuracy"]
NAMES += ["CategoricalAccuracy", "SparseCategoricalAccuracy"]


def data(name, n=37, classes=4):
    rng = np.random.default_rng(3)
    p = rng.dirichlet(np.ones(classes), n)
    labels = rng.integers(0, classes, n)
    if name.startswith("Sparse"):
        return labels, p
    return np.eye(classes)[labels], p


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("sizes", [(37,), (1, 36), (5, 5, 27)])
def test_against_the_oracle_in_batches(name, weighted, sizes):
    t, p = data(name)
    w = np.random.default_rng(4).uniform(size=len(p)) if weighted else None
    metric = getattr(ff.metrics, name)()
    first = 0
    for n in sizes:
        part = slice(first, first + n)
        metric.update_state(t[part], p[part], None if w is None else w[part])
        first += n
    want = reference.metric(name, t, p, w)
    assert abs(float(metric.result()) - want) <= 1e-12
    assert metric.result().dtype == np.float64 and metric.result().shape == ()
    metric.reset_state()
    assert float(metric.result()) == 0.0
    metric.update_state(t[:3], p[:3])
    assert abs(float(metric.result()) - reference.metric(name, t[:3], p[:3], None)) <= 1e-12


@pytest.mark.parametrize("name", NAMES[:3])
@pytest.mark.parametrize("a", [(4,), (4, 1)])
@pytest.mark.parametrize("b", [(4,), (4, 1)])
@pytest.mark.parametrize("c", [(4,), (4, 1), None])
def test_a_column_is_a_vector(name, a, b, c):
    t, p = np.array([0.0, 1.0, 1.0, 0.0]), np.array([0.2, 0.4, 0.9, 0.6])
    w = None if c is None else np.array([1.0, 0.0, 2.0, 1.0])
    metric = getattr(ff.metrics, name)()
    metric.update_state(t.reshape(a), p.reshape(b), None if w is None else w.reshape(c))
    assert abs(float(metric.result()) - reference.metric(name, t[:, None], p[:, None], w)) <= 1e-12


@pytest.mark.parametrize("name", [*NAMES[:4]])
def test_other_shapes_are_no_broadcast(name):
    with pytest.raises(ValueError, match="y_true: got shape"):
        getattr(ff.metrics, name)().update_state(np.ones(3), np.ones((3, 3)))
    with pytest.raises(ValueError, match="sample_weight: got shape"):
        getattr(ff.metrics, name)().update_state(np.ones((3, 2)), np.ones((3, 2)), np.ones(2))


def test_labels_out_of_range():
    with pytest.raises(ValueError, match="y_true: got label 4"):
        ff.metrics.SparseCategoricalAccuracy().update_state([4], np.ones((1, 4)))


LOSSES = {
    "labels": ff.losses.SparseCategoricalCrossentropy(),
    "categorical": ff.losses.CategoricalCrossentropy(),
    "binary": ff.losses.BinaryCrossentropy(),
    "binary logits": ff.losses.BinaryCrossentropy(from_logits=True),
    "mse": ff.losses.MeanSquaredError(),
}


@pytest.mark.parametrize("name", ["accuracy", "acc"])
@pytest.mark.parametrize(
    ("loss", "width", "kind", "threshold"),
    [
        ("labels", 10, "SparseCategoricalAccuracy", None),
        ("categorical", 10, "CategoricalAccuracy", None),
        ("binary", 1, "BinaryAccuracy", 0.5),
        ("binary", 3, "BinaryAccuracy", 0.5),
        ("binary logits", 1, "BinaryAccuracy", 0.0),
        ("mse", 1, "BinaryAccuracy", 0.5),
        ("mse", 3, "CategoricalAccuracy", None),
    ],
)
def test_which_accuracy(name, loss, width, kind, threshold):
    metric = ff.metrics.get(name, LOSSES[loss], (None, width))
    assert type(metric).__name__ == kind and metric.name == name
    assert getattr(metric, "threshold", None) == threshold


def test_accuracy_of_logits_has_its_threshold_at_0():
    metric = ff.metrics.get("accuracy", LOSSES["binary logits"], (None, 1))
    metric.update_state([1, 0, 1, 0], [0.1, -0.1, 0.4, 0.0])
    assert float(metric.result()) == 1.0


def test_ties_go_to_the_lowest_index():
    metric = ff.metrics.SparseCategoricalAccuracy()
    metric.update_state([0, 1], [[0.5, 0.5], [0.5, 0.5]])
    assert float(metric.result()) == 0.5


def test_losses_and_functions_as_metrics():
    assert ff.metrics.get("binary_crossentropy").name == "binary_crossentropy"

    def worst(y_true, y_pred):
        return ff.ops.max(ff.ops.abs(y_pred - y_true), axis=-1)

    metric = ff.metrics.get(worst)
    metric.update_state([[0, 0], [0, 0]], [[1.0, -3.0], [2.0, 0.0]], sample_weight=[3.0, 1.0])
    assert metric.name == "worst" and float(metric.result()) == 2.75
    metric = ff.metrics.get(ff.losses.SparseCategoricalCrossentropy(from_logits=True))
    metric.update_state([0], [[0.0, 0.0]])
    assert float(metric.result()) == pytest.approx(np.log(2), rel=1e-6)


def test_mean():
    metric = ff.metrics.Mean(name="m")
    metric.update_state(4.0)
    metric.update_state([1.0, 1.0])
    assert float(metric.result()) == 2.0 and metric.name == "m"


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_threshold_is_finite(bad):
    with pytest.raises(ValueError, match="threshold: got"):
        ff.metrics.BinaryAccuracy(threshold=bad)
    with pytest.raises(TypeError, match="threshold: got"):
        ff.metrics.BinaryAccuracy(threshold="0.5")


@pytest.mark.parametrize("name", NAMES)
def test_config_round_trip(name):
    metric = getattr(ff.metrics, name)(name="mine")
    again = type(metric).from_config(metric.get_config())
    assert again.get_config() == metric.get_config() and again.name == "mine"
    assert ff.metrics.get(metric) is metric
    assert type(ff.metrics.get(getattr(ff.metrics, name))) is type(metric)
