"""many_models [trials] - a search for a good network, and a network for each hour of the day, all of them at once on local Spark.

Higgs: is a collision of the kind that is looked for? Random learning rates and shapes, the better ones train on (successive halving), the best is trained
on all rows and judged by a report on rows that it has not seen. ETTh1: the oil temperature of a transformer from its loads, by one network for each hour of the
day and month of the year, against one network for all of them, on the last months.
"""
import os
import sys
from pathlib import Path

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

import firesteel as fire
from firesteel.spark import NNClassifier, NNRegressor, evaluation, fit_groups, tune

os.environ.setdefault("PYSPARK_PYTHON", sys.executable)  # workers run the same Python

DATA = Path(__file__).resolve().parent / "data"


def search(spark: SparkSession, trials: int) -> evaluation.ClassificationReport:
    """The report of the best of so many networks."""
    table = spark.read.csv(str(DATA / "higgs" / "binary.train"), sep="\t", inferSchema=True).withColumnRenamed("_c0", "label")
    features = [c for c in table.columns if c != "label"]
    train, test = table.randomSplit([0.8, 0.2], seed=1)

    def build(units: int, depth: int, rate: float) -> fire.Sequential:
        layers = fire.layers
        return fire.Sequential([layers.Normalization(), *(layer for _ in range(depth) for layer in (layers.Dense(units, "relu"), layers.Dropout(rate))), layers.Dense(2, "softmax")])

    space = {"learningRate": tune.loguniform(3e-4, 3e-2), "units": tune.integers(8, 64), "depth": [1, 2], "rate": tune.uniform(0.0, 0.5), "batchSize": [32, 64, 128]}
    tuner = tune.Tuner(NNClassifier(featuresCol=features, epochs=9, seed=1, verbose=0), space, build=build, method="halving", trials=trials, metric="val_loss", seed=1)
    found = tuner.fit(train)
    found.trials.orderBy("metric").select("trial", "state", "params", F.round("metric", 4).alias("val_loss"), "epochs", F.round("seconds", 2).alias("seconds")).show(5, truncate=False)
    return evaluation.classification(found.transform(test), names=["background", "signal"])


def by_hour(spark: SparkSession) -> dict[str, float]:
    """Mean absolute errors in degrees on the last quarter of two years."""
    table = spark.read.csv(str(DATA / "etth1" / "ETTh1.csv"), header=True, inferSchema=True)
    loads = ["HUFL", "HULL", "MUFL", "MULL", "LUFL", "LULL"]
    table = table.withColumn("hour", F.hour("date")).withColumn("season", F.floor((F.month("date") % 12) / 3))
    train, test = table.where("date < '2018-01-01'"), table.where("date >= '2018-01-01'")
    net = fire.Sequential([fire.layers.Normalization(), fire.layers.Dense(8, "relu"), fire.layers.Dense(1)])
    regressor = NNRegressor(net=net, featuresCol=loads, labelCol="OT", loss="mean_absolute_error", learningRate=0.03, epochs=20, batchSize=32, seed=1, verbose=0)
    models = fit_groups(train.groupBy("hour", "season"), regressor)
    models.models.orderBy("loss").select("hour", "season", "rows", F.round("loss", 2).alias("loss"), "error").show(3)
    return {"one network for each hour and season": evaluation.regression(models.transform(test), labelCol="OT").metric("mae"),
            "one network": evaluation.regression(regressor.setEpochs(3).fit(train).transform(test), labelCol="OT").metric("mae")}


def main(trials: int) -> None:
    """Print both."""
    spark = SparkSession.builder.master("local[2]").appName("many models").config("spark.ui.enabled", "false").config("spark.sql.shuffle.partitions", "4").getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")
    print(search(spark, trials))
    for name, error in by_hour(spark).items():
        print(f"{name:40} {error:.2f} degrees")
    spark.stop()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 9)
