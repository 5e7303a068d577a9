"""Arrays of other shapes and numbers of rows, and sizes that no machine has room for."""

from __future__ import annotations

from typing import Any

import feedfwd as ff
import numpy as np
from robustness.bad_input import Case, gives, refused

OPS = ff.ops
X = np.linspace(-1, 1, 6, dtype=np.float32).reshape(2, 3)
WRONG: dict[str, tuple[int, ...]] = {
    "one-axis": (3,),
    "three-axes": (8, 3, 1),
    "wide": (8, 4),
    "narrow": (8, 2),
    "turned": (3, 8),
    "no-features": (8, 0),
    "row-axis": (1, 8, 3),
    "ten-axes": (1,) * 10,
}


def inputs() -> list[Case]:
    """x of a model of 3 features, wherever it is taken."""
    entries: dict[str, Any] = {
        "predict": lambda w, v: w.model.predict(v),
        "call": lambda w, v: w.model(v),
        "fit": lambda w, v: w.fit(x=v),
        "evaluate": lambda w, v: w.trainer.evaluate(v, w.y),
        "validation": lambda w, v: w.fit(validation_data=(v, w.y)),
    }
    made = []
    for name, call in entries.items():
        for label, shape in WRONG.items():
            # One sample per row count must not hide the shape, so there are 8 rows where possible.
            given = [lambda w, shape=shape: np.zeros(shape, np.float32)]
            words = ("x", "got", "expected", str(shape[0]))
            made.append(refused(f"{name}-{label}", call, ValueError, *words, given=given))
        scalar = [lambda w: np.float32(1)]
        made.append(refused(f"{name}-scalar", call, ValueError, "x", "scalar", given=scalar))
    for name in ("predict", "fit", "evaluate", "validation"):
        empty = [lambda w: np.zeros((0, 3), np.float32)]
        words = ("rows",) if name == "evaluate" else ("x", "rows")
        made.append(refused(f"{name}-no-rows", entries[name], ValueError, *words, given=empty))
    return made


def rows() -> list[Case]:
    """Numbers of rows that differ; targets and weights of another shape."""
    made = []
    for n in (1, 7, 9, 16):
        words = ("x has 8", f"has {n}")
        ys = [lambda w, n=n: np.zeros((n, 2), np.float32)]
        ws = [lambda w, n=n: np.ones(n, np.float32)]
        weighted: Any = lambda w, v: w.fit(sample_weight=v)  # noqa: E731
        made += [
            refused(f"fit-y-{n}-rows", lambda w, v: w.fit(y=v), ValueError, *words, given=ys),
            refused(
                f"evaluate-y-{n}-rows",
                lambda w, v: w.trainer.evaluate(w.x, v),
                ValueError,
                *words,
                given=ys,
            ),
            refused(f"fit-weights-{n}-rows", weighted, ValueError, f"has {n}", given=ws),
        ]
    for label, shape in {"wide": (8, 3), "vector": (8,), "three-axes": (8, 2, 1)}.items():
        ys = [lambda w, shape=shape: np.zeros(shape, np.float32)]
        call: Any = lambda w, v: w.fit(y=v)  # noqa: E731
        made.append(refused(f"fit-y-{label}", call, ValueError, "y", "expected (n, 2)", given=ys))
    for label, shape in {"matrix": (8, 2), "three-axes": (8, 1, 1)}.items():
        ws = [lambda w, shape=shape: np.ones(shape, np.float32)]
        call = lambda w, v: w.fit(sample_weight=v)  # noqa: E731
        words = ("sample_weight", "got shape", "expected (n,)")
        made.append(refused(f"fit-weights-{label}", call, ValueError, *words, given=ws))
    column = [lambda w: w.weights[:, None]]
    call = lambda w, v: w.trained(sample_weight=v)  # noqa: E731
    made.append(gives("fit-weights-column", call, lambda w: call(w, w.weights), column))
    return made


