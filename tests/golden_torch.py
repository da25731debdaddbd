"""golden_torch - torch's golden cases through firesteel's layers, losses and optimizers: shapes, weights and names turned from torch's to ours.

torch has channels first, kernels [out, in ...], gates in another order, two biases where we have one. Its modules come as text,
"Conv2d(3, 6, kernel_size=(3, 3), ...)". What has no one layer here is a small model of several.
"""
from __future__ import annotations

import ast
import re
from collections.abc import Callable, Sequence
from typing import Any

import firesteel as fire
import numpy as np
from firesteel import layers as L
from golden_engine import Arrays, descend, flat, forward_backward, loss_of, masked, named, numbered
from keras_config import make

# Arguments that the manifest does not tell (torch's texts leave them out), as tests of this kind give them.
UNTOLD = {
        "loss_ce_smooth": {"label_smoothing": 0.1}, "loss_mse_sum": {"reduction": "sum"}, "loss_smoothl1": {"beta": 0.5}, "loss_huber": {"delta": 0.7},
    "loss_kldiv_batchmean": {"reduction": "batchmean"},
    "opt_sgd_step": {"step_size": 3, "gamma": 0.5}, "opt_sgd_cosine": {"T_max": 8}, "opt_sgd_onecycle": {"max_lr": 0.2, "total_steps": 10},
}
UNTOLD_BY_KIND: dict[str, dict[str, Any]] = {"MultiheadAttention": {"num_heads": 2}, "TransformerEncoderLayer": {"nhead": 2}}


class Turn:
    """One weight of ours from torch's, and torch's gradients from ours: `names` are torch's, make gets their arrays, back our gradient."""

    def __init__(self, names: Sequence[str], forward: Callable[..., np.ndarray], back: Callable[[np.ndarray], Sequence[np.ndarray]]) -> None:
        self.names, self.forward, self.back = list(names), forward, back


def same(name: str) -> Turn:
    return Turn([name], lambda w: w, lambda g: [g])


def transposed(name: str, axes: Sequence[int] | None = None) -> Turn:
    back = None if axes is None else np.argsort(axes)
    return Turn([name], lambda w: w.transpose(axes), lambda g: [g.transpose(back)])


def summed(names: Sequence[str]) -> Turn:
    return Turn(names, lambda *b: sum(b), lambda g: [g] * len(names))


def shaped(name: str, shape: Sequence[int], axes: Sequence[int] | None = None) -> Turn:
    """torch's array in another shape, then with its dimensions in another order."""
    back = None if axes is None else np.argsort(axes)

    def turn_back(g: np.ndarray) -> list[np.ndarray]:
        return [(g if back is None else g.transpose(back))]
    return Turn([name], lambda w: w.reshape(shape) if axes is None else w.reshape(shape).transpose(axes), turn_back)


def fixed(value: np.ndarray) -> Turn:
    """A weight that torch does not have."""
    return Turn([], lambda: value, lambda g: [])


class Words(dict[str, Any]):
    """Arguments of a torch module: by name, and those without a name by their place."""


def words_of(case: dict[str, Any]) -> Words:
    words = Words({name: value for name, value in case["attrs"].items() if name not in ("repr", "training")})
    text = case["attrs"].get("repr", "")
    inside = re.search(r"\((.*)\)\Z", text, re.S)
    if inside and "\n" not in text:
        for i, part in enumerate(re.findall(r"(?:[^,(\[]|\([^)]*\)|\[[^\]]*\])+", inside[1])):
            name, equals, value = part.partition("=")
            key = name.strip() if equals else i
            try:
                words[key] = ast.literal_eval((value if equals else part).strip())
            except (ValueError, SyntaxError):
                words[key] = (value if equals else part).strip()
    words.update(UNTOLD.get(case["name"].removeprefix("torch_"), {}))
    if case["op"] in UNTOLD_BY_KIND:
        words = Words({**UNTOLD_BY_KIND[case["op"]], **words})
    if case["op"] == "RNN" and "relu" in case["name"]:  # the text of an RNN leaves it out, that of an RNNCell does not
        words["nonlinearity"] = "relu"
    return words


class Torch:
    """What is needed to run one module: build on Inputs, how its weights turn, how inputs and outputs turn."""

    def __init__(self, build: Callable[[list[Any]], Any], weights: Sequence[Turn] = ()) -> None:
        self.build, self.weights = build, list(weights)
        self.x_in: Callable[[int, np.ndarray], np.ndarray] = lambda i, x: x
        self.x_out: Callable[[int, np.ndarray], np.ndarray] = lambda i, x: x
        self.y_out: Callable[[list[np.ndarray]], list[np.ndarray]] = lambda ys: ys
        self.dy_in: Callable[[list[np.ndarray]], list[np.ndarray]] = lambda dys: dys
        self.mask: np.ndarray | None = None
        self.statistics: Callable[[list[np.ndarray], bool], Arrays] | None = None


def pair(value: Any, rank: int) -> tuple[int, ...]:
    return tuple(value) if isinstance(value, (tuple, list)) else (value,) * rank


def module_rank(op: str) -> int:
    return int(re.search(r"([123])d\Z", op)[1])  # type: ignore[index]


# ---- layers, by torch's names

MODULES: dict[str, Callable[[Words, Arrays, dict[str, Any]], Torch]] = {}


def module(*names: str) -> Callable[[Any], Any]:
    def add(function: Any) -> Any:
        for name in names:
            MODULES[name] = function
        return function
    return add


@module("Linear")
def linear(w: Words, a: Arrays, case: dict[str, Any]) -> Torch:
    bias = "p_bias" in a
    return Torch(lambda ins: L.Dense(len(a["p_weight"]), use_bias=bias)(ins[0]), [transposed("weight"), *([same("bias")] if bias else [])])


