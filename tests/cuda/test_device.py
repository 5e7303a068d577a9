"""Moving between devices, memory that runs out, and what is said where there is no GPU."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys
from typing import Any

import feedfwd as ff
import numpy as np
import pytest
from feedfwd import _core
from networks import LABELS, X, classifier, regressor, same, sparse

HERE = pathlib.Path(__file__).resolve().parent
ON_SHIM = os.environ.get("FEEDFWD_SHIM") == "1"


def trained(device: str, epochs: int = 2, path: str | None = None) -> Any:
    trainer = ff.Trainer(classifier(dropout=0.2, device=device), "adam", sparse())
    trainer.fit(X, LABELS, epochs=epochs, batch_size=16, verbose=0)
    return trainer


def test_devices(device: str) -> None:
    assert ff.devices() == ["cpu", "cuda"]
    assert ff.Sequential([ff.layers.Dense(1)], device="auto").device == "cuda"


def test_to_and_back(device: str) -> None:
    model = regressor()
    want = model.predict(X)
    assert model.to(device) is model and model.device == "cuda"
    assert {v.device for v in model.variables} == {"cuda"}
    assert model.predict(X).tobytes() == want.tobytes()
    assert np.asarray(model(X[:5])).tobytes() == want[:5].tobytes()
    model.to("cpu")
    assert {v.device for v in model.variables} == {"cpu"}
    assert model.predict(X).tobytes() == want.tobytes()


def test_to_before_the_weights_are_there(device: str) -> None:
    model = regressor().to(device)
    assert model.predict(X).tobytes() == regressor().predict(X).tobytes()


def test_to_refuses(device: str) -> None:
    inner = regressor()
    outer = ff.Sequential([inner, ff.layers.Dense(2)])
    outer.predict(X)
    with pytest.raises(ValueError, match="part of"):
        inner.to(device)
    with pytest.raises(ValueError, match="'gpu'"):
        outer.to("gpu")
    assert inner.device == "cpu"


@pytest.mark.parametrize("order", ["there", "back"])
def test_a_trainer_goes_on_elsewhere(order: str, device: str) -> None:
    first, second = ("cpu", device) if order == "there" else (device, "cpu")
    trainer = trained(first)
    trainer.model.to(second)
    trainer.fit(X, LABELS, epochs=2, batch_size=16, verbose=0)
    alone = trained("cpu")
    alone.fit(X, LABELS, epochs=2, batch_size=16, verbose=0)
    assert same(trainer.model, alone.model)
    assert trainer.optimizer.iterations == alone.optimizer.iterations


@pytest.mark.parametrize("order", ["there", "back"])
def test_a_run_is_resumed_elsewhere(order: str, device: str, tmp_path: pathlib.Path) -> None:
    class Stop(ff.callbacks.Callback):
        def on_train_batch_end(self, batch: int, logs: Any) -> None:
            if self.trainer.optimizer.iterations == 10:
                raise KeyboardInterrupt

    first, second = ("cpu", device) if order == "there" else (device, "cpu")
    trainer = ff.Trainer(classifier(dropout=0.2, device=first), "adam", sparse())
    with pytest.raises(KeyboardInterrupt):
        trainer.fit(X, LABELS, epochs=3, batch_size=16, verbose=0, callbacks=[Stop()])
    path = tmp_path / "run.ff"
    trainer.save(path)
    again = ff.Trainer.load(path, device=second)
    assert again.model.device == second
    again.fit(X, LABELS, epochs=3, batch_size=16, verbose=0, resume=True)
    assert same(again.model, trained("cpu", 3).model)


@pytest.mark.parametrize("order", ["there", "back"])
def test_files(order: str, device: str, tmp_path: pathlib.Path) -> None:
    first, second = ("cpu", device) if order == "there" else (device, "cpu")
    model = trained(first).model
    model.save(tmp_path / "m.ff")
    found = ff.load_model(tmp_path / "m.ff", device=second)
    assert found.device == second and same(model, found)
    assert ff.load_model(tmp_path / "m.ff").device == first


def test_operands_come_together(device: str) -> None:
    v = ff.Variable(np.arange(6.0).reshape(2, 3))
    v.retype("float64", device)
    for y in (v + 1, 2 * v, v @ np.ones((3, 2)), ff.ops.where([[True], [False]], v, 0.0)):
        assert y.device == "cuda"
    assert (v + np.ones(3)).numpy().tolist() == [[1, 2, 3], [4, 5, 6]]
    v.assign(ff.ops.convert_to_tensor(np.zeros((2, 3))))
    assert v.device == "cuda" and not v.numpy().any()
    w = ff.Variable(np.ones((2, 3)))
    w.assign_add(v + 2)
    assert w.device == "cpu" and (w.numpy() == 3).all()


def test_two_models_at_once(device: str) -> None:
    import threading

    models, want = [], trained("cpu", 3).model

    def work() -> None:
        models.append(trained(device, 3).model)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert len(models) == 2 and all(same(m, want) for m in models)


def test_memory_runs_out(device: str) -> None:
    """MemoryError, and the process is as good as before."""
    want = trained("cpu").model
    tall = _core.to_device(ff.ops.convert_to_tensor(np.ones((1 << 20, 1))), device)
    with pytest.raises(MemoryError):
        ff.ops.matmul(tall, np.ones((1, 1 << 20)))  # 4 TiB
    assert same(trained(device).model, want)


# --- a process of its own: other environments ---------------------------------------------------

LOAD = f"import sys; sys.path.insert(0, {str(HERE.parent)!r})\nimport shim\n"
LOAD += "shim.load_shim()\nimport feedfwd as ff, numpy as np\n"


def run(code: str, **env: str) -> str:
    command = [sys.executable, "-W", "error", "-c", LOAD + code]
    environ = {**os.environ, **env}
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


ASK = """
print(ff.devices())
assert ff.Sequential([], device="auto").device == "cpu"
try:
    ff.Sequential([], device="cuda")
