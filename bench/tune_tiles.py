"""Which tile of the GPU's matmul for which product: measure them all, write what is best.

    python bench/tune_tiles.py FOLDER

writes FOLDER/tiles.json, every product's times by every tile, and FOLDER/tiles.txt, which the
environment variable FEEDFWD_TILES names for feedfwd to use. The bits do not depend on it.
"""

from __future__ import annotations

import itertools
import json
import os
import pathlib
import subprocess
import sys

import numpy as np

SIDES = (64, 128, 256, 512, 1024, 2048, 4096)
TILES = {"float32": (128, 64, 32), "float64": (64, 32)}
LEAST = (0.12, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0)  # blocks per processor
SECONDS = 0.004
NEVER = 1e9


def products() -> list[tuple[int, int, int]]:
    """(m, n, k) of the sizes that layers and batches have."""
    squares = [(n, n, n) for n in SIDES]
    layers = [(b, n, k) for b in (128, 1024, 8192) for n in (64, 512) for k in (64, 784)]
    return [*squares, *layers, *((n, k, b) for b, n, k in layers)]


def measure(dtype: str) -> list[float]:
    """Seconds of every product in this process."""
    import feedfwd as ff
    from feedfwd import _core
    from feedfwd.bench.serve import seconds_of

    found = []
    for m, n, k in products():
        a, b = (
            _core.to_device(ff.ops.convert_to_tensor(np.ones(shape, dtype)), "cuda")
            for shape in ((m, k), (k, n))
        )

        def run(times: int, a: ff.Tensor = a, b: ff.Tensor = b) -> None:
            for _ in range(times):
                ff.ops.matmul(a, b)

        run(3)
        seconds = sorted(
            seconds_of(
                run, SECONDS, lambda t, run=run: _core.device_seconds("cuda", lambda: run(t))
            )
            for _ in range(3)
        )
        found.append(seconds[1])
    return found


def with_tiles(folder: pathlib.Path, dtype: str, least: tuple[float, ...]) -> list[float]:
    """The same in a process that chooses its tiles that way."""
    path = folder / "forced.txt"
    path.write_text(f"{dtype} {' '.join(map(str, least))}\n")
    command = [sys.executable, __file__, "--measure", dtype]
    env = {**os.environ, "FEEDFWD_TILES": str(path)}
    done = subprocess.run(command, env=env, stdout=subprocess.PIPE, text=True, check=True)
    path.unlink()
    found: list[float] = json.loads(done.stdout)
    return found


def chosen(
    tiles: tuple[int, ...], least: tuple[float, ...], size: tuple[int, int, int], count: int
) -> int:
    """The tile that cuda/gemm.cu takes: the first of which enough come out, if it is no waste."""
    m, n, k = size
    chunks, itemsize = -(-k // 384), 4 if len(tiles) == len(TILES["float32"]) else 8
    for i, (tile, wanted) in enumerate(zip(tiles[:-1], least, strict=False)):
        if m <= tile // 2 and n <= tile // 2:
            continue
        blocks = -(-m // tile) * -(-n // tile)
        if chunks > 1 and blocks < 2 * count and m * n * chunks * itemsize <= 256 << 20:
            blocks *= chunks
        if blocks >= wanted * count:
            return i
    return len(tiles) - 1


def main() -> None:
    """Every tile by force, then the numbers that choose best."""
    if sys.argv[1] == "--measure":
        print(json.dumps(measure(sys.argv[2])))
        return
    from feedfwd import _core

    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    count = _core.device_processors("cuda")
    record: dict[str, object] = {"gpu": _core.device_name("cuda"), "products": products()}
    lines = []
    for dtype, tiles in TILES.items():
        times = [
            with_tiles(folder, dtype, tuple(0.0 if j >= i else NEVER for j in range(len(tiles))))
            for i in range(len(tiles))
        ]

        def loss(
            least: tuple[float, ...],
            times: list[list[float]] = times,
            tiles: tuple[int, ...] = tiles,
        ) -> float:
            total = 0.0
            for p, size in enumerate(products()):
                taken = times[chosen(tiles, least, size, count)][p]
                total += np.log(taken / min(t[p] for t in times))
            return total

        best = min(itertools.product(LEAST, repeat=len(tiles) - 1), key=loss)
        lines.append(f"{dtype} {' '.join(map(str, (*best, 0)))}")
        lost = float(np.exp(loss(best) / len(products())))
        print(f"{lines[-1]}: {lost:.3f} times the best tile's time in the geometric mean")
        record[dtype] = {"tiles": tiles, "seconds": times, "least": best, "lost": lost}
    (folder / "tiles.txt").write_text("\n".join(lines) + "\n")
    (folder / "tiles.json").write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
