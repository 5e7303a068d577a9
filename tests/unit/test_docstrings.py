"""Every example in a docstring runs, and every public function and class has a docstring."""

from __future__ import annotations

import doctest
import importlib
import inspect
import pkgutil

import feedfwd as ff
import pytest

MODULES = sorted(
    name
    for _, name, _ in pkgutil.walk_packages(ff.__path__, "feedfwd.")
    if not name.endswith(("._core", ".__main__")) and ".bench.peers." not in name  # not installed
)


@pytest.mark.parametrize("name", ["feedfwd", *MODULES])
def test_examples(name):
    module = importlib.import_module(name)
    try:
        failed, _ = doctest.testmod(module, optionflags=doctest.NORMALIZE_WHITESPACE)
    finally:
        ff.random.set_seed(None)
    assert failed == 0


def test_the_examples_are_found():
    finder = doctest.DocTestFinder()
    names = ["feedfwd", "feedfwd.losses", "feedfwd.activations", "feedfwd.optimizers.kinds"]
    for name in names:
        found = finder.find(importlib.import_module(name))
        assert sum(len(t.examples) for t in found) >= 3, name


@pytest.mark.parametrize("name", MODULES)
def test_public_names_have_docstrings(name):
    module = importlib.import_module(name)
    assert (module.__doc__ or "").strip()
    for key, thing in vars(module).items():
        own = getattr(thing, "__module__", None) == name
        if own and not key.startswith("_") and (inspect.isclass(thing) or inspect.isroutine(thing)):
            assert (thing.__doc__ or "").strip(), f"{name}.{key}"
