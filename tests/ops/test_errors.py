"""Wrong arguments: the exception, and a message with what came and what was expected."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import feedfwd as ff
import numpy as np
import pytest

o = ff.ops
ROW = np.ones(3, np.float32)
GRID = np.ones((2, 3), np.float32)
CUBE = np.ones((2, 3, 4), np.float32)
WHOLE = np.ones((2, 3), np.int64)
TENSOR = o.convert_to_tensor(GRID)

# call, exception, pieces of the message
WRONG_SHAPES: list[tuple[Callable[[], Any], type[Exception], list[str]]] = [
    (lambda: o.add(GRID, CUBE[0]), ValueError, ["add", "(2, 3)", "(3, 4)", "expected"]),
    (lambda: GRID * o.convert_to_tensor(ROW[:2]), ValueError, ["multiply", "(2, 3)", "(2,)"]),
    (lambda: o.maximum(GRID, GRID.T), ValueError, ["maximum", "(2, 3)", "(3, 2)"]),
    (lambda: o.less(GRID, ROW[:2]), ValueError, ["less", "(2, 3)", "(2,)"]),
    (lambda: o.where([True, False], ROW, ROW), ValueError, ["where", "(2,)", "(3,)"]),
    (lambda: o.clip(GRID, ROW[:2], 1.0), ValueError, ["(2,)", "(2, 3)"]),
    (lambda: o.matmul(GRID, GRID), ValueError, ["matmul", "(2, 3) and (2, 3)", "inner"]),
    (lambda: TENSOR @ np.ones(2), ValueError, ["matmul", "(2, 3) and (2,)", "expected"]),
    (lambda: o.matmul(GRID, CUBE), ValueError, ["matmul", "(2, 3, 4)", "one or two"]),
    (lambda: o.matmul(GRID, 2.0), ValueError, ["matmul", "scalar", "expected"]),
    (lambda: o.reshape(GRID, (4, 2)), ValueError, ["reshape", "(2, 3)", "(4, 2)"]),
    (lambda: o.reshape(GRID, (-1, 4)), ValueError, ["reshape", "(2, 3)", "(-1, 4)"]),
    (lambda: o.reshape(GRID, (-1, -1)), ValueError, ["reshape", "(-1, -1)", "at most one -1"]),
    (lambda: o.reshape(GRID, (-2, 3)), ValueError, ["reshape", "(-2, 3)", "0 or more"]),
    (lambda: o.transpose(GRID, (0, 0)), ValueError, ["transpose", "(0, 0)", "each axis once"]),
    (lambda: o.transpose(GRID, (0, 1, 2)), ValueError, ["transpose", "(0, 1, 2)", "2 axes"]),
    (lambda: o.transpose(GRID, (0, 5)), ValueError, ["axes", "got 5", "expected -2 to 1"]),
    (lambda: o.concatenate([GRID, GRID.T]), ValueError, ["concat", "(2, 3)", "(3, 2)", "axis 1"]),
    (lambda: o.concatenate([GRID, ROW]), ValueError, ["concat", "(2, 3)", "(3,)"]),
    (lambda: o.concatenate([]), ValueError, ["concatenate", "no arrays", "at least one"]),
    (lambda: o.concatenate([ROW, ROW], 1), ValueError, ["axis", "got 1", "expected -1 to 0"]),
    (lambda: o.stack([]), ValueError, ["stack", "none", "expected"]),
    (lambda: o.stack([ROW, ROW[:2]]), ValueError, ["stack", "(2,)", "(3,)", "expected"]),
    (lambda: o.broadcast_to(GRID, (2, 4)), ValueError, ["broadcast_to", "(2, 3)", "(2, 4)"]),
    (lambda: o.broadcast_to(GRID, (3,)), ValueError, ["broadcast_to", "(2, 3)", "(3,)"]),
    (lambda: o.squeeze(GRID, 0), ValueError, ["axis", "got 0", "extent 2", "extent 1"]),
    (lambda: o.squeeze(GRID, 5), ValueError, ["axis", "got 5", "-2 to 1"]),
    (lambda: o.expand_dims(ROW, 7), ValueError, ["axis", "got 7", "-2 to 1"]),
    (lambda: o.sum(GRID, 2), ValueError, ["axis", "got 2", "-2 to 1"]),
    (lambda: o.mean(GRID, (1, -1)), ValueError, ["axis", "(1, -1)", "twice"]),
    (lambda: o.max(GRID[:0], 0), ValueError, ["max", "(0, 3)", "no empty axis"]),
    (lambda: o.min(ROW[:0]), ValueError, ["min", "(0,)", "no empty axis"]),
    (lambda: o.argmax(ROW[:0]), ValueError, ["argmax", "(0,)", "not empty"]),
    (lambda: o.argmax(ROW, 1), ValueError, ["axis", "got 1", "-1 to 0"]),
    (lambda: o.one_hot([1], 0), ValueError, ["num_classes", "got 0", "at least 1"]),
    (lambda: o.softmax(2.0), ValueError, ["softmax", "scalar", "at least one axis"]),
    (lambda: o.softmax(ROW, 1), ValueError, ["axis", "got 1", "-1 to 0"]),
    (lambda: o.log_softmax(ROW, -2), ValueError, ["axis", "got -2", "-1 to 0"]),
    (lambda: o.exp(np.ones((1,) * 9)), ValueError, ["got 9 dimensions", "at most 6"]),
    (lambda: o.exp([[1.0], [1.0, 2.0]]), ValueError, ["x", "array of numbers"]),
    (lambda: TENSOR[2], IndexError, ["index 2", "axis of 2"]),
    (lambda: TENSOR[-3], IndexError, ["index -3", "axis of 2"]),
    (lambda: TENSOR[0, 0, 0], IndexError, ["got 3", "(2, 3)"]),
    (lambda: TENSOR[::0], ValueError, ["step", "zero"]),
    (lambda: ff.Variable(ROW).assign(ROW[:2]), ValueError, ["assign", "(3,)", "(2,)"]),
    (lambda: ff.Variable(ROW).assign_add(GRID), ValueError, ["assign_add", "(3,)", "(2, 3)"]),
    (lambda: ff.Variable(ROW).assign_sub(GRID), ValueError, ["assign_sub", "(3,)", "(2, 3)"]),
]
WRONG_KINDS: list[tuple[Callable[[], Any], type[Exception], list[str]]] = [
    (lambda: o.add(GRID, "a"), TypeError, ["got str", "expected a Tensor"]),
    (lambda: o.exp(None), TypeError, ["x", "got NoneType", "expected a Tensor"]),
    (lambda: o.exp(np.ones(2, complex)), TypeError, ["x", "complex128", "floats"]),
    (lambda: o.exp(np.array([object()])), TypeError, ["x", "object", "floats"]),
    (lambda: o.exp(np.array(["a"])), TypeError, ["x", "str", "floats"]),
    (lambda: o.exp(2**70), ValueError, ["x", str(2**70), "int64"]),
    (lambda: o.matmul(WHOLE, WHOLE.T), TypeError, ["matmul", "got int64", "float32 or float64"]),
    (lambda: o.one_hot(ROW, 3), TypeError, ["one_hot", "got float32", "integers"]),
    (lambda: o.one_hot([1], 2, "int7"), ValueError, ["dtype", "int7", "'float32'"]),
    (lambda: o.cast(ROW, "float16"), ValueError, ["dtype", "float16", "'float32'"]),
    (lambda: o.cast(ROW, None), TypeError, ["dtype", "got None", "'float32'"]),
    (lambda: o.sum(ROW, 0.5), TypeError, ["axis", "of type float", "expected an integer"]),
    (lambda: o.expand_dims(ROW, 0.5), TypeError, ["axis", "got 0.5", "expected an int"]),
    (lambda: o.squeeze(GRID, "a"), TypeError, ["axis", "got 'a'", "expected an int"]),
    (lambda: o.leaky_relu(ROW, "a"), TypeError, ["negative_slope", "'a'", "a number"]),
    (lambda: o.elu(ROW, TENSOR[0, 0]), TypeError, ["alpha", "Tensor", "a number"]),
    (lambda: TENSOR[0.5], TypeError, ["indexing", "got float", "ints, slices"]),
    (lambda: TENSOR["a"], TypeError, ["indexing", "got str", "ints, slices"]),
    (lambda: TENSOR[[0, 1]], TypeError, ["indexing", "got list", "ints, slices"]),
    (lambda: bool(TENSOR), TypeError, ["bool", "(2, 3)", "one element"]),
    (lambda: float(TENSOR), TypeError, ["float", "(2, 3)", "one element"]),
    (lambda: TENSOR.item(), TypeError, ["item", "(2, 3)", "one element"]),
    (lambda: len(o.sum(TENSOR)), TypeError, ["len()", "no axes"]),
    (lambda: list(o.sum(TENSOR)), TypeError, ["iteration", "no axes"]),
    (lambda: [1, 2][o.sum(TENSOR)], TypeError, ["integer", "got float32"]),
    (lambda: ff.Variable("x"), TypeError, ["initial_value", "got str", "expected"]),
    (lambda: ff.Variable(1.0, dtype="float16"), ValueError, ["dtype", "float16", "'float64'"]),
]


def check(call: Callable[[], Any], error: type[Exception], pieces: list[str]) -> None:
    with pytest.raises(error) as found:
        call()
    assert type(found.value) is error
    missing = [p for p in pieces if p not in str(found.value)]
    assert not missing, (str(found.value), missing)


@pytest.mark.parametrize(("call", "error", "pieces"), WRONG_SHAPES)
def test_wrong_shapes(call, error, pieces):
    check(call, error, pieces)


@pytest.mark.parametrize(("call", "error", "pieces"), WRONG_KINDS)
def test_wrong_kinds(call, error, pieces):
    check(call, error, pieces)


@pytest.mark.parametrize(
    "use",
    [
        np.asarray,
        float,
        bool,
        int,
        lambda x: np.tanh(x),
        lambda x: x.numpy(),
        lambda x: 2 if x else 3,
    ],
)
def test_symbolic_tensors_have_no_values(use):
    with ff._core.Trace() as trace:
        x = trace.input((None, 3), "float32")
        with pytest.raises(TypeError):
            use(ff.ops.sum(x))


def test_numpy_functions_do_not_lose_the_gradient():
    x = ff.Variable(ROW)
    with pytest.raises(TypeError):
        np.tanh(x)
    with ff.GradientTape() as tape:
        y = ff.ops.sum(np.full(3, 2.0, np.float32) * x)
    assert np.array_equal(tape.gradient(y, x).numpy(), [2, 2, 2])


def test_an_error_leaves_tape_and_trace_usable():
    x = ff.Variable(ROW)
    with ff.GradientTape() as tape:
        with pytest.raises(ValueError, match="add"):
            x + np.ones(2, np.float32)
        y = ff.ops.sum(x * x)
    assert np.array_equal(tape.gradient(y, x).numpy(), [2, 2, 2])
    with ff._core.Trace() as trace:
        t = trace.input((None, 3), "float32")
        with pytest.raises(ValueError, match="matmul"):
            ff.ops.matmul(t, np.ones((4, 2), np.float32))
        out = t * 2.0
    program = ff._core.Program(trace, [out], input_dtypes=["float32"], capacity=2, device="cpu")
    assert np.array_equal(program.predict([GRID])[0], 2 * GRID)
