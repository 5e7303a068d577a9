"""Arrays of other types: refused where they are no real numbers, else the bits of the cast copy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import feedfwd as ff
import numpy as np
from robustness.bad_input import Case, World, gives, refused
from robustness.bad_input_layouts import assigned, labelled, set_kernel, stepped

Entry = tuple[str, str, Callable[[World, Any], Any]]
ENTRIES: list[Entry] = [
    ("predict", "x", lambda w, v: w.model.predict(v)),
    ("call", "x", lambda w, v: w.model(v)),
    ("fit-x", "x", lambda w, v: w.fit(x=v)),
    ("fit-y", "y", lambda w, v: w.fit(y=v)),
    ("evaluate-x", "x", lambda w, v: w.trainer.evaluate(v, w.y)),
    ("validation", "validation x", lambda w, v: w.fit(validation_data=(v, w.y))),
    ("sample_weight", "sample_weight", lambda w, v: w.fit(sample_weight=v)),
    ("labels", "y", lambda w, v: labelled(w, v)),
    ("Variable", "initial_value", lambda w, v: ff.Variable(v)),
    ("assign", "value", lambda w, v: assigned(v)),
    ("convert", "x", lambda w, v: ff.ops.convert_to_tensor(v)),
    ("add", "operand", lambda w, v: ff.ops.add(v, w.x)),
    ("layer", "x", lambda w, v: ff.layers.Dense(2)(v)),
    ("set_weights", "weights[0]", lambda w, v: set_kernel(w, v)),
    ("gradient", "gradient", lambda w, v: stepped(v)),
]


class Returns:
    """Its __array__ gives anything, or raises it."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        if isinstance(self.value, BaseException):
            raise self.value
        return self.value


class Dictionary:
    """A nonsensical __array_interface__."""

    def __init__(self, value: Any) -> None:
        self.__array_interface__ = value


class Refuses:
    """Lends its memory on another device only."""

    def __dlpack__(self, **options: Any) -> Any:
        raise BufferError("on another device")

    def __dlpack_device__(self) -> tuple[int, int]:
        return 2, 0


class Raises:
    """A sequence whose items raise."""

    def __len__(self) -> int:
        return 8

    def __getitem__(self, i: int) -> Any:
        raise ZeroDivisionError("mine")


def deep(levels: int) -> Any:
    value: Any = 1.0
    for _ in range(levels):
        value = [value]
    return value


A = np.ones((8, 3), np.float32)
NO_NUMBERS: dict[str, Callable[[], Any]] = {
    "complex64": lambda: A.astype(np.complex64),
    "complex128": lambda: A.astype(np.complex128),
    "object": lambda: A.astype(object),
    "object-none": lambda: np.full((8, 3), None),
    "str": lambda: np.full((8, 3), "1.0"),
    "bytes": lambda: np.full((8, 3), b"1.0"),
    "datetime": lambda: np.zeros((8, 3), "M8[s]"),
    "timedelta": lambda: np.zeros((8, 3), "m8[s]"),
    "structured": lambda: np.zeros((8, 3), [("a", "f4")]),
    "void": lambda: np.zeros((8, 3), "V4"),
    "longdouble": lambda: A.astype(np.longdouble),
    "list-of-str": lambda: [["1", "2", "3"]] * 8,
    "list-with-none": lambda: [[1.0, None, 2.0]] * 8,
    "list-mixed": lambda: [[1, "a", 2]] * 8,
    "list-of-long-ints": lambda: [[10**30] * 3] * 8,
    "array-of-objects": lambda: Returns(np.full((8, 3), None)),
    "function": lambda: len,
    "module": lambda: np,
    "ellipsis": lambda: ...,
    "generator": lambda: (i for i in range(8)),
}
NO_ARRAYS: dict[str, Callable[[], Any]] = {
    "ragged": lambda: [[1.0, 2.0, 3.0], [1.0]],
    "ragged-deep": lambda: [[[1.0], [1.0, 2.0]]],
    "too-deep": lambda: deep(100),
    "array-none": lambda: Returns(None),
    "array-list": lambda: Returns([[1.0, 2.0, 3.0]]),
    "array-str": lambda: Returns("abc"),
    "interface-str": lambda: Dictionary("nonsense"),
    "interface-null": lambda: Dictionary(
        {"shape": (8, 3), "typestr": "<f4", "data": (0, True), "version": 3}
    ),
    "interface-typestr": lambda: Dictionary(
        {"shape": (8, 3), "typestr": "<x9", "data": b"0" * 96, "version": 3}
    ),
    "dlpack-elsewhere": Refuses,
    "masked": lambda: np.ma.MaskedArray(A, A > 0),
    "masked-one": lambda: np.ma.MaskedArray(A, np.arange(24).reshape(8, 3) == 5),
}
OWN: dict[str, tuple[Callable[[], Any], type[BaseException], str]] = {
    "KeyError": (lambda: Returns(KeyError("mine")), KeyError, "mine"),
    "ZeroDivisionError": (lambda: Returns(ZeroDivisionError("mine")), ZeroDivisionError, "mine"),
    "MemoryError": (lambda: Returns(MemoryError("mine")), MemoryError, "mine"),
    "KeyboardInterrupt": (lambda: Returns(KeyboardInterrupt("mine")), KeyboardInterrupt, "mine"),
    "RuntimeError": (lambda: Returns(RuntimeError("mine")), RuntimeError, "mine"),
    "item": (Raises, ZeroDivisionError, "mine"),
}


