"""local[2]: the estimators' whole surface in one Spark application."""
import json
import math
import time

import numpy as np
import pytest

import firesteel as fire
from bed import Strike, flower_rows, raised
from firesteel.spark import NNClassifier, NNClassifierModel, NNRegressor, NNRegressorModel
from firesteel.spark.session import partitions

SESSION = {"master": "local[2]"}


@pytest.fixture(scope="module")
def flowers():
    return flower_rows()


@pytest.fixture(scope="module")
def df(spark, flowers):
    """Every form of features and labels, in one table."""
    from pyspark.ml.linalg import Vectors

    x, y = flowers
    rows = [(Vectors.dense(r) if i % 2 else Vectors.sparse(4, list(range(4)), r.tolist()), [float(v) for v in r], *map(float, r), float(c), int(c),
             [float(c == 0), float(c != 1)], float(r[0] + 2 * r[1]), [float(r[0]), float(r[1] - r[2])], 1.0 + (i % 3), i % 10 == 0)
            for i, (r, c) in enumerate(zip(x, y))]
    return spark.createDataFrame(rows, schema()).cache()


def schema():
    from pyspark.ml.linalg import VectorUDT
    from pyspark.sql.types import ArrayType, BooleanType, DoubleType, IntegerType, StructField, StructType

    kinds = [("features", VectorUDT()), ("list", ArrayType(DoubleType())), *[(n, DoubleType()) for n in "abcd"], ("label", DoubleType()), ("k", IntegerType()),
             ("tags", ArrayType(DoubleType())), ("y", DoubleType()), ("y2", ArrayType(DoubleType())), ("w", DoubleType()), ("held", BooleanType())]
    return StructType([StructField(n, k) for n, k in kinds])


def small(**params):
    return NNClassifier(**{**dict(hiddenLayers=[16], epochs=12, batchSize=16, learningRate=0.02, seed=5, verbose=0), **params})


@pytest.fixture(scope="module")
def model(df):
    return small(numWorkers=2).fit(df)


def accuracy(scored):
    rows = scored.select("label", "prediction").collect()
    return sum(r.label == r.prediction for r in rows) / len(rows)


# ---- training and scoring ------------------------------------------------------------------

def test_columns_that_scoring_adds(df, model):
    scored = model.transform(df)
    assert scored.columns == df.columns + ["rawPrediction", "probability", "prediction"]
    row = scored.first()
    assert len(row.rawPrediction) == len(row.probability) == 3 and abs(sum(row.probability) - 1) < 1e-6
    assert row.prediction == int(np.argmax(row.probability))
    assert accuracy(scored) > 0.9
    assert model.numClasses == 3 and model.numFeatures == 4


def test_summary(model):
    s = model.summary
    assert s.totalIterations == 12 and len(s.history["loss"]) == len(s.history["accuracy"]) == 12 and s.objectiveHistory == s.history["loss"]
    assert s.history["loss"][-1] < s.history["loss"][0] and sum(s.rowsPerWorker) == 150 and len(s.hosts) == 2 and s.rows == 12 * 150
    assert "svg" in s._repr_html_() and "epochs" in repr(s)


def test_every_way_to_give_features_trains_the_same_network(df, model):
    from pyspark.sql import functions as F

    reference = [r.probability.toArray() for r in model.transform(df).collect()]
    for column in ("list", ["a", "b", "c", "d"], ["a", "tail"]):
        table = df.withColumn("tail", F.slice("list", 2, 3)) if "tail" in column else df
        other = small(numWorkers=2, featuresCol=column).fit(table)
        assert [r.probability.toArray().tobytes() for r in other.transform(table).collect()] == [p.tobytes() for p in reference]
    one = small(featuresCol="a", epochs=1).fit(df)
    assert one.numFeatures == 1


