"""metrics - Keras' metrics: sums over rows, exact whatever the batches, shards and workers.

A metric with several results (a threshold, class or cell each) has them in the history as name_0, name_1 ... Given to `compile(weighted_metrics=...)`
rows count by their weights.
"""
from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ._text import Named


def _floats(value: float | Sequence[float] | None) -> tuple[float, ...]:
    """One number or several, or none, as a list of the engine."""
    return () if value is None else tuple(float(v) for v in value) if isinstance(value, Iterable) else (float(value),)


class Metric(Named):
    """Base class."""

    def __init__(self, name: str | None = None, **attrs: Any) -> None:
        super().__init__(**attrs, **({"name": name} if name else {}))


class MeanSquaredError(Metric):
    """Mean of (y_true - y_pred) squared."""

    def __init__(self, name: str | None = None) -> None:
        super().__init__(name)


class RootMeanSquaredError(Metric):
    """Root of the mean of (y_true - y_pred) squared."""

    def __init__(self, name: str | None = None) -> None:
        super().__init__(name)


class MeanAbsoluteError(Metric):
    """Mean of |y_true - y_pred|."""

    def __init__(self, name: str | None = None) -> None:
        super().__init__(name)


class MeanAbsolutePercentageError(Metric):
    """100 times the mean of |y_true - y_pred| / |y_true|."""

    def __init__(self, name: str | None = None) -> None:
        super().__init__(name)


class MeanSquaredLogarithmicError(Metric):
    """Mean of (log(1 + y_true) - log(1 + y_pred)) squared."""

    def __init__(self, name: str | None = None) -> None:
        super().__init__(name)


class LogCoshError(Metric):
    """Mean of log(cosh(y_pred - y_true))."""

    def __init__(self, name: str | None = None) -> None:
        super().__init__(name)


class CosineSimilarity(Metric):
    """Mean cosine between y_true and y_pred along `axis`."""

    def __init__(self, axis: int = -1, name: str | None = None) -> None:
        super().__init__(name, axis=axis)


class R2Score(Metric):
    """1 - squared errors / squared distances from the mean; class_aggregation None gives a result for each column."""

    def __init__(self, class_aggregation: str | None = "uniform_average", num_regressors: int = 0, name: str | None = None) -> None:
        super().__init__(name, class_aggregation=class_aggregation or "none", num_regressors=num_regressors)


class BinaryAccuracy(Metric):
    """Share of numbers on the right side of `threshold`."""

    def __init__(self, threshold: float = 0.5, name: str | None = None) -> None:
        super().__init__(name, threshold=threshold)


class CategoricalAccuracy(Metric):
    """Share of rows whose largest prediction is the target's largest."""

    def __init__(self, name: str | None = None) -> None:
        super().__init__(name)


class SparseCategoricalAccuracy(Metric):
    """Share of rows whose largest prediction is the target class."""

    def __init__(self, name: str | None = None) -> None:
        super().__init__(name)


class TopKCategoricalAccuracy(Metric):
    """Share of rows whose target is among the `k` largest predictions, for one-hot targets."""

    def __init__(self, k: int = 5, name: str | None = None) -> None:
        super().__init__(name, k=k)


class SparseTopKCategoricalAccuracy(Metric):
    """Share of rows whose target class is among the `k` largest predictions."""

    def __init__(self, k: int = 5, name: str | None = None) -> None:
        super().__init__(name, k=k)


class BinaryCrossentropy(Metric):
    """Logarithmic loss of yes-or-no answers."""

    def __init__(self, from_logits: bool = False, label_smoothing: float = 0.0, name: str | None = None) -> None:
        super().__init__(name, from_logits=from_logits, label_smoothing=label_smoothing)


class CategoricalCrossentropy(Metric):
    """Logarithmic loss, for one-hot targets."""

    def __init__(self, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1, name: str | None = None) -> None:
        super().__init__(name, from_logits=from_logits, label_smoothing=label_smoothing, axis=axis)


