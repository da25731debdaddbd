"""Spark Connect: the same surface through a client without a JVM of its own."""
import time

import numpy as np
import pytest

import firesteel as fire
from bed import flower_rows, interrupted_fit, raised
from firesteel.spark import NNClassifier, NNClassifierModel, NNRegressor

SESSION = {"remote": "local[2]"}


@pytest.fixture(scope="module")
def df(spark):
    from pyspark.ml.linalg import Vectors

    x, y = flower_rows()
    return spark.createDataFrame([(Vectors.dense(r), *map(float, r), float(c)) for r, c in zip(x, y)], ["features", "a", "b", "c", "d", "label"])


def small(**params):
    return NNClassifier(**{**dict(hiddenLayers=[16], epochs=8, batchSize=16, learningRate=0.02, seed=5, verbose=0, numWorkers=2), **params})


@pytest.fixture(scope="module")
def model(df):
    return small().fit(df)


def test_fit_and_score(df, model):
    rows = model.transform(df).collect()
    assert sum(r.label == r.prediction for r in rows) / len(rows) > 0.9 and len(rows[0].probability) == 3
    x = np.array([r.features.toArray() for r in rows], np.float32)
    assert model.network.predict(x, verbose=0).tobytes() == np.array([r.probability.toArray() for r in rows], np.float32).tobytes()
    again = small().fit(df.repartition(5))
    assert [w.tobytes() for w in again.network.get_weights()] == [w.tobytes() for w in model.network.get_weights()]
    assert len(model.summary.history["loss"]) == 8


def test_persistence_alone_and_in_a_pipeline(df, model, tmp_path):
    from pyspark.ml import Pipeline, PipelineModel
    from pyspark.ml.feature import VectorAssembler

    path = str(tmp_path / "m")
    model.save(path)
    raised("FS5001", lambda: model.save(path))
    model.write().overwrite().save(path)
    loaded = NNClassifierModel.load(path)
    assert [r.probability for r in loaded.transform(df).collect()] == [r.probability for r in model.transform(df).collect()]
    fitted = Pipeline(stages=[VectorAssembler(inputCols=list("abcd"), outputCol="v"), small(featuresCol="v", epochs=2)]).fit(df)
    fitted.write().overwrite().save(path + "p")
    again = PipelineModel.load(path + "p")
    assert [r.prediction for r in again.transform(df).collect()] == [r.prediction for r in fitted.transform(df).collect()]


def test_large_models_and_skipped_rows(df):
    from pyspark.sql import functions as F

    net = fire.Sequential([fire.layers.Dense(512, "relu"), fire.layers.Dense(600, "relu"), fire.layers.Dense(3, "softmax")])
    fitted = small(net=net, epochs=1, learningRate=0.001, featuresCol=list("abcd"), handleInvalid="skip").fit(df)
    assert len(fitted._content) > 1 << 20
    holed = df.withColumn("a", F.when(F.col("label") == 1, F.lit(None)).otherwise(F.col("a")))
    assert fitted.transform(holed).count() == 100 and fitted.transform(holed).select("prediction").collect()


def test_errors_are_short_and_named(df):
    from pyspark.sql import functions as F

    assert "has 2" in raised("FS4001", lambda: small(numWorkers=3).fit(df))
    raised("FS2001", lambda: small(featuresCol="feature").fit(df))
    raised("FS2006", lambda: small().fit(df.withColumn("label", F.col("label") + 0.5)))
    raised("FS2007", lambda: NNRegressor(verbose=0, numWorkers=2).fit(df.where("a > 1e9")))
    bad = df.withColumn("a", F.when(F.col("a") > 0, F.lit(float("nan"))).otherwise(F.col("a")))
    error = raised("FS2004", lambda: small(featuresCol=list("abcd")).fit(bad))
    assert "'a'" in error
    with pytest.raises(fire.FiresteelError) as caught:
        NNRegressor(labelCol="a", optimizer="sgd", learningRate=1e9, epochs=30, numWorkers=2, verbose=0).fit(df)
    assert caught.value.code == "FS3001" and caught.value.model is not None


def test_a_training_that_never_starts_is_given_up(df, monkeypatch):
    from firesteel.spark import fit, session

    monkeypatch.setattr(fit, "WATCHDOG", 4.0)
    monkeypatch.setattr(session, "check_slots", lambda spark, workers: None)
    began = time.monotonic()
    assert "numWorkers=3" in raised("FS4001", lambda: small(numWorkers=3, epochs=1, net=fire.Sequential([fire.layers.Dense(3, "softmax")])).fit(df))
    assert time.monotonic() - began < 60  # Spark itself takes ten minutes


def test_ctrl_c_returns_the_model_so_far(df, monkeypatch, tmp_path):
    """Where workers reach the client, the training ends by itself after a step; where they do not, the last checkpoint is the model, and without one there is none."""
    from firesteel.spark.progress import Listener

    endless = dict(epochs=100_000_000, onInterrupt="model")
    model = interrupted_fit(monkeypatch, small(**endless), df)
    assert model.summary.interrupted and model.summary.history["loss"] and model.summary.hosts
    assert model.transform(df).where("label = prediction").count() > 135
    monkeypatch.setattr(Listener, "ask_to_stop", lambda self: False)
    kept = interrupted_fit(monkeypatch, small(**endless, checkpointDir=str(tmp_path), checkpointEpochs=1), df)
    assert kept.summary.interrupted and len(kept.summary.history["loss"]) >= 30 and kept.transform(df).where("label = prediction").count() > 135


def test_columns_of_words_and_several_outputs(df, tmp_path):
    from pyspark.sql import functions as F

    from firesteel.spark import NNEstimator, NNEstimatorModel
    from firesteel.spark.triggers import MaxIteration

    table = df.select("label", "a", F.col("b").alias("amount"), F.concat(F.lit("c"), F.round("c").cast("int")).alias("word")).coalesce(1)
    layers = fire.layers
    word, number = fire.Input((1,), name="word"), fire.Input((1,), name="number")
    hidden = layers.Dense(8, activation="relu")(layers.Concatenate()([number, layers.Flatten()(layers.Embedding(32, 3)(word))]))
    net = fire.Model([word, number], [layers.Dense(3, activation="softmax", name="kind")(hidden), layers.Dense(1, name="amount")(hidden)])
    model = NNEstimator(net=net, inputCols={"word": "word", "number": "a"}, labelCols={"kind": "label", "amount": "amount"}, categoricalCols=["word"],
                        loss=["sparse_categorical_crossentropy", "mse"], outputCols={"kind": "p"}, endWhen=MaxIteration(7), epochs=3, seed=1, verbose=0).fit(table)
    assert model.summary.steps == 7
    rows = model.transform(table).select("word", "a", "p", "prediction_amount").collect()
    p, amount = model.network.predict({"word": [r.word for r in rows], "a": np.array([r.a for r in rows], np.float32)}, verbose=0)
    assert np.array([r.p.toArray() for r in rows], np.float32).tobytes() == p.tobytes()
    assert np.array([r.prediction_amount for r in rows], np.float32).tobytes() == amount.tobytes()
    model.save(str(tmp_path / "words"))
    assert NNEstimatorModel.load(str(tmp_path / "words")).transform(table).select("p").collect() == [(r.p,) for r in rows]
