"""The built-in layers: InputLayer, Dense, Activation, Dropout, Flatten."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from feedfwd import _core, activations, initializers
from feedfwd.arguments import count, flag, number, shown
from feedfwd.layers.base import Layer
from feedfwd.layers.checks import check_shape
from feedfwd.layers.configs import built_in, plain
from feedfwd.random import check_seed


def activation_name(activation: Any) -> str | None:
    """The name of a known activation, else None."""
    name = getattr(activation, "name", None) or getattr(activation, "__name__", None)
    return name if isinstance(name, str) else None


@built_in
class InputLayer(Layer):
    """States the shape of one row for the layers that follow; passes its input on.

    ``y = x``. The same as :func:`feedfwd.Input` as the first item of a Sequential.

    Args:
        shape: of one row, without the batch, a tuple of positive integers.
        dtype: of the input; default: the model's.
        name: a label.

    Raises:
        TypeError, ValueError: ``shape`` is not one.

    Example:
        >>> import feedfwd as ff
        >>> model = ff.Sequential([ff.layers.InputLayer((3,)), ff.layers.Dense(2)])
        >>> model.count_params()
        8

    Source: Keras 3, ``keras.layers.InputLayer``.
    """

    def __init__(
        self,
        shape: Sequence[int],
        dtype: str | None = None,
        name: str | None = None,
        **unknown: Any,
    ) -> None:
        super().__init__(name=name, **unknown)
        self.shape = check_shape(shape, "shape")
        self.input_dtype = dtype

    def call(self, x: Any) -> Any:
        """Return ``x``."""
        return x

    def get_config(self) -> dict[str, Any]:
        """The arguments to make this layer again."""
        return {**super().get_config(), "shape": list(self.shape), "dtype": self.input_dtype}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """The layer a config of :meth:`get_config` describes."""
        return cls(**config)


@built_in
class Dense(Layer):
    r"""A fully connected layer.

    ``y = activation(x W + b)`` with ``x (..., in)``, kernel ``W (in, units)``, bias ``b (units,)``,
    ``y (..., units)``, in the layer's dtype.

    Args:
        units: width of the output, a positive integer.
        activation: a name or a function of a Tensor; default None: linear.
        use_bias: default True.
        kernel_initializer: default ``"glorot_uniform"``.
        bias_initializer: default ``"zeros"``.
        name, dtype, trainable: see :class:`Layer`.

    Raises:
        TypeError: ``units`` is not an integer, or an unknown argument.
        ValueError: ``units`` below 1, an unknown name, or an input without a feature axis.

    Example:
        >>> import numpy as np, feedfwd as ff
        >>> layer = ff.layers.Dense(4, activation="relu")
        >>> layer(np.ones((2, 3), np.float32)).shape
        (2, 4)

    Source: Keras 3, ``keras.layers.Dense``. PyTorch's ``Linear`` keeps the transposed kernel and
    draws from another distribution.
    """

    def __init__(
        self,
        units: int,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        **common: Any,
    ) -> None:
        super().__init__(**common)
        self.units = count(units, "units")
        self.activation = activations.get(activation)
        self.use_bias = flag(use_bias, "use_bias")
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)

    def build(self, input_shape: Any) -> None:
        """Make the kernel and the bias."""
        if len(input_shape) < 2 or input_shape[-1] is None:
            raise ValueError(
                f"x: got shape {tuple(input_shape)}, expected (rows, features); "
                "one sample is x[None, :], one feature is x[:, None]"
            )
        width = int(input_shape[-1])
        self.kernel = self.add_weight(
            (width, self.units), initializer=self.kernel_initializer, name="kernel"
        )
        if self.use_bias:
            self.bias = self.add_weight(
                (self.units,), initializer=self.bias_initializer, name="bias"
            )

    def call(self, x: Any) -> Any:
        """Return ``activation(x W + b)``."""
        width = self.kernel.shape[0]
        if len(x.shape) < 2 or x.shape[-1] != width:
            raise ValueError(f"x: got shape {tuple(x.shape)}, expected (..., {width})")
        y = _core.matmul(x, self.kernel)
        if self.use_bias:
            y = y + self.bias
        return self.activation(y)

    def get_config(self) -> dict[str, Any]:
        """The arguments to make this layer again."""
        return {
            **self._common_config(),
            "units": self.units,
            "activation": plain(self.activation, "Dense: activation"),
            "use_bias": self.use_bias,
            "kernel_initializer": plain(self.kernel_initializer, "Dense: kernel_initializer"),
            "bias_initializer": plain(self.bias_initializer, "Dense: bias_initializer"),
        }


@built_in
class Activation(Layer):
    """An activation as a layer: ``y = activation(x)``, of the shape of ``x``.

    Args:
        activation: a name or a function of a Tensor.
        name, dtype, trainable: see :class:`Layer`.

    Raises:
        ValueError: an unknown name.

    Example:
        >>> import numpy as np, feedfwd as ff
        >>> ff.layers.Activation("relu")(np.array([-1.0, 2.0])).numpy()
        array([0., 2.])

    Source: Keras 3, ``keras.layers.Activation``.
    """

    def __init__(self, activation: Any, **common: Any) -> None:
        super().__init__(**common)
        self.activation = activations.get(activation)

    def call(self, x: Any) -> Any:
        """Return ``activation(x)``."""
        return self.activation(x)


@built_in
class Dropout(Layer):
    r"""Sets elements to zero at random while training and scales the others; else the identity.

    ``y = x / (1 - rate)`` where an element is kept, 0 where it is dropped, each independently with
    probability ``rate``. The pattern is a function of the model's seed, the layer's position in
    the model and the layer's own count of training calls. Called without a model the layer uses
    ``seed`` (or one of its own) and counts its own calls.

    Args:
        rate: fraction to drop, ``0 <= rate <= 1``.
        seed: default: the model's.
        name, dtype, trainable: see :class:`Layer`.

    Raises:
        TypeError: PyTorch's ``p=``: the argument is called ``rate``.
        ValueError: ``rate`` outside 0 ... 1, or ``noise_shape``, which is not supported.

    Example:
        >>> import numpy as np, feedfwd as ff
        >>> y = ff.layers.Dropout(0.5, seed=4)(np.ones((1, 8), np.float32), training=True)
        >>> sorted(set(y.numpy().ravel().tolist()))
        [0.0, 2.0]

    Source: Srivastava et al. 2014, "Dropout"; Keras 3, ``keras.layers.Dropout``.
    """

    def __init__(
        self,
        rate: float | None = None,
        noise_shape: None = None,
        seed: int | None = None,
        **common: Any,
    ) -> None:
        super().__init__(**common)
        self.rate = number(rate, "rate", 0, 1)
        if noise_shape is not None:
            raise ValueError(f"noise_shape: got {shown(noise_shape)}; not supported, expected None")
        self.seed = check_seed(seed)
        counter = _core.Variable(0, trainable=False, dtype="int64", name="counter")
        self._counters.append(counter)

    def call(self, x: Any, training: bool = False) -> Any:
        """Drop while training, else return ``x``."""
        if not training or self.rate == 0:
            return x
        if self.rate == 1:
            return _core.where(False, x, 0)
        root = self._root()
        seed = root._get_seed() if self.seed is None else int(self.seed)
        position = next((i for i, layer in enumerate(root._flatten()) if layer is self), 0)
        counter = self._counters[0]
        y = _core.dropout(x, counter, self.rate, seed, _core.stream_of(position, "dropout"))
        counter.assign_add(1)
        return y


@built_in
class Flatten(Layer):
    """Joins all axes but the first: ``(n, a, b, ...)`` to ``(n, a b ...)``; ``(n,)`` to ``(n, 1)``.

    Args:
        name, dtype, trainable: see :class:`Layer`.

    Example:
        >>> import numpy as np, feedfwd as ff
        >>> ff.layers.Flatten()(np.zeros((5, 2, 3))).shape
        (5, 6)

    Source: Keras 3, ``keras.layers.Flatten``, channels last.
    """

    def call(self, x: Any) -> Any:
        """Return ``x`` as a matrix."""
        if len(x.shape) < 1:
            raise ValueError("x: got a scalar, expected at least one axis")
        return _core.reshape(x, (x.shape[0], math.prod(int(n or 0) for n in x.shape[1:])))
