"""data - arrays, Arrow tables and iterables of either become an engine's dataset, without a copy where that is possible.

Arrow data (pyarrow, pandas, polars, anything with __arrow_c_stream__ or __arrow_c_array__) is read through the Arrow PyCapsule
interface; pyarrow itself is never imported here. Arrays are used where they lie when they are dense, row-major and of a type that the
engine reads: float32, float64, bool, int8 to int64, uint8, uint16. Others are converted: float16 to float32, uint32 and uint64 to int64.
"""
from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from typing import Any

import numpy as np

from . import _core, errors

_KEEP = {np.dtype(t) for t in ("f4", "f8", "?", "i1", "i2", "i4", "i8", "u1", "u2")}
_INVALID = {"error": 0, "skip": 1, "keep": 2}


class Columns:
    """Which columns of a table play which part. features None: all that have no other part."""

    def __init__(self, features: Sequence[str] | None = None, label: Sequence[str] = (), weight: str | None = None, validation: str | None = None, invalid: int = 0) -> None:
        self.features, self.label, self.weight, self.validation, self.invalid = features, label, weight, validation, invalid

    @staticmethod
    def of(features: str | Sequence[str] | None = None, label: str | Sequence[str] | None = None, weight: str | None = None,
           validation: str | None = None, handle_invalid: str = "error") -> Columns:
        """Columns from the arguments of fit and evaluate."""
        if handle_invalid not in _INVALID:
            raise errors.make(1001, f"handle_invalid='{handle_invalid}'; expected 'error', 'skip' or 'keep'")
        as_list = [[] if names is None else [names] if isinstance(names, str) else list(names) for names in (features, label)]
        return Columns(None if features is None else as_list[0], as_list[1], weight, validation, _INVALID[handle_invalid])

    def settle(self, names: Sequence[str]) -> None:
        """Choose the features of a table with these columns when none were named."""
        if self.features is None:
            others = {*self.label, self.weight, self.validation}
            self.features = [name for name in names if name not in others]


def array_of(value: Any, what: str) -> np.ndarray:
    """A dense row-major array of a type that the engine reads; `value` itself when it is one."""
    try:
        a = np.asarray(value)
    except ValueError as problem:
        raise errors.make(2005, f"{what}: its rows have different lengths; every row needs the same shape" + (
            ", unless the Input has padding='pre' or 'post'" if what == "x" else "")) from problem
    if a.dtype.kind == "f":
        a = a.astype(np.float32 if a.dtype.itemsize < 4 else np.float64, copy=False) if a.dtype.itemsize not in (4, 8) else a
    elif a.dtype.kind == "u" and a.dtype.itemsize >= 4:
        if a.dtype.itemsize == 8 and a.size and a.max() > np.iinfo(np.int64).max:
            raise errors.make(2002, f"{what}: holds {a.max()}, beyond int64; give it as float64")
        a = a.astype(np.int64)
    elif a.dtype.kind not in "iub":
        found = "text" if a.dtype.kind in "US" else "Python objects" if a.dtype.kind == "O" else str(a.dtype)
        raise errors.make(2002, f"{what}: holds {found}, expected numbers" + (
            "; numpy.unique(labels, return_inverse=True) turns texts into class numbers" if what == "y" and found == "text" else ""))
    if a.ndim == 0:
        raise errors.make(2002, f"{what}: a single number, expected an array with one entry per row")
    if not a.dtype.isnative:
        a = a.astype(a.dtype.newbyteorder("="))
    assert a.dtype in _KEEP
    return np.ascontiguousarray(a)


