"""PyTorch, eager: a loop over views of a shuffled order, fused updates, losses read at the end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from feedfwd.bench import cases
from feedfwd.bench.serve import Work


def network(case: cases.Training | cases.Prediction, dropout: float = 0.0) -> Any:
    """The case's network with the weights that all peers begin with."""
    layers: list[Any] = []
    for a, b in zip(case.widths, case.widths[1:], strict=False):
        if layers:
            layers.append(torch.nn.ReLU(inplace=True))
            if dropout:
                layers.append(torch.nn.Dropout(dropout))
        layers.append(torch.nn.Linear(a, b))
    model = torch.nn.Sequential(*layers)
    with torch.no_grad():
        for own, first in zip(model.parameters(), cases.weights(case.widths), strict=True):
            own.copy_(torch.from_numpy(first.T if first.ndim == 2 else first))
    return model


class Run:
    """A model that is being trained; ``compiled`` makes loss and update one program each."""

    def __init__(self, case: cases.Training, compiled: bool) -> None:
        torch.manual_seed(0)
        self.case = case
        self.x, self.y = (torch.from_numpy(v) for v in case.data())
        self.model = network(case, case.dropout)
        measure: Any = torch.nn.functional.cross_entropy
        if case.loss == "mse":
            measure = torch.nn.functional.mse_loss
        parameters = list(self.model.parameters())
        if case.optimizer == "adam":
            self.optimizer: Any = torch.optim.Adam(parameters, case.rate, eps=1e-7, fused=True)
        else:
            self.optimizer = torch.optim.SGD(parameters, case.rate, fused=True)

        def loss_of(x: Any, y: Any) -> Any:
            return measure(self.model(x), y)

        self.loss_of: Callable[[Any, Any], Any] = torch.compile(loss_of) if compiled else loss_of

    def epoch(self, shuffle: bool) -> float:
        n = len(self.x)
        order = torch.randperm(n) if shuffle else torch.arange(n)
        total = torch.zeros(())
        for rows in order.split(self.case.batch):
            loss = self.loss_of(self.x[rows], self.y[rows])
            self.optimizer.zero_grad(set_to_none=True)
            loss.backward()
            self.optimizer.step()
            total += loss.detach() * len(rows)
        return float(total) / n


class Peer:
    """Its own thread pool."""

    compiled = False

    def __init__(self, threads: int) -> None:
        torch.set_num_threads(threads)
        self.version = str(torch.__version__)

    def training(self, case: cases.Training) -> Work:
        def check() -> list[float]:
            run = Run(case, self.compiled)
            return [run.epoch(False) for _ in range(2)]

        going = Run(case, self.compiled)
        return check, lambda: going.epoch(True)

    def prediction(self, case: cases.Prediction) -> Work:
        x, _ = case.data()
        model = network(case).eval()
        forward = torch.compile(model) if self.compiled else model

        def predict() -> Any:
            with torch.inference_mode():
                return forward(torch.from_numpy(x)).numpy()

        return lambda: predict().ravel()[:20].tolist(), predict

    def product(self, case: cases.Product) -> Work | None:
        if self.compiled:
            return None
        a, b = (torch.from_numpy(v) for v in case.data())
        out = torch.empty(case.m, case.n)

        def multiply() -> None:
            with torch.inference_mode():
                torch.mm(a, b, out=out)

        return lambda: (a @ b).ravel()[:20].tolist(), multiply
