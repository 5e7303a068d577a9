"""Fits that the scripts interrupt: every optimizer, dropout, schedules, callbacks, validation."""

from __future__ import annotations

import pathlib
from typing import Any

import feedfwd as ff
import numpy as np
from common import digest

RNG = np.random.default_rng(11)
X = RNG.normal(size=(330, 6))
LABELS = (X[:, 0] > 0).astype(np.int64) + (X[:, 1] > 0.3)
HELD = RNG.normal(size=(90, 6))
HELD_LABELS = (HELD[:, 0] > 0).astype(np.int64) + (HELD[:, 1] > 0.3)
EPOCHS = 12
BATCH = 16

schedules = ff.optimizers.schedules
OPTIMIZERS = {
    "sgd": lambda: ff.optimizers.SGD(0.05, momentum=0.9, nesterov=True),
    "adam": lambda: ff.optimizers.Adam(schedules.CosineDecay(0.02, 200)),
    "adamw": lambda: ff.optimizers.AdamW(0.01, weight_decay=0.02, clipnorm=1.0),
    "rmsprop": lambda: ff.optimizers.RMSprop(0.005, momentum=0.5, centered=True),
    "adagrad": lambda: ff.optimizers.Adagrad(schedules.ExponentialDecay(0.1, 50, 0.9)),
    "adadelta": lambda: ff.optimizers.Adadelta(1.0),
}
WAYS = ("plain", "stopping", "generator", "unshuffled")


def names() -> list[str]:
    """Every optimizer, the ways in turn."""
    found = [f"{o}-{w}" for o in OPTIMIZERS for w in WAYS]
    return sorted(found, key=lambda n: (WAYS.index(n.split("-")[1]) + hash_of(n)) % 7)


def hash_of(name: str) -> int:
    """The same in every process."""
    return sum(map(ord, name))


def trainer_of(name: str) -> ff.Trainer:
    """A fresh trainer."""
    dropout = 0.3 if name.endswith(("plain", "stopping")) else 0.0
    layers = [
        ff.Input((6,)),
        ff.layers.Dense(12, activation="gelu"),
        ff.layers.Dropout(dropout),
        ff.layers.Dense(3),
    ]
    loss = ff.losses.SparseCategoricalCrossentropy(from_logits=True)
    optimizer = OPTIMIZERS[name.split("-")[0]]()
    return ff.Trainer(ff.Sequential(layers, seed=3), optimizer, loss, metrics=["accuracy"])


class Batches:
    """Data that come batch by batch, the same in every epoch."""

    def __iter__(self) -> Any:
        for at in range(0, len(X), BATCH):
            yield X[at : at + BATCH], LABELS[at : at + BATCH]


def fit(
    trainer: ff.Trainer, name: str, callbacks: Any = (), epochs: int = EPOCHS, **options: Any
) -> ff.callbacks.History:
    """The fit of that name, whole or what is left of it."""
    way = name.split("-")[1]
    asked: list[Any] = list(callbacks)
    if way == "stopping":
        asked.append(ff.callbacks.EarlyStopping("val_loss", 0.01, 2, restore_best_weights=True))
        if not name.startswith(("adam-", "adagrad")):  # those have a schedule
            asked.append(ff.callbacks.ReduceLROnPlateau("val_loss", factor=0.5, patience=1))
    settings: dict[str, Any] = {"epochs": epochs, "verbose": 0, "callbacks": asked, **options}
    if way == "generator":
        return trainer.fit(Batches(), validation_data=(HELD, HELD_LABELS), **settings)
    settings.update(batch_size=BATCH, shuffle=way != "unshuffled")
    if way == "stopping":
        settings["validation_split"] = 0.2
    return trainer.fit(X, LABELS, **settings)


def result(trainer: ff.Trainer) -> str:
    """Weights, history and the optimizer's counter, as bits."""
    history = trainer.history.history
    arrays = [*trainer.model.get_weights(), *(np.asarray(history[k]) for k in sorted(history))]
    return f"{digest(arrays)} {int(trainer.optimizer.iterations)} {len(history['loss'])}"


def whole(name: str) -> str:
    """What the fit gives when nothing interrupts it."""
    trainer = trainer_of(name)
    fit(trainer, name)
    return result(trainer)


def checkpoint(path: pathlib.Path, every: int | str) -> ff.callbacks.ModelCheckpoint:
    """A checkpoint every so many steps."""
    return ff.callbacks.ModelCheckpoint(str(path), monitor="loss", save_freq=every)
