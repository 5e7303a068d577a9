"""One call of everything public, each with the digest of what it gave."""

from __future__ import annotations

import copy
import pathlib
import pickle
from collections.abc import Callable
from typing import Any

import feedfwd as ff
import numpy as np
from common import digest

RNG = np.random.default_rng(7)
X = RNG.normal(size=(70, 4))
X[:3] *= 1e-42  # denormal in float32
LABELS = (X[:, 0] > 0).astype(np.int64) + (X[:, 1] > 0)
ONE_HOT = np.eye(3, dtype=np.float32)[LABELS]
SOFT = ONE_HOT * 0.7
TARGETS = X @ np.array([1.0, -2.0, 0.5, 3.0])
SQUARE = RNG.normal(size=(5, 5))
POSITIVE = np.abs(SQUARE) + 0.1

SHIFTED = SQUARE.T + 3.0

UNARY = (
    *("abs", "negative", "square", "exp", "expm1", "sin", "cos", "floor"),
    *("sign", "erf", "erfc", "tanh", "sigmoid", "sum", "mean"),
)
BINARY = ("add", "subtract", "multiply", "divide", "maximum", "minimum", "matmul", "power", "mod")

Call = Callable[[], str]

OPTIMIZERS = {
    "sgd": lambda rate: ff.optimizers.SGD(rate, momentum=0.9),
    "adam": ff.optimizers.Adam,
    "adamw": lambda rate: ff.optimizers.AdamW(rate, clipnorm=1.0),
    "rmsprop": ff.optimizers.RMSprop,
    "adagrad": ff.optimizers.Adagrad,
    "adadelta": ff.optimizers.Adadelta,
}
SCHEDULE = ff.optimizers.schedules.ExponentialDecay(0.01, 7, 0.9)
SCHEDULES = {
    "exponential": SCHEDULE,
    "cosine": ff.optimizers.schedules.CosineDecay(0.01, 20),
    "restarts": ff.optimizers.schedules.CosineDecayRestarts(0.01, 7),
    "inverse time": ff.optimizers.schedules.InverseTimeDecay(0.01, 7, 0.5),
    "piecewise": ff.optimizers.schedules.PiecewiseConstantDecay([3, 6], [0.01, 0.005, 0.003]),
    "polynomial": ff.optimizers.schedules.PolynomialDecay(0.01, 20, 1e-4, 2.0),
}


def classifier() -> ff.Sequential:
    """A small network with dropout."""
    layers = [ff.layers.Dense(8, activation="tanh"), ff.layers.Dropout(0.3), ff.layers.Dense(3)]
    return ff.Sequential([ff.Input((4,)), *layers], seed=5)


def trainer_of(optimizer: Any = "adam", **options: Any) -> ff.Trainer:
    """Of the small network."""
    loss = ff.losses.SparseCategoricalCrossentropy(from_logits=True)
    return ff.Trainer(classifier(), optimizer, loss, metrics=["accuracy"], **options)


def fit(trainer: ff.Trainer, **options: Any) -> str:
    """Two epochs; the bits of weights and history."""
    asked = {"epochs": 2, "batch_size": 16, "verbose": 0, **options}
    history = trainer.fit(X, LABELS, **asked).history
    return digest([*trainer.model.get_weights(), *(np.array(v) for v in history.values())])


def batches() -> Any:
    """A generator's data."""
    for at in range(0, 70, 16):
        yield X[at : at + 16], LABELS[at : at + 16]


def table(folder: pathlib.Path) -> dict[str, Call]:
    """Name and call."""
    calls: dict[str, Call] = {}
    calls.update(training(folder))
    calls.update(models())
    calls.update(files(folder))
    calls.update(eager())
    calls.update(pieces())
    return calls


def training(folder: pathlib.Path) -> dict[str, Call]:
    """Trainer and optimizers."""
    measured = trainer_of()
    found: dict[str, Call] = {
        f"fit, {name}": (lambda make=make: fit(trainer_of(make(0.01))))
        for name, make in OPTIMIZERS.items()
    }
    for name, schedule in SCHEDULES.items():
        found[f"fit, {name} schedule"] = lambda s=schedule: fit(trainer_of(ff.optimizers.Adam(s)))
    callbacks = ff.callbacks

    def with_callbacks() -> str:
        asked = [
            callbacks.EarlyStopping("val_loss", patience=1, restore_best_weights=True),
            callbacks.ReduceLROnPlateau("loss", patience=1, min_delta=1.0),
            callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.5),
            callbacks.CSVLogger(str(folder / "log.csv")),
        ]
        return fit(trainer_of(), callbacks=asked, validation_split=0.2, epochs=4)

    found["fit, callbacks"] = with_callbacks
    found["fit, shards"] = lambda: fit(trainer_of(shards=3))
    found["fit, weights"] = lambda: fit(trainer_of(), class_weight={0: 2.0}, shuffle=False)

    def by_generator() -> str:
        trainer = trainer_of()
        history = trainer.fit(batches(), epochs=1, verbose=0).history
        return digest([*trainer.model.get_weights(), np.array(history["loss"])])

    found["fit, a generator"] = by_generator
    found["evaluate"] = lambda: str(sorted(measured.evaluate(X, LABELS, verbose=0).items()))
    found["evaluate, a generator"] = lambda: str(sorted(measured.evaluate(batches()).items()))

    def by_hand() -> str:
        model, loss = classifier(), ff.losses.MeanSquaredError()
        optimizer = ff.optimizers.Adam(0.01)
        for _ in range(3):
            with ff.GradientTape() as tape:
                value = loss(ONE_HOT, model(X, training=True))
            gradients = tape.gradient(value, model.trainable_variables)
            optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
        return digest(model.get_weights())

    found["tape and apply_gradients"] = by_hand
    return found


