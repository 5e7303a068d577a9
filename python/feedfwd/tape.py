"""GradientTape: gradients of what was computed inside a ``with``."""

from __future__ import annotations

from types import TracebackType
from typing import Any

import numpy as np

from feedfwd import _core
from feedfwd.arguments import flag
from feedfwd.layers.checks import SYMBOLS
from feedfwd.layers.tracking import inside, replace


class GradientTape:
    r"""Records operations and differentiates them in reverse.

    ``gradient(target, sources)`` is ``d sum(target) / d source``, of the shape and dtype of each
    source. Trainable Variables are watched when they are used; Tensors when :meth:`watch` is
    called. Tapes nest, for derivatives of derivatives.

    Args:
        persistent: allow several calls of :meth:`gradient`; default False.
        watch_accessed_variables: watch trainable Variables by themselves; default True.

    Example:
        >>> import feedfwd as ff
        >>> w = ff.Variable(5.0)
        >>> with ff.GradientTape() as tape:
        ...     loss = (w - 3.0) ** 2
        >>> float(tape.gradient(loss, w))
        4.0

    Source: TensorFlow, ``tf.GradientTape``; Griewank and Walther 2008, "Evaluating Derivatives".
    """

    def __init__(self, persistent: bool = False, watch_accessed_variables: bool = True) -> None:
        self._tape = _core.Tape(
            flag(persistent, "persistent"),
            flag(watch_accessed_variables, "watch_accessed_variables"),
        )

    def __enter__(self) -> GradientTape:
        """Start recording."""
        self._tape.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop recording."""
        self._tape.__exit__(kind, error, traceback)

    def watch(self, tensor: Any) -> None:
        """Record what is done with a Tensor, a Variable, or a nest of them.

        Raises:
            TypeError: something else, a NumPy array for example.
        """
        found = list(inside(tensor, SYMBOLS))
        if not found:
            raise TypeError(
                f"tensor: got {type(tensor).__name__}, expected a Tensor or Variable; "
                "make one with ff.ops.convert_to_tensor"
            )
        for x in found:
            self._tape.watch(x)

    def watched_variables(self) -> list[_core.Variable]:
        """The Variables watched so far, in order of first use."""
        return self._tape.watched_variables()

    def gradient(
        self,
        target: Any,
        sources: Any,
        output_gradients: Any = None,
        unconnected_gradients: str = "none",
    ) -> Any:
        """Gradients of `target` with respect to `sources`.

        Args:
            target: a Tensor, or a nest of them (their sum is differentiated).
            sources: a Tensor or Variable, or a nest of them.
            output_gradients: what flows into the targets, shaped like them; default: ones.
            unconnected_gradients: ``"none"``: None for a source the target does not depend on;
                ``"zero"``: zeros.

        Returns:
            The gradients, nested like `sources`.

        Raises:
            TypeError: a target or source that is no Tensor or Variable.
            ValueError: a Tensor never watched, or a second call on a tape not persistent.
        """
        if unconnected_gradients not in ("none", "zero"):
            raise ValueError(
                f"unconnected_gradients: got {unconnected_gradients!r}, expected 'none' or 'zero'"
            )
        targets, wanted = _leaves(target), _leaves(sources)
        for x in wanted:
            if isinstance(x, _core.Tensor) and not self._tape.is_known(x):
                raise ValueError(
                    "sources: a Tensor that was never watched; call tape.watch(x) first, or keep "
                    "a weight in a Variable and update it with assign_sub (w = w - step makes "
                    "a Tensor of it)"
                )
        seeds = None
        if output_gradients is not None:
            seeds = output_gradients if isinstance(target, (list, tuple)) else [output_gradients]
            if len(seeds) != len(targets):
                raise ValueError(
                    f"output_gradients: got {len(seeds)}, expected one per target, {len(targets)}"
                )
        gradients = self._tape.gradient(targets, wanted, seeds)
        found = iter(zip(gradients, wanted, strict=True))

        def take(_: Any) -> Any:
            gradient, source = next(found)
            if gradient is None and unconnected_gradients == "zero":
                shape = tuple(int(n or 0) for n in source.shape)
                return _core.convert(np.zeros(shape, source.dtype))
            return gradient

        return replace(sources, SYMBOLS, take)

    def reset(self) -> None:
        """Forget everything recorded."""
        self._tape.reset()


def _leaves(nest: Any) -> list[Any]:
    if isinstance(nest, dict):
        nest = list(nest.values())
    if isinstance(nest, (list, tuple)):
        return [leaf for item in nest for leaf in _leaves(item)]
    return [nest]
