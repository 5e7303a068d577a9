"""Trainer: fit, evaluate, shuffles, weights, validation, NaN, Ctrl-C; eager equals traced."""

import signal
import threading
import time

import feedfwd as ff
import numpy as np
import pytest

RNG = np.random.default_rng(0)
X = RNG.normal(size=(103, 4))
Y = X @ np.array([1.0, -2.0, 0.5, 3.0]) + 0.5
LABELS = (X[:, 0] > 0).astype(int) + (X[:, 1] > 0)


def regressor(seed=0, **options):
    layers = [ff.layers.Dense(8, activation="tanh"), ff.layers.Dense(1)]
    return ff.Sequential(layers, seed=seed, **options)


def classifier(seed=0, dropout=0.0, **options):
    return ff.Sequential(
        [ff.layers.Dense(8, activation="relu"), ff.layers.Dropout(dropout), ff.layers.Dense(3)],
        seed=seed,
        **options,
    )


def sparse(**options):
    return ff.losses.SparseCategoricalCrossentropy(from_logits=True, **options)


def same(a, b):
    return all(np.array_equal(v, w) for v, w in zip(a.get_weights(), b.get_weights(), strict=True))


def test_fit_learns_and_returns_a_history():
    optimizer = ff.optimizers.SGD(0.3)
    trainer = ff.Trainer(classifier(), optimizer, loss=sparse(), metrics=["accuracy"])
    history = trainer.fit(X, LABELS, epochs=60, batch_size=16, verbose=0, validation_split=0.2)
    assert list(history.history) == ["loss", "accuracy", "val_loss", "val_accuracy"]
    assert all(len(v) == 60 for v in history.history.values())
    assert all(type(v) is float for values in history.history.values() for v in values)
    assert history.history["accuracy"][-1] > 0.9
    assert trainer.history is history


def test_a_second_fit_continues():
    def trainer():
        return ff.Trainer(classifier(dropout=0.3), loss=sparse())

    once, twice = trainer(), trainer()
    once.fit(X, LABELS, epochs=5, verbose=0)
    twice.fit(X, LABELS, epochs=2, verbose=0)
    twice.fit(X, LABELS, epochs=5, initial_epoch=2, verbose=0)
    assert same(once.model, twice.model)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_an_eager_loop_gives_the_bits_of_the_trainer(dtype):
    fitted, looped = (classifier(seed=7, dropout=0.3, dtype=dtype) for _ in range(2))
    loss, rate = sparse(), 0.1
    trainer = ff.Trainer(fitted, optimizer=ff.optimizers.SGD(rate), loss=loss)
    trainer.fit(X, LABELS, epochs=2, batch_size=20, shuffle=False, verbose=0)
    optimizer = ff.optimizers.SGD(rate)
    for _ in range(2):
        for at in range(0, len(X), 20):
            with ff.GradientTape() as tape:
                value = loss(LABELS[at : at + 20], looped(X[at : at + 20], training=True))
            variables = looped.trainable_variables
            optimizer.apply_gradients(zip(tape.gradient(value, variables), variables, strict=True))
    assert same(fitted, looped)


def test_epoch_loss_is_the_mean_over_rows_in_batch_order():
    model = regressor()
    trainer = ff.Trainer(model, optimizer=ff.optimizers.SGD(0.0 + 1e-30), loss="mse")
    history = trainer.fit(X, Y, batch_size=10, verbose=0, shuffle=False)
    want = np.mean((model.predict(X)[:, 0] - Y) ** 2)
    np.testing.assert_allclose(history.history["loss"][0], want, rtol=1e-5)
    assert trainer.evaluate(X, Y)["loss"] == pytest.approx(want, rel=1e-5)


def test_shuffling_depends_on_the_models_seed_and_the_epoch_only():
    def run(seed, **options):
        trainer = ff.Trainer(regressor(seed), loss="mse")
        trainer.fit(X, Y, epochs=2, verbose=0, **options)
        return trainer.model

    assert same(run(1), run(1))
    assert not same(run(1), run(1, shuffle=False))


@pytest.mark.parametrize("threads", [1, 2, 3, 7])
def test_bits_do_not_depend_on_threads(threads):
    def run():
        trainer = ff.Trainer(classifier(dropout=0.2), loss=sparse())
        trainer.fit(X, LABELS, epochs=2, verbose=0)
        return trainer.model

    before = ff.get_num_threads()
    want = run()
    ff.set_num_threads(threads)
    try:
        assert same(run(), want)
    finally:
        ff.set_num_threads(before)


def test_batch_hooks_do_not_change_the_bits():
    def run(callbacks):
        trainer = ff.Trainer(classifier(dropout=0.2), loss=sparse())
        trainer.fit(X, LABELS, epochs=2, verbose=0, callbacks=callbacks)
        return trainer.model

    seen = []
    hook = ff.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: seen.append(batch))
    assert same(run([hook]), run(None))
    assert seen == [0, 1, 2, 3] * 2


