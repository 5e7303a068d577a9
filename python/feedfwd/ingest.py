"""What a Trainer makes of the data it is given."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from feedfwd import data
from feedfwd.loop import Rows, check_rows

if TYPE_CHECKING:
    from feedfwd.trainer import Trainer


def training_rows(
    trainer: Trainer,
    x: Any,
    y: Any,
    sample_weight: Any,
    class_weight: Mapping[int, float] | None,
    split: float,
    check_finite: bool,
) -> tuple[Rows, Rows | None]:
    """Rows to train on, and those of `split`, the last ones, to validate on."""
    rows = check_rows(trainer, x, y, sample_weight, check_finite, hashed=split == 0)
    kind = type(trainer.loss).__name__.lower()
    classes = data.classes_of(rows.targets, kind, trainer._expects)
    validation = None
    if split != 0:
        train, held = data.split_validation(rows.arrays(), split, classes)
        rows, validation = rows.with_arrays(train), rows.with_arrays(held)
        classes = None if classes is None else classes[: rows.count]
    if class_weight is not None:
        by_class = data.class_weights(class_weight, classes)
        rows.weights = by_class if rows.weights is None else by_class * rows.weights
    return rows, validation


def validation_rows(trainer: Trainer, given: Any, check_finite: bool, hashed: bool = False) -> Rows:
    """Rows of ``(x, y)`` or ``(x, y, weights)``; `hashed` as for check_rows()."""
    if not isinstance(given, (tuple, list)) or len(given) not in (2, 3):
        raise ValueError("validation_data: expected (x, y) or (x, y, weights)")
    weight = given[2] if len(given) == 3 else None
    return check_rows(trainer, given[0], given[1], weight, check_finite, "validation x", hashed)
