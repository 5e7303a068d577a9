"""What users see: progress, reprs, summaries, pictures."""

import builtins
import io
import re
import subprocess
import sys

import feedfwd as ff
import numpy as np
import pytest
from feedfwd import progress


def small(**kw):
    return ff.Sequential(
        [ff.Input((4,)), ff.layers.Dense(3, "relu"), ff.layers.Dense(2, "softmax")], seed=0, **kw
    )


def trainer_of():
    loss = ff.losses.SparseCategoricalCrossentropy()
    return ff.Trainer(small(), "adam", loss, metrics=["accuracy"])


X, Y = np.random.default_rng(0).normal(size=(64, 4)), np.arange(64) % 2


class Terminal(io.StringIO):
    def isatty(self):
        return True


# ---- progress


def test_a_bar_in_a_terminal_with_loss_and_metrics(monkeypatch, capsys):
    pytest.importorskip("tqdm")
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    trainer_of().fit(X, Y, epochs=2, batch_size=8, validation_split=0.25)
    text = screen.getvalue()
    assert "Epoch 1/2" in text and "Epoch 2/2 |" in text and "6/6" in text
    last = text.rsplit("\r", 1)[-1]
    for name in ("loss: ", "accuracy: ", "val_loss: ", "val_accuracy: "):
        assert name in last
    assert capsys.readouterr().out == ""


def test_the_bar_tells_metrics_on_the_way(monkeypatch):
    pytest.importorskip("tqdm")
    seen = []

    class Bar:
        def __init__(self, **kw):
            pass

        def set_postfix_str(self, text, refresh=True):
            seen.append(text)

        def update(self, n):
            pass

        def close(self):
            pass

    monkeypatch.setattr(progress, "bar_class", lambda verbose: Bar)
    trainer_of().fit(X, Y, epochs=1)
    assert "accuracy" in seen[0]


def test_lines_elsewhere(capsys):
    trainer_of().fit(X, Y, epochs=2)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert re.match(r"Epoch 1/2 - \d+ms - loss: \d", lines[0])
    assert "accuracy: " in lines[0]


def test_lines_in_a_terminal_without_tqdm(monkeypatch, capsys):
    def without(name, *args, **kw):
        if name.startswith("tqdm"):
            raise ImportError(name)
        return imported(name, *args, **kw)

    imported = builtins.__import__
    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setattr(builtins, "__import__", without)
    trainer_of().fit(X, Y, epochs=1)
    assert capsys.readouterr().out.startswith("Epoch 1/1")


# ---- summary


def summary(model):
    lines = []
    model.summary(print_fn=lines.append)
    return lines


def test_summary_counts_by_hand():
    lines = summary(small())
    dense = next(line for line in lines if line.startswith("dense (Dense)"))
    # 4 x 3 products with their additions, 3 biases, 3 relus; three float32 out.
    assert dense.split()[-3:] == ["15", str(2 * 12 + 3 + 3), "12"]
    second = next(line for line in lines if line.startswith("dense_1"))
    assert second.split()[-3:] == ["8", str(2 * 6 + 2 + 5 * 2), "8"]
    assert "Trainable params: 23 (92 bytes)" in lines
    total = 30 + 24
    assert lines[-1] == f"A sample forward: {total} FLOPs, 36 bytes of input and layer outputs"


def test_summary_in_float64_and_of_frozen_layers():
    model = small(dtype="float64")
    model.layers[0].trainable = False
    lines = summary(model)
    assert "Trainable params: 8 (64 bytes)" in lines and "Other params: 15 (120 bytes)" in lines
    assert "72 bytes" in lines[-1]


def test_summary_of_a_graph_with_a_shared_layer_and_operators():
    shared = ff.layers.Dense(3)
    a, b = ff.Input((4,)), ff.Input((4,))
    model = ff.Model([a, b], ff.layers.Dense(1)(shared(a) + shared(b)), seed=0)
    lines = summary(model)
    once = next(line for line in lines if line.startswith("dense (Dense)"))
    assert once.split()[-3:] == ["15", str(2 * (2 * 12 + 3)), "24"]
    # The addition between the layers counts in the total alone.
    assert f"{2 * 27 + 3 + 7} FLOPs" in lines[-1]


def test_summary_of_nested_models_and_own_layers():
    class Scale(ff.layers.Layer):
        def build(self, input_shape):
            self.w = self.add_weight((input_shape[-1],), "ones")

        def call(self, x):
            return ff.ops.tanh(x * self.w)

    model = ff.Sequential([ff.Input((4,)), small(name="inner"), Scale()], seed=0)
    lines = summary(model)
    inner = next(line for line in lines if line.startswith("inner"))
    assert inner.split()[-3:] == ["23", "54", "8"]
    own = next(line for line in lines if "Scale" in line)
    assert own.split()[-3:] == ["2", "4", "8"]


