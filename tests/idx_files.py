"""Small IDX files for tests."""

import gzip
import struct

import numpy as np


def idx(array, kind=8):
    """The bytes of a file that holds an array."""
    head = bytes([0, 0, kind, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return head + array.tobytes()


def idx_folder(folder, packed=False, **changed):
    """The four files; `changed`: train_images=bytes and so on. The arrays in them."""
    rng = np.random.default_rng(0)
    parts = {}
    for part, n in (("train", 30), ("t10k", 10)):
        parts[f"{part}-images-idx3-ubyte"] = rng.integers(0, 256, (n, 4, 3), np.uint8)
        parts[f"{part}-labels-idx1-ubyte"] = rng.integers(0, 3, n).astype(np.uint8)
    for name, array in parts.items():
        raw = changed.get(name.split("-")[0] + "_" + name.split("-")[1], idx(array))
        (folder / (name + ".gz" * packed)).write_bytes(gzip.compress(raw) if packed else raw)
    return list(parts.values())
