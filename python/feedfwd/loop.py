"""The passes of a Trainer over data: traced programs, run in pieces."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from feedfwd import _core, data
from feedfwd.layers.tracking import inside, scratch

if TYPE_CHECKING:
    from feedfwd.callbacks.base import CallbackList
    from feedfwd.model import Model
    from feedfwd.progress import Progress
    from feedfwd.trainer import Trainer

# Python gets a look (Ctrl-C, the bar) about this often; the bits do not depend on it.
_PIECE_SECONDS = 0.2
_LONGEST_PIECE = 1 << 16


class Rows:
    """Checked data: inputs, targets and weights with the same number of rows."""

    def __init__(
        self,
        inputs: list[Any],
        rebuild: Callable[[Sequence[Any]], Any],
        targets: Any,
        weights: Any,
    ) -> None:
        self.inputs, self.rebuild = inputs, rebuild
        self.targets, self.weights = targets, weights
        self.count = len(targets)

    def arrays(self) -> list[Any]:
        """In the order of a program's inputs."""
        return [*self.inputs, self.targets, *([] if self.weights is None else [self.weights])]

    def with_arrays(self, arrays: Sequence[Any]) -> Rows:
        """The same kind of data from other arrays, in the order of arrays()."""
        n = len(self.inputs)
        weights = None if self.weights is None else np.ascontiguousarray(arrays[n + 1])
        inputs = [np.ascontiguousarray(a) for a in arrays[:n]]
        return Rows(inputs, self.rebuild, np.ascontiguousarray(arrays[n]), weights)


def output_shape(
    model: Model, inputs: Sequence[Any], rebuild: Callable[[Sequence[Any]], Any]
) -> tuple[int | None, ...]:
    """Shape of the model's one output for rows like these; builds the model."""
    model._ensure(inputs, rebuild)
    with scratch() as trace:
        outputs = model(rebuild(model._trace_inputs(trace, inputs)))
    found = list(inside(outputs, (_core.Tensor, _core.Variable)))
    if len(found) != 1:
        raise ValueError(
            f"model: got {len(found)} outputs, expected one; for several write a loop with "
            "ff.GradientTape"
        )
    return tuple(found[0].shape)


