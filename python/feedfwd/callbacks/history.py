"""History: what ``fit`` returns."""

from __future__ import annotations

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

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Append the epoch's numbers."""
        self.epoch.append(epoch)
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(float(value))

    def __repr__(self) -> str:
        return f"<History of {len(self.epoch)} epochs: {', '.join(self.history)}>"
