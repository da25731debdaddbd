"""test_cli_train.py - training from CSV, IDX and NPY files, then looking at and scoring what came out."""
import csv
import json
import re
import signal
import subprocess
import time

import numpy
import pytest
from tool import COMMAND, bad, blobs, good, run, write_csv, write_idx

NET = "Dense units=16 activation=relu; Dense units=3 activation=softmax"
NAMES = ["cat", "dog", 'an "owl", or so']


def column(path, name):
    with open(path, newline="") as f:
        return [row[name] for row in csv.DictReader(f)]


def test_csv_with_names_of_classes(tmp_path):
    x, y = blobs(600, 4, 3)
    write_csv(tmp_path / "train.csv", x[:400], y[:400].tolist(), ["zebra", "dog", "ape"])
    write_csv(tmp_path / "test.csv", x[400:], y[400:].tolist(), ["zebra", "dog", "ape"])
    model = tmp_path / "m.onnx"
    code, out, err = run("train", "--net", NET, "--csv", tmp_path / "train.csv", "--label", "label", "--epochs", 8, "--validation-split", 0.1, "--json", "-o", model,
                         "--optimizer", "Adam learning_rate=0.01")
    assert code == 0, err
    epochs = [json.loads(line) for line in out.splitlines()]
    assert [e["epoch"] for e in epochs] == list(range(1, 9)) and epochs[-1]["val_accuracy"] > 0.9 and epochs[-1]["loss"] < epochs[0]["loss"]
    assert err.count("epoch ") >= 8  # plain lines, since this is no terminal
    shown = json.loads(good("inspect", model, "--json"))
    assert json.loads(shown["notes"]["classes"]) == ["ape", "dog", "zebra"]
    assert json.loads(shown["notes"]["columns"]) == {"features": ["x0", "x1", "x2", "x3"], "label": "label"}
    # Scoring finds its columns by name, whatever else the file holds.
    good("score", model, tmp_path / "test.csv", "-o", tmp_path / "out.csv")
    truth = [["zebra", "dog", "ape"][i] for i in y[400:]]
    right = sum(a == b for a, b in zip(column(tmp_path / "out.csv", "prediction"), truth))
    assert right > 180
    assert "probability_ape" in (tmp_path / "out.csv").read_text().splitlines()[0]


def test_idx_and_npy_agree(tmp_path):
    draw = numpy.random.default_rng(3)
    pictures, labels = draw.integers(0, 256, (300, 5, 4)).astype("u1"), draw.integers(0, 3, 300).astype("u1")
    write_idx(tmp_path / "i.gz", pictures)
    write_idx(tmp_path / "l.idx", labels)
    numpy.save(tmp_path / "i.npy", pictures.astype("f4") / numpy.float32(255))
    numpy.save(tmp_path / "l.npy", labels.astype("i8"))
    common = ["--net", "Dense units=8 activation=relu; Dropout rate=0.2; " + NET, "--epochs", 2, "--seed", 5]
    good("train", *common, "--images", tmp_path / "i.gz", "--labels", tmp_path / "l.idx", "--scale", 255, "-o", tmp_path / "a.onnx")
    good("train", *common, "--images", tmp_path / "i.npy", "--labels", tmp_path / "l.npy", "-o", tmp_path / "b.onnx")
    good("score", tmp_path / "a.onnx", tmp_path / "i.gz", "-o", tmp_path / "a.npy")  # divides as in training
    good("score", tmp_path / "b.onnx", tmp_path / "i.npy", "-o", tmp_path / "b.npy")
    a, b = numpy.load(tmp_path / "a.npy"), numpy.load(tmp_path / "b.npy")
    assert a.shape == (300, 3) and a.dtype == numpy.float32 and a.tobytes() == b.tobytes()


