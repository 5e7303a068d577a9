"""Numbers that a model cannot hold or learn from: NaN, infinite, too large, no classes."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import feedfwd as ff
import numpy as np
from robustness.bad_input import Case, World, gives, refused

Change = Callable[[World], Any]


def put(array: np.ndarray, value: Any, dtype: Any = np.float32) -> np.ndarray:
    """A copy with one element changed."""
    changed = array.astype(dtype)
    changed[2, ...] = value
    return changed


def not_finite() -> list[Case]:
    """NaN and Inf, and that check_finite=False lets them through to the loss."""
    entries: dict[str, tuple[str, Callable[[World, Any], Any], str]] = {
        "fit-x": ("x", lambda w, v: w.fit(x=v), "x"),
        "fit-y": ("y", lambda w, v: w.fit(y=v), "y"),
        "validation-x": ("validation x", lambda w, v: w.fit(validation_data=(v, w.y)), "x"),
        "validation-y": ("y", lambda w, v: w.fit(validation_data=(w.x, v)), "y"),
        "sample_weight": ("sample_weight", lambda w, v: w.fit(sample_weight=v), "weights"),
        "evaluate-weight": (
            "sample_weight",
            lambda w, v: w.trainer.evaluate(w.x, w.y, sample_weight=v),
            "weights",
        ),
        "batches": ("x", lambda w, v: w.trainer.fit([(v, w.y)], verbose=0), "x"),
    }
    made = []
    for name, (argument, call, field) in entries.items():
        for label, value in {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}.items():
            for dtype in (np.float16, np.float32, np.float64):
                given = [lambda w, f=field, v=value, d=dtype: put(getattr(w, f), v, d)]
                words = (argument, label, "row 2", "finite")
                title = f"{name}-{label}-{np.dtype(dtype).name}"
                made.append(refused(title, call, ValueError, *words, given=given))
    return made


def too_large() -> list[Case]:
    """What the model's float32 cannot hold, and what it just can."""
    entries: dict[str, tuple[str, Callable[[World, Any], Any], str]] = {
        "predict": ("x", lambda w, v: w.model.predict(v), "x"),
        "call": ("x", lambda w, v: w.model(v), "x"),
        "fit-x": ("x", lambda w, v: w.fit(x=v), "x"),
        "fit-y": ("y", lambda w, v: w.fit(y=v), "y"),
        "weights": ("sample_weight", lambda w, v: w.fit(sample_weight=v), "weights"),
        "evaluate": ("x", lambda w, v: w.trainer.evaluate(v, w.y), "x"),
    }
    values: dict[str, tuple[Any, Any]] = {
        "float64": (1e300, np.float64),
        "float64-just": (3.5e38, np.float64),
        "float64-negative": (-1e39, np.float64),
        "int64": (2**60 + 1, np.int64),
        "int64-just": (2**24 + 1, np.int64),
        "int64-least": (-(2**63), np.int64),
        "int32": (2**31 - 1, np.int32),
        "uint64": (2**64 - 1, np.uint64),
        "uint32": (2**32 - 1, np.uint32),
    }
    made = []
    for name, (argument, call, field) in entries.items():
        for label, (value, dtype) in values.items():
            given = [lambda w, f=field, v=value, d=dtype: put(np.abs(getattr(w, f)) * 2, v, d)]
            words = (argument, str(value)[:4], "float32")
            made.append(refused(f"{name}-{label}", call, ValueError, *words, given=given))
    return made


def labels() -> list[Case]:
    """Class numbers that are none, for a model of four classes."""

    def train(w: World, v: Any) -> Any:
        trainer = w.classifier()
        trainer.fit(w.x, v, verbose=0)
        return list(trainer.model.get_weights())

    def measure(w: World, v: Any) -> Any:
        return w.classifier().evaluate(w.x, v)

    bad: dict[str, Any] = {
        "-1": -1,
        "4": 4,
        "2**31": 2**31,
        "2**62": 2**62,
        "0.5": 0.5,
        "3.999": 3.999,
        "nan": math.nan,
        "inf": math.inf,
        "1e300": 1e300,
    }
    made = []
    right = [0, 1, 2, 3, 0, 1, 2, 3]
    for label, value in bad.items():
        for name, call in {"fit": train, "evaluate": measure}.items():
            given = [lambda w, v=value: np.array([*right[:7], v])]
            words = ("y", "got", "row 7", "0 to 3")
            made.append(refused(f"label-{name}-{label}", call, ValueError, *words, given=given))
        direct_words = ("1e+300", "float32") if label == "1e300" else ("y_true", "0 to 3")
        direct = [lambda w, v=value: [*right[:7], v]]
        made.append(refused(f"label-loss-{label}", sparse, ValueError, *direct_words, given=direct))
    for label, form in {"floats": np.float64, "column": np.int64, "uint8": np.uint8}.items():
        shape = (8, 1) if label == "column" else (8,)
        given = [lambda w, f=form, s=shape: np.array(right, f).reshape(s)]
        same: Any = lambda w: train(w, np.array(right, np.int64))  # noqa: E731
        made.append(gives(f"label-as-{label}", train, same, given))
    onehot = [lambda w: np.eye(4, dtype=np.float32)[right]]
    words = ("y", "one-hot", "CategoricalCrossentropy")
    made.append(refused("label-one-hot", train, ValueError, *words, given=onehot))
    return made


def sparse(w: World, v: Any) -> Any:
    """The loss itself."""
    return ff.losses.sparse_categorical_crossentropy(v, np.ones((8, 4), np.float32))


