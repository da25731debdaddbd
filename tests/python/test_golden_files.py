"""Files of every format version that there was: they load, say what they said then, and can be trained on. See tests/golden_files/make.py."""
import json
import struct
from pathlib import Path

import firesteel as fire
import numpy as np
import pytest

FOLDER = Path(__file__).resolve().parents[1] / "golden_files"
CASES = [(version.name, name, case) for version in sorted(FOLDER.glob("v*")) for name, case in json.loads((version / "answers.json").read_text()).items()]


def safetensors(path):
    """{name: array}, and the metadata, by the format's specification."""
    content = path.read_bytes()
    (n,) = struct.unpack_from("<Q", content)
    header = json.loads(content[8:8 + n])
    meta = header.pop("__metadata__")
    kinds = {"F32": np.float32, "F64": np.float64}
    return {name: np.frombuffer(content[8 + n + t["data_offsets"][0]:8 + n + t["data_offsets"][1]], kinds[t["dtype"]]).reshape(t["shape"]) for name, t in header.items()}, meta


def test_there_are_some():
    assert len(CASES) >= 8


@pytest.mark.parametrize("version, name, case", CASES, ids=lambda p: p if isinstance(p, str) else "")
def test_loads_and_predicts(version, name, case):
    model = fire.load(FOLDER / version / name)
    assert model.dtype == case["dtype"]
    weights = model.get_weights()
    assert len(weights) == len(case["weights"])
    for found, expected in zip(weights, case["weights"]):
        assert (found == np.array(expected, case["dtype"])).all(), "the bits of every weight"
    if "layers" in case:
        assert [[type(layer).__name__, layer.name] for layer in model.layers] == case["layers"]
        assert [layer.trainable for layer in model.layers].count(False) == 1
    x = np.array(case["x"], case["dtype"])
    tolerance = 1e-5 if case["dtype"] == "float32" else 1e-12
    np.testing.assert_allclose(model.predict(x, verbose=0), np.array(case["y"]), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("version, name, case", [c for c in CASES if "step" in c[2]], ids=lambda p: p if isinstance(p, str) else "")
def test_training_goes_on(version, name, case):
    """One more step from the checkpoint is momentum by hand on the state in it."""
    model = fire.load(FOLDER / version / name)
    x, target = np.array(case["x"], case["dtype"]), np.array(case["target"])
    before, gradients = model.get_weights(), model.gradients(x, target)[1:]
    state, meta = safetensors(FOLDER / version / name / "state.safetensors")
    assert (meta["epoch"], meta["step"]) == (str(case["epoch"]), str(case["step"])) and meta["optimizer"].startswith("SGD ")
    names = [f"slot0/{weight}" for weight, *_ in model._net.weights()]
    assert set(names) == set(state)
    model.fit(x, target, epochs=1, batch_size=6, verbose=0, shuffle=False)
    moved = 0
    frozen = {id_ for i, layer in enumerate(model.layers) if not layer.trainable for id_ in [layer.name]}
    for slot, old, gradient, new in zip(names, before, gradients, model.get_weights()):
        velocity = 0.5 * state[slot] - 0.125 * gradient  # SGD(learning_rate=0.125, momentum=0.5)
        expected = old if slot.split("/")[1] in frozen else old + velocity
        np.testing.assert_allclose(new, expected, rtol=1e-5, atol=1e-6)
        moved += not np.array_equal(new, old)
    assert moved >= 4
