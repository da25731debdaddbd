"""Accuracy on the 10,000 Fashion-MNIST test pictures after training on Spark, with 1, 2 and 3 workers: what a local fit reaches, Spark reaches too."""
import os
import sys
from pathlib import Path

import firesteel as fire
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fashion import load
from firesteel import layers

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "spark"))
from bed import make_session  # noqa: E402

from firesteel.spark import NNClassifier  # noqa: E402


@pytest.fixture(scope="module")
def spark():
    os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"
    session = make_session("local[3]", **{"spark.driver.memory": "3g"})
    yield session
    session.stop()


@pytest.fixture(scope="module")
def table(spark, tmp_path_factory):
    """60,000 rows to train on and the 10,000 test pictures, marked as validation rows."""
    (x, y), (tx, ty) = load("train"), load("test")
    pixels = pa.FixedSizeListArray.from_arrays(pa.array(np.concatenate([x, tx]).reshape(-1)), 784).cast(pa.list_(pa.float32()))
    path = str(tmp_path_factory.mktemp("fashion") / "fashion.parquet")
    labels, held = pa.array(np.concatenate([y, ty]).astype(np.int32)), pa.array(np.arange(len(y) + len(ty)) >= len(y))
    pq.write_table(pa.table({"features": pixels, "label": labels, "held": held}), path, row_group_size=17500)
    return spark.read.parquet(path)


def accuracies(table, workers, hidden, optimizer, batch, epochs):
    """Accuracy on the test pictures after each epoch; of the last one, the model itself says the same."""
    net = fire.Sequential([*(layers.Dense(units, "relu") for units in hidden), layers.Dense(10, "softmax")])
    model = NNClassifier(net=net, optimizer=optimizer, batchSize=batch, epochs=epochs, numWorkers=workers, seed=1, verbose=0, validationIndicatorCol="held").fit(table)
    pictures, labels = load("test")
    history = model.summary.history["val_accuracy"]
    print(f"{workers} workers, {hidden}: accuracy {' '.join(f'{a:.4f}' for a in history)}", flush=True)
    assert sum(model.summary.rowsPerWorker) == 60_000 and len(history) == epochs
    assert float((model.network.predict(pictures).argmax(1) == labels).mean()) == pytest.approx(history[-1], abs=1e-9)
    return history


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_one_hidden_layer(table, workers):
    assert accuracies(table, workers, [128], "adam", 32, 10)[-1] >= 0.865


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_softmax_regression(table, workers):
    assert accuracies(table, workers, [], "adam", 128, 5)[-1] >= 0.825


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_two_hidden_layers_nesterov(table, workers):
    assert max(accuracies(table, workers, [512, 256], fire.optimizers.SGD(0.05, momentum=0.9, nesterov=True), 128, 10)[-3:]) >= 0.865
