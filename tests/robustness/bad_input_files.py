"""Files that are none, that were cut off, changed or made up, and paths that lead nowhere."""

from __future__ import annotations

import os
import pathlib
import struct
import time
from collections.abc import Callable, Iterator
from typing import Any

import feedfwd as ff
import numpy as np
from robustness.bad_input import LONGEST, Case, World, bits, gives, refused
from robustness.bad_input_crafted import (
    CONFIGS,
    HEADERS,
    METADATA,
    with_config,
    with_metadata,
)
from robustness.bad_input_folder import (
    bytes_of_model,
    bytes_of_run,
    folder,
    fresh,
    small_model,
    written,
)

Load = Callable[[Any], Any]
LOADERS: dict[str, tuple[Load, Callable[[], bytes]]] = {
    "model": (ff.load_model, bytes_of_model),
    "run": (ff.Trainer.load, bytes_of_run),
}


def relength(value: int) -> Callable[[bytes], bytes]:
    """The same file with another header length."""
    return lambda content: struct.pack("<Q", value % 2**64) + content[8:]


CHANGES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda c: b"",
    "one-byte": lambda c: c[:1],
    "length-only": lambda c: c[:8],
    "one-more": lambda c: c + b"\0",
    "megabyte-more": lambda c: c + b"\0" * 2**20,
    "twice": lambda c: c + c,
    "text": lambda c: b"not a model\n" * 100,
    "zeros": lambda c: b"\0" * 4096,
    "ones": lambda c: b"\xff" * 4096,
    "pickle": lambda c: b"\x80\x04cos\nsystem\n(S'true'\ntR.",
    "hdf5": lambda c: b"\x89HDF\r\n\x1a\n" + c,
    "zip": lambda c: b"PK\x03\x04" + c,
    "backwards": lambda c: c[::-1],
    "length-0": relength(0),
    "length-1": relength(1),
    "length-2**31": relength(2**31),
    "length-2**32": relength(2**32),
    "length-2**63": relength(2**63),
    "length-2**64-1": relength(2**64 - 1),
    "length-2**64-8": relength(2**64 - 8),
    "length-of-file": lambda c: relength(len(c))(c),
    "length-of-rest": lambda c: relength(len(c) - 8)(c),
    "data-bit": lambda c: c[:-1] + bytes([c[-1] ^ 1]),
    "data-bit-first": lambda c: c[:-4] + bytes([c[-4] ^ 128]) + c[-3:],
}


def changed() -> list[Case]:
    """Bytes that were changed; then what a file says, with a digest that is right."""
    made = []
    for name, (load, content) in LOADERS.items():

        def call(w: World, path: str, load: Load = load) -> Any:
            return load(path)

        def case(label: str, make: Callable[[], bytes], call: Any = call, name: str = name) -> Case:
            given = [lambda w: written(make())]
            return refused(f"{name}-{label}", call, ValueError, folder_name(), given=given)

        for label, change in CHANGES.items():
            made.append(case(label, lambda change=change, content=content: change(content())))
        for label, make in HEADERS.items():
            made.append(case(f"header-{label}", make))
        for label, make in CONFIGS.items():
            made.append(case(f"config-{label}", make))
        for label, (field, value) in METADATA.items():
            made.append(case(f"metadata-{label}", lambda f=field, v=value: with_metadata(f, v)))
    runs = {
        "model-only": bytes_of_model,
        "no-trainer": lambda: with_config(lambda c: c.pop("trainer", None) and None, True),
        **{
            f"{field}-{value}": lambda f=field, v=value: with_config(
                lambda c: c.update({f: v}), True
            )
            for field in ("trainer", "optimizer", "run", "model")
            for value in (3, None, "text", [])
        },
        **{
            f"trainer-{field}-{value}": lambda f=field, v=value: with_config(
                lambda c: c["trainer"].update({f: v}), True
            )
            for field in ("loss", "metrics", "shards", "on_nonfinite")
            for value in (-3, None, "text", {})
        },
    }
    load_run = lambda w, path: ff.Trainer.load(path)  # noqa: E731
    for label, make in runs.items():
        given = [lambda w, make=make: written(make())]
        made.append(refused(f"run-says-{label}", load_run, ValueError, folder_name(), given=given))
    return made


