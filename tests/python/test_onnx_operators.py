"""ONNX operators with random attributes and shapes against onnxruntime: what ONNX's own cases leave out. tests/proof/test_onnx_draws.py draws more."""
import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, helper

import firesteel as fire

TYPES = {"float32": TensorProto.FLOAT, "float64": TensorProto.DOUBLE, "int32": TensorProto.INT32, "int64": TensorProto.INT64, "uint8": TensorProto.UINT8, "bool": TensorProto.BOOL,
         "uint32": TensorProto.UINT32, "uint64": TensorProto.UINT64, "uint16": TensorProto.UINT16, "int8": TensorProto.INT8, "int16": TensorProto.INT16}


def check(op, inputs, outputs=1, opset=20, rtol=1e-4, atol=1e-5, domain="", **attributes):
    """One node on arrays (None: left out), in firesteel and in onnxruntime; False: onnxruntime does not run it."""
    names = ["" if x is None else f"x{i}" for i, x in enumerate(inputs)]
    while names and not names[-1]:
        names.pop()
    feeds = {n: np.asarray(x) for n, x in zip(names, inputs) if n}
    node = helper.make_node(op, names, [f"y{k}" for k in range(outputs)], domain=domain, **attributes)
    graph = helper.make_graph([node], "g", [helper.make_tensor_value_info(n, TYPES[x.dtype.name], list(x.shape)) for n, x in feeds.items()], [helper.make_empty_tensor_value_info(f"y{k}") for k in range(outputs)])
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10).SerializeToString()
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    try:
        want = onnxruntime.InferenceSession(proto, options).run(None, feeds)
    except Exception as problem:  # its exceptions have no common class
        if "NotImplemented" in type(problem).__name__ or "NOT_IMPLEMENTED" in str(problem) or "not a registered function" in str(problem):
            return False
        raise
    found = list(fire.Model.from_bytes(proto).run(feeds).values())
    for a, b in zip(want, found):
        said = f"{op} {attributes} {[None if x is None else np.shape(x) for x in inputs]}"
        assert a.shape == b.shape and a.dtype == b.dtype, f"{said}: {a.dtype}{a.shape} / {b.dtype}{b.shape}"
        np.testing.assert_allclose(b, a, rtol=rtol, atol=atol, err_msg=said)
    return True


def draw(rng, *shape, kind="float32"):
    return rng.normal(size=shape).astype(kind)


def one_of(rng, *choices):
    return choices[rng.integers(len(choices))]


def resize(rng):
    kind = one_of(rng, "float32", "float32", "float64")
    mode = one_of(rng, "nearest", "linear", "cubic")
    move = one_of(rng, "half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric", "half_pixel_symmetric")
    shape = [int(rng.integers(1, 3)), int(rng.integers(1, 3)), int(rng.integers(2, 9)), int(rng.integers(2, 9))]
    extra = {"coordinate_transformation_mode": move, "mode": mode}
    if mode == "nearest":
        extra["nearest_mode"] = one_of(rng, "round_prefer_floor", "round_prefer_ceil", "floor", "ceil")
    if mode == "cubic":
        extra["cubic_coeff_a"] = one_of(rng, -0.75, -0.5)
        extra["exclude_outside"] = int(rng.integers(2))
    x = draw(rng, *shape, kind=kind)
    if mode != "nearest" and kind == "float64":
        return  # not in onnxruntime
    if rng.integers(2) or move == "align_corners":  # by size; corners of sizes that are rounded are aligned in another way there
        sizes = np.array(shape[:2] + [int(rng.integers(1, 14)), int(rng.integers(1, 14))])
        if move == "pytorch_half_pixel" and 1 in sizes[2:]:
            return
        check("Resize", [x, None, None, sizes], **extra)
    else:
        scales = np.array([1, 1, one_of(rng, 0.5, 1, 2, 3, 1.5, 0.75), one_of(rng, 0.5, 1, 2, 2.5)], "float32")
        check("Resize", [x, None, scales], **extra)


