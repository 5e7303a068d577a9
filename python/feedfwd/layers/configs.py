"""Layers to configs and back: plain values only, never code to import."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from feedfwd.layers.base import Layer

COMMON = ("name", "dtype", "trainable")
_built_in: dict[str, type[Layer]] = {}

# What users of other libraries write, and what it is called here.
SPELLINGS = {
    "p": "rate",
    "in_features": "nothing: the width of the input is inferred, or give ff.Input((width,)) first",
    "out_features": "units",
    "output_dim": "units",
    "input_dim": "ff.Input((width,)) as the first item of the model",
    "input_shape": "ff.Input(shape) as the first item of the model",
    "bias": "use_bias",
    "negative_slope": "activation=ff.layers.Activation or a function of x",
    "inplace": "nothing: inputs are never modified",
}


def built_in(cls: type[Layer]) -> type[Layer]:
    """Enter a layer into the table that configs are read with."""
    _built_in[cls.__name__] = cls
    return cls


def refuse_unknown(owner: str, unknown: Mapping[str, Any], known: tuple[str, ...]) -> None:
    """Raise the TypeError that says the right name for what was given."""
    for name in unknown:
        if name in SPELLINGS:
            raise TypeError(f"{owner}: unknown argument {name!r}; use {SPELLINGS[name]}")
        near = difflib.get_close_matches(name, known, 1)
        hint = f"; did you mean {near[0]!r}?" if near else f"; known: {', '.join(known)}"
        raise TypeError(f"{owner}: unknown argument {name!r}{hint}")


def auto_config(layer: Layer) -> dict[str, Any]:
    """The arguments the layer was made with, as plain values."""
    owner = type(layer).__name__
    args, kwargs = layer._init
    signature = inspect.signature(type(layer).__init__)
    bound = signature.bind(layer, *args, **kwargs)
    config: dict[str, Any] = {}
    for position, (name, value) in enumerate(bound.arguments.items()):
        kind = signature.parameters[name].kind
        if position == 0:
            continue
        if kind is inspect.Parameter.VAR_POSITIONAL:
            raise ValueError(f"{owner}: an __init__ with *{name} needs a get_config of its own")
        if kind is inspect.Parameter.VAR_KEYWORD:
            config.update({k: plain(v, f"{owner}: {k}") for k, v in value.items()})
        else:
            config[name] = plain(value, f"{owner}: {name}")
    return {k: v for k, v in config.items() if k not in COMMON}


def plain(value: Any, where: str) -> Any:
    """`value` as numbers, strings, lists and dicts; ValueError if it cannot be."""
    from feedfwd import activations
    from feedfwd.layers.base import Layer

    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    name = getattr(value, "__name__", None)
    if name in activations.names() and activations.get(name) is value:
        return name
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.dtype):
        return str(value)
    if isinstance(value, (list, tuple)):
        return [plain(item, where) for item in value]
    if isinstance(value, dict):
        return {str(key): plain(item, where) for key, item in value.items()}
    if isinstance(value, Layer):
        return serialize(value)
    if hasattr(value, "get_config"):
        return {"class_name": type(value).__name__, "config": value.get_config()}
    raise ValueError(
        f"{where}: {value!r} cannot be put in a config; "
        "write get_config and from_config for the layer"
    )


def serialize(layer: Layer) -> dict[str, Any]:
    """Class name and config of a layer."""
    return {"class_name": type(layer).__name__, "config": layer.get_config()}


def deserialize(
    config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None
) -> Layer:
    """The layer a config of serialize() describes; ValueError names an unknown class."""
    name = config["class_name"]
    cls = (custom_objects or {}).get(name) or _built_in.get(name)
    if cls is None:
        near = difflib.get_close_matches(name, _built_in, 1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ValueError(
            f"class_name: unknown layer {name!r}{hint} (pass custom_objects={{{name!r}: {name}}})"
        )
    return cls.from_config(revive(config["config"], custom_objects))  # type: ignore[no-any-return]


def revive(value: Any, custom_objects: Mapping[str, Any] | None) -> Any:
    """Layers again where a config holds configs of layers."""
    if isinstance(value, dict):
        name = value.get("class_name")
        if set(value) == {"class_name", "config"} and (
            name in _built_in or name in (custom_objects or {})
        ):
            return deserialize(value, custom_objects)
        return {key: revive(item, custom_objects) for key, item in value.items()}
    if isinstance(value, list):
        return [revive(item, custom_objects) for item in value]
    return value
