"""To add an activation or an optimizer takes at most two source files: the formula, written once
for host and device, and its Python class. Counted as the files whose code names it."""

from __future__ import annotations

import io
import pathlib
import re
import tokenize

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
ACTIVATIONS = ["softplus", "silu", "elu", "leaky_relu", "gelu", "gelu_tanh"]
OPTIMIZERS = ["Adam", "Adadelta", "Adagrad", "RMSprop"]


def cxx_code(text):
    return re.sub(r"//.*|/\*.*?\*/", "", text, flags=re.DOTALL if "/*" in text else 0)


def python_code(text):
    """The tokens without comments and without strings that stand alone (docstrings)."""
    kept, line_start = [], True
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type in (tokenize.NEWLINE, tokenize.NL, tokenize.INDENT, tokenize.DEDENT):
            line_start = True
        elif token.type == tokenize.STRING and line_start:
            continue
        elif token.type != tokenize.COMMENT:
            kept.append(token.string)
            line_start = False
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
