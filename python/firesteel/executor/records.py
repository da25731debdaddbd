"""records - TFRecord files as a table's parts: which there are, reading some of them, writing one, and what makes the written ones visible.

Paths are local, or URIs of file systems that pyarrow knows, else fsspec. The engine reads and writes local files; others are copied from and to a temporary one.
"""
from __future__ import annotations

import contextlib
import fnmatch
import os
import re
import shutil
import tempfile
import uuid
from typing import Any, Iterable, Iterator, NamedTuple, Optional, Sequence
from urllib.parse import unquote

import pyarrow
import pyarrow.fs

from ..errors import make

PART_BYTES = 128 << 20  # of a partition
OPEN_BYTES = 4 << 20    # what opening a file costs, where small ones are put together
MANY_FILES = 1000       # up to so many files each is a partition of its own
TEMPORARY = "_temporary"
SUFFIX = {None: ".tfrecord", "gzip": ".tfrecord.gz", "zlib": ".tfrecord.zlib"}
COMPRESSION = {"": None, "none": None, "uncompressed": None, "gzip": "gzip", "zlib": "zlib", "org.apache.hadoop.io.compress.gzipcodec": "gzip"}


class Piece(NamedTuple):
    """Of a file: the records that begin at bytes [first, last); last -1: all."""
    path: str
    first: int = 0
    last: int = -1


# ---- paths ---------------------------------------------------------------------------------

def is_local(path: str) -> bool:
    return "://" not in path or path.startswith("file:")


def local(path: str) -> str:
    """A local path without its scheme, which Hadoop writes with one to three slashes."""
    return unquote(re.sub(r"^file:(//)?", "", path)) if path.startswith("file:") else os.path.abspath(path)


def place(path: str) -> tuple[pyarrow.fs.FileSystem, str]:
    """The file system of a path, and the path in it."""
    if is_local(path):
        return pyarrow.fs.LocalFileSystem(), local(path)
    try:
        found: tuple[pyarrow.fs.FileSystem, str] = pyarrow.fs.FileSystem.from_uri(path)
        return found
    except pyarrow.ArrowInvalid:
        try:
            import fsspec
        except ImportError:
            raise make(5001, f"{path}: pyarrow knows no such file system, and fsspec is not installed") from None
        filesystem, inner = fsspec.core.url_to_fs(path)
        return pyarrow.fs.PyFileSystem(pyarrow.fs.FSSpecHandler(filesystem)), inner


def hidden(path: str) -> bool:
    return os.path.basename(path)[:1] in ("_", ".")


def files(paths: Sequence[str], pattern: Optional[str] = None) -> list[tuple[str, int]]:
    """All files under some paths, which may be files, folders or globs, as (path, bytes), sorted. Names that begin with _ or . are left out, as Spark does."""
    found: dict[str, int] = {}
    for path in paths:
        filesystem, inner = place(path)
        scheme = "" if is_local(path) else path[:len(path) - len(inner)] if path.endswith(inner) else ""
        magic = re.search(r"[*?\[]", inner)
        base = inner[:inner.rindex("/", 0, magic.start())] or "/" if magic and "/" in inner[:magic.start()] else inner
        info = filesystem.get_file_info(base)
        if info.type == pyarrow.fs.FileType.NotFound:
            raise make(5001, f"cannot open '{path}': No such file or directory")
        if info.type == pyarrow.fs.FileType.File:
            found[path if scheme else inner] = info.size
            continue
        for item in filesystem.get_file_info(pyarrow.fs.FileSelector(base, recursive=True)):
            below = item.path[len(base.rstrip("/")) + 1:]
            if item.type != pyarrow.fs.FileType.File or any(hidden(name) for name in below.split("/")):
                continue
            if magic and not _matches(item.path, inner):
                continue
            if pattern is None or fnmatch.fnmatch(os.path.basename(item.path), pattern):
                found[scheme + item.path] = item.size
    return sorted(found.items())


def _matches(path: str, glob: str) -> bool:
    """Whether a path, or a folder that it is in, is what the glob says; * stops at /."""
    parts, wanted = path.split("/"), glob.rstrip("/").split("/")
    return len(parts) >= len(wanted) and all(fnmatch.fnmatchcase(part, want) for part, want in zip(parts, wanted))


# ---- reading -------------------------------------------------------------------------------

