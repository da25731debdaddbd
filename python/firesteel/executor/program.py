"""program - tensor programs over Arrow batches: blocks of rows, rows one by one, and reductions by a tree of blocks.

The engine computes; what Python does here is done once for a batch, for a shape of cells or for a level of a tree, never for a row.
"""
from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy
import pyarrow
import pyarrow.compute

from .._onnx import NAME
from .._program import Program
from .failure import TaskError
from .score import network

ARROW = {"float32": pyarrow.float32(), "float64": pyarrow.float64(), "int8": pyarrow.int8(), "int16": pyarrow.int16(), "int32": pyarrow.int32(), "int64": pyarrow.int64(), "bool": pyarrow.bool_()}
PIECE = 64          # rows that one run of a reduction takes, where groups are that large
HELD = 1 << 17      # partial rows that a task gathers before it reduces them
Arrays = list[numpy.ndarray]


# ---- cells -----------------------------------------------------------------------------

def _is_list(kind: Any) -> bool:
    return bool(pyarrow.types.is_list(kind) or pyarrow.types.is_large_list(kind) or pyarrow.types.is_fixed_size_list(kind))


def _no_nulls(array: Any, name: str) -> None:
    if array.null_count:
        raise TaskError("FS2003", f"column {name!r} has nulls; tensor programs need a value in every cell, so drop or fill these rows first")


def _bytes(array: Any) -> Any:
    """Bytes as lists of uint8; others as they are."""
    kind = array.type
    if pyarrow.types.is_fixed_size_binary(kind):
        array = array.cast(pyarrow.binary())
    elif not (pyarrow.types.is_binary(kind) or pyarrow.types.is_large_binary(kind)):
        return array
    large = pyarrow.types.is_large_binary(kind)
    valid, offsets, data = array.buffers()
    data = data if data is not None else pyarrow.py_buffer(b"")
    inside = pyarrow.Array.from_buffers(pyarrow.uint8(), data.size, [None, data])
    return pyarrow.Array.from_buffers((pyarrow.large_list if large else pyarrow.list_)(pyarrow.uint8()), len(array), [valid, offsets], offset=array.offset, children=[inside])


def _lengths(array: Any) -> tuple[numpy.ndarray, Any]:
    """Of an array of lists: how long each is, and all their elements."""
    if pyarrow.types.is_fixed_size_list(array.type):
        return numpy.full(len(array), array.type.list_size, numpy.int64), array.flatten()
    return numbers(pyarrow.compute.list_value_length(array).cast(pyarrow.int64())), array.flatten()


def numbers(array: Any) -> numpy.ndarray:
    """The numbers of an Arrow array without nulls. Not to_numpy(), which imports pandas."""
    if pyarrow.types.is_boolean(array.type):
        return numbers(array.cast(pyarrow.uint8())).astype(numpy.bool_)
    dtype = numpy.dtype(_DTYPES[array.type])
    if not len(array):
        return numpy.empty(0, dtype)
    return numpy.frombuffer(array.buffers()[1], dtype, len(array), dtype.itemsize * array.offset)


_DTYPES = {kind: name for name, kind in ARROW.items()} | {pyarrow.uint8(): "uint8"}


def dense(array: Any, name: str) -> numpy.ndarray | None:
    """Cells as one array [rows, ...cell]; None where cells have different shapes."""
    shape = [len(array)]
    array = _bytes(array)
    while True:
        _no_nulls(array, name)
        if not _is_list(array.type):
            return numbers(array).reshape(shape)
        lengths, array = _lengths(array)
        if len(lengths) and lengths.min() != lengths.max():
            return None
        shape.append(int(lengths[0]) if len(lengths) else 0)


def shapes(array: Any, name: str) -> numpy.ndarray:
    """The shape of each cell of lists, [rows, depth]."""
    found: Arrays = []
    rows = len(array)
    array = _bytes(array)
    starts = numpy.arange(rows + 1)  # of each row's lists at this depth
    while _is_list(array.type):
        _no_nulls(array, name)
        lengths, array = _lengths(array)
        each = numpy.zeros(rows, numpy.int64)
        some = starts[1:] > starts[:-1]
        each[some] = lengths[starts[:-1][some]]
        if not numpy.array_equal(numpy.repeat(each, starts[1:] - starts[:-1]), lengths):
            raise TaskError("FS2005", f"column {name!r}: a cell is no rectangle: its lists have different lengths")
        found.append(each)
        starts = numpy.concatenate([[0], numpy.cumsum(lengths)])[starts]
    return numpy.stack(found, axis=1) if found else numpy.empty((rows, 0), numpy.int64)


