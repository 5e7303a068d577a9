"""Callbacks that keep a run on the disk: ModelCheckpoint and BackupAndRestore."""

from __future__ import annotations

import contextlib
import os
from typing import Any

from feedfwd.arguments import number
from feedfwd.callbacks.base import Logs, Saver
from feedfwd.callbacks.monitors import Monitor


def _check_freq(save_freq: Any) -> int | str:
    if save_freq == "epoch":
        return "epoch"
    if isinstance(save_freq, bool) or not isinstance(save_freq, int) or save_freq < 1:
        raise ValueError(
            f"save_freq: got {save_freq!r}, expected 'epoch' or a number of steps of at least 1"
        )
    return save_freq


class ModelCheckpoint(Monitor, Saver):
    """Writes the run to a file, after every epoch or every so many steps.

    The file is what ``trainer.save`` writes: ``Trainer.load`` and ``fit(..., resume=True)`` go on
    from it, :func:`feedfwd.load_model` takes the model alone. The file before it is kept as
    ``<filepath>.previous``, and both loaders fall back to it, with a warning, where the newer one
    does not verify.

    Args:
        filepath: a path; ``{epoch}`` (from 1) and the names of the logs are filled in, as in
            ``"{epoch:02d}-{val_loss:.3f}.safetensors"``; every such file is then kept.
        monitor: a name in the logs, for ``save_best_only``; default ``"val_loss"``.
        verbose: 1 prints each save; default 0.
        save_best_only: write only when the number watched is better than ever; default False.
        mode: ``"min"``, ``"max"`` or ``"auto"`` (default): max for accuracies, else min.
        save_freq: ``"epoch"`` (default), or a number of steps of the optimizer.
        initial_value_threshold: what the number watched must beat first; default None.

    Raises:
        TypeError: ``filepath`` is no path.
        ValueError: an unknown mode or frequency, ``save_best_only`` with a number of steps, or at
            a save a name in ``filepath`` or ``monitor`` that is not in the logs.
        OSError: at a save, what the system says; the file before is as it was.

    Example:
        >>> import os, tempfile, numpy as np, feedfwd as ff
        >>> path = os.path.join(tempfile.mkdtemp(), "run.safetensors")
        >>> trainer = ff.Trainer(ff.Sequential([ff.layers.Dense(1)], seed=0), loss="mse")
        >>> keep = ff.callbacks.ModelCheckpoint(path)
        >>> _ = trainer.fit(np.ones((8, 2)), np.ones(8), epochs=3, verbose=0, callbacks=keep)
        >>> ff.Trainer.load(path).history.epoch
        [0, 1, 2]

    Source: Keras 3, ``keras.callbacks.ModelCheckpoint``.
    """

    def __init__(
        self,
        filepath: str | os.PathLike[str],
        monitor: str = "val_loss",
        verbose: int = 0,
        save_best_only: bool = False,
        mode: str = "auto",
        save_freq: int | str = "epoch",
        initial_value_threshold: float | None = None,
    ) -> None:
        from feedfwd.saving.atomic import check_path

        super().__init__(monitor, mode, 0.0)
        self.filepath = check_path(filepath, "filepath")
        self.verbose = verbose
        self.save_best_only = bool(save_best_only)
        self.save_freq = _check_freq(save_freq)
        if self.save_best_only and self.save_freq != "epoch":
            raise ValueError("save_best_only: needs save_freq='epoch', when the logs are complete")
        start = initial_value_threshold
        self.initial_value_threshold = (
            None if start is None else number(start, "initial_value_threshold")
        )
        self._reset()

    def _reset(self) -> None:
        start = self.initial_value_threshold
        self.best = self.worst() if start is None else start

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Forget an earlier fit."""
        self._reset()

    def get_state(self) -> dict[str, Any]:
        """The best so far, where that matters."""
        return {"best": self.best} if self.save_best_only else {}

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on from there."""
        self.best = float(state["best"])

    def save_epoch(self, epoch: int, logs: Logs) -> None:
        """Write the file, if it is time and the number watched is better."""
        if self.save_freq != "epoch":
            return
        if self.save_best_only:
            current = self.current(logs)
            if current is None or not self.improves(current, self.best):
                return
            before, self.best = self.best, current  # the file holds the new best
            try:
                self._write(epoch, logs)
            except BaseException:
                self.best = before
                raise
            return
        self._write(epoch, logs)

    def save_step(self, epoch: int, logs: Logs) -> None:
        """Write the file."""
        self._write(epoch, logs)

    def _write(self, epoch: int, logs: Logs) -> None:
        from feedfwd.saving import runs

        try:
            path = self.filepath.format(epoch=epoch + 1, **logs)
        except (KeyError, IndexError, ValueError) as error:
            names = ", ".join(["epoch", *logs])
            raise ValueError(
                f"filepath: {self.filepath!r} cannot be filled in ({error}); known: {names}"
            ) from None
        runs.save(self.trainer, path, keep_previous=True)
        if self.verbose:
            print(f"Epoch {epoch + 1}: saved {path}")


