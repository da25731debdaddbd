"""cluster - any Python function on many workers at once, with ranks, collectives and a feed of a table's rows, after TensorFlowOnSpark.

    def main_fun(args, ctx):
        feed = ctx.get_data_feed()
        while not feed.should_stop():
            batch = feed.next_batch(100)          # {column: numpy array}
            ...
    crew = cluster.run(main_fun, args, num_workers=2)
    crew.train(df, epochs=3)
    crew.shutdown()

No process outlives a call: with InputMode.SPARK each train(df) is one barrier job, in which the function begins anew, and inference(df) is a table that Spark computes when it
is asked for. With InputMode.TENSORFLOW the function reads its own data; its job starts with run and ends by shutdown. docs/cluster.md tells more.
"""
from __future__ import annotations

import json
import pickle
import secrets
import sys
from typing import Any, Callable, Iterable, Iterator, Optional, Sequence

from pyspark.sql import functions as F

from ..executor.job import Job
from . import fit, session
from .errors import fail, translate
from .progress import Listener

DEADLINE = 600.0  # seconds that a rank waits for the others in a collective call


class InputMode:
    """Who reads the data: the function itself, or Spark."""

    TENSORFLOW = 0
    SPARK = 1


def _session(spark: Any) -> Any:
    if spark is not None:
        return spark
    from pyspark.sql import SparkSession

    found = SparkSession.getActiveSession()
    if found is None:
        raise fail(1001, "there is no active Spark session; give one as spark=")
    return found


class _Ears(Listener):
    """Hears every rank's lines, and shows them if asked to."""

    def __init__(self, host: str, bind: str, show: bool):
        self.show = show
        super().__init__(host, bind)

    def _take(self, event: dict[str, Any]) -> None:
        if event.get("event") == "line" and self.show:
            sys.stdout.write(f"[{event['rank']}] {event['text']}\n")
            sys.stdout.flush()


def _task(function: Callable[[Any], Any], feeds: bool, fields: dict[str, Any]) -> Callable[[Iterable[Any]], Iterator[Any]]:

    def work(batches: Iterable[Any], all_gather: Callable[[str], Sequence[str]], **me: Any) -> Iterable[Any]:
        from firesteel.executor import cluster
        from firesteel.executor.job import Job as TaskJob

        return cluster.work(function, batches if feeds else None, TaskJob(**fields), all_gather, **me)

    return session.ranked(work)


