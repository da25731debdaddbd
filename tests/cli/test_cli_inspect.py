"""test_cli_inspect.py - what inspect and explain-plan say, of networks, checkpoints and foreign ONNX files."""
import json
import re

import numpy
import pytest
from tool import ROOT, bad, blobs, good, write_csv


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("inspect")
    x, y = blobs(100, 6, 3)
    write_csv(folder / "t.csv", x, y)
    good("train", "--net", "Dense units=8 activation=tanh name=first; Dropout rate=0.5; Dense units=3 activation=softmax", "--csv", folder / "t.csv", "--label", "label", "--epochs", 2,
         "-o", folder / "m.onnx", "--checkpoint", folder / "ck")
    return folder


def test_network(folder):
    text = good("inspect", folder / "m.onnx", "--weights")
    assert re.search(r"first \(Dense\) +units=8 activation=tanh +\[n, 8\] +56 ", text)
    assert re.search(r"^parameters +83, 83 trainable$", text, re.M) and re.search(r"^bytes +332$", text, re.M)
    assert "first/kernel" in text and "[6, 8]" in text
    shown = json.loads(good("inspect", folder / "m.onnx", "--json", "--weights"))
    assert [layer["kind"] for layer in shown["layers"] if layer["kind"] != "Input"] == ["Dense", "Dropout", "Dense"]
    assert shown["params"] == 83 and shown["input"] == [None, 6] and shown["output"] == [None, 3] and not shown["onnx"]
    assert [w["shape"] for w in shown["weights"]] == [[6, 8], [8], [8, 3], [3]]
    assert shown["loss"] == "SparseCategoricalCrossentropy" and shown["optimizer"] == "Adam"
    assert shown["flops_per_row"] >= 2 * (6 * 8 + 8 * 3)


def test_checkpoint(folder):
    shown = json.loads(good("inspect", folder / "ck", "--json"))
    assert shown["params"] == 83 and shown["epoch"] == 2 and shown["step"] == 8
    (folder / "broken").mkdir()
    assert bad(5, "inspect", folder / "broken").startswith("FS5")


def test_tensorflow(tmp_path):
    """A SavedModel and a graph are shown, and run by name to TensorFlow's own numbers."""
    files = ROOT / "tests/tensorflow_files"
    text = good("inspect", files / "sm_lstm")
    assert "a SavedModel of TensorFlow" in text and re.search(r"keras_tensor_11 +float32 \[n, 6, 3\]", text) and "output_0" in text
    shown = json.loads(good("inspect", files / "sm_lstm", "--json"))
    assert shown["inputs"] == [{"name": "keras_tensor_11", "type": "float32", "shape": [None, 6, 3]}] and [o["name"] for o in shown["outputs"]] == ["output_0"]
    assert "a TensorFlow graph" in good("inspect", files / "v1_scan.pb")
    expected = numpy.load(files / "sm_lstm.npz")
    numpy.save(tmp_path / "x.npy", expected["x"])
    good("run", files / "sm_lstm", "--input", tmp_path / "x.npy", "--out", tmp_path / "out")
    assert numpy.abs(numpy.load(tmp_path / "out/output_0.npy") - expected["y"]).max() < 1e-5