def test_targets_of_one_output_as_vector_or_column():
    a, b = (ff.Trainer(regressor(), loss="mse") for _ in range(2))
    a.fit(X, Y, verbose=0)
    b.fit(X, Y[:, None], verbose=0)
    assert same(a.model, b.model)


def test_data_of_any_number_type_gives_the_same_bits():
    whole = np.round(X * 4)
    results = []
    for x in (whole, whole.astype(np.float32), whole.astype(np.int32), whole.tolist()):
        trainer = ff.Trainer(regressor(), loss="mse")
        trainer.fit(x, np.round(Y), verbose=0)
        results.append(trainer.model)
    assert all(same(results[0], r) for r in results[1:])


def test_sample_weights_of_one_and_of_two():
    plain, ones, halves = (ff.Trainer(regressor(), loss="mse") for _ in range(3))
    plain.fit(X, Y, verbose=0)
    ones.fit(X, Y, verbose=0, sample_weight=np.ones(len(X)))
    assert same(plain.model, ones.model)
    weight = np.zeros(len(X))
    weight[:50] = 1
    got = halves.evaluate(X, Y, sample_weight=weight)["loss"]
    rows = (halves.model.predict(X)[:, 0] - Y) ** 2
    np.testing.assert_allclose(got, np.sum(rows[:50]) / len(X), rtol=1e-5)


def test_class_weights_are_sample_weights():
    by_class, by_row = (ff.Trainer(classifier(), loss=sparse()) for _ in range(2))
    by_class.fit(X, LABELS, verbose=0, class_weight={0: 2.0, 1: 0.5})
    weight = np.choose(LABELS, [2.0, 0.5, 1.0])
    by_row.fit(X, LABELS, verbose=0, sample_weight=weight)
    assert same(by_class.model, by_row.model)


def test_frozen_layers_stay():
    model = classifier()
    trainer = ff.Trainer(model, loss=sparse())
    trainer.fit(X, LABELS, verbose=0)
    before = model.get_weights()
    model.layers[0].trainable = False
    trainer.fit(X, LABELS, verbose=0)
    after = model.get_weights()
    assert np.array_equal(before[0], after[0]) and not np.array_equal(before[2], after[2])


def test_validation_data_wins_and_keeps_all_rows():
    trainer = ff.Trainer(regressor(), loss="mse", metrics=["mae"])
    history = trainer.fit(X, Y, verbose=0, validation_data=(X, Y), validation_split=0.5)
    found = trainer.evaluate(X, Y)
    assert history.history["val_loss"][-1] == found["loss"]
    error = np.mean(np.abs(trainer.model.predict(X)[:, 0] - Y))
    assert list(found.values())[1] == pytest.approx(error, rel=1e-5)
    without = ff.Trainer(regressor(), loss="mse")
    without.fit(X, Y, verbose=0)
    assert same(trainer.model, without.model)
    assert list(found) == ["loss", next(k for k in history.history if k not in ("loss",))]


def test_validation_frequency():
    trainer = ff.Trainer(regressor(), loss="mse")
    history = trainer.fit(X, Y, epochs=5, verbose=0, validation_split=0.2, validation_freq=2)
    assert len(history.history["val_loss"]) == 2


def test_evaluate_does_not_train_or_drop():
    model = classifier(dropout=0.5)
    trainer = ff.Trainer(model, loss=sparse(), metrics=["accuracy"])
    first = trainer.evaluate(X, LABELS, verbose=0)
    before = model.get_weights()
    assert trainer.evaluate(X, LABELS, batch_size=7) == pytest.approx(first, rel=1e-6)
    assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), before, strict=True))
    hits = model.predict(X).argmax(1) == LABELS
    assert first["accuracy"] == pytest.approx(hits.mean())


def test_batches_from_an_iterable():
    listed, fed = (ff.Trainer(regressor(), loss="mse") for _ in range(2))
    listed.fit(X, Y, batch_size=25, shuffle=False, epochs=2, verbose=0)
    batches = [(X[i : i + 25], Y[i : i + 25]) for i in range(0, len(X), 25)]
    fed.fit(batches, epochs=2, verbose=0)
    assert same(listed.model, fed.model)
    assert fed.evaluate(batches)["loss"] == pytest.approx(fed.evaluate(X, Y)["loss"], rel=1e-6)
    with pytest.raises(ValueError, match="generator runs once"):
        fed.fit(iter(batches), epochs=2, verbose=0)


