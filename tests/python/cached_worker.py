"""cached_worker - a training by worker processes whose rows are kept where cache says; each tells the most memory that it held, and the
CPU seconds of its fit.

Run as a program it is one worker: it prints its address, reads those of all from its input, trains, and prints what it measured."""
from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

WIDTH = 784


def batches(rank, workers, rows):
    import numpy as np
    import pyarrow as pa

    for first in range(0, rows // workers, 2000):
        n = min(2000, rows // workers - first)
        random = np.random.Generator(np.random.Philox(key=[rank, first]))
        y = random.integers(0, 10, n, dtype=np.int32)
        x = random.random((n, WIDTH), dtype=np.float32)
        x[np.arange(n), y] += 1.0
        yield pa.RecordBatch.from_arrays([pa.FixedSizeListArray.from_arrays(pa.array(x.reshape(-1)), WIDTH), pa.array(y)], names=["x", "y"])


def resident():
    """Bytes of memory that this process holds, and those of them that are not in files."""
    found = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines() if ":" in line)
    return tuple(int(found[name].split()[0]) << 10 for name in ("VmRSS", "RssAnon"))


def worker(rank, workers, rows, cache, memory, epochs, hidden, batch, folder):
    import firesteel as fire
    from firesteel import layers
    from firesteel.executor import Job, engine, train
    from firesteel.spark.nets import recipe_of

    os.environ["SPARK_LOCAL_DIRS"] = folder
    recipe = recipe_of("net", fire.Sequential([*(layers.Dense(int(n), "relu") for n in hidden.split(",")), layers.Dense(10, "softmax")]))
    job = Job(version=engine.version(), recipe=recipe.text, recipe_weights=None, features=("x",), labels=("y",), workers=workers, secret=bytes(16),
              loss="sparse_categorical_crossentropy", optimizer="adam", metrics="accuracy", epochs=epochs, batch_size=batch, seed=1, cache=cache, cache_memory=memory)

    def gather(text):
        print(json.dumps(text), flush=True)
        return json.loads(sys.stdin.readline())

    for _ in batches(0, 1, 2000):  # what making rows takes, and starting up, is not what is measured
        engine.read(iter([_]), job)
    start, most, done, watching, spent, fit = resident(), [0, 0], threading.Event(), [0.0], [0.0], engine.fit

    def clock():
        return time.process_time() - watching[0]

    def timed(*args):
        spent[0] -= clock()
        try:
            return fit(*args)
        finally:
            spent[0] += clock()

    engine.fit = timed

    def watch():
        while not done.wait(0.01):
            most[:] = [max(a, b - s) for a, b, s in zip(most, resident(), start)]
            watching[0] = time.thread_time()

    threading.Thread(target=watch, daemon=True).start()
    said = list(train(batches(rank, workers, rows), job, gather, rank=rank, host="127.0.0.1"))
    done.set()
    result = [json.loads(b.column(2)[0].as_py()) for b in said if b.column(0)[0].as_py() == "result"]
    model = b"".join(b.column(2)[0].as_py() for b in said if b.column(0)[0].as_py() == "model")
    import hashlib

    print(json.dumps({"most": most[0], "anonymous": most[1], "cpu": spent[0],
                      "loss": result[0]["history"]["loss"] if result else [], "model": hashlib.sha256(model).hexdigest()}), flush=True)


def run(folder, workers=2, rows=20000, cache="disk", memory=4 << 20, epochs=1, hidden="16,128", batch=128):
    """What each worker measured, in rank order."""
    root = Path(__file__).resolve().parents[2]
    started = [subprocess.Popen([sys.executable, __file__, *map(str, (rank, workers, rows, cache, memory, epochs, hidden, batch, folder))], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                text=True, env={**os.environ, "PYTHONPATH": str(root / "python")}) for rank in range(workers)]
    try:
        addresses = [json.loads(p.stdout.readline()) for p in started]
        for p in started:
            p.stdin.write(json.dumps(addresses) + "\n")
            p.stdin.flush()
        found = [json.loads(p.stdout.readline()) for p in started]
        assert [p.wait(60) for p in started] == [0] * workers
        return found
    finally:
        for p in started:
            p.kill()
            p.communicate()


if __name__ == "__main__":
    rank, workers, rows, cache, memory, epochs, hidden, batch, folder = sys.argv[1:]
    worker(int(rank), int(workers), int(rows), cache, int(memory), int(epochs), hidden, int(batch), folder)
