"""Texts, lists, optional values and types of 8 bits and less, through ONNX models."""
import ml_dtypes
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import firesteel as fire
from firesteel import errors

SMALL = {TensorProto.FLOAT8E4M3FN: ml_dtypes.float8_e4m3fn, TensorProto.FLOAT8E4M3FNUZ: ml_dtypes.float8_e4m3fnuz, TensorProto.FLOAT8E5M2: ml_dtypes.float8_e5m2,
         TensorProto.FLOAT8E5M2FNUZ: ml_dtypes.float8_e5m2fnuz, TensorProto.FLOAT4E2M1: ml_dtypes.float4_e2m1fn, TensorProto.UINT4: ml_dtypes.uint4, TensorProto.INT4: ml_dtypes.int4,
         TensorProto.UINT2: ml_dtypes.uint2, TensorProto.INT2: ml_dtypes.int2}


def tensor(name, kind, shape):
    return helper.make_tensor_value_info(name, kind, shape)


def loaded(nodes, inputs, outputs, weights=()):
    graph = helper.make_graph(nodes, "g", inputs, outputs, list(weights))
    return fire.Model.from_bytes(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 25)], ir_version=11).SerializeToString())


def same(a, b):
    np.testing.assert_array_equal(np.asarray(a).astype(np.float64), np.asarray(b).astype(np.float64))


@pytest.mark.parametrize("kind", SMALL)
def test_every_small_number_there_and_back(kind):
    dtype = np.dtype(SMALL[kind])
    model = loaded([helper.make_node("Cast", ["x"], ["wide"], to=TensorProto.FLOAT), helper.make_node("Cast", ["wide"], ["y"], to=kind, saturate=0)], [tensor("x", kind, ["n"])],
                   [tensor("wide", TensorProto.FLOAT, ["n"]), tensor("y", kind, ["n"])])
    bits = 2 if dtype.name in ("int2", "uint2") else 4 if dtype.name in ("int4", "uint4", "float4_e2m1fn") else 8
    x = np.arange(2**bits, dtype=np.uint8).view(dtype)
    found = model.run({"x": x})
    same(found["wide"], x.astype(np.float32))
    assert found["y"].dtype == dtype
    same(found["y"], x)


@pytest.mark.parametrize("kind", [k for k in SMALL if k not in (TensorProto.UINT4, TensorProto.INT4, TensorProto.UINT2, TensorProto.INT2)])
def test_rounding_is_that_of_ml_dtypes(kind):
    dtype = np.dtype(SMALL[kind])
    model = loaded([helper.make_node("Cast", ["x"], ["y"], to=kind, saturate=0)], [tensor("x", TensorProto.FLOAT, ["n"])], [tensor("y", kind, ["n"])])
    exact = np.arange(256, dtype=np.uint8).view(dtype).astype(np.float64)
    exact = np.unique(exact[np.isfinite(exact)])
    x = np.concatenate([exact, (exact[1:] + exact[:-1]) / 2, exact * 1.0001, [1e9, -1e9, np.inf, -np.inf], np.random.default_rng(0).normal(0, 30, 500)]).astype(np.float32)
    same(model.run({"x": x})["y"], x.astype(dtype))


def test_small_types_move_and_are_packed_in_files():
    x = np.arange(-3, 4).astype(ml_dtypes.int4)
    w = helper.make_tensor("w", TensorProto.INT4, [7], onnx.numpy_helper._pack_4bitx2(x).tobytes(), raw=True)
    typed = onnx.TensorProto(name="v", data_type=TensorProto.INT4, dims=[7], int32_data=[int(b) for b in onnx.numpy_helper._pack_4bitx2(x)])
    model = loaded([helper.make_node("Concat", ["w", "v", "x"], ["c"], axis=0), helper.make_node("Reshape", ["c", "shape"], ["r"]), helper.make_node("Transpose", ["r"], ["y"])],
                   [tensor("x", TensorProto.INT4, [7])], [tensor("y", TensorProto.INT4, None)], [w, typed, numpy_helper.from_array(np.array([3, 7]), "shape")])
    found = model.run({"x": x})["y"]
    assert found.dtype == x.dtype and found.shape == (7, 3)
    same(found, np.stack([x, x, x]).T)
    with pytest.raises(errors.FiresteelError, match="int4"):
        loaded([helper.make_node("Add", ["x", "x"], ["y"])], [tensor("x", TensorProto.INT4, [7])], [tensor("y", TensorProto.INT4, [7])]).run({"x": x})


