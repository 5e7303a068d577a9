"""``feedfwd bench``."""

from __future__ import annotations

import pathlib
from typing import Any

from feedfwd.bench import cases, peers, report, timing
from feedfwd.bench.process import shown_place
from feedfwd.cli.info import gpu
from feedfwd.cli.train import check_writable

ROWS, ROUNDS, TURN_SECONDS = 4096, 3, 0.1
QUICK_ROWS, QUICK_ROUNDS, QUICK_TURN_SECONDS = 2048, 2, 0.03


def bench(options: Any) -> int:
    """Measure, with a line as each case ends; then the table."""
    for argument in ("plot", "json"):
        check_writable(getattr(options, argument), argument)
    wanted = cases_of(options)
    names = peers.NAMES if "all" in options.peers else options.peers
    names = ["feedfwd", *(n for n in names if n != "feedfwd")]
    threads = options.threads or timing.thread_counts()
    rounds = options.rounds or (QUICK_ROUNDS if options.quick else ROUNDS)
    seconds = QUICK_TURN_SECONDS if options.quick else TURN_SECONDS
    where = f"{timing.cpu_model()}, {timing.usable_cpus()} CPUs"
    if options.device != "cpu":
        state = gpu()
        if state["usable"]:
            threads = [0] if options.device == "cuda" else [*threads, 0]
            where += f", {timing.gpu_name()}"
        elif options.device == "cuda":
            raise ValueError(f"--device: {state['why']}")
        else:
            say(f"no GPU, so the CPU part alone: {state['why']}")
    counts = ", ".join(map(shown_place, threads))
    say(f"{where}; {len(wanted)} cases by {', '.join(names)}; threads: {counts}; rounds: {rounds}")
    found = timing.compare(wanted, names, threads, rounds, seconds, say)
    print(f"\n{report.tables(found)}")
    if options.plot is not None:
        report.plot(found, options.plot)
        print(f"picture: {pathlib.Path(options.plot).resolve()}")
    if options.json is not None:
        timing.save(options.json, "feedfwd bench", found)
        print(f"figures: {pathlib.Path(options.json).resolve()}")
    return 0


def cases_of(options: Any) -> list[cases.Case]:
    """Every network at every batch size, its predictions, the products."""
    rows = options.rows or (QUICK_ROWS if options.quick else ROWS)
    batches = options.batch_sizes if options.networks else []
    if max(batches, default=0) > rows:
        raise ValueError(f"--batch-sizes: got {max(batches)}, expected at most the {rows} --rows")
    wanted: list[cases.Case] = []
    for widths in options.networks:
        loss = "mse" if widths[-1] == 1 else "crossentropy"
        wanted += [
            cases.Training(widths, batch, rows, options.optimizer, loss) for batch in batches
        ]
    for widths in options.networks:
        wanted += [cases.Prediction(widths, n) for n in options.predict]
    wanted += [cases.Product(*shape) for shape in options.products]
    if not wanted:
        raise ValueError("nothing is to be measured: every part is none")
    if options.plot is not None and not report.panels(wanted):
        raise ValueError(
            "--plot: nothing to draw: name several --batch-sizes, or --networks that differ in "
            "the width of their hidden layers"
        )
    return wanted


def say(text: str) -> None:
    """At once, also where the output is a pipe."""
    print(text, flush=True)
