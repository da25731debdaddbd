"""tune - many trainings at once, each a Spark task by itself, on rows that every host reads once: search over Params and networks.

    from firesteel.spark import tune
    search = tune.Tuner(estimator, {"learningRate": tune.loguniform(1e-4, 1e-1), "hiddenLayers": [[32], [64, 32]]}, trials=32, method="halving")
    best = search.fit(df)
    best.trials.show(); best.bestParams; best.transform(test)

docs/tune.md tells all.
"""
from __future__ import annotations

import inspect
import json
import math
import os
import secrets
import socket
import time
from typing import Any, Callable, Iterable, Iterator, NamedTuple, Optional, Sequence

import numpy
from pyspark.ml.base import Estimator, Model
from pyspark.ml.util import MLWritable
from pyspark.sql import functions as F

from ..errors import ClusterError, FiresteelError
from ..executor.trials import FOLD, LOST, Rows, Unit, died
from ..executor.trials import clear as remove
from . import fit as fitting
from . import persist, schema, session, spaces
from .errors import fail
from .estimators import NNEstimatorBase, Plan
from .evaluation import LARGER
from .models import Readable
from .params import TableParams, bad, is_number
from .spaces import choice, integers, loguniform, uniform

__all__ = ["Tuner", "TunerModel", "choice", "fit_multiple", "integers", "loguniform", "uniform"]

COPY = "firesteel copy"  # column: for which of the tasks that read the whole table a row is
METHODS = ("grid", "random", "halving", "optuna")
TRIALS = "trial int, state string, params map<string,string>, metric double, folds array<double>, epochs int, history map<string,array<double>>, seconds double, error string"


# ---- rows on the hosts, and units on them ------------------------------------------------------

