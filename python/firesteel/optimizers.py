"""optimizers - Keras' optimizers: names, defaults and formulas; torch's own under torch's names. Their schedules are in `schedules`."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from . import _core, errors, schedules
from ._text import Named, attrs_text, text_of
from .schedules import LearningRateSchedule

__all__ = ["LARS", "LBFGS", "SGD", "Adadelta", "Adagrad", "Adam", "AdamW", "Adamax", "Ftrl", "Lamb", "Lion", "Nadam", "Optimizer", "RAdam", "RMSprop", "Rprop", "schedules"]

Rate = float | LearningRateSchedule


def optimizer_text(given: Any) -> str:
    """An optimizer as the engine's text; or several by layer: {"": "adam", "wide": Ftrl(0.1)}, each for the layer of that name or, where there is none,
    for all whose names begin so, and "" for all others. Clipping, averages and accumulation are told by that of "" for all layers."""
    if not isinstance(given, Mapping):
        return text_of(given, "optimizer")
    if "" not in given or not all(isinstance(name, str) for name in given):
        raise errors.make(1001, "optimizer: a dict names layers, or beginnings of their names, and under '' the optimizer of all others, which is missing")
    if taken := next((name for name in given if "|" in name or "\n" in name), None):
        raise errors.make(1001, f"optimizer: {taken!r} cannot name a layer")
    lines = [text_of(given[""], "optimizer")]
    return "\n".join(lines + [f"{text_of(own, 'optimizer')} {attrs_text({'layers': name})}" for name, own in given.items() if name])


class _Signature:
    """An optimizer's signature with the common parameters in it, for help(); made when somebody asks, since inspect is slow to import."""

    def __get__(self, instance: Any, cls: type[Optimizer]) -> Any:
        import inspect
        own = inspect.signature(cls.__init__).parameters
        common = [p for p in inspect.signature(Optimizer.__init__).parameters.values() if p.kind is p.KEYWORD_ONLY]
        mine = [p for name, p in own.items() if name != "self" and p.kind is not p.VAR_KEYWORD]
        takes_common = any(p.kind is p.VAR_KEYWORD for p in own.values())
        return inspect.Signature(mine + [p for p in common if takes_common and p.name not in {q.name for q in mine}])


class Optimizer(Named):
    """Base class. `learning_rate` is a number or a schedule; once its model is compiled, it reads the rate in use and sets a number.

    All optimizers but LBFGS take Keras' common parameters: weight_decay (each update takes learning_rate * weight_decay * weight away first),
    clipnorm (of each weight's gradient), global_clipnorm (of all together) or clipvalue, use_ema with ema_momentum and ema_overwrite_frequency (the
    weights become their moving average when fit ends, or every so many updates too), gradient_accumulation_steps (one update for so many
    batches); and exclude_from_weight_decay, parts of names of weights joined by "|".
    """

    __signature__ = _Signature()
    _net: _core.Network | None = None

    def __init__(self, *, weight_decay: float | None = None, clipnorm: float | None = None, clipvalue: float | None = None,
                 global_clipnorm: float | None = None, use_ema: bool = False, ema_momentum: float = 0.99, ema_overwrite_frequency: int | None = None,
                 gradient_accumulation_steps: int | None = None, exclude_from_weight_decay: str | Sequence[str] = "", name: str | None = None, **attrs: Any) -> None:
        if isinstance(attrs.get("learning_rate"), str):
            attrs["learning_rate"] = schedules.of_text(attrs["learning_rate"]) or attrs["learning_rate"]
        words = exclude_from_weight_decay if isinstance(exclude_from_weight_decay, str) else "|".join(exclude_from_weight_decay)
        common = {"weight_decay": weight_decay, "clipnorm": clipnorm, "clipvalue": clipvalue, "global_clipnorm": global_clipnorm, "use_ema": use_ema,
                  "ema_momentum": ema_momentum, "ema_overwrite_frequency": ema_overwrite_frequency,
                  "gradient_accumulation_steps": gradient_accumulation_steps, "exclude_from_weight_decay": words}
        super().__init__(**attrs, **common)
        self.name = name or type(self).__name__


    @property
    def learning_rate(self) -> Any:
        """Step size, of the next update where a schedule gives it."""
        if self._net is not None:
            return self._net.learning_rate()
        rate = self._attrs["learning_rate"]
        return rate if isinstance(rate, LearningRateSchedule) else float(rate)

    @learning_rate.setter
    def learning_rate(self, rate: float) -> None:
        if self._net is not None:
            self._net.set_learning_rate(float(rate))
        self._attrs["learning_rate"] = float(rate)

    @property
    def iterations(self) -> int:
        """Batches seen since compile."""
        return int(self._net.info()["step"]) if self._net is not None else 0

    def exclude_from_weight_decay(self, var_names: Sequence[str]) -> None:
        """Weights whose names hold one of these words keep their size. Before compile."""
        self._attrs["exclude_from_weight_decay"] = "|".join(var_names)

    def __getstate__(self) -> dict[str, Any]:
        return {"_attrs": self._attrs, "name": self.name}

    def __repr__(self) -> str:
        import inspect
        plain = {name: p.default for name, p in inspect.signature(type(self)).parameters.items()}
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in self._attrs.items() if k == 'learning_rate' or v != plain.get(k))})"


