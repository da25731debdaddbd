"""metrics - Keras' metrics: sums over rows, exact whatever the batches, shards and workers."""
from __future__ import annotations

from ._text import Named


class Metric(Named):
    """Base class."""


class MeanSquaredError(Metric):
    """Mean of (y_true - y_pred) squared."""

    def __init__(self) -> None:
        super().__init__()


class MeanAbsoluteError(Metric):
    """Mean of |y_true - y_pred|."""

    def __init__(self) -> None:
        super().__init__()


class BinaryAccuracy(Metric):
    """Share of numbers on the right side of `threshold`."""

    def __init__(self, threshold: float = 0.5) -> None:
        super().__init__(threshold=threshold)


class CategoricalAccuracy(Metric):
    """Share of rows whose largest prediction is the target's largest."""

    def __init__(self) -> None:
        super().__init__()


class SparseCategoricalAccuracy(Metric):
    """Share of rows whose largest prediction is the target class."""

    def __init__(self) -> None:
        super().__init__()
