"""pooling - layers that summarize neighbours."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .base import Layer, _ints, _padding


class MaxPooling1D(Layer):
    """The largest number of each window over steps."""

    def __init__(self, pool_size: int | Sequence[int] = 2, strides: int | Sequence[int] | None = None, padding: str | int | Sequence[Any] = "valid",
                 data_format: str = "channels_last", ceil_mode: bool = False, dilation_rate: int | Sequence[int] = 1, name: str | None = None) -> None:
        super().__init__(name, pool_size=_ints(pool_size), strides=_ints(strides), padding=_padding(padding), data_format=data_format,
                         ceil_mode=ceil_mode, dilation_rate=_ints(dilation_rate))


class MaxPooling2D(Layer):
    """The largest number of each window over rows and columns."""

    def __init__(self, pool_size: int | Sequence[int] = 2, strides: int | Sequence[int] | None = None, padding: str | int | Sequence[Any] = "valid",
                 data_format: str = "channels_last", ceil_mode: bool = False, dilation_rate: int | Sequence[int] = 1, name: str | None = None) -> None:
        super().__init__(name, pool_size=_ints(pool_size), strides=_ints(strides), padding=_padding(padding), data_format=data_format,
                         ceil_mode=ceil_mode, dilation_rate=_ints(dilation_rate))


class MaxPooling3D(Layer):
    """The largest number of each window over planes, rows and columns."""

    def __init__(self, pool_size: int | Sequence[int] = 2, strides: int | Sequence[int] | None = None, padding: str | int | Sequence[Any] = "valid",
                 data_format: str = "channels_last", ceil_mode: bool = False, dilation_rate: int | Sequence[int] = 1, name: str | None = None) -> None:
        super().__init__(name, pool_size=_ints(pool_size), strides=_ints(strides), padding=_padding(padding), data_format=data_format,
                         ceil_mode=ceil_mode, dilation_rate=_ints(dilation_rate))


class AveragePooling1D(Layer):
    """The mean of each window over steps."""

    def __init__(self, pool_size: int | Sequence[int] = 2, strides: int | Sequence[int] | None = None, padding: str | int | Sequence[Any] = "valid",
                 data_format: str = "channels_last", ceil_mode: bool = False, count_include_pad: bool = False, name: str | None = None) -> None:
        super().__init__(name, pool_size=_ints(pool_size), strides=_ints(strides), padding=_padding(padding), data_format=data_format,
                         ceil_mode=ceil_mode, count_include_pad=count_include_pad)


class AveragePooling2D(Layer):
    """The mean of each window over rows and columns."""

    def __init__(self, pool_size: int | Sequence[int] = 2, strides: int | Sequence[int] | None = None, padding: str | int | Sequence[Any] = "valid",
                 data_format: str = "channels_last", ceil_mode: bool = False, count_include_pad: bool = False, name: str | None = None) -> None:
        super().__init__(name, pool_size=_ints(pool_size), strides=_ints(strides), padding=_padding(padding), data_format=data_format,
                         ceil_mode=ceil_mode, count_include_pad=count_include_pad)


class AveragePooling3D(Layer):
    """The mean of each window over planes, rows and columns."""

    def __init__(self, pool_size: int | Sequence[int] = 2, strides: int | Sequence[int] | None = None, padding: str | int | Sequence[Any] = "valid",
                 data_format: str = "channels_last", ceil_mode: bool = False, count_include_pad: bool = False, name: str | None = None) -> None:
        super().__init__(name, pool_size=_ints(pool_size), strides=_ints(strides), padding=_padding(padding), data_format=data_format,
                         ceil_mode=ceil_mode, count_include_pad=count_include_pad)


class GlobalAveragePooling1D(Layer):
    """The mean of each channel over all steps."""

    def __init__(self, data_format: str = "channels_last", keepdims: bool = False, name: str | None = None) -> None:
        super().__init__(name, data_format=data_format, keepdims=keepdims)


class GlobalAveragePooling2D(Layer):
    """The mean of each channel over all rows and columns."""

    def __init__(self, data_format: str = "channels_last", keepdims: bool = False, name: str | None = None) -> None:
        super().__init__(name, data_format=data_format, keepdims=keepdims)


class GlobalAveragePooling3D(Layer):
    """The mean of each channel over all planes, rows and columns."""

    def __init__(self, data_format: str = "channels_last", keepdims: bool = False, name: str | None = None) -> None:
        super().__init__(name, data_format=data_format, keepdims=keepdims)


class GlobalMaxPooling1D(Layer):
    """The largest number of each channel over all steps."""

    def __init__(self, data_format: str = "channels_last", keepdims: bool = False, name: str | None = None) -> None:
        super().__init__(name, data_format=data_format, keepdims=keepdims)


class GlobalMaxPooling2D(Layer):
    """The largest number of each channel over all rows and columns."""

    def __init__(self, data_format: str = "channels_last", keepdims: bool = False, name: str | None = None) -> None:
        super().__init__(name, data_format=data_format, keepdims=keepdims)


class GlobalMaxPooling3D(Layer):
    """The largest number of each channel over all planes, rows and columns."""

    def __init__(self, data_format: str = "channels_last", keepdims: bool = False, name: str | None = None) -> None:
        super().__init__(name, data_format=data_format, keepdims=keepdims)


class LPPooling1D(Layer):
    """The p-norm of each window over steps; torch's LPPool1d."""

    def __init__(self, norm_type: int = 2, pool_size: int | Sequence[int] = 2, strides: int | Sequence[int] | None = None,
                 padding: str | int | Sequence[Any] = "valid", data_format: str = "channels_last", ceil_mode: bool = False, name: str | None = None) -> None:
        super().__init__(name, norm_type=norm_type, pool_size=_ints(pool_size), strides=_ints(strides), padding=_padding(padding), data_format=data_format, ceil_mode=ceil_mode)


class LPPooling2D(Layer):
    """The p-norm of each window over rows and columns; torch's LPPool2d."""

    def __init__(self, norm_type: int = 2, pool_size: int | Sequence[int] = 2, strides: int | Sequence[int] | None = None,
                 padding: str | int | Sequence[Any] = "valid", data_format: str = "channels_last", ceil_mode: bool = False, name: str | None = None) -> None:
        super().__init__(name, norm_type=norm_type, pool_size=_ints(pool_size), strides=_ints(strides), padding=_padding(padding), data_format=data_format, ceil_mode=ceil_mode)


class LPPooling3D(Layer):
    """The p-norm of each window over planes, rows and columns; torch's LPPool3d."""

    def __init__(self, norm_type: int = 2, pool_size: int | Sequence[int] = 2, strides: int | Sequence[int] | None = None,
                 padding: str | int | Sequence[Any] = "valid", data_format: str = "channels_last", ceil_mode: bool = False, name: str | None = None) -> None:
        super().__init__(name, norm_type=norm_type, pool_size=_ints(pool_size), strides=_ints(strides), padding=_padding(padding), data_format=data_format, ceil_mode=ceil_mode)
