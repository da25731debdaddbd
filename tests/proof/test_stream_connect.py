"""A stream trains through Spark Connect, in the server's Python process, which Spark gives 10 seconds to start: too few for tests on a busy machine."""
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "spark"))

import crews
from bed import make_session


def test_a_stream_trains_on_connect(tmp_path):
    spark = make_session(remote="local[2]")
    try:
        crews.a_stream_trains(spark, tmp_path)
    finally:
        spark.stop()
