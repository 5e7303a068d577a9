"""PyTorch, eager: a loop over views of a shuffled order, fused updates, losses read at the end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from feedfwd.bench import cases
from feedfwd.bench.serve import Work

ROTATED_BYTES = 256 << 20  # more than a GPU's cache holds


def mode(device: str) -> str:
    """The mode of torch.compile that fits small steps."""
    return "default" if device == "cpu" else "reduce-overhead"


def network(
    case: cases.Training | cases.Prediction, dropout: float = 0.0, device: str = "cpu"
) -> Any:
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
    return model.to(device)


class Run:
    """A model that is being trained; ``compiled`` makes loss and update one program each."""

    def __init__(self, case: cases.Training, compiled: bool, device: str) -> None:
        torch.manual_seed(0)
        self.case, self.device = case, device
        self.x, self.y = (torch.from_numpy(v).to(device) for v in case.data())
        self.model = network(case, case.dropout, device)
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

        self.loss_of: Callable[[Any, Any], Any] = loss_of
        if compiled:
            self.loss_of = torch.compile(loss_of, mode=mode(device))

    def epoch(self, shuffle: bool) -> float:
        n = len(self.x)
        make = torch.randperm if shuffle else torch.arange
        order = make(n, device=self.device)
        total = torch.zeros((), device=self.device)
        for rows in order.split(self.case.batch):
            loss = self.loss_of(self.x[rows], self.y[rows])
            self.optimizer.zero_grad(set_to_none=True)
            loss.backward()
            self.optimizer.step()
            total += loss.detach() * len(rows)
        return float(total) / n


class Peer:
    """Its own thread pool, or the GPU, where products are float32's, not TF32's."""

    compiled = False

    def __init__(self, threads: int, device: str = "cpu") -> None:
        torch.set_num_threads(threads)
        self.device = device
        if device != "cpu":
            torch.backends.cuda.matmul.allow_tf32 = False
            torch.zeros(1, device=device)  # fails here where there is none
        self.version = str(torch.__version__)

    def training(self, case: cases.Training) -> Work:
        def check() -> list[float]:
            run = Run(case, self.compiled, self.device)
            return [run.epoch(False) for _ in range(2)]

        going = Run(case, self.compiled, self.device)
        return check, lambda: going.epoch(True)

    def prediction(self, case: cases.Prediction) -> Work:
        x, _ = case.data()
        model = network(case, device=self.device).eval()
        forward = torch.compile(model, mode=mode(self.device)) if self.compiled else model

        def predict() -> Any:
            with torch.inference_mode():
                return forward(torch.from_numpy(x).to(self.device)).cpu().numpy()

        return lambda: predict().ravel()[:20].tolist(), predict

    def product(self, case: cases.Product) -> Work | None:
        if self.compiled:
            return None
        a, b = (torch.from_numpy(v).to(self.device) for v in case.data())
        out = torch.empty(case.m, case.n, device=self.device)
        count = 1
        if self.device != "cpu":  # operands take turns, so that the caches do not hold them
            count = min(8, 1 + ROTATED_BYTES // (4 * (case.m * case.k + case.k * case.n)))
        pairs = [(a, b), *((a.clone(), b.clone()) for _ in range(count - 1))]

        def run(n: int = 1) -> None:
            with torch.inference_mode():
                for i in range(n):
                    torch.mm(*pairs[i % count], out=out)

        def check() -> list[float]:
            found: list[float] = (a @ b).ravel()[:20].tolist()
            return found

        if self.device == "cpu":
            return check, run

        def clock(n: int) -> float:
            begun, ended = (torch.cuda.Event(enable_timing=True) for _ in range(2))
            begun.record()
            run(n)
            ended.record()
            ended.synchronize()
            return 1e-3 * float(begun.elapsed_time(ended))

        return check, run, clock
