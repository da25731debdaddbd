"""groups - a network for each group of rows: trained where the group lies, and put to its rows again when they are scored.

Rows come in record batches in which those of a group stand together, in one batch or in several that follow each other.
"""
from __future__ import annotations

import time
from typing import Any, Iterable, Iterator, Optional, Sequence

import numpy
import pyarrow
import pyarrow.compute

from . import engine
from .alone import train_alone
from .failure import marked
from .job import Job
from .score import Outputs, score_arrays

# What is told of each group, besides its keys. loss and the other results are those of the model that is kept.
TOLD = [("model", pyarrow.binary()), ("rows", pyarrow.int64()), ("epochs", pyarrow.int32()), ("loss", pyarrow.float64()),
        ("history", pyarrow.map_(pyarrow.string(), pyarrow.list_(pyarrow.float64()))), ("seconds", pyarrow.float64()), ("error", pyarrow.string())]
AT_ONCE = 200  # groups told in one batch


def runs(batch: pyarrow.RecordBatch, keys: Sequence[str]) -> list[int]:
    """Where the rows of another group begin in the batch, 0 first. Nulls are a key like others."""
    if batch.num_rows == 0:
        return []
    new = numpy.zeros(batch.num_rows - 1, bool)
    for name in keys:
        column = batch.column(name)
        here, before = column.slice(1), column.slice(0, len(column) - 1)
        differ = pyarrow.compute.fill_null(pyarrow.compute.not_equal(here, before), True)
        if column.null_count:
            differ = pyarrow.compute.and_not(differ, pyarrow.compute.and_(pyarrow.compute.is_null(here), pyarrow.compute.is_null(before)))
        new |= _bools(differ)
    return [0, *(numpy.flatnonzero(new) + 1).tolist()]


def _bools(column: pyarrow.Array) -> numpy.ndarray:
    bits = numpy.unpackbits(numpy.frombuffer(column.buffers()[1] or b"", numpy.uint8), bitorder="little")
    return bits[column.offset:column.offset + len(column)].astype(bool)


def key_of(batch: pyarrow.RecordBatch, keys: Sequence[str], row: int) -> tuple[Any, ...]:
    return tuple(batch.column(name)[row].as_py() for name in keys)


def groups(batches: Iterable[pyarrow.RecordBatch], keys: Sequence[str]) -> Iterator[tuple[pyarrow.RecordBatch, list[pyarrow.RecordBatch]]]:
    """Each group: a batch of one row with its keys, and its rows."""
    now: Optional[tuple[Any, ...]] = None
    rows: list[pyarrow.RecordBatch] = []
    for batch in batches:
        begins = runs(batch, keys)
        for a, b in zip(begins, [*begins[1:], batch.num_rows]):
            key = key_of(batch, keys, a)
            if now is not None and key != now:
                yield rows[0].slice(0, 1).select(list(keys)), rows
                rows = []
            now = key
            rows.append(batch.slice(a, b - a))
    if rows:
        yield rows[0].slice(0, 1).select(list(keys)), rows


def fit_groups(batches: Iterable[pyarrow.RecordBatch], job: Job, keys: Sequence[str]) -> Iterator[pyarrow.RecordBatch]:
    """Train one network for each group; batches of the keys and TOLD, a row for each group. What goes wrong with a group is told in its row."""
    heads: list[pyarrow.RecordBatch] = []
    told: list[dict[str, Any]] = []
    for head, rows in groups(batches, keys):
        heads.append(head)
        told.append(fit_group([r.drop_columns(list(keys)) for r in rows], job))
        if len(told) == AT_ONCE:
            yield _table(heads, told)
            heads, told = [], []
    if told:
        yield _table(heads, told)


def fit_group(rows: Sequence[pyarrow.RecordBatch], job: Job) -> dict[str, Any]:
    """One group's row."""
    began = time.monotonic()
    try:
        data = engine.read(rows, job)
        engine.deal(data, None)
        result, net = train_alone(data, job)
        report, history = result["report"], {n: [float("nan") if v is None else v for v in values] for n, values in result["history"].items()}
        kept = report["best_epoch"] if report["best_epoch"] >= 0 else -1
        loss = history["loss"][kept] if history.get("loss") else None
        return {"model": engine.save(net, job), "rows": result["rows"][0], "epochs": report["epochs_run"], "loss": loss, "history": list(history.items()),
                "seconds": time.monotonic() - began, "error": None if result["error"] is None else f"{result['error']['code']}: {result['error']['message']}"}
    except Exception as error:
        record = marked(error, -1, "").record
        return {"model": None, "rows": sum(r.num_rows for r in rows), "epochs": 0, "loss": None, "history": None, "seconds": time.monotonic() - began,
                "error": f"{record['code']}: {record['message']}"}


def _table(heads: Sequence[pyarrow.RecordBatch], told: Sequence[dict[str, Any]]) -> pyarrow.RecordBatch:
    keys = [pyarrow.concat_arrays([h.column(i) for h in heads]) for i in range(heads[0].num_columns)]
    made = [pyarrow.array([t[name] for t in told], kind) for name, kind in TOLD]
    return pyarrow.RecordBatch.from_arrays([*keys, *made], names=[*heads[0].schema.names, *(name for name, _ in TOLD)])


def score_groups(batches: Iterable[pyarrow.RecordBatch], keys: Sequence[str], model: str, features: Sequence[str], out: Outputs,
                 kinds: pyarrow.StructType) -> Iterator[pyarrow.RecordBatch]:
    """Batches without the column `model`, with the outputs in its place. A group's network is the file that stands in `model` of its first row, which is
    no row of the table; groups that have none come out with nulls. `kinds` are the outputs' types."""
    names = [f.name for f in kinds]
    key: Optional[tuple[Any, ...]] = None
    net: Any = None
    for batch in batches:
        files = batch.column(model)
        begins = runs(batch, keys)
        rows, scored = [], []
        for a, b in zip(begins, [*begins[1:], batch.num_rows]):
            mine = key_of(batch, keys, a)
            if mine != key:
                key, net = mine, None
                if files[a].is_valid:
                    net = engine.load(files[a].as_py())
                    a += 1
            if a == b:
                continue
            part = batch.slice(a, b - a).drop_columns([model])
            made = pyarrow.nulls(b - a, kinds)
            if net is not None:
                made = score_arrays(net, features, [part.column(f) for f in features], out, names)
                if made.null_count:  # rows that invalid="skip" leaves out
                    part, made = part.filter(made.is_valid()), made.filter(made.is_valid())
                made = made if made.type == kinds else made.cast(kinds)
            rows.append(part)
            scored.append(made)
        if rows:
            whole, outputs = pyarrow.Table.from_batches(rows).combine_chunks().to_batches(), pyarrow.concat_arrays(scored)
            for part in whole:
                yield pyarrow.RecordBatch.from_arrays([*part.columns, *outputs.flatten()], names=[*part.schema.names, *names])
