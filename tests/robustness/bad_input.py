"""The cases of bad (and odd but legal) input: what they are made of and how one is run."""

from __future__ import annotations

import copy
import os
import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import feedfwd as ff
import numpy as np
import pytest

# Every refusal must come within this; one more try is granted, as the machine may be busy.
# Instrumented builds are slower by a factor that they state.
LONGEST = 0.1 * float(os.environ.get("FEEDFWD_TEST_SLOWDOWN", "1"))


class World:
    """A small built model with its trainer, and right data for it."""

    def __init__(self) -> None:
        self.model = ff.Sequential(
            [ff.Input((3,)), ff.layers.Dense(4, "tanh"), ff.layers.Dense(2)], seed=1
        )
        self.trainer = ff.Trainer(self.model, ff.optimizers.SGD(0.1), loss="mse")
        self.x = np.linspace(-1, 1, 24, dtype=np.float32).reshape(8, 3)
        self.y = np.linspace(1, -1, 16, dtype=np.float32).reshape(8, 2)
        self.weights = np.linspace(0.5, 1.5, 8, dtype=np.float32)

    def fit(self, x: Any = None, y: Any = None, **options: Any) -> Any:
        """One epoch; what is not given is right."""
        x, y = self.x if x is None else x, self.y if y is None else y
        return self.trainer.fit(x, y, **{"verbose": 0, **options})

    def trained(self, x: Any = None, y: Any = None, **options: Any) -> list[Any]:
        """The weights after fit."""
        self.fit(x, y, **options)
        return list(self.model.get_weights())

    def classifier(self) -> ff.Trainer:
        """A trainer on class numbers 0 to 3."""
        model = ff.Sequential([ff.Input((3,)), ff.layers.Dense(4)], seed=1)
        loss = ff.losses.SparseCategoricalCrossentropy(from_logits=True)
        return ff.Trainer(model, ff.optimizers.SGD(0.1), loss=loss)


@dataclass(frozen=True)
class Case:
    """`call(world, *given)` raises `error` with the `fragments`, or gives what `expected` gives.

    `given` makes the inputs, which must be the same afterwards. With neither error nor expected
    the call must only return.
    """

    id: str
    call: Callable[..., Any]
    given: tuple[Callable[[World], Any], ...] = ()
    error: type[BaseException] | tuple[type[BaseException], ...] | None = None
    fragments: tuple[str, ...] = ()
    expected: Callable[[World], Any] | None = None
    trains: bool = False  # some steps are made before the refusal


def refused(
    name: str,
    call: Callable[..., Any],
    error: Any,
    *fragments: str,
    given: Any = (),
    trains: bool = False,
) -> Case:
    """A case that must raise."""
    return Case(name, call, tuple(given), error, fragments, trains=trains)


def gives(name: str, call: Callable[..., Any], expected: Any = None, given: Any = ()) -> Case:
    """A case that must return the bits that `expected` returns in a world of its own."""
    return Case(name, call, tuple(given), expected=expected)


def bits(value: Any) -> Any:
    """Type, shape and bytes of all arrays in a result; other things as they are."""
    if isinstance(value, (ff.Tensor, ff.Variable)):
        value = value.numpy()
    if isinstance(value, (np.ndarray, np.generic)):
        return type(value).__name__, value.dtype.str, value.shape, value.tobytes()
    if isinstance(value, float):
        return value.hex()
    if isinstance(value, Mapping):
        return {k: bits(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [bits(v) for v in value]
    return value


def look(value: Any) -> Any:
    """Everything about an input that a call might change."""
    if isinstance(value, np.ma.MaskedArray):
        return look(value.data), look(np.ma.getmaskarray(value))
    if isinstance(value, np.ndarray):
        state = str(value.flags), value.dtype, value.shape, value.strides, value.tobytes()
        return (*state, None if not isinstance(value.base, np.ndarray) else look(value.base))
    if isinstance(value, memoryview):
        return value.tobytes(), value.format, value.shape
    if isinstance(value, (ff.Tensor, ff.Variable)):
        return bits(value)
    if isinstance(value, (list, tuple)):
        return [look(v) for v in value]
    if isinstance(value, Mapping):
        return {k: look(v) for k, v in value.items()}
    return copy.copy(getattr(value, "__dict__", repr(value)))


def attempt(case: Case) -> tuple[World, list[Any], Any, float, list[Any]]:
    """One run: the world, looks before, result or exception, seconds, warnings."""
    world = World()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # np.matrix warns when it is made
        given = [make(world) for make in case.given]
        before = [look(g) for g in given]
    weights = bits(world.model.get_weights())
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        start = time.perf_counter()
        try:
            result = case.call(world, *given)
        except BaseException as error:
            result = error
        seconds = time.perf_counter() - start
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert [look(g) for g in given] == before, "an input was changed"
    if isinstance(result, BaseException) and not case.trains:
        assert bits(world.model.get_weights()) == weights, "a refused call changed the weights"
    return world, given, result, seconds, [str(w.message) for w in caught]


def check(case: Case) -> None:
    """Run the case and hold what comes against what it says."""
    _, _, result, seconds, caught = attempt(case)
    if seconds > LONGEST:
        _, _, result, seconds, caught = attempt(case)
    if case.error is None and isinstance(result, BaseException):
        raise result
    if case.error is not None:
        if not isinstance(result, BaseException):
            pytest.fail(f"no exception; got {result!r}"[:500])
        known = case.error if isinstance(case.error, tuple) else (case.error,)
        told = f"{type(result).__name__}: {result}"[:2000]
        # NumPy's MemoryError is a class of its own.
        kind = MemoryError if isinstance(result, MemoryError) else type(result)
        assert kind in known, told
        for fragment in case.fragments:
            assert fragment in str(result), f"{fragment!r} is not in {told}"
    elif case.expected is not None:
        assert bits(result) == bits(case.expected(World()))
    assert not caught, f"warned: {caught}"
    assert seconds <= LONGEST, f"took {seconds:.3f} s"
