"""Dependencies point one way: python -> bindings -> core -> backend.h <- cpu, cuda."""

from __future__ import annotations

import ast
import os
import pathlib
import platform
import re
import shutil
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
SUFFIXES = {".h", ".cpp", ".inc", ".cu", ".cuh"}
INCLUDE = re.compile(r'^\s*#\s*include\s*(["<])([^">]+)[">]', re.MULTILINE)

# folder: what its files may include, as prefixes of paths in the tree. The longest folder counts.
MAY_INCLUDE = {
    "cpp/core/math": ("cpp/core/math/",),
    "cpp/core": ("cpp/core/",),
    "cpp/cpu": ("cpp/core/", "cpp/cpu/"),
    "cuda": ("cpp/core/", "cuda/"),
    "cpp/bindings": ("cpp/", "cuda/"),
}
# What a backend has no business with: it runs a Program's ops, others make them.
ABOVE_BACKENDS = {"executor.h", "tape.h", "trace.h", "tensor.h", "differentiate.h", "lower.h"}


def cxx_files():
    found = [p for top in ("cpp", "cuda") for p in (ROOT / top).rglob("*") if p.suffix in SUFFIXES]
    assert len(found) > 10
    return sorted(found)


def python_files():
    found = sorted((ROOT / "python" / "feedfwd").rglob("*.py"))
    assert found
    return found


def name(path):
    return path.relative_to(ROOT).as_posix()


def layer_of(path):
    folders = [f for f in MAY_INCLUDE if name(path).startswith(f + "/")]
    return max(folders, key=len)


def quoted_includes(path):
    """(as written, the file it means or None)"""
    for quote, target in INCLUDE.findall(path.read_text(encoding="utf-8")):
        if quote == '"':
            places = [path.parent / target, ROOT / "cpp" / target, ROOT / target]
            yield target, next((p.resolve() for p in places if p.is_file()), None)


def test_includes_point_one_way():
    wrong = []
    for path in cxx_files():
        for target, found in quoted_includes(path):
            if found is None:
                wrong.append(f"{name(path)}: no such file: {target}")
            elif not name(found).startswith(MAY_INCLUDE[layer_of(path)]):
                wrong.append(f"{name(path)} includes {name(found)}")
            elif layer_of(path) in ("cpp/cpu", "cuda") and found.name in ABOVE_BACKENDS:
                wrong.append(f"{name(path)} includes {name(found)}, which is above a backend")
    assert not wrong, "\n".join(wrong)


def test_only_the_bindings_know_python():
    wrong = [
        name(path)
        for path in cxx_files()
        if layer_of(path) != "cpp/bindings"
        and name(path) != "cuda/module.cpp"  # nothing but the module's beginning
        and any(
            target.startswith("pybind11") or target == "Python.h"
            for _, target in INCLUDE.findall(path.read_text(encoding="utf-8"))
        )
    ]
    assert not wrong


def test_cuda_headers_stay_in_cuda():
    wrong = [
        f"{name(path)}: {target}"
        for path in cxx_files()
        if layer_of(path) != "cuda"
        for quote, target in INCLUDE.findall(path.read_text(encoding="utf-8"))
        if quote == "<" and re.match(r"cuda|cublas|nvrtc", target)
    ]
    assert not wrong


def test_no_switch_for_cuda():
    """But for FF_HD, which marks a formula for host and device, and where the host shim of the
    tests takes the place of the device: shared memory and launches."""
    switch = re.compile(r"^\s*#\s*(if|ifdef|ifndef|elif)\b.*CUDA", re.MULTILINE)
    files = [name(p) for p in cxx_files() if switch.search(p.read_text(encoding="utf-8"))]
    assert set(files) <= {"cpp/core/math/numeric.h", "cuda/device.h", "cuda/launch.h"}


def test_libraries_link_one_way():
    allowed = {"core": {"Threads::Threads"}, "cpu": {"ff_core"}}
    for folder, want in allowed.items():
        text = (ROOT / "cpp" / folder / "CMakeLists.txt").read_text(encoding="utf-8")
        links = re.findall(r"target_link_libraries\(ff_\w+ PUBLIC ([^)]*)\)", text)
        assert {lib for link in links for lib in link.split()} == want
    text = (ROOT / "cuda" / "CMakeLists.txt").read_text(encoding="utf-8")
    assert "ff_cpu" not in text


def test_every_instruction_set_has_its_source():
    flags = (ROOT / "cpp" / "isa.cmake").read_text(encoding="utf-8")
    isas = re.findall(r"^set\(FF_FLAGS_(\w+) ", flags, re.MULTILINE)
    assert len(isas) >= 4
    for isa in isas:
        assert (ROOT / "cpp" / "cpu" / f"isa_{isa}.cpp").is_file()


