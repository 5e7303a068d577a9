"""What the user's own code raises reaches the caller unchanged, and the model stays usable.

Every kind of exception is raised in every place where user code runs inside a fit. Afterwards the
weights are those of a step boundary, and a fit that goes on ends with the bits of one that nothing
interrupted.
"""

import feedfwd as ff
import numpy as np
import pytest

RNG = np.random.default_rng(5)
X = RNG.normal(size=(48, 4))
Y = X[:, :1] * 2 - X[:, 1:2]
EPOCHS, BATCH = 3, 16
STEPS = 3 * EPOCHS


class OwnError(Exception):
    """A user's own."""


class OwnBaseError(BaseException):
    """One that `except Exception` does not catch."""


KINDS = [
    OwnError,
    OwnBaseError,
    KeyboardInterrupt,
    SystemExit,
    StopIteration,
    StopAsyncIteration,
    GeneratorExit,
    MemoryError,
    RuntimeError,
    AttributeError,
    KeyError,
    FloatingPointError,
    OSError,
    AssertionError,
    NotImplementedError,
    RecursionError,
]
# These two tell of the layer they come from, with the first one as their cause.
NAMED = [TypeError, ValueError]
HOOKS = [
    "on_train_begin",
    "on_train_end",
    "on_epoch_begin",
    "on_epoch_end",
    "on_train_batch_begin",
    "on_train_batch_end",
    "on_test_begin",
    "on_test_end",
    "on_test_batch_begin",
    "on_test_batch_end",
]


class Bomb:
    """Raises its exception at the call number `at`, from 0, and at no other."""

    def __init__(self, kind, at=0):
        self.error, self.at, self.calls = kind("what the user said"), at, 0

    def __call__(self, *_):
        self.calls += 1
        if self.calls - 1 == self.at:
            raise self.error


def network(*layers, seed=0):
    hidden = ff.layers.Dense(6, activation="tanh")
    return ff.Sequential(
        [ff.Input((4,)), hidden, ff.layers.Dropout(0.3), *layers, ff.layers.Dense(1)], seed=seed
    )


def digest(model):
    return b"".join(w.tobytes() for w in model.get_weights())


def fit(trainer, **options):
    settings = {"validation_data": (X[:9], Y[:9]), "epochs": EPOCHS, "batch_size": BATCH}
    return trainer.fit(X, Y, verbose=0, **{**settings, **options})


