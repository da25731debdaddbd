"""spaces - what a search chooses from: distributions by name, drawn with a seed, and all points of a grid."""
from __future__ import annotations

import itertools
import math
from typing import Any, Mapping, NamedTuple, Sequence

import numpy

from .errors import fail
from .params import bad, is_number


class Distribution(NamedTuple):
    """What a value is drawn from: kind choice (values), uniform, loguniform or integers (low to high, integers with high)."""

    kind: str
    low: float = 0.0
    high: float = 0.0
    values: tuple[Any, ...] = ()

    def draw(self, rng: numpy.random.Generator) -> Any:
        """One value."""
        if self.kind == "choice":
            return self.values[int(rng.integers(len(self.values)))]
        if self.kind == "integers":
            return int(rng.integers(int(self.low), int(self.high) + 1))
        if self.kind == "loguniform":
            return float(math.exp(rng.uniform(math.log(self.low), math.log(self.high))))
        return float(rng.uniform(self.low, self.high))

    def suggest(self, trial: Any, name: str) -> Any:
        """One value by a trial of Optuna."""
        if self.kind == "choice":  # by place, because Optuna stores numbers and texts only
            return self.values[trial.suggest_categorical(name, list(range(len(self.values))))]
        if self.kind == "integers":
            return trial.suggest_int(name, int(self.low), int(self.high))
        return trial.suggest_float(name, self.low, self.high, log=self.kind == "loguniform")


def _limits(kind: str, low: Any, high: Any) -> tuple[float, float]:
    if not is_number(low) or not is_number(high) or not low < high:
        raise fail(1004, f"{kind}({low!r}, {high!r}): expected two finite numbers, the lower one first")
    return float(low), float(high)


def uniform(low: float, high: float) -> Distribution:
    """Any number from low to high."""
    return Distribution("uniform", *_limits("uniform", low, high))


def loguniform(low: float, high: float) -> Distribution:
    """Any number from low to high, each order of magnitude as likely as another: for learning rates and penalties."""
    a, b = _limits("loguniform", low, high)
    if a <= 0:
        raise fail(1004, f"loguniform({low!r}, {high!r}): expected numbers above 0")
    return Distribution("loguniform", a, b)


def integers(low: int, high: int) -> Distribution:
    """A whole number from low to high, high included."""
    a, b = _limits("integers", low, high)
    if a != int(a) or b != int(b):
        raise fail(1004, f"integers({low!r}, {high!r}): expected whole numbers")
    return Distribution("integers", a, b)


def choice(*values: Any) -> Distribution:
    """One of the values: choice([64], [128, 64]) of hiddenLayers, choice("adam", "sgd") of optimizer."""
    if not values:
        raise fail(1004, "choice(): no values to choose from")
    return Distribution("choice", values=tuple(values))


def checked(space: Any) -> dict[str, Distribution]:
    """A space by names; lists are choices of their entries."""
    if not isinstance(space, Mapping) or not space:
        raise bad("space", space, "a dict of names and what to choose from: {'learningRate': tune.loguniform(1e-4, 1e-1), 'batchSize': [32, 64]}")
    found = {}
    for name, given in space.items():
        if isinstance(given, Distribution):
            found[str(name)] = given
        elif isinstance(given, (list, tuple)) and given:
            found[str(name)] = choice(*given)
        else:
            raise bad(f"space[{name!r}]", given, "a list of values, or uniform, loguniform, integers or choice of tune")
    return found


def grid(space: Mapping[str, Distribution]) -> list[dict[str, Any]]:
    """All combinations, the last name fastest. Integers count one by one."""
    lists: list[Sequence[Any]] = []
    for name, d in space.items():
        if d.kind not in ("choice", "integers"):
            raise bad(f"space[{name!r}]", d.kind, "a list, choice or integers, for a grid has all of its points; random and optuna draw from distributions")
        lists.append(d.values if d.kind == "choice" else range(int(d.low), int(d.high) + 1))
    return [dict(zip(space, values)) for values in itertools.product(*lists)]
