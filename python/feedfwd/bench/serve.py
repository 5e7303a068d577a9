"""One peer in a process of its own: ``python -m feedfwd.bench.serve``, which `process` starts.

Requests are lines of JSON on standard input, answers lines on what was standard output.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any

from feedfwd.bench import cases

# Something to compare; what is timed; where it goes on after it has come back, a clock: it times so
# many runs by the device's events.
Work = (
    tuple[Callable[[], Any], Callable[[], Any]]
    | tuple[Callable[[], Any], Callable[[], Any], Callable[[int], float]]
)


def host_clock(run: Callable[[], Any], repeats: int) -> float:
    """Seconds of so many runs."""
    start = time.perf_counter()
    for _ in range(repeats):
        run()
    return time.perf_counter() - start


def seconds_of(
    run: Callable[[], Any], at_least: float, clock: Callable[[int], float] | None = None
) -> float:
    """Seconds of one run, of as many as last long enough."""
    repeats = 1
    while True:
        taken = clock(repeats) if clock else host_clock(run, repeats)
        if taken >= at_least:
            return taken / repeats
        repeats = max(2 * repeats, int(1.1 * repeats * at_least / max(taken, 1e-9)))


class Server:
    """What can be asked of a peer."""

    peer: Any
    work: Work

    def begin(self, name: str, threads: int, device: str = "cpu") -> str:
        """Load the library; its version."""
        peer = importlib.import_module(f"feedfwd.bench.peers.{name}").Peer
        self.peer = peer(threads) if device == "cpu" else peer(threads, device)
        version: str = self.peer.version
        return version

    def start(self, case: dict[str, Any]) -> bool:
        """Make ready for a case; whether the library has such a thing."""
        make = getattr(self.peer, case["kind"], None)
        work: Work | None = None if make is None else make(cases.from_dict(case))
        if work is not None:
            self.work = work
        return work is not None

    def check(self) -> list[float]:
        """What is compared."""
        found: list[float] = self.work[0]()
        return found

    def time(self, at_least: float) -> float:
        """Seconds of what is timed."""
        return seconds_of(self.work[1], at_least, *self.work[2:])

    def forget(self) -> None:
        """Let the case's memory go."""
        self.__dict__.pop("work", None)
        gc.collect()


def main() -> None:
    """Answer until the input ends."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print is no answer
    server = Server()
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = {"answer": getattr(server, request.pop("do"))(**request)}
        except Exception as error:
            why = (str(error).strip().splitlines() or ["no reason given"])[0]
            answer = {"failed": f"{type(error).__name__}: {why}"}
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
