"""Activations, losses and metrics against their formulas in NumPy, and their gradients against differences. The catalog says what there is: one that
is added without a formula here is a failure."""
from __future__ import annotations

import json
from itertools import product
from math import erf

import firesteel as fire
import numpy as np
import pytest
from firesteel import _core
from firesteel.errors import FiresteelError

CATALOG = [json.loads(line) for line in _core.catalog().splitlines()]
rng = np.random.default_rng(5)
exp, log, tanh = np.exp, np.log, np.tanh


def sigmoid(x):
    return 1 / (1 + exp(-x))


def softmax(x, axis=-1):
    return exp(x - x.max(axis, keepdims=True)) / exp(x - x.max(axis, keepdims=True)).sum(axis, keepdims=True)


def softplus(x):
    return np.maximum(x, 0) + np.log1p(exp(-abs(x)))


ACTIVATIONS = {
    "celu": lambda x: np.where(x > 0, x, exp(x) - 1), "elu": lambda x: np.where(x > 0, x, exp(x) - 1), "exponential": exp,
    "gelu": lambda x: x * (1 + np.vectorize(erf)(x / 2 ** 0.5)) / 2,
    "gelu_tanh": lambda x: x * (1 + tanh((2 / np.pi) ** 0.5 * (x + 0.044715 * x ** 3))) / 2,
    "glu": lambda x: x[:, :3] * sigmoid(x[:, 3:]), "hard_shrink": lambda x: np.where(abs(x) > 0.5, x, 0), "hard_sigmoid": lambda x: np.clip(x / 6 + 0.5, 0, 1),
    "hard_sigmoid_keras2": lambda x: np.clip(0.2 * x + 0.5, 0, 1),
    "hard_silu": lambda x: x * np.clip(x / 6 + 0.5, 0, 1), "hard_swish": lambda x: x * np.clip(x / 6 + 0.5, 0, 1), "hard_tanh": lambda x: np.clip(x, -1, 1),
    "leaky_relu": lambda x: np.where(x > 0, x, 0.2 * x), "linear": lambda x: x, "log_sigmoid": lambda x: -softplus(-x), "log_softmax": lambda x: log(softmax(x)),
    "mish": lambda x: x * tanh(softplus(x)), "relu": lambda x: np.maximum(x, 0), "relu6": lambda x: np.clip(x, 0, 6),
    "selu": lambda x: 1.0507009873554805 * np.where(x > 0, x, 1.6732632423543772 * (exp(x) - 1)), "sigmoid": sigmoid, "silu": lambda x: x * sigmoid(x),
    "soft_shrink": lambda x: np.where(x > 0.5, x - 0.5, np.where(x < -0.5, x + 0.5, 0)), "softmax": softmax, "softplus": softplus,
    "softsign": lambda x: x / (1 + abs(x)), "sparse_plus": lambda x: np.where(x > 1, x, np.where(x < -1, 0, (x + 1) ** 2 / 4)),
    "sparse_sigmoid": lambda x: np.clip((x + 1) / 2, 0, 1), "squareplus": lambda x: (x + (x * x + 4) ** 0.5) / 2, "step": lambda x: (x >= 0) * 1.0,
    "swish": lambda x: x * sigmoid(x), "tanh": tanh, "tanh_shrink": lambda x: x - tanh(x),
}
LAYERS = [
    (fire.layers.ReLU, {"max_value": 1.5}, lambda x: np.clip(x, 0, 1.5)), (fire.layers.ReLU, {"negative_slope": 0.1}, lambda x: np.where(x > 0, x, 0.1 * x)),
    (fire.layers.ReLU, {"max_value": 2.0, "negative_slope": 0.1, "threshold": 0.5}, lambda x: np.minimum(np.where(x > 0.5, x, 0.1 * (x - 0.5)), 2)),
    (fire.layers.LeakyReLU, {"negative_slope": 0.15}, lambda x: np.where(x > 0, x, 0.15 * x)),
    (fire.layers.ELU, {"alpha": 0.6}, lambda x: np.where(x > 0, x, 0.6 * (exp(x) - 1))), (fire.layers.Softmax, {}, softmax),
]


