"""Ctrl-C at random moments in fit, evaluate, predict and save, and inside what the user wrote.

A child does one of these; the parent sends SIGINT at a moment spread over its duration. Within a
second the child sees KeyboardInterrupt (time from the parent's sending to the except clause), its
model is usable, and what was promised of that call holds: weights of a step boundary and, with
resume=True, the bits of an uninterrupted fit; the old file or the new one.

Besides, in this process, KeyboardInterrupt is raised at every place of the package's code where
Python may look at signals during a fit; the fit is resumed each time.
"""

from __future__ import annotations

import contextlib
import inspect
import os
import pathlib
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import common
import feedfwd as ff
import networks_to_train as nets
import numpy as np

SCRIPT = __file__
ROWS, FEATURES, UNITS = 4096, 64, 256
PACKAGE = str(pathlib.Path(ff.__file__).parent)


def big() -> ff.Trainer:
    """Half a second of work."""
    layers = [ff.Input((FEATURES,)), ff.layers.Dense(UNITS, "relu"), ff.layers.Dropout(0.2)]
    model = ff.Sequential([*layers, ff.layers.Dense(UNITS, "tanh"), ff.layers.Dense(1)], seed=0)
    return ff.Trainer(model, ff.optimizers.Adam(1e-3), "mse")


def data() -> tuple[np.ndarray, np.ndarray]:
    """Rows for it."""
    x = np.random.default_rng(0).normal(size=(ROWS, FEATURES)).astype(np.float32)
    return x, x[:, 0] * x[:, 1]


class Interrupted:
    """The child's side: tell of the start, and of when KeyboardInterrupt came."""

    def __init__(self) -> None:
        self.came = 0.0

    def during(self, work: Callable[[], Any]) -> bool:
        """Do the work; whether it was interrupted."""
        os.write(1, b"go\n")
        begin = time.monotonic()
        try:
            work()
            os.write(1, f"done {time.monotonic() - begin:.6f}\n".encode())
            # The signal is still to come; not during the report. In small pieces: one that comes
            # just before a sleep does not end it.
            for _ in range(100 * common.TIMEOUT):
                time.sleep(0.01)
        except KeyboardInterrupt:
            self.came = time.monotonic()
            signal.signal(signal.SIGINT, signal.SIG_IGN)
        os.write(1, f"came {self.came:.6f}\n".encode())
        return True


def child_fit(_: str) -> None:
    """Interrupted fit: a step boundary's weights; resumed, the bits of the whole."""
    x, y = data()
    trainer, steps = big(), []
    Interrupted().during(lambda: trainer.fit(x, y, epochs=3, batch_size=32, verbose=0))
    steps.append(int(trainer.optimizer.iterations))
    print("weights", steps[0], common.digest(trainer.model.get_weights()), flush=True)
    trainer.model.predict(x[:3])
    trainer.evaluate(x[:300], y[:300], verbose=0)
    trainer.fit(x, y, epochs=3, batch_size=32, verbose=0, resume=True)
    print("result", common.digest(trainer.model.get_weights()), trainer.history.history["loss"])


def child_evaluate(_: str) -> None:
    """Interrupted evaluate: the next gives the numbers of one that was not."""
    x, y = data()
    trainer = big()
    trainer.evaluate(x, y, verbose=0)

    def work() -> None:
        for _ in range(12):
            trainer.evaluate(x, y, batch_size=16, verbose=0)

    Interrupted().during(work)
    print("result", trainer.evaluate(x, y, verbose=0), common.digest(trainer.model.get_weights()))


def child_predict(_: str) -> None:
    """Interrupted predict: the next gives the bits."""
    x, _y = data()
    model = big().model
    model.predict(x)
    many = np.tile(x, (20, 1))
    Interrupted().during(lambda: model.predict(many, batch_size=8))
    print("result", common.digest([model.predict(x), *model.get_weights()]))


