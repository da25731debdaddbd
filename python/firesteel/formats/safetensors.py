"""safetensors - tensors by name in one file: huggingface.co/docs/safetensors. No code in it; read strictly, by the engine.

    fire.formats.safetensors.load("weights.safetensors")     # {"dense/kernel": array, ...}
    fire.formats.safetensors.save("weights.safetensors", {"dense/kernel": array})
"""
from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from .. import _core, errors
from .._context import context

_TYPES: dict[str, str] = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "i1", "U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "u1", "BOOL": "?"}
_NAMES = {np.dtype(text): name for name, text in _TYPES.items()}


def write_bytes(tensors: Mapping[str, Any], metadata: Mapping[str, str] | None = None) -> bytes:
    """The file's bytes."""
    header: dict[str, Any] = {"__metadata__": {str(k): str(v) for k, v in metadata.items()}} if metadata else {}
    blocks: list[bytes] = []
    at = 0
    for name, value in tensors.items():
        array = np.asarray(value)
        array = np.ascontiguousarray(array, array.dtype.newbyteorder("<")).reshape(array.shape)
        kind = _NAMES.get(array.dtype)
        if kind is None or name == "__metadata__":
            raise errors.make(1001, f"safetensors: {name} has the type {array.dtype}; expected numbers or booleans, and another name than __metadata__")
        blocks.append(array.tobytes())
        header[name] = {"dtype": kind, "shape": list(array.shape), "data_offsets": [at, at + array.nbytes]}
        at += array.nbytes
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-(8 + len(text)) % 64)
    return len(text).to_bytes(8, "little") + text + b"".join(blocks)


def read_bytes(content: Any) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Arrays by name, and the texts of the file's metadata. bfloat16 becomes float32."""
    listed, texts = _core.safetensors(context(), content)
    found: dict[str, np.ndarray] = {}
    for name, kind, shape, offset, size in listed:
        block = memoryview(content)[offset:offset + size]
        if kind == "BF16":
            found[name] = (np.frombuffer(block, "<u2").astype(np.uint32) << 16).view(np.float32).reshape(shape)
        elif kind in _TYPES:
            found[name] = np.frombuffer(block, _TYPES[kind]).reshape(shape).copy()
        else:
            raise errors.make(1005, f"safetensors: {name} has the type {kind}, which numpy lacks")
    return found, texts


def load(path: str | os.PathLike[str]) -> dict[str, np.ndarray]:
    """Arrays by name."""
    with open(path, "rb") as file:
        content = file.read()
    try:
        return read_bytes(content)[0]
    except errors.FiresteelError as problem:
        raise errors.make(problem.code or 5004, f"{os.fspath(path)}: {problem.message}") from None


def save(path: str | os.PathLike[str], tensors: Mapping[str, Any], metadata: Mapping[str, str] | None = None) -> None:
    """Write arrays by name; a crash leaves the old file or the new one."""
    replace(path, write_bytes(tensors, metadata))


def replace(path: str | os.PathLike[str], content: bytes) -> None:
    """Write a file beside its place and move it there."""
    temporary = f"{os.fspath(path)}.new"
    try:
        with open(temporary, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as problem:
        raise errors.make(5001, f"cannot write '{os.fspath(path)}': {problem.strerror}") from None
