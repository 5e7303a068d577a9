"""What all optimizers share: hyperparameters checked, clipping, weight decay, eager steps."""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

import numpy as np

from feedfwd import _core
from feedfwd._core import Variable
from feedfwd.optimizers.schedules import LearningRateSchedule, rate
from feedfwd.optimizers.schedules import get as get_schedule
from feedfwd.registry import Registry, snake_case

registry = Registry("optimizer")

# What users of other libraries write, and what it is called here.
SPELLINGS = {
    "lr": "learning_rate",
    "betas": "beta_1 and beta_2",
    "eps": "epsilon",
    "alpha": "rho",
    "params": "nothing: variables come with apply_gradients",
    "clip_norm": "clipnorm",
    "max_norm": "global_clipnorm",
}


def number(value: Any, name: str, low: float = 0.0, high: float = math.inf, open_high: bool = False) -> float:
    """The value as a float within the bounds.

    Raises:
        TypeError: no number (bools are none). ValueError: NaN, infinite or out of bounds.
    """
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise TypeError(f"{name}: got {value!r} of type {type(value).__name__}, expected a number")
    v = float(value)
    if not math.isfinite(v) or v < low or v > high or (open_high and v == high):
        bound = f"at least {low:g}" if high == math.inf else f"from {low:g} to {'below ' if open_high else ''}{high:g}"
        raise ValueError(f"{name}: got {value!r}, expected a finite number {bound}")
    return v


def flag(value: Any, name: str) -> bool:
    """The value as a bool; TypeError for anything but True and False."""
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{name}: got {value!r} of type {type(value).__name__}, expected True or False")
    return bool(value)


