"""feedfwd itself, as a user calls it."""

from __future__ import annotations

from typing import Any

import numpy as np

import feedfwd as ff
from feedfwd.bench import cases
from feedfwd.bench.serve import Work


def network(case: cases.Training | cases.Prediction, dropout: float = 0.0) -> ff.Sequential:
    """The case's network with the weights that all peers begin with."""
    layers: list[Any] = [ff.Input((case.widths[0],))]
    for width in case.widths[1:-1]:
        layers.append(ff.layers.Dense(width, "relu"))
        if dropout:
            layers.append(ff.layers.Dropout(dropout))
    model = ff.Sequential([*layers, ff.layers.Dense(case.widths[-1])], seed=0)
    first = iter(cases.weights(case.widths))
    for layer in model.layers:
        if isinstance(layer, ff.layers.Dense):
            layer.set_weights([next(first), next(first)])
    return model


class Peer:
    """In the process's thread team."""

    def __init__(self, threads: int) -> None:
        ff.set_num_threads(threads)
        self.version = ff.__version__

    def training(self, case: cases.Training) -> Work:
        x, y = case.data()

        def trainer() -> ff.Trainer:
            optimizer: Any = ff.optimizers.SGD(case.rate)
            if case.optimizer == "adam":
                optimizer = ff.optimizers.Adam(case.rate)
            loss: Any = "mse"
            if case.loss != "mse":
                loss = ff.losses.SparseCategoricalCrossentropy(from_logits=True)
            return ff.Trainer(network(case, case.dropout), optimizer, loss)

        def fit(t: ff.Trainer, epochs: int, shuffle: bool) -> Any:
            done = t.fit(x, y, batch_size=case.batch, epochs=epochs, shuffle=shuffle, verbose=0)
            return done.history["loss"]

        going = trainer()
        return lambda: fit(trainer(), 2, False), lambda: fit(going, 1, True)

    def prediction(self, case: cases.Prediction) -> Work:
        x, _ = case.data()
        model = network(case)
        return lambda: np.asarray(model.predict(x)).ravel()[:20].tolist(), lambda: model.predict(x)

    def product(self, case: cases.Product) -> Work:
        a, b = (ff.ops.convert_to_tensor(v) for v in case.data())
        return lambda: ff.ops.matmul(a, b).numpy().ravel()[:20].tolist(), lambda: ff.ops.matmul(
            a, b
        )
