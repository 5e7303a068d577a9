"""The passes of a Trainer over data: traced programs, run in pieces."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from feedfwd import _core, data
from feedfwd.layers.tracking import inside, run_scratch

if TYPE_CHECKING:
    from feedfwd.callbacks.base import CallbackList
    from feedfwd.model import Model
    from feedfwd.progress import Progress
    from feedfwd.trainer import Trainer

# Python gets a look (Ctrl-C, the bar) about this often; the bits do not depend on it.
_PIECE_SECONDS = 0.2
_LONGEST_PIECE = 1 << 16
_TRAIN_HOOKS = ("on_train_batch_begin", "on_train_batch_end")
_TEST_HOOKS = ("on_test_batch_begin", "on_test_batch_end")
_QUICK_WORK = 1e8  # multiplications and additions: 0.1 s at 1 GFLOP/s


class Rows:
    """Checked data: inputs, targets and weights with the same number of rows."""

    __slots__ = ("count", "fingerprint", "inputs", "rebuild", "targets", "weights")

    def __init__(
        self,
        inputs: list[Any],
        rebuild: Callable[[Sequence[Any]], Any],
        targets: Any,
        weights: Any,
        fingerprint: int | None = None,
    ) -> None:
        self.inputs, self.rebuild = inputs, rebuild
        self.targets, self.weights = targets, weights
        self.count = len(targets)
        self.fingerprint = fingerprint  # of the inputs, where it is known

    def arrays(self) -> list[Any]:
        """In the order of a program's inputs."""
        return [*self.inputs, self.targets, *([] if self.weights is None else [self.weights])]

    def kinds(self) -> tuple[Any, ...]:
        """What a program's inputs must have in common."""
        return tuple([(a.shape[1:], a.dtype) for a in self.arrays()])

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
    kinds = tuple([(a.shape[1:], a.dtype) for a in inputs])
    structure, seen, known = model._known_shape
    if structure is model._structure and seen == kinds:
        last: tuple[int | None, ...] = known
        return last
    outputs = run_scratch(lambda t: model(rebuild(model._trace_inputs(t, inputs))))
    found = list(inside(outputs, (_core.Tensor, _core.Variable)))
    if len(found) != 1:
        raise ValueError(
            f"model: got {len(found)} outputs, expected one; for several write a loop with "
            "ff.GradientTape"
        )
    shape: tuple[int | None, ...] = tuple(found[0].shape)
    model._known_shape = model._structure, kinds, shape
    return shape


class _Made(NamedTuple):
    """A program, and what its key has by number: kept alive, so that no other takes its place."""

    program: _core.Program
    keeps: tuple[Any, ...]