def slope_fits(model, x, y, w=None):
    """The gradient in x, along a direction, against differences."""
    direction, h = rng.standard_normal(x.shape), 1e-6
    gradient = model.gradients(x, y, w)[-1]
    above, below = (model.gradients(x + s * h * direction, y, w)[0] for s in (1, -1))
    assert (gradient * direction).sum() == pytest.approx((above - below) / (2 * h), rel=2e-6, abs=1e-8)


def one(layer, shape, loss="mse", dtype="float64", **kw):
    model = fire.Sequential([fire.Input(shape), layer], dtype=dtype)
    model.compile("sgd", loss, **kw)
    return model


def check_function(make, formula):
    x = rng.standard_normal((7, 6)) * 3
    want = formula(x)
    assert np.allclose(one(make(), (6,)).predict(x), want, rtol=1e-9, atol=1e-12)
    assert np.allclose(one(make(), (6,), dtype="float32").predict(x.astype("f")), want, rtol=1e-5, atol=1e-6)
    slope_fits(one(make(), (6,)), x, rng.standard_normal(want.shape))


def test_all_activations_are_there():
    [names] = {attr["choices"] for entry in CATALOG if entry["kind"] == "layer" and entry["name"] == "Activation" for attr in entry["attrs"]}
    assert set(names.split("|")) == set(ACTIVATIONS)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activation(name):
    check_function(lambda: fire.layers.Activation(name), ACTIVATIONS[name])


@pytest.mark.parametrize(("kind", "attrs", "formula"), LAYERS, ids=lambda v: getattr(v, "__name__", None))
def test_activation_layer(kind, attrs, formula):
    check_function(lambda: kind(**attrs), formula)


def test_softmax_over_several_axes_and_with_a_mask():
    x = rng.standard_normal((4, 3, 5))
    assert np.allclose(one(fire.layers.Softmax(axis=1), (3, 5)).predict(x), softmax(x, 1))
    assert np.allclose(one(fire.layers.Softmax(axis=(1, 2)), (3, 5)).predict(x).sum((1, 2)), 1)
    with pytest.raises(FiresteelError, match="other than the batch"):
        one(fire.layers.Softmax(axis=0), (3, 5))


def test_prelu():
    layer = fire.layers.PReLU(shared_axes=[1])
    model = one(layer, (3, 2))
    assert [w.shape for w in model.get_weights()] == [(1, 2)]
    model.set_weights([np.array([[0.5, -0.25]])])
    x = rng.standard_normal((4, 3, 2))
    assert np.allclose(model.predict(x), np.where(x > 0, x, x * [0.5, -0.25]))
    with pytest.raises(FiresteelError, match="shared_axes has 3"):
        one(fire.layers.PReLU(shared_axes=[3]), (3, 2))


# ---- losses: (class, attributes, targets, predictions, formula of one value per row); what Keras calls epsilon is 1e-7

N = 8
REAL, OTHER, POSITIVE, YES = rng.standard_normal((N, 3)), rng.standard_normal((N, 3)), rng.random((N, 3)) + 0.1, (rng.random((N, 3)) > 0.5) * 1.0
SHARE, CLASSES = softmax(rng.standard_normal((N, 5))), rng.integers(0, 5, N)
HOT, SCORES, PROBABILITY = np.eye(5)[CLASSES], rng.standard_normal((N, 5)), sigmoid(rng.standard_normal((N, 3)))
TARGETS = softmax(rng.standard_normal((N, 5)))


def unit(x):
    return x / (x * x).sum(-1, keepdims=True) ** 0.5


def bce(t, p):
    return -(t * log(p) + (1 - t) * log(1 - p))


def margins(t, p, power=1):
    right = p[np.arange(len(p)), t][:, None]
    short = np.maximum(1 - right + p, 0) ** power
    return (short.sum(1) - 1) / p.shape[1]


def huber(d, delta):
    return np.where(d <= delta, d * d / 2, delta * d - delta * delta / 2).mean(-1)


