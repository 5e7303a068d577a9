"""Callbacks that watch one number: EarlyStopping and ReduceLROnPlateau."""

from __future__ import annotations

import math
from typing import Any

from feedfwd.arguments import count, number
from feedfwd.callbacks.base import Callback, Logs
from feedfwd.floating import nearest


class Monitor(Callback):
    """Compares one number of the logs from epoch to epoch."""

    replaces_state = True

    def __init__(self, monitor: str, mode: str, min_delta: float) -> None:
        if mode not in ("auto", "min", "max"):
            raise ValueError(f"mode: got {mode!r}, expected 'auto', 'min' or 'max'")
        self.monitor, self.mode = monitor, mode
        self.min_delta = abs(number(min_delta, "min_delta"))
        rising = ("acc", "accuracy", "auc")
        self.larger = mode == "max" or (mode == "auto" and monitor.endswith(rising))

    @nearest
    def improves(self, value: float, reference: float) -> bool:
        """Whether `value` is better than `reference` by more than min_delta."""
        if self.larger:
            return value - self.min_delta > reference
        return value + self.min_delta < reference

    def worst(self) -> float:
        """What every number improves on."""
        return -math.inf if self.larger else math.inf

    def current(self, logs: Logs | None) -> float | None:
        """The number watched; None in an epoch without validation."""
        logs = logs or {}
        if self.monitor in logs:
            return logs[self.monitor]
        if self.monitor.startswith("val_") and self.params.get("validates"):
            base = self.monitor.removeprefix("val_")
            if base in logs:
                return None
        hint = "; pass validation_data or validation_split" if "val_" in self.monitor else ""
        raise ValueError(
            f"{type(self).__name__}: monitor {self.monitor!r} is not among {', '.join(logs)}{hint}"
        )


_STOPPING = ("wait", "stopped_epoch", "best", "best_epoch", "best_weights")
_PLATEAU = ("wait", "resting", "best")


def _take(callback: Callback, state: dict[str, Any], names: tuple[str, ...]) -> None:
    if set(state) != set(names):
        raise ValueError(f"{type(callback).__name__}: the saved state holds {sorted(state)}")
    for name in names:
        setattr(callback, name, state[name])


