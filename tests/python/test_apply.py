"""apply and files - what Spark's tasks do to score, without Spark: Arrow columns in and out of any network, and Parquet files."""
import dataclasses
import json
import os

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import firesteel as fire
from firesteel.executor import apply as A
from firesteel.executor import engine, files

L = fire.layers
rng = np.random.default_rng(2)
X = rng.normal(size=(11, 7)).astype(np.float32)


def lists(x):
    return pa.FixedSizeListArray.from_arrays(pa.array(np.ascontiguousarray(x).reshape(-1)), int(np.prod(x.shape[1:])))


def struct(**columns):
    return pa.StructArray.from_arrays(list(columns.values()), list(columns))


@pytest.fixture(scope="module")
def two():
    wide, deep = fire.Input((3,), name="wide"), fire.Input((2, 2), name="deep")
    hidden = L.Dense(6, "tanh", name="hidden")(L.Flatten()(deep))
    model = fire.Model([wide, deep], [L.Dense(1, name="score")(L.Concatenate()([wide, hidden])), L.Reshape((2, 3), name="grid")(hidden)])
    model._ready()
    return model


def program(inputs=None, modes=("auto", "auto"), **more):
    return A.Program(inputs, modes, **{"who": "f", **more})


def numbers(array):
    return np.array(array.to_pylist(), np.float32)


def raised(code, work, *words):
    with pytest.raises(fire.FiresteelError) as caught:
        work()
    assert caught.value.code == code and all(word in str(caught.value) for word in words), str(caught.value)


def test_columns_of_each_input_and_shapes_of_each_output(two):
    want = two.predict([X[:, :3], X[:, 3:].reshape(-1, 2, 2)], verbose=0)
    columns = {"a": pa.array(X[:, 0]), "b": pa.array(X[:, 1].astype(np.float64)), "c": pa.array(X[:, 2]), "d": lists(X[:, 3:])}
    score, grid = A.apply(two._net, program((("a", "b", "c"), ("d",))), list(columns), list(columns.values()))
    assert score.type == pa.float32() and str(grid.type) == "list<item: list<item: float>>"
    assert np.array_equal(score.to_numpy(), want[0][:, 0]) and np.array_equal(numbers(grid), want[1])
    grid, score = A.apply(two._net, program((("a", "b", "c"), ("d",)), ("vector", "array"), outputs=(1, 0)), list(columns), list(columns.values()))
    assert grid.type == pa.list_(pa.float64()) and np.array_equal(numbers(grid), want[1].reshape(11, 6)) and np.array_equal(numbers(score), want[0])
    for array, mode in ((score[:0], "auto"), (grid[:0], "vector")):
        assert [len(a) for a in A.apply(two._net, program(None, (mode, mode)), ["x", "y"], [lists(X[:0, :3]), lists(X[:0, 3:])])] == [0, 0]


def test_arguments_find_their_inputs(two):
    want = two.predict([X[:, :3], X[:, 3:].reshape(-1, 2, 2)], verbose=0)[0][:, 0]
    wide, deep = lists(X[:, :3]), lists(X[:, 3:])
    for given in ([wide, deep], [struct(DEEP=deep, wide=wide)], [struct(x=pa.array(X[:, 0]), y=lists(X[:, 1:3])), deep]):
        assert np.array_equal(A.apply(two._net, program(), [f"argument {k}" for k in range(len(given))], given)[0].to_numpy(), want)
    raised("FS1003", lambda: A.apply(two._net, program(), ["x"], [struct(wide=wide, dep=deep)]), "did you mean dep?", "wide [3], deep [2, 2]")
    raised("FS1001", lambda: A.apply(two._net, program(), ["x"], [wide]), "wide [3], deep [2, 2]")
    raised("FS1002", lambda: A.apply(two._net, program(), ["x", "y"], [deep, wide]), "x gives 4 numbers", "wide [3]")
    raised("FS2002", lambda: A.apply(two._net, program(), ["x", "y"], [wide, pa.array(["t"] * 11)]), "string")
    raised("FS1001", lambda: A.apply(two._net, program(), [], []), "no argument", "wide [3], deep [2, 2]")
    one = fire.Sequential([fire.Input((3,), name="features"), L.Dense(1)])
    one._ready()
    raised("FS1002", lambda: A.apply(one._net, program(None, ("auto",)), ["the argument"], [struct(a=wide, feature=wide)]),
           "f: ", "shape [6]", "the argument is struct<", "no field is 'features'; did you mean feature?", "the input is features [3]")


