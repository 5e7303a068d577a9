"""Runs as files: a model, its trainer, and where its fit stands."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from feedfwd import _core, saving
from feedfwd.arguments import count as check_count
from feedfwd.layers import configs
from feedfwd.run import Place, Run, Seen, check_settings
from feedfwd.saving import atomic, models, nest

Found = Mapping[str, NDArray[Any]]


def save(trainer: Any, path: str | os.PathLike[str], keep_previous: bool = False) -> None:
    """Write a Trainer; see :meth:`feedfwd.Trainer.save`."""
    target = atomic.check_path(path)
    arrays: dict[str, NDArray[Any]] = {}
    with trainer._whole.lock:  # a fit of another thread stands between two steps
        config = {
            "model": models.describe(trainer.model, arrays),
            "trainer": _describe_trainer(trainer),
            "optimizer": _describe_optimizer(trainer, arrays),
            "run": _describe_run(trainer, arrays),
        }
    saving.write(target, config, arrays, keep_previous)


def _named(thing: Any, what: str) -> Any:
    """A name as it is, an object as class name and config."""
    if isinstance(thing, str):
        return thing
    if isinstance(thing, type) or not hasattr(thing, "get_config"):
        raise ValueError(
            f"{what}: {thing!r} cannot be written to a file; expected a name, or an object of a "
            "class with get_config and from_config"
        )
    return configs.describe(thing, what)


def _describe_trainer(trainer: Any) -> dict[str, Any]:
    return {
        "loss": _named(trainer.loss, "loss"),
        "metrics": [_named(m, "metrics") for m in trainer._metrics],
        "shards": trainer.shards,
        "on_nonfinite": trainer.on_nonfinite,
    }


def _describe_optimizer(trainer: Any, arrays: dict[str, NDArray[Any]]) -> dict[str, Any]:
    optimizer = trainer.optimizer
    variables = trainer.model.variables
    slots: list[int] = []
    for i, variable in enumerate(variables):
        built = optimizer.core.is_built(variable)
        values = optimizer.core.slots(variable) if built else []
        slots.append(len(values) if built else -1)
        arrays.update({f"optimizer.{i}.{j}": value for j, value in enumerate(values)})
    return {
        **_named(optimizer, "optimizer"),
        "iterations": optimizer.iterations,
        "slots": slots,
        "excluded": [i for i, v in enumerate(variables) if id(v) in optimizer._excluded_ids],
        "excluded_names": list(optimizer._excluded_names),
    }


def _describe_run(trainer: Any, arrays: dict[str, NDArray[Any]]) -> dict[str, Any]:
    run: Run = trainer._run
    place = run.place
    totals = run.metrics
    if totals is None and place.stage != "begin":
        totals = [[v.numpy() for v in m.variables] for m in trainer._resolved_metrics]
    state = {
        "place": [place.epoch, place.stage, place.counter],
        "cursor": [place.cursor.steps, place.cursor.rows, float(place.cursor.total)],
        "settings": run.settings,
        "callbacks": [list(item) for item in run.states_now()],
        "rate": _rate(run.rate) if run.in_hooks else None,
        "stop_asked": run.stop_asked or (place.stage == "steps" and bool(trainer.stop_training)),
        "stopped": run.stopped,
        "finished": run.finished,
        "metrics": totals,
        "seen": [place.cursor.steps, run.hash_seen()],
        "history": trainer.history._state(place.epoch),
    }
    return {"state": nest.pack(state, arrays, "run")}


def _rate(rate: Any) -> Any:
    return rate if isinstance(rate, (int, float)) else _named(rate, "learning_rate")


def load(
    cls: Any,
    path: str | os.PathLike[str],
    custom_objects: Mapping[str, Any] | None,
    device: str | None,
) -> Any:
    """The Trainer of a file; see :meth:`feedfwd.Trainer.load`."""
    configs.check_custom_objects(custom_objects)
    if device is not None:
        _core.check_device(device)

    def make(config: Any, arrays: Found) -> Any:
        if "trainer" not in config:
            raise ValueError("the file has a model and no run; use ff.load_model")
        model = models.rebuild(config.get("model"), arrays, custom_objects, device)
        return _working(lambda: _make(cls, model, config, arrays, custom_objects))

    return saving.load(path, make, callers=4)


def _anywhere(config: Any) -> Any:
    """A model's config without the device: a run may go on on another one."""
    return {k: v for k, v in config.items() if k != "device"} if isinstance(config, dict) else None


