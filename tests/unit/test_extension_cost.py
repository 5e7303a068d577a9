"""To add an activation or an optimizer takes at most two source files: the formula, written once
for host and device, and its Python class. In C++ and in the Python tables a mention counts; in
other Python code only a definition does, since using one (a default, a loss made of it) adds
nothing.
"""

from __future__ import annotations

import ast
import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
ACTIVATIONS = ["softplus", "silu", "elu", "leaky_relu", "gelu"]
OPTIMIZERS = ["Adam", "Adadelta", "Adagrad", "RMSprop"]


def cxx_code(text):
    return re.sub(r"//.*|/\*.*?\*/", "", text, flags=re.DOTALL if "/*" in text else 0)


def python_code(text):
    """The names a file defines, and the strings in its tables (module-level displays)."""
    kept = []
    for node in ast.walk(tree := ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            kept.append(node.name)
    for node in tree.body:
        value = getattr(node, "value", None)
        named = [t.id for t in getattr(node, "targets", []) if isinstance(t, ast.Name)]
        if isinstance(value, (ast.Dict, ast.List, ast.Tuple, ast.Set)) and "__all__" not in named:
            parts = value.keys if isinstance(value, ast.Dict) else value.elts
            kept += [
                p.value for p in parts if isinstance(p, ast.Constant) and isinstance(p.value, str)
            ]
    return "\n".join(kept)


@pytest.fixture(scope="module")
def sources():
    """{path: its code}"""
    found = {}
    for top in ("cpp", "cuda", "python"):
        for path in (ROOT / top).rglob("*"):
            if path.suffix in (".py", ".pyi"):
                found[path] = python_code(path.read_text(encoding="utf-8"))
            elif path.suffix in (".h", ".cpp", ".inc", ".cu", ".cuh"):
                found[path] = cxx_code(path.read_text(encoding="utf-8"))
    return {path.relative_to(ROOT).as_posix(): code for path, code in found.items()}


@pytest.mark.parametrize("name", ACTIVATIONS + OPTIMIZERS)
def test_at_most_two_files_name_it(sources, name):
    camel = "".join(part.capitalize() for part in name.split("_"))
    word = re.compile(rf"\b({name}|{name.lower()}|{camel})\b")
    files = [path for path, code in sources.items() if word.search(code)]
    assert 1 <= len(files) <= 2, f"{name} is named in {files}"
    assert len([f for f in files if f.startswith("python/")]) == 1
