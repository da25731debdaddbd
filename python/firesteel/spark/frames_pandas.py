"""frames_pandas - tensor programs on a pandas DataFrame, in this process."""
from __future__ import annotations

from typing import Any, Sequence

import pyarrow
from pyspark.sql.pandas.types import from_arrow_schema
from pyspark.sql.types import StructField, StructType

from .._program import Program
from ..executor import program as tasks
from ..executor.failure import TaskError
from .cells import cell, noted
from .errors import fail


def _table(df: Any) -> Any:
    return pyarrow.Table.from_pandas(df, preserve_index=False)


def schema_of(df: Any) -> StructType:
    """Its columns as Spark has them, with the shapes of cells."""
    table = _table(df)
    fields = []
    for f in from_arrow_schema(table.schema).fields:
        held, column = cell(f), table.column(f.name).combine_chunks()
        if held is not None and held.shape and not column.null_count and len(column):
            seen = tasks.shapes(column, f.name)
            f = StructField(f.name, f.dataType, f.nullable, noted(f.metadata or {}, [int(n[0]) if (n == n[0]).all() else None for n in seen.T]))
        fields.append(f)
    return StructType(fields)


def _told(error: TaskError) -> Exception:
    return fail(int(error.record["code"][2:]), error.record["message"])


def reduce_pandas(df: Any, program: Program, names: Sequence[str], how: str) -> Any:
    """All rows to one. how: rows or blocks."""
    table = _table(df).select(list(names)).combine_chunks()
    if not table.num_rows:
        raise fail(2007, f"reduce_{how}: the table has no rows")
    try:
        (made,) = tasks.reduce_batches(table.to_batches(), tasks.Runner(program), names, names, how)
        return tasks.one_row([column for column in (tasks.dense(c, name) for c, name in zip(made.columns, names)) if column is not None])
    except TaskError as error:
        raise _told(error) from None


def group_keys(grouped: Any) -> tuple[Any, list[str]]:
    """The table under df.groupby(keys), and the names of the keys."""
    if not hasattr(grouped, "obj") or not hasattr(grouped, "keys"):
        raise fail(1001, f"aggregate: {type(grouped).__name__} where df.groupby(keys) was expected; the program comes first")
    keys = [grouped.keys] if isinstance(grouped.keys, str) else grouped.keys
    if not isinstance(keys, (list, tuple)) or not all(isinstance(key, str) and key in grouped.obj.columns for key in keys):
        raise fail(2001, "aggregate: the keys of df.groupby(keys) must be names of columns")
    return grouped.obj, list(keys)


def aggregate_pandas(df: Any, program: Program, keys: Sequence[str], names: Sequence[str]) -> Any:
    """A row for each group: the keys, sorted, then the outputs."""
    table = _table(df.dropna(subset=list(keys))).select([*keys, *names])
    try:
        made = list(tasks.aggregate_batches(table.to_batches(), tasks.Runner(program), len(keys), names, True))
    except TaskError as error:
        raise _told(error) from None
    return (pyarrow.Table.from_batches(made) if made else table).to_pandas()


def map_pandas(df: Any, program: Program, columns: Sequence[str], how: str) -> Any:
    """The outputs before the columns of df, or alone, as a pandas DataFrame."""
    table = _table(df)
    runner = tasks.Runner(program)
    given = [table.column(name).combine_chunks() for name in columns]
    try:
        made = tasks.map_block(runner, given, len(df), how == "trim") if how in ("block", "trim") else tasks.map_each(runner, given, len(df), how == "squeeze")
    except TaskError as error:
        raise _told(error) from None
    frame = pyarrow.table(made, names=[name for name, *_ in program.outputs]).to_pandas()
    if how == "trim":
        return frame
    frame.index = df.index
    import pandas
    return pandas.concat([frame, df], axis=1)
