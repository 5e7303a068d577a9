"""Optimizers: how gradients become steps. Names, defaults and formulas are those of Keras 3.

>>> import feedfwd as ff
>>> w = ff.Variable(5.0)
>>> ff.optimizers.get("sgd").apply_gradients([(1.0, w)])
>>> round(float(w), 6)
4.99
"""

from feedfwd.optimizers import kinds, schedules
from feedfwd.optimizers.base import Optimizer, get, names
from feedfwd.optimizers.kinds import *  # noqa: F403

__all__ = ["Optimizer", "get", "names", "schedules", *kinds.__all__]
