"""Scoring everywhere, local[2]: models as Transformers and SQL functions, on every kind of column, over streams, and files without a JVM."""
import numpy as np
import pytest

import firesteel as fire
from firesteel.spark import ModelTransformer, NNClassifier, register_udf

L = fire.layers
N = 60
rng = np.random.default_rng(4)
X = rng.normal(size=(N, 7)).astype(np.float32)

SESSION = {"master": "local[2]", "spark.driver.memory": "1g"}


@pytest.fixture(scope="module")
def df(spark):
    """The same seven numbers as columns, arrays, nested arrays, vectors, bytes and structs."""
    from pyspark.sql.types import ArrayType, BinaryType, FloatType, LongType, StructField, StructType

    one, many = FloatType(), ArrayType(FloatType())
    kind = StructType([StructField("id", LongType()), *[StructField(c, one) for c in "abcdefg"], StructField("row", many), StructField("wide", many), StructField("deep", many),
                       StructField("square", ArrayType(many)), StructField("raw", BinaryType()), StructField("parts", StructType([StructField("Deep", many), StructField("wide", many)]))])
    return spark.createDataFrame([(i, *r.tolist(), r.tolist(), r[:3].tolist(), r[3:].tolist(), r[3:].reshape(2, 2).tolist(), bytearray(r.tobytes()), (r[3:].tolist(), r[:3].tolist()))
                                  for i, r in enumerate(X)], kind)


def wide_deep():
    """Two inputs, two outputs of different shape."""
    wide, deep = fire.Input((3,), name="wide"), fire.Input((4,), name="deep")
    hidden = L.Dense(6, "tanh", name="hidden")(deep)
    score = L.Dense(1, name="score")(L.Concatenate(name="both")([wide, hidden]))
    model = fire.Model([wide, deep], [score, L.Reshape((2, 3), name="grid")(hidden)])
    model._ready()
    return model


@pytest.fixture(scope="module")
def two():
    return wide_deep()


@pytest.fixture(scope="module")
def flat():
    model = fire.Sequential([fire.Input((7,)), L.Dense(5, "relu", name="hidden"), L.Dense(3, "softmax", name="last")])
    model._ready()
    return model


def got(frame, *columns):
    rows = frame.orderBy("id").select(*columns).collect()
    made = [np.array([r[c].toArray() if hasattr(r[c], "toArray") else r[c] for r in rows], np.float32) for c in columns]
    return made[0] if len(made) == 1 else made


def raised(code, work, *words):
    with pytest.raises(fire.FiresteelError) as caught:
        work()
    assert caught.value.code == code and len(str(caught.value).splitlines()) <= 12, str(caught.value)
    assert all(word in str(caught.value) for word in words), str(caught.value)


# ---- ModelTransformer ---------------------------------------------------------------------

def test_inputs_and_outputs_by_name(df, two):
    want = two.predict([X[:, :3], X[:, 3:]], verbose=0)
    stage = ModelTransformer(two, {"deep": list("defg"), "wide": "wide"}, {"grid": "grid", "score": "s"})
    frame = stage.transform(df)
    assert frame.schema["s"].dataType.simpleString() == "float" and frame.schema["grid"].dataType.simpleString() == "array<array<float>>"
    s, g = got(frame, "s", "grid")
    assert np.array_equal(s, want[0][:, 0]) and np.array_equal(g, want[1])
    by_order = ModelTransformer(two, ["wide", "square"], ["s", "grid"], outputMode={"grid": "vector"}).transform(df)
    s, g = got(by_order, "s", "grid")
    assert np.array_equal(s, want[0][:, 0]) and np.array_equal(g, want[1].reshape(N, 6)) and by_order.schema["grid"].dataType.typeName() == "vectorudt"
    assert np.array_equal(got(ModelTransformer(two, "parts", {"score": "s"}).transform(df), "s"), want[0][:, 0])  # a struct's fields by name


def test_every_kind_of_column(spark, df, flat, tmp_path):
    from pyspark.ml.functions import array_to_vector
    from pyspark.ml.linalg import Vectors, VectorUDT
    from pyspark.sql import functions as F
    from pyspark.sql.types import LongType, StructField, StructType

    want = flat.predict(X, verbose=0)
    kinds = df.withColumn("s", F.struct(*"abcdefg"))
    for columns in ("row", list("abcdefg"), ["a", "b", "c", "deep"], "raw", "s", ["wide", "square"]):
        assert np.array_equal(got(ModelTransformer(flat, columns, "y", binaryType="float32").transform(kinds), "y"), want), columns
    assert np.array_equal(got(ModelTransformer(flat, "raw", "y").transform(df), "y"), want)  # 28 bytes are seven floats
    vectors = df.select("id", array_to_vector("row").alias("v"))
    assert np.array_equal(got(ModelTransformer(flat, "v", "y").transform(vectors), "y"), want)
    sparse = spark.createDataFrame([(i, Vectors.sparse(7, [1, 4], [float(i), 2.0])) for i in range(5)], StructType([StructField("id", LongType()), StructField("v", VectorUDT())]))
    x = np.zeros((5, 7), np.float32)
    x[:, 1], x[:, 4] = np.arange(5), 2
    assert np.array_equal(got(ModelTransformer(flat, "v", "y").transform(sparse), "y"), flat.predict(x, verbose=0))


