"""What the Spark tests share. Each module is one Spark application, run in a process of its own by tools/test."""
import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np

os.environ.setdefault("PYSPARK_PYTHON", sys.executable)


def make_session(master=None, remote=None, **conf):
    from pyspark.sql import SparkSession

    builder = SparkSession.builder.remote(remote) if remote else SparkSession.builder.master(master).appName("firesteel tests")
    settings = {"spark.ui.enabled": "false", "spark.sql.shuffle.partitions": "4", "spark.sql.warehouse.dir": "/tmp/firesteel-warehouse",
                "spark.executorEnv.PYTHONPATH": os.environ.get("PYTHONPATH", ""), **conf}
    for name, value in settings.items():
        if not remote:
            builder = builder.config(name, value)
    spark = builder.getOrCreate()
    if not remote:
        spark.sparkContext.setLogLevel("OFF")
    for name, value in conf.items() if remote else ():
        spark.conf.set(name, value)
    return spark


def flower_rows(n=150, seed=3, noise=0.6):
    """Three classes in four dimensions that a small network tells apart."""
    rng = np.random.default_rng(seed)
    centres = np.array([[0, 0, 3, 0], [3, 0, 0, 1], [0, 3, 0, -1]], float)
    y = np.arange(n) % 3
    return centres[y] + rng.normal(scale=noise, size=(n, 4)), y


def flower_table(spark):
    """The flowers with one column per number, a to d, and the class as label."""
    x, y = flower_rows()
    return spark.createDataFrame([(*map(float, r), float(c)) for r, c in zip(x, y)], ["a", "b", "c", "d", "label"])


def small(**params):
    """A classifier of that table that two workers train in seconds."""
    from firesteel.spark import NNClassifier

    return NNClassifier(**{**dict(featuresCol=list("abcd"), hiddenLayers=[16], epochs=8, batchSize=16, learningRate=0.02, seed=5, verbose=0, numWorkers=2), **params})


def trains_and_scores(df):
    """Two workers learn the table, and the same bits again from other partitions. Gives the model."""
    model = small().fit(df)  # executors may still be registering
    rows = model.transform(df).collect()
    assert sum(r.label == r.prediction for r in rows) / len(rows) > 0.9 and len(model.summary.hosts) == 2
    again = small().fit(df.repartition(3))
    assert [w.tobytes() for w in again.network.get_weights()] == [w.tobytes() for w in model.network.get_weights()]
    return model


def refuses_a_third_worker(df):
    import firesteel as fire

    began = time.monotonic()
    try:
        small(numWorkers=3).fit(df)
    except fire.FiresteelError as error:
        assert error.code == "FS4001" and "has 2" in str(error) and time.monotonic() - began < 2.5, str(error)
    else:
        raise AssertionError("three workers trained on two slots")


def interrupted_fit(monkeypatch, classifier, df, epochs=30):
    """What fit gives when Ctrl-C comes once its training has told of so many epochs."""
    from firesteel.spark.progress import Listener

    take, sent = Listener._take, threading.Event()

    def counted(self, event):
        take(self, event)
        if event.get("event") == "epoch" and event["epoch"] >= epochs and not sent.is_set():
            sent.set()
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(Listener, "_take", counted)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # what starts tests in the background ignores it
    late = threading.Timer(120, os.kill, (os.getpid(), signal.SIGINT))  # so that nobody waits for ever
    late.daemon = True
    late.start()
    try:
        return classifier.fit(df)
    finally:
        late.cancel()
        assert sent.is_set() and signal.getsignal(signal.SIGINT) is signal.default_int_handler
        signal.signal(signal.SIGINT, before)


def pyspark_workers():
    """Process ids of the Python workers below this process."""
    rows = [line.split(None, 2) for line in subprocess.run(["ps", "-eo", "pid,ppid,args"], text=True, stdout=subprocess.PIPE).stdout.splitlines()[1:]]
    children = {}
    for pid, parent, _ in rows:
        children.setdefault(int(parent), []).append(int(pid))
    mine, todo = set(), [os.getpid()]
    while todo:
        for child in children.get(todo.pop(), []):
            mine.add(child)
            todo.append(child)
    return [int(pid) for pid, _, command in rows if int(pid) in mine and "pyspark.daemon" in command]


def processor_ticks(pid):
    try:
        with open(f"/proc/{pid}/stat") as f:
            fields = f.read().rsplit(")", 1)[1].split()
        return int(fields[11]) + int(fields[12])
    except OSError:
        return 0


class Strike(threading.Thread):
    """Waits until `workers` Python workers have computed for a while, or until `when()`, then sends one of them, that which computed most, a
    signal. `at` is when. After `seconds` it kills them all, so that a test cannot wait for ever."""

    def __init__(self, workers=2, number=signal.SIGKILL, seconds=120, when=None):
        super().__init__(daemon=True)
        self.workers, self.number, self.seconds, self.when, self.at, self.pid = workers, number, seconds, when, None, None
        self.start()

    def run(self):
        end, start = time.monotonic() + self.seconds, {p: processor_ticks(p) for p in pyspark_workers()}
        while time.monotonic() < end:
            time.sleep(0.2)
            # Starting a worker and importing pyarrow costs about 70 ticks of 10 ms: one that has spent 150 is training.
            spent = {p: processor_ticks(p) - start.get(p, 0) for p in pyspark_workers()}
            if self.when() if self.when else sum(t >= 150 for t in spent.values()) >= self.workers:
                self.pid, self.at = max(spent, key=spent.get), time.monotonic()
                os.kill(self.pid, self.number)
                return
        for p in pyspark_workers():
            os.kill(p, signal.SIGKILL)


def raised(code, work):
    """The text of the error that work() must end with: of this code, in at most 12 lines."""
    import firesteel as fire

    try:
        work()
    except fire.FiresteelError as error:
        assert error.code == code, str(error)
        assert len(str(error).splitlines()) <= 12
        return str(error)
    raise AssertionError(f"{code} was expected, nothing was raised")
