"""A sigmoid Dense written in Python against the built-in one, inside a Trainer: bits and times.

python bench/custom_layer.py [--rounds 15]      # --rounds 0: only the bits
"""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Callable
from typing import Any

import feedfwd as ff
import numpy as np
import timing

ROWS, FEATURES, HIDDEN, CLASSES, BATCH = 8192, 64, 128, 10, 32


class MyDense(ff.layers.Layer):
    """sigmoid(x W + b)."""

    def __init__(self, units: int) -> None:
        super().__init__()
        self.units = units

    def build(self, input_shape: Any) -> None:
        self.w = self.add_weight((input_shape[-1], self.units), initializer="glorot_uniform")
        self.b = self.add_weight((self.units,), initializer="zeros")

    def call(self, x: Any) -> Any:
        return ff.ops.sigmoid(ff.ops.matmul(x, self.w) + self.b)


def peer(make: Callable[[], ff.layers.Layer]) -> tuple[Callable[[], Any], Callable[[], Any]]:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((ROWS, FEATURES), dtype=np.float32)
    y = rng.integers(0, CLASSES, ROWS)
    model = ff.Sequential([ff.Input((FEATURES,)), make(), make(), ff.layers.Dense(CLASSES)], seed=0)
    loss = ff.losses.SparseCategoricalCrossentropy(from_logits=True)
    trainer = ff.Trainer(model, optimizer="adam", loss=loss)

    def run() -> None:
        trainer.fit(x, y, batch_size=BATCH, epochs=1, verbose=0)

    def check() -> str:
        for _ in range(3):
            run()
        digest = hashlib.sha256()
        for w in model.get_weights():
            digest.update(np.ascontiguousarray(w).tobytes())
        return digest.hexdigest()

    return check, run


PEERS: dict[str, Callable[[], ff.layers.Layer]] = {
    "built-in": lambda: ff.layers.Dense(HIDDEN, activation="sigmoid"),
    "custom": lambda: MyDense(HIDDEN),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--serve", choices=PEERS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        timing.serve(*peer(PEERS[arguments.serve]))
        return
    results, hashes = [], set()
    for threads in timing.thread_counts():
        found = timing.compare(__file__, list(PEERS), threads, arguments.rounds)
        hashes |= set(found["checks"].values())
        if len(hashes) != 1:
            raise SystemExit(f"custom_layer: the weights differ: {found['checks']}")
        print(
            f"custom_layer, {threads} thread(s): weights after 3 epochs {min(hashes)[:16]}, equal"
        )
        if arguments.rounds:
            timing.show(found)
            results.append(found)
    if results:
        timing.save("custom_layer", results)


if __name__ == "__main__":
    main()
