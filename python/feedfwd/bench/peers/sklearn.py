"""scikit-learn: ``partial_fit``, an epoch a call."""

from __future__ import annotations

from typing import Any

import numpy as np
import sklearn
from sklearn.neural_network import MLPClassifier, MLPRegressor

from feedfwd.bench import cases
from feedfwd.bench.serve import Work


class Peer:
    """Threads are those of NumPy's BLAS, by the environment."""

    def __init__(self, _threads: int) -> None:
        self.version = str(sklearn.__version__)

    def training(self, case: cases.Training) -> Work | None:
        if case.dropout:
            return None  # it has none
        x, y = case.data()
        if case.loss == "mse" and y.shape[1] == 1:
            y = y[:, 0]

        def begun(shuffle: bool) -> Any:
            kind = MLPRegressor if case.loss == "mse" else MLPClassifier
            rate = case.rate
            if case.loss == "mse" and case.optimizer == "sgd":  # Adam does not care, up to epsilon
                rate *= 2 / case.widths[-1]  # the slope is of half the sum over the outputs
            model = kind(
                hidden_layer_sizes=case.widths[1:-1],
                solver=case.optimizer,
                alpha=0.0,
                batch_size=case.batch,
                learning_rate_init=rate,
                momentum=0.0,
                nesterovs_momentum=False,
                epsilon=1e-7,
                shuffle=shuffle,
                random_state=0,
            )
            known = {} if case.loss == "mse" else {"classes": np.arange(case.widths[-1])}
            model.partial_fit(x[: case.batch], y[: case.batch], **known)
            first = cases.weights(case.widths)
            for own, w in zip(model.coefs_, first[::2], strict=True):
                own[:] = w
            for own, b in zip(model.intercepts_, first[1::2], strict=True):
                own[:] = b
            if case.optimizer == "adam":
                model._optimizer.t = 0
                for slot in (*model._optimizer.ms, *model._optimizer.vs):
                    slot[:] = 0
            return model

        def check() -> list[float]:
            model, found = begun(False), []
            for _ in range(2):
                model.partial_fit(x, y)
                found.append(float(model.loss_) * (2 if case.loss == "mse" else 1))
            return found

        going = begun(True)
        return check, lambda: going.partial_fit(x, y)

    def prediction(self, case: cases.Prediction) -> Work:
        x, _ = case.data()
        model = MLPRegressor(hidden_layer_sizes=case.widths[1:-1], max_iter=1, batch_size=2)
        outputs = case.widths[-1]  # one is wanted without an axis
        model.partial_fit(
            np.zeros((2, case.widths[0]), np.float32),
            np.zeros((2, outputs)[: 1 + (outputs > 1)], np.float32),
        )
        first = cases.weights(case.widths)
        model.coefs_, model.intercepts_ = list(first[::2]), list(first[1::2])
        return lambda: model.predict(x).ravel()[:20].tolist(), lambda: model.predict(x)
