"""Tensor programs on tables: what TensorFrames' own tests and README show, and how wrong programs are told."""
from pathlib import Path

import numpy as np
import pytest

import firesteel as fire
from firesteel import ops
from firesteel.spark import frames as tfs

SESSION = {"master": "local[2]", "spark.sql.shuffle.partitions": "2"}
GRAPHS = Path(__file__).resolve().parents[1] / "tensorflow_files"


@pytest.fixture(scope="module")
def numbers(spark):
    return spark.createDataFrame([(float(i),) for i in range(10)], "x double").repartition(2).cache()


@pytest.fixture(scope="module")
def vectors(spark):
    """The README's table: y = [i, -i]."""
    return tfs.analyze(spark.createDataFrame([([float(i), float(-i)],) for i in range(10)], "y array<double>"))


def told(capsys, df):
    tfs.print_schema(df)
    return capsys.readouterr().out


def raised(code, work, *words):
    with pytest.raises(fire.FiresteelError) as caught:
        work()
    text = str(caught.value)
    assert caught.value.code == code and len(text.splitlines()) <= 12 and all(word in text for word in words), text


def test_map_blocks_and_rows(numbers):
    for mapped in (tfs.map_blocks(lambda x: {"z": x + 3}, numbers), tfs.map_rows(lambda x: {"z": x + 3}, numbers)):
        assert mapped.columns == ["z", "x"]  # outputs come first
        assert sorted((r.x, r.z) for r in mapped.collect()) == [(float(i), i + 3.0) for i in range(10)]
    several = tfs.map_blocks(lambda x: {"b": x * 2, "a": x}, numbers.limit(1))
    assert several.columns == ["a", "b", "x"] and several.collect()[0].asDict() == {"a": several.collect()[0].x, "b": 2 * several.collect()[0].x, "x": several.collect()[0].x}
    assert tfs.map_rows(lambda w: {"z": w + 3}, numbers, feed_dict={"w": "x"}).agg({"z": "sum"}).collect()[0][0] == 75
    placeholder = tfs.block(numbers, "x")
    assert placeholder.shape == (None,) and placeholder.dtype == "float64" and tfs.row(numbers, numbers.x, tf_name="t").shape == ()
    assert tfs.map_blocks({"z": placeholder * 2 + 1}, numbers).agg({"z": "sum"}).collect()[0][0] == 100


def test_trim(numbers):
    assert {tuple(r) for r in tfs.map_blocks(lambda x: {"z": [2.0]}, numbers, trim=True).collect()} == {(2.0,)}
    parts = tfs.map_blocks(lambda x: {"total": ops.expand_dims(ops.sum(x, axis=0), 0), "n": ops.expand_dims(ops.sum(ops.ones_like(x, dtype="int64"), axis=0), 0)}, numbers, trim=True)
    rows = parts.collect()
    assert parts.columns == ["n", "total"] and len(rows) == 2 and sum(r.total for r in rows) == 45 and sum(r.n for r in rows) == 10
    assert tfs.map_blocks(lambda x: {"x": ops.concatenate([x, x], axis=0)}, numbers, trim=True).count() == 20


def test_types(spark, capsys):
    import datetime

    schema = "i int, l long, f float, d double, b binary, s string, t boolean, day date"
    df = spark.createDataFrame([(1, 2**60 + 1, 1.5, 2.5, bytearray(b"a\0b"), "s", True, datetime.date(2020, 1, 2))], schema)
    def program(i, l, f, d, b):
        return {"i2": i + 1, "l2": l + 1, "f2": f * 2, "d2": d * 2, "b2": b, "b3": b + 1, "b4": ops.sum(ops.cast(b, "int32")), "t2": d > 2}
    mapped = tfs.map_rows(program, df)
    assert dict(mapped.dtypes[:8]) == {"i2": "int", "l2": "bigint", "f2": "float", "d2": "double", "b2": "binary", "b3": "binary", "b4": "int", "t2": "boolean"}
    assert mapped.columns[8:] == df.columns
    row = mapped.collect()[0]
    assert (row.i2, row.l2, row.f2, row.d2, row.b2, row.t2, row.day) == (2, 2**60 + 2, 3.0, 5.0, b"a\0b", True, datetime.date(2020, 1, 2))
    assert bytes(row.b3) == b"b\1c" and row.b4 == 97 + 98
    pixels = tfs.analyze(df.select("b"))
    assert tfs.block(pixels, "b").shape == (None, 3) and tfs.row(df, "b").shape == (None,) and "binary[?]" in tfs.explain(pixels)
    assert tfs.map_blocks(lambda b: {"p": ops.reshape(ops.cast(b, "float32"), (-1, 3, 1)) / 2}, pixels).collect()[0].p == [[48.5], [0.0], [49.0]]
    text = told(capsys, df)
    for line in (" |-- i: integer (nullable = true) int[?]", " |-- l: long (nullable = true) long[?]", " |-- b: binary (nullable = true) binary[?]", " |-- day: date (nullable = true) <no tensor>"):
        assert line in text.splitlines()
    raised("FS1002", lambda: tfs.map_rows(lambda i, d: {"z": i + d}, df), "i int32[]", "d float64[]", "cast")
    raised("FS1001", lambda: tfs.map_rows(lambda l: {"z": l + 0.5}, df), "int64", "cast")
    raised("FS2002", lambda: tfs.map_rows(lambda day: {"z": day}, df), "date")
    raised("FS1001", lambda: tfs.map_rows(lambda s: {"z": s + 1}, df), "'s' is string")
    raised("FS2002", lambda: tfs.map_rows(lambda b: {"z": b[0]}, df), "uint8", "cast")


