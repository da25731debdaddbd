"""A standalone cluster of one master and two workers on this machine: training, scoring, and what a user sees when things die."""
import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

import firesteel as fire
from firesteel.spark import fit
from firesteel.spark.session import check_slots

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/spark"))
from bed import flower_table, make_session, processor_ticks, refuses_a_third_worker, small, trains_and_scores  # noqa: E402


def wait_for(text, log, seconds=120):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if log.exists() and text in log.read_text(errors="replace"):
            return
        time.sleep(0.2)
    raise AssertionError(f"{log} never said {text!r}")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """spark://... of a master with two workers of one core each; pip's pyspark has no start scripts, spark-class is enough."""
    import pyspark

    home = Path(pyspark.__file__).parent
    folder = tmp_path_factory.mktemp("cluster")
    env = {**os.environ, "SPARK_HOME": str(home), "SPARK_LOCAL_IP": "127.0.0.1", "SPARK_NO_DAEMONIZE": "1", "PYTHONPATH": str(ROOT / "python")}
    port = 17077
    processes = []

    def start(name, *arguments):
        log = folder / f"{name}.log"
        processes.append(subprocess.Popen([home / "bin/spark-class", *arguments], env=env, cwd=folder, stdout=log.open("w"), stderr=subprocess.STDOUT))
        return log

    try:
        log = start("master", "org.apache.spark.deploy.master.Master", "--host", "127.0.0.1", "--port", str(port), "--webui-port", "0")
        wait_for("I have been elected leader", log)
        for name in ("w1", "w2"):
            wait_for("Successfully registered with master", start(
                name, "org.apache.spark.deploy.worker.Worker", "--host", "127.0.0.1", "-c", "1", "-m", "1g", "--webui-port", "0",
                "-d", str(folder / name), f"spark://127.0.0.1:{port}"))
        yield f"spark://127.0.0.1:{port}", processes
    finally:
        for p in processes:
            p.terminate()
        for p in processes:
            p.wait(30)


@pytest.fixture(scope="module")
def spark(cluster):
    os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"
    session = make_session(cluster[0], **{"spark.driver.host": "127.0.0.1", "spark.executor.memory": "600m"})
    yield session
    session.stop()


@pytest.fixture(scope="module")
def df(spark, tmp_path_factory):
    path = str(tmp_path_factory.mktemp("table") / "flowers")
    flower_table(spark).write.parquet(path)
    return spark.read.parquet(path)


def test_train_and_score(df):
    trains_and_scores(df)


def test_more_workers_than_slots(df):
    refuses_a_third_worker(df)


def test_a_killed_executor_is_named_in_time(cluster, df):
    """kill -9 of a whole executor in the middle of a training."""
    struck = strike_an_executor(cluster)
    with pytest.raises(fire.FiresteelError) as caught:
        small(epochs=3_000_000).fit(df)
    assert caught.value.code in ("FS4003", "FS4006") and time.monotonic() - struck["at"] < 5
    assert len(str(caught.value).splitlines()) <= 12 and "worker" in str(caught.value)


