"""Trainer: what it refuses, NaN, Ctrl-C, shared variables, progress."""

import signal
import sys
import threading
import time
import types
from typing import ClassVar

import feedfwd as ff
import numpy as np
import pytest
from feedfwd import progress
from networks import LABELS, X, Y, classifier, regressor, sparse


def explode(**options):
    model = ff.Sequential([ff.layers.Dense(1)], seed=0)
    return ff.Trainer(model, optimizer=ff.optimizers.SGD(1e4), loss="mse", **options)


def test_a_loss_that_is_not_finite_raises_and_keeps_what_was():
    trainer = explode()
    with pytest.raises(FloatingPointError, match=r"(inf|nan) at epoch \d+, batch \d+"):
        trainer.fit(X, Y, epochs=50, verbose=0)
    assert len(trainer.history.history.get("loss", [])) == len(trainer.history.epoch)
    trainer.model.predict(X)


def test_a_loss_that_is_not_finite_can_stop_or_be_ignored():
    stopped = explode(on_nonfinite="stop")
    history = stopped.fit(X, Y, epochs=50, verbose=0)
    assert len(history.epoch) < 50 and np.all(np.isfinite(history.history.get("loss", [])))
    ignored = explode(on_nonfinite="ignore")
    assert len(ignored.fit(X, Y, epochs=50, verbose=0).epoch) == 50


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_not_finite_data_is_refused_before_the_first_step(bad):
    x = X.copy()
    x[5, 2] = bad
    trainer = ff.Trainer(regressor(), loss="mse")
    with pytest.raises(ValueError, match="row 5"):
        trainer.fit(x, Y, verbose=0)
    with pytest.raises(FloatingPointError):
        trainer.fit(x, Y, verbose=0, check_finite=False)


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (X, Y[:-1], "x has 103, y has 102"),
        (X, np.ones((103, 2)), r"y: got shape \(103, 2\), expected \(n, 1\)"),
        (X[:0], Y[:0], "no rows"),
        (X, None, "y: missing"),
    ],
)
def test_data_that_does_not_fit(x, y, message):
    with pytest.raises(ValueError, match=message):
        ff.Trainer(regressor(), loss="mse").fit(x, y, verbose=0)


def test_labels_out_of_range_name_value_and_row():
    with pytest.raises(ValueError, match="got label 7 in row 3"):
        labels = LABELS.copy()
        labels[3] = 7
        ff.Trainer(classifier(), loss=sparse()).fit(X, labels, verbose=0)


@pytest.mark.parametrize(
    "option",
    [
        {"batch_size": 0},
        {"epochs": -1},
        {"verbose": 7},
        {"validation_split": 1.0},
        {"validation_freq": 0},
        {"validation_data": X},
    ],
)
def test_options_are_checked(option):
    with pytest.raises(ValueError, match=next(iter(option))):
        ff.Trainer(regressor(), loss="mse").fit(X, Y, **{"verbose": 0, **option})


def test_what_a_trainer_is_made_of_is_checked():
    with pytest.raises(TypeError, match="model"):
        ff.Trainer(3, loss="mse")
    with pytest.raises(TypeError, match="loss: missing"):
        ff.Trainer(regressor())
    with pytest.raises(ValueError, match="on_nonfinite"):
        ff.Trainer(regressor(), loss="mse", on_nonfinite="no")
    with pytest.raises(ValueError, match="shards"):
        ff.Trainer(regressor(), loss="mse", shards=0)
    with pytest.raises(AttributeError, match=r"trainer.model.predict\(x\)"):
        ff.Trainer(regressor(), loss="mse").predict(X)


@pytest.mark.parametrize(
    ("last", "loss", "message"),
    [
        ([ff.layers.Dense(3)], {"from_logits": False}, "from_logits=True or end with"),
        ([ff.layers.Dense(3, activation="softmax")], {"from_logits": True}, "ends in a softmax"),
        (
            [ff.layers.Dense(3), ff.layers.Activation("softmax"), ff.layers.Dropout(0.1)],
            {"from_logits": True},
            "softmax",
        ),
        ([ff.Sequential([ff.layers.Dense(3)])], {"from_logits": False}, "linear"),
    ],
)
def test_the_from_logits_mistake(last, loss, message):
    with pytest.raises(ValueError, match=message):
        ff.Trainer(ff.Sequential(last), loss=ff.losses.SparseCategoricalCrossentropy(**loss))


def test_the_from_logits_mistake_in_a_graph():
    i = ff.Input((4,))
    model = ff.Model(i, ff.layers.Dense(3)(i))
    with pytest.raises(ValueError, match="linear"):
        ff.Trainer(model, loss=ff.losses.SparseCategoricalCrossentropy())


def test_several_outputs_are_refused():
    i = ff.Input((4,))
    model = ff.Model(i, [ff.layers.Dense(1)(i), ff.layers.Dense(1)(i)])
    with pytest.raises(ValueError, match="got 2 outputs"):
        ff.Trainer(model, loss="mse").fit(X, Y, verbose=0)


def test_two_trainers_of_one_model_see_each_others_steps():
    model = regressor()
    first, second = (
        ff.Trainer(model, optimizer=ff.optimizers.SGD(0.01), loss="mse") for _ in range(2)
    )
    losses = [t.fit(X, Y, verbose=0).history["loss"][0] for t in (first, second) * 4]
    assert losses[-1] < losses[0] / 2
    np.testing.assert_allclose(
        first.evaluate(X, Y)["loss"], np.mean((model.predict(X)[:, 0] - Y) ** 2), rtol=1e-5
    )