def arrow(values: numpy.ndarray) -> Any:
    """[rows, ...cell] as an Arrow array of numbers or (nested) lists of numbers, [rows, n] of uint8 as bytes."""
    if values.dtype == numpy.uint8 and values.ndim == 2:
        if values.size > 2**31 - 1:
            raise TaskError("FS2005", f"a batch of {values.shape[0]} cells has more than {2**31 - 1} bytes; lower spark.sql.execution.arrow.maxRecordsPerBatch")
        offsets = numpy.arange(len(values) + 1, dtype=numpy.int32) * numpy.int32(values.shape[1])
        return pyarrow.Array.from_buffers(pyarrow.binary(), len(values), [None, pyarrow.py_buffer(offsets), pyarrow.py_buffer(numpy.ascontiguousarray(values))])
    kind = ARROW.get(values.dtype.name)
    if kind is None:
        raise TaskError("FS2002", f"a program gave {values.dtype.name}; columns are {', '.join(ARROW)}")
    flat = numpy.ascontiguousarray(values).reshape(-1)
    if kind == pyarrow.bool_():
        made = pyarrow.array(flat)
    else:
        made = pyarrow.Array.from_buffers(kind, len(flat), [None, pyarrow.py_buffer(flat)])
    for d in range(values.ndim - 1, 0, -1):
        lists, each = int(numpy.prod(values.shape[:d], dtype=numpy.int64)), values.shape[d]
        if lists * each > 2**31 - 1:
            raise TaskError("FS2005", f"a batch of {values.shape[0]} cells has more than {2**31 - 1} numbers; lower spark.sql.execution.arrow.maxRecordsPerBatch")
        made = pyarrow.ListArray.from_arrays(pyarrow.array(numpy.arange(lists + 1, dtype=numpy.int32) * numpy.int32(each)), made)
    return made


# ---- running ----------------------------------------------------------------------------

class Runner:
    """A program and the network that computes it."""

    def __init__(self, program: Program, read: Callable[[], bytes] | None = None) -> None:
        self.program = program
        computes = any(inner for _, inner, _, _ in program.outputs)
        self.net = network(program.key, read if read and not program.model else lambda: program.model) if computes else None
        self.names = [inner for _, inner, _, _ in program.inputs if inner]
        self.columns = [k for k, (_, inner, _, _) in enumerate(program.inputs) if inner]

    def run(self, arrays: Sequence[numpy.ndarray], rows: int = 0) -> Arrays:
        """The computed outputs, in the program's order. rows: compute it for each row of arrays [rows, ...]."""
        assert self.net is not None
        fed = [numpy.require(a, requirements=["C", "A"]) for a in arrays]
        found = {name: value for name, value in self.net.run(self.names, fed, [0] * len(fed), rows)}
        made = []
        for name, inner, _, _ in self.program.outputs:
            if not inner:
                continue
            kind, shape, data = found[inner]
            if kind not in NAME:
                raise TaskError("FS2002", f"output {name!r} is no tensor of numbers that a column could hold")
            made.append(numpy.frombuffer(data, NAME[kind]).reshape(shape))
        return made


def _fed(runner: Runner, given: Sequence[Any]) -> list[tuple[str, Any]]:
    return [(runner.program.inputs[k][0], given[k]) for k in runner.columns]


def _outputs(runner: Runner, given: Sequence[Any], computed: Sequence[Any]) -> list[Any]:
    """Computed columns, and those that are passed on, in the program's order."""
    rest = iter(computed)
    place = {name: k for k, (name, _, _, _) in enumerate(runner.program.inputs)}
    return [next(rest) if inner else given[place[of]] for _, inner, of, _ in runner.program.outputs]