def test_regression_and_float64(tmp_path):
    draw = numpy.random.default_rng(0)
    x = draw.normal(size=(500, 3))
    with open(tmp_path / "t.csv", "w") as f:
        for a, b, c in x.tolist():
            f.write(f"{a!r};{b!r};{c!r};{2 * a - b + 0.5!r}\n")
    model = tmp_path / "m.onnx"
    code, out, _ = run("train", "--net", "Dense units=1", "--csv", tmp_path / "t.csv", "--separator", ";", "--label", 4, "--epochs", 60, "--optimizer", "SGD learning_rate=0.1",
                       "--dtype", "float64", "--metrics", "mae", "--json", "-o", model, "-q")
    assert code == 0 and json.loads(out.splitlines()[-1])["loss"] < 1e-6
    scored = good("score", model, tmp_path / "t.csv", "--separator", ";", "--features", "1,2,3").splitlines()
    assert scored[0] == "prediction" and len(scored) == 501
    wanted = 2 * x[:, 0] - x[:, 1] + 0.5
    assert max(abs(float(s) - w) for s, w in zip(scored[1:], wanted)) < 1e-2


def test_same_seed_same_bits(tmp_path):
    x, y = blobs(200, 5, 3)
    write_csv(tmp_path / "t.csv", x, y)
    for name, seed, threads in ("a", 1, 1), ("b", 1, 1), ("c", 2, 1), ("d", 1, 2):
        good("train", "--net", NET, "--csv", tmp_path / "t.csv", "--label", "label", "--seed", seed, "--threads", threads, "--reproducible", "-o", tmp_path / name)
    a, b, c, d = ((tmp_path / n).read_bytes() for n in "abcd")
    assert a == b == d and a != c


def test_going_on(tmp_path):
    x, y = blobs(300, 5, 3)
    write_csv(tmp_path / "t.csv", x, y)
    data = ["--csv", tmp_path / "t.csv", "--label", "label", "--json"]
    good("train", "--net", NET, *data, "--epochs", 2, "-o", tmp_path / "a.onnx", "--checkpoint", tmp_path / "ck")
    first = json.loads(good("train", "--from", tmp_path / "a.onnx", *data, "-o", tmp_path / "b.onnx").splitlines()[-1])
    fresh = json.loads(good("train", "--net", NET, *data).splitlines()[-1])
    assert first["loss"] < fresh["loss"]
    on = [json.loads(line) for line in good("train", "--from", tmp_path / "ck", *data, "--epochs", 2).splitlines()]
    assert [e["epoch"] for e in on] == [3, 4]  # a checkpoint knows its position
    # ... and two epochs, then two more, are the same as four.
    four = [json.loads(line) for line in good("train", "--net", NET, *data, "--epochs", 4).splitlines()]
    assert [e["loss"] for e in four[2:]] == [e["loss"] for e in on]


def test_early_stopping(tmp_path):
    draw = numpy.random.default_rng(0)
    write_csv(tmp_path / "t.csv", draw.normal(size=(60, 5)).astype("f4"), draw.integers(0, 3, 60))  # nothing to learn
    code, out, err = run("train", "--net", "Dense units=200 activation=relu; " + NET, "--csv", tmp_path / "t.csv", "--label", "label", "--epochs", 300, "--patience", 2, "--validation-split", 0.5,
                         "--restore-best", "--json", "--optimizer", "Adam learning_rate=0.05")
    assert code == 0 and len(out.splitlines()) < 100 and "stopped early" in err and "val_loss was best in epoch" in err


def test_diverged(tmp_path):
    x, y = blobs(200, 5, 3)
    write_csv(tmp_path / "t.csv", x * 1e18, y)
    line = bad(3, "train", "--net", "Dense units=8; Dense units=1", "--csv", tmp_path / "t.csv", "--label", "label", "--optimizer", "SGD learning_rate=10000", "-o", tmp_path / "m.onnx")
    assert line.startswith("FS3001")
    assert not (tmp_path / "m.onnx").exists()  # no epoch was good


