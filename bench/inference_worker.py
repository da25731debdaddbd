"""inference_worker NET PEER SECONDS FOLDER - score one picture at a time on one thread and print pictures per CPU-second as JSON.

NET: resnet50 (version 1, bottlenecks that step at their first convolution) or squeezenet (1.1), 224x224x3, 1,000 classes. PEER: firesteel makes the
network, draws its weights (moments of BatchNormalization too), leaves them, a picture and its answer in FOLDER and measures Model.predict;
onnxruntime makes the same network as ONNX with channels first, as exporters do, with those weights, compares its answer, and measures
InferenceSession.run with all of its graph optimizations.
"""
import json
import sys
import time
from pathlib import Path

import numpy as np

net, peer, seconds, folder = sys.argv[1], sys.argv[2], float(sys.argv[3]), Path(sys.argv[4])


def resnet50(o, x):
    """o: how to make a convolution, its batch normalization, and so on; the same text for both systems."""
    def block(x, channels, stride, widen):
        a = o.relu(o.norm(o.conv(x, channels, 1, stride)))
        a = o.relu(o.norm(o.conv(a, channels, 3, 1, 1)))
        a = o.norm(o.conv(a, 4 * channels, 1))
        return o.relu(o.add(a, o.norm(o.conv(x, 4 * channels, 1, stride)) if widen else x))

    x = o.max_pool(o.relu(o.norm(o.conv(x, 64, 7, 2, 3))), 3, 2, 1)
    for channels, blocks, stride in ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2)):
        for k in range(blocks):
            x = block(x, channels, stride if k == 0 else 1, k == 0)
    return o.softmax(o.dense(o.global_pool(x), 1000))


def squeezenet(o, x):
    def fire(x, squeeze, expand):
        x = o.relu(o.conv(x, squeeze, 1, bias=True))
        return o.concat(o.relu(o.conv(x, expand, 1, bias=True)), o.relu(o.conv(x, expand, 3, 1, 1, bias=True)))

    x = o.max_pool(o.relu(o.conv(x, 64, 3, 2, bias=True)), 3, 2)
    x = o.max_pool(fire(fire(x, 16, 64), 16, 64), 3, 2)
    x = o.max_pool(fire(fire(x, 32, 128), 32, 128), 3, 2)
    for squeeze, expand in ((48, 192), (48, 192), (64, 256), (64, 256)):
        x = fire(x, squeeze, expand)
    return o.softmax(o.global_pool(o.relu(o.conv(x, 1000, 1, bias=True))))


def best_rate(score):
    """Pictures per CPU-second: the best of short blocks of calls, after three to warm up."""
    for _ in range(3):
        score()
    best, end = 0.0, time.process_time() + seconds
    while time.process_time() < end:
        begun, n = time.process_time(), 0
        while time.process_time() < begun + 0.25:
            score()
            n += 1
        best = max(best, n / (time.process_time() - begun))
    return best


class Layers:
    """In firesteel's layers, channels last. A tensor goes with its side and channels, so that multiplications and additions can be counted."""
    def __init__(self):
        import firesteel
        self.l, self.flops, self.made = firesteel.layers, 0, []

    def weighty(self, layer):
        self.made.append(layer)
        return layer

    def conv(self, x, channels, size, stride=1, padding=0, bias=False):
        x, side, depth = x
        side = (side + 2 * padding - size) // stride + 1
        self.flops += 2 * side**2 * channels * size**2 * depth
        return self.weighty(self.l.Conv2D(channels, size, strides=stride, padding=[padding, padding] if padding else "valid", use_bias=bias))(x), side, channels

    def norm(self, x):
        return self.weighty(self.l.BatchNormalization(epsilon=1e-5))(x[0]), *x[1:]

    def relu(self, x):
        return self.l.Activation("relu")(x[0]), *x[1:]

    def add(self, a, b):
        return self.l.Add()([a[0], b[0]]), *a[1:]

    def concat(self, a, b):
        return self.l.Concatenate()([a[0], b[0]]), a[1], a[2] + b[2]

    def max_pool(self, x, size, stride, padding=0):
        x, side, depth = x
        if padding:  # what is pooled is not negative: zeros around it never win over a number
            x = self.l.ZeroPadding2D(padding)(x)
        return self.l.MaxPooling2D(size, strides=stride)(x), (side + 2 * padding - size) // stride + 1, depth

    def global_pool(self, x):
        return self.l.GlobalAveragePooling2D()(x[0]), 1, x[2]

    def dense(self, x, units):
        self.flops += 2 * x[2] * units
        return self.weighty(self.l.Dense(units))(x[0]), 1, units

    def softmax(self, x):
        return self.l.Softmax()(x[0])


