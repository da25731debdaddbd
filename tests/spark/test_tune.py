"""local[2]: searches and networks of groups. Trials and groups train the same bits as a fit with one worker on the same rows."""
import glob
import math
import os
import tempfile

import numpy as np
import pytest

import firesteel as fire
from bed import flower_table, make_session, small
from firesteel.spark import GroupsModel, NNEvaluator, NNRegressor, Tuner, TunerModel, fit_groups, tune


@pytest.fixture(scope="module")
def spark():
    session = make_session("local[2]")
    yield session
    session.stop()


@pytest.fixture(scope="module")
def df(spark):
    return flower_table(spark).cache()


def raised(code, work):
    with pytest.raises(fire.FiresteelError) as caught:
        work()
    assert caught.value.code == code, str(caught.value)
    assert len(str(caught.value).splitlines()) <= 12
    return str(caught.value)


def bits(model):
    return b"".join(w.tobytes() for w in model.network.get_weights())


def alone(**params):
    return small(**{**dict(numWorkers=1, epochs=4), **params})


def leftovers():
    return glob.glob(os.path.join(tempfile.gettempdir(), "firesteel-tune-*"))


# ---- searches ---------------------------------------------------------------------------------

def test_random_search_over_params_and_networks(spark, df):
    before = leftovers()

    def build(units, rate):
        if units == 5:
            raise ValueError("no five")
        return fire.Sequential([fire.layers.Dense(units, "relu"), fire.layers.Dropout(rate), fire.layers.Dense(3, "softmax")])

    space = {"learningRate": tune.loguniform(1e-3, 1e-1), "units": tune.integers(4, 6), "rate": [0.0, 0.1], "batchSize": [8, 16, -1]}
    found = Tuner(alone(), space, build=build, trials=10, metric="val_accuracy", seed=3, verbose=0).fit(df)
    rows = found.trials.collect()
    assert [r.trial for r in rows] == list(range(10)) and {r.state for r in rows} == {"done", "failed"} and set(rows[0].params) == set(space)
    for r in rows:
        if r.state == "failed":
            assert r.metric is None and ("no five" in r.error or "batchSize" in r.error)
        else:
            assert r.error is None and r.metric == r.history["val_accuracy"][-1] == r.folds[0] and len(r.history["loss"]) == r.epochs == 4
    best = max((r for r in rows if r.metric is not None), key=lambda r: (r.metric, -r.trial))
    assert found.bestTrial == best.trial and found.bestMetric == best.metric and "Tuner" in repr(found)
    net = build(found.bestParams["units"], found.bestParams["rate"])
    assert bits(found.bestModel) == bits(alone(net=net, learningRate=found.bestParams["learningRate"], batchSize=found.bestParams["batchSize"]).fit(df))
    assert found.transform(df).count() == 150 and leftovers() == before
    again = Tuner(alone(), space, build=build, trials=10, metric="val_accuracy", seed=3, refit=False, verbose=0).fit(df.repartition(3))
    assert [(r.params, r.metric, r.error) for r in again.trials.collect()] == [(r.params, r.metric, r.error) for r in rows] and again.bestModel is None


def test_folds_param_grids_and_evaluators(df, tmp_path):
    from pyspark.ml.evaluation import MulticlassClassificationEvaluator
    from pyspark.ml.tuning import ParamGridBuilder
    from pyspark.sql import functions as F

    estimator = alone(epochs=2)
    grid = ParamGridBuilder().addGrid(estimator.learningRate, [0.0001, 0.05]).addGrid(estimator.hiddenLayers, [[4]]).build()
    table = df.withColumn("fold", F.pmod(F.hash("a"), F.lit(3)))
    by_loss = Tuner(estimator, grid, numFolds=3, foldCol="fold", refit=False, verbose=0).fit(table)
    by_spark = Tuner(estimator, grid, numFolds=3, foldCol="fold", evaluator=MulticlassClassificationEvaluator(metricName="logLoss"), refit=False, verbose=0).fit(table)
    for a, b in zip(by_loss.trials.collect(), by_spark.trials.collect()):
        assert len(a.folds) == 3 and a.metric == pytest.approx(np.mean(a.folds)) and a.folds == pytest.approx(b.folds, rel=1e-5)  # the loss that training reports is that of the scored rows
    assert by_loss.bestTrial == by_spark.bestTrial == 1 and by_loss.avgMetrics[1] < by_loss.avgMetrics[0]
    kept = Tuner(estimator, grid, metric="val_accuracy", verbose=0).fit(df)
    path = str(tmp_path / "t")
    kept.write().overwrite().save(path)
    loaded = TunerModel.load(path)
    assert bits(loaded.bestModel) == bits(kept.bestModel) and loaded.trials.collect() == kept.trials.collect() and loaded.bestMetric == kept.bestMetric