def models() -> dict[str, Call]:
    """Models and layers."""
    model = classifier()

    def branches() -> str:
        x = ff.Input((4,))
        h = ff.layers.Dense(4, activation="relu")(x)
        return digest([ff.Model(x, ff.layers.Dense(1)(h + x), seed=0).predict(X)])

    def set_weights() -> str:
        other = classifier()
        other.set_weights(model.get_weights())
        return digest(other.get_weights())

    def summary() -> str:
        lines: list[str] = []
        model.summary(lines.append)
        return "\n".join(lines)

    return {
        "predict": lambda: digest([model.predict(X)]),
        "predict, a row": lambda: digest([model.predict(X[:1])]),
        "model call": lambda: (model(X, training=True), digest([model(X).numpy()]))[1],
        "Model of branches": branches,
        "set_weights": set_weights,
        "clone": lambda: digest(model.clone().get_weights()),
        "deepcopy": lambda: digest(copy.deepcopy(model).get_weights()),
        "pickle": lambda: digest(pickle.loads(pickle.dumps(model)).get_weights()),
        "config": lambda: str(
            ff.layers.Dense.from_config(model.layers[0].get_config()).get_config()
        ),
        "summary": summary,
        "dropout": lambda: digest([ff.layers.Dropout(0.5, seed=4)(X, training=True).numpy()]),
    }


def files(folder: pathlib.Path) -> dict[str, Call]:
    """Saving and loading."""
    model, path = classifier(), folder / "model.safetensors"
    run, backup = folder / "run.safetensors", folder / "backup"

    def save() -> str:
        model.save(path)
        return digest([np.frombuffer(path.read_bytes(), np.uint8)])

    def load() -> str:
        model.save(path)
        return digest([ff.load_model(path).predict(X)])

    def trainer_file() -> str:
        trainer = trainer_of(ff.optimizers.Adam(SCHEDULE))
        fit(trainer, epochs=1)
        trainer.save(run)
        return fit(ff.Trainer.load(run))

    def checkpoints() -> str:
        asked = [
            ff.callbacks.ModelCheckpoint(str(run), monitor="loss", save_freq=2),
            ff.callbacks.BackupAndRestore(str(backup)),
        ]
        return fit(trainer_of(), callbacks=asked)

    def refused() -> str:
        (folder / "bad").write_bytes(b"no model")
        try:
            ff.load_model(folder / "bad")
        except ValueError as error:
            return str(error)
        return "no error"

    return {
        "save": save,
        "load_model": load,
        "Trainer.save and load": trainer_file,
        "fit, checkpoints": checkpoints,
        "load_model, a bad file": refused,
    }


def eager() -> dict[str, Call]:
    """Operators, ops and activations."""
    found: dict[str, Call] = {}

    def add(name: str, function: Callable[..., Any], *args: Any) -> None:
        found[name] = lambda: digest([np.asarray(function(*args))])

    for name in UNARY:
        add(f"ops.{name}", getattr(ff.ops, name), SQUARE)
    for name in ("log", "log1p", "sqrt"):
        add(f"ops.{name}", getattr(ff.ops, name), POSITIVE)
    for name in BINARY:
        add(f"ops.{name}", getattr(ff.ops, name), POSITIVE, SHIFTED)
    for name in ff.activations.names():
        add(f"activations.{name}", ff.activations.get(name), SQUARE)
    add("denormals", ff.ops.multiply, np.float32(X[:3]), np.float32(0.5))
    variable = ff.Variable(SQUARE)

    def assign() -> str:
        variable.assign(SQUARE)
        variable.assign_add(POSITIVE)
        return digest([variable.numpy()])

    found["Variable"] = assign
    return found


def pieces() -> dict[str, Call]:
    """Random numbers, data sets, losses, metrics, settings."""

    def seeded() -> str:
        ff.random.set_seed(3)
        drawn = [ff.random.normal((9,)), ff.random.uniform((9,)), ff.random.truncated_normal((9,))]
        ff.random.set_seed(None)
        return digest([t.numpy() for t in drawn])

    def threads() -> str:
        before = ff.get_num_threads()
        ff.set_num_threads(1)
        ff.set_num_threads(before)
        return str(ff.get_num_threads() == before)

    def metric() -> str:
        accuracy = ff.metrics.SparseCategoricalAccuracy()
        accuracy.update_state(LABELS, ONE_HOT)
        return str(float(accuracy.result()))

    found: dict[str, Call] = {
        "random": seeded,
        "set_num_threads": threads,
        "devices": lambda: str(ff.devices()),
        "metric": metric,
        "digits": lambda: digest(a for pair in ff.datasets.digits() for a in pair),
        "two_spirals": lambda: digest(two_spirals()),
        "initializers": lambda: digest(initial()),
    }
    for name in ("mean_squared_error", "mean_absolute_error"):
        f = getattr(ff.losses, name)
        found[f"losses.{name}"] = lambda f=f: digest([f(ONE_HOT, SOFT).numpy()])
    for name, schedule in SCHEDULES.items():
        found[f"{name} schedule"] = lambda s=schedule: str([float(s(i)).hex() for i in range(12)])
    return found


def two_spirals() -> list[np.ndarray]:
    """The arrays of the data set."""
    return [np.asarray(a) for a in ff.datasets.two_spirals(seed=1)]


def initial() -> list[np.ndarray]:
    """A kernel of every initializer."""
    names = [n for n in ff.initializers.names() if n != "constant"]
    layers = [ff.layers.Dense(6, kernel_initializer=n) for n in names]
    return ff.Sequential([ff.Input((5,)), *layers], seed=2).get_weights()
