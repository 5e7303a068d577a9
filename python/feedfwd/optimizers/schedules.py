"""Learning-rate schedules: float64 functions of the step alone (docs/numerics.md, rule 7).

Names, arguments, defaults and formulas are those of Keras 3. Rates are at least 0 and lengths above
0; else a schedule raises ValueError, and TypeError for what is no number.

>>> import feedfwd as ff
>>> s = ff.optimizers.schedules.ExponentialDecay(0.1, decay_steps=50, decay_rate=0.9)
>>> float(s(0))
0.1
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from feedfwd import _core
from feedfwd._core import Tensor
from feedfwd.arguments import above_zero, flag, number
from feedfwd.floating import nearest
from feedfwd.registry import Configured, Registry

_registry = Registry("schedule")


class LearningRateSchedule(Configured):
    """Base class: define ``rate(step)``, a float; ``schedule(step)`` gives it as a Tensor.

    >>> import feedfwd as ff
    >>> class Halving(ff.optimizers.schedules.LearningRateSchedule):
    ...     def rate(self, step):
    ...         return 0.5 ** (step // 100)
    >>> ff.optimizers.SGD(Halving()).rate_at(250)
    0.25
    """

    def rate(self, step: float) -> float:
        """The learning rate of the step with this number, from 0; what a subclass defines."""
        raise TypeError(f"{type(self).__name__} defines no rate(step)")

    @nearest
    def __call__(self, step: Any) -> Tensor:
        """The rate as a 0-d float64 Tensor."""
        return _core.convert(np.float64(self.rate(float(step))))


@nearest
def rate(schedule: Any, step: int) -> float:
    """The learning rate at `step` of a number, a LearningRateSchedule or one of the user's own."""
    if not isinstance(schedule, LearningRateSchedule):
        return float(schedule)
    own = type(schedule).__call__ is not LearningRateSchedule.__call__
    value = float(schedule(step)) if own else schedule.rate(step)
    if not value >= 0 or math.isinf(value):
        raise ValueError(
            f"learning_rate: {schedule!r} gave {value} at step {step}, expected a finite number of "
            "at least 0"
        )
    return value


@_registry.register()
class ExponentialDecay(LearningRateSchedule):
    """``initial decay_rate^(step / decay_steps)``, with `staircase` the exponent cut to an integer.

    >>> from feedfwd.optimizers.schedules import ExponentialDecay
    >>> ExponentialDecay(0.5, 10, 0.5, staircase=True).rate(19)
    0.25
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        decay_rate: float,
        staircase: bool = False,
        name: str = "ExponentialDecay",
    ) -> None:
        self.initial_learning_rate = number(initial_learning_rate, "initial_learning_rate", 0)
        self.decay_steps = above_zero(decay_steps, "decay_steps")
        self.decay_rate = number(decay_rate, "decay_rate", 0)
        self.staircase, self.name = flag(staircase, "staircase"), name

    def rate(self, step: float) -> float:
        p = step / self.decay_steps
        return self.initial_learning_rate * _core.scalar(
            "pow", self.decay_rate, math.floor(p) if self.staircase else p
        )


@_registry.register()
class InverseTimeDecay(LearningRateSchedule):
    """``initial / (1 + decay_rate q)``, q = step / decay_steps, with `staircase` cut to an integer.

    >>> from feedfwd.optimizers.schedules import InverseTimeDecay
    >>> InverseTimeDecay(0.5, 10, 1.0).rate(10)
    0.25
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        decay_rate: float,
        staircase: bool = False,
        name: str = "InverseTimeDecay",
    ) -> None:
        self.initial_learning_rate = number(initial_learning_rate, "initial_learning_rate", 0)
        self.decay_steps = above_zero(decay_steps, "decay_steps")
        self.decay_rate = number(decay_rate, "decay_rate", 0)
        self.staircase, self.name = flag(staircase, "staircase"), name

    def rate(self, step: float) -> float:
        p = step / self.decay_steps
        return self.initial_learning_rate / (
            1 + self.decay_rate * (math.floor(p) if self.staircase else p)
        )


@_registry.register()
class PiecewiseConstantDecay(LearningRateSchedule):
    """``values[i]`` for the first i with ``step <= boundaries[i]``, the last value beyond.

    >>> from feedfwd.optimizers.schedules import PiecewiseConstantDecay
    >>> s = PiecewiseConstantDecay([100], [0.1, 0.01])
    >>> s.rate(100), s.rate(101)
    (0.1, 0.01)
    """

    def __init__(
        self, boundaries: Sequence[float], values: Sequence[float], name: str = "PiecewiseConstant"
    ) -> None:
        self.boundaries = [number(b, "boundaries") for b in boundaries]
        self.values = [number(v, "values", 0) for v in values]
        self.name = name
        if len(self.values) != len(self.boundaries) + 1:
            raise ValueError(
                f"values: got {len(self.values)}, expected {len(self.boundaries) + 1}: "
                "one more than boundaries"
            )
        if self.boundaries != sorted(self.boundaries):
            raise ValueError(f"boundaries: got {self.boundaries}, expected rising numbers")

    def rate(self, step: float) -> float:
        below = sum(step > b for b in self.boundaries)
        return self.values[below]


