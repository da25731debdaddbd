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


NET = """name: "n" layer { name: "x" type: "Input" top: "x" input_param { shape { dim: [1, 2, 5, 4] } } }
layer { name: "c" type: "Convolution" bottom: "x" top: "c" convolution_param { num_output: 2 kernel_size: 3 pad: 1 group: 2 } blobs { shape { dim: [2, 1, 3, 3] } data: [W] } blobs { shape { dim: 2 } data: [0.5, -1] } }
layer { name: "b" type: "BatchNorm" bottom: "c" top: "c" blobs { shape { dim: 2 } data: [1, 2] } blobs { shape { dim: 2 } data: [1, 2] } blobs { shape { dim: 1 } data: 2 } }
layer { name: "r" type: "ReLU" bottom: "c" top: "c" relu_param { negative_slope: 0.1 } }
layer { name: "p" type: "Pooling" bottom: "c" top: "p" pooling_param { pool: AVE kernel_size: 3 stride: 2 pad: 1 } }
layer { name: "l" type: "LRN" bottom: "p" top: "l" lrn_param { local_size: 3 norm_region: WITHIN_CHANNEL } }
layer { name: "s" type: "Slice" bottom: "l" top: "s1" top: "s2" slice_param { slice_point: 1 } }
layer { name: "e" type: "Eltwise" bottom: "s1" bottom: "s2" top: "e" eltwise_param { coeff: [1, -1] } }
layer { name: "h" type: "Reshape" bottom: "e" top: "h" reshape_param { shape { dim: [0, -1, 3] } } }
layer { name: "f" type: "InnerProduct" bottom: "h" top: "f" inner_product_param { num_output: 1 bias_term: false } blobs { shape { dim: [1, 9] } data: [0, 1, 2, 3, 4, 5, 6, 7, 8] } }
layer { name: "o" type: "SoftmaxWithLoss" bottom: "f" bottom: "label" top: "o" }
""".replace("[W]", "[" + ", ".join(["0.25"] * 18) + "]")
OLD = """input: "x" input_dim: 1 input_dim: 1 input_dim: 4 input_dim: 4
layers { name: "c" type: DECONVOLUTION bottom: "x" top: "c" convolution_param { num_output: 1 kernel_size: 2 stride: 2 } blobs { num: 1 channels: 1 height: 2 width: 2 data: [1, 2, 3, 4] } blobs { num: 1 channels: 1 height: 1 width: 1 data: 0 } }
layers { name: "p" type: POOLING bottom: "c" top: "p" pooling_param { kernel_size: 2 stride: 2 } include { phase: TEST } }
layers { name: "m" type: MVN bottom: "p" top: "m" } layers { name: "a" type: ARGMAX bottom: "m" top: "a" argmax_param { top_k: 2 out_max_val: true } }
"""


def piece(number, content):
    return (bytes([number << 3 | 2]) if number < 16 else bytes([number << 3 & 127 | 130, number >> 4])) + bytes([len(content)]) + content


def caffe():
    """Nets of Caffe as text, one in wire format, one with its weights in a second one; and texts of all kinds for fuzz_text."""
    (FOLDER / "net.prototxt").write_text(NET)
    (FOLDER / "old.prototxt").write_text(OLD)
    values = piece(7, piece(7, piece(1, b"\x01\x02")) + piece(5, np.float32([1, -1]).tobytes()))
    data = piece(1, b"x") + piece(2, b"Input") + piece(4, b"x") + piece(143, piece(1, piece(1, b"\x03\x02")))
    dense = piece(1, b"f") + piece(2, b"InnerProduct") + piece(3, b"x") + piece(4, b"y") + piece(117, b"\x10\x00")
    net = piece(100, data) + piece(100, dense)
    (FOLDER / "net.caffemodel").write_bytes(piece(100, data) + piece(100, dense + values))
    (FOLDER / "two.caffemodel").write_bytes(b"\xff" + len(net).to_bytes(2, "little") + net + piece(100, piece(1, b"f") + piece(2, b"Split") + values))
    graph = "node { name: 'x' op: 'Placeholder' attr { key: 'dtype' value { type: DT_FLOAT } } attr { key: 'shape' value { shape { dim { size: -1 } dim { size: 3 } } } } }\n" \
            "node { name: 'y' op: 'Abs' input: 'x' attr { key: 'T' value { type: 1 } } } versions { producer: 0x20 } # \\x\n"
    texts = [graph, "saved_model_schema_version: 1 meta_graphs { meta_info_def { tags: 'ser' \"ve\" } graph_def {" + graph + "} signature_def { key: 'a' value { inputs { key: 'x' value { name: '\\170:0' } } } } }",
             "ir_version: 8 graph <node [{op_type: 'Neg', input: ['x'], output: 'y'; attribute { name: '\\u00e9\\n' floats: [1e-3, -inf, .5f] }}] input { name: 'x' } output { name: 'y' }> [a.b/c] { d: <> }", NET, OLD]
    for i, text in enumerate(texts):
        (FOLDER / f"text{i}.pbtxt").write_bytes(bytes([min(i, 3)]) + text.encode())
    (FOLDER / "graph.pbtxt").write_text(graph)


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
    caffe()
    header = b'{"__metadata__":{"step":"1"},"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b\\u00e9":{"dtype":"I64","shape":[],"data_offsets":[8,16]}}'
    (FOLDER / "two.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + bytes(16))
    (FOLDER / "manifest.json").write_bytes(b'{"format": "firesteel.checkpoint", "version": 1, "files": [{"name": "model.onnx", "bytes": -1.5e3, "sha256": null}, true, "\\ud83d\\ude00"]}')


main()
