"""ONNX operators with random attributes and shapes against onnxruntime, many draws; tests/python/test_onnx_operators.py draws a few."""
import importlib.util
from pathlib import Path

import pytest

SPEC = importlib.util.spec_from_file_location("few_draws", Path(__file__).resolve().parents[1] / "python" / "test_onnx_operators.py")
few = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(few)


@pytest.mark.parametrize("family", few.FAMILIES, ids=lambda f: f.__name__)
def test_family(family):
    few.test_family(family, draws=200, seed=7)
