"""ops - keras.ops by name, over tensors of a model that is being written: for custom layers and losses, and for tensor programs on tables.

The functions compute nothing. Inside a custom layer's `call` or a custom loss they write a program of the engine's operators, which then runs
in C, is differentiated, and is saved with the model. On the tensors of a Model they make a layer: `ops.add(a, b)`, or `a + b`. In a program of
firesteel.spark.frames they compute on columns.

Shapes have None for the batch, which comes first and is never reduced: the engine sees a batch in parts. A program of frames sees blocks of rows
whole, and may reduce them.
"""
from __future__ import annotations

import builtins
import functools
from collections.abc import Callable, Sequence
from typing import Any, TypeVar, cast as cast_type

import numpy as np

from . import _core, _graph as graph, errors
from ._context import context
from ._text import attrs_text

_TYPES = {"float32": 1, "float64": 11, "bool": 9, "int16": 5, "int32": 6, "int64": 7, "uint8": 2, "int8": 3}
_NAMES = {number: name for name, number in _TYPES.items()}
_Made = TypeVar("_Made", bound=Callable[..., Any])


class Tensor(graph.Arithmetic):
    """A value of the program that is being written."""

    def __init__(self, trace: Trace, number: int, kind: int, shape: Sequence[int]) -> None:
        self._trace, self._number, self._kind = trace, number, kind
        self.shape: tuple[int | None, ...] = tuple(None if n < 0 else n for n in shape)

    @property
    def dtype(self) -> str:
        """ "float32", "int64" ..."""
        return _NAMES.get(self._kind, str(self._kind))

    @property
    def ndim(self) -> int:
        """Number of dimensions, the batch included."""
        return len(self.shape)

    def __repr__(self) -> str:
        return f"<Tensor {self.dtype} {list(self.shape)}>"


class Weight(graph.Arithmetic):
    """A weight of a custom layer, as its call sees it."""

    def __init__(self, name: str, shape: Sequence[int], attrs: dict[str, Any]) -> None:
        self.name, self.shape, self._attrs = name, tuple(shape), attrs


class Trace:
    """A program as it is written: its inputs are numbered first, then the weights, then what each statement gives."""

    whole = False  # whether dimensions whose size is open may be worked along; here they are the batch

    def __init__(self, float_type: int, inputs: Sequence[tuple[int, Sequence[int]]], weights: Sequence[Weight] = ()) -> None:
        self.float_type = float_type
        self.lines: list[str] = []
        self.given = [*inputs, *((float_type, weight.shape) for weight in weights)]
        self.inputs = [Tensor(self, i, kind, shape) for i, (kind, shape) in enumerate(inputs)]
        self.weights = {id(weight): Tensor(self, len(inputs) + i, float_type, weight.shape) for i, weight in enumerate(weights)}

    def operand(self, value: Any, like: int | None = None) -> str:
        """A tensor's number, or a Python number as a constant; `like` is the type of its company."""
        if isinstance(value, Weight):
            if id(value) not in self.weights:
                raise errors.make(1001, f"weight {value.name} belongs to another layer")
            value = self.weights[id(value)]
        if isinstance(value, Tensor):
            if value._trace is not self:
                raise errors.make(1001, "a tensor of another function")
            return str(value._number)
        if hasattr(value, "__index__") and like in (6, 7):
            return f"i[1]{{{int(value)}}}"
        if hasattr(value, "__float__"):
            return f"f{{{float(value)!r}}}"
        array = np.asarray(value)
        if array.dtype.kind in "biuf":
            kind = self.float_type if array.dtype.kind == "f" else 9 if array.dtype.kind == "b" else 7
            numbers = (repr(float(n)) if kind == self.float_type else str(int(n)) for n in array.ravel().tolist())
            return f"t{kind}[{','.join(map(str, array.shape))}]{{{','.join(numbers)}}}"
        raise errors.make(1001, f"{type(value).__name__}; expected a tensor or a number")

    def emit(self, op: str, *values: Any, truncate: bool = False, **attrs: Any) -> Tensor:
        """Write one statement. Texts among the values are constants as they stand. truncate: whole numbers are divided without a rest."""
        like = next((self.kind(v) for v in values if isinstance(v, (Tensor, Weight))), None)
        operands = ",".join(v if isinstance(v, str) else self.operand(v, like) for v in values)
        line = " ".join(part for part in (op, operands, attrs_text(attrs)) if part)
        (kind, shape), = _core.function_shapes(_context(), self.float_type, ";".join([*self.lines, line]), [(k, [-1 if n is None else n for n in s]) for k, s in self.given])
        self.lines.append(line)
        return Tensor(self, len(self.given) + len(self.lines) - 1, kind, shape)

    def kind(self, value: Any) -> int:
        """The engine's number of a value's type."""
        return value._kind if isinstance(value, Tensor) else self.float_type

    def body(self, outputs: Sequence[Any]) -> str:
        """The program's text."""
        return ";".join([*self.lines, "out " + ",".join(self.operand(o) for o in outputs)])


