"""MLlib's perceptron by its own name: pyspark's doctest, Spark's own class as judge of numbers, files that Spark saved."""
import doctest
import inspect

import numpy as np
import pytest
from pyspark.errors import IllegalArgumentException, SparkRuntimeException
from pyspark.ml import classification as mllib
from pyspark.ml.linalg import DenseVector, Vectors

import firesteel.spark
from bed import flower_rows
from firesteel.errors import FiresteelError
from firesteel.spark import xorshift
from firesteel.spark import (MultilayerPerceptronClassificationModel, MultilayerPerceptronClassifier, MultilayerPerceptronRegressionModel,
                             MultilayerPerceptronRegressor)

LAYERS = [4, 5, 3]

SESSION = {"master": "local[2]"}


@pytest.fixture(scope="module")
def df(spark):
    x, y = flower_rows(noise=1.6)
    return spark.createDataFrame([(Vectors.dense(r), float(c)) for r, c in zip(x, y)], ["features", "label"]).coalesce(1).cache()


def start(seed=0):
    return DenseVector(np.random.default_rng(seed).normal(scale=0.5, size=5 * 5 + 6 * 3))


def theirs(**params):
    """Spark's class; with one partition and one block its objective is the mean over all rows, as ours."""
    return mllib.MultilayerPerceptronClassifier(layers=LAYERS, blockSize=1000, initialWeights=start(), **params)


def ours(**params):
    return MultilayerPerceptronClassifier(layers=LAYERS, initialWeights=start(), **params)


def loss(model, df):
    return float(np.mean([-np.log(r.probability[int(r.label)]) for r in model.transform(df).select("probability", "label").collect()]))


def test_doctest_of_pyspark(spark, tmp_path):
    text = mllib.MultilayerPerceptronClassifier.__doc__
    names = {"spark": spark, "temp_path": str(tmp_path), "MultilayerPerceptronClassifier": MultilayerPerceptronClassifier,
             "MultilayerPerceptronClassificationModel": MultilayerPerceptronClassificationModel}
    test = doctest.DocTestParser().get_doctest(text, names, "perceptron", None, None)
    assert len(test.examples) > 25
    for e in test.examples:
        e.want = e.want.replace("+\n...\n", "+\n")  # doctest wants something in place of these dots, and Spark's own class fails there
    told = []
    failed, _ = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE).run(test, out=told.append)
    assert not failed, "".join(told)


def test_the_path_and_the_optimum_are_those_of_spark(df):
    a, b = theirs(maxIter=30, tol=0.0).fit(df), ours(maxIter=30, tol=0.0).fit(df)
    history = b.summary().objectiveHistory
    assert history == pytest.approx(a.summary().objectiveHistory, rel=1e-8)  # much later, rounding decides which of several optima is next
    assert b.summary().totalIterations == len(history) - 1 == 30 and all(late <= early for early, late in zip(history, history[1:]))
    assert history[-1] == pytest.approx(loss(b, df), rel=1e-9)
    a, b = (module.MultilayerPerceptronClassifier(layers=[4, 3], seed=2, maxIter=200, tol=1e-9, blockSize=1000).fit(df) for module in (mllib, firesteel.spark))  # there is one optimum
    assert loss(b, df) == pytest.approx(loss(a, df), rel=1e-6) and b.summary().totalIterations < 200


def test_the_steps_of_spark(df):
    a, b = (make(maxIter=40, tol=0.05, solver="gd", stepSize=0.5).fit(df).summary() for make in (theirs, ours))
    assert b.totalIterations == a.totalIterations < 30 and b.objectiveHistory == pytest.approx(a.objectiveHistory, rel=1e-9)
    for n, solver in ((1, "gd"), (7, "gd")):
        a, b = (make(maxIter=n, tol=0.0, solver=solver, stepSize=0.1).fit(df) for make in (theirs, ours))
        assert np.abs(a.weights.toArray() - b.weights.toArray()).max() < 1e-10
        assert b.summary().objectiveHistory == pytest.approx(a.summary().objectiveHistory, rel=1e-10) and b.summary().totalIterations == a.summary().totalIterations == n
    for kind, summary in ((mllib.MultilayerPerceptronClassificationTrainingSummary, b.summary()), (mllib.MultilayerPerceptronClassificationSummary, b.evaluate(df))):
        assert isinstance(summary, kind)


