"""ONNX files that mean harm: each gives an error that says where, in printable text, within memory of four times the file plus 64 MiB."""
from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from firesteel import _core, errors

FLOAT, INT = TensorProto.FLOAT, TensorProto.INT64
NUMPY = {1: "f4", 2: "u1", 3: "i1", 4: "u2", 5: "i2", 6: "i4", 7: "i8", 9: "?", 10: "f2", 11: "f8", 12: "u4", 13: "u8"}


def info(name: str, shape: Any, kind: int = FLOAT) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, shape)


def const(name: str, values: Any) -> onnx.TensorProto:
    return numpy_helper.from_array(np.asarray(values), name)


def model(nodes: list[onnx.NodeProto], *weights: onnx.TensorProto, x: Any = ("n", 4), opset: int = 18) -> bytes:
    graph = helper.make_graph(nodes, "g", [info("x", x)], [info("y", None)], list(weights))
    return bytes(helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=9).SerializeToString())


def field(number: int, content: bytes) -> bytes:
    """A message, or text, in protobuf's wire format."""
    size, length = len(content), b""
    while True:
        length += bytes([size & 127 | (128 if size > 127 else 0)])
        size >>= 7
        if not size:
            return bytes([number << 3 | 2]) + length + content


node = helper.make_node


def body(nodes: list[onnx.NodeProto], inputs: list[onnx.ValueInfoProto], outputs: list[str]) -> onnx.GraphProto:
    return helper.make_graph(nodes, "b", inputs, [info(o, None) for o in outputs])


LOOP_IN = [info("i", [], INT), info("c", [], TensorProto.BOOL), info("v", None)]


def load_and_run(content: bytes) -> None:
    """Everything that the file asks for, in a context of its own whose memory is limited; raises what firesteel raises."""
    context = _core.Context()
    context.set_limits(4 * len(content) + (64 << 20), 1 << 30)
    net = _core.Network.load_bytes(context, content)
    names, arrays = [], []
    for name, kind, shape in net.ports(False):
        sizes = [2 if d is None or d < 0 else d for d in shape]
        if kind not in NUMPY or np.prod(sizes, dtype=float) > 1 << 16:
            return
        names.append(name)
        arrays.append(np.zeros(sizes, NUMPY[kind]))
    net.run(names, arrays, [0] * len(names))


def refused(content: bytes, says: str) -> None:
    with pytest.raises(errors.FiresteelError, match=says) as caught:
        load_and_run(content)
    assert str(caught.value).isascii() and str(caught.value).replace("\n", " ").isprintable()


HUGE = 1 << 62


