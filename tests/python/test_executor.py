"""executor - what runs in Spark's tasks, without Spark: ranks are threads, batches are lists."""
import json
import math
import socket
import subprocess
import sys
import threading
import time

import numpy as np
import pyarrow as pa
import pytest

import firesteel as fire
from firesteel.executor import Job, Outputs, Recipe, answered, engine, failure, report, score, train
from firesteel.executor.settled import Settled
from firesteel.executor.train import check_peers
from firesteel.spark.progress import Listener


def test_needs_no_pyspark():
    code = "import sys, firesteel.executor; sys.exit(any(m.split('.')[0] == 'pyspark' for m in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


# ---- ranks as threads --------------------------------------------------------------------

class Meeting:
    """all_gather among threads."""

    def __init__(self, ranks):
        self.said = [None] * ranks
        self.barrier = threading.Barrier(ranks, timeout=60)

    def of(self, rank):
        def all_gather(text):
            self.said[rank] = text
            self.barrier.wait()
            return list(self.said)
        return all_gather


def run_ranks(parts, job, meeting=None):
    """Train with one thread per list of batches; the result and model of rank 0. Raises what the first failing rank raised."""
    meeting, rows, errors = meeting or Meeting(len(parts)), [[] for _ in parts], [None] * len(parts)

    def rank(r):
        try:
            for batch in train(parts[r], job, meeting.of(r), rank=r, host="127.0.0.1"):
                rows[r].extend(batch.to_pylist())
        except BaseException as error:
            errors[r] = error
            meeting.barrier.abort()

    threads = [threading.Thread(target=rank, args=(r,)) for r in range(len(parts))]
    for t in threads:
        t.start()
    for t in threads:
        t.join(120)
        assert not t.is_alive(), "a rank hangs"
    first = [e for e in errors if isinstance(e, failure.TaskError)]
    if first:
        own = [e for e in first if e.record["code"] not in failure.ECHOES and "BrokenBarrier" not in e.record["message"]]
        raise (own or first)[0]
    assert errors == [None] * len(parts)
    assert all(row["kind"] == "beat" for other in rows[1:] for row in other)
    result = [json.loads(row["data"]) for row in rows[0] if row["kind"] == "result"]
    model = b"".join(row["data"] for row in rows[0] if row["kind"] == "model")
    return result[0], model


def table(n=97, seed=0, classes=3):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 4))
    y = (np.abs(x @ rng.normal(size=(4, classes)))).argmax(1).astype(float)
    return x, y


def batches(x, y, size=13, **more):
    out = []
    for at in range(0, len(x), size):
        arrays = {"f": pa.FixedSizeListArray.from_arrays(pa.array(x[at:at + size].reshape(-1)), x.shape[1]), "label": pa.array(y[at:at + size])}
        arrays.update({name: pa.array(value[at:at + size]) for name, value in more.items()})
        out.append(pa.RecordBatch.from_pydict(arrays))
    return out


def recipe(dtype="float64", classes=3):
    return Recipe((("Dense", "units=8 activation=tanh"), ("Dense", f"units={classes} activation=softmax")), dtype)


def job(workers, net=None, **more):
    net = net or recipe()
    given = dict(version=engine.version(), recipe=net.text, recipe_weights=net.weights, features=("f",), labels=("label",), workers=workers,
                 secret=bytes(range(16)), loss="sparse_categorical_crossentropy", optimizer="SGD learning_rate=0.1", metrics="accuracy", epochs=3,
                 batch_size=16, seed=7, classes=3, deadline=20.0)
    return Job(**{**given, **more})


