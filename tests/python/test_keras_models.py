"""Networks that Keras saved, shared/cases/keras_models beside the checkout: rebuilt from their configuration they give Keras' outputs."""
import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from keras_config import Rebuilt

FILES = sorted((Path(__file__).resolve().parents[3] / "shared/cases/keras_models").glob("*.keras"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_outputs(file):
    h5py = pytest.importorskip("h5py")
    with zipfile.ZipFile(file) as parts:
        config, content = json.loads(parts.read("config.json")), parts.read("model.weights.h5")
    with h5py.File(io.BytesIO(content)) as weights:
        model = Rebuilt(config, weights).model
    arrays = np.load(file.with_suffix(".npz"))
    inputs, expected = ([arrays[name] for name in sorted(arrays) if name[0] == letter] for letter in "xy")
    found = model.predict(inputs if len(inputs) > 1 else inputs[0])
    for got, want in zip(found if isinstance(found, list) else [found], expected, strict=True):
        assert got.shape == want.shape
        np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-5)
