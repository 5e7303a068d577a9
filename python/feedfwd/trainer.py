"""Trainer: fits a model to data and measures it."""

from __future__ import annotations

import copy
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from feedfwd import _core, copies, elsewhere, finder, losses, metrics, optimizers
from feedfwd.arguments import count as check_count
from feedfwd.arguments import flag, number
from feedfwd.callbacks import Callback, CallbackList, History
from feedfwd.checking import check_from_logits
from feedfwd.finder import LearningRates
from feedfwd.fitting import EVALUATE_ROWS, Options, fit
from feedfwd.ingest import training_rows, validation_rows
from feedfwd.loop import Programs, Rows, Walk, batches_of, check_rows
from feedfwd.model import Model
from feedfwd.progress import check_verbose
from feedfwd.run import Place, Run, settings_of, take_totals
from feedfwd.turns import Turn, Whole


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
        self._measuring: list[Any] = []  # the same for evaluate, so that an epoch's totals stay
        self._resolved_for: tuple[int | None, ...] | None = None
        self._totals: Any = None  # for the metrics, once they are resolved
        self._programs = Programs()
        place = Place(0, "begin", 0, _core.Cursor())
        self._run = Run({}, (), True, None, _core.numerics_version, place)
        self._fits, self._measures, self._whole = Turn("fit"), Turn("evaluate"), Whole()
        check_from_logits(model, self.loss)

    def __getattr__(self, name: str) -> Any:
        known = () if name.startswith("_") else dir(type(self))
        raise elsewhere.missing("a Trainer", name, elsewhere.TRAINER, known)

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
        self._measuring = [copy.deepcopy(m) for m in found]
        self._resolved_metrics, self._resolved_for = found, shape
        take_totals(self)

    def _metrics_of(self, training: bool) -> list[Any]:
        return self._resolved_metrics if training else self._measuring

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
        resume: bool = False,
    ) -> History:
        """Train for some epochs. A second call goes on where the first ended.

        Ctrl-C, an exception of a callback and a kill leave the fit between two steps. With
        ``resume=True`` the next call, in this process or on what :meth:`load` gives, finishes it
        with the bits it would have had.

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
            resume: finish the fit that was interrupted or loaded, ``epochs`` in all, with the same
                data, batch size and callbacks; where there is none, begin one. Default False.

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
        validation_split = number(validation_split, "validation_split", 0, 1, open_high=True)
        verbose, resume = check_verbose(verbose), flag(resume, "resume")
        shuffle, check_finite = flag(shuffle, "shuffle"), flag(check_finite, "check_finite")
        with self._fits.take(), self._fits.mine():
            if y is None:
                if validation_split or sample_weight is not None or class_weight is not None:
                    raise ValueError(
                        "x: an iterable of batches takes no validation_split, sample_weight or "
                        "class_weight; give weights as (x, y, weights)"
                    )
                source: Rows | Iterable[Any] = batches_of(x)
                validation = None
            else:
                split = validation_split if validation_data is None else 0.0
                source, validation = training_rows(
                    self, x, y, sample_weight, class_weight, split, check_finite
                )
            if validation_data is not None:
                validation = validation_rows(self, validation_data, check_finite, hashed=True)
            rows = source if isinstance(source, Rows) else None
            settings = {
                **settings_of(self, rows, validation),
                "batch_size": int(batch_size) if rows is not None else 0,
                "shuffle": shuffle,
                "validation_freq": int(validation_freq),
                "initial_epoch": int(initial_epoch),
            }
            asked = _list_of(callbacks)
            options = Options(epochs, verbose, check_finite, resume)
            fit(self, source, validation, settings, asked, options)
        return self.history

    def _reset_metrics(self, training: bool) -> None:
        for metric in self._metrics_of(training):
            metric.reset_state()

    def find_learning_rate(
        self,
        x: Any,
        y: Any,
        batch_size: int = 32,
        *,
        start: float = 1e-6,
        end: float = 10.0,
        steps: int = 200,
        sample_weight: Any = None,
    ) -> LearningRates:
        """Try learning rates on a copy: ``rate_i = start (end / start)^(i / (steps - 1))``.

        Each step makes one update with the next rate and notes its loss. The test ends where a
        running average is four times its lowest and above its first, or the loss is not finite.
        The trainer and its model are left bit for bit as they were.

        Args:
            x, y, sample_weight: data as for :meth:`fit`.
            batch_size: rows a step; default 32.
            start, end: the first rate and the last, 0 < start < end; default 1e-6 and 10.
            steps: how many rates, at least 10; default 200.

        Returns:
            :class:`feedfwd.finder.LearningRates` with ``learning_rates, losses, smoothed,
            suggestion`` and ``plot(path=None)``. The suggestion is where the smoothed loss falls
            fastest over the logarithm of the rate: a rate to begin with, not the best one.

        Raises:
            TypeError, ValueError: data or arguments that do not fit, or no finite loss at all.

        Example:
            >>> import feedfwd as ff
            >>> x, y = ff.datasets.regression_curve(500)
            >>> model = ff.Sequential([ff.layers.Dense(16, "tanh"), ff.layers.Dense(1)], seed=0)
            >>> trainer = ff.Trainer(model, "sgd", "mse")
            >>> found = trainer.find_learning_rate(x, y)
            >>> trainer.optimizer.learning_rate = found.suggestion

        Source: L. N. Smith, Cyclical learning rates for training neural networks, 2017, section
        3.3.
        """
        return finder.find(self, x, y, batch_size, steps, (start, end), sample_weight)

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
        """Loss and metrics over the rows; nothing is trained.

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
            parts = (validation_rows(self, item, False) for item in batches_of(x))
        else:
            parts = [check_rows(self, x, y, sample_weight, False)]
        asked = _list_of(callbacks)
        params = {"epochs": 1, "steps": None, "verbose": verbose, "validates": True}
        found = self._measure(parts, size, CallbackList(asked, self, params))
        if verbose in (1, 2):
            print(" - ".join(f"{name}: {value:.4g}" for name, value in found.items()))
        return found

    def _measure(
        self, parts: Rows | Iterable[Rows], batch: int, calls: CallbackList, wait: bool = False
    ) -> dict[str, float]:
        with self._measures.take(wait), self._measures.mine():
            calls.call("on_test_begin", {})
            self._reset_metrics(False)
            walk = Walk(self, calls, None, None)
            for rows in [parts] if isinstance(parts, Rows) else parts:
                size = min(batch, rows.count)
                room = min(batch, max(rows.count, EVALUATE_ROWS))
                walk.run(rows, size, None, room, base=walk.cursor.steps)
            if walk.cursor.rows == 0:
                raise ValueError("x: got no rows, expected at least one")
            found = walk.logs()
            calls.call("on_test_end", found)
        return found

    # ---- files

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the run to a file: model, optimizer, counters, callbacks, place in the epoch.

        :meth:`load` reads it, and ``fit(..., resume=True)`` then finishes the fit with the bits it
        would have had; :func:`feedfwd.load_model` reads the model alone. May be called between
        fits, after an interrupted one, and by a callback. The file is written beside its target
        and renamed over it.

        Raises:
            TypeError: ``path`` is no path.
            ValueError: the model is not built, or something in it cannot be written down.
            OSError: what the system says; the old file is as it was.

        Example:
            >>> import os, tempfile, numpy as np, feedfwd as ff
            >>> x, y = np.ones((8, 2)), np.ones(8)
            >>> trainer = ff.Trainer(ff.Sequential([ff.layers.Dense(1)], seed=0), loss="mse")
            >>> _ = trainer.fit(x, y, epochs=2, verbose=0)
            >>> path = os.path.join(tempfile.mkdtemp(), "run.safetensors")
            >>> trainer.save(path)
            >>> again = ff.Trainer.load(path)
            >>> len(again.fit(x, y, epochs=5, verbose=0, resume=True).epoch)
            5
        """
        from feedfwd.saving import runs

        runs.save(self, path)

    @classmethod
    def load(
        cls,
        path: str | os.PathLike[str],
        custom_objects: Mapping[str, Any] | None = None,
        device: str | None = None,
    ) -> Any:
        """The Trainer of a file that :meth:`save` or a checkpoint wrote.

        Args:
            path: of the file; see :func:`feedfwd.load_model` for damaged checkpoints.
            custom_objects: classes of your own by the names they have in the file.
            device: ``"cpu"``, ``"cuda"`` or ``"auto"``; default: as saved.

        Raises:
            OSError: what the system says.
            TypeError: ``path`` is no path.
            ValueError: the file is damaged, no run, or names an unknown class.
        """
        from feedfwd.saving import runs

        return runs.load(cls, path, custom_objects, device)

    def __getstate__(self) -> dict[str, Any]:
        return copies.state_of(self)

    def __setstate__(self, state: dict[str, Any]) -> None:
        copies.restore(self, state)

    def __repr__(self) -> str:
        from feedfwd import summary

        return summary.of_trainer(self)


def _list_of(callbacks: Any) -> list[Callback]:
    if callbacks is None:
        return []
    if isinstance(callbacks, (list, tuple)):
        return list(callbacks)
    return [callbacks]  # CallbackList says what is no Callback
