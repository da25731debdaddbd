"""Variables that a graph of TensorFlow changes while it runs, and which tensors are its outputs, against what TensorFlow 2.21 computed (tests/tensorflow_files/make_state.py)."""
import shutil
import struct
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

import firesteel as fire

FILES = Path(__file__).resolve().parents[1] / "tensorflow_files"


def kept(name):
    with np.load(FILES / f"{name}.npz") as z:
        arrays = {k: z[k] for k in z.files}
    return {k[5:]: v for k, v in arrays.items() if k.startswith("feed|")}, {k: v for k, v in arrays.items() if not k.startswith("feed|")}


def compare(got, expected):
    assert sorted(got) == sorted(expected)
    for name, want in expected.items():
        assert got[name].dtype == want.dtype and got[name].shape == want.shape
        np.testing.assert_allclose(got[name], want, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["state_refs", "state_handles"])
def test_variables_that_change(name):
    feeds, expected = kept(name)
    model = fire.load(FILES / f"{name}.pb", outputs=sorted(expected))
    if name == "state_handles":  # operators that only change a handle give nothing
        compare(fire.load(FILES / f"{name}.pb").run(feeds), expected)
    for _ in range(2):  # a run leaves the model as it was
        compare(model.run(feeds), expected)


def test_an_order_that_is_open():
    feeds, _ = kept("state_refs")
    with pytest.raises(fire.FiresteelError, match="no order says whether before or after"):
        fire.load(FILES / "state_open.pb", outputs=["sum"]).run(feeds)


def test_parts_of_constants_in_a_loop():
    feeds, expected = kept("state_trips")  # 400 MB, if each trip kept its own
    compare(fire.load(FILES / "state_trips.pb", outputs=["z"]).run(feeds), expected)


def test_outputs_that_nobody_reads():
    feeds, expected = kept("ends_several")
    compare(fire.load(FILES / "ends_several.pb").run(feeds), expected)


def test_outputs_by_name():
    feeds, expected = kept("ends_inner")
    compare(fire.load(FILES / "ends_inner.pb").run(feeds), {"out": expected["out"]})
    compare(fire.load(FILES / "ends_inner.pb", outputs=sorted(expected)).run(feeds), expected)


def test_a_node_inside_is_fed():
    halves = np.arange(6, dtype="float32").reshape(2, 3)
    got = fire.load(FILES / "ends_inner.pb", inputs=["halves"], outputs=["out"]).run({"halves": halves})
    np.testing.assert_array_equal(got["out"], halves + 1)


def number(v):
    out = bytearray()
    while v > 127:
        out.append(v & 127 | 128)
        v >>= 7
    return bytes(out + bytes([v]))


def with_trailer(block, kind):
    crc = 0xFFFFFFFF
    for byte in block + bytes([kind]):
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    crc ^= 0xFFFFFFFF
    return block + struct.pack("<BI", kind, ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)


def read_number(data, at):
    v = shift = 0
    while True:
        v |= (data[at] & 127) << shift
        shift, at = shift + 7, at + 1
        if data[at - 1] < 128:
            return v, at


def test_an_index_that_is_compressed(tmp_path):
    """As TensorFlow once wrote them, by Snappy."""
    arrays = dict(np.load(FILES / "sm1.npz"))
    shutil.copytree(FILES / "sm1", tmp_path / "sm1")
    path = next((tmp_path / "sm1" / "variables").glob("*.index"))
    old = path.read_bytes()
    at = len(old) - 48
    for _ in range(2):  # the place and size of the block that nobody reads, and of the index of blocks
        offset, at = read_number(old, at)
        size, at = read_number(old, at)
    _, at = read_number(old, offset)
    own, at = read_number(old, at)
    _, at = read_number(old, at)
    key, at = old[at : at + own], at + own
    begin, at = read_number(old, at)
    length, _ = read_number(old, at)
    data = pa.Codec("snappy").compress(old[begin : begin + length], asbytes=True)
    handle = number(0) + number(len(data))
    last = bytes([0]) + number(len(key)) + number(len(handle)) + key + handle + struct.pack("<II", 0, 1)
    new = with_trailer(data, 1)
    footer = (number(0) + number(0) + number(len(new)) + number(len(last))).ljust(40, b"\0") + old[-8:]
    path.write_bytes(new + with_trailer(last, 0) + footer)
    got = fire.load(tmp_path / "sm1").run({"x": arrays["x"]})
    np.testing.assert_allclose(got["y"], arrays["y"], rtol=1e-5)
    path.write_bytes(with_trailer(data[:-3], 1) + with_trailer(last.replace(number(len(data)), number(len(data) - 3)), 0) + footer[:2] + number(len(new) - 3) + footer[2 + len(number(len(new))) :])
    with pytest.raises(fire.FiresteelError, match="compressed block"):
        fire.load(tmp_path / "sm1").run({"x": arrays["x"]})
