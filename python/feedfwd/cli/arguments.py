"""What the commands take."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Sequence
from typing import Any

from feedfwd import __version__
from feedfwd.bench.peers import NAMES

DATA_HELP = (
    "an .npz with x and y, a CSV, TSV (also .gz) or Parquet file, or a folder of IDX files "
    "(also .gz)"
)
EXAMPLES = """examples:
  feedfwd train
  feedfwd train --data houses.csv --target price --hidden 128,64 --epochs 50 --plot curves.png
  feedfwd predict model.safetensors new.csv --out predictions.csv
  feedfwd evaluate model.safetensors test.csv
  feedfwd bench --networks 784-512-512-10 --batch-sizes 32,256 --peers numpy,torch
"""


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """The options of one command; SystemExit 2 for what is none."""
    parser = argparse.ArgumentParser(
        prog="feedfwd",
        description="Train dense neural networks on tables and images, and use them.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"feedfwd {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    _train(commands)
    _predict(commands)
    _evaluate(commands)
    _bench(commands)
    _others(commands)
    return parser.parse_args(argv)


def _command(commands: Any, name: str, text: str) -> argparse.ArgumentParser:
    made: argparse.ArgumentParser = commands.add_parser(
        name, help=text, description=text, allow_abbrev=False
    )

    def run(options: argparse.Namespace) -> Any:
        import importlib

        module = {"train": "train", "bench": "bench", "info": "info"}.get(name, "use")
        return getattr(importlib.import_module(f"feedfwd.cli.{module}"), name)(options)

    made.set_defaults(run=run)
    return made


def _reading(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("reading tables")
    group.add_argument("--delimiter", metavar="C", help="of the cells; default: by the ending")
    group.add_argument(
        "--no-header", action="store_true", help="the first line holds data; columns are 0, 1, ..."
    )


def _train(commands: Any) -> None:
    p = _command(commands, "train", "Train a network and write it to a file.")
    data = p.add_argument_group("data")
    data.add_argument("--data", metavar="PATH", help=f"{DATA_HELP}; default: the embedded digits")
    data.add_argument("--target", metavar="COLUMN", help="of a table: its name or index")
    data.add_argument(
        "--task", choices=("classification", "regression"), help="default: told by the target"
    )
    share = share_of
    data.add_argument(
        "--validation-split", type=share, default=0.1, metavar="F", help="default 0.1"
    )
    _reading(p)
    net = p.add_argument_group("network")
    net.add_argument(
        "--hidden", type=widths, default=[512, 256], metavar="N,N", help="default 512,256"
    )
    net.add_argument("--activation", default="relu", metavar="NAME", help="default relu")
    net.add_argument("--dropout", type=share, default=0.3, metavar="RATE", help="default 0.3")
    fit = p.add_argument_group("training")
    fit.add_argument(
        "--epochs", type=at_least(1), default=30, metavar="N", help="at most; default 30"
    )
    fit.add_argument(
        "--batch-size",
        type=at_least(1),
        metavar="N",
        help="default 32; from 20,000 training rows 64",
    )
    fit.add_argument("--optimizer", default="adam", metavar="NAME", help="default adam")
    fit.add_argument(
        "--learning-rate",
        type=positive,
        metavar="R",
        help="default: the optimizer's; for adam with the cosine schedule 0.002",
    )
    fit.add_argument(
        "--schedule",
        choices=("cosine", "constant"),
        default="cosine",
        help="of the learning rate: half a cosine down to 0 (default), or none",
    )
    fit.add_argument(
        "--early-stopping",
        type=at_least(0),
        metavar="PATIENCE",
        help="stop when the validation loss has not fallen for so many epochs, and keep the best "
        "weights; 0: never; default 10",
    )
    fit.add_argument("--seed", type=at_least(0), default=0, metavar="N", help="default 0")
    _machine(fit)
    out = p.add_argument_group("output")
    out.add_argument(
        "--out", default="model.safetensors", metavar="FILE", help="the model; default %(default)s"
    )
    out.add_argument("--plot", metavar="FILE", help="a picture of the learning curves")
    out.add_argument("--json", metavar="FILE", help="a report")
    out.add_argument("--quiet", action="store_true", help="no progress")


def _machine(group: Any) -> None:
    group.add_argument("--threads", type=at_least(1), metavar="N", help="default: one for each CPU")
    group.add_argument(
        "--device", default="auto", choices=("auto", "cpu", "cuda"), help="default auto"
    )


def _predict(commands: Any) -> None:
    p = _command(commands, "predict", "Predict the rows of a data file.")
    p.add_argument("model", metavar="MODEL", help="a file that feedfwd wrote")
    p.add_argument("data", metavar="DATA", help=DATA_HELP)
    p.add_argument("--out", metavar="FILE", help=".csv or .npz; default: CSV on standard output")
    _reading(p)
    _machine(p)


def _evaluate(commands: Any) -> None:
    p = _command(commands, "evaluate", "Measure a model on a data file with its targets.")
    p.add_argument("model", metavar="MODEL", help="a file that feedfwd train wrote")
    p.add_argument(
        "data", metavar="DATA", nargs="?", help=f"{DATA_HELP}; default: the digits' test set"
    )
    p.add_argument("--json", metavar="FILE", help="write the figures there")
    _reading(p)
    _machine(p)


def _bench(commands: Any) -> None:
    p = _command(
        commands, "bench", "Measure the speed on this machine, beside other libraries in turns."
    )
    what = p.add_argument_group("what is measured (none leaves a part out)")
    what.add_argument(
        "--networks",
        type=listed(numbers("-", "64-128-10")),
        default=[(64, 128, 10), (784, 512, 512, 10)],
        metavar="W-W,...",
        help="widths from inputs to outputs; relu between; default 64-128-10,784-512-512-10",
    )
    what.add_argument(
        "--batch-sizes",
        type=listed(at_least(1)),
        default=[32, 256],
        metavar="N,...",
        help="of training; default 32,256",
    )
    what.add_argument(
        "--rows", type=at_least(1), metavar="N", help="of an epoch; default 4096, quick 2048"
    )
    what.add_argument(
        "--optimizer", choices=("adam", "sgd"), default="adam", help="of training; default adam"
    )
    what.add_argument(
        "--predict",
        type=listed(at_least(1)),
        default=[1],
        metavar="N,...",
        help="rows of one call of predict; default 1",
    )
    what.add_argument(
        "--products",
        type=listed(numbers("x", "512x512x512", exactly=3)),
        default=[(512, 512, 512)],
        metavar="MxNxK,...",
        help="matrix products (m, k) times (k, n); default 512x512x512",
    )
    how = p.add_argument_group("how")
    how.add_argument(
        "--peers",
        type=listed(peer),
        default=["numpy"],
        metavar="NAME,...",
        help=f"beside feedfwd: {', '.join(NAMES[1:])}, or all; default numpy",
    )
    how.add_argument(
        "--threads", type=listed(at_least(1)), metavar="N,...", help="default: 1 and all CPUs"
    )
    devices = ("auto", "cpu", "cuda")
    how.add_argument("--device", choices=devices, default="auto", help="default: all there are")
    how.add_argument("--rounds", type=at_least(1), metavar="N", help="default 3, quick 2")
    how.add_argument("--quick", action="store_true", help="a first look: few, short turns")
    out = p.add_argument_group("output")
    out.add_argument("--json", metavar="FILE", help="all figures, with machine and versions")
    out.add_argument(
        "--plot", metavar="FILE", help="a picture of the speed over batch size and over width"
    )


def _others(commands: Any) -> None:
    p = _command(commands, "info", "Tell version, instruction set, threads and devices.")
    p.add_argument("--json", action="store_true", help="as JSON")
    p = _command(commands, "summary", "Show the layers of a model, and the data it expects.")
    p.add_argument("model", metavar="MODEL", help="a file that feedfwd wrote")


# ---- kinds of values; argparse makes a sentence of the error


def widths(text: str) -> list[int]:
    """``128,64``; empty for no hidden layer."""
    try:
        found = [int(part) for part in text.split(",")] if text.strip() else []
    except ValueError:
        raise argparse.ArgumentTypeError(f"got {text!r}, expected numbers like 128,64") from None
    if any(not 1 <= n <= 1 << 20 for n in found) or len(found) > 1000:
        raise argparse.ArgumentTypeError(f"got {text!r}, expected widths from 1 to 2^20")
    return found


def listed(one: Callable[[str], Any]) -> Callable[[str], list[Any]]:
    """Several with commas between, each once; ``none`` for no one."""

    def convert(text: str) -> list[Any]:
        return [] if text == "none" else list(dict.fromkeys(map(one, text.split(","))))

    return convert


def numbers(mark: str, example: str, exactly: int | None = None) -> Callable[[str], Any]:
    """Sizes with a mark between, like the example: two or more, or exactly so many."""

    def convert(text: str) -> tuple[int, ...]:
        try:
            found = tuple(int(part) for part in text.split(mark))
        except ValueError:
            found = ()
        if not (len(found) == exactly if exactly else 2 <= len(found) <= 1000):
            raise argparse.ArgumentTypeError(f"got {text!r}, expected numbers like {example}")
        if any(not 1 <= n <= 1 << 20 for n in found):
            raise argparse.ArgumentTypeError(f"got {text!r}, expected sizes from 1 to 2^20")
        return found

    return convert


def peer(text: str) -> str:
    """The name of a library that the benchmark knows."""
    if text not in (*NAMES, "all"):
        known = ", ".join(NAMES[1:])
        raise argparse.ArgumentTypeError(f"got {text!r}, expected some of {known}, or all")
    return text


def at_least(least: int) -> Callable[[str], int]:
    """A whole number from `least` to 2^63 - 1."""

    def convert(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"got {text!r}, expected a whole number") from None
        if not least <= value < 1 << 63:
            raise argparse.ArgumentTypeError(f"got {text}, expected at least {least}, below 2^63")
        return value

    return convert


def share_of(text: str) -> float:
    """A number from 0 to below 1."""
    value = _float(text)
    if not 0 <= value < 1:
        raise argparse.ArgumentTypeError(f"got {text}, expected a number from 0 to below 1")
    return value


def positive(text: str) -> float:
    """A finite number above 0."""
    value = _float(text)
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"got {text}, expected a number above 0")
    return value


def _float(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"got {text!r}, expected a number") from None