class Work:
    """The rows of a table on the executors' disks, and the jobs that train on them."""

    def __init__(self, df: Any, base: Plan, folder: Optional[str], fold: Any = None):
        """fold: a column of whole numbers, or None."""
        self.spark = df.sparkSession
        if folder is not None and (not isinstance(folder, str) or not folder.startswith("/")):
            raise bad("dataDir", folder, "an absolute path of a folder that all hosts share")
        others = list(base.others)
        if fold is not None:
            df, others = df.withColumn(FOLD, fold), [*others, FOLD]
        self.base, self.folds = base, fold is not None
        self.frame, self.job = fitting.prepare(df, base.features, base.labels, others, base.fields)
        self.rows = Rows(secrets.token_hex(16), folder)
        self._calls: list[Any] = []  # of plans, those that differ

    def unit(self, trial: int, plan: Plan, epochs: Optional[int] = None, **how: Any) -> Unit:
        """A training of a plan, on the columns as they lie here."""
        mine = self.job.fields
        same = {n: mine[n] for n in ("features", "vectors", "labels", "weight", "validation", "threads", "secret", "run")}
        calls = tuple((ours[0], *there[1:]) for ours, there in zip(plan.fields["calls"], mine["calls"]))  # its own functions, of columns as they are named here
        if calls not in self._calls:
            self._calls.append(calls)
        return Unit(trial, {**mine, **plan.fields, **same, "calls": calls, "workers": 1, "checkpoint_dir": None, "epochs": epochs or plan.fields["epochs"]},
                    made=self._calls.index(calls), **how)

    def fits(self, plan: Plan) -> Optional[str]:
        """Why a plan cannot be trained on these columns; None when it can."""
        def columns(p: Plan) -> list[Any]:
            return [[f.name for f in p.features], list(p.labels), p.fields["weight"], p.fields["validation"], [call[1:] for call in p.fields["calls"]]]

        if columns(plan) != columns(self.base):
            return "FS1001: trials share the rows that are read once, so the columns of features, labels, weights and validation, and what functions take and give, are the same for all of them"
        if plan.fields["checkpoint_dir"] is not None:
            return "FS1001: checkpointDir is of one training; leave it out of a search"
        return None

    def write(self) -> None:
        """The job that reads the table."""
        task = _writer(self.rows)
        told = fitting.collect(self.frame, self.frame.mapInArrow(task, "name string, rows bigint, bytes bigint, host string").collect, "reading the rows")
        if not told:
            raise fail(2007, "the table has no rows to train on")
        self.rows = Rows(self.rows.token, self.rows.folder, tuple(sorted((r["name"], int(r["bytes"]), r["host"]) for r in told)))

    def spread(self) -> None:
        """The job that reads the table once for each host: for hosts that do not see one another's files. As many tasks as there are slots run at once, so each host has some."""
        n = session.slots(self.spark)
        ids = self.spark.range(0, 64 * n, 1, 1)
        marks = {int(r["part"]): int(r["id"]) for r in ids.groupBy(F.pmod(F.hash("id"), F.lit(n)).alias("part")).agg(F.min("id").alias("id")).collect()}
        copies = self.frame.withColumn(COPY, F.explode(F.array(*[F.lit(i).cast("bigint") for i in marks.values()]))).repartition(n, COPY).drop(COPY)
        told = fitting.collect(self.frame, copies.mapInArrow(_copier(self.rows), "name string, rows bigint, bytes bigint, host string", barrier=True).collect, "reading the rows on each host")
        self.rows = Rows(self.rows.token, None, tuple(sorted((r["name"], int(r["bytes"]), r["host"]) for r in told)), True)

    def run(self, units: Sequence[Unit]) -> list[tuple[dict[str, Any], Optional[bytes]]]:
        """Each unit in a task of its own."""
        done = self._outlive(units)
        lost = [i for i, (result, _) in enumerate(done) if str(result["error"]).startswith(f"FS5001: {LOST}")]
        if lost and self.rows.folder is None and not self.rows.copies:
            self.spread()
            for i, again in zip(lost, self._outlive([units[i] for i in lost])):
                done[i] = again
        return done

    def _outlive(self, units: Sequence[Unit]) -> list[tuple[dict[str, Any], Optional[bytes]]]:
        """All of them. One that kills its worker is told as failed, like others: by the task that Spark starts in its place, or, where Spark starts none (local[n]),
        by looking for it in halves."""
        try:
            return self._run(units)
        except ClusterError:
            if len(units) == 1:
                return [(died(1), None)]
            half = len(units) // 2
            return self._outlive(units[:half]) + self._outlive(units[half:])

    def _run(self, units: Sequence[Unit]) -> list[tuple[dict[str, Any], Optional[bytes]]]:
        frame = self.spark.range(0, len(units), 1, len(units)).mapInArrow(_runner(list(units), self.rows), "unit bigint, result string, model binary")
        work = session.Background(self.spark, frame.collect, "firesteel: trials")
        try:
            while not work.wait(0.2):
                pass
        except BaseException:
            work.cancel()
            raise
        if work.error is not None:
            from .errors import translate

            raise translate(work.error, (), "the trials") from None
        found = {int(r["unit"]): (json.loads(r["result"]), None if r["model"] is None else bytes(r["model"])) for r in work.result}
        return [found[i] for i in range(len(units))]

    def clear(self) -> None:
        """Remove the files, on every host that a task reaches. What stays lies among temporary files."""
        if {host for _, _, host in self.rows.files} == {socket.gethostname()} and os.path.isdir(self.rows.path):
            remove(self.rows)  # a cluster of one host, this one
            return
        n = 2 * session.slots(self.spark)
        try:
            with session.described(self.spark, "firesteel: removing the rows of a search"):
                self.spark.range(0, n, 1, n).mapInArrow(_clearer(self.rows), "id bigint").collect()
        except Exception:
            pass  # the application may be gone


def _writer(rows: Rows) -> Callable[[Iterable[Any]], Iterator[Any]]:
    find_wheel, token, folder = session.wheel_finder(), rows.token, rows.folder

    def run(batches: Iterable[Any]) -> Iterator[Any]:
        find_wheel()
        from pyspark import TaskContext

        from firesteel.executor.trials import Rows, write_rows

        context = TaskContext.get()
        yield from write_rows(batches, Rows(token, folder), context.partitionId() if context is not None else 0)

    return run


