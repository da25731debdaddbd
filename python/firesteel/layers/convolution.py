"""convolution - layers of filters, one, two or three dimensions."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .._text import Named
from ..initializers import Initializer
from .base import Layer, _ints, _padding


class _Conv(Layer):
    """What convolutions of one, two and three dimensions are made with."""

    def __init__(self, filters: int, kernel_size: int | Sequence[int], strides: int | Sequence[int] = 1, padding: str | int | Sequence[Any] = "valid",
                 data_format: str = "channels_last", dilation_rate: int | Sequence[int] = 1, groups: int = 1, activation: str | None = None,
                 use_bias: bool = True, kernel_initializer: str | Initializer = "glorot_uniform", bias_initializer: str | Initializer = "zeros",
                 kernel_regularizer: str | Named | None = None, bias_regularizer: str | Named | None = None, kernel_constraint: str | Named |
                 None = None, bias_constraint: str | Named | None = None, padding_mode: str = "zeros", name: str | None = None, trainable: bool
                 = True) -> None:
        super().__init__(name, trainable, filters=filters, kernel_size=_ints(kernel_size), strides=_ints(strides), padding=_padding(padding),
                         data_format=data_format, dilation_rate=_ints(dilation_rate), groups=groups, activation=activation, use_bias=use_bias,
                         kernel_initializer=kernel_initializer, bias_initializer=bias_initializer, kernel_regularizer=kernel_regularizer,
                         bias_regularizer=bias_regularizer, kernel_constraint=kernel_constraint, bias_constraint=bias_constraint,
                         padding_mode=padding_mode)


class Conv1D(_Conv):
    """Convolution over steps."""


class Conv2D(_Conv):
    """Convolution over rows and columns."""


class Conv3D(_Conv):
    """Convolution over planes, rows and columns."""


class _ConvTranspose(Layer):
    """What transposed convolutions are made with."""

    def __init__(self, filters: int, kernel_size: int | Sequence[int], strides: int | Sequence[int] = 1, padding: str | int | Sequence[Any] = "valid",
                 output_padding: int | Sequence[int] | None = None, data_format: str = "channels_last", dilation_rate: int | Sequence[int] = 1,
                 activation: str | None = None, use_bias: bool = True, kernel_initializer: str | Initializer = "glorot_uniform",
                 bias_initializer: str | Initializer = "zeros", kernel_regularizer: str | Named | None = None, bias_regularizer: str | Named |
                 None = None, kernel_constraint: str | Named | None = None, bias_constraint: str | Named | None = None, name: str | None = None,
                 trainable: bool = True) -> None:
        super().__init__(name, trainable, filters=filters, kernel_size=_ints(kernel_size), strides=_ints(strides), padding=_padding(padding),
                         output_padding=_ints(output_padding), data_format=data_format, dilation_rate=_ints(dilation_rate), activation=activation,
                         use_bias=use_bias, kernel_initializer=kernel_initializer, bias_initializer=bias_initializer,
                         kernel_regularizer=kernel_regularizer, bias_regularizer=bias_regularizer, kernel_constraint=kernel_constraint,
                         bias_constraint=bias_constraint)


class Conv1DTranspose(_ConvTranspose):
    """Transposed convolution over steps: from the size of a convolution's output to that of its input."""


class Conv2DTranspose(_ConvTranspose):
    """Transposed convolution over rows and columns: from the size of a convolution's output to that of its input."""


class Conv3DTranspose(_ConvTranspose):
    """Transposed convolution over planes, rows and columns: from the size of a convolution's output to that of its input."""


class _LocallyConnected(Layer):
    """What layers with a kernel of its own at each place are made with."""

    def __init__(self, filters: int, kernel_size: int | Sequence[int], strides: int | Sequence[int] = 1, padding: str = "valid",
                 data_format: str = "channels_last", activation: str | None = None, use_bias: bool = True,
                 kernel_initializer: str | Initializer = "glorot_uniform", bias_initializer: str | Initializer = "zeros",
                 kernel_regularizer: str | Named | None = None, bias_regularizer: str | Named | None = None, kernel_constraint: str | Named | None = None,
                 bias_constraint: str | Named | None = None, name: str | None = None, trainable: bool = True) -> None:
        super().__init__(name, trainable, filters=filters, kernel_size=_ints(kernel_size), strides=_ints(strides), padding=padding, data_format=data_format,
                         activation=activation, use_bias=use_bias, kernel_initializer=kernel_initializer, bias_initializer=bias_initializer,
                         kernel_regularizer=kernel_regularizer, bias_regularizer=bias_regularizer, kernel_constraint=kernel_constraint,
                         bias_constraint=bias_constraint)