def test_blocks_of_4_bits():
    rng = np.random.default_rng(1)
    x, scale = rng.normal(size=(4, 6)).astype("f"), np.full((4, 2), 0.25, "f")
    nodes = [helper.make_node("QuantizeLinear", ["x", "s", "z"], ["q"], axis=1, block_size=3), helper.make_node("DequantizeLinear", ["q", "s", "z"], ["y"], axis=1, block_size=3)]
    zero = helper.make_tensor("z", TensorProto.UINT4, [4, 2], [8] * 8)
    model = loaded(nodes, [tensor("x", TensorProto.FLOAT, [4, 6])], [tensor("q", TensorProto.UINT4, None), tensor("y", TensorProto.FLOAT, None)], [numpy_helper.from_array(scale, "s"), zero])
    found = model.run({"x": x})
    q = np.clip(np.rint(x / 0.25) + 8, 0, 15)
    same(found["q"], q)
    same(found["y"], (q - 8) * 0.25)


def test_texts():
    nodes = [helper.make_node("StringConcat", ["x", "w"], ["c"]), helper.make_node("StringSplit", ["c"], ["parts", "n"], delimiter="-"), helper.make_node("Gather", ["c", "i"], ["g"]),
             helper.make_node("Equal", ["c", "c0"], ["same"]), helper.make_node("Slice", ["c", "zero", "one"], ["c0"])]
    nodes = [nodes[0], nodes[4], *nodes[1:4]]
    weights = [numpy_helper.from_array(np.array(["-a", "-b"], object), "w"), numpy_helper.from_array(np.array([1, 0, 1]), "i"), numpy_helper.from_array(np.array([0]), "zero"),
               numpy_helper.from_array(np.array([1]), "one")]
    text = TensorProto.STRING
    model = loaded(nodes, [tensor("x", text, ["n"])], [tensor("c", text, None), tensor("parts", text, None), tensor("n", TensorProto.INT64, None), tensor("g", text, None),
                                                         tensor("same", TensorProto.BOOL, None)], weights)
    for x in (["é", ""], np.array([b"r-s", "日本"], object)):
        found = model.run({"x": x})
        first = [t.decode() if isinstance(t, bytes) else t for t in x]
        joined = [first[0] + "-a", first[1] + "-b"]
        assert found["c"].tolist() == joined
        assert found["g"].tolist() == [joined[1], joined[0], joined[1]]
        want = [t.split("-") for t in joined]
        most = max(map(len, want))
        assert found["parts"].tolist() == [t + [""] * (most - len(t)) for t in want] and found["n"].tolist() == [len(t) for t in want]
        assert found["same"].tolist() == [True, False]
    with pytest.raises(ValueError, match="zero character"):
        model.run({"x": ["a\0b", ""]})
    with pytest.raises(errors.FiresteelError, match="text"):
        loaded([helper.make_node("Neg", ["x"], ["y"])], [tensor("x", text, [1])], [tensor("y", text, [1])]).run({"x": ["a"]})


def test_constants_of_texts():
    nodes = [helper.make_node("Constant", [], ["a"], value_string="x"), helper.make_node("Constant", [], ["b"], value_strings=["y", ""]), helper.make_node("StringConcat", ["a", "b"], ["c"]),
             helper.make_node("Equal", ["c", "t"], ["same"])]
    model = loaded(nodes, [tensor("t", TensorProto.STRING, [2])], [tensor("c", TensorProto.STRING, None), tensor("same", TensorProto.BOOL, None)])
    found = model.run({"t": ["xy", "z"]})
    assert found["c"].tolist() == ["xy", "x"] and found["same"].tolist() == [True, False]


