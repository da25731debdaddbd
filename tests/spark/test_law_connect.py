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
