"""_program - tensor programs: a Python function over fire.ops, called once on placeholders, becomes an ONNX model that the engine runs.

A placeholder has a type and a shape, in which None stands for what is known only when the program runs: the rows of a block, and sizes in
which cells differ. Every operator is tried by the engine as it is written, on ones of two sets of sizes; a size that comes out different is
again an open one. So types and shapes that do not fit are found while Python runs the function.
"""
from __future__ import annotations

import dataclasses
import hashlib
import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from . import _core, _onnx, errors, ops

ROWS, OPEN = (31, 37), (41, 43)  # sizes that stand for the rows of a block, and for open sizes of cells
_WHOLE = re.compile(r"i\[\d+\]\{([-\d,]*)\}")
_PLACE = re.compile(r"^.*?\((\w+), opset \d+\): (?:\1: )?")
_FLOATS = ("float32", "float64")
_WHOLES = ("int8", "int16", "int32", "int64", "uint8")


class Tensor(ops.Tensor):
    """A placeholder, a constant, or what an operator gives."""

    def __init__(self, dtype: str, shapes: tuple[tuple[int, ...], tuple[int, ...]], op: str = "", inputs: Sequence[Tensor] = (), attrs: Mapping[str, Any] | None = None,
                 name: str = "", value: np.ndarray | None = None) -> None:
        super().__init__(WRITER, 0, _onnx.NUMBER.get(dtype, 0), [a if a == b else -1 for a, b in zip(*shapes)])
        self.name, self.value = name, value
        self.column = name  # of the table that the placeholder was made for
        self._dtype, self._shapes, self._op, self._inputs, self._attrs = dtype, shapes, op, tuple(inputs), dict(attrs or {})

    @property
    def dtype(self) -> str:
        """ "float64", "int64", "binary" ..."""
        return self._dtype

    def __repr__(self) -> str:
        return f"<Tensor {self.name + ' ' if self.name else ''}{self._dtype} {shown(self.shape)}>"


def shown(shape: Sequence[int | None]) -> str:
    """[?,2]"""
    return f"[{','.join('?' if n is None else str(n) for n in shape)}]"


def placeholder(name: str, dtype: str, shape: Sequence[int | None], block: bool) -> Tensor:
    """A value that the table gives; block: the first dimension is the rows."""
    sizes = [tuple((ROWS if block and d == 0 else OPEN)[k] if n is None else n for d, n in enumerate(shape)) for k in (0, 1)]
    return Tensor(dtype, (sizes[0], sizes[1]), name=name)


def constant(value: Any, like: str | None = None) -> Tensor:
    """Numbers as a tensor. What has no type of its own takes that of its company, `like`, if it can say it exactly; else int64 or float64, as Spark has Python's numbers."""
    array = np.asarray(value)
    own = isinstance(value, (np.ndarray, np.generic)) and array.ndim > 0
    if array.dtype.kind not in "biuf":
        raise errors.make(1001, f"{type(value).__name__} in a tensor program; expected a tensor or numbers")
    if not own:
        dtype = like if like in _onnx.NUMBER else None
        if dtype in _WHOLES and array.dtype.kind == "f" and not np.all(array == np.floor(array)) or dtype == "bool" and array.dtype.kind != "b":
            raise errors.make(1001, f"{value!r} meets a tensor of {dtype}; cast the tensor first: ops.cast(x, \"float64\")")
        if dtype in _WHOLES and array.size and not (np.iinfo(dtype).min <= array.min() and array.max() <= np.iinfo(dtype).max):
            raise errors.make(1001, f"{value!r} does not fit into {dtype}")
        array = array.astype(dtype or {"b": "bool", "f": "float64"}.get(array.dtype.kind, "int64"))
    if array.dtype.name not in _onnx.NUMBER:
        raise errors.make(1001, f"an array of {array.dtype.name} in a tensor program; expected one of {', '.join(_onnx.NUMBER)}")
    return Tensor(array.dtype.name, (array.shape, array.shape), value=np.asarray(array, order="C"))


