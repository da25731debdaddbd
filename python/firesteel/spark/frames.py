"""frames - tensor programs on tables, as TensorFrames had them: map, reduce and aggregate columns by programs that run in C on the executors.

    from firesteel import ops
    from firesteel.spark import frames as tfs

    tfs.map_blocks(lambda x: {"z": x + 3.0}, df)                                           # z beside the columns of df
    tfs.reduce_blocks(lambda x_input: {"x": ops.sum(x_input, axis=0)}, df)                 # a number
    tfs.aggregate(lambda x_input: {"x": ops.sum(x_input, axis=0)}, df.groupBy("key"))      # a row for each key

A program is a Python function over the symbolic tensors of fire.ops, whose arguments name columns and whose dict names outputs; or tensors made of
`block` and `row`, as a dict; or an ONNX or TensorFlow file, its bytes, or a model. docs/frames.md tells the rules.
"""
from __future__ import annotations

import dataclasses
from typing import Any, Callable, Iterator, Mapping, NamedTuple, Optional, Sequence

import numpy
from pyspark.sql.types import StructField, StructType

from .._program import Program, Tensor, build, parameters, placeholder, trace
from ..executor import program as tasks
from ..models import Model
from . import session
from .cells import SPARK, WORD, Cell, Shape, analyze, append_shape, explain, found, is_pandas, noted, plain, print_schema, schema_of, spark_type
from .errors import fail
from .fit import collect, column, plain_names
from .frames_model import Graph, graph_of
from .transform import CLOSURE

__all__ = ["aggregate", "analyze", "append_shape", "block", "explain", "map_blocks", "map_rows", "print_schema", "reduce_blocks", "reduce_rows", "row"]


# ---- placeholders --------------------------------------------------------------------------

def block(df: Any, col: Any, tf_name: Optional[str] = None) -> Any:
    """A placeholder for a column in blocks of rows, [rows, ...cell], called `tf_name` or as the column."""
    return _placeholder(df, col, tf_name, True)


def row(df: Any, col: Any, tf_name: Optional[str] = None) -> Any:
    """A placeholder for one cell of a column."""
    return _placeholder(df, col, tf_name, False)


def _placeholder(df: Any, col: Any, tf_name: Optional[str], block: bool) -> Tensor:
    name = col if isinstance(col, str) else df.select(col).columns[0]
    _, held = found(schema_of(df), name, "block" if block else "row")
    made = _tensor(tf_name or name, held, block)
    made.column = name
    return made


def _tensor(name: str, held: Cell, block: bool) -> Tensor:
    return placeholder(name, held.tensor, (None, *held.shape) if block else held.shape, block)


def _check_table(df: Any, who: str) -> None:
    if not hasattr(df, "columns") or not (is_pandas(df) or hasattr(df, "schema")):
        raise fail(1001, f"{who}: {type(df).__name__} where a Spark or pandas DataFrame was expected; the program comes first")


# ---- programs and the columns they take ----------------------------------------------------------

class Bound(NamedTuple):
    """A program whose placeholders have columns."""

    program: Program
    columns: list[tuple[StructField, Cell]]  # of each input of the program
    each: bool = False                       # of a model: it takes blocks, and computes the rows of one independently
    block: bool = False                      # of a model: it takes blocks


def _bind(fetches: Any, schema: StructType, who: str, blocks: bool, column_of: Callable[[str], tuple[str, str]]) -> Bound:
    """column_of: a placeholder's column, and what to call it in messages."""
    if isinstance(fetches, (str, bytes, Model)) or hasattr(fetches, "__fspath__"):
        return _bind_graph(graph_of(fetches, who), schema, who, blocks, column_of)
    columns: dict[str, tuple[StructField, Cell]] = {}
    if callable(fetches) and not isinstance(fetches, Tensor):
        given: list[Tensor] = []
        for name in parameters(fetches):
            at, what = column_of(name)
            columns[name] = found(schema, at, what)
            given.append(_tensor(name, columns[name][1], blocks))
        program, needed = build(trace(fetches, given))
        return Bound(program, [columns[t.name] for t in needed])
    program, needed = build(_named(fetches, who))
    for t in needed:
        at, what = column_of(t.name)
        if not any(f.name == at for f in schema.fields):
            at = t.column
        columns[t.name] = found(schema, at, what)
        held = columns[t.name][1]
        if held.tensor != t.dtype or len(t.shape) != len(held.shape) + blocks:
            raise fail(2002, f"{what} is {t.dtype} of rank {len(t.shape)}, but column {at!r} is {held}; make placeholders for {who} by frames.{'block' if blocks else 'row'}")
    if len({t.name for t in needed}) < len(needed):
        raise fail(1001, f"{who}: two placeholders have the same name; use each one wherever its column is meant")
    return Bound(program, [columns[t.name] for t in needed])


