"""Layer: weights, nested layers and a call."""

from __future__ import annotations

import inspect
import weakref
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from feedfwd import _core
from feedfwd.arguments import shown
from feedfwd.layers import calling, configs, tracking, tree
from feedfwd.layers.checks import (
    check_dtype,
    check_shape,
    check_weights,
    mark_built,
    snake_case,
    to_tensors,
    training_default,
)
from feedfwd.layers.tracking import Draw, Weight, inside, state

Arguments = tuple[tuple[Any, ...], dict[str, Any]]


class Layer:
    r"""A function of tensors with weights of its own: the base class of every layer.

    ``y = call(x; w_1 ... w_m)``. A subclass makes weights with :meth:`add_weight`, in ``__init__``
    or in ``build(input_shape)`` (run once, before the first call; the batch is ``None`` in the
    shape), and computes in ``call`` with operators and :mod:`feedfwd.ops`. The same ``call`` runs
    eagerly and, traced once, in the compiled plan of a Trainer. If ``call`` has an argument
    ``training`` it gets the flag; nested layers inherit it. Weights and layers kept in
    attributes, also in lists, tuples and dicts, belong to the layer.

    Args:
        trainable: whether the weights are trained; default True.
        dtype: ``"float32"`` or ``"float64"``; default: the model's, else float32.
        name: a label; default: the class in snake_case. It has no part in the numbers.

    Raises:
        TypeError: an unknown argument, or ``super().__init__()`` was forgotten.

    Example:
        >>> import numpy as np, feedfwd as ff
        >>> class Scale(ff.layers.Layer):
        ...     def build(self, input_shape):
        ...         self.s = self.add_weight((input_shape[-1],), initializer="ones", name="s")
        ...     def call(self, x):
        ...         return x * self.s
        >>> Scale()(np.ones((2, 3), np.float32)).numpy().sum()
        np.float32(6.0)

    Source: Keras 3, ``keras.layers.Layer``.
    """

    _init: tuple[tuple[Any, ...], dict[str, Any]]
    built: bool
    _label: str | None = None  # of layers nobody named; default: the class in snake_case

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        layer = super().__new__(cls)
        object.__setattr__(layer, "_init", (args, kwargs))
        return layer

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "build" in cls.__dict__:
            cls.build = mark_built(cls.__dict__["build"])  # type: ignore[method-assign]

    def __init__(
        self,
        *,
        trainable: bool = True,
        dtype: str | None = None,
        name: str | None = None,
        **unknown: Any,
    ) -> None:
        configs.refuse_unknown(type(self).__name__, unknown, configs.COMMON)
        self._weights: list[Weight] = []
        self._counters: list[_core.Variable] = []
        self._parent: weakref.ref[Layer] | None = None
        self._trainable = bool(trainable)
        self._dtype = None if dtype is None else check_dtype(dtype)
        self._named = name is not None
        self._name = (self._label or snake_case(type(self).__name__)) if name is None else str(name)
        self._seed: int | None = None
        self._device = "cpu"
        self._settled = False
        self._signature: Any = None  # shapes and dtypes of what it was first called with
        self._structure = object()  # another one after every change of what it is made of
        self.built = False

    # ---- attributes

    def _check_init(self) -> None:
        if "_settled" not in self.__dict__:
            raise TypeError(f"{type(self).__name__}: call super().__init__() first in __init__")

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, _core.Variable) and name not in tree.BOOKKEEPING:
            self._check_init()
            old = self.__dict__.get(name)
            if isinstance(old, _core.Variable) and old is not value:
                self._weights[:] = [w for w in self._weights if w.variable is not old]
            known = (*(w.variable for w in self._weights), *self._counters)
            if not any(v is value for v in known):
                self._weights.append(Weight(value, None, False))
                self._changed()
        elif name not in tree.BOOKKEEPING:
            for child in inside(value, Layer):
                self._check_init()
                child._take_parent(self)
                self._changed()
        object.__setattr__(self, name, value)

    def _take_parent(self, parent: Layer) -> None:
        if (known := self.__dict__.get("_parent")) is None or known() is None:
            object.__setattr__(self, "_parent", weakref.ref(parent))

    def _lineage(self) -> list[Layer]:
        """This layer, the one that holds it, and so on to the outermost."""
        line = [self]
        while line[-1]._parent is not None:
            parent = line[-1]._parent()
            if parent is None or any(parent is layer for layer in line):
                break
            line.append(parent)
        return line

    def _root(self) -> Layer:
        return self if self._parent is None else self._lineage()[-1]

    def _changed(self) -> None:
        """What it is made of changed: nothing traced before holds for it."""
        for layer in self._lineage():
            object.__setattr__(layer, "_settled", False)
            object.__setattr__(layer, "_structure", object())

    def _get_seed(self) -> int:
        if self._seed is None:
            from feedfwd import random

            self._seed = random.next_seed()
        return self._seed

    def _children(self) -> list[Layer]:
        return tree.parts(self, Layer)[0]

    def _tree(self) -> list[tuple[Layer, list[_core.Variable]]]:
        return tree.tree(self, Layer)

    def _flatten(self) -> list[Layer]:
        return [layer for layer, _ in self._tree()]

    @property
    def name(self) -> str:
        """The label in summaries and error messages."""
        return self._name

    @property
    def dtype(self) -> str:
        """Name of the dtype that new weights have: the layer's own, else its model's."""
        if self._dtype is not None:
            return self._dtype
        parent = self._parent() if self._parent is not None else None
        return parent.dtype if parent is not None else "float32"

    @property
    def trainable(self) -> bool:
        """Whether the layer's weights are trained; setting it sets all nested layers too."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        for layer in self._flatten():
            layer._trainable = bool(value)

    # ---- weights

    def add_weight(
        self,
        shape: Sequence[int] | int = (),
        initializer: Any = None,
        dtype: str | None = None,
        trainable: bool = True,
        name: str | None = None,
    ) -> _core.Variable:
        """Make a weight of this layer, in ``build`` or in ``__init__``.

        Its values are drawn when the layer is first called, from the model's seed (the layer's
        own where there is no model) and the weight's position in ``variables``.

        Args:
            shape: a list or tuple of positive integers; ``()`` is a scalar.
            initializer: a name, an Initializer, or None for ``"glorot_uniform"``.
            dtype: default: the layer's.
            trainable: False for state such as a moving average.
            name: a label; default ``"weight"``.

        Returns:
            The Variable.

        Raises:
            TypeError: ``super().__init__()`` was forgotten, or shape is not one.
            ValueError: a negative or unknown extent, or an unknown initializer.

        Example:
            >>> import feedfwd as ff
            >>> layer = ff.layers.Layer()
            >>> layer.add_weight([3, 2], initializer="zeros").shape
            (3, 2)
        """
        from feedfwd import initializers

        self._check_init()
        extents = check_shape(shape, "shape")
        wanted = self.dtype if dtype is None else str(np.dtype(dtype))
        if initializer is None:
            initializer = "glorot_uniform" if wanted.startswith("float") else "zeros"
        draw = Draw(self, initializers.get(initializer))
        label = "weight" if name is None else name
        variable = tracking.pending(extents, wanted, trainable, label, draw)
        self._weights.append(Weight(variable, draw, dtype is not None))
        return variable

    def _own(self, held: list[_core.Variable]) -> list[Weight]:
        """Own weights in creation order, then those of `held` that only lists and dicts keep."""
        if len(held) == len(self._weights):
            for variable, weight in zip(held, self._weights, strict=True):
                if variable is not weight.variable:
                    break
            else:
                return self._weights
        known = {id(w.variable) for w in self._weights} | {id(v) for v in self._counters}
        for variable in held:
            if id(variable) not in known:
                known.add(id(variable))
                self._weights.append(Weight(variable, None, False))
        return self._weights

    def _all_weights(self) -> list[Weight]:
        self._check_init()
        found: dict[int, Weight] = {}
        for layer, held in self._tree():
            for weight in layer._own(held):
                found.setdefault(id(weight.variable), weight)
        return list(found.values())

    @property
    def variables(self) -> list[_core.Variable]:
        """Every weight once, in layer order, then creation order."""
        return [w.variable for w in self._all_weights()]

    @property
    def trainable_variables(self) -> list[_core.Variable]:
        """The weights an optimizer updates."""
        self._check_init()
        usual = tree.trained(self, Layer)
        if usual is not None:
            return usual
        layers = self._tree()
        frozen = {id(v) for layer, _ in layers if not layer._trainable for v in layer.variables}
        found = {id(w.variable): w.variable for layer, held in layers for w in layer._own(held)}
        return [v for key, v in found.items() if v.trainable and key not in frozen]

    @property
    def non_trainable_variables(self) -> list[_core.Variable]:
        """The weights an optimizer leaves alone."""
        trained = {id(v) for v in self.trainable_variables}
        return [v for v in self.variables if id(v) not in trained]

    weights = variables
    trainable_weights = trainable_variables
    non_trainable_weights = non_trainable_variables

    def _dropout_counters(self) -> list[_core.Variable]:
        return [v for layer in self._flatten() for v in layer._counters]

    def count_params(self) -> int:
        """Number of elements in all weights."""
        return sum(int(v.size) for v in self.variables)

    def get_weights(self) -> list[NDArray[Any]]:
        """Copies of the weights, in the order of ``variables``, all of one moment."""
        return _core.read_all(self.variables)

    def set_weights(self, weights: Sequence[ArrayLike]) -> None:
        """Set all weights from arrays in the order of ``variables``, at once.

        No prediction sees some old and some new ones, and none is set where one does not fit.

        Raises:
            TypeError: no list, or arrays that are no real numbers.
            ValueError: another number of arrays, a shape that differs, or values that the dtype
                cannot hold; no weight was changed.
        """
        variables = self.variables
        arrays = check_weights(weights, variables, self.name)
        _core.assign_all(variables, arrays)

    # ---- building and calling

    def build(self, input_shape: Any) -> None:
        """Make the weights for inputs of this shape (the batch is None). Subclasses override it."""
        self.built = True

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """Compute the outputs. Subclasses override it."""
        raise NotImplementedError(f"{type(self).__name__}: define call(self, x)")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Build at the first call, then ``call``; arrays become Tensors, ``training`` is passed."""
        self._check_init()
        return calling.call_layer(self, args, kwargs)

    def _prepare(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Arguments:
        """Arrays to Tensors; a Model also casts to its dtype."""
        args = tuple(
            to_tensors(a) if i == 0 or isinstance(a, np.ndarray) else a for i, a in enumerate(args)
        )
        changed = {k: to_tensors(v) if isinstance(v, np.ndarray) else v for k, v in kwargs.items()}
        return args, changed

    def _after_settle(self) -> None:
        """Hook of Model: all weights have their values."""

    def _call_training(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[bool, bool]:
        """(whether call takes `training`, the flag that holds in this call)."""
        takes, default = training_default(type(self).call)
        given = kwargs.get("training")
        if takes and given is None and len(args) > 1:
            bound = inspect.signature(self.call).bind_partial(*args, **kwargs)
            given = bound.arguments.get("training")
        if given is not None:
            return takes, bool(given)
        return takes, default if state.now.training is None else state.now.training

    # ---- configs and copies

    def get_config(self) -> dict[str, Any]:
        """The arguments to make this layer again, as numbers, strings, lists and dicts.

        Raises:
            ValueError: an argument (a lambda, say) that is no such value.
        """
        return {**self._common_config(), **configs.auto_config(self)}

    def _common_config(self) -> dict[str, Any]:
        own: dict[str, Any] = {"name": self._name} if self._named else {}
        if self._dtype is not None:
            own["dtype"] = self._dtype
        return {**own, **({} if self._trainable else {"trainable": False})}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """The layer a config of :meth:`get_config` describes, without weights."""
        if not isinstance(config, dict):
            raise TypeError(f"config: got {shown(config)}, expected a dict")
        given = {k: configs.revive(v) for k, v in config.items() if k not in configs.COMMON}
        layer = cls(**given)
        if "name" in config:
            layer._name, layer._named = config["name"], True
        if config.get("dtype") is not None:
            layer._dtype = check_dtype(config["dtype"])
        if "trainable" in config:
            layer._trainable = config["trainable"]
        return layer

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_parent": None, "_structure": None}

    def __setstate__(self, values: dict[str, Any]) -> None:
        self.__dict__.update(values)
        self._structure = object()
        for weight in self._weights:
            if weight.draw is not None:
                weight.draw.layer = weakref.ref(self)
        for child in self._children():
            child._take_parent(self)

    def __repr__(self) -> str:
        from feedfwd import summary

        return summary.of_layer(self)
