"""`feedfwd bench` with a GPU: both devices side by side. No times are judged."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys
from typing import Any

import pytest
from feedfwd import _core
from feedfwd.bench import report, timing

HERE = pathlib.Path(__file__).resolve().parent
ON_SHIM = os.environ.get("FEEDFWD_SHIM") == "1"
SMALL = ["--networks", "4-8-3,4-16-3", "--batch-sizes", "8", "--rows", "24", "--predict", "3"]
SMALL += ["--products", "9x8x7", "--threads", "1", "--quick", "--peers", "numpy"]


def bench(folder: pathlib.Path, *argv: str) -> subprocess.CompletedProcess[str]:
    """In a process whose children have the shim too."""
    if ON_SHIM:
        (folder / "sitecustomize.py").write_text("import shim; shim.load_shim()\n")
    paths = [str(folder), str(HERE.parent), os.environ.get("PYTHONPATH", "")]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    command = [sys.executable, "-m", "feedfwd", "bench", *SMALL, *argv]
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=250)


def test_both_devices(device: str, tmp_path: pathlib.Path) -> None:
    out, picture = tmp_path / "found.json", tmp_path / "found.png"
    plot = ["--plot", str(picture)] if _has_matplotlib() else []
    done = bench(tmp_path, "--json", str(out), *plot)
    assert done.returncode == 0, done.stderr
    head, *_ = done.stdout.splitlines()
    assert "no GPU" not in head and "threads: 1, gpu" in head
    assert "CPU / GPU" in done.stdout and "feedfwd/gpu" in done.stdout
    record = json.loads(out.read_text())
    assert record["machine"]["gpu"] == _core.device_name("cuda")
    assert set(record["results"]["roofs"]) == {"0", "1"}
    for case in record["results"]["cases"]:
        by_place = {(r["peer"], r["device"]) for r in case["results"]}
        assert {("feedfwd", "cpu"), ("feedfwd", "cuda"), ("numpy", "cpu")} <= by_place
        assert all(r["agrees"] for r in case["results"]) and not case["failed"]
        assert case["cpu_over_gpu"]["median"] > 0
    assert bool(plot) == picture.exists()


def _has_matplotlib() -> bool:
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        return False
    return True


def test_the_gpu_alone(device: str, tmp_path: pathlib.Path) -> None:
    done = bench(tmp_path, "--device", "cuda")
    assert done.returncode == 0, done.stderr
    assert "threads: gpu" in done.stdout and "feedfwd/1" not in done.stdout


def test_roof(device: str) -> None:
    name, flops, moved = _core.device_roof("cuda")
    assert name and flops > 0 and moved > 0


def test_crossover() -> None:
    def drawn(cpu: list[float], gpu: list[float]) -> Any:
        xs = [10, 100, 1000]
        return {
            ("feedfwd", 1): [(x, 1.0) for x in xs],
            ("feedfwd", 2): list(zip(xs, cpu, strict=True)),
            ("numpy", 1): [(x, 1e9) for x in xs],
            ("feedfwd", 0): list(zip(xs, gpu, strict=True)),
        }

    assert report.crossover(drawn([4, 4, 4], [2, 8, 16])) == pytest.approx(10**1.5)
    assert report.crossover(drawn([4, 4, 4], [8, 8, 8])) == 10
    assert report.crossover(drawn([4, 4, 4], [2, 2, 2])) is None


def test_judged_on_each_device() -> None:
    def result(peer: str, where: str, seconds: float) -> dict[str, Any]:
        spread = {**timing.spread([seconds]), "all": [seconds]}
        threads = 2 if where == "cpu" else 0
        return {
            "peer": peer, "device": where, "threads": threads, "agrees": True, "seconds": spread
        }  # fmt: skip

    found = timing.judged(
        [
            result("feedfwd", "cpu", 2.0),
            result("feedfwd", "cuda", 0.5),
            result("numpy", "cpu", 6.0),
            result("torch", "cuda", 1.0),
        ]
    )
    assert (found["best_peer"], found["ratio"]["median"]) == ("numpy", 3.0)
    assert (found["gpu_best_peer"], found["gpu_ratio"]["median"]) == ("torch", 2.0)
    assert found["cpu_over_gpu"]["median"] == 4.0
