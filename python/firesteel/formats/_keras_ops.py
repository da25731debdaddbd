"""_keras_ops - operations on tensors in Keras' files: keras.ops of version 3, TFOpLambda, SlicingOpLambda and TensorFlowOpLayer of version 2, as firesteel's."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import errors, layers, ops as typed_ops

ops: Any = typed_ops  # its functions are called without the program that they write
MOST = 64  # numbers of a constant


class Slot(int):
    """In the arguments of a call: the place of a tensor among those that it is called on."""


def _constant(value: Any, beside: Any = None) -> Any:
    """A list of numbers as a constant of the program, of the type of the tensor beside it; a number or a tensor as it is."""
    if not isinstance(value, (list, tuple, dict)):
        return value
    if isinstance(value, dict):  # Keras 3: {"class_name": "__numpy__" ...}
        value = value.get("config", {}).get("value")
    found = np.asarray(value, np.float64)
    if not 1 <= found.size <= MOST or found.ndim > 8:
        raise ValueError(f"a constant of {found.size} numbers; expected 1 to {MOST}")
    return f"t{getattr(beside, '_kind', 1)}[{','.join(map(str, found.shape))}]{{{','.join(repr(float(v)) for v in found.reshape(-1))}}}"


def _two(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda x, y: function(_constant(x, y), _constant(y, x))


def _matmul(x: Any, y: Any, transpose_a: bool = False, transpose_b: bool = False) -> Any:
    def turned(v: Any) -> Any:
        rank = len(v.shape)
        return ops.transpose(v, [*range(rank - 2), rank - 1, rank - 2])
    return ops.matmul(turned(x) if transpose_a else x, turned(y) if transpose_b else y)


def _expanded(x: Any, axis: Any) -> Any:
    for at in sorted(axis if isinstance(axis, (list, tuple)) else [axis]):
        x = ops.expand_dims(x, int(at))
    return x


def _squeezed(x: Any, axis: Any) -> Any:
    """Without dimensions of size 1; without the batch, when none is named."""
    rank = len(x.shape)
    axes = [d for d in range(1, rank) if x.shape[d] == 1] if axis in (None, []) else [int(a) % rank for a in (axis if isinstance(axis, (list, tuple)) else [axis])]
    for at in sorted(axes, reverse=True):
        x = ops.squeeze(x, at)
    return x


def _split(x: Any, parts: Any, axis: Any = -1) -> list[Any]:
    """Keras 3 names the places of the cuts, TensorFlow the sizes: a list here is of sizes."""
    rank = len(x.shape)
    at = int(axis) % rank
    size = x.shape[at]
    sizes = [size // int(parts)] * int(parts) if not isinstance(parts, (list, tuple)) else [int(n) for n in parts]
    if not 1 <= len(sizes) <= 8 or sum(sizes) != size or min(sizes) < 1:
        raise ValueError(f"{size} numbers do not split into {sizes}")
    found, begin = [], 0
    for n in sizes:
        found.append(ops.getitem(x, (*[slice(None)] * at, slice(begin, begin + n))))
        begin += n
    return found


def _cuts(x: Any, parts: Any, axis: Any = -1) -> list[Any]:
    if isinstance(parts, (list, tuple)):
        size = x.shape[int(axis) % len(x.shape)]
        edges = [0, *map(int, parts), size]
        parts = [b - a for a, b in zip(edges, edges[1:])]
    return _split(x, parts, axis)


def _normalized(x: Any, axis: Any = -1, epsilon: float = 1e-12) -> Any:
    return ops.multiply(x, ops.rsqrt(ops.maximum(ops.sum(ops.square(x), axis, True), epsilon)))


def _cast(x: Any, dtype: Any) -> Any:
    name = dtype.get("config", {}).get("name", "float") if isinstance(dtype, dict) else str(dtype)
    return ops.cast(x, "float" if name.startswith(("float", "bfloat", "half")) else name)


def _gelu(x: Any, approximate: bool = False) -> Any:
    return ops.gelu(x, bool(approximate))


def _truth(function: Callable[..., Any]) -> Callable[..., Any]:
    """Truth travels between layers as 1 and 0."""
    return lambda x, y: ops.cast(function(_constant(x, y), _constant(y, x)), "float")


def _where(condition: Any, x: Any, y: Any) -> Any:
    return ops.where(ops.not_equal(condition, 0.0), _constant(x, condition), _constant(y, condition))


def _stacked(xs: Any, axis: Any = 0) -> Any:
    rank = len(xs[0].shape) + 1
    return ops.stack(xs, int(axis) % rank)


def _item(x: Any, key: Any) -> Any:
    """x[key] as either version writes it."""
    def one(k: Any) -> Any:
        if isinstance(k, dict):
            own = k.get("config", k)
            if k.get("class_name") == "__ellipsis__":
                return Ellipsis
            return slice(*(None if own.get(part) is None else int(own[part]) for part in ("start", "stop", "step")))
        return k if k is None else int(k)
    keys = [one(k) for k in key] if isinstance(key, (list, tuple)) else [one(key)]
    if not any(k is None for k in keys):
        return ops.getitem(x, tuple(keys))
    at, rank = 0, len(x.shape)  # None is a new dimension
    real = [k for k in keys if k is not None]
    x = ops.getitem(x, tuple(real))
    for k in keys:
        if k is None:
            x = ops.expand_dims(x, at)
            at += 1
        elif k is Ellipsis:
            at += rank - len(real) + 1
        else:
            at += isinstance(k, slice)
    return x


def _strided(x: Any, begin: Any, end: Any, strides: Any, begin_mask: int = 0, end_mask: int = 0, ellipsis_mask: int = 0, new_axis_mask: int = 0, shrink_axis_mask: int = 0) -> Any:
    """TensorFlow's StridedSlice: a bit for each index that means something else."""
    keys: list[Any] = []
    for i, (a, b, s) in enumerate(zip(begin, end, strides)):
        bit = 1 << i
        keys.append({"class_name": "__ellipsis__"} if ellipsis_mask & bit else None if new_axis_mask & bit else a if shrink_axis_mask & bit else
                    {"start": None if begin_mask & bit else a, "stop": None if end_mask & bit else b, "step": s})
    return _item(x, keys)


