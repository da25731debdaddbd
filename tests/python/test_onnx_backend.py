"""ONNX's own backend cases, a part of them; tests/proof/test_onnx_table.py runs all. And what else models of other software need."""
import importlib.machinery
import importlib.util
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

import firesteel as fire
from firesteel import errors
from firesteel.onnx_backend import FiresteelBackend

ROOT = Path(__file__).resolve().parents[2]


def table():
    loader = importlib.machinery.SourceFileLoader("onnx_table", str(ROOT / "tools" / "onnx_table"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("onnx_table", loader))
    loader.exec_module(module)
    return module


def test_cases():
    """Every seventh case of the package: none gives wrong numbers, and those of the listed operators pass."""
    tool = table()
    seen, wrong = 0, []
    for at, (kind, name, model, sets, rtol, atol) in enumerate(tool.cases(kinds=("node",))):
        if at % 7:
            continue
        seen += 1
        result, why = tool.judge(model, sets, rtol, atol)
        if result == "fail" and name not in tool.KNOWN_FAILURES or result == "unsupported" and tool.must_pass(model):
            wrong.append((name, result, why[:200]))
    assert seen > 200 and not wrong, wrong


def model_of(nodes, inputs, outputs, weights=None, opset=18):
    graph = helper.make_graph(nodes, "g", [helper.make_tensor_value_info(n, t, s) for n, t, s in inputs], [helper.make_tensor_value_info(n, t, s) for n, t, s in outputs],
                              [numpy_helper.from_array(v, k) for k, v in (weights or {}).items()])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8 if opset > 9 else 3)


def same(proto, feeds, rtol=1e-5):
    want = onnxruntime.InferenceSession(proto.SerializeToString()).run(None, feeds)
    found = fire.Model.from_bytes(proto.SerializeToString()).run(feeds)
    assert list(found) == [o.name for o in proto.graph.output]
    for a, b in zip(want, found.values()):
        assert a.dtype == b.dtype and a.shape == b.shape
        np.testing.assert_allclose(b, a, rtol=rtol, atol=1e-6)


def test_several_inputs_and_outputs_of_several_types(tmp_path):
    proto = model_of([helper.make_node("Gather", ["table", "ids"], ["e"]), helper.make_node("ReduceMean", ["e"], ["m"], axes=[1], keepdims=0),
                      helper.make_node("Concat", ["m", "x"], ["c"], axis=1), helper.make_node("Gemm", ["c", "w"], ["y"]), helper.make_node("ArgMax", ["y"], ["best"], axis=1)],
                     [("ids", TensorProto.INT64, ["n", None]), ("x", TensorProto.FLOAT, ["n", 2])], [("y", TensorProto.FLOAT, ["n", 4]), ("best", TensorProto.INT64, ["n", 1])],
                     {"table": np.random.default_rng(0).normal(size=(10, 3)).astype("f"), "w": np.random.default_rng(1).normal(size=(5, 4)).astype("f")}, opset=13)
    for n, k in ((3, 2), (5, 4), (3, 2)):  # shapes change from call to call
        same(proto, {"ids": np.arange(n * k).reshape(n, k) % 10, "x": np.random.default_rng(n).normal(size=(n, 2)).astype("f")})
    path = tmp_path / "m.onnx"
    onnx.save(proto, path)
    model = fire.load(path)
    x = {"ids": [[1, 2]], "x": [[0.5, 1]]}  # plain lists take the model's types
    y = model.run(x)["y"]
    copy = model.clone()
    copy.save(tmp_path / "again.onnx")
    assert (fire.load(tmp_path / "again.onnx").run(x)["y"] == y).all()
    with pytest.raises(errors.FiresteelError, match="named tensors|known"):
        model.predict(np.zeros((2, 2), "f"))
    for feeds, says in (({"ids": [[1]]}, "no tensor is given for the input 'x'"), ({**x, "z": 1.0}, "has no input 'z'"), ({**x, "x": np.zeros((1, 3), "f")}, r"shape \[1, 3\], expected \[n, 2\]"),
                        ({**x, "x": np.zeros((1, 2))}, "is float64, expected float32")):
        with pytest.raises(errors.FiresteelError, match=says):
            model.run(feeds)


