"""seeds.py - write the small files that fuzzing starts from, besides tests/golden_files: plain ONNX graphs and pieces of state."""
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

FOLDER = Path(__file__).resolve().parent / "seeds"


def save(name, nodes, *weights, shape=("n", 4), out=("n", 3), opset=18):
    graph = helper.make_graph(nodes, "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)], [helper.make_tensor_value_info("y", TensorProto.FLOAT, out)], list(weights))
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=9)
    onnx.checker.check_model(model)
    (FOLDER / f"{name}.onnx").write_bytes(model.SerializeToString())


def main():
    FOLDER.mkdir(exist_ok=True)
    rng = np.random.default_rng(1)
    w, b = rng.normal(size=(4, 3)).astype("f"), rng.normal(size=3).astype("f")
    raw = numpy_helper.from_array(w, "w"), numpy_helper.from_array(b, "b")
    typed = helper.make_tensor("w", TensorProto.FLOAT, (4, 3), w.ravel()), helper.make_tensor("b", TensorProto.FLOAT, (3,), b)
    save("gemm", [helper.make_node("Gemm", ["x", "w", "b"], ["h"], "first"), helper.make_node("Softmax", ["h"], ["y"], axis=-1)], *raw)
    save("typed", [helper.make_node("MatMul", ["x", "w"], ["h"]), helper.make_node("Add", ["h", "b"], ["z"]), helper.make_node("Relu", ["z"], ["y"])], *typed, opset=13)
    save("constants", [helper.make_node("Constant", [], ["c"], value=helper.make_tensor("c", TensorProto.INT64, (2,), [-1, 4])), helper.make_node("Reshape", ["x", "c"], ["h"]),
                       helper.make_node("MatMul", ["h", "w"], ["z"]), helper.make_node("Constant", [], ["k"], value_float=2.0), helper.make_node("Mul", ["z", "k"], ["y"])], raw[0], shape=("n", 2, 2))
    save("shapes", [helper.make_node("Flatten", ["x"], ["f"], axis=1), helper.make_node("Transpose", ["w"], ["t"], perm=[1, 0]), helper.make_node("Gemm", ["f", "t"], ["z"], transB=1),
                    helper.make_node("Cast", ["z"], ["d"], to=11), helper.make_node("Cast", ["d"], ["y"], to=1)], raw[0], shape=("n", 2, 2))
    value = lambda name, kind=TensorProto.FLOAT, shape=None: helper.make_tensor_value_info(name, kind, shape)  # noqa: E731
    scalar = lambda name, v: numpy_helper.from_array(np.array(v), name)  # noqa: E731
    body = helper.make_graph([helper.make_node("Identity", ["c"], ["c1"]), helper.make_node("Relu", ["v"], ["v1"]), helper.make_node("Identity", ["v1"], ["s"])], "b",
                             [value("i", TensorProto.INT64, []), value("c", TensorProto.BOOL, []), value("v")], [value("c1"), value("v1"), value("s")])
    save("loop", [helper.make_node("Loop", ["m", "t", "x"], ["h", "all"], body=body), helper.make_node("MatMul", ["h", "w"], ["y"])], scalar("m", 3), scalar("t", True), raw[0])
    step = helper.make_graph([helper.make_node("Add", ["s", "e"], ["s1"]), helper.make_node("Identity", ["s1"], ["o"])], "b", [value("s"), value("e")], [value("s1"), value("o")])
    save("scan", [helper.make_node("ReduceSum", ["x", "zero"], ["z"], keepdims=0), helper.make_node("Scan", ["z", "x"], ["last", "y"], body=step, num_scan_inputs=1)], scalar("zero", [0]), shape=(3, 4), out=(3, 4))
    branch = lambda op: helper.make_graph([helper.make_node(op, ["x"], ["r"])], "b", [], [value("r", TensorProto.FLOAT, ("n", 4))])  # noqa: E731
    save("if", [helper.make_node("ReduceMax", ["x"], ["p"], keepdims=0), helper.make_node("Greater", ["p", "k"], ["c"]), helper.make_node("If", ["c"], ["h"], then_branch=branch("Relu"), else_branch=branch("Tanh")),
                helper.make_node("MatMul", ["h", "w"], ["y"])], scalar("k", np.float32(0)), raw[0])
    save("conv", [helper.make_node("Conv", ["x", "k"], ["h"], pads=[1, 1, 1, 1]), helper.make_node("MaxPool", ["h"], ["p"], kernel_shape=[2, 2], strides=[2, 2]), helper.make_node("GlobalAveragePool", ["p"], ["g"]),
                  helper.make_node("Flatten", ["g"], ["y"])], numpy_helper.from_array(rng.normal(size=(3, 1, 3, 3)).astype("f"), "k"), shape=("n", 1, 4, 4))
    save("quantized", [helper.make_node("DynamicQuantizeLinear", ["x"], ["q", "a", "o"]), helper.make_node("DequantizeLinear", ["q", "a", "o"], ["d"]), helper.make_node("MatMul", ["d", "w"], ["y"])], raw[0])
    scaled = helper.make_node("LeakyRelu", ["a"], ["b"])
    scaled.attribute.append(onnx.AttributeProto(name="alpha", ref_attr_name="slope", type=onnx.AttributeProto.FLOAT))
    function = helper.make_function("my", "Leaky", ["a"], ["b"], [scaled], [helper.make_opsetid("", 18)], ["slope"])
    graph = helper.make_graph([helper.make_node("Leaky", ["x"], ["h"], domain="my", slope=0.5), helper.make_node("MatMul", ["h", "w"], ["y"])], "g", [value("x", TensorProto.FLOAT, ("n", 4))],
                              [value("y", TensorProto.FLOAT, ("n", 3))], [raw[0]])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18), helper.make_opsetid("my", 1)], functions=[function], ir_version=10)
    (FOLDER / "function.onnx").write_bytes(model.SerializeToString())
    for name, array in {"big": np.asfortranarray(np.arange(6, dtype=">i2").reshape(2, 3)), "scalar": np.array(1.5, "f2")}.items():
        np.save(FOLDER / f"{name}.npy", array)
    files = FOLDER.parents[1] / "tfrecord_files"
    for name in ("plain", "gzip", "sequence"):
        (FOLDER / f"{name}.record").write_bytes(b"\0" + (files / f"{name}.tfrecord").read_bytes())
    example = (files / "sequence.tfrecord").read_bytes()
    (FOLDER / "example.record").write_bytes(b"\1" + example[12:12 + int.from_bytes(example[:8], "little")])
    header = b'{"__metadata__":{"step":"1"},"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b\\u00e9":{"dtype":"I64","shape":[],"data_offsets":[8,16]}}'
    (FOLDER / "two.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + bytes(16))
    (FOLDER / "manifest.json").write_bytes(b'{"format": "firesteel.checkpoint", "version": 1, "files": [{"name": "model.onnx", "bytes": -1.5e3, "sha256": null}, true, "\\ud83d\\ude00"]}')


main()
