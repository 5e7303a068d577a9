"""Models: Sequential, graphs, subclasses; predict, copies, summary."""

import copy
import gc
import inspect
import pickle
import weakref

import feedfwd as ff
import numpy as np
import pytest
from feedfwd import _core

X = np.random.default_rng(0).normal(size=(300, 3))


class Net(ff.Model):
    def __init__(self, width=4, **options):
        super().__init__(**options)
        self.hidden = [ff.layers.Dense(width, activation="tanh") for _ in range(2)]
        self.head = ff.layers.Dense(1)

    def call(self, x):
        for layer in self.hidden:
            x = layer(x)
        return self.head(x)


def small(**options):
    return ff.Sequential(
        [
            ff.Input((3,)),
            ff.layers.Dense(5, activation="relu"),
            ff.layers.Dropout(0.5),
            ff.layers.Dense(2),
        ],
        **options,
    )


def test_sequential_with_an_input_is_built_at_once():
    model = small(seed=0)
    assert [v.shape for v in model.variables] == [(3, 5), (5,), (5, 2), (2,)]
    assert [layer.name for layer in model.layers] == ["dense", "dropout", "dense_1"]


def test_sequential_without_one_is_built_by_the_first_data():
    model = ff.Sequential([ff.layers.Dense(5), ff.layers.Dense(2)], seed=0)
    assert model.variables == []
    assert model.predict(X).shape == (300, 2)
    assert model.count_params() == 3 * 5 + 5 + 5 * 2 + 2


def test_both_ways_give_the_same_weights():
    late = ff.Sequential([ff.layers.Dense(5), ff.layers.Dense(2)], seed=4)
    late(X)
    early = ff.Sequential([ff.Input((3,)), ff.layers.Dense(5), ff.layers.Dense(2)], seed=4)
    for a, b in zip(late.get_weights(), early.get_weights(), strict=True):
        assert np.array_equal(a, b)


def test_add_and_pop():
    model = ff.Sequential([ff.Input((3,)), ff.layers.Dense(5)], seed=0)
    before = model.get_weights()[0]
    model.add(ff.layers.Dense(2))
    assert model.predict(X).shape == (300, 2)
    assert np.array_equal(model.get_weights()[0], before)
    assert isinstance(model.pop(), ff.layers.Dense)
    assert model.predict(X).shape == (300, 5)
    with pytest.raises(ValueError, match="no layers"):
        ff.Sequential().pop()


@pytest.mark.parametrize(
    ("item", "message"),
    [
        (np.tanh, "Activation"),
        (ff.layers.Dense, r"write Dense\(...\)"),
        (3, "expected a Layer"),
    ],
)
def test_sequential_refuses_what_is_no_layer(item, message):
    with pytest.raises(TypeError, match=message):
        ff.Sequential([item])


def test_an_input_comes_first():
    with pytest.raises(ValueError, match="first"):
        ff.Sequential([ff.layers.Dense(2), ff.Input((3,))])


def test_two_layers_of_one_name():
    with pytest.raises(ValueError, match="'a'"):
        ff.Sequential([ff.layers.Dense(2, name="a"), ff.layers.Dense(2, name="a")])


def test_names_do_not_depend_on_earlier_models():
    small()
    assert [layer.name for layer in small().layers] == ["dense", "dropout", "dense_1"]


def test_seed_is_readable_and_decides():
    assert small(seed=7).seed == 7
    drawn = small().seed
    assert 0 <= drawn < 2**63
    assert np.array_equal(small(seed=3).get_weights()[0], small(seed=3).get_weights()[0])
    model = small()
    assert np.array_equal(small(seed=model.seed).get_weights()[0], model.get_weights()[0])


@pytest.mark.parametrize("seed", [-1, 2**63, 1.5, "1", True])
def test_seed_is_checked(seed):
    with pytest.raises((TypeError, ValueError), match="seed"):
        small(seed=seed)


@pytest.mark.parametrize("dtype", ["float16", "int32", "double precision"])
def test_dtype_is_checked(dtype):
    with pytest.raises(ValueError, match="dtype"):
        small(dtype=dtype)


def test_an_unknown_device_is_an_error():
    with pytest.raises(ValueError, match="tpu"):
        small(device="tpu")


