"""settled - when a perceptron's solver has arrived: the rules of Spark's l-bfgs (Breeze's) and of its gradient descent."""
from __future__ import annotations

from collections import deque
from typing import Any, Optional

import numpy

WINDOW = 20  # losses that Breeze remembers


class Settled:
    """Called after each iteration with the network and the loss of the history.

    "loss"   l-bfgs: the highest of the last losses, the first one before any step, is above the newest by at most tol times the first one ever
    "step"   gradient descent: a step is shorter than tol times the weights, or than tol where these are shorter than 1; the first step is never judged
    """

    def __init__(self, rule: str, tol: float, before: Optional[float]):
        self.rule, self.tol, self.before = rule, tol, before or 0.0
        self.losses = deque([self.before], WINDOW)
        self.weights: Optional[numpy.ndarray] = None

    def __call__(self, net: Any, loss: float) -> bool:
        if self.rule == "loss":
            self.losses.append(loss)
            return max(self.losses) - loss <= self.tol * self.before
        last, self.weights = self.weights, flat(net)
        return last is not None and float(numpy.linalg.norm(self.weights - last)) < self.tol * max(float(numpy.linalg.norm(self.weights)), 1.0)


def flat(net: Any) -> numpy.ndarray:
    """All weights in a row."""
    from . import engine

    dtype = numpy.float64 if net.info()["type"] == engine.TYPES["float64"] else numpy.float32
    made = [numpy.empty(shape, dtype) for _, _, _, _, shape in net.weights()]
    for i, array in enumerate(made):
        net.read_weight(i, array)
    return numpy.concatenate([a.reshape(-1) for a in made]).astype(numpy.float64)
