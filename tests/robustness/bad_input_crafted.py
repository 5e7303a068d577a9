"""Files made by hand whose digest is right, so that what they say is all that is wrong."""

from __future__ import annotations

import functools
import hashlib
import json
import struct
from collections.abc import Callable
from typing import Any

from robustness.bad_input_folder import bytes_of_model, bytes_of_run

Table = list[list[Any]]


@functools.cache
def parts(run: bool = False) -> tuple[str, bytes]:
    """Header (JSON) and data of a file the library wrote."""
    content = bytes_of_run() if run else bytes_of_model()
    (length,) = struct.unpack("<Q", content[:8])
    return content[8 : 8 + length].decode("ascii"), content[8 + length :]


def table_of(header: dict[str, Any]) -> Table:
    return [
        [n, e["dtype"], e["shape"], *e["data_offsets"]]
        for n, e in header.items()
        if n != "__metadata__"
    ]


def signed(header: dict[str, Any], data: bytes) -> bytes:
    """The file of this header, with the digest that belongs to it."""
    metadata = dict(header["__metadata__"])
    metadata.pop("digest", None)
    text = json.dumps([metadata, table_of(header)], sort_keys=True, separators=(",", ":"))
    digest = hashlib.sha256(text.encode("ascii") + data).hexdigest()
    metadata["digest"] = "sha256:" + digest
    return raw(json.dumps({**header, "__metadata__": metadata}).encode("ascii"), data)


def raw(header: bytes, data: bytes = b"") -> bytes:
    """The file of these bytes of a header."""
    header += b" " * (-len(header) % 8)
    return struct.pack("<Q", len(header)) + header + data


def with_entry(change: Callable[[dict[str, Any]], Any]) -> bytes:
    """One entry of the table changed; unsigned where the table makes no sense."""
    text, data = parts()
    header = json.loads(text)
    change(header)
    return raw(json.dumps(header).encode("ascii"), data)


def with_config(change: Callable[[dict[str, Any]], Any], run: bool = False) -> bytes:
    """The configuration changed, the digest made right again."""
    text, data = parts(run)
    header = json.loads(text)
    config = json.loads(header["__metadata__"]["config"])
    changed = change(config)
    if not isinstance(changed, str):
        changed = json.dumps(config if changed is None else changed)
    header["__metadata__"]["config"] = changed
    return signed(header, data)


def with_metadata(name: str, value: Any) -> bytes:
    """A text beside the configuration changed, the digest made right again."""
    text, data = parts()
    header = json.loads(text)
    if value is None:
        del header["__metadata__"][name]
    else:
        header["__metadata__"][name] = value
    return signed(header, data)


def first(header: dict[str, Any]) -> dict[str, Any]:
    """The first array's entry."""
    entry: dict[str, Any] = next(e for n, e in header.items() if n != "__metadata__")
    return entry


def entry(name: str, value: Any) -> bytes:
    """One field of the first array's entry."""
    return with_entry(lambda header: first(header).update({name: value}))


def doubled() -> bytes:
    """A name that stands twice."""
    text, data = parts()
    name, found = next((n, e) for n, e in json.loads(text).items() if n != "__metadata__")
    again = f"{json.dumps(name)}:{json.dumps(found)}"
    return raw((text.rstrip()[:-1] + "," + again + "}").encode("ascii"), data)


def layer(change: Callable[[dict[str, Any]], Any]) -> bytes:
    """The configuration of the last layer changed."""
    return with_config(lambda c: change(c["model"]["config"]["layers"][-1]))


HEADERS: dict[str, Callable[[], bytes]] = {
    "not-json": lambda: raw(b"{nonsense"),
    "not-utf8": lambda: raw(b'{"\xff":1}'),
    "empty": lambda: struct.pack("<Q", 0),
    "object": lambda: raw(b"{}"),
    "list": lambda: raw(b"[]"),
    "number": lambda: raw(b"3"),
    "null": lambda: raw(b"null"),
    "string": lambda: raw(b'"a"'),
    "two-values": lambda: raw(b"{}{}"),
    "nul-bytes": lambda: raw(b"\0" * 16),
    "deep": lambda: raw(b"[" * 100000),
    "deep-objects": lambda: raw(b'{"a":' * 100000),
    "deep-in-entry": lambda: raw(b'{"a":{"dtype":' + b"[" * 100000),
    "many-names": lambda: raw(b'{"' + b'":{},"'.join(b"%d" % i for i in range(20000)) + b'":{}}'),
    "name-twice": doubled,
    "metadata-twice": lambda: raw(b'{"__metadata__":{},"__metadata__":{}}'),
    "metadata-list": lambda: raw(b'{"__metadata__":[]}'),
    "metadata-number": lambda: raw(b'{"__metadata__":{"format":3}}'),
    "metadata-nested": lambda: raw(b'{"__metadata__":{"format":{"a":"b"}}}'),
    "no-metadata": lambda: with_entry(lambda h: h.pop("__metadata__")),
    "entry-list": lambda: with_entry(lambda h: h.update(more=[1, 2])),
    "entry-empty": lambda: with_entry(lambda h: h.update(more={})),
    "entry-null": lambda: with_entry(lambda h: h.update(more=None)),
    "surrogate": lambda: raw(
        b'{"\\ud800":{"dtype":"F32","shape":[],"data_offsets":[0,4]}}', b"1234"
    ),
    "hole-before": lambda: entry("data_offsets", [4, 8]),
    "overlap": lambda: with_entry(lambda h: h.update(more={**first(h)})),
    "hole-at-end": lambda: raw(b'{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}', b"1234"),
    "too-short": lambda: raw(b'{"a":{"dtype":"U8","shape":[8],"data_offsets":[0,8]}}', b"1234"),
}
WRONG_FIELDS: list[tuple[str, list[Any]]] = [
    ("dtype", ["F8", "f32", "float32", "", 3, None, [], "F32\0"]),
    ("shape", [[-1], [0], [1.5], [True], ["1"], [None], 3, None, {}, [1] * 100]),
    ("shape", [[2**62, 2, 2], [2**63], [2**64], [10**400], [2**32, 2**32], [2**31, 2**31]]),
    ("data_offsets", [[0], [0, 1, 2], [4, 0], [-4, 0], [0, 3], [0, 2**63], [0, 2**64]]),
    ("data_offsets", [[0.0, 4.0], ["0", "4"], [2**64 - 4, 2**64], None, {}, 4, [0, 10**400]]),
]
for _name, _values in WRONG_FIELDS:
    for _value in _values:
        _label = str(_value) if len(str(_value)) < 50 else str(_value)[:12] + "..."
        HEADERS[f"{_name}={_label}"] = functools.partial(entry, _name, _value)