def test_a_seed_draws_the_weights_of_spark(df):
    a, b = (module.MultilayerPerceptronClassifier(layers=[4, 7, 3], seed=-17, maxIter=1, solver="gd", stepSize=1e-300).fit(df).weights.toArray() for module in (mllib, firesteel.spark))
    assert np.abs(a - b).max() < 1e-15 and np.abs(b[:35]).max() <= 2.4 / 2
    one, many = xorshift.uniform(5, 3), xorshift.uniform(5, 1001)
    assert (one == many[:3]).all() and 0.45 < many.mean() < 0.55 and many.min() >= 0 and many.max() < 1


def test_models_and_estimators_that_spark_saved(df, tmp_path):
    theirs(maxIter=30).save(str(tmp_path / "estimator"))
    read = MultilayerPerceptronClassifier.load(str(tmp_path / "estimator"))
    assert read.getLayers() == LAYERS and read.getBlockSize() == 1000 and read.getMaxIter() == 30 and read.getInitialWeights() == start()
    there = theirs(maxIter=30).fit(df)
    there.save(str(tmp_path / "model"))
    here = MultilayerPerceptronClassificationModel.load(str(tmp_path / "model"))
    assert here.weights == there.weights and here.getLayers() == LAYERS and (here.numFeatures, here.numClasses) == (4, 3) and here.uid == there.uid
    for row in df.limit(5).collect():
        assert here.predict(row.features) == there.predict(row.features)
        assert np.allclose(here.predictRaw(row.features), there.predictRaw(row.features), rtol=1e-12, atol=1e-12)
        assert np.allclose(here.predictProbability(row.features), there.predictProbability(row.features), rtol=1e-12, atol=1e-12)
    a, b = there.evaluate(df), here.evaluate(df)
    assert a.labels == b.labels and a.accuracy < 1
    for name in ("accuracy", "weightedTruePositiveRate", "weightedFalsePositiveRate", "weightedRecall", "weightedPrecision"):
        assert getattr(b, name) == pytest.approx(getattr(a, name), rel=1e-12), name
    for name in ("truePositiveRateByLabel", "falsePositiveRateByLabel", "precisionByLabel", "recallByLabel"):
        assert getattr(b, name) == pytest.approx(getattr(a, name), rel=1e-12), name
    for beta in (1.0, 0.5):
        assert b.fMeasureByLabel(beta) == pytest.approx(a.fMeasureByLabel(beta)) and b.weightedFMeasure(beta) == pytest.approx(a.weightedFMeasure(beta))
    assert not here.hasSummary
    with pytest.raises(RuntimeError):
        here.summary()


def test_summary_workers_and_files(spark, df, tmp_path):
    one, two = (ours(maxIter=5, numWorkers=n).fit(df) for n in (1, 2))
    assert np.abs(one.weights.toArray() - two.weights.toArray()).max() < 1e-9
    same = ours(maxIter=5).setSeed(3).fit(df)
    assert same.weights == one.weights  # initialWeights come before seed
    assert one.hasSummary and one.summary().accuracy == one.evaluate(df).accuracy and one.summary().predictions.count() == df.count()
    untrained = ours(maxIter=0).fit(df)
    assert untrained.weights == start() and untrained.summary().totalIterations == 0 and untrained.summary().objectiveHistory == pytest.approx(one.summary().objectiveHistory[:1], rel=1e-12)
    scored = two.setPredictionCol("p").setProbabilityCol("").setThresholds([1.0, 1e9, 1e9]).transform(df)
    assert "probability" not in scored.columns and {r.p for r in scored.select("p").collect()} == {0.0}
    assert {two.predict(r.features) for r in scored.limit(9).collect()} != {0.0}  # as in Spark, where one row is predicted without thresholds
    assert scored.schema["p"].metadata == {"ml_attr": {"type": "nominal", "num_vals": 3}}
    two.write().overwrite().save(str(tmp_path / "mine"))
    again = MultilayerPerceptronClassificationModel.load(str(tmp_path / "mine"))
    assert again.weights == two.weights and again.getPredictionCol() == "p" and again.getThresholds() == [1.0, 1e9, 1e9]


