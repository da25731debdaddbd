"""ONNX files: mapped, with weights in other files, with functions."""
from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import firesteel as fire
from firesteel import errors

BIG = 1 << 28
RNG = np.random.default_rng(5)


def info(name: str, shape: Any, kind: int = TensorProto.FLOAT) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, shape)


def linear(width: int = 64, k: int = 300) -> tuple[onnx.ModelProto, np.ndarray, np.ndarray]:
    """Two inputs, so that it runs by name."""
    w, b = RNG.normal(size=(k, width)).astype("f"), RNG.normal(size=width).astype("f")
    graph = helper.make_graph([helper.make_node("MatMul", ["x", "w"], ["h"]), helper.make_node("Add", ["h", "b"], ["z"]), helper.make_node("Add", ["z", "s"], ["y"])], "g",
                              [info("x", ["n", k]), info("s", [1])], [info("y", ["n", width])], [numpy_helper.from_array(w, "w"), numpy_helper.from_array(b, "b")])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), w, b


def check(model: fire.Model, w: np.ndarray, b: np.ndarray) -> None:
    x, s = RNG.normal(size=(3, w.shape[0])).astype("f"), np.array([2], "f")
    np.testing.assert_allclose(model.run({"x": x, "s": s})["y"], x @ w + b + 2, rtol=1e-4, atol=1e-3)


def external(proto: onnx.ModelProto, **entries: str) -> bytes:
    """The model with its weight w in another file, as the entries say."""
    copy = onnx.ModelProto()
    copy.CopyFrom(proto)
    t = copy.graph.initializer[0]
    t.ClearField("raw_data")
    t.data_location = TensorProto.EXTERNAL
    for key, value in entries.items():
        entry = t.external_data.add()
        entry.key, entry.value = key, value
    return copy.SerializeToString()


@pytest.mark.parametrize("shift", range(0, 64, 9))
def test_a_mapped_file_runs_wherever_its_tensors_lie(tmp_path: Path, shift: int) -> None:
    proto, w, b = linear(512)
    proto.producer_name = "p" * (shift + 1)  # moves all that follows
    path = tmp_path / "m.onnx"
    path.write_bytes(proto.SerializeToString())
    model = fire.load(path)
    path.unlink()  # the mapping stays
    check(model, w, b)
    check(model, w, b)


def test_opening_reads_no_tensor(tmp_path: Path) -> None:
    """Were the tensors of this sparse file read, the process would grow by them. Its input has no batch, so that it is not made into layers."""
    proto, _, _ = linear(4)
    del proto.graph.input[0].type.tensor_type.shape.dim[:]
    head = external(proto, location="big.bin", offset="4096", length=str(BIG))
    model = onnx.load_from_string(head)
    model.graph.initializer[0].dims[:] = [300, (BIG) // 1200]
    (tmp_path / "m.onnx").write_bytes(model.SerializeToString())
    with open(tmp_path / "big.bin", "wb") as file:
        file.truncate(4096 + (BIG))

    def resident() -> int:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    before = resident()
    with pytest.raises(errors.ModelFileError, match="268435456 bytes, expected 268435200"):
        fire.load(tmp_path / "m.onnx")
    model.graph.initializer[0].external_data[2].value = str((BIG) // 1200 * 1200)
    (tmp_path / "m.onnx").write_bytes(model.SerializeToString())
    fire.load(tmp_path / "m.onnx")
    assert resident() - before < 16 << 20


def test_external_data(tmp_path: Path) -> None:
    proto, w, b = linear()
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "w.bin").write_bytes(bytes(100) + w.tobytes())
    path = tmp_path / "m.onnx"
    for entries in ({"location": "sub/w.bin", "offset": "100", "length": str(w.nbytes)}, {"location": "sub/w.bin", "offset": "100"}, {"location": "./sub//w.bin", "offset": "100"}):
        path.write_bytes(external(proto, **entries))
        check(fire.load(path), w, b)
    here = os.getcwd()
    os.chdir(tmp_path)
    try:
        check(fire.load("m.onnx"), w, b)
    finally:
        os.chdir(here)
    with pytest.raises(errors.FiresteelError, match="weights of this model lie in other files"):
        fire.load(path).save(tmp_path / "copy.onnx")
    with pytest.raises(errors.ModelFileError, match="weight 'w' .* a model in memory has no such files"):
        fire.Model.from_bytes(path.read_bytes())


def test_external_data_that_must_not_be_read(tmp_path: Path) -> None:
    proto, w, _ = linear()
    folder = tmp_path / "model"
    (folder / "sub").mkdir(parents=True)
    (tmp_path / "secret.bin").write_bytes(w.tobytes())
    (folder / "short.bin").write_bytes(w.tobytes()[:-1])
    (folder / "link.bin").symlink_to(tmp_path / "secret.bin")
    (folder / "inside.bin").symlink_to("short.bin")
    (folder / "up").symlink_to(tmp_path, target_is_directory=True)
    os.mkfifo(folder / "pipe.bin")
    leaves = "leaves the model's folder or goes through a link"
    size = str(w.nbytes)
    cases: list[tuple[dict[str, str], str]] = [
        ({"location": "../secret.bin"}, leaves), ({"location": str(tmp_path / "secret.bin")}, leaves), ({"location": "sub/../../secret.bin"}, leaves),
        ({"location": "sub/.."}, leaves), ({"location": "link.bin"}, leaves), ({"location": "inside.bin"}, leaves), ({"location": "up/secret.bin"}, leaves),
        ({"location": "short.bin", "length": size}, "but the file has"), ({"location": "short.bin"}, "expected"), ({"location": "short.bin", "offset": "-1"}, "no number"),
        ({"location": "short.bin", "offset": "9223372036854775807", "length": "9"}, "but the file has"), ({"location": "short.bin", "offset": "99999999999999999999"}, "no number"),
        ({"location": "short.bin", "length": "0x10"}, "no number"), ({"location": "missing.bin"}, "No such file"), ({"location": "sub"}, ""), ({"location": "pipe.bin"}, ""),
        ({"location": ""}, "none"), ({"location": "a\0b"}, "none"), ({}, "none"), ({"location": "x" * 2000}, "none"), ({"location": "short.bin/x"}, ""),
    ]
    for entries, says in cases:
        (folder / "m.onnx").write_bytes(external(proto, **entries))
        with pytest.raises(errors.FiresteelError, match=f"(?s)weight 'w'.*{says}"):
            fire.load(folder / "m.onnx")


# ---- functions ----

def with_functions(nodes: list[onnx.NodeProto], functions: list[onnx.FunctionProto], **more: Any) -> onnx.ModelProto:
    domains = {f.domain for f in functions}
    graph = helper.make_graph(nodes, "g", [info("x", ["n", 4]), info("s", [1])], [info("y", None)], **more)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18), *(helper.make_opsetid(d, 1) for d in sorted(domains))], functions=functions, ir_version=10)