def partitions(found: Iterable[tuple[str, int]], part_bytes: int = PART_BYTES) -> list[list[Piece]]:
    """What each task reads. A large local file is read by several; very many small ones are put together."""
    pieces: list[tuple[int, Piece]] = []
    for path, size in found:
        cuts = max(1, -(-size // part_bytes)) if is_local(path) else 1
        edges = [size * i // cuts for i in range(cuts)]
        pieces += [(size // cuts, Piece(path, edge, last)) for edge, last in zip(edges, [*edges[1:], -1 if cuts == 1 else 2**62])]
    if len(pieces) <= MANY_FILES:
        return [[piece] for _, piece in pieces]
    parts: list[list[Piece]] = [[]]
    filled = 0
    for size, piece in pieces:
        if parts[-1] and filled + size + OPEN_BYTES > part_bytes:
            parts.append([])
            filled = 0
        parts[-1].append(piece)
        filled += size + OPEN_BYTES
    return parts


@contextlib.contextmanager
def _near(path: str) -> Iterator[str]:
    """A local file with the content of a path."""
    if is_local(path):
        yield local(path)
        return
    filesystem, inner = place(path)
    with tempfile.TemporaryDirectory(prefix="firesteel-") as folder:
        name = os.path.join(folder, os.path.basename(inner))
        with filesystem.open_input_stream(inner, compression=None) as source, open(name, "wb") as target:
            shutil.copyfileobj(source, target, 1 << 20)
        yield name


def read(pieces: Iterable[Piece], schema: pyarrow.Schema, mode: str, blame: Optional[str], rows: int) -> Iterator[pyarrow.RecordBatch]:
    """The record batches of some pieces: see formats.tfrecord.Batches."""
    from ..formats.tfrecord import Batches

    batches = Batches(schema, mode, blame, rows)
    for piece in pieces:
        with _near(piece.path) as name:
            yield from batches.read(name, piece.first, piece.last)


def look(found: Sequence[tuple[str, int]], limit: int, mode: str) -> tuple[pyarrow.Schema, int]:
    """The schema that the first `limit` records have, of files evenly taken, and how many of them were malformed."""
    from ..formats.tfrecord import survey

    chosen = [found[len(found) * i // 10][0] for i in range(10)] if len(found) > 10 else [path for path, _ in found]
    with contextlib.ExitStack() as stack:
        return survey([stack.enter_context(_near(path)) for path in chosen], limit, mode == "failfast", texts=True)


# ---- writing -------------------------------------------------------------------------------

def write(batches: Iterable[pyarrow.RecordBatch], folder: str, job: str, part: int, compression: Optional[str], sequence: bool) -> list[str]:
    """Write one file of a job's own where nobody sees it yet; gives its name, or nothing where there are no rows. A failure leaves nothing behind."""
    from ..formats.tfrecord import write_batches

    name = f"part-{part:05d}-{uuid.uuid4().hex}{SUFFIX[compression]}"
    filesystem, inner = place(folder)
    target = f"{inner}/{TEMPORARY}/{job}"
    filesystem.create_dir(target, recursive=True)
    if is_local(folder):
        rows = write_batches(f"{target}/{name}", batches, compression, sequence)
        if not rows:
            os.remove(f"{target}/{name}")
        return [name] if rows else []
    with tempfile.TemporaryDirectory(prefix="firesteel-") as near:
        if not write_batches(os.path.join(near, name), batches, compression, sequence):
            return []
        pyarrow.fs.copy_files(os.path.join(near, name), f"{target}/{name}", source_filesystem=pyarrow.fs.LocalFileSystem(), destination_filesystem=filesystem)
    return [name]


def exists(folder: str) -> bool:
    filesystem, inner = place(folder)
    info = filesystem.get_file_info(inner)
    if info.type == pyarrow.fs.FileType.File:
        raise make(5001, f"cannot write to '{folder}': it is a file")
    return bool(info.type == pyarrow.fs.FileType.Directory and filesystem.get_file_info(pyarrow.fs.FileSelector(inner)))


def commit(folder: str, job: str, names: Sequence[str], overwrite: bool) -> None:
    """Make the files of a job visible; with overwrite all others go. The old ones stay until the new ones are there."""
    filesystem, inner = place(folder)
    old = [info for info in filesystem.get_file_info(pyarrow.fs.FileSelector(inner, allow_not_found=True)) if os.path.basename(info.path) != TEMPORARY] if overwrite else []
    filesystem.create_dir(inner, recursive=True)
    for name in names:
        filesystem.move(f"{inner}/{TEMPORARY}/{job}/{name}", f"{inner}/{name}")
    for info in old:
        (filesystem.delete_dir if info.type == pyarrow.fs.FileType.Directory else filesystem.delete_file)(info.path)
    abort(folder, job)
    with filesystem.open_output_stream(f"{inner}/_SUCCESS", compression=None):
        pass


def abort(folder: str, job: str) -> None:
    """Remove what a job has written and not committed."""
    filesystem, inner = place(folder)
    for path, what in ((f"{inner}/{TEMPORARY}/{job}", True), (f"{inner}/{TEMPORARY}", False), (inner, False)):
        selector = pyarrow.fs.FileSelector(path, allow_not_found=True)
        if filesystem.get_file_info(path).type == pyarrow.fs.FileType.Directory and (what or not filesystem.get_file_info(selector)):
            filesystem.delete_dir(path)
