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
    header = b'{"__metadata__":{"step":"1"},"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b\\u00e9":{"dtype":"I64","shape":[],"data_offsets":[8,16]}}'
    (FOLDER / "two.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + bytes(16))
    (FOLDER / "manifest.json").write_bytes(b'{"format": "firesteel.checkpoint", "version": 1, "files": [{"name": "model.onnx", "bytes": -1.5e3, "sha256": null}, true, "\\ud83d\\ude00"]}')


main()
