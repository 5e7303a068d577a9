"""Losses: how wrong predictions are, one value per row and their mean.

``loss(y_true, y_pred, sample_weight=None)`` gives a 0-d Tensor: the sum of weight times row loss
over the number of rows (as Keras; PyTorch divides by the sum of the weights). The functions of the
same names in snake case give one value per row. Targets take the dtype of the predictions; targets
``(n,)`` and ``(n, 1)`` are the same, and any other difference in shape is a ValueError.

>>> import feedfwd as ff
>>> float(ff.losses.MeanSquaredError()([[1.0], [2.0]], [[1.0], [4.0]]))
2.0
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from feedfwd import _core, ops
from feedfwd._core import Tensor
from feedfwd.alignment import aligned, labels_for, matched, prediction, weights_for
from feedfwd.arguments import flag, number
from feedfwd.registry import Configured, Registry, snake_case

_registry = Registry("loss")
# Probabilities are clipped to [EPSILON, 1 - EPSILON] before a logarithm, as in Keras.
EPSILON = 1e-7
REDUCTIONS = ("sum_over_batch_size", "sum", "none")


def mean_squared_error(y_true: Any, y_pred: Any) -> Tensor:
    """``mean((y_pred - y_true)^2)`` over the last axis, one value per row.

    >>> from feedfwd.losses import mean_squared_error
    >>> mean_squared_error([[1.0, 2.0]], [[1.0, 4.0]]).numpy()
    array([2.], dtype=float32)
    """
    t, p = aligned(y_true, y_pred)
    return ops.mean(ops.square(p - t), axis=-1)


def mean_absolute_error(y_true: Any, y_pred: Any) -> Tensor:
    """``mean(|y_pred - y_true|)`` over the last axis, one value per row; derivative 0 at 0.

    >>> from feedfwd.losses import mean_absolute_error
    >>> mean_absolute_error([[1.0, 2.0]], [[1.0, 4.0]]).numpy()
    array([1.], dtype=float32)
    """
    t, p = aligned(y_true, y_pred)
    return ops.mean(ops.abs(p - t), axis=-1)


def binary_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, label_smoothing: float = 0.0
) -> Tensor:
    """``-mean(t log p + (1 - t) log(1 - p))`` over the last axis, one value per row.

    With `from_logits`, ``p = sigmoid(y_pred)``, computed as
    ``t softplus(-z) + (1 - t) softplus(z)`` with z the logits, which is exact for any size; else p
    is clipped to [1e-7, 1 - 1e-7].
    `label_smoothing` s replaces t by ``t (1 - s) + s / 2``.

    >>> from feedfwd.losses import binary_crossentropy
    >>> binary_crossentropy([[1.0]], [[-1e4]], from_logits=True).numpy()
    array([10000.], dtype=float32)
    """
    label_smoothing = number(label_smoothing, "label_smoothing", 0, 1)
    from_logits = flag(from_logits, "from_logits")
    t, p = aligned(y_true, y_pred)
    if label_smoothing:
        t = t * (1.0 - label_smoothing) + 0.5 * label_smoothing
    if from_logits:
        values = t * ops.softplus(-p) + (1.0 - t) * ops.softplus(p)
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

    With `from_logits`, ``p = softmax(y_pred)``, in one stable step; else rows are divided by their
    sum and clipped to [1e-7, 1 - 1e-7]. `label_smoothing` s replaces t by
    ``t (1 - s) + s / classes``.

    >>> from feedfwd.losses import categorical_crossentropy
    >>> categorical_crossentropy([[0.0, 1.0]], [[0.0, -1e4]], from_logits=True).numpy()
    array([10000.], dtype=float32)
    """
    label_smoothing = number(label_smoothing, "label_smoothing", 0, 1)
    from_logits = flag(from_logits, "from_logits")
    t, p = aligned(y_true, y_pred, "; for class numbers there is SparseCategoricalCrossentropy")
    if label_smoothing:
        t = t * (1.0 - label_smoothing) + label_smoothing / int(p.shape[-1] or 1)
    return _core.xent(p, t) if from_logits else _cross_entropy_of_probabilities(t, p)


def sparse_categorical_crossentropy(y_true: Any, y_pred: Any, from_logits: bool = False) -> Tensor:
    """``-log p[label]``, one value per row; `y_true` holds class numbers, (n,) or (n, 1).

    Class numbers are integers, or floats with integral values. Probabilities are treated as in
    :func:`categorical_crossentropy`.

    >>> from feedfwd.losses import sparse_categorical_crossentropy
    >>> sparse_categorical_crossentropy([1], [[0.0, -1e4]], from_logits=True).numpy()
    array([10000.], dtype=float32)
    """
    from_logits = flag(from_logits, "from_logits")
    p = prediction(y_pred)
    labels = labels_for(y_true, p)
    if from_logits:
        return _core.xent(p, labels)
    return _cross_entropy_of_probabilities(
        _core.one_hot(labels, int(p.shape[-1] or 1), str(p.dtype)), p
    )


