"""Every size, rate and position of the public API with numbers and things that are none."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import feedfwd as ff
import numpy as np
from robustness.bad_input import Case, World, gives, refused

VALUES: dict[str, Any] = {
    "0": 0,
    "-1": -1,
    "1.5": 1.5,
    "True": True,
    "np.True": np.bool_(True),
    "nan": math.nan,
    "inf": math.inf,
    "-inf": -math.inf,
    "2**31": 2**31,
    "2**63": 2**63,
    "10**400": 10**400,
    "10**5000": 10**5000,  # too long even to be printed
    "str": "3",
    "bytes": b"3",
    "None": None,
    "list": [],
    "complex": 3j,
    "np.int64": np.int64(3),
    "np.uint8": np.uint8(3),
    "np.float32": np.float32(0.5),
    "np.array": np.array([3, 4]),
}
Rule = Callable[[Any], type[Exception] | None]
Row = tuple[str, str, Callable[[World, Any], Any], Rule]
LARGEST = 2**63 - 1
SKIP = MemoryError  # what is legal but too large for a test


def whole(least: int = 1, most: int = LARGEST, none: bool = False) -> Rule:
    """An integer in a range; `none`: None is legal too."""

    def rule(v: Any) -> type[Exception] | None:
        if v is None and none:
            return None
        if isinstance(v, bool) or not isinstance(v, (int, np.integer)):
            return TypeError
        return None if least <= int(v) <= most else ValueError

    return rule


def real(
    low: float = -math.inf, high: float = math.inf, ends: str = "[]", none: bool = False
) -> Rule:
    """A finite number in an interval; `ends` are "[" or "(" and "]" or ")"."""

    def rule(v: Any) -> type[Exception] | None:
        if v is None and none:
            return None
        known = (int, float, np.integer, np.floating)
        if isinstance(v, bool) or not isinstance(v, known):
            return TypeError
        if (isinstance(v, int) and v > 2**1024) or not math.isfinite(v):
            return ValueError
        above = v > low if ends[0] == "(" else v >= low
        below = v < high if ends[1] == ")" else v <= high
        return None if above and below else ValueError

    return rule


def cases(rows: list[Row]) -> list[Case]:
    """All values for all rows."""
    made = []
    for name, argument, call, rule in rows:
        for label, value in VALUES.items():
            error = rule(value)
            if error is SKIP:
                continue
            title = f"{name}={label}"

            def run(w: World, call: Any = call, value: Any = value) -> Any:
                return call(w, value)

            if error is None:
                made.append(gives(title, run))
            else:
                made.append(refused(title, run, error, argument, "got", "expected"))
    return made


DENSE = ff.layers.Dense
CALLS = ff.callbacks
MODEL_ROWS: list[Row] = [
    ("Dense.units", "units", lambda w, v: DENSE(v), whole()),
    ("Dropout.rate", "rate", lambda w, v: ff.layers.Dropout(v), real(0, 1)),
    ("Dropout.seed", "seed", lambda w, v: ff.layers.Dropout(0.5, seed=v), whole(0, none=True)),
    ("Input.extent", "shape", lambda w, v: ff.Input((v,)), whole()),
    ("InputLayer.extent", "shape", lambda w, v: ff.layers.InputLayer((2, v)), whole()),
    (
        "Sequential.seed",
        "seed",
        lambda w, v: ff.Sequential([DENSE(1)], seed=v),
        whole(0, none=True),
    ),
    ("Trainer.shards", "shards", lambda w, v: ff.Trainer(w.model, loss="mse", shards=v), whole()),
    (
        "predict.batch_size",
        "batch_size",
        lambda w, v: w.model.predict(w.x, batch_size=v),
        whole(none=True),
    ),
    ("set_num_threads", "n", lambda w, v: threads(v), whole(1, 1024)),
]
FIT_ROWS: list[Row] = [
    ("fit.batch_size", "batch_size", lambda w, v: w.fit(batch_size=v), whole()),
    ("fit.epochs", "epochs", lambda w, v: w.fit(epochs=v, callbacks=[Stop()]), whole(0)),
    ("fit.initial_epoch", "initial_epoch", lambda w, v: w.fit(initial_epoch=v), whole(0)),
    (
        "fit.validation_freq",
        "validation_freq",
        lambda w, v: w.fit(validation_freq=v, validation_data=(w.x, w.y)),
        whole(),
    ),
    (
        "fit.validation_split",
        "validation_split",
        lambda w, v: w.fit(validation_split=v),
        real(0, 1, "[)"),
    ),
    (
        "evaluate.batch_size",
        "batch_size",
        lambda w, v: w.trainer.evaluate(w.x, w.y, batch_size=v),
        whole(none=True),
    ),
]
CALLBACK_ROWS: list[Row] = [
    ("EarlyStopping.patience", "patience", lambda w, v: CALLS.EarlyStopping(patience=v), whole(0)),
    ("EarlyStopping.min_delta", "min_delta", lambda w, v: CALLS.EarlyStopping(min_delta=v), real()),
    (
        "EarlyStopping.baseline",
        "baseline",
        lambda w, v: CALLS.EarlyStopping(baseline=v),
        real(none=True),
    ),
    (
        "EarlyStopping.start",
        "start_from_epoch",
        lambda w, v: CALLS.EarlyStopping(start_from_epoch=v),
        whole(0),
    ),
    (
        "ReduceLROnPlateau.factor",
        "factor",
        lambda w, v: CALLS.ReduceLROnPlateau(factor=v),
        real(0, 1, "()"),
    ),
    (
        "ReduceLROnPlateau.patience",
        "patience",
        lambda w, v: CALLS.ReduceLROnPlateau(patience=v),
        whole(0),
    ),
    (
        "ReduceLROnPlateau.cooldown",
        "cooldown",
        lambda w, v: CALLS.ReduceLROnPlateau(cooldown=v),
        whole(0),
    ),
    (
        "ReduceLROnPlateau.min_delta",
        "min_delta",
        lambda w, v: CALLS.ReduceLROnPlateau(min_delta=v),
        real(),
    ),
    ("ReduceLROnPlateau.min_lr", "min_lr", lambda w, v: CALLS.ReduceLROnPlateau(min_lr=v), real(0)),
]


class Stop(ff.callbacks.Callback):
    """Ends a fit after its first epoch."""

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.trainer.stop_training = True


def threads(n: Any) -> None:
    """set_num_threads, undone."""
    before = ff.get_num_threads()
    try:
        ff.set_num_threads(n)
    finally:
        ff.set_num_threads(before)


CASES = cases([*MODEL_ROWS, *FIT_ROWS, *CALLBACK_ROWS])
