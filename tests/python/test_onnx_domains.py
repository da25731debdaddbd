"""Operators of ai.onnx.ml and com.microsoft, and of ONNX before opset 9, one node at a time against onnxruntime."""
import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

import firesteel as fire
from firesteel import errors

KIND = {"f": TensorProto.FLOAT, "d": TensorProto.DOUBLE, "l": TensorProto.INT64, "i": TensorProto.INT32, "B": TensorProto.UINT8, "b": TensorProto.INT8, "O": TensorProto.STRING, "U": TensorProto.STRING}


def made(op, inputs, outputs, domain, opset, weights, attributes):
    """A model of one node; inputs are arrays (None: left out), of which those in `weights` are initializers. It, and what to feed."""
    names = ["" if x is None else f"x{i}" for i, x in enumerate(inputs)]
    node = helper.make_node(op, names, [f"y{k}" for k in range(outputs)], domain=domain, **attributes)
    held = [numpy_helper.from_array(x, names[i]) for i, x in enumerate(inputs) if x is not None and i in weights]
    feeds = {names[i]: x for i, x in enumerate(inputs) if x is not None and i not in weights}
    graph = helper.make_graph([node], "g", [helper.make_tensor_value_info(n, KIND[x.dtype.char], x.shape) for n, x in feeds.items()], [helper.make_empty_tensor_value_info(f"y{k}") for k in range(outputs)], held)
    sets = [helper.make_opsetid("", opset), helper.make_opsetid("ai.onnx.ml", attributes.get("version", 3)), helper.make_opsetid("com.microsoft", 1)]
    return helper.make_model(graph, opset_imports=sets, ir_version=8).SerializeToString(), feeds


def judged(content, feeds):
    options = onnxruntime.SessionOptions()
    options.log_severity_level, options.intra_op_num_threads = 4, 1
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"]).run(None, {n: x.astype(object) if x.dtype.char == "U" else x for n, x in feeds.items()})


def check(op, inputs, outputs=1, domain="com.microsoft", opset=15, weights=(), rtol=1e-4, atol=1e-5, want=None, more={}, **attributes):
    content, feeds = made(op, inputs, outputs, domain, opset, weights, {**attributes, **more})
    found = fire.Model.from_bytes(content).run(feeds)
    for k, a in enumerate(judged(content, feeds) if want is None else want):
        b, said = found[f"y{k}"], f"{op} {attributes}"
        assert np.shape(a) == b.shape, f"{said}: {np.shape(a)}, {b.shape}"
        if np.asarray(a).dtype.char in "OU":
            assert np.asarray(a).astype(str).tolist() == b.tolist(), said
        else:
            assert np.asarray(a).dtype == b.dtype, f"{said}: {np.asarray(a).dtype}, {b.dtype}"
            np.testing.assert_allclose(b, a, rtol=rtol, atol=atol, err_msg=said)


def ml(op, inputs, outputs=1, **more):
    check(op, inputs, outputs, domain="ai.onnx.ml", **more)


X = np.array([[-2, 1], [0.3, -1], [0.7, 2]], "f")


@pytest.mark.parametrize("after", ["NONE", "LOGISTIC", "SOFTMAX", "SOFTMAX_ZERO"])
def test_linear_models(after):
    ml("LinearRegressor", [X], coefficients=[1.0, 0.5, 2, 3], intercepts=[0.1, 0.2], targets=2, post_transform=after if after != "SOFTMAX_ZERO" else "NONE")
    for names in ({"classlabels_ints": [5, 7, 9]}, {"classlabels_strings": ["a", "bb", "c"]}):
        ml("LinearClassifier", [X], 2, coefficients=[1.0, 0.5, -1, 0.2, 0.3, 0.3], intercepts=[0.1, 0.3, 0.01], post_transform=after, **names)
    ml("LinearClassifier", [X.astype("d")], 2, coefficients=[1.0, 0.5], intercepts=[0.1], classlabels_ints=[5, 7], post_transform=after)
    ml("LinearClassifier", [X[0:1].astype("l")], 2, coefficients=[1.0, 0.5, -1, 0.2], intercepts=[0.1, 0.3], classlabels_ints=[5, 7], post_transform=after)


