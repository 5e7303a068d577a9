"""Metrics: what is reported and not trained on. Totals are float64 in batch order, counts int64.

>>> import feedfwd as ff
>>> m = ff.metrics.MeanAbsoluteError()
>>> m.update_state([1.0, 2.0], [1.0, 4.0])
>>> float(m.result())
1.0
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from feedfwd import _core, losses, ops
from feedfwd._core import Tensor, Variable
from feedfwd.alignment import aligned, labels_for, matched, prediction, weights_for
from feedfwd.arguments import number
from feedfwd.registry import Configured, Registry, snake_case, unknown_name

_registry = Registry("metric")


class Metric(Configured):
    """Base class: define ``call(y_true, y_pred)``, one value per row.

    The result is their mean, ``sum(w v) / sum(w)``, over all rows since the last ``reset_state``.

    Args:
        name: a label, the key in the history; default the class's name in snake case.
    """

    expects = "dense"  # or "labels": class numbers

    def __init__(self, name: str | None = None) -> None:
        self.name = name or snake_case(type(self).__name__)
        self._total = Variable(np.float64(0), trainable=False, name="total")
        self._weight = Variable(np.float64(0), trainable=False, name="weight")
        self._count = Variable(np.int64(0), trainable=False, name="count")

    @property
    def variables(self) -> list[Variable]:
        """The state: total, weight and count."""
        return [self._total, self._weight, self._count]

    def call(self, y_true: Any, y_pred: Any) -> Tensor:
        """One value per row; what a subclass defines."""
        raise TypeError(f"{type(self).__name__} defines no call(y_true, y_pred)")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take a batch into account.

        Raises:
            ValueError: shapes that do not fit.
        """
        t, p = matched(y_true, y_pred, self.expects)
        self._add(_core.convert(self.call(t, p)), sample_weight)

    def _add(self, values: Tensor, sample_weight: Any) -> None:
        if sample_weight is None:
            count: Any = 1
            for n in _core.shape(values):
                count = n if isinstance(count, int) and count == 1 else count * n
            self._count.assign_add(count)
        else:
            w = _core.broadcast_to(weights_for(sample_weight, values), values.shape)
            values = values * w
            self._weight.assign_add(_core.cast(ops.sum(w), "float64"))
        self._total.assign_add(_core.cast(ops.sum(values), "float64"))

    def result(self) -> Tensor:
        """The mean so far, float64; 0 before any row."""
        weight = float(self._weight) + int(self._count)
        return _core.convert(np.float64(float(self._total) / weight if weight else 0.0))

    def reset_state(self) -> None:
        """Forget all rows."""
        for variable in self.variables:
            variable.assign(0)


@_registry.register()
class Mean(Metric):
    """The weighted mean of values: ``update_state(values, sample_weight=None)``.

    >>> import feedfwd as ff
    >>> m = ff.metrics.Mean()
    >>> m.update_state([1.0, 4.0], sample_weight=[2.0, 1.0])
    >>> float(m.result())
    2.0
    """

    def update_state(  # type: ignore[override]
        self, values: Any, sample_weight: Any = None
    ) -> None:
        """Take values into account."""
        self._add(_core.cast(values, "float64"), sample_weight)


@_registry.register()
class BinaryAccuracy(Metric):
    """Share of outputs on the right side of `threshold`: 1 is ``y_pred > threshold``, else 0.

    Args:
        name: a label.
        threshold: default 0.5; for logits 0.

    Raises:
        TypeError, ValueError: a threshold that is no finite number.

    >>> import feedfwd as ff
    >>> m = ff.metrics.BinaryAccuracy()
    >>> m.update_state([1, 0], [0.9, 0.6])
    >>> float(m.result())
    0.5
    """

    def __init__(self, name: str | None = None, threshold: float = 0.5) -> None:
        super().__init__(name)
        self.threshold = number(threshold, "threshold")

    def call(self, y_true: Any, y_pred: Any) -> Tensor:
        t, p = aligned(y_true, y_pred)
        hit = _core.cast(p > self.threshold, p.dtype) == t
        return ops.mean(_core.cast(hit, p.dtype), axis=-1)


@_registry.register()
class CategoricalAccuracy(Metric):
    """Share of rows whose largest output is where the largest target is; ties: the lowest index.

    >>> import feedfwd as ff
    >>> m = ff.metrics.CategoricalAccuracy()
    >>> m.update_state([[0, 1], [1, 0]], [[0.2, 0.8], [0.4, 0.6]])
    >>> float(m.result())
    0.5
    """

    def call(self, y_true: Any, y_pred: Any) -> Tensor:
        t, p = aligned(y_true, y_pred)
        return _core.cast(_core.argmax(p, -1) == _core.argmax(t, -1), p.dtype)


