"""local-cluster: two executors of their own process, one core each."""
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest

import firesteel as fire
from bed import Strike, flower_table, refuses_a_third_worker, small, trains_and_scores
from firesteel.spark import addWheel

SESSION = {"master": "local-cluster[2,1,1024]"}


@pytest.fixture(scope="module")
def df(spark):
    return flower_table(spark)


def test_two_executors_train_and_score(df):
    trains_and_scores(df)


def test_more_workers_than_slots(df):
    refuses_a_third_worker(df)


def test_large_models_go_to_each_host_once(spark, df, monkeypatch):
    """Shipped as one file for all transforms, and not inside the function that tasks get."""
    shipped, add = [], spark.addArtifacts
    monkeypatch.setattr(spark, "addArtifacts", lambda *paths, **how: (shipped.extend(paths), add(*paths, **how)))
    net = fire.Sequential([fire.layers.Dense(512, "relu"), fire.layers.Dense(600, "relu"), fire.layers.Dense(3, "softmax")])
    model = small(net=net, epochs=1, learningRate=0.001).fit(df)
    rows = model.transform(df).collect()
    x = np.array([[r.a, r.b, r.c, r.d] for r in rows], np.float32)
    assert model.network.predict(x, verbose=0).tobytes() == np.array([r.probability.toArray() for r in rows], np.float32).tobytes()
    assert model.transform(df).count() == 150 and len(shipped) == 1


def test_a_wheel_reaches_the_executors(spark, df, tmp_path):
    wheel = tmp_path / "firesteel-0.1.0-cp311-abi3-linux_x86_64.whl"
    package = Path(fire.__file__).parent
    with zipfile.ZipFile(wheel, "w") as archive:
        for path in package.rglob("*"):
            if path.suffix in (".py", ".so"):
                archive.write(path.resolve(), path.relative_to(package.parent))
    addWheel(spark, str(wheel))

    def look(batches):
        """Without the tree on the path, the shipped wheel is what is imported."""
        import json
        import subprocess
        import sys

        import pyarrow

        for _ in batches:
            pass
        code = "import sys; sys.path = [p for p in sys.path if not p.endswith('/python')]; sys.path.insert(0, 'firesteel_wheel'); import firesteel; print(firesteel.__file__)"
        done = subprocess.run([sys.executable, "-E", "-c", code], text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        yield pyarrow.RecordBatch.from_pydict({"text": [json.dumps([done.returncode, done.stdout])]})

    for row in df.repartition(2).mapInArrow(look, "text string").collect():
        assert row.text.startswith("[0,") and "firesteel_wheel" in row.text, row.text
    with pytest.raises(fire.FiresteelError):
        addWheel(spark, str(tmp_path / "nothing.whl"))


def test_a_killed_worker_is_named_in_time(df):
    strike = Strike()
    with pytest.raises(fire.FiresteelError) as caught:
        small(epochs=1_000_000).fit(df)
    assert caught.value.code == "FS4003" and time.monotonic() - strike.at < 5
    assert len(str(caught.value).splitlines()) <= 12 and len(caught.value.details) > 500 and ("worker 0" in str(caught.value) or "worker 1" in str(caught.value))
