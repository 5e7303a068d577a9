"""Data files as what a network is trained on, and how that is done again when predicting."""

from __future__ import annotations

import pathlib
import sys
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from feedfwd import _core, datasets, readers, tables
from feedfwd.readers import Columns
from feedfwd.tables import Table, Target, take

Array = NDArray[Any]
_AT_ONCE = 4096
Part = tuple[Array, Array]


class Source(NamedTuple):
    """What a path holds: a table, or arrays with rows first."""

    table: Columns | None = None
    x: Array | None = None
    y: Array | None = None
    test: Part | None = None


def read(path: str | None, options: Any) -> Source:
    """Whatever is at the path; None: the embedded digits."""
    if path is None:
        (x, y), test = datasets.digits()
        return Source(x=x, y=y, test=test)
    found = readers.check_path(path, "data")
    if found.is_dir():
        (x, y), test = datasets.load_idx(found)
        return Source(x=x, y=y, test=test)
    if found.suffix.lower() == ".npz":
        return _npz(found)
    known = (".csv", ".tsv", ".tab", ".txt", ".parquet", ".pq")
    ending = "".join(s for s in found.suffixes[-2:] if s != ".gz").lower()
    if not ending.endswith(known):
        raise ValueError(
            f"{path}: got a file that ends with {found.suffix or 'nothing'!r}, expected .npz, "
            f"{', '.join(known)} or a folder of IDX files"
        )
    return Source(table=readers.read_table(found, not options.no_header, options.delimiter))


def _npz(path: pathlib.Path) -> Source:
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
    except (ValueError, EOFError, KeyError) as error:
        raise ValueError(f"{path}: not a .npz file of numbers: {error}") from None
    except Exception as error:  # zipfile.BadZipFile, zlib.error
        if isinstance(error, (OSError, MemoryError)):
            raise
        raise ValueError(f"{path}: the .npz file is damaged: {error}") from None
    x = arrays.get("x", arrays.get("x_train"))
    y = arrays.get("y", arrays.get("y_train"))
    if x is None:
        names = ", ".join(arrays) or "nothing"
        raise ValueError(f"{path}: got {names}, expected the arrays x and y")
    if x.ndim < 2 or len(x) == 0 or x.dtype.kind not in "biuf":
        raise ValueError(f"{path}: x: got {x.dtype} {x.shape}, expected numbers, rows first")
    if y is not None and ((y.ndim != 1 and y.shape != (len(x), 1)) or len(y) != len(x)):
        raise ValueError(f"{path}: y: got shape {y.shape}, expected ({len(x)},)")
    return Source(x=x, y=None if y is None else y.ravel(), test=_test_part(arrays, x.shape[1:]))


def _test_part(arrays: dict[str, Array], shape: tuple[int, ...]) -> Part | None:
    x, y = arrays.get("x_test"), arrays.get("y_test")
    if x is None or y is None or x.shape[1:] != shape or len(x) != y.size or len(x) == 0:
        return None
    return x, y.ravel()


class Preparation:
    """What is done to data before the network sees them; its state travels with the model."""

    def __init__(self, target: Target, table: Table | None, images: dict[str, Any] | None) -> None:
        self.target, self.table, self.images = target, table, images

    def state(self) -> dict[str, Any]:
        """In strings, numbers, lists and dicts."""
        table = None if self.table is None else self.table.state()
        return {"target": self.target.state(), "table": table, "arrays": self.images}

    @classmethod
    def from_state(cls, state: Any) -> Preparation:
        """From a model file; ValueError for no such state."""
        if not isinstance(state, dict) or (state.get("table") is None) == (
            state.get("arrays") is None
        ):
            raise ValueError("the model file's notes hold no preparation")
        table = None if state["table"] is None else Table.from_state(state["table"])
        images = None if table is not None else _checked_scaling(state["arrays"])
        return cls(Target.from_state(state.get("target")), table, images)

    @property
    def inputs(self) -> int:
        """How many numbers the network sees of a row."""
        return len(self.table.names()) if self.table is not None else len(self.images["mean"])  # type: ignore[index]

    def encode(self, source: Source) -> Array:
        """The network's input (n, inputs) float64, with a line for what training had not seen."""
        if self.table is not None:
            if source.table is None:
                raise ValueError("data: got arrays, but the model was trained on a table")
            x = self.table.encode(source.table)
            for name, count in self.table.unknown.items():
                text = f"{name}: {count} row{'s' * (count != 1)} with a value not seen in training"
                print(f"feedfwd: note: {text}", file=sys.stderr)
            return x
        if source.x is None:
            source = source._replace(x=all_numbers(source.table, self.inputs, self.target.name))
        return self.scale(source.x)

    def scale(self, x: Any) -> Array:
        """Arrays, flattened to rows of numbers."""
        rows = np.asarray(x).reshape(len(x), -1)
        if rows.shape[1] != self.inputs:
            raise ValueError(f"x: got {rows.shape[1]} numbers a row, expected {self.inputs}")
        assert self.images is not None
        mean, scale = (np.array(self.images[k]) for k in ("mean", "scale"))
        scaled = np.empty(rows.shape, np.float32)
        for first in range(0, len(rows), _AT_ONCE):  # float64 of all images at once is a lot
            part = slice(first, first + _AT_ONCE)
            scaled[part] = (rows[part] - mean) / scale
        return scaled

    def labels(self, source: Source) -> Array:
        """The targets, as the network is trained on them."""
        if source.table is not None:
            return self.target.encode(source.table)
        if source.y is None:
            raise ValueError("data: got no y, expected the targets")
        return self.target.encode(_as_table(source.y, self.target.name))


