"""fit - the driver's side of a training: look at the table, start the barrier job, watch it, read its answer."""
from __future__ import annotations

import contextlib
import contextvars
import dataclasses
import json
import secrets
import time
import warnings
from typing import Any, Callable, Iterable, Iterator, NamedTuple, Optional, Sequence

from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, DataType, DoubleType, FloatType, StructField

from ..errors import ClusterError
from ..executor.checkpoints import last_model
from ..executor.failure import first, of_lost_worker
from ..executor.functions import Call
from ..executor.job import Job, Recipe
from . import schema, session
from .errors import fail, of_record, translate
from .progress import Listener, Screen
from .schema import Label

WATCHDOG = 60.0    # seconds without a running task before a Connect job is given up
MOST_CLASSES = 1000  # that are inferred from label values; more need a net or label metadata


def column(name: str) -> Any:
    return F.col("`" + name.replace("`", "``") + "`")


def plain_names(names: Sequence[str]) -> list[str]:
    """The names without dots, all different: pyspark's mapInArrow takes a dot for a field of a struct, whatever stands around it."""
    plain: list[str] = []
    for name in names:
        other = name.replace(".", "_")
        while other in plain or (other != name and other in names):
            other += "_"
        plain.append(other)
    return plain


# ---- looking at the labels -----------------------------------------------------------------

_seen: "contextvars.ContextVar[Optional[dict[Any, Any]]]" = contextvars.ContextVar("firesteel_seen", default=None)


@contextlib.contextmanager
def remembering() -> Iterator[None]:
    """Inside, a label column is looked at once, however many estimators ask: for searches over one table."""
    token = _seen.set({})
    try:
        yield
    finally:
        _seen.reset(token)


def once(df: Any, key: tuple[Any, ...], work: Callable[[], Any]) -> Any:
    """work(), or what it gave before for this table and key, while somebody remembers."""
    seen = _seen.get()
    if seen is None:
        return work()
    if (id(df), *key) not in seen:
        seen[(id(df), *key)] = df, work()  # df is held, so that its id stays its own
    return seen[(id(df), *key)][1]


class Labels(NamedTuple):
    rows: int
    classes: int  # at least 2


def look_at_labels(df: Any, label: Label, invalid: str) -> Labels:
    """One small job: how many rows and classes the label column has. Names the value that is not a class number."""
    def look() -> Any:
        c = column(label.name).cast("double")
        finite = c.isNotNull() & ~F.isnan(c) & (F.abs(c) != float("inf"))
        return df.select(F.count(F.lit(1)).alias("rows"), F.count(F.when(c.isNull(), 1)).alias("nulls"), F.count(F.when(c.isNotNull() & ~finite, 1)).alias("nans"),
                         F.min(F.when(finite, c)).alias("low"), F.max(F.when(finite, c)).alias("high"),
                         F.min(F.when(finite & (c != F.floor(c)), c)).alias("fraction")).collect()

    row = once(df, ("labels", label.name), lambda: collect(df, look, "looking at the labels"))[0]
    name = f"labelCol={label.name!r}"
    if row["rows"] == 0:
        raise fail(2007, "the table has no rows to train on")
    if invalid == "error" and row["nulls"]:
        raise fail(2003, f"{name} has {row['nulls']} nulls; fill or drop those rows (NNClassifier's handleInvalid='skip' leaves them out)")
    if invalid == "error" and row["nans"]:
        raise fail(2004, f"{name} has {row['nans']} values that are NaN or infinite; fill or drop those rows (NNClassifier's handleInvalid='skip' leaves them out)")
    if row["high"] is None:
        raise fail(2007, f"{name} has no value in any of {row['rows']} rows")
    if row["low"] < 0:
        raise fail(2006, f"{name} holds {row['low']:g}; expected whole numbers from 0, one per class")
    if row["fraction"] is not None:
        raise fail(2006, f"{name} holds {row['fraction']:g}; expected whole numbers from 0, one per class (NNRegressor predicts numbers)")
    classes = int(row["high"]) + 1
    if classes > MOST_CLASSES:
        raise fail(2006, f"{name} holds {int(row['high'])}, which would make {classes} classes; at most {MOST_CLASSES} are taken from the values, "
                   "StringIndexer numbers the classes from 0, or give a net with one unit per class")
    return Labels(int(row["rows"]), max(2, classes))


def label_width(df: Any, label: Label) -> int:
    """One small job: how many numbers each row of an array or vector label has."""
    def look() -> Any:
        c = column(label.name)
        if label.is_vector:
            from pyspark.ml.functions import vector_to_array

            c = vector_to_array(c)
        return df.select(F.min(F.size(c)).alias("low"), F.max(F.size(c)).alias("high")).where(F.lit(True)).collect()

    row = once(df, ("width", label.name), lambda: collect(df, look, "looking at the labels"))[0]
    if row["high"] is None or row["high"] < 1:
        raise fail(2007, f"labelCol={label.name!r} has no value in any row")
    return int(row["high"])


