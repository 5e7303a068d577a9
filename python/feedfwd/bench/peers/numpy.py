"""NumPy: float32 throughout, parameters in one block that is updated in place, buffers kept."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from feedfwd.bench import cases
from feedfwd.bench.serve import Work

Floats = NDArray[np.float32]


class Net:
    """A network, its gradients and its optimizer."""

    def __init__(self, case: cases.Training) -> None:
        self.case = case
        first = cases.weights(case.widths)
        self.parameters = np.concatenate([w.ravel() for w in first])
        self.gradients, self.m, self.v, self.scratch, self.root = (
            np.zeros_like(self.parameters) for _ in range(5)
        )
        ends = np.cumsum([w.size for w in first])[:-1]

        def views(block: Floats) -> list[Floats]:
            return [p.reshape(w.shape) for p, w in zip(np.split(block, ends), first, strict=True)]

        own, slope = views(self.parameters), views(self.gradients)
        self.w, self.b, self.dw, self.db = own[::2], own[1::2], slope[::2], slope[1::2]
        rows = case.batch
        # h[i] is the input of layer i, dh[i] its gradient; the last is the output.
        self.h = [np.empty((rows, width), np.float32) for width in case.widths]
        self.dh = [np.empty((rows, width), np.float32) for width in case.widths]
        self.keep = [np.empty((rows, width), np.float32) for width in case.widths]
        self.column = np.empty((rows, 1), np.float32)
        self.rows = np.arange(rows)
        self.t = 0
        self.rng = np.random.default_rng(2)

    def epoch(self, x: Floats, y: NDArray[Any], shuffle: bool) -> float:
        """One pass; the mean loss."""
        order = self.rng.permutation(len(x)) if shuffle else np.arange(len(x))
        total = 0.0
        for first in range(0, len(x), self.case.batch):
            rows = order[first : first + self.case.batch]
            np.take(x, rows, axis=0, out=self.h[0][: len(rows)], mode="clip")
            total += self.backward(y[rows]) * len(rows)
            self.update()
        return total / len(x)

    def backward(self, targets: NDArray[Any]) -> float:
        """Gradients of the mean loss of the rows in h[0]; its value."""
        n, last = len(targets), len(self.w)
        h, dh = [a[:n] for a in self.h], [a[:n] for a in self.dh]
        keep = [a[:n] for a in self.keep]
        rate = self.case.dropout
        for i in range(last):
            np.dot(h[i], self.w[i], out=h[i + 1])
            h[i + 1] += self.b[i]
            if i + 1 < last:
                np.maximum(h[i + 1], 0, out=h[i + 1])
                if rate:
                    self.rng.random(out=keep[i + 1], dtype=np.float32)
                    np.greater_equal(keep[i + 1], rate, out=keep[i + 1], casting="unsafe")
                    keep[i + 1] *= np.float32(1 / (1 - rate))
                    h[i + 1] *= keep[i + 1]
        loss = self.loss(h[last], targets, dh[last])
        for i in range(last - 1, -1, -1):
            np.dot(h[i].T, dh[i + 1], out=self.dw[i])
            np.sum(dh[i + 1], axis=0, out=self.db[i])
            if i > 0:
                np.dot(dh[i + 1], self.w[i].T, out=dh[i])
                if rate:
                    dh[i] *= keep[i]
                dh[i] *= h[i] > 0
        return loss

    def loss(self, out: Floats, targets: NDArray[Any], slope: Floats) -> float:
        """The mean loss; its gradient goes to `slope`."""
        n = len(targets)
        if self.case.loss == "mse":
            np.subtract(out, targets, out=slope)
            value = float(np.vdot(slope, slope)) / slope.size
            slope *= np.float32(2 / slope.size)
            return value
        column, rows = self.column[:n], self.rows[:n]
        np.subtract(out, np.max(out, axis=1, keepdims=True, out=column), out=slope)
        picked = slope[rows, targets]
        np.exp(slope, out=slope)
        slope /= np.sum(slope, axis=1, keepdims=True, out=column)
        np.log(column, out=column)
        slope[rows, targets] -= 1
        slope *= np.float32(1 / n)
        return float(column.mean() - picked.mean())

    def update(self) -> None:
        """SGD, or Adam as Keras 3 writes it, the whole block at a time."""
        scratch, root = self.scratch, self.root
        if self.case.optimizer == "sgd":
            np.multiply(self.gradients, np.float32(self.case.rate), out=scratch)
            self.parameters -= scratch
            return
        self.t += 1
        rate = np.float32(self.case.rate * np.sqrt(1 - 0.999**self.t) / (1 - 0.9**self.t))
        np.subtract(self.gradients, self.m, out=scratch)
        scratch *= np.float32(0.1)
        self.m += scratch
        np.multiply(self.gradients, self.gradients, out=scratch)
        scratch -= self.v
        scratch *= np.float32(0.001)
        self.v += scratch
        np.sqrt(self.v, out=root)
        root += np.float32(1e-7)
        np.divide(self.m, root, out=scratch)
        scratch *= rate
        self.parameters -= scratch


def blas() -> str:
    """Name and version of what multiplies matrices for NumPy."""
    try:
        found = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    except (TypeError, KeyError):  # before NumPy 1.25; built without
        return "unknown BLAS"
    return f"{found['name']} {found['version']}"


class Peer:
    """Threads are those of its BLAS, by the environment."""

    def __init__(self, _threads: int) -> None:
        self.version = f"{np.__version__}, {blas()}"

    def training(self, case: cases.Training) -> Work:
        x, y = case.data()

        def check() -> list[float]:
            net = Net(case)
            return [net.epoch(x, y, False) for _ in range(2)]

        going = Net(case)
        return check, lambda: going.epoch(x, y, True)

    def prediction(self, case: cases.Prediction) -> Work:
        x, _ = case.data()
        first = cases.weights(case.widths)
        layers = list(zip(first[::2], first[1::2], strict=True))

        def predict() -> Floats:
            h = x
            for i, (w, b) in enumerate(layers):
                h = h @ w
                h += b
                if i + 1 < len(layers):
                    np.maximum(h, 0, out=h)
            return h

        return lambda: predict().ravel()[:20].tolist(), predict

    def product(self, case: cases.Product) -> Work:
        a, b = case.data()
        out = np.empty((case.m, case.n), np.float32)
        return lambda: (a @ b).ravel()[:20].tolist(), lambda: np.dot(a, b, out=out)
