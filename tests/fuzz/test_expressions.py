"""Layers and graphs of random expressions against the float64 oracle, and their equal bits."""

from __future__ import annotations

import feedfwd as ff
import numpy as np
import pytest
import reference
from feedfwd import _core
from fuzz import expressions, gradients
from hypothesis import assume, given
from hypothesis import strategies as st

pytestmark = pytest.mark.timeout(7200)

LOSSES = {
    "MeanSquaredError": {},
    "MeanAbsoluteError": {},
    "BinaryCrossentropy": {"from_logits": True},
    "CategoricalCrossentropy": {"from_logits": True},
    "SparseCategoricalCrossentropy": {"from_logits": True},
}


@st.composite
def problems(draw):
    """A tree, its sizes and its data."""
    problem = {
        "tree": draw(expressions.TREES),
        "dtype": draw(st.sampled_from(["float32", "float64"])),
        "loss": draw(st.sampled_from(sorted(LOSSES))),
        "seed": draw(st.integers(0, 2**31)),
    }
    rows, width = draw(st.integers(1, 65)), draw(st.integers(1, 70))
    units = draw(st.integers(2, 70))
    rng = np.random.default_rng(problem["seed"])
    targets = {
        "BinaryCrossentropy": lambda: rng.integers(0, 2, (rows, units)) * 1.0,
        "CategoricalCrossentropy": lambda: rng.dirichlet(np.ones(units), rows),
        "SparseCategoricalCrossentropy": lambda: rng.integers(0, units, rows),
    }
    y = targets.get(problem["loss"], lambda: rng.normal(size=(rows, units)))()
    problem["x"] = rng.normal(size=(rows, width)).astype(problem["dtype"])
    problem["y"] = y.astype(problem["dtype"]) if y.dtype.kind == "f" else y
    weighted = draw(st.booleans())
    problem["weight"] = rng.uniform(0, 2, rows).astype(problem["dtype"]) if weighted else None
    problem["units"] = units
    return problem


def model_of(p):
    layers = [ff.Input((p["x"].shape[1],)), expressions.Expression(p["tree"], p["units"])]
    return ff.Sequential(layers, seed=p["seed"], dtype=p["dtype"])


def loss_of(p):
    return getattr(ff.losses, p["loss"])(**LOSSES[p["loss"]])


def loss_node(p, z):
    """The weighted mean of the rows' losses, of nodes."""
    y, n, rows = p["y"], p["units"], len(p["x"])
    if p["loss"] == "SparseCategoricalCrossentropy":
        y = reference.one_hot(y, n)
    t = expressions.node(y, z.bounded.eps)
    if p["loss"].endswith("CategoricalCrossentropy"):
        total = t.bounded.value.sum(axis=-1, keepdims=True)
        values = gradients.log_sum_exp(z) * total - gradients.mean(t * z) * float(n)
    elif p["loss"] == "BinaryCrossentropy":
        values = gradients.mean(gradients.softplus(z) - z * t)
    elif p["loss"] == "MeanAbsoluteError":
        values = gradients.mean(gradients.absolute(z - t))
    else:
        values = gradients.mean(gradients.square(z - t))
    w = np.ones(rows) if p["weight"] is None else np.float64(p["weight"])
    return expressions.node(np.atleast_2d(w / rows), z.bounded.eps).matmul(values)


def masks_of(p, model):
    """What the first training call of each dropout multiplies by."""
    flat, masks = model._flatten(), []
    for layer in model.layers[0].drops:
        place = next(i for i, other in enumerate(flat) if other is layer)
        size = np.ones((len(p["x"]), p["units"]))
        stream = _core.stream_of(place, "dropout")
        masks.append(reference.dropout(size, layer.rate, p["seed"], 0, stream))
    return masks


def within(got, node, bounded=None):
    found = node.bounded if bounded is None else bounded
    assume(np.isfinite(found.error).all())
    got = np.asarray(got, np.float64).reshape(found.value.shape)
    off = np.abs(got - found.value)
    assert (off <= found.error).all(), f"off by {off.max()}, allowed {found.error.max()}"