def test_a_custom_layer_is_traced_once():
    calls = []

    class Mine(ff.layers.Layer):
        def build(self, input_shape):
            self.w = self.add_weight((input_shape[-1], 1), name="w")

        def call(self, x):
            calls.append(tuple(x.shape))
            return ff.ops.matmul(x, self.w)

    trainer = ff.Trainer(ff.Sequential([Mine()], seed=0), loss="mse")
    trainer.fit(X, Y, epochs=3, verbose=0)
    assert len(calls) <= 3 and set(calls) == {(None, 4)}


def test_metrics_start_anew_every_epoch():
    optimizer = ff.optimizers.SGD(1e-30)
    trainer = ff.Trainer(classifier(), optimizer, loss=sparse(), metrics=["accuracy"])
    trainer.fit(X, LABELS, verbose=0)
    zeros = [w * 0 for w in trainer.model.get_weights()]
    trainer.model.set_weights([*zeros[:-1], [1.0, 0.0, 0.0]])
    found = trainer.fit(X, LABELS, verbose=0).history["accuracy"][0]
    assert found == pytest.approx(np.mean(LABELS == 0))


def test_shards_count_dropout_calls_once_a_step():
    trainer = ff.Trainer(classifier(dropout=0.5), loss=sparse(), shards=4)
    trainer.fit(X, LABELS, batch_size=32, verbose=0)
    assert [int(c) for c in trainer.model._dropout_counters()] == [4]


def test_shards_change_the_order_of_sums_only():
    one, four = ff.Trainer(regressor(), loss="mse"), ff.Trainer(regressor(), loss="mse", shards=4)
    one.fit(X, Y, batch_size=32, epochs=2, verbose=0)
    four.fit(X, Y, batch_size=32, epochs=2, verbose=0)
    for a, b in zip(one.model.get_weights(), four.model.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4)


def explode(**options):
    model = ff.Sequential([ff.layers.Dense(1)], seed=0)
    return ff.Trainer(model, optimizer=ff.optimizers.SGD(1e4), loss="mse", **options)


def test_a_loss_that_is_not_finite_raises_and_keeps_what_was():
    trainer = explode()
    with pytest.raises(FloatingPointError, match=r"(inf|nan) at epoch \d+, batch \d+"):
        trainer.fit(X, Y, epochs=50, verbose=0)
    assert len(trainer.history.history.get("loss", [])) == len(trainer.history.epoch)
    trainer.model.predict(X)


def test_a_loss_that_is_not_finite_can_stop_or_be_ignored():
    stopped = explode(on_nonfinite="stop")
    history = stopped.fit(X, Y, epochs=50, verbose=0)
    assert len(history.epoch) < 50 and np.all(np.isfinite(history.history.get("loss", [])))
    ignored = explode(on_nonfinite="ignore")
    assert len(ignored.fit(X, Y, epochs=50, verbose=0).epoch) == 50


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_not_finite_data_is_refused_before_the_first_step(bad):
    x = X.copy()
    x[5, 2] = bad
    trainer = ff.Trainer(regressor(), loss="mse")
    with pytest.raises(ValueError, match="row 5"):
        trainer.fit(x, Y, verbose=0)
    with pytest.raises(FloatingPointError):
        trainer.fit(x, Y, verbose=0, check_finite=False)


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (X, Y[:-1], "x has 103, y has 102"),
        (X, np.ones((103, 2)), r"y: got shape \(103, 2\), expected \(n, 1\)"),
        (X[:0], Y[:0], "no rows"),
        (X, None, "y: missing"),
    ],
)
def test_data_that_does_not_fit(x, y, message):
    with pytest.raises(ValueError, match=message):
        ff.Trainer(regressor(), loss="mse").fit(x, y, verbose=0)


def test_labels_out_of_range_name_value_and_row():
    with pytest.raises(ValueError, match="got label 7 in row 3"):
        labels = LABELS.copy()
        labels[3] = 7
        ff.Trainer(classifier(), loss=sparse()).fit(X, labels, verbose=0)


@pytest.mark.parametrize(
    "option",
    [
        {"batch_size": 0},
        {"epochs": -1},
        {"verbose": 7},
        {"validation_split": 1.0},
        {"validation_freq": 0},
        {"validation_data": X},
    ],
)
def test_options_are_checked(option):
    with pytest.raises(ValueError, match=next(iter(option))):
        ff.Trainer(regressor(), loss="mse").fit(X, Y, **{"verbose": 0, **option})


def test_what_a_trainer_is_made_of_is_checked():
    with pytest.raises(TypeError, match="model"):
        ff.Trainer(3, loss="mse")
    with pytest.raises(TypeError, match="loss: missing"):
        ff.Trainer(regressor())
    with pytest.raises(ValueError, match="on_nonfinite"):
        ff.Trainer(regressor(), loss="mse", on_nonfinite="no")
    with pytest.raises(ValueError, match="shards"):
        ff.Trainer(regressor(), loss="mse", shards=0)
    with pytest.raises(AttributeError, match=r"trainer.model.predict\(x\)"):
        ff.Trainer(regressor(), loss="mse").predict(X)


