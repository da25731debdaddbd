"""losses - Keras' losses, and some of torch's under their own names: one value per row; `reduction` says how a batch's values become one.

`sum_over_batch_size` (or `mean`) divides their sum, each times its row's weight, by their number; `mean_with_sample_weight` by the sum of the weights;
`sum` by nothing. `None`, Keras' "one value per row", is refused: training needs one number.
"""
from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ._text import Named


def _floats(value: float | Sequence[float] | None) -> tuple[float, ...]:
    """One number or several, or none, as a list of the engine."""
    return () if value is None else tuple(float(v) for v in value) if isinstance(value, Iterable) else (float(value),)


class Loss(Named):
    """Base class."""

    def __init__(self, reduction: str | None = "sum_over_batch_size", **attrs: Any) -> None:
        super().__init__(**attrs, **({} if reduction == "sum_over_batch_size" else {"reduction": reduction or "none"}))

    @property
    def reduction(self) -> str:
        """How the values of a batch become one."""
        return str(self._attrs.get("reduction", "sum_over_batch_size"))


class MeanSquaredError(Loss):
    """Mean of (y_true - y_pred) squared."""

    def __init__(self, reduction: str | None = "sum_over_batch_size") -> None:
        super().__init__(reduction)


class MeanAbsoluteError(Loss):
    """Mean of |y_true - y_pred|."""

    def __init__(self, reduction: str | None = "sum_over_batch_size") -> None:
        super().__init__(reduction)


class MeanAbsolutePercentageError(Loss):
    """100 times the mean of |y_true - y_pred| / |y_true|."""

    def __init__(self, reduction: str | None = "sum_over_batch_size") -> None:
        super().__init__(reduction)


class MeanSquaredLogarithmicError(Loss):
    """Mean of (log(1 + y_true) - log(1 + y_pred)) squared."""

    def __init__(self, reduction: str | None = "sum_over_batch_size") -> None:
        super().__init__(reduction)


class Huber(Loss):
    """Square of differences up to `delta`, absolute value beyond."""

    def __init__(self, delta: float = 1.0, reduction: str | None = "sum_over_batch_size") -> None:
        super().__init__(reduction, delta=delta)


class LogCosh(Loss):
    """Mean of log(cosh(y_pred - y_true))."""

    def __init__(self, reduction: str | None = "sum_over_batch_size") -> None:
        super().__init__(reduction)


class CosineSimilarity(Loss):
    """Minus the cosine between y_true and y_pred along `axis`."""

    def __init__(self, axis: int = -1, reduction: str | None = "sum_over_batch_size") -> None:
        super().__init__(reduction, axis=axis)


class BinaryCrossentropy(Loss):
    """Cross-entropy of yes-or-no targets; from_logits: y_pred is before the sigmoid; pos_weight: torch's weight of targets 1."""

    def __init__(self, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1,
                 reduction: str | None = "sum_over_batch_size", pos_weight: float | Sequence[float] | None = None) -> None:
        super().__init__(reduction, from_logits=from_logits, label_smoothing=label_smoothing, axis=axis, pos_weight=_floats(pos_weight))


class CategoricalCrossentropy(Loss):
    """Cross-entropy of targets given as one probability per class along `axis`."""

    def __init__(self, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1,
                 reduction: str | None = "sum_over_batch_size") -> None:
        super().__init__(reduction, from_logits=from_logits, label_smoothing=label_smoothing, axis=axis)


class SparseCategoricalCrossentropy(Loss):
    """Cross-entropy of targets given as class numbers; rows of ignore_class do not count; weight: torch's weight of each class."""

    def __init__(self, from_logits: bool = False, ignore_class: int | None = None, reduction: str | None = "sum_over_batch_size",
                 weight: Sequence[float] | None = None) -> None:
        super().__init__(reduction, from_logits=from_logits, ignore_class=ignore_class, weight=_floats(weight))


class BinaryFocalCrossentropy(Loss):
    """Binary cross-entropy times (1 - probability of what is right) ** gamma."""

    def __init__(self, apply_class_balancing: bool = False, alpha: float = 0.25, gamma: float = 2.0, from_logits: bool = False,
                 label_smoothing: float = 0.0, axis: int = -1, reduction: str | None = "sum_over_batch_size") -> None:
        super().__init__(reduction, apply_class_balancing=apply_class_balancing, alpha=alpha, gamma=gamma, from_logits=from_logits,
                         label_smoothing=label_smoothing, axis=axis)


