"""TensorFlow reads the TFRecord and event files that firesteel writes, and firesteel those of TensorFlow. Needs .venv-bench (make bench), else it is skipped."""
import json
import subprocess
from pathlib import Path

import numpy as np
import pytest

import firesteel as fire
from firesteel.formats import tfrecord

THEIRS = Path(__file__).resolve().parents[2] / ".venv-bench/bin/python"
pytestmark = pytest.mark.skipif(not THEIRS.exists(), reason=".venv-bench is not there")

READ = """
import json, sys, tensorflow as tf
folder = sys.argv[1]
rows = []
for name, packing in (("None", ""), ("gzip", "GZIP"), ("zlib", "ZLIB")):
    for record in tf.data.TFRecordDataset(f"{folder}/{name}.tfrecord", packing):
        e = tf.train.Example.FromString(record.numpy())
        rows.append({k: [v.hex() if isinstance(v, bytes) else v for v in getattr(f, f.WhichOneof("kind")).value] for k, f in e.features.feature.items()})
    with tf.io.TFRecordWriter(f"{folder}/{name}.back", packing) as w:
        for record in tf.data.TFRecordDataset(f"{folder}/{name}.tfrecord", packing):
            w.write(record.numpy())
steps = []
for record in tf.data.TFRecordDataset(f"{folder}/sequence.tfrecord"):
    e = tf.train.SequenceExample.FromString(record.numpy())
    steps.append([list(e.context.feature["id"].int64_list.value), [list(f.float_list.value) for f in e.feature_lists.feature_list["x"].feature]])
events = []
import glob
for path in sorted(glob.glob(f"{folder}/logs/*/events*")):
    for event in tf.compat.v1.train.summary_iterator(path):
        for v in event.summary.value:
            events.append([path.split("/")[-2], v.tag, event.step, v.simple_value, list(v.histo.bucket), v.histo.num, v.histo.max])
print(json.dumps([rows, steps, events]))
"""


def test_tensorflow_reads_what_we_write(tmp_path):
    rng = np.random.default_rng(0)
    rows = [{"f": rng.normal(size=i).astype("f") if i else np.empty(0, "f"), "i": rng.integers(-2**63, 2**63 - 1, 3), "t": [bytes(rng.integers(0, 256, k, np.uint8)) for k in range(i + 1)]} for i in range(50)]
    for packing in (None, "gzip", "zlib"):
        tfrecord.write(tmp_path / f"{packing}.tfrecord", rows, packing)
    tfrecord.write(tmp_path / "sequence.tfrecord", [{"id": i, "x": [[0.5] * k for k in range(1, i + 2)]} for i in range(4)])
    x = rng.normal(size=(64, 3)).astype("f")
    model = fire.Sequential([fire.Input((3,)), fire.layers.Dense(4, name="a"), fire.layers.Dense(1)])
    model.compile("sgd", "mse")
    history = model.fit(x, x[:, :1], epochs=2, validation_split=0.25, verbose=0, callbacks=[fire.callbacks.TensorBoard(tmp_path / "logs", histogram_freq=1)])
    done = subprocess.run([THEIRS, "-c", READ, tmp_path], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    found, steps, events = json.loads(done.stdout)
    assert len(found) == 150
    for row, theirs in zip(rows * 3, found):
        assert theirs["i"] == row["i"].tolist() and theirs["t"] == [text.hex() for text in row["t"]] and theirs["f"] == [float(v) for v in row["f"]]
    assert steps == [[[i], [[0.5] * k for k in range(1, i + 2)]] for i in range(4)]
    for name in ("None", "gzip", "zlib"):
        for ours, back in zip(tfrecord.records(tmp_path / f"{name}.tfrecord"), tfrecord.records(tmp_path / f"{name}.back")):
            assert ours == back
    scalars = {(part, tag, step): value for part, tag, step, value, *_ in events if tag.startswith("epoch")}
    for epoch in range(2):
        assert scalars["train", "epoch_loss", epoch] == pytest.approx(history.history["loss"][epoch], rel=1e-6)
        assert scalars["validation", "epoch_loss", epoch] == pytest.approx(history.history["val_loss"][epoch], rel=1e-6)
    pictures = {(tag, step): (bucket, n, most) for _, tag, step, _, bucket, n, most in events if tag.endswith("histogram")}
    kernel = model.layers[0].get_weights()[0]
    assert len(pictures) == 8 and sum(pictures["a/kernel/histogram", 1][0]) == pictures["a/kernel/histogram", 1][1] == 12 and pictures["a/kernel/histogram", 1][2] == kernel.max()
