"""trials - many trainings on the same rows: one job writes the rows to files on each host, tasks of later jobs map them and train alone.

    FOLDER/firesteel-tune-TOKEN/part-00003.arrow    the rows of one partition, as Arrow's own file
    FOLDER/firesteel-tune-TOKEN/trial-7-0/          checkpoint of trial 7 on fold 0, where it will be gone on with
"""
from __future__ import annotations

import dataclasses
import gc
import json
import os
import shutil
import socket
import tempfile
import time
from typing import Any, Callable, Iterable, Iterator, Optional, Sequence

import pyarrow
import pyarrow.compute

from .. import _text
from . import engine
from .alone import train_alone
from .failure import TaskError, marked
from .job import Job, Recipe

FOLD = "firesteel fold"  # column of whole numbers: which fold a row is of
HELD = "firesteel held"  # of a fold's trial: whether a row is of that fold
JOINED = 64 << 20        # bytes of batches that are packed at once
KEPT = 2                 # datasets that a Python worker keeps, for the next trial
COPY = 100_000           # number of the first file that is a copy of the whole table
LOST = "rows that"       # how the error begins that tells of rows on another host
STARTS = 2               # of a trial; one that has killed as many workers is not started again

WRITTEN = pyarrow.schema([("name", pyarrow.string()), ("rows", pyarrow.int64()), ("bytes", pyarrow.int64()), ("host", pyarrow.string())])
TOLD = pyarrow.schema([("unit", pyarrow.int64()), ("result", pyarrow.string()), ("model", pyarrow.binary())])


@dataclasses.dataclass(frozen=True)
class Rows:
    """Where the rows lie: `folder` is one that all hosts share, or None: each host's own for temporary files."""

    token: str
    folder: Optional[str] = None
    files: tuple[tuple[str, int, str], ...] = ()  # name, bytes, and the host that wrote it
    copies: bool = False                          # each file is the whole table, for those who see it

    @property
    def path(self) -> str:
        return os.path.join(self.folder or tempfile.gettempdir(), f"firesteel-tune-{self.token}")


def write_rows(batches: Iterable[pyarrow.RecordBatch], rows: Rows, part: int) -> Iterator[pyarrow.RecordBatch]:
    """Write the rows of a partition, and tell the file. A second attempt at the same partition replaces it whole."""
    writer: Any = None
    name = f"part-{part:05d}.arrow"
    path, count = os.path.join(rows.path, name), 0
    new = f"{path}.{os.getpid()}"
    try:
        for batch in batches:
            if batch.num_rows == 0:
                continue
            if writer is None:
                os.makedirs(rows.path, mode=0o700, exist_ok=True)
                writer = pyarrow.ipc.new_file(new, batch.schema)
            writer.write_batch(batch)
            count += batch.num_rows
        if writer is None:
            return
        writer.close()
        os.replace(new, path)
    except OSError as error:
        raise TaskError("FS5001", f"{rows.path}: {error}; give dataDir, a folder with room for the table", -1, socket.gethostname()) from None
    yield pyarrow.RecordBatch.from_arrays([pyarrow.array([name]), pyarrow.array([count]), pyarrow.array([os.path.getsize(path)]), pyarrow.array([socket.gethostname()])], schema=WRITTEN)


def write_copy(batches: Iterable[pyarrow.RecordBatch], rows: Rows, all_gather: Callable[[str], Sequence[str]], rank: int) -> Iterator[pyarrow.RecordBatch]:
    """As one of as many tasks as run at once, each of which is given the whole table: the first of each host, or of those that see the same folder, writes it."""
    folder = os.stat(tempfile.gettempdir())
    places = list(all_gather(f"{socket.gethostname()} {rows.path} {folder.st_dev} {folder.st_ino}"))
    if places.index(places[rank]) == rank:
        yield from write_rows(batches, rows, COPY + rank)
    else:
        for _ in batches:
            pass


def read_rows(rows: Rows) -> Iterator[pyarrow.RecordBatch]:
    """The rows of all files, mapped."""
    mine = [f for f in rows.files if os.path.isfile(os.path.join(rows.path, f[0]))] if rows.copies else []
    for name, size, host in mine[:1] or rows.files:
        path = os.path.join(rows.path, name)
        if not os.path.isfile(path) or os.path.getsize(path) != size:
            raise TaskError("FS5001", f"{LOST} {host} wrote to {path} are not there on {socket.gethostname()}; the hosts of this cluster share no folder for temporary files: "
                            "give dataDir, a folder that all of them see", -1, socket.gethostname())
        reader = pyarrow.ipc.open_file(pyarrow.memory_map(path))
        for i in range(reader.num_record_batches):
            yield reader.get_batch(i)


def clear(rows: Rows) -> None:
    """Remove them, on this host."""
    shutil.rmtree(rows.path, ignore_errors=True)


# ---- one trial ------------------------------------------------------------------------------

_datasets: dict[Any, Any] = {}


