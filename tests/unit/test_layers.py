"""Layer: building, tracking, drawing, the training flag, configs and copies."""

import collections
import copy

import feedfwd as ff
import numpy as np
import pytest
from feedfwd import _core


class Scale(ff.layers.Layer):
    def build(self, input_shape):
        self.shape_seen = input_shape
        self.s = self.add_weight((input_shape[-1],), initializer="ones", name="s")

    def call(self, x):
        return x * self.s


class Sigmoid(ff.layers.Layer):
    """As DESIGN writes it: weights in build, call with training."""

    def __init__(self, units):
        super().__init__()
        self.units = units

    def build(self, input_shape):
        self.w = self.add_weight((input_shape[-1], self.units), name="w")
        self.b = self.add_weight((self.units,), initializer="zeros", name="b")

    def call(self, x, training=False):
        return ff.ops.sigmoid(ff.ops.matmul(x, self.w) + self.b)


class Lecture(ff.layers.Layer):
    """As the lecture writes it: weights in __init__, shapes as lists."""

    def __init__(self, input_dim, output_dim):
        super().__init__()
        self.W = self.add_weight([input_dim, output_dim])
        self.b = self.add_weight([1, output_dim])

    def call(self, inputs):
        return ff.ops.sigmoid(ff.ops.matmul(inputs, self.W) + self.b)


class Flag(ff.layers.Layer):
    def __init__(self):
        super().__init__()
        self.seen = []

    def call(self, x, training=False):
        self.seen.append(training)
        return x


class Wrapper(ff.layers.Layer):
    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def call(self, x):
        return self.inner(x)


ONES = np.ones((2, 3), np.float32)


def test_build_runs_once_with_an_open_batch():
    layer = Scale()
    assert not layer.built
    layer(ONES)
    layer(np.ones((5, 3), np.float32))
    assert layer.built
    assert layer.shape_seen == (None, 3)
    assert len(layer.variables) == 1


def test_forgotten_super_init_is_a_clear_error():
    class Bad(ff.layers.Layer):
        def __init__(self):
            self.w = self.add_weight((2,))

    with pytest.raises(TypeError, match=r"Bad: call super\(\).__init__\(\)"):
        Bad()

    class Late(ff.layers.Layer):
        def __init__(self):
            self.units = 3

    with pytest.raises(TypeError, match="super"):
        Late()(ONES)


def test_weights_of_init_stay_pending_until_the_first_call():
    layer = Lecture(3, 2)
    assert all(v.is_pending for v in layer.variables)
    layer(ONES)
    assert not any(v.is_pending for v in layer.variables)
    assert layer.W.shape == (3, 2) and layer.b.shape == (1, 2)


def test_weights_of_init_follow_the_models_seed_and_dtype():
    def weights(**options):
        return ff.Sequential([ff.Input((3,)), Lecture(3, 2)], **options).get_weights()

    assert np.array_equal(weights(seed=1)[0], weights(seed=1)[0])
    assert not np.array_equal(weights(seed=1)[0], weights(seed=2)[0])
    assert weights(seed=1, dtype="float64")[0].dtype == np.float64


def test_values_already_set_stay():
    layer = Lecture(3, 2)
    layer.W.assign(np.full((3, 2), 0.5))
    model = ff.Sequential([ff.Input((3,)), layer], seed=1)
    assert np.all(model.get_weights()[0] == 0.5)


def test_weights_read_while_building_get_the_values_of_their_final_position():
    class Reads(ff.layers.Layer):
        def build(self, input_shape):
            self.w = self.add_weight((input_shape[-1], 3), name="w")
            self.w.numpy()

        def call(self, x):
            return ff.ops.matmul(x, self.w)

    class Crossed(ff.Model):
        def __init__(self):
            super().__init__(seed=9)
            self.a, self.b = ff.layers.Dense(3), Reads()

        def call(self, x):
            return self.a(self.b(x))

    crossed = Crossed()
    crossed(ONES)
    plain = ff.Sequential([ff.Input((3,)), ff.layers.Dense(3), ff.layers.Dense(3)], seed=9)
    assert np.array_equal(crossed.get_weights()[2], plain.get_weights()[2])


def test_streams_are_positions_not_names():
    first = ff.Sequential([ff.Input((3,)), ff.layers.Dense(2, name="a")], seed=5)
    ff.layers.Dense(2)(ONES)
    again = ff.Sequential([ff.Input((3,)), ff.layers.Dense(2, name="b")], seed=5)
    assert np.array_equal(first.get_weights()[0], again.get_weights()[0])
    two = ff.Sequential([ff.Input((2,)), ff.layers.Dense(2), ff.layers.Dense(2)], seed=5)
    assert not np.array_equal(two.get_weights()[0], two.get_weights()[2])


