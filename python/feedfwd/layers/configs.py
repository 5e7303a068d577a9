"""Layers to configs and back: plain values only, never code to import."""

from __future__ import annotations

import difflib
import inspect
import math
import os
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from feedfwd.arguments import shown
from feedfwd.layers.tracking import inside

if TYPE_CHECKING:
    from feedfwd.layers.base import Layer

COMMON = ("name", "dtype", "trainable")
# The kind of a class that has the name of a built-in one: only custom_objects can give it.
CUSTOM = "custom"
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
    check_shared(inside(list(bound.arguments.values())[1:], _layer_class()))
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


def check_shared(layers: Iterable[Layer]) -> None:
    """ValueError for a layer that is in two of `layers`: configs of both would make two of it."""
    owner: dict[int, tuple[int, str]] = {}
    for i, layer in enumerate(layers):
        for inner in layer._flatten():
            first, name = owner.setdefault(id(inner), (i, layer.name))
            if first != i:
                raise ValueError(
                    f"layer {inner.name!r} is in {name!r} and in {layer.name!r}; "
                    "a config cannot say so: share it in one Model"
                )


def attributes(thing: Any) -> dict[str, Any]:
    """The arguments of ``__init__``, from the attributes of their names, as plain values."""
    owner = type(thing).__name__
    if type(thing).__init__ is object.__init__:
        return {}
    config: dict[str, Any] = {}
    for name, parameter in list(inspect.signature(type(thing).__init__).parameters.items())[1:]:
        variable = parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
        if variable or name not in vars(thing):
            raise ValueError(
                f"{owner}: the argument {name!r} is not kept in an attribute of that name; "
                "give the class get_config and from_config"
            )
        config[name] = plain(getattr(thing, name), f"{owner}: {name}")
    return config


def _layer_class() -> type[Layer]:
    from feedfwd.layers.base import Layer

    return Layer


def plain(value: Any, where: str) -> Any:
    """`value` as numbers, strings, lists and dicts; ValueError if it cannot be."""
    from feedfwd import activations

    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return _finite(value, where)
    name = getattr(value, "__name__", None)
    if isinstance(name, str) and name in activations.names() and activations.get(name) is value:
        return name
    if isinstance(value, np.dtype):
        return str(value)
    if isinstance(value, os.PathLike):
        return plain(os.fspath(value), where)
    if isinstance(value, (list, tuple)):
        return [plain(item, where) for item in value]
    if isinstance(value, dict):
        for key in value:
            if not isinstance(key, str):
                raise ValueError(f"{where}: a dict in a config has the key {shown(key)}, no string")
        return {key: plain(item, where) for key, item in value.items()}
    if isinstance(value, _layer_class()):
        return serialize(value)
    if hasattr(value, "get_config") and not isinstance(value, type):
        return describe(value, where)
    raise ValueError(
        f"{where}: {shown(value)} cannot be put in a config; use a name, or an object of a class "
        "with get_config and from_config, and hand the class to the loader in custom_objects"
    )


def _finite(value: float, where: str) -> float:
    if not math.isfinite(value):
        raise ValueError(f"{where}: {value} cannot be put in a config, expected a finite number")
    return value


def serialize(layer: Layer) -> dict[str, Any]:
    """Class name and config of a layer."""
    name = type(layer).__name__
    note = {} if _built_in.get(name, type(layer)) is type(layer) else {"kind": CUSTOM}
    return {"class_name": name, "config": layer.get_config(), **note}


def describe(thing: Any, where: str) -> dict[str, Any]:
    """Class name and config of what is no layer: an initializer, a loss, a schedule ...

    Where the name alone would give another class, ``kind`` says which is meant.
    """
    name = type(thing).__name__
    known = _known(name)
    note = {}
    if (name in _built_in or known) and (not known or known[0][1] is not type(thing)):
        note = {"kind": next((kind for kind, cls in known if cls is type(thing)), CUSTOM)}
    return {"class_name": name, "config": plain(thing.get_config(), where), **note}


def _known(name: str, kind: str | None = None) -> list[tuple[str, type[Any]]]:
    """Built-in classes of that name that are no layers, with their kinds."""
    from feedfwd import initializers, losses, metrics
    from feedfwd.optimizers import base, schedules

    registries = (
        initializers._registry,
        schedules._registry,
        losses._registry,
        metrics._registry,
        base.registry,
    )
    found = [(r.kind, r.find(name)) for r in registries if name in r.names()]
    if name == "LossMetric":  # made from a loss, so that no name gives one
        found.append(("metric", metrics.LossMetric))
    return [
        (k, c) for k, c in found if isinstance(c, type) and c.__name__ == name and kind in (None, k)
    ]


