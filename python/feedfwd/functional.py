"""Models drawn as graphs: ``Input``, layers called on it, and ``Model(inputs, outputs)``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from feedfwd import _core, graphs
from feedfwd.graphs import Constant, Graph, InputNote, Slot, Step, WeightOf
from feedfwd.layers import calling, configs
from feedfwd.layers.base import Arguments, Layer
from feedfwd.layers.checks import SYMBOLS, check_shape, uniquify
from feedfwd.layers.tracking import inside, replace, run_scratch
from feedfwd.model import Model

# The keys of a config that graphs.write makes.
GRAPH = ("inputs", "layers", "variables", "steps", "result")
MARKS = (Slot, Constant, WeightOf)


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


@configs.built_in
class Functional(Model):
    """What ``ff.Model(inputs, outputs)`` makes; see :class:`feedfwd.Model`."""

    _label = "model"

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
            name=name,
            trainable=trainable,
            **unknown,
        )
        self._init = ((), {})  # symbolic Tensors need not outlive this
        graph = inputs if isinstance(inputs, Graph) else _draw(inputs, outputs)
        self._graph = graph
        self._check_constants()
        self._layers = graph.layers()
        _mark_weights(graph, self._layers)
        self._loose = [v for s in graph.steps for v in inside(s.args, _core.Variable)]
        for layer in self._layers:
            layer._take_parent(self)
        uniquify(self._layers)
        notes = graph.inputs
        self._input_shapes = [(None, *n.shape) for n in notes]
        self._input_dtypes = [n.dtype for n in notes]
        names = [n.name for n in notes]
        self._input_names = [str(n) for n in names] if all(names) else None

        def symbols(trace: _core.Trace) -> Arguments:
            xs = [trace.input((None, *n.shape), self._input_dtype(i)) for i, n in enumerate(notes)]
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
        marks = [c for s in self._graph.steps if s.spec for c in inside(s.args, Constant)]
        if self.dtype == "float64" and any(c.values.dtype == np.float32 for c in marks):
            raise ValueError(
                "dtype: a float64 Model with numbers in the operators between its layers needs "
                "ff.Input(shape, dtype='float64'), so that they are not rounded to float32"
            )

    def output_layer(self) -> Layer | None:
        """The layer whose result is the model's only output; None where there is none."""
        result, steps = self._graph.result, self._graph.steps
        if not isinstance(result, Slot):
            return None
        at = result.index
        return next((s.layer for s in steps if s.first <= at < s.first + s.outputs), None)

    def call(self, x: Any) -> Any:
        """Run the graph."""
        values: list[Any] = [None] * self._graph.size
        xs = list(inside(x, (_core.Tensor, _core.Variable)))
        values[: len(xs)] = xs
        for step in self._graph.steps:
            args = replace(step.args, MARKS, lambda mark: value_of(mark, values))
            if step.layer is not None:
                made = list(inside(step.layer(*args[0], **args[1]), _core.Tensor))
                if len(made) != step.outputs:
                    raise ValueError(
                        f"layer {step.layer.name!r}: got {len(made)} outputs, "
                        f"expected {step.outputs}"
                    )
                values[step.first : step.first + step.outputs] = made
            elif step.spec is not None:
                args = replace(args, SYMBOLS, self._as_recorded)
                values[step.first] = _core.apply_spec(step.spec, args)
        return replace(self._graph.result, Slot, lambda s: values[s.index])

    def get_config(self) -> dict[str, Any]:
        """The graph as numbers, strings, lists and dicts.

        Values of Variables that operators use are not in it: they are weights.

        Raises:
            ValueError: an argument of a call, or of a layer, that is no such value.
        """
        own = {"seed": self._seed, "device": self._device}
        return {**self._common_config(), **graphs.write(self._graph), **own}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """The model a config of :meth:`get_config` describes, with weights drawn from its seed.

        Raises:
            ValueError: no such config.
        """
        common = {k: v for k, v in config.items() if k not in GRAPH}
        revived = {**config, "layers": configs.revive(config.get("layers"))}
        return cls(graphs.read(revived), None, **common)


def value_of(mark: Slot | Constant | WeightOf, values: list[Any]) -> Any:
    """What a mark stands for in a run with these values."""
    if isinstance(mark, Slot):
        return values[mark.index]
    return mark.tensor() if isinstance(mark, Constant) else mark.variable()


def _functional(nest: Any, argument: str) -> list[_core.Tensor]:
    found = list(inside(nest, _core.Tensor))
    if not found or any(t.kind != "functional" for t in found):
        raise TypeError(
            f"{argument}: got {type(nest).__name__}, expected symbolic Tensors (see ff.Input)"
        )
    return found


def _draw(inputs: Any, outputs: Any) -> Graph:
    """The graph between symbolic Tensors."""
    tensors = _functional(inputs, "inputs")
    notes = [note for t in tensors if (note := input_of(t)) is not None]
    if not tensors or len(notes) < len(tensors):
        raise ValueError("inputs: expected what ff.Input returned, or a list of it")
    steps, slots, size = _schedule(tensors, _functional(outputs, "outputs"))
    return Graph(notes, steps, replace(outputs, _core.Tensor, lambda t: Slot(slots[hash(t)])), size)


def _mark_weights(graph: Graph, layers: list[Layer]) -> None:
    """Weights of the graph's layers that operators use are found through the layers."""
    owned = {id(v): WeightOf(layer, i) for layer in layers for i, v in enumerate(layer.variables)}
    for step in graph.steps:
        step.args = replace(step.args, _core.Variable, lambda v: owned.get(id(v), v))


def _schedule(
    inputs: list[_core.Tensor], outputs: list[_core.Tensor]
) -> tuple[list[Step], dict[int, int], int]:
    """Steps in an order that works, the value number of each tensor, the number of values."""
    slots = {hash(t): i for i, t in enumerate(inputs)}
    keep: list[Any] = list(inputs)  # so that no address is used twice
    first_of: dict[int, int] = {}
    steps: list[Step] = []
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
            if t.kind == "functional":
                return Slot(slots[hash(t)])
            return Constant(t.numpy())

        args = replace(operands, _core.Tensor, mark)
        if note is None:
            steps.append(Step(size, 1, None, _core.op_spec(tensor), args))
            slots[hash(tensor)] = size
            size += 1
        else:
            keep.append(note.call)
            count = note.call.outputs
            first_of[id(note.call)] = size
            slots[hash(tensor)] = size + note.index
            steps.append(Step(size, count, note.call.layer, None, args))
            size += count
    return steps, slots, size
