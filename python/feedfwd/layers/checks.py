"""Small conversions and checks that layers share."""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from feedfwd import _core, data
from feedfwd.arguments import count, extents, shown
from feedfwd.layers.tracking import holds

if TYPE_CHECKING:
    from feedfwd.layers.base import Layer

SYMBOLS = (_core.Tensor, _core.Variable)


def snake_case(name: str) -> str:
    """ "MyDense" -> "my_dense"."""
    name = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", name).lower().strip("_")


def to_tensors(value: Any) -> Any:
    """Arrays and numbers in `value` as Tensors; Tensors and Variables as they are."""
    if isinstance(value, SYMBOLS):
        return value
    if isinstance(value, dict):
        return {key: to_tensors(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)) and holds(value, (*SYMBOLS, np.ndarray)):
        return type(value)(to_tensors(item) for item in value)
    if isinstance(value, (bool, int, float, list, tuple)):
        return _core.convert(value)
    return _core.convert(value)


def batch_shape(x: Any) -> tuple[int | None, ...]:
    """A tensor's shape with the batch left open."""
    shape = tuple(x.shape)
    return (None, *shape[1:]) if shape else ()


@functools.lru_cache(maxsize=512)
def training_default(call: Callable[..., Any]) -> tuple[bool, bool]:
    """Whether `call` has an argument `training`, and its default."""
    parameter = inspect.signature(call).parameters.get("training")
    if parameter is None:
        return False, False
    return True, parameter.default if isinstance(parameter.default, bool) else False


def mark_built(build: Callable[..., Any]) -> Callable[..., Any]:
    """`build`, noting that it ran; one that does not come to its end leaves the layer as it was."""

    @functools.wraps(build)
    def wrapped(self: Layer, input_shape: Any, *args: Any, **kwargs: Any) -> Any:
        self._check_init()
        attributes, weights, counters = dict(self.__dict__), [*self._weights], [*self._counters]
        try:
            result = build(self, input_shape, *args, **kwargs)
            self.built = True
        except BaseException:  # a signal's too: the next call builds it again
            self.__dict__.clear()
            self.__dict__.update(attributes)
            self._weights[:], self._counters[:] = weights, counters
            self._changed()
            raise
        return result

    return wrapped


def check_dtype(dtype: Any) -> str:
    """ "float32" or "float64"; ValueError for another."""
    try:
        name = str(np.dtype(dtype))
    except TypeError:
        name = str(dtype)
    if name not in ("float32", "float64"):
        raise ValueError(f"dtype: got {dtype!r}, expected 'float32' or 'float64'")
    return name


def check_shape(shape: Any, argument: str) -> tuple[int, ...]:
    """A tuple of positive integers."""
    if not isinstance(shape, (int, np.integer, list, tuple)):
        raise TypeError(f"{argument}: got {shown(shape)}, expected a list or tuple of integers")
    given = (shape,) if isinstance(shape, (int, np.integer)) else tuple(shape)
    return extents([count(n, argument) for n in given], argument)


def check_weights(weights: Any, variables: Sequence[_core.Variable], name: str) -> list[Any]:
    """Arrays for `variables`, all of them checked."""
    if not isinstance(weights, (list, tuple, np.ndarray)):
        raise TypeError(f"weights: got {shown(weights)}, expected a list of arrays")
    if len(weights) != len(variables):
        raise ValueError(
            f"weights: got {len(weights)} arrays, expected {len(variables)} for layer {name!r}"
        )
    arrays = []
    for i, (weight, variable) in enumerate(zip(weights, variables, strict=True)):
        label = f"weights[{i}] ({variable.name!r})"
        array = data.to_numbers(weight, label)
        if array.shape != tuple(variable.shape):
            raise ValueError(f"{label}: got shape {array.shape}, expected {tuple(variable.shape)}")
        if variable.dtype.kind == "f":
            data.check_values(array, variable.dtype.name, label, False)
        arrays.append(array)
    return arrays


def uniquify(layers: Sequence[Layer]) -> None:
    """Labels dense, dense_1 ... for layers nobody named; ValueError for a name given twice."""
    taken: set[str] = set()
    for layer in layers:
        if layer._named:
            if layer._name in taken:
                raise ValueError(f"name: two layers of one model are called {layer._name!r}")
            taken.add(layer._name)
    for layer in layers:
        if not layer._named:
            base = layer._label or snake_case(type(layer).__name__)
            layer._name = next(n for n in _numbered(base) if n not in taken)
            taken.add(layer._name)


def _numbered(base: str) -> Iterator[str]:
    yield base
    count = 1
    while True:
        yield f"{base}_{count}"
        count += 1