def _context() -> _core.Context:
    return context()


def whole(values: Sequence[int]) -> str:
    """A constant of whole numbers."""
    return f"i[{len(values)}]{{{','.join(str(int(v)) for v in values)}}}"


def trace(function: Callable[..., Any], float_type: int, inputs: Sequence[tuple[int, Sequence[int]]], weights: Sequence[Weight], who: str) -> tuple[str, int]:
    """Run a Python function once on tensors of these types and shapes (-1: the batch): its program, and how many outputs it has."""
    written = Trace(float_type, inputs, weights)
    result = function(*written.inputs)
    outputs = list(result) if isinstance(result, (list, tuple)) else [result]
    if not outputs or not builtins.all(isinstance(o, (Tensor, Weight)) for o in outputs):
        raise errors.make(1001, f"{who}: gave {type(result).__name__}; expected what functions of fire.ops give")
    return written.body(outputs), len(outputs)


def _of(values: Any) -> Trace | None:
    """The program that tensors among the values belong to."""
    for value in values:
        if isinstance(value, Tensor):
            return value._trace
        if isinstance(value, (list, tuple)) and (found := _of(value)) is not None:
            return found
    return None


def _op(function: _Made) -> _Made:
    """The function gets the program first; tensors of a Model among its arguments make a layer of it."""
    @functools.wraps(function)
    def call(*args: Any, **named: Any) -> Any:
        written = _of([*args, *named.values()])
        if written is not None:
            return function(written, *args, **named)
        symbols: list[Any] = []

        def place(value: Any) -> Any:
            if isinstance(value, graph.SymbolicTensor) or callable(getattr(value, "_symbol", None)):
                symbols.append(value)
                return len(symbols) - 1, _HERE
            return [place(v) for v in value] if isinstance(value, (list, tuple)) else value

        def fill(value: Any, tensors: Sequence[Any]) -> Any:
            if isinstance(value, tuple) and len(value) == 2 and value[1] is _HERE:
                return tensors[value[0]]
            return [fill(v, tensors) for v in value] if isinstance(value, list) else value

        placed, placed_named = [place(v) for v in args], {k: place(v) for k, v in named.items()}
        if not symbols:
            raise errors.make(1001, f"ops.{function.__name__}: no tensor among its arguments; functions of fire.ops belong into custom layers and losses, or on tensors of a Model")
        from .layers import Lambda
        return Lambda(lambda *tensors: call(*(fill(v, tensors) for v in placed), **{k: fill(v, tensors) for k, v in placed_named.items()}))(*symbols)
    return call  # type: ignore[return-value]


_HERE = object()
_FAR = 2**62  # the end of any dimension


def _unary(name: str, op: str, help: str, **attrs: Any) -> Callable[..., Any]:
    def function(t: Trace, x: Any) -> Any:
        return t.emit(op, x, **attrs)
    function.__name__, function.__doc__ = name, help
    return _op(cast_type(Callable[..., Any], function))


