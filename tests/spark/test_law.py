"""The law of spark.ml on classic Spark: every exported class, on local disk and on another file system of Hadoop's; what the Spark UI shows; Ctrl-C."""

import pytest

import law
from bed import flower_table, interrupted_fit, small
from firesteel.spark import session

SESSION = {"master": "local[2]", "spark.driver.memory": "1g"}


def test_every_class(spark, tmp_path):
    df, models = law.check_all(spark, f"file:{tmp_path}/law")
    for model in models:
        again = law.check_saved(model, f"{tmp_path}/{model.uid}")
        assert not again.hasSummary
        assert law.check_scores(again, df) == law.check_scores(model, df)


def test_in_a_pipeline_on_another_file_system(spark, tmp_path):
    """viewfs:// goes through Hadoop's FileSystem as hdfs:// does."""
    spark.conf.set("fs.viewfs.mounttable.law.link./data", f"file://{tmp_path}")
    law.check_pipeline(law.table(spark), [law.made(c) for c in law.exported(law.front.estimators.Estimator) if c.__name__ in law.FITTED]
                       + [law.made(law.front.ModelTransformer)], "viewfs://law/data")
    assert (tmp_path / "fitted" / "metadata").is_dir()


def jobs_of(spark):
    """Description and tags of jobs, as the Spark UI shows them."""
    store = spark.sparkContext._jsc.sc().statusStore()
    rows = store.jobsList(None)
    jobs = [rows.apply(i) for i in range(rows.length())]
    return [(job.description().get() if job.description().isDefined() else "", job.jobTags().mkString(" ")) for job in jobs]


def test_jobs_have_descriptions_and_tags(spark, tmp_path):
    df = flower_table(spark)
    spark.sparkContext.setJobDescription("mine")
    model = small(epochs=1, numWorkers="auto").fit(df)
    model.save(str(tmp_path / "m"))
    df.drop("label").write.parquet(str(tmp_path / "t"))
    others = sum(session.TAG not in tags.split() for _, tags in jobs_of(spark))
    type(model).load(str(tmp_path / "m"))
    model.score_files(str(tmp_path / "t"), str(tmp_path / "scores"))
    assert sum(session.TAG not in tags.split() for _, tags in jobs_of(spark)) == others
    assert len(model.summary.hosts) == 2 and spark.sparkContext.getLocalProperty("spark.job.description") == "mine"
    spark.sparkContext.setJobDescription(None)
    said = [d for d, tags in jobs_of(spark) if session.TAG in tags.split()]
    assert any(d == "mine: firesteel: training on 2 workers, 1 epochs" for d in said) and any("mine: firesteel: looking at the labels" == d for d in said)
    assert any("firesteel: saving or loading" in d for d in said) and any("firesteel: scoring files into" in d for d in said)
    assert len(spark.sparkContext.getJobTags()) == 0


def test_ctrl_c_returns_the_model_so_far(spark, monkeypatch):
    """The handler that classic Spark has installed cancels all jobs; with onInterrupt="model" the job ends by itself, and the handler is back afterwards."""
    df = flower_table(spark)
    model = interrupted_fit(monkeypatch, small(epochs=100_000_000, onInterrupt="model"), df)
    assert model.summary.interrupted and 30 < model.summary.totalIterations < 100_000_000 and len(model.summary.history["loss"]) == model.summary.totalIterations
    assert model.transform(df).where("label = prediction").count() > 135
    assert not spark.sparkContext.statusTracker().getActiveJobsIds()


def test_to_go_on_from_a_model(spark, tmp_path):
    """From a model, its network, a saved model, a file and a checkpoint: the loss goes on where it was; the checkpoint's optimizer too, to the bit."""
    import firesteel as fire

    df = flower_table(spark)
    four = small(epochs=4, checkpointDir=str(tmp_path / "whole")).fit(df)
    two = small(epochs=2, checkpointDir=str(tmp_path / "c")).fit(df)
    two.save(str(tmp_path / "saved"))
    two.network.save(str(tmp_path / "net.onnx"))
    last = two.summary.objectiveHistory[-1]
    for given in (two, two.network, str(tmp_path / "saved"), str(tmp_path / "net.onnx")):
        estimator = small(epochs=1, initialModel=given)
        assert all((a == b).all() for a, b in zip(estimator.getInitialModel().get_weights(), two.network.get_weights()))
    assert estimator.fit(df).summary.objectiveHistory[0] < last
    went_on = small(epochs=2, initialModel=str(tmp_path / "c")).fit(df)
    assert [w.tobytes() for w in went_on.network.get_weights()] == [w.tobytes() for w in four.network.get_weights()]
    small(initialModel=str(tmp_path / "c")).write().overwrite().save(str(tmp_path / "estimator"))
    again = type(estimator).load(str(tmp_path / "estimator")).setEpochs(2).fit(df)
    assert [w.tobytes() for w in again.network.get_weights()] == [w.tobytes() for w in four.network.get_weights()]
    with pytest.raises(fire.FiresteelError, match="net and initialModel are both set"):
        small(net=two.network, initialModel=two).fit(df)
    with pytest.raises(fire.FiresteelError, match="FS5"):
        small(initialModel=str(tmp_path / "nothing"))