except ValueError as error:
    print(error)
"""

on_shim = pytest.mark.skipif(not ON_SHIM, reason="the host shim says what machine there is")


@on_shim
@pytest.mark.parametrize(
    ("env", "sentence"),
    [
        ({"FEEDFWD_SHIM_DRIVER": "0"}, "this machine has no NVIDIA driver"),
        ({"FEEDFWD_SHIM_DRIVER": "11040"}, "the NVIDIA driver supports CUDA 11.4, this build"),
        ({"FEEDFWD_SHIM_DEVICES": "0"}, "this machine has no NVIDIA GPU"),
        (
            {"FEEDFWD_SHIM_DEVICES": "0", "CUDA_VISIBLE_DEVICES": ""},
            "CUDA_VISIBLE_DEVICES hides every GPU",
        ),
        ({"FEEDFWD_SHIM_CAPABILITY": "6"}, "compute capability 6.0, 7.5 or more is needed"),
    ],
)
def test_why_there_is_no_gpu(env: dict[str, str], sentence: str) -> None:
    devices, why = run(ASK, **env).splitlines()
    assert devices == "['cpu']"
    assert why.startswith("device 'cuda' is not available: ") and sentence in why
    assert why.endswith("; use device='cpu'")


STREAM = """
from networks import *
x = np.random.default_rng(0).normal(size=(60_000, 12)).astype(np.float32)
y = (x[:, 0] > 0).astype(np.int64) + (x[:, 1] > 0)
models = []
for device in ("cuda", "cpu"):
    trainer = ff.Trainer(classifier(dropout=0.1, device=device), "adam", sparse())
    trainer.fit(x, y, epochs=1, batch_size=2_000, verbose=0)
    trainer.fit(x, y, epochs=1, batch_size=2_000, verbose=0, shuffle=False)
    models.append(trainer.model)
assert same(*models)
assert models[0].predict(x[:7_001]).tobytes() == models[1].predict(x[:7_001]).tobytes()
y = (100 * x[:, 0]).astype(np.float32)
y[40_123] = np.inf
stopped = []
for device in ("cuda", "cpu"):
    trainer = ff.Trainer(regressor(device=device), "sgd", "mse", on_nonfinite="stop")
    trainer.fit(x, y, epochs=1, batch_size=1000, verbose=0, shuffle=False,
        check_finite=False)
    stopped.append((trainer.model, int(trainer.optimizer.iterations)))
assert stopped[0][1] == stopped[1][1] == 40 and same(stopped[0][0], stopped[1][0])
"""


@on_shim
def test_data_larger_than_the_device() -> None:
    """2.9 MB of x and 0.5 MB of y where 3 MB are free: in pieces, the same bits."""
    run(STREAM, FEEDFWD_SHIM_MEMORY=str(3 << 20))


@on_shim
def test_no_memory_at_all() -> None:
    code = """
from networks import *
x = np.zeros((5000, 400), np.float32)
model = ff.Sequential([ff.layers.Dense(300)], device="cuda")
try:
    model.predict(x)
except MemoryError as error:
    print(str(error).split(":")[0])
small = regressor(device="cuda")
small.predict(X[:, :3])
"""
    assert run(code, FEEDFWD_SHIM_MEMORY=str(3_000_000)) == "cuda"


TILES = """
from networks import *
weights = []
rng = np.random.default_rng(0)
x, y = rng.normal(size=(900, 100)), rng.integers(0, 10, 900)
for device in ("cuda", "cpu"):
    model = ff.Sequential([ff.layers.Dense(90, "relu"), ff.layers.Dense(10)], seed=0, device=device)
    ff.Trainer(model, "adam", sparse()).fit(x, y, batch_size=450, verbose=0)
    weights.append(model)
assert same(*weights)
"""


@on_shim
@pytest.mark.parametrize("least", ["0 0 0", "1e9 0 0", "1e9 1e9 0"])
def test_the_bits_do_not_depend_on_tiles(least: str, tmp_path: pathlib.Path) -> None:
    path = tmp_path / "tiles.txt"
    path.write_text(f"float32 {least}\nfloat64 0.5 0\n")
    run(TILES, FEEDFWD_TILES=str(path))


@on_shim
@pytest.mark.parametrize("text", ["float16 1 1 0", "float32 1 x 0", "float32 1"])
def test_a_tile_file_that_cannot_be_read(text: str, tmp_path: pathlib.Path) -> None:
    path = tmp_path / "tiles.txt"
    path.write_text(text)
    why = run(ASK, FEEDFWD_TILES=str(path)).splitlines()[-1]
    assert "FEEDFWD_TILES" in why and "expected lines like 'float32 0.75 0.75 0'" in why
