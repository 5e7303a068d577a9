"""Trainer: fits a model to data and measures it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from feedfwd import _core, data, losses, metrics, optimizers
from feedfwd.callbacks import Callback, CallbackList, History
from feedfwd.checking import check_from_logits
from feedfwd.loop import Programs, Rows, Walk, check_rows
from feedfwd.model import Model, check_count
from feedfwd.progress import Progress, check_verbose

EVALUATE_ROWS = 256
_ELSEWHERE = {
    "predict": "trainer.model.predict(x)",
    "compile": 'ff.Trainer(model, optimizer="adam", loss="mse", metrics=["mae"])',
    "summary": "trainer.model.summary()",
}


class Trainer:
    r"""Fits a model: mini-batches, forward, loss, gradients, update, whole epochs in the core.

    Each step takes a batch of B rows and updates the trainable variables with the optimizer's rule
    on the gradient of ``loss = sum_i w_i l(y_i, model(x_i)) / B``. The model and the loss are
    traced once per kind of data; then epochs run without returning to Python.

    Args:
        model: a Model.
        optimizer: a name or an Optimizer; default ``"adam"``.
        loss: a name or a Loss.
        metrics: a list of names and Metrics; ``"accuracy"`` picks the kind that fits the loss.
        shards: parts that each batch's backward pass is split into; bits depend on it. Default 1.
        on_nonfinite: what a loss of NaN or Inf does: ``"raise"`` (default) a FloatingPointError,
            ``"stop"`` the fit, ``"ignore"`` (such steps make no update).

    Raises:
        TypeError: no model, or no loss.
        ValueError: an unknown name, or a loss on probabilities behind a plain Dense, or from
            logits behind a softmax or sigmoid.

    Example:
        >>> import numpy as np, feedfwd as ff
        >>> x = np.linspace(-1, 1, 64)[:, None]
        >>> model = ff.Sequential([ff.layers.Dense(1)], seed=0)
        >>> trainer = ff.Trainer(model, optimizer=ff.optimizers.SGD(0.1), loss="mse")
        >>> history = trainer.fit(x, 3 * x + 1, epochs=100, verbose=0)
        >>> history.history["loss"][-1] < 1e-6
        True

    Source: the method names of Keras 3's ``Model``; Robbins and Monro 1951 for the method.
    """

    def __init__(
        self,
        model: Model,
        optimizer: Any = "adam",
        loss: Any = None,
        metrics: Any = None,
        *,
        shards: int = 1,
        on_nonfinite: str = "raise",
    ) -> None:
        if not isinstance(model, Model):
            raise TypeError(f"model: got {type(model).__name__}, expected a Model")
        model._check_init()
        if loss is None:
            raise TypeError('loss: missing; expected a name such as "mse", or a Loss')
        if on_nonfinite not in ("raise", "stop", "ignore"):
            raise ValueError(
                f"on_nonfinite: got {on_nonfinite!r}, expected 'raise', 'stop' or 'ignore'"
            )
        self.model = model
        self.optimizer = optimizers.get(optimizer)
        self.loss = losses.get(loss)
        self.shards = check_count(shards, "shards")
        self.on_nonfinite = on_nonfinite
        self.stop_training = False
        self.history = History()
        self._expects = getattr(self.loss, "expects", "dense")
        asked = [] if metrics is None else metrics
        self._metrics = list(asked) if isinstance(asked, (list, tuple)) else [asked]
        self._resolved_metrics: list[Any] = []
        self._resolved_for: tuple[int | None, ...] | None = None
        self._programs = Programs()
        self._epochs_begun = 0  # of this trainer's life: the shuffle's counter
        check_from_logits(model, self.loss)

    def __getattr__(self, name: str) -> Any:
        if name in _ELSEWHERE:
            raise AttributeError(f"a Trainer has no {name!r}; write {_ELSEWHERE[name]}")
        raise AttributeError(f"'Trainer' has no attribute {name!r}")

    @property
    def metrics(self) -> list[Any]:
        """The metrics: as given before the first data, resolved after."""
        return list(self._resolved_metrics or self._metrics)

    def _resolve(self, shape: tuple[int | None, ...]) -> None:
        """Metrics by name, now that the output's shape is known."""
        if self._resolved_for == shape:
            return
        check_from_logits(self.model, self.loss)
        found = [metrics.get(m, loss=self.loss, output_shape=shape) for m in self._metrics]
        names = [m.name for m in found]
        if len(set(names)) < len(names) or "loss" in names:
            raise ValueError(f"metrics: the names {names} clash; expected each once, none 'loss'")
        self._resolved_metrics, self._resolved_for = found, shape

    # ---- training

    def fit(
        self,
        x: Any,
        y: Any = None,
        batch_size: int = 32,
        epochs: int = 1,
        verbose: int | str = "auto",
        callbacks: Callback | Sequence[Callback] | None = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool = True,
        sample_weight: Any = None,
        class_weight: Mapping[int, float] | None = None,
        initial_epoch: int = 0,
        validation_freq: int = 1,
        check_finite: bool = True,
    ) -> History:
        """Train for some epochs. A second call goes on where the first ended.

        Args:
            x: inputs, rows first; or an iterable of batches ``(x, y)`` or ``(x, y, weights)``.
            y: targets.
            batch_size: rows a step; the last batch of an epoch may be smaller. Default 32.
            epochs: index of the epoch to stop before; default 1.
            verbose: 0 nothing; 2 a line per epoch; 1 and ``"auto"`` (default) a bar where tqdm is
                installed and someone looks, else a line per epoch.
            callbacks: a Callback or a list of them.
            validation_split: fraction of the rows, the last ones, to validate on; default 0.
            validation_data: ``(x, y)`` or ``(x, y, weights)``; wins over the split.
            shuffle: draw a new order every epoch from the model's seed; default True.
            sample_weight: a weight per row, ``(n,)``.
            class_weight: a weight per class, for targets that are classes; others weigh 1.
            initial_epoch: index of the first epoch; default 0.
            validation_freq: validate every so many epochs; default 1.
            check_finite: refuse NaN and Inf in the data before the first step; default True.

        Returns:
            The History, also kept as ``trainer.history``.

        Raises:
            TypeError: data that are no real numbers, or callbacks that are none.
            ValueError: shapes, labels, options or values that do not fit; nothing was trained.
            FloatingPointError: the loss became NaN or Inf; ``trainer.history`` has the finished
                epochs and the model the weights before that step.
        """
        check_count(epochs, "epochs", 0)
        check_count(initial_epoch, "initial_epoch", 0)
        check_count(validation_freq, "validation_freq")
        check_count(batch_size, "batch_size")
        verbose = check_verbose(verbose)
        if y is None:
            if validation_split or sample_weight is not None or class_weight is not None:
                raise ValueError(
                    "x: an iterable of batches takes no validation_split, sample_weight or "
                    "class_weight; give weights as (x, y, weights)"
                )
            source: Rows | Iterable[Any] = _batches(x)
            validation = None
        else:
            source, validation = self._rows(
                x,
                y,
                sample_weight,
                class_weight,
                validation_split if validation_data is None else 0.0,
                check_finite,
            )
        if validation_data is not None:
            validation = self._validation(validation_data, check_finite)
        history = self.history = History()
        steps = -(-source.count // batch_size) if isinstance(source, Rows) else None
        params = {
            "epochs": epochs,
            "steps": steps,
            "verbose": verbose,
            "validates": validation is not None,
        }
        asked = [callbacks] if isinstance(callbacks, Callback) else list(callbacks or ())
        calls = CallbackList([history, *asked], self, params)
        progress = Progress(verbose, epochs)
        self.stop_training = False
        logs: dict[str, float] = {}
        calls.call("on_train_begin", {})
        try:
            for epoch in range(initial_epoch, epochs):
                progress.begin(epoch, steps)
                calls.call("on_epoch_begin", epoch, {})
                walk = Walk(self, calls, progress, epoch)
                self._train_epoch(walk, source, batch_size, shuffle, check_finite)
                if walk.stopped and not np.isfinite(walk.mean):
                    break
                logs = walk.logs()
                if validation is not None and (epoch + 1 - initial_epoch) % validation_freq == 0:
                    found = self._measure(validation, EVALUATE_ROWS, calls)
                    logs.update({f"val_{name}": value for name, value in found.items()})
                calls.call("on_epoch_end", epoch, logs)
                progress.end(epoch, logs)
                if self.stop_training:
                    break
        finally:
            progress.close()
        calls.call("on_train_end", logs)
        return history

    def _rows(
        self,
        x: Any,
        y: Any,
        sample_weight: Any,
        class_weight: Mapping[int, float] | None,
        split: float,
        check_finite: bool,
    ) -> tuple[Rows, Rows | None]:
        rows = check_rows(self, x, y, sample_weight, check_finite)
        kind = type(self.loss).__name__.lower()
        classes = data.classes_of(rows.targets, kind, self._expects)
        validation = None
        if split != 0:
            train, held = data.split_validation(rows.arrays(), split, classes)
            rows, validation = rows.with_arrays(train), rows.with_arrays(held)
            classes = None if classes is None else classes[: rows.count]
        if class_weight is not None:
            by_class = data.class_weights(class_weight, classes)
            rows.weights = by_class if rows.weights is None else by_class * rows.weights
        return rows, validation

    def _validation(self, given: Any, check_finite: bool) -> Rows:
        if not isinstance(given, (tuple, list)) or len(given) not in (2, 3):
            raise ValueError("validation_data: expected (x, y) or (x, y, weights)")
        weight = given[2] if len(given) == 3 else None
        return check_rows(self, given[0], given[1], weight, check_finite, "validation x")

    def _train_epoch(
        self, walk: Walk, source: Any, batch: int, shuffle: bool, check_finite: bool
    ) -> None:
        counter = self._epochs_begun
        self._epochs_begun += 1
        self._reset_metrics()
        if isinstance(source, Rows):
            order = _core.shuffled(source.count, self.model.seed, counter) if shuffle else None
            walk.run(source, batch, order)
            return
        for item in source:
            if not isinstance(item, (tuple, list)) or len(item) not in (2, 3):
                raise ValueError("x: an iterable must give (x, y) or (x, y, weights)")
            weight = item[2] if len(item) == 3 else None
            rows = check_rows(self, item[0], item[1], weight, check_finite)
            # Room for the next batches too, so that a ragged one needs no program of its own.
            self._room = max(rows.count, self._room)
            walk.run(rows, rows.count, None, self._room)
            if walk.stopped:
                return
        if walk.steps == 0:
            raise ValueError(
                "x: the iterable gave no batches; a generator runs once, "
                "for several epochs give an object that can be iterated again"
            )

    _room = 1

    def _reset_metrics(self) -> None:
        for metric in self._resolved_metrics:
            metric.reset_state()

    # ---- measuring

    def evaluate(
        self,
        x: Any,
        y: Any = None,
        batch_size: int | None = None,
        sample_weight: Any = None,
        verbose: int | str = "auto",
        callbacks: Callback | Sequence[Callback] | None = None,
    ) -> dict[str, float]:
        """Loss and metrics over the rows, with nothing dropped and nothing trained.

        Args:
            x: inputs, or an iterable of batches ``(x, y)`` or ``(x, y, weights)``.
            y: targets.
            batch_size: rows at once; default 256.
            sample_weight: a weight per row for the loss.
            verbose: 0 nothing; 1, 2 and ``"auto"`` a line only where ``verbose`` is 1 or 2.
            callbacks: their ``on_test_...`` hooks are called.

        Returns:
            A dict of floats, means over the rows: ``{"loss": ..., "accuracy": ...}``.

        Raises:
            TypeError, ValueError: data that do not fit.

        Example:
            >>> import numpy as np, feedfwd as ff
            >>> trainer = ff.Trainer(ff.Sequential([ff.layers.Dense(1)], seed=0), loss="mse")
            >>> trainer.evaluate(np.zeros((4, 2)), np.ones(4))
            {'loss': 1.0}
        """
        verbose = check_verbose(verbose)
        size = EVALUATE_ROWS if batch_size is None else check_count(batch_size, "batch_size")
        parts: Iterable[Rows]
        if y is None:
            parts = (self._validation(item, False) for item in _batches(x))
        else:
            parts = [check_rows(self, x, y, sample_weight, False)]
        asked = [callbacks] if isinstance(callbacks, Callback) else list(callbacks or ())
        params = {"epochs": 1, "steps": None, "verbose": verbose, "validates": True}
        found = self._measure(parts, size, CallbackList(asked, self, params))
        if verbose in (1, 2):
            print(" - ".join(f"{name}: {value:.4g}" for name, value in found.items()))
        return found

    def _measure(
        self, parts: Rows | Iterable[Rows], batch: int, calls: CallbackList
    ) -> dict[str, float]:
        calls.call("on_test_begin", {})
        self._reset_metrics()
        walk = Walk(self, calls, None, None)
        for rows in [parts] if isinstance(parts, Rows) else parts:
            walk.run(rows, min(batch, rows.count), None, batch)
        if walk.rows == 0:
            raise ValueError("x: got no rows, expected at least one")
        found = walk.logs()
        calls.call("on_test_end", found)
        return found

    def __repr__(self) -> str:
        return f"<Trainer of {self.model!r}>"


def _batches(x: Any) -> Iterable[Any]:
    """An iterable of batches; ValueError for an array, whose targets are missing."""
    if (
        hasattr(x, "__array__")
        or isinstance(x, (str, bytes, Mapping))
        or not hasattr(x, "__iter__")
    ):
        raise ValueError("y: missing; expected targets (or x an iterable of (x, y) batches)")
    if isinstance(x, (list, tuple)) and not all(isinstance(v, (tuple, list)) for v in x):
        raise ValueError("y: missing; expected targets (or x an iterable of (x, y) batches)")
    batches: Iterable[Any] = x
    return batches
