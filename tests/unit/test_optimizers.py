"""Optimizers: steps on Variables of a model and of none, schedules, clipping, decay, arguments."""

from __future__ import annotations

import math
import warnings

import feedfwd as ff
import numpy as np
import pytest
import reference

CLASSES = ["SGD", "Adam", "AdamW", "Adadelta", "Adagrad", "RMSprop"]
RNG = np.random.default_rng(5)
START = [RNG.normal(size=(3, 2)), RNG.normal(size=4)]
GRADS = [[RNG.normal(size=w.shape) for w in START] for _ in range(4)]


def run(optimizer, steps=GRADS, start=START, make=np.asarray):
    variables = [ff.Variable(w) for w in start]
    for grads in steps:
        optimizer.apply_gradients([(make(g), v) for g, v in zip(grads, variables, strict=True)])
    return [v.numpy() for v in variables]


def oracle(name, **kwargs):
    if name == "AdamW":
        name, kwargs = "Adam", {"weight_decay": 0.004, **kwargs}
    optimizer, weights = reference.Optimizer(name, **kwargs), START
    for grads in GRADS:
        weights = optimizer.apply(weights, grads)
    return weights


def assert_close(got, want):
    for a, b in zip(got, want, strict=True):
        assert np.max(np.abs(a - b)) <= 1e-12 * max(1e-6, np.max(np.abs(b)))


@pytest.mark.parametrize("name", CLASSES)
@pytest.mark.parametrize(
    "common",
    [
        {},
        {"weight_decay": 0.1},
        {"clipnorm": 0.5},
        {"clipvalue": 0.3},
        {"global_clipnorm": 0.5, "weight_decay": 0.01},
    ],
    ids=lambda d: ",".join(d) or "plain",
)
def test_against_the_oracle(name, common):
    got = run(getattr(ff.optimizers, name)(learning_rate=0.1, **common))
    assert_close(got, oracle(name, learning_rate=0.1, **common))


@pytest.mark.parametrize("name", CLASSES)
def test_gradients_may_be_tensors_arrays_or_float32(name):
    make = getattr(ff.optimizers, name)
    want = run(make(0.1))
    for form in (ff.ops.convert_to_tensor, lambda g: g.tolist(), np.asfortranarray):
        for a, b in zip(run(make(0.1), make=form), want, strict=True):
            tolerance = 1e-5 if form(GRADS[0][0]).__class__ is list else 0
            assert np.max(np.abs(a - b)) <= tolerance


@pytest.mark.parametrize("name", CLASSES)
def test_on_the_variables_of_a_model(name):
    """The same bits as on free Variables with the same values."""
    model = ff.Sequential([ff.Input((3,)), ff.layers.Dense(2)], seed=0, dtype="float64")
    start = [v.numpy() for v in model.variables]
    grads = [[RNG.normal(size=w.shape) for w in start] for _ in range(3)]
    optimizer = getattr(ff.optimizers, name)(0.1)
    for step in grads:
        optimizer.apply_gradients(zip(step, model.trainable_variables, strict=True))
    want = run(getattr(ff.optimizers, name)(0.1), grads, start)
    for v, w in zip(model.variables, want, strict=True):
        np.testing.assert_array_equal(v.numpy(), w)


