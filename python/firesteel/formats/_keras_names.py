"""_keras_names - what Keras 1, 2, tf_keras and 3 call layers, arguments and activations, in the words of Keras 3, which are ours."""
from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable
from typing import Any

from .. import constraints, errors, initializers, layers, regularizers

CLASSES = {
    "Convolution1D": "Conv1D", "Convolution2D": "Conv2D", "Convolution3D": "Conv3D", "AtrousConvolution1D": "Conv1D", "AtrousConvolution2D": "Conv2D",
    "AtrousConv1D": "Conv1D", "AtrousConv2D": "Conv2D", "Deconvolution2D": "Conv2DTranspose", "Deconv2D": "Conv2DTranspose", "Deconvolution3D": "Conv3DTranspose",
    "Deconv3D": "Conv3DTranspose", "Convolution1DTranspose": "Conv1DTranspose", "Convolution2DTranspose": "Conv2DTranspose", "Convolution3DTranspose": "Conv3DTranspose",
    "SeparableConvolution1D": "SeparableConv1D", "SeparableConvolution2D": "SeparableConv2D", "DepthwiseConvolution2D": "DepthwiseConv2D",
    "MaxPool1D": "MaxPooling1D", "MaxPool2D": "MaxPooling2D", "MaxPool3D": "MaxPooling3D", "AvgPool1D": "AveragePooling1D", "AvgPool2D": "AveragePooling2D",
    "AvgPool3D": "AveragePooling3D", "GlobalMaxPool1D": "GlobalMaxPooling1D", "GlobalMaxPool2D": "GlobalMaxPooling2D", "GlobalMaxPool3D": "GlobalMaxPooling3D",
    "GlobalAvgPool1D": "GlobalAveragePooling1D", "GlobalAvgPool2D": "GlobalAveragePooling2D", "GlobalAvgPool3D": "GlobalAveragePooling3D",
    "CuDNNLSTM": "LSTM", "CuDNNGRU": "GRU", "LSTMV1": "LSTM", "LSTMV2": "LSTM", "GRUV1": "GRU", "GRUV2": "GRU", "BatchNormalizationV1": "BatchNormalization",
    "BatchNormalizationV2": "BatchNormalization", "SyncBatchNormalization": "BatchNormalization", "TimeDistributedDense": "Dense", "ThresholdedReLU": "ReLU",
    "GroupedQueryAttention": "GroupQueryAttention", 
}
# Keras 1's arguments, where one name serves every layer.
ARGUMENTS = {
    "nb_filter": "filters", "border_mode": "padding", "subsample": "strides", "subsample_length": "strides", "filter_length": "kernel_size",
    "inner_init": "recurrent_initializer", "inner_activation": "recurrent_activation", "U_regularizer": "recurrent_regularizer", "U_constraint": "recurrent_constraint",
    "b_regularizer": "bias_regularizer", "b_constraint": "bias_constraint", "bias": "use_bias", "dropout_W": "dropout", "dropout_U": "recurrent_dropout",
    "pool_length": "pool_size", "stride": "strides", "atrous_rate": "dilation_rate", "sigma": "stddev", "p": "rate", "beta_init": "beta_initializer",
    "gamma_init": "gamma_initializer", "nb_feature": "features", "depthwise_init": "depthwise_initializer", "pointwise_init": "pointwise_initializer", "causal": "use_causal_mask",
}
# What says nothing about the numbers, or is told elsewhere.
NO_MATTER = {
    "name", "trainable", "dtype", "build_config", "quantization_config", "seed", "batch_input_shape", "batch_shape", "autocast", "jit_compile", "input_dim", "input_length",
    "input_dtype", "input_shape", "weights", "consume_less", "implementation", "forget_bias_init", "registered_name", "sparse", "ragged", "fused", "use_cudnn", "query_shape",
    "key_shape", "value_shape", "time_major", "force_generator", "rng_type", "dynamic", "supports_jit", "dtype_policy", "optional",
    "enable_lora", "lora_alpha", "vocabulary_dtype", "idf_weights", "input_mean", "input_variance", "zero_debias_moving_mean", "pad_to_max_tokens",
    "lora_rank", "vocabulary_size", "cache_dir", "finalize_state",
}
# Values that mean what a layer does that has no such argument.
NEUTRAL: dict[str, tuple[Any, ...]] = {
    "data_format": ("channels_last", "default"), "renorm_momentum": (0.99,), "groups": (1,), "dilation_rate": (1, [1], [1, 1], [1, 1, 1]), "axis": (-1,), "mode": (0,),
    "zero_output_for_mask": (True,), "flash_attention": (False,), "synchronized": (True, False), "keep_aspect_ratio": (False,), "fill_value": (0, 0.0), "scale": (),
    "fill_mode": ("constant",), "value_range": (), "gate": (False,), "rms_scaling": (False,), "num_oov_buckets": (1,), "oov_method": ("floormod",),
}
# While training Keras changes the pictures at random there; a network for inference passes them on.
RANDOM = {"RandomFlip", "RandomRotation", "RandomZoom", "RandomTranslation", "RandomContrast", "RandomBrightness", "RandomHeight", "RandomWidth", "RandomShear"}
WORDS = {"channels_first": "channels_first", "th": "channels_first", "tf": "channels_last", "full": "full"}