def grid_sample(rng):
    kind = one_of(rng, "float32", "float64")
    rank = one_of(rng, 2, 2, 3)
    size, to = [int(rng.integers(1, 6)) for _ in range(rank)], [int(rng.integers(1, 5)) for _ in range(rank)]
    x, grid = draw(rng, 2, 2, *size, kind=kind), rng.uniform(-1.6, 1.6, size=[2, *to, rank]).astype(kind)
    mode, padding = one_of(rng, "linear", "nearest", *(["cubic"] if rank == 2 else [])), one_of(rng, "zeros", "border", "reflection")
    if mode == "cubic" and padding != "zeros":
        return  # onnxruntime moves both coordinates where one is outside; ONNX's own implementation, which is followed here, only that one
    check("GridSample", [x, grid], mode=mode, padding_mode=padding, align_corners=int(rng.integers(2)))


def roi_align(rng):
    x = draw(rng, 2, 2, int(rng.integers(3, 9)), int(rng.integers(3, 9)), kind=one_of(rng, "float32", "float64"))
    corner = rng.uniform(-1, 6, size=(3, 2))
    rois = np.concatenate([corner, corner + rng.uniform(0.5, 9, size=(3, 2))], 1).astype(x.dtype)
    check("RoiAlign", [x, rois, rng.integers(0, 2, 3)], opset=16, mode=one_of(rng, "avg", "max"), output_height=int(rng.integers(1, 4)), output_width=int(rng.integers(1, 4)), sampling_ratio=int(rng.integers(0, 3)),
          spatial_scale=float(one_of(rng, 1.0, 0.5, 2.0)), coordinate_transformation_mode=one_of(rng, "half_pixel", "output_half_pixel"))


def non_max_suppression(rng):
    n, classes, boxes = int(rng.integers(1, 3)), int(rng.integers(1, 4)), int(rng.integers(1, 20))
    corner = rng.uniform(0, 3, size=(n, boxes, 2))
    b = np.concatenate([corner, corner + rng.uniform(-2, 2, size=(n, boxes, 2))], 2).astype("float32")
    centred = int(rng.integers(2))
    if centred:
        b[..., 2:] = np.abs(b[..., 2:])
    scores = rng.choice(rng.uniform(size=12), size=(n, classes, boxes)).astype("float32")  # some are equal
    check("NonMaxSuppression", [b, scores, np.array([int(rng.integers(0, 12))]), np.array([rng.uniform(0.1, 0.8)], "float32"), one_of(rng, None, np.array([0.4], "float32"))], opset=11, center_point_box=centred)


def recurrent(rng):
    op, gates = one_of(rng, ("LSTM", 4), ("GRU", 3), ("RNN", 1))
    kind, direction = "float32", one_of(rng, "forward", "reverse", "bidirectional")
    d, steps, rows, width, units = 2 if direction == "bidirectional" else 1, int(rng.integers(1, 6)), int(rng.integers(1, 4)), int(rng.integers(1, 5)), int(rng.integers(1, 5))
    inputs = [draw(rng, steps, rows, width, kind=kind), draw(rng, d, gates * units, width, kind=kind), draw(rng, d, gates * units, units, kind=kind), one_of(rng, None, draw(rng, d, 2 * gates * units, kind=kind)),
              one_of(rng, None, rng.integers(1, steps + 1, rows).astype("int32")), one_of(rng, None, draw(rng, d, rows, units, kind=kind))]
    extra = {"direction": direction, "hidden_size": units}
    if op == "LSTM":
        inputs += [one_of(rng, None, draw(rng, d, rows, units, kind=kind)), one_of(rng, None, draw(rng, d, 3 * units, kind=kind))]
        extra["input_forget"] = int(rng.integers(4) == 0)
    if op == "GRU":
        extra["linear_before_reset"] = int(rng.integers(2))
    if rng.integers(3) == 0:
        extra["clip"] = 0.5
    if rng.integers(2):
        names = {"LSTM": ["HardSigmoid", "Softsign", "Relu"], "GRU": ["HardSigmoid", "Relu"], "RNN": ["Relu"]}[op]
        extra["activations"] = names * d
    check(op, inputs, 3 if op == "LSTM" else 2, opset=14, **extra)


