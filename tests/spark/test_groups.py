"""local[2]: networks of groups. Groups train the same bits as a fit with one worker on the same rows."""
import pytest

import firesteel as fire
from bed import raised
from firesteel.spark import NNClassifier, NNRegressor, fit_groups
from firesteel.spark.groups import GroupsModel

SESSION = {"master": "local[2]"}


def bits(model):
    return b"".join(w.tobytes() for w in model.network.get_weights())


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


def test_groups_of_odd_rows(spark):
    nan = float("nan")
    rows = [("one", 1.0, 2.0, 3.0), *[("constant", float(i), 2.0 * i, 7.0) for i in range(9)], *[("same rows", 1.0, 1.0, float(i)) for i in range(6)],
            *[("a NaN", float(i), nan if i == 3 else 1.0, 1.0) for i in range(5)], ("null", 1.0, None, 1.0), ("no label", 1.0, 1.0, None)]
    table = spark.createDataFrame(rows, "store string, a double, b double, y double")
    net = fire.Sequential([fire.layers.Normalization(), fire.layers.Dense(4, "relu"), fire.layers.Dense(1)])
    models = fit_groups(table.groupBy("store"), regressor(net=net, hiddenLayers=None), verbose=0)
    told = {r.store: (r.rows, r.error and r.error[:6]) for r in models.models.collect()}
    assert told == {"one": (1, None), "constant": (9, None), "same rows": (6, None), "a NaN": (5, "FS2004"), "null": (1, "FS2003"), "no label": (1, "FS2003")}
    scored = models.transform(table.where("store in ('one', 'constant', 'same rows')")).collect()
    assert len(scored) == 16 and all(abs(r.prediction) < 100 for r in scored)
    classifier = NNClassifier(hiddenLayers=[4], featuresCol=["a", "b"], labelCol="y", epochs=1, handleInvalid="skip", verbose=0)
    skipped = fit_groups(table.groupBy("store"), classifier, verbose=0)
    scored = skipped.transform(table).collect()
    assert skipped.failed == 2 and len(scored) == len(rows) - 1  # without the row that has a NaN
    assert all((r.probability is None) == (r.store in ("null", "no label")) and (r.probability is None or len(r.probability) == 8) for r in scored)
