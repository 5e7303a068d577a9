"""What a drawn model runs, and the same as plain values for a config."""

from __future__ import annotations

import base64
import binascii
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from feedfwd import _core
from feedfwd.arguments import count, shown
from feedfwd.layers import configs
from feedfwd.layers.base import Layer
from feedfwd.layers.checks import check_shape
from feedfwd.layers.tracking import holds, inside

# Every dtype that constants have; others are refused.
DTYPES = ("float32", "float64", "int32", "int64", "bool")
# Nests deeper than this come from no program.
_DEEPEST = 50


class Slot:
    """Stands for the value number `index` of a run."""

    def __init__(self, index: int) -> None:
        self.index = index


class Constant:
    """A Tensor with values among the operands."""

    def __init__(self, values: NDArray[Any]) -> None:
        self.values = values

    def tensor(self) -> _core.Tensor:
        """The Tensor."""
        return _core.convert(self.values)


class WeightOf:
    """A weight of a layer of the graph, used by an operator too."""

    def __init__(self, layer: Layer, position: int) -> None:
        self.layer, self.position = layer, position

    def variable(self) -> _core.Variable:
        """The weight, once the layer is built."""
        found = self.layer.variables
        if self.position >= len(found):
            raise ValueError(f"an operator uses a weight of {self.layer.name!r} before it has any")
        return found[self.position]


class Step:
    """Fills values `first ...` from a layer or an op."""

    def __init__(
        self, first: int, outputs: int, layer: Layer | None, spec: dict[str, Any] | None, args: Any
    ) -> None:
        self.first, self.outputs, self.layer = first, outputs, layer
        self.spec, self.args = spec, args


class InputNote:
    """What an Input states."""

    def __init__(self, shape: tuple[int, ...], dtype: str | None, name: str | None) -> None:
        self.shape, self.dtype, self.name = shape, dtype, name


class Graph:
    """Inputs, steps in an order that works, the nest of results, the number of values."""

    def __init__(self, inputs: list[InputNote], steps: list[Step], result: Any, size: int) -> None:
        self.inputs, self.steps, self.result, self.size = inputs, steps, result, size

    def layers(self) -> list[Layer]:
        """Each layer once, in the order they run."""
        found = {id(s.layer): s.layer for s in self.steps if s.layer is not None}
        return list(found.values())


# ---- nests of arguments as plain values


class Writer:
    """Nests to plain values; loose Variables are numbered as they come."""

    def __init__(self, layers: list[Layer]) -> None:
        self.layers = layers
        self.variables: list[_core.Variable] = []

    def layer(self, layer: Layer) -> int:
        """The number of a layer."""
        return next(i for i, known in enumerate(self.layers) if known is layer)

    def _variable(self, variable: _core.Variable) -> int:
        for i, known in enumerate(self.variables):
            if known is variable:
                return i
        self.variables.append(variable)
        return len(self.variables) - 1

    def nest(self, value: Any) -> Any:
        """`value` as numbers, strings, lists and dicts.

        Raises:
            ValueError: something that is no such value.
        """
        if isinstance(value, Slot):
            return {"value": value.index}
        if isinstance(value, (Constant, np.ndarray, np.generic)):
            return _write_array(value)
        if isinstance(value, WeightOf):
            return {"weight": [self.layer(value.layer), value.position]}
        if isinstance(value, _core.Variable):
            return {"variable": self._variable(value)}
        if isinstance(value, list):
            return [self.nest(item) for item in value]
        if isinstance(value, tuple) and not hasattr(value, "_fields"):
            return {"tuple": [self.nest(item) for item in value]}
        if isinstance(value, dict) and all(isinstance(k, str) for k in value):
            return {"dict": [[k, self.nest(v)] for k, v in value.items()]}
        if isinstance(value, float) and not math.isfinite(value):
            return {"float": repr(value)}
        if value is None or isinstance(value, (bool, int, float, str)):
            return value
        raise ValueError(
            f"a call in Model(inputs, outputs): {shown(value)} cannot be put in a config; expected "
            "numbers, strings, arrays, lists, tuples and dicts by names"
        )


def _write_array(value: Any) -> dict[str, Any]:
    array = np.asarray(value.values if isinstance(value, Constant) else value)
    if str(array.dtype) not in DTYPES:
        raise ValueError(f"a constant of {array.dtype} cannot be put in a config")
    data = array.astype(array.dtype.newbyteorder("<")).tobytes()
    kind = "tensor" if isinstance(value, Constant) else "array"
    text = base64.b64encode(data).decode("ascii")
    return {kind: text, "dtype": str(array.dtype), "shape": list(array.shape)}