def _as_table(y: Array, name: str) -> Columns:
    text = y.dtype.kind in "OUS"
    made = Columns({name: [str(v) for v in y.tolist()] if text else y.astype(np.float64)})
    made.rows = len(y)
    return made


def all_numbers(table: Columns | None, wanted: int, target: str) -> Array:
    """A table of `wanted` columns of numbers, besides the target's if there is one more."""
    assert table is not None
    names = [name for name in table if name != target or len(table) == wanted]
    if len(names) != wanted:
        raise ValueError(f"data: got {len(names)} columns, expected {wanted}")
    columns = [readers.numbers(table, name) for name in names]
    for name, column in zip(names, columns, strict=True):
        if column is None or np.isnan(column).any():
            raise ValueError(f"column {name!r}: got text or gaps, expected a number in each row")
    return np.stack([c for c in columns if c is not None], axis=1)


def _scaling(x: Array) -> dict[str, Any]:
    """Integers by their largest, as pixels; other numbers standardised."""
    rows = x.reshape(len(x), -1)
    if x.dtype.kind in "bu":
        largest = float(rows.max()) or 1.0
        return {"mean": [0.0] * rows.shape[1], "scale": [largest] * rows.shape[1]}
    if not np.isfinite(rows).all():
        raise ValueError("x: got NaN or Inf; a table (CSV, Parquet) may have gaps, arrays may not")
    found = [tables.mean_and_scale(c.astype(np.float64), str(i)) for i, c in enumerate(rows.T)]
    return {"mean": [m for m, _ in found], "scale": [s or 1.0 for _, s in found]}


def _checked_scaling(state: Any) -> dict[str, Any]:
    if isinstance(state, dict) and all(isinstance(state.get(k), list) for k in ("mean", "scale")):
        values = [*state["mean"], *state["scale"]]
        plain = all(isinstance(v, float) and np.isfinite(v) for v in values)
        if plain and len(state["mean"]) == len(state["scale"]) > 0 and min(state["scale"]) > 0:
            return {"mean": state["mean"], "scale": state["scale"]}
    raise ValueError("the model file's notes hold no scaling of arrays")


class Prepared(NamedTuple):
    """Parts to train on, to validate on, and to test on where there are."""

    train: Part
    validation: Part | None
    test: Part | None
    preparation: Preparation
    notes: list[str]


def prepare(source: Source, options: Any) -> Prepared:
    """Shuffle by the seed, split, learn the preparation from the training rows, apply it."""
    notes: list[str] = []
    if source.table is not None:
        name, table = _target_of(source.table, options.target), source.table
        given = readers.texts(table, name)
        kept = np.array([i for i, v in enumerate(given) if v is not None], np.int64)
        if len(kept) < len(given):
            notes.append(f"{len(given) - len(kept)} rows without a target are left out")
            table = take(table, kept)
        source = source._replace(table=table)
        count = table.rows
    else:
        if options.target is not None:
            raise ValueError("target: only a table has columns; arrays have y")
        if source.y is None or source.x is None:
            raise ValueError("data: got no y, expected the arrays x and y")
        name, count = "y", len(source.x)
    if count < 2:
        raise ValueError(f"data: got {count} rows with a target, expected at least 2")
    order = _core.shuffled(count, options.seed, 0)
    share = options.validation_split
    held = min(max(1, round(share * count)), count - 1) if share else 0
    parts = [order[: count - held], order[count - held :]]
    whole = source.table if source.table is not None else _as_table(source.y, name)  # type: ignore[arg-type]
    target = Target(whole, name, options.task)
    made = _preparation(source, target, parts[0])
    encoded = [_part(made, source, rows) for rows in parts]
    test = None
    if source.test is not None:
        x, y = source.test
        test = made.encode(Source(x=x)), made.labels(Source(y=y))
    if made.table is not None:
        notes += [f"column {n!r} is left out: {why}" for n, why in made.table.left_out.items()]
    return Prepared(encoded[0], encoded[1] if held else None, test, made, notes)


def _target_of(table: Columns, wanted: str | None) -> str:
    if wanted is None:
        few = ", ".join(list(table)[:12])
        raise ValueError(f"target: missing; expected --target with one of the columns {few}")
    return tables.column_name(table, wanted, "target")


def _preparation(source: Source, target: Target, rows: NDArray[np.int64]) -> Preparation:
    if source.table is None:
        assert source.x is not None and source.y is not None
        if target.task == "regression":
            target = Target(_as_table(source.y[rows], target.name), target.name, "regression")
        return Preparation(target, None, _scaling(source.x[rows]))
    training = take(source.table, rows)
    if target.task == "regression":
        target = Target(training, target.name, "regression")
    return Preparation(target, Table(training, [n for n in training if n != target.name]), None)


def _part(made: Preparation, source: Source, rows: NDArray[np.int64]) -> Part:
    if source.table is not None:
        source = Source(table=take(source.table, rows))
    elif source.x is not None and source.y is not None:
        source = Source(x=source.x[rows], y=source.y[rows])
    if len(rows) == 0:
        return np.empty(0), np.empty(0)
    return made.encode(source), made.labels(source)
