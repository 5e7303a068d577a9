"""The programs of examples/: each runs, writes its picture, and prints what the docs say of it."""

import os
import pathlib
import re
import struct
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
LECTURE = ROOT / "examples" / "lecture"
PROGRAMS = sorted(p.stem for p in LECTURE.glob("[0-9]*.py"))
PAGE = ROOT / "docs" / "lecture.md"


def run(program, folder):
    pytest.importorskip("matplotlib")
    done = subprocess.run(
        [sys.executable, "-W", "error", str(program), str(folder)],
        cwd=folder,
        env={**os.environ, "MPLCONFIGDIR": str(folder)},
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


# What each must print, besides what CHECKS looks at.
SAID = {
    "01_perceptron": "y = g(z) = 0.0025",
    "04_dense_layer": "the same bits in every epoch: True",
    "06_deep_network": "337 parameters: loss 0.0057",
    "07_losses": "true: 100,",
    "09_gradient_descent": "loss 1.6670 to 0.5777",
    "11_learning_rate_finder": "suggestion: 0.19; weights as before: True",
    "13_batch_sizes": "loss 0.007; same bits: True",
    "14_overfitting": "stopped after epoch 117, back to the weights of epoch 57",
    "15_training_loop": "weights equal bit for bit: True",
}


def numbers(text):
    return [float(x) for x in re.findall(r"[-+]?\d+\.?\d*(?:e[-+]\d+)?", text)]


def check_activations(said):
    for line in said.splitlines()[:3]:
        assert numbers(line)[-1] <= 1e-15


def check_weights(said):
    dies, stays, saturates = (
        numbers(line.partition("layer: ")[2]) for line in said.splitlines()[:6:2]
    )
    assert dies[-1] < 1e-5 < 0.2 < stays[-1] < stays[0] < 0.7 and min(saturates) > 0.95


def check_single(said):
    two, eight, many = (numbers(line)[-1] for line in said.splitlines()[:3])
    assert two < eight < many == 100


def check_chain(said):
    for line in said.splitlines()[4:6]:
        by_hand, by_tape = numbers(line.partition("by hand")[2])
        assert by_hand == by_tape != 0


def check_rates(said):
    lines = said.splitlines()
    assert numbers(lines[0])[-1] > 1.4 and abs(numbers(lines[1])[-1] + 1.49) < 0.02
    assert lines[2].endswith("away")


def check_optimizers(said):
    lines = said.splitlines()[:5]
    assert [line.split()[0] for line in lines] == ["SGD", "Adam", "Adadelta", "Adagrad", "RMSprop"]
    assert all(numbers(line)[-1] > 94 for line in lines)


CHECKS = {
    "02_activations": check_activations,
    "03_initial_weights": check_weights,
    "05_single_layer": check_single,
    "08_chain_rule": check_chain,
    "10_learning_rates": check_rates,
    "12_optimizers": check_optimizers,
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_program(name, tmp_path):
    said = run(LECTURE / f"{name}.py", tmp_path)
    if name in SAID:
        assert SAID[name] in said
    if name in CHECKS:
        CHECKS[name](said)
    assert name in SAID or name in CHECKS
    head = (tmp_path / f"{name}.png").read_bytes()[:24]
    assert head.startswith(b"\x89PNG")
    width, height = struct.unpack(">II", head[16:24])
    assert width >= 400 and height >= 300


def test_the_page_shows_every_program_and_picture():
    text = PAGE.read_text(encoding="utf-8")
    for name in PROGRAMS:
        assert f"examples/lecture/{name}.py" in text and f"images/lecture/{name}.png" in text
        assert (PAGE.parent / "images" / "lecture" / f"{name}.png").stat().st_size < 120_000


@pytest.mark.parametrize("name", PROGRAMS)
def test_short_enough_for_a_slide(name):
    assert len((LECTURE / f"{name}.py").read_text().splitlines()) <= 55


def test_the_demo(tmp_path):
    said = run(ROOT / "examples" / "demo.py", tmp_path)
    accuracy = float(re.search(r"^test accuracy: ([\d.]+) %$", said, re.MULTILINE)[1])
    assert 95 < accuracy < 100
    assert "predictions equal bit for bit" in said and "samples a second; NumPy" in said
    assert (tmp_path / "learning-curves.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "digits.safetensors").exists()
