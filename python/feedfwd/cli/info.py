"""``feedfwd info``."""

from __future__ import annotations

import contextlib
import json
import pathlib
import platform
from typing import Any

import numpy as np

import feedfwd as ff
from feedfwd import _core


def gpu() -> dict[str, Any]:
    """Whether the GPU can be used, or why not."""
    found: dict[str, Any] = {"usable": False, "why": None, "driver": None}
    driver = pathlib.Path("/proc/driver/nvidia/version")
    with contextlib.suppress(OSError, IndexError):
        found["driver"] = driver.read_text(encoding="utf-8").splitlines()[0].strip()
    try:
        _core.check_device("cuda")
        found["usable"] = True
    except (ValueError, RuntimeError) as error:
        found["why"] = str(error)
    return found


def facts() -> dict[str, Any]:
    """What is told."""
    return {
        "feedfwd": ff.__version__,
        "numerics": _core.numerics_version,
        "instruction set": _core.active_isa(),
        "instruction sets here": _core.available_isas(),
        "threads": ff.get_num_threads(),
        "devices": ff.devices(),
        "gpu": gpu(),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "installed": str(pathlib.Path(ff.__file__).parent),
    }


def info(options: Any) -> int:
    """Print it."""
    found = facts()
    if options.json:
        print(json.dumps(found, indent=1))
        return 0
    state = found.pop("gpu")
    driver = state["driver"] or "no NVIDIA driver found"
    found["gpu"] = ("usable" if state["usable"] else state["why"]) + f" ({driver})"
    width = max(map(len, found))
    for name, value in found.items():
        text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
        print(f"{name:<{width}}  {text}")
    return 0
