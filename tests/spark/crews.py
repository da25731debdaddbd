"""Functions on workers, TFRecord files and streams, for classic Spark (test_crew.py) and Connect (test_crew_connect.py) alike."""
import json
import os
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from pyspark import cloudpickle

import firesteel as fire
from firesteel.spark import cluster, distributed
from firesteel.spark.records import write_tfrecord

cloudpickle.register_pickle_by_value(sys.modules[__name__])  # workers do not find this module
FILES = Path(__file__).resolve().parents[1] / "tfrecord_files"


def raised(code, work):
    with pytest.raises(fire.FiresteelError) as caught:
        work()
    assert caught.value.code == code, str(caught.value)
    assert len(str(caught.value).splitlines()) <= 12, str(caught.value)
    return str(caught.value)


def line_fit(args, ctx):
    """y = 2 x + 1 by gradients that are averaged over the ranks, in equally many steps on ranks with unlike many rows."""
    feed = ctx.get_data_feed(synchronous=True)
    w, steps, rows = np.zeros(2), 0, 0
    while not feed.should_stop():
        batch = feed.next_batch(args["batch"])
        x, y = (batch["x"], batch["y"]) if batch else (np.zeros(0), np.zeros(0))
        error = w[0] * x + w[1] - y
        gradient, n = ctx.all_reduce([np.array([(error * x).sum(), error.sum()]), len(x)])
        w -= args["rate"] * gradient / n
        steps, rows = steps + 1, rows + len(x)
    if rows:
        print("rank", ctx.rank, "saw", rows, "rows")
    return {"w": w, "steps": steps, "rows": ctx.all_gather(rows), "host": ctx.host}


def doubled(args, ctx):
    assert ctx.mode == "inference"
    feed = ctx.get_data_feed()
    while not feed.should_stop():
        feed.batch_results(2 * feed.next_batch(7)["x"])


def trains_and_infers(spark):
    df = spark.range(900).selectExpr("(id % 100) / 50 - 1 as x", "2 * ((id % 100) / 50 - 1) + 1 as y")
    crew = cluster.run(line_fit, {"batch": 50, "rate": 0.3}, 2, cluster.InputMode.SPARK, spark=spark, verbose=0)
    a, b = crew.train(df, epochs=6)
    assert np.allclose(a["w"], [2, 1], atol=1e-2) and (a["w"] == b["w"]).all() and a["steps"] == b["steps"] and sum(a["rows"]) == 5400 and a["rows"] == b["rows"]
    assert crew.logs[0] == [f"rank 0 saw {a['rows'][0]} rows"] and len(crew.hosts) == 2
    scorer = cluster.run(doubled, None, 2, spark=spark)
    table = scorer.inference(df, "z double", columns=["x"])
    assert table.columns == ["x", "z"] and table.count() == 900 and table.where("abs(z - 2 * x) > 1e-12").count() == 0 and len(table.take(3)) == 3
    raised("FS2001", lambda: scorer.inference(df, columns=["nothing"]))
    scorer.shutdown()
    assert "shut down" in raised("FS1001", lambda: scorer.train(df))


def distributes(spark):
    def fn(ctx, n, scale=1.0):
        return ctx.rank, ctx.size, float(ctx.all_reduce(np.arange(n) * scale, "mean").sum()), ctx.broadcast("hello" if ctx.is_chief else None)
    assert distributed(fn, 2, 4, scale=2.0, spark=spark, verbose=0) == [(0, 2, 12.0, "hello"), (1, 2, 12.0, "hello")]

    def falls(ctx):
        if ctx.rank == 1:
            raise ValueError("the second one falls")
        ctx.barrier()
    began = time.monotonic()
    message = raised("FS4008", lambda: distributed(falls, 2, spark=spark, verbose=0))
    assert "worker 1 on " in message and "ValueError: the second one falls" in message and "crews.py" in message and time.monotonic() - began < 60
    assert "has 2" in raised("FS4001", lambda: distributed(fn, 3, 4, spark=spark))


def reads_records_of_tensorflow(spark):
    first = spark.read.format("tfrecord").load(str(FILES / "plain.tfrecord"))
    assert dict(first.dtypes) == {"größe": "float", "id": "bigint", "nothing": "bigint", "numbers": "array<float>", "texts": "array<binary>", "whole": "array<bigint>"}
    rows = sorted(first.collect(), key=lambda r: r.id)
    assert [r.id for r in rows] == [0, 1, 2, 3] and rows[2].numbers == [2.5, float(np.float32(-1e30))] and rows[0].whole == [-2**63, 2**63 - 1, -1, 0, 300]
    assert bytes(rows[1].texts[1]) == b"\x00\xff\n" and rows[0].nothing is None
    steps = sorted(spark.read.format("tfrecord").load(str(FILES / "sequence.tfrecord")).collect(), key=lambda r: r.id)
    assert steps[3].steps == [[], [0], [0, 1]] and steps[0].words == [[""], ["a"]]


