"""Callback: hooks of a Trainer, by Keras' names."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from feedfwd.loop import Walk
    from feedfwd.model import Model
    from feedfwd.trainer import Trainer

Logs = dict[str, float]


class Callback:
    """Something a Trainer calls at the events of ``fit`` and ``evaluate``: override what you need.

    ``self.trainer`` and ``self.model`` are set before the first hook; ``self.params`` holds
    ``epochs``, ``steps`` and ``verbose``. Set ``self.trainer.stop_training = True`` to stop after
    the running batch or epoch. Batch hooks cost a return to Python per batch, and only where one is
    overridden.

    Example:
        >>> import numpy as np, feedfwd as ff
        >>> class Say(ff.callbacks.Callback):
        ...     def on_epoch_end(self, epoch, logs=None):
        ...         print(epoch, sorted(logs))
        >>> trainer = ff.Trainer(ff.Sequential([ff.layers.Dense(1)], seed=0), loss="mse")
        >>> _ = trainer.fit(np.ones((4, 2)), np.ones(4), verbose=0, callbacks=[Say()])
        0 ['loss']

    Source: Keras 3, ``keras.callbacks.Callback``.
    """

    trainer: Trainer
    model: Model
    params: dict[str, Any]

    def set_params(self, params: dict[str, Any]) -> None:
        """Remember ``epochs``, ``steps`` and ``verbose``."""
        self.params = params

    def set_trainer(self, trainer: Trainer) -> None:
        """Remember who calls."""
        self.trainer = trainer
        self.model = trainer.model

    # Whether what get_state gave is never changed later, only replaced; else it is copied.
    replaces_state = False

    def get_state(self) -> dict[str, Any]:
        """What a run file keeps of this callback: numbers, strings, arrays, lists and dicts of
        them; ``{}``, the default, for a callback that remembers nothing.
        """
        return {}

    def set_state(self, state: dict[str, Any]) -> None:
        """Take what ``get_state`` gave; called after ``on_train_begin`` of a resumed fit."""

    def get_config(self) -> dict[str, Any]:
        """The arguments this was made with, as numbers, strings, lists and dicts.

        They are the attributes with the names of the arguments of ``__init__``.

        Raises:
            ValueError: an argument that is no such value (a function, say), or is not kept.
        """
        from feedfwd.layers import configs

        return configs.attributes(self)

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Callback:
        """A new callback from what ``get_config`` gave.

        Raises:
            TypeError: an argument that the class does not have.
        """
        return cls(**config)

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """``fit`` starts."""

    def on_train_end(self, logs: Logs | None = None) -> None:
        """``fit`` ends, unless by an exception; ``logs`` are the last epoch's."""

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """An epoch starts; the first is 0."""

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """An epoch and its validation are done; ``logs`` has their numbers."""

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """A step starts."""

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """A step is done; ``logs`` has the epoch's means so far."""

    def on_test_begin(self, logs: Logs | None = None) -> None:
        """An evaluation starts."""

    def on_test_end(self, logs: Logs | None = None) -> None:
        """An evaluation is done."""

    def on_test_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """A batch of an evaluation starts."""

    def on_test_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """A batch of an evaluation is done."""


class LambdaCallback(Callback):
    """A callback made of functions, by the names of the hooks.

    Args:
        on_train_begin, on_train_end: functions of ``logs``.
        on_epoch_begin, on_epoch_end: functions of ``(epoch, logs)``.
        on_train_batch_begin, on_train_batch_end: functions of ``(batch, logs)``.

    Raises:
        TypeError: an unknown hook, or something that cannot be called.

    Example:
        >>> import feedfwd as ff
        >>> report = ff.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: print(epoch))
        >>> report.on_epoch_end(3, {})
        3

    Source: Keras 3, ``keras.callbacks.LambdaCallback``.
    """

    def __init__(self, **hooks: Callable[..., Any]) -> None:
        for name, function in hooks.items():
            if name not in HOOKS:
                raise TypeError(f"LambdaCallback: unknown hook {name!r}; known: {', '.join(HOOKS)}")
            if function is None:
                continue
            if not callable(function):
                raise TypeError(f"{name}: got {function!r}, expected a function")
            setattr(self, name, function)


HOOKS = tuple(name for name in vars(Callback) if name.startswith("on_"))


def overrides(callback: Callback, hook: str) -> bool:
    """Whether `callback` has a `hook` of its own."""
    return hook in vars(callback) or getattr(type(callback), hook) is not getattr(Callback, hook)


class Saver(Callback):
    """A callback that writes the run to a file. It comes after all others, and after the trainer
    has noted that the epoch or step is over, so that the file holds what they all left.
    """

    save_freq: int | str = "epoch"

    def save_epoch(self, epoch: int, logs: Logs) -> None:
        """An epoch is over."""

    def save_step(self, epoch: int, logs: Logs) -> None:
        """A multiple of ``save_freq`` steps is made."""

    def fit_finished(self) -> None:
        """The fit came to its end."""


class CallbackList:
    """Calls the callbacks that have a hook of their own, in order."""

    def __init__(
        self, callbacks: Iterable[Callback], trainer: Trainer, params: dict[str, Any]
    ) -> None:
        self.callbacks = list(callbacks)
        for callback in self.callbacks:
            if not isinstance(callback, Callback):
                hint = f"; write {callback.__name__}(...)" if isinstance(callback, type) else ""
                raise TypeError(f"callbacks: got {callback!r}, expected a Callback{hint}")
            callback.set_params(params)
            callback.set_trainer(trainer)
        self._having: dict[str, list[Callback]] = {}
        # A hook that is not ours may change anything, also what the model is made of.
        self.only_ours = all(
            type(c).__module__.startswith("feedfwd.") and type(c) is not LambdaCallback
            for c in self.callbacks
        )
        self.savers = [c for c in self.callbacks if isinstance(c, Saver)]

    def _with(self, hook: str) -> list[Callback]:
        known = self._having.get(hook)
        if known is None:
            known = self._having[hook] = [c for c in self.callbacks if overrides(c, hook)]
        return known

    def wants(self, *hooks: str) -> bool:
        """Whether any callback overrides any of `hooks`."""
        return bool(self.callbacks) and any(map(self._with, hooks))

    def call(self, hook: str, *args: Any) -> None:
        """Call `hook` of all who have it."""
        for callback in self._with(hook) if self.callbacks else ():
            getattr(callback, hook)(*args)

    def save_steps(self) -> list[int]:
        """After how many steps each the savers want the run."""
        return [c.save_freq for c in self.savers if isinstance(c.save_freq, int)]

    def checkpoint(self, epoch: int, logs: Logs) -> None:
        """Let the savers have an epoch that is over."""
        for saver in self.savers:
            saver.save_epoch(epoch, logs)

    def checkpoint_steps(self, made: int, walk: Walk) -> None:
        """Let those savers have the run whose number of steps is reached."""
        due = [c for c in self.savers if isinstance(c.save_freq, int) and made % c.save_freq == 0]
        for saver in due:
            saver.save_step(walk.epoch or 0, walk.logs())

    def finished(self) -> None:
        """Tell the savers that the fit is over."""
        for saver in self.savers:
            saver.fit_finished()
