"""Models as files: how they are made, in words and numbers, and their weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from feedfwd import _core
from feedfwd.layers import calling, configs, tracking
from feedfwd.layers.tracking import Spec, replace
from feedfwd.model import Model
from feedfwd.saving import nest
from feedfwd.saving.nest import Arrays

Found = Mapping[str, NDArray[Any]]


def describe(model: Model, arrays: Arrays) -> dict[str, Any]:
    """What a file keeps of a model; its weights are put into `arrays`.

    Raises:
        ValueError: the model has no weights yet, or an argument that cannot be written down.
    """
    model._check_init()
    if not model._settled:
        raise ValueError(
            f"save: model {model.name!r} is not built; call it, predict, or put an ff.Input first"
        )
    variables = model.variables
    names = [f"{i}.{v.name}" for i, v in enumerate(variables)]
    arrays.update(zip(names, model.get_weights(), strict=True))
    return {
        **configs.serialize(model),
        "signature": nest.pack(model._signature, {}, "the model's input"),
        "seed": model.seed,
        "weights": names,
        "trainable": [bool(v.trainable) for v in variables],
        "frozen": [i for i, layer in enumerate(model._flatten()) if not layer._trainable],
        "dropout": [int(c.numpy()) for c in model._dropout_counters()],
    }


def rebuild(
    description: Any, arrays: Found, custom_objects: Mapping[str, Any] | None, device: str | None
) -> Model:
    """The model that describe() was given, with its weights.

    Raises:
        ValueError: an unknown class, or a description that does not fit the arrays.
    """
    try:
        model: Model = tracking.run_loading(lambda: _built(description, custom_objects, device))
        set_values(model, description, arrays)
        calling.finish(model)
    except (KeyError, IndexError, AttributeError, RecursionError, TypeError) as error:
        kind = type(error).__name__
        raise ValueError(
            f"the model's configuration does not work here: {kind}: {error}"
        ) from error
    return model


def _built(description: Any, custom_objects: Mapping[str, Any] | None, device: str | None) -> Model:
    model = _make(description, custom_objects, device)
    signature = nest.unpack(description["signature"], {})
    if signature is not None:
        _build(model, signature)
    return model


def _make(description: Any, custom_objects: Mapping[str, Any] | None, device: str | None) -> Model:
    if not isinstance(description, dict) or not isinstance(description.get("config"), dict):
        raise ValueError("the configuration has no model")
    config = dict(description["config"])
    if device is not None:
        config["device"] = _core.check_device(device)
    made: dict[str, Any] = {k: description[k] for k in ("class_name", "kind") if k in description}
    made["config"] = config
    model = configs.deserialize(made, custom_objects)
    if not isinstance(model, Model):
        raise ValueError(f"the configuration has a {type(model).__name__}, expected a model")
    if device is not None:
        model._device = config["device"]
    return model


def _build(model: Model, signature: Any) -> None:
    def symbols(trace: _core.Trace) -> Any:
        return replace(signature, Spec, lambda s: trace.input(s.shape, s.dtype))

    try:
        calling.settle(model, symbols)
    except (TypeError, ValueError):
        # A call that looks at values runs only on values.
        args, kwargs = replace(signature, Spec, _zeros)
        calling.call_layer(model, args, kwargs)


def _zeros(spec: Spec) -> Any:
    return _core.convert(np.zeros([1 if n is None else n for n in spec.shape], spec.dtype))


def set_values(model: Model, description: Any, arrays: Found) -> None:
    """Give a model the weights of a description."""
    weights = model._all_weights()
    names, flags = description["weights"], description["trainable"]
    counters = model._dropout_counters()
    positions = description["dropout"]
    if not len(weights) == len(names) == len(flags) or len(counters) != len(positions):
        raise ValueError(
            f"the file has {len(names)} weights and {len(positions)} dropout layers, the model of "
            f"its configuration {len(weights)} and {len(counters)}"
        )
    # All are compared before the first is given memory.
    for weight, name in zip(weights, names, strict=True):
        variable, array = weight.variable, arrays.get(name)
        if array is None:
            raise ValueError(f"the file lacks the weight {name!r}")
        want, got = tuple(variable.shape), tuple(array.shape)
        if want != got or str(variable.dtype) != array.dtype.newbyteorder("=").name:
            raise ValueError(
                f"weight {name!r}: the file has {array.dtype.name} {got}, "
                f"the model of its configuration {variable.dtype} {want}"
            )
    for weight, name, flag in zip(weights, names, flags, strict=True):
        variable = weight.variable
        if variable.is_pending and weight.draw is not None:
            weight.draw.given = np.array(arrays[name])
            variable.materialize()
        else:
            variable.assign(arrays[name])
        if bool(variable.trainable) != bool(flag):
            variable.trainable = bool(flag)
    frozen = set(description["frozen"])
    for i, layer in enumerate(model._flatten()):
        layer._trainable = i not in frozen
    for counter, position in zip(counters, positions, strict=True):
        counter.assign(position)
