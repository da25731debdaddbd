"""keras_config - layers, regularizers, optimizers and schedules from what Keras writes as their configuration. A tool of the tests, not of the package."""
from __future__ import annotations

import inspect
import re
from typing import Any

import firesteel as fire
from firesteel.errors import FiresteelError

# What says nothing about the numbers, or has one value here; anything else that a class lacks must have the value given.
NO_MATTER = {"name", "trainable", "dtype", "build_config", "quantization_config", "seed", "batch_input_shape", "autocast", "jit_compile", "loss_scale_factor",
             "synchronized", "sparse", "ragged"}
NEUTRAL = {"data_format": ("channels_last",), "renorm_momentum": (0.99,), "ema_momentum": (0.99,), "dilation_rate": (1, [1], [1, 1], [1, 1, 1]), "groups": (1,),
           "weight_decay": (0, 0.0), "axis": (-1,), "zero_output_for_mask": (True,), "flash_attention": (False,), "lora_rank": (None,), "weights": (None,)}
# Keras computes with given weights here, so how they began does not matter.
BEGINNINGS = ("_initializer",)


def make(module: Any, kind: str, config: dict[str, Any], use: set[str] | None = None) -> Any:
    """module.kind(**config); NotImplementedError where the class, a parameter or its value does not exist here."""
    cls = getattr(module, kind, None)
    if cls is None:
        raise NotImplementedError(f"{kind} is not there")
    known = inspect.signature(cls).parameters
    given: dict[str, Any] = {}
    for name, value in config.items():
        if name in NO_MATTER or name.endswith(BEGINNINGS):
            continue
        if name in known:
            if value is not None or known[name].default is not None and known[name].default is not inspect.Parameter.empty:
                given[name] = plain(value)
        elif value not in (None, False) and value not in NEUTRAL.get(name, ()):
            raise NotImplementedError(f"{kind}({name}={value!r})")
    try:
        return cls(**given)
    except FiresteelError as problem:
        raise NotImplementedError(str(problem)) from problem


def plain(value: Any) -> Any:
    """A nested configuration as the object that it describes, anything else as it is."""
    if not isinstance(value, dict) or "class_name" not in value:
        return value
    module, kind, config = value.get("module") or "", value["class_name"], value.get("config")
    if kind == "function":
        return config
    for part in ("schedules", "regularizers", "constraints", "optimizers", "losses", "metrics"):
        if part in module:
            home = fire.optimizers.schedules if part == "schedules" else getattr(fire, part, None)
            return make(home, kind, config)
    return make(fire.layers, kind, config)


class Rebuilt:
    """A network from Keras' configuration of a Sequential or Functional model and the HDF5 group of its weights: `model`, with those weights."""

    def __init__(self, config: dict[str, Any], group: Any) -> None:
        self.held: list[tuple[Any, list[Any]]] = []
        inputs: list[Any] = []
        outputs = self.apply(config, group, None, inputs)
        self.model = fire.Model(inputs, outputs if len(outputs) > 1 else outputs[0])
        for layer, values in self.held:
            if values:
                layer.set_weights(values)

    def apply(self, config: dict[str, Any], group: Any, given: list[Any] | None, inputs: list[Any]) -> list[Any]:
        """Outputs of the model of `config` on tensors, or on Inputs of its own, which are appended to `inputs`."""
        chain = config["class_name"] == "Sequential"
        entries = config["config"]["layers"]
        made: dict[tuple[str, int], list[Any]] = {}
        parts: dict[str, tuple[dict[str, Any], Any, Any]] = {}
        names: dict[str, int] = {}
        at_input: dict[str, list[Any]] = {}
        for entry in entries:
            stem = snake(entry["class_name"])
            number = names[stem] = names.get(stem, -1) + 1
            inside = group["layers"].get(f"{stem}_{number}" if number else stem)
            name = entry["config"]["name"]
            if entry["class_name"] == "InputLayer":
                at_input[name] = [fire.Input(tuple(entry["config"]["batch_shape"][1:]))] if given is None else []
                continue
            nested = entry["class_name"] in ("Sequential", "Functional")
            layer = None if nested else make(fire.layers, entry["class_name"], entry["config"])
            if layer is not None:
                self.held.append((layer, arrays_of(inside) if inside is not None else []))
            parts[name] = (entry, layer, inside)
        order = [name for name, _, _ in pairs(config["config"]["input_layers"])] if not chain else list(at_input)
        for name, tensor in zip(order, given if given is not None else [at_input[name][0] for name in order]):
            made[name, 0] = [tensor]
        if given is None:
            inputs += [made[name, 0][0] for name in order]

        def call(name: str, tensors: list[Any]) -> list[Any]:
            entry, layer, inside = parts[name]
            if layer is None:
                return self.apply(entry, inside, tensors, inputs)
            out = layer(*tensors)
            return out if isinstance(out, list) else [out]
        if chain:
            tensors = made[order[0], 0]
            for name in parts:
                tensors = call(name, tensors)
            return tensors
        waiting = [(name, k, node) for name, (entry, _, _) in parts.items() for k, node in enumerate(entry["inbound_nodes"])]
        while waiting:
            for name, k, node in list(waiting):
                wanted = [tuple(t) for t in tensors_in(node["args"]) + tensors_in(node["kwargs"])]
                if all((of, at) in made for of, at, _ in wanted):
                    made[name, k] = call(name, [made[of, at][i] for of, at, i in wanted])
                    waiting.remove((name, k, node))
        return [made[name, node][i] for name, node, i in pairs(config["config"]["output_layers"])]


def pairs(value: Any) -> list[Any]:
    """["a", 0, 0] or a list of such as a list."""
    return [value] if value and isinstance(value[0], str) else list(value)


def tensors_in(value: Any) -> list[Any]:
    """keras_history of every tensor in the arguments of a call, in order."""
    if isinstance(value, dict):
        if value.get("class_name") == "__keras_tensor__":
            return [value["config"]["keras_history"]]
        value = list(value.values())
    return [found for part in value for found in tensors_in(part)] if isinstance(value, list) else []


def snake(name: str) -> str:
    """Keras' name of a group of weights: SeparableConv2D is separable_conv2d."""
    return re.sub("([a-z])([A-Z])", r"\1_\2", re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)).lower()


def arrays_of(group: Any) -> list[Any]:
    """All arrays below a layer's group, in the order of get_weights."""
    found = [group["vars"][name][()] for name in sorted(group["vars"], key=int)] if "vars" in group else []
    for name in sorted((name for name in group if name != "vars"), key=lambda name: (name != "forward_layer", name)):
        found += arrays_of(group[name])
    return found