LOSSES = [
    ("MeanSquaredError", {}, REAL, OTHER, lambda t, p: ((t - p) ** 2).mean(-1)), ("MeanAbsoluteError", {}, REAL, OTHER, lambda t, p: abs(t - p).mean(-1)),
    ("MeanAbsolutePercentageError", {}, POSITIVE, OTHER, lambda t, p: 100 * (abs(t - p) / t).mean(-1)),
    ("MeanSquaredLogarithmicError", {}, POSITIVE, POSITIVE[::-1], lambda t, p: ((log(1 + t) - log(1 + p)) ** 2).mean(-1)),
    ("Huber", {"delta": 0.7}, REAL, OTHER, lambda t, p: huber(abs(t - p), 0.7)), ("LogCosh", {}, REAL, OTHER, lambda t, p: log(np.cosh(t - p)).mean(-1)),
    ("SmoothL1Loss", {"beta": 0.5}, REAL, OTHER, lambda t, p: huber(abs(t - p), 0.5) / 0.5),
    ("CosineSimilarity", {}, REAL, OTHER, lambda t, p: -(unit(t) * unit(p)).sum(-1)),
    ("BinaryCrossentropy", {}, YES, PROBABILITY, lambda t, p: bce(t, p).mean(-1)),
    ("BinaryCrossentropy", {"from_logits": True, "label_smoothing": 0.2}, YES, OTHER, lambda t, p: bce(t * 0.8 + 0.1, sigmoid(p)).mean(-1)),
    ("BinaryCrossentropy", {"pos_weight": [0.5, 1, 2]}, YES, PROBABILITY, lambda t, p: -([0.5, 1, 2] * t * log(p) + (1 - t) * log(1 - p)).mean(-1)),
    ("BinaryCrossentropy", {"pos_weight": 3.0, "from_logits": True}, YES, OTHER, lambda t, p: -(3 * t * log(sigmoid(p)) + (1 - t) * log(sigmoid(-p))).mean(-1)),
    ("CategoricalCrossentropy", {}, HOT, SHARE, lambda t, p: -(t * log(p)).sum(-1)),
    ("CategoricalCrossentropy", {"from_logits": True, "label_smoothing": 0.1}, HOT, SCORES, lambda t, p: -((0.9 * t + 0.02) * log(softmax(p))).sum(-1)),
    ("SparseCategoricalCrossentropy", {"from_logits": True}, CLASSES, SCORES, lambda t, p: -log(softmax(p))[np.arange(N), t]),
    ("NLLLoss", {}, CLASSES, log(SHARE), lambda t, p: -p[np.arange(N), t]), ("MultiMarginLoss", {}, CLASSES, SCORES, margins),
    ("MultiMarginLoss", {"p": 2}, CLASSES, SCORES, lambda t, p: margins(t, p, 2)),
    ("BinaryFocalCrossentropy", {}, YES, PROBABILITY, lambda t, p: (bce(t, p) * (1 - t * p - (1 - t) * (1 - p)) ** 2).mean(-1)),
    ("BinaryFocalCrossentropy", {"gamma": 1.5, "apply_class_balancing": True, "alpha": 0.3, "from_logits": True}, YES, OTHER,
     lambda t, p: (bce(t, sigmoid(p)) * (t * 0.3 + (1 - t) * 0.7) * (1 - t * sigmoid(p) - (1 - t) * sigmoid(-p)) ** 1.5).mean(-1)),
    ("CategoricalFocalCrossentropy", {"gamma": 1.5}, HOT, SHARE, lambda t, p: -(0.25 * (1 - p) ** 1.5 * t * log(p)).sum(-1)),
    ("KLDivergence", {}, TARGETS, SHARE, lambda t, p: (t * log(t / p)).sum(-1)), ("KLDivLoss", {}, TARGETS, log(SHARE), lambda t, p: (t * (log(t) - p)).sum(-1)),
    ("Poisson", {}, POSITIVE, POSITIVE[::-1], lambda t, p: (p - t * log(p + 1e-7)).mean(-1)),
    ("PoissonNLLLoss", {}, POSITIVE, OTHER, lambda t, p: (exp(p) - t * p).mean(-1)),
    ("Hinge", {}, YES, OTHER, lambda t, p: np.maximum(1 - (2 * t - 1) * p, 0).mean(-1)),
    ("SquaredHinge", {}, 2 * YES - 1, OTHER, lambda t, p: (np.maximum(1 - t * p, 0) ** 2).mean(-1)),
    ("CategoricalHinge", {}, HOT, SCORES, lambda t, p: np.maximum(((1 - t) * p).max(-1) - (t * p).sum(-1) + 1, 0)),
]
WEIGHT = rng.random(N) + 0.5


