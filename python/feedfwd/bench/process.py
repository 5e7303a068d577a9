"""A peer's process, seen from the one that measures."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from typing import Any

THREAD_VARIABLES = (
    "FEEDFWD_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
)


def shown_place(threads: int) -> str:
    """Where a peer runs: its number of threads, or the GPU."""
    return str(threads) if threads else "gpu"


class FailedError(ChildProcessError):
    """The peer could not do what it was asked for, and said why."""


class Process:
    """One peer with a fixed number of threads, or on the GPU (threads 0)."""

    def __init__(self, name: str, threads: int) -> None:
        self.name, self.threads = name, threads
        self.device = "cpu" if threads else "cuda"
        # A session of its own: Ctrl-C reaches the one that measures alone, which then ends us all.
        self._process = subprocess.Popen(
            [sys.executable, "-m", "feedfwd.bench.serve"],
            env={**os.environ, **dict.fromkeys(THREAD_VARIABLES, str(threads or 1))},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        try:
            self.version = str(
                self.ask("begin", name=name, threads=threads or 1, device=self.device)
            )
        except BaseException:
            self.close()
            raise

    @property
    def label(self) -> str:
        """In a line of text."""
        return f"{self.name}/{shown_place(self.threads)}"

    def ask(self, do: str, **more: Any) -> Any:
        """What the peer answers to a request.

        Raises:
            FailedError: it says that it could not.
            ChildProcessError: it ended.
        """
        assert self._process.stdin is not None and self._process.stdout is not None
        with contextlib.suppress(BrokenPipeError):  # readline() tells
            print(json.dumps({"do": do, **more}), file=self._process.stdin, flush=True)
        line = self._process.stdout.readline()
        if not line:
            raise ChildProcessError(f"peer {self.label} ended with status {self._process.wait()}")
        found = json.loads(line)
        if "failed" in found:
            raise FailedError(f"peer {self.label}: {found['failed']}")
        return found["answer"]

    def close(self) -> None:
        """End it, and what it started."""
        if hasattr(os, "killpg"):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
        else:
            self._process.kill()
        self._process.communicate()
