"""cells - what a column's cells are as tensors: their type, and their shape as far as the schema or `analyze` tells it.

A shape is kept in the column's metadata as {"firesteel": {"shape": [2, -1]}}, sizes in which cells differ as -1; it follows the column through
select, alias, filter and the operations of frames.
"""
from __future__ import annotations

import difflib
from typing import Any, NamedTuple, Optional, Sequence

from pyspark.ml.functions import vector_to_array
from pyspark.sql import functions as F
from pyspark.sql.types import (ArrayType, BinaryType, BooleanType, ByteType, DataType, DoubleType, FloatType, IntegerType, LongType, ShortType, StringType,
                               StructField, StructType)

from .._program import shown
from .errors import fail
from .fit import collect, column
from .schema import is_vector, says

SPARK: dict[str, DataType] = {"float64": DoubleType(), "float32": FloatType(), "int64": LongType(), "int32": IntegerType(), "int16": ShortType(), "int8": ByteType(), "bool": BooleanType()}
WORD = {"float64": "double", "float32": "float", "int64": "long", "int32": "int", "int16": "short", "int8": "byte", "bool": "boolean", "binary": "binary", "string": "string"}
_TYPE = {type(kind): name for name, kind in SPARK.items()} | {BinaryType: "binary", StringType: "string"}
Shape = tuple[Optional[int], ...]


class Cell(NamedTuple):
    dtype: str      # "float64" ...; "string" can only be passed on
    shape: Shape    # of binary: how many bytes there are
    vector: bool = False

    @property
    def tensor(self) -> str:
        """The type of its tensor: bytes are uint8."""
        return "uint8" if self.dtype == "binary" else self.dtype

    @property
    def outside(self) -> Shape:
        """The shape as TensorFrames counts, where a binary is one value."""
        return self.shape[:-1] if self.dtype == "binary" else self.shape

    def __str__(self) -> str:
        return f"{WORD[self.dtype]}{shown(self.shape)}"


def cell(field: StructField) -> Optional[Cell]:
    """What a column holds; None where it is nothing that a tensor program could take."""
    kind, depth = field.dataType, 0
    metadata = field.metadata or {}
    if is_vector(kind):
        size = metadata.get("ml_attr", {}).get("num_attrs")
        return Cell("float64", _known(metadata, 1) or (size if isinstance(size, int) and size > 0 else None,), True)
    while isinstance(kind, ArrayType):
        kind, depth = kind.elementType, depth + 1
    dtype = _TYPE.get(type(kind))
    if dtype is None or depth and dtype in ("binary", "string"):
        return None
    depth += dtype == "binary"
    return Cell(dtype, _known(metadata, depth) or (None,) * depth)


def _known(metadata: dict[str, Any], depth: int) -> Optional[Shape]:
    shape = (metadata.get("firesteel") or {}).get("shape") if isinstance(metadata.get("firesteel"), dict) else None
    if not isinstance(shape, list) or len(shape) != depth:
        return None
    return tuple(n if isinstance(n, int) and n >= 0 else None for n in shape)


def found(schema: StructType, name: str, what: str) -> tuple[StructField, Cell]:
    """The column that a placeholder stands for."""
    fields = [f for f in schema.fields if f.name == name]
    if len(fields) > 1:
        raise fail(2001, f"{what}: the table has {len(fields)} columns called {name!r}; rename or drop all but one")
    if not fields:
        raise fail(2001, f"{what}: the table has no column {name!r}; {_has([f.name for f in schema.fields], name)}")
    held = cell(fields[0])
    if held is None:
        raise fail(2002, f"{what}: column {name!r} is {says(fields[0].dataType)}; tensor programs take {', '.join(w for d, w in WORD.items() if d != 'string')}, arrays of numbers and ML vectors")
    return fields[0], held


def _has(names: Sequence[str], name: str) -> str:
    near = difflib.get_close_matches(name, names, 1, cutoff=0.4) or [n for n in names if n.lower() == name.lower()]
    listed = ", ".join(names[:20]) + (f" and {len(names) - 20} more" if len(names) > 20 else "")
    return f"it has {listed or 'none'}" + (f"; the nearest is {near[0]!r}" if near else "")


def is_pandas(df: Any) -> bool:
    """Whether it is a pandas DataFrame (or a grouped one), without importing pandas."""
    return type(df).__module__.split(".")[0] == "pandas"