def test_layers_inside(df, flat, two):
    inside = fire.Model(flat.inputs, flat.get_layer("hidden").output).predict(X, verbose=0)
    frame = ModelTransformer(flat, "row", "y", outputLayer={"h": "hidden"}, outputMode={"h": "vector"}).transform(df)
    y, h = got(frame, "y", "h")
    assert np.array_equal(y, flat.predict(X, verbose=0)) and np.array_equal(h, inside)
    assert np.array_equal(got(ModelTransformer(flat, "row", "h", outputLayer="hidden").transform(df), "h"), inside)
    raised("FS1003", lambda: ModelTransformer(flat, "row", "h", outputLayer="hiden"), "did you mean hidden?")
    assert got(ModelTransformer(two, ["wide", "deep"], outputLayer={"inner": "both"}).transform(df), "inner").shape == (N, 9)


def test_formats_persistence_and_pipelines(spark, df, flat, tmp_path):
    from pyspark.ml import Pipeline, PipelineModel
    from pyspark.ml.feature import VectorAssembler

    want = flat.predict(X, verbose=0)
    flat.save(tmp_path / "m.onnx")
    for model in (str(tmp_path / "m.onnx"), tmp_path / "m.onnx", (tmp_path / "m.onnx").read_bytes()):
        assert np.array_equal(got(ModelTransformer(model, "row", "y").transform(df), "y"), want)
    raised("FS1004", lambda: ModelTransformer(3, "row", "y"))
    stage = ModelTransformer(flat, "v", outputCols="y", outputLayer={"h": "hidden"}, outputMode="vector")
    fitted = Pipeline(stages=[VectorAssembler(inputCols=list("abcdefg"), outputCol="v"), stage]).fit(df)
    path = f"file://{tmp_path}/p"
    fitted.write().overwrite().save(path)
    again = PipelineModel.load(path)
    assert np.array_equal(got(again.transform(df), "y"), want) and again.stages[1].getOutputLayer() == {"h": "hidden"} and again.stages[1].uid == stage.uid
    assert again.stages[1].copy().transform(again.stages[0].transform(df)).columns == again.transform(df).columns


def test_rows_that_cannot_be_scored(df, two, flat):
    from pyspark.sql import functions as F

    holed = df.withColumn("a", F.when(df.id % 3 != 0, df.a)).withColumn("wide", F.when(df.id % 4 != 0, df.wide))
    frame = ModelTransformer(flat, list("abcdefg"), "y", handleInvalid="skip").transform(holed)
    assert frame.count() == 40 and np.array_equal(got(frame, "y"), flat.predict(X[np.arange(N) % 3 != 0], verbose=0))
    frame = ModelTransformer(two, ["wide", "deep"], ["s", "grid"], handleInvalid="skip").transform(holed)
    assert np.array_equal(got(frame, "s"), two.predict([X[:, :3], X[:, 3:]], verbose=0)[0][np.arange(N) % 4 != 0, 0])
    assert np.isnan(got(ModelTransformer(flat, list("abcdefg"), "y", handleInvalid="keep").transform(holed), "y")[0]).all()
    with pytest.raises(Exception, match="FS2003"):
        ModelTransformer(flat, list("abcdefg"), "y").transform(holed).collect()