class Optimizer:
    """Base class. Subclasses name the core's update formula and pass its hyperparameters.

    Args:
        learning_rate: a number above or equal 0, or a schedule.
        hyper: the formula's hyperparameters.
        weight_decay: None or the decoupled decay: ``w -= w * learning_rate * weight_decay`` before each step.
        clipnorm: largest norm of each gradient.
        clipvalue: largest absolute value of each element.
        global_clipnorm: largest norm of all gradients together. At most one of the three.
        name: a label.

    Raises:
        TypeError: an argument of another type or name. ValueError: a value out of range, two clippings.
    """

    kind: ClassVar[str] = ""

    def __init__(
        self,
        learning_rate: Any,
        hyper: dict[str, float],
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        name: str | None = None,
        **unknown: Any,
    ) -> None:
        for spelling in unknown:
            hint = SPELLINGS.get(spelling)
            tail = f"; here it is {hint}" if hint else ""
            if hint and hasattr(type(self), "like_torch"):
                tail += f", or use {type(self).__name__}.like_torch(...) for PyTorch's names and formula"
            raise TypeError(f"{type(self).__name__}: unknown argument {spelling!r}{tail}")
        clips = {"clipnorm": clipnorm, "clipvalue": clipvalue, "global_clipnorm": global_clipnorm}
        given = {k: number(v, k) for k, v in clips.items() if v is not None}
        for k, v in given.items():
            if v == 0:
                raise ValueError(f"{k}: got 0, expected a number above 0 or None")
        if len(given) > 1:
            raise ValueError(f"{' and '.join(given)}: got both, expected at most one kind of clipping")
        self.name = name or snake_case(type(self).__name__)
        self.weight_decay = None if weight_decay is None else number(weight_decay, "weight_decay")
        self.clipnorm, self.clipvalue, self.global_clipnorm = (given.get(k) for k in clips)
        self.learning_rate = learning_rate
        self._excluded_ids: set[int] = set()
        self._excluded_held: list[Variable] = []
        self._excluded_names: list[str] = []
        self._warned = False
        self.core = _core.Optimizer(self.kind, hyper, **{k: given.get(k) for k in clips})

    @property
    def learning_rate(self) -> float | LearningRateSchedule:
        """The rate, or the schedule; may be set at any time and takes effect at the next step."""
        return self._learning_rate

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        if isinstance(value, (Variable, _core.Tensor)):
            value = float(value)
        is_schedule = isinstance(value, (LearningRateSchedule, dict))
        self._learning_rate = get_schedule(value) if is_schedule else number(value, "learning_rate")

    @property
    def iterations(self) -> int:
        """Steps made so far."""
        return int(self.core.iterations)

    def rate_at(self, step: int) -> float:
        """The learning rate of the step with this number, from 0."""
        return rate(self._learning_rate, step)

    def exclude_from_weight_decay(
        self, var_list: Sequence[Variable] | None = None, var_names: Sequence[str] | None = None
    ) -> None:
        """Keep weight decay off these variables, or off those whose names contain one of these patterns."""
        for variable in var_list or ():
            self._excluded_ids.add(id(variable))
            self._excluded_held.append(variable)
        self._excluded_names += list(var_names or ())

    def excluded(self, variables: Iterable[Variable]) -> list[Variable]:
        """Those of `variables` that weight decay leaves alone."""
        return [
            v
            for v in variables
            if id(v) in self._excluded_ids or any(re.search(n, v.name) for n in self._excluded_names)
        ]

    def apply_gradients(self, grads_and_vars: Iterable[tuple[Any, Variable]]) -> None:
        """One step on pairs of gradient and Variable; a gradient of None is skipped, with one warning.

        Raises:
            ValueError: no pairs, all gradients None, or a gradient of another shape than its Variable.
            TypeError: something that is no Variable.
        """
        pairs = list(grads_and_vars)
        for pair in pairs:
            if not isinstance(pair, (tuple, list)) or len(pair) != 2 or not isinstance(pair[1], Variable):
                raise TypeError(f"grads_and_vars: got {pair!r}, expected pairs of gradient and Variable")
        connected = [(g, v) for g, v in pairs if g is not None]
        if not connected:
            raise ValueError(
                "grads_and_vars: got no gradient that is not None; is the loss made from the variables inside the tape?"
            )
        if len(connected) < len(pairs) and not self._warned:
            self._warned = True
            names = ", ".join(v.name for g, v in pairs if g is None)
            warnings.warn(f"no gradient for {names}: skipped", stacklevel=2)
        variables = [v for _, v in connected]
        decay = self.weight_decay or 0.0
        self.core.apply(connected, self.rate_at(self.iterations), decay, self.excluded(variables))

    def get_config(self) -> dict[str, Any]:
        """The arguments this was made with; a schedule as its config."""
        lr = self._learning_rate
        if isinstance(lr, LearningRateSchedule):
            lr_config: Any = {"class_name": type(lr).__name__, "config": lr.get_config()}
        else:
            lr_config = lr
        config = {"learning_rate": lr_config, **self._hyper_config()}
        for key in ("weight_decay", "clipnorm", "clipvalue", "global_clipnorm", "name"):
            config[key] = getattr(self, key)
        return config

    def _hyper_config(self) -> dict[str, Any]:
        hyper = dict(self.core.hyper)
        if hyper.pop("torch", 0.0):
            hyper["torch"] = True
        flags = ("nesterov", "amsgrad", "centered")
        return {k: bool(v) if k in flags else v for k, v in hyper.items()}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Optimizer:
        """The optimizer that ``get_config`` describes."""
        config = dict(config)
        torch = config.pop("torch", False)
        made = cls(**config)
        if torch:
            made._use_torch_formula()
        return made

    def _use_torch_formula(self) -> None:
        self.core.hyper = {**self.core.hyper, "torch": 1.0}

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in self.get_config().items())})"


def names() -> list[str]:
    """Names that ``optimizer="..."`` takes."""
    return registry.names()


def get(identifier: Any) -> Optimizer:
    """An Optimizer from a name, class, config or Optimizer.

    Raises:
        ValueError: an unknown name. TypeError: something else.
    """
    made = registry.make(identifier)
    if not isinstance(made, Optimizer):
        raise TypeError(f"optimizer: got {type(identifier).__name__}, expected a name or an Optimizer")
    return made