def _named(fetches: Any, who: str) -> Mapping[str, Any]:
    if isinstance(fetches, Mapping) and fetches:
        return fetches
    raise fail(1001, f"{who}: fetches is {type(fetches).__name__}; expected a function over columns, a dict of tensors by the names of the outputs, an ONNX or TensorFlow file or its bytes, or a model")


def _bind_graph(graph: Graph, schema: StructType, who: str, blocks: bool, column_of: Callable[[str], tuple[str, str]]) -> Bound:
    columns: list[tuple[StructField, Cell]] = []
    takes: set[bool] = set()
    for name, _, dtype, shape in graph.program.inputs:
        at, what = column_of(name)
        f, held = found(schema, at, what)
        if held.tensor != dtype and not (held.vector and dtype == "float32"):
            raise fail(2002, f"{what} is {WORD.get(dtype, dtype)}, but column {at!r} is {WORD[held.dtype]}; types are never changed silently: cast the column, col({at!r}).cast({WORD.get(dtype, dtype)!r})")
        rank = len(held.shape)
        if shape is not None and len(shape) not in ((rank + 1,) if blocks else (rank, rank + 1)):
            raise fail(1002, f"{what} has shape {list(shape)}, but {'a block' if blocks else 'a cell'} of column {at!r} is {held if not blocks else WORD[held.dtype]} of rank {rank + blocks}")
        inside = shape[len(shape) - rank:] if shape is not None else (None,) * rank
        if any(a is not None and b is not None and a != b for a, b in zip(inside, held.shape)):
            raise fail(1002, f"{what} takes cells {list(inside)}, but those of column {at!r} are {held}")
        takes.add(blocks or shape is not None and len(shape) == rank + 1)
        columns.append((f, held._replace(dtype=dtype)))
    if len(takes) > 1:
        raise fail(1002, f"{who}: some inputs of the model take one row and some a block of rows")
    return Bound(graph.outputs_for([c for _, c in columns], takes == {True}, who), columns, graph.each, takes == {True})


def _of_feed(name: Any) -> str:
    """The placeholder that a key of feed_dict means: by itself, by name, or as TensorFlow calls it, "x:0"."""
    return str(getattr(name, "name", name)).removesuffix(":0")


def _direct(feed_dict: Optional[Mapping[Any, Any]]) -> Callable[[str], tuple[str, str]]:
    """Placeholders of a map: columns of the same name, or as feed_dict says."""
    feed = {_of_feed(name): at for name, at in (feed_dict or {}).items()}

    def column_of(name: str) -> tuple[str, str]:
        at = feed.get(name, name)
        return (at if isinstance(at, str) else str(at)), f"placeholder {name!r}" + (f" (feed_dict: {at!r})" if name in feed else "")
    return column_of


def _check_feed(feed_dict: Optional[Mapping[Any, Any]], bound: Bound, fetches: Any) -> None:
    if not feed_dict:
        return
    known = parameters(fetches) if callable(fetches) and not isinstance(fetches, (Tensor, Model)) else [name for name, *_ in bound.program.inputs]
    for name in feed_dict:
        if _of_feed(name) not in known:
            raise fail(1003, f"feed_dict names the placeholder {_of_feed(name)!r}; the program has {', '.join(known) or 'none'}; write feed_dict={{placeholder: column}}")


# ---- maps ------------------------------------------------------------------------------------