def test_caffe(tmp_path):
    kept = numpy.load(ROOT / "tests/caffe_files/layers.npz")
    net, weights = tmp_path / "n.prototxt", tmp_path / "n.caffemodel"
    net.write_text(str(kept["net/prototxt"]))
    weights.write_bytes(kept["net/model"].tobytes())
    numpy.save(tmp_path / "x.npy", kept["data"])
    text = good("inspect", net)
    assert "a net of Caffe" in text and re.search(r"data +float32 \[\?, 6, 9, 8\]", text) and re.search(r"Convolution +1", text)
    shown = json.loads(good("inspect", weights, "--weights", "--json"))
    assert shown["format"] == "caffe" and {"name": "c/kernel", "type": "float32", "shape": [4, 6, 3, 3]} in shown["weights"]
    good("run", net, "--weights", weights, "--input", tmp_path / "x.npy", "--out", tmp_path / "out")
    assert numpy.abs(numpy.load(tmp_path / "out/prob.npy") - kept["net/out/prob"]).max() < 1e-5
    good("convert", weights, tmp_path / "n.onnx", "--model", net)
    assert "layer" in good("inspect", tmp_path / "n.onnx")
    good("convert", weights, tmp_path / "n.safetensors")
    assert "c/kernel" in good("inspect", tmp_path / "n.safetensors")
    assert "a TensorFlow graph" in good("inspect", ROOT / "tests/tensorflow_files/v2_nest.pbtxt")


def test_foreign_onnx(tmp_path):
    onnx = pytest.importorskip("onnx")
    from onnx import TensorProto, helper, numpy_helper
    w, b = numpy.arange(12, dtype="f4").reshape(4, 3), numpy.ones(3, "f4")
    graph = helper.make_graph([helper.make_node("Gemm", ["x", "w", "b"], ["h"]), helper.make_node("Relu", ["h"], ["y"])], "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 4])],
                              [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 3])], [numpy_helper.from_array(w, "w"), numpy_helper.from_array(b, "b")])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8), tmp_path / "f.onnx")
    shown = json.loads(good("inspect", tmp_path / "f.onnx", "--json"))
    assert shown["onnx"] and shown["nodes"] == 2 and shown["params"] == 15 and shown["bytes"] == 60
    text = good("inspect", tmp_path / "f.onnx")
    assert "an ONNX graph" in text and "opset 18" in text and re.search(r"Relu +1$", text, re.M) and re.search(r"y +float32 \[n, 3\]", text)
    onnx.save(onnx.load(tmp_path / "f.onnx"), tmp_path / "e.onnx", save_as_external_data=True, location="e.data", size_threshold=0)
    shown = json.loads(good("inspect", tmp_path / "e.onnx", "--json"))
    assert shown["external"] == 2 and shown["params"] == 15 and shown["why_not"] is None
    (tmp_path / "e.data").rename(tmp_path / "f.data")
    assert "e.data" in json.loads(good("inspect", tmp_path / "e.onnx", "--json"))["why_not"]
    x = numpy.random.default_rng(0).normal(size=(9, 4)).astype("f4")
    numpy.save(tmp_path / "x.npy", x)
    good("score", tmp_path / "f.onnx", tmp_path / "x.npy", "-o", tmp_path / "y.npy")
    assert numpy.allclose(numpy.load(tmp_path / "y.npy"), numpy.maximum(x @ w + b, 0), atol=1e-5)


def test_explain_plan(folder):
    scoring = good("explain-plan", folder / "m.onnx")
    assert "first" in scoring and "Dropout" not in scoring
    training = good("explain-plan", folder / "m.onnx", "--training", "--batch", 16)
    assert "[16, 6]" in training and len(training.splitlines()) > len(scoring.splitlines())


