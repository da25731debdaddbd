"""normalization - layers that shift and scale."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import errors
from .._text import Named
from ..initializers import Initializer
from .base import Input, Layer, _ints


class Normalization(Layer):
    """(x - mean) / sqrt(variance) along `axis`, both given, or learnt from data by adapt, or by fit when nobody adapted it."""

    def __init__(self, axis: int | Sequence[int] | None = -1, mean: Any = None, variance: Any = None, name: str | None = None) -> None:
        axes = () if axis is None else (axis,) if isinstance(axis, int) else tuple(axis)
        super().__init__(name, axis=axes)
        if (mean is None) != (variance is None):
            raise errors.make(1001, f"Normalization: {'mean' if variance is None else 'variance'} without {'variance' if variance is None else 'mean'}; give both, or none to learn them")
        if mean is not None:
            given = [np.asarray(mean, np.float64), np.asarray(variance, np.float64)]
            if not all(np.isfinite(v).all() for v in given) or (given[1] < 0).any():
                raise errors.make(1004, "Normalization: mean and variance are finite numbers, variance at least 0")
            self._values = [*given, np.zeros(())]
            if axes == (-1,) and given[0].ndim == 1:
                self._adapted_shape = given[0].shape

    def adapt(self, data: Any) -> None:
        """Learn mean and variance of x. Inside a model of which this is the first layer, or before it is in one."""
        from ..models import Sequential
        if self._net is not None:
            if next((info[1] for info in self._net.layers() if info[0] != "Input"), None) != self._name:
                raise errors.make(1005, f"adapt: {self.name} is not the first layer; the model's adapt(x) gives it what the layers before it make of x")
            Sequential._wrap(self._net).adapt(data)
            return
        alone = Sequential([Normalization(self._attrs["axis"])])
        alone.adapt(data)
        self._values = alone.get_weights()
        self._adapted_shape = alone.input_shape[1:]


class BatchNormalization(Layer):
    """Shifts and scales to mean 0 and variance 1 over the batch."""

    def __init__(self, axis: int = -1, momentum: float = 0.99, epsilon: float = 0.001, center: bool = True, scale: bool = True,
                 beta_initializer: str | Initializer = "zeros", gamma_initializer: str | Initializer = "ones",
                 moving_mean_initializer: str | Initializer = "zeros", moving_variance_initializer: str | Initializer = "ones",
                 beta_regularizer: str | Named | None = None, gamma_regularizer: str | Named | None = None,
                 beta_constraint: str | Named | None = None, gamma_constraint: str | Named | None = None, synchronized: bool = False,
                 name: str | None = None, trainable: bool = True) -> None:
        super().__init__(name, trainable, axis=axis, momentum=momentum, epsilon=epsilon, center=center, scale=scale,
                         beta_initializer=beta_initializer, gamma_initializer=gamma_initializer,
                         moving_mean_initializer=moving_mean_initializer, moving_variance_initializer=moving_variance_initializer,
                         beta_regularizer=beta_regularizer, gamma_regularizer=gamma_regularizer, beta_constraint=beta_constraint,
                         gamma_constraint=gamma_constraint, synchronized=synchronized)


class GroupNormalization(Layer):
    """Shifts and scales groups of channels of each row to mean 0 and variance 1."""

    def __init__(self, groups: int = 32, axis: int = -1, epsilon: float = 0.001, center: bool = True, scale: bool = True,
                 beta_initializer: str | Initializer = "zeros", gamma_initializer: str | Initializer = "ones",
                 beta_regularizer: str | Named | None = None, gamma_regularizer: str | Named | None = None,
                 beta_constraint: str | Named | None = None, gamma_constraint: str | Named | None = None, name: str | None = None,
                 trainable: bool = True) -> None:
        super().__init__(name, trainable, groups=groups, axis=axis, epsilon=epsilon, center=center, scale=scale,
                         beta_initializer=beta_initializer, gamma_initializer=gamma_initializer, beta_regularizer=beta_regularizer,
                         gamma_regularizer=gamma_regularizer, beta_constraint=beta_constraint, gamma_constraint=gamma_constraint)


class LayerNormalization(Layer):
    """Shifts and scales each row to mean 0 and variance 1."""

    def __init__(self, axis: int | Sequence[int] = -1, epsilon: float = 0.001, center: bool = True, scale: bool = True,
                 beta_initializer: str | Initializer = "zeros", gamma_initializer: str | Initializer = "ones",
                 beta_regularizer: str | Named | None = None, gamma_regularizer: str | Named | None = None,
                 beta_constraint: str | Named | None = None, gamma_constraint: str | Named | None = None, name: str | None = None,
                 trainable: bool = True) -> None:
        super().__init__(name, trainable, axis=_ints(axis), epsilon=epsilon, center=center, scale=scale, beta_initializer=beta_initializer,
                         gamma_initializer=gamma_initializer, beta_regularizer=beta_regularizer, gamma_regularizer=gamma_regularizer,
                         beta_constraint=beta_constraint, gamma_constraint=gamma_constraint)


class RMSNormalization(Layer):
    """Scales each row to a mean square of 1."""

    def __init__(self, axis: int | Sequence[int] = -1, epsilon: float = 1e-06, name: str | None = None, trainable: bool = True) -> None:
        super().__init__(name, trainable, axis=_ints(axis), epsilon=epsilon)


class UnitNormalization(Layer):
    """Scales each row to length 1."""

    def __init__(self, axis: int | Sequence[int] = -1, name: str | None = None) -> None:
        super().__init__(name, axis=_ints(axis))


class LocalResponseNormalization(Layer):
    """Divides each number by a power of the squares of neighbouring channels; torch's LocalResponseNorm."""

    def __init__(self, size: int = 5, alpha: float = 0.0001, beta: float = 0.75, bias: float = 1.0, data_format: str = "channels_last", name: str | None = None) -> None:
        super().__init__(name, size=size, alpha=alpha, beta=beta, bias=bias, data_format=data_format)