def refusals() -> list[Case]:
    made = []
    for name, argument, call in ENTRIES:
        for label, make in NO_NUMBERS.items():
            given = [lambda w, make=make: make()]
            made.append(refused(f"{name}-{label}", call, TypeError, argument, given=given))
        for label, make in NO_ARRAYS.items():
            given = [lambda w, make=make: make()]
            error = TypeError if label == "interface-typestr" else ValueError
            words = () if error is TypeError else (argument, "expected")
            made.append(refused(f"{name}-{label}", call, error, *words, given=given))
        for label, (make, error, word) in OWN.items():
            given = [lambda w, make=make: make()]
            made.append(refused(f"{name}-own-{label}", call, error, word, given=given))
    return made


SMALL = ("?", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f2", "f4", "f8", ">i2", ">f2", ">f8")
COUNTS = (np.arange(24) % 4).reshape(8, 3)
CASTING: list[tuple[str, Callable[[World, Any], Any], Callable[[World], np.ndarray]]] = [
    ("predict", lambda w, v: w.model.predict(v), lambda w: COUNTS),
    ("call", lambda w, v: w.model(v), lambda w: COUNTS),
    ("fit-x", lambda w, v: w.trained(x=v), lambda w: COUNTS),
    ("fit-y", lambda w, v: w.trained(y=v), lambda w: COUNTS[:, :2]),
    ("evaluate", lambda w, v: w.trainer.evaluate(v, w.y), lambda w: COUNTS),
    ("sample_weight", lambda w, v: w.trained(sample_weight=v), lambda w: COUNTS[:, 0]),
    ("labels", labelled, lambda w: COUNTS[:, 0]),
    ("assign", lambda w, v: assigned(v), lambda w: COUNTS),
    ("set_weights", set_kernel, lambda w: COUNTS[:3, [0, 1, 2, 0]]),
    ("gradient", lambda w, v: stepped(v), lambda w: COUNTS),
]


def casts() -> list[Case]:
    made = []
    for name, call, right in CASTING:
        for dtype in SMALL:

            def given(w: World, right: Any = right, dtype: str = dtype) -> np.ndarray:
                return right(w).astype(dtype)

            def expected(w: World, call: Any = call, given: Any = given) -> Any:
                return call(w, np.ascontiguousarray(given(w).astype(np.float32)))

            made.append(gives(f"{name}-as-{dtype}", call, expected, [given]))
    return made


CASES = [*refusals(), *casts()]
