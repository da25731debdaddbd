"""threads_worker THREADS SECONDS - samples per second of wall clock, best epoch, of the MLP of mlp_worker at batch 128."""
import json
import sys
import time

import numpy as np

import firesteel as fire

threads, seconds = int(sys.argv[1]), float(sys.argv[2])
rng = np.random.default_rng(0)
x, y = rng.random((16384, 784), dtype=np.float32), rng.integers(0, 10, 16384)
fire.set_threads(threads)
net = fire.Sequential([fire.layers.Dense(256, activation="relu"), fire.layers.Dense(128, activation="relu"), fire.layers.Dense(10, activation="softmax")])
net.compile(optimizer="adam", loss="sparse_categorical_crossentropy")
best, end = 0.0, time.monotonic() + seconds
while time.monotonic() < end:
    begun = time.monotonic()
    net.fit(x, y, batch_size=128, epochs=1, verbose=0)
    best = max(best, len(x) / (time.monotonic() - begun))
print(json.dumps({"rate": best}))
