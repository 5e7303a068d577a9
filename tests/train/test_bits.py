"""The contract on whole runs: one hash for every thread count, instruction set and process; eager
equals traced; fused equals unfused; any legal order; a row's prediction is its own."""

from __future__ import annotations

import os
import subprocess
import sys

import feedfwd as ff
import numpy as np
import pytest
from feedfwd import _core

# Another hash is another version of the numerics contract (docs/numerics.md).
GOLDEN = {
    "float32": "26764e181eae9689",
    "float64": "3702ebba638a3850",
}

RUN = """
import hashlib, sys
import numpy as np
import feedfwd as ff
def data(n=1797, width=64):
    draw = ff._core.draw
    x = draw("normal", (n, width), 0.0, 1.0, 5, 0, 0)
    y = np.floor(draw("uniform", (n,), 0.0, 10.0, 5, 0, 4)).astype(np.int64)
    return x, y
def run(dtype, threads, epochs=3):
    ff.set_num_threads(threads)
    x, y = data()
    model = ff.Sequential([ff.Input((64,)), ff.layers.Dense(67, activation="gelu"),
        ff.layers.Dropout(0.3), ff.layers.Dense(3, activation="tanh"), ff.layers.Dense(10)],
        seed=11, dtype=dtype)
    trainer = ff.Trainer(model, optimizer="adam",
        loss=ff.losses.SparseCategoricalCrossentropy(from_logits=True))
    trainer.fit(x, y, batch_size=450, epochs=epochs, verbose=0)
    digest = hashlib.sha256()
    for w in model.get_weights():
        digest.update(np.ascontiguousarray(w).tobytes())
    return digest.hexdigest()[:16]
"""


def run_here(dtype, threads, epochs=3):
    space = {}
    exec(RUN, space)
    try:
        return space["run"](dtype, threads, epochs)
    finally:
        ff.set_num_threads(2)


def run_process(isa, threads):
    code = RUN + f'\nprint(run("float32", {threads}), run("float64", {threads}))'
    env = {**os.environ, "FEEDFWD_ISA": isa}
    command = [sys.executable, "-c", code]
    out = subprocess.run(command, env=env, capture_output=True, text=True, check=True, timeout=120)
    return tuple(out.stdout.split())


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("threads", [1, 2, 3, 4, 7])
def test_one_hash_for_every_thread_count(dtype, threads):
    assert run_here(dtype, threads) == GOLDEN[dtype]


@pytest.mark.parametrize("isa", _core.available_isas())
def test_one_hash_for_every_instruction_set(isa):
    assert run_process(isa, 2) == (GOLDEN["float32"], GOLDEN["float64"])


def test_one_hash_in_twenty_processes():
    best = _core.available_isas()[-1]
    hashes = {run_process(best, 1 + i % 3) for i in range(20)}
    assert hashes == {(GOLDEN["float32"], GOLDEN["float64"])}


def wide_run(dtype, threads, optimizer):
    """Weights after a run whose first layers are shared by columns, with a ragged last batch."""
    ff.set_num_threads(threads)
    try:
        draw = _core.draw
        x = draw("normal", (45, 300), 0.0, 1.0, 6, 0, 0)
        y = np.floor(draw("uniform", (45,), 0.0, 7.0, 6, 0, 4)).astype(np.int64)
        hidden = [ff.layers.Dense(w, activation="relu") for w in (288, 288)]
        hidden.insert(1, ff.layers.Dropout(0.3))
        layers = [ff.Input((300,)), *hidden, ff.layers.Dense(7)]
        model = ff.Sequential(layers, seed=5, dtype=dtype)
        loss = ff.losses.SparseCategoricalCrossentropy(from_logits=True)
        trainer = ff.Trainer(model, optimizer=OPTIMIZERS[optimizer](), loss=loss)
        trainer.fit(x, y, batch_size=16, epochs=4, verbose=0)
        return b"".join(np.ascontiguousarray(w).tobytes() for w in model.get_weights())
    finally:
        ff.set_num_threads(2)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("optimizer", ["sgd", "adam", "global_clipnorm"])
def test_wide_layers_have_the_same_bits_for_every_thread_count(dtype, optimizer):
    alone = wide_run(dtype, 1, optimizer)
    for threads in (2, 3, 5):
        assert wide_run(dtype, threads, optimizer) == alone


OPTIMIZERS = {
    "sgd": lambda: ff.optimizers.SGD(0.05),
    "momentum": lambda: ff.optimizers.SGD(0.05, momentum=0.9, nesterov=True),
    "adam": lambda: ff.optimizers.Adam(0.01),
    "amsgrad": lambda: ff.optimizers.Adam(0.01, amsgrad=True),
    "adamw": lambda: ff.optimizers.AdamW(0.01, weight_decay=0.1),
    "adadelta": lambda: ff.optimizers.Adadelta(1.0),
    "adagrad": lambda: ff.optimizers.Adagrad(0.05),
    "rmsprop": lambda: ff.optimizers.RMSprop(0.01, momentum=0.5, centered=True),
    "clipnorm": lambda: ff.optimizers.SGD(0.05, clipnorm=0.1),
    "clipvalue": lambda: ff.optimizers.SGD(0.05, clipvalue=0.01),
    "global_clipnorm": lambda: ff.optimizers.Adam(0.01, global_clipnorm=0.1),
    "schedule": lambda: ff.optimizers.Adam(
        ff.optimizers.schedules.ExponentialDecay(0.02, 3, 0.7), weight_decay=0.01
    ),
    "like_torch": lambda: ff.optimizers.Adam.like_torch(),
}


def small_model(dtype="float32", seed=3):
    return ff.Sequential(
        [
            ff.Input((9,)),
            ff.layers.Dense(37, activation="silu"),
            ff.layers.Dropout(0.25),
            ff.layers.Dense(4, activation="elu"),
            ff.layers.Dense(3),
        ],
        seed=seed,
        dtype=dtype,
    )


