"""attention - layers in which steps look at steps."""
from __future__ import annotations

from collections.abc import Sequence

from .._text import Named
from ..initializers import Initializer
from .base import Layer, _ints


class AdditiveAttention(Layer):
    """Steps of value weighted by a sum of tanh(query + key)."""

    def __init__(self, use_scale: bool = True, dropout: float = 0, use_causal_mask: bool = False, return_attention_scores: bool = False,
                 name: str | None = None, trainable: bool = True) -> None:
        super().__init__(name, trainable, use_scale=use_scale, dropout=dropout, use_causal_mask=use_causal_mask,
                         return_attention_scores=return_attention_scores)


class Attention(Layer):
    """Steps of value weighted by how key answers query."""

    def __init__(self, use_scale: bool = False, score_mode: str = "dot", dropout: float = 0, use_causal_mask: bool = False,
                 return_attention_scores: bool = False, name: str | None = None, trainable: bool = True) -> None:
        super().__init__(name, trainable, use_scale=use_scale, score_mode=score_mode, dropout=dropout, use_causal_mask=use_causal_mask,
                         return_attention_scores=return_attention_scores)


class GroupQueryAttention(Layer):
    """Attention by several heads that share keys and values."""

    def __init__(self, head_dim: int, num_query_heads: int, num_key_value_heads: int, dropout: float = 0, use_bias: bool = True,
                 kernel_initializer: str | Initializer = "glorot_uniform", bias_initializer: str | Initializer = "zeros",
                 kernel_regularizer: str | Named | None = None, bias_regularizer: str | Named | None = None,
                 kernel_constraint: str | Named | None = None, bias_constraint: str | Named | None = None, use_causal_mask: bool = False,
                 return_attention_scores: bool = False, name: str | None = None, trainable: bool = True) -> None:
        super().__init__(name, trainable, head_dim=head_dim, num_query_heads=num_query_heads, num_key_value_heads=num_key_value_heads,
                         dropout=dropout, use_bias=use_bias, kernel_initializer=kernel_initializer, bias_initializer=bias_initializer,
                         kernel_regularizer=kernel_regularizer, bias_regularizer=bias_regularizer, kernel_constraint=kernel_constraint,
                         bias_constraint=bias_constraint, use_causal_mask=use_causal_mask, return_attention_scores=return_attention_scores)


class MultiHeadAttention(Layer):
    """Attention by several heads."""

    def __init__(self, num_heads: int, key_dim: int, value_dim: int | None = None, dropout: float = 0, use_bias: bool = True,
                 output_shape: int | Sequence[int] | None = None, attention_axes: int | Sequence[int] | None = None,
                 kernel_initializer: str | Initializer = "glorot_uniform", bias_initializer: str | Initializer = "zeros",
                 kernel_regularizer: str | Named | None = None, bias_regularizer: str | Named | None = None,
                 kernel_constraint: str | Named | None = None, bias_constraint: str | Named | None = None, use_causal_mask: bool = False,
                 return_attention_scores: bool = False, name: str | None = None, trainable: bool = True) -> None:
        super().__init__(name, trainable, num_heads=num_heads, key_dim=key_dim, value_dim=value_dim, dropout=dropout, use_bias=use_bias,
                         output_shape=_ints(output_shape), attention_axes=_ints(attention_axes), kernel_initializer=kernel_initializer,
                         bias_initializer=bias_initializer, kernel_regularizer=kernel_regularizer, bias_regularizer=bias_regularizer,
                         kernel_constraint=kernel_constraint, bias_constraint=bias_constraint, use_causal_mask=use_causal_mask,
                         return_attention_scores=return_attention_scores)