def map_rows(fetches: Any, df: Any, feed_dict: Optional[Mapping[Any, str]] = None) -> Any:
    """df with the program's outputs, computed for each row; placeholders have the shape of a cell. Cells of a column may have different shapes.

    The outputs come before the columns of df, in the order of their names. Lazy. A pandas DataFrame gives a pandas DataFrame."""
    return _map(fetches, df, feed_dict, "rows")


def map_blocks(fetches: Any, df: Any, feed_dict: Optional[Mapping[Any, str]] = None, trim: bool = False) -> Any:
    """df with the program's outputs, computed for blocks of rows; placeholders are [rows, ...cell]. A block is an Arrow batch of one partition.

    trim: the outputs alone, of any number of rows; all outputs of a block have the same number. Lazy. A pandas DataFrame gives a pandas DataFrame."""
    return _map(fetches, df, feed_dict, "trim" if trim else "block")


class Output(NamedTuple):
    name: str
    field: StructField          # type as it comes from Arrow
    metadata: dict[str, Any]
    shape: Optional[Shape]


def _map(fetches: Any, df: Any, feed_dict: Optional[Mapping[Any, str]], how: str) -> Any:
    who = "map_rows" if how == "rows" else "map_blocks"
    _check_table(df, who)
    schema = schema_of(df)
    bound = _bind(fetches, schema, who, how != "rows", _direct(feed_dict))
    _check_feed(feed_dict, bound, fetches)
    # By name, as TensorFrames has them.
    program = dataclasses.replace(bound.program, outputs=tuple(sorted(bound.program.outputs)))
    if how == "rows" and bound.block:  # a model that takes blocks
        how = "block" if bound.each else "squeeze"
    outputs = _map_outputs(program, bound, schema, how, who)
    if is_pandas(df):
        from .frames_pandas import map_pandas
        return map_pandas(df, program, [f.name for f, _ in bound.columns], how)
    names = [] if how == "trim" else list(df.columns)
    kept = [f for f in schema.fields] if how != "trim" else []
    inner = plain_names([*names, *(f"__out{k}" for k in range(len(outputs)))])
    keep, made = inner[:len(names)], inner[len(names):]
    selected = [column(f.name).alias(p) for f, p in zip(kept, keep)]
    places: list[int] = []
    for k, (f, held) in enumerate(bound.columns):
        if not held.vector and f.name in names:
            places.append(names.index(f.name))
        else:
            places.append(len(selected))
            selected.append(_fed_column(f, held).alias(f"__in{k}"))
    source = df.select(*selected) if selected else df
    fields = [*(StructField(m, o.field.dataType) for m, o in zip(made, outputs)), *(StructField(p, f.dataType, f.nullable) for p, f in zip(keep, kept))]
    run = _task(df.sparkSession, "map_batches", program, places, list(range(len(names))), [*made, *keep], how)
    mapped = source.mapInArrow(run, StructType(fields))
    return mapped.select(*[column(m).alias(o.name, metadata=o.metadata) for m, o in zip(made, outputs)], *[column(p).alias(f.name, metadata=f.metadata or {}) for p, f in zip(keep, kept)])


def _fed_column(f: StructField, held: Cell) -> Any:
    if held.vector and held.dtype == "float32":
        from pyspark.ml.functions import vector_to_array
        return vector_to_array(column(f.name), "float32")
    return plain(f, held)