def small_data(n=75):
    rng = np.random.default_rng(4)
    return rng.normal(size=(n, 9)), rng.integers(0, 3, n), rng.uniform(0.5, 2, n)


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_eager_loop_equals_trainer(name, dtype):
    x, y, weight = small_data()
    loss = ff.losses.SparseCategoricalCrossentropy(from_logits=True)
    fitted = small_model(dtype)
    ff.Trainer(fitted, optimizer=OPTIMIZERS[name](), loss=loss).fit(
        x, y, sample_weight=weight, batch_size=16, epochs=2, verbose=0
    )
    model, optimizer = small_model(dtype), OPTIMIZERS[name]()
    for epoch in range(2):
        order = _core.shuffled(len(x), model.seed, epoch)
        for first in range(0, len(x), 16):
            rows = order[first : first + 16]
            with ff.GradientTape() as tape:
                batch_loss = loss(y[rows], model(x[rows], training=True), weight[rows])
            gradients = tape.gradient(batch_loss, model.trainable_variables)
            optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
    assert optimizer.iterations == 10
    for a, b in zip(model.get_weights(), fitted.get_weights(), strict=True):
        assert a.dtype == np.dtype(dtype)
        assert a.tobytes() == b.tobytes()


def planned_weights(**options):
    """The weights after six steps of a program with these options."""
    x, y, _ = small_data()
    x = x.astype(np.float32)
    model = small_model()
    model(x[:2])
    trace = _core.Trace()
    with trace:
        inputs = trace.input((None, 9), "float32")
        labels = trace.input((None,), "int64")
        logits = model(inputs, training=True)
        loss = ff.losses.SparseCategoricalCrossentropy(from_logits=True)(labels, logits)
        variables = model.trainable_variables
        sharded = options.get("shards", 1) > 1
        gradients = trace.gradient(loss, variables, sharded=sharded)
    counters = [v for v in trace.variables() if v.dtype == np.int64]
    program = _core.Program(
        trace,
        [],
        input_dtypes=["float32", "int64"],
        capacity=-(-25 // options.get("shards", 1)),
        device="cpu",
        loss=loss,
        optimizer=ff.optimizers.Adam(0.01).core,
        gradients=list(zip(variables, gradients, strict=True)),
        per_step=counters,
        **options,
    )
    program.bind([x, y])
    losses = []
    for epoch in range(2):
        order = _core.shuffled(75, 1, epoch)
        rates = np.full(3, 0.01)
        losses.append(program.run(75, 25, 0, 3, order=order, learning_rates=rates)[0])
    return b"".join(w.tobytes() for w in model.get_weights()), np.concatenate(losses)


def test_fused_equals_unfused():
    assert planned_weights(fuse=True)[0] == planned_weights(fuse=False)[0]


@pytest.mark.parametrize("seed", range(1, 21))
def test_every_legal_order_agrees(seed):
    assert planned_weights(order_seed=seed, fuse=bool(seed % 2))[0] == planned_weights()[0]


def test_guard_bands_stay_untouched():
    assert planned_weights(guard=True)[0] == planned_weights()[0]


@pytest.mark.parametrize("shards", [2, 3, 4])
def test_shards_do_not_depend_on_threads(shards):
    results = set()
    for threads in (1, 2, 3):
        ff.set_num_threads(threads)
        results.add(planned_weights(shards=shards)[0])
    ff.set_num_threads(2)
    assert len(results) == 1
    # The same sums in another order: the first loss agrees to a few roundings of its 25 rows.
    whole, split = planned_weights()[1], planned_weights(shards=shards)[1]
    assert abs(whole[0] - split[0]) <= 25 * np.finfo(np.float32).eps * abs(whole[0])


@pytest.mark.parametrize("head", ["softmax", "sigmoid", None])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_rows_prediction_is_its_own(head, dtype):
    x = np.random.default_rng(0).normal(size=(257, 13))
    model = ff.Sequential(
        [
            ff.Input((13,)),
            ff.layers.Dense(401, activation="gelu"),
            ff.layers.Dense(1 if head == "sigmoid" else 7, activation=head),
        ],
        seed=1,
        dtype=dtype,
    )
    alone = np.concatenate([model.predict(x[i : i + 1]) for i in range(257)])
    for n in range(1, 258):
        assert model.predict(x[:n]).tobytes() == alone[:n].tobytes(), n
    assert model.predict(x, batch_size=31).tobytes() == alone.tobytes()
    assert model(x).numpy().tobytes() == alone.tobytes()


class SigmoidDense(ff.layers.Layer):
    """Dense with a sigmoid, as a user writes it."""

    def __init__(self, units):
        super().__init__()
        self.units = units

    def build(self, input_shape):
        self.w = self.add_weight((input_shape[-1], self.units), name="w")
        self.b = self.add_weight((self.units,), initializer="zeros", name="b")

    def call(self, x):
        return ff.ops.sigmoid(ff.ops.matmul(x, self.w) + self.b)


def test_a_custom_layer_has_the_bits_of_the_built_in_one():
    x, y, _ = small_data()
    weights = []
    for layer in (SigmoidDense, lambda n: ff.layers.Dense(n, activation="sigmoid")):
        model = ff.Sequential([ff.Input((9,)), layer(33), layer(3)], seed=8)
        before = model(x).numpy().tobytes()
        trainer = ff.Trainer(model, optimizer="adam", loss="mse")
        trainer.fit(x, np.eye(3)[y], batch_size=16, epochs=3, verbose=0)
        weights.append((before, b"".join(w.tobytes() for w in model.get_weights())))
    assert weights[0] == weights[1]
