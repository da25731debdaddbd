"""make_caffe.py - small nets of Caffe with what OpenCV's dnn computes for them (pip install opencv-python-headless==4.14), or NumPy where OpenCV does not
know a layer. Writes layers.npz: for each case its prototxt, caffemodel, inputs and outputs. Wire format is written by hand."""
import struct
import tempfile
from pathlib import Path

import cv2
import numpy as np

HERE = Path(__file__).resolve().parent


def varint(v):
    out = b""
    while v > 127:
        out += bytes([v & 127 | 128])
        v >>= 7
    return out + bytes([v])


def piece(number, content):
    return varint(number << 3 | 2) + varint(len(content)) + content


def number(field, v):
    return varint(field << 3) + varint(v)


def blob(array, old=False):
    data = piece(5, np.ascontiguousarray(array, "<f4").tobytes())
    if old:
        shape = (1,) * (4 - array.ndim) + array.shape
        return b"".join(number(i + 1, d) for i, d in enumerate(shape)) + data
    return piece(7, piece(1, b"".join(varint(d) for d in array.shape))) + data


def model(weights):
    """weights: {layer: (type, [arrays])}; a number for the type makes a V1LayerParameter."""
    out = b""
    for name, (kind, arrays) in weights.items():
        old = isinstance(kind, int)
        layer = piece(4 if old else 1, name.encode()) + (number(5, kind) if old else piece(2, kind.encode()))
        out += piece(2 if old else 100, layer + b"".join(piece(6 if old else 7, blob(a, old)) for a in arrays))
    return out


def layer(kind, params="", bottom="data", top="y", name="it"):
    bottoms, tops = ([v] if isinstance(v, str) else v for v in (bottom, top))
    return (f'layer {{ name: "{name}" type: "{kind}" ' + " ".join(f'bottom: "{b}"' for b in bottoms) + " " + " ".join(f'top: "{t}"' for t in tops) + f" {params} }}\n")


def net(*layers, **inputs):
    return 'name: "net"\n' + "".join(f'layer {{ name: "{k}" type: "Input" top: "{k}" input_param {{ shape {{ {" ".join(f"dim: {d}" for d in s)} }} }} }}\n' for k, s in inputs.items()) + "".join(layers)


rng = np.random.default_rng(1)
w = lambda *shape: (np.round(rng.normal(size=shape) * 32) / 64).astype("f")  # noqa: E731
IMAGE = (2, 6, 9, 8)
COMMON = {k: w(*IMAGE) for k in ("data", "a", "b")}
CASES = {}


def case(name, prototxt, weights=None, judge=None, **inputs):
    CASES[name] = prototxt, model(weights or {"none": ("Split", [])}), {k: COMMON[k] if isinstance(s, tuple) and s == IMAGE else w(*s) if isinstance(s, tuple) else s for k, s in inputs.items()}, judge


def single(name, kind, params="", weights=None, judge=None, shape=IMAGE):
    case(name, net(layer(kind, params), data=shape), {"it": (kind, weights)} if weights else None, judge, data=shape)


