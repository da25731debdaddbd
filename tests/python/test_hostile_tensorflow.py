"""TensorFlow files that mean harm, cut or bent: each gives numbers or an error of firesteel's in printable text, within memory of four times the file plus
64 MiB. test_hostile_memory.py measures that."""
from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from test_hostile_onnx import NUMPY, field

from firesteel import _core, errors

FILES = Path(__file__).resolve().parents[1] / "tensorflow_files"
GRAPHS = ["v1_condloop", "v2_nest", "layers_module"]
HUGE = 1 << 62


def number(n: int, value: int) -> bytes:
    out = bytes([n << 3])
    value &= (1 << 64) - 1
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def attr(key: str, value: bytes) -> bytes:
    return field(5, field(1, key.encode()) + field(2, value))


def node(name: str | bytes, op: str | bytes, inputs: list[str], *attrs: bytes) -> bytes:
    raw = [text if isinstance(text, bytes) else text.encode() for text in (name, op, *inputs)]
    return field(1, field(1, raw[0]) + field(2, raw[1]) + b"".join(field(3, i) for i in raw[2:]) + b"".join(attrs))


FLOAT, INT = attr("T", number(6, 1)), attr("T", number(6, 9))


def shape(dims: list[int]) -> bytes:
    return b"".join(field(2, number(1, d)) for d in dims)


def placeholder(name: str = "x", dims: tuple[int, ...] = (-1, 4)) -> bytes:
    return node(name, "Placeholder", [], attr("dtype", number(6, 1)), attr("shape", field(7, shape(list(dims)))))


def const(name: str, kind: int, dims: list[int], content: bytes) -> bytes:
    return node(name, "Const", [], attr("dtype", number(6, kind)), attr("value", field(8, number(1, kind) + field(2, shape(dims)) + content)))


def whole(name: str, values: list[int]) -> bytes:
    return const(name, 9, [len(values)], field(4, np.asarray(values, "<i8").tobytes()))


def function(name: str, body: bytes, result: str) -> bytes:
    """A function of one float, `body` being its nodes with field number 3."""
    return field(1, field(1, field(1, name.encode()) + field(2, field(1, b"a") + number(3, 1)) + field(3, field(1, b"r") + number(3, 1))) + body
                            + field(4, field(1, b"r") + field(2, result.encode())))


def library(*functions: bytes) -> bytes:
    return field(2, b"".join(functions))


def inner(content: bytes) -> bytes:
    """Nodes of a graph as those of a function."""
    return content.replace(content[:1], b"\x1a", 1)


def call(name: str, f: str, inputs: list[str]) -> bytes:
    return node(name, "PartitionedCall", inputs, attr("f", field(10, field(1, f.encode()))), attr("Tin", field(1, number(6, 1))), attr("Tout", field(1, number(6, 1))))


