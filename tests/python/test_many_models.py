"""executor - groups and trials without Spark: what tasks do with lists of batches."""
import json

import numpy as np
import pyarrow as pa
import pytest

import firesteel as fire
from firesteel.executor import Job, Outputs, Recipe, engine, groups, trials
from firesteel.executor.failure import TaskError
from firesteel.spark import spaces


def job(**more):
    recipe = Recipe((("Dense", "units=4 activation=relu"), ("Dropout", "rate=0.2"), ("Dense", "units=1")))
    return Job(**{**dict(version=engine.version(), recipe=recipe.text, recipe_weights=None, features=("a", "b"), labels=("y",), workers=1, secret=b"", loss="mean_squared_error", optimizer="adam",
                         epochs=3, batch_size=8, seed=5), **more})


def table(keys, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(len(keys), 2)).astype(np.float32)
    return pa.table({"key": pa.array(keys), "a": x[:, 0], "b": x[:, 1], "y": (x[:, 0] - x[:, 1]).astype(float)})


def fitted(t, size=7, **more):
    return pa.Table.from_batches(list(groups.fit_groups(t.to_batches(max_chunksize=size), job(**more), ["key"]))).to_pylist()


def weights(content):
    net = fire.Sequential._wrap(engine.load(content))
    return b"".join(w.tobytes() for w in net.get_weights())


def alone(t, **more):
    """The same rows through a network of its own, without any of the code of groups."""
    j = job(**more)
    data = engine.read(t.drop_columns(["key"]).to_batches(), j)
    data.deal(None, 0)
    net = engine.network(Recipe.parse(j.recipe), j)
    net.fit(data, epochs=j.epochs, batch_size=j.batch_size, seed=j.seed)
    return weights(bytes(net.save_bytes()))


def test_each_group_is_a_fresh_fit_whatever_the_batches():
    t = table(["a"] * 20 + [None] * 9 + ["b"] * 11)
    for size in (1, 7, 100):
        rows = fitted(t, size)
        assert [(r["key"], r["rows"], r["epochs"], r["error"]) for r in rows] == [("a", 20, 3, None), (None, 9, 3, None), ("b", 11, 3, None)]
        assert [weights(r["model"]) for r in rows] == [alone(part) for part in (t.slice(0, 20), t.slice(20, 9), t.slice(29))]
    history = dict(rows[0]["history"])
    assert len(history["loss"]) == 3 and rows[0]["loss"] == history["loss"][-1]


def test_two_keys_and_bits_of_nulls():
    t = table([1] * 6 + [2] * 6).append_column("other", pa.array([None, None, 1, 1, 1, None] * 2))
    heads = [h.to_pylist()[0] for h, _ in groups.groups(t.to_batches(max_chunksize=5), ["key", "other"])]
    assert [(h["key"], h["other"]) for h in heads] == [(1, None), (1, 1), (1, None), (2, None), (2, 1), (2, None)]
    assert list(groups.groups([], ["key"])) == []


def test_a_group_that_fails_is_a_row():
    t = table(["a"] * 5 + ["b"] * 5 + ["c"] * 5)
    y = t["y"].to_pylist()
    y[6] = float("nan")
    t = t.set_column(3, "y", pa.array(y))
    rows = fitted(t)
    assert [r["error"] is None for r in rows] == [True, False, True] and rows[1]["error"].startswith("FS2004") and rows[1]["model"] is None and rows[1]["rows"] == 5
    skipped = fitted(t, invalid="skip")
    assert [r["rows"] for r in skipped] == [5, 4, 5]
    diverged = fitted(t.slice(0, 5), optimizer="sgd", learning_rate=1e9, epochs=20)
    assert diverged[0]["error"].startswith("FS3001") and diverged[0]["model"] is not None


@pytest.mark.parametrize("size", [1, 4, 100])
def test_scoring_puts_each_group_to_its_network(size):
    t = table(["a"] * 6 + ["b"] * 5 + ["x"] * 3)
    rows = {r["key"]: r["model"] for r in fitted(t.slice(0, 11))}
    files = pa.table({"key": list(rows), "a": pa.nulls(2, pa.float32()), "b": pa.nulls(2, pa.float32()), "y": pa.nulls(2, pa.float64()), "model": pa.array(list(rows.values()), pa.binary())})
    plain = t.append_column("model", pa.nulls(14, pa.binary()))
    both = pa.concat_tables([files.slice(0, 1), plain.slice(0, 6), files.slice(1, 1), plain.slice(6)]).combine_chunks()
    kinds = pa.struct([("prediction", pa.float64())])
    made = pa.Table.from_batches(list(groups.score_groups(both.to_batches(max_chunksize=size), ["key"], "model", ["a", "b"], Outputs("values", 1), kinds)))
    assert made.column_names == ["key", "a", "b", "y", "prediction"] and made.drop_columns(["prediction"]).equals(t)
    x = np.column_stack([t["a"], t["b"]]).astype(np.float32)
    for key, part in (("a", slice(0, 6)), ("b", slice(6, 11))):
        expected = fire.Sequential._wrap(engine.load(rows[key])).predict(x[part], verbose=0)[:, 0]
        assert np.array(made["prediction"].to_pylist()[part], np.float32).tobytes() == expected.tobytes()
    assert made["prediction"].to_pylist()[11:] == [None] * 3


