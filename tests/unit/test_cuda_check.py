"""The search of the PTX finds what the numerics contract forbids, and nothing else."""

from __future__ import annotations

import importlib.util
import pathlib
from typing import Any

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def check() -> Any:
    spec = importlib.util.spec_from_file_location("cuda_check", ROOT / "scripts/cuda_check.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    "line",
    [
        "add.ftz.f32 %f1, %f2, %f3;",
        "add.rn.ftz.f32 %f1, %f2, %f3;",
        "sqrt.approx.f32 %f1, %f2;",
        "div.full.f32 %f1, %f2, %f3;",
        "\tmul.f32 %f1, %f2, %f3;",
        "@%p1 add.f64 %fd1, %fd2, %fd3;",
        "sub.f32 %f1, %f2, %f3;",
        "min.f32 %f1, %f2, %f3;",
        "max.NaN.f64 %fd1, %fd2, %fd3;",
        "atom.global.add.f32 %f1, [%rd1], %f2;",
        "red.global.add.f64 [%rd1], %fd2;",
        "fma.rz.f32 %f1, %f2, %f3, %f4;",
    ],
)
def test_found(check: Any, line: str) -> None:
    assert check.findings(f"mov.u32 %r1, %r2;\n{line}\n")


@pytest.mark.parametrize(
    "line",
    [
        "add.rn.f32 %f1, %f2, %f3;",
        "mul.rn.f64 %fd1, %fd2, %fd3;",
        "fma.rn.f32 %f1, %f2, %f3, %f4;",
        "div.rn.f32 %f1, %f2, %f3;",
        "sqrt.rn.f64 %fd1, %fd2;",
        "add.s64 %rd1, %rd2, %rd3;",
        "mul.lo.s32 %r1, %r2, %r3;",
        "max.s32 %r1, %r2, %r3;",
        "// add.ftz.f32 in a comment",
    ],
)
def test_not_found(check: Any, line: str) -> None:
    assert not check.findings(line)


def test_it_takes_the_flags_of_the_build(check: Any) -> None:
    flags = check.options()
    for flag in ("-fmad=false", "-ftz=false", "-prec-div=true", "-prec-sqrt=true"):
        assert flag in flags
    assert check.release_gpus() == ["75", "80", "86", "89", "90", "100", "120"]


KERNEL = "__device__ float half_of(float x) { return x * 0.5f; }\n%s\n"


@pytest.mark.parametrize(
    ("more", "wrong"),
    [
        ("__global__ void k(float* p) { *p = half_of(*p); }", ""),
        ("__global__ void k(float* p) { *p = __expf(*p); }", "approx"),
        ("float host(float x) { return half_of(x); }", "nvcc failed"),  # both passes are made
    ],
)
def test_a_source(check: Any, more: str, wrong: str, tmp_path: pathlib.Path) -> None:
    nvcc = check.find_nvcc()
    if nvcc is None:
        pytest.skip("no nvcc")
    source = tmp_path / "source.cu"
    source.write_text(KERNEL % more)
    found = check.compile_one(nvcc, source, "90", tmp_path)
    assert wrong in "".join(found) if wrong else not found