def function(name: str, inputs: list[str], outputs: list[str], nodes: list[onnx.NodeProto], attributes: Any = None, opset: int = 18, defaults: Any = None, domain: str = "my") -> onnx.FunctionProto:
    return helper.make_function(domain, name, inputs, outputs, nodes, [helper.make_opsetid("", opset), helper.make_opsetid("my", 1)], attributes or [], defaults or [])


def refers(node: onnx.NodeProto, name: str, to: str, kind: int) -> onnx.NodeProto:
    node.attribute.append(onnx.AttributeProto(name=name, ref_attr_name=to, type=kind))
    return node


def test_functions_are_what_they_stand_for() -> None:
    leaky = function("Leaky", ["a"], ["b"], [refers(helper.make_node("LeakyRelu", ["a"], ["b"]), "alpha", "slope", onnx.AttributeProto.FLOAT)], ["slope"])
    given = function("Scaled", ["a", "factor"], ["b", "c"], [
        helper.make_node("Leaky", ["a"], ["t"], domain="my", slope=0.5),
        helper.make_node("Mul", ["t", "factor"], ["b"]),
        refers(helper.make_node("Softmax", ["t"], ["c"]), "axis", "axis", onnx.AttributeProto.INT)], defaults=[helper.make_attribute("axis", -1)])
    old = function("Old", ["a"], ["b"], [helper.make_node("Squeeze", ["a"], ["b"], axes=[1])], opset=11)
    proto = with_functions([
        helper.make_node("Scaled", ["x", "s"], ["h", "p"], domain="my"), helper.make_node("Scaled", ["h", "s"], ["", "q"], domain="my", axis=0),
        helper.make_node("Leaky", ["h"], ["l"], domain="my", slope=3.0), helper.make_node("Unsqueeze", ["l", "one"], ["u"]), helper.make_node("Old", ["u"], ["o"], domain="my"),
        helper.make_node("Sum", ["p", "q", "o"], ["y"])], [leaky, given, old], initializer=[numpy_helper.from_array(np.array([1]), "one")])
    x, s = RNG.normal(size=(3, 4)).astype("f"), np.array([1.5], "f")

    def leak(a: np.ndarray, slope: float) -> np.ndarray:
        return np.where(a < 0, a * np.float32(slope), a)

    def soft(a: np.ndarray, axis: int) -> np.ndarray:
        e = np.exp(a - a.max(axis, keepdims=True))
        return e / e.sum(axis, keepdims=True)
    h = leak(x, 0.5) * s
    want = soft(leak(x, 0.5), -1) + soft(leak(h, 0.5), 0) + leak(h, 3)
    got = fire.Model.from_bytes(proto.SerializeToString()).run({"x": x, "s": s})["y"]
    np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)


