"""functions - a user's functions over record batches, called before the engine reads the rows.

A function gets a pyarrow.RecordBatch with the columns that were named, and gives a NumPy or Arrow array with one entry per row, or a dict of them by
the names of the network's inputs (outputs, for labels).
"""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Callable, NamedTuple, Optional, Sequence

import numpy
import pyarrow

from .. import errors


class Call(NamedTuple):
    """What one function takes and gives. It travels to tasks as a plain tuple."""

    function: Callable[[Any], Any]
    role: str                          # "featurePreprocessing", for messages
    takes: tuple[str, ...]             # columns of the batch
    shown: tuple[str, ...]             # and their names as the function sees them
    names: tuple[str, ...]             # inputs or outputs of the network, whose arrays it gives
    widths: tuple[Optional[int], ...]  # numbers per row of each, where they are known
    gives: tuple[str, ...]             # columns that these become


def called(call: Call, batch: pyarrow.RecordBatch) -> list[pyarrow.Array]:
    """What the function makes of a batch: one Arrow array for each of call.names."""
    who = f"{call.role} {getattr(call.function, '__qualname__', call.function)!s}"
    given = pyarrow.RecordBatch.from_arrays([batch.column(name) for name in call.takes], names=list(call.shown))
    try:
        made = call.function(given)
    except Exception as problem:
        raise errors.make(4008, f"{who} raised {type(problem).__name__}: {str(problem)[:300]}") from problem
    if not isinstance(made, Mapping):
        if len(call.names) != 1:
            raise errors.make(1002, f"{who} gave one {type(made).__name__}; expected a dict with an array for each of {', '.join(call.names)}")
        made = {call.names[0]: made}
    missing, unknown = [n for n in call.names if n not in made], [str(n) for n in made if n not in call.names]
    if missing or unknown:
        raise errors.make(1003, f"{who} gave " + (f"{unknown[0]!r}" if unknown else f"nothing for {missing[0]!r}") + f"; expected arrays for {', '.join(call.names)}")
    return [_column(made[name], f"{who}, {name!r}", batch.num_rows, width) for name, width in zip(call.names, call.widths)]


def _column(value: Any, who: str, rows: int, width: Optional[int]) -> pyarrow.Array:
    if isinstance(value, pyarrow.ChunkedArray):
        value = value.combine_chunks()
    if isinstance(value, pyarrow.Array):
        if len(value) != rows:
            raise errors.make(1002, f"{who}: {len(value)} entries for {rows} rows; expected one for each")
        return value
    a = numpy.asarray(value)
    if a.dtype.kind not in "fiub" or a.ndim == 0:
        raise errors.make(2002, f"{who}: {'an array of ' + str(a.dtype) if a.ndim else type(value).__name__}; expected an array of numbers, or an Arrow array")
    if len(a) != rows:
        raise errors.make(1002, f"{who}: shape {list(a.shape)} for {rows} rows; expected one entry for each")
    a = numpy.ascontiguousarray(a.astype(numpy.float32) if a.dtype.itemsize < 4 and a.dtype.kind == "f" else a)
    if a.dtype.kind == "b":
        a = a.astype(numpy.int8)
    numbers = int(numpy.prod(a.shape[1:], dtype=numpy.int64))
    if width is not None and rows and numbers != width:
        raise errors.make(1002, f"{who}: shape {list(a.shape)}, which is {numbers} numbers per row; the network takes {width}")
    # Of a buffer, because pyarrow.array() imports pandas.
    flat = pyarrow.Array.from_buffers(pyarrow.from_numpy_dtype(a.dtype), a.size, [None, pyarrow.py_buffer(a)])
    return flat if a.ndim == 1 else pyarrow.FixedSizeListArray.from_arrays(flat, numbers)
