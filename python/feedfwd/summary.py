"""What models say of themselves: the table of Model.summary, and the line that repr gives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from feedfwd import _core
from feedfwd.layers.tracking import Meter, Spec, bytes_of, replace, run_scratch, state

if TYPE_CHECKING:
    from feedfwd.layers.base import Layer
    from feedfwd.model import Model
    from feedfwd.trainer import Trainer

HEAD = ("Layer", "Output shape", "Params", "FLOPs", "Bytes")


def lines(model: Model) -> list[str]:
    """A line per layer, then the totals."""
    found = measure(model)
    rows = [HEAD]
    for layer in model.layers:
        shape = layer.__dict__.get("_output_shape", "?")
        count = f"{layer.count_params():,}" if layer.built else "?"
        cost = ["?", "?"]
        if found is not None:
            meter = found[0]
            cost = [f"{part.get(id(layer), 0):,}" for part in (meter.flops, meter.bytes)]
        rows.append((f"{layer.name} ({type(layer).__name__})", str(shape), count, *cost))  # type: ignore[arg-type]
    widths = [max(len(row[i]) for row in rows) for i in range(len(HEAD))]
    text = ["  ".join(_aligned(row, widths)) for row in rows]
    rule = "-" * len(text[0])
    return [f"Model: {model.name}", text[0], rule, *text[1:], rule, *_totals(model, found)]


def _aligned(row: tuple[str, ...], widths: list[int]) -> list[str]:
    left = [cell.ljust(n) for cell, n in zip(row[:2], widths[:2], strict=True)]
    return [*left, *(cell.rjust(n) for cell, n in zip(row[2:], widths[2:], strict=True))]


def _totals(model: Model, found: tuple[Meter, int] | None) -> list[str]:
    if not model._settled and not all(layer.built for layer in model._flatten()):
        return ["Not built: give ff.Input first, or call the model on data"]
    trained = model.trainable_variables
    own = {id(v) for v in trained}
    other = [v for v in model.variables if id(v) not in own]
    text = [f"Trainable params: {_counted(trained)}", f"Other params: {_counted(other)}"]
    if found is not None:
        meter, inputs = found
        size = inputs + sum(meter.bytes.get(id(layer), 0) for layer in model.layers)
        text.append(
            f"A sample forward: {meter.trace.flops():,} FLOPs, "
            f"{size:,} bytes of input and layer outputs"
        )
    return text


def _counted(variables: list[Any]) -> str:
    count = sum(int(v.size) for v in variables)
    size = sum(int(v.size) * v.dtype.itemsize for v in variables)
    return f"{count:,}" + (f" ({size:,} bytes)" if count else "")


def measure(model: Model) -> tuple[Meter, int] | None:
    """What each layer costs, and the bytes of a sample's input; None for a model that is not built
    or runs on values only.
    """
    signature = model._signature
    if not model._settled or signature is None:
        return None

    def metered(trace: _core.Trace) -> tuple[Meter, int]:
        meter = Meter(trace)
        state.now = state.now._replace(meter=meter)
        args, kwargs = replace(signature, Spec, lambda s: trace.input(s.shape, s.dtype))
        model(*args, **kwargs)
        return meter, bytes_of((args, kwargs))

    try:
        found: tuple[Meter, int] = run_scratch(metered)
    except (TypeError, ValueError):
        return None
    return found


def of_layer(layer: Layer) -> str:
    """The repr of a layer; it may stand in an error about a layer that is half made."""
    known = layer.__dict__
    head = f"{type(layer).__name__} {known.get('_name', '?')!r}"
    if not known.get("built", False):
        return f"<{head}, not built>"
    shape = known.get("_output_shape")
    shown = "" if shape is None else f", output {shape}"
    return f"<{head}{shown}, {layer.count_params():,} parameters>"


def of_model(model: Model) -> str:
    """The repr of a model."""
    known = model.__dict__
    head = f"{type(model).__name__} {known.get('_name', '?')!r}"
    if "_settled" not in known:
        return f"<{head}, not made>"
    layers = len(model.layers)
    count = f"{model.count_params():,} parameters" if model._settled else "not built"
    where = f"{model.dtype} on {model.device}"
    return f"<{head}: {layers} layer{'s' * (layers != 1)}, {count}, {where}>"


def of_trainer(trainer: Trainer) -> str:
    """The repr of a trainer."""
    names = [m if isinstance(m, str) else getattr(m, "name", repr(m)) for m in trainer._metrics]
    measured = f", metrics {', '.join(names)}" if names else ""
    epochs = len(trainer.history.epoch)
    done = f", {epochs} epoch{'s' * (epochs != 1)} done" if epochs else ""
    return (
        f"<Trainer of {trainer.model!r}: {trainer.optimizer!r}, {trainer.loss!r}{measured}{done}>"
    )
