"""What the core reads of files, against the safetensors package and a hash written in Python."""

from __future__ import annotations

import json
import struct

import numpy as np
import pytest
from feedfwd import _core

package = pytest.importorskip("safetensors.numpy")
MASK = 2**64 - 1
ODD = (
    0x6A09E667F3BCC909,
    0xBB67AE8584CAA73B,
    0x3C6EF372FE94F82B,
    0xA54FF53A5F1D36F1,
    0x510E527FADE682D1,
    0x9B05688C2B3E6C1F,
    0x1F83D9ABFB41BD6B,
    0x5BE0CD19137E2179,
)


def mixed(h):
    h ^= h >> 32
    h = h * ODD[0] & MASK
    h ^= h >> 29
    h = h * ODD[1] & MASK
    return h ^ h >> 32


def hashed(data, seed):
    lanes = [seed ^ k for k in ODD]
    whole = len(data) // 64
    blocks = [data[64 * i : 64 * i + 64] for i in range(whole)] + [
        data[64 * whole :].ljust(64, b"\0")
    ]
    for block in blocks:
        for i, word in enumerate(struct.unpack("<8Q", block)):
            lane = lanes[i] + word * ODD[i] & MASK
            lanes[i] = (lane << 31 | lane >> 33) * ODD[7 - i] & MASK
    h = mixed((seed + len(data)) & MASK)
    for lane in lanes:
        h = mixed(h ^ mixed(lane)) + ODD[2] & MASK
    return mixed(h)


def test_fingerprint_is_its_formula():
    rng = np.random.default_rng(0)
    for n in [*range(70), 127, 128, 129, 1000, 70000]:
        data = rng.integers(0, 256, n, dtype=np.uint8)
        for seed in (0, 1, MASK):
            assert _core.fingerprint(data, seed) == hashed(data.tobytes(), seed)
    array = np.arange(12.0).reshape(3, 4)
    assert _core.fingerprint(array) == _core.fingerprint(array.tobytes())
    with pytest.raises(ValueError, match="contiguous"):
        _core.fingerprint(array.T)


def test_a_name_in_a_message_is_cut_between_characters():
    for name in ("\u00e9" * 40, "\u20ac" * 40, "\U0001f600" * 20, "a\0b"):
        header = json.dumps({name: {}}).encode()
        with pytest.raises(ValueError, match="lacks dtype, shape or data_offsets") as caught:
            _core.parse_safetensors(header, 8 + len(header))
        assert type(caught.value) is ValueError


def test_two_changes_do_not_cancel():
    rng = np.random.default_rng(2)
    for dtype, first, second in (("float64", 3, 11), ("float32", 7, 22), ("uint8", 15, 75)):
        data = rng.integers(0, 2, 256).astype(dtype)
        bytes_ = data.view(np.uint8).reshape(-1, data.itemsize)
        before = _core.fingerprint(data)
        bytes_[first, -1] ^= 128  # the sign
        bytes_[second, 3 if dtype != "uint8" else 0] ^= 64
        assert _core.fingerprint(data) != before


def theirs(data):
    """Metadata and table as the package reads them; None where it refuses."""
    try:
        found = package.load(data)
    except Exception:
        return None
    length = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8 : 8 + length])
    return header.get("__metadata__", {}) or {}, {
        name: (header[name]["dtype"], array.shape, array.tobytes()) for name, array in found.items()
    }


def ours(data):
    """The same by our own reader."""
    try:
        length = _core.check_header_length(struct.unpack("<Q", data[:8])[0], len(data))
        metadata, table = _core.parse_safetensors(data[8 : 8 + length], len(data))
    except ValueError:
        return None
    body = data[8 + length :]
    return metadata, {n: (kind, shape, body[b:e]) for n, kind, shape, b, e in table}


FILES = [
    package.save({}, None),
    package.save({}, {"a": "b\n\u20ac\U0001f600", "": '"\\'}),
    package.save(
        {
            "w": np.arange(6, dtype=np.float32).reshape(2, 3),
            "none": np.zeros((0, 5), np.int64),
            "s": np.array(True),
            "é": np.ones(3, np.float16),
        },
        {"format": "x"},
    ),
]


def test_what_the_package_writes_is_read_alike():
    for data in FILES:
        assert theirs(data) is not None and ours(data) == theirs(data)


def test_what_is_accepted_the_package_reads_alike():
    rng = np.random.default_rng(1)
    accepted = refused = 0
    signs = b'{}[]",:0123456789 \\\xc3ntru'
    for _ in range(20000):
        data = bytearray(FILES[rng.integers(len(FILES))])
        for _ in range(rng.integers(1, 4)):
            at = int(rng.integers(len(data)))
            how = rng.integers(4)
            if how == 0:
                data[at] ^= 1 << int(rng.integers(8))
            elif how == 1:
                data[at] = signs[rng.integers(len(signs))]
            elif how == 2 and len(data) > 9:
                del data[at]
            else:
                data.insert(at, signs[rng.integers(len(signs))])
        if how >= 2 and len(data) > 8:  # the length again, so that the header is looked at
            data[:8] = struct.pack("<Q", max(0, len(data) - 8 - 31))
        mine = ours(bytes(data)) if len(data) >= 8 else None
        if mine is None:
            refused += 1
            continue
        accepted += 1
        assert mine == theirs(bytes(data)), bytes(data)
    assert accepted > 100 and refused > 10000
