"""test_cli_score.py - scoring: bits, columns, formats, and files that are not what they seem."""
import csv
import gzip
import io
import os
import random
import struct
import sys

import numpy
import pytest
from tool import ROOT, bad, blobs, good, run, write_csv, write_idx


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    x, y = blobs(300, 6, 3)
    write_csv(folder / "t.csv", x, y)
    good("train", "--net", "Dense units=8 activation=tanh; Dense units=3 activation=softmax", "--csv", folder / "t.csv", "--label", "label", "--epochs", 3, "-o", folder / "m.onnx")
    return folder / "m.onnx"


def floats(text, names):
    rows = list(csv.DictReader(io.StringIO(text)))
    return numpy.array([[numpy.float32(r[n]) for n in names] for r in rows], numpy.float32)


def test_all_ways_give_the_same_bits(model, tmp_path):
    x, _ = blobs(1000, 6, 3, seed=9)
    numpy.save(tmp_path / "x.npy", x)
    numpy.save(tmp_path / "x64.npy", x.astype("f8"))
    numpy.save(tmp_path / "xb.npy", x.astype(">f4"))
    write_idx(tmp_path / "x.idx", x)
    write_csv(tmp_path / "x.csv", x, [0] * 1000)
    (tmp_path / "x.csv.gz").write_bytes(gzip.compress((tmp_path / "x.csv").read_bytes()))
    results = []
    for name in "x.npy", "x64.npy", "xb.npy", "x.idx", "x.csv", "x.csv.gz":
        good("score", model, tmp_path / name, "-o", tmp_path / "y.npy")
        results.append(numpy.load(tmp_path / "y.npy"))
    assert results[0].shape == (1000, 3) and all(r.tobytes() == results[0].tobytes() for r in results)
    assert numpy.allclose(results[0].sum(1), 1, atol=1e-5)
    text = good("score", model, tmp_path / "x.npy")
    assert floats(text, [f"probability_{i}" for i in range(3)]).tobytes() == results[0].tobytes()
    piped = good("score", model, "-", stdin=(tmp_path / "x.csv").read_text())
    assert piped == text
    for n in 1, 7, 256, 257:  # neighbours do not matter
        numpy.save(tmp_path / "part.npy", x[:n])
        good("score", model, tmp_path / "part.npy", "-o", tmp_path / "y.npy")
        assert numpy.load(tmp_path / "y.npy").tobytes() == results[0][:n].tobytes()
    assert good("score", model, tmp_path / "x.npy", "--threads", 2) == text
    sys.path.insert(0, str(ROOT / "python"))
    fire = pytest.importorskip("firesteel")
    assert fire.load(str(model)).predict(x).tobytes() == results[0].tobytes()


def test_raw_and_prediction(model, tmp_path):
    x, _ = blobs(50, 6, 3, seed=2)
    numpy.save(tmp_path / "x.npy", x)
    text = good("score", model, tmp_path / "x.npy", "--raw")
    logits, p = floats(text, ["raw_0", "raw_1", "raw_2"]), floats(text, ["probability_0", "probability_1", "probability_2"])
    softmax = numpy.exp(logits - logits.max(1, keepdims=True))
    assert numpy.allclose(softmax / softmax.sum(1, keepdims=True), p, atol=1e-5)
    assert [int(r["prediction"]) for r in csv.DictReader(io.StringIO(text))] == p.argmax(1).tolist()
    good("score", model, tmp_path / "x.npy", "--raw", "-o", tmp_path / "z.npy")
    assert numpy.load(tmp_path / "z.npy").tobytes() == logits.tobytes()


def test_columns(model, tmp_path):
    x, _ = blobs(20, 6, 3, seed=4)
    wanted = good("score", model, "-", stdin="\n".join(",".join(map(repr, map(float, r))) for r in x))
    order = [5, 2, 0, 1, 4, 3]
    shuffled = "id," + ",".join(f"x{i}" for i in order) + ",comment\n" + "\n".join(f"{n}," + ",".join(repr(float(r[i])) for i in order) + ',"a, b\n c"' for n, r in enumerate(x))
    assert good("score", model, "-", stdin=shuffled) == wanted  # names of training, in any order
    assert good("score", model, "-", "--features", "x0,x1,x2,x3,x4,x5", stdin=shuffled) == wanted
    assert good("score", model, "-", "--features", "4,5,3,7,6,2", stdin=shuffled) == wanted
    assert "did you mean 'x5'" in bad(2, "score", model, "-", "--features", "x0,x1,x2,x3,x4,X5", stdin=shuffled)
    assert "[n, 5], the model takes [n, 6]" in bad(1, "score", model, "-", "--features", "x0,x1,x2,x3,x4", stdin=shuffled)
    crlf = "\ufeff" + "x0,x1,x2,x3,x4,x5\r\n" + "\r\n".join(",".join('"%r"' % float(v) for v in r) for r in x) + "\r\n\r\n"
    assert good("score", model, "-", stdin=crlf) == wanted


def test_invalid_numbers(model):
    rows = "1,2,3,4,5,6\n1,2,,4,5,6\n1,2,inf,4,5,6\n2,3,4,5,6,7\n"
    assert "line 2, column 3 is empty" in bad(2, "score", model, "-", stdin=rows)
    code, out, err = run("score", model, "-", "--invalid", "skip", stdin=rows)
    assert code == 0 and len(out.splitlines()) == 3 and "2 rows" in err
    assert len(good("score", model, "-", "--invalid", "keep", stdin=rows).splitlines()) == 5