def forest(prefix, ids, weights, leaves=((0, 1), (0, 3), (0, 4), (1, 1), (1, 2))):
    """Two trees; `leaves` get the weights in turn, for the numbers `ids`."""
    at = [leaves[i % len(leaves)] for i in range(len(ids))]
    return {"nodes_treeids": [1, 1, 1, 0, 0, 0, 0, 0], "nodes_nodeids": [0, 1, 2, 0, 1, 2, 3, 4], "nodes_featureids": [1, 0, 0, 0, 0, 1, 0, 0], "nodes_values": [1.0, 0, 0, 0.5, 0, 1.5, 0, 0],
            "nodes_modes": ["BRANCH_LT", "LEAF", "LEAF", "BRANCH_LEQ", "LEAF", "BRANCH_GT", "LEAF", "LEAF"], "nodes_truenodeids": [1, 0, 0, 1, 0, 3, 0, 0], "nodes_falsenodeids": [2, 0, 0, 2, 0, 4, 0, 0],
            "nodes_missing_value_tracks_true": [0, 0, 0, 1, 0, 0, 0, 0], f"{prefix}_treeids": [t for t, _ in at], f"{prefix}_nodeids": [i for _, i in at], f"{prefix}_ids": ids, f"{prefix}_weights": weights}


EMPTY = np.concatenate([X, [[np.nan, 1], [0.9, np.nan]]]).astype("f")


def test_forests_of_numbers():
    for fold in ("SUM", "AVERAGE", "MIN", "MAX"):
        ml("TreeEnsembleRegressor", [EMPTY], n_targets=2, aggregate_function=fold, base_values=[0.1, 0.2], **forest("target", [0, 1, 0, 1, 0, 0, 1], [-0.4, 0.8, 0.3, 0.2, -0.6, 1.5, 0.7]))
    ml("TreeEnsembleRegressor", [X], n_targets=2, post_transform="SOFTMAX", **forest("target", [0, 1, 0, 1, 0], [-0.4, 0.8, 0.3, 0.2, -0.6]))
    ml("TreeEnsembleRegressor", [X.astype("d")], n_targets=1, **forest("target", [0] * 5, [-0.4, 0.8, 0.3, 0.2, -0.6]))


@pytest.mark.parametrize("after", ["NONE", "LOGISTIC", "SOFTMAX"])
def test_forests_of_classes(after):
    three = forest("class", [0, 1, 2, 1, 0, 2, 0], [0.2, 0.8, 0.3, -0.7, 0.6, 0.1, -0.3])
    ml("TreeEnsembleClassifier", [EMPTY], 2, classlabels_int64s=[4, 2, 9], post_transform=after, base_values=[0.1, 0.2, 0.3], **three)
    ml("TreeEnsembleClassifier", [X], 2, classlabels_strings=["x", "y", "z"], post_transform=after, **three)
    for weights in ([0.2, 0.7, 0.1, 0.3, 0.4], [0.2, -0.7, 0.1, 0.3, -0.4]):  # of the one class of two that has weights
        for base in ({}, {"base_values": [0.15]}):
            ml("TreeEnsembleClassifier", [EMPTY], 2, classlabels_int64s=[4, 2], post_transform=after, **base, **forest("class", [0] * 5, weights))


def test_forests_that_are_no_trees():
    circle = {**forest("target", [0] * 5, [1.0] * 5), "nodes_truenodeids": [1, 0, 0, 2, 0, 2, 0, 0], "nodes_falsenodeids": [2, 0, 0, 2, 0, 2, 0, 0]}
    for broken, said in ((circle, "two parents"), ({**forest("target", [0] * 5, [1.0] * 4)}, "different lengths"), ({**forest("target", [3] * 5, [1.0] * 5)}, "for number 3 of 1"),
                         ({**forest("target", [0] * 5, [1.0] * 5), "nodes_featureids": [7, 0, 0, 0, 0, 1, 0, 0]}, "column 7 of 2")):
        content, feeds = made("TreeEnsembleRegressor", [X], 1, "ai.onnx.ml", 15, (), {"n_targets": 1, **broken})
        with pytest.raises(errors.FiresteelError, match=said):
            fire.Model.from_bytes(content).run(feeds)


