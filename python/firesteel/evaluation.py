"""evaluation - how good predictions are: reports of classes, of yes-or-no labels and of numbers, which print and draw themselves.

    report = fire.evaluation.classification(y_true, probability=model.predict(x))
    print(report); report.roc(1).auc; report.calibration(); report.as_dict()

Tables of Spark are evaluated by firesteel.spark.evaluation, which gives the same reports. docs/evaluation.md says what each number is.
"""
from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from . import errors
from .tally import POINTS, Classes, Labels, Numbers, Sketch, Tally

if TYPE_CHECKING:
    from .report import Picture


class Curve(NamedTuple):
    """A curve over thresholds from high to low. x, y: false positive rate and true positive rate (ROC), or recall and precision.

    area: under the curve. error: how far the true area can be from it; 0 where all scores were kept, NaN where that is not known."""

    x: np.ndarray
    y: np.ndarray
    thresholds: np.ndarray
    area: float
    error: float


class Calibration(NamedTuple):
    """Rows by predicted probability, in bins of equal width: their weight, mean probability, and the share that was so (NaN in empty bins).

    ece, mce: mean and largest distance between the two."""

    weight: np.ndarray
    predicted: np.ndarray
    observed: np.ndarray
    ece: float
    mce: float


def _over(a: Any, b: Any) -> np.ndarray:
    """a / b, 0 where b is 0, as scikit-learn does for precision and the like."""
    return np.asarray(np.divide(a, b, out=np.zeros(np.shape(b)), where=np.asarray(b) != 0))


def _roc(sketch: Sketch) -> Curve:
    thresholds, tp, fp = sketch.counts()
    area, error = sketch.area()
    p, n = (tp[-1], fp[-1]) if len(tp) else (0.0, 0.0)
    return Curve(np.append(0.0, _over(fp, np.full(len(fp), n))), np.append(0.0, _over(tp, np.full(len(tp), p))), np.append(np.inf, thresholds), area, error)


def _pr(sketch: Sketch) -> Curve:
    thresholds, tp, fp = sketch.counts()
    if not len(tp) or not tp[-1]:
        return Curve(np.zeros(0), np.zeros(0), thresholds, float("nan"), float("nan"))
    precision, recall = _over(tp, tp + fp), tp / tp[-1]
    return Curve(np.append(0.0, recall), np.append(1.0, precision), np.append(np.inf, thresholds), float((np.diff(recall, prepend=0.0) * precision).sum()),
                 0.0 if sketch.exact else float("nan"))


def _calibration(sums: np.ndarray) -> Calibration:
    weight, p, yes = sums
    with np.errstate(invalid="ignore", divide="ignore"):
        predicted, observed = p / weight, yes / weight
    gap = np.where(weight > 0, np.abs(np.nan_to_num(predicted) - np.nan_to_num(observed)), 0.0)
    total = float(weight.sum())
    return Calibration(weight, predicted, observed, float((gap * weight).sum() / total) if total else float("nan"), float(gap.max(initial=0.0)))


def _plain(value: Any) -> Any:
    """numpy's numbers and arrays as Python's, for as_dict."""
    if isinstance(value, np.ndarray):
        return [_plain(v) for v in value.tolist()]
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    return value.item() if isinstance(value, np.generic) else value


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    width = [max(len(r[i]) for r in [head, *rows]) for i in range(len(head))]
    return "\n".join("  ".join(c.ljust(w) if i == 0 else c.rjust(w) for i, (c, w) in enumerate(zip(row, width))).rstrip() for row in [head, *rows])


