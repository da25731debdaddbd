"""Tensor programs without Spark: tracing, types and shapes, and what a task does with Arrow batches."""
import numpy as np
import pyarrow
import pytest

import firesteel as fire
from firesteel import _onnx, _program as program, ops
from firesteel.executor import program as tasks
from firesteel.executor.failure import TaskError


def given(name, dtype="float64", shape=(None,), block=True):
    return program.placeholder(name, dtype, shape, block)


def runner(**outputs):
    return tasks.Runner(program.build(outputs)[0])


def computed(tensor, *arrays):
    (y,) = runner(y=tensor).run([np.asarray(a) for a in arrays])
    return y


X, M, N = given("x"), given("m", shape=(None, 2)), given("n", "int64")
x, m, n = np.array([3.0, -1.0, 2.5]), np.array([[1.0, 2.0], [3.0, -4.0], [0.5, 0.25]]), np.array([2, 0, 2**53 + 1])

CASES = [
    (lambda: X + 3, x, lambda a: a + 3), (lambda: 2 / X, x, lambda a: 2 / a), (lambda: X ** 2, x, lambda a: a ** 2), (lambda: 2 ** X, x, lambda a: 2 ** a),
    (lambda: ops.sum(M, axis=0), m, lambda a: a.sum(0)), (lambda: ops.sum(M), m, np.sum), (lambda: M - ops.mean(M, axis=0), m, lambda a: a - a.mean(0)),
    (lambda: ops.std(M, axis=0), m, lambda a: a.std(0)), (lambda: ops.argmin(M, axis=1), m, lambda a: a.argmin(1)), (lambda: ops.norm(M, axis=1), m, lambda a: np.linalg.norm(a, axis=1)),
    (lambda: M @ np.array([[1.0], [2.0]]), m, lambda a: a @ [[1.0], [2.0]]), (lambda: np.eye(2) @ ops.transpose(M), m, lambda a: a.T), (lambda: ops.matmul(ops.transpose(M), M), m, lambda a: a.T @ a),
    (lambda: M[:, 1], m, lambda a: a[:, 1]), (lambda: M[::-1], m, lambda a: a[::-1]), (lambda: M[-1], m, lambda a: a[-1]), (lambda: M[1:, :1], m, lambda a: a[1:, :1]),
    (lambda: ops.reshape(M, (-1,)), m, np.ravel), (lambda: ops.expand_dims(ops.sum(M, axis=0), 0), m, lambda a: a.sum(0)[None]), (lambda: ops.tile(M, (2, 1)), m, lambda a: np.tile(a, (2, 1))),
    (lambda: ops.ones_like(M), m, np.ones_like), (lambda: ops.zeros_like(X, dtype="int32"), x, lambda a: np.zeros(3, np.int32)), (lambda: ops.full_like(X, 7), x, lambda a: np.full_like(a, 7)),
    (lambda: ops.where(X > 0, X, 0), x, lambda a: np.where(a > 0, a, 0)), (lambda: ops.clip(X, 0, 2), x, lambda a: a.clip(0, 2)), (lambda: ops.cast(X, "int64"), x, lambda a: a.astype(int)),
    (lambda: ops.any(X > 2.9), x, lambda a: (a > 2.9).any()), (lambda: ops.all(X > 2.9), x, lambda a: (a > 2.9).all()), (lambda: ops.count_nonzero(X > 0), x, lambda a: np.int32((a > 0).sum())),
    (lambda: ops.cumsum(M, 0), m, lambda a: a.cumsum(0)), (lambda: ops.outer(X, X), x, lambda a: np.outer(a, a)), (lambda: ops.logsumexp(X), x, lambda a: np.log(np.exp(a).sum())),
    (lambda: N + 1, n, lambda a: a + 1), (lambda: N * 3 - N, n, lambda a: a * 2), (lambda: -N, n, lambda a: -a), (lambda: ops.abs(-N), n, np.abs), (lambda: ops.sign(N), n, np.sign),
    (lambda: ops.sum(N, axis=0), n, np.sum), (lambda: ops.max(N), n, np.max), (lambda: ops.min(N), n, np.min), (lambda: ops.prod(N + 1), n[:2], lambda a: np.prod(a + 1)),
    (lambda: ops.maximum(N, 1), n, lambda a: np.maximum(a, 1)), (lambda: ops.minimum(N, 1), n, lambda a: np.minimum(a, 1)), (lambda: ops.equal(N, 2**53), n, lambda a: a == 2**53),
    (lambda: N > 2**53, n, lambda a: a > 2**53), (lambda: N <= 2**53, n, lambda a: a <= 2**53), (lambda: ops.cumsum(N, 0), n, np.cumsum), (lambda: ops.square(N), n[:2], np.square),
    (lambda: N / 4, n, lambda a: a / 4), (lambda: ops.mean(N), n, np.mean), (lambda: N // 2, -n, lambda a: a // 2), (lambda: N % 3, -n, lambda a: a % 3), (lambda: X // 2, x, lambda a: a // 2),
    (lambda: X % 2, x, lambda a: a % 2), (lambda: ops.take(np.array([5.0, 6.0, 7.0]), N), n[:2], lambda a: np.array([5.0, 6.0, 7.0])[a]), (lambda: ops.one_hot(N, 3), n[:2], lambda a: np.eye(3, dtype=np.float32)[a]),
    (lambda: ops.isnan(X / 0 * 0), x, lambda a: np.full(3, True)), (lambda: ops.convert_to_tensor(X, "float32"), x, np.float32),
]


@pytest.mark.parametrize("case", range(len(CASES)))
def test_operators_are_numpys(case):
    write, array, judge = CASES[case]
    tensor = write()
    y, expected = computed(tensor, array), np.asarray(judge(array))
    assert y.dtype == expected.dtype == tensor.dtype and y.shape == expected.shape and len(tensor.shape) == y.ndim
    assert all(a in (None, b) for a, b in zip(tensor.shape, y.shape))
    if y.dtype.kind == "f":
        np.testing.assert_allclose(y, expected, rtol=1e-12 if y.dtype == np.float64 else 1e-6)
    else:
        assert (y == expected).all()


def test_several_inputs_and_constants():
    total = ops.segment_sum(M, given("k", "int64"), 3)
    assert total.shape == (3, 2) and computed(total, np.array([0, 2, 0]), m).tolist() == [[1.5, 2.25], [0, 0], [3, -4]]
    assert computed(ops.concatenate([X, X * 2], axis=0), x).shape == (6,) and ops.stack([X, X], axis=1).shape == (None, 2)
    made, needed = program.build({"b": 2, "a": [1.5, 2.5], "x": X})
    assert [t.name for t in needed] == ["x"] and [o[2] for o in made.outputs] == ["int64", "float64", "x"]
    assert [v.tolist() for v in tasks.Runner(made).run([])] == [2, [1.5, 2.5]]
    assert str(N) == "<Tensor n int64 [?]>"


def test_what_does_not_fit_is_found_while_tracing():
    for write, code, words in [
            (lambda: X + N, "FS1002", ["x float64[?]", "n int64[?]", "cast"]), (lambda: N + 1.5, "FS1001", ["1.5", "int64"]), (lambda: ops.sqrt(N), "FS1002", ["Sqrt", "int64"]),
            (lambda: M @ np.ones((3, 1)), "FS1002", ["MatMul", "[?,2]", "[3, 1]"]), (lambda: M + np.ones(3), "FS1002", ["Add"]), (lambda: ops.sum(M, axis=2), "FS1002", ["axis=2"]),
            (lambda: N + 2**63, "FS1001", ["int64"]), (lambda: X + "a", "FS1001", ["str"]), (lambda: given("b", "binary", (), False) + 1, "FS1001", ["'b' is binary"]),
            (lambda: given("v", shape=(None, None)) @ np.ones((2, 1)), "FS1002", ["analyze"]), (lambda: bool(X > 0), "FS1001", ["branch"]), (lambda: ops.cast(X, "double"), "FS1001", ["double", "float64"]),
            (lambda: program.trace(lambda x: x, [X]), "FS1001", ["dict"]), (lambda: program.parameters(lambda *x: x), "FS1001", ["*"]), (lambda: program.build({"": X}), "FS1001", ["name"])]:
        with pytest.raises(fire.FiresteelError) as caught:
            write()
        assert caught.value.code == code and all(word in str(caught.value) for word in words), str(caught.value)


def test_cells_to_tensors_and_back():
    for values, kind in [([1, 2], pyarrow.int32()), ([[1.0, 2.0], [3.0, 4.0]], pyarrow.list_(pyarrow.float64())), ([[[1], [2]], [[3], [4]]], pyarrow.large_list(pyarrow.list_(pyarrow.int64()))),
                         ([[1.0, 2.0], [3.0, 4.0]], pyarrow.list_(pyarrow.float32(), 2)), ([True, False], pyarrow.bool_())]:
        array = pyarrow.array([values[0], *values], kind)[1:]
        found = tasks.dense(array, "c")
        assert found.tolist() == values and tasks.arrow(found).to_pylist() == values
    ragged = pyarrow.array([[[1.0], [2.0]], [[3.0, 4.0]], []])
    assert tasks.dense(ragged, "c") is None and tasks.shapes(ragged, "c").tolist() == [[2, 1], [1, 2], [0, 0]]
    for bad in (pyarrow.array([1.0, None]), pyarrow.array([[1.0], None]), pyarrow.array([[1.0, None]])):
        with pytest.raises(TaskError, match="FS2003.*'c'"):
            tasks.dense(bad, "c")
    with pytest.raises(TaskError, match="no rectangle"):
        tasks.shapes(pyarrow.array([[[1.0], [2.0, 3.0]]]), "c")


def batch(**columns):
    return pyarrow.record_batch([pyarrow.array(c) for c in columns.values()], names=list(columns))


def test_maps():
    def mapped(how, outputs, columns, keep, *batches):
        made = runner(**outputs)
        return [b.to_pydict() for b in tasks.map_batches(batches, made, columns, keep, [*outputs, *(batches[0].schema.names[i] for i in keep)], how)]

    rows = [batch(x=[1.0, 2.0], t=["a", "b"]), batch(x=[], t=[]).cast(batch(x=[1.0], t=["a"]).schema), batch(x=[5.0], t=["c"])]
    assert mapped("block", {"z": X * 2}, [0], [0, 1], *rows) == [{"z": [2.0, 4.0], "x": [1.0, 2.0], "t": ["a", "b"]}, {"z": [10.0], "x": [5.0], "t": ["c"]}]
    assert mapped("trim", {"z": ops.expand_dims(ops.sum(X), 0)}, [0], [], *rows) == [{"z": [3.0]}, {"z": [5.0]}]
    assert mapped("trim", {"z": [1.0, 2.0]}, [], [], rows[0]) == [{"z": [1.0, 2.0]}]
    v = given("v", shape=(None,), block=False)
    cells = [[1.0, 2.0], [3.0], [], [4.0, 5.0]]
    assert mapped("rows", {"s": ops.sum(v), "w": v + 1}, [0], [0], batch(v=cells)) == [{"s": [3.0, 3.0, 0.0, 9.0], "w": [[2.0, 3.0], [4.0], [], [5.0, 6.0]], "v": cells}]
    assert mapped("rows", {"z": 1.5}, [], [0], batch(v=cells[:2])) == [{"z": [1.5, 1.5], "v": cells[:2]}]
    b = given("b", "binary", (), False)
    assert mapped("rows", {"c": b}, [0], [], batch(b=[b"a\0b", b""])) == [{"c": [b"a\0b", b""]}]
    with pytest.raises(TaskError, match="map_rows"):
        mapped("block", {"z": given("v", shape=(None, None)) * 2}, [0], [], batch(v=cells))
    with pytest.raises(TaskError, match="trim"):
        mapped("block", {"z": ops.concatenate([X, X], axis=0)}, [0], [], rows[0])
    with pytest.raises(TaskError, match="y 1, z 2"):
        mapped("trim", {"y": ops.expand_dims(ops.sum(X), 0), "z": X}, [0], [], rows[0])


@pytest.mark.parametrize("rows", [1, 2, 3, 7, 64, 1000])
def test_reductions_of_rows_and_blocks(rows):
    values = np.random.default_rng(rows).normal(size=(rows, 2))
    pairs = runner(v=given("v_1", shape=(2,), block=False) + given("v_2", shape=(2,), block=False))
    np.testing.assert_allclose(tasks.reduce_pairs(pairs, [values])[0], [values.sum(0)])
    order = runner(v=ops.copy(given("v_1", shape=(2,), block=False)))  # associative, not commutative: the first of two
    assert (tasks.reduce_pairs(order, [values])[0] == values[:1]).all()
    blocks = runner(v=ops.max(given("v_input", shape=(None, 2)), axis=0))
    assert (tasks.reduce_block(blocks, [values])[0] == values.max(0)[None]).all()


def test_groups_of_any_size():
    rng = np.random.default_rng(1)
    v, k = given("v_input", shape=(None, 2)), given("k_input", "int64")
    both = runner(v=ops.sum(v, axis=0), k=ops.min(k, axis=0))
    first = runner(k=k[0])
    for counts in ([1], [1, 1, 1], [64], [65, 1, 200], rng.integers(1, 300, 50), [20000, 3]):
        counts = np.array(counts)
        values, keys = rng.normal(size=(counts.sum(), 2)), rng.integers(-9, 9, counts.sum())
        at = np.cumsum(counts) - counts
        sums, least = tasks.reduce_groups(both, [values, keys], counts)
        np.testing.assert_allclose(sums, np.add.reduceat(values, at), atol=1e-9)
        assert (least == np.minimum.reduceat(keys, at)).all()
        assert (tasks.reduce_groups(first, [keys], counts)[0] == keys[at]).all()  # rows of a group stay in order
    with pytest.raises(TaskError, match="cells like those it takes"):
        tasks.reduce_groups(runner(k=k + 1), [np.arange(4)], np.array([4]))


def test_aggregate_in_two_steps():
    total = runner(x=ops.sum(given("x_input"), axis=0))
    keys = pyarrow.array(["a", "b", None, "a", "b", None])
    floats = pyarrow.array([0.0, 1.0, float("nan"), -0.0, 1.0, float("nan")])
    rows = pyarrow.record_batch([keys, floats, pyarrow.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0])], names=["k0", "k1", "v0"])
    parts = list(tasks.aggregate_batches([rows, rows.slice(0, 0), rows], total, 2, ["x"], False))
    (last,) = tasks.aggregate_batches(parts, total, 2, ["x"], True)
    assert last.column("k0").to_pylist() == ["a", "b", None] and last.column("v0").to_pylist() == [10.0, 14.0, 18.0]
    assert list(tasks.aggregate_batches([], total, 2, ["x"], True)) == []
    structs = pyarrow.record_batch([pyarrow.array([{"a": 1, "b": "x"}, {"a": 1, "b": "y"}, {"a": 1, "b": "x"}]), pyarrow.array([1.0, 2.0, 4.0])], names=["k0", "v0"])
    (grouped,) = tasks.aggregate_batches([structs], total, 1, ["x"], True)
    assert sorted(grouped.column("v0").to_pylist()) == [2.0, 5.0]


def test_metadata_is_taken_off():
    net = fire.Sequential([fire.Input((3,)), fire.layers.Dense(2)])
    net._net.init(1)
    plain = fire.Model.from_bytes(_onnx.without_metadata(bytes(net._net.save_bytes())))
    values = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)
    ((name, y),) = plain.run({plain._net.ports(False)[0][0]: values}).items()
    np.testing.assert_allclose(y, net.predict(values, verbose=0), rtol=1e-5)