def test_rows_that_cannot_be_scored_are_left_out():
    t = table(["a"] * 6 + ["x"] * 2)
    content = fitted(t.slice(0, 6))[0]["model"]
    a = t["a"].to_pylist()
    a[2] = float("nan")
    first = pa.table({"key": ["a"], "a": pa.nulls(1, pa.float32()), "b": pa.nulls(1, pa.float32()), "y": pa.nulls(1, pa.float64()), "model": pa.array([content], pa.binary())})
    both = pa.concat_tables([first, t.set_column(1, "a", pa.array(a, pa.float32())).append_column("model", pa.nulls(8, pa.binary()))]).combine_chunks()
    made = pa.Table.from_batches(list(groups.score_groups(both.to_batches(), ["key"], "model", ["a", "b"], Outputs("values", 1, invalid="skip"), pa.struct([("p", pa.float64())]))))
    assert made["key"].to_pylist() == ["a"] * 5 + ["x"] * 2 and [v is None for v in made["p"].to_pylist()] == [False] * 5 + [True] * 2


# ---- trials -----------------------------------------------------------------------------------

def written(tmp_path, t):
    """The rows of a table in two files, with the folds 0 and 1."""
    t = t.drop_columns(["key"]).append_column(trials.FOLD, pa.array(np.arange(len(t)) % 2, pa.int32()))
    rows = trials.Rows("t", str(tmp_path))
    told = [r for part in range(3) for b in trials.write_rows(t.slice(part * 20, 20).to_batches(), rows, part) for r in b.to_pylist()]
    assert len(told) == 2 and sum(r["rows"] for r in told) == 40
    return trials.Rows("t", str(tmp_path), tuple((r["name"], r["bytes"], r["host"]) for r in told)), t


def test_a_trial_is_a_fit_and_folds_are_held_back(tmp_path):
    whole = table(["k"] * 40)
    rows, _ = written(tmp_path, whole)
    result, model = trials.run(trials.Unit(0, job().fields, send=True), rows)
    assert result["error"] is None and weights(model) == alone(whole) and "val_loss" not in result["history"]
    again, _ = trials.run(trials.Unit(0, job().fields), rows)
    assert again["history"] == result["history"]
    for fold in (0, 1):
        result, model = trials.run(trials.Unit(1, job().fields, fold, send=True), rows)
        held = whole.take(pa.array(np.flatnonzero(np.arange(40) % 2 == fold)))
        net = fire.Sequential._wrap(engine.load(model))
        x = np.column_stack([held["a"], held["b"]]).astype(np.float32)
        assert result["history"]["val_loss"][-1] == pytest.approx(np.mean((net.predict(x, verbose=0)[:, 0] - held["y"].to_numpy()) ** 2), rel=1e-5)
    trials.clear(rows)
    assert not list(tmp_path.iterdir())


def test_a_trial_that_is_gone_on_with_ends_alike(tmp_path):
    rows, _ = written(tmp_path, table(["k"] * 40))
    whole, model = trials.run(trials.Unit(3, job(epochs=5).fields, 0, send=True), rows)
    first, none = trials.run(trials.Unit(3, job(epochs=2).fields, 0, keep=True), rows)
    rest, other = trials.run(trials.Unit(3, job(epochs=5).fields, 0, resume=True, send=True), rows)
    assert none is None and rest["first_epoch"] == 2 and weights(other) == weights(model)
    assert [first["history"][n] + rest["history"][n] for n in ("loss", "val_loss")] == [whole["history"][n] for n in ("loss", "val_loss")]
    anew, again = trials.run(trials.Unit(4, job(epochs=5).fields, 0, resume=True, send=True), rows)  # as on another host, where nothing was left
    assert anew["first_epoch"] == 0 and weights(again) == weights(model)


def test_copies_for_hosts_that_share_no_files(tmp_path, monkeypatch):
    t = table(["k"] * 20).drop_columns(["key"])
    folders, places, told = [tmp_path / "a", tmp_path / "a", tmp_path / "b"], [None] * 3, []

    def be(rank):
        folders[rank].mkdir(exist_ok=True)
        monkeypatch.setattr(trials.tempfile, "gettempdir", lambda: str(folders[rank]))

    def remember(rank):
        def gather(text):
            places[rank] = text
            return places

        return gather

    for _ in range(2):  # first all say where they are, then they write
        told.clear()
        for rank in range(3):
            be(rank)
            told += [r for b in trials.write_copy(t.to_batches(), trials.Rows("t"), remember(rank), rank) for r in b.to_pylist()]
    assert len(told) == 2 and told[0]["name"] != told[1]["name"]
    rows = trials.Rows("t", None, tuple((r["name"], r["bytes"], r["host"]) for r in told), True)
    for rank in (0, 2):
        be(rank)
        assert pa.Table.from_batches(trials.read_rows(rows)) == t
        trials.clear(rows)
        with pytest.raises(TaskError, match="rows that .* are not there"):
            list(trials.read_rows(rows))