class SparseCategoricalCrossentropy(Metric):
    """Logarithmic loss, for class numbers."""

    def __init__(self, from_logits: bool = False, name: str | None = None) -> None:
        super().__init__(name, from_logits=from_logits)


class KLDivergence(Metric):
    """Mean over rows of the sum of y_true log(y_true / y_pred)."""

    def __init__(self, name: str | None = None) -> None:
        super().__init__(name)


class Poisson(Metric):
    """Mean of y_pred - y_true log(y_pred)."""

    def __init__(self, name: str | None = None) -> None:
        super().__init__(name)


class Hinge(Metric):
    """Mean of max(1 - y_true y_pred, 0); targets are -1 and 1, or 0 and 1."""

    def __init__(self, name: str | None = None) -> None:
        super().__init__(name)


class SquaredHinge(Metric):
    """Mean of max(1 - y_true y_pred, 0) squared; targets are -1 and 1, or 0 and 1."""

    def __init__(self, name: str | None = None) -> None:
        super().__init__(name)


class CategoricalHinge(Metric):
    """Mean of max(1 + best score of another class - score of the right one, 0)."""

    def __init__(self, name: str | None = None) -> None:
        super().__init__(name)


class TruePositives(Metric):
    """How many are predicted and true, at each threshold."""

    def __init__(self, thresholds: float | Sequence[float] | None = None, name: str | None = None) -> None:
        super().__init__(name, thresholds=_floats(thresholds))


class TrueNegatives(Metric):
    """How many are neither predicted nor true, at each threshold."""

    def __init__(self, thresholds: float | Sequence[float] | None = None, name: str | None = None) -> None:
        super().__init__(name, thresholds=_floats(thresholds))


class FalsePositives(Metric):
    """How many are predicted but not true, at each threshold."""

    def __init__(self, thresholds: float | Sequence[float] | None = None, name: str | None = None) -> None:
        super().__init__(name, thresholds=_floats(thresholds))


class FalseNegatives(Metric):
    """How many are true but not predicted, at each threshold."""

    def __init__(self, thresholds: float | Sequence[float] | None = None, name: str | None = None) -> None:
        super().__init__(name, thresholds=_floats(thresholds))


class Precision(Metric):
    """Share of what is predicted that is true, at each threshold."""

    def __init__(self, thresholds: float | Sequence[float] | None = None, top_k: int | None = None, class_id: int | None = None,
                 name: str | None = None) -> None:
        super().__init__(name, thresholds=_floats(thresholds), top_k=top_k, class_id=class_id)


class Recall(Metric):
    """Share of what is true that is predicted, at each threshold."""

    def __init__(self, thresholds: float | Sequence[float] | None = None, top_k: int | None = None, class_id: int | None = None,
                 name: str | None = None) -> None:
        super().__init__(name, thresholds=_floats(thresholds), top_k=top_k, class_id=class_id)


class F1Score(Metric):
    """Harmonic mean of precision and recall; average None gives a result for each class."""

    def __init__(self, average: str | None = None, threshold: float | None = None, name: str | None = None) -> None:
        super().__init__(name, average=average, threshold=threshold)


class FBetaScore(Metric):
    """The same, recall counting beta squared times."""

    def __init__(self, average: str | None = None, beta: float = 1.0, threshold: float | None = None, name: str | None = None) -> None:
        super().__init__(name, average=average, beta=beta, threshold=threshold)


class AUC(Metric):
    """Area under the curve: ROC, PR or PRGAIN."""

    def __init__(self, num_thresholds: int = 200, curve: str = "ROC", summation_method: str = "interpolation",
                 thresholds: float | Sequence[float] | None = None, multi_label: bool = False, num_labels: int | None = None,
                 label_weights: float | Sequence[float] | None = None, from_logits: bool = False, name: str | None = None) -> None:
        super().__init__(name, num_thresholds=num_thresholds, curve=curve, summation_method=summation_method,
                         thresholds=_floats(thresholds), multi_label=multi_label, num_labels=num_labels,
                         label_weights=_floats(label_weights), from_logits=from_logits)