def test_eager_and_predict_agree_and_cast():
    model = small(seed=1)
    assert model(X).dtype == np.float32
    assert np.array_equal(model(X).numpy(), model.predict(X))
    wide = small(seed=1, dtype="float64")
    assert wide.predict(X.astype(np.float32)).dtype == np.float64
    assert np.array_equal(wide(X).numpy(), wide.predict(X))
    whole = np.arange(6).reshape(2, 3)
    assert np.array_equal(model.predict(whole), model.predict(whole.astype(float)))
    assert np.array_equal(model.predict(whole > 2), model.predict((whole > 2).astype(float)))
    assert np.array_equal(model(whole.tolist()).numpy(), model.predict(whole))
    tensor = ff.ops.convert_to_tensor(X)
    assert tensor.dtype == np.float64 and model(tensor).dtype == np.float32
    assert np.array_equal(model(tensor).numpy(), model.predict(X))


def test_a_row_never_depends_on_its_neighbours():
    model = small(seed=1)
    whole = model.predict(X)
    for n in (1, 2, 7, 255, 256, 257, 300):
        assert np.array_equal(model.predict(X[:n]), whole[:n])
        assert np.array_equal(model.predict(X, batch_size=n), whole)
    for i in (0, 1, 299):
        assert np.array_equal(model.predict(X[i : i + 1]), whole[i : i + 1])


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_a_few_rows_have_the_bits_of_many(threads):
    before = ff.get_num_threads()
    ff.set_num_threads(threads)
    try:
        layers = [ff.layers.Dense(n, activation="gelu") for n in (400, 300, 20)]
        model = ff.Sequential([ff.Input((200,)), *layers], seed=1)
        x = np.random.default_rng(0).standard_normal((40, 200), np.float32)
        whole = model.predict(x)
        for n in (1, 2, 3, 15, 16, 17, 1):
            for _ in range(40):  # by one thread and by all of them
                assert np.array_equal(model.predict(x[n : 2 * n]), whole[n : 2 * n])
    finally:
        ff.set_num_threads(before)


def test_predict_sees_new_weights():
    model = small(seed=1)
    model.predict(X)
    model.set_weights([np.zeros_like(w) for w in model.get_weights()])
    assert np.all(model.predict(X) == 0)


def test_predict_does_not_change_its_input():
    x = X.copy()
    x.flags.writeable = False
    small(seed=0).predict(x)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.ones((4, 2)), r"got shape \(4, 2\), expected \(n, 3\)"),
        (np.ones(3), r"one sample is x\[None\]"),
        (np.ones((0, 3)), "no rows"),
        (np.float64(1), "scalar"),
        (np.full((1, 3), 1e300), "overflows float32"),
        (np.full((1, 3), 2**24 + 1), "16777217 has no exact float32"),
    ],
)
def test_predict_says_what_does_not_fit(x, message):
    with pytest.raises(ValueError, match=message):
        small(seed=0).predict(x)


@pytest.mark.parametrize("x", [np.ones((2, 3), complex), np.array([["a"] * 3]), [[object()] * 3]])
def test_predict_refuses_what_is_no_number(x):
    with pytest.raises(TypeError, match="dtype"):
        small(seed=0).predict(x)


@pytest.mark.parametrize(
    ("name", "line"), [("fit", "Trainer"), ("compile", "Trainer"), ("evaluate", "Trainer")]
)
def test_methods_of_other_libraries_show_the_line_to_write(name, line):
    with pytest.raises(AttributeError, match=line):
        getattr(small(), name)
    assert not hasattr(small(), name)


def test_subclassed_model():
    model = Net(seed=2)
    assert np.array_equal(model(X).numpy(), model.predict(X))
    assert [v.shape for v in model.variables] == [(3, 4), (4,), (4, 4), (4,), (4, 1), (1,)]
    assert [layer.name for layer in model.layers][-1] == "dense"


def test_a_model_that_only_runs_eagerly():
    class Branch(ff.Model):
        def __init__(self):
            super().__init__(seed=0)
            self.a, self.b = ff.layers.Dense(2), ff.layers.Dense(2)

        def call(self, x):
            return self.a(x) if float(ff.ops.sum(x)) > 0 else self.b(x)

    model = Branch()
    assert model(np.ones((2, 3))).shape == (2, 2)
    with pytest.raises(TypeError, match=r"where"):
        model.predict(np.ones((2, 3)))


def test_nested_models_share_the_outer_seed_and_dtype():
    inner = ff.Sequential([ff.layers.Dense(4)])
    outer = ff.Sequential([ff.Input((3,)), inner, ff.layers.Dense(1)], seed=5, dtype="float64")
    assert outer.get_weights()[0].dtype == np.float64
    assert inner.seed == 5
    flat = ff.Sequential(
        [ff.Input((3,)), ff.layers.Dense(4), ff.layers.Dense(1)], seed=5, dtype="float64"
    )
    assert np.array_equal(flat.predict(X), outer.predict(X))


