"""Functions on workers, TFRecord files and streams on classic Spark."""
import time

import numpy as np

import crews
from firesteel.spark import cluster

SESSION = {"master": "local[2]", "spark.driver.memory": "1g"}


def test_train_and_inference(spark):
    crews.trains_and_infers(spark)


def test_distributed(spark):
    crews.distributes(spark)


def test_records(spark, tmp_path):
    crews.reads_records_of_tensorflow(spark)
    crews.save_modes(spark, tmp_path)


def test_malformed_records(spark, tmp_path):
    crews.malformed_records(spark, tmp_path)


def test_own_data_and_what_workers_print(spark, capsys):
    """InputMode.TENSORFLOW: the job begins with run, the driver goes on, and lines arrive while it runs."""
    def main_fun(args, ctx):
        print("rank", ctx.rank, "of", ctx.num_workers, args)
        ctx.barrier()
        return ctx.rank * 10
    crew = cluster.run(main_fun, "here", 2, cluster.InputMode.TENSORFLOW, spark=spark)
    crews.raised("FS1001", lambda: crew.train(spark.range(3)))
    assert crew.shutdown() == [0, 10] and crew.results == [0, 10] and crew.logs == {0: ["rank 0 of 2 here"], 1: ["rank 1 of 2 here"]}
    shown = capsys.readouterr().out
    assert "[0] rank 0 of 2 here" in shown and "[1] rank 1 of 2 here" in shown


def test_a_silent_rank_ends_the_others(spark):
    def main_fun(args, ctx):
        if ctx.rank == 0:
            time.sleep(120)
        ctx.all_reduce(np.ones(2))
    began = time.monotonic()
    error = None
    try:
        cluster.run(main_fun, None, 2, cluster.InputMode.TENSORFLOW, spark=spark, deadline=2.0).shutdown()
    except Exception as caught:
        error = caught
    assert error is not None and error.code == "FS4004" and len(str(error).splitlines()) <= 12 and time.monotonic() - began < 100, str(error)
    crews.raised("FS4004", lambda: cluster.run(main_fun, None, 2, cluster.InputMode.TENSORFLOW, spark=spark).shutdown(grace=3.0))


def test_a_stream_trains_and_is_scored(spark, tmp_path):
    source, again = crews.a_stream_trains(spark, tmp_path)
    stream = again.model.transform(spark.readStream.schema("x double, y double").parquet(source))
    stream.writeStream.format("memory").queryName("scored").trigger(availableNow=True).start().awaitTermination()
    scored = spark.table("scored")
    assert scored.count() == 600 and scored.columns == ["x", "y", "prediction"]
    table = again.model.transform(spark.read.parquet(source))
    assert scored.select("x", "prediction").distinct().exceptAll(table.select("x", "prediction").distinct()).count() == 0