class Writer(ops.Trace):
    """What fire.ops' functions write to: there is one, since a program is found from its outputs."""

    whole = True
    float_type = 11

    def __init__(self) -> None:
        """It keeps nothing."""

    def kind(self, value: Any) -> int:
        return value._kind if isinstance(value, Tensor) else self.float_type

    def tensor(self, value: Any, like: str | None = None) -> Tensor:
        """A value among the operands."""
        if isinstance(value, Tensor):
            if not value._kind:
                raise errors.make(1001, f"'{value.name}' is {value.dtype}; such a column can only be passed on as it is")
            return value
        if isinstance(value, ops.Tensor):
            raise errors.make(1001, "a tensor of another function")
        found = _WHOLE.fullmatch(value) if isinstance(value, str) else None
        if found:
            return constant(np.array([int(n) for n in found[1].split(",") if n], np.int64))
        return constant(value, like)

    def emit(self, op: str, *values: Any, truncate: bool = False, **attrs: Any) -> Tensor:
        company = values[1:] if op == "Where" else values
        like = next((v.dtype for v in company if isinstance(v, Tensor)), None)
        tensors = [self.tensor(v, like) for v in values]
        if op == "Float":
            op, attrs = "Cast", {"to": _onnx.NUMBER["float32"]}
        if op in ("Div", "ReduceMean") and not truncate and all(t.dtype in _WHOLES for t in tensors[:2 if op == "Div" else 1]):
            tensors = [self.emit("Cast", t, to=_onnx.NUMBER["float64"]) if k < (2 if op == "Div" else 1) else t for k, t in enumerate(tensors)]
        found = [_try(op, tensors, attrs, k) for k in (0, 1)]
        return Tensor(found[0][0], (found[0][1], found[1][1]), op, tensors, attrs)


WRITER = Writer()


def _try(op: str, tensors: Sequence[Tensor], attrs: Mapping[str, Any], sizes: int) -> tuple[str, tuple[int, ...]]:
    """Type and shape of what the engine gives for one operator on ones (zeros, where they are places)."""
    # Places in a tensor must lie in it, so they are 0; anything else is 1, by which one may divide.
    names, arrays, inputs, constants = [], [], [], []
    for k, t in enumerate(tensors):
        name = f"i{k}"
        names.append(name)
        if t.value is not None:
            constants.append(_onnx.tensor(name, t.value))
            continue
        inputs.append(_onnx.port(name, t.dtype))
        if t._op == "Shape":
            arrays.append((name, np.array(t._inputs[0]._shapes[sizes], np.int64)))
            continue
        arrays.append((name, (np.zeros if k == 1 and op.startswith(("Gather", "Scatter", "OneHot")) else np.ones)(t._shapes[sizes], t.dtype)))
    content = _onnx.model([_onnx.node(op, names, "y", attrs)], constants, inputs, [_onnx.port("y", "float32")])
    try:
        net = _core.Network.load_bytes(ops._context(), content)
        ((_, (kind, shape, _)),) = net.run([name for name, _ in arrays], [array for _, array in arrays], [0] * len(arrays))
    except errors.FiresteelError as error:
        told = [t for t in tensors if len(t._shapes[0]) or t.value is None] or list(tensors)
        what = " and ".join(f"{t.name or ''} {t.dtype}{shown(t.shape)}".strip() for t in told)
        reason = _PLACE.sub("", error.message)
        if any(None in t.shape for t in tensors):
            reason = re.sub(rf"\b({'|'.join(map(str, (*ROWS, *OPEN)))})\b", "?", reason)
        mixed = len({t.dtype for t in tensors if t.dtype != "bool"}) > 1 and "differ" in reason
        hint = "; types are never changed silently: ops.cast(x, \"float64\") changes one" if mixed else \
            "; sizes of cells that are not known (?) are found by analyze(df)" if any(None in t.shape[1:] for t in tensors) else ""
        raise errors.make(1002, f"{op} of {what}: {reason}{hint}") from None
    if kind not in _onnx.NAME:
        raise errors.make(1005, f"{op} gives a type that columns do not have ({kind})")
    return _onnx.NAME[kind], tuple(shape)