def test_all_losses_are_there():
    assert {case[0] for case in LOSSES} == {entry["name"] for entry in CATALOG if entry["kind"] == "loss"} - {"Function", "CTC"}


@pytest.mark.parametrize("reduction", ["sum_over_batch_size", "sum", "mean_with_sample_weight"])
@pytest.mark.parametrize(("name", "attrs", "t", "p", "formula"), LOSSES, ids=lambda v: v if isinstance(v, str) else None)
def test_loss(name, attrs, t, p, formula, reduction):
    each = formula(t, p)
    by = {"sum_over_batch_size": N, "sum": 1, "mean_with_sample_weight": WEIGHT.sum()}[reduction]
    model = one(fire.layers.Activation("linear"), p.shape[1:], getattr(fire.losses, name)(reduction=reduction, **attrs))
    assert model.gradients(p, t * 1.0, WEIGHT)[0] == pytest.approx((each * WEIGHT).sum() / by, rel=1e-6)
    slope_fits(model, p, t * 1.0, WEIGHT)
    narrow = one(fire.layers.Activation("linear"), p.shape[1:], getattr(fire.losses, name)(**attrs), dtype="float32")
    assert narrow.evaluate(p.astype("f"), t.astype("f"), verbose=0) == pytest.approx(each.mean(), rel=2e-5)


def test_classes_weighed_and_ignored():
    weight = np.array([1, 2, 0.5, 1, 3])
    each = -log(softmax(SCORES))[np.arange(N), CLASSES]
    weighed = one(fire.layers.Activation("linear"), (5,), fire.losses.SparseCategoricalCrossentropy(from_logits=True, weight=weight))
    assert weighed.gradients(SCORES, CLASSES * 1.0)[0] == pytest.approx((each * weight[CLASSES]).sum() / weight[CLASSES].sum())
    labels = np.where(np.arange(N) % 3 == 0, -100, CLASSES) * 1.0
    ignoring = one(fire.layers.Activation("linear"), (5,), fire.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=-100))
    assert ignoring.gradients(SCORES, labels)[0] == pytest.approx(each[labels >= 0].mean())
    assert ignoring.evaluate(SCORES, labels, verbose=0) == pytest.approx(each[labels >= 0].mean())
    slope_fits(ignoring, SCORES, labels)
    with pytest.raises(FiresteelError, match="expected a whole number"):
        weighed.gradients(SCORES, labels)
    with pytest.raises(FiresteelError, match="weight has 2 numbers"):
        one(fire.layers.Activation("linear"), (5,), fire.losses.SparseCategoricalCrossentropy(weight=[1, 2]))


def spelled(path):
    """Classes of a path, repeats merged and blanks dropped."""
    return tuple(c for i, c in enumerate(path) if c and (i == 0 or path[i - 1] != c))


def test_ctc():
    z, labels = rng.standard_normal((4, 5, 3)), np.array([[1, 2, 0], [1, 1, 0], [2, 0, 0], [0, 0, 0]])
    p = softmax(z)
    each = [-log(sum(np.prod([p[r, t, c] for t, c in enumerate(path)]) for path in product(range(3), repeat=5) if spelled(path) == tuple(label[label > 0])))
            for r, label in enumerate(labels)]
    model = one(fire.layers.Activation("linear"), (5, 3), "ctc")
    assert model.gradients(z, labels * 1.0, WEIGHT[:4])[0] == pytest.approx((each * WEIGHT[:4]).mean())
    assert model.evaluate(z, labels * 1.0, verbose=0) == pytest.approx(np.mean(each))
    slope_fits(model, z, labels * 1.0)
    with pytest.raises(FiresteelError, match="expected a whole number"):
        model.gradients(z, labels + 2.0)
    assert model.gradients(z[:1, :1].repeat(5, 1), np.array([[1, 2, 1, 2, 1, 2.0]]))[0] == np.inf  # six labels do not fit into five steps
    with pytest.raises(FiresteelError, match="steps, classes"):
        one(fire.layers.Activation("linear"), (5,), "ctc")


