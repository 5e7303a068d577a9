"""A module for each library, with a ``Peer(threads, device)``: training, prediction, product.

Each of these takes a case and gives two functions, or None where the library has no such thing. The
first gives what is compared: the mean losses of two epochs that are not shuffled, the first outputs
of a prediction, the first elements of a product. The second is what is timed: a shuffled epoch, a
call, a product.
"""

from __future__ import annotations

import importlib.util

# In the order of a table's columns; the modules that each needs.
NEEDS: dict[str, tuple[str, ...]] = {
    "feedfwd": (),
    "numpy": (),
    "sklearn": ("sklearn",),
    "keras": ("keras", "jax"),
    "torch": ("torch",),
    "torch_compile": ("torch",),
    "jax": ("jax",),
    "onnxruntime": ("onnxruntime", "onnx"),
    "cupy": ("cupy",),
}
NAMES = tuple(NEEDS)
ON_GPU = ("feedfwd", "torch", "torch_compile", "jax", "cupy")  # made with a device as well
ON_CPU = tuple(name for name in NAMES if name != "cupy")


def lacking(name: str) -> list[str]:
    """The modules that the peer needs and that are not installed."""
    return [module for module in NEEDS[name] if importlib.util.find_spec(module) is None]
