"""TFRecord files, tf.train.Example and TensorBoard's events: files that TensorFlow wrote (tests/tfrecord_files), and our own."""
import struct
import zlib
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

import firesteel as fire
from firesteel import errors
from firesteel.formats import tfrecord

FILES = Path(__file__).resolve().parents[1] / "tfrecord_files"


@pytest.mark.parametrize("packing", ["plain", "gzip", "zlib"])
def test_examples_of_tensorflow(packing):
    rows = list(tfrecord.read(FILES / f"{packing}.tfrecord"))
    assert len(rows) == 4
    for i, row in enumerate(rows):
        assert set(row) == {"größe", "id", "nothing", "numbers", "texts", "whole"}
        assert row["id"].tolist() == [i] and row["id"].dtype == np.int64 and row["nothing"] is None
        assert row["numbers"].dtype == np.float32 and (row["numbers"] == np.array([i + 0.5, -1e30, 3e-45][:i], "f")).all() and len(row["numbers"]) == i
        assert row["whole"].tolist() == [-2**63, 2**63 - 1, -1, 0, 300]
        assert row["texts"] == [b"", b"\x00\xff\n", "größe".encode()]


def test_sequences_of_tensorflow():
    for i, row in enumerate(tfrecord.read(FILES / "sequence.tfrecord")):
        assert row["id"].tolist() == [i]
        assert [list(step) for step in row["steps"]] == [list(range(k)) for k in range(i)]
        assert [list(step) for step in row["words"]] == [[b""], [b"a"]]


def test_plain_records():
    assert list(tfrecord.records(FILES / "strings.tfrecord")) == [b"", b"first", bytes(range(256)) * 5]


def test_what_is_read_is_written_alike(tmp_path):
    """TensorFlow sorts a map's entries when it is told to: then the bytes are the same."""
    rows = list(tfrecord.read(FILES / "plain.tfrecord"))
    tfrecord.write(tmp_path / "x", rows)
    assert (tmp_path / "x").read_bytes() == (FILES / "plain.tfrecord").read_bytes()
    rows = list(tfrecord.read(FILES / "sequence.tfrecord"))
    tfrecord.write(tmp_path / "x", rows[1:])
    again = list(tfrecord.read(tmp_path / "x"))
    assert [[list(step) for step in row["steps"]] for row in again] == [[list(range(k)) for k in range(i)] for i in (1, 2, 3)]


@pytest.mark.parametrize("compression", [None, "gzip", "zlib"])
def test_round_trip(tmp_path, compression):
    rows = [{"f": np.arange(6, dtype="f").reshape(2, 3), "i": 7, "flag": True, "text": "ä", "raw": b"\x00\x01", "texts": ["a", b"b"], "doubles": [0.5, 1.5], "ragged": [[1, 2], [], [3]],
             "u": np.array([2**63 - 1], "u8"), "none": None}, {"f": 2.5}, {}]
    assert tfrecord.write(tmp_path / "x.tfrecord", rows, compression) == 3
    first, second, third = tfrecord.read(tmp_path / "x.tfrecord")
    assert first["f"].tolist() == [0, 1, 2, 3, 4, 5] and first["i"].tolist() == [7] and first["flag"].tolist() == [1] and first["text"] == ["ä".encode()]
    assert first["raw"] == [b"\x00\x01"] and first["texts"] == [b"a", b"b"] and first["doubles"].tolist() == [0.5, 1.5] and first["u"].tolist() == [2**63 - 1]
    assert [step.tolist() for step in map(np.asarray, first["ragged"])] == [[1, 2], [], [3]] and first["none"] is None
    assert second["f"].tolist() == [2.5] and third == {}
    assert not list(tmp_path.glob("*.tmp"))


