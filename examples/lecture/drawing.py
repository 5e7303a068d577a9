"""What the programs of this folder share: a picture to draw on, and where to write it."""

from __future__ import annotations

import pathlib
import sys
from typing import Any

import matplotlib
import numpy as np

matplotlib.use("Agg")  # pictures go to files
from matplotlib import pyplot as plt

# Colours that people who see few of them can tell apart (Okabe and Ito 2008).
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00")
LINES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)))


def panels(columns: int = 1, rows: int = 1) -> Any:
    """A row, or rows, of panels of one size."""
    _, axes = plt.subplots(
        rows, columns, figsize=(4.2 * columns, 3.3 * rows), layout="constrained", squeeze=False
    )
    for panel in axes.flat:
        panel.grid(alpha=0.3)
    return axes.flat if rows * columns > 1 else axes[0, 0]


def write(name: str) -> None:
    """Save the picture under `name`.png in the folder of the first argument, or here."""
    folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    plt.savefig(folder / f"{name}.png", dpi=100)
    print(f"picture: {folder / name}.png")


def regions(panel: Any, model: Any, x: np.ndarray, y: np.ndarray) -> None:
    """Colour the plane by what the model says (its logit, one output), and put the points on it."""
    reach = 1.1 * float(np.abs(x).max())
    line = np.linspace(-reach, reach, 200)
    plane = np.stack([a.ravel() for a in np.meshgrid(line, line)], axis=1)
    classes = (model.predict(plane)[:, 0] > 0).reshape(200, 200)
    panel.contourf(line, line, classes, levels=[-0.5, 0.5, 1.5], colors=COLOURS[:2], alpha=0.25)
    for label, mark in ((0, "o"), (1, "s")):
        points = x[y == label]
        panel.scatter(*points.T, s=9, color=COLOURS[label], marker=mark, label=f"class {label}")
    panel.set(xlabel="x1", ylabel="x2", aspect="equal", ylim=(-reach, 1.45 * reach))
    panel.legend(loc="upper right", ncols=2, markerscale=2, fontsize=8)