class Report:
    """What all reports can: metric(name), as_dict(), print, plot."""

    def __init__(self, tally: Tally, names: Sequence[str] | None = None) -> None:
        self._tally, self._names = tally, None if names is None else list(names)
        self.rows = int(tally.get("rows"))
        if not self.rows:
            raise errors.make(2007, "there are no rows to evaluate")

    def metrics(self) -> dict[str, float]:
        """Every single number, by name."""
        raise NotImplementedError

    def metric(self, name: str) -> float:
        """One of them."""
        found = self.metrics()
        if name not in found:
            raise errors.make(1003, f"no metric {name!r} in this {type(self).__name__}; it has {', '.join(found)}")
        return found[name]

    def as_dict(self) -> dict[str, Any]:
        """Everything but the curves, as plain numbers, lists and dicts: for JSON."""
        return _plain({"rows": self.rows, **self.metrics()})  # type: ignore[no-any-return]

    def _pictures(self) -> list[str]:
        return []

    def plot(self) -> Picture:
        """The charts as a picture that notebooks show; `.save(path)` writes it."""
        from .report import Picture, beside

        return Picture(beside(self._pictures()))

    def _repr_html_(self) -> str:
        from html import escape

        return f"<div><pre>{escape(str(self))}</pre>{''.join(self._pictures())}</div>"

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.rows:,} rows: " + ", ".join(f"{n} {v:.4g}" for n, v in list(self.metrics().items())[:4]) + ")"


class ClassificationReport(Report):
    """Rows of which each is of one class.

    confusion          weights of rows [true class, predicted class]
    support, precision, recall, f1    arrays, one number for each class
    accuracy, balanced_accuracy, kappa, mcc, macro_f1, f1 ... and, with probabilities, log_loss, brier, ece, auc: see metrics()
    """

    def __init__(self, tally: Tally, names: Sequence[str] | None = None) -> None:
        super().__init__(tally, names)
        self.confusion = tally.get("confusion")
        right, true, guessed = self.confusion.diagonal(), self.confusion.sum(1), self.confusion.sum(0)
        self.support: np.ndarray = true
        self.precision, self.recall = _over(right, guessed), _over(right, true)
        self.f1 = _over(2 * right, true + guessed)
        self.weight = float(true.sum())
        self.has_probability = "log_loss" in tally.sums
        count = len(self.confusion)
        self.classes = [*(self._names or [])[:count], *(str(c) for c in range(len(self._names or []), count))]

    def metrics(self) -> dict[str, float]:
        c, n = self.confusion, self.weight
        true, guessed, right = c.sum(1), c.sum(0), float(np.trace(c))
        seen = (true > 0) | (guessed > 0)
        chance = float(true @ guessed) / n ** 2
        spread = (n ** 2 - float(true @ true)) * (n ** 2 - float(guessed @ guessed))
        found = {
            "accuracy": right / n, "balanced_accuracy": float(self.recall[true > 0].mean()),
            "precision": float(true @ self.precision) / n, "recall": float(true @ self.recall) / n, "f1": float(true @ self.f1) / n,
            "macro_precision": float(self.precision[seen].mean()), "macro_recall": float(self.recall[seen].mean()), "macro_f1": float(self.f1[seen].mean()),
            "kappa": (right / n - chance) / (1 - chance) if chance < 1 else float("nan"),
            "mcc": (right * n - float(true @ guessed)) / spread ** 0.5 if spread > 0 else 0.0,
        }
        if self.has_probability:
            sure = _calibration(self._tally.get("confidence"))
            found.update(log_loss=float(self._tally.get("log_loss")) / n, brier=float(self._tally.get("brier")) / n / (2 if len(c) == 2 else 1), ece=sure.ece, mce=sure.mce)
            found.update({f"top{k}_accuracy": self.top(k) for k in (2, 3, 5) if k < len(c)})
            roc = [self.roc(k) for k in self._sketched()]
            areas = [r.area for r in roc if np.isfinite(r.area)]
            found["auc"] = float(np.mean(areas)) if areas else float("nan")
            found["auc_error"] = max((r.error for r in roc if np.isfinite(r.error)), default=float("nan"))
            found["average_precision"] = float(np.mean([a for a in (self.pr(k).area for k in self._sketched()) if np.isfinite(a)] or [float("nan")]))
        return found

    def _sketched(self) -> list[int]:
        return sorted(int(k) for k in self._tally.sketches)

    def _of(self, k: int | None) -> Sketch:
        k = (1 if len(self.confusion) == 2 else 0) if k is None else k
        if str(k) not in self._tally.sketches:
            raise errors.make(1003, f"no curve for class {k}; there are curves for {', '.join(map(str, self._sketched())) or 'none, because no probabilities were given'}")
        return self._tally.sketches[str(k)]

    def top(self, k: int) -> float:
        """Share of rows whose class is among the k with the largest probability; of equal ones the row's own counts first."""
        rank = self._tally.get("rank", (1,))
        return float(rank[:k].sum() / rank.sum())

    def roc(self, k: int | None = None) -> Curve:
        """ROC curve of one class against all others; of two classes that of class 1."""
        return _roc(self._of(k))

    def pr(self, k: int | None = None) -> Curve:
        """Precision over recall of one class; the area is the average precision."""
        return _pr(self._of(k))

    def calibration(self, k: int | None = None) -> Calibration:
        """Reliability of one class's probability (of two classes, of class 1); of several classes, without k, of the largest probability."""
        if k is None and len(self.confusion) != 2:
            return _calibration(self._tally.get("confidence", (3, 1)))
        self._of(k)
        return _calibration(self._tally.sums[f"reliability {1 if k is None else k}"])

    def as_dict(self) -> dict[str, Any]:
        per = {name: {"precision": p, "recall": r, "f1": f, "support": s} for name, p, r, f, s in zip(self.classes, self.precision, self.recall, self.f1, self.support)}
        return {**super().as_dict(), "classes": _plain(per), "confusion": _plain(self.confusion)}

    def __str__(self) -> str:
        few = list(zip(self.classes, self.precision, self.recall, self.f1, self.support))
        rows = [[name, *(f"{v:.4f}" for v in (p, r, f)), f"{s:,.10g}"] for name, p, r, f, s in few[:40]]
        m = self.metrics()
        rows += [[f"... {len(few) - 40} more", "", "", "", ""]] if len(few) > 40 else []
        rows += [["macro mean", *(f"{m['macro_' + n]:.4f}" for n in ("precision", "recall", "f1")), f"{self.weight:,.10g}"],
                 ["weighted mean", *(f"{m[n]:.4f}" for n in ("precision", "recall", "f1")), f"{self.weight:,.10g}"]]
        said = [f"{n.replace('_', ' ')} {v:.4f}" for n, v in m.items() if n in ("accuracy", "balanced_accuracy", "kappa", "mcc")]
        tail = [f"{n.replace('_', ' ')} {m[n]:.4f}" for n in ("log_loss", "brier", "ece", "auc", "average_precision") if n in m]
        if m.get("auc_error"):
            tail.append(f"(auc to within {m['auc_error']:.1e})")
        return "\n".join([_table(["class", "precision", "recall", "f1", "support"], rows), "", "  ".join(said), *(["  ".join(tail)] if tail else [])])

    def _pictures(self) -> list[str]:
        from .report import confusion, plane

        found = [confusion(self.confusion, self.classes)] if len(self.confusion) <= 30 else []
        if self.has_probability:
            shown = self._sketched()[:6]
            rocs, prs = {self.classes[k]: self.roc(k) for k in shown}, {self.classes[k]: self.pr(k) for k in shown}
            reliable = self.calibration()
            found += [plane("ROC", {n: _thin(c.x, c.y) for n, c in rocs.items()}, "false positive rate", "true positive rate", True),
                      plane("precision and recall", {n: _thin(c.x, c.y) for n, c in prs.items()}, "recall", "precision"),
                      plane("calibration", {"": (reliable.predicted.tolist(), reliable.observed.tolist())}, "predicted", "observed", True)]
        return found


