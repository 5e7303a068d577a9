"""Models drawn as graphs: ``Input``, layers called on it, and ``Model(inputs, outputs)``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from feedfwd import _core
from feedfwd.layers import calling
from feedfwd.layers.base import Arguments, Layer
from feedfwd.layers.checks import SYMBOLS, check_shape, uniquify
from feedfwd.layers.tracking import inside, replace, run_scratch
from feedfwd.model import Model


class InputNote:
    """What an Input states."""

    def __init__(self, shape: tuple[int, ...], dtype: str | None, name: str | None) -> None:
        self.shape, self.dtype, self.name = shape, dtype, name


class CallNote:
    """One output of a layer called on symbolic Tensors."""

    def __init__(self, call: Call, index: int) -> None:
        self.call, self.index = call, index


class Call:
    """A layer and what it was called with."""

    def __init__(self, layer: Layer, arguments: Arguments) -> None:
        self.layer, self.arguments = layer, arguments
        self.outputs = 0


def Input(  # noqa: N802 - Keras' name
    shape: Sequence[int], dtype: str | None = None, name: str | None = None
) -> _core.Tensor:
    """A symbolic Tensor that stands for a model's input.

    Args:
        shape: of one row, without the batch, a tuple of positive integers.
        dtype: of the input; default: the model's.
        name: the key of this input where a model of several takes a dict.

    Returns:
        A symbolic Tensor of shape ``(None, *shape)``.

    Raises:
        TypeError, ValueError: ``shape`` is not one, or an unknown dtype.

    Example:
        >>> import feedfwd as ff
        >>> ff.Input((28, 28)).shape
        (None, 28, 28)

    Source: Keras 3, ``keras.Input``.
    """
    extents = check_shape(shape, "shape")
    if dtype is not None:
        dtype = str(np.dtype(dtype))
    note = InputNote(extents, dtype, name)
    return _core.placeholder((None, *extents), dtype or "float32", note)


def input_of(tensor: _core.Tensor) -> InputNote | None:
    """What the Input that made `tensor` states; None if another thing made it."""
    note = _core.note(tensor)
    return note if isinstance(note, InputNote) else None


def record(layer: Layer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Call `layer` on symbolic Tensors: build it, and remember the call in what is returned."""
    calling.adopt(layer)

    def recorded(trace: _core.Trace) -> Any:
        def symbol(t: _core.Tensor) -> _core.Tensor:
            return trace.input(tuple(t.shape), str(t.dtype)) if t.kind == "functional" else t

        concrete = replace((args, kwargs), _core.Tensor, symbol)
        outputs = calling.call_layer(layer, *concrete)
        call = Call(layer, (args, kwargs))
        positions = iter(range(1000))

        def placeholder(t: Any) -> _core.Tensor:
            note = CallNote(call, next(positions))
            return _core.placeholder(tuple(t.shape), str(t.dtype), note)

        call.outputs = len(list(inside(outputs, _core.Tensor)))
        return replace(outputs, _core.Tensor, placeholder)

    return run_scratch(recorded)


class _Slot:
    """Stands for the value number `index` of a run."""

    def __init__(self, index: int) -> None:
        self.index = index


class _Op:
    """An op on symbolic Tensors. It has no state, so copies share it."""

    def __init__(self, tensor: _core.Tensor) -> None:
        self.tensor = tensor

    def __deepcopy__(self, memo: dict[int, Any]) -> _Op:
        return self

    def __reduce__(self) -> Any:
        raise TypeError(
            "a Model with operators between its layers cannot be pickled; "
            "put them into the call of a layer"
        )


class _Step:
    """Fills values `first ...` from a layer or an op."""

    def __init__(self, first: int, count: int, layer: Layer | None, op: _Op | None, args: Any):
        self.first, self.count, self.layer, self.op, self.args = first, count, layer, op, args


