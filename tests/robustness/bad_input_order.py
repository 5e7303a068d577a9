"""Calls in an order that makes no sense, and things in places where they do not belong."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from typing import Any

import feedfwd as ff
import numpy as np
from robustness.bad_input import Case, World, gives, refused

DENSE = ff.layers.Dense


class Within(ff.callbacks.Callback):
    """Does something in one of its hooks."""

    def __init__(self, hook: str, action: Callable[[Any], Any]) -> None:
        super().__init__()
        setattr(self, hook, lambda *_: action(self.trainer))


class NoInit(ff.layers.Layer):
    """Forgets super().__init__()."""

    def __init__(self) -> None:
        pass


class NoInitModel(ff.Model):
    """Forgets super().__init__()."""

    def __init__(self) -> None:
        self.dense = DENSE(2)


class NoCall(ff.layers.Layer):
    """Defines nothing."""


def unbuilt() -> ff.Sequential:
    return ff.Sequential([DENSE(2)], seed=1)


def path() -> str:
    return os.path.join(tempfile.gettempdir(), "feedfwd-never-written")


def into_itself() -> None:
    model = ff.Sequential([ff.Input((3,)), DENSE(2)], seed=1)
    model.add(model)


def into_its_part() -> None:
    inner = ff.Sequential([DENSE(2)], seed=1)
    outer = ff.Sequential([inner], seed=1)
    inner.add(outer)


def twice_gradient() -> None:
    v = ff.Variable(2.0)
    with ff.GradientTape() as tape:
        y = v * v
    tape.gradient(y, v)
    tape.gradient(y, v)


def tape_entered_twice() -> None:
    tape = ff.GradientTape()
    with tape, tape:
        pass


def gradient_of(target: Any, source: Any) -> Any:
    with ff.GradientTape() as tape:
        pass
    return tape.gradient(target, source)


def of_another_trace() -> None:
    kept = []

    class Keeps(ff.layers.Layer):
        def call(self, x: Any) -> Any:
            kept.append(x)
            return x

    ff.Sequential([ff.Input((3,)), Keeps()], seed=1)
    np.asarray(ff.ops.add(kept[0], 1.0))


def mixed_traces() -> None:
    kept = []

    class Mixes(ff.layers.Layer):
        def call(self, x: Any) -> Any:
            kept.append(x)
            return x + kept[0]

    layer = Mixes()
    ff.Sequential([ff.Input((3,)), layer], seed=1)
    ff.Trainer(ff.Sequential([ff.Input((3,)), DENSE(3), Mixes()], seed=1), loss="mse").fit(
        np.ones((2, 3)), np.ones((2, 3)), verbose=0
    )


def during_fit(w: World, hook: str, action: Callable[[ff.Trainer], Any]) -> Any:
    return w.fit(epochs=2, validation_split=0.25, callbacks=[Within(hook, action)])


def again(w: World) -> Callable[[ff.Trainer], Any]:
    return lambda t: t.fit(w.x, w.y, verbose=0)


REFUSED: list[tuple[str, Callable[[World], Any], Any, tuple[str, ...]]] = [
    ("get_weights-unbuilt", lambda w: unbuilt().set_weights([w.x]), ValueError, ("weights", "1")),
    ("save-unbuilt", lambda w: unbuilt().save(path()), ValueError, ("not built",)),
    ("save-run-unbuilt", lambda w: ff.Trainer(unbuilt(), loss="mse").save(path()), ValueError, ()),
    ("pop-empty", lambda w: ff.Sequential().pop(), ValueError, ("pop",)),
    ("predict-empty", lambda w: ff.Sequential().predict("a"), TypeError, ("x",)),
    ("add-class", lambda w: ff.Sequential([DENSE]), TypeError, ("layers", "Dense(...)")),
    ("add-none", lambda w: w.model.add(None), TypeError, ("layers", "NoneType")),
    ("add-function", lambda w: w.model.add(abs), TypeError, ("layers", "abs")),
    ("layers-int", lambda w: ff.Sequential(3), TypeError, ("layers", "int")),
    ("layers-layer", lambda w: ff.Sequential(DENSE(2)), TypeError, ("layers", "Dense")),
    ("Input-last", lambda w: w.model.add(ff.Input((3,))), ValueError, ("Input", "first")),
    ("into-itself", lambda w: into_itself(), ValueError, ()),
    ("into-its-part", lambda w: into_its_part(), ValueError, ()),
    (
        "same-name",
        lambda w: ff.Sequential([DENSE(1, name="a"), DENSE(1, name="a")]),
        ValueError,
        ("a",),
    ),
    ("no-super-init", lambda w: NoInit()(w.x), TypeError, ("super().__init__()",)),
    (
        "no-super-init-model",
        lambda w: NoInitModel().predict(w.x),
        TypeError,
        ("super().__init__()",),
    ),
    (
        "no-super-init-inside",
        lambda w: ff.Sequential([NoInit()]),
        TypeError,
        ("super().__init__()",),
    ),
    ("no-call", lambda w: NoCall()(w.x), NotImplementedError, ("call",)),
    ("model-no-call", lambda w: ff.Model().predict(w.x), NotImplementedError, ("call",)),
    ("gradient-twice", lambda w: twice_gradient(), ValueError, ("persistent",)),
    ("tape-twice", lambda w: tape_entered_twice(), ValueError, ("GradientTape", "twice")),
    ("tape-flag", lambda w: ff.GradientTape(persistent="no"), TypeError, ("persistent", "'no'")),
    ("gradient-int", lambda w: gradient_of(3, ff.Variable(1.0)), TypeError, ("int",)),
    ("gradient-array", lambda w: gradient_of(ff.Variable(1.0), w.x), TypeError, ("ndarray",)),
    ("gradient-none", lambda w: gradient_of(None, None), TypeError, ("None",)),
    ("watch-array", lambda w: ff.GradientTape().watch(w.x), TypeError, ("tensor", "ndarray")),
    ("other-trace", lambda w: of_another_trace(), (TypeError, ValueError), ()),
    ("mixed-traces", lambda w: mixed_traces(), (TypeError, ValueError), ()),
    ("fit-in-fit", lambda w: during_fit(w, "on_epoch_begin", again(w)), ValueError, ("fit",)),
    ("trainer-no-model", lambda w: ff.Trainer(None, loss="mse"), TypeError, ("model", "NoneType")),
    ("trainer-class", lambda w: ff.Trainer(ff.Model, loss="mse"), TypeError, ("model",)),
    ("trainer-no-loss", lambda w: ff.Trainer(w.model), TypeError, ("loss", "missing")),
    ("trainer-loss", lambda w: ff.Trainer(w.model, loss=3), TypeError, ("loss", "int")),
    ("trainer-loss-name", lambda w: ff.Trainer(w.model, loss="msq"), ValueError, ("msq", "mse")),
    ("trainer-optimizer", lambda w: ff.Trainer(w.model, 3, loss="mse"), TypeError, ("optimizer",)),
    (
        "trainer-optimizer-name",
        lambda w: ff.Trainer(w.model, "adm", loss="mse"),
        ValueError,
        ("adm",),
    ),
    (
        "trainer-on_nonfinite",
        lambda w: ff.Trainer(w.model, loss="mse", on_nonfinite=1),
        ValueError,
        ("on_nonfinite",),
    ),
    ("trainer-metrics", lambda w: measured(w, 3), TypeError, ("metric", "int")),
    ("trainer-metric-name", lambda w: measured(w, "acuracy"), ValueError, ("acuracy", "accuracy")),
    ("trainer-metric-twice", lambda w: measured(w, ["mae", "mae"]), ValueError, ("metrics", "mae")),
    ("fit-no-y", lambda w: w.trainer.fit(w.x, verbose=0), ValueError, ("y", "missing")),
    ("fit-nothing", lambda w: w.trainer.fit(None, verbose=0), ValueError, ("y", "missing")),
    ("fit-empty-list", lambda w: w.trainer.fit([], verbose=0), ValueError, ("x", "no batches")),
    ("fit-list-of-ints", lambda w: w.trainer.fit([1, 2], verbose=0), ValueError, ("y", "missing")),
    (
        "fit-batches-wrong",
        lambda w: w.trainer.fit(iter([3]), verbose=0),
        ValueError,
        ("x", "(x, y)"),
    ),
    (
        "fit-batches-long",
        lambda w: w.trainer.fit(iter([(1, 2, 3, 4)]), verbose=0),
        ValueError,
        ("(x, y)",),
    ),
    ("fit-spent", lambda w: spent(w), ValueError, ("x", "no batches")),
    (
        "fit-split-of-batches",
        lambda w: w.trainer.fit(iter([]), verbose=0, validation_split=0.5),
        ValueError,
        ("x", "validation_split"),
    ),
    ("evaluate-no-y", lambda w: w.trainer.evaluate(w.x), ValueError, ("y", "missing")),
    ("evaluate-empty", lambda w: w.trainer.evaluate(iter([])), ValueError, ("x", "no rows")),
    ("fit-callbacks", lambda w: w.fit(callbacks=[3]), TypeError, ("callbacks", "3")),
    (
        "fit-callbacks-class",
        lambda w: w.fit(callbacks=[ff.callbacks.EarlyStopping]),
        TypeError,
        ("callbacks",),
    ),
    ("fit-callbacks-int", lambda w: w.fit(callbacks=3), TypeError, ("callbacks", "3")),
    (
        "evaluate-callbacks",
        lambda w: w.trainer.evaluate(w.x, w.y, callbacks=["a"]),
        TypeError,
        ("callbacks",),
    ),
    (
        "evaluate-callbacks-int",
        lambda w: w.trainer.evaluate(w.x, w.y, callbacks=3),
        TypeError,
        ("callbacks", "3"),
    ),
    ("fit-verbose", lambda w: w.fit(verbose=3), ValueError, ("verbose", "3")),
    ("fit-verbose-list", lambda w: w.fit(verbose=[]), ValueError, ("verbose", "[]")),
    ("fit-verbose-array", lambda w: w.fit(verbose=w.x), ValueError, ("verbose",)),
    ("fit-shuffle", lambda w: w.fit(shuffle="yes"), TypeError, ("shuffle", "yes")),
    ("fit-check_finite", lambda w: w.fit(check_finite=None), TypeError, ("check_finite",)),
    ("fit-resume", lambda w: w.fit(resume="yes"), TypeError, ("resume",)),
    (
        "fit-validation_data",
        lambda w: w.fit(validation_data=w.x),
        ValueError,
        ("validation_data", "(x, y)"),
    ),
    (
        "fit-validation_data-one",
        lambda w: w.fit(validation_data=(w.x,)),
        ValueError,
        ("validation_data",),
    ),
    ("device", lambda w: ff.Sequential(device="gpu9"), ValueError, ("device", "gpu9")),
    ("device-int", lambda w: ff.Sequential(device=3), (TypeError, ValueError), ("device",)),
    ("dtype", lambda w: ff.Sequential(dtype="float16"), ValueError, ("dtype", "float16")),
    ("dtype-int", lambda w: ff.Sequential(dtype=3), ValueError, ("dtype", "3")),
    ("unknown-argument", lambda w: DENSE(2, unit=3), TypeError, ("unit",)),
    ("use_bias", lambda w: DENSE(2, use_bias="no"), TypeError, ("use_bias", "no")),
    ("activation", lambda w: DENSE(2, activation=3), TypeError, ("activation", "int")),
    ("activation-name", lambda w: DENSE(2, activation="rellu"), ValueError, ("rellu", "relu")),
    ("initializer", lambda w: DENSE(2, kernel_initializer=3), TypeError, ("initializer", "int")),
    ("initializer-name", lambda w: DENSE(2, kernel_initializer="he"), ValueError, ("he",)),
    (
        "initializer-shape",
        lambda w: filled(lambda *_, **__: np.zeros(3)),
        ValueError,
        ("shape",),
    ),
    ("initializer-none", lambda w: filled(lambda *_, **__: None), (TypeError, ValueError), ()),
    ("model-inputs", lambda w: ff.Model(w.x, w.y), TypeError, ("inputs", "ndarray")),
    ("model-outputs", lambda w: ff.Model(ff.Input((3,)), ff.Input((3,))), ValueError, ("outputs",)),
    (
        "apply-nothing",
        lambda w: ff.optimizers.SGD().apply_gradients([]),
        ValueError,
        ("grads_and_vars",),
    ),
    (
        "apply-int",
        lambda w: ff.optimizers.SGD().apply_gradients(3),
        TypeError,
        ("grads_and_vars", "3"),
    ),
    (
        "apply-array",
        lambda w: ff.optimizers.SGD().apply_gradients([(w.x, w.x)]),
        TypeError,
        ("grads_and_vars",),
    ),
    ("exclude-pattern", lambda w: excluded("("), ValueError, ("var_names",)),
    ("get_config-number", lambda w: DENSE.from_config(3), TypeError, ()),
]


def measured(w: World, metrics: Any) -> Any:
    return ff.Trainer(w.model, loss="mse", metrics=metrics).evaluate(w.x, w.y)


def spent(w: World) -> Any:
    return w.trainer.fit((pair for pair in [(w.x, w.y)] * 0), verbose=0)


def filled(initializer: Any) -> Any:
    return DENSE(2, kernel_initializer=initializer)(np.ones((2, 3), np.float32))


def excluded(pattern: str) -> None:
    optimizer = ff.optimizers.AdamW()
    optimizer.exclude_from_weight_decay(var_names=[pattern])
    optimizer.apply_gradients([([1.0], ff.Variable([1.0]))])


def resumed_from_nothing(w: World) -> Any:
    return w.trained(epochs=2, resume=True)


def changed_between(w: World) -> Any:
    w.fit()
    w.model.add(DENSE(2))
    w.fit()
    return [v.shape for v in w.model.variables]


def popped_between(w: World) -> Any:
    w.fit()
    w.model.pop()
    w.fit(y=np.ones((8, 4), np.float32))
    return [tuple(v.shape) for v in w.model.variables]


def shared(w: World) -> Any:
    """One layer in two models: both train the same weights."""
    layer = DENSE(2)
    one = ff.Sequential([ff.Input((3,)), layer], seed=1)
    two = ff.Sequential([ff.Input((3,)), layer], seed=2)
    ff.Trainer(one, "sgd", loss="mse").fit(w.x, w.y, verbose=0)
    assert np.array_equal(one.predict(w.x), two.predict(w.x))


def freed() -> Any:
    """What was made from a Variable outlives it."""
    with ff.GradientTape(persistent=True) as tape:
        v = ff.Variable([1.0, 2.0])
        y = v * v
        tape.watch(y)
        z = y * 3.0
    del v
    return tape.gradient(z, y)


LEGAL: list[tuple[str, Callable[[World], Any], Callable[[World], Any] | None]] = [
    ("predict-unbuilt", lambda w: unbuilt().predict(w.x), None),
    ("resume-nothing", resumed_from_nothing, lambda w: w.trained(epochs=2)),
    ("changed-between-fits", changed_between, None),
    ("popped-between-fits", popped_between, lambda w: [(3, 4), (4,)]),
    ("shared-layer", shared, None),
    ("freed-variable", lambda w: freed(), lambda w: three()),
    ("fit-no-epochs", lambda w: w.trained(epochs=0), lambda w: w.model.get_weights()),
    ("empty-callbacks", lambda w: w.trained(callbacks=[]), lambda w: w.trained()),
    ("no-metrics", lambda w: measured(w, []), lambda w: w.trainer.evaluate(w.x, w.y)),
    (
        "predict-in-fit",
        lambda w: inside(w, lambda t: t.model.predict(w.x)),
        lambda w: w.trained(epochs=2, validation_split=0.25),
    ),
    (
        "evaluate-in-fit",
        lambda w: inside(w, lambda t: t.evaluate(w.x, w.y)),
        lambda w: w.trained(epochs=2, validation_split=0.25),
    ),
    (
        "get_weights-in-fit",
        lambda w: inside(w, lambda t: t.model.get_weights()),
        lambda w: w.trained(epochs=2, validation_split=0.25),
    ),
]


def three() -> Any:
    return ff.ops.convert_to_tensor([3.0, 3.0])


def inside(w: World, action: Callable[[ff.Trainer], Any]) -> Any:
    during_fit(w, "on_epoch_end", action)
    return list(w.model.get_weights())


CASES: list[Case] = [
    *(refused(name, call, error, *words) for name, call, error, words in REFUSED),
    refused(
        "monitor",
        lambda w: w.fit(callbacks=[ff.callbacks.EarlyStopping("nothing")]),
        ValueError,
        "EarlyStopping",
        "nothing",
        "loss",
        trains=True,
    ),
    *(gives(name, call, expected) for name, call, expected in LEGAL),
]
