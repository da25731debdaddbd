"""What firesteel.spark decides without a running Spark: Params, slots, and the cause in a long error text."""
import inspect
import traceback
from pathlib import Path

import pytest

import firesteel as fire

pytest.importorskip("pyspark")
from firesteel.spark import ModelTransformer, NNClassifier, NNClassifierModel, NNRegressor, errors, nets, params, session, transform  # noqa: E402

TEXTS = Path(__file__).resolve().parents[1] / "data/spark_texts"


# ---- Params ------------------------------------------------------------------------------

def test_every_param_has_its_accessors_and_a_default_that_its_own_check_accepts():
    for cls, who in ((NNClassifier, "C"), (NNRegressor, "R"), (NNClassifierModel, "c")):
        made = cls()
        for entry in params.TABLE:
            if who not in entry.who:
                assert not hasattr(cls, entry.name) or entry.name in [e.name for e in params.TABLE if who in e.who]
                continue
            name = entry.name[0].upper() + entry.name[1:]
            assert getattr(made, "get" + name)() == (None if entry.default is params.UNSET else entry.default)
            if entry.default is not params.UNSET:
                assert getattr(made, "set" + name)(entry.default) is made
        assert all(p.doc for p in made.params) and len(made.params) == sum(who in e.who for e in params.TABLE)
    assert list(inspect.signature(NNRegressor).parameters) == [e.name for e in params.TABLE if "R" in e.who]


@pytest.mark.parametrize("given, code, words", [
    (dict(epoch=3), "FS1003", "did you mean epochs"), (dict(epochs=0), "FS1004", "at least 1"), (dict(epochs=1.5), "FS1004", "1.5"),
    (dict(learningRate=float("nan")), "FS1004", "above 0"), (dict(featuresCol=[]), "FS1004", "column"), (dict(featuresCol=["a", "a"]), "FS1004", "twice"),
    (dict(hiddenLayers=[0]), "FS1004", "hiddenLayers"), (dict(net="x"), "FS1004", "Sequential"), (dict(loss=3), "FS1004", "losses"),
    (dict(thresholds=[0, 0]), "FS1004", "at most one"), (dict(handleInvalid="drop"), "FS1004", "skip"), (dict(classWeights={0: -1}), "FS1004", "at least 0"),
    (dict(validationFraction=1), "FS1004", "not including"), (dict(seed=2**64), "FS1004", "64 bits"),
])
def test_values_that_make_no_sense(given, code, words):
    with pytest.raises(fire.FiresteelError) as caught:
        NNClassifier(**given)
    assert caught.value.code == code and words in str(caught.value)
    estimator = NNClassifier()
    with pytest.raises(fire.FiresteelError):
        estimator.setParams(verbose=0, **given)
    assert estimator.getVerbose() == 1  # all or nothing


def test_copies_share_nothing_that_changes():
    net = fire.Sequential([fire.layers.Dense(3, "softmax")])
    first = NNClassifier(net=net, epochs=2)
    second = first.copy({first.epochs: 9, first.learningRate: 0.5})
    assert (first.getEpochs(), second.getEpochs(), first.getLearningRate(), second.getLearningRate()) == (2, 9, None, 0.5)
    assert second.uid == first.uid and second.getNet() is not second.getNet()
    assert first.setLearningRate(0.1).setLearningRate(None).getLearningRate() is None
    with pytest.raises(TypeError):
        NNClassifier("features")


def test_class_weights():
    assert params.checked_class_weights({"2": 3.0}, 3) == (1.0, 1.0, 3.0)
    for wrong in ({"3": 1.0}, [1.0, 2.0]):
        with pytest.raises(fire.FiresteelError):
            params.checked_class_weights(wrong, 3)


# ---- slots ---------------------------------------------------------------------------------

@pytest.mark.parametrize("master, conf, slots", [
    ("local", {}, 1), ("local[4]", {}, 4), ("local[*]", {}, 8), ("local[4, 3]", {"spark.task.cpus": "2"}, 2), ("local-cluster[2,3,1024]", {"spark.task.cpus": "2"}, 2),
    ("spark://h:7077", {}, None), ("spark://h:7077", {"spark.cores.max": "6"}, 6), ("yarn", {"spark.executor.instances": "3"}, 3),
    ("yarn", {"spark.executor.instances": "3", "spark.executor.cores": "4"}, 12), ("k8s://x", {"spark.executor.instances": "2", "spark.executor.cores": "3", "spark.task.cpus": "3"}, 2),
])
def test_granted_slots(master, conf, slots):
    assert session.granted(master, conf.get, 8) == slots


class FakeSession:
    """Settings, as RuntimeConfig gives them."""

    def __init__(self, **conf):
        self.values = {name.replace("_", "."): value for name, value in conf.items()}
        self.conf = self

    def get(self, name, default=None):
        return self.values.get(name, default)

    @property
    def sparkContext(self):
        raise RuntimeError("there is none")


