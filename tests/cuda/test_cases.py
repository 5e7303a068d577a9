"""Every row of tests/cases.py and tests/more_cases.py on the device: the CPU's bits, for values,
gradients and second gradients, called eagerly and as a program."""

from __future__ import annotations

import zlib
from typing import Any

import cases
import feedfwd as ff
import more_cases
import numpy as np
import pytest
from feedfwd import _core

DTYPES = ["float32", "float64"]
SIZES = ((1, 1), (5, 3), (33, 130), (130, 65))


def on(device: str, values: Any, variable: bool = False) -> Any:
    if not variable:
        return _core.to_device(ff.ops.convert_to_tensor(values), device)
    v = ff.Variable(values)
    v.retype(str(v.dtype), device)
    return v


def same(a: np.ndarray, b: np.ndarray) -> bool:
    """The same bits, but for a NaN's sign and payload."""
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    if a.dtype.kind != "f":
        return np.array_equal(a, b)
    both = np.isnan(a) & np.isnan(b)
    return np.array_equal(np.where(both, 0, a).view(np.uint8), np.where(both, 0, b).view(np.uint8))


def bits_of(x: Any) -> np.ndarray:
    return np.ascontiguousarray(x.numpy())


def case_operands(case: Any, n: int, m: int, dtype: str) -> list[np.ndarray]:
    return [a.astype(dtype) for a in cases.operands(case, n, m)]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", [c.name for c in cases.CASES])
def test_values(name: str, dtype: str, device: str) -> None:
    case = next(c for c in cases.CASES if c.name == name)
    for n, m in SIZES:
        x = case_operands(case, n, m, dtype)
        for variable in (False, True):
            got, want = (case.call(*(on(d, a, variable) for a in x)) for d in (device, "cpu"))
            assert got.device == "cuda"
            assert same(bits_of(got), bits_of(want)), (n, m)


def gradients(call: Any, x: list[Any], twice: bool) -> list[np.ndarray]:
    """Of the sum of the results times numbers, and of the sum of that gradient's squares."""
    sources = [v for v in x if isinstance(v, ff.Variable)]
    with ff.GradientTape() as outer:
        with ff.GradientTape() as tape:
            y = call(*x)
            count = int(np.prod(y.shape))
            weight = np.linspace(-1, 2, count).reshape(y.shape).astype(y.numpy().dtype)
            loss = ff.ops.sum(y * weight)
        first = tape.gradient(loss, sources)
        there = [g for g in first if g is not None]
        total = sum((ff.ops.sum(g * g) for g in there), ff.ops.sum(sources[0] * 0))
    second = outer.gradient(total, sources) if twice else []
    return [bits_of(g) for g in (*first, *second) if g is not None]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", [c.name for c in cases.CASES if c.smooth])
def test_gradients(name: str, dtype: str, device: str) -> None:
    case = next(c for c in cases.CASES if c.name == name)
    for n, m in ((1, 1), (33, 17)):
        x = case_operands(case, n, m, dtype)
        got, want = (
            gradients(case.call, [on(d, a, True) for a in x], twice=True) for d in (device, "cpu")
        )
        assert len(got) == len(want)
        assert all(same(a, b) for a, b in zip(got, want, strict=True)), (n, m)


def row_arguments(row: Any, x: list[np.ndarray], dtype: str, device: str) -> list[Any]:
    cast = [a.astype(dtype) if a.dtype == np.float64 else a for a in x]
    through = range(len(cast)) if row.batch is None else row.batch
    return [on(device, a, variable=i not in through) for i, a in enumerate(cast)]


def row_sizes(name: str) -> list[tuple[int, int]]:
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    return [
        (1, 1),
        (65, 33),
        *((int(n), int(m)) for n, m in rng.choice((2, 3, 17, 31, 64), (2, 2))),
    ]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", more_cases.BY_NAME)
def test_more_values(name: str, dtype: str, device: str) -> None:
    row = more_cases.BY_NAME[name]
    for n, m in row_sizes(name):
        x = [np.asarray(a) for a in row.make(np.random.default_rng([n, m]), n, m)]
        got, want = (row.call(*row_arguments(row, x, dtype, d)) for d in (device, "cpu"))
        assert same(bits_of(got), bits_of(want)), (n, m)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", [r.name for r in more_cases.ROWS if r.smooth])
def test_more_gradients(name: str, dtype: str, device: str) -> None:
    row = more_cases.BY_NAME[name]
    n, m = 17, 5
    x = [np.asarray(a) for a in row.make(np.random.default_rng([n, m]), n, m)]
    x = [a.astype(dtype) if a.dtype == np.float64 else a for a in x]
    if not any(a.dtype.kind == "f" for a in x):
        pytest.skip("no floats to differentiate by")
    got, want = (
        gradients(row.call, [on(d, a, variable=a.dtype.kind == "f") for a in x], twice=False)
        for d in (device, "cpu")
    )
    assert len(got) == len(want) > 0
    assert all(same(a, b) for a, b in zip(got, want, strict=True))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", [c.name for c in cases.CASES if c.traced])
def test_programs(name: str, dtype: str, device: str) -> None:
    """One program for rows of any number up to its capacity."""
    case = next(c for c in cases.CASES if c.name == name)
    m = 19
    x = case_operands(case, 41, m, dtype)
    made = []
    for where in (device, "cpu"):
        trace = _core.Trace()
        with trace:
            out = case.call(*(trace.input((None, *a.shape[1:]), dtype) for a in x))
        options = {"input_dtypes": [dtype] * len(x), "capacity": 41, "write_back": False}
        made.append(_core.Program(trace, [out], device=where, **options))
    for n in (41, 1, 16, 33):
        got, want = (p.predict([np.ascontiguousarray(a[:n]) for a in x])[0] for p in made)
        assert same(got, want), n