AXES = ("axis|axes|reduction_indices", "keepdims|keep_dims")
X, TWO = ("x|input|features|logits|a|tensor|inputs",), ("x|x1|a|input", "y|x2|b|other")


def _reduced(function: Callable[..., Any]) -> tuple[Callable[..., Any], tuple[str, ...]]:
    return (lambda x, axis=None, keepdims=False: function(x, axis, bool(keepdims))), ("input_tensor|" + X[0], *AXES)


# name: function, then its parameters in order, each with all its names
OPERATIONS: dict[str, tuple[Callable[..., Any], tuple[str, ...]]] = {
    **{name: (_two(getattr(ops, own)), TWO) for own, names in {
        "add": "add addv2 bias_add biasadd", "subtract": "subtract sub", "multiply": "multiply mul", "divide": "divide truediv true_divide realdiv div", "maximum": "maximum",
        "minimum": "minimum", "power": "power pow"}.items() for name in names.split()},
    **{name: (_truth(getattr(ops, own)), TWO) for own, names in {
        "greater": "greater", "greater_equal": "greater_equal greaterequal", "less": "less", "less_equal": "less_equal lessequal", "equal": "equal",
        "not_equal": "not_equal notequal"}.items() for name in names.split()},
    "logical_and": (ops.multiply, TWO), "logical_or": (ops.maximum, TWO), "logical_not": (lambda x: ops.subtract(1.0, x), X),
    **{name: (getattr(ops, own), X) for own, names in {
        "absolute": "absolute abs", "ceil": "ceil", "cos": "cos", "erf": "erf", "exp": "exp", "floor": "floor", "log": "log", "negative": "negative neg", "reciprocal": "reciprocal",
        "relu": "relu", "round": "round rint", "selu": "selu", "sigmoid": "sigmoid", "sign": "sign", "sin": "sin", "softplus": "softplus", "softsign": "softsign", "sqrt": "sqrt",
        "tanh": "tanh", "square": "square", "rsqrt": "rsqrt", "log1p": "log1p", "expm1": "expm1", "silu": "silu swish"}.items() for name in names.split()},
    **{name: _reduced(getattr(ops, own)) for own, names in {
        "sum": "sum reduce_sum", "mean": "mean reduce_mean", "max": "max reduce_max amax", "min": "min reduce_min amin", "prod": "prod reduce_prod", "var": "var reduce_variance",
        "std": "std reduce_std", "logsumexp": "logsumexp reduce_logsumexp"}.items() for name in names.split()},
    "relu6": (lambda x: ops.clip(x, 0.0, 6.0), X),
    "elu": (ops.elu, (X[0], "alpha")), "leaky_relu": (ops.leaky_relu, (X[0], "negative_slope|alpha")), "leakyrelu": (ops.leaky_relu, (X[0], "negative_slope|alpha")),
    "gelu": (_gelu, (X[0], "approximate")), "softmax": (ops.softmax, (X[0], "axis")), "log_softmax": (ops.log_softmax, (X[0], "axis")),
    "clip": (ops.clip, (X[0], "x_min|min_value", "x_max|max_value")), "clip_by_value": (ops.clip, ("t|" + X[0], "clip_value_min", "clip_value_max")),
    "cast": (_cast, (X[0], "dtype|dstt")), "where": (_where, ("condition", "x|x1", "y|x2")),
    "reshape": (ops.reshape, (X[0], "shape|newshape")), "transpose": (ops.transpose, (X[0], "axes|perm")),
    "expand_dims": (_expanded, (X[0], "axis|dim")), "expanddims": (_expanded, (X[0], "axis|dim")), "squeeze": (_squeezed, (X[0], "axis|squeeze_dims")),
    "concat": (ops.concatenate, ("values|xs|arrays|tensors", "axis")), "concatenate": (ops.concatenate, ("values|xs|arrays|tensors", "axis")),
    "stack": (_stacked, ("values|x|arrays", "axis")), "pack": (_stacked, ("values|x|arrays", "axis")),
    "matmul": (_matmul, (*TWO, "transpose_a|adj_x", "transpose_b|adj_y")), "batchmatmulv2": (_matmul, (*TWO, "transpose_a|adj_x", "transpose_b|adj_y")),
    "getitem": (_item, (X[0], "slice_spec|key")), "get_item": (_item, (X[0], "slice_spec|key")),
    "stridedslice": (_strided, (X[0], "begin", "end", "strides", "begin_mask", "end_mask", "ellipsis_mask", "new_axis_mask", "shrink_axis_mask")),
    "split": (_split, ("value|" + X[0], "num_or_size_splits|num_split", "axis")), "l2_normalize": (_normalized, (X[0], "axis", "epsilon")),
    "identity": (lambda x: ops.multiply(x, 1.0), X), "copy": (lambda x: ops.multiply(x, 1.0), X), "squared_difference": (lambda x, y: ops.square(_two(ops.subtract)(x, y)), TWO),
}
OPERATIONS["split_cuts"] = (_cuts, (X[0], "indices_or_sections", "axis"))
KERAS_3 = {"TrueDivide": "divide", "GetItem": "get_item", "ExpandDims": "expand_dims", "LogSoftmax": "log_softmax", "LeakyRelu": "leaky_relu", "GreaterEqual": "greater_equal",
           "LessEqual": "less_equal", "NotEqual": "not_equal", "LogicalAnd": "logical_and", "LogicalOr": "logical_or", "LogicalNot": "logical_not", "Split": "split_cuts"}