def collect(df: Any, work: Callable[[], Any], what: str) -> Any:
    try:
        with session.described(df.sparkSession, f"firesteel: {what}"):
            return work()
    except Exception as error:
        raise translate(error, (), what) from None


# ---- the job ---------------------------------------------------------------------------------

def task(fields: dict[str, Any]) -> Callable[[Iterable[Any]], Iterator[Any]]:
    """What each task of a training runs. It imports firesteel only when it runs."""

    def work(batches: Iterable[Any], all_gather: Callable[[str], Sequence[str]], **me: Any) -> Iterable[Any]:
        from firesteel.executor import Job, answered, train

        return answered(train(batches, Job(**fields), all_gather, **me))

    return session.ranked(work)


class Trained(NamedTuple):
    model: bytes
    result: dict[str, Any]
    seconds: float


def features_sent(features: Sequence[StructField], plain: dict[str, str], dtype: str) -> tuple[list[Any], list[tuple[str, str, str]]]:
    """The feature columns as they travel to the tasks, under their plain names, and which of them are vectors of three columns (Job.vectors).

    Doubles travel as floats where the network computes in float32: half the bytes, and the same numbers, since each is rounded once either way.
    Vectors travel as values, size and indices: Spark writes a column of many null lists, as the indices of dense vectors are, in quadratic time."""
    columns: list[Any] = []
    vectors: list[tuple[str, str, str]] = []
    for i, f in enumerate(features):
        c, kind = column(f.name), f.dataType
        if schema.is_vector(kind):
            size, indices = f"firesteel size {i}", f"firesteel indices {i}"
            while {size, indices} & set(plain.values()):
                size, indices = size + "_", indices + "_"
            whole = F.unwrap_udt(c)
            c, kind = whole["values"], ArrayType(DoubleType(), False)
            vectors.append((plain[f.name], size, indices))
            columns += [whole["size"].alias(size), F.coalesce(whole["indices"], F.array().cast("array<int>")).alias(indices)]
        sent = kind if dtype == "float64" else narrow(kind)
        columns.append((c if sent == kind else c.cast(sent)).alias(plain[f.name]))
    return columns, vectors


def narrow(kind: DataType) -> DataType:
    if isinstance(kind, ArrayType):
        return ArrayType(narrow(kind.elementType), kind.containsNull)
    return FloatType() if isinstance(kind, DoubleType) else kind


def worker_lost(error: ClusterError) -> bool:
    """Whether starting again may help: a worker is lost or silent, or another says that one is."""
    return of_lost_worker(error.code, error.message)


def prepare(df: Any, features: Sequence[StructField], labels: str | Sequence[str], others: Sequence[str], job_fields: dict[str, Any]) -> tuple[Any, Job]:
    """The columns of df as they travel to the tasks, and the job over them, which has no secret yet. A feature may be named twice, and travels once."""
    labels = [labels] if isinstance(labels, str) else labels
    own = {f.name: f for f in features}
    calls = [Call(*c) for c in job_fields.get("calls", ())]
    whole = {name for call in calls for name in call.takes}  # a function of the user's gets columns as they are
    plain = dict(zip([*own, *labels, *others], plain_names([*own, *labels, *others])))
    columns, vectors = features_sent([f for f in own.values() if f.name not in whole], plain, Recipe.parse(job_fields["recipe"]).dtype)
    columns += [column(c).alias(plain[c]) for c in dict.fromkeys([*own, *labels, *others]) if c not in own or c in whole]
    given = {call.role: call.gives for call in calls}
    job = Job(**{**job_fields, "weight": plain.get(job_fields.get("weight", "")), "validation": plain.get(job_fields.get("validation", "")),
                 "calls": tuple(tuple(call._replace(takes=tuple(plain[c] for c in call.takes))) for call in calls)},
              secret=b"", features=given.get("featurePreprocessing", tuple(plain[f.name] for f in features)), vectors=tuple(vectors),
              labels=given.get("labelPreprocessing", tuple(plain[c] for c in labels)), threads=session.task_cpus(df.sparkSession), run=secrets.token_hex(8))
    return df.select(*columns), job


