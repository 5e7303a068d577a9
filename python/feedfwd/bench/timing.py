"""Turns of peers (A B C A B C ...), each in a process of its own, with spread, as JSON."""

from __future__ import annotations

import contextlib
import datetime
import json
import os
import pathlib
import platform
import re
import statistics
import subprocess
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import feedfwd as ff
from feedfwd import _core
from feedfwd.bench import cases, peers
from feedfwd.bench.peers.numpy import blas
from feedfwd.bench.process import FailedError, Process, shown_place

# Threads that a library let spin after its work would take from the next one's.
PAUSE = 0.1
# Losses of two epochs may differ by that part: rounding, and where epsilon stands in Adam.
AGREE, AGREE_WITH_DROPOUT = 5e-3, 5e-2
# The largest cache of a core's own or shared; what is larger comes from memory at every step.
CACHE_BYTES = 32 << 20


def usable_cpus() -> int:
    """CPUs this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def spread(values: Sequence[float]) -> dict[str, float]:
    """Median, quartiles and extremes."""
    low, median, high = (
        statistics.quantiles(values, n=4, method="inclusive")
        if len(values) > 1
        else [values[0]] * 3
    )
    return {
        "median": median,
        "quartile_1": low,
        "quartile_3": high,
        "min": min(values),
        "max": max(values),
    }


def agrees(case: cases.Case, ours: Sequence[float], theirs: Sequence[float]) -> bool:
    """Whether both computed the same thing, up to what rounding (and dropout) explains."""
    within = AGREE
    if isinstance(case, cases.Training) and case.dropout:
        within = AGREE_WITH_DROPOUT
    scale = max(map(abs, ours))
    return len(ours) == len(theirs) and all(
        abs(a - b) <= within * scale for a, b in zip(ours, theirs, strict=True)
    )


def compare(
    wanted: Sequence[cases.Case],
    names: Sequence[str],
    threads: Sequence[int],
    rounds: int,
    at_least: float = 0.2,
    say: Callable[[str], None] = print,
) -> dict[str, Any]:
    """Every case by every peer at every number of threads, in turns.

    Args:
        wanted: the cases.
        names: of peers; "feedfwd" is always among them. One that is not installed is a gap.
        threads: numbers of them; 0 is the GPU.
        rounds: turns that count; one more comes first, to warm up.
        at_least: seconds a turn lasts.
        say: gets a line about each gap and each case.
    """
    names = ["feedfwd", *(n for n in names if n != "feedfwd")]
    with contextlib.ExitStack() as ending:
        running: list[Process] = []
        gaps: dict[str, str] = {}
        for name in names:
            try:
                places = [n for n in threads if name in (peers.ON_GPU if n == 0 else peers.ON_CPU)]
                for n in places:
                    if peers.lacking(name):
                        raise FailedError(f"not installed: {', '.join(peers.lacking(name))}")
                    running.append(Process(name, n))
                    ending.callback(running[-1].close)
            except FailedError as error:
                if name == "feedfwd":
                    raise
                gaps[name] = str(error)
                say(f"{name} is left out: {error}")
        found: dict[str, Any] = {
            "peers": {p.name: p.version for p in running},
            "gaps": gaps,
            "roofs": roofs(threads),
            "rounds": rounds,
            "turn_seconds": at_least,
            "cases": [],
        }
        for i, case in enumerate(wanted):
            found["cases"].append(one_case(case, running, rounds, at_least))
            say(f"{i + 1} of {len(wanted)}: {line(found['cases'][-1], found['roofs'])}")
        # Something else may have run before: a roof is the most that was ever seen.
        after = roofs(threads)
        for n, roof in found["roofs"].items():
            roof.update({key: max(value, after[n][key]) for key, value in roof.items()})
    return found


def one_case(
    case: cases.Case, running: Sequence[Process], rounds: int, at_least: float
) -> dict[str, Any]:
    """Checks and times of one case."""
    taking: list[tuple[Process, list[float], list[float]]] = []  # what it computed, its times
    failed: dict[str, str] = {}
    for p in running:
        try:
            if p.ask("start", case=cases.to_dict(case)):
                taking.append((p, p.ask("check"), []))
        except FailedError as error:
            if p.name == "feedfwd":
                raise
            failed[p.label] = str(error)
    for turn in range(rounds + 1):
        for p, _, times in taking:
            time.sleep(PAUSE)
            seconds = p.ask("time", at_least=at_least)
            if turn > 0:
                times.append(seconds)
    for p in running:
        p.ask("forget")
    results = [
        {
            "peer": p.name,
            "device": p.device,
            "threads": p.threads,
            "agrees": agrees(case, taking[0][1], check),
            "check": check,
            "seconds": {**spread(times), "all": times},
        }
        for p, check, times in taking
    ]
    return {
        "case": cases.to_dict(case),
        "name": case.name,
        "results": results,
        "failed": failed,
        **judged(results),
    }


def ours(results: Sequence[dict[str, Any]], device: str = "cpu") -> dict[str, Any]:
    """feedfwd's result at the number of threads that it takes by itself: the most.

    Where it ran on one device alone, that one's.
    """
    own = [r for r in results if r["peer"] == "feedfwd"]
    there = [r for r in own if r["device"] == device] or own
    return max(there, key=lambda r: int(r["threads"]))


def judged(results: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Ours against the best of the others that computed the same, on the CPU and on the GPU."""
    found: dict[str, Any] = {}
    devices = {r["device"] for r in results}
    for device, prefix in (("cpu", ""), ("cuda", "gpu_")):
        others = [
            r for r in results if r["peer"] != "feedfwd" and r["agrees"] and r["device"] == device
        ]
        if not others:
            continue
        best = min(others, key=lambda r: r["seconds"]["median"])
        found[f"{prefix}best_peer"] = best["peer"]
        found[f"{prefix}best_threads"] = best["threads"]
        found[f"{prefix}ratio"] = spread(_ratios(best, ours(results, device)))
    if devices == {"cpu", "cuda"}:
        found["cpu_over_gpu"] = spread(_ratios(ours(results), ours(results, "cuda")))
    return found


