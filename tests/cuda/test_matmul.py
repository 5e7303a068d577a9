"""Products of all shapes and transposes, and sums over many rows: the CPU's bits."""

from __future__ import annotations

import feedfwd as ff
import numpy as np
import pytest
from feedfwd import _core

# Around the tiles (32, 64, 128), their depth and the chunks of 384; skinny, single, empty.
SHAPES = [
    (1, 1, 1), (1, 5, 17), (5, 1, 384), (31, 33, 8), (32, 64, 16), (33, 65, 15), (64, 31, 383),
    (65, 64, 384), (63, 127, 385), (128, 128, 40), (129, 130, 17), (2, 300, 770), (300, 2, 33),
    (17, 9, 1153), (3, 3, 3000), (127, 257, 64), (0, 4, 5), (4, 0, 5), (4, 5, 0), (260, 140, 400),
]  # fmt: skip


def operands(m: int, n: int, k: int, dtype: str) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng([m, n, k])
    a, b = rng.normal(size=(m, k)), rng.normal(size=(k, n))
    if k > 3 and m > 0:
        a[0, 0], a[-1, -1], a[0, 1] = 1e30, -1e-30, -0.0  # cancellation shows another order
    return a.astype(dtype), b.astype(dtype)


def product(a: np.ndarray, b: np.ndarray, ta: bool, tb: bool, device: str) -> np.ndarray:
    x = ff.ops.convert_to_tensor(np.ascontiguousarray(a.T if ta else a))
    y = ff.ops.convert_to_tensor(np.ascontiguousarray(b.T if tb else b))
    x, y = _core.to_device(x, device), _core.to_device(y, device)
    result = ff.ops.matmul(ff.ops.transpose(x) if ta else x, ff.ops.transpose(y) if tb else y)
    return np.ascontiguousarray(result.numpy())


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_products(shape: tuple[int, int, int], dtype: str, device: str) -> None:
    a, b = operands(*shape, dtype)
    for ta in (False, True):
        for tb in (False, True):
            got, want = (product(a, b, ta, tb, d) for d in (device, "cpu"))
            assert got.tobytes() == want.tobytes(), (ta, tb)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(1, 1), (3, 1025), (1300, 3), (4097, 1), (70, 2049), (0, 3)])
def test_reductions(shape: tuple[int, int], dtype: str, device: str) -> None:
    x = np.random.default_rng(3).normal(size=shape).astype(dtype)
    x[x > 2.5] = np.inf
    for axis in (None, 0, 1):
        for f in (ff.ops.sum, ff.ops.mean, ff.ops.max, ff.ops.min):
            if x.size == 0 and f is not ff.ops.sum:
                continue
            got, want = (
                f(_core.to_device(ff.ops.convert_to_tensor(x), d), axis=axis).numpy()
                for d in (device, "cpu")
            )
            assert got.tobytes() == want.tobytes() or np.array_equal(got, want, equal_nan=True)