def schema_of(df: Any) -> StructType:
    """The schema of a Spark or pandas DataFrame; the latter's knows the shapes of cells."""
    if is_pandas(df):
        from . import frames_pandas

        return frames_pandas.schema_of(df)
    schema: StructType = df.schema
    return schema


def spark_type(dtype: str, rank: int) -> DataType:
    """The column type for cells of this type and rank."""
    if dtype in ("binary", "uint8"):
        return BinaryType()
    kind = SPARK[dtype]
    for _ in range(rank):
        kind = ArrayType(kind)
    return kind


def noted(metadata: dict[str, Any], shape: Sequence[Optional[int]]) -> dict[str, Any]:
    """Metadata that also holds a cell's shape."""
    return {**metadata, "firesteel": {**(metadata.get("firesteel") or {}), "shape": [-1 if n is None else int(n) for n in shape]}}


def plain(field: StructField, held: Cell) -> Any:
    """The column in a form that Arrow has: ML vectors as arrays."""
    return vector_to_array(column(field.name)) if held.vector else column(field.name)


# ---- finding shapes -----------------------------------------------------------------------

def analyze(df: Any) -> Any:
    """df, whose columns of arrays, vectors and bytes know the shape of their cells: one job counts the smallest and the largest size in each dimension.
    Sizes in which cells differ stay open and are shown as ?."""
    if is_pandas(df):
        return df
    asked: list[tuple[str, int]] = []
    sums: list[Any] = []
    for field in df.schema.fields:
        held = cell(field)
        if held is None:
            continue
        lists = plain(field, held)
        for depth in range(len(held.shape)):
            if held.dtype == "binary":
                low = high = F.octet_length(lists)
            elif depth == 0:
                low = high = F.when(lists.isNotNull(), F.size(lists))
            else:
                sizes = F.transform(lists, lambda inner: F.size(inner))
                low, high = F.array_min(sizes), F.array_max(sizes)
                lists = F.flatten(lists)
            asked.append((field.name, depth))
            sums += [F.min(low).alias(f"low{len(asked)}"), F.max(high).alias(f"high{len(asked)}")]
    if not asked:
        return df
    row = collect(df, lambda: df.agg(*sums).collect(), "finding the shapes of cells")[0]
    sizes_of: dict[str, list[Optional[int]]] = {}
    for k, (name, _) in enumerate(asked):
        low, high = row[2 * k], row[2 * k + 1]
        sizes_of.setdefault(name, []).append(int(low) if low is not None and low == high and low >= 0 else None)
    return _with_shapes(df, {name: tuple(sizes) for name, sizes in sizes_of.items()})


def append_shape(df: Any, col: Any, shape: Sequence[Optional[int]]) -> Any:
    """df, of whose column `col` the shape of cells is said to be `shape`, None or -1 for sizes in which they differ. The shape may also be that of a
    block, with the rows before it: of a column of vectors [2] and [None, 2] say the same."""
    name = col if isinstance(col, str) else df.select(col).columns[0]
    field, held = found(schema_of(df), name, "append_shape")
    sizes = tuple(None if n is None or n < 0 else int(n) for n in shape)
    if len(sizes) == len(held.shape) + 1:
        sizes = sizes[1:]
    if len(sizes) != len(held.shape):
        raise fail(1002, f"append_shape: {list(shape)} for column {name!r}, which is {says(field.dataType)}; expected {len(held.shape)} sizes for a cell, or one more with the rows first")
    return df if is_pandas(df) else _with_shapes(df, {name: sizes})


def _with_shapes(df: Any, shapes: dict[str, Shape]) -> Any:
    return df.select(*[column(f.name).alias(f.name, metadata=noted(f.metadata or {}, shapes[f.name])) if f.name in shapes else column(f.name) for f in df.schema.fields])


def explain(df: Any) -> str:
    """The schema with what each column is as a tensor: a block of it, the rows first."""
    lines = ["root"]
    for f in schema_of(df).fields:
        held = cell(f)
        kind = "vector" if is_vector(f.dataType) else f.dataType.typeName()
        told = f"{WORD[held.dtype]}{shown((None, *held.outside))}" if held is not None and held.dtype != "string" else "<no tensor>"
        lines.append(f" |-- {f.name}: {kind} (nullable = {str(f.nullable).lower()}) {told}")
    return "\n".join(lines)


def print_schema(df: Any) -> None:
    """Print what `explain` says."""
    print(explain(df))