def _thin(x: np.ndarray, y: np.ndarray) -> tuple[list[float], list[float]]:
    """At most some 400 points of a curve, its ends among them."""
    at = np.unique(np.linspace(0, len(x) - 1, 400).astype(np.int64)) if len(x) else np.zeros(0, np.int64)
    return x[at].tolist(), y[at].tolist()


class MultiLabelReport(Report):
    """Rows with several yes-or-no labels. tp, fp, fn, tn, precision, recall, f1: arrays, one number for each label."""

    def __init__(self, tally: Tally, names: Sequence[str] | None = None) -> None:
        super().__init__(tally, names)
        self.tp, self.fp, self.fn, self.tn = tally.get("counts")
        self.weight = float(tally.get("weight"))
        self.precision, self.recall = _over(self.tp, self.tp + self.fp), _over(self.tp, self.tp + self.fn)
        self.f1 = _over(2 * self.tp, 2 * self.tp + self.fp + self.fn)
        count = len(self.tp)
        self.labels = [*(self._names or [])[:count], *(str(c) for c in range(len(self._names or []), count))]

    def metrics(self) -> dict[str, float]:
        tp, fp, fn = float(self.tp.sum()), float(self.fp.sum()), float(self.fn.sum())
        found = {"subset_accuracy": float(self._tally.get("all_right")) / self.weight, "hamming_loss": (fp + fn) / (self.weight * len(self.tp)),
                 "micro_precision": tp / (tp + fp) if tp + fp else 0.0, "micro_recall": tp / (tp + fn) if tp + fn else 0.0, "micro_f1": 2 * tp / (2 * tp + fp + fn) if tp + fp + fn else 0.0,
                 "macro_precision": float(self.precision.mean()), "macro_recall": float(self.recall.mean()), "macro_f1": float(self.f1.mean())}
        if "log_loss" in self._tally.sums:
            areas = [self.roc(k).area for k in range(len(self.tp))]
            found.update(log_loss=float(self._tally.get("log_loss").mean()) / self.weight, brier=float(self._tally.get("brier").mean()) / self.weight,
                         ece=float(np.mean([self.calibration(k).ece for k in range(len(self.tp))])),
                         auc=float(np.mean([a for a in areas if np.isfinite(a)] or [float("nan")])))
        return found

    def _of(self, k: int) -> Sketch:
        if str(k) not in self._tally.sketches:
            raise errors.make(1003, f"no curve for label {k}; there are {len(self._tally.sketches)} curves")
        return self._tally.sketches[str(k)]

    def roc(self, k: int) -> Curve:
        """ROC curve of one label."""
        return _roc(self._of(k))

    def pr(self, k: int) -> Curve:
        """Precision over recall of one label; the area is the average precision."""
        return _pr(self._of(k))

    def calibration(self, k: int) -> Calibration:
        """Reliability of one label's probability."""
        self._of(k)
        return _calibration(self._tally.sums[f"reliability {k}"])

    def as_dict(self) -> dict[str, Any]:
        per = {name: {"precision": p, "recall": r, "f1": f, "support": s} for name, p, r, f, s in zip(self.labels, self.precision, self.recall, self.f1, self.tp + self.fn)}
        return {**super().as_dict(), "labels": _plain(per)}

    def __str__(self) -> str:
        rows = [[n, *(f"{v:.4f}" for v in (p, r, f)), f"{s:,.10g}"] for n, p, r, f, s in zip(self.labels, self.precision, self.recall, self.f1, self.tp + self.fn)]
        return _table(["label", "precision", "recall", "f1", "support"], rows) + "\n\n" + "  ".join(f"{n.replace('_', ' ')} {v:.4f}" for n, v in self.metrics().items())

    def _pictures(self) -> list[str]:
        from .report import plane

        shown = range(min(6, len(self._tally.sketches)))
        if not shown:
            return []
        return [plane("ROC", {self.labels[k]: _thin(self.roc(k).x, self.roc(k).y) for k in shown}, "false positive rate", "true positive rate", True),
                plane("calibration", {self.labels[k]: (self.calibration(k).predicted.tolist(), self.calibration(k).observed.tolist()) for k in shown}, "predicted", "observed", True)]