def test_a_fit_survives_what_is_killed(cluster, df, tmp_path, monkeypatch):
    """kill -9 at ten moments by chance, some while the job starts again: of a whole executor, then of a Python worker. The fit ends each time with the
    bits and the history of one without the fault, goes on within 15 s, and does at most one interval between checkpoints again."""
    check_slots(df.sparkSession, 2, 60)  # an executor was killed before
    given = dict(hiddenLayers=[512, 512], learningRate=0.001, epochs=300, checkpointEpochs=100_000, checkpointSteps=100)  # ten steps an epoch
    seconds = small(**given).fit(df).summary.timings["fit"]
    given["epochs"] = int(300 * max(1, 15 / seconds))  # to train for 15 seconds
    whole = small(**given).fit(df)
    bits = [w.tobytes() for w in whole.network.get_weights()]
    chance, figures = random.Random(5), []
    for i in range(10):
        folder = tmp_path / str(i)
        struck = strike_an_executor(cluster, chance.uniform(0, 2), lambda: any(folder.glob("attempt-*/checkpoint-*/manifest.json")), worker=i % 2 == 1)
        began, attempts = [], fit.Course
        monkeypatch.setattr(fit, "Course", lambda spark: began.append(time.monotonic()) or attempts(spark))
        fitted = small(**given, checkpointDir=str(folder)).fit(df)
        monkeypatch.setattr(fit, "Course", attempts)
        assert fitted.summary.restarts, "it was over before the kill; give it more epochs"
        again, total = fitted.summary.restarts[-1], time.monotonic() - began[0]
        told = began[0] + again["lost"] - struck["at"]  # seconds from the kill until the driver knew
        first, redone = told + again["first_step"], 10 * (again["reached"][0] - again["resumed"][0]) + again["reached"][1] - again["resumed"][1]
        difference = abs(fitted.summary.history["loss"][-1] - whole.summary.history["loss"][-1])
        figures.append((first, redone, difference))
        print(f"{'Python worker' if i % 2 else 'executor'} killed {struck['late']:.1f} s after the first checkpoint: first new step {first:.1f} s after the kill ({told:.1f} until the "
              f"driver knew, {again['slots']:.1f} for slots, {again['met'] - again['slots']:.1f} to start tasks, read and meet, {again['first_step'] - again['met']:.1f} to the step), "
              f"{redone} steps done again, loss differs by {difference:g}, {len(fitted.summary.restarts)} restarts, fit of {total:.1f} s; {os.getloadavg()[0]:.0f} processes for {os.cpu_count()} cores", flush=True)
        assert [w.tobytes() for w in fitted.network.get_weights()] == bits and fitted.summary.history == whole.summary.history
    firsts, steps, losses = zip(*figures)
    print(f"first new step after {min(firsts):.1f} to {max(firsts):.1f} s, {min(steps)} to {max(steps)} steps done again, losses differ by at most {max(losses):g}", flush=True)
    assert max(steps) <= 100 and max(firsts) < 15


