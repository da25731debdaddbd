"""scoring - what it costs to score a Parquet table on local[2], in CPU seconds of JVM and Python workers, and one row through the Python API.

Tables of 1,000,000 rows x 100 float columns and of 100,000 rows of array<float>[784]. In the same run: an identity mapInArrow, mapInArrow with onnxruntime, an identity
arrow_udf (the least that transform can cost), transform, and score_files, in turn, the best of three rounds after two to warm the JVM up. Only the scores are kept.
A row at a time: microseconds of CPU against onnxruntime's run.
"""
import os
import shutil
import sys
import tempfile
import time

import numpy as np
import onnxruntime
import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

import firesteel as fire
from firesteel.spark import NNRegressorModel
from firesteel.spark.nets import Head
from peers import cpu_seconds


def write(path: str, rows: int, width: int, array: bool) -> list[str]:
    os.makedirs(path)
    rng = np.random.default_rng(0)
    for part in range(4):
        x = rng.normal(size=(rows // 4, width)).astype(np.float32)
        if array:
            table = pa.table({"x": pa.FixedSizeListArray.from_arrays(pa.array(x.reshape(-1)), width).cast(pa.list_(pa.float32()))})
        else:
            table = pa.table({f"c{k}": np.ascontiguousarray(x[:, k]) for k in range(width)})
        pq.write_table(table, f"{path}/{part}.parquet", row_group_size=rows // 8, use_dictionary=False)
    return table.column_names


def network(width: int) -> fire.Sequential:
    net = fire.Sequential([fire.Input((width,)), fire.layers.Dense(64, "relu"), fire.layers.Dense(32, "relu"), fire.layers.Dense(1)])
    net._ready()
    return net


def model_of(net: fire.Sequential, columns: list[str]) -> NNRegressorModel:
    model = NNRegressorModel._made(net.to_bytes(), Head("values", 1, "mean_squared_error"))
    return model._set(featuresCol=columns if len(columns) > 1 else columns[0])


def by_onnxruntime(content: bytes, array: bool):
    def run(batches):
        import numpy as np
        import onnxruntime
        import pyarrow as pa

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        session = onnxruntime.InferenceSession(content, options)
        name = session.get_inputs()[0].name
        for batch in batches:
            x = batch.column(0).flatten().to_numpy().reshape(batch.num_rows, -1) if array else np.stack([c.to_numpy() for c in batch.columns], axis=1)
            yield pa.RecordBatch.from_arrays([pa.array(session.run(None, {name: x})[0][:, 0].astype(np.float64))], names=["prediction"])

    return run


def by_identity(batches):
    import pyarrow as pa

    for batch in batches:
        yield pa.RecordBatch.from_arrays([pa.array(np.zeros(batch.num_rows))], names=["prediction"])


def by_udf(frame: DataFrame, columns: list[str]) -> DataFrame:
    """An arrow_udf that is given what transform gives its own, and does nothing with it."""
    def run(rows: pa.Array, _: pa.Array) -> pa.Array:
        return pa.array(np.zeros(len(rows)))

    argument = F.array(*columns) if len(columns) > 1 else F.struct(*columns)
    return frame.select(argument.alias("rows")).select(F.arrow_udf(run, "double")("rows", "rows").alias("prediction"))


def tables(spark: SparkSession, folder: str, label: str, rows: int, width: int, array: bool) -> None:
    path = f"{folder}/{label}"
    columns, net = write(path, rows, width, array), network(width)
    model, content = model_of(net, columns), net.to_bytes()
    frame = spark.read.parquet(path)
    ways = {"identity hop": lambda out: frame.mapInArrow(by_identity, "prediction double").write.parquet(out),
            "mapInArrow + onnxruntime": lambda out: frame.mapInArrow(by_onnxruntime(content, array), "prediction double").write.parquet(out),
            "identity arrow_udf": lambda out: by_udf(frame, columns).write.parquet(out),
            "transform": lambda out: model.transform(frame).select("prediction").write.parquet(out),
            "score_files": lambda out: model.score_files(path, out, columns=[])}
    best: dict[str, float] = {}
    for turn in range(5):
        for name, work in ways.items():
            out = f"{folder}/out"
            before = cpu_seconds(own=False)
            work(out)
            spent = cpu_seconds(own=False) - before
            shutil.rmtree(out)
            if turn > 1:
                best[name] = min(spent, best.get(name, spent))
    for name, spent in best.items():
        print(f"{label:>20} {name:26} {spent:8.2f} CPU s {spent / best['mapInArrow + onnxruntime']:8.2f} of mapInArrow + onnxruntime", flush=True)


def one_row(width: int) -> None:
    net = network(width)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(net.to_bytes(), options)
    name, x = session.get_inputs()[0].name, np.random.default_rng(0).normal(size=width).astype(np.float32)
    row, best = x[None], {}
    for _ in range(15):
        for who, work in (("firesteel", lambda: net.predict_row(x)), ("onnxruntime", lambda: session.run(None, {name: row}))):
            began = time.process_time()
            for _ in range(2000):
                work()
            best[who] = min(best.get(who, 1.0), (time.process_time() - began) / 2000)
    print(f"{'one row of ' + str(width):>20} {'predict_row':26} {1e6 * best['firesteel']:8.2f} us, onnxruntime {1e6 * best['onnxruntime']:.2f} us: {best['onnxruntime'] / best['firesteel']:.1f} times", flush=True)


if __name__ == "__main__":
    one_row(100)
    if sys.argv[1:] != ["row"]:
        session = (SparkSession.builder.master("local[2]").config("spark.driver.memory", "2g").config("spark.ui.enabled", False)
                   .config("spark.ui.showConsoleProgress", False).config("spark.sql.execution.arrow.maxRecordsPerBatch", 10000).getOrCreate())
        session.sparkContext.setLogLevel("OFF")
        with tempfile.TemporaryDirectory() as place:
            tables(session, place, "100 float columns", 1_000_000, 100, False)
            tables(session, place, "array of 784 floats", 100_000, 784, True)
        session.stop()
