"""cluster - a Python function of the user's as one rank of a barrier stage: its context, its collectives, its feed of rows.

The function runs in a thread of its own; the task's generator reads and writes what Spark wants, and tells Spark now and then that it lives. Ranks meet as those of a
training do (train.py), over sockets on which each has proved that it knows the job's secret.
"""
from __future__ import annotations

import io
import json
import os
import pickle
import queue
import socket
import struct
import sys
import tempfile
import threading
import time
import traceback
from typing import Any, Callable, Iterable, Iterator, Optional, Sequence

import numpy
import pyarrow
import pyarrow.compute
import pyarrow.ipc

from . import engine
from .failure import TaskError, marked
from .job import Job
from .report import Reporter
from .train import AFTER_YOU, BEAT, PEER_FAILED, PIECE, _row

LENGTH = struct.Struct("=q")
KEPT = 200        # lines of a rank's output that come back to the driver
FRAMES = 3        # of a traceback that are told; the driver has the rest under .details
RESULTS = 8       # batches of results that may wait for Spark to take them


# ---- values between ranks -------------------------------------------------------------------

def pack(value: Any) -> bytes:
    """A value for other ranks: a numpy array, bytes, or what JSON can say."""
    if isinstance(value, (bytes, bytearray, memoryview)):
        return b"b" + bytes(value)
    if isinstance(value, (numpy.ndarray, numpy.generic)):
        if value.dtype.hasobject:
            raise TypeError("an array of objects cannot go to other ranks; give numbers or texts")
        out = io.BytesIO()
        numpy.save(out, numpy.asarray(value), allow_pickle=False)
        return b"n" + out.getvalue()
    return b"j" + json.dumps(value).encode("utf-8")


def unpack(data: bytes) -> Any:
    if data[:1] == b"b":
        return data[1:]
    if data[:1] == b"n":
        return numpy.load(io.BytesIO(data[1:]), allow_pickle=False)
    return json.loads(data[1:])


def _leaves(value: Any) -> list[numpy.ndarray]:
    if isinstance(value, dict):
        return [leaf for name in sorted(value) for leaf in _leaves(value[name])]
    if isinstance(value, (list, tuple)):
        return [leaf for item in value for leaf in _leaves(item)]
    leaf = numpy.asarray(value)
    if leaf.dtype.kind not in "biuf":
        raise TypeError(f"all_reduce takes numbers, not {type(value).__name__} of {leaf.dtype}")
    return [leaf]


def _rebuild(value: Any, leaves: Iterator[Any]) -> Any:
    if isinstance(value, dict):
        found = {name: _rebuild(value[name], leaves) for name in sorted(value)}
        return {name: found[name] for name in value}
    if isinstance(value, (list, tuple)):
        items = [_rebuild(item, leaves) for item in value]
        return items if isinstance(value, list) else tuple(items)
    return next(leaves)


