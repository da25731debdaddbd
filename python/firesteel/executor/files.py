"""files - scoring Parquet files where they lie: a task reads its row groups, scores them and writes Parquet; nothing passes through a JVM.

Tasks write into a folder beside the output, hidden from readers. When all have ended, one task renames it to the output, so a job that fails
leaves nothing half-written under that name. Of several attempts at one part only the file of the one that the driver heard of stays.
"""
from __future__ import annotations

import dataclasses
import os
import urllib.parse
from typing import Any, Callable, Iterator, Optional, Sequence

import pyarrow
import pyarrow.compute
import pyarrow.fs
import pyarrow.parquet

from .. import errors
from . import pages

ROWS = 1 << 16          # of one batch, at most
COLUMN = 4 << 20        # bytes of the widest column of one batch, about: more does not stay in a processor's cache, and new memory costs as much as what is read into it
BLOCK = 256             # rows that most networks compute at once
GROUP = 128 << 20       # bytes of one row group that is written
ROW_SCHEMA = b"org.apache.spark.sql.parquet.row.metadata"  # where Spark keeps a table's schema in a Parquet file: vectors and metadata of columns
SCHEMES = {"s3a": "s3", "s3n": "s3", "gcs": "gs"}

Scorer = Callable[[Sequence[pyarrow.Array]], pyarrow.StructArray]


@dataclasses.dataclass(frozen=True)
class Part:
    """A share of a file's row groups, and the values of the columns that its folders tell (partitionBy): (name, text or None, Spark's type)."""

    uri: str
    share: int
    shares: int
    folders: tuple[tuple[str, Optional[str], str], ...] = ()


@dataclasses.dataclass(frozen=True)
class FileJob:
    """One table to score, in plain values."""

    parts: tuple[tuple[str, int, int, tuple[tuple[str, Optional[str], str], ...]], ...]
    features: tuple[str, ...]
    keep: tuple[str, ...]        # columns of the input that are written
    outputs: tuple[str, ...]
    vectors: tuple[str, ...]     # those of the outputs that are ML vectors
    output: str                  # URI
    token: str                   # of this job
    overwrite: bool
    row_schema: str              # Spark's schema of what is written, as JSON
    codec: str = "snappy"

    @property
    def staging(self) -> str:
        head, _, tail = self.output.rstrip("/").rpartition("/")
        return f"{head}/.{tail}.firesteel-{self.token}"


def open_uri(uri: str) -> tuple[pyarrow.fs.FileSystem, str]:
    """The file system of a URI as Spark writes it, and the path there."""
    scheme, separator, rest = uri.partition(":")
    if not separator or scheme == "file":
        return pyarrow.fs.LocalFileSystem(), urllib.parse.unquote(urllib.parse.urlparse(uri).path if separator else uri)
    system, path = pyarrow.fs.FileSystem.from_uri(f"{SCHEMES.get(scheme, scheme)}:{rest}")
    return system, str(path)


def _exists(system: pyarrow.fs.FileSystem, path: str) -> bool:
    return bool(system.get_file_info(path).type != pyarrow.fs.FileType.NotFound)


def check_free(job: FileJob) -> None:
    system, path = open_uri(job.output)
    if not job.overwrite and _exists(system, path):
        raise errors.make(5001, f"{job.output} exists; mode='overwrite' replaces it")


def row_groups(meta: pyarrow.parquet.FileMetaData, share: int, shares: int) -> list[int]:
    """The row groups of one share: those whose middle byte lies in it, so that every group belongs to exactly one."""
    if shares == 1:
        return list(range(meta.num_row_groups))
    sizes = [max(1, meta.row_group(i).total_byte_size) for i in range(meta.num_row_groups)]
    total, at, mine = sum(sizes), 0, []
    for i, size in enumerate(sizes):
        if (2 * at + size) * shares // (2 * total) == share:
            mine.append(i)
        at += size
    return mine


