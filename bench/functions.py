"""What an activation costs for each number, and an Adam update against the memory's bandwidth.

    python bench/functions.py [--quick] [--out FILE]

At 1 thread, float32. Activations: a model of five layers of it less one of a single layer, in one
call of predict; such a chain works tile by tile in the first-level cache, so what is left is
arithmetic. Cycles are those in which the machine does one 512-bit fma at its measured peak. Adam:
training steps of one row, where nearly all is the update of a matrix that no cache holds.
"""

from __future__ import annotations

import argparse
import pathlib
import statistics
import time
from typing import Any

import feedfwd as ff
import numpy as np
from feedfwd.bench import timing

RESULTS = pathlib.Path(__file__).parent / "results"
FUNCTIONS = ("relu", "exponential", "sigmoid", "tanh", "gelu", "softplus", "silu", "elu", "softmax")
ROWS, WIDTH, CLASSES = 8192, 256, 10
LANES = 16  # numbers in a 512-bit register
CHAIN = 5


def seconds_of(model: ff.Model, x: Any) -> float:
    """Of a prediction."""
    start = time.perf_counter()
    model.predict(x)
    return time.perf_counter() - start


def activation(name: str, width: int, rounds: int) -> float:
    """Seconds for each number."""
    x = np.random.default_rng(0).standard_normal((ROWS, width), dtype=np.float32)
    models = []
    for count in (1, CHAIN):
        layers = [ff.layers.Activation(name) for _ in range(count)]
        models.append(ff.Sequential([ff.Input((width,)), *layers]))
    taken: list[list[float]] = [[], []]
    for _ in range(rounds + 1):
        for mine, model in zip(taken, models, strict=True):
            mine.append(seconds_of(model, x))
    one, several = (statistics.median(t[1:]) for t in taken)
    return (several - one) / ((CHAIN - 1) * x.size)


def adam(width: int, rounds: int) -> tuple[float, float]:
    """Seconds of a step with width x width weights, and the bytes it moves at least."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((8, width), dtype=np.float32)
    y = rng.standard_normal((8, width), dtype=np.float32)
    model = ff.Sequential([ff.Input((width,)), ff.layers.Dense(width)], seed=0)
    trainer = ff.Trainer(model, ff.optimizers.Adam(1e-4), "mse")
    taken = []
    for _ in range(rounds + 1):
        start = time.perf_counter()
        trainer.fit(x, y, batch_size=1, epochs=1, shuffle=False, verbose=0)
        taken.append((time.perf_counter() - start) / len(x))
    # Forward reads the weights; the update reads and writes weights and two moments.
    return statistics.median(taken[1:]), 4.0 * width * width * (1 + 6)


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--out", default=None)
    options = parser.parse_args()
    rounds = 3 if options.quick else 25
    ff.set_num_threads(1)
    roof = timing.roofs([1])["1"]
    cycle = 2 * LANES / roof["fma_flops_per_second"]
    results: dict[str, Any] = {"roof": roof, "functions": []}
    print("| Function | ns a number | cycles for 16 |\n|---|---|---|")
    for name in FUNCTIONS:
        for width in (CLASSES, WIDTH) if name == "softmax" else (WIDTH,):
            each = activation(name, width, rounds)
            shown = f"{name}, rows of {width}" if name == "softmax" else name
            print(f"| {shown} | {each * 1e9:.3f} | {each * LANES / cycle:.1f} |", flush=True)
            results["functions"].append({"name": shown, "seconds": each, "cycle": cycle})
    taken, moved = adam(1024 if options.quick else 4096, min(rounds, 9))
    floor = moved / roof["copy_bytes_per_second"]
    print(
        f"| Adam, 4,096 x 4,096 weights | step {taken * 1e3:.1f} ms | {taken / floor:.2f} floors |"
    )
    results["adam"] = {"seconds": taken, "bytes": moved, "floor": floor}
    if options.out or not options.quick:
        date = timing.circumstances()["date"][:10]
        timing.save(options.out or RESULTS / f"{date}-functions.json", "functions", results)


if __name__ == "__main__":
    main()