def conv_transpose(rng):
    k, stride, side = int(rng.integers(1, 4)), int(rng.integers(1, 4)), int(rng.integers(2, 5))
    reach = (side - 1) * stride + k
    extra = {"output_shape": [reach + int(rng.integers(-min(k, 2), stride)) for _ in range(2)]} if rng.integers(2) else {"pads": [int(v) for v in rng.integers(0, k // 2 + 1, 4)], "output_padding": [int(v) for v in rng.integers(0, stride, 2)]}
    group = one_of(rng, 1, 2)
    check("ConvTranspose", [draw(rng, 1, 2, side, side), draw(rng, 2, 2, k, k), one_of(rng, None, draw(rng, 2 * group))], strides=[stride, stride], group=group, **extra)


def signal(rng):
    length, onesided = int(rng.integers(2, 30)), int(rng.integers(2))
    real = draw(rng, 2, length, 3, 1, kind=one_of(rng, "float32", "float64"))
    to = one_of(rng, None, np.array(int(rng.integers(2, 30))))
    check("DFT", [real, to, np.array(1)], onesided=onesided, rtol=1e-3, atol=1e-4)
    both = draw(rng, 2, length, 2)
    check("DFT", [both, to], inverse=int(rng.integers(2)), rtol=1e-3, atol=1e-4)
    frame = int(rng.integers(2, 12))
    check("STFT", [draw(rng, 2, 20, 1), np.array(int(rng.integers(1, 5))), draw(rng, frame), np.array(frame)], opset=17, onesided=onesided, rtol=1e-3, atol=1e-4)
    for op in ("HannWindow", "HammingWindow", "BlackmanWindow"):
        check(op, [np.array(int(rng.integers(2, 20)))], periodic=int(rng.integers(2)), opset=17)
    check("MelWeightMatrix", [np.array(int(rng.integers(2, 9))), np.array(int(rng.integers(16, 64))), np.array(8192), np.array(0, "float32"), np.array(4000, "float32")], opset=17)


def elements(rng):
    kind = one_of(rng, "float32", "float64")
    x = rng.uniform(-0.95, 0.95, size=(2, 5)).astype(kind)
    for op in ("Sin", "Cos", "Tan", "Asin", "Acos", "Atan", "Sinh", "Cosh", "Asinh", "Atanh"):
        check(op, [x])
    check("Acosh", [1 + np.abs(x)])
    for op in ("BitwiseAnd", "BitwiseOr", "BitwiseXor"):
        kind = one_of(rng, "int64", "int32", "uint8", "int16", "uint64")
        a, b = (rng.integers(-2**62, 2**62, size=s).astype(kind) for s in ((3, 4), (4,)))
        check(op, [a, b], opset=18)
        check("BitwiseNot", [a], opset=18)
    kind, width = one_of(rng, ("uint8", 8), ("uint32", 32), ("uint64", 64))
    check("BitShift", [rng.integers(0, 2**63, size=5).astype(kind), rng.integers(0, width, size=5).astype(kind)], direction=one_of(rng, "LEFT", "RIGHT"))
    check("Det", [draw(rng, 2, 3, 3)], rtol=1e-3)


def places(rng):
    kind = one_of(rng, "float32", "int64", "float64", "int8")
    x = rng.integers(0, 4, size=(4, 3, 2)).astype(kind)
    extra = {} if rng.integers(2) else {"axis": int(rng.integers(-3, 3))}
    check("Unique", [x], 4, opset=11, sorted=int(rng.integers(2)), **extra)
    time = int(rng.integers(2))
    check("ReverseSequence", [x, rng.integers(1, x.shape[time] + 1, x.shape[1 - time])], batch_axis=1 - time, time_axis=time)
    check("CenterCropPad", [draw(rng, 5, 6), rng.integers(1, 9, 2)], opset=18)
    axes = [int(a) for a in rng.permutation([-2, -1])[: int(rng.integers(1, 3))]]
    check("CenterCropPad", [draw(rng, 5, 6), rng.integers(1, 9, len(axes))], opset=18, axes=axes)
    check("AffineGrid", [draw(rng, 2, 2, 3), np.array([2, 1, int(rng.integers(2, 5)), int(rng.integers(2, 5))])], align_corners=int(rng.integers(2)))
    k, stride, dilation, low = (int(rng.integers(1, 3)) for _ in range(4))
    image = [int(rng.integers(4, 8)) for _ in range(2)]
    blocks = [(image[d] + 2 * low - dilation * (k - 1) - 1) // stride + 1 for d in range(2)]
    check("Col2Im", [draw(rng, 2, 3 * k * k, blocks[0] * blocks[1]), np.array(image), np.array([k, k])], opset=18, strides=[stride, stride], dilations=[dilation, dilation], pads=[low] * 4)
    pooled = fire_pool(rng)
    check("MaxUnpool", pooled, opset=11, kernel_shape=[2, 2], strides=[2, 2])
    og, k = one_of(rng, 1, 2), int(rng.integers(1, 4))
    check("DeformConv", [draw(rng, 1, 2, 6, 5), draw(rng, 4, 2, k, k), draw(rng, 1, 2 * og * k * k, 7 - k, 6 - k), one_of(rng, None, draw(rng, 4)), one_of(rng, None, draw(rng, 1, og * k * k, 7 - k, 6 - k))], opset=19, offset_group=og, rtol=1e-3,
          atol=1e-4, kernel_shape=[k, k], pads=[0, 0, 0, 0])


def fire_pool(rng):
    """What MaxPool of 2 x 2 gives: numbers and their places."""
    x = draw(rng, 1, 2, 4, 6)
    flat = x.reshape(1, 2, 2, 2, 3, 2).transpose(0, 1, 2, 4, 3, 5).reshape(1, 2, 2, 3, 4)
    best = flat.argmax(-1)
    c, i, j = np.meshgrid(np.arange(2), np.arange(2), np.arange(3), indexing="ij")
    return [flat.max(-1), (c * 24 + (2 * i + best[0] // 2) * 6 + 2 * j + best[0] % 2)[None]]


def attention(rng):
    heads, groups, steps, keys, width = 4, one_of(rng, 1, 2, 4), int(rng.integers(1, 5)), int(rng.integers(1, 6)), int(rng.integers(1, 4))
    past = int(rng.integers(0, 4)) if rng.integers(2) else 0
    total = past + keys
    q, k, v = draw(rng, 2, heads, steps, width), draw(rng, 2, groups, keys, width), draw(rng, 2, groups, keys, width)
    mask = one_of(rng, None, draw(rng, steps, total), rng.uniform(size=(2, 1, steps, total)) < 0.8)
    if mask is not None and mask.dtype == bool:
        mask[..., 0] = True
    inputs = [q, k, v, mask] + ([draw(rng, 2, groups, past, width), draw(rng, 2, groups, past, width)] if past else [])
    check("Attention", inputs, 3 if past else 1, opset=23, softcap=float(one_of(rng, 0.0, 1.5)), **({"scale": 0.7} if rng.integers(2) else {}))
    x = draw(rng, 2, 3, 4, 6)
    turn = rng.uniform(0, 6, size=(9, 3))
    check("RotaryEmbedding", [x, np.cos(turn).astype("f"), np.sin(turn).astype("f"), rng.integers(0, 9, (2, 4))], opset=23, interleaved=int(rng.integers(2)))


FAMILIES = [resize, grid_sample, roi_align, non_max_suppression, recurrent, conv_transpose, signal, elements, places, attention]


@pytest.mark.parametrize("family", FAMILIES, ids=lambda f: f.__name__)
def test_family(family, draws=4, seed=20):
    rng = np.random.default_rng(seed)
    for _ in range(draws):
        family(rng)


def test_sizes_that_do_not_fit_are_refused():
    bad = [("GridSample", [np.zeros((1, 1, 2, 2), "f"), np.zeros((1, 2, 2, 3), "f")], {}), ("DFT", [np.zeros((2, 3, 3), "f")], {}), ("Det", [np.zeros((2, 3), "f")], {}),
           ("DFT", [np.zeros((2, 3, 1), "f"), np.array(2**40)], {}), ("HannWindow", [np.array(2**50)], {}), ("AffineGrid", [np.zeros((1, 2, 3), "f"), np.array([1, 1, 2**31, 2**31])], {}),
           ("CenterCropPad", [np.zeros((2, 2), "f"), np.array([2**40, 2**40])], {}), ("RandomNormal", [], {"shape": [2**40, 2**20]}), ("NonMaxSuppression", [np.zeros((1, 2, 3), "f"), np.zeros((1, 1, 2), "f")], {}),
           ("Col2Im", [np.zeros((1, 5, 4), "f"), np.array([3, 3]), np.array([2, 2])], {}), ("MelWeightMatrix", [np.array(8), np.array(2**40), np.array(8000), np.array(0, "f"), np.array(1, "f")], {}),
           ("STFT", [np.zeros((1, 8, 1), "f"), np.array(0), None, np.array(4)], {}), ("BitShift", [np.zeros(3, "f"), np.zeros(3, "f")], {"direction": "LEFT"})]
    for op, inputs, attributes in bad:
        names = ["" if x is None else f"x{i}" for i, x in enumerate(inputs)]
        feeds = {n: x for n, x in zip(names, inputs) if n}
        graph = helper.make_graph([helper.make_node(op, names, ["y"], **attributes)], "g", [helper.make_tensor_value_info(n, TYPES[x.dtype.name], list(x.shape)) for n, x in feeds.items()],
                                  [helper.make_empty_tensor_value_info("y")])
        proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
        with pytest.raises(fire.errors.FiresteelError, match=op):
            fire.Model.from_bytes(proto.SerializeToString()).run(feeds)


def test_draws_are_the_same_in_every_run():
    nodes = [helper.make_node("RandomNormalLike", ["x"], ["a"], scale=2.0), helper.make_node("RandomUniform", [], ["b"], shape=[1000], low=1.0, high=3.0, seed=4.0), helper.make_node("Bernoulli", ["p"], ["c"]),
             helper.make_node("Multinomial", ["x"], ["d"], sample_size=500)]
    graph = helper.make_graph(nodes, "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, [2, 3]), helper.make_tensor_value_info("p", TensorProto.FLOAT, [1000])],
                              [helper.make_empty_tensor_value_info(n) for n in "abcd"])
    model = fire.Model.from_bytes(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10).SerializeToString())
    feeds = {"x": np.log(np.array([[1, 0.0001, 1], [1, 2, 1]], "f")), "p": np.full(1000, 0.25, "f")}
    first, again = model.run(feeds), model.run(feeds)
    assert all((first[n] == again[n]).all() for n in "abcd")
    assert 1 <= first["b"].min() < 1.05 and 2.95 < first["b"].max() < 3 and abs(first["c"].mean() - 0.25) < 0.05
    assert first["d"].shape == (2, 500) and abs((first["d"][1] == 1).mean() - 0.5) < 0.1 and (first["d"][0] != 1).mean() > 0.99


def test_numbers_that_are_no_places():
    """Infinite and absurd boxes and places end in zeros or in the data, at once."""
    def run(op, inputs, **attributes):
        names = [f"x{i}" for i in range(len(inputs))]
        graph = helper.make_graph([helper.make_node(op, names, ["y"], **attributes)], "g", [helper.make_tensor_value_info(n, TYPES[x.dtype.name], list(x.shape)) for n, x in zip(names, inputs)],
                                  [helper.make_empty_tensor_value_info("y")])
        return fire.Model.from_bytes(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10).SerializeToString()).run(dict(zip(names, inputs)))["y"]
    x, wild = np.ones((1, 1, 4, 4), "f"), [np.inf, -np.inf, np.nan, 1e38, -1e38, 1e12]
    boxes = np.array([[a, a, b, b] for a in wild for b in wild], "f")
    for mode in ("avg", "max"):
        y = run("RoiAlign", [x, boxes, np.zeros(len(boxes), "i8")], mode=mode)
        assert y.shape == (36, 1, 1, 1) and (np.abs(y) <= 1).all()
    grid = np.array([[[a, b] for a in wild] for b in wild], "f")[None]
    for mode in ("linear", "nearest", "cubic"):
        assert (run("GridSample", [x, grid], mode=mode) == 0).all()
        for padding in ("border", "reflection"):
            np.testing.assert_allclose(run("GridSample", [x, grid], mode=mode, padding_mode=padding), 1, rtol=1e-5)
    offset = np.array(wild[:2] * 4, "f").reshape(1, 8, 1, 1)
    assert (run("DeformConv", [x[:, :, :2, :2], np.ones((1, 1, 2, 2), "f"), offset]) == 0).all()
    assert run("NonMaxSuppression", [boxes[None], np.full((1, 1, 36), np.nan, "f"), np.array([5])]).shape[1] == 3
