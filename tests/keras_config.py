"""keras_config - layers, regularizers, optimizers and schedules from what Keras writes as their configuration. A tool of the tests, not of the package."""
from __future__ import annotations

import inspect
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
