"""What a start costs: import time beyond NumPy's, and the size of what is installed.

    python bench/start.py [--rounds 15]

Each round starts an interpreter that imports NumPy and then the package, and asks what the second
import took.
"""

from __future__ import annotations

import argparse
import pathlib
import subprocess
import sys
import tempfile
import zipfile

import feedfwd as ff
from feedfwd.bench import timing

RESULTS = pathlib.Path(__file__).parent / "results"
ASK = (
    "import time, numpy\n"
    "start = time.perf_counter()\n"
    "import feedfwd\n"
    "print(time.perf_counter() - start)"
)


def import_seconds() -> float:
    """Of one fresh interpreter."""
    done = subprocess.run([sys.executable, "-c", ASK], capture_output=True, text=True, check=True)
    return float(done.stdout)


def compressed_bytes() -> int:
    """The installed package, packed as a wheel packs it."""
    folder = pathlib.Path(ff.__file__).parent
    with (
        tempfile.TemporaryFile() as packed,
        zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive,
    ):
        for path in sorted(folder.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                archive.write(path, path.relative_to(folder.parent))
        archive.close()
        return packed.tell()


def main() -> None:
    """Print both, and keep them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    size = compressed_bytes()
    print(f"start: {size / 1e6:.2f} MB packed")
    if rounds:
        import_seconds()  # what it needs is in the disk's cache now
        taken = timing.spread([import_seconds() for _ in range(rounds)])
        print(
            f"start: import {1e3 * taken['median']:.0f} ms beyond NumPy's, quartiles "
            f"{1e3 * taken['quartile_1']:.0f} to {1e3 * taken['quartile_3']:.0f}"
        )
        timing.keep(RESULTS, "start", {"import_seconds": taken, "packed_bytes": size})


if __name__ == "__main__":
    main()