def test_names_with_dots(df, monkeypatch):
    """pyspark's mapInArrow cannot take them: training and the way of Spark 4.0 go around it."""
    from firesteel.spark import session

    table = df.select("a", "b", "label", "w").withColumnRenamed("a", "x.y").withColumnRenamed("b", "x_y").withColumnRenamed("label", "the.label")
    fitted = small(featuresCol=["x.y", "x_y"], labelCol="the.label", weightCol="w", epochs=1, net=small_net()).fit(table)
    assert json.loads(fitted.network._net.note("columns")) == {"features": ["x.y", "x_y"], "label": "the.label"}
    reference = fitted.transform(table).collect()
    monkeypatch.setattr(session, "version", lambda spark: (4, 0))
    assert fitted.transform(table).columns[:4] == table.columns and fitted.transform(table).collect() == reference


def test_spark_and_python_score_to_the_same_bits(df, model):
    x = np.array([r.list for r in df.select("list").collect()])
    here = model.network.predict(x.astype(np.float32), verbose=0)
    there = np.array([r.probability.toArray() for r in model.transform(df).collect()], np.float32)
    assert here.tobytes() == there.tobytes()
    row = df.first()
    assert model.predict(row.features) == model.transform(df).first().prediction
    assert model.predictProbability(row.features).toArray().tobytes() == model.transform(df).first().probability.toArray().tobytes()
    assert model.predictRaw(row.features).toArray().tobytes() == model.transform(df).first().rawPrediction.toArray().tobytes()


def test_batches_of_any_size_score_the_same(spark, df, model):
    reference = [r.probability for r in model.transform(df).collect()]
    try:
        for size in (1, 7, 1000):
            spark.conf.set("spark.sql.execution.arrow.maxRecordsPerBatch", size)
            assert [r.probability for r in model.transform(df).collect()] == reference
    finally:
        spark.conf.unset("spark.sql.execution.arrow.maxRecordsPerBatch")


def test_same_seed_same_bits_whatever_the_partitions(df, model):
    for table in (df.repartition(7), df.orderBy("a").coalesce(1)):
        again = small(numWorkers=2).fit(table)
        assert [w.tobytes() for w in again.network.get_weights()] == [w.tobytes() for w in model.network.get_weights()]
    other = small(numWorkers=2, seed=6).fit(df)
    assert other.network.get_weights()[0].tobytes() != model.network.get_weights()[0].tobytes()


def test_partitions_that_a_barrier_stage_reads_as_they_are(spark, df, model):
    def parts(n, where):
        """df's rows in n partitions, row i in where(i)."""
        rows = [[] for _ in range(n)]
        for i, row in enumerate(df.select("features", "label").collect()):
            rows[where(i)].append(row)
        return spark.createDataFrame(spark.sparkContext.parallelize(rows, n).flatMap(lambda part: part), df.select("features", "label").schema)

    skewed = parts(2, lambda i: int(i == 70))
    assert [partitions(t) for t in (skewed, skewed.where("label > 0"), parts(3, lambda i: 1), skewed.cache())] == [2, 2, 3, 2]
    assert [partitions(t) for t in (skewed.coalesce(1), skewed.union(skewed), skewed.repartition(2), skewed.groupBy("label").count())] == [None] * 4
    for table in (skewed, parts(2, lambda i: 1)):  # read as they are: one row against all others, and nothing
        again = small(numWorkers=2).fit(table)
        assert [w.tobytes() for w in again.network.get_weights()] == [w.tobytes() for w in model.network.get_weights()]


def test_workers_agree_in_float64(df):
    def net():
        return fire.Sequential([fire.layers.Dense(8, "tanh"), fire.layers.Dense(3, "softmax")], dtype="float64")

    runs = [small(net=net(), numWorkers=n, batchSize=1000, epochs=3, optimizer=fire.optimizers.SGD(0.1), learningRate=0.1).fit(df).network.get_weights() for n in (1, 2)]
    for a, b in zip(*runs):
        assert np.abs(a - b).max() <= 1e-9 * np.abs(a).max()