@dataclasses.dataclass(frozen=True)
class Program:
    """A model, with what goes into it and comes out. Plain values, so that a task can build it from its fields.

    inputs   (placeholder, the model's name for it, type, shape) in the order of the placeholders
    outputs  (name, the model's name for it, type, shape) in the order they were given; an output whose model's name is "" is a placeholder passed on,
             and its type the placeholder's name
    """

    key: str
    model: bytes
    inputs: tuple[tuple[str, str, str, tuple[int | None, ...]], ...]
    outputs: tuple[tuple[str, str, str, tuple[int | None, ...]], ...]


def build(outputs: Mapping[str, Any]) -> tuple[Program, list[Tensor]]:
    """The program that computes these tensors (or numbers), and the placeholders that it needs."""
    tensors: dict[str, Tensor] = {}
    for name, value in outputs.items():
        if not isinstance(name, str) or not name:
            raise errors.make(1001, f"an output is called {name!r}; expected a name for its column")
        if isinstance(value, ops.Tensor) and not isinstance(value, Tensor):
            raise errors.make(1001, f"output '{name}' is a tensor of another function")
        tensors[name] = value if isinstance(value, Tensor) else constant(value)
    number: dict[int, str] = {}
    given: list[Tensor] = []
    nodes: list[bytes] = []
    constants: list[bytes] = []
    read: set[int] = set()  # what operators take: a placeholder that is only passed on is no input of the model
    todo: list[tuple[Tensor, bool]] = [(t, False) for t in reversed(list(tensors.values()))]
    while todo:
        t, ready = todo.pop()
        if id(t) in number:
            continue
        if t._op and not ready:
            todo.append((t, True))
            todo.extend((i, False) for i in reversed(t._inputs))
            continue
        own = number[id(t)] = f"t{len(number)}"
        if t._op:
            read.update(id(i) for i in t._inputs)
            nodes.append(_onnx.node(t._op, [number[id(i)] for i in t._inputs], own, t._attrs))
        elif t.value is not None:
            constants.append(_onnx.tensor(own, t.value))
        else:
            given.append(t)
    ports: list[bytes] = []
    made: list[tuple[str, str, str, tuple[int | None, ...]]] = []
    for k, (name, t) in enumerate(tensors.items()):
        if not t._op and t.value is None:
            made.append((name, "", t.name, t.shape))
            continue
        nodes.append(_onnx.node("Identity", [number[id(t)]], f"o{k}", {}))
        ports.append(_onnx.port(f"o{k}", t.dtype))
        made.append((name, f"o{k}", t.dtype, t.shape))
    fed = [t for t in given if id(t) in read]
    model = _onnx.model(nodes, constants, [_onnx.port(number[id(t)], t.dtype) for t in fed], ports) if ports else b""
    inputs = tuple((t.name, number[id(t)] if id(t) in read else "", t.dtype, t.shape) for t in given)
    return Program(hashlib.sha256(model).hexdigest(), model, inputs, tuple(made)), given


def parameters(function: Callable[..., Any]) -> list[str]:
    """Names of a program's placeholders: the function's arguments."""
    found = inspect.signature(function).parameters.values()
    if any(p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD) for p in found):
        raise errors.make(1001, f"{_name(function)}: * and ** among the arguments of a tensor program; name them after columns")
    return [p.name for p in found if p.default is p.empty]


def trace(function: Callable[..., Any], placeholders: Sequence[Tensor]) -> dict[str, Any]:
    """Call the function once: its outputs by name."""
    positional = [p for p in inspect.signature(function).parameters.values() if p.default is p.empty]
    args = [t for t, p in zip(placeholders, positional) if p.kind is not p.KEYWORD_ONLY]
    named = {p.name: t for t, p in zip(placeholders, positional) if p.kind is p.KEYWORD_ONLY}
    result = function(*args, **named)
    if not isinstance(result, dict) or not result:
        raise errors.make(1001, f"{_name(function)} gave {type(result).__name__}; expected a dict that names the outputs, as in {{\"z\": x + 3.0}}")
    return result


def _name(function: Callable[..., Any]) -> str:
    return getattr(function, "__name__", None) or type(function).__name__
