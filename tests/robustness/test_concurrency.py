"""Many threads, forks and signals on one model. What could hang or crash runs in a process of its
own."""

from __future__ import annotations

import gc
import os
import pathlib
import subprocess
import sys
import textwrap
import threading
import time
import weakref

import feedfwd as ff
import numpy as np
import pytest
from feedfwd import _core


def network(seed=0, width=32):
    layers = [ff.layers.Dense(width, activation="tanh"), ff.layers.Dense(width), ff.layers.Dense(2)]
    return ff.Sequential(layers, seed=seed)


def rows(n=64, features=8, seed=0):
    return np.random.default_rng(seed).normal(size=(n, features)).astype(np.float32)


def together(n, work):
    """Run work(i) on n threads that begin at once; what they raised is raised here."""
    barrier, errors = threading.Barrier(n), []

    def run(i):
        barrier.wait()
        try:
            work(i)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(i,), daemon=True) for i in range(n)]
    for t in threads:
        t.start()
    for t in threads:
        t.join(60)
        assert not t.is_alive(), "hangs"
    if errors:
        raise errors[0]


def run_python(code, timeout=60, args=()):
    """stdout of a process that must end well and say nothing else."""
    env = {**os.environ, "PYTHONPATH": str(pathlib.Path(ff.__file__).parents[1])}
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), *args],
        capture_output=True,
        text=True,
        timeout=timeout,
        env=env,
    )
    assert (done.returncode, done.stderr) == (0, ""), done
    return done.stdout


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_our_threads_leave_signals_to_python():
    """A signal that a worker took would not wake a main thread that sleeps."""
    text = r"""
import os, signal, pathlib
import numpy as np, feedfwd as ff
def masks():
    found = {}
    for task in pathlib.Path("/proc/self/task").iterdir():
        lines = (task / "status").read_text().splitlines()
        found[task.name] = int(next(x for x in lines if x.startswith("SigBlk")).split()[1], 16)
    return found
before = masks()
ff.set_num_threads(2)
model = ff.Sequential([ff.Input((512,)), ff.layers.Dense(512)], seed=0)
model.predict(np.zeros((2000, 512)))
after = masks()
bit = 1 << (signal.SIGINT - 1)
ours = {k: v for k, v in after.items() if k not in before}
assert ours or len(os.sched_getaffinity(0)) == 1
assert all(v & bit for v in ours.values()), ours
assert not any(v & (1 << (signal.SIGSEGV - 1)) for v in ours.values())
assert after[str(os.getpid())] == before[str(os.getpid())]
"""
    subprocess.run([sys.executable, "-c", text], check=True, timeout=60)


# --- one model, many threads --------------------------------------------------------------------


@pytest.mark.parametrize("built", [True, False])
def test_32_threads_predict_the_serial_bits(built):
    x = rows(300)
    want = network().predict(x)
    model = network()
    if built:
        model.predict(x)
    results = {}

    def work(i):
        results[i] = [model.predict(x) for _ in range(10)]

    together(32, work)
    assert all(np.array_equal(r, want) for many in results.values() for r in many)


def test_weights_are_set_at_once():
    a, b, x = network(1), network(2), rows()
    bits = {m.predict(x).tobytes() for m in (a, b)}
    sets = [m.get_weights() for m in (a, b)]
    model = network(1)
    model.predict(x)
    stop, seen = threading.Event(), []

    def work(i):
        if i < 2:
            while not stop.is_set():
                model.set_weights(sets[i])
            return
        try:
            for _ in range(150):
                seen.append(model.predict(x).tobytes())
        finally:
            if i == 2:
                stop.set()

    together(10, work)
    assert set(seen) <= bits


def test_weights_are_read_at_once():
    model, x = network(1, width=500), rows()
    model.predict(x)
    sets = [[np.full_like(w, value) for w in model.get_weights()] for value in (1, 2)]
    stop = threading.Event()

    def work(i):
        if i < 2:
            while not stop.is_set():
                model.set_weights(sets[i])
            return
        try:
            time.sleep(0.01)
            for _ in range(300):
                values = {float(v) for w in model.get_weights() for v in (w.min(), w.max())}
                assert len(values) == 1 or values.isdisjoint({1.0, 2.0})
        finally:
            stop.set()

    together(4, work)