def _copier(rows: Rows) -> Callable[[Iterable[Any]], Iterator[Any]]:
    token = rows.token

    def work(batches: Iterable[Any], all_gather: Callable[[str], Sequence[str]], rank: int, host: str) -> Iterable[Any]:
        from firesteel.executor.trials import Rows, write_copy

        return write_copy(batches, Rows(token), all_gather, rank)

    return session.ranked(work)


def _runner(units: list[Unit], rows: Rows) -> Callable[[Iterable[Any]], Iterator[Any]]:
    find_wheel, where = session.wheel_finder(), (rows.token, rows.folder, rows.files, rows.copies)
    plain = [(u.trial, u.fields, u.fold, u.resume, u.keep, u.send, u.made) for u in units]  # no class of ours travels to where firesteel must first be found

    def run(batches: Iterable[Any]) -> Iterator[Any]:
        find_wheel()
        from pyspark import TaskContext

        from firesteel.executor.trials import Rows, Unit, run_units

        context = TaskContext.get()
        yield from run_units(batches, [Unit(*u) for u in plain], Rows(*where), context.attemptNumber() if context is not None else 0)

    return run


def _clearer(rows: Rows) -> Callable[[Iterable[Any]], Iterator[Any]]:
    find_wheel, where = session.wheel_finder(), (rows.token, rows.folder)

    def run(batches: Iterable[Any]) -> Iterator[Any]:
        find_wheel()
        from firesteel.executor.trials import Rows, clear

        for _ in batches:
            clear(Rows(*where))
        yield from ()

    return run


# ---- several param maps at once ---------------------------------------------------------------------------------

def fit_multiple(estimator: NNEstimatorBase, dataset: Any, maps: Sequence[Any]) -> Optional[Iterator[tuple[int, Any]]]:
    """Models of all param maps from one job with a task for each, as an iterator of (index, model); None where that cannot be: one map alone, several
    workers for each, checkpoints, maps that read different columns, or hosts that share no folder for temporary files."""
    copies = [estimator.copy(m) for m in maps]
    if len(maps) < 2 or any(c.value("numWorkers") != 1 or c.value("checkpointDir") for c in copies):
        return None
    with fitting.remembering():
        plans = [c._plan(dataset, 1) for c in copies]
    work = Work(dataset, _widest(plans), None)
    if any(work.fits(p) for p in plans):
        return None
    try:
        work.write()
        if len({host for _, _, host in work.rows.files}) > 1:
            return None
        done = work.run([work.unit(i, p, send=True) for i, p in enumerate(plans)])
    finally:
        work.clear()
    if any(str(result["error"]).startswith("FS5001") for result, _ in done):
        return None

    def models() -> Iterator[tuple[int, Any]]:
        for i, (result, model) in enumerate(done):
            if model is None:
                code, text = str(result["error"]).split(": ", 1)
                raise fail(int(code[2:]), f"{ {p.name: v for p, v in maps[i].items()} }: {text}")
            yield i, copies[i]._finish(plans[i], _trained(result, model))

    return _Shared(models())


class _Shared:
    """An iterator that several threads may take from, as CrossValidator(parallelism) does."""

    def __init__(self, inner: Iterator[Any]):
        import threading

        self._inner, self._lock = inner, threading.Lock()

    def __iter__(self) -> "_Shared":
        return self

    def __next__(self) -> Any:
        with self._lock:
            return next(self._inner)


def _widest(plans: Sequence[Plan]) -> Plan:
    """The plan whose columns serve all: one that computes in float64, if there is any."""
    return next((p for p in plans if json.loads(p.fields["recipe"])["dtype"] == "float64"), plans[0])


def _trained(result: dict[str, Any], model: bytes) -> fitting.Trained:
    error = result.get("error")
    told = None if error is None else dict(zip(("code", "message"), error.split(": ", 1)))
    return fitting.Trained(model, {**result, "error": told}, result["total"])


