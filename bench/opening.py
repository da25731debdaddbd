"""opening - how long a model file of 100 MB takes to open, and what several processes that score with it hold together (PSS, MB)."""
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
fire.Sequential([fire.layers.Input((2,)), fire.layers.Dense(1)]).predict(np.ones((1, 2), np.float32))  # what the first model in a process costs
pss = lambda: sum(int(line.split()[1]) for line in open("/proc/self/smaps") if line.startswith("Pss:")) / 1024
before, opened = pss(), 1.0
for _ in range(5):
    began = time.perf_counter()
    model = fire.load(sys.argv[1])
    opened = min(opened, time.perf_counter() - began)
model.predict(np.ones((2, 1600), np.float32))
print(opened, flush=True)
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
        for name, path in (("saved by firesteel", ours), ("of other software", other)):
            workers = [subprocess.Popen([sys.executable, "-W", "ignore", "-c", WORKER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(4)]
            opened = [float(w.stdout.readline()) for w in workers if w.stdout]
            for w in workers:
                w.stdin.write("\n"), w.stdin.flush()
            held = [float(w.stdout.readline()) for w in workers]
            for w in workers:
                w.communicate("\n")
            print(f"{name}: opened in {1e3 * min(opened):.2f} ms (best of 20); 4 processes that scored hold {sum(held):.0f} MB together for it")


if __name__ == "__main__":
    main()