def cases() -> Iterator[tuple[str, bytes, str]]:
    x = placeholder()
    yield "dimensions", x + const("w", 1, [1 << 40, 1 << 40], field(4, b"1234")) + node("y", "Add", ["x", "w"], FLOAT), "'w' .*impossible|impossible shape|no size"
    yield "one number for 2^40", x + const("w", 1, [1 << 40], field(5, b"\0\0\x80\x3f")) + node("y", "Add", ["x", "w"], FLOAT), "more than its file allows|limit"
    yield "negative", x + const("w", 1, [-4], field(4, b"1234")) + node("y", "Add", ["x", "w"], FLOAT), "negative"
    yield "cycle", x + node("a", "Add", ["x", "b"], FLOAT) + node("b", "Relu", ["a"], FLOAT) + node("y", "Relu", ["b"], FLOAT), "itself|circle"
    yield "itself", x + node("y", "Relu", ["y"], FLOAT) + node("z", "Relu", ["y"], FLOAT), "itself|circle"
    yield "nothing of that name", x + node("y", "Relu", ["nobody"], FLOAT), "nobody"
    yield "twice", x + node("y", "Relu", ["x"], FLOAT) + node("y", "Tanh", ["x"], FLOAT), "twice"
    yield "Fill", x + whole("w", [HUGE, 4]) + const("v", 1, [], field(5, b"\0\0\x80\x3f")) + node("y", "Fill", ["w", "v"], FLOAT), "'y' \\(Fill|limit"
    yield "Fill, 2^40", x + whole("w", [1 << 40]) + const("v", 1, [], field(5, b"\0\0\x80\x3f")) + node("y", "Fill", ["w", "v"], FLOAT), "'y' \\(Fill|limit"
    yield "Tile", x + whole("w", [1 << 40, 1 << 40]) + node("y", "Tile", ["x", "w"], FLOAT), "'y' \\(Tile|limit"
    yield "Reshape", x + whole("w", [1 << 40, 1 << 40]) + node("y", "Reshape", ["x", "w"], FLOAT), "'y' \\(Reshape|limit"
    yield "BroadcastTo", x + whole("w", [1 << 30, 1 << 30, 4]) + node("y", "BroadcastTo", ["x", "w"], FLOAT), "'y' \\(BroadcastTo|limit"
    yield "Pad", x + const("w", 9, [2, 2], field(4, np.full(4, HUGE, "<i8").tobytes())) + node("y", "Pad", ["x", "w"], FLOAT), "'y' \\(Pad|limit"
    doubling = b"".join(node(f"t{i + 1}", "ConcatV2", [f"t{i}", f"t{i}", "axis"], FLOAT) for i in range(40))
    axis = const("axis", 3, [], number(7, 1))
    yield "doubling", x + axis + node("t0", "Relu", ["x"], FLOAT) + doubling, "limit|too large"
    yield "doubling of constants", x + axis + const("t0", 1, [1, 4], field(5, b"\0\0\x80\x3f")) + doubling, "limit|too large"
    yield "range", x + const("a", 9, [], number(10, 0)) + const("b", 9, [], number(10, HUGE)) + const("c", 9, [], number(10, 1)) + node("y", "Range", ["a", "b", "c"], attr("Tidx", number(6, 9))), "'y' \\(Range|limit"
    yield "a function that calls itself", x + call("y", "f", ["x"]) + library(function("f", inner(call("g", "f", ["a"])), "g:output:0")), "calls itself"
    nested = library(*(function(f"f{i}", inner(call("g", f"f{i + 1}", ["a"])), "g:output:0") for i in range(100)), function("f100", inner(node("g", "Relu", ["a"], FLOAT)), "g:activations:0"))
    yield "a hundred calls deep", x + call("y", "f0", ["x"]) + nested, "inside each other"
    fork = library(*(function(f"f{i}", inner(call("g", f"f{i + 1}", ["a"])) + inner(call("h", f"f{i + 1}", ["g:output:0"])), "h:output:0") for i in range(30)), function("f30", inner(node("g", "Relu", ["a"], FLOAT)), "g:activations:0"))
    yield "2^30 calls", x + call("y", "f0", ["x"]) + fork, "limit|trips of loops counted|memory"
    yield "no such function", x + call("y", "nowhere", ["x"]), "lacks|not supported|nowhere"
    loop = node("y", "While", ["x"], attr("cond", field(10, field(1, b"c"))), attr("body", field(10, field(1, b"b"))), attr("T", field(1, number(6, 1))))
    always = function("c", inner(node("g", "Const", [], attr("dtype", number(6, 10)), attr("value", field(8, number(1, 10) + field(2, b"") + number(11, 1))))), "g:output:0")
    yield "a loop without end", x + loop + library(always, function("b", inner(node("g", "Relu", ["a"], FLOAT)), "g:activations:0")), "trips of loops counted|limit|memory"
    yield "names that are no UTF-8", x + node(b"\xc3\x28\x00\xed", b"R\xff\n\x1b", ["x"], FLOAT), r"\\xC3\(\\x00\\xED"
    yield "many inputs", x + node("y", "AddN", ["x"] * 20000, FLOAT, attr("N", number(3, 20000))), "'y' \\(AddN|limit|memory|trips"
    yield "pooling", placeholder(dims=(-1, 4, 4, 1)) + node("y", "MaxPool", ["x"], FLOAT, attr("ksize", field(1, b"".join(number(3, k) for k in (1, 1 << 40, 1 << 40, 1)))),
                                                       attr("strides", field(1, b"".join(number(3, 1) for _ in range(4)))), attr("padding", field(2, b"SAME"))), "'y' \\(MaxPool|limit"
    variable = node("v", "VariableV2", [], attr("dtype", number(6, 1)), attr("shape", field(7, shape([4]))))
    yield "not frozen", x + variable + node("y", "BroadcastGradientArgs", ["x", "v"], FLOAT), "'v' .*without a value: freeze"
    chain = range(80)
    adds = b"".join(node(f"a{i}", "AssignAdd", [f"a{i - 1}" if i else "v0", "x"], FLOAT) for i in chain)
    yield "eighty changes", x + variable + node("v0", "Assign", ["v", "x"], FLOAT) + adds, "too many"
    one = const("one", 1, [1], field(5, b"\0\0\x80\x3f"))
    yield "sparse", x + one + const("at", 9, [1, 2], field(4, bytes(16))) + whole("w", [HUGE, HUGE]) + whole("to", [-1]) + node("y", "SparseReshape", ["at", "w", "to"]), "'y' \\(SparseReshape"
    yield "sparse rows", x + one + const("at", 9, [1, 2], field(4, bytes(16))) + whole("w", [1 << 50, 2]) + const("d", 1, [], field(5, bytes(4))) + node("y", "SparseFillEmptyRows", ["at", "one", "w", "d"], FLOAT), "'y' \\(SparseFillEmptyRows|limit"
    yield "sound", placeholder(dims=(-1, 1)) + node("y", "AudioSpectrogram", ["x"], attr("window_size", number(3, 1 << 40)), attr("stride", number(3, 1))), "'y' \\(AudioSpectrogram"
    eight = const("t", 1, [1, 8], field(4, bytes(32)))
    yield "pictures", placeholder(dims=(-1, 4, 4, 1)) + eight + const("w", 3, [2], field(4, np.full(2, (1 << 31) - 1, "<i4").tobytes())) + node("y", "ImageProjectiveTransformV2", ["x", "t", "w"], attr("dtype", number(6, 1)), attr("interpolation", field(2, b"BILINEAR"))), "'y' \\(ImageProjectiveTransformV2"
    boxes = const("b", 1, [1, 2, 1, 4], field(4, bytes(32))) + const("s", 1, [1, 2, 1], field(4, bytes(8))) + const("k", 3, [], number(7, (1 << 31) - 1)) + const("l", 1, [], field(5, bytes(4)))
    yield "boxes", x + boxes + node("y", "CombinedNonMaxSuppression", ["b", "s", "k", "k", "l", "l"]), "'y' \\(CombinedNonMaxSuppression"


