"""Rows that cases.py has no room for: operands that are not all floats, layers, dropout's mask.

`make(rng, n, m)` gives the operands as float64, integers or booleans. Those of `batch` have the
batch in front, as the result has; the others go in as Variables. None: there is no batch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import feedfwd as ff
import numpy as np
import reference as ref
from feedfwd import _core

THIRD = 7  # an extent beside n and m


@dataclass(frozen=True)
class Row:
    name: str
    call: Callable[..., Any]
    oracle: Callable[..., Any]
    make: Callable[[np.random.Generator, int, int], list[np.ndarray]]
    batch: tuple[int, ...] | None = (0,)
    terms: int = 8  # roundings of one result; 0: as many as n + m
    smooth: bool = True

    def arguments(self, arrays: list[np.ndarray], dtype: str) -> list[Any]:
        cast = [a.astype(dtype) if a.dtype == np.float64 else a for a in arrays]
        through = range(len(cast)) if self.batch is None else self.batch
        return [
            ff.ops.convert_to_tensor(a) if i in through else ff.Variable(a)
            for i, a in enumerate(cast)
        ]


def of(*shape: Any, draw: str = "off") -> Callable[[np.random.Generator, int, int], np.ndarray]:
    """A builder of one operand; extents "n", "m" or a number."""

    def build(rng: np.random.Generator, n: int, m: int) -> np.ndarray:
        wanted = tuple({"n": n, "m": m}.get(s, s) for s in shape)
        if draw == "off":  # at least 0.1 from every integer: away from kinks and steps
            return np.asarray(rng.integers(-4, 4, wanted) + rng.uniform(0.1, 0.9, wanted))
        if draw == "positive":
            return np.asarray(rng.uniform(0.3, 3.0, wanted))
        if draw == "ties":
            return rng.integers(-2, 3, wanted).astype(np.float64)
        if draw == "whole":
            return rng.integers(-50, 50, wanted).astype(np.int32)
        if draw == "divisor":
            return (rng.integers(1, 9, wanted) * rng.choice([-1, 1], wanted)).astype(np.int32)
        if draw == "flags":
            return rng.integers(0, 2, wanted).astype(bool)
        if draw == "classes":
            return rng.integers(0, m, wanted)
        p = rng.uniform(0.3, 1.0, wanted)
        return p / p.sum(axis=-1, keepdims=True)

    return build


ROWS: list[Row] = []


def add(name: str, call: Any, oracle: Any, *builders: Any, **options: Any) -> None:
    builders = builders or (of("n", "m"),)
    ROWS.append(
        Row(name, call, oracle, lambda rng, n, m: [b(rng, n, m) for b in builders], **options)
    )


# --- integers, booleans, casts -----------------------------------------------------------------

ties, flags, whole = (
    of("n", "m", draw="ties"),
    of("n", "m", draw="flags"),
    of("n", "m", draw="whole"),
)
for name in ("logical_and", "logical_or"):
    add(name, getattr(ff.ops, name), getattr(np, name), flags, of("m", draw="flags"), smooth=False)
add("logical_not", ff.ops.logical_not, np.logical_not, flags, smooth=False)
add(
    "operators_logical",
    lambda a, b: (a & b) | ~a,
    lambda a, b: (a & b) | ~a,
    flags,
    of("m", draw="flags"),
    smooth=False,
)
for name in ("add", "subtract", "multiply", "maximum", "minimum", "divide", "floor_divide", "mod"):
    add(
        f"int_{name}",
        getattr(ff.ops, name),
        getattr(np, name),
        whole,
        of("m", draw="divisor"),
        smooth=False,
    )
for name in ("floor_divide", "mod"):  # signs: the floor, not the truncation
    for by in (2.0, -3.0):
        add(
            f"{name}_by_{by}",
            lambda x, f=name, b=by: getattr(ff.ops, f)(x, b),
            lambda x, f=name, b=by: getattr(np, f)(x, b),
        )
for op in ("sum", "mean", "max", "min"):
    add(
        f"int_{op}",
        lambda x, f=op: getattr(ff.ops, f)(x, -1),
        lambda x, f=op: getattr(x, f)(-1),
        whole,
        smooth=False,
        terms=0,
    )
add("count", lambda x: ff.ops.sum(x, -1), lambda x: x.sum(-1), flags, smooth=False)
add(
    "cast_int32",
    lambda x: ff.ops.cast(x, "int32"),
    lambda x: np.trunc(x).astype(np.int32),
    smooth=False,
)
add(
    "cast_int64",
    lambda x: ff.ops.cast(x * 1e6, "int64"),
    lambda x: np.trunc(x * 1e6).astype(np.int64),
    ties,
    smooth=False,
)
add("cast_bool", lambda x: ff.ops.cast(x, "bool"), lambda x: x != 0, ties, smooth=False)
add("cast_from_int", lambda x: ff.ops.cast(x, "float64"), ref.f64, whole, smooth=False)
add("cast_from_bool", lambda x: ff.ops.cast(x, "float32"), ref.f64, flags, smooth=False)
add("cast_up", lambda x: ff.ops.cast(x, "float64") * 2.0, lambda x: 2 * x)
add(
    "one_hot",
    lambda x: ff.ops.one_hot(x, 5, "float64"),
    lambda x: ref.one_hot(x, 5),
    whole,
    smooth=False,
)  # most of them out of range
for axis in (None, 0, 1):
    add(
        f"argmax_ties_{axis}",
        lambda x, a=axis: ff.ops.argmax(x, a),
        lambda x, a=axis: ref.argmax(x, a),
        ties,
        smooth=False,
        batch=(0,) if axis else None,
    )
add(
    "where_row",
    ff.ops.where,
    np.where,
    of("n", 1, draw="flags"),
    of("n", "m"),
    of("m"),
    batch=(0, 1),
)
add(
    "where_not_a_number",  # the branch not taken does no harm, to the gradient neither
    lambda x: ff.ops.where(x > 0.0, ff.ops.sqrt(ff.ops.where(x > 0.0, x, 1.0)), 0.0),
    lambda x: np.sqrt(np.maximum(x, 0)),
)

# --- forms, products, reductions ---------------------------------------------------------------

cube = of("n", THIRD, "m")
FORMS: dict[str, tuple[Any, Any, tuple[int, ...] | None]] = {
    "slice_trim": (lambda x: x[:, 1:-1], cube, (0,)),
    "slice_back": (lambda x: x[:, ::-2], cube, (0,)),
    "slice_all_back": (lambda x: x[::-1, ::-1], cube, None),
    "slice_index": (lambda x: x[:, 3], cube, (0,)),
    "slice_last": (lambda x: x[..., -1], cube, (0,)),
    "slice_new": (lambda x: x[:, None, ..., None], cube, (0,)),
    "slice_rows": (lambda x: x[2:6:2], of(THIRD, "m"), None),
    "slice_scalar": (lambda x: x[0, -1], of("n", "m"), None),
    "slice_nothing": (lambda x: x[:, 5:2], cube, (0,)),
    "power_2": (lambda x: x**2, of("n", "m"), (0,)),
    "power_half": (lambda x: x**0.5, of("n", "m", draw="positive"), (0,)),
    "power_minus_1": (lambda x: x**-1, of("n", "m"), (0,)),
    "reflected": (lambda x: 2.0 - 3.0 / (1.5 + x * x) + 2.0**x, of("n", "m"), (0,)),
    "negate": (lambda x: abs(-x), of("n", "m"), (0,)),
}
for name, (call, build, batch) in FORMS.items():
    add(name, call, call, build, batch=batch)
add(
    "transpose_all",
    lambda x: ff.ops.transpose(x, (2, 0, 1)),
    lambda x: np.transpose(x, (2, 0, 1)),
    cube,
    batch=None,
)
add("reshape_flat", lambda x: ff.ops.reshape(x, (-1,)), np.ravel, batch=None)
add("expand_dims", lambda x: ff.ops.expand_dims(x, 1), lambda x: x[:, None])
add("squeeze", lambda x: ff.ops.squeeze(x, -1), lambda x: x[..., 0], of("n", "m", 1))
add(
    "concatenate_three",
    lambda x, y: ff.ops.concatenate([x, y, x], 1),
    lambda x, y: np.concatenate([x, y, x], 1),
    cube,
    of("n", 2, "m"),
    batch=(0, 1),
)
add("power_row", ff.ops.power, np.power, of("n", "m", draw="positive"), of("m"), terms=64)
add("outer", ff.ops.multiply, np.multiply, of("n", 1), of(1, "m"))
for name, axis, keep in (
    ("last", -1, True),
    ("front", (0, 1), False),
    ("ends", (0, -1), True),
    ("none", (), False),
):
    for op in ("mean", "max", "min"):
        make = lambda rng, n, m: (rng.permutation(n * THIRD * m).reshape(n, THIRD, m) - n) / 16.0  # noqa: E731
        add(
            f"{op}_{name}",
            lambda x, o=op, a=axis, k=keep: getattr(ff.ops, o)(x, a, k),
            lambda x, o=op, a=axis, k=keep: getattr(np, o)(x, axis=a, keepdims=k),
            make,
            batch=(0,) if axis in (-1, ()) else None,
            terms=0,
        )
add("matmul_batch_by_variable", ff.ops.matmul, np.matmul, of("n", "m"), of("m", THIRD), terms=0)
add("matmul_narrow_by_variable", ff.ops.matmul, np.matmul, of("n", "m"), of("m", 3), terms=0)
add(
    "matmul_narrow_transposed",
    lambda a, b: a @ ff.ops.transpose(b),
    lambda a, b: a @ b.T,
    of("n", "m"),
    of(2, "m"),
    terms=0,
)
add("matmul_vector_matrix", ff.ops.matmul, np.matmul, of("n"), of("n", "m"), batch=None, terms=0)
add("matmul_vector_vector", ff.ops.matmul, np.matmul, of("m"), of("m"), batch=None, terms=0)
add("matmul_cube_vector", ff.ops.matmul, np.matmul, of("n", 3, "m"), of("m"), terms=0)
for name in ("softmax", "log_softmax"):
    for axis in (0, 1):
        add(
            f"{name}_cube_{axis}",
            lambda x, f=name, a=axis: getattr(ff.ops, f)(x, a),
            lambda x, f=name, a=axis: np.moveaxis(getattr(ref, f)(np.moveaxis(x, a, -1)), -1, a),
            cube,
            batch=(0,) if axis else None,
            terms=0,
        )

# --- losses on class numbers and with weights --------------------------------------------------

for logits in (False, True):
    build = of("n", "m") if logits else of("n", "m", draw="shares")
    options = {"from_logits": logits}
    tag = "_logits" if logits else ""
    add(
        f"sparse_crossentropy{tag}",
        lambda t, p, o=options: ff.losses.sparse_categorical_crossentropy(t, p, **o),
        lambda t, p, o=options: ref.LOSSES["SparseCategoricalCrossentropy"](t, p, **o)[0],
        of("n", draw="classes"),
        build,
        batch=(0, 1),
        terms=0,
    )
    for name, target in (
        ("SparseCategoricalCrossentropy", of("n", draw="classes")),
        ("CategoricalCrossentropy", of("n", "m", draw="shares")),
        ("BinaryCrossentropy", of("n", "m", draw="shares")),
    ):
        add(
            f"weighted_{name}{tag}",
            lambda t, p, w, f=name, o=options: getattr(ff.losses, f)(**o)(t, p, w),
            lambda t, p, w, f=name, o=options: ref.loss(f, t, p, w, **o)[0],
            target,
            build
            if name != "BinaryCrossentropy" or logits
            else lambda rng, n, m: rng.uniform(0.1, 0.9, (n, m)),
            of("n", draw="positive"),
            batch=None,
            terms=0,
        )
for name in ("MeanSquaredError", "MeanAbsoluteError"):
    add(
        f"weighted_{name}",
        lambda t, p, w, f=name: getattr(ff.losses, f)()(t, p, w),
        lambda t, p, w, f=name: ref.loss(f, t, p, w)[0],
        of("n", "m", draw="positive"),
        lambda rng, n, m: rng.uniform(-3, -0.3, (n, m)),
        of("n", draw="positive"),
        batch=None,
        terms=0,
    )

# --- layers ------------------------------------------------------------------------------------


def dense(activation: str | None) -> Callable[..., Any]:
    """A Dense layer around weights that are given."""

    def call(x: Any, w: Any, b: Any = None) -> Any:
        layer = ff.layers.Dense(w.shape[1], activation=activation, use_bias=b is not None)
        layer.kernel, layer.bias = w, b
        return layer.call(x)

    return call


def masked(x: Any, step: int) -> Any:
    counter = ff.Variable(np.int64(step), trainable=False)
    return _core.dropout(x, counter, 0.4, 2**40 + 11, 5)


weights = of("m", THIRD), of(THIRD)
for name in ref.ACTIVATIONS:
    add(
        f"dense_{name}",
        dense(name),
        lambda x, w, b, f=name: ref.dense(x, w, b, f),
        of("n", "m"),
        *weights,
        terms=0,
    )
add("dense_no_bias", dense(None), np.matmul, of("n", "m"), weights[0], terms=0)
add(
    "dense_cube",
    dense("tanh"),
    lambda x, w, b: np.tanh(x @ w + b),
    of("n", 3, "m"),
    *weights,
    terms=0,
)
add("flatten", lambda x: ff.layers.Flatten().call(x), lambda x: x.reshape(len(x), -1), cube)
add("activation_layer", lambda x: ff.layers.Activation("silu").call(x), ref.silu)
for step in (0, 3):
    add(
        f"dropout_{step}",
        lambda x, s=step: masked(x, s),
        lambda x, s=step: ref.dropout(x, 0.4, 2**40 + 11, s, 5),
    )
add(
    "dropout_layer",
    lambda x: ff.layers.Dropout(0.3, seed=9, dtype=str(x.dtype))(x, training=True),
    lambda x: ref.dropout(x, 0.3, 9, 0, _core.stream_of(0, "dropout")),
)
add("dropout_predicting", lambda x: ff.layers.Dropout(0.3).call(x), ref.f64)
BY_NAME = {row.name: row for row in ROWS}
assert len(BY_NAME) == len(ROWS)