@_registry.register()
class SparseCategoricalAccuracy(Metric):
    """Share of rows whose largest output is at the class number; ties: the lowest index.

    >>> import feedfwd as ff
    >>> m = ff.metrics.SparseCategoricalAccuracy()
    >>> m.update_state([1, 0], [[0.2, 0.8], [0.4, 0.6]])
    >>> float(m.result())
    0.5
    """

    expects = "labels"

    def call(self, y_true: Any, y_pred: Any) -> Tensor:
        p = prediction(y_pred)
        return _core.cast(_core.argmax(p, -1) == labels_for(y_true, p), p.dtype)


@_registry.register("mse", "MSE")
class MeanSquaredError(Metric):
    """``mean((y_pred - y_true)^2)``.

    >>> import feedfwd as ff
    >>> m = ff.metrics.MeanSquaredError()
    >>> m.update_state([1.0, 2.0], [1.0, 4.0])
    >>> float(m.result())
    2.0
    """

    def call(self, y_true: Any, y_pred: Any) -> Tensor:
        return losses.mean_squared_error(y_true, y_pred)


@_registry.register("mae", "MAE")
class MeanAbsoluteError(Metric):
    """``mean(|y_pred - y_true|)``.

    >>> import feedfwd as ff
    >>> m = ff.metrics.MeanAbsoluteError()
    >>> m.update_state([1.0, 2.0], [1.0, 4.0])
    >>> float(m.result())
    1.0
    """

    def call(self, y_true: Any, y_pred: Any) -> Tensor:
        return losses.mean_absolute_error(y_true, y_pred)


class LossMetric(Metric):
    """A loss as a metric: the mean of its row values.

    >>> import feedfwd as ff
    >>> m = ff.metrics.LossMetric("mse")
    >>> m.update_state([1.0], [3.0])
    >>> m.name, float(m.result())
    ('mean_squared_error', 4.0)
    """

    def __init__(self, loss: Any, name: str | None = None) -> None:
        self.loss = losses.get(loss)
        super().__init__(name or self.loss.name)

    @property
    def expects(self) -> str:  # type: ignore[override]
        """What the loss expects."""
        return self.loss.expects

    def call(self, y_true: Any, y_pred: Any) -> Tensor:
        return self.loss.call(y_true, y_pred)


def names() -> list[str]:
    """Names that ``metrics=["..."]`` takes."""
    return sorted({*_registry.names(), *losses.names(), "accuracy", "acc"})


def _accuracy(name: str, loss: Any, output_shape: Any) -> Metric:
    if getattr(loss, "expects", "dense") == "labels":
        return SparseCategoricalAccuracy(name)
    if isinstance(loss, losses.CategoricalCrossentropy):
        return CategoricalAccuracy(name)
    if isinstance(loss, losses.BinaryCrossentropy) or output_shape is None or output_shape[-1] == 1:
        return BinaryAccuracy(name, threshold=0.0 if getattr(loss, "from_logits", None) else 0.5)
    return CategoricalAccuracy(name)


def get(
    identifier: Any,
    loss: Any = None,
    output_shape: Any = None,
    custom_objects: Mapping[str, Any] | None = None,
) -> Metric:
    """A Metric from a name, class, config, Metric or function of (y_true, y_pred).

    ``"accuracy"`` picks the kind: sparse for a loss on class numbers, categorical for categorical
    cross-entropy and other losses on several outputs, binary for binary cross-entropy and one
    output, with the threshold at 0 where the loss takes logits. A loss's name gives its mean.

    Names are looked up in `custom_objects` first.

    Raises:
        ValueError: an unknown name; it lists the nearest known ones.
        TypeError: something else.
    """
    if isinstance(identifier, str) and identifier not in (custom_objects or {}):
        if identifier in ("accuracy", "acc"):
            return _accuracy(identifier, loss, output_shape)
        if identifier in _registry.names():
            metric: Metric = _registry.find(identifier)(identifier)
            return metric
        if identifier in losses.names():
            return LossMetric(identifier, identifier)
        raise ValueError(unknown_name("metric", identifier, names()))
    made = _registry.make(identifier, custom_objects)
    if isinstance(made, Metric):
        return made
    if isinstance(made, losses.Loss) or callable(made):
        return LossMetric(made, getattr(made, "name", None) or getattr(made, "__name__", None))
    raise TypeError(f"metric: got {type(identifier).__name__}, expected a name or a Metric")
