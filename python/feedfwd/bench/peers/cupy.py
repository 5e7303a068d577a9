"""CuPy: matrix products alone, by cuBLAS."""

from __future__ import annotations

from typing import Any

import cupy

from feedfwd.bench import cases
from feedfwd.bench.serve import Work

ROTATED_BYTES = 256 << 20  # more than a GPU's cache holds


class Peer:
    """On the GPU alone; products are float32's, not TF32's, as is its default."""

    def __init__(self, threads: int, device: str) -> None:
        cupy.zeros(1)  # fails here where there is none
        self.version = str(cupy.__version__)

    def product(self, case: cases.Product) -> Work:
        a, b = (cupy.asarray(v) for v in case.data())
        out: Any = cupy.empty((case.m, case.n), cupy.float32)
        count = min(8, 1 + ROTATED_BYTES // (4 * (case.m * case.k + case.k * case.n)))
        pairs = [(a, b), *((a.copy(), b.copy()) for _ in range(count - 1))]

        def run(n: int = 1) -> None:
            for i in range(n):
                cupy.matmul(*pairs[i % count], out=out)

        def clock(n: int) -> float:
            begun, ended = cupy.cuda.Event(), cupy.cuda.Event()
            begun.record()
            run(n)
            ended.record()
            ended.synchronize()
            return 1e-3 * float(cupy.cuda.get_elapsed_time(begun, ended))

        return lambda: cupy.asnumpy(a @ b).ravel()[:20].tolist(), run, clock
