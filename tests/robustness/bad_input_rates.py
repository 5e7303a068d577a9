"""Scalars of optimizers, schedules, initializers, losses, random numbers and operations."""

from __future__ import annotations

from typing import Any

import feedfwd as ff
import numpy as np
from robustness.bad_input import Case, World
from robustness.bad_input_scalars import SKIP, Row, Rule, cases, real, whole

OPT = ff.optimizers
SCHED = ff.optimizers.schedules
INIT = ff.initializers
X = np.linspace(-1, 1, 6, dtype=np.float32).reshape(2, 3)


def axis(rank: int, none: bool = False, several: bool = False) -> Rule:
    """A position among `rank` axes."""

    def rule(v: Any) -> type[Exception] | None:
        if isinstance(v, list) and several:
            return None
        return whole(-rank, rank - 1, none)(v)

    return rule


def size(least: int) -> Rule:
    """An extent of something that is made, which 2**31 would make too large."""
    return lambda v: SKIP if isinstance(v, int) and v == 2**31 else whole(least)(v)


def only(*legal: int) -> Rule:
    """One of few integers; what fits no array has cases of its own among the shapes."""

    def rule(v: Any) -> type[Exception] | None:
        if v is None or (type(v) is int and v in (0, 2**31)):
            return None if v in legal else SKIP
        wrong = whole(-1)(v)
        return wrong or (None if int(v) in legal else ValueError)

    return rule


def row(kind: Any, argument: str, rule: Rule, *first: Any, **fixed: Any) -> Row:
    """The argument of a class or function."""

    def call(w: World, v: Any) -> Any:
        return kind(*first, **fixed, **{argument: v})

    return f"{kind.__name__}.{argument}", argument, call, rule


def rate_row(argument: str, rule: Rule) -> list[Row]:
    """An argument that every optimizer has."""
    kinds = (OPT.SGD, OPT.Adam, OPT.AdamW, OPT.Adadelta, OPT.Adagrad, OPT.RMSprop)
    return [row(kind, argument, rule) for kind in kinds]


