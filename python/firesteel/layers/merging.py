"""merging - layers of several inputs."""
from __future__ import annotations

from collections.abc import Sequence

from .base import Layer, _ints


class Add(Layer):
    """Sum of the inputs, number by number."""

    def __init__(self, name: str | None = None) -> None:
        super().__init__(name)


class Average(Layer):
    """Mean of the inputs, number by number."""

    def __init__(self, name: str | None = None) -> None:
        super().__init__(name)


class Concatenate(Layer):
    """Inputs one after the other along a dimension."""

    def __init__(self, axis: int = -1, name: str | None = None) -> None:
        super().__init__(name, axis=axis)


class Dot(Layer):
    """Product of two inputs summed over a dimension."""

    def __init__(self, axes: int | Sequence[int], normalize: bool = False, name: str | None = None) -> None:
        super().__init__(name, axes=_ints(axes), normalize=normalize)


class Maximum(Layer):
    """Largest of the inputs, number by number."""

    def __init__(self, name: str | None = None) -> None:
        super().__init__(name)


class Minimum(Layer):
    """Smallest of the inputs, number by number."""

    def __init__(self, name: str | None = None) -> None:
        super().__init__(name)


class Multiply(Layer):
    """Product of the inputs, number by number."""

    def __init__(self, name: str | None = None) -> None:
        super().__init__(name)


class Subtract(Layer):
    """First input less the second."""

    def __init__(self, name: str | None = None) -> None:
        super().__init__(name)
