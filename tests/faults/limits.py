"""Limits of memory, threads and CPUs: errors are MemoryError, bits stay the same."""

from __future__ import annotations

import os
import pathlib
import resource
import sys
from collections.abc import Callable
from typing import Any

import common
import feedfwd as ff
import numpy as np

SCRIPT = __file__
NOBODY = 65534
CGROUPS = pathlib.Path("/sys/fs/cgroup")


def small() -> str:
    """A fit whose matrices are shared among threads; its bits."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(256, 64)), rng.normal(size=(256, 3))
    layers = [ff.layers.Dense(256, "tanh"), ff.layers.Dropout(0.1), ff.layers.Dense(3)]
    model = ff.Sequential([ff.Input((64,)), *layers], seed=0)
    ff.Trainer(model, "adam", "mse").fit(x, y, epochs=2, batch_size=64, verbose=0)
    return common.digest([*model.get_weights(), model.predict(x)])


def too_large(units: int) -> dict[str, Callable[[], Any]]:
    """Things that need more memory than there is."""

    def build() -> None:
        ff.Sequential([ff.Input((units,)), ff.layers.Dense(units)], seed=0).get_weights()

    def build_at_fit() -> None:
        model = ff.Sequential([ff.layers.Dense(units), ff.layers.Dense(1)], seed=0)
        ff.Trainer(model, "adam", "mse").fit(np.ones((2, units)), np.ones(2), verbose=0)

    middle = max(2, int(units * 0.6))
    fitting = ff.Sequential([ff.Input((4,)), ff.layers.Dense(8)], seed=0)

    def fit() -> None:
        # The weights fit in, the gradients and Adam's state do not.
        model = ff.Sequential([ff.Input((middle,)), ff.layers.Dense(middle)], seed=0)
        ones = np.ones((2, middle), np.float32)
        ff.Trainer(model, "adam", "mse").fit(ones, ones, epochs=1, verbose=0)

    def predict() -> None:
        rows = np.broadcast_to(np.float32(1), (units * units // 6, 4))
        fitting.predict(rows)

    def operator() -> None:
        ff.ops.exp(ff.ops.broadcast_to(ff.Variable(1.0), (units, units)))

    def batch() -> None:
        model = ff.Sequential([ff.Input((1,)), ff.layers.Dense(units), ff.layers.Dense(1)], seed=0)
        rows = np.ones((units, 1), np.float32)
        ff.Trainer(model, "sgd", "mse").fit(rows, rows, batch_size=units, verbose=0)

    def draw() -> None:
        ff.random.normal((units, units), seed=0)

    return {
        "build": build,
        "build in fit": build_at_fit,
        "fit": fit,
        "predict": predict,
        "an operator": operator,
        "a large batch": batch,
        "random numbers": draw,
    }


def little_memory(spare: str, want: str) -> None:
    """Child: as much address space as there is in use, and `spare` MB."""
    report = common.Report("limits", False)
    report.expect(small() == want, "before the limit: other bits")
    used = int(pathlib.Path("/proc/self/statm").read_text().split()[0])
    limit = used * os.sysconf("SC_PAGE_SIZE") + (int(spare) << 20)
    units = int((int(spare) * 2**20 / 4) ** 0.5 * 1.1)
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    for name, work in too_large(units).items():
        where = f"{spare} MB left, {name}"
        try:
            work()
            report.expect(False, f"{where}: no error")
        except MemoryError:
            pass
        except BaseException as error:
            report.expect(False, f"{where}: {type(error).__name__}: {error}")
        try:
            report.expect(small() == want, f"{where}: other bits afterwards")
        except BaseException as error:
            report.expect(False, f"{where}: afterwards {type(error).__name__}: {error}")
    sys.exit(1 if report.findings else 0)


def few_threads(most: str, want: str) -> None:
    """Child: as a user who may start no more threads."""
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
    resource.setrlimit(resource.RLIMIT_NPROC, (int(most), int(most)))
    ff.set_num_threads(8)
    found = small()
    print(found, len(os.listdir("/proc/self/task")))
    sys.exit(0 if found == want else 1)


def threads(cpus: str) -> None:
    """Child: on these CPUs; what the package makes of it, in a fresh process."""
    if cpus:
        os.sched_setaffinity(0, {int(c) for c in cpus.split(",")})
        os.execv(sys.executable, common.command(SCRIPT, "threads", ""))
    print(ff.get_num_threads(), small())


def in_group(group: str) -> None:
    """Child: move into a control group, then begin again."""
    (pathlib.Path(group) / "cgroup.procs").write_text(str(os.getpid()))
    os.execv(sys.executable, common.command(SCRIPT, "threads", ""))


def memory(report: common.Report, want: str) -> None:
    """Several amounts of memory."""
    for spare in (32, 64, 128, 256) if report.long else (48,):
        done = common.call(SCRIPT, "memory", spare, want)
        report.count("allocations refused", len(too_large(2)))
        text = f"{spare} MB: {done.stdout[-900:]} {common.tail(done)}"
        report.expect(done.returncode == 0, text)


def thread_limit(report: common.Report, want: str) -> None:
    """No threads, or a few."""
    for most in (1, 2, 4) if report.long else (1,):
        done = common.call(SCRIPT, "few", most, want)
        report.count("limits of threads")
        text = f"at most {most} threads: {done.stdout} {common.tail(done)}"
        report.expect(done.returncode == 0, text)


def affinity(report: common.Report, want: str) -> None:
    """One CPU, then each number of them."""
    cpus = sorted(os.sched_getaffinity(0))
    for n in range(1, len(cpus) + 1) if report.long else (1,):
        chosen = ",".join(map(str, cpus[:n]))
        clean = {k: v for k, v in os.environ.items() if k != "FEEDFWD_NUM_THREADS"}
        done = common.call(SCRIPT, "threads", chosen, env=clean)
        report.count("sets of CPUs")
        found = done.stdout.split()
        text = f"CPUs {chosen}: {found} {common.tail(done)}"
        if report.expect(len(found) == 2, text):
            report.expect(int(found[0]) <= n and found[1] == want, text)


def group_with_quota(cpus: float) -> pathlib.Path | None:
    """A new control group with that much CPU time, of version 2 or 1; None without the right."""
    for parent, file, text in (
        (CGROUPS, "cpu.max", f"{int(cpus * 100000)} 100000"),
        (CGROUPS / "cpu", "cpu.cfs_quota_us", f"{int(cpus * 100000)}"),
    ):
        group = parent / f"feedfwd-faults-{os.getpid()}"
        try:
            group.mkdir()
        except OSError:
            continue
        try:
            if (group / file).exists():
                (group / file).write_text(text)
                return group
        except OSError:
            pass
        group.rmdir()
    return None


def quota(report: common.Report, want: str) -> None:
    """Half a CPU and one and a half: one thread and two."""
    usable = len(os.sched_getaffinity(0))
    for cpus, most in ((0.5, 1), (1.0, 1), (1.5, 2)):
        group = group_with_quota(cpus)
        if group is None:
            report.gap("a quota of CPU time: no right to make a control group")
            return
        try:
            clean = {k: v for k, v in os.environ.items() if k != "FEEDFWD_NUM_THREADS"}
            done = common.call(SCRIPT, "group", group, env=clean)
        finally:
            group.rmdir()
        report.count("quotas of CPU time")
        text = f"{cpus} CPUs: {done.stdout} {common.tail(done)}"
        found = done.stdout.split()
        right = len(found) == 2 and int(found[0]) == min(most, usable) and found[1] == want
        report.expect(right, text)


def run(report: common.Report) -> None:
    """All limits."""
    want = small()
    memory(report, want)
    thread_limit(report, want)
    affinity(report, want)
    quota(report, want)


CHILDREN = {"memory": little_memory, "few": few_threads, "threads": threads, "group": in_group}

if __name__ == "__main__":
    common.main(run, CHILDREN)