@pytest.mark.parametrize(("loss", "words"), [
    (fire.losses.MeanSquaredError(reduction=None), "training needs one number"), (fire.losses.Huber(delta=-1.0), "delta"),
    (fire.losses.CosineSimilarity(axis=0), "the batch"), (fire.losses.BinaryCrossentropy(axis=4), "axis"),
    (fire.losses.BinaryCrossentropy(label_smoothing=2.0), "label_smoothing"), (fire.losses.BinaryCrossentropy(pos_weight=[1, 2]), "pos_weight has 2"),
    (fire.losses.CategoricalFocalCrossentropy(alpha=[1, 2]), "alpha has 2"), (fire.losses.MultiMarginLoss(p=3), "p is 3")])
def test_losses_that_do_not_fit(loss, words):
    with pytest.raises(FiresteelError, match=words):
        one(fire.layers.Activation("linear"), (5,), loss)


# ---- metrics

def counts(t, p, threshold, w):
    w = np.broadcast_to(w[:, None], t.shape)
    return [(w * (t == a) * ((p > threshold) == b)).sum() for a, b in ((1, True), (0, True), (0, False), (1, False))]  # TP, FP, TN, FN


def f_scores(t, p, w, beta=1.0):
    said = p == p.max(1, keepdims=True)
    tp, fp, fn = ((w[:, None] * m).sum(0) for m in (said * t, said * (1 - t), (1 - said) * t))
    return (1 + beta ** 2) * tp / ((1 + beta ** 2) * tp + beta ** 2 * fn + fp)


def matrix(t, p, w):
    m = np.zeros((5, 5))
    np.add.at(m, (t, p.argmax(1)), w)
    return m


def iou(t, p, w):
    m = matrix(t, p, w)
    return np.diag(m) / (m.sum(0) + m.sum(1) - np.diag(m))


def area(t, p, w, curve="ROC"):
    at = [-1e-7, *np.arange(1, 199) / 199, 1 + 1e-7]
    tp, fp, tn, fn = np.array([counts(t, p, a, w) for a in at]).T
    x, y = (fp / (fp + tn), tp / (tp + fn)) if curve == "ROC" else (tp / (tp + fn), tp / np.maximum(tp + fp, 1e-300))
    return ((x[:-1] - x[1:]) * (np.minimum(y[:-1], y[1:]) if curve == "PR" else (y[:-1] + y[1:]) / 2)).sum()


def best(t, p, w, held, wanted, least):
    found = [0.0]
    for a in np.arange(200) / 199:
        tp, fp, tn, fn = counts(t, p, a, w)
        rates = {"specificity": tn / (tn + fp), "sensitivity": tp / (tp + fn), "recall": tp / (tp + fn), "precision": tp / (tp + fp) if tp else 0}
        if rates[held] >= least:
            found.append(rates[wanted])
    return max(found)


def row_mean(formula):
    return lambda t, p, w: (formula(t, p) * w).sum() / w.sum()


def top(k):
    return row_mean(lambda t, p: (p > p[np.arange(N), t][:, None]).sum(1) < k)


