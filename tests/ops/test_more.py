"""The rows of more_cases.py: values, gradients, bits of values and gradients, traced calls."""

from __future__ import annotations

import hashlib
import os
import pathlib
import subprocess
import sys
import zlib

import feedfwd as ff
import numpy as np
import pytest
from feedfwd import _core
from more_cases import BY_NAME, ROWS, Row

HERE = pathlib.Path(__file__).resolve().parents[1]
SIZES = (1, 2, 3, 5, 16, 17, 31, 64, 65, 127, 130)
SMOOTH = [r.name for r in ROWS if r.smooth]
DTYPES = ["float32", "float64"]


def sampled(name: str) -> list[tuple[int, int]]:
    """The smallest, the largest, and sizes that differ from row to row."""
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    return [(1, 1), (130, 65), *((int(n), int(m)) for n, m in rng.choice(SIZES, (4, 2)))]


def operands(row: Row, n: int, m: int) -> list[np.ndarray]:
    return [np.asarray(a) for a in row.make(np.random.default_rng([n, m]), n, m)]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", BY_NAME)
def test_values(name: str, dtype: str) -> None:
    row = BY_NAME[name]
    for n, m in sampled(name):
        x = operands(row, n, m)
        # The oracle sees what the function sees.
        x = [a.astype(dtype).astype(np.float64) if a.dtype == np.float64 else a for a in x]
        want = np.asarray(row.oracle(*x))
        got = row.call(*row.arguments(x, dtype)).numpy()
        assert got.shape == want.shape
        if want.dtype.kind in "bi":
            assert got.dtype.kind == want.dtype.kind and np.array_equal(got, want)
            continue
        # K roundings of half an epsilon, each of a term no larger than the product of two operands.
        size = max([1.0, *(float(np.abs(a.astype(float)).max(initial=0)) for a in x)]) ** 2
        size = max(size, float(np.abs(want).max(initial=0)))
        bound = ((n + m if row.terms == 0 else row.terms) + 8) * np.finfo(got.dtype).eps * size
        assert np.abs(got - want).max(initial=0) <= bound
        if got.dtype == np.float64 and dtype == "float64":
            assert np.all(np.abs(got - want) <= 1e-12 * np.maximum(1, np.abs(want)))


def gradients(row: Row, x: list[np.ndarray], weight: np.ndarray, dtype: str) -> list[np.ndarray]:
    """Of sum(weight * call(x)) with respect to the floats among x; zeros where unconnected."""
    sources = [ff.Variable(a.astype(dtype)) if a.dtype == np.float64 else a for a in x]
    floats = [s for s in sources if isinstance(s, ff.Variable)]
    with ff.GradientTape() as tape:
        loss = ff.ops.sum(row.call(*sources) * weight.astype(dtype))
    found = tape.gradient(loss, floats, unconnected_gradients="zero")
    return [g.numpy() for g in found]


@pytest.mark.parametrize("name", SMOOTH)
def test_gradients(name: str) -> None:
    """Five points with step h: errors of h^4 f'''''/30 and eps |f| / h, both below 1e-9 here."""
    row, h = BY_NAME[name], 2e-4
    for n, m in ((1, 1), (3, 5)):
        x = operands(row, n, m)
        weight = np.random.default_rng(2).normal(size=np.asarray(row.oracle(*x)).shape)
        got = gradients(row, x, weight, "float64")
        for k, g in zip([i for i, a in enumerate(x) if a.dtype == np.float64], got, strict=True):
            want = np.zeros_like(x[k])
            for i in np.ndindex(want.shape):
                for steps, share in ((1, 8), (-1, -8), (2, -1), (-2, 1)):
                    moved = [a.copy() for a in x]
                    moved[k][i] += steps * h
                    want[i] += share * float((row.oracle(*moved) * weight).sum()) / (12 * h)
            assert g.shape == want.shape
            assert np.all(np.abs(g - want) <= 1e-8 * max(1, np.abs(want).max(initial=0)))


def test_equal_largest_elements_share_the_gradient() -> None:
    x = ff.Variable(np.array([[1.0, 3.0, 3.0], [2.0, 2.0, 2.0]]))
    for op, want in (("max", [[0, 0.5, 0.5], [1 / 3] * 3]), ("min", [[1, 0, 0], [1 / 3] * 3])):
        with ff.GradientTape() as tape:
            y = ff.ops.sum(getattr(ff.ops, op)(x, 1))
        np.testing.assert_allclose(tape.gradient(y, x).numpy(), want, rtol=1e-15)


def test_nothing_flows_through_constants() -> None:
    x = ff.Variable(np.array([1.5, -2.5]))
    for dead in (
        ff.ops.stop_gradient,
        ff.ops.sign,
        ff.ops.floor,
        lambda v: ff.ops.cast(v, "int32"),
    ):
        with ff.GradientTape() as tape:
            y = ff.ops.sum(x * ff.ops.cast(dead(x), "float64"))
        assert np.array_equal(tape.gradient(y, x).numpy(), dead(x).numpy())


