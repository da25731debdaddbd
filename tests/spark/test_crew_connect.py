"""Functions on workers and TFRecord files through Spark Connect."""
import pytest

import crews
from bed import make_session


@pytest.fixture(scope="module")
def spark():
    session = make_session(remote="local[2]")
    yield session
    session.stop()


def test_train_and_inference(spark):
    crews.trains_and_infers(spark)


def test_distributed(spark):
    crews.distributes(spark)


def test_records(spark, tmp_path):
    crews.writes_and_reads_records(spark, tmp_path)
