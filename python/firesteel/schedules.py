"""schedules - Keras' learning rate schedules: the rate of each update as a function of its number. `fire.optimizers.schedules`.

Calling one gives its rate: ExponentialDecay(0.1, 1000, 0.5)(500). OneCycleLR, StepLR and CosineAnnealingLR are torch's, LinearWarmup is ours;
the first rate of an epoch's worth of updates and so on is a matter of `decay_steps = updates per epoch`.
"""
from __future__ import annotations

import json
from collections.abc import Sequence

from . import _core
from ._text import Named, parse_attrs, split_name


class LearningRateSchedule(Named):
    """Base class."""

    def __call__(self, step: int) -> float:
        return float(_core.schedule(self.text(), int(step)))


class ExponentialDecay(LearningRateSchedule):
    """initial_learning_rate * decay_rate ** (step / decay_steps)."""

    def __init__(self, initial_learning_rate: float, decay_steps: int, decay_rate: float, staircase: bool = False) -> None:
        super().__init__(initial_learning_rate=initial_learning_rate, decay_steps=decay_steps, decay_rate=decay_rate, staircase=staircase)


class InverseTimeDecay(LearningRateSchedule):
    """initial_learning_rate / (1 + decay_rate * step / decay_steps)."""

    def __init__(self, initial_learning_rate: float, decay_steps: int, decay_rate: float, staircase: bool = False) -> None:
        super().__init__(initial_learning_rate=initial_learning_rate, decay_steps=decay_steps, decay_rate=decay_rate, staircase=staircase)


class PolynomialDecay(LearningRateSchedule):
    """From the initial to the end rate along a power of time."""

    def __init__(self, initial_learning_rate: float, decay_steps: int, end_learning_rate: float = 0.0001, power: float = 1.0, cycle: bool = False) -> None:
        super().__init__(initial_learning_rate=initial_learning_rate, decay_steps=decay_steps, end_learning_rate=end_learning_rate, power=power, cycle=cycle)


class PiecewiseConstantDecay(LearningRateSchedule):
    """values[0] up to and with step boundaries[0], then values[1] ..."""

    def __init__(self, boundaries: Sequence[float], values: Sequence[float]) -> None:
        super().__init__(boundaries=tuple(boundaries), values=tuple(values))


class CosineDecay(LearningRateSchedule):
    """Half a cosine down to alpha times the rate, after a linear warm-up to warmup_target if one is given."""

    def __init__(self, initial_learning_rate: float, decay_steps: int, alpha: float = 0.0, warmup_target: float | None = None, warmup_steps: int = 0) -> None:
        super().__init__(initial_learning_rate=initial_learning_rate, decay_steps=decay_steps, alpha=alpha, warmup_target=warmup_target, warmup_steps=warmup_steps)


class CosineDecayRestarts(LearningRateSchedule):
    """Cosines one after the other, each t_mul times as long and m_mul times as high."""

    def __init__(self, initial_learning_rate: float, first_decay_steps: int, t_mul: float = 2.0, m_mul: float = 1.0, alpha: float = 0.0) -> None:
        super().__init__(initial_learning_rate=initial_learning_rate, first_decay_steps=first_decay_steps, t_mul=t_mul, m_mul=m_mul, alpha=alpha)


class CosineAnnealingLR(LearningRateSchedule):
    """torch's: down to eta_min in T_max updates along a cosine, and up again."""

    def __init__(self, initial_learning_rate: float, T_max: int, eta_min: float = 0.0) -> None:  # noqa: N803
        super().__init__(initial_learning_rate=initial_learning_rate, T_max=T_max, eta_min=eta_min)


class LinearWarmup(LearningRateSchedule):
    """Rises to target_learning_rate in warmup_steps updates and stays there."""

    def __init__(self, target_learning_rate: float, warmup_steps: int, initial_learning_rate: float = 0.0) -> None:
        super().__init__(target_learning_rate=target_learning_rate, warmup_steps=warmup_steps, initial_learning_rate=initial_learning_rate)


class OneCycleLR(LearningRateSchedule):
    """torch's: one hill of the rate and, with SGD's momentum or Adam's beta_1, one valley of the momentum."""

    def __init__(self, max_lr: float, total_steps: int, pct_start: float = 0.3, anneal_strategy: str = "cos", cycle_momentum: bool = True,
                 base_momentum: float = 0.85, max_momentum: float = 0.95, div_factor: float = 25.0, final_div_factor: float = 10000.0,
                 three_phase: bool = False) -> None:
        super().__init__(max_lr=max_lr, total_steps=total_steps, pct_start=pct_start, anneal_strategy=anneal_strategy, cycle_momentum=cycle_momentum,
                         base_momentum=base_momentum, max_momentum=max_momentum, div_factor=div_factor, final_div_factor=final_div_factor,
                         three_phase=three_phase)


class StepLR(LearningRateSchedule):
    """torch's: times gamma every step_size updates."""

    def __init__(self, initial_learning_rate: float, step_size: int, gamma: float = 0.1) -> None:
        super().__init__(initial_learning_rate=initial_learning_rate, step_size=step_size, gamma=gamma)


def of_text(text: str) -> LearningRateSchedule | None:
    """The schedule that a text describes; what it leaves out has the engine's defaults. None for a name that is none."""
    name, rest = split_name(text)
    kind = {kind.__name__: kind for kind in LearningRateSchedule.__subclasses__()}.get(name)
    if kind is None:
        return None
    known = next(entry for entry in map(json.loads, _core.catalog().splitlines()) if entry["kind"] == "schedule" and entry["name"] == name)
    import inspect
    required = {p.name for p in inspect.signature(kind).parameters.values() if p.default is p.empty}
    return kind(**{attr["name"]: attr["default"] for attr in known["attrs"] if attr["name"] in required} | parse_attrs(rest))