class Context:
    """What the function knows of itself, and how it talks with the other ranks. All ranks must make the same calls in the same order.

    rank, size, host, hosts, args, mode ("run", "train" or "inference"); under TensorFlowOnSpark's names: executor_id, num_workers, job_name, task_index, cluster_spec."""

    def __init__(self, rank: int, size: int, hosts: Sequence[str], mode: str, comm: Any = None, tell: Optional[Callable[[str], None]] = None, feed: Optional["DataFeed"] = None):
        self.rank, self.size, self.hosts, self.mode = rank, size, list(hosts), mode
        self.host = self.hosts[rank] if rank < len(self.hosts) else socket.gethostname()
        self.executor_id, self.num_workers = rank, size
        self.job_name, self.task_index = ("chief", 0) if rank == 0 else ("worker", rank - 1)
        self.cluster_spec = {"chief": self.hosts[:1], "worker": self.hosts[1:]}
        self._comm, self._tell, self._feed = comm, tell, feed

    @property
    def is_chief(self) -> bool:
        return self.rank == 0

    def _peers(self, what: str) -> Any:
        if self._comm is None and self.size > 1:
            raise TaskError("FS1001", f"{what}: inference has no collectives, because its tasks run whenever Spark has room for them")
        return self._comm

    def all_reduce(self, value: Any, op: str = "sum") -> Any:
        """The sum, mean, min or max over the ranks of an array, a number, or a list, tuple or dict of them, which have the same shapes on all ranks; in the types that went in (a mean
        of whole numbers is float64)."""
        if op not in ("sum", "mean", "min", "max"):
            raise ValueError(f"all_reduce: op={op!r}; expected 'sum', 'mean', 'min' or 'max'")
        comm, leaves = self._peers("all_reduce"), _leaves(value)
        # Arrays of one kind travel together: one message for all gradients of a network.
        kinds = [numpy.dtype("f8") if a.dtype == numpy.float64 or (op == "mean" and a.dtype.kind != "f") else numpy.dtype("f4") if a.dtype.kind == "f" else numpy.dtype("i8") for a in leaves]
        out: list[Any] = [None] * len(leaves)
        for kind in sorted(set(kinds), key=str):
            of = [i for i, k in enumerate(kinds) if k == kind]
            flat = numpy.concatenate([numpy.ravel(leaves[i]).astype(kind) for i in of])
            if comm is not None and flat.size:
                if op in ("sum", "mean"):
                    comm.sum(flat)
                else:
                    ranks = numpy.stack([numpy.frombuffer(b, kind) for b in comm.gather(flat.tobytes())])
                    flat = ranks.min(axis=0) if op == "min" else ranks.max(axis=0)
            if op == "mean":
                flat = flat / self.size
            at = 0
            for i in of:
                n = leaves[i].size
                part = flat[at:at + n].reshape(leaves[i].shape)
                out[i] = part.astype(kind if op == "mean" and leaves[i].dtype.kind != "f" else leaves[i].dtype)
                at += n
        return _rebuild(value, iter(out))

    def all_gather(self, value: Any) -> list[Any]:
        """Every rank's value, in rank order: arrays (of any shapes), bytes, or what JSON can say."""
        comm, mine = self._peers("all_gather"), pack(value)
        if comm is None:
            return [unpack(mine)]
        sizes = [LENGTH.unpack(b)[0] for b in comm.gather(LENGTH.pack(len(mine)))]
        return [unpack(b[:n]) for b, n in zip(comm.gather(mine.ljust(max(sizes), b"\0")), sizes)]

    def broadcast(self, value: Any = None, root: int = 0) -> Any:
        """The value of rank `root` on every rank: an array, bytes, what JSON can say, or a list of arrays."""
        if not 0 <= root < self.size:
            raise ValueError(f"broadcast: root={root}; expected a rank from 0 to {self.size - 1}")
        comm = self._peers("broadcast")
        if comm is None:
            return value
        parts: list[bytes] = []
        if self.rank == root:
            arrays = isinstance(value, list) and any(isinstance(item, numpy.ndarray) for item in value)
            parts = [b"l", *map(pack, value)] if arrays else [pack(value)]
        sizes = numpy.zeros(1, numpy.int64)
        sizes[0] = len(parts)
        comm.broadcast(root, sizes)
        lengths = numpy.zeros(int(sizes[0]), numpy.int64)
        lengths[:len(parts)] = [len(part) for part in parts]
        comm.broadcast(root, lengths)
        data = numpy.frombuffer(bytearray(b"".join(parts)) if parts else bytearray(int(lengths.sum())), numpy.uint8)
        comm.broadcast(root, data)
        if self.rank == root:
            return value
        ends = numpy.cumsum(lengths)
        found = [data[end - n:end].tobytes() for end, n in zip(ends, lengths)]
        return [unpack(part) for part in found[1:]] if found[0] == b"l" else unpack(found[0])

    def barrier(self) -> None:
        """Return when all ranks have called it."""
        comm = self._peers("barrier")
        if comm is not None:
            comm.gather(b"\0")

    def log(self, *words: Any) -> None:
        """A line to the driver, and to the executor's log, as print does."""
        print(*words, flush=True)

    def get_data_feed(self, train: bool = True, synchronous: bool = False) -> "DataFeed":
        """This rank's rows. With synchronous, should_stop() is the same on all ranks, and who has no more rows gets empty batches: then ranks with unlike many rows make equally many
        collective calls."""
        if self._feed is None:
            raise TaskError("FS1001", "get_data_feed: there is no feed, because the cluster runs with InputMode.TENSORFLOW; InputMode.SPARK feeds the rows of train(df) and inference(df)")
        if synchronous:
            self._feed.together = self
        return self._feed