def test_encoders_and_scalers():
    for norm in ("MAX", "L1", "L2"):
        ml("Normalizer", [np.concatenate([np.abs(X), X * 0])], norm=norm)
    ml("Imputer", [EMPTY], imputed_value_floats=[3.0, 4.0], replaced_value_float=float("nan"))
    ml("Imputer", [np.array([[1, -1], [-1, 2]])], imputed_value_int64s=[8], replaced_value_int64=-1)
    ml("FeatureVectorizer", [X, X[:, :1]], inputdimensions=[2, 1])
    words, whole = np.array([["b", "?"], ["a", "b"]]), np.array([[3, 1], [2, 9]])
    ml("LabelEncoder", [words], keys_strings=["a", "b"], values_int64s=[10, 20], default_int64=-7)
    ml("LabelEncoder", [whole], keys_int64s=[1, 2, 3], values_strings=["one", "two", "three"], default_string="many")
    ml("LabelEncoder", [whole], keys_int64s=[1, 2, 3], values_floats=[0.5, 1.5, 2.5])
    ml("LabelEncoder", [EMPTY], keys_floats=[float("nan"), 2.0], values_floats=[-1.0, 9.0], default_float=0.25, want=[np.where(np.isnan(EMPTY), -1, np.where(EMPTY == 2, 9, 0.25)).astype("f")])  # onnxruntime finds no NaN before version 4
    ml("LabelEncoder", [words], classes_strings=["a", "b"], want=[[[1, -1], [0, 1]]])  # version 1, which onnxruntime reads only where the file says so
    ml("CategoryMapper", [words], cats_strings=["a", "b"], cats_int64s=[4, 5], default_int64=1)
    ml("CategoryMapper", [whole], cats_strings=["a", "b"], cats_int64s=[1, 2], default_string="-")
    ml("OneHotEncoder", [words], cats_strings=["b", "a"])
    ml("OneHotEncoder", [whole], cats_int64s=[1, 2, 3])
    ml("OneHotEncoder", [whole.astype("f")], cats_int64s=[1, 2, 3])


def test_maps_by_class_are_columns():
    nodes = [helper.make_node("LinearClassifier", ["x"], ["label", "score"], domain="ai.onnx.ml", coefficients=[1.0, 0.5, -1, 0.2], intercepts=[0.1, 0.3], classlabels_strings=["no", "yes"], post_transform="SOFTMAX"),
             helper.make_node("ZipMap", ["score"], ["by_class"], domain="ai.onnx.ml", classlabels_strings=["no", "yes"])]
    kind = helper.make_sequence_type_proto(helper.make_map_type_proto(TensorProto.STRING, helper.make_tensor_type_proto(TensorProto.FLOAT, [])))
    graph = helper.make_graph(nodes, "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 2])], [helper.make_tensor_value_info("label", TensorProto.STRING, [None]), helper.make_value_info("by_class", kind)])
    content = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15), helper.make_opsetid("ai.onnx.ml", 1)], ir_version=8).SerializeToString()
    label, maps = judged(content, {"x": X})
    found = fire.Model.from_bytes(content).run({"x": X})
    assert found["label"].tolist() == list(label)
    np.testing.assert_allclose(found["by_class"], [[m["no"], m["yes"]] for m in maps], rtol=1e-5)


