"""conftest - what the Python tests share."""
from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "examples"), str(ROOT / "tests")]


@pytest.fixture(scope="session")
def fashion():
    """((pictures, labels) to train on, (pictures, labels) to test on); pictures [n, 784] in 0..1."""
    from fashion import load
    return load("train"), load("test")


@pytest.fixture
def blobs():
    """200 rows of 4 numbers in 3 classes that a small network separates."""
    rng = np.random.default_rng(7)
    y = rng.integers(0, 3, 200)
    centre = rng.normal(size=(3, 4)) * 3
    return (centre[y] + rng.normal(size=(200, 4))).astype(np.float32), y.astype(np.int32)