def _binary(name: str, op: str, help: str) -> Callable[..., Any]:
    def function(t: Trace, x1: Any, x2: Any) -> Any:
        return t.emit(op, x1, x2)
    function.__name__, function.__doc__ = name, help
    return _op(cast_type(Callable[..., Any], function))


absolute = abs = _unary("absolute", "Abs", "|x|")
ceil = _unary("ceil", "Ceil", "the next whole number above")
cos = _unary("cos", "Cos", "cosine")
erf = _unary("erf", "Erf", "the error function")
exp = _unary("exp", "Exp", "e to the x")
floor = _unary("floor", "Floor", "the next whole number below")
log = _unary("log", "Log", "natural logarithm")
logical_not = _unary("logical_not", "Not", "not x, of booleans")
negative = _unary("negative", "Neg", "-x")
reciprocal = _unary("reciprocal", "Reciprocal", "1 / x")
relu = _unary("relu", "Relu", "max(x, 0)")
round = _unary("round", "Round", "the nearest whole number, halves to the even one")
selu = _unary("selu", "Selu", "scaled exponential linear unit")
sigmoid = _unary("sigmoid", "Sigmoid", "1 / (1 + e^-x)")
sign = _unary("sign", "Sign", "-1, 0 or 1")
sin = _unary("sin", "Sin", "sine")
softplus = _unary("softplus", "Softplus", "log(1 + e^x)")
softsign = _unary("softsign", "Softsign", "x / (1 + |x|)")
sqrt = _unary("sqrt", "Sqrt", "square root")
tanh = _unary("tanh", "Tanh", "hyperbolic tangent")

add = _binary("add", "Add", "x1 + x2")
divide = true_divide = _binary("divide", "Div", "x1 / x2")
equal = _binary("equal", "Equal", "x1 == x2")
greater = _binary("greater", "Greater", "x1 > x2")
greater_equal = _binary("greater_equal", "GreaterOrEqual", "x1 >= x2")
less = _binary("less", "Less", "x1 < x2")
less_equal = _binary("less_equal", "LessOrEqual", "x1 <= x2")
logical_and = _binary("logical_and", "And", "x1 and x2, of booleans")
logical_or = _binary("logical_or", "Or", "x1 or x2, of booleans")
matmul = _binary("matmul", "MatMul", "matrix product over the last two dimensions")
maximum = _binary("maximum", "Max", "the larger of x1 and x2")
minimum = _binary("minimum", "Min", "the smaller of x1 and x2")
multiply = _binary("multiply", "Mul", "x1 * x2")
power = _binary("power", "Pow", "x1 to the x2")
subtract = _binary("subtract", "Sub", "x1 - x2")


logical_xor = _binary("logical_xor", "Xor", "x1 or x2 but not both, of booleans")


@_op
def floor_divide(t: Trace, x1: Any, x2: Any) -> Any:
    """The whole number below x1 / x2"""
    if builtins.any(isinstance(v, Tensor) and v._kind in (2, 3, 5, 6, 7) for v in (x1, x2)):
        return t.emit("Div", t.emit("Sub", x1, t.emit("Mod", x1, x2)), x2, truncate=True)
    return t.emit("Floor", t.emit("Div", x1, x2))


@_op
def mod(t: Trace, x1: Any, x2: Any) -> Any:
    """What is left of x1 when it is divided by x2, with the sign of x2"""
    if builtins.any(isinstance(v, Tensor) and v._kind in (2, 3, 5, 6, 7) for v in (x1, x2)):
        return t.emit("Mod", x1, x2)
    return t.emit("Sub", x1, t.emit("Mul", x2, t.emit("Floor", t.emit("Div", x1, x2))))


@_op
def square(t: Trace, x: Any) -> Any:
    """x * x"""
    return t.emit("Mul", x, x)