def _ratios(slow: dict[str, Any], fast: dict[str, Any]) -> list[float]:
    pairs = zip(slow["seconds"]["all"], fast["seconds"]["all"], strict=True)
    return [a / b for a, b in pairs]


def roofs(threads: Sequence[int]) -> dict[str, dict[str, float]]:
    """What the machine can do at most, by number of threads, measured."""
    found = {}
    for n in threads:
        if n == 0:
            _, flops, bytes_moved = _core.device_roof("cuda")
        else:
            flops, bytes_moved = _core.fma_peak(n, True), _core.copy_bandwidth(n)
        found[str(n)] = {"fma_flops_per_second": flops, "copy_bytes_per_second": bytes_moved}
    return found


def floor_seconds(case: cases.Case, roof: dict[str, float]) -> float:
    """What arithmetic (at the fma peak) and memory traffic alone would take."""
    return max(
        case.flops() / roof["fma_flops_per_second"],
        case.bytes(CACHE_BYTES) / roof["copy_bytes_per_second"],
    )


def line(found: dict[str, Any], by_threads: dict[str, dict[str, float]]) -> str:
    """A case in a line."""
    parts = []
    for r in found["results"]:
        mark = "" if r["agrees"] else " (void: it computes something else)"
        where = shown_place(r["threads"])
        parts.append(f"{r['peer']}/{where} {shown_seconds(r['seconds']['median'])}{mark}")
    parts += [f"{who} failed" for who in found["failed"]]
    if "ratio" in found:
        ratio = found["ratio"]
        parts.append(
            f"best peer {found['best_peer']}/{found['best_threads']}: {ratio['median']:.2f} times "
            f"ours ({ratio['min']:.2f} to {ratio['max']:.2f})"
        )
    if "gpu_ratio" in found:
        parts.append(
            f"best peer on the GPU {found['gpu_best_peer']}: {found['gpu_ratio']['median']:.2f} "
            "times ours"
        )
    if "cpu_over_gpu" in found:
        parts.append(f"the GPU is {found['cpu_over_gpu']['median']:.2f} times as fast as the CPU")
    case = cases.from_dict(found["case"])
    if case.goal is not None:
        parts.append(f"goal {case.goal:g}")
    floor = floor_seconds(case, by_threads[str(ours(found["results"])["threads"])])
    return f"{found['name']}: {', '.join(parts)}, floor {shown_seconds(floor)}"


def shown_seconds(seconds: float) -> str:
    """With a unit that fits."""
    for scale, unit in ((1.0, "s"), (1e-3, "ms"), (1e-6, "us")):
        if seconds >= scale:
            return f"{seconds / scale:.3g} {unit}"
    return f"{seconds / 1e-9:.3g} ns"


def _git(*arguments: str) -> str | None:
    """What git says of the source tree we are in; None where that is none of feedfwd's."""
    here = pathlib.Path(__file__).resolve()

    def ask(*words: str) -> str:
        done = subprocess.run(
            ["git", "-C", str(here.parent), *words], capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    try:
        top = pathlib.Path(ask("rev-parse", "--show-toplevel"))
        own = (top / "python" / "feedfwd" / "bench" / here.name).is_file()
        return ask(*arguments) if own else None
    except (OSError, subprocess.CalledProcessError):
        return None


def cpu_model() -> str:
    """As the system names it."""
    try:
        text = pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        text = ""
    found = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    return found[1] if found else platform.processor()


def gpu_name() -> str | None:
    """As its maker calls it."""
    return _core.device_name("cuda") if "cuda" in ff.devices() else None


def circumstances() -> dict[str, Any]:
    """Machine, compiler, versions and commit, which every result carries."""
    binary = pathlib.Path(_core.__file__).read_bytes()
    compilers = {
        c.decode() for c in re.findall(rb"(?:GCC: \([^)\0]*\) |clang version )[0-9.]+", binary)
    }
    changes = _git("status", "--porcelain", "--untracked-files=no")
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "machine": {
            "cpu": cpu_model(),
            "usable_cpus": usable_cpus(),
            "architecture": platform.machine(),
            "system": f"{platform.system()} {platform.release()}",
            "load_average": os.getloadavg()[0],
            "gpu": gpu_name(),
        },
        "instruction_set": _core.active_isa(),
        "compiler": sorted(compilers),
        "versions": {
            "feedfwd": ff.__version__,
            "numerics": _core.numerics_version,
            "python": platform.python_version(),
            "numpy": np.__version__,
            "blas": blas(),
        },
        "commit": _git("rev-parse", "HEAD"),
        "uncommitted_changes": None if changes is None else bool(changes),
    }


def save(path: str | os.PathLike[str], name: str, results: Any) -> None:
    """Write results with their circumstances as JSON."""
    record = {"benchmark": name, **circumstances(), "results": results}
    pathlib.Path(path).write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def keep(folder: str | os.PathLike[str], name: str, results: Any) -> None:
    """Save as FOLDER/DATE-NAME.json, and say so."""
    day = datetime.datetime.now(datetime.timezone.utc).date().isoformat()
    path = pathlib.Path(folder, f"{day}-{name}.json")
    path.parent.mkdir(exist_ok=True)
    save(path, name, results)
    print(f"written: {path}")


def thread_counts() -> list[int]:
    """1, and all usable CPUs where there are more."""
    return sorted({1, usable_cpus()})