class Programs:
    """The traced programs of one Trainer, one per kind of pass and of data."""

    def __init__(self) -> None:
        self._made: dict[Any, _core.Program] = {}
        # Steps that fit the time between two looks at Python, of the program that ran last.
        self.known_pace: tuple[_core.Program | None, int] = (None, 8)

    def pace(self, program: _core.Program) -> int:
        """How many steps to begin with: what fitted last time, else a few."""
        return self.known_pace[1] if self.known_pace[0] is program else 8

    def get(self, trainer: Trainer, rows: Rows, batch: int, training: bool) -> _core.Program:
        """The program for batches of at most `batch` rows like these."""
        shards = trainer.shards if training else 1
        capacity = -(-batch // shards)
        kinds = tuple((a.shape[1:], a.dtype.name) for a in rows.arrays())
        trained = tuple(id(v) for v in trainer.model.trainable_variables) if training else ()
        decay = bool(trainer.optimizer.weight_decay) if training else False
        excluded = trainer.optimizer.excluded(trainer.model.trainable_variables) if decay else []
        spared = tuple(id(v) for v in excluded)
        structure = trainer.model._structure
        key = (structure, training, capacity, kinds, rows.weights is None, trained, decay, spared)
        if key not in self._made or not self._made[key].is_current:
            self._made = {k: p for k, p in self._made.items() if k[0] is structure and p.is_current}
            self._made[key] = _trace(trainer, rows, capacity, training)
        return self._made[key]


def _trace(trainer: Trainer, rows: Rows, capacity: int, training: bool) -> _core.Program:
    model, optimizer = trainer.model, trainer.optimizer
    labels = rows.targets.dtype == np.int64 and trainer._expects == "labels"
    trace = _core.Trace()
    with trace:
        inputs = model._trace_inputs(trace, rows.inputs)
        target_dtype = "int64" if labels else model.dtype
        y = trace.input((None, *rows.targets.shape[1:]), target_dtype)
        weight = None if rows.weights is None else trace.input((None,), model.dtype)
        outputs = model(rows.rebuild(inputs), training=training)
        prediction = next(inside(outputs, (_core.Tensor, _core.Variable)))
        loss = trainer.loss(y, prediction, sample_weight=weight)
        for metric in trainer._resolved_metrics:
            metric.update_state(y, prediction)
        pairs: list[tuple[_core.Variable, _core.Tensor]] = []
        if training:
            variables = model.trainable_variables
            gradients = trace.gradient(loss, variables, sharded=trainer.shards > 1)
            pairs = [(v, g) for v, g in zip(variables, gradients, strict=True) if g is not None]
            _warn_unconnected(variables, gradients)
    used = {id(v) for v in trace.variables()}
    options: dict[str, Any] = {}
    if training:
        options = {
            "optimizer": optimizer.core,
            "gradients": pairs,
            "excluded": optimizer.excluded([v for v, _ in pairs]),
            "weight_decay": float(optimizer.weight_decay or 0.0),
            "per_step": [v for v in model._dropout_counters() if id(v) in used],
            "shards": trainer.shards,
        }
    return _core.Program(
        trace,
        [],
        input_dtypes=[a.dtype.name for a in rows.arrays()],
        capacity=capacity,
        device=model.device,
        loss=loss,
        **options,
    )


def _warn_unconnected(variables: Sequence[Any], gradients: Sequence[Any]) -> None:
    names = [v.name for v, g in zip(variables, gradients, strict=True) if g is None]
    if len(names) == len(variables):
        raise ValueError("model: the loss depends on no trainable variable")
    if names:
        text = f"no gradient reaches {', '.join(names)}: the loss does not depend on them"
        warnings.warn(text, stacklevel=2)


class Walk:
    """One pass over data; `total / rows` is the mean loss, summed in float64 in batch order."""

    def __init__(
        self,
        trainer: Trainer,
        callbacks: CallbackList | None,
        progress: Progress | None,
        epoch: int | None,
    ) -> None:
        self.trainer, self.progress, self.epoch = trainer, progress, epoch
        self.training = epoch is not None
        kind = "train" if self.training else "test"
        self._begin, self._end = f"on_{kind}_batch_begin", f"on_{kind}_batch_end"
        hooked = callbacks is not None and callbacks.wants(self._begin, self._end)
        self._callbacks = callbacks if hooked else None
        self.total, self.rows, self.steps = 0.0, 0, 0
        self._piece = 1
        self.stopped = False

    @property
    def mean(self) -> float:
        """Mean loss of the rows so far."""
        return self.total / max(self.rows, 1)

    def logs(self) -> dict[str, float]:
        """The means so far."""
        values = {m.name: float(m.result()) for m in self.trainer._resolved_metrics}
        return {"loss": self.mean, **values}

    def run(
        self,
        rows: Rows,
        batch: int,
        order: NDArray[np.int64] | None = None,
        capacity: int | None = None,
    ) -> None:
        """All batches of `rows`."""
        steps = -(-rows.count // batch)
        step, bound = 0, None
        while step < steps and not self.stopped:
            program = self.trainer._programs.get(
                self.trainer, rows, capacity or batch, self.training
            )
            fresh = program is not bound
            if fresh:
                program.bind(rows.arrays())
                bound = program
                if self._callbacks is None:
                    self._piece = self.trainer._programs.pace(program)
            count = min(self._piece, steps - step)
            if self._callbacks is not None:
                self._callbacks.call(self._begin, self.steps, {})
            start = time.perf_counter()
            losses, bad = program.run(
                rows.count,
                batch,
                step * batch,
                count,
                order=order,
                order_changed=fresh,
                **self._rates(count),
            )
            self._adapt(program, count, time.perf_counter() - start)
            good = count if bad < 0 else bad
            sizes = [min(batch, rows.count - (step + i) * batch) for i in range(count)]
            for loss, size in zip(losses[:good].tolist(), sizes, strict=False):
                self.total += loss * size
                self.rows += size
            self.steps += good
            step += good
            if bad >= 0:
                self._not_finite(float(losses[bad]), sizes[bad])
                step += 1
            self._report(good)

    def _rates(self, count: int) -> dict[str, Any]:
        if not self.training:
            return {}
        optimizer = self.trainer.optimizer
        first = int(optimizer.iterations)
        if isinstance(optimizer.learning_rate, (int, float)):
            rates = np.full(count, optimizer.rate_at(first), np.float64)
        else:
            rates = np.array([optimizer.rate_at(first + i) for i in range(count)], np.float64)
        return {"learning_rates": rates, "weight_decay": float(optimizer.weight_decay or 0.0)}

    def _adapt(self, program: _core.Program, count: int, seconds: float) -> None:
        if self._callbacks is not None:
            return
        fitting = int(count * _PIECE_SECONDS / max(seconds, 1e-6))
        self._piece = max(1, min(fitting, 8 * max(count, self._piece), _LONGEST_PIECE))
        self.trainer._programs.known_pace = program, self._piece

    def _report(self, steps: int) -> None:
        if self.progress is not None:
            self.progress.advance(steps, self.mean)
        if self._callbacks is not None:
            self._callbacks.call(self._end, self.steps - 1, self.logs())
        if self.training and self.trainer.stop_training:
            self.stopped = True

    def _not_finite(self, loss: float, size: int) -> None:
        batch = self.steps
        self.total += loss * size
        self.rows += size
        self.steps += 1
        if not self.training or self.trainer.on_nonfinite == "ignore":
            return
        if self.trainer.on_nonfinite == "stop":
            self.trainer.stop_training = self.stopped = True
            return
        raise FloatingPointError(
            f"the loss became {loss} at epoch {(self.epoch or 0) + 1}, batch {batch + 1} of it; "
            "the update was not made. Lower the learning rate, clip the gradients or look at "
            'the data (finished epochs are in trainer.history; on_nonfinite="stop" ends quietly)'
        )


def check_rows(
    trainer: Trainer, x: Any, y: Any, weight: Any, check_finite: bool, argument: str = "x"
) -> Rows:
    """Checked data for the trainer's model and loss; builds the model if needed."""
    model = trainer.model
    inputs, rebuild = model._split(x, argument, check_finite)
    target_rows = data.to_array(y, "y")
    weights = None if weight is None else data.to_sample_weight(weight, model.dtype)
    data.check_rows({argument: inputs[0], "y": target_rows, "sample_weight": weights})
    shape = output_shape(model, inputs, rebuild)
    trainer._resolve(shape)
    targets = data.to_targets(target_rows, shape, trainer._expects, model.dtype, check_finite)
    return Rows(inputs, rebuild, targets, weights)