def test_vectors_and_what_analyze_finds(spark, vectors, capsys):
    raw = spark.createDataFrame([([1.0, 2.0], [[1, 2]], [1.0]), ([3.0, 4.0], [[3, 4]], [1.0, 2.0])], "v array<double>, m array<array<int>>, r array<double>")
    assert " |-- v: array (nullable = true) double[?,?]" in told(capsys, raw)
    known = tfs.analyze(raw)
    text = told(capsys, known)
    assert all(f"(nullable = true) {shape}" in text for shape in ("double[?,2]", "int[?,1,2]", "double[?,?]")) and tfs.explain(known) == text.rstrip("\n")
    assert tfs.block(known, "m").shape == (None, 1, 2) and tfs.row(known, "r").shape == (None,)
    mapped = tfs.map_blocks(lambda v, m: {"s": ops.sum(v, axis=1), "w": v @ np.array([[1.0], [10.0]]), "n": m * 2}, known)
    assert [(r.s, r.w, r.n) for r in mapped.collect()] == [(3.0, [21.0], [[2, 4]]), (7.0, [43.0], [[6, 8]])]
    assert " |-- w: array (nullable = true) double[?,1]" in told(capsys, mapped)  # what a program gives needs no analyze
    ragged = tfs.map_rows(lambda r: {"s": ops.sum(r), "d": r + r}, raw)
    assert [(r.s, r.d) for r in ragged.collect()] == [(1.0, [2.0]), (3.0, [2.0, 4.0])]
    said = tfs.append_shape(raw, raw.v, [None, 2])
    assert "double[?,2]" in told(capsys, said) and tfs.block(tfs.append_shape(raw, "v", [2]), "v").shape == (None, 2)
    raised("FS1002", lambda: tfs.append_shape(raw, "v", [1, 2, 3]), "'v'")
    raised("FS1002", lambda: tfs.map_blocks(lambda v: {"z": v @ np.ones((2, 1))}, raw), "analyze")
    assert tfs.map_rows(lambda y: {"z": ops.sum(y)}, vectors).agg({"z": "sum"}).collect()[0][0] == 0


def test_ml_vectors(spark):
    from pyspark.ml.linalg import Vectors

    df = tfs.analyze(spark.createDataFrame([(Vectors.dense(1.0, 2.0),), (Vectors.sparse(2, [1], [5.0]),)], ["v"]))
    rows = tfs.map_blocks(lambda v: {"s": ops.sum(v, axis=1)}, df).collect()
    assert [(r.s, r.v) for r in rows] == [(3.0, Vectors.dense(1, 2)), (5.0, Vectors.sparse(2, [1], [5.0]))]
    assert tfs.reduce_blocks(lambda v_input: {"v": ops.max(v_input, axis=0)}, df).tolist() == [1.0, 5.0]