def test_functions_in_bodies_and_with_inputs_left_out() -> None:
    clip = function("MyClip", ["a", "low", "high"], ["b"], [helper.make_node("Clip", ["a", "low", "high"], ["b"])])
    branch = lambda n: helper.make_graph([n], "b", [], [info("r", None)])  # noqa: E731
    choose = function("Choose", ["a", "c"], ["b"], [helper.make_node("Cast", ["c"], ["t"], to=TensorProto.BOOL), helper.make_node("Squeeze", ["t"], ["t9"]),
                                                   helper.make_node("If", ["t9"], ["b"], then_branch=branch(helper.make_node("MyClip", ["a", "", "c"], ["r"], domain="my")),
                                                                    else_branch=branch(refers(helper.make_node("LeakyRelu", ["a"], ["r"]), "alpha", "slope", onnx.AttributeProto.FLOAT)))], ["slope"])
    proto = with_functions([helper.make_node("Choose", ["x", "s"], ["y"], domain="my", slope=0.25)], [clip, choose])
    model = fire.Model.from_bytes(proto.SerializeToString())
    x = RNG.normal(size=(3, 4)).astype("f")
    np.testing.assert_array_equal(model.run({"x": x, "s": np.array([0.5], "f")})["y"], np.minimum(x, np.float32(0.5)))
    np.testing.assert_allclose(model.run({"x": x, "s": np.array([0], "f")})["y"], np.where(x < 0, x * np.float32(0.25), x), rtol=1e-6)


def test_functions_that_are_refused() -> None:
    def refused(proto: onnx.ModelProto, says: str) -> None:
        with pytest.raises(errors.FiresteelError, match=says):
            fire.Model.from_bytes(proto.SerializeToString()).run({"x": np.zeros((1, 4), "f"), "s": np.zeros(1, "f")})

    def call(name: str, *a: str) -> onnx.NodeProto:
        return helper.make_node(name, list(a[:-1]), [a[-1]], domain="my")
    refused(with_functions([call("F", "x", "y")], [function("F", ["a"], ["b"], [call("F", "a", "b")])]), "calls itself")
    refused(with_functions([call("F", "x", "y")], [function("F", ["a"], ["b"], [call("G", "a", "b")]), function("G", ["a"], ["b"], [call("F", "a", "b")])]), "calls itself")
    refused(with_functions([call("F", "x", "y")], [function("F", ["a"], ["b"], [helper.make_node("NoSuchThing", ["a"], ["b"])])]), "function 'F'.*NoSuchThing")
    refused(with_functions([call("F", "x", "s", "y")], [function("F", ["a"], ["b"], [helper.make_node("Relu", ["a"], ["b"])])]), "1 inputs and 1 outputs with 2 and 1")
    refused(with_functions([call("F", "x", "y")], [function("F", ["a"], ["b"], [helper.make_node("Relu", ["x"], ["b"])])]), "which nothing before it makes")
    refused(with_functions([call("F", "x", "y")], [function("F", ["a"], ["b"], [helper.make_node("Relu", ["a"], ["c"])])]), "nothing makes the output 'b'")
    refused(with_functions([refers(helper.make_node("LeakyRelu", ["x"], ["y"]), "alpha", "slope", onnx.AttributeProto.FLOAT)], []), "stands in none")
    chain = [function(f"F{i}", ["a"], ["b"], [call(f"F{i + 1}", "a", "b")]) for i in range(60)] + [function("F60", ["a"], ["b"], [helper.make_node("Relu", ["a"], ["b"])])]
    refused(with_functions([call("F0", "x", "y")], chain), "more than 48 functions")
    twice = [function(f"F{i}", ["a"], ["b"], [call(f"F{i + 1}", "a", "t"), call(f"F{i + 1}", "t", "b")]) for i in range(40)] + [function("F40", ["a"], ["b"], [helper.make_node("Relu", ["a"], ["b"])])]
    refused(with_functions([call("F0", "x", "y")], twice), "nodes are computed|more memory than its file allows")


def test_a_number_that_decides_may_change_from_run_to_run():
    """The graph of a switch is kept for the numbers that it was made for."""
    def branch(name, op):
        return helper.make_graph([helper.make_node(op, ["x", "x"], [name])], name, [], [helper.make_tensor_value_info(name, TensorProto.FLOAT, None)])
    nodes = [helper.make_node("Constant", [], ["wide"], value_int=16000), helper.make_node("Equal", ["rate", "wide"], ["is_wide"]),
             helper.make_node("If", ["is_wide"], ["z"], then_branch=branch("sum", "Add"), else_branch=branch("product", "Mul")), helper.make_node("Reshape", ["z", "shape"], ["y"])]
    graph = helper.make_graph(nodes, "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None]), helper.make_tensor_value_info("rate", TensorProto.INT64, []), helper.make_tensor_value_info("shape", TensorProto.INT64, [2])],
                              [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)])
    model = fire.Model.from_bytes(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString())
    for turn in range(12):
        x, rate, shape = np.arange(6, dtype="f") + turn, np.array((16000, 8000, 44100)[turn % 3]), np.array([(2, 3), (3, 2)][turn % 2])
        found = model.run({"x": x, "rate": rate, "shape": shape})["y"]
        np.testing.assert_array_equal(found, (x + x if turn % 3 == 0 else x * x).reshape(shape))
