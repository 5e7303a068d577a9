"""Every public class says how it was made, in JSON, and is made again from that."""

from __future__ import annotations

import copy
import inspect
import json
import pickle

import feedfwd as ff
import numpy as np
import pytest
from feedfwd.layers import configs

schedules = ff.optimizers.schedules
DECAY = {"initial_learning_rate": 0.1, "decay_steps": 5}

# Arguments of the classes that need some, and of those with some that are not the defaults.
ARGUMENTS = {
    "Dense": {"units": 3, "activation": "tanh", "use_bias": False, "trainable": False},
    "Activation": {"activation": "relu"},
    "Dropout": {"rate": 0.25, "seed": 2**62 + 1},
    "InputLayer": {"shape": (3,), "dtype": "float64"},
    "Sequential": {"layers": [ff.Input((2,)), ff.layers.Dense(1, name="last")], "seed": 3},
    "RandomNormal": {"mean": 1.0, "stddev": 0.1, "seed": 4},
    "LossMetric": {"loss": ff.losses.BinaryCrossentropy(from_logits=True)},
    "ExponentialDecay": {**DECAY, "decay_rate": 0.1 + 0.2, "staircase": True},
    "InverseTimeDecay": {**DECAY, "decay_rate": 0.5},
    "PolynomialDecay": {**DECAY, "power": 2.0},
    "PiecewiseConstantDecay": {"boundaries": [1, 2], "values": [0.1, 0.2, 0.3]},
    "CosineDecay": {**DECAY, "warmup_target": 0.2, "warmup_steps": 2},
    "CosineDecayRestarts": {"initial_learning_rate": 0.1, "first_decay_steps": 3},
    "SGD": {"learning_rate": schedules.ExponentialDecay(0.1, 5, 0.5), "nesterov": True},
    "AdamW": {"weight_decay": 0.1, "clipnorm": 1.0},
    "EarlyStopping": {"monitor": "loss", "mode": "max", "min_delta": 0.5, "baseline": 2.0},
    "CSVLogger": {"filename": "log.csv", "append": True},
    "ModelCheckpoint": {"filepath": "run.safetensors", "mode": "max"},
    "BackupAndRestore": {"backup_dir": "backups", "save_freq": 3},
}
# Made of functions, or only a base or a helper: what they say instead is tested below.
WITHOUT = {"LambdaCallback", "LearningRateScheduler", "LossFunction", "CallbackList", "Optimizer"}
# Values and tools, which are no part of a config.
WITHOUT |= {"Tensor", "Variable", "GradientTape", "Trainer", "Configured", "Registry"}
MODULES = (ff, ff.layers, ff.initializers, ff.losses, ff.metrics, ff.optimizers, schedules)
CONFIGURED = (
    ff.layers.Layer,
    ff.initializers.Initializer,
    ff.losses.Loss,
    ff.metrics.Metric,
    ff.optimizers.Optimizer,
    schedules.LearningRateSchedule,
    ff.callbacks.Callback,
)


def public_classes():
    found = {}
    for module in (*MODULES, ff.callbacks):
        for name, value in vars(module).items():
            ours = isinstance(value, type) and value.__module__.startswith("feedfwd")
            if ours and not name.startswith("_") and name not in WITHOUT:
                found[id(value)] = value
    return sorted(found.values(), key=lambda cls: (cls.__module__, cls.__name__))


def json_of(value):
    return json.loads(json.dumps(value, allow_nan=False))


def test_there_are_many_classes():
    assert len(public_classes()) > 50


@pytest.mark.parametrize("cls", public_classes(), ids=lambda c: f"{c.__module__}.{c.__name__}")
def test_every_class_comes_back(cls):
    made = cls(**ARGUMENTS.get(cls.__name__, {}))
    config = json_of(made.get_config())
    assert "feedfwd" not in json.dumps(config)
    again = cls.from_config(config)
    assert type(again) is cls
    assert json_of(again.get_config()) == config
    for name, value in ARGUMENTS.get(cls.__name__, {}).items():
        if isinstance(value, (int, float, str, bool)):
            assert getattr(again, name) == getattr(made, name)
            assert config[name] == value