def test_graphs_of_others(tmp_path):
    onnx = pytest.importorskip("onnx")
    from onnx import TensorProto, helper, numpy_helper
    f = TensorProto.FLOAT
    inner = helper.make_graph([helper.make_node("Neg", ["x"], ["a"])], "b", [], [helper.make_tensor_value_info("a", f, None)])
    graph = helper.make_graph([helper.make_node("Strange", ["x", "w"], ["h"], domain="there"), helper.make_node("If", ["c"], ["y"], then_branch=inner, else_branch=inner)], "g",
                              [helper.make_tensor_value_info("x", f, ["batch", None, 4]), helper.make_tensor_value_info("c", TensorProto.BOOL, [])], [helper.make_tensor_value_info("y", f, None)],
                              [numpy_helper.from_array(numpy.zeros((2, 3), "i1"), "w\n\x1b[31m")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18), helper.make_opsetid("there", 3)], ir_version=8, producer_name="somebody")
    (tmp_path / "m").write_bytes(model.SerializeToString())
    text = good("inspect", tmp_path / "m", "--weights")
    for part in ("an ONNX graph of somebody", "opset 18, opset 3 of there", "[batch, ?, 4]", "of any shape", "2 nodes, and 2 in branches and loops", "w\\x0A\\x1B[31m", "int8 [2, 3]", "this version does not run it"):
        assert part in text, part
    shown = json.loads(good("inspect", tmp_path / "m", "--weights", "--json"))
    assert shown["operators"] == {"Neg": 2, "If": 1, "Strange": 1} and shown["opsets"] == {"": 18, "there": 3} and shown["bytes"] == 6 and "Strange" in shown["why_not"]
    assert shown["inputs"][0] == {"name": "x", "type": "float32", "shape": ["batch", None, 4]} and shown["weights"][0]["name"] == "w\n\x1b[31m"
    for cut in range(1, len(model.SerializeToString()), 7):
        (tmp_path / "cut").write_bytes(model.SerializeToString()[:cut])
        assert "cut" in bad(5, "inspect", tmp_path / "cut")


def test_data_files(tmp_path):
    import gzip
    import zipfile
    records = ROOT / "tests" / "tfrecord_files"
    for name in "plain", "gzip", "zlib":
        shown = json.loads(good("inspect", records / f"{name}.tfrecord", "--json"))
        assert shown["records"] == 4 and shown["holds"] == "examples" and shown["first"]["whole"] == {"type": "int64", "values": 5}
    assert "a SequenceExample" in good("inspect", records / "sequence.tfrecord") and '"bytes"' in good("inspect", records / "strings.tfrecord", "--json")
    (tmp_path / "cut").write_bytes((records / "plain.tfrecord").read_bytes()[:-3])
    assert "record 3 at byte" in bad(2, "inspect", tmp_path / "cut")
    array = numpy.asfortranarray(numpy.arange(6, dtype=">i2").reshape(2, 3))
    numpy.save(tmp_path / "x.npy", array)
    assert json.loads(good("inspect", tmp_path / "x.npy", "--json")) == {"format": "npy", "type": "int16", "shape": [2, 3], "bytes": 12, "fortran_order": True, "big_endian": True, "complete": True}
    (tmp_path / "x").write_bytes((tmp_path / "x.npy").read_bytes()[:-1])
    assert "cut short" in good("inspect", tmp_path / "x")
    header = b'{"a":{"dtype":"F8_E4M3","shape":[3],"data_offsets":[0,3]},"b":{"dtype":"F4","shape":[2,3],"data_offsets":[3,6]}}'
    (tmp_path / "t").write_bytes(len(header).to_bytes(8, "little") + header + bytes(6))
    assert [t["type"] for t in json.loads(good("inspect", tmp_path / "t", "--json"))["tensors"]] == ["F8_E4M3", "F4"]
    (tmp_path / "t").write_bytes(len(header).to_bytes(8, "little") + header + bytes(5))
    assert "ends at byte 6" in bad(5, "inspect", tmp_path / "t")
    with zipfile.ZipFile(tmp_path / "k", "w") as z:
        z.writestr("metadata.json", "{}")
        z.writestr("model.weights.h5", "")
    for content, says in ((None, "Keras 3"), (b"\x89HDF\r\n\x1a\n", "HDF5"), (b"\x80\x04abc", "pickle"), (gzip.compress(b"text" * 20), "gzip file that holds no records"), (b'{"class_name": "Sequential"}', "Keras model as JSON")):
        if content is not None:
            (tmp_path / "k").write_bytes(content)
        assert says in good("inspect", tmp_path / "k")
    assert bad(5, "inspect", tmp_path / "none").startswith("FS5001")
