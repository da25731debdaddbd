"""test_operators - operators mean what ONNX says: their examples, run by the reference kernels, against onnx.reference.

build/tests/test_ops prints every example of an operator that ONNX has, inputs and results; nothing here names an operator.
"""
from __future__ import annotations

import json
import shlex
import subprocess

import numpy as np
import onnxruntime
from conftest import ROOT
from onnx import defs, helper
from onnx.reference import ReferenceEvaluator

# onnx.reference does not know these, or not all of what they can do, and computes in the type itself; onnxruntime judges them, in float32.
BY_RUNTIME = {"AveragePool", "Conv", "ConvTranspose", "GatherElements", "GlobalAveragePool", "GlobalMaxPool", "LRN", "LpPool", "MaxPool", "OneHot", "Pad", "ReduceLogSumExp", "Resize", "ScatterElements"}
OPSET = {"AveragePool": 19, "BitCast": 26, "CumProd": 26, "DFT": 20, "DeformConv": 19, "Gelu": 20, "Swish": 24}  # newer than what files are written in
# onnx.reference computes these in float32, also on float64; attributes that are floats are float32 in every file.
SINGLE = {"DeformConv", "Erf", "Gelu", "HardSwish", "LayerNormalization"}
ELSEWHERE = {"GridSample"}  # of places far outside onnx.reference makes whole numbers; onnxruntime judges it in test_onnx_operators.py
RECURRENT = {"GRU", "LSTM", "RNN"}
BY_RUNTIME |= RECURRENT
PROGRAM = ROOT / "build/tests/test_ops"


def cases():
    lines = subprocess.run([PROGRAM, "examples"], check=True, capture_output=True, text=True).stdout.splitlines()
    return [json.loads(line) for line in lines]


def array(tensor):
    return np.array(tensor["data"], dtype=helper.tensor_dtype_to_np_dtype(tensor["type"])).reshape(tensor["shape"])


def value_of(text):
    """A number, a list of numbers, or a word."""
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def attributes(op, text):
    """What the text says, floats as ONNX wants them; an empty list stands for an attribute left out."""
    pairs = ((name, value_of(value)) for name, value in (pair.split("=", 1) for pair in shlex.split(text)))
    rows = defs.get_schema(op, OPSET.get(op, 18)).attributes
    found = {name: value for name, value in pairs if value not in ([], "") and name != "channels_last"}
    if op in RECURRENT:  # a clip below 0 and a size of 0 stand for none given; names are a list
        found = {name: value.split(",") if name == "activations" else value for name, value in found.items() if name != "hidden_size" and (name != "clip" or value >= 0)}
    return {name: float(value) if name in rows and rows[name].type == defs.OpSchema.AttrType.FLOAT else value for name, value in found.items()}


def test_against_onnx():
    found = cases()
    assert len({case["op"] for case in found}) > 35
    judged = set()
    for case in (c for c in found if c["op"] not in ELSEWHERE):
        inputs = {f"x{i}": array(tensor) for i, tensor in enumerate(case["inputs"]) if tensor}
        names = [f"x{i}" if tensor else "" for i, tensor in enumerate(case["inputs"])]
        outputs = [f"y{j}" for j in range(len(case["outputs"]))]
        attrs = attributes(case["op"], case["attrs"])
        if case["op"] in RECURRENT:
            attrs["hidden_size"] = inputs["x2"].shape[-1]
        if case["op"] == "LRN" and attrs.get("size", 1) % 2 == 0:
            continue  # onnxruntime takes odd sizes only
        last = "channels_last=1" in case["attrs"]  # our extra attribute: the same with channels first
        if last:
            inputs["x0"] = np.moveaxis(inputs["x0"], -1, 1)
            if case["op"].startswith("Conv"):
                inputs["x1"] = np.moveaxis(inputs["x1"], (-1, -2), (0, 1))
        graph = helper.make_graph(
            [helper.make_node(case["op"], names, outputs, **attrs)], "one",
            [helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(x.dtype), x.shape) for name, x in inputs.items()],
            [helper.make_tensor_value_info(name, tensor["type"], None) for name, tensor in zip(outputs, case["outputs"])])
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET.get(case["op"], 18))], ir_version=8 if OPSET.get(case["op"], 18) < 21 else 13)
        if case["op"] in BY_RUNTIME:
            if any(x.dtype == np.float64 for x in inputs.values()):
                continue
            try:
                session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
            except onnxruntime.capi.onnxruntime_pybind11_state.NotImplemented:
                continue  # it has the operator, but not for these types
            judged.add(case["op"])
            results = session.run(None, inputs)
        else:
            results = ReferenceEvaluator(model).run(None, inputs)
        for tensor, wanted in zip(case["outputs"], results, strict=True):
            got, wanted = array(tensor), np.moveaxis(wanted, 1, -1) if last else np.asarray(wanted)
            where = f"{case['op']} {case['attrs']} {[t and t['shape'] for t in case['inputs']]}"
            assert got.shape == wanted.shape, where
            assert got.dtype == wanted.dtype, where
            # onnx.reference computes in the type itself, we in double: float32 may differ by its rounding.
            single = case["op"] in SINGLE or any(isinstance(value, float) for value in attrs.values())
            tolerance = {np.dtype(np.float32): 2e-6, np.dtype(np.float64): 1e-6 if single else 1e-14}.get(got.dtype, 0)
            np.testing.assert_allclose(got, wanted, rtol=tolerance, atol=tolerance, err_msg=where)
    assert judged == BY_RUNTIME