def folder_name() -> str:
    """What the message shows of the path."""
    return "feedfwd-files-"


def made_by(call: Callable[[str], Any]) -> Callable[[World], str]:
    """A path at which something was made."""

    def make(w: World) -> str:
        path = fresh()
        call(path)
        return path

    return make


def loop(path: str) -> None:
    os.symlink(path, path)


def behind_file(w: World) -> str:
    return os.path.join(written(b"a file"), "below")


def reading() -> list[Case]:
    """What is no file."""
    places: dict[str, tuple[Callable[[World], Any], Any, tuple[str, ...]]] = {
        "missing": (lambda w: fresh(), FileNotFoundError, ()),
        "missing-folder": (lambda w: os.path.join(fresh(), "a"), FileNotFoundError, ()),
        "directory": (lambda w: folder(), IsADirectoryError, ()),
        "below-a-file": (behind_file, NotADirectoryError, ()),
        "fifo": (made_by(os.mkfifo), ValueError, ("regular file",)),
        "loop": (made_by(loop), OSError, ()),
        "dangling": (made_by(lambda p: os.symlink(p + "-none", p)), FileNotFoundError, ()),
        "zero": (lambda w: "/dev/zero", ValueError, ("/dev/zero", "regular file")),
        "null": (lambda w: "/dev/null", ValueError, ("/dev/null", "regular file")),
        "name-too-long": (lambda w: os.path.join(folder(), "a" * 5000), OSError, ()),
        "path-too-long": (lambda w: "/" + "a/" * 5000, OSError, ()),
        "nul": (lambda w: "a\0b", ValueError, ("path", "got", "expected")),
        "empty": (lambda w: "", ValueError, ("path", "got", "expected")),
        "surrogate": (lambda w: "\ud800", ValueError, ("path", "got")),
        "None": (lambda w: None, TypeError, ("path", "NoneType", "expected")),
        "int": (lambda w: 3, TypeError, ("path", "int", "expected")),
        "bool": (lambda w: True, TypeError, ("path", "bool", "expected")),
        "float": (lambda w: 2.5, TypeError, ("path", "float", "expected")),
        "list": (lambda w: [], TypeError, ("path", "list", "expected")),
        "dict": (lambda w: {}, TypeError, ("path", "dict", "expected")),
        "array": (lambda w: np.zeros(3), TypeError, ("path", "ndarray", "expected")),
        "file-object": (lambda w: open(os.devnull, "rb"), TypeError, ("path", "expected")),  # noqa: SIM115
        "model": (lambda w: w.model, TypeError, ("path", "Sequential", "expected")),
    }
    made = []
    for name, (load, _) in LOADERS.items():

        def call(w: World, path: Any, load: Load = load) -> Any:
            try:
                return load(path)
            finally:
                if hasattr(path, "close"):
                    path.close()

        for label, (make, error, words) in places.items():
            made.append(refused(f"{name}-path-{label}", call, error, *words, given=[make]))
        for label, value in {"int": 3, "list": [], "class": ff.layers.Dense}.items():
            options: Any = lambda w, path, load=load, v=value: load(path, custom_objects=v)  # noqa: E731
            good = [lambda w: written(bytes_of_run())]
            made.append(
                refused(f"{name}-objects-{label}", options, TypeError, "custom_objects", given=good)
            )
        for label, value in {"int": 3, "name": "gpu9"}.items():
            options = lambda w, path, load=load, v=value: load(path, device=v)  # noqa: E731
            error = TypeError if label == "int" else ValueError
            good = [lambda w: written(bytes_of_run())]
            made.append(refused(f"{name}-device-{label}", options, error, "device", given=good))
    kinds: dict[str, Callable[[str], Any]] = {
        "str": str,
        "Path": pathlib.Path,
        "bytes": os.fsencode,
        "relative": lambda p: os.path.relpath(p),
        "double-slash": lambda p: p.replace("/", "//"),
    }
    for label, kind in kinds.items():
        given = [lambda w, kind=kind: kind(written(bytes_of_model()))]
        made.append(gives(f"model-path-as-{label}", lambda w, p: shown_by(p), original, given))
    return made


