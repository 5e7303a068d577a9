"""The learning-rate range test behind ``Trainer.find_learning_rate``."""

from __future__ import annotations

import copy
import os
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from feedfwd import _core
from feedfwd.arguments import count, number
from feedfwd.floating import nearest
from feedfwd.loop import Rows, check_rows

if TYPE_CHECKING:
    from feedfwd.trainer import Trainer

_DIVERGED = 4.0  # times the lowest average
_MEMORY = 0.9  # of the running average that looks for divergence
_AT_ONCE = 8  # steps between two looks


class LearningRates:
    """What :meth:`feedfwd.Trainer.find_learning_rate` found.

    ``learning_rates``, ``losses`` and ``smoothed`` are arrays with an entry a step, up to where
    the loss went away; ``suggestion`` is the rate at which the smoothed loss falls fastest, None
    where no rate lowered it.
    """

    def __init__(self, learning_rates: NDArray[Any], losses: NDArray[Any]) -> None:
        self.learning_rates, self.losses = learning_rates, losses
        self.smoothed = _smooth(losses)
        self.suggestion = _steepest(learning_rates, self.smoothed)

    def plot(self, path: str | os.PathLike[str] | None = None) -> Any:
        """Draw the losses over the rates, with the suggestion; the panel (matplotlib's ``Axes``).

        Args:
            path: of a picture to write; default: a figure of ``matplotlib.pyplot``.

        Raises:
            ImportError: matplotlib is not installed.
        """
        from feedfwd import plotting

        figure, (panel,) = plotting.axes(path)
        rates = self.learning_rates
        panel.plot(rates, self.losses, color="0.75", label="loss of each step")
        panel.plot(rates, self.smoothed, color=plotting.BLUE, label="smoothed")
        if self.suggestion is not None:
            text = f"suggestion: {self.suggestion:.2g}"
            panel.axvline(self.suggestion, color=plotting.ORANGE, linestyle="--", label=text)
        low, high = (
            float(self.smoothed.min()),
            float(self.smoothed[: _settled(self.smoothed)].max()),
        )
        margin = 0.15 * max(high - low, 1e-12)
        panel.set_ylim(low - margin, high + 3 * margin)  # not up to where it went away
        panel.set_xscale("log")
        panel.set_xlabel("learning rate (logarithmic)")
        panel.set_ylabel("loss")
        panel.grid(alpha=0.3)
        panel.legend()
        plotting.finish(figure, path)
        return panel

    def __repr__(self) -> str:
        text = "none lowered the loss" if self.suggestion is None else f"{self.suggestion:.3g}"
        return f"<LearningRates: {len(self.losses)} steps, suggestion: {text}>"


def _settled(smoothed: NDArray[Any]) -> int:
    """Steps up to the lowest one, at least one."""
    return int(np.argmin(smoothed)) + 1


def _smooth(losses: NDArray[Any]) -> NDArray[Any]:
    """Means weighted by a Gaussian of 3 % of the steps to each side, so that nothing is moved."""
    n = len(losses)
    place = np.arange(n)
    width = max(0.03 * n, 1.0)
    weights = np.exp(-0.5 * ((place[:, None] - place[None, :]) / width) ** 2)
    smoothed: NDArray[Any] = (weights @ losses) / weights.sum(axis=1)
    return smoothed


def _steepest(rates: NDArray[Any], smoothed: NDArray[Any]) -> float | None:
    end = _settled(smoothed)
    if end < 3:
        return None
    slope = np.gradient(smoothed[:end], np.log(rates[:end]))
    steepest = int(np.argmin(slope))
    return float(rates[steepest]) if slope[steepest] < 0 else None


def find(
    trainer: Trainer,
    x: Any,
    y: Any,
    batch_size: int,
    steps: int,
    span: tuple[float, float],
    sample_weight: Any,
) -> LearningRates:
    """Run the test on a copy of the trainer."""
    batch_size, steps = count(batch_size, "batch_size"), count(steps, "steps", 10)
    low, high = number(span[0], "start", 0), number(span[1], "end", 0)
    if low == 0:
        raise ValueError(f"start: got {span[0]!r}, expected more than 0")
    if not low < high:
        raise ValueError(f"end: got {high}, expected more than start, {low}")
    with trainer._fits.take(), trainer._fits.mine(), trainer._whole.lock:
        _ = trainer.model.seed  # drawn now, where it was not given, so that both have the same
        other = copy.deepcopy(trainer)
    rows = check_rows(other, x, y, sample_weight, True)
    rates = low * (high / low) ** (np.arange(steps) / (steps - 1))
    losses = _run(other, rows, min(batch_size, rows.count), rates)
    if len(losses) < 3:
        raise ValueError(
            f"start: the loss is not finite or goes away at once from {low}; expected a smaller one"
        )
    return LearningRates(rates[: len(losses)], losses)


@nearest
def _run(trainer: Trainer, rows: Rows, batch: int, rates: NDArray[Any]) -> NDArray[Any]:
    """The loss of each step, up to where it goes away."""
    program = trainer._programs.get(trainer, rows, batch, True)
    program.bind(rows.arrays())
    an_epoch = -(-rows.count // batch)
    decay = float(trainer.optimizer.weight_decay or 0.0)
    found: list[float] = []
    watch = _Watch()
    while len(found) < len(rates):
        epoch, step = divmod(len(found), an_epoch)
        n = min(_AT_ONCE, an_epoch - step, len(rates) - len(found))
        losses, bad = program.run(
            rows.count,
            batch,
            step * batch,
            n,
            order=_core.shuffled(rows.count, trainer.model.seed, epoch),
            order_changed=step == 0,
            learning_rates=np.ascontiguousarray(rates[len(found) : len(found) + n]),
            weight_decay=decay,
        )
        for loss in losses[: n if bad < 0 else bad]:
            found.append(float(loss))
            if watch.gone(found[-1]):
                return np.array(found)
        if bad >= 0:
            break
    return np.array(found)


class _Watch:
    """Tells when a running average is far above its lowest, and above its first."""

    def __init__(self) -> None:
        self._sum = self._weight = 0.0
        self._first = self._lowest = np.inf

    def gone(self, loss: float) -> bool:
        """With one more loss."""
        self._sum = _MEMORY * self._sum + (1 - _MEMORY) * loss
        self._weight = _MEMORY * self._weight + (1 - _MEMORY)
        average = self._sum / self._weight
        if np.isinf(self._first):
            self._first = average
        self._lowest = min(self._lowest, average)
        limit = max(self._lowest + (_DIVERGED - 1) * abs(self._lowest), self._first)
        return bool(average > limit)
