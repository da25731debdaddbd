"""nets - networks between a user's Sequential, a Param and the tasks; and how the last layer of one is to be read."""
from __future__ import annotations

import dataclasses
import os
import re
from typing import Any, Iterator, NamedTuple, Optional, Sequence

import numpy

from .. import _text
from ..executor.job import STATE, Recipe, pack_arrays, unpack_arrays
from ..optimizers import optimizer_text
from .errors import fail
from .params import bad
from .schema import nearest

LOGITS = re.compile(r"\bfrom_logits=true\b")


def recipe_of(name: str, net: Any) -> Recipe:
    """A Sequential as it is now: layers, compile settings and those weights that have a value. Later changes to it do not matter."""
    if isinstance(net, Recipe):
        return net
    core = getattr(net, "_net", None)
    if core is None or not hasattr(core, "layers"):
        raise bad(name, net, "a firesteel.Sequential")
    info = core.info()
    if info["loaded_as_onnx"]:
        raise fail(1005, f"{name}: this network was read from a plain ONNX file and has no layers, so it cannot be trained: {info['no_layers']}")
    layers = core.layers()
    dtype = numpy.float64 if info["type"] == 11 else numpy.float32
    values = {}
    for i, (_, _, _, ready, shape) in enumerate(core.weights()):
        if ready:
            values[str(i)] = numpy.empty(shape, dtype)
            core.read_weight(i, values[str(i)])
    return Recipe(
        layers=tuple((kind, f"{attrs} name={_text.value_text(own)}".strip()) for kind, own, attrs, *_ in layers),
        dtype="float64" if info["type"] == 11 else "float32",
        frozen=tuple(i for i, layer in enumerate(layers) if not layer[6]),
        input=tuple(info["input"][1:]) if info["built"] else (),
        loss=info["loss"], optimizer=info["optimizer"], metrics=info["metrics"],
        uses=() if info["chain"] else tuple((at, tuple(ins)) for at, ins, *_ in core.uses()),
        outputs=() if info["chain"] else tuple(part[2] for part in core.parts(True)),
        weights=pack_arrays(values) if values else None)


def initial_recipe(name: str, value: Any) -> Recipe:
    """What initialModel names, as it is now: a model of ours, a network, or a path to go and look at."""
    if isinstance(value, Recipe):
        return value
    if isinstance(value, (str, os.PathLike)):
        return _recipe_at(name, os.fspath(value))
    network = getattr(value, "network", None)
    return recipe_of(name, value if network is None else network)


def _recipe_at(name: str, path: str) -> Recipe:
    """Of a checkpoint, of the last one in a checkpointDir, of a saved Spark model, or of a file that fire.load reads."""
    from .. import Sequential, _core, load
    from ..executor import checkpoints, engine

    where = checkpoints.place(path)
    found = [c for _, attempt in checkpoints.attempts_of(where) for c in checkpoints.checkpoints_of(where, attempt)][-1:]
    if where.read("manifest.json") is not None:
        found = [checkpoints.Found(where, "", "", 0, 0)]
    if found:
        with found[0].folder() as folder:
            core = _core.Network.load(engine.context(), folder)
            recipe = recipe_of(name, Sequential._wrap(core))
            arrays = {**unpack_arrays(recipe.weights or b""), STATE: numpy.frombuffer(core.state(), numpy.uint8)}
        return dataclasses.replace(recipe, weights=pack_arrays(arrays))
    if checkpoints.is_remote(path) or os.path.isdir(os.path.join(checkpoints.local_path(path), "metadata")):
        from . import persist

        return recipe_of(name, persist.load_any(path).network)
    return recipe_of(name, load(checkpoints.local_path(path)))


def network_of(recipe: Recipe) -> Any:
    """A new Sequential after a recipe."""
    from .. import Sequential
    from ..executor import engine

    net = engine.build(recipe)
    if recipe.loss and recipe.optimizer:
        net.compile(recipe.optimizer, recipe.loss, recipe.metrics or None)
    return Sequential._wrap(net)


