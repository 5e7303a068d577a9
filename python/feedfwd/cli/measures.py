"""Figures of a model on data, and predictions with their names."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

import feedfwd as ff
from feedfwd.tables import Target

Array = NDArray[Any]


def use_threads(options: Any) -> None:
    """As --threads says."""
    if options.threads is not None:
        ff.set_num_threads(options.threads)


def probabilities(model: ff.Model, x: Array) -> NDArray[np.float64]:
    """Softmax of the model's logits, (n, classes)."""
    logits = model.predict(x).astype(np.float64)
    return np.asarray(ff.activations.softmax(logits))


def check_outputs(model: ff.Model, x: Array, target: Target) -> Array:
    """The model's outputs, as many as the target needs."""
    outputs = np.asarray(model.predict(x))
    wanted = len(target.classes) if target.task == "classification" else 1
    if outputs.ndim != 2 or outputs.shape[1] != wanted:
        got = outputs.shape[1:]
        raise ValueError(f"the model gives {got} for a row, its notes say {wanted} outputs")
    return outputs


def area_under_curve(scores: Array, positive: Array) -> float:
    """ROC AUC: the share of pairs, a positive row and another, whose scores are in that order.

    Source: Hanley and McNeil, 1982; ties count half.
    """
    _, place, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[place.ravel()]
    yes = np.asarray(positive) == 1
    n, m = int(yes.sum()), int((~yes).sum())
    if n == 0 or m == 0:
        return float("nan")
    return float((ranks[yes].sum() - n * (n + 1) / 2) / (n * m))


def measure(model: ff.Model, x: Array, y: Array, target: Target) -> dict[str, float]:
    """Accuracy, cross-entropy and for two classes ROC AUC, or errors in the target's units and R^2.

    R^2 = 1 - sum (y - p)^2 / sum (y - mean y)^2.
    """
    outputs = check_outputs(model, x, target)
    if target.task == "classification":
        loss = ff.losses.sparse_categorical_crossentropy(y, outputs, from_logits=True)
        right = outputs.argmax(axis=1) == y
        found = {"accuracy": float(right.mean()), "cross_entropy": float(np.mean(loss.numpy()))}
        if len(target.classes) == 2:
            found["auc"] = area_under_curve(outputs[:, 1].astype(float) - outputs[:, 0], y)
        return found
    truth = y[:, 0] * target.scale + target.mean
    error = target.decode(outputs) - truth
    spread = float(np.sum((truth - truth.mean()) ** 2))
    squares = float(np.sum(error**2))
    return {
        "rmse": float(np.sqrt(squares / len(error))),
        "mae": float(np.abs(error).mean()),
        "r2": 1 - squares / spread if spread else float("nan"),
    }


def line(part: str, found: dict[str, float]) -> str:
    """The figures in words."""
    if "accuracy" in found:
        auc = f", AUC {found['auc']:.3f}" if "auc" in found else ""
        return (
            f"{part} accuracy: {100 * found['accuracy']:.1f} % "
            f"(cross-entropy {found['cross_entropy']:.4g}{auc})"
        )
    return (
        f"{part} error: root mean square {found['rmse']:.4g}, mean absolute {found['mae']:.4g}, "
        f"R^2 {found['r2']:.3f}"
    )
