"""lstm_worker PEER LAYER STEPS FEATURES UNITS BATCH SECONDS - train one LSTM (or GRU) and a softmax of 10 on its last state, Adam, on one
thread, and print samples per CPU-second as JSON. Peers get their batches ready made; firesteel shuffles, gathers and counts.
"""
import json
import os
import sys
import time

import numpy as np

peer, layer = sys.argv[1:3]
steps, features, units, batch, seconds = *map(int, sys.argv[3:7]), float(sys.argv[7])
rows = 16 * batch
rng = np.random.default_rng(0)
x = rng.random((rows, steps, features), dtype=np.float32)
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
    net = fire.Sequential([fire.Input((steps, features)), getattr(fire.layers, layer)(units), fire.layers.Dense(10, activation="softmax")])
    net.compile(optimizer="adam", loss="sparse_categorical_crossentropy")
    rate = best_rate(lambda: net.fit(x, y, batch_size=batch, epochs=1, verbose=0))
elif peer.startswith("torch"):
    import torch

    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    recurrent, head = getattr(torch.nn, layer)(features, units, batch_first=True), torch.nn.Linear(units, 10)
    optimizer = torch.optim.Adam([*recurrent.parameters(), *head.parameters()], fused=True)
    loss = torch.nn.CrossEntropyLoss()
    batches = list(zip(torch.from_numpy(x).split(batch), torch.from_numpy(y).split(batch)))

    def epoch():
        for a, b in batches:
            optimizer.zero_grad(set_to_none=True)
            loss(head(recurrent(a)[0][:, -1]), b).backward()
            optimizer.step()

    rate = best_rate(epoch)
else:
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    import keras

    net = keras.Sequential([keras.Input((steps, features)), getattr(keras.layers, layer)(units), keras.layers.Dense(10, activation="softmax")])
    net.compile(optimizer="adam", loss="sparse_categorical_crossentropy", steps_per_execution=16)
    rate = best_rate(lambda: net.fit(x, y, batch_size=batch, epochs=1, verbose=0, shuffle=False))
print(json.dumps({"rate": rate}))