def test_set_weights_is_all_or_nothing():
    model, x = network(), rows()
    want = model.predict(x)
    wrong = [w + 1 for w in model.get_weights()]
    wrong[-1] = np.array(["a", "b"])
    with pytest.raises(TypeError):
        model.set_weights(wrong)
    assert np.array_equal(model.predict(x), want)


class Record(ff.callbacks.Callback):
    """Weights after every step."""

    def __init__(self, model):
        super().__init__()
        self.of, self.weights = model, [model.get_weights()]

    def on_train_batch_end(self, batch, logs=None):
        self.weights.append(self.of.get_weights())


def test_predictions_during_a_fit_are_of_some_step():
    model, x = network(), rows(64)
    y = np.ones((64, 2), np.float32)
    model.predict(x)
    trainer = ff.Trainer(model, loss="mse")
    record = Record(model)
    stop, seen, weights = threading.Event(), [], []

    def work(i):
        if i == 0:
            trainer.fit(x, y, epochs=60, batch_size=32, verbose=0, callbacks=[record])
            stop.set()
        while not stop.is_set():
            (seen if i < 3 else weights).append(
                model.predict(x).tobytes() if i < 3 else model.get_weights()
            )

    together(4, work)
    twin = network()
    twin.predict(x)
    steps, states = set(), set()
    for w in record.weights:
        twin.set_weights(w)
        steps.add(twin.predict(x).tobytes())
        states.add(b"".join(v.tobytes() for v in w))
    assert len(seen) > 5 and set(seen) <= steps
    assert {b"".join(v.tobytes() for v in w) for w in weights} <= states


def test_eager_tensors_during_a_fit_are_whole():
    """A tensor that shows a variable gets a copy of its own before the next write."""
    model, x = network(width=64), rows(256)
    trainer = ff.Trainer(model, loss="mse")
    trainer.fit(x, np.ones((256, 2)), verbose=0)
    stop = threading.Event()

    def work(i):
        if i == 0:
            trainer.fit(x, np.ones((256, 2)), epochs=200, verbose=0)
            stop.set()
        while not stop.is_set():
            kernel = model.trainable_variables[2]
            held = ff.ops.reshape(kernel, (-1,)) * 1.0
            first = held.numpy()
            with ff.GradientTape() as tape:
                loss = ff.ops.sum(kernel * kernel)
            assert np.isfinite(tape.gradient(loss, kernel).numpy()).all()
            assert np.array_equal(held.numpy(), first)

    together(4, work)


def test_fit_during_predictions_has_the_bits_of_a_fit_alone():
    x, y = rows(128), np.ones((128, 2), np.float32)
    alone, model = network(), network()
    ff.Trainer(alone, loss="mse").fit(x, y, epochs=40, verbose=0)
    trainer = ff.Trainer(model, loss="mse")
    stop = threading.Event()

    def work(i):
        if i == 0:
            trainer.fit(x, y, epochs=40, verbose=0)
            stop.set()
        while not stop.is_set():
            model.predict(x)

    together(6, work)
    assert all(
        np.array_equal(a, b) for a, b in zip(alone.get_weights(), model.get_weights(), strict=True)
    )


# --- arrays that change meanwhile ---------------------------------------------------------------


def test_an_array_cannot_be_resized_while_it_is_predicted():
    model = network(width=256)
    x = rows(40_000, 64)
    model.predict(x[:2])
    refused = []

    def work(i):
        if i == 0:
            model.predict(x)
            return
        time.sleep(0.01)
        try:
            x.resize(10, 64, refcheck=False)
        except ValueError as error:
            refused.append(error)

    together(2, work)
    assert refused
    x.resize(10, 64, refcheck=False)
    assert len(x) == 10


def test_arrays_overwritten_and_dropped_while_read():
    model = network(width=64)
    model.predict(rows(2, 64))
    trainer = ff.Trainer(model, loss="mse")
    for use in (model.predict, lambda x: trainer.fit(x, x[:, :2], epochs=3, verbose=0)):
        box, taken = [rows(20_000, 64)], threading.Event()

        def work(i, use=use, box=box, taken=taken):
            array = box[0] if i == 0 else weakref.ref(box[0])
            if i == 0:
                taken.set()
                use(array)
                return
            taken.wait()
            box.clear()
            for _ in range(20):
                if (found := array()) is not None:
                    found[:] = 0.5

        together(2, work)


