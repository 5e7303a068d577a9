"""Checks of arguments that many classes take."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

# The largest integer that the core takes.
LARGEST = 2**63 - 1
_SHOWN = 80


def shown(value: Any) -> str:
    """The value for a message: its repr, cut; for what has none, its type.

    >>> shown("3"), shown(10**5000)
    ("'3'", 'an integer of 16610 bits')
    """
    if isinstance(value, int) and value.bit_length() > 256:
        return f"an integer of {value.bit_length()} bits"
    try:
        text = repr(value)
    except Exception:
        return f"a {type(value).__name__}"
    return text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "..."


def count(value: Any, name: str, least: int = 1) -> int:
    """The value as an int from `least` to 2^63 - 1.

    >>> count(3, "units")
    3

    Raises:
        TypeError: no integer (bools, floats and strings are none).
        ValueError: out of bounds.
    """
    if type(value) is int and least <= value <= LARGEST:
        return value
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        got = f"{shown(value)} of type {type(value).__name__}"
        raise TypeError(f"{name}: got {got}, expected an integer of at least {least}")
    if value < least:
        raise ValueError(f"{name}: got {shown(value)}, expected at least {least}")
    if value > LARGEST:
        raise ValueError(f"{name}: got {shown(value)}, expected at most 2**63 - 1")
    return int(value)


def extents(value: Any, name: str) -> tuple[int, ...]:
    """A shape: a list or tuple of integers of at least 0.

    >>> extents([2, 3], "shape")
    (2, 3)

    Raises:
        TypeError: no list or tuple, or items that are no integers.
        ValueError: a negative extent, or 2^63 elements and more.
    """
    if not isinstance(value, (list, tuple)):
        raise TypeError(f"{name}: got {shown(value)}, expected a list or tuple of integers")
    known = tuple(count(n, name, 0) for n in value)
    if math.prod(known) > LARGEST:
        raise ValueError(f"{name}: got {shown(value)}, expected fewer than 2**63 elements")
    return known


def number(
    value: Any, name: str, low: float = -math.inf, high: float = math.inf, open_high: bool = False
) -> float:
    """The value as a float from `low` to `high`, both included unless `open_high`.

    >>> number(3, "rate", 0)
    3.0

    Raises:
        TypeError: no number (bools and strings are none).
        ValueError: NaN, infinite or out of bounds.
    """
    known = (int, float, np.integer, np.floating)
    if isinstance(value, bool) or not isinstance(value, known):
        got = f"{shown(value)} of type {type(value).__name__}"
        raise TypeError(f"{name}: got {got}, expected a number")
    try:
        v = float(value)
    except OverflowError:  # an integer beyond every float
        v = math.inf
    if not math.isfinite(v) or v < low or v > high or (open_high and v == high):
        bound = "" if low == -math.inf else f" of at least {low:g}"
        if high != math.inf:
            bound = f" from {low:g} to {'below ' if open_high else ''}{high:g}"
        raise ValueError(f"{name}: got {shown(value)}, expected a finite number{bound}")
    return v


def above_zero(value: Any, name: str) -> float:
    """The value as a float above 0; errors as :func:`number`."""
    v = number(value, name)
    if v <= 0:
        raise ValueError(f"{name}: got {shown(value)}, expected a finite number above 0")
    return v


def flag(value: Any, name: str) -> bool:
    """The value as a bool; TypeError for anything but True and False."""
    if value is True or value is False:
        return value
    if not isinstance(value, np.bool_):
        got = f"{shown(value)} of type {type(value).__name__}"
        raise TypeError(f"{name}: got {got}, expected True or False")
    return bool(value)
