"""What users pass as data: conversion, checks and their messages."""

import feedfwd as ff
import numpy as np
import pytest
from feedfwd import _core, data


@pytest.mark.parametrize("dtype", ["bool", "int8", "uint16", "int64", "float16", "float32"])
def test_number_types_are_kept(dtype):
    array = np.ones((2, 3), dtype)
    assert data.to_array(array, "x") is array


def test_conversions():
    swapped = np.arange(6, dtype=">f4").reshape(2, 3)
    native = data.to_array(swapped, "x")
    assert native.dtype.isnative and np.array_equal(native, swapped)
    assert data.to_array(np.ones((3, 2)).T, "x").flags.c_contiguous
    assert data.to_array([[1, 2]], "x").dtype == np.int64
    assert np.array_equal(data.to_array(ff.Variable([1.0, 2.0]), "x"), [1, 2])

    class Frame:
        def __array__(self, dtype=None, copy=None):
            return np.ones((2, 2))

    assert data.to_array(Frame(), "x").shape == (2, 2)


@pytest.mark.parametrize(
    "value",
    [
        np.ones(2, complex),
        np.array(["a"]),
        np.array([None]),
        np.array(["2020-01-01"], "datetime64[D]"),
        np.ones(2, np.longdouble),
    ],
)
def test_other_types_are_type_errors(value):
    with pytest.raises(TypeError, match="weights: got dtype"):
        data.to_array(value, "weights")


def test_ragged_and_scalar():
    with pytest.raises(ValueError, match="x: expected an array"):
        data.to_array([[1, 2], [3]], "x")
    with pytest.raises(ValueError, match="scalar"):
        data.to_array(3.0, "x")


def test_values_a_float32_cannot_hold():
    check = data.check_values
    check(np.array([2**24, -(2**24)]), "float32", "x", True)
    check(np.array([2**25]), "float32", "x", True)
    check(np.array([2**24 + 1]), "float64", "x", True)
    check(np.array([3.4e38]), "float32", "x", True)
    for bad in (np.array([2**24 + 1]), np.array([0, 2**31 - 1]), np.array([3.5e38, 0.0])):
        with pytest.raises(ValueError, match=r"^x: .*float32"):
            check(bad, "float32", "x", True)
    with pytest.raises(ValueError, match="float64"):
        check(np.array([2**53 + 1]), "float64", "x", True)
    with pytest.raises(ValueError, match="overflows"):
        check(np.array([np.nan, 1e300]), "float32", "x", False)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_not_finite(bad):
    array = np.zeros((4, 2), np.float32)
    array[2, 1] = bad
    with pytest.raises(ValueError, match=r"at row 2 \(index \(2, 1\)\)"):
        data.check_values(array, "float32", "x", True)
    data.check_values(array, "float32", "x", False)