def batch_rows(meta: pyarrow.parquet.FileMetaData, columns: Sequence[str]) -> int:
    """Rows of one batch, whole blocks of the engine where there is room for one."""
    sizes: dict[str, int] = {}
    for g in range(meta.num_row_groups):
        group = meta.row_group(g)
        for i in range(group.num_columns):
            chunk = group.column(i)
            name = chunk.path_in_schema.split(".")[0]
            sizes[name] = sizes.get(name, 0) + chunk.total_uncompressed_size
    widest = max((size for name, size in sizes.items() if name in columns), default=0)
    rows = min(ROWS, max(1, COLUMN * max(1, meta.num_rows) // max(1, widest)))
    return int(rows - rows % BLOCK if rows >= BLOCK else rows)


# ---- reading ---------------------------------------------------------------------------------

_FOLDER_TYPES = {"string": pyarrow.string(), "int": pyarrow.int32(), "bigint": pyarrow.int64(), "double": pyarrow.float64(), "date": pyarrow.date32(),
                 "boolean": pyarrow.bool_(), "float": pyarrow.float32(), "smallint": pyarrow.int16(), "tinyint": pyarrow.int8()}


def _folder_column(text: Optional[str], kind: str, rows: int) -> pyarrow.Array:
    to = _FOLDER_TYPES.get(kind)
    if to is None:
        raise errors.make(2002, f"a column of the folders' names is {kind}; expected one of {', '.join(_FOLDER_TYPES)}")
    one = pyarrow.array([text], pyarrow.string()).cast(to)
    return one.take(pyarrow.array([0] * rows, pyarrow.int32())) if rows else one[:0]


def _read(source: pyarrow.NativeFile, file: pyarrow.parquet.ParquetFile, part: Part, wanted: Sequence[str], uri: str) -> Iterator[pyarrow.RecordBatch]:
    """Batches of the wanted columns, in their order."""
    there, folders = {name.lower(): name for name in file.schema_arrow.names}, {name.lower(): (text, kind) for name, text, kind in part.folders}
    for name in wanted:
        if name.lower() not in there and name.lower() not in folders:
            raise errors.make(2001, f"{uri} has no column {name!r}; it has {', '.join(file.schema_arrow.names[:12])}")
    columns = [there[name.lower()] for name in wanted if name.lower() not in folders]
    rows = batch_rows(file.metadata, columns)
    for group in row_groups(file.metadata, part.share, part.shares):
        for batch in pages.batches(source, file, group, columns, rows):
            made = [_folder_column(*folders[name.lower()], batch.num_rows) if name.lower() in folders else batch.column(batch.schema.get_field_index(there[name.lower()])) for name in wanted]
            yield pyarrow.RecordBatch.from_arrays(made, names=list(wanted))


# ---- writing ------------------------------------------------------------------------------------

def vectors(lists: pyarrow.ListArray) -> pyarrow.StructArray:
    """Lists of doubles as Spark's Parquet files hold dense ML vectors."""
    n = len(lists)
    parts = [pyarrow.array([1], pyarrow.int8()).take(pyarrow.repeat(0, n)), pyarrow.nulls(n, pyarrow.int32()), pyarrow.nulls(n, pyarrow.list_(pyarrow.int32())), lists]
    names = ["type", "size", "indices", "values"]
    return pyarrow.StructArray.from_arrays(parts, fields=[pyarrow.field(name, a.type, name != "type") for name, a in zip(names, parts)],
                                           mask=lists.is_null() if lists.null_count else None)


class _Writer:
    """One file, made when the first rows come, in row groups of about GROUP bytes."""

    def __init__(self, job: FileJob, name: str, int96: bool):
        self._system, folder = open_uri(job.staging)
        self.path, self.rows, self._job, self._int96 = f"{folder}/{name}", 0, job, int96
        self._writer: Optional[pyarrow.parquet.ParquetWriter] = None
        self._waiting: list[pyarrow.RecordBatch] = []
        self._bytes = 0
        self._system.create_dir(folder, recursive=True)

    def add(self, batch: pyarrow.RecordBatch) -> None:
        self.rows += batch.num_rows
        self._waiting.append(batch)
        self._bytes += batch.nbytes
        if self._bytes >= GROUP:
            self._flush()

    def _flush(self) -> None:
        if not self._waiting:
            return
        table = pyarrow.Table.from_batches(self._waiting).replace_schema_metadata({ROW_SCHEMA: self._job.row_schema.encode()})
        if self._writer is None:
            # Counts of distinct values cost more than they save on outputs of a network: no dictionaries for them.
            plain = set(self._job.outputs)
            dictionary = [name for name in self._job.keep if name not in plain]
            self._writer = pyarrow.parquet.ParquetWriter(self.path, table.schema, filesystem=self._system, compression=self._job.codec, use_dictionary=dictionary or False,
                                                         use_deprecated_int96_timestamps=self._int96)
        self._writer.write_table(table, row_group_size=max(1, table.num_rows))
        self._waiting, self._bytes = [], 0

    def close(self) -> None:
        self._flush()
        if self._writer is not None:
            self._writer.close()


def score_part(job: FileJob, k: int, score: Scorer) -> tuple[str, int]:
    """Score part k into a file of this attempt's own name: its name ("" where the part has no rows) and its rows."""
    check_free(job)
    part = Part(*job.parts[k])
    system, path = open_uri(part.uri)
    name = f"part-{k:05d}-{job.token}-{os.urandom(4).hex()}.{job.codec + '.' if job.codec != 'none' else ''}parquet"
    wanted = list(dict.fromkeys([*job.features, *job.keep]))
    source = pyarrow.memory_map(path) if isinstance(system, pyarrow.fs.LocalFileSystem) else system.open_input_file(path)
    with source, pyarrow.parquet.ParquetFile(source) as file:
        int96 = any(file.schema.column(i).physical_type == "INT96" for i in range(len(file.schema)))
        writer = _Writer(job, name, int96)
        for batch in _read(source, file, part, wanted, part.uri):
            scored = score([batch.column(wanted.index(feature)) for feature in job.features])
            kept = [batch.column(wanted.index(column)) for column in job.keep]
            made = [vectors(a) if column in job.vectors else a for column, a in zip(job.outputs, scored.flatten())]
            out = pyarrow.RecordBatch.from_arrays([*kept, *made], names=[*job.keep, *job.outputs])
            writer.add(out.filter(scored.is_valid()) if scored.null_count else out)
        writer.close()
    return (name if writer.rows else ""), writer.rows


def commit(job: FileJob, names: Sequence[str]) -> None:
    """Give the output its name: only the files named, and _SUCCESS."""
    check_free(job)
    system, staging = open_uri(job.staging)
    _, output = open_uri(job.output)
    system.create_dir(staging, recursive=True)
    for info in system.get_file_info(pyarrow.fs.FileSelector(staging)):
        if info.base_name not in names:
            system.delete_file(info.path)  # of an attempt that was given up
    with system.open_output_stream(f"{staging}/_SUCCESS"):
        pass
    old = f"{staging}.old"
    moves = isinstance(system, (pyarrow.fs.LocalFileSystem, pyarrow.fs.HadoopFileSystem))
    if _exists(system, output):
        if moves:
            system.move(output, old)
        else:
            system.delete_dir(output) if system.get_file_info(output).type == pyarrow.fs.FileType.Directory else system.delete_file(output)
    if moves:
        system.move(staging, output)
    else:  # object stores know no folders: _SUCCESS, moved last, says that all is there
        system.create_dir(output, recursive=True)
        for name in [*names, "_SUCCESS"]:
            system.move(f"{staging}/{name}", f"{output}/{name}")
        system.delete_dir(staging)
    if moves and _exists(system, old):
        system.delete_dir(old) if system.get_file_info(old).type == pyarrow.fs.FileType.Directory else system.delete_file(old)


def abandon(job: FileJob) -> None:
    """Remove what a failed job left beside the output."""
    system, staging = open_uri(job.staging)
    if _exists(system, staging):
        system.delete_dir(staging)