def test_positions_do_not_depend_on_the_order_of_calls():
    class Crossed(ff.Model):
        def __init__(self):
            super().__init__(seed=9)
            self.a, self.b = ff.layers.Dense(3), ff.layers.Dense(3)

        def call(self, x):
            return self.a(self.b(x))

    class Straight(Crossed):
        def call(self, x):
            return self.b(self.a(x))

    one, two = Crossed(), Straight()
    one(ONES), two(ONES)
    for v, w in zip(one.get_weights(), two.get_weights(), strict=True):
        assert np.array_equal(v, w)


def test_tracking_in_lists_tuples_and_dicts():
    class Nest(ff.layers.Layer):
        def __init__(self):
            super().__init__()
            self.own = self.add_weight((1,), name="own")
            self.items = [Scale()]
            self.items.append(Scale())
            self.pair = (Scale(), {"deep": Scale()})
            self.loose = [ff.Variable(1.0, name="loose")]

        def call(self, x):
            for layer in (*self.items, self.pair[0], self.pair[1]["deep"]):
                x = layer(x)
            return x * self.own * self.loose[0]

    layer = Nest()
    layer(ONES)
    assert [v.name for v in layer.variables] == ["own", "loose", "s", "s", "s", "s"]


def test_a_shared_layer_counts_once():
    inner = Scale()
    layer = Wrapper([inner, inner])
    layer.call = lambda x: inner(inner(x))
    layer(ONES)
    assert len(layer.variables) == 1


def test_replaced_attributes_are_forgotten():
    layer = ff.layers.Layer()
    layer.v = ff.Variable(1.0)
    layer.v = ff.Variable(2.0)
    assert [float(v) for v in layer.variables] == [2.0]


def test_training_reaches_nested_layers():
    flag = Flag()
    layer = Wrapper(Wrapper(flag))
    layer(ONES)
    layer(ONES, training=True)
    layer(ONES, training=False)
    assert flag.seen[-2:] == [True, False]
    assert True not in flag.seen[:-2]


def test_training_is_passed_only_where_call_takes_it():
    assert Scale()(ONES, training=True).shape == (2, 3)


def test_explicit_training_wins_over_the_inherited_flag():
    flag = Flag()

    class Off(ff.layers.Layer):
        def __init__(self):
            super().__init__()
            self.flag = flag

        def call(self, x):
            return self.flag(x, training=False)

    Off()(ONES, training=True)
    assert flag.seen == [False] * len(flag.seen)


def test_freezing():
    layer = ff.layers.Dense(2)
    layer(ONES)
    assert len(layer.trainable_variables) == 2
    layer.trainable = False
    assert layer.trainable_variables == []
    assert len(layer.non_trainable_variables) == 2
    outer = Wrapper(ff.layers.Dense(2))
    outer.trainable = False
    assert not outer.inner.trainable


def test_frozen_from_the_start():
    layer = ff.layers.Dense(2, trainable=False)
    layer(ONES)
    assert layer.trainable_variables == [] and len(layer.variables) == 2
    assert not ff.layers.Dense.from_config(layer.get_config()).trainable


def test_get_and_set_weights():
    layer = ff.layers.Dense(2)
    layer(ONES)
    layer.set_weights([np.zeros((3, 2)), [1.0, 2.0]])
    assert np.array_equal(layer(ONES).numpy(), [[1, 2], [1, 2]])
    with pytest.raises(ValueError, match="got 1 arrays, expected 2"):
        layer.set_weights([np.zeros((3, 2))])
    with pytest.raises(ValueError, match=r"got shape \(2, 3\), expected \(3, 2\)"):
        layer.set_weights([np.zeros((2, 3)), np.zeros(2)])


def test_get_weights_gives_copies():
    layer = ff.layers.Dense(2)
    layer(ONES)
    layer.get_weights()[0][:] = 7
    assert not np.any(layer.get_weights()[0] == 7)


@pytest.mark.parametrize("shape", ["kernel", 2.5, (2, -1), (0,), (2.0,), (True,)])
def test_add_weight_checks_the_shape(shape):
    with pytest.raises((TypeError, ValueError), match="shape"):
        ff.layers.Layer().add_weight(shape)


def test_config_of_a_layer_of_ones_own():
    layer = Sigmoid(4)
    assert layer.get_config() == {"units": 4}
    assert Sigmoid.from_config(layer.get_config()).units == 4
    nested = Wrapper(ff.layers.Dense(3, name="inside"))
    config = nested.get_config()
    assert config["inner"]["class_name"] == "Dense"