@given(problems())
def test_values_and_gradients(p):
    model, eps = model_of(p), float(np.finfo(p["dtype"]).eps)
    with np.errstate(all="ignore"):
        x = expressions.node(p["x"], eps)
        weights = [expressions.node(w, eps) for w in model.get_weights()]
        plain = expressions.oracle(p["tree"], x, weights, [])
        z = expressions.oracle(p["tree"], x, weights, masks_of(p, model))
        value = loss_node(p, z)
        assume(not value.tie and not plain.tie)
        value.backward(value.bounded.exact(np.ones((1, 1))))
        options = LOSSES[p["loss"]]
        want, _ = reference.loss(p["loss"], p["y"], z.bounded.value, p["weight"], **options)
        close = 1e-10 * (abs(want) + np.abs(z.bounded.value).max())
        assert abs(float(value.bounded.value[0, 0]) - want) <= close
    within(model.predict(p["x"]), plain)
    with ff.GradientTape() as tape:
        loss = loss_of(p)(p["y"], model(p["x"], training=True), sample_weight=p["weight"])
    within(loss.numpy(), value)
    found = tape.gradient(loss, model.trainable_variables)
    for got, weight in zip(found, weights, strict=True):
        within(got.numpy(), weight, weight.gradient)


@given(problems())
def test_layer_and_graph_have_equal_bits(p):
    model = model_of(p)
    whole = model.predict(p["x"])
    for i in (0, len(whole) // 2, len(whole) - 1):
        assert model.predict(p["x"][i : i + 1]).tobytes() == whole[i : i + 1].tobytes()
    assert model(p["x"]).numpy().tobytes() == whole.tobytes()
    sizes = p["x"].shape[1], p["units"]
    other, layers = expressions.graph(p["tree"], *sizes, seed=1, dtype=p["dtype"])
    weights = iter(model.get_weights())
    for layer in layers:
        layer.set_weights([next(weights) for _ in layer.variables])
    assert other.predict(p["x"]).tobytes() == whole.tobytes()


def trained(p, threads, **how):
    """The weights after a step of a compiled plan."""
    kept = ff.get_num_threads()
    ff.set_num_threads(threads)
    try:
        model, trace = model_of(p), _core.Trace()
        dtypes = [p["dtype"], p["y"].dtype.name]
        with trace:
            x = trace.input((None, p["x"].shape[1]), dtypes[0])
            y = trace.input((None, *p["y"].shape[1:]), dtypes[1])
            loss = loss_of(p)(y, model(x, training=True))
            variables = model.trainable_variables
            pairs = list(zip(variables, trace.gradient(loss, variables), strict=True))
        counters = [v for v in trace.variables() if v.dtype == np.int64]
        program = _core.Program(
            trace,
            [],
            input_dtypes=dtypes,
            capacity=len(p["x"]),
            device="cpu",
            loss=loss,
            optimizer=ff.optimizers.Adam(0.01).core,
            gradients=pairs,
            per_step=counters,
            **how,
        )
        program.bind([p["x"], p["y"]])
        order, rates = np.arange(len(p["x"])), np.full(1, 0.01)
        program.run(len(p["x"]), len(p["x"]), 0, 1, order=order, learning_rates=rates)
        return b"".join(w.tobytes() for w in model.get_weights())
    finally:
        ff.set_num_threads(kept)


@given(problems(), st.integers(1, 1000))
def test_eager_traced_and_fused_have_equal_bits(p, seed):
    p = {**p, "weight": None}
    model, optimizer = model_of(p), ff.optimizers.Adam(0.01)
    with ff.GradientTape() as tape:
        loss = loss_of(p)(p["y"], model(p["x"], training=True))
    assume(np.isfinite(loss.numpy()))
    variables = model.trainable_variables
    optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
    eager = b"".join(w.tobytes() for w in model.get_weights())
    assert trained(p, 1, fuse=False) == eager
    assert trained(p, 3, fuse=True, order_seed=seed) == eager
    assert trained(p, 2, fuse=True, guard=True) == eager
    model = model_of(p)
    ff.Trainer(model, optimizer=ff.optimizers.Adam(0.01), loss=loss_of(p)).fit(
        p["x"], p["y"], len(p["x"]), 1, 0, shuffle=False
    )
    assert b"".join(w.tobytes() for w in model.get_weights()) == eager
