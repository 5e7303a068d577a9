"""A sigmoid Dense written in Python against the built-in one, inside a Trainer: bits and times.

    python bench/custom_layer.py [--rounds 15]      # --rounds 0: only the bits

Both in one process, in turns: A B A B.
"""

from __future__ import annotations

import argparse
import hashlib
import pathlib
from collections.abc import Callable
from typing import Any

import feedfwd as ff
import numpy as np
from feedfwd.bench import serve, timing

RESULTS = pathlib.Path(__file__).parent / "results"
TURN_SECONDS = 0.1
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


LAYERS: dict[str, Callable[[], ff.layers.Layer]] = {
    "built-in": lambda: ff.layers.Dense(HIDDEN, activation="sigmoid"),
    "custom": lambda: MyDense(HIDDEN),
}


def work(make: Callable[[], ff.layers.Layer]) -> tuple[Callable[[], str], Callable[[], None]]:
    """The hash of the weights after three epochs; an epoch."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((ROWS, FEATURES), dtype=np.float32)
    y = rng.integers(0, CLASSES, ROWS)
    model = ff.Sequential([ff.Input((FEATURES,)), make(), make(), ff.layers.Dense(CLASSES)], seed=0)
    loss = ff.losses.SparseCategoricalCrossentropy(from_logits=True)
    trainer = ff.Trainer(model, optimizer="adam", loss=loss)

    def epoch() -> None:
        trainer.fit(x, y, batch_size=BATCH, epochs=1, verbose=0)

    def check() -> str:
        for _ in range(3):
            epoch()
        digest = hashlib.sha256()
        for w in model.get_weights():
            digest.update(np.ascontiguousarray(w).tobytes())
        return digest.hexdigest()

    return check, epoch


def measured(epochs: dict[str, Callable[[], None]], rounds: int) -> dict[str, Any]:
    """Seconds of an epoch, and how much longer the custom layer takes."""
    times: dict[str, list[float]] = {name: [] for name in epochs}
    for turn in range(rounds + 1):
        for name, epoch in epochs.items():
            seconds = serve.seconds_of(epoch, TURN_SECONDS)
            if turn:  # the first is the warm-up
                times[name].append(seconds)
    ratios = [b / a for a, b in zip(times["built-in"], times["custom"], strict=True)]
    spreads = {name: {**timing.spread(t), "all": t} for name, t in times.items()}
    return {"seconds": spreads, "custom_to_built_in": timing.spread(ratios)}


def main() -> None:
    """Print both, and keep the times."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    results, hashes = [], set()
    for threads in timing.thread_counts():
        ff.set_num_threads(threads)
        peers = {name: work(make) for name, make in LAYERS.items()}
        hashes |= {check() for check, _ in peers.values()}
        if len(hashes) != 1:
            raise SystemExit(f"custom_layer: the weights differ: {hashes}")
        title = f"custom_layer, {threads} thread(s)"
        print(f"{title}: weights after 3 epochs {min(hashes)[:16]}, equal")
        if rounds < 1:
            continue
        found = measured({name: epoch for name, (_, epoch) in peers.items()}, rounds)
        ratio = found["custom_to_built_in"]
        for name, s in found["seconds"].items():
            print(f"  {name:<10} {timing.shown_seconds(s['median'])}")
        print(
            f"  custom / built-in: {ratio['median']:.3f}, quartiles {ratio['quartile_1']:.3f} "
            f"to {ratio['quartile_3']:.3f}"
        )
        results.append({"threads": threads, **found})
    if results:
        timing.keep(RESULTS, "custom_layer", results)


if __name__ == "__main__":
    main()
