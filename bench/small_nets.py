"""Epochs of 64-128-10, batch 32, Adam, 8,192 rows, shuffled: feedfwd's Trainer against NumPy.

    python bench/small_nets.py [--rounds 15]      # --rounds 0: only check that both agree

A turn is five epochs of either; for feedfwd that is one call of fit, its data checks included.
The NumPy peer is float32 throughout, allocates nothing larger than a batch's labels in the loop,
keeps all parameters in one block, and updates them in place, the whole block at a time.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

import feedfwd as ff
import numpy as np
import timing
from numpy.typing import NDArray

Floats = NDArray[np.float32]
ROWS, FEATURES, HIDDEN, CLASSES, BATCH = 8192, 64, 128, 10, 32
EPOCHS = 5  # of a turn


def data() -> tuple[Floats, NDArray[np.int64]]:
    """Classes that a linear map of the features decides, with noise."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((ROWS, FEATURES), dtype=np.float32)
    scores = x @ rng.standard_normal((FEATURES, CLASSES), dtype=np.float32)
    return x, (scores + rng.normal(size=scores.shape)).argmax(axis=1)


def start() -> list[Floats]:
    """The initial weights of both peers."""
    rng = np.random.default_rng(1)
    shapes = [(FEATURES, HIDDEN), (HIDDEN,), (HIDDEN, CLASSES), (CLASSES,)]
    return [np.float32(0.1) * rng.standard_normal(s, dtype=np.float32) for s in shapes]


class InNumpy:
    """The net, its gradients and Adam in NumPy."""

    def __init__(self) -> None:
        first = start()
        self.parameters = np.concatenate([w.ravel() for w in first])
        self.gradients = np.zeros_like(self.parameters)
        self.m, self.v = np.zeros_like(self.parameters), np.zeros_like(self.parameters)
        self.scratch, self.root = np.empty_like(self.parameters), np.empty_like(self.parameters)
        ends = np.cumsum([w.size for w in first])[:-1]

        def views(block: Floats) -> list[Floats]:
            return [p.reshape(w.shape) for p, w in zip(np.split(block, ends), first, strict=True)]

        self.w1, self.b1, self.w2, self.b2 = views(self.parameters)
        self.dw1, self.db1, self.dw2, self.db2 = views(self.gradients)
        self.x = np.empty((BATCH, FEATURES), np.float32)
        self.h, self.dh = np.empty((2, BATCH, HIDDEN), np.float32)
        self.p = np.empty((BATCH, CLASSES), np.float32)
        self.positive = np.empty((BATCH, HIDDEN), np.bool_)
        self.column = np.empty((BATCH, 1), np.float32)
        self.rows = np.arange(BATCH)
        self.t = 0
        self.rng = np.random.default_rng(2)

    def epoch(self, x: Floats, y: NDArray[np.int64], shuffle: bool = True) -> float:
        """One pass over rows that fill the batches; the mean loss."""
        order = self.rng.permutation(len(x)) if shuffle else np.arange(len(x))
        total = 0.0
        for first in range(0, len(x), BATCH):
            rows = order[first : first + BATCH]
            np.take(x, rows, axis=0, out=self.x, mode="clip")
            total += self.backward(y[rows])
            self.update()
        return total / (len(x) // BATCH)

    def backward(self, labels: NDArray[np.int64]) -> float:
        """Gradients of the mean softmax cross-entropy of the batch in self.x; its value."""
        h, p, column = self.h, self.p, self.column
        np.dot(self.x, self.w1, out=h)
        h += self.b1
        np.greater(h, 0, out=self.positive)
        np.maximum(h, 0, out=h)
        np.dot(h, self.w2, out=p)
        p += self.b2
        p -= np.max(p, axis=1, keepdims=True, out=column)
        picked = p[self.rows, labels]
        np.exp(p, out=p)
        p /= np.sum(p, axis=1, keepdims=True, out=column)
        np.log(column, out=column)
        loss = float(column.mean() - picked.mean())
        p[self.rows, labels] -= 1
        p *= np.float32(1 / BATCH)
        np.dot(h.T, p, out=self.dw2)
        np.sum(p, axis=0, out=self.db2)
        np.dot(p, self.w2.T, out=self.dh)
        self.dh *= self.positive
        np.dot(self.x.T, self.dh, out=self.dw1)
        np.sum(self.dh, axis=0, out=self.db1)
        return loss

    def update(self) -> None:
        """Adam with Keras 3's defaults."""
        self.t += 1
        rate = np.float32(1e-3 * np.sqrt(1 - 0.999**self.t) / (1 - 0.9**self.t))
        scratch, root = self.scratch, self.root
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


def in_numpy() -> tuple[Callable[[], Any], Callable[[], Any]]:
    x, y = data()
    net = InNumpy()

    def turn() -> None:
        for _ in range(EPOCHS):
            net.epoch(x, y)

    return lambda: InNumpy().epoch(x, y, shuffle=False), turn


def in_feedfwd() -> tuple[Callable[[], Any], Callable[[], Any]]:
    x, y = data()

    def trainer() -> ff.Trainer:
        model = ff.Sequential(
            [
                ff.Input((FEATURES,)),
                ff.layers.Dense(HIDDEN, activation="relu"),
                ff.layers.Dense(CLASSES),
            ],
            seed=0,
        )
        model.set_weights(start())
        loss = ff.losses.SparseCategoricalCrossentropy(from_logits=True)
        return ff.Trainer(model, optimizer=ff.optimizers.Adam(1e-3), loss=loss)

    def fit(t: ff.Trainer, shuffle: bool, epochs: int) -> float:
        history = t.fit(x, y, batch_size=BATCH, epochs=epochs, shuffle=shuffle, verbose=0)
        return float(history.history["loss"][0])

    trained = trainer()
    return lambda: fit(trainer(), False, 1), lambda: fit(trained, True, EPOCHS)


PEERS = {"feedfwd": in_feedfwd, "numpy": in_numpy}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--serve", choices=PEERS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        timing.serve(*PEERS[arguments.serve]())
        return
    results = []
    for threads in timing.thread_counts():
        found = timing.compare(__file__, list(PEERS), threads, arguments.rounds)
        ours, theirs = found["checks"]["feedfwd"], found["checks"]["numpy"]
        # Both round every step differently; a rounding grows with the steps, a wrong formula more.
        bound = ROWS // BATCH * np.finfo(np.float32).eps * theirs
        if abs(ours - theirs) > bound:
            raise SystemExit(f"small_nets: the losses differ: {ours} and {theirs}, bound {bound}")
        print(f"small_nets, {threads} thread(s): epoch losses {ours:.7f} and {theirs:.7f} agree")
        if arguments.rounds:
            timing.show(found)
            results.append(found)
    if results:
        timing.save("small_nets", results)


if __name__ == "__main__":
    main()
