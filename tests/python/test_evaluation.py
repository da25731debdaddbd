"""Reports of an evaluation against formulas written out over all rows, and sketches against what they say of their own error."""
import json

import numpy as np
import pyarrow as pa
import pytest
from xml.etree import ElementTree

import firesteel as fire
from firesteel import evaluation
from firesteel.executor import evaluate, failure
from firesteel.tally import Classes, Numbers, Sketch


def rows(n=600, classes=3, seed=0):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, classes, n)
    z = rng.normal(size=(n, classes))
    z[np.arange(n), y] += 1.2
    p = np.exp(z) / np.exp(z).sum(1, keepdims=True)
    return y, p, rng.integers(0, 4, n).astype(float)


def pairs_area(score, yes, w):
    """Share of (positive, negative) pairs in the right order, ties half: the area under the ROC curve by its meaning."""
    a, b = score[yes][:, None], score[~yes][None]
    return (w[yes] @ ((a > b) + (a == b) / 2) @ w[~yes]) / (w[yes].sum() * w[~yes].sum())


def average_precision(score, yes, w):
    """Precision at each positive, rows of equal score together."""
    return sum(w[i] * (w[yes & (score >= score[i])].sum() / w[score >= score[i]].sum()) for i in np.flatnonzero(yes & (w > 0))) / w[yes].sum()


def test_classes_by_formula():
    y, p, w = rows()
    r = evaluation.classification(y, probability=p, sample_weight=w, names=["a", "b", "c"])
    guess, n = p.argmax(1), w.sum()
    table = np.array([[w[(y == i) & (guess == j)].sum() for j in range(3)] for i in range(3)])
    assert (r.confusion == table).all() and r.rows == 600
    m = r.metrics()
    assert m["accuracy"] == pytest.approx(w[y == guess].sum() / n)
    for c in range(3):
        tp, fp, fn = table[c, c], table[:, c].sum() - table[c, c], table[c].sum() - table[c, c]
        assert r.precision[c] == pytest.approx(tp / (tp + fp)) and r.recall[c] == pytest.approx(tp / (tp + fn)) and r.f1[c] == pytest.approx(2 * tp / (2 * tp + fp + fn))
        roc, pr = r.roc(c), r.pr(c)
        assert roc.area == pytest.approx(pairs_area(p[:, c], y == c, w), abs=1e-12) and roc.error == 0
        assert (np.diff(roc.x) * (roc.y[1:] + roc.y[:-1]) / 2).sum() == pytest.approx(roc.area)
        assert pr.area == pytest.approx(average_precision(p[:, c], y == c, w), abs=1e-12)
        k = r.calibration(c)
        for b in range(10):
            inside = (p[:, c] >= b / 10) & (p[:, c] < (b + 1) / 10)
            assert k.weight[b] == pytest.approx(w[inside].sum())
            if k.weight[b]:
                assert k.predicted[b] == pytest.approx((w * p[:, c])[inside].sum() / w[inside].sum()) and k.observed[b] == pytest.approx(w[inside & (y == c)].sum() / w[inside].sum())
    mine = p[np.arange(600), y]
    assert m["log_loss"] == pytest.approx(-(w * np.log(mine)).sum() / n)
    assert m["brier"] == pytest.approx((w * ((p - np.eye(3)[y]) ** 2).sum(1)).sum() / n)
    assert r.top(2) == m["top2_accuracy"] == pytest.approx(w[(p > mine[:, None]).sum(1) < 2].sum() / n) and r.top(3) == 1
    expected = table.sum(1) @ table.sum(0) / n**2
    assert m["kappa"] == pytest.approx((m["accuracy"] - expected) / (1 - expected))
    x, z = np.repeat(y, w.astype(int)), np.repeat(guess, w.astype(int))
    cov = lambda a, b: sum(np.cov(a == c, b == c, bias=True)[0, 1] for c in range(3))  # noqa: E731
    assert m["mcc"] == pytest.approx(cov(x, z) / np.sqrt(cov(x, x) * cov(z, z)))
    sure = p.max(1)
    gaps = [(w[s].sum(), abs((w * sure)[s].sum() - w[s & (guess == y)].sum())) for s in ((sure >= b / 10) & (sure < (b + 1) / 10) for b in range(10))]
    assert m["ece"] == pytest.approx(sum(g for _, g in gaps) / n)
    assert m["auc"] == pytest.approx(np.mean([r.roc(c).area for c in range(3)]))


