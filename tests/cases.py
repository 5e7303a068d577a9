"""One row per operation, activation and loss: how to call it, on what, and its oracle.

A row feeds the comparison with NumPy float64 (tests/ops/test_values.py), the gradient check by
finite differences (test_gradients.py) and the equality of bits over threads, instruction sets and
eager against traced calls (test_bits.py).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import feedfwd as ff
import numpy as np
import reference as ref

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Case:
    name: str
    call: Callable[..., Any]  # on Tensors, Variables or arrays
    oracle: Callable[..., Any]  # on float64 arrays
    shapes: Callable[[int, int], tuple[Shape, ...]]  # of the operands, for a batch n and a width m
    draw: str = "normal"  # how the operands are drawn
    terms: int = 1  # roundings of one result; 0: the width m, -1: n m
    smooth: bool = True  # has a derivative almost everywhere, and it is asked for
    traced: bool = True  # the first axis of every operand is a batch


def operands(case: Case, n: int, m: int, seed: int = 0) -> list[np.ndarray]:
    rng = np.random.default_rng([seed, n, m])
    made = []
    for shape in case.shapes(n, m):
        x = rng.normal(size=shape)
        if case.draw == "positive":
            x = np.abs(x) + 0.5
        elif case.draw == "unit":
            x = rng.uniform(0.05, 0.95, shape)
        made.append(np.asarray(x))
    return made


def same(n: int, m: int) -> tuple[Shape, ...]:
    return ((n, m), (n, m))


def one(n: int, m: int) -> tuple[Shape, ...]:
    return ((n, m),)


def with_options(module: Any, name: str, **kwargs: Any) -> Callable[[Any], Any]:
    return lambda x: getattr(module, name)(x, **kwargs)


CASES: list[Case] = []


def add(name: str, call: Any, oracle: Any, shapes: Any = one, **kwargs: Any) -> None:
    CASES.append(Case(name, call, oracle, shapes, **kwargs))


# --- elementwise -------------------------------------------------------------------------------

for name in ("negative", "abs", "sign", "square", "exp", "expm1", "sin", "cos", "erf", "erfc"):
    add(name, getattr(ff.ops, name), ref.UNARY_OPS[name], terms=4)
for name in ("sqrt", "log", "log1p"):
    add(name, getattr(ff.ops, name), ref.UNARY_OPS[name], draw="positive", terms=4)
add("floor", ff.ops.floor, np.floor, smooth=False)

BROADCASTS = {
    "": same,
    "_row": lambda n, m: ((n, m), (m,)),
    "_column": lambda n, m: ((n, m), (n, 1)),
    "_scalar": lambda n, m: ((n, m), ()),
    "_left": lambda n, m: ((m,), (n, m)),
    "_rank3": lambda n, m: ((n, 3, m), (3, 1)),
}
BINARY = {
    "add": np.add,
    "subtract": np.subtract,
    "multiply": np.multiply,
    "divide": np.divide,
    "maximum": np.maximum,
    "minimum": np.minimum,
}
for name, oracle in BINARY.items():
    for form, shapes in BROADCASTS.items():
        draw = "positive" if name == "divide" else "normal"
        traced = form in ("", "_column")
        add(name + form, getattr(ff.ops, name), oracle, shapes, draw=draw, traced=traced)
add("power", ff.ops.power, np.power, same, draw="positive", terms=4)
add("mod", ff.ops.mod, np.mod, same, draw="positive", terms=8, smooth=False)
add("floor_divide", ff.ops.floor_divide, np.floor_divide, same, draw="positive", smooth=False)
for name in ("equal", "not_equal", "less", "less_equal", "greater", "greater_equal"):
    add(name, getattr(ff.ops, name), getattr(np, name), same, smooth=False)
add(
    "where",
    lambda a, b: ff.ops.where(a > b, a * a, b),
    lambda a, b: np.where(a > b, a * a, b),
    same,
)
add("clip", lambda x: ff.ops.clip(x, -0.5, 0.7), lambda x: np.clip(x, -0.5, 0.7))

# --- linear algebra, form ----------------------------------------------------------------------

add("matmul", ff.ops.matmul, np.matmul, lambda n, m: ((n, m), (m, 7)), terms=0, traced=False)
add(
    "matmul_narrow",
    lambda a, b: ff.ops.matmul(a, ff.Variable(b) if isinstance(b, np.ndarray) else b),
    np.matmul,
    lambda n, m: ((n, m), (m, 3)),
    terms=0,
    traced=False,
)
add(
    "matmul_nt",
    lambda a, b: ff.ops.matmul(a, ff.ops.transpose(b)),
    lambda a, b: a @ b.T,
    lambda n, m: ((n, m), (5, m)),
    terms=0,
    traced=False,
)
add(
    "matmul_tn",
    lambda a, b: ff.ops.matmul(ff.ops.transpose(a), b),
    lambda a, b: a.T @ b,
    lambda n, m: ((n, m), (n, 4)),
    terms=0,
    traced=False,
)
add(
    "matmul_tt",
    lambda a, b: ff.ops.matmul(ff.ops.transpose(a), ff.ops.transpose(b)),
    lambda a, b: a.T @ b.T,
    lambda n, m: ((n, m), (4, n)),
    terms=0,
    traced=False,
)
add(
    "matmul_rank3",
    ff.ops.matmul,
    np.matmul,
    lambda n, m: ((n, 2, m), (m, 3)),
    terms=0,
    traced=False,
)
add("matmul_vector", ff.ops.matmul, np.matmul, lambda n, m: ((n, m), (m,)), terms=0, traced=False)
add("transpose", ff.ops.transpose, np.transpose, traced=False)
add(
    "transpose_rank3",
    lambda x: ff.ops.transpose(x, (0, 2, 1)),
    lambda x: np.transpose(x, (0, 2, 1)),
    lambda n, m: ((n, 3, m),),
)
add(
    "reshape",
    lambda x: ff.ops.reshape(x, (-1, 2)),
    lambda x: x.reshape(-1, 2),
    lambda n, m: ((n, 2 * m),),
)
add(
    "concatenate",
    lambda a, b: ff.ops.concatenate([a, b], axis=1),
    lambda a, b: np.concatenate([a, b], 1),
    same,
)
add(
    "concatenate_rows",
    lambda a, b: ff.ops.concatenate([a, b], axis=0),
    lambda a, b: np.concatenate([a, b], 0),
    same,
    traced=False,
)
add(
    "slice",
    lambda x: ff.ops.convert_to_tensor(x)[:, 1::2],
    lambda x: x[:, 1::2],
    lambda n, m: ((n, m + 1),),
)
add("pick", lambda x: ff.ops.convert_to_tensor(x)[:, -1], lambda x: x[:, -1])
add(
    "broadcast_to",
    lambda x: ff.ops.broadcast_to(x, (3, *x.shape)),
    lambda x: np.broadcast_to(x, (3, *x.shape)),
    traced=False,
)
add("stack", lambda a, b: ff.ops.stack([a, b], 1), lambda a, b: np.stack([a, b], 1), same)

# --- reductions --------------------------------------------------------------------------------

for axis in (None, 0, 1, -1, (0, 1)):
    for keep in (False, True):
        label = f"_{axis}_{keep}"
        for name in ("sum", "mean", "max", "min"):
            add(
                name + label,
                with_options(ff.ops, name, axis=axis, keepdims=keep),
                with_options(np, name, axis=axis, keepdims=keep),
                terms=-1,
                traced=axis in (1, -1),
            )
for axis in (1, (0, 2), (1, 2)):
    add(
        f"sum_rank3_{axis}",
        lambda x, a=axis: ff.ops.sum(x, axis=a),
        lambda x, a=axis: x.sum(axis=a),
        lambda n, m: ((n, 3, m),),
        terms=-1,
        traced=axis != (0, 2),
    )
add("argmax", lambda x: ff.ops.argmax(x, axis=1), lambda x: x.argmax(axis=1), smooth=False)

# --- activations -------------------------------------------------------------------------------

for name, kwargs in (
    ("linear", {}),
    ("sigmoid", {}),
    ("tanh", {}),
    ("relu", {}),
    ("leaky_relu", {"negative_slope": 0.3}),
    ("elu", {"alpha": 0.7}),
    ("gelu", {}),
    ("gelu", {"approximate": True}),
    ("silu", {}),
    ("softplus", {}),
):
    add(
        name + ("_tanh" if kwargs.get("approximate") else ""),
        with_options(ff.activations, name, **kwargs),
        lambda x, f=name, k=kwargs: ref.activation(f, x, **k),
        terms=16,
    )
add("softmax", ff.activations.softmax, ref.softmax, terms=0)
add("log_softmax", ff.activations.log_softmax, ref.log_softmax, terms=0)
add(
    "softmax_axis1",
    lambda x: ff.activations.softmax(x, axis=1),
    lambda x: np.moveaxis(ref.softmax(np.moveaxis(x, 1, -1)), -1, 1),
    lambda n, m: ((n, 3, m),),
    terms=8,
)

# --- losses ------------------------------------------------------------------------------------


def _rows(name: str, **kwargs: Any) -> Callable[..., Any]:
    def oracle(t: np.ndarray, p: np.ndarray) -> np.ndarray:
        return ref.LOSSES[name](t, p, **kwargs)[0]

    return oracle


add("mse", ff.losses.mean_squared_error, _rows("MeanSquaredError"), same, terms=0)
add("mae", ff.losses.mean_absolute_error, _rows("MeanAbsoluteError"), same, terms=0)
for from_logits in (False, True):
    kwargs = {"from_logits": from_logits, "label_smoothing": 0.1}
    tag = "_logits" if from_logits else ""
    add(
        "binary_crossentropy" + tag,
        lambda t, p, k=kwargs: ff.losses.binary_crossentropy(t, p, **k),
        _rows("BinaryCrossentropy", **kwargs),
        same,
        draw="unit",
        terms=0,
    )
    add(
        "categorical_crossentropy" + tag,
        lambda t, p, k=kwargs: ff.losses.categorical_crossentropy(t, p, **k),
        _rows("CategoricalCrossentropy", **kwargs),
        same,
        draw="unit",
        terms=0,
    )
BY_NAME = {case.name: case for case in CASES}
assert len(BY_NAME) == len(CASES)
