"""feedfwd itself, as a user calls it."""

from __future__ import annotations

from typing import Any

import numpy as np

import feedfwd as ff
from feedfwd import _core
from feedfwd.bench import cases
from feedfwd.bench.serve import Work

ROTATED_BYTES = 256 << 20  # more than a GPU's cache holds


def network(
    case: cases.Training | cases.Prediction, dropout: float = 0.0, device: str = "cpu"
) -> ff.Sequential:
    """The case's network with the weights that all peers begin with."""
    layers: list[Any] = [ff.Input((case.widths[0],))]
    for width in case.widths[1:-1]:
        layers.append(ff.layers.Dense(width, "relu"))
        if dropout:
            layers.append(ff.layers.Dropout(dropout))
    model = ff.Sequential([*layers, ff.layers.Dense(case.widths[-1])], seed=0, device=device)
    first = iter(cases.weights(case.widths))
    for layer in model.layers:
        if isinstance(layer, ff.layers.Dense):
            layer.set_weights([next(first), next(first)])
    return model


class Peer:
    """In the process's thread team, or on the GPU."""

    def __init__(self, threads: int, device: str = "cpu") -> None:
        ff.set_num_threads(threads)
        self.device = _core.check_device(device)
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
            return ff.Trainer(network(case, case.dropout, self.device), optimizer, loss)

        def fit(t: ff.Trainer, epochs: int, shuffle: bool) -> Any:
            done = t.fit(x, y, batch_size=case.batch, epochs=epochs, shuffle=shuffle, verbose=0)
            return done.history["loss"]

        going = trainer()
        return lambda: fit(trainer(), 2, False), lambda: fit(going, 1, True)

    def prediction(self, case: cases.Prediction) -> Work:
        x, _ = case.data()
        model = network(case, device=self.device)
        return lambda: np.asarray(model.predict(x)).ravel()[:20].tolist(), lambda: model.predict(x)

    def product(self, case: cases.Product) -> Work:
        a, b = (_core.to_device(ff.ops.convert_to_tensor(v), self.device) for v in case.data())

        def check() -> list[float]:
            found: list[float] = ff.ops.matmul(a, b).numpy().ravel()[:20].tolist()
            return found

        if self.device == "cpu":
            return check, lambda: ff.ops.matmul(a, b)
        # Operands take turns, so that the caches do not hold them.
        count = min(8, 1 + ROTATED_BYTES // (4 * (case.m * case.k + case.k * case.n)))
        pairs = [(a + 0.0, b + 0.0) for _ in range(count)]

        def run(n: int = 1) -> None:
            for i in range(n):
                ff.ops.matmul(*pairs[i % count])

        return check, run, lambda n: _core.device_seconds(self.device, lambda: run(n))
