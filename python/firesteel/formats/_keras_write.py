"""_keras_write - models as .keras files, which Keras 3 loads with equal numbers: model.save("x.keras").

The whole optimizer state goes along where it lies as Keras keeps it; what Keras has no layer for is refused by name."""
from __future__ import annotations

import datetime
import io
import json
import re
import zipfile
from typing import Any

import numpy as np

from .. import _core, errors, layers, optimizers
from .._text import Named, parse_attrs, split_name
from ._hdf5 import h5py
from ._keras_compile import groups
from ._keras_weights import snake

# Ours beyond Keras', which may stand at their defaults only.
OWN = {"padding_mode": ("zeros",), "ceil_mode": (False,), "count_include_pad": (False,), "tbptt_length": (0,), "align_corners": (False,), "use_mask_token": (False, True),
       "use_mask_value": (False, True), "vocabulary_size": None, "dampening": (0.0, 0), "decay": (0.0, 0), "momentum_decay": (1.0, 1),
       "exclude_from_weight_decay": ("", None), "use_causal_mask": None, "return_attention_scores": None, "sparse": None, "batch_size": None}
NO_LAYER = {"Function", "LPPooling1D", "LPPooling2D", "LPPooling3D", "LocalResponseNormalization", "Lambda", "Discretization", "IntegerLookup", "Hashing", "LocallyConnected1D", "LocallyConnected2D",
            "MaxoutDense", "Highway", "SReLU", "ParametricSoftplus"}
# Programs of one operator, as x + y and 1 - x become them: keras.ops' classes.
OPERATIONS = {"Add": "Add", "Sub": "Subtract", "Mul": "Multiply", "Div": "TrueDivide", "Max": "Maximum", "Min": "Minimum", "Pow": "Power", "Abs": "Absolute", "Neg": "Negative", "Exp": "Exp",
              "Log": "Log", "Sqrt": "Sqrt", "Tanh": "Tanh"}
KERAS = {"GroupQueryAttention": "GroupedQueryAttention"}
SUBGROUPS = {"MultiHeadAttention": ("query_dense", "key_dense", "value_dense", "output_dense"), "GroupQueryAttention": ("_query_dense", "_key_dense", "_value_dense", "_output_dense")}


def _plain(value: Any, module: str) -> Any:
    """A value of an attribute as JSON; a text that names an instance as its configuration."""
    if isinstance(value, Named):
        value = value.text()
    if isinstance(value, (tuple, list)):
        return [_plain(v, module) for v in value]
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, str) and " " in value and "=" in value:
        name, rest = split_name(value)
        return {"module": f"keras.{module}", "class_name": name, "config": {k: _plain(v, module) for k, v in parse_attrs(rest).items()}, "registered_name": None}
    return value


def hard_sigmoid(dtype: str) -> dict[str, Any]:
    """That of Keras 2, min(max(0.2 x + 0.5, 0), 1), of layers that Keras 3 has: there an activation may be an object."""
    chain = [("Rescaling", {"scale": 0.2, "offset": 0.5}), ("ReLU", {"max_value": 1.0})]
    body = [{"module": "keras.layers", "class_name": kind, "config": {"name": snake(kind), "dtype": dtype, **own}, "registered_name": None} for kind, own in chain]
    return {"module": "keras", "class_name": "Sequential", "config": {"name": "hard_sigmoid", "dtype": dtype, "layers": body}, "registered_name": None}