ONE, YES_ONE = PROBABILITY[:, :1], np.array([0, 1, 1, 0, 1, 0, 0, 1.0])[:, None]
METRICS = [(name, {}, t, p, row_mean(formula)) for name, attrs, t, p, formula in LOSSES
           if not attrs and name in {entry["name"] for entry in CATALOG if entry["kind"] == "metric"} - {"CosineSimilarity"}] + [
    ("CosineSimilarity", {}, REAL, OTHER, row_mean(lambda t, p: (unit(t) * unit(p)).sum(-1))), ("LogCoshError", {}, REAL, OTHER, row_mean(lambda t, p: log(np.cosh(t - p)).mean(-1))),
    ("RootMeanSquaredError", {}, REAL, OTHER, lambda t, p, w: row_mean(lambda t, p: ((t - p) ** 2).mean(-1))(t, p, w) ** 0.5),
    ("SparseCategoricalCrossentropy", {"from_logits": True}, CLASSES, SCORES, row_mean(lambda t, p: -log(softmax(p))[np.arange(N), t])),
    ("R2Score", {"class_aggregation": None}, REAL, OTHER, lambda t, p, w: 1 - (w @ (t - p) ** 2) / (w @ (t - w @ t / w.sum()) ** 2)),
    ("BinaryAccuracy", {"threshold": 0.4}, YES, PROBABILITY, row_mean(lambda t, p: ((p > 0.4) == t).mean(-1))),
    ("CategoricalAccuracy", {}, HOT, SCORES, row_mean(lambda t, p: t.argmax(1) == p.argmax(1))),
    ("SparseCategoricalAccuracy", {}, CLASSES, SCORES, row_mean(lambda t, p: t == p.argmax(1))),
    ("SparseTopKCategoricalAccuracy", {"k": 2}, CLASSES, SCORES, top(2)), ("TopKCategoricalAccuracy", {"k": 3}, HOT, SCORES, lambda t, p, w: top(3)(t.argmax(1), p, w)),
    *[(name, {"thresholds": [0.3, 0.6]}, YES, PROBABILITY, lambda t, p, w, i=i: [counts(t, p, a, w)[i] for a in (0.3, 0.6)])
      for i, name in enumerate(["TruePositives", "FalsePositives", "TrueNegatives", "FalseNegatives"])],
    ("Precision", {}, YES, PROBABILITY, lambda t, p, w: (lambda c: c[0] / (c[0] + c[1]))(counts(t, p, 0.5, w))),
    ("Recall", {"class_id": 1}, YES, PROBABILITY, lambda t, p, w: (lambda c: c[0] / (c[0] + c[3]))(counts(t[:, 1:2], p[:, 1:2], 0.5, w))),
    ("Precision", {"top_k": 2}, HOT, SCORES, lambda t, p, w: (w[:, None] * t * (p >= np.sort(p)[:, -2:-1])).sum() / (2 * w.sum())),
    ("F1Score", {}, HOT, SCORES, f_scores), ("FBetaScore", {"beta": 2.0, "average": "macro"}, HOT, SCORES, lambda t, p, w: f_scores(t, p, w, 2.0).mean()),
    ("AUC", {}, YES_ONE, ONE, area), ("AUC", {"curve": "PR", "summation_method": "minoring"}, YES_ONE, ONE, lambda t, p, w: area(t, p, w, "PR")),
    ("AUC", {"multi_label": True}, YES, PROBABILITY, lambda t, p, w: np.mean([area(t[:, k:k + 1], p[:, k:k + 1], w) for k in range(3)])),
    ("SensitivityAtSpecificity", {"specificity": 0.5}, YES_ONE, ONE, lambda t, p, w: best(t, p, w, "specificity", "sensitivity", 0.5)),
    ("SpecificityAtSensitivity", {"sensitivity": 0.5}, YES_ONE, ONE, lambda t, p, w: best(t, p, w, "sensitivity", "specificity", 0.5)),
    ("PrecisionAtRecall", {"recall": 0.5}, YES_ONE, ONE, lambda t, p, w: best(t, p, w, "recall", "precision", 0.5)),
    ("RecallAtPrecision", {"precision": 0.5}, YES_ONE, ONE, lambda t, p, w: best(t, p, w, "precision", "recall", 0.5)),
    ("ConfusionMatrix", {}, CLASSES, SCORES, lambda t, p, w: matrix(t, p, w).ravel()),
    ("IoU", {"num_classes": 5, "target_class_ids": [0, 3], "sparse_y_pred": False}, np.arange(N) % 5, SCORES, lambda t, p, w: iou(t, p, w)[[0, 3]].mean()),
    ("MeanIoU", {"num_classes": 5, "sparse_y_pred": False}, np.arange(N) % 5, SCORES, lambda t, p, w: iou(t, p, w).mean()),
    ("OneHotIoU", {"num_classes": 5, "target_class_ids": [1]}, np.eye(5)[np.arange(N) % 5], SCORES, lambda t, p, w: iou(t.argmax(1), p, w)[1]),
    ("OneHotMeanIoU", {"num_classes": 5}, np.eye(5)[np.arange(N) % 5], SCORES, lambda t, p, w: iou(t.argmax(1), p, w).mean()),
    ("BinaryIoU", {"target_class_ids": [1]}, YES, PROBABILITY, lambda t, p, w: (lambda c: c[0] / (c[0] + c[1] + c[3]))(counts(t, p, 0.5, w))),
]