def writes_and_reads_records(spark, tmp_path):
    table = spark.range(1000).selectExpr("id", "cast(id / 4 as float) f", "if(id % 10 = 0, null, cast(id as string)) s", "id % 2 = 0 b", "array(id, -id) a", "cast(cast(id as string) as binary) z")
    out = str(tmp_path / "out")
    write_tfrecord(table, out)
    assert (tmp_path / "out" / "_SUCCESS").exists() and not (tmp_path / "out" / "_temporary").exists()
    back = spark.read.schema(table.schema).format("tfrecord").load(out, maxPartitionBytes=4000).selectExpr("*", "spark_partition_id() part").collect()
    assert sorted(tuple(r)[:-1] for r in back) == sorted(map(tuple, table.collect())) and len({r.part for r in back}) > 8
    return table, out


def save_modes(spark, tmp_path):
    from pyspark.sql import functions as F

    table, out = writes_and_reads_records(spark, tmp_path)
    count = lambda: spark.read.schema("id bigint").format("tfrecord").load(out).count()
    assert "exists" in raised("FS5001", lambda: write_tfrecord(table, out))
    write_tfrecord(table.limit(9), out, "ignore")
    table.limit(10).write.format("tfrecord").mode("append").option("compression", "gzip").save(out)
    assert count() == 1010 and len(list((tmp_path / "out").glob("*.gz"))) == 1
    bad = table.select("id", F.when(F.col("id") == 700, F.array(F.lit(None).cast("int"))).otherwise(F.array(F.lit(1))).alias("bad"))
    files = sorted(os.listdir(out))
    assert "'bad'" in raised("FS2003", lambda: write_tfrecord(bad, out, "overwrite"))
    assert sorted(os.listdir(out)) == files
    write_tfrecord(table.limit(5), out, "overwrite")
    assert count() == 5 and sum(name.startswith("part") for name in os.listdir(out)) == 1
    assert "'when' is timestamp" in raised("FS2002", lambda: write_tfrecord(table.selectExpr("current_timestamp() when"), out, "append"))


def malformed_records(spark, tmp_path):
    from firesteel.formats import tfrecord

    path = tmp_path / "bad.tfrecord"
    good = [tfrecord.encode({"id": i}) for i in range(3)]
    tfrecord.write_records(path, [good[0], good[1], tfrecord.encode({"id": "text"}), good[2]])
    content = bytearray(path.read_bytes())
    at = 16 + len(good[0])
    content[at + 13] ^= 1
    path.write_bytes(content)
    read = lambda schema, **options: spark.read.schema(schema).format("tfrecord").options(**options).load(str(path)).collect()
    assert [r.id for r in read("id bigint")] == [0, None, None, 2] and [r.id for r in read("id bigint", mode="DROPMALFORMED")] == [0, 2]
    rows = read("id bigint, why string", columnNameOfCorruptRecord="why")
    assert rows[1].why == f"{path}, record 1 at byte {at}: the CRC of the bytes is wrong" and "record 2 at byte" in rows[2].why and rows[3].why is None
    assert bytes(read("id bigint, _corrupt_record binary")[2]._corrupt_record) == tfrecord.encode({"id": "text"})
    with pytest.raises(Exception, match=f"bad.tfrecord, record 1 at byte {at}: the CRC of the bytes is wrong"):
        read("id bigint", mode="FAILFAST")
    with pytest.raises(Exception, match="mode='lenient'; expected permissive, dropmalformed, failfast"):
        read("id bigint", mode="lenient")
    assert spark.read.format("tfrecord").load(str(path.parent), pathGlobFilter="*.tfrecord", inferRecords=2).dtypes == [("id", "bigint"), ("_corrupt_record", "string")]


def a_stream_trains(spark, tmp_path):
    """Two micro-batches, each going on from the last, its optimizer's state included; a query that is started again learns nothing twice."""
    from firesteel.spark import NNRegressor
    from firesteel.spark.streaming import StreamTrainer

    rows = lambda first: spark.range(first, first + 300).selectExpr("(id % 100) / 50 - 1 as x", "2 * ((id % 100) / 50 - 1) + 1 as y").coalesce(1)
    source, models = str(tmp_path / "in"), tmp_path / "models"
    rows(0).write.parquet(source)

    def learn():
        stream = spark.readStream.schema("x double, y double").option("maxFilesPerTrigger", 1).parquet(source)
        trainer = StreamTrainer(estimator, str(models))
        stream.writeStream.foreachBatch(trainer).option("checkpointLocation", str(tmp_path / "check")).trigger(availableNow=True).start().awaitTermination()
        return trainer

    def loss(model):
        return model.transform(spark.read.parquet(source)).selectExpr("avg((y - prediction) * (y - prediction))").first()[0]

    def steps(batch):
        return max(json.loads(p.read_text())["step"] for p in (models / f"state-{batch}").rglob("manifest.json"))
    estimator = NNRegressor(featuresCol=["x"], labelCol="y", hiddenLayers=[8], epochs=4, batchSize=32, learningRate=0.02, seed=1, numWorkers=1, verbose=0)
    first = loss(learn().model)
    rows(1000).write.mode("append").parquet(source)
    again = learn()
    assert sorted(os.listdir(models)) == ["model-0", "model-1", "state-0", "state-1"]
    assert loss(again.model) < first / 2 and steps(1) == 2 * steps(0) == 80  # of the optimizer, which goes on
    before = sorted((p.name, p.stat().st_mtime_ns) for p in models.iterdir())
    learn()
    assert sorted((p.name, p.stat().st_mtime_ns) for p in models.iterdir()) == before
    return source, again
