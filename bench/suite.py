"""The whole comparison: training, prediction and matrix products beside the peers, as a table.

    python bench/suite.py [--parts training,prediction,product] [--only TEXT] [--peers torch,jax]
                          [--threads 1,2] [--rounds 5] [--out FILE]

Every peer that is installed takes part (make bench-peers installs them); one that is not is a gap.
Time on a machine that does nothing else.
"""

from __future__ import annotations

import argparse
import pathlib

from feedfwd.bench import cases, peers, report, timing
from feedfwd.cli import arguments
from feedfwd.cli.bench import say

RESULTS = pathlib.Path(__file__).parent / "results"
PARTS = {"training": cases.TRAINING, "prediction": cases.PREDICTION, "product": cases.PRODUCT}


def main() -> None:
    """Measure, print the table as Markdown, keep the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument(
        "--parts", type=lambda text: text.split(","), default=list(PARTS), metavar="PART,..."
    )
    parser.add_argument("--only", metavar="TEXT", help="cases whose name in the table holds it")
    parser.add_argument(
        "--peers", type=arguments.listed(arguments.peer), default=["all"], metavar="NAME,..."
    )
    parser.add_argument("--threads", type=arguments.listed(arguments.at_least(1)), metavar="N,...")
    parser.add_argument("--rounds", type=arguments.at_least(1), default=5, metavar="N")
    parser.add_argument(
        "--out", metavar="FILE", help="JSON; default: bench/results/DATE-suite.json"
    )
    options = parser.parse_args()
    if not set(options.parts) <= set(PARTS):
        parser.error(f"--parts: got {','.join(options.parts)}, expected some of {','.join(PARTS)}")
    wanted = [c for part in options.parts for c in PARTS[part] if (options.only or "") in c.name]
    if not wanted:
        parser.error(f"--only: no case's name holds {options.only!r}")
    names = peers.NAMES if "all" in options.peers else options.peers
    threads = options.threads or timing.thread_counts()
    found = timing.compare(wanted, names, threads, options.rounds, say=say)
    print(f"\n{report.tables(found, markdown=True)}")
    if options.out is None:
        timing.keep(RESULTS, "suite", found)
    else:
        timing.save(options.out, "suite", found)


if __name__ == "__main__":
    main()
