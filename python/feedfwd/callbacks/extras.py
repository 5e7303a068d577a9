"""Callbacks that set the learning rate and that write a log."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable
from typing import Any

from feedfwd.callbacks.base import Callback, Logs
from feedfwd.callbacks.monitors import constant_rate


class LearningRateScheduler(Callback):
    """Sets the learning rate at the start of every epoch.

    Args:
        schedule: a function ``(epoch, rate) -> rate`` or ``(epoch) -> rate``; epochs from 0.
        verbose: 1 prints the rate; default 0.

    Raises:
        TypeError: the schedule returns something that is no number.
        ValueError: the optimizer's learning rate is a schedule already.

    Example:
        >>> import feedfwd as ff
        >>> halve = ff.callbacks.LearningRateScheduler(lambda epoch, rate: rate / 2)
        >>> halve.verbose
        0

    Source: Keras 3, ``keras.callbacks.LearningRateScheduler``.
    """

    def __init__(self, schedule: Callable[..., float], verbose: int = 0) -> None:
        if not callable(schedule):
            raise TypeError(f"schedule: got {schedule!r}, expected a function (epoch, rate)")
        self.schedule = schedule
        self.verbose = verbose

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Ask for the rate and set it."""
        if len(inspect.signature(self.schedule).parameters) == 1:
            rate = self.schedule(epoch)
        else:
            rate = self.schedule(epoch, constant_rate(self))
        if isinstance(rate, bool) or not hasattr(rate, "__float__"):
            raise TypeError(f"schedule: returned {rate!r}, expected a number")
        self.trainer.optimizer.learning_rate = float(rate)
        if self.verbose:
            print(f"Epoch {epoch + 1}: learning rate {float(rate):g}")


class CSVLogger(Callback):
    """Writes a line per epoch to a CSV file: the epoch and its logs.

    Args:
        filename: a path; an existing file is replaced unless ``append``.
        separator: default ``","``.
        append: add to an existing file; default False.

    Example:
        >>> import os, tempfile, numpy as np, feedfwd as ff
        >>> path = os.path.join(tempfile.mkdtemp(), "log.csv")
        >>> trainer = ff.Trainer(ff.Sequential([ff.layers.Dense(1)], seed=0), loss="mse")
        >>> log = [ff.callbacks.CSVLogger(path)]
        >>> _ = trainer.fit(np.ones((4, 2)), np.ones(4), epochs=2, verbose=0, callbacks=log)
        >>> with open(path) as file:
        ...     print(file.readline().strip())
        epoch,loss

    Source: Keras 3, ``keras.callbacks.CSVLogger``.
    """

    def __init__(
        self, filename: str | os.PathLike[str], separator: str = ",", append: bool = False
    ) -> None:
        self.filename = filename
        self.separator = separator
        self.append = append
        self._names: list[str] | None = None

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Open the file; a resumed fit keeps the lines of the epochs it does not run again."""
        self._names = None
        first = self.params.get("resumed_at")
        if first is not None and os.path.exists(self.filename):
            self._go_on(int(first))
        elif not self.append:
            self._write("w", [])

    def _go_on(self, first: int) -> None:
        """Cut off the lines of the epochs from `first` on; the names are those of the file."""
        import csv
        import io

        from feedfwd.saving import atomic

        with open(self.filename, newline="", encoding="utf-8") as file:
            rows = list(csv.reader(file, delimiter=self.separator))
        while rows and rows[-1] and rows[-1][0].isdigit() and int(rows[-1][0]) >= first:
            rows.pop()
        if rows and rows[0][:1] == ["epoch"]:
            self._names = rows[0][1:]
        text = io.StringIO()
        csv.writer(text, delimiter=self.separator).writerows(rows)
        atomic.write(os.fspath(self.filename), [text.getvalue().encode()])

    def _write(self, mode: str, rows: list[list[Any]]) -> None:
        import csv

        with open(self.filename, mode, newline="", encoding="utf-8") as file:
            csv.writer(file, delimiter=self.separator).writerows(rows)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Append the epoch's line; it is in the file when this returns."""
        logs = logs or {}
        rows: list[list[Any]] = []
        if self._names is None:
            self._names = list(logs)
            empty = not os.path.exists(self.filename) or os.path.getsize(self.filename) == 0
            if empty:
                rows.append(["epoch", *self._names])
        rows.append([epoch, *(repr(float(logs[n])) if n in logs else "" for n in self._names)])
        self._write("a", rows)
