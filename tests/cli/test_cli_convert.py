"""test_cli_convert.py - convert between what is read and what is written."""
import gzip
import os
import subprocess
import sys

import numpy
import pytest
from tool import ROOT, bad, blobs, good, write_csv

sys.path.insert(0, str(ROOT / "python"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("convert")
    x, y = blobs(60, 4, 3)
    write_csv(folder / "t.csv", x, y)
    good("train", "--net", "Dense units=5 activation=tanh name=first; Dense units=3 activation=softmax name=last", "--csv", folder / "t.csv", "--label", "label", "--epochs", 1, "--quiet",
         "-o", folder / "m.onnx", "--checkpoint", folder / "ck")
    numpy.save(folder / "x.npy", x)
    return folder


def test_models_and_weights(folder, tmp_path):
    from firesteel.formats import safetensors
    good("convert", folder / "m.onnx", tmp_path / "w.safetensors")
    weights = safetensors.load(tmp_path / "w.safetensors")
    assert {name: value.shape for name, value in weights.items()} == {"first/kernel": (4, 5), "first/bias": (5,), "last/kernel": (5, 3), "last/bias": (3,)}
    good("convert", folder / "ck", tmp_path / "w2.safetensors")
    assert (tmp_path / "w2.safetensors").read_bytes() == (tmp_path / "w.safetensors").read_bytes()
    good("convert", folder / "ck", tmp_path / "m.onnx")
    want = good("score", folder / "m.onnx", folder / "x.npy", "--raw")
    assert good("score", tmp_path / "m.onnx", folder / "x.npy", "--raw") == want
    safetensors.save(tmp_path / "zero.safetensors", {name: 0 * value for name, value in weights.items()})
    good("convert", tmp_path / "zero.safetensors", tmp_path / "zero.onnx", "--model", folder / "m.onnx")
    assert all(line.endswith(",0,0,0,0") for line in good("score", tmp_path / "zero.onnx", folder / "x.npy", "--raw").split()[1:])
    good("convert", tmp_path / "w.safetensors", tmp_path / "again.onnx", "--model", tmp_path / "zero.onnx")
    assert good("score", tmp_path / "again.onnx", folder / "x.npy", "--raw") == want
    safetensors.save(tmp_path / "more.safetensors", {**weights, "else": numpy.zeros(2)})
    safetensors.save(tmp_path / "less.safetensors", {k: v for k, v in weights.items() if k != "last/bias"})
    safetensors.save(tmp_path / "other.safetensors", {**weights, "last/bias": numpy.zeros(4, "f")})
    for name, says in (("more", "'else' is none of the model's weights"), ("less", "no tensor 'last/bias'"), ("other", r"has shape [4], expected [3]")):
        assert says in bad(5, "convert", tmp_path / f"{name}.safetensors", tmp_path / "no.onnx", "--model", folder / "m.onnx")
    assert "--model FILE" in bad(1, "convert", tmp_path / "w.safetensors", tmp_path / "no.onnx")
    assert not (tmp_path / "no.onnx").exists()


def test_graphs_of_others(tmp_path):
    onnx = pytest.importorskip("onnx")
    from firesteel.formats import safetensors
    from onnx import TensorProto, helper, numpy_helper
    w, k = numpy.arange(12, dtype="f4").reshape(4, 3), numpy.array([3, -1])
    graph = helper.make_graph([helper.make_node("MatMul", ["x", "w"], ["h"]), helper.make_node("Reshape", ["h", "k"], ["y"])], "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, [3, 4])],
                              [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)], [numpy_helper.from_array(w, "w"), helper.make_tensor("k", TensorProto.INT64, [2], k)])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8), tmp_path / "f.onnx")
    good("convert", tmp_path / "f.onnx", tmp_path / "w.safetensors")
    found = safetensors.load(tmp_path / "w.safetensors")
    assert (found["w"] == w).all() and (found["k"] == k).all() and found["k"].dtype == numpy.int64
    good("convert", tmp_path / "f.onnx", tmp_path / "g.onnx")
    numpy.save(tmp_path / "x.npy", numpy.ones((3, 4), "f"))
    good("run", tmp_path / "g.onnx", "-i", tmp_path / "x.npy", "-o", tmp_path / "y.npy")
    assert (numpy.load(tmp_path / "y.npy") == numpy.ones((3, 4)) @ w).all()


