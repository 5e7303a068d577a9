"""docs/coming-from.md: what it says of this package, line by line."""

import inspect

import feedfwd as ff
import numpy as np
import pytest
from feedfwd import elsewhere


def default(function, name):
    return inspect.signature(function).parameters[name].default


O = ff.optimizers  # noqa: E741
DEFAULTS = [
    (O.SGD, "learning_rate", 0.01),
    (O.SGD, "momentum", 0.0),
    (O.SGD, "nesterov", False),
    (O.Adam, "learning_rate", 0.001),
    (O.Adam, "epsilon", 1e-7),
    (O.RMSprop, "learning_rate", 0.001),
    (O.RMSprop, "rho", 0.9),
    (O.Adagrad, "learning_rate", 0.001),
    (O.Adagrad, "initial_accumulator_value", 0.1),
    (O.Adadelta, "learning_rate", 0.001),
    (O.Adadelta, "rho", 0.95),
    (O.SGD.like_torch, "lr", 0.001),
    (O.Adam.like_torch, "lr", 0.001),
    (O.Adam.like_torch, "eps", 1e-8),
    (O.RMSprop.like_torch, "lr", 0.01),
    (O.RMSprop.like_torch, "alpha", 0.99),
    (O.Adagrad.like_torch, "lr", 0.01),
    (O.Adagrad.like_torch, "eps", 1e-10),
    (O.Adadelta.like_torch, "lr", 1.0),
    (O.Adadelta.like_torch, "eps", 1e-6),
    (ff.layers.Dense, "kernel_initializer", "glorot_uniform"),
    (ff.layers.Dense, "bias_initializer", "zeros"),
    (ff.Trainer, "optimizer", "adam"),
    (ff.Trainer.fit, "batch_size", 32),
    (ff.Trainer.fit, "epochs", 1),
    (ff.Trainer.fit, "shuffle", True),
    (ff.Trainer.fit, "check_finite", True),
    (ff.callbacks.EarlyStopping, "monitor", "val_loss"),
    (ff.callbacks.EarlyStopping, "restore_best_weights", False),
]


@pytest.mark.parametrize(("function", "name", "value"), DEFAULTS)
def test_defaults(function, name, value):
    assert default(function, name) == value


def small(**kw):
    return ff.Sequential([ff.Input((8,)), ff.layers.Dense(4, "relu"), ff.layers.Dense(2)], **kw)


X, Y = np.random.default_rng(0).normal(size=(40, 8)), np.arange(40) % 2
LOSS = ff.losses.SparseCategoricalCrossentropy(from_logits=True)


def test_behaviour():
    assert ff.losses.mean_squared_error([[1.0]], [[3.0]]).numpy() == [4.0]  # not halved
    assert ff.activations.leaky_relu(np.array([-1.0])).numpy()[0] == pytest.approx(-0.2)
    model = small(seed=0)
    assert model.layers[0].kernel.shape == (8, 4) and not model.layers[0].bias.numpy().any()
    trainer = ff.Trainer(model, "adam", LOSS, metrics=["accuracy"])
    trainer.fit(X, Y, verbose=0)
    steps = trainer.optimizer.iterations
    trainer.fit(X, Y, verbose=0)  # goes on
    assert trainer.optimizer.iterations == 2 * steps
    found = trainer.evaluate(X, Y, verbose=0)
    assert list(found) == ["loss", "accuracy"]
    right = model.predict(X).argmax(axis=1) == Y
    assert found["accuracy"] == pytest.approx(right.mean())
    fresh = model.clone()
    assert np.array_equal(fresh.get_weights()[0], small(seed=0).get_weights()[0])
    assert small().seed != small().seed
    assert {"sgd", "adam", "rmsprop"} <= set(ff.optimizers.names())


def test_early_stopping_as_in_scikit_learn():
    stop = ff.callbacks.EarlyStopping(monitor="loss", min_delta=1e-4, patience=10)
    trainer = ff.Trainer(small(seed=0), ff.optimizers.SGD(1e-9), LOSS)
    trainer.fit(X, Y, epochs=200, callbacks=stop, verbose=0)
    assert len(trainer.history.epoch) == 11


def test_a_missing_monitor():
    trainer = ff.Trainer(small(seed=0), "adam", LOSS)
    with pytest.raises(ValueError, match="val_loss"):
        trainer.fit(X, Y, callbacks=ff.callbacks.EarlyStopping(), verbose=0)


def names_with_hints():
    for module, table in elsewhere._NAMES.items():
        for name in table:
            yield pytest.param("ff" + f".{module}" * bool(module), name, id=f"{module}.{name}")
    for thing, table in (("model", elsewhere.MODEL), ("trainer", elsewhere.TRAINER)):
        for name in table:
            yield pytest.param(thing, name, id=f"{thing}.{name}")
    for thing in ("ff.Variable(1.0)", "ff.ops.exp(1.0)"):
        for name in elsewhere.TENSOR:
            yield pytest.param(thing, name, id=f"{thing}.{name}")


@pytest.mark.parametrize(("thing", "name"), list(names_with_hints()))
def test_names_of_other_libraries(thing, name):
    """They do not exist here, and the error says what does; what it names exists."""
    model = small(seed=0)
    here = {"ff": ff, "model": model, "trainer": ff.Trainer(model, "adam", LOSS)}
    with pytest.raises(AttributeError, match=f"has no '{name}'; write ") as raised:
        getattr(eval(thing, here), name)
    instead = str(raised.value).partition("; write ")[2]
    for word in __import__("re").findall(r"\bff(?:\.\w+)+", instead):
        eval(word, {"ff": ff})
    assert not hasattr(eval(thing, here), name)


@pytest.mark.parametrize(
    ("line", "error", "text"),
    [
        ("ff.optimizers.RMSProp", AttributeError, "the nearest: RMSprop"),
        ("ff.losses.MeanSquaredErr", AttributeError, "the nearest: .*MeanSquaredError"),
        ("ff.Sequental", AttributeError, "the nearest: Sequential"),
        ("trainer.evalute", AttributeError, "the nearest: evaluate"),
        ("model.trainable_variable", AttributeError, "the nearest: trainable_variables"),
        ("ff.Variable(1.0).assing", AttributeError, "the nearest: assign"),
        ("ff.optimizers.Adam(lr=1)", TypeError, "'lr'; here it is learning_rate"),
        ("ff.optimizers.Adam(beta1=1)", TypeError, "'beta1'; here it is beta_1"),
        ("ff.optimizers.Adam(bta=1)", TypeError, "'bta'; known: learning_rate, beta_1"),
        ("ff.optimizers.Adam().lr", AttributeError, "'lr'; here it is learning_rate"),
        ("ff.layers.Dropout(p=0.5)", TypeError, "'p'; use rate"),
        ("ff.layers.Dense(3, input_shape=(8,))", TypeError, r"ff.Input\(shape\)"),
        ('ff.layers.Dense(3, activation="ReLU")', ValueError, "relu"),
        ('ff.Trainer(model, "adam", "sparse_categorical_crossentropy")', ValueError, "from_logits"),
        ("model.fit(1)", AttributeError, "ff.Trainer"),
    ],
)
def test_habits(line, error, text):
    model = small(seed=0)
    here = {"ff": ff, "model": model, "trainer": ff.Trainer(model, "adam", LOSS)}
    with pytest.raises(error, match=text):
        eval(line, here)


def test_a_layer_of_ones_own_keeps_its_errors():
    class Broken(ff.Model):
        def __init__(self):
            super().__init__()
            self.a = self.thing

    with pytest.raises(AttributeError, match="a Broken has no 'thing'"):
        Broken()