conv = "convolution_param"
single("conv", "Convolution", conv + " { num_output: 4 kernel_size: 3 pad: 1 stride: 2 }", [w(4, 6, 3, 3), w(4)])
single("conv_group", "Convolution", conv + " { num_output: 4 kernel_h: 3 kernel_w: 2 pad_h: 1 pad_w: 0 stride_w: 2 stride_h: 1 group: 2 bias_term: false }", [w(4, 3, 3, 2)])
single("conv_dilation", "Convolution", conv + " { num_output: 5 kernel_size: [3, 3] dilation: 2 pad: 2 pad: 1 }", [w(5, 6, 3, 3), w(5)])
single("deconv", "Deconvolution", conv + " { num_output: 4 kernel_size: 4 stride: 2 pad: 1 }", [w(6, 4, 4, 4), w(4)])
single("deconv_group", "Deconvolution", conv + " { num_output: 6 kernel_size: 4 stride: 2 pad: 1 group: 6 bias_term: false }", [w(6, 1, 4, 4)])
pool = "pooling_param { pool: "
single("pool_max", "Pooling", pool + "MAX kernel_size: 3 stride: 2 }")
single("pool_max_pad", "Pooling", pool + "MAX kernel_size: 3 stride: 2 pad: 1 }")
single("pool_ave", "Pooling", pool + "AVE kernel_size: 3 stride: 2 pad: 1 }")
single("pool_ave_odd", "Pooling", pool + "AVE kernel_h: 2 kernel_w: 4 stride_h: 2 stride_w: 3 }", shape=(1, 2, 7, 9))
single("pool_global", "Pooling", pool + "AVE global_pooling: true }")
single("pool_global_max", "Pooling", pool + "MAX global_pooling: true }")
single("pool_floor", "Pooling", pool + "MAX kernel_size: 3 stride: 2 round_mode: FLOOR }", None, lambda x: np.lib.stride_tricks.sliding_window_view(x, (3, 3), (2, 3))[:, :, ::2, ::2].max((-1, -2)), (1, 2, 8, 8))
single("dense", "InnerProduct", "inner_product_param { num_output: 5 }", [w(5, 432), w(5)])
single("dense_axis", "InnerProduct", "inner_product_param { num_output: 5 axis: 2 bias_term: false }", [w(5, 72)])
single("dense_transpose", "InnerProduct", "inner_product_param { num_output: 5 transpose: true }", [w(7, 5), w(5)], lambda x, k, c: x @ k + c, (3, 7))
single("relu", "ReLU")
single("relu_slope", "ReLU", "relu_param { negative_slope: 0.1 }")
single("prelu", "PReLU", "", [w(6)])
single("prelu_shared", "PReLU", "prelu_param { channel_shared: true }", [w(1)], lambda x, a: np.where(x > 0, x, a * x))
single("elu", "ELU", "elu_param { alpha: 1.0 }")
single("elu_alpha", "ELU", "elu_param { alpha: 0.5 }", None, lambda x: np.where(x > 0, x, 0.5 * np.expm1(x)))
for kind in ("Sigmoid", "TanH", "AbsVal", "BNLL"):
    single(kind.lower(), kind)
single("power", "Power", "power_param { power: 2 scale: 0.5 shift: 1.5 }")
single("exp", "Exp", "exp_param { base: 2 scale: 0.5 shift: 1 }", None, lambda x: 2 ** (0.5 * x + 1))
single("exp_e", "Exp", "", None, np.exp)
single("log", "Log", "log_param { base: 10 scale: 0.1 shift: 2 }", None, lambda x: np.log10(0.1 * x + 2))
single("softmax", "Softmax", "", shape=(3, 7))
single("softmax_map", "Softmax", "softmax_param { axis: 1 }")
single("lrn", "LRN", "lrn_param { local_size: 3 alpha: 0.5 beta: 0.75 }")
single("lrn_k", "LRN", "lrn_param { local_size: 3 alpha: 0.5 beta: 0.5 k: 2 }", None,
       lambda x: x / np.sqrt(2 + 0.5 / 3 * np.lib.stride_tricks.sliding_window_view(np.pad(x * x, ((0, 0), (1, 1), (0, 0), (0, 0))), 3, 1).sum(-1)))
single("lrn_within", "LRN", "lrn_param { local_size: 3 alpha: 0.5 norm_region: WITHIN_CHANNEL }")
single("batch_norm", "BatchNorm", "", [w(6), w(6) ** 2 + 0.5, np.float32([4])])
single("batch_norm_eps", "BatchNorm", "batch_norm_param { use_global_stats: true eps: 0.1 }", [w(6), w(6) ** 2 + 0.5, np.float32([1])])
single("scale", "Scale", "scale_param { bias_term: true }", [w(6), w(6)])
single("scale_plain", "Scale", "", [w(6)])
single("scale_axis", "Scale", "scale_param { axis: 2 num_axes: 2 }", [w(9, 8)], lambda x, g: x * g)
single("bias", "Bias", "", [w(6)], lambda x, c: x + c[:, None, None])
single("mvn", "MVN")
single("mvn_across", "MVN", "mvn_param { across_channels: true normalize_variance: false }")
single("normalize", "Normalize", "norm_param { across_spatial: false channel_shared: false }", [w(6)])
single("normalize_all", "Normalize", "norm_param { channel_shared: true }", [w(1)])
single("threshold", "Threshold", "threshold_param { threshold: 0.25 }", None, lambda x: x > 0.25)
single("clip", "Clip", "clip_param { min: -0.2 max: 0.3 }", None, lambda x: x.clip(-0.2, 0.3))
single("swish", "Swish", "swish_param { beta: 2 }", None, lambda x: x / (1 + np.exp(-2 * x)))
single("dropout", "Dropout", "dropout_param { dropout_ratio: 0.3 }")
two = {"a": IMAGE, "b": IMAGE}
for operation in ("SUM", "PROD", "MAX"):
    case("eltwise_" + operation.lower(), net(layer("Eltwise", f"eltwise_param {{ operation: {operation} }}", ["a", "b"]), **two), **two)