def test_a_net_is_the_start_and_never_changes(df, flowers):
    x, y = flowers
    net = fire.Sequential([fire.layers.Dense(8, "relu"), fire.layers.Dropout(0.1), fire.layers.Dense(3, "softmax")])
    net.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])
    net.fit(x.astype(np.float32), y, epochs=2, verbose=0)
    before = [w.copy() for w in net.get_weights()]
    estimator = small(net=net, epochs=1, learningRate=1e-9, numWorkers=2)
    fitted = estimator.fit(df)
    for a, b, c in zip(before, net.get_weights(), fitted.network.get_weights()):
        assert a.tobytes() == b.tobytes() and np.allclose(a, c, atol=1e-5)
    copy = estimator.getNet()
    assert [w.tobytes() for w in copy.get_weights()] == [w.tobytes() for w in before]


def test_two_classes_by_one_sigmoid_unit(df):
    from pyspark.sql import functions as F

    table = df.withColumn("label", (F.col("label") > 0).cast("int"))
    net = fire.Sequential([fire.layers.Dense(8, "relu"), fire.layers.Dense(1, "sigmoid")])
    fitted = small(net=net).fit(table)
    row = fitted.transform(table).first()
    assert row.rawPrediction[0] == -row.rawPrediction[1] and fitted.numClasses == 2
    assert math.isclose(row.probability[1], 1 / (1 + math.exp(-row.rawPrediction[1])), rel_tol=1e-6)
    assert accuracy(fitted.transform(table)) > 0.9
    from pyspark.ml.evaluation import BinaryClassificationEvaluator

    assert BinaryClassificationEvaluator().evaluate(fitted.transform(table)) > 0.95


def test_several_labels(df):
    fitted = small(labelCol="tags", epochs=30, numWorkers=2).fit(df)
    rows = fitted.transform(df).select("tags", "prediction", "probability").collect()
    assert np.mean([list(r.prediction) == list(r.tags) for r in rows]) > 0.9 and len(rows[0].probability) == 2
    assert fitted.predict(df.first().features) == rows[0].prediction


def test_regression(df):
    one = NNRegressor(labelCol="y", hiddenLayers=[], epochs=40, batchSize=16, learningRate=0.05, optimizer="sgd", numWorkers=2, verbose=0).fit(df)
    rows = one.transform(df).select("y", "prediction").collect()
    assert np.mean([(r.y - r.prediction) ** 2 for r in rows]) < 0.05
    assert one.predict(df.first().features) == rows[0].prediction
    two = NNRegressor(labelCol="y2", hiddenLayers=[8], epochs=3, verbose=0, weightCol="w").fit(df)
    assert len(two.transform(df).first().prediction) == 2 and two.summary.totalIterations == 3


def test_weights_validation_and_patience(df):
    fitted = small(weightCol="w", validationIndicatorCol="held", classWeights={0: 2.0}, numWorkers=2, epochs=4).fit(df)
    assert len(fitted.summary.history["val_loss"]) == 4 and fitted.summary.validationRows == 15
    stopped = small(validationFraction=0.2, patience=1, learningRate=1e-12, epochs=50).fit(df)
    assert stopped.summary.stoppedEarly and stopped.summary.totalIterations < 50


def test_thresholds_and_left_out_columns(df, model):
    always = model.copy({model.thresholds: [1e9, 1e9, 1e-9], model.rawPredictionCol: "", model.probabilityCol: ""})
    scored = always.transform(df)
    assert scored.columns == df.columns + ["prediction"] and {r.prediction for r in scored.collect()} == {2.0}


# ---- life among the other stages of spark.ml --------------------------------------------------

