"""pages - columns of equally long lists, read from the pages of a Parquet file without taking their levels apart.

Such a column has a repetition level for every number, from which a reader finds where lists begin; for lists of hundreds of numbers that costs more than
the numbers themselves. Where all lists are equally long the levels are known beforehand, and it is enough to see that they are what they must be: run by
run, and for bytes that were seen before not at all. Whatever is not as expected makes a Pages end, and its rows are read by pyarrow.
parquet.apache.org/docs/file-format tells of pages, github.com/apache/parquet-format of their headers and of the hybrid of runs and bits.
"""
from __future__ import annotations

from typing import Any, Iterator, Optional

import numpy
import pyarrow
import pyarrow.parquet

MOST = (1 << 31) - 1  # numbers of a batch: what offsets of lists can hold
SHORTEST = 64   # numbers of a list from which on levels cost enough
SEEN = 1024     # levels of pages that are remembered
SLACK = 4096    # bytes that a page may unpack to beyond its numbers and a byte of levels for each
CODECS = {"UNCOMPRESSED": None, "SNAPPY": "snappy", "ZSTD": "zstd", "GZIP": "gzip"}
NUMBERS: dict[str, numpy.dtype[Any]] = {"FLOAT": numpy.dtype("<f4"), "DOUBLE": numpy.dtype("<f8")}
DATA_PAGE, PLAIN, RLE = 0, 0, 3

_seen: dict[tuple[bytes, int, int, int], None] = {}


class Unusual(Exception):
    """Something that this reader leaves to pyarrow."""


# ---- headers of pages, in Thrift's compact protocol ----------------------------------------------

def _varint(data: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 127) << shift
        at += 1
        if byte < 128:
            return value, at
        shift += 7
        if shift > 63:
            raise Unusual


def _struct(data: memoryview, at: int, depth: int = 0) -> tuple[dict[int, Any], int]:
    """A struct as {number of the field: whole number, bytes or struct}, and where it ends. Lists do not occur in what is read here."""
    found: dict[int, Any] = {}
    number = 0
    while True:
        head = data[at]
        at += 1
        if head == 0:
            return found, at
        kind = head & 15
        if head >> 4:
            number += head >> 4
        else:
            zigzag, at = _varint(data, at)
            number = zigzag >> 1 ^ -(zigzag & 1)
        value: Any
        if kind in (1, 2):
            value = kind == 1
        elif kind in (4, 5, 6):
            zigzag, at = _varint(data, at)
            value = zigzag >> 1 ^ -(zigzag & 1)
        elif kind == 8:
            length, at = _varint(data, at)
            value, at = data[at:at + length], at + length
        elif kind == 12 and depth < 4:
            value, at = _struct(data, at, depth + 1)
        else:
            raise Unusual
        found[number] = value


# ---- levels --------------------------------------------------------------------------------------

def as_expected(levels: bytes, n: int, width: int, phase: int) -> bool:
    """Whether n repetition levels are those of lists of `width` numbers each: 0 where a list begins, else 1. The first is at place `phase` of its list."""
    at, place, start = 0, 0, -phase % width
    data = memoryview(levels)
    while place < n:
        head, at = _varint(data, at)
        count = (head >> 1) * (8 if head & 1 else 1)
        end = min(place + count, n)
        if count == 0:
            return False
        if head & 1:  # groups of 8 levels, a bit each
            expected = (1 << end - place) - 1
            while start < end:
                expected ^= 1 << start - place
                start += width
            bits = int.from_bytes(data[at:at + (head >> 1)], "little")
            if at + (head >> 1) > len(data) or bits & (1 << end - place) - 1 != expected:
                return False
            at += head >> 1
        else:  # the same level `count` times
            if data[at] == 1 and start < end or data[at] == 0 and (start != place or end - place != 1) or data[at] > 1:
                return False
            start += width * (1 - data[at])
            at += 1
        place = end
    return True


def _all(levels: memoryview, n: int, value: int) -> bool:
    """Whether n levels are all `value`, in one run."""
    head, at = _varint(levels, 0)
    return head == n << 1 and levels[at] == value


# ---- a column of a row group ---------------------------------------------------------------------

