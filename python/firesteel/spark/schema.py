"""schema - what the driver can say about columns before any Spark job runs."""
from __future__ import annotations

import difflib
from typing import Any, NamedTuple, Optional, Sequence

from pyspark.sql.types import (ArrayType, BooleanType, ByteType, DataType, DecimalType, DoubleType, FloatType, IntegerType, LongType, ShortType,
                               StringType, StructField, StructType)

from .errors import fail

NUMBERS = (ByteType, ShortType, IntegerType, LongType, FloatType, DoubleType)


def of(dataset: Any, what: str) -> StructType:
    """The schema of what fit or transform got."""
    if not hasattr(dataset, "sparkSession") or not hasattr(dataset, "schema"):
        found = type(dataset)
        raise fail(1001, f"{what}: expected a Spark DataFrame, found {found.__module__.split('.')[0]}.{found.__name__}; spark.createDataFrame makes one of pandas and pyarrow tables and of rows")
    return dataset.schema  # type: ignore[no-any-return]


def is_vector(kind: DataType) -> bool:
    return type(kind).__name__ == "VectorUDT"


def is_number(kind: DataType) -> bool:
    return isinstance(kind, NUMBERS)


def is_array(kind: DataType) -> bool:
    """Arrays of numbers, of any depth."""
    while isinstance(kind, ArrayType):
        kind = kind.elementType
        if is_number(kind) or isinstance(kind, BooleanType):
            return True
    return False


def is_list(kind: DataType) -> bool:
    return isinstance(kind, ArrayType)


def is_text(kind: DataType) -> bool:
    return isinstance(kind, StringType)


def nearest(name: str, names: Sequence[str]) -> str:
    """The end of a sentence that says that there is no such name."""
    near = difflib.get_close_matches(name, list(names), 3, cutoff=0.5)
    shown = ", ".join(names[:12]) + (f" and {len(names) - 12} more" if len(names) > 12 else "")
    return f"did you mean {' or '.join(near)}?" if near else f"it has {shown or 'no columns'}"


def field(schema: StructType, name: str, role: str) -> StructField:
    """The column `name`, found as Spark finds it (case does not matter unless only case tells two columns apart)."""
    exact = [f for f in schema.fields if f.name == name]
    found = exact or [f for f in schema.fields if f.name.lower() == name.lower()]
    if len(found) == 1:
        return found[0]
    if len(found) > 1:
        raise fail(2001, f"{role}={name!r}: the table has {len(found)} columns of this name; rename or drop all but one")
    raise fail(2001, f"{role}={name!r}: the table has no such column; {nearest(name, [f.name for f in schema.fields])}")


def says(kind: DataType) -> str:
    return "vector" if is_vector(kind) else kind.simpleString()


def features(schema: StructType, given: Any, role: str = "featuresCol") -> list[StructField]:
    """The feature columns, each of a type that the engine reads."""
    names = [given] if isinstance(given, str) else list(given)
    fields = [field(schema, n, role) for n in names]
    for f in fields:
        if not (is_vector(f.dataType) or is_array(f.dataType) or is_number(f.dataType) or isinstance(f.dataType, BooleanType)):
            hint = "; cast decimals to double" if isinstance(f.dataType, DecimalType) else \
                "; categoricalCols, StringIndexer or OneHotEncoder make numbers of it" if f.dataType.simpleString() == "string" else ""
            raise fail(2002, f"{role}={f.name!r} is {says(f.dataType)}; expected numbers, booleans, an array of numbers or an ML vector{hint}")
    return fields


def holds_whole_numbers(kind: DataType) -> bool:
    """Whether the elements of a column, or of its arrays, are whole numbers."""
    while isinstance(kind, ArrayType):
        kind = kind.elementType
    return isinstance(kind, (ByteType, ShortType, IntegerType, LongType))


def categories(schema: StructType, names: Sequence[str]) -> list[StructField]:
    """The columns of categories: texts, whole numbers, booleans, or arrays of them."""
    fields = [field(schema, n, "categoricalCols") for n in names]
    for f in fields:
        kind = f.dataType.elementType if isinstance(f.dataType, ArrayType) else f.dataType
        if not (isinstance(kind, (StringType, BooleanType)) or holds_whole_numbers(kind)):
            raise fail(2002, f"categoricalCols: {f.name!r} is {says(f.dataType)}; expected texts, whole numbers, booleans or arrays of them; cast it to string")
    return fields


def width(fields: Sequence[StructField]) -> Optional[int]:
    """Numbers per row of the feature columns, where the schema tells: vectors do in spark.ml's metadata, arrays do not."""
    total = 0
    for f in fields:
        size = (f.metadata or {}).get("ml_attr", {}).get("num_attrs") if is_vector(f.dataType) else None if is_array(f.dataType) else 1
        if not isinstance(size, int):
            return None
        total += size
    return total


class Label(NamedTuple):
    name: str
    several: bool            # an array or vector of labels per row
    is_vector: bool
    classes: Optional[int]   # from the column's metadata
    names: Optional[tuple[str, ...]]


def label(schema: StructType, name: str, role: str = "labelCol") -> Label:
    f = field(schema, name, role)
    several = is_vector(f.dataType) or is_array(f.dataType)
    if not several and not is_number(f.dataType) and not isinstance(f.dataType, BooleanType):
        hint = "; StringIndexer makes numbers of it" if f.dataType.simpleString() == "string" else "; cast it to double" if isinstance(f.dataType, DecimalType) else ""
        raise fail(2002, f"{role}={f.name!r} is {says(f.dataType)}; expected numbers{hint}")
    attribute = (f.metadata or {}).get("ml_attr", {})
    values = attribute.get("vals")
    count = len(values) if isinstance(values, (list, tuple)) else None
    if count is None:
        try:
            count = int(attribute.get("num_vals"))
        except (TypeError, ValueError):
            count = None
    if attribute.get("type") not in ("nominal", "binary") or several:
        count, values = None, None
    if attribute.get("type") == "binary" and not several:
        count = 2
    return Label(f.name, several, is_vector(f.dataType), count, tuple(str(v) for v in values) if values else None)


def weight(schema: StructType, name: Optional[str]) -> Optional[str]:
    if name is None:
        return None
    f = field(schema, name, "weightCol")
    if not is_number(f.dataType):
        raise fail(2002, f"weightCol={f.name!r} is {says(f.dataType)}; expected numbers")
    return f.name


def indicator(schema: StructType, name: Optional[str]) -> Optional[str]:
    if name is None:
        return None
    f = field(schema, name, "validationIndicatorCol")
    if not isinstance(f.dataType, BooleanType):
        raise fail(2002, f"validationIndicatorCol={f.name!r} is {says(f.dataType)}; expected boolean")
    return f.name


def roles_apart(columns: Sequence[tuple[str, Optional[str]]]) -> None:
    """One column cannot play two parts."""
    seen: dict[str, str] = {}
    for role, name in columns:
        if name is None:
            continue
        if name in seen:
            raise fail(2001, f"column {name!r} is both {seen[name]} and {role}")
        seen[name] = role


def free_outputs(schema: StructType, columns: Sequence[tuple[str, str]]) -> None:
    """Columns that scoring adds must not be there yet, nor have the same name twice."""
    taken = {f.name.lower(): "is in the table already" for f in schema.fields}
    for role, name in columns:
        if name.lower() in taken:
            raise fail(2001, f"{role}={name!r} {taken[name.lower()]}; choose another {role} or drop that column first")
        taken[name.lower()] = f"is also {role}"
