"""demo - the main job on real data: train on Spark, score with Spark, Python and C, and show it.

Fashion-MNIST, 60,000 pictures of 28 x 28 pixels in ten classes, becomes a Parquet table; two workers of a local Spark train a network
on it; the 10,000 test pictures are scored three ways, which agree to the bit; an HTML report shows the rest.
"""
import hashlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

import firesteel as fire
from firesteel import report
from firesteel.spark import NNClassifier, NNClassifierModel
from fashion import CLASSES, load

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "demo-output"


def write_table(pictures: np.ndarray, labels: np.ndarray, path: Path) -> None:
    """Pixels / 255 as one array<float> column and the class as an integer column, in four row groups."""
    pixels = pa.FixedSizeListArray.from_arrays(pa.array(pictures.reshape(-1)), 784)
    table = pa.table({"features": pixels.cast(pa.list_(pa.float32())), "label": pa.array(labels.astype(np.int32))})
    pq.write_table(table, path, row_group_size=-(-len(labels) // 4))


def main() -> None:
    from pyspark.ml.functions import vector_to_array
    from pyspark.sql import SparkSession

    os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")  # local Spark need not ask what this host is called
    started = time.monotonic()
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir()
    print("1. Fashion-MNIST becomes a Parquet table", flush=True)
    for part in ("train", "test"):
        write_table(*load(part), OUT / f"{part}.parquet")

    print("2. Spark trains a network with 2 workers", flush=True)
    spark = (SparkSession.builder.master("local[2]").appName("firesteel demo").config("spark.driver.memory", "3g")
             .config("spark.ui.enabled", False).config("spark.ui.showConsoleProgress", False).config("spark.log.level", "ERROR").getOrCreate())
    train, test = (spark.read.parquet(str(OUT / f"{part}.parquet")) for part in ("train", "test"))
    net = fire.Sequential([fire.layers.Dense(128, activation="relu"), fire.layers.Dense(10, activation="softmax")])
    classifier = NNClassifier(net=net, optimizer="adam", epochs=10, batchSize=32, numWorkers=2, seed=1, validationFraction=0.05)
    begun = time.monotonic()
    model = classifier.fit(train)
    print(f"   fit took {time.monotonic() - begun:.1f} s")
    model.network.summary()

    print("3. Spark scores the test table", flush=True)
    model.write().overwrite().save(str(OUT / "model"))
    scored = NNClassifierModel.load(str(OUT / "model")).transform(test)
    confusion = np.zeros((10, 10), int)
    for row in scored.groupBy("label", "prediction").count().collect():
        confusion[int(row["label"]), int(row["prediction"])] = row["count"]
    accuracy = confusion.trace() / confusion.sum()
    print(f"   accuracy on {confusion.sum():,} pictures: {accuracy:.4f}\n")
    print("   true class    " + " ".join(f"{name[:7]:>7}" for name in CLASSES))
    for name, counts in zip(CLASSES, confusion):
        print(f"   {name:<12}  " + " ".join(f"{n:7d}" for n in counts))

    print("\n4. The same pictures by plain Python and by the C command", flush=True)
    scored.select("features", "label", vector_to_array("probability").alias("probability")).write.parquet(str(OUT / "scored.parquet"))
    rows = pq.read_table(OUT / "scored.parquet")
    by_spark, pictures = (rows[name].combine_chunks().flatten().to_numpy().reshape(rows.num_rows, -1).astype(np.float32) for name in ("probability", "features"))
    by_python = model.network.predict(pictures)
    model.network.save(str(OUT / "model.onnx"))
    np.save(OUT / "test.npy", pictures)
    subprocess.run([ROOT / "build/firesteel", "score", OUT / "model.onnx", OUT / "test.npy", "-o", OUT / "scored.npy"], check=True)
    by_c = np.load(OUT / "scored.npy")
    for name, scores in ("Spark", by_spark), ("Python", by_python), ("C", by_c):
        print(f"   {name:<7} SHA-256 of {scores.size:,} probabilities: {hashlib.sha256(scores.tobytes()).hexdigest()[:32]}")
    if not (by_spark.tobytes() == by_python.tobytes() == by_c.tobytes()):
        sys.exit("   they differ, which must not happen")
    print("   all three agree to the bit")

    page = report.classification(OUT / "report.html", title="Fashion-MNIST on Spark", history=model.summary.history, classes=CLASSES, labels=rows["label"].to_numpy(),
                                 probabilities=by_spark, pictures=pictures.reshape(-1, 28, 28))
    print(f"\nreport: {page}")
    spark.stop()
    print(f"the whole demo took {time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    main()
