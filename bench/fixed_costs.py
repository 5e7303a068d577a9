"""What a fit and an epoch cost beyond their steps, on networks that are nearly nothing.

    python bench/fixed_costs.py [--rounds 200] [--keep]

A step's time is that of one in a long epoch. `first` is the first fit of a Trainer (it traces the
model and makes the program), `fit` every later one of one epoch of one step, `epoch` one of a
hundred in a fit: each less its step.
"""

from __future__ import annotations

import argparse
import pathlib
import time
from collections.abc import Callable

import feedfwd as ff
import numpy as np
from feedfwd.bench import timing

RESULTS = pathlib.Path(__file__).parent / "results"
ROWS, LONG, EPOCHS = 32, 2000, 100
NETWORKS = {"8-32-1": (8, 32, 1), "4-8-1": (4, 8, 1)}


def trainer_of(sizes: tuple[int, ...]) -> ff.Trainer:
    """Dense layers with relu between them, Adam, mse."""
    layers = [ff.layers.Dense(n, activation="relu") for n in sizes[1:-1]]
    model = ff.Sequential([ff.Input((sizes[0],)), *layers, ff.layers.Dense(sizes[-1])], seed=0)
    return ff.Trainer(model, optimizer="adam", loss="mse")


def seconds(call: Callable[[], object], rounds: int) -> list[float]:
    """Of each of as many calls."""
    taken = []
    for _ in range(rounds):
        start = time.perf_counter()
        call()
        taken.append(time.perf_counter() - start)
    return taken


def measure(sizes: tuple[int, ...], rounds: int) -> dict[str, dict[str, float]]:
    """Microseconds, spread over the rounds."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((LONG * ROWS, sizes[0]), np.float32)
    y = rng.standard_normal((LONG * ROWS, sizes[-1]), np.float32)
    few, few_y = x[:ROWS].copy(), y[:ROWS].copy()
    trainer = trainer_of(sizes)

    def fit(epochs: int) -> Callable[[], object]:
        return lambda: trainer.fit(few, few_y, batch_size=ROWS, epochs=epochs, verbose=0)

    def spread(values: list[float], by: int = 1, less: float = 0.0) -> dict[str, float]:
        return timing.spread([1e6 * v / by - less for v in values])

    seconds(fit(1), 20)
    steps = seconds(lambda: trainer.fit(x, y, batch_size=ROWS, epochs=10, verbose=0), 5)
    step = spread(steps, 10 * LONG)
    less = step["median"]
    fits = spread(seconds(fit(1), 10 * rounds), 1, less)
    epochs = spread(seconds(fit(EPOCHS), rounds), EPOCHS, less)
    first = []
    for _ in range(max(rounds // 10, 2)):
        trainer = trainer_of(sizes)
        first += seconds(fit(1), 1)
    return {"first": spread(first, 1, less), "fit": fits, "epoch": epochs, "step": step}


def main() -> None:
    """Print the table, and keep the numbers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--keep", action="store_true", help="keep the numbers in bench/results")
    options = parser.parse_args()
    ff.set_num_threads(1)
    found = {name: measure(sizes, options.rounds) for name, sizes in NETWORKS.items()}
    print("microseconds beyond the step: median (quartiles)")
    for name, parts in found.items():
        text = ", ".join(
            f"{part} {v['median']:.1f} ({v['quartile_1']:.1f} to {v['quartile_3']:.1f})"
            for part, v in parts.items()
        )
        print(f"{name}: {text}")
    if options.keep:
        timing.keep(RESULTS, "fixed_costs", found)


if __name__ == "__main__":
    main()
