"""Runs against a NumPy float64 implementation, and whether networks learn."""

from __future__ import annotations

import resource

import feedfwd as ff
import numpy as np
import pytest
import reference as ref
from feedfwd import _core


def numpy_losses(weights, x, y, order, batch, optimizer, steps):
    """Losses of a tanh network with softmax cross-entropy, written out."""
    weights, losses = [w.astype(np.float64) for w in weights], []
    for step in range(steps):
        rows = order[step * batch : (step + 1) * batch]
        w1, b1, w2, b2 = weights
        h = np.tanh(x[rows] @ w1 + b1)
        value, g = ref.loss("SparseCategoricalCrossentropy", y[rows], h @ w2 + b2, from_logits=True)
        losses.append(value)
        back = (g @ w2.T) * (1 - h * h)
        gradients = [x[rows].T @ back, back.sum(0), h.T @ g, g.sum(0)]
        weights = optimizer.apply(weights, gradients)
    return np.array(losses)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ["SGD", "Adam", "RMSprop", "Adagrad", "Adadelta"])
def test_ten_steps_as_numpy_makes_them(name, dtype):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(310, 23)).astype(np.float32).astype(np.float64)
    y = rng.integers(0, 5, 310)
    model = ff.Sequential(
        [ff.Input((23,)), ff.layers.Dense(31, activation="tanh"), ff.layers.Dense(5)],
        seed=2,
        dtype=dtype,
    )
    model(x[:1])
    start = model.get_weights()
    got = []

    class Record(ff.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            got.append(logs["loss"])

    trainer = ff.Trainer(
        model,
        optimizer=getattr(ff.optimizers, name)(learning_rate=0.01),
        loss=ff.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    trainer.fit(x, y, batch_size=31, epochs=1, verbose=0, callbacks=[Record()])
    order = _core.shuffled(310, 2, 0)
    want = numpy_losses(start, x, y, order, 31, ref.Optimizer(name, learning_rate=0.01), 10)
    running = np.cumsum(want) / np.arange(1, 11)
    # Forward, backward and update round about 31 + 23 + 31 times a step, ten steps in a row.
    bound = 10 * (31 + 23 + 31) * np.finfo(dtype).eps
    assert len(got) == 10
    assert np.abs(np.array(got) - running).max() <= bound * np.abs(running).max()


def test_digits_are_learned():
    (x, y), (x_test, y_test) = ff.datasets.digits()
    model = ff.Sequential(
        [ff.Input((64,)), ff.layers.Dense(64, activation="relu"), ff.layers.Dense(10)], seed=0
    )
    loss = ff.losses.SparseCategoricalCrossentropy(from_logits=True)
    trainer = ff.Trainer(model, optimizer="adam", loss=loss, metrics=["accuracy"])
    stop = ff.callbacks.EarlyStopping(patience=5, restore_best_weights=True)
    trainer.fit(x / 16, y, epochs=60, validation_split=0.1, verbose=0, callbacks=[stop])
    assert trainer.evaluate(x_test / 16, y_test, verbose=0)["accuracy"] >= 0.95


def test_a_curve_is_learned():
    x, y = ff.datasets.regression_curve(400, noise=0.0)
    model = ff.Sequential(
        [
            ff.Input((1,)),
            ff.layers.Dense(32, activation="tanh"),
            ff.layers.Dense(32, activation="tanh"),
            ff.layers.Dense(1),
        ],
        seed=0,
    )
    trainer = ff.Trainer(model, optimizer=ff.optimizers.Adam(0.01), loss="mse")
    trainer.fit(x, y, epochs=150, verbose=0)
    assert trainer.evaluate(x, y, verbose=0)["loss"] < 0.01 * y.var()


def test_fits_do_not_grow():
    x, y = ff.datasets.regression_curve(64)

    def cycle():
        model = ff.Sequential([ff.Input((1,)), ff.layers.Dense(8), ff.layers.Dense(1)], seed=0)
        ff.Trainer(model, optimizer="adam", loss="mse").fit(x, y, epochs=2, verbose=0)
        model.predict(x)

    for _ in range(50):
        cycle()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(200):
        cycle()
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 8 * 1024, f"{grown} kB"