def test_fields_by_the_columns_of_the_training():
    net = fire.Sequential([fire.Input((2,)), L.Dense(1)])
    net._ready()
    a, b = pa.array(X[:, 0]), pa.array(X[:, 1])
    plain = A.apply(net._net, program(modes=("auto",)), ["s"], [struct(b=b, a=a)])[0].to_numpy()
    assert np.array_equal(plain, net.predict(X[:, [1, 0]], verbose=0)[:, 0])
    net._net.set_note("columns", json.dumps({"features": ["a", "b"], "label": "y"}))
    named = A.apply(net._net, program(modes=("auto",)), ["s"], [struct(b=b, c=b, A=a)])[0].to_numpy()
    assert np.array_equal(named, net.predict(X[:, :2], verbose=0)[:, 0])
    raised("FS1003", lambda: A.apply(net._net, program(modes=("auto",)), ["s"], [struct(a=a, bb=b)]), "did you mean bb?")


def test_bytes_as_numbers():
    net = fire.Sequential([fire.Input((7,)), L.Dense(3)])
    net._ready()
    small = rng.integers(0, 256, (11, 7), np.uint8)
    for x in (X, small, X.astype(np.float64)):
        column = pa.array([None, *[row.tobytes() for row in x]], pa.binary())[1:]
        assert np.array_equal(numbers(A.apply(net._net, program(modes=("auto",)), ["b"], [column])[0]), net.predict(x, verbose=0))
    holed = pa.array([None if i == 4 else row.tobytes() for i, row in enumerate(X)], pa.binary())
    rows = A.apply(net._net, program(modes=("auto",), invalid="null"), ["b"], [holed])[0].to_pylist()
    assert [i for i, row in enumerate(rows) if row is None] == [4] and np.array_equal(np.float32(rows[5]), net.predict(X, verbose=0)[5])
    raised("FS2005", lambda: A.apply(net._net, program(modes=("auto",)), ["b"], [pa.array([b"1234567", b"12"])]), "2 and of 7 bytes")
    raised("FS1002", lambda: A.apply(net._net, program(modes=("auto",)), ["b"], [pa.array([b"12"])]), "7 bytes as uint8")


def images(pictures, modes=None, holes=()):
    rows = [None if i in holes else {"origin": "", "height": p.shape[0], "width": p.shape[1], "nChannels": p.shape[2], "mode": 16 if p.shape[2] == 3 else 0, "data": p.tobytes()}
            for i, p in enumerate(pictures)]
    kinds = [("origin", pa.string()), *[(n, pa.int32()) for n in ("height", "width", "nChannels", "mode")], ("data", pa.binary())]
    return pa.array(rows, pa.struct(kinds))


def test_images():
    net = fire.Sequential([fire.Input((4, 5, 3)), L.Conv2D(2, 3), L.Flatten(), L.Dense(2)])
    net._ready()
    blue_first = rng.integers(0, 256, (6, 4, 5, 3), np.uint8)
    want = net.predict(blue_first[..., ::-1], verbose=0)
    assert np.array_equal(numbers(A.apply(net._net, program(modes=("auto",)), ["i"], [images(blue_first)])[0]), want)
    assert np.array_equal(numbers(A.apply(net._net, program(modes=("auto",), channels="BGR"), ["i"], [images(blue_first)])[0]), net.predict(blue_first, verbose=0))
    rows = A.apply(net._net, program(modes=("auto",), invalid="skip"), ["i"], [images(blue_first, holes=(2,))])[0].to_pylist()
    assert rows[2] is None and np.array_equal(np.float32(rows[3]), want[3])
    mixed = images([*blue_first, np.zeros((2, 5, 3), np.uint8)])
    raised("FS2005", lambda: A.apply(net._net, program(modes=("auto",)), ["i"], [mixed]), "2 x 5 x 3")

    def cut(pictures):
        assert isinstance(pictures, list)
        return np.stack([np.resize(p, (4, 5, 3)) for p in pictures])

    assert np.array_equal(numbers(A.apply(net._net, program(modes=("auto",)), ["i"], [mixed], cut)[0])[:6], want)
    raised("FS1002", lambda: A.apply(net._net, program(modes=("auto",)), ["i"], [mixed], lambda p: np.zeros((len(p), 3))), "the preprocessor gives rows of [3]")
    raised("FS1002", lambda: A.apply(net._net, program(modes=("auto",)), ["i"], [images(blue_first[:, :2])]), "[2, 5, 3]")


