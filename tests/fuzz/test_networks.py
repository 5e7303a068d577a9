"""Random networks against the float64 oracle, and their promises of equal bits."""

from __future__ import annotations

import feedfwd as ff
import numpy as np
import pytest
import reference
from hypothesis import assume, given
from hypothesis import strategies as st

pytestmark = pytest.mark.timeout(7200)

SMOOTH = ("linear", "sigmoid", "tanh", "silu", "gelu", "softplus")
KINKED = ("relu", "leaky_relu", "elu")
LOSSES = ("mean_squared_error", "sparse_categorical_crossentropy", "binary_crossentropy")
OPTIMIZERS = ("SGD", "Adam", "Adadelta", "Adagrad", "RMSprop")
# Bounds of |f'| and |f''| over all of these activations (gelu: 1.13 and 0.8; softplus: 1 and 1/4).
SLOPE, CURVE = 1.2, 1.0


@st.composite
def networks(draw):
    """Widths, activations, dtype, loss, number of rows, seed, and whether rows have weights."""
    depth = draw(st.integers(1, 4))
    widths = draw(st.lists(st.integers(1, 70), min_size=depth + 1, max_size=depth + 1))
    loss = draw(st.sampled_from(LOSSES))
    if loss == "sparse_categorical_crossentropy":
        widths[-1] = max(2, widths[-1] % 12)
    kinds = draw(st.lists(st.sampled_from(SMOOTH + KINKED), min_size=depth, max_size=depth))
    if loss != "mean_squared_error":
        kinds[-1] = "linear"  # logits
    return {
        "widths": widths,
        "kinds": kinds,
        "dtype": draw(st.sampled_from(["float32", "float64"])),
        "loss": loss,
        "rows": draw(st.integers(1, 65)),
        "seed": draw(st.integers(0, 2**31)),
        "weighted": draw(st.booleans()),
    }


class Written(ff.layers.Layer):
    """A dense layer in ops."""

    def __init__(self, units, kind):
        super().__init__()
        self.units, self.kind = units, kind

    def build(self, shape):
        self.w = self.add_weight((shape[-1], self.units))
        self.b = self.add_weight((self.units,), initializer="random_normal")

    def call(self, x):
        return ff.activations.get(self.kind)(ff.ops.matmul(x, self.w) + self.b)


def build(net, written=False, **options):
    layers = [ff.Input((net["widths"][0],))]
    for units, kind in zip(net["widths"][1:], net["kinds"], strict=True):
        dense = ff.layers.Dense(units, activation=kind, bias_initializer="random_normal")
        layers.append(Written(units, kind) if written else dense)
    return ff.Sequential(layers, seed=net["seed"], dtype=net["dtype"], **options)


def data_of(net):
    rng = np.random.default_rng(net["seed"])
    rows, classes = net["rows"], net["widths"][-1]
    x = rng.normal(size=(rows, net["widths"][0])).astype(net["dtype"])
    y = {
        "mean_squared_error": lambda: rng.normal(size=(rows, classes)),
        "sparse_categorical_crossentropy": lambda: rng.integers(0, classes, rows),
        "binary_crossentropy": lambda: rng.integers(0, 2, (rows, classes)) * 1.0,
    }[net["loss"]]()
    y = y.astype(net["dtype"]) if y.dtype.kind == "f" else y
    weight = rng.uniform(0, 2, rows).astype(net["dtype"]) if net["weighted"] else None
    return x, y, weight


def loss_of(net):
    names = {
        "mean_squared_error": lambda: ff.losses.MeanSquaredError(),
        "sparse_categorical_crossentropy": lambda: ff.losses.SparseCategoricalCrossentropy(
            from_logits=True
        ),
        "binary_crossentropy": lambda: ff.losses.BinaryCrossentropy(from_logits=True),
    }
    return names[net["loss"]]()


def reference_loss(net, y, p, weight):
    name = "".join(w.title() for w in net["loss"].split("_"))
    options = {} if name == "MeanSquaredError" else {"from_logits": True}
    return reference.loss(name, y, p, weight, **options)


