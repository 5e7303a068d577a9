"""The oracle's optimizers: Keras 3's formulas in NumPy float64."""

from __future__ import annotations

import math
from typing import Any

import numpy as np


def _f64(x: Any) -> np.ndarray:
    return np.asarray(x, dtype=np.float64)


def _sgd(w, g, state, step, lr, momentum=0.0, nesterov=False):  # type: ignore[no-untyped-def]
    if momentum == 0:
        return w - lr * g
    m = state["m"] = momentum * state.get("m", 0.0) - lr * g
    return w + (momentum * m - lr * g if nesterov else m)


def _adam(  # type: ignore[no-untyped-def]
    w, g, state, step, lr, beta_1=0.9, beta_2=0.999, epsilon=1e-7, amsgrad=False
):
    m = state["m"] = beta_1 * state.get("m", 0.0) + (1 - beta_1) * g
    v = state["v"] = beta_2 * state.get("v", 0.0) + (1 - beta_2) * g * g
    if amsgrad:
        v = state["v_max"] = np.maximum(state.get("v_max", 0.0), v)
    rate = lr * math.sqrt(1 - beta_2**step) / (1 - beta_1**step)
    return w - rate * m / (np.sqrt(v) + epsilon)


def _adadelta(w, g, state, step, lr, rho=0.95, epsilon=1e-7):  # type: ignore[no-untyped-def]
    accumulated = state["g"] = rho * state.get("g", 0.0) + (1 - rho) * g * g
    delta = -np.sqrt(state.get("d", 0.0) + epsilon) / np.sqrt(accumulated + epsilon) * g
    state["d"] = rho * state.get("d", 0.0) + (1 - rho) * delta * delta
    return w + lr * delta


def _adagrad(  # type: ignore[no-untyped-def]
    w, g, state, step, lr, initial_accumulator_value=0.1, epsilon=1e-7
):
    a = state["a"] = state.get("a", initial_accumulator_value) + g * g
    return w - lr * g / np.sqrt(a + epsilon)


def _rmsprop(  # type: ignore[no-untyped-def]
    w, g, state, step, lr, rho=0.9, momentum=0.0, epsilon=1e-7, centered=False
):
    v = state["v"] = rho * state.get("v", 0.0) + (1 - rho) * g * g
    if centered:
        mean = state["mean"] = rho * state.get("mean", 0.0) + (1 - rho) * g
        v = v - mean * mean
    increment = lr * g / np.sqrt(v + epsilon)
    if momentum > 0:
        increment = state["m"] = momentum * state.get("m", 0.0) + increment
    return w - increment


# name: (formula, default learning rate, default weight decay)
OPTIMIZERS = {
    "SGD": (_sgd, 0.01, None),
    "Adam": (_adam, 0.001, None),
    "Adadelta": (_adadelta, 0.001, None),
    "Adagrad": (_adagrad, 0.001, None),
    "RMSprop": (_rmsprop, 0.001, None),
}


class Optimizer:
    """One of OPTIMIZERS with its state; `apply` takes one step on a list of arrays."""

    def __init__(
        self,
        name: str,
        learning_rate: float | None = None,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        **kwargs: Any,
    ) -> None:
        self.formula, rate, decay = OPTIMIZERS[name]
        self.learning_rate = rate if learning_rate is None else learning_rate
        self.weight_decay = decay if weight_decay is None else weight_decay
        self.clip = (clipnorm, clipvalue, global_clipnorm)
        self.kwargs = kwargs
        self.state: dict[int, dict[str, Any]] = {}
        self.step = 0

    def clipped(self, grads: list[np.ndarray]) -> list[np.ndarray]:
        clipnorm, clipvalue, global_clipnorm = self.clip
        if clipnorm is not None:
            norms = [math.sqrt((g * g).sum()) for g in grads]
            return [g * clipnorm / max(n, clipnorm) for g, n in zip(grads, norms, strict=True)]
        if global_clipnorm is not None:
            norm = math.sqrt(sum((g * g).sum() for g in grads))
            return [g * global_clipnorm / max(norm, global_clipnorm) for g in grads]
        if clipvalue is not None:
            return [np.clip(g, -clipvalue, clipvalue) for g in grads]
        return grads

    def apply(self, weights: list[Any], grads: list[Any]) -> list[np.ndarray]:
        self.step += 1
        result = []
        for i, (w, g) in enumerate(
            zip(weights, self.clipped([_f64(g) for g in grads]), strict=True)
        ):
            w = _f64(w)
            if self.weight_decay is not None:  # decoupled, before the update
                w = w - w * self.weight_decay * self.learning_rate
            state = self.state.setdefault(i, {})
            result.append(self.formula(w, g, state, self.step, self.learning_rate, **self.kwargs))
        return result
