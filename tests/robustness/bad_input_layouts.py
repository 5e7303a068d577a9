"""Right numbers in every form an array can come in: the bits of the contiguous native copy."""

from __future__ import annotations

import array
import tempfile
from collections.abc import Callable
from typing import Any

import feedfwd as ff
import numpy as np
from robustness.bad_input import Case, World, gives

Form = Callable[[np.ndarray], Any]


class Subclass(np.ndarray):
    """An array of a class of its own."""


class Lent:
    """Has one of the ways of lending an array."""

    def __init__(self, held: np.ndarray) -> None:
        self.held = held


class ByArray(Lent):
    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        return np.asarray(self.held, dtype)


class ByInterface(Lent):
    @property
    def __array_interface__(self) -> dict[str, Any]:
        return self.held.__array_interface__


class ByStruct(Lent):
    @property
    def __array_struct__(self) -> Any:
        return self.held.__array_struct__


class BySequence(Lent):
    def __len__(self) -> int:
        return len(self.held)

    def __getitem__(self, i: int) -> Any:
        return self.held[i].tolist()


def fortran(a: np.ndarray) -> np.ndarray:
    return np.asfortranarray(a)


def every_other(a: np.ndarray) -> np.ndarray:
    wide = np.full([2 * n for n in a.shape], np.nan, a.dtype)
    view = wide[tuple(slice(None, None, 2) for _ in a.shape)]
    view[...] = a
    return view


def backwards(a: np.ndarray) -> np.ndarray:
    flip = tuple(slice(None, None, -1) for _ in a.shape)
    return np.ascontiguousarray(a[flip])[flip]


def unaligned(a: np.ndarray) -> np.ndarray:
    raw = bytearray(a.nbytes + 1)
    view = np.frombuffer(raw, a.dtype, a.size, offset=1).reshape(a.shape)
    view[...] = a
    return view


def swapped(a: np.ndarray) -> np.ndarray:
    return a.astype(a.dtype.newbyteorder())


def read_only(a: np.ndarray) -> np.ndarray:
    a.flags.writeable = False
    return a


