"""What the examples print: the texts and series of examples/data are learnt as well as docs/python.md says."""
import subprocess
import sys
from pathlib import Path

import char_lstm
import forecast
import pytest

ROOT = Path(__file__).resolve().parents[2]


def test_characters():
    assert char_lstm.main(4) < 1.75  # nats per character, on the last tenth of the text


def test_forecast():
    errors = forecast.main(20)
    assert errors["LSTM"] < errors["last value"] and errors["1-D convolution"] < errors["last value"]


@pytest.mark.parametrize("name", ["clusters", "deeplearning4j", "many_models", "perceptron", "recommender", "tfrecords", "transfer", "wide_and_deep"])
def test_on_spark(name: str):
    """Each is a program of its own that a reader starts with the environment's Python."""
    done = subprocess.run([sys.executable, str(ROOT / f"examples/{name}.py")], cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=600)
    assert done.returncode == 0 and done.stdout.strip(), done.stderr[-3000:]