class BackupAndRestore(Saver):
    """Keeps a backup of the run while ``fit`` is on, and goes on from one that it finds.

    A program that was killed is simply started again: the same ``fit`` then begins at the last
    backup and ends with the bits of a run that nothing interrupted.

    A backup that another fit of the same program wrote is passed over, and replaced.

    Args:
        backup_dir: a folder for the backup alone; made if it is missing.
        save_freq: ``"epoch"`` (default), or a number of steps of the optimizer.
        delete_checkpoint: remove the backup when ``fit`` has come to its end; default True.

    Raises:
        TypeError: ``backup_dir`` is no path.
        ValueError: an unknown frequency; in ``fit``, a backup of another model, loss, optimizer or
            of other data.
        OSError: what the system says.

    Example:
        >>> import os, tempfile, numpy as np, feedfwd as ff
        >>> folder = tempfile.mkdtemp()
        >>> trainer = ff.Trainer(ff.Sequential([ff.layers.Dense(1)], seed=0), loss="mse")
        >>> safe = [ff.callbacks.BackupAndRestore(folder)]
        >>> _ = trainer.fit(np.ones((8, 2)), np.ones(8), epochs=3, verbose=0, callbacks=safe)
        >>> os.listdir(folder)
        []

    Source: Keras 3, ``keras.callbacks.BackupAndRestore``.
    """

    def __init__(
        self,
        backup_dir: str | os.PathLike[str],
        save_freq: int | str = "epoch",
        delete_checkpoint: bool = True,
    ) -> None:
        from feedfwd.saving.atomic import check_path

        self.backup_dir = check_path(backup_dir, "backup_dir")
        self.save_freq = _check_freq(save_freq)
        self.delete_checkpoint = bool(delete_checkpoint)

    @property
    def path(self) -> str:
        """The file of the backup."""
        return os.path.join(self.backup_dir, "backup.safetensors")

    def restore(self, settings: dict[str, Any]) -> bool:
        """Put the backup into the trainer; False where there is none of this fit."""
        from feedfwd.saving import runs
        from feedfwd.saving.atomic import PREVIOUS

        if not (os.path.exists(self.path) or os.path.exists(self.path + PREVIOUS)):
            return False
        return runs.restore(self.trainer, self.path, settings)

    def save_epoch(self, epoch: int, logs: Logs) -> None:
        """Write the backup, if it is time."""
        if self.save_freq == "epoch":
            self._write()

    def save_step(self, epoch: int, logs: Logs) -> None:
        """Write the backup."""
        self._write()

    def _write(self) -> None:
        from feedfwd.saving import runs

        os.makedirs(self.backup_dir, exist_ok=True)
        runs.save(self.trainer, self.path, keep_previous=True)

    def fit_finished(self) -> None:
        """Remove the backup."""
        from feedfwd.saving.atomic import PREVIOUS

        if self.delete_checkpoint:
            for path in (self.path, self.path + PREVIOUS):
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(path)
