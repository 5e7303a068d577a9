"""Cycles of build, fit, predict, save and load do not grow, nor do many predicts.

Counted after a warm-up, in windows of as many cycles: pages in memory, Python's blocks, its objects
and open files. Caches fill and empty, so some growth is let pass that does not depend on the
number of cycles; beyond it, less per cycle than one small object, or one in 20 cycles.
"""

from __future__ import annotations

import gc
import os
import pathlib
import sys
import tracemalloc
from collections.abc import Callable

import common
import feedfwd as ff
import numpy as np

X = np.random.default_rng(0).normal(size=(40, 6))
Y = X[:, :2] * 2 + 1
PAGE = os.sysconf("SC_PAGE_SIZE")
# glibc takes memory from the system in pieces of 132 KB and keeps several arenas.
SLACK = 1 << 20
# A Python object takes 16 bytes at least; a tensor's or a variable's record some hundred.
PER_CYCLE = 64
# A heap settles after some hundred cycles, in steps; a leak grows on.
WINDOWS = 4


def cycle(folder: pathlib.Path) -> None:
    """Everything once."""
    layers = [ff.Input((6,)), ff.layers.Dense(5, "relu"), ff.layers.Dropout(0.2)]
    model = ff.Sequential([*layers, ff.layers.Dense(2)], seed=0)
    trainer = ff.Trainer(model, "adam", "mse", metrics=["mae"])
    keep = ff.callbacks.ModelCheckpoint(str(folder / "run.safetensors"))
    trainer.fit(X, Y, epochs=1, batch_size=16, verbose=0, callbacks=keep)
    trainer.evaluate(X, Y, verbose=0)
    model.predict(X)
    model.save(folder / "m.safetensors")
    ff.load_model(folder / "m.safetensors").predict(X)
    ff.Trainer.load(folder / "run.safetensors")
    with ff.GradientTape() as tape:
        loss = ff.losses.mean_squared_error(Y, model(X))
    tape.gradient(loss, model.trainable_variables)


def pages() -> int:
    """Bytes of the process that are in memory."""
    return int(pathlib.Path("/proc/self/statm").read_text().split()[1]) * PAGE


def state() -> dict[str, int]:
    """What must not grow."""
    gc.collect()
    return {
        "bytes in memory": pages(),
        "blocks of Python": sys.getallocatedblocks(),
        "objects of Python": len(gc.get_objects()),
        "open files": len(os.listdir("/proc/self/fd")),
        "threads": len(os.listdir("/proc/self/task")),
    }


def watch(report: common.Report, what: str, n: int, work: Callable[[], object]) -> None:
    """Do it n // 2 times, and again; what has grown then must not grow in each of WINDOWS more."""
    cycles = n - n // 2
    for _ in range(n // 2):
        work()
    before = state()
    suspects = set(before)
    for _ in range(WINDOWS):
        for _ in range(cycles):
            work()
        report.count(what, cycles)
        after = state()
        growth = {k: after[k] - before[k] for k in sorted(suspects)}
        before = after
        bounds = {k: bound(k, cycles) for k in growth}
        suspects = {k for k, grown in growth.items() if grown > bounds[k]}
        if not suspects:
            break
    for key, grown in growth.items():
        report.at_most(f"growth over {cycles} {what}: {key}", grown)
        message = f"{what}: {key} grew by {grown} in {cycles} (bound {bounds[key]})"
        report.expect(key not in suspects, message)


def bound(key: str, cycles: int) -> int:
    """What may be a cache's doing in so many cycles."""
    if key == "bytes in memory":
        return SLACK + PER_CYCLE * cycles
    # One object or block in two cycles would be a leak; a few come and go with caches.
    return 0 if key in ("open files", "threads") else 100 + cycles // 20


def traced(report: common.Report, what: str, n: int, work: Callable[[], object]) -> None:
    """Bytes that Python's allocator and NumPy's account for."""
    for _ in range(n // 4):
        work()
    tracemalloc.start()
    for _ in range(n // 4):
        work()
    gc.collect()
    before = tracemalloc.get_traced_memory()[0]
    bound = 32768 + 16 * (n // 2)
    for _ in range(WINDOWS):
        for _ in range(n // 2):
            work()
        gc.collect()
        after = tracemalloc.get_traced_memory()[0]
        grown, before = after - before, after
        if grown <= bound:
            break
    tracemalloc.stop()
    report.at_most(f"growth over {n // 2} {what}: traced bytes", grown)
    report.expect(grown <= bound, f"{what}: traced memory grew by {grown} (bound {bound})")


def run(report: common.Report) -> None:
    """Cycles, then predicts of one row, of a block, and of changing numbers of rows."""
    with common.folder() as folder:
        watch(report, "cycles", 10_000 if report.long else 500, lambda: cycle(folder))
        traced(report, "cycles", 1000 if report.long else 120, lambda: cycle(folder))
    model = ff.Sequential([ff.Input((6,)), ff.layers.Dense(5, "relu"), ff.layers.Dense(2)], seed=0)
    n = 1_000_000 if report.long else 20_000
    row = X[:1].astype(np.float32)
    watch(report, "predicts of a row", n, lambda: model.predict(row))
    sizes = iter(np.random.default_rng(1).integers(1, 40, size=2 * n).tolist())
    watch(report, "predicts of changing sizes", n // 10, lambda: model.predict(X[: next(sizes)]))
    traced(report, "predicts", n // 10, lambda: model.predict(row))


if __name__ == "__main__":
    common.main(run)