# TensorFlow's operators whose arguments come in another order, or in other places.
REDUCTIONS = {"Sum", "Mean", "Max", "Min", "Prod"}
NO_MATTER = {"name", "T", "Tshape", "Tperm", "Tidx", "Tdim", "SrcT", "DstT", "Truncate", "N", "Index", "conjugate", "trainable", "dtype_policy", "out_type", "_cloned", "grad_a", "grad_b",
             "training", "mask", "num_split"}


def _attr(value: Any) -> Any:
    """An attribute of a NodeDef as JSON."""
    for key in ("b", "i", "f"):
        if key in value:
            return int(value[key]) if key == "i" else value[key]
    return [int(v) for v in value["list"].get("i", [])] if "list" in value else None


def _node_def(config: dict[str, Any], n: int) -> tuple[str, list[Any], dict[str, Any]]:
    """Of a TensorFlowOpLayer: operator, arguments and further arguments."""
    node = config["node_def"]
    op, constants = str(node["op"]), {int(k): v for k, v in (config.get("constants") or {}).items()}
    if n + len(constants) > 64 or any(not 0 <= k < 64 for k in constants):
        raise ValueError("too many arguments")
    given = iter(range(n))
    args: list[Any] = [constants[k] if k in constants else Slot(next(given)) for k in range(n + len(constants))]
    named = {k: _attr(v) for k, v in (node.get("attr") or {}).items() if k not in NO_MATTER and isinstance(v, dict)}
    named = {k: v for k, v in named.items() if v is not None}
    if op == "ConcatV2":
        return "concat", [args[:-1], args[-1]], {}
    if op == "Pack":
        return "stack", [args], named
    if op == "Split":
        return "split", [args[1], int(_attr(node["attr"]["num_split"])), args[0]], {}
    if op == "SplitV":
        return "split", args, {}
    return {"Select": "where", "SelectV2": "where"}.get(op, op.lower()), args, named


