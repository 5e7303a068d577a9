"""Arrays of any dtype, layout and value: the documented error, or the bits of the plain copy."""

from __future__ import annotations

import feedfwd as ff
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

pytestmark = pytest.mark.timeout(7200)

KINDS = st.one_of(
    hnp.boolean_dtypes(),
    hnp.integer_dtypes(endianness="?"),
    hnp.unsigned_integer_dtypes(endianness="?"),
    hnp.floating_dtypes(endianness="?"),
    hnp.complex_number_dtypes(),
    hnp.unicode_string_dtypes(max_len=3),
    hnp.datetime64_dtypes(),
    hnp.timedelta64_dtypes(),
    st.just(np.dtype(np.longdouble)),
    st.just(np.dtype(object)),
    st.just(np.dtype([("a", "f4"), ("b", "i4")])),
)
REAL = st.one_of(
    hnp.boolean_dtypes(),
    hnp.integer_dtypes(endianness="?"),
    hnp.unsigned_integer_dtypes(endianness="?"),
    hnp.floating_dtypes(endianness="?"),
)
SHAPES = hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=5)
ROWS = st.one_of(st.just((6, 4)), st.just((6,)), st.just((6, 1)), SHAPES)
LAYOUTS = (
    "plain",
    "fortran",
    "reversed",
    "mirrored",
    "turned",
    "strided",
    "unaligned",
    "swapped",
    "wide",
    "locked",
)


@st.composite
def arrays(draw, shapes=ROWS, kinds=KINDS, values=None):
    """An array, seen through an unusual layout."""
    dtype, shape = draw(kinds), draw(shapes)
    if dtype.kind in "OV":
        array = np.zeros(shape, dtype)
    elif values is None:
        array = draw(hnp.arrays(dtype, shape, fill=st.nothing()))
    else:  # small numbers that every dtype holds
        array = draw(hnp.arrays(np.int8, shape, elements=values)).astype(dtype)
    return laid_out(array, draw(st.sampled_from(LAYOUTS)))


def laid_out(array, how):
    """The same numbers at other addresses."""
    dtype, shape = array.dtype, array.shape
    if how == "fortran":
        return np.asfortranarray(array)
    if how == "reversed" and array.ndim:
        return np.ascontiguousarray(array[::-1])[::-1]
    if how == "mirrored" and array.ndim:
        return np.ascontiguousarray(array[..., ::-1])[..., ::-1]
    if how == "turned" and array.ndim > 1:
        return np.ascontiguousarray(array.swapaxes(0, -1)).swapaxes(0, -1)
    if how == "swapped" and dtype.kind not in "OV":
        return array.astype(dtype.newbyteorder("S"))
    if how == "locked":
        array.setflags(write=False)
        return array
    if how == "strided" and array.ndim:
        wider = np.zeros((*array.shape[:-1], 2 * array.shape[-1]), dtype)
        wider[..., ::2] = array
        return wider[..., ::2]
    if how == "unaligned" and dtype.kind not in "OV":
        raw = np.zeros(array.nbytes + 1, np.uint8)[1:]
        view = raw[: array.nbytes].view(dtype).reshape(shape)
        view[...] = array
        return view
    if how == "wide" and array.ndim == 2 and array.shape[0] > 0:
        return np.broadcast_to(array[:1], array.shape)
    return array


# Of those above few get through.
FIT = arrays(st.just((6, 4)), REAL, st.integers(0, 100))


def plain(array):
    """The same numbers, native and contiguous, in memory of their own."""
    return np.array(array, dtype=array.dtype.newbyteorder("="), order="C", copy=True)


def outcome(call, *args, names=()):
    """What came out: bytes, or an error that users may get, with the argument's name."""
    try:
        result = call(*args)
    except (TypeError, ValueError) as error:
        assert str(error) and "incompatible function arguments" not in str(error)
        assert not names or any(name in str(error) for name in names), str(error)
        return type(error).__name__
    found = result if isinstance(result, list) else [result]
    return [(a.dtype.str, a.shape, a.tobytes()) for a in map(np.asarray, found)]


