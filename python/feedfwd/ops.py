"""Operations on Tensors, Variables, arrays and numbers, eager, taped and traced alike.

Arrays keep their dtype; Python numbers take the dtype of what they meet; float32 with float64 gives
float64.
Every function returns a :class:`feedfwd.Tensor`. All activations are here too.

>>> import feedfwd as ff
>>> ff.ops.matmul([[1.0, 2.0]], [[3.0], [4.0]]).numpy()
array([[11.]], dtype=float32)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from feedfwd import _core, activations
from feedfwd._core import Tensor
from feedfwd.arguments import shown

if TYPE_CHECKING:
    from feedfwd.activations import *  # noqa: F403

Axis = int | Sequence[int] | None


def _binary(name: str, formula: str) -> Callable[[Any, Any], Tensor]:
    def op(x1: Any, x2: Any) -> Tensor:
        return _core.binary(name, x1, x2)

    op.__name__ = op.__qualname__ = name
    op.__doc__ = f"{formula}, elementwise with NumPy's broadcasting."
    return op


def _unary(name: str, function: str, formula: str) -> Callable[[Any], Tensor]:
    def op(x: Any) -> Tensor:
        return _core.map(function, x)

    op.__name__ = op.__qualname__ = name
    op.__doc__ = f"{formula}, elementwise."
    return op


add = _binary("add", "``x1 + x2``")
subtract = _binary("subtract", "``x1 - x2``")
multiply = _binary("multiply", "``x1 * x2``")
divide = _binary("divide", "``x1 / x2``; integers give float32")
floor_divide = _binary("floor_divide", "``floor(x1 / x2)``")
mod = _binary("mod", "``x1 - floor(x1 / x2) x2``, the sign of x2")
power = _binary("power", "``x1 ** x2``")
maximum = _binary(
    "maximum", "``x1`` where ``x1 > x2``, else ``x2``; the gradient goes the same way"
)
minimum = _binary(
    "minimum", "``x1`` where ``x1 < x2``, else ``x2``; the gradient goes the same way"
)
equal = _binary("equal", "``x1 == x2`` as bool")
not_equal = _binary("not_equal", "``x1 != x2`` as bool")
less = _binary("less", "``x1 < x2`` as bool")
less_equal = _binary("less_equal", "``x1 <= x2`` as bool")
greater = _binary("greater", "``x1 > x2`` as bool")
greater_equal = _binary("greater_equal", "``x1 >= x2`` as bool")
logical_and = _binary("logical_and", "``x1 and x2`` as bool")
logical_or = _binary("logical_or", "``x1 or x2`` as bool")

negative = _unary("negative", "neg", "``-x``")
abs = _unary("abs", "abs", "``|x|``; derivative ``sign(x)``")
sign = _unary("sign", "sign", "-1, 0 or 1")
square = _unary("square", "square", "``x^2``")
sqrt = _unary("sqrt", "sqrt", "The square root; NaN below 0")
exp = _unary("exp", "exp", "``e^x``")
expm1 = _unary("expm1", "expm1", "``e^x - 1`` without cancellation")
log = _unary("log", "log", "The natural logarithm; -inf at 0, NaN below")
log1p = _unary("log1p", "log1p", "``log(1 + x)`` without cancellation")
sin = _unary("sin", "sin", "The sine, x in radians")
cos = _unary("cos", "cos", "The cosine, x in radians")
erf = _unary("erf", "erf", "The error function")
erfc = _unary("erfc", "erfc", "``1 - erf(x)`` without cancellation")
floor = _unary("floor", "floor", "The largest integer not above x; derivative 0")


def logical_not(x: Any) -> Tensor:
    """``not x`` as bool, elementwise."""
    return _core.logical_not(x)


def where(condition: Any, x1: Any, x2: Any) -> Tensor:
    """``x1`` where `condition` is true, else ``x2``; NaN in the other branch does no harm.

    >>> import feedfwd as ff
    >>> ff.ops.where([True, False], 1.0, 2.0).numpy()
    array([1., 2.], dtype=float32)
    """
    return _core.where(condition, x1, x2)


def clip(x: Any, x_min: Any, x_max: Any) -> Tensor:
    """``min(max(x, x_min), x_max)``; the gradient is 0 outside the bounds.

    >>> import feedfwd as ff
    >>> ff.ops.clip([-2.0, 0.5, 9.0], 0.0, 1.0).numpy()
    array([0. , 0.5, 1. ], dtype=float32)
    """
    # With the bound first a tie passes x, whose gradient is 1 there.
    return _core.binary("minimum", x_max, _core.binary("maximum", x_min, x))


def matmul(x1: Any, x2: Any) -> Tensor:
    """The matrix product ``x1 x2``.

    Shapes ``(..., m, k)`` and ``(k, n)`` give ``(..., m, n)``; vectors as in NumPy.

    Raises:
        TypeError: integers.
        ValueError: shapes that do not fit, or an x2 of more than two axes.
    """
    return _core.matmul(x1, x2)


def transpose(x: Any, axes: Sequence[int] | None = None) -> Tensor:
    """Axes in the order `axes`; reversed by default."""
    return _core.transpose(x, axes)


def reshape(x: Any, newshape: Any) -> Tensor:
    """The same elements in another shape; one extent may be -1, None is a symbolic batch.

    >>> import feedfwd as ff
    >>> ff.ops.reshape([1.0, 2.0, 3.0, 4.0], (2, -1)).shape
    (2, 2)
    """
    return _core.reshape(x, newshape)


def expand_dims(x: Any, axis: int) -> Tensor:
    """A new axis of extent 1 at `axis`."""
    dims = list(_core.convert(x).shape)
    position = _axis(axis, len(dims) + 1)
    return _core.reshape(x, [*dims[:position], 1, *dims[position:]])


def squeeze(x: Any, axis: int | None = None) -> Tensor:
    """Without the axes of extent 1, or without that one axis.

    Raises:
        ValueError: the axis has another extent.
    """
    dims = list(_core.convert(x).shape)
    if axis is None:
        return _core.reshape(x, [d for d in dims if d != 1])
    position = _axis(axis, len(dims))
    if dims[position] != 1:
        raise ValueError(f"axis: got {axis} of extent {dims[position]}, expected extent 1")
    return _core.reshape(x, dims[:position] + dims[position + 1 :])


def _axis(axis: int, rank: int) -> int:
    if isinstance(axis, bool) or not isinstance(axis, (int, np.integer)):
        got = f"{shown(axis)} of type {type(axis).__name__}"
        raise TypeError(f"axis: got {got}, expected an integer")
    if not -rank <= axis < rank:
        raise ValueError(f"axis: got {shown(axis)}, expected {-rank} to {rank - 1}")
    return int(axis) % rank


def concatenate(xs: Sequence[Any], axis: int = -1) -> Tensor:
    """The arrays side by side along `axis`; their other extents must be equal."""
    return _core.concatenate(xs, axis)


def stack(xs: Sequence[Any], axis: int = 0) -> Tensor:
    """The arrays, all of one shape, along a new axis.

    >>> import feedfwd as ff
    >>> ff.ops.stack([[1.0, 2.0], [3.0, 4.0]], axis=-1).numpy()
    array([[1., 3.],
           [2., 4.]], dtype=float32)

    Raises:
        ValueError: no arrays, or arrays of different shapes.
    """
    parts = [_core.convert(x) for x in xs]
    shapes = sorted({str(tuple(p.shape)) for p in parts})
    if len(shapes) != 1:
        raise ValueError(f"stack: got shapes {', '.join(shapes) or 'none'}, expected one for all")
    return _core.concatenate([expand_dims(p, axis) for p in parts], axis)


def broadcast_to(x: Any, shape: Sequence[int | None]) -> Tensor:
    """x repeated to `shape` by NumPy's rules."""
    return _core.broadcast_to(x, shape)


