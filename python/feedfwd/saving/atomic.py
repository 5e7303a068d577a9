"""Files that are either the old one or the new one, whole, whatever happens in between."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import secrets
import stat
from collections.abc import Iterable, Iterator
from typing import Any

try:
    import fcntl
except ImportError:  # not on this system: temporary files of killed processes stay
    fcntl = None  # type: ignore[assignment]

PREVIOUS = ".previous"
# Ctrl-C gets a look between two pieces.
PIECE = 4 << 20


def check_path(path: Any, argument: str = "path") -> str:
    """The path as a string.

    Raises:
        TypeError: no str, bytes or os.PathLike.
        ValueError: empty, or with a NUL in it.
    """
    try:
        text = os.fsdecode(os.fspath(path))
    except TypeError:
        raise TypeError(f"{argument}: got {type(path).__name__}, expected a path") from None
    except UnicodeError as error:
        raise ValueError(f"{argument}: got {path!r}, which is no path here; {error}") from None
    if not text or "\0" in text:
        raise ValueError(f"{argument}: got {text!r}, expected the path of a file")
    try:
        os.fsencode(text)
    except UnicodeError as error:
        raise ValueError(f"{argument}: got {text!r}, which is no path here; {error}") from None
    return text


def write(path: str, pieces: Iterable[bytes | memoryview], keep_previous: bool = False) -> None:
    """Write a file by way of a temporary one beside it, synced and renamed over it.

    Before the rename the old file is untouched; after it the new one is complete and on the disk.
    A link is followed. With `keep_previous` the old file stays as ``path + ".previous"``.

    Raises:
        OSError: what the system says; the old file is as it was and no temporary file is left.
        ValueError: the path is of something that is no regular file.
    """
    target = os.path.realpath(path)
    mode = _check_target(path, target)
    folder, base = os.path.split(target)
    prefix = f".{base[:64]}."
    _sweep(folder, prefix)
    try:
        with _temporary(folder, prefix, mode) as (fd, name):
            for piece in pieces:
                _write_all(fd, memoryview(piece).cast("B"))
            os.fsync(fd)
            if keep_previous and mode is not None:
                _keep(target, folder, prefix)
            os.replace(name, target)
        _sync_folder(folder)
    except OSError as error:
        # Nobody knows the temporary file's name.
        if error.filename is not None and prefix in str(error.filename):
            error.filename, error.filename2 = path, None
        raise


def _check_target(path: str, target: str) -> int | None:
    """The mode of the file that is there; None where there is none."""
    try:
        found = os.stat(target)
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    if not stat.S_ISREG(found.st_mode):
        raise ValueError(f"path: {path!r} is no regular file")
    os.close(os.open(target, os.O_WRONLY | _CLOEXEC))  # who protects a file wants to keep it
    return stat.S_IMODE(found.st_mode)


def _write_all(fd: int, data: memoryview) -> None:
    for at in range(0, len(data), PIECE):
        rest = data[at : at + PIECE]
        while rest:
            rest = rest[os.write(fd, rest) :]


@contextlib.contextmanager
def _temporary(folder: str, prefix: str, mode: int | None) -> Iterator[tuple[int, str]]:
    """A new file, locked while it is open and removed where it was not renamed."""
    fd = -1
    name = os.path.join(folder, f"{prefix}{secrets.token_hex(6)}.tmp")
    try:
        while fd < 0:
            fd = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _CLOEXEC, 0o666)
            if not _locked(fd, name):  # another save swept it away before it was locked
                os.close(fd)
                fd = -1
        if mode is not None:
            os.chmod(name, mode)
        yield fd, name
    finally:
        if fd >= 0:
            os.close(fd)
        with contextlib.suppress(OSError):
            os.unlink(name)


_CLOEXEC = getattr(os, "O_CLOEXEC", 0)


def _locked(fd: int, name: str) -> bool:
    """Take the lock that says a process still writes here; False if the name is gone."""
    if fcntl is None:
        return True
    with contextlib.suppress(OSError):  # a file system without locks
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    try:
        return os.path.samestat(os.stat(name), os.fstat(fd))
    except FileNotFoundError:
        return False


def _sweep(folder: str, prefix: str) -> None:
    """Remove the temporary files of processes that were killed while they wrote this file."""
    if fcntl is None:
        return
    pattern = re.compile(re.escape(prefix) + r"[0-9a-f]{12}\.tmp")
    with contextlib.suppress(OSError):
        stale = [n for n in os.listdir(folder or ".") if pattern.fullmatch(n)]
        for name in (os.path.join(folder, n) for n in stale):
            with contextlib.suppress(OSError):
                fd = os.open(name, os.O_WRONLY | _CLOEXEC)
                try:
                    fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)  # OSError: it is being written
                    os.unlink(name)
                finally:
                    os.close(fd)


def _keep(target: str, folder: str, prefix: str) -> None:
    """Give the old file a second name; the target stays there all the time."""
    second = os.path.join(folder, f"{prefix}{secrets.token_hex(6)}.tmp")
    try:
        try:
            os.link(target, second)
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            _copy(target, second)
        os.replace(second, target + PREVIOUS)
    finally:
        with contextlib.suppress(OSError):
            os.unlink(second)


_NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK, errno.EXDEV)


def _copy(source: str, to: str) -> None:
    with open(source, "rb") as old, open(to, "xb") as new:
        while piece := old.read(PIECE):
            new.write(piece)
        new.flush()
        os.fsync(new.fileno())


def _sync_folder(folder: str) -> None:
    """So that the rename is on the disk too."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    fd = os.open(folder or ".", os.O_RDONLY | os.O_DIRECTORY | _CLOEXEC)
    try:
        os.fsync(fd)
    except OSError as error:
        if error.errno != errno.EINVAL:  # a file system that syncs no folders
            raise
    finally:
        os.close(fd)
