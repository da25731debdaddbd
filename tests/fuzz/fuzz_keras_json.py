#!/usr/bin/env python3
"""fuzz_keras_json.py [libFuzzer's options] [corpus] - atheris, libFuzzer for Python, over the JSON of Keras' models: what model_from_json is given must become a model
or an error of firesteel's own. Inputs are mutated as trees (fuzz_keras.mutate_json), so that nearly all of them are JSON still, and judged by the coverage of
firesteel/formats. Without a corpus the seeds are the architectures in tests/data."""
from __future__ import annotations

import random
import sys
import warnings
import zipfile
from pathlib import Path

import atheris
import fuzz_keras

with atheris.instrument_imports(include=["firesteel.formats"]):
    import firesteel as fire
    import firesteel.formats._keras_read  # noqa: F401  what is measured is loaded here


def architectures():
    """The JSON of every model in tests/data."""
    import h5py
    for file in fuzz_keras.SEEDS:
        if file.suffix == ".keras":
            yield zipfile.ZipFile(file).read("config.json")
        else:
            with h5py.File(file) as h:
                text = h.attrs["model_config"]
                yield text.encode() if isinstance(text, str) else bytes(text)


def mutated(data, most, seed):
    """Another JSON document near this one; bytes only where it is none."""
    rng = random.Random(seed)
    try:
        return fuzz_keras.mutate_json(data, rng).encode("utf-8", "surrogatepass")[:most]
    except (ValueError, RecursionError, KeyError, IndexError, TypeError):
        return atheris.Mutate(data, most)


def one(data):
    try:
        text = data.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return
    try:
        fire.model_from_json(text)
    except fire.errors.FiresteelError as problem:
        str(problem).encode()  # what it says can be printed


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    folders = [a for a in sys.argv[1:] if not a.startswith("-")]
    for folder in folders[:1]:
        Path(folder).mkdir(parents=True, exist_ok=True)
        for i, text in enumerate(architectures()):
            (Path(folder) / f"seed{i}").write_bytes(text)
    atheris.Setup(sys.argv, one, custom_mutator=mutated)
    atheris.Fuzz()
