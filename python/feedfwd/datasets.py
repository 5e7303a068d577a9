"""Small data sets for examples and tests, embedded or generated.

>>> import feedfwd as ff
>>> (x_train, y_train), (x_test, y_test) = ff.datasets.digits()
>>> x_train.shape, x_test.shape
((1438, 64), (359, 64))
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from numpy.typing import NDArray

from feedfwd import _core
from feedfwd.arguments import count, flag, number
from feedfwd.floating import nearest
from feedfwd.random import check_seed, next_seed

Pair = tuple[NDArray[Any], NDArray[Any]]


def digits() -> tuple[Pair, Pair]:
    """Handwritten digits: ``(x_train, y_train), (x_test, y_test)``.

    1,797 images of 8 x 8 pixels, rows of 64 uint8 from 0 to 16, and int64 labels; 80 % of each
    class to train on, by a fixed seed.

    >>> import feedfwd as ff
    >>> (x_train, y_train), _ = ff.datasets.digits()
    >>> x_train.dtype, int(x_train.max()), y_train.shape
    (dtype('uint8'), 16, (1438,))

    Source: Alpaydin and Kaynak, Optical Recognition of Handwritten Digits, UCI Machine Learning
    Repository, 1998 (CC BY 4.0).
    """
    from importlib import resources  # a slow import that only this needs

    with (
        resources.files("feedfwd").joinpath("digits.npz").open("rb") as file,
        np.load(file) as stored,
    ):
        x, y = stored["x"], stored["y"].astype(np.int64)
    order = _core.shuffled(len(y), 0, 0)
    x, y = x[order], y[order]
    test = np.zeros(len(y), bool)
    for label in range(10):
        of_class = np.flatnonzero(y == label)
        test[of_class[: round(len(of_class) / 5)]] = True
    return (x[~test], y[~test]), (x[test], y[test])


def _noise(shape: tuple[int, ...], noise: float, seed: int | None) -> NDArray[np.float64]:
    chosen = check_seed(seed)
    key = next_seed() if chosen is None else chosen
    sigma = number(noise, "noise", 0)
    return _core.draw("normal", shape, 0.0, sigma, key, 0, _core.stream_of(2, "user"))


def _wave(kind: str, angle: NDArray[np.float64]) -> NDArray[np.float64]:
    """Our own "sin" or "cos": NumPy's last bit depends on its version and the machine."""
    return _core.map(kind, angle).numpy()


def load_idx(folder: str | os.PathLike[str]) -> tuple[Pair, Pair]:
    """Images and labels from the four IDX files of MNIST and its kin, gzipped or not.

    Args:
        folder: holds ``train-images-idx3-ubyte``, ``train-labels-idx1-ubyte`` and the same with
            ``t10k``, each plain or with ``.gz``.

    Returns:
        ``(x_train, y_train), (x_test, y_test)``: images (n, rows, columns), mostly uint8, and
        labels (n,) int64.

    Raises:
        FileNotFoundError: the folder or a file is not there.
        ValueError: no IDX file, a file of another length than its header says, or unlike numbers
            of images and labels.

    >>> import feedfwd as ff
    >>> ff.datasets.load_idx("nowhere")
    Traceback (most recent call last):
    ...
    FileNotFoundError: [Errno 2] No such file or directory: 'nowhere'

    Source: the format is described with the data of LeCun, Cortes and Burges, 1998.
    """
    from feedfwd import readers

    place = readers.check_path(folder, "folder")
    found = []
    for part in ("train", "t10k"):
        paths = [readers.find_idx(place, part, what) for what in ("images", "labels")]
        x, y = (readers.read_idx(path) for path in paths)
        if x.ndim < 2 or y.ndim != 1 or y.dtype.kind not in "iu":
            raise ValueError(f"{paths[0]}: got images {x.shape} and labels {y.shape} of {y.dtype}")
        if len(x) != len(y):
            raise ValueError(f"{paths[0]}: got {len(x)} images and {len(y)} labels")
        found.append((x, y.astype(np.int64)))
    return found[0], found[1]


