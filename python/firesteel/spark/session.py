"""session - what differs between classic Spark and Spark Connect: settings, slots, cancelling, files for executors."""
from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import tempfile
import threading
import time
import weakref
from typing import Any, Callable, Iterable, Iterator, Optional

from .errors import fail

WAIT = 2.0            # seconds in which a cluster must show enough slots
WAIT_REGISTER = 60.0  # seconds for executors that the cluster has granted and that are still starting


def is_connect(spark: Any) -> bool:
    return type(spark).__module__.startswith("pyspark.sql.connect")


def setting(spark: Any, name: str, default: Optional[str] = None) -> Optional[str]:
    """A setting of the application, classic or Connect; the default when it is unset or may not be read."""
    try:
        value = spark.conf.get(name, None)
        if value is None and not is_connect(spark):
            value = spark.sparkContext.getConf().get(name)
    except Exception:
        return default
    return default if value is None else str(value)


def version(spark: Any) -> tuple[int, int]:
    major, minor = re.findall(r"\d+", spark.version)[:2]
    return int(major), int(minor)


def task_cpus(spark: Any) -> int:
    return max(1, int(setting(spark, "spark.task.cpus", "1") or 1))


# ---- slots --------------------------------------------------------------------------

def granted(master: str, get: Callable[[str], Optional[str]], cpu_count: int) -> Optional[int]:
    """Task slots that the application will have once all its executors run, where its settings say so; None where they do not."""
    cpus = max(1, int(get("spark.task.cpus") or 1))
    local = re.fullmatch(r"local(?:\[\s*(\*|\d+)\s*(?:,\s*\d+\s*)?\])?", master)
    if local:
        threads = local.group(1)
        return (cpu_count if threads == "*" else int(threads or 1)) // cpus
    cluster = re.fullmatch(r"local-cluster\[\s*(\d+)\s*,\s*(\d+)\s*,\s*\d+\s*\]", master)
    if cluster:
        executors, cores = int(cluster.group(1)), int(cluster.group(2))
        return executors * (cores // cpus)
    total = get("spark.cores.max")
    if master.startswith("spark://") and total:
        return int(total) // cpus
    instances, cores_text = get("spark.executor.instances"), get("spark.executor.cores")
    if instances and (cores_text or master == "yarn" or master.startswith("k8s://")):
        return int(instances) * (int(cores_text or 1) // cpus)
    return None


def check_slots(spark: Any, workers: int, wait: float = WAIT) -> None:
    """Refuse, within about `wait` seconds, what Spark itself would refuse after 10 minutes."""
    master = setting(spark, "spark.master", "") or ""
    if master and not master.startswith("local") and (setting(spark, "spark.dynamicAllocation.enabled", "false") or "").lower() == "true":
        raise fail(4002, "spark.dynamicAllocation.enabled is true, and Spark refuses training under dynamic allocation (SPARK-24942); "
                   "start the application with spark.dynamicAllocation.enabled=false and a fixed spark.executor.instances")
    limit = granted(master, lambda name: setting(spark, name), os.cpu_count() or 1) if master else None
    if master.startswith("local") and not master.startswith("local-cluster") and is_connect(spark) and "*" in master:
        limit = None  # the server's processors are not ours
    if limit is not None and limit < workers:
        raise _too_few(workers, limit, master)
    if not is_connect(spark):
        _wait_for_slots(spark, workers, limit, master, wait)


def slots(spark: Any) -> int:
    """Tasks that the application can run at the same time, as far as can be seen; at least 1."""
    now = None if is_connect(spark) else _slots_now(spark)
    if now is not None:
        return max(1, now)
    return max(1, granted(setting(spark, "spark.master", "") or "", lambda name: setting(spark, name), 1) or 1)


def workers(spark: Any, wanted: Any) -> int:
    """numWorkers as a number. "auto" is every slot: as many as the settings grant, so that it does not matter which executors have registered yet; else those
    that are there. On Connect, whose clients cannot ask the cluster, only settings tell; where they do not, it is 1."""
    if wanted != "auto":
        return int(wanted)
    master = setting(spark, "spark.master", "") or ""
    if is_connect(spark) and master.startswith("local[*"):
        return 1  # the server's processors are not ours
    limit = granted(master, lambda name: setting(spark, name), os.cpu_count() or 1) if master else None
    if limit is None and not is_connect(spark):
        end = time.monotonic() + WAIT_REGISTER
        while (limit := _slots_now(spark)) == 0 and time.monotonic() < end:
            time.sleep(0.1)
    return max(1, limit or 1)


def _slots_now(spark: Any) -> Optional[int]:
    try:
        context = spark.sparkContext._jsc.sc()
        return int(context.maxNumConcurrentTasks(context.resourceProfileManager().resourceProfileFromId(0)))
    except Exception:
        return None  # another Spark than we know


def _wait_for_slots(spark: Any, workers: int, limit: Optional[int], master: str, wait: float) -> None:
    context = spark.sparkContext._jsc.sc()
    try:
        profile = context.resourceProfileManager().resourceProfileFromId(0)
        slots = context.maxNumConcurrentTasks(profile)
    except Exception:
        return  # another Spark than we know: its own check has the last word
    began = time.monotonic()
    while slots < workers:
        # Executors register one after the other: those granted by the settings, and the first of any, are waited for longer.
        patience = WAIT_REGISTER if limit is not None or slots == 0 else wait
        if time.monotonic() - began > patience:
            raise _too_few(workers, slots, master)
        time.sleep(0.1)
        slots = context.maxNumConcurrentTasks(profile)


def _too_few(workers: int, slots: int, master: str) -> Exception:
    advice = f"set numWorkers to at most {slots} or give the application more cores" if slots > 0 else "no executor has registered; look at the cluster's master"
    return fail(4001, f"numWorkers={workers} needs {workers} task slots at the same time, {master or 'the cluster'} has {slots}; {advice}")


# ---- the console bar of Spark's own stages --------------------------------------------

class QuietStages:
    """Keeps Spark's own "[Stage 3:>" line off the terminal while our progress is shown: a classic console bar waits half a
    second after its last reset before it draws, so it is reset more often than that."""

    def __init__(self, spark: Any):
        self._bar: Any = None
        try:
            found = None if is_connect(spark) else spark.sparkContext._jsc.sc().progressBar()
            if found is not None and found.isDefined():
                self._bar = found.get()
        except Exception:
            self._bar = None

    def hush(self) -> None:
        if self._bar is not None:
            try:
                self._bar.finishAll()
            except Exception:
                self._bar = None


# ---- files for executors ----------------------------------------------------------------

_shipped: "weakref.WeakKeyDictionary[Any, set[str]]" = weakref.WeakKeyDictionary()  # by session, so that a new one begins with nothing
_shipping = threading.Lock()
_folder: Optional["tempfile.TemporaryDirectory[str]"] = None


def keep_file(name: str, content: bytes) -> str:
    """Write a file that stays until this process ends: classic Spark serves added files from where they lie."""
    global _folder
    if _folder is None:
        _folder = tempfile.TemporaryDirectory(prefix="firesteel-", ignore_cleanup_errors=True)
    path = os.path.join(_folder.name, name)
    with open(path, "wb") as f:
        f.write(content)
    return path


def ship_file(spark: Any, name: str, content: bytes) -> None:
    """Make `content` a file of that name in SparkFiles of every host, once per session. The name holds a hash of the content."""
    with _shipping:
        known = _shipped.setdefault(spark, set())
        if name not in known:
            spark.addArtifacts(keep_file(name, content), file=True)
            known.add(name)


WHEEL_FOLDER = "firesteel_wheel"


def addWheel(spark: Any, wheel: str) -> None:
    """Ship firesteel's wheel to the executors of this session: for clusters where it is not installed. Tasks find it by themselves."""
    if not wheel.endswith(".whl") or not os.path.isfile(wheel):
        raise fail(1001, f"addWheel: {wheel!r} is not a wheel file; tools/wheel makes one, pip download firesteel fetches one")
    with open(wheel, "rb") as f, _shipping:
        archive = keep_file(os.path.basename(wheel)[:-4] + ".zip", f.read())
        spark.addArtifacts(f"{archive}#{WHEEL_FOLDER}", archive=True)


def wheel_finder() -> Callable[[], None]:
    """What a task calls before it imports firesteel: lets Python find a wheel that addWheel shipped. A function inside a function
    travels to executors by value, so this works where nothing of firesteel is installed."""
    folder = WHEEL_FOLDER

    def find() -> None:
        import importlib.util
        import os
        import sys

        if importlib.util.find_spec("firesteel") is None:
            places = [os.path.abspath(folder)]
            try:
                from pyspark import SparkFiles

                places.append(SparkFiles.get(folder))
            except Exception:
                pass
            for place in places:
                if os.path.isdir(place) and place not in sys.path:
                    sys.path.insert(0, place)

    return find


def ranked(work: Callable[..., Iterable[Any]]) -> Callable[[Iterable[Any]], Iterator[Any]]:
    """What each task of a barrier stage runs: work(batches, all_gather, rank=, host=), a function inside a function. It travels by value."""
    find_wheel = wheel_finder()

    def run(batches: Iterable[Any]) -> Iterator[Any]:
        find_wheel()
        from pyspark import BarrierTaskContext

        context = BarrierTaskContext.get()
        rank = context.partitionId()
        yield from work(batches, context.allGather, rank=rank, host=context.getTaskInfos()[rank].address.rsplit(":", 1)[0])

    return run


# ---- how a table is parted ----------------------------------------------------------------

def partitions(df: Any) -> Optional[int]:
    """How many partitions a barrier stage would read df in as it is. None where that is not known without running anything, or where
    Spark refuses: all of a barrier stage's RDDs must have equally many partitions (SPARK-24820), so no union and no coalesce."""
    if is_connect(df.sparkSession):
        return None
    try:
        execution = df._jdf.queryExecution()
        if "Exchange" in execution.executedPlan().toString():  # among them all plans that change while they run
            return None
        rdd = execution.toRdd()
        count = int(rdd.getNumPartitions())
        while True:
            if rdd.getNumPartitions() != count:
                return None
            parents = rdd.dependencies()
            if parents.length() == 0 or "ShuffleDependency" in parents.head().getClass().getName():
                return count
            if parents.length() > 1:
                return None
            rdd = parents.head().rdd()
    except Exception:
        return None


# ---- what the Spark UI shows ------------------------------------------------------------

TAG = "firesteel"


@contextlib.contextmanager
def described(spark: Any, text: str) -> Iterator[None]:
    """Jobs that this thread starts meanwhile carry the tag "firesteel", by which they can be found and cancelled, and on classic Spark the description, after
    the caller's own if there is one. Connect has no descriptions."""
    if is_connect(spark):
        spark.addTag(TAG)
        try:
            yield
        finally:
            spark.removeTag(TAG)
        return
    context = spark.sparkContext
    before = context.getLocalProperty("spark.job.description")
    context.setJobDescription(f"{before}: {text}" if before else text)
    context.addJobTag(TAG)
    try:
        yield
    finally:
        with contextlib.suppress(Exception):  # the application may be gone
            context.removeJobTag(TAG)
            context.setLocalProperty("spark.job.description", before)


# ---- running one job, cancellable --------------------------------------------------------

class Background:
    """Work in a thread that inherits the caller's Spark properties, under a tag of its own by which it can be cancelled."""

    def __init__(self, spark: Any, work: Callable[[], Any], what: str):
        from pyspark.util import inheritable_thread_target

        self.spark, self.tag = spark, f"firesteel-{os.urandom(8).hex()}"
        self.result: Any = None
        self.error: Optional[BaseException] = None

        def run() -> None:
            try:
                if is_connect(spark):
                    spark.addTag(self.tag)
                else:  # a session's own tags do not reach jobs of other threads
                    spark.sparkContext.addJobTag(self.tag)
                with described(spark, what):
                    self.result = work()
            except BaseException as error:
                self.error = error
            finally:
                self._done.set()

        self._done = threading.Event()  # not Thread.join, which Ctrl-C makes believe that the thread has ended (bpo-45274)
        threading.Thread(target=inheritable_thread_target(spark)(run), daemon=True, name="firesteel-job").start()

    def wait(self, seconds: float) -> bool:
        """True when the work has ended."""
        return self._done.wait(seconds)

    def cancel(self, seconds: float = 5.0) -> None:
        """Ask Spark to stop the job, and wait a little for it."""
        try:
            if is_connect(self.spark):
                self.spark.interruptTag(self.tag)
            else:
                self.spark.sparkContext.cancelJobsWithTag(self.tag)
        except Exception:
            pass  # the application may be gone; what counts then is that we stop waiting
        self._done.wait(seconds)


@contextlib.contextmanager
def plain_interrupt() -> Iterator[None]:
    """Ctrl-C raises KeyboardInterrupt and does nothing else meanwhile: classic Spark's own handler cancels all jobs first."""
    if threading.current_thread() is not threading.main_thread() or signal.getsignal(signal.SIGINT) in (signal.SIG_IGN, None):
        yield
        return
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


# ---- who calls whom ---------------------------------------------------------------------------

_unheard: "weakref.WeakSet[Any]" = weakref.WeakSet()  # sessions of Connect whose workers could not reach this client


def callback(spark: Any) -> Optional[tuple[str, str]]:
    """The address by which workers may reach this process, and the one to listen on. On classic Spark it is the driver's. On Connect it is the address that this
    client has in the network of its server: workers may be unable to reach it, and then everything goes on without."""
    if not is_connect(spark):
        host = setting(spark, "spark.driver.host")
        return (host, setting(spark, "spark.driver.bindAddress", "") or "") if host else None
    if spark in _unheard:
        return None
    try:
        where = socket.getaddrinfo(spark.client.host, 9, socket.AF_INET, socket.SOCK_DGRAM)[0][4]
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.connect(where)  # of datagrams: nothing is sent, the system only says from where it would be
            host = str(s.getsockname()[0])
    except Exception:
        return None  # a channel of another kind than TCP
    return host, host


def unheard(spark: Any) -> None:
    """Nobody called although a training went well: do not have workers try again."""
    if is_connect(spark):
        _unheard.add(spark)


# ---- grouped tables -----------------------------------------------------------------------

def group_keys(grouped: Any, who: str) -> tuple[Any, list[str]]:
    """The table of `df.groupBy(keys)` and the names of its keys, which must be columns of it."""
    df = getattr(grouped, "_df", None)
    if df is None or not hasattr(grouped, "count") or hasattr(grouped, "columns"):
        raise fail(1001, f"{who}: {type(grouped).__name__} where df.groupBy(keys) was expected")
    java = getattr(grouped, "_jgd", None)  # RelationalGroupedDataset, whose text ends in its type; a client of Connect knows it by itself
    kind = str(getattr(grouped, "_group_type", "groupby")) if java is None else re.sub(r".*type: (\w+).*", r"\1", str(java.toString()), flags=re.S)
    if kind.lower() != "groupby":
        raise fail(1005, f"{who}: grouped by {kind.lower()}; expected groupBy")
    keys: list[str] = list(grouped.count().columns[:-1])
    for key in keys:
        if key not in df.columns:
            raise fail(2001, f"{who}: the key {key!r} is no column of the table; make it one before grouping: df.withColumn(name, ...).groupBy(name)")
    return df, keys