# ---- rows --------------------------------------------------------------------------------

def to_numpy(column: Any) -> numpy.ndarray:
    """An Arrow column as an array of [rows, ...]: lists of one length and ML vectors become further dimensions, nulls of numbers NaN, texts and ragged lists objects."""
    kind, n = column.type, len(column)
    if pyarrow.types.is_struct(kind) and [f.name for f in kind] == ["type", "size", "indices", "values"]:
        return _vectors(column)
    if pyarrow.types.is_list(kind) or pyarrow.types.is_large_list(kind) or pyarrow.types.is_fixed_size_list(kind):
        if not column.null_count and n:
            inner, lengths = column.flatten(), column.value_lengths()
            width = lengths[0].as_py()
            if len(inner) == n * width and pyarrow.compute.all(pyarrow.compute.equal(lengths, width)).as_py():
                whole = to_numpy(inner)
                return whole if whole.dtype == object else whole.reshape(n, width, *whole.shape[1:])
        ragged = numpy.empty(n, object)
        ragged[:] = [None if item.values is None else to_numpy(item.values) for item in column]
        return ragged
    if pyarrow.types.is_boolean(kind):
        column, kind = column.cast(pyarrow.uint8()), pyarrow.uint8()
        plain = to_numpy(column)
        return plain.astype(bool) if plain.dtype.kind == "u" else plain
    if (pyarrow.types.is_integer(kind) or pyarrow.types.is_floating(kind)) and kind != pyarrow.float16():
        if column.null_count:
            column = column.cast(pyarrow.float32() if kind == pyarrow.float32() else pyarrow.float64()).fill_null(float("nan"))
        buffer = column.buffers()[1]
        dtype = numpy.dtype({"float": "float32", "double": "float64"}.get(str(column.type), str(column.type)))
        return numpy.frombuffer(buffer, dtype, n, column.offset * dtype.itemsize) if n else numpy.empty(0, dtype)
    values = numpy.empty(n, object)
    values[:] = column.to_pylist()
    return values


def _vectors(column: Any) -> numpy.ndarray:
    """ML vectors, dense and sparse, as rows; nulls are rows of NaN."""
    if column.field("size").null_count == len(column):
        return to_numpy(column.field("values") if not column.null_count else pyarrow.compute.struct_field(column, "values"))
    kind, size, indices, values = (pyarrow.compute.struct_field(column, name) for name in ("type", "size", "indices", "values"))
    sparse = to_numpy(pyarrow.compute.equal(kind, 0).fill_null(False))
    counts = to_numpy(pyarrow.compute.list_value_length(values).fill_null(0))
    row = numpy.repeat(numpy.arange(len(column)), counts)
    at = numpy.arange(len(row)) - numpy.repeat(numpy.cumsum(counts) - counts, counts)
    at[sparse[row]] = to_numpy(indices.filter(pyarrow.array(sparse)).flatten())
    out = numpy.zeros((len(column), int(numpy.where(sparse, to_numpy(size.fill_null(0)), counts).max(initial=0))))
    out[row, at] = to_numpy(values.flatten())
    out[~to_numpy(column.is_valid())] = numpy.nan
    return out


