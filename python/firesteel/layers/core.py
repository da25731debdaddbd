"""core - layers of units, embeddings, masks and activations."""
from __future__ import annotations

from collections.abc import Sequence

from .._text import Named
from ..constraints import Constraint
from ..initializers import Initializer
from ..regularizers import Regularizer
from .base import Layer, _ints


class Dense(Layer):
    """activation(x w + b) over the last dimension of x."""

    def __init__(self, units: int, activation: str | None = None, use_bias: bool = True, kernel_initializer: str | Initializer = "glorot_uniform",
                 bias_initializer: str | Initializer = "zeros", kernel_regularizer: str | Regularizer | None = None,
                 bias_regularizer: str | Regularizer | None = None, kernel_constraint: str | Constraint | None = None,
                 bias_constraint: str | Constraint | None = None, name: str | None = None, trainable: bool = True) -> None:
        super().__init__(name, trainable, units=units, activation=activation, use_bias=use_bias, kernel_initializer=kernel_initializer,
                         bias_initializer=bias_initializer, kernel_regularizer=kernel_regularizer, bias_regularizer=bias_regularizer,
                         kernel_constraint=kernel_constraint, bias_constraint=bias_constraint)


class MaxoutDense(Layer):
    """The largest of `features` dense layers, unit by unit. Keras 1 had it."""

    def __init__(self, units: int, features: int = 4, use_bias: bool = True, kernel_initializer: str | Initializer = "glorot_uniform",
                 bias_initializer: str | Initializer = "zeros", kernel_regularizer: str | Regularizer | None = None,
                 bias_regularizer: str | Regularizer | None = None, kernel_constraint: str | Constraint | None = None,
                 bias_constraint: str | Constraint | None = None, name: str | None = None, trainable: bool = True) -> None:
        super().__init__(name, trainable, units=units, features=features, use_bias=use_bias, kernel_initializer=kernel_initializer,
                         bias_initializer=bias_initializer, kernel_regularizer=kernel_regularizer, bias_regularizer=bias_regularizer,
                         kernel_constraint=kernel_constraint, bias_constraint=bias_constraint)


class Highway(Layer):
    """t activation(x w + b) + (1 - t) x with a learned gate t = sigmoid(x w_carry + b_carry), whose bias begins as `transform_bias`. Keras 1 had it."""

    def __init__(self, activation: str | None = None, use_bias: bool = True, transform_bias: float = -2.0, kernel_initializer: str | Initializer = "glorot_uniform",
                 bias_initializer: str | Initializer = "zeros", kernel_regularizer: str | Regularizer | None = None,
                 bias_regularizer: str | Regularizer | None = None, kernel_constraint: str | Constraint | None = None,
                 bias_constraint: str | Constraint | None = None, name: str | None = None, trainable: bool = True) -> None:
        super().__init__(name, trainable, activation=activation, use_bias=use_bias, transform_bias=transform_bias, kernel_initializer=kernel_initializer,
                         bias_initializer=bias_initializer, kernel_regularizer=kernel_regularizer, bias_regularizer=bias_regularizer,
                         kernel_constraint=kernel_constraint, bias_constraint=bias_constraint)


class EinsumDense(Layer):
    """A dense layer whose product an equation describes."""

    def __init__(self, equation: str, output_shape: int | Sequence[int], activation: str | None = None, bias_axes: str | None = None,
                 kernel_initializer: str | Initializer = "glorot_uniform", bias_initializer: str | Initializer = "zeros",
                 kernel_regularizer: str | Named | None = None, bias_regularizer: str | Named | None = None,
                 kernel_constraint: str | Named | None = None, bias_constraint: str | Named | None = None, name: str | None = None,
                 trainable: bool = True) -> None:
        super().__init__(name, trainable, equation=equation, output_shape=_ints(output_shape), activation=activation, bias_axes=bias_axes,
                         kernel_initializer=kernel_initializer, bias_initializer=bias_initializer, kernel_regularizer=kernel_regularizer,
                         bias_regularizer=bias_regularizer, kernel_constraint=kernel_constraint, bias_constraint=bias_constraint)


