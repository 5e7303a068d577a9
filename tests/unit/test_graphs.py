"""Drawn models as configs, copies and pickles; and configs of graphs from anywhere."""

from __future__ import annotations

import copy
import json
import pickle

import feedfwd as ff
import numpy as np
import pytest
from feedfwd import _core
from feedfwd.layers import configs

ROWS = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)


class Split(ff.layers.Layer):
    def call(self, x, factor=1, options=None):
        return {"p": x * factor, "q": [x + 1, x]}


def leaves(nest):
    if isinstance(nest, np.ndarray):
        return [nest]
    items = nest.values() if isinstance(nest, dict) else nest
    return [leaf for item in items for leaf in leaves(item)]


def described(model):
    return json.loads(json.dumps(configs.serialize(model), allow_nan=False))


def check(model, rows=ROWS, own=None):
    config = described(model)
    again = configs.deserialize(copy.deepcopy(config), own)
    assert described(again) == config
    assert [v.name for v in again.variables] == [v.name for v in model.variables]
    again.set_weights(model.get_weights())
    wanted = model.predict(rows)
    dumped = [pickle.loads(pickle.dumps(m)) for m in (model, again)] if own is None else []
    for other in (again, copy.deepcopy(model), copy.deepcopy(again), *dumped):
        got = other.predict(rows)
        assert type(got) is type(wanted)
        for a, b in zip(leaves(got), leaves(wanted), strict=True):
            assert a.dtype == b.dtype and a.tobytes() == b.tobytes()
    return again


def test_shared_layers_operators_and_a_variable():
    x = ff.Input((4,))
    w = ff.Variable(np.full(4, 2.0, np.float32), name="w", trainable=False)
    dense = ff.layers.Dense(4)
    y = ff.ops.tanh(dense(x) * w) + np.arange(4, dtype=np.float32)
    y = ff.ops.concatenate([y, dense(y), ff.ops.softmax(x)], axis=-1)
    z = x @ dense.kernel
    model = ff.Model(x, {"a": y, "b": [z, (z[:, None],)]}, seed=0)
    again = check(model)
    assert len(again.variables) == 3 and again.layers[0] is not dense
    assert [v.trainable for v in again.variables] == [False, True, True]
    # One kernel, used twice, before and after.
    again.layers[0].kernel.assign(np.zeros((4, 4)))
    assert not again.predict(ROWS)["b"][0].any()


def test_several_inputs_and_nested_models():
    x, y = ff.Input((4,), name="left"), ff.Input((4,), name="right")
    inner = ff.Model(x, ff.layers.Dense(3)(x), name="inner")
    other = ff.Model(x, ff.layers.Dense(3)(x))
    third = ff.Model(x, ff.Sequential([ff.layers.Dense(3), ff.layers.Dropout(0.5)])(x))
    outputs = [inner(x) + inner(y), other(x) * third(y)]
    check(ff.Model([x, y], outputs, seed=1), {"left": ROWS, "right": ROWS * 2})


def test_float64_and_names():
    x = ff.Input((4,), dtype="float64")
    model = ff.Model(x, ff.layers.Dense(2)(ff.ops.sin(x * 0.1 + 1e-3)), dtype="float64", name="n")
    model.trainable = False
    again = check(model, ROWS.astype(np.float64))
    assert (again.name, again.dtype, again.trainable) == ("n", "float64", False)
    assert again.trainable_variables == []


def test_arguments_of_calls():
    x = ff.Input((4,))
    parts = Split()(x, factor=3, options=(1, "a", {"z": float("inf")}, np.arange(3), None))
    check(ff.Model(x, [parts["p"], parts["q"][1]]), own={"Split": Split})


OPERATORS = {
    "alpha": lambda x: ff.activations.leaky_relu(x, 0.3),
    "argmax, one_hot": lambda x: ff.ops.one_hot(ff.ops.argmax(x, -1), 4),
    "cast": lambda x: ff.ops.cast(x, "int32") // 2,
    "clip": lambda x: ff.ops.clip(x, -0.5, 0.5),
    "log_softmax": lambda x: ff.ops.log_softmax(x),
    "matmul": lambda x: x @ np.ones((4, 2), np.float32),
    "max": lambda x: ff.ops.max(x, axis=1),
    "mean": lambda x: ff.ops.mean(x, axis=-1, keepdims=True),
    "power": lambda x: abs(x) ** 1.5 % 0.7,
    "slice": lambda x: x[:, 3:0:-2],
    "stop_gradient": lambda x: ff.ops.stop_gradient(x) * 2,
    "transpose": lambda x: ff.ops.transpose(ff.ops.reshape(x, (-1, 2, 2)), (0, 2, 1)),
    "where": lambda x: ff.ops.where(x > 0.1, x, ff.ops.exp(x)),
    "xent": lambda x: _core.xent(x, ff.ops.argmax(x, -1)),
}