class DataFeed:
    """The rows of a worker, epoch after epoch. In training the second and later epochs read them from a file on local disk, mapped."""

    def __init__(self, batches: Iterable[pyarrow.RecordBatch], epochs: int = 1, results: Optional["Results"] = None):
        self.together: Optional[Context] = None
        self.rows = 0  # given so far
        self._source, self._results = self._epochs(iter(batches), epochs), results
        self._waiting: list[pyarrow.RecordBatch] = []
        self._ended = self._stopped = self._pulled = False

    def _epochs(self, batches: Iterator[pyarrow.RecordBatch], epochs: int) -> Iterator[pyarrow.RecordBatch]:
        if epochs == 1:
            yield from batches
            return
        with tempfile.TemporaryFile(prefix="firesteel-feed-") as file:
            writer = None
            for batch in batches:
                if writer is None:
                    writer = pyarrow.ipc.new_file(file, batch.schema)
                writer.write_batch(batch)
                yield batch
            if writer is None:
                return
            writer.close()
            file.flush()
            with pyarrow.memory_map(f"/proc/self/fd/{file.fileno()}") as mapped:
                kept = pyarrow.ipc.open_file(mapped)
                for _ in range(epochs - 1):
                    for i in range(kept.num_record_batches):
                        yield kept.get_batch(i)

    def _fill(self, rows: int) -> None:
        while not self._ended and sum(b.num_rows for b in self._waiting) < rows:
            batch = next(self._source, None)
            if batch is None:
                self._ended = True
            elif batch.num_rows:
                self._waiting.append(batch)

    def next_table(self, batch_size: int) -> pyarrow.Table:
        """The next rows, at most so many, as a pyarrow.Table; without columns at the very end of an empty feed."""
        if batch_size < 1:
            raise ValueError(f"next_batch: batch_size={batch_size}; expected at least 1")
        self._fill(0 if self._stopped else batch_size)
        taken: list[pyarrow.RecordBatch] = []
        left = 0 if self._stopped else batch_size
        while self._waiting and left:
            batch = self._waiting.pop(0)
            if batch.num_rows > left:
                self._waiting.insert(0, batch.slice(left))
                batch = batch.slice(0, left)
            taken.append(batch)
            left -= batch.num_rows
            self._schema = batch.schema
        self._pulled = True
        self.rows += sum(b.num_rows for b in taken)
        table = pyarrow.Table.from_batches(taken, schema=getattr(self, "_schema", None)) if taken or hasattr(self, "_schema") else pyarrow.table({})
        if self._results is not None and table.num_rows:
            self._results.expect(table)
        return table

    def next_batch(self, batch_size: int) -> dict[str, numpy.ndarray]:
        """The next rows, at most so many, as {column: array}; see to_numpy. Empty at the end."""
        table = self.next_table(batch_size).combine_chunks()
        return {name: to_numpy(column.chunk(0) if column.num_chunks else pyarrow.array([], column.type)) for name, column in zip(table.schema.names, table.columns)}

    def should_stop(self) -> bool:
        """Whether there are no more rows; in a synchronous feed, whether no rank has any."""
        self._fill(1)
        over = self._stopped or (self._ended and not self._waiting)
        if self.together is not None:
            return bool(self.together.all_reduce(int(over), "min"))
        return over

    def batch_results(self, results: Any) -> None:
        """Of inference: one result for each row given, in order: an array or a list, or {column: values} where the schema has several columns."""
        if self._results is None:
            raise TaskError("FS1001", "batch_results: only inference(df) takes results")
        self._results.add(results)

    def terminate(self) -> None:
        """Take no more rows: should_stop() is true from now on."""
        self._stopped = True
        self._waiting.clear()


class Results:
    """What the function answers, on its way to Spark: result columns, with columns of the rows that they belong to."""

    def __init__(self, schema: pyarrow.Schema, kept: Sequence[str]):
        self.schema, self.kept = schema, list(kept)
        self.queue: "queue.Queue[Optional[pyarrow.RecordBatch]]" = queue.Queue(RESULTS)
        self.closed = threading.Event()
        self._rows: list[pyarrow.Table] = []
        self.given = self.answered = 0

    def expect(self, table: pyarrow.Table) -> None:
        self.given += table.num_rows
        if self.kept:
            self._rows.append(table.select(self.kept))

    def add(self, results: Any) -> None:
        names = [name for name in self.schema.names if name not in self.kept]
        columns = results if isinstance(results, dict) else {names[0]: results}
        if sorted(columns) != sorted(names):
            raise TaskError("FS1001", f"batch_results: the columns {', '.join(map(str, columns))}; inference's schema has {', '.join(names)}")
        arrays = {name: _array(columns[name], self.schema.field(name)) for name in names}
        sizes = {len(array) for array in arrays.values()}
        n = sizes.pop()
        if sizes or self.answered + n > self.given:
            raise TaskError("FS1001", f"batch_results: {self.answered + n} results for {self.given} rows; inference gives one for each row")
        self.answered += n
        if self.kept:
            waiting = pyarrow.concat_tables(self._rows)
            now = waiting.slice(0, n).combine_chunks()
            self._rows = [waiting.slice(n)]
            arrays.update({name: now.column(name).chunk(0) if n else pyarrow.array([], self.schema.field(name).type) for name in self.kept})
        batch = pyarrow.RecordBatch.from_arrays([arrays[name] for name in self.schema.names], schema=self.schema)
        while not self.closed.is_set():
            try:
                self.queue.put(batch, timeout=1.0)
                return
            except queue.Full:
                continue
        raise TaskError("FS1009", "Spark takes no more results")


