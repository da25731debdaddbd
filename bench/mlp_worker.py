"""mlp_worker PEER BATCH SECONDS - train 784-256-128-10, relu, Adam, on one thread and print samples per CPU-second as JSON.

Peers get their batches ready made, as views of contiguous arrays; firesteel does what it does for users: shuffle, gather, count metrics.
"""
import json
import os
import sys
import time

import numpy as np

peer, batch, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
rows = 16384
rng = np.random.default_rng(0)
x = rng.random((rows, 784), dtype=np.float32)
y = rng.integers(0, 10, rows)


def best_rate(epoch):
    """Samples per CPU-second of the best of many epochs, after one to warm up."""
    epoch()
    best, end = 0.0, time.process_time() + seconds
    while time.process_time() < end:
        begun = time.process_time()
        epoch()
        best = max(best, rows / (time.process_time() - begun))
    return best


if peer == "firesteel":
    import firesteel as fire

    fire.set_threads(int(os.environ.get("FIRE_BENCH_THREADS", "1")))
    net = fire.Sequential([fire.layers.Dense(256, activation="relu"), fire.layers.Dense(128, activation="relu"), fire.layers.Dense(10, activation="softmax")])
    net.compile(optimizer="adam", loss="sparse_categorical_crossentropy")
    rate = best_rate(lambda: net.fit(x, y, batch_size=batch, epochs=1, verbose=0))
elif peer.startswith("torch"):
    import torch

    torch.set_num_threads(1)
    torch.set_flush_denormal(True)  # as firesteel does; without it momenta of dead units slow torch down several times
    net = torch.nn.Sequential(torch.nn.Linear(784, 256), torch.nn.ReLU(), torch.nn.Linear(256, 128), torch.nn.ReLU(), torch.nn.Linear(128, 10))
    optimizer = torch.optim.Adam(net.parameters(), fused=peer == "torch-fused")
    loss = torch.nn.CrossEntropyLoss()
    batches = list(zip(torch.from_numpy(x).split(batch), torch.from_numpy(y).split(batch)))

    def epoch():
        for a, b in batches:
            optimizer.zero_grad(set_to_none=True)
            loss(net(a), b).backward()
            optimizer.step()

    rate = best_rate(epoch)
else:
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    import keras

    net = keras.Sequential([keras.layers.Dense(256, activation="relu"), keras.layers.Dense(128, activation="relu"), keras.layers.Dense(10, activation="softmax")])
    net.compile(optimizer="adam", loss="sparse_categorical_crossentropy", steps_per_execution=32)
    rate = best_rate(lambda: net.fit(x, y, batch_size=batch, epochs=1, verbose=0, shuffle=False))
print(json.dumps({"rate": rate}))
