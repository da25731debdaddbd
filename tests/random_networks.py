"""random_networks - networks of random layers with attributes in and out of range, for hypothesis: each works or is refused in one sentence that
names the layer or the attribute. A crash ends the process, which no test survives."""
from __future__ import annotations

import random
from typing import Any

import firesteel as fire
import numpy as np
from configurations import CATALOG, LAYERS, LOSSES, SWITCHES, WHOLE
from firesteel import layers as L
from firesteel.errors import FiresteelError
from hypothesis import strategies as st

INITIALIZERS = [entry["name"] for entry in CATALOG if entry["kind"] == "initializer"]
REGULARIZERS = ["L1", "L2 l2=0.01", "L1L2 l1=0.1 l2=0.1", "L1", "L2", "OrthogonalRegularizer", "L3"]
CONSTRAINTS = ["MaxNorm max_value=2", "NonNeg", "UnitNorm", "MinMaxNorm", "MaxNorm", "Nothing"]
INNER = ["Dense units=2", "LSTM units=2 return_sequences=true", "GRU units=2", "Flatten", "Dense units=0", "Conv1D filters=2 kernel_size=[2]", "Nothing", "LSTM", ""]
WILD = [0, -1, -2, -5, 7, 31, 2**31 - 1, 2**31, 2**40, 2**62, 2**63 - 1, -2**63, 1 << 24, 1 << 30]
KINDS = sorted(set(LAYERS) - {"Input", "Function"})


def whole(r: random.Random, attr: dict[str, Any]) -> int:
    if r.random() < 0.05:
        low, high = attr.get("min", -2**63), attr.get("max", 2**63)
        # Legal but huge is a matter of memory alone.
        return r.choice([n for n in [*WILD, int(min(high, 2**62)) + 1, int(low) - 1] if not (low <= n <= high and n > 1000)])
    return r.randint(int(max(attr.get("min", -3), -3)), 4)


def real(r: random.Random, attr: dict[str, Any]) -> float:
    if r.random() < 0.06:
        return r.choice([-1.0, 0.0, 1.0, 2.0, 1e30, -1e300, 1e-300, float(attr.get("max", 1)), float(attr.get("min", 0))])
    return round(r.uniform(0, 1), 3)


def value_of(r: random.Random, attr: dict[str, Any]) -> Any:
    """A value of an attribute's type, in its range more often than not."""
    kind, name = attr["type"], attr["name"]
    if kind == "bool":
        return r.random() < 0.5
    if kind == "int":
        return whole(r, attr)
    if kind == "float":
        return real(r, attr)
    if kind == "ints":
        return tuple(whole(r, attr) for _ in range(r.choice([0, 1, 1, 2, 2, 3, 4])))
    if kind == "floats":
        return tuple(real(r, attr) for _ in range(r.choice([0, 1, 2, 3])))
    if r.random() < 0.015:
        return r.choice(["", "nothing", "relu", "a" * 2000, "[1,", '"', "x=1 y=2", "\u00e9\u4e00"])
    if attr.get("choices"):
        return r.choice(attr["choices"].split("|"))
    if name.endswith("initializer"):
        return r.choice(INITIALIZERS)
    if name.endswith("regularizer"):
        return r.choice(REGULARIZERS)
    if name.endswith("constraint"):
        return r.choice(CONSTRAINTS)
    if "layer" in name:
        return r.choice(INNER)
    if name == "padding":
        return r.choice(["valid", "same", "causal", "[1]", "[1,0]", "[0,1,2,0]", "[-1]", "[9999999999]", "full"])
    if name == "equation":
        return r.choice(["ab,bc->ac", "abc,cd->abd", "abc,cde->abde", "...x,xy->...y", "ab,bc", "ab->ab", "aab,bc->ac", ",->", "abc,bd->acd", "ab,bc->acz"])
    return r.choice(["a", "b", "bc", "c", "de", ""])


NEEDED = ("units", "filters", "kernel_size", "rate", "stddev", "num_heads", "key_dim", "n", "target_shape", "dims", "input_dim", "output_dim", "layer", "equation", "output_shape", "axes",
          "num_tokens", "num_bins", "scale", "head_dim", "num_query_heads", "num_key_value_heads", "vocabulary_size", "bin_boundaries", "activation")