def number(value: Any) -> Any:
    """Arrays that old versions wrote as {"type": "ndarray", "value": 6.0} as numbers."""
    return value.get("value") if isinstance(value, dict) and value.get("type") in ("ndarray", "float64", "float32", "int64") else value


def parts(value: Any) -> tuple[str, dict[str, Any]]:
    """Class and configuration of a regularizer, initializer or the like as any version writes it."""
    if isinstance(value, str):
        return value, {}
    if not isinstance(value, dict):
        raise errors.make(5004, f"a configuration is {type(value).__name__}; expected a name or an object")
    kind = value.get("class_name") or value.get("name")
    config = value.get("config") if "class_name" in value else {k: v for k, v in value.items() if k != "name"}
    if isinstance(config, str):  # a function by its name
        return config, {}
    if not isinstance(kind, str) or not isinstance(config, (dict, type(None))):
        raise errors.make(5004, "a configuration has no class_name")
    return kind.rpartition(">")[2], dict(config or {})


def squash(name: str) -> str:
    """glorot_uniform and GlorotUniform alike."""
    return name.replace("_", "").lower()


OLD_NAMES = {"uniform": "randomuniform", "normal": "randomnormal", "zero": "zeros", "one": "ones", "weightregularizer": "l1l2", "maxnorm": "maxnorm", "nonneg": "nonneg",
             "glorotuniformv2": "glorotuniform", "l1l2regularizer": "l1l2", "l1regularizer": "l1", "l2regularizer": "l2", "activityregularizer": "l1l2"}


def instance(module: Any, base: type, value: Any, who: str) -> Any:
    """The instance of a module's class that a configuration names; None for None."""
    if value is None:
        return None
    name, config = parts(value)
    wanted = OLD_NAMES.get(squash(name), squash(name))
    for cls in vars(module).values():
        if isinstance(cls, type) and issubclass(cls, base) and squash(cls.__name__) == wanted:
            known = inspect.signature(cls).parameters
            given = {{"m": "max_value"}.get(k, k): number(v) for k, v in config.items()}
            if given.get("distribution") == "normal":  # Keras 2's name
                given["distribution"] = "truncated_normal"
            return cls(**{k: v for k, v in given.items() if k in known and v is not None})
    raise errors.make(1005, f"{who}: {base.__name__.lower()} '{name}' is not one that firesteel has")


def _is_hard_sigmoid(config: dict[str, Any]) -> bool:
    """Whether a model that stands as an activation is min(max(0.2 x + 0.5, 0), 1), which Keras 3 has no name for."""
    chain = [parts(entry) for entry in config.get("layers") or []]
    chain = [(kind, own) for kind, own in chain if kind != "InputLayer"]
    return [kind for kind, _ in chain] == ["Rescaling", "ReLU"] and chain[0][1].get("scale") == 0.2 and chain[0][1].get("offset") == 0.5 and chain[1][1].get("max_value") == 1 and \
        not chain[1][1].get("negative_slope") and not chain[1][1].get("threshold")


def activity(value: Any, who: str) -> layers.Layer | None:
    """The layer behind a layer that adds the penalty on its outputs to the loss; None where there is none."""
    found = instance(regularizers, regularizers.Regularizer, value, who)
    own = {} if found is None else found._attrs
    if not set(own) <= {"l1", "l2"}:
        warnings.warn(f"{who}: the penalty on outputs ({parts(value)[0]}) is left out; it changes training alone", stacklevel=2)
        return None
    return layers.ActivityRegularization(**own) if any(own.values()) else None


