"""transfer - transfer learning in the way of Deep Learning Pipelines: a network trained on some kinds of clothes sees others, on Spark.

Fashion-MNIST. A convolutional network learns the first five kinds here, in this process. On Spark, ModelTransformer then gives what its layer "features" sees
in pictures of the other five kinds, stored as raw bytes: 64 numbers each. A classifier without hidden layers learns these kinds from 200 pictures, and, to compare,
from the 784 pixels, which in pictures as plain as these tell as much. Last, the network becomes a function of SQL.
"""
import os
import sys
import tempfile
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.ml import Pipeline, PipelineModel
from pyspark.ml.evaluation import MulticlassClassificationEvaluator
from pyspark.sql import SparkSession

import firesteel as fire
from fashion import CLASSES, load
from firesteel.spark import ModelTransformer, NNClassifier, register_udf

os.environ.setdefault("PYSPARK_PYTHON", sys.executable)  # workers run the same Python

L = fire.layers
LABELLED, TESTED = 200, 2000


def first_five(pictures: np.ndarray, labels: np.ndarray) -> fire.Sequential:
    """A network that tells the first five kinds apart, with the pixels' bytes as its input."""
    net = fire.Sequential([fire.Input((28, 28, 1)), L.Rescaling(1 / 255), L.Conv2D(8, 3, activation="relu"), L.MaxPooling2D(), L.Conv2D(16, 3, activation="relu"),
                           L.MaxPooling2D(), L.Flatten(), L.Dense(64, "relu", name="features"), L.Dense(5, "softmax", name="kinds")])
    net.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])
    net.fit(pictures[labels < 5][:8000].reshape(-1, 28, 28, 1) * np.float32(255), labels[labels < 5][:8000], epochs=3, verbose=0, seed=1)
    return net


def table(spark: SparkSession, folder: str, part: str, pictures: np.ndarray, labels: np.ndarray, rows: int) -> Any:
    """Pictures of the other kinds as a Parquet table of bytes."""
    others = np.flatnonzero(labels >= 5)[:rows]
    pixels = np.rint(pictures[others] * 255).astype(np.uint8)
    kinds = pa.array(labels[others].astype(np.int32) - 5)
    pq.write_table(pa.table({"picture": pa.array([row.tobytes() for row in pixels], pa.binary()), "label": kinds}), f"{folder}/{part}.parquet")
    return spark.read.parquet(f"{folder}/{part}.parquet")


def main(spark: SparkSession, folder: str) -> dict[str, float]:
    net = first_five(*load("train"))
    pictures, labels = load("test")
    known = labels < 5
    right = net.predict(pictures[known].reshape(-1, 28, 28, 1) * np.float32(255), verbose=0).argmax(1) == labels[known]
    print(f"the network tells {', '.join(CLASSES[:5])} apart in {right.mean():.1%} of test pictures")

    few, many = table(spark, folder, "few", *load("train"), LABELLED), table(spark, folder, "many", pictures, labels, TESTED)
    learn = NNClassifier(featuresCol="features", hiddenLayers=[], epochs=60, batchSize=20, learningRate=0.003, seed=1, verbose=0)
    accuracy = MulticlassClassificationEvaluator(metricName="accuracy")
    found = {}
    for what, look in {"64 features": ModelTransformer(net, "picture", "features", outputLayer="features", outputMode="vector"),
                       "784 pixels": ModelTransformer(fire.Sequential([fire.Input((784,)), L.Rescaling(1 / 255)]), "picture", "features", outputMode="vector")}.items():
        fitted = Pipeline(stages=[look, learn]).fit(few)
        fitted.write().overwrite().save(f"{folder}/pipeline")
        found[what] = accuracy.evaluate(PipelineModel.load(f"{folder}/pipeline").transform(many))
        print(f"learned from {what} of each of {LABELLED} pictures, {', '.join(CLASSES[5:])} are told apart in {found[what]:.1%}")

    register_udf(spark, "looks_like", net)
    many.createOrReplaceTempView("pictures")
    names = "array(" + ", ".join(f"'{name}'" for name in CLASSES) + ")"
    print("what the first network takes the others for, in SQL:")
    spark.sql(f"""
        SELECT {names}[label + 5] AS kind, {names}[array_position(scores, array_max(scores)) - 1] AS looks_like, count(*) AS pictures
        FROM (SELECT label, looks_like(picture) AS scores FROM pictures) GROUP BY 1, 2 ORDER BY pictures DESC LIMIT 5""").show()
    return found


if __name__ == "__main__":
    os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    session = (SparkSession.builder.master("local[2]").appName("transfer learning").config("spark.driver.memory", "1g").config("spark.ui.enabled", False)
               .config("spark.ui.showConsoleProgress", False).config("spark.log.level", "ERROR").getOrCreate())
    with tempfile.TemporaryDirectory() as place:
        main(session, place)
    session.stop()