def test_a_fit_goes_on_after_its_driver_was_killed(df, tmp_path):
    """kill -9 of the driver in the middle of a fit; fit in another one, on the same table, goes on from the last checkpoint to the same bits."""
    program = tmp_path / "program.py"
    given = f"epochs=3000, checkpointEpochs=20, checkpointDir={str(tmp_path / 'c')!r}"
    program.write_text(f"""
import sys
sys.path.insert(0, {str(ROOT / 'tests/spark')!r})
from bed import flower_table, make_session, small
small({given}).fit(flower_table(make_session("local[2]")))
""")
    env = {**os.environ, "PYTHONPATH": str(ROOT / "python"), "PYSPARK_PYTHON": sys.executable}
    p = subprocess.Popen([sys.executable, str(program)], env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        end = time.monotonic() + 180
        while not any((tmp_path / "c").glob("attempt-*/checkpoint-000[1-9]*/manifest.json")) and time.monotonic() < end:
            time.sleep(0.1)
    finally:
        os.killpg(p.pid, signal.SIGKILL)
        p.wait(30)
    check_slots(df.sparkSession, 2, 60)
    fitted = small(epochs=3000, checkpointEpochs=20, checkpointDir=str(tmp_path / "c")).fit(df)
    assert fitted.summary.resumedFrom >= 100
    assert [w.tobytes() for w in fitted.network.get_weights()] == [w.tobytes() for w in small(epochs=3000).fit(df).network.get_weights()]


def strike_an_executor(cluster, late=0.0, when=None, worker=False):
    """Kill an executor, or the Python worker below it, `late` seconds after both have trained for a while, or after when(); what is returned gets "at", the moment."""
    mine, struck = {p.pid for p in cluster[1]}, {}
    start = {p: processor_ticks(p) for p in parents()}

    def training_executors():
        """Executors of this cluster with a Python worker below them that has computed for a while."""
        up = parents()
        found = subprocess.run(["pgrep", "-f", "CoarseGrainedExecutorBackend"], text=True, stdout=subprocess.PIPE).stdout.split()
        return [int(pid) for pid in found if ancestors(int(pid), up) & mine
                and (when or any(int(pid) in ancestors(p, up) and p != int(pid) and processor_ticks(p) - start.get(p, 0) >= 150 for p in up))]

    def strike():
        end = time.monotonic() + 120
        while time.monotonic() < end:
            time.sleep(0.3)
            if when and not when():
                continue
            busy = training_executors()
            if len(busy) == 2:
                time.sleep(late)
                up = parents()
                below = [p for p in up if busy[0] in ancestors(p, up) and p != busy[0] and p not in up.values()]  # the daemon's children
                struck.update(at=time.monotonic(), late=late)
                os.kill(max(below, key=processor_ticks) if worker and below else busy[0], signal.SIGKILL)
                return

    threading.Thread(target=strike, daemon=True).start()
    return struck


def parents():
    rows = [line.split() for line in subprocess.run(["ps", "-eo", "pid,ppid"], text=True, stdout=subprocess.PIPE).stdout.splitlines()[1:]]
    return {int(pid): int(parent) for pid, parent in rows}


def ancestors(pid, up):
    """A process and all above it."""
    found = set()
    while pid in up and pid not in found:
        found.add(pid)
        pid = up[pid]
    return found


def interrupted(tmp_path, params, numbers, seconds=30):
    """A program that fits in local[2] and gets SIGINT once it has a checkpoint: its last line, and when it came. Its processes are gone when it is."""
    program = tmp_path / "program.py"
    program.write_text(f"""
import signal
import sys
import time
signal.signal(signal.SIGINT, signal.default_int_handler)  # what starts tests in the background ignores it
sys.path.insert(0, {str(ROOT / 'tests/spark')!r})
from bed import flower_table, make_session, small
spark = make_session("local[2]")
df = flower_table(spark)
try:
    model = small(epochs=100_000_000, checkpointDir={str(tmp_path / 'c')!r}, checkpointEpochs=1000, {params}).fit(df)
    said = f"model {{model.summary.interrupted}} {{model.summary.totalIterations > 0}} {{model.transform(df).where('label = prediction').count() > 100}}"
except KeyboardInterrupt:
    said = "interrupted"
active = spark.sparkContext.statusTracker().getActiveJobsIds
end = time.monotonic() + 20
while active() and time.monotonic() < end:
    time.sleep(0.1)
print(said, len(active()), "jobs", spark.range(5).count(), flush=True)
spark.stop()
""")
    env = {**os.environ, "PYTHONPATH": str(ROOT / "python"), "PYSPARK_PYTHON": sys.executable}
    p = subprocess.Popen([sys.executable, str(program)], env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        end = time.monotonic() + 240
        while not any((tmp_path / "c").glob("attempt-*/checkpoint-*/manifest.json")):
            assert p.poll() is None and time.monotonic() < end
            time.sleep(0.1)
        time.sleep(1)
        began = time.monotonic()
        for _ in range(numbers):
            p.send_signal(signal.SIGINT)
            time.sleep(0.5)
        said, took = p.stdout.readline().strip(), time.monotonic() - began
        print(f"{took:.1f} s after Ctrl-C: {said}", flush=True)
        assert p.wait(60) == 0 and took < seconds
        time.sleep(3)
        left = subprocess.run(["ps", "-s", str(p.pid), "-o", "pid,args"], text=True, stdout=subprocess.PIPE).stdout.splitlines()[1:]
        assert not left, left
        return said
    finally:
        p.kill()


def test_ctrl_c_cancels_the_job(tmp_path):
    """SIGINT during fit in a program of its own: it ends within seconds, as an interrupted program does."""
    assert interrupted(tmp_path, "", 1) == "interrupted 0 jobs 5"


def test_ctrl_c_gives_the_model_so_far(tmp_path):
    assert interrupted(tmp_path, "onInterrupt='model'", 1) == "model True True True 0 jobs 5"