def test_output_is_complete_or_absent(model, tmp_path):
    (tmp_path / "x.csv").write_text("1,2,3,4,5,6\n" * 5000 + "oops\n")
    (tmp_path / "y.csv").write_text("kept")
    bad(2, "score", model, tmp_path / "x.csv", "-o", tmp_path / "y.csv")
    assert (tmp_path / "y.csv").read_text() == "kept" and sorted(os.listdir(tmp_path)) == ["x.csv", "y.csv"]
    assert "No such file" in bad(5, "score", model, tmp_path / "x.csv", "-o", tmp_path / "none" / "y.csv")
    good("score", model, "-", "-o", "/dev/null", stdin="1,2,3,4,5,6\n")
    assert os.path.exists("/dev/null") and not os.path.isfile("/dev/null")
    if os.path.exists("/dev/full"):
        assert "No space left" in bad(5, "score", model, "-", "-o", "/dev/full", stdin="1,2,3,4,5,6\n")


def npy(header, data=b""):
    head = header.encode() + b" " * (-(len(header) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head + data


GOOD = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 6), }"


@pytest.mark.parametrize("data, says", [
    (npy(GOOD, b"\0" * 47), "cut short"),
    (npy(GOOD.replace("(2, 6)", "(4611686018427387904, 6)"), b"\0" * 48), "impossible shape"),
    (npy(GOOD.replace("(2, 6)", "(461168601842738, 6)"), b"\0" * 48), "cut short"),
    (npy(GOOD.replace("(2, 6)", "(2, 461168601842738)")), "more than 1 GiB"),
    (npy(GOOD.replace("(2, 6)", "(99999999999999999999, 6)")), "cannot be read"),
    (npy(GOOD.replace("(2, 6)", "(2, 0)")), "without numbers"),
    (npy(GOOD.replace("(2, 6)", "()")), "single number"),
    (npy(GOOD.replace("False", "True"), b"\0" * 48), "Fortran"),
    (npy(GOOD.replace("<f4", "|O")), "'|O'"),
    (npy(GOOD.replace("'<f4'", "[('a', '<f4')]")), "no plain numbers"),
    (npy("{'descr': '<f4', 'shape': (2, 6), }"), "cannot be read"),
    (npy("{" * 1000), "cannot be read"),
    (b"\x93NUMPY\x09\x00aaaa", "version 9"),
    (b"\x93NUMPY\x02\x00\xff\xff\xff\xff", "header of 4294967295 bytes"),
    (b"\x93NUMPY", "cut short"),
    (b"\0\0\x08\x02\0\0\0\x02\0\0\0\x06" + b"a" * 11, "cut short"),
    (b"\0\0\x08\x02\xff\xff\xff\xff\0\0\0\x06" + b"a" * 11, "cut short"),
    (b"\0\0\x08\x03\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", "more than 1 GiB"),
    (b"\0\0\x77\x02", "no IDX file has"),
    (b"\0\0\x08\xff", "255 dimensions"),
    (b"\0\0\x08\x00", "0 dimensions"),
    (gzip.compress(b"1,2,3,4,5,6\n" * 1000)[:-20], "standard input, near byte"),
    (b"\x1f\x8b\x08\0garbage", "standard input, near byte"),
    (b"\xff\xfe1\0,\x002\0", "zero byte"),
    (b"", "empty"),
])
def test_hostile_data(model, tmp_path, data, says):
    (tmp_path / "x").write_bytes(data)
    line = bad(2, "score", model, tmp_path / "x").replace(str(tmp_path / "x"), "standard input")
    assert says in line, line


def test_not_a_model(model, tmp_path):
    whole = model.read_bytes()
    for data in b"", b"hello", b"\x08", whole[:200], whole[:-1]:
        (tmp_path / "m").write_bytes(data)
        for command in ["inspect", tmp_path / "m"], ["score", tmp_path / "m", "-"], ["explain-plan", tmp_path / "m"]:
            assert bad(5, *command, stdin="1\n").startswith("FS5")
    (tmp_path / "m").write_bytes(b"\x93NUMPY\x01\0")  # inspect takes it for an array that is cut short
    assert bad(5, "explain-plan", tmp_path / "m").startswith("FS5") and bad(2, "inspect", tmp_path / "m").startswith("FS2009")
    bad(5, "inspect", tmp_path)
    bad(5, "inspect", tmp_path / "none")


def test_damaged_models_and_data_never_crash(model, tmp_path):
    """Exit codes are the documented ones, whatever bytes change."""
    draw = random.Random(5)
    x, _ = blobs(20, 6, 3)
    numpy.save(tmp_path / "x.npy", x)
    write_csv(tmp_path / "x.csv", x, [0] * 20)
    for i in range(120):
        source = [model, tmp_path / "x.npy", tmp_path / "x.csv"][i % 3]
        data = bytearray(source.read_bytes())
        for _ in range(draw.randint(1, 8)):
            data[draw.randrange(len(data))] = draw.randrange(256)
        if i % 4 == 0:
            del data[draw.randrange(len(data)):]
        (tmp_path / "bad").write_bytes(data)
        if source == model:
            code, _, err = run([["inspect"], ["inspect", "--json", "--weights"], ["explain-plan"]][i // 3 % 3][0], tmp_path / "bad")
            assert code in (0, 1, 5, 6), err
            code, _, err = run("score", tmp_path / "bad", tmp_path / "x.npy")
        else:
            code, _, err = run("score", model, tmp_path / "bad")
        assert code in (0, 1, 2, 5, 6), (code, err)
        assert code == 0 or err.strip().splitlines()[-1].startswith("firesteel: FS"), err