def test_reductions(spark, numbers, vectors):
    total = tfs.reduce_rows(lambda x_1, x_2: {"x": x_1 + x_2}, numbers)
    assert total == 45 and isinstance(total, np.float64)
    assert tfs.reduce_blocks(lambda x_input: {"x": ops.sum(x_input, axis=0)}, numbers) == 45
    both = vectors.select(vectors.y, vectors.y.alias("z"))
    y, z = tfs.reduce_blocks(lambda y_input, z_input: {"y": ops.sum(y_input, axis=0), "z": ops.min(z_input, axis=0)}, both)
    assert y.tolist() == [45, -45] and z.tolist() == [0, -9]
    placeholder = tfs.block(vectors, "y", tf_name="y_input")
    assert tfs.reduce_blocks({"y": ops.max(placeholder, axis=0)}, vectors).tolist() == [9, 0]
    whole = spark.range(1, 11).repartition(4)
    assert tfs.reduce_rows(lambda id_1, id_2: {"id": id_1 * id_2}, whole) == 3628800
    assert tfs.reduce_rows(lambda x_1, x_2: {"x": ops.minimum(x_1, x_2)}, numbers.where("x > 8").repartition(4)) == 9  # three parts are empty
    raised("FS2007", lambda: tfs.reduce_blocks(lambda x_input: {"x": ops.sum(x_input, axis=0)}, numbers.where("x > 100")))
    raised("FS1003", lambda: tfs.reduce_blocks(lambda x: {"x": ops.sum(x, axis=0)}, numbers), "'x'", "z_input")
    raised("FS1003", lambda: tfs.reduce_rows(lambda x_1, x_3: {"x": x_1 + x_3}, numbers), "'x_3'", "z_1 and z_2")
    raised("FS2001", lambda: tfs.reduce_blocks(lambda x_input: {"z": ops.sum(x_input, axis=0)}, numbers), "output 'z'", "it has x")
    raised("FS1002", lambda: tfs.reduce_blocks(lambda x_input: {"x": x_input * 2}, numbers), "output 'x'")
    raised("FS2002", lambda: tfs.reduce_blocks(lambda x_input: {"x": ops.count_nonzero(x_input)}, numbers), "int")
    raised("FS2003", lambda: tfs.reduce_blocks(lambda x_input: {"x": ops.sum(x_input, axis=0)}, spark.createDataFrame([(1.0,), (None,)], "x double")), "'x' has nulls")


def test_aggregate(spark, capsys):
    rows = [(str(i % 2), i % 3, float(i), [float(i), 1.0], i) for i in range(30)]
    df = tfs.analyze(spark.createDataFrame(rows, "key string, k int, x double, v array<double>, n long").repartition(3))
    sums = tfs.aggregate(lambda x_input: {"x": ops.sum(x_input, axis=0)}, df.groupBy("key"))
    assert sorted(sums.collect()) == [("0", 210.0), ("1", 225.0)] and sums.columns == ["key", "x"]
    several = tfs.aggregate(lambda v_input, n_input, x_input: {"v": ops.sum(v_input, axis=0), "n": ops.max(n_input, axis=0), "x": ops.min(x_input, axis=0)}, df.groupBy("k", "key"))
    assert several.columns == ["k", "key", "n", "v", "x"] and "double[?,2]" in told(capsys, several)
    for r in several.collect():
        mine = [row for row in rows if (row[1], row[0]) == (r.k, r.key)]
        assert (r.n, r.v, r.x) == (max(m[4] for m in mine), [sum(m[2] for m in mine), float(len(mine))], min(m[2] for m in mine))
    # A mean: a column of ones is summed with the numbers.
    counted = tfs.map_blocks(lambda x: {"count": ops.ones_like(x)}, df.select("key", "x"))
    both = tfs.aggregate(lambda x_input, count_input: {"x": ops.sum(x_input, axis=0), "count": ops.sum(count_input, axis=0)}, counted.groupBy("key"))
    means = tfs.map_blocks(lambda x, count: {"mean": x / count}, both).select("key", "mean")
    assert sorted(means.collect()) == [("0", 14.0), ("1", 15.0)]
    assert [tuple(r) for r in tfs.aggregate(lambda x_input: {"x": ops.sum(x_input, axis=0)}, df.groupBy()).collect()] == [(435.0,)]
    assert tfs.aggregate(lambda x_input: {"x": ops.sum(x_input, axis=0)}, df.where("x < 0").groupBy("key")).collect() == []
    raised("FS2001", lambda: tfs.aggregate(lambda x_input: {"x": ops.sum(x_input, axis=0)}, df.groupBy(df.k + 1)), "(k + 1)", "withColumn")
    raised("FS1005", lambda: tfs.aggregate(lambda x_input: {"x": ops.sum(x_input, axis=0)}, df.cube("key")), "cube")
    raised("FS1001", lambda: tfs.aggregate(lambda x_input: {"x": ops.sum(x_input, axis=0)}, df), "groupBy")