def find(kind: str, config: dict[str, Any], module: str, who: str) -> Callable[[int, list[Any], dict[str, Any]], Callable[..., Any]]:
    """What gives, for a call with so many tensors, these arguments and those by name (Slots for tensors), a function of the tensors."""
    own: dict[str, Any] = {}
    if kind == "TensorFlowOpLayer":
        word = str((config.get("node_def") or {}).get("op"))
    elif kind in ("TFOpLambda", "SlicingOpLambda"):
        word = str(config.get("function"))
    else:
        word, own = kind, {k: v for k, v in config.items() if k not in ("name", "dtype") or k == "dtype" and kind == "Cast"}

    def bind(n: int, args: list[Any], named: dict[str, Any]) -> Callable[..., Any]:
        name = KERAS_3.get(kind, kind.lower()) if word == kind else word.rpartition(".")[2]
        if kind == "TensorFlowOpLayer":
            name, args, named = _node_def(config, n)
        elif name == "floordiv" or name not in OPERATIONS:
            name = name.lower()
        if name not in OPERATIONS:
            raise errors.make(1005, f"layer {who}: the operation {word!r} is not one that is read from Keras' files")
        function, parameters = OPERATIONS[name]
        by_name = {alias: at for at, aliases in enumerate(parameters) for alias in aliases.split("|")}
        values: dict[int, Any] = dict(enumerate(args))
        if len(args) > len(parameters):
            raise errors.make(5004, f"layer {who}: the operation {word!r} has {len(args)} arguments; expected at most {len(parameters)}")
        for key, value in {**own, **named}.items():
            if key in by_name:
                values.setdefault(by_name[key], value)
            elif key not in NO_MATTER and value not in (None, False, [], {}, "", "float32"):
                raise errors.make(1005, f"layer {who}: the operation {word!r} with {key}={str(value)[:60]!r} is not supported")
        if name == "split":  # TensorFlow's default is the first axis
            values.setdefault(2, 0)
        required = max(values, default=-1)
        ordered = [(parameters[at].split("|")[0], values.get(at)) for at in range(required + 1)]

        def run(*tensors: Any) -> Any:
            def fill(value: Any, depth: int = 0) -> Any:
                if isinstance(value, Slot):
                    return tensors[value]
                return [fill(v, depth + 1) for v in value] if isinstance(value, list) and depth < 8 else value
            try:
                return function(*(fill(v) for _, v in ordered))
            except (TypeError, ValueError, AttributeError, KeyError, IndexError, ZeroDivisionError, OverflowError) as problem:
                raise errors.make(5004, f"layer {who}: the operation {word!r} on these arguments: {' '.join(str(problem).split())[:160]}") from None
        return run
    return bind


def apply(run: Callable[..., Any], tensors: list[Any], name: str) -> list[Any]:
    """A layer of the operation, called on tensors."""
    out = layers.Lambda(run, name=name)(*tensors)
    return out if isinstance(out, list) else [out]