class _Crew:
    """One barrier job of the function, in a thread of the driver's."""

    def __init__(self, spark: Any, df: Any, function: Callable[[Any], Any], workers: int, epochs: int, feeds: bool, deadline: float, verbose: int):
        from ..executor import engine

        self.workers = workers
        self.ears: Optional[_Ears] = None
        if verbose and not session.is_connect(spark):
            host = session.setting(spark, "spark.driver.host")
            try:
                self.ears = _Ears(host, session.setting(spark, "spark.driver.bindAddress", "") or "", True) if host else None
            except OSError:
                self.ears = None  # no port to be had: lines come at the end
        job = Job(version=engine.version(), recipe="", recipe_weights=None, features=(), labels=(), workers=workers, secret=secrets.token_bytes(16), epochs=epochs, deadline=deadline,
                  threads=session.task_cpus(spark), progress=self.ears.address if self.ears else None)
        frame = df.mapInArrow(_task(function, feeds, job.fields), "kind string, part int, data binary", barrier=True).where("kind <> 'beat'")
        self.watch = fit._Watchdog(spark, workers) if session.is_connect(spark) else None
        self.work = session.Background(spark, frame.collect, f"firesteel: a function on {workers} workers")

    def close(self) -> None:
        if self.watch is not None:
            self.watch.close()
        if self.ears is not None:
            self.ears.close()

    def wait(self, seconds: Optional[float] = None) -> bool:
        """True when the job has ended, false after so many seconds; what interrupts the wait cancels the job."""
        waited = 0.0
        try:
            while not self.work.wait(0.2):
                waited += 0.2
                if seconds is not None and waited >= seconds:
                    return False
                if self.watch is not None and self.watch.expired():
                    self.cancel()
                    raise fail(4001, f"num_workers={self.workers}: no task ran for {fit.WATCHDOG:.0f} seconds, so the cluster has fewer free task slots; use fewer workers or add cores")
        except BaseException:
            self.cancel()
            raise
        return True

    def cancel(self) -> None:
        self.work.cancel()
        self.close()

    def answers(self, hosts: Sequence[str] = ()) -> tuple[list[Any], dict[int, list[str]], list[str]]:
        """After the end: each rank's value, each rank's last lines, and the hosts."""
        self.close()
        if self.work.error is not None:
            if isinstance(self.work.error, KeyboardInterrupt):
                raise self.work.error
            raise translate(self.work.error, hosts, "the function") from None
        lines: dict[int, list[str]] = {}
        found: dict[int, list[tuple[int, bytes]]] = {}
        where: dict[int, str] = {}
        for row in self.work.result:
            rank, data = int(row["part"]), bytes(row["data"])
            if row["kind"] == "lines":
                said = json.loads(data)
                lines[rank], where[rank] = list(said["lines"]), str(said["host"])
            else:
                found.setdefault(rank, []).append((int(str(row["kind"]).split()[1]), data))
        if sorted(found) != list(range(self.workers)):
            raise fail(4008, f"{len(found)} of {self.workers} workers answered")
        values = [pickle.loads(b"".join(data for _, data in sorted(found[rank]))) for rank in range(self.workers)]
        return values, lines, [where[rank] for rank in range(self.workers)]


