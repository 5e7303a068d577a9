"""What a layer knows by itself: its weights, its nested layers, the running call."""

from __future__ import annotations

import copyreg
import math
import threading
import weakref
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from feedfwd import _core
from feedfwd.floating import nearest

if TYPE_CHECKING:
    from feedfwd.layers.base import Layer

Initializer = Callable[..., Any]


class Meter:
    """What the layers called in one trace cost for one sample, by the layer's id."""

    def __init__(self, trace: _core.Trace) -> None:
        self.trace = trace
        self.flops: dict[int, int] = {}
        self.bytes: dict[int, int] = {}  # of the outputs

    def note(self, layer: Layer, first_node: int, result: Any) -> None:
        """`layer` made the nodes from `first_node` on, and gave `result`."""
        key = id(layer)
        self.flops[key] = self.flops.get(key, 0) + self.trace.flops(first_node)
        self.bytes[key] = self.bytes.get(key, 0) + bytes_of(result)


def bytes_of(tensors: Any) -> int:
    """Bytes of the tensors in a nest, of those with a batch for one sample."""
    return sum(
        t.dtype.itemsize * math.prod(n for n in t.shape if n is not None)
        for t in inside(tensors, (_core.Tensor, _core.Variable))
    )


class Calling(NamedTuple):
    """What runs on this thread; never changed, only replaced."""

    stack: tuple[Layer, ...] = ()  # the layers whose call is running, outermost first
    training: bool | None = None  # their training flag
    scratch: bool = False  # only shapes are wanted
    loading: bool = False  # weights come from a file: none are drawn
    meter: Meter | None = None  # counts what each layer costs


class CallState(threading.local):
    """``state.now``: what runs on this thread.

    Whoever replaces it keeps the old one first and puts it back with one assignment in ``finally``:
    an exception of a signal comes between calls, so it cannot come between those lines. Context
    managers written in Python would leave such gaps.
    """

    now = Calling()


state = CallState()


def run_layer(layer: Layer, training: bool, function: Callable[..., Any], *args: Any) -> Any:
    """function(*args) with `layer` the innermost running one; nested ones inherit `training`."""
    outer = state.now
    inner = outer._replace(stack=(*outer.stack, layer), training=training)
    try:
        state.now = inner
        return function(*args)
    finally:
        state.now = outer


def run_scratch(function: Callable[[_core.Trace], Any]) -> Any:
    """function(trace) in a trace that is thrown away: it builds layers and tells shapes."""
    trace = _core.Trace()
    outer = state.now
    inner = outer._replace(scratch=True)
    try:
        state.now = inner
        with trace:
            return function(trace)
    finally:
        state.now = outer


def run_loading(function: Callable[[], Any]) -> Any:
    """function(), where layers that are made and built get no values yet."""
    outer = state.now
    inner = outer._replace(loading=True)
    try:
        state.now = inner
        return function()
    finally:
        state.now = outer


class Spec:
    """Shape and dtype of a tensor that a layer was called with; the batch is None."""

    def __init__(self, shape: tuple[int | None, ...], dtype: str) -> None:
        self.shape, self.dtype = shape, dtype


