"""clusters [steps] - k-means over collisions of the Higgs data, as tensor programs on a Spark table.

Each step assigns every row to the nearest centre and sums rows and counts by block (map_blocks with trim), then adds up the blocks' sums (reduce_blocks):
what leaves an executor is one small row. At the end aggregate says how many collisions of each cluster made a Higgs boson.
"""
import os
import sys
from pathlib import Path

import numpy as np

os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from firesteel import ops
from firesteel.spark import frames as tfs

FILE = Path(__file__).resolve().parent / "data" / "higgs" / "binary.train"
CLUSTERS = 4


def load(spark: SparkSession) -> DataFrame:
    """Columns label and x, 28 measurements, each divided by its standard deviation."""
    raw = spark.read.csv(str(FILE), sep="\t", inferSchema=True)
    table = tfs.analyze(raw.select(F.col("_c0").cast("double").alias("label"), F.array(*[F.col(c).cast("double") for c in raw.columns[1:]]).alias("raw")))
    ones = tfs.map_blocks(lambda raw: {"n": ops.ones_like(raw[:, 0]), "square": ops.square(raw)}, table)
    sums = tfs.reduce_blocks(lambda raw_input, square_input, n_input: {name: ops.sum(block, axis=0) for name, block in (("raw", raw_input), ("square", square_input), ("n", n_input))}, ones)
    mean = sums[0] / sums[2]
    deviation = np.sqrt(sums[1] / sums[2] - mean**2)
    return tfs.map_blocks(lambda raw: {"x": (raw - mean) / deviation}, table).select("label", "x").cache()


def distances(x: object, centres: np.ndarray) -> object:
    """Squared distances [rows, clusters]."""
    return ops.sum(ops.square(ops.expand_dims(x, 1) - centres), axis=2)


def step(table: DataFrame, centres: np.ndarray) -> tuple[np.ndarray, float]:
    """New centres, and the mean squared distance to the old ones."""
    def program(x: object) -> dict[str, object]:
        far = distances(x, centres)
        nearest = ops.argmin(far, axis=1)
        sums = {"total": ops.segment_sum(x, nearest, len(centres)), "count": ops.segment_sum(ops.ones_like(x[:, 0]), nearest, len(centres)), "far": ops.sum(ops.min(far, axis=1))}
        return {name: ops.expand_dims(value, 0) for name, value in sums.items()}  # one row for each block

    blocks = tfs.map_blocks(program, table, trim=True)
    total, count, far = tfs.reduce_blocks(lambda total_input, count_input, far_input: {"total": ops.sum(total_input, axis=0), "count": ops.sum(count_input, axis=0), "far": ops.sum(far_input, axis=0)}, blocks)
    return np.where(count[:, None] > 0, total / np.maximum(count, 1)[:, None], centres), float(far / count.sum())


def main(steps: int) -> list[float]:
    """Mean squared distances, step by step."""
    spark = SparkSession.builder.master("local[2]").appName("clusters").config("spark.ui.enabled", "false").getOrCreate()
    table = load(spark)
    centres, errors = np.random.default_rng(1).normal(size=(CLUSTERS, 28)), []
    for number in range(steps):
        centres, error = step(table, centres)
        errors.append(error)
        print(f"step {number + 1}: mean squared distance {error:.3f}")
    marked = tfs.map_blocks(lambda x, label: {"cluster": ops.argmin(distances(x, centres), axis=1), "rows": ops.ones_like(label)}, table)
    groups = tfs.aggregate(lambda label_input, rows_input: {"label": ops.sum(label_input, axis=0), "rows": ops.sum(rows_input, axis=0)}, marked.groupBy("cluster"))
    tfs.map_blocks(lambda label, rows: {"share": label / rows}, groups).select("cluster", "rows", "share").orderBy("cluster").show()
    spark.stop()
    return errors


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