def test_a_graph_without_layers_in_blocks(tmp_path):
    onnx = pytest.importorskip("onnx")
    helper = onnx.helper
    w = rng.normal(size=(7, 4)).astype(np.float32)
    nodes = [helper.make_node("MatMul", ["x", "w"], ["m"]), helper.make_node("ArgMax", ["m"], ["best"], axis=1, keepdims=0), helper.make_node("Neg", ["m"], ["z"]),
             helper.make_node("NonZero", ["x"], ["places"])]
    graph = helper.make_graph(nodes, "g", [helper.make_tensor_value_info("x", 1, ["n", 7])],
                              [helper.make_tensor_value_info("best", 7, ["n"]), helper.make_tensor_value_info("z", 1, ["n", 4]), helper.make_tensor_value_info("places", 7, None)],
                              [onnx.numpy_helper.from_array(w, "w")])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]), tmp_path / "m.onnx")
    model = fire.load(tmp_path / "m.onnx")
    assert model._net.info()["loaded_as_onnx"]
    x = rng.normal(size=(300, 7)).astype(np.float32)
    two = program(modes=("auto", "auto"), outputs=(0, 1))
    made = A.apply(model._net, two, ["x"], [lists(x)])
    assert np.array_equal(made[0].to_numpy(), (x @ w).argmax(1)) and np.allclose(numbers(made[1]), -(x @ w), atol=1e-5)
    part = A.apply(model._net, two, ["x"], [lists(x[7:12])])
    assert numbers(part[1]).tobytes() == numbers(made[1])[7:12].tobytes()  # a row's bits depend on the row alone


# ---- files ---------------------------------------------------------------------------------------

def job(folder, **more):
    parts = more.pop("parts", tuple((f"{folder}/t.parquet", share, 3, ()) for share in range(3)))
    return files.FileJob(**{**dict(parts=parts, features=("x",), keep=("id",), outputs=("y",), vectors=(), output=f"file://{folder}/out", token="t", overwrite=False, row_schema="{}"), **more})


def doubled(arrays):
    return pa.StructArray.from_arrays([pa.array(arrays[0].to_numpy() * 2)], ["y"])


@pytest.fixture
def table(tmp_path):
    pq.write_table(pa.table({"id": np.arange(1000), "x": np.arange(1000, dtype=np.float32), "z": ["text"] * 1000}), tmp_path / "t.parquet", row_group_size=100)
    return tmp_path


def test_row_groups_belong_to_one_share_each(table):
    meta = pq.ParquetFile(table / "t.parquet").metadata
    for shares in (1, 2, 3, 7, 10, 23):
        assert sorted(g for share in range(shares) for g in files.row_groups(meta, share, shares)) == list(range(10))


def test_batches_are_whole_blocks_and_stay_small(table):
    assert files.batch_rows(pq.ParquetFile(table / "t.parquet").metadata, ["x"]) == files.ROWS
    for width, rows in ((784, 1280), (100_000, 10)):
        x = np.random.default_rng(0).normal(size=(300, width)).astype(np.float32)  # lists' levels take a little room as well
        pq.write_table(pa.table({"id": np.arange(300), "x": pa.FixedSizeListArray.from_arrays(pa.array(x.reshape(-1)), width)}), table / "wide.parquet", use_dictionary=False)
        meta = pq.ParquetFile(table / "wide.parquet").metadata
        assert files.batch_rows(meta, ["id", "x"]) == rows and files.batch_rows(meta, ["id"]) == files.ROWS


def test_files_are_scored_and_committed(table):
    mine = job(table)
    made = [files.score_part(mine, k, doubled) for k in range(3)]
    files.score_part(mine, 1, doubled)  # an attempt that nobody heard of
    assert not (table / "out").exists() and sum(rows for _, rows in made) == 1000
    files.commit(mine, [name for name, _ in made])
    assert sorted(os.listdir(table)) == ["out", "t.parquet"] and sorted(os.listdir(table / "out")) == sorted(["_SUCCESS", *[name for name, _ in made]])
    out = pa.concat_tables(pq.read_table(table / "out" / name) for name, _ in made)
    assert out.column_names == ["id", "y"] and np.array_equal(out["y"].to_numpy(), 2 * np.arange(1000)) and out.schema.metadata[files.ROW_SCHEMA] == b"{}"
    raised("FS5001", lambda: files.score_part(mine, 0, doubled), "mode='overwrite'")
    again = dataclasses.replace(mine, overwrite=True, token="u", keep=())
    files.commit(again, [files.score_part(again, 2, doubled)[0]])
    assert sorted(os.listdir(table)) == ["out", "t.parquet"] and pq.read_table(table / "out").column_names == ["y"]


