"""Run a build and show where it is: `python scripts/show_build.py COMMAND ...`.

Of the output only ninja's steps, `[7/80] ...`, are shown: as one line that changes in a terminal,
each tenth of the way elsewhere. If the command fails, all that it said is printed.
"""

from __future__ import annotations

import re
import subprocess
import sys
import time

STEP = re.compile(r"^\s*\[(\d+)/(\d+)\] (.*)")


def show(done: int, total: int, what: str, tenths: int) -> int:
    """One step; the tenths of the way that are told."""
    if sys.stdout.isatty():
        text = f"building {done}/{total}  {what}"[:78]
        print(f"\r{text:<78}", end="", flush=True)
    elif 10 * done // total > tenths or done == 1:
        print(f"building {done}/{total}", flush=True)
    return max(tenths, 10 * done // total)


def main() -> int:
    """The command's exit status."""
    start, said, tenths = time.monotonic(), [], 0
    process = subprocess.Popen(
        sys.argv[1:], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    )
    assert process.stdout is not None
    print("preparing the build ...", flush=True)
    for line in process.stdout:
        said.append(line)
        step = STEP.match(line)
        if step:
            what = step[3].rsplit("/", 1)[-1].removesuffix(".o")
            tenths = show(int(step[1]), int(step[2]), what, tenths)
    status = process.wait()
    if sys.stdout.isatty():
        print("\r" + " " * 78 + "\r", end="")
    if status:
        print("".join(said))
        print(f"the build failed (exit status {status}); its output is above", flush=True)
    else:
        print(f"built and installed in {time.monotonic() - start:.0f} s", flush=True)
    return status


if __name__ == "__main__":
    raise SystemExit(main())
