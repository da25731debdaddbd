"""tfrecord - TFRecord files and the tf.train.Examples in them, read and written by the engine; TensorFlow is not needed.

    for row in fire.formats.tfrecord.read("x.tfrecord"):         # {"image": [b"..."], "label": array([3])}
    table = fire.formats.tfrecord.read_table("x.tfrecord")       # a pyarrow.Table
    fire.formats.tfrecord.write("y.tfrecord", rows_or_table, compression="gzip")

Tables are decoded and encoded by the engine, many rows at a time.
Files packed with gzip or zlib are told by their content. A record takes memory while it is the one at hand.
"""
from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from .. import _core, errors
from .._context import context

__all__ = ["Batches", "decode", "encode", "read", "read_table", "records", "survey", "write", "write_batches", "write_records"]

_PACKING = {None: 0, "": 0, "gzip": 1, "GZIP": 1, "zlib": 2, "ZLIB": 2}
_EMPTY, _BYTES, _FLOAT, _INT = range(4)


def records(path: str | os.PathLike[str]) -> Iterator[bytes]:
    """The records of a file, one after the other, whatever is in them."""
    file = _core.Records(context(), path)
    while (record := file.next()) is not None:
        yield record


def decode(record: Any) -> dict[str, Any]:
    """What is in a tf.train.Example or SequenceExample: float32 and int64 arrays, and lists of bytes; None where a feature has no kind. A list of features
    (of a SequenceExample) is a list of these."""
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


class _Writer:
    """A file that appears when the block ends well."""

    def __init__(self, path: str | os.PathLike[str], compression: str | None):
        if compression not in _PACKING:
            raise errors.make(1001, f"tfrecord: compression={compression!r}; expected None, 'gzip' or 'zlib'")
        self._file = _core.RecordWriter(context(), path, _PACKING[compression], False)

    def __enter__(self) -> _core.RecordWriter:
        return self._file

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        self._file.close(error is None)


def write_records(path: str | os.PathLike[str], records: Iterable[Any], compression: str | None = None) -> int:
    """Write records of bytes; gives their number. The file appears when all are written."""
    with _Writer(path, compression) as file:
        n = 0
        for record in records:
            file.add(record)
            n += 1
        return n


def write(path: str | os.PathLike[str], rows: Any, compression: str | None = None) -> int:
    """Write rows (dicts, see encode, or a pyarrow table or record batch) as tf.train.Examples; gives their number."""
    if not hasattr(rows, "schema"):
        return write_records(path, (encode(row) for row in rows), compression)
    return write_batches(path, rows.to_batches() if hasattr(rows, "to_batches") else [rows], compression)


def write_batches(path: str | os.PathLike[str], batches: Iterable[Any], compression: str | None = None, sequence: bool = False) -> int:
    """Write the rows of pyarrow record batches as tf.train.Examples, encoded by the engine; gives their number. With lists of lists, or if asked for, they are SequenceExamples."""
    with _Writer(path, compression) as file:
        n = 0
        for batch in batches:
            schema, array = _plain(batch).__arrow_c_array__()
            file.add_arrow(schema, array, sequence)
            n += batch.num_rows
        return n


def _plain(batch: Any) -> Any:
    """Dictionary-encoded columns decoded."""
    import pyarrow as pa
    if not any(pa.types.is_dictionary(kind) for kind in batch.schema.types):
        return batch
    return pa.RecordBatch.from_arrays([c.dictionary_decode() if pa.types.is_dictionary(c.type) else c for c in batch.columns], names=batch.schema.names)


# ---- columns -------------------------------------------------------------------------------

MALFORMED = {"failfast": 0, "permissive": 1, "dropmalformed": 2}
ROWS, BYTES = 10_000, 32 << 20  # of a batch: rows at most, and bytes after which it ends


