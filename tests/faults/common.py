"""What the fault scripts share: counting, children, and small things to train."""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

TIMEOUT = 120


class Report:
    """Counts of one script, and what it found."""

    def __init__(self, name: str, long: bool) -> None:
        self.name, self.long = name, long
        self.counts: dict[str, int] = {}
        self.findings: list[str] = []
        self.gaps: list[str] = []
        self.notes: dict[str, float] = {}

    def count(self, what: str, n: int = 1) -> None:
        """Something was tried."""
        self.counts[what] = self.counts.get(what, 0) + n

    def expect(self, holds: Any, text: str) -> bool:
        """A check; one that fails is a finding."""
        self.count("checks")
        if not holds:
            self.findings.append(text)
            print(f"FINDING {self.name}: {text}", flush=True)
        return bool(holds)

    def gap(self, text: str) -> None:
        """Something this machine cannot show."""
        self.gaps.append(text)

    def at_most(self, what: str, value: float) -> None:
        """Keep the largest value seen."""
        self.notes[what] = max(self.notes.get(what, value), value)

    def show(self) -> None:
        """Print it."""
        form = "long" if self.long else "short"
        counts = ", ".join(f"{v} {k}" for k, v in self.counts.items())
        print(f"{self.name} ({form}): {counts}, {len(self.findings)} findings")
        for what, value in self.notes.items():
            print(f"  {what}: {value:.4g}")
        for gap in self.gaps:
            print(f"  not tried here: {gap}")

    def as_json(self) -> dict[str, Any]:
        """For the runner."""
        return {
            "long": self.long,
            "counts": self.counts,
            "measured": self.notes,
            "findings": self.findings,
            "gaps": self.gaps,
        }


def main(
    run: Callable[[Report], None],
    children: dict[str, Callable[..., Any]] | None = None,
) -> None:
    """Run one script: `script.py [--long]`, or as its own child `script.py --child NAME ARGS`."""
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:  # as shells start background jobs
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if sys.argv[1:2] == ["--child"]:
        assert children is not None
        children[sys.argv[2]](*sys.argv[3:])
        return
    parser = argparse.ArgumentParser()
    parser.add_argument("--long", action="store_true", help="all repetitions, not a few")
    parser.add_argument("--json", metavar="FILE", help="write the counts there")
    options = parser.parse_args()
    report = Report(pathlib.Path(sys.argv[0]).stem, options.long)
    run(report)
    report.show()
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps(report.as_json(), indent=1))
    sys.exit(1 if report.findings else 0)


def command(script: str, *args: Any) -> list[str]:
    """The command line of a child of `script`."""
    return [sys.executable, "-u", script, "--child", *map(str, args)]


def environment(**extra: str) -> dict[str, str]:
    """The environment of a child: ours, and `extra`."""
    return {**os.environ, **extra}


def call(
    script: str, *args: Any, timeout: float = TIMEOUT, **options: Any
) -> subprocess.CompletedProcess[str]:
    """Run a child to its end; a child that hangs has the return code -999."""
    try:
        return subprocess.run(
            command(script, *args),
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
            **options,
        )
    except subprocess.TimeoutExpired as error:
        told = (error.stdout or b"").decode(errors="replace")
        return subprocess.CompletedProcess(error.cmd, -999, told, f"hung for {timeout} s")


def tail(done: subprocess.CompletedProcess[str]) -> str:
    """How a child ended, in a line."""
    last = (done.stderr or "").strip().splitlines()[-1:]
    return f"return code {done.returncode} {' '.join(last)}"


@contextmanager
def folder() -> Iterator[pathlib.Path]:
    """A temporary directory."""
    with tempfile.TemporaryDirectory(prefix="feedfwd-faults-") as name:
        yield pathlib.Path(name)


def spread(seed: int, n: int) -> list[float]:
    """n numbers in (0, 1), one in each n-th of it, in a random order."""
    import numpy as np

    rng = np.random.default_rng(seed)
    return list(rng.permutation((np.arange(n) + rng.random(n)) / n))


def digest(arrays: Any) -> str:
    """The bits of arrays, shortened."""
    import numpy as np

    found = hashlib.sha256()
    for array in arrays:
        array = np.ascontiguousarray(array)
        found.update(f"{array.dtype}{array.shape}".encode())
        found.update(array.tobytes())
    return found.hexdigest()[:24]
