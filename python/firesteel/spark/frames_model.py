"""frames_model - an ONNX or TensorFlow graph, or a model, as a tensor program: its inputs are placeholders, its outputs columns."""
from __future__ import annotations

import hashlib
import os
from typing import Any, NamedTuple, Optional, Sequence

import numpy

from .. import _core, _onnx, errors
from .._program import Program
from .._context import context
from ..models import Model, load
from .cells import Cell, Shape
from .errors import fail

_ROWS, _OPEN = (2, 3), (5, 7)  # sizes to try where a model does not say what shape an output has


class Graph(NamedTuple):
    """A model that runs by name. Of inputs, and of outputs before outputs_for, the shape is None where the file does not say it, and of such outputs the
    type "", which TensorFlow's graphs never say."""

    program: Program
    each: bool   # its layers compute rows independently

    def outputs_for(self, cells: Sequence[Cell], blocks: bool, who: str) -> Program:
        """The program, its outputs' types and shapes known: from the file, or else by running it on zeros."""
        known: dict[str, tuple[str, Shape]] = {inner: (dtype, tuple(shape)) for _, inner, dtype, shape in self.program.outputs if dtype and shape is not None}
        missing = [(name, inner) for name, inner, _, _ in self.program.outputs if inner not in known]
        if missing:
            net = _core.Network.load_bytes(context(), self.program.model)
            tried = [_run(net, self.program, cells, blocks, k) for k in (0, 1)]
            for name, inner in missing:
                (kind, a), (_, b) = (t[inner] for t in tried)
                known[inner] = _dtype(kind, name, who), tuple(n if n == m else None for n, m in zip(a, b))
        made = tuple((name, inner, *known[inner]) for name, inner, _, _ in self.program.outputs)
        return Program(self.program.key, self.program.model, self.program.inputs, made)


def _run(net: Any, program: Program, cells: Sequence[Cell], blocks: bool, k: int) -> dict[str, tuple[int, tuple[int, ...]]]:
    arrays = []
    for (_, _, dtype, shape), held in zip(program.inputs, cells):
        cell = tuple(_OPEN[k] if n is None else n for n in held.shape)
        arrays.append(numpy.zeros((_ROWS[k], *cell) if blocks else cell, dtype))
    return {name: (kind, tuple(shape)) for name, (kind, shape, _) in net.run([inner for _, inner, _, _ in program.inputs], arrays, [0] * len(arrays))}


def _content(fetches: Any, who: str) -> bytes:
    if isinstance(fetches, Model):
        if not fetches.built:
            raise fail(1006, f"{who}: the model has no shape yet; begin it with an Input or build it")
        return bytes(fetches._net.save_bytes())
    if isinstance(fetches, bytes):
        return fetches
    path = os.fspath(fetches)
    if os.path.isfile(path):
        with open(path, "rb") as file:
            return file.read()
    return bytes(load(path)._net.save_bytes())


def graph_of(fetches: Any, who: str) -> Graph:
    """A path, bytes or a model as a program. Placeholders and outputs are called as inputs and outputs of its layers, or as in the file, but for
    TensorFlow's ":0"."""
    content = _content(fetches, who)
    net = _core.Network.load_bytes(context(), content)
    own: list[list[str]] = [[], []]
    layers = not net.ports(False) and not net.ports(True)
    if layers:
        own = [[part[0] for part in net.parts(output)] for output in (False, True)]
        content = _onnx.without_metadata(content)
        net = _core.Network.load_bytes(context(), content)
    ports = [[(name, _dtype(kind, name, who) if kind or not output else "", _shape(shape)) for name, kind, shape in net.ports(output)] for output in (False, True)]
    if not ports[1]:
        raise errors.make(1005, f"{who}: this model does not run by the names of its inputs")
    inputs, outputs = (tuple((called, name, dtype, shape) for called, (name, dtype, shape) in zip(_called(p, o), p)) for p, o in zip(ports, own))
    return Graph(Program(hashlib.sha256(content).hexdigest(), content, inputs, outputs), layers)  # type: ignore[arg-type]


def _called(ports: Sequence[tuple[str, str, Optional[Shape]]], own: Sequence[str]) -> list[str]:
    """What the ports are called outside: as the model's layers are, or as they are in the file."""
    return list(own) if len(own) == len(ports) else [_plain(name) for name, _, _ in ports]


def _plain(name: str) -> str:
    return name[:-2] if name.endswith(":0") else name


def _dtype(kind: int, name: str, who: str) -> str:
    if kind not in _onnx.NAME:
        raise fail(2002, f"{who}: '{name}' of the model is no tensor of numbers that a column could hold")
    return _onnx.NAME[kind]


def _shape(shape: Sequence[int]) -> Optional[Shape]:
    """The engine reports rank 0 also for what has no shape."""
    return tuple(None if n < 0 else int(n) for n in shape) or None
