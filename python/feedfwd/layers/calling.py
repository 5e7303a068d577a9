"""What happens when a layer is called: building, drawing, the training flag, names in errors."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from feedfwd import _core, locking
from feedfwd.layers.checks import SYMBOLS, batch_shape
from feedfwd.layers.tracking import Spec, holds, inside, replace, run_layer, run_scratch, state

if TYPE_CHECKING:
    from feedfwd.layers.base import Layer

Arguments = tuple[tuple[Any, ...], dict[str, Any]]


def call_layer(layer: Layer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """``layer(*args, **kwargs)``."""
    if any(t.kind == "functional" for t in inside((args, kwargs), _core.Tensor)):
        from feedfwd import functional

        return functional.record(layer, args, kwargs)
    takes, training = layer._call_training(args, kwargs)
    outer = state.now.stack[-1] if state.now.stack else None
    if outer is not None and outer is not layer:
        layer._take_parent(outer)
    args, kwargs = layer._prepare(args, kwargs)
    if outer is None and not state.now.scratch and not layer._settled:
        return _first_call(layer, args, kwargs, takes, training)
    return _run(layer, args, kwargs, takes, training)


def _first_call(
    layer: Layer, args: tuple[Any, ...], kwargs: dict[str, Any], takes: bool, training: bool
) -> Any:
    """One thread builds; the others wait."""
    with locking.building():
        if layer._settled:
            return _run(layer, args, kwargs, takes, training)
        try_settle(layer, args, kwargs)
        result = _run(layer, args, kwargs, takes, training)
        if not layer._settled:
            finish(layer)
        return result


def _run(
    layer: Layer, args: tuple[Any, ...], kwargs: dict[str, Any], takes: bool, training: bool
) -> Any:
    given = {k: v for k, v in kwargs.items() if k != "training"}

    def built_and_called() -> Any:
        if not layer.built:
            build(layer, args, given)
        if takes and not any(isinstance(a, bool) for a in args[1:]):
            given["training"] = training
        return layer.call(*args, **given)

    meter = state.now.meter
    first_node = 0 if meter is None else len(meter.trace)
    try:
        result = run_layer(layer, training, built_and_called)
        if meter is not None:
            meter.note(layer, first_node, result)
        if state.now.scratch:
            shapes = replace(result, SYMBOLS, lambda t: tuple(t.shape))
            object.__setattr__(layer, "_output_shape", shapes)
        return result
    except (TypeError, ValueError) as error:
        if type(error) not in (TypeError, ValueError) or getattr(error, "_feedfwd_layer", False):
            raise
        named = type(error)(f"layer {layer.name!r} ({type(layer).__name__}): {error}")
        vars(named)["_feedfwd_layer"] = True
        raise named from error


def build(layer: Layer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Run ``build`` with the shape, or the nest of shapes, of the inputs."""
    values = [a for a in (*args, *kwargs.values()) if holds(a, SYMBOLS)]
    shapes = [replace(v, SYMBOLS, batch_shape) for v in values]
    layer.build(shapes[0] if len(shapes) == 1 else shapes)
    layer.built = True


def adopt(root: Layer) -> None:
    """Give everything below `root` its parent, dtype and device."""
    tree = root._tree()
    for layer, _ in tree:
        for child in layer._children():
            child._take_parent(layer)
    device = root._root()._device
    for layer, held in tree:
        for weight in layer._own(held):
            variable = weight.variable
            dtype = str(variable.dtype)
            wanted = layer.dtype if dtype.startswith("float") and not weight.fixed_dtype else dtype
            if (dtype, variable.device) != (wanted, device):
                variable.retype(wanted, device)
        for counter in layer._counters:
            if counter.device != device:
                counter.retype("int64", device)


def settle(layer: Layer, inputs: Callable[[_core.Trace], Arguments]) -> Any:
    """Build the layer and all below from symbolic inputs, then draw the weights; the outputs.

    Shapes come first and numbers second, so that a weight's position among all weights, which its
    random numbers depend on, is known before any are drawn.
    """
    adopt(layer)

    def called(trace: _core.Trace) -> Any:
        args, kwargs = inputs(trace)
        note_signature(layer, args, kwargs)
        return call_layer(layer, args, kwargs)

    outputs = run_scratch(called)
    finish(layer)
    return outputs


def note_signature(layer: Layer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Remember what the layer is called with: a model file needs it to build the model again."""
    given = {k: v for k, v in kwargs.items() if k != "training"}
    spec = replace((args, given), SYMBOLS, lambda t: Spec(batch_shape(t), str(t.dtype)))
    object.__setattr__(layer, "_signature", spec)


def try_settle(layer: Layer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """settle() for an eager call; a call that only runs eagerly builds while it runs."""

    def symbols(trace: _core.Trace) -> Arguments:
        def symbol(x: Any) -> _core.Tensor:
            return trace.input(batch_shape(x), str(x.dtype))

        return replace(args, SYMBOLS, symbol), replace(kwargs, SYMBOLS, symbol)

    try:
        settle(layer, symbols)
    except (TypeError, ValueError):
        # The eager call that follows says what is wrong, if anything is.
        adopt(layer)


def finish(layer: Layer) -> None:
    """Draw all weights that wait, and put them side by side in memory."""
    adopt(layer)
    if state.now.loading:
        return
    for weight in layer._all_weights():
        if weight.draw is not None:
            weight.draw.settle(weight.variable)
    layer._settled = True
    layer._after_settle()