class Embedding(Layer):
    """A row of numbers to learn for each whole number."""

    def __init__(self, input_dim: int, output_dim: int, embeddings_initializer: str | Initializer = "uniform",
                 embeddings_regularizer: str | Named | None = None, embeddings_constraint: str | Named | None = None,
                 mask_zero: bool = False, sparse: str = "auto", name: str | None = None, trainable: bool = True) -> None:
        super().__init__(name, trainable, input_dim=input_dim, output_dim=output_dim, embeddings_initializer=embeddings_initializer,
                         embeddings_regularizer=embeddings_regularizer, embeddings_constraint=embeddings_constraint, mask_zero=mask_zero, sparse=sparse)


class Masking(Layer):
    """Steps whose features all equal `mask_value` do not count in the layers behind."""

    def __init__(self, mask_value: float = 0.0, name: str | None = None) -> None:
        super().__init__(name, mask_value=mask_value)


class Activation(Layer):
    """An activation by name: linear, relu, sigmoid, softmax, step, tanh."""

    def __init__(self, activation: str, name: str | None = None) -> None:
        super().__init__(name, activation=activation)


class ReLU(Layer):
    """x above `threshold`, at most `max_value`; below, `negative_slope` times what is missing to the threshold."""

    def __init__(self, max_value: float | None = None, negative_slope: float = 0.0, threshold: float = 0.0, name: str | None = None) -> None:
        super().__init__(name, max_value=max_value, negative_slope=negative_slope, threshold=threshold)


class LeakyReLU(Layer):
    """x above 0, `negative_slope` x below."""

    def __init__(self, negative_slope: float = 0.3, name: str | None = None) -> None:
        super().__init__(name, negative_slope=negative_slope)


class ELU(Layer):
    """x above 0, alpha (exp(x) - 1) below."""

    def __init__(self, alpha: float = 1.0, name: str | None = None) -> None:
        super().__init__(name, alpha=alpha)


class PReLU(Layer):
    """x above 0, alpha x below; alpha is learned, one number per place, or one along all `shared_axes` (1 is the first after the batch)."""

    def __init__(self, alpha_initializer: str | Initializer = "Zeros", alpha_regularizer: str | Named | None = None,
                 alpha_constraint: str | Named | None = None, shared_axes: int | Sequence[int] | None = None, name: str | None = None,
                 trainable: bool = True) -> None:
        super().__init__(name, trainable, alpha_initializer=alpha_initializer, alpha_regularizer=alpha_regularizer, alpha_constraint=alpha_constraint,
                         shared_axes=_ints(shared_axes))


class SReLU(Layer):
    """x between a learned threshold `t_left` and one |t_right| above it, with learned slopes outside of them. Keras 1 had it."""

    def __init__(self, t_left_initializer: str | Initializer = "zeros", a_left_initializer: str | Initializer = "glorot_uniform",
                 t_right_initializer: str | Initializer = "glorot_uniform", a_right_initializer: str | Initializer = "ones",
                 shared_axes: int | Sequence[int] | None = None, name: str | None = None, trainable: bool = True) -> None:
        super().__init__(name, trainable, t_left_initializer=t_left_initializer, a_left_initializer=a_left_initializer,
                         t_right_initializer=t_right_initializer, a_right_initializer=a_right_initializer, shared_axes=_ints(shared_axes))


class ParametricSoftplus(Layer):
    """alpha log(1 + exp(beta x)), with alpha and beta learned for each place. Keras 1 had it."""

    def __init__(self, alpha_initializer: str | Initializer = "Constant value=0.2", beta_initializer: str | Initializer = "Constant value=5",
                 shared_axes: int | Sequence[int] | None = None, name: str | None = None, trainable: bool = True) -> None:
        super().__init__(name, trainable, alpha_initializer=alpha_initializer, beta_initializer=beta_initializer, shared_axes=_ints(shared_axes))


class Softmax(Layer):
    """exp(x) / sum of exp(x) along one or several dimensions; places where a second input, a mask, is 0 get no share."""

    def __init__(self, axis: int | Sequence[int] = -1, name: str | None = None) -> None:
        super().__init__(name, axis=_ints(axis))
