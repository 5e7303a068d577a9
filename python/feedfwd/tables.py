"""Tables as a network's input: numbers standardised, categories one-hot, gaps filled and marked.

What is learned from the training rows (means, scales, categories) is a plain state that travels
with the model.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from feedfwd.arguments import shown
from feedfwd.floating import nearest
from feedfwd.readers import Columns, as_number, numbers, texts

MOST_CATEGORIES = 256
Floats = NDArray[np.float64]


def column_name(table: Columns, wanted: Any, argument: str) -> str:
    """The name of the column with that name or index.

    Raises:
        ValueError: there is none.
    """
    names = list(table)
    if isinstance(wanted, str) and wanted in table:
        return wanted
    text = str(wanted)
    if not isinstance(wanted, bool) and text.lstrip("-").isdigit() and abs(int(text)) <= len(names):
        index = int(text)
        if -len(names) <= index < len(names):
            return names[index]
    few = ", ".join(names[:12]) + (", ..." if len(names) > 12 else "")
    raise ValueError(f"{argument}: got {shown(wanted)}, expected one of the columns {few}")


@nearest
def mean_and_scale(values: Floats, name: str) -> tuple[float, float]:
    """Mean and standard deviation, the sums correctly rounded: NumPy's depend on the machine.

    Raises:
        ValueError: numbers so large that their squares overflow.
    """
    try:
        mean = math.fsum(values.tolist()) / len(values)
        centred = (values - mean).tolist()
        scale = math.sqrt(math.fsum(v * v for v in centred) / len(values))
    except OverflowError:
        scale = math.inf
    if not math.isfinite(scale):
        raise ValueError(f"column {name!r}: the numbers are too large to be standardised")
    return mean, scale


class Table:
    """Columns of numbers and of text, as an input of a network.

    A number ``v`` becomes ``(v - mean) / standard deviation``, both over the training rows; where
    it is missing it becomes 0, and if any was missing in training, a second column holds 1 there
    and 0 elsewhere. Text of k values becomes k columns, one of them 1; missing text is a value of
    its own where there was any in training; a value not seen in training is all zeros. Left out are
    columns that are constant, empty, or text with more than 256 values or nearly one for each row.

    Args:
        table: the training rows, from :func:`feedfwd.readers.read_table`.
        names: the columns to use; default: all.

    Raises:
        ValueError: nothing is left, or numbers that are infinite or too large.

    Example:
        >>> import pathlib, tempfile
        >>> from feedfwd import readers, tables
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "t.csv"
        >>> _ = path.write_text("size,colour\\n1,red\\n3,blue\\n")
        >>> columns = readers.read_table(path)
        >>> table = tables.Table(columns)
        >>> table.encode(columns).tolist()
        [[-1.0, 0.0, 1.0], [1.0, 1.0, 0.0]]
        >>> table.names()
        ['size', 'colour=blue', 'colour=red']
    """

    def __init__(self, table: Columns, names: list[str] | None = None) -> None:
        self.columns: list[dict[str, Any]] = []
        self.left_out: dict[str, str] = {}
        for name in list(table) if names is None else names:
            values = numbers(table, name)
            made = _category(table, name) if values is None else _number(values, name)
            if isinstance(made, str):
                self.left_out[name] = made
            else:
                self.columns.append({"name": name, **made})
        if not self.columns:
            raise ValueError("the table has no column left to learn from")
        self.unknown: dict[str, int] = {}

    @classmethod
    def from_state(cls, state: Any) -> Table:
        """The table whose :meth:`state` this is.

        Raises:
            ValueError: no such state.
        """
        table = cls.__new__(cls)
        table.columns, table.left_out, table.unknown = [], {}, {}
        if not isinstance(state, list) or not state:
            raise ValueError("the table's state holds no columns")
        for column in state:
            table.columns.append(_checked(column))
        return table

    def state(self) -> list[dict[str, Any]]:
        """What was learned, in strings, numbers and lists."""
        return [dict(column) for column in self.columns]

    def names(self) -> list[str]:
        """What each column of the encoded rows stands for."""
        found = []
        for column in self.columns:
            if column["kind"] == "number":
                found.append(column["name"])
                found += [f"{column['name']} missing"] * column["filled"]
            else:
                found += [
                    f"{column['name']}={'missing' if v is None else v}" for v in column["values"]
                ]
        return found

    def counts(self) -> dict[str, int]:
        """How many columns of each kind there are."""
        kinds = [column["kind"] for column in self.columns]
        return {kind: kinds.count(kind) for kind in ("number", "category")}

    @nearest
    def encode(self, table: Columns) -> Floats:
        """The rows as numbers (n, len(names())); ``unknown`` counts values not seen in training.

        Raises:
            ValueError: a column is not there, or holds text where training had numbers.
        """
        self.unknown = {}
        parts: list[Floats] = []
        for column in self.columns:
            name = column["name"]
            if name not in table:
                raise ValueError(
                    f"the column {name!r}, which the model was trained with, is missing"
                )
            encode = _encode_number if column["kind"] == "number" else self._encode_category
            parts += encode(table, column)
        return np.stack(parts, axis=1)

    def _encode_category(self, table: Columns, column: dict[str, Any]) -> list[Floats]:
        place = {value: i for i, value in enumerate(column["values"])}
        found = np.array([place.get(v, -1) for v in texts(table, column["name"])])
        unknown = int((found < 0).sum())
        if unknown:
            self.unknown[column["name"]] = unknown
        return [(found == i).astype(np.float64) for i in range(len(place))]


def _number(values: Floats, name: str) -> dict[str, Any] | str:
    known = values[~np.isnan(values)]
    if len(known) == 0:
        return "empty"
    mean, scale = mean_and_scale(known, name)
    filled = len(known) < len(values)
    if known.min() == known.max():
        if not filled:
            return "the same number in every row"
        scale = 1.0
    return {"kind": "number", "mean": mean, "scale": scale, "filled": filled}


def _category(table: Columns, name: str) -> dict[str, Any] | str:
    found = texts(table, name)
    values: list[str | None] = [*sorted({v for v in found if v is not None})]
    if len(values) > max(20, len(found) // 2):
        return f"text with {len(values)} values in {len(found)} rows"
    if len(values) > MOST_CATEGORIES:
        return f"text with {len(values)} values, more than {MOST_CATEGORIES}"
    if None in found:
        values.append(None)
    return (
        {"kind": "category", "values": values} if len(values) > 1 else "the same text in every row"
    )


def _encode_number(table: Columns, column: dict[str, Any]) -> list[Floats]:
    values = numbers(table, column["name"])
    if values is None:
        cells = enumerate(texts(table, column["name"]))
        row, cell = next((i, c) for i, c in cells if c is not None and as_number(c) is None)
        raise ValueError(
            f"column {column['name']!r}, {table.where(row)}: got {shown(cell)}, expected a number"
        )
    missing = np.isnan(values)
    with np.errstate(over="ignore"):
        scaled = np.where(missing, 0.0, (values - column["mean"]) / column["scale"])
    if not np.isfinite(scaled).all():
        raise ValueError(f"column {column['name']!r}: a number is too large to be standardised")
    return [scaled, missing.astype(np.float64)] if column["filled"] else [scaled]


def _checked(column: Any) -> dict[str, Any]:
    """A column of a state, which may come from a hostile file."""
    known = isinstance(column, dict) and isinstance(column.get("name"), str)
    if known and column.get("kind") == "number":
        mean, scale = column.get("mean"), column.get("scale")
        fits = all(isinstance(v, float) and math.isfinite(v) for v in (mean, scale))
        if fits and scale > 0 and isinstance(column.get("filled"), bool):
            return dict(column)
    if known and column.get("kind") == "category":
        values = column.get("values")
        fits = isinstance(values, list) and all(v is None or isinstance(v, str) for v in values)
        if fits and 0 < len(values) == len(set(values)):
            return dict(column)
    raise ValueError(f"the table's state holds {shown(column)}, expected a column")


class Target:
    """What is predicted: one of some classes, or a number that is standardised for training.

    Args:
        table: the training rows.
        name: the target's column; it has no gaps.
        task: ``"classification"``, ``"regression"``, or None: regression where the column holds
            numbers that are not all integers, or more than 20 different ones.

    Raises:
        ValueError: a single class, text for a regression, or a constant number.
    """

    def __init__(self, table: Columns, name: str, task: str | None = None) -> None:
        values = numbers(table, name)
        distinct: Floats = np.unique(values) if values is not None else np.empty(0)
        if task is None:
            whole = values is not None and bool(np.all(distinct == np.floor(distinct)))
            classes = values is None or (whole and len(distinct) <= 20)
            task = "classification" if classes else "regression"
        self.name, self.task = name, task
        self.classes: list[str] = []
        self.mean, self.scale = 0.0, 1.0
        if task == "classification":
            self.classes = _classes(texts(table, name))
            if len(self.classes) < 2:
                raise ValueError(
                    f"target {name!r}: got one class, {self.classes}, expected two or more"
                )
        elif values is None:
            raise ValueError(f"target {name!r}: got text, which cannot be a regression's target")
        else:
            self.mean, self.scale = mean_and_scale(values, name)
            if self.scale == 0:
                raise ValueError(f"target {name!r}: the same number in every row")

    @classmethod
    def from_state(cls, state: Any) -> Target:
        """The target whose :meth:`state` this is; ValueError for no such state."""
        target = cls.__new__(cls)
        if not isinstance(state, dict) or not isinstance(state.get("name"), str):
            raise ValueError("the target's state names no column")
        target.name, target.task = state["name"], state.get("task", "")
        classes, mean, scale = state.get("classes"), state.get("mean"), state.get("scale")
        texts_only = isinstance(classes, list) and all(isinstance(c, str) for c in classes)
        finite = all(isinstance(v, float) and math.isfinite(v) for v in (mean, scale))
        fits = texts_only and finite and float(scale) > 0  # type: ignore[arg-type]
        if not fits or target.task not in ("classification", "regression"):
            raise ValueError(f"the target's state holds {shown(state)}")
        target.classes = list(classes)  # type: ignore[arg-type]
        if target.task == "classification" and len(set(target.classes)) < 2:
            raise ValueError("the target's state holds fewer than two classes")
        target.mean, target.scale = float(mean), float(scale)  # type: ignore[arg-type]
        return target

    def state(self) -> dict[str, Any]:
        """What was learned, in strings, numbers and lists."""
        return {
            "name": self.name,
            "task": self.task,
            "classes": list(self.classes),
            "mean": float(self.mean),
            "scale": float(self.scale),
        }

    @nearest
    def encode(self, table: Columns) -> NDArray[Any]:
        """Labels (n,) int64, or standardised numbers (n, 1).

        Raises:
            ValueError: the column is not there, has gaps, or holds a class not seen in training.
        """
        if self.name not in table:
            raise ValueError(f"the target column {self.name!r} is missing")
        if self.task == "regression":
            values = numbers(table, self.name)
            if values is None or np.isnan(values).any():
                raise ValueError(
                    f"target {self.name!r}: got text or gaps, expected a number in each row"
                )
            return ((values - self.mean) / self.scale)[:, None]
        place: dict[Any, int] = {_meaning(label): i for i, label in enumerate(self.classes)}
        found = [place.get(_meaning(label), -1) for label in texts(table, self.name)]
        if -1 in found:
            row = found.index(-1)
            few = ", ".join(self.classes[:12])
            raise ValueError(
                f"target {self.name!r}, {table.where(row)}: "
                f"got {shown(texts(table, self.name)[row])}, expected one of the classes {few}"
            )
        return np.array(found, np.int64)

    @nearest
    def decode(self, outputs: NDArray[Any]) -> NDArray[np.float64]:
        """Predicted numbers (n,) in the target's units."""
        return outputs[:, 0].astype(np.float64) * self.scale + self.mean


def _meaning(label: str | None) -> float | str | None:
    """What labels are compared by: "1" and "1.0" are one class."""
    value = None if label is None else as_number(label)
    return label if value is None or value != value else value


def _classes(labels: list[str | None]) -> list[str]:
    """The different labels, numbers first and by value; of one number's spellings the shortest."""
    found: dict[Any, str] = {}
    for label in labels:
        if label is not None:
            meaning = _meaning(label)
            found[meaning] = min(found.get(meaning, label), label, key=lambda t: (len(t), t))
    return [found[m] for m in sorted(found, key=lambda m: (isinstance(m, str), m))]


def take(table: Columns, rows: NDArray[np.int64]) -> Columns:
    """Some rows of a table, in that order."""
    picked = Columns()
    index = rows.tolist()
    for name, column in table.items():
        picked[name] = [column[i] for i in index] if isinstance(column, list) else column[rows]
    picked.rows = len(index)
    picked.lines = None if table.lines is None else [table.lines[i] for i in index]
    return picked
