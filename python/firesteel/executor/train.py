"""train - one rank of a training: read rows, meet the others, fit, and let rank 0 hand back the model."""
from __future__ import annotations

import itertools
import json
import math
import queue
import socket
import struct
import threading
import time
from typing import Any, Callable, Iterable, Iterator, Optional, Sequence

import pyarrow

from . import engine
from .checkpoints import Checkpoints
from .failure import TaskError, marked, of_lost_worker
from .job import Job, Recipe
from .report import Pace, Reporter
from .settled import Settled

# What comes back: ("beat", 0, padding), ("result", 0, JSON), ("model", i, i-th piece of the model file). Only rank 0 sends the last two. Of what
# failed ("error", 0, JSON).
SCHEMA = pyarrow.schema([("kind", pyarrow.string()), ("part", pyarrow.int32()), ("data", pyarrow.binary())])
PIECE = 8 << 20  # bytes of the model file in one row
LENGTH = struct.Struct("=q")
POSITION = struct.Struct("=qq")  # epochs, steps of the next
TELLING = 2.0    # seconds that a rank that cannot read its rows takes to tell its peers so
PEER_FAILED = "FS4006"
AFTER_YOU = 1.0  # seconds that a rank holds back such an error, so that Spark hears the peer's own first
BEAT = b"\0" * 70_000  # larger than the buffer between Python and Spark, so that a heartbeat is not held back in it


def train(batches: Iterable[pyarrow.RecordBatch], job: Job, all_gather: Callable[[str], Sequence[str]], *,
          rank: int, host: str = "") -> Iterator[pyarrow.RecordBatch]:
    """Train as `rank` of job.workers on the rows of `batches`, yielding record batches of SCHEMA.

    all_gather(text) gives every rank's text in rank order. `host` is the address that peers reach this task by. What goes
    wrong is raised as a TaskError whose text the driver can find; a loss that diverges is not raised but told in the result,
    because rank 0 then still hands back the last good weights."""
    began = time.monotonic()
    comm, done = None, threading.Event()
    try:
        if job.version != engine.version():
            raise TaskError("FS4009", f"the driver runs firesteel {job.version}, the worker on {host or 'this host'} has {engine.version()}; "
                            "ship the driver's wheel to the executors", rank, host)
        comm, address = engine.listen(job, host)
        work = Work(comm, job, rank, began, done)
        threading.Thread(target=work.run, args=(all_gather, address), daemon=True, name="firesteel-fit").start()
        try:
            data = engine.read(itertools.takewhile(lambda _: not done.is_set(), batches), job)
        except Exception as error:
            work.rows.put(marked(error, rank, host))
            done.wait(TELLING)
            raise
        work.rows.put((data, {"rank": rank, "host": host or socket.gethostname(), "read_seconds": round(time.monotonic() - began, 3), **engine.describe(data)}))
        while not done.wait(job.heartbeat):
            yield _row("beat", 0, BEAT)
        if work.error is not None:
            raise work.error
        if rank == 0:
            yield _row("result", 0, json.dumps(work.result).encode("utf-8"))
            for i, at in enumerate(range(0, len(work.model), PIECE)):
                yield _row("model", i, work.model[at:at + PIECE])
    except Exception as error:
        failure = marked(error, rank, host)
        if comm is not None and done.is_set():
            engine.tell_peers(comm, failure.record)
        failure.shared = comm is not None and done.is_set() and work.met and not of_lost_worker(failure.record["code"], failure.record["message"])
        if failure.record["code"] == PEER_FAILED and not failure.shared:
            time.sleep(AFTER_YOU)
        raise failure from None


def answered(rows: Iterable[pyarrow.RecordBatch]) -> Iterator[pyarrow.RecordBatch]:
    """What `train` gives. A failure that all ranks know of comes as a row too: Spark writes a hundred lines to the console for a task that fails."""
    try:
        yield from rows
    except TaskError as error:
        if not error.shared:
            raise
        yield _row("error", 0, json.dumps(error.record).encode("utf-8"))


class Work:
    """What a rank does in a thread of its own, so that the generator is free to read rows and to tell Spark that it lives.

    The ranks meet while rows are read, because Spark's own all_gather answers about a second late. From then on they talk over
    their own sockets: a failure on one reaches the others as an error that says why."""

    def __init__(self, comm: Any, job: Job, rank: int, began: float, done: threading.Event):
        self.comm, self.job, self.rank, self.began, self.done = comm, job, rank, began, done
        self.rows: "queue.SimpleQueue[Any]" = queue.SimpleQueue()  # (data, what to tell of it), or the TaskError of reading it; put once
        self.reporter: "queue.SimpleQueue[Optional[Reporter]]" = queue.SimpleQueue()
        self.result: dict[str, Any] = {}
        self.model = b""
        self.error: Optional[BaseException] = None
        self.met = False  # from then on peers hear of what fails

    def run(self, all_gather: Callable[[str], Sequence[str]], address: str) -> None:
        try:
            progress = self.job.progress if self.rank == 0 else None
            if progress is not None:  # while the ranks meet: a driver that cannot be reached is waited for
                threading.Thread(target=self._call, args=progress, daemon=True, name="firesteel-report").start()
            engine.join(self.comm, self.rank, all_gather(address), self.job)
            self.met = True
            data, said = self.wait_for_rows()
            peers = check_peers(said, self.job)
            self.result, self.model = _fit(data, self.comm, self.job, self.rank, peers, self.began, self.reporter if progress is not None else None)
        except BaseException as error:  # a thread has nobody else to tell
            self.error = error
        finally:
            self.done.set()

    def _call(self, host: str, port: int, key: bytes) -> None:
        reporter: Optional[Reporter] = None
        try:
            reporter = Reporter(host, port, key)
        finally:
            self.reporter.put(reporter)

    def wait_for_rows(self) -> tuple[Any, list[dict[str, Any]]]:
        """This rank's rows and what every rank tells of its own. Until all have read theirs, each says now and then that it still lives:
        reading may take longer than peers may be silent."""
        met = time.monotonic()
        mine: Any = None
        text, lengths = b"", [0]
        while not all(lengths):
            try:
                # At most a twentieth of the time that reading takes is lost by waiting.
                pause = min(1.0, max(0.01, (time.monotonic() - met) / 20))
                if mine is None:
                    mine = self.rows.get(timeout=pause)
                    if isinstance(mine, TaskError):
                        engine.tell_peers(self.comm, mine.record)
                        raise mine
                    text = json.dumps(mine[1]).encode("utf-8")
                else:
                    time.sleep(pause)
            except queue.Empty:
                pass
            lengths = [LENGTH.unpack(b)[0] for b in self.comm.gather(LENGTH.pack(len(text)))]
        return mine[0], [json.loads(b) for b in self.comm.gather(text.ljust(max(lengths)))]


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