def dataset(rows: Rows, job: Job, fold: Optional[int], made: int = 0) -> Any:
    """The rows as a dealt dataset, of which rows of `fold` are for validation. The last ones are kept by this Python worker. made: see Unit."""
    recipe = Recipe.parse(job.recipe)
    padded = tuple(attrs for kind, attrs in recipe.layers if kind == "Input" and "padding" in _text.parse_attrs(attrs))
    key = (rows, fold, made, job.lookups, recipe.dtype, padded, job.features, job.vectors, job.labels, job.weight, job.validation, job.invalid, job.classes)
    data = _datasets.pop(key, None)
    if data is None:
        while len(_datasets) >= KEPT:
            del _datasets[next(iter(_datasets))]
        data = engine.read(held(joined(read_rows(rows)), fold), job if fold is None else dataclasses.replace(job, validation=HELD))
        engine.deal(data, None)
        if not gc.get_freeze_count():
            gc.freeze()  # see score.py: a collection after every task
    if job.validation_fraction == 0:  # otherwise the fit moves rows of its own choice
        _datasets[key] = data
    return data


def joined(batches: Iterable[pyarrow.RecordBatch]) -> Iterator[pyarrow.RecordBatch]:
    """The batches in larger ones: a shuffled step finds rows faster where they lie in few blocks, and trials take such steps all the time."""
    some: list[pyarrow.RecordBatch] = []
    size = 0
    for batch in batches:
        some.append(batch)
        size += batch.nbytes
        if size >= JOINED:
            yield from pyarrow.Table.from_batches(some).combine_chunks().to_batches()
            some, size = [], 0
    if some:
        yield from pyarrow.Table.from_batches(some).combine_chunks().to_batches()


def held(batches: Iterable[pyarrow.RecordBatch], fold: Optional[int]) -> Iterator[pyarrow.RecordBatch]:
    """The batches with a column that says which rows are of the fold."""
    for batch in batches:
        yield batch if fold is None else pyarrow.RecordBatch.from_arrays(
            [*batch.columns, pyarrow.compute.equal(batch.column(FOLD), pyarrow.scalar(fold, batch.schema.field(FOLD).type))], names=[*batch.schema.names, HELD])


@dataclasses.dataclass(frozen=True)
class Unit:
    """A share of a search that one task does: a trial on a fold, up to some epoch."""

    trial: int
    fields: dict[str, Any]       # of the Job; epochs: up to which
    fold: Optional[int] = None
    resume: bool = False         # go on from what the unit before left here, if it did so on this host
    keep: bool = False           # leave something to go on from
    send: bool = False           # send the model
    made: int = 0                # which of the search's functions make features and labels of the columns: fresh objects in each task, so told by number


def run(unit: Unit, rows: Rows) -> tuple[dict[str, Any], Optional[bytes]]:
    """What became of it, and the model if it is wanted. Whatever goes wrong is told as result["error"], a text that begins with a code."""
    from .. import _core

    began = time.monotonic()
    folder = os.path.join(rows.path, f"trial-{unit.trial}-{unit.fold or 0}")
    try:
        job = Job(**unit.fields)
        net, first = None, 0
        if unit.resume and os.path.exists(os.path.join(folder, "manifest.json")):
            net = _core.Network.load(engine.context(job.threads), folder)
            with open(os.path.join(folder, "epochs"), encoding="utf-8") as f:
                first = int(f.read())
        result, net = train_alone(dataset(rows, job, unit.fold, unit.made), job, net, first)
        if unit.keep:
            os.makedirs(folder, mode=0o700, exist_ok=True)
            net.save_checkpoint(folder)
            with open(os.path.join(folder, "epochs"), "w", encoding="utf-8") as f:
                f.write(str(job.epochs))
        if result["error"] is not None:
            result["error"] = f"{result['error']['code']}: {result['error']['message']}"
        return {**result, "total": time.monotonic() - began}, engine.save(net, job) if unit.send else None
    except Exception as error:
        record = marked(error, -1, "").record
        return {"error": f"{record['code']}: {record['message']}", "history": {}, "first_epoch": 0, "total": time.monotonic() - began}, None


def died(starts: int) -> dict[str, Any]:
    """What is told of a trial whose worker died each time that it was started."""
    times = "" if starts == 1 else f" {starts} times"
    return {"error": f"FS4003: the trial's worker died{times} while it trained: it crashed, or the system ended it for want of memory", "history": {}, "first_epoch": 0, "total": 0.0}


def run_units(batches: Iterable[pyarrow.RecordBatch], units: Sequence[Unit], rows: Rows, attempt: int = 0) -> Iterator[pyarrow.RecordBatch]:
    """The units whose numbers stand in the first column. attempt: how many tasks before this one died with them; what goes wrong in any other way is told."""
    for batch in batches:
        for i in batch.column(0).to_pylist():
            result, model = run(units[i], rows) if attempt < STARTS else (died(attempt), None)
            yield pyarrow.RecordBatch.from_arrays([pyarrow.array([i], pyarrow.int64()), pyarrow.array([json.dumps(result)]), pyarrow.array([model], pyarrow.binary())], schema=TOLD)
