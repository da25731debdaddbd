"""The law of spark.ml, checked on every class that firesteel.spark exports: Params, copy, persistence, uids, schemas, Pipelines. For classic
Spark and Connect alike; a class that is exported later is checked as well."""
import inspect

import numpy as np

import firesteel as fire
from firesteel import spark as front

FAST = dict(epochs=1, batchSize=32, hiddenLayers=[4], learningRate=0.02, verbose=0, seed=2)


def table(spark):
    """Twelve rows for each of two classes."""
    from pyspark.ml.linalg import Vectors

    x = np.random.default_rng(1).normal(size=(24, 3))
    rows = [(int(i), Vectors.dense(r), *map(float, r), float(i % 2)) for i, r in enumerate(x)]
    return spark.createDataFrame(rows, ["id", "features", "a", "b", "c", "label"]).coalesce(1).cache()


def network():
    net = fire.Sequential([fire.layers.Dense(2, "tanh"), fire.layers.Dense(1)])
    net.build((None, 3))
    return net


# What classes need in order to be made and, estimators, to fit table() quickly. Others are made of nothing.
MADE = {
    "NNClassifier": lambda c: c(**FAST), "NNRegressor": lambda c: c(**FAST), "NNEstimator": lambda c: c(**{**{k: v for k, v in FAST.items() if k != "hiddenLayers"}, "net": network(), "loss": "mean_squared_error"}),
    "MultilayerPerceptronClassifier": lambda c: c(layers=[3, 2, 2], maxIter=1, seed=1, numWorkers=1),
    "MultilayerPerceptronRegressor": lambda c: c(layers=[3, 2, 1], maxIter=1, seed=1, numWorkers=1),
    "ModelTransformer": lambda c: c(network(), inputCols="features", outputCols="y"),
}
FITTED = ("NNClassifier", "NNRegressor", "NNEstimator", "MultilayerPerceptronClassifier", "MultilayerPerceptronRegressor")


def exported(kind):
    """Exported classes of that kind of pyspark.ml's."""
    found = [getattr(front, name) for name in front.__all__]
    return [c for c in found if inspect.isclass(c) and issubclass(c, kind) and not inspect.isabstract(c)]


def made(cls):
    return MADE.get(cls.__name__, lambda c: c())(cls)


def params_of(stage):
    return {p.name: repr(stage.getOrDefault(p)) for p in stage.params if stage.isDefined(p)}


def check_params(stage):
    """explainParams, defaults, getters, copy: a copy is another object with the same uid and Params, and what is done to it does not reach the first."""
    text = stage.explainParams()
    for p in stage.params:
        assert p.parent == stage.uid and p.doc and p.name in text, p.name
        getter = getattr(stage, "get" + p.name[0].upper() + p.name[1:], None)
        assert getter is not None or p.name in ("thresholds",), f"{type(stage).__name__} has no getter of {p.name}"
        if stage.isDefined(p) and getter is not None:
            getter()
    before = params_of(stage)
    twin = stage.copy()
    assert type(twin) is type(stage) and twin is not stage and twin.uid == stage.uid and params_of(twin) == before
    name = next(n for n in ("predictionCol", "outputCols", "metricName", "labelCol", "seed") if stage.hasParam(n))
    other = {"metricName": "rmse", "seed": 77}.get(name, "another")
    changed = stage.copy({stage.getParam(name): other})
    assert changed.getOrDefault(name) != stage.getOrDefault(name) and params_of(stage) == before
    assert stage.extractParamMap({stage.getParam(name): other})[stage.getParam(name)] == other
    assert not stage.hasParam("nonsense")


def check_saved(stage, path):
    stage.write().overwrite().save(path)
    again = type(stage).load(path)
    assert type(again) is type(stage) and again.uid == stage.uid and params_of(again) == params_of(stage)
    return again


def check_scores(model, df):
    """New columns come last, others stay, and an empty table has the same schema."""
    scored = model.transform(df)
    kept = [(f.name, f.dataType) for f in df.schema.fields]
    assert [(f.name, f.dataType) for f in scored.schema.fields][:len(kept)] == kept and len(scored.columns) > len(kept)
    rows = scored.orderBy("id").collect()
    assert len(rows) == 24 and all(v is not None for v in rows[0])
    empty = model.transform(df.where("id < 0"))
    assert empty.schema == scored.schema and empty.count() == 0
    return [tuple(map(repr, r)) for r in rows]


def check_all(spark, folder):
    """Every exported class; gives the fitted models."""
    from pyspark.ml.base import Estimator, Model, Transformer
    from pyspark.ml.evaluation import Evaluator

    df = table(spark)
    estimators, transformers = exported(Estimator), exported(Transformer)
    assert set(FITTED) <= {c.__name__ for c in estimators} and len(transformers) >= 5
    for cls in [*estimators, *exported(Evaluator), *[c for c in transformers if not issubclass(c, Model)]]:
        stage = made(cls)
        check_params(stage)
        if cls.__name__ in MADE or issubclass(cls, Evaluator):
            check_saved(stage, f"{folder}/{cls.__name__}")
    models = []
    for cls in [c for c in estimators if c.__name__ in FITTED]:
        before = params_of(estimator := made(cls))
        model = estimator.fit(df)
        assert model.uid == estimator.uid and type(model).__name__ in front.__all__
        assert params_of(estimator) == before and model.hasSummary
        assert all(params_of(model)[p.name] == before[p.name] for p in estimator.params if model.hasParam(p.name) and p.name in before)
        check_params(model)
        models.append(model)
    return df, models


def check_pipeline(df, stages, folder):
    """All of them in one Pipeline, saved and loaded inside PipelineModel."""
    from pyspark.ml import Pipeline, PipelineModel
    from pyspark.ml.feature import VectorAssembler

    for i, stage in enumerate(stages):
        for name in ("predictionCol", "probabilityCol", "rawPredictionCol"):
            if stage.hasParam(name) and stage.getOrDefault(name):
                stage._set(**{name: f"{name}{i}"})
        stage._set(**{"inputCols" if isinstance(stage, front.ModelTransformer) else "featuresCol": "v"})
    pipeline = Pipeline(stages=[VectorAssembler(inputCols=list("abc"), outputCol="v"), *stages])
    pipeline.write().overwrite().save(f"{folder}/pipeline")
    assert [s.uid for s in Pipeline.load(f"{folder}/pipeline").getStages()] == [s.uid for s in pipeline.getStages()]
    fitted = pipeline.fit(df)
    fitted.write().overwrite().save(f"{folder}/fitted")
    again = PipelineModel.load(f"{folder}/fitted")
    assert [s.uid for s in again.stages] == [s.uid for s in fitted.stages]
    assert check_scores(again, df) == check_scores(fitted, df)
    return again
