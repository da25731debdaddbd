"""losses - Keras' losses: one value per row, averaged over the batch with its weights."""
from __future__ import annotations

from ._text import Named


class Loss(Named):
    """Base class."""


class MeanSquaredError(Loss):
    """Mean of (y_true - y_pred) squared."""

    def __init__(self) -> None:
        super().__init__()


class BinaryCrossentropy(Loss):
    """Cross-entropy of yes-or-no targets; from_logits: y_pred is before the sigmoid."""

    def __init__(self, from_logits: bool = False, label_smoothing: float = 0.0) -> None:
        super().__init__(from_logits=from_logits, label_smoothing=label_smoothing)


class CategoricalCrossentropy(Loss):
    """Cross-entropy of targets given as one probability per class."""

    def __init__(self, from_logits: bool = False, label_smoothing: float = 0.0) -> None:
        super().__init__(from_logits=from_logits, label_smoothing=label_smoothing)


class SparseCategoricalCrossentropy(Loss):
    """Cross-entropy of targets given as class numbers."""

    def __init__(self, from_logits: bool = False) -> None:
        super().__init__(from_logits=from_logits)