def short_recipe(hidden: Sequence[int], activation: str, units: int, head: str) -> Recipe:
    """The network of hiddenLayers: dense layers, and one with `units` outputs on top."""
    layers = [("Dense", f"units={u} activation={_text.value_text(activation)}") for u in hidden]
    return Recipe(tuple([*layers, ("Dense", f"units={units}" + ("" if head == "linear" else f" activation={head}"))]))


def engine_text(name: str, value: Any) -> str:
    """A loss or optimizer as the engine's text."""
    try:
        text = optimizer_text(value) if name == "optimizer" else _text.text_of(value, name)
    except TypeError:
        raise bad(name, value, f"a name or an object of firesteel.{name}{'es' if name == 'loss' else 's'}") from None
    if not text.strip():
        raise bad(name, value, f"the name of a{'n' if name == 'optimizer' else ''} {name}")
    return text


class Head(NamedTuple):
    """How a network's output is read: see executor.Outputs."""

    head: str
    units: int
    loss: str     # what fits it when nothing else was asked for
    name: str = ""                   # of one of several outputs
    parts: tuple["Head", ...] = ()   # of several outputs, whose head is "several"

    @property
    def plain(self) -> dict[str, Any]:
        """As it is saved."""
        own = {"head": self.head, "units": self.units, "loss": self.loss}
        return {**own, "outputs": [{**part.plain, "name": part.name} for part in self.parts]} if self.parts else own

    @classmethod
    def of(cls, saved: Any) -> Optional["Head"]:
        """Of what was saved; None of anything else."""
        if not isinstance(saved, dict) or not {"head", "units", "loss"} <= set(saved) <= {"head", "units", "loss", "name", "outputs"}:
            return None
        parts = [cls.of(part) for part in saved.get("outputs", ())]
        return cls(str(saved["head"]), int(saved["units"]), str(saved["loss"]), str(saved.get("name", "")), tuple(p for p in parts if p is not None))


def joined(heads: Sequence[Head]) -> Head:
    """The head of several outputs."""
    return Head("several", sum(h.units for h in heads), "\n".join(h.loss for h in heads), parts=tuple(heads))


def losses_of(given: Any, net: Optional[Recipe], outputs: Sequence[Port]) -> list[str]:
    """The loss of each output as it was asked for, "" where it was not: one for all, a list, or a dict by output; unset, the compiled net's."""
    names = [port.name for port in outputs] or [""]
    if isinstance(given, dict):
        return [by_output("loss", given, names, "")[name] for name in names]
    if isinstance(given, list):
        if len(given) != len(names):
            raise fail(1001, f"loss has {len(given)} entries, the net {len(names)} output{'s' if len(names) > 1 else ''}")
        return list(given)
    if given:
        return [given] * len(names)
    lines = net.loss.split("\n") if net is not None and net.loss else []
    return lines if len(lines) == len(names) else [""] * len(names)


def by_output(what: str, given: dict[str, Any], names: Sequence[str], default: Any) -> dict[str, Any]:
    unknown = [k for k in given if k not in names]
    if unknown:
        raise fail(1003, f"{what}: the network has no output {unknown[0]!r}; {nearest(unknown[0], names)}")
    return {name: given.get(name, default) for name in names}


def weighted(loss: str, factors: Any, output: int, outputs: Sequence[Port]) -> str:
    """A loss with its factor of lossWeights."""
    if factors is None:
        return loss
    names = [port.name for port in outputs] or [""]
    if isinstance(factors, list):
        if len(factors) != len(names):
            raise fail(1001, f"lossWeights has {len(factors)} entries, the net {len(names)} output{'s' if len(names) > 1 else ''}")
        factors = dict(zip(names, factors))
    factor = by_output("lossWeights", factors, names, None)[names[output]]
    return loss if factor is None else f"{re.sub(r' loss_weight=[^ ]+', '', loss)} loss_weight={factor!r}"