def test_all_metrics_are_there():
    assert {case[0] for case in METRICS} == {entry["name"] for entry in CATALOG if entry["kind"] == "metric"}


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("name", "attrs", "t", "p", "formula"), METRICS, ids=lambda v: v if isinstance(v, str) else None)
def test_metric(name, attrs, t, p, formula, weighted):
    metric = getattr(fire.metrics, name)(name="it", **attrs)
    loss = "sparse_categorical_crossentropy" if t.ndim == 1 else "mse"
    kind = {"weighted_metrics": [metric]} if weighted else {"metrics": [metric]}
    model = one(fire.layers.Activation("linear"), p.shape[1:], loss, **kind)
    got = model.evaluate(p, t * 1.0, sample_weight=WEIGHT, verbose=0)[1:]
    assert np.allclose(got, np.ravel(formula(t, p, WEIGHT if weighted else np.ones(N))), rtol=2e-6, atol=2e-7)


def test_names_in_the_history():
    model = one(fire.layers.Dense(1, activation="sigmoid"), (3,), "bce", metrics=["AUC", fire.metrics.AUC(curve="PR", name="pr"), fire.metrics.AUC(), "mae",
                fire.metrics.Precision(thresholds=[0.2, 0.8]), fire.metrics.FBetaScore(average="micro"), fire.metrics.R2Score()], weighted_metrics=["mse", "mae", "Recall"])
    history = model.fit(REAL, YES_ONE, epochs=1, verbose=0, callbacks=[fire.callbacks.History()]).history
    assert list(history)[1:] == ["AUC", "pr", "auc", "mae", "precision_0", "precision_1", "fbeta_score", "r2_score", "mse", "weighted_mae", "Recall"]  # as Keras' are


@pytest.mark.parametrize(("metric", "words"), [
    (fire.metrics.MeanIoU(0), "num_classes"), (fire.metrics.IoU(3, [5]), "target_class_ids has 5"), (fire.metrics.Precision(class_id=7), "class_id is 7"),
    (fire.metrics.Recall(top_k=9), "top_k is 9"), (fire.metrics.Precision(thresholds=[1.5]), "thresholds"), (fire.metrics.AUC(num_thresholds=1), "num_thresholds"),
    (fire.metrics.AUC(label_weights=[1, 2], multi_label=True), "label_weights has 2"), (fire.metrics.F1Score(average="all"), "average"),
    (fire.metrics.SparseCategoricalAccuracy(), "choose one that fits the loss"), (fire.metrics.PrecisionAtRecall(2.0), "recall")])
def test_metrics_that_do_not_fit(metric, words):
    with pytest.raises(FiresteelError, match=words):
        one(fire.layers.Activation("linear"), (5,), "mse", metrics=[metric])


def test_bicubic_up_sampling_is_keys_cubic():
    """Keys' curve with a = -0.5 through the four numbers around each place; numbers outside have no weight, as Keras over TensorFlow has it."""
    def curve(n, factor):
        rows = np.zeros((n * factor, n))
        for i in range(n * factor):
            place = (i + 0.5) / factor - 0.5
            for k in range(int(np.floor(place)) - 1, int(np.floor(place)) + 3):
                d = abs(place - k)
                if 0 <= k < n:
                    rows[i, k] += 1.5 * d**3 - 2.5 * d**2 + 1 if d <= 1 else -0.5 * d**3 + 2.5 * d**2 - 4 * d + 2
            rows[i] /= rows[i].sum()
        return rows

    x = np.random.default_rng(3).normal(size=(2, 4, 5, 3))
    model = fire.Sequential([fire.Input((4, 5, 3)), fire.layers.UpSampling2D((2, 3), interpolation="bicubic")], dtype="float64")
    np.testing.assert_allclose(model.predict(x), np.einsum("ai,bj,nijc->nabc", curve(4, 2), curve(5, 3), x), rtol=0, atol=1e-12)
