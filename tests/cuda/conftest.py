"""The CUDA backend's tests: `pytest -m gpu` on a GPU; with FEEDFWD_SHIM=1 on the host shim."""

from __future__ import annotations

import importlib.util
import os
import pathlib
import sys

import feedfwd as ff
import pytest

HERE = pathlib.Path(__file__).resolve().parent
ON_SHIM = os.environ.get("FEEDFWD_SHIM") == "1"


def load_shim() -> None:
    """Put the shim's module where feedfwd._core looks for feedfwd._cuda."""
    build = pathlib.Path(os.environ.get("FEEDFWD_BUILD_DIR", HERE.parents[1] / "build/release"))
    [path] = build.glob("tests/cuda/_cuda_shim*.so")
    spec = importlib.util.spec_from_file_location("feedfwd._cuda", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    sys.modules["feedfwd._cuda"] = module


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.gpu)


@pytest.fixture(scope="session", autouse=True)
def device() -> str:
    if ON_SHIM:
        load_shim()
    elif "cuda" not in ff.devices():
        with pytest.raises(ValueError) as why:
            ff.Sequential([], device="cuda")
        pytest.skip(str(why.value))
    return "cuda"
