"""Conditions, loops, lists and functions of TensorFlow graphs, and SavedModels, against what TensorFlow 2.21 computed for the kept files."""
import shutil
from pathlib import Path

import numpy as np
import pytest

import firesteel as fire

FILES = Path(__file__).resolve().parents[1] / "tensorflow_files"
GRAPHS = ["v1_condconst", "v1_condloop", "v1_scan", "v2_ctc", "v2_nest", "v2_unst", "v2l_loopcond"]


def compare(model, feeds, expected):
    got = model.run(feeds)
    for name, want in expected.items():
        assert got[name].dtype == want.dtype and got[name].shape == want.shape
        np.testing.assert_allclose(got[name], want, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", GRAPHS)
def test_control_flow(name):
    arrays = dict(np.load(FILES / f"{name}.npz"))
    feeds = {k: v for k, v in arrays.items() if k.startswith("x")}
    expected = {k: v for k, v in arrays.items() if k not in feeds}
    compare(fire.load(FILES / f"{name}.pb"), feeds, expected)
    compare(fire.load(FILES / f"{name}.pb", outputs=sorted(expected)), feeds, expected)


def test_saved_model_of_variables():
    arrays = dict(np.load(FILES / "sm1.npz"))
    expected = {"y": arrays["y"], "sum": arrays["sum"]}
    compare(fire.load(FILES / "sm1"), {"x": arrays["x"]}, expected)
    compare(fire.load(FILES / "sm1", signature="other"), {"x": arrays["x"]}, expected)
    with pytest.raises(ValueError, match="no signature 'third'"):
        fire.load(FILES / "sm1", signature="third")


def test_saved_model_of_keras():
    arrays = dict(np.load(FILES / "sm_lstm.npz"))
    model = fire.load(FILES / "sm_lstm")
    compare(model, {"keras_tensor_11": arrays["x"]}, {"output_0": arrays["y"]})


def test_a_bit_of_the_checkpoint(tmp_path):
    arrays = dict(np.load(FILES / "sm1.npz"))
    shutil.copytree(FILES / "sm1", tmp_path / "sm1")
    data = next((tmp_path / "sm1" / "variables").glob("*.data-*"))
    content = bytearray(data.read_bytes())
    content[5] ^= 1
    data.write_bytes(content)
    with pytest.raises(fire.FiresteelError, match="checksum"):
        fire.load(tmp_path / "sm1").run({"x": arrays["x"]})