def test_arrays_and_records(tmp_path):
    onnx = pytest.importorskip("onnx")
    for dtype in ("?", "i1", "u1", "<i2", ">u2", "<i4", ">u4", ">i8", "<u8", ">f2", "<f4", ">f8"):
        x = numpy.asfortranarray(numpy.arange(24).reshape(2, 3, 4).astype(dtype))
        numpy.save(tmp_path / "x.npy", x)
        good("convert", tmp_path / "x.npy", tmp_path / "x.pb")
        assert (onnx.numpy_helper.to_array(onnx.load_tensor(tmp_path / "x.pb")) == x).all()
        good("convert", tmp_path / "x.pb", tmp_path / "y.npy")
        y = numpy.load(tmp_path / "y.npy")
        assert (y == x).all() and y.dtype == x.dtype.newbyteorder("=") and y.flags.c_contiguous
    for shape in ((), (0, 3), (1,)):
        numpy.save(tmp_path / "x.npy", numpy.ones(shape))
        good("convert", tmp_path / "x.npy", tmp_path / "y.npy")
        assert numpy.load(tmp_path / "y.npy").shape == shape
    for version in ((1, 0), (2, 0), (3, 0)):
        with open(tmp_path / "x.npy", "wb") as f:
            numpy.lib.format.write_array(f, numpy.arange(3), version)
        good("convert", tmp_path / "x.npy", tmp_path / "y.npy")
        assert (numpy.load(tmp_path / "y.npy") == [0, 1, 2]).all()
    (tmp_path / "x.npy").write_bytes((tmp_path / "x.npy").read_bytes()[:-1])
    assert "23 bytes of numbers, expected 24" in bad(2, "convert", tmp_path / "x.npy", tmp_path / "z.npy")
    source = ROOT / "tests" / "tfrecord_files" / "zlib.tfrecord"
    good("convert", source, tmp_path / "a.tfrecord")
    assert (tmp_path / "a.tfrecord").read_bytes() == (ROOT / "tests" / "tfrecord_files" / "plain.tfrecord").read_bytes()
    good("convert", source, tmp_path / "a.tfrecord.gz")
    assert gzip.decompress((tmp_path / "a.tfrecord.gz").read_bytes()) == (tmp_path / "a.tfrecord").read_bytes()


def test_what_is_not_done(folder, tmp_path):
    assert "Names end in .onnx" in bad(1, "convert", folder / "m.onnx", tmp_path / "x.txt")
    assert "python -m firesteel convert" in bad(1, "convert", folder / "m.onnx", tmp_path / "x.keras")
    assert bad(5, "convert", tmp_path / "none", tmp_path / "x.onnx").startswith("FS5001")
    assert bad(5, "convert", folder / "t.csv", tmp_path / "x.onnx").startswith("FS5002")
    assert not os.listdir(tmp_path)


def test_keras_through_python(folder, tmp_path):
    pytest.importorskip("h5py")
    def convert(source, target):
        return subprocess.run([sys.executable, "-m", "firesteel", "convert", source, target], capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT / "python")})
    done = convert(folder / "m.onnx", tmp_path / "m.keras")
    assert done.returncode == 0, done.stderr
    assert convert(tmp_path / "m.keras", tmp_path / "back.onnx").returncode == 0
    assert good("score", tmp_path / "back.onnx", folder / "x.npy", "--raw") == good("score", folder / "m.onnx", folder / "x.npy", "--raw")
    (tmp_path / "m.keras").write_bytes((tmp_path / "m.keras").read_bytes()[:400])
    done = convert(tmp_path / "m.keras", tmp_path / "no.onnx")
    assert done.returncode == 5 and done.stderr.startswith("firesteel: FS5")
