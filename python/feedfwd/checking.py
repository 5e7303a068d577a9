"""Whether model and loss fit together."""

from __future__ import annotations

from typing import Any

from feedfwd.functional import Functional
from feedfwd.layers.base import Layer
from feedfwd.layers.core import Activation, Dense, Dropout, Flatten, activation_name
from feedfwd.model import Model
from feedfwd.sequential import Sequential


def output_activation(layer: Layer) -> str | None:
    """Name of the activation that makes the layer's output; None where it cannot be known."""
    if isinstance(layer, Sequential):
        for inner in reversed(layer.layers):
            if isinstance(inner, (Dropout, Flatten)):
                continue
            name = output_activation(inner)
            if name == "linear" and isinstance(inner, Activation):
                continue
            return name
        return None
    if isinstance(layer, Functional):
        last = layer.output_layer()
        return None if last is None else output_activation(last)
    # A subclass may compute anything.
    if type(layer) in (Dense, Activation):
        return activation_name(layer.activation)  # type: ignore[attr-defined]
    return None


def check_from_logits(model: Model, loss: Any) -> None:
    """ValueError for the ``from_logits`` mistake, where it shows."""
    from_logits = getattr(loss, "from_logits", None)
    if from_logits is None:
        return
    name = output_activation(model)
    kind = type(loss).__name__
    if from_logits and name in ("softmax", "sigmoid"):
        raise ValueError(
            f"loss: {kind}(from_logits=True) takes logits, and the model ends in a {name}; "
            f"leave the {name} away or use from_logits=False"
        )
    if not from_logits and name == "linear":
        last = "sigmoid" if "Binary" in kind else "softmax"
        raise ValueError(
            f"loss: {kind} takes probabilities, and the model ends in a linear layer; "
            f'use from_logits=True or end with activation="{last}"'
        )