def test_graph_with_a_skip():
    i = ff.Input((3,), dtype="float64")
    h = ff.layers.Dense(3, activation="relu")(i)
    model = ff.Model(i, ff.layers.Dense(1)(h + i * 2.1), seed=1, dtype="float64")
    assert isinstance(model, ff.Model)
    first, second = model.layers
    w, b = first.get_weights()
    v, c = second.get_weights()
    want = (np.maximum(X @ w + b, 0) + X * 2.1) @ v + c
    np.testing.assert_allclose(model.predict(X), want, rtol=0, atol=1e-13)
    assert np.array_equal(model(X).numpy(), model.predict(X))
    twin = copy.deepcopy(model)
    assert np.array_equal(twin.predict(X), model.predict(X))


def test_graph_of_float64_without_an_input_of_it():
    i = ff.Input((3,))
    h = ff.layers.Dense(3)(i)
    model = ff.Model(i, h + i, seed=1, dtype="float64")
    w, b = model.get_weights()
    np.testing.assert_allclose(model.predict(X), X @ w + b + X, rtol=0, atol=1e-14)
    narrow = ff.Input((3,), dtype="float32")
    model = ff.Model(narrow, ff.layers.Dense(3)(narrow) + narrow, seed=1, dtype="float64")
    assert model.predict(X).dtype == np.float64
    with pytest.raises(ValueError, match="dtype='float64'"):
        ff.Model(i, h * 0.1, dtype="float64")


def test_graph_with_several_inputs_and_outputs():
    a, b = ff.Input((3,), name="a"), ff.Input((2,), name="b")
    both = ff.ops.concatenate([ff.layers.Dense(2)(a), b], axis=-1)
    model = ff.Model([a, b], [ff.layers.Dense(1)(both), both], seed=1)
    one, two = model.predict([X, X[:, :2]])
    assert one.shape == (300, 1) and two.shape == (300, 4)
    assert np.array_equal(model.predict({"b": X[:, :2], "a": X})[0], one)
    with pytest.raises(ValueError, match="got 1 inputs, expected 2"):
        model.predict([X])


def test_graph_shares_a_layer():
    i = ff.Input((3,))
    dense = ff.layers.Dense(3)
    model = ff.Model(i, dense(dense(i)), seed=0)
    assert len(model.variables) == 2
    assert model.layers == [dense]


def test_graph_outputs_must_come_from_the_inputs():
    i, j = ff.Input((3,)), ff.Input((3,))
    with pytest.raises(ValueError, match="not among the inputs"):
        ff.Model(i, ff.layers.Dense(1)(j))
    with pytest.raises(TypeError, match="symbolic"):
        ff.Model(i, np.ones(3))


def test_graphs_are_freed():
    i = ff.Input((3,))
    model = ff.Model(i, ff.layers.Dense(2)(i))
    gone = weakref.ref(model.layers[0])
    del model, i
    gc.collect()
    assert gone() is None


def test_deepcopy_and_pickle_keep_weights_and_part_ways():
    model = small(seed=3)
    model.predict(X)
    for twin in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert np.array_equal(twin.predict(X), model.predict(X))
        assert twin.seed == 3
        twin.set_weights([np.zeros_like(w) for w in twin.get_weights()])
        assert np.any(model.predict(X) != 0)


def test_a_copy_drops_like_the_original():
    model = small(seed=3)
    model(X, training=True)
    twin = copy.deepcopy(model)
    assert np.array_equal(model(X, training=True).numpy(), twin(X, training=True).numpy())


def test_clone_starts_anew_from_the_same_seed():
    model = small(seed=3)
    start = model.get_weights()
    model.set_weights([np.zeros_like(w) for w in start])
    twin = model.clone()
    for a, b in zip(twin.get_weights(), start, strict=True):
        assert np.array_equal(a, b)
    assert all(np.all(w == 0) for w in model.get_weights())
    model(X, training=True)
    assert np.array_equal(
        model.clone()(X, training=True).numpy(), small(seed=3)(X, training=True).numpy()
    )
    unseeded = Net()
    unseeded(X)
    assert np.array_equal(unseeded.clone()(X).numpy(), unseeded(X).numpy())


def test_sequential_config_comes_back():
    model = small(seed=3, dtype="float64")
    again = ff.Sequential.from_config(
        {**model.get_config(), "layers": [ff.Input((3,)), *(copy.deepcopy(model).layers)]}
    )
    assert again.seed == 3 and again.dtype == "float64"
    from feedfwd.layers import configs

    whole = configs.deserialize(configs.serialize(model))
    assert np.array_equal(whole.predict(X), model.predict(X))
    with pytest.raises(ValueError, match="unknown layer 'Dens'; did you mean 'Dense'"):
        configs.deserialize({"class_name": "Dens", "config": {}})


