"""Arrays of other libraries that are on a GPU: CuPy's, PyTorch's, JAX's, whoever says so."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from feedfwd import _core
from feedfwd.layers.tracking import inside, replace

if TYPE_CHECKING:
    from feedfwd.model import Model


def are_on_device(x: Any) -> bool:
    """Whether x, or all that a list, tuple or dict holds, is on a GPU."""
    if isinstance(x, np.ndarray):
        return False
    if isinstance(x, dict):
        x = list(x.values())
    if isinstance(x, (list, tuple)):
        return len(x) > 0 and all(not _plain(v) and _core.is_on_device(v) for v in x)
    return not _plain(x) and _core.is_on_device(x)


def _plain(x: Any) -> bool:
    return isinstance(x, (int, float, str, bytes, np.ndarray, np.generic, type(None)))


def to_tensors(x: Any, argument: str = "x") -> Any:
    """The same nest of Tensors on the GPU, without copies where the layout allows it."""
    if isinstance(x, dict):
        return {k: _core.from_device(v, f"{argument}[{k!r}]") for k, v in x.items()}
    if isinstance(x, (list, tuple)):
        return type(x)(_core.from_device(v, f"{argument}[{i}]") for i, v in enumerate(x))
    return _core.from_device(x, argument)


def back(tensor: _core.Tensor, like: Any) -> Any:
    """`tensor` as an array of the library that `like` is of, or itself for others; no copy."""
    if isinstance(like, dict):
        like = next(iter(like.values()))
    if isinstance(like, (list, tuple)):
        like = like[0]
    library = type(like).__module__.split(".")[0]
    if library == "cupy":
        return sys.modules["cupy"].asarray(tensor)
    if library == "torch":
        return sys.modules["torch"].from_dlpack(tensor)
    if library in ("jax", "jaxlib"):
        import jax

        return jax.dlpack.from_dlpack(tensor)
    return tensor


def predict(model: Model, x: Any, batch_size: int | None) -> Any:
    """:meth:`feedfwd.Model.predict` of arrays on a GPU, into such arrays."""
    tensors = to_tensors(x)
    if model.device == "cpu":
        found = model.predict(replace(tensors, _core.Tensor, lambda t: t.numpy()), batch_size)
        return replace(
            found,
            np.ndarray,
            lambda a: back(_core.to_device(_core.convert(a), "cuda"), x),
        )
    names = model._input_names
    if isinstance(tensors, dict) and names and set(names) == set(tensors):
        tensors = {k: tensors[k] for k in names}
    ordered = list(inside(tensors, _core.Tensor))
    if any(t.ndim < 1 or t.shape[0] == 0 for t in ordered):
        raise ValueError("x: got no rows, expected at least one")
    # One row stands for all where the model is built and its program looked up.
    arrays, rebuild = model._split(replace(tensors, _core.Tensor, _first_row))
    found, _ = model._predicted(arrays, rebuild, batch_size, ordered)
    return replace(found, _core.Tensor, lambda t: back(t, x))


def _first_row(t: _core.Tensor) -> Any:
    shape: Sequence[Any] = t.shape[1:]
    return np.zeros((1, *shape), t.dtype)
