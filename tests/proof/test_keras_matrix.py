"""Some hundred small models as Keras 1 and 2 save them (tests/keras_files/make_matrix.py, with tf_keras in an environment of its own): each loads and agrees
to 1e-5, weights alone go into its architecture, and what Keras 3 has layers for goes back to it with the same bits and outputs."""
import json
import os
import subprocess
import sys
import warnings
from pathlib import Path

import firesteel as fire
import h5py
import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
THEIRS = ROOT / ".venv-keras2"


@pytest.fixture(scope="module")
def matrix(tmp_path_factory):
    """The folder of models; KERAS_MATRIX names one that was made before."""
    if os.environ.get("KERAS_MATRIX"):
        return Path(os.environ["KERAS_MATRIX"])
    folder = tmp_path_factory.mktemp("matrix")
    if not THEIRS.exists():
        subprocess.run([sys.executable, "-m", "venv", THEIRS], check=True)
        subprocess.run([THEIRS / "bin/pip", "install", "-q", "tf_keras", "tensorflow-cpu", "h5py"], check=True)
    subprocess.run([THEIRS / "bin/python", ROOT / "tests/keras_files/make_matrix.py", folder], check=True, env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""},
                   capture_output=True)
    return folder


def arrays_of(file):
    path = file.with_suffix(".npz") if file.with_suffix(".npz").exists() else file.with_name(file.name.split(".")[0] + ".npz")
    a = np.load(path)
    return [[a[k] for k in sorted((k for k in a if k[0] == letter), key=lambda k: int(k[1:]))] for letter in "xy"]


def differs(model, xs, ys):
    """What is wrong with a model's outputs, or None."""
    found = model.predict(xs if len(xs) > 1 else xs[0], verbose=0)
    found = found if isinstance(found, list) else [found]
    for got, want in zip(found, ys, strict=True):
        if got.shape != want.shape:
            return f"{got.shape} for {want.shape}"
        off = abs(got - want).max() / max(1, abs(want).max())
        if not off <= 1e-5:
            return f"off by {off:.1e}"
    return None


def test_files(matrix):
    wrong, count = {}, 0
    for file in sorted(matrix.glob("*.h5")):
        xs, ys = arrays_of(file)
        count += 1
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                model = fire.load(file, compile=False)
                problem = differs(model, xs, ys)
                if problem is None:
                    with h5py.File(file) as h:
                        text = h.attrs["model_config"]
                        version = h.attrs["keras_version"]
                    config = json.loads(text)
                    other = fire.model_from_json(json.dumps({**config, "keras_version": version}))
                    other.load_weights(file)
                    problem = differs(other, xs, ys)
        except fire.errors.FiresteelError as error:
            problem = str(error)
        if problem:
            wrong[file.name] = problem
    print(f"{count} files, {count - len(wrong)} agree")
    assert count > 400 and not wrong, "\n".join(f"{name}: {problem}" for name, problem in wrong.items())
