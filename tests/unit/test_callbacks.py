"""Callbacks: the order of hooks, early stopping, learning rates, the CSV log."""

import csv
import itertools
import math

import feedfwd as ff
import numpy as np
import pytest
from feedfwd.callbacks import base

X = np.random.default_rng(0).normal(size=(40, 3))
Y = X.sum(1)


def trainer(rate=0.05):
    model = ff.Sequential([ff.layers.Dense(1)], seed=0)
    return ff.Trainer(model, optimizer=ff.optimizers.SGD(rate), loss="mse")


class Feed(ff.callbacks.Callback):
    """Puts made-up numbers into the logs, so that what follows sees a known curve."""

    def __init__(self, values, name="val_loss"):
        self.values, self.name = values, name

    def on_epoch_end(self, epoch, logs=None):
        logs[self.name] = self.values[epoch]


def run(values, callback, name="val_loss", epochs=None):
    t = trainer()
    t.fit(X, Y, epochs=epochs or len(values), verbose=0, callbacks=[Feed(values, name), callback])
    return t


def epochs_run(t):
    return len(t.history.epoch)


class Spy(ff.callbacks.Callback):
    def __init__(self):
        self.calls = []

    def on_train_begin(self, logs=None):
        self.calls.append("train_begin")

    def on_train_end(self, logs=None):
        self.calls.append("train_end")

    def on_epoch_begin(self, epoch, logs=None):
        self.calls.append(f"epoch_begin {epoch}")

    def on_epoch_end(self, epoch, logs=None):
        self.calls.append(f"epoch_end {epoch} {sorted(logs)}")

    def on_train_batch_begin(self, batch, logs=None):
        self.calls.append(f"batch_begin {batch}")

    def on_train_batch_end(self, batch, logs=None):
        self.calls.append(f"batch_end {batch}")

    def on_test_begin(self, logs=None):
        self.calls.append("test_begin")

    def on_test_end(self, logs=None):
        self.calls.append("test_end")


def test_order_of_hooks():
    spy, t = Spy(), trainer()
    t.fit(X, Y, batch_size=16, verbose=0, callbacks=[spy], validation_split=0.2)
    assert spy.calls == [
        "train_begin",
        "epoch_begin 0",
        *("batch_begin 0", "batch_end 0", "batch_begin 1", "batch_end 1"),
        *("test_begin", "test_end"),
        "epoch_end 0 ['loss', 'val_loss']",
        "train_end",
    ]
    assert spy.trainer is t and spy.model is t.model
    assert spy.params == {"epochs": 1, "steps": 2, "verbose": 0, "validates": True}


def test_batch_hooks_cost_only_when_overridden():
    t = trainer()
    calls = base.CallbackList([ff.callbacks.History()], t, {})
    assert not calls.wants("on_train_batch_begin", "on_train_batch_end")
    assert base.CallbackList([Spy()], t, {}).wants("on_train_batch_end")


