"""opening - how long a model file of 100 MB takes to open, and what several processes that score with it hold together (PSS, MB); the same of convolutions,
whose weights kernels want in an order of their own, without and with a folder for fire.set_cache."""
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

import firesteel as fire

WORKER = """
import sys, time
import numpy as np
import firesteel as fire
if len(sys.argv) > 2:
    fire.set_cache(sys.argv[2])
fire.Sequential([fire.layers.Input((2,)), fire.layers.Dense(1)]).predict(np.ones((1, 2), np.float32))  # what the first model in a process costs
pss = lambda: sum(int(line.split()[1]) for line in open("/proc/self/smaps") if line.startswith("Pss:")) / 1024
before, opened = pss(), 1.0
for _ in range(5):
    began = time.perf_counter()
    model = fire.load(sys.argv[1])
    opened = min(opened, time.perf_counter() - began)
began = time.perf_counter()
model.predict(np.ones((2, *model.input_shape[1:]), np.float32))
print(opened, time.perf_counter() - began, flush=True)
sys.stdin.readline()
print(pss() - before, flush=True)
sys.stdin.readline()
"""


def main() -> None:
    rng = np.random.default_rng(0)
    net = fire.Sequential([fire.layers.Input((1600,))] + [fire.layers.Dense(1600, activation="relu") for _ in range(10)])
    net.set_weights([rng.standard_normal(w.shape).astype(np.float32) / 40 for w in net.get_weights()])
    with tempfile.TemporaryDirectory() as folder:
        ours, other = Path(folder) / "ours.onnx", Path(folder) / "other.onnx"
        net.save(ours)
        changed = bytearray(ours.read_bytes())
        at = changed.index(b"firesteel.graph_hash") + 22
        changed[at] ^= 1  # now it is a file of other software
        other.write_bytes(changed)
        began = time.perf_counter()
        ours.read_bytes()
        print(f"reading {len(changed) / 1e6:.0f} MB: {1e3 * (time.perf_counter() - began):.1f} ms")
        show("saved by firesteel", ours)
        show("of other software", other)
        net = fire.Sequential([fire.layers.Input((7, 7, 512))] + [fire.layers.Conv2D(512, 3, padding="same", activation="relu") for _ in range(10)])
        net.predict(np.zeros((1, 7, 7, 512), np.float32))
        net.save(ours)
        show("convolutions", ours)
        show("convolutions, with a cache that is empty", ours, f"{folder}/cache")
        show("convolutions, with a cache that is full", ours, f"{folder}/cache")


def show(name: str, path: Path, *cache: str) -> None:
    workers = [subprocess.Popen([sys.executable, "-W", "ignore", "-c", WORKER, str(path), *cache], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    told = [[float(v) for v in w.stdout.readline().split()] for w in workers if w.stdout]
    for w in workers:
        w.stdin.write("\n"), w.stdin.flush()
    held = [float(w.stdout.readline()) for w in workers]
    for w in workers:
        w.communicate("\n")
    print(f"{name}: opened in {1e3 * min(t[0] for t in told):.2f} ms (best of 20), first scores in {1e3 * min(t[1] for t in told):.0f} ms (best of 4); "
          f"4 processes that scored hold {sum(held):.0f} MB together for it")


if __name__ == "__main__":
    main()