def cases() -> Iterator[tuple[str, bytes, str]]:
    relu = node("Relu", ["x"], ["y"], "first")
    yield "dimensions", model([node("Add", ["x", "w"], ["y"])], onnx.TensorProto(name="w", data_type=1, dims=[1 << 40, 1 << 40], raw_data=b"1234")), "weight 'w' at byte .* impossible shape"
    yield "negative", model([node("Add", ["x", "w"], ["y"])], onnx.TensorProto(name="w", data_type=1, dims=[-4], raw_data=b"1234")), "weight 'w' at byte .* negative"
    yield "nothing in it", model([node("Add", ["x", "w"], ["y"])], onnx.TensorProto(name="w", data_type=1, dims=[1 << 33])), "weight 'w' at byte .* fewer numbers"
    for op, weights in (("Expand", [[1 << 30, 1 << 30, 4]]), ("Tile", [[1 << 40, 1 << 40]]), ("Reshape", [[1 << 40, 1 << 40]]), ("Pad", [[HUGE, HUGE, HUGE, HUGE]])):
        yield op, model([node(op, ["x", "w"], ["y"], "it")], const("w", weights[0])), f"'it' \\({op}|limit"
        yield op + " of a run", model([node("Cast", ["x"], ["z"], to=INT), node("ReduceMax", ["z"], ["z0"], keepdims=0), node("Add", ["z0", "w"], ["z1"]), node(op, ["x", "z1"], ["y"], "it")],
                                      const("w", weights[0])), f"'it' \\({op}|limit"
    yield "ConstantOfShape", model([node("ConstantOfShape", ["w"], ["y"], "it")], const("w", [HUGE, 4])), "'it' \\(ConstantOfShape"
    yield "ConstantOfShape, 2^40", model([node("ConstantOfShape", ["w"], ["y"], "it")], const("w", [1 << 40])), "limit"
    yield "Range", model([node("Range", ["a", "b", "c"], ["y"], "it")], const("a", 0), const("b", HUGE), const("c", 1)), "'it' \\(Range|limit"
    yield "OneHot", model([node("Cast", ["x"], ["z"], to=INT), node("OneHot", ["z", "d", "v"], ["y"], "it")], const("d", HUGE), const("v", np.array([0, 1], "f"))), "'it' \\(OneHot|limit"
    yield "Resize", model([node("Resize", ["x", "", "", "s"], ["y"], "it")], const("s", [1 << 31, 1 << 31])), "'it' \\(Resize|limit"
    yield "no such axis", model([node("Concat", ["x", "x"], ["y"], "it", axis=1 << 40)]), "'it' \\(Concat"
    yield "cycle", model([node("Add", ["x", "b"], ["a"], "one"), node("Relu", ["a"], ["b"], "two"), node("Relu", ["b"], ["y"])]), "'one' .* reads 'b'"
    yield "itself", model([node("Add", ["x", "y"], ["y"], "me")]), "'me' .* reads 'y'"
    yield "defined twice", model([relu, node("Tanh", ["x"], ["y"])]), "'y' at byte .* twice"
    yield "no output", model([node("Relu", ["x"], ["z"])]), "output 'y'"
    doubling = [node("Concat", [f"t{i}"] * 2, [f"t{i + 1}"], f"c{i}", axis=1) for i in range(40)]
    yield "doubling", model([node("Identity", ["x"], ["t0"]), *doubling, node("Identity", ["t40"], ["y"])]), "limit"
    yield "doubling of constants", model([node("Identity", ["w"], ["t0"]), *doubling, node("Identity", ["t40"], ["y"])], const("w", np.zeros((1, 4), "f"))), "limit"
    twice = body([node("Identity", ["c"], ["c1"]), node("Concat", ["v", "v"], ["v1"], axis=1)], LOOP_IN, ["c1", "v1"])
    yield "doubling in a loop", model([node("Loop", ["m", "t", "x"], ["y"], "it", body=twice)], const("m", 60), const("t", True)), "limit|too large .layer it"
    same = body([node("Identity", ["c"], ["c1"]), node("Relu", ["v"], ["v1"])], LOOP_IN, ["c1", "v1"])
    yield "2^62 trips", model([node("Loop", ["m", "t", "x"], ["y"], "it", body=same)], const("m", HUGE), const("t", True)), "'it' .* runs 4611686018427387904 times"
    yield "no end", model([node("Loop", ["", "t", "x"], ["y"], "it", body=same)], const("t", True)), "'it' .* runs"
    empty = body([node("Constant", [], ["c1"], value=const("v", True))], LOOP_IN[:2], ["c1"])
    yield "trips of nothing", model([node("Loop", ["m", "t"], [], "it", body=empty), relu], const("m", HUGE), const("t", True)), "limit|trips of loops counted"
    told = body([node("Constant", [], ["one"], value=const("v", True)), node("Or", ["one", "c"], ["c1"]), node("Relu", ["v"], ["v1"])], LOOP_IN, ["c1", "v1"])
    yield "2^62 trips, computed", model([node("Loop", ["m", "t", "x"], ["y"], "it", body=told)], const("m", HUGE), const("t", True)), "limit|trips of loops counted"
    scan = body([node("Identity", ["s"], ["s1"])], [info("s", None), info("e", None)], ["s1"])
    yield "long scan", model([node("ConstantOfShape", ["w"], ["l"]), node("Scan", ["x", "l"], ["y"], "it", body=scan, num_scan_inputs=1)], const("w", [1 << 40])), "limit|trips of loops counted|'it'"
    bad = body([node("Relu", ["r"], ["r"])], [], ["r"])
    yield "a body that reads itself", model([node("If", ["t"], ["y"], "it", then_branch=bad, else_branch=bad)], const("t", True)), "reads 'r'"
    deep = node("Relu", ["x"], ["r"])
    for _ in range(12):
        deep = node("If", ["t"], ["r"], "in", then_branch=body([deep], [], ["r"]), else_branch=body([node("Relu", ["x"], ["r"])], [], ["r"]))
    yield "twelve deep", model([deep, node("Relu", ["r"], ["y"])], const("t", True)), "graphs inside each other"
    inside = b""
    for _ in range(100):  # a node with an attribute with a graph with a node ...
        inside = field(1, field(1, b"x") + field(2, b"r") + field(4, b"If") + field(5, field(1, b"else_branch") + field(6, inside + field(12, field(1, b"r"))) + b"\xa0\x01\x05"))
    yield "messages too deep", model([relu]) + field(7, field(11, field(1, b"x") + field(2, field(1, b"\x08\x09"))) + inside + field(12, field(1, b"r"))), "deeper than 64|graphs inside each other"
    yield "names that are no UTF-8", model([node("Relu", ["x"], ["y"], "nAmE")]).replace(b"Relu", b"R\xff\n\x1b").replace(b"nAmE", b"\xc3\x28\x00\xed"), r"node 0 '\\xC3\(\\x00\\xED' \(R\\xFF"
    yield "an input that is no UTF-8", model([node("Relu", ["xAx"], ["y"], "it")]).replace(b"xAx", b"\xf0\x9f\x1b"), r"'it' .* reads '\\xF0\\x9F\\x1B'"
    yield "many inputs", model([node("Sum", ["x"] * 100000, ["y"], "it")]), "'it' \\(Sum"
    yield "many axes", model([node("Squeeze", ["x"], ["y"], "it", axes=list(range(5000)))], opset=11), "'it' \\(Squeeze"
    yield "pooling", model([node("MaxPool", ["x"], ["y"], "it", kernel_shape=[1 << 40, 1 << 40], pads=[1 << 39] * 4)], x=("n", 1, 4, 4)), "'it' \\(MaxPool|limit"
    yield "dilations", model([node("Conv", ["x", "w"], ["y"], "it", dilations=[HUGE, HUGE])], const("w", np.zeros((1, 1, 2, 2), "f")), x=("n", 1, 4, 4)), "'it' \\(Conv"
    yield "TopK", model([node("TopK", ["x", "k"], ["y", ""], "it")], const("k", [HUGE])), "'it' \\(TopK"