def test_models_that_share_layers_share_what_was_learned():
    i = ff.Input((4,))
    hidden = ff.layers.Dense(3, activation="tanh")(i)
    encoder = ff.Model(i, hidden, seed=0)
    before = encoder.predict(X)
    whole = ff.Model(i, ff.layers.Dense(1)(hidden), seed=0)
    ff.Trainer(whole, loss="mse").fit(X, Y, epochs=5, verbose=0)
    after = encoder.predict(X)
    assert not np.array_equal(before, after)
    assert np.array_equal(after, encoder(X).numpy())


def test_a_trainer_follows_variables_that_moved():
    i = ff.Input((4,))
    hidden = ff.layers.Dense(1)(i)
    first = ff.Model(i, hidden, seed=0)
    trainer = ff.Trainer(first, optimizer=ff.optimizers.SGD(0.1), loss="mse")
    start = trainer.fit(X, Y, verbose=0).history["loss"][0]
    ff.Model(i, ff.layers.Dense(1)(hidden), seed=0)  # puts the shared weights elsewhere
    again = trainer.fit(X, Y, epochs=3, verbose=0).history["loss"]
    assert again[-1] < start / 2
    assert trainer.evaluate(X, Y)["loss"] == pytest.approx(
        np.mean((first(X).numpy()[:, 0] - Y) ** 2), rel=1e-5
    )


def test_a_trainer_follows_a_model_that_changed():
    inner = ff.Sequential([ff.layers.Dense(3)])
    model = ff.Sequential([inner], seed=0)
    trainer = ff.Trainer(model, loss=sparse(), metrics=["accuracy"])
    trainer.fit(X, LABELS, verbose=0)
    model.predict(X)
    trainer.evaluate(X, LABELS)
    inner.add(ff.layers.Activation(lambda x: -x))
    assert np.array_equal(model.predict(X), model(X).numpy())
    found = trainer.evaluate(X, LABELS)
    hits = model.predict(X).argmax(1) == LABELS
    assert found["accuracy"] == pytest.approx(hits.mean())
    before = model.get_weights()[0]
    start = trainer.fit(X, LABELS, verbose=0).history["loss"][0]
    assert trainer.fit(X, LABELS, epochs=5, verbose=0).history["loss"][-1] < start
    assert not np.array_equal(before, model.get_weights()[0])


def test_ctrl_c_leaves_model_and_trainer_usable():
    trainer = ff.Trainer(regressor(), loss="mse")
    trainer.fit(X, Y, epochs=1, verbose=0)
    main = threading.main_thread()
    timer = threading.Timer(0.3, lambda: signal.pthread_kill(main.ident, signal.SIGINT))
    timer.start()
    start = time.perf_counter()
    with pytest.raises(KeyboardInterrupt):
        trainer.fit(X, Y, epochs=10**9, verbose=0)
    assert time.perf_counter() - start < 20
    timer.join()
    assert np.all(np.isfinite(trainer.model.predict(X)))
    trainer.fit(X, Y, epochs=1, verbose=0)


def test_a_line_per_epoch(capsys):
    ff.Trainer(regressor(), loss="mse").fit(X, Y, epochs=2, verbose=2)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 and lines[0].startswith("Epoch 1/2 - ") and "loss: " in lines[0]
    ff.Trainer(regressor(), loss="mse").fit(X, Y, epochs=2, verbose=0)
    assert capsys.readouterr().out == ""


class FakeBar:
    made: ClassVar[list] = []

    def __init__(self, total, desc, **_):
        self.total, self.desc, self.done, self.closed = total, desc, 0, False
        FakeBar.made.append(self)

    def set_postfix_str(self, text, refresh=True):
        self.text = text

    def update(self, n):
        self.done += n

    def close(self):
        self.closed = True


def test_a_bar_only_where_someone_looks(monkeypatch, capsys):
    module = types.ModuleType("tqdm.auto")
    module.tqdm = FakeBar
    monkeypatch.setitem(sys.modules, "tqdm", types.ModuleType("tqdm"))
    monkeypatch.setitem(sys.modules, "tqdm.auto", module)
    FakeBar.made.clear()

    def run(verbose, looks):
        monkeypatch.setattr(progress, "watched", lambda: looks)
        FakeBar.made.clear()
        ff.Trainer(regressor(), loss="mse").fit(X, Y, epochs=2, verbose=verbose)
        return len(FakeBar.made)

    assert [run(v, True) for v in ("auto", 1, 0, 2)] == [2, 2, 0, 0]
    assert [run(v, False) for v in ("auto", 1)] == [0, 0]
    capsys.readouterr()
    run("auto", True)
    bar = FakeBar.made[0]
    assert (bar.total, bar.done, bar.desc, bar.closed) == (4, 4, "Epoch 1/2", True)
    assert bar.text.startswith("loss: ") and capsys.readouterr().out == ""


def test_without_tqdm_there_are_lines(monkeypatch, capsys):
    monkeypatch.setattr(progress, "watched", lambda: True)
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    ff.Trainer(regressor(), loss="mse").fit(X, Y, epochs=2, verbose="auto")
    assert len(capsys.readouterr().out.splitlines()) == 2


def test_inputs_are_never_modified():
    x, y = X.copy(), LABELS.copy()
    x.flags.writeable = y.flags.writeable = False
    ff.Trainer(classifier(), loss=sparse()).fit(x, y, verbose=0, validation_split=0.1)


def test_the_learning_rate_can_be_set_at_any_time():
    optimizer = ff.optimizers.SGD(0.1)
    trainer = ff.Trainer(regressor(), optimizer=optimizer, loss="mse")
    trainer.fit(X, Y, verbose=0)
    before = trainer.model.get_weights()
    optimizer.learning_rate = 1e-30
    trainer.fit(X, Y, verbose=0)
    after = trainer.model.get_weights()
    assert all(np.array_equal(a, b) for a, b in zip(before, after, strict=True))
