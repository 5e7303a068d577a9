"""Run the fault scripts: `python tests/faults/run.py [--long] [--json FILE] [NAME ...]`.

Each is a program of its own, in a process of its own; the package is the one that this interpreter
imports. Exits with 1 if any of them found something.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile
import time
from typing import Any

HERE = pathlib.Path(__file__).resolve().parent
# Seconds that the long form may take.
SCRIPTS = {
    "kill9_save": 1800,
    "kill9_fit": 1800,
    "disk": 1800,
    "sigint": 7200,
    "limits": 1200,
    "neighbours": 3600,
    "hygiene": 600,
    "memory": 5400,
}


def run(name: str, long: bool, folder: str) -> dict[str, Any]:
    """One script: its counts, or how it ended."""
    asked = [sys.executable, str(HERE / f"{name}.py"), *(["--long"] if long else [])]
    begin = time.monotonic()
    counts = pathlib.Path(folder) / f"{name}.json"
    try:
        code = subprocess.run(
            [*asked, "--json", str(counts)], check=False, timeout=SCRIPTS[name], cwd=folder
        ).returncode
    except subprocess.TimeoutExpired:
        code = -1
    found: dict[str, Any] = json.loads(counts.read_text()) if counts.exists() else {}
    if code != 0 and not found.get("findings"):
        found.setdefault("counts", {})
        found["findings"] = [f"ended with {'no end' if code == -1 else f'return code {code}'}"]
    return {"seconds": round(time.monotonic() - begin, 1), **found}


def main() -> None:
    """All, or those that were named."""
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(SCRIPTS))
    parser.add_argument("--long", action="store_true", help="all repetitions, not a few")
    parser.add_argument("--json", metavar="FILE", help="write the counts there")
    options = parser.parse_args()
    unknown = set(options.names) - set(SCRIPTS)
    if unknown:
        parser.error(f"unknown: {', '.join(sorted(unknown))}; known: {', '.join(SCRIPTS)}")
    results = {}
    with tempfile.TemporaryDirectory(prefix="feedfwd-faults-") as folder:
        for name in options.names or SCRIPTS:
            results[name] = run(name, options.long, folder)
    print(f"\n{'script':<12}{'seconds':>9}{'checks':>9}{'findings':>10}  repetitions")
    for name, found in results.items():
        counts = dict(found["counts"])
        checks = counts.pop("checks", 0)
        told = ", ".join(f"{n} {what}" for what, n in counts.items())
        print(f"{name:<12}{found['seconds']:>9}{checks:>9}{len(found['findings']):>10}  {told}")
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps(results, indent=1) + "\n")
    sys.exit(1 if any(found["findings"] for found in results.values()) else 0)


if __name__ == "__main__":
    main()
