"""Many models at once: 10,000 groups in one job, and trials side by side, by the processor time of the JVM and all of its Python workers."""
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "spark"), str(Path(__file__).resolve().parents[2] / "bench")]
from bed import make_session  # noqa: E402
from peers import cpu_seconds  # noqa: E402

import firesteel.executor  # noqa: E402
import firesteel as fire  # noqa: E402
from firesteel.spark import NNClassifier, NNRegressor, fit_groups  # noqa: E402


@pytest.fixture(scope="module")
def spark():
    session = make_session("local[2]")
    yield session
    session.stop()


def test_ten_thousand_groups(spark):
    from pyspark.sql import functions as F

    groups, rows = 10_000, 100
    table = spark.range(groups * rows).select((F.col("id") % groups).alias("store"), *[F.rand(i).alias(f"x{i}") for i in range(10)])
    table = table.withColumn("y", F.col("x0") * (F.col("store") % 7) + F.col("x1"))
    began = cpu_seconds()
    models = fit_groups(table.groupBy("store"), NNRegressor(hiddenLayers=[16], featuresCol=[f"x{i}" for i in range(10)], labelCol="y", epochs=10, batchSize=20, learningRate=0.01, seed=1))
    spent = cpu_seconds() - began
    print(f"{groups} groups of {rows} rows: {spent:.1f} processor seconds")
    assert models.trained == groups and models.failed == 0 and spent < 120
    began = cpu_seconds()
    error = models.transform(table).agg(F.avg((F.col("prediction") - F.col("y")) ** 2), F.count("prediction")).first()
    print(f"scored in {cpu_seconds() - began:.1f} processor seconds; mean squared error {error[0]:.4f}")
    assert error[1] == groups * rows
    one = NNRegressor(hiddenLayers=[16], featuresCol=[f"x{i}" for i in range(10)], labelCol="y", epochs=10, batchSize=20, learningRate=0.01, seed=1, verbose=0).fit(table.where("store = 4711"))
    assert [w.tobytes() for w in one.network.get_weights()] == [w.tobytes() for w in models.of(4711).network.get_weights()]


def test_trials_cost_little_more_than_a_loop(spark, tmp_path):
    """32 trials as tasks on two workers, all of the JVM's time counted, against the same trainings one after the other in one process. A search costs some
    seven seconds whatever its size (planning, tasks of 75 ms for JVM and Python, the compilers of the JVM), so it is asked of a search that takes a minute; the
    session is warm, as a user's is, by a search of one epoch."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from firesteel.executor import engine, trials
    from firesteel.spark import Tuner

    rng = np.random.default_rng(0)
    names, rows = [f"x{i}" for i in range(28)], 100_000
    x = rng.normal(size=(rows, 28)).astype(np.float32)
    label = (x[:, 0] * x[:, 1] + x[:, 2] > 0).astype(float)
    pq.write_table(pa.table({**dict(zip(names, map(pa.array, x.T.copy()))), "label": label}), tmp_path / "t.parquet")
    table = spark.read.parquet(str(tmp_path / "t.parquet"))
    estimator = NNClassifier(hiddenLayers=[128, 64], featuresCol=names, epochs=24, batchSize=64, seed=1, verbose=0)
    rates = [float(r) for r in np.geomspace(1e-4, 3e-2, 32)]

    def search(epochs):
        return Tuner(estimator.copy({estimator.epochs: epochs}), {"learningRate": rates}, method="grid", refit=False, verbose=0).fit(table)

    search(1)
    began = cpu_seconds()
    found = search(24)
    tasks = cpu_seconds() - began
    plan = estimator._plan(table, 1)
    job = fire.executor.Job(**{**plan.fields, "features": tuple(names), "labels": ("label",), "secret": b"", "validation": "held"})
    began = cpu_seconds()
    read = pq.read_table(tmp_path / "t.parquet").append_column("held", pa.array(rng.random(rows) < 0.2))
    data = engine.read(read.to_batches(), job)
    engine.deal(data, None)
    for rate in rates:
        result, _ = trials.train_alone(data, fire.executor.Job(**{**job.fields, "learning_rate": rate}))
        assert result["error"] is None
    loop = cpu_seconds() - began
    print(f"32 trials: {tasks:.1f} processor seconds as Spark tasks, {loop:.1f} in a loop: {tasks / loop:.2f}")
    assert all(np.isfinite(found.avgMetrics)) and tasks < 1.2 * loop
