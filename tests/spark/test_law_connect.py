"""The law of spark.ml through Connect: every exported class, saved and loaded, in a Pipeline; the perceptron's summary; numWorkers="auto"."""

import law
from firesteel.spark import MultilayerPerceptronClassificationModel

SESSION = {"remote": "local[2]"}


def test_every_class(spark, tmp_path):
    df, models = law.check_all(spark, f"{tmp_path}/law")
    for model in models:
        again = law.check_saved(model, f"file:{tmp_path}/{model.uid}")
        assert law.check_scores(again, df) == law.check_scores(model, df) and not again.hasSummary
    perceptron = next(m for m in models if isinstance(m, MultilayerPerceptronClassificationModel))
    summary = perceptron.summary()
    assert summary.totalIterations == 1 == len(summary.objectiveHistory) - 1 and summary.accuracy == perceptron.evaluate(df).accuracy
    assert summary.labels == [0.0, 1.0] and summary.predictions.count() == 24 and len(summary.recallByLabel) == 2


def test_in_a_pipeline_on_another_file_system(spark, tmp_path):
    spark.conf.set("fs.viewfs.mounttable.law.link./data", f"file://{tmp_path}")
    law.check_pipeline(law.table(spark), [law.made(c) for c in law.exported(law.front.estimators.Estimator) if c.__name__ in ("NNRegressor", "MultilayerPerceptronClassifier")]
                       + [law.made(law.front.ModelTransformer)], "viewfs://law/data")


def test_auto_workers_are_what_the_settings_tell(spark):
    from firesteel.spark import session

    assert session.workers(spark, "auto") == 2 and session.workers(spark, 3) == 3
    assert len(spark.getTags()) == 0


def test_searches_groups_and_cross_validation(spark, tmp_path):
    from pyspark.ml.tuning import CrossValidator, ParamGridBuilder

    from firesteel.spark import GroupsModel, NNClassifier, NNEvaluator, Tuner, TunerModel, fit_groups

    df, estimator = law.table(spark), NNClassifier(**law.FAST, featuresCol=list("abc"), numWorkers=1)
    found = Tuner(estimator, {"learningRate": [0.001, 0.1, -1.0]}, method="grid", evaluator=NNEvaluator(metricName="log_loss"), verbose=0).fit(df)
    assert [r.state for r in found.trials.collect()] == ["done", "done", "failed"] and found.bestMetric == min(found.avgMetrics[:2])
    found.write().overwrite().save(f"{tmp_path}/t")
    assert TunerModel.load(f"{tmp_path}/t").transform(df).collect() == found.transform(df).collect()
    grid = ParamGridBuilder().addGrid(estimator.learningRate, [0.001, 0.1]).build()
    crossed = CrossValidator(estimator=estimator, estimatorParamMaps=grid, evaluator=NNEvaluator(metricName="log_loss"), numFolds=2, parallelism=2, seed=1).fit(df)
    assert len(crossed.avgMetrics) == 2 and crossed.bestModel.transform(df).count() == 24
    models = fit_groups(df.withColumn("half", df.id % 2).groupBy("half"), estimator, verbose=0)
    models.write().overwrite().save(f"{tmp_path}/g")
    scored = GroupsModel.load(f"{tmp_path}/g").transform(df.withColumn("half", df.id % 3)).collect()
    assert (models.trained, len(scored)) == (2, 24) and all((r.prediction is None) == (r.half == 2) for r in scored)
