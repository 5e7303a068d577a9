"""The epochs of one fit: begun, run, ended, each a step from one Run to the next."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from feedfwd import _core
from feedfwd._core import Cursor, shuffled
from feedfwd.callbacks import BackupAndRestore, Callback, CallbackList, History
from feedfwd.loop import Rows, Walk, check_rows, means
from feedfwd.progress import Progress
from feedfwd.run import (
    NONE_SEEN,
    Place,
    Run,
    Seen,
    States,
    check_settings,
    fingerprint,
    hand_over,
    states_of,
    take_totals,
)

if TYPE_CHECKING:
    from feedfwd.trainer import Trainer

EVALUATE_ROWS = 256


class Options(NamedTuple):
    """How a fit is to go; the same fit may be resumed with others."""

    epochs: int
    verbose: int | str
    check_finite: bool
    resume: bool


def fit(
    trainer: Trainer,
    source: Rows | Iterable[Any],
    validation: Rows | None,
    settings: dict[str, Any],
    asked: list[Callback],
    options: Options,
) -> None:
    """Begin a fit, or go on with the trainer's, and bring it to its end."""
    rows = source.count if isinstance(source, Rows) else None
    params = {
        "epochs": options.epochs,
        "steps": None if rows is None else -(-rows // settings["batch_size"]),
        "verbose": options.verbose,
        "validates": validation is not None,
    }
    calls = CallbackList(asked, trainer, params)  # all of them callbacks that know their trainer
    settings = {**settings, "begun_at": trainer._run.place.next_counter()}
    restored = [c.restore(settings) for c in asked if isinstance(c, BackupAndRestore)]
    old = trainer._run
    states: States = []
    if (options.resume or any(restored)) and old.settings:
        check_settings(old, settings)
        params["resumed_at"] = old.place.epoch
        states = old.states_now()
        # The hooks below may reset the callbacks whose states these are.
        trainer._run = old = old._replace(callbacks=None, states=states)
        trainer.history.truncate(old.place.epoch)
    else:
        place = Place(settings["initial_epoch"], "begin", settings["begun_at"], Cursor())
        old = Run(settings, None, False, None, _core.numerics_version, place)
        trainer.history = History()
    trainer.history.set_params(params)
    trainer.history.set_trainer(trainer)
    stop = old.stop_asked or (old.place.stage == "steps" and bool(trainer.stop_training))
    trainer.stop_training = False
    calls.call("on_train_begin", {})
    if states:
        hand_over(states, asked)
    if old.in_hooks:
        trainer.optimizer.learning_rate = old.rate
    trainer._totals = old.metrics
    take_totals(trainer)
    trainer._run = Run(
        settings=old.settings,
        callbacks=calls.callbacks,
        finished=False,
        metrics=None,
        numerics=old.numerics,
        place=old.place,
        seen=old.seen,
        stop_asked=stop,
        stopped=old.stopped,
        unsaved=old.unsaved,
    )
    trainer.stop_training = trainer.stop_training or stop
    if old.unsaved is not None:
        calls.checkpoint(*old.unsaved)
        trainer._run = trainer._run._replace(unsaved=None)
    progress = Progress(options.verbose, options.epochs)
    fitting = Fitting(trainer, source, validation, calls, progress, options)
    try:
        fitting.run()
    finally:
        progress.close()
    calls.call("on_train_end", fitting.logs)
    trainer._run = trainer._run.over()
    calls.finished()


class Fitting:
    """Runs the epochs of ``trainer._run`` up to `epochs`."""

    def __init__(
        self,
        trainer: Trainer,
        source: Rows | Iterable[Any],
        validation: Rows | None,
        calls: CallbackList,
        progress: Progress,
        options: Options,
    ) -> None:
        self.trainer, self.source, self.validation = trainer, source, validation
        self.calls, self.progress, self.epochs = calls, progress, options.epochs
        settings = trainer._run.settings
        self.batch = int(settings["batch_size"])
        self.shuffle = bool(settings["shuffle"])
        self.frequency = int(settings["validation_freq"])
        self.check_finite = options.check_finite
        self.logs: dict[str, float] = {}
        self._shown: int | None = None
        self._room = 1
        # What nobody changes between epochs where all hooks are ours.
        self._program: _core.Program | None = None  # bound to the source
        self._seed: int | None = None

    def run(self) -> None:
        """All epochs that are left."""
        trainer = self.trainer
        while True:
            run = trainer._run
            place = run.place
            epoch, stage = place.epoch, place.stage
            if run.stopped or (epoch >= self.epochs and stage == "begin"):
                return
            if self._shown != epoch:
                self._shown = epoch
                self.progress.begin(epoch, self._step_count)
            if stage == "begin":
                self._begin(place)
            elif stage == "steps":
                self._steps(place)
            else:
                self._end(place)

    def _step_count(self) -> int | None:
        return -(-self.source.count // self.batch) if isinstance(self.source, Rows) else None

    def _hooks(self, hook: str, epoch: int, logs: dict[str, float]) -> None:
        """Hooks that run again, from the states before them, if they do not come to their end."""
        if not self.calls.wants(hook):
            return
        run = self.trainer._run
        rate = self.trainer.optimizer.learning_rate
        states = states_of(self.calls.callbacks)
        self.trainer._run = run._replace(in_hooks=True, rate=rate, states=states)
        self.calls.call(hook, epoch, logs)

    def _begin(self, place: Place) -> None:
        trainer = self.trainer
        self._hooks("on_epoch_begin", place.epoch, {})
        with trainer._whole.lock:
            trainer._reset_metrics(True)
            run = trainer._run
            steps = Place(place.epoch, "steps", place.counter, Cursor())
            trainer._run = run.at(steps, NONE_SEEN, run.stop_asked)

    def _steps(self, place: Place) -> None:
        trainer = self.trainer
        shown = self.progress if self.progress.has_bar else None
        walk = Walk(trainer, self.calls, shown, place.epoch, place.cursor)
        walk.stopped = trainer._run.stop_asked
        if isinstance(self.source, Rows):
            if not self.calls.only_ours:
                self._program = self._seed = None
            if self._seed is None:
                self._seed = trainer.model.seed
            count = self.source.count
            order = shuffled(count, self._seed, place.counter) if self.shuffle else None
            self._program = walk.run(self.source, self.batch, order, program=self._program)
        else:
            self._batches(walk, self.source)
        run = trainer._run
        if walk.stopped and not np.isfinite(place.cursor.mean):
            trainer._run = run.at(place, run.seen, run.stop_asked, stopped=True)
        else:
            over = Place(place.epoch, "end", place.counter, place.cursor)
            trainer._run = run.at(over, run.seen, bool(trainer.stop_training))

    def _batches(self, walk: Walk, source: Iterable[Any]) -> None:
        made, value, index = walk.cursor.steps, 0, -1
        for index, item in enumerate(source):
            if not isinstance(item, (tuple, list)) or len(item) not in (2, 3):
                raise ValueError("x: an iterable must give (x, y) or (x, y, weights)")
            weight = item[2] if len(item) == 3 else None
            rows = check_rows(self.trainer, item[0], item[1], weight, self.check_finite)
            following = fingerprint(rows, value)
            if index < made:
                value = following
                if index == made - 1 and value != self.trainer._run.hash_seen():
                    raise ValueError("resume: the batches differ from those of the interrupted fit")
                continue
            self.trainer._run = self.trainer._run._replace(seen=Seen(index, value, following))
            value = following
            # Room for the next batches too, so that a ragged one needs no program of its own.
            self._room = max(rows.count, self._room)
            walk.run(rows, rows.count, None, self._room, base=index)
            if walk.stopped:
                return
        if index + 1 < made:
            raise ValueError(
                f"resume: x gave {index + 1} batches, the interrupted fit had {made} already"
            )
        if walk.cursor.steps == 0:
            raise ValueError(
                "x: the iterable gave no batches; a generator runs once, "
                "for several epochs give an object that can be iterated again"
            )

    def _end(self, place: Place) -> None:
        trainer, epoch = self.trainer, place.epoch
        logs = means(trainer, True, place.cursor)
        if self.validation is not None:
            first = int(trainer._run.settings["initial_epoch"])
            if (epoch + 1 - first) % self.frequency == 0:
                found = trainer._measure(self.validation, EVALUATE_ROWS, self.calls, wait=True)
                logs.update({f"val_{name}": value for name, value in found.items()})
        self.logs = logs
        trainer.history.truncate(epoch)
        trainer.history.on_epoch_end(epoch, logs)
        self._hooks("on_epoch_end", epoch, logs)
        following = Place(epoch + 1, "begin", place.counter + 1, Cursor())
        run, stop = trainer._run, bool(trainer.stop_training)
        if self.calls.savers:
            trainer._run = run.at(following, run.seen, stopped=stop, unsaved=(epoch, logs))
            self.calls.checkpoint(epoch, logs)
            trainer._run = trainer._run._replace(unsaved=None)
        else:
            trainer._run = run.at(following, run.seen, stopped=stop)
        self.progress.end(epoch, logs)
