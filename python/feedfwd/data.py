"""What users pass as data, made into checked, C-contiguous arrays. Inputs are never modified."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from feedfwd import _core
from feedfwd.arguments import number, shown
from feedfwd.floating import nearest

Array = NDArray[Any]
# The largest run of integers each dtype holds exactly.
_EXACT = {"float32": 2**24, "float64": 2**53}


def as_array(value: Any, argument: str) -> Array:
    """What NumPy makes of an array-like; what its own code raises reaches the caller.

    Raises:
        ValueError: no array, masked elements, or memory that is not the CPU's.
    """
    if isinstance(value, np.ma.MaskedArray) and (hidden := int(np.count_nonzero(value.mask))):
        raise ValueError(
            f"{argument}: got an array with {hidden} masked elements, expected none; "
            "fill them (.filled(0)) or leave those rows out"
        )
    if not isinstance(value, np.ndarray) and _core.is_on_device(value):
        return _core.from_device(value, argument).numpy()
    by_dlpack = hasattr(value, "__dlpack__") and not hasattr(value, "__array__")
    try:
        return np.from_dlpack(value) if by_dlpack else np.asarray(value)
    except ValueError as error:
        raise ValueError(f"{argument}: expected an array of numbers; {error}") from error
    except (BufferError, RuntimeError) as error:
        if not by_dlpack:
            raise
        raise ValueError(f"{argument}: expected an array in the CPU's memory; {error}") from error


def to_numbers(value: Any, argument: str) -> Array:
    """A list, data frame, Tensor or array as an array of a native number type.

    Raises:
        TypeError: complex, object, string and other types that are no real numbers.
        ValueError: rows of different lengths, and as :func:`as_array`.
    """
    array = as_array(value, argument)
    if array.dtype.kind not in "biuf" or array.dtype.itemsize > 8:
        raise TypeError(
            f"{argument}: got dtype {array.dtype}, expected bool, integers or float16/32/64"
        )
    return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))


def to_array(value: Any, argument: str) -> Array:
    """Rows of numbers, C-contiguous; see :func:`to_numbers`.

    bool, integers and floats keep their type (they are cast while rows are gathered).

    Raises:
        ValueError: a scalar.
    """
    if _core.is_plain(value):
        plain: Array = value
        return plain
    array = to_numbers(value, argument)
    if array.ndim == 0:
        raise ValueError(f"{argument}: got a scalar, expected an array with one row per sample")
    return np.ascontiguousarray(array)


def check_values(array: Array, dtype: str, argument: str, check_finite: bool) -> None:
    """ValueError for values a model of `dtype` cannot hold, and for NaN and Inf if asked for."""
    if _core.all_fit(array, dtype == "float32"):
        return
    kind, size = array.dtype.kind, array.dtype.itemsize
    if array.size == 0 or kind == "b":
        return
    if kind in "iu":
        limit = _EXACT[dtype]
        if int(array.min()) < -limit or int(array.max()) > limit:
            _refuse_inexact(array, dtype, argument)
        return
    low, high = float(array.min()), float(array.max())
    finite = np.isfinite(low) and np.isfinite(high)
    if not finite and check_finite:
        where = np.argwhere(~np.isfinite(array))[0]
        bad = array[tuple(where)]
        raise ValueError(
            f"{argument}: {bad} at row {where[0]} (index {tuple(int(i) for i in where)}); "
            "expected finite values (check_finite=False lets it pass)"
        )
    if size == 8 and dtype == "float32":
        top = float(np.finfo(np.float32).max)
        if not finite:
            kept = array[np.isfinite(array)]
            low, high = float(kept.min(initial=0)), float(kept.max(initial=0))
        if low < -top or high > top:
            worst = high if high > top else low
            raise ValueError(
                f"{argument}: {worst!r} overflows float32; scale the data or use dtype='float64'"
            )


def _refuse_inexact(array: Array, dtype: str, argument: str) -> None:
    wide = array.astype(np.float64)
    beyond = (array > 2**53) | (array < -(2**53))
    inexact = beyond | (wide.astype(dtype).astype(np.float64) != wide)
    if inexact.any():
        value = array[tuple(np.argwhere(inexact)[0])]
        raise ValueError(
            f"{argument}: the integer {value} has no exact {dtype}; scale the data"
            + (" or use dtype='float64'" if dtype == "float32" else "")
        )


def fits(x: Any, shape: Sequence[int | None], dtype: str) -> bool:
    """Whether `x` is, as it stands, what a model's only input takes: the short way of most data."""
    return _has_rows(x, shape) and _core.all_fit(x, dtype == "float32")


