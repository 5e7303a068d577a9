"""Model: a layer that predicts, with a seed, a device and a dtype."""

from __future__ import annotations

import copy
import os
from collections.abc import Callable, Sequence
from typing import Any

from feedfwd import _core, data, elsewhere, foreign, locking
from feedfwd.arguments import count as check_count
from feedfwd.layers import calling
from feedfwd.layers.base import Arguments, Layer
from feedfwd.layers.checks import SYMBOLS, to_tensors
from feedfwd.layers.tracking import holds, inside, replace, state
from feedfwd.random import check_seed

PREDICT_ROWS = {"cpu": 512, "cuda": 8192}  # at once; the bits do not depend on it
_CACHED_PROGRAMS = 16


class Model(Layer):
    """A network: layers, with a seed, a device and a dtype; the base class of all models.

    Three ways to make one: :class:`Sequential`; ``Model(inputs, outputs)`` from what
    :func:`Input` returned and layers made of it (branches, skips, several inputs and outputs); and
    a subclass that makes layers in ``__init__`` and uses them in ``call(self, x)``. The model
    computes in its own dtype: inputs are cast to it.

    Args:
        inputs: one symbolic Tensor of :func:`Input`, or a list of them.
        outputs: one symbolic Tensor made from the inputs, or a list of them.
        seed: drives initial weights, dropout and shuffles; default: from
            :func:`feedfwd.random.set_seed` if called, else the system's entropy.
        device: ``"cpu"``, ``"cuda"`` or ``"auto"``; default ``"cpu"``.
        dtype: ``"float32"`` (default) or ``"float64"``.
        name, trainable: see :class:`feedfwd.layers.Layer`.

    Raises:
        TypeError: an unknown argument, or a seed that is no integer.
        ValueError: a device this machine lacks, another dtype, or outputs not made from inputs.

    Example:
        >>> import numpy as np, feedfwd as ff
        >>> x = ff.Input((4,))
        >>> h = ff.layers.Dense(4, activation="relu")(x)
        >>> model = ff.Model(x, ff.layers.Dense(1)(h + x), seed=0)
        >>> model.predict(np.zeros((2, 4)))
        array([[0.],
               [0.]], dtype=float32)

    Source: Keras 3, ``keras.Model``.
    """

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        if cls is Model and (args or "inputs" in kwargs):
            from feedfwd.functional import Functional

            return super().__new__(Functional, *args, **kwargs)
        return super().__new__(cls, *args, **kwargs)

    # The output's shape, for a structure and rows of a kind: found by running the model in a trace.
    _known_shape: tuple[Any, Any, Any] = (None, None, ())
    # What predicted last, where that was one array as it stands: its like needs no more checks.
    _quick: tuple[object, _core.Program] | None = None

    def __init__(
        self,
        *,
        seed: int | None = None,
        device: str = "cpu",
        dtype: str | None = None,
        name: str | None = None,
        trainable: bool = True,
        **unknown: Any,
    ) -> None:
        super().__init__(trainable=trainable, dtype=dtype, name=name, **unknown)
        self._seed = check_seed(seed)
        self._device = _core.check_device(device)
        self._programs: dict[Any, tuple[_core.Program, Any]] = {}
        self._input_shapes: list[tuple[int | None, ...]] | None = None
        self._input_dtypes: list[str | None] = []
        self._input_names: list[str] | None = None

    # ---- what it is made of

    @property
    def layers(self) -> list[Layer]:
        """The layers one level down, in order."""
        self._check_init()
        return self._children()

    @property
    def seed(self) -> int:
        """The seed of weights, dropout and shuffles; drawn at the first look if none was given."""
        return self._root()._get_seed()

    @property
    def device(self) -> str:
        """Where the model computes."""
        return self._root()._device

    def to(self, device: str) -> Any:
        """Move the model to a device, and give it back; its weights keep their bits.

        A :class:`Trainer` of the model goes on there: its optimizer's state follows.

        Args:
            device: ``"cpu"``, ``"cuda"`` or ``"auto"``.

        Raises:
            ValueError: the machine lacks the device, or the model is part of another one.

        Example:
            >>> import feedfwd as ff
            >>> model = ff.Sequential([ff.Input((2,)), ff.layers.Dense(1)], seed=0)
            >>> model.to("cpu").device
            'cpu'
        """
        self._check_init()
        root = self._root()
        if root is not self:
            raise ValueError(f"to: {self.name!r} is part of {root.name!r}; move that one")
        name = _core.check_device(device)
        with locking.building():
            self._device = name
            calling.adopt(self)
            self._programs, self._quick = {}, None
        return self

    def __getattr__(self, name: str) -> Any:
        known = () if name.startswith("_") else dir(type(self))
        raise elsewhere.missing(f"a {type(self).__name__}", name, elsewhere.MODEL, known)

    # ---- calling

    def _input_count(self) -> int | None:
        """Number of inputs; None where only ``call`` knows."""
        return None if self._input_shapes is None else len(self._input_shapes)

    def _input_dtype(self, position: int) -> str:
        known = self._input_dtypes[position] if position < len(self._input_dtypes) else None
        return known or self.dtype

    def _prepare(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Arguments:
        if not args:
            return super()._prepare(args, kwargs)
        x = args[0]
        if foreign.are_on_device(x):
            x = foreign.to_tensors(x)
        if holds(x, SYMBOLS):
            x = to_tensors(x)
        else:
            arrays, rebuild = data.split_inputs(x, self._input_count(), self._input_names, "x")
            for i, array in enumerate(arrays):
                wanted = self._input_dtype(i)
                if array.dtype == wanted == self.dtype:
                    continue  # nothing to cast, so nothing that could not be held
                data.check_values(array, self.dtype, "x", False)
                with _core.FloatState():
                    arrays[i] = array.astype(wanted, copy=False)
            x = rebuild([_core.convert(a) for a in arrays])
        positions = iter(range(1000))

        def cast(t: Any) -> Any:
            i = next(positions)
            if self._input_shapes is not None and i < len(self._input_shapes):
                data.check_features(t, self._input_shapes[i], "x")
            wanted = self._input_dtype(i)
            return t if t.dtype == wanted else _core.cast(t, wanted)

        return super()._prepare((replace(x, SYMBOLS, cast), *args[1:]), kwargs)

    def _after_settle(self) -> None:
        if not state.now.scratch and self._root() is self:
            _core.pack(self.variables)

    def _ensure(self, arrays: Sequence[Any], rebuild: Callable[[Sequence[Any]], Any]) -> None:
        """Build for rows like those of `arrays`, if that is still to do."""
        if self._settled:
            return

        def inputs(trace: _core.Trace) -> Arguments:
            return (rebuild(self._trace_inputs(trace, arrays)),), {}

        with locking.building():
            if not self._settled:
                calling.settle(self, inputs)

    def _trace_inputs(self, trace: _core.Trace, arrays: Sequence[Any]) -> list[_core.Tensor]:
        return [
            trace.input((None, *a.shape[1:]), self._input_dtype(i)) for i, a in enumerate(arrays)
        ]

    def _split(
        self, x: Any, argument: str = "x", check_finite: bool = False
    ) -> tuple[list[Any], Callable[[Sequence[Any]], Any]]:
        """Checked arrays of the inputs, and how to nest tensors like them."""
        arrays, rebuild = data.split_inputs(x, self._input_count(), self._input_names, argument)
        for i, array in enumerate(arrays):
            label = argument if len(arrays) == 1 else f"{argument}[{i}]"
            data.check_values(array, self.dtype, label, check_finite)
            if self._input_shapes is not None:
                data.check_features(array, self._input_shapes[i], label)
        data.check_rows({f"{argument}[{i}]" if i else argument: a for i, a in enumerate(arrays)})
        return arrays, rebuild

    @_core.with_short_way
    def predict(self, x: Any, batch_size: int | None = None, verbose: int | str = 0) -> Any:
        """Outputs for every row of `x`. A row's result never depends on its neighbours.

        Args:
            x: one array (rows first); a list or dict of them where the model has several inputs.
            batch_size: rows computed at once, at most and by default 512, on a GPU 8,192; the bits
                do not depend on it.
            verbose: accepted for Keras' sake; predicting shows nothing.

        Returns:
            An ``ndarray`` of the model's dtype, or a nest of them like the model's outputs; arrays
            on a GPU give such arrays.

        Raises:
            TypeError: data that are no real numbers.
            ValueError: another shape than the model's, no rows, or values the dtype cannot hold.

        Example:
            >>> import numpy as np, feedfwd as ff
            >>> model = ff.Sequential([ff.layers.Dense(2)], seed=0)
            >>> model.predict(np.zeros((3, 5))).shape
            (3, 2)
        """
        self._check_init()
        if batch_size is not None:
            check_count(batch_size, "batch_size")
        if foreign.are_on_device(x):
            return foreign.predict(self, x, batch_size)
        arrays, rebuild = self._split(x)
        found, program = self._predicted(arrays, rebuild, batch_size)
        plain = len(arrays) == 1 and hasattr(found, "ndim") and arrays[0] is x
        if plain and x.dtype == self.dtype and self._input_dtype(0) == self.dtype:
            self._quick = self._structure, program
        return found

    def _predicted(
        self,
        arrays: Sequence[Any],
        rebuild: Callable[[Sequence[Any]], Any],
        batch_size: int | None,
        there: Sequence[_core.Tensor] | None = None,
    ) -> tuple[Any, _core.Program]:
        """The outputs, and what made them. `there`: on the device, what `arrays` are like."""
        values = None
        while values is None:  # where another model packs weights it shares with this one
            program, nest = self._predictor(arrays, rebuild, batch_size)
            values = program.predict(arrays) if there is None else program.predict_there(there)
        results = iter(values)
        return replace(nest, _Output, lambda _: next(results)), program

    def _predictor(
        self, arrays: Sequence[Any], rebuild: Callable[[Sequence[Any]], Any], batch_size: int | None
    ) -> tuple[_core.Program, Any]:
        most = PREDICT_ROWS[self.device]
        capacity = min(batch_size or most, most)
        self._ensure(arrays, rebuild)
        rows = tuple((a.shape[1:], a.dtype) for a in arrays)
        key = (self._structure, capacity, rows, self.device)
        known = self._programs.get(key)
        if known is not None and known[0].is_current:
            return known
        with locking.building():
            known = self._programs.get(key)
            if known is not None and known[0].is_current:
                return known
            trace = _core.Trace()
            with trace:
                outputs = self(rebuild(self._trace_inputs(trace, arrays)), training=False)
            program = _core.Program(
                trace,
                [_core.convert(t) for t in inside(outputs, SYMBOLS)],
                input_dtypes=[a.dtype.name for a in arrays],
                capacity=capacity,
                device=self.device,
                write_back=False,
            )
            fresh = {k: v for k, v in self._programs.items() if k[0] is key[0] and v[0].is_current}
            made = program, replace(outputs, SYMBOLS, lambda _: _Output())
            self._programs = {**(fresh if len(fresh) < _CACHED_PROGRAMS else {}), key: made}
            return made

    # ---- copies

    def clone(self) -> Any:
        """A model of the same layers whose weights are drawn anew, from the same seed.

        A model and its clone, trained alike, end with the same bits. For a copy with the trained
        weights use ``copy.deepcopy``.

        Example:
            >>> import numpy as np, feedfwd as ff
            >>> model = ff.Sequential([ff.Input((2,)), ff.layers.Dense(1)], seed=3)
            >>> twin = model.clone()
            >>> np.array_equal(twin.get_weights()[0], model.get_weights()[0])
            True
        """
        self._get_seed()
        twin = copy.deepcopy(self)
        calling.adopt(twin)
        for weight in twin._all_weights():
            if weight.draw is not None and not weight.variable.is_pending:
                weight.variable.assign(weight.draw(weight.variable))
        for counter in twin._dropout_counters():
            counter.assign(0)
        return twin

    def get_config(self) -> dict[str, Any]:
        """The arguments to make this model again, as numbers, strings, lists and dicts."""
        config = {k: v for k, v in super().get_config().items() if k not in ("seed", "device")}
        return {**config, "seed": self._seed, "device": self._device}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """The model a config of :meth:`get_config` describes, without weights."""
        own = {k: v for k, v in config.items() if k not in ("seed", "device")}
        model = super().from_config(own)
        model._seed = check_seed(config.get("seed"))
        model._device = _core.check_device(config.get("device", "cpu"))
        return model

    def __getstate__(self) -> dict[str, Any]:
        return {
            **super().__getstate__(),
            "_programs": {},
            "_quick": None,
            "_known_shape": (None, None, ()),
        }

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the model to a file: its configuration and its weights (safetensors).

        The file is written beside its target and renamed over it, so that whatever happens there
        is the old file or the new one, whole. :func:`feedfwd.load_model` reads it.

        Args:
            path: of the file; one that exists is replaced.

        Raises:
            TypeError: ``path`` is no path.
            ValueError: the model is not built, or an argument of a layer (a lambda, say) cannot be
                written down.
            OSError: what the system says; the old file is as it was.

        Example:
            >>> import os, tempfile, feedfwd as ff
            >>> model = ff.Sequential([ff.Input((2,)), ff.layers.Dense(3)], seed=0)
            >>> path = os.path.join(tempfile.mkdtemp(), "model.safetensors")
            >>> model.save(path)
            >>> ff.load_model(path).layers[0].units
            3
        """
        from feedfwd import saving

        saving.save_model(self, path)

    def summary(self, print_fn: Callable[[str], Any] | None = None) -> None:
        """Print the layers: output shapes, numbers of parameters, what a sample costs.

        FLOPs are those of a forward pass: two for each multiplication with its addition in a
        matmul, one for each element that another operation makes or adds up, five for each of a
        softmax. Bytes are those of the layer's output. Dropout does nothing there.

        Args:
            print_fn: called with each line; default: ``print``.

        Example:
            >>> import feedfwd as ff
            >>> ff.Sequential([ff.Input((2,)), ff.layers.Dense(3)]).summary()
            Model: sequential
            Layer          Output shape  Params  FLOPs  Bytes
            -------------------------------------------------
            dense (Dense)  (None, 3)          9     15     12
            -------------------------------------------------
            Trainable params: 9 (36 bytes)
            Other params: 0
            A sample forward: 15 FLOPs, 20 bytes of input and layer outputs
        """
        from feedfwd.summary import lines

        for line in lines(self):
            (print if print_fn is None else print_fn)(line)

    def __repr__(self) -> str:
        from feedfwd import summary

        return summary.of_model(self)


class _Output:
    """Marks the place of one output in the nest a model returns."""