def _array(values: Any, field: pyarrow.Field) -> pyarrow.Array:
    """Values as a column: rows of arrays become lists."""
    try:
        if isinstance(values, numpy.ndarray) and values.ndim > 1 and pyarrow.types.is_list(field.type):
            flat = _array(values.reshape(values.shape[0] * values.shape[1], *values.shape[2:]), field.type.value_field)
            offsets = numpy.arange(values.shape[0] + 1, dtype=numpy.int32) * numpy.int32(values.shape[1])
            return pyarrow.Array.from_buffers(field.type, values.shape[0], [None, pyarrow.py_buffer(offsets)], 0, children=[flat])
        if isinstance(values, numpy.ndarray) and values.ndim == 2 and values.shape[1] == 1:
            values = values[:, 0]
        found = pyarrow.array(values)
        return found if found.type == field.type else found.cast(field.type)
    except (pyarrow.ArrowInvalid, pyarrow.ArrowTypeError, pyarrow.ArrowNotImplementedError) as error:
        raise TaskError("FS2002", f"batch_results: the values of {field.name!r} do not become {field.type}: {str(error).splitlines()[0]}") from None


# ---- what a function prints ----------------------------------------------------------------

class Output(io.TextIOBase):
    """In the place of sys.stdout and sys.stderr: passes everything on, keeps the last lines, and tells the driver of each."""

    def __init__(self, under: Any, lines: list[str], tell: Callable[[str], None]):
        self.under, self.lines, self.heard, self.part = under, lines, tell, ""

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        self.under.write(text)
        *whole, self.part = (self.part + text).split("\n")
        for line in whole:
            self.lines.append(line)
            del self.lines[:-KEPT]
            self.heard(line)
        return len(text)

    def flush(self) -> None:
        self.under.flush()


def words_of(error: BaseException, args: Sequence[str] = ()) -> str:
    """An exception of the function in a few lines: what, and where in the user's own files."""
    last = traceback.extract_tb(error.__traceback__)
    mine = os.path.dirname(os.path.abspath(__file__))
    frames = [f for f in last if not os.path.abspath(f.filename).startswith(mine)] or list(last)
    where = [f"  {os.path.basename(f.filename)}:{f.lineno} in {f.name}" + (f": {f.line.strip()}" if f.line else "") for f in frames[-FRAMES:]]
    said = "\n".join((str(error) or "no message").splitlines()[:4])
    return "\n".join([f"{type(error).__name__}: {said}", *where])


# ---- a task ----------------------------------------------------------------------------------