def boundaries(trainer):
    """The weights before the first step and after each."""
    found = [digest(trainer.model)]

    class Note(ff.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            found.append(digest(self.model))

    fit(trainer, callbacks=Note())
    assert len(found) == STEPS + 1
    return found


def raised(work, bomb):
    """The work raises the very object, with its own arguments."""
    with pytest.raises(type(bomb.error)) as caught:
        work()
    assert caught.value is bomb.error
    assert caught.value.args == ("what the user said",)


def check_usable(trainer, steps):
    """At a step boundary, and the rest of the fit has the bits of the whole one."""
    assert digest(trainer.model) == steps[int(trainer.optimizer.iterations)]
    assert trainer.model.predict(X).shape == (48, 1)
    assert trainer.evaluate(X, Y, verbose=0)["loss"] > 0
    fit(trainer, resume=True)
    assert digest(trainer.model) == steps[-1]
    assert len(trainer.history.history["loss"]) == EPOCHS
    fit(trainer)  # another one begins


class Hook(ff.callbacks.Callback):
    """A bomb in one hook."""

    def __init__(self, hook, bomb):
        setattr(self, hook, lambda *_: bomb())


@pytest.mark.parametrize("kind", [*KINDS, *NAMED], ids=lambda k: k.__name__)
@pytest.mark.parametrize("hook", HOOKS)
def test_callback(hook, kind):
    def trainer_of():
        return ff.Trainer(network(), "adam", "mse", metrics=["mae"])

    steps = boundaries(trainer_of())
    for at in {0, {"on_train_begin": 0, "on_train_end": 0}.get(hook, 2)}:
        trainer, bomb = trainer_of(), Bomb(kind, at)
        raised(lambda trainer=trainer, bomb=bomb: fit(trainer, callbacks=Hook(hook, bomb)), bomb)
        check_usable(trainer, steps)


class Batches:
    """Data batch by batch, the same in every epoch, with a bomb between them."""

    def __init__(self, bomb=None):
        self.bomb = bomb

    def __iter__(self):
        for at in range(0, len(X), BATCH):
            if self.bomb is not None:
                self.bomb()
            yield X[at : at + BATCH], Y[at : at + BATCH]


class Stepper(Batches):
    """The same without a generator, whose __next__ raises."""

    def __iter__(self):
        self.items = list(Batches())
        return self

    def __next__(self):
        if self.bomb is not None:
            self.bomb()
        if not self.items:
            raise StopIteration
        return self.items.pop(0)


@pytest.mark.parametrize("source", [Batches, Stepper])
@pytest.mark.parametrize("kind", [*KINDS, *NAMED], ids=lambda k: k.__name__)
def test_data(kind, source):
    """Python itself turns StopIteration inside a generator into RuntimeError, and takes one from
    __next__ as the end."""

    def run(trainer, bomb=None, **options):
        trainer.fit(source(bomb), epochs=2, verbose=0, **options)

    whole = ff.Trainer(network(), "adam", "mse")
    run(whole)
    for at in (0, 2, 4):
        trainer, bomb = ff.Trainer(network(), "adam", "mse"), Bomb(kind, at)
        if kind is StopIteration and source is Stepper:
            continue
        if kind is StopIteration:
            with pytest.raises(RuntimeError) as caught:
                run(trainer, bomb)
            assert caught.value.__cause__ is bomb.error
        else:
            raised(lambda trainer=trainer, bomb=bomb: run(trainer, bomb), bomb)
        trainer.model.predict(X)
        run(trainer, resume=True)
        assert digest(trainer.model) == digest(whole.model)


class Bombed(ff.layers.Layer):
    """A layer of one's own with a bomb in call or build."""

    def __init__(self, call=None, build=None):
        super().__init__()
        self.bombs = {"call": call, "build": build}

    def build(self, input_shape):
        self.w = self.add_weight((input_shape[-1],), initializer="ones", name="w")
        if self.bombs["build"]:
            self.bombs["build"]()

    def call(self, x):
        if self.bombs["call"]:
            self.bombs["call"]()
        return x * self.w


@pytest.mark.parametrize("where", ["call", "build"])
@pytest.mark.parametrize("kind", KINDS, ids=lambda k: k.__name__)
def test_layer(kind, where):
    """call runs when the layer is traced, some times before the first step, build once."""
    steps = boundaries(ff.Trainer(network(Bombed()), "adam", "mse"))
    for at in range(4 if where == "call" else 1):
        bomb, found = Bomb(kind, at), []

        def work(bomb=bomb, found=found):
            trainer = ff.Trainer(network(Bombed(**{where: bomb})), "adam", "mse")
            found.append(trainer)
            fit(trainer)

        raised(work, bomb)
        if found:  # else the layer was built while the model was made
            trainer = found[0]
            check_usable(trainer, steps)


@pytest.mark.parametrize("kind", NAMED, ids=lambda k: k.__name__)
def test_layer_is_named(kind):
    """TypeError and ValueError say which layer they come from; the first is their cause."""
    bomb = Bomb(kind)
    with pytest.raises(kind, match=r"Bombed.*what the user said") as caught:
        fit(ff.Trainer(network(Bombed(call=bomb)), "adam", "mse"))
    assert caught.value.__cause__ is bomb.error


def test_layer_stays_in_no_stack():
    """After an exception inside call, other models have the bits they have without it."""
    want = digest(network(seed=3))
    with pytest.raises(OwnBaseError):
        network(Bombed(call=Bomb(OwnBaseError)))(X)
    assert digest(network(seed=3)) == want


class Schedule(ff.optimizers.schedules.LearningRateSchedule):
    """A constant with a bomb."""

    def __init__(self, bomb=None):
        self.bomb = bomb

    def __call__(self, step):
        if self.bomb is not None:
            self.bomb()
        return 0.01


@pytest.mark.parametrize("kind", [*KINDS, *NAMED], ids=lambda k: k.__name__)
@pytest.mark.parametrize("at", [0, 5])
def test_schedule(kind, at):
    steps = boundaries(ff.Trainer(network(), ff.optimizers.Adam(Schedule()), "mse"))
    bomb = Bomb(kind, at)
    trainer = ff.Trainer(network(), ff.optimizers.Adam(Schedule(bomb)), "mse")
    raised(lambda: fit(trainer), bomb)
    check_usable(trainer, steps)


@pytest.mark.parametrize("kind", KINDS, ids=lambda k: k.__name__)
def test_initializer(kind):
    """The second time the same model is built, with the same numbers."""
    bomb = Bomb(kind)

    def initial(shape, **_):
        bomb()
        return np.full(shape, 0.5, "float32")

    model = ff.Sequential([ff.layers.Dense(2, kernel_initializer=initial)], seed=0)
    raised(lambda: model.predict(X), bomb)
    assert all((w == 0.5).all() for w in model.get_weights()[:1])


@pytest.mark.parametrize("part", ["loss", "metric"])
@pytest.mark.parametrize("kind", KINDS, ids=lambda k: k.__name__)
def test_loss_and_metric(kind, part):
    """They run when the step is traced."""

    def options(bomb=None):
        class Loss(ff.losses.Loss):
            def call(self, y_true, y_pred):
                if bomb is not None and part == "loss":
                    bomb()
                return ff.ops.mean(ff.ops.square(y_true - y_pred), axis=-1)

        class Metric(ff.metrics.Mean):
            def update_state(self, y_true, y_pred, sample_weight=None):
                if bomb is not None and part == "metric":
                    bomb()
                super().update_state(y_pred)

        return {"loss": Loss(), "metrics": [Metric(name="own")]}

    steps = boundaries(ff.Trainer(network(), "adam", **options()))
    bomb = Bomb(kind)
    trainer = ff.Trainer(network(), "adam", **options(bomb))
    raised(lambda: fit(trainer), bomb)
    check_usable(trainer, steps)