@module("Bilinear")
def bilinear(w: Words, a: Arrays, case: dict[str, Any]) -> Torch:
    out, _, n = a["p_weight"].shape

    def build(ins: list[Any]) -> Any:
        between = L.EinsumDense("ni,iok->nok", output_shape=(out, n))(ins[0])
        product = L.Dot(axes=(2, 1))([between, ins[1]])
        return L.Dense(out, trainable=True)(product) if "p_bias" in a else product
    return Torch(build, [transposed("weight", (1, 0, 2)), *([fixed(np.eye(out)), same("bias")] if "p_bias" in a else [])])


def padding_of(padding: Any, rank: int) -> Any:
    return padding if isinstance(padding, str) else pair(padding, rank)


@module("Conv1d", "Conv2d", "Conv3d")
def conv(w: Words, a: Arrays, case: dict[str, Any]) -> Torch:
    rank = module_rank(case["op"])
    kernel = a["p_weight"].shape[2:]
    config = {"filters": len(a["p_weight"]), "kernel_size": kernel, "strides": pair(w.get("stride", 1), rank), "padding": padding_of(w.get("padding", 0), rank),
              "dilation_rate": pair(w.get("dilation", 1), rank), "groups": w.get("groups", 1), "use_bias": "p_bias" in a,
              "padding_mode": w.get("padding_mode", "zeros"), "data_format": "channels_first"}
    axes = (*range(2, 2 + rank), 1, 0)
    return Torch(lambda ins: make(L, f"Conv{rank}D", config)(ins[0]), [transposed("weight", axes), *([same("bias")] if "p_bias" in a else [])])


@module("ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d")
def conv_transpose(w: Words, a: Arrays, case: dict[str, Any]) -> Torch:
    rank = module_rank(case["op"])
    kernel, groups = a["p_weight"].shape[2:], w.get("groups", 1)
    inputs, outputs = a["p_weight"].shape[:2]
    config = {"filters": outputs, "kernel_size": kernel, "strides": pair(w.get("stride", 1), rank), "padding": padding_of(w.get("padding", 0), rank),
              "output_padding": pair(w["output_padding"], rank) if "output_padding" in w else None, "dilation_rate": pair(w.get("dilation", 1), rank),
              "use_bias": "p_bias" in a, "data_format": "channels_first"}
    axes = (*range(2, 2 + rank), 1, 0)
    if groups == 1:
        return Torch(lambda ins: make(L, f"Conv{rank}DTranspose", config)(ins[0]), [transposed("weight", axes), *([same("bias")] if "p_bias" in a else [])])
    share = inputs // groups  # each group is a layer of its own on its channels

    def build(ins: list[Any]) -> Any:
        last = L.Permute((*range(2, rank + 2), 1))(ins[0])
        flat_shape = (int(np.prod(a["x"].shape[2:])), inputs)
        one = L.Reshape(flat_shape)(last)
        parts = []
        for g in range(groups):
            channels = L.Permute((2, 1))(L.Cropping1D((g * share, inputs - (g + 1) * share))(L.Permute((2, 1))(one)))
            parts.append(make(L, f"Conv{rank}DTranspose", {**config, "data_format": "channels_last"})(L.Reshape((*a["x"].shape[2:], share))(channels)))
        return L.Permute((rank + 1, *range(1, rank + 1)))(L.Concatenate()(parts))

    def kernel_of(g: int) -> Turn:
        def back(d: np.ndarray) -> list[np.ndarray]:
            whole = np.zeros(a["p_weight"].shape)
            whole[g * share:(g + 1) * share] = d.transpose(np.argsort(axes))
            return [whole]
        return Turn(["weight"], lambda k: k[g * share:(g + 1) * share].transpose(axes), back)

    def bias_of(g: int) -> Turn:
        def back(d: np.ndarray) -> list[np.ndarray]:
            whole = np.zeros(a["p_bias"].shape)
            whole[g * outputs:(g + 1) * outputs] = d
            return [whole]
        return Turn(["bias"], lambda b: b[g * outputs:(g + 1) * outputs], back)
    return Torch(build, [turn for g in range(groups) for turn in (kernel_of(g), *([bias_of(g)] if "p_bias" in a else []))])


