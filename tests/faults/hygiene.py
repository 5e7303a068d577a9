"""Every public call leaves the process as it found it, and its bits do not depend on what it found.

Kept under watch: floating-point state (rounding, flush to zero, exception mask and flags' control
word), NumPy's global generator and error state, environment, signal handlers, warning filters,
locale, working directory, sys.path, hooks and open files. Each call is made once as the process
starts and once under each of several changed floating-point states, with the same bits asked for.
"""

from __future__ import annotations

import ctypes
import faulthandler
import locale
import os
import pathlib
import signal
import sys
import threading
import warnings

import common
import numpy as np
import state_calls

ROUNDINGS = {"nearest": 0, "down": 0x400, "up": 0x800, "to zero": 0xC00}  # x86: bits of MXCSR
FLUSH = 0x8000 | 0x0040  # flush to zero, denormals are zero
CONTROL = 0xFFC0  # all of MXCSR but the sticky flags


class Fenv(ctypes.Structure):
    """glibc's fenv_t on x86-64: x87 environment, then MXCSR."""

    _fields_ = (("x87", ctypes.c_uint32 * 7), ("mxcsr", ctypes.c_uint32))


LIBM = ctypes.CDLL("libm.so.6", use_errno=True) if sys.platform == "linux" else None
X86 = LIBM is not None and os.uname().machine == "x86_64"


def floating() -> tuple[int, int]:
    """Control bits of MXCSR and the x87 control word; zeros elsewhere than x86-64."""
    if not X86:
        return LIBM.fegetround() if LIBM else 0, 0
    env = Fenv()
    assert LIBM.fegetenv(ctypes.byref(env)) == 0
    return env.mxcsr & CONTROL, env.x87[0] & 0xFFFF


def set_floating(rounding: int, flush: bool) -> None:
    """Change rounding and flushing of this thread."""
    env = Fenv()
    assert LIBM.fegetenv(ctypes.byref(env)) == 0
    env.mxcsr = env.mxcsr & ~(0x6000 | FLUSH) | rounding << 3 | (FLUSH if flush else 0)
    env.x87[0] = env.x87[0] & ~0x0C00 | rounding
    assert LIBM.fesetenv(ctypes.byref(env)) == 0


def files() -> tuple[str, ...]:
    """What the process has open."""
    names = []
    for fd in os.listdir("/proc/self/fd"):
        try:
            names.append(f"{fd}:{os.readlink(f'/proc/self/fd/{fd}')}")
        except OSError:
            continue  # the listing's own
    return tuple(sorted(names))


def watched() -> dict[str, object]:
    """All that a call must leave alone."""
    kind, keys, *rest = np.random.get_state()  # noqa: NPY002
    handlers = {}
    for number in signal.valid_signals():
        handlers[int(number)] = signal.getsignal(number)
    mask = sorted(map(int, signal.pthread_sigmask(signal.SIG_BLOCK, [])))
    return {
        "floating point": floating(),
        "numpy's generator": (kind, keys.tobytes(), tuple(rest)),
        "numpy's error state": tuple(sorted(np.geterr().items())),
        "numpy's print options": str(sorted(np.get_printoptions().items())),
        "environment": tuple(sorted(os.environ.items())),
        "signal handlers": tuple(handlers.items()),
        "signal mask": tuple(mask),
        "wake-up descriptor": wakeup(),
        "warning filters": tuple(map(str, warnings.filters)),
        "showwarning": warnings.showwarning,
        "locale": locale.setlocale(locale.LC_ALL),
        "working directory": os.getcwd(),
        "umask": umask(),
        "sys.path": tuple(sys.path),
        "hooks": (sys.excepthook, threading.excepthook, sys.unraisablehook, sys.displayhook),
        "tracing": (sys.gettrace(), sys.getprofile(), sys.getrecursionlimit()),
        "streams": (sys.stdout, sys.stderr, sys.stdin),
        "switch interval": sys.getswitchinterval(),
        "fault handler": faulthandler.is_enabled(),
        "open files": files(),
    }


def wakeup() -> int:
    """signal.set_wakeup_fd as it is."""
    found = signal.set_wakeup_fd(-1)
    signal.set_wakeup_fd(found)
    return found


def umask() -> int:
    """os.umask as it is."""
    found = os.umask(0o077)
    os.umask(found)
    return found


def changes(before: dict[str, object]) -> list[str]:
    """What is not as it was."""
    after = watched()
    return [k for k in before if before[k] != after[k]]


def run(report: common.Report) -> None:
    """All calls, plain and under changed floating-point states."""
    with common.folder() as temporary:
        calls = state_calls.table(pathlib.Path(temporary))
        want: dict[str, str] = {}
        for name, call in calls.items():
            # The first time shows what stays as it was set; the second what is not made but once
            # (the files of the team of threads).
            for time in ("first", "second"):
                before = watched()
                want[name] = call()
                report.count("calls")
                for what in changes(before):
                    if (time, what) != ("first", "open files"):
                        report.expect(False, f"{name}: {what} is not as before the {time} call")
        if X86:
            under_other_states(report, calls, want)
        else:
            report.gap("flush to zero and the control words: not an x86-64 machine")


def under_other_states(report: common.Report, calls: dict, want: dict[str, str]) -> None:
    """Each call again, with rounding and flushing changed by the caller."""
    states = [(r, f) for r in ROUNDINGS for f in (False, True)][1:]
    for name, call in calls.items():
        for rounding, flush in states:
            set_floating(ROUNDINGS[rounding], flush)
            before = floating()
            try:
                found = call()
                after = floating()
            finally:
                set_floating(0, False)
            report.count("calls under another floating-point state")
            where = f"{name}, rounding {rounding}, flush to zero {flush}"
            report.expect(after == before, f"{where}: the state was {before}, is {after}")
            report.expect(found == want[name], f"{where}: {found} instead of {want[name]}")


if __name__ == "__main__":
    common.main(run)