class RegressionReport(Report):
    """Rows with one number or several. by_target: the same metrics as lists, one number for each; metrics() has their means."""

    def __init__(self, tally: Tally, names: Sequence[str] | None = None) -> None:
        super().__init__(tally, names)
        if tally.moments is None:
            raise errors.make(2007, "all rows to evaluate have weight 0")
        weight, my, mp, yy, pp, yp = tally.moments
        squares, absolute, relative, signed = tally.get("errors") / weight
        self.weight = float(weight[0])
        with np.errstate(invalid="ignore", divide="ignore"):
            rest = squares * weight - weight * signed ** 2  # squares about the mean error
            self.by_target: dict[str, list[float]] = {n: [float(x) for x in v] for n, v in {
                "mse": squares, "rmse": np.sqrt(squares), "mae": absolute, "r2": np.where(yy > 0, 1 - squares * weight / yy, np.nan), "mape": relative,
                "explained_variance": np.where(yy > 0, 1 - rest / yy, np.nan), "bias": signed, "correlation": yp / np.sqrt(yy * pp), "max_error": tally.tops["error"],
            }.items()}
        for k in range(len(weight)):
            low, high = self.residual_quantile(0.5, k)
            self.by_target.setdefault("median_error", []).append((low + high) / 2)
        logs = tally.get("log", (2, len(weight)))
        if (logs[1] == weight).all():
            self.by_target["msle"] = [float(v) for v in logs[0] / logs[1]]

    def metrics(self) -> dict[str, float]:
        return {n: float(np.max(v)) if n == "max_error" else float(np.mean(v)) for n, v in self.by_target.items()}

    def residual_quantile(self, q: float, target: int = 0) -> tuple[float, float]:
        """Limits between which a share q of the errors, prediction - label, ends: twice the same number where all errors were kept."""
        return self._tally.sketches[str(target)].quantile(q)

    def as_dict(self) -> dict[str, Any]:
        return {**super().as_dict(), "by_target": self.by_target}

    def __str__(self) -> str:
        names = list(self.by_target)
        rows = [[(self._names or [])[k] if k < len(self._names or []) else f"target {k}", *(f"{self.by_target[n][k]:.5g}" for n in names)] for k in range(len(self.by_target["mse"]))]
        return _table([f"{self.rows:,} rows", *(n.replace("_", " ") for n in names)], rows)

    def _pictures(self) -> list[str]:
        from .report import plane

        share = np.linspace(0.01, 0.99, 99)
        lines = {f"target {k}": ([sum(self.residual_quantile(float(q), k)) / 2 for q in share], share.tolist()) for k in range(min(6, len(self.by_target["mse"])))}
        return [plane("errors", lines, "prediction - label", "share of rows below", unit=False)]


