"""Nets with several inputs and outputs, columns of words, functions over batches; in one Spark application."""
import json

import numpy as np
import pytest

import firesteel as fire
from bed import raised
from firesteel.spark import NNClassifier, NNClassifierModel, NNEstimator, NNEstimatorModel, NNRegressor
from firesteel.spark.triggers import EveryEpoch, MaxScore

CITIES = ["Berlin", "Paris", None, "Rome", "Oslo", "", "Rome"]

SESSION = {"master": "local[2]"}


@pytest.fixture(scope="module")
def df(spark):
    """What a click and an amount hang on: a word, a number of a device, two numbers and a list."""
    rng, rows = np.random.default_rng(0), []
    for i in range(210):
        city, device, (a, b) = CITIES[i % 7], int(rng.integers(0, 5)), map(float, rng.normal(size=2))
        base = {"Berlin": 1.5, "Paris": -1.5, "Rome": 0.5, "Oslo": -0.5}.get(city, 0.0)
        rows.append((city, device * 10, a, b, [a, b, a * b], float(base + a - 0.03 * device > 0), float(2 * a + base)))
    return spark.createDataFrame(rows, "city string, device int, a double, b double, list array<double>, click double, amount double").cache()


def two_outputs(cities=6):
    layers = fire.layers
    wide, city, deep = fire.Input((2,), name="wide"), fire.Input((1,), name="city"), fire.Input((3,), name="deep")
    hidden = layers.Dense(8, activation="relu", name="hidden")(layers.Concatenate()([deep, layers.Flatten()(layers.Embedding(cities, 3)(city))]))
    return fire.Model([wide, city, deep], [layers.Dense(1, activation="sigmoid", name="click")(layers.Concatenate()([hidden, wide])), layers.Dense(1, name="amount")(hidden)])


def estimator(**params):
    return NNEstimator(**{**dict(
        net=two_outputs(), inputCols={"wide": ["a", "b"], "city": "city", "deep": "list"}, labelCols={"click": "click", "amount": "amount"}, categoricalCols=["city"],
        loss={"click": "binary_crossentropy", "amount": "mse"}, lossWeights={"amount": 0.1}, optimizer={"": "adam", "hidden": fire.optimizers.SGD(0.05)},
        epochs=2, numWorkers=2, seed=1, verbose=0), **params})


@pytest.fixture(scope="module")
def model(df):
    return estimator().fit(df)


def local(df):
    rows = df.collect()
    return {name: [r[name] for r in rows] for name in df.columns}


def test_several_inputs_and_outputs(df, model):
    scored = model.transform(df)
    assert scored.columns == [*df.columns, "prediction_click", "prediction_amount"]
    assert {"loss", "click_loss", "amount_loss"} <= set(model.summary.history)
    net, columns = model.network, local(scored)
    assert net.lookups["city"].get_vocabulary() == ["", "[UNK]", "Rome", "Paris", "Oslo", "Berlin"]  # the most frequent first, then the last in the alphabet
    assert net._net.info()["optimizer"] == "Adam\nSGD learning_rate=0.05 layers=hidden"
    click, amount = net.predict({name: columns[name] for name in ("a", "b", "city", "list")}, verbose=0)
    assert np.array(columns["prediction_click"], np.float32).tobytes() == click.tobytes()
    assert np.array(columns["prediction_amount"], np.float32).tobytes() == amount.tobytes()
    # The same training in plain Python, from indices: the same network in, the same losses out.
    assert json.loads(net._net.note("columns")) == {"features": ["a", "b", "city", "list"], "label": ["click", "amount"]}


def test_words_that_training_never_saw(spark, model):
    table = spark.createDataFrame([("Atlantis", 1.0, 1.0, [1.0, 1.0, 1.0]), ("Babylon", 1.0, 1.0, [1.0, 1.0, 1.0]), (None, 1.0, 1.0, [1.0, 1.0, 1.0]),
                                   ("", 1.0, 1.0, [1.0, 1.0, 1.0]), ("Rome", 1.0, 1.0, [1.0, 1.0, 1.0])], "city string, a double, b double, list array<double>")
    for invalid in ("error", "skip"):
        found = [r.prediction_click for r in model.copy({model.handleInvalid: invalid}).transform(table).collect()]
        assert len(found) == 5 and found[0] == found[1] and found[2] == found[3] and len(set(found)) == 3