def split(n, workers, how):
    """Row numbers of each worker."""
    rows = np.arange(n)
    if how == "even":
        return [rows[w::workers] for w in range(workers)]
    if how == "empty" and workers > 1:
        return [rows[:0], *np.array_split(rows, workers - 1)]
    if how == "one" and workers > 1:
        return [rows[:1], *np.array_split(rows[1:], workers - 1)]
    cut = n - max(1, n // 100) * (workers - 1)
    return [rows[:cut], *np.array_split(rows[cut:], workers - 1)] if workers > 1 else [rows]


def weights(model):
    return fire.Sequential._wrap(engine.load(model)).get_weights()


def parts_of(x, y, workers, how, **more):
    return [batches(x[rows], y[rows], **{k: v[rows] for k, v in more.items()}) for rows in split(len(x), workers, how)]


def test_any_partitioning_gives_the_same_weights():
    x, y = table()
    alone, model = run_ranks([batches(x, y)], job(1, batch_size=10_000))
    reference = weights(model)
    for workers in (2, 3, 4):
        for how in ("even", "empty", "one", "skew"):
            result, model = run_ranks(parts_of(x, y, workers, how), job(workers, batch_size=10_000))
            assert sum(result["rows"]) == len(x)
            assert result["report"]["rows"] == 3 * len(x)
            for a, b in zip(reference, weights(model)):
                assert np.abs(a - b).max() <= 1e-9 * np.abs(a).max()
            assert np.allclose(alone["history"]["loss"], result["history"]["loss"], rtol=1e-9)


def test_same_bits_in_every_run_and_order():
    x, y = table()
    runs = []
    for how, order in (("even", 1), ("even", -1), ("skew", 1), ("empty", 1)):
        result, model = run_ranks(parts_of(x[::order], y[::order], 2, how), job(2))
        assert result["report"]["rows"] == 3 * len(x) and result["report"]["steps"] == 3 * math.ceil(len(x) / 16)
        runs.append([w.tobytes() for w in weights(model)])
    assert all(r == runs[0] for r in runs)


def test_validation_rows_are_not_trained_on():
    x, y = table()
    marked = np.arange(len(x)) % 5 == 0
    result, _ = run_ranks(parts_of(x, y, 2, "even", v=marked), job(2, validation="v"))
    assert result["validation_rows"] == marked.sum() and sum(result["rows"]) == (~marked).sum()
    assert len(result["history"]["val_loss"]) == len(result["history"]["loss"]) == 3
    result, _ = run_ranks(parts_of(x, y, 2, "even"), job(2, validation_fraction=0.2, patience=1, learning_rate=1e-30, epochs=30))
    assert "val_loss" in result["history"] and result["report"]["epochs_run"] < 30


def test_heartbeats_while_training():
    x, y = table(2000)
    meeting = Meeting(1)
    kinds = [row["kind"] for batch in train(batches(x, y, 500), job(1, epochs=400, heartbeat=0.01, batch_size=8), meeting.of(0), rank=0)
             for row in batch.to_pylist()]
    assert "beat" in kinds and kinds[-2:] == ["result", "model"]


def test_a_loss_that_diverges_stops_all_ranks_and_keeps_good_weights():
    x, y = table()
    x = x * 1e3
    net = Recipe((("Dense", "units=4"), ("Dense", "units=1")), "float32")
    result, model = run_ranks(parts_of(x, y, 2, "even"), job(2, net, loss="mean_squared_error", metrics="", classes=None,
                                                            optimizer="SGD learning_rate=1000000.0", epochs=50))
    assert result["error"]["code"] == "FS3001"
    assert all(np.isfinite(w).all() for w in weights(model))


@pytest.mark.parametrize("workers, n, changes, code, words", [
    (2, 0, {}, "FS2007", "no rows"),
    (3, 2, {}, "FS2008", "at most 2"),
    (1, 20, {"version": "0.0.1"}, "FS4009", "0.0.1"),
    (1, 20, {"classes": 2}, "FS2006", "label"),
])
def test_bad_tables(workers, n, changes, code, words):
    x, y = table(max(n, 1))
    y = y if n != 20 else np.arange(20.) % 3
    with pytest.raises(failure.TaskError) as caught:
        run_ranks(parts_of(x[:n], y[:n], workers, "even"), job(workers, **changes))
    assert caught.value.record["code"] == code and words in caught.value.record["message"]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), None])
def test_invalid_rows(value):
    x, y = table(40)
    rows = [[None if value is None else value] + list(r[1:]) if i == 17 else list(r) for i, r in enumerate(x)]
    batch = [pa.RecordBatch.from_arrays([pa.array(rows, pa.list_(pa.float64())), pa.array(y)], names=["f", "label"])]
    with pytest.raises(failure.TaskError) as caught:
        run_ranks([batch], job(1))
    assert caught.value.record["code"] in ("FS2003", "FS2004") and "f" in caught.value.record["message"]
    result, _ = run_ranks([batch], job(1, invalid="skip"))
    assert result["skipped"] == 1 and result["rows"] == [39]