def digests() -> list[str]:
    """One for each row and dtype: of the values and gradients at a small size and at one that
    threads share."""
    found = []
    for row in ROWS:
        for dtype in DTYPES:
            digest = hashlib.sha256()
            for n, m in ((5, 3), (130, 513)):
                x = operands(row, n, m)
                y = row.call(*row.arguments(x, dtype)).numpy()
                parts = [y]
                if row.smooth:
                    weight = np.random.default_rng(3).normal(size=y.shape)
                    parts += gradients(row, x, weight, dtype)
                for part in parts:
                    digest.update(part.tobytes())
            found.append(digest.hexdigest()[:12])
    return found


KEYS = [(row.name, dtype) for row in ROWS for dtype in DTYPES]


def differing(a: list[str], b: list[str]) -> list[tuple[str, str]]:
    return [key for key, p, q in zip(KEYS, a, b, strict=True) if p != q]


def test_bits_for_every_thread_count() -> None:
    before = _core.get_num_threads()
    try:
        ff.set_num_threads(1)
        alone = digests()
        for threads in (2, 3, 4, 7):
            ff.set_num_threads(threads)
            assert not differing(alone, digests()), threads
    finally:
        ff.set_num_threads(before)


def test_bits_for_every_instruction_set() -> None:
    code = f"import sys; sys.path[:0] = [{str(HERE)!r}, {str(HERE / 'ops')!r}]\n"
    code += "import test_more; print(*test_more.digests())"
    here = digests()
    for isa in _core.available_isas():
        env = {**os.environ, "FEEDFWD_ISA": isa}
        run = subprocess.run(
            [sys.executable, "-c", code], env=env, capture_output=True, text=True, check=False
        )
        assert run.returncode == 0, run.stderr
        assert not differing(here, run.stdout.split()), isa


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", [r.name for r in ROWS if r.batch])
def test_traced_equals_eager(name: str, dtype: str) -> None:
    row = BY_NAME[name]
    for n, m in ((1, 3), (37, 5), (130, 67)):
        arguments = row.arguments(operands(row, n, m), dtype)
        want = row.call(*arguments).numpy()
        arrays = [arguments[i].numpy() for i in row.batch]
        trace = _core.Trace()
        with trace:
            for i, a in zip(row.batch, arrays, strict=True):
                arguments[i] = trace.input((None, *a.shape[1:]), a.dtype.name)
            out = row.call(*arguments)
        program = _core.Program(
            trace,
            [out],
            input_dtypes=[a.dtype.name for a in arrays],
            capacity=n,
            device="cpu",
            write_back=False,
        )
        got = program.predict(arrays)[0]
        assert got.shape == want.shape and got.dtype == want.dtype
        assert got.tobytes() == want.tobytes()


def test_calls_that_differ_in_attributes_alone():
    """What is kept from one eager call for the next is not mistaken for another's."""
    a = np.arange(12, dtype=np.float32).reshape(3, 4) - 5
    t = ff.ops.convert_to_tensor(a)
    for _ in range(2):
        for slope in (0.1, 0.5):
            found = ff.activations.leaky_relu(t, slope).numpy()
            assert np.array_equal(found, np.where(a < 0, np.float32(slope) * a, a))
        for zero in (0.0, -0.0):  # equal, but not the same
            found = ff.activations.leaky_relu(t, zero).numpy()
            assert np.signbit(found[0, 0]) == np.signbit(np.float32(zero) * a[0, 0])
        for dtype in ("int32", "float64", "bool"):
            assert np.array_equal(ff.ops.cast(t, dtype).numpy(), a.astype(dtype))
        for shape in ((4, 3), (2, 6), (12,)):
            assert np.array_equal(ff.ops.reshape(t, shape).numpy(), a.reshape(shape))
        for stop in (1, 2, 3):
            assert np.array_equal(t[:, :stop].numpy(), a[:, :stop])
        for axis in (0, 1, None):
            assert np.array_equal(ff.ops.sum(t, axis=axis).numpy(), a.sum(axis=axis))


def test_calls_that_differ_in_memory_alone():
    """A Variable's rows are padded, a Tensor's are not; shapes that share a first axis."""
    rng = np.random.default_rng(0)
    a = rng.integers(-8, 8, (3, 5)).astype(np.float32)
    b = rng.integers(-8, 8, (5, 6)).astype(np.float32)
    for _ in range(2):
        for left in (ff.ops.convert_to_tensor(a), ff.Variable(a), a):
            for right in (ff.ops.convert_to_tensor(b), ff.Variable(b), b):
                assert np.array_equal(ff.ops.matmul(left, right).numpy(), a @ b)
            for other in (a, a[:, :1], a[:1], a.astype(np.float64), np.int64(2)):
                assert np.array_equal(ff.ops.add(left, other).numpy(), a + other)
                assert np.array_equal(ff.ops.add(other, left).numpy(), a + other)
