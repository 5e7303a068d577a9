"""Disks that are full, read-only or broken: an OSError, the old file whole, nothing left behind.

Each fault meets model.save, trainer.save and a ModelCheckpoint inside fit: the error reaches the
caller, the file that was there stays byte for byte, no temporary file is left. When the fault is
gone the same object saves, trains on and ends with the bits of a run without faults.
"""

from __future__ import annotations

import contextlib
import errno
import os
import pathlib
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import common
import feedfwd as ff
import networks_to_train as nets

SCRIPT = __file__
FIT = "adam-plain"
CALLS = ("open", "write", "fsync", "chmod", "link", "replace", "close")
NOBODY = 65534


class Failing:
    """Makes the k-th of the system calls of a save fail; k from 0."""

    def __init__(self, k: int, number: int, short: bool = False) -> None:
        self.k, self.number, self.short = k, number, short
        self.made: list[str] = []
        self._real: dict[str, Callable[..., Any]] = {}

    def _wrap(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            self.made.append(name)
            if len(self.made) - 1 == self.k:
                if name == "close":
                    function(*args)  # a file is closed, even where this says it was not well
                if name == "write" and self.short:
                    return function(args[0], args[1][: max(1, len(args[1]) // 2)])
                raise OSError(self.number, os.strerror(self.number))
            return function(*args, **kwargs)

        return call

    def __enter__(self) -> Failing:
        self._real = {name: getattr(os, name) for name in CALLS}
        for name, function in self._real.items():
            setattr(os, name, self._wrap(name, function))
        return self

    def __exit__(self, *_: Any) -> None:
        for name, function in self._real.items():
            setattr(os, name, function)

    @property
    def what(self) -> str:
        """The call that failed, or "" if there was none so late."""
        return self.made[self.k] if len(self.made) > self.k else ""


def listing(folder: pathlib.Path) -> dict[str, bytes]:
    """All files and their bytes."""
    return {p.name: p.read_bytes() for p in sorted(folder.iterdir())}


class Case:
    """One thing that saves, over a file that is there."""

    def __init__(self, kind: str, folder: pathlib.Path) -> None:
        self.kind, self.path = kind, folder / "file.safetensors"
        self.trainer = nets.trainer_of(FIT)
        self.loader: Callable[..., Any] = ff.load_model if kind == "model" else ff.Trainer.load
        nets.fit(self.trainer, FIT, epochs=2)
        self.model = self.trainer.model
        self.save()  # the old file
        nets.fit(self.trainer, FIT, epochs=2)

    def save(self) -> None:
        """As this kind does it."""
        (self.model if self.kind == "model" else self.trainer).save(self.path)

    def digest(self) -> str:
        """The bits of the model."""
        return common.digest([*self.model.get_weights(), self.model.predict(nets.X[:9])])

    def check_refused(self, report: common.Report, fault: Any, where: str, numbers: Any) -> None:
        """Save under the fault, then without."""
        before, bits = listing(self.path.parent), self.digest()
        error = None
        with fault:
            try:
                self.save()
            except OSError as raised:
                error = raised
            except BaseException as raised:
                report.expect(False, f"{where}: {raised!r} instead of an OSError")
        report.count("faults in a save")
        good = error is not None and error.errno in numbers
        report.expect(good, f"{where}: {error!r}, expected an OSError with errno in {numbers}")
        after = listing(self.path.parent)
        names = sorted(set(after) ^ set(before))
        report.expect(not names, f"{where}: {names} left behind or lost")
        if not isinstance(fault, Failing) or "replace" not in fault.made[: fault.k]:
            report.expect(after == before, f"{where}: the old file changed")
        report.expect(self.digest() == bits, f"{where}: the model changed")
        self.check_saves(report, where)

    def check_saves(self, report: common.Report, where: str) -> None:
        """Without a fault it works, and what was there comes back."""
        keep = self.path.read_bytes()
        try:
            self.save()
            found = self.loader(self.path)
            model = found if self.kind == "model" else found.model
            same = common.digest([*model.get_weights(), model.predict(nets.X[:9])])
            report.expect(same == self.digest(), f"{where}: a later save holds other weights")
        except Exception as raised:
            report.expect(False, f"{where}: a later save: {raised!r}")
        self.path.write_bytes(keep)


def failing_calls(report: common.Report, kind: str) -> None:
    """Every call of a save in turn fails."""
    with common.folder() as folder:
        case = Case(kind, folder)
        for number in (errno.EIO, errno.ENOSPC) if report.long else (errno.EIO,):
            k = 0
            while True:
                probe = Failing(10**9, number)
                with probe:
                    case.save()
                if k >= len(probe.made):
                    break
                fault = Failing(k, number)
                where = f"{kind}: call {k} ({probe.made[k]}) fails with {errno.errorcode[number]}"
                case.check_refused(report, fault, where, {number})
                k += 1
        short = Failing(probe.made.index("write"), 0, short=True)
        with short:
            case.save()  # a write may take less than it was given
        case.check_saves(report, f"{kind}: a short write")


@contextlib.contextmanager
def file_size(limit: int) -> Iterator[None]:
    """No file may grow beyond it: what a quota does."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def quota(report: common.Report, kind: str) -> None:
    """A limit on the size of a file, at several sizes."""
    with common.folder() as folder:
        case = Case(kind, folder)
        size = case.path.stat().st_size
        for part in (0.0, 0.1, 0.5, 0.99) if report.long else (0.5,):
            limit = int(size * part)
            where = f"{kind}: files of at most {limit} of {size} bytes"
            case.check_refused(report, file_size(limit), where, {errno.EFBIG})


def checkpoint_fails(report: common.Report, name: str) -> None:
    """Every call of the checkpoints inside a fit in turn fails; the fit is resumed."""
    epochs = 2
    whole = nets.trainer_of(name)
    nets.fit(whole, name, epochs=epochs)
    want = nets.result(whole)
    k, step = 0, 1 if report.long else 9
    while True:
        with common.folder() as folder:
            path = folder / "run.safetensors"
            trainer, fault = nets.trainer_of(name), Failing(k, errno.ENOSPC)
            error = None
            with fault:
                try:
                    nets.fit(trainer, name, [nets.checkpoint(path, 7)], epochs=epochs)
                except OSError as raised:
                    error = raised
            if not fault.what:
                break
            where = f"{name}: call {k} ({fault.what}) of the checkpoints fails"
            report.count("faults in a checkpoint of a fit")
            report.expect(error is not None, f"{where}: no error")
            names = set(listing(folder)) - {path.name, path.name + ".previous"}
            report.expect(not names, f"{where}: {sorted(names)} left behind")
            if path.exists():
                loaded = ff.Trainer.load(path)
                nets.fit(loaded, name, [nets.checkpoint(path, 7)], epochs=epochs, resume=True)
                found = nets.result(loaded)
                report.expect(found == want, f"{where}: resumed from the file: {found}, not {want}")
            nets.fit(trainer, name, [nets.checkpoint(path, 7)], epochs=epochs, resume=True)
            found = nets.result(trainer)
            report.expect(found == want, f"{where}: resumed: {found} instead of {want}")
        k += step


@contextlib.contextmanager
def small_disk() -> Iterator[pathlib.Path | None]:
    """A file system of 1 MB; None where this process may not mount one."""
    with common.folder() as folder:
        asked = ["mount", "-t", "tmpfs", "-o", "size=1m", "none", str(folder)]
        try:
            done = subprocess.run(asked, capture_output=True, check=False)
        except OSError:
            done = None
        if done is None or done.returncode:
            yield None
            return
        try:
            yield folder
        finally:
            subprocess.run(["umount", "-l", str(folder)], check=True)


@contextlib.contextmanager
def filled(folder: pathlib.Path, leave: int) -> Iterator[None]:
    """The file system has `leave` bytes left."""
    filler = folder / "filler"
    free = os.statvfs(folder).f_bavail * os.statvfs(folder).f_frsize
    filler.write_bytes(b"x" * (free - leave))
    try:
        yield
    finally:
        filler.unlink()


@contextlib.contextmanager
def read_only(folder: pathlib.Path) -> Iterator[None]:
    """The file system cannot be written to."""
    subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)
    try:
        yield
    finally:
        subprocess.run(["mount", "-o", "remount,rw", str(folder)], check=True)


def full_disk(report: common.Report, kind: str) -> None:
    """A real file system: full, nearly full, read-only."""
    with small_disk() as disk:
        if disk is None:
            report.gap("a small file system: no right to mount one (quota and failing calls were)")
            return
        folder = disk / "inner"
        folder.mkdir()
        case = Case(kind, folder)
        size = case.path.stat().st_size
        for leave in (0, size // 2) if report.long else (size // 2,):
            where = f"{kind}: a disk with {leave} bytes left"
            case.check_refused(report, filled(disk, leave), where, {errno.ENOSPC})
        case.check_refused(
            report, read_only(disk), f"{kind}: a read-only disk", {errno.EROFS, errno.EACCES}
        )


def as_nobody(kind: str, folder: str) -> None:
    """Child, with few rights: save into a folder that cannot be written to."""
    report = common.Report("disk", False)
    place = pathlib.Path(folder)
    case = Case(kind, place)
    case.check_saves(report, kind)  # imports what is imported late
    place.chmod(0o555)
    if os.geteuid() == 0:
        for path in (place, case.path):
            os.chown(path, NOBODY, NOBODY)
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
    where = f"{kind}: a read-only folder"
    before = listing(place)
    try:
        case.save()
        report.expect(False, f"{where}: no error")
    except PermissionError:
        report.expect(listing(place) == before, f"{where}: the folder changed")
    place.chmod(0o755)
    case.check_saves(report, where)
    sys.exit(len(report.findings))


def read_only_folder(report: common.Report, kind: str) -> None:
    """In a child without root's rights, to whom a mode means nothing."""
    with common.folder() as outer:
        folder = outer / "inner"
        folder.mkdir()
        outer.chmod(0o755)
        done = common.call(SCRIPT, "nobody", kind, folder)
        report.count("read-only folders")
        text = f"{kind}: a read-only folder: {done.stdout} {common.tail(done)}"
        report.expect(done.returncode == 0, text)


def run(report: common.Report) -> None:
    """Every fault for every kind of save."""
    for kind in ("model", "trainer"):
        failing_calls(report, kind)
        quota(report, kind)
        full_disk(report, kind)
        read_only_folder(report, kind)
    for name in ("adam-plain", "sgd-stopping", "rmsprop-generator")[: 3 if report.long else 1]:
        checkpoint_fails(report, name)


if __name__ == "__main__":
    common.main(run, {"nobody": as_nobody})