def test_operators_before_opset_9():
    x = np.arange(60, dtype="f").reshape(1, 3, 4, 5) / 7
    check("ImageScaler", [x], domain="", opset=8, scale=0.5, bias=[1.0, 2.0, 3.0], want=[x * np.float32(0.5) + np.array([1, 2, 3], "f").reshape(3, 1, 1)])
    check("Crop", [x], domain="", opset=8, border=[1, 0, 2, 1], want=[x[:, :, 0:3, 1:3]])
    check("Crop", [x], domain="", opset=8, border=[1, 2, 0, 0], scale=[2, 3], want=[x[:, :, 2:4, 1:4]])
    check("Affine", [x], domain="", opset=8, alpha=2.0, beta=-1.0, want=[2 * x - 1])
    check("ParametricSoftplus", [x], domain="", opset=8, alpha=0.5, beta=2.0, want=[(np.log1p(np.exp(2 * x)) / 2).astype("f")])
    check("ScaledTanh", [x], domain="", opset=8, alpha=1.5, beta=0.3, want=[(1.5 * np.tanh(0.3 * x)).astype("f")])


def test_fused_operators():
    rng = np.random.default_rng(3)
    def draw(*shape):
        return rng.normal(size=shape).astype("f")
    x, w, bias = draw(2, 4, 6, 5), draw(8, 4, 3, 3), draw(8)
    for name, numbers in (("Relu", []), ("LeakyRelu", [0.3]), ("Clip", [-0.5, 1.0]), ("Tanh", []), ("Sigmoid", []), ("HardSigmoid", [0.25, 0.4])):
        check("FusedConv", [x, w, bias], activation=name, pads=[1, 1, 1, 1], kernel_shape=[3, 3], **({"activation_params": numbers} if numbers else {}), rtol=1e-3, atol=1e-4)
    check("FusedConv", [x, w, None, draw(2, 8, 4, 3)], activation="Relu", kernel_shape=[3, 3], rtol=1e-3, atol=1e-4)
    check("FusedGemm", [draw(3, 4), draw(5, 4), draw(5)], activation="LeakyRelu", activation_alpha=0.2, transB=1)
    check("FusedMatMul", [draw(2, 4, 3), draw(2, 5, 4)], alpha=0.5, transA=1, transB=1)
    for op in ("Gelu", "FastGelu", "QuickGelu"):
        check(op, [draw(2, 7)], atol=1e-4)
    check("BiasGelu", [draw(2, 7), draw(7)])
    check("FastGelu", [draw(2, 7), draw(7)], atol=1e-4)
    check("SkipLayerNormalization", [draw(2, 3, 8), draw(2, 3, 8), draw(8), draw(8), draw(8)], epsilon=1e-5, rtol=1e-3, atol=1e-4)
    check("SkipSimplifiedLayerNormalization", [draw(2, 3, 8), draw(2, 3, 8), draw(8)], epsilon=1e-5, rtol=1e-3, atol=1e-4)
    check("SimplifiedLayerNormalization", [draw(2, 3, 8), draw(8)], domain="", epsilon=1e-5, axis=-1, rtol=1e-3, atol=1e-4)
    ids = rng.integers(0, 5, (2, 6)).astype("i")
    check("EmbedLayerNormalization", [ids, ids % 2, draw(5, 8), draw(9, 8), draw(2, 8), draw(8), draw(8), (rng.uniform(size=(2, 6)) < 2).astype("i")], 2, rtol=1e-3, atol=1e-4)


def test_fused_attention():
    rng = np.random.default_rng(4)
    x, w, bias = (rng.normal(size=s).astype("f") for s in ((2, 5, 8), (8, 24), (24,)))
    mask = np.array([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]], "i")
    for extra, more in (([], {}), ([mask], {}), ([np.array([5, 3], "i")], {}), ([], {"unidirectional": 1})):
        check("Attention", [x, w, bias, *extra], num_heads=2, rtol=1e-3, atol=1e-4, **more)
    q, k = rng.normal(size=(2, 5, 8)).astype("f"), rng.normal(size=(2, 7, 8)).astype("f")
    check("MultiHeadAttention", [q, k, k[:, ::-1].copy(), bias], num_heads=4, rtol=1e-3, atol=1e-4)
    check("MultiHeadAttention", [q, k, k, None, np.ones((2, 7), "i"), rng.normal(size=(1, 2, 5, 7)).astype("f")], num_heads=2, rtol=1e-3, atol=1e-4)


