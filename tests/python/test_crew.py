"""executor/cluster.py and executor/records.py without Spark: ranks are threads, a partition is a list of batches."""
import threading

import numpy as np
import pyarrow as pa
import pytest

from firesteel import errors
from firesteel.executor import cluster, records
from firesteel.executor.failure import TaskError
from firesteel.executor.job import Job
from firesteel.formats import tfrecord


@pytest.fixture(autouse=True)
def plain_output(monkeypatch):
    """Ranks of one process share sys.stdout: it stays as it is."""
    monkeypatch.setattr(cluster, "_call", lambda function, context, lines, tell: function(context))
    monkeypatch.setattr(cluster, "AFTER_YOU", 0.0)


def crew(function, tables=None, epochs=1, size=2, deadline=20.0):
    """Each rank's value, or its TaskError."""
    from firesteel.executor import engine

    job = Job(version=engine.version(), recipe="", recipe_weights=None, features=(), labels=(), workers=size, secret=b"s" * 16, epochs=epochs, deadline=deadline, heartbeat=0.1)
    met, texts, answers = threading.Barrier(size), [""] * size, [None] * size

    def task(rank):
        def all_gather(text):
            texts[rank] = text
            met.wait(20)
            return list(texts)
        try:
            rows = [row for batch in cluster.work(function, tables[rank] if tables else None, job, all_gather, rank=rank, host="127.0.0.1") for row in batch.to_pylist()]
            import pickle
            answers[rank] = pickle.loads(b"".join(row["data"] for row in rows if row["kind"].startswith("value")))
        except TaskError as error:
            answers[rank] = error.record
    threads = [threading.Thread(target=task, args=(rank,)) for rank in range(size)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return answers


def test_collectives():
    def function(ctx):
        r = ctx.rank
        tree = {"w": [np.full((2, 3), r + 1.0, np.float32), np.arange(3) * (r + 1)], "n": r, "b": np.array([True, r == 0])}
        return {
            "sum": ctx.all_reduce(tree), "mean": ctx.all_reduce({"i": np.arange(2) + r, "f": np.float32(r)}, "mean"), "min": ctx.all_reduce(np.array([r, -r]), "min"),
            "max": ctx.all_reduce((1.5 * r, [r]), "max"), "all": ctx.all_gather(np.arange(r + 1)), "texts": ctx.all_gather({"rank": r}), "bytes": ctx.all_gather(b"x" * r),
            "one": ctx.broadcast(np.eye(2) * r, 1), "list": ctx.broadcast([np.arange(2), np.ones((1, 2), np.float32)] if r == 0 else None), "word": ctx.broadcast("ab" if r == 0 else None),
            "who": (ctx.barrier(), ctx.job_name, ctx.task_index, ctx.num_workers, ctx.executor_id, ctx.is_chief)}
    answers = crew(function, size=3)
    for rank, a in enumerate(answers):
        assert (a["sum"]["w"][0] == 6).all() and a["sum"]["w"][0].dtype == np.float32 and a["sum"]["w"][0].shape == (2, 3)
        assert a["sum"]["w"][1].tolist() == [0, 6, 12] and a["sum"]["w"][1].dtype == np.int64 and a["sum"]["n"] == 3 and a["sum"]["b"].tolist() == [True, True]
        assert a["mean"]["i"].tolist() == [1, 2] and a["mean"]["i"].dtype == np.float64 and a["mean"]["f"] == 1 and a["mean"]["f"].dtype == np.float32
        assert a["min"].tolist() == [0, -2] and a["max"] == (3.0, [2])
        assert [v.tolist() for v in a["all"]] == [[0], [0, 1], [0, 1, 2]] and a["texts"] == [{"rank": 0}, {"rank": 1}, {"rank": 2}] and a["bytes"] == [b"", b"x", b"xx"]
        assert a["one"].tolist() == [[1, 0], [0, 1]] and a["list"][1].tolist() == [[1, 1]] and a["word"] == "ab"
        assert a["who"] == (None, "chief" if rank == 0 else "worker", max(0, rank - 1), 3, rank, rank == 0)


def test_a_failing_rank_is_named_and_nobody_waits():
    def function(ctx):
        if ctx.rank == 1:
            raise KeyError("no such thing")
        ctx.all_reduce(1.0)
    first, second = crew(function)
    assert second["code"] == "FS4008" and second["rank"] == 1 and "KeyError: 'no such thing'" in second["message"] and "test_crew.py" in second["message"]
    assert first["code"] in ("FS4003", "FS4006")

    def uneven(ctx):
        for _ in range(3 - ctx.rank):
            ctx.all_reduce(np.zeros(4))
    answers = crew(uneven)
    assert all(isinstance(a, dict) and a["code"].startswith("FS") for a in answers), answers
    assert [a["code"] for a in crew(lambda ctx: (lambda: 0))] == ["FS4008"] * 2  # a value that no pickle takes


def test_feeds():
    table = pa.table({"x": pa.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]), "n": pa.array([1, None, 3]), "s": ["a", "b", None]})

    def function(ctx):
        feed = ctx.get_data_feed(synchronous=True)
        rows, calls = [], 0
        while not feed.should_stop():
            batch = feed.next_batch(2)
            rows += batch["n"].tolist() if batch else []
            calls += 1
            ctx.all_reduce(float(len(rows)))
        return rows, calls, feed.rows
    a, b = crew(function, [table.to_batches(max_chunksize=2), []], epochs=3)
    assert np.array_equal(a[0], [1, np.nan, 3] * 3, equal_nan=True) and a[2] == 9 and b == ([], a[1], 0) and a[1] == 5
    batch = cluster.DataFeed(table.to_batches()).next_batch(10)
    assert batch["x"].shape == (3, 2) and batch["x"].dtype == np.float64 and batch["s"].tolist() == ["a", "b", None]
    feed = cluster.DataFeed(table.to_batches(), 2)
    assert feed.next_table(2).num_rows == 2 and not feed.should_stop()
    feed.terminate()
    assert feed.should_stop() and feed.next_table(2).num_rows == 0
    assert crew(lambda ctx: ctx.rank + 5, [table.to_batches(max_chunksize=1)] * 2, epochs=2) == [5, 6]  # who reads nothing ends all the same
    assert crew(lambda ctx: ctx.get_data_feed().next_batch(1)["n"].tolist(), [table.to_batches(max_chunksize=1)] * 2, epochs=2) == [[1], [1]]
    assert "there is no feed" in crew(lambda ctx: ctx.get_data_feed())[0]["message"]


