"""What must be known of a fit to finish it later, bit for bit."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from feedfwd import _core

if TYPE_CHECKING:
    from feedfwd.callbacks.base import Callback
    from feedfwd.loop import Rows
    from feedfwd.trainer import Trainer

States = list[tuple[str, dict[str, Any]]]


class Place(NamedTuple):
    """Where a fit stands: before an epoch ("begin"), in its steps, or after them ("end")."""

    epoch: int
    stage: str
    counter: int  # of the epoch's shuffle, over all fits of the trainer
    cursor: _core.Cursor

    def next_counter(self) -> int:
        """The shuffle of the next new epoch."""
        return self.counter + (self.stage != "begin")


class Seen(NamedTuple):
    """What was taken from an iterable of batches in this epoch."""

    batches: int
    before: int  # hash over that many batches
    after: int  # and with the one that follows


NONE_SEEN = Seen(0, 0, 0)


class Run(NamedTuple):
    """A fit as it stands. Every change is one assignment of a new Run, so that an exception, also
    one that a signal raises between two lines, finds either the old state or the new one.
    """

    settings: dict[str, Any]
    callbacks: Sequence[Callback] | None  # None: it comes from a file
    finished: bool
    metrics: Any  # values of the metrics' variables, from a file
    numerics: int
    # What an epoch changes comes last: see at().
    place: Place
    seen: Seen = NONE_SEEN
    stop_asked: bool = False  # by a hook of a batch, in the epoch that is on
    stopped: bool = False  # by a callback, or by a loss that is not finite
    unsaved: tuple[int, dict[str, float]] | None = None  # epoch and logs that savers wait for
    states: States | None = None  # where in_hooks or from a file: of the callbacks, before that
    in_hooks: bool = False  # of the begin or end of an epoch: they run again on resume
    rate: Any = None  # the learning rate before the hooks

    def at(
        self,
        place: Place,
        seen: Seen,
        stop_asked: bool = False,
        stopped: bool = False,
        unsaved: tuple[int, dict[str, float]] | None = None,
    ) -> Run:
        """The same fit at another place, in no hook."""
        # What _replace() does, at a fifth of its time.
        now = (place, seen, stop_asked, stopped, unsaved, None, False, None)
        return tuple.__new__(Run, self[:_KEPT] + now)

    def over(self) -> Run:
        """The same fit, come to its end."""
        return tuple.__new__(Run, (self.settings, self.callbacks, True, *self[3:]))

    def states_now(self) -> States:
        """States of the callbacks to go on with."""
        if self.callbacks is None or self.in_hooks:
            return self.states or []
        return states_of(self.callbacks)

    def hash_seen(self) -> int:
        """Hash over the batches whose steps are made."""
        made = self.place.cursor.steps
        return self.seen.after if made > self.seen.batches else self.seen.before


_KEPT = Run._fields.index("place")


def states_of(callbacks: Iterable[Callback]) -> States:
    """Class name and state of each callback; copies, where it may go on changing what it gave."""
    states = [(c, c.get_state()) for c in callbacks]
    return [
        (type(c).__name__, copy.deepcopy(state) if state and not c.replaces_state else state)
        for c, state in states
    ]


def hand_over(states: States, callbacks: Sequence[Callback]) -> None:
    """Give saved states to callbacks of the same class, in order.

    Raises:
        ValueError: a state whose callback is missing.
    """
    free = list(callbacks)
    for name, state in states:
        heir = next((c for c in free if type(c).__name__ == name), None)
        if heir is None and not state:
            continue
        if heir is None:
            raise ValueError(f"callbacks: the interrupted fit had a {name}; pass one to finish it")
        free = [c for c in free if c is not heir]
        if state:
            heir.set_state(state if heir.replaces_state else copy.deepcopy(state))


def fingerprint(rows: Rows | None, start: int = 0) -> int:
    """A hash of shapes, dtypes and bytes."""
    if rows is None:
        return start
    if rows.fingerprint is None or start != 0:
        return _core.fingerprint_all(rows.arrays(), start)
    return _core.fingerprint_all(rows.arrays()[len(rows.inputs) :], rows.fingerprint)


def settings_of(trainer: Trainer, rows: Rows | None, validation: Rows | None) -> dict[str, Any]:
    """What must be the same when a fit is finished later."""
    return {
        "rows": None if rows is None else rows.count,
        "data": fingerprint(rows),
        "validation": fingerprint(validation),
        "optimizer": type(trainer.optimizer).__name__,
        "loss": type(trainer.loss).__name__,
    }


def take_totals(trainer: Trainer) -> None:
    """Give the metrics the totals of the epoch that a file was written in, once they are known."""
    totals = trainer._totals
    if totals is None or trainer._resolved_for is None:
        return
    for metric, values in zip(trainer._resolved_metrics, totals, strict=True):
        for variable, value in zip(metric.variables, values, strict=True):
            variable.assign(value)
    trainer._totals = None


def check_settings(run: Run, settings: dict[str, Any]) -> None:
    """ValueError with the first thing that differs from the interrupted fit."""
    if run.numerics != _core.numerics_version:
        raise ValueError(
            f"resume: the run was made with numerics version {run.numerics}, this is version "
            f"{_core.numerics_version}; it cannot go on with the same bits"
        )
    for name, value in settings.items():
        before = run.settings.get(name)
        if name in ("initial_epoch", "begun_at"):  # those of the interrupted fit hold
            continue
        if before == value:
            continue
        if name in ("rows", "data", "validation"):
            what = "validation data" if name == "validation" else "x, y or sample_weight"
            raise ValueError(f"resume: {what} differ from those of the interrupted fit")
        raise ValueError(f"resume: {name} is {value!r}, the interrupted fit had {before!r}")
