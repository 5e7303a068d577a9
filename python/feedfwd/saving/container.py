"""The file format: safetensors, with a digest over all that the file says.

The writer streams (no second copy of the weights in memory), the reader checks everything in the
header, in ``cpp/core/safetensors``, before it allocates what the header asks for.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import stat
import struct
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from feedfwd import _core
from feedfwd.saving import atomic

Array = NDArray[Any]
Arrays = Mapping[str, Array]

_NAMES = {
    "bool": "BOOL",
    "int8": "I8",
    "uint8": "U8",
    "int16": "I16",
    "uint16": "U16",
    "int32": "I32",
    "uint32": "U32",
    "int64": "I64",
    "uint64": "U64",
    "float16": "F16",
    "float32": "F32",
    "float64": "F64",
}
_DTYPES = {name: np.dtype(dtype).newbyteorder("<") for dtype, name in _NAMES.items()}
DIGEST = "digest"


def write(
    path: str, arrays: Arrays, metadata: Mapping[str, str], keep_previous: bool = False
) -> None:
    """Write a file of named arrays and texts; errors as :func:`atomic.write`."""
    atomic.write(path, _pieces(arrays, metadata), keep_previous)


def _pieces(arrays: Arrays, metadata: Mapping[str, str]) -> Iterator[bytes | memoryview]:
    # Wide elements first, so that each array is aligned without gaps, which the format forbids.
    names = sorted(arrays, key=lambda n: -arrays[n].dtype.itemsize)
    table: list[Any] = []
    at = 0
    for name in names:
        end = at + arrays[name].nbytes
        kind = _NAMES[arrays[name].dtype.newbyteorder("=").name]
        table.append([name, kind, list(arrays[name].shape), at, end])
        at = end
    digest = _Digest(metadata, table)
    for name in names:
        for piece in _bytes_of(arrays[name]):
            digest.update(piece)
    header: dict[str, Any] = {"__metadata__": {**metadata, DIGEST: digest.text()}}
    for name, kind, shape, begin, end in table:
        header[name] = {"dtype": kind, "shape": shape, "data_offsets": [begin, end]}
    text = json.dumps(header, separators=(",", ":")).encode("ascii")
    text += b" " * (-len(text) % 8)
    _core.check_header_length(len(text), 8 + len(text) + at)
    yield struct.pack("<Q", len(text)) + text
    for name in names:
        yield from _bytes_of(arrays[name])


def _bytes_of(array: Array) -> Iterator[memoryview]:
    little = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
    data = little.reshape(-1).view(np.uint8).data
    for at in range(0, len(data), atomic.PIECE):
        yield data[at : at + atomic.PIECE]


class _Digest:
    """SHA-256 over the metadata, the table of arrays and the data."""

    def __init__(self, metadata: Mapping[str, str], table: list[Any]) -> None:
        said = {k: v for k, v in metadata.items() if k != DIGEST}
        text = json.dumps([said, table], sort_keys=True, separators=(",", ":"))
        self._hash = hashlib.sha256(text.encode("ascii"))
        self.update = self._hash.update

    def text(self) -> str:
        return "sha256:" + self._hash.hexdigest()


def read(path: str) -> tuple[dict[str, Array], dict[str, str]]:
    """The arrays and texts of a file that is whole.

    Raises:
        ValueError: the file is no such file, or was changed or cut off; names path and reason.
        OSError: what the system says.
    """
    with _open(path) as file:
        size = os.fstat(file.fileno()).st_size
        try:
            return _read(file, size)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from None


def _open(path: str) -> Any:
    # Without O_NONBLOCK the opening of a FIFO waits for somebody who writes.
    fd = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0))
    try:
        mode = os.fstat(fd).st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
        if not stat.S_ISREG(mode):
            raise ValueError(f"{path}: expected a regular file")
        return os.fdopen(fd, "rb", buffering=0)
    except BaseException:
        os.close(fd)
        raise


def _read(file: Any, size: int) -> tuple[dict[str, Array], dict[str, str]]:
    if size < 8:
        raise ValueError(f"no model file: {size} bytes, expected at least 8")
    length = _core.check_header_length(struct.unpack("<Q", _take(file, 8))[0], size)
    metadata, table = _core.parse_safetensors(_take(file, length), size)
    # The header is right and the file is as long as it says: now what it asks for is allocated.
    data = np.empty(size - 8 - length, np.uint8)
    digest = _Digest(metadata, [[n, k, list(s), b, e] for n, k, s, b, e in table])
    view = data.data
    at = 0
    while at < len(view):
        got = file.readinto(view[at : at + atomic.PIECE])
        if not got:
            raise ValueError(f"the file ends after {8 + length + at} of {size} bytes")
        digest.update(view[at : at + got])
        at += got
    if DIGEST not in metadata:
        raise ValueError("the file has no digest; it was not written by feedfwd")
    if metadata[DIGEST] != digest.text():
        raise ValueError("the digest does not fit the contents: the file was changed or damaged")
    return {n: _array(data[b:e], k, s) for n, k, s, b, e in table}, metadata


def _take(file: Any, count: int) -> bytes:
    taken = b""
    while len(taken) < count:
        piece = file.read(count - len(taken))
        if not piece:
            raise ValueError(f"the file ends after {len(taken)} of {count} bytes")
        taken += piece
    return taken


def _array(data: Array, kind: str, shape: tuple[int, ...]) -> Array:
    dtype = _DTYPES[kind]
    if kind == "BOOL":
        return np.not_equal(data, 0).reshape(shape)
    if data.ctypes.data % dtype.itemsize:
        data = data.copy()
    typed: Array = data.view(dtype)
    return typed.reshape(shape)