class LocallyConnected1D(_LocallyConnected):
    """Convolution over steps with a kernel of its own at each place; Keras 1 and 2 had it."""


class LocallyConnected2D(_LocallyConnected):
    """Convolution over rows and columns with a kernel of its own at each place; Keras 1 and 2 had it."""


class _DepthwiseConv(Layer):
    """What convolutions of each channel by itself are made with."""

    def __init__(self, kernel_size: int | Sequence[int], strides: int | Sequence[int] = 1, padding: str | int | Sequence[Any] = "valid",
                 depth_multiplier: int = 1, data_format: str = "channels_last", dilation_rate: int | Sequence[int] = 1, activation: str | None =
                 None, use_bias: bool = True, depthwise_initializer: str | Initializer = "glorot_uniform", bias_initializer: str | Initializer =
                 "zeros", depthwise_regularizer: str | Named | None = None, bias_regularizer: str | Named | None = None, depthwise_constraint:
                 str | Named | None = None, bias_constraint: str | Named | None = None, name: str | None = None, trainable: bool = True) -> None:
        super().__init__(name, trainable, kernel_size=_ints(kernel_size), strides=_ints(strides), padding=_padding(padding),
                         depth_multiplier=depth_multiplier, data_format=data_format, dilation_rate=_ints(dilation_rate), activation=activation,
                         use_bias=use_bias, depthwise_initializer=depthwise_initializer, bias_initializer=bias_initializer,
                         depthwise_regularizer=depthwise_regularizer, bias_regularizer=bias_regularizer, depthwise_constraint=depthwise_constraint,
                         bias_constraint=bias_constraint)


class DepthwiseConv1D(_DepthwiseConv):
    """Convolution of each channel by itself over steps."""


class DepthwiseConv2D(_DepthwiseConv):
    """Convolution of each channel by itself over rows and columns."""


class _SeparableConv(Layer):
    """What separable convolutions are made with."""

    def __init__(self, filters: int, kernel_size: int | Sequence[int], strides: int | Sequence[int] = 1, padding: str | int | Sequence[Any] = "valid",
                 data_format: str = "channels_last", dilation_rate: int | Sequence[int] = 1, depth_multiplier: int = 1, activation: str | None =
                 None, use_bias: bool = True, depthwise_initializer: str | Initializer = "glorot_uniform", pointwise_initializer: str |
                 Initializer = "glorot_uniform", bias_initializer: str | Initializer = "zeros", depthwise_regularizer: str | Named | None =
                 None, pointwise_regularizer: str | Named | None = None, bias_regularizer: str | Named | None = None, depthwise_constraint: str
                 | Named | None = None, pointwise_constraint: str | Named | None = None, bias_constraint: str | Named | None = None, name: str |
                 None = None, trainable: bool = True) -> None:
        super().__init__(name, trainable, filters=filters, kernel_size=_ints(kernel_size), strides=_ints(strides), padding=_padding(padding),
                         data_format=data_format, dilation_rate=_ints(dilation_rate), depth_multiplier=depth_multiplier, activation=activation,
                         use_bias=use_bias, depthwise_initializer=depthwise_initializer, pointwise_initializer=pointwise_initializer,
                         bias_initializer=bias_initializer, depthwise_regularizer=depthwise_regularizer, pointwise_regularizer=pointwise_regularizer,
                         bias_regularizer=bias_regularizer, depthwise_constraint=depthwise_constraint, pointwise_constraint=pointwise_constraint,
                         bias_constraint=bias_constraint)


class SeparableConv1D(_SeparableConv):
    """Convolution of each channel by itself over steps, then one that mixes the channels."""


class SeparableConv2D(_SeparableConv):
    """Convolution of each channel by itself over rows and columns, then one that mixes the channels."""