class SensitivityAtSpecificity(Metric):
    """Best sensitivity where the specificity reaches a number."""

    def __init__(self, specificity: float, num_thresholds: int = 200, class_id: int | None = None, name: str | None = None) -> None:
        super().__init__(name, specificity=specificity, num_thresholds=num_thresholds, class_id=class_id)


class SpecificityAtSensitivity(Metric):
    """Best specificity where the sensitivity reaches a number."""

    def __init__(self, sensitivity: float, num_thresholds: int = 200, class_id: int | None = None, name: str | None = None) -> None:
        super().__init__(name, sensitivity=sensitivity, num_thresholds=num_thresholds, class_id=class_id)


class PrecisionAtRecall(Metric):
    """Best precision where the recall reaches a number."""

    def __init__(self, recall: float, num_thresholds: int = 200, class_id: int | None = None, name: str | None = None) -> None:
        super().__init__(name, recall=recall, num_thresholds=num_thresholds, class_id=class_id)


class RecallAtPrecision(Metric):
    """Best recall where the precision reaches a number."""

    def __init__(self, precision: float, num_thresholds: int = 200, class_id: int | None = None, name: str | None = None) -> None:
        super().__init__(name, precision=precision, num_thresholds=num_thresholds, class_id=class_id)


class IoU(Metric):
    """Mean over some classes of intersection / union; sparse: class numbers."""

    def __init__(self, num_classes: int, target_class_ids: Sequence[int], ignore_class: int | None = None, sparse_y_true: bool = True,
                 sparse_y_pred: bool = True, axis: int = -1, name: str | None = None) -> None:
        super().__init__(name, num_classes=num_classes, target_class_ids=tuple(target_class_ids), ignore_class=ignore_class,
                         sparse_y_true=sparse_y_true, sparse_y_pred=sparse_y_pred, axis=axis)


class MeanIoU(Metric):
    """Mean over all classes of intersection / union; sparse: class numbers."""

    def __init__(self, num_classes: int, ignore_class: int | None = None, sparse_y_true: bool = True, sparse_y_pred: bool = True,
                 axis: int = -1, name: str | None = None) -> None:
        super().__init__(name, num_classes=num_classes, ignore_class=ignore_class, sparse_y_true=sparse_y_true,
                         sparse_y_pred=sparse_y_pred, axis=axis)


class OneHotIoU(Metric):
    """IoU for one-hot targets."""

    def __init__(self, num_classes: int, target_class_ids: Sequence[int], ignore_class: int | None = None, sparse_y_pred: bool = False,
                 axis: int = -1, name: str | None = None) -> None:
        super().__init__(name, num_classes=num_classes, target_class_ids=tuple(target_class_ids), ignore_class=ignore_class,
                         sparse_y_pred=sparse_y_pred, axis=axis)


class OneHotMeanIoU(Metric):
    """MeanIoU for one-hot targets."""

    def __init__(self, num_classes: int, ignore_class: int | None = None, sparse_y_pred: bool = False, axis: int = -1,
                 name: str | None = None) -> None:
        super().__init__(name, num_classes=num_classes, ignore_class=ignore_class, sparse_y_pred=sparse_y_pred, axis=axis)


class BinaryIoU(Metric):
    """IoU of yes and no, predictions from `threshold` on being yes."""

    def __init__(self, target_class_ids: Sequence[int] = (0, 1), threshold: float = 0.5, name: str | None = None) -> None:
        super().__init__(name, target_class_ids=tuple(target_class_ids), threshold=threshold)


class ConfusionMatrix(Metric):
    """Rows of class a predicted as class b: result a * classes + b. one_hot: targets have a number for each class."""

    def __init__(self, one_hot: bool = False, threshold: float = 0.5, name: str | None = None) -> None:
        super().__init__(name, one_hot=one_hot, threshold=threshold)
