"""Arrays, tables and iterables become datasets: what is kept, what is converted, and what is refused with which words."""
import firesteel as fire
import numpy as np
import pyarrow as pa
import pytest
from firesteel import _core, data, errors


def info(x, y=None, w=None, **columns):
    made = _core.Dataset(fire.context())
    data.add(made, x, y, w, data.Columns.of(**columns))
    return made.info()


@pytest.mark.parametrize("kind", ["f4", "f8", "?", "i1", "i2", "i4", "i8", "u1", "u2"])
def test_dense_arrays_are_used_where_they_lie(kind):
    a = np.ones((3, 4), kind)
    assert np.shares_memory(data.array_of(a, "x"), a)


@pytest.mark.parametrize("given, kind", [("f2", "f4"), ("u4", "i8"), ("u8", "i8"), (">f4", "f4"), (">i8", "i8"), ("g", "f8")])
def test_conversions(given, kind):
    made = data.array_of(np.arange(6).astype(given).reshape(2, 3), "x")
    assert made.dtype == np.dtype(kind) and made.dtype.isnative and made.tolist() == [[0, 1, 2], [3, 4, 5]]


def test_strided_arrays_are_copied():
    a = np.arange(24.0).reshape(4, 6)
    for view in (a[:, ::2], a.T, a[::-1]):
        made = data.array_of(view, "x")
        assert made.flags.c_contiguous and (made == view).all()


def test_shapes():
    assert info(np.zeros((5, 2, 3)))[0:4:3] == (5, (2, 3))
    assert info(np.zeros(5))[3] == (1,), "one number per row is one column"
    assert info([[1, 2], [3, 4]], [0, 1], [1.0, 2.0])[3:] == ((2,), (), True)
    assert info(np.zeros((2, 3)), np.zeros((2, 4)))[4] == (4,)


@pytest.mark.parametrize("x, y, w, code, words", [
    (np.array([["a"], ["b"]]), None, None, 2002, "x: holds text, expected numbers"),
    (np.zeros((2, 1)), np.array(["cat", "dog"]), None, 2002, "y: holds text, expected numbers; numpy.unique"),
    (np.array([[object()]]), None, None, 2002, "x: holds Python objects"),
    ([[1, 2], [3]], None, None, 2005, "x: its rows have different lengths"),
    (np.zeros((2, 1)), np.zeros(3), None, 1002, "x has 2 rows and y has 3"),
    (np.zeros((2, 1)), np.zeros(2), np.zeros(1), 1002, "x has 2 rows and sample_weight has 1"),
    (np.zeros((2, 1)), np.zeros(2), np.zeros((2, 1)), 1002, r"sample_weight has shape \[2, 1\]"),
    (np.float32(3), None, None, 2002, "x: a single number"),
    (np.array([[2**64 - 1]], np.uint64), None, None, 2002, "beyond int64"),
    (np.zeros((1, 1), complex), None, None, 2002, "x: holds complex128"),
    (iter([1, 2]), None, None, 2002, "an iterator of int; expected Arrow record batches"),
])
def test_refused_arrays(x, y, w, code, words):
    with pytest.raises(fire.FiresteelError, match=words) as caught:
        info(x, y, w)
    assert caught.value.code == f"FS{code}"


@pytest.fixture
def table():
    return pa.table({"a": pa.array([1.0, 2.0, 3.0, 4.0]), "b": pa.array([1, 2, 3, 4], pa.int16()), "y": pa.array([0, 1, 0, 1]), "w": pa.array([1.0, 1.0, 0.5, 2.0]),
                     "v": pa.array([False, False, True, False]), "l": pa.array([[1, 2, 3]] * 4, pa.list_(pa.float32(), 3)), "s": ["p", "q", "r", "s"]})


def test_tables(table):
    assert info(table, features=["a", "b"], label="y", weight="w") == (4, 0, 0, (2,), (), True)
    assert info(table, features="l", label="y", validation="v") == (3, 1, 0, (3,), (), False)
    assert info(table, features=["l", "a"])[3:5] == ((4,), None)
    assert info(table.select(["a", "b", "y"]), label="y")[3] == (2,), "features are all other columns"
    assert info(table, features=["a"], label=["y", "b"])[4] == (2,)
    batch = table.to_batches()[0]
    for same in (batch, batch.slice(1, 2), pa.RecordBatchReader.from_batches(table.schema, [batch, batch]), [batch, batch], (b for b in [batch] * 3)):
        n = info(same, features=["a", "l"], label="y")
        assert n[3] == (4,) and n[0] in (4, 2, 8, 12)


@pytest.mark.parametrize("columns, code, words", [
    ({"features": ["a", "nope"]}, 2001, "nope"), ({"features": ["a"], "label": "nope"}, 2001, "nope"), ({"features": ["s"]}, 2002, "s"),
    ({"features": ["a"], "weight": "s"}, 2002, "s"), ({"features": ["a"], "validation": "y"}, 2002, "y"), ({"features": ["a"], "handle_invalid": "drop"}, 1001, "drop")])
def test_refused_tables(table, columns, code, words):
    with pytest.raises(fire.FiresteelError, match=words) as caught:
        info(table, **columns)
    assert caught.value.code == f"FS{code}"


def test_nulls_and_nan():
    for bad, code in ((None, 2003), (float("nan"), 2004), (float("inf"), 2004)):
        table = pa.table({"a": [1.0, bad, 3.0], "y": [0, 1, 0]})
        with pytest.raises(errors.DataError, match="'?a'?") as caught:
            info(table, features=["a"], label="y")
        assert caught.value.code == f"FS{code}"
        assert info(table, features=["a"], label="y", handle_invalid="skip")[:3] == (2, 0, 1)
        assert info(table, features=["a"], label="y", handle_invalid="keep")[0] == 3


def test_ragged_lists():
    with pytest.raises(errors.DataError) as caught:
        info(pa.table({"l": [[1.0, 2.0], [1.0]]}))
    assert caught.value.code == "FS2005"


def test_a_stream_is_read_once(table):
    reader = pa.RecordBatchReader.from_batches(table.schema, table.to_batches())
    assert info(reader, features=["a"])[0] == 4
    assert info(reader, features=["a"])[0] == 0


def test_a_failing_stream(table):
    def batches():
        yield table.to_batches()[0]
        raise KeyError("the disk is gone")
    reader = pa.RecordBatchReader.from_batches(table.schema, batches())
    with pytest.raises((OSError, KeyError), match="the disk is gone"):
        info(reader, features=["a"])
    with pytest.raises(KeyError, match="the disk is gone"):
        info(batches(), features=["a"])


def test_arrow_memory_is_released_with_the_dataset():
    made = _core.Dataset(fire.context())
    table = pa.table({"a": np.zeros(100_000)})
    before = pa.total_allocated_bytes()
    data.add(made, pa.table({"a": pa.array(np.arange(100_000) + 0.5).cast(pa.float32())}), None, None, data.Columns.of())
    assert pa.total_allocated_bytes() - before >= 400_000, "the dataset keeps the batch alive"
    del made
    assert pa.total_allocated_bytes() == before
    del table


def test_not_a_table():
    with pytest.raises(TypeError, match="not a table"):
        info(pa.array([1.0, 2.0]))
