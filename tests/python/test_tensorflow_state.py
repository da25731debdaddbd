"""Variables that a graph of TensorFlow changes while it runs, and which tensors are its outputs, against what TensorFlow 2.21 computed (tests/tensorflow_files/make_state.py)."""
from pathlib import Path

import numpy as np
import pytest

import firesteel as fire

FILES = Path(__file__).resolve().parents[1] / "tensorflow_files"


def kept(name):
    with np.load(FILES / f"{name}.npz") as z:
        arrays = {k: z[k] for k in z.files}
    return {k[5:]: v for k, v in arrays.items() if k.startswith("feed|")}, {k: v for k, v in arrays.items() if not k.startswith("feed|")}


def compare(got, expected):
    assert sorted(got) == sorted(expected)
    for name, want in expected.items():
        assert got[name].dtype == want.dtype and got[name].shape == want.shape
        np.testing.assert_allclose(got[name], want, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["state_refs", "state_handles"])
def test_variables_that_change(name):
    feeds, expected = kept(name)
    model = fire.load(FILES / f"{name}.pb", outputs=sorted(expected))
    for _ in range(2):  # a run leaves the model as it was
        compare(model.run(feeds), expected)


def test_an_order_that_is_open():
    feeds, _ = kept("state_refs")
    with pytest.raises(fire.FiresteelError, match="no order says whether before or after"):
        fire.load(FILES / "state_open.pb", outputs=["sum"]).run(feeds)


def test_outputs_that_nobody_reads():
    feeds, expected = kept("ends_several")
    compare(fire.load(FILES / "ends_several.pb").run(feeds), expected)


def test_outputs_by_name():
    feeds, expected = kept("ends_inner")
    compare(fire.load(FILES / "ends_inner.pb").run(feeds), {"out": expected["out"]})
    compare(fire.load(FILES / "ends_inner.pb", outputs=sorted(expected)).run(feeds), expected)
