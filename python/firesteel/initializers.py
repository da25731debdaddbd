"""initializers - how weights get their first values; Keras' names and defaults."""
from __future__ import annotations

from ._text import Named


class Initializer(Named):
    """Base class. Values depend on the model's seed and the weight's place alone."""


class Zeros(Initializer):
    """All 0."""

    def __init__(self) -> None:
        super().__init__()


class Ones(Initializer):
    """All 1."""

    def __init__(self) -> None:
        super().__init__()


class Constant(Initializer):
    """All `value`."""

    def __init__(self, value: float = 0.0) -> None:
        super().__init__(value=value)


class RandomNormal(Initializer):
    """Normal with this mean and standard deviation."""

    def __init__(self, mean: float = 0.0, stddev: float = 0.05) -> None:
        super().__init__(mean=mean, stddev=stddev)


class RandomUniform(Initializer):
    """Uniform between `minval` and `maxval`."""

    def __init__(self, minval: float = -0.05, maxval: float = 0.05) -> None:
        super().__init__(minval=minval, maxval=maxval)


class TruncatedNormal(Initializer):
    """Normal, drawn again beyond two standard deviations."""

    def __init__(self, mean: float = 0.0, stddev: float = 0.05) -> None:
        super().__init__(mean=mean, stddev=stddev)


class VarianceScaling(Initializer):
    """Variance scale / n, n being the fan-in, the fan-out or their mean."""

    def __init__(self, scale: float = 1.0, mode: str = "fan_in", distribution: str = "truncated_normal") -> None:
        super().__init__(scale=scale, mode=mode, distribution=distribution)


class GlorotUniform(Initializer):
    """Uniform within sqrt(6 / (fan_in + fan_out)); the default of Dense."""

    def __init__(self) -> None:
        super().__init__()


class GlorotNormal(Initializer):
    """Truncated normal, variance 2 / (fan_in + fan_out)."""

    def __init__(self) -> None:
        super().__init__()


class HeUniform(Initializer):
    """Uniform within sqrt(6 / fan_in); for relu."""

    def __init__(self) -> None:
        super().__init__()


class HeNormal(Initializer):
    """Truncated normal, variance 2 / fan_in; for relu."""

    def __init__(self) -> None:
        super().__init__()


class LecunUniform(Initializer):
    """Uniform within sqrt(3 / fan_in)."""

    def __init__(self) -> None:
        super().__init__()


class LecunNormal(Initializer):
    """Truncated normal, variance 1 / fan_in."""

    def __init__(self) -> None:
        super().__init__()


class Orthogonal(Initializer):
    """Orthogonal rows or columns, times `gain`."""

    def __init__(self, gain: float = 1.0) -> None:
        super().__init__(gain=gain)


class Identity(Initializer):
    """The identity matrix times `gain`."""

    def __init__(self, gain: float = 1.0) -> None:
        super().__init__(gain=gain)


class UnitForgetBias(Initializer):
    """For the bias of an LSTM: 1 for the forget gate, another initializer for the rest."""

    def __init__(self, bias_initializer: str | Initializer = "zeros") -> None:
        super().__init__(bias_initializer=bias_initializer)