def test_k_means_in_two_ways(spark):
    rng = np.random.default_rng(2)
    centres = np.array([[0.0, 0.0], [8.0, 8.0]])
    points = np.concatenate([rng.normal(size=(60, 2)) + c for c in centres])
    df = tfs.analyze(spark.createDataFrame([(p.tolist(),) for p in points], "p array<double>").repartition(2))

    def distances(p):
        return ops.sum(ops.square(ops.expand_dims(p, 1) - centres), axis=2)

    near = tfs.map_blocks(lambda p: {"nearest": ops.argmin(distances(p), axis=1), "count": ops.ones_like(ops.argmin(distances(p), axis=1), dtype="int32")}, df)
    moved = tfs.aggregate(lambda p_input, count_input: {"p": ops.sum(p_input, axis=0), "count": ops.sum(count_input, axis=0)}, near.groupBy("nearest")).collect()
    assert sorted(r["count"] for r in moved) == [60, 60]
    summed = tfs.map_blocks(lambda p: {"s": ops.expand_dims(ops.segment_sum(p, ops.argmin(distances(p), axis=1), 2), 0)}, df, trim=True)  # summed before it leaves the block
    total = tfs.reduce_blocks(lambda s_input: {"s": ops.sum(s_input, axis=0)}, summed)
    np.testing.assert_allclose(total, [points[:60].sum(0), points[60:].sum(0)])
    np.testing.assert_allclose(total, [r.p for r in sorted(moved, key=lambda r: r.nearest)])


def test_models_as_programs(spark, vectors, tmp_path):
    net = fire.Sequential([fire.Input((2,), name="y"), fire.layers.Dense(3, "softmax", name="scores")])
    net._net.init(1)
    single = vectors.select(vectors.y.cast("array<float>").alias("y"), vectors.y.alias("double"))
    values = np.array([r.y for r in single.collect()], np.float32)
    expected = net.predict(values, verbose=0)
    for mapped in (tfs.map_blocks(net, single), tfs.map_rows(net, single)):
        assert mapped.columns == ["scores", "y", "double"]
        np.testing.assert_allclose([r.scores for r in mapped.collect()], expected, rtol=1e-5)
    path = tmp_path / "net.onnx"
    net.save(str(path))
    for graph in (str(path), path, path.read_bytes()):
        mapped = tfs.map_rows(graph, single.select(single.y.alias("f")), feed_dict={"y": "f"})
        np.testing.assert_allclose([r.scores for r in mapped.collect()], expected, rtol=1e-5)
    raised("FS2002", lambda: tfs.map_blocks(net, single, feed_dict={"y": "double"}), "'double' is double", "cast")
    raised("FS1003", lambda: tfs.map_blocks(net, single, feed_dict={"w": "y"}), "'w'", "the program has y")
    raised("FS1002", lambda: tfs.map_rows(net, tfs.append_shape(single, "y", [3])), "float[3]")


def test_graphs_of_tensorflow(spark, numbers, vectors):
    """Frozen graphs do not say the types of what they give, nor shapes."""
    mapped = tfs.map_blocks(str(GRAPHS / "frames_map.pb"), numbers)
    assert mapped.columns == ["w", "z", "x"] and sorted(map(tuple, mapped.collect())) == [(2.0 * i, i + 3.0, float(i)) for i in range(10)]
    content, renamed = (GRAPHS / "frames_map.pb").read_bytes(), numbers.selectExpr("x as price")
    for name in ("x", "x:0"):
        assert tfs.map_rows(content, renamed, feed_dict={name: "price"}).agg({"z": "sum"}).collect()[0][0] == 75
    assert tfs.map_blocks(fire.load(str(GRAPHS / "frames_map.pb"), outputs=["w"]), numbers).columns == ["w", "x"]
    y, z = tfs.reduce_blocks(GRAPHS / "frames_reduce.pb", vectors.select("y", vectors.y.alias("z")))
    assert y.tolist() == [45, -45] and z.tolist() == [0, -9]
    assert tfs.reduce_rows(str(GRAPHS / "frames_rows.pb"), numbers) == 45
    grouped = tfs.aggregate(str(GRAPHS / "frames_reduce.pb"), vectors.selectExpr("y[0] % 2 as key", "y", "y as z").transform(tfs.analyze).groupBy("key"))
    assert sorted((r.key, r.y, r.z) for r in grouped.collect()) == [(0.0, [20.0, -20.0], [0.0, -8.0]), (1.0, [25.0, -25.0], [1.0, -9.0])]
    raised("FS2001", lambda: tfs.map_blocks(content, renamed), "placeholder 'x'", "it has price")
    raised("FS2002", lambda: tfs.map_blocks(content, numbers.selectExpr("cast(x as float) as x")), "is double", "cast")
    raised("FS1002", lambda: tfs.map_blocks(content, vectors.withColumnRenamed("y", "x")), "'x'", "rank 2")