def test_columns_become_arrays():
    vector = pa.struct([("type", pa.int8()), ("size", pa.int32()), ("indices", pa.list_(pa.int32())), ("values", pa.list_(pa.float64()))])
    dense = {"type": 1, "size": None, "indices": None, "values": [1.0, 2.0, 3.0]}
    sparse = {"type": 0, "size": 3, "indices": [1], "values": [7.0]}
    assert cluster.to_numpy(pa.array([dense, dense], vector)).tolist() == [[1, 2, 3]] * 2
    assert cluster.to_numpy(pa.array([dense, sparse], vector)).tolist() == [[1, 2, 3], [0, 7, 0]]
    several = cluster.to_numpy(pa.array([sparse, sparse, None, dense, {**sparse, "indices": [], "values": []}, {**sparse, "indices": [0, 2], "values": [4.0, 5.0]}], vector).slice(1))
    assert np.array_equal(several, [[0, 7, 0], [np.nan] * 3, [1, 2, 3], [0, 0, 0], [4, 0, 5]], equal_nan=True)
    ragged = cluster.to_numpy(pa.array([[1], [2, 3], None]))
    assert ragged.dtype == object and ragged[1].tolist() == [2, 3] and ragged[2] is None
    assert cluster.to_numpy(pa.array([[[1, 2]], [[3, 4]]])).shape == (2, 1, 2)
    assert cluster.to_numpy(pa.array([True, False, None])).tolist()[:2] == [1, 0] and cluster.to_numpy(pa.array([True, False])).dtype == bool
    assert cluster.to_numpy(pa.array([1, 2, 3], pa.int16()).slice(1)).tolist() == [2, 3] and cluster.to_numpy(pa.array([], pa.float32())).shape == (0,)


