"""local[2]: a search whose trials are tasks; trials end with the bits of a fit with one worker."""
import math
import os

import numpy as np
import pytest

import firesteel as fire
from bed import flower_table
from firesteel.spark import NNClassifier, NNEvaluator, tune

SESSION = {"master": "local[2]"}


@pytest.fixture(scope="module")
def df(spark):
    return flower_table(spark).coalesce(1).cache()


def network(units):
    if units == 5:
        raise ValueError("no five")
    return fire.Sequential([fire.layers.Dense(units, "relu"), fire.layers.Dense(3, "softmax")])


def classifier(**more):
    return NNClassifier(**{**dict(net=network(8), featuresCol=list("abcd"), epochs=4, batchSize=16, seed=5, verbose=0, numWorkers=1), **more})


def bits(model):
    return [w.tobytes() for w in model.network.get_weights()]


def test_trials(df):
    estimator = classifier()
    found = tune.Tuner(estimator, {"learningRate": [0.0001, 0.05, -1.0]}, method="grid", refit=False, verbose=0).fit(df)
    assert found.avgMetrics[1] < found.avgMetrics[0] and math.isnan(found.avgMetrics[2]) and found.bestTrial == 1 and found.bestMetric == found.avgMetrics[1]
    failed = found._rows[2]
    assert failed[1] == "failed" and "learningRate=-1.0" in failed[-1] and found._rows[0][-1] is None
    halved = tune.Tuner(estimator, {"learningRate": [0.001, 0.01, 0.05]}, method="halving", trials=3, minEpochs=2, eta=2, metric="val_accuracy", refit=False, verbose=0).fit(df)
    assert sorted((row[1], row[5]) for row in halved._rows) == [("done", 4), ("done", 4), ("stopped", 2)]


def test_functions_are_searched_and_one_kills_its_worker(df):
    def plain(batch):
        return np.column_stack([c.to_numpy() for c in batch.columns])

    def nothing(batch):
        return np.zeros((batch.num_rows, 4))

    def kills(batch):
        os._exit(3)

    net = fire.Sequential([fire.Input((4,)), fire.layers.Dense(3, "softmax")])
    found = tune.Tuner(classifier(net=net), {"featurePreprocessing": [plain, nothing, kills]}, method="grid", refit=False, verbose=0).fit(df)
    assert [row[1] for row in found._rows] == ["done", "done", "failed"] and found._rows[2][-1].startswith("FS4003")
    assert found.avgMetrics[0] != found.avgMetrics[1]


def test_folds_evaluators_and_networks(df, tmp_path):
    from pyspark.ml import PipelineModel
    from pyspark.ml.evaluation import MulticlassClassificationEvaluator
    from pyspark.sql import functions as F

    table = df.withColumn("fold", F.pmod(F.hash("a"), F.lit(2)))
    given = dict(space={"units": [8, 5, 4], "learningRate": [0.05]}, build=network, method="grid", numFolds=2, foldCol="fold", verbose=0, dataDir=str(tmp_path))
    by_loss = tune.Tuner(classifier(net=None, epochs=2), refit=False, **given).fit(table)
    found = tune.Tuner(classifier(net=None, epochs=2), evaluator=MulticlassClassificationEvaluator(metricName="logLoss"), **given).fit(table)
    rows = found.trials.collect()
    assert [r.state for r in rows] == ["done", "failed", "done"] and rows[1].error == "ValueError: no five" and rows[1].metric is None
    for ours, theirs in zip(by_loss._rows, rows):  # the loss that training reports is that of the scored rows
        assert ours[4] == pytest.approx(theirs.folds, rel=1e-5)
        assert theirs.metric is None or len(theirs.folds) == 2 and theirs.metric == np.mean(theirs.folds)
    assert found.bestTrial == by_loss.bestTrial and not os.listdir(tmp_path)
    assert bits(found.bestModel) == bits(classifier(net=network(found.bestParams["units"]), epochs=2, learningRate=0.05).fit(df))
    PipelineModel([found]).write().overwrite().save(str(tmp_path / "p"))
    again = PipelineModel.load(str(tmp_path / "p")).stages[0]
    assert again.trials.collect() == rows and again.bestParams == found.bestParams and again.bestMetric == found.bestMetric
    assert again.transform(df).collect() == found.transform(df).collect()


def test_a_cross_validator_trains_all_maps_at_once(df, monkeypatch):
    from pyspark.ml.tuning import CrossValidator, ParamGridBuilder

    estimator = classifier()
    grid = ParamGridBuilder().addGrid(estimator.learningRate, [0.0001, 0.05]).build()
    models = dict(estimator.fitMultiple(df, grid))
    assert bits(models[1]) == bits(estimator.copy(grid[1]).fit(df))
    found = CrossValidator(estimator=estimator, estimatorParamMaps=grid, evaluator=NNEvaluator(metricName="log_loss"), numFolds=2, parallelism=2, seed=1).fit(df)
    assert found.avgMetrics[1] < found.avgMetrics[0] and len(bits(found.bestModel)) == 4
    # Hosts that share no folder: the maps are fitted one by one.
    monkeypatch.setattr(tune.Work, "run", lambda self, units: [({"error": "FS5001: rows are not there"}, None) for _ in units])
    assert tune.fit_multiple(estimator, df, grid) is None