def fingerprint_if_fits(x: Any, shape: Sequence[int | None], dtype: str) -> int | None:
    """The fingerprint of an `x` that fits(), else None: its memory is read once for both."""
    return _core.fingerprint_if_fits(x, dtype == "float32") if _has_rows(x, shape) else None


def _has_rows(x: Any, shape: Sequence[int | None]) -> bool:
    return _core.is_plain(x) and x.shape[1:] == tuple(shape[1:]) and len(x) > 0


def check_rows(arrays: Mapping[str, Array | None]) -> int:
    """The number of rows all arrays share; ValueError if they differ or there are none."""
    counts = {name: len(a) for name, a in arrays.items() if a is not None}
    if len(set(counts.values())) > 1:
        text = ", ".join(f"{name} has {n}" for name, n in counts.items())
        raise ValueError(f"the arrays have different numbers of rows: {text}")
    rows = next(iter(counts.values()))
    if rows == 0:
        raise ValueError(f"{next(iter(counts))}: got no rows, expected at least one")
    return rows


def check_features(array: Array, expected: Sequence[int | None], argument: str) -> None:
    """ValueError unless the row shape is `expected` (the leading batch axis aside)."""
    if tuple(array.shape[1:]) == tuple(expected[1:]):
        return
    want = "(" + ", ".join(["n", *map(str, expected[1:])]) + ("," if len(expected) == 1 else "")
    hint = ""
    if tuple(array.shape) == tuple(expected[1:]):
        hint = f"; one sample is {argument}[None]"
    elif array.ndim == 1 and tuple(expected[1:]) == (1,):
        hint = f"; one feature is {argument}[:, None]"
    raise ValueError(f"{argument}: got shape {array.shape}, expected {want}){hint}")


def first(tensors: Sequence[Any]) -> Any:
    """How the only tensor is nested: not at all."""
    return tensors[0]


def split_inputs(
    x: Any, count: int | None, names: Sequence[str] | None, argument: str
) -> tuple[list[Array], Callable[[Sequence[Any]], Any]]:
    """The arrays in `x`, and how to nest as many tensors the way the model is called.

    A model of one input takes one array. One of several (`count`) takes a list or tuple of arrays,
    or a dict by the names of its inputs. Where the count is not known (a subclassed Model), a
    tuple, a dict, and a list of arrays of two and more axes are several inputs.
    """
    if (isinstance(x, Mapping) and (count or 2) > 1) or (isinstance(x, dict) and names):
        keys = list(names) if names else list(x)
        if set(keys) != set(x):
            raise ValueError(f"{argument}: got inputs {sorted(x)}, expected {sorted(keys)}")
        arrays = [to_array(x[k], f"{argument}[{k!r}]") for k in keys]
        if count is not None:
            return arrays, first if count == 1 else list
        return arrays, lambda ts: dict(zip(keys, ts, strict=True))
    several = isinstance(x, (list, tuple)) and (
        (count or 1) > 1
        or (count is None and len(x) > 0 and all(getattr(v, "ndim", 0) >= 2 for v in x))
    )
    if several:
        if count is not None and len(x) != count:
            raise ValueError(f"{argument}: got {len(x)} inputs, expected {count}")
        kind: Callable[[Sequence[Any]], Any] = tuple if isinstance(x, tuple) else list
        return [to_array(v, f"{argument}[{i}]") for i, v in enumerate(x)], kind
    if count is not None and count > 1:
        raise ValueError(f"{argument}: got one array, expected a list of {count}")
    return [to_array(x, argument)], first