class Loss(Configured):
    """Base class: define ``call(y_true, y_pred)``, one value per row, and call the object.

    Args:
        reduction: ``"sum_over_batch_size"`` (the mean, the default), ``"sum"`` or ``"none"``;
            None is ``"none"``.
        name: a label; default the class's name in snake case.

    Raises:
        ValueError: another reduction, or shapes that do not fit.

    >>> import feedfwd as ff
    >>> class Quartic(ff.losses.Loss):
    ...     def call(self, y_true, y_pred):
    ...         return ff.ops.mean((y_pred - y_true) ** 4, axis=-1)
    >>> float(Quartic()([[0.0]], [[2.0]]))
    16.0
    """

    expects = "dense"
    from_logits: bool | None = None

    def __init__(
        self, reduction: str | None = "sum_over_batch_size", name: str | None = None
    ) -> None:
        reduction = "none" if reduction is None else reduction
        if reduction not in REDUCTIONS:
            raise ValueError(
                f"reduction: got {reduction!r}, expected one of {', '.join(REDUCTIONS)}"
            )
        self.reduction = reduction
        self.name = name or snake_case(type(self).__name__)

    def call(self, y_true: Any, y_pred: Any) -> Tensor:
        """One value per row; what a subclass defines."""
        raise TypeError(f"{type(self).__name__} defines no call(y_true, y_pred)")

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Tensor:
        """The reduced loss, 0-d unless the reduction is ``"none"``."""
        values = _core.convert(self.call(*matched(y_true, y_pred, self.expects)))
        if sample_weight is not None:
            values = values * weights_for(sample_weight, values)
        if self.reduction == "none":
            return values
        return ops.sum(values) if self.reduction == "sum" else ops.mean(values)


@_registry.register("mse", "MSE")
class MeanSquaredError(Loss):
    """``mean((y_pred - y_true)^2)``.

    >>> import feedfwd as ff
    >>> float(ff.losses.MeanSquaredError()([1.0, 2.0], [1.0, 4.0], sample_weight=[1.0, 0.5]))
    1.0
    """

    def call(self, y_true: Any, y_pred: Any) -> Tensor:
        return mean_squared_error(y_true, y_pred)


@_registry.register("mae", "MAE")
class MeanAbsoluteError(Loss):
    """``mean(|y_pred - y_true|)``.

    >>> import feedfwd as ff
    >>> float(ff.losses.MeanAbsoluteError()([1.0, 2.0], [1.0, 4.0]))
    1.0
    """

    def call(self, y_true: Any, y_pred: Any) -> Tensor:
        return mean_absolute_error(y_true, y_pred)


class _Crossentropy(Loss):
    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
    ) -> None:
        super().__init__(reduction, name)
        self.from_logits = flag(from_logits, "from_logits")
        self.label_smoothing = number(label_smoothing, "label_smoothing", 0, 1)


@_registry.register("bce", "BCE")
class BinaryCrossentropy(_Crossentropy):
    """``-mean(t log p + (1 - t) log(1 - p))``; see :func:`binary_crossentropy`.

    Args:
        from_logits: predictions are logits, not probabilities; default False.
        label_smoothing: 0 to 1, default 0.
        reduction, name: see :class:`Loss`.

    >>> import feedfwd as ff
    >>> round(float(ff.losses.BinaryCrossentropy()([1.0], [0.5])), 6)
    0.693147
    """

    def call(self, y_true: Any, y_pred: Any) -> Tensor:
        return binary_crossentropy(y_true, y_pred, bool(self.from_logits), self.label_smoothing)


@_registry.register()
class CategoricalCrossentropy(_Crossentropy):
    """``-sum(t log p)``, targets one-hot or probabilities; see :func:`categorical_crossentropy`.

    Args:
        from_logits: predictions are logits, not probabilities; default False.
        label_smoothing: 0 to 1, default 0.
        reduction, name: see :class:`Loss`.

    >>> import feedfwd as ff
    >>> round(float(ff.losses.CategoricalCrossentropy()([[0.0, 1.0]], [[0.5, 0.5]])), 6)
    0.693147
    """

    def call(self, y_true: Any, y_pred: Any) -> Tensor:
        return categorical_crossentropy(
            y_true, y_pred, bool(self.from_logits), self.label_smoothing
        )


@_registry.register()
class SparseCategoricalCrossentropy(Loss):
    """``-log p[label]``, targets class numbers; see :func:`sparse_categorical_crossentropy`.

    Args:
        from_logits: predictions are logits, not probabilities; default False.
        reduction, name: see :class:`Loss`.

    >>> import feedfwd as ff
    >>> loss = ff.losses.SparseCategoricalCrossentropy(from_logits=True)
    >>> round(float(loss([1, 0], [[0.0, 0.0], [2.0, 2.0]])), 6)
    0.693147
    """

    expects = "labels"

    def __init__(
        self,
        from_logits: bool = False,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
    ) -> None:
        super().__init__(reduction, name)
        self.from_logits = flag(from_logits, "from_logits")

    def call(self, y_true: Any, y_pred: Any) -> Tensor:
        return sparse_categorical_crossentropy(y_true, y_pred, bool(self.from_logits))


class LossFunction(Loss):
    """A function ``f(y_true, y_pred)`` of one's own, one value per row, as a Loss.

    >>> import feedfwd as ff
    >>> loss = ff.losses.get(lambda y_true, y_pred: ff.ops.sum((y_pred - y_true) ** 2, axis=-1))
    >>> float(loss([[0.0, 0.0]], [[1.0, 2.0]]))
    5.0
    """

    def __init__(
        self,
        function: Callable[[Any, Any], Any],
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
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


def get(identifier: Any, custom_objects: Mapping[str, Any] | None = None) -> Loss:
    """A Loss from a name, class, config, Loss or function.

    Names are looked up in `custom_objects` first.

    Raises:
        ValueError: an unknown name.
        TypeError: something else.
    """
    made = _registry.make(identifier, custom_objects)
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
