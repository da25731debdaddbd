"""Tensor programs on tables through Spark Connect."""
import numpy as np
import pytest

import firesteel as fire
from firesteel import ops
from firesteel.spark import frames as tfs

SESSION = {"remote": "local[2]", "spark.sql.shuffle.partitions": "2"}


def test_maps_and_shapes(spark):
    df = tfs.analyze(spark.createDataFrame([(float(i), [float(i), float(-i)], bytearray(b"b")) for i in range(4)], "x double, y array<double>, b binary"))
    assert "double[?,2]" in tfs.explain(df)
    mapped = tfs.map_blocks(lambda x, y: {"z": x + 3, "s": y @ np.array([[1.0], [2.0]])}, df)
    assert mapped.columns == ["s", "z", "x", "y", "b"] and [(r.z, r.s) for r in mapped.collect()] == [(i + 3.0, [-float(i)]) for i in range(4)]
    assert "double[?,1]" in tfs.explain(mapped)
    rows = tfs.map_rows(lambda y, b: {"n": ops.norm(y), "c": b}, df).collect()
    assert rows[3].n == pytest.approx(18 ** 0.5) and rows[0].c == b"b"
    assert sum(r.t for r in tfs.map_blocks(lambda x: {"t": ops.expand_dims(ops.sum(x), 0)}, df, trim=True).collect()) == 6


def test_reductions_and_groups(spark):
    df = spark.createDataFrame([(str(i % 2), float(i), i) for i in range(10)], "key string, x double, n long").repartition(3)
    assert tfs.reduce_rows(lambda x_1, x_2: {"x": x_1 + x_2}, df) == 45
    assert tfs.reduce_blocks(lambda x_input, n_input: {"x": ops.max(x_input, axis=0), "n": ops.sum(n_input, axis=0)}, df) == [9.0, 45]
    total = tfs.aggregate(lambda x_input, n_input: {"x": ops.sum(x_input, axis=0), "n": ops.min(n_input, axis=0)}, df.groupBy("key"))
    assert sorted(total.collect()) == [("0", 0, 20.0), ("1", 1, 25.0)]


def test_errors(spark):
    df = spark.createDataFrame([(1.0, None), (2.0, 3.0)], "price double, hole double")
    for code, work in [("FS2001", lambda: tfs.map_blocks(lambda prise: {"z": prise}, df)), ("FS2003", lambda: tfs.reduce_rows(lambda hole_1, hole_2: {"hole": hole_1 + hole_2}, df)),
                       ("FS1005", lambda: tfs.aggregate(lambda price_input: {"price": ops.sum(price_input, axis=0)}, df.rollup("hole")))]:
        with pytest.raises(fire.FiresteelError) as caught:
            work()
        assert caught.value.code == code, str(caught.value)