ALL = list(cases())


def run(net: _core.Network) -> None:
    names, arrays = [], []
    for name, kind, sizes in net.ports(False):
        sizes = tuple(2 if d is None or d < 0 else d for d in sizes)
        if kind not in NUMPY or np.prod(sizes, dtype=float) > 1 << 16:
            return
        names.append(name)
        arrays.append(np.zeros(sizes, NUMPY[kind]))
    net.run(names, arrays, [0] * len(names))


def limited(size: int) -> _core.Context:
    context = _core.Context()
    context.set_limits(4 * size + (64 << 20), 1 << 30)
    return context


def load_and_run(content: bytes) -> None:
    run(_core.Network.load_bytes(limited(len(content)), content))


@pytest.mark.parametrize("which", range(len(ALL)), ids=[name for name, _, _ in ALL])
def test_what_is_hostile_is_refused(which: int) -> None:
    _, content, says = ALL[which]
    with pytest.raises(errors.FiresteelError, match=says) as caught:
        load_and_run(content)
    assert str(caught.value).isascii() and str(caught.value).replace("\n", " ").isprintable()


def bent(content: bytes, count: int, seed: int) -> Iterator[bytes]:
    """A file cut at `count` places, and with bits of it turned as often."""
    rng = np.random.default_rng(seed)
    for cut in sorted({int(v) for v in np.linspace(0, len(content) - 1, count)}):
        yield content[:cut]
    for _ in range(count):
        changed = bytearray(content)
        for at in rng.integers(len(content), size=rng.integers(1, 4)):
            changed[at] ^= 1 << int(rng.integers(8))
        yield bytes(changed)


@pytest.mark.parametrize("name", GRAPHS)
def test_graphs_cut_and_bent(name: str) -> None:
    content = (FILES / f"{name}.pb").read_bytes()
    load_and_run(content)
    failed = 0
    for changed in bent(content, 50, 7):
        try:
            load_and_run(changed)
        except errors.FiresteelError as problem:
            failed += 1
            assert str(problem).isascii()
    assert failed > 25


@pytest.mark.parametrize("part", ["saved_model.pb", "variables/variables.index", "variables/variables.data-00000-of-00001"])
def test_saved_models_cut_and_bent(part: str, tmp_path: Path) -> None:
    shutil.copytree(FILES / "layers_module", tmp_path / "m")
    file = tmp_path / "m" / part
    content, size = file.read_bytes(), sum(f.stat().st_size for f in (tmp_path / "m").rglob("*") if f.is_file())
    failed = 0
    for changed in bent(content, 60, 8):
        file.write_bytes(changed)
        try:
            run(_core.Network.load(limited(size), str(tmp_path / "m"), (), (), None))
        except errors.FiresteelError as problem:
            failed += 1
            assert str(problem).isascii()
    assert failed > 30