class Pages:
    """The lists of one column in one row group."""

    def __init__(self, source: pyarrow.NativeFile, file: pyarrow.parquet.ParquetFile, group: int, leaf: int):
        chunk, column = file.metadata.row_group(group).column(leaf), file.schema.column(leaf)
        rows, name = file.metadata.row_group(group).num_rows, column.path.split(".")[0]
        self.type = file.schema_arrow.field(name).type
        self.width = chunk.num_values // max(1, rows)
        dtype = NUMBERS.get(chunk.physical_type)
        if (dtype is None or self.type not in (pyarrow.list_(pyarrow.from_numpy_dtype(dtype)), pyarrow.list_(pyarrow.field("element", pyarrow.from_numpy_dtype(dtype))))
                or column.max_repetition_level != 1 or chunk.has_dictionary_page or chunk.compression not in CODECS or set(chunk.encodings) - {"PLAIN", "RLE", "BIT_PACKED"}
                or self.width < SHORTEST or self.width * rows != chunk.num_values
                or chunk.data_page_offset < 0 or not 0 <= chunk.total_compressed_size <= source.size() - chunk.data_page_offset):
            raise Unusual
        self.dtype: numpy.dtype[Any] = dtype
        self.most = column.max_definition_level
        codec = CODECS[chunk.compression]
        self.codec = None if codec is None else pyarrow.Codec(codec)
        source.seek(chunk.data_page_offset)
        self.content = source.read_buffer(chunk.total_compressed_size)
        self.left = rows
        self._numbers = self._pages(chunk.num_values)
        self._page = numpy.empty(0, dtype)

    def _pages(self, left: int) -> Iterator[numpy.ndarray]:
        """The numbers of each page."""
        data, at, phase = memoryview(self.content).cast("B"), 0, 0
        while left:
            header, at = _struct(data, at)
            size, full, about = header[3], header[2], header.get(5, {})
            if (header[1] != DATA_PAGE or about[2] != PLAIN or about[3] != RLE or about[4] != RLE or not 0 < about[1] <= left or not 0 <= size <= len(data) - at
                    or not 0 <= full <= about[1] * (self.dtype.itemsize + 1) + SLACK):
                raise Unusual
            packed = self.content.slice(at, size)
            page = memoryview(packed if self.codec is None else self.codec.decompress(packed, full)).cast("B")
            n, at = about[1], at + size
            ends, place = [], 0
            for _ in range(2):
                place += 4 + int.from_bytes(page[place:place + 4], "little")
                ends.append(place)
            levels = bytes(page[4:ends[0]])
            key = (levels, n, self.width, phase)
            if key not in _seen:
                if not as_expected(*key):
                    raise Unusual
                while len(_seen) >= SEEN:
                    del _seen[next(iter(_seen))]
                _seen[key] = None
            if ends[1] + n * self.dtype.itemsize > len(page) or not _all(page[ends[0] + 4:ends[1]], n, self.most):
                raise Unusual
            yield numpy.frombuffer(page, self.dtype, n, ends[1])
            phase, left = (phase + n) % self.width, left - n

    def take(self, rows: int) -> Optional[pyarrow.ListArray]:
        """The next rows; None where they are not such lists."""
        n, done = rows * self.width, 0
        if n > MOST:
            return None
        try:
            room = pyarrow.allocate_buffer(n * self.dtype.itemsize)
            numbers: numpy.ndarray = numpy.frombuffer(memoryview(room), self.dtype)
            while done < n:
                if not len(self._page):
                    self._page = next(self._numbers)
                part = self._page[:n - done]
                numbers[done:done + len(part)] = part
                done, self._page = done + len(part), self._page[len(part):]
        except (Unusual, StopIteration, LookupError, ValueError, TypeError, OSError, pyarrow.ArrowException):
            return None
        offsets = pyarrow.py_buffer(numpy.arange(0, n + 1, self.width, dtype=numpy.int32))
        return pyarrow.Array.from_buffers(self.type, rows, [None, offsets], children=[pyarrow.Array.from_buffers(self.type.value_type, n, [None, room])])


def leaf_of(file: pyarrow.parquet.ParquetFile, name: str) -> Optional[int]:
    """The place of a column of one leaf among the file's leaves."""
    found = [i for i in range(len(file.schema)) if file.schema.column(i).path.split(".")[0] == name]
    return found[0] if len(found) == 1 else None


def batches(source: pyarrow.NativeFile, file: pyarrow.parquet.ParquetFile, group: int, columns: list[str], rows: int) -> Iterator[pyarrow.RecordBatch]:
    """The columns of a row group in batches of `rows`, as ParquetFile.iter_batches gives them."""
    def by_pyarrow(names: list[str]) -> Iterator[pyarrow.RecordBatch]:
        return iter(file.iter_batches(batch_size=rows, row_groups=[group], columns=names, use_threads=False))

    pages: dict[str, Pages] = {}
    for name in columns:
        leaf = leaf_of(file, name)
        try:
            if leaf is not None:
                pages[name] = Pages(source, file, group, leaf)
        except (Unusual, OSError, pyarrow.ArrowException):
            pass
    if not pages:
        yield from by_pyarrow(columns)
        return
    others = [name for name in columns if name not in pages]
    beside = by_pyarrow(others) if others else None
    total, done = file.metadata.row_group(group).num_rows, 0
    while done < total:
        n = min(rows, total - done)
        made: dict[str, Any] = {name: reader.take(n) for name, reader in pages.items()}
        if any(array is None for array in made.values()):
            break
        if beside is not None:
            batch = next(beside)
            made.update(zip(batch.schema.names, batch.columns))
        yield pyarrow.RecordBatch.from_arrays([made[name] for name in columns], names=columns)
        done += n
    if done < total:  # all of this group once more, but for what was given
        for k, batch in enumerate(by_pyarrow(columns)):
            if k * rows >= done:
                yield batch.select(columns)
