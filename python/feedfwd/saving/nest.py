"""Nested plain values as JSON, with their arrays beside them."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from feedfwd.layers.tracking import Spec

Arrays = dict[str, NDArray[Any]]


def pack(value: Any, arrays: Arrays, where: str) -> Any:
    """`value` as JSON; its arrays are put into `arrays` under names that begin with `where`.

    Raises:
        ValueError: something that is no number, string, array, list, tuple or dict.
    """
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else {"float": repr(value)}
    if isinstance(value, np.generic):
        value = np.asarray(value)
    if isinstance(value, np.ndarray) and value.dtype.kind in "biuf" and value.dtype.itemsize <= 8:
        name = f"{where}.{len(arrays)}"
        arrays[name] = value
        return {"array": name}
    if isinstance(value, Spec):
        return {"input": [list(value.shape), value.dtype]}
    if isinstance(value, list):
        return [pack(item, arrays, where) for item in value]
    if isinstance(value, tuple):
        return {"tuple": [pack(item, arrays, where) for item in value]}
    if isinstance(value, Mapping):
        items = [[pack(k, arrays, where), pack(v, arrays, where)] for k, v in value.items()]
        return {"dict": items}
    raise ValueError(
        f"{where}: {type(value).__name__} cannot be put in a file, "
        "expected numbers, strings, arrays, lists, tuples and dicts of them"
    )


def unpack(value: Any, arrays: Mapping[str, NDArray[Any]]) -> Any:
    """What pack() was given.

    Raises:
        ValueError: not what pack() makes.
    """
    if isinstance(value, list):
        return [unpack(item, arrays) for item in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1:
        kind, inner = next(iter(value.items()))
        if kind == "float" and inner in ("inf", "-inf", "nan"):
            return float(inner)
        if kind == "array" and isinstance(inner, str) and inner in arrays:
            return arrays[inner]
        if kind == "input" and isinstance(inner, list) and len(inner) == 2:
            return Spec(_shape(inner[0]), str(inner[1]))
        if kind == "tuple" and isinstance(inner, list):
            return tuple(unpack(item, arrays) for item in inner)
        if kind == "dict" and isinstance(inner, list):
            return dict(_pair(item, arrays) for item in inner)
    raise ValueError(f"the configuration holds {str(value)[:80]}, which this version cannot read")


def _shape(value: Any) -> tuple[int | None, ...]:
    if not isinstance(value, list):
        raise ValueError(f"the configuration holds the shape {value!r}, expected a list")
    for n in value:
        if n is not None and (isinstance(n, bool) or not isinstance(n, int) or n < 0):
            raise ValueError(f"the configuration holds the extent {n!r}, expected an integer")
    return tuple(value)


def _pair(item: Any, arrays: Mapping[str, NDArray[Any]]) -> tuple[Any, Any]:
    if not isinstance(item, list) or len(item) != 2 or isinstance(item[0], list):
        raise ValueError("the configuration holds a dict that this version cannot read")
    key = unpack(item[0], arrays)
    if key is not None and not isinstance(key, (str, int, float, tuple)):
        raise ValueError(f"the configuration holds the key {key!r}, expected a string or number")
    return key, unpack(item[1], arrays)


def dump(value: Any) -> str:
    """JSON of plain values.

    Raises:
        ValueError: NaN or Inf, or text that is no Unicode.
    """
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    try:
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"a name holds text that is no Unicode; {error}") from None
    return text


def load(text: str) -> Any:
    """Plain values from JSON.

    Raises:
        ValueError: no JSON, a key twice, NaN, or nested too deeply.
    """
    try:
        return json.loads(text, object_pairs_hook=_unique, parse_constant=_refuse)
    except RecursionError:
        raise ValueError("the configuration is nested too deeply") from None
    except ValueError as error:
        raise ValueError(f"the configuration is damaged: {error}") from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key stands twice")
    return found


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is no number")
