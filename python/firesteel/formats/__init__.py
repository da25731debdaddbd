"""formats - files of other software: Keras' models, safetensors, TFRecord. docs/formats.md tells what is read and written.

fire.load, Model.save, Model.load_weights and Model.save_weights come here by themselves. Nothing in a file is ever run.
"""
from __future__ import annotations

import os
from typing import Any

from .. import errors
from . import safetensors, tfrecord

__all__ = ["kind_of", "load_weights", "safetensors", "tfrecord"]


def kind_of(path: str) -> str:
    """What a file is, by its content: "keras" (.keras or .h5), "json", "safetensors", or "" for what the engine reads or nobody."""
    try:
        if os.path.isdir(path):
            return ""
        with open(path, "rb") as file:
            head = file.read(16)
            if head[:4] == b"PK\x03\x04":
                return "keras"
            for place in (0, 512, 1024, 2048, 4096):  # HDF5 may stand behind a block of the user's
                file.seek(place)
                if file.read(8) == b"\x89HDF\r\n\x1a\n":
                    return "keras"
    except OSError:
        return ""
    if len(head) > 8 and head[8:9] == b"{" and int.from_bytes(head[:8], "little") <= os.path.getsize(path):
        return "safetensors"
    return "json" if head.lstrip()[:1] == b"{" else ""


def load_weights(model: Any, path: str) -> None:
    """Model.load_weights."""
    if not os.path.exists(path):
        raise errors.ModelFileNotFoundError(f"cannot open '{path}': No such file or directory", "FS5001")
    kind = kind_of(path)
    if kind == "keras":
        from ._keras_read import load_weights as load_keras
        load_keras(model, path)
        return
    if kind != "safetensors":
        raise errors.make(5002, f"{path}: neither a safetensors file nor one of Keras")
    found = safetensors.load(path)
    names = [weight[0] for weight in model._net.weights()]
    missing, more = [name for name in names if name not in found], [name for name in found if name not in names]
    if missing or more:
        raise errors.make(5004, f"{path}: " + (f"no tensor '{missing[0]}'" if missing else f"the tensor '{more[0]}' is none of the model's weights")
                          + f"; the model has {', '.join(names[:6])}{' ...' if len(names) > 6 else ''}")
    model.set_weights([found[name] for name in names])