def cast(x: Any, dtype: Any) -> Tensor:
    """x as `dtype`: "float32", "float64", "int32", "int64" or "bool"; floats are truncated.

    >>> import feedfwd as ff
    >>> ff.ops.cast([1.7, -1.7], "int32").numpy()
    array([ 1, -1], dtype=int32)
    """
    return _core.cast(x, dtype)


def convert_to_tensor(x: Any, dtype: Any = None) -> Tensor:
    """x as a Tensor, in its own dtype by default."""
    return _core.convert(x, dtype)


def shape(x: Any) -> tuple[Any, ...]:
    """The extents; while a layer is traced the batch is an integer Tensor."""
    return _core.shape(x)


def sum(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The sum over `axis`, default everything, in the fixed order of docs/numerics.md.

    >>> import feedfwd as ff
    >>> ff.ops.sum([[1.0, 2.0], [3.0, 4.0]], axis=0).numpy()
    array([4., 6.], dtype=float32)
    """
    return _core.reduce("sum", x, axis, keepdims)


def mean(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The sum divided by the number of elements; integers give float32."""
    return _core.reduce("mean", x, axis, keepdims)


def max(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The largest element; equal largest ones share the gradient."""
    return _core.reduce("max", x, axis, keepdims)


def min(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The smallest element; equal smallest ones share the gradient."""
    return _core.reduce("min", x, axis, keepdims)


def argmax(x: Any, axis: int | None = None) -> Tensor:
    """Index (int64) of the first largest element along `axis`, of the flattened x by default."""
    return _core.argmax(x, axis)


def one_hot(x: Any, num_classes: int, dtype: str = "float32") -> Tensor:
    """Integers c to rows of zeros with a one at c; rows of zeros where c is out of range.

    >>> import feedfwd as ff
    >>> ff.ops.one_hot([1], 3).numpy()
    array([[0., 1., 0.]], dtype=float32)
    """
    return _core.one_hot(x, num_classes, dtype)


def stop_gradient(x: Any) -> Tensor:
    """x as a constant: nothing flows back through it."""
    return _core.stop_gradient(x)


globals().update(activations.FUNCTIONS)
__all__ = sorted(
    {n for n, f in globals().items() if not n.startswith("_") and callable(f) and n[0].islower()}
    - {"annotations"}
)
