"""apply - any network on Arrow columns: several inputs and outputs by name, of any shape; raw bytes and Spark's images as tensors.

Networks of layers compute in the engine's blocks of fixed size. A graph without layers (an ONNX or TensorFlow file of other software)
is run block by block with named tensors, the last block padded, so that there too a row's bits depend on the row alone.
"""
from __future__ import annotations

import dataclasses
import difflib
import json
import math
from typing import Any, Callable, NamedTuple, Optional, Sequence, Union

import numpy
import pyarrow
import pyarrow.compute

from .. import errors
from . import engine, score

# What Spark has a type for, by the engine's number of an element type; others are widened.
NUMPY = {1: "float32", 11: "float64", 10: "float32", 16: "float32", 7: "int64", 6: "int32", 5: "int16", 3: "int8", 2: "int16", 4: "int32", 12: "int64", 13: "int64", 9: "bool"}
TEXT = 8
IMAGE = ("height", "width", "nChannels", "mode", "data")
DEPTHS = {0: "uint8", 2: "uint16", 5: "float32", 6: "float64"}  # OpenCV's, the low bits of an image's mode


class Port(NamedTuple):
    """An input or output of a network: its name, the engine's number of its element type, and the shape of one row (-1: free)."""

    name: str
    type: int
    shape: tuple[int, ...]
    batch: int = -1  # rows of a run, where a graph fixes them

    @property
    def width(self) -> Optional[int]:
        return None if any(n < 0 for n in self.shape) else math.prod(self.shape)

    def __str__(self) -> str:
        return f"{self.name} {list(self.shape)}"


@dataclasses.dataclass(frozen=True)
class Program:
    """What is computed, told in plain values, so that Program(**fields) makes it again on an executor.

    inputs   columns of each input, in the network's order; None: decided by the arguments (see arrange)
    outputs  which of the network's outputs, by number; None: all
    modes    of each of them: auto (a number where a row has one, else arrays, nested by its shape), array, or vector (one flat array of doubles)
    invalid  rows with a null, NaN or infinity: error, skip (a null row comes out), keep; "null": only rows with nulls, which give null
    raw      element type of raw bytes; auto: the input's, or the one that their number fits
    channels order of an image's three colours, as the network wants them: RGB or BGR (which is how Spark stores them)
    """

    inputs: Optional[tuple[tuple[str, ...], ...]]
    modes: tuple[str, ...]
    outputs: Optional[tuple[int, ...]] = None
    invalid: str = "error"
    raw: str = "auto"
    channels: str = "RGB"
    who: str = "the model"


Preprocessor = Callable[..., Any]


# ---- what goes in and out ---------------------------------------------------------------

def ports(net: Any, output: bool) -> list[Port]:
    if net.info()["loaded_as_onnx"]:
        return [Port(name, kind, tuple(shape[1:]), shape[0] if shape else -1) for name, kind, shape in net.ports(output)]
    kind = net.info()["type"]
    return [Port(part[0], kind, tuple(part[1][1:])) for part in net.parts(output)]


def is_image(kind: pyarrow.DataType) -> bool:
    return bool(pyarrow.types.is_struct(kind) and all(kind.get_field_index(name) >= 0 for name in IMAGE))


def is_vector(kind: pyarrow.DataType) -> bool:
    return bool(pyarrow.types.is_struct(kind) and kind.num_fields == 4 and {f.name for f in kind} == {"type", "size", "indices", "values"})


def is_plain_struct(kind: pyarrow.DataType) -> bool:
    return bool(pyarrow.types.is_struct(kind) and not is_vector(kind) and not is_image(kind))


def nearest(name: str, names: Sequence[str]) -> str:
    near = difflib.get_close_matches(name.lower(), [n.lower() for n in names], 1, cutoff=0.5)
    return f"; did you mean {next(n for n in names if n.lower() == near[0])}?" if near else ""


def _fields(array: pyarrow.StructArray) -> dict[str, pyarrow.Array]:
    """Fields by name, null where the struct is."""
    return {f.name: part for f, part in zip(array.type, array.flatten())}


