"""test_operators - operators mean what ONNX says: their examples, run by the reference kernels, against onnx.reference.

build/tests/test_ops prints every example of an operator that ONNX has, inputs and results; nothing here names an operator.
"""
from __future__ import annotations

import json
import subprocess

import numpy as np
from conftest import ROOT
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

PROGRAM = ROOT / "build/tests/test_ops"


def cases():
    lines = subprocess.run([PROGRAM, "examples"], check=True, capture_output=True, text=True).stdout.splitlines()
    return [json.loads(line) for line in lines]


def array(tensor):
    return np.array(tensor["data"], dtype=helper.tensor_dtype_to_np_dtype(tensor["type"])).reshape(tensor["shape"])


def attributes(text):
    """Numbers and lists of numbers; an empty list stands for an attribute left out."""
    pairs = (pair.split("=", 1) for pair in text.split())
    return {name: value for name, value in ((name, json.loads(value)) for name, value in pairs) if value != []}


def test_against_onnx():
    found = cases()
    assert len({case["op"] for case in found}) > 35
    for case in found:
        inputs = {f"x{i}": array(tensor) for i, tensor in enumerate(case["inputs"]) if tensor}
        names = [f"x{i}" if tensor else "" for i, tensor in enumerate(case["inputs"])]
        outputs = [f"y{j}" for j in range(len(case["outputs"]))]
        attrs = attributes(case["attrs"])
        floats = {"alpha", "beta"} & attrs.keys()
        attrs.update({name: float(attrs[name]) for name in floats})
        graph = helper.make_graph(
            [helper.make_node(case["op"], names, outputs, **attrs)], "one",
            [helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(x.dtype), x.shape) for name, x in inputs.items()],
            [helper.make_tensor_value_info(name, TensorProto.UNDEFINED, None) for name in outputs])
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])
        results = ReferenceEvaluator(model).run(None, inputs)
        for tensor, wanted in zip(case["outputs"], results, strict=True):
            got, wanted = array(tensor), np.asarray(wanted)
            where = f"{case['op']} {case['attrs']} {[t and t['shape'] for t in case['inputs']]}"
            assert got.shape == wanted.shape, where
            assert got.dtype == wanted.dtype, where
            # onnx.reference computes in the type itself, we in double: float32 may differ by its rounding.
            tolerance = {np.dtype(np.float32): 2e-6, np.dtype(np.float64): 1e-14}.get(got.dtype, 0)
            np.testing.assert_allclose(got, wanted, rtol=tolerance, atol=tolerance, err_msg=where)