def test_what_makes_other_rows_is_not_taken_from_before(tmp_path):
    """Words and functions belong to a trial; a worker keeps rows only for trials that have the same."""
    rows, _ = written(tmp_path, table(["k"] * 40))

    def calls(factor):
        return ((lambda batch: batch.column(0).to_numpy() * factor, "labelPreprocessing", ("y",), ("y",), ("y",), (None,), ("made",)),)

    told = [trials.run(trials.Unit(i, job(calls=calls(i), labels=("made",)).fields, made=i), rows)[0] for i in (0, 1, 1)]
    assert told[0]["history"] != told[1]["history"] == told[2]["history"]
    other, _ = trials.run(trials.Unit(0, job(labels=("made",), lookups="{").fields, made=1), rows)
    assert other["error"] is not None


def test_failures_are_told(tmp_path):
    rows, _ = written(tmp_path, table(["k"] * 40))
    third = list(trials.run_units([pa.RecordBatch.from_arrays([pa.array([0])], names=["id"])], [trials.Unit(0, job().fields)], rows, attempt=2))
    assert json.loads(third[0]["result"][0].as_py())["error"].startswith("FS4003: the trial's worker died 2 times")
    for change, words in ((dict(optimizer="adan"), "adan"), (dict(version="0.0"), "FS4009"), (dict(optimizer="sgd", learning_rate=1e9, epochs=30), "FS3001"), (dict(classes=2), "FS2006")):
        result, model = trials.run(trials.Unit(0, job(**change).fields, send=change.get("optimizer") == "adan"), rows)
        assert words in result["error"] and model is None and result["error"].startswith("FS")
    batches = list(trials.run_units([pa.RecordBatch.from_arrays([pa.array([1, 0])], names=["id"])], [trials.Unit(0, job().fields), trials.Unit(1, job(loss="x").fields)], rows))
    told = {b["unit"][0].as_py(): json.loads(b["result"][0].as_py())["error"] for b in batches}
    assert told[0] is None and "'x'" in told[1]
    with pytest.raises(TaskError, match="dataDir"):
        list(trials.read_rows(trials.Rows("t", str(tmp_path), (("part-00009.arrow", 5, "elsewhere"),))))


def test_optuna_is_asked_for_by_its_extra(monkeypatch):
    import sys

    from firesteel.spark import NNRegressor, Tuner, tune

    monkeypatch.setitem(sys.modules, "optuna", None)  # as where it is not installed
    with pytest.raises(fire.FiresteelError, match=r"pip install 'firesteel\[tune\]'"):
        Tuner(NNRegressor(), {"learningRate": tune.uniform(0.1, 0.2)}, method="optuna").fit(None)


# ---- what a search chooses from -----------------------------------------------------------------

def test_distributions():
    rng = np.random.default_rng(0)
    space = spaces.checked({"rate": spaces.loguniform(1e-4, 1e-1), "share": spaces.uniform(0.1, 0.5), "units": spaces.integers(3, 5), "kind": ["a", "b"], "layers": spaces.choice([1], [2, 3])})
    drawn = [{n: d.draw(rng) for n, d in space.items()} for _ in range(2000)]
    rates = np.log10([d["rate"] for d in drawn])
    assert -4 <= rates.min() < -3.9 and -1.1 < rates.max() <= -1 and abs(rates.mean() + 2.5) < 0.1
    assert all(0.1 <= d["share"] <= 0.5 for d in drawn) and {d["units"] for d in drawn} == {3, 4, 5} and {d["kind"] for d in drawn} == {"a", "b"}
    rng = np.random.default_rng(0)
    assert [{n: d.draw(rng) for n, d in space.items()} for _ in range(5)] == drawn[:5]
    assert spaces.grid(spaces.checked({"a": [1, 2], "b": spaces.integers(0, 1)})) == [{"a": 1, "b": 0}, {"a": 1, "b": 1}, {"a": 2, "b": 0}, {"a": 2, "b": 1}]
    for make in (lambda: spaces.uniform(2, 1), lambda: spaces.loguniform(0, 1), lambda: spaces.integers(0.5, 3), lambda: spaces.choice(), lambda: spaces.checked({}),
                 lambda: spaces.checked({"a": 3}), lambda: spaces.grid({"a": spaces.uniform(0, 1)})):
        with pytest.raises(fire.FiresteelError) as caught:
            make()
        assert caught.value.code == "FS1004"