BAD_OPS: dict[str, tuple[Any, type[Exception]]] = {
    "add": (lambda: OPS.add(X, np.zeros((2, 4))), ValueError),
    "where": (lambda: OPS.where(X > 0, X, np.zeros(5)), ValueError),
    "matmul": (lambda: OPS.matmul(X, X), ValueError),
    "matmul-scalar": (lambda: OPS.matmul(X, 2.0), ValueError),
    "matmul-3d": (lambda: OPS.matmul(X, np.zeros((2, 3, 4), np.float32)), ValueError),
    "reshape": (lambda: OPS.reshape(X, (4, 2)), ValueError),
    "reshape-two-free": (lambda: OPS.reshape(X, (-1, -1)), ValueError),
    "reshape-none": (lambda: OPS.reshape(X, (2, None)), ValueError),
    "reshape-zero": (lambda: OPS.reshape(X, (0, -1)), ValueError),
    "reshape-huge": (lambda: OPS.reshape(X, (2**40, 2**40)), (ValueError, MemoryError)),
    "reshape-deep": (lambda: OPS.reshape(X, (1,) * 20), ValueError),
    "broadcast_to": (lambda: OPS.broadcast_to(X, (2, 4)), ValueError),
    "broadcast_to-huge": (lambda: OPS.broadcast_to(X, (2**62, 2, 3)), (ValueError, MemoryError)),
    "broadcast_to-most": (lambda: OPS.broadcast_to(1.0, (2**50,)), MemoryError),
    "transpose": (lambda: OPS.transpose(X, (0,)), ValueError),
    "transpose-twice": (lambda: OPS.transpose(X, (0, 0)), ValueError),
    "transpose-str": (lambda: OPS.transpose(X, "01"), TypeError),
    "concatenate-none": (lambda: OPS.concatenate([]), ValueError),
    "concatenate": (lambda: OPS.concatenate([X, X[:1]], 1), ValueError),
    "concatenate-int": (lambda: OPS.concatenate(3), TypeError),
    "stack": (lambda: OPS.stack([X, X[:1]]), ValueError),
    "stack-none": (lambda: OPS.stack([]), ValueError),
    "squeeze": (lambda: OPS.squeeze(X, 0), ValueError),
    "max-empty": (lambda: OPS.max(np.zeros((0, 3)), axis=0), ValueError),
    "argmax-empty": (lambda: OPS.argmax(np.zeros((2, 0)), axis=1), ValueError),
    "softmax-scalar": (lambda: OPS.softmax(1.0), ValueError),
    "one_hot-floats": (lambda: OPS.one_hot([0.5], 3), TypeError),
    "one_hot-huge": (lambda: OPS.one_hot([1], 2**50), MemoryError),
    "sum-twice": (lambda: OPS.sum(X, axis=(0, 0)), ValueError),
    "cast-name": (lambda: OPS.cast(X, "float16"), ValueError),
    "cast-none": (lambda: OPS.cast(X, None), TypeError),
    "loss": (lambda: ff.losses.MeanSquaredError()(X, X[:1]), ValueError),
    "loss-labels": (
        lambda: ff.losses.SparseCategoricalCrossentropy()([0, 1, 2], X),
        ValueError,
    ),
    "loss-weights": (lambda: ff.losses.MeanSquaredError()(X, X, [1.0, 1.0, 1.0]), ValueError),
    "metric": (lambda: ff.metrics.CategoricalAccuracy().update_state(X, X[:1]), ValueError),
    "assign": (lambda: ff.Variable(X).assign(X[:1]), ValueError),
    "assign_sub": (lambda: ff.Variable(X).assign_sub(np.zeros((3, 2, 3))), ValueError),
    "gradient": (
        lambda: ff.optimizers.SGD().apply_gradients([(X[:1], ff.Variable(X))]),
        ValueError,
    ),
    "random": (lambda: ff.random.normal((2**50,), seed=1), MemoryError),
    "random-overflow": (lambda: ff.random.normal((2**40, 2**40), seed=1), ValueError),
    "random-str": (lambda: ff.random.normal("23"), TypeError),
    "initializer": (lambda: ff.initializers.Ones()((2**50,)), MemoryError),
    "initializer-overflow": (lambda: ff.initializers.Ones()((2**40, 2**40)), ValueError),
    "Input-overflow": (lambda: ff.Input((2**40, 2**40)), ValueError),
    "Input-str": (lambda: ff.Input("3"), TypeError),
    "Input-none": (lambda: ff.Input(None), TypeError),
    "Dense-both": (lambda: dense(2**31, 2**31), (MemoryError, ValueError)),
    "Dense-wide": (lambda: dense(2, 2**50), MemoryError),
    "Dense-overflow": (lambda: dense(2**40, 2**40), ValueError),
    "Dense-flat": (lambda: flat((2**31, 2**31)), (MemoryError, ValueError)),
    "Dense-vector": (lambda: ff.layers.Dense(2)(np.zeros(3)), ValueError),
    "Dense-scalar": (lambda: ff.layers.Dense(2)(1.0), ValueError),
    "Flatten-scalar": (lambda: ff.layers.Flatten()(1.0), ValueError),
    "index": (lambda: OPS.convert_to_tensor(X)[2], IndexError),
    "index-many": (lambda: OPS.convert_to_tensor(X)[0, 0, 0], IndexError),
    "index-long": (lambda: OPS.convert_to_tensor(X)[10**30], IndexError),
    "index-float": (lambda: OPS.convert_to_tensor(X)[0.5], TypeError),
    "index-step": (lambda: OPS.convert_to_tensor(X)[::0], ValueError),
}


def dense(inputs: int, units: int) -> Any:
    """A model whose kernel has no room."""
    return ff.Sequential([ff.Input((inputs,)), ff.layers.Dense(units)], seed=1)


def flat(shape: tuple[int, ...]) -> Any:
    """The same behind a Flatten."""
    return ff.Sequential([ff.Input(shape), ff.layers.Flatten(), ff.layers.Dense(4)], seed=1)


def operations() -> list[Case]:
    return [
        refused(f"ops-{name}", lambda w, call=call: call(), error)
        for name, (call, error) in BAD_OPS.items()
    ]


CASES = [*inputs(), *rows(), *operations()]
