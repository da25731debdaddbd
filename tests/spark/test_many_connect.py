"""Spark Connect: evaluations, searches and groups through a client without a JVM of its own."""
import numpy as np
import pytest

from bed import flower_table, make_session, small
from firesteel.spark import GroupsModel, NNEvaluator, Tuner, TunerModel, evaluation, fit_groups, tune


@pytest.fixture(scope="module")
def spark():
    session = make_session(remote="local[2]")
    yield session
    session.stop()


@pytest.fixture(scope="module")
def df(spark):
    return flower_table(spark)


def bits(model):
    return b"".join(w.tobytes() for w in model.network.get_weights())


def test_search_evaluation_and_cross_validation(df, tmp_path):
    from pyspark.ml.tuning import CrossValidator, ParamGridBuilder

    estimator = small(numWorkers=1, epochs=4)
    found = Tuner(estimator, {"learningRate": tune.loguniform(1e-4, 1e-1), "batchSize": [8, 0]}, trials=4, method="halving", evaluator=NNEvaluator(metricName="log_loss"), verbose=0, seed=5).fit(df)
    rows = found.trials.collect()
    assert len(rows) == 4 and {r.state for r in rows} <= {"done", "stopped", "failed"} and found.bestMetric == min(r.metric for r in rows if r.state == "done")
    best = {n: v for n, v in found.bestParams.items()}
    assert bits(found.bestModel) == bits(small(numWorkers=1, epochs=4, **best).fit(df))
    scored = found.transform(df)
    report = evaluation.classification(scored)
    assert report.metric("accuracy") == np.mean([r.label == r.prediction for r in scored.collect()]) and report.rows == 150
    found.write().overwrite().save(str(tmp_path / "t"))
    assert bits(TunerModel.load(str(tmp_path / "t")).bestModel) == bits(found.bestModel)
    grid = ParamGridBuilder().addGrid(estimator.learningRate, [0.0001, 0.05]).build()
    assert [bits(m) for _, m in sorted(estimator.fitMultiple(df, grid))] == [bits(estimator.copy(m).fit(df)) for m in grid]
    crossed = CrossValidator(estimator=estimator, estimatorParamMaps=grid, evaluator=NNEvaluator(metricName="accuracy"), numFolds=2, seed=1).fit(df)
    assert crossed.avgMetrics[1] > crossed.avgMetrics[0]


def test_groups(df, tmp_path):
    from pyspark.sql import functions as F

    table = df.withColumn("half", F.pmod(F.hash("a"), F.lit(2)))
    models = fit_groups(table.groupBy("half"), small(numWorkers=1), verbose=0)
    assert (models.trained, models.failed) == (2, 0) and bits(models.of(0)) == bits(small(numWorkers=1).fit(table.where("half = 0")))
    rows = models.transform(table).collect()
    assert len(rows) == 150 and np.mean([r.label == r.prediction for r in rows]) > 0.8
    models.write().overwrite().save(str(tmp_path / "g"))
    assert sorted(map(str, GroupsModel.load(str(tmp_path / "g")).transform(table).collect())) == sorted(map(str, rows))