def test_summary_of_what_runs_on_values_only():
    class Branch(ff.layers.Layer):
        def call(self, x):
            return x * 2.0 if float(ff.ops.sum(x)) > 0 else x

    model = ff.Sequential([Branch()], seed=0)
    model(np.ones((2, 3), np.float32))
    assert "?" in "\n".join(summary(model))


def test_summary_leaves_the_bits():
    model, twin = small(), small()
    summary(model)
    assert np.array_equal(model.predict(X), twin.predict(X))


# ---- reprs


def test_reprs():
    model = small(name="net")
    assert repr(model) == "<Sequential 'net': 2 layers, 23 parameters, float32 on cpu>"
    assert repr(model.layers[0]) == "<Dense 'dense', output (None, 3), 15 parameters>"
    assert repr(ff.layers.Dense(3, name="d")) == "<Dense 'd', not built>"
    unbuilt = ff.Sequential([ff.layers.Dense(2)])
    assert repr(unbuilt) == "<Sequential 'sequential': 1 layer, not built, float32 on cpu>"
    trainer = trainer_of()
    assert repr(trainer).startswith("<Trainer of <Sequential 'sequential': 2 layers")
    assert "Adam(learning_rate=0.001" in repr(trainer) and "metrics accuracy" in repr(trainer)
    trainer.fit(X, Y, epochs=3, verbose=0)
    assert repr(trainer).endswith("3 epochs done>")


def test_values_stand_under_one_another():
    lines = repr(ff.Variable(np.eye(2), name="w")).splitlines()
    head = "<Variable 'w' shape=(2, 2), dtype=float64, values="
    assert lines[0] == head + "[[1., 0.],"
    assert lines[1] == " " * len(head) + " [0., 1.]]>"
    text = repr(ff.ops.cast(np.zeros((100, 100)), "float32"))
    assert "..." in text and len(text) < 1000


def test_repr_of_half_made_things():
    class Bad(ff.layers.Layer):
        def __init__(self):
            pass

    class BadModel(ff.Model):
        def __init__(self):
            pass

    assert "Bad" in repr(Bad()) and "BadModel" in repr(BadModel())


# ---- pictures


def test_learning_curves(tmp_path):
    pytest.importorskip("matplotlib")
    trainer = trainer_of()
    trainer.fit(X, Y, epochs=6, validation_split=0.25, validation_freq=2, verbose=0)
    panels = trainer.history.plot(tmp_path / "curves.png")
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")
    assert [p.get_ylabel() for p in panels] == ["loss", "accuracy"]
    training, validation = panels[0].get_lines()[:2]
    assert list(training.get_xdata()) == [1, 2, 3, 4, 5, 6]
    assert list(validation.get_xdata()) == [2, 4, 6]
    assert list(validation.get_ydata()) == trainer.history.history["val_loss"]
    best = 2 * int(np.argmin(trainer.history.history["val_loss"])) + 2
    assert f"lowest: epoch {best}" in [t.get_text() for t in panels[0].get_legend().get_texts()]


def test_plots_that_cannot_be(tmp_path):
    with pytest.raises(ValueError, match="no finished epoch"):
        ff.callbacks.History().plot(tmp_path / "x.png")
    pytest.importorskip("matplotlib")
    history = trainer_of().fit(X, Y, verbose=0)
    with pytest.raises(FileNotFoundError):
        history.plot(tmp_path / "no" / "x.png")
    with pytest.raises(ValueError, match="nonsense"):
        history.plot(tmp_path / "x.nonsense")
    with pytest.raises(TypeError):
        history.plot(3)


def test_without_matplotlib(monkeypatch):
    history = trainer_of().fit(X, Y, verbose=0)
    for name in [n for n in sys.modules if n.partition(".")[0] == "matplotlib"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r'pip install "feedfwd\[plot\]"'):
        history.plot("x.png")


def test_import_brings_nothing_that_is_not_needed():
    code = (
        "import sys, feedfwd\n"
        "heavy = {'matplotlib', 'tqdm', 'pandas', 'safetensors', 'pyarrow', 'argparse', 'csv'}\n"
        "before = set(sys.modules)\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    numpy_only = "import sys, numpy; print(sorted({'argparse', 'csv'} & set(sys.modules)))"
    run = [
        subprocess.run([sys.executable, "-c", c], capture_output=True, text=True, check=True)
        for c in (code, numpy_only)
    ]
    assert run[0].stdout == run[1].stdout or run[0].stdout.strip() == "[]"
