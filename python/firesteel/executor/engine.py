"""engine - the few calls that the tasks make into firesteel's core, in the order of a training."""
from __future__ import annotations

import functools
import math
import os
import tempfile
from typing import Any, Callable, Iterable, Optional, Sequence, Union

import numpy
import pyarrow
import pyarrow.compute

from .._lookups import Lookups
from ..errors import FiresteelError
from .failure import TaskError
from .functions import Call, called
from .job import STATE, Job, Recipe, unpack_arrays

TYPES = {"float32": 1, "float64": 11}
COMPRESSION = {"none": 0, "bf16": 1, "threshold": 2}
INVALID = {"error": 0, "skip": 1, "keep": 2}
PIECE = 1 << 20  # bytes that are scored at once: numbers are looked at, then computed with, and should lie in a processor's cache between
EVENTS = ("step", "epoch", "checkpoint", "validation")


def version() -> str:
    from .. import _core

    return _core.version()


@functools.lru_cache(maxsize=None)
def context(threads: int = 1) -> Any:
    from .. import _core

    return _core.Context(threads=threads)


# ---- rows ----------------------------------------------------------------------------

def local_folder() -> str:
    """A folder on this host's own disk: of those that Spark gave this application, another for each task, else the system's."""
    given = [d for d in os.environ.get("SPARK_LOCAL_DIRS", "").split(",") if os.path.isdir(d)]
    return given[os.getpid() % len(given)] if given else tempfile.gettempdir()