def test_pipeline_and_persistence(spark, df, model, tmp_path):
    from pyspark.ml import Pipeline, PipelineModel
    from pyspark.ml.feature import StringIndexer, VectorAssembler
    from pyspark.sql import functions as F

    table = df.drop("features", "label").withColumn("name", F.element_at(F.array(F.lit("x"), F.lit("y"), F.lit("z")), F.col("k") + 1))
    net = fire.Sequential([fire.layers.Dense(8, "relu"), fire.layers.Dense(3, "softmax")])
    stages = [StringIndexer(inputCol="name", outputCol="label"), VectorAssembler(inputCols=list("abcd"), outputCol="features"), small(net=net, epochs=5)]
    pipeline = Pipeline(stages=stages)
    path = str(tmp_path / "pipeline")
    pipeline.write().overwrite().save(path)
    fitted = Pipeline.load(path).fit(table)
    reference = [r.prediction for r in fitted.transform(table).collect()]
    assert json.loads(fitted.stages[-1].network._net.note("classes")) == sorted("xyz")
    fitted.write().overwrite().save(path + "-model")
    loaded = PipelineModel.load(path + "-model")
    assert [r.prediction for r in loaded.transform(table).collect()] == reference
    fitted.write().overwrite().save(path + "-model")  # once more over the first

    path = str(tmp_path / "model")
    model.save(path)
    raised("FS5001", lambda: model.save(path))
    model.write().overwrite().save(path)
    again = NNClassifierModel.load(path)
    assert again.uid == model.uid and again.extractParamMap() == {getattr(again, p.name): v for p, v in model.extractParamMap().items()}
    assert [r.probability for r in again.transform(df).collect()] == [r.probability for r in model.transform(df).collect()]
    assert not again.hasSummary
    metadata = json.loads(spark.read.text(path + "/metadata").first()[0])
    assert {"class", "timestamp", "sparkVersion", "uid", "paramMap", "defaultParamMap"} <= set(metadata)
    raised("FS5002", lambda: NNRegressorModel.load(path))
    raised("FS5001", lambda: NNClassifierModel.load(path + "-nowhere"))
    spark.createDataFrame([(0, bytearray(b"junk"))], "part int, bytes binary").coalesce(1).write.mode("overwrite").parquet(path + "/model")
    raised("FS5003", lambda: NNClassifierModel.load(path))


def test_estimator_with_net_comes_back(df, tmp_path):
    net = fire.Sequential([fire.Input((4,)), fire.layers.Dense(3, "softmax")])
    net.compile(fire.optimizers.SGD(0.05), "sparse_categorical_crossentropy")
    estimator = small(net=net, classWeights=[1, 2, 1], thresholds=[.3, .3, .4], loss="sparse_categorical_crossentropy")
    estimator.save(str(tmp_path / "e"))
    again = NNClassifier.load(str(tmp_path / "e"))
    assert again.uid == estimator.uid and {p.name: v for p, v in again.extractParamMap().items()} == {p.name: v for p, v in estimator.extractParamMap().items()}
    assert again.getNet().to_text().splitlines()[1:] == net.to_text().splitlines()[1:]


def test_cross_validator_with_threads(df):
    from pyspark.ml.evaluation import MulticlassClassificationEvaluator
    from pyspark.ml.tuning import CrossValidator, ParamGridBuilder

    net = fire.Sequential([fire.layers.Dense(8, "relu"), fire.layers.Dense(3, "softmax")])
    text = net.to_text()
    estimator = small(net=net, epochs=6)
    grid = ParamGridBuilder().addGrid(estimator.learningRate, [0.03, 1e-9]).build()
    best = CrossValidator(estimator=estimator, estimatorParamMaps=grid, evaluator=MulticlassClassificationEvaluator(metricName="accuracy"),
                          numFolds=2, parallelism=2, seed=1).fit(df)
    assert best.avgMetrics[0] > best.avgMetrics[1] and best.bestModel.getOrDefault("featuresCol") == "features"
    assert net.to_text() == text and not net.built


# ---- rows and tables that are not as they should be ---------------------------------------------