def load_csv(
    path: str | os.PathLike[str],
    target: str | int | None = None,
    header: bool = True,
    delimiter: str | None = None,
) -> Pair | NDArray[Any]:
    """A table of numbers from a CSV or TSV file (also gzipped) or a Parquet file.

    Cells that are empty or say NA, NaN, null, None or ? become NaN. For columns of text, and for
    means and gaps that are treated the same way when predicting, use :class:`feedfwd.tables.Table`.

    Args:
        path: the file; ``.tsv`` is read with tabs.
        target: name or index of the column to predict; default None.
        header: whether the first line holds the names; without, they are "0", "1", ...
        delimiter: one character; default by the file's ending.

    Returns:
        ``x`` (n, columns) float64, in the file's order; with ``target`` also ``y`` (n,): float64,
        or text where a cell is no number.

    Raises:
        FileNotFoundError, OSError: what the system says.
        ImportError: a Parquet file, and pyarrow is not installed.
        ValueError: no such column, a column of text, rows of unlike lengths.

    >>> import pathlib, tempfile, feedfwd as ff
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "t.csv"
    >>> _ = path.write_text("a,b,kind\\n1,2,dog\\n3,,cat\\n")
    >>> x, y = ff.datasets.load_csv(path, target="kind")
    >>> x.tolist(), y.tolist()
    ([[1.0, 2.0], [3.0, nan]], ['dog', 'cat'])
    """
    from feedfwd import readers, tables

    table = readers.read_table(path, flag(header, "header"), delimiter)
    wanted = None if target is None else tables.column_name(table, target, "target")
    columns = {name: readers.numbers(table, name) for name in table if name != wanted}
    for name, values in columns.items():
        if values is None:
            raise ValueError(
                f"{path}: column {name!r} holds text, expected numbers; "
                "feedfwd.tables.Table makes numbers of it"
            )
    x = np.stack([v for v in columns.values() if v is not None], axis=1) if columns else None
    if x is None:
        raise ValueError(f"{path}: got no column besides the target")
    if wanted is None:
        return x
    y = readers.numbers(table, wanted)
    return x, np.array(readers.texts(table, wanted), dtype=object) if y is None else y


@nearest
def two_spirals(n: int = 400, noise: float = 0.05, seed: int | None = 0) -> Pair:
    """Points of two interleaved spirals: x (n, 2) float64 in about [-1, 1], y (n,) int64, 0 or 1.

    Args:
        n: number of points, at least 2.
        noise: standard deviation added to x.
        seed: of the noise; None: as in ``ff.random``.

    Raises:
        TypeError, ValueError: an argument of another kind or out of range.

    >>> import feedfwd as ff
    >>> ff.datasets.two_spirals(10)[0].shape
    (10, 2)
    """
    n = count(n, "n", 2)
    y = np.arange(n) % 2
    t = np.linspace(0.1, 1.0, n)
    angle = 3.5 * np.pi * t + np.pi * y
    x = np.stack([t * _wave("cos", angle), t * _wave("sin", angle)], axis=1)
    return x + _noise((n, 2), noise, seed), y.astype(np.int64)


@nearest
def regression_curve(n: int = 200, noise: float = 0.1, seed: int | None = 0) -> Pair:
    """``y = sin(3 x) + x / 2`` plus noise: x (n, 1) float64 from -2 to 2, y (n, 1).

    Arguments and errors as in :func:`two_spirals`; the noise is added to y.

    >>> import feedfwd as ff
    >>> ff.datasets.regression_curve(5)[1].shape
    (5, 1)
    """
    n = count(n, "n", 2)
    x = np.linspace(-2.0, 2.0, n)[:, None]
    return x, _wave("sin", 3 * x) + x / 2 + _noise((n, 1), noise, seed)
