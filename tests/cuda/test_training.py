"""Whole runs on the device end with the CPU's bits."""

from __future__ import annotations

from typing import Any

import feedfwd as ff
import numpy as np
import pytest
from networks import same as same_weights

DTYPES = ["float32", "float64"]
X = ff._core.draw("normal", (203, 21), 0.0, 1.0, 5, 0, 0)
LABELS = np.floor(ff._core.draw("uniform", (203,), 0.0, 5.0, 5, 0, 4)).astype(np.int64)
Y = X[:, :3] @ np.array([[1.0, -2.0], [0.5, 1.5], [2.0, 0.1]]) + 0.25


def network(device: str, dtype: str = "float32", out: int = 5, dropout: float = 0.3) -> Any:
    return ff.Sequential(
        [
            ff.layers.Dense(37, activation="gelu"),
            ff.layers.Dropout(dropout),
            ff.layers.Dense(3, activation="tanh"),
            ff.layers.Dense(33, activation="relu"),
            ff.layers.Dense(out),
        ],
        seed=11,
        device=device,
        dtype=dtype,
    )


def classify(device: str, dtype: str = "float32", optimizer: Any = "adam", **options: Any) -> Any:
    fit = {"epochs": 2, "batch_size": 48, "verbose": 0}
    fit.update({k: options.pop(k) for k in tuple(options) if k in ("sample_weight", "epochs")})
    loss = ff.losses.SparseCategoricalCrossentropy(from_logits=True)
    trainer = ff.Trainer(network(device, dtype), optimizer, loss, metrics=["accuracy"], **options)
    trainer.fit(X, LABELS, validation_data=(X[:60], LABELS[:60]), **fit)
    return trainer


def assert_alike(a: Any, b: Any) -> None:
    assert same_weights(a.model, b.model)
    assert a.history.history == b.history.history
    for v, w in zip(a.model.trainable_variables, b.model.trainable_variables, strict=True):
        for p, q in zip(a.optimizer.core.slots(v), b.optimizer.core.slots(w), strict=True):
            assert p.tobytes() == q.tobytes()
    assert a.model.predict(X).tobytes() == b.model.predict(X).tobytes()


