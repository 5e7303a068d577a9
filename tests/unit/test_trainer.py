"""Trainer: fit, evaluate, shuffles, weights, validation; eager equals traced."""

import feedfwd as ff
import numpy as np
import pytest
from networks import LABELS, X, Y, classifier, regressor, same, sparse


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


def test_every_epoch_has_an_order_of_its_own():
    means = []
    hook = ff.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: means.append(logs["loss"])
    )
    trainer = ff.Trainer(regressor(), optimizer=ff.optimizers.SGD(1e-30), loss="mse")
    trainer.fit(X, Y, batch_size=50, epochs=3, verbose=0, callbacks=hook)
    assert len(set(means[::3])) == 3


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


def test_class_weights_of_one_hot_and_binary_targets():
    def fit(units, loss, y, **options):
        model = ff.Sequential([ff.layers.Dense(units)], seed=0)
        trainer = ff.Trainer(model, loss=loss)
        trainer.fit(X, y, verbose=0, **options)
        return model

    hot = ff.losses.CategoricalCrossentropy(from_logits=True)
    y = np.eye(3)[LABELS]
    row = np.choose(LABELS, [2.0, 0.5, 1.0])
    weighted = fit(3, hot, y, class_weight={0: 2.0, 1: 0.5})
    assert same(weighted, fit(3, hot, y, sample_weight=row))
    two = ff.losses.BinaryCrossentropy(from_logits=True)
    y = LABELS > 0
    row = np.where(y, 3.0, 1.0)
    assert same(fit(1, two, y, class_weight={1: 3.0}), fit(1, two, y, sample_weight=row))
    with pytest.raises(ValueError, match="no classes"):
        fit(1, "mse", Y, class_weight={1: 3.0})


def test_validation_of_sorted_one_hot_classes_is_an_error():
    model = ff.Sequential([ff.layers.Dense(3)], seed=0)
    trainer = ff.Trainer(model, loss=ff.losses.CategoricalCrossentropy(from_logits=True))
    with pytest.raises(ValueError, match="hold class 2"):
        trainer.fit(X, np.eye(3)[np.sort(LABELS)], verbose=0, validation_split=0.3)


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
