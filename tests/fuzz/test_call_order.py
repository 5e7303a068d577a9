"""The public calls in any order: documented errors only, and a refused call changes nothing."""

from __future__ import annotations

import contextlib
import copy
import pickle
import tempfile

import feedfwd as ff
import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    rule,
)

pytestmark = pytest.mark.timeout(7200)

RNG = np.random.default_rng(5)
X = RNG.normal(size=(37, 4)).astype(np.float32)
Y = RNG.normal(size=(37, 2)).astype(np.float32)
OPTIMIZERS = ("sgd", "adam", "rmsprop", "adagrad", "adadelta")
REFUSED = (TypeError, ValueError)


def bits(model):
    return [w.tobytes() for w in model.get_weights()]


def grads(tape, loss, variables):
    found = tape.gradient(loss, variables)
    return [None if g is None else g.numpy().tobytes() for g in found]


class Halt(ff.callbacks.Callback):
    """Ends a fit after some steps by an exception."""

    def __init__(self, after):
        self.left = after

    def on_train_batch_end(self, batch, logs=None):
        self.left -= 1
        if self.left <= 0:
            raise KeyError("halt")


class Calls(RuleBasedStateMachine):
    """Models, trainers and tapes that are used in any order.

    `known` has the weights that each built model should have: a rule that changes some says so,
    and those of all other models must stay.
    """

    models, trainers, tapes = Bundle("models"), Bundle("trainers"), Bundle("tapes")

    def __init__(self):
        super().__init__()
        self.known = {}
        self.odd = []  # models that were first shown rows of another shape, and their copies

    def changed(self, model):
        if model._settled:
            self.known[id(model)] = model, bits(model)
        else:
            self.known.pop(id(model), None)
        return model

    def takes_rows(self, model):
        """Whether the model is one for X; builds it."""
        try:
            model.predict(X[:1])
        except REFUSED:
            assert any(m is model for m in self.odd)
            return False
        if id(model) not in self.known:
            self.changed(model)
        return True

    def changed_by(self, model, call):
        try:
            return call()
        finally:
            self.changed(model)

    def copied(self, twin, model):
        if any(m is model for m in self.odd):
            self.odd.append(twin)
        return self.changed(twin)

    @invariant()
    def no_other_model_has_changed(self):
        for model, expected in self.known.values():
            assert bits(model) == expected

    @initialize()
    def folder(self):
        self.path = tempfile.TemporaryDirectory()

    def teardown(self):
        ff.set_num_threads(2)
        if hasattr(self, "path"):
            self.path.cleanup()

    # ---- making

    @rule(
        target=models,
        units=st.lists(st.integers(1, 9), max_size=3),
        dropout=st.booleans(),
        first=st.booleans(),
        seed=st.integers(0, 9),
        dtype=st.sampled_from(["float32", "float64"]),
    )
    def make_sequential(self, units, dropout, first, seed, dtype):
        layers = [ff.Input((4,))] if first else []
        layers += [ff.layers.Dense(n, activation="tanh") for n in units]
        layers += [ff.layers.Dropout(0.5)] if dropout else []
        model = ff.Sequential([*layers, ff.layers.Dense(2)], seed=seed, dtype=dtype)
        return self.changed(model)

    @rule(target=models, units=st.integers(1, 5), seed=st.integers(0, 9))
    def make_graph(self, units, seed):
        a = ff.Input((4,))
        h = ff.layers.Dense(units, activation="relu")(a)
        out = ff.layers.Dense(2)(ff.ops.concatenate([h, a * 2.0], axis=-1))
        return self.changed(ff.Model(a, out, seed=seed))

    @rule(target=trainers, model=models, optimizer=st.sampled_from(OPTIMIZERS))
    def make_trainer(self, model, optimizer):
        return ff.Trainer(model, optimizer=optimizer, loss="mse", metrics=["mae"])

    # ---- using

    @rule(model=models, rows=st.integers(1, 37))
    def predict(self, model, rows):
        if not self.takes_rows(model):
            return
        want = model.predict(X[:rows])
        assert want.shape == (rows, 2)
        assert model.predict(X[:1]).tobytes() == want[:1].tobytes()
        assert model(X[:rows]).numpy().tobytes() == want.tobytes()

    @rule(model=models, shape=st.sampled_from([(3, 5), (4,), (0, 4), (2, 3, 4), ()]))
    def predict_another_shape(self, model, shape):
        built = model._settled
        before = bits(model) if built else None
        try:
            model.predict(np.zeros(shape, np.float32))
        except REFUSED:
            assert before is None or bits(model) == before
        if not built:
            self.odd.append(model)
            self.changed(model)

    @rule(model=models)
    def train_by_hand(self, model):
        if self.takes_rows(model):
            self.changed_by(model, lambda: self.one_step(model))

    def one_step(self, model):
        optimizer = ff.optimizers.SGD(0.01)
        with ff.GradientTape() as tape:
            loss = ff.ops.mean(ff.ops.square(model(X, training=True) - Y.astype(model.dtype)))
        if not model.trainable_variables:
            return
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
        with pytest.raises(REFUSED):
            tape.gradient(loss, model.trainable_variables)

    @rule(trainer=trainers, epochs=st.integers(0, 3), resume=st.booleans())
    def fit(self, trainer, epochs, resume):
        done, model = len(trainer.history.epoch), trainer.model
        place = trainer._run.place
        # An epoch that was interrupted in its steps is brought to its end, whatever `epochs` says.
        least = place.epoch + 1 if place.stage != "begin" else done
        before = bits(model) if model._settled else None
        try:
            history = trainer.fit(X, Y, 8, epochs, 0, resume=resume)
        except REFUSED:
            assert before is None or bits(model) == before
            assert len(trainer.history.epoch) == done
            self.changed(model)
            return
        self.changed(model)
        assert len(history.epoch) == (max(done, least, epochs) if resume else epochs)
        assert all(len(v) == len(history.epoch) for v in history.history.values())

    @rule(
        trainer=trainers,
        after=st.integers(1, 12),
        how=st.sampled_from(["itself", "file", "pickle", "deepcopy"]),
    )
    def interrupted_fit(self, trainer, after, how):
        model = trainer.model
        start = copy.deepcopy(trainer)
        try:
            start.fit(X, Y, 8, 2, 0)
        except REFUSED:
            return
        try:
            trainer.fit(X, Y, 8, 2, 0, callbacks=Halt(after))
        except KeyError:
            if how == "file":
                trainer.save(f"{self.path.name}/run")
                trainer = ff.Trainer.load(f"{self.path.name}/run")
            elif how == "pickle":
                trainer = pickle.loads(pickle.dumps(trainer))
            elif how == "deepcopy":
                trainer = copy.deepcopy(trainer)
            trainer.fit(X, Y, 8, 2, 0, resume=True)
        finally:
            self.changed(model)
        assert bits(trainer.model) == bits(start.model)
        assert trainer.history.history == start.history.history

    # ---- tapes

    @rule(target=tapes, model=models, persistent=st.booleans())
    def record(self, model, persistent):
        """A tape, what it is asked, and the gradients that it must always give."""
        if not self.takes_rows(model):
            model = ff.Sequential([ff.Input((4,)), ff.layers.Dense(1)], seed=2)
        with ff.GradientTape(persistent=persistent) as tape:
            loss = ff.ops.sum(ff.ops.square(model(X[:5])))
        asked = [tape, loss, model.trainable_variables]
        return [*asked, grads(*asked) if persistent and asked[2] else None]

    @rule(noted=tapes, inside=st.booleans())
    def ask_a_tape(self, noted, inside):
        tape, loss, variables, expected = noted
        try:
            if inside:
                with tape:
                    found = grads(tape, loss, variables)
            else:
                found = grads(tape, loss, variables)
        except REFUSED:
            assert expected is None  # asked before, forgotten, or nothing to ask
            return
        assert expected is None or found == expected
        if expected is None and variables:
            with pytest.raises(REFUSED):
                grads(tape, loss, variables)

    @rule(noted=consumes(tapes), other=tapes, what=st.sampled_from(["reset", "watch", "mix"]))
    def misuse_a_tape(self, noted, other, what):
        tape, loss, variables, _ = noted
        with contextlib.suppress(*REFUSED):
            if what == "reset":
                tape.reset()
            elif what == "watch":
                tape.watch(loss)
            grads(tape, other[1] if what == "mix" else loss, [*variables, loss])

    @rule(trainer=trainers)
    def evaluate(self, trainer):
        before = bits(trainer.model) if trainer.model._settled else None
        try:
            found = trainer.evaluate(X, Y, verbose=0)
        except REFUSED:  # built for other rows
            self.changed(trainer.model)
            return
        self.changed(trainer.model)
        assert set(found) == {"loss", "mae"}
        assert before is None or bits(trainer.model) == before

    # ---- changing

    @rule(model=models, index=st.integers(0, 5), value=st.booleans())
    def freeze(self, model, index, value):
        if index < len(model.layers):
            model.layers[index].trainable = value

    @rule(model=models, change=st.sampled_from(["none", "negate", "short", "shape", "nan"]))
    def set_weights(self, model, change):
        weights = model.get_weights() if model._settled else []
        before = [w.tobytes() for w in weights]
        given = {
            "none": lambda: weights,
            "negate": lambda: [-w for w in weights],
            "short": lambda: weights[:-1],
            "shape": lambda: [w[..., None] for w in weights],
            "nan": lambda: [w * np.nan for w in weights],
        }[change]()
        try:
            model.set_weights(given)
        except REFUSED:
            assert (bits(model) if model._settled else []) == before
        else:
            if change != "nan":
                assert bits(model) == [w.tobytes() for w in given]
            model.set_weights(weights)

    @rule(model=models, units=st.integers(1, 4))
    def add_and_pop(self, model, units):
        if isinstance(model, ff.Sequential):
            count = len(model.layers)
            model.add(ff.layers.Dense(units))
            assert len(model.layers) == count + 1
            model.pop()
            assert len(model.layers) == count
            self.changed(model)

    @rule(trainer=trainers, rate=st.sampled_from([0.0, 0.1, -1.0, float("nan"), "fast", None]))
    def set_rate(self, trainer, rate):
        before = trainer.optimizer.learning_rate
        try:
            trainer.optimizer.learning_rate = rate
        except REFUSED:
            assert trainer.optimizer.learning_rate == before

    @rule(threads=st.integers(1, 5))
    def set_threads(self, threads):
        ff.set_num_threads(threads)

    # ---- copying

    @rule(target=models, model=models, how=st.sampled_from(["deepcopy", "pickle", "file"]))
    def copy_model(self, model, how):
        if how == "file":
            try:
                model.save(f"{self.path.name}/model")
            except ValueError as error:
                assert "is not built" in str(error)
                return model
            twin = ff.load_model(f"{self.path.name}/model")
        else:
            twin = copy.deepcopy(model) if how == "deepcopy" else pickle.loads(pickle.dumps(model))
        if model._settled:
            assert bits(twin) == bits(model)
            if self.takes_rows(model):
                assert twin.predict(X).tobytes() == model.predict(X).tobytes()
        return self.copied(twin, model)

    @rule(target=models, model=models)
    def clone(self, model):
        return self.copied(model.clone(), model)

    @rule(trainer=consumes(trainers))
    def save_and_load(self, trainer):
        try:
            trainer.save(f"{self.path.name}/trainer")
        except ValueError as error:
            assert "is not built" in str(error)
            return
        other = ff.Trainer.load(f"{self.path.name}/trainer")
        assert bits(other.model) == bits(trainer.model)
        for t in (trainer, other):
            with contextlib.suppress(*REFUSED):  # nothing to train, or built for other rows
                t.fit(X, Y, 8, 1, 0)
        self.changed(trainer.model)
        assert bits(other.model) == bits(trainer.model)


class TestCalls(Calls.TestCase):
    """hypothesis runs it."""

    settings = settings(max_examples=max(20, settings().max_examples // 5))