def _map_outputs(program: Program, bound: Bound, schema: StructType, how: str, who: str) -> list[Output]:
    """The columns that a map adds; what is wrong with them is said here, before any job."""
    taken = {} if how == "trim" else {f.name.lower(): f.name for f in schema.fields}
    by_name = {name: c for (name, *_), c in zip(program.inputs, bound.columns)}
    outputs: list[Output] = []
    for name, inner, dtype, shape in program.outputs:
        if name.lower() in taken:
            raise fail(2001, f"{who}: output {name!r} is the name of a column already; call it otherwise, or drop that column first")
        if any(name.lower() == o.name.lower() for o in outputs):
            raise fail(2001, f"{who}: two outputs are called {name!r}")
        if not inner:  # passed on
            f, held = by_name[dtype]
            kind = spark_type(held.dtype, 1) if held.vector else f.dataType
            outputs.append(Output(name, StructField(name, kind), dict(f.metadata or {}), held.shape))
            continue
        blocks = how != "rows"
        if dtype not in SPARK and (dtype != "uint8" or len(shape) - blocks != 1):
            raise fail(2002, f"{who}: output {name!r} is {dtype}, which no column of Spark holds" + (" but in cells of rank 1, as bytes" if dtype == "uint8" else "") +
                       "; cast it: ops.cast(z, \"int32\")")
        if blocks and not shape:
            raise fail(1002, f"{who}: output {name!r} is one number; the first dimension of a block's output is rows" + ("; ops.expand_dims(z, 0) makes one row of it" if how == "trim" else
                       "; trim=True and ops.expand_dims(z, 0) give one row for each block"))
        if how == "block" and shape[0] is not None:
            raise fail(1002, f"{who}: output {name!r} has {shape[0]} rows whatever the block has; expected as many as go in, or trim=True, which allows another number")
        inside = shape[1:] if blocks else shape
        outputs.append(Output(name, StructField(name, spark_type(dtype, len(inside))), noted({}, inside) if inside else {}, inside))
    return outputs


def _task(spark: Any, which: str, program: Program, *args: Any) -> Callable[[Any], Any]:
    """The function that tasks run over batches. It travels by value, and the program's model with it unless it is large."""
    find_wheel = session.wheel_finder()
    file = ""
    if len(program.model) > CLOSURE:
        file = f"firesteel-{program.key[:40]}.onnx"
        session.ship_file(spark, file, program.model)
        program = dataclasses.replace(program, model=b"")
    fields = {f.name: getattr(program, f.name) for f in dataclasses.fields(program)}

    def read() -> bytes:
        from pyspark import SparkFiles

        with open(SparkFiles.get(file), "rb") as f:
            return f.read()

    def run(batches: Iterator[Any]) -> Iterator[Any]:
        find_wheel()
        from firesteel.executor import program

        yield from getattr(program, which)(batches, program.build(fields, read if file else None), *args)

    return run


# ---- reductions --------------------------------------------------------------------------------

def reduce_rows(fetches: Any, df: Any) -> Any:
    """One row of all: for every output z the program takes two cells z_1 and z_2 of the column z and gives one. It is applied in a tree, so it must be
    associative. A number or array, or a list of them in the order of the outputs."""
    return _reduce(fetches, df, "rows")


def reduce_blocks(fetches: Any, df: Any) -> Any:
    """One row of all: for every output z the program takes a block z_input of the column z and gives one cell. It is applied to blocks, then to blocks
    of what it gave. A number or array, or a list of them in the order of the outputs."""
    return _reduce(fetches, df, "blocks")


def _suffixed(how: str, who: str) -> Callable[[str], tuple[str, str]]:
    endings = ("_1", "_2") if how == "rows" else ("_input",)

    def column_of(name: str) -> tuple[str, str]:
        for ending in endings:
            if name.endswith(ending) and len(name) > len(ending):
                return name[:-len(ending)], f"placeholder {name!r}"
        expected = "z_1 and z_2" if how == "rows" else "z_input"
        raise fail(1003, f"{who}: placeholder {name!r}; the placeholders for a column z are called {expected}")
    return column_of


def _reduction(fetches: Any, schema: StructType, how: str, who: str) -> tuple[Program, list[tuple[StructField, Cell]]]:
    """The program and the column of each of its outputs; whether it gives cells like those it takes."""
    bound = _bind(fetches, schema, who, how == "blocks", _suffixed(how, who))
    program = bound.program
    columns = []
    for name, inner, dtype, shape in program.outputs:
        f, held = found(schema, name, f"{who}: output {name!r}")
        if not inner:
            raise fail(1001, f"{who}: output {name!r} is a placeholder as it is; a reduction gives one cell of several")
        if dtype != held.tensor:
            raise fail(2002, f"{who}: output {name!r} is {WORD.get(dtype, dtype)}, its column {WORD[held.dtype]}; a reduction gives cells like those it takes, ops.cast(z, {held.tensor!r})")
        if len(shape) != len(held.shape) or any(a is not None and b is not None and a != b for a, b in zip(shape, held.shape)):
            raise fail(1002, f"{who}: output {name!r} has shape {list(shape)}, cells of its column {list(held.shape)}; a reduction gives cells like those it takes")
        columns.append((f, held))
    return program, columns