def child_save(path: str) -> None:
    """Interrupted save: the old file or the new one, whole."""
    model = ff.Sequential([ff.Input((1500,)), ff.layers.Dense(1500)], seed=0)
    file = pathlib.Path(path)

    def paint(value: float) -> None:
        model.set_weights([np.full(w.shape, value, w.dtype) for w in model.get_weights()])

    def work() -> None:
        for i in range(5):
            paint(float(i))
            model.save(file)

    paint(0.0)
    model.save(file)
    Interrupted().during(work)
    now = float(model.get_weights()[0][0, 0])
    kept = ff.load_model(file).get_weights()[0]
    value = float(kept[0, 0])
    strays = [p.name for p in file.parent.iterdir() if p != file]
    model.save(file)
    whole = bool((kept == value).all()) and value in (now - 1, now, now + 1) and not strays
    print("result", whole, "" if whole else f"{value} {now} {strays}")


class Slow(ff.callbacks.Callback):
    """A callback that takes its time."""

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Work in Python."""
        time.sleep(0.004)


class SlowLayer(ff.layers.Layer):
    """A layer whose call takes its time."""

    def call(self, x: Any) -> Any:
        """The same."""
        for _ in range(100):
            time.sleep(0.004)
        return x * 1.0


def child_inside(where: str) -> None:
    """Interrupted inside a callback, a generator or a custom layer's call."""
    trainer, asked = nets.trainer_of("adam-plain"), []
    data: tuple[Any, ...] = (nets.X, nets.LABELS)
    if where == "callback":
        asked.append(Slow())
    elif where == "layer":
        model = ff.Sequential([ff.Input((6,)), SlowLayer(), ff.layers.Dense(3)], seed=1)
        trainer = ff.Trainer(model, "adam", trainer.loss)
    else:

        class Batches(nets.Batches):
            def __iter__(self) -> Any:
                for item in nets.Batches.__iter__(self):
                    time.sleep(0.004)
                    yield item

        data = (Batches(),)
    settings: dict[str, Any] = {"epochs": 4, "verbose": 0, "callbacks": asked}
    Interrupted().during(lambda: trainer.fit(*data, **settings))
    trainer.fit(*data, **settings, resume=True)
    print("result", common.digest(trainer.model.get_weights()), trainer.history.history["loss"])


CHILDREN = {
    "fit": child_fit,
    "evaluate": child_evaluate,
    "predict": child_predict,
    "save": child_save,
    "inside": child_inside,
}


