"""What every test may ask for. `reference` and `cases` are imported by name (pythonpath in
pyproject.toml); feedfwd is the installed package, never the source tree."""

from __future__ import annotations

import json
import os
import pathlib
import signal
from typing import Any

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[1]

# A shell that starts us in the background lets us ignore Ctrl-C, and our children too.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def root() -> pathlib.Path:
    """The source tree."""
    return ROOT


@pytest.fixture(scope="session")
def build_dir() -> pathlib.Path | None:
    """Where the C++ libraries of the installed package were built, if they are still there."""
    path = pathlib.Path(os.environ.get("FEEDFWD_BUILD_DIR", ROOT / "build" / "release"))
    return path if path.is_dir() else None


@pytest.fixture(scope="session")
def goldens() -> dict[str, Any]:
    """Numbers from Keras 3 and PyTorch in float64."""
    return json.loads((ROOT / "tests" / "goldens.json").read_text(encoding="utf-8"))