def test_halving_ends_where_the_whole_training_ends(df):
    space = {"learningRate": [0.0001, 0.001, 0.01, 0.02, 0.03, 0.05]}
    halved = Tuner(alone(epochs=6), space, method="halving", trials=6, eta=3, minEpochs=2, seed=1, refit=False, verbose=0).fit(df)
    whole = Tuner(alone(epochs=6), space, method="random", trials=6, seed=1, refit=False, verbose=0).fit(df)
    short, long = halved.trials.collect(), whole.trials.collect()
    assert [r.params for r in short] == [r.params for r in long] and sorted(r.epochs for r in short) == [2, 2, 2, 2, 6, 6]
    for a, b in zip(short, long):
        assert a.history["val_loss"] == b.history["val_loss"][:a.epochs] and a.state == ("done" if a.epochs == 6 else "stopped")
    assert halved.bestMetric == min(r.metric for r in short if r.state == "done")


def test_optuna(df):
    pytest.importorskip("optuna")
    found = Tuner(alone(epochs=1), {"learningRate": tune.loguniform(1e-4, 1e-1), "hiddenLayers": [[4], [8]]}, method="optuna", trials=4, refit=False, verbose=0).fit(df)
    assert len(found.avgMetrics) == 4 and all(math.isfinite(m) for m in found.avgMetrics)


def test_cross_validator_trains_all_maps_at_once(spark, df):
    from pyspark.ml.tuning import CrossValidator, ParamGridBuilder

    estimator = alone(epochs=2)
    grid = ParamGridBuilder().addGrid(estimator.learningRate, [0.0001, 0.02, 0.05]).build()
    models = dict(estimator.fitMultiple(df, grid))
    assert [bits(models[i]) for i in range(3)] == [bits(estimator.copy(m).fit(df)) for m in grid]
    assert models[1].summary.totalIterations == 2 and models[1].value("learningRate" if hasattr(models[1], "learningRate") else "featuresCol")
    crossed = CrossValidator(estimator=estimator, estimatorParamMaps=grid, evaluator=NNEvaluator(metricName="log_loss"), numFolds=2, parallelism=2, seed=1).fit(df)
    assert len(crossed.avgMetrics) == 3 and crossed.avgMetrics[2] < crossed.avgMetrics[0]


def test_errors_of_searches(df):
    given = {"learningRate": [0.1]}
    assert "did you mean learningRate" in raised("FS1003", lambda: Tuner(alone(), {"learningrate": [0.1]}))
    assert "argument of build" in raised("FS1003", lambda: Tuner(alone(), {"depth": [1]}, build=lambda: None))
    assert "units" in raised("FS1001", lambda: Tuner(alone(), given, build=lambda units: None))
    for more in (dict(method="bayes"), dict(trials=0), dict(numFolds=1), dict(validationFraction=1.0), dict(eta=1), dict(dataDir="here")):
        raised("FS1004", lambda: Tuner(alone(), given, **more).fit(df))
    raised("FS1001", lambda: Tuner(alone(), [{}], method="random"))
    raised("FS1004", lambda: Tuner("net", given))
    assert "val_loss" in raised("FS1001", lambda: Tuner(alone(epochs=1), given, metric="val_auk", verbose=0).fit(df))
    raised("FS2001", lambda: Tuner(alone(featuresCol="x"), given).fit(df))