def test_tables(tmp_path):
    table = pa.table({"id": pa.array([1, 2, 3]), "x": pa.array([[1.0, 2.0], [], [3.0]], pa.list_(pa.float32())), "name": pa.array([b"a", b"b", None], pa.binary())})
    tfrecord.write(tmp_path / "t", table)
    back = tfrecord.read_table(tmp_path / "t")
    assert back["id"].to_pylist() == [1, 2, 3] and back["name"].to_pylist() == [b"a", b"b", None] and back["id"].type == pa.int64()
    assert back["x"].type == pa.list_(pa.float32()) and back["x"].to_pylist()[0] == [1, 2] and back["x"].to_pylist()[2] == [3]
    whole = tfrecord.read_table(FILES / "sequence.tfrecord")
    assert whole["id"].to_pylist() == [0, 1, 2, 3] and whole["steps"].to_pylist()[3] == [[], [0], [0, 1]]


def test_columns_are_what_the_rows_say(tmp_path):
    """Every type in plain columns, lists and lists of lists, with nulls, slices and dictionaries."""
    table = pa.table({
        "l": pa.array([1, None, -2**63, 5], pa.int64()), "i": pa.array([7, 8, None, -2**31], pa.int32()), "c": pa.array([-128, 127, 0, None], pa.int8()),
        "b": pa.array([True, False, None, True]), "f": pa.array([0.5, None, -1.0, 2.0], pa.float32()), "u": pa.array(["ä", "", None, "zz"]),
        "z": pa.array([b"\x00\xff", b"", None, b"x"], pa.binary()), "s": pa.array([[1, -5], [], None, [32767]], pa.list_(pa.int16())),
        "g": pa.array([[0.5], None, [], [1.0, 2.0]], pa.list_(pa.float64())), "texts": pa.array([["a", ""], [], None, ["bc"]], pa.list_(pa.string())),
        "steps": pa.array([[[1, 2], []], [], None, [[3]]], pa.list_(pa.list_(pa.int64())))})
    flat = table.drop_columns(["steps"])
    for part in (flat, table):
        assert tfrecord.write(tmp_path / "x", part, "gzip") == 4
        batches = list(tfrecord.Batches(part.schema, rows=3).read(tmp_path / "x"))
        assert [b.num_rows for b in batches] == [3, 1]
        for batch in batches:
            batch.validate(full=True)
        assert pa.Table.from_batches(batches).equals(part)
        rows = list(tfrecord.read(tmp_path / "x"))
        for name in part.schema.names:
            assert [name in row for row in rows] == [value is not None for value in part[name].to_pylist()]
    assert [[list(step) for step in row["steps"]] if "steps" in row else None for row in rows] == table["steps"].to_pylist()
    sliced = flat.slice(1, 2)
    tfrecord.write(tmp_path / "y", sliced.append_column("d", pa.array(["p", "q"]).dictionary_encode()))
    schema = flat.schema.append(pa.field("d", pa.string()))
    assert pa.Table.from_batches(tfrecord.Batches(schema).read(tmp_path / "y")).equals(sliced.append_column("d", pa.array(["p", "q"])))


def test_columns_of_tensorflow():
    schema, malformed = tfrecord.survey([FILES / "plain.tfrecord", FILES / "zlib.tfrecord"], texts=True)
    assert malformed == 0 and {f.name: str(f.type) for f in schema} == {
        "größe": "float", "id": "int64", "nothing": "int64", "numbers": "list<item: float>", "texts": "list<item: binary>", "whole": "list<item: int64>"}
    table = tfrecord.read_table(FILES / "gzip.tfrecord")
    assert table["whole"].to_pylist() == [[-2**63, 2**63 - 1, -1, 0, 300]] * 4 and table["nothing"].null_count == 4 and table["id"].to_pylist() == [0, 1, 2, 3]
    assert [len(v) for v in table["numbers"].to_pylist()] == [0, 1, 2, 3] and table["numbers"][3].as_py()[2] == float(np.float32(3e-45))
    assert tfrecord.survey([FILES / "sequence.tfrecord"], texts=True)[0].field("words").type == pa.list_(pa.list_(pa.string()))


