"""Threads and devices of the machine the core runs on."""

from __future__ import annotations

from feedfwd import _core
from feedfwd.arguments import count, shown

# The size of the core's team.
_MOST_THREADS = 1024


def set_num_threads(n: int) -> None:
    """Set how many threads the core may use. The bits of a result never depend on it.

    The default is the number of CPUs this process may use (affinity and cgroup quota included), or
    the environment variable ``FEEDFWD_NUM_THREADS``.

    Args:
        n: at least 1.

    Raises:
        TypeError: ``n`` is not an integer.
        ValueError: ``n`` is below 1 or above 1024.

    Example:
        >>> import feedfwd as ff
        >>> before = ff.get_num_threads()
        >>> ff.set_num_threads(2)
        >>> ff.get_num_threads()
        2
        >>> ff.set_num_threads(before)
    """
    if count(n, "n") > _MOST_THREADS:
        raise ValueError(f"n: got {shown(n)}, expected at most {_MOST_THREADS}")
    _core.set_num_threads(int(n))


def get_num_threads() -> int:
    """Return how many threads the core may use.

    Example:
        >>> import feedfwd as ff
        >>> ff.get_num_threads() >= 1
        True
    """
    return _core.get_num_threads()


def devices() -> list[str]:
    """Return the names a model's ``device`` may have on this machine, the CPU first.

    Example:
        >>> import feedfwd as ff
        >>> ff.devices()[0]
        'cpu'
    """
    return _core.devices()
