"""MLlib's perceptron by its own name: pyspark's doctest, Spark's own class as judge of numbers, files that Spark saved."""
import doctest

import numpy as np
import pytest
from pyspark.ml import classification as mllib
from pyspark.ml.linalg import DenseVector, Vectors

from bed import flower_rows, make_session
from firesteel.errors import FiresteelError
from firesteel.spark import MultilayerPerceptronClassificationModel, MultilayerPerceptronClassifier

LAYERS = [4, 5, 3]


@pytest.fixture(scope="module")
def spark():
    session = make_session("local[2]")
    yield session
    session.stop()


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
    test.examples = [e for e in test.examples if "predictRaw" not in e.source]  # its numbers hang on Spark's random generator
    for e in test.examples:
        e.want = e.want.replace("+\n...\n", "+\n")  # doctest wants something in place of these dots, and Spark's own class fails there
    told = []
    failed, _ = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE).run(test, out=told.append)
    assert not failed, "".join(told)


def test_the_optimum_is_that_of_spark(df):
    a, b = theirs(maxIter=400, tol=1e-12).fit(df), ours(maxIter=400, tol=1e-12).fit(df)
    assert loss(b, df) <= loss(a, df) * 1.01 + 1e-4
    history = b.summary().objectiveHistory
    assert b.summary().totalIterations == len(history) <= 400 and all(late <= early for early, late in zip(history, history[1:]))
    assert min(history) == pytest.approx(loss(b, df), rel=1e-9)


def test_gradient_descent_takes_the_steps_of_spark(df):
    for n in (1, 7):
        a, b = (make(maxIter=n, tol=0.0, solver="gd", stepSize=0.1).fit(df) for make in (theirs, ours))
        assert np.abs(a.weights.toArray() - b.weights.toArray()).max() < 1e-12


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
    assert ours(maxIter=0).fit(df).weights == start()
    a, b = (MultilayerPerceptronClassifier(layers=LAYERS, seed=s, maxIter=0).fit(df).weights.toArray() for s in (-5, 6))
    assert (a != b).any() and np.abs(a[:25]).max() <= 2.4 / 4
    scored = two.setPredictionCol("p").setProbabilityCol("").setThresholds([1.0, 1e9, 1e9]).transform(df)
    assert "probability" not in scored.columns and {r.p for r in scored.select("p").collect()} == {0.0}
    two.write().overwrite().save(str(tmp_path / "mine"))
    again = MultilayerPerceptronClassificationModel.load(str(tmp_path / "mine"))
    assert again.weights == two.weights and again.getPredictionCol() == "p" and again.getThresholds() == [1.0, 1e9, 1e9]


def test_misuse(spark, df):
    with pytest.raises(TypeError):
        MultilayerPerceptronClassifier(layer=[1, 2])
    with pytest.raises(TypeError):
        ours().setMaxIter("many")
    for estimator, words in [(MultilayerPerceptronClassifier(), "layers=[]"),
                             (MultilayerPerceptronClassifier(layers=[4, 2]), "labelCol='label' holds 2"), (ours().setSolver("sgd"), "'l-bfgs' or 'gd'"),
                             (ours().setInitialWeights([1.0, 2.0]), "43 for layers"), (ours().setTol(-1.0), "tol=-1.0"), (ours().setLabelCol("labl"), "did you mean label"),
                             (ours().setNumWorkers(99), "numWorkers=99")]:
        with pytest.raises(FiresteelError) as e:
            estimator.fit(df)
        assert words in str(e.value)
    with pytest.raises(FiresteelError) as e:
        MultilayerPerceptronClassifier(layers=[3, 3]).fit(df)
    assert "4" in str(e.value) and "3" in str(e.value)
    with pytest.raises(TypeError):
        ours(maxIter=1).fit(df).evaluate(3)