def test_bad_params_and_schemas_fail_before_any_job(spark, df):
    from pyspark.sql import functions as F

    tracker = spark.sparkContext.statusTracker()
    jobs = len(tracker.getJobIdsForGroup(None))
    cases = [
        ("FS2001", "label", dict(labelCol="labl"), df),
        ("FS2001", "featurs", dict(featuresCol=["a", "featurs"]), df),
        ("FS2002", "string", dict(), df.withColumn("label", F.col("k").cast("string"))),
        ("FS2002", "string", dict(featuresCol="s"), df.withColumn("s", F.lit("x"))),
        ("FS2002", "boolean", dict(validationIndicatorCol="w"), df),
        ("FS2002", "weightCol", dict(weightCol="list"), df),
        ("FS2001", "both", dict(weightCol="label"), df),
        ("FS1001", "both set", dict(validationIndicatorCol="held", validationFraction=0.1), df),
        ("FS1002", "2", dict(featuresCol=["a", "b"], net=fire.Sequential([fire.Input((4,)), fire.layers.Dense(3, "softmax")])), df),
        ("FS1005", "relu", dict(net=fire.Sequential([fire.layers.Dense(3, "relu")])), df),
        ("FS1003", "adan", dict(optimizer="adan"), df),
        ("FS1004", "thresholds", dict(net=fire.Sequential([fire.layers.Dense(3, "softmax")]), thresholds=[1, 1]), df),
        ("FS4001", "local[2] has 2", dict(numWorkers=3), df),
    ]
    for code, words, params, table in cases:
        began = time.monotonic()
        message = raised(code, lambda: small(**params).fit(table))
        assert words in message, message
        assert time.monotonic() - began < 2.5
    assert len(tracker.getJobIdsForGroup(None)) == jobs


def test_labels_of_yes_or_no_and_of_one_width(df):
    from pyspark.sql import functions as F

    first = df.first().a
    for value, code, words in (([0.0, 2.0], "FS2006", "'tags': a label is 2"), ([1.0], "FS2005", "'tags'"), ([None, 0.0], "FS2003", "'tags'")):
        table = df.withColumn("tags", F.when(F.col("a") == first, F.array(*[F.lit(v) for v in value])).otherwise(F.col("tags")))
        assert words in raised(code, lambda: small(labelCol="tags", numWorkers=2).fit(table))


@pytest.mark.parametrize("label, code, words", [(3.5, "FS2006", "3.5"), (-1.0, "FS2006", "-1"), (None, "FS2003", "1 null"), (float("nan"), "FS2004", "NaN"), (1e6, "FS2006", "1000001 classes")])
def test_bad_labels(df, label, code, words):
    from pyspark.sql import functions as F

    table = df.withColumn("label", F.when(F.col("a") == df.first().a, F.lit(label)).otherwise(F.col("label")))
    assert words in raised(code, lambda: small().fit(table))


def test_bad_rows(spark, df):
    from pyspark.sql import functions as F

    first = df.first().a

    def with_b(value):
        return df.withColumn("b", F.when(F.col("a") == first, F.lit(value)).otherwise(F.col("b"))).select("a", "b", "label")

    for value, code in ((None, "FS2003"), (float("inf"), "FS2004")):
        assert "'b'" in raised(code, lambda: small(featuresCol=["a", "b"], numWorkers=2, net=small_net()).fit(with_b(value)))
    table = with_b(float("nan"))
    skipping = small(featuresCol=["a", "b"], handleInvalid="skip", numWorkers=2, epochs=2).fit(table)
    assert skipping.summary.skippedRows == 1
    assert [r.prediction >= 0 for r in skipping.transform(table).select("prediction").collect()] == [True] * 149
    kept = [r.prediction for r in skipping.setHandleInvalid("keep").transform(table).collect()]
    assert len(kept) == 150 and sum(math.isnan(p) for p in kept) == 1
    raised("FS2004", lambda: collect_error(skipping.setHandleInvalid("error").transform(table)))
    ragged = df.withColumn("list", F.when(F.col("a") == first, F.array(F.lit(1.0))).otherwise(F.col("list")))
    raised("FS2005", lambda: small(featuresCol="list", numWorkers=2).fit(ragged))
    raised("FS2007", lambda: small().fit(df.where("a > 1e9")))  # by the job that counts classes
    raised("FS2007", lambda: NNRegressor(labelCol="y", verbose=0).fit(df.where("a > 1e9")))
    raised("FS2008", lambda: NNRegressor(labelCol="y", numWorkers=2, verbose=0).fit(df.limit(1)))
    raised("FS2001", lambda: skipping.transform(df.withColumn("prediction", F.lit(1))))
    raised("FS1002", lambda: skipping.copy({skipping.featuresCol: ["a", "b", "c"]}).transform(df))


