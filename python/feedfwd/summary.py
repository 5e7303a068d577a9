"""The table that Model.summary prints."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from feedfwd.model import Model


def lines(model: Model) -> list[str]:
    """A line per layer, then the totals."""
    rows = [("Layer", "Output shape", "Params")]
    for layer in model.layers:
        shape = layer.__dict__.get("_output_shape", "?")
        count = f"{layer.count_params():,}" if layer.built else "?"
        rows.append((f"{layer.name} ({type(layer).__name__})", str(shape), count))
    first, second, third = (max(len(row[i]) for row in rows) for i in range(3))
    text = [f"{a:<{first}}  {b:<{second}}  {c:>{third}}" for a, b, c in rows]
    rule = "-" * len(text[0])
    trained = sum(int(v.size) for v in model.trainable_variables)
    other = model.count_params() - trained
    if not model._settled and not all(layer.built for layer in model._flatten()):
        totals = ["Not built: give ff.Input first, or call the model on data"]
    else:
        totals = [f"Trainable params: {trained:,}", f"Other params: {other:,}"]
    return [f"Model: {model.name}", text[0], rule, *text[1:], rule, *totals]