def test_freezing_a_layer_of_a_model():
    model = small(seed=0)
    model.layers[0].trainable = False
    assert [v.shape for v in model.trainable_variables] == [(5, 2), (2,)]
    assert [v.shape for v in model.non_trainable_variables] == [(3, 5), (5,)]


def test_summary():
    lines = []
    small(seed=0).summary(print_fn=lines.append)
    text = "\n".join(lines)
    assert "dense (Dense)" in text and "(None, 5)" in text
    assert "Trainable params: 32" in text
    lines.clear()
    ff.Sequential([ff.layers.Dense(2)]).summary(print_fn=lines.append)
    assert "Not built" in lines[-1]


def test_input_checks_its_shape():
    assert ff.Input((4, 5)).shape == (None, 4, 5)
    with pytest.raises(ValueError, match="shape"):
        ff.Input((0, 3))
    with pytest.raises(TypeError, match="shape"):
        ff.Input((None, 3))
    with pytest.raises(TypeError, match="shape"):
        ff.Input("x")


def test_a_symbolic_tensor_says_what_it_is():
    with pytest.raises(TypeError):
        float(ff.Input((3,)))
    with pytest.raises(TypeError):
        np.asarray(ff.Input((3,)))


def test_predict_is_a_method_like_any_other():
    model = small(seed=0)
    x = X[:4].astype(np.float32)
    first = model.predict(x)
    assert list(inspect.signature(model.predict).parameters) == ["x", "batch_size", "verbose"]
    assert model.predict.__doc__ == ff.Model.predict.__wrapped__.__doc__
    assert ff.Model.predict.__module__ == "feedfwd.model"
    assert pickle.loads(pickle.dumps(ff.Model.predict)) is ff.Model.predict
    assert copy.deepcopy(ff.Model.predict) is ff.Model.predict
    for again in (
        pickle.loads(pickle.dumps(model.predict))(x),
        ff.Model.predict(model, x),
        model.predict(x=x),
        model.predict(x, 2),
        model.predict(x, verbose=0),
    ):
        assert np.array_equal(again, first)
    with pytest.raises(TypeError, match=r"predict\(\) missing 1 required positional argument: 'x'"):
        model.predict()
    with pytest.raises(AttributeError):
        ff.Model.predict("no model", x)


def test_a_subclass_can_put_its_own_predict_in_front():
    class Twice(ff.Sequential):
        def predict(self, x, batch_size=None, verbose=0):
            return 2 * super().predict(x, batch_size, verbose)

    layers = [ff.Input((3,)), ff.layers.Dense(2)]
    x = X[:4].astype(np.float32)
    one, two = ff.Sequential(layers, seed=0), Twice([ff.Input((3,)), ff.layers.Dense(2)], seed=0)
    for _ in range(3):
        assert np.array_equal(two.predict(x), 2 * one.predict(x))


def test_the_short_way_of_predict_sees_every_change():
    model = small(seed=0)
    x = X[:4].astype(np.float32)
    twin = small(seed=1)
    for _ in range(2):
        model.predict(x)
    model.set_weights(twin.get_weights())
    assert np.array_equal(model.predict(x), twin.predict(x))
    wide = np.zeros((4, 6), np.float32)
    wide[:, ::2] = x
    for same in (x.astype(np.float64), np.asfortranarray(x), wide[:, ::2], x.astype(">f4")):
        assert np.array_equal(model.predict(same), model.predict(x))
    with pytest.raises(ValueError, match="expected"):
        model.predict(x[:, :2])
    with pytest.raises(ValueError, match="rows"):
        model.predict(x[:0])
    chain = ff.Sequential([ff.Input((3,)), ff.layers.Dense(2)], seed=0)
    assert chain.predict(x).shape == chain.predict(x).shape == (4, 2)
    chain.add(ff.layers.Dense(7))
    assert chain.predict(x).shape == (4, 7)


def test_predict_is_like_a_method():
    model = ff.Sequential([ff.Input((2,)), ff.layers.Dense(1)], seed=0)
    assert weakref.WeakMethod(model.predict)() == model.predict
    assert weakref.ref(ff.Model.predict)() is ff.Model.predict
    assert repr(ff.Model.predict).startswith("<function Model.predict at ")


def test_what_was_made_without_init_is_an_error():
    for kind in (ff.Variable, _core.Tensor):
        with pytest.raises(TypeError, match="__init__"):
            _ = kind.__new__(kind) + 1
    model = ff.Sequential([ff.Input((2,)), ff.layers.Dense(1)], seed=0)
    x = np.ones((1, 2), np.float32)
    want = model.predict(x)
    model._quick = model._structure, _core.Program.__new__(_core.Program)
    assert model.predict(x).tobytes() == want.tobytes()
