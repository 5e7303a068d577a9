"""MNIST: 784-512-512-10, relu, dropout 0.2, Adam, batch 128; the mean test accuracy over seeds.

    python bench/mnist.py FOLDER [--seeds 3] [--epochs 10]

FOLDER holds the four usual files, train-images-idx3-ubyte.gz and so on; without it nothing is run.
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
from numpy.typing import NDArray

RESULTS = pathlib.Path(__file__).parent / "results"

Images = tuple[NDArray[np.uint8], NDArray[np.int64]]
Sets = tuple[Images, Images]


def train(sets: Sets, seed: int, epochs: int) -> dict[str, Any]:
    """One run; its test accuracy and the time of fit."""
    (x, y), (x_test, y_test) = sets
    model = ff.Sequential(
        [
            ff.Input((784,)),
            ff.layers.Dense(512, activation="relu"),
            ff.layers.Dropout(0.2),
            ff.layers.Dense(512, activation="relu"),
            ff.layers.Dropout(0.2),
            ff.layers.Dense(10),
        ],
        seed=seed,
    )
    trainer = ff.Trainer(
        model,
        optimizer=ff.optimizers.Adam(1e-3),
        loss=ff.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    start = time.perf_counter()
    trainer.fit(scaled(x), y, batch_size=128, epochs=epochs, verbose=2)
    seconds = time.perf_counter() - start
    return {"seed": seed, "seconds": seconds, **trainer.evaluate(scaled(x_test), y_test, verbose=0)}


def scaled(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Rows of pixels between 0 and 1."""
    rows = images.reshape(len(images), -1)
    return np.divide(rows, 255, dtype=np.float32)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=pathlib.Path)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=10)
    arguments = parser.parse_args()
    if arguments.folder is None:
        print("mnist: skipped: no folder with the four IDX files was named")
        return
    try:
        sets = ff.datasets.load_idx(arguments.folder)
    except FileNotFoundError as error:
        print(f"mnist: skipped: {error}")
        return
    runs = []
    for seed in range(arguments.seeds):
        runs.append(train(sets, seed, arguments.epochs))
        print(f"seed {seed}: test accuracy {runs[-1]['accuracy']:.4f}")
    mean = statistics.mean(run["accuracy"] for run in runs)
    print(f"mnist, {arguments.epochs} epochs: mean test accuracy {mean:.4f} of {len(runs)} seeds")
    threads = ff.get_num_threads()
    timing.keep(RESULTS, "mnist", {"epochs": arguments.epochs, "threads": threads, "runs": runs})


if __name__ == "__main__":
    main()
