"""Losses: how wrong predictions are, one value per row and their mean.

``loss(y_true, y_pred, sample_weight=None)`` gives a 0-d Tensor: the sum of weight times row loss over the number of
rows (as Keras; PyTorch divides by the sum of the weights). The functions of the same names in snake case give one
value per row.

>>> import feedfwd as ff
>>> float(ff.losses.MeanSquaredError()([[1.0], [2.0]], [[1.0], [4.0]]))
2.0
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from feedfwd import _core, ops
from feedfwd._core import Tensor
from feedfwd.registry import Registry, snake_case

_registry = Registry("loss")
EPSILON = 1e-7  # probabilities are clipped to [EPSILON, 1 - EPSILON] before a logarithm, as in Keras
REDUCTIONS = ("sum_over_batch_size", "sum", "none")


def _prediction(y_pred: Any) -> Tensor:
    p = _core.convert(y_pred)
    if not str(p.dtype).startswith("float"):
        p = _core.cast(p, "float32")
    if p.ndim == 0:
        return _core.reshape(p, (1, 1))
    return p if p.ndim > 1 else ops.expand_dims(p, -1)


def aligned(y_true: Any, y_pred: Any) -> tuple[Tensor, Tensor]:
    """Both as Tensors of one dtype and shape, at least 2-D.

    Raises:
        ValueError: shapes that differ otherwise than (n,) and (n, 1).
    """
    p = _prediction(y_pred)
    t = _core.cast(y_true, p.dtype)
    if tuple(t.shape) != tuple(p.shape):
        squeezed = tuple(p.shape[:-1]) if p.shape[-1] == 1 else None
        if tuple(t.shape) != squeezed and not (t.ndim == 0 and p.size == 1):
            raise ValueError(f"y_true: got shape {tuple(t.shape)}, expected {tuple(p.shape)} as y_pred has")
        t = _core.reshape(t, p.shape)
    return t, p


def labels_for(y_true: Any, p: Tensor) -> Tensor:
    """Class numbers, int64, of shape ``p.shape[:-1]``.

    Raises:
        ValueError: another shape, values that are not integral, or (where they are known) out of range.
    """
    t = _core.convert(y_true)
    want = tuple(p.shape[:-1])
    if tuple(t.shape) == (*want, 1):
        t = _core.reshape(t, want)
    elif tuple(t.shape) != want:
        if t.ndim == 0 and want == (1,):
            t = _core.reshape(t, want)
        else:
            raise ValueError(f"y_true: got shape {tuple(t.shape)}, expected {want}: one class number per row")
    if t.kind == "concrete":
        values, classes = t.numpy(), p.shape[-1]
        bad = (values != np.floor(values)) | (values < 0) | (values >= classes)
        if bad.any():
            raise ValueError(f"y_true: got label {values[bad].flat[0]}, expected integers from 0 to {(classes or 0) - 1}")
    return _core.cast(t, "int64")


def mean_squared_error(y_true: Any, y_pred: Any) -> Tensor:
    """``mean((y_pred - y_true)^2)`` over the last axis, one value per row."""
    t, p = aligned(y_true, y_pred)
    return ops.mean(ops.square(p - t), axis=-1)


def mean_absolute_error(y_true: Any, y_pred: Any) -> Tensor:
    """``mean(|y_pred - y_true|)`` over the last axis, one value per row."""
    t, p = aligned(y_true, y_pred)
    return ops.mean(ops.abs(p - t), axis=-1)


def binary_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, label_smoothing: float = 0.0
) -> Tensor:
    """``-mean(t log p + (1 - t) log(1 - p))`` over the last axis, one value per row.

    With `from_logits`, ``p = sigmoid(y_pred)``, computed as ``t softplus(-z) + (1 - t) softplus(z)``, which is exact for
    logits of any size. `label_smoothing` s replaces t by ``t (1 - s) + s / 2``.
    """
    t, p = aligned(y_true, y_pred)
    if label_smoothing:
        t = t * (1.0 - label_smoothing) + 0.5 * label_smoothing
    if from_logits:
        values = t * ops.softplus(-p) + (1.0 - t) * ops.softplus(p)  # type: ignore[attr-defined]
        return ops.mean(values, axis=-1)
    q = ops.clip(p, EPSILON, 1.0 - EPSILON)
    return -ops.mean(t * ops.log(q) + (1.0 - t) * ops.log1p(-q), axis=-1)


def _cross_entropy_of_probabilities(t: Tensor, p: Tensor) -> Tensor:
    share = p / ops.sum(p, axis=-1, keepdims=True)
    return -ops.sum(t * ops.log(ops.clip(share, EPSILON, 1.0 - EPSILON)), axis=-1)


def categorical_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, label_smoothing: float = 0.0
) -> Tensor:
    """``-sum(t log p)`` over the last axis, one value per row; t are probabilities.

    With `from_logits`, ``p = softmax(y_pred)``, in one stable step; else rows are divided by their sum first.
    `label_smoothing` s replaces t by ``t (1 - s) + s / classes``.
    """
    t, p = aligned(y_true, y_pred)
    if label_smoothing:
        t = t * (1.0 - label_smoothing) + label_smoothing / int(p.shape[-1] or 1)
    return _core.xent(p, t) if from_logits else _cross_entropy_of_probabilities(t, p)


def sparse_categorical_crossentropy(y_true: Any, y_pred: Any, from_logits: bool = False) -> Tensor:
    """``-log p[label]``, one value per row; `y_true` holds class numbers, (n,) or (n, 1)."""
    p = _prediction(y_pred)
    labels = labels_for(y_true, p)
    if from_logits:
        return _core.xent(p, labels)
    return _cross_entropy_of_probabilities(_core.one_hot(labels, int(p.shape[-1] or 1), str(p.dtype)), p)


class Loss:
    """Base class: define ``call(y_true, y_pred)``, one value per row, and call the object.

    Args:
        reduction: ``"sum_over_batch_size"`` (the mean), ``"sum"`` or ``"none"``.
        name: a label.

    Raises:
        ValueError: another reduction, or shapes that do not fit.
    """

    expects = "dense"
    from_logits: bool | None = None

    def __init__(self, reduction: str = "sum_over_batch_size", name: str | None = None) -> None:
        if reduction not in REDUCTIONS:
            raise ValueError(f"reduction: got {reduction!r}, expected one of {', '.join(REDUCTIONS)}")
        self.reduction = reduction
        self.name = name or snake_case(type(self).__name__)

    def call(self, y_true: Any, y_pred: Any) -> Tensor:
        """One value per row; what a subclass defines."""
        raise TypeError(f"{type(self).__name__} defines no call(y_true, y_pred)")

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Tensor:
        """The reduced loss, 0-d unless the reduction is ``"none"``."""
        values = _core.convert(self.call(y_true, y_pred))
        if sample_weight is not None:
            values = values * weights_for(sample_weight, values)
        if self.reduction == "none":
            return values
        return ops.sum(values) if self.reduction == "sum" else ops.mean(values)

    def get_config(self) -> dict[str, Any]:
        """The arguments this was made with."""
        return dict(vars(self))

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Loss:
        """The loss that ``get_config`` describes."""
        return cls(**config)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in self.get_config().items())})"


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
    raise ValueError(f"sample_weight: got shape {tuple(w.shape)}, expected {tuple(values.shape[:1])}: one per row")


def _smoothing(value: float) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float, np.floating, np.integer)):
        raise TypeError(f"label_smoothing: got {type(value).__name__}, expected a number from 0 to 1")
    if not (math.isfinite(value) and 0 <= value <= 1):
        raise ValueError(f"label_smoothing: got {value}, expected 0 to 1")
    return float(value)


def _flag(value: bool, name: str) -> bool:
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{name}: got {type(value).__name__}, expected True or False")
    return bool(value)


@_registry.register("mse", "MSE")
class MeanSquaredError(Loss):
    """``mean((y_pred - y_true)^2)``."""

    def call(self, y_true: Any, y_pred: Any) -> Tensor:
        return mean_squared_error(y_true, y_pred)


@_registry.register("mae", "MAE")
class MeanAbsoluteError(Loss):
    """``mean(|y_pred - y_true|)``."""

    def call(self, y_true: Any, y_pred: Any) -> Tensor:
        return mean_absolute_error(y_true, y_pred)


class _Crossentropy(Loss):
    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        reduction: str = "sum_over_batch_size",
        name: str | None = None,
    ) -> None:
        super().__init__(reduction, name)
        self.from_logits = _flag(from_logits, "from_logits")
        self.label_smoothing = _smoothing(label_smoothing)


@_registry.register()
class BinaryCrossentropy(_Crossentropy):
    """``-mean(t log p + (1 - t) log(1 - p))``; see :func:`binary_crossentropy`."""

    def call(self, y_true: Any, y_pred: Any) -> Tensor:
        return binary_crossentropy(y_true, y_pred, bool(self.from_logits), self.label_smoothing)


@_registry.register()
class CategoricalCrossentropy(_Crossentropy):
    """``-sum(t log p)``, targets one-hot or probabilities; see :func:`categorical_crossentropy`."""

    def call(self, y_true: Any, y_pred: Any) -> Tensor:
        return categorical_crossentropy(y_true, y_pred, bool(self.from_logits), self.label_smoothing)


@_registry.register()
class SparseCategoricalCrossentropy(Loss):
    """``-log p[label]``, targets class numbers; see :func:`sparse_categorical_crossentropy`."""

    expects = "labels"

    def __init__(
        self, from_logits: bool = False, reduction: str = "sum_over_batch_size", name: str | None = None
    ) -> None:
        super().__init__(reduction, name)
        self.from_logits = _flag(from_logits, "from_logits")

    def call(self, y_true: Any, y_pred: Any) -> Tensor:
        return sparse_categorical_crossentropy(y_true, y_pred, bool(self.from_logits))


class LossFunction(Loss):
    """A function ``f(y_true, y_pred)`` of one's own, one value per row, as a Loss."""

    def __init__(
        self, function: Callable[[Any, Any], Any], reduction: str = "sum_over_batch_size", name: str | None = None
    ) -> None:
        super().__init__(reduction, name or getattr(function, "__name__", "loss"))
        self.function = function

    def call(self, y_true: Any, y_pred: Any) -> Tensor:
        return _core.convert(self.function(y_true, y_pred))


mse = MSE = mean_squared_error
mae = MAE = mean_absolute_error


def names() -> list[str]:
    """Names that ``loss="..."`` takes."""
    return _registry.names()


def get(identifier: Any) -> Loss:
    """A Loss from a name, class, config, Loss or function.

    Raises:
        ValueError: an unknown name. TypeError: something else.
    """
    made = _registry.make(identifier)
    if isinstance(made, Loss):
        return made
    if callable(made):
        twin = {
            f: _registry.find(f.__name__)
            for f in (
                mean_squared_error,
                mean_absolute_error,
                binary_crossentropy,
                categorical_crossentropy,
                sparse_categorical_crossentropy,
            )
        }.get(made)
        return twin() if twin is not None else LossFunction(made)
    raise TypeError(f"loss: got {type(identifier).__name__}, expected a name, a Loss or a function")
