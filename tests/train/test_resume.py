"""A fit that was stopped anywhere, in memory or by way of a file, ends with the bits of one that
nothing stopped."""

from __future__ import annotations

import copy
import pickle

import feedfwd as ff
import numpy as np
import pytest

RNG = np.random.default_rng(0)
X = RNG.normal(size=(233, 7)).astype(np.float32)
Y = (X.sum(1) > 0).astype(np.int64)
FIT = {"batch_size": 32, "epochs": 5, "verbose": 0, "validation_split": 0.2}  # 6 steps an epoch


class HaltError(Exception):
    """What the tests stop a fit with."""


class AtStep(ff.callbacks.Callback):
    def __init__(self, at):
        self.left = at

    def on_train_batch_end(self, batch, logs=None):
        self.left -= 1
        if self.left == 0:
            raise HaltError


class AtHook(ff.callbacks.Callback):
    """Stops once in a hook of an epoch, after the other callbacks have done theirs."""

    def __init__(self, hook, epoch):
        self.hook, self.epoch = hook, epoch

    def _maybe(self, hook, epoch):
        if (hook, epoch) == (self.hook, self.epoch):
            self.hook = ""
            raise HaltError

    def on_epoch_begin(self, epoch, logs=None):
        self._maybe("begin", epoch)

    def on_epoch_end(self, epoch, logs=None):
        self._maybe("end", epoch)


def decay():
    return ff.optimizers.schedules.ExponentialDecay(0.05, 4, 0.9)


OPTIMIZERS = {
    "sgd": lambda: ff.optimizers.SGD(0.1),
    "nesterov": lambda: ff.optimizers.SGD(0.1, momentum=0.9, nesterov=True),
    "schedule": lambda: ff.optimizers.SGD(decay(), momentum=0.5),
    "adam": lambda: ff.optimizers.Adam(0.01),
    "amsgrad": lambda: ff.optimizers.Adam(0.01, amsgrad=True, weight_decay=0.01, clipnorm=1.0),
    "like_torch": lambda: ff.optimizers.Adam.like_torch(lr=0.01),
    "adamw": lambda: ff.optimizers.AdamW(0.01),
    "adagrad": lambda: ff.optimizers.Adagrad(0.1),
    "adadelta": lambda: ff.optimizers.Adadelta(1.0),
    "rmsprop": lambda: ff.optimizers.RMSprop(0.01, momentum=0.9, centered=True),
}


def make(optimizer="adam", dtype="float32"):
    layers = [
        ff.Input((7,)),
        ff.layers.Dense(16, activation="relu"),
        ff.layers.Dropout(0.3),
        ff.layers.Dense(2),
    ]
    loss = ff.losses.SparseCategoricalCrossentropy(from_logits=True)
    model = ff.Sequential(layers, seed=1, dtype=dtype)
    return ff.Trainer(model, optimizer=OPTIMIZERS[optimizer](), loss=loss, metrics=["accuracy"])


def watchers(optimizer="adam"):
    found = [ff.callbacks.EarlyStopping(patience=2, restore_best_weights=True)]
    if optimizer != "schedule":
        found.append(ff.callbacks.ReduceLROnPlateau(patience=1, min_delta=0.1))
    return found


def same(a, b):
    assert a.history.history == b.history.history and a.history.epoch == b.history.epoch
    for one, other in zip(a.model.get_weights(), b.model.get_weights(), strict=True):
        assert one.tobytes() == other.tobytes()
    if not callable(a.optimizer.learning_rate):
        assert a.optimizer.learning_rate == b.optimizer.learning_rate


def whole(optimizer="adam", dtype="float32"):
    trainer = make(optimizer, dtype)
    trainer.fit(X, Y, callbacks=watchers(optimizer), **FIT)
    return trainer


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_stopped_between_steps(optimizer, dtype, tmp_path):
    want = whole(optimizer, dtype)
    for at in (1, 5, 6, 7, 20):
        trainer = make(optimizer, dtype)
        with pytest.raises(HaltError):
            trainer.fit(X, Y, callbacks=[*watchers(optimizer), AtStep(at)], **FIT)
        trainer.save(tmp_path / "run.safetensors")
        trainer.evaluate(X, Y, verbose=0)  # has totals of its own
        trainer.fit(X, Y, callbacks=watchers(optimizer), resume=True, **FIT)
        same(trainer, want)
        loaded = ff.Trainer.load(tmp_path / "run.safetensors")
        loaded.save(tmp_path / "again.safetensors")
        loaded = ff.Trainer.load(tmp_path / "again.safetensors")
        loaded.fit(X, Y, callbacks=watchers(optimizer), resume=True, **FIT)
        same(loaded, want)