def join(given: Any, names: Sequence[str], what: str, kind: Any, pad: Callable[[Any, str], Any] = lambda x, _: x) -> np.ndarray:
    """Arrays by name, or in the order of names, side by side as rows of one array."""
    if isinstance(given, dict):
        unknown, missing = [name for name in given if name not in names], [name for name in names if name not in given]
        if unknown or missing:
            raise errors.make(1003, f"{what}: " + (f"'{unknown[0]}' is none of {', '.join(names)}" if unknown else f"'{missing[0]}' is missing"))
        given = [given[name] for name in names]
    if len(given) != len(names):
        raise errors.make(1002, f"{what}: {len(given)} arrays; expected {len(names)}: {', '.join(names)}")
    arrays = [array_of(pad(part, name), f"{what} '{name}'") for part, name in zip(given, names)]
    for a, name in zip(arrays, names):
        if len(a) != len(arrays[0]):
            raise errors.make(1002, f"{what}: '{name}' has {len(a)} rows, '{names[0]}' has {len(arrays[0])}")
        if a.dtype.kind in "iu" and kind is np.float32 and a.size and max(abs(int(a.max())), abs(int(a.min()))) > 1 << 24:
            raise errors.make(2002, f"{what}: '{name}' holds whole numbers beyond {1 << 24}, which float32 cannot tell apart; use dtype='float64'")
    return np.concatenate([a.reshape(len(a), -1).astype(kind) for a in arrays], axis=1)


def is_arrow(value: Any) -> bool:
    """Whether value offers Arrow data."""
    return hasattr(value, "__arrow_c_stream__") or hasattr(value, "__arrow_c_array__")


def add_arrays(data: _core.Dataset, x: Any, y: Any = None, w: Any = None) -> None:
    """Append rows of arrays."""
    ax = array_of(x, "x")
    ax = ax.reshape(-1, 1) if ax.ndim == 1 else ax
    ay = None if y is None else array_of(y, "y")
    aw = None if w is None else array_of(w, "sample_weight")
    for name, a in (("y", ay), ("sample_weight", aw)):
        if a is not None and len(a) != len(ax):
            raise errors.make(1002, f"x has {len(ax)} rows and {name} has {len(a)}; they need one entry per row each")
    if aw is not None and aw.ndim != 1:
        raise errors.make(1002, f"sample_weight has shape {list(aw.shape)}; expected [{len(ax)}], one weight per row")
    for name, a in (("x", ax), ("y", ay), ("sample_weight", aw)):
        if a is not None and a.ndim > 8:
            raise errors.make(1002, f"{name}: {a.ndim} dimensions; at most 8")
    data.add(ax, ay, aw)


def add_arrow(data: _core.Dataset, table: Any, columns: Columns) -> None:
    """Append the rows of a table, record batch or reader."""
    if hasattr(table, "__arrow_c_stream__"):
        stream = table.__arrow_c_stream__()
        columns.settle(_core.column_names(stream))
        data.add_stream(0, stream, columns.features or [], columns.label, columns.weight, columns.validation, columns.invalid)
    else:
        schema, batch = table.__arrow_c_array__()
        columns.settle(_core.column_names(schema))
        data.add_batch(0, schema, batch, columns.features or [], columns.label, columns.weight, columns.validation, columns.invalid)


def _batches(value: Any) -> Iterator[Any] | None:
    """An iterator over batches if value is an iterable of Arrow batches or (x, y) tuples, else None."""
    if isinstance(value, np.ndarray) or hasattr(value, "__array__") or not isinstance(value, Iterable):
        return None
    items = iter(value)
    first = next(items, None)
    if first is None:
        return iter(()) if items is value else None
    if not is_arrow(first) and not (isinstance(first, tuple) and items is value):
        if items is value:
            raise errors.make(2002, f"an iterator of {type(first).__name__}; expected Arrow record batches or (x, y) tuples of arrays")
        return None
    return chain([first], items)


def add(data: _core.Dataset, x: Any, y: Any, w: Any, columns: Columns, pad: Callable[[Any], Any] = lambda x: x) -> bool:
    """Append the rows of x, whatever it is; `pad` brings those of arrays to one length. True if it was read by columns."""
    if isinstance(y, str):
        raise errors.make(1001, f"y='{y}' is a text; name the label column of a table with label='{y}'")
    if y is None and is_arrow(x):
        if w is not None:
            raise errors.make(1001, "sample_weight with a table; name its weight column with weight=")
        add_arrow(data, x, columns)
        return True
    batches = _batches(x) if y is None else None
    if batches is None:
        add_arrays(data, pad(x), y, w)
        return False
    by_columns = False
    for batch in batches:
        if is_arrow(batch):
            add_arrow(data, batch, columns)
            by_columns = True
        else:
            add_arrays(data, pad(batch[0]), *batch[1:])
    return by_columns
