"""The CUDA backend's tests: `pytest -m gpu` on a GPU; with FEEDFWD_SHIM=1 on the host shim."""

from __future__ import annotations

import os
import pathlib

import feedfwd as ff
import pytest
from shim import load_shim

HERE = pathlib.Path(__file__).resolve().parent
ON_SHIM = os.environ.get("FEEDFWD_SHIM") == "1"


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