def test_the_quick_look_sees_every_number():
    top = float(np.finfo(np.float32).max)
    for dtype, single in (("float32", True), ("float64", False), ("float64", True)):
        for n in (1, 7, 4095, 4096, 4097, 20000):
            array = np.full(n, -top, dtype)
            assert _core.all_fit(array, single)
            assert _core.fingerprint_if_fits(array, single) == _core.fingerprint_all([array])
            for at in {0, n // 2, n - 1}:
                for bad in (np.nan, np.inf, -np.inf, 1.01 * top):
                    changed = array.copy()
                    with np.errstate(over="ignore"):
                        changed[at] = bad
                    fits = bool(np.isfinite(changed[at])) and not single
                    assert _core.all_fit(changed, single) == fits
                    wanted = _core.fingerprint_all([changed]) if fits else None
                    assert _core.fingerprint_if_fits(changed, single) == wanted


def test_only_plain_arrays_go_the_quick_way():
    class Own(np.ndarray):
        pass

    x = np.ones((4, 3))
    assert _core.is_plain(x) and _core.is_plain(x[1:]) and _core.is_plain(x.astype(np.float32))
    odd = np.frombuffer(b"\0" * 17, np.uint8)[1:].view(np.float64)
    others = (x.T, x[:, :1], x.astype(">f8"), x.astype(np.float16), x.astype(int), x.astype(object))
    for other in (*others, odd, x.view(Own), np.float64(1), np.array(1.0), [1.0], None, "x"):
        assert not _core.is_plain(other) and not _core.all_fit(other, False)
        assert _core.fingerprint_if_fits(other, False) is None


def test_the_hash_of_arrays_is_that_of_what_they_say_and_hold():
    for shape in ((3,), (4, 2), (2, 0, 3)):
        for dtype in "?", "b", "H", "i", "q", "e", "f", "d":
            array = np.ones(shape, dtype)
            text = f"{array.dtype.str} {array.shape}".encode()
            expected = _core.fingerprint(array, _core.fingerprint(text, 5))
            assert _core.fingerprint_all([array], 5) == expected
            assert _core.fingerprint_all([array, array]) == _core.fingerprint_all(
                [array], _core.fingerprint_all([array])
            )
    assert _core.fingerprint_all([], 3) == 3
    with pytest.raises(ValueError, match="contiguous"):
        _core.fingerprint_all([np.ones((2, 3)).T])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_quick_hash_is_that_of_the_array(dtype):
    rng = np.random.default_rng(1)
    for shape in ((3, 5), (64, 64), (65, 63), (17, 241), (4097, 2), (3, 2, 4096), (5, 0), (0, 3)):
        array = rng.standard_normal(shape).astype(dtype)
        assert _core.fingerprint_if_fits(array, True) == _core.fingerprint_all([array])


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("held", ["", "split", "given"])
def test_the_hash_of_a_fit_is_that_of_its_arrays(weighted, held, monkeypatch):
    quick = []
    known = _core.fingerprint_if_fits
    monkeypatch.setattr(
        _core, "fingerprint_if_fits", lambda *a: quick.append(known(*a)) or quick[-1]
    )
    x = np.random.default_rng(0).standard_normal((2000, 3), np.float32)
    y, w = x[:, :1].copy(), np.ones(2000) if weighted else None
    arrays = [x, y, w] if weighted else [x, y]
    n = 1500 if held == "split" else 2000
    options = {"validation_split": 0.25} if held == "split" else {}
    if held == "given":
        options["validation_data"] = tuple(a[:500] for a in arrays)
    model = ff.Sequential([ff.Input((3,)), ff.layers.Dense(1)], seed=0)
    trainer = ff.Trainer(model, "sgd", "mse")
    trainer.fit(x, y, sample_weight=w, verbose=0, batch_size=500, **options)
    settings = trainer._run.settings
    assert settings["data"] == _core.fingerprint_all([a[:n] for a in arrays])
    parts = {"": None, "split": [a[n:] for a in arrays], "given": [a[:500] for a in arrays]}
    validation = parts[held]
    assert settings["validation"] == (_core.fingerprint_all(validation) if validation else 0)
    assert [q is not None for q in quick] == [True] * {"": 1, "split": 0, "given": 2}[held]


def test_rows_must_agree():
    with pytest.raises(ValueError, match="x has 3, y has 2"):
        data.check_rows({"x": np.ones(3), "y": np.ones(2), "w": None})
    with pytest.raises(ValueError, match="no rows"):
        data.check_rows({"x": np.ones((0, 3))})


def test_one_output_takes_a_vector_or_a_column():
    for shape in ((5,), (5, 1)):
        y = data.to_targets(np.ones(shape), (None, 1), "dense", "float32", True)
        assert y.shape == (5, 1)
        assert data.to_targets(np.ones(shape), (None,), "dense", "float32", True).shape == (5,)


@pytest.mark.parametrize("shape", [(5, 2), (5, 3, 1), (5,)])
def test_other_target_shapes_are_errors(shape):
    with pytest.raises(ValueError, match=r"y: got shape .*expected \(n, 3\)"):
        data.to_targets(np.ones(shape), (None, 3), "dense", "float32", True)


def test_labels():
    for y in (np.array([0, 2, 1]), np.array([0.0, 2.0, 1.0]), np.array([[0], [2], [1]], np.uint8)):
        labels = data.to_targets(y, (None, 3), "labels", "float32", True)
        assert labels.dtype == np.int64 and labels.tolist() == [0, 2, 1]


@pytest.mark.parametrize(
    ("y", "message"),
    [
        ([0, 3], "got label 3 in row 1, expected integers from 0 to 2"),
        ([-1, 0], "got label -1 in row 0"),
        ([0.0, 0.5], "got label 0.5 in row 1"),
        ([0.0, np.nan], "got label nan in row 1"),
        ([[0, 1, 0], [1, 0, 0]], "CategoricalCrossentropy"),
    ],
)
def test_labels_out_of_range(y, message):
    with pytest.raises(ValueError, match=message):
        data.to_targets(np.array(y), (None, 3), "labels", "float32", True)


def test_sample_weights():
    assert data.to_sample_weight([[1.0], [2.0]], "float32").tolist() == [1, 2]
    with pytest.raises(ValueError, match=r"sample_weight: got shape \(2, 2\)"):
        data.to_sample_weight(np.ones((2, 2)), "float32")


def test_class_weights():
    assert data.class_weights({0: 2.0, 2: 0.5}, np.array([0, 1, 2])).tolist() == [2, 1, 0.5]
    with pytest.raises(ValueError, match="no classes"):
        data.class_weights({0: 2.0}, None)


def test_validation_takes_the_last_rows():
    arrays = [np.arange(10), np.arange(10) * 2]
    train, held = data.split_validation(arrays, 0.25, None)
    assert train[0].tolist() == [0, 1, 2, 3, 4, 5, 6] and held[1].tolist() == [14, 16, 18]


@pytest.mark.parametrize("fraction", [-0.1, 1.0, 1.5, 0.999, True])
def test_validation_split_is_checked(fraction):
    wrong = TypeError if fraction is True else ValueError
    with pytest.raises(wrong, match="validation_split"):
        data.split_validation([np.arange(10)], fraction, None)


def test_validation_of_sorted_classes_is_an_error():
    y = np.array([0] * 8 + [1] * 2)
    with pytest.raises(ValueError, match="hold class 1, which the rest lacks"):
        data.split_validation([y], 0.2, y)


def test_several_inputs():
    arrays, rebuild = data.split_inputs([np.ones((2, 3)), np.ones((2, 1))], 2, None, "x")
    assert [a.shape for a in arrays] == [(2, 3), (2, 1)] and rebuild(arrays) == arrays
    arrays, rebuild = data.split_inputs({"b": [1], "a": [2]}, 2, ["a", "b"], "x")
    assert [a.tolist() for a in arrays] == [[2], [1]]
    with pytest.raises(ValueError, match="expected a list of 2"):
        data.split_inputs(np.ones((2, 3)), 2, None, "x")
    with pytest.raises(ValueError, match=r"got inputs \['c'\]"):
        data.split_inputs({"c": [1]}, 2, ["a", "b"], "x")
