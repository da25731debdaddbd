"""tfrecord - TFRecord files and the tf.train.Examples in them, read and written by the engine; TensorFlow is not needed.

    for row in fire.formats.tfrecord.read("x.tfrecord"):         # {"image": [b"..."], "label": array([3])}
    table = fire.formats.tfrecord.read_table("x.tfrecord")       # a pyarrow.Table
    fire.formats.tfrecord.write("y.tfrecord", rows_or_table, compression="gzip")

Files packed with gzip or zlib are told by their content. A record takes memory while it is the one at hand.
"""
from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from .. import _core, errors

__all__ = ["decode", "encode", "read", "read_table", "records", "write", "write_records"]

_PACKING = {None: 0, "": 0, "gzip": 1, "GZIP": 1, "zlib": 2, "ZLIB": 2}
_EMPTY, _BYTES, _FLOAT, _INT = range(4)


def records(path: str | os.PathLike[str]) -> Iterator[bytes]:
    """The records of a file, one after the other, whatever is in them."""
    from ..models import context
    file = _core.Records(context(), path)
    while (record := file.next()) is not None:
        yield record


def decode(record: Any) -> dict[str, Any]:
    """What is in a tf.train.Example or SequenceExample: float32 and int64 arrays, and lists of bytes; None where a feature has no kind. A list of features
    (of a SequenceExample) is a list of these."""
    from ..models import context
    found: dict[str, Any] = {}
    for name, kind, values, steps in _core.example_read(context(), record)[1]:
        if name in found:
            raise errors.make(5004, f"tfrecord: the name '{name}' is in the context and in the lists of a SequenceExample")
        value = values if kind == _BYTES else None if kind == _EMPTY else np.frombuffer(bytearray(values), "<f4" if kind == _FLOAT else "<i8")
        if steps is not None:
            ends = np.cumsum(np.frombuffer(steps, "<i8"))
            starts = np.concatenate([[0], ends[:-1]]) if len(ends) else ends
            value = [[] if value is None else value[a:b] for a, b in zip(starts, ends)]
        found[name] = value
    return found


def read(path: str | os.PathLike[str]) -> Iterator[dict[str, Any]]:
    """The examples of a file, one after the other: see decode."""
    for at, record in enumerate(records(path)):
        try:
            yield decode(record)
        except errors.FiresteelError as problem:
            raise errors.make(problem.code or 5004, f"{os.fspath(path)}, record {at}: {problem.message}") from None


def _feature(name: str, value: Any) -> tuple[int, Any]:
    """The kind of a feature, and texts or a flat array."""
    if value is None:
        return _EMPTY, b""
    if isinstance(value, (str, bytes, bytearray, memoryview)):
        value = [value]
    elif isinstance(value, np.ndarray) and value.dtype.kind in "OUS":
        value = value.ravel().tolist()
    if isinstance(value, (list, tuple)) and value and all(isinstance(item, (str, bytes, bytearray, memoryview)) for item in value):
        return _BYTES, [item.encode() if isinstance(item, str) else bytes(item) for item in value]
    if isinstance(value, (list, tuple)) and not value:
        return _EMPTY, b""
    try:
        array = np.asarray(value)
    except ValueError:
        array = np.empty(0, object)
    if array.dtype.kind == "f":
        return _FLOAT, np.ascontiguousarray(array.ravel(), "<f4")
    if array.dtype.kind in "biu" and (array.dtype.kind != "u" or not array.size or int(array.max()) < 2**63):
        return _INT, np.ascontiguousarray(array.ravel(), "<i8")
    raise errors.make(1001, f"tfrecord: the value of '{name}' is {type(value).__name__} of {array.dtype}; expected whole numbers of 64 bits, floats, texts, arrays or lists of them")


