"""hostile_child FOLDER - read every file (or SavedModel) of a folder, each in a process forked for it, and say what it took: "name kibibytes status" a line.

Kibibytes are resident memory beyond what a fork that does nothing has. Status: of the process; one that computes for longer than a minute is ended."""
import os
import resource
import sys
from pathlib import Path

import h5py  # noqa: F401 - what modules take is not the file's doing
import numpy as np
from test_hostile_onnx import NUMPY

import firesteel as fire
from firesteel.formats import tfrecord

MODEL = fire.Sequential([fire.Input((4,)), fire.layers.Dense(3)])


def read(path, limited):
    size = sum(f.stat().st_size for f in path.rglob("*") if f.is_file()) if path.is_dir() else path.stat().st_size
    if limited:
        fire.set_limits(4 * size + (48 << 20), 1 << 30)  # what the allocator loses between blocks, contexts do not count
    if path.suffix == ".tfrecord":
        for _ in tfrecord.read(path):
            pass
    elif path.suffix == ".safetensors":
        MODEL.load_weights(path)
    else:
        model = fire.load(path)
        ports = model._net.ports(False)
        sizes = [tuple(2 if d is None or d < 0 else d for d in shape) for _, _, shape in ports]
        if limited and ports and all(kind in NUMPY and np.prod(s, dtype=float) <= 1 << 16 for (_, kind, _), s in zip(ports, sizes)):
            model.run({name: np.zeros(s, NUMPY[kind]) for (name, kind, _), s in zip(ports, sizes)})


def took(path, limited):
    pid = os.fork()
    if not pid:
        resource.setrlimit(resource.RLIMIT_CPU, (60, 60))
        try:
            if path:
                read(path, limited)
        except fire.FiresteelError as problem:
            if not str(problem).isascii() and "\\" not in str(problem):
                os._exit(3)
        except BaseException as problem:  # noqa: BLE001 - a status tells of it
            print(f"{path}: {type(problem).__name__}: {problem}", file=sys.stderr, flush=True)
            os._exit(2)
        os._exit(0)
    _, status, usage = os.wait4(pid, 0)
    return usage.ru_maxrss, status


MODEL.predict(np.ones((3, 4), np.float32))  # nor are the pages of code that any model takes
idle = took(None, False)[0]
for file in sorted(Path(sys.argv[1]).iterdir()):
    for limited in (False, True):  # opened with no limit; then run, too, with the limit that the rule is
        kibibytes, status = took(file, limited)
        print(file.name, kibibytes - idle, status, flush=True)