def read(batches: Iterable[pyarrow.RecordBatch], job: Job) -> Any:
    """Convert and pack the rows of every batch as it arrives; the batch's own memory is released at once."""
    from .. import _core

    data = _core.Dataset(context(job.threads))
    if job.cache != "memory":
        # What is held besides a window: rows in memory with "auto", nothing with "disk". Half of the window is for sorting and the chunks that it is read from.
        kept = job.cache_memory if job.cache == "auto" else 0
        data.cache(local_folder(), kept, max(1, job.cache_memory // (8 if kept else 2)))
    recipe = Recipe.parse(job.recipe)
    dtype = TYPES[recipe.dtype]
    data.pad(build(recipe, job.threads))
    lookups = Lookups.parse(job.lookups) if job.lookups else None
    calls = [Call(*c) for c in job.calls]
    for batch in batches:
        if batch.num_rows == 0:
            continue
        batch = join_vectors(batch, job.vectors)
        for call in calls:
            batch = with_columns(batch, call.gives, called(call, batch))
        if lookups is not None:
            batch = with_columns(batch, job.features, lookups.arrays([batch.column(name) for name in job.features]))
        if job.classes is not None:
            check_labels(batch.column(job.labels[0]), job)
        schema, array = batch.__arrow_c_array__()
        data.add_batch(dtype, schema, array, list(job.features), list(job.labels), job.weight, job.validation, INVALID[job.invalid])
    return data


def join_vectors(batch: pyarrow.RecordBatch, vectors: Sequence[tuple[str, str, str]]) -> pyarrow.RecordBatch:
    """ML vectors of their three columns: the list of values where all rows are dense, else Spark's struct of type, size, indices and values."""
    columns = {name: batch.column(name) for name in batch.schema.names}
    for name, size_name, indices_name in vectors:
        values, size, indices = columns[name], columns.pop(size_name), columns.pop(indices_name)
        if size.null_count < len(size):
            kind = size.is_null().cast(pyarrow.int8())
            columns[name] = pyarrow.StructArray.from_arrays([kind, size, indices, values], names=["type", "size", "indices", "values"], mask=values.is_null())
    return pyarrow.RecordBatch.from_arrays(list(columns.values()), names=list(columns))


def with_columns(batch: pyarrow.RecordBatch, names: Sequence[str], arrays: Sequence[pyarrow.Array]) -> pyarrow.RecordBatch:
    """The batch with these columns, in place of those of the same name."""
    columns = {name: batch.column(name) for name in batch.schema.names}
    columns.update(zip(names, arrays))
    return pyarrow.RecordBatch.from_arrays(list(columns.values()), names=list(columns))


def check_labels(column: pyarrow.Array, job: Job) -> None:
    """Class labels are whole numbers from 0 to classes - 1; nulls and NaN are for handleInvalid to judge."""
    values = column.drop_null().cast(pyarrow.float64())
    # Not to_numpy(), which imports pandas.
    numbers = numpy.frombuffer(values.buffers()[1] or b"", numpy.float64, len(values), 8 * values.offset)
    numbers = numbers[numpy.isfinite(numbers)]
    wrong = numbers[(numbers < 0) | (numbers >= (job.classes or 0)) | (numbers != numpy.floor(numbers))]
    if len(wrong):
        raise TaskError("FS2006", f"labelCol={job.labels[0]!r} holds {wrong[0]:g}; expected whole numbers from 0 to {(job.classes or 0) - 1}, one per class")


def describe(data: Any) -> dict[str, Any]:
    rows, validation_rows, skipped, x, y, _ = data.info()
    return {"rows": rows, "validation_rows": validation_rows, "skipped": skipped, "x": list(x or ()), "y": list(y or ())}


# ---- meeting the other ranks -------------------------------------------------------------

def listen(job: Job, host: str) -> tuple[Any, str]:
    """A listening port and the address that peers reach it by: on the address that Spark uses, else on all of this host's."""
    from .. import _core
    from ..errors import FiresteelError

    if host:
        try:
            return _core.listen(context(job.threads), host)
        except FiresteelError:
            comm, address = _core.listen(context(job.threads), None)
            return comm, f"{host}:{address.rsplit(':', 1)[1]}"
    return _core.listen(context(job.threads), "127.0.0.1")


def join(comm: Any, rank: int, addresses: Sequence[str], job: Job) -> None:
    comm.open(rank, list(addresses), job.secret, job.deadline)


def deal(data: Any, comm: Any) -> None:
    data.deal(comm, 0)


def tell_peers(comm: Any, record: dict[str, Any]) -> None:
    number = int(record["code"][2:])
    try:
        comm.fail({1008: 6, 1009: 130}.get(number, number // 1000), number, record["message"])
    except Exception:
        pass  # they will notice by themselves


# ---- the network ---------------------------------------------------------------------------

def network(recipe: Recipe, job: Job) -> Any:
    """The network of a job, compiled; weights that the recipe does not hold are drawn by fit from the seed."""
    net = build(recipe, job.threads)
    net.compile(job.optimizer, job.loss, job.metrics or None)
    state = unpack_arrays(recipe.weights).get(STATE) if recipe.weights and recipe.optimizer == job.optimizer else None
    if state is not None:
        net.set_state(state.tobytes())
    if job.learning_rate is not None:
        net.set_learning_rate(job.learning_rate)
    return net


def connect(net: Any, recipe: Recipe) -> None:
    """The layers of a network that is no chain, called as they are there: so its tensors have the same numbers again."""
    called: set[int] = set()
    for layer, tensors in recipe.uses:
        kind, attrs = recipe.layers[layer]
        if not tensors:
            net.input(attrs)
        elif layer in called:
            net.call(net.layers()[layer][1], None, list(tensors))
        else:
            net.call(kind, attrs, list(tensors))
        called.add(layer)
    net.outputs(list(recipe.outputs))


def build(recipe: Recipe, threads: int = 1) -> Any:
    from .. import _core

    net = _core.Network(context(threads), TYPES[recipe.dtype])
    if recipe.uses:
        connect(net, recipe)
    else:
        for kind, attrs in recipe.layers:
            net.add(kind, attrs or None)
    for layer in recipe.frozen:
        net.set_trainable(layer, False)
    if recipe.input and not recipe.uses:
        net.build(list(recipe.input))
    if recipe.weights:
        for index, value in unpack_arrays(recipe.weights).items():
            if index != STATE:
                net.set_weight(int(index), numpy.ascontiguousarray(value))
    return net


def evaluate(net: Any, data: Any, comm: Any) -> float:
    """The loss over all ranks' rows."""
    return float(net.evaluate(data, comm)[0])


def fit(net: Any, data: Any, comm: Any, job: Job, progress: Optional[Callable[[dict[str, Any]], bool]], validates: bool, first: int = 0,
        first_step: int = 0) -> tuple[dict[str, Any], Optional[dict[str, str]]]:
    """Train from step `first_step` of epoch `first`; the report, and the error of a training that diverged, which leaves the last good weights in the network.
    `progress` hears of steps, ended epochs, and checkpoints that are due; true ends the training after the step under way."""
    from ..errors import DivergedError

    if not job.epochs:  # a perceptron's maxIter may be 0
        return {"epochs_run": 0, "best_epoch": -1, "stopped_early": False, "steps": 0, "rows": 0, "seconds": 0.0, "cancelled": False, "bytes_sent": 0}, None
    if job.validation_fraction > 0:
        data.split(job.validation_fraction, job.seed, False)
    names: list[str] = []
    last = {"epoch": first - 1}

    def tell(event: int, epoch: int, epochs: int, step: int, steps: int, rows: int, seconds: float,
             results: Sequence[float], validation: Optional[Sequence[float]], learning_rate: float) -> bool:
        if not names:
            names.extend(net.metrics())
        said = dict(zip(names, results))
        if validation is not None:
            said.update((f"val_{name}", value) for name, value in zip(names, validation))
        if event == 1:
            last["epoch"] = epoch
        assert progress is not None
        return progress({"event": EVENTS[event], "epoch": epoch, "epochs": epochs, "step": step, "steps": steps, "rows": rows,
                  "seconds": seconds, "results": {n: v if math.isfinite(v) else None for n, v in said.items()}, "learning_rate": learning_rate})

    more: dict[str, Any] = {}
    if job.patience > 0:
        more = {"monitor": "val_loss" if validates else "loss", "patience": job.patience, "min_delta": job.min_delta, "restore_best": job.keep_best}
    if job.local_steps > 1:
        more.update(local_steps=job.local_steps, own_state=not job.average_optimizer)
    if job.compression != "none":
        more.update(compression=COMPRESSION[job.compression], compression_ratio=job.compression_ratio)
    if job.checkpoint_dir is not None:
        more.update(checkpoint_epochs=job.checkpoint_epochs, checkpoint_steps=job.checkpoint_steps)
    more.update(end_trigger=job.end_trigger, validation_trigger=job.validation_trigger, checkpoint_trigger=job.checkpoint_trigger)
    weights = None if job.class_weight is None else numpy.asarray(job.class_weight, numpy.float64)
    try:
        epochs_run, best, stopped, steps, rows, seconds, cancelled, sent = net.fit(
            data, epochs=job.epochs, initial_epoch=first, initial_step=first_step, batch_size=job.batch_size, seed=job.seed % 2**64, class_weight=weights, comm=comm,
            progress=None if progress is None else tell, **more)
    except DivergedError as error:
        return {"epochs_run": last["epoch"] + 1, "best_epoch": -1, "stopped_early": False, "steps": 0, "rows": 0, "seconds": 0.0, "bytes_sent": 0}, \
            {"code": error.code, "message": error.message}
    return {"epochs_run": first + epochs_run, "best_epoch": best, "stopped_early": bool(stopped), "steps": steps, "rows": rows, "seconds": seconds,
            "cancelled": bool(cancelled), "bytes_sent": sent}, None


def save(net: Any, job: Job) -> bytes:
    for key, text in job.notes:
        net.set_note(key, text)
    return bytes(net.save_bytes())


# ---- scoring ---------------------------------------------------------------------------------

def load(data: Union[bytes, str]) -> Any:
    """A network from the bytes of its file, or from a path, whose weights then stay in the mapped file."""
    from .. import _core

    return _core.Network.load(context(), data) if isinstance(data, str) else _core.Network.load_bytes(context(), data)


def predict(net: Any, batch: pyarrow.RecordBatch, names: Sequence[str], invalid: str) -> tuple[numpy.ndarray, Optional[numpy.ndarray]]:
    """Outputs and, where the network ends in a softmax or sigmoid, logits: [rows, ...] of the network's type."""
    from .. import _core

    info = net.info()
    shape = (batch.num_rows, *info["output"][1:])
    dtype = numpy.float64 if info["type"] == TYPES["float64"] else numpy.float32
    y = numpy.empty(shape, dtype)
    logits = numpy.empty(shape, dtype) if info["has_logits"] else None
    how, rows = INVALID["keep" if invalid == "keep" else "error"], batch.num_rows

    def score(at: int, n: int) -> None:
        data = _core.Dataset(context())
        schema, array = batch.slice(at, n).__arrow_c_array__()
        data.pad(net)
        data.add_batch(0, schema, array, list(names), [], None, None, how)
        net.predict(data, y[at:at + n], None if logits is None else logits[at:at + n])

    step = rows
    if batch.num_columns == 1 and batch.nbytes > PIECE:
        block = info["block_rows"]
        step = max(1, PIECE * rows // batch.nbytes // block) * block
    try:
        for at in range(0, rows, step or 1):
            score(at, min(step, rows - at))
    except FiresteelError:
        if step >= rows:
            raise
        score(0, rows)  # fails again, and counts rows from the first of the batch
    return y, logits
