"""DeepLearning4J's way on Spark: workers that take steps by themselves and average, gradients beyond a threshold, early stopping with the best model kept.

Trains on 12,000 Fashion-MNIST pictures, in three ways, and says what each sent over the network and how well it knows 2,000 others."""
from __future__ import annotations

import os
import sys

import numpy as np
import pyarrow as pa
from fashion import load
from pyspark.sql import SparkSession

import firesteel as fire
from firesteel.spark import NNClassifier

os.environ.setdefault("PYSPARK_PYTHON", sys.executable)  # workers run the same Python

spark = SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false").getOrCreate()
spark.sparkContext.setLogLevel("ERROR")
(x, y), (tx, ty) = load("train"), load("test")
pixels = pa.FixedSizeListArray.from_arrays(pa.array(np.concatenate([x[:12000], tx[:2000]]).reshape(-1)), 784).cast(pa.list_(pa.float32()))
labels = np.concatenate([y[:12000], ty[:2000]]).astype(np.int32)
table = spark.createDataFrame(pa.table({"features": pixels, "label": labels, "held": np.arange(len(labels)) >= 12000})).repartition(2).cache()

net = fire.Sequential([fire.layers.Dense(128, activation="relu"), fire.layers.Dense(10, activation="softmax")])
ways = {
    "exact: gradients summed in every step": {},
    "averaging after every 8 steps": dict(localSteps=8),
    "gradients beyond a threshold, a sixteenth of the bytes": dict(gradientCompression="threshold", compressionRatio=1 / 16),
}
for name, how in ways.items():
    estimator = NNClassifier(net=net, epochs=8, batchSize=64, numWorkers=2, seed=1, validationIndicatorCol="held", patience=2, verbose=0, **how)
    summary = estimator.fit(table).summary
    assert summary.bestEpoch is not None
    print(f"{name}: accuracy {summary.history['val_accuracy'][summary.bestEpoch]:.3f}, best of {summary.totalIterations} epochs was {summary.bestEpoch + 1}, "
          f"{summary.bytesSent / 1e6:.1f} MB sent")
spark.stop()