def test_two_classes():
    y, p, w = rows(classes=2)
    r = evaluation.classification(y, probability=p[:, 1])
    assert r.metric("brier") == pytest.approx(((p[:, 1] - y) ** 2).mean()) and r.metric("auc") == pytest.approx(pairs_area(p[:, 1], y == 1, np.ones(600)))
    assert r.roc().area == r.roc(1).area and len(r.calibration().weight) == 10
    with pytest.raises(fire.FiresteelError, match="no curve for class 0"):
        r.roc(0)
    hard = evaluation.classification(y, (p[:, 1] > 0.3).astype(int))
    assert "auc" not in hard.metrics() and hard.metric("accuracy") == pytest.approx(((p[:, 1] > 0.3) == y).mean())
    with pytest.raises(fire.FiresteelError, match="no metric 'auc'"):
        hard.metric("auc")


def test_labels_by_formula():
    rng = np.random.default_rng(1)
    y, p, w = rng.random((400, 3)) < [0.2, 0.5, 0.7], rng.random((400, 3)), rng.random(400) + 0.5
    r = evaluation.multilabel(y, probability=p, sample_weight=w)
    guess, m = p > 0.5, r.metrics()
    assert m["subset_accuracy"] == pytest.approx(w[(y == guess).all(1)].sum() / w.sum()) and m["hamming_loss"] == pytest.approx((w @ (y != guess)).sum() / w.sum() / 3)
    tp, fp, fn = (w @ (y & guess)).sum(), (w @ (~y & guess)).sum(), (w @ (y & ~guess)).sum()
    assert m["micro_f1"] == pytest.approx(2 * tp / (2 * tp + fp + fn))
    assert m["log_loss"] == pytest.approx(-(w @ np.where(y, np.log(p), np.log(1 - p))).sum() / w.sum() / 3)
    for c in range(3):
        assert r.roc(c).area == pytest.approx(pairs_area(p[:, c], y[:, c], w), abs=1e-12)
    assert json.loads(json.dumps(r.as_dict()))["labels"]["1"]["recall"] == pytest.approx(r.recall[1])


def test_numbers_by_formula():
    rng = np.random.default_rng(2)
    y, w = rng.normal(size=(500, 2)) + [1e6, 5], rng.random(500)  # far from 0: squares about the mean must not lose digits
    p = y + rng.normal(size=(500, 2)) * 0.3 + 0.1
    r = evaluation.regression(y, p, w)
    e, n = p - y, w.sum()
    mean = w @ y / n
    for c in range(2):
        t = {k: v[c] for k, v in r.by_target.items()}
        assert t["mse"] == pytest.approx(w @ e[:, c] ** 2 / n) and t["rmse"] == pytest.approx(np.sqrt(w @ e[:, c] ** 2 / n)) and t["mae"] == pytest.approx(w @ abs(e[:, c]) / n)
        assert t["r2"] == pytest.approx(1 - w @ e[:, c] ** 2 / (w @ (y[:, c] - mean[c]) ** 2), rel=1e-6)
        assert t["mape"] == pytest.approx(w @ (abs(e[:, c]) / abs(y[:, c])) / n) and t["bias"] == pytest.approx(w @ e[:, c] / n)
        assert t["explained_variance"] == pytest.approx(1 - (w @ (e[:, c] - w @ e[:, c] / n) ** 2) / (w @ (y[:, c] - mean[c]) ** 2), rel=1e-6)
        assert t["correlation"] == pytest.approx(np.cov(y[:, c], p[:, c], aweights=w)[0, 1] / np.sqrt(np.cov(y[:, c], aweights=w) * np.cov(p[:, c], aweights=w)), rel=1e-6)
        assert t["max_error"] == pytest.approx(abs(e[:, c]).max())
        order = np.argsort(e[:, c])
        assert t["median_error"] == e[order[np.searchsorted(np.cumsum(w[order]), n / 2)], c]
    assert r.metric("mse") == pytest.approx(np.mean(r.by_target["mse"])) and "msle" in r.by_target