class Programs:
    """The traced programs of one Trainer, one per kind of pass and of data."""

    def __init__(self) -> None:
        self._made: dict[Any, _Made] = {}
        # Steps that fit the time between two looks at Python, of the program that ran last.
        self.known_pace: tuple[_core.Program | None, int] = (None, 8)

    def pace(self, program: _core.Program) -> int:
        """How many steps to begin with: what fitted last time, else few enough to be quick."""
        return self.known_pace[1] if self.known_pace[0] is program else self._first_piece

    # Steps that even a slow machine makes in a moment, of the program made last.
    _first_piece = 1

    def get(self, trainer: Trainer, rows: Rows, batch: int, training: bool) -> _core.Program:
        """The program for batches of at most `batch` rows like these."""
        model, optimizer = trainer.model, trainer.optimizer
        capacity = -(-batch // trainer.shards) if training else batch
        trained = model.trainable_variables if training else []
        decay = training and bool(optimizer.weight_decay)
        spared = optimizer.excluded(trained) if decay else []
        structure = model._structure
        keeps = (trainer.loss, optimizer.core if training else None, *trained)
        key = (
            structure,
            (training, capacity, rows.kinds(), rows.weights is None, model.device),
            (decay, *map(id, spared)),
            tuple(map(id, keeps)),
        )
        known = self._made.get(key)
        if known is not None and known.program.is_current:
            return known.program
        program = _trace(trainer, rows, capacity, training)
        alive = {k: m for k, m in self._made.items() if k[0] is structure and m.program.is_current}
        self._made = {**alive, key: _Made(program, keeps)}
        work = 6.0 * capacity * sum(int(v.size) for v in model.variables)
        self._first_piece = int(max(1, min(8, _QUICK_WORK / max(work, 1.0))))
        return program


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
        for metric in trainer._metrics_of(training):
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


def means(trainer: Trainer, training: bool, cursor: _core.Cursor) -> dict[str, float]:
    """The loss and the metrics of a pass, up to where it stands."""
    found = {"loss": cursor.mean}
    metrics = trainer._metrics_of(training)
    if metrics:
        with _core.FloatState():
            found.update({m.name: float(m.result()) for m in metrics})
    return found


class Walk:
    """One pass over data; the cursor counts its steps, rows and summed loss."""

    __slots__ = (
        "_begin",
        "_callbacks",
        "_end",
        "_hooked",
        "_piece",
        "cursor",
        "epoch",
        "progress",
        "stopped",
        "trainer",
        "training",
    )

    def __init__(
        self,
        trainer: Trainer,
        callbacks: CallbackList,
        progress: Progress | None,
        epoch: int | None,
        cursor: _core.Cursor | None = None,
    ) -> None:
        self.trainer, self.progress, self.epoch = trainer, progress, epoch
        self.training = epoch is not None
        self.cursor = _core.Cursor() if cursor is None else cursor
        self._begin, self._end = _TRAIN_HOOKS if self.training else _TEST_HOOKS
        self._callbacks = callbacks
        self._hooked = callbacks.wants(self._begin, self._end)
        self._piece = 1
        self.stopped = False

    def logs(self) -> dict[str, float]:
        """The means so far."""
        return means(self.trainer, self.training, self.cursor)

    def run(
        self,
        rows: Rows,
        batch: int,
        order: NDArray[np.int64] | None = None,
        capacity: int | None = None,
        base: int = 0,
        program: _core.Program | None = None,
    ) -> _core.Program | None:
        """All batches of `rows` that are left; the first of them is the pass's number `base`.

        Gives the program that ran them, which may come back as `program` for the same rows if
        nobody can have changed the model since.
        """
        batch = min(batch, rows.count)
        steps = -(-rows.count // batch)
        programs = self.trainer._programs
        new_order = True
        if program is not None:
            self._piece = programs.pace(program)
        while (step := self.cursor.steps - base) < steps and not self.stopped:
            # Between pieces without hooks nobody changes the model but another thread.
            if program is None or self._hooked or not program.is_current:
                before = program
                program = programs.get(self.trainer, rows, capacity or batch, self.training)
                if program is not before:
                    program.bind(rows.arrays())
                    self._piece = 1 if self._hooked else programs.pace(program)
                    new_order = True
            count = self._steps_now(steps - step)
            if self._hooked:
                self._callbacks.call(self._begin, self.cursor.steps, {})
            rates, decay = self._rates(count) if self.training else (None, 0.0)
            start = time.perf_counter()
            with self.trainer._whole.lock:
                losses, bad = program.run(
                    rows.count,
                    batch,
                    step * batch,
                    count,
                    order,
                    new_order,
                    rates,
                    decay,
                    self.cursor,
                )
            new_order = False
            self._adapt(program, count, time.perf_counter() - start)
            if bad >= 0:
                size = min(batch, rows.count - (step + bad) * batch)
                self._not_finite(float(losses[bad]), size)
            self._report(count if bad < 0 else bad)
        return program

    def _steps_now(self, left: int) -> int:
        """Steps to make at once: what fits the time, up to the next checkpoint."""
        count = self._piece if self._piece < left else left
        if self.training and self._callbacks.savers:
            made = int(self.trainer.optimizer.iterations)
            for every in self._callbacks.save_steps():
                count = min(count, every - made % every)
        return count

    def _rates(self, count: int) -> tuple[Any, float]:
        """One learning rate, or one for each of `count` steps; and the weight decay."""
        optimizer = self.trainer.optimizer
        rates: Any = optimizer.learning_rate
        if not isinstance(rates, float):
            first = optimizer.iterations
            rates = np.array([optimizer.rate_at(first + i) for i in range(count)], np.float64)
        return rates, float(optimizer.weight_decay or 0.0)

    def _adapt(self, program: _core.Program, count: int, seconds: float) -> None:
        if self._hooked or (count < self._piece and seconds < _PIECE_SECONDS):
            return  # nothing learned: the pass was over before the time was
        fitting = int(count * _PIECE_SECONDS / max(seconds, 1e-6))
        self._piece = max(1, min(fitting, 8 * max(count, self._piece), _LONGEST_PIECE))
        self.trainer._programs.known_pace = program, self._piece

    def _report(self, steps: int) -> None:
        if self.progress is not None:
            self.progress.advance(steps, self.logs)
        if self._hooked:
            self._callbacks.call(self._end, self.cursor.steps - 1, self.logs())
        if self.training:
            if self._callbacks.savers and self._callbacks.save_steps():
                self._callbacks.checkpoint_steps(int(self.trainer.optimizer.iterations), self)
            if self.trainer.stop_training:
                self.stopped = True

    def _not_finite(self, loss: float, size: int) -> None:
        mode = self.trainer.on_nonfinite if self.training else "ignore"
        if mode == "raise":
            raise FloatingPointError(
                f"the loss became {loss} at epoch {(self.epoch or 0) + 1}, batch "
                f"{self.cursor.steps + 1} of it; the update was not made. Lower the learning "
                "rate, clip the gradients or look at the data (finished epochs are in "
                'trainer.history; on_nonfinite="stop" ends quietly)'
            )
        self.cursor.count(loss, size)
        if mode == "stop":
            self.trainer.stop_training = self.stopped = True


def check_rows(
    trainer: Trainer,
    x: Any,
    y: Any,
    weight: Any,
    check_finite: bool,
    argument: str = "x",
    hashed: bool = False,
) -> Rows:
    """Checked data for the trainer's model and loss; builds the model if needed.

    `hashed`: their fingerprint will be asked for.
    """
    model = trainer.model
    shapes = model._input_shapes
    fingerprint = None
    if shapes is None or len(shapes) != 1:
        usual = False
    elif hashed:
        fingerprint = data.fingerprint_if_fits(x, shapes[0], model.dtype)
        usual = fingerprint is not None
    else:
        usual = data.fits(x, shapes[0], model.dtype)
    inputs, rebuild = ([x], data.first) if usual else model._split(x, argument, check_finite)
    target_rows = data.to_array(y, "y")
    weights = None if weight is None else data.to_sample_weight(weight, model.dtype)
    if weights is not None or len(target_rows) != len(inputs[0]):
        data.check_rows({argument: inputs[0], "y": target_rows, "sample_weight": weights})
    shape = output_shape(model, inputs, rebuild)
    trainer._resolve(shape)
    targets = data.to_targets(target_rows, shape, trainer._expects, model.dtype, check_finite)
    return Rows(inputs, rebuild, targets, weights, fingerprint)


def batches_of(x: Any) -> Iterable[Any]:
    """An iterable of batches; ValueError for an array, whose targets are missing."""
    if (
        hasattr(x, "__array__")
        or isinstance(x, (str, bytes, Mapping))
        or not hasattr(x, "__iter__")
    ):
        raise ValueError("y: missing; expected targets (or x an iterable of (x, y) batches)")
    if isinstance(x, (list, tuple)) and not all(isinstance(v, (tuple, list)) for v in x):
        raise ValueError("y: missing; expected targets (or x an iterable of (x, y) batches)")
    batches: Iterable[Any] = x
    return batches
