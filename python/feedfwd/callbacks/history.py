"""History: what ``fit`` returns."""

from __future__ import annotations

import os
from collections import Counter
from typing import Any

import numpy as np

from feedfwd.callbacks.base import Callback, Logs


class History(Callback):
    """The numbers of every finished epoch.

    ``history`` is a dict of lists of floats (``loss``, the metrics, and the same with ``val_``
    where there was validation); ``epoch`` the list of epochs.

    Example:
        >>> import numpy as np, feedfwd as ff
        >>> trainer = ff.Trainer(ff.Sequential([ff.layers.Dense(1)], seed=0), loss="mse")
        >>> history = trainer.fit(np.ones((4, 2)), np.ones(4), epochs=3, verbose=0)
        >>> len(history.history["loss"]), history.epoch
        (3, [0, 1, 2])

    Source: Keras 3, ``keras.callbacks.History``.
    """

    def __init__(self) -> None:
        self.epoch: list[int] = []
        self.history: dict[str, list[float]] = {}
        self._noted: list[tuple[int, tuple[str, ...]]] = []  # every epoch and its names

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Append the epoch's numbers."""
        self._noted.append((epoch, tuple(logs or ())))
        self.epoch.append(epoch)
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(float(value))

    def _before(self, epoch: int) -> tuple[int, Counter[str]]:
        """How many epochs, and values of each name, there are of epochs before `epoch`."""
        kept = [names for e, names in self._noted if e < epoch]
        return len(kept), Counter(name for names in kept for name in names)

    def truncate(self, epoch: int) -> None:
        """Forget the epochs from `epoch` on, also one that was noted in part."""
        if not self._noted or self._noted[-1][0] < epoch:
            return
        count, lengths = self._before(epoch)
        self.history = {name: self.history[name][:n] for name, n in lengths.items()}
        del self.epoch[count:], self._noted[count:]

    def plot(self, path: str | os.PathLike[str] | None = None) -> Any:
        """Draw the learning curves: a panel each for the loss and every metric, over the epochs.

        Where there was validation its curve stands beside, and its lowest loss is marked.

        Args:
            path: of a picture to write, its ending says the format; default: a figure of
                ``matplotlib.pyplot``, which notebooks show and scripts show with ``pyplot.show()``.

        Returns:
            The panels, a list of matplotlib's ``Axes``.

        Raises:
            ImportError: matplotlib is not installed.
            ValueError: there is no finished epoch, or an unknown ending of ``path``.
            OSError: what the system says.

        Example:
            >>> import os, tempfile, numpy as np, feedfwd as ff
            >>> trainer = ff.Trainer(ff.Sequential([ff.layers.Dense(1)], seed=0), loss="mse")
            >>> history = trainer.fit(np.ones((4, 2)), np.ones(4), epochs=3, verbose=0)
            >>> panels = history.plot(os.path.join(tempfile.mkdtemp(), "curves.png"))
            >>> len(panels)
            1
        """
        from feedfwd import plotting

        if not self.epoch:
            raise ValueError("plot: the history has no finished epoch")
        names = [n for n in self.history if not n.startswith("val_")]
        names += [n for n in self.history if n.startswith("val_") and n[4:] not in names]
        columns = min(len(names), 3)
        figure, panels = plotting.axes(path, columns, -(-len(names) // columns))
        for unused in panels[len(names) :]:
            unused.remove()
        for panel, name in zip(panels, names, strict=False):
            self._draw(panel, name)
        plotting.finish(figure, path)
        return panels[: len(names)]

    def _draw(self, panel: Any, name: str) -> None:
        from feedfwd.plotting import BLUE, ORANGE

        curves = [(name, "training", BLUE, "-"), (f"val_{name}", "validation", ORANGE, "--")]
        for key, label, colour, line in curves:
            values = self.history.get(key)
            if values is None:
                continue
            epochs = [epoch + 1 for epoch, noted in self._noted if key in noted]
            mark = "o" if len(epochs) == 1 else None
            panel.plot(epochs, values, line, color=colour, label=label, marker=mark)
            if key == "val_loss" and np.isfinite(values).any():
                best = int(np.nanargmin(values))
                text = f"lowest: epoch {epochs[best]}"
                panel.plot(epochs[best], values[best], "v", color=colour, label=text)
        panel.set_xlabel("epoch")
        panel.set_ylabel(name.replace("_", " "))
        panel.xaxis.get_major_locator().set_params(integer=True)
        panel.grid(alpha=0.3)
        panel.legend()

    def _state(self, epoch: int) -> dict[str, Any]:
        """The epochs before `epoch`, for a file."""
        count, lengths = self._before(epoch)
        kinds = list(dict.fromkeys(names for _, names in self._noted[:count]))
        place = {names: i for i, names in enumerate(kinds)}
        return {
            "epoch": np.array(self.epoch[:count], np.int64),
            "values": {k: np.array(self.history[k][:n]) for k, n in lengths.items()},
            "names": kinds,
            "kind": np.array([place[names] for _, names in self._noted[:count]], np.int64),
        }

    def _set_state(self, state: dict[str, Any]) -> None:
        self.epoch = [int(e) for e in state["epoch"]]
        self.history = {str(k): v.astype(np.float64).tolist() for k, v in state["values"].items()}
        names = [tuple(str(n) for n in kind) for kind in state["names"]]
        self._noted = [(e, names[int(i)]) for e, i in zip(self.epoch, state["kind"], strict=True)]

    def __repr__(self) -> str:
        return f"<History of {len(self.epoch)} epochs: {', '.join(self.history)}>"
