"""Scoring over Spark Connect: models as Transformers and SQL functions, and files without a JVM."""
import numpy as np
import pytest

import firesteel as fire
from firesteel.spark import ModelTransformer, register_udf

X = np.random.default_rng(4).normal(size=(40, 7)).astype(np.float32)

SESSION = {"remote": "local[2]"}


@pytest.fixture(scope="module")
def flat():
    model = fire.Sequential([fire.Input((7,)), fire.layers.Dense(5, "relu", name="hidden"), fire.layers.Dense(3, "softmax")])
    model._ready()
    return model


def test_transformer_udf_and_files(spark, flat, tmp_path):
    from pyspark.ml import PipelineModel
    from pyspark.ml.functions import array_to_vector

    df = spark.createDataFrame([(i, *r.tolist(), r.tolist()) for i, r in enumerate(X)], "id long, a float, b float, c float, d float, e float, f float, g float, row array<float>")
    want, hidden = flat.predict(X, verbose=0), fire.Model(flat.inputs, flat.get_layer("hidden").output).predict(X, verbose=0)

    def got(frame, column):
        return np.array([list(r[column]) for r in frame.orderBy("id").collect()], np.float32)

    stage = ModelTransformer(flat, list("abcdefg"), "y", outputLayer={"h": "hidden"})
    assert np.array_equal(got(stage.transform(df), "y"), want) and np.array_equal(got(stage.transform(df), "h"), hidden)
    PipelineModel([stage]).write().overwrite().save(str(tmp_path / "p"))
    assert np.array_equal(got(PipelineModel.load(str(tmp_path / "p")).transform(df), "h"), hidden)

    df.createOrReplaceTempView("t")
    register_udf(spark, "classes", flat, preprocessor=lambda x: x * 2)
    assert np.array_equal(got(spark.sql("select id, classes(row) y from t"), "y"), flat.predict(X * 2, verbose=0))

    df.withColumn("v", array_to_vector("row")).write.parquet(f"{tmp_path}/t")
    scored = ModelTransformer(flat, "v", "y", outputMode="vector").score_files(f"{tmp_path}/t", f"{tmp_path}/out", columns=["id"])
    assert scored.columns == ["id", "y"] and np.array_equal(got(scored, "y"), want)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out", "p", "t"]
    with pytest.raises(fire.FiresteelError) as caught:
        ModelTransformer(flat, "v", "y").score_files(f"{tmp_path}/t", f"{tmp_path}/out")
    assert caught.value.code == "FS5001"