NAMED = [c for c in public_classes() if c not in CONFIGURED and c is not ff.Model]
NAMED = [c for c in NAMED if not issubclass(c, ff.callbacks.Callback)]


@pytest.mark.parametrize("cls", NAMED, ids=lambda c: f"{c.__module__}.{c.__name__}")
def test_every_class_comes_back_by_its_name(cls):
    made = cls(**ARGUMENTS.get(cls.__name__, {}))
    described = json_of(configs.plain(made, "here"))
    again = configs.revive(described)
    assert type(again) is cls
    assert json_of(configs.plain(again, "here")) == described


@pytest.mark.parametrize("cls", public_classes(), ids=lambda c: f"{c.__module__}.{c.__name__}")
def test_every_class_can_be_copied(cls):
    made = cls(**ARGUMENTS.get(cls.__name__, {}))
    config = json_of(made.get_config())
    for twin in (copy.deepcopy(made), pickle.loads(pickle.dumps(made))):
        assert type(twin) is cls
        assert json_of(twin.get_config()) == config


@pytest.mark.parametrize(
    "make",
    [
        lambda f: ff.callbacks.LearningRateScheduler(f),
        lambda f: ff.callbacks.LambdaCallback(on_epoch_end=f),
        lambda f: ff.losses.get(f),
        lambda f: ff.metrics.get(f),
        lambda f: ff.layers.Dense(2, activation=f),
        lambda f: ff.layers.Dense(2, kernel_initializer=f),
        lambda f: ff.Sequential([ff.layers.Activation(f)]),
    ],
)
def test_a_function_cannot_be_written_down(make):
    with pytest.raises(ValueError, match=r"get_config and from_config"):
        make(lambda *_: 0).get_config()


class Quartic(ff.losses.Loss):
    def __init__(self, scale=1.0):
        super().__init__()
        self.scale = scale

    @classmethod
    def from_config(cls, config):
        return cls(config["scale"])


class Halving(schedules.LearningRateSchedule):
    def __init__(self, start):
        self.start = start

    def rate(self, step):
        return self.start * 0.5**step


class Twos(ff.initializers.Initializer):
    def draw(self, shape, seed, stream):
        return np.full(shape, 2.0)


class Dense(ff.layers.Layer):
    """Has the name of a built-in layer."""

    def __init__(self, loss=None, **common):
        super().__init__(**common)
        self.loss = loss


def test_classes_of_ones_own_come_from_custom_objects():
    own = {"Quartic": Quartic, "Halving": Halving, "Twos": Twos, "Dense": Dense}
    again = ff.losses.get(json_of(configs.describe(Quartic(3.0), "loss")), own)
    assert type(again) is Quartic and again.scale == 3.0
    described = json_of(configs.describe(ff.optimizers.Adam(Halving(0.25)), "optimizer"))
    assert ff.optimizers.get(described, own).rate_at(1) == 0.125
    layer = ff.layers.Dense(2, kernel_initializer=Twos())
    again = configs.deserialize(json_of(configs.serialize(layer)), {"Twos": Twos})
    assert type(again.kernel_initializer) is Twos
    with pytest.raises(ValueError, match=r"'Twos'.*custom_objects=\{'Twos': Twos\}"):
        configs.deserialize(json_of(configs.serialize(layer)))
    assert ff.losses.get("mine", {"mine": Quartic}).scale == 1.0
    assert ff.metrics.get("mine", custom_objects={"mine": ff.metrics.Mean}).name == "mean"


def test_a_class_with_the_name_of_a_built_in_is_not_taken_for_it():
    config = json_of(configs.serialize(Dense(loss=ff.losses.MeanSquaredError())))
    with pytest.raises(ValueError, match="custom_objects"):
        configs.deserialize(config)
    again = configs.deserialize(config, {"Dense": Dense})
    assert type(again) is Dense and type(again.loss) is ff.losses.MeanSquaredError