@_registry.register()
class PolynomialDecay(LearningRateSchedule):
    """``(initial - end) (1 - step / decay_steps)^power + end``, and end from decay_steps on.

    With `cycle` decay_steps is multiplied by the smallest integer that keeps it at or above step.

    >>> from feedfwd.optimizers.schedules import PolynomialDecay
    >>> PolynomialDecay(1.0, 100, 0.5).rate(50)
    0.75
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        end_learning_rate: float = 0.0001,
        power: float = 1.0,
        cycle: bool = False,
        name: str = "PolynomialDecay",
    ) -> None:
        self.initial_learning_rate = number(initial_learning_rate, "initial_learning_rate", 0)
        self.decay_steps = above_zero(decay_steps, "decay_steps")
        self.end_learning_rate = number(end_learning_rate, "end_learning_rate", 0)
        self.power, self.cycle, self.name = number(power, "power"), flag(cycle, "cycle"), name

    def rate(self, step: float) -> float:
        steps = self.decay_steps
        if self.cycle:
            steps *= max(1, math.ceil(step / steps))
        else:
            step = min(step, steps)
        left = _core.scalar("pow", 1 - step / steps, self.power)
        return (self.initial_learning_rate - self.end_learning_rate) * left + self.end_learning_rate


@_registry.register()
class CosineDecay(LearningRateSchedule):
    """Half a cosine from the initial rate to ``alpha`` times it, after an optional linear warm-up.

    ``initial ((1 - alpha) (1 + cos(pi step / decay_steps)) / 2 + alpha)``; with `warmup_target` the
    rate first rises in `warmup_steps` steps from initial to that, and falls from there.

    >>> from feedfwd.optimizers.schedules import CosineDecay
    >>> s = CosineDecay(0.0, 100, warmup_target=1.0, warmup_steps=10)
    >>> s.rate(5), s.rate(10), s.rate(110)
    (0.5, 1.0, 0.0)

    Source: Loshchilov and Hutter, 2017.
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        alpha: float = 0.0,
        name: str = "CosineDecay",
        warmup_target: float | None = None,
        warmup_steps: float = 0,
    ) -> None:
        self.initial_learning_rate = number(initial_learning_rate, "initial_learning_rate", 0)
        self.decay_steps = above_zero(decay_steps, "decay_steps")
        self.alpha, self.name = number(alpha, "alpha", 0), name
        self.warmup_target = (
            None if warmup_target is None else number(warmup_target, "warmup_target", 0)
        )
        self.warmup_steps = number(warmup_steps, "warmup_steps", 0)

    def rate(self, step: float) -> float:
        top = self.initial_learning_rate
        if self.warmup_target is not None:
            if step < self.warmup_steps:
                return (self.warmup_target - top) * (step / self.warmup_steps) + top
            top = self.warmup_target
            step = step - self.warmup_steps
        done = min(step, self.decay_steps) / self.decay_steps
        wave = 0.5 * (1 + _core.scalar("cos", math.pi * done))
        return top * ((1 - self.alpha) * wave + self.alpha)


@_registry.register()
class CosineDecayRestarts(LearningRateSchedule):
    """Cosine decays, each `t_mul` times as long and from `m_mul` times the rate of the last.

    >>> from feedfwd.optimizers.schedules import CosineDecayRestarts
    >>> s = CosineDecayRestarts(1.0, 10, m_mul=0.5)
    >>> s.rate(0), s.rate(10), s.rate(30)
    (1.0, 0.5, 0.25)

    Source: Loshchilov and Hutter, 2017.
    """

    def __init__(
        self,
        initial_learning_rate: float,
        first_decay_steps: float,
        t_mul: float = 2.0,
        m_mul: float = 1.0,
        alpha: float = 0.0,
        name: str = "SGDRDecay",
    ) -> None:
        self.initial_learning_rate = number(initial_learning_rate, "initial_learning_rate", 0)
        self.first_decay_steps = above_zero(first_decay_steps, "first_decay_steps")
        self.t_mul, self.m_mul = number(t_mul, "t_mul", 1), number(m_mul, "m_mul", 0)
        self.alpha, self.name = number(alpha, "alpha", 0), name

    def rate(self, step: float) -> float:
        length, scale = self.first_decay_steps, 1.0
        while step >= length:
            step, length, scale = step - length, length * self.t_mul, scale * self.m_mul
        wave = 0.5 * (1 + _core.scalar("cos", math.pi * (step / length))) * scale
        return self.initial_learning_rate * ((1 - self.alpha) * wave + self.alpha)


def get(identifier: Any, custom_objects: Mapping[str, Any] | None = None) -> LearningRateSchedule:
    """A schedule from its config, or itself; names are looked up in `custom_objects` first.

    Raises:
        ValueError: an unknown name.
        TypeError: something else.
    """
    made = _registry.make(identifier, custom_objects)
    if not isinstance(made, LearningRateSchedule):
        raise TypeError(
            f"schedule: got {type(identifier).__name__}, expected a LearningRateSchedule"
        )
    return made