def test_saved_and_loaded_alone_and_in_a_pipeline(df, model, tmp_path):
    from pyspark.ml import Pipeline, PipelineModel

    columns = ["prediction_click", "prediction_amount"]
    expected = model.transform(df).select(columns).collect()
    PipelineModel([model]).write().overwrite().save(str(tmp_path / "model"))
    assert PipelineModel.load(str(tmp_path / "model")).transform(df).select(columns).collect() == expected
    Pipeline(stages=[estimator(outputCols={"click": "p", "amount": ""})]).write().overwrite().save(str(tmp_path / "pipeline"))
    again = Pipeline.load(str(tmp_path / "pipeline")).getStages()[0]
    assert isinstance(again, NNEstimator) and again.getInputCols() == {"wide": ["a", "b"], "city": ["city"], "deep": ["list"]}
    fitted = again.fit(df)
    assert isinstance(fitted, NNEstimatorModel) and fitted.transform(df).columns == [*df.columns, "p"]
    assert [r.p for r in fitted.transform(df).select("p").collect()] == [r.prediction_click for r in expected]


def test_classifier_with_embeddings_of_its_own(df, tmp_path):
    made = NNClassifier(featuresCol=["a", "b"], labelCol="click", categoricalCols=["city", "device"], hiddenLayers=[8], epochs=12, learningRate=0.03, numWorkers=2, seed=1, verbose=0,
                        maxVocabulary=6, embeddingSize=3).fit(df)
    rows = made.transform(df).select("*").collect()
    assert np.mean([r.click == r.prediction for r in rows]) > 0.9
    assert made.network.get_layer("city_embedding").get_weights()[0].shape == (6, 3)
    assert len(made.network.lookups["device"].get_vocabulary()) == 6  # one of five devices found no room
    first = rows[0]
    assert made.predict(first) == made.predict(first.asDict()) == first.prediction and made.predictProbability(first).toArray().tobytes() == first.probability.toArray().tobytes()
    made.write().save(str(tmp_path / "m"))
    assert NNClassifierModel.load(str(tmp_path / "m")).predict({"a": first.a, "b": first.b, "city": first.city, "device": first.device}) == first.prediction
    alone = NNClassifier(labelCol="click", categoricalCols=["city"], hiddenLayers=[], epochs=1, seed=1, verbose=0, minFrequency=31).fit(df)
    assert alone.network.lookups["city"].get_vocabulary() == ["", "[UNK]", "Rome"] and alone.transform(df).count() == 210


def test_classifier_and_regressor_of_several_outputs(df):
    layers = fire.layers
    x = fire.Input((2,), name="x")
    net = fire.Model(x, [layers.Dense(2, activation="softmax", name="two")(x), layers.Dense(1, activation="sigmoid", name="one")(x)])
    scored = NNClassifier(net=net, featuresCol=["a", "b"], labelCols={"two": "click", "one": "click"}, epochs=1, seed=1, verbose=0).fit(df).transform(df)
    assert scored.columns[len(df.columns):] == ["probability_two", "prediction_two", "probability_one", "prediction_one"]
    row = scored.first()
    assert len(row.probability_two) == len(row.probability_one) == 2 and row.prediction_two == np.argmax(row.probability_two)
    net = fire.Model(x, [layers.Dense(1, name="u")(x), layers.Dense(2, name="v")(x)])
    scored = NNRegressor(net=net, featuresCol=["a", "b"], labelCols={"u": "amount", "v": ["a", "amount"]}, epochs=1, seed=1, verbose=0)
    assert "both labels" not in raised("FS2001", lambda: scored.fit(df))  # a is a feature
    scored = scored.setLabelCols({"u": "amount", "v": ["click", "amount"]}).fit(df).transform(df)
    assert len(scored.first().prediction_v) == 2 and isinstance(scored.first().prediction_u, float)
    assert "no validation rows" in raised("FS1001", lambda: NNRegressor(endWhen=MaxScore(0.5)).fit(df))
    assert "no validation rows" in raised("FS1001", lambda: NNRegressor(validationTrigger=EveryEpoch()).fit(df))
    assert "set checkpointDir" in raised("FS1001", lambda: NNRegressor(checkpointTrigger=EveryEpoch()).fit(df))
    # Labels that are features: an autoencoder, which NNEstimator takes.
    net = fire.Sequential([fire.Input((3,)), layers.Dense(3)])
    same = NNEstimator(net=net, featuresCol="list", labelCol="list", loss="mse", epochs=20, learningRate=0.05, seed=1, verbose=0).fit(df)
    assert same.summary.history["loss"][-1] < 0.01 < same.summary.history["loss"][0]