case("eltwise_coeff", net(layer("Eltwise", "eltwise_param { coeff: 0.5 coeff: -1 }", ["a", "b"]), **two), **two)
case("concat", net(layer("Concat", "", ["a", "b"]), a=IMAGE, b=(2, 3, 9, 8)), a=IMAGE, b=(2, 3, 9, 8))
case("concat_axis", net(layer("Concat", "concat_param { axis: 2 }", ["a", "b"]), a=IMAGE, b=IMAGE), **two)
case("slice", net(layer("Slice", "slice_param { slice_point: 1 slice_point: 4 }", top=["p", "q", "r"]), data=IMAGE), None, lambda x: {"p": x[:, :1], "q": x[:, 1:4], "r": x[:, 4:]}, data=IMAGE)
case("slice_even", net(layer("Slice", "slice_param { axis: 3 }", top=["p", "q"]), data=IMAGE), None, lambda x: {"p": x[..., :4], "q": x[..., 4:]}, data=IMAGE)
case("split", net(layer("Split", "", top=["p", "q"]), layer("TanH", bottom="p", top="r", name="r"), layer("AbsVal", bottom="q", top="s", name="s"), data=IMAGE), data=IMAGE)
single("flatten", "Flatten")
single("flatten_part", "Flatten", "flatten_param { axis: 1 end_axis: 2 }")
single("reshape", "Reshape", "reshape_param { shape { dim: 0 dim: 3 dim: -1 dim: 8 } }")
single("reshape_part", "Reshape", "reshape_param { shape { dim: 3 dim: 24 } axis: 2 num_axes: 2 }")
single("permute", "Permute", "permute_param { order: 0 order: 2 order: 3 order: 1 }")
case("crop", net(layer("Crop", "crop_param { axis: 2 offset: 1 offset: 2 }", ["a", "b"]), a=IMAGE, b=(2, 4, 5, 6)), None, lambda a, b: a[:, :, 1:6, 2:8], a=IMAGE, b=(2, 4, 5, 6))
single("argmax", "ArgMax", "argmax_param { axis: 1 }", None, lambda x: x.argmax(1)[:, None])
single("argmax_top", "ArgMax", "argmax_param { top_k: 2 out_max_val: true }", None,
       lambda x: np.stack([np.argsort(-x.reshape(2, -1), 1, kind="stable")[:, :2], -np.sort(-x.reshape(2, -1), 1)[:, :2]], 1))
for operation, numbers in (("SUM", lambda v: v.sum(-1)), ("ASUM", lambda v: np.abs(v).sum(-1)), ("SUMSQ", lambda v: (v * v).sum(-1)), ("MEAN", lambda v: v.mean(-1))):
    single("reduction_" + operation.lower(), "Reduction", f"reduction_param {{ operation: {operation} axis: 1 coeff: 0.5 }}", None, lambda x, f=numbers: 0.5 * f(x.reshape(2, -1)))
single("tile", "Tile", "tile_param { axis: 1 tiles: 3 }", None, lambda x: np.tile(x, (1, 3, 1, 1)))
single("relu6", "ReLU6", "", None, lambda x: x.clip(0, 6))
single("shuffle", "ShuffleChannel", "shuffle_channel_param { group: 3 }", None, lambda x: x.reshape(2, 3, 2, 9, 8).swapaxes(1, 2).reshape(x.shape))
single("depthwise", "DepthwiseConvolution", conv + " { num_output: 6 kernel_size: 3 bias_term: false }", [w(6, 1, 3, 3)],
       lambda x, k: np.einsum("nchwij,cij->nchw", np.lib.stride_tricks.sliding_window_view(x, (3, 3), (2, 3)), k[:, 0]))
case("axpy", net(layer("Axpy", "", ["s", "a", "b"]), s=(2, 6), a=IMAGE, b=IMAGE), None, lambda s, a, b: s[:, :, None, None] * a + b, s=(2, 6), **two)
case("embed", net(layer("Embed", "embed_param { num_output: 3 input_dim: 5 }", "ids"), ids=(2, 4)), {"it": ("Embed", [w(5, 3), w(3)])}, lambda i, k, c: k[i.astype(int)] + c,
     ids=rng.integers(0, 5, (2, 4)).astype("f"))
