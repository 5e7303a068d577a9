"""Files of tables and images, and what networks see of them."""

import gzip
import json

import feedfwd as ff
import numpy as np
import pytest
from feedfwd import readers, tables
from idx_files import idx, idx_folder


def written(folder, text, name="t.csv"):
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def table(folder, text, **kw):
    return readers.read_table(written(folder, text), **kw)


# ---- CSV


def test_csv_as_spreadsheets_write_it(tmp_path):
    text = '\ufeffname, size ,"a,b"\r\n"x ""y""",1,2\r\n\r\n"two\nlines",3,4\r\n'
    found = table(tmp_path, text)
    assert list(found) == ["name", "size", "a,b"] and found.rows == 2
    assert found["name"] == ['x "y"', "two\nlines"]
    assert found["size"] == ["1", "3"]


@pytest.mark.parametrize("name", ["t.tsv", "t.tsv.gz", "t.csv.gz", "t.csv"])
def test_endings(tmp_path, name):
    between = "\t" if ".tsv" in name else ","
    raw = between.join("ab").encode() + b"\n" + between.join("12").encode() + b"\n"
    path = written(tmp_path, gzip.compress(raw) if name.endswith(".gz") else raw, name)
    assert dict(readers.read_table(path)) == {"a": ["1"], "b": ["2"]}


def test_without_a_header_and_with_another_delimiter(tmp_path):
    found = table(tmp_path, "1;2\n3;4\n", header=False, delimiter=";")
    assert dict(found) == {"0": ["1", "3"], "1": ["2", "4"]}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no rows"),
        ("a,b\n", "no rows below the header"),
        ("a,b\n1\n", "line 2: got 1 cells, expected 2"),
        ("a,b\n1,2\n1,2,3\n", "line 3: got 3 cells, expected 2"),
        ("a,a\n1,2\n", "'a' stands twice"),
        ("a,\n1,2\n", "column 2 has no name"),
        (b"a,b\n\xff\xfe,2\n", "UTF-8"),
        ('a,b\n"1,2\n', "line 2"),
    ],
)
def test_bad_csv(tmp_path, text, message):
    with pytest.raises(ValueError, match=message):
        table(tmp_path, text)


def test_numbers_and_gaps(tmp_path):
    found = table(tmp_path, "v,w,t\n1e3,,x\n -2.5 ,NA,?\nNULL,n/a,y\n")
    np.testing.assert_array_equal(readers.numbers(found, "v"), [1000, -2.5, np.nan])
    assert np.isnan(readers.numbers(found, "w")).all()
    assert readers.numbers(found, "t") is None
    assert readers.texts(found, "t") == ["x", None, "y"]
    assert readers.numbers(table(tmp_path, "v\n1_000\n"), "v") is None
    with pytest.raises(ValueError, match=r"'v', line 3: got an infinite"):
        readers.numbers(table(tmp_path, "v\n1\ninf\n"), "v")


def test_parquet(tmp_path):
    arrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    path = tmp_path / "t.parquet"
    columns = {
        "i": [1, None, 3],
        "f": [0.5, 1.5, None],
        "s": ["a", None, "b"],
        "b": [True, False, None],
    }
    parquet.write_table(arrow.table(columns), path)
    found = readers.read_table(path)
    np.testing.assert_array_equal(found["i"], [1, np.nan, 3])
    assert readers.texts(found, "i") == ["1", None, "3"]
    assert found["s"] == ["a", "", "b"] and found["b"] == ["True", "False", ""]
    parquet.write_table(arrow.table({"l": [[1], [2]]}), path)
    with pytest.raises(ValueError, match="column 'l' is of type list"):
        readers.read_table(path)
    with pytest.raises(ValueError, match="not a Parquet file"):
        readers.read_table(written(tmp_path, b"PAR1 nothing", "u.parquet"))


def test_load_csv(tmp_path):
    path = written(tmp_path, "a,b,kind\n1,2,dog\n3,,cat\n")
    x, y = ff.datasets.load_csv(path, target=-1)
    np.testing.assert_array_equal(x, [[1, 2], [3, np.nan]])
    assert y.tolist() == ["dog", "cat"]
    other = written(tmp_path, "1,2\n3,4\n", "other.csv")
    x, y = ff.datasets.load_csv(other, target="1", header=False)
    assert x.tolist() == [[1.0], [3.0]] and y.tolist() == [2.0, 4.0]
    with pytest.raises(ValueError, match="column 'kind' holds text"):
        ff.datasets.load_csv(path)
    with pytest.raises(
        ValueError, match=r"target: got 'z', expected one of the columns a, b, kind"
    ):
        ff.datasets.load_csv(path, target="z")
    with pytest.raises(FileNotFoundError):
        ff.datasets.load_csv(tmp_path / "no.csv")
    with pytest.raises(TypeError, match="path"):
        ff.datasets.load_csv(3)
    with pytest.raises(TypeError, match="header"):
        ff.datasets.load_csv(path, header=1)


