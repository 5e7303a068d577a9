"""The command line: help, every command and kind of data, pipes, mistakes, Ctrl-C."""

import csv
import gzip
import io
import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import feedfwd as ff
import numpy as np
import pytest
from feedfwd.cli import main
from idx_files import idx_folder

COMMANDS = ("train", "predict", "evaluate", "info", "summary")
SMALL = ["--hidden", "8", "--epochs", "3", "--quiet"]


@pytest.fixture
def place(tmp_path, monkeypatch):
    """The current folder, with a table in it."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    rows = []
    for i in range(120):
        size, colour = rng.uniform(1, 9), ["red", "blue", "green"][i % 3]
        price = 3 * size + 10 * (colour == "red") + rng.normal()
        kind = "dear" if price > 20 else "cheap"
        gap = "" if i % 7 == 0 else f"{rng.normal():.3f}"
        rows.append([f"{size:.3f}", colour, gap, f"id{i}", kind, f"{price:.2f}"])
    with open("t.csv", "w", newline="") as file:
        csv.writer(file).writerows([["size", "colour", "gap", "id", "kind", "price"], *rows])
    return tmp_path


def run(*argv):
    return main([str(a) for a in argv])


def trained(*more, out="m.safetensors"):
    assert run("train", *SMALL, "--out", out, *more) == 0
    return out


def shell(command, **kw):
    """As in a terminal: another process, and a pipe."""
    text = command.replace("feedfwd", f"{sys.executable} -m feedfwd")
    return subprocess.run(
        ["bash", "-o", "pipefail", "-c", text], capture_output=True, text=True, timeout=100, **kw
    )


# ---- help


@pytest.mark.parametrize("command", [None, *COMMANDS])
def test_help(command, capsys):
    with pytest.raises(SystemExit) as ended:
        run(*([] if command is None else [command]), "--help")
    assert ended.value.code == 0
    text = capsys.readouterr().out
    assert text.startswith("usage: feedfwd")
    if command is None:
        assert all(c in text for c in COMMANDS) and "examples:" in text
    if command == "train":
        options = (
            "data target hidden activation epochs batch-size optimizer learning-rate dropout "
            "schedule early-stopping validation-split seed threads device out plot json task"
        )
        for option in options.split(" "):
            assert f"--{option}" in text


def test_help_imports_little():
    code = "import sys; sys.argv=['feedfwd','--help']\nfrom feedfwd.cli import main\ntry: main()\n"
    code += "except SystemExit: pass\nprint('matplotlib' in sys.modules, 'tqdm' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "False False"


# ---- each kind of data


def test_the_embedded_digits(place, capsys):
    assert run("train", "--epochs", "15", "--plot", "c.png", "--json", "r.json") == 0
    said = capsys.readouterr().out
    assert "rows: 1,294 for training, 144 for validation, 359 for test" in said
    assert "Epoch 15/15" in said and "test accuracy: " in said
    report = json.loads(pathlib.Path("r.json").read_text())
    assert report["results"]["test"]["accuracy"] > 0.95 and report["epochs"] <= 15
    assert report["network"] == [64, 512, 256, 10]
    assert report["parameters"] == ff.load_model("model.safetensors").count_params()
    assert pathlib.Path("c.png").read_bytes().startswith(b"\x89PNG")
    assert run("evaluate", "model.safetensors") == 0
    assert (
        f"accuracy: {100 * report['results']['test']['accuracy']:.1f} %" in capsys.readouterr().out
    )


def test_a_table_classification(place, capsys):
    trained("--data", "t.csv", "--target", "kind", "--epochs", "40")
    assert run("predict", "m.safetensors", "t.csv", "--out", "p.csv") == 0
    with open("p.csv", newline="") as file:
        found = list(csv.DictReader(file))
    assert len(found) == 120 and list(found[0]) == ["kind", "p(cheap)", "p(dear)"]
    for row in found:
        shares = [float(row["p(cheap)"]), float(row["p(dear)"])]
        assert abs(sum(shares) - 1) < 1e-12
        assert row["kind"] == ("cheap", "dear")[int(np.argmax(shares))]
    with open("t.csv", newline="") as file:
        truth = [row["kind"] for row in csv.DictReader(file)]
    right = np.mean([a == b["kind"] for a, b in zip(truth, found, strict=True)])
    capsys.readouterr()
    assert run("evaluate", "m.safetensors", "t.csv", "--json", "e.json") == 0
    assert f"accuracy: {100 * right:.1f} %" in capsys.readouterr().out
    assert json.loads(pathlib.Path("e.json").read_text())["accuracy"] == right


def test_a_table_regression_in_its_units(place, capsys):
    assert run("train", "--data", "t.csv", "--target", "price", "--epochs", "60", "--quiet") == 0
    said = capsys.readouterr().out
    assert "validation error: root mean square" in said and "R^2 0." in said
    assert run("predict", "model.safetensors", "t.csv") == 0
    lines = capsys.readouterr().out.splitlines()
    with open("t.csv", newline="") as file:
        truth = np.array([float(row["price"]) for row in csv.DictReader(file)])
    found = np.array([float(x) for x in lines[1:]])
    assert lines[0] == "price" and np.sqrt(np.mean((found - truth) ** 2)) < 0.3 * truth.std()


def test_the_task_can_be_said(place, capsys):
    rows = "".join(f"{i},{i % 5}\n" for i in range(50))
    pathlib.Path("n.csv").write_text("a,y\n" + rows)
    trained("--data", "n.csv", "--target", "y")
    assert "accuracy" in capsys.readouterr().out
    trained("--data", "n.csv", "--target", "y", "--task", "regression")
    assert "root mean square" in capsys.readouterr().out


def test_what_was_found_is_said(place, capsys):
    assert run("train", "--data", "t.csv", "--target", "kind", "--epochs", "1") == 0
    said = capsys.readouterr().out
    assert (
        "columns: 3 of numbers (1 with gaps, which are filled and marked), 1 of categories" in said
    )
    assert "target: kind: classification, 2 classes: cheap, dear" in said
    assert "note: column 'id' is left out: text with 108 values in 108 rows" in said


def test_rows_without_a_target_are_left_out(place, capsys):
    text = pathlib.Path("t.csv").read_text().replace(",dear,", ",,")
    pathlib.Path("u.csv").write_text(text + "1,red,0,x,dear,20\n2,red,0,x,dear,20\n")
    assert run("train", "--data", "u.csv", "--target", "kind", *SMALL[:4]) == 0
    assert "rows without a target are left out" in capsys.readouterr().out


def test_unseen_categories_are_counted(place, capsys):
    trained("--data", "t.csv", "--target", "kind")
    pathlib.Path("new.csv").write_text("size,colour,gap,price\n3,purple,,1\n4,red,0.5,1\n")
    capsys.readouterr()
    assert run("predict", "m.safetensors", "new.csv") == 0
    said = capsys.readouterr()
    assert len(said.out.splitlines()) == 3
    assert "note: colour: 1 row with a value not seen in training" in said.err


@pytest.mark.parametrize(
    "ending", ["tsv", "csv.gz", "parquet", "npz", "idx", "idx.gz", "no-header"]
)
def test_other_kinds_of_files(place, ending, capsys):
    extra, path = [], f"d.{ending}"
    with open("t.csv", newline="") as file:
        rows = list(csv.reader(file))
    text = io.StringIO()
    target = ["--target", "kind"]
    if ending == "tsv":
        csv.writer(text, delimiter="\t").writerows(rows)
        pathlib.Path(path).write_text(text.getvalue())
    elif ending == "csv.gz":
        pathlib.Path(path).write_bytes(gzip.compress(pathlib.Path("t.csv").read_bytes()))
    elif ending == "parquet":
        arrow = pytest.importorskip("pyarrow")
        from pyarrow import parquet

        columns = dict(zip(rows[0], (list(c) for c in zip(*rows[1:], strict=True)), strict=True))
        columns["size"] = [float(v) for v in columns["size"]]
        parquet.write_table(arrow.table(columns), path)
    elif ending == "npz":
        rng, target = np.random.default_rng(0), []
        np.savez(path, x=rng.normal(size=(60, 2, 3)), y=np.arange(60) % 3)
    elif ending == "no-header":
        path, extra, target = "d.csv", ["--no-header"], ["--target", "4"]
        csv.writer(text).writerows(rows[1:])
        pathlib.Path(path).write_text(text.getvalue())
    else:
        path, target = "folder", []
        os.mkdir(path)
        idx_folder(place / path, packed=ending.endswith("gz"))
    trained("--data", path, *target, *extra)
    assert run("predict", "m.safetensors", path, "--out", "p.npz", *extra) == 0
    assert run("evaluate", "m.safetensors", path, *extra) == 0
    found = np.load("p.npz")
    rows_there = {"npz": 60, "idx": 10, "idx.gz": 10}.get(ending, 120)
    assert found["prediction"].shape == (rows_there,)
    assert found["outputs"].shape == (rows_there, len(found["columns"]) - 1)
    assert run("summary", "m.safetensors") == 0
    said = capsys.readouterr().out
    assert "Trainable params" in said and "Target: " in said


def test_a_model_without_notes(place, capsys):
    model = ff.Sequential([ff.Input((2,)), ff.layers.Dense(3)], seed=0)
    model.save("plain.safetensors")
    pathlib.Path("x.csv").write_text("a,b\n1,2\n3,4\n")
    assert run("predict", "plain.safetensors", "x.csv") == 0
    lines = list(csv.reader(io.StringIO(capsys.readouterr().out)))
    assert lines[0] == ["output 0", "output 1", "output 2"]
    want = model.predict(np.array([[1.0, 2], [3, 4]]))
    np.testing.assert_allclose(np.array(lines[1:], float), want, rtol=1e-7)
    assert run("summary", "plain.safetensors") == 0
    assert run("evaluate", "plain.safetensors", "x.csv") == 1


# ---- the same again


def test_same_seed_same_bytes_at_any_number_of_threads(place):
    before = ff.get_num_threads()
    try:
        for threads in (1, 2):
            trained(
                "--data", "t.csv", "--target", "kind", "--threads", threads, out=f"{threads}.st"
            )
        trained("--data", "t.csv", "--target", "kind", "--seed", 1, out="other.st")
    finally:
        ff.set_num_threads(before)
    one, two, other = (pathlib.Path(f).read_bytes() for f in ("1.st", "2.st", "other.st"))
    assert one == two != other


def test_rows_are_shuffled_before_they_are_split(place, capsys):
    """Sorted by class, the last tenth is of one class alone."""
    rows = "".join(f"{i % 10},{int(i >= 100)}\n" for i in range(200))
    pathlib.Path("s.csv").write_text("a,y\n" + rows)
    assert run("train", "--data", "s.csv", "--target", "y", "--json", "r.json", *SMALL) == 0
    accuracy = json.loads(pathlib.Path("r.json").read_text())["results"]["validation"]["accuracy"]
    assert 0 < accuracy < 1


def test_early_stopping_and_other_options(place):
    more = ["--early-stopping", 2, "--epochs", 200, "--optimizer", "sgd", "--learning-rate", 0.5]
    more += ["--dropout", 0.2, "--activation", "tanh", "--batch-size", 16, "--json", "r.json"]
    trained("--data", "t.csv", "--target", "kind", *more, "--hidden", "6,5")
    assert json.loads(pathlib.Path("r.json").read_text())["epochs"] < 200
    layers = ff.load_model("m.safetensors").layers
    assert [type(x).__name__ for x in layers] == ["Dense", "Dropout", "Dense", "Dropout", "Dense"]
    assert [x.units for x in layers[::2]] == [6, 5, 2] and layers[1].rate == 0.2
    trained("--data", "t.csv", "--target", "kind", "--dropout", 0, "--schedule", "constant")
    assert [type(x).__name__ for x in ff.load_model("m.safetensors").layers] == ["Dense", "Dense"]


def test_no_hidden_layer_and_no_validation(place, capsys):
    trained("--data", "t.csv", "--target", "kind", "--hidden", "", "--validation-split", 0)
    assert "validation" not in capsys.readouterr().out


def test_info(capsys):
    assert run("info", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["feedfwd"] == ff.__version__ and found["threads"] == ff.get_num_threads()
    assert found["instruction set"] in found["instruction sets here"]
    assert found["gpu"]["usable"] or found["gpu"]["why"]
    assert run("info") == 0
    assert "gpu" in capsys.readouterr().out


def test_auc_by_hand():
    """Pairs of a row of either class that are in the right order, ties half."""
    from feedfwd.cli.measures import area_under_curve

    scores, y = np.array([0.1, 0.4, 0.4, 0.8, 0.9]), np.array([0, 0, 1, 1, 0])
    pairs = [(a, b) for a in scores[y == 1] for b in scores[y == 0]]
    want = np.mean([(a > b) + 0.5 * (a == b) for a, b in pairs])
    assert area_under_curve(scores, y) == pytest.approx(want, abs=1e-15)
    assert np.isnan(area_under_curve(scores, np.zeros(5)))


# ---- pipes and signals


def test_in_pipes(place):
    trained("--data", "t.csv", "--target", "price")
    done = shell("feedfwd predict m.safetensors t.csv | head -n 2")
    assert done.stderr == "" and done.stdout.startswith("price\n")
    many = pathlib.Path("t.csv").read_text().splitlines()
    pathlib.Path("many.csv").write_text("\n".join([many[0], *many[1:] * 300]) + "\n")
    done = shell("feedfwd predict m.safetensors many.csv | head -n 1")
    assert done.returncode == 0 and done.stderr == ""
    done = shell("feedfwd train --data t.csv --target price --epochs 2 | tail -n 1")
    assert done.returncode == 0 and done.stdout.startswith("model: ") and "\r" not in done.stderr


def test_in_a_terminal(place):
    pytest.importorskip("tqdm")
    command = f"{sys.executable} -m feedfwd train --data t.csv --target kind --epochs 2"
    done = (
        subprocess.run(
            ["script", "-qec", command, "/dev/null"], capture_output=True, text=True, timeout=100
        )
        if _has("script")
        else pytest.skip("the program script is not installed")
    )
    assert done.returncode == 0 and "Epoch 2/2 |" in done.stdout and "val_accuracy" in done.stdout


def _has(program):
    import shutil

    return shutil.which(program) is not None


def test_ctrl_c_keeps_what_was_trained(place):
    command = [sys.executable, "-m", "feedfwd", "train", "--epochs", "1000000"]
    command += ["--early-stopping", "0", "--quiet"]
    pipe = subprocess.PIPE
    with subprocess.Popen(
        [*command, "--out", "c.safetensors"], stdout=pipe, stderr=pipe, text=True
    ) as child:
        time.sleep(3)
        child.send_signal(signal.SIGINT)
        try:
            out, errors = child.communicate(timeout=30)
        finally:
            child.kill()
    assert child.returncode == 130, errors
    assert errors == "feedfwd: stopped; the model is as the last step left it\n"
    assert "model: " in out and run("evaluate", "c.safetensors") == 0


# ---- mistakes: a sentence, an exit code, no traceback, nothing written


def bad(name, *argv, code=1, text=None):
    return pytest.param(list(argv), code, name if text is None else text, id=" ".join(argv)[:60])


TRAIN = ("train", "--data", "t.csv", "--target", "kind")
MISTAKES = [
    bad("COMMAND", code=2),
    bad("invalid choice: 'fly'", "fly", code=2),
    bad("unrecognized arguments: --epoch", "train", "--epoch", "3", code=2),
    *(
        bad(f"--{option}: got", *TRAIN, f"--{option}", value, code=2)
        for option, values in {
            "epochs": ("0", "-1", "1.5", "three", "9223372036854775808"),
            "batch-size": ("0", "x"),
            "hidden": ("a", "8,", "0", "-3", "1e3"),
            "learning-rate": ("0", "-1", "nan", "inf", "x"),
            "dropout": ("1", "-0.1", "nan"),
            "validation-split": ("1", "2", "x"),
            "early-stopping": ("-1", "x"),
            "seed": ("-1", "x"),
            "threads": ("0",),
        }.items()
        for value in values
    ),
    bad("invalid choice: 'gues'", *TRAIN, "--task", "gues", code=2),
    bad("invalid choice: 'tpu'", *TRAIN, "--device", "tpu", code=2),
    bad("expected one argument", "train", "--data", code=2),
    bad("the following arguments are required: MODEL, DATA", "predict", code=2),
    bad("activation", *TRAIN, "--activation", "rellu"),
    bad("optimizer", *TRAIN, "--optimizer", "adamm"),
    bad("device 'cuda' is not available", *TRAIN, "--device", "cuda"),
    bad("got 100000, expected at most 1024", *TRAIN, "--threads", "100000"),
    bad("no.csv: No such file or directory", "train", "--data", "no.csv", "--target", "a"),
    bad("target: missing; expected --target", "train", "--data", "t.csv"),
    bad(
        "expected one of the columns size, colour", "train", "--data", "t.csv", "--target", "prize"
    ),
    bad("target: only a table has columns", "train", "--target", "y"),
    bad("a regression's target", *TRAIN, "--task", "regression"),
    bad("got one class", "train", "--data", "one.csv", "--target", "y"),
    bad("no column left", "train", "--data", "alone.csv", "--target", "y"),
    bad("line 3: got 1 cells, expected 2", "train", "--data", "ragged.csv", "--target", "a"),
    bad("no rows below the header", "train", "--data", "empty.csv", "--target", "a"),
    bad("got a file that ends with '.doc'", "train", "--data", "t.doc"),
    bad("expected the arrays x and y", "train", "--data", "other.npz"),
    bad("damaged", "train", "--data", "broken.npz"),
    bad("got no y", "train", "--data", "noy.npz"),
    bad("y: got shape (3,), expected (4,)", "train", "--data", "unlike.npz"),
    bad("got NaN or Inf", "train", "--data", "nan.npz"),
    bad("not a .npz file of numbers", "train", "--data", "objects.npz"),
    bad("train-images-idx3-ubyte", "train", "--data", "nothing"),
    bad("delimiter: got ';;'", *TRAIN, "--delimiter", ";;"),
    bad("--early-stopping: needs rows", *TRAIN, "--early-stopping", "3", "--validation-split", "0"),
    bad("invalid choice: 'step'", *TRAIN, "--schedule", "step", code=2),
    bad("--out: the folder missing does not exist", *TRAIN, "--out", "missing/m.safetensors"),
    bad("--out: nothing is a folder", *TRAIN, "--out", "nothing"),
    bad("--plot: got .doc, expected one of", *TRAIN, "--plot", "c.doc"),
    bad("--json: the folder missing does not exist", *TRAIN, "--json", "missing/r.json"),
    bad("no.safetensors: No such file", "summary", "no.safetensors"),
    bad("t.csv", "summary", "t.csv"),
    bad("nothing: Is a directory", "summary", "nothing"),
    bad(
        "column 'colour', which the model was trained with, is missing",
        "predict",
        "kind.st",
        "few.csv",
    ),
    bad("column 'size', line 3: got 'tall'", "predict", "kind.st", "tall.csv"),
    bad("got arrays, but the model was trained on a table", "predict", "kind.st", "noy.npz"),
    bad("--out: got p.doc", "predict", "kind.st", "t.csv", "--out", "p.doc"),
    bad("expected one of the classes cheap, dear", "evaluate", "kind.st", "kinds.csv"),
    bad("target column 'kind' is missing", "evaluate", "kind.st", "bare.csv"),
    bad("got arrays, but", "evaluate", "kind.st"),
]


@pytest.fixture(scope="module")
def model_file(tmp_path_factory):
    """A model of the table, as bytes."""
    folder = tmp_path_factory.mktemp("model")
    lines = ["size,colour,gap,kind"]
    lines += [
        f"{i % 9},{['red', 'blue'][i % 2]},{i % 5},{['cheap', 'dear'][i % 9 > 4]}"
        for i in range(60)
    ]
    (folder / "t.csv").write_text("\n".join(lines))
    argv = [
        "train",
        "--data",
        folder / "t.csv",
        "--target",
        "kind",
        *SMALL,
        "--out",
        folder / "m.st",
    ]
    assert main([str(a) for a in argv]) == 0
    return (folder / "m.st").read_bytes()


@pytest.fixture
def mistakes(place, model_file):
    texts = {
        "one.csv": "a,y\n1,x\n2,x\n3,x\n",
        "alone.csv": "y\nx\nz\nx\n",
        "ragged.csv": "a,b\n1,2\n3\n",
        "empty.csv": "a,b\n",
        "t.doc": "a\n1\n",
        "broken.npz": "PK\3\4nothing",
        "few.csv": "size,gap\n1,2\n",
        "tall.csv": "size,colour,gap\n1,red,2\ntall,red,2\n",
        "kinds.csv": "size,colour,gap,kind\n1,red,2,free\n",
        "bare.csv": "size,colour,gap\n1,red,2\n",
    }
    for name, text in texts.items():
        pathlib.Path(name).write_text(text)
    pathlib.Path("kind.st").write_bytes(model_file)
    np.savez("other.npz", a=np.ones(3))
    np.savez("noy.npz", x=np.ones((4, 2)))
    np.savez("unlike.npz", x=np.ones((4, 2)), y=np.ones(3))
    np.savez("nan.npz", x=np.array([[1.0, np.nan]] * 4), y=np.array([0, 1, 0, 1]))
    np.savez("objects.npz", x=np.array([[object()]]), y=np.ones(1))
    os.mkdir("nothing")
    return place


def test_there_are_mistakes_enough():
    assert len(MISTAKES) >= 40


@pytest.mark.parametrize(("argv", "code", "text"), MISTAKES)
def test_mistakes(mistakes, argv, code, text, capsys):
    before = sorted(p.name for p in mistakes.iterdir())
    try:
        found = run(*argv)
    except SystemExit as ended:
        found = ended.code
    said = capsys.readouterr()
    assert found == code
    assert text in said.err and "Traceback" not in said.err
    if code == 1:
        assert len(said.err.splitlines()) == 1 and said.err.startswith("feedfwd: error: ")
    assert sorted(p.name for p in mistakes.iterdir()) == before


def test_a_model_file_with_hostile_notes(mistakes, capsys):
    model = ff.Sequential([ff.Input((2,)), ff.layers.Dense(3)], seed=0)
    from feedfwd import saving

    target = {
        "name": "y",
        "task": "classification",
        "classes": ["a", "b"],
        "mean": 0.0,
        "scale": 1.0,
    }
    arrays = {"mean": [0.0, 0.0], "scale": [1.0, 1.0]}
    good = {"target": target, "table": None, "arrays": arrays}
    for notes in (
        {"preparation": None},
        {"preparation": 3},
        {"preparation": {**good, "arrays": None}},
        {"preparation": {**good, "arrays": {"mean": [0.0], "scale": []}}},
        {"preparation": {**good, "arrays": {"mean": [0.0], "scale": [-1.0]}}},
        {"preparation": {**good, "target": {}}},
        {"preparation": good},  # three outputs for two classes
    ):
        saving.save_model(model, "h.st", notes)
        np.savez("x.npz", x=np.ones((4, 2)))
        assert run("predict", "h.st", "x.npz") == 1
        said = capsys.readouterr()
        assert said.err.startswith("feedfwd: error: ") and said.out == ""
        assert ff.load_model("h.st").predict(np.ones((1, 2))).shape == (1, 3)


# ---- real data, where it is


def shared(name):
    path = pathlib.Path(__file__).resolve().parents[3] / "shared" / "data" / name
    if not path.exists():
        pytest.skip(f"{name} is not beside the repository")
    return str(path)


def test_california_housing(place):
    """A fifth is held back before anything is learned, its rows drawn by NumPy."""
    with open(shared("california_housing.csv"), newline="") as file:
        head, *rows = csv.reader(file)
    order = np.random.default_rng(0).permutation(len(rows))
    for name, part in (("a.csv", order[len(rows) // 5 :]), ("b.csv", order[: len(rows) // 5])):
        with open(name, "w", newline="") as file:
            csv.writer(file).writerows([head, *(rows[i] for i in part)])
    more = ["--target", "median_house_value", "--json", "r.json", "--quiet"]
    assert run("train", "--data", "a.csv", *more) == 0
    assert json.loads(pathlib.Path("r.json").read_text())["columns"] == {"number": 8, "category": 1}
    assert run("evaluate", "model.safetensors", "b.csv", "--json", "e.json") == 0
    assert json.loads(pathlib.Path("e.json").read_text())["r2"] > 0.78


def test_higgs(place):
    path = shared("higgs_train.tsv.gz")
    more = ["--no-header", "--target", "0", "--quiet"]
    assert run("train", "--data", path, *more) == 0
    test = shared("higgs_test.tsv.gz")
    assert run("evaluate", "model.safetensors", test, "--no-header", "--json", "e.json") == 0
    assert json.loads(pathlib.Path("e.json").read_text())["auc"] > 0.75


def test_mnist(place):
    path = shared("mnist")
    more = ["--epochs", 2, "--batch-size", 128, "--json", "r.json", "--quiet"]
    assert run("train", "--data", path, *more) == 0
    assert json.loads(pathlib.Path("r.json").read_text())["results"]["test"]["accuracy"] > 0.95
