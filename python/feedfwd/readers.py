"""Tables and images from files: CSV, Parquet, IDX. Every size is checked before memory is taken."""

from __future__ import annotations

import contextlib
import csv
import gzip
import io
import os
import pathlib
import struct
from collections.abc import Iterator
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from feedfwd.arguments import shown

# A cell that says that nothing is known.
MISSING = frozenset({"", "na", "n/a", "nan", "null", "none", "?"})
Column = list[str] | NDArray[np.float64]  # cells as text, or numbers with NaN where there is none


class Columns(dict[str, Column]):
    """The columns of a table by name, of equal length; lines[i] is row i's line in the file."""

    rows = 0
    lines: list[int] | None = None

    def where(self, row: int) -> str:
        """The row, in words for a message."""
        return f"row {row + 1}" if self.lines is None else f"line {self.lines[row]}"


def check_path(path: Any, name: str = "path") -> pathlib.Path:
    """A path to a file or folder that is there.

    Raises:
        TypeError: no path.
        FileNotFoundError: nothing is there.
    """
    try:
        text = os.fspath(path)
        found = pathlib.Path(text if isinstance(text, str) else os.fsdecode(text))
        there = found.exists()
    except TypeError:
        kind = type(path).__name__
        raise TypeError(f"{name}: got {kind}, expected a string or a path") from None
    except ValueError as error:
        raise ValueError(f"{name}: got {shown(path)}: {error}") from None
    if not there:
        raise FileNotFoundError(2, "No such file or directory", str(found))
    return found


@contextlib.contextmanager
def opened(path: pathlib.Path) -> Iterator[IO[bytes]]:
    """The bytes of a file, unpacked where its name ends with .gz; ValueError where that fails."""
    if path.is_dir():
        raise IsADirectoryError(21, "Is a directory", str(path))
    if not path.is_file():
        raise ValueError(f"{path}: not a file")
    if path.suffix != ".gz":
        with path.open("rb") as file:
            yield file
        return
    try:
        with gzip.open(path, "rb") as file:
            yield file  # type: ignore[misc]
    except (gzip.BadGzipFile, EOFError) as error:
        raise ValueError(f"{path}: the gzip file is damaged: {error}") from None
    except Exception as error:  # zlib.error, without an import of zlib for its name
        if type(error).__name__ != "error":
            raise
        raise ValueError(f"{path}: the gzip file is damaged: {error}") from None


def read_table(
    path: str | os.PathLike[str], header: bool = True, delimiter: str | None = None
) -> Columns:
    """The columns of a CSV, TSV (both also gzipped) or Parquet file.

    Raises:
        OSError: what the system says.
        ImportError: pyarrow is missing, for a Parquet file.
        ValueError: no such file, no rows, names that stand twice, or rows of unlike lengths.
    """
    found = check_path(path)
    kind = "".join(s for s in found.suffixes[-2:] if s != ".gz").lower()
    if kind.endswith((".parquet", ".pq")):
        return _parquet(found)
    if delimiter is None:
        delimiter = "\t" if kind.endswith((".tsv", ".tab")) else ","
    if not isinstance(delimiter, str) or len(delimiter) != 1 or delimiter in '"\r\n':
        raise ValueError(f"delimiter: got {shown(delimiter)}, expected one character")
    with opened(found) as file, io.TextIOWrapper(file, "utf-8-sig", newline="") as text:
        return _csv(found, text, header, delimiter)


def _csv(path: pathlib.Path, text: IO[str], header: bool, delimiter: str) -> Columns:
    names: list[str] = []
    rows: list[list[str]] = []
    lines: list[int] = []
    reader = csv.reader(text, delimiter=delimiter, strict=True)
    try:
        for row in reader:
            if not row or (len(row) == 1 and not row[0].strip() and len(names) != 1):
                continue  # a blank line
            if not names:
                names = [c.strip() for c in row] if header else [str(i) for i in range(len(row))]
                if header:
                    continue
            if len(row) != len(names):
                raise ValueError(
                    f"{path}, line {reader.line_num}: got {len(row)} cells, expected {len(names)}"
                )
            rows.append(row)
            lines.append(reader.line_num)
    except csv.Error as error:
        raise ValueError(f"{path}, line {reader.line_num}: {error}") from None
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: not text in UTF-8: {error}") from None
    if not rows:
        raise ValueError(f"{path}: got no rows{' below the header' if names else ''}")
    check_names(path, names)
    table = Columns(zip(names, (list(c) for c in zip(*rows, strict=True)), strict=True))
    table.rows, table.lines = len(rows), lines
    return table


def check_names(path: pathlib.Path, names: list[str]) -> None:
    """ValueError for names that are empty or stand twice."""
    for i, name in enumerate(names):
        if not name:
            raise ValueError(f"{path}: column {i + 1} has no name")
        if name in names[:i]:
            raise ValueError(f"{path}: the column {name!r} stands twice")