def three_columns(rows, plain=False):
    """Rows of 4 numbers as a batch of values, size and indices, every second row sparse; None stays null."""
    sparse = [r is not None and not plain and i % 2 == 1 for i, r in enumerate(rows)]
    kept = [r if r is None or not s else [v for v in r if v] for r, s in zip(rows, sparse)]
    return {"f": pa.array(kept, pa.list_(pa.float32())), "size": pa.array([4 if s else None for s in sparse], pa.int32()),
            "indices": pa.array([[i for i, v in enumerate(r) if v] if s else [] for r, s in zip(rows, sparse)], pa.list_(pa.int32()))}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_vectors_arrive_as_three_columns(dtype):
    x, y = table()
    x = np.where(x > 0.5, 0, x).astype(np.float32)
    runs = []
    for plain in (True, False, None):
        columns = {"f": pa.array(x.tolist(), pa.list_(pa.float32()))} if plain is None else three_columns(x.tolist(), plain)
        batch = pa.RecordBatch.from_pydict({**columns, "label": pa.array(y)})
        parts = [[batch.slice(0, 31), batch.slice(31, 1)], [batch.slice(32)]]
        result, model = run_ranks(parts, job(2, recipe(dtype), vectors=() if plain is None else (("f", "size", "indices"),)))
        assert result["report"]["rows"] == 3 * len(x)
        runs.append([w.tobytes() for w in weights(model)])
    assert runs[0] == runs[1] == runs[2]


def test_null_vectors():
    x, y = table()
    rows = x.tolist()
    rows[3] = rows[8] = None
    batch = pa.RecordBatch.from_pydict({**three_columns(rows), "label": pa.array(y)})
    vectors = (("f", "size", "indices"),)
    with pytest.raises(failure.TaskError, match="FS2003.*column 'f', row 3 holds a null"):
        run_ranks([[batch]], job(1, vectors=vectors))
    result, _ = run_ranks([[batch]], job(1, vectors=vectors, invalid="skip"))
    assert result["skipped"] == 2 and result["rows"] == [len(x) - 2]


def test_reading_may_take_longer_than_silence():
    x, y = table()

    def slowly():
        yield from batches(x[:40], y[:40])
        time.sleep(2.5)
        yield from batches(x[40:60], y[40:60])

    result, _ = run_ranks([slowly(), batches(x[60:], y[60:])], job(2, deadline=1.0))
    assert sum(result["rows"]) == len(x)


def test_a_rank_that_cannot_read_stops_the_others():
    x, y = table()
    began = time.monotonic()
    told = [began]

    def endless():
        while True:
            yield from batches(x, y)
            told.append(time.monotonic())
            time.sleep(0.05)

    bad = x.copy()
    bad[5, 1] = np.nan
    with pytest.raises(failure.TaskError, match="FS2004"):
        run_ranks([batches(bad, y), endless()], job(2))
    assert told[-1] - began < 10


def test_a_failure_that_all_know_of_comes_as_rows():
    """So no task fails, and Spark has nothing to print. What peers cannot know is raised."""
    x, y = table()
    bad = x.copy()
    bad[5, 1] = np.nan
    meeting, ended = Meeting(2), [[], []]

    def rank(r, rows):
        for batch in answered(train(batches(rows, y), job(2), meeting.of(r), rank=r, host="127.0.0.1")):
            ended[r].extend(json.loads(row["data"]) for row in batch.to_pylist() if row["kind"] == "error")

    threads = [threading.Thread(target=rank, args=(r, rows)) for r, rows in enumerate((x, bad))]
    for t in threads:
        t.start()
    for t in threads:
        t.join(120)
    assert [len(told) for told in ended] == [1, 1] and failure.first([ended[0][0], ended[1][0]])["code"] == "FS2004"
    assert ended[0][0]["code"] == "FS4006" and ended[1][0]["rank"] == 1 and "row 5" in ended[1][0]["message"]
    with pytest.raises(failure.TaskError, match="FS4009"):
        list(answered(train(batches(x, y), job(1, version="0"), Meeting(1).of(0), rank=0)))
    assert failure.of_lost_worker("FS4006", "worker 1 failed: FS4003: it is lost") and not failure.of_lost_worker("FS4006", "worker 1 failed: FS2004: NaN")