def survey(paths: Iterable[str | os.PathLike[str]], limit: int | None = None, strict: bool = True, texts: bool = False) -> tuple[Any, int]:
    """The pyarrow.Schema that the examples of some files have, seen in up to `limit` records, and how many of these were malformed (with `strict` the first one is an error). A feature with one value in each
    record that has it becomes a plain column, others are lists, feature lists lists of lists. With `texts`, bytes that were UTF-8 throughout become strings."""
    import pyarrow as pa
    names = [os.fspath(path) for path in paths]
    found, malformed, _ = _core.examples_survey(context(), [_core.Records(context(), name) for name in names], 2**62 if limit is None else limit, strict)
    fields: dict[str, Any] = {}
    for name, nested, kinds, least, most, _, utf8 in found:
        if name in fields:
            raise errors.make(2002, f"{names[0]}: the name '{name}' is in the context and in the lists of SequenceExamples; give a schema with one of them")
        seen = [kind for kind in (_BYTES, _FLOAT, _INT) if kinds >> kind & 1]
        if _BYTES in seen and len(seen) > 1:
            raise errors.make(2002, f"{names[0]}: the column '{name}' has bytes and numbers; give a schema with one of them, or read the rows one by one")
        kind = pa.int64() if not seen or seen == [_INT] else pa.float32() if _FLOAT in seen else pa.string() if texts and utf8 else pa.binary()
        plain = least == most == 1 or most == 0
        fields[name] = pa.list_(pa.list_(kind)) if nested else kind if plain else pa.list_(kind)
    return pa.schema([(name, fields[name]) for name in sorted(fields)]), malformed


def _letter(kind: Any) -> str:
    """Arrow's letter for a type that a feature can become; "" for others."""
    import pyarrow as pa
    letters = {pa.int64(): "l", pa.int32(): "i", pa.int16(): "s", pa.int8(): "c", pa.bool_(): "b", pa.float32(): "f", pa.float64(): "g", pa.string(): "u", pa.binary(): "z"}
    return letters.get(kind, "")


def columns_of(schema: Any) -> tuple[tuple[str, str, int], ...]:
    """The columns of a pyarrow.Schema as the engine takes them."""
    import pyarrow as pa
    columns: list[tuple[str, str, int]] = []
    for field in schema:
        kind, lists = field.type, 0
        while pa.types.is_list(kind):
            kind, lists = kind.value_type, lists + 1
        if not _letter(kind) or lists > 2:
            raise errors.make(2002, f"tfrecord: the column '{field.name}' is {field.type}; a feature becomes a whole number, float, double, boolean, string, binary, or a list (of lists) of them")
        columns.append((field.name, _letter(kind), lists))
    return tuple(columns)


class Batches:
    """Reads the examples of files as record batches of one schema; the files are opened one after the other. malformed: "failfast" raises, "permissive" makes a row of nulls, in which the column
    `blame` (a string or binary one) says why, or has the record's bytes; "dropmalformed" leaves the record out."""

    def __init__(self, schema: Any, malformed: str = "failfast", blame: str | None = None, rows: int = ROWS):
        self.schema, self.rows = schema, rows
        columns = columns_of(schema)
        self._examples = _core.Examples(context(), columns, MALFORMED[malformed], -1 if blame is None else schema.names.index(blame))

    def read(self, path: str | os.PathLike[str], first: int = 0, last: int = -1) -> Iterator[Any]:
        """The batches of a file, or of the records that begin at its bytes [first, last)."""
        import pyarrow as pa
        file = _core.Records(context(), path, first, last)
        while n := self._examples.read(file, self.rows, BYTES):
            yield pa.RecordBatch.from_arrays([self._column(i, field.type, n) for i, field in enumerate(self.schema)], schema=self.schema)

    def _column(self, i: int, kind: Any, rows: int) -> Any:
        import pyarrow as pa
        nulls, valid, lists, offsets, inner_lists, inner_offsets, values, texts, data = self._examples.column(i, rows)
        kinds = [kind]
        while pa.types.is_list(kinds[-1]):
            kinds.append(kinds[-1].value_type)
        bitmap = pa.py_buffer(valid) if nulls else None
        leaf = [pa.py_buffer(texts), pa.py_buffer(data)] if texts else [pa.py_buffer(data)]
        array = pa.Array.from_buffers(kinds[-1], values, [bitmap if len(kinds) == 1 else None, *leaf], nulls if len(kinds) == 1 else 0)
        if len(kinds) == 3:
            array = pa.Array.from_buffers(kinds[1], inner_lists, [None, pa.py_buffer(inner_offsets)], 0, children=[array])
        if len(kinds) > 1:
            array = pa.Array.from_buffers(kind, rows, [bitmap, pa.py_buffer(offsets)], nulls, children=[array])
        return array


def read_table(path: str | os.PathLike[str]) -> Any:
    """All examples of a file as a pyarrow.Table, nulls where a row lacks a name. A column has plain values if each row that has it has one, else lists."""
    import pyarrow as pa
    schema, _ = survey([path])
    return pa.Table.from_batches(list(Batches(schema).read(path)), schema)