def _parquet(path: pathlib.Path) -> Columns:
    try:
        import pyarrow as arrow
        from pyarrow import parquet
    except ImportError as error:
        text = (
            f'{path}: Parquet needs pyarrow, which is not installed; pip install "feedfwd[parquet]"'
        )
        raise ImportError(text) from error
    if path.is_dir():
        raise IsADirectoryError(21, "Is a directory", str(path))
    try:
        stored = parquet.read_table(path)
    except arrow.ArrowInvalid as error:
        raise ValueError(f"{path}: not a Parquet file: {error}") from None
    if stored.num_rows == 0:
        raise ValueError(f"{path}: got no rows")
    check_names(path, stored.column_names)
    table = Columns()
    table.rows = stored.num_rows
    kinds = arrow.types
    for name, column in zip(stored.column_names, stored.columns, strict=True):
        kind = column.type.value_type if kinds.is_dictionary(column.type) else column.type
        if kinds.is_integer(kind) or kinds.is_floating(kind) or kinds.is_decimal(kind):
            values = [np.nan if v is None else float(v) for v in column.to_pylist()]
            table[name] = np.array(values, np.float64)
        elif kinds.is_boolean(kind) or kinds.is_string(kind) or kinds.is_large_string(kind):
            table[name] = ["" if v is None else str(v) for v in column.to_pylist()]
        else:
            raise ValueError(
                f"{path}: column {name!r} is of type {column.type}, expected numbers, text or bools"
            )
    return table


def is_missing(cell: str) -> bool:
    """Whether a cell says that nothing is known."""
    return cell.strip().lower() in MISSING


def as_number(cell: str) -> float | None:
    """The number a cell holds; NaN for a missing one; None for text."""
    text = cell.strip()
    if text.lower() in MISSING:
        return np.nan
    try:
        return None if "_" in text else float(text)
    except ValueError:
        return None


def numbers(table: Columns, name: str) -> NDArray[np.float64] | None:
    """A column as numbers, NaN where one is missing; None where a cell is text.

    Raises:
        ValueError: a cell that is infinite.
    """
    column = table[name]
    if isinstance(column, list):
        values = [as_number(cell) for cell in column]
        if any(v is None for v in values):
            return None
        column = np.array(values, np.float64)
    infinite = np.flatnonzero(np.isinf(column))
    if len(infinite):
        row = int(infinite[0])
        raise ValueError(f"column {name!r}, {table.where(row)}: got an infinite number")
    return column


def texts(table: Columns, name: str) -> list[str | None]:
    """A column as text, None where it is missing."""
    column = table[name]
    if isinstance(column, list):
        return [None if is_missing(cell) else cell.strip() for cell in column]
    return [None if v != v else text_of(v) for v in column.tolist()]


def text_of(value: float) -> str:
    """A number as a label: ``3``, not ``3.0``."""
    return str(int(value)) if value == int(value) and abs(value) < 2**53 else repr(value)


# ---- images

_IDX_TYPES = {8: ">u1", 9: ">i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}


def read_idx(path: pathlib.Path) -> NDArray[Any]:
    """The array of one IDX file, gzipped or not.

    Raises:
        ValueError: no IDX file, or another length than its header says.
    """
    with opened(path) as file:
        head = file.read(4)
        if (
            len(head) < 4
            or head[:2] != b"\0\0"
            or head[2] not in _IDX_TYPES
            or not 1 <= head[3] <= 8
        ):
            raise ValueError(f"{path}: not an IDX file: it begins with {head.hex() or 'nothing'}")
        dtype, rank = np.dtype(_IDX_TYPES[head[2]]), head[3]
        sizes = file.read(4 * rank)
        if len(sizes) < 4 * rank:
            raise ValueError(f"{path}: the IDX header is cut off")
        shape = struct.unpack(f">{rank}I", sizes)
        want = dtype.itemsize
        for n in shape:
            want *= n
        if path.suffix != ".gz" and path.stat().st_size != 4 + 4 * rank + want:
            got = path.stat().st_size - 4 - 4 * rank
            raise ValueError(f"{path}: got {got} bytes of data, its header says {want}")
        pieces, left = [], want
        while left:  # a packed file grows only as far as its header says
            piece = file.read(min(left, 1 << 24))
            if not piece:
                raise ValueError(f"{path}: got {want - left} bytes of data, its header says {want}")
            pieces.append(piece)
            left -= len(piece)
        if file.read(1):
            raise ValueError(f"{path}: got more than the {want} bytes that its header says")
    array = np.frombuffer(b"".join(pieces), dtype).reshape(shape)
    return array.astype(dtype.newbyteorder("="))


def find_idx(folder: pathlib.Path, part: str, what: str) -> pathlib.Path:
    """The file of images or labels of "train" or "t10k".

    Raises:
        FileNotFoundError: there is none.
    """
    rank = {"images": 3, "labels": 1}[what]
    stems = [f"{part}-{what}-idx{rank}-ubyte", f"{part}-{what}.idx{rank}-ubyte"]
    for stem in stems:
        for name in (stem, f"{stem}.gz"):
            if (folder / name).exists():
                return folder / name
    raise FileNotFoundError(2, "No such file or directory", str(folder / f"{stems[0]}[.gz]"))