def map_block(runner: Runner, given: Sequence[Any], rows: int, trim: bool) -> list[Any]:
    """Arrow columns of one block to Arrow columns of outputs."""
    arrays = []
    for name, column in _fed(runner, given):
        values = dense(column, name)
        if values is None:
            raise TaskError("FS2005", f"column {name!r}: cells of one block have different shapes; use map_rows, which takes rows one by one")
        arrays.append(values)
    computed = runner.run(arrays) if runner.net else []
    names = [name for name, inner, _, _ in runner.program.outputs if inner]
    for name, value in zip(names, computed):
        if value.ndim < 1 or not trim and value.shape[0] != rows:
            raise TaskError("FS1002", f"output {name!r} has shape {list(value.shape)} for a block of {rows} rows; trim=True allows another number of rows")
    made = _outputs(runner, given, [arrow(value) for value in computed])
    if len({len(column) for column in made}) > 1:
        raise TaskError("FS1002", f"outputs of one block have different numbers of rows: {', '.join(f'{name} {len(column)}' for (name, *_), column in zip(runner.program.outputs, made))}")
    return made


def map_each(runner: Runner, given: Sequence[Any], rows: int, squeeze: bool) -> list[Any]:
    """The same, row by row: cells of one shape in one call. squeeze: the model takes blocks, so each row is a block of its own."""
    if runner.net is None:
        return _outputs(runner, given, [])
    columns = _fed(runner, given)
    arrays = [dense(column, name) for name, column in columns]
    if all(a is not None for a in arrays):
        return _outputs(runner, given, [arrow(v) for v in _rows(runner, [a for a in arrays if a is not None], rows, squeeze)])
    cells = numpy.concatenate([shapes(column, name) for name, column in columns], axis=1)
    _, kind = numpy.unique(cells, axis=0, return_inverse=True)
    kind = kind.reshape(-1)
    order = numpy.argsort(kind, kind="stable")
    ends = numpy.concatenate([[0], numpy.cumsum(numpy.bincount(kind))])
    parts: list[list[Any]] = []
    for begin, end in zip(ends[:-1], ends[1:]):
        some = pyarrow.array(order[begin:end])
        taken = [dense(column.take(some), name) for name, column in columns]
        parts.append([arrow(v) for v in _rows(runner, [a for a in taken if a is not None], int(end - begin), squeeze)])
    back = numpy.empty(rows, numpy.int64)
    back[order] = numpy.arange(rows)
    return _outputs(runner, given, [pyarrow.concat_arrays(list(column)).take(pyarrow.array(back)) for column in zip(*parts)])


def _rows(runner: Runner, arrays: Sequence[numpy.ndarray], rows: int, squeeze: bool) -> Arrays:
    if not arrays:  # constants alone
        return [numpy.broadcast_to(value, (rows, *value.shape)) for value in runner.run([])]
    made = runner.run([a[:, None] for a in arrays] if squeeze else arrays, rows)
    return [v[:, 0] if squeeze and v.ndim > 1 and v.shape[1] == 1 else v for v in made]


def map_batches(batches: Iterable[Any], runner: Runner, columns: Sequence[int], keep: Sequence[int], names: Sequence[str], how: str) -> Iterator[Any]:
    """Record batches to record batches: outputs first, then the columns `keep`. columns: of each placeholder. how: block, trim, rows, or squeeze."""
    for batch in batches:
        if batch.num_rows == 0:
            continue
        given = [batch.column(i) for i in columns]
        made = map_block(runner, given, batch.num_rows, how == "trim") if how in ("block", "trim") else map_each(runner, given, batch.num_rows, how == "squeeze")
        yield pyarrow.RecordBatch.from_arrays([*made, *(batch.column(i) for i in keep)], names=list(names))


# ---- reducing ---------------------------------------------------------------------------

def _solid(column: Any, name: str) -> numpy.ndarray:
    values = dense(column, name)
    if values is None:
        raise TaskError("FS2005", f"column {name!r}: cells have different shapes, so they cannot be reduced")
    return values


