"""The contract's floating-point state (docs/numerics.md, rule 3) for arithmetic done in Python."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from feedfwd import _core

P = ParamSpec("P")
T = TypeVar("T")


def nearest(function: Callable[P, T]) -> Callable[P, T]:
    """`function` with rounding to nearest, whatever its caller has set; that is put back after.

    >>> nearest(lambda: 0.1 + 0.2)()
    0.30000000000000004
    """

    @functools.wraps(function)
    def inside(*args: P.args, **kwargs: P.kwargs) -> T:
        with _core.FloatState():
            return function(*args, **kwargs)

    return inside
