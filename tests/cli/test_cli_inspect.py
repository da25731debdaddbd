"""test_cli_inspect.py - what inspect and explain-plan say, of networks, checkpoints and foreign ONNX files."""
import json
import re

import numpy
import pytest
from tool import bad, blobs, good, write_csv


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
    assert "an ONNX graph" in text and re.search(r"Relu +\[n, 3\]", text)
    x = numpy.random.default_rng(0).normal(size=(9, 4)).astype("f4")
    numpy.save(tmp_path / "x.npy", x)
    good("score", tmp_path / "f.onnx", tmp_path / "x.npy", "-o", tmp_path / "y.npy")
    assert numpy.allclose(numpy.load(tmp_path / "y.npy"), numpy.maximum(x @ w + b, 0), atol=1e-5)


def test_explain_plan(folder):
    scoring = good("explain-plan", folder / "m.onnx")
    assert "first" in scoring and "Dropout" not in scoring
    training = good("explain-plan", folder / "m.onnx", "--training", "--batch", 16)
    assert "[16, 6]" in training and len(training.splitlines()) > len(scoring.splitlines())
