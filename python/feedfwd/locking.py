"""The lock of what is made once and then used by all threads: built layers, traced programs."""

from __future__ import annotations

import os
import threading
from contextlib import AbstractContextManager
from typing import Any

_lock = threading.RLock()


def building() -> AbstractContextManager[Any]:
    """Held while layers are built and programs made; of this process.

    Nobody waits for other threads' predictions while holding it, but for the packing of a model
    that shares layers.
    """
    return _lock


def _renew() -> None:
    global _lock
    _lock = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew)
