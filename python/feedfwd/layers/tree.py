"""What a layer is made of: layers and variables in its attributes, and in lists and dicts there.

Asked anew at every fit, since nobody tells when a list grows; so it looks at few attributes twice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from feedfwd import _core

if TYPE_CHECKING:
    from feedfwd.layers.base import Layer

# What the scan for nested layers and variables passes by.
BOOKKEEPING = frozenset(
    {
        "_init",
        "_scan",
        "_weights",
        "_counters",
        "_parent",
        "_programs",
        "_quick",
        "_known_shape",
        "_graph",
    }
    | {"_trace_key", "_feedfwd", "_signature", "_structure"}
    | {"_output_shape"}
    | {"_input_shapes", "_input_dtypes", "_input_names"}
)


def _names(layer: Layer, kind: type[Layer]) -> list[str]:
    """Attributes that may hold something, found once after each attribute that is set."""
    own = layer.__dict__
    known = own.get("_scan")
    if known is None or known[0] != len(own):
        holders = (_core.Variable, kind, list, tuple, dict)
        names = [n for n, v in own.items() if isinstance(v, holders) and n not in BOOKKEEPING]
        known = own["_scan"] = len(own) + ("_scan" not in own), names
    found: list[str] = known[1]
    return found


def parts(layer: Layer, kind: type[Layer]) -> tuple[list[Layer], list[_core.Variable]]:
    """Layers one level down, each once, and variables; `kind` is the class of all layers."""
    layers: dict[int, Layer] = {}
    variables: list[_core.Variable] = []

    def look(value: Any) -> None:
        if type(value) is _core.Variable:
            variables.append(value)
        elif isinstance(value, kind):
            if value is not layer:
                layers.setdefault(id(value), value)
        elif isinstance(value, (list, tuple)):
            for item in value:
                look(item)
        elif isinstance(value, dict):
            for item in value.values():
                look(item)

    own = layer.__dict__
    for name in _names(layer, kind):
        look(own.get(name))
    return list(layers.values()), variables


def tree(layer: Layer, kind: type[Layer]) -> list[tuple[Layer, list[_core.Variable]]]:
    """The layer and all below it, depth first, each once, with the variables they hold."""
    found: dict[int, tuple[Layer, list[_core.Variable]]] = {}

    def visit(at: Layer) -> None:
        if id(at) not in found:
            children, variables = parts(at, kind)
            found[id(at)] = at, variables
            for child in children:
                visit(child)

    visit(layer)
    return list(found.values())
