"""configurations - networks to try, made from the catalog: every example of every layer, every loss, every activation, masks. One list, so that a
layer or loss that is added is checked without being named here.

gradient_check compares gradients() with central differences of the loss in float64.
"""
from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from zlib import crc32

import firesteel as fire
import numpy as np
from firesteel import _core
from firesteel import layers as L

CATALOG = [json.loads(line) for line in _core.catalog().splitlines()]
LAYERS = {entry["name"]: entry for entry in CATALOG if entry["kind"] == "layer"}
LOSSES = {entry["name"]: entry for entry in CATALOG if entry["kind"] == "loss"}
EXAMPLES = [(entry["name"], entry["text"]) for entry in CATALOG if entry["kind"] == "example" and entry["name"] in LAYERS]
ACTIVATIONS = next(attr["choices"] for attr in LAYERS["Activation"]["attrs"] if attr["name"] == "activation").split("|")

# Data that a layer takes other than numbers: whole ones, or zeros and ones that say which places count.
WHOLE = {"Embedding", "CategoryEncoding", "Hashing", "IntegerLookup"}
SWITCHES = {("Softmax", 1), ("MultiHeadAttention", 3), ("GroupQueryAttention", 3)}
# Not by themselves: an Input is no layer of numbers, a Function has its own tests.
LEFT_OUT = {"Input", "Function"}

# What makes predictions of each loss from any numbers, and its targets. A loss that is not here takes numbers for numbers.
HEADS = {"BinaryCrossentropy": ("sigmoid", "bits"), "BinaryFocalCrossentropy": ("sigmoid", "bits"), "CategoricalCrossentropy": ("softmax", "shares"),
         "CategoricalFocalCrossentropy": ("softmax", "shares"), "CategoricalHinge": ("linear", "one"), "Hinge": ("linear", "signs"), "SquaredHinge": ("linear", "signs"),
         "KLDivLoss": ("log_softmax", "shares"), "KLDivergence": ("softmax", "shares"), "MeanAbsolutePercentageError": ("linear", "far"),
         "MeanSquaredLogarithmicError": ("softplus", "positive"), "MultiMarginLoss": ("linear", "classes"), "NLLLoss": ("log_softmax", "classes"),
         "Poisson": ("softplus", "positive"), "PoissonNLLLoss": ("linear", "positive"), "SparseCategoricalCrossentropy": ("softmax", "classes")}
LOGITS = {name for name, entry in LOSSES.items() if any(attr["name"] == "from_logits" for attr in entry["attrs"])}
VARIANTS = {"BinaryCrossentropy": ["label_smoothing=0.2", "pos_weight=[0.5,1,2]"], "BinaryFocalCrossentropy": ["gamma=1.5 apply_class_balancing=true"],
            "CategoricalCrossentropy": ["label_smoothing=0.1"], "CategoricalFocalCrossentropy": ["alpha=[0.2,0.3,0.5] gamma=1.5"], "Huber": ["delta=0.4"],
            "SmoothL1Loss": ["beta=0.4"], "MultiMarginLoss": ["p=2", "margin=0.5 weight=[1,2,0.5]"], "NLLLoss": ["weight=[0.5,1,2]"],
            "SparseCategoricalCrossentropy": ["weight=[0.5,1,2]", "ignore_class=1"], "MeanSquaredError": ["reduction=sum"]}


@dataclass
class Loss:
    text: str
    activation: str
    target: str

    def targets(self, rng: np.random.Generator, shape: Sequence[int]) -> np.ndarray:
        n = shape[-1]
        if self.target == "classes":
            return rng.integers(0, n, shape[:-1])
        if self.target == "one":
            return np.eye(n)[rng.integers(0, n, shape[:-1])]
        if self.target == "shares":
            return rng.dirichlet(np.ones(n), shape[:-1])
        numbers = rng.normal(size=shape)
        return {"bits": (numbers > 0) * 1.0, "signs": np.sign(numbers), "positive": np.abs(numbers) + 0.1, "far": np.sign(numbers) * (1 + np.abs(numbers)),
                "numbers": numbers}[self.target]


def losses() -> list[Loss]:
    made = []
    for name in LOSSES:
        if name in LEFT_OUT | {"CTC"}:
            continue
        activation, target = HEADS.get(name, ("linear", "numbers"))
        made.append(Loss(name, activation, target))
        made += [Loss(f"{name} {attrs}", activation, target) for attrs in VARIANTS.get(name, [])]
        if name in LOGITS:
            made.append(Loss(f"{name} from_logits=true", "linear", target))
    return made


