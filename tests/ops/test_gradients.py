"""Gradients against central differences in float64, and gradients of gradients."""

from __future__ import annotations

import feedfwd as ff
import numpy as np
import pytest
from cases import CASES, operands

SMOOTH = {c.name: c for c in CASES if c.smooth}
STEP = 1e-6
# Truncation STEP^2 f''' plus rounding eps / STEP, with a margin for f''' and sums of about 100.
BOUND = 2e-7


def gradient(case, x, weight):
    variables = [ff.Variable(a) for a in x]
    with ff.GradientTape() as tape:
        loss = ff.ops.sum(case.call(*variables) * weight)
    return tape.gradient(loss, variables)


def differences(f, x, k):
    numeric = np.zeros_like(x[k])
    for i in np.ndindex(x[k].shape):
        sides = []
        for sign in (1, -1):
            moved = [a.copy() for a in x]
            moved[k][i] += sign * STEP
            sides.append(f(moved))
        numeric[i] = (sides[0] - sides[1]) / (2 * STEP)
    return numeric


@pytest.mark.parametrize("name", SMOOTH)
def test_gradient(name):
    case = SMOOTH[name]
    for n, m in ((1, 1), (3, 5), (7, 2)):
        x = operands(case, n, m, seed=1)
        shape = np.asarray(case.oracle(*x)).shape
        weight = np.random.default_rng(2).normal(size=shape)
        got = gradient(case, x, weight)

        def value(moved, w=weight):
            return float((np.asarray(case.oracle(*moved)) * w).sum())

        for k in range(len(x)):
            want = differences(value, x, k)
            mine = np.zeros_like(want) if got[k] is None else got[k].numpy()
            assert mine.shape == want.shape
            assert np.abs(mine - want).max() <= BOUND * max(1, np.abs(want).max()) * want.size


@pytest.mark.parametrize("name", SMOOTH)
def test_gradient_of_gradient(name):
    case = SMOOTH[name]
    x = operands(case, 3, 4, seed=3)
    rng = np.random.default_rng(4)
    weight = rng.normal(size=np.asarray(case.oracle(*x)).shape)
    direction = rng.normal(size=x[-1].shape)
    variables = [ff.Variable(a) for a in x]
    with ff.GradientTape() as outer:
        with ff.GradientTape() as inner:
            loss = ff.ops.sum(case.call(*variables) * weight)
        first = inner.gradient(loss, variables)[-1]
        along = ff.ops.sum(first * direction)
    second = outer.gradient(along, variables)

    def slope(moved):
        return float((gradient(case, moved, weight)[-1].numpy() * direction).sum())

    for k in range(len(x)):
        want = differences(slope, x, k)
        mine = np.zeros_like(want) if second[k] is None else second[k].numpy()
        assert np.abs(mine - want).max() <= 10 * BOUND * max(1, np.abs(want).max()) * want.size