class Functional(Model):
    """What ``ff.Model(inputs, outputs)`` makes; see :class:`feedfwd.Model`."""

    def __init__(
        self,
        inputs: Any,
        outputs: Any,
        *,
        seed: int | None = None,
        device: str = "cpu",
        dtype: str | None = None,
        name: str | None = None,
        trainable: bool = True,
        **unknown: Any,
    ) -> None:
        super().__init__(
            seed=seed,
            device=device,
            dtype=dtype,
            name=name or "model",
            trainable=trainable,
            **unknown,
        )
        self._init = ((), {})  # symbolic Tensors need not outlive this
        tensors = _functional(inputs, "inputs")
        notes = [input_of(t) for t in tensors]
        if not tensors or None in notes:
            raise ValueError("inputs: expected what ff.Input returned, or a list of it")
        stated = [n for n in notes if n is not None]
        self._steps, slots, self._size = _schedule(tensors, _functional(outputs, "outputs"))
        self._result = replace(outputs, _core.Tensor, lambda t: _Slot(slots[hash(t)]))
        self._check_constants()
        found: dict[int, Layer] = {id(s.layer): s.layer for s in self._steps if s.layer is not None}
        self._layers = list(found.values())
        self._loose = [v for s in self._steps for v in inside(s.args, _core.Variable)]
        for layer in self._layers:
            layer._take_parent(self)
        uniquify(self._layers)
        self._input_shapes = [(None, *n.shape) for n in stated]
        self._input_dtypes = [n.dtype for n in stated]
        names = [n.name for n in stated]
        self._input_names = [str(n) for n in names] if all(names) else None

        def symbols(trace: _core.Trace) -> Arguments:
            xs = [trace.input((None, *n.shape), self._input_dtype(i)) for i, n in enumerate(stated)]
            return (xs[0] if len(xs) == 1 else xs,), {}

        calling.settle(self, symbols)

    @property
    def layers(self) -> list[Layer]:
        """The layers in the order they run."""
        return list(self._layers)

    def _as_recorded(self, x: Any) -> Any:
        """Operators were recorded for float32 where no dtype was asked for."""
        return _core.cast(x, self.dtype) if str(x.dtype) == "float32" != self.dtype else x

    def _check_constants(self) -> None:
        """A constant that was rounded to float32 cannot be had back."""
        constants = [c for s in self._steps if s.op for c in inside(s.args, _Op)]
        if self.dtype == "float64" and any(str(c.tensor.dtype) == "float32" for c in constants):
            raise ValueError(
                "dtype: a float64 Model with numbers in the operators between its layers needs "
                "ff.Input(shape, dtype='float64'), so that they are not rounded to float32"
            )

    def output_layer(self) -> Layer | None:
        """The layer whose result is the model's only output; None where there is none."""
        if not isinstance(self._result, _Slot):
            return None
        at = self._result.index
        return next((s.layer for s in self._steps if s.first <= at < s.first + s.count), None)

    def call(self, x: Any) -> Any:
        """Run the graph."""
        values: list[Any] = [None] * self._size
        xs = list(inside(x, (_core.Tensor, _core.Variable)))
        values[: len(xs)] = xs
        for step in self._steps:
            args = replace(step.args, (_Slot, _Op), lambda s: _value(s, values))
            if step.layer is not None:
                made = list(inside(step.layer(*args[0], **args[1]), _core.Tensor))
                values[step.first : step.first + step.count] = made
            elif step.op is not None:
                args = replace(args, SYMBOLS, self._as_recorded)
                values[step.first] = _core.reapply(step.op.tensor, args)
        return replace(self._result, _Slot, lambda s: values[s.index])

    def get_config(self) -> dict[str, Any]:
        """Not there yet for graphs: use ``copy.deepcopy`` or ``pickle``.

        Raises:
            ValueError: always.
        """
        raise ValueError("Model(inputs, outputs): a graph has no config; use copy or pickle")


def _value(mark: _Slot | _Op, values: list[Any]) -> Any:
    return mark.tensor if isinstance(mark, _Op) else values[mark.index]


def _functional(nest: Any, argument: str) -> list[_core.Tensor]:
    found = list(inside(nest, _core.Tensor))
    if not found or any(t.kind != "functional" for t in found):
        raise TypeError(
            f"{argument}: got {type(nest).__name__}, expected symbolic Tensors (see ff.Input)"
        )
    return found


def _schedule(
    inputs: list[_core.Tensor], outputs: list[_core.Tensor]
) -> tuple[list[_Step], dict[int, int], int]:
    """Steps in an order that works, the value number of each tensor, the number of values."""
    slots = {hash(t): i for i, t in enumerate(inputs)}
    keep: list[Any] = list(inputs)  # so that no address is used twice
    first_of: dict[int, int] = {}
    steps: list[_Step] = []
    size = len(inputs)
    stack: list[tuple[_core.Tensor, bool]] = [(t, False) for t in reversed(outputs)]
    while stack:
        tensor, ready = stack.pop()
        if hash(tensor) in slots:
            continue
        note = _core.note(tensor)
        if isinstance(note, InputNote):
            raise ValueError(
                f"outputs: they depend on Input{(note.name or note.shape)!r}, "
                "which is not among the inputs"
            )
        operands: Any = note.call.arguments if note is not None else _core.producer(tensor)
        if not ready:
            stack.append((tensor, True))
            needed = [t for t in inside(operands, _core.Tensor) if t.kind == "functional"]
            stack.extend((t, False) for t in reversed(needed))
            continue
        keep.append(tensor)
        if note is not None and id(note.call) in first_of:
            slots[hash(tensor)] = first_of[id(note.call)] + note.index
            continue

        def mark(t: _core.Tensor) -> Any:
            return _Slot(slots[hash(t)]) if t.kind == "functional" else _Op(t)

        args = replace(operands, _core.Tensor, mark)
        if note is None:
            steps.append(_Step(size, 1, None, _Op(tensor), args))
            slots[hash(tensor)] = size
            size += 1
        else:
            keep.append(note.call)
            count = note.call.outputs
            first_of[id(note.call)] = size
            slots[hash(tensor)] = size + note.index
            steps.append(_Step(size, count, note.call.layer, None, args))
            size += count
    return steps, slots, size