@_op
def rsqrt(t: Trace, x: Any) -> Any:
    """1 / sqrt(x)"""
    return t.emit("Reciprocal", t.emit("Sqrt", x))


@_op
def log1p(t: Trace, x: Any) -> Any:
    """log(1 + x)"""
    return t.emit("Log", t.emit("Add", x, 1.0))


@_op
def expm1(t: Trace, x: Any) -> Any:
    """e to the x, less 1"""
    return t.emit("Sub", t.emit("Exp", x), 1.0)


@_op
def not_equal(t: Trace, x1: Any, x2: Any) -> Any:
    """x1 != x2"""
    return t.emit("Not", t.emit("Equal", x1, x2))


@_op
def silu(t: Trace, x: Any) -> Any:
    """x * sigmoid(x)"""
    return t.emit("Mul", x, t.emit("Sigmoid", x))


@_op
def elu(t: Trace, x: Any, alpha: float = 1.0) -> Any:
    """x above 0, alpha (e^x - 1) below"""
    return t.emit("Elu", x, alpha=float(alpha))


@_op
def leaky_relu(t: Trace, x: Any, negative_slope: float = 0.2) -> Any:
    """x above 0, negative_slope x below"""
    return t.emit("LeakyRelu", x, alpha=float(negative_slope))


@_op
def gelu(t: Trace, x: Any, approximate: bool = True) -> Any:
    """Gaussian error linear unit; approximate: by tanh"""
    return t.emit("Gelu", x, approximate="tanh" if approximate else "none")


@_op
def softmax(t: Trace, x: Any, axis: int = -1) -> Any:
    """e^x divided by its sum along axis"""
    return t.emit("Softmax", x, axis=_own_axis(x, axis, "softmax"))


@_op
def log_softmax(t: Trace, x: Any, axis: int = -1) -> Any:
    """Logarithm of softmax"""
    return t.emit("LogSoftmax", x, axis=_own_axis(x, axis, "log_softmax"))


@_op
def clip(t: Trace, x: Any, x_min: float, x_max: float) -> Any:
    """x, not below x_min nor above x_max"""
    return t.emit("Clip", x, x_min, x_max)


@_op
def where(t: Trace, condition: Any, x1: Any, x2: Any) -> Any:
    """x1 where the condition holds, x2 elsewhere"""
    return t.emit("Where", condition, x1, x2)


@_op
def cast(t: Trace, x: Any, dtype: str) -> Any:
    """x in another type; "float" is the model's"""
    if dtype != "float" and dtype not in _TYPES:
        raise errors.make(1001, f"cast: dtype='{dtype}'; expected float or one of {', '.join(_TYPES)}")
    return t.emit("Float", x) if dtype == "float" else t.emit("Cast", x, to=_TYPES[dtype])


def _whole(x: Any) -> bool:
    """Whether the engine sees all of a dimension whose size is open."""
    return bool(getattr(getattr(x, "_trace", None), "whole", False))


def _own_axis(x: Any, axis: int, who: str) -> int:
    """An axis that is not the batch, counted from 0."""
    rank = len(x.shape)
    if not -rank <= axis < rank:
        raise errors.make(1002, f"ops.{who}: axis={axis}, but the tensor has {rank} dimensions")
    at = axis % rank
    if x.shape[at] is None and not _whole(x):
        raise errors.make(1001, f"ops.{who}: axis {axis} is the batch, which the engine sees in parts; work within each row")
    return at


def _axes(x: Any, axis: Any, who: str) -> list[int]:
    if axis is None:
        if None in x.shape and not _whole(x):
            raise errors.make(1001, f"ops.{who}: axis=None would reduce the batch, which the engine sees in parts; name the axes of a row, as in axis=-1")
        return list(range(len(x.shape)))
    return [_own_axis(x, int(a), who) for a in ([axis] if hasattr(axis, "__index__") else axis)]


