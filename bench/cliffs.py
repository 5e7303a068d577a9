"""Whether speed has cliffs: odd widths and batches, a second thread, many threads, two processes.

    python bench/cliffs.py [--quick] [--out FILE]

A size that is no multiple of 16 is compared with the straight line between the multiples around
it; all three are timed in turns. Steps are those of width-width-width-1 with Adam and mean squared
error, of a fit of several epochs less one of a single epoch, so that the cost of a fit is left out.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import feedfwd as ff
import numpy as np
from feedfwd.bench import timing

RESULTS = pathlib.Path(__file__).parent / "results"
SIZES = (8, 9, 11, 13, 15, 17, 20, 24, 29, 31, 33, 37, 40, 47, 49, 63, 65, 79, 81, 100, 127, 129)
LARGER = (150, 191, 193, 250, 255, 257, 300, 383, 385, 500, 511)
QUICK = (9, 17, 31, 33, 65)
NETWORKS = (((64, 128, 10), 32), ((256, 256, 256, 1), 256), ((1024, 1024, 1024, 10), 256))
STEP_SECONDS = 0.02  # a measurement lasts at least so long


def stepper(widths: Sequence[int], batch: int) -> Callable[[], float]:
    """Measures the seconds of one step."""
    per_epoch = 32
    rng = np.random.default_rng(0)
    x = rng.standard_normal((per_epoch * batch, widths[0]), dtype=np.float32)
    y = rng.standard_normal((per_epoch * batch, widths[-1]), dtype=np.float32)
    hidden = [ff.layers.Dense(w, "relu") for w in widths[1:-1]]
    model = ff.Sequential([ff.Input((widths[0],)), *hidden, ff.layers.Dense(widths[-1])], seed=0)
    trainer = ff.Trainer(model, ff.optimizers.Adam(1e-4), "mse")

    def fit(epochs: int) -> float:
        start = time.perf_counter()
        trainer.fit(x, y, batch_size=batch, epochs=epochs, shuffle=False, verbose=0)
        return time.perf_counter() - start

    fit(2)
    one = fit(1)
    epochs = 1 + max(1, int(STEP_SECONDS / max(one, 1e-6)))

    def measure() -> float:
        return (fit(epochs + 1) - fit(1)) / (epochs * per_epoch)

    return measure


def medians(measures: Sequence[Callable[[], float]], rounds: int) -> list[float]:
    """Of turns A B C A B C."""
    taken: list[list[float]] = [[] for _ in measures]
    for _ in range(rounds):
        for mine, measure in zip(taken, measures, strict=True):
            mine.append(measure())
    return [statistics.median(t) for t in taken]


def from_line(
    make: Callable[[int], Callable[[], float]], size: int, low: int, rounds: int
) -> float:
    """A size's time over the line between its neighbours, the multiples of 16 (or `low`)."""
    below, above = max(size // 16 * 16, low), (size // 16 + 1) * 16
    a, mine, b = medians([make(n) for n in (below, size, above)], rounds)
    return mine / (a + (b - a) * (size - below) / (above - below))


def odd_sizes(sizes: Sequence[int], rounds: int) -> list[dict[str, Any]]:
    """Ratios to the line, at 1 thread."""
    ff.set_num_threads(1)
    found = []
    for name, fixed, low in (
        ("width", 32, 8),
        ("width", 256, 8),
        ("batch", 64, 1),
        ("batch", 256, 1),
    ):
        for size in (s for s in sizes if s % 16 and s > low):

            def make(n: int, name: str = name, fixed: int = fixed) -> Callable[[], float]:
                width, batch = (n, fixed) if name == "width" else (fixed, n)
                return stepper((width, width, width, 1), batch)

            found.append({name: size, "other": fixed, "ratio": from_line(make, size, low, rounds)})
        mine = [f["ratio"] for f in found if name in f and f["other"] == fixed]
        other = "batch" if name == "width" else "width"
        worst = max(
            (f for f in found if name in f and f["other"] == fixed), key=lambda f: f["ratio"]
        )
        print(
            f"| {name} beside {other} {fixed} | {statistics.geometric_mean(mine):.2f} | "
            f"{worst['ratio']:.2f} at {worst[name]} | 1.3 |",
            flush=True,
        )
    return found


def threads(rounds: int) -> list[dict[str, Any]]:
    """2 threads over 1; four times as many as there are CPUs over as many."""
    cpus = timing.usable_cpus()
    found = []
    for few, many, goal in ((1, 2, 1.05), (cpus, 4 * cpus, 1.3)):
        for widths, batch in (*NETWORKS, ((8, 32, 1), 32), ((64,) * 9, 64)):
            measure = stepper(widths, batch)

            def at(n: int, measure: Callable[[], float] = measure) -> float:
                ff.set_num_threads(n)
                return measure()

            a, b = medians([lambda n=n, at=at: at(n) for n in (few, many)], 3 * rounds)
            found.append({"widths": widths, "batch": batch, "threads": [few, many], "ratio": b / a})
            net = "-".join(map(str, widths))
            print(f"| {many} threads over {few}, {net}, batch {batch} | | {b / a:.2f} | {goal} |")
    return found


def loaded(widths: Sequence[int], batch: int, seconds: float) -> None:
    """Steps for so long, in a process of its own; prints how many a second."""
    measure = stepper(widths, batch)
    end, taken = time.time() + seconds, []
    while time.time() < end:
        taken.append(measure())
    print(json.dumps(statistics.median(taken)))


def two_processes(seconds: float) -> list[dict[str, Any]]:
    """Two processes with all threads over one alone; a fair share takes twice as long."""
    found = []
    for widths, batch in NETWORKS:

        def run(count: int, widths: Any = widths, batch: int = batch) -> float:
            command = [sys.executable, __file__, "--load", json.dumps([widths, batch, seconds])]
            made = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(count)]
            return statistics.mean(json.loads(p.communicate()[0]) for p in made)

        ratio = run(2) / run(1) / 2
        found.append({"widths": widths, "batch": batch, "ratio": ratio})
        net = "-".join(map(str, widths))
        print(f"| two processes, {net}, batch {batch}, over a fair share | | {ratio:.2f} | 1.3 |")
    return found


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--out", default=None)
    parser.add_argument("--load", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.load:
        loaded(*json.loads(options.load))
        return
    print("| What | geometric mean | worst | goal |\n|---|---|---|---|")
    rounds = 2 if options.quick else 3
    results = {
        "odd_sizes": odd_sizes(QUICK if options.quick else SIZES + LARGER, rounds),
        "threads": threads(rounds),
        "two_processes": two_processes(1.0 if options.quick else 4.0),
    }
    if options.out or not options.quick:
        date = timing.circumstances()["date"][:10]
        timing.save(options.out or RESULTS / f"{date}-cliffs.json", "cliffs", results)


if __name__ == "__main__":
    main()
