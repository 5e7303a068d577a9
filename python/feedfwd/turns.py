"""Which thread may do what with a Trainer, when.

The locks are entered and left with ``with``: they are made in C, so no signal can come between
their being taken and the block that lets them go. A forked child has new ones, since the thread
that held an old one is not there.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Any

_process = object()  # another one in a forked child


def _renew() -> None:
    global _process
    _process = object()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew)


class _Held:
    """A lock of this process."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make = make
        self._process, self._lock = _process, make()

    @property
    def lock(self) -> Any:
        """The lock; a new one in a forked child."""
        if self._process is not _process:
            self._process, self._lock = _process, self._make()
        return self._lock


class Turn(_Held):
    """Lets one call at a time through.

    >>> turn = Turn("fit")
    >>> with turn.take(), turn.mine():
    ...     pass
    """

    def __init__(self, what: str) -> None:
        super().__init__(threading.Lock)
        self._what = what
        self._owner: int | None = None

    def take(self, wait: bool = False) -> Any:
        """The lock to hold. While somebody holds it: ValueError, or, with `wait`, only where it
        is a call that this one comes from.
        """
        lock = self.lock
        if lock.locked() and (not wait or self._owner == threading.get_ident()):
            raise ValueError(
                f"{self._what}: this Trainer is busy with another {self._what}, of a callback's "
                "caller or of another thread; one at a time"
            )
        return lock

    def mine(self) -> Turn:
        """Inside take(), entered: notes whose turn it is."""
        return self

    def __enter__(self) -> None:
        self._owner = threading.get_ident()

    def __exit__(self, *raised: object) -> None:
        self._owner = None


class Whole(_Held):
    """Held while steps are made and counted, and while a file's contents are gathered."""

    def __init__(self) -> None:
        super().__init__(threading.RLock)
