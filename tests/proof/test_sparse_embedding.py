"""A table of 1,000,000 x 64 trains at the cost of a batch's tokens: CPU time and memory of a step, against whole gradients."""
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = """
import resource, sys, time
import firesteel as fire
import numpy as np
from firesteel import layers

sparse, optimizer, words, few, many = sys.argv[1], sys.argv[2], *map(int, sys.argv[3:])
fire.set_threads(1)
rng = np.random.default_rng(0)
x = rng.integers(0, words, (32 * many, 20)).astype("float32")
y = (x[:, 0] < words / 2).astype("float32")
model = fire.Sequential([fire.Input((20,)), layers.Embedding(words, 64, sparse=sparse), layers.GlobalAveragePooling1D(), layers.Dense(1, "sigmoid")])
model.compile(optimizer, "binary_crossentropy")
def fit(steps):
    began = time.process_time()
    model.fit(x[:32 * steps], y[:32 * steps], epochs=1, batch_size=32, verbose=0)
    return time.process_time() - began
fit(1)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
short = min(fit(few) for _ in range(3))
long = min(fit(many) for _ in range(3))
print((long - short) / (many - few), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
"""


def measure(sparse, optimizer, words, few, many):
    """CPU seconds per step, peak of resident memory in MiB, how much of it came after the first step."""
    run = subprocess.run([sys.executable, "-c", PROGRAM, sparse, optimizer, str(words), str(few), str(many)], check=True, capture_output=True, text=True, timeout=600, cwd=ROOT / "python")
    return tuple(float(v) for v in run.stdout.split())


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_a_million_words(optimizer):
    table = 1_000_000 * 64 * 4 / 2**20  # MiB
    seconds, peak, grown = measure("auto", optimizer, 1_000_000, 20, 400)
    small, _, _ = measure("always", optimizer, 10_000, 20, 400)
    whole, whole_peak, _ = measure("never", optimizer, 1_000_000, 2, 6)
    print(f"\n{optimizer}: {seconds * 1e3:.3f} ms CPU per step sparse (10,000 words: {small * 1e3:.3f} ms), {whole * 1e3:.1f} ms with whole gradients; peak {peak:.0f} MiB, {whole_peak:.0f} MiB")
    assert seconds < whole / 10
    assert grown < table / 8  # nothing of the table's size comes with steps
    # The table, its last good copy and two arrays of Adam; a copy while it is placed; and what Python takes.
    assert peak < table * (5 if optimizer == "adam" else 3) + 150
    assert whole_peak > peak + table / 2  # the gradient