def test_quantized_operators():
    rng = np.random.default_rng(5)
    def number(v):
        return np.array(v, "f")
    def byte(*shape, kind="B"):
        return rng.integers(0 if kind == "B" else -128, 256 if kind == "B" else 128, shape).astype(kind)
    z, half = np.array(120, "B"), number(0.02)
    for op in ("QLinearAdd", "QLinearMul"):
        check(op, [byte(3, 4), half, z, byte(4), number(0.03), np.array(7, "B"), number(0.05), z])
    picture = byte(1, 3, 6, 6)
    check("QLinearSigmoid", [picture, half, z, number(1 / 256), np.array(0, "B")], weights=(1, 2, 3, 4), atol=1)
    check("QLinearLeakyRelu", [picture, half, z, half, z], weights=(1, 2, 3, 4), alpha=0.1, atol=1)
    check("QLinearSoftmax", [byte(3, 8), number(0.1), z, number(1 / 256), np.array(0, "B")], weights=(1, 2, 3, 4), axis=-1, opset=13, atol=1, more={"opset": 13})
    check("QLinearAveragePool", [picture, half, z, half, z], kernel_shape=[2, 2], strides=[2, 2], atol=1)
    check("QLinearGlobalAveragePool", [picture, half, z, half, z], atol=1)
    check("QLinearGlobalAveragePool", [byte(1, 5, 5, 3), half, z, half, z], channels_last=1, atol=1)
    check("QLinearConcat", [half, z, byte(2, 3), half, z, byte(2, 2), number(0.04), np.array(3, "B")], axis=1, atol=1)
    weights = byte(4, 5, kind="b")
    check("QGemm", [byte(3, 4), half, z, weights, number(0.01), np.array(0, "b"), rng.integers(-90, 90, 5).astype("i"), number(0.1), z], weights=(3, 4, 5, 6), atol=1)
    check("MatMulIntegerToFloat", [byte(3, 4), weights, half, number(0.01), z, np.array(3, "b"), rng.normal(size=5).astype("f")], weights=(1, 3, 5))
    check("DynamicQuantizeMatMul", [rng.normal(size=(3, 4)).astype("f"), weights, number(0.01), np.array(3, "b"), rng.normal(size=5).astype("f")], weights=(1, 2, 3))
    check("DequantizeLinear", [byte(2, 3), half, z])
    check("QuantizeLinear", [rng.normal(size=(2, 3)).astype("f"), half, z])


def test_sums_of_bytes_are_exact_in_either_type():
    """Few weights are summed in float32, whose sums are exact then, more in two parts, and many in float64."""
    rng = np.random.default_rng(6)
    for channels in (3, 64, 400):
        x, w = rng.integers(200, 256, (1, channels, 5, 5)).astype("B"), rng.integers(100, 128, (20, channels, 5, 5)).astype("b")
        check("ConvInteger", [x, w, np.array(3, "B")], domain="", weights=(1,), want=[np.einsum("nchw,ochw->no", x.astype("l") - 3, w.astype("l")).astype("i")[:, :, None, None]], rtol=0, atol=0)
        flat, w = x.reshape(1, -1), w.reshape(20, -1).T.copy()
        check("MatMulInteger", [flat, w, np.array(3, "B"), np.array(1, "b")], domain="", weights=(1, 3), want=[((flat.astype("l") - 3) @ (w.astype("l") - 1)).astype("i")], rtol=0, atol=0)
    x, w = rng.integers(0, 256, (1, 4, 6, 6)).astype("B"), rng.integers(-128, 128, (8, 4, 3, 3)).astype("b")
    check("QLinearConv", [x, np.array(0.02, "f"), np.array(9, "B"), w, np.full(8, 0.01, "f"), np.zeros(8, "b"), np.array(0.1, "f"), np.array(128, "B"), rng.integers(-900, 900, 8).astype("i")], domain="", weights=(3, 4, 5, 8), atol=1)
