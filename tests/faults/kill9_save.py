"""kill -9 during model.save over an existing file: the old file or the new one, byte for byte.

Two ways: at moments spread over the measured duration of the save, by a parent that waits for the
child's sign; and at every call of the system that the save makes, before and after it.
"""

from __future__ import annotations

import os
import pathlib
import signal
import subprocess
import sys
import time

import common
import feedfwd as ff
import numpy as np

SCRIPT = __file__
UNITS = 600  # a file of 1.4 MB
CALLS = ("open", "write", "fsync", "link", "replace", "chmod", "close", "unlink", "stat")


def network(seed: int) -> ff.Sequential:
    """The model with the weights of a seed: the old one is 0, the new one 1."""
    model = ff.Sequential([ff.Input((UNITS,)), ff.layers.Dense(UNITS)], seed=0)
    model.set_weights([np.full(w.shape, seed + 0.25, w.dtype) for w in model.get_weights()])
    return model


def save_when_told(path: str) -> None:
    """Child: make the new model, say so, save, say how long it took."""
    model = network(1)
    start = time.monotonic()
    os.write(1, b"go")
    model.save(path)
    os.write(1, f"{time.monotonic() - start:.6f}".encode())


def save_and_die(path: str, at: str) -> None:
    """Child: save, and be killed at the system call number `at`, two numbers a call."""
    model = network(1)
    state = {"calls": 0}

    def wrapped(function):
        def call(*args, **kwargs):
            if state["calls"] == int(at):
                os.kill(os.getpid(), signal.SIGKILL)
            state["calls"] += 1
            result = function(*args, **kwargs)
            if state["calls"] == int(at):
                os.kill(os.getpid(), signal.SIGKILL)
            state["calls"] += 1
            return result

        return call

    for name in CALLS:
        setattr(os, name, wrapped(getattr(os, name)))
    model.save(path)


class Target:
    """A file that is saved over, and the two things it may be."""

    def __init__(self, folder: pathlib.Path, report: common.Report) -> None:
        self.path, self.report = folder / "model.safetensors", report
        self.bytes = []
        for seed in (0, 1):
            network(seed).save(self.path)
            self.bytes.append(self.path.read_bytes())
        self.sign = network(0).predict(np.ones((1, UNITS)))
        self.most = 0

    def reset(self) -> None:
        """The old file is there. What killed saves left beside it stays."""
        self.path.write_bytes(self.bytes[0])

    def check(self, where: str) -> None:
        """After a kill."""
        found = self.path.read_bytes() if self.path.exists() else b""
        kinds = {self.bytes[0]: "old files", self.bytes[1]: "new files"}
        kind = kinds.get(found)
        if not self.report.expect(kind, f"{where}: {len(found)} bytes, neither old nor new"):
            return
        self.report.count(kind)
        model = ff.load_model(self.path)
        want = np.float32(0.25 + (kind == "new files"))
        fits = all(np.all(w == want) for w in model.get_weights())
        self.report.expect(fits, f"{where}: loaded other weights")
        strays = len(list(self.path.parent.iterdir())) - 1
        self.most = max(self.most, strays)
        self.report.expect(strays <= 1, f"{where}: {strays} files beside the target")


def start(path: pathlib.Path) -> subprocess.Popen[bytes]:
    """A child that is about to save."""
    child = subprocess.Popen(
        common.command(SCRIPT, "save", path), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert child.stdout is not None
    if child.stdout.read(2) != b"go":
        raise RuntimeError(child.communicate()[1].decode())
    return child


def spread_kills(report: common.Report, target: Target, n: int) -> None:
    """Kill at moments spread over the duration."""
    durations = []
    for _ in range(5):
        target.reset()
        child = start(target.path)
        durations.append(float(child.communicate(timeout=common.TIMEOUT)[0]))
    whole = sorted(durations)[2] * 1.5
    report.at_most("median duration of a save, ms", 1e3 * whole / 1.5)
    for i, fraction in enumerate(common.spread(1, n)):
        target.reset()
        child = start(target.path)
        until = time.monotonic() + fraction * whole
        while time.monotonic() < until:  # sleep() is too coarse for so short a time
            pass
        child.kill()
        child.communicate()
        report.count("kills spread over the save")
        target.check(f"kill {i} at {fraction:.3f} of the save")


def kills_at_calls(report: common.Report, target: Target) -> None:
    """Kill at every system call, until the save gets through."""
    at, step = 0, 1 if report.long else 6
    while True:
        target.reset()
        done = common.call(SCRIPT, "die", target.path, at)
        if done.returncode == 0:
            break
        if not report.expect(done.returncode == -9, f"system call {at}: {common.tail(done)}"):
            return
        report.count("kills at a system call")
        target.check(f"system call {at // 2}, {'after' if at % 2 else 'before'}")
        at += step


def run(report: common.Report) -> None:
    """Both ways; then a last save, which leaves nothing beside the file."""
    with common.folder() as folder:
        target = Target(folder, report)
        spread_kills(report, target, 500 if report.long else 12)
        kills_at_calls(report, target)
        network(1).save(target.path)
        left = sorted(p.name for p in folder.iterdir() if p != target.path)
        report.expect(not left, f"after a last save there are {left}")
        report.at_most("most files beside the target", target.most)
        both = {"old files", "new files"} <= set(report.counts)
        report.expect(both, f"only one kind of outcome: {report.counts}")


if __name__ == "__main__":
    sys.path.insert(0, str(pathlib.Path(SCRIPT).parent))
    common.main(run, {"save": save_when_told, "die": save_and_die})
