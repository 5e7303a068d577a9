"""Names: one table per kind, the nearest known ones when one is unknown."""

from __future__ import annotations

import feedfwd as ff
import pytest
from feedfwd.registry import Configured, Registry, snake_case


@pytest.mark.parametrize(
    ("camel", "snake"),
    [
        ("MeanSquaredError", "mean_squared_error"),
        ("SGD", "sgd"),
        ("Adam", "adam"),
        ("HeNormal", "he_normal"),
        ("linear", "linear"),
    ],
)
def test_snake_case(camel, snake):
    assert snake_case(camel) == snake


@pytest.mark.parametrize(
    ("module", "wrong", "near"),
    [
        (ff.losses, "mean_square_error", "mean_squared_error"),
        (ff.optimizers, "adaam", "adam"),
        (ff.metrics, "acuracy", "accuracy"),
        (ff.initializers, "gloro_uniform", "glorot_uniform"),
        (ff.activations, "Relu!", "relu"),
    ],
)
def test_an_unknown_name_lists_the_nearest(module, wrong, near):
    with pytest.raises(ValueError, match="expected for example") as caught:
        module.get(wrong)
    assert repr(wrong) in str(caught.value)
    nearest = str(caught.value).split("for example ")[1].split(", ")
    assert near in nearest and len(nearest) <= 3


@pytest.mark.parametrize(
    ("module", "name", "kind"),
    [
        (ff.losses, "mse", "MeanSquaredError"),
        (ff.losses, "MeanSquaredError", "MeanSquaredError"),
        (ff.losses, "mae", "MeanAbsoluteError"),
        (ff.losses, "bce", "BinaryCrossentropy"),
        (ff.losses, "sparse_categorical_crossentropy", "SparseCategoricalCrossentropy"),
        (ff.optimizers, "sgd", "SGD"),
        (ff.optimizers, "adamw", "AdamW"),
        (ff.optimizers, "rmsprop", "RMSprop"),
        (ff.metrics, "mse", "MeanSquaredError"),
        (ff.metrics, "sparse_categorical_accuracy", "SparseCategoricalAccuracy"),
        (ff.initializers, "zeros", "Zeros"),
        (ff.initializers, "he_normal", "HeNormal"),
    ],
)
def test_keras_names(module, name, kind):
    assert type(module.get(name)).__name__ == kind


@pytest.mark.parametrize("module", [ff.losses, ff.optimizers, ff.initializers, ff.activations])
def test_every_name_can_be_got(module):
    assert module.names() == sorted(set(module.names()))
    for name in module.names():
        module.get(name)


@pytest.mark.parametrize("module", [ff.losses, ff.optimizers, ff.initializers, ff.metrics])
@pytest.mark.parametrize("identifier", [3, 1.5, object(), [], ("adam",)])
def test_what_is_no_identifier(module, identifier):
    with pytest.raises(TypeError, match="expected"):
        module.get(identifier)


@pytest.mark.parametrize("module", [ff.losses, ff.optimizers, ff.initializers])
def test_configs_name_known_classes_only(module):
    with pytest.raises(ValueError, match="class_name"):
        module.get({"name": "adam"})
    with pytest.raises(ValueError, match=r"got 'os\.system'"):
        module.get({"class_name": "os.system", "config": {}})
    with pytest.raises(TypeError, match="expected a name"):
        module.get({"class_name": 3, "config": {}})


def test_a_class_a_config_and_an_object():
    assert isinstance(ff.losses.get(ff.losses.MeanSquaredError), ff.losses.MeanSquaredError)
    loss = ff.losses.MeanSquaredError(reduction="sum")
    assert ff.losses.get(loss) is loss
    again = ff.losses.get({"class_name": "MeanSquaredError", "config": loss.get_config()})
    assert again.reduction == "sum"


def test_a_name_is_taken_once():
    table = Registry("thing")

    @table.register("b")
    def first(): ...

    with pytest.raises(ValueError, match="'b' is taken"):

        @table.register("b")
        def second(): ...

    assert table.find("b") is first
    assert table.register()(first) is first


def test_configured():
    class Pair(Configured):
        def __init__(self, a, b=2):
            self.a, self.b, self._c = a, b, 3

    pair = Pair(1)
    assert pair.get_config() == {"a": 1, "b": 2}
    assert repr(pair) == "Pair(a=1, b=2)"
    assert Pair.from_config(pair.get_config()).get_config() == pair.get_config()