class Cluster:
    """What `run` returns. After a job: `results`, each rank's return value; `logs`, the last lines that each rank printed; `hosts`."""

    def __init__(self, spark: Any, main_fun: Callable[[Any, Any], Any], args: Any, num_workers: int, input_mode: int, deadline: float, verbose: int):
        self.spark, self.num_workers, self.input_mode = spark, num_workers, input_mode
        self.results: list[Any] = []
        self.logs: dict[int, list[str]] = {}
        self.hosts: list[str] = []
        self._main, self._args, self._deadline, self._verbose = main_fun, args, deadline, verbose
        self._crew: Optional[_Crew] = None
        self._down = False
        if input_mode == InputMode.TENSORFLOW:
            self._crew = self._start(spark.range(0, num_workers, 1, num_workers), 1, False)

    def _function(self) -> Callable[[Any], Any]:
        main, args = self._main, self._args
        return lambda context: main(args, context)

    def _start(self, df: Any, epochs: int, feeds: bool) -> _Crew:
        session.check_slots(self.spark, self.num_workers)
        return _Crew(self.spark, df, self._function(), self.num_workers, epochs, feeds, self._deadline, self._verbose)

    def _finish(self, crew: _Crew) -> list[Any]:
        self.results, self.logs, self.hosts = crew.answers(self.hosts)
        if self._verbose and crew.ears is None:
            for rank, lines in sorted(self.logs.items()):
                sys.stdout.write("".join(f"[{rank}] {line}\n" for line in lines))
        return self.results

    def _check(self, what: str) -> None:
        if self._down:
            raise fail(1001, f"{what}: the cluster is shut down; cluster.run makes another")
        if self.input_mode != InputMode.SPARK:
            raise fail(1001, f"{what} feeds rows, and the cluster runs with InputMode.TENSORFLOW, where the function reads its own data; give input_mode=InputMode.SPARK")

    def train(self, df: Any, epochs: int = 1) -> list[Any]:
        """Run the function on all workers with the rows of df, `epochs` times over; returns each rank's value when all have ended."""
        self._check("train")
        if epochs < 1:
            raise fail(1001, f"train: epochs={epochs}; expected at least 1")
        if session.partitions(df) != self.num_workers:
            df = df.repartition(self.num_workers, F.monotonically_increasing_id())
        crew = self._start(df, epochs, True)
        crew.wait()
        return self._finish(crew)

    def inference(self, df: Any, schema: Any = "result double", columns: Sequence[str] = ()) -> Any:
        """A table of what the function gives to feed.batch_results for each row of df, beside `columns` of df. Spark computes it when it is asked for, partition by partition, so the function
        has no collectives there; ctx.mode is "inference"."""
        self._check("inference")
        from pyspark.sql.pandas.types import to_arrow_schema
        from pyspark.sql.types import StructType

        parsed: Any = schema if isinstance(schema, StructType) else StructType.fromDDL(schema)
        missing = [name for name in columns if name not in df.columns]
        if missing:
            raise fail(2001, f"inference: columns={missing[0]!r} is none of the table's columns {', '.join(df.columns)}")
        both = [name for name in columns if name in parsed.names]
        if both:
            raise fail(1001, f"inference: {both[0]!r} is a column of the table and of the results; name one of them otherwise")
        whole = StructType([*(df.schema[name] for name in columns), *parsed.fields])
        arrow, kept, function, size, find_wheel = to_arrow_schema(whole), list(columns), self._function(), self.num_workers, session.wheel_finder()

        def run(batches: Iterable[Any]) -> Iterator[Any]:
            find_wheel()
            from pyspark import TaskContext

            from firesteel.executor import cluster

            context = TaskContext.get()
            yield from cluster.infer(function, batches, arrow, kept, rank=context.partitionId() if context is not None else 0, size=size)

        return df.mapInArrow(run, whole)

    def shutdown(self, grace: float = 0.0) -> list[Any]:
        """End the work: wait for the function of InputMode.TENSORFLOW, for `grace` seconds if that is not 0, and raise what went wrong there. Returns each rank's value."""
        self._down = True
        if self._crew is not None:
            crew, self._crew = self._crew, None
            if not crew.wait(grace or None):
                crew.cancel()
                raise fail(4004, f"shutdown: the function still runs after {grace:g} seconds; it was cancelled")
            return self._finish(crew)
        return self.results

    def __enter__(self) -> "Cluster":
        return self

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        if error is None:
            self.shutdown()
        elif self._crew is not None:
            self._crew.cancel()


def run(main_fun: Callable[[Any, Any], Any], args: Any = None, num_workers: int = 2, input_mode: int = InputMode.SPARK, *, spark: Any = None, deadline: float = DEADLINE,
        verbose: int = 1) -> Cluster:
    """A cluster that runs main_fun(args, ctx) on `num_workers` tasks at once. With verbose the lines that workers print are shown, on classic Spark as they come."""
    if not callable(main_fun):
        raise fail(1001, f"run: main_fun is {type(main_fun).__name__}; expected a function of (args, ctx)")
    if input_mode not in (InputMode.TENSORFLOW, InputMode.SPARK):
        raise fail(1001, f"run: input_mode={input_mode!r}; expected InputMode.SPARK or InputMode.TENSORFLOW")
    if num_workers < 1:
        raise fail(1001, f"run: num_workers={num_workers}; expected at least 1")
    return Cluster(_session(spark), main_fun, args, int(num_workers), input_mode, deadline, verbose)


def distributed(fn: Callable[..., Any], numWorkers: int = 2, *args: Any, spark: Any = None, deadline: float = DEADLINE, verbose: int = 1, **kwargs: Any) -> list[Any]:
    """Run fn(ctx, *args, **kwargs) on numWorkers tasks at once, and return each rank's value, in rank order."""

    def main(_: Any, context: Any) -> Any:
        return fn(context, *args, **kwargs)

    return run(main, None, numWorkers, InputMode.TENSORFLOW, spark=spark, deadline=deadline, verbose=verbose).shutdown()