def layer_text(r: random.Random, kind: str) -> dict[str, Any]:
    given = {}
    for attr in LAYERS[kind]["attrs"]:
        needed = attr["name"] in NEEDED and not attr["name"].startswith("recurrent")
        if r.random() < (0.97 if needed else 0.15):
            given[attr["name"]] = value_of(r, attr)
    return given


def shape_of(r: random.Random) -> tuple[int, ...]:
    if r.random() < 0.04:
        return tuple(r.choice([0, -1, 2**31, 2**40, 2**62, 3]) for _ in range(r.randint(1, 4)))
    return tuple(r.randint(1, 6) for _ in range(r.choice([0, 1, 1, 2, 2, 2, 3, 3, 4, 5, 9]) if r.random() < 0.3 else r.choice([1, 2, 3])))


seeds = st.integers(0, 2**63)


def size_of(shape: Any) -> int:
    shapes = shape if isinstance(shape, list) else [shape]
    total = 0
    for one in shapes:
        n = 1
        for d in one:
            n *= d or 1
        total += n
    return total


def attempt(seed: int) -> str:
    """Build a random network and take one step. What came of it: "works", or the code of the error; AssertionError where the error is no sentence
    that helps."""
    r = random.Random(seed)
    rng = np.random.default_rng(seed % 2**32)
    kinds = [r.choice(KINDS) for _ in range(r.choice([1, 1, 1, 2, 3]))]
    attrs = [layer_text(r, kind) for kind in kinds]
    shapes = [shape_of(r) for _ in range(r.choice([1, 1, 1, 2, 2, 3]) if r.random() < 0.4 else 1)]
    if len(shapes) > 1 and r.random() < 0.7:
        shapes = [shapes[0]] * len(shapes)
    said = " ".join(kinds) + " " + " ".join(name for given in attrs for name in given)
    try:
        inputs = [fire.Input(shape) for shape in shapes]
        tensors: list[Any] = [L.Masking(0.0)(inputs[0]) if r.random() < 0.15 else inputs[0], *inputs[1:]]
        for kind, given in zip(kinds, attrs):
            layer = L.Layer._restore(kind, "", " ".join(f"{name}={fire._text.value_text(value)}" for name, value in given.items()))
            out = layer(*tensors)
            tensors = out if isinstance(out, list) else [out]
        model = fire.Model(inputs, tensors, dtype=r.choice(["float32", "float64"]))
        big = size_of(model.output_shape) + size_of(model.input_shape) + sum(size_of(layer.output_shape) for layer in model.layers) + model.count_params()
        if big > 20000:
            return "big"
        loss = r.choice(sorted(set(LOSSES) - {"Function"})) if r.random() < 0.3 else "mse"
        n_out, said = len(tensors), f"{said} {loss}"
        model.compile(r.choice(["sgd", "adam"]), [loss] * n_out if n_out > 1 else loss)
        n = r.randint(1, 4)
        xs = [rng.integers(0, 3, (n, *shape)).astype(float) if kinds[0] in WHOLE or (kinds[0], i) in SWITCHES else rng.normal(size=(n, *shape)) for i, shape in enumerate(shapes)]
        out_shapes = model.output_shape if n_out > 1 else [model.output_shape]
        ys = [rng.random((n, *shape[1:])) for shape in out_shapes]
        if r.random() < 0.1:  # targets of another shape
            ys[0] = rng.random((n, *(r.randint(0, 2) for _ in range(r.choice([0, 1, 2, 3, 4, 9])))))
        one = lambda parts: parts if len(parts) > 1 else parts[0]
        model.fit(one(xs), one(ys), epochs=1, batch_size=2, verbose=0)
        model.predict(one(xs))
        if r.random() < 0.2:
            model.set_weights([rng.random(w.shape[:-1] if w.ndim and r.random() < 0.3 else w.shape) for w in model.get_weights()])
        if r.random() < 0.2:
            model.to_bytes()
        return "works"
    except FiresteelError as problem:
        text = problem.message
        assert text and "\n" not in text and len(text) < 4000, (problem.code, text)
        if problem.code.startswith("FS1"):
            assert names_something(text, said), (problem.code, text, kinds, attrs, shapes)
        return problem.code


def names_something(text: str, said: str) -> bool:
    """Whether a message names a layer, an attribute, an input or what was called."""
    low = text.lower().replace("_", "")
    words = {word.lower().replace("_", "") for word in said.split()} | {"input", "masking", "loss", "fit", "setweights", "concatenate", "y", "shape", "meansquarederror"}
    return any(word in low for word in words)
