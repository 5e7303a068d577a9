"""``feedfwd train``."""

from __future__ import annotations

import itertools
import json
import pathlib
import sys
import time
from typing import Any

import numpy as np

import feedfwd as ff
from feedfwd import saving
from feedfwd.cli import loading, measures

PATIENCE = 10  # epochs
MANY_ROWS = 20_000


def train(options: Any) -> int:
    """Read, prepare, fit, measure, write; 130 where Ctrl-C ended the fit early."""
    for argument in ("out", "plot", "json"):
        check_writable(getattr(options, argument), argument)
    measures.use_threads(options)
    start = time.perf_counter()
    data = loading.prepare(loading.read(options.data, options), options)
    if options.batch_size is None:
        options.batch_size = 32 if len(data.train[1]) < MANY_ROWS else 64
    report = describe(data, options)
    trainer = trainer_of(data, options)
    if not options.quiet:
        sizes = " - ".join(map(str, report["network"]))
        print(f"network: {sizes}, {report['parameters']:,} parameters")
    stopped = fit(trainer, data, options)
    saving.save_model(trainer.model, options.out, {"preparation": data.preparation.state()})
    history = trainer.history.history
    report["epochs"] = len(trainer.history.epoch)
    report["history"] = history
    report["results"] = results(trainer.model, data)
    report["seconds"] = round(time.perf_counter() - start, 3)
    for part, found in report["results"].items():
        print(measures.line(part, found))
    print(f"model: {pathlib.Path(options.out).resolve()}")
    if options.plot is not None and trainer.history.epoch:
        trainer.history.plot(options.plot)
        print(f"learning curves: {pathlib.Path(options.plot).resolve()}")
    if options.json is not None:
        write_json(options.json, report)
        print(f"report: {pathlib.Path(options.json).resolve()}")
    if stopped:
        print("feedfwd: stopped; the model is as the last step left it", file=sys.stderr)
    return 130 if stopped else 0


def check_writable(path: str | None, argument: str) -> None:
    """Before anything is trained: the folder is there and the file is none."""
    if path is None:
        return
    found = pathlib.Path(path)
    if found.is_dir():
        raise ValueError(f"--{argument}: {path} is a folder, expected a file")
    if not found.parent.is_dir():
        raise ValueError(f"--{argument}: the folder {found.parent} does not exist")
    if argument == "plot":
        try:
            from matplotlib.backend_bases import FigureCanvasBase
        except ImportError as error:
            text = '--plot needs matplotlib, which is not installed; pip install "feedfwd[plot]"'
            raise ImportError(text) from error
        known = sorted(FigureCanvasBase.get_supported_filetypes())
        if found.suffix[1:].lower() not in known:
            got = found.suffix or "no ending"
            raise ValueError(f"--plot: got {got}, expected one of {', '.join(known)}")


def describe(data: loading.Prepared, options: Any) -> dict[str, Any]:
    """What was found in the data, said and kept."""
    made, target = data.preparation, data.preparation.target
    sizes = {"training": len(data.train[1])}
    if data.validation is not None:
        sizes["validation"] = len(data.validation[1])
    if data.test is not None:
        sizes["test"] = len(data.test[1])
    outputs = len(target.classes) if target.task == "classification" else 1
    network = [made.inputs, *options.hidden, outputs]
    report = {
        "feedfwd": ff.__version__,
        "options": {k: v for k, v in vars(options).items() if k != "run"},
        "rows": sizes,
        "columns": None if made.table is None else made.table.counts(),
        "target": target.state(),
        "notes": data.notes,
        "network": network,
        "parameters": sum((a + 1) * b for a, b in itertools.pairwise(network)),
    }
    if not options.quiet:
        rows = ", ".join(f"{n:,} for {part}" for part, n in sizes.items())
        print(f"data: {options.data or 'the embedded digits'}: rows: {rows}")
        if made.table is not None:
            kinds = made.table.counts()
            filled = sum(c.get("filled", False) for c in made.table.columns)
            print(
                f"columns: {kinds['number']} of numbers ({filled} with gaps, which are filled and "
                f"marked), {kinds['category']} of categories; {made.inputs} inputs"
            )
        few = ", ".join(target.classes[:10]) + (", ..." if len(target.classes) > 10 else "")
        what = f"{len(target.classes)} classes: {few}" if target.classes else "a number"
        print(f"target: {target.name}: {target.task}, {what}")
        for note in data.notes:
            print(f"note: {note}")
    return report


def trainer_of(data: loading.Prepared, options: Any) -> ff.Trainer:
    """The network, its loss and its optimizer."""
    target = data.preparation.target
    layers: list[Any] = [ff.Input((data.preparation.inputs,))]
    for width in options.hidden:
        layers.append(ff.layers.Dense(width, activation=options.activation))
        if options.dropout:
            layers.append(ff.layers.Dropout(options.dropout))
    several = target.task == "classification"
    layers.append(ff.layers.Dense(len(target.classes) if several else 1))
    model = ff.Sequential(layers, seed=options.seed, device=options.device)
    optimizer = ff.optimizers.get(options.optimizer)
    given = options.learning_rate
    rate: Any = optimizer.learning_rate if given is None else given
    if given is None and options.schedule == "cosine" and isinstance(optimizer, ff.optimizers.Adam):
        rate = 2 * rate  # it falls from there: better on digits, HIGGS and MNIST than Keras' 0.001
    if options.schedule == "cosine":
        steps = options.epochs * -(-len(data.train[1]) // options.batch_size)
        rate = ff.optimizers.schedules.CosineDecay(rate, steps)
    optimizer.learning_rate = rate
    if several:
        loss = ff.losses.SparseCategoricalCrossentropy(from_logits=True)
        return ff.Trainer(model, optimizer, loss, metrics=["accuracy"])
    return ff.Trainer(model, optimizer, "mse")


def fit(trainer: ff.Trainer, data: loading.Prepared, options: Any) -> bool:
    """Train; whether Ctrl-C ended it."""
    callbacks: list[Any] = []
    patience = options.early_stopping
    if patience and data.validation is None:
        raise ValueError("--early-stopping: needs rows to validate on; --validation-split is 0")
    if data.validation is not None and patience != 0:
        patience = PATIENCE if patience is None else patience
        callbacks.append(ff.callbacks.EarlyStopping(patience=patience, restore_best_weights=True))
    x, y = data.train
    try:
        trainer.fit(
            x,
            y,
            batch_size=options.batch_size,
            epochs=options.epochs,
            validation_data=data.validation,
            verbose=0 if options.quiet else "auto",
            callbacks=callbacks,
        )
    except KeyboardInterrupt:
        return True
    return False


def results(model: ff.Model, data: loading.Prepared) -> dict[str, dict[str, float]]:
    """Figures of the rows that were held back."""
    found = {}
    for part, rows in (("validation", data.validation), ("test", data.test)):
        if rows is not None:
            found[part] = measures.measure(model, rows[0], rows[1], data.preparation.target)
    return found


def write_json(path: str, report: Any) -> None:
    """A report, NaN and Inf as null."""
    text = json.dumps(_plain(report), indent=1, allow_nan=False, ensure_ascii=False)
    pathlib.Path(path).write_text(text + "\n", encoding="utf-8")


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    if isinstance(value, float):
        return value if np.isfinite(value) else None
    return value
