"""Model files: what is saved comes back bit for bit; writing is all or nothing."""

from __future__ import annotations

import errno
import json
import os
import struct

import feedfwd as ff
import numpy as np
import pytest
from feedfwd.saving import atomic, container, nest, runs

X = np.random.default_rng(0).normal(size=(9, 5))


class Scaled(ff.layers.Layer):
    """A layer of one's own, with a frozen weight and a layer inside."""

    def __init__(self, units, scale=2.0):
        super().__init__()
        self.units, self.scale = units, scale
        self.inner = ff.layers.Dense(units, activation="tanh")

    def build(self, input_shape):
        self.shift = self.add_weight((self.units,), initializer="ones", trainable=False)

    def call(self, x):
        return self.inner(x) * self.scale + self.shift


class Two(ff.Model):
    """A subclassed model that takes a dict."""

    def __init__(self, units=3):
        super().__init__()
        self.a, self.b = ff.layers.Dense(units), ff.layers.Dense(units)

    def call(self, inputs):
        return self.a(inputs["x"]) + self.b(inputs["y"])


class Looking(ff.Model):
    """A model whose call looks at values, so that it only runs eagerly."""

    def __init__(self):
        super().__init__()
        self.d = ff.layers.Dense(2)

    def call(self, x):
        y = self.d(x)
        return y if float(ff.ops.sum(y)) > 0 else -y


def sequential(**kw):
    layers = [ff.layers.Dense(6, activation="gelu"), ff.layers.Dropout(0.5), ff.layers.Dense(2)]
    return ff.Sequential([ff.Input((5,)), *layers], seed=3, **kw)


def functional():
    a = ff.Input((5,))
    h = ff.layers.Dense(5, activation="relu")(a)
    return ff.Model(a, ff.layers.Dense(2)(ff.layers.Dense(5, name="skip")(h)), seed=4)


def frozen():
    model = sequential()
    model.layers[0].trainable = False
    return model


MODELS = {
    "sequential": sequential,
    "float64": lambda: sequential(dtype="float64"),
    "no input": lambda: ff.Sequential([ff.layers.Dense(3), Scaled(2)], seed=9),
    "nested": lambda: ff.Sequential([sequential(), ff.layers.Dense(1, name="last")], seed=1),
    "frozen": frozen,
    "no seed": lambda: ff.Sequential([ff.layers.Dense(2)]),
}
CUSTOM = {"Scaled": Scaled, "Two": Two, "Looking": Looking}


@pytest.mark.parametrize("name", MODELS)
def test_what_is_saved_comes_back(name, tmp_path):
    model = MODELS[name]()
    want = model.predict(X)
    model.save(tmp_path / "m.safetensors")
    same = ff.load_model(tmp_path / "m.safetensors", custom_objects=CUSTOM)
    assert type(same) is type(model) and same.seed == model.seed and same.dtype == model.dtype
    assert same.predict(X).tobytes() == want.tobytes()
    for a, b in zip(same.variables, model.variables, strict=True):
        assert (a.name, a.trainable) == (b.name, b.trainable)
        assert a.numpy().tobytes() == b.numpy().tobytes()
    assert len(same.trainable_variables) == len(model.trainable_variables)
    same.save(tmp_path / "again.safetensors")
    one, two = (tmp_path / n for n in ("m.safetensors", "again.safetensors"))
    assert one.read_bytes() == two.read_bytes()


def test_models_called_with_nests_and_values(tmp_path):
    model = Two()
    data = {"x": X, "y": X[:, :2]}
    want = model.predict(data)
    model.save(tmp_path / "m")
    assert ff.load_model(tmp_path / "m", CUSTOM).predict(data).tobytes() == want.tobytes()
    model = Looking()
    want = model(X.astype(np.float32)).numpy()
    model.save(tmp_path / "m")
    same = ff.load_model(tmp_path / "m", CUSTOM)
    assert same(X.astype(np.float32)).numpy().tobytes() == want.tobytes()


def test_training_goes_on_as_it_would_have(tmp_path):
    model = sequential()
    y = np.zeros((9, 2))
    ff.Trainer(model, optimizer="sgd", loss="mse").fit(X, y, epochs=2, verbose=0)
    model.save(tmp_path / "m")
    same = ff.load_model(tmp_path / "m")
    for m in (model, same):  # the dropout's counter is part of the model
        ff.Trainer(m, optimizer="sgd", loss="mse").fit(X, y, epochs=2, verbose=0)
    for a, b in zip(model.get_weights(), same.get_weights(), strict=True):
        assert a.tobytes() == b.tobytes()