class SGD(Optimizer):
    """Gradient descent, with momentum, Nesterov's look-ahead, and a rate that falls as 1 / (1 + decay * step). dampening is torch's."""

    def __init__(self, learning_rate: Rate = 0.01, momentum: float = 0.0, nesterov: bool = False, decay: float = 0.0, dampening: float = 0.0, **common: Any) -> None:
        super().__init__(learning_rate=learning_rate, momentum=momentum, nesterov=nesterov, decay=decay, dampening=dampening, **common)


class RMSprop(Optimizer):
    """Gradients divided by a running root mean square."""

    def __init__(self, learning_rate: Rate = 0.001, rho: float = 0.9, momentum: float = 0.0, epsilon: float = 1e-07, centered: bool = False, **common: Any) -> None:
        super().__init__(learning_rate=learning_rate, rho=rho, momentum=momentum, epsilon=epsilon, centered=centered, **common)


class Adam(Optimizer):
    """Running mean of gradients over the root of a running mean of their squares, both corrected for their start."""

    def __init__(self, learning_rate: Rate = 0.001, beta_1: float = 0.9, beta_2: float = 0.999, epsilon: float = 1e-07, amsgrad: bool = False, **common: Any) -> None:
        super().__init__(learning_rate=learning_rate, beta_1=beta_1, beta_2=beta_2, epsilon=epsilon, amsgrad=amsgrad, **common)


class AdamW(Optimizer):
    """Adam whose weight decay does not go through the gradient."""

    def __init__(self, learning_rate: Rate = 0.001, weight_decay: float = 0.004, beta_1: float = 0.9, beta_2: float = 0.999, epsilon: float = 1e-07,
                 amsgrad: bool = False, **common: Any) -> None:
        super().__init__(learning_rate=learning_rate, weight_decay=weight_decay, beta_1=beta_1, beta_2=beta_2, epsilon=epsilon, amsgrad=amsgrad, **common)


class Adamax(Optimizer):
    """Adam with the largest gradient, decaying, in place of the mean square."""

    def __init__(self, learning_rate: Rate = 0.001, beta_1: float = 0.9, beta_2: float = 0.999, epsilon: float = 1e-07, **common: Any) -> None:
        super().__init__(learning_rate=learning_rate, beta_1=beta_1, beta_2=beta_2, epsilon=epsilon, **common)


class Nadam(Optimizer):
    """Adam with Nesterov's look-ahead. torch's NAdam is momentum_decay=0.004."""

    def __init__(self, learning_rate: Rate = 0.001, beta_1: float = 0.9, beta_2: float = 0.999, epsilon: float = 1e-07, momentum_decay: float = 1.0,
                 **common: Any) -> None:
        super().__init__(learning_rate=learning_rate, beta_1=beta_1, beta_2=beta_2, epsilon=epsilon, momentum_decay=momentum_decay, **common)


class RAdam(Optimizer):
    """torch's: Adam that begins as momentum, until its mean square can be trusted."""

    def __init__(self, learning_rate: Rate = 0.001, beta_1: float = 0.9, beta_2: float = 0.999, epsilon: float = 1e-08, **common: Any) -> None:
        super().__init__(learning_rate=learning_rate, beta_1=beta_1, beta_2=beta_2, epsilon=epsilon, **common)