def test_inference():
    table = pa.table({"id": [1, 2, 3], "x": [0.5, 1.5, 2.5]})
    schema = pa.schema([("id", pa.int64()), ("y", pa.list_(pa.float32())), ("k", pa.int32())])

    def function(ctx):
        feed = ctx.get_data_feed()
        while not feed.should_stop():
            x = feed.next_batch(2)["x"]
            feed.batch_results({"y": np.stack([x, 2 * x], 1), "k": x.astype("i8")})
    out = pa.Table.from_batches(cluster.infer(function, table.to_batches(), schema, ["id"], rank=0, size=2)).to_pydict()
    assert out == {"id": [1, 2, 3], "y": [[0.5, 1.0], [1.5, 3.0], [2.5, 5.0]], "k": [0, 1, 2]}
    assert list(cluster.infer(function, table.slice(0, 0).to_batches(), schema, ["id"], rank=0, size=2)) == []

    def fails(body, says):
        with pytest.raises(TaskError, match=says):
            list(cluster.infer(body, table.to_batches(), pa.schema([("y", pa.float64())]), [], rank=4, size=2))
    fails(lambda ctx: ctx.barrier(), "inference has no collectives")
    fails(lambda ctx: ctx.get_data_feed().batch_results([1.0]), "1 results for 0 rows")
    fails(lambda ctx: (ctx.get_data_feed().next_batch(3), ctx.get_data_feed().batch_results(["a"] * 3)), "do not become double")
    fails(lambda ctx: ctx.get_data_feed().next_batch(3), "0 results for 3 rows")
    fails(lambda ctx: 1 // 0, "ZeroDivisionError")


def test_pieces_of_files(tmp_path):
    folder = tmp_path / "in"
    (folder / "sub").mkdir(parents=True)
    tfrecord.write(folder / "a.tfrecord", pa.table({"id": range(1000)}))
    tfrecord.write(folder / "sub" / "b.tfrecord.gz", pa.table({"id": range(1000, 1500)}), "gzip")
    (folder / "_SUCCESS").touch()
    (folder / ".hidden").touch()
    found = records.files([str(folder)])
    assert [path for path, _ in found] == [str(folder / "a.tfrecord"), str(folder / "sub" / "b.tfrecord.gz")]
    assert records.files([f"file://{folder}/*.tfrecord"]) == found[:1] == records.files([f"file:{folder}"], "*.tfrecord") and len(records.files([f"{tmp_path}/*"])) == 2
    parts = records.partitions(found, 5000)
    assert len(parts) > 5
    ids = [i for part in parts for batch in records.read(part, pa.schema([("id", pa.int64())]), "failfast", None, 100) for i in batch["id"].to_pylist()]
    assert ids == list(range(1500))
    packed = records.partitions([(f"/x/{i}", 1 << 20) for i in range(3000)])
    assert len(packed) == 120 and sum(map(len, packed)) == 3000
    with pytest.raises(errors.ModelFileError, match="No such file"):
        records.files([str(tmp_path / "none")])


def test_commits(tmp_path):
    out, table = str(tmp_path / "out"), pa.table({"id": [1, 2]})
    names = records.write(table.to_batches(), out, "j1", 0, "gzip", False) + records.write(iter(()), out, "j1", 1, None, False)
    assert len(names) == 1 and not records.files([out])
    records.commit(out, "j1", names, False)
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["_SUCCESS", *names] and records.exists(out)
    more = records.write(table.to_batches(), out, "j2", 0, None, False)
    records.abort(out, "j2")
    assert [path for path, _ in records.files([out])] == [f"{out}/{names[0]}"] and not (tmp_path / "out" / "_temporary").exists()
    more = records.write(table.to_batches(), out, "j3", 0, None, True)
    records.commit(out, "j3", more, True)
    assert [path for path, _ in records.files([out])] == [f"{out}/{more[0]}"]
    records.write(table.to_batches(), str(tmp_path / "gone"), "j4", 0, None, False)
    records.abort(str(tmp_path / "gone"), "j4")
    assert not (tmp_path / "gone").exists()
