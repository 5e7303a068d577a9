"""How targets, predictions and weights of losses and metrics are brought to fit."""

from __future__ import annotations

from typing import Any

import numpy as np

from feedfwd import _core, ops
from feedfwd._core import Tensor


def prediction(y_pred: Any) -> Tensor:
    """The predictions as a float Tensor of at least two axes."""
    p = _core.convert(y_pred)
    if not str(p.dtype).startswith("float"):
        p = _core.cast(p, "float32")
    if p.ndim == 0:
        return _core.reshape(p, (1, 1))
    return p if p.ndim > 1 else ops.expand_dims(p, -1)


def aligned(y_true: Any, y_pred: Any, hint: str = "") -> tuple[Tensor, Tensor]:
    """Both as Tensors of one dtype and shape, at least 2-D.

    Raises:
        ValueError: shapes that differ otherwise than (n,) and (n, 1).
    """
    p = prediction(y_pred)
    t = _core.cast(y_true, p.dtype)
    if tuple(t.shape) != tuple(p.shape):
        squeezed = tuple(p.shape[:-1]) if p.shape[-1] == 1 else None
        if tuple(t.shape) != squeezed and not (t.ndim == 0 and p.size == 1):
            raise ValueError(
                f"y_true: got shape {tuple(t.shape)}, expected {tuple(p.shape)} as y_pred has{hint}"
            )
        t = _core.reshape(t, p.shape)
    return t, p


def matched(y_true: Any, y_pred: Any, expects: str) -> tuple[Tensor, Tensor]:
    """Both as Tensors, targets of one dtype with the predictions unless they are class numbers.

    Where one is ``(n,)`` and the other ``(n, 1)``, the targets take the predictions' shape, so that
    a formula of the user's own never broadcasts them to ``(n, n)``.
    """
    p = _core.convert(y_pred)
    if not str(p.dtype).startswith("float"):
        p = _core.cast(p, "float32")
    t = _core.convert(y_true)
    if expects == "labels":
        return t, p
    t = _core.cast(t, p.dtype)
    shapes = tuple(t.shape), tuple(p.shape)
    if shapes[0] == (*shapes[1], 1) or shapes[1] == (*shapes[0], 1):
        t = _core.reshape(t, p.shape)
    return t, p


def labels_for(y_true: Any, p: Tensor) -> Tensor:
    """Class numbers, int64, of shape ``p.shape[:-1]``.

    Raises:
        ValueError: another shape, values that are not integral, or (where they are known) out of
            range.
    """
    t = _core.convert(y_true)
    want = tuple(p.shape[:-1])
    if tuple(t.shape) == (*want, 1):
        t = _core.reshape(t, want)
    elif tuple(t.shape) != want:
        if t.ndim == 0 and want == (1,):
            t = _core.reshape(t, want)
        else:
            raise ValueError(
                f"y_true: got shape {tuple(t.shape)}, expected {want}: one class number per row"
            )
    if t.kind == "concrete":
        values, classes = t.numpy(), p.shape[-1]
        bad = (values != np.floor(values)) | (values < 0) | (values >= classes)
        if bad.any():
            raise ValueError(
                f"y_true: got label {values[bad].flat[0]}, expected integers from 0 to "
                f"{int(classes or 0) - 1}"
            )
    return _core.cast(t, "int64")


def weights_for(sample_weight: Any, values: Tensor) -> Tensor:
    """The weights in the dtype of `values`, shaped to multiply them.

    Raises:
        ValueError: not one weight per row (or per value).
    """
    w = _core.cast(sample_weight, values.dtype)
    if tuple(w.shape) == tuple(values.shape) or w.ndim == 0:
        return w
    if w.ndim >= 1 and w.shape[0] == values.shape[0] and all(n == 1 for n in w.shape[1:]):
        return _core.reshape(w, (values.shape[0], *([1] * (values.ndim - 1))))
    got, rows = tuple(w.shape), tuple(values.shape[:1])
    raise ValueError(f"sample_weight: got shape {got}, expected {rows}: one per row")