def moved_axes(a: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(np.moveaxis(a, 0, -1)).transpose(a.ndim - 1, *range(a.ndim - 1))


def mapped(a: np.ndarray) -> np.ndarray:
    with tempfile.TemporaryFile() as file:
        view = np.memmap(file, a.dtype, "w+", shape=a.shape)
        view[...] = a
        return view


def mapped_to_read(a: np.ndarray) -> np.ndarray:
    with tempfile.NamedTemporaryFile() as file:
        file.write(a.tobytes())
        file.flush()
        return np.memmap(file.name, a.dtype, "r", shape=a.shape)


def field(a: np.ndarray) -> np.ndarray:
    rows = np.zeros(a.shape, [("flag", "u1"), ("value", a.dtype)])
    rows["value"] = a
    return rows["value"]


def with_gaps_between_rows(a: np.ndarray) -> np.ndarray:
    wide = np.zeros((len(a), 5, *a.shape[1:]), a.dtype)
    wide[:, 2] = a
    return wide[:, 2]


FORMS: dict[str, Form] = {
    "contiguous": lambda a: a,
    "fortran": fortran,
    "every-other": every_other,
    "backwards": backwards,
    "unaligned": unaligned,
    "byte-swapped": swapped,
    "byte-swapped-backwards": lambda a: backwards(swapped(a)),
    "read-only": read_only,
    "moved-axes": moved_axes,
    "memmap": mapped,
    "memmap-read-only": mapped_to_read,
    "field-of-struct": field,
    "gaps": with_gaps_between_rows,
    "subclass": lambda a: a.view(Subclass),
    "masked-nothing": lambda a: np.ma.MaskedArray(a),
    "memoryview": lambda a: memoryview(a),
    "by-array": ByArray,
    "by-array-strided": lambda a: ByArray(every_other(a)),
    "by-interface": ByInterface,
    "by-struct": ByStruct,
    "tensor": lambda a: ff.ops.convert_to_tensor(a),
    "variable": lambda a: ff.Variable(a),
}
LISTS: dict[str, Form] = {
    "list": lambda a: a.tolist(),
    "tuple": lambda a: tuple(a.tolist()),
    "list-of-arrays": list,
    "list-of-scalars": lambda a: [[*row] for row in a] if a.ndim == 2 else [*a],
}
SEQUENCE: dict[str, Form] = {"sequence": BySequence}  # float64, as NumPy takes it
VECTORS: dict[str, Form] = {
    "array.array": lambda a: array.array("f", a.tolist()),
    "range-of-bytes": lambda a: np.frombuffer(a.tobytes(), a.dtype),
}
Entry = tuple[str, Callable[[World, Any], Any], Callable[[World], np.ndarray]]
MATRICES: list[Entry] = [
    ("predict", lambda w, v: w.model.predict(v), lambda w: w.x),
    ("call", lambda w, v: w.model(v), lambda w: w.x),
    ("fit-x", lambda w, v: w.trained(x=v), lambda w: w.x),
    ("fit-y", lambda w, v: w.trained(y=v), lambda w: w.y),
    ("evaluate-x", lambda w, v: w.trainer.evaluate(v, w.y), lambda w: w.x),
    ("evaluate-y", lambda w, v: w.trainer.evaluate(w.x, v), lambda w: w.y),
    ("validation-x", lambda w, v: w.trained(validation_data=(v, w.y)), lambda w: w.x),
    ("loss", lambda w, v: ff.losses.MeanSquaredError()(v, w.y), lambda w: w.y[:, :2] + 1),
    ("Variable", lambda w, v: ff.Variable(v), lambda w: w.x),
    ("assign", lambda w, v: assigned(v), lambda w: w.x),
    ("convert", lambda w, v: ff.ops.convert_to_tensor(v), lambda w: w.x),
    ("matmul", lambda w, v: ff.ops.matmul(v, w.y[:3]), lambda w: w.x),
    ("sum", lambda w, v: ff.ops.sum(v, axis=0), lambda w: w.x),
    ("set_weights", lambda w, v: set_kernel(w, v), lambda w: w.x[:3, :].repeat(2, 1)[:, :4]),
    ("apply_gradients", lambda w, v: stepped(v), lambda w: w.x),
]
KEEP_DTYPE = ("Variable", "convert", "matmul", "sum")  # where an array's dtype counts
ROWS: list[Entry] = [
    ("sample_weight", lambda w, v: w.trained(sample_weight=v), lambda w: w.weights),
    ("labels", lambda w, v: labelled(w, v), lambda w: (np.arange(8) % 4).astype(np.float32)),
]


def assigned(v: Any) -> ff.Variable:
    """A Variable that was given v."""
    variable = ff.Variable(np.zeros((8, 3), np.float32))
    variable.assign(v)
    return variable


def set_kernel(w: World, v: Any) -> list[np.ndarray]:
    """The weights after v was set as the first kernel."""
    _, *rest = w.model.get_weights()
    w.model.set_weights([v, *rest])
    return list(w.model.get_weights())


def stepped(v: Any) -> ff.Variable:
    """A Variable after a step along v."""
    variable = ff.Variable(np.ones((8, 3), np.float32))
    ff.optimizers.Adam().apply_gradients([(v, variable)])
    return variable


def labelled(w: World, v: Any) -> list[np.ndarray]:
    """The weights of a classifier after an epoch on v."""
    trainer = w.classifier()
    trainer.fit(w.x, v, verbose=0)
    return list(trainer.model.get_weights())


def same(entries: list[Entry], forms: dict[str, Form]) -> list[Case]:
    """Every form at every entry, against the plain array there."""
    made = []
    for name, call, right in entries:

        def expected(w: World, call: Any = call, right: Any = right) -> Any:
            return call(w, np.array(right(w), order="C"))

        for label, form in forms.items():

            def given(w: World, form: Form = form, right: Any = right) -> Any:
                return form(np.array(right(w), order="C"))

            made.append(gives(f"{name}-{label}", call, expected, [given]))
    return made


CASES = [
    *same(MATRICES, {**FORMS, **LISTS}),
    *same([m for m in MATRICES if m[0] not in KEEP_DTYPE], SEQUENCE),
    *same(ROWS, {**FORMS, **LISTS, **SEQUENCE, **VECTORS}),
]