@pytest.mark.parametrize("name", OPERATORS)
def test_operators(name):
    x = ff.Input((4,))
    model = ff.Model(x, OPERATORS[name](x))
    check(model)
    # Called on values, without a plan: the same.
    assert model(ROWS).numpy().tobytes() == model.predict(ROWS).tobytes()


def test_a_constant_keeps_its_bits():
    values = np.array([np.nan, -0.0, 1e-45, np.inf], np.float32)
    x = ff.Input((4,))
    again = check(ff.Model(x, x * values))
    assert again._graph.steps[0].args[1].values.tobytes() == values.tobytes()


def test_what_a_config_cannot_say_is_refused():
    x = ff.Input((4,))
    layer = ff.layers.Dense(4)
    inside = ff.Sequential([layer])
    with pytest.raises(ValueError, match="a config cannot say so"):
        described(ff.Model(x, layer(x) + inside(x)))
    with pytest.raises(ValueError, match="cannot be put in a config"):
        described(ff.Model(x, Split()(x, options=object())["p"]))


def small():
    x = ff.Input((4,))
    y = ff.layers.Dense(2)(x * 2.0) + ff.Variable(np.ones(2, np.float32))
    return described(ff.Model(x, ff.ops.sum(y, axis=1)))


def paths(value, at=()):
    """Where there is something in a config."""
    yield at
    items = value.items() if isinstance(value, dict) else ()
    for key, item in list(enumerate(value)) if isinstance(value, list) else items:
        yield from paths(item, (*at, key))


def put(config, path, value):
    for key in path[:-1]:
        config = config[key]
    config[path[-1]] = value


def deep(n):
    inner = []
    for _ in range(n):
        inner = [inner]
    return inner


WRONG = [None, -1, 10**400, 2**62, 1.5, "x", "\ud800", True, [], [None], {}, {"value": 99}]
WRONG += [{"class_name": 3, "config": 4}, {"tuple": [{"value": 0}]}, {"array": "AAAA"}]


@pytest.mark.parametrize("wrong", range(len(WRONG) + 1))
def test_any_value_of_a_config_may_be_anything(wrong):
    value = deep(3000) if wrong == len(WRONG) else WRONG[wrong]
    refused = 0
    for path in paths(small()):
        if path:
            config = small()
            put(config, path, value)
            try:
                model = configs.deserialize(config)
            except (ValueError, TypeError, MemoryError):
                refused += 1
            else:
                assert model.variables
    assert refused > 20


def test_parts_of_a_config_may_be_missing():
    for path in paths(small()):
        if path:
            config = small()
            part = config
            for key in path[:-1]:
                part = part[key]
            del part[path[-1]]
            with pytest.raises((ValueError, TypeError)) if len(path) == 1 else _either():
                configs.deserialize(config)


class _either:  # noqa: N801
    """Fine, or refused."""

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        return kind is not None and issubclass(kind, (ValueError, TypeError))


SPECS = [
    {},
    {"op": 3},
    {"op": "\ud800"},
    {"op": "nothing"},
    {"op": "update"},
    {"op": "gather"},
    {"op": "input"},
    {"op": "parameter"},
    {"op": "rows"},
    {"op": "dropout"},
    {"op": "map_grad", "fn": "tanh", "alpha": 0.0},
    {"op": "map"},
    {"op": "map", "fn": "tanh"},
    {"op": "map", "fn": "nothing", "alpha": 0.0},
    {"op": "map", "fn": "tanh", "alpha": "0"},
    {"op": "map", "fn": "tanh", "alpha": 10**400},
    {"op": "map", "fn": "tanh", "alpha": 0.0, "more": 1},
    {"op": "cast", "dtype": "float16"},
    {"op": "cast", "dtype": ["float32"]},
    {"op": "sum", "axes": [2], "keepdims": False},
    {"op": "sum", "axes": [0, 0], "keepdims": False},
    {"op": "sum", "axes": [-1], "keepdims": False},
    {"op": "sum", "axes": [2**63], "keepdims": False},
    {"op": "sum", "axes": [0] * 1000, "keepdims": False},
    {"op": "sum", "axes": "0", "keepdims": False},
    {"op": "sum", "axes": [0], "keepdims": 1},
    {"op": "argmax", "axis": 2},
    {"op": "argmax", "axis": -(2**63)},
    {"op": "one_hot", "depth": 2**62, "dtype": "float32"},
    {"op": "slice", "axis": 0, "start": 0, "step": 2**62, "count": 2**62},
    {"op": "slice", "axis": 0, "start": 0, "step": 0, "count": 1},
    {"op": "slice", "axis": 9, "start": 0, "step": 1, "count": 1},
    {"op": "slice", "axis": 0, "start": -1, "step": 1, "count": 1},
    {"op": "transpose", "axes": [0]},
    {"op": "transpose", "axes": [0, 7]},
    {"op": "transpose", "axes": [1, 1]},
    {"op": "reshape", "shape": [-3, 2], "batch": False},
    {"op": "reshape", "shape": [2**62, 2**62], "batch": False},
    {"op": "reshape", "shape": [7], "batch": False},
    {"op": "reshape", "shape": [], "batch": True},
    {"op": "reshape", "shape": [4, 7], "batch": True},
    {"op": "broadcast_to", "shape": [1] * 7, "batch": False},
    {"op": "broadcast_to", "shape": [2**62, 2, 2], "batch": True},
]


