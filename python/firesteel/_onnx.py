"""_onnx - the few parts of an ONNX file that a traced program needs, written and, where a file is stripped, read. Field numbers are those of onnx.proto."""
from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

OPSET, IR = 20, 9
NUMBER = {"float32": 1, "uint8": 2, "int8": 3, "int16": 5, "int32": 6, "int64": 7, "bool": 9, "float64": 11}
NAME = {number: name for name, number in NUMBER.items()}


def _varint(n: int) -> bytes:
    n &= (1 << 64) - 1
    out = bytearray()
    while n > 127:
        out.append(n & 127 | 128)
        n >>= 7
    out.append(n)
    return bytes(out)


def _int(field: int, n: int) -> bytes:
    return _varint(field << 3) + _varint(n)


def _bytes(field: int, content: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(content)) + content


def _attribute(name: str, value: Any) -> bytes:
    head = _bytes(1, name.encode())
    if isinstance(value, str):
        return head + _bytes(4, value.encode()) + _int(20, 3)
    if isinstance(value, float):
        return head + _varint(2 << 3 | 5) + struct.pack("<f", value) + _int(20, 1)
    if isinstance(value, (list, tuple)):
        return head + b"".join(_int(8, int(n)) for n in value) + _int(20, 7)
    return head + _int(3, int(value)) + _int(20, 2)


def node(op: str, inputs: Sequence[str], output: str, attrs: Mapping[str, Any]) -> bytes:
    """A NodeProto."""
    parts = [*(_bytes(1, name.encode()) for name in inputs), _bytes(2, output.encode()), _bytes(4, op.encode())]
    return b"".join([*parts, *(_bytes(5, _attribute(name, value)) for name, value in attrs.items())])


def tensor(name: str, value: np.ndarray) -> bytes:
    """A TensorProto."""
    little = value.astype(value.dtype.newbyteorder("<"), copy=False)
    return b"".join([*(_int(1, n) for n in value.shape), _int(2, NUMBER[value.dtype.name]), _bytes(8, name.encode()), _bytes(9, little.tobytes())])


def port(name: str, dtype: str) -> bytes:
    """A ValueInfoProto of an input or output whose shape is left open."""
    return _bytes(1, name.encode()) + _bytes(2, _bytes(1, _int(1, NUMBER[dtype])))


def model(nodes: Sequence[bytes], constants: Sequence[bytes], inputs: Sequence[bytes], outputs: Sequence[bytes]) -> bytes:
    """A ModelProto."""
    graph = b"".join([*(_bytes(1, n) for n in nodes), _bytes(2, b"program"), *(_bytes(5, c) for c in constants), *(_bytes(11, i) for i in inputs), *(_bytes(12, o) for o in outputs)])
    return _int(1, IR) + _bytes(8, _bytes(1, b"") + _int(2, OPSET)) + _bytes(7, graph)


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    n = shift = 0
    while True:
        byte = data[at]
        n |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return n, at


def _fields(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Number, begin and end of every field of a message."""
    at = 0
    while at < len(data):
        begin = at
        key, at = _read_varint(data, at)
        if key & 7 == 0:
            _, at = _read_varint(data, at)
        elif key & 7 == 2:
            length, at = _read_varint(data, at)
            at += length
        else:
            at += {1: 8, 5: 4}[key & 7]
        yield key >> 3, begin, at


def without_metadata(data: bytes) -> bytes:
    """A ModelProto without its metadata: layers that ride there are forgotten, what is left is a plain graph that runs by name."""
    kept = [(begin, end) for field, begin, end in _fields(data) if field != 14]
    return b"".join(data[begin:end] for begin, end in kept)