# ---- groups -----------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def stores(spark):
    from pyspark.sql import functions as F

    table = spark.range(240).select((F.col("id") % 7).cast("int").alias("store"), (F.col("id") % 2 == 0).alias("kind.of"), F.rand(1).alias("a"), F.rand(2).alias("b"))
    table = table.withColumn("store", F.when(F.col("store") < 6, F.col("store"))).withColumn("y", F.col("a") * F.col("store") - F.col("b"))
    return table.withColumn("y", F.when(F.col("store").isNull(), F.col("a")).otherwise(F.when((F.col("store") == 3) & (F.col("a") > 0.5), float("nan")).otherwise(F.col("y")))).cache()


def regressor(**more):
    return NNRegressor(**{**dict(hiddenLayers=[4], featuresCol=["a", "b"], labelCol="y", epochs=3, batchSize=8, seed=2, verbose=0), **more})


def test_groups(spark, stores, tmp_path, capsys):
    from pyspark.sql import functions as F

    models = fit_groups(stores.groupBy("store", "`kind.of`"), regressor())
    assert "12 groups" in capsys.readouterr().out and (models.trained, models.failed) == (12, 2)
    rows = {(r["store"], r["kind.of"]): r for r in models.models.collect()}
    assert models.models.columns == ["store", "kind.of", "rows", "epochs", "loss", "history", "seconds", "error", "model"] and len(rows) == 14
    for (store, _), r in rows.items():
        if store == 3:
            assert r.model is None and r.error.startswith("FS2004")
        else:
            assert r.error is None and r.loss == r.history["loss"][-1] and r.epochs == 3
    own = stores.where("store = 4 AND `kind.of`")
    assert bits(models.of(4, True)) == bits(regressor().fit(own)) and models.of(None, False).numFeatures == 2
    test = stores.select("store", "`kind.of`", "b", "a", F.lit("kept").alias("more")).union(spark.createDataFrame([(99, True, 0.1, 0.2, "new")], "store int, `kind.of` boolean, b double, a double, more string"))
    scored = models.transform(test)
    assert scored.columns == ["store", "kind.of", "b", "a", "more", "prediction"]
    told = scored.collect()
    assert len(told) == 241 and all((r.prediction is None) == (r.store in (3, 99)) for r in told)
    expected = {(r.a, r.b): r.prediction for r in models.of(4, True).transform(own).collect()}
    assert {(r.a, r.b): r.prediction for r in told if r.store == 4 and r["kind.of"]} == expected
    path = str(tmp_path / "g")
    models.write().overwrite().save(path)
    loaded = GroupsModel.load(path)
    assert sorted(map(str, loaded.transform(test).collect())) == sorted(map(str, told)) and "12 groups" in repr(loaded)
    assert "failed" in raised("FS1003", lambda: models.of(3, True)) and "no such group" in raised("FS1003", lambda: models.of(77, True))


def test_groups_of_a_classifier_with_vectors(df):
    from pyspark.ml.feature import VectorAssembler
    from pyspark.sql import functions as F

    table = VectorAssembler(inputCols=list("abcd"), outputCol="features").transform(df).select("features", "label", F.hash("a").alias("half")).withColumn("half", F.pmod("half", F.lit(2)))
    models = fit_groups(table.groupBy("half"), alone(featuresCol="features", epochs=8), verbose=0)
    rows = models.transform(table).collect()
    assert len(rows) == 150 and np.mean([r.label == r.prediction for r in rows]) > 0.8 and len(rows[0].probability) == 3 and len(rows[0].features) == 4
    one = {str(r.features): r.probability for r in models.of(1).transform(table.where("half = 1")).collect()}
    assert {str(r.features): r.probability for r in rows if r.half == 1} == one


def test_errors_of_groups(stores):
    raised("FS1004", lambda: fit_groups(stores, regressor()))
    raised("FS1004", lambda: fit_groups(stores.groupBy("store"), "net"))
    raised("FS1001", lambda: fit_groups(stores.groupBy(), regressor()))
    assert "withColumn" in raised("FS2001", lambda: fit_groups(stores.groupBy(stores.store % 2), regressor()))
    assert "double" in raised("FS2002", lambda: fit_groups(stores.groupBy("b"), regressor()))
    raised("FS2001", lambda: fit_groups(stores.groupBy("store"), regressor(labelCol="store")))
    raised("FS2007", lambda: fit_groups(stores.where("a > 2").groupBy("store"), regressor()))
