"""Golden numbers of Keras and torch: those in tests/data/golden, and all in shared/cases/golden where that folder lies beside the checkout."""
import json
from pathlib import Path

import numpy as np
import pytest
from golden_engine import run

ROOT = Path(__file__).resolve().parents[2]
MANIFESTS = [ROOT / "tests/data/golden/manifest.json", *sorted((ROOT.parent / "shared/cases/golden").glob("manifest_*.json"))]
ENTRIES = list({case["name"]: (path.parent, case) for path in MANIFESTS for case in json.loads(path.read_text())}.values())
CASES = [entry for entry in ENTRIES if entry[1]["file"]]
STATISTICAL = [case for _, case in ENTRIES if not case["file"]]

# What this engine does not have (docs/python.md), by the words that it says so with. Keras' cases all run.
LEFT_OUT = ("interpolate(", "LSTM(proj_size)", "AdaptiveMaxPool2d whose windows differ")

# Keras on TensorFlow rounds Adam's beta_2 to float32 before it raises it to the step, whatever the variables' type. 1 - 0.999 is off by 1.3e-5 then, which
# moves a path of 10 steps by 3e-6. So no case can be held to less than this.
LEAST = 1e-5


def is_output(name):
    return name in ("y", "loss", "dpred", "traj", "traj1", "value", "lrs", "dw") or name.startswith(("dx", "dp_", "new_")) or name[0] == "y" and name[1:].isdigit()


@pytest.mark.parametrize("folder, case", CASES, ids=lambda part: part["name"] if isinstance(part, dict) else "")
def test_golden(folder, case):
    arrays = dict(np.load(folder / case["file"]))
    try:
        found = run(case, {name: a for name, a in arrays.items() if not is_output(name)})
    except NotImplementedError as missing:
        assert case["framework"].startswith("torch") and str(missing).startswith(LEFT_OUT), missing
        pytest.skip(str(missing))
    expected = {name: a for name, a in arrays.items() if is_output(name) and name != "lrs"}
    assert expected and expected.keys() <= found.keys()
    for name, value in expected.items():
        assert found[name].shape == value.shape
        np.testing.assert_allclose(found[name], value, rtol=max(case["rtol"], LEAST), atol=max(case["atol"], LEAST), err_msg=name)


@pytest.mark.parametrize("case", STATISTICAL, ids=lambda case: case["name"])
def test_statistical(case):
    found, expect = run(case, {}), case["expect"]
    if "std" in expect:
        assert found["std"] == pytest.approx(expect["std"], rel=0.02)
        if case["op"] != "orthogonal":  # uniform and truncated: these have edges
            assert found["min"] == pytest.approx(expect["min"], rel=0.01) and found["max"] == pytest.approx(expect["max"], rel=0.01)
        return
    rate = case["attrs"]["rate"]
    assert found["train: fraction zero"] == pytest.approx(rate, abs=expect.get("fraction tolerance", 0.02))
    assert found["train: kept value for input 1"] == pytest.approx(1 / (1 - rate)) and found["kept: spread"] < 1e-12
    assert found["eval"] == 0 and found["gradient"] < 1e-9 and found["mask"] == 0


def test_what_is_missing_says_so():
    for kind, op, attrs in (("layer", "MelSpectrogram", {}), ("loss", "Tversky", {}), ("optimizer", "Muon", {}), ("layer", "Dense", {"units": 3, "activation": "sparsemax"})):
        with pytest.raises(NotImplementedError):
            run({"name": "", "kind": kind, "op": op, "attrs": attrs, "framework": "keras"}, {"x": np.zeros((2, 3)), "dy": np.zeros((2, 3)), "y_pred": np.zeros((2, 3)), "w0": np.zeros(3)})
