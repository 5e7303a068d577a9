"""What all optimizers share: hyperparameters checked, clipping, weight decay, eager steps."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

from feedfwd import _core
from feedfwd._core import Variable
from feedfwd.arguments import above_zero, number, shown
from feedfwd.optimizers.schedules import LearningRateSchedule, rate
from feedfwd.optimizers.schedules import get as get_schedule
from feedfwd.registry import Configured, Registry

registry = Registry("optimizer")

# What users of other libraries write, and what it is called here.
SPELLINGS = {
    "lr": "learning_rate",
    "beta1": "beta_1",
    "beta2": "beta_2",
    "betas": "beta_1 and beta_2",
    "eps": "epsilon",
    "alpha": "rho",
    "params": "nothing: variables come with apply_gradients",
    "clip_norm": "clipnorm",
    "max_norm": "global_clipnorm",
}


class Optimizer(Configured):
    """Base class. Subclasses name the core's update formula and pass its hyperparameters.

    Args:
        learning_rate: a number above or equal 0, or a schedule.
        hyper: the formula's hyperparameters.
        weight_decay: None or the decoupled decay, ``w -= w * learning_rate * weight_decay`` before
            each step.
        clipnorm: largest Euclidean norm of each gradient.
        clipvalue: largest absolute value of each element.
        global_clipnorm: largest norm of all gradients together. At most one of the three.
        name: a label; default the class's name in lower case.

    A copy (``copy``, ``pickle``) keeps the hyperparameters, the learning rate and the count of
    steps. The running means and moments belong to the variables and stay with the original: a copy
    starts them anew. ``trainer.save`` keeps them.

    Raises:
        TypeError: an argument of another type or name.
        ValueError: a value out of range, or two clippings.
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
                tail += f", or use {type(self).__name__}.like_torch(...) for PyTorch's formula"
            if not tail:
                import inspect  # only where something went wrong

                known = inspect.signature(type(self)).parameters.values()
                tail = f"; known: {', '.join(p.name for p in known if p.kind != p.VAR_KEYWORD)}"
            raise TypeError(f"{type(self).__name__}: unknown argument {spelling!r}{tail}")
        clips = {"clipnorm": clipnorm, "clipvalue": clipvalue, "global_clipnorm": global_clipnorm}
        given = {k: above_zero(v, k) for k, v in clips.items() if v is not None}
        if len(given) > 1:
            raise ValueError(
                f"{' and '.join(given)}: got both, expected at most one kind of clipping"
            )
        self.name = name or type(self).__name__.lower()
        self.weight_decay = (
            None if weight_decay is None else number(weight_decay, "weight_decay", 0)
        )
        self.clipnorm, self.clipvalue, self.global_clipnorm = (given.get(k) for k in clips)
        self.learning_rate = learning_rate
        self._excluded_ids: set[int] = set()
        self._excluded_held: list[Variable] = []
        self._excluded_names: list[str] = []
        self._warned = False
        self.core = _core.Optimizer(self.kind, hyper, **{k: given.get(k) for k in clips})

    def __getattr__(self, name: str) -> Any:
        # Only for names that are no attributes: the formula's hyperparameters.
        if name in (hyper := self._hyper_config() if "core" in vars(self) else {}):
            return hyper[name]
        hint = f"; here it is {SPELLINGS[name]}" if name in SPELLINGS else ""
        raise AttributeError(f"{type(self).__name__} has no attribute {name!r}{hint}")

    def __setattr__(self, name: str, value: Any) -> None:
        # They shape the state and the plan; a new value would be ignored.
        if "core" in vars(self) and (name in self.core.hyper or "clip" in name):
            kind = type(self).__name__
            raise AttributeError(f"{kind}.{name} is fixed; make a new {kind} with another {name}")
        super().__setattr__(name, value)

    @property
    def learning_rate(self) -> float | LearningRateSchedule:
        """The rate, or the schedule; may be set at any time and takes effect at the next step."""
        return self._learning_rate

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        if isinstance(value, (Variable, _core.Tensor)):
            value = float(value)
        is_schedule = isinstance(value, (LearningRateSchedule, dict))
        self._learning_rate = (
            get_schedule(value) if is_schedule else number(value, "learning_rate", 0)
        )

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
        """Keep weight decay off some variables.

        Args:
            var_list: these variables.
            var_names: those in whose names one of these regular expressions is found.

        Raises:
            TypeError, ValueError: no lists of them.
        """
        for given, name in ((var_list, "var_list"), (var_names, "var_names")):
            if not isinstance(given, (list, tuple, type(None))):
                raise TypeError(f"{name}: got {shown(given)}, expected a list")
        for variable in var_list or ():
            if not isinstance(variable, Variable):
                raise TypeError(f"var_list: got {shown(variable)}, expected Variables")
        for pattern in var_names or ():
            if not isinstance(pattern, str):
                raise TypeError(f"var_names: got {shown(pattern)}, expected strings")
            try:
                re.compile(pattern)
            except re.error as error:
                raise ValueError(
                    f"var_names: got {pattern!r}, expected a regular expression; {error}"
                ) from None
        for variable in var_list or ():
            self._excluded_ids.add(id(variable))
            self._excluded_held.append(variable)
        self._excluded_names += list(var_names or ())

    def excluded(self, variables: Iterable[Variable]) -> list[Variable]:
        """Those of `variables` that weight decay leaves alone."""
        return [
            v
            for v in variables
            if id(v) in self._excluded_ids
            or any(re.search(n, v.name) for n in self._excluded_names)
        ]

    def apply_gradients(self, grads_and_vars: Iterable[tuple[Any, Variable]]) -> None:
        """One step on pairs of gradient and Variable, of a model or not.

        Gradients are Tensors, arrays or numbers. One that is None is skipped, with one warning per
        optimizer.

        Raises:
            ValueError: no pairs, all gradients None, or a gradient of another shape than its
                Variable.
            TypeError: something that is no Variable.
        """
        if not hasattr(grads_and_vars, "__iter__"):
            got = shown(grads_and_vars)
            raise TypeError(f"grads_and_vars: got {got}, expected pairs of gradient and Variable")
        pairs = list(grads_and_vars)
        for pair in pairs:
            if (
                not isinstance(pair, (tuple, list))
                or len(pair) != 2
                or not isinstance(pair[1], Variable)
            ):
                raise TypeError(
                    f"grads_and_vars: got {shown(pair)}, expected pairs of gradient and Variable"
                )
        connected = [(g, v) for g, v in pairs if g is not None]
        if not connected:
            raise ValueError(
                "grads_and_vars: got no gradient that is not None; is the loss made from the "
                "variables inside the tape?"
            )
        if len(connected) < len(pairs) and not self._warned:
            self._warned = True
            names = ", ".join(v.name for g, v in pairs if g is None)
            warnings.warn(f"no gradient for {names}: skipped", stacklevel=2)
        variables = [v for _, v in connected]
        decay = self.weight_decay or 0.0
        self.core.apply(connected, self.rate_at(self.iterations), decay, self.excluded(variables))

    def _arguments(self) -> dict[str, Any]:
        config = {"learning_rate": self._learning_rate, **self._hyper_config()}
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

    def __getstate__(self) -> dict[str, Any]:
        core = {"hyper": dict(self.core.hyper), "iterations": self.iterations}
        hidden = ("core", "_excluded_ids")
        return {**{k: v for k, v in vars(self).items() if k not in hidden}, "_core": core}

    def __setstate__(self, state: dict[str, Any]) -> None:
        own = dict(state)
        kept = own.pop("_core")
        vars(self).update(own)
        clips = {k: own[k] for k in ("clipnorm", "clipvalue", "global_clipnorm")}
        core = _core.Optimizer(self.kind, kept["hyper"], **clips)
        core.iterations = kept["iterations"]
        # Copied with their variables, or those very variables: either way these are the ids.
        vars(self).update(core=core, _excluded_ids={id(v) for v in self._excluded_held})

    def _use_torch_formula(self) -> None:
        self.core.hyper = {**self.core.hyper, "torch": 1.0}


def names() -> list[str]:
    """Names that ``optimizer="..."`` takes."""
    return registry.names()


def get(identifier: Any, custom_objects: Mapping[str, Any] | None = None) -> Optimizer:
    """An Optimizer from a name, class, config or Optimizer.

    Names, also those in the config of a schedule, are looked up in `custom_objects` first.

    Raises:
        ValueError: an unknown name; it lists the nearest known ones.
        TypeError: something else.
    """
    made = registry.make(identifier, custom_objects)
    if not isinstance(made, Optimizer):
        raise TypeError(
            f"optimizer: got {type(identifier).__name__}, expected a name or an Optimizer"
        )
    return made