ALL = list(cases())


@pytest.mark.parametrize("which", range(len(ALL)), ids=[name for name, _, _ in ALL])
def test_what_is_hostile_is_refused(which: int) -> None:
    _, content, says = ALL[which]
    refused(content, says)


def test_files_cut_anywhere() -> None:
    content = model([node("MatMul", ["x", "w"], ["h"]), node("Constant", [], ["c"], value=const("c", np.float32(2))), node("Mul", ["h", "c"], ["y"])], const("w", np.ones((4, 3), "f")))
    for cut in range(len(content)):
        with pytest.raises(errors.ModelFileError):
            load_and_run(content[:cut])


def test_flipped_bits() -> None:
    """Nothing but firesteel's own errors, whatever a bit does; most files still say what is wrong with them."""
    rng = np.random.default_rng(3)
    same = body([node("Identity", ["c"], ["c1"]), node("Relu", ["v"], ["v1"])], LOOP_IN, ["c1", "v1"])
    content = model([node("Loop", ["m", "t", "x"], ["h"], body=same), node("MatMul", ["h", "w"], ["z"]), node("Reshape", ["z", "s"], ["r"]), node("Softmax", ["r"], ["y"], axis=-1)],
                    const("m", 3), const("t", True), const("w", np.ones((4, 6), "f")), const("s", [-1, 3]))
    load_and_run(content)
    failed = 0
    for _ in range(600):
        changed = bytearray(content)
        for at in rng.integers(len(content), size=rng.integers(1, 4)):
            changed[at] ^= 1 << rng.integers(8)
        try:
            load_and_run(bytes(changed))
        except errors.FiresteelError as problem:
            failed += 1
            assert str(problem).isascii()
    assert failed > 100