def test_pandas():
    import pandas as pd

    df = pd.DataFrame({"x": [1.0, 2.0], "v": [[1.0, 2.0], [3.0, 4.0]], "r": [[1], [2, 3]]}, index=[7, 8])
    mapped = tfs.map_blocks(lambda x, v: {"z": x + 3, "s": ops.sum(v, axis=1)}, df)
    assert list(mapped.columns) == ["s", "z", "x", "v", "r"] and mapped.z.tolist() == [4, 5] and mapped.s.tolist() == [3, 7] and list(mapped.index) == [7, 8]
    assert tfs.map_rows(lambda r: {"n": ops.sum(r)}, df).n.tolist() == [1, 5]
    assert tfs.map_rows(lambda w: {"z": w * 2}, df, feed_dict={"w": "x"}).z.tolist() == [2, 4]
    assert tfs.map_blocks(lambda x: {"z": ops.expand_dims(ops.sum(x), 0)}, df, trim=True).z.tolist() == [3]
    assert tfs.reduce_rows(lambda x_1, x_2: {"x": x_1 + x_2}, df) == 3 and tfs.reduce_blocks(lambda v_input: {"v": ops.max(v_input, axis=0)}, df).tolist() == [3, 4]
    sold = pd.DataFrame({"shop": ["b", "a", "b", None], "n": [1, 2, 3, 4], "code": [b"a", b"bc", b"", b"d"]})
    sums = tfs.aggregate(lambda n_input: {"n": ops.sum(n_input, axis=0)}, sold.groupby("shop"))
    assert list(sums.columns) == ["shop", "n"] and sums.values.tolist() == [["a", 2], ["b", 4]]
    assert tfs.map_rows(lambda code: {"n2": ops.sum(ops.cast(code, "int64")), "up": code - 32}, sold)[["n2", "up"]].values.tolist() == [[97, b"A"], [197, b"BC"], [0, b""], [100, b"D"]]
    assert tfs.analyze(sold) is sold and "double[?,2]" in tfs.explain(df)
    raised("FS2001", lambda: tfs.aggregate(lambda n_input: {"n": ops.sum(n_input, axis=0)}, sold.groupby(sold.n % 2)), "names of columns")
    raised("FS2007", lambda: tfs.reduce_rows(lambda n_1, n_2: {"n": n_1 + n_2}, sold[sold.n > 9]))
    raised("FS2005", lambda: tfs.map_blocks(lambda r: {"z": r * 2}, df), "map_rows")


def test_what_is_wrong_is_told_before_any_job(spark, numbers):
    wide = numbers.selectExpr("x as price", "x as amount")
    raised("FS2001", lambda: tfs.map_blocks(lambda prise: {"z": prise}, wide), "placeholder 'prise'", "price, amount", "the nearest is 'price'")
    raised("FS2001", lambda: tfs.map_blocks(lambda x: {"price": x}, wide, feed_dict={"x": "price"}), "output 'price'")
    raised("FS2001", lambda: tfs.map_blocks(lambda x: {"z": x}, wide, feed_dict={"x": "cost"}), "'cost'")
    raised("FS1003", lambda: tfs.map_blocks(lambda price: {"z": price}, wide, feed_dict={"prise": "price"}), "'prise'", "the program has price")
    raised("FS1002", lambda: tfs.map_blocks(lambda price: {"z": ops.sum(price)}, wide), "trim=True")
    raised("FS1002", lambda: tfs.map_blocks(lambda price: {"z": [1.0, 2.0]}, wide), "2 rows")
    raised("FS1001", lambda: tfs.map_blocks(lambda price: price, wide), "dict")
    raised("FS1001", lambda: tfs.map_blocks(3, wide), "fetches")
    raised("FS1001", lambda: tfs.map_blocks(wide, lambda price: {"z": price}), "the program comes first")
    with pytest.raises(Exception, match="FS2003.*has nulls"):
        tfs.map_blocks(lambda x: {"z": x + 1}, spark.createDataFrame([(None,)], "x double")).collect()