def class_weights() -> list[Case]:
    """Weights per class."""

    def train(w: World, v: Any) -> Any:
        trainer = w.classifier()
        trainer.fit(w.x, np.arange(8) % 4, verbose=0, class_weight=v)
        return list(trainer.model.get_weights())

    bad: dict[str, tuple[Any, type[Exception], tuple[str, ...]]] = {
        "list": ([1.0, 2.0], TypeError, ("[1.0, 2.0]", "dict")),
        "int": (3, TypeError, ("3", "dict")),
        "str": ("balanced", TypeError, ("'balanced'", "dict")),
        "array": (np.ones(4), TypeError, ("dict",)),
        "nan": ({0: math.nan}, ValueError, ("nan", "finite")),
        "inf": ({0: math.inf}, ValueError, ("inf", "finite")),
        "none": ({0: None}, TypeError, ("None", "number")),
        "text": ({0: "2"}, TypeError, ("'2'", "number")),
        "bool": ({0: True}, TypeError, ("True", "number")),
        "list-inside": ({0: [1.0]}, TypeError, ("[1.0]", "number")),
        "long": ({0: 10**400}, ValueError, ("bits", "finite")),
        "class-name": ({"cat": 2.0}, TypeError, ("'cat'", "number")),
        "class-none": ({None: 2.0}, TypeError, ("None", "number")),
        "class-1.5": ({1.5: 2.0}, ValueError, ("1.5", "integers")),
        "class--1": ({-1: 2.0}, ValueError, ("-1", "integers")),
    }
    made = [
        refused(f"class_weight-{n}", train, e, "class_weight", *words, given=[lambda w, v=v: v])
        for n, (v, e, words) in bad.items()
    ]
    dense: Any = lambda w, v: w.fit(class_weight=v)  # noqa: E731
    words = ("class_weight", "no classes", "sample_weight")
    made.append(
        refused("class_weight-dense", dense, ValueError, *words, given=[lambda w: {0: 1.0}])
    )
    legal: dict[str, Any] = {
        "empty": {},
        "absent": {4: 2.0},
        "ones": {0: 1.0, 3: 1},
        "numpy": {np.int64(0): np.float32(1)},
        "floats": {0.0: 1.0},
    }
    for name, value in legal.items():
        plain: Any = lambda w: train(w, {0: 1.0})  # noqa: E731
        made.append(gives(f"class_weight-{name}", train, plain, [lambda w, v=value: v]))
    return made


def weights() -> list[Case]:
    """Weights that are odd but numbers."""
    train: Any = lambda w, v: w.trained(sample_weight=v)  # noqa: E731
    zero: Any = lambda w: train(w, np.zeros(8, np.float32))  # noqa: E731
    return [
        gives("weight--0.0", train, zero, [lambda w: np.full(8, -0.0, np.float32)]),
        gives("weight-all-zero", train, lambda w: w.model.get_weights(), [lambda w: np.zeros(8)]),
        gives("weight-negative", train, None, [lambda w: -w.weights]),
        gives("weight-bool", train, zero, [lambda w: np.zeros(8, bool)]),
        gives("predict-nan", lambda w, v: w.model.predict(v), None, [lambda w: put(w.x, math.nan)]),
        gives("predict-inf", lambda w, v: w.model.predict(v), None, [lambda w: put(w.x, math.inf)]),
        gives(
            "evaluate-nan",
            lambda w, v: w.trainer.evaluate(v, w.y),
            None,
            [lambda w: put(w.x, math.nan)],
        ),
        refused(
            "unchecked-nan",
            lambda w, v: w.fit(x=v, check_finite=False),
            FloatingPointError,
            "loss",
            "nan",
            "epoch 1",
            given=[lambda w: put(w.x, math.nan)],
        ),
        refused(
            "unchecked-weights",
            lambda w, v: w.fit(sample_weight=v, check_finite=False),
            ValueError,
            "sample_weight",
            given=[lambda w: put(w.weights, math.nan)],
        ),
        gives("denormals", lambda w, v: w.model.predict(v), None, [lambda w: put(w.x, 1e-45)]),
        gives(
            "float64-denormals",
            lambda w, v: w.model.predict(v),
            None,
            [lambda w: put(w.x, 5e-324, np.float64)],
        ),
    ]


def set_values() -> list[Case]:
    """Weights that float32 does not hold; all are looked at before the first is set."""
    made = []
    bad: dict[str, tuple[Any, type[Exception]]] = {
        "overflow": (np.full(2, 1e300), ValueError),
        "int": (np.full(2, 2**60 + 1), ValueError),
        "complex": (np.full(2, 1j), TypeError),
        "object": (np.array([None, None]), TypeError),
        "shape": (np.zeros(3), ValueError),
        "none": (None, TypeError),
    }
    for name, (last, error) in bad.items():

        def call(w: World, v: Any) -> Any:
            return w.model.set_weights([*(a + 1 for a in w.model.get_weights()[:3]), v])

        made.append(
            refused(f"set_weights-{name}", call, error, "weights[3]", given=[lambda w, v=last: v])
        )
    lists: dict[str, tuple[Any, type[Exception]]] = {
        "none": (None, TypeError),
        "int": (3, TypeError),
        "dict": ({}, TypeError),
        "str": ("abcd", TypeError),
        "empty": ([], ValueError),
        "five": ([np.zeros(2)] * 5, ValueError),
    }
    for name, (value, error) in lists.items():
        call = lambda w, v: w.model.set_weights(v)  # noqa: E731
        words = ("weights", "got", "expected")
        made.append(
            refused(f"set_weights-list-{name}", call, error, *words, given=[lambda w, v=value: v])
        )
    return made


CASES: list[Case] = [
    *not_finite(),
    *too_large(),
    *labels(),
    *class_weights(),
    *weights(),
    *set_values(),
]