def test_when_solvers_have_arrived():
    """Breeze's rule for l-bfgs, Spark's for gradient descent; and no iteration at all, of which the loss is told."""
    ends = Settled("loss", 0.1, 1.0)
    assert [ends(None, loss) for loss in (0.85, 0.7, *(0.65 for _ in range(19)))] == [False] * 20 + [True]
    assert Settled("loss", 0.1, 1.0)(None, 0.91) and not Settled("loss", 0.0, 1.0)(None, 0.99)
    x, y = table()
    for tol, epochs in ((1e9, 2), (0.0, 5)):  # the first step is never judged
        result, _ = run_ranks(parts_of(x, y, 2, "even"), job(2, epochs=5, batch_size=1000, settled=("step", tol), tell_loss="after"))
        assert len(result["history"]["loss"]) == epochs and (result["loss"] is None) == (epochs == 2)
    result, model = run_ranks(parts_of(x, y, 2, "even"), job(2, epochs=0, tell_loss="before"))
    assert result["history"] == {} and result["loss"] > 0 and len(weights(model)) == 4


def test_ragged_rows():
    batch = [pa.RecordBatch.from_arrays([pa.array([[1., 2.], [1., 2., 3.]]), pa.array([0., 1.])], names=["f", "label"])]
    with pytest.raises(failure.TaskError) as caught:
        run_ranks([batch], job(1))
    assert caught.value.record["code"] == "FS2005"
    said = [{"rank": r, "rows": 5, "validation_rows": 0, "skipped": 0, "x": [2 + r], "y": [1]} for r in range(2)]
    with pytest.raises(failure.TaskError, match="2 numbers on worker 0 and of 3 on worker 1"):
        check_peers(said, job(2))


# ---- errors on their way -----------------------------------------------------------------

def test_failure_is_found_in_a_long_text():
    error = failure.marked(ValueError('a "quoted" word\nand a line'), 3, "h7")
    text = "x" * 5000 + "\nRuntimeError: " + str(error) + "\n\tat java.lang.Thread"
    assert failure.find(text) == {"code": "FS4008", "message": 'ValueError: a "quoted" word\nand a line', "rank": 3, "host": "h7"}
    echo = str(failure.TaskError("FS4003", "worker 3 is lost", 0, "h1"))
    own = str(failure.TaskError("FS2004", "column 'f' has NaN", 1, "h2"))
    assert failure.find(echo + "\n" + own)["code"] == "FS2004"
    assert failure.find("nothing") is None and failure.find(failure.MARK + "{broken") is None


# ---- progress ------------------------------------------------------------------------------

def test_an_epoch_is_told_right_after_a_step():
    pace = report.Pace()
    assert [pace.due(kind, now) for kind, now in (("step", 7.0), ("epoch", 7.01), ("step", 7.02), ("epoch", 7.05), ("step", 7.06))] == [True, True, False, False, True]


def test_reporter_and_listener():
    listener = Listener("127.0.0.1", "127.0.0.1")
    try:
        event = {"event": "step", "epoch": 0, "results": {"loss": 1.5}}
        stranger = report.Reporter("127.0.0.1", listener.port, b"another key" * 3)
        assert not stranger.connected
        with socket.create_connection(("127.0.0.1", listener.port), 3) as s:
            s.sendall(b"GET / HTTP/1.0\r\n\r\n" + b"\xff" * 100)
        friend = report.Reporter(*listener.address)
        assert friend.connected
        friend.send(event)
        friend.send({"event": "epoch", "epoch": 0, "results": {"loss": 1.0}})
        for _ in range(100):
            if listener.epochs:
                break
            threading.Event().wait(0.02)
        assert listener.epochs == [{"event": "epoch", "epoch": 0, "results": {"loss": 1.0}}]
        friend.close()
    finally:
        listener.close()
    gone = report.Reporter(*listener.address)
    gone.send(event)  # in silence
    assert not gone.connected


# ---- scoring -------------------------------------------------------------------------------

def test_lists_are_doubles_row_by_row():
    made = score.lists(np.array([[1, 2], [3, 4]], np.float32))
    assert str(made.type) == "list<item: double>" and made.to_pylist() == [[1.0, 2.0], [3.0, 4.0]]


