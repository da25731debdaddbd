"""Models that other software wrote: inner tensors as outputs, plans of those that run by name, rows that are joined."""
import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

import firesteel as fire


def saved(path, nodes, inputs, outputs, constants=()):
    graph = helper.make_graph(nodes, "g", [helper.make_tensor_value_info(n, 1, s) for n, s in inputs], [helper.make_tensor_value_info(n, 1, s) for n, s in outputs],
                              [numpy_helper.from_array(v, n) for n, v in constants])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


@pytest.fixture
def joined(tmp_path):
    nodes = [helper.make_node("Concat", ["x", "x"], ["two"], axis=0), helper.make_node("Concat", ["two", "c"], ["more"], axis=0), helper.make_node("Neg", ["more"], ["y"])]
    return saved(tmp_path / "m.onnx", nodes, [("x", ["n", 2])], [("y", ["k", 2])], [("c", np.full((1, 2), 5, np.float32))])


def test_rows_joined_to_rows_run_by_name(joined):
    model, x = fire.load(joined), np.float32([[1, 2], [3, 4]])
    assert model.run({"x": x})["y"].tolist() == (-np.concatenate([x, x, [[5, 5]]])).tolist()
    with pytest.raises(fire.FiresteelError, match="joined along its batch"):
        model.compile("sgd", "mse")


def test_inner_tensors_as_outputs(joined):
    x = np.float32([[1, 2]])
    got = fire.load(joined, outputs=["more", "two"]).run({"x": x})
    assert sorted(got) == ["more", "two"] and got["two"].tolist() == [[1, 2], [1, 2]] and got["more"].shape == (3, 2)
    with pytest.raises(ValueError, match="no tensor 'none'"):
        fire.load(joined, outputs=["none"])
    with pytest.raises(fire.FiresteelError, match="inputs and a signature are chosen of TensorFlow graphs"):
        fire.load(joined, inputs=["x"], outputs=["two"])


def test_inner_tensors_as_layers(tmp_path):
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(3, 4)).astype("f"), rng.normal(size=(4, 2)).astype("f")
    nodes = [helper.make_node("MatMul", ["x", "a"], ["h"]), helper.make_node("Tanh", ["h"], ["t"]), helper.make_node("MatMul", ["t", "b"], ["y"])]
    path = saved(tmp_path / "m.onnx", nodes, [("x", ["n", 3])], [("y", ["n", 2])], [("a", a), ("b", b)])
    x = rng.normal(size=(5, 3)).astype("f")
    t, y = fire.load(path, outputs=["t", "y"]).predict(x)
    assert np.allclose(t, np.tanh(x @ a), atol=1e-6) and np.allclose(y, np.tanh(x @ a) @ b, atol=1e-6)


def test_layers_as_outputs(tmp_path):
    net = fire.Sequential([fire.Input((3,)), fire.layers.Dense(4, "tanh", name="inner"), fire.layers.Dense(2)])
    x = np.random.default_rng(0).normal(size=(5, 3)).astype("f")
    want = fire.Model(net.inputs, net.get_layer("inner").output).predict(x)
    net.save(tmp_path / "m.onnx")
    assert np.array_equal(fire.load(tmp_path / "m.onnx", outputs=["inner"]).predict(x), want)
    with pytest.raises(ValueError, match="no layer 'outer'"):
        fire.load(tmp_path / "m.onnx", outputs=["outer"])


def test_plans_of_models_that_run_by_name(joined, tmp_path):
    model = fire.load(joined)
    assert "[4, 2] [4, 2] -> [8, 2]" in model.explain_plan(4)
    assert "[7, 2] [7, 2] -> [14, 2]" in model.explain_plan(shapes={"x": (7, 2)})
    with pytest.raises(ValueError, match="expected \\[n, 2\\]"):
        model.explain_plan(shapes={"x": (7, 3)})
    with pytest.raises(ValueError, match="no input 'z'"):
        model.explain_plan(shapes={"z": (7, 3)})
    free = saved(tmp_path / "free.onnx", [helper.make_node("Relu", ["x"], ["y"])], [("x", ["n", "m"])], [("y", ["n", "m"])])
    with pytest.raises(ValueError, match="the input 'x' has shape .*; name one without open sizes"):
        fire.load(free).explain_plan()
    assert "[2, 3] -> [2, 3]" in fire.load(free).explain_plan(shapes={"x": (2, 3)})


def test_what_is_shown_of_models_that_run_by_name(tmp_path):
    model = fire.load(saved(tmp_path / "free.onnx", [helper.make_node("Relu", ["x"], ["y"])], [("x", ["n", "m"])], [("y", ["n", "m"])]))
    lines: list[str] = []
    model.summary(print_fn=lines.append)
    text = "\n".join(lines)
    assert "input   x       float32  (None, None)" in text and "output  y       float32  (None, None)" in text and "No layers: input 'x' has shape [n, n]" in text
    assert model.input_names == ["x"] and model.output_names == ["y"] and "by names, x to y" in repr(model)
    with pytest.raises(fire.errors.UnsupportedError, match="computed by names.*no layers: input 'x' has shape"):
        _ = model.inputs
