#!/usr/bin/env python3
"""fuzz_keras.py [seconds] [first seed] - mutations of Keras files, of their JSON and of their bytes, loaded in child processes of bounded memory and time: each must
give a model or an error of firesteel's own. What does not is kept in build/fuzz and told with its seed."""
from __future__ import annotations

import copy
import io
import json
import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time
import warnings
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SEEDS = sorted(file for folder in ("keras2", "keras_models") for file in (ROOT / "tests/data" / folder).glob("*") if file.suffix in (".h5", ".keras"))
ODD = [None, True, False, 0, -1, 1, 2, 3, 1 << 31, -(1 << 63), 1 << 70, 0.5, -1e300, 1e308, float("nan"), float("inf"), "", "x", "\x00", "\ud800", "../../x", "/etc/passwd", "lambda x: x", "a" * 5000, [], [[]], [None],
       [1 << 40, 1 << 40], [-1, -1], [0], {}, {"class_name": "Lambda", "config": {}}, {"class_name": "Dense"}, {"class_name": [], "config": 3}, {"config": None}, [["a", 0, 0]], [["a", 1 << 40, -1, 7]],
       {"class_name": "__keras_tensor__", "config": {}}]
MEMORY, TIME = 3 << 30, 60  # of a child, and seconds of one load


def place(tree, rng):
    """A (container, key) of a tree that is not empty, met on a walk down that may end anywhere."""
    at = tree
    while True:
        key = rng.choice(list(at)) if isinstance(at, dict) else rng.randrange(len(at))
        if not isinstance(at[key], (dict, list)) or not at[key] or rng.random() < 0.15:
            return at, key
        at = at[key]


def mutate_json(text, rng):
    tree = [json.loads(text)]
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        at, key = place(tree, rng)
        kind = rng.randrange(7)
        if kind <= 2:
            at[key] = copy.deepcopy(rng.choice(ODD))
        elif kind == 3 and at is not tree:
            del at[key]
        elif kind == 4:
            other, there = place(tree, rng)
            at[key] = copy.deepcopy(other[there])
        elif kind == 5 and isinstance(at, dict):
            at[rng.choice(("name", "units", "axis", "filters", "padding", "strides", "layer", "cell", "shape", "dtype", "data_format", "activation", "module"))] = copy.deepcopy(rng.choice(ODD))
        elif isinstance(at[key], (int, float)):
            at[key] = at[key] * rng.choice((-1, 0, 2, 1000, 1 << 33))
        elif isinstance(at[key], str):
            at[key] = rng.choice(("relu", "same", "channels_first", "LSTM", "Dense", "Bidirectional", "Sequential", "Functional", "input_1", at[key] * 2, at[key][:-1]))
    if rng.random() < 0.02:
        deep: object = tree[0]
        for _ in range(rng.choice((50, 500, 5000))):
            deep = {"class_name": "Sequential", "config": {"layers": [deep]}} if rng.random() < 0.5 else [deep]
        text_of = "".join("[" for _ in range(20000))
        return text_of if rng.random() < 0.3 else _dump(deep)
    return _dump(tree[0])


def _dump(value):
    try:
        return json.dumps(value)
    except RecursionError:
        return "[" * 100000


def mutate_bytes(content, rng):
    data = bytearray(content)
    for _ in range(rng.choice((1, 2, 4, 16, 64))):
        kind, at = rng.randrange(5), rng.randrange(len(data)) if data else 0
        if not data:
            break
        if kind <= 1:
            data[at] = rng.randrange(256)
        elif kind == 2:
            data[at:at + 8] = rng.choice((b"\xff" * 8, b"\x00" * 8, b"\x00\x00\x00\x00\x00\x00\x00\x80", (1 << 40).to_bytes(8, "little")))
        elif kind == 3:
            data[at:] = b"" if rng.random() < 0.1 else data[at:]
        else:
            n = rng.randrange(1, 64)
            data[at:at + n] = data[rng.randrange(len(data)):][:n]
    return bytes(data)


def made(seed, texts=False):
    """The file of a seed; `texts`: only its JSON differs from a good one."""
    import h5py
    rng = random.Random(seed)
    file = rng.choice(SEEDS)
    content, kind = file.read_bytes(), rng.randrange(4) if not texts else 3
    if file.suffix == ".keras":
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            parts = {name: archive.read(name) for name in archive.namelist()}
        if kind == 0:
            return mutate_bytes(content, rng)
        name = "model.weights.h5" if kind == 1 else "config.json"
        parts[name] = mutate_bytes(parts[name], rng) if kind == 1 else mutate_json(parts[name], rng).encode("utf-8", "surrogatepass")
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w") as archive:
            for name, data in parts.items():
                archive.writestr(name, data)
        return out.getvalue()
    if kind == 0:
        return mutate_bytes(content, rng)
    held = io.BytesIO(content)
    with h5py.File(held, "r+") as h:
        name = "training_config" if "training_config" in h.attrs and kind == 1 else "model_config"
        text = h.attrs[name]
        changed = mutate_json(text, rng).encode("utf-8", "surrogatepass")
        del h.attrs[name]
        try:
            h.attrs[name] = changed.replace(b"\x00", b"")
        except (ValueError, OSError):
            h.attrs[name] = b"{"
        top = h.get("model_weights", h)
        if rng.random() < 0.1 and len(top) and not texts:
            which = rng.choice(list(top))
            del top[which]
            top[which] = rng.choice((h5py.SoftLink("/model_weights"), h5py.ExternalLink("/etc/passwd", "/"), 7.0))
    return held.getvalue()


def child(first, count, folder):
    """Load the files of seeds; the last one begun is in `folder`."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    import firesteel as fire
    warnings.simplefilter("ignore")
    path = Path(folder) / "now.bin"
    loaded = 0
    for seed in range(first, first + count):
        path.write_bytes(made(seed))
        (Path(folder) / "seed").write_text(str(seed))
        signal.alarm(TIME)
        try:
            fire.load(str(path))
            loaded += 1
        except fire.errors.FiresteelError as problem:
            str(problem).encode()  # what it says can be printed
    signal.alarm(0)
    print(loaded)


def main(seconds=60.0, first=0):
    kept = ROOT / "build/fuzz"
    end, seed, loaded, bad = time.monotonic() + seconds, first, 0, 0
    while time.monotonic() < end:
        with tempfile.TemporaryDirectory() as folder:
            count = 100
            done = subprocess.run([sys.executable, __file__, "child", str(seed), str(count), folder], text=True, capture_output=True)
            if not (Path(folder) / "seed").exists():
                raise SystemExit(f"a child did not begin: {done.stderr[-2000:]}")
            at = int((Path(folder) / "seed").read_text())
            if done.returncode:
                kept.mkdir(parents=True, exist_ok=True)
                (kept / f"keras-{at}.bin").write_bytes((Path(folder) / "now.bin").read_bytes())
                bad += 1
                print(f"seed {at}: status {done.returncode}: {(done.stderr.strip().splitlines() or [''])[-1][:300]}", flush=True)
                seed = at + 1
            else:
                loaded += int(done.stdout.strip() or 0)
                seed += count
    print(f"{seed - first} files, {loaded} loaded, {bad} faults")
    return bad != 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["child"]:
        child(int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
    else:
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (str(ROOT / "python"), os.environ.get("PYTHONPATH"))))
        sys.exit(main(*(float(a) if i == 0 else int(a) for i, a in enumerate(sys.argv[1:]))))
