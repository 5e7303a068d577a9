"""What a layer is made of: layers and variables in its attributes, and in lists and dicts there.

Asked anew at every fit, since nobody tells when a list grows; so the core looks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from feedfwd import _core

if TYPE_CHECKING:
    from feedfwd.layers.base import Layer

# What the look for nested layers and variables passes by.
BOOKKEEPING = frozenset(
    {
        "_init",
        "_weights",
        "_counters",
        "_parent",
        "_programs",
        "_quick",
        "_known_shape",
        "_graph",
    }
    | {"_trace_key", "_feedfwd", "_signature", "_structure", "_output_shape"}
    | {"_input_shapes", "_input_dtypes", "_input_names"}
)


def parts(layer: Layer, kind: type[Layer]) -> tuple[list[Layer], list[_core.Variable]]:
    """Layers one level down, each once, and variables; `kind` is the class of all layers."""
    return _core.parts(layer, kind, BOOKKEEPING)


def tree(layer: Layer, kind: type[Layer]) -> list[tuple[Layer, list[_core.Variable]]]:
    """The layer and all below it, depth first, each once, with the variables they hold."""
    return _core.tree(layer, kind, BOOKKEEPING)


def trained(layer: Layer, kind: type[Layer]) -> list[_core.Variable] | None:
    """The trained variables of the tree, in order; None where a layer in it is not trained, or has
    weights that no attribute holds: then it takes a closer look.
    """
    return _core.trained(layer, kind, BOOKKEEPING)