OPTIMIZERS = {
    "sgd": lambda: ff.optimizers.SGD(0.05),
    "momentum": lambda: ff.optimizers.SGD(0.05, momentum=0.9),
    "nesterov": lambda: ff.optimizers.SGD(0.05, momentum=0.9, nesterov=True),
    "adam": lambda: ff.optimizers.Adam(1e-2),
    "amsgrad": lambda: ff.optimizers.Adam(1e-2, amsgrad=True),
    "adamw": lambda: ff.optimizers.AdamW(1e-2, weight_decay=0.1),
    "rmsprop": lambda: ff.optimizers.RMSprop(1e-3),
    "centered": lambda: ff.optimizers.RMSprop(1e-3, momentum=0.5, centered=True),
    "adagrad": lambda: ff.optimizers.Adagrad(0.1),
    "adadelta": lambda: ff.optimizers.Adadelta(1.0),
    "clipnorm": lambda: ff.optimizers.Adam(1e-2, clipnorm=0.1),
    "clipvalue": lambda: ff.optimizers.Adam(1e-2, clipvalue=0.01),
    "global": lambda: ff.optimizers.SGD(0.1, global_clipnorm=0.5),
    "schedule": lambda: ff.optimizers.Adam(ff.optimizers.schedules.ExponentialDecay(1e-2, 3, 0.7)),
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizers(name: str, dtype: str, device: str) -> None:
    make = OPTIMIZERS[name]
    assert_alike(classify(device, dtype, make()), classify("cpu", dtype, make()))


@pytest.mark.parametrize("shards", [2, 3])
def test_shards(shards: int, device: str) -> None:
    assert_alike(classify(device, shards=shards), classify("cpu", shards=shards))


@pytest.mark.parametrize("shards", [1, 3])
def test_last_batches_of_several_sizes(shards: int, device: str) -> None:
    found = []
    for where in ("cpu", device):
        loss = ff.losses.SparseCategoricalCrossentropy(from_logits=True)
        trainer = ff.Trainer(network(where), "adam", loss, metrics=["accuracy"], shards=shards)
        for rows in (305, 590, 305, 300, 5, 470):
            x, labels = np.resize(X, (rows, X.shape[1])), np.resize(LABELS, rows)
            trainer.fit(x, labels, epochs=2, batch_size=300, verbose=0)
        found.append(trainer)
    assert_alike(*found)


def test_sample_weights(device: str) -> None:
    weight = np.linspace(0, 2, len(X))
    a, b = (classify(d, sample_weight=weight) for d in (device, "cpu"))
    assert_alike(a, b)


LOSSES = {
    "mse": (Y, None),
    "mae": (Y, None),
    "binary_crossentropy": ((Y > 0).astype(float), "sigmoid"),
    "categorical_crossentropy": (np.eye(5)[LABELS], "softmax"),
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("loss", LOSSES)
def test_losses(loss: str, dtype: str, device: str) -> None:
    y, last = LOSSES[loss]
    made = []
    for d in (device, "cpu"):
        model = network(d, dtype, y.shape[1])
        if last:
            model.add(ff.layers.Activation(last))
        trainer = ff.Trainer(model, "adam", loss)
        trainer.fit(X, y, epochs=2, batch_size=64, verbose=0)
        made.append(trainer)
    assert_alike(*made)


def test_mnist_sized(device: str) -> None:
    """Widths that need tiles, chunks and a split."""
    rng = np.random.default_rng(0)
    x, y = rng.random((260, 784), np.float32), rng.integers(0, 10, 260)
    made = []
    for d in (device, "cpu"):
        layers = [ff.layers.Dense(130, activation="relu"), ff.layers.Dense(10)]
        model = ff.Sequential(layers, seed=1, device=d)
        loss = ff.losses.SparseCategoricalCrossentropy(from_logits=True)
        trainer = ff.Trainer(model, "adam", loss)
        trainer.fit(x, y, epochs=1, batch_size=128, verbose=0)
        made.append(model)
    assert same_weights(*made)


def test_digits(device: str) -> None:
    (x, y), (x_test, y_test) = ff.datasets.digits()
    made = []
    for d in (device, "cpu"):
        model = ff.Sequential(
            [ff.layers.Dense(32, activation="relu"), ff.layers.Dense(10)], seed=0, device=d
        )
        loss = ff.losses.SparseCategoricalCrossentropy(from_logits=True)
        trainer = ff.Trainer(model, "adam", loss, metrics=["accuracy"])
        trainer.fit(x[:640], y[:640], epochs=1, verbose=0)
        made.append((model, trainer.evaluate(x_test, y_test, verbose=0)))
    assert same_weights(made[0][0], made[1][0])
    assert made[0][1] == made[1][1]


def test_twice_the_same(device: str) -> None:
    assert_alike(classify(device), classify(device))


def test_a_loss_that_is_not_finite(device: str) -> None:
    y = Y.copy()
    y[150] = 1e200
    made = []
    for d in (device, "cpu"):
        model = network(d, "float64", 2, dropout=0.0)
        trainer = ff.Trainer(model, ff.optimizers.SGD(0.1), "mse", on_nonfinite="stop")
        trainer.fit(X, y, epochs=3, batch_size=16, verbose=0, shuffle=False)
        made.append(trainer)
    assert made[0].stop_training and made[1].stop_training
    assert same_weights(made[0].model, made[1].model)
    assert int(made[0].optimizer.iterations) == int(made[1].optimizer.iterations) == 9


def test_a_custom_layer_and_a_loop_by_hand(device: str) -> None:
    class Affine(ff.layers.Layer):
        def build(self, shape):
            self.w = self.add_weight(shape=(shape[-1], 4), initializer="glorot_uniform")
            self.b = self.add_weight(shape=(4,), initializer="zeros")

        def call(self, x):
            return ff.ops.sin(ff.ops.matmul(x, self.w) + self.b)

    made = []
    for d in (device, "cpu"):
        model = ff.Sequential([Affine(), ff.layers.Dense(2)], seed=2, device=d)
        optimizer = ff.optimizers.Adam(1e-2)
        mse = ff.losses.MeanSquaredError()
        for k in range(5):
            rows = slice(16 * k, 16 * k + 16)
            with ff.GradientTape() as tape:
                loss = mse(Y[rows].astype("float32"), model(X[rows].astype("float32")))
            gradients = tape.gradient(loss, model.trainable_variables)
            optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
        made.append((model, float(loss)))
    assert same_weights(made[0][0], made[1][0]) and made[0][1] == made[1][1]
    assert all(v.device == "cuda" for v in made[0][0].variables)
