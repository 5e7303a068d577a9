"""The short form of every fault script: a few repetitions of each kind."""

import json
import pathlib
import subprocess
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
SCRIPTS = sorted(p.stem for p in HERE.glob("*.py") if "\n    common.main(" in p.read_text())


def test_runner_knows_all_scripts():
    """A script that is not in the runner's list would never run in its long form."""
    asked = [sys.executable, str(HERE / "run.py"), "--help"]
    told = subprocess.run(asked, capture_output=True, text=True, check=True, timeout=60).stdout
    assert len(SCRIPTS) == 8
    assert all(name in told for name in SCRIPTS)


@pytest.mark.parametrize("name", SCRIPTS)
def test_short(name, tmp_path):
    """No findings, and the script says how much it tried."""
    counts = tmp_path / "counts.json"
    done = subprocess.run(
        [sys.executable, str(HERE / f"{name}.py"), "--json", str(counts)],
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(counts.read_text())
    assert found["findings"] == []
    assert found["counts"]["checks"] > 0