def test_dynamic_allocation_and_too_many_workers():
    with pytest.raises(fire.FiresteelError, match="FS4002.*spark.dynamicAllocation.enabled=false"):
        session.check_slots(FakeSession(spark_master="yarn", **{"spark_dynamicAllocation_enabled": "true"}), 2)
    with pytest.raises(fire.FiresteelError, match=r"FS4001.*numWorkers=3 .*local\[2\] has 2"):
        session.check_slots(FakeSession(spark_master="local[2]"), 3)


# ---- the cause in Spark's text ------------------------------------------------------------------

@pytest.mark.parametrize("name, code, words", [
    ("kill", "FS4003", ["worker 1 on h1", "killed"]), ("kill_connect", "FS4003", ["worker 1 on h1", "killed"]), ("raise", "FS2004", ["column 'f' has NaN", "worker 1 on h"]),
    ("missing", "FS4009", ["cannot import firesteel", "addWheel"]), ("cancel_connect", "FS1009", ["cancelled"]),
])
def test_texts_of_spark_itself(name, code, words):
    text = (TEXTS / f"{name}.txt").read_text()
    error = errors.translate(RuntimeError(text), ["h0", "h1"])
    assert error.code == code and all(w in str(error) for w in words), str(error)
    assert len(str(error).splitlines()) <= 12 and error.details.startswith(text[:100])


@pytest.mark.parametrize("text, code, words", [
    ("x [SPARK-24819]: Barrier execution mode does not allow", "FS4001", "numWorkers"),
    ("[SPARK-24942]: Barrier execution mode does not support dynamic resource allocation", "FS4002", "false"),
    ("Job aborted: Lost task 1.0 in stage 3.0 (TID 9) (10.0.0.8 executor 4): ExecutorLostFailure (executor 4 exited caused by one of the running tasks) Reason: Container killed by YARN", "FS4003", "executor 4 ended: Container killed by YARN"),
    ("Traceback\n  File \"x\"\nfiresteel.errors.DataError: FS2003: column 'a' holds a null\n\tat java", "FS2003", "column 'a' holds a null"),
    ("org.apache.spark.SparkException: odd\n\tat java.lang.Thread", "FS4008", "odd"),
    ("", "FS4008", "no reason given"),
])
def test_other_texts(text, code, words):
    error = errors.translate(RuntimeError(text))
    assert error.code == code and words in str(error)


@pytest.mark.parametrize("text, words", [
    ("An error occurred while calling o5.parquet.\n: org.apache.spark.SparkException: odd\n\tat x\nCaused by: java.lang.RuntimeException: part-0 is not a Parquet file\n\tat y", "part-0 is not a Parquet file"),
    ("An error occurred while calling o5.text.\n: java.io.IOException: disk\n\tat x", "java.io.IOException: disk"), ("plain\nmore", "plain"),
])
def test_the_cause_in_one_line(text, words):
    assert errors.cause(RuntimeError(text)) == words


@pytest.mark.parametrize("call, words", [(lambda: NNClassifier().fit({"a": 1}), "fit: expected a Spark DataFrame, found builtins.dict"),
                                         (lambda: ModelTransformer(softmax(2), inputCols="a", outputCols="p").transform([1]), "transform: expected a Spark DataFrame")])
def test_tables_that_are_none(call, words):
    with pytest.raises(ValueError, match=words):
        call()


def softmax(units):
    return fire.Sequential([fire.Input((2,)), fire.layers.Dense(units, "softmax")])


def test_one_softmax_unit_tells_nothing():
    with pytest.raises(ValueError, match="which is always 1"):
        nets.classifier_head(nets.recipe_of("net", softmax(1)), "", False)


def test_what_is_wrong_with_a_row_comes_without_files_of_ours():
    def deep(depth):
        if depth:
            deep(depth - 1)
        raise fire.errors.make(2003, "column 'a', row 0 holds a null")

    with pytest.raises(fire.FiresteelError) as caught:
        transform.told_shortly(deep)(20)
    assert len(traceback.extract_tb(caught.value.__traceback__)) <= 2
    with pytest.raises(ZeroDivisionError) as other:
        transform.told_shortly(lambda: 1 // 0)()
    assert len(traceback.extract_tb(other.value.__traceback__)) > 2


def test_long_messages_stay_short():
    assert len(errors.shorten("\n".join(f"line {i}" for i in range(90))).splitlines()) <= 12
    assert len(errors.shorten("x" * 100_000)) < 2000


def test_a_wheel_is_found_where_it_was_unpacked(tmp_path):
    import subprocess
    import sys

    (tmp_path / "firesteel_wheel" / "firesteel").mkdir(parents=True)
    (tmp_path / "firesteel_wheel" / "firesteel" / "__init__.py").write_text("here = True\n")
    source = inspect.getsource(session.wheel_finder).replace("-> Callable[[], None]", "")
    code = f"import sys\nsys.path = [p for p in sys.path if 'site-packages' not in p]\nWHEEL_FOLDER = 'firesteel_wheel'\n{source}\nwheel_finder()()\nimport firesteel\nassert firesteel.here\n"
    subprocess.run([sys.executable, "-I", "-S", "-c", code], cwd=tmp_path, check=True)