def restore(trainer: Any, path: str, settings: dict[str, Any]) -> bool:
    """Put the run of a file into a Trainer made like the one that wrote it.

    False, and nothing is changed, where another of the trainer's fits wrote it than the one that
    begins now.

    Raises:
        ValueError: the file is damaged, or of another model, loss, optimizer or other data;
            nothing was changed.
    """
    schedule = type(trainer.optimizer.learning_rate)
    custom = {schedule.__name__: schedule} if hasattr(schedule, "from_config") else {}

    def put(config: Any, arrays: Found) -> bool:
        run = _working(lambda: _read_run(config, arrays, custom))
        if run.settings.get("begun_at") != trainer._run.place.next_counter():
            return False
        own = models.describe(trainer.model, {})
        other = config.get("model")
        same = isinstance(other, dict) and all(
            own[k] == other.get(k) for k in ("class_name", "weights", "signature")
        )
        same = same and _anywhere(own["config"]) == _anywhere(other.get("config"))
        if not same or config.get("trainer") != _describe_trainer(trainer):
            raise ValueError("the file is of another model, loss or metrics than this Trainer's")
        check_settings(run, settings)

        def work() -> None:
            rate = configs.revive(config["optimizer"]["config"]["learning_rate"], custom)
            models.set_values(trainer.model, other, arrays)
            trainer.optimizer.learning_rate = rate
            _set_state(trainer, config, arrays, custom)

        _working(work)
        return True

    return bool(saving.load(path, put, callers=7))


def _working(make: Any) -> Any:
    """make(), whose mistakes are the file's."""
    try:
        return make()
    except (KeyError, IndexError, AttributeError, RecursionError, TypeError, OverflowError) as e:
        kind = type(e).__name__
        raise ValueError(f"the run's configuration does not work here: {kind}: {e}") from e


def _make(
    cls: Any, model: Any, config: Any, arrays: Found, custom_objects: Mapping[str, Any] | None
) -> Any:
    made = config["trainer"]
    if not isinstance(made["metrics"], list):
        raise ValueError("the configuration of the metrics is no list")
    trainer = cls(
        model,
        optimizer=configs.revive(_class_of(config["optimizer"]), custom_objects),
        loss=configs.revive(made["loss"], custom_objects),
        metrics=configs.revive(made["metrics"], custom_objects),
        shards=made["shards"],
        on_nonfinite=made["on_nonfinite"],
    )
    _set_state(trainer, config, arrays, custom_objects)
    return trainer


def _class_of(given: dict[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in given.items() if k in ("class_name", "config", "kind")}


def _set_state(
    trainer: Any, config: Any, arrays: Found, custom_objects: Mapping[str, Any] | None
) -> None:
    run = _read_run(config, arrays, custom_objects)
    history = nest.unpack(config["run"]["state"], arrays)["history"]
    _set_optimizer(trainer, config["optimizer"], arrays)
    trainer.history._set_state(history)
    trainer._run = run


def _read_run(config: Any, arrays: Found, custom_objects: Mapping[str, Any] | None) -> Run:
    state = nest.unpack(config["run"]["state"], arrays)
    epoch, stage, counter = state["place"]
    if stage not in ("begin", "steps", "end"):
        raise ValueError(f"the run stands at {stage!r}, which this version cannot read")
    for value in (epoch, counter):
        check_count(value, "place", 0)
    steps, rows, total = state["cursor"]
    batches, value = state["seen"]
    rate = state["rate"]
    if isinstance(rate, dict):
        rate = configs.revive(rate, custom_objects)
    return Run(
        place=Place(epoch, stage, counter, _core.Cursor(steps, rows, total)),
        settings=dict(state["settings"]),
        callbacks=None,
        states=[(str(name), dict(kept)) for name, kept in state["callbacks"]],
        in_hooks=rate is not None,
        rate=rate,
        stop_asked=bool(state["stop_asked"]),
        stopped=bool(state["stopped"]),
        finished=bool(state["finished"]),
        metrics=state["metrics"],
        seen=Seen(batches, value, value),
        numerics=int(config["numerics_version"]),
    )


def _set_optimizer(trainer: Any, config: Any, arrays: Found) -> None:
    optimizer, variables = trainer.optimizer, trainer.model.variables
    counts = config["slots"]
    if len(counts) != len(variables):
        raise ValueError(
            f"the optimizer has state of {len(counts)} weights, the model more or less"
        )
    for i, (variable, count) in enumerate(zip(variables, counts, strict=True)):
        if count >= 0:
            values = [np.asarray(arrays[f"optimizer.{i}.{j}"]) for j in range(count)]
            for value in values:
                if value.shape != tuple(variable.shape):
                    raise ValueError(f"the optimizer's state of weight {i} has shape {value.shape}")
            optimizer.core.set_slots(variable, values)
    optimizer.core.iterations = check_count(config["iterations"], "iterations", 0)
    excluded = [variables[check_count(i, "excluded", 0)] for i in config["excluded"]]
    optimizer.exclude_from_weight_decay(excluded, [str(n) for n in config["excluded_names"]])