def test_choice_follows_spark():
    out = Outputs("softmax", 3)
    raw = np.array([[1., 5., 5.], [3., 2., 1.], [np.nan, 1., 2.]])
    p = np.array([[.2, .4, .4], [.6, .3, .1], [np.nan, .5, .5]])
    assert score.choose(out, raw, p)[:2].tolist() == [1.0, 0.0] and np.isnan(score.choose(out, raw, p)[2])
    assert score.choose(Outputs("softmax", 3, thresholds=(0.9, 0.9, 0.1)), raw, p)[:2].tolist() == [2.0, 2.0]
    zero = Outputs("softmax", 2, thresholds=(0.0, 1.0))
    assert score.choose(zero, np.zeros((2, 2)), np.array([[0., 1.], [.1, .9]])).tolist() == [1.0, 0.0]


@pytest.mark.parametrize("head, units, y, logits, raw, probability, prediction", [
    ("sigmoid", 1, [[.75]], [[1.5]], [-1.5, 1.5], [.25, .75], 1.0),
    ("logits", 2, [[0., math.log(3)]], None, [0., math.log(3)], [.25, .75], 1.0),
    ("logit", 1, [[math.log(3)]], None, [-math.log(3), math.log(3)], [.25, .75], 1.0),
    ("softmax", 2, [[.25, .75]], [[-1., 4.]], [-1., 4.], [.25, .75], 1.0),
    ("labels", 2, [[.25, .75]], [[-1., 4.]], [-1., 4.], [.25, .75], [0.0, 1.0]),
])
def test_heads(head, units, y, logits, raw, probability, prediction):
    out = Outputs(head, units, raw=True, probability=True)
    made = score.columns(out, np.array(y), None if logits is None else np.array(logits))
    assert np.allclose(made[0].to_pylist()[0], raw)
    assert np.allclose(made[1].to_pylist()[0], probability)
    assert made[2].to_pylist()[0] == prediction


def test_valid_rows():
    vector = pa.array([{"type": 1, "size": None, "indices": None, "values": [1., 2.]}, {"type": 0, "size": 2, "indices": [1], "values": [float("nan")]}, None],
                      pa.struct([("type", pa.int8()), ("size", pa.int32()), ("indices", pa.list_(pa.int32())), ("values", pa.list_(pa.float64()))]))
    assert score.valid_rows([vector]).tolist() == [True, False, False]
    lists = pa.array([[1., 2.], [], None, [float("inf"), 1.], [1., None]])
    assert score.valid_rows([lists]).tolist() == [True, True, False, False, False]
    assert score.valid_rows([lists.slice(1, 2)]).tolist() == [True, False]
    assert score.valid_rows([pa.array([1, None, 3]), pa.array([1., 2., float("nan")])]).tolist() == [True, False, False]
    assert score.valid_rows([pa.array([1, 2]), pa.array([True, False])]) is None


def test_rows_score_the_same_in_batches_of_any_size():
    x, y = table(1000)
    _, model = run_ranks([batches(x, y)], job(1, recipe("float32")))
    net = score.network("k", lambda: model)
    out = Outputs("softmax", 3, raw=True, probability=True)
    names = ("rawPrediction", "probability", "prediction")
    whole = pa.FixedSizeListArray.from_arrays(pa.array(x.reshape(-1)), 4)
    reference = score.score_arrays(net, ["f"], [whole], out, names)
    for size in (1, 7, 1000):
        pieces = [score.score_arrays(net, ["f"], [whole.slice(at, size)], out, names) for at in range(0, 1000 if size > 1 else 60, size)]
        got = pa.concat_arrays(pieces)
        assert got.equals(reference.slice(0, len(got)))


def test_wide_lists_are_scored_in_pieces(monkeypatch):
    """The same bits as at once, and an error counts rows from the batch's first."""
    net = fire.Sequential([fire.Input((6,)), fire.layers.Dense(2)])
    loaded = engine.load(net.to_bytes())
    x = np.random.default_rng(0).normal(size=(1000, 6)).astype(np.float32)

    def batch(x):
        return pa.record_batch({"x": pa.FixedSizeListArray.from_arrays(pa.array(x.reshape(-1)), 6)})

    whole, _ = engine.predict(loaded, batch(x), ["x"], "error")
    monkeypatch.setattr(engine, "PIECE", 10000)
    assert engine.predict(loaded, batch(x), ["x"], "error")[0].tobytes() == whole.tobytes()
    x[777, 3] = np.inf
    with pytest.raises(fire.FiresteelError, match="column 'x', row 777 holds infinity at element 3"):
        engine.predict(loaded, batch(x), ["x"], "error")
    kept, _ = engine.predict(loaded, batch(x), ["x"], "keep")
    assert not np.isfinite(kept[777]).all() and np.delete(kept, 777, 0).tobytes() == np.delete(whole, 777, 0).tobytes()


