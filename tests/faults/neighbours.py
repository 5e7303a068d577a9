"""NumPy, SciPy, scikit-learn and PyTorch beside the package, imported in every order.

In each order a child imports them, lets each use its threads, fits and predicts here, and lets each
work again. No child hangs, the bits here are those without any neighbour, and the neighbours' are
the same before and after.
"""

from __future__ import annotations

import importlib
import importlib.util
import itertools
import os
import sys
from collections.abc import Callable
from typing import Any

import common

SCRIPT = __file__
NEIGHBOURS = {"numpy": "numpy", "scipy": "scipy", "sklearn": "scikit-learn", "torch": "PyTorch"}


def with_numpy() -> Any:
    """A matrix product large enough for all threads of its BLAS."""
    import numpy as np

    a = np.random.default_rng(0).normal(size=(400, 400))
    return [a @ a, np.linalg.solve(a, a[0])]


def with_scipy() -> Any:
    """Its own copy of a BLAS."""
    import numpy as np
    from scipy import linalg, special

    a = np.random.default_rng(1).normal(size=(200, 200))
    return [linalg.lu_factor(a)[0], special.erf(a)]


def with_sklearn() -> Any:
    """OpenMP's threads."""
    import numpy as np
    from sklearn.cluster import KMeans
    from sklearn.ensemble import HistGradientBoostingRegressor

    x = np.random.default_rng(2).normal(size=(600, 5))
    model = HistGradientBoostingRegressor(max_iter=5, random_state=0).fit(x, x[:, 0] * x[:, 1])
    return [model.predict(x), KMeans(4, n_init=1, random_state=0).fit(x).labels_]


def with_torch() -> Any:
    """Its pool of threads, forward and backward."""
    import torch

    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Linear(64, 512), torch.nn.ReLU(), torch.nn.Linear(512, 8))
    x = torch.randn(512, 64)
    net(x).pow(2).mean().backward()
    return [net(x).detach().numpy(), net[0].weight.grad.numpy()]


def here() -> Any:
    """A fit with several threads' work and a predict."""
    import feedfwd as ff
    import numpy as np

    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(512, 64)), rng.normal(size=(512, 4))
    layers = [ff.layers.Dense(256, activation="gelu"), ff.layers.Dropout(0.2), ff.layers.Dense(4)]
    model = ff.Sequential([ff.Input((64,)), *layers], seed=0)
    ff.Trainer(model, "adam", "mse").fit(x, y, epochs=2, batch_size=128, verbose=0)
    return [*model.get_weights(), model.predict(x)]


WORK: dict[str, Callable[[], Any]] = {
    "numpy": with_numpy,
    "scipy": with_scipy,
    "sklearn": with_sklearn,
    "torch": with_torch,
    "feedfwd": here,
}


def child(order: str, first: str) -> None:
    """Import in this order; neighbours, ours, neighbours (or ours first as well)."""
    names = order.split(",")
    for name in names:
        importlib.import_module(name)
    if first == "ours":
        print("feedfwd", common.digest(here()))
    for name in (*names, *names):
        print(name, common.digest(WORK[name]()))


def run(report: common.Report) -> None:
    """Every order of what is installed."""
    present = [n for n in NEIGHBOURS if importlib.util.find_spec(n) is not None]
    for name, called in NEIGHBOURS.items():
        if name not in present:
            report.gap(f"{called}: not installed")
    want = {}
    alone = ("feedfwd", *present) if report.long else ("feedfwd", ",".join(present))
    for name in alone:
        done = common.call(SCRIPT, "order", name, "neighbours")
        report.expect(done.returncode == 0, f"{name} alone: {common.tail(done)}")
        want.update(line.split() for line in done.stdout.splitlines())
    orders = list(itertools.permutations(("feedfwd", *present)))
    if not report.long:
        orders = orders[1 :: max(1, len(orders) // 2)][:2]
    for i, order in enumerate(orders):
        first = ("neighbours", "ours")[i % 2]
        done = common.call(SCRIPT, "order", ",".join(order), first)
        report.count("orders of import")
        where = f"{' '.join(order)}, {first} first"
        if not report.expect(done.returncode == 0, f"{where}: {common.tail(done)}"):
            continue
        for line in done.stdout.splitlines():
            name, found = line.split()
            report.count("results compared")
            text = f"{where}: {name} gave {found} instead of {want[name]}"
            report.expect(found == want[name], text)


if __name__ == "__main__":
    sys.path.insert(0, os.path.dirname(SCRIPT))
    common.main(run, {"order": child})
