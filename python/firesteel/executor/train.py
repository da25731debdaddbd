"""train - one rank of a training: read rows, meet the others, fit, and let rank 0 hand back the model."""
from __future__ import annotations

import json
import queue
import socket
import threading
import time
from typing import Any, Callable, Iterable, Iterator, Optional, Sequence

import pyarrow

from . import engine
from .failure import TaskError, marked
from .job import Job, Recipe
from .report import Reporter

# What comes back: ("beat", 0, padding), ("result", 0, JSON), ("model", i, i-th piece of the model file). Only rank 0 sends the last two.
SCHEMA = pyarrow.schema([("kind", pyarrow.string()), ("part", pyarrow.int32()), ("data", pyarrow.binary())])
PIECE = 8 << 20  # bytes of the model file in one row
BEAT = b"\0" * 70_000  # larger than the buffer between Python and Spark, so that a heartbeat is not held back in it


def train(batches: Iterable[pyarrow.RecordBatch], job: Job, all_gather: Callable[[str], Sequence[str]], *,
          rank: int, host: str = "") -> Iterator[pyarrow.RecordBatch]:
    """Train as `rank` of job.workers on the rows of `batches`, yielding record batches of SCHEMA.

    all_gather(text) gives every rank's text in rank order. `host` is the address that peers reach this task by. What goes
    wrong is raised as a TaskError whose text the driver can find; a loss that diverges is not raised but told in the result,
    because rank 0 then still hands back the last good weights."""
    began = time.monotonic()
    comm = None
    try:
        if job.version != engine.version():
            raise TaskError("FS4009", f"the driver runs firesteel {job.version}, the worker on {host or 'this host'} has {engine.version()}; "
                            "ship the driver's wheel to the executors", rank, host)
        data = engine.read(batches, job)
        read_seconds = time.monotonic() - began
        comm, address = engine.listen(job, host)
        said = [json.loads(text) for text in all_gather(json.dumps({
            "rank": rank, "host": host or socket.gethostname(), "address": address, "read_seconds": round(read_seconds, 3), **engine.describe(data)}))]
        peers = check_peers(said, job)
        # From here the ranks talk over their own sockets: a failure on one reaches the others as an error that says why.
        done: "queue.SimpleQueue[tuple[str, Any]]" = queue.SimpleQueue()
        threading.Thread(target=_run, args=(data, comm, job, rank, peers, began, read_seconds, done), daemon=True, name="firesteel-fit").start()
        while True:
            try:
                kind, value = done.get(timeout=job.heartbeat)
            except queue.Empty:
                yield _row("beat", 0, BEAT)
                continue
            if kind == "error":
                raise value
            break
        result, model = value
        if rank == 0:
            yield _row("result", 0, json.dumps(result).encode("utf-8"))
            for i, at in enumerate(range(0, len(model), PIECE)):
                yield _row("model", i, model[at:at + PIECE])
    except Exception as error:
        failure = marked(error, rank, host)
        if comm is not None:
            engine.tell_peers(comm, failure.record)
        raise failure from None


def check_peers(said: list[dict[str, Any]], job: Job) -> list[dict[str, Any]]:
    """What the ranks told one another, in rank order. Every rank comes to the same judgement on it."""
    said = sorted(said, key=lambda s: s["rank"])
    if [s["rank"] for s in said] != list(range(job.workers)):
        raise TaskError("FS4008", f"{job.workers} workers were expected, ranks {[s['rank'] for s in said]} met")
    rows = sum(s["rows"] for s in said)
    skipped = sum(s["skipped"] for s in said)
    left_out = f" ({skipped} left out as invalid)" if skipped else ""
    if rows == 0:
        raise TaskError("FS2007", f"the table has no rows to train on{left_out}")
    if rows < job.workers:
        raise TaskError("FS2008", f"{rows} rows to train on{left_out} for numWorkers={job.workers}; set numWorkers to at most {rows}")
    for part in ("x", "y"):
        shapes = {tuple(s[part]): s["rank"] for s in reversed(said) if s["rows"] + s["validation_rows"]}
        if len(shapes) > 1:
            (a, ra), (b, rb) = sorted(shapes.items(), key=lambda item: item[1])[:2]
            what = "features " + ", ".join(job.features) if part == "x" else "label " + ", ".join(job.labels)
            raise TaskError("FS2005", f"{what}: rows of {_width(a)} numbers on worker {ra} and of {_width(b)} on worker {rb}; all rows need the same number")
    return said


def _width(shape: Sequence[int]) -> int:
    n = 1
    for d in shape:
        n *= d
    return n


def _run(data: Any, comm: Any, job: Job, rank: int, peers: list[dict[str, Any]], began: float, read_seconds: float, done: Any) -> None:
    """The thread that trains, so that the generator is free to tell Spark that it lives."""
    try:
        done.put(("result", _fit(data, comm, job, rank, peers, began, read_seconds)))
    except BaseException as error:  # a thread has nobody else to tell
        done.put(("error", error))


def _fit(data: Any, comm: Any, job: Job, rank: int, peers: list[dict[str, Any]], began: float, read_seconds: float) -> tuple[dict[str, Any], bytes]:
    met = time.monotonic()
    engine.join(comm, rank, [p["address"] for p in peers], job)
    engine.deal(data, comm)
    reporter: Optional[Reporter] = None
    if rank == 0 and job.progress is not None:
        reporter = Reporter(*job.progress)
        reporter.send({"event": "start", "hosts": [p["host"] for p in peers], "rows": [p["rows"] for p in peers]})
    dealt = time.monotonic()
    history: dict[str, list[float]] = {}
    told = 0.0

    def progress(event: dict[str, Any]) -> None:
        nonlocal told
        if event["event"] == "epoch":
            for name, value in event["results"].items():
                history.setdefault(name, []).append(value)
        now = time.monotonic()
        if reporter is not None and (now - told > 0.05 or event["epoch"] + 1 == event["epochs"]):  # epochs may be far shorter than that
            told = now
            reporter.send(event)

    try:
        net = engine.network(Recipe.parse(job.recipe, job.recipe_weights), job)
        validates = job.validation_fraction > 0 or any(p["validation_rows"] for p in peers)
        report, error = engine.fit(net, data, comm, job, progress if rank == 0 else None, validates)
    finally:
        if reporter is not None:
            reporter.close()
    if rank != 0:
        return {}, b""
    ended = time.monotonic()
    result = {
        "history": history, "report": report, "error": error,
        "hosts": [p["host"] for p in peers], "rows": [p["rows"] for p in peers],
        "validation_rows": sum(p["validation_rows"] for p in peers), "skipped": sum(p["skipped"] for p in peers),
        "seconds": {"read": round(max(p["read_seconds"] for p in peers), 3), "meet": round(met - began - read_seconds, 3),
                    "deal": round(dealt - met, 3), "fit": round(ended - dealt, 3)},
    }
    return result, engine.save(net, job)


def _row(kind: str, part: int, data: bytes) -> pyarrow.RecordBatch:
    return pyarrow.RecordBatch.from_arrays([pyarrow.array([kind]), pyarrow.array([part], pyarrow.int32()), pyarrow.array([data], pyarrow.binary())], schema=SCHEMA)