def _flat(name: str, array: pyarrow.Array) -> list[tuple[str, pyarrow.Array]]:
    return list(_fields(array).items()) if is_plain_struct(array.type) else [(name, array)]


def arrange(takes: Sequence[Port], noted: Sequence[str], given: Sequence[tuple[str, pyarrow.Array]], who: str) -> list[list[tuple[str, pyarrow.Array]]]:
    """Which arguments, by name and value, feed each input. One struct: its fields by name, or, of a model with one input, those columns that it was trained on
    (`noted`), or all in order. Several arguments: joined for one input, else one for each input in order."""
    if not given:
        raise errors.make(1001, f"{who}: no argument; expected one for each input, or one struct: {', '.join(map(str, takes))}")
    if len(given) == 1 and is_plain_struct(given[0][1].type):
        fields = _fields(given[0][1])
        by_name = {name.lower(): (name, array) for name, array in fields.items()}
        wanted = [port.name for port in takes] if len(takes) > 1 or takes[0].name.lower() in by_name else list(noted)
        if len(takes) == 1 and not any(name.lower() in by_name for name in wanted):
            return [list(fields.items())]
        missing = [name for name in wanted if name.lower() not in by_name]
        if missing:
            what = "the inputs are " + ", ".join(map(str, takes)) if len(takes) > 1 else f"the model takes {', '.join(wanted)}"
            raise errors.make(1003, f"{who}: no field of the struct is {missing[0]!r}{nearest(missing[0], list(fields))}; {what}, the fields are {', '.join(fields)}")
        found = [by_name[name.lower()] for name in wanted]
        return [found] if len(takes) == 1 else [_flat(name, array) for name, array in found]
    parts = [_flat(name, array) for name, array in given]
    if len(takes) == 1:
        return [[pair for part in parts for pair in part]]
    if len(parts) != len(takes):
        raise errors.make(1001, f"{who}: {len(given)} argument{'s' if len(given) != 1 else ''} ({', '.join(str(a.type) for _, a in given)}) for {len(takes)} inputs: {', '.join(map(str, takes))}; "
                          "give one argument for each, in that order, or one struct with fields of these names")
    return parts


# ---- columns as tensors -----------------------------------------------------------------------

def _rows(values: numpy.ndarray, width: int, nulls: Optional[pyarrow.Array]) -> pyarrow.Array:
    """Flat numbers as one list of `width` per row."""
    return pyarrow.FixedSizeListArray.from_arrays(pyarrow.array(values.reshape(-1)), width, mask=nulls)


def _packed(array: pyarrow.Array, what: str) -> tuple[numpy.ndarray, int, Optional[pyarrow.Array]]:
    """Byte strings of one length back to back, that length, and which rows are null (zeros stand there)."""
    lengths = pyarrow.compute.binary_length(array).drop_null().unique().to_pylist()
    if len(lengths) > 1:
        raise errors.make(2005, f"{what} holds byte strings of {min(lengths)} and of {max(lengths)} bytes; every row needs as many")
    size = int(lengths[0]) if lengths else 0
    nulls = array.is_null() if array.null_count else None
    if nulls is not None:
        array = array.fill_null(b"\0" * size)
    offset_type = numpy.int64 if pyarrow.types.is_large_binary(array.type) else numpy.int32
    _, offsets, data = array.buffers()
    first = 0 if offsets is None or not len(array) else int(numpy.frombuffer(offsets, offset_type, 1, array.offset * numpy.dtype(offset_type).itemsize)[0])
    return numpy.frombuffer(data or b"", numpy.uint8, len(array) * size, first if data else 0), size, nulls