def test_a_metric_is_not_taken_for_the_loss_of_its_name():
    for cls in (ff.metrics.MeanSquaredError, ff.losses.MeanSquaredError):
        assert type(configs.revive(json_of(configs.describe(cls(), "here")))) is cls


def deep(n, inner=1):
    for _ in range(n):
        inner = [inner]
    return inner


@pytest.mark.parametrize(
    "config",
    [
        None,
        3,
        "Dense",
        [],
        {},
        {"class_name": "Dense"},
        {"config": {}},
        {"class_name": 3, "config": {}},
        {"class_name": ["Dense"], "config": {}},
        {"class_name": None, "config": {}},
        {"class_name": "Dense", "config": None},
        {"class_name": "Dense", "config": [1]},
        {"class_name": "os.system", "config": {}},
        {"class_name": "Dense", "config": {"units": "many"}},
        {"class_name": "Dense", "config": {"units": -1}},
        {"class_name": "Dense", "config": {"units": 10**400}},
        {"class_name": "Dense", "config": {"units": 2, "name": 3}},
        {"class_name": "Dense", "config": {"units": 2, "trainable": "no"}},
        {"class_name": "Dense", "config": {"units": 2, "dtype": "complex64"}},
        {"class_name": "Dense", "config": {"units": 2, "color": "red"}},
        {"class_name": "Dense", "config": {"units": 2, "activation": {"class_name": "X"}}},
        {"class_name": "Dense", "config": {"units": deep(5000)}},
        {"class_name": "Dense", "config": {"units": {"class_name": "Dense", "config": []}}},
        {"class_name": "Sequential", "config": {"layers": [None]}},
        {"class_name": "Sequential", "config": {"layers": {"class_name": "Zeros", "config": {}}}},
        {"class_name": "Functional", "config": {}},
        {"class_name": "MeanSquaredError", "config": {}},
    ],
)
def test_configs_of_any_origin_are_refused(config):
    with pytest.raises((ValueError, TypeError)):
        configs.deserialize(config)


@pytest.mark.parametrize("own", [3, [1], "Dense", {"Dense": 3}, {"Dense": len}, {"Dense": dict}])
def test_custom_objects_are_checked(own):
    with pytest.raises((ValueError, TypeError), match="expected a"):
        configs.deserialize({"class_name": "Dense", "config": {"units": 1}}, own)


class Broken(ff.layers.Layer):
    @classmethod
    def from_config(cls, config):
        return {KeyError: {}.__getitem__, IndexError: [].__getitem__}[config["error"]](0)


def test_mistakes_of_a_from_config_are_the_configs():
    with pytest.raises(ValueError, match="config of Broken: KeyError"):
        configs.deserialize({"class_name": "Broken", "config": {}}, {"Broken": Broken})


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {1: 2}, object(), len])
def test_what_is_no_plain_value(value):
    with pytest.raises(ValueError, match="config"):
        Dense(loss=value).get_config()


def test_a_path_is_written_as_text(tmp_path):
    assert json_of(ff.callbacks.CSVLogger(tmp_path).get_config())["filename"] == str(tmp_path)


def test_metrics_copy_with_variables_of_their_own():
    class Mine(ff.metrics.Metric):
        def call(self, y_true, y_pred):
            return y_pred

    one = Mine()
    one.update_state([0.0], [4.0])
    two = copy.deepcopy(one)
    two.update_state([0.0], [0.0])
    assert (float(one.result()), float(two.result())) == (4.0, 2.0)


def test_optimizers_copy_without_the_state_of_variables():
    w = ff.Variable([1.0, 2.0])
    one = ff.optimizers.Adam(0.5, clipnorm=1.0)
    one.exclude_from_weight_decay([w])
    one.apply_gradients([([1.0, 1.0], w)])
    for two in (copy.deepcopy(one), copy.copy(one), pickle.loads(pickle.dumps(one))):
        assert two.iterations == 1 and two.clipnorm == 1.0 and two.beta_1 == 0.9
        assert not two.core.is_built(w)
        two.apply_gradients([([1.0, 1.0], ff.Variable([0.0, 0.0]))])
        assert (one.iterations, two.iterations) == (1, 2)
    assert copy.copy(one).excluded([w]) == [w]
    twin, v = copy.deepcopy((one, w))
    assert twin.excluded([v]) == [v] and twin.excluded([w]) == []
    torch = pickle.loads(pickle.dumps(ff.optimizers.SGD.like_torch(momentum=0.9)))
    assert torch.get_config()["torch"] is True


