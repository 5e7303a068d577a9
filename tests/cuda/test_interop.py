"""Arrays of other libraries on the GPU, in and out."""

from __future__ import annotations

import os
from typing import Any

import feedfwd as ff
import numpy as np
import pytest
from feedfwd import _core
from networks import LABELS, X, Y, classifier, regressor, same, sparse

ON_SHIM = os.environ.get("FEEDFWD_SHIM") == "1"


def there(values: Any) -> Any:
    return _core.to_device(ff.ops.convert_to_tensor(values), "cuda")


class Foreign:
    """An array on the device as CuPy shows it: an interface, no way to NumPy."""

    def __init__(self, values: Any, strides: Any = None, shape: Any = None, **other: Any) -> None:
        self.tensor = there(values)
        interface = dict(self.tensor.__cuda_array_interface__)
        if strides is not None:
            interface["strides"] = strides
        if shape is not None:
            interface["shape"] = shape
        self.__cuda_array_interface__ = {**interface, **other}

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        raise TypeError("not without a copy")


class OnlyDlpack:
    def __init__(self, values: Any) -> None:
        self.tensor = there(values)
        self.streams: list[Any] = []

    def __dlpack_device__(self) -> tuple[int, int]:
        return self.tensor.__dlpack_device__()

    def __dlpack__(self, stream: Any = None) -> Any:
        self.streams.append(stream)
        return self.tensor.__dlpack__(stream=stream)


KINDS = {"interface": Foreign, "dlpack": OnlyDlpack, "tensor": there}


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "int64", "bool"])
@pytest.mark.parametrize("kind", KINDS)
def test_in_and_out(kind: str, dtype: str, device: str) -> None:
    values = (np.arange(24).reshape(4, 2, 3) % 7).astype(dtype)
    t = ff.ops.convert_to_tensor(KINDS[kind](values))
    assert t.device == "cuda" and str(t.dtype) == dtype
    assert t.numpy().tolist() == values.tolist()
    interface = t.__cuda_array_interface__
    assert interface["shape"] == (4, 2, 3) and interface["version"] == 3
    assert np.dtype(interface["typestr"]) == np.dtype(dtype)


def test_no_copy(device: str) -> None:
    x = Foreign(np.ones((3, 4)))
    t = ff.ops.convert_to_tensor(x)
    assert t.__cuda_array_interface__["data"][0] == x.__cuda_array_interface__["data"][0]
    again = ff.ops.convert_to_tensor(OnlyDlpack(np.ones(2)))
    capsule = again.__dlpack__()
    assert "dltensor" in repr(capsule)
    del capsule, again


def test_layouts(device: str) -> None:
    values = np.arange(24.0).reshape(4, 6)
    every_other = Foreign(values, strides=(96, 8), shape=(2, 6))
    assert ff.ops.convert_to_tensor(every_other).numpy().tolist() == values[::2].tolist()
    turned = Foreign(values, strides=(8, 48), shape=(6, 4))
    assert ff.ops.convert_to_tensor(turned).numpy().tolist() == values.T.tolist()
    flat = Foreign(values, strides=(16,), shape=(12,))
    assert ff.ops.convert_to_tensor(flat).numpy().tolist() == values.ravel()[::2].tolist()
    with pytest.raises(ValueError, match="contiguous copy"):
        ff.ops.convert_to_tensor(Foreign(values, strides=(8, 96, 32), shape=(3, 2, 4)))
    with pytest.raises(TypeError, match="<f2"):
        ff.ops.convert_to_tensor(Foreign(values, typestr="<f2"))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("where", ["cuda", "cpu"])
def test_predict(where: str, kind: str, device: str) -> None:
    model = classifier(device=where)
    x = X.astype(np.float32)
    got = model.predict(KINDS[kind](x))
    assert isinstance(got, ff.Tensor) and got.device == "cuda"
    assert got.numpy().tobytes() == classifier().predict(x).tobytes()
    assert isinstance(model.predict(x), np.ndarray)
    many = np.tile(x, (100, 1))  # more rows than are computed at once
    assert model.predict(KINDS[kind](many)).numpy().tobytes() == model.predict(many).tobytes()
    once = model(KINDS[kind](x))
    assert once.numpy().tobytes() == got.numpy().tobytes()


def test_predict_of_several_inputs(device: str) -> None:
    a, b = ff.Input((2,), name="a"), ff.Input((4,), name="b")
    joined = ff.ops.concatenate([ff.layers.Dense(3)(a), ff.layers.Dense(3)(b)], axis=1)
    model = ff.Model([a, b], {"sum": ff.layers.Dense(2)(joined), "same": joined}, device="cuda")
    x = {"b": X.astype("f4"), "a": X[:, :2].astype("f4")}
    want = model.predict(x)
    got = model.predict({k: Foreign(v) for k, v in x.items()})
    assert set(got) == {"sum", "same"}
    for k in want:
        assert got[k].numpy().tobytes() == want[k].tobytes()
    got = model.predict([there(x["a"]), there(x["b"])])
    assert got["sum"].numpy().tobytes() == want["sum"].tobytes()