class EarlyStopping(Monitor):
    r"""Stops training when a number has not improved for some epochs.

    An epoch improves if its number is better than the best so far by more than ``min_delta``; after
    ``patience`` epochs in a row without one, training stops.

    Args:
        monitor: a name in the logs; default ``"val_loss"``.
        min_delta: default 0.
        patience: in epochs; default 0.
        verbose: 1 prints the epoch it stopped at; default 0.
        mode: ``"min"``, ``"max"``, or ``"auto"`` (default): max for accuracies, else min.
        baseline: the number to beat before patience runs anew; default None.
        restore_best_weights: end with the weights of the best epoch; default False.
        start_from_epoch: epochs before this one do not count; default 0.

    Raises:
        ValueError: an unknown mode, or at the end of the first epoch a monitor not in the logs.

    Example:
        >>> import feedfwd as ff
        >>> ff.callbacks.EarlyStopping(patience=3, restore_best_weights=True).patience
        3

    Source: Keras 3, ``keras.callbacks.EarlyStopping``; Prechelt 1998, "Early Stopping - But When?"
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        min_delta: float = 0,
        patience: int = 0,
        verbose: int = 0,
        mode: str = "auto",
        baseline: float | None = None,
        restore_best_weights: bool = False,
        start_from_epoch: int = 0,
    ) -> None:
        super().__init__(monitor, mode, min_delta)
        self.patience = count(patience, "patience", 0)
        self.verbose = verbose
        self.baseline = None if baseline is None else number(baseline, "baseline")
        self.restore_best_weights = restore_best_weights
        self.start_from_epoch = count(start_from_epoch, "start_from_epoch", 0)
        self._reset()

    def _reset(self) -> None:
        self.wait = 0
        self.stopped_epoch = 0
        self.best = self.worst()
        self.best_epoch = 0
        self.best_weights: list[Any] | None = None

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Forget an earlier fit."""
        self._reset()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Compare, keep the best, stop when patience is out."""
        current = self.current(logs)
        if current is None or epoch < self.start_from_epoch:
            return
        if self.restore_best_weights and self.best_weights is None:
            self.best_weights, self.best_epoch = self.model.get_weights(), epoch
        self.wait += 1
        if self.improves(current, self.best):
            self.best, self.best_epoch = current, epoch
            if self.restore_best_weights:
                self.best_weights = self.model.get_weights()
            if self.baseline is None or self.improves(current, self.baseline):
                self.wait = 0
            return
        if self.wait >= self.patience and epoch > 0:
            self.stopped_epoch = epoch
            self.trainer.stop_training = True

    def get_state(self) -> dict[str, Any]:
        """The best so far and the epochs since."""
        return {name: getattr(self, name) for name in _STOPPING}

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on from there."""
        _take(self, state, _STOPPING)

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Put the best weights back."""
        if self.stopped_epoch > 0 and self.verbose:
            print(f"Epoch {self.stopped_epoch + 1}: early stopping")
        if self.restore_best_weights and self.best_weights is not None:
            if self.verbose:
                print(f"Weights of epoch {self.best_epoch + 1} restored")
            self.model.set_weights(self.best_weights)


class ReduceLROnPlateau(Monitor):
    """Lowers the learning rate when a number has stopped improving.

    ``rate = max(rate * factor, min_lr)`` after ``patience`` epochs in a row without improvement.

    Args:
        monitor: a name in the logs; default ``"val_loss"``.
        factor: below 1; default 0.1.
        patience: in epochs; default 10.
        verbose: 1 prints each change; default 0.
        mode: ``"min"``, ``"max"`` or ``"auto"`` (default).
        min_delta: default 1e-4.
        cooldown: epochs to wait after a change; default 0.
        min_lr: default 0.

    Raises:
        ValueError: a factor of 1 or more, a schedule as learning rate, or a monitor not in the
            logs.

    Example:
        >>> import feedfwd as ff
        >>> ff.callbacks.ReduceLROnPlateau(factor=0.5).factor
        0.5

    Source: Keras 3, ``keras.callbacks.ReduceLROnPlateau``.
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        factor: float = 0.1,
        patience: int = 10,
        verbose: int = 0,
        mode: str = "auto",
        min_delta: float = 1e-4,
        cooldown: int = 0,
        min_lr: float = 0.0,
    ) -> None:
        super().__init__(monitor, mode, min_delta)
        if not 0 < number(factor, "factor") < 1:
            raise ValueError(f"factor: got {factor!r}, expected a number between 0 and 1")
        self.factor, self.verbose = float(factor), verbose
        self.patience, self.cooldown = (
            count(patience, "patience", 0),
            count(cooldown, "cooldown", 0),
        )
        self.min_lr = number(min_lr, "min_lr", 0)
        self.on_train_begin()

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Forget an earlier fit."""
        self.wait = self.resting = 0
        self.best = self.worst()

    def get_state(self) -> dict[str, Any]:
        """The best so far and the epochs since."""
        return {name: getattr(self, name) for name in _PLATEAU}

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on from there."""
        _take(self, state, _PLATEAU)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Compare, and lower the rate when patience is out."""
        current = self.current(logs)
        if current is None:
            return
        if self.resting > 0:
            self.resting -= 1
            self.wait = 0
        if self.improves(current, self.best):
            self.best, self.wait = current, 0
        elif self.resting <= 0:
            self.wait += 1
            if self.wait >= self.patience:
                self._lower(epoch)

    @nearest
    def _lower(self, epoch: int) -> None:
        rate = constant_rate(self)
        if rate > self.min_lr:
            lower = max(rate * self.factor, self.min_lr)
            self.trainer.optimizer.learning_rate = lower
            if self.verbose:
                print(f"Epoch {epoch + 1}: learning rate {lower:g}")
            self.resting, self.wait = self.cooldown, 0


def constant_rate(callback: Callback) -> float:
    """The optimizer's learning rate; ValueError if a schedule sets it."""
    rate = callback.trainer.optimizer.learning_rate
    if not isinstance(rate, (int, float)):
        raise ValueError(
            f"{type(callback).__name__}: the optimizer's learning_rate is a schedule, "
            "expected a number"
        )
    return float(rate)
