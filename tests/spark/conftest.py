"""What the Spark tests share. Each module is one Spark application, run in a process of its own by tools/test."""
import os
import sys

import numpy as np
import pytest

os.environ.setdefault("PYSPARK_PYTHON", sys.executable)


def make_session(master=None, remote=None, **conf):
    from pyspark.sql import SparkSession

    builder = SparkSession.builder.remote(remote) if remote else SparkSession.builder.master(master).appName("firesteel tests")
    settings = {"spark.ui.enabled": "false", "spark.sql.shuffle.partitions": "4", "spark.sql.warehouse.dir": "/tmp/firesteel-warehouse",
                "spark.executorEnv.PYTHONPATH": os.environ.get("PYTHONPATH", ""), **conf}
    for name, value in settings.items():
        if not remote:
            builder = builder.config(name, value)
    spark = builder.getOrCreate()
    if not remote:
        spark.sparkContext.setLogLevel("OFF")
    return spark


def flower_rows(n=150, seed=3):
    """Three classes in four dimensions that a small network tells apart."""
    rng = np.random.default_rng(seed)
    centres = np.array([[0, 0, 3, 0], [3, 0, 0, 1], [0, 3, 0, -1]], float)
    y = np.arange(n) % 3
    return centres[y] + rng.normal(scale=0.6, size=(n, 4)), y


@pytest.fixture(scope="session")
def flowers():
    return flower_rows()