# ---- the search ----------------------------------------------------------------------------------

class Trial:
    """One point of the search and what became of it."""

    def __init__(self, number: int, params: dict[str, Any]):
        self.number, self.params = number, params
        self.estimator: Any = None
        self.plan: Optional[Plan] = None
        self.state, self.error = "waiting", ""
        self.metric = math.nan
        self.folds: list[float] = []
        self.history: dict[str, list[float]] = {}  # means over folds
        self.epochs, self.seconds = 0, 0.0
        self._histories: dict[int, dict[str, list[float]]] = {}
        self.optuna: Any = None

    def failed(self, error: str) -> None:
        self.state, self.error, self.metric = "failed", error, math.nan

    def heard(self, fold: int, result: dict[str, Any]) -> None:
        """A fold's epochs, from result["first_epoch"] on."""
        mine = self._histories.setdefault(fold, {})
        for name, values in result["history"].items():
            mine[name] = mine.get(name, [])[:result["first_epoch"]] + [math.nan if v is None else float(v) for v in values]
        self.seconds += float(result["total"])
        first = next(iter(self._histories.values()))
        self.history = {n: [float(numpy.mean(v)) for v in zip(*(h[n] for h in self._histories.values() if n in h))] for n in first}
        self.epochs = max((len(v) for v in self.history.values()), default=0)

    def row(self) -> tuple[Any, ...]:
        shown = {n: _shown(v) for n, v in self.params.items()}
        number = None if math.isnan(self.metric) else self.metric
        return self.number, self.state, shown, number, self.folds, self.epochs, self.history, self.seconds, self.error or None