class Told:
    """One child's life: when it was interrupted and what it said afterwards."""

    def __init__(self, kind: str, argument: str, wait: float | None) -> None:
        child = subprocess.Popen(
            common.command(SCRIPT, kind, argument),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert child.stdout is not None
        child.stdout.readline()
        said = ""
        if wait is None:  # until the work is done
            said = child.stdout.readline()
        else:
            time.sleep(wait)
        sent = time.monotonic()
        child.send_signal(signal.SIGINT)
        try:
            out, self.errors = child.communicate(timeout=common.TIMEOUT)
        except subprocess.TimeoutExpired:
            child.kill()
            out, self.errors = child.communicate()
            self.errors = f"hung; it said {said + out!r}; {self.errors}"
        self.lines = dict(line.split(" ", 1) for line in (said + out).splitlines() if " " in line)
        self.code = child.returncode
        self.late = "done" in self.lines
        self.delay = float(self.lines.get("came", "inf")) - sent


def duration(kind: str, argument: str) -> tuple[float, str]:
    """Seconds of the work, and the result when nothing interrupts it."""
    told = Told(kind, argument, None)
    if not told.late:
        raise RuntimeError(f"{kind} {argument}: {told.errors}")
    return float(told.lines["done"]), told.lines["result"]


def boundaries() -> dict[int, str]:
    """Weights after each step of the fit."""
    x, y = data()
    trainer, found = big(), {}
    found[0] = common.digest(trainer.model.get_weights())

    class Note(ff.callbacks.Callback):
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            count = int(self.trainer.optimizer.iterations)
            found[count] = common.digest(self.model.get_weights())

    trainer.fit(x, y, epochs=3, batch_size=32, verbose=0, callbacks=Note())
    return found


def signals(report: common.Report, kind: str, argument: str, n: int) -> None:
    """n signals, spread over the work."""
    name = f"{kind} {argument}".strip() if kind == "inside" else kind
    with common.folder() as folder:
        argument = str(folder / "m.safetensors") if kind == "save" else argument
        seconds, want = duration(kind, argument)
        report.at_most(f"duration of {name}, ms", 1e3 * seconds)
        steps = boundaries() if kind == "fit" else {}
        for fraction in common.spread(3, n):
            told = Told(kind, argument, fraction * seconds)
            report.count(f"signals in {name}")
            if told.late:
                report.count("signals that came after the end")
            where = f"{name}, signal at {fraction:.3f}"
            if not report.expect(told.code == 0, f"{where}: {told.code} {told.errors[-500:]}"):
                continue
            report.at_most(f"longest wait in {name}, ms", 1e3 * told.delay)
            report.expect(told.delay < 1.0, f"{where}: took {told.delay:.3f} s")
            found = told.lines["result"]
            report.expect(found == want, f"{where}: {found} instead of {want}")
            if kind == "fit":
                step, bits = told.lines["weights"].split()
                text = f"{where}: weights of no boundary, at step {step}"
                report.expect(steps.get(int(step)) == bits, text)


class Tracer:
    """Raises KeyboardInterrupt at the k-th place where Python may look at signals.

    That is as a Python function begins, and after a call of anything; so a profile function, which
    is told of both, stands for the signal. Generators and unwinding look at no signals.
    """

    def __init__(self, k: int) -> None:
        self.k, self.places, self.where = k, 0, ""
        self.seen: list[tuple[Any, ...]] = []

    def __call__(self, frame: Any, event: str, argument: Any) -> None:
        code = frame.f_code
        if event == "c_return":
            if argument is sys.setprofile:
                return
        elif code.co_flags & inspect.CO_GENERATOR or event not in ("call", "return"):
            return
        if event == "return" and argument is None:
            return  # perhaps an exception that passes
        if not code.co_filename.startswith((PACKAGE, contextlib.__file__)):
            return
        self.seen.append((code, frame.f_lineno, event))
        self.places += 1
        if self.places - 1 == self.k:
            name = os.path.basename(code.co_filename)
            self.where = f"{name}:{frame.f_lineno} {code.co_name} ({event})"
            sys.setprofile(None)
            raise KeyboardInterrupt


def fit_traced(name: str, k: int, epochs: int) -> tuple[ff.Trainer, Tracer]:
    """A fit that is interrupted at place k."""
    trainer, tracer = nets.trainer_of(name), Tracer(k)
    try:
        sys.setprofile(tracer)
        nets.fit(trainer, name, epochs=epochs)
        sys.setprofile(None)
    except KeyboardInterrupt:
        sys.setprofile(None)
    return trainer, tracer


def every_place(report: common.Report, name: str, most: int) -> None:
    """Interrupt a fit at each place, first and last time it comes to it; resume it.

    A fresh fit afterwards shows that nothing of the interrupted one stayed behind.
    """
    epochs = 2
    whole = nets.trainer_of(name)
    nets.fit(whole, name, epochs=epochs)
    want = nets.result(whole)
    seen = fit_traced(name, -1, epochs)[1].seen
    first = {place: k for k, place in reversed(list(enumerate(seen)))}
    last = {place: k for k, place in enumerate(seen)}
    chosen = sorted({*first.values(), *last.values()})
    chosen = chosen[:: max(1, len(chosen) // most)]
    report.count("places in a fit", len(seen))
    for k in chosen:
        trainer, tracer = fit_traced(name, k, epochs)
        report.count("interrupted places of a fit")
        where = f"{name}, place {k}, {tracer.where}"
        try:
            trainer.model.predict(nets.X[:2])
            nets.fit(trainer, name, epochs=epochs, resume=True)
            found = nets.result(trainer)
            report.expect(found == want, f"{where}: {found} instead of {want}")
        except Exception as error:
            report.expect(False, f"{where}: resumed: {error!r}")
        fresh = nets.trainer_of(name)
        nets.fit(fresh, name, epochs=epochs)
        report.expect(nets.result(fresh) == want, f"{where}: another fit has other bits")


def run(report: common.Report) -> None:
    """All kinds."""
    n = 200 if report.long else 10
    for kind in ("fit", "evaluate", "predict", "save"):
        signals(report, kind, "", n)
    for where in ("callback", "generator", "layer"):
        signals(report, "inside", where, n // 5)
    names = ("sgd-stopping", "rmsprop-generator", "adam-plain")
    for name in names[: 3 if report.long else 2]:
        every_place(report, name, 10_000 if report.long else 30)


if __name__ == "__main__":
    common.main(run, CHILDREN)
