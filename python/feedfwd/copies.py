"""Copies and pickles of a Trainer: what it knows, without what is compiled or held by a thread."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from feedfwd import _core
from feedfwd.loop import Programs
from feedfwd.turns import Turn, Whole

if TYPE_CHECKING:
    from feedfwd.trainer import Trainer

_MADE_ANEW = ("_programs", "_fits", "_measures", "_whole", "_run")


def state_of(trainer: Trainer) -> dict[str, Any]:
    """The attributes of a copy, the optimizer's state and the place of the fit with them."""
    run, core = trainer._run, trainer.optimizer.core
    cursor = run.place.cursor
    built = [core.slots(v) if core.is_built(v) else None for v in trainer.model.variables]
    kept = {k: v for k, v in vars(trainer).items() if k not in _MADE_ANEW}
    place = run.place._replace(cursor=(cursor.steps, cursor.rows, cursor.total))  # type: ignore[arg-type]
    return {
        "attributes": kept,
        "slots": built,
        "run": run._replace(place=place, callbacks=None, states=run.states_now()),
    }


def restore(trainer: Trainer, state: dict[str, Any]) -> None:
    """Make `trainer` what state_of() was given."""
    vars(trainer).update(state["attributes"])
    run = state["run"]
    place = run.place._replace(cursor=_core.Cursor(*run.place.cursor))
    trainer._run = run._replace(place=place)
    trainer._programs = Programs()
    trainer._fits, trainer._measures, trainer._whole = Turn("fit"), Turn("evaluate"), Whole()
    for variable, slots in zip(trainer.model.variables, state["slots"], strict=True):
        if slots is not None:
            trainer.optimizer.core.set_slots(variable, slots)
