"""The learning-rate range test."""

import feedfwd as ff
import numpy as np
import pytest


def trainer_of(optimizer="sgd", **kw):
    model = ff.Sequential(
        [ff.layers.Dense(16, "tanh"), ff.layers.Dropout(0.1), ff.layers.Dense(1)], seed=3
    )
    return ff.Trainer(model, optimizer, "mse", metrics=["mae"], **kw)


X, Y = ff.datasets.regression_curve(300)


def state(trainer):
    core = trainer.optimizer.core
    variables = trainer.model.variables
    slots = [core.slots(v) if core.is_built(v) else None for v in variables]
    return repr((trainer.model.get_weights(), slots, core.iterations, trainer.history.history))


@pytest.mark.parametrize("trained", [False, True])
def test_the_trainer_is_left_as_it_was(trained):
    trainer, twin = trainer_of("adam"), trainer_of("adam")
    if trained:
        for t in (trainer, twin):
            t.fit(X, Y, epochs=2, verbose=0)
    before = state(trainer)
    built = trainer.model.built
    trainer.find_learning_rate(X, Y)
    assert state(trainer) == before and trainer.model.built == built
    assert trainer.optimizer.learning_rate == 0.001
    for t in (trainer, twin):
        t.fit(X, Y, epochs=2, verbose=0)
    for got, want in zip(trainer.model.get_weights(), twin.model.get_weights(), strict=True):
        assert np.array_equal(got, want)


def test_a_model_without_a_seed_keeps_the_one_it_draws():
    model = ff.Sequential([ff.layers.Dense(1)])
    trainer = ff.Trainer(model, "sgd", "mse")
    trainer.find_learning_rate(X, Y)
    seed = model.seed
    trainer.fit(X, Y, epochs=1, verbose=0)
    twin = ff.Sequential([ff.layers.Dense(1)], seed=seed)
    ff.Trainer(twin, "sgd", "mse").fit(X, Y, epochs=1, verbose=0)
    assert np.array_equal(model.get_weights()[0], twin.get_weights()[0])


def test_the_steps_are_those_of_sgd():
    """Linear model, the whole data a batch: each loss as NumPy has it."""
    x, y = X[:40], Y[:40]
    model = ff.Sequential([ff.Input((1,)), ff.layers.Dense(1)], seed=0, dtype="float64")
    w, b = (a.copy() for a in model.get_weights())
    found = ff.Trainer(model, "sgd", "mse").find_learning_rate(
        x, y, batch_size=40, start=1e-3, end=0.5, steps=20
    )
    np.testing.assert_allclose(found.learning_rates, np.geomspace(1e-3, 0.5, 20), rtol=1e-13)
    for rate, loss in zip(found.learning_rates, found.losses, strict=True):
        error = x @ w + b - y
        np.testing.assert_allclose(loss, np.mean(error**2), rtol=1e-12)
        w, b = w - rate * 2 * x.T @ error / 40, b - rate * 2 * error.mean()


def test_it_ends_where_the_loss_goes_away_and_suggests_a_rate_that_trains():
    trainer = trainer_of()
    found = trainer.find_learning_rate(X, Y, end=1e4, steps=300)
    assert len(found.losses) == len(found.learning_rates) == len(found.smoothed) < 300
    assert np.isfinite(found.losses).all()
    assert 1e-3 < found.suggestion < 1.0
    trainer.optimizer.learning_rate = found.suggestion
    losses = trainer.fit(X, Y, epochs=30, verbose=0).history["loss"]
    assert losses[-1] < 0.9 * losses[0]
    assert repr(found).startswith("<LearningRates: ") and "suggestion: 0." in repr(found)


def test_same_bits_at_any_number_of_threads():
    before = ff.get_num_threads()
    try:
        found = []
        for n in (1, 3):
            ff.set_num_threads(n)
            found.append(trainer_of("adam").find_learning_rate(X, Y).losses)
        assert np.array_equal(*found)
    finally:
        ff.set_num_threads(before)


def test_no_rate_lowers_the_loss():
    trainer = trainer_of()
    found = trainer.find_learning_rate(X, Y, start=1e-30, end=1e-29, steps=10, batch_size=300)
    assert found.suggestion is None or found.suggestion < 1e-29
    flat = ff.finder.LearningRates(np.geomspace(1e-3, 1, 20), np.linspace(1, 2, 20))
    assert flat.suggestion is None and "none lowered" in repr(flat)


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ({"start": 0}, ValueError, "start: got 0"),
        ({"start": -1.0}, ValueError, "start: got -1.0"),
        ({"start": "1"}, TypeError, "start: got '1'"),
        ({"start": float("nan")}, ValueError, "start: got nan"),
        ({"start": 1.0, "end": 0.5}, ValueError, "end: got 0.5"),
        ({"end": True}, TypeError, "end: got True"),
        ({"steps": 9}, ValueError, "steps"),
        ({"steps": 10.5}, TypeError, "steps"),
        ({"batch_size": 0}, ValueError, "batch_size"),
        ({"start": 1e30, "end": 1e35}, ValueError, "start: the loss"),
    ],
)
def test_bad_arguments(arguments, error, text):
    with pytest.raises(error, match=text):
        trainer_of().find_learning_rate(X, Y, **arguments)


def test_bad_data():
    with pytest.raises(ValueError, match="x"):
        trainer_of().find_learning_rate(np.full((4, 1), np.nan), np.zeros(4))
    with pytest.raises(ValueError, match="rows"):
        trainer_of().find_learning_rate(X, Y[:-1])


def test_its_picture(tmp_path):
    pytest.importorskip("matplotlib")
    panel = trainer_of().find_learning_rate(X, Y).plot(tmp_path / "rates.png")
    assert (tmp_path / "rates.png").read_bytes().startswith(b"\x89PNG")
    assert panel.get_xscale() == "log" and "learning rate" in panel.get_xlabel()