OPTIMIZER_ROWS: list[Row] = [
    *rate_row("learning_rate", real(0)),
    row(OPT.SGD, "momentum", real(0, 1)),
    row(OPT.SGD, "clipnorm", real(0, ends="(]", none=True)),
    row(OPT.SGD, "clipvalue", real(0, ends="(]", none=True)),
    row(OPT.SGD, "global_clipnorm", real(0, ends="(]", none=True)),
    row(OPT.SGD, "weight_decay", real(0, none=True)),
    row(OPT.AdamW, "weight_decay", real(0, none=True)),
    row(OPT.Adam, "beta_1", real(0, 1, "[)")),
    row(OPT.Adam, "beta_2", real(0, 1, "[)")),
    row(OPT.Adam, "epsilon", real(0)),
    row(OPT.Adadelta, "rho", real(0, 1)),
    row(OPT.Adadelta, "epsilon", real(0)),
    row(OPT.Adagrad, "initial_accumulator_value", real(0)),
    row(OPT.Adagrad, "epsilon", real(0)),
    row(OPT.RMSprop, "rho", real(0, 1)),
    row(OPT.RMSprop, "momentum", real(0, 1)),
    row(OPT.RMSprop, "epsilon", real(0)),
]
SCHEDULE_ROWS: list[Row] = [
    row(SCHED.ExponentialDecay, "initial_learning_rate", real(0), decay_steps=2, decay_rate=0.5),
    row(SCHED.ExponentialDecay, "decay_steps", real(0, ends="(]"), 0.1, decay_rate=0.5),
    row(SCHED.ExponentialDecay, "decay_rate", real(0), 0.1, 2),
    row(SCHED.InverseTimeDecay, "decay_steps", real(0, ends="(]"), 0.1, decay_rate=0.5),
    row(SCHED.InverseTimeDecay, "decay_rate", real(0), 0.1, 2),
    row(SCHED.PolynomialDecay, "decay_steps", real(0, ends="(]"), 0.1),
    row(SCHED.PolynomialDecay, "end_learning_rate", real(0), 0.1, 2),
    row(SCHED.PolynomialDecay, "power", real(), 0.1, 2),
    row(SCHED.CosineDecay, "decay_steps", real(0, ends="(]"), 0.1),
    row(SCHED.CosineDecay, "alpha", real(0), 0.1, 2),
    row(SCHED.CosineDecay, "warmup_target", real(0, none=True), 0.1, 2),
    row(SCHED.CosineDecay, "warmup_steps", real(0), 0.1, 2),
    row(SCHED.CosineDecayRestarts, "first_decay_steps", real(0, ends="(]"), 0.1),
    row(SCHED.CosineDecayRestarts, "t_mul", real(1), 0.1, 2),
    row(SCHED.CosineDecayRestarts, "m_mul", real(0), 0.1, 2),
    row(SCHED.CosineDecayRestarts, "alpha", real(0), 0.1, 2),
    (
        "PiecewiseConstantDecay.boundary",
        "boundaries",
        lambda w, v: SCHED.PiecewiseConstantDecay([v], [0.1, 0.01]),
        real(),
    ),
    (
        "PiecewiseConstantDecay.value",
        "values",
        lambda w, v: SCHED.PiecewiseConstantDecay([1], [v, 0.01]),
        real(0),
    ),
]
INITIALIZER_ROWS: list[Row] = [
    row(INIT.Constant, "value", real()),
    row(INIT.RandomNormal, "mean", real()),
    row(INIT.RandomNormal, "stddev", real(0)),
    row(INIT.TruncatedNormal, "stddev", real(0)),
    row(INIT.RandomUniform, "minval", real(), maxval=1e300),
    row(INIT.RandomUniform, "maxval", real(), minval=-1e300),
    row(INIT.GlorotUniform, "seed", whole(0, none=True)),
    row(INIT.HeNormal, "seed", whole(0, none=True)),
    ("Zeros.shape", "shape", lambda w, v: INIT.Zeros()((v,)), size(0)),
    (
        "GlorotUniform.shape",
        "shape",
        lambda w, v: INIT.GlorotUniform(seed=1)((v, 1)),
        size(0),
    ),
]
RANDOM_ROWS: list[Row] = [
    row(ff.random.normal, "mean", real(), (2,), seed=1),
    row(ff.random.normal, "stddev", real(0), (2,), seed=1),
    row(ff.random.normal, "seed", whole(0, none=True), (2,)),
    row(ff.random.uniform, "minval", real(), (2,), maxval=1e300, dtype="float64", seed=1),
    row(ff.random.uniform, "maxval", real(), (2,), minval=-1e300, dtype="float64", seed=1),
    row(ff.random.truncated_normal, "stddev", real(0), (2,), seed=1),
    ("random.normal.shape", "shape", lambda w, v: ff.random.normal((v,), seed=1), size(0)),
    ("random.set_seed", "seed", lambda w, v: set_seed(v), whole(0, none=True)),
    row(ff.datasets.two_spirals, "n", size(2)),
    row(ff.datasets.two_spirals, "noise", real(0)),
    row(ff.datasets.two_spirals, "seed", whole(0, none=True)),
    row(ff.datasets.regression_curve, "n", size(2)),
    row(ff.datasets.regression_curve, "noise", real(0)),
]
LOSS_ROWS: list[Row] = [
    row(ff.losses.BinaryCrossentropy, "label_smoothing", real(0, 1)),
    row(ff.losses.CategoricalCrossentropy, "label_smoothing", real(0, 1)),
    row(ff.losses.binary_crossentropy, "label_smoothing", real(0, 1), [[1.0]], [[0.5]]),
    row(ff.losses.categorical_crossentropy, "label_smoothing", real(0, 1), [[1.0]], [[0.5]]),
    row(ff.metrics.BinaryAccuracy, "threshold", real()),
    row(ff.activations.leaky_relu, "negative_slope", real(), [1.0]),
    row(ff.activations.elu, "alpha", real(), [1.0]),
    row(ff.activations.softmax, "axis", axis(2), X),
    row(ff.activations.log_softmax, "axis", axis(2), X),
]
OPS_ROWS: list[Row] = [
    row(ff.ops.sum, "axis", axis(2, none=True, several=True), X),
    row(ff.ops.mean, "axis", axis(2, none=True, several=True), X),
    row(ff.ops.max, "axis", axis(2, none=True, several=True), X),
    row(ff.ops.min, "axis", axis(2, none=True, several=True), X),
    row(ff.ops.argmax, "axis", axis(2, none=True), X),
    row(ff.ops.concatenate, "axis", axis(2), [X, X]),
    row(ff.ops.stack, "axis", axis(3), [X, X]),
    row(ff.ops.expand_dims, "axis", axis(3), X),
    row(ff.ops.squeeze, "axis", axis(2, none=True), X[:1, :1]),
    row(ff.ops.one_hot, "num_classes", size(1), [1, 2]),
    ("ops.reshape", "shape", lambda w, v: ff.ops.reshape(X, (2, v)), only(3, -1)),
    ("ops.broadcast_to", "shape", lambda w, v: ff.ops.broadcast_to(X, (2, v)), only(3)),
    ("ops.transpose", "axes", lambda w, v: ff.ops.transpose(X, (1, v)), only(0)),
]


def set_seed(seed: Any) -> None:
    """ff.random.set_seed, undone."""
    try:
        ff.random.set_seed(seed)
    finally:
        ff.random.set_seed(None)


CASES: list[Case] = [
    case
    for rows in (
        OPTIMIZER_ROWS,
        SCHEDULE_ROWS,
        INITIALIZER_ROWS,
        RANDOM_ROWS,
        LOSS_ROWS,
        OPS_ROWS,
    )
    for case in cases(rows)
]