def test_skipped_rows_come_out_null_in_their_place():
    x, y = table(50)
    _, model = run_ranks([batches(x, y)], job(1))
    net = score.network("k2", lambda: model)
    names = ("prediction",)
    rows = pa.array([list(r) for r in x])
    holes = pa.array([None if i in (3, 49) else [float("nan"), 1., 1., 1.] if i == 10 else list(r) for i, r in enumerate(x)])
    full = score.score_arrays(net, ["f"], [rows], Outputs("softmax", 3), names).to_pylist()
    got = score.score_arrays(net, ["f"], [holes], Outputs("softmax", 3, invalid="skip"), names).to_pylist()
    assert [i for i, r in enumerate(got) if r is None] == [3, 10, 49]
    assert all(g == f for g, f in zip(got, full) if g is not None)
    kept = score.score_arrays(net, ["f"], [holes], Outputs("softmax", 3, invalid="keep"), names).to_pylist()
    assert [i for i, r in enumerate(kept) if math.isnan(r["prediction"])] == [3, 10, 49]
    with pytest.raises(fire.FiresteelError) as caught:
        score.score_arrays(net, ["f"], [holes], Outputs("softmax", 3), names)
    assert caught.value.code in ("FS2003", "FS2004")


def test_flat_rows_are_shaped_as_the_network_wants_and_normalization_sees_all_rows():
    x, y = table()
    net = Recipe((("Input", "shape=[2,2]"), ("Flatten", ""), ("Normalization", ""), ("Dense", "units=3 activation=softmax")), "float64")
    runs = [weights(run_ranks(parts_of(x * 9 + 4, y, n, "skew"), job(n, net, batch_size=1000))[1]) for n in (1, 3)]
    assert np.allclose(runs[0][0], (x * 9 + 4).mean(0), rtol=1e-12) and np.allclose(runs[0][1], (x * 9 + 4).var(0), rtol=1e-12)
    for a, b in zip(*runs):
        assert np.abs(a - b).max() <= 1e-9 * np.abs(a).max()
    _, model = run_ranks(parts_of(x, y, 1, "even"), job(1, net))
    flat = pa.FixedSizeListArray.from_arrays(pa.array(x.reshape(-1)), 4)
    scored = score.score_arrays(score.network("k3", lambda: model), ["f"], [flat], Outputs("softmax", 3), ("prediction",))
    assert len(scored) == len(x)


def test_lists_are_padded_as_the_network_says():
    net = Recipe((("Input", "shape=[4] padding=post truncating=post"), ("Embedding", "input_dim=5 output_dim=3 mask_zero=true"), ("GRU", "units=3"), ("Dense", "units=2 activation=softmax")), "float64")
    draw = np.random.default_rng(3)
    rows = [draw.integers(1, 5, draw.integers(0, 7)).tolist() for _ in range(40)]
    dense = [(row + [0] * 4)[:4] for row in rows]
    y = [float(sum(row) % 2) for row in rows]

    def parts(rows, n):
        return [[pa.record_batch({"f": pa.array(rows[i::n], pa.list_(pa.int32())), "label": y[i::n]})] for i in range(n)]

    runs = [weights(run_ranks(parts(given, n), job(n, net, batch_size=8, classes=2))[1]) for given, n in ((dense, 1), (rows, 1), (rows, 2))]
    for a, b, c in zip(*runs):
        assert np.array_equal(a, b) and a.shape == c.shape
    model = run_ranks(parts(rows, 2), job(2, net, batch_size=8, classes=2))[1]
    there = [score.score_arrays(score.network("k4", lambda: model), ["f"], [pa.array(given, pa.list_(pa.int32()))], Outputs("softmax", 2, raw=True), ("raw", "prediction")) for given in (rows, dense)]
    assert there[0].equals(there[1])


def test_stateful_layers_are_refused():
    net = Recipe((("Input", "shape=[2,2] batch_size=5"), ("LSTM", "units=3 stateful=true"), ("Dense", "units=3 activation=softmax")))
    x, y = table(50)
    for n in (1, 2):
        with pytest.raises(Exception, match="stateful layers goes through rows in order, which rows dealt to workers have not"):
            run_ranks(parts_of(x, y, n, "even"), job(n, net, batch_size=5))