def test_errors_on_the_driver(df, two, flat):
    raised("FS1003", lambda: ModelTransformer(two, {"wid": "wide", "deep": "deep"}, ["s", "grid"]).transform(df), "did you mean wide?", "wide, deep")
    raised("FS1003", lambda: ModelTransformer(two, ["wide", "deep"], {"scor": "s"}), "did you mean score?")
    raised("FS1004", lambda: ModelTransformer(two, ["wide"], ["s", "grid"]).transform(df), "wide [3], deep [4]")
    raised("FS1004", lambda: ModelTransformer(two, ["wide", "deep"], "s"), "score, grid")
    raised("FS1002", lambda: ModelTransformer(two, {"wide": list("ab"), "deep": "deep"}, ["s", "grid"]).transform(df), "2 numbers", "wide [3]")
    structs = df.selectExpr("struct(a, b) as few", "struct(struct(a, b) as wide, deep) as nested", "struct(wide, deep as dep) as lacks", "struct(a, string(b) as t) as text")
    raised("FS1002", lambda: ModelTransformer(flat, "few", "y").transform(structs), "few.a, few.b give 2 numbers", "[7]")
    raised("FS1002", lambda: ModelTransformer(two, "nested", ["s", "grid"]).transform(structs), "nested.wide.a, nested.wide.b give 2 numbers", "wide [3]")
    raised("FS1003", lambda: ModelTransformer(two, "lacks", ["s", "grid"]).transform(structs), "did you mean dep?", "wide [3], deep [4]")
    raised("FS2002", lambda: ModelTransformer(flat, "text", "y").transform(structs), "text.t", "string")
    raised("FS2001", lambda: ModelTransformer(flat, "rows", "y").transform(df), "did you mean")
    raised("FS2001", lambda: ModelTransformer(flat, "row", "a").transform(df), "in the table already")
    raised("FS2002", lambda: ModelTransformer(flat, "t", "y").transform(df.selectExpr("string(a) as t")), "string")
    raised("FS1001", lambda: ModelTransformer(flat, "row").transform(df), "outputCols is not set")
    raised("FS1003", lambda: ModelTransformer(flat, "row", "y", outputLayr="hidden"), "outputLayer")


# ---- SQL ------------------------------------------------------------------------------------------

def test_udf_on_every_kind_of_argument(spark, df, flat, two):
    from pyspark.sql import functions as F

    want, both = flat.predict(X, verbose=0), two.predict([X[:, :3], X[:, 3:]], verbose=0)
    df.createOrReplaceTempView("t")
    classes = register_udf(spark, "classes", flat)
    register_udf(spark, "both", two)
    frame = spark.sql("select id, classes(row) one, classes(a, b, c, deep) several, classes(struct(a, b, c, d, e, f, g)) fields, classes(raw) raw, both(wide, deep).score s, "
                      "both(parts).grid grid from t where id >= 0")
    for name in ("one", "several", "fields", "raw"):
        assert np.array_equal(got(frame, name), want), name
    s, g = got(frame, "s", "grid")
    assert np.array_equal(s, both[0][:, 0]) and np.array_equal(g, both[1])
    assert np.array_equal(got(df.select("id", classes("row").alias("y")), "y"), want)
    rows = spark.sql("select id, classes(if(id % 3 = 0, null, row)) y from t order by id").collect()
    assert [r.y is None for r in rows] == [i % 3 == 0 for i in range(N)] and np.array_equal(np.float32(rows[1].y), want[1])
    for query, words in (("both(wide, deep, a)", "wide .3., deep .4."), ("both(struct(wide, a as dep))", "did you mean dep"), ("both(wide, wide)", "deep .4. takes 4"), ("classes('x')", "string")):
        with pytest.raises(Exception, match=words):
            spark.sql(f"select {query} y from t").collect()


def test_udf_on_images_with_a_preprocessor(spark):
    from pyspark.sql.types import BinaryType, IntegerType, StringType, StructField, StructType

    image = StructType([StructField("origin", StringType()), *[StructField(n, IntegerType()) for n in ("height", "width", "nChannels", "mode")], StructField("data", BinaryType())])
    pictures = rng.integers(0, 256, (9, 4, 5, 3), np.uint8)
    table = spark.createDataFrame([(i, None if i == 3 else ("", 4, 5, 3, 16, bytearray(p[..., ::-1].tobytes()))) for i, p in enumerate(pictures)],
                                  StructType([StructField("id", IntegerType()), StructField("image", image)]))
    table.createOrReplaceTempView("pictures")
    net = fire.Sequential([fire.Input((4, 5, 3)), L.Conv2D(2, 3, activation="relu"), L.Flatten(), L.Dense(1)])
    net._ready()
    whole = [i for i in range(9) if i != 3]

    def half(x):
        return x.astype("float32") / 255

    register_udf(spark, "see", net, preprocessor=half)
    rows = spark.sql("select see(image) y from pictures order by id").collect()
    assert rows[3].y is None and np.array_equal(np.float32([rows[i].y for i in whole]), net.predict(pictures[whole] / np.float32(255), verbose=0)[:, 0])
    frame = ModelTransformer(net, "image", "y", handleInvalid="skip").transform(table)
    assert np.array_equal(got(frame, "y"), net.predict(pictures[whole], verbose=0)[:, 0])


# ---- streams and files ------------------------------------------------------------------------------