def layer_config(layer: layers.Layer, name: str, dtype: str, trainable: bool) -> dict[str, Any]:
    """A layer as Keras 3 writes it, without its calls."""
    kind = layer.kind
    if kind in NO_LAYER:
        raise errors.make(1005, f"save: Keras has no layer like {layer.name or kind} ({kind}); save as .onnx, or leave it out")
    config: dict[str, Any] = {"name": name, "trainable": trainable, "dtype": dtype}
    for key, value in layer._attrs.items():
        if key in OWN:
            allowed = OWN[key]
            if allowed is not None and value is not None and value not in allowed:
                raise errors.make(1005, f"save: Keras' {kind} has no {key}={value!r} (layer {layer.name})")
            continue
        if value is None or key == "dilation_rate" and "Pooling" in kind or key == "output_padding" and not value:
            continue
        if key == "data_format" and kind in ("Cropping1D", "UpSampling1D"):  # Keras' have none
            if value != "channels_last":
                raise errors.make(1005, f"save: Keras' {kind} has no data_format={value!r} (layer {layer.name})")
            continue
        if key == "output_shape" and kind == "EinsumDense":
            value = [None if n == -1 else n for n in (value if isinstance(value, (tuple, list)) else [value])]
        if key in ("activation", "recurrent_activation") and value == "hard_sigmoid_keras2":
            config[key] = hard_sigmoid(dtype)
            continue
        if key in ("layer", "backward_layer"):
            inner = value if isinstance(value, layers.Layer) else _of_text(str(value))
            config[key] = entry(inner, inner._name or snake(inner.kind), dtype, True)
            continue
        if key in ("padding", "cropping") and kind.startswith(("Zero", "Crop")):
            value = _pairs(value, int(kind[-2]))
        elif key == "padding" and value not in ("valid", "same", "causal"):
            raise errors.make(1005, f"save: Keras' {kind} has no padding={value!r} (layer {layer.name})")
        elif key == "size" and kind == "UpSampling1D":
            value = value[0]
        elif key == "shared_axes" and not value:
            continue
        elif key in ("strides", "kernel_size", "pool_size", "dilation_rate", "size", "output_padding") and isinstance(value, tuple) and (sides := kind.removesuffix("Transpose"))[-2:] in ("1D", "2D", "3D"):
            rank = int(sides[-2])
            value = None if not value else list(value) * rank if len(value) == 1 else list(value)
            if value is None:
                continue
        elif kind == "BatchNormalization" and key == "axis" and isinstance(value, tuple):
            value = value[0]
        elif key in ("axis", "axes") and isinstance(value, tuple) and len(value) == 1:
            value = value[0]
        elif key == "merge_mode" and value in ("none", None):
            value = None
        if kind.startswith("SpatialDropout"):  # Keras makes them of these alone
            config.pop("trainable", None)
        stem = "initializers" if "initializer" in key else "regularizers" if "regularizer" in key else "constraints"
        config[key] = _plain(value, stem) if value != "" else None
    return config


def _operation(layer: layers.Layer, tensors: list[Any] | None = None) -> tuple[str, list[Any]] | None:
    """Class and arguments of the operation that a Function of one operator is; None for other layers."""
    found = re.fullmatch(r"(\w+) ([^ ;]+);out (\d+)", str(layer._attrs.get("body", ""))) if layer.kind == "Function" and not layer._attrs.get("weights") else None
    if found is None or found[1] not in OPERATIONS:
        return None
    args: list[Any] = []
    for arg in found[2].split(","):
        constant = re.fullmatch(r"f\{([^{},]+)\}", arg)
        if not constant and not arg.isdigit() or not constant and tensors is not None and int(arg) >= len(tensors):
            return None
        args.append(float(constant[1]) if constant else tensors[int(arg)] if tensors is not None else None)
    used = {int(arg) for arg in found[2].split(",") if arg.isdigit()}
    return (OPERATIONS[found[1]], args) if int(found[3]) == len(used) and len(args) <= 2 else None


def _pairs(value: Any, rank: int) -> Any:
    """Padding as Keras has it: pairs for each dimension."""
    flat = list(value) if isinstance(value, (tuple, list)) else [value]
    if len(flat) == 1:
        flat = flat * (2 * rank)
    elif len(flat) == rank and rank > 1:
        flat = [n for n in flat for _ in range(2)]
    return flat if rank == 1 else [flat[2 * i:2 * i + 2] for i in range(rank)]


def _of_text(line: str) -> layers.Layer:
    kind, rest = split_name(line)
    attrs = parse_attrs(rest)
    return layers.Layer._restore(kind, str(attrs.pop("name", snake(kind))), rest if "name" not in parse_attrs(rest) else " ".join(p for p in rest.split(" ") if not p.startswith("name=")))


def entry(layer: layers.Layer, name: str, dtype: str, trainable: bool) -> dict[str, Any]:
    """A layer with its class."""
    if (operation := _operation(layer)) is not None:
        return {"module": "keras.src.ops.numpy", "class_name": operation[0], "config": {"name": name}, "registered_name": operation[0]}
    return {"module": "keras.layers", "class_name": KERAS.get(layer.kind, layer.kind), "config": layer_config(layer, name, dtype, trainable), "registered_name": None}