def test_the_same_params_and_defaults(df):
    """Every Param, default, method and summary attribute of Spark's classes is there; what is ours comes on top."""
    mine, its = MultilayerPerceptronClassifier(), mllib.MultilayerPerceptronClassifier()
    model = ours(maxIter=1).fit(df)
    given = {p.name: its.getOrDefault(p) for p in its.params if its.hasDefault(p) and p.name != "seed"}
    assert {name: mine.getOrDefault(name) for name in given} == given and all(mine.hasParam(p.name) for p in its.params)
    assert all(not mine.isDefined(p.name) for p in its.params if not its.isDefined(p))
    assert {p.name for p in mine.params} - {p.name for p in its.params} == {"numWorkers", "weightCol", "regParam", "validationIndicatorCol", "dtype"}
    for our_class, their_class in [(MultilayerPerceptronClassifier, mllib.MultilayerPerceptronClassifier),
                                   (MultilayerPerceptronClassificationModel, mllib.MultilayerPerceptronClassificationModel),
                                   (model.evaluate(df), mllib.MultilayerPerceptronClassificationSummary),
                                   (model.summary(), mllib.MultilayerPerceptronClassificationTrainingSummary)]:
        # Not what only wraps Spark's own objects.
        wrappers = {n for n in dir(their_class) if n.startswith("_")} | {"save_impl"}
        assert not [n for n in dir(their_class) if n not in wrappers and not hasattr(our_class, n)], their_class
    for name in ("setParams", "__init__"):
        assert set(inspect.signature(getattr(type(its), name)).parameters) <= set(inspect.signature(getattr(type(mine), name)).parameters)


def test_beyond_spark(spark, df):
    """Weights count as so many rows, regularization makes weights small, validation rows end training, float32 computes in float32."""
    from pyspark.sql import functions as F

    twice = df.withColumn("w", F.when(F.col("label") == 1, 2.0).otherwise(1.0))
    doubled = df.unionAll(df.where("label = 1"))
    a, b = ours(maxIter=20, tol=0.0).setWeightCol("w").fit(twice), ours(maxIter=20, tol=0.0).fit(doubled)
    assert np.abs(a.weights.toArray() - b.weights.toArray()).max() < 1e-6
    free, held = (ours(maxIter=60, regParam=reg).fit(df) for reg in (0.0, 0.1))
    assert np.abs(held.weights.toArray()).max() < np.abs(free.weights.toArray()).max() / 2
    w = start().toArray()  # two matrices and two rows of biases
    squares = (w[:20] ** 2).sum() + (w[25:40] ** 2).sum()
    assert held.summary().objectiveHistory[0] - free.summary().objectiveHistory[0] == pytest.approx(0.05 * squares, rel=1e-12)
    marked = df.withColumn("v", F.monotonically_increasing_id() % 3 == 0)
    stopped = ours(maxIter=400, validationIndicatorCol="v").fit(marked)
    assert stopped.summary().totalIterations < 400
    single = ours(maxIter=20, dtype="float32").fit(df)
    assert single.network.get_weights()[0].dtype == np.float32 and np.abs(single.weights.toArray() - ours(maxIter=20).fit(df).weights.toArray()).max() < 0.1


