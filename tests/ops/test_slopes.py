"""Gradients of both tables at sizes up to 130, along a random direction that moves all elements.

Element by element (test_gradients.py, test_more.py) only small sizes can be afforded.
"""

from __future__ import annotations

import zlib

import cases
import feedfwd as ff
import more_cases
import numpy as np
import pytest

SIZES = (1, 2, 3, 5, 16, 17, 31, 64, 65, 127, 130)
STEP = 1e-6
# Of the sum of |gradient direction|. STEP^2 f''' is far below; eps |f| / STEP reaches 3e-7 of it
# where values are in the thousands (max_ends). One wrong element of 8,450 is about 1e-4.
BOUND = 1e-6

Table = cases.Case | more_cases.Row
SMOOTH: dict[str, Table] = {
    **{f"cases-{c.name}": c for c in cases.CASES if c.smooth},
    **{f"more-{r.name}": r for r in more_cases.ROWS if r.smooth},
}


def operands(row: Table, n: int, m: int) -> list[np.ndarray]:
    if isinstance(row, cases.Case):
        return cases.operands(row, n, m, seed=5)
    return [np.asarray(a) for a in row.make(np.random.default_rng([5, n, m]), n, m)]


@pytest.mark.parametrize("name", SMOOTH)
def test_slope(name: str) -> None:
    row = SMOOTH[name]
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    for n, m in ((130, 65), *rng.choice(SIZES, (3, 2)).tolist()):
        x = operands(row, n, m)
        weight = rng.normal(size=np.asarray(row.oracle(*x)).shape)
        sources = [ff.Variable(a) if a.dtype == np.float64 else a for a in x]
        floats = [s for s in sources if isinstance(s, ff.Variable)]
        with ff.GradientTape() as tape:
            loss = ff.ops.sum(row.call(*sources) * weight)
        found = iter(tape.gradient(loss, floats, unconnected_gradients="zero"))
        for k, a in enumerate(x):
            if a.dtype != np.float64:
                continue
            got, direction = next(found).numpy(), rng.normal(size=a.shape)
            assert got.shape == a.shape
            sides = [
                float((row.oracle(*x[:k], a + s * STEP * direction, *x[k + 1 :]) * weight).sum())
                for s in (1, -1)
            ]
            want = (sides[0] - sides[1]) / (2 * STEP)
            scale = max(1.0, float(np.abs(got * direction).sum()))
            assert abs(float((got * direction).sum()) - want) <= BOUND * scale, (n, m, k)