def run(df: Any, features: Sequence[StructField], labels: str | Sequence[str], others: Sequence[str], verbose: int, restarts: int = 0, on_interrupt: str = "cancel",
        **job_fields: Any) -> Trained:
    """Train on the columns of df, and return the model file with what rank 0 reports. A job whose workers are lost is started again, so many times: from
    the last checkpoint where there is a checkpoint_dir; without, only if it had not begun to train. on_interrupt says what Ctrl-C does: "cancel" ends
    the job, "model" has it stop after the step under way and send its model; a second Ctrl-C cancels."""
    frame, job = prepare(df, features, labels, others, job_fields)
    spark, workers = df.sparkSession, job.workers
    began = time.monotonic()
    again: list[dict[str, Any]] = []  # of each restart, for the summary
    for attempt in range(restarts + 1):
        # A secret of its own for each attempt: tasks that outlive an older one cannot meet those of this.
        job = dataclasses.replace(job, secret=secrets.token_bytes(16), attempt=attempt + 1)
        course = Course(spark)
        try:
            with session.plain_interrupt() if on_interrupt == "model" else contextlib.nullcontext():
                trained = _attempt(frame, dataclasses.replace(job, progress=course.address), verbose, began, course, on_interrupt)
        except KeyboardInterrupt:
            kept = last_model(job.checkpoint_dir, job) if on_interrupt == "model" and job.checkpoint_dir is not None else None
            if kept is None:
                raise
            trained = _of_checkpoint(kept, job, time.monotonic() - began)
        except ClusterError as error:
            if attempt == restarts or not worker_lost(error) or not (job.checkpoint_dir is not None or course.before_training):
                raise
            again.append({"error": error.code, "reached": course.reached, "lost": time.monotonic() - began})
            if verbose:
                print(f"{error.message.splitlines()[0]}: {'going on from the last checkpoint' if job.checkpoint_dir else 'starting again'}, "
                      f"restart {attempt + 1} of {restarts}", flush=True)
            session.check_slots(spark, workers, session.WAIT_REGISTER)  # a cluster may put another executor in its place
            again[-1]["slots"] = time.monotonic() - began - again[-1]["lost"]
            continue
        finally:
            course.close()
            if attempt and course.stepped is not None:  # of the restart that this attempt was
                lost = began + again[attempt - 1]["lost"]
                again[attempt - 1].update(met=course.met - lost, first_step=course.stepped - lost, resumed=course.start)
        if course.listener is not None and not course.listener.heard:
            session.unheard(spark)
        trained.result["restarts"] = again
        for damaged in trained.result.get("passed_over", ()):
            warnings.warn(f"checkpointDir={job.checkpoint_dir!r}: a damaged checkpoint was passed over, {damaged}; training went on from "
                          f"{trained.result['first_epoch']} epochs and {trained.result['first_step']} steps", RuntimeWarning, stacklevel=2)
        return trained
    raise AssertionError("unreachable")


class Course:
    """How far an attempt has come, as its driver hears it; on Connect where workers can reach the client."""

    def __init__(self, spark: Any):
        self.listener: Optional[Listener] = None
        self._sure = not session.is_connect(spark)  # to hear
        where = session.callback(spark)
        try:
            self.listener = Listener(*where) if where is not None else None
        except OSError:
            pass  # no port to be had: train without live progress

    @property
    def address(self) -> Optional[tuple[str, int, bytes]]:
        return self.listener.address if self.listener is not None else None

    @property
    def before_training(self) -> bool:
        """Whether surely no rank has trained yet."""
        return self._sure and self.listener is not None and not self.listener.start

    @property
    def reached(self) -> tuple[int, int]:
        return self.listener.reached if self.listener is not None else (0, 0)

    @property
    def stepped(self) -> Optional[float]:
        return self.listener.stepped if self.listener is not None else None

    @property
    def met(self) -> float:
        return self.listener.met if self.listener is not None else 0.0

    @property
    def start(self) -> tuple[int, int]:
        """Where the attempt began: epochs, steps of the next."""
        told = self.listener.start if self.listener is not None else {}
        return int(told.get("first_epoch", 0)), int(told.get("first_step", 0))

    def close(self) -> None:
        if self.listener is not None:
            self.listener.close()


def _of_checkpoint(kept: tuple[bytes, dict[str, list[float]], int, int], job: Job, seconds: float) -> Trained:
    """What a training that was cut off has left, as if it had sent it."""
    model, history, epochs, _ = kept
    report = {"epochs_run": epochs, "best_epoch": -1, "stopped_early": False, "steps": 0, "rows": 0, "seconds": seconds, "cancelled": True}
    return Trained(model, {"history": history, "first_epoch": 0, "first_step": 0, "report": report, "error": None, "hosts": [], "rows": [], "validation_rows": 0,
                           "skipped": 0, "seconds": {}}, seconds)


def _attempt(df: Any, job: Job, verbose: int, began: float, course: Course, on_interrupt: str) -> Trained:
    spark, workers, listener = df.sparkSession, job.workers, course.listener
    screen = Screen(verbose)
    try:
        rows = _run_job(spark, df, job, listener, screen, on_interrupt)
        trained = _answer(rows, time.monotonic() - began)
        report = trained.result["report"]
        screen.close(listener, f"{'stopped after ' if report.get('cancelled') else ''}{report['epochs_run']} epochs on {workers} worker{'s' if workers > 1 else ''} in {trained.seconds:.1f}s: "
                     + " - ".join(f"{n}: {v[-1]:.4f}" for n, v in trained.result["history"].items() if v and v[-1] is not None))
        return trained
    finally:
        screen.close(listener)


