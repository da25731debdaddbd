"""constraints - what weights are brought back to after each update: Keras' names and defaults. Layers take them as kernel_constraint=..., by
instance or name."""
from __future__ import annotations

from collections.abc import Sequence

from ._text import Named


def _axes(axis: int | Sequence[int]) -> tuple[int, ...]:
    return (axis,) if isinstance(axis, int) else tuple(axis)


class Constraint(Named):
    """Base class."""


class MaxNorm(Constraint):
    """Norms over `axis` of at most max_value."""

    def __init__(self, max_value: float = 2, axis: int | Sequence[int] = 0) -> None:
        super().__init__(max_value=max_value, axis=_axes(axis))


class MinMaxNorm(Constraint):
    """Norms over `axis` from min_value to max_value; each update goes `rate` of the way."""

    def __init__(self, min_value: float = 0.0, max_value: float = 1.0, rate: float = 1.0, axis: int | Sequence[int] = 0) -> None:
        super().__init__(min_value=min_value, max_value=max_value, rate=rate, axis=_axes(axis))


class NonNeg(Constraint):
    """No number below 0."""

    def __init__(self) -> None:
        super().__init__()


class UnitNorm(Constraint):
    """Norms over `axis` of 1."""

    def __init__(self, axis: int | Sequence[int] = 0) -> None:
        super().__init__(axis=_axes(axis))