def encode(row: Mapping[str, Any]) -> bytes:
    """A row as a tf.train.Example: whole numbers become int64, floats float32, texts UTF-8 bytes; arrays are flattened. A row with a list of lists or of arrays is a SequenceExample."""
    from ..models import context
    features: list[tuple[str, int, Any, Any]] = []
    sequence = False
    for name in sorted(row):
        value = row[name]
        if not (isinstance(value, (list, tuple)) and value and all(isinstance(item, (list, tuple, np.ndarray)) for item in value)):
            features.append((name, *_feature(name, value), None))
            continue
        sequence = True
        steps = [_feature(name, item) for item in value]
        kinds = {kind for kind, _ in steps} - {_EMPTY}
        if len(kinds) > 1:
            raise errors.make(1001, f"tfrecord: the steps of '{name}' are of different kinds")
        kind = kinds.pop() if kinds else _EMPTY
        parts = [[] if at == _EMPTY else part for at, part in steps]
        whole: Any = [text for part in parts for text in part] if kind == _BYTES else b"" if kind == _EMPTY else np.concatenate([np.asarray(part, "<f4" if kind == _FLOAT else "<i8") for part in parts])
        features.append((name, kind, whole, np.array([len(part) for part in parts], "<i8")))
    return _core.example_write(context(), sequence, features)


def write_records(path: str | os.PathLike[str], records: Iterable[Any], compression: str | None = None) -> int:
    """Write records of bytes; gives their number. The file appears when all are written."""
    from ..models import context
    if compression not in _PACKING:
        raise errors.make(1001, f"tfrecord: compression={compression!r}; expected None, 'gzip' or 'zlib'")
    file = _core.RecordWriter(context(), path, _PACKING[compression], False)
    n = 0
    try:
        for record in records:
            file.add(record)
            n += 1
    except BaseException:
        file.close(False)
        raise
    file.close(True)
    return n


def _rows(table: Any) -> Iterator[Mapping[str, Any]]:
    """Rows of a pyarrow table or record batch."""
    batches = table.to_batches(max_chunksize=1024) if hasattr(table, "to_batches") else [table]
    for batch in batches:
        yield from batch.to_pylist()


def write(path: str | os.PathLike[str], rows: Any, compression: str | None = None) -> int:
    """Write rows (dicts, see encode, or a pyarrow table) as tf.train.Examples; gives their number."""
    return write_records(path, (encode(row) for row in (_rows(rows) if hasattr(rows, "schema") else rows)), compression)


def read_table(path: str | os.PathLike[str]) -> Any:
    """All examples of a file as a pyarrow.Table, nulls where a row lacks a name. A column has lists, or plain values if every row has one value at most."""
    import pyarrow as pa
    columns: dict[str, list[Any]] = {}
    n = 0
    for row in read(path):
        for name in row.keys() - columns.keys():
            columns[name] = [None] * n
        for name, column in columns.items():
            column.append(row.get(name))
        n += 1
    found: dict[str, Any] = {}
    for name in sorted(columns):
        column = columns[name]
        lists = [value for value in column if value is not None]
        nested = any(isinstance(value, list) and any(isinstance(item, (list, np.ndarray)) for item in value) for value in lists)
        kinds = {"bytes" if isinstance(item, list) else item.dtype.name for value in lists for item in (value if nested else [value]) if len(item)}
        if len(kinds) > 1:
            raise errors.make(2002, f"{os.fspath(path)}: the column '{name}' has {' and '.join(sorted(kinds))}; read the rows one by one")
        kind = {"bytes": pa.binary(), "float32": pa.float32()}.get(next(iter(kinds), ""), pa.int64())
        if nested:
            found[name] = pa.array([None if value is None else [list(item) for item in value] for value in column], pa.list_(pa.list_(kind)))
        elif all(len(value) == 1 for value in lists):
            found[name] = pa.array([None if value is None else value[0] for value in column], kind)
        else:
            found[name] = pa.array([None if value is None else list(value) for value in column], pa.list_(kind))
    return pa.table(found)
