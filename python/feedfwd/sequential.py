"""Sequential: layers one after another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from feedfwd import _core, functional, graphs
from feedfwd.layers import calling
from feedfwd.layers.base import Arguments, Layer
from feedfwd.layers.checks import uniquify
from feedfwd.layers.configs import built_in, check_shared, revive, serialize
from feedfwd.layers.core import InputLayer
from feedfwd.model import Model


@built_in
class Sequential(Model):
    """Layers one after another: ``y = layer_m(... layer_1(x))``.

    With :func:`feedfwd.Input` first the model is built at once; without it the shape of a row is
    taken from the first data.

    Args:
        layers: a list of layers, the first may be what :func:`feedfwd.Input` returned.
        seed, device, dtype, name, trainable: see :class:`Model`.

    Raises:
        TypeError: an item that is no layer.
        ValueError: an Input that is not first, or two layers given the same name.

    Example:
        >>> import numpy as np, feedfwd as ff
        >>> model = ff.Sequential([
        ...     ff.Input((3,)),
        ...     ff.layers.Dense(4, activation="tanh"),
        ...     ff.layers.Dense(2),
        ... ], seed=0)
        >>> model(np.ones((5, 3))).shape
        (5, 2)

    Source: Keras 3, ``keras.Sequential``.
    """

    def __init__(
        self,
        layers: Sequence[Any] | None = None,
        *,
        seed: int | None = None,
        device: str = "cpu",
        dtype: str | None = None,
        name: str | None = None,
        trainable: bool = True,
        **unknown: Any,
    ) -> None:
        super().__init__(
            seed=seed, device=device, dtype=dtype, name=name, trainable=trainable, **unknown
        )
        if type(self).__init__ is Sequential.__init__:
            self._init = ((), {})  # get_config reads the layers themselves
        self._layers: list[Layer] = []
        if isinstance(layers, Layer) or not isinstance(layers, (list, tuple, type(None))):
            raise TypeError(f"layers: got {type(layers).__name__}, expected a list of layers")
        for layer in layers or ():
            self._append(layer)
        self._build_now()

    def add(self, layer: Any) -> None:
        """Append a layer.

        Example:
            >>> import feedfwd as ff
            >>> model = ff.Sequential([ff.Input((3,))])
            >>> model.add(ff.layers.Dense(2))
            >>> len(model.variables)
            2
        """
        self._append(layer)
        self._build_now()

    def pop(self) -> Layer:
        """Remove the last layer and return it.

        Raises:
            ValueError: there is none.
        """
        if not self._layers:
            raise ValueError("pop: the model has no layers")
        layer = self._layers.pop()
        object.__setattr__(layer, "_parent", None)
        self._changed()
        self._build_now()
        return layer

    def _append(self, layer: Any) -> None:
        if isinstance(layer, _core.Tensor) and layer.kind == "functional":
            note = functional.input_of(layer)
            if note is None:
                raise TypeError(
                    "layers: got a Tensor made by layers; use ff.Model(inputs, outputs)"
                )
            self._set_input(note.shape, note.dtype)
            return
        if isinstance(layer, InputLayer):
            self._set_input(layer.shape, layer.input_dtype)
            return
        if isinstance(layer, type):
            raise TypeError(f"layers: got the class {layer.__name__}; write {layer.__name__}(...)")
        if not isinstance(layer, Layer):
            name = getattr(layer, "__name__", type(layer).__name__)
            raise TypeError(
                f"layers: got {name}, expected a Layer; "
                "wrap a function in ff.layers.Activation(function) or a Layer of your own"
            )
        layer._check_init()
        if any(part is self for part in (layer, *layer._flatten())):
            raise ValueError(
                f"layers: got {layer!r}, which holds this model; expected another layer"
            )
        layer._take_parent(self)
        uniquify([*self._layers, layer])
        self._layers.append(layer)
        self._changed()

    def _set_input(self, shape: Sequence[int], dtype: str | None) -> None:
        if self._layers or self._input_shapes is not None:
            raise ValueError("layers: an Input must come first, and once")
        self._input_shapes = [(None, *shape)]
        self._input_dtypes = [dtype]

    def _build_now(self) -> None:
        if self._input_shapes is None:
            return
        shape = self._input_shapes[0]

        def inputs(trace: _core.Trace) -> Arguments:
            return (trace.input(shape, self._input_dtype(0)),), {}

        calling.settle(self, inputs)

    @property
    def layers(self) -> list[Layer]:
        """The layers in order, without the Input."""
        return list(self._layers)

    def _input_count(self) -> int | None:
        return 1

    def call(self, x: Any) -> Any:
        """Run the layers in order."""
        for layer in self._layers:
            x = layer(x)
        return x

    def get_config(self) -> dict[str, Any]:
        """The arguments to make this model again."""
        config = super().get_config()
        if type(self).__init__ is not Sequential.__init__:
            return config
        unique = {id(layer): layer for layer in self._layers}
        check_shared(unique.values())
        places = [next(i for i, k in enumerate(self._layers) if k is x) for x in self._layers]
        layers = [
            serialize(layer) if place == i else {"again": place}
            for i, (place, layer) in enumerate(zip(places, self._layers, strict=True))
        ]
        if self._input_shapes is not None:
            first = InputLayer(self._input_shapes[0][1:], dtype=self._input_dtypes[0])  # type: ignore[arg-type]
            layers.insert(0, serialize(first))
        return {**config, "layers": layers}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """The model a config of :meth:`get_config` describes, with weights drawn from its seed."""
        if cls.__init__ is not Sequential.__init__:
            return super().from_config(config)
        given = {k: revive(v) for k, v in config.items()}
        if isinstance(given.get("layers"), list):
            given["layers"] = _repeated(given["layers"])
        return cls(**given)


def _repeated(layers: list[Any]) -> list[Any]:
    """The layers, with those that stand there again in the place of ``{"again": number}``."""
    first = 1 if layers and isinstance(layers[0], InputLayer) else 0
    made: list[Any] = []
    for layer in layers:
        if isinstance(layer, dict) and set(layer) == {"again"}:
            layer = made[first + graphs.index_of(layer["again"], "again", len(made) - first)]
        made.append(layer)
    return made
