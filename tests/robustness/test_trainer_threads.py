"""A Trainer that is saved and measured by other threads while it fits."""

from __future__ import annotations

import threading

import feedfwd as ff
import numpy as np
import pytest

RNG = np.random.default_rng(0)
X = RNG.normal(size=(6000, 16)).astype(np.float32)
Y = RNG.normal(size=(6000, 1)).astype(np.float32)
FIT = {"epochs": 6, "verbose": 0, "validation_split": 0.1}


def make():
    layers = [ff.Input((16,)), ff.layers.Dense(32, activation="relu"), ff.layers.Dropout(0.3)]
    model = ff.Sequential([*layers, ff.layers.Dense(1)], seed=0)
    return ff.Trainer(model, optimizer="adam", loss="mse", metrics=["mae"])


def result(trainer):
    return [w.tobytes() for w in trainer.model.get_weights()], trainer.history.history


def test_saved_and_measured_while_it_fits(tmp_path):
    want = make()
    want.fit(X, Y, **FIT)
    trainer, done, refused = make(), threading.Event(), []
    thread = threading.Thread(target=lambda: (trainer.fit(X, Y, **FIT), done.set()))
    thread.start()
    files = []
    while not done.is_set() and len(files) < 400:
        if trainer.model._settled:
            files.append(tmp_path / str(len(files)))
            trainer.save(files[-1])
        try:
            trainer.evaluate(X[:300], Y[:300], verbose=0)
        except ValueError as error:  # the fit is at its validation
            refused.append(str(error))
    thread.join()
    assert result(trainer) == result(want)
    assert files and all("busy with another evaluate" in text for text in refused)
    for path in files[:: len(files) // 6 + 1]:
        loaded = ff.Trainer.load(path)
        loaded.fit(X, Y, resume=True, **FIT)
        assert result(loaded) == result(want)


def test_a_call_within_itself_is_refused():
    trainer = make()

    class Again(ff.callbacks.Callback):
        def on_test_batch_end(self, batch, logs=None):
            trainer.fit(X[:64], Y[:64], validation_data=(X[:9], Y[:9]), verbose=0)

    with pytest.raises(ValueError, match="busy with another evaluate"):
        trainer.evaluate(X[:300], Y[:300], verbose=0, callbacks=Again())
    with pytest.raises(ValueError, match="busy with another fit"):
        inner = ff.callbacks.LambdaCallback(on_epoch_end=lambda e, logs: trainer.fit(X, Y))
        trainer.fit(X[:64], Y[:64], verbose=0, callbacks=inner)
    trainer.fit(X[:64], Y[:64], verbose=0)
    trainer.evaluate(X[:64], Y[:64], verbose=0)