def check_custom_objects(custom_objects: Any) -> Mapping[str, Any]:
    """The mapping, empty for None; TypeError for anything else."""
    if custom_objects is None:
        return {}
    if not isinstance(custom_objects, Mapping):
        raise TypeError(
            f"custom_objects: got {shown(custom_objects)}, expected a dict of names and classes"
        )
    return custom_objects


def deserialize(
    config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None
) -> Layer:
    """The layer a config of serialize() describes.

    Raises:
        TypeError: ``custom_objects`` is no dict.
        ValueError: no such config; an unknown class, which the message names; arguments that the
            class does not take.
    """
    own = check_custom_objects(custom_objects)
    name, values = _parts(config)
    cls = own.get(name) or (None if "kind" in config else _built_in.get(name))
    if cls is None:
        raise _unknown(name, [*_built_in, *own], "layer")
    if not isinstance(cls, type) or not issubclass(cls, _layer_class()):
        raise ValueError(f"class_name: {name!r} is {shown(cls)}, expected a Layer class")
    _check_common(values)
    return _make(cls, values, own)  # type: ignore[no-any-return]


def _parts(config: Any) -> tuple[str, dict[str, Any]]:
    if not isinstance(config, Mapping):
        raise ValueError(f"config: got {shown(config)}, expected a dict of class_name and config")
    name, values = config.get("class_name"), config.get("config")
    if not isinstance(name, str):
        raise ValueError(f"class_name: got {shown(name)}, expected the name of a class")
    if not isinstance(values, Mapping) or not all(isinstance(k, str) for k in values):
        raise ValueError(f"config of {shown(name)}: got {shown(values)}, expected a dict by names")
    return name, dict(values)


def _unknown(name: str, known: list[str], kind: str) -> ValueError:
    near = [] if name in known else difflib.get_close_matches(name[:100], known, 1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return ValueError(
        f"class_name: unknown {kind} {shown(name)}{hint} "
        f"(pass custom_objects={{{shown(name)}: {name[:80]}}})"
    )


def build(cls: Any, config: Any, custom_objects: Mapping[str, Any]) -> Any:
    """An object of `cls` from a dict of class_name and config."""
    name, values = _parts(config)
    if not isinstance(cls, type) or not hasattr(cls, "from_config"):
        raise ValueError(f"class_name: {name!r} is {shown(cls)}, expected a class with from_config")
    return _make(cls, values, custom_objects)


def _make(cls: type[Any], values: dict[str, Any], own: Mapping[str, Any]) -> Any:
    """``cls.from_config``, whose mistakes are the config's."""
    try:
        return cls.from_config(_revive(values, own))
    except RecursionError:
        raise ValueError(f"config of {cls.__name__}: nested too deeply") from None
    except (KeyError, AttributeError, IndexError, OverflowError) as error:
        kind = type(error).__name__
        raise ValueError(f"config of {cls.__name__}: {kind}: {error}") from error


def _check_common(values: dict[str, Any]) -> None:
    for key, kind in (("name", str), ("trainable", bool), ("dtype", (str, type(None)))):
        if key in values and not isinstance(values[key], kind):
            raise ValueError(f"{key}: got {shown(values[key])} in a layer's config")


def revive(value: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """Objects again where a config holds class names and configs, of any kind.

    Classes come from `custom_objects` first, then from the package; a class that neither has is a
    ValueError.
    """
    own = check_custom_objects(custom_objects)
    try:
        return _revive(value, own)
    except RecursionError:
        raise ValueError("config: nested too deeply") from None


def _revive(value: Any, own: Mapping[str, Any]) -> Any:
    if isinstance(value, (list, tuple)):
        return [_revive(item, own) for item in value]
    if not isinstance(value, Mapping):
        return value
    if not {"class_name", "config"} <= set(value) <= {"class_name", "config", "kind"}:
        return {key: _revive(item, own) for key, item in value.items()}
    name, _ = _parts(value)
    kind = value.get("kind")
    if name in own:
        cls = own[name]
    elif kind is None and name in _built_in:
        return deserialize(value, own)
    else:
        cls = next((cls for _, cls in _known(name, kind)), None)
    if cls is None:
        raise _unknown(name, [*_built_in, *own], "class")
    return build(cls, value, own)
