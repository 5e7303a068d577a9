"""Checks of arguments that many classes take."""

from __future__ import annotations

import math
from typing import Any

import numpy as np


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
        raise TypeError(f"{name}: got {value!r} of type {type(value).__name__}, expected a number")
    v = float(value)
    if not math.isfinite(v) or v < low or v > high or (open_high and v == high):
        bound = "" if low == -math.inf else f" of at least {low:g}"
        if high != math.inf:
            bound = f" from {low:g} to {'below ' if open_high else ''}{high:g}"
        raise ValueError(f"{name}: got {value!r}, expected a finite number{bound}")
    return v


def above_zero(value: Any, name: str) -> float:
    """The value as a float above 0; errors as :func:`number`."""
    v = number(value, name)
    if v <= 0:
        raise ValueError(f"{name}: got {value!r}, expected a finite number above 0")
    return v


def flag(value: Any, name: str) -> bool:
    """The value as a bool; TypeError for anything but True and False."""
    if not isinstance(value, (bool, np.bool_)):
        got = f"{value!r} of type {type(value).__name__}"
        raise TypeError(f"{name}: got {got}, expected True or False")
    return bool(value)