def test_the_file_is_safetensors_without_code(tmp_path):
    numpy_io = pytest.importorskip("safetensors.numpy")
    model = ff.Sequential([ff.Input((5,)), Scaled(2)], seed=0)
    model.save(tmp_path / "m.safetensors")
    arrays = numpy_io.load_file(tmp_path / "m.safetensors")
    for i, weight in enumerate(model.get_weights()):
        name = f"{i}.{model.variables[i].name}"
        assert arrays[name].tobytes() == weight.tobytes()
    text = (tmp_path / "m.safetensors").read_bytes()
    assert b"test_saving" not in text and b"feedfwd.layers" not in text and b"pickle" not in text


def test_errors_of_models(tmp_path):
    with pytest.raises(ValueError, match="is not built"):
        ff.Sequential([ff.layers.Dense(2)]).save(tmp_path / "m")
    model = ff.Sequential([ff.Input((2,)), ff.layers.Dense(2, activation=lambda x: x)], seed=0)
    with pytest.raises(ValueError, match="activation"):
        model.save(tmp_path / "m")
    assert list(tmp_path.iterdir()) == []
    ff.Sequential([ff.Input((5,)), Scaled(2)], seed=0).save(tmp_path / "m")
    with pytest.raises(ValueError, match=r"unknown class 'Scaled'.*custom_objects="):
        ff.load_model(tmp_path / "m")
    with pytest.raises(TypeError, match="custom_objects: got "):
        ff.load_model(tmp_path / "m", [Scaled])
    with pytest.raises(ValueError, match="device"):
        ff.load_model(tmp_path / "m", CUSTOM, device="gpu")
    with pytest.raises(ValueError, match=r"a model and no run; use ff.load_model"):
        ff.Trainer.load(tmp_path / "m", CUSTOM)


def test_a_configuration_that_does_not_fit_its_arrays(tmp_path):
    """A file with the right digest whose parts contradict one another."""
    path = str(tmp_path / "m")
    sequential().save(path)
    arrays, metadata = container.read(path)
    config = json.loads(metadata["config"])

    def refused(match, change, some=arrays):
        changed = json.loads(metadata["config"])
        change(changed)
        container.write(path, some, {**metadata, "config": json.dumps(changed)})
        with pytest.raises(ValueError, match=match):
            ff.load_model(path)

    def units(n):
        def change(c):
            c["model"]["config"]["layers"][1]["config"]["units"] = n

        return change

    refused(r"the file has float32 \(5, 6\), the model .* float32 \(5, 7\)", units(7))
    refused(r"the file has|overflow|too large", units(2**40))
    refused("layers", lambda c: c["model"]["config"].update(layers=3))
    refused("no model", lambda c: c.clear())
    refused("'Sequentially'", lambda c: c["model"].update(class_name="Sequentially"))
    refused("class_name", lambda c: c["model"].update(class_name=["x"]))
    refused("weights", lambda c: c["model"]["weights"].pop())
    refused("lacks the weight", lambda c: None, {k: arrays[k] for k in list(arrays)[1:]})
    refused("does not work here", lambda c: c["model"].pop("weights"))
    refused("does not work here", lambda c: c["model"].update(trainable=3))
    refused("seed", lambda c: c["model"]["config"].update(seed=-1))
    deep = "[" * 100000 + "]" * 100000
    container.write(path, arrays, {**metadata, "config": deep})
    with pytest.raises(ValueError, match="nested too deeply"):
        ff.load_model(path)
    container.write(path, arrays, {**metadata, "config": '{"a": 1, "a": 2}'})
    with pytest.raises(ValueError, match="a key stands twice"):
        ff.load_model(path)
    container.write(path, arrays, {**metadata, "format_version": "2"})
    with pytest.raises(ValueError, match="format version 2, expected 1"):
        ff.load_model(path)
    assert config["model"]["class_name"] == "Sequential"


def test_container_round_trip(tmp_path):
    path = str(tmp_path / "c")
    arrays = {
        "a": np.arange(6, dtype=np.float32).reshape(2, 3),
        "b": np.array(True),
        "c": np.zeros((0, 4)),
        "d": np.arange(10, dtype=">i8")[::-2],
        "e": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        "f": np.array([1, 2, 3], np.uint8),
        'é \U0001f600 " \\': np.array([np.nan, -0.0], np.float16),
    }
    texts = {"k": "v\n\u2028\U0001f600", "": ""}
    container.write(path, arrays, texts)
    found, metadata = container.read(path)
    assert {k: v for k, v in metadata.items() if k != "digest"} == texts
    assert set(found) == set(arrays)
    for name, array in arrays.items():
        native = array.astype(array.dtype.newbyteorder("="))
        assert found[name].dtype == native.dtype and found[name].shape == array.shape
        assert found[name].tobytes() == native.tobytes()