def test_arrays_of_unlike_length_are_padded(spark):
    rows = [([1] * (k % 4) + [2 + k % 3] * (1 + k % 5), float(k % 3)) for k in range(60)]
    table = spark.createDataFrame(rows, "words array<int>, label double")
    layers = fire.layers
    net = fire.Sequential([fire.Input((5,), padding="post", truncating="pre"), layers.Embedding(5, 4, mask_zero=True), layers.LSTM(6), layers.Dense(3, activation="softmax")])
    model = NNClassifier(net=net, featuresCol="words", epochs=15, batchSize=10, learningRate=0.05, numWorkers=2, seed=3, verbose=0).fit(table)
    scored = model.transform(table).collect()
    x = np.array([(row[-5:] + [0] * 5)[:5] for row, _ in rows], np.float32)
    assert model.network.predict(x, verbose=0).tobytes() == np.array([r.probability.toArray() for r in scored], np.float32).tobytes()
    assert sum(r.prediction == r.label for r in scored) == 60
    raised("FS2005", lambda: NNClassifier(net=fire.Sequential([fire.Input((5,)), layers.Embedding(5, 4), layers.LSTM(6), layers.Dense(3, activation="softmax")]),
                                          featuresCol="words", epochs=1, numWorkers=2, verbose=0).fit(table))


def small_net():
    return fire.Sequential([fire.layers.Dense(3, "softmax")])


def collect_error(scored):
    """Scoring fails inside the caller's own query, so Spark raises; its text holds our line."""
    from firesteel.spark.errors import translate

    try:
        scored.collect()
    except Exception as error:
        raise translate(error) from None


def test_divergence_keeps_the_last_good_weights(df):
    with pytest.raises(fire.FiresteelError) as caught:
        NNRegressor(labelCol="y", hiddenLayers=[8], activation="linear", optimizer="sgd", learningRate=1e6, epochs=30, numWorkers=2, verbose=0).fit(df)
    assert caught.value.code == "FS3001" and isinstance(caught.value.model, NNRegressorModel)
    assert all(np.isfinite(w).all() for w in caught.value.model.network.get_weights())


def test_a_killed_worker_is_named_in_time(df):
    strike = Strike()
    message = raised("FS4003", lambda: small(numWorkers=2, epochs=1_000_000).fit(df))
    assert time.monotonic() - strike.at < 5
    assert "worker 0" in message or "worker 1" in message or "rank" in message


