"""What `feedfwd train` reaches with its defaults, beside scikit-learn's MLP with early stopping.

    python bench/quality.py [--digits] [--mnist FOLDER] [--table FILE COLUMN] [--tsv TRAIN TEST]
                            [--seeds 3]

Each line names what it measured, on rows that no training saw. --table holds back a random fifth,
another one for each seed. --tsv wants files without a header whose first column is a class of 0
and 1. scikit-learn gets the numbers that feedfwd makes of the columns, standardised targets and,
at widths (100,) (its default) and (256, 128), its own early stopping.
"""

from __future__ import annotations

import argparse
import csv
import json
import pathlib
import random
import statistics
import subprocess
import sys
import tempfile
from typing import Any

from feedfwd import readers, tables
from feedfwd.bench import timing
from feedfwd.cli import measures

RESULTS = pathlib.Path(__file__).parent / "results"
WIDTHS = ((100,), (256, 128))


def feedfwd(*arguments: str) -> None:
    """The command line, as a user types it."""
    subprocess.run([sys.executable, "-m", "feedfwd", *arguments], check=True, capture_output=True)


def trained(folder: pathlib.Path, seed: int, *arguments: str) -> tuple[str, dict[str, Any]]:
    """A model file and the report of training."""
    model, report = folder / "model.safetensors", folder / "report.json"
    paths = ["--out", str(model), "--json", str(report)]
    feedfwd("train", "--quiet", "--seed", str(seed), *paths, *arguments)
    found: dict[str, Any] = json.loads(report.read_text())
    return str(model), found


def evaluated(folder: pathlib.Path, model: str, data: str, *options: str) -> dict[str, Any]:
    """The figures of `feedfwd evaluate`."""
    report = folder / "evaluated.json"
    feedfwd("evaluate", model, data, "--json", str(report), *options)
    found: dict[str, Any] = json.loads(report.read_text())
    return found


def rival(train: str, test: str, column: str, seed: int, header: bool) -> dict[str, float]:
    """scikit-learn's score by width: R2, or the area under the ROC curve."""
    try:
        from sklearn.neural_network import MLPClassifier, MLPRegressor
    except ImportError:
        return {}
    known, new = (readers.read_table(path, header=header) for path in (train, test))
    target = tables.Target(known, column)
    columns = tables.Table(known, [name for name in known if name != column])
    x, y, x_new, y_new = (part.encode(rows) for rows in (known, new) for part in (columns, target))
    found = {}
    for widths in WIDTHS:
        kind = MLPRegressor if target.task == "regression" else MLPClassifier
        model = kind(
            hidden_layer_sizes=widths, early_stopping=True, max_iter=500, random_state=seed
        ).fit(x, y.ravel())
        if target.task == "regression":
            found[f"scikit-learn {widths}"] = float(model.score(x_new, y_new.ravel()))
        else:
            area = measures.area_under_curve(model.predict_proba(x_new)[:, 1], y_new.ravel())
            found[f"scikit-learn {widths}"] = float(area)
    return found


def split(path: str, seed: int, folder: pathlib.Path) -> tuple[str, str]:
    """Four fifths of a CSV file's lines, and the other fifth."""
    with open(path, newline="", encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    random.Random(seed).shuffle(rows)
    cut = len(rows) // 5
    names = []
    for name, part in (("train.csv", rows[cut:]), ("test.csv", rows[:cut])):
        with open(folder / name, "w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([header, *part])
        names.append(str(folder / name))
    return names[0], names[1]


def one(arguments: argparse.Namespace, what: str, seed: int) -> dict[str, float]:
    """One data set with one seed: the score of each contender."""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        if what == "digits":
            return {"feedfwd": trained(folder, seed)[1]["results"]["test"]["accuracy"]}
        if what == "mnist":
            return {
                "feedfwd": trained(folder, seed, "--data", arguments.mnist)[1]["results"]["test"][
                    "accuracy"
                ]
            }
        if what == "table":
            path, column = arguments.table
            train, test = split(path, seed, folder)
            model, _ = trained(folder, seed, "--data", train, "--target", column)
            score = evaluated(folder, model, test)["r2"]
            return {"feedfwd": score, **rival(train, test, column, seed, header=True)}
        train, test = arguments.tsv
        model, _ = trained(folder, seed, "--data", train, "--no-header", "--target", "0")
        score = evaluated(folder, model, test, "--no-header")["auc"]
        return {"feedfwd": score, **rival(train, test, "0", seed, header=False)}


def main() -> None:
    """Print the scores, and keep them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--digits", action="store_true")
    parser.add_argument("--mnist", metavar="FOLDER")
    parser.add_argument("--table", nargs=2, metavar=("FILE", "COLUMN"))
    parser.add_argument("--tsv", nargs=2, metavar=("TRAIN", "TEST"))
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()
    kinds = {"digits": "accuracy", "mnist": "accuracy", "table": "R2", "tsv": "AUC"}
    kept = {}
    for what, measure in kinds.items():
        if not getattr(arguments, what):
            continue
        runs = [one(arguments, what, seed) for seed in range(arguments.seeds)]
        kept[what] = runs
        for contender in runs[0]:
            scores = [run[contender] for run in runs]
            every = ", ".join(f"{score:.4f}" for score in scores)
            print(f"{what}: {contender}: {measure} {statistics.mean(scores):.4f} ({every})")
    timing.keep(RESULTS, "quality", kept)


if __name__ == "__main__":
    main()
