"""A folder for the files of the cases, gone when the tests end."""

from __future__ import annotations

import atexit
import functools
import itertools
import os
import shutil
import tempfile

import feedfwd as ff
import numpy as np

_numbers = itertools.count()


@functools.cache
def folder() -> str:
    path = tempfile.mkdtemp(prefix="feedfwd-files-")
    atexit.register(shutil.rmtree, path, True)
    return path


def fresh() -> str:
    """A path where nothing is."""
    return os.path.join(folder(), f"file{next(_numbers)}")


def written(content: bytes) -> str:
    """The path of a new file."""
    path = fresh()
    with open(path, "wb") as file:
        file.write(content)
    return path


def small_model() -> ff.Sequential:
    return ff.Sequential([ff.Input((1,)), ff.layers.Dense(1)], seed=1)


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


@functools.cache
def bytes_of_model() -> bytes:
    """What save writes of the smallest model."""
    path = fresh()
    small_model().save(path)
    return _read(path)


@functools.cache
def bytes_of_run() -> bytes:
    """What Trainer.save writes of the smallest fit."""
    path = fresh()
    trainer = ff.Trainer(small_model(), "sgd", loss="mse")
    trainer.fit(np.ones((4, 1)), np.ones(4), verbose=0)
    trainer.save(path)
    return _read(path)