class Oracle:
    """Values in float64, and bounds of the error of the same in another precision.

    A sum of K products has an error of at most (K + 1) u sum |a b| (Higham 2002, section 3.1),
    whatever its order; an activation multiplies an error by at most SLOPE and adds 2 ULP of its
    own; each factor of a product of the backward pass has an error of its own besides.
    """

    def __init__(self, net, weights, x, u):
        self.kernels, self.biases = weights[::2], weights[1::2]
        self.net, self.u = net, u
        self.a, self.z = [reference.f64(x)], []
        self.errors, self.near = [np.zeros_like(self.a[0])], False
        for w, b, kind in zip(self.kernels, self.biases, net["kinds"], strict=True):
            w, b = reference.f64(w), reference.f64(b)
            a, e = self.a[-1], self.errors[-1]
            z = a @ w + b
            size = np.abs(a) @ np.abs(w) + np.abs(b)
            e = (len(w) + 2) * u * size + e @ np.abs(w)
            self.near |= kind in KINKED and bool((np.abs(z) <= e).any())
            self.z.append(z)
            self.a.append(reference.activation(kind, z))
            self.errors.append(SLOPE * e + 4 * u * (np.abs(self.a[-1]) + 1))

    def gradients(self, g, g_error):
        """For each layer, last first: gradient and its error's bound, of kernel and bias."""
        u = self.u
        for i in range(len(self.z) - 1, -1, -1):
            kind, z, a = self.net["kinds"][i], self.z[i], self.a[i]
            slope = np.abs(reference.activation_grad(kind, z, np.ones_like(z)))
            z_error = self.errors[i + 1] / SLOPE
            delta = reference.activation_grad(kind, z, g)
            d_error = slope * g_error + np.abs(g) * (CURVE * z_error + 8 * u * (slope + 1))
            rows, w = len(z), reference.f64(self.kernels[i])
            size = np.abs(a).T @ np.abs(delta)
            w_error = np.abs(a).T @ d_error + self.errors[i].T @ np.abs(delta)
            yield a.T @ delta, 2 * w_error + (rows + 4) * u * size
            yield delta.sum(axis=0), 2 * d_error.sum(axis=0) + (rows + 4) * u * np.abs(delta).sum(0)
            g = delta @ w.T
            g_error = 2 * d_error @ np.abs(w).T + (w.shape[1] + 4) * u * np.abs(delta) @ np.abs(w).T


def within(got, want, bound):
    worst = np.max(np.abs(reference.f64(got) - want) - bound, initial=-1.0)
    assert worst <= 0, f"off by {worst} beyond the bound"


