"""mllib - NNClassifier against Spark's own MultilayerPerceptronClassifier on the 60,000 pictures of Fashion-MNIST, local[2].

CPU seconds of the whole process tree (driver, JVM, Python workers) between calling fit and its return, after a warm-up fit of each, to the
training loss that MLlib has after maxIter=20. MLlib runs with OPENBLAS_NUM_THREADS=1, where it is at its best. The network is 784-256-128-10 with MLlib's sigmoid units.
"""
import ctypes.util
import os
import subprocess
import sys
import time
from pathlib import Path

os.environ["OPENBLAS_NUM_THREADS"] = "1"
if not ctypes.util.find_library("openblas") and not ctypes.util.find_library("blas"):
    print("installing libopenblas0 for MLlib", flush=True)
    subprocess.run(["apt-get", "install", "-y", "-qq", "libopenblas0"], check=True, stdout=subprocess.DEVNULL)

import numpy as np
import pyarrow as pa
from pyspark.ml.classification import MultilayerPerceptronClassifier
from pyspark.ml.functions import array_to_vector
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

import firesteel as fire
from firesteel.spark import NNClassifier

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "examples"))
from fashion import load
from peers import cpu_seconds


def main() -> None:
    spark = (SparkSession.builder.master("local[2]").config("spark.driver.memory", "6g").config("spark.ui.enabled", False)
             .config("spark.sql.execution.arrow.pyspark.enabled", True).config("spark.ui.showConsoleProgress", False).getOrCreate())
    spark.sparkContext.setLogLevel("ERROR")
    pictures, labels = load("train")
    path = "/tmp/firesteel-bench-fashion.parquet"
    import pyarrow.parquet as pq

    pixels = pa.FixedSizeListArray.from_arrays(pa.array(pictures.reshape(-1)), 784).cast(pa.list_(pa.float32()))
    pq.write_table(pa.table({"pixels": pixels, "label": pa.array(labels.astype(np.float64))}), path, row_group_size=15000)
    table = spark.read.parquet(path).withColumn("features", array_to_vector(F.col("pixels").cast("array<double>"))).select("features", "label").cache()
    table.count()

    def loss_of(probabilities: np.ndarray) -> float:
        return float(-np.log(np.clip(probabilities[np.arange(len(labels)), labels], 1e-7, 1)).mean())

    def timed(estimator):
        begun, wall = cpu_seconds(), time.monotonic()
        model = estimator.fit(table)
        return model, cpu_seconds() - begun, time.monotonic() - wall

    perceptron = MultilayerPerceptronClassifier(layers=[784, 256, 128, 10], maxIter=20, seed=1)
    perceptron.copy({perceptron.maxIter: 2}).fit(table)
    model, mllib_cpu, mllib_wall = timed(perceptron)
    rows = model.transform(table).select("probability", "label").toPandas()
    chosen = np.stack([v.toArray() for v in rows["probability"]])[np.arange(len(rows)), rows["label"].astype(int)]
    target = float(-np.log(np.clip(chosen, 1e-7, 1)).mean())
    print(f"MLlib, maxIter=20: training loss {target:.3f}, {mllib_cpu:.1f} CPU-s, {mllib_wall:.1f} s", flush=True)

    def ours(epochs: int) -> NNClassifier:
        net = fire.Sequential([fire.layers.Dense(256, activation="sigmoid"), fire.layers.Dense(128, activation="sigmoid"), fire.layers.Dense(10, activation="softmax")])
        return NNClassifier(net=net, optimizer="adam", learningRate=0.002, batchSize=128, epochs=epochs, numWorkers=2, seed=1, verbose=0)

    ours(1).fit(table)
    for epochs in range(1, 21):
        model, cpu, wall = timed(ours(epochs))
        loss = loss_of(model.network.predict(pictures))
        print(f"NNClassifier, {epochs} epochs: training loss {loss:.3f}, {cpu:.1f} CPU-s, {wall:.1f} s", flush=True)
        if loss <= target:
            print(f"NNClassifier reaches MLlib's loss with 1/{mllib_cpu / cpu:.1f} of its CPU time")
            break
    spark.stop()


if __name__ == "__main__":
    main()
