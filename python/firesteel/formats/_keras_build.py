"""_keras_build - a configuration of Keras, of any version, as layers and calls of them. Nothing in it is run, and no weight is looked for."""
from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from typing import Any

from .. import _core, _graph as graph, errors, layers
from .._context import context
from . import _keras_names as names, _keras_ops as operations

NESTED = {"Sequential", "Functional", "Model"}
NOT_TIMED = {"Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum", "Concatenate", "InputLayer"}  # their inputs have a time that needs no care
RECURRENT = {"LSTM", "GRU", "SimpleRNN", "RNN", "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D", "TimeDistributed", "Bidirectional"}
BEHIND = {"LeakyReLU", "ReLU", "ELU", "Softmax", "ThresholdedReLU"}  # layers that may stand as an activation
# Layers that Keras' own applications have beyond keras.layers, by what tells them from a class of the same name: InceptionResNet's and ConvNeXt's.
APPLICATIONS = {"CustomScaleLayer": {"scale"}, "LayerScale": {"init_values", "projection_dim"}, "StochasticDepth": {"drop_path_rate"}}
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


def as_object(value: Any, what: str) -> dict[str, Any]:
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


def _row(tensor: Any) -> list[Any]:
    """The shape of a tensor's rows; an Input's has no batch in it."""
    return list(tensor.shape if isinstance(tensor, layers.Input) else tensor.shape[1:])


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
            chain = config if isinstance(config, list) else as_object(config, "config").get("layers")
            own = {} if isinstance(config, list) else as_object(config, "config")
            made = self.chain(_list(chain, "layers"), own, around)
        else:
            made = self.functional(as_object(config, "config"), around)
        self.depth -= 1
        return made

    def part(self, entry: dict[str, Any], around: str) -> tuple[Part, Any]:
        """One layer, or nested model, of a configuration."""
        entry = as_object(entry, "a layer")
        kind, config = str(entry.get("class_name")).rpartition(">")[2], entry.get("config")
        if kind in APPLICATIONS and isinstance(config, dict) and APPLICATIONS[kind] == set(config) - {"name", "trainable", "dtype"} and not self.timed:
            return self.application(kind, config, str(entry.get("name") or config.get("name") or kind), around)
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
        config = as_object(config, f"the configuration of {kind}")
        if kind == "TimeDistributed" and names.parts(config.get("layer"))[0] in NESTED:
            return self.timed_model(as_object(config["layer"], "layer"), str(entry.get("name") or config.get("name") or kind))
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
        penalty = names.activity(config.get("activity_regularizer"), made.name)
        config = {key: value for key, value in config.items() if key != "activity_regularizer"}
        made.layer = self.layer(kind, config, self.unique(made.name, around))
        if penalty is not None:
            penalty._name = self.unique(f"{made.name}_activity", around)
            made.alone = False

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
            outs = out if isinstance(out, list) else [out]
            return outs if penalty is None else [penalty(one) for one in outs]
        return made, apply

    def timed_model(self, entry: dict[str, Any], name: str) -> tuple[Part, Any]:
        """TimeDistributed over a model: over each of its layers."""
        self.timed += 1
        made, apply = self.model(entry, None, name)
        self.timed -= 1
        made.name, made.nested, made.timed = name, True, True
        return made, apply

    def application(self, kind: str, config: dict[str, Any], name: str, around: str) -> tuple[Part, Any]:
        """x + scale * y, gamma * x for each channel, or a branch that training leaves out at random, of layers that Keras has."""
        made = Part(kind, config, name)
        made.alone, unique = False, self.unique(name, around)
        if kind == "StochasticDepth":
            warnings.warn(f"{name}: StochasticDepth passes its input on; while training no branch is left out", stacklevel=2)

        def apply(tensors: list[Any], call: dict[str, Any]) -> list[Any]:
            if kind == "CustomScaleLayer":
                scaled = self.layer("Rescaling", {"scale": config["scale"]}, self.unique(f"{name}_scale", around))(tensors[1])
                return [self.layer("Add", {}, unique)(tensors[0], scaled)]
            if kind == "StochasticDepth":
                return [self.layer("Identity", {}, unique)(*tensors)]
            row = _row(tensors[0])
            axes = "abcdefgh"[:1 + len(row)]
            made.layer = made.layer or self.layer("EinsumDense", {"equation": f"{axes},{axes[-1]}->{axes}", "output_shape": row, "trainable": config.get("trainable", True)}, unique)
            return [made.layer(*tensors)]
        return made, apply

    def center_crop(self, made: Part, config: dict[str, Any], around: str) -> Any:
        """CenterCrop as a Cropping2D, once the size of the pictures is known."""
        name = self.unique(made.name, around)

        def apply(tensors: list[Any], call: dict[str, Any]) -> list[Any]:
            first = config.get("data_format") == "channels_first"
            sides = _row(tensors[0])[1:3] if first else _row(tensors[0])[:2]
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
            entry = as_object(entry, "a layer")
            config = entry.get("config")
            if entry.get("class_name") == "InputLayer":
                config = as_object(config, "the configuration of InputLayer")
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
        entries = [as_object(entry, "a layer") for entry in _list(config.get("layers"), "layers")]
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
                own = as_object(own, "the configuration of InputLayer")
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
        found.append(_history(as_object(value.get("config"), "a tensor").get("keras_history")))
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
        kwargs = {k: v for k, v in as_object(node.get("kwargs") or {}, "kwargs").items() if k not in ("training", "mask")}
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
    ordering = said(entry, "dim_ordering") if version == 1 else None
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


def said(entry: Any, name: str) -> str | None:
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
