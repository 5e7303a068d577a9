"""Which thread may do what with a Trainer, when.

The locks are entered and left with ``with``: they are made in C, so no signal can come between
their being taken and the block that lets them go. A forked child has new ones, since the thread
that held an old one is not there.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Iterator
from typing import Any


class _Held:
    """A lock of this process."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make = make
        self._pid, self._lock = os.getpid(), make()

    @property
    def lock(self) -> Any:
        """The lock; a new one in a forked child."""
        if self._pid != os.getpid():
            self._pid, self._lock = os.getpid(), self._make()
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

    @contextlib.contextmanager
    def mine(self) -> Iterator[None]:
        """Inside take(): notes whose turn it is."""
        self._owner = threading.get_ident()
        try:
            yield
        finally:
            self._owner = None


class Whole(_Held):
    """Held while steps are made and counted, and while a file's contents are gathered."""

    def __init__(self) -> None:
        super().__init__(threading.RLock)
