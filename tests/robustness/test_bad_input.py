"""Bad input: the named exception that says what came and what was expected, or the right bits.

Every case (see bad_input.py) is also held to 100 ms, no warning, inputs as they were, and weights
as they were where the call was refused.
"""

from __future__ import annotations

import warnings
from collections import Counter

import pytest
from robustness import (
    bad_input_dtypes,
    bad_input_files,
    bad_input_layouts,
    bad_input_order,
    bad_input_rates,
    bad_input_scalars,
    bad_input_shapes,
    bad_input_values,
)
from robustness.bad_input import Case, World, check

TABLES: dict[str, tuple[int, list[Case]]] = {
    "shapes": (100, bad_input_shapes.CASES),
    "dtypes": (700, bad_input_dtypes.CASES),
    "layouts": (400, bad_input_layouts.CASES),
    "values": (180, bad_input_values.CASES),
    "scalars": (480, bad_input_scalars.CASES),
    "rates": (1700, bad_input_rates.CASES),
    "order": (90, bad_input_order.CASES),
    "files": (350, bad_input_files.CASES),
}
ALL = [
    pytest.param(case, id=f"{category}-{case.id}")
    for category, (_, cases) in TABLES.items()
    for case in cases
]


@pytest.fixture(scope="module", autouse=True)
def warm() -> None:
    """Nothing of a first call is measured."""
    world = World()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        world.fit(validation_split=0.25, sample_weight=world.weights)
        world.trainer.evaluate(world.x, world.y)
        world.model.predict(world.x)


@pytest.mark.parametrize("case", ALL)
def test_bad_input(case: Case) -> None:
    check(case)


@pytest.mark.parametrize("kind", ["model", "run"])
def test_every_truncation(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A file cut off at any byte is refused."""
    refused, same = bad_input_files.check_damage(kind, bad_input_files.truncations(kind))
    with capsys.disabled():
        print(f"\n{kind} file cut off at every byte: {refused} refused, {same} as the original")
    assert refused > 500
    assert same == 0


@pytest.mark.parametrize("kind", ["model", "run"])
def test_bits(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A file with one bit turned over is refused, or is the original bit for bit."""
    refused, same = bad_input_files.check_damage(kind, bad_input_files.flips(kind))
    with capsys.disabled():
        print(f"\n{kind} file with a bit turned over: {refused} refused, {same} as the original")
    assert refused > 2000


def test_counts(capsys: pytest.CaptureFixture[str]) -> None:
    """Each category has as many cases as are promised, no two of one name."""
    counts = {category: len(cases) for category, (_, cases) in TABLES.items()}
    with capsys.disabled():
        each = ", ".join(f"{category} {n}" for category, n in counts.items())
        print(f"\nbad input: {sum(counts.values())} cases: {each}")
    assert sum(counts.values()) >= 250
    for category, (least, cases) in TABLES.items():
        assert len(cases) >= least, category
        assert not [name for name, n in Counter(c.id for c in cases).items() if n > 1]
