"""The CUDA sources on the host shim, in the place of feedfwd._cuda."""

from __future__ import annotations

import ctypes
import importlib.util
import os
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]


def launches() -> int:
    """Kernels that have run on the shim."""
    shim = ctypes.CDLL(sys.modules["feedfwd._cuda"].__file__)
    shim.feedfwd_shim_launches.restype = ctypes.c_uint64
    return int(shim.feedfwd_shim_launches())


def load_shim() -> None:
    """Put the shim's module where feedfwd._core looks for feedfwd._cuda."""
    build = pathlib.Path(os.environ.get("FEEDFWD_BUILD_DIR", ROOT / "build/release"))
    [path] = build.glob("tests/cuda/_cuda_shim*.so")
    spec = importlib.util.spec_from_file_location("feedfwd._cuda", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    sys.modules["feedfwd._cuda"] = module
