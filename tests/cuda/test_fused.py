"""What goes together in one launch has the same bits as each instruction alone, and as the CPU."""

from __future__ import annotations

import os
from typing import Any

import feedfwd as ff
import numpy as np
import pytest
from networks import same as same_weights
from shim import launches

ON_SHIM = os.environ.get("FEEDFWD_SHIM") == "1"
RNG = np.random.default_rng(3)
SPARSE = ff.losses.SparseCategoricalCrossentropy(from_logits=True)


class Attention(ff.layers.Layer):
    """Row by row with operations of many kinds: extremes, sums, comparisons, numbers per row."""

    def call(self, x: Any) -> Any:
        top = ff.ops.max(x, axis=-1, keepdims=True)
        low = ff.ops.min(x, axis=-1, keepdims=True)
        spread = (x - low) / (top - low + 1.0)
        kept = ff.ops.where(spread > 0.5, x, 0.1 * x)
        return kept * ff.ops.softmax(x) + ff.ops.log_softmax(x) / ff.ops.sum(spread + 1.0, -1, True)


def dense(widths: list[int], last: int, activation: str = "tanh") -> list[ff.layers.Layer]:
    hidden = [ff.layers.Dense(w, activation=activation) for w in widths]
    return [*hidden, ff.layers.Dense(last)]


NETWORKS = {  # inputs, layers, loss, metrics
    "narrow": (8, lambda: dense([64, 64], 10), SPARSE, ["accuracy"]),
    "dropout": (
        5,
        lambda: [*dense([40], 33), ff.layers.Dropout(0.4), *dense([128], 5, "gelu")],
        SPARSE,
        [],
    ),
    "few columns": (3, lambda: dense([4, 17, 2], 1), "mse", ["mae"]),
    "regression": (12, lambda: dense([65, 31], 9, "softplus"), "mae", []),
    "binary": (
        6,
        lambda: dense([20], 1),
        ff.losses.BinaryCrossentropy(from_logits=True),
        ["accuracy"],
    ),
    "wide input": (300, lambda: dense([48, 48], 7, "relu"), SPARSE, []),
    "wide middle": (16, lambda: dense([32, 200, 32], 7, "relu"), SPARSE, []),
    "own layer": (9, lambda: [*dense([30], 12), Attention(), *dense([], 4)], SPARSE, ["accuracy"]),
    "deep": (4, lambda: dense([16] * 12, 3), SPARSE, []),
}


def fitted(name: str, device: str, dtype: str, rows: int, batch: int, **options: Any) -> Any:
    inputs, layers, loss, metrics = NETWORKS[name]
    model = ff.Sequential([ff.Input((inputs,)), *layers()], seed=4, device=device, dtype=dtype)
    outputs = model.predict(np.zeros((1, inputs), dtype)).shape[1]
    x = np.random.default_rng(0).normal(size=(rows, inputs)).astype(np.float32)
    if loss is SPARSE:
        y = np.random.default_rng(1).integers(0, outputs, rows)
    else:
        y = np.random.default_rng(1).integers(0, 2, (rows, outputs)).astype(np.float32)
    optimizer = ff.optimizers.Adam(0.01, **options)
    trainer = ff.Trainer(model, optimizer, loss, metrics=metrics)
    trainer.fit(x, y, batch_size=batch, epochs=2, verbose=0)
    return trainer, model.predict(x)


def assert_same(a: Any, b: Any) -> None:
    assert same_weights(a[0].model, b[0].model)
    assert a[0].history.history == b[0].history.history
    assert a[1].tobytes() == b[1].tobytes()


# Of few rows, ragged, of more than a chunk, and of so many that blocks take more rows.
@pytest.mark.parametrize(("rows", "batch"), [(7, 3), (150, 64), (1300, 600), (1300, 1100)])
@pytest.mark.parametrize("name", NETWORKS)
def test_networks(
    name: str, rows: int, batch: int, device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    want = fitted(name, "cpu", "float32", rows, batch)
    assert_same(fitted(name, device, "float32", rows, batch), want)
    monkeypatch.setenv("FEEDFWD_CUDA_FUSE", "0")
    assert_same(fitted(name, device, "float32", rows, batch), want)


@pytest.mark.parametrize("name", NETWORKS)
def test_double(name: str, device: str) -> None:
    options: dict[str, Any] = {"clipnorm": 0.5}
    want = fitted(name, "cpu", "float64", 450, 400, **options)
    assert_same(fitted(name, device, "float64", 450, 400, **options), want)


@pytest.mark.skipif(not ON_SHIM, reason="the shim counts")
def test_launches_of_a_step(device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Forward, loss and backward are one; so are all weights' gradients, and all updates."""

    def of_a_step() -> float:
        x, y = np.zeros((64, 8), np.float32), np.zeros(64, np.int64)
        model = ff.Sequential(dense([32, 32, 32], 10), seed=0, device=device)
        trainer = ff.Trainer(model, "adam", SPARSE, metrics=["accuracy"])
        trainer.fit(x, y, batch_size=32, epochs=1, verbose=0)
        counts = []
        for rows in (32, 64):
            before = launches()
            trainer.fit(x[:rows], y[:rows], batch_size=32, epochs=1, verbose=0)
            counts.append(launches() - before)
        return counts[1] - counts[0]

    assert of_a_step() == 5
    monkeypatch.setenv("FEEDFWD_CUDA_FUSE", "0")
    assert of_a_step() > 40
