"""Timing side by side: peers in processes of their own, in turns (A B A B ...), with spread, JSON.

A benchmark calls ``compare(__file__, ...)``, which starts it again as ``--serve PEER`` per peer.
"""

from __future__ import annotations

import contextlib
import datetime
import json
import os
import pathlib
import platform
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

ROOT = pathlib.Path(__file__).resolve().parents[1]
SHORTEST = 0.1  # seconds a measurement lasts at least: far above the scheduler's grain
THREAD_VARIABLES = (
    "FEEDFWD_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
)


def usable_cpus() -> int:
    """CPUs this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Peer:
    """A benchmark's own process for one competitor, with a fixed number of threads."""

    def __init__(self, script: str, name: str, threads: int) -> None:
        environment = {**os.environ, **dict.fromkeys(THREAD_VARIABLES, str(threads))}
        self.name = name
        self._process = subprocess.Popen(
            [sys.executable, script, "--serve", name],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, question: str) -> Any:
        """The peer's answer to "check" (whatever it is to be compared by) or "time" (seconds)."""
        assert self._process.stdin is not None and self._process.stdout is not None
        with contextlib.suppress(BrokenPipeError):  # readline() tells
            print(question, file=self._process.stdin, flush=True)
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"peer {self.name!r} ended with status {self._process.wait()}")
        return json.loads(line)

    def close(self) -> None:
        """End the process."""
        self._process.communicate()


def serve(check: Callable[[], Any], run: Callable[[], Any]) -> None:
    """Answer a Peer: `check` gives something to compare, `run` is what is timed."""
    repeats = 0
    for question in sys.stdin:
        if question.strip() == "check":
            print(json.dumps(check()), flush=True)
            continue
        while repeats == 0:  # warm, and find how many runs last long enough
            run()
            start = time.perf_counter()
            run()
            repeats = 1 + int(SHORTEST / max(time.perf_counter() - start, 1e-9))
        start = time.perf_counter()
        for _ in range(repeats):
            run()
        print(json.dumps((time.perf_counter() - start) / repeats), flush=True)


def spread(values: Sequence[float]) -> dict[str, float]:
    """Median, quartiles and extremes."""
    low, median, high = (
        statistics.quantiles(values, n=4, method="inclusive")
        if len(values) > 1
        else [values[0]] * 3
    )
    return {
        "median": median,
        "quartile_1": low,
        "quartile_3": high,
        "min": min(values),
        "max": max(values),
    }


def compare(script: str, names: Sequence[str], threads: int, rounds: int) -> dict[str, Any]:
    """Checks and times of the peers; ratios are each round's, of every peer to the first.

    With `rounds` 0 only the checks.
    """
    peers = [Peer(script, name, threads) for name in names]
    try:
        checks = {p.name: p.ask("check") for p in peers}
        times: dict[str, list[float]] = {p.name: [] for p in peers}
        for turn in range(rounds + 1 if rounds else 0):
            for p in peers:
                seconds = p.ask("time")
                if turn > 0:  # the first is the warm-up
                    times[p.name].append(seconds)
    finally:
        for p in peers:
            p.close()
    found: dict[str, Any] = {"threads": threads, "checks": checks}
    if rounds:
        base = times[names[0]]
        ratios = {n: [t / b for t, b in zip(times[n], base, strict=True)] for n in names[1:]}
        found["seconds"] = {n: {**spread(t), "all": t} for n, t in times.items()}
        found["ratio_to_" + names[0]] = {n: spread(r) for n, r in ratios.items()}
    return found


def _git(*arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(ROOT), *arguments], capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()


def _cpu_model() -> str:
    try:
        text = pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        text = ""
    found = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    return found[1] if found else platform.processor()


def circumstances() -> dict[str, Any]:
    """Machine, compiler, versions and commit, which every result carries."""
    import feedfwd as ff
    import numpy as np
    from feedfwd import _core

    binary = pathlib.Path(_core.__file__).read_bytes()
    compilers = {
        c.decode() for c in re.findall(rb"(?:GCC: \([^)\0]*\) |clang version )[0-9.]+", binary)
    }
    built = np.show_config(mode="dicts")
    blas = built["Build Dependencies"]["blas"]
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "machine": {
            "cpu": _cpu_model(),
            "usable_cpus": usable_cpus(),
            "architecture": platform.machine(),
            "system": f"{platform.system()} {platform.release()}",
            "load_average": os.getloadavg()[0],
        },
        "instruction_set": _core.active_isa(),
        "compiler": sorted(compilers),
        "versions": {
            "feedfwd": ff.__version__,
            "numerics": _core.numerics_version,
            "python": platform.python_version(),
            "numpy": np.__version__,
            "blas": f"{blas['name']} {blas['version']}",
        },
        "commit": _git("rev-parse", "HEAD"),
        "uncommitted_changes": bool(_git("status", "--porcelain", "--untracked-files=no")),
    }


def save(name: str, results: Any) -> pathlib.Path:
    """Write results with their circumstances to bench/results/DATE-NAME.json."""
    record = {"benchmark": name, **circumstances(), "results": results}
    folder = ROOT / "bench" / "results"
    folder.mkdir(exist_ok=True)
    path = folder / f"{record['date'][:10]}-{name}.json"
    path.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    print(f"written: {path.relative_to(ROOT)}")
    return path


def show(found: dict[str, Any]) -> None:
    """One comparison on the terminal."""
    for name, s in found["seconds"].items():
        print(
            f"  {name:<10} {s['median'] * 1e3:9.2f} ms   "
            f"quartiles {s['quartile_1'] * 1e3:.2f} to {s['quartile_3'] * 1e3:.2f}"
        )
    for base, ratios in ((k, v) for k, v in found.items() if k.startswith("ratio_to_")):
        for name, s in ratios.items():
            print(
                f"  {name} / {base.removeprefix('ratio_to_')}: {s['median']:.3f}   "
                f"quartiles {s['quartile_1']:.3f} to {s['quartile_3']:.3f}"
            )


def thread_counts() -> list[int]:
    """1, and all usable CPUs where there are more."""
    return sorted({1, usable_cpus()})