@pytest.mark.parametrize("order", ["random", "ascending"])
def test_a_sketch_tells_its_error(order):
    rng = np.random.default_rng(3)
    n = 60_000
    y = rng.random(n) < 0.3
    score = rng.normal(size=n) + y * 1.3
    if order == "ascending":
        at = np.argsort(score)
        y, score = y[at], score[at]
    exact, parts = Sketch(points=1 << 20), []
    exact.add(score, y * 1.0, ~y * 1.0)
    for k in range(3):
        parts.append(Sketch(points=500))
        for at in range(0, n // 3, 1000):
            rows = slice(k * (n // 3) + at, k * (n // 3) + at + 1000)
            parts[-1].add(score[rows], y[rows] * 1.0, ~y[rows] * 1.0)
        assert parts[-1].parts.shape[1] <= 1000
    for other in parts[1:]:
        parts[0].merge(other)
    (area, error), (true, none) = parts[0].area(), exact.area()
    assert none == 0 and 0 < error < 0.005 and abs(area - true) <= error and not parts[0].exact
    low, high = parts[0].quantile(0.9)
    assert low - 0.05 <= np.quantile(score, 0.9) <= high + 0.05


def test_tallies_merge_in_any_parts():
    y, p, w = rows()
    whole = Classes(bins=10, points=100_000)
    whole.add(y, None, p, w)
    names = dict(zip(evaluate.ROLES, evaluate.ROLES))
    table = pa.table({"label": y.astype(float), "probability": pa.array(list(p)), "weight": w})
    settings = {"bins": 10, "points": 100_000, "classes": 1000}
    parts = [b"" if not part else part[0].column(0)[0].as_py() for part in
             (list(evaluate.tally_rows(table.slice(a, b - a).to_batches(max_chunksize=50), "classes", settings, names, "error")) for a, b in ((0, 1), (1, 400), (400, 400), (400, 600)))]
    merged = evaluate.unpacked("classes", settings, [part for part in parts if part])
    a, b = evaluation.ClassificationReport(whole), evaluation.ClassificationReport(merged)
    assert a.metrics() == pytest.approx(b.metrics(), rel=1e-12) and (a.confusion == b.confusion).all()
    numbers = [Numbers(points=1000), Numbers(points=1000)]
    x = np.arange(20.0).reshape(-1, 1) + 1e8
    numbers[0].add(x[:7], x[:7] + 1, None), numbers[1].add(x[7:], x[7:] - 2, None)
    numbers[0].unpack(numbers[1].pack())
    both = evaluation.RegressionReport(numbers[0])
    assert both.by_target["r2"][0] == pytest.approx(1 - (7 + 13 * 4) / ((x - x.mean()) ** 2).sum()) and both.metric("max_error") == 2


@pytest.mark.parametrize("column, value, code, words", [
    ("label", None, "FS2003", "'label' holds a null"), ("label", float("nan"), "FS2004", "'label'"), ("label", 1.5, "FS2006", "1.5"), ("label", -1.0, "FS2006", "-1"),
    ("label", 3.0, "FS2006", "0 to 2"), ("probability", [0.5, 0.5], "FS2005", "'probability' holds rows of 3 numbers and of 2"),
    ("probability", [0.1, None, 0.2], "FS2004", "'probability'"), ("weight", -1.0, "FS2006", "weights are at least 0")])
def test_bad_rows(column, value, code, words):
    y, p, w = rows(20)
    made = {"label": y.astype(float).tolist(), "probability": [list(r) for r in p], "weight": w.tolist()}
    made[column][4] = value
    table = pa.table({"label": pa.array(made["label"], pa.float64()), "probability": pa.array(made["probability"], pa.list_(pa.float64())), "weight": pa.array(made["weight"])})

    def run(invalid):
        return list(evaluate.tally_rows(table.to_batches(), "classes", {"bins": 10, "points": 99, "classes": 1000}, dict(zip(evaluate.ROLES, evaluate.ROLES)), invalid))

    with pytest.raises(failure.TaskError) as caught:
        run("error")
    assert caught.value.record["code"] == code and words in caught.value.record["message"]
    if code in ("FS2003", "FS2004"):
        tally = evaluate.unpacked("classes", {"bins": 10, "points": 99}, [run("skip")[0].column(0)[0].as_py()])
        assert tally.get("rows") == 19 and tally.get("skipped") == 1


def test_reports_print_and_draw():
    y, p, _ = rows()
    reports = [evaluation.classification(y, probability=p, names=["<a>", "b", "c"]), evaluation.classification(y, p.argmax(1)),
               evaluation.multilabel(np.eye(3)[y], probability=p), evaluation.regression(p[:, :2], p[:, 1:])]
    for r in reports:
        assert str(r) and repr(r).startswith(type(r).__name__) and json.loads(json.dumps(r.as_dict()))["rows"] == 600
        picture = ElementTree.fromstring(r.plot().svg)
        assert picture.tag.endswith("svg") and len(picture) >= 1 and "<div>" in r._repr_html_()
    assert "<a>" in str(reports[0]) and "<a>" not in reports[0]._repr_html_()
    with pytest.raises(fire.FiresteelError, match="no rows"):
        evaluation.regression([], [])