def test_predict_refuses(device: str) -> None:
    model = classifier(device="cuda")
    model.predict(X)
    with pytest.raises(ValueError, match="expected"):
        model.predict(Foreign(np.ones((3, 5), np.float32)))
    with pytest.raises(ValueError, match="rows"):
        model.predict(Foreign(np.ones((0, 4), np.float32)))
    with pytest.raises(ValueError, match="rows"):
        model.predict(Foreign(np.float32(1)))


@pytest.mark.parametrize("kind", KINDS)
def test_training(kind: str, device: str) -> None:
    made = []
    for wrap in (KINDS[kind], np.asarray):
        trainer = ff.Trainer(classifier(device="cuda"), "adam", sparse())
        trainer.fit(wrap(X), wrap(LABELS), epochs=1, batch_size=16, verbose=0)
        made.append(trainer.model)
    assert same(*made)


def test_in_operations(device: str) -> None:
    w = there(np.ones((4, 2)))
    y = w * Foreign(np.full((4, 2), 3.0)) + 1
    assert y.device == "cuda" and (y.numpy() == 4).all()
    model = regressor(device="cuda", dtype="float64")
    with ff.GradientTape() as tape:
        loss = ff.losses.MeanSquaredError()(there(Y[:, None]), model(Foreign(X)))
    assert all(g.device == "cuda" for g in tape.gradient(loss, model.trainable_variables))


def test_a_variable_is_not_shared(device: str) -> None:
    model = regressor(device="cuda")
    model.predict(X)
    v = model.variables[0]
    t = ff.ops.convert_to_tensor(v)
    before = t.numpy()
    pointer = t.__cuda_array_interface__["data"][0]
    again = Foreign(before, data=(pointer, False))
    again.owner = t.__cuda_array_interface__["owner"]
    v.assign(v.numpy() + 1)
    assert t.numpy().tobytes() == before.tobytes()


def test_on_the_host_too(device: str) -> None:
    t = ff.ops.convert_to_tensor(np.arange(6.0).reshape(2, 3))
    assert t.__dlpack_device__() == (1, 0)
    assert np.from_dlpack(t).tolist() == [[0, 1, 2], [3, 4, 5]]
    assert not hasattr(t, "__cuda_array_interface__")


# --- with the libraries themselves ---------------------------------------------------------------


@pytest.mark.skipif(ON_SHIM, reason="needs a GPU")
def test_cupy(device: str) -> None:
    cupy = pytest.importorskip("cupy")
    model = classifier(device="cuda")
    x = X.astype(np.float32)
    want = model.predict(x)
    with cupy.cuda.Stream(non_blocking=True):
        given = cupy.asarray(x) * 2 - cupy.asarray(x)
        got = model.predict(given)
        assert isinstance(got, cupy.ndarray)
        assert cupy.asnumpy(got + 0).tobytes() == want.tobytes()
    turned = cupy.asarray(np.ascontiguousarray(x.T)).T
    assert cupy.asnumpy(model.predict(turned)).tobytes() == want.tobytes()
    a, b = cupy.random.rand(300, 700), cupy.random.rand(700, 50)
    y = ff.ops.matmul(a, b)
    cupy.testing.assert_allclose(cupy.asarray(y), a @ b, rtol=1e-12)


@pytest.mark.skipif(ON_SHIM, reason="needs a GPU")
def test_torch(device: str) -> None:
    torch = pytest.importorskip("torch")
    if not torch.cuda.is_available():
        pytest.skip("PyTorch has no GPU")
    model = classifier(device="cuda")
    x = X.astype(np.float32)
    stream = torch.cuda.Stream()
    with torch.cuda.stream(stream):
        given = torch.from_numpy(x).cuda() * 2 - torch.from_numpy(x).cuda()
        got = model.predict(given)
        assert isinstance(got, torch.Tensor) and got.is_cuda
    assert got.cpu().numpy().tobytes() == model.predict(x).tobytes()


@pytest.mark.skipif(ON_SHIM, reason="needs a GPU")
def test_jax(device: str) -> None:
    jax = pytest.importorskip("jax")
    if jax.default_backend() != "gpu":
        pytest.skip("JAX has no GPU")
    model = classifier(device="cuda")
    got = model.predict(jax.numpy.asarray(X.astype(np.float32)))
    assert isinstance(got, jax.Array)
    assert np.asarray(got).tobytes() == model.predict(X.astype(np.float32)).tobytes()
