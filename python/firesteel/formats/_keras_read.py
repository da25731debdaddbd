"""_keras_read - Keras' files as models: the configuration becomes layers and calls of them, then weights and compile settings are put in."""
from __future__ import annotations

import inspect
import json
import os
import warnings
import zipfile
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from .. import _core, _graph as graph, errors, layers
from .._context import context
from . import _keras_compile, _keras_names as names, _keras_ops as operations, _keras_weights as weights
from ._hdf5 import Folder, open_file, text

NESTED = {"Sequential", "Functional", "Model"}
MOST_JSON = 256 << 20
NOT_TIMED = {"Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum", "Concatenate", "InputLayer"}  # their inputs have a time that needs no care
RECURRENT = {"LSTM", "GRU", "SimpleRNN", "RNN", "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D", "TimeDistributed", "Bidirectional"}
BEHIND = {"LeakyReLU", "ReLU", "ELU", "Softmax", "ThresholdedReLU"}  # layers that may stand as an activation
MERGES = {"sum": "Add", "mul": "Multiply", "ave": "Average", "max": "Maximum", "concat": "Concatenate", "dot": "Dot", "cos": "Dot"}


class Part:
    """A layer of a configuration, or a model in it: what its weights are looked up by."""

    def __init__(self, kind: str, config: dict[str, Any], name: str) -> None:
        self.kind, self.config, self.name = kind, config, name
        self.layer: layers.Layer | None = None
        self.alone = True  # as one layer in a chain
        self.parts: list[Part] = []
        self.nested = False
        self.timed = False  # a model that TimeDistributed holds: its layers are wrapped one by one
        self.stem = kind  # of its group in Keras 3's files

    def leaves(self) -> Iterator[Part]:
        """The layers with handles, in Keras' order."""
        if self.layer is not None:
            yield self
        for part in self.parts:
            yield from part.leaves()