def test_predict_keeps_no_array():
    model, x = network(), rows()
    model.predict(x)
    before = sys.getrefcount(x)
    model.predict(x)
    assert sys.getrefcount(x) == before and weakref.getweakrefcount(x) == 0
    alive = weakref.ref(x)
    del x
    gc.collect()
    assert alive() is None


# --- the interpreter is free meanwhile ----------------------------------------------------------

LONG = {
    "predict": lambda s: s["model"].predict(s["x"]),
    "matmul": lambda s: s["square"] @ s["square"],
    "elementwise": lambda s: [ff.ops.exp(s["square"]) for _ in range(40)],
    "copies": lambda s: [ff.ops.convert_to_tensor(s["big"]).numpy() for _ in range(4)],
    "shuffled": lambda s: _core.shuffled(3_000_000, 1, 0),
    "draw": lambda s: _core.draw("normal", (1500, 1500), 0.0, 1.0, 1, 0, 0),
    "fit": lambda s: s["trainer"].fit(s["x"][:20000], s["x"][:20000, :2], verbose=0),
}


@pytest.fixture(scope="module")
def things():
    model, x = network(width=128), rows(60_000, 64)
    model.predict(x[:2])
    square = ff.ops.convert_to_tensor(rows(1200, 1200))
    big = rows(8000, 2000)
    trainer = ff.Trainer(model, loss="mse")
    return {"model": model, "x": x, "square": square, "big": big, "trainer": trainer}


@pytest.mark.parametrize("name", LONG)
def test_python_goes_on_during_long_calls(name, things):
    """Another thread's gaps stay far below the call's length."""
    LONG[name](things)
    gaps, stop = [], threading.Event()

    def tick():
        last = time.perf_counter()
        while not stop.is_set():
            time.sleep(0.0005)
            now = time.perf_counter()
            gaps.append(now - last)
            last = now

    ticker = threading.Thread(target=tick)
    ticker.start()
    start = time.perf_counter()
    for _ in range(3):
        LONG[name](things)
    taken = time.perf_counter() - start
    stop.set()
    ticker.join()
    assert len(gaps) > taken / 0.02, (name, taken, len(gaps), max(gaps))


# --- signals, forks and the end of the process --------------------------------------------------

SETUP = """
import os, signal, sys, threading, time
import numpy as np, feedfwd as ff
layers = [ff.layers.Dense(256, activation="tanh"), ff.layers.Dense(256), ff.layers.Dense(2)]
model = ff.Sequential(layers, seed=0)
x = np.random.default_rng(0).normal(size=(500, 64)).astype(np.float32)
y = x[:, :2].copy()
trainer = ff.Trainer(model, loss="mse")
many = np.tile(x, (600, 1))
"""


def run_script(code, *args, timeout=60):
    return run_python(SETUP + textwrap.dedent(code), timeout, args)


def test_a_signal_handler_may_predict_but_not_write():
    out = run_script("""
        want = model.predict(many)
        seen = []
        def handler(*_):
            seen.append(np.array_equal(model.predict(x), want[:500]))
            try:
                model.set_weights(model.get_weights())
            except ValueError as error:
                seen.append("cannot be changed" in str(error))
            signal.setitimer(signal.ITIMER_REAL, 0.05)  # not before: a slow machine goes on too
        signal.signal(signal.SIGALRM, handler)
        signal.setitimer(signal.ITIMER_REAL, 0.02)
        for _ in range(3):
            assert np.array_equal(model.predict(many), want)
        signal.signal(signal.SIGALRM, signal.SIG_IGN)
        model.set_weights(model.get_weights())
        print(all(seen), len(seen) > 1)
    """)
    assert out.split() == ["True", "True"]


@pytest.mark.parametrize("call", ["model.predict(huge)", "trainer.evaluate(huge, labels)"])
def test_ctrl_c_leaves_within_a_second(call):
    out = run_script(
        """
        huge, labels = np.tile(many, (8, 1)), np.zeros((8 * len(many), 2), np.float32)
        want = model.predict(x)
        sent = []
        def send():
            time.sleep(0.5)
            sent.append(time.perf_counter())
            os.kill(os.getpid(), signal.SIGINT)
        threading.Thread(target=send, daemon=True).start()
        work = eval("lambda: " + sys.argv[1])  # eval itself would make the exit status SIGINT's
        try:
            while True:
                work()
        except KeyboardInterrupt:
            assert time.perf_counter() - sent[0] < 1
        print(np.array_equal(model.predict(x), want))
        """,
        call,
    )
    assert out == "True\n"


