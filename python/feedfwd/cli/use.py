"""``feedfwd predict``, ``evaluate`` and ``summary``."""

from __future__ import annotations

import csv
import io
import pathlib
import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray

import feedfwd as ff
from feedfwd import saving
from feedfwd.cli import loading, measures
from feedfwd.cli.train import check_writable, write_json

Array = NDArray[Any]
_LINES = 1000


def _loaded(options: Any) -> tuple[ff.Model, loading.Preparation | None]:
    """The model of a file, and what is done to data before it."""
    notes = saving.load_notes(options.model)
    model = ff.load_model(options.model, device=getattr(options, "device", None))
    if notes is None or "preparation" not in notes:
        return model, None
    try:
        return model, loading.Preparation.from_state(notes["preparation"])
    except ValueError as error:
        raise ValueError(f"{options.model}: {error}") from error


def predict(options: Any) -> int:
    """Predictions as CSV or .npz."""
    check_writable(options.out, "out")
    if options.out is not None and pathlib.Path(options.out).suffix.lower() not in (".csv", ".npz"):
        raise ValueError(f"--out: got {options.out}, expected a name that ends with .csv or .npz")
    measures.use_threads(options)
    model, made = _loaded(options)
    source = loading.read(options.data, options)
    if source.x is not None and source.test is not None and pathlib.Path(options.data).is_dir():
        source = loading.Source(x=source.test[0])  # of a folder, the images not trained on
    if made is None:
        columns = _raw(model, source)
    elif made.target.task == "regression":
        outputs = measures.check_outputs(model, made.encode(source), made.target)
        columns = {made.target.name: made.target.decode(outputs)}
    else:
        x = made.encode(source)
        measures.check_outputs(model, x[:1], made.target)
        shares = measures.probabilities(model, x)
        labels = np.array(made.target.classes)[shares.argmax(axis=1)]
        columns = {made.target.name: labels}
        columns |= {f"p({c})": shares[:, i] for i, c in enumerate(made.target.classes)}
    _write(columns, options.out)
    return 0


def _raw(model: ff.Model, source: loading.Source) -> dict[str, Array]:
    """Of a model without notes: its outputs for the numbers as they are."""
    if source.table is not None:
        x = loading.all_numbers(source.table, len(source.table), "")
    else:
        x = np.asarray(source.x)
    outputs = model.predict(x)
    if not isinstance(outputs, np.ndarray):
        raise ValueError("the model gives several arrays; predict in Python")
    flat = outputs.reshape(len(outputs), -1)
    return {f"output {i}": flat[:, i] for i in range(flat.shape[1])}


def _write(columns: dict[str, Array], path: str | None) -> None:
    if path is not None and path.lower().endswith(".npz"):
        names, arrays = list(columns), list(columns.values())
        found = {"prediction": arrays[0]}
        if len(names) > 1:
            found["outputs"] = np.stack(
                arrays if arrays[0].dtype.kind == "f" else arrays[1:], axis=1
            )
        np.savez(path, columns=np.array(names), **found)  # type: ignore[arg-type]
    elif path is not None:
        with open(path, "w", encoding="utf-8", newline="") as file:
            _rows(columns, file)
    else:
        _rows(columns, sys.stdout)


def _rows(columns: dict[str, Array], file: Any) -> None:
    count = len(next(iter(columns.values())))
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(columns)
    for first in range(0, count, _LINES):
        part = [c[first : first + _LINES].tolist() for c in columns.values()]
        writer.writerows(zip(*part, strict=True))


def evaluate(options: Any) -> int:
    """Figures on data with targets."""
    check_writable(options.json, "json")
    measures.use_threads(options)
    model, made = _loaded(options)
    if made is None:
        raise ValueError(
            f"{options.model}: not written by feedfwd train, so its targets are unknown; "
            "measure it in Python with Trainer.evaluate"
        )
    source = loading.read(options.data, options)
    if source.test is not None:
        source = loading.Source(x=source.test[0], y=source.test[1])
    x, y = made.encode(source), made.labels(source)
    found = measures.measure(model, x, y, made.target)
    print(f"{len(x):,} rows")
    print(measures.line("", found).strip())
    if options.json is not None:
        write_json(options.json, {"rows": len(x), **found})
    return 0


def summary(options: Any) -> int:
    """The layers, and what data the model expects."""
    model, made = _loaded(options)
    model.summary()
    if made is None:
        print("Input: numbers as they are (the file has no notes on data)")
        return 0
    target = made.target
    if made.table is not None:
        print("Columns:")
        for column in made.table.columns:
            if column["kind"] == "number":
                filled = ", gaps filled and marked" if column["filled"] else ""
                what = f"number, mean {column['mean']:.6g}, scale {column['scale']:.6g}{filled}"
            else:
                values = ["(missing)" if v is None else v for v in column["values"]]
                what = f"one of {_few(values)}"
            print(f"  {column['name']}: {what}")
    else:
        print(f"Input: arrays of {made.inputs} numbers a row, scaled")
    what = f"one of {_few(target.classes)}" if target.classes else "a number"
    print(f"Target: {target.name}: {what}")
    return 0


def _few(values: list[str]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(values[:12])
    return text.getvalue() + (f", ... ({len(values)} in all)" if len(values) > 12 else "")