def test_malformed_records(tmp_path):
    """A wrong CRC, no example, a feature that does not fit, a file that is cut: each mode, and what is told."""
    good = [tfrecord.encode({"id": i, "x": [0.5] * i}) for i in range(3)]
    tfrecord.write_records(tmp_path / "x", [good[0], good[1], b"\xff\xff", tfrecord.encode({"id": [1, 2]}), tfrecord.encode({"id": "text"}), good[2], good[2]])
    content = bytearray((tmp_path / "x").read_bytes())
    content[16 + len(good[0]) + 13] ^= 1
    (tmp_path / "x").write_bytes(content[:-1])
    schema = pa.schema([("id", pa.int32()), ("x", pa.list_(pa.float32())), ("why", pa.string())])
    rows = pa.Table.from_batches(tfrecord.Batches(schema, "permissive", "why").read(tmp_path / "x"))
    assert rows["id"].to_pylist() == [0, None, None, None, None, 2, None] and rows["x"].to_pylist()[5] == [0.5, 0.5]
    why = rows["why"].to_pylist()
    at = 16 + len(good[0])
    assert why[0] is None and why[5] is None and why[1] == f"{tmp_path / 'x'}, record 1 at byte {at}: the CRC of the bytes is wrong"
    assert "record 2 at byte" in why[2] and why[3].endswith("the feature 'id' has 2 values, expected one") and why[4].endswith("the feature 'id' holds bytes, expected whole numbers")
    assert "record 6 at byte" in why[6] and "bytes are left" in why[6]
    raw = pa.Table.from_batches(tfrecord.Batches(schema.set(2, pa.field("why", pa.binary())), "permissive", "why").read(tmp_path / "x"))["why"].to_pylist()
    assert raw[2] == b"\xff\xff" and len(raw[1]) == len(good[1]) and raw[6] == b""
    assert pa.Table.from_batches(tfrecord.Batches(schema, "dropmalformed", "why").read(tmp_path / "x"))["id"].to_pylist() == [0, 2]
    with pytest.raises(errors.DataError, match=f"record 1 at byte {at}: the CRC of the bytes is wrong"):
        list(tfrecord.Batches(schema).read(tmp_path / "x"))
    with pytest.raises(errors.DataError, match="the column 'id' has bytes and numbers"):
        tfrecord.survey([tmp_path / "x"], strict=False)
    assert tfrecord.survey([tmp_path / "x"], limit=4, strict=False)[1] == 2
    for fields, says in ((("id", pa.int8()), "holds 1000, which does not fit into 8 bits"), (("t", pa.string()), "not UTF-8")):
        tfrecord.write(tmp_path / "y", [{"id": 1000, "t": b"\xff"}])
        with pytest.raises(errors.DataError, match=says):
            list(tfrecord.Batches(pa.schema([fields])).read(tmp_path / "y"))
    with pytest.raises(errors.DataError, match="'when' is timestamp"):
        tfrecord.Batches(pa.schema([("when", pa.timestamp("us"))]))
    for column, says in ((pa.array([0], pa.timestamp("us")), "Arrow type 'tsu:'"), (pa.array([[1, None]]), "a null inside a list"), (pa.array([2**63], pa.uint64()), "int64 has not")):
        with pytest.raises(errors.DataError, match=says):
            tfrecord.write(tmp_path / "z", pa.table({"c": column}))
        assert not (tmp_path / "z").exists()