def agree(call, *given, names=()):
    before = [(a.tobytes(), a.flags.writeable, a.strides) for a in given if a.dtype.kind != "O"]
    found = outcome(call, *given, names=names)
    after = [(a.tobytes(), a.flags.writeable, a.strides) for a in given if a.dtype.kind != "O"]
    assert before == after
    assert found == outcome(call, *map(plain, given))
    return found


def network(dtype="float32"):
    layers = [ff.Input((4,)), ff.layers.Dense(3, activation="tanh"), ff.layers.Dense(1)]
    return ff.Sequential(layers, seed=1, dtype=dtype)


MODEL, DOUBLE = network(), network("float64")


@given(st.one_of(arrays(), FIT))
def test_predict(x):
    with np.errstate(all="ignore"):
        agree(MODEL.predict, x, names=["x:"])
        agree(DOUBLE.predict, x, names=["x:"])


@given(st.one_of(arrays(), FIT))
def test_call(x):
    with np.errstate(all="ignore"):
        agree(lambda a: MODEL(a).numpy(), x, names=["x:"])


@given(st.one_of(arrays(), FIT), st.one_of(arrays(), FIT), st.booleans())
def test_ops(a, b, swap):
    x, y = (b, a) if swap else (a, b)
    with np.errstate(all="ignore"):
        agree(lambda v, w: ff.ops.add(v, w).numpy(), x, y)
        agree(lambda v, w: ff.ops.matmul(v, w).numpy(), x, y)
        agree(lambda v: ff.ops.tanh(v).numpy(), x)
        agree(lambda v: ff.ops.sum(v, axis=-1).numpy(), x)
        agree(lambda v: ff.ops.reshape(v, (-1,)).numpy(), x)


@given(st.one_of(arrays(), FIT))
def test_variables(x):
    with np.errstate(all="ignore"):
        found = agree(lambda v: ff.Variable(v).numpy(), x)
        if isinstance(found, list) and x.dtype.kind == "f":
            assert found[0][1] == x.shape

    def assign(v):
        variable = ff.Variable(np.ones((6, 4), np.float32))
        variable.assign(v)
        return variable.numpy()

    with np.errstate(all="ignore"):
        agree(assign, x)


@given(st.one_of(arrays(), arrays(st.just((4, 3)), REAL, st.integers(0, 100))))
def test_set_weights(w):
    model, before = network(), MODEL.get_weights()

    def change(v):
        model.set_weights([v, *before[1:]])
        return model.get_weights()

    with np.errstate(all="ignore"):
        found = agree(change, w, names=["weights"])
    if not isinstance(found, list):
        for one, other in zip(model.get_weights(), before, strict=True):
            assert one.tobytes() == other.tobytes()


SMALL = st.integers(0, 1)
FITTING = (
    arrays(st.just((6, 4)), REAL, SMALL),
    arrays(st.sampled_from([(6,), (6, 1)]), REAL, SMALL),
    st.one_of(st.none(), arrays(st.just((6,)), REAL, SMALL)),
)


@given(*FITTING)
def test_fit_takes_real_numbers_however_they_lie(x, y, weight):
    assert isinstance(fitted(x, y, weight), list)


@given(arrays(), arrays(), st.one_of(st.none(), arrays()))
def test_fit(x, y, weight):
    fitted(x, y, weight)


def fitted(x, y, weight):
    def fit(*data):
        trainer = ff.Trainer(network(), optimizer="sgd", loss="mse", on_nonfinite="ignore")
        kept = data[2] if len(data) > 2 else None
        history = trainer.fit(data[0], data[1], sample_weight=kept, epochs=1, verbose=0)
        return [*trainer.model.get_weights(), np.array(history.history["loss"])]

    given = [a for a in (x, y, weight) if a is not None]
    with np.errstate(all="ignore"):
        return agree(fit, *given, names=["x:", "y:", "sample_weight", "numbers of rows"])