class Nodes:
    """As nodes of an ONNX graph, channels first, with the weights of the other one in their order."""
    def __init__(self, weights):
        self.nodes, self.stored, self.weights = [], [], iter(weights)

    def weight(self, turn=None):
        from onnx import numpy_helper
        w = next(self.weights)
        self.stored.append(numpy_helper.from_array(np.ascontiguousarray(w if turn is None else w.transpose(turn)), f"w{len(self.stored)}"))
        return self.stored[-1].name

    def node(self, kind, *inputs, **attributes):
        from onnx import helper
        self.nodes.append(helper.make_node(kind, inputs, [f"v{len(self.nodes)}"], **attributes))
        return self.nodes[-1].output[0]

    def conv(self, x, channels, size, stride=1, padding=0, bias=False):
        return self.node("Conv", x, self.weight((3, 2, 0, 1)), *([self.weight()] if bias else []), kernel_shape=[size] * 2, strides=[stride] * 2, pads=[padding] * 4)

    def norm(self, x):
        return self.node("BatchNormalization", x, *(self.weight() for _ in range(4)), epsilon=1e-5)

    def relu(self, x):
        return self.node("Relu", x)

    def add(self, a, b):
        return self.node("Add", a, b)

    def concat(self, a, b):
        return self.node("Concat", a, b, axis=1)

    def max_pool(self, x, size, stride, padding=0):
        return self.node("MaxPool", x, kernel_shape=[size] * 2, strides=[stride] * 2, pads=[padding] * 4)

    def global_pool(self, x):
        return self.node("Flatten", self.node("GlobalAveragePool", x))

    def dense(self, x, units):
        return self.node("Gemm", x, self.weight(), self.weight())

    def softmax(self, x):
        return self.node("Softmax", x, axis=-1)


def draw(weights):
    """He's normal draw for kernels, biases and factors from 0 to 0.1 away from how they start; the last layer's are small, so that its softmax
    gives every class a share and every number counts when answers are compared."""
    rng = np.random.default_rng(1)
    for w in weights:
        if w.ndim > 1:
            yield (rng.standard_normal(w.shape) * np.sqrt(2 / np.prod(w.shape[:-1])) * (1e-3 if w.ndim == 2 else 1)).astype(np.float32)
        else:
            yield (w + 0.1 * rng.random(w.shape)).astype(np.float32)


if peer == "firesteel":
    import firesteel as fire

    fire.set_threads(1)
    o, start = Layers(), fire.Input((224, 224, 3))
    model = fire.Model(start, {"resnet50": resnet50, "squeezenet": squeezenet}[net](o, (start, 224, 3)))
    model.set_weights(list(draw(model.get_weights())))
    x = np.random.default_rng(0).random((1, 224, 224, 3), dtype=np.float32)
    model.save(folder / "ours.onnx")
    np.savez(folder / "weights.npz", *(w for layer in o.made for w in layer.get_weights()))
    np.savez(folder / "answer.npz", x=x, y=model.predict(x, verbose=0))
    result = {"rate": best_rate(lambda: model.predict(x, verbose=0)), "flops": o.flops}
else:
    import onnxruntime
    from onnx import TensorProto, helper

    with np.load(folder / "weights.npz") as stored:
        o = Nodes([stored[k] for k in stored])
    out = {"resnet50": resnet50, "squeezenet": squeezenet}[net](o, "x")
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in (("x", [1, 3, 224, 224]), (out, [1, 1000]))]
    graph = helper.make_graph(o.nodes, net, ends[:1], ends[1:], o.stored)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    session = onnxruntime.InferenceSession(made.SerializeToString(), options, providers=["CPUExecutionProvider"])
    with np.load(folder / "answer.npz") as answer:
        picture, expected = {"x": np.ascontiguousarray(np.moveaxis(answer["x"], -1, 1))}, answer["y"]
    away = float(np.abs(session.run(None, picture)[0] - expected).max() / expected.max())
    if not away < 1e-4:
        raise SystemExit(f"{net}: the systems differ by {away:.2g} of the largest probability, expected less than 1e-4")
    result = {"rate": best_rate(lambda: session.run(None, picture)), "away": away}
print(json.dumps(result))