# ---- what networks see


TEXT = "size,colour,id,same,gap\n1,red,u1,5,\n2,blue,u2,5,7\n3,red,u3,5,9\n4,,u4,5,\n"


def test_table_by_hand(tmp_path):
    found = table(tmp_path, TEXT + "".join(f"5,red,u{i},5,8\n" for i in range(5, 30)))
    made = tables.Table(found)
    assert made.left_out == {
        "id": "text with 29 values in 29 rows",
        "same": "the same number in every row",
    }
    names = ["size", "colour=blue", "colour=red", "colour=missing", "gap", "gap missing"]
    assert made.names() == names and made.counts() == {"number": 2, "category": 1}
    x = made.encode(found)
    size = np.array([1, 2, 3, 4, *[5] * 25], float)
    np.testing.assert_allclose(x[:, 0], (size - size.mean()) / size.std(), rtol=1e-14)
    np.testing.assert_array_equal(x[:4, 1:4], [[0, 1, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]])
    gap = np.array([7, 9, *[8] * 25], float)
    want = [0, (7 - gap.mean()) / gap.std(), (9 - gap.mean()) / gap.std(), 0]
    np.testing.assert_allclose(x[:4, 4], want, rtol=1e-12, atol=0)
    np.testing.assert_array_equal(x[:5, 5], [1, 0, 0, 1, 0])
    again = tables.Table.from_state(json.loads(json.dumps(made.state())))
    np.testing.assert_array_equal(again.encode(found), x)


def test_rows_that_training_did_not_see(tmp_path):
    made = tables.Table(table(tmp_path, "a,c\n1,x\n3,y\n"))
    found = table(tmp_path, "extra,c,a\n0,z,\n0,,5\n")
    np.testing.assert_array_equal(made.encode(found), [[0, 0, 0], [3, 0, 0]])
    assert made.unknown == {"c": 2}
    with pytest.raises(ValueError, match="column 'c', which the model was trained with"):
        made.encode(table(tmp_path, "a\n1\n"))
    with pytest.raises(ValueError, match=r"column 'a', line 3: got 'tall', expected a number"):
        made.encode(table(tmp_path, "a,c\n1,x\ntall,y\n"))


def test_sums_are_correctly_rounded():
    """Where NumPy's pairwise sum loses everything."""
    values = np.array([1e17, 1.0, -1e17, 1.0] * 100)
    assert tables.mean_and_scale(values, "v")[0] == 0.5
    with pytest.raises(ValueError, match="'v': the numbers are too large"):
        tables.mean_and_scale(np.array([1e200, -1e200]), "v")


def test_nothing_left(tmp_path):
    with pytest.raises(ValueError, match="no column left"):
        tables.Table(table(tmp_path, "a,b\n1,x\n1,x\n"))


@pytest.mark.parametrize(
    "state",
    [
        None,
        [],
        {},
        [3],
        [{"name": "a"}],
        [{"name": "a", "kind": "number", "mean": 0.0, "scale": 0.0, "filled": False}],
        [{"name": "a", "kind": "number", "mean": 0.0, "scale": "1", "filled": False}],
        [{"name": "a", "kind": "number", "mean": float("nan"), "scale": 1.0, "filled": False}],
        [{"name": "a", "kind": "number", "mean": 0.0, "scale": 1.0, "filled": 1}],
        [{"name": 1, "kind": "category", "values": ["a"]}],
        [{"name": "a", "kind": "category", "values": []}],
        [{"name": "a", "kind": "category", "values": ["a", "a"]}],
        [{"name": "a", "kind": "category", "values": [1]}],
    ],
)
def test_states_from_hostile_files(state):
    with pytest.raises(ValueError, match="state holds"):
        tables.Table.from_state(state)


# ---- targets


