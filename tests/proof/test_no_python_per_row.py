"""What Python does on executors is done for a batch, never for a row: as many calls of functions, and lines run, for 10,000 rows as for 1,000."""
import collections
import sys

import numpy as np
import pyarrow as pa
import pytest

import firesteel as fire
from firesteel import ops
from firesteel.executor import cluster, engine, program, score
from firesteel.executor.alone import train_alone
from firesteel.executor.job import Job, Recipe
from firesteel._program import build, placeholder, trace

FEW, MANY = 1_000, 10_000


def events(work):
    """Calls, of Python and of C, and lines of Python while work() runs."""
    seen = collections.Counter()

    def line(frame, event, arg):
        seen[event] += 1
        return line

    work()  # imports, caches, compiled expressions
    sys.setprofile(lambda frame, event, arg: seen.update([event]) if event in ("call", "c_call") else None)
    sys.settrace(line)
    try:
        work()
    finally:
        sys.settrace(None)
        sys.setprofile(None)
    return sum(seen.values())


def table(rows):
    rng = np.random.default_rng(rows)
    x = rng.normal(size=(rows, 4))
    flat = pa.array(x.ravel())
    lists = pa.ListArray.from_arrays(pa.array(np.arange(0, 4 * rows + 1, 4, dtype=np.int32)), flat)
    dense = pa.StructArray.from_arrays([pa.array(np.ones(rows, np.int8)), pa.nulls(rows, pa.int32()), pa.nulls(rows, pa.list_(pa.int32())), lists], names=["type", "size", "indices", "values"])
    ragged = pa.ListArray.from_arrays(pa.array(np.concatenate([[0], np.cumsum(1 + np.arange(rows) % 3)]).astype(np.int32)), pa.array(rng.normal(size=int((1 + np.arange(rows) % 3).sum()))))
    return pa.RecordBatch.from_arrays([*(pa.array(c) for c in x.T), lists, dense, ragged, pa.array(np.arange(rows) % 7), pa.array((np.arange(rows) % 3).astype(float))],
                                      names=["a", "b", "c", "d", "list", "vector", "ragged", "key", "label"])


def runner(function, **cells):
    placeholders = [placeholder(name, "float64", shape, block) for name, (shape, block) in cells.items()]
    return program.Runner(build(trace(function, placeholders))[0])


def test_scoring():
    net = fire.Sequential([fire.Input((4,)), fire.layers.Dense(8, "relu"), fire.layers.Dense(3, "softmax")])
    net._net.init(1)
    loaded = engine.load(bytes(net._net.save_bytes()))
    for names in (list("abcd"), ["list"], ["vector"]):
        for invalid, thresholds in (("error", None), ("skip", (0.2, 0.3, 0.5))):
            out = score.Outputs("softmax", 3, True, True, True, thresholds, invalid)
            counts = [events(lambda: score.score_arrays(loaded, names, [batch.column(n) for n in names], out, ["raw", "probability", "prediction"])) for batch in (table(FEW), table(MANY))]
            assert counts[0] == counts[1] > 10, (names, counts)


@pytest.mark.parametrize("names", [tuple("abcd"), ("list",), ("vector",)])
def test_reading_and_training(names):
    recipe = Recipe((("Dense", 'units=8 activation="relu"'), ("Dense", 'units=3 activation="softmax"')))
    counts = []
    for rows in (FEW, MANY):
        job = Job(version=engine.version(), recipe=recipe.text, recipe_weights=None, features=names, labels=("label",), workers=1, secret=b"", loss="sparse_categorical_crossentropy",
                  optimizer="adam", epochs=2, batch_size=rows // 10, classes=3)
        batch = table(rows)

        def fit():
            data = engine.read([batch], job)
            engine.deal(data, None)
            result, _ = train_alone(data, job)
            assert result["report"]["rows"] == 2 * rows and result["report"]["steps"] == 20

        counts.append(events(fit))
    assert counts[0] == counts[1] > 10, counts


def test_feeds_of_functions():
    sparse = {"type": 0, "size": 3, "indices": [1], "values": [7.0]}
    kind = pa.struct([("type", pa.int8()), ("size", pa.int32()), ("indices", pa.list_(pa.int32())), ("values", pa.list_(pa.float64()))])
    counts = []
    for rows in (FEW, MANY):
        batch = table(rows).drop_columns(["ragged"]).append_column("sparse", pa.array([sparse] * rows, kind))
        counts.append(events(lambda: cluster.DataFeed([batch]).next_batch(rows)))
    assert counts[0] == counts[1] > 10, counts


def test_tensor_programs():
    each, block = runner(lambda x: {"z": x * 2.0 + 1.0}, x=((), False)), runner(lambda x: {"z": x - ops.mean(x, axis=0)}, x=((None,), True))
    lists = runner(lambda v: {"s": ops.sum(v)}, v=((None,), False))
    pairs, total = runner(lambda a_1, a_2: {"a": a_1 + a_2}, a_1=((), False), a_2=((), False)), runner(lambda a_input: {"a": ops.sum(a_input, axis=0)}, a_input=((None,), True))

    def count(work, levels=0):
        few, many = (events(lambda: list(work(table(rows)))) for rows in (FEW, MANY))
        assert few > 10 and many <= few + 200 * levels, (few, many)

    count(lambda b: program.map_batches([b], block, [0], [0, 1], ["z", "a", "b"], "block"))
    count(lambda b: program.map_batches([b], each, [0], [0, 1], ["z", "a", "b"], "rows"))
    count(lambda b: program.map_batches([b], lists, [6], [0], ["s", "a"], "rows"))  # three lengths of cells, three calls
    count(lambda b: program.reduce_batches([b.select([0])], total, ["a"], ["v0"], "blocks"))
    count(lambda b: program.reduce_batches([b.select([0])], pairs, ["a"], ["v0"], "rows"), levels=4)  # a tree: a level more for twice the rows
    count(lambda b: program.aggregate_batches([b.select([7, 0])], total, 1, ["a"], False), levels=2)  # pieces of groups: levels of 64
