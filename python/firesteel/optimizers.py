"""optimizers - Keras' optimizers: names, defaults and formulas."""
from __future__ import annotations

from typing import Any

from . import _core
from ._text import Named


class Optimizer(Named):
    """Base class. Once its model is compiled, `learning_rate` reads and sets the rate in use."""

    _net: _core.Network | None = None

    @property
    def learning_rate(self) -> float:
        """Step size."""
        return self._net.learning_rate() if self._net is not None else float(self._attrs["learning_rate"])

    @learning_rate.setter
    def learning_rate(self, rate: float) -> None:
        self._attrs["learning_rate"] = float(rate)
        if self._net is not None:
            self._net.set_learning_rate(float(rate))

    def __getstate__(self) -> dict[str, Any]:
        return {"_attrs": self._attrs}


class SGD(Optimizer):
    """Gradient descent, with momentum, Nesterov's look-ahead, and a rate that falls as 1 / (1 + decay * step)."""

    def __init__(self, learning_rate: float = 0.01, momentum: float = 0.0, nesterov: bool = False, decay: float = 0.0) -> None:
        super().__init__(learning_rate=learning_rate, momentum=momentum, nesterov=nesterov, decay=decay)


class RMSprop(Optimizer):
    """Gradients divided by a running root mean square."""

    def __init__(self, learning_rate: float = 0.001, rho: float = 0.9, momentum: float = 0.0, epsilon: float = 1e-07, centered: bool = False) -> None:
        super().__init__(learning_rate=learning_rate, rho=rho, momentum=momentum, epsilon=epsilon, centered=centered)


class Adam(Optimizer):
    """Running mean of gradients over the root of a running mean of their squares, both corrected for their start."""

    def __init__(self, learning_rate: float = 0.001, beta_1: float = 0.9, beta_2: float = 0.999, epsilon: float = 1e-07) -> None:
        super().__init__(learning_rate=learning_rate, beta_1=beta_1, beta_2=beta_2, epsilon=epsilon)