class Adagrad(Optimizer):
    """Gradients divided by the root of the sum of all their squares."""

    def __init__(self, learning_rate: Rate = 0.001, initial_accumulator_value: float = 0.1, epsilon: float = 1e-07, **common: Any) -> None:
        super().__init__(learning_rate=learning_rate, initial_accumulator_value=initial_accumulator_value, epsilon=epsilon, **common)


class Adadelta(Optimizer):
    """Gradients in units of past steps."""

    def __init__(self, learning_rate: Rate = 0.001, rho: float = 0.95, epsilon: float = 1e-07, **common: Any) -> None:
        super().__init__(learning_rate=learning_rate, rho=rho, epsilon=epsilon, **common)


class Ftrl(Optimizer):
    """Follow the regularized leader, for sparse linear models."""

    def __init__(self, learning_rate: Rate = 0.001, learning_rate_power: float = -0.5, initial_accumulator_value: float = 0.1,
                 l1_regularization_strength: float = 0.0, l2_regularization_strength: float = 0.0, l2_shrinkage_regularization_strength: float = 0.0,
                 beta: float = 0.0, **common: Any) -> None:
        super().__init__(learning_rate=learning_rate, learning_rate_power=learning_rate_power, initial_accumulator_value=initial_accumulator_value,
                         l1_regularization_strength=l1_regularization_strength, l2_regularization_strength=l2_regularization_strength,
                         l2_shrinkage_regularization_strength=l2_shrinkage_regularization_strength, beta=beta, **common)


class Lion(Optimizer):
    """Steps of one size by the sign of the momentum."""

    def __init__(self, learning_rate: Rate = 0.001, beta_1: float = 0.9, beta_2: float = 0.99, **common: Any) -> None:
        super().__init__(learning_rate=learning_rate, beta_1=beta_1, beta_2=beta_2, **common)


class Lamb(Optimizer):
    """Adam's direction with steps in proportion to each weight, for large batches."""

    def __init__(self, learning_rate: Rate = 0.001, beta_1: float = 0.9, beta_2: float = 0.999, epsilon: float = 1e-07, **common: Any) -> None:
        super().__init__(learning_rate=learning_rate, beta_1=beta_1, beta_2=beta_2, epsilon=epsilon, **common)


class LARS(Optimizer):
    """Momentum with steps in proportion to each weight, for large batches. l2 is the paper's weight decay."""

    def __init__(self, learning_rate: Rate = 0.01, momentum: float = 0.9, nesterov: bool = False, trust_coefficient: float = 0.001, l2: float = 0.0,
                 epsilon: float = 1e-08, **common: Any) -> None:
        super().__init__(learning_rate=learning_rate, momentum=momentum, nesterov=nesterov, trust_coefficient=trust_coefficient, l2=l2, epsilon=epsilon, **common)


class Rprop(Optimizer):
    """torch's: a step size for each number that grows while the sign of its gradient stays. For batches of all rows."""

    def __init__(self, learning_rate: Rate = 0.01, eta_minus: float = 0.5, eta_plus: float = 1.2, min_step: float = 1e-06, max_step: float = 50.0,
                 **common: Any) -> None:
        super().__init__(learning_rate=learning_rate, eta_minus=eta_minus, eta_plus=eta_plus, min_step=min_step, max_step=max_step, **common)


class LBFGS(Optimizer):
    """Limited-memory BFGS over all rows at once, with a line search under strong Wolfe conditions, over any number of workers. Each epoch is an
    iteration; batch_size means nothing; fit ends when an iteration lowers the loss by less than `tol`, or where the gradient is as small as `gradient_tol` says. For small networks and tables that fit."""

    def __init__(self, learning_rate: float = 1.0, history_size: int = 10, tol: float = 1e-06, gradient_tol: float = -1.0, max_evaluations: int = 25,
                 name: str | None = None) -> None:
        Named.__init__(self, learning_rate=learning_rate, history_size=history_size, tol=tol, gradient_tol=gradient_tol, max_evaluations=max_evaluations)
        self.name = name or "LBFGS"