def activation(value: Any, old: bool, who: str) -> str:
    """An activation's name. `old`: Keras before 3, whose hard_sigmoid has another slope."""
    name, config = parts(value) if isinstance(value, dict) else (value, {})
    if name is None:
        return "linear"
    if name == "Sequential" and _is_hard_sigmoid(config):
        return "hard_sigmoid_keras2"
    if not isinstance(name, str):
        raise errors.make(5004, f"{who}: the activation is {type(name).__name__}; expected a name")
    name = {"LeakyReLU": "leaky_relu", "ReLU": "relu", "Softmax": "softmax", "swish": "silu", "hard_swish": "hard_silu", "relu6": "relu6", "gelu_new": "gelu_tanh", "softmax_v2": "softmax",
            "log_softmax_v2": "log_softmax"}.get(name, name)
    slope = config.get("negative_slope", config.get("alpha"))
    if name == "leaky_relu" and isinstance(value, dict) and number(slope if slope is not None else 0.3) != 0.2:
        raise errors.make(1005, f"{who}: LeakyReLU as an activation has another slope than 0.2; put it behind as a layer")
    if isinstance(value, dict) and str(value.get("class_name")).rpartition(">")[2] in ("ReLU", "Softmax") and any(
            number(config.get(key)) not in (None, 0, 0.0) for key in ("max_value", "negative_slope", "threshold")) or config.get("axis", -1) != -1:
        raise errors.make(1005, f"{who}: {name} with arguments as an activation is not supported here; put it behind as a layer")
    if old and name == "hard_sigmoid":
        return "hard_sigmoid_keras2"
    return name


def _words(kind: str, config: dict[str, Any]) -> dict[str, Any]:
    """A configuration in the words of Keras 3."""
    made: dict[str, Any] = {}
    for name, value in config.items():
        value = number(value)
        if name == "dim_ordering":
            made["data_format"] = WORDS.get(str(value), "channels_last")
        elif name == "data_format" and value in WORDS:
            made[name] = WORDS[value]
        elif name in ("nb_row", "nb_col", "kernel_dim1", "kernel_dim2", "kernel_dim3"):
            sizes = [config.get(part) for part in (("nb_row", "nb_col") if name[0] == "n" else ("kernel_dim1", "kernel_dim2", "kernel_dim3"))]
            made["kernel_size"] = sizes
        elif name in ("init", "W_regularizer", "W_constraint"):
            stem = {"Embedding": "embeddings", "PReLU": "alpha", "DepthwiseConv2D": "depthwise"}.get(kind, "kernel")
            made[stem + {"i": "_initializer", "W_r": "_regularizer", "W_c": "_constraint"}["i" if name == "init" else name[:3]]] = value
        elif name == "output_dim" and kind != "Embedding":
            if "nb_filter" not in config:  # ConvLSTM2D said it twice
                made["units"] = value
        elif name in ("border_mode", "padding") and value == "full":
            made["padding"] = _full(config)
        elif name == "padding" and isinstance(value, dict):
            sides = [value.get(f"{side}_pad", 0) for side in ("top", "bottom", "left", "right")]
            made[name] = sides[2:] if kind == "ZeroPadding1D" else [sides[:2], sides[2:]]
        elif name.endswith("_init") and name not in ARGUMENTS and name not in NO_MATTER:
            made[f"{name}ializer"] = {"class_name": "Constant", "config": {"value": value}} if isinstance(value, (int, float)) else value
        elif name == "length" and kind == "UpSampling1D":
            made["size"] = value
        elif name == "alpha" and kind == "LeakyReLU":
            made["negative_slope"] = value
        elif name == "theta" and kind == "ReLU":
            made["threshold"] = value
        elif name == "activity_regularizer":  # of a layer that another one holds
            if value is not None:
                warnings.warn(f"{config.get('name', kind)}: the penalty on outputs ({name}) is left out; it changes training alone", stacklevel=2)
        elif name == "dropout" and kind == "Embedding":
            continue
        elif name == "output_shape" and kind.endswith("Transpose"):
            continue  # Keras 1 had it; it follows from the rest
        elif name == "bias_initializer" and value == "one" and kind == "LSTM":
            continue
        else:
            made[ARGUMENTS.get(name, name)] = value
    return made