class CategoricalFocalCrossentropy(Loss):
    """Cross-entropy times alpha (1 - probability) ** gamma of each class."""

    def __init__(self, alpha: float | Sequence[float] = 0.25, gamma: float = 2.0, from_logits: bool = False, label_smoothing: float = 0.0,
                 axis: int = -1, reduction: str | None = "sum_over_batch_size") -> None:
        super().__init__(reduction, alpha=_floats(alpha), gamma=gamma, from_logits=from_logits, label_smoothing=label_smoothing,
                         axis=axis)


class KLDivergence(Loss):
    """Sum of y_true log(y_true / y_pred)."""

    def __init__(self, reduction: str | None = "sum_over_batch_size") -> None:
        super().__init__(reduction)


class Poisson(Loss):
    """Mean of y_pred - y_true log(y_pred)."""

    def __init__(self, reduction: str | None = "sum_over_batch_size") -> None:
        super().__init__(reduction)


class Hinge(Loss):
    """Mean of max(1 - y_true y_pred, 0); targets are -1 and 1, or 0 and 1."""

    def __init__(self, reduction: str | None = "sum_over_batch_size") -> None:
        super().__init__(reduction)


class SquaredHinge(Loss):
    """Mean of max(1 - y_true y_pred, 0) squared; targets are -1 and 1, or 0 and 1."""

    def __init__(self, reduction: str | None = "sum_over_batch_size") -> None:
        super().__init__(reduction)


class CategoricalHinge(Loss):
    """max(1 + best score of another class - score of the right one, 0)."""

    def __init__(self, reduction: str | None = "sum_over_batch_size") -> None:
        super().__init__(reduction)


class CTC(Loss):
    """Connectionist temporal classification: y_pred [steps, classes] before the softmax, y_true class numbers with 0, the blank, behind them."""

    def __init__(self, reduction: str | None = "sum_over_batch_size") -> None:
        super().__init__(reduction)


class KLDivLoss(Loss):
    """torch's: sum of y_true (log y_true - y_pred), y_pred being logarithms; the mean over rows is torch's reduction='batchmean'."""

    def __init__(self, log_target: bool = False, reduction: str | None = "sum_over_batch_size") -> None:
        super().__init__(reduction, log_target=log_target)


class MultiMarginLoss(Loss):
    """torch's: sum of max(margin - score of the right class + score of another, 0) ** p, divided by the number of classes."""

    def __init__(self, p: int = 1, margin: float = 1.0, weight: Sequence[float] | None = None,
                 reduction: str | None = "sum_over_batch_size") -> None:
        super().__init__(reduction, p=p, margin=margin, weight=_floats(weight))


class NLLLoss(Loss):
    """torch's: -y_pred[y_true], y_pred being logarithms of probabilities."""

    def __init__(self, ignore_class: int | None = None, weight: Sequence[float] | None = None,
                 reduction: str | None = "sum_over_batch_size") -> None:
        super().__init__(reduction, ignore_class=ignore_class, weight=_floats(weight))


class PoissonNLLLoss(Loss):
    """torch's: mean of exp(y_pred) - y_true y_pred; without log_input of y_pred - y_true log(y_pred + eps)."""

    def __init__(self, log_input: bool = True, eps: float = 1e-08, reduction: str | None = "sum_over_batch_size") -> None:
        super().__init__(reduction, log_input=log_input, eps=eps)


class SmoothL1Loss(Loss):
    """torch's: d ** 2 / (2 beta) of differences below `beta`, |d| - beta / 2 beyond."""

    def __init__(self, beta: float = 1.0, reduction: str | None = "sum_over_batch_size") -> None:
        super().__init__(reduction, beta=beta)


class Function(Loss):
    """Operators over y_true and y_pred, as a program of the engine: what a custom loss is when it comes out of a file."""

    def __init__(self, body: str, reduction: str | None = "sum_over_batch_size") -> None:
        super().__init__(reduction, body=body)