def test_compiler_flags_keep_the_numerics():
    text = (ROOT / "CMakeLists.txt").read_text(encoding="utf-8")
    assert "-ffp-contract=off" in text and "INTERPROCEDURAL_OPTIMIZATION OFF" in text
    every = [text] + [
        p.read_text(encoding="utf-8")
        for folder in ("cpp", "cuda", "tests/cuda")
        for p in [*ROOT.glob(f"{folder}/**/CMakeLists.txt"), *ROOT.glob(f"{folder}/**/*.cmake")]
    ]
    for flag in ("-ffast-math", "-flto", "-Ofast", "-funsafe-math", "use_fast_math"):
        assert not any(flag in t for t in every)
    cuda = (ROOT / "cuda" / "CMakeLists.txt").read_text(encoding="utf-8")
    for flag in ("-fmad=false", "-ftz=false", "-prec-div=true", "-prec-sqrt=true"):
        assert flag in cuda


# --- sizes --------------------------------------------------------------------------------------


def test_backend_header_can_be_read_in_one_sitting():
    assert len((ROOT / "cpp/core/backend.h").read_text(encoding="utf-8").splitlines()) < 120


def test_no_file_over_400_lines():
    lines = {name(p): p.read_text().count("\n") for p in [*cxx_files(), *python_files()]}
    assert not {k: n for k, n in lines.items() if n > 400}


CONTROL = re.compile(r"^\s*(\}?\s*(if|else|for|while|switch|do|catch|try)\b|namespace|extern)")


def cxx_function_lengths(text):
    """(first line, lines) of each brace block that a line with a parameter list opens. Sound for
    sources in the tree's clang-format style, which puts a block's end under its beginning."""
    opened = []
    for number, line in enumerate(text.splitlines(), 1):
        code = re.sub(r'"(\\.|[^"\\])*"|\'(\\.|[^\'\\])\'|//.*', "", line)
        for char in code:
            if char == "{":
                opened.append((number, ")" in code and not CONTROL.match(code)))
            elif char == "}" and opened:
                first, is_function = opened.pop()
                if is_function:
                    yield first, number - first + 1


def test_no_function_over_60_lines():
    long = []
    for path in cxx_files():
        for first, n in cxx_function_lengths(path.read_text(encoding="utf-8")):
            if n > 60:
                long.append(f"{name(path)}:{first}: {n} lines")
    for path in python_files():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                body = node.body[1:] if ast.get_docstring(node) else node.body
                n = node.end_lineno - body[0].lineno + 1 if body else 0
                if n > 60:
                    long.append(f"{name(path)}:{node.lineno}: {n} lines")
    assert not long, "\n".join(long)


# --- object code --------------------------------------------------------------------------------

# A weak or global symbol outside the instruction set's namespace could be the one body that the
# linker keeps for every machine, and would then stop the others with an illegal instruction.
HARMLESS = re.compile(r"^(DW\.ref\.|__odr_asan|_GLOBAL__)")


def foreign_symbols(nm_output, isa):
    for line in nm_output.splitlines():
        match = re.match(r"^[0-9a-f]+ [A-Zuvw] (.*)$", line)  # defined: it has an address
        if match and not HARMLESS.match(match[1]) and f"feedfwd::{isa}::" not in match[1]:
            yield match[1]


def nm_by_isa(build_dir, tmp_path):
    """{instruction set: nm's lines}, from the build or, without one, from a compilation here."""
    archive = build_dir and next(iter(build_dir.rglob("libff_cpu.a")), None)
    if archive:
        text = subprocess.run(["nm", "-C", archive], capture_output=True, text=True, check=True)
        return dict(re.findall(r"^isa_(\w+)\.cpp\.o:\n((?:.+\n?)*)", text.stdout, re.MULTILINE))
    if platform.machine() not in ("x86_64", "AMD64"):
        pytest.skip("no build directory, and AVX-512 cannot be compiled for here")
    if shutil.which(os.environ.get("CXX", "c++")) is None:
        pytest.skip("no build directory, and no compiler")
    flags = re.search(r"FF_FLAGS_avx512 ([^)]*)", (ROOT / "cpp/isa.cmake").read_text())[1].split()
    command = [os.environ.get("CXX", "c++"), "-std=c++20", "-O2", "-ffp-contract=off", "-c"]
    command += ["-DFF_ISA=avx512", "-DFF_ISA_AVX512=1", *flags, f"-I{ROOT / 'cpp'}"]
    subprocess.run([*command, ROOT / "cpp/cpu/isa_avx512.cpp", "-o", tmp_path / "o"], check=True)
    text = subprocess.run(["nm", "-C", tmp_path / "o"], capture_output=True, text=True, check=True)
    return {"avx512": text.stdout}


@pytest.mark.skipif(shutil.which("nm") is None, reason="nm (binutils) is not installed")
def test_instruction_set_objects_keep_to_their_namespace(build_dir, tmp_path):
    symbols = nm_by_isa(build_dir, tmp_path)
    assert symbols
    for isa, text in symbols.items():
        assert f"feedfwd::{isa}::" in text
        assert not list(foreign_symbols(text, isa))
