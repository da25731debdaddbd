"""tfrecords [pictures] - Fashion-MNIST as TFRecord files, learned by a function of your own on two Spark workers, and scored by Spark.

The training loop is written by hand: each worker takes pictures from its feed, the gradients of all workers are summed by all_reduce, and
every worker makes the same step. Nothing of TensorFlow is installed; the files are those that it writes and reads.
"""
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

import firesteel as fire
from fashion import load
from firesteel.formats import tfrecord
from firesteel.spark import cluster

RATE, MOMENTUM = 0.1, 0.9


def write_files(part: str, rows: int, folder: Path) -> None:
    """Two files of examples: {"image": 784 bytes, "label": int}."""
    pictures, labels = load(part)
    pixels = np.round(pictures[:rows] * 255).astype(np.uint8)
    table = pa.table({"image": pa.array([p.tobytes() for p in pixels], pa.binary()), "label": pa.array(labels[:rows].astype(np.int64))})
    folder.mkdir(parents=True)
    for i in range(2):
        tfrecord.write(folder / f"{part}-{i}.tfrecord.gz", table.slice(i * rows // 2, rows // 2), compression="gzip")


def network() -> fire.Sequential:
    net = fire.Sequential([fire.Input((784,)), fire.layers.Dense(64, activation="relu"), fire.layers.Dense(10, activation="softmax")])
    net.compile(loss="sparse_categorical_crossentropy")
    return net


def pixels_of(batch: dict[str, Any]) -> np.ndarray:
    return np.frombuffer(b"".join(batch["image"]), np.uint8).reshape(-1, 784).astype(np.float32) / 255


def train_fun(args: dict[str, Any], ctx: Any) -> list[np.ndarray]:
    """SGD with momentum on the rows of all workers: 64 of each make a step."""
    net, feed = network(), ctx.get_data_feed(synchronous=True)
    weights = ctx.broadcast(net.get_weights())  # all begin as rank 0
    speed = [np.zeros_like(w) for w in weights]
    step = 0
    while not feed.should_stop():
        batch = feed.next_batch(64)
        n = len(batch.get("label", ()))
        net.set_weights(weights)
        loss, *gradients = net.gradients(pixels_of(batch), batch["label"]) if n else (0.0, *map(np.zeros_like, weights))
        # Means over unlike many rows: weigh each by its rows.
        total, loss, gradients = ctx.all_reduce([n, float(loss) * n, [g * np.float32(n) for g in gradients[:len(weights)]]])
        speed = [MOMENTUM * s - RATE * g / total for s, g in zip(speed, gradients)]
        weights = [(w + s).astype(np.float32) for w, s in zip(weights, speed)]
        if ctx.is_chief and step % 50 == 0:
            ctx.log(f"step {step}: loss {loss / total:.3f}")
        step += 1
    return weights


def score_fun(args: dict[str, Any], ctx: Any) -> None:
    net, feed = network(), ctx.get_data_feed()
    net.set_weights(args["weights"])
    while not feed.should_stop():
        feed.batch_results(net.predict(pixels_of(feed.next_batch(1000)), verbose=0).argmax(axis=1))


def main(rows: int) -> float:
    from pyspark.sql import SparkSession

    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")  # local Spark need not ask what this host is called
    folder = Path(tempfile.mkdtemp(prefix="firesteel-example-"))
    spark = SparkSession.builder.master("local[2]").appName("tfrecords").config("spark.ui.enabled", "false").getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")
    try:
        write_files("train", rows, folder / "train")
        write_files("test", 2000, folder / "test")
        table = spark.read.format("tfrecord").load(str(folder / "train"))
        print("columns:", ", ".join(f"{name} {kind}" for name, kind in table.dtypes))
        weights = cluster.run(train_fun, {}, num_workers=2, input_mode=cluster.InputMode.SPARK).train(table, epochs=3)[0]
        scorer = cluster.run(score_fun, {"weights": weights}, num_workers=2)
        scored = scorer.inference(spark.read.format("tfrecord").load(str(folder / "test")), "prediction long", columns=["label"])
        accuracy = float(scored.selectExpr("avg(if(label = prediction, 1.0, 0.0)) as accuracy").first()["accuracy"])
        print(f"accuracy on {scored.count()} test pictures: {accuracy:.3f}")
        return accuracy
    finally:
        spark.stop()
        shutil.rmtree(folder)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 12000)