FORKED = """
def child():
    want = np.load(sys.argv[2])
    got = model.predict(x)
    assert sys.argv[1] == "during" or np.array_equal(got, want)
    model.set_weights(model.get_weights())
    ff.Trainer(model, loss="mse").fit(x, y, epochs=2, verbose=0)
    assert np.isfinite(model.predict(x)).all()
"""


@pytest.mark.parametrize("when", ["before", "after", "during"])
def test_fork(when, tmp_path):
    np.save(tmp_path / "want.npy", np.zeros(0))
    run_script(
        FORKED
        + textwrap.dedent("""
        import warnings
        warnings.simplefilter("ignore")  # newer Pythons warn of any fork beside threads
        if sys.argv[1] != "before":
            trainer.fit(x, y, epochs=2, verbose=0)
        np.save(sys.argv[2], model.predict(x))
        if sys.argv[1] == "during":
            def work():
                while True:
                    trainer.fit(x, y, epochs=20, verbose=0)
            def look():
                while True:
                    model.predict(many)
            for target in (work, look, look):
                threading.Thread(target=target, daemon=True).start()
        for _ in range(8 if sys.argv[1] == "during" else 1):
            time.sleep(0.02)
            pid = os.fork()
            if pid == 0:
                code = 1
                try:
                    child()
                    code = 0
                finally:
                    os._exit(code)
            assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        """),
        when,
        str(tmp_path / "want.npy"),
    )


@pytest.mark.parametrize("method", ["fork", "forkserver", "spawn"])
def test_multiprocessing(method, tmp_path):
    script = tmp_path / "job.py"
    script.write_text(
        textwrap.dedent(SETUP)
        + textwrap.dedent("""
        import multiprocessing, warnings
        def job(weights):
            warnings.simplefilter("ignore")
            model.predict(x)
            model.set_weights(weights)
            first = model.predict(x)
            ff.Trainer(model, loss="mse").fit(x, y, verbose=0)
            return first, model.predict(x)
        if __name__ == "__main__":
            warnings.simplefilter("ignore")
            trainer.fit(x, y, verbose=0)
            weights = model.get_weights()
            want = model.predict(x)
            with multiprocessing.get_context(sys.argv[1]).Pool(2) as pool:
                results = pool.map(job, [weights] * 3)
            assert all(np.array_equal(first, want) for first, _ in results)
            assert all(np.array_equal(last, results[0][1]) for _, last in results)
        """)
    )
    env = {**os.environ, "PYTHONPATH": str(pathlib.Path(ff.__file__).parents[1])}
    done = subprocess.run(
        [sys.executable, script, method], capture_output=True, text=True, timeout=60, env=env
    )
    assert (done.returncode, done.stderr) == (0, ""), done


def test_exit_with_threads_at_work():
    """30 processes whose main thread ends while others predict, fit and compute."""
    code = SETUP + textwrap.dedent("""
        trainer.fit(x, y, verbose=0)
        square = ff.ops.convert_to_tensor(many[:800].repeat(12, axis=1))
        def forever(f):
            while True:
                f()
        jobs = [
            lambda: model.predict(many),
            lambda: model.predict(x),
            lambda: trainer.fit(x, y, epochs=5, verbose=0),
            lambda: ff.ops.exp(square),
            lambda: model.set_weights(model.get_weights()),
            lambda: ff.Sequential([ff.layers.Dense(64)]).predict(x),
        ]
        for job in jobs:
            threading.Thread(target=forever, args=(job,), daemon=True).start()
        time.sleep(float(sys.argv[1]))
    """)
    env = {**os.environ, "PYTHONPATH": str(pathlib.Path(ff.__file__).parents[1])}
    for i in range(0, 30, 2):
        running = [
            subprocess.Popen(
                [sys.executable, "-c", code, str(0.003 * (i + j))],
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env=env,
            )
            for j in range(2)
        ]
        for process in running:
            out, _ = process.communicate(timeout=30)
            assert (process.returncode, out) == (0, b"")
