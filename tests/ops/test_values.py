"""Values against NumPy float64."""

from __future__ import annotations

import numpy as np
import pytest
from cases import BY_NAME, operands

SIZES = [(1, 1), (2, 3), (5, 1), (17, 31), (64, 5), (3, 127), (130, 65)]


def roundings(case, n, m):
    return {0: m, -1: n * m}.get(case.terms, case.terms) + 4


def check(case, dtype, n, m):
    x = [a.astype(dtype) for a in operands(case, n, m)]
    kept = [a.copy() for a in x]
    got = case.call(*x).numpy()
    want = np.asarray(case.oracle(*(a.astype(np.float64) for a in x)))
    for a, b in zip(x, kept, strict=True):
        assert a.tobytes() == b.tobytes(), "an input was modified"
    assert got.shape == want.shape
    if want.dtype.kind in "bi":
        assert (got == want).all()
        return
    assert got.dtype == np.dtype(dtype)
    # A sum of K products of numbers of size s errs by at most K s eps (Higham, 2002, section 3.1);
    # the elementary functions by 2 ULP.
    size = max(1.0, float(np.abs(want).max(initial=0)), *(float(np.abs(a).max()) ** 2 for a in x))
    bound = roundings(case, n, m) * np.finfo(dtype).eps * size
    assert np.abs(got - want).max(initial=0) <= bound


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", BY_NAME)
def test_values(name, dtype):
    for n, m in SIZES:
        check(BY_NAME[name], dtype, n, m)
