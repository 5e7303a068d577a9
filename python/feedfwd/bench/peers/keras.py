"""Keras: ``fit`` with ``jit_compile``, on JAX."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from feedfwd.bench import cases
from feedfwd.bench.peers import jax
from feedfwd.bench.serve import Work


def network(case: cases.Training | cases.Prediction, dropout: float = 0.0) -> Any:
    """The case's network with the weights that all peers begin with."""
    import keras

    layers: list[Any] = [keras.Input((case.widths[0],))]
    for width in case.widths[1:-1]:
        layers.append(keras.layers.Dense(width, "relu"))
        if dropout:
            layers.append(keras.layers.Dropout(dropout))
    model = keras.Sequential([*layers, keras.layers.Dense(case.widths[-1])])
    for own, first in zip(model.trainable_variables, cases.weights(case.widths), strict=True):
        own.assign(first)
    return model


class Peer:
    """Held to its threads as JAX is."""

    def __init__(self, threads: int) -> None:
        jax.Peer(threads)
        os.environ["KERAS_BACKEND"] = "jax"
        import keras

        self.version = f"{keras.__version__}, {keras.backend.backend()}"

    def training(self, case: cases.Training) -> Work:
        import keras

        x, y = case.data()

        def compiled() -> Any:
            keras.utils.set_random_seed(0)
            model = network(case, case.dropout)
            optimizer: Any = keras.optimizers.SGD(case.rate)
            if case.optimizer == "adam":
                optimizer = keras.optimizers.Adam(case.rate)
            loss: Any = "mse"
            if case.loss != "mse":
                loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
            model.compile(optimizer, loss, jit_compile=True)
            return model

        def fit(model: Any, epochs: int, shuffle: bool) -> Any:
            done = model.fit(x, y, batch_size=case.batch, epochs=epochs, shuffle=shuffle, verbose=0)
            return [float(v) for v in done.history["loss"]]

        going = compiled()
        return lambda: fit(compiled(), 2, False), lambda: fit(going, 1, True)

    def prediction(self, case: cases.Prediction) -> Work:
        x, _ = case.data()
        model = network(case)
        model.compile(jit_compile=True)
        return (
            lambda: np.asarray(model.predict_on_batch(x)).ravel()[:20].tolist(),
            lambda: model.predict_on_batch(x),
        )