def _object(value: Any, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise errors.make(5004, f"{what} is {type(value).__name__}; expected an object")
    return value


def _shape(config: dict[str, Any]) -> list[int | None] | None:
    """The shape of a row that a first layer tells, None for sizes that it leaves open."""
    for key in ("batch_input_shape", "batch_shape"):
        if isinstance(config.get(key), list) and config[key]:
            return list(config[key][1:])
    if isinstance(config.get("input_shape"), list):
        return list(config["input_shape"])
    if config.get("input_dim") and "input_length" in config:
        return [config["input_length"], config["input_dim"]]
    return [config["input_dim"]] if config.get("input_dim") else None


class Reader:
    """A network from a configuration. `fill`: what stands for the sizes that the file leaves open; `shapes`: of inputs, given by the caller."""

    def __init__(self, version: int, fill: int, shapes: list[tuple[int, ...]] | None, ordering: str | None = None, rows: int | None = None) -> None:
        self.version, self.fill, self.shapes, self.ordering, self.rows = version, fill, shapes, ordering, rows
        self.used: set[str] = set()
        self.inputs: list[Any] = []
        self.open = False  # whether a size was left open
        self.depth = self.timed = 0

    def input(self, shape: list[int | None] | None, name: str) -> layers.Input:
        """An Input of the model."""
        at = len(self.inputs)
        if self.shapes is not None and at < len(self.shapes):
            sizes = [int(n) for n in self.shapes[at]]
        elif shape is None:
            raise errors.make(1006, f"{name}: the file tells no shape of the input; give it: fire.load(path, input_shape=(...))")
        else:
            sizes = [self.fill if n is None else int(n) for n in shape]
        self.open |= shape is None or None in shape
        made = layers.Input(tuple(sizes), self.rows, name=self.unique(name, ""))
        self.inputs.append(made)
        return made

    def unique(self, name: str, prefix: str) -> str:
        """A name that no other layer has: as in the file, or with that of the model around it in front."""
        name = "".join("_" if c in "/\\" or ord(c) < 32 else c for c in name)[:200] or "layer"
        tried = name if name not in self.used else f"{prefix}_{name}" if prefix else name
        count = 1
        while tried in self.used:
            count += 1
            tried = f"{name}_{count}"
        self.used.add(tried)
        return tried

    def layer(self, kind: str, config: dict[str, Any], name: str) -> layers.Layer:
        """The layer of a configuration."""
        def inner(entry: dict[str, Any]) -> layers.Layer:
            of, own = names.parts(entry)
            if of in NESTED:
                raise errors.make(1005, f"layer {config.get('name', kind)}: {kind} of a whole model is not supported; apply it to each layer")
            return names.layer(of, own, self.version < 3, inner)
        made = names.layer(kind, config, self.version < 3, inner)
        made._name = name
        if not hasattr(made, "call"):  # its attributes are looked at while it is known which layer they are of
            try:
                _core.Network(context(), 1).add(made.kind, made._attrs_text())
            except errors.FiresteelError as problem:
                raise errors.make(problem.code, f"layer {name}: {problem.message}", problem.details) from None
        if config.get("trainable") is False:
            made._trainable = False
        return made

    def model(self, entry: dict[str, Any], given: list[Any] | None, around: str) -> tuple[Part, Any]:
        """A Sequential or functional model: its parts, and a function that applies it to tensors. given None: it has Inputs of its own."""
        self.depth += 1
        if self.depth > 64:
            raise errors.make(5004, "models inside models, more than 64 deep")
        kind, config = entry.get("class_name"), entry.get("config")
        if kind == "Sequential":
            chain = config if isinstance(config, list) else _object(config, "config").get("layers")
            own = {} if isinstance(config, list) else _object(config, "config")
            made = self.chain(_list(chain, "layers"), own, around)
        else:
            made = self.functional(_object(config, "config"), around)
        self.depth -= 1
        return made

    def part(self, entry: dict[str, Any], around: str) -> tuple[Part, Any]:
        """One layer, or nested model, of a configuration."""
        entry = _object(entry, "a layer")
        kind, config = str(entry.get("class_name")).rpartition(">")[2], entry.get("config")
        if str(entry.get("class_name")).rpartition(">")[1] or entry.get("registered_name") not in (None, "", kind, f"keras>{kind}") and kind not in NESTED:
            raise errors.make(1005, f"layer {entry.get('name') or kind}: {entry.get('registered_name') or entry.get('class_name')!r} is a class of the file's author; its code is not in the file, and would not be run")
        if kind in NESTED:
            name = str(entry.get("name") or (config.get("name") if isinstance(config, dict) else None) or kind)
            made, apply_model = self.model(entry, None, name)
            made.name, made.nested = name, True
            if isinstance(config, dict) and config.get("trainable") is False:
                for leaf in made.leaves():
                    assert leaf.layer is not None
                    leaf.layer._trainable = False
            return made, apply_model
        config = _object(config, f"the configuration of {kind}")
        if kind == "TimeDistributed" and names.parts(config.get("layer"))[0] in NESTED:
            return self.timed_model(_object(config["layer"], "layer"), str(entry.get("name") or config.get("name") or kind))
        stem, module = kind, str(entry.get("module") or "")
        if self.timed and kind not in NOT_TIMED:
            if kind in ("RNN", "Merge", "TFOpLambda", "TensorFlowOpLayer", "SlicingOpLambda") or ".ops." in module:
                raise errors.make(1005, f"layer {entry.get('name') or config.get('name') or kind}: {kind} in a model that TimeDistributed applies is not supported")
            kind, config = "TimeDistributed", {"name": config.get("name"), "trainable": config.get("trainable", True), "layer": {"class_name": kind, "config": config}}
        elif self.timed and kind == "Concatenate" and config.get("axis", -1) > 0:
            config = {**config, "axis": config["axis"] + 1}
        if self.ordering and kind.startswith(("UpSampling", "ZeroPadding", "Cropping")) and kind[-2:] in ("2D", "3D"):
            config = {"dim_ordering": self.ordering, **config}
        made = Part(kind, config, str(entry.get("name") or config.get("name") or kind))
        made.stem = stem
        if kind == "Merge":
            return made, self.merge(made, config, around)
        if kind == "RNN" and names.parts(config.get("cell"))[0] == "StackedRNNCells":
            return made, self.cells(made, config, around)
        if kind in ("TFOpLambda", "TensorFlowOpLayer", "SlicingOpLambda") or _is_operation(entry, self.version):
            return made, self.operation(kind, module, made)
        if kind == "CenterCrop":
            made.alone = False
            return made, self.center_crop(made, config, around)
        behind: layers.Layer | None = None
        if isinstance(config.get("activation"), dict) and names.parts(config["activation"])[0] in BEHIND and kind not in RECURRENT:
            of, own = names.parts(config["activation"])
            config = {**config, "activation": "linear"}
            behind = self.layer(of, {**own, "name": None}, self.unique(f"{made.name}_activation", around))
            made.alone = False
        made.layer = self.layer(kind, config, self.unique(made.name, around))

        def apply(tensors: list[Any], call: dict[str, Any]) -> list[Any]:
            assert made.layer is not None
            if call.get("use_causal_mask"):
                made.layer._attrs["use_causal_mask"] = True
            if call.get("return_attention_scores"):
                made.layer._attrs["return_attention_scores"] = True
            kept = [t for t in tensors if t is not None]
            if kind in ("Attention", "AdditiveAttention", "MultiHeadAttention") and call.get("attention_mask") is not None:
                raise errors.make(1005, f"layer {made.name}: attention_mask as a tensor is not supported")
            out = made.layer(*kept)
            if behind is not None:
                out = behind(out)
            return out if isinstance(out, list) else [out]
        return made, apply

    def timed_model(self, entry: dict[str, Any], name: str) -> tuple[Part, Any]:
        """TimeDistributed over a model: over each of its layers."""
        self.timed += 1
        made, apply = self.model(entry, None, name)
        self.timed -= 1
        made.name, made.nested, made.timed = name, True, True
        return made, apply

    def center_crop(self, made: Part, config: dict[str, Any], around: str) -> Any:
        """CenterCrop as a Cropping2D, once the size of the pictures is known."""
        name = self.unique(made.name, around)

        def apply(tensors: list[Any], call: dict[str, Any]) -> list[Any]:
            first = config.get("data_format") == "channels_first"
            sides = tensors[0].shape[2:4] if first else tensors[0].shape[1:3]
            cut = [int(side) - int(config[key]) for side, key in zip(sides, ("height", "width"))]
            if min(cut) < 0:
                raise errors.make(1005, f"layer {made.name}: CenterCrop of pictures that are smaller than {config['height']} by {config['width']} is not supported")
            made.layer = self.layer("Cropping2D", {"name": made.name, "cropping": [[n // 2, n - n // 2] for n in cut], **({"data_format": "channels_first"} if first else {})}, name)
            return [made.layer(*tensors)]
        return apply

    def operation(self, kind: str, module: str, made: Part) -> Any:
        """An operator that was applied to tensors, as x + 1 is."""
        bind, name = operations.find(kind, made.config, module, made.name), self.unique(made.name, "")

        def apply(tensors: list[Any], call: dict[str, Any]) -> list[Any]:
            kept = [t for t in tensors if t is not None]
            return operations.apply(bind(len(kept), call.get("args", []), call.get("named", {})), kept, name if not made.parts else self.unique(name, ""))
        return apply

    def cells(self, made: Part, config: dict[str, Any], around: str) -> Any:
        """RNN over StackedRNNCells: one recurrent layer behind the other."""
        entries = _list(names.parts(config["cell"])[1].get("cells"), f"cells of {made.name}")
        if not entries or config.get("return_state") or config.get("stateful"):
            raise errors.make(1005, f"layer {made.name}: RNN over several cells with return_state or stateful is not supported; use one layer for each cell")
        for i, cell in enumerate(entries):
            last = i + 1 == len(entries)
            own = {"cell": cell, "return_sequences": not last or config.get("return_sequences") or False, "go_backwards": i == 0 and config.get("go_backwards") or False,
                   "trainable": config.get("trainable", True)}
            part = Part(names.parts(cell)[0].removesuffix("Cell"), own, made.name)
            part.layer = self.layer("RNN", {"name": made.name, **own}, self.unique(f"{made.name}_{i}", around))
            made.parts.append(part)
        made.nested = True

        def apply(tensors: list[Any], call: dict[str, Any]) -> list[Any]:
            if len(tensors) != 1:
                raise errors.make(1005, f"layer {made.name}: RNN over several cells with first states is not supported")
            for part in made.parts:
                assert part.layer is not None
                tensors = [part.layer(*tensors)]
            return tensors
        return apply

    def merge(self, made: Part, config: dict[str, Any], around: str) -> Any:
        """Keras 1's Merge; as the first of a Sequential it has branches of its own."""
        mode = config.get("mode", "sum")
        kind = MERGES.get(mode) if isinstance(mode, str) else None
        if kind is None:
            raise errors.make(1005, f"layer {made.name}: Merge with mode={mode!r} holds Python code or is unknown; it is never run")
        attrs: dict[str, Any] = {}
        if kind == "Concatenate":
            attrs["axis"] = config.get("concat_axis", -1)
        if kind == "Dot":
            axes = config.get("dot_axes", -1)
            attrs = {"axes": axes if isinstance(axes, int) else [a[0] if isinstance(a, list) else a for a in axes], "normalize": mode == "cos"}
        layer = self.layer(kind, {"name": made.name, **attrs}, self.unique(made.name, around))
        branches = [self.part(branch, around) for branch in config.get("layers") or []]
        made.parts = [branch for branch, _ in branches]
        merged = Part(kind, config, made.name)
        merged.layer = layer
        made.parts.append(merged)

        def apply(tensors: list[Any], call: dict[str, Any]) -> list[Any]:
            if branches:
                tensors = [t for _, branch in branches for t in branch([], {})]
            return [layer(*tensors)]
        return apply

    def chain(self, entries: list[Any], own: dict[str, Any], around: str) -> tuple[Part, Any]:
        """A Sequential."""
        made, first, input_name = Part("Sequential", own, str(own.get("name") or "sequential")), None, "input"
        steps: list[tuple[Part, Any]] = []
        for entry in entries:
            entry = _object(entry, "a layer")
            config = entry.get("config")
            if entry.get("class_name") == "InputLayer":
                config = _object(config, "the configuration of InputLayer")
                first, input_name = _shape(config), str(config.get("name") or "input")
                made.parts.append(Part("InputLayer", config, input_name))
                continue
            if not steps and first is None and isinstance(config, dict) and entry.get("class_name") not in NESTED | {"Merge"}:
                first = _shape(config)
                if entry.get("class_name") == "Embedding" and "batch_input_shape" not in config and "batch_shape" not in config:
                    length = config.get("input_length")
                    first = [length[0] if isinstance(length, list) else length]
                elif first and None in first and isinstance(config.get("input_length"), int):
                    first = [config["input_length"], *first[1:]]
            steps.append(self.part(entry, around))
            made.parts.append(steps[-1][0])
        if first is None and isinstance(own.get("build_input_shape"), list):
            first = list(own["build_input_shape"][1:])

        def apply(tensors: list[Any], call: dict[str, Any]) -> list[Any]:
            if not tensors and steps and not (steps[0][0].nested and steps[0][0].kind != "RNN" or steps[0][0].kind == "Merge"):
                tensors = [self.input(first, input_name)]
            for _, step in steps:
                tensors = step(tensors, {})
            return tensors
        return made, apply

    def functional(self, config: dict[str, Any], around: str) -> tuple[Part, Any]:
        """A graph of calls."""
        made = Part("Functional", config, str(config.get("name") or "functional"))
        entries = [_object(entry, "a layer") for entry in _list(config.get("layers"), "layers")]
        starts: dict[str, tuple[dict[str, Any], Part]] = {}
        applies: dict[str, Any] = {}
        calls: list[tuple[str, int, list[Any], dict[str, Any]]] = []
        needed = _needed(entries, outs := _histories(config.get("output_layers")))
        for entry in entries:
            own = entry.get("config")
            name = str(entry.get("name") or (own.get("name") if isinstance(own, dict) else ""))
            if name not in needed and _is_operation(entry, self.version):
                continue  # Keras 3 writes down how masks are computed; they are computed by the layers here
            if entry.get("class_name") == "InputLayer":
                own = _object(own, "the configuration of InputLayer")
                starts[name] = own, Part("InputLayer", own, name)
                made.parts.append(starts[name][1])
                continue
            part, applies[name] = self.part(entry, around)
            made.parts.append(part)
            for k, node in enumerate(_list(entry.get("inbound_nodes"), f"inbound_nodes of {name}")):
                sources, call = _node(node)
                calls.append((name, k, sources, call))
        found_in = config.get("input_layers")
        ins = _histories(dict(sorted(found_in.items())) if isinstance(found_in, dict) else found_in)  # Keras goes through a dict by its keys
        # tf.keras counts the making of a nested model as a call that it does not write down: the calls of such a model are then named from 1 on.
        named = [source[:2] for _, _, sources, _ in calls for source in sources if source is not None] + [out[:2] for out in outs]
        number: dict[str, int] = {}
        for name, k, _, _ in calls:
            number[name] = k + 1
        shifted = {name for name, k in named if k > 0 and number.get(name) == k}
        calls = [(name, k + (name in shifted), sources, call) for name, k, sources, call in calls]

        def apply(tensors: list[Any], call: dict[str, Any]) -> list[Any]:
            if not tensors:
                tensors = [self.input(_shape(starts[name][0]), name) if name in starts else None for name, _, _ in ins]
            if len(tensors) != len(ins) or any(t is None for t in tensors):
                raise errors.make(5004, f"model {made.name}: called on {len(tensors)} tensors, it has {len(ins)} inputs")
            known: dict[tuple[str, int], list[Any]] = {(name, 0): [t] for (name, _, _), t in zip(ins, tensors)}
            waiting = list(calls)
            while waiting:
                later = []
                for name, k, sources, kwargs in waiting:
                    if all(source is None or (source[0], source[1]) in known for source in sources):
                        try:
                            given = [None if source is None else known[source[0], source[1]][source[2]] for source in sources]
                        except IndexError:
                            raise errors.make(5004, f"layer {name}: called on an output that its source does not have") from None
                        known[name, k] = applies[name](given, kwargs)
                    else:
                        later.append((name, k, sources, kwargs))
                if len(later) == len(waiting):
                    raise errors.make(5004, f"model {made.name}: the calls of {', '.join(sorted({name for name, *_ in later}))[:200]} need each other, or layers that are not there")
                waiting = later
            found = []
            for name, k, at in outs:
                if (name, k) not in known or at >= len(known[name, k]):
                    raise errors.make(5004, f"model {made.name}: the output {name!r} is not there")
                found.append(known[name, k][at])
            return found
        return made, apply


def _is_operation(entry: dict[str, Any], version: int) -> bool:
    """Whether an entry is a call of keras.ops; .h5 files name no module, but only layers can be trainable."""
    config = entry.get("config")
    return ".ops." in str(entry.get("module") or "") or version >= 3 and not entry.get("module") and isinstance(config, dict) and "trainable" not in config and \
        entry.get("class_name") not in NESTED | {"InputLayer"} and isinstance(entry.get("inbound_nodes"), list)


def _needed(entries: list[dict[str, Any]], outs: list[tuple[str, int, int]]) -> set[str]:
    """The names of what the outputs need."""
    sources: dict[str, list[Any]] = {}
    for entry in entries:
        own = entry.get("config")
        name = str(entry.get("name") or (own.get("name") if isinstance(own, dict) else ""))
        nodes = entry.get("inbound_nodes")
        sources[name] = nodes if isinstance(nodes, list) else []
    found: set[str] = set()
    waiting = [name for name, _, _ in outs]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += [source[0] for node in sources.get(name, []) for source in _node(node)[0]]
    return found


def _list(value: Any, what: str) -> list[Any]:
    if not isinstance(value, list):
        raise errors.make(5004, f"{what}: {type(value).__name__}; expected a list")
    return value


def _history(value: Any) -> tuple[str, int, int]:
    if isinstance(value, list) and len(value) >= 3 and isinstance(value[0], str) and isinstance(value[1], int) and isinstance(value[2], int) and value[1] >= 0 and value[2] >= 0:
        return value[0], value[1], value[2]
    raise errors.make(5004, f"a tensor is named by {str(value)[:80]!r}; expected [layer, call, output]")


def _histories(value: Any) -> list[tuple[str, int, int]]:
    """["a", 0, 0], a list of such, or a dict of them."""
    if isinstance(value, dict):
        value = list(value.values())
    value = _list(value, "input_layers or output_layers")
    if value and isinstance(value[0], str):
        return [_history(value)]
    return [found for part in value for found in (_histories(part) if isinstance(part, dict) or part and isinstance(part[0], list) else [_history(part)])]


def _placed(value: Any, found: list[Any], depth: int = 0) -> Any:
    """Keras 3: an argument with Slots for its tensors, which `found` gets in order."""
    if depth > 32:
        raise errors.make(5004, "arguments of a call are nested too deeply")
    if isinstance(value, dict) and value.get("class_name") == "__keras_tensor__":
        found.append(_history(_object(value.get("config"), "a tensor").get("keras_history")))
        return operations.Slot(len(found) - 1)
    if isinstance(value, list):
        return [_placed(part, found, depth + 1) for part in value]
    if isinstance(value, dict):
        return {k: _placed(v, found, depth + 1) for k, v in value.items()}
    return value


def _is_tensor(value: Any) -> bool:
    return isinstance(value, list) and len(value) in (3, 4) and isinstance(value[0], str) and all(isinstance(n, int) and not isinstance(n, bool) for n in value[1:3])


def _node(node: Any) -> tuple[list[Any], dict[str, Any]]:
    """The tensors of one call and its other arguments, of any version; "args" and "named" hold all of them, with Slots for tensors."""
    found: list[Any] = []
    if isinstance(node, dict):  # Keras 3
        kwargs = {k: v for k, v in _object(node.get("kwargs") or {}, "kwargs").items() if k not in ("training", "mask")}
        places = {"query": 0, "value": 1, "key": 2}
        args = [_placed(arg, found) for arg in _list(node.get("args") or [], "args")]
        named = {name: _placed(kwargs[name], found) for name in sorted(kwargs, key=lambda k: places.get(k, 9)) if name != "attention_mask"}
        return found, {**kwargs, "args": args, "named": named}
    node = _list(node, "a call")
    several = not (node and isinstance(node[0], str))
    args, call, named = [], {}, {}
    for tensor in node if several else [node]:
        tensor = _list(tensor, "a tensor")
        if tensor and tensor[0] == "_CONSTANT_VALUE":
            args.append(tensor[2] if len(tensor) > 2 else None)
        else:
            found.append(_history(tensor))
            args.append(operations.Slot(len(found) - 1))
        if len(tensor) > 3 and isinstance(tensor[3], dict):
            for key, value in tensor[3].items():
                if key in ("training", "mask") or key in call:
                    continue
                call[key] = named[key] = value
                if _is_tensor(value) and value[0] != "_CONSTANT_VALUE":
                    found.append(_history(value))
                    named[key] = operations.Slot(len(found) - 1)
                elif isinstance(value, list) and value and all(_is_tensor(one) for one in value):
                    found += (more := [_history(one) for one in value if one[0] != "_CONSTANT_VALUE"])
                    named[key] = [operations.Slot(len(found) - len(more) + k) for k in range(len(more))]
    return found, {**call, "args": [args] if several else args, "named": named}


def build(entry: dict[str, Any], version: int, input_shape: Any = None) -> tuple[Any, Part]:
    """A model without weights, and its parts."""
    from ..models import Model, Sequential
    given = None
    if input_shape is not None:
        given = [tuple(s) for s in input_shape] if input_shape and isinstance(input_shape[0], (list, tuple)) else [tuple(input_shape)]
    kind = entry.get("class_name")
    if kind not in NESTED:
        raise errors.make(1005, f"the model's class is {kind!r}; Sequential and functional models are read, classes of the file's author are not")
    fills, at = [16, 64, 256], 0
    ordering = _said(entry, "dim_ordering") if version == 1 else None
    rows = _rows(entry)
    while True:
        reader = Reader(version, fills[at], given, ordering, rows)
        try:
            tree, apply = reader.model(entry, None, "")
            outputs = apply([], {})
            own = entry["config"] if isinstance(entry["config"], dict) else {}
            dtype = _dtype(own)
            leaves = [part for part in tree.parts if part.kind != "InputLayer"]
            if kind == "Sequential" and len(reader.inputs) == 1 and all(part.layer is not None and part.alone for part in leaves) and len(outputs) == 1:
                model: Any = Sequential([reader.inputs[0], *(part.layer for part in leaves if part.layer is not None)], name=tree.name, dtype=dtype)
            else:
                model = Model(reader.inputs, outputs if len(outputs) > 1 else outputs[0], name=tree.name, dtype=dtype)
            break
        except errors.UsageError as problem:
            at += 1
            if at == 3 and reader.open:  # what is open may have to be as long as another input
                fills += [n for n in dict.fromkeys(n for made in reader.inputs for n in made._attrs["shape"] if n not in fills)][:4]
            if not reader.open or given is not None or at == len(fills) or not problem.code.endswith("1002"):
                raise
    if reader.open and given is None:
        model._open = entry, version
    model.__dict__["_parts"] = tree
    return model, tree


def _inside(entry: Any) -> Iterator[dict[str, Any]]:
    """All objects in a configuration."""
    waiting = [entry]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            yield value
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value


def _said(entry: Any, name: str) -> str | None:
    """What all layers of a file that have this argument give it, where they agree. Some layers of Keras 1 did not write down where their channels are."""
    found = {str(value[name]) for value in _inside(entry) if name in value}
    return found.pop() if len(found) == 1 else None


def _rows(entry: dict[str, Any]) -> int | None:
    """Rows of a batch, which matter where layers go on from batch to batch."""
    if not any(value.get("stateful") is True for value in _inside(entry)):
        return None
    shapes = (value.get(key) for value in _inside(entry) for key in ("batch_input_shape", "batch_shape"))
    return next((shape[0] for shape in shapes if isinstance(shape, list) and shape and isinstance(shape[0], int) and shape[0] > 0), None)


def _dtype(config: dict[str, Any]) -> str:
    found = json.dumps(config)
    return "float64" if '"float64"' in found and '"float32"' not in found.replace('"dtype": "float32", "sparse"', "") else "float32"


def place(model: Any, tree: Part, root: Folder, version: int, backend: str, who: str) -> None:
    """Put the weights of a file into a model whose parts are known."""
    top = root.folder("model_weights") or root
    if "layer_names" in top.attrs or "layer_names0" in top.attrs:
        chosen: list[tuple[Part, weights.Arrays]] = []
        known = {part.name: part for part in _flat(tree)}
        in_order = [part for part in _flat(tree) if any(_counts(model, leaf) != (0, 0) for leaf in part.leaves())]
        stored = [(name, weights.listed(found, who)) for name in top.texts("layer_names") if (found := top.folder(name)) is not None]
        filled = [(name, arrays) for name, arrays in stored if arrays]
        if not all(name in known for name, _ in filled):  # another model's names: by order, as Keras does
            if len(filled) != len(in_order):
                raise errors.make(5004, f"{who}: {len(filled)} layers have weights, the model has {len(in_order)} such layers")
            chosen = [(part, arrays) for part, (_, arrays) in zip(in_order, filled)]
        else:
            chosen = [(known[name], arrays) for name, arrays in filled]
        for part, arrays in chosen:
            _spread(model, part, arrays, version, backend, who)
        rest = [part for part in in_order if not any(part is other for other, _ in chosen)]
        for part in rest:
            if told := _told_weights(part):
                _put(model, part, told, version, backend, who)
        missing = [part.name for part in rest if not _told_weights(part)]
    elif root.folder("layers") is not None or root.folder("_layer_checkpoint_dependencies") is not None:
        missing = _descend(model, tree, root, version, backend, who)
    else:
        raise errors.make(5004, f"{who}: holds no weights of Keras: neither layer_names nor layers")
    if missing:
        raise errors.make(5004, f"{who}: no weights of {', '.join(missing[:5])}")


def _flat(tree: Part) -> list[Part]:
    """The parts that have a group of their own; those in a Merge of Keras 1 too."""
    return [part for one in tree.parts for part in (_flat(one) if one.kind == "Merge" else [one])]


def _counts(model: Any, leaf: Part) -> tuple[int, int]:
    """(trainable, other) weights of a layer."""
    assert leaf.layer is not None
    net, at = model.get_layer(leaf.layer.name)._place()
    own = [learns for _, of, learns, _, _ in net.weights() if of == at]
    return sum(own), len(own) - sum(own)


def _put(model: Any, leaf: Part, arrays: weights.Arrays, version: int, backend: str, who: str) -> None:
    assert leaf.layer is not None
    layer = model.get_layer(leaf.layer.name)
    net, at = layer._place()
    shapes = [shape for _, of, _, _, shape in net.weights() if of == at]
    kind = layer.kind
    config = leaf.config
    if kind.startswith("LocallyConnected") and arrays and arrays[0].ndim == 1:  # what its input is like must be known
        sides = layer.input.shape[1:]
        config = {**config, "input_sides": sides[1:] if config.get("data_format") == "channels_first" else sides[:-1]}
    try:
        arrays = weights.convert(kind, config, arrays, shapes, version, backend == "theano", bool(leaf.layer.__dict__.get("_cudnn")))
        if len(arrays) != len(shapes) or any(a.shape != tuple(s) for a, s in zip(arrays, shapes)):
            raise ValueError
    except (ValueError, IndexError):
        found = ", ".join(str(list(a.shape)) for a in arrays[:6])
        raise errors.make(5004, f"{who}: layer {leaf.name} has weights of shapes {found}; expected {', '.join(str(list(s)) for s in shapes)}") from None
    if shapes:
        layer.set_weights([np.asarray(a, np.float64 if a.dtype == np.float64 else np.float32) for a in arrays])


def _spread(model: Any, part: Part, arrays: weights.Arrays, version: int, backend: str, who: str) -> None:
    """A nested model's arrays: first what its layers train, then the others."""
    leaves = [leaf for leaf in part.leaves()]
    if not part.nested:
        for leaf in leaves:
            _put(model, leaf, arrays, version, backend, who)
        return
    first: list[tuple[Part, int]] = []
    then: list[tuple[Part, int]] = []
    for leaf in leaves:
        assert leaf.layer is not None
        learns, others = weights.file_count(model.get_layer(leaf.layer.name).kind, _counts(model, leaf), version)
        trainable = leaf.config.get("trainable", True) is not False and leaf.layer._trainable
        first.append((leaf, learns if trainable else 0))
        then.append((leaf, others + (0 if trainable else learns)))
    if sum(n for _, n in first + then) != len(arrays):
        raise errors.make(5004, f"{who}: the model {part.name} has {len(arrays)} arrays; expected {sum(n for _, n in first + then)}")
    own: dict[int, weights.Arrays] = {id(leaf): [] for leaf in leaves}
    at = 0
    for leaf, n in first + then:
        own[id(leaf)] += arrays[at:at + n]
        at += n
    for leaf in leaves:
        _put(model, leaf, own[id(leaf)], version, backend, who)


def _descend(model: Any, tree: Part, group: Folder, version: int, backend: str, who: str) -> list[str]:
    """Keras 3's groups: named after classes, counted. Gives the names of layers without weights."""
    missing: list[str] = []
    inside = group.folder("layers") or group.folder("_layer_checkpoint_dependencies") or Folder()
    counted: dict[str, int] = {}
    for part in tree.parts:
        stem = weights.snake("TimeDistributed" if part.timed else part.stem if not part.nested or part.kind == "RNN" else "Sequential" if part.kind == "Sequential" else "Functional")
        number = counted[stem] = counted.get(stem, -1) + 1
        found = inside.folders.get(f"{stem}_{number}" if number else stem) or inside.folders.get(part.name)
        if part.timed and found is not None:
            found = found.folder("layer")
        if part.kind == "RNN" and part.nested:
            _spread(model, part, _cells(part, found), version, backend, who)
        elif part.nested:
            missing += _descend(model, part, found or Folder(), version, backend, who)
        elif part.layer is not None:
            arrays = weights.below(found) or _told_weights(part)
            if not arrays and _counts(model, part) != (0, 0):
                missing.append(part.name)
            else:
                _put(model, part, arrays, version, backend, who)
    return missing


def _cells(part: Part, group: Folder | None) -> weights.Arrays:
    """What an RNN over several cells has in Keras 3's file: groups named after the cells' classes, counted."""
    inside = group.folder("cell/cells") if group is not None else None
    if inside is None:
        return weights.below(group)
    arrays: weights.Arrays = []
    counted: dict[str, int] = {}
    for leaf in part.parts:
        stem = weights.snake(f"{leaf.kind}Cell")
        number = counted[stem] = counted.get(stem, -1) + 1
        arrays += weights.below(inside.folder(f"{stem}_{number}" if number else stem))
    return arrays


def _told_weights(part: Part) -> weights.Arrays:
    """What Normalization(mean, variance) and IntegerLookup(vocabulary) have in their configuration."""
    if isinstance(part.layer, layers.IntegerLookup) and part.config.get("vocabulary") is not None:
        return [np.asarray(part.layer.get_vocabulary(False), np.float64)]
    told = [part.config.get(name) for name in ("mean", "variance")] if part.kind == "Normalization" else []
    return [] if not told or any(value is None for value in told) else [np.asarray(value, np.float32) for value in told]


# ---- files

def _json(content: bytes | str, who: str) -> dict[str, Any]:
    try:
        found = _object(json.loads(content), who)
        json.dumps(found, ensure_ascii=False).encode()  # names of half a character could not be printed
        return found
    except (ValueError, RecursionError) as problem:
        if isinstance(problem, errors.FiresteelError):
            raise
        raise errors.make(5004, f"{who}: no JSON of a model: {str(problem)[:200]}") from None


def _version(found: Any) -> int:
    """The first number of keras_version; files without one are of Keras 1."""
    digits = text(found).lstrip()[:1] if found is not None else "1"
    return int(digits) if digits.isdigit() else 3


def _member(archive: zipfile.ZipFile, name: str, who: str, most: int) -> bytes:
    """One file of an archive, that is no larger than it says and not 100 times what it takes there."""
    info = archive.getinfo(name)
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) or info.flag_bits & 1:
        raise errors.make(5004, f"{who}: {name} is packed in a way that models are not")
    if info.file_size > min(most, 100 * info.compress_size + (1 << 20)):
        raise errors.make(5004, f"{who}: {name} claims {info.file_size} bytes unpacked from {info.compress_size}")
    with archive.open(info) as file:
        content = file.read(info.file_size + 1)
    if len(content) != info.file_size:
        raise errors.make(5004, f"{who}: {name} has another size than it says")
    return content


def _unzip(path: str, who: str) -> dict[str, bytes]:
    """The parts of a .keras file."""
    try:
        with zipfile.ZipFile(path) as archive:
            listed = [info.filename for info in archive.infolist()]
            if len(listed) > 10000 or len(set(listed)) != len(listed):
                raise errors.make(5004, f"{who}: the archive names a file twice, or holds more than 10,000")
            for info in archive.infolist():
                parts = info.filename.replace("\\", "/").split("/")
                if parts[0] == "" or ".." in parts or ":" in parts[0] or (info.external_attr >> 16) & 0o170000 not in (0, 0o100000, 0o040000):
                    raise errors.make(5004, f"{who}: {info.filename!r} in the archive is a link or leads out of it")
            wanted = [name for name in ("config.json", "metadata.json", "model.weights.h5") if name in listed]
            if "config.json" not in wanted:
                raise errors.make(5002, f"{who}: a zip file without config.json is no model of Keras")
            size = os.stat(path).st_size
            return {name: _member(archive, name, who, MOST_JSON if name != "model.weights.h5" else 100 * size) for name in wanted}
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, EOFError, RuntimeError, zlib.error) as problem:
        if isinstance(problem, errors.FiresteelError):
            raise
        raise errors.make(5004, f"{who}: {' '.join(str(problem).split())[:200]}") from None


def load(path: str, compile: bool = True, input_shape: Any = None) -> Any:
    """A model from a .keras or .h5 file."""
    who = os.path.basename(path)
    with open(path, "rb") as file:
        zipped = file.read(4) == b"PK\x03\x04"
    try:
        if zipped:
            return _load_keras(path, who, compile, input_shape)
        return _load_h5(path, who, compile, input_shape)
    except Exception as problem:
        told = _told(problem, who)
        if told is problem:
            raise
        raise told from problem


def _told(problem: Exception, who: str) -> Exception:
    """What is raised for a file: firesteel's own errors with its name, and for a configuration that contradicts itself one of them."""
    if isinstance(problem, errors.FiresteelError):
        text = "".join(c if c.isprintable() else repr(c)[1:-1] for c in problem.message)  # names of a file may hold what terminals obey
        return problem if who in text and text == problem.message or not problem.code else errors.make(problem.code, text if who in text else f"{who}: {text}", problem.details)
    if isinstance(problem, RecursionError):
        return errors.make(5004, f"{who}: nested too deeply")
    if isinstance(problem, (ArithmeticError, AssertionError, AttributeError, LookupError, TypeError, ValueError)):
        return errors.make(5004, f"{who}: {type(problem).__name__}: {ascii(' '.join(str(problem).split())[:200])}")
    return problem


def _load_keras(path: str, who: str, compile: bool, input_shape: Any) -> Any:
    parts = _unzip(path, who)
    config = _json(parts["config.json"], f"{who}: config.json")
    version = _version(_json(parts.get("metadata.json", b"{}"), f"{who}: metadata.json").get("keras_version", "3"))
    model, tree = build(config, version, input_shape)
    if "model.weights.h5" not in parts:
        raise errors.make(5004, f"{who}: the archive has no model.weights.h5")
    file, root = open_file(parts["model.weights.h5"], f"{who}: model.weights.h5")
    with file:
        place(model, tree, root, version, "", who)
        if compile:
            _keras_compile.restore(model, tree, config.get("compile_config"), root, who)
    return model


def _backend(root: Folder, top: Folder, version: int, configs: Any) -> str:
    """What computed a file's model. Keras 1 did not write it down; there channels first were Theano's way."""
    found = text(root.attrs.get("backend", top.attrs.get("backend", "")))
    return found or ("theano" if version == 1 and _said(configs, "dim_ordering") == "th" else "")


def _load_h5(path: str, who: str, compile: bool, input_shape: Any) -> Any:
    file, root = open_file(path, who)
    with file:
        if "model_config" not in root.attrs:
            raise errors.make(5002, f"{who}: an HDF5 file without model_config: weights alone; build the model and call model.load_weights")
        config = _json(text(root.attrs["model_config"]), f"{who}: model_config")
        top = root.folder("model_weights") or root
        found = root.attrs.get("keras_version", top.attrs.get("keras_version"))
        version = _version(found)
        model, tree = build(config, version, input_shape)
        place(model, tree, root, version, _backend(root, top, version, config), who)
        if compile and "training_config" in root.attrs:
            settings = _json(text(root.attrs["training_config"]), f"{who}: training_config")
            _keras_compile.restore(model, tree, settings, root, who)
    return model


def load_weights(model: Any, path: str) -> None:
    """Weights alone, of an .h5, .weights.h5 or .keras file, into a model of the same layers."""
    who = os.path.basename(path)
    with open(path, "rb") as file:
        zipped = file.read(4) == b"PK\x03\x04"
    content: Any = path
    version = 0
    if zipped:
        parts = _unzip(path, who)
        content, version = parts.get("model.weights.h5", b""), 3
    tree = model.__dict__.get("_parts") or Part("Sequential", {}, model.name)  # a model of from_json knows what was nested
    for layer in model._all if not tree.parts else []:
        part = Part("InputLayer" if isinstance(layer, layers.Input) else {"GroupQueryAttention": "GroupedQueryAttention"}.get(layer.kind, layer.kind),
                    {key: layer._attrs.get(key) for key in ("data_format", "kernel_size", "strides", "padding")} | {"trainable": layer.trainable}, layer.name)
        part.layer = None if isinstance(layer, layers.Input) else layer
        tree.parts.append(part)
    file, root = open_file(content, who)
    with file:
        top = root.folder("model_weights") or root
        version = version or _version(top.attrs.get("keras_version", root.attrs.get("keras_version", "3" if root.folder("layers") is not None else None)))
        before = model.get_weights()
        try:
            place(model, tree, root, version, _backend(root, top, version, [part.config for part in _flat(tree)]), who)
        except BaseException:
            model.set_weights(before)
            raise


def from_json(content: str, input_shape: Any = None) -> Any:
    """A model of the architecture that Keras' to_json wrote, with weights yet to be drawn."""
    config = _json(content, "model_from_json")
    try:
        return build(config, _version(config.get("keras_version", "3" if "module" in config else None)), input_shape)[0]
    except Exception as problem:
        told = _told(problem, "model_from_json")
        if told is problem:
            raise
        raise told from problem