def to_targets(
    y: Any, output_shape: Sequence[int | None], expects: str, dtype: str, check_finite: bool
) -> Array:
    """Targets for an output of `output_shape`: labels as int64 (n,), else of the output's shape.

    Raises:
        ValueError: another shape ((n,) and (n, 1) are the same for one output), or a label that is
            not an integer from 0 to classes - 1.
    """
    array = to_array(y, "y")
    if expects == "labels":
        return _to_labels(array, output_shape)
    check_values(array, dtype, "y", check_finite)
    want = tuple(output_shape[1:])
    if tuple(array.shape[1:]) == want:
        return array
    if {tuple(array.shape[1:]), want} == {(), (1,)}:
        return array.reshape(len(array), *(int(n or 0) for n in want))
    hint = ""
    if array.ndim == 1 or array.shape[1:] == (1,):
        hint = "; class numbers need a sparse loss or ff.ops.one_hot"
    shape = "(" + ", ".join(["n", *map(str, want)]) + ("," if not want else "") + ")"
    raise ValueError(f"y: got shape {array.shape}, expected {shape}{hint}")


def _to_labels(array: Array, output_shape: Sequence[int | None]) -> Array:
    classes = output_shape[-1]
    want = tuple(output_shape[1:-1])
    shape = tuple(array.shape[1:])
    if shape == (*want, 1):
        array = array.reshape(len(array), *(int(n or 0) for n in want))
    elif shape != want:
        hint = "; one-hot targets need CategoricalCrossentropy" if shape == (classes,) else ""
        raise ValueError(f"y: got shape {array.shape}, expected (n,) class numbers{hint}")
    with np.errstate(invalid="ignore"):
        labels = array.astype(np.int64)
    bad = labels != array
    if classes is not None:
        bad = bad | (labels < 0) | (labels >= classes)
    if bad.any():
        where = np.argwhere(bad)[0]
        raise ValueError(
            f"y: got label {array[tuple(where)]} in row {where[0]}, "
            f"expected integers from 0 to {int(classes or 0) - 1}"
        )
    return labels


def to_sample_weight(weight: Any, dtype: str) -> Array:
    """One weight per row, (n,); a column is taken as one."""
    array = to_array(weight, "sample_weight")
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0].copy()
    if array.ndim != 1:
        raise ValueError(f"sample_weight: got shape {array.shape}, expected (n,)")
    check_values(array, dtype, "sample_weight", True)
    return array


def classes_of(y: Array, kind: str, expects: str) -> Array | None:
    """The class of each row, or None for targets that are no classes."""
    if expects == "labels":
        return y
    if "categorical" in kind and y.ndim == 2:
        return np.asarray(y.argmax(axis=1))
    if "binary" in kind and y.size == len(y):
        return y.reshape(-1)
    return None


def class_weights(weights: Mapping[int, float], classes: Array | None) -> Array:
    """A weight per row from a weight per class; a class not named weighs 1."""
    if not isinstance(weights, Mapping):
        raise TypeError(f"class_weight: got {shown(weights)}, expected a dict of class to weight")
    known = {k: number(w, f"class_weight[{shown(k)}]") for k, w in weights.items()}
    for name in known:
        if number(name, "class_weight: class") < 0 or name != int(name):
            raise ValueError(f"class_weight: got class {name!r}, expected integers of at least 0")
    if classes is None:
        raise ValueError(
            f"class_weight: got {shown(weights)} for targets that are no classes, expected None; "
            "use sample_weight"
        )
    result = np.ones(len(classes), np.float64)
    for name, weight in known.items():
        result[classes == name] = weight
    return result


@nearest
def split_validation(
    arrays: Sequence[Array], fraction: float, classes: Array | None
) -> tuple[list[Array], list[Array]]:
    """First rows to train on, last rows to validate on, as Keras does.

    Raises:
        ValueError: a fraction outside 0 ... 1, an empty part, or a validation part that holds
            classes the training part lacks (the data is sorted, most likely).
    """
    rows = len(arrays[0])
    fraction = number(fraction, "validation_split", 0, 1, open_high=True)
    at = int(np.floor(rows * (1.0 - fraction)))
    if at == 0 or at == rows:
        raise ValueError(
            f"validation_split: {fraction} of {rows} rows leaves no rows to "
            + ("train on" if at == 0 else "validate on")
        )
    if classes is not None:
        missing = np.setdiff1d(classes[at:], classes[:at])
        if missing.size:
            raise ValueError(
                f"validation_split: the last {rows - at} rows hold class {missing[0]}, which the "
                "rest lacks; shuffle the rows first or pass validation_data"
            )
    return [a[:at] for a in arrays], [a[at:] for a in arrays]