def config_of(model: Any) -> dict[str, Any]:
    """The architecture."""
    net, dtype = model._net, model.dtype
    infos, uses = net.layers(), net.uses()
    parts = net.parts(False)
    handles = {layer.name: layer for layer in model._all}
    entries: list[dict[str, Any]] = []
    start = {"module": "keras.layers", "class_name": "InputLayer", "registered_name": None}
    rows = [int(layer._attrs["batch_size"]) if layer._attrs.get("batch_size") else None for layer in model._all if isinstance(layer, layers.Input)]
    rows += [None] * (len(parts) - len(rows))  # a chain that was loaded has no Input of its own
    if net.info()["chain"] and not any(layer.kind == "Function" for layer in model._all):
        first = {**start, "config": {"batch_shape": [rows[0], *parts[0][1][1:]], "dtype": dtype, "sparse": False, "name": parts[0][0]}}
        body = [entry(handles[info[1]], info[1], dtype, info[6]) for info in infos if info[0] != "Input"]
        return {"module": "keras", "class_name": "Sequential", "registered_name": None,
                "config": {"name": model.name, "trainable": True, "dtype": dtype, "layers": [first, *body], "build_input_shape": [None, *parts[0][1][1:]]}}
    place: dict[int, tuple[str, int, int]] = {}
    sizes: dict[int, list[int | None]] = {}  # of a layer's first output: Keras looks at them, but infers its own
    shapes: dict[str, int] = {}
    calls: dict[str, list[Any]] = {info[1]: [] for info in infos}
    met = 0
    for at, ins, n_out, out in uses:
        name, kind = infos[at][1], infos[at][0]
        if not ins:
            shapes[name], met = met, met + 1
        for k in range(n_out):
            place[out + k] = name, len(calls[name]), k
            sizes[out + k] = [None if n < 0 else n for n in infos[at][3]]
        tensors = [{"class_name": "__keras_tensor__", "config": {"shape": sizes[t], "dtype": dtype, "keras_history": list(place[t])}} for t in ins]
        layer = handles[name]
        kwargs: dict[str, Any] = {}
        if (operation := _operation(layer, tensors)) is not None:
            args: list[Any] = operation[1]
        elif kind in ("MultiHeadAttention", "GroupQueryAttention"):
            args = tensors
            kwargs = {key: True for key in ("use_causal_mask", "return_attention_scores") if layer._attrs.get(key)}
        elif kind in ("LSTM", "GRU", "SimpleRNN", "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D", "Bidirectional") and len(tensors) > 1:
            args, kwargs = tensors[:1], {"initial_state": tensors[1:]}
        elif kind in ("Attention", "AdditiveAttention"):
            args = [tensors]
            kwargs = {key: True for key in ("use_causal_mask", "return_attention_scores") if layer._attrs.get(key)}
        else:
            args = [tensors] if len(tensors) > 1 or kind in ("Add", "Multiply", "Concatenate", "Average", "Maximum", "Minimum", "Subtract", "Dot") else tensors
        calls[name].append({"args": args, "kwargs": kwargs} if ins else None)
    for info in infos:
        name = info[1]
        if info[0] == "Input":
            own: dict[str, Any] = {**start, "config": {"batch_shape": [rows[shapes[name]], *parts[shapes[name]][1][1:]], "dtype": dtype, "sparse": False, "name": name}}
        else:
            own = entry(handles[name], name, dtype, info[6])
        entries.append({**own, "name": name, "inbound_nodes": [call for call in calls[name] if call]})
    ends = [list(place[part[2]]) for part in net.parts(True)]
    starts = [[name, 0, 0] for name in shapes]
    return {"module": "keras.src.models.functional", "class_name": "Functional", "registered_name": "Functional",
            "config": {"name": model.name, "trainable": True, "layers": entries, "input_layers": starts, "output_layers": ends}}


def _write_arrays(folder: Any, arrays: list[np.ndarray]) -> None:
    own = folder.create_group("vars")
    for i, array in enumerate(arrays):
        own[str(i)] = array


def _write_layer(folder: Any, layer: layers.Layer, arrays: list[np.ndarray]) -> None:
    kind = layer.kind
    if kind in ("LSTM", "GRU", "SimpleRNN", "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D"):
        folder.create_group("vars")
        _write_arrays(folder.create_group("cell"), arrays)
    elif kind in SUBGROUPS and arrays:
        folder.create_group("vars")
        names, each = SUBGROUPS[kind], len(arrays) // 4
        for i, name in enumerate(names):
            _write_arrays(folder.create_group(name), arrays[i * each:(i + 1) * each])
    elif kind == "Bidirectional":
        folder.create_group("vars")
        half = len(arrays) // 2
        for name, part in (("forward_layer", arrays[:half]), ("backward_layer", arrays[half:])):
            inner = folder.create_group(name)
            inner.create_group("vars")
            _write_arrays(inner.create_group("cell"), part)
    elif kind == "TimeDistributed":
        folder.create_group("vars")
        inner = layer._attrs["layer"]
        _write_layer(folder.create_group("layer"), inner if isinstance(inner, layers.Layer) else _of_text(str(inner)), arrays)
    else:
        _write_arrays(folder, arrays)


