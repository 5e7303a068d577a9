"""A pytest plugin: look for leaks once the tests are done, while the interpreter still runs.

At its exit the interpreter drops pointers to much that it never frees; all of that would be
reported. Before, whatever nothing points to has leaked.
"""

from __future__ import annotations

import ctypes
import gc

import pytest


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish() -> None:
    gc.collect()
    ctypes.CDLL(None).__lsan_do_recoverable_leak_check()