def _bytes(array: pyarrow.Array, port: Port, program: Program, what: str) -> pyarrow.Array:
    """Raw bytes as lists of numbers."""
    packed, size, nulls = _packed(array, what)
    width, kind = port.width, numpy.dtype(NUMPY.get(port.type, "uint8"))
    if program.raw != "auto":
        kind = numpy.dtype(program.raw)
    elif width is not None and len(packed):
        fits = [numpy.dtype(t) for t in (kind, "uint8", "float32", "float64") if numpy.dtype(t).itemsize * width == size]
        if not fits:
            raise errors.make(1002, f"{what} holds {size} bytes per row; the input {port} takes {width} numbers ({width} bytes as uint8, {4 * width} as float32)")
        kind = fits[0]
    if size % kind.itemsize:
        raise errors.make(1002, f"{what} holds {size} bytes per row, which is no whole number of {kind.name}")
    values = packed.view(kind)
    return _rows(values.astype(numpy.float32) if kind.name == "float16" else values, size // kind.itemsize, nulls)


def pictures(array: pyarrow.StructArray, channels: str, what: str) -> tuple[Union[numpy.ndarray, list[numpy.ndarray]], Optional[pyarrow.Array]]:
    """Spark's image structs as [rows, height, width, channels], or as a list of such pictures where their sizes differ, and which rows are null."""
    fields = _fields(array)
    shown = [fields[name].fill_null(0).to_numpy(zero_copy_only=False).astype(numpy.int64) for name in IMAGE[:4]]
    nulls = pyarrow.compute.or_(array.is_null(), fields["data"].is_null())
    valid = ~nulls.to_numpy(zero_copy_only=False)
    sizes = numpy.stack(shown, 1)
    modes = sorted({int(m) for m in sizes[valid, 3]})
    wrong = [m for m in modes if m < 0 or m & 7 not in DEPTHS]
    if wrong:
        raise errors.make(2002, f"{what}: an image of mode {wrong[0]}; expected OpenCV's 0, 16 or 24 (bytes with 1, 3 or 4 channels), or a mode of uint16, float32 or float64")
    order = slice(None, None, -1) if channels == "RGB" else slice(None)
    marks = nulls if not valid.all() else None

    def picture(flat: numpy.ndarray, shape: Sequence[int]) -> numpy.ndarray:
        made = flat.reshape([int(n) for n in shape])
        return made[..., order] if made.shape[-1] == 3 else made

    one = numpy.unique(sizes[valid], axis=0)
    if len(one) <= 1:
        h, w, c, mode = (int(n) for n in one[0]) if len(one) else (0, 0, 0, 0)
        packed, size, _ = _packed(fields["data"], what)
        kind = numpy.dtype(DEPTHS[mode & 7])
        if size != h * w * c * kind.itemsize:
            raise errors.make(2005, f"{what}: an image of {h} x {w} with {c} channels of {kind.name} has {size} bytes; expected {h * w * c * kind.itemsize}")
        return picture(packed.view(kind), (len(array), h, w, c)), marks
    several = []
    for i, data in enumerate(fields["data"]):  # only where images differ in size, for a preprocessor
        h, w, c, mode = (int(n) for n in sizes[i]) if valid[i] else (0, 0, 0, 0)
        kind, content = numpy.dtype(DEPTHS[mode & 7]), data.as_buffer() if valid[i] else b""
        if len(content) != h * w * c * kind.itemsize:
            raise errors.make(2005, f"{what}: an image of {h} x {w} with {c} channels of {kind.name} has {len(content)} bytes; expected {h * w * c * kind.itemsize}")
        several.append(picture(numpy.frombuffer(content, kind), (h, w, c)))
    return several, marks


def _image(array: pyarrow.StructArray, port: Port, program: Program, what: str) -> pyarrow.Array:
    made, nulls = pictures(array, program.channels, what)
    if isinstance(made, list):
        sizes = sorted({f"{p.shape[0]} x {p.shape[1]} x {p.shape[2]}" for p in made if p.size})
        raise errors.make(2005, f"{what} holds images of different sizes ({', '.join(sizes[:4])}); the input {port} takes one: resize them first, or give a preprocessor that does")
    shape = made.shape[1:]
    if len(port.shape) == 3 and port.shape[0] == shape[2] and port.shape[2] != shape[2]:
        made, shape = made.transpose(0, 3, 1, 2), (shape[2], shape[0], shape[1])  # a network with channels first
    if len(made) and made.size and len(port.shape) == 3 and any(a not in (-1, b) for a, b in zip(port.shape, shape)):
        raise errors.make(1002, f"{what} holds images of {list(shape)}; the input takes {port}")
    return _rows(numpy.ascontiguousarray(made), math.prod(shape), nulls)


def readable(name: str, array: pyarrow.Array, port: Port, program: Program) -> pyarrow.Array:
    """A column as one that the engine reads."""
    kind, what = array.type, f"{program.who}: {name}"
    if pyarrow.types.is_binary(kind) or pyarrow.types.is_large_binary(kind):
        return _bytes(array, port, program, what)
    if is_image(kind):
        return _image(array, port, program, what)
    inner = kind
    while pyarrow.types.is_list(inner) or pyarrow.types.is_large_list(inner) or pyarrow.types.is_fixed_size_list(inner):
        inner = inner.value_type
    if not (is_vector(kind) or pyarrow.types.is_integer(inner) or pyarrow.types.is_floating(inner) or pyarrow.types.is_boolean(inner)) and port.type != TEXT:
        raise errors.make(2002, f"{what} is {kind}, which does not fit the input {port}; expected numbers, arrays of numbers, a vector, an image or bytes")
    return array


def width_of(array: pyarrow.Array) -> Optional[int]:
    """Numbers in a row of a column, told by its first whole row; None where there is none."""
    if is_vector(array.type):
        for row in range(len(array)):
            if array[row].is_valid:
                size = array[row]["size"].as_py()
                return int(size) if size is not None else len(array[row]["values"])
        return None
    if not (pyarrow.types.is_list(array.type) or pyarrow.types.is_large_list(array.type) or pyarrow.types.is_fixed_size_list(array.type)):
        return 1
    for row in range(len(array)):
        if array[row].is_valid:
            values = array[row].values
            inner = width_of(values)
            return 0 if not len(values) else None if inner is None else len(values) * inner
    return None


def _lengths(lists: pyarrow.ListArray) -> numpy.ndarray:
    return numpy.asarray(lists.value_lengths().fill_null(0).to_numpy(zero_copy_only=False), numpy.int64)


def _scattered(n: int, valid: numpy.ndarray, fields: dict[str, pyarrow.Array]) -> numpy.ndarray:
    """ML vectors, some of them sparse, as [rows, numbers]; null vectors as NaN."""
    counts, sparse = _lengths(fields["values"]), fields["size"].is_valid().to_numpy(zero_copy_only=False) & valid
    widths = numpy.unique(numpy.where(sparse, fields["size"].fill_null(0).to_numpy(zero_copy_only=False), counts)[valid])
    if len(widths) > 1:
        raise errors.make(2005, f"vectors of {widths[0]} and of {widths[-1]} numbers; every row needs the same")
    values = fields["values"].flatten().to_numpy(zero_copy_only=False)
    columns = numpy.arange(len(values)) - numpy.repeat(numpy.cumsum(counts) - counts, counts)  # of dense rows
    indices = fields["indices"].flatten().to_numpy(zero_copy_only=False)
    width = int(widths[0]) if len(widths) else 0
    if not numpy.array_equal(_lengths(fields["indices"])[sparse], counts[sparse]) or indices.size and not 0 <= indices.min() <= indices.max() < width:
        raise errors.make(2005, f"a sparse vector whose indices do not fit its values or its size {width}")
    columns[numpy.repeat(sparse, counts)] = indices
    made = numpy.zeros((n, width))
    made[numpy.repeat(numpy.arange(n), counts), columns] = values
    made[~valid] = math.nan
    return made


def dense(array: pyarrow.Array) -> numpy.ndarray:
    """A readable column as [rows, numbers]; nulls as NaN."""
    n, kind = len(array), array.type
    if is_vector(kind):
        fields = _fields(array)
        if fields["size"].null_count == n:
            return dense(fields["values"])
        return _scattered(n, array.is_valid().to_numpy(zero_copy_only=False), fields)
    if pyarrow.types.is_list(kind) or pyarrow.types.is_large_list(kind) or pyarrow.types.is_fixed_size_list(kind):
        if array.null_count:
            raise errors.make(2003, "a null stands where a graph without layers needs an array; handleInvalid='skip' leaves such rows out")
        lengths = array.value_lengths().unique()
        if len(lengths) > 1:
            raise errors.make(2005, "arrays of different lengths; every row needs the same")
        return dense(array.flatten()).reshape(n, -1)
    if pyarrow.types.is_string(kind) or pyarrow.types.is_large_string(kind):
        return numpy.asarray(array.to_numpy(zero_copy_only=False), object).reshape(n, 1)
    if array.null_count:
        array = array.cast(pyarrow.float64()).fill_null(math.nan)
    return numpy.asarray(array.to_numpy(zero_copy_only=False)).reshape(n, 1)


# ---- computing -----------------------------------------------------------------------------------

def _run_graph(net: Any, takes: Sequence[Port], gives: Sequence[Port], columns: Sequence[Sequence[pyarrow.Array]], n: int) -> list[numpy.ndarray]:
    """A graph without layers, in blocks of one size, the last padded by zeros."""
    from .. import _run

    fed = []
    for port, arrays in zip(takes, columns):
        joined = numpy.concatenate([dense(a) for a in arrays], axis=1)
        if port.type != TEXT:
            joined = joined.astype(_run.NUMPY.get(port.type, numpy.float32))
        free = [-1 if size < 0 else size for size in port.shape]
        fed.append(joined.reshape(n, *free) if sum(size < 0 for size in free) <= 1 else joined)
    fixed = {port.batch for port in takes if port.batch > 0}
    block = max(1, min(fixed) if fixed else net.info()["block_rows"])
    made: list[list[numpy.ndarray]] = [[] for _ in gives]
    for first in range(0, n, block):
        rows = min(block, n - first)
        inputs = {}
        for port, x in zip(takes, fed):
            part = x[first:first + rows]
            if rows < block:
                part = numpy.concatenate([part, numpy.full((block - rows, *part.shape[1:]), "" if port.type == TEXT else 0, part.dtype)])
            inputs[port.name] = part
        found = _run.run(_Held(net), inputs)  # type: ignore[arg-type]
        for port, parts in zip(gives, made):
            y = numpy.asarray(found[port.name])
            if y.ndim == 0 or len(y) != block:
                raise errors.make(1002, f"the output {port.name} has shape {list(y.shape)} for {block} rows; expected one entry per row")
            parts.append(y[:rows])
    return [numpy.concatenate(parts) if parts else numpy.zeros((0, *(max(size, 0) for size in port.shape))) for port, parts in zip(gives, made)]


@dataclasses.dataclass(frozen=True)
class _Held:
    """What _run.run needs of a model."""

    _net: Any


def _run_layers(net: Any, gives: Sequence[Port], names: Sequence[str], columns: Sequence[pyarrow.Array], n: int, invalid: str) -> list[numpy.ndarray]:
    y, _ = engine.predict(net, pyarrow.RecordBatch.from_arrays(list(columns), names=list(names)), list(names), invalid)
    y, made, at = y.reshape(n, math.prod(y.shape[1:])), [], 0
    for port in gives:
        width = port.width or 0
        made.append(y[:, at:at + width].reshape(n, *port.shape))
        at += width
    return made


def is_scalar(port: Port, mode: str) -> bool:
    """Whether a row of this output is a plain number."""
    return mode == "auto" and port.shape in ((), (1,))


def column(y: numpy.ndarray, port: Port, mode: str) -> pyarrow.Array:
    """One output [rows, ...] as Arrow has it for Spark: see Program.modes."""
    n, kind = len(y), port.type
    if mode == "vector":
        return score.lists(y.reshape(n, math.prod(y.shape[1:])))
    if kind == TEXT:
        made: Any = pyarrow.array(y.reshape(-1).astype(object), pyarrow.string())
    else:
        made = pyarrow.array(numpy.ascontiguousarray(y, dtype=NUMPY.get(kind, "float32")).reshape(-1))
    shape = () if is_scalar(port, mode) else y.shape[1:] or (1,)
    for at in range(len(shape) - 1, -1, -1):
        rows = n * math.prod(shape[:at])
        made = pyarrow.ListArray.from_arrays(pyarrow.array(numpy.arange(rows + 1, dtype=numpy.int32) * numpy.int32(shape[at])), made)
    return made


def _told(takes: Sequence[Port], given: Sequence[tuple[str, pyarrow.Array]]) -> str:
    """What was given and what is taken, for an error of shapes."""
    text = ", ".join(f"{name} is {str(array.type)[:100]}" for name, array in given[:6]) + (f" and {len(given) - 6} more" if len(given) > 6 else "")
    fields = [f.name for _, array in given if is_plain_struct(array.type) for f in array.type]
    known = {name.lower() for name in fields}
    hints = [f", no field is {port.name!r}{nearest(port.name, fields)}" for port in takes if fields and port.name.lower() not in known]
    return f"{text}{''.join(hints[:1])}; the input{'s are' if len(takes) > 1 else ' is'} {', '.join(map(str, takes))}"


def noted_columns(net: Any) -> list[str]:
    """Names of the feature columns that the model was trained on, if its file tells."""
    try:
        return [str(name) for name in json.loads(net.note("columns") or "{}").get("features", [])]
    except (ValueError, AttributeError):
        return []


def apply(net: Any, program: Program, names: Sequence[str], arrays: Sequence[Any], preprocessor: Optional[Preprocessor] = None) -> list[pyarrow.Array]:
    """The outputs for one Arrow batch, a column each. Rows that cannot be scored come out null, unless program.invalid is error or keep."""
    takes, gives = ports(net, False), ports(net, True)
    given = [(name, a.combine_chunks() if isinstance(a, pyarrow.ChunkedArray) else a) for name, a in zip(names, arrays)]
    if program.inputs is None:
        groups = arrange(takes, noted_columns(net), given, program.who)
    else:
        by_name = dict(given)
        groups = [[pair for name in wanted for pair in _flat(name, by_name[name])] for wanted in program.inputs]
    n = len(given[0][1]) if given else 0
    fed: list[list[pyarrow.Array]]
    if preprocessor is None:
        fed = [[readable(name, array, port, program) for name, array in group] for port, group in zip(takes, groups)]
        titles = [[name for name, _ in group] for group in groups]
    else:
        fed, titles = _prepared(preprocessor, takes, groups, program), [[port.name] for port in takes]
    for port, group, title in zip(takes, fed, titles):
        widths = [width_of(array) for array in group]
        if port.width is not None and None not in widths and sum(w or 0 for w in widths) != port.width and not net.info()["chain"]:
            raise errors.make(1002, f"{program.who}: {', '.join(title)} give{'s' if len(title) == 1 else ''} {sum(w or 0 for w in widths)} numbers per row; the input {port} takes {port.width}")
    flat = [array for group in fed for array in group]
    mask = None
    if program.invalid == "skip":
        mask = score.valid_rows(flat)
    elif program.invalid == "null" and any(array.null_count for array in flat):
        mask = numpy.logical_and.reduce([array.is_valid().to_numpy(zero_copy_only=False) for array in flat])
    if mask is not None:
        keep = pyarrow.array(mask)
        fed = [[array.filter(keep) for array in group] for group in fed]
        flat = [array for group in fed for array in group]
    rows = n if mask is None else int(mask.sum())
    chosen = list(range(len(gives)) if program.outputs is None else program.outputs)
    if net.info()["loaded_as_onnx"]:
        made = _run_graph(net, takes, [gives[k] for k in chosen], fed, rows)
    else:
        title = [name for group in titles for name in group]
        unique = [name if title.count(name) == 1 else f"{name} ({k})" for k, name in enumerate(title)]
        try:
            parts = _run_layers(net, gives, unique, flat, rows, "keep" if program.invalid in ("keep", "null") else "error")
        except errors.FiresteelError as error:
            raise errors.make(1002, f"{program.who}: {error.message}; {_told(takes, given)}") if error.code == "FS1002" else error from None
        made = [parts[k] for k in chosen]
    columns = [column(y, gives[k], mode) for y, k, mode in zip(made, chosen, program.modes)]
    if mask is None:
        return columns
    at = pyarrow.array(numpy.where(mask, numpy.cumsum(mask) - 1, 0), mask=~mask)
    return [array.take(at) for array in columns]


def _prepared(preprocessor: Preprocessor, takes: Sequence[Port], groups: Sequence[Sequence[tuple[str, pyarrow.Array]]], program: Program) -> list[list[pyarrow.Array]]:
    """What a preprocessor makes of the arguments: it gets one array [rows, ...] for each input (images of different sizes: a list) and gives as many."""
    given, nulls = [], None
    for port, group in zip(takes, groups):
        if len(group) == 1 and is_image(group[0][1].type):
            value, marks = pictures(group[0][1], program.channels, f"{program.who}: {group[0][0]}")
            nulls = marks if nulls is None else nulls if marks is None else pyarrow.compute.or_(nulls, marks)
            given.append(value)
            continue
        raw = dataclasses.replace(program, raw=program.raw if program.raw != "auto" else "uint8")
        parts = [readable(name, array, port, raw) for name, array in group]
        for array in parts:
            if array.null_count:
                nulls = array.is_null() if nulls is None else pyarrow.compute.or_(nulls, array.is_null())
        filled = [_without_nulls(array) for array in parts]
        joined = numpy.concatenate([dense(array) for array in filled], axis=1)
        given.append(joined.reshape(-1, *port.shape) if port.width == joined.shape[1] else joined)
    n = len(given[0])
    made = preprocessor(*given)
    made = list(made) if isinstance(made, (list, tuple)) and len(takes) > 1 else [made]
    fed = []
    for port, value in zip(takes, made):
        array = numpy.asarray(value)
        if len(made) != len(takes) or array.ndim == 0 or len(array) != n:
            raise errors.make(1002, f"{program.who}: the preprocessor gives {'an array' if len(made) == 1 else f'{len(made)} arrays'} of shape {list(array.shape)} for {n} rows; "
                              f"expected one array with a row for each, for each of {', '.join(map(str, takes))}")
        width = math.prod(array.shape[1:])
        if port.width is not None and width != port.width and n:
            raise errors.make(1002, f"{program.who}: the preprocessor gives rows of {list(array.shape[1:])}; the input takes {port}")
        fed.append([_rows(numpy.ascontiguousarray(array), width, nulls)])
    return fed


def _without_nulls(array: pyarrow.Array) -> pyarrow.Array:
    """Null lists replaced by the first list that is none: whoever computes with these rows throws them away."""
    if not array.null_count or not (pyarrow.types.is_nested(array.type)):
        return array
    valid = array.is_valid().to_numpy(zero_copy_only=False)
    first = int(valid.argmax()) if valid.any() else 0
    return array.take(pyarrow.array(numpy.where(valid, numpy.arange(len(array)), first)))


def apply_struct(net: Any, program: Program, names: Sequence[str], arrays: Sequence[Any], output_names: Sequence[str]) -> pyarrow.StructArray:
    """The same as one struct of outputs per row, as Spark's query takes it, null where a row is left out."""
    made = apply(net, program, names, arrays)
    missing = made[0].is_null() if program.invalid == "skip" and made and made[0].null_count else None
    return pyarrow.StructArray.from_arrays(made, names=list(output_names), mask=missing)