def test_none_is_skipped_with_one_warning():
    a, b = ff.Variable(1.0, name="a"), ff.Variable(1.0, name="b")
    sgd = ff.optimizers.SGD(0.5)
    with pytest.warns(UserWarning, match="no gradient for b: skipped") as caught:
        sgd.apply_gradients([(1.0, a), (None, b)])
    assert len(caught) == 1 and caught[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        sgd.apply_gradients([(1.0, a), (None, b)])
    assert (float(a), float(b), sgd.iterations) == (0.0, 1.0, 2)


@pytest.mark.parametrize("pairs", [[], [(None, ff.Variable(1.0))]])
def test_no_gradient_at_all(pairs):
    with pytest.raises(ValueError, match="got no gradient"):
        ff.optimizers.SGD().apply_gradients(pairs)


@pytest.mark.parametrize("pair", [3, (1.0,), (1.0, 2.0), (ff.Variable(1.0), 1.0)])
def test_what_is_no_pair(pair):
    with pytest.raises(TypeError, match="expected pairs"):
        ff.optimizers.SGD().apply_gradients([pair])


@pytest.mark.parametrize("shape", [(2,), (1, 3), (3, 1), ()])
def test_a_gradient_of_another_shape(shape):
    v = ff.Variable(np.ones(3))
    sgd = ff.optimizers.SGD()
    with pytest.raises(ValueError, match="shape"):
        sgd.apply_gradients([(np.ones(shape), v)])
    assert (v.numpy() == 1).all() and sgd.iterations == 0


def test_the_learning_rate_can_be_set_between_steps():
    v, sgd = ff.Variable(0.0), ff.optimizers.SGD(1.0)
    for rate in (1.0, 0.5, np.float32(0.25), ff.Variable(0.125), ff.optimizers.schedules):
        if rate is ff.optimizers.schedules:
            rate = rate.PiecewiseConstantDecay([4], [0.0625, 9.0])
        sgd.learning_rate = rate
        sgd.apply_gradients([(1.0, v)])
    assert float(v) == -(1 + 0.5 + 0.25 + 0.125 + 0.0625)
    with pytest.raises(ValueError, match="learning_rate"):
        sgd.learning_rate = -1


def test_a_schedule_sees_the_steps_made():
    v = ff.Variable(np.float64(0))
    schedule = ff.optimizers.schedules.ExponentialDecay(0.1, 2, 0.5)
    sgd = ff.optimizers.SGD(schedule)
    for _ in range(3):
        sgd.apply_gradients([(1.0, v)])
    want = -0.1 * (1 + math.sqrt(0.5) + 0.5)
    assert float(v) == pytest.approx(want, abs=1e-15) and sgd.iterations == 3
    assert sgd.rate_at(0) == 0.1 and sgd.learning_rate is schedule


def test_a_schedule_of_ones_own():
    class Halving(ff.optimizers.schedules.LearningRateSchedule):
        def __call__(self, step):
            return 0.5 ** float(step)

    v, sgd = ff.Variable(0.0), ff.optimizers.SGD(Halving())
    for _ in range(3):
        sgd.apply_gradients([(1.0, v)])
    assert float(v) == -1.75


@pytest.mark.parametrize("by", ["var_list", "var_names"])
def test_exclude_from_weight_decay(by):
    w, bias = ff.Variable(2.0, name="kernel"), ff.Variable(2.0, name="bias")
    sgd = ff.optimizers.SGD(0.5, weight_decay=0.5)
    sgd.exclude_from_weight_decay(**{by: [bias] if by == "var_list" else ["^bia"]})
    sgd.apply_gradients([(0.0, w), (0.0, bias)])
    assert (float(w), float(bias)) == (1.5, 2.0)


HYPERPARAMETERS = [
    *(("SGD", n) for n in ("learning_rate", "momentum", "weight_decay", "clipnorm")),
    *(("Adam", n) for n in ("beta_1", "beta_2", "epsilon", "clipvalue", "global_clipnorm")),
    *(("Adadelta", "rho"), ("Adagrad", "initial_accumulator_value"), ("RMSprop", "momentum")),
]


@pytest.mark.parametrize(("name", "argument"), HYPERPARAMETERS)
@pytest.mark.parametrize("bad", [-1, -1e-300, math.nan, math.inf, -math.inf])
def test_values_out_of_range(name, argument, bad):
    with pytest.raises(ValueError, match=f"{argument}: got"):
        getattr(ff.optimizers, name)(**{argument: bad})


@pytest.mark.parametrize(("name", "argument"), HYPERPARAMETERS)
@pytest.mark.parametrize("bad", [True, np.True_, "3", [0.1], 1j, np.ones(2)])
def test_values_that_are_no_numbers(name, argument, bad):
    with pytest.raises(TypeError, match=f"{argument}: got"):
        getattr(ff.optimizers, name)(**{argument: bad})


@pytest.mark.parametrize(
    ("name", "argument", "bad"),
    [
        ("SGD", "momentum", 1.5),
        ("Adam", "beta_1", 1.0),
        ("Adam", "beta_2", 1.5),
        ("RMSprop", "rho", 1.5),
        ("SGD", "clipnorm", 0),
        ("SGD", "global_clipnorm", 0.0),
    ],
)
def test_values_above_the_bound_or_0(name, argument, bad):
    with pytest.raises(ValueError, match=f"{argument}: got {bad}"):
        getattr(ff.optimizers, name)(**{argument: bad})


@pytest.mark.parametrize(("name", "argument"), [("SGD", "learning_rate"), ("Adam", "beta_1")])
def test_none_is_no_number(name, argument):
    with pytest.raises(TypeError, match=f"{argument}: got None"):
        getattr(ff.optimizers, name)(**{argument: None})


@pytest.mark.parametrize(
    ("name", "argument"), [("SGD", "nesterov"), ("Adam", "amsgrad"), ("RMSprop", "centered")]
)
@pytest.mark.parametrize("bad", [1, "yes", None])
def test_flags(name, argument, bad):
    with pytest.raises(TypeError, match=f"{argument}: got .* expected True or False"):
        getattr(ff.optimizers, name)(**{argument: bad})


def test_one_kind_of_clipping():
    with pytest.raises(ValueError, match="clipnorm and clipvalue"):
        ff.optimizers.SGD(clipnorm=1, clipvalue=1)


@pytest.mark.parametrize(
    ("spelling", "name"), [("lr", "learning_rate"), ("betas", "beta_1"), ("eps", "epsilon")]
)
def test_spellings_of_pytorch(spelling, name):
    with pytest.raises(TypeError, match=rf"'{spelling}'; here it is {name}.*Adam\.like_torch"):
        ff.optimizers.Adam(**{spelling: 0.1})
    with pytest.raises(TypeError, match=r"unknown argument 'foo'; known: "):
        ff.optimizers.Adam(foo=1)


@pytest.mark.parametrize("name", CLASSES)
@pytest.mark.parametrize("torch", [False, True])
def test_config_round_trip(name, torch):
    cls = getattr(ff.optimizers, name)
    optimizer = cls.like_torch(0.1) if torch else cls(0.1, clipnorm=0.7, weight_decay=0.1, name="n")
    again = cls.from_config(optimizer.get_config())
    assert type(again) is cls and again.get_config() == optimizer.get_config()
    for a, b in zip(run(again), run(optimizer), strict=True):
        np.testing.assert_array_equal(a, b)
    named = ff.optimizers.get({"class_name": name, "config": optimizer.get_config()})
    assert repr(named) == repr(optimizer)


def test_config_with_a_schedule():
    schedule = ff.optimizers.schedules.CosineDecay(0.1, 10, warmup_target=0.2, warmup_steps=3)
    again = ff.optimizers.SGD.from_config(ff.optimizers.SGD(schedule).get_config())
    assert [again.rate_at(t) for t in range(15)] == [schedule.rate(t) for t in range(15)]


def test_hyperparameters_are_read_only():
    adam = ff.optimizers.Adam(beta_1=0.5, amsgrad=True)
    assert (adam.beta_1, adam.amsgrad, adam.name) == (0.5, True, "adam")
    for name in ("beta_1", "clipnorm"):
        with pytest.raises(AttributeError, match=rf"Adam\.{name} is fixed"):
            setattr(adam, name, 0.1)
    with pytest.raises(AttributeError, match="no attribute 'momentum'"):
        _ = adam.momentum


def test_pytorchs_momentum_keeps_the_rate_outside():
    """Where the rate changes the two formulas part: m = 0.5 m + g, w -= lr m against m in steps."""
    # torch: -2, then -0.5 * 1.5; Keras: -2, then 0.5 * -2 - 0.5
    for make, want in ((ff.optimizers.SGD.like_torch, -2.75), (ff.optimizers.SGD, -3.5)):
        v, sgd = ff.Variable(0.0), make(2.0, momentum=0.5)
        sgd.apply_gradients([(1.0, v)])
        sgd.learning_rate = 0.5
        sgd.apply_gradients([(1.0, v)])
        assert float(v) == want


def test_polynomial_decay_that_cycles():
    s = ff.optimizers.schedules.PolynomialDecay(1.0, 10, 0.0, power=1.0, cycle=True)
    assert [s.rate(t) for t in (0, 5, 10, 15, 20, 25)] == [1.0, 0.5, 0.0, 0.25, 0.0, 1 - 25 / 30]


def test_amsgrad_of_pytorch():
    """Keeps the largest second moment, whose root is divided by sqrt(1 - b2^t) before epsilon."""
    v = ff.Variable(np.float64(0))
    adam = ff.optimizers.Adam.like_torch(0.1, (0.5, 0.5), 0.25, amsgrad=True)
    w, m, s, top = 0.0, 0.0, 0.0, 0.0
    for t, g in enumerate([4.0, 0.5, -1.0], 1):
        adam.apply_gradients([(g, v)])
        m, s = 0.5 * m + 0.5 * g, 0.5 * s + 0.5 * g * g
        top = max(top, s)
        w -= 0.1 / (1 - 0.5**t) * m / (math.sqrt(top) / math.sqrt(1 - 0.5**t) + 0.25)
        assert float(v) == pytest.approx(w, abs=1e-14)


@pytest.mark.parametrize("bad", [0, -1, math.nan, math.inf])
def test_schedules_have_lengths_above_0(bad):
    with pytest.raises(ValueError, match="decay_steps: got"):
        ff.optimizers.schedules.CosineDecay(0.1, bad)
    with pytest.raises(TypeError, match="staircase"):
        ff.optimizers.schedules.ExponentialDecay(0.1, 10, 0.5, staircase=1)