def _fit(data: Any, comm: Any, job: Job, rank: int, peers: list[dict[str, Any]], began: float, calling: "Optional[queue.SimpleQueue[Optional[Reporter]]]") -> tuple[dict[str, Any], bytes]:
    met = time.monotonic()
    engine.deal(data, comm)
    reporter = calling.get() if calling is not None else None
    dealt = time.monotonic()
    checkpoints = Checkpoints(job) if rank == 0 and job.checkpoint_dir is not None else None
    history: dict[str, list[float]] = checkpoints.history if checkpoints is not None else {}
    mine = (checkpoints.epoch, checkpoints.step) if checkpoints is not None else (0, 0)
    first, first_step = POSITION.unpack(comm.gather(POSITION.pack(*mine))[0])
    if reporter is not None:
        reporter.send({"event": "start", "hosts": [p["host"] for p in peers], "rows": [p["rows"] for p in peers], "first_epoch": first, "first_step": first_step})
    pace, stop = Pace(), False
    validates = job.validation_fraction > 0 or any(p["validation_rows"] for p in peers)
    best = math.inf

    def improved(loss: Optional[float]) -> bool:
        """As the engine's early stopping judges."""
        nonlocal best
        if loss is None or best < math.inf and not best - loss > job.min_delta:
            return False
        best = loss
        return True

    validations: list[dict[str, Any]] = []

    def progress(event: dict[str, Any]) -> bool:
        nonlocal stop
        if event["event"] == "checkpoint":
            if checkpoints is not None:
                ended = event["step"] == event["steps"]
                checkpoints.save(net, event["epoch"] + ended, 0 if ended else event["step"], history)
            return stop
        if event["event"] == "validation":
            validations.append({"epoch": event["epoch"], "step": event["step"], **event["results"]})
        if event["event"] == "epoch":
            for name, value in event["results"].items():
                history.setdefault(name, []).append(value)
            if rule is not None and event["results"]["loss"] is not None:
                stop = rule(net, event["results"]["loss"]) or stop
            if checkpoints is not None and job.patience > 0 and improved(event["results"]["val_loss" if validates else "loss"]):
                checkpoints.save_best(bytes(net.save_bytes()))
        if reporter is not None and (pace.due(event["event"], time.monotonic()) or event["epoch"] + 1 == event["epochs"]):
            reporter.send(event)
            stop = stop or reporter.stop_asked()
        return stop

    net: Any = checkpoints.network if checkpoints is not None else None
    try:
        if net is None:
            net = engine.network(Recipe.parse(job.recipe, job.recipe_weights), job)
        for key, text in job.notes:
            net.set_note(key, text)
        loss = engine.evaluate(net, data, comm) if job.tell_loss == "before" else None
        rule = Settled(*job.settled, loss) if job.settled is not None else None
        report, error = engine.fit(net, data, comm, job, progress if rank == 0 else None, validates, first, first_step)
        if job.tell_loss == "after" and error is None and not report["cancelled"]:
            loss = engine.evaluate(net, data, comm)
        if checkpoints is not None and error is None and not report["cancelled"]:
            checkpoints.finish()
    finally:
        if reporter is not None:
            reporter.close()
    if rank != 0:
        return {}, b""
    ended = time.monotonic()
    result = {
        "passed_over": checkpoints.passed_over if checkpoints is not None else [],
        "history": history, "loss": loss, "validations": validations, "first_epoch": first, "first_step": first_step, "report": report, "error": error,
        "hosts": [p["host"] for p in peers], "rows": [p["rows"] for p in peers],
        "validation_rows": sum(p["validation_rows"] for p in peers), "skipped": sum(p["skipped"] for p in peers),
        "seconds": {"read": round(max(p["read_seconds"] for p in peers), 3), "meet": round(met - began - peers[rank]["read_seconds"], 3),
                    "deal": round(dealt - met, 3), "fit": round(ended - dealt, 3)},
    }
    return result, engine.save(net, job)


def _row(kind: str, part: int, data: bytes) -> pyarrow.RecordBatch:
    # Of buffers, because pyarrow.array() imports pandas, which takes longer than many a training.
    def text(type: pyarrow.DataType, value: bytes) -> pyarrow.Array:
        return pyarrow.Array.from_buffers(type, 1, [None, pyarrow.py_buffer(struct.pack("=ii", 0, len(value))), pyarrow.py_buffer(value)])

    number = pyarrow.Array.from_buffers(pyarrow.int32(), 1, [None, pyarrow.py_buffer(struct.pack("=i", part))])
    return pyarrow.RecordBatch.from_arrays([text(pyarrow.string(), kind.encode("utf-8")), number, text(pyarrow.binary(), data)], schema=SCHEMA)
