"""tool.py - runs build/firesteel and makes small files for the tests beside it."""
import gzip
import os
import pathlib
import struct
import subprocess

import numpy

ROOT = pathlib.Path(__file__).parents[2]
COMMAND = os.environ.get("FIRESTEEL_COMMAND", str(ROOT / "build" / "firesteel"))


def run(*args, cwd=None, stdin=None, timeout=120):
    """(exit code, standard output, standard error), the last two as text."""
    done = subprocess.run([COMMAND, *map(str, args)], cwd=cwd, input=stdin, capture_output=True, text=True, errors="replace", timeout=timeout)
    return done.returncode, done.stdout, done.stderr


def good(*args, **how):
    code, out, err = run(*args, **how)
    assert code == 0, f"exit code {code}: {err}"
    return out


def bad(code, *args, **how):
    """The one line of an error with this exit code, without the command's name."""
    got, out, err = run(*args, **how)
    assert got == code, f"exit code {got}: {err}"
    lines = err.strip().splitlines()
    assert lines and lines[-1].startswith("firesteel: FS"), err
    return lines[-1][len("firesteel: "):]


def write_idx(path, array):
    kind = {"u1": 0x08, "i1": 0x09, "i2": 0x0B, "i4": 0x0C, "f4": 0x0D, "f8": 0x0E}[array.dtype.str[1:]]
    data = bytes([0, 0, kind, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.astype(array.dtype.newbyteorder(">")).tobytes()
    pathlib.Path(path).write_bytes(gzip.compress(data) if str(path).endswith(".gz") else data)


def blobs(rows, features, classes, seed=0):
    """Points around one centre per class: easy to learn."""
    draw = numpy.random.default_rng(seed)
    centres = numpy.random.default_rng(1).normal(0, 3, (classes, features))
    y = draw.integers(0, classes, rows)
    return (centres[y] + draw.normal(0, 1, (rows, features))).astype(numpy.float32), y.astype(numpy.uint8)


def write_csv(path, x, y, names=None, header=True):
    with open(path, "w") as f:
        if header:
            f.write(",".join([f"x{i}" for i in range(x.shape[1])] + ["label"]) + "\n")
        for row, label in zip(x, y):
            f.write(",".join([repr(float(v)) for v in row] + [str(names[label] if names else label)]) + "\n")