@dataclass
class Configuration:
    """Layers one after the other, as texts, on inputs of `shapes`; then Dense(3) with the loss's activation."""

    name: str
    shapes: list[tuple[int, ...]]
    layers: list[str]
    loss: Loss
    steps: bool = False     # the loss is one of each step
    masked: bool = False    # some steps do not count
    weighted: bool = False  # rows have weights
    training: bool = False  # dropout and statistics of the batch are on
    switches: list[int] = field(default_factory=list)


def shapes_of(example: str) -> tuple[list[tuple[int, ...]], str]:
    """"[3,4] [5] units=2" as shapes and the rest."""
    shapes = []
    while found := re.match(r"\[([\d,]*)\]\s*", example):
        shapes.append(tuple(int(n) for n in found[1].split(",") if n))
        example = example[found.end():]
    return shapes, example


def all_configurations() -> list[Configuration]:
    made: list[Configuration] = []
    every = losses()
    turn = 0

    def add(name: str, shapes: Sequence[tuple[int, ...]], layers: Sequence[str], loss: Loss | None = None, **more: Any) -> None:
        nonlocal turn
        if loss is None:
            loss, turn = every[turn % len(every)], turn + 1
        made.append(Configuration(f"{name} {loss.text}", list(shapes), list(layers), loss, **more))

    for kind, example in EXAMPLES:  # layers x losses in turn
        if kind in LEFT_OUT:
            continue
        shapes, attrs = shapes_of(example)
        switches = [i for i in range(len(shapes)) if (kind, i) in SWITCHES]
        by_chance = kind == "BatchNormalization" or "Dropout" in kind or "Noise" in kind or "dropout=" in attrs
        for training in (False, True) if by_chance else (False,):
            add(f"{kind} {example}{' training' if training else ''}", shapes, [f"{kind} {attrs}"], training=training, switches=switches)
    for loss in every:  # losses over rows, steps, masked steps, weighted rows
        add("rows", [(4,)], ["Dense units=4 activation=tanh"], loss)
        add("weighted rows", [(4,)], ["Dense units=4 activation=tanh"], loss, weighted=True)
        if "pos_weight" not in loss.text:
            add("steps", [(3, 2)], ["Dense units=4 activation=tanh"], loss, steps=True)
            add("masked steps", [(4, 2)], ["LSTM units=3 return_sequences=true"], loss, steps=True, masked=True, weighted=True)
    for activation in ACTIVATIONS:  # activations x layers that have one
        add(f"Activation {activation}", [(4,)], [f"Activation activation={activation}"])
        for kind, shape, attrs in (("Dense", (4,), "units=4"), ("Conv1D", (5, 2), "filters=4 kernel_size=[2]"), ("Conv2D", (3, 4, 2), "filters=4 kernel_size=[2] padding=same")):
            add(f"{kind} {activation}", [shape], [f"{kind} {attrs} activation={activation}"])
    for kind in ("SimpleRNN", "LSTM", "GRU"):
        for attr in LAYERS[kind]["attrs"]:
            if attr["name"] in ("activation", "recurrent_activation"):
                for activation in attr["choices"].split("|"):
                    add(f"{kind} {attr['name']} {activation}", [(3, 2)], [f"{kind} units=2 {attr['name']}={activation}"])
    sequence = ["SimpleRNN units=3", "LSTM units=3", "GRU units=3", "GRU units=3 reset_after=false", "LSTM units=3 go_backwards=true", "Bidirectional layer=\"LSTM units=2\"",
                "Bidirectional layer=\"GRU units=2\" merge_mode=sum", "GlobalAveragePooling1D", "Flatten", "Dense units=3 activation=relu", "LayerNormalization",
                "BatchNormalization", "RMSNormalization", "MultiHeadAttention num_heads=2 key_dim=2", "MultiHeadAttention num_heads=1 key_dim=3 use_causal_mask=true",
                "TimeDistributed layer=\"Dense units=2\"", "PReLU", "Rescaling scale=[2]", "Softmax", "GroupNormalization groups=2", "Conv1D filters=2 kernel_size=[2]"]
    for layer in sequence:  # masks
        keeps = any(word in layer for word in ("RNN", "LSTM", "GRU"))
        add(f"masked {layer}", [(4, 2)], [layer], masked=True)
        add(f"masked twice {layer}", [(4, 2)], ["LSTM units=2 return_sequences=true", layer], masked=True)
        if keeps:
            many = layer.replace('"LSTM units=2"', '"LSTM units=2 return_sequences=true"').replace('"GRU units=2"', '"GRU units=2 return_sequences=true"')
            many = many if many != layer else f"{layer} return_sequences=true"
            add(f"masked all {layer}", [(4, 2)], [many], masked=True)
            add(f"masked loss {layer}", [(4, 2)], [many], masked=True, steps=True)
    kinds = [name for name, entry in LAYERS.items() if any(attr["name"] == "kernel_regularizer" for attr in entry["attrs"])]
    for kind in kinds:  # penalties
        text = next((text for name, text in EXAMPLES if name == kind and "dropout" not in text and "regularizer" not in text), None)
        if text is not None:
            shapes, attrs = shapes_of(text)
            add(f"penalty {kind}", shapes, [f'{kind} {attrs} kernel_regularizer="L2 l2=0.1"'])
    return made