def _full(config: dict[str, Any]) -> str:
    """Theano's border mode: padding by all of a window but one, before and behind."""
    sizes = [config[name] for name in ("filter_length", "nb_row", "nb_col", "kernel_dim1", "kernel_dim2", "kernel_dim3") if name in config]
    rates = config.get("atrous_rate", 1)
    steps = rates if isinstance(rates, (list, tuple)) else [rates] * len(sizes)
    ends = ",".join(str((int(n) - 1) * int(step)) for n, step in zip(sizes, steps))
    return f"[{ends},{ends}]"


def layer(kind: str, config: dict[str, Any], old: bool, inner: Callable[[dict[str, Any]], layers.Layer]) -> layers.Layer:
    """The layer that a configuration describes, without its name. `inner` makes those that others hold."""
    who = str(config.get("name", kind))
    if kind in RANDOM:
        warnings.warn(f"{who}: {kind} passes its input on; pictures are changed at random by fit's data alone", stacklevel=2)
        return layers.Identity()
    if kind == "RNN":
        cell, own = parts(config.get("cell"))
        if cell not in ("LSTMCell", "GRUCell", "SimpleRNNCell"):
            raise errors.make(1005, f"layer {who}: RNN over a cell of class '{cell}'; LSTMCell, GRUCell and SimpleRNNCell are supported")
        kind, config = cell.removesuffix("Cell"), {**own, **{k: v for k, v in config.items() if k != "cell"}}
    cudnn = kind.startswith("CuDNN")
    original, kind = kind, CLASSES.get(kind, kind)
    cls = layers.Layer.kinds.get(kind)
    if cls is None or kind in ("Input", "Function"):
        what = "holds Python code, which is never run" if kind == "Lambda" else "is not one that firesteel has"
        raise errors.make(1005, f"layer {who}: its class '{original}' {what}; replace it by layers of firesteel and save the model again")
    known = inspect.signature(cls).parameters
    words = _words(kind, config)
    if original == "ThresholdedReLU":
        words.setdefault("threshold", 1.0)
    if kind == "GRU":
        words.setdefault("reset_after", cudnn)
    if kind.startswith(("SeparableConv", "DepthwiseConv")):  # tf.keras writes the arguments of a common base too
        for name in ("kernel_initializer", "kernel_regularizer", "kernel_constraint"):
            words.pop(name, None)
    if cudnn:
        words.pop("recurrent_activation", None)
    elif old and ("LSTM" in kind or kind == "GRU"):
        words.setdefault("recurrent_activation", "hard_sigmoid")
    if kind in ("SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D") and words.pop("data_format", None) == "channels_first":
        warnings.warn(f"{who}: while training, whole channels are taken to be last", stacklevel=2)
    if words.pop("noise_shape", None) is not None:
        warnings.warn(f"{who}: noise_shape is left out; it changes training alone", stacklevel=2)
    given: dict[str, Any] = {}
    for name, value in words.items():
        if name in ("name", "trainable"):
            continue
        if name in known and name != "synchronized":
            if name.endswith("_initializer"):
                try:
                    given[name] = instance(initializers, initializers.Initializer, value, who)
                except errors.FiresteelError:  # the weights come from the file: how they began does not matter
                    pass
            elif name.endswith("_regularizer"):
                given[name] = instance(regularizers, regularizers.Regularizer, value, who)
            elif name.endswith("_constraint"):
                given[name] = instance(constraints, constraints.Constraint, value, who)
            elif name in ("activation", "recurrent_activation"):
                given[name] = activation(value, old, who)
            elif name in ("layer", "backward_layer"):
                given[name] = None if value is None else inner(value)
            elif name == "axis" and kind == "BatchNormalization" and isinstance(value, list):
                given[name] = value[0] if len(value) == 1 else value
            elif value is not None or known[name].default not in (None, inspect.Parameter.empty):
                given[name] = value
        elif name in NO_MATTER or value in (None, False, [], {}) or value in NEUTRAL.get(name, ()):
            continue
        else:
            raise errors.make(1005, f"layer {who} of class {original}: {name}={value!r} is not supported")
    given = {name: value for name, value in given.items() if value is not None or name in ("merge_mode", "max_value")}
    if kind in ("ReLU",) and given.get("max_value", 0) is None:
        del given["max_value"]
    try:
        made = cls(**given)
    except (TypeError, ValueError, AttributeError, OverflowError, RecursionError) as problem:
        if isinstance(problem, errors.FiresteelError):
            raise
        raise errors.make(5004, f"layer {who} of class {original}: {' '.join(str(problem).split())[:200]}") from None
    made.__dict__["_cudnn"] = cudnn
    return made