@given(networks())
def test_values_and_gradients(net):
    model, (x, y, weight) = build(net), data_of(net)
    u = float(np.finfo(net["dtype"]).eps)
    oracle = Oracle(net, model.get_weights(), x, u)
    assume(not oracle.near)
    within(model.predict(x), oracle.a[-1], oracle.errors[-1])
    with ff.GradientTape() as tape:
        value = loss_of(net)(y, model(x), sample_weight=weight)
    want, g = reference_loss(net, y, oracle.a[-1], weight)
    # Each loss has a slope of at most |g| and a curvature of at most 2 w / n in its predictions.
    heavy = 2.0 if weight is not None else 1.0
    bend = 2 * heavy / net["rows"] / (1 if net["loss"].startswith("sparse") else g.shape[1])
    e = oracle.errors[-1]
    columns = max(4, g.shape[1]) + net["rows"]
    bound = (np.abs(g) * e + bend * e * e).sum() + 8 * columns * u * (abs(want) + np.abs(g).sum())
    within(float(value), want, bound)
    g_error = bend * (e.sum(axis=1, keepdims=True) + e) + 16 * columns * u * (np.abs(g) + bend)
    found = tape.gradient(value, model.trainable_variables)
    wanted = list(oracle.gradients(g, g_error))
    ordered = [wanted[2 * i + j] for i in range(len(wanted) // 2 - 1, -1, -1) for j in (0, 1)]
    for got, (gradient, error) in zip(found, ordered, strict=True):
        within(got.numpy(), gradient, error)


CHOICES = (
    ("SGD", {}),
    ("SGD", {"momentum": 0.9}),
    ("SGD", {"momentum": 0.9, "nesterov": True}),
    ("Adam", {}),
    ("Adam", {"amsgrad": True}),
    ("Adam", {"beta_1": 0.5, "beta_2": 0.9, "epsilon": 1e-3}),
    ("Adadelta", {}),
    ("Adadelta", {"rho": 0.5, "epsilon": 1e-3}),
    ("Adagrad", {}),
    ("Adagrad", {"initial_accumulator_value": 0.5}),
    ("RMSprop", {}),
    ("RMSprop", {"momentum": 0.9}),
    ("RMSprop", {"centered": True}),
    ("RMSprop", {"rho": 0.5, "momentum": 0.5}),
)
CLIPS = ({}, {"clipnorm": 0.5}, {"clipvalue": 0.01}, {"global_clipnorm": 0.5})


@st.composite
def optimizers(draw):
    """A name, and arguments that the library and the oracle both take."""
    name, options = draw(st.sampled_from(CHOICES))
    rate, decay = draw(st.sampled_from([1e-3, 0.1])), draw(st.sampled_from([None, 0.0, 0.1]))
    clip = draw(st.sampled_from(CLIPS))
    return name, {"learning_rate": rate, "weight_decay": decay, **options, **clip}


@given(optimizers(), networks(), st.lists(st.sampled_from([0.5, -2, 1e-3]), min_size=1, max_size=4))
def test_steps_of_an_optimizer(chosen, net, factors):
    net, (name, options) = {**net, "dtype": "float64"}, chosen
    model, (x, y, weight) = build(net), data_of(net)
    with ff.GradientTape() as tape:
        value = loss_of(net)(y, model(x), sample_weight=weight)
    found = [g.numpy() for g in tape.gradient(value, model.trainable_variables)]
    optimizer = getattr(ff.optimizers, name)(**options)
    oracle, want = reference.Optimizer(name, **options), model.get_weights()
    size = [np.abs(w) + 1 for w in want]
    for factor in factors:
        gradients = [factor * g for g in found]
        optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
        before, want = want, oracle.apply(want, gradients)
        size = [s + 10 * np.abs(w - b) for s, w, b in zip(size, want, before, strict=True)]
    u = float(np.finfo(np.float64).eps)
    for got, w, s in zip(model.get_weights(), want, size, strict=True):
        # A few dozen operations a step, on numbers of the weight's and the step's size; a moment
        # is at most ten steps.
        within(got, w, 32 * len(factors) * u * s)


@given(networks())
def test_rows_threads_and_layers_of_ones_own(net):
    model, (x, _, _) = build(net), data_of(net)
    whole = model.predict(x)
    for i in (0, net["rows"] // 2, net["rows"] - 1):
        assert model.predict(x[i : i + 1]).tobytes() == whole[i : i + 1].tobytes()
    other = build(net, written=True)
    other.set_weights(model.get_weights())
    threads = ff.get_num_threads()
    try:
        ff.set_num_threads(3)
        assert other.predict(x).tobytes() == whole.tobytes()
        assert model(x).numpy().tobytes() == whole.tobytes()
    finally:
        ff.set_num_threads(threads)


@given(networks(), st.sampled_from(OPTIMIZERS), st.integers(1, 9), st.floats(0, 0.7))
def test_a_trainer_does_what_a_loop_does(net, name, batch, rate):
    x, y, weight = data_of(net)
    results = []
    for threads in (1, 3):
        kept = ff.get_num_threads()
        try:
            ff.set_num_threads(threads)
            model = build(net)
            model.add(ff.layers.Dropout(rate))
            trainer = ff.Trainer(model, optimizer=getattr(ff.optimizers, name)(), loss=loss_of(net))
            trainer.fit(x, y, batch, 1, 0, sample_weight=weight, shuffle=False)
            results.append(b"".join(w.tobytes() for w in model.get_weights()))
        finally:
            ff.set_num_threads(kept)
    model, optimizer, loss = build(net), getattr(ff.optimizers, name)(), loss_of(net)
    model.add(ff.layers.Dropout(rate))
    for i in range(0, net["rows"], batch):
        part = slice(i, i + batch)
        with ff.GradientTape() as tape:
            w = None if weight is None else weight[part]
            value = loss(y[part], model(x[part], training=True), sample_weight=w)
        gradients = tape.gradient(value, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
    results.append(b"".join(w.tobytes() for w in model.get_weights()))
    assert results[0] == results[1] == results[2]
