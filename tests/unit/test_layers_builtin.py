"""The built-in layers: their formulas, configs and checks."""

import feedfwd as ff
import numpy as np
import pytest

ONES = np.ones((2, 3), np.float32)


@pytest.mark.parametrize(
    "layer",
    [
        ff.layers.Dense(3, activation="relu", use_bias=False, kernel_initializer="he_normal"),
        ff.layers.Activation("tanh", name="act"),
        ff.layers.Dropout(0.25, seed=3),
        ff.layers.Flatten(dtype="float64"),
        ff.layers.InputLayer((2, 3)),
    ],
)
def test_configs_come_back(layer):
    config = layer.get_config()
    again = type(layer).from_config(config)
    assert again.get_config() == config


def test_dense_is_its_formula():
    x = np.random.default_rng(0).normal(size=(7, 5))
    layer = ff.layers.Dense(4, activation="relu", dtype="float64")
    y = layer(x).numpy()
    w, b = layer.get_weights()
    assert y.dtype == np.float64
    np.testing.assert_allclose(y, np.maximum(x @ w + b, 0), rtol=0, atol=5e-15)
    assert np.all(np.abs(w) <= np.sqrt(6 / 9)) and np.all(b == 0)


def test_dense_keeps_leading_axes_and_takes_integers():
    assert ff.layers.Dense(4)(np.ones((2, 6, 3), np.float32)).shape == (2, 6, 4)
    whole = ff.layers.Dense(4)(np.ones((2, 3), np.int64))
    assert whole.shape == (2, 4) and whole.dtype == np.float32
    assert ff.layers.Dense(4)(np.ones((2, 3), bool)).dtype == np.float32
    assert ff.layers.Dense(4)([[1.0, 2.0]]).shape == (1, 4)


def test_dense_refuses_what_it_cannot_use():
    with pytest.raises(ValueError, match="units"):
        ff.layers.Dense(0)
    with pytest.raises(TypeError, match="units"):
        ff.layers.Dense(2.5)
    with pytest.raises(ValueError, match=r"layer 'dense'.*expected \(rows, features\)"):
        ff.layers.Dense(2)(np.ones(3))
    layer = ff.layers.Dense(2)
    layer(ONES)
    with pytest.raises(ValueError, match=r"got shape \(2, 4\), expected \(..., 3\)"):
        layer(np.ones((2, 4), np.float32))


@pytest.mark.parametrize(
    ("make", "right"),
    [
        (lambda: ff.layers.Dropout(p=0.5), "rate"),
        (lambda: ff.layers.Dense(in_features=3, units=2), "inferred"),
        (lambda: ff.layers.Dense(2, bias=False), "use_bias"),
        (lambda: ff.layers.Dense(2, input_shape=(3,)), "ff.Input"),
        (lambda: ff.layers.Dense(2, nam="x"), "name"),
    ],
)
def test_other_spellings_say_the_right_name(make, right):
    with pytest.raises(TypeError, match=right):
        make()


def test_dropout_scales_selects_and_counts():
    layer = ff.layers.Dropout(0.5, seed=4)
    x = np.full((64, 64), 3.0, np.float32)
    first, second = layer(x, training=True).numpy(), layer(x, training=True).numpy()
    assert set(np.unique(first)) == {0.0, 6.0}
    assert not np.array_equal(first, second)
    assert abs((first == 0).mean() - 0.5) < 6 * 0.5 / 64
    again = ff.layers.Dropout(0.5, seed=4)
    assert np.array_equal(again(x, training=True).numpy(), first)
    assert np.array_equal(again(x, training=True).numpy(), second)


def test_dropout_passes_when_not_training():
    x = np.ones((3, 4), np.float32)
    layer = ff.layers.Dropout(0.9)
    assert np.array_equal(layer(x).numpy(), x)
    assert np.array_equal(ff.layers.Dropout(0)(x, training=True).numpy(), x)
    infinite = np.full((3, 4), np.inf, np.float32)
    assert np.all(ff.layers.Dropout(1)(infinite, training=True).numpy() == 0)


def test_dropout_has_no_weights():
    layer = ff.layers.Dropout(0.5)
    layer(ONES, training=True)
    assert layer.variables == [] and layer.get_weights() == []


def test_dropouts_of_one_model_differ():
    model = ff.Sequential([ff.layers.Dropout(0.5)], seed=1)
    other = ff.Sequential([ff.layers.Flatten(), ff.layers.Dropout(0.5)], seed=1)
    x = np.ones((8, 64), np.float32)
    assert not np.array_equal(model(x, training=True).numpy(), other(x, training=True).numpy())


@pytest.mark.parametrize("rate", [-0.1, 1.5, float("nan")])
def test_dropout_checks_its_rate(rate):
    with pytest.raises(ValueError, match="rate"):
        ff.layers.Dropout(rate)


def test_dropout_refuses_noise_shape():
    with pytest.raises(ValueError, match="noise_shape"):
        ff.layers.Dropout(0.5, noise_shape=(1, 2))


def test_flatten():
    assert ff.layers.Flatten()(np.zeros((4, 2, 3))).shape == (4, 6)
    assert ff.layers.Flatten()(np.zeros(4)).shape == (4, 1)
    with pytest.raises(ValueError, match="scalar"):
        ff.layers.Flatten()(np.float32(1))


def test_activation_takes_names_and_functions():
    x = np.array([-1.0, 2.0])
    assert np.array_equal(ff.layers.Activation("relu")(x).numpy(), [0, 2])
    assert np.array_equal(ff.layers.Activation(lambda t: t * t)(x).numpy(), [1, 4])
    named = ff.layers.Activation(ff.activations.relu)
    assert named.get_config()["activation"] == "relu"
    assert ff.layers.Dense(2, activation=ff.activations.relu).get_config()["activation"] == "relu"
    with pytest.raises(ValueError, match="rely"):
        ff.layers.Activation("rely")


def test_float64_in_float64_out_for_a_layer_alone():
    assert ff.layers.Activation("tanh")(np.ones(3)).dtype == np.float64
    assert ff.layers.Activation("tanh")(np.ones(3, np.float32)).dtype == np.float32