def _reduce(fetches: Any, df: Any, how: str) -> Any:
    who = f"reduce_{how}"
    _check_table(df, who)
    program, columns = _reduction(fetches, schema_of(df), how, who)
    names = [f.name for f, _ in columns]
    if is_pandas(df):
        from .frames_pandas import reduce_pandas
        return reduce_pandas(df, program, names, how)
    inner = [f"v{k}" for k in range(len(names))]
    source = df.select(*[plain(f, held).alias(v) for (f, held), v in zip(columns, inner)])
    run = _task(df.sparkSession, "reduce_batches", program, names, inner, how)
    kinds = StructType([StructField(v, spark_type(held.dtype, len(held.shape))) for v, (_, held) in zip(inner, columns)])
    partial = collect(df, source.mapInArrow(run, kinds).toArrow, who)  # a row for each partition that has any
    if not partial.num_rows:
        raise fail(2007, f"{who}: the table has no rows")
    runner = tasks.Runner(program)
    parts = [tasks.dense(c.combine_chunks(), name) for c, name in zip(partial.columns, names)]
    if any(v is None for v in parts):
        raise fail(2005, f"{who}: cells of a column have different shapes, so they cannot be reduced")
    values = [v for v in parts if v is not None]
    if partial.num_rows > 1:
        values = (tasks.reduce_pairs if how == "rows" else tasks.reduce_block)(runner, values)
    return tasks.one_row(values)


def aggregate(fetches: Any, grouped: Any) -> Any:
    """A DataFrame with one row for each group of `df.groupBy(keys)`: the keys, then the outputs in the order of their names. For every output z the
    program takes a block z_input of the column z and gives one cell; it is applied to parts of a group on the executors that hold them, and again to
    what it gave."""
    if is_pandas(grouped):
        from .frames_pandas import group_keys
        df, keys = group_keys(grouped)
    else:
        df, keys = session.group_keys(grouped, "aggregate")
    program, columns = _reduction(fetches, schema_of(df), "blocks", "aggregate")
    order = sorted(range(len(columns)), key=lambda k: program.outputs[k][0])
    program = dataclasses.replace(program, outputs=tuple(program.outputs[k] for k in order))
    columns = [columns[k] for k in order]
    names = [f.name for f, _ in columns]
    for name in names:
        if name in keys:
            raise fail(2001, f"aggregate: {name!r} is both a key and an output")
    if is_pandas(grouped):
        from .frames_pandas import aggregate_pandas
        return aggregate_pandas(df, program, keys, names)
    inner_keys, inner = [f"k{i}" for i in range(len(keys))], [f"v{i}" for i in range(len(names))]
    source = df.select(*[column(k).alias(i) for k, i in zip(keys, inner_keys)], *[plain(f, held).alias(v) for (f, held), v in zip(columns, inner)])
    by_name = {f.name: f for f in df.schema.fields}
    kinds = StructType([*(StructField(i, by_name[k].dataType) for k, i in zip(keys, inner_keys)), *(StructField(v, spark_type(held.dtype, len(held.shape))) for v, (_, held) in zip(inner, columns))])
    spark = df.sparkSession
    partial = source.mapInArrow(_task(spark, "aggregate_batches", program, len(keys), names, False), kinds)
    together = partial.repartition(*[column(i) for i in inner_keys]) if keys else partial.repartition(1)
    reduced = together.mapInArrow(_task(spark, "aggregate_batches", program, len(keys), names, True), kinds)
    return reduced.select(*[column(i).alias(k, metadata=by_name[k].metadata or {}) for k, i in zip(keys, inner_keys)],
                          *[column(v).alias(f.name, metadata=noted({}, shape) if shape else {}) for v, (f, _), (_, _, _, shape) in zip(inner, columns, program.outputs)])