def test_functions_over_batches(df, tmp_path):
    calls = []

    def features(batch):
        calls.append(batch.num_rows)
        assert batch.schema.names == ["city", "a", "b"]
        city = np.array([len(v or "") for v in batch.column("city").to_pylist()], np.float32)
        return {"size": city, "pair": np.column_stack([np.asarray(batch.column(n)) for n in "ab"])}

    layers = fire.layers
    size, pair = fire.Input((1,), name="size"), fire.Input((2,), name="pair")
    net = fire.Model([size, pair], layers.Dense(1, name="y")(layers.Concatenate()([size, pair])))
    both = NNEstimator(net=net, loss="mse", featuresCol=["city", "a", "b"], labelCol="amount", featurePreprocessing=features,
                       labelPreprocessing=lambda batch: np.asarray(batch.column(0)) / 2, epochs=2, seed=1, verbose=0)
    made = both.fit(df)
    assert not calls  # never here
    scored = made.transform(df).collect()
    x = np.array([[len(r.city or ""), r.a, r.b] for r in scored], np.float32)
    assert np.array([r.prediction for r in scored], np.float32).tobytes() == made.network.predict(x, verbose=0).tobytes()
    # Not saved; what to set again is told by name.
    made.write().save(str(tmp_path / "m"))
    again = NNEstimatorModel.load(str(tmp_path / "m"))
    assert "test_functions_over_batches.<locals>.features" in raised("FS1006", lambda: again.transform(df))
    assert again.setFeaturePreprocessing(features).transform(df).collect() == scored
    for function, said in ((lambda batch: np.zeros((3, 1)), "one ndarray"), (lambda batch: {"size": np.zeros(batch.num_rows)}, "nothing for 'pair'"),
                           (lambda batch: {"size": np.zeros(batch.num_rows), "pair": np.zeros((batch.num_rows, 3))}, "3 numbers per row; the network takes 2"),
                           (lambda batch: 1 / 0, "raised ZeroDivisionError")):
        message = str(pytest.raises(fire.FiresteelError, both.copy({both.featurePreprocessing: function}).fit, df).value)
        assert said in message and "featurePreprocessing" in message and len(message.splitlines()) <= 12, message


@pytest.mark.parametrize("changes, code, said", [
    (dict(inputCols={"wde": ["a", "b"], "city": "city", "deep": "list"}), "FS1003", "did you mean wide"),
    (dict(inputCols={"wide": ["a", "b"], "city": "city"}), "FS1001", "the input 'deep'"),
    (dict(inputCols={"wide": ["a"], "city": "city", "deep": "list"}), "FS1002", "input 'wide' of net takes 2 numbers"),
    (dict(inputCols={"wide": ["a", "bb"], "city": "city", "deep": "list"}), "FS2001", "inputCols['wide']='bb'"),
    (dict(inputCols={"wide": ["a", "b"], "city": "device", "deep": "list"}), "FS2001", "categoricalCols: 'city' goes into no input"),
    (dict(categoricalCols=[]), "FS2002", "'city' is string"),
    (dict(categoricalCols=["city", "a"]), "FS2002", "categoricalCols: 'a' is double"),
    (dict(labelCols={"click": "click"}), "FS1001", "no columns for the output 'amount'"),
    (dict(labelCols={"click": "click", "amount": ["amount", "device"]}), "FS1002", "output 'amount'"),
    (dict(loss={"click": "mse", "amont": "mse"}), "FS1003", "did you mean amount"),
    (dict(loss={"click": "mse"}), "FS1007", "no loss for the output 'amount'"),
    (dict(lossWeights=[1.0]), "FS1001", "lossWeights has 1"),
    (dict(outputCols={"klick": "p"}), "FS1003", "outputCols"),
    (dict(outputCols={"click": "p", "amount": "p"}), "FS2001", "p"),
    (dict(optimizer={"": "adam", "hiden": "sgd"}), "FS1003", "hidden"),
    (dict(net=two_outputs(cities=5)), "FS1002", "input_dim=5, but 'city' has 6"),
    (dict(featuresCol=["a"]), "FS1001", "choose one way"),
    (dict(featurePreprocessing=len), "FS1005", "featurePreprocessing and categoricalCols"),
], ids=lambda v: "-".join(v) if isinstance(v, dict) else None)
def test_what_is_wrong_is_told_on_the_driver(df, changes, code, said):
    assert said in raised(code, lambda: estimator(**changes).fit(df).transform(df))


def test_examples(spark, monkeypatch):
    from pathlib import Path

    monkeypatch.syspath_prepend(str(Path(__file__).resolve().parents[2] / "examples"))
    import recommender
    import wide_and_deep

    assert wide_and_deep.main(1, spark) > 0.6
    areas = recommender.main(1, spark)
    assert areas["two towers"] > areas["popularity"] > 0.6