def test_interrupt(tmp_path):
    x, y = blobs(4000, 20, 3)
    write_csv(tmp_path / "t.csv", x, y)
    p = subprocess.Popen([COMMAND, "train", "--net", "Dense units=64 activation=relu; " + NET, "--csv", str(tmp_path / "t.csv"), "--label", "label", "--epochs", "100000", "-o", str(tmp_path / "m.onnx")],
                         stderr=subprocess.PIPE, text=True)
    assert p.stderr.readline().startswith("epoch 1/")
    p.send_signal(signal.SIGINT)
    began = time.monotonic()
    err = p.communicate(timeout=30)[1]
    assert p.returncode == 130 and time.monotonic() - began < 10
    assert re.search(r"^firesteel: FS1009: interrupted after \d+ steps; .*m\.onnx holds the weights so far$", err.strip().splitlines()[-1])
    good("score", tmp_path / "m.onnx", tmp_path / "t.csv", "-o", tmp_path / "o.csv")


@pytest.mark.parametrize("text, code, says", [
    ("", 2, "FS2007"),
    ("a,label\n", 2, "FS2007"),
    ("a,label\n1,0\n2\n", 2, "line 3 has 1 fields, expected 2"),
    ("a,label\n1,0\nx,1\n", 2, "line 3, column 'a': 'x' is not a number"),
    ("a,label\n1,0\n,1\n", 2, "FS2003: "),
    ("a,label\n1,0\nnan,1\n", 2, "FS2004: "),
    ("a,label\n1,0\n1e999,1\n", 2, "FS2004: "),
    ("a,label\n1,0\n2,7\n", 2, "FS2006: "),
    ("a,label\n1,0\n2,0.5\n", 2, "FS2006: "),
    ("a,label\n1,0\n2,\n", 2, "line 3, column 'label' is empty"),
    ("a,label\n1,0\n\"2,1\n3,4\n", 2, "line 3: a quote that opens here is never closed"),
    ("a,label\n1,0\n2\"2,1\n", 2, "line 3: a quote inside a field"),
    ("a,label\n1,0\n\"2\"2,1\n", 2, "line 3: text after a closing quote"),
    ("a,label\n1,0\n\0,1\n", 2, "line 3: a zero byte"),
    ("b,labels\n1,0\n", 2, "FS2001: "),
    ("label\n1\n", 2, "no column left for the features"),
])
def test_bad_csv(tmp_path, text, code, says):
    (tmp_path / "t.csv").write_text(text)
    line = bad(code, "train", "--net", NET, "--csv", tmp_path / "t.csv", "--label", "label", "-q")
    assert says in line, line


@pytest.mark.parametrize("net, says", [
    ("Dense", "units"), ("Dense units=0", "units"), ("Dense units=x", "units"), ("Dens units=3", "did you mean 'Dense'?"), ("Dense units=3 activatoin=relu", "did you mean 'activation'?"),
    (";;", "has no layers"), ("Dense units=3 activation=softmax; Dense units=" + "9" * 30, "units"), ("Dropout rate=2", "rate"), ("Dense units=16777216; Dense units=16777216", ""),
])
def test_bad_networks(tmp_path, net, says):
    (tmp_path / "t.csv").write_text("a,label\n1,0\n2,1\n")
    code, _, err = run("train", "--net", net, "--csv", tmp_path / "t.csv", "--label", "label", "-q")
    assert code in (1, 6) and says in err, err


def test_bad_places(tmp_path):
    (tmp_path / "t.csv").write_text("a,label\n1,0\n2,1\n")
    data = ["--net", NET, "--csv", tmp_path / "t.csv", "--label", "label"]
    assert "No such file" in bad(5, "train", *data, "-o", tmp_path / "none" / "m.onnx")
    assert "No such file" in bad(2, "train", "--net", NET, "--csv", tmp_path / "no.csv", "--label", "label")
    assert "is a directory" in bad(2, "train", "--net", NET, "--csv", tmp_path, "--label", "label").lower()
    write_idx(tmp_path / "x", numpy.zeros((3, 2), "u1"))
    write_idx(tmp_path / "y", numpy.zeros(4, "u1"))
    assert "4 labels, expected one for each of 3 rows" in bad(2, "train", "--net", NET, "--images", tmp_path / "x", "--labels", tmp_path / "y")
