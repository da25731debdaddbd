"""shaping - layers that only move, repeat or cut."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .base import Layer, _flat, _ints


class Flatten(Layer):
    """[n, a, b ...] becomes [n, a * b ...], row-major."""

    def __init__(self, data_format: str | None = None, name: str | None = None) -> None:
        super().__init__(name, data_format=data_format)


class Identity(Layer):
    """Gives its input back."""

    def __init__(self, name: str | None = None) -> None:
        super().__init__(name)


class ActivityRegularization(Layer):
    """Gives its input back; while training, l1 times the sum of absolute values and l2 times that of squares, meant over rows, are added to the loss."""

    def __init__(self, l1: float = 0.0, l2: float = 0.0, name: str | None = None) -> None:
        super().__init__(name, l1=l1, l2=l2)


class Permute(Layer):
    """Dimensions of a row in another order."""

    def __init__(self, dims: int | Sequence[int], name: str | None = None) -> None:
        super().__init__(name, dims=_ints(dims))


class RepeatVector(Layer):
    """The same features at each of n steps."""

    def __init__(self, n: int, name: str | None = None) -> None:
        super().__init__(name, n=n)


class Reshape(Layer):
    """Rows in another shape."""

    def __init__(self, target_shape: int | Sequence[int], name: str | None = None) -> None:
        super().__init__(name, target_shape=_ints(target_shape))


class ZeroPadding1D(Layer):
    """Zeros around steps."""

    def __init__(self, padding: int | Sequence[Any] = 1, data_format: str = "channels_last", name: str | None = None) -> None:
        super().__init__(name, padding=_flat(padding), data_format=data_format)


class ZeroPadding2D(Layer):
    """Zeros around rows and columns."""

    def __init__(self, padding: int | Sequence[Any] = 1, data_format: str = "channels_last", name: str | None = None) -> None:
        super().__init__(name, padding=_flat(padding), data_format=data_format)


class ZeroPadding3D(Layer):
    """Zeros around planes, rows and columns."""

    def __init__(self, padding: int | Sequence[Any] = 1, data_format: str = "channels_last", name: str | None = None) -> None:
        super().__init__(name, padding=_flat(padding), data_format=data_format)


class Cropping1D(Layer):
    """Numbers cut off at the edges of steps."""

    def __init__(self, cropping: int | Sequence[Any] = 1, data_format: str = "channels_last", name: str | None = None) -> None:
        super().__init__(name, cropping=_flat(cropping), data_format=data_format)


class Cropping2D(Layer):
    """Numbers cut off at the edges of rows and columns."""

    def __init__(self, cropping: int | Sequence[Any] = 0, data_format: str = "channels_last", name: str | None = None) -> None:
        super().__init__(name, cropping=_flat(cropping), data_format=data_format)


class Cropping3D(Layer):
    """Numbers cut off at the edges of planes, rows and columns."""

    def __init__(self, cropping: int | Sequence[Any] = 1, data_format: str = "channels_last", name: str | None = None) -> None:
        super().__init__(name, cropping=_flat(cropping), data_format=data_format)


class UpSampling1D(Layer):
    """Each step repeated."""

    def __init__(self, size: int | Sequence[int] = 2, name: str | None = None) -> None:
        super().__init__(name, size=_ints(size))


class UpSampling2D(Layer):
    """Rows and columns repeated, or drawn between neighbours ("bilinear", "bicubic")."""

    def __init__(self, size: int | Sequence[int] = 2, data_format: str = "channels_last", interpolation: str = "nearest", name: str | None = None) -> None:
        super().__init__(name, size=_ints(size), data_format=data_format, interpolation=interpolation)


class UpSampling3D(Layer):
    """Planes, rows and columns repeated."""

    def __init__(self, size: int | Sequence[int] = 2, data_format: str = "channels_last", name: str | None = None) -> None:
        super().__init__(name, size=_ints(size), data_format=data_format)