def build(c: Configuration) -> fire.Model:
    inputs = [fire.Input(shape) for shape in c.shapes]
    tensors: list[Any] = list(inputs)
    if c.masked:
        tensors[0] = L.Masking(7.0)(tensors[0])
    for text in c.layers:
        kind, _, attrs = text.partition(" ")
        out = L.Layer._restore(kind, "", attrs)(*tensors)
        tensors = out if isinstance(out, list) else [out]
    if not c.steps:
        tensors = [L.Flatten()(t) if len(t.shape) != 2 else t for t in tensors]
    joined = tensors[0] if len(tensors) == 1 else L.Concatenate()(tensors)
    model = fire.Model(inputs, L.Dense(3, c.loss.activation)(joined), dtype="float64")
    model.compile("sgd", c.loss.text)
    return model


def data_of(c: Configuration, rng: np.random.Generator, n: int) -> list[np.ndarray]:
    xs = []
    kind = c.layers[0].split(" ")[0]
    for i, shape in enumerate(c.shapes):
        if kind in WHOLE:
            x = rng.integers(0, 3, (n, *shape)).astype(float)
        elif i in c.switches:
            x = (rng.random((n, *shape)) < 0.7) * 1.0
            x[..., 0] = x[:, 0] = 1  # something always counts, whatever the axis
        else:
            x = rng.normal(size=(n, *shape))
        xs.append(x)
    if c.masked:
        steps = rng.random((n, c.shapes[0][0])) < 0.7
        steps[:, 0] |= ~steps.any(1)
        xs[0][~steps] = 7.0
    return xs


def gradient_check(c: Configuration, most: int = 12) -> float:
    """The largest relative difference between gradients and central differences, of numbers that differ by more than the floor of 1e-8 (times the
    loss where that is above 1: the loss's last digit is that of its size). Of each array at most `most` places are tried."""
    rng = np.random.default_rng(crc32(c.name.encode()))
    n, step = 5, 1e-6
    fire.utils.set_random_seed(3)
    model = build(c)
    names = [(name, trains) for name, _, trains, _, _ in model._net.weights()]
    kind = c.layers[0].split(" ")[0]
    if kind == "IntegerLookup":
        model.layers[0].set_vocabulary(list(range(1, 1 + int(re.search(r"vocabulary_size=(\d+)", c.layers[0])[1]))))
    values = [np.array(w if kind in WHOLE and not trains else np.abs(w) + rng.random(w.shape) if "variance" in name else w + rng.normal(size=w.shape) * 0.3)
              for w, (name, trains) in zip(model.get_weights(), names)]
    model.set_weights(values)
    xs = data_of(c, rng, n)
    y = c.loss.targets(rng, (n, *model.output_shape[1:]))
    weight = rng.random(n) + 0.5 if c.weighted else None
    given = xs if len(xs) > 1 else xs[0]

    def loss_at() -> float:
        return float(model.gradients(given, y, weight, training=c.training)[0])

    loss, *found = model.gradients(given, y, weight, training=c.training)
    assert np.isfinite(loss)
    floor = 1e-8 * max(1.0, abs(loss))
    worst = 0.0
    places = [(values[k], found[k], True) for k in range(len(values)) if names[k][1]]
    places += [(x, found[len(values) + i], False) for i, x in enumerate(xs) if kind not in WHOLE and i not in c.switches]
    for array, gradient, is_weight in places:
        assert gradient.shape == array.shape and np.isfinite(gradient).all()
        flat, by = array.reshape(-1), gradient.reshape(-1)
        for i in rng.permutation(flat.size)[:most]:
            before = flat[i]
            if not is_weight and c.masked and before == 7.0:
                continue  # the step would begin to count
            ends = []
            for to in (before + step, before - step):
                flat[i] = to
                if is_weight:
                    model.set_weights(values)
                ends.append(loss_at())
            flat[i] = before
            if is_weight:
                model.set_weights(values)
            slope = (ends[0] - ends[1]) / (2 * step)
            apart = abs(slope - by[i])
            if apart > floor:
                worst = max(worst, apart / max(abs(slope), abs(by[i])))
    return worst