def shown_by(path: Any) -> Any:
    """Weights and predictions of a file."""
    model = ff.load_model(path)
    return [*model.get_weights(), model.predict(np.ones((2, 1)))]


def original(w: World) -> Any:
    model = small_model()
    return [*model.get_weights(), model.predict(np.ones((2, 1)))]


def writing() -> list[Case]:
    """Where nothing can be written; the same for models and runs."""
    savers: dict[str, Callable[[World, Any], Any]] = {
        "model": lambda w, path: w.model.save(path),
        "run": lambda w, path: w.trainer.save(path),
    }
    places: dict[str, tuple[Callable[[World], Any], Any, tuple[str, ...]]] = {
        "missing-folder": (lambda w: os.path.join(fresh(), "a"), FileNotFoundError, ()),
        "directory": (lambda w: folder(), IsADirectoryError, ()),
        "below-a-file": (behind_file, NotADirectoryError, ()),
        "fifo": (made_by(os.mkfifo), ValueError, ("path", "regular file")),
        "null": (lambda w: "/dev/null", ValueError, ("path", "/dev/null")),
        "loop": (made_by(loop), OSError, ()),
        "name-too-long": (lambda w: os.path.join(folder(), "a" * 5000), OSError, ()),
        "nul": (lambda w: "a\0b", ValueError, ("path", "got", "expected")),
        "empty": (lambda w: "", ValueError, ("path", "got", "expected")),
        "None": (lambda w: None, TypeError, ("path", "NoneType", "expected")),
        "int": (lambda w: 3, TypeError, ("path", "int", "expected")),
        "list": (lambda w: [], TypeError, ("path", "list", "expected")),
    }
    made = []
    for name, save in savers.items():
        for label, (make, error, words) in places.items():
            made.append(refused(f"{name}-save-{label}", save, error, *words, given=[make]))
        over: Any = lambda w, path, save=save: save(w, path) or os.path.getsize(path) > 8  # noqa: E731
        made.append(gives(f"{name}-save-over", over, lambda w: True, [lambda w: written(b"old")]))
        made.append(gives(f"{name}-save-over-read-only", over, lambda w: True, [read_only]))
    return made


def read_only(w: World) -> str:
    path = written(b"old")
    os.chmod(path, 0o400)
    return path


def truncations(kind: str) -> Iterator[bytes]:
    """The file cut off at every byte."""
    content = LOADERS[kind][1]()
    for n in range(len(content)):
        yield content[:n]


def flips(kind: str) -> Iterator[bytes]:
    """Bits of the length, the header and the data turned over, one at a time.

    All of a model file; of a run file all of the length, and one of each byte after it.
    """
    content = bytearray(LOADERS[kind][1]())
    for byte in range(len(content)):
        for bit in range(8) if kind == "model" or byte < 8 else [byte % 8]:
            content[byte] ^= 1 << bit
            yield bytes(content)
            content[byte] ^= 1 << bit


def check_damage(kind: str, damaged: Iterator[bytes]) -> tuple[int, int]:
    """How many were refused, how many gave the original; anything else fails."""
    load = LOADERS[kind][0]
    path, right = fresh(), None
    counts = [0, 0]
    for content in damaged:
        with open(path, "wb") as file:
            file.write(content)
        start = time.perf_counter()
        try:
            found = load(path)
        except ValueError as error:
            assert str(error).startswith(path), error
            counts[0] += 1
            if time.perf_counter() - start > LONGEST:
                check_again(load, path)
            continue
        right = right or config_and_bits(load(written(LOADERS[kind][1]())))
        assert config_and_bits(found) == right
        counts[1] += 1
    return counts[0], counts[1]


def check_again(load: Load, path: str) -> None:
    """A busy machine is granted a second try."""
    start = time.perf_counter()
    try:
        load(path)
    except ValueError:
        assert time.perf_counter() - start < LONGEST


def config_and_bits(loaded: Any) -> Any:
    model = loaded.model if isinstance(loaded, ff.Trainer) else loaded
    return model.get_config(), bits(model.get_weights()), bits(model.predict(np.ones((2, 1))))


CASES = [*changed(), *reading(), *writing()]