@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_specs_of_any_origin_are_checked(spec):
    x = _core.convert(np.ones((2, 3), np.float32))
    with pytest.raises(ValueError):
        if spec.get("op") == "one_hot":
            x = _core.cast(x, "int64")
        _core.apply_spec(spec, [x])


@pytest.mark.parametrize("operands", [[3], [None], ["x"], [[1.0]]])
def test_operands_are_tensors(operands):
    with pytest.raises(ValueError, match="operands"):
        _core.apply_spec({"op": "map", "fn": "tanh", "alpha": 0.0}, operands)


def test_every_operator_checks_how_many_operands_came():
    x = _core.convert(np.ones((2, 2), np.float32))
    made = ff.Input((2,))
    specs = [_core.op_spec(op(made)) for op in (ff.ops.tanh, lambda t: t + t, lambda t: t @ x)]
    for spec in specs:
        for operands in ([], [x] * 3, [x] * 50):
            with pytest.raises(ValueError):
                _core.apply_spec(spec, operands)


def test_specs_name_what_they_are():
    x = ff.Input((4,))
    assert _core.op_spec(ff.ops.tanh(x)) == {"op": "map", "fn": "tanh", "alpha": 0.0}
    assert _core.op_spec(x[:, 1:3]) == {
        "op": "slice", "axis": 1, "start": 1, "step": 1, "count": 2
    }  # fmt: skip
    with pytest.raises(TypeError, match="op_spec"):
        _core.op_spec(x)


def test_from_config_takes_json():
    model = ff.Model(x := ff.Input((4,)), ff.layers.Dense(2)(x), seed=0)
    again = type(model).from_config(described(model)["config"])
    assert np.array_equal(again.predict(ROWS), model.predict(ROWS))


def test_infinite_arguments():
    x = ff.Input((4,))
    model = ff.Model(x, Split()(x, options=(float("inf"), -float("inf")))["p"])
    again = configs.deserialize(described(model), {"Split": Split})
    assert again._graph.steps[0].args[1]["options"] == (float("inf"), -float("inf"))


def test_a_weight_used_before_its_layer_runs():
    x = ff.Input((4,))
    dense = ff.layers.Dense(2)
    late = dense(x)
    model = ff.Model(x, [x @ dense.kernel, late])
    with pytest.raises(ValueError, match="runs before that layer"):
        model.get_config()


def refused(path, value, match):
    config = small()
    put(config, ("config", *path), value)
    with pytest.raises(ValueError, match=match):
        configs.deserialize(config)


def test_what_graphs_from_anywhere_are_told():
    first = ("steps", 0, "args", 1)
    constant = small()["config"]["steps"][0]["args"][1]
    assert set(constant) == {"tensor", "dtype", "shape"}
    refused(first, {**constant, "shape": [3]}, r"shape \(3,\) has 4 bytes")
    refused(first, {**constant, "shape": [2**40, 2**40]}, "fewer elements")
    refused(first, {**constant, "shape": [-1]}, "at least 0")
    refused(first, {**constant, "tensor": "???"}, "no base64")
    refused(first, {**constant, "dtype": "object"}, "dtype")
    bits = {"tensor": "Ag==", "dtype": "bool", "shape": []}
    refused(first, bits, "other bytes than 0 and 1")
    refused(first, {"value": -1}, "an index below 1")
    refused(first, {"value": 1}, "an index below 1")  # made by the step itself
    refused(first, {"variable": 7}, "an index below 1")
    refused(first, {"weight": [0, 5]}, "before it has any")
    refused(("result",), {"tuple": []}, "without outputs")
    refused(("inputs",), [], "without inputs")
    refused(("layers",), [{"class_name": "Zeros", "config": {}}], "configs of layers")
    layer = next(i for i, s in enumerate(small()["config"]["steps"]) if "layer" in s)
    refused(("steps", layer, "outputs"), 2, "expected 2")
    refused(("steps", layer, "outputs"), 10**9, "an index below 1001")
    refused(("steps", layer, "layer"), -1, "an index below 1")


def test_deep_nests_are_refused():
    refused(("result",), deep(60), "nested too deeply")
    refused(("result",), deep(100_000), "nested too deeply")
    with pytest.raises(ValueError, match="nested too deeply"):
        configs.revive(deep(100_000))