CONFIGS: dict[str, Callable[[], bytes]] = {
    "not-json": lambda: with_config(lambda c: "{nonsense"),
    "empty": lambda: with_config(lambda c: ""),
    "list": lambda: with_config(lambda c: []),
    "null": lambda: with_config(lambda c: "null"),
    "deep": lambda: with_config(lambda c: "[" * 100000),
    "deep-object": lambda: with_config(lambda c: '{"model":' * 100000 + "1" + "}" * 100000),
    "deep-closed": lambda: with_config(lambda c: '{"model":' + "[" * 900 + "]" * 900 + "}"),
    "no-model": lambda: with_config(lambda c: {}),
    "model-number": lambda: with_config(lambda c: c.update(model=3)),
    "model-list": lambda: with_config(lambda c: c.update(model=[])),
    "model-config-number": lambda: with_config(lambda c: c["model"].update(config=3)),
    "model-class-unknown": lambda: with_config(lambda c: c["model"].update(class_name="Nothing")),
    "model-class-number": lambda: with_config(lambda c: c["model"].update(class_name=3)),
    "model-class-list": lambda: with_config(lambda c: c["model"].update(class_name=[])),
    "model-class-dense": lambda: with_config(lambda c: c["model"].update(class_name="Dense")),
    "model-class-path": lambda: with_config(lambda c: c["model"].update(class_name="os.system")),
    "weights-number": lambda: with_config(lambda c: c["model"].update(weights=3)),
    "weights-none": lambda: with_config(lambda c: c["model"].update(weights=None)),
    "weights-empty": lambda: with_config(lambda c: c["model"].update(weights=[])),
    "weights-unknown": lambda: with_config(lambda c: c["model"].update(weights=["a", "b"])),
    "weights-lists": lambda: with_config(lambda c: c["model"].update(weights=[[], []])),
    "trainable-number": lambda: with_config(lambda c: c["model"].update(trainable=3)),
    "trainable-short": lambda: with_config(lambda c: c["model"].update(trainable=[True])),
    "dropout-number": lambda: with_config(lambda c: c["model"].update(dropout=3)),
    "dropout-more": lambda: with_config(lambda c: c["model"].update(dropout=[1])),
    "signature-number": lambda: with_config(lambda c: c["model"].update(signature=3)),
    "signature-missing": lambda: with_config(lambda c: c["model"].pop("signature") and None),
    "layers-number": lambda: with_config(lambda c: c["model"]["config"].update(layers=3)),
    "layers-nothing": lambda: with_config(lambda c: c["model"]["config"].update(layers=[])),
    "layers-numbers": lambda: with_config(lambda c: c["model"]["config"].update(layers=[1, 2])),
    "seed--1": lambda: with_config(lambda c: c["model"]["config"].update(seed=-1)),
    "seed-text": lambda: with_config(lambda c: c["model"]["config"].update(seed="1")),
    "dtype": lambda: with_config(lambda c: c["model"]["config"].update(dtype="float16")),
    "device": lambda: with_config(lambda c: c["model"]["config"].update(device="gpu9")),
    "argument": lambda: with_config(lambda c: c["model"]["config"].update(more=3)),
    "layer-unknown": lambda: layer(lambda d: d.update(class_name="Nothing")),
    "layer-module": lambda: layer(lambda d: d.update(class_name="builtins.exec")),
    "layer-dunder": lambda: layer(lambda d: d.update(class_name="__class__")),
    "layer-config": lambda: layer(lambda d: d.update(config=3)),
    "layer-argument": lambda: layer(lambda d: d["config"].update(more=3)),
    "units-0": lambda: layer(lambda d: d["config"].update(units=0)),
    "units-text": lambda: layer(lambda d: d["config"].update(units="3")),
    "units-float": lambda: layer(lambda d: d["config"].update(units=1.0)),
    "units-2": lambda: layer(lambda d: d["config"].update(units=2)),
    "units-2**31": lambda: layer(lambda d: d["config"].update(units=2**31)),
    "units-2**62": lambda: layer(lambda d: d["config"].update(units=2**62)),
    "units-2**63": lambda: layer(lambda d: d["config"].update(units=2**63)),
    "units-10**400": lambda: layer(lambda d: d["config"].update(units=10**400)),
    "activation-unknown": lambda: layer(lambda d: d["config"].update(activation="nothing")),
    "activation-number": lambda: layer(lambda d: d["config"].update(activation=3)),
    "initializer-unknown": lambda: layer(
        lambda d: d["config"].update(kernel_initializer="nothing")
    ),
}
METADATA: dict[str, tuple[str, Any]] = {
    "format": ("format", "other"),
    "format-none": ("format", None),
    "version": ("format_version", "2"),
    "version-none": ("format_version", None),
    "config-none": ("config", None),
}