def test_a_lambda_has_no_config():
    with pytest.raises(ValueError, match="get_config"):
        Wrapper(lambda x: x).get_config()


def test_errors_name_the_innermost_layer_once():
    class Fails(ff.layers.Layer):
        def call(self, x):
            raise ValueError("no")

    with pytest.raises(ValueError, match="no") as caught:
        Wrapper(Fails())(ONES)
    assert str(caught.value) == "layer 'fails' (Fails): no"


def test_copies_of_layers():
    layer = Lecture(3, 2)
    assert copy.deepcopy(layer).W.is_pending
    layer(ONES)
    other = copy.deepcopy(layer)
    assert np.array_equal(other.get_weights()[0], layer.get_weights()[0])
    other.W.assign(np.zeros((3, 2)))
    assert np.any(layer.get_weights()[0] != 0)


def test_set_seed_decides_the_weights_of_a_layer_alone():
    def draw():
        ff.random.set_seed(3)
        layer = ff.layers.Dense(2)
        layer(ONES)
        return layer.get_weights()[0]

    assert np.array_equal(draw(), draw())


def test_custom_sigmoid_dense_has_the_bits_of_the_built_in():
    mine = ff.Sequential([ff.Input((5,)), Sigmoid(4)], seed=2)
    ours = ff.Sequential([ff.Input((5,)), ff.layers.Dense(4, activation="sigmoid")], seed=2)
    x = np.random.default_rng(1).normal(size=(9, 5))
    assert np.array_equal(mine(x).numpy(), ours(x).numpy())
    assert np.array_equal(mine.predict(x), ours.predict(x))


def test_streams_of_the_contract():
    model = ff.Sequential([ff.Input((3,)), ff.layers.Dense(2), ff.layers.Dense(4)], seed=6)
    bound = np.sqrt(6 / (2 + 4))
    stream = _core.stream_of(2, "weight")
    drawn = _core.draw("uniform", (2, 4), -bound, bound, 6, 0, stream)
    np.testing.assert_allclose(model.get_weights()[2], drawn, rtol=1e-6)


def test_what_a_layer_holds_is_found_wherever_it_is_and_once():
    class Holder(ff.layers.Layer):
        pass

    holder, one, two = Holder(), ff.layers.Dense(1), ff.layers.Dense(2)
    weight, other = ff.Variable(1.0), ff.Variable(2.0)
    holder.a = {"x": [one, (weight, 3, "no")], "y": {"z": [two, one]}}
    holder.b = two
    assert holder._children() == [one, two]
    holder.a["x"].append(other)  # nobody tells
    holder.a["y"]["more"] = three = ff.layers.Dense(3)
    three.inner = [holder]
    assert holder._children() == [one, two, three]
    assert holder._flatten() == [holder, one, two, three]
    assert [id(v) for v in holder.variables[:2]] == [id(weight), id(other)]
    endless = []
    endless.append(endless)
    object.__setattr__(holder, "c", endless)
    with pytest.raises(RecursionError, match="made of"):
        holder._flatten()


@pytest.mark.parametrize("after", [1, 2])
def test_a_build_that_is_interrupted_leaves_no_weights(after):
    """The next call builds the layer anew, with the weights of one that was never interrupted."""
    whole = ff.Sequential([ff.layers.Dense(3)], seed=1)
    whole(np.ones((2, 4)))
    calls = []

    class Stopped(ff.layers.Dense):
        def add_weight(self, *args, **kwargs):
            variable = super().add_weight(*args, **kwargs)
            calls.append(variable)
            if len(calls) == after:
                raise KeyboardInterrupt
            return variable

    model = ff.Sequential([Stopped(3)], seed=1)
    with pytest.raises(KeyboardInterrupt):
        model(np.ones((2, 4)))
    layer = model.layers[-1]
    assert layer.get_weights() == [] and not layer.built
    model(np.ones((2, 4)))
    assert [w.shape for w in model.get_weights()] == [(4, 3), (3,)]
    for a, b in zip(model.get_weights(), whole.get_weights(), strict=True):
        assert a.tobytes() == b.tobytes()


def test_parts_in_a_dict_of_ones_own_order():
    parts = collections.OrderedDict(a=ff.layers.Dense(2), b=ff.layers.Dense(3))
    parts.move_to_end("a")

    class Two(ff.layers.Layer):
        def __init__(self):
            super().__init__()
            self.parts = parts

        def call(self, x):
            return self.parts["a"](self.parts["b"](x))

    layer = Two()
    layer(np.ones((1, 4)))
    assert [v.shape for v in layer.variables] == [(4, 3), (3,), (3, 2), (2,)]