def _reduction(name: str, op: str, help: str) -> Callable[..., Any]:
    def function(t: Trace, x: Any, axis: Any = None, keepdims: bool = False) -> Any:
        return t.emit(op, x, whole(_axes(x, axis, name)), keepdims=int(keepdims))
    function.__name__, function.__doc__ = name, help
    return _op(function)


max = amax = _reduction("max", "ReduceMax", "the largest along axis, which is not the batch")
mean = _reduction("mean", "ReduceMean", "the mean along axis, which is not the batch")
min = amin = _reduction("min", "ReduceMin", "the smallest along axis, which is not the batch")
prod = _reduction("prod", "ReduceProd", "the product along axis, which is not the batch")
sum = _reduction("sum", "ReduceSum", "the sum along axis, which is not the batch")
logsumexp = _reduction("logsumexp", "ReduceLogSumExp", "log of the sum of e^x along axis, which is not the batch")


@_op
def var(t: Trace, x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Variance along axis, which is not the batch"""
    axes = whole(_axes(x, axis, "var"))
    centred = t.emit("Sub", x, t.emit("ReduceMean", x, axes, keepdims=1))
    return t.emit("ReduceMean", t.emit("Mul", centred, centred), axes, keepdims=int(keepdims))


@_op
def std(t: Trace, x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Standard deviation along axis, which is not the batch"""
    return t.emit("Sqrt", var(x, axis, keepdims))


@_op
def argmax(t: Trace, x: Any, axis: int = -1, keepdims: bool = False) -> Any:
    """Place of the largest along axis, as int64"""
    return t.emit("ArgMax", x, axis=_own_axis(x, axis, "argmax"), keepdims=int(keepdims))


@_op
def argmin(t: Trace, x: Any, axis: int = -1, keepdims: bool = False) -> Any:
    """Place of the smallest along axis, as int64"""
    return t.emit("ArgMin", x, axis=_own_axis(x, axis, "argmin"), keepdims=int(keepdims))


@_op
def any(t: Trace, x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Whether one of the booleans along axis holds"""
    return t.emit("Cast", t.emit("ReduceMax", t.emit("Cast", x, to=6), whole(_axes(x, axis, "any")), keepdims=int(keepdims)), to=9)


@_op
def all(t: Trace, x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Whether all of the booleans along axis hold"""
    return t.emit("Cast", t.emit("ReduceMin", t.emit("Cast", x, to=6), whole(_axes(x, axis, "all")), keepdims=int(keepdims)), to=9)


@_op
def count_nonzero(t: Trace, x: Any, axis: Any = None) -> Any:
    """How many along axis are not zero, as int32"""
    return t.emit("ReduceSum", t.emit("Cast", t.emit("Cast", x, to=9), to=6), whole(_axes(x, axis, "count_nonzero")), keepdims=0)


@_op
def isnan(t: Trace, x: Any) -> Any:
    """Where x is NaN"""
    return t.emit("IsNaN", x)


@_op
def cumsum(t: Trace, x: Any, axis: int) -> Any:
    """Sums of all up to each, along axis"""
    return t.emit("CumSum", x, whole([_own_axis(x, axis, "cumsum")]))


@_op
def norm(t: Trace, x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The root of the sum of squares along axis"""
    return t.emit("ReduceL2", x, whole(_axes(x, axis, "norm")), keepdims=int(keepdims))


@_op
def zeros_like(t: Trace, x: Any, dtype: str | None = None) -> Any:
    """Zeros of the shape of x, and of its type unless another is given"""
    return _filled(t, x, 0, dtype)


@_op
def ones_like(t: Trace, x: Any, dtype: str | None = None) -> Any:
    """Ones of the shape of x, and of its type unless another is given"""
    return _filled(t, x, 1, dtype)


@_op
def full_like(t: Trace, x: Any, fill_value: float, dtype: str | None = None) -> Any:
    """One number in the shape of x, of its type unless another is given"""
    return _filled(t, x, fill_value, dtype)


def _filled(t: Trace, x: Any, value: float, dtype: str | None) -> Any:
    kind = x._kind if dtype is None else _type(dtype, "dtype")
    if t.whole:
        return t.emit("Expand", np.array([value], _NAMES[kind]), t.emit("Shape", x))
    made = t.emit("ExpandLike", float(value), x)
    return made if kind == t.float_type else t.emit("Cast", made, to=kind)


def _type(dtype: Any, who: str) -> int:
    name = np.dtype(dtype).name if isinstance(dtype, (type, np.dtype)) else str(dtype)
    if name not in _TYPES:
        raise errors.make(1001, f"{who}='{name}'; expected one of {', '.join(_TYPES)}")
    return _TYPES[name]


def convert_to_tensor(x: Any, dtype: Any = None) -> Any:
    """Numbers as a constant of a program; of a tensor, the tensor, cast where another type is asked for"""
    if isinstance(x, Tensor):
        return x if dtype is None else x._trace.emit("Cast", x, to=_type(dtype, "dtype"))
    array = np.asarray(x)
    if dtype is None:
        return array.astype({"f": "float32", "i": "int32", "u": "int32"}.get(array.dtype.kind, array.dtype)) if not hasattr(x, "dtype") else array
    return array.astype(_NAMES[_type(dtype, "dtype")])


def zeros(shape: Any, dtype: Any = "float32") -> Any:
    """A constant of zeros"""
    return np.zeros(shape, _NAMES[_type(dtype, "dtype")])


def ones(shape: Any, dtype: Any = "float32") -> Any:
    """A constant of ones"""
    return np.ones(shape, _NAMES[_type(dtype, "dtype")])


def full(shape: Any, fill_value: float, dtype: Any = "float32") -> Any:
    """A constant of one number"""
    return np.full(shape, fill_value, _NAMES[_type(dtype, "dtype")])


@_op
def take(t: Trace, x: Any, indices: Any, axis: int = 0) -> Any:
    """The elements of x at these places along axis"""
    return t.emit("Gather", x, indices if isinstance(indices, Tensor) else np.asarray(indices, np.int64), axis=_own_axis(x, axis, "take") if isinstance(x, Tensor) else axis)


@_op
def one_hot(t: Trace, x: Any, num_classes: int, dtype: str = "float32") -> Any:
    """1 at the place that x names and 0 elsewhere, along a new last axis"""
    places = np.arange(int(num_classes), dtype=np.int64)
    return t.emit("Cast", t.emit("Equal", t.emit("Unsqueeze", t.emit("Cast", x, to=7), whole([-1])), places), to=_type(dtype, "dtype"))


@_op
def segment_sum(t: Trace, data: Any, segment_ids: Any, num_segments: int) -> Any:
    """Sums of the elements of data along axis 0 that have the same segment number, for segments 0 to num_segments - 1"""
    _own_axis(data, 0, "segment_sum")
    zero = np.zeros((int(num_segments), *data.shape[1:]), _NAMES[data._kind])
    return t.emit("ScatterND", zero, t.emit("Unsqueeze", t.emit("Cast", segment_ids, to=7), whole([-1])), data, reduction="add")


@_op
def tile(t: Trace, x: Any, repeats: Any) -> Any:
    """x again and again, so many times along each axis"""
    counts = [int(n) for n in (repeats if isinstance(repeats, (list, tuple)) else [repeats])]
    if len(counts) < len(x.shape):
        counts = [1] * (len(x.shape) - len(counts)) + counts
    return t.emit("Tile", x, whole(counts))


@_op
def broadcast_to(t: Trace, x: Any, shape: Sequence[int]) -> Any:
    """x repeated to a shape"""
    return t.emit("Expand", x, whole(shape))


@_op
def outer(t: Trace, x1: Any, x2: Any) -> Any:
    """Every element of x1 times every element of x2, both vectors"""
    return t.emit("Mul", t.emit("Unsqueeze", x1, whole([1])), x2)


@_op
def copy(t: Trace, x: Any) -> Any:
    """x again"""
    return t.emit("Identity", x)


@_op
def reshape(t: Trace, x: Any, newshape: Sequence[int | None]) -> Any:
    """Another shape, the batch (None or -1) first; one other size may be -1"""
    sizes = [-1 if n is None else int(n) for n in newshape]
    if x.shape and x.shape[0] is None and None not in x.shape[1:] and sizes and sizes[0] == -1 and sizes.count(-1) == 2:
        row = 1
        for n in x.shape[1:]:
            row *= n
        known = 1
        for n in sizes:
            known *= n if n > 0 else 1
        sizes[sizes.index(-1, 1)] = row // known
    return t.emit("Reshape", x, whole(sizes))


@_op
def transpose(t: Trace, x: Any, axes: Sequence[int] | None = None) -> Any:
    """Dimensions in another order"""
    return t.emit("Transpose", x, perm=list(range(len(x.shape)))[::-1] if axes is None else [int(a) % len(x.shape) for a in axes])


@_op
def expand_dims(t: Trace, x: Any, axis: int) -> Any:
    """One more dimension of size 1"""
    return t.emit("Unsqueeze", x, whole([axis]))


@_op
def squeeze(t: Trace, x: Any, axis: int) -> Any:
    """Without a dimension of size 1"""
    return t.emit("Squeeze", x, whole([_own_axis(x, axis, "squeeze")]))


@_op
def concatenate(t: Trace, xs: Sequence[Any], axis: int = -1) -> Any:
    """Tensors one after the other along axis"""
    return t.emit("Concat", *xs, axis=axis)


@_op
def stack(t: Trace, xs: Sequence[Any], axis: int = -1) -> Any:
    """Tensors beside each other along a new axis"""
    return t.emit("Concat", *(t.emit("Unsqueeze", x, whole([axis])) for x in xs), axis=axis)


@_op
def dot(t: Trace, x1: Any, x2: Any) -> Any:
    """Matrix product over the last dimension of x1 and the one before the last of x2"""
    return t.emit("MatMul", x1, x2)


@_op
def getitem(t: Trace, x: Any, key: Any) -> Any:
    """x[:, 1:3], x[..., 0]: slices and numbers, the whole batch first"""
    keys = list(key) if isinstance(key, tuple) else [key]
    rank = len(x.shape)
    if Ellipsis in keys:
        at = keys.index(Ellipsis)
        keys[at:at + 1] = [slice(None)] * (rank - len(keys) + 1)
    if len(keys) > rank:
        raise errors.make(1002, f"ops.getitem: {len(keys)} indices for {rank} dimensions")
    starts, ends, axes, steps, gone = [], [], [], [], []
    for axis, k in enumerate(keys):
        if isinstance(k, slice) and k == slice(None):
            continue
        size = x.shape[_own_axis(x, axis, "getitem")]
        if isinstance(k, slice):
            step = 1 if k.step is None else int(k.step)
            last = _FAR if size is None else size
            start = (0 if step > 0 else last - 1) if k.start is None else int(k.start)
            end = (last if step > 0 else -last - 1) if k.stop is None else int(k.stop)
        else:
            start, end, step = int(k), int(k) + 1 or size or _FAR, 1
            if size is not None and not -size <= start < size:
                raise errors.make(1002, f"ops.getitem: {start} is outside of dimension {axis}, which has {size}")
            gone.append(axis)
        starts.append(start)
        ends.append(end)
        axes.append(axis)
        steps.append(step)
    y = t.emit("Slice", x, whole(starts), whole(ends), whole(axes), whole(steps)) if axes else x
    return t.emit("Squeeze", y, whole(gone)) if gone else y


def shape(x: Any) -> tuple[int | None, ...]:
    """The shape, None standing for the batch."""
    return tuple(x.shape)