def test_a_failed_job_leaves_nothing(table):
    mine = job(table)
    files.score_part(mine, 0, doubled)

    def fails(arrays):
        raise ValueError("no")

    with pytest.raises(ValueError):
        files.score_part(mine, 1, fails)
    files.abandon(mine)
    assert os.listdir(table) == ["t.parquet"]
    files.abandon(mine)
    raised("FS2001", lambda: files.score_part(job(table, keep=("idd",)), 0, doubled), "idd")


def test_columns_that_folders_tell_and_vectors(table):
    parts = ((f"{table}/t.parquet", 0, 1, (("day", "2026-01-02", "date"), ("n", None, "int"))),)
    mine = job(table, parts=parts, keep=("day", "n", "id"), vectors=("y",))
    name, rows = files.score_part(mine, 0, lambda arrays: pa.StructArray.from_arrays([A.column(np.ones((len(arrays[0]), 2)), A.Port("y", 1, (2,)), "vector")], ["y"]))
    files.commit(mine, [name])
    read = pq.read_table(table / "out" / name)
    assert rows == 1000 and str(read["day"][0]) == "2026-01-02" and read["n"].null_count == 1000
    assert read["y"][0].as_py() == {"type": 1, "size": None, "indices": None, "values": [1.0, 1.0]}


def test_the_network_of_a_path_is_mapped(tmp_path):
    net = fire.Sequential([fire.Input((7,)), L.Dense(3)])
    net._ready()
    net.save(tmp_path / "m.onnx")
    assert np.array_equal(fire.Model._wrap(engine.load(str(tmp_path / "m.onnx"))).predict(X, verbose=0), net.predict(X, verbose=0))


def test_one_row_fast_and_looked_at(two):
    net = fire.Sequential([fire.Input((7,)), L.Dense(6)])
    want = net.predict(X, verbose=0)
    for given in (X[2], X[2].tolist(), X[2].astype(np.float64), np.repeat(X[2], 2)[::2], np.asfortranarray(X[2:3])[0]):
        for _ in range(2):  # the first prepares
            assert np.allclose(net.predict_row(given), want[2], atol=1e-6)
    raised("FS1002", lambda: fire.Sequential([fire.Input((7,)), L.Dense(6)]).predict(X[:, :3], verbose=0))
    with pytest.raises(ValueError):
        net.predict_row(X[2, :3])
    net.add(L.Reshape((2, 3)))
    assert net.predict_row(X[2]).shape == (2, 3) and net.predict_row(X[3]).shape == (2, 3)


def vectors(*rows):
    """ML vectors as Spark gives them: None, a list (dense), or (size, {index: value})."""
    kind = pa.struct([("type", pa.int8()), ("size", pa.int32()), ("indices", pa.list_(pa.int32())), ("values", pa.list_(pa.float64()))])
    return pa.array([None if r is None else {"type": 1, "size": None, "indices": None, "values": r} if isinstance(r, list) else
                     {"type": 0, "size": r[0], "indices": list(r[1]), "values": list(r[1].values())} for r in rows], kind)


def test_vectors_for_a_graph_without_layers():
    given = vectors((4, {1: 5.0, 3: -1.0}), [1.0, 2.0, 3.0, 4.0], (4, {}), None, (4, {0: 7.0}), [0.0, 0.0, 0.0, 9.0])
    want = np.array([[0, 5, 0, -1], [1, 2, 3, 4], [0] * 4, [np.nan] * 4, [7, 0, 0, 0], [0, 0, 0, 9]])
    for begin in range(6):
        assert np.array_equal(A.dense(given[begin:]), want[begin:], equal_nan=True)
    assert np.array_equal(A.dense(vectors([1.0], [2.0])), [[1], [2]])
    raised("FS2005", lambda: A.dense(vectors((3, {0: 1.0}), [1.0, 2.0])), "of 2 and of 3 numbers")
    raised("FS2005", lambda: A.dense(vectors((3, {5: 1.0}))), "size 3")