@pytest.mark.parametrize("hook", ["begin", "end"])
@pytest.mark.parametrize("epoch", [0, 1, 4])
@pytest.mark.parametrize("reuse", [False, True])
def test_stopped_in_a_hook(hook, epoch, reuse, tmp_path):
    want = whole()
    trainer, watch = make(), watchers()
    halt = AtHook(hook, epoch)
    with pytest.raises(HaltError):
        trainer.fit(X, Y, callbacks=[*watch, halt], **FIT)
    trainer.save(tmp_path / "run.safetensors")
    trainer.fit(X, Y, callbacks=[*(watch if reuse else watchers()), halt], resume=True, **FIT)
    same(trainer, want)
    loaded = ff.Trainer.load(tmp_path / "run.safetensors")
    loaded.fit(X, Y, callbacks=watchers(), resume=True, **FIT)
    same(loaded, want)


@pytest.mark.parametrize("save_freq", ["epoch", 1, 4, 7])
def test_checkpoints_and_backups(save_freq, tmp_path):
    want = whole()
    path = tmp_path / "run.safetensors"
    keep = ff.callbacks.ModelCheckpoint(path, save_freq=save_freq)
    with pytest.raises(HaltError):
        make().fit(X, Y, callbacks=[*watchers(), keep, AtStep(21)], **FIT)
    assert (tmp_path / "run.safetensors.previous").exists()
    loaded = ff.Trainer.load(path)
    assert loaded.optimizer.iterations == {"epoch": 18, 1: 20, 4: 20, 7: 14}[save_freq]
    again = ff.callbacks.ModelCheckpoint(path, save_freq=save_freq)
    loaded.fit(X, Y, callbacks=[*watchers(), again], resume=True, **FIT)
    same(loaded, want)
    backup = ff.callbacks.BackupAndRestore(tmp_path / "backup", save_freq=save_freq)
    with pytest.raises(HaltError):
        make().fit(X, Y, callbacks=[*watchers(), backup, AtStep(21)], **FIT)
    fresh = make()
    fresh.fit(X, Y, callbacks=[*watchers(), backup], **FIT)
    same(fresh, want)
    assert list((tmp_path / "backup").iterdir()) == []


def test_a_longer_fit_goes_on_where_a_finished_one_ended(tmp_path):
    want = make()
    want.fit(X, Y, **FIT)
    trainer = make()
    trainer.fit(X, Y, **{**FIT, "epochs": 2})
    trainer.save(tmp_path / "run.safetensors")
    loaded = ff.Trainer.load(tmp_path / "run.safetensors")
    loaded.fit(X, Y, resume=True, **FIT)
    same(loaded, want)
    loaded.fit(X, Y, resume=True, **FIT)  # nothing is left to do
    same(loaded, want)
    trainer.fit(X, Y, resume=True, **FIT)
    same(trainer, want)


def test_resume_without_a_run_begins_one():
    trainer, want = make(), make()
    trainer.fit(X, Y, resume=True, **FIT)
    want.fit(X, Y, **FIT)
    same(trainer, want)


def test_a_run_that_stopped_early_stays_stopped(tmp_path):
    trainer = make()
    stop = ff.callbacks.EarlyStopping(patience=1, min_delta=10.0, restore_best_weights=True)
    path = tmp_path / "run.safetensors"
    trainer.fit(X, Y, callbacks=[stop, ff.callbacks.ModelCheckpoint(path)], **FIT)
    assert len(trainer.history.epoch) == 2
    loaded = ff.Trainer.load(path)  # written before the best weights were put back
    stop = ff.callbacks.EarlyStopping(patience=1, min_delta=10.0, restore_best_weights=True)
    keep = ff.callbacks.ModelCheckpoint(path)
    loaded.fit(X, Y, callbacks=[stop, keep], resume=True, **FIT)
    same(loaded, trainer)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda t: pickle.loads(pickle.dumps(t))])