def test_errors(tmp_path):
    whole = (FILES / "plain.tfrecord").read_bytes()
    (tmp_path / "cut").write_bytes(whole[:-1])
    with pytest.raises(errors.DataError, match=r"cut, record 3 at byte \d+: the length is \d+, but only \d+ bytes are left"):
        list(tfrecord.read(tmp_path / "cut"))
    (tmp_path / "bad").write_bytes(whole[:40] + b"\xaa" + whole[41:])
    with pytest.raises(errors.DataError, match="record 0 at byte 0: the CRC of the bytes is wrong"):
        list(tfrecord.read(tmp_path / "bad"))
    (tmp_path / "other").write_bytes(b"this is no TFRecord file")
    with pytest.raises(errors.DataError, match="a damaged TFRecord file, or none"):
        list(tfrecord.read(tmp_path / "other"))
    (tmp_path / "zip").write_bytes(zlib.compress(whole)[:-30])
    with pytest.raises(errors.DataError, match="of the unpacked bytes: the packed file is cut short"):
        list(tfrecord.read(tmp_path / "zip"))
    with pytest.raises(errors.FiresteelError, match="record 1: field 17"):
        tfrecord.write_records(tmp_path / "no", [b"", b"\x88\x01\x00"])
        list(tfrecord.read(tmp_path / "no"))
    with pytest.raises(errors.ModelFileError, match="cannot open"):
        list(tfrecord.read(tmp_path / "none"))
    for row, says in (({"x": 2**63}, "'x' is int of uint64"), ({"x": 1j}, "complex"), ({"x": [[1], [0.5]]}, "different kinds"), ({"x": {}}, "dict")):
        with pytest.raises(errors.UsageError, match=says):
            tfrecord.encode(row)
    with pytest.raises(errors.UsageError, match="expected None, 'gzip' or 'zlib'"):
        tfrecord.write(tmp_path / "w", [], "lz4")
    with pytest.raises(ZeroDivisionError):
        tfrecord.write(tmp_path / "w", ({"x": 1 // i} for i in (1, 0)))
    assert not (tmp_path / "w").exists() and not list(tmp_path.glob("*.tmp"))


# ---- events, read by a few lines of wire format ----

def fields(content):
    """[(number, value)] of a message."""
    at, found = 0, []

    def varint():
        nonlocal at
        value = shift = 0
        while True:
            byte = content[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value
    while at < len(content):
        tag = varint()
        if tag & 7 == 0:
            found.append((tag >> 3, varint()))
        else:
            size = {1: 8, 5: 4}.get(tag & 7) or varint()
            found.append((tag >> 3, content[at:at + size]))
            at += size
    return found


def events(folder):
    """The version, and [(tag, step, simple value or histogram)] of the one event file in a folder."""
    (path,) = folder.glob("events.out.tfevents.*.v2")
    version, found = None, []
    for record in tfrecord.records(path):
        event = dict(fields(record))
        if 3 in event:
            version = event[3]
            continue
        value = dict(fields(dict(fields(event[5]))[1]))
        found.append((value[1].decode(), event[2], struct.unpack("<f", value[2])[0] if 2 in value else fields(value[5])))
    return version, found


def test_tensorboard(tmp_path):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(64, 3)).astype("f"), rng.normal(size=(64, 1)).astype("f")
    model = fire.Sequential([fire.Input((3,)), fire.layers.Dense(4, "relu", name="a"), fire.layers.Dense(1, name="b")])
    model.compile(fire.optimizers.SGD(0.25), "mse", ["mae"])
    history = model.fit(x, y, epochs=3, validation_split=0.25, verbose=0, callbacks=[fire.callbacks.TensorBoard(tmp_path, histogram_freq=2)])
    version, train = events(tmp_path / "train")
    assert version == b"brain.Event:2"
    scalars = {(tag, step): value for tag, step, value in train if isinstance(value, float)}
    _, validation = events(tmp_path / "validation")
    for epoch in range(3):
        for name in ("loss", "mae"):
            assert scalars["epoch_" + name, epoch] == pytest.approx(history.history[name][epoch], rel=1e-6)
            assert ("epoch_" + name, epoch, pytest.approx(history.history["val_" + name][epoch], rel=1e-6)) in validation
        assert scalars["epoch_learning_rate", epoch] == 0.25
    pictures = {(tag, step): value for tag, step, value in train if not isinstance(value, float)}
    assert sorted(pictures) == [(f"{name}/histogram", step) for name in ("a/bias", "a/kernel", "b/bias", "b/kernel") for step in (0, 2)]
    kernel = model.layers[0].get_weights()[0].astype("f8")
    found = pictures["a/kernel/histogram", 2]
    low, high, count, total, squares = (struct.unpack("<d", value)[0] for _, value in found[:5])
    limits, buckets = (np.frombuffer(value, "<f8") for _, value in found[5:])
    assert (low, high, count) == (kernel.min(), kernel.max(), 12) and total == pytest.approx(kernel.sum()) and squares == pytest.approx((kernel**2).sum())
    assert buckets.sum() == 12 and len(limits) == len(buckets) == 30 and limits[-1] == high
    assert buckets.tolist() == np.histogram(kernel, 30)[0].tolist()
    with pytest.raises(errors.FiresteelError, match="update_freq"):
        fire.callbacks.TensorBoard(tmp_path, update_freq="batch")