@pytest.mark.parametrize(
    ("last", "loss", "message"),
    [
        ([ff.layers.Dense(3)], {"from_logits": False}, "from_logits=True or end with"),
        ([ff.layers.Dense(3, activation="softmax")], {"from_logits": True}, "ends in a softmax"),
        (
            [ff.layers.Dense(3), ff.layers.Activation("softmax"), ff.layers.Dropout(0.1)],
            {"from_logits": True},
            "softmax",
        ),
        ([ff.Sequential([ff.layers.Dense(3)])], {"from_logits": False}, "linear"),
    ],
)
def test_the_from_logits_mistake(last, loss, message):
    with pytest.raises(ValueError, match=message):
        ff.Trainer(ff.Sequential(last), loss=ff.losses.SparseCategoricalCrossentropy(**loss))


def test_the_from_logits_mistake_in_a_graph():
    i = ff.Input((4,))
    model = ff.Model(i, ff.layers.Dense(3)(i))
    with pytest.raises(ValueError, match="linear"):
        ff.Trainer(model, loss=ff.losses.SparseCategoricalCrossentropy())


def test_several_outputs_are_refused():
    i = ff.Input((4,))
    model = ff.Model(i, [ff.layers.Dense(1)(i), ff.layers.Dense(1)(i)])
    with pytest.raises(ValueError, match="got 2 outputs"):
        ff.Trainer(model, loss="mse").fit(X, Y, verbose=0)


def test_two_trainers_of_one_model_see_each_others_steps():
    model = regressor()
    first, second = (
        ff.Trainer(model, optimizer=ff.optimizers.SGD(0.01), loss="mse") for _ in range(2)
    )
    losses = [t.fit(X, Y, verbose=0).history["loss"][0] for t in (first, second) * 4]
    assert losses[-1] < losses[0] / 2
    np.testing.assert_allclose(
        first.evaluate(X, Y)["loss"], np.mean((model.predict(X)[:, 0] - Y) ** 2), rtol=1e-5
    )


def test_models_that_share_layers_share_what_was_learned():
    i = ff.Input((4,))
    hidden = ff.layers.Dense(3, activation="tanh")(i)
    encoder = ff.Model(i, hidden, seed=0)
    before = encoder.predict(X)
    whole = ff.Model(i, ff.layers.Dense(1)(hidden), seed=0)
    ff.Trainer(whole, loss="mse").fit(X, Y, epochs=5, verbose=0)
    after = encoder.predict(X)
    assert not np.array_equal(before, after)
    assert np.array_equal(after, encoder(X).numpy())


def test_ctrl_c_leaves_model_and_trainer_usable():
    trainer = ff.Trainer(regressor(), loss="mse")
    trainer.fit(X, Y, epochs=1, verbose=0)
    main = threading.main_thread()
    timer = threading.Timer(0.3, lambda: signal.pthread_kill(main.ident, signal.SIGINT))
    timer.start()
    start = time.perf_counter()
    with pytest.raises(KeyboardInterrupt):
        trainer.fit(X, Y, epochs=10**9, verbose=0)
    assert time.perf_counter() - start < 20
    timer.join()
    assert np.all(np.isfinite(trainer.model.predict(X)))
    trainer.fit(X, Y, epochs=1, verbose=0)


def test_a_line_per_epoch(capsys):
    ff.Trainer(regressor(), loss="mse").fit(X, Y, epochs=2, verbose=2)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 and lines[0].startswith("Epoch 1/2 - ") and "loss: " in lines[0]
    ff.Trainer(regressor(), loss="mse").fit(X, Y, epochs=2, verbose=0)
    assert capsys.readouterr().out == ""


def test_a_bar_only_where_someone_looks(monkeypatch):
    from feedfwd import progress

    monkeypatch.setattr(progress, "watched", lambda: False)
    assert progress.bar_class("auto") is None
    monkeypatch.setattr(progress, "watched", lambda: True)
    assert progress.bar_class(0) is None and progress.bar_class(2) is None


def test_inputs_are_never_modified():
    x, y = X.copy(), LABELS.copy()
    x.flags.writeable = y.flags.writeable = False
    ff.Trainer(classifier(), loss=sparse()).fit(x, y, verbose=0, validation_split=0.1)


def test_the_learning_rate_can_be_set_at_any_time():
    optimizer = ff.optimizers.SGD(0.1)
    trainer = ff.Trainer(regressor(), optimizer=optimizer, loss="mse")
    trainer.fit(X, Y, verbose=0)
    before = trainer.model.get_weights()
    optimizer.learning_rate = 1e-30
    trainer.fit(X, Y, verbose=0)
    after = trainer.model.get_weights()
    assert all(np.array_equal(a, b) for a, b in zip(before, after, strict=True))