def _compile_config(model: Any) -> dict[str, Any] | None:
    """Loss, metrics and optimizer; None for what Keras has not."""
    info = model._net.info()
    if not info["compiled"] or not isinstance(model.optimizer, optimizers.Optimizer):
        return None
    name, rest = split_name(info["loss"])
    if "\n" in info["loss"] or name in ("Function",) or "loss_weights" in rest:
        return None
    kind = type(model.optimizer).__name__
    if kind not in ("SGD", "RMSprop", "Adam", "AdamW", "Adamax", "Nadam", "Adagrad", "Adadelta", "Ftrl", "Lion", "Lamb"):
        return None
    own = model.optimizer._attrs
    config = {key: _plain(value, "optimizers.schedules") for key, value in own.items() if value is not None and key not in OWN}
    if not isinstance(own.get("learning_rate"), Named):
        config["learning_rate"] = model._net.learning_rate()
    loss = {"module": "keras.losses", "class_name": name, "registered_name": None, "config": {k: _plain(v, "losses") for k, v in parse_attrs(rest).items()}}
    names = [one for one in info["metrics"].splitlines() if " " not in one]
    return {"optimizer": {"module": "keras.optimizers", "class_name": kind, "config": config, "registered_name": None}, "loss": loss, "loss_weights": None,
            "metrics": names or None, "weighted_metrics": None, "run_eagerly": False, "steps_per_execution": 1, "jit_compile": False}


def _write_state(file: Any, model: Any) -> None:
    from .safetensors import read_bytes
    found, texts = read_bytes(model._net.state())
    config = model.optimizer.get_config()
    if config.get("use_ema") or config.get("gradient_accumulation_steps"):
        return
    frozen = {i for i, info in enumerate(model._net.layers()) if not info[6]}
    learns = [name for name, of, own, _, _ in model._net.weights() if own and of not in frozen]
    arrays: list[Any] = [np.int64(texts["step"])]
    if not isinstance(config.get("learning_rate"), Named):
        arrays.append(np.float32(model._net.learning_rate()))
    if found:
        arrays += [found[f"slot{k}/{name}"] for group in groups(model.optimizer, config, True) for name in learns for k in group]
    if type(model.optimizer).__name__ == "Nadam" and found:
        beta = float(config["beta_1"])
        arrays.append(np.float32(np.prod([beta * (1 - 0.5 * 0.96 ** t) for t in range(1, int(texts["step"]) + 1)])))
    _write_arrays(file.create_group("optimizer"), arrays)


def to_bytes(model: Any) -> bytes:
    """The .keras file."""
    lib = h5py("save")
    if model._net.info()["loaded_as_onnx"]:
        raise errors.make(1005, "save: a plain ONNX graph has no layers, so Keras cannot have it")
    config = config_of(model)
    settings = _compile_config(model)
    if settings:
        config["compile_config"] = settings
    content = io.BytesIO()
    with lib.File(content, "w") as file:
        inside = file.create_group("layers")
        counted: dict[str, int] = {}
        file.create_group("vars")
        for layer in model._all:
            if _operation(layer) is not None:
                continue
            stem = "input_layer" if isinstance(layer, layers.Input) else snake(KERAS.get(layer.kind, layer.kind))
            number = counted[stem] = counted.get(stem, -1) + 1
            _write_layer(inside.create_group(f"{stem}_{number}" if number else stem), layer, [] if isinstance(layer, layers.Input) else layer.get_weights())
        if settings:
            _write_state(file, model)
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w") as archive:
        note = {"keras_version": "3.0.0", "date_saved": datetime.datetime.now().strftime("%Y-%m-%d@%H:%M:%S"), "written_by": f"firesteel {_core.version()}"}
        archive.writestr("metadata.json", json.dumps(note))
        archive.writestr("config.json", json.dumps(config))
        archive.writestr("model.weights.h5", content.getvalue())
    return zipped.getvalue()
