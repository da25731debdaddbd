"""Functions on workers and TFRecord files through Spark Connect."""

import crews

SESSION = {"remote": "local[2]"}


def test_train_and_inference(spark):
    crews.trains_and_infers(spark)


def test_distributed(spark):
    crews.distributes(spark)


def test_records(spark, tmp_path):
    crews.writes_and_reads_records(spark, tmp_path)