# Whole nets: in place, phases, losses, the older layers with blobs of four dimensions, and inputs of all kinds.
body = (layer("Convolution", conv + " { num_output: 4 kernel_size: 3 }", top="c", name="c") + layer("BatchNorm", "", "c", "c", "n") + layer("Scale", "scale_param { bias_term: true }", "c", "c", "s")
        + layer("ReLU", "", "c", "c", "r") + layer("Pooling", pool + "MAX kernel_size: 2 stride: 2 }", "c", "p", "p") + layer("Dropout", "", "p", "p", "d")
        + layer("InnerProduct", "inner_product_param { num_output: 3 }", "p", "f", "f"))
parts = {"c": ("Convolution", [w(4, 6, 3, 3), w(4)]), "n": ("BatchNorm", [w(4), w(4) ** 2 + 1, np.float32([2])]), "s": ("Scale", [w(4), w(4)]), "f": ("InnerProduct", [w(3, 48), w(3)]),
         "more": ("InnerProduct", [w(2, 2)])}
case("net", "input: 'data' input_shape { dim: 1 dim: 6 dim: 9 dim: 8 }\n" + body + layer("Softmax", "", "f", "prob", "prob"), parts, data=IMAGE)
case("net_dims", "input: 'data' input_dim: 1 input_dim: 6 input_dim: 9 input_dim: 8\n" + body + layer("Softmax", "", "f", "prob", "prob"), parts, data=IMAGE)
old = """name: "old" input: "data" input_dim: 2 input_dim: 6 input_dim: 9 input_dim: 8
layers { name: "c" type: CONVOLUTION bottom: "data" top: "c" blobs_lr: 1 blobs_lr: 2 convolution_param { num_output: 4 kernel_size: 3 group: 2 weight_filler { type: "xavier" } } }
layers { name: "r" type: RELU bottom: "c" top: "c" }
layers { name: "l" type: LRN bottom: "c" top: "l" lrn_param { local_size: 3 alpha: 0.1 } }
layers { name: "p" type: POOLING bottom: "l" top: "p" pooling_param { pool: AVE kernel_size: 3 stride: 2 } }
layers { name: "f" type: INNER_PRODUCT bottom: "p" top: "f" inner_product_param { num_output: 3 } }
layers { name: "prob" type: SOFTMAX bottom: "f" top: "prob" }
"""
case("old", old, {"c": (4, [w(4, 3, 3, 3), w(4)]), "f": (14, [w(3, 36), w(3)])}, data=IMAGE)


def main():
    kept = dict(COMMON)
    for name, (prototxt, weights, inputs, judge) in CASES.items():
        if judge:
            outputs = judge(*(a.astype("d") for a in [*inputs.values(), *read_blobs(weights)]))
            outputs = {k: np.asarray(v, "f") for k, v in (outputs if isinstance(outputs, dict) else {"y": outputs}).items()}
        else:
            with tempfile.TemporaryDirectory() as folder:
                Path(folder, "n.prototxt").write_text(prototxt)
                Path(folder, "n.caffemodel").write_bytes(weights)
                read = cv2.dnn.readNetFromCaffe(f"{folder}/n.prototxt", f"{folder}/n.caffemodel")
            for k, v in inputs.items():
                read.setInput(v, k)
            outputs = {{"it": "y"}.get(k, k): read.forward(k) for k in read.getUnconnectedOutLayersNames()}  # it names layers, we tops
        kept[f"{name}/prototxt"], kept[f"{name}/model"] = np.array(prototxt), np.frombuffer(weights, "u1")
        kept |= {f"{name}/in/{k}": v for k, v in inputs.items() if v is not COMMON.get(k)} | {f"{name}/out/{k}": v for k, v in outputs.items()}
    np.savez_compressed(HERE / "layers.npz", **kept)
    print(len(CASES), "cases")


def read_blobs(content):
    """The arrays that `model` wrote for its first layer."""
    found = []

    def fields(data):
        at = 0
        while at < len(data):
            tag, at = take(data, at)
            if tag & 7 == 2:
                size, at = take(data, at)
                yield tag >> 3, data[at:at + size]
                at += size
            else:
                value, at = take(data, at)
                yield tag >> 3, value

    def take(data, at):
        v = shift = 0
        while True:
            byte = data[at]
            at += 1
            v |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return v, at

    for _, first in list(fields(content))[:1]:
        for field, value in fields(first):
            if field != 7:
                continue
            parts = dict(fields(value))
            dims, at = [], 0
            shape = dict(fields(parts[7]))[1]
            while at < len(shape):
                d, at = take(shape, at)
                dims.append(d)
            found.append(np.array(struct.unpack(f"<{len(parts[5]) // 4}f", parts[5])).reshape(dims))
    return found


main()