class Reader:
    """Plain values of any origin to nests; every mistake is a ValueError."""

    def __init__(self, layers: list[Layer], variables: list[_core.Variable]) -> None:
        self.layers, self.variables = layers, variables
        self.size = 0  # values that there are so far

    def nest(self, value: Any, depth: int = 0) -> Any:
        """What Writer.nest was given."""
        if depth > _DEEPEST:
            raise ValueError("config: nested too deeply")
        if isinstance(value, list):
            return [self.nest(item, depth + 1) for item in value]
        if isinstance(value, dict):
            return self._marked(value, depth)
        if value is None or isinstance(value, (bool, int, float, str)):
            return value
        raise ValueError(f"config: got {shown(value)} in a graph")

    def _marked(self, value: dict[str, Any], depth: int) -> Any:
        if {"dtype", "shape"} < set(value):
            return _read_array(value)
        if len(value) != 1:
            raise ValueError(f"config: got {shown(value)} in a graph")
        kind, inner = next(iter(value.items()))
        if kind == "value":
            return Slot(index_of(inner, "value", self.size))
        if kind == "variable":
            return self.variables[index_of(inner, "variable", len(self.variables))]
        if kind == "weight" and isinstance(inner, list) and len(inner) == 2:
            layer = self.layers[index_of(inner[0], "weight", len(self.layers))]
            return WeightOf(layer, index_of(inner[1], "weight", 2**31))
        if kind == "float" and inner in ("inf", "-inf", "nan"):
            return float(inner)
        if kind == "tuple" and isinstance(inner, list):
            return tuple(self.nest(item, depth + 1) for item in inner)
        if kind == "dict" and isinstance(inner, list):
            return dict(self._pair(item, depth) for item in inner)
        raise ValueError(f"config: got {shown(value)} in a graph")

    def _pair(self, item: Any, depth: int) -> tuple[str, Any]:
        if not isinstance(item, list) or len(item) != 2 or not isinstance(item[0], str):
            raise ValueError(f"config: got {shown(item)} in a graph, expected a name and a value")
        return item[0], self.nest(item[1], depth + 1)


