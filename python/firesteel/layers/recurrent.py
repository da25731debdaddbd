"""recurrent - layers that go along the steps, and what wraps them."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .._text import Named, split_name
from ..initializers import Initializer
from .base import Layer, _given, _ints, _padding


class Recurrent(Layer):
    """What SimpleRNN, LSTM, GRU and Bidirectional share."""

    def reset_states(self) -> None:
        """Make the states zero that a layer with stateful=True keeps from batch to batch."""
        net, i = self._place()
        net.reset_states(i)


class SimpleRNN(Recurrent):
    """Fully connected recurrent layer over sequences [n, steps, features]."""

    def __init__(self, units: int, activation: str = "tanh", use_bias: bool = True, kernel_initializer: str | Initializer = "glorot_uniform",
                 recurrent_initializer: str | Initializer = "orthogonal", bias_initializer: str | Initializer = "zeros",
                 kernel_regularizer: str | Named | None = None, recurrent_regularizer: str | Named | None = None,
                 bias_regularizer: str | Named | None = None, kernel_constraint: str | Named | None = None,
                 recurrent_constraint: str | Named | None = None, bias_constraint: str | Named | None = None, dropout: float = 0.0,
                 recurrent_dropout: float = 0.0, return_sequences: bool = False, return_state: bool = False, go_backwards: bool = False,
                 stateful: bool = False, unroll: bool = False, zero_output_for_mask: bool = False, tbptt_length: int = 0, name: str | None = None,
                 trainable: bool = True) -> None:
        super().__init__(**_given(locals()))


class LSTM(Recurrent):
    """Long short-term memory over sequences [n, steps, features]."""

    def __init__(self, units: int, activation: str = "tanh", recurrent_activation: str = "sigmoid", use_bias: bool = True,
                 kernel_initializer: str | Initializer = "glorot_uniform", recurrent_initializer: str | Initializer = "orthogonal",
                 bias_initializer: str | Initializer = "zeros", unit_forget_bias: bool = True, kernel_regularizer: str | Named | None = None,
                 recurrent_regularizer: str | Named | None = None, bias_regularizer: str | Named | None = None,
                 kernel_constraint: str | Named | None = None, recurrent_constraint: str | Named | None = None,
                 bias_constraint: str | Named | None = None, dropout: float = 0.0, recurrent_dropout: float = 0.0, return_sequences: bool = False,
                 return_state: bool = False, go_backwards: bool = False, stateful: bool = False, unroll: bool = False,
                 zero_output_for_mask: bool = False, tbptt_length: int = 0, name: str | None = None, trainable: bool = True) -> None:
        super().__init__(**_given(locals()))


class GRU(Recurrent):
    """Gated recurrent unit over sequences [n, steps, features]."""

    def __init__(self, units: int, activation: str = "tanh", recurrent_activation: str = "sigmoid", use_bias: bool = True,
                 kernel_initializer: str | Initializer = "glorot_uniform", recurrent_initializer: str | Initializer = "orthogonal",
                 bias_initializer: str | Initializer = "zeros", kernel_regularizer: str | Named | None = None,
                 recurrent_regularizer: str | Named | None = None, bias_regularizer: str | Named | None = None,
                 kernel_constraint: str | Named | None = None, recurrent_constraint: str | Named | None = None,
                 bias_constraint: str | Named | None = None, dropout: float = 0.0, recurrent_dropout: float = 0.0, return_sequences: bool = False,
                 return_state: bool = False, go_backwards: bool = False, stateful: bool = False, unroll: bool = False, reset_after: bool = True,
                 zero_output_for_mask: bool = False, tbptt_length: int = 0, name: str | None = None, trainable: bool = True) -> None:
        super().__init__(**_given(locals()))


class _ConvLSTM(Recurrent):
    def __init__(self, filters: int, kernel_size: int | Sequence[int], strides: int | Sequence[int] = 1, padding: str = "valid", data_format: str = "channels_last",
                 dilation_rate: int | Sequence[int] = 1, activation: str = "tanh", recurrent_activation: str = "sigmoid", use_bias: bool = True,
                 kernel_initializer: str | Initializer = "glorot_uniform", recurrent_initializer: str | Initializer = "orthogonal",
                 bias_initializer: str | Initializer = "zeros", unit_forget_bias: bool = True, kernel_regularizer: str | Named | None = None,
                 recurrent_regularizer: str | Named | None = None, bias_regularizer: str | Named | None = None, kernel_constraint: str | Named | None = None,
                 recurrent_constraint: str | Named | None = None, bias_constraint: str | Named | None = None, dropout: float = 0.0,
                 recurrent_dropout: float = 0.0, return_sequences: bool = False, return_state: bool = False, go_backwards: bool = False,
                 stateful: bool = False, name: str | None = None, trainable: bool = True) -> None:
        given = _given(locals())
        given.update(kernel_size=_ints(kernel_size), strides=_ints(strides), padding=_padding(padding), dilation_rate=_ints(dilation_rate))
        super().__init__(**given)


class ConvLSTM1D(_ConvLSTM):
    """Long short-term memory whose products are convolutions, over sequences of rows [n, t, steps, channels]."""


class ConvLSTM2D(_ConvLSTM):
    """Long short-term memory whose products are convolutions, over sequences of pictures [n, t, rows, columns, channels]."""


class ConvLSTM3D(_ConvLSTM):
    """Long short-term memory whose products are convolutions, over sequences of volumes [n, t, planes, rows, columns, channels]."""


class Bidirectional(Recurrent):
    """A recurrent layer over the steps in both directions; `merge_mode` None keeps the two outputs apart."""

    def __init__(self, layer: str | Layer, merge_mode: str | None = "concat", backward_layer: str | Layer | None = None, name: str | None = None,
                 trainable: bool = True) -> None:
        super().__init__(name, trainable, layer=layer, merge_mode="none" if merge_mode is None else merge_mode, backward_layer=backward_layer)

    def _outputs(self) -> int:
        inner: Any = self._attrs["layer"]
        if not isinstance(inner, Layer):
            kind, attrs = split_name(str(inner))
            inner = Layer._restore(kind, "", attrs)
        return int((2 if self._attrs["merge_mode"] == "none" else 1) + 2 * (inner._outputs() - 1))


class TimeDistributed(Layer):
    """A layer applied to every step of sequences [n, steps, ...]."""

    def __init__(self, layer: str | Layer, name: str | None = None, trainable: bool = True) -> None:
        super().__init__(name, trainable, layer=layer)
