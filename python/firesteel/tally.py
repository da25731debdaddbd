"""tally - what an evaluation needs of many rows, in sums of fixed size: add batches, merge what others have summed, tell it as bytes.

Rows come as numpy arrays and are gone after `add`. Everything is a sum, but for curves and quantiles: a Sketch keeps scores exactly while there
are few different ones, then in bins that it knows the limits of, so that the error of what is read from it can be told.
"""
from __future__ import annotations

import io
from typing import Any, Mapping

import numpy as np

POINTS = 8192  # bins that a sketch falls back to; it is exact up to twice as many different scores
EPS = 1e-15    # probabilities are kept this far from 0 and 1 in the logarithmic loss, as Spark does


class Sketch:
    """Weights of positive and negative rows by score, in disjoint bins [lo, hi] in order; a bin with lo == hi is a score itself."""

    def __init__(self, points: int = POINTS, parts: np.ndarray | None = None) -> None:
        self.points = points
        self.parts = np.zeros((4, 0)) if parts is None else parts  # lo, hi, positive, negative: [4, bins]

    def add(self, score: np.ndarray, positive: np.ndarray, negative: np.ndarray) -> None:
        """Rows with weights as positives and as negatives."""
        value, place = np.unique(score, return_inverse=True)
        place = place.reshape(-1)
        new = np.stack([value, value, np.bincount(place, positive, len(value)), np.bincount(place, negative, len(value))])
        lo, hi = self.parts[0], self.parts[1]
        if len(lo):
            bin = np.searchsorted(lo, value, "right") - 1
            known = (bin >= 0) & (value <= hi[np.maximum(bin, 0)])
            for k in (2, 3):
                self.parts[k] += np.bincount(bin[known], new[k, known], len(lo))
            new = np.concatenate([self.parts, new[:, ~known]], axis=1)
            new = new[:, np.argsort(new[0], kind="stable")]
        self.parts = new
        if new.shape[1] > 2 * self.points:
            weight = new[2] + new[3]
            middle = (np.cumsum(weight) - weight / 2) / max(float(weight.sum()), 1e-300)
            begins = np.flatnonzero(np.diff(np.minimum((middle * self.points).astype(np.int64), self.points - 1), prepend=-1))
            ends = np.append(begins[1:], new.shape[1]) - 1
            self.parts = np.stack([new[0, begins], new[1, ends], np.add.reduceat(new[2], begins), np.add.reduceat(new[3], begins)])

    def merge(self, other: "Sketch") -> None:
        """Take over another's bins, which may overlap the own ones. No rows are added afterwards."""
        parts = np.concatenate([self.parts, other.parts], axis=1)
        parts = parts[:, np.lexsort((parts[1], parts[0]))]
        if parts.shape[1]:
            begins = np.flatnonzero(np.append(True, (np.diff(parts[0]) != 0) | (np.diff(parts[1]) != 0)))
            parts = np.stack([parts[0, begins], parts[1, begins], np.add.reduceat(parts[2], begins), np.add.reduceat(parts[3], begins)])
        self.parts = parts

    @property
    def exact(self) -> bool:
        """Whether all scores are kept as they are."""
        return bool((self.parts[0] == self.parts[1]).all())

    def area(self) -> tuple[float, float]:
        """Area under the ROC curve, equal scores counting half, and how far from it the true one can be at most."""
        lo, hi, p, n = self.parts
        total = float(p.sum() * n.sum())
        if total == 0:
            return float("nan"), float("nan")
        by_hi, by_lo = np.argsort(hi, kind="stable"), np.argsort(lo, kind="stable")
        below, above = np.append(0.0, np.cumsum(n[by_hi])), np.append(0.0, np.cumsum(n[by_lo]))
        surely = below[np.searchsorted(hi[by_hi], lo, "left")]                          # negatives whose scores are all lower
        never = above[-1] - above[np.searchsorted(lo[by_lo], hi, "right")]             # ... all higher
        tied = np.where(lo == hi, n, 0.0)                                              # the same score: bins are unique
        least, most = float((p * (surely + tied / 2)).sum()) / total, 1 - float((p * (never + tied / 2)).sum()) / total
        return (least + most) / 2, 0.0 if self.exact else max(0.0, (most - least) / 2)

    def counts(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Thresholds from high to low, and the weights of positives and negatives at or above each."""
        order = np.argsort(-(self.parts[0] + self.parts[1]), kind="stable")
        return self.parts[0, order], np.cumsum(self.parts[2, order]), np.cumsum(self.parts[3, order])

    def quantile(self, q: float) -> tuple[float, float]:
        """Limits between which a share q of the weight of all rows ends."""
        order = np.argsort(self.parts[0] + self.parts[1], kind="stable")
        weight = np.cumsum(self.parts[2, order] + self.parts[3, order])
        if not len(weight) or not weight[-1]:
            return float("nan"), float("nan")
        at = order[min(int(np.searchsorted(weight, q * weight[-1] * (1 - 1e-12))), len(order) - 1)]
        return float(self.parts[0, at]), float(self.parts[1, at])


class Tally:
    """Sums by name, and sketches by name. Sums of unlike sizes grow to the larger one."""

    kind = ""

    def __init__(self, **settings: int) -> None:
        self.settings = settings
        self.sums: dict[str, np.ndarray] = {}
        self.tops: dict[str, np.ndarray] = {}     # of which the largest counts
        self.moments: np.ndarray | None = None    # [weight, means of label and prediction, squares and product about them; columns]
        self.sketches: dict[str, Sketch] = {}

    def plus(self, name: str, value: Any) -> None:
        """Add an array to a sum."""
        value = np.asarray(value, np.float64)
        old = self.sums.get(name)
        if old is None:
            self.sums[name] = value.copy()
        elif old.shape == value.shape:
            old += value
        else:
            grown = np.zeros([max(a, b) for a, b in zip(old.shape, value.shape)])
            grown[tuple(slice(n) for n in old.shape)] = old
            grown[tuple(slice(n) for n in value.shape)] += value
            self.sums[name] = grown

    def sketch(self, name: str) -> Sketch:
        return self.sketches.setdefault(name, Sketch(self.settings.get("points", POINTS)))

    def top(self, name: str, value: np.ndarray) -> None:
        """Keep the larger one of each number."""
        self.tops[name] = np.maximum(self.tops[name], value) if name in self.tops else value

    def add_moments(self, b: np.ndarray) -> None:
        """Moments of other rows, after Chan, Golub and LeVeque (1979)."""
        a = self.moments
        if a is None:
            self.moments = b
            return
        n = a[0] + b[0]
        d, share = b[1:3] - a[1:3], a[0] * b[0] / n
        self.moments = np.stack([n, *(a[1:3] + d * (b[0] / n)), a[3] + b[3] + d[0] ** 2 * share, a[4] + b[4] + d[1] ** 2 * share, a[5] + b[5] + d[0] * d[1] * share])

    def get(self, name: str, shape: tuple[int, ...] = ()) -> np.ndarray:
        """A sum; zeros where nothing was added."""
        found = self.sums.get(name)
        return np.zeros(shape) if found is None else found

    def pack(self) -> bytes:
        """All of it as an .npz archive."""
        named = {**{f"sum {n}": v for n, v in self.sums.items()}, **{f"top {n}": v for n, v in self.tops.items()},
                 **{f"sketch {n}": s.parts for n, s in self.sketches.items()}, **({} if self.moments is None else {"moments ": self.moments})}
        out = io.BytesIO()
        np.savez(out, **named)  # type: ignore[arg-type]
        return out.getvalue()

    def unpack(self, data: bytes) -> None:
        """Take over what another has packed."""
        with np.load(io.BytesIO(data), allow_pickle=False) as archive:
            for key in archive.files:
                what, name = key.split(" ", 1)
                if what == "sum":
                    self.plus(name, archive[key])
                elif what == "top":
                    self.top(name, archive[key])
                elif what == "moments":
                    self.add_moments(archive[key])
                else:
                    self.sketch(name).merge(Sketch(parts=archive[key]))


class Classes(Tally):
    """Rows with a class number, a predicted class number, and perhaps a probability for each class. settings: bins, points."""

    kind = "classes"

    def add(self, label: np.ndarray, prediction: np.ndarray | None, probability: np.ndarray | None, weight: np.ndarray | None) -> None:
        """label [n], prediction [n], probability [n, classes], weight [n]."""
        n = len(label)
        w = np.ones(n) if weight is None else weight
        y = label.astype(np.int64)
        if prediction is None:
            assert probability is not None
            prediction = probability.argmax(1)
        guess = prediction.astype(np.int64)
        classes = int(max(y.max(initial=-1), guess.max(initial=-1), -1 if probability is None else probability.shape[1] - 1)) + 1
        self.plus("rows", n)
        self.plus("confusion", np.bincount(y * classes + guess, w, classes * classes).reshape(classes, classes))
        if probability is None or not n:
            return
        k = probability.shape[1]
        if classes > k:
            raise ValueError(f"a class number {classes - 1} beside probabilities of {k} classes")
        bins = self.settings["bins"]
        mine = probability[np.arange(n), y]
        self.plus("log_loss", float((w * -np.log(np.clip(mine, EPS, 1 - EPS))).sum()))
        self.plus("brier", float((w * ((probability * probability).sum(1) - 2 * mine + 1)).sum()))
        self.plus("rank", np.bincount((probability > mine[:, None]).sum(1), w, k))
        sure = probability.max(1)
        bin = np.minimum((sure * bins).astype(np.int64), bins - 1)
        self.plus("confidence", np.stack([np.bincount(bin, v, bins) for v in (w, w * sure, w * (probability.argmax(1) == y))]))
        for c in ((1,) if k == 2 else range(k)):
            p, yes = probability[:, c], y == c
            bin = np.minimum((np.clip(p, 0, 1) * bins).astype(np.int64), bins - 1)
            self.plus(f"reliability {c}", np.stack([np.bincount(bin, v, bins) for v in (w, w * p, w * yes)]))
            self.sketch(f"{c}").add(p, w * yes, w * ~yes)


class Labels(Tally):
    """Rows with several yes-or-no labels. settings: bins, points."""

    kind = "labels"

    def add(self, label: np.ndarray, prediction: np.ndarray | None, probability: np.ndarray | None, weight: np.ndarray | None) -> None:
        """label, prediction, probability [n, labels]; weight [n]."""
        n = len(label)
        w = np.ones(n) if weight is None else weight
        yes = label != 0
        if prediction is None:
            assert probability is not None
            prediction = probability > 0.5
        guess = prediction != 0
        self.plus("rows", n)
        self.plus("weight", float(w.sum()))
        self.plus("counts", np.stack([w @ (yes & guess), w @ (~yes & guess), w @ (yes & ~guess), w @ (~yes & ~guess)]))  # tp fp fn tn
        self.plus("all_right", float(w[(yes == guess).all(1)].sum()))
        if probability is None or not n:
            return
        p = np.clip(probability, EPS, 1 - EPS)
        self.plus("log_loss", w @ -np.where(yes, np.log(p), np.log1p(-p)))
        self.plus("brier", w @ (probability - yes) ** 2)
        bins = self.settings["bins"]
        for c in range(label.shape[1]):
            bin = np.minimum((np.clip(probability[:, c], 0, 1) * bins).astype(np.int64), bins - 1)
            self.plus(f"reliability {c}", np.stack([np.bincount(bin, v, bins) for v in (w, w * probability[:, c], w * yes[:, c])]))
            self.sketch(f"{c}").add(probability[:, c], w * yes[:, c], w * ~yes[:, c])


class Numbers(Tally):
    """Rows with numbers and predictions of them. settings: points."""

    kind = "numbers"

    def add(self, label: np.ndarray, prediction: np.ndarray, weight: np.ndarray | None) -> None:
        """label, prediction [n, targets]; weight [n]."""
        n = len(label)
        if not n:
            return
        w = np.ones(n) if weight is None else weight
        e = prediction - label
        self.plus("rows", n)
        size = np.maximum(np.abs(label), np.finfo(np.float64).eps)
        self.plus("errors", np.stack([w @ (e * e), w @ np.abs(e), w @ (np.abs(e) / size), w @ e]))  # squares, absolute, relative, signed
        if (label > -1).all() and (prediction > -1).all():
            self.plus("log", np.stack([w @ (np.log1p(prediction) - np.log1p(label)) ** 2, np.full(label.shape[1], w.sum())]))
        total = float(w.sum())
        if total > 0:
            my, mp = w @ label / total, w @ prediction / total
            dy, dp = label - my, prediction - mp
            self.add_moments(np.stack([np.full(len(my), total), my, mp, w @ (dy * dy), w @ (dp * dp), w @ (dy * dp)]))
        self.top("error", np.abs(e).max(0))
        for c in range(label.shape[1]):
            self.sketch(f"{c}").add(e[:, c], w, np.zeros(n))


KINDS: Mapping[str, type[Classes] | type[Labels] | type[Numbers]] = {"classes": Classes, "labels": Labels, "numbers": Numbers}