class Port(NamedTuple):
    """An input or output of a network: its name, and the numbers of a row where they are known."""

    name: str
    width: Optional[int]
    shape: tuple[int, ...]


def ports(recipe: Recipe, output: bool) -> tuple[Port, ...]:
    """The inputs or outputs of a network, in their order."""
    from ..executor import engine

    net = engine.build(recipe)
    if not net.info()["built"]:
        return (Port(str(_text.parse_attrs(recipe.layers[-1][1]).get("name", "output")) if output else "input", None, ()),)
    return ports_of(net, output)


def ports_of(net: Any, output: bool) -> tuple[Port, ...]:
    """Those of an engine's network that is built."""
    return tuple(Port(name, int(numpy.prod(shape[1:], dtype=numpy.int64)), tuple(shape[1:])) for name, shape, *_ in net.parts(output))


OUTPUTS = 8  # tensors that the engine numbers for each use of a layer


def _back_from(recipe: Recipe, output: int) -> Iterator[tuple[str, str]]:
    """The layers that an output comes from, the last one first, following first inputs."""
    if not recipe.uses:
        yield from reversed(recipe.layers)
        return
    tensor = recipe.outputs[output]
    while tensor >= 0:
        layer, tensors = recipe.uses[tensor // OUTPUTS]
        yield recipe.layers[layer]
        if not tensors:
            return
        tensor = tensors[0]


def last_layer(recipe: Recipe, output: int = 0, width: Optional[int] = None) -> tuple[str, Optional[int]]:
    """Activation of an output, and its units: as the last Dense layer tells, or `width`, of a built network."""
    activation = "linear"
    if recipe.input and recipe.layers[-1][0] == "Operators":  # a graph of other software: its output says how many there are
        from ..executor import engine
        operator = str(_text.parse_attrs(recipe.layers[-1][1]).get("operator"))
        return {"Softmax": "softmax", "Sigmoid": "sigmoid"}.get(operator, "linear"), int(numpy.prod(engine.build(recipe).info()["output"][1:]))
    for kind, attrs in _back_from(recipe, output):
        found = _text.parse_attrs(attrs)
        if kind == "Activation" and activation == "linear":
            activation = str(found.get("activation", "linear"))
        elif kind == "Softmax" and activation == "linear":
            activation = "softmax"
        elif kind == "Dense":
            if activation == "linear":
                activation = str(found.get("activation", "linear"))
            return activation, int(found.get("units", 1))
        elif kind not in ("Dropout", "Activation"):
            return activation, width
    return activation, None


def _rows(attrs: str) -> int:
    return int(_text.parse_attrs(attrs)["input_dim"])


def embedded(recipe: Recipe) -> dict[int, int]:
    """The inputs, by their places, whose numbers are rows of an Embedding, and how many rows the smallest one has."""
    if not recipe.uses:
        kinds = [(kind, attrs) for kind, attrs in recipe.layers if kind != "Input"]
        return {0: _rows(kinds[0][1])} if kinds and kinds[0][0] == "Embedding" else {}
    inputs = [OUTPUTS * i for i, (_, tensors) in enumerate(recipe.uses) if not tensors]
    found: dict[int, int] = {}
    for layer, tensors in recipe.uses:
        kind, attrs = recipe.layers[layer]
        if kind == "Embedding" and tensors and tensors[0] in inputs:
            at, rows = inputs.index(tensors[0]), _rows(attrs)
            found[at] = min(rows, found.get(at, rows))
    return found


def embedding_width(rows: int) -> int:
    """How many numbers a category gets where nobody says: 4 times the fourth root of their count, at least 2 and at most 64."""
    return max(2, min(64, int(4 * rows ** 0.25 + 0.5)))


def embedding_recipe(width: int, categories: Sequence[tuple[str, int]], size: int, hidden: Sequence[int], activation: str, units: int, head: str) -> Recipe:
    """The network of hiddenLayers over `width` numbers and an embedding of each category, given by name and rows of its table. size 0: as embedding_width says."""
    from .. import Input, Model, layers

    inputs, parts, names = [], [], {"numbers"}
    if width:
        inputs.append(Input((width,), name="numbers"))
        parts.append(inputs[0])
    for name, rows in categories:
        plain = re.sub(r"\W", "_", name)
        while plain in names:
            plain += "_"
        names.add(plain)
        inputs.append(Input((1,), name=plain))
        parts.append(layers.Flatten(name=f"{plain}_vector")(layers.Embedding(rows, size or embedding_width(rows), name=f"{plain}_embedding")(inputs[-1])))
    x: Any = layers.Concatenate(name="columns")(parts) if len(parts) > 1 else parts[0]
    for u in hidden:
        x = layers.Dense(u, activation=activation)(x)
    x = layers.Dense(units, activation=None if head == "linear" else head)(x)
    return recipe_of("net", Model(inputs, x))


def classifier_head(recipe: Recipe, loss: str, several: bool, output: int = 0) -> Head:
    """What an output of a classifier's network says about its classes. `several`: the label is an array with one number per class or label."""
    activation, units = last_layer(recipe, output, _width(recipe, output))
    if units is None:
        raise fail(1005, "net: a classifier's network ends in a Dense layer with one unit per class, or with one sigmoid unit for two classes")
    if activation == "softmax" and units == 1:
        raise fail(1001, "net ends in one softmax unit, which is always 1; give it one unit per class, or end in one sigmoid unit for two classes")
    if activation == "softmax":
        return Head("softmax", units, "categorical_crossentropy" if several else "sparse_categorical_crossentropy")
    if activation == "sigmoid":
        if units > 1 and not several:
            raise fail(1001, f"net: {units} sigmoid units answer {units} separate questions, so the label must be an array of {units} numbers 0 or 1; "
                       "for one of several classes end the network in softmax")
        return Head("sigmoid" if units == 1 else "labels", units, "binary_crossentropy")
    if activation == "linear":
        if loss and not LOGITS.search(loss):
            raise fail(1001, f"net ends in linear units and the loss is {loss!r}; end it in softmax (or sigmoid), or use a loss with from_logits=True")
        if units == 1:
            return Head("logit", 1, "BinaryCrossentropy from_logits=true")
        return Head("logits", units, f"{'CategoricalCrossentropy' if several else 'SparseCategoricalCrossentropy'} from_logits=true")
    raise fail(1005, f"net ends in {units} {activation} units; a classifier's network ends in softmax, sigmoid, or linear units with a loss that takes logits")


def _width(recipe: Recipe, output: int) -> Optional[int]:
    return ports(recipe, True)[output].width if recipe.uses else None


def regressor_head(recipe: Recipe, output: int = 0) -> Head:
    _, units = last_layer(recipe, output, _width(recipe, output))
    if units is None:
        raise fail(1005, "net: a regressor's network ends in a Dense layer with one unit per target")
    return Head("values", units, "mean_squared_error")


def check(recipe: Recipe, optimizer: str, loss: str, metrics: str, width: Optional[int]) -> None:
    """Let the engine judge, on the driver, layers, texts and, where it is known, the width of the features."""
    from ..executor import engine

    net = engine.build(recipe)
    net.compile(optimizer, loss, metrics or None)
    if width is None:
        return
    first = next((_text.parse_attrs(attrs).get("shape") for kind, attrs in recipe.layers if kind == "Input"), None)
    shape = recipe.input or first
    if shape is not None:
        expected = int(numpy.prod(shape, dtype=numpy.int64))
        if expected != width:
            raise fail(1002, f"net expects {expected} numbers per row ({list(shape)}), the features have {width}")
    else:
        net.build([width])
