"""kill -9 during fit with checkpoints: the resumed run ends with the bits of one left alone.

A child fits and writes checkpoints every few steps; it is killed at a moment spread over the
duration of the fit, started again (now and then killed again) and must end with the bits of an
uninterrupted fit without checkpoints. The same with BackupAndRestore.
"""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys
import time

import common
import feedfwd as ff
import networks_to_train as nets

SCRIPT = __file__
EVERY = 3


def fit_with_checkpoints(name: str, folder: str) -> None:
    """Child: go on from the checkpoint, or begin."""
    path = pathlib.Path(folder) / "run.safetensors"
    resume = path.exists()
    trainer = ff.Trainer.load(path) if resume else nets.trainer_of(name)
    os.write(1, b"resumed\n" if resume else b"started\n")
    nets.fit(trainer, name, [nets.checkpoint(path, EVERY)], resume=resume)
    os.write(1, nets.result(trainer).encode())


def fit_with_backup(name: str, folder: str) -> None:
    """Child: the same call each time; the callback finds its backup."""
    trainer = nets.trainer_of(name)
    os.write(1, b"resumed\n" if os.listdir(folder) else b"started\n")
    nets.fit(trainer, name, [ff.callbacks.BackupAndRestore(folder, save_freq=EVERY)])
    os.write(1, nets.result(trainer).encode())


def start(kind: str, name: str, folder: pathlib.Path) -> tuple[subprocess.Popen[str], str]:
    """A child that fits, and what it says about its beginning."""
    child = subprocess.Popen(
        common.command(SCRIPT, kind, name, folder),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    return child, child.stdout.readline().strip()


def killed_and_finished(
    report: common.Report, kind: str, name: str, fractions: list[float], seconds: float
) -> str | None:
    """Kill at the given fractions of the duration, one child after the other; then finish."""
    with common.folder() as folder:
        for fraction in fractions:
            child, _ = start(kind, name, folder)
            time.sleep(fraction * seconds)
            child.kill()
            child.communicate()
            report.count(f"kills, {kind}")
            if child.returncode != -9:  # it was done already
                report.count("kills that came too late")
                return None
        child, beginning = start(kind, name, folder)
        try:
            out, err = child.communicate(timeout=common.TIMEOUT)
        except subprocess.TimeoutExpired:
            child.kill()
            out, err = "", "hung"
        report.count(f"runs {beginning} after the kill")
        if child.returncode != 0:
            return f"return code {child.returncode}: {err.strip()[-400:]}"
        if kind == "backup" and os.listdir(folder):
            return f"{os.listdir(folder)} left in the folder of the backup"
        return out.strip()


def run(report: common.Report) -> None:
    """Kills in turn over the fits and both callbacks."""
    names = nets.names()
    n = 100 if report.long else 4
    wanted: dict[str, str] = {}
    seconds: dict[tuple[str, str], float] = {}
    fractions = common.spread(2, n)
    done = 0
    for i in range(3 * n):
        if done == n:
            break
        name, kind = names[i % len(names)], ("checkpoint", "backup")[(i // len(names) + i) % 2]
        if name not in wanted:
            wanted[name] = nets.whole(name)
        if (kind, name) not in seconds:
            seconds[kind, name] = duration(report, kind, name, wanted[name])
        fraction = fractions[done]
        several = [fraction] if done % 5 else [fraction, fraction / 2]
        found = killed_and_finished(report, kind, name, several, seconds[kind, name])
        if found is None:
            continue
        done += 1
        text = f"{name}, {kind}, killed at {fraction:.3f}: {found!r} instead of {wanted[name]!r}"
        report.expect(found == wanted[name], text)
    report.expect(done == n, f"only {done} of {n} kills met a running fit")


def duration(report: common.Report, kind: str, name: str, wanted: str) -> float:
    """Seconds of the fit with its checkpoints; they change no bit."""
    with common.folder() as folder:
        child, _ = start(kind, name, folder)
        begun = time.monotonic()
        out, err = child.communicate(timeout=common.TIMEOUT)
        report.expect(out.strip() == wanted, f"{name}, {kind}, not killed: {out!r} {err[-300:]}")
        return time.monotonic() - begun


if __name__ == "__main__":
    sys.path.insert(0, str(pathlib.Path(SCRIPT).parent))
    common.main(run, {"checkpoint": fit_with_checkpoints, "backup": fit_with_backup})