def _shown(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _plain(value: Any) -> Any:
    """What JSON can hold as it is; text of the rest, networks and functions."""
    try:
        return json.loads(json.dumps(value))
    except TypeError:
        return _shown(value)


class Tuner(Estimator):  # type: ignore[type-arg]
    """Searches for the Params, and the network, that train best; fit gives a TunerModel with the best one, trained again on all rows.

    estimator   NNClassifier, NNRegressor ...: its Params hold for what is not searched
    space       {name: list or distribution}, or the list of ParamGridBuilder().build(). A name is a Param, or an argument of `build`
    build       a function of some of the names that gives a network: build(units, rate) -> fire.Sequential([...]). It runs on the driver
    method      "grid" (all points; default of param grids), "random", "halving", "optuna" (needs the package optuna)
    trials      points that random, halving and optuna try
    metric      a result of training that counts, "val_loss", "val_accuracy" ...; or evaluator: any evaluator of pyspark or NNEvaluator, on predictions
    numFolds    k-fold cross-validation, at least 2; 0: hold validationFraction of the rows back. A row's fold follows from its content and seed;
                foldCol names a column of fold numbers from 0. An estimator that chooses validation rows itself keeps them
    eta, minEpochs   of halving: first all trials train for minEpochs epochs, the best of each eta go on to eta times as many, and so forth
    dataDir     a folder that all hosts see; unset: the folder for temporary files, into which every host reads the table for itself
    refit       train the best again, on all rows, with the estimator's numWorkers
    """

    def __init__(self, estimator: Any, space: Any, *, build: Optional[Callable[..., Any]] = None, method: Optional[str] = None, trials: int = 16, metric: str = "val_loss",
                 evaluator: Any = None, numFolds: int = 0, validationFraction: float = 0.2, foldCol: Optional[str] = None, seed: int = 0, eta: int = 3, minEpochs: int = 1,
                 dataDir: Optional[str] = None, refit: bool = True, verbose: int = 1):
        super().__init__()
        if not isinstance(estimator, NNEstimatorBase):
            raise bad("estimator", estimator, "an estimator of firesteel.spark with a network, NNClassifier or NNRegressor")
        self.maps: Optional[list[Any]] = None
        if isinstance(space, (list, tuple)) and space and all(isinstance(m, dict) for m in space):
            self.maps, self.space = list(space), {}
            if method not in (None, "grid"):
                raise fail(1001, f"method={method!r} with a list of param maps; a list is a grid, give {method} a dict of distributions")
        else:
            self.space = spaces.checked(space)
        method = method or ("grid" if self.maps is not None else "random")
        if method not in METHODS:
            raise bad("method", method, " or ".join(map(repr, METHODS)))
        for name, value, least in (("trials", trials, 1), ("eta", eta, 2), ("minEpochs", minEpochs, 1), ("numFolds", numFolds, 0)):
            if not is_number(value) or value != int(value) or value < least or name == "numFolds" and value == 1:
                raise bad(name, value, f"a whole number of at least {least}" if name != "numFolds" else "0, or at least 2")
        if not is_number(validationFraction) or not 0 < validationFraction < 1:
            raise bad("validationFraction", validationFraction, "a number between 0 and 1")
        if foldCol is not None and not numFolds:
            raise fail(1001, f"foldCol={foldCol!r} without numFolds; say how many folds it numbers")
        self.estimator, self.build, self.method, self.trials, self.metric, self.evaluator = estimator, build, method, int(trials), metric, evaluator
        self.numFolds, self.validationFraction, self.foldCol, self.seed, self.eta, self.minEpochs = int(numFolds), validationFraction, foldCol, int(seed), int(eta), int(minEpochs)
        self.dataDir, self.refit, self.verbose = dataDir, refit, verbose
        self._build_names = [] if build is None else _arguments(build, list(self.space), estimator)
        known = {e.name for e in estimator._entries()}
        for name in self.space:
            if name not in known and name not in self._build_names:
                from .params import unknown

                raise unknown(type(estimator).__name__, name, sorted(known)) if build is None else \
                    fail(1003, f"space has {name!r}, which is neither a Param of {type(estimator).__name__} nor an argument of build ({', '.join(self._build_names) or 'it has none'})")
        if "net" in self.space and build is not None:
            raise fail(1001, "space has 'net' and build makes one; choose one way")

    def larger_better(self) -> bool:
        """Whether a larger metric is a better one."""
        if self.evaluator is not None:
            return bool(self.evaluator.isLargerBetter())
        name = self.metric.removeprefix("val_")
        return name in LARGER or any(word in name for word in ("accuracy", "auc", "precision", "recall", "f1", "score", "iou"))

    def _order(self, trials: Sequence[Trial]) -> list[Trial]:
        """The best first, of those that went all the way; those without a number last."""
        sign = -1.0 if self.larger_better() else 1.0
        return sorted(trials, key=lambda t: (t.state != "done", math.isnan(t.metric), 0.0 if math.isnan(t.metric) else sign * t.metric, t.number))

    def _fit(self, dataset: Any) -> "TunerModel":
        return _Search(self, dataset).fit()


def _arguments(build: Callable[..., Any], names: list[str], estimator: Any) -> list[str]:
    """Which names of the space go to the function: its arguments, or with **more all that are no Params."""
    params = inspect.signature(build).parameters.values()
    named = [p.name for p in params if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    if any(p.kind is p.VAR_KEYWORD for p in params):
        own = {e.name for e in estimator._entries()}
        named += [n for n in names if n not in named and n not in own]
    missing = [p.name for p in params if p.default is p.empty and p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY) and p.name not in names]
    if missing:
        raise fail(1001, f"build needs {', '.join(missing)}, which space does not have")
    return [n for n in named if n in names]


class _Search:
    """One fit of a Tuner."""

    def __init__(self, tuner: Tuner, dataset: Any):
        self.t, self.dataset = tuner, dataset
        self.all: list[Trial] = []
        self.work: Any = None
        self.fold: Any = None
        self.folds: list[Optional[int]] = [None]
        self.began = time.monotonic()

    def fit(self) -> "TunerModel":
        t = self.t
        if t.evaluator is None:
            self._check_metric()
        try:
            with fitting.remembering():
                if t.method == "optuna":
                    self._optuna()
                else:
                    rng = numpy.random.default_rng(t.seed)
                    points = [{p.name: v for p, v in m.items()} for m in t.maps] if t.maps is not None else spaces.grid(t.space) if t.method == "grid" else \
                        [{n: d.draw(rng) for n, d in t.space.items()} for _ in range(t.trials)]
                    trials = [self._trial(p) for p in points]
                    self._halving(trials) if t.method == "halving" else self._train(trials, None)
            best = t._order(self.all)[0]
            if best.state != "done" or math.isnan(best.metric):
                best = next((x for x in self.all if x.error), best)
            if best.state != "done" or math.isnan(best.metric):
                raise fail(1001, f"none of {len(self.all)} trials gave a {self._name()}; trial {best.number}: {best.error or 'no number'}")
            return self._finish(best)
        finally:
            if self.work is not None:
                self.work.clear()

    def _name(self) -> str:
        return self.t.metric if self.t.evaluator is None else type(self.t.evaluator).__name__

    def _check_metric(self) -> None:
        if not self.t.metric:
            raise bad("metric", self.t.metric, "a result of training, 'val_loss' or 'val_accuracy', or an evaluator")

    def _trial(self, params: dict[str, Any]) -> Trial:
        """A trial with its estimator and plan, judged on the driver."""
        t = self.t
        trial = Trial(len(self.all), params)
        self.all.append(trial)
        try:
            trial.estimator = t.estimator.copy()
            trial.estimator._set(**{n: v for n, v in params.items() if n not in t._build_names})
            if t.build is not None:
                trial.estimator._set(net=t.build(**{n: v for n, v in params.items() if n in t._build_names}))
            trial.plan = trial.estimator._plan(self.dataset, 1)
        except FiresteelError as error:
            trial.failed(str(error))
        except Exception as error:  # of the function build
            trial.failed(f"{type(error).__name__}: {error}")
        return trial

    # -- rows

    def _ready(self, trials: Sequence[Trial]) -> None:
        """Write the rows, once; which trial they are written for decides whether doubles stay doubles."""
        if self.work is not None:
            return
        plans = [t.plan for t in trials if t.plan is not None]
        if not plans:
            return
        base, t = _widest(plans), self.t
        if base.fields["validation"] is None and not base.fields["validation_fraction"]:
            self._choose_folds(base)
        self.work = Work(self.dataset, base, t.dataDir, self.fold)
        self.work.write()

    def _choose_folds(self, base: Plan) -> None:
        t = self.t
        if t.foldCol is not None:
            f = schema.field(self.dataset.schema, t.foldCol, "foldCol")
            if not schema.is_number(f.dataType):
                raise fail(2002, f"foldCol={t.foldCol!r} is {schema.says(f.dataType)}; expected whole numbers from 0 to {t.numFolds - 1}")
            self.fold = fitting.column(t.foldCol).cast("int")
        else:
            # By content, so that the same table has the same folds however it is parted, and equal rows are in one fold.
            mark = F.pmod(F.xxhash64(*[fitting.column(f.name) for f in base.features], fitting.column(base.label.name), F.lit(t.seed)), F.lit(1 << 20))
            self.fold = F.floor(mark * t.numFolds / (1 << 20)).cast("int") if t.numFolds else F.when(mark < int(t.validationFraction * (1 << 20)), 0).otherwise(1)
        self.folds = list(range(t.numFolds)) if t.numFolds else [0]

    # -- training

    def _train(self, trials: Sequence[Trial], epochs: Optional[int], resume: bool = False, keep: bool = False) -> None:
        """Train those that have not failed, up to `epochs` epochs (None: all of theirs), and say how good they are."""
        t = self.t
        self._ready(trials)
        for trial in trials:
            if trial.state != "failed" and trial.plan is not None and (why := self.work.fits(trial.plan)):
                trial.failed(why)
        alive = [trial for trial in trials if trial.state != "failed"]
        if not alive:
            return
        send = t.evaluator is not None
        units = [self.work.unit(trial.number, trial.plan, None if epochs is None else min(epochs, trial.plan.fields["epochs"]), fold=fold, resume=resume, keep=keep, send=send)
                 for trial in alive if trial.plan is not None for fold in self.folds]
        done = self.work.run(units)
        for i, trial in enumerate(alive):
            trial.folds = []
            for fold, (result, model) in zip(self.folds, done[i * len(self.folds):(i + 1) * len(self.folds)]):
                if result["error"] is not None:
                    trial.failed(result["error"])
                    trial.seconds += float(result["total"])
                    continue
                trial.heard(fold or 0, result)
                if trial.state != "failed":
                    try:
                        trial.folds.append(self._judge(trial, fold, result, model))
                    except FiresteelError as error:
                        trial.failed(str(error))
            if trial.state != "failed":
                trial.metric, trial.state = float(numpy.mean(trial.folds)), "done"
        if t.verbose:
            best = t._order(self.all)[0]
            print(f"{len(alive)} trials{f' up to epoch {epochs}' if epochs else ''}: best {self._name()} {best.metric:.5g} of trial {best.number} ({', '.join(f'{n}={_shown(v)}' for n, v in best.params.items())}), "
                  f"{sum(x.state == 'failed' for x in self.all)} failed, {time.monotonic() - self.began:.1f} s", flush=True)

    def _judge(self, trial: Trial, fold: Optional[int], result: dict[str, Any], model: Optional[bytes]) -> float:
        t = self.t
        if t.evaluator is not None:
            assert model is not None and trial.plan is not None
            scored = trial.estimator._finish(trial.plan, _trained(result, model)).transform(self._held(trial, fold))
            return float(fitting.collect(scored, lambda: t.evaluator.evaluate(scored), "an evaluation"))
        values = trial._histories[fold or 0].get(t.metric)
        if not values:
            raise fail(1003, f"metric={t.metric!r}: the trial reports {', '.join(trial._histories[fold or 0])}")
        best = result["report"]["best_epoch"]
        return values[best if best >= 0 else -1]

    def _held(self, trial: Trial, fold: Optional[int]) -> Any:
        """The rows to evaluate on."""
        if fold is not None:
            return self.dataset.where(self.fold == fold)
        if trial.plan is not None and trial.plan.fields["validation"] is not None:
            return self.dataset.where(fitting.column(trial.plan.fields["validation"]))
        raise fail(1001, "evaluator with an estimator that has a validationFraction of its own, whose rows nobody else knows; unset it, the Tuner holds rows back")

    def _halving(self, trials: Sequence[Trial]) -> None:
        t = self.t
        most = max((x.plan.fields["epochs"] for x in trials if x.plan is not None), default=1)
        rungs = [t.minEpochs]
        while rungs[-1] * t.eta < most:
            rungs.append(rungs[-1] * t.eta)
        if rungs[-1] < most:
            rungs.append(most)
        alive = list(trials)
        for i, epochs in enumerate(rungs):
            self._train(alive, epochs, resume=i > 0, keep=i + 1 < len(rungs))
            alive = [x for x in t._order(alive) if x.state == "done" and not math.isnan(x.metric)]
            if i + 1 < len(rungs):
                for x in alive[max(1, math.ceil(len(alive) / t.eta)):]:
                    x.state = "stopped"
                alive = [x for x in alive if x.state == "done"]

    def _optuna(self) -> None:
        t = self.t
        try:
            import optuna
        except ImportError:
            raise fail(1005, "method='optuna' needs the package optuna on the driver: pip install 'firesteel[tune]'") from None
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        study = optuna.create_study(direction="maximize" if t.larger_better() else "minimize", sampler=optuna.samplers.TPESampler(seed=t.seed % 2**32, constant_liar=True))
        at_once = max(1, session.slots(self.dataset.sparkSession))
        while len(self.all) < t.trials:
            asked = [study.ask() for _ in range(min(at_once, t.trials - len(self.all)))]
            trials = [self._trial({n: d.suggest(a, n) for n, d in t.space.items()}) for a in asked]
            self._train(trials, None)
            for a, trial in zip(asked, trials):
                failed = trial.state == "failed" or math.isnan(trial.metric)
                study.tell(a, None if failed else trial.metric, state=optuna.trial.TrialState.FAIL if failed else None)

    # -- the end

    def _finish(self, best: Trial) -> "TunerModel":
        t = self.t
        model = None
        if t.refit:
            model = best.estimator.fit(self.dataset)
        made = TunerModel()
        made._resetUid(t.uid)
        made.bestModel, made.bestParams, made.bestTrial, made.bestMetric = model, dict(best.params), best.number, best.metric
        made._rows = [x.row() for x in self.all]
        made.avgMetrics = [x.metric for x in self.all]
        made._spark = self.dataset.sparkSession
        return made


class TunerModel(Model, TableParams, MLWritable, Readable):
    """What a search found.

    bestModel     the best, trained again on all rows; None with refit=False
    bestParams, bestTrial, bestMetric
    avgMetrics    the metric of each trial, as CrossValidatorModel has them; NaN of those that failed
    trials        a table: trial, state (done, stopped, failed), params, metric, folds, epochs, history, seconds, error
    """

    def __init__(self) -> None:
        super().__init__()
        self._start({})
        self.bestModel: Any = None
        self.bestParams: dict[str, Any] = {}
        self.bestTrial, self.bestMetric = -1, math.nan
        self.avgMetrics: list[float] = []
        self._rows: list[tuple[Any, ...]] = []
        self._spark: Any = None

    @property
    def trials(self) -> Any:
        """The trials as a DataFrame."""
        return (self._spark or persist.session_of(self)).createDataFrame(self._rows, TRIALS)

    def _transform(self, dataset: Any) -> Any:
        if self.bestModel is None:
            raise fail(1006, "this search has no model: it was made with refit=False")
        return self.bestModel.transform(dataset)

    def __repr__(self) -> str:
        return f"TunerModel: {len(self._rows)} trials, best {self.bestMetric:.5g}: " + ", ".join(f"{n}={_shown(v)}" for n, v in self.bestParams.items())

    def write(self) -> "TunerWriter":
        """A writer: write().overwrite().save(path)."""
        if self.bestModel is None:
            raise fail(1006, "this search has no model to save: it was made with refit=False")
        return TunerWriter(self, None, {"kind": type(self.bestModel).__name__, "trials": self._rows, "best": [self.bestTrial, self.bestMetric, {n: _plain(v) for n, v in self.bestParams.items()}]})

    @classmethod
    def read(cls) -> "TunerReader":
        """A reader of what write() saved."""
        return TunerReader(cls)

    @classmethod
    def _from_saved(cls, content: Optional[bytes], mine: dict[str, Any]) -> Any:
        made = cls()
        made._rows = [tuple(r) for r in mine["trials"]]
        made.avgMetrics = [math.nan if r[3] is None else float(r[3]) for r in made._rows]
        made.bestTrial, made.bestMetric, made.bestParams = int(mine["best"][0]), float(mine["best"][1]), dict(mine["best"][2])
        made._kind = mine["kind"]  # type: ignore[attr-defined]
        return made


class TunerWriter(persist.Writer):
    """PATH/bestModel/ is the best model as it saves itself, beside metadata/."""

    def save(self, path: str) -> None:
        if not self.shouldOverwrite and persist._exists(persist.session_of(self), path):
            raise fail(5001, f"{path} exists; write().overwrite().save(path) replaces it")
        inner = self._instance.bestModel.write().overwrite()
        inner.save(f"{path}/bestModel")
        super().save(path)


class TunerReader(persist.Reader):
    """Class.load(path)."""

    def load(self, path: str) -> Any:
        from . import models

        made = super().load(path)
        kind = getattr(models, made._kind, None)
        if kind is None or not hasattr(kind, "load"):
            raise fail(5004, f"{path}: bestModel is a {made._kind}, which this version does not know")
        made.bestModel = kind.load(f"{path}/bestModel")
        return made