def test_a_fit_survives_a_killed_worker(df, tmp_path, capsys):
    given, folder = dict(numWorkers=2, epochs=600, checkpointEpochs=3), tmp_path / "kept"
    whole = small(**given).fit(df)
    strike = Strike(when=lambda: any(folder.glob("attempt-000001/checkpoint-*/manifest.json")))
    fitted = small(**given, checkpointDir=str(folder), verbose=1).fit(df)
    assert strike.at is not None and "restart 1 of 3" in capsys.readouterr().out
    again, = fitted.summary.restarts
    assert 0 <= again["slots"] <= again["met"] <= again["first_step"] and again["resumed"] == (fitted.summary.resumedFrom, 0)
    assert 0 < fitted.summary.resumedFrom < 600 and fitted.summary.totalIterations == len(fitted.summary.history["loss"]) == 600
    assert [w.tobytes() for w in fitted.network.get_weights()] == [w.tobytes() for w in whole.network.get_weights()]
    folder = tmp_path / "other"
    Strike(when=lambda: len(list(folder.glob("attempt-000001/checkpoint-*/manifest.json"))) > 1)
    raised("FS4003", lambda: small(**given, checkpointDir=f"file://{folder}", checkpointKeep=2, maxRestarts=0).fit(df))
    last = next(max(folder.glob("attempt-000001/checkpoint-*/manifest.json")).parent.glob("state.safetensors*"))  # .new: killed right after the commit
    last.write_bytes(last.read_bytes()[:-1])
    with pytest.warns(RuntimeWarning, match=f"{last.parent.name}: state.safetensors .*; training went on from "):
        resumed = small(**given, checkpointDir=str(folder)).fit(df)  # as after a driver that died, and with it a disk
    assert resumed.summary.resumedFrom > 0 and [w.tobytes() for w in resumed.network.get_weights()] == [w.tobytes() for w in whole.network.get_weights()]
    raised("FS1005", lambda: small(**given, checkpointDir="nosuchstore://bucket/kept").fit(df))


def test_large_models_reach_hosts_as_a_file(df):
    net = fire.Sequential([fire.layers.Dense(512, "relu"), fire.layers.Dense(600, "relu"), fire.layers.Dense(3, "softmax")])
    fitted = small(net=net, epochs=2, learningRate=0.001).fit(df)
    assert len(fitted._content) > 1 << 20
    there = np.array([r.probability.toArray() for r in fitted.transform(df).collect()], np.float32)
    x = np.array([r.list for r in df.select("list").collect()], np.float32)
    assert fitted.network.predict(x, verbose=0).tobytes() == there.tobytes()


def test_the_way_of_spark_40(df, model, monkeypatch):
    from firesteel.spark import session

    reference = [(r.probability, r.prediction) for r in model.transform(df).collect()]
    monkeypatch.setattr(session, "version", lambda spark: (4, 0))
    scored = model.transform(df)
    assert scored.columns == df.columns + ["rawPrediction", "probability", "prediction"]
    assert [(r.probability, r.prediction) for r in scored.collect()] == reference


def test_progress_on_the_driver(df, capsys):
    small(numWorkers=2, epochs=3, verbose=1, validationFraction=0.2).fit(df)
    out = capsys.readouterr().out
    assert "Epoch 3/3" in out and "val_loss" in out and "rows/s" in out


# ---- rows on disk, and what workers send --------------------------------------------------------

def test_rows_on_disk_give_the_same_bits(df, model):
    disk = small(numWorkers=2, cache="disk", cacheMemory=1).fit(df)
    assert [w.tobytes() for w in disk.network.get_weights()] == [w.tobytes() for w in model.network.get_weights()]
    assert "cache='tape': expected 'memory', 'disk' or 'auto'" in raised("FS1004", lambda: small(cache="tape"))


def test_local_steps_and_compression(df, model, tmp_path):
    how = dict(numWorkers=2, localSteps=3, gradientCompression="threshold", compressionRatio=0.25, validationFraction=0.2, patience=20, checkpointDir=str(tmp_path))
    fitted, again = small(**how).fit(df), small(**how, resume="never").fit(df)
    assert [w.tobytes() for w in fitted.network.get_weights()] == [w.tobytes() for w in again.network.get_weights()]
    assert fitted.summary.history["loss"][-1] < fitted.summary.history["loss"][0]
    assert 0 < fitted.summary.bytesSent < model.summary.bytesSent
    best = fire.load(str(sorted(tmp_path.glob("attempt-*/best.onnx"))[0]))  # the model that fit returned
    assert [w.tobytes() for w in best.get_weights()] == [w.tobytes() for w in fitted.network.get_weights()]
    raised("FS1004", lambda: small(gradientCompression="zip"))
    raised("FS1004", lambda: small(compressionRatio=0))
    raised("FS1004", lambda: small(localSteps=0))
