"""Several inputs and outputs, words and functions in a training's tasks, without Spark."""
import numpy as np
import pyarrow as pa
import pytest

import firesteel as fire
from firesteel import _lookups
from firesteel._lookups import Lookup, Lookups
from firesteel.executor import Job, Outputs, engine, score
from firesteel.executor.functions import Call
from firesteel.spark import nets
from test_executor import run_ranks

CITIES = ["Rome", None, "Oslo", "Bern", "?"]


def net():
    layers = fire.layers
    pair, city = fire.Input((2,), name="pair"), fire.Input((1,), name="city")
    hidden = layers.Dense(8, activation="relu")(layers.Concatenate()([pair, layers.Flatten()(layers.Embedding(5, 3)(city))]))
    return fire.Model([pair, city], [layers.Dense(2, activation="softmax", name="kind")(hidden), layers.Dense(1, name="amount")(hidden)])


def batches(n=120, size=17):
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, n)).astype(np.float32)
    words = [CITIES[i % 5] for i in range(n)]
    table = pa.table({"a": a, "b": b, "city": words, "kind": (a > 0).astype(np.float64), "amount": (a + b).astype(np.float64)})
    return table, table.to_batches(max_chunksize=size)


def job(**changes):
    recipe = nets.recipe_of("net", net())
    known = Lookups([Lookup("city", [2], ["Rome", "Oslo", "Bern"])])
    return Job(**{**dict(version=engine.version(), recipe=recipe.text, recipe_weights=recipe.weights, features=("a", "b", "city"), labels=("kind", "amount"), workers=2,
                         secret=b"0123456789abcdef", loss="SparseCategoricalCrossentropy\nMeanSquaredError loss_weight=0.1", optimizer="Adam", epochs=3, seed=1,
                         lookups=known.text, notes=tuple(known.notes()), heartbeat=0.2), **changes})


def test_words_and_outputs_of_two_workers():
    table, parts = batches()
    result, model = run_ranks([parts[::2], parts[1::2]], job())
    assert {"loss", "kind_loss", "amount_loss"} <= set(result["history"]) and result["history"]["loss"][-1] < result["history"]["loss"][0]
    loaded = engine.load(model)
    assert _lookups.of(loaded).columns[0].words == ["Rome", "Oslo", "Bern"]
    out = Outputs("several", 3, parts=(Outputs("softmax", 2, probability=True), Outputs("values", 1)))
    import dataclasses
    assert Outputs.of(dataclasses.asdict(out)) == out
    scored = score.score_arrays(loaded, ["a", "b", "city"], [table.column(n) for n in ("a", "b", "city")], out, ["p", "kind", "amount"])
    local = fire.Model.from_bytes(model)
    kind, amount = local.predict(table, features=["a", "b", "city"], verbose=0)
    assert np.array(scored.field("p").to_pylist(), np.float32).tobytes() == kind.tobytes()
    assert scored.field("kind").to_pylist() == kind.argmax(1).tolist()
    assert np.array(scored.field("amount").to_pylist(), np.float32).tobytes() == amount[:, 0].tobytes()
    # Words that are missing are no invalid rows.
    skipped = score.score_arrays(loaded, ["a", "b", "city"], [pa.array([1.0, None]), pa.array([1.0, 1.0]), pa.array([None, "Rome"])],
                                 dataclasses.replace(out, invalid="skip"), ["p", "kind", "amount"])
    assert skipped.is_valid().to_pylist() == [True, False]


def calls():
    def features(batch):
        return {"pair": np.column_stack([np.asarray(batch.column(0)), np.asarray(batch.column("b"))]), "city": np.array([len(v or "") % 5 for v in batch.column(2).to_pylist()])}

    return (tuple(Call(features, "featurePreprocessing", ("a", "b", "city"), ("a", "b", "city"), ("pair", "city"), (2, 1), ("x0", "x1"))),
            tuple(Call(lambda batch: {"kind": batch.column(0), "amount": np.asarray(batch.column(1)) * 2}, "labelPreprocessing", ("kind", "amount"), ("kind", "amount"),
                       ("kind", "amount"), (None, None), ("y0", "y1"))))


def test_functions_of_two_workers():
    table, parts = batches()
    made = job(calls=calls(), features=("x0", "x1"), labels=("y0", "y1"), lookups="", notes=())
    _, model = run_ranks([parts[::2], parts[1::2]], made)
    given = [table.column(n).combine_chunks() for n in ("a", "b", "city")]
    scored = score.score_arrays(engine.load(model), ["a", "b", "city"], given, Outputs("values", 3), ["y"], calls()[0])
    words = np.array([len(v or "") % 5 for v in table.column("city").to_pylist()])
    kind, amount = fire.Model.from_bytes(model).predict({"pair": np.column_stack([table["a"], table["b"]]), "city": words[:, None]}, verbose=0)
    assert np.array(scored.field("y").to_pylist(), np.float32).tobytes() == np.hstack([kind, amount]).tobytes()


@pytest.mark.parametrize("function, said", [
    (lambda batch: 1 / 0, "FS4008.*raised ZeroDivisionError"), (lambda batch: np.zeros(3), "FS1002.*one ndarray"), (lambda batch: {"pair": np.zeros((1, 2))}, "FS1003.*nothing for 'city'"),
    (lambda batch: {"pair": np.zeros((batch.num_rows, 3)), "city": np.zeros(batch.num_rows)}, "FS1002.*3 numbers per row; the network takes 2"),
    (lambda batch: {"pair": np.zeros((1, 2)), "city": np.zeros(batch.num_rows)}, r"FS1002.*shape \[1, 2\] for \d+ rows"),
    (lambda batch: {"pair": ["x"] * batch.num_rows, "city": np.zeros(batch.num_rows)}, "FS2002.*numbers"), (lambda batch: {"pair": 1, "city": 2}, "FS2002")])
def test_functions_that_give_something_else(function, said):
    from firesteel.executor.functions import called

    _, parts = batches()
    with pytest.raises(fire.FiresteelError, match=said):
        called(Call(function, "featurePreprocessing", ("a", "b"), ("a", "b"), ("pair", "city"), (2, 1), ("x0", "x1")), parts[0])