def test_init_arguments_are_all_in_the_config_of_callbacks():
    for cls in public_classes():
        if issubclass(cls, ff.callbacks.Callback) and cls.__init__ is not object.__init__:
            made = cls(**ARGUMENTS.get(cls.__name__, {}))
            assert set(made.get_config()) == set(inspect.signature(cls).parameters)


@pytest.mark.parametrize("dtype", [None, "float32", "float64", "int64"])
def test_the_dtype_of_an_input_is_kept(dtype):
    model = ff.Sequential([ff.Input((2,), dtype=dtype), ff.layers.Flatten()])
    assert ff.Sequential.from_config(json_of(model.get_config()))._input_dtypes == [dtype]


class Holder(ff.layers.Layer):
    def __init__(self, inner, **common):
        super().__init__(**common)
        self.inner = inner
        self.own = ff.layers.Dense(2)

    def call(self, x):
        return self.own(self.inner(x))


def test_frozen_layers_inside_stay_frozen(tmp_path):
    model = ff.Sequential([ff.Input((2,)), Holder(ff.layers.Dense(2)), ff.layers.Dense(1)])
    model.layers[0].own.trainable = False
    model.layers[1].kernel.trainable = False
    model.save(tmp_path / "model")
    again = ff.load_model(tmp_path / "model", custom_objects={"Holder": Holder})
    assert [v.name for v in again.trainable_variables] == ["kernel", "bias", "bias"]
    assert len(model.trainable_variables) == 3 and not again.layers[0].own.trainable
    assert type(Holder.from_config(json_of(model.layers[0].get_config())).inner) is ff.layers.Dense


@pytest.mark.parametrize("first", [[], [ff.Input((4,))]])
def test_a_layer_that_stands_twice_is_one_layer(first):
    shared = ff.layers.Dense(4)
    model = ff.Sequential([*first, shared, ff.layers.Flatten(), shared], seed=0)
    again = configs.deserialize(json_of(configs.serialize(model)))
    assert again.layers[0] is again.layers[2]
    rows = np.ones((2, 4), np.float32)
    model(rows)
    again(rows)
    assert np.array_equal(again.predict(rows), model.predict(rows))
    for number in (0, 1, -1, "0", None):
        config = {"layers": [{"again": number}, configs.serialize(shared)]}
        with pytest.raises(ValueError, match="again"):
            ff.Sequential.from_config(config)


class Pair(Holder):
    def __init__(self, inner, other, **common):
        super().__init__(inner, **common)
        self.other = other


def test_sharing_that_a_config_cannot_say_is_refused():
    shared = ff.layers.Dense(4)
    for model in (Pair(shared, [shared]), ff.Sequential([shared, ff.Sequential([shared])])):
        with pytest.raises(ValueError, match="a config cannot say so"):
            model.get_config()


def test_a_run_with_a_schedule_of_ones_own_goes_on(tmp_path):
    def trainer():
        model = ff.Sequential([ff.Input((2,)), ff.layers.Dense(1)], seed=0)
        return ff.Trainer(model, optimizer=ff.optimizers.SGD(Halving(0.1)), loss="mse")

    rows = np.ones((8, 2), np.float32)
    backup = ff.callbacks.BackupAndRestore(tmp_path / "b", delete_checkpoint=False)
    quiet = {"verbose": 0, "callbacks": backup}
    first = trainer()
    first.fit(rows, rows[:, :1], epochs=2, **quiet)
    second = trainer()
    second.fit(rows, rows[:, :1], epochs=3, **quiet)
    assert (second.optimizer.iterations, type(second.optimizer.learning_rate)) == (3, Halving)