def test_regression(spark, df, tmp_path):
    from pyspark.sql import functions as F
    from pyspark.ml.functions import vector_to_array

    table = df.select("features", (vector_to_array("features")[0] * 2 + F.sin(vector_to_array("features")[1])).alias("label")).cache()
    model = MultilayerPerceptronRegressor(layers=[4, 8, 1], maxIter=150, seed=4).fit(table)
    said = model.evaluate(table)
    rows = model.transform(table).collect()
    y, p = np.array([r.label for r in rows]), np.array([r.prediction for r in rows])
    assert said.r2 > 0.97 and said.r2 == pytest.approx(1 - np.mean((y - p) ** 2) / y.var()) and said.numInstances == 150
    assert said.meanSquaredError == pytest.approx(np.mean((y - p) ** 2)) and said.rootMeanSquaredError == pytest.approx(np.sqrt(np.mean((y - p) ** 2)))
    assert said.meanAbsoluteError == pytest.approx(np.abs(y - p).mean()) and said.explainedVariance == pytest.approx(np.mean((p - y.mean()) ** 2))
    assert model.summary().objectiveHistory[-1] < model.summary().objectiveHistory[0] and model.numFeatures == 4
    assert model.predict(rows[0].features) == pytest.approx(rows[0].prediction, rel=1e-12)
    model.write().overwrite().save(str(tmp_path / "m"))
    again = MultilayerPerceptronRegressionModel.load(str(tmp_path / "m"))
    assert again.weights == model.weights and not again.hasSummary and again.uid == model.uid
    several = MultilayerPerceptronRegressor(layers=[4, 6, 2], maxIter=20, labelCol="features", featuresCol="f").fit(
        df.select(F.col("features").alias("f"), F.array(F.lit(1.0), F.lit(2.0)).alias("features")))
    assert len(several.predict([0.0, 0.0, 0.0, 0.0])) == 2
    with pytest.raises(FiresteelError) as e:
        MultilayerPerceptronRegressor(layers=[4, 3]).fit(table)
    assert "one number per row" in str(e.value)


def test_misuse(spark, df):
    with pytest.raises(TypeError):
        MultilayerPerceptronClassifier(layer=[1, 2])
    with pytest.raises(TypeError):
        ours().setMaxIter("many")
    for estimator, words in [(MultilayerPerceptronClassifier(), "layers=[]"),
                             (MultilayerPerceptronClassifier(layers=[4, 2]), "labelCol='label' holds 2"), (ours().setSolver("sgd"), "'l-bfgs' or 'gd'"),
                             (ours().setInitialWeights([1.0, 2.0]), "43 for layers"), (ours().setTol(-1.0), "tol=-1.0"), (ours().setLabelCol("labl"), "did you mean label"),
                             (ours().setNumWorkers(99), "numWorkers=99"), (ours().setNumWorkers(0), "numWorkers=0"), (ours().setRegParam(-1.0), "regParam=-1.0"),
                             (ours().setDtype("int8"), "dtype='int8'"), (ours().setThresholds([0.5, 0.5]), "3 numbers"),
                             (ours().setBlockSize(0), "blockSize=0"), (ours().setStepSize(0.0), "stepSize=0.0"), (ours().setWeightCol("w"), "weightCol='w'")]:
        with pytest.raises(FiresteelError) as e:
            estimator.fit(df)
        assert words in str(e.value)
        assert isinstance(e.value, IllegalArgumentException) == (e.value.code != "FS4001")  # as Spark's own
        assert isinstance(e.value, SparkRuntimeException) == (e.value.code == "FS2006")
    with pytest.raises(FiresteelError) as e:
        MultilayerPerceptronClassifier(layers=[3, 3]).fit(df)
    assert "4" in str(e.value) and "3" in str(e.value)
    model = ours(maxIter=1).fit(df.withColumn("label", df.label.cast("decimal(4, 1)")))
    for wrong in (model.predict, model.predictRaw, model.predictProbability):
        with pytest.raises(IllegalArgumentException, match="2 numbers"):
            wrong(Vectors.dense(1.0, 2.0))
    with pytest.raises(IllegalArgumentException, match="label"):
        model.evaluate(df.drop("label"))
    with pytest.raises(TypeError):
        model.evaluate(3)
