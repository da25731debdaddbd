"""local[2]: evaluations of tables are those of their rows, in one job; NNEvaluator and Spark's own evaluators agree."""
import numpy as np
import pytest

import firesteel as fire
from bed import flower_table, raised, small
from firesteel import evaluation as local
from firesteel.spark import NNEvaluator, evaluation

SESSION = {"master": "local[2]"}


@pytest.fixture(scope="module")
def scored(spark):
    from pyspark.sql import functions as F

    df = flower_table(spark)
    table = small(numWorkers=1, epochs=2).fit(df).transform(df.repartition(3)).withColumn("w", F.monotonically_increasing_id() % 3 + 0.5)
    return table.withColumn("tags", F.array((F.col("label") == 0).cast("int"), (F.col("label") > 0).cast("int"))) \
        .withColumn("guess", F.array((F.col("prediction") == 0).cast("int"), (F.col("prediction") > 0).cast("int"))).cache()


def test_one_job_gives_what_the_rows_give(spark, scored):
    rows = scored.collect()
    y, guess, w = (np.array([r[n] for r in rows]) for n in ("label", "prediction", "w"))
    p = np.array([r.probability.toArray() for r in rows])
    tracker = spark.sparkContext.statusTracker()
    before = len(tracker.getJobIdsForGroup(None))
    report = evaluation.classification(scored, weightCol="w", names=["x", "y", "z"])
    assert len(tracker.getJobIdsForGroup(None)) - before <= 2  # one query; Spark may run its shuffle as a job of its own
    expected = local.classification(y, guess, p, w)
    assert report.metrics() == pytest.approx(expected.metrics(), rel=1e-9) and (report.confusion == expected.confusion).all() and report.classes == ["x", "y", "z"]
    assert report.roc(2).area == pytest.approx(expected.roc(2).area) and report.roc(2).error == 0
    hard = evaluation.classification(scored, probabilityCol=None)
    assert hard.metric("accuracy") == np.mean(y == guess) and "auc" not in hard.metrics()
    labels = evaluation.multilabel(scored, labelCol="tags", predictionCol="guess", probabilityCol=None)
    assert labels.metric("subset_accuracy") == np.mean((y == 0) == (guess == 0))
    numbers = evaluation.regression(scored, labelCol="a", predictionCol="b", weightCol="w")
    assert numbers.metrics() == pytest.approx(local.regression([r.a for r in rows], [r.b for r in rows], w).metrics(), rel=1e-9)


def test_evaluators(scored, tmp_path):
    from pyspark.ml.evaluation import BinaryClassificationEvaluator, MulticlassClassificationEvaluator, RegressionEvaluator

    for ours, theirs in (("accuracy", "accuracy"), ("f1", "f1"), ("log_loss", "logLoss")):
        mine, spark = NNEvaluator(metricName=ours), MulticlassClassificationEvaluator(metricName=theirs)
        assert mine.evaluate(scored) == pytest.approx(spark.evaluate(scored)) and mine.isLargerBetter() == spark.isLargerBetter()
    for name, weight in (("rmse", "w"), ("r2", None)):  # Spark's r2 of weighted rows divides by another variance
        given = dict(metricName=name, labelCol="a", predictionCol="b", **({"weightCol": weight} if weight else {}))
        mine, spark = NNEvaluator(**given), RegressionEvaluator(**given)
        assert mine.evaluate(scored) == pytest.approx(spark.evaluate(scored)) and mine.isLargerBetter() == spark.isLargerBetter()
    two = scored.where("label < 2").selectExpr("label", "a AS rawPrediction", "1 / (1 + exp(-a)) AS probability")
    assert NNEvaluator(metricName="auc").evaluate(two) == pytest.approx(BinaryClassificationEvaluator(numBins=0).evaluate(two))
    assert NNEvaluator(metricName="micro_f1", labelCol="tags", predictionCol="guess", probabilityCol="none").getMetricName() == "micro_f1"
    path = str(tmp_path / "e")
    NNEvaluator(metricName="auc", labelCol="y").write().overwrite().save(path)
    assert NNEvaluator.load(path).getMetricName() == "auc" and NNEvaluator.load(path).getLabelCol() == "y"
    assert "'auc'" in raised("FS1004", lambda: NNEvaluator(metricName="auk"))


def test_errors_name_column_and_remedy(scored):
    from pyspark.sql import functions as F

    assert "did you mean label" in raised("FS2001", lambda: evaluation.classification(scored, labelCol="lable"))
    assert "multilabel" in raised("FS2002", lambda: evaluation.classification(scored, labelCol="tags"))
    raised("FS2002", lambda: evaluation.multilabel(scored))
    raised("FS2001", lambda: evaluation.classification(scored, probabilityCol="p"))
    raised("FS1004", lambda: evaluation.classification(scored, bins=0))
    raised("FS2007", lambda: evaluation.classification(scored.where("a > 1e9")))
    holed = scored.withColumn("label", F.when(F.col("a") > 0, None).otherwise(F.col("label")))
    assert "'label' holds a null" in raised("FS2003", lambda: evaluation.classification(holed))
    assert evaluation.classification(holed, handleInvalid="skip").rows == scored.where("a <= 0").count()
    assert "0 to 2" in raised("FS2006", lambda: evaluation.classification(scored.withColumn("label", F.lit(7))))