REPORTS: dict[str, Any] = {"classes": ClassificationReport, "labels": MultiLabelReport, "numbers": RegressionReport}


def _columns(values: Any) -> np.ndarray:
    a = np.asarray(values, np.float64)
    return a.reshape(len(a), -1 if a.size else 1)


def _weights(sample_weight: Any) -> np.ndarray | None:
    return None if sample_weight is None else np.asarray(sample_weight, np.float64).reshape(-1)


def classification(y_true: Any, y_pred: Any = None, probability: Any = None, sample_weight: Any = None, names: Sequence[str] | None = None, bins: int = 10,
                   points: int = POINTS) -> ClassificationReport:
    """Report of class numbers [n], predicted ones [n], and probabilities [n, classes], or [n] of class 1. One of the last two may be missing."""
    p = None if probability is None else _columns(probability)
    if p is None and y_pred is None:
        raise errors.make(1001, "classification: give y_pred, probability or both")
    if p is not None and p.shape[1] == 1:
        p = np.hstack([1 - p, p])
    tally = Classes(bins=bins, points=points)
    tally.add(np.asarray(y_true).reshape(-1), None if y_pred is None else np.asarray(y_pred).reshape(-1), p, _weights(sample_weight))
    return ClassificationReport(tally, names)


def multilabel(y_true: Any, y_pred: Any = None, probability: Any = None, sample_weight: Any = None, names: Sequence[str] | None = None, bins: int = 10,
               points: int = POINTS) -> MultiLabelReport:
    """Report of yes-or-no labels [n, labels]; y_pred are 0 and 1, unset: probability > 0.5."""
    if probability is None and y_pred is None:
        raise errors.make(1001, "multilabel: give y_pred, probability or both")
    tally = Labels(bins=bins, points=points)
    tally.add(_columns(y_true), None if y_pred is None else _columns(y_pred), None if probability is None else _columns(probability), _weights(sample_weight))
    return MultiLabelReport(tally, names)


def regression(y_true: Any, y_pred: Any, sample_weight: Any = None, names: Sequence[str] | None = None, points: int = POINTS) -> RegressionReport:
    """Report of numbers [n], or [n, targets]."""
    tally = Numbers(points=points)
    tally.add(_columns(y_true), _columns(y_pred), _weights(sample_weight))
    return RegressionReport(tally, names)