def test_a_stream_is_scored(spark, df, flat, tmp_path):
    df.write.parquet(f"{tmp_path}/in")
    stream = ModelTransformer(flat, "row", "y").transform(spark.readStream.schema(df.schema).parquet(f"{tmp_path}/in"))
    query = stream.select("id", "y").writeStream.format("memory").queryName("scored").trigger(availableNow=True).start()
    assert query.awaitTermination(120)
    assert np.array_equal(got(spark.table("scored"), "y"), flat.predict(X, verbose=0))


def test_files_are_scored_like_tables(spark, df, flat, two, tmp_path, monkeypatch):
    from pyspark.ml.functions import array_to_vector

    from firesteel.spark import files

    table, out = f"{tmp_path}/t able", f"{tmp_path}/out"
    df.withColumn("v", array_to_vector("row")).withColumn("label", (df.id % 3).cast("double")).write.option("parquet.block.size", 2048).partitionBy("label").parquet(table)
    frame = spark.read.parquet(table)
    model = NNClassifier(featuresCol="v", hiddenLayers=[4], epochs=1, verbose=0).fit(frame.withColumn("label", frame.label.cast("double")))
    scored = model.score_files(table, out)
    same = model.transform(frame)
    assert scored.columns == same.columns and [f.dataType for f in scored.schema] == [f.dataType for f in same.schema] and scored.schema["probability"].metadata == same.schema["probability"].metadata
    assert scored.orderBy("id").collect() == same.orderBy("id").collect()
    plan = model.transform(frame).where("id > 3").select("prediction")._jdf.queryExecution().toString()  # reads only its columns, filters pass
    assert "ReadSchema: struct<id:bigint,v:" in plan and "GreaterThan(id,3)" in plan and "ArrowEvalPython" in plan and "raw#" not in plan.split("Physical Plan")[1], plan
    plan = ModelTransformer(flat, list("abcdefg"), "y").transform(frame).select("y")._jdf.queryExecution().executedPlan().toString()
    below = plan.split("ArrowEvalPython", 1)[1].splitlines()[1]
    assert "Project" in below and "array(" in below, plan  # one column stands in the queue of rows that wait for Python, made before it
    raised("FS5001", lambda: model.score_files(table, out), "overwrite")
    monkeypatch.setattr(files, "_committed_here", lambda job, names: False)  # as on a cluster whose disks the driver does not see
    stage = ModelTransformer(two, {"wide": "wide", "deep": "deep"}, ["s", "grid"], outputMode={"grid": "vector"})
    scored = stage.score_files(table, out, columns=["id", "label"], mode="overwrite")
    assert scored.columns == ["id", "label", "s", "grid"] and scored.orderBy("id").collect() == stage.transform(frame).select("id", "label", "s", "grid").orderBy("id").collect()
    assert scored.count() == N and sorted(p.name for p in tmp_path.iterdir()) == ["out", "t able"]


def test_failing_files_leave_nothing(spark, df, flat, tmp_path):
    from pyspark.sql import functions as F

    df.withColumn("row", F.when(df.id != 50, df.row)).repartition(4).write.parquet(f"{tmp_path}/t")
    raised("FS2003", lambda: ModelTransformer(flat, "row", "y").score_files(f"{tmp_path}/t", f"{tmp_path}/out"), "row")
    assert [p.name for p in tmp_path.iterdir()] == ["t"]
    scored = ModelTransformer(flat, "row", "y", handleInvalid="skip").score_files(f"{tmp_path}/t", f"{tmp_path}/out")
    assert np.array_equal(got(scored, "y"), flat.predict(np.delete(X, 50, 0), verbose=0))
    raised("FS5001", lambda: ModelTransformer(flat, "row", "y").score_files(f"{tmp_path}/nothing", f"{tmp_path}/o"), "no such file")
    raised("FS2001", lambda: ModelTransformer(flat, "row", "y").score_files(f"{tmp_path}/t", f"{tmp_path}/o", columns=["idd"]), "did you mean id")


def test_a_large_model_lies_once_on_the_host(spark, df, tmp_path):
    big = fire.Sequential([fire.Input((7,)), L.Dense(512, "relu"), L.Dense(700, "relu"), L.Dense(1)])
    big._ready()
    assert len(big.to_bytes()) > 1 << 20
    want = big.predict(X, verbose=0)[:, 0]
    assert np.array_equal(got(ModelTransformer(big, "row", "y").transform(df), "y"), want)
    register_udf(spark, "big", big)
    assert np.array_equal(got(df.selectExpr("id", "big(row) y"), "y"), want)


def test_transfer_learning_as_an_example(spark, tmp_path):
    import sys
    from pathlib import Path

    sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "examples"))
    from transfer import main

    assert min(main(spark, str(tmp_path)).values()) > 0.7
