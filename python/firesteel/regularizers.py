"""regularizers - penalties on weights, added to the loss: Keras' names and defaults. Layers take them as kernel_regularizer=..., by instance or name."""
from __future__ import annotations

from ._text import Named


class Regularizer(Named):
    """Base class."""


class L1(Regularizer):
    """l1 times the sum of sizes."""

    def __init__(self, l1: float = 0.01) -> None:
        super().__init__(l1=l1)


class L2(Regularizer):
    """l2 times the sum of squares."""

    def __init__(self, l2: float = 0.01) -> None:
        super().__init__(l2=l2)


class L1L2(Regularizer):
    """Both."""

    def __init__(self, l1: float = 0.0, l2: float = 0.0) -> None:
        super().__init__(l1=l1, l2=l2)


class OrthogonalRegularizer(Regularizer):
    """factor times the mean size of the cosine between two rows, or columns, of a matrix."""

    def __init__(self, factor: float = 0.01, mode: str = "rows") -> None:
        super().__init__(factor=factor, mode=mode)
