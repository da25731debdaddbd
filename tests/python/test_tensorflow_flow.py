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


@pytest.mark.parametrize("name", ["v1_condloop", "v2_nest"])
def test_graph_as_text(name):
    arrays = dict(np.load(FILES / f"{name}.npz"))
    feeds = {k: v for k, v in arrays.items() if k.startswith("x")}
    text, wire = fire.load(FILES / f"{name}.pbtxt").run(feeds), fire.load(FILES / f"{name}.pb").run(feeds)
    assert list(text) == list(wire) and all(np.array_equal(text[k], wire[k]) for k in wire)


def test_saved_model_as_text(tmp_path):
    arrays = dict(np.load(FILES / "sm1.npz"))
    shutil.copytree(FILES / "sm1" / "variables", tmp_path / "variables")
    shutil.copy(FILES / "sm1.pbtxt", tmp_path / "saved_model.pbtxt")
    for path in (tmp_path, tmp_path / "saved_model.pbtxt"):
        compare(fire.load(path, signature="other"), {"x": arrays["x"]}, {"y": arrays["y"], "sum": arrays["sum"]})
    (tmp_path / "saved_model.pbtxt").write_text("saved_model_schema_version: 1\nmeta_graphs { graph_def { node { name 5 } } }")
    with pytest.raises(fire.FiresteelError, match="line 2, column 39: '5' stands where : is expected, behind field name"):
        fire.load(tmp_path)


def test_onnx_as_text(tmp_path):
    (tmp_path / "m.txt").write_text("""# as protoc prints it
        ir_version: 8 opset_import { version: 18 }
        graph { node { input: "x" input: "w" output: "y" op_type: "Gemm" attribute { name: "alpha" f: 2 type: FLOAT } }
                initializer { dims: [2, 1] data_type: 1 name: "w" float_data: [1, -0.5] }
                input { name: "x" type { tensor_type { elem_type: 1 shape { dim { dim_param: "n" } dim { dim_value: 2 } } } } }
                output { name: "y" type { tensor_type { elem_type: 1 } } } }""")
    assert fire.load(tmp_path / "m.txt").run({"x": np.float32([[1, 2], [3, 4]])})["y"].tolist() == [[0], [2]]


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