class Draw:
    """Draws one weight from its root's seed when values are first needed (numerics, rule 8)."""

    def __init__(self, layer: Layer, initializer: Initializer) -> None:
        self.layer: weakref.ref[Layer] | None = weakref.ref(layer)
        self.initializer = initializer
        self.variable: weakref.ref[_core.Variable] | None = None
        self.used: tuple[int, int] | None = None  # seed and stream of the values drawn
        self.provisional = False  # drawn while the layer was being built
        self.given: Any = None  # values that take the place of drawn ones, once

    @nearest
    def __call__(self, variable: _core.Variable) -> Any:
        if self.given is not None:
            values, self.given = self.given, None
            return values
        self.used = self.source(variable)
        self.provisional = state.now.scratch
        seed, stream = self.used
        shape = tuple(int(n or 0) for n in variable.shape)
        name = str(variable.dtype)
        values = self.initializer(shape, dtype=name, seed=seed, stream=stream)
        values = np.asarray(values, dtype=variable.dtype)
        if values.shape != shape:
            raise ValueError(
                f"initializer of weight {variable.name!r}: got shape {values.shape}, "
                f"expected {shape}"
            )
        return np.ascontiguousarray(values)

    def source(self, variable: _core.Variable) -> tuple[int, int]:
        """Seed and stream: the position among all weights of the outermost layer."""
        layer = self.layer() if self.layer is not None else None
        if layer is None:
            return _core.entropy_seed(), _core.stream_of(0, "weight")
        root = layer._root()
        position = next((i for i, v in enumerate(root.variables) if v is variable), 0)
        return root._get_seed(), _core.stream_of(position, "weight")

    def settle(self, variable: _core.Variable) -> None:
        """Give the final values, now that the position is final."""
        if variable.is_pending:
            variable.materialize()
        elif self.provisional and self.used != self.source(variable):
            variable.assign(self(variable))
        self.provisional = False

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "layer": None, "variable": None}


# Which draw a pending variable waits for, for copies and pickles.
_draws: weakref.WeakValueDictionary[int, Draw] = weakref.WeakValueDictionary()


def pending(
    shape: tuple[int, ...], dtype: str, trainable: bool, name: str, draw: Draw
) -> _core.Variable:
    """A variable whose values `draw` gives when they are needed."""
    variable = _core.Variable.pending(shape, dtype, trainable, name, draw)
    draw.variable = weakref.ref(variable)
    _draws[id(variable)] = draw
    return variable


def _with_values(value: Any, trainable: bool, name: str) -> _core.Variable:
    return _core.Variable(value, trainable=trainable, dtype=str(value.dtype), name=name)


def _reduce(variable: _core.Variable) -> tuple[Any, ...]:
    draw = _draws.get(id(variable))
    waits = draw is not None and draw.variable is not None and draw.variable() is variable
    if variable.is_pending and waits:
        shape, dtype = tuple(variable.shape), str(variable.dtype)
        return pending, (shape, dtype, variable.trainable, variable.name, draw)
    return _with_values, (variable.numpy(), variable.trainable, variable.name)


def _reduce_tensor(tensor: _core.Tensor) -> tuple[Any, ...]:
    return _core.convert, (tensor.numpy(),)  # TypeError for a symbolic one


copyreg.pickle(_core.Variable, _reduce)
copyreg.pickle(_core.Tensor, _reduce_tensor)


class Weight:
    """A variable of a layer, whose dtype follows the model unless it was asked for."""

    def __init__(self, variable: _core.Variable, draw: Draw | None, fixed_dtype: bool) -> None:
        self.variable = variable
        self.draw = draw
        self.fixed_dtype = fixed_dtype


def inside(value: Any, kind: type | tuple[type, ...]) -> Iterator[Any]:
    """Objects of `kind` in nested lists, tuples and dicts, in order."""
    if isinstance(value, kind):
        yield value
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from inside(item, kind)
    elif isinstance(value, dict):
        for item in value.values():
            yield from inside(item, kind)


def holds(value: Any, kind: type | tuple[type, ...]) -> bool:
    """Whether there is an object of `kind` inside."""
    return any(True for _ in inside(value, kind))


def replace(value: Any, kind: type | tuple[type, ...], change: Callable[[Any], Any]) -> Any:
    """The same nest of lists, tuples and dicts with every object of `kind` changed."""
    if isinstance(value, kind):
        return change(value)
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*(replace(item, kind, change) for item in value))
    if isinstance(value, (list, tuple)):
        return type(value)(replace(item, kind, change) for item in value)
    if isinstance(value, dict):
        return {key: replace(item, kind, change) for key, item in value.items()}
    return value
