"""The same bits for every thread count, instruction set, and eager or traced."""

from __future__ import annotations

import hashlib
import os
import pathlib
import subprocess
import sys

import feedfwd as ff
import numpy as np
import pytest
from cases import CASES, operands
from feedfwd import _core

HERE = pathlib.Path(__file__).resolve().parents[1]


def digest(case, dtype, n, m):
    x = [a.astype(dtype) for a in operands(case, n, m)]
    values = case.call(*x).numpy()
    return hashlib.sha256(values.tobytes()).hexdigest()[:12]


def all_digests():
    sizes = ((5, 3), (37, 1), (33, 130), (130, 513))
    return [digest(c, d, n, m) for c in CASES for d in ("float32", "float64") for n, m in sizes]


def test_threads():
    results = []
    for threads in (1, 2, 3, 4, 7):
        ff.set_num_threads(threads)
        results.append(all_digests())
    ff.set_num_threads(2)
    assert all(r == results[0] for r in results)


def test_instruction_sets():
    code = f"import sys; sys.path[:0] = [{str(HERE)!r}, {str(HERE / 'ops')!r}]\n"
    code += "import test_bits; print('\\n'.join(test_bits.all_digests()))"
    results = {}
    for isa in _core.available_isas():
        env = {**os.environ, "FEEDFWD_ISA": isa}
        command = [sys.executable, "-c", code]
        run = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
        assert run.returncode == 0, run.stderr
        results[isa] = run.stdout.split()
    names = [(c.name, d) for c in CASES for d in ("float32", "float64") for _ in range(4)]
    for isa, digests in results.items():
        wrong = [k for k, a, b in zip(names, digests, results["generic"], strict=True) if a != b]
        assert not wrong, f"{isa}: {wrong}"


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", [c.name for c in CASES if c.traced])
def test_traced_equals_eager(name, dtype):
    case = next(c for c in CASES if c.name == name)
    for n, m in ((1, 3), (37, 1), (37, 5), (130, 67)):
        x = [a.astype(dtype) for a in operands(case, n, m)]
        trace = _core.Trace()
        with trace:
            inputs = [trace.input((None, *a.shape[1:]), dtype) for a in x]
            out = case.call(*inputs)
        program = _core.Program(
            trace, [out], input_dtypes=[dtype] * len(x), capacity=n, device="cpu", write_back=False
        )
        got = program.predict(x)[0]
        want = case.call(*(ff.ops.convert_to_tensor(a) for a in x)).numpy()
        assert got.shape == want.shape
        assert np.array_equal(got.view(np.uint8), want.view(np.uint8))


SPECIAL = (0.0, -0.0, np.inf, -np.inf, np.nan, 1e-310, -1e-310, 1e-42, -1e-42, 1e300, 3e38, -1.5)


def flat_bits(tensor):
    return tensor.numpy().ravel().tobytes()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("n", [2, 7, 8, 15, 33, 100])
def test_a_column_has_the_bits_of_the_row_of_its_numbers(n, dtype):
    rng = np.random.default_rng(n)
    with np.errstate(over="ignore"):
        x = np.resize(np.append(rng.standard_normal(9), SPECIAL), n).astype(dtype)
    y = np.roll(x, 3)
    one = np.asarray([[1.25]], dtype)
    ops = ff.ops
    for op in (ops.relu, ops.exp, ops.sigmoid, ops.softplus, ops.gelu, ops.square, ops.sqrt):
        assert flat_bits(op(x[:, None])) == flat_bits(op(x[None, :])), op
    for op in (ops.add, ops.subtract, ops.multiply, ops.divide, ops.maximum, ops.power):
        for other in (y, None):  # a column, or one number for all
            a, b = (x[:, None], one if other is None else y[:, None])
            c, d = (x[None, :], one if other is None else y[None, :])
            assert flat_bits(op(a, b)) == flat_bits(op(c, d)), op
            assert flat_bits(op(b, a)) == flat_bits(op(d, c)), op
    wide = ops.convert_to_tensor(np.stack([y, x, y], axis=1))  # a column of a wider matrix
    assert flat_bits(ops.exp(wide[:, 1:2])) == flat_bits(ops.exp(x[None, :]))
    total = ops.sum(ops.convert_to_tensor(x[:, None]), axis=1)
    tiny = np.finfo(dtype).tiny
    expected = np.where(np.abs(x) < tiny, 0, x + 0).astype(dtype)
    assert total.numpy().tobytes() == expected.tobytes()
