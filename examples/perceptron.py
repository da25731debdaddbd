"""perceptron - Spark MLlib's perceptron and firesteel's of the same name on collisions of the Higgs data: change the import, compare what comes out.

Both start from the same weights. Spark's objective is a mean of means of blocks, so its loss is not quite the mean over all rows; accuracy says who learned.
"""
import os
import sys
import time
from pathlib import Path

import numpy as np
from pyspark.ml import Pipeline
from pyspark.ml import classification as mllib
from pyspark.ml.feature import StandardScaler, VectorAssembler
from pyspark.ml.linalg import DenseVector
from pyspark.sql import SparkSession

from firesteel.spark import MultilayerPerceptronClassifier, MultilayerPerceptronRegressor

os.environ.setdefault("PYSPARK_PYTHON", sys.executable)  # workers run the same Python

DATA = Path(__file__).resolve().parent / "data/higgs"
LAYERS = [28, 20, 2]


def processor_seconds() -> float:
    """Of this process and all below it: the JVM and Python's workers."""
    rows = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                fields = (folder / "stat").read_text().rsplit(")", 1)[1].split()
                rows[int(folder.name)] = int(fields[1]), int(fields[11]) + int(fields[12])
            except OSError:
                pass  # it has ended
    mine, todo = {os.getpid()}, [os.getpid()]
    while todo:
        parent = todo.pop()
        todo += [p for p, (above, _) in rows.items() if above == parent and p not in mine]
        mine |= set(todo)
    return sum(rows[p][1] for p in mine if p in rows) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")  # local Spark need not ask what this host is called
    spark = (SparkSession.builder.master("local[2]").appName("perceptron").config("spark.driver.memory", "1g").config("spark.ui.enabled", False)
             .config("spark.ui.showConsoleProgress", False).config("spark.log.level", "ERROR").config("spark.sql.shuffle.partitions", 2).getOrCreate())
    train, test = (spark.read.csv(str(DATA / f"binary.{part}"), sep="\t", inferSchema=True).withColumnRenamed("_c0", "label") for part in ("train", "test"))
    scale = Pipeline(stages=[VectorAssembler(inputCols=train.columns[1:], outputCol="raw"), StandardScaler(inputCol="raw", outputCol="features", withMean=True)]).fit(train)
    train, test = (scale.transform(t).select("label", "features").coalesce(2).cache() for t in (train, test))
    print(f"{train.count():,} collisions to learn from, {test.count()} to test on")

    count = sum((n + 1) * m for n, m in zip(LAYERS, LAYERS[1:]))
    start = DenseVector(np.random.default_rng(1).uniform(-0.1, 0.1, count))
    for owner, kind in (("Spark", mllib.MultilayerPerceptronClassifier), ("firesteel", MultilayerPerceptronClassifier)):
        began, cpu = time.monotonic(), processor_seconds()
        model = kind(layers=LAYERS, initialWeights=start, maxIter=60, tol=1e-6).fit(train)
        seconds, cpu = time.monotonic() - began, processor_seconds() - cpu
        losses = model.summary().objectiveHistory
        print(f"{owner:<10} accuracy {model.evaluate(test).accuracy:.3f}, loss {losses[0]:.4f} -> {min(losses):.4f} in {len(losses) - 1} iterations, {seconds:.1f} s, {cpu:.1f} s of CPU")

    model = MultilayerPerceptronClassifier(layers=LAYERS, initialWeights=start, maxIter=60, regParam=0.003, dtype="float32").fit(train)
    print(f"with regParam=0.003 in float32: accuracy {model.evaluate(test).accuracy:.3f}")
    regressor = MultilayerPerceptronRegressor(layers=[28, 10, 1], maxIter=60, seed=1).fit(train)  # the chance that it is a Higgs boson
    print(f"a regressor on the same labels: R2 {regressor.evaluate(test).r2:.3f}")
    spark.stop()


if __name__ == "__main__":
    main()
