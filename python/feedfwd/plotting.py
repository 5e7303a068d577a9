"""Pictures, drawn with matplotlib where it is installed."""

from __future__ import annotations

import os
from typing import Any

# Colours that people who see few of them can tell apart (Okabe and Ito 2008).
BLUE, ORANGE, GREEN = "#0072B2", "#D55E00", "#009E73"


def axes(
    path: str | os.PathLike[str] | None, columns: int = 1, rows: int = 1
) -> tuple[Any, list[Any]]:
    """A figure and its panels: of pyplot where it is to be shown, of no display for a file.

    Raises:
        ImportError: matplotlib is not installed.
        TypeError: ``path`` is no path.
    """
    if path is not None:
        path = os.fspath(path)
        if not isinstance(path, str):
            raise TypeError(f"path: got {type(path).__name__}, expected a string or a path")
    size = (4.8 * columns, 3.4 * rows)
    try:
        if path is None:
            from matplotlib import pyplot

            figure: Any = pyplot.figure(figsize=size, layout="constrained")
        else:
            from matplotlib.figure import Figure

            figure = Figure(figsize=size, layout="constrained")
    except ImportError as error:
        raise ImportError(
            'plot: matplotlib is not installed; pip install "feedfwd[plot]"'
        ) from error
    return figure, list(figure.subplots(rows, columns, squeeze=False).flat)


def finish(figure: Any, path: str | os.PathLike[str] | None) -> None:
    """Write the figure where a path was given; its ending says the format."""
    if path is not None:
        figure.savefig(os.fspath(path), dpi=120)