def test_numbers_and_texts():
    number = loaded([helper.make_node("Cast", ["x"], ["y"], to=TensorProto.STRING)], [tensor("x", TensorProto.FLOAT, ["n"])], [tensor("y", TensorProto.STRING, ["n"])])
    x = np.array([0.47892547, -3, 1e-5, 1e10, np.nan, np.inf, -np.inf, 1e16, 123456.79, 0.25, 1.5e-45, 3.4e38, 100], "f")
    found = number.run({"x": x})["y"].tolist()
    np.testing.assert_array_equal(np.array([float(t) for t in found], "f"), x)
    assert found[:3] == ["0.47892547", "-3.0", "1e-05"] and found[4:7] == ["nan", "inf", "-inf"] and found[9] == "0.25" and found[-1] == "100.0"
    whole = loaded([helper.make_node("Cast", ["x"], ["y"], to=TensorProto.INT64)], [tensor("x", TensorProto.STRING, ["n"])], [tensor("y", TensorProto.INT64, ["n"])])
    assert whole.run({"x": ["9007199254740993", "-5", "1e3"]})["y"].tolist() == [9007199254740993, -5, 1000]
    with pytest.raises(errors.FiresteelError, match="no number"):
        whole.run({"x": ["12a"]})


def sequence(name, kind=TensorProto.FLOAT):
    return helper.make_tensor_sequence_value_info(name, kind, None)


def test_lists():
    nodes = [helper.make_node("SequenceInsert", ["s", "x"], ["more"]), helper.make_node("SequenceErase", ["more", "at"], ["less"]), helper.make_node("SequenceAt", ["more", "last"], ["y"]),
             helper.make_node("SequenceLength", ["less"], ["n"]), helper.make_node("SplitToSequence", ["x"], ["rows"], keepdims=0), helper.make_node("ConcatFromSequence", ["rows"], ["z"], axis=0, new_axis=1)]
    model = loaded(nodes, [sequence("s"), tensor("x", TensorProto.FLOAT, [2, 3])], [sequence("less"), tensor("y", TensorProto.FLOAT, None), tensor("n", TensorProto.INT64, []), tensor("z", TensorProto.FLOAT, None)],
                   [numpy_helper.from_array(np.array(0), "at"), numpy_helper.from_array(np.array(-1), "last")])
    x = np.arange(6, dtype="f").reshape(2, 3)
    for s in ([np.ones(3, "f"), np.zeros((2, 2), "f")], [x], []):
        found = model.run({"s": s, "x": x})
        want = [*s, x][1:]
        assert len(found["less"]) == len(want) == found["n"]
        for a, b in zip(found["less"], want):
            np.testing.assert_array_equal(a, b)
        np.testing.assert_array_equal(found["y"], x)
        np.testing.assert_array_equal(found["z"], x)
    with pytest.raises(errors.FiresteelError, match="element 0 of the input 's' is float64, expected float32"):
        model.run({"s": [np.ones(3)], "x": x})
    with pytest.raises(errors.FiresteelError, match="place 7"):
        loaded([helper.make_node("SequenceAt", ["s", "i"], ["y"])], [sequence("s")], [tensor("y", TensorProto.FLOAT, None)], [numpy_helper.from_array(np.array(7), "i")]).run({"s": [x]})
    with pytest.raises(errors.FiresteelError, match="sequence"):
        loaded([helper.make_node("Neg", ["s"], ["y"])], [sequence("s")], [tensor("y", TensorProto.FLOAT, None)]).run({"s": [x]})


def test_optional_values():
    kind = helper.make_optional_type_proto(helper.make_tensor_type_proto(TensorProto.FLOAT, None))
    model = loaded([helper.make_node("OptionalHasElement", ["x"], ["there"]), helper.make_node("Identity", ["x"], ["y"])], [helper.make_value_info("x", kind)],
                   [tensor("there", TensorProto.BOOL, []), helper.make_value_info("y", kind)])
    found = model.run({"x": None})
    assert not found["there"] and found["y"] is None
    found = model.run({"x": np.ones(2, "f")})
    assert found["there"] and found["y"].tolist() == [1, 1]


def test_texts_that_double_end_in_a_sentence():
    body = helper.make_graph([helper.make_node("Identity", ["on"], ["go"]), helper.make_node("StringConcat", ["t", "t"], ["u"])], "body",
                             [tensor("i", TensorProto.INT64, []), tensor("on", TensorProto.BOOL, []), tensor("t", TensorProto.STRING, [])], [tensor("go", TensorProto.BOOL, []), tensor("u", TensorProto.STRING, [])])
    model = loaded([helper.make_node("Loop", ["m", "", "x"], ["y"], body=body)], [tensor("x", TensorProto.STRING, [])], [tensor("y", TensorProto.STRING, [])], [numpy_helper.from_array(np.array(60), "m")])
    with pytest.raises(errors.FiresteelError, match="bytes are left"):
        model.run({"x": "abcdefgh"})