def test_stopping_from_a_batch_and_from_an_epoch():
    class Stop(ff.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.last = batch
            self.trainer.stop_training = batch == 2

    stop, t = Stop(), trainer()
    t.fit(X, Y, batch_size=4, epochs=3, verbose=0, callbacks=stop)
    assert stop.last == 2 and epochs_run(t) == 1


@pytest.mark.parametrize("bad", [3, ff.callbacks.History, "EarlyStopping"])
def test_what_is_no_callback(bad):
    with pytest.raises(TypeError, match="callbacks"):
        trainer().fit(X, Y, verbose=0, callbacks=[bad])


def test_early_stopping_waits_and_stops():
    t = run([5, 4, 3, 3.5, 3.4, 3.3, 1], ff.callbacks.EarlyStopping(patience=2))
    assert epochs_run(t) == 5
    t = run([5, 4, 3, 3.5, 2, 2.5, 2.4, 0], ff.callbacks.EarlyStopping(patience=2))
    assert epochs_run(t) == 7


def test_patience_zero_stops_at_the_first_worse_epoch_but_not_the_first():
    assert epochs_run(run([1, 2, 0], ff.callbacks.EarlyStopping())) == 2
    nan = float("nan")
    assert epochs_run(run([nan, nan, 0], ff.callbacks.EarlyStopping())) == 2


def test_min_delta():
    stop = ff.callbacks.EarlyStopping(min_delta=0.5)
    assert epochs_run(run([5, 4, 3.75, 1], stop)) == 3
    assert epochs_run(run([5, 4, 3, 2], stop)) == 4


def test_mode():
    rising = [0.1, 0.2, 0.3, 0.4]
    stop = ff.callbacks.EarlyStopping(monitor="val_accuracy")
    assert epochs_run(run(rising, stop, "val_accuracy")) == 4
    stop = ff.callbacks.EarlyStopping(monitor="val_accuracy", mode="min")
    assert epochs_run(run(rising, stop, "val_accuracy")) == 2
    with pytest.raises(ValueError, match="mode"):
        ff.callbacks.EarlyStopping(mode="up")


def test_baseline_and_start():
    stop = ff.callbacks.EarlyStopping(baseline=1.0, patience=3)
    assert epochs_run(run([5, 4, 4.5, 1, 2], stop)) == 3
    stop = ff.callbacks.EarlyStopping(start_from_epoch=3)
    assert epochs_run(run([1, 2, 3, 4, 5, 6], stop)) == 5


def test_restore_best_weights():
    kept = {}

    class Keep(ff.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            kept[epoch] = self.model.get_weights()

    t = trainer()
    stop = ff.callbacks.EarlyStopping(patience=2, restore_best_weights=True)
    feed = Feed([5, 3, 4, 4, 4])
    t.fit(X, Y, epochs=5, verbose=0, callbacks=[feed, Keep(), stop])
    assert stop.best_epoch == 1 and stop.stopped_epoch == 3
    assert all(np.array_equal(a, b) for a, b in zip(t.model.get_weights(), kept[1], strict=True))
    assert not np.array_equal(kept[3][0], kept[1][0])


def test_best_weights_come_back_without_stopping_too():
    t = trainer()
    kept = []
    keep = ff.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: kept.append(t.model.get_weights())
    )
    stop = ff.callbacks.EarlyStopping(patience=9, restore_best_weights=True)
    t.fit(X, Y, epochs=3, verbose=0, callbacks=[Feed([1, 2, 3]), keep, stop])
    assert np.array_equal(t.model.get_weights()[0], kept[0][0])


def test_an_unknown_monitor_is_an_error():
    with pytest.raises(ValueError, match="monitor 'val_loss' is not among loss; pass validation"):
        trainer().fit(X, Y, verbose=0, callbacks=[ff.callbacks.EarlyStopping()])
    with pytest.raises(ValueError, match="'acc'"):
        trainer().fit(X, Y, verbose=0, callbacks=[ff.callbacks.EarlyStopping("acc")])


def test_epochs_without_validation_are_passed_by():
    t = trainer()
    t.fit(
        X,
        Y,
        epochs=5,
        verbose=0,
        validation_split=0.2,
        validation_freq=2,
        callbacks=[ff.callbacks.EarlyStopping(patience=3)],
    )
    assert epochs_run(t) == 5


def test_early_stopping_says_so(capsys):
    run([1, 2], ff.callbacks.EarlyStopping(verbose=1, restore_best_weights=True))
    assert capsys.readouterr().out == "Epoch 2: early stopping\nWeights of epoch 1 restored\n"


def test_reduce_on_plateau():
    reduce = ff.callbacks.ReduceLROnPlateau(factor=0.5, patience=2, min_lr=0.02)
    t = run([3, 3, 3, 3, 3, 3, 3], reduce)
    assert t.optimizer.learning_rate == 0.02
    t = run([3, 3, 3], ff.callbacks.ReduceLROnPlateau(factor=0.5, patience=2))
    assert t.optimizer.learning_rate == 0.025
    t = run([3, 3, 3, 3, 3], ff.callbacks.ReduceLROnPlateau(factor=0.5, patience=1, cooldown=4))
    assert t.optimizer.learning_rate == 0.025
    with pytest.raises(ValueError, match="factor"):
        ff.callbacks.ReduceLROnPlateau(factor=1.0)


def test_learning_rate_scheduler():
    t = trainer(0.1)
    t.fit(
        X,
        Y,
        epochs=3,
        verbose=0,
        callbacks=ff.callbacks.LearningRateScheduler(lambda epoch, rate: rate / 2),
    )
    assert math.isclose(t.optimizer.learning_rate, 0.0125)
    t.fit(X, Y, verbose=0, callbacks=ff.callbacks.LearningRateScheduler(lambda epoch: 0.5))
    assert t.optimizer.learning_rate == 0.5
    with pytest.raises(TypeError, match="schedule: returned None"):
        bad = ff.callbacks.LearningRateScheduler(lambda epoch: None)
        t.fit(X, Y, verbose=0, callbacks=bad)


def test_lambda_callback_checks_its_hooks():
    with pytest.raises(TypeError, match="on_epoch_over"):
        ff.callbacks.LambdaCallback(on_epoch_over=print)
    with pytest.raises(TypeError, match="expected a function"):
        ff.callbacks.LambdaCallback(on_epoch_end=3)


def test_csv_log(tmp_path):
    path = tmp_path / "log.csv"
    t = trainer()
    t.fit(X, Y, epochs=2, verbose=0, callbacks=ff.callbacks.CSVLogger(path))
    more = ff.callbacks.CSVLogger(path, append=True)
    history = t.fit(X, Y, epochs=3, initial_epoch=2, verbose=0, callbacks=more)
    with open(path, newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["epoch", "loss"] and [r[0] for r in rows[1:]] == ["0", "1", "2"]
    assert float(rows[3][1]) == history.history["loss"][0]


def test_a_hook_may_freeze_a_layer_between_epochs():
    for kind in ("class", "lambda"):
        fitted = ff.Trainer(
            ff.Sequential([ff.layers.Dense(4, "tanh"), ff.layers.Dense(1)], seed=0),
            ff.optimizers.SGD(0.1),
            "mse",
        )
        layer, kernels = fitted.model.layers[0], []

        def note(epoch, logs=None, layer=layer, kernels=kernels):
            kernels.append(layer.kernel.numpy().copy())
            layer.trainable = epoch != 1

        class Freeze(ff.callbacks.Callback):
            on_epoch_end = staticmethod(note)

        hook = Freeze() if kind == "class" else ff.callbacks.LambdaCallback(on_epoch_end=note)
        fitted.fit(X, Y, epochs=4, verbose=0, callbacks=hook)
        moved = [bool((a != b).any()) for a, b in itertools.pairwise(kernels)]
        assert moved == [True, False, True]
