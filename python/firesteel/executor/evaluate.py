"""evaluate - a task's share of an evaluation: its rows become one tally, whose bytes go on; and tallies of many tasks become one."""
from __future__ import annotations

from typing import Any, Iterable, Iterator, Mapping, Optional

import numpy
import pyarrow

from ..tally import KINDS, Tally
from .failure import TaskError

SCHEMA = pyarrow.schema([("data", pyarrow.binary())])
ROLES = ("label", "prediction", "probability", "weight")


def tally_rows(batches: Iterable[pyarrow.RecordBatch], kind: str, settings: dict[str, int], names: Mapping[str, str], invalid: str) -> Iterator[pyarrow.RecordBatch]:
    """The tally of all rows. Columns are called as in ROLES; `names` says what the user calls them. invalid: error or skip."""
    tally = KINDS[kind](**settings)
    for batch in batches:
        if batch.num_rows:
            add(tally, kind, batch, names, invalid)
    if tally.sums:
        yield pyarrow.RecordBatch.from_arrays([pyarrow.array([tally.pack()], pyarrow.binary())], schema=SCHEMA)


def merge_tallies(batches: Iterable[pyarrow.RecordBatch], kind: str, settings: dict[str, int]) -> Iterator[pyarrow.RecordBatch]:
    """One tally of many."""
    tally = KINDS[kind](**settings)
    for batch in batches:
        for data in batch.column(0):
            tally.unpack(data.as_buffer())
    if tally.sums:
        yield pyarrow.RecordBatch.from_arrays([pyarrow.array([tally.pack()], pyarrow.binary())], schema=SCHEMA)


def add(tally: Any, kind: str, batch: pyarrow.RecordBatch, names: Mapping[str, str], invalid: str) -> None:
    """Add a batch to a tally of the kind."""
    found: dict[str, numpy.ndarray] = {}
    bad: Optional[numpy.ndarray] = None
    for role in ROLES:
        if role not in batch.schema.names:
            continue
        values, wrong = numbers(batch.column(role), names.get(role, role))
        found[role] = values
        if wrong is not None:
            if invalid == "error":
                row = int(numpy.flatnonzero(wrong)[0])
                null = batch.column(role)[row].as_py() is None
                raise TaskError("FS2003" if null else "FS2004", f"column {names.get(role, role)!r} holds {'a null' if null else 'NaN or an infinity'}; "
                                "handleInvalid='skip' leaves such rows out of the evaluation")
            bad = wrong if bad is None else bad | wrong
    if bad is not None:
        found = {role: values[~bad] for role, values in found.items()}
        tally.plus("skipped", int(bad.sum()))
    label, weight = found["label"], found.get("weight")
    prediction, probability = found.get("prediction"), found.get("probability")
    if weight is not None and (weight < 0).any():
        raise TaskError("FS2006", f"column {names.get('weight', 'weight')!r} holds {weight.min():g}; weights are at least 0")
    for role in ("prediction", "probability"):
        if kind != "classes" and role in found and found[role].shape[1:] != label.shape[1:]:
            raise TaskError("FS2005", f"column {names.get('label')!r} has {_width(label)} numbers in a row, {names.get(role)!r} has {_width(found[role])}")
    if kind == "classes":
        _classes(tally, label, prediction, probability, None if weight is None else weight.reshape(-1), names)
    elif kind == "labels":
        if ((label != 0) & (label != 1)).any():
            raise TaskError("FS2006", f"column {names.get('label')!r} holds {label[(label != 0) & (label != 1)][0]:g}; expected 0 and 1, one number for each label")
        tally.add(label, prediction, probability, None if weight is None else weight.reshape(-1))
    else:
        tally.add(label.reshape(len(label), -1), prediction.reshape(len(label), -1), None if weight is None else weight.reshape(-1))  # type: ignore[union-attr]


def _classes(tally: Any, label: numpy.ndarray, prediction: Optional[numpy.ndarray], probability: Optional[numpy.ndarray], weight: Optional[numpy.ndarray], names: Mapping[str, str]) -> None:
    limit = tally.settings["classes"]
    if probability is not None:
        if probability.ndim == 1:
            probability = numpy.stack([1 - probability, probability], axis=1)
        limit = probability.shape[1]
    for role, values in (("label", label), ("prediction", prediction)):
        if values is None:
            continue
        wrong = values[(values < 0) | (values != numpy.floor(values)) | (values >= limit)]
        if len(wrong):
            raise TaskError("FS2006", f"column {names.get(role)!r} holds {wrong[0]:g}; expected class numbers from 0 to {limit - 1}")
    tally.add(label, prediction, probability, weight)


def _width(values: numpy.ndarray) -> int:
    return 1 if values.ndim == 1 else int(values.shape[1])


def numbers(column: pyarrow.Array, name: str) -> tuple[numpy.ndarray, Optional[numpy.ndarray]]:
    """A column of doubles as [n], of lists of doubles as [n, k]; and which rows have a null, NaN or infinity (zeros stand there), or None."""
    if pyarrow.types.is_list(column.type) or pyarrow.types.is_large_list(column.type):
        good = column.is_valid()
        whole = column.filter(good)
        lengths = _plain(whole.value_lengths().cast(pyarrow.int64()), numpy.int64)
        k = int(lengths[0]) if len(lengths) else 0
        if (lengths != k).any():
            raise TaskError("FS2005", f"column {name!r} holds rows of {k} numbers and of {int(lengths[lengths != k][0])}")
        flat, wrong = numbers(whole.flatten(), name)
        values = numpy.zeros((len(column), k))
        bad = numpy.zeros(len(column), bool)
        places = numpy.flatnonzero(_bools(good))
        values[places] = flat.reshape(-1, k)
        bad[places] = wrong.reshape(-1, k).any(1) if wrong is not None else False
        bad |= ~_bools(good)
        return values, bad if bad.any() else None
    plain = _plain(column.fill_null(float("nan")) if column.null_count else column, numpy.float64)
    finite = numpy.isfinite(plain)
    return (plain, None) if finite.all() else (numpy.where(finite, plain, 0.0), ~finite)


def _plain(column: pyarrow.Array, dtype: Any) -> numpy.ndarray:
    # Not to_numpy(), which imports pandas.
    return numpy.frombuffer(column.buffers()[1] or b"", dtype, len(column) + column.offset)[column.offset:]


def _bools(column: pyarrow.Array) -> numpy.ndarray:
    bits = numpy.unpackbits(numpy.frombuffer(column.buffers()[1] or b"", numpy.uint8), bitorder="little")
    return bits[column.offset:column.offset + len(column)].astype(bool)


def unpacked(kind: str, settings: dict[str, int], parts: Iterable[bytes]) -> Tally:
    """The tally of what tasks sent."""
    tally = KINDS[kind](**settings)
    for part in parts:
        tally.unpack(part)
    return tally
