"""Lists of one length read from the pages of Parquet files, against pyarrow's own reader."""
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from firesteel.executor import pages

ROWS, WIDTH = 700, 100
rng = np.random.default_rng(1)


def equal_lists(kind=np.float32, width=WIDTH, field="element"):
    x = rng.normal(size=ROWS * width).astype(kind)
    return pa.ListArray.from_arrays(pa.array(np.arange(ROWS + 1, dtype=np.int32) * width), pa.array(x), type=pa.list_(pa.field(field, pa.from_numpy_dtype(kind))))


def read(path, columns, rows=128):
    """All batches, and how many lists came without pyarrow's reader."""
    fast, take = 0, pages.Pages.take

    def counted(self, n):
        nonlocal fast
        made = take(self, n)
        fast += n if made is not None else 0
        return made

    pages.Pages.take = counted
    try:
        with pa.memory_map(str(path)) as source, pq.ParquetFile(source) as file:
            found = [b for g in range(file.metadata.num_row_groups) for b in pages.batches(source, file, g, columns, rows)]
            assert all(b.num_rows <= rows for b in found)
            return pa.Table.from_batches(found), fast
    finally:
        pages.Pages.take = take


@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize("codec", ["snappy", "none", "zstd"])
def test_equal_lists(tmp_path, kind, codec):
    """Lists that go on in the next page, and a table of several columns and row groups."""
    table = pa.table({"id": pa.array(range(ROWS)), "x": equal_lists(kind), "words": pa.array([[str(i)] * (i % 3) for i in range(ROWS)])})
    pq.write_table(table, tmp_path / "t", row_group_size=300, use_dictionary=False, compression=codec, data_page_size=3000, write_batch_size=77)
    for columns in (["x"], ["words", "x", "id"]):
        found, fast = read(tmp_path / "t", columns)
        assert found.equals(pq.read_table(tmp_path / "t", columns=columns).select(columns)) and fast == ROWS


def test_others_are_left_to_pyarrow(tmp_path):
    whole = equal_lists()
    rows = whole.to_pylist()
    swapped = rows[:5] + [rows[5] + rows[6][:1], rows[6][1:]] + rows[7:]  # as many numbers in all
    late = rows[:600] + [rows[600][:-1], rows[601] + rows[600][-1:]] + rows[602:]
    kind = pa.list_(pa.float32())
    cases = {"dictionary": ({}, pa.array([[float(i % 7)] * WIDTH for i in range(ROWS)], kind)), "other pages": ({"use_dictionary": False, "data_page_version": "2.0"}, whole),
             "streams": ({"use_dictionary": False, "use_byte_stream_split": ["x.list.element"]}, whole)}
    for name, values in {"swapped": swapped, "null list": [None, rows[1] + rows[0]] + rows[2:], "empty list": [[], rows[1] + rows[0]] + rows[2:],
                         "null number": [[None] + rows[0][1:]] + rows[1:], "short": [r[:3] for r in rows], "late": late}.items():
        cases[name] = ({"use_dictionary": False}, pa.array(values, kind))
    cases["of ints"] = ({"use_dictionary": False}, pa.array([[i] * WIDTH for i in range(ROWS)], pa.list_(pa.int32())))
    cases["nested"] = ({"use_dictionary": False}, pa.array([[r] for r in rows], pa.list_(kind)))
    for name, (settings, array) in cases.items():
        pq.write_table(pa.table({"x": array}), tmp_path / "t", data_page_size=3000, write_batch_size=64, **settings)
        found, fast = read(tmp_path / "t", ["x"])
        assert found.equals(pq.read_table(tmp_path / "t")), name
        assert 0 < fast <= 600 if name == "late" else fast == 0, name


def test_damaged_files_fail_as_with_pyarrow(tmp_path):
    """Any byte may be wrong: an error of pyarrow's, or rows as it reads them, or other numbers."""
    pq.write_table(pa.table({"x": equal_lists()}), tmp_path / "t", use_dictionary=False, data_page_size=60000, compression="none", write_batch_size=100)
    good, local = (tmp_path / "t").read_bytes(), np.random.default_rng(2)
    for at in [*range(4, 100, 2), *local.integers(4, len(good) - 2000, 30)]:
        bad = bytearray(good)
        bad[at] ^= int(local.integers(1, 256))
        (tmp_path / "bad").write_bytes(bad)
        try:
            found, _ = read(tmp_path / "bad", ["x"])
        except (OSError, pa.ArrowException):
            continue
        if found.num_rows != ROWS:  # then pyarrow takes it so
            with pq.ParquetFile(tmp_path / "bad") as file:
                assert found.num_rows == sum(b.num_rows for b in file.iter_batches(128, use_threads=False))
    for cut in (1, 50, 1000):
        with pytest.raises((OSError, pa.ArrowException)):
            (tmp_path / "bad").write_bytes(good[:-cut])
            read(tmp_path / "bad", ["x"])


def levels_of(lengths):
    return [int(k > 0) for n in lengths for k in range(n)]


def hybrid(levels, runs):
    """Levels in Parquet's hybrid: `runs` tells how many at a time, as bits (a multiple of 8, but for the last) or, negative, as a run of one level."""
    made, at = bytearray(), 0
    for run in runs:
        part, at = levels[at:at + abs(run)], at + abs(run)
        head = len(part) << 1 if run < 0 else -(-len(part) // 8) << 1 | 1
        while head > 127:
            made.append(head & 127 | 128)
            head >>= 7
        made.append(head)
        if run < 0:
            assert len(set(part)) == 1
            made.append(part[0])
        else:
            made += sum(bit << k for k, bit in enumerate(part)).to_bytes(-(-len(part) // 8), "little")
    return bytes(made)


def test_levels():
    whole = levels_of([20] * 5)
    for runs in ([100], [8, -12, 24, 56], [-1, -19, 8, 72], [40, -1, -19, 40]):
        assert pages.as_expected(hybrid(whole, runs), 100, 20, 0), runs
    assert pages.as_expected(hybrid(whole[7:], [40, 53]), 93, 20, 7)
    for lengths in ([20, 19, 21, 20, 20], [100], [1] * 100, [20, 20, 20, 20, 19, 1]):
        assert not pages.as_expected(hybrid(levels_of(lengths), [100]), 100, 20, 0)
    assert not pages.as_expected(hybrid(whole, [100]), 100, 20, 1)
    assert not pages.as_expected(hybrid([0, 0] + whole[2:], [-2, 98]), 100, 20, 0)
    assert not pages.as_expected(hybrid([1] * 100, [-100]), 100, 20, 0)
    cut = hybrid(whole, [40, -1, -19, 40])
    for end in range(len(cut)):
        try:
            assert not pages.as_expected(cut[:end], 100, 20, 0)
        except IndexError:
            pass
