"""feedfwd: trains and runs dense neural networks, bit for bit the same everywhere.

>>> import numpy as np, feedfwd as ff
>>> model = ff.Sequential([ff.Input((2,)), ff.layers.Dense(1)], seed=0)
>>> trainer = ff.Trainer(model, optimizer="adam", loss="mse")
>>> history = trainer.fit(np.ones((8, 2)), np.ones(8), epochs=2, verbose=0)
>>> model.predict(np.ones((3, 2))).shape
(3, 1)
"""

from feedfwd import (
    activations,
    callbacks,
    datasets,
    elsewhere,
    initializers,
    layers,
    losses,
    metrics,
    ops,
    optimizers,
    random,
)
from feedfwd._core import Tensor, Variable, __version__
from feedfwd.config import devices, get_num_threads, set_num_threads
from feedfwd.functional import Input
from feedfwd.model import Model
from feedfwd.saving import load_model
from feedfwd.sequential import Sequential
from feedfwd.tape import GradientTape
from feedfwd.trainer import Trainer

__all__ = [
    "GradientTape",
    "Input",
    "Model",
    "Sequential",
    "Tensor",
    "Trainer",
    "Variable",
    "__version__",
    "activations",
    "callbacks",
    "datasets",
    "devices",
    "get_num_threads",
    "initializers",
    "layers",
    "load_model",
    "losses",
    "metrics",
    "ops",
    "optimizers",
    "random",
    "set_num_threads",
]

elsewhere.teach()
