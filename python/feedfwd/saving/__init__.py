"""Files: models and runs, in one safetensors file each.

A file holds numbers and a configuration of plain values: no pickle, no code, no module name. It is
written beside its target and renamed over it, and read only if all of it verifies.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from feedfwd import _core
from feedfwd.layers import configs
from feedfwd.model import Model
from feedfwd.saving import atomic, container, models, nest

FORMAT = "feedfwd"
VERSION = "1"


def save_model(
    model: Model, path: str | os.PathLike[str], notes: dict[str, Any] | None = None
) -> None:
    """Write a model, see :meth:`feedfwd.Model.save`, and notes: plain values that
    :func:`load_notes` gives back.
    """
    arrays: dict[str, NDArray[Any]] = {}
    target = atomic.check_path(path)
    more = {} if notes is None else {"notes": notes}
    write(target, {"model": models.describe(model, arrays), **more}, arrays)


def load_notes(path: str | os.PathLike[str]) -> dict[str, Any] | None:
    """The notes of a model file, None where it has none; errors as in :func:`load_model`."""
    notes = load(path, lambda config, _: config.get("notes"))
    if notes is not None and not isinstance(notes, dict):
        raise ValueError(f"{os.fspath(path)}: the notes are no JSON object")
    return notes


def load_model(
    path: str | os.PathLike[str],
    custom_objects: Mapping[str, Any] | None = None,
    device: str | None = None,
) -> Model:
    """Load the model of a file that ``model.save``, ``trainer.save`` or a checkpoint wrote.

    Nothing in the file names code to import: classes of your own come from ``custom_objects``.
    Where the file does not verify and a checkpoint's older one stands beside it
    (``<path>.previous``), that one is loaded, with a warning.

    Args:
        path: the file.
        custom_objects: names and the classes or functions they stand for in this file.
        device: ``"cpu"``, ``"cuda"`` or ``"auto"``; default: as saved.

    Returns:
        The Model, with the weights it was saved with.

    Raises:
        FileNotFoundError, PermissionError, IsADirectoryError, OSError: what the system says.
        TypeError: ``path`` is no path.
        ValueError: the file is damaged or no such file, or names an unknown class.

    Example:
        >>> import os, tempfile, numpy as np, feedfwd as ff
        >>> model = ff.Sequential([ff.Input((3,)), ff.layers.Dense(2)], seed=0)
        >>> path = os.path.join(tempfile.mkdtemp(), "m.safetensors")
        >>> model.save(path)
        >>> same = ff.load_model(path)
        >>> np.array_equal(same.predict(np.ones((1, 3))), model.predict(np.ones((1, 3))))
        True

    Source: the format is that of github.com/huggingface/safetensors.
    """

    def make(config: Any, arrays: Mapping[str, NDArray[Any]]) -> Model:
        return models.rebuild(config.get("model"), arrays, custom_objects, device)

    configs.check_custom_objects(custom_objects)
    if device is not None:
        _core.check_device(device)
    model: Model = load(path, make)
    return model


def write(
    path: str, config: Any, arrays: Mapping[str, NDArray[Any]], keep_previous: bool = False
) -> None:
    """Write a configuration and its arrays."""
    metadata = {
        "format": FORMAT,
        "format_version": VERSION,
        "feedfwd_version": _core.__version__,
        "numerics_version": str(_core.numerics_version),
        "config": nest.dump(config),
    }
    container.write(path, arrays, metadata, keep_previous)


def load(path: str | os.PathLike[str], make: Any, callers: int = 3) -> Any:
    """make(configuration, arrays) of the file, or of the checkpoint before it; `callers` is how
    far up the user's line is.
    """
    first = atomic.check_path(path)
    try:
        return _load(first, make)
    except (ValueError, FileNotFoundError) as error:
        older = first + atomic.PREVIOUS
        if not os.path.exists(older):
            raise
        try:
            found = _load(older, make)
        except (ValueError, OSError):
            raise error from None
        text = f"{error}; loaded the checkpoint before it, {older}"
        warnings.warn(text, RuntimeWarning, stacklevel=callers)
        return found


def _load(path: str, make: Any) -> Any:
    arrays, metadata = container.read(path)
    try:
        if metadata.get("format") != FORMAT or "config" not in metadata:
            raise ValueError("the file was not written by feedfwd")
        if metadata.get("format_version") != VERSION:
            raise ValueError(
                f"the file has format version {metadata.get('format_version')}, "
                f"expected {VERSION}; it was written by feedfwd {metadata.get('feedfwd_version')}"
            )
        config = nest.load(metadata["config"])
        if not isinstance(config, dict):
            raise ValueError("the configuration is no JSON object")
        config["numerics_version"] = metadata.get("numerics_version")
        return make(config, {k: np.asarray(v) for k, v in arrays.items()})
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