def test_nest_round_trip():
    value = {"a": [1, (2.5, None)], 3: {"x": float("nan"), "y": float("-inf")}, "s": "é\n"}
    arrays = {}
    packed = nest.pack({**value, "w": np.ones((2, 2))}, arrays, "here")
    back = nest.unpack(nest.load(nest.dump(packed)), arrays)
    assert repr({k: v for k, v in back.items() if k != "w"}) == repr(value)
    assert back["w"].tobytes() == np.ones((2, 2)).tobytes()
    with pytest.raises(ValueError, match="here: function cannot be put in a file"):
        nest.pack([len, lambda: 0][1:], {}, "here")
    for bad in ({"x": 1}, {"array": "none"}, {"dict": [[1]]}, {"dict": [[[1], 2]]}, {"input": [1]}):
        with pytest.raises(ValueError, match="configuration"):
            nest.unpack(bad, {})


# ---- writing


@pytest.mark.parametrize("name", ["open", "write", "fsync", "replace", "close", "link", "chmod"])
def test_every_call_that_fails_leaves_the_old_file(name, tmp_path, monkeypatch):
    path = tmp_path / "m"
    sequential().save(path)
    old = path.read_bytes()
    trainer = ff.Trainer(sequential(), loss="mse")
    trainer.fit(X, np.zeros((9, 2)), verbose=0)
    real, failed = getattr(os, name), 0
    for k in range(60):
        calls = iter(range(1000))

        def failing(*args, k=k, calls=calls, **kw):
            if next(calls) == k:
                if name == "close":
                    real(*args, **kw)
                raise OSError(errno.ENOSPC, "No space left on device")
            return real(*args, **kw)

        with monkeypatch.context() as m:
            m.setattr(os, name, failing)
            try:
                runs.save(trainer, path, keep_previous=True)
                break
            except OSError:
                failed += 1
        assert path.read_bytes() == old or path.read_bytes() == _saved(trainer, tmp_path)
        assert {p.name for p in tmp_path.iterdir()} <= {"m", "m.previous"}
    assert failed >= (0 if name == "chmod" else 1) and k < 59
    ff.Trainer.load(path)
    assert (tmp_path / "m.previous").read_bytes()


def _saved(trainer, folder):
    trainer.save(folder / "other")
    data = (folder / "other").read_bytes()
    (folder / "other").unlink()
    return data


def test_short_writes_are_finished(tmp_path, monkeypatch):
    real = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: real(fd, bytes(data[:7])))
    atomic.write(str(tmp_path / "a"), [b"0123456789" * 5])
    assert (tmp_path / "a").read_bytes() == b"0123456789" * 5


def test_targets(tmp_path):
    model = sequential()
    with pytest.raises(FileNotFoundError) as raised:
        model.save(tmp_path / "none" / "m")
    assert raised.value.filename == str(tmp_path / "none" / "m")
    with pytest.raises(IsADirectoryError):
        model.save(tmp_path)
    for bad in (None, 3, 2.5, [], open):
        with pytest.raises(TypeError, match="path: got"):
            model.save(bad)
        with pytest.raises(TypeError, match="path: got"):
            ff.load_model(bad)
    for bad in ("", "a\0b", "\ud800"):
        with pytest.raises(ValueError, match="path"):
            model.save(bad)
    model.save(bytes(tmp_path / "b"))
    (tmp_path / "link").symlink_to(tmp_path / "b")
    os.chmod(tmp_path / "b", 0o640)
    model.save(tmp_path / "link")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "b").stat().st_mode & 0o777 == 0o640
    os.mkfifo(tmp_path / "fifo")
    for call in (model.save, ff.load_model):
        with pytest.raises(ValueError, match="regular file"):
            call(tmp_path / "fifo")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    for call in (model.save, ff.load_model):
        with pytest.raises(OSError, match="symbolic links"):
            call(tmp_path / "loop")
    model.save("relative") if os.chdir(tmp_path) is None else None
    assert ff.load_model("relative").seed == 3


def test_what_killed_processes_left_is_swept_away(tmp_path):
    model = sequential()
    left = tmp_path / ".m.0123456789ab.tmp"
    left.write_bytes(b"half")
    other = tmp_path / ".m.note.tmp"
    other.write_bytes(b"not ours")
    model.save(tmp_path / "m")
    assert not left.exists() and other.exists()


def test_header_is_refused_before_memory_is_asked_for(tmp_path):
    path = tmp_path / "m"
    header = b'{"a":{"dtype":"F32","shape":[4611686018427387904,2],"data_offsets":[0,8]}}'
    path.write_bytes(struct.pack("<Q", len(header)) + header + b"\0" * 8)
    with pytest.raises(ValueError, match="'a' overflows"):
        ff.load_model(path)
    path.write_bytes(struct.pack("<Q", 2**64 - 1) + header)
    with pytest.raises(ValueError, match="header's length is 18446744073709551615"):
        ff.load_model(path)