def _run_job(spark: Any, df: Any, job: Job, listener: Optional[Listener], screen: Screen, on_interrupt: str) -> list[Any]:
    # A table that lies in as many partitions already needs no shuffle: ranks deal rows among themselves whoever reads them. Else rows are
    # spread by a number that Spark gives each: plain repartition(n) would sort all rows first, so that a retry deals them alike, and a
    # barrier stage is never retried.
    if session.partitions(df) != job.workers:
        df = df.repartition(job.workers, F.monotonically_increasing_id())
    frame = df.mapInArrow(task(job.fields), "kind string, part int, data binary", barrier=True).where("kind <> 'beat'")
    stages = session.QuietStages(spark) if screen.live else None
    watch = _Watchdog(spark, job.workers) if session.is_connect(spark) else None
    waiting = f"waiting for {job.workers} worker{'s' if job.workers > 1 else ''}"
    attempt = f", attempt {job.attempt}" if job.attempt > 1 else ""
    work = session.Background(spark, frame.collect, f"firesteel: training on {job.workers} worker{'s' if job.workers > 1 else ''}, {job.epochs} epochs{attempt}")
    asked = False  # to stop
    try:
        while True:
            try:
                if work.wait(0.2):
                    break
                if stages is not None:
                    stages.hush()
                screen.show(listener, watch.words(waiting) if watch else waiting)
                if watch is not None and watch.expired():
                    work.cancel()
                    if work.error is not None or not work.wait(0):
                        raise fail(4001, f"numWorkers={job.workers}: no task of the training ran for {WATCHDOG:.0f} seconds, so the cluster has fewer free task slots; "
                                   "lower numWorkers or add cores")
            except KeyboardInterrupt:
                if asked or on_interrupt != "model" or listener is None or not listener.ask_to_stop():
                    raise
                asked = True
    except BaseException:
        work.cancel()
        raise
    finally:
        if watch is not None:
            watch.close()
    if work.error is not None:
        if isinstance(work.error, KeyboardInterrupt):
            raise work.error
        raise translate(work.error, hosts_of(listener)) from None
    failed = first([json.loads(bytes(r["data"])) for r in work.result if r["kind"] == "error"])
    if failed is not None:
        raise of_record(failed, hosts_of(listener))
    return list(work.result)


def hosts_of(listener: Optional[Listener]) -> Sequence[str]:
    """The host of each rank, as far as the driver has heard."""
    return listener.start.get("hosts", ()) if listener is not None else ()


def _answer(rows: list[Any], seconds: float) -> Trained:
    if not rows:  # Spark saw by itself that the table is empty, and ran no task
        raise fail(2007, "the table has no rows to train on")
    results = [bytes(r["data"]) for r in rows if r["kind"] == "result"]
    pieces = sorted((int(r["part"]), bytes(r["data"])) for r in rows if r["kind"] == "model")
    if len(results) != 1 or [p for p, _ in pieces] != list(range(len(pieces))) or not pieces:
        raise fail(4008, f"the training sent back {len(results)} results and {len(pieces)} pieces of a model; expected one result and a whole model")
    return Trained(b"".join(data for _, data in pieces), json.loads(results[0]), seconds)


class _Watchdog:
    """On Connect the client hears every 2 seconds how many tasks run. A training whose tasks have all been waiting for a minute
    will wait for ever; Spark itself gives up after ten."""

    def __init__(self, spark: Any, workers: int):
        self._spark = spark
        self._running = 0
        self._since = time.monotonic()
        self._began = self._since
        _Watchdog.active.add(id(self))
        try:
            spark.registerProgressHandler(self._hear)
            self._deaf = False
        except Exception:
            self._deaf = True

    active: set[int] = set()  # other fits of this process may rightly hold the slots

    def _hear(self, stages: Any = None, inflight_tasks: int = 0, operation_id: Any = None, done: bool = False, **_: Any) -> None:
        self._running = int(inflight_tasks or 0)
        if self._running > 0:
            self._since = time.monotonic()

    def expired(self) -> bool:
        if self._deaf or len(_Watchdog.active) > 1:
            self._since = time.monotonic()
        return time.monotonic() - self._since > WATCHDOG

    def words(self, waiting: str) -> str:
        return f"training, {self._running} tasks running" if self._running else waiting

    def close(self) -> None:
        _Watchdog.active.discard(id(self))
        try:
            self._spark.removeProgressHandler(self._hear)
        except Exception:
            pass
