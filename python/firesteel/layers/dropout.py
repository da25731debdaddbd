"""dropout - layers that are noise while a network trains."""
from __future__ import annotations

from .base import Layer


class Dropout(Layer):
    """While training, sets a share `rate` of the numbers to 0 and scales the others by 1 / (1 - rate)."""

    def __init__(self, rate: float, name: str | None = None) -> None:
        super().__init__(name, rate=rate)


class AlphaDropout(Layer):
    """Dropout that keeps mean and variance, for selu."""

    def __init__(self, rate: float, name: str | None = None) -> None:
        super().__init__(name, rate=rate)


class GaussianDropout(Layer):
    """Multiplies by normal numbers around 1 while training."""

    def __init__(self, rate: float, name: str | None = None) -> None:
        super().__init__(name, rate=rate)


class GaussianNoise(Layer):
    """Adds normal numbers while training."""

    def __init__(self, stddev: float, name: str | None = None) -> None:
        super().__init__(name, stddev=stddev)


class SpatialDropout1D(Layer):
    """Drops whole channels at random while training."""

    def __init__(self, rate: float, name: str | None = None) -> None:
        super().__init__(name, rate=rate)


class SpatialDropout2D(Layer):
    """Drops whole channels at random while training."""

    def __init__(self, rate: float, name: str | None = None) -> None:
        super().__init__(name, rate=rate)


class SpatialDropout3D(Layer):
    """Drops whole channels at random while training."""

    def __init__(self, rate: float, name: str | None = None) -> None:
        super().__init__(name, rate=rate)