@module("MaxPool1d", "MaxPool2d", "MaxPool3d", "AvgPool1d", "AvgPool2d", "AvgPool3d")
def pool(w: Words, a: Arrays, case: dict[str, Any]) -> Torch:
    rank, largest = module_rank(case["op"]), case["op"].startswith("Max")
    size = pair(w["kernel_size"], rank)
    strides = w.get("stride")
    config = {"pool_size": size, "strides": size if strides is None else pair(strides, rank), "padding": pair(w.get("padding", 0), rank),
              "ceil_mode": bool(w.get("ceil_mode", False)), "data_format": "channels_first"}
    if w.get("divisor_override"):
        raise NotImplementedError("pooling with divisor_override")
    if "ceil_mode" not in w and not largest:  # the text of an AvgPool leaves it out
        floors = [(n + 2 * p - k) // s + 1 for n, p, k, s in zip(a["x"].shape[2:], config["padding"], size, config["strides"])]
        config["ceil_mode"] = tuple(floors) != a["dy"].shape[2:]
    config |= {"dilation_rate": pair(w.get("dilation", 1), rank)} if largest else {"count_include_pad": bool(w.get("count_include_pad", True))}
    return Torch(lambda ins: make(L, f"{'Max' if largest else 'Average'}Pooling{rank}D", config)(ins[0]))


@module(*(f"Adaptive{kind}Pool{rank}d" for kind in ("Avg", "Max") for rank in (1, 2, 3)))
def adaptive(w: Words, a: Arrays, case: dict[str, Any]) -> Torch:
    rank, largest = module_rank(case["op"]), case["op"].startswith("AdaptiveMax")
    channels, before = a["x"].shape[1], a["x"].shape[2:]
    size = tuple(n if m is None else m for n, m in zip(before, pair(w.get("output_size", w.get(0)), rank)))
    if all(n % m == 0 for n, m in zip(before, size)):  # windows of one size
        config = {"pool_size": tuple(n // m for n, m in zip(before, size)), "data_format": "channels_first"}
        return Torch(lambda ins: make(L, f"{'Max' if largest else 'Average'}Pooling{rank}D", config)(ins[0]))
    if largest:
        raise NotImplementedError(f"{case['op']} whose windows differ in size")
    shares = []
    for n, m in zip(before, size):  # the mean is a product with a fixed matrix for each dimension
        share = np.zeros((n, m))
        for i in range(m):
            low, high = i * n // m, -(-(i + 1) * n // m)
            share[low:high, i] = 1 / (high - low)
        shares.append(share)

    def build(ins: list[Any]) -> Any:
        y, letters = ins[0], "abcde"[:rank + 2]
        for d in range(rank):
            after = letters.replace(letters[d + 2], "z")
            y = L.EinsumDense(f"{letters},{letters[d + 2]}z->{after}", output_shape=(channels, *size[:d + 1], *before[d + 1:]))(y)
        return y
    return Torch(build, [fixed(share) for share in shares])


@module("BatchNorm1d", "BatchNorm2d", "BatchNorm3d")
def batch_norm(w: Words, a: Arrays, case: dict[str, Any]) -> Torch:
    affine, training, x = "p_weight" in a, bool(case["attrs"]["training"]), a["x"]
    if w.get("momentum", 0.1) is None or "buf_running_mean" not in a:
        raise NotImplementedError(f"{case['op']} without a moving average")
    keep = 1 - w.get("momentum", 0.1)
    turns = [same("weight"), same("bias")] if affine else []
    run = Torch(lambda ins: L.BatchNormalization(axis=1, momentum=keep, epsilon=w.get("eps", 1e-5), center=affine, scale=affine)(ins[0]),
                [*turns, Turn(["buf_running_mean"], lambda v: v, lambda g: []), Turn(["buf_running_var"], lambda v: v, lambda g: [])])

    def statistics(after: list[np.ndarray], training: bool) -> Arrays:
        mean, var = after[-2:]
        if training:  # torch's running variance is the unbiased one, Keras' is not
            n = x.size // x.shape[1]
            var = keep * a["buf_running_var"] + (var - keep * a["buf_running_var"]) * n / (n - 1)
        return {"new_buf_running_mean": mean, "new_buf_running_var": var}
    run.statistics = statistics
    return run


@module("LayerNorm")
def layer_norm(w: Words, a: Arrays, case: dict[str, Any]) -> Torch:
    shape = pair(w[0], 1)
    config = {"axis": list(range(-len(shape), 0)), "epsilon": w.get("eps", 1e-5), "scale": "p_weight" in a, "center": "p_bias" in a}
    return Torch(lambda ins: make(L, "LayerNormalization", config)(ins[0]), [same(n) for n in ("weight", "bias") if "p_" + n in a])


@module("RMSNorm")
def rms_norm(w: Words, a: Arrays, case: dict[str, Any]) -> Torch:
    shape, eps = pair(w[0], 1), w.get("eps")
    config = {"axis": list(range(-len(shape), 0)), "epsilon": float(np.finfo(np.float64).eps) if eps is None else eps}
    return Torch(lambda ins: make(L, "RMSNormalization", config)(ins[0]), [same("weight") if "p_weight" in a else fixed(np.ones(shape))])


@module("GroupNorm", "InstanceNorm1d", "InstanceNorm2d", "InstanceNorm3d")
def group_norm(w: Words, a: Arrays, case: dict[str, Any]) -> Torch:
    groups = w[0]  # an instance's norm is one of as many groups as channels
    config = {"groups": groups, "axis": 1, "epsilon": w.get("eps", 1e-5), "scale": "p_weight" in a, "center": "p_bias" in a}
    return Torch(lambda ins: make(L, "GroupNormalization", config)(ins[0]), [same(n) for n in ("weight", "bias") if "p_" + n in a])


@module("Embedding")
def embedding(w: Words, a: Arrays, case: dict[str, Any]) -> Torch:
    rest = w.get("padding_idx")
    if rest is None:
        return Torch(lambda ins: L.Embedding(*a["p_weight"].shape)(ins[0]), [same("weight")])

    def build(ins: list[Any]) -> Any:  # a row that takes part but never learns: of a table that does not train
        learns, rests = L.Embedding(*a["p_weight"].shape)(ins[0]), L.Embedding(*a["p_weight"].shape, trainable=False)(ins[0])
        return L.Add()([L.Multiply()([learns, Differs(rest)(ins[0])]), L.Multiply()([rests, Equals(rest)(ins[0])])])
    return Torch(build, [same("weight"), Turn(["weight"], lambda v: v, lambda g: [np.zeros(g.shape)])])


class Differs(L.Layer):
    """1 where x is another number, 0 where it is this one, with a last dimension."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = float(number)

    def call(self, x: Any) -> Any:
        return fire.ops.expand_dims(fire.ops.where(fire.ops.equal(x, self.number), 0.0, 1.0), -1)


class Equals(Differs):
    """The other way round."""

    def call(self, x: Any) -> Any:
        return fire.ops.expand_dims(fire.ops.where(fire.ops.equal(x, self.number), 1.0, 0.0), -1)


@module("EmbeddingBag")
def embedding_bag(w: Words, a: Arrays, case: dict[str, Any]) -> Torch:
    mode = w.get("mode", "mean")
    words = L.Embedding

    def build(ins: list[Any]) -> Any:
        rows = words(*a["p_weight"].shape)(ins[0])
        if mode == "max":
            return L.GlobalMaxPooling1D()(rows)
        mean = L.GlobalAveragePooling1D()(rows)
        return L.Rescaling(float(a["x"].shape[1]))(mean) if mode == "sum" else mean
    return Torch(build, [same("weight")])


# Gates of a cell, torch's order in ours.
GATES = {"RNN": [0], "LSTM": [0, 1, 2, 3], "GRU": [1, 0, 2]}


def gates(kind: str, w: np.ndarray) -> np.ndarray:
    """Blocks of the first dimension in the other order; its own inverse."""
    blocks = np.split(w, len(GATES[kind]))
    return np.concatenate([blocks[g] for g in GATES[kind]])


def cell_turns(kind: str, end: str, bias: bool) -> list[Turn]:
    kernel = lambda name: Turn([name], lambda w: gates(kind, w).T, lambda g: [gates(kind, g.T)])
    turns = [kernel("weight_ih" + end), kernel("weight_hh" + end)]
    if bias and kind == "GRU":
        turns.append(Turn(["bias_ih" + end, "bias_hh" + end], lambda i, h: np.stack([gates(kind, i), gates(kind, h)]), lambda g: [gates(kind, g[0]), gates(kind, g[1])]))
    elif bias:
        turns.append(summed(["bias_ih" + end, "bias_hh" + end]))
    return turns


@module("RNN", "LSTM", "GRU")
def recurrent(w: Words, a: Arrays, case: dict[str, Any]) -> Torch:
    kind = case["op"]
    if w.get("proj_size"):
        raise NotImplementedError("LSTM(proj_size): no projected state")
    if a.get("x", a.get("x0")).ndim != 3:
        raise NotImplementedError(f"{kind} of one sequence without a batch")
    units, depth, both, bias = w[1], w.get("num_layers", 1), w.get("bidirectional", False), w.get("bias", True)
    name = {"RNN": "SimpleRNN"}.get(kind, kind)
    config = {"units": units, "use_bias": bias, "return_sequences": True, "return_state": True}
    if kind == "RNN":
        config["activation"] = w.get("nonlinearity", "tanh")
    if "lengths" in w:
        config["zero_output_for_mask"] = True

    def build(ins: list[Any]) -> Any:
        y, hidden, cells, sides = ins[0], [], [], 2 if both else 1
        for d in range(depth):
            layer = make(L, name, config)
            begin = [one_of(states, d * sides + side, depth * sides, units) for side in range(sides) for states in ins[1:]]
            y, *states = (L.Bidirectional(layer) if both else layer)(y, **({"initial_state": begin} if begin else {}))
            of_one = 2 if kind == "LSTM" else 1
            hidden += states[::of_one]
            cells += states[1::of_one] if kind == "LSTM" else []
        return [y, *hidden, *cells]
    n_states = depth * (2 if both else 1)
    ends = [f"_l{d}{side}" for d in range(depth) for side in (("", "_reverse") if both else ("",))]
    run = Torch(build, [turn for end in ends for turn in cell_turns(kind, end, bias)])
    turn = (lambda x: x) if w.get("batch_first") else (lambda x: x.swapaxes(0, 1))
    run.x_in = run.x_out = lambda i, x: x.swapaxes(0, 1) if i else turn(x)  # states are [layers, n, units]
    run.dy_in = lambda dys: [turn(dys[0]), *(state for part in dys[1:] for state in part)]
    run.y_out = lambda ys: [turn(ys[0]), *(np.stack(ys[1 + k:1 + k + n_states]) for k in range(0, len(ys) - 1, n_states))]
    if "lengths" in w:
        run.mask = np.arange(a["x"].shape[1 if w.get("batch_first") else 0])[None] < np.asarray(w["lengths"])[:, None]
    return run


def one_of(states: Any, k: int, n: int, units: int) -> Any:
    """The k-th of n states [n, units] in a row."""
    return L.Reshape((units,))(L.Cropping1D((k, n - 1 - k))(states))


@module("LSTMCell", "GRUCell", "RNNCell")
def cell(w: Words, a: Arrays, case: dict[str, Any]) -> Torch:
    kind = case["op"].removesuffix("Cell")
    name, bias = {"RNN": "SimpleRNN"}.get(kind, kind), "p_bias_ih" in a
    config = {"units": w[1], "use_bias": bias, "return_state": True, **({"activation": w.get("nonlinearity", "tanh")} if kind == "RNN" else {})}

    def build(ins: list[Any]) -> Any:
        x = L.Reshape((1, w[0]))(ins[0])
        return make(L, name, config)(x, **({"initial_state": ins[1:]} if ins[1:] else {}))[1:]
    return Torch(build, cell_turns(kind, "", bias))


def attention_turns(prefix: str, heads: int, width: int, bias: bool = True, apart: bool = False) -> list[Turn]:
    """torch's [3 width, width] of query, key and value, or three arrays where their widths differ, as our three of [inputs, heads, width / heads];
    then that of the output."""
    of = width // heads
    turns = []
    for k, letter in enumerate("qkv"):
        def back(g: np.ndarray, k: int = k) -> list[np.ndarray]:
            whole = np.zeros((3 * width, width))
            whole[k * width:(k + 1) * width] = g.reshape(width, width).T
            return [whole]

        def back_bias(g: np.ndarray, k: int = k) -> list[np.ndarray]:
            whole = np.zeros(3 * width)
            whole[k * width:(k + 1) * width] = g.reshape(width)
            return [whole]
        if apart:
            turns.append(Turn([f"{prefix}{letter}_proj_weight"], lambda w: w.T.reshape(-1, heads, of), lambda g: [g.reshape(-1, width).T]))
        else:
            turns.append(Turn([prefix + "in_proj_weight"], lambda w, k=k: w[k * width:(k + 1) * width].T.reshape(width, heads, of), back))
        if bias:
            turns.append(Turn([prefix + "in_proj_bias"], lambda b, k=k: b[k * width:(k + 1) * width].reshape(heads, of), back_bias))
    turns.append(Turn([prefix + "out_proj.weight"], lambda w: w.T.reshape(heads, of, width), lambda g: [g.reshape(width, width).T]))
    return [*turns, same(prefix + "out_proj.bias")] if bias else turns


@module("MultiheadAttention")
def attention(w: Words, a: Arrays, case: dict[str, Any]) -> Torch:
    """Called with query, key and value, or with one array for all three; scores come where there is a second output."""
    alone, scores = "x" in a, "dy1" in a
    query = a["x" if alone else "x0"]
    width, heads, bias = query.shape[2], w["num_heads"], "p_in_proj_bias" in a
    first = not scores or query.shape[0] == a["dy1"].shape[0]  # the scores are [n, queries, keys] anyway

    def build(ins: list[Any]) -> Any:
        q, k, v = (ins[0],) * 3 if alone else ins
        return make(L, "MultiHeadAttention", {"num_heads": heads, "key_dim": width // heads, "use_bias": bias, "return_attention_scores": scores})([q, v, k])
    run = Torch(build, attention_turns("", heads, width, bias, "p_q_proj_weight" in a))
    turn = (lambda x: x) if first else (lambda x: x.swapaxes(0, 1))
    run.x_in = run.x_out = lambda i, x: turn(x)
    run.y_out = lambda ys: [turn(ys[0]), *(one.mean(1) for one in ys[1:])]  # torch gives the mean over heads
    run.dy_in = lambda dys: [turn(dys[0]), *(np.repeat(one[:, None] / heads, heads, 1) for one in dys[1:])]
    return run


@module("TransformerEncoderLayer")
def encoder(w: Words, a: Arrays, case: dict[str, Any]) -> Torch:
    width, heads, inner = a["x"].shape[2], w["nhead"], len(a["p_linear1.weight"])

    def build(ins: list[Any]) -> Any:
        x = ins[0]
        x = L.LayerNormalization(epsilon=1e-5)(L.Add()([x, L.MultiHeadAttention(heads, width // heads)([x, x])]))
        return L.LayerNormalization(epsilon=1e-5)(L.Add()([x, L.Dense(width)(L.Dense(inner, "relu")(x))]))
    return Torch(build, [*attention_turns("self_attn.", heads, width), same("norm1.weight"), same("norm1.bias"), transposed("linear1.weight"), same("linear1.bias"),
                         transposed("linear2.weight"), same("linear2.bias"), same("norm2.weight"), same("norm2.bias")])


def by_name(name: str) -> Callable[[Words, Arrays, dict[str, Any]], Torch]:
    return lambda w, a, case: Torch(lambda ins: L.Activation(name)(ins[0]))


for torch_name, ours in (("ReLU", "relu"), ("ReLU6", "relu6"), ("SELU", "selu"), ("SiLU", "silu"), ("Mish", "mish"), ("Hardswish", "hard_silu"),
                         ("Hardsigmoid", "hard_sigmoid"), ("Softsign", "softsign"), ("Tanh", "tanh"), ("Sigmoid", "sigmoid"), ("LogSigmoid", "log_sigmoid")):
    MODULES[torch_name] = by_name(ours)


@module("Identity", "Flatten", "Dropout", "Softmin", "Softmax2d", "Hardshrink", "Softshrink", "Tanhshrink", "Unflatten")
def small(w: Words, a: Arrays, case: dict[str, Any]) -> Torch:
    op, shape = case["op"], a["x"].shape
    if op == "Dropout" and case["attrs"]["training"] and w["p"] > 0:
        raise NotImplementedError("Dropout draws other numbers")
    if op == "Softmin":
        return Torch(lambda ins: L.Softmax(axis=w["dim"] % len(shape))(L.Rescaling(-1.0)(ins[0])))
    if op in ("Hardshrink", "Softshrink"):  # ours begins at a half
        scale = 2 * w.get(0, w.get("lambd", 0.5))
        return Torch(lambda ins: L.Rescaling(scale)(L.Activation(f"{op[:4].lower()}_shrink")(L.Rescaling(1 / scale)(ins[0]))))
    layers: dict[str, Callable[[], Any]] = {"Softmax2d": lambda: L.Softmax(axis=1), "Tanhshrink": lambda: L.Activation("tanh_shrink"), "Flatten": L.Flatten,
                                            "Unflatten": lambda: L.Reshape(a["dy"].shape[1:])}
    return Torch(lambda ins: layers.get(op, lambda: L.Activation("linear"))()(ins[0]))


@module("LeakyReLU", "ELU", "GELU", "Hardtanh", "CELU", "Softplus", "PReLU", "Softmax", "LogSoftmax", "GLU")
def activation(w: Words, a: Arrays, case: dict[str, Any]) -> Torch:
    op, x = case["op"], a["x"]
    if op == "LeakyReLU":
        return Torch(lambda ins: L.LeakyReLU(w.get("negative_slope", 0.01))(ins[0]))
    if op == "ELU":
        return Torch(lambda ins: L.ELU(w.get("alpha", 1.0))(ins[0]))
    if op == "GELU":
        return by_name("gelu" if w.get("approximate", "none") == "none" else "gelu_tanh")(w, a, case)
    if op == "Hardtanh":  # from low to high
        low, high = w.get("min_val", -1.0), w.get("max_val", 1.0)
        return Torch(lambda ins: L.Rescaling((high - low) / 2, (high + low) / 2)(L.Activation("hard_tanh")(L.Rescaling(2 / (high - low), -(high + low) / (high - low))(ins[0]))))
    if op == "CELU":
        alpha = w.get("alpha", 1.0)
        return Torch(lambda ins: L.Rescaling(alpha)(L.Activation("celu")(L.Rescaling(1 / alpha)(ins[0]))))
    if op == "Softplus":  # x itself where beta x is above the threshold
        beta, threshold = w.get("beta", 1.0), w.get("threshold", 20.0)

        def softplus(ins: list[Any]) -> Any:
            scaled = L.Rescaling(float(beta))(ins[0])
            low = L.Activation("step")(L.Rescaling(-1.0, float(threshold))(scaled))
            return L.Rescaling(1 / beta)(L.Add()([L.Multiply()([L.Activation("softplus")(scaled), low]), L.ReLU(threshold=float(threshold))(scaled)]))
        return Torch(softplus)
    if op == "PReLU":
        one = len(a["p_weight"]) == 1
        axes = list(range(1, x.ndim)) if one else list(range(2, x.ndim))
        shape = (1,) * (x.ndim - 1) if one else (len(a["p_weight"]), *(1,) * (x.ndim - 2))
        return Torch(lambda ins: make(L, "PReLU", {"shared_axes": axes})(ins[0]), [Turn(["weight"], lambda v: v.reshape(shape), lambda g: [g.reshape(-1)])])
    axis = w.get("dim", w.get(0)) % x.ndim
    if op == "Softmax":
        return Torch(lambda ins: L.Softmax(axis=axis)(ins[0]))
    to_last = [d for d in range(1, x.ndim) if d != axis] + [axis]  # the others know the last dimension alone
    turn = lambda y, order: y if order == list(range(1, x.ndim)) else L.Permute(order)(y)
    name = {"LogSoftmax": "log_softmax", "GLU": "glu"}[op]
    return Torch(lambda ins: turn(L.Activation(name)(turn(ins[0], to_last)), [int(i) + 1 for i in np.argsort(to_last)]))


@module("LPPool2d")
def lp_pool(w: Words, a: Arrays, case: dict[str, Any]) -> Torch:
    power, kernel = float(w["norm_type"]), pair(w["kernel_size"], 2)
    config = {"pool_size": kernel, "strides": pair(w.get("stride") or kernel, 2), "data_format": "channels_first", "ceil_mode": bool(w.get("ceil_mode", False))}

    def build(ins: list[Any]) -> Any:  # the sum of powers of each window is their mean times its size
        mean = make(L, "AveragePooling2D", config)(Power(power)(ins[0]))
        return Power(1 / power)(L.Rescaling(float(np.prod(kernel)))(mean))
    return Torch(build)


class Power(L.Layer):
    """x to a fixed power."""

    def __init__(self, exponent: float) -> None:
        super().__init__()
        self.exponent = exponent

    def call(self, x: Any) -> Any:
        return fire.ops.power(x, self.exponent)


@module("LocalResponseNorm")
def lrn(w: Words, a: Arrays, case: dict[str, Any]) -> Torch:
    size, alpha, beta, k = w[0], w.get("alpha", 1e-4), w.get("beta", 0.75), w.get("k", 1.0)
    shape = a["x"].shape[1:]

    def build(ins: list[Any]) -> Any:  # the mean of squares of neighbouring channels
        squares = L.Reshape((shape[0], int(np.prod(shape[1:]))))(Power(2.0)(ins[0]))
        near = L.AveragePooling1D(size, strides=1, padding=[size // 2, (size - 1) // 2], count_include_pad=True)(squares)
        return L.Multiply()([ins[0], L.Reshape(shape)(Power(-beta)(L.Rescaling(alpha, k)(near)))])
    return Torch(build)


@module("ReflectionPad1d", "ReflectionPad2d", "ReplicationPad1d", "ReplicationPad2d", "CircularPad1d", "CircularPad2d", "ZeroPad1d", "ZeroPad2d")
def pad(w: Words, a: Arrays, case: dict[str, Any]) -> Torch:
    rank, x = module_rank(case["op"]), a["x"]
    ends = pair(w[0] if 0 in w else w["padding"], 2 * rank)
    before_behind = [n for d in reversed(range(rank)) for n in ends[2 * d:2 * d + 2]]  # torch begins with the last dimension
    mode = {"Reflection": "reflect", "Replication": "replicate", "Circular": "circular", "Zero": "zeros"}[case["op"].split("Pad")[0]]
    config = {"filters": x.shape[1], "kernel_size": (1,) * rank, "padding": before_behind, "padding_mode": mode, "use_bias": False, "data_format": "channels_first"}
    return Torch(lambda ins: make(L, f"Conv{rank}D", config)(ins[0]), [fixed(np.eye(x.shape[1]).reshape(*(1,) * rank, x.shape[1], x.shape[1]))])  # a convolution that changes nothing else


@module("PixelShuffle")
def pixel_shuffle(w: Words, a: Arrays, case: dict[str, Any]) -> Torch:
    r, (_, c, height, width) = w.get("upscale_factor", w.get(0)), a["x"].shape
    return Torch(lambda ins: L.Reshape((c // r // r, height * r, width * r))(L.Permute((1, 4, 2, 5, 3))(L.Reshape((c // r // r, r, r, height, width))(ins[0]))))


@module("Unfold")
def unfold(w: Words, a: Arrays, case: dict[str, Any]) -> Torch:
    """Windows as columns: a convolution with one filter for each place of the window."""
    c, kernel = a["x"].shape[1], pair(w["kernel_size"], 2)
    columns = c * kernel[0] * kernel[1]
    filters = np.eye(columns).reshape(c, *kernel, columns).transpose(1, 2, 0, 3)
    config = {"filters": columns, "kernel_size": kernel, "strides": pair(w.get("stride", 1), 2), "dilation_rate": pair(w.get("dilation", 1), 2),
              "padding": pair(w.get("padding", 0), 2), "use_bias": False, "data_format": "channels_first"}
    return Torch(lambda ins: L.Reshape((columns, -1))(make(L, "Conv2D", config)(ins[0])), [fixed(filters)])


@module("<lambda>")
def function(w: Words, a: Arrays, case: dict[str, Any]) -> Torch:
    """F.interpolate by its arguments, F.scaled_dot_product_attention by its three inputs."""
    if "x2" in a and not w:
        q, k, v = (a[f"x{i}"] for i in range(3))
        heads = q.shape[0] * q.shape[1]  # rows of our batch
        run = Torch(lambda ins: L.Attention(use_scale=True, use_causal_mask="causal" in case["name"])([ins[0], ins[2], ins[1]]), [fixed(np.asarray(1 / np.sqrt(q.shape[-1])))])
        run.x_in = lambda i, x: x.reshape(heads, *x.shape[2:])
        run.x_out = lambda i, x: x.reshape(a[f"x{i}"].shape)
        run.dy_in = lambda dys: [dys[0].reshape(heads, *dys[0].shape[2:])]
        run.y_out = lambda ys: [ys[0].reshape(*q.shape[:2], *ys[0].shape[1:])]
        return run
    if "mode" not in w:
        raise NotImplementedError("a function that the manifest does not name")
    before = a["x"].shape[2:]
    size = [n * w["scale_factor"] for n in before] if "scale_factor" in w else pair(w["size"], len(before))
    if len(before) != 2:
        raise NotImplementedError(f"interpolate({dict(w)}) of other than pictures")
    if w["mode"] == "bilinear":
        config = {"height": int(size[0]), "width": int(size[1]), "align_corners": bool(w.get("align_corners")), "data_format": "channels_first"}
        return Torch(lambda ins: make(L, "Resizing", config)(ins[0]))
    if w["mode"] not in ("nearest",) or any(n % m for n, m in zip(size, before)):
        raise NotImplementedError(f"interpolate({dict(w)}): UpSampling2D repeats numbers a whole number of times, as Keras")
    config = {"size": [int(n // m) for n, m in zip(size, before)], "interpolation": w["mode"], "data_format": "channels_first"}
    return Torch(lambda ins: make(L, "UpSampling2D", config)(ins[0]))


def _layer(case: dict[str, Any], a: Arrays) -> Arrays:
    if case["op"] not in MODULES:
        raise NotImplementedError(f"{case['op']}: no such layer")
    run = MODULES[case["op"]](words_of(case), a, case)
    x_names, dy_names = numbered(a, "x"), numbered(a, "dy")
    xs = [run.x_in(i, a[name]) for i, name in enumerate(x_names)]
    build, xs = masked(run.build, run.mask, xs)
    take = lambda name: a[name] if name.startswith("buf_") else a["p_" + name]
    training = bool(case["attrs"].get("training")) and run.statistics is not None
    ys, by_weight, by_x, after = forward_backward(build, xs, [turn.forward(*(take(name) for name in turn.names)) for turn in run.weights],
                                                  run.dy_in([a[name] for name in dy_names]), training)
    found: Arrays = {**named("y", [name[1:] for name in dy_names], run.y_out(ys)), **named("dx", x_names, [run.x_out(i, x) for i, x in enumerate(by_x)])}
    for turn, g in zip(run.weights, by_weight):
        for name, back in zip(turn.names, turn.back(g)):
            found["dp_" + name] = found.get("dp_" + name, 0) + back
    return {**found, **(run.statistics(after, training) if run.statistics else {})}


# ---- losses: the mean over everything, where Keras' is one over the last dimension and then over the rest: the same but for a sum

def _loss(case: dict[str, Any], a: Arrays) -> Arrays:
    op, w, losses = case["op"], words_of(case), fire.losses
    pred, true = a["pred"], a["target0"]
    reduction = w.get("reduction", "mean")
    weight = w.get("weight")
    if w.get("full") or weight is not None and op in ("BCELoss", "BCEWithLogitsLoss"):
        raise NotImplementedError(f"{op}({', '.join(str(name) for name in w)})")
    if op in ("CrossEntropyLoss", "NLLLoss"):
        to_last = (0, *range(2, pred.ndim), 1)  # classes are torch's second dimension
        moved = pred.transpose(to_last)
        smoothing = w.get("label_smoothing", 0.0)
        name, given = op, {"weight": weight, "ignore_class": w.get("ignore_index", -100)}
        if op == "CrossEntropyLoss" and (smoothing or true.dtype.kind == "f"):
            if weight is not None or true.dtype.kind != "f" and (true < 0).any():
                raise NotImplementedError("CrossEntropyLoss of probabilities with weight or ignore_index")
            if true.dtype.kind != "f":
                true = np.eye(moved.shape[-1])[true]
            elif true.ndim > 1:
                true = true.transpose(to_last)
            name, given = "CategoricalCrossentropy", {"from_logits": True, "label_smoothing": smoothing}
        elif op == "CrossEntropyLoss":
            name, given = "SparseCategoricalCrossentropy", {"from_logits": True, **given}
        found = loss_of(make(losses, name, {**given, **({"reduction": "sum"} if reduction == "sum" else {})}), moved, true)
        return {"loss": found["loss"], "dpred": found["dpred"].transpose(np.argsort(to_last))}
    if op == "CTCLoss":
        n, loss, by = true.shape[0], 0.0, np.zeros(pred.shape)  # [steps, n, classes]
        if w.get("blank", 0) or reduction != "mean":
            raise NotImplementedError(f"CTCLoss({dict(w)})")
        for i, (steps, words) in enumerate(zip(a["target1"], a["target2"])):  # each row has a length of its own; torch divides by that of its target
            one = loss_of(make(losses, "CTC", {}), pred[None, :steps, i], true[None, i, :words])
            loss += one["loss"] / max(words, 1) / n
            by[:steps, i] = one["dpred"][0] / max(words, 1) / n
        return {"loss": np.asarray(loss), "dpred": by}
    kinds: dict[str, tuple[str, dict[str, Any]]] = {
        "MSELoss": ("MeanSquaredError", {}), "L1Loss": ("MeanAbsoluteError", {}), "SmoothL1Loss": ("SmoothL1Loss", {"beta": w.get("beta", 1.0)}),
        "HuberLoss": ("Huber", {"delta": w.get("delta", 1.0)}), "BCELoss": ("BinaryCrossentropy", {}),
        "BCEWithLogitsLoss": ("BinaryCrossentropy", {"from_logits": True, "pos_weight": w.get("pos_weight")}),
        "KLDivLoss": ("KLDivLoss", {"log_target": w.get("log_target", False)}), "PoissonNLLLoss": ("PoissonNLLLoss", {"log_input": w.get("log_input", True)}),
        "MultiMarginLoss": ("MultiMarginLoss", {"p": w.get("p", 1), "margin": w.get("margin", 1.0), "weight": weight})}
    if op not in kinds:
        raise NotImplementedError(f"{op}: no such loss")
    kind, config = kinds[op]
    shape, rows = pred.shape, kind in ("KLDivLoss", "MultiMarginLoss")  # a value for each row
    if reduction == "sum":
        config["reduction"] = "sum"
    if not rows and "pos_weight" not in w:
        pred, true = pred.reshape(-1, 1), true.reshape(-1, 1)  # so that torch's sum, over all numbers, is Keras', over rows
    found = loss_of(make(losses, kind, config), pred, true)
    factor = 1 / shape[-1] if kind == "KLDivLoss" and reduction == "mean" else 1  # its mean is over all numbers, its "batchmean" over rows
    return {"loss": found["loss"] * factor, "dpred": found["dpred"].reshape(shape) * factor}


# ---- optimizers

def _optimizer(case: dict[str, Any], a: Arrays) -> Arrays:
    op, w, rate = case["op"], words_of(case), case["attrs"]["lr"]
    for name in ("maximize", "differentiable"):
        if w.get(name):
            raise NotImplementedError(f"{op}({name})")
    betas = dict(zip(("beta_1", "beta_2"), w.get("betas", ())))
    epsilon = {"epsilon": w["eps"]} if "eps" in w else {}
    if w.get("eps", 0) > 1e-6 and op in ("Adam", "AdamW", "Adamax", "Adagrad", "RMSprop", "NAdam", "RAdam"):
        raise NotImplementedError(f"{op}(eps={w['eps']}): Keras has epsilon in another place, which is to be seen where it is not tiny")
    sched = w.get("sched")
    untold = {"StepLR": "step_size", "CosineAnnealingLR": "T_max", "OneCycleLR": "max_lr"}.get(sched)
    if untold is not None and untold not in w:
        raise NotImplementedError(f"{sched}: the case does not tell its {untold}")
    schedules = getattr(fire.optimizers, "schedules", None)
    if sched == "StepLR":
        rate = make(schedules, sched, {"initial_learning_rate": rate, "step_size": w["step_size"], "gamma": w["gamma"]})
    elif sched == "CosineAnnealingLR":
        rate = make(schedules, sched, {"initial_learning_rate": rate, "T_max": w["T_max"]})
    elif sched == "OneCycleLR":
        rate = make(schedules, sched, {"max_lr": w["max_lr"], "total_steps": w["total_steps"]})
    elif sched:
        raise NotImplementedError(sched)
    kinds: dict[str, tuple[str, dict[str, Any]]] = {
        "SGD": ("SGD", {"momentum": w.get("momentum", 0), "nesterov": w.get("nesterov", False), "dampening": w.get("dampening", 0)}),
        "RMSprop": ("RMSprop", {"rho": w.get("alpha"), "momentum": w.get("momentum"), "centered": w.get("centered"), **epsilon}),
        "Adam": ("Adam", {**betas, **epsilon, "amsgrad": w.get("amsgrad", False)}), "AdamW": ("AdamW", {**betas, **epsilon, "amsgrad": w.get("amsgrad", False)}),
        "Adagrad": ("Adagrad", {"initial_accumulator_value": w.get("initial_accumulator_value", 0), **epsilon}), "Adadelta": ("Adadelta", {"rho": w.get("rho"), **epsilon}),
        "Adamax": ("Adamax", {**betas, **epsilon}), "NAdam": ("Nadam", {**betas, **epsilon, "momentum_decay": w.get("momentum_decay")}), "RAdam": ("RAdam", {**betas, **epsilon}),
        "Rprop": ("Rprop", {"eta_minus": w.get("etas", (0.5, 1.2))[0], "eta_plus": w.get("etas", (0.5, 1.2))[1], "min_step": w.get("step_sizes", (1e-6, 50))[0],
                            "max_step": w.get("step_sizes", (1e-6, 50))[1]})}
    if op not in kinds:
        raise NotImplementedError(f"{op}: no such optimizer")
    kind, config = kinds[op]
    if w.get("lr_decay"):
        rate = make(schedules, "InverseTimeDecay", {"initial_learning_rate": rate, "decay_steps": 1, "decay_rate": w["lr_decay"]})
    dense = {}
    if w.get("weight_decay"):
        if w.get("decoupled_weight_decay") or op == "AdamW":
            config["weight_decay"] = w["weight_decay"]
        else:  # through the gradient: that of a penalty
            dense["kernel_regularizer"] = make(fire.regularizers, "L2", {"l2": w["weight_decay"] / 2})
    elif kind == "AdamW":
        config["weight_decay"] = 0.0
    if "clip_grad_norm" in w:
        config["global_clipnorm"] = w["clip_grad_norm"]
    return descend(make(fire.optimizers, kind, {"learning_rate": rate, **config}), a, **dense)


def run(case: dict[str, Any], arrays: Arrays) -> Arrays:
    kinds = {"layer": _layer, "loss": _loss, "optimizer": _optimizer}
    if case["kind"] not in kinds:
        raise NotImplementedError(case["kind"])
    return kinds[case["kind"]](case, arrays)