def index_of(value: Any, what: str, size: int) -> int:
    """The value as an index below `size`; ValueError for anything else."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < size:
        raise ValueError(f"config: {what} {shown(value)}, expected an index below {size}")
    return value


def entries(config: Any, key: str) -> list[Any]:
    """The list under `key`; ValueError where there is none."""
    value = config.get(key)
    if not isinstance(value, list):
        raise ValueError(f"config: {key}: got {shown(value)}, expected a list")
    return value


def fields(value: Any, names: tuple[str, ...], what: str) -> list[Any]:
    """The values of a dict with exactly these keys."""
    if not isinstance(value, dict) or set(value) != set(names):
        raise ValueError(f"config: {what}: got {shown(value)}, expected a dict of {names}")
    return [value[name] for name in names]


def _extents(value: Any) -> tuple[int, ...]:
    if not isinstance(value, list):
        raise ValueError(f"config: shape: got {shown(value)}, expected a list")
    try:
        known = tuple(count(n, "shape", 0) for n in value)
    except TypeError as error:
        raise ValueError(f"config: {error}") from None
    if len(known) > 32 or math.prod(known) >= 2**59:
        raise ValueError(f"config: shape: got {shown(value)}, expected fewer elements")
    return known


def read_dtype(value: Any) -> str:
    """The value, one of the names of DTYPES."""
    if value not in DTYPES:
        raise ValueError(f"config: dtype: got {shown(value)}, expected one of {', '.join(DTYPES)}")
    return str(value)


def _read_array(value: dict[str, Any]) -> Any:
    kind = "tensor" if "tensor" in value else "array"
    text, name, shape = fields(value, (kind, "dtype", "shape"), "a constant")
    extents, dtype = _extents(shape), np.dtype(read_dtype(name)).newbyteorder("<")
    try:
        data = base64.b64decode(text, validate=True)
    except (TypeError, ValueError, binascii.Error):
        raise ValueError("config: a constant's data is no base64") from None
    if len(data) != math.prod(extents) * dtype.itemsize:
        raise ValueError(f"config: a constant of shape {extents} has {len(data)} bytes")
    if name == "bool" and data.translate(None, b"\x00\x01"):
        raise ValueError("config: a constant of bool has other bytes than 0 and 1")
    array = np.frombuffer(data, dtype).astype(dtype.newbyteorder("="))
    try:
        array = array.reshape(extents)
    except ValueError:
        raise ValueError(f"config: a constant of shape {extents}") from None
    return Constant(array) if kind == "tensor" else array


# ---- graphs as plain values


def write(graph: Graph) -> dict[str, Any]:
    """The graph as plain values.

    Raises:
        ValueError: an argument of a call that cannot be written down; layers shared in a way that
            a config cannot say.
    """
    layers = graph.layers()
    configs.check_shared(layers)
    writer = Writer(layers)
    _check_weights(graph)
    steps = [_write_step(step, writer) for step in graph.steps]
    result = writer.nest(graph.result)
    return {
        "inputs": [
            {"shape": list(n.shape), "dtype": n.dtype, "name": n.name} for n in graph.inputs
        ],
        "layers": [configs.serialize(layer) for layer in layers],
        "variables": [
            {
                "shape": list(v.shape),
                "dtype": str(v.dtype),
                "name": v.name,
                "trainable": bool(v.trainable),
            }
            for v in writer.variables
        ],
        "steps": steps,
        "result": result,
    }


def _write_step(step: Step, writer: Writer) -> dict[str, Any]:
    args = writer.nest(step.args)
    if step.layer is None:
        return {"op": configs.plain(step.spec, "an operator"), "args": args}
    return {"layer": writer.layer(step.layer), "args": args, "outputs": step.outputs}


def _check_weights(graph: Graph) -> None:
    """The layer that a weight is taken from must run first: it is built when it runs."""
    built: set[int] = set()
    for step in graph.steps:
        for mark in inside(step.args, WeightOf):
            if id(mark.layer) not in built:
                raise ValueError(
                    f"an operator uses a weight of {mark.layer.name!r} and runs before that layer; "
                    "a config cannot say so: put both into a Layer of your own"
                )
        if step.layer is not None:
            built.add(id(step.layer))


def read(config: dict[str, Any]) -> Graph:
    """The graph of write(); `config` has Layers already where there were configs of layers.

    Raises:
        ValueError: no such graph.
    """
    layers = entries(config, "layers")
    for layer in layers:
        if not isinstance(layer, Layer):
            raise ValueError(f"config: layers: got {shown(layer)}, expected configs of layers")
    variables = [_read_variable(v) for v in entries(config, "variables")]
    inputs = [_read_input(n) for n in entries(config, "inputs")]
    if not inputs:
        raise ValueError("config: a model without inputs")
    reader = Reader(layers, variables)
    reader.size = len(inputs)
    steps = [_read_step(s, reader) for s in entries(config, "steps")]
    result = reader.nest(config.get("result"))
    if not holds(result, Slot):
        raise ValueError("config: a model without outputs")
    return Graph(inputs, steps, result, reader.size)


def _read_variable(value: Any) -> _core.Variable:
    shape, dtype, name, trainable = fields(
        value, ("shape", "dtype", "name", "trainable"), "a variable"
    )
    if not isinstance(name, str) or not isinstance(trainable, bool):
        raise ValueError(f"config: a variable: got {shown(value)}")
    return _core.Variable.pending(_extents(shape), read_dtype(dtype), trainable, name, blank)


def blank(variable: _core.Variable) -> NDArray[Any]:
    """The values of a Variable that a config names, until it gets its own."""
    return np.zeros([int(n or 0) for n in variable.shape], variable.dtype)


def _read_input(value: Any) -> InputNote:
    shape, dtype, name = fields(value, ("shape", "dtype", "name"), "an input")
    if name is not None and not isinstance(name, str):
        raise ValueError(f"config: an input's name: got {shown(name)}, expected a string")
    extents = check_shape(list(_extents(shape)), "shape")
    return InputNote(extents, None if dtype is None else read_dtype(dtype), name)


def _read_step(value: Any, reader: Reader) -> Step:
    first = reader.size
    if isinstance(value, dict) and "op" in value:
        spec, args = fields(value, ("op", "args"), "a step")
        operands = reader.nest(args)
        if not isinstance(spec, dict) or not isinstance(operands, list):
            raise ValueError(f"config: a step: got {shown(value)}")
        reader.size += 1
        return Step(first, 1, None, spec, operands)
    number, args, outputs = fields(value, ("layer", "args", "outputs"), "a step")
    layer = reader.layers[index_of(number, "layer", len(reader.layers))]
    found = reader.nest(args)
    shaped = isinstance(found, tuple) and len(found) == 2
    if not shaped or not isinstance(found[0], tuple) or not isinstance(found[1], dict):
        raise ValueError("config: a step: expected positional and named arguments")
    reader.size += index_of(outputs, "outputs", 1001)
    return Step(first, outputs, layer, None, found)