@pytest.mark.parametrize(
    ("column", "task", "classes"),
    [
        ("b a b c", "classification", ["a", "b", "c"]),
        ("10 9 10 2", "classification", ["2", "9", "10"]),
        ("1.0 0 1 0", "classification", ["0", "1"]),
        ("0.5 1 2 3", "regression", []),
        (" ".join(map(str, range(21))), "regression", []),
        ("007 08 007", "classification", ["007", "08"]),
        ("True False True True", "classification", ["False", "True"]),
    ],
)
def test_task_told_by_the_target(tmp_path, column, task, classes):
    found = table(tmp_path, "y\n" + "\n".join(column.split()) + "\n")
    target = tables.Target(found, "y")
    assert target.task == task
    assert target.classes == classes


def test_targets_there_and_back(tmp_path):
    found = table(tmp_path, "y\n10\n20\n60\n")
    target = tables.Target(found, "y", "regression")
    again = tables.Target.from_state(json.loads(json.dumps(target.state())))
    encoded = again.encode(found)
    assert encoded.shape == (3, 1) and abs(encoded.mean()) < 1e-15
    np.testing.assert_allclose(again.decode(encoded), [10, 20, 60], rtol=1e-14)
    target = tables.Target(found, "y", "classification")
    assert target.encode(found).tolist() == [0, 1, 2]
    with pytest.raises(ValueError, match=r"line 2: got '30', expected one of the classes 10, 20"):
        target.encode(table(tmp_path, "y\n30\n"))


@pytest.mark.parametrize(
    ("text", "task", "message"),
    [
        ("y\na\na\n", None, "got one class"),
        ("y\na\nb\n", "regression", "got text"),
        ("y\n1\n1\n", "regression", "the same number"),
    ],
)
def test_targets_that_cannot_be(tmp_path, text, task, message):
    with pytest.raises(ValueError, match=message):
        tables.Target(table(tmp_path, text), "y", task)


@pytest.mark.parametrize(
    "change",
    [
        {"name": 1},
        {"task": "x"},
        {"classes": "ab"},
        {"classes": ["a"]},
        {"scale": 0.0},
        {"mean": None},
    ],
)
def test_target_states_from_hostile_files(change):
    state = {
        "name": "y",
        "task": "classification",
        "classes": ["a", "b"],
        "mean": 0.0,
        "scale": 1.0,
    }
    tables.Target.from_state(state)
    with pytest.raises(ValueError, match="state"):
        tables.Target.from_state({**state, **change})


# ---- IDX


@pytest.mark.parametrize("packed", [False, True])
def test_load_idx(tmp_path, packed):
    arrays = idx_folder(tmp_path, packed)
    (x, y), (x_test, y_test) = ff.datasets.load_idx(tmp_path)
    for got, want in zip((x, y, x_test, y_test), arrays, strict=True):
        np.testing.assert_array_equal(got, want)
    assert x.dtype == np.uint8 and y.dtype == np.int64 and x.flags.writeable


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"", "begins with nothing"),
        (b"\0\0\x08", "not an IDX file"),
        (b"PK\3\4aaaa", "not an IDX file: it begins with 504b0304"),
        (b"\0\0\x07\x03" + bytes(12), "not an IDX file"),
        (b"\0\0\x08\x00", "not an IDX file"),
        (b"\0\0\x08\x03" + bytes(5), "header is cut off"),
        (b"\0\0\x08\x03" + b"\xff" * 12, "got 0 bytes of data, its header says"),
        (idx(np.zeros((30, 4, 3), np.uint8))[:-1], "got 359 bytes of data, its header says 360"),
        (idx(np.zeros((30, 4, 3), np.uint8)) + b"x", "360"),
        (idx(np.zeros((29, 4, 3), np.uint8)), "got 29 images and 30 labels"),
        (idx(np.zeros(30, np.uint8)), "got images"),
    ],
)
def test_damaged_idx(tmp_path, raw, message, packed):
    idx_folder(tmp_path, packed, train_images=raw)
    with pytest.raises(ValueError, match=message):
        ff.datasets.load_idx(tmp_path)


def test_damaged_gzip(tmp_path):
    idx_folder(tmp_path, packed=True)
    path = tmp_path / "train-images-idx3-ubyte.gz"
    whole = path.read_bytes()
    for raw in (whole[:-12], whole[:30], b"nothing", b""):
        path.write_bytes(raw)
        with pytest.raises(ValueError, match=r"damaged|begins with nothing"):
            ff.datasets.load_idx(tmp_path)


def test_missing_idx(tmp_path):
    idx_folder(tmp_path)
    (tmp_path / "t10k-labels-idx1-ubyte").unlink()
    with pytest.raises(FileNotFoundError, match="t10k-labels"):
        ff.datasets.load_idx(tmp_path)
