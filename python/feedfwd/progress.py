"""What ``fit`` shows: nothing, a line per epoch, or a bar."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from feedfwd.arguments import shown

# Shorter than tqdm's own, so that the metrics find room.
_BAR = "{desc} |{bar:10}| {n_fmt}/{total_fmt} {elapsed}{postfix}"


def check_verbose(verbose: Any) -> int | str:
    """0, 1, 2 or "auto"."""
    if isinstance(verbose, (int, np.integer)) and verbose in (0, 1, 2):
        return int(verbose)
    if isinstance(verbose, str) and verbose == "auto":
        return verbose
    raise ValueError(f"verbose: got {shown(verbose)}, expected 0, 1, 2 or 'auto'")


def watched() -> bool:
    """Whether someone looks: a terminal or a notebook."""
    if "ipykernel" in sys.modules:
        return True
    return bool(getattr(sys.stderr, "isatty", lambda: False)())


def bar_class(verbose: int | str) -> Any:
    """tqdm's bar where it is wanted, installed, and someone looks; else None."""
    if verbose not in (1, "auto") or not watched():
        return None
    try:
        from tqdm.auto import tqdm
    except ImportError:
        return None
    return tqdm


def _size() -> dict[str, int]:
    """A size for terminals that say they have none, as some containers' do."""
    try:
        known = os.get_terminal_size(sys.stderr.fileno()).columns > 0
    except (OSError, ValueError, AttributeError):
        known = True
    return {} if known else {"ncols": 100, "nrows": 20}


def _text(logs: dict[str, float], between: str = " ") -> str:
    return between.join(f"{name}: {value:.4g}" for name, value in logs.items())


class Progress:
    """Shows the epochs of one fit."""

    def __init__(self, verbose: int | str, epochs: int) -> None:
        self._silent = verbose == 0
        self._make_bar = bar_class(verbose)
        self.has_bar = self._make_bar is not None
        self._bar: Any = None
        self._epochs = epochs
        self._start = 0.0

    def begin(self, epoch: int, step_count: Callable[[], int | None]) -> None:
        """An epoch of so many steps starts."""
        if self._silent:
            return
        self._start = time.perf_counter()
        if self.has_bar:
            steps = step_count()
            label = f"Epoch {epoch + 1}/{self._epochs}"
            look: dict[str, Any] = {**_size()}
            if steps is not None:
                look["bar_format"] = _BAR
            self._bar = self._make_bar(total=steps, desc=label, unit="batch", leave=True, **look)

    def advance(self, steps: int, logs: Callable[[], dict[str, float]]) -> None:
        """`steps` more are done; `logs` tells the epoch's means so far."""
        if self._bar is not None:
            self._bar.set_postfix_str(_text(logs()), refresh=False)
            self._bar.update(steps)

    def end(self, epoch: int, logs: dict[str, float]) -> None:
        """The epoch is done."""
        if self._bar is not None:
            self._bar.set_postfix_str(_text(logs))
            self.close()
        elif not self._silent:
            seconds = time.perf_counter() - self._start
            taken = f"{seconds:.1f}s" if seconds >= 0.95 else f"{1e3 * seconds:.0f}ms"
            print(f"Epoch {epoch + 1}/{self._epochs} - {taken} - {_text(logs, ' - ')}", flush=True)

    def close(self) -> None:
        """Leave the terminal in order."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None