def work(function: Callable[[Context], Any], batches: Optional[Iterable[pyarrow.RecordBatch]], job: Job, all_gather: Callable[[str], Sequence[str]], *, rank: int,
         host: str = "") -> Iterator[pyarrow.RecordBatch]:
    """Run `function` as `rank` of job.workers, on the rows of `batches` if there are any, yielding record batches of train.SCHEMA: each rank's value and output."""
    comm, done = None, threading.Event()
    answer: dict[str, Any] = {}
    lines: list[str] = []
    reporter = Reporter(*job.progress) if job.progress is not None else None
    sending = threading.Lock()

    def tell(line: str) -> None:
        if reporter is not None:
            with sending:
                reporter.send({"event": "line", "rank": rank, "text": line[:2000]})

    def run(comm: Any, address: str) -> None:
        try:
            engine.join(comm, rank, all_gather(address), job)
            hosts = [json.loads(text) for text in _gather_texts(comm, json.dumps(host or socket.gethostname()))]
            feed = DataFeed(batches, job.epochs) if batches is not None else None
            context = Context(rank, job.workers, hosts, "train" if feed is not None else "run", comm, tell, feed)
            answer["value"] = _call(function, context, lines, tell)
            answer["pickled"] = pickle.dumps(answer["value"], protocol=5)
            comm.gather(b"\0")  # who ends early while others still call collectives is told apart from who dies
        except BaseException as error:
            answer["error"] = error
        finally:
            done.set()

    try:
        if job.version != engine.version():
            raise TaskError("FS4009", f"the driver runs firesteel {job.version}, the worker on {host or 'this host'} has {engine.version()}; ship the driver's wheel to the executors", rank, host)
        comm, address = engine.listen(job, host)
        threading.Thread(target=run, args=(comm, address), daemon=True, name="firesteel-main").start()
        while not done.wait(job.heartbeat):
            yield _row("beat", 0, BEAT)
        if "error" in answer:
            raise answer["error"]
        said = json.dumps({"rank": rank, "host": host or socket.gethostname(), "lines": lines}).encode("utf-8")
        yield _row("lines", rank, said)
        for i, at in enumerate(range(0, len(answer["pickled"]), PIECE)):
            yield _row(f"value {i}", rank, answer["pickled"][at:at + PIECE])
    except Exception as error:
        failure = _failure(error, rank, host, lines)
        if comm is not None and done.is_set():
            engine.tell_peers(comm, failure.record)
        if failure.record["code"] == PEER_FAILED:
            time.sleep(AFTER_YOU)
        raise failure from None
    finally:
        if reporter is not None:
            reporter.close()


def infer(function: Callable[[Context], Any], batches: Iterable[pyarrow.RecordBatch], schema: pyarrow.Schema, kept: Sequence[str], *, rank: int, size: int,
          host: str = "") -> Iterator[pyarrow.RecordBatch]:
    """Run `function` over the rows of a partition, yielding its results."""
    results = Results(schema, kept)
    answer: dict[str, Any] = {}
    lines: list[str] = []
    feed = DataFeed(batches, 1, results)

    def run() -> None:
        try:
            feed._fill(1)
            if feed._waiting:  # an empty partition is not worth a model's loading
                _call(function, Context(rank, size, [host] * size, "inference", None, None, feed), lines, lambda line: None)
                if results.answered != results.given:
                    raise TaskError("FS1001", f"inference: {results.answered} results for {results.given} rows; give one for each row by batch_results")
                if not feed._stopped and not feed.should_stop():
                    raise TaskError("FS1001", f"inference: the function ended before its feed did, after {results.given} rows; go on until should_stop()")
        except BaseException as error:
            answer["error"] = error
        while not results.closed.is_set():
            try:
                results.queue.put(None, timeout=1.0)
                return
            except queue.Full:
                continue

    threading.Thread(target=run, daemon=True, name="firesteel-main").start()
    try:
        while (batch := results.queue.get()) is not None:
            yield batch
        if "error" in answer:
            raise _failure(answer["error"], rank, host, lines) from None
    finally:
        results.closed.set()


def _call(function: Callable[[Context], Any], context: Context, lines: list[str], tell: Callable[[str], None]) -> Any:
    under = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = Output(under[0], lines, tell), Output(under[1], lines, tell)
    try:
        return function(context)
    finally:
        sys.stdout, sys.stderr = under


def _gather_texts(comm: Any, text: str) -> list[str]:
    data = text.encode("utf-8")
    sizes = [LENGTH.unpack(b)[0] for b in comm.gather(LENGTH.pack(len(data)))]
    return [b[:n].decode("utf-8") for b, n in zip(comm.gather(data.ljust(max(sizes))), sizes)]


def _failure(error: BaseException, rank: int, host: str, lines: Sequence[str]) -> TaskError:
    if isinstance(error, TaskError) or hasattr(error, "code") and hasattr(error, "message"):
        failure = marked(error, rank, host)
        if failure.record["rank"] < 0:
            failure = TaskError(failure.record["code"], failure.record["message"], rank, host)
        return failure
    return TaskError("FS4008", words_of(error), rank, host, lines=list(lines[-20:]))
