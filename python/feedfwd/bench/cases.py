"""What is measured: networks that are trained, networks that predict, matrix products."""

from __future__ import annotations

import dataclasses
import itertools
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
FLOAT = 4  # bytes
# Read and written per parameter and step: forward, backward, gradient (both ways), the update.
ADAM_PASSES, SGD_PASSES = 2 + 2 + 6, 2 + 2 + 2


@dataclasses.dataclass(frozen=True)
class Training:
    """Epochs over shuffled rows: relu layers, a linear last one, the mean loss of a batch."""

    widths: tuple[int, ...]
    batch: int
    rows: int
    optimizer: str = "adam"  # or "sgd"
    loss: str = "crossentropy"  # or "mse"
    dropout: float = 0.0
    goal: float | None = None  # times faster than the best peer

    @property
    def name(self) -> str:
        """In a table."""
        drop = f", dropout {self.dropout:g}" if self.dropout else ""
        net = shown_widths(self.widths)
        return f"{net}{drop}, batch {self.batch}, {self.optimizer}, {self.loss}, {self.rows:,} rows"

    @property
    def rate(self) -> float:
        """The learning rate."""
        return 1e-3 if self.optimizer == "adam" else 1e-2

    @property
    def steps(self) -> int:
        """Of an epoch."""
        return -(-self.rows // self.batch)

    def flops(self) -> float:
        """Of an epoch's products: forward, for the weights, for all inputs but the data's."""
        layers = list(itertools.pairwise(self.widths))
        return 2.0 * self.rows * (3 * sum(a * b for a, b in layers) - layers[0][0] * layers[0][1])

    def bytes(self, cache: float) -> float:
        """An epoch's traffic with memory: the rows, and parameters where no cache holds them."""
        passes, copies = (ADAM_PASSES, 4) if self.optimizer == "adam" else (SGD_PASSES, 2)
        kept = FLOAT * parameters(self.widths)
        rows = self.rows * FLOAT * self.widths[0]
        return rows + (self.steps * passes * kept if copies * kept > cache else 0.0)

    def data(self) -> tuple[Floats, NDArray[Any]]:
        """Rows, and the classes (int64) or targets (float32, columns) they decide, with noise."""
        rng = np.random.default_rng(0)
        x = rng.standard_normal((self.rows, self.widths[0]), dtype=np.float32)
        plan = rng.standard_normal((self.widths[0], self.widths[-1]), dtype=np.float32)
        scores = x @ plan / np.float32(np.sqrt(self.widths[0]))
        scores += 0.3 * rng.standard_normal(scores.shape, dtype=np.float32)
        return x, scores if self.loss == "mse" else scores.argmax(axis=1)


@dataclasses.dataclass(frozen=True)
class Prediction:
    """One call from Python: NumPy in, NumPy out; relu layers, a linear last one."""

    widths: tuple[int, ...]
    rows: int
    goal: float | None = None

    @property
    def name(self) -> str:
        """In a table."""
        return f"{shown_widths(self.widths)}, {self.rows:,} row{'s' if self.rows != 1 else ''}"

    def flops(self) -> float:
        """Of a call."""
        return 2.0 * self.rows * sum(a * b for a, b in itertools.pairwise(self.widths))

    def bytes(self, cache: float) -> float:
        """Of a call: the weights, where no cache holds them."""
        kept = FLOAT * parameters(self.widths)
        return float(kept) if kept > cache else 0.0

    def data(self) -> tuple[Floats, NDArray[Any]]:
        """Rows; there are no targets."""
        rng = np.random.default_rng(0)
        x = rng.standard_normal((self.rows, self.widths[0]), dtype=np.float32)
        return x, np.zeros(0, np.int64)


@dataclasses.dataclass(frozen=True)
class Product:
    """(m, k) times (k, n), float32."""

    m: int
    n: int
    k: int
    goal: float | None = None

    @property
    def name(self) -> str:
        """In a table."""
        return f"{self.m} x {self.n} x {self.k}"

    @property
    def skinny(self) -> bool:
        """Whether any side is at most 16."""
        return min(self.m, self.n, self.k) <= 16

    def flops(self) -> float:
        """Of a product."""
        return 2.0 * self.m * self.n * self.k

    def bytes(self, cache: float) -> float:
        """Of a product: both factors and the result, where no cache holds them."""
        moved = float(FLOAT * (self.m * self.k + self.k * self.n + self.m * self.n))
        return moved if moved > cache else 0.0

    def data(self) -> tuple[Floats, Floats]:
        """Both factors."""
        rng = np.random.default_rng(0)
        a = rng.standard_normal((self.m, self.k), dtype=np.float32)
        return a, rng.standard_normal((self.k, self.n), dtype=np.float32)


Case = Training | Prediction | Product
KINDS: dict[str, type[Any]] = {
    "training": Training,
    "prediction": Prediction,
    "product": Product,
}


def parameters(widths: tuple[int, ...]) -> int:
    """Weights and biases."""
    return sum((a + 1) * b for a, b in itertools.pairwise(widths))


def shown_widths(widths: tuple[int, ...]) -> str:
    """784-512-10; a width that comes often is counted: 64x17."""
    groups = [(width, len(list(same))) for width, same in itertools.groupby(widths)]
    return "-".join(f"{w}x{n}" if n > 3 else "-".join([str(w)] * n) for w, n in groups)


def weights(widths: tuple[int, ...]) -> list[Floats]:
    """A network's first kernels (in, out) and biases, the same for everyone."""
    rng = np.random.default_rng(1)
    found: list[Floats] = []
    for a, b in itertools.pairwise(widths):
        scale = np.float32(np.sqrt(2 / a))
        found += [scale * rng.standard_normal((a, b), dtype=np.float32), np.zeros(b, np.float32)]
    return found


def kind_of(case: Case) -> str:
    """Its name in KINDS."""
    return next(kind for kind, cls in KINDS.items() if isinstance(case, cls))


def to_dict(case: Case) -> dict[str, Any]:
    """As plain values."""
    return {"kind": kind_of(case), **dataclasses.asdict(case)}


def from_dict(values: dict[str, Any]) -> Case:
    """What `to_dict` made."""
    values = dict(values)
    cls = KINDS[values.pop("kind")]
    if "widths" in values:
        values["widths"] = tuple(values["widths"])
    case: Case = cls(**values)
    return case


TRAINING = [
    Training((8, 32, 1), 32, 8192, loss="mse", goal=8),
    Training((64, 128, 10), 32, 8192, goal=4),
    Training((784, 128, 10), 32, 8192, optimizer="sgd", goal=2.5),
    Training((784, 512, 512, 10), 128, 8192, dropout=0.2, goal=1.6),
    Training((100, 256, 256, 256, 1), 1024, 32768, loss="mse", goal=2),
    Training((37, 131, 67, 7), 50, 8000, goal=4),
    Training((64,) * 17, 256, 8192, loss="mse", goal=3.5),
    Training((1024, 4096, 4096, 1024), 512, 1024, loss="mse", goal=1.2),
]
PREDICTION = [
    Prediction((64, 128, 10), 1, goal=5),
    Prediction((784, 512, 512, 10), 1, goal=1.3),
    Prediction((64, 128, 10), 16, goal=3.5),
    Prediction((784, 512, 512, 10), 1000, goal=1.1),
]
PRODUCT = [
    Product(*shape)
    for shape in (
        (1024, 1024, 1024),
        (512, 512, 512),
        (256, 256, 256),
        (128, 512, 784),
        (32, 128, 784),
        (32, 128, 64),
        (8, 256, 256),
        (1, 512, 784),
        (1024, 1, 256),
        (37, 131, 67),
        (512, 4096, 4096),
        (4096, 512, 4096),
    )
]