def test_copies_go_on_alike(copied):
    want = whole()
    copied(make()).fit(X, Y, **FIT)  # before the first fit too
    trainer = make()
    with pytest.raises(HaltError):
        trainer.fit(X, Y, callbacks=[*watchers(), AtStep(9)], **FIT)
    twin = copied(trainer)
    twin.fit(X, Y, callbacks=watchers(), resume=True, **FIT)
    same(twin, want)
    assert trainer.optimizer.iterations == 9  # the copy has an optimizer of its own
    trainer.fit(X, Y, callbacks=watchers(), resume=True, **FIT)
    same(trainer, want)


class Counting(ff.callbacks.Callback):
    """Keeps a list that it changes in place; may stop the fit at a batch."""

    def __init__(self, stop_at=None):
        self.seen, self.stop_at, self.batches = [], stop_at, 0

    def on_epoch_end(self, epoch, logs=None):
        self.seen.append(epoch)

    def on_train_batch_end(self, batch, logs=None):
        self.batches += 1
        if self.batches == self.stop_at:
            self.trainer.stop_training = True

    def get_state(self):
        return {"seen": self.seen, "batches": self.batches} if self.stop_at != 0 else {}

    def set_state(self, state):
        self.seen, self.batches = list(state["seen"]), state["batches"]


@pytest.mark.parametrize("by_file", [False, True])
def test_states_of_callbacks_of_ones_own(by_file, tmp_path):
    trainer, first, second = make(), Counting(stop_at=0), Counting()
    with pytest.raises(HaltError):
        trainer.fit(X, Y, callbacks=[first, second, AtHook("end", 1)], **FIT)
    assert second.seen == [0, 1]
    if by_file:
        trainer.save(tmp_path / "run")
        trainer, first, second = ff.Trainer.load(tmp_path / "run"), Counting(0), Counting()
    first.seen = []
    trainer.fit(X, Y, callbacks=[first, second], resume=True, **FIT)
    # The first has no state, so the second's is not given to it; hooks begun ran again, once.
    assert (first.seen, second.seen) == ([1, 2, 3, 4], [0, 1, 2, 3, 4])


@pytest.mark.parametrize("by_file", [False, True])
def test_a_stop_asked_for_by_a_batch_is_not_forgotten(by_file, tmp_path):
    want = make()
    want.fit(X, Y, callbacks=Counting(stop_at=3), **FIT)
    trainer = make()
    with pytest.raises(HaltError):
        trainer.fit(X, Y, callbacks=[Counting(stop_at=3), AtHook("end", 0)], **FIT)
    if by_file:
        trainer.save(tmp_path / "run")
        trainer = ff.Trainer.load(tmp_path / "run")
    trainer.fit(X, Y, callbacks=Counting(stop_at=3), resume=True, **FIT)
    same(trainer, want)
    assert trainer.optimizer.iterations == 3