def reduce_pairs(runner: Runner, values: Arrays) -> Arrays:
    """Two rows to one, until there is one: the program takes z_1 and z_2 of every output z. Inputs of the model are sorted as pairs of the values."""
    rows = len(values[0])
    while rows > 1:
        half = rows // 2
        fed: Arrays = []
        for name, _, _, _ in (runner.program.inputs[k] for k in runner.columns):
            place = next(i for i, (out, *_) in enumerate(runner.program.outputs) if name in (f"{out}_1", f"{out}_2"))
            fed.append(values[place][int(name[-1]) - 1:2 * half:2])
        made = runner.run(fed, half)
        values = [numpy.concatenate([new, old[2 * half:]]) for new, old in zip(made, values)]
        rows = half + rows % 2
    return values


def reduce_groups(runner: Runner, values: Arrays, counts: numpy.ndarray) -> Arrays:
    """One row for each group of neighbours: the program takes z_input, a block, of every output z. A group is cut into pieces of PIECE rows and of
    the powers of two that are left, pieces of one size run in one call, and what they give is reduced again; so few plans serve groups of any size."""
    first = True
    order = _order(runner)
    while first or counts.max(initial=0) > 1:
        starts = numpy.cumsum(counts) - counts
        done = numpy.zeros(len(counts), numpy.bool_) if first else counts == 1
        keys: Arrays = [starts[done]]
        parts: list[Arrays] = [[v[starts[done]] for v in values]]
        begin, size = starts.copy(), PIECE
        left = numpy.where(done, 0, counts)
        while size:
            times = left // size
            if times.any():
                group = numpy.repeat(numpy.arange(len(counts)), times)
                within = numpy.arange(len(group)) - numpy.repeat(numpy.cumsum(times) - times, times)
                at = begin[group] + within * size
                rows = at[:, None] + numpy.arange(size)
                parts.append(runner.run([values[i][rows] for i in order], len(at)))
                keys.append(at)
            begin, left, size = begin + times * size, left - times * size, size // 2
        pieces = numpy.where(done, 1, counts // PIECE + sum((counts % PIECE >> b) & 1 for b in range(PIECE.bit_length() - 1)))
        place = numpy.argsort(numpy.concatenate(keys), kind="stable")
        _same_cells(runner, values, parts[1:])
        values = [numpy.concatenate(column)[place] for column in zip(*parts)]
        counts, first = pieces, False
    return values


def _order(runner: Runner) -> list[int]:
    """For each input of the model the output that it is the block of."""
    outputs = [f"{out}_input" for out, *_ in runner.program.outputs]
    return [outputs.index(runner.program.inputs[k][0]) for k in runner.columns]


def _same_cells(runner: Runner, values: Arrays, parts: Sequence[Arrays]) -> None:
    for made in parts:
        for (name, *_), new, old in zip(runner.program.outputs, made, values):
            if new.shape[1:] != old.shape[1:] or new.dtype != old.dtype:
                raise TaskError("FS1002", f"output {name!r} of the reduction is {new.dtype.name} {list(new.shape[1:])}, its column {old.dtype.name} {list(old.shape[1:])}; "
                                "a reduction gives cells like those it takes")


def reduce_block(runner: Runner, values: Arrays) -> Arrays:
    """All rows as one block to one row."""
    made = [v[None] for v in runner.run([values[i] for i in _order(runner)])]
    _same_cells(runner, values, [made])
    return made


def reduce_batches(batches: Iterable[Any], runner: Runner, names: Sequence[str], plain: Sequence[str], how: str) -> Iterator[Any]:
    """A partition to one row, or to none if it is empty. Columns are those of the outputs, in their order; names stand in messages, plain ones in
    batches. how: rows or blocks."""
    step = reduce_pairs if how == "rows" else reduce_block
    held: list[Arrays] = []
    for batch in batches:
        if batch.num_rows:
            held.append(step(runner, [_solid(column, name) for column, name in zip(batch.columns, names)]))
    if held:
        yield pyarrow.RecordBatch.from_arrays([arrow(v) for v in joined(runner, held, names, how)], names=list(plain))


def joined(runner: Runner, parts: Sequence[Arrays], names: Sequence[str], how: str) -> Arrays:
    """One row of partial rows."""
    for name, column in zip(names, zip(*parts)):
        if len({v.shape[1:] for v in column}) > 1:
            raise TaskError("FS2005", f"column {name!r}: cells have different shapes, so they cannot be reduced")
    values = [numpy.concatenate(column) for column in zip(*parts)]
    if len(parts) == 1:
        return values
    return (reduce_pairs if how == "rows" else reduce_block)(runner, values)


def one_row(values: Arrays) -> Any:
    """The only row of each output: a number or array, or a list of them."""
    result = [numpy.array(v[0])[()] for v in values]
    return result[0] if len(result) == 1 else result


# ---- groups -----------------------------------------------------------------------------

def _codes(column: Any) -> numpy.ndarray:
    """A number for each distinct value of a key column; nulls are a value, too."""
    if isinstance(column, pyarrow.ChunkedArray):
        column = column.combine_chunks()
    if pyarrow.types.is_struct(column.type):
        found = numbers(column.is_valid())[:, None].astype(numpy.int64)
        inner = [_codes(column.field(k)) for k in range(column.type.num_fields)]
        return numpy.unique(numpy.column_stack([found, *inner]), axis=0, return_inverse=True)[1].reshape(-1)
    if pyarrow.types.is_floating(column.type):
        # As Spark groups: -0.0 is 0.0, and all NaN are one.
        column = pyarrow.compute.if_else(pyarrow.compute.equal(column, 0), pyarrow.scalar(0, column.type), column)
    encoded = column.dictionary_encode(null_encoding="encode")
    return numbers(encoded.indices.cast(pyarrow.int64()))


def group(keys: Sequence[Any], rows: int) -> tuple[numpy.ndarray, numpy.ndarray]:
    """An order of the rows in which groups are neighbours, rows of a group as they came; and how many rows each has."""
    if not keys:
        return numpy.arange(rows), numpy.array([rows])
    code = _codes(keys[0])
    for key in keys[1:]:
        other = _codes(key)
        _, code = numpy.unique(code * (int(other.max(initial=0)) + 1) + other, return_inverse=True)
    return numpy.argsort(code, kind="stable"), numpy.bincount(code)


def _grouped(runner: Runner, table: Any, n_keys: int, names: Sequence[str]) -> Any:
    """A table of keys and columns with one row for each group."""
    table = table.combine_chunks()
    columns = [c.chunk(0) if c.num_chunks else pyarrow.array([], c.type) for c in table.columns]
    order, counts = group(columns[:n_keys], table.num_rows)
    counts = counts[counts > 0]
    values = [_solid(c, name)[order] for c, name in zip(columns[n_keys:], names)]
    reduced = reduce_groups(runner, values, counts)
    firsts = pyarrow.array(order[numpy.cumsum(counts) - counts])
    return pyarrow.table([*(c.take(firsts) for c in columns[:n_keys]), *(arrow(v) for v in reduced)], names=table.column_names)


def aggregate_batches(batches: Iterable[Any], runner: Runner, n_keys: int, names: Sequence[str], last: bool) -> Iterator[Any]:
    """Rows of keys and columns to one row for each group of the partition, or, before the shuffle, perhaps several. last: all rows of a group are here."""
    held: list[Any] = []
    count = 0

    def gathered() -> Any:
        return _grouped(runner, pyarrow.concat_tables(held), n_keys, names)

    for batch in batches:
        if batch.num_rows == 0:
            continue
        held.append(pyarrow.Table.from_batches([batch]) if last else _grouped(runner, pyarrow.Table.from_batches([batch]), n_keys, names))
        count += held[-1].num_rows
        if count > HELD:
            held = [gathered()]
            count = held[0].num_rows
            if not last and count > HELD // 2:  # reducing here does not pay: there are about as many groups as rows
                yield from held[0].to_batches()
                held, count = [], 0
    if held:
        table = gathered()
        if last and n_keys:
            table = _in_order(table, n_keys)
        yield from table.to_batches()


def _in_order(table: Any, n_keys: int) -> Any:
    """Sorted by the keys, where their types have an order."""
    try:
        places = pyarrow.compute.sort_indices(table, sort_keys=[(name, "ascending") for name in table.column_names[:n_keys]])
    except (pyarrow.ArrowNotImplementedError, pyarrow.ArrowInvalid, TypeError):
        return table
    return table.take(places)


def build(fields: Mapping[str, Any], read: Callable[[], bytes] | None = None) -> Runner:
    """The runner of a program that came as its fields."""
    return Runner(Program(**fields), read)