def test_rows_are_scored_by_files_with_one_input_and_output(tmp_path):
    """A network of another tool predicts like any model, whatever its opset."""
    rng = np.random.default_rng(2)
    weights = {"w": rng.normal(size=(6, 2, 3, 3)).astype("f"), "s": rng.uniform(0.5, 1, 6).astype("f"), "b": rng.normal(size=6).astype("f"), "m": rng.normal(size=6).astype("f"), "v": rng.uniform(0.5, 1, 6).astype("f"),
               "flat": np.array([0, -1]), "d": rng.normal(size=(54, 3)).astype("f")}
    nodes = [helper.make_node("Conv", ["x", "w"], ["c"], pads=[1, 1, 1, 1]), helper.make_node("BatchNormalization", ["c", "s", "b", "m", "v"], ["n"]), helper.make_node("Relu", ["n"], ["r"]),
             helper.make_node("MaxPool", ["r"], ["p"], kernel_shape=[2, 2], strides=[2, 2]), helper.make_node("Dropout", ["p"], ["q"]), helper.make_node("Reshape", ["q", "flat"], ["f"]),
             helper.make_node("MatMul", ["f", "d"], ["l"]), helper.make_node("Softmax", ["l"], ["y"], axis=1)]
    for opset in (9, 13, 18):
        proto = model_of(nodes, [("x", TensorProto.FLOAT, ["n", 2, 6, 6])], [("y", TensorProto.FLOAT, ["n", 3])], weights, opset)
        path = tmp_path / f"m{opset}.onnx"
        onnx.save(proto, path)
        x = rng.normal(size=(5, 2, 6, 6)).astype("f")
        model = fire.load(path)
        want = onnxruntime.InferenceSession(path).run(None, {"x": x})[0]
        np.testing.assert_allclose(model.predict(x, verbose=0), want, rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(model.run({"x": x})["y"], want, rtol=1e-4, atol=1e-6)


def test_numbers_decide_shapes():
    proto = model_of([helper.make_node("NonZero", ["x"], ["places"]), helper.make_node("Transpose", ["places"], ["t"]), helper.make_node("GatherND", ["x", "t"], ["y"])],
                     [("x", TensorProto.FLOAT, ["n", 3])], [("y", TensorProto.FLOAT, [None])])
    for rows in (np.eye(3), np.zeros((2, 3)), np.ones((1, 3))):
        same(proto, {"x": rows.astype("f")})


def test_branches_and_loops():
    def graph(nodes, inputs, outputs):
        return helper.make_graph(nodes, "b", [helper.make_tensor_value_info(*i) for i in inputs], [helper.make_tensor_value_info(*o) for o in outputs])
    f = TensorProto.FLOAT
    yes, no = graph([helper.make_node("Neg", ["x"], ["a"])], [], [("a", f, None)]), graph([helper.make_node("Exp", ["x"], ["a"])], [], [("a", f, None)])
    branch = model_of([helper.make_node("ReduceSum", ["x"], ["s"], keepdims=0), helper.make_node("Greater", ["s", "zero"], ["c"]), helper.make_node("If", ["c"], ["y"], then_branch=yes, else_branch=no)],
                      [("x", f, ["n"])], [("y", f, ["n"])], {"zero": np.zeros((), "f")})
    for x in ([1, 2, 3], [-1, -2]):
        same(branch, {"x": np.array(x, "f")})
    body = graph([helper.make_node("Mul", ["v", "x"], ["w"]), helper.make_node("ReduceMax", ["w"], ["top"], keepdims=0), helper.make_node("Less", ["top", "limit"], ["on"]), helper.make_node("Identity", ["w"], ["out"])],
                 [("i", TensorProto.INT64, []), ("go", TensorProto.BOOL, []), ("v", f, None)], [("on", TensorProto.BOOL, []), ("w", f, None), ("out", f, None)])
    loop = model_of([helper.make_node("Loop", ["", "true", "x"], ["last", "all"], body=body)], [("x", f, ["n"])], [("last", f, ["n"]), ("all", f, ["t", "n"])], {"true": np.array(True), "limit": np.array(100, "f")})
    same(loop, {"x": np.array([2, 1.5], "f")})
    same(loop, {"x": np.array([11, 1.5, 0], "f")})


def test_run_of_a_network_with_layers():
    a, b = fire.Input((3,), name="a"), fire.Input((2,), name="b")
    model = fire.Model([a, b], [fire.layers.Dense(2, name="p")(a), fire.layers.Concatenate(name="q")([a, b])])
    x = {"b": np.ones((4, 2), "f"), "a": np.zeros((4, 3), "f")}
    y = model.run(x)
    assert list(y) == ["p", "q"] and y["p"].shape == (4, 2) and (y["q"][:, 3:] == 1).all()
    with pytest.raises(errors.FiresteelError, match="the model takes a, b"):
        model.run({"a": x["a"]})


def test_backend_interface():
    node = helper.make_node("Add", ["a", "b"], ["c"])
    assert (FiresteelBackend.run_node(node, [np.arange(3, dtype="i4"), np.ones(3, "i4")])[0] == [1, 2, 3]).all()
    assert FiresteelBackend.supports_device("CPU") and not FiresteelBackend.supports_device("CUDA")
    assert not FiresteelBackend.is_compatible(model_of([helper.make_node("ImageDecoder", ["x"], ["y"])], [("x", TensorProto.UINT8, [None])], [("y", TensorProto.UINT8, [None, None, 3])], opset=20))


@pytest.mark.parametrize("kind", ["float16", "bfloat16", "uint32", "uint64", "bool"])
def test_types(kind):
    number = {"float16": 10, "bfloat16": 16, "uint32": 12, "uint64": 13, "bool": 9}[kind]
    op = "And" if kind == "bool" else "Add"
    proto = model_of([helper.make_node(op, ["a", "b"], ["c"])], [("a", number, ["n"]), ("b", number, ["n"])], [("c", number, ["n"])])
    made = {"float16": np.float16, "bfloat16": np.float32, "uint32": np.uint32, "uint64": np.uint64, "bool": np.bool_}[kind]
    a, b = np.array([0, 1, 2.0]).astype(made), np.array([1, 1, 5]).astype(made)
    found = fire.Model.from_bytes(proto.SerializeToString()).run({"a": a, "b": b})["c"]
    assert found.dtype == made and (found == (a & b if kind == "bool" else a + b)).all()