@pytest.mark.parametrize("best_only", [False, True])
def test_a_checkpoint_that_failed_is_made_up(best_only, tmp_path, monkeypatch):
    def keep(folder):
        path = tmp_path / folder / "run"
        return ff.callbacks.ModelCheckpoint(path, monitor="loss", save_best_only=best_only)

    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
    trainer = make()
    moved = tmp_path / "away"

    class Away(ff.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 4 and not moved.exists():
                (tmp_path / "a").rename(moved)

    want = make()
    want.fit(X, Y, callbacks=keep("b"), **FIT)
    with pytest.raises(FileNotFoundError):
        trainer.fit(X, Y, callbacks=[keep("a"), Away()], **FIT)
    moved.rename(tmp_path / "a")
    trainer.fit(X, Y, callbacks=[keep("a")], resume=True, **FIT)
    found, wanted = (ff.Trainer.load(tmp_path / f / "run") for f in "ab")
    assert found.history.epoch == wanted.history.epoch == [0, 1, 2, 3, 4]
    assert found.history.history["loss"] == wanted.history.history["loss"]


def test_a_log_goes_on_with_its_own_columns(tmp_path):
    fit = {**FIT, "validation_freq": 2}
    make().fit(X, Y, callbacks=ff.callbacks.CSVLogger(tmp_path / "want.csv"), **fit)
    trainer = make()
    log = ff.callbacks.CSVLogger(tmp_path / "got.csv")
    with pytest.raises(HaltError):
        trainer.fit(X, Y, callbacks=[log, AtHook("end", 1)], **fit)
    log = ff.callbacks.CSVLogger(tmp_path / "got.csv")
    trainer.fit(X, Y, callbacks=log, resume=True, **fit)
    assert (tmp_path / "got.csv").read_bytes() == (tmp_path / "want.csv").read_bytes()


def test_another_optimizer_between_two_fits():
    want = make("sgd")
    want.model.predict(X)
    start = want.model.get_weights()
    want.fit(X, Y, **FIT)
    trainer = make("adam")
    trainer.fit(X, Y, **FIT)
    with pytest.raises(ValueError, match="optimizer is 'SGD', the interrupted fit had 'Adam'"):
        trainer.optimizer = OPTIMIZERS["sgd"]()
        trainer.fit(X, Y, resume=True, **{**FIT, "epochs": 9})
    trainer.model.set_weights(start)
    trainer.model._dropout_counters()[0].assign(0)
    trainer._run = make()._run  # the first shuffle again
    trainer.fit(X, Y, **FIT)
    same(trainer, want)
    assert trainer.optimizer.iterations == want.optimizer.iterations == 30


class Batches:
    """An iterable of batches that can be iterated again."""

    def __init__(self, x=X, count=6):
        self.x, self.count = x, count

    def __iter__(self):
        for i in range(self.count):
            yield self.x[i * 40 : i * 40 + 40], Y[i * 40 : i * 40 + 40]


def test_iterables(tmp_path):
    want, options = make(), {"epochs": 3, "verbose": 0}
    want.fit(Batches(), **options)
    for at in (1, 5, 6, 7, 14):
        trainer = make()
        with pytest.raises(HaltError):
            trainer.fit(Batches(), callbacks=AtStep(at), **options)
        trainer.save(tmp_path / "run.safetensors")
        loaded = ff.Trainer.load(tmp_path / "run.safetensors")
        with pytest.raises(ValueError, match="batches differ"):
            loaded.fit(Batches(X + 1), resume=True, **options)
        if at == 5:
            with pytest.raises(ValueError, match="x gave 3 batches, the interrupted fit had 5"):
                loaded.fit(Batches(count=3), resume=True, **options)
        loaded.fit(Batches(), resume=True, **options)
        same(loaded, want)
        trainer.fit(Batches(), resume=True, **options)
        same(trainer, want)


def test_what_differs_is_refused(tmp_path):
    trainer = make()
    trainer.fit(X, Y, callbacks=watchers(), **{**FIT, "epochs": 1})
    path = tmp_path / "run.safetensors"
    trainer.save(path)
    before = trainer.model.get_weights()

    def refused(match, x=X, y=Y, callbacks=None, **changes):
        loaded = ff.Trainer.load(path)
        calls = watchers() if callbacks is None else callbacks
        with pytest.raises(ValueError, match=match):
            loaded.fit(x, y, callbacks=calls, resume=True, **{**FIT, **changes})
        for one, other in zip(loaded.model.get_weights(), before, strict=True):
            assert one.tobytes() == other.tobytes()

    other = X.copy()
    other[100, 3] = np.nextafter(other[100, 3], np.float32(9))
    refused("x, y or sample_weight differ", x=other)
    refused("x, y or sample_weight differ", y=1 - Y)
    refused("x, y or sample_weight differ", x=X[:200], y=Y[:200])
    refused("x, y or sample_weight differ", sample_weight=np.ones(len(X)))
    refused("batch_size is 16, the interrupted fit had 32", batch_size=16)
    refused("shuffle is False, the interrupted fit had True", shuffle=False)
    refused("the interrupted fit had a EarlyStopping; pass one", callbacks=[])


def test_other_validation_data_are_refused():
    trainer, fit = make(), {**FIT, "validation_split": 0.0}
    trainer.fit(X, Y, validation_data=(X[:40], Y[:40]), **{**fit, "epochs": 1})
    with pytest.raises(ValueError, match="validation data differ"):
        trainer.fit(X, Y, validation_data=(X[:41], Y[:41]), resume=True, **fit)


def test_another_numerics_version_is_refused(tmp_path, monkeypatch):
    trainer = make()
    trainer.fit(X, Y, **{**FIT, "epochs": 1})
    path = tmp_path / "run.safetensors"
    monkeypatch.setattr(ff._core, "numerics_version", 2)
    trainer.save(path)
    monkeypatch.undo()
    loaded = ff.Trainer.load(path)  # its model may still be used
    with pytest.raises(ValueError, match="made with numerics version 2, this is version 1"):
        loaded.fit(X, Y, resume=True, **FIT)


def test_best_only_and_names_with_numbers(tmp_path):
    trainer = make()
    best = ff.callbacks.ModelCheckpoint(tmp_path / "best.safetensors", save_best_only=True)
    each = ff.callbacks.ModelCheckpoint(str(tmp_path / "{epoch:02d}-{val_loss:.3f}.st"))
    trainer.fit(X, Y, callbacks=[best, each], **FIT)
    losses = trainer.history.history["val_loss"]
    assert len(list(tmp_path.glob("*.st"))) == 5
    loaded = ff.Trainer.load(tmp_path / "best.safetensors")
    assert loaded.history.epoch[-1] == int(np.argmin(losses))
    split = int(np.floor(len(X) * 0.8))
    assert loaded.evaluate(X[split:], Y[split:], verbose=0)["loss"] == min(losses)


def test_a_damaged_checkpoint_falls_back_to_the_one_before(tmp_path):
    path = tmp_path / "run.safetensors"
    trainer = make()
    trainer.fit(X, Y, callbacks=ff.callbacks.ModelCheckpoint(path), **FIT)
    data = bytearray(path.read_bytes())
    data[-9] ^= 1
    path.write_bytes(data)
    with pytest.warns(RuntimeWarning, match="digest does not fit .* loaded the checkpoint before"):
        loaded = ff.Trainer.load(path)
    assert loaded.history.epoch == [0, 1, 2, 3]
    with pytest.warns(RuntimeWarning, match="loaded the checkpoint before"):
        ff.load_model(path)
    (tmp_path / "run.safetensors.previous").unlink()
    with pytest.raises(ValueError, match="digest does not fit"):
        ff.Trainer.load(path)


def test_one_backup_folder_for_two_fits(tmp_path):
    def program(halt=None):
        trainer = make()
        backup = ff.callbacks.BackupAndRestore(tmp_path)
        trainer.fit(X, Y, callbacks=backup, **{**FIT, "epochs": 2})
        trainer.fit(X, Y, callbacks=[backup, *([halt] if halt else [])], **{**FIT, "epochs": 3})
        return trainer

    want = program()
    with pytest.raises(HaltError):
        program(AtStep(9))
    same(program(), want)  # the first fit has no use for the backup of the second
    assert want.optimizer.iterations == 30


def test_a_refused_backup_changes_nothing(tmp_path):
    backup = ff.callbacks.BackupAndRestore(tmp_path, delete_checkpoint=False)
    make().fit(X, Y, callbacks=backup, **FIT)
    trainer = make()
    before = [w.tobytes() for w in trainer.model.get_weights()]
    with pytest.raises(ValueError, match="x, y or sample_weight differ"):
        trainer.fit(X + 1, Y, callbacks=backup, **FIT)
    assert [w.tobytes() for w in trainer.model.get_weights()] == before
    assert trainer.optimizer.iterations == 0 and trainer.history.epoch == []


def test_backup_of_something_else_is_refused(tmp_path):
    backup = ff.callbacks.BackupAndRestore(tmp_path, delete_checkpoint=False)
    make().fit(X, Y, callbacks=backup, **FIT)
    with pytest.raises(ValueError, match="optimizer is 'SGD', the interrupted fit had 'Adam'"):
        make("sgd").fit(X, Y, callbacks=backup, **FIT)
    other = ff.Trainer(ff.Sequential([ff.layers.Dense(2)], seed=0), loss="mse")
    with pytest.raises(ValueError, match="another model"):
        other.fit(X, np.zeros((len(X), 2)), callbacks=backup, **FIT)
