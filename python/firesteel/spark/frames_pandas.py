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


def map_pandas(df: Any, program: Program, columns: Sequence[str], how: str) -> Any:
    """The outputs before the columns of df, or alone, as a pandas DataFrame."""
    table = _table(df)
    runner = tasks.Runner(program)
    given = [table.column(name).combine_chunks() for name in columns]
    try:
        made = tasks.map_block(runner, given, len(df), how == "trim") if how in ("block", "trim") else tasks.map_each(runner, given, len(df), how == "squeeze")
    except TaskError as error:
        raise fail(int(error.record["code"][2:]), error.record["message"]) from None
    frame = pyarrow.table(made, names=[name for name, *_ in program.outputs]).to_pandas()
    if how == "trim":
        return frame
    frame.index = df.index
    import pandas
    return pandas.concat([frame, df], axis=1)
