"""layers - Keras' layers as handles: the layer itself lives in the engine.

A layer object is a description until it is added to a model; from then on it reads and writes that model's layer. It belongs to
one model.
"""
from __future__ import annotations

import json
import weakref
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from . import _core, _graph as graph, _weights, errors, ops
from ._text import Named, attrs_text, parse_attrs, split_name, text_of
from .constraints import Constraint
from .initializers import Initializer
from .text import StringLookup, TextVectorization  # noqa: F401  (Keras has them here)
from .regularizers import Regularizer

if TYPE_CHECKING:
    from .models import Model


@lru_cache(maxsize=None)
def _must_be_given(kind: str) -> dict[str, Any]:
    """The engine's defaults of what Keras wants to be given: the engine leaves out what equals its default."""
    for line in _core.catalog().splitlines():
        entry = json.loads(line)
        if entry["kind"] == "layer" and entry["name"] == kind:
            return {attr["name"]: attr["default"] for attr in entry["attrs"] if attr["name"] in ("activation", "rate") or "must be given" in attr["help"]}
    return {}


def _ints(value: int | Sequence[int] | None) -> tuple[int, ...]:
    """One number or several, or none, as a list of the engine."""
    return () if value is None else (int(value),) if hasattr(value, "__index__") else tuple(-1 if v is None else int(v) for v in value)


def _floats(value: float | Sequence[float]) -> tuple[float, ...]:
    """One number or several as a list of the engine."""
    return (float(value),) if hasattr(value, "__float__") else tuple(float(v) for v in value)


def _flat(value: int | Sequence[Any]) -> tuple[int, ...]:
    """1, (1, 2) or ((1, 2), (0, 3)) as a list."""
    if hasattr(value, "__index__"):
        return (int(value),)
    return tuple(number for part in value for number in _flat(part))


def _padding(value: str | int | Sequence[Any]) -> str:
    """A word, or numbers as a text."""
    return value if isinstance(value, str) else "[" + ",".join(map(str, _flat(value))) + "]"


class Layer(Named):
    """Base class of all layers."""

    kinds: ClassVar[dict[str, type[Layer]]] = {}

    def __init_subclass__(cls) -> None:
        if not hasattr(cls, "call"):  # a layer of the engine
            Layer.kinds[cls.__name__] = cls

    def __init__(self, name: str | None = None, trainable: bool = True, **attrs: Any) -> None:
        super().__init__(**attrs)
        self._name = name
        self._trainable = trainable
        self._net: _core.Network | None = None  # of its model; the layer is found there by its name
        self._model: weakref.ref[Model] | None = None
        self._values: list[np.ndarray] | None = None  # weights to set once it has a model

    @property
    def name(self) -> str:
        """Its name in the model, "" before it is in one and none was given."""
        return self._name or ""

    @property
    def kind(self) -> str:
        """The engine's name of the layer's class."""
        return "Function" if hasattr(self, "call") else type(self).__name__

    def add_weight(self, shape: Sequence[int], initializer: Any = "glorot_uniform", trainable: bool = True, name: str | None = None, regularizer: Any = None,
                   constraint: Any = None) -> Any:
        """In build of a custom layer: one more weight, to be used in call."""
        made = self.__dict__.setdefault("_own_weights", [])
        texts = {what: None if value is None else text_of(value, what) for what, value in
                 (("initializer", initializer), ("regularizer", regularizer), ("constraint", constraint))}
        sizes = tuple(int(n) for n in shape)
        made.append(ops.Weight(name or f"weight_{len(made)}", sizes, {"shape": sizes, "trainable": None if trainable else False, **texts}))
        return made[-1]

    def build(self, input_shape: Any) -> None:
        """Custom layers add their weights here."""

    def _written(self, shapes: Sequence[Sequence[int | None]], dtype: str = "float32") -> None:
        """Of a custom layer: run build and call once on inputs of these shapes, and keep the program."""
        if not hasattr(self, "call") or "body" in self._attrs:
            return
        self.build(tuple(shapes[0]) if len(shapes) == 1 else [tuple(shape) for shape in shapes])
        kind, own = 1 if dtype == "float32" else 11, self.__dict__.get("_own_weights", [])
        body, n_out = ops.trace(self.call, kind, [(kind, [-1 if n is None else n for n in shape]) for shape in shapes], own, type(self).__name__)
        lines = ";".join(f"{w.name} {attrs_text(w._attrs)}" for w in own)
        self._attrs.update(body=body, weights=lines or None)
        self._n_out = n_out

    def _attrs_text(self) -> str:
        text = attrs_text(self._attrs)
        return f"{text} {attrs_text({'name': self._name})}".strip() if self._name else text

    def _place(self) -> tuple[_core.Network, int]:
        """Its network and its place there."""
        if self._net is not None:
            for i, info in enumerate(self._net.layers()):
                if info[1] == self._name:
                    return self._net, i
        raise errors.make(1006, f"layer {self._name or self.kind} is not in a model")

    def _info(self) -> tuple[str, str, str, tuple[int, ...], int, int, bool]:
        net, i = self._place()
        return net.layers()[i]

    def _outputs(self) -> int:
        """Number of tensors that a call gives."""
        written = self.__dict__.get("_n_out")
        if written is not None:
            return int(written)
        if self._attrs.get("return_attention_scores"):
            return 2
        if self.kind == "Operators":
            said = str(self._attrs["body"]).rsplit(";out ", 1)[1:]  # without it the program's last value is its only output
            return len(said[0].split(",")) if said else 1
        if not self._attrs.get("return_state"):
            return 1
        return 3 if "LSTM" in self.kind else 2

    def __call__(self, *inputs: Any, initial_state: Any = None) -> Any:
        """Call the layer on a tensor, or on several as its kind takes them; calling it again shares its weights. Gives a tensor, or a list."""
        tensors = graph.tensors_of([*inputs, *([] if initial_state is None else [initial_state])], self.kind)
        if hasattr(self, "call"):
            self._written([t.shape for t in tensors])
        node = graph.Node(self, tensors, self._outputs())
        return node.outputs[0] if len(node.outputs) == 1 else node.outputs

    def _called(self) -> graph.Node:
        """Its only call in its model."""
        model = self._model() if self._model is not None else None
        if model is None:
            raise errors.make(1006, f"layer {self._name or self.kind} is not in a model")
        nodes = [node for (name, _), node in model._symbols()[2].items() if name == self._name]
        if len(nodes) != 1:
            raise errors.make(1001, f"layer {self._name} is called {len(nodes)} times: it has no one input and output")
        return nodes[0]

    @property
    def input(self) -> Any:
        """The tensor, or list of tensors, that it is called on."""
        tensors = self._called().inputs
        return tensors[0] if len(tensors) == 1 else tensors

    @property
    def output(self) -> Any:
        """The tensor, or list of tensors, that it gives."""
        tensors = self._called().outputs
        return tensors[0] if len(tensors) == 1 else tensors

    @property
    def trainable(self) -> bool:
        """Whether fit changes its weights."""
        return self._info()[6] if self._net is not None else self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self._trainable = bool(value)
        if self._net is not None:
            net, i = self._place()
            net.set_trainable(i, bool(value))

    @property
    def output_shape(self) -> tuple[int | None, ...]:
        """Shape of the output, None standing for the batch."""
        return tuple(None if n < 0 else n for n in self._info()[3])

    def count_params(self) -> int:
        """Numbers in its weights."""
        return self._info()[4]

    def get_weights(self) -> list[np.ndarray]:
        """Copies of its weights, in Keras' order."""
        return _weights.get(*self._place())

    def _take_values(self) -> None:
        """Set the weights that were given before it had a model; a single number fills a weight of any shape."""
        net, i = self._place()
        values = [np.full(shape, v) if np.ndim(v) == 0 else v for v, (_, _, shape) in zip(self._values or [], _weights.own(net, i))]
        _weights.put(net, values, i)

    def set_weights(self, values: Sequence[Any]) -> None:
        """Copy values into its weights."""
        net, i = self._place()
        _weights.put(net, values, i)

    @staticmethod
    def _restore(kind: str, name: str, attrs: str) -> Layer:
        """The handle of a layer that the engine already has."""
        cls = Layer.kinds.get(kind, Layer)
        if cls is Layer:
            layer = Layer(name, **parse_attrs(attrs))
        else:
            layer = cls._from_attrs(name, {**_must_be_given(kind), **parse_attrs(attrs)})
        return layer

    @classmethod
    def _from_attrs(cls, name: str | None, attrs: dict[str, Any]) -> Layer:
        return cls(**attrs, name=name)

    def _set_values(self, values: list[np.ndarray]) -> None:
        """Weights now, or as soon as it has a model."""
        if self._net is not None:
            self.set_weights(values)
        else:
            self._values = values


class Input(Layer, graph.Arithmetic):
    """The shape of one row, without the batch: Input((28, 28)). May come first in a Sequential; without it the data decides. Layers can be
    called on it: Dense(3)(Input((4,))).

    padding="pre" or "post" takes rows of any number of steps: shorter ones get padding_value before or behind up to shape[0] steps, longer ones
    lose steps at the beginning (truncating="pre") or the end, as utils.pad_sequences does. batch_size is for stateful layers."""

    def __init__(self, shape: Sequence[int] | int, batch_size: int | None = None, name: str | None = None, *, padding: str | None = None,
                 truncating: str = "pre", padding_value: float = 0.0) -> None:
        sizes = (shape,) if isinstance(shape, int) else tuple(shape)
        if any(size is None for size in sizes):
            raise errors.make(1004, f"Input: shape is {sizes}, and rows have one shape; give the number of steps, and padding=\"pre\" or \"post\" for sequences of unlike length")
        super().__init__(name, shape=sizes, batch_size=batch_size, padding=padding,
                         truncating=truncating, padding_value=padding_value)
        self._tensor: graph.SymbolicTensor | None = None

    def _symbol(self) -> graph.SymbolicTensor:
        """What it stands for."""
        if self._tensor is None:
            self._tensor = graph.Node(self, []).outputs[0]
            self._tensor._shape = (None, *self._attrs["shape"])
        return self._tensor


class Function(Layer):
    """Operators over inputs and weights, as a program of the engine: what custom layers are when they come out of a file."""

    def __init__(self, body: str, weights: str = "", name: str | None = None, trainable: bool = True) -> None:
        super().__init__(name, trainable, body=body, weights=weights or None)


class Operators(Layer):
    """A node of a graph that other software wrote: the operators that it stands for, as a program of the engine over inputs and weights. Comes out of
    fire.load. `operator` is its name in the file, `tensors` are the names of its outputs there, separated by ';'."""

    def __init__(self, body: str, weights: str = "", operator: str = "", tensors: str = "", name: str | None = None, trainable: bool = True) -> None:
        super().__init__(name, trainable, body=body, weights=weights or None, operator=operator or None, tensors=tensors or None)


class Lambda(Layer):
    """A Python function over fire.ops as a layer without weights. The function runs once; what it wrote runs in the engine."""

    def __init__(self, function: Any, name: str | None = None) -> None:
        super().__init__(name)
        self._function = function

    def call(self, *inputs: Any) -> Any:
        """The function."""
        return self._function(*inputs)


class Dense(Layer):
    """activation(x w + b) over the last dimension of x."""

    def __init__(self, units: int, activation: str | None = None, use_bias: bool = True, kernel_initializer: str | Initializer = "glorot_uniform",
                 bias_initializer: str | Initializer = "zeros", kernel_regularizer: str | Regularizer | None = None,
                 bias_regularizer: str | Regularizer | None = None, kernel_constraint: str | Constraint | None = None,
                 bias_constraint: str | Constraint | None = None, name: str | None = None, trainable: bool = True) -> None:
        super().__init__(name, trainable, units=units, activation=activation, use_bias=use_bias, kernel_initializer=kernel_initializer,
                         bias_initializer=bias_initializer, kernel_regularizer=kernel_regularizer, bias_regularizer=bias_regularizer,
                         kernel_constraint=kernel_constraint, bias_constraint=bias_constraint)


class Activation(Layer):
    """An activation by name: linear, relu, sigmoid, softmax, step, tanh."""

    def __init__(self, activation: str, name: str | None = None) -> None:
        super().__init__(name, activation=activation)


class Dropout(Layer):
    """While training, sets a share `rate` of the numbers to 0 and scales the others by 1 / (1 - rate)."""

    def __init__(self, rate: float, name: str | None = None) -> None:
        super().__init__(name, rate=rate)


class Flatten(Layer):
    """[n, a, b ...] becomes [n, a * b ...], row-major."""

    def __init__(self, data_format: str | None = None, name: str | None = None) -> None:
        super().__init__(name, data_format=data_format)


class Normalization(Layer):
    """(x - mean) / sqrt(variance) along `axis`, both given, or learnt from data by adapt, or by fit when nobody adapted it."""

    def __init__(self, axis: int | Sequence[int] | None = -1, mean: Any = None, variance: Any = None, name: str | None = None) -> None:
        axes = () if axis is None else (axis,) if isinstance(axis, int) else tuple(axis)
        super().__init__(name, axis=axes)
        if (mean is None) != (variance is None):
            raise errors.make(1001, f"Normalization: {'mean' if variance is None else 'variance'} without {'variance' if variance is None else 'mean'}; give both, or none to learn them")
        if mean is not None:
            given = [np.asarray(mean, np.float64), np.asarray(variance, np.float64)]
            if not all(np.isfinite(v).all() for v in given) or (given[1] < 0).any():
                raise errors.make(1004, "Normalization: mean and variance are finite numbers, variance at least 0")
            self._values = [*given, np.zeros(())]
            if axes == (-1,) and given[0].ndim == 1:
                self._adapted_shape = given[0].shape

    def adapt(self, data: Any) -> None:
        """Learn mean and variance of x. Inside a model of which this is the first layer, or before it is in one."""
        from .models import Sequential
        if self._net is not None:
            if next((info[1] for info in self._net.layers() if info[0] != "Input"), None) != self._name:
                raise errors.make(1005, f"adapt: {self.name} is not the first layer; the model's adapt(x) gives it what the layers before it make of x")
            Sequential._wrap(self._net).adapt(data)
            return
        alone = Sequential([Normalization(self._attrs["axis"])])
        alone.adapt(data)
        self._values = alone.get_weights()
        self._adapted_shape = alone.input_shape[1:]


class BatchNormalization(Layer):
    """Shifts and scales to mean 0 and variance 1 over the batch."""

    def __init__(self, axis: int = -1, momentum: float = 0.99, epsilon: float = 0.001, center: bool = True, scale: bool = True,
                 beta_initializer: str | Initializer = "zeros", gamma_initializer: str | Initializer = "ones",
                 moving_mean_initializer: str | Initializer = "zeros", moving_variance_initializer: str | Initializer = "ones",
                 beta_regularizer: str | Named | None = None, gamma_regularizer: str | Named | None = None,
                 beta_constraint: str | Named | None = None, gamma_constraint: str | Named | None = None, synchronized: bool = False,
                 name: str | None = None, trainable: bool = True) -> None:
        super().__init__(name, trainable, axis=axis, momentum=momentum, epsilon=epsilon, center=center, scale=scale,
                         beta_initializer=beta_initializer, gamma_initializer=gamma_initializer,
                         moving_mean_initializer=moving_mean_initializer, moving_variance_initializer=moving_variance_initializer,
                         beta_regularizer=beta_regularizer, gamma_regularizer=gamma_regularizer, beta_constraint=beta_constraint,
                         gamma_constraint=gamma_constraint, synchronized=synchronized)


class GroupNormalization(Layer):
    """Shifts and scales groups of channels of each row to mean 0 and variance 1."""

    def __init__(self, groups: int = 32, axis: int = -1, epsilon: float = 0.001, center: bool = True, scale: bool = True,
                 beta_initializer: str | Initializer = "zeros", gamma_initializer: str | Initializer = "ones",
                 beta_regularizer: str | Named | None = None, gamma_regularizer: str | Named | None = None,
                 beta_constraint: str | Named | None = None, gamma_constraint: str | Named | None = None, name: str | None = None,
                 trainable: bool = True) -> None:
        super().__init__(name, trainable, groups=groups, axis=axis, epsilon=epsilon, center=center, scale=scale,
                         beta_initializer=beta_initializer, gamma_initializer=gamma_initializer, beta_regularizer=beta_regularizer,
                         gamma_regularizer=gamma_regularizer, beta_constraint=beta_constraint, gamma_constraint=gamma_constraint)


class LayerNormalization(Layer):
    """Shifts and scales each row to mean 0 and variance 1."""

    def __init__(self, axis: int | Sequence[int] = -1, epsilon: float = 0.001, center: bool = True, scale: bool = True,
                 beta_initializer: str | Initializer = "zeros", gamma_initializer: str | Initializer = "ones",
                 beta_regularizer: str | Named | None = None, gamma_regularizer: str | Named | None = None,
                 beta_constraint: str | Named | None = None, gamma_constraint: str | Named | None = None, name: str | None = None,
                 trainable: bool = True) -> None:
        super().__init__(name, trainable, axis=_ints(axis), epsilon=epsilon, center=center, scale=scale, beta_initializer=beta_initializer,
                         gamma_initializer=gamma_initializer, beta_regularizer=beta_regularizer, gamma_regularizer=gamma_regularizer,
                         beta_constraint=beta_constraint, gamma_constraint=gamma_constraint)


class RMSNormalization(Layer):
    """Scales each row to a mean square of 1."""

    def __init__(self, axis: int | Sequence[int] = -1, epsilon: float = 1e-06, name: str | None = None, trainable: bool = True) -> None:
        super().__init__(name, trainable, axis=_ints(axis), epsilon=epsilon)


class UnitNormalization(Layer):
    """Scales each row to length 1."""

    def __init__(self, axis: int | Sequence[int] = -1, name: str | None = None) -> None:
        super().__init__(name, axis=_ints(axis))


class ReLU(Layer):
    """x above `threshold`, at most `max_value`; below, `negative_slope` times what is missing to the threshold."""

    def __init__(self, max_value: float | None = None, negative_slope: float = 0.0, threshold: float = 0.0, name: str | None = None) -> None:
        super().__init__(name, max_value=max_value, negative_slope=negative_slope, threshold=threshold)


class LeakyReLU(Layer):
    """x above 0, `negative_slope` x below."""

    def __init__(self, negative_slope: float = 0.3, name: str | None = None) -> None:
        super().__init__(name, negative_slope=negative_slope)


class ELU(Layer):
    """x above 0, alpha (exp(x) - 1) below."""

    def __init__(self, alpha: float = 1.0, name: str | None = None) -> None:
        super().__init__(name, alpha=alpha)


class PReLU(Layer):
    """x above 0, alpha x below; alpha is learned, one number per place, or one along all `shared_axes` (1 is the first after the batch)."""

    def __init__(self, alpha_initializer: str | Initializer = "Zeros", alpha_regularizer: str | Named | None = None,
                 alpha_constraint: str | Named | None = None, shared_axes: int | Sequence[int] | None = None, name: str | None = None,
                 trainable: bool = True) -> None:
        super().__init__(name, trainable, alpha_initializer=alpha_initializer, alpha_regularizer=alpha_regularizer, alpha_constraint=alpha_constraint,
                         shared_axes=_ints(shared_axes))


class Softmax(Layer):
    """exp(x) / sum of exp(x) along one or several dimensions; places where a second input, a mask, is 0 get no share."""

    def __init__(self, axis: int | Sequence[int] = -1, name: str | None = None) -> None:
        super().__init__(name, axis=_ints(axis))


class Add(Layer):
    """Sum of the inputs, number by number."""

    def __init__(self, name: str | None = None) -> None:
        super().__init__(name)


class AdditiveAttention(Layer):
    """Steps of value weighted by a sum of tanh(query + key)."""

    def __init__(self, use_scale: bool = True, dropout: float = 0, use_causal_mask: bool = False, return_attention_scores: bool = False,
                 name: str | None = None, trainable: bool = True) -> None:
        super().__init__(name, trainable, use_scale=use_scale, dropout=dropout, use_causal_mask=use_causal_mask,
                         return_attention_scores=return_attention_scores)


class AlphaDropout(Layer):
    """Dropout that keeps mean and variance, for selu."""

    def __init__(self, rate: float, name: str | None = None) -> None:
        super().__init__(name, rate=rate)


class Attention(Layer):
    """Steps of value weighted by how key answers query."""

    def __init__(self, use_scale: bool = False, score_mode: str = "dot", dropout: float = 0, use_causal_mask: bool = False,
                 return_attention_scores: bool = False, name: str | None = None, trainable: bool = True) -> None:
        super().__init__(name, trainable, use_scale=use_scale, score_mode=score_mode, dropout=dropout, use_causal_mask=use_causal_mask,
                         return_attention_scores=return_attention_scores)


class Average(Layer):
    """Mean of the inputs, number by number."""

    def __init__(self, name: str | None = None) -> None:
        super().__init__(name)


class Concatenate(Layer):
    """Inputs one after the other along a dimension."""

    def __init__(self, axis: int = -1, name: str | None = None) -> None:
        super().__init__(name, axis=axis)


class Dot(Layer):
    """Product of two inputs summed over a dimension."""

    def __init__(self, axes: int | Sequence[int], normalize: bool = False, name: str | None = None) -> None:
        super().__init__(name, axes=_ints(axes), normalize=normalize)


class EinsumDense(Layer):
    """A dense layer whose product an equation describes."""

    def __init__(self, equation: str, output_shape: int | Sequence[int], activation: str | None = None, bias_axes: str | None = None,
                 kernel_initializer: str | Initializer = "glorot_uniform", bias_initializer: str | Initializer = "zeros",
                 kernel_regularizer: str | Named | None = None, bias_regularizer: str | Named | None = None,
                 kernel_constraint: str | Named | None = None, bias_constraint: str | Named | None = None, name: str | None = None,
                 trainable: bool = True) -> None:
        super().__init__(name, trainable, equation=equation, output_shape=_ints(output_shape), activation=activation, bias_axes=bias_axes,
                         kernel_initializer=kernel_initializer, bias_initializer=bias_initializer, kernel_regularizer=kernel_regularizer,
                         bias_regularizer=bias_regularizer, kernel_constraint=kernel_constraint, bias_constraint=bias_constraint)


class Embedding(Layer):
    """A row of numbers to learn for each whole number."""

    def __init__(self, input_dim: int, output_dim: int, embeddings_initializer: str | Initializer = "uniform",
                 embeddings_regularizer: str | Named | None = None, embeddings_constraint: str | Named | None = None,
                 mask_zero: bool = False, sparse: str = "auto", name: str | None = None, trainable: bool = True) -> None:
        super().__init__(name, trainable, input_dim=input_dim, output_dim=output_dim, embeddings_initializer=embeddings_initializer,
                         embeddings_regularizer=embeddings_regularizer, embeddings_constraint=embeddings_constraint, mask_zero=mask_zero, sparse=sparse)


class GaussianDropout(Layer):
    """Multiplies by normal numbers around 1 while training."""

    def __init__(self, rate: float, name: str | None = None) -> None:
        super().__init__(name, rate=rate)


class GaussianNoise(Layer):
    """Adds normal numbers while training."""

    def __init__(self, stddev: float, name: str | None = None) -> None:
        super().__init__(name, stddev=stddev)


class GroupQueryAttention(Layer):
    """Attention by several heads that share keys and values."""

    def __init__(self, head_dim: int, num_query_heads: int, num_key_value_heads: int, dropout: float = 0, use_bias: bool = True,
                 kernel_initializer: str | Initializer = "glorot_uniform", bias_initializer: str | Initializer = "zeros",
                 kernel_regularizer: str | Named | None = None, bias_regularizer: str | Named | None = None,
                 kernel_constraint: str | Named | None = None, bias_constraint: str | Named | None = None, use_causal_mask: bool = False,
                 return_attention_scores: bool = False, name: str | None = None, trainable: bool = True) -> None:
        super().__init__(name, trainable, head_dim=head_dim, num_query_heads=num_query_heads, num_key_value_heads=num_key_value_heads,
                         dropout=dropout, use_bias=use_bias, kernel_initializer=kernel_initializer, bias_initializer=bias_initializer,
                         kernel_regularizer=kernel_regularizer, bias_regularizer=bias_regularizer, kernel_constraint=kernel_constraint,
                         bias_constraint=bias_constraint, use_causal_mask=use_causal_mask, return_attention_scores=return_attention_scores)


class Identity(Layer):
    """Gives its input back."""

    def __init__(self, name: str | None = None) -> None:
        super().__init__(name)


class Maximum(Layer):
    """Largest of the inputs, number by number."""

    def __init__(self, name: str | None = None) -> None:
        super().__init__(name)


class Minimum(Layer):
    """Smallest of the inputs, number by number."""

    def __init__(self, name: str | None = None) -> None:
        super().__init__(name)


class MultiHeadAttention(Layer):
    """Attention by several heads."""

    def __init__(self, num_heads: int, key_dim: int, value_dim: int | None = None, dropout: float = 0, use_bias: bool = True,
                 output_shape: int | Sequence[int] | None = None, attention_axes: int | Sequence[int] | None = None,
                 kernel_initializer: str | Initializer = "glorot_uniform", bias_initializer: str | Initializer = "zeros",
                 kernel_regularizer: str | Named | None = None, bias_regularizer: str | Named | None = None,
                 kernel_constraint: str | Named | None = None, bias_constraint: str | Named | None = None, use_causal_mask: bool = False,
                 return_attention_scores: bool = False, name: str | None = None, trainable: bool = True) -> None:
        super().__init__(name, trainable, num_heads=num_heads, key_dim=key_dim, value_dim=value_dim, dropout=dropout, use_bias=use_bias,
                         output_shape=_ints(output_shape), attention_axes=_ints(attention_axes), kernel_initializer=kernel_initializer,
                         bias_initializer=bias_initializer, kernel_regularizer=kernel_regularizer, bias_regularizer=bias_regularizer,
                         kernel_constraint=kernel_constraint, bias_constraint=bias_constraint, use_causal_mask=use_causal_mask,
                         return_attention_scores=return_attention_scores)


class Multiply(Layer):
    """Product of the inputs, number by number."""

    def __init__(self, name: str | None = None) -> None:
        super().__init__(name)


class Permute(Layer):
    """Dimensions of a row in another order."""

    def __init__(self, dims: int | Sequence[int], name: str | None = None) -> None:
        super().__init__(name, dims=_ints(dims))


class Rescaling(Layer):
    """X * scale + offset."""

    def __init__(self, scale: float | Sequence[float], offset: float | Sequence[float] = 0, name: str | None = None) -> None:
        super().__init__(name, scale=_floats(scale), offset=_floats(offset))


class Reshape(Layer):
    """Rows in another shape."""

    def __init__(self, target_shape: int | Sequence[int], name: str | None = None) -> None:
        super().__init__(name, target_shape=_ints(target_shape))


class SpatialDropout1D(Layer):
    """Drops whole channels at random while training."""

    def __init__(self, rate: float, name: str | None = None) -> None:
        super().__init__(name, rate=rate)


class SpatialDropout2D(Layer):
    """Drops whole channels at random while training."""

    def __init__(self, rate: float, name: str | None = None) -> None:
        super().__init__(name, rate=rate)


class SpatialDropout3D(Layer):
    """Drops whole channels at random while training."""

    def __init__(self, rate: float, name: str | None = None) -> None:
        super().__init__(name, rate=rate)


class Subtract(Layer):
    """First input less the second."""

    def __init__(self, name: str | None = None) -> None:
        super().__init__(name)


class Recurrent(Layer):
    """What SimpleRNN, LSTM, GRU and Bidirectional share."""

    def reset_states(self) -> None:
        """Make the states zero that a layer with stateful=True keeps from batch to batch."""
        net, i = self._place()
        net.reset_states(i)


class SimpleRNN(Recurrent):
    """Fully connected recurrent layer over sequences [n, steps, features]."""

    def __init__(self, units: int, activation: str = "tanh", use_bias: bool = True, kernel_initializer: str | Initializer = "glorot_uniform",
                 recurrent_initializer: str | Initializer = "orthogonal", bias_initializer: str | Initializer = "zeros",
                 kernel_regularizer: str | Named | None = None, recurrent_regularizer: str | Named | None = None,
                 bias_regularizer: str | Named | None = None, kernel_constraint: str | Named | None = None,
                 recurrent_constraint: str | Named | None = None, bias_constraint: str | Named | None = None, dropout: float = 0.0,
                 recurrent_dropout: float = 0.0, return_sequences: bool = False, return_state: bool = False, go_backwards: bool = False,
                 stateful: bool = False, unroll: bool = False, zero_output_for_mask: bool = False, tbptt_length: int = 0, name: str | None = None,
                 trainable: bool = True) -> None:
        super().__init__(name, trainable, units=units, activation=activation, use_bias=use_bias, kernel_initializer=kernel_initializer,
                         recurrent_initializer=recurrent_initializer, bias_initializer=bias_initializer, kernel_regularizer=kernel_regularizer,
                         recurrent_regularizer=recurrent_regularizer, bias_regularizer=bias_regularizer, kernel_constraint=kernel_constraint,
                         recurrent_constraint=recurrent_constraint, bias_constraint=bias_constraint, dropout=dropout,
                         recurrent_dropout=recurrent_dropout, return_sequences=return_sequences, return_state=return_state,
                         go_backwards=go_backwards, stateful=stateful, unroll=unroll, zero_output_for_mask=zero_output_for_mask,
                         tbptt_length=tbptt_length)


class LSTM(Recurrent):
    """Long short-term memory over sequences [n, steps, features]."""

    def __init__(self, units: int, activation: str = "tanh", recurrent_activation: str = "sigmoid", use_bias: bool = True,
                 kernel_initializer: str | Initializer = "glorot_uniform", recurrent_initializer: str | Initializer = "orthogonal",
                 bias_initializer: str | Initializer = "zeros", unit_forget_bias: bool = True, kernel_regularizer: str | Named | None = None,
                 recurrent_regularizer: str | Named | None = None, bias_regularizer: str | Named | None = None,
                 kernel_constraint: str | Named | None = None, recurrent_constraint: str | Named | None = None,
                 bias_constraint: str | Named | None = None, dropout: float = 0.0, recurrent_dropout: float = 0.0, return_sequences: bool = False,
                 return_state: bool = False, go_backwards: bool = False, stateful: bool = False, unroll: bool = False,
                 zero_output_for_mask: bool = False, tbptt_length: int = 0, name: str | None = None, trainable: bool = True) -> None:
        super().__init__(name, trainable, units=units, activation=activation, recurrent_activation=recurrent_activation, use_bias=use_bias,
                         kernel_initializer=kernel_initializer, recurrent_initializer=recurrent_initializer, bias_initializer=bias_initializer,
                         unit_forget_bias=unit_forget_bias, kernel_regularizer=kernel_regularizer, recurrent_regularizer=recurrent_regularizer,
                         bias_regularizer=bias_regularizer, kernel_constraint=kernel_constraint, recurrent_constraint=recurrent_constraint,
                         bias_constraint=bias_constraint, dropout=dropout, recurrent_dropout=recurrent_dropout, return_sequences=return_sequences,
                         return_state=return_state, go_backwards=go_backwards, stateful=stateful, unroll=unroll,
                         zero_output_for_mask=zero_output_for_mask, tbptt_length=tbptt_length)


class GRU(Recurrent):
    """Gated recurrent unit over sequences [n, steps, features]."""

    def __init__(self, units: int, activation: str = "tanh", recurrent_activation: str = "sigmoid", use_bias: bool = True,
                 kernel_initializer: str | Initializer = "glorot_uniform", recurrent_initializer: str | Initializer = "orthogonal",
                 bias_initializer: str | Initializer = "zeros", kernel_regularizer: str | Named | None = None,
                 recurrent_regularizer: str | Named | None = None, bias_regularizer: str | Named | None = None,
                 kernel_constraint: str | Named | None = None, recurrent_constraint: str | Named | None = None,
                 bias_constraint: str | Named | None = None, dropout: float = 0.0, recurrent_dropout: float = 0.0, return_sequences: bool = False,
                 return_state: bool = False, go_backwards: bool = False, stateful: bool = False, unroll: bool = False, reset_after: bool = True,
                 zero_output_for_mask: bool = False, tbptt_length: int = 0, name: str | None = None, trainable: bool = True) -> None:
        super().__init__(name, trainable, units=units, activation=activation, recurrent_activation=recurrent_activation, use_bias=use_bias,
                         kernel_initializer=kernel_initializer, recurrent_initializer=recurrent_initializer, bias_initializer=bias_initializer,
                         kernel_regularizer=kernel_regularizer, recurrent_regularizer=recurrent_regularizer, bias_regularizer=bias_regularizer,
                         kernel_constraint=kernel_constraint, recurrent_constraint=recurrent_constraint, bias_constraint=bias_constraint,
                         dropout=dropout, recurrent_dropout=recurrent_dropout, return_sequences=return_sequences, return_state=return_state,
                         go_backwards=go_backwards, stateful=stateful, unroll=unroll, reset_after=reset_after,
                         zero_output_for_mask=zero_output_for_mask, tbptt_length=tbptt_length)


class _ConvLSTM(Recurrent):
    def __init__(self, filters: int, kernel_size: int | Sequence[int], strides: int | Sequence[int] = 1, padding: str = "valid", data_format: str = "channels_last",
                 dilation_rate: int | Sequence[int] = 1, activation: str = "tanh", recurrent_activation: str = "sigmoid", use_bias: bool = True,
                 kernel_initializer: str | Initializer = "glorot_uniform", recurrent_initializer: str | Initializer = "orthogonal",
                 bias_initializer: str | Initializer = "zeros", unit_forget_bias: bool = True, kernel_regularizer: str | Named | None = None,
                 recurrent_regularizer: str | Named | None = None, bias_regularizer: str | Named | None = None, kernel_constraint: str | Named | None = None,
                 recurrent_constraint: str | Named | None = None, bias_constraint: str | Named | None = None, dropout: float = 0.0,
                 recurrent_dropout: float = 0.0, return_sequences: bool = False, return_state: bool = False, go_backwards: bool = False,
                 stateful: bool = False, name: str | None = None, trainable: bool = True) -> None:
        super().__init__(name, trainable, filters=filters, kernel_size=_ints(kernel_size), strides=_ints(strides), padding=_padding(padding),
                         data_format=data_format, dilation_rate=_ints(dilation_rate), activation=activation, recurrent_activation=recurrent_activation,
                         use_bias=use_bias, kernel_initializer=kernel_initializer, recurrent_initializer=recurrent_initializer,
                         bias_initializer=bias_initializer, unit_forget_bias=unit_forget_bias, kernel_regularizer=kernel_regularizer,
                         recurrent_regularizer=recurrent_regularizer, bias_regularizer=bias_regularizer, kernel_constraint=kernel_constraint,
                         recurrent_constraint=recurrent_constraint, bias_constraint=bias_constraint, dropout=dropout,
                         recurrent_dropout=recurrent_dropout, return_sequences=return_sequences, return_state=return_state,
                         go_backwards=go_backwards, stateful=stateful)


class ConvLSTM1D(_ConvLSTM):
    """Long short-term memory whose products are convolutions, over sequences of rows [n, t, steps, channels]."""


class ConvLSTM2D(_ConvLSTM):
    """Long short-term memory whose products are convolutions, over sequences of pictures [n, t, rows, columns, channels]."""


class ConvLSTM3D(_ConvLSTM):
    """Long short-term memory whose products are convolutions, over sequences of volumes [n, t, planes, rows, columns, channels]."""


class Bidirectional(Recurrent):
    """A recurrent layer over the steps in both directions; `merge_mode` None keeps the two outputs apart."""

    def __init__(self, layer: str | Layer, merge_mode: str | None = "concat", backward_layer: str | Layer | None = None, name: str | None = None,
                 trainable: bool = True) -> None:
        super().__init__(name, trainable, layer=layer, merge_mode="none" if merge_mode is None else merge_mode, backward_layer=backward_layer)

    def _outputs(self) -> int:
        inner: Any = self._attrs["layer"]
        if not isinstance(inner, Layer):
            kind, attrs = split_name(str(inner))
            inner = Layer._restore(kind, "", attrs)
        return int((2 if self._attrs["merge_mode"] == "none" else 1) + 2 * (inner._outputs() - 1))


class TimeDistributed(Layer):
    """A layer applied to every step of sequences [n, steps, ...]."""

    def __init__(self, layer: str | Layer, name: str | None = None, trainable: bool = True) -> None:
        super().__init__(name, trainable, layer=layer)


class Masking(Layer):
    """Steps whose features all equal `mask_value` do not count in the layers behind."""

    def __init__(self, mask_value: float = 0.0, name: str | None = None) -> None:
        super().__init__(name, mask_value=mask_value)


class RepeatVector(Layer):
    """The same features at each of n steps."""

    def __init__(self, n: int, name: str | None = None) -> None:
        super().__init__(name, n=n)


class Conv1D(Layer):
    """Convolution over steps."""

    def __init__(self, filters: int, kernel_size: int | Sequence[int], strides: int | Sequence[int] = 1, padding: str | int | Sequence[Any] = "valid",
                 data_format: str = "channels_last", dilation_rate: int | Sequence[int] = 1, groups: int = 1, activation: str | None = None,
                 use_bias: bool = True, kernel_initializer: str | Initializer = "glorot_uniform", bias_initializer: str | Initializer = "zeros",
                 kernel_regularizer: str | Named | None = None, bias_regularizer: str | Named | None = None, kernel_constraint: str | Named |
                 None = None, bias_constraint: str | Named | None = None, padding_mode: str = "zeros", name: str | None = None, trainable: bool
                 = True) -> None:
        super().__init__(name, trainable, filters=filters, kernel_size=_ints(kernel_size), strides=_ints(strides), padding=_padding(padding),
                         data_format=data_format, dilation_rate=_ints(dilation_rate), groups=groups, activation=activation, use_bias=use_bias,
                         kernel_initializer=kernel_initializer, bias_initializer=bias_initializer, kernel_regularizer=kernel_regularizer,
                         bias_regularizer=bias_regularizer, kernel_constraint=kernel_constraint, bias_constraint=bias_constraint,
                         padding_mode=padding_mode)


class Conv2D(Layer):
    """Convolution over rows and columns."""

    def __init__(self, filters: int, kernel_size: int | Sequence[int], strides: int | Sequence[int] = 1, padding: str | int | Sequence[Any] = "valid",
                 data_format: str = "channels_last", dilation_rate: int | Sequence[int] = 1, groups: int = 1, activation: str | None = None,
                 use_bias: bool = True, kernel_initializer: str | Initializer = "glorot_uniform", bias_initializer: str | Initializer = "zeros",
                 kernel_regularizer: str | Named | None = None, bias_regularizer: str | Named | None = None, kernel_constraint: str | Named |
                 None = None, bias_constraint: str | Named | None = None, padding_mode: str = "zeros", name: str | None = None, trainable: bool
                 = True) -> None:
        super().__init__(name, trainable, filters=filters, kernel_size=_ints(kernel_size), strides=_ints(strides), padding=_padding(padding),
                         data_format=data_format, dilation_rate=_ints(dilation_rate), groups=groups, activation=activation, use_bias=use_bias,
                         kernel_initializer=kernel_initializer, bias_initializer=bias_initializer, kernel_regularizer=kernel_regularizer,
                         bias_regularizer=bias_regularizer, kernel_constraint=kernel_constraint, bias_constraint=bias_constraint,
                         padding_mode=padding_mode)


class Conv3D(Layer):
    """Convolution over planes, rows and columns."""

    def __init__(self, filters: int, kernel_size: int | Sequence[int], strides: int | Sequence[int] = 1, padding: str | int | Sequence[Any] = "valid",
                 data_format: str = "channels_last", dilation_rate: int | Sequence[int] = 1, groups: int = 1, activation: str | None = None,
                 use_bias: bool = True, kernel_initializer: str | Initializer = "glorot_uniform", bias_initializer: str | Initializer = "zeros",
                 kernel_regularizer: str | Named | None = None, bias_regularizer: str | Named | None = None, kernel_constraint: str | Named |
                 None = None, bias_constraint: str | Named | None = None, padding_mode: str = "zeros", name: str | None = None, trainable: bool
                 = True) -> None:
        super().__init__(name, trainable, filters=filters, kernel_size=_ints(kernel_size), strides=_ints(strides), padding=_padding(padding),
                         data_format=data_format, dilation_rate=_ints(dilation_rate), groups=groups, activation=activation, use_bias=use_bias,
                         kernel_initializer=kernel_initializer, bias_initializer=bias_initializer, kernel_regularizer=kernel_regularizer,
                         bias_regularizer=bias_regularizer, kernel_constraint=kernel_constraint, bias_constraint=bias_constraint,
                         padding_mode=padding_mode)


class Conv1DTranspose(Layer):
    """Transposed convolution over steps: from the size of a convolution's output to that of its input."""

    def __init__(self, filters: int, kernel_size: int | Sequence[int], strides: int | Sequence[int] = 1, padding: str | int | Sequence[Any] = "valid",
                 output_padding: int | Sequence[int] | None = None, data_format: str = "channels_last", dilation_rate: int | Sequence[int] = 1,
                 activation: str | None = None, use_bias: bool = True, kernel_initializer: str | Initializer = "glorot_uniform",
                 bias_initializer: str | Initializer = "zeros", kernel_regularizer: str | Named | None = None, bias_regularizer: str | Named |
                 None = None, kernel_constraint: str | Named | None = None, bias_constraint: str | Named | None = None, name: str | None = None,
                 trainable: bool = True) -> None:
        super().__init__(name, trainable, filters=filters, kernel_size=_ints(kernel_size), strides=_ints(strides), padding=_padding(padding),
                         output_padding=_ints(output_padding), data_format=data_format, dilation_rate=_ints(dilation_rate), activation=activation,
                         use_bias=use_bias, kernel_initializer=kernel_initializer, bias_initializer=bias_initializer,
                         kernel_regularizer=kernel_regularizer, bias_regularizer=bias_regularizer, kernel_constraint=kernel_constraint,
                         bias_constraint=bias_constraint)


class Conv2DTranspose(Layer):
    """Transposed convolution over rows and columns: from the size of a convolution's output to that of its input."""

    def __init__(self, filters: int, kernel_size: int | Sequence[int], strides: int | Sequence[int] = 1, padding: str | int | Sequence[Any] = "valid",
                 output_padding: int | Sequence[int] | None = None, data_format: str = "channels_last", dilation_rate: int | Sequence[int] = 1,
                 activation: str | None = None, use_bias: bool = True, kernel_initializer: str | Initializer = "glorot_uniform",
                 bias_initializer: str | Initializer = "zeros", kernel_regularizer: str | Named | None = None, bias_regularizer: str | Named |
                 None = None, kernel_constraint: str | Named | None = None, bias_constraint: str | Named | None = None, name: str | None = None,
                 trainable: bool = True) -> None:
        super().__init__(name, trainable, filters=filters, kernel_size=_ints(kernel_size), strides=_ints(strides), padding=_padding(padding),
                         output_padding=_ints(output_padding), data_format=data_format, dilation_rate=_ints(dilation_rate), activation=activation,
                         use_bias=use_bias, kernel_initializer=kernel_initializer, bias_initializer=bias_initializer,
                         kernel_regularizer=kernel_regularizer, bias_regularizer=bias_regularizer, kernel_constraint=kernel_constraint,
                         bias_constraint=bias_constraint)


class Conv3DTranspose(Layer):
    """Transposed convolution over planes, rows and columns: from the size of a convolution's output to that of its input."""

    def __init__(self, filters: int, kernel_size: int | Sequence[int], strides: int | Sequence[int] = 1, padding: str | int | Sequence[Any] = "valid",
                 output_padding: int | Sequence[int] | None = None, data_format: str = "channels_last", dilation_rate: int | Sequence[int] = 1,
                 activation: str | None = None, use_bias: bool = True, kernel_initializer: str | Initializer = "glorot_uniform",
                 bias_initializer: str | Initializer = "zeros", kernel_regularizer: str | Named | None = None, bias_regularizer: str | Named |
                 None = None, kernel_constraint: str | Named | None = None, bias_constraint: str | Named | None = None, name: str | None = None,
                 trainable: bool = True) -> None:
        super().__init__(name, trainable, filters=filters, kernel_size=_ints(kernel_size), strides=_ints(strides), padding=_padding(padding),
                         output_padding=_ints(output_padding), data_format=data_format, dilation_rate=_ints(dilation_rate), activation=activation,
                         use_bias=use_bias, kernel_initializer=kernel_initializer, bias_initializer=bias_initializer,
                         kernel_regularizer=kernel_regularizer, bias_regularizer=bias_regularizer, kernel_constraint=kernel_constraint,
                         bias_constraint=bias_constraint)


class LocallyConnected1D(Layer):
    """Convolution over steps with a kernel of its own at each place; Keras 1 and 2 had it."""

    def __init__(self, filters: int, kernel_size: int | Sequence[int], strides: int | Sequence[int] = 1, padding: str = "valid",
                 data_format: str = "channels_last", activation: str | None = None, use_bias: bool = True,
                 kernel_initializer: str | Initializer = "glorot_uniform", bias_initializer: str | Initializer = "zeros",
                 kernel_regularizer: str | Named | None = None, bias_regularizer: str | Named | None = None, kernel_constraint: str | Named | None = None,
                 bias_constraint: str | Named | None = None, name: str | None = None, trainable: bool = True) -> None:
        super().__init__(name, trainable, filters=filters, kernel_size=_ints(kernel_size), strides=_ints(strides), padding=padding, data_format=data_format,
                         activation=activation, use_bias=use_bias, kernel_initializer=kernel_initializer, bias_initializer=bias_initializer,
                         kernel_regularizer=kernel_regularizer, bias_regularizer=bias_regularizer, kernel_constraint=kernel_constraint,
                         bias_constraint=bias_constraint)


class LocallyConnected2D(Layer):
    """Convolution over rows and columns with a kernel of its own at each place; Keras 1 and 2 had it."""

    def __init__(self, filters: int, kernel_size: int | Sequence[int], strides: int | Sequence[int] = 1, padding: str = "valid",
                 data_format: str = "channels_last", activation: str | None = None, use_bias: bool = True,
                 kernel_initializer: str | Initializer = "glorot_uniform", bias_initializer: str | Initializer = "zeros",
                 kernel_regularizer: str | Named | None = None, bias_regularizer: str | Named | None = None, kernel_constraint: str | Named | None = None,
                 bias_constraint: str | Named | None = None, name: str | None = None, trainable: bool = True) -> None:
        super().__init__(name, trainable, filters=filters, kernel_size=_ints(kernel_size), strides=_ints(strides), padding=padding, data_format=data_format,
                         activation=activation, use_bias=use_bias, kernel_initializer=kernel_initializer, bias_initializer=bias_initializer,
                         kernel_regularizer=kernel_regularizer, bias_regularizer=bias_regularizer, kernel_constraint=kernel_constraint,
                         bias_constraint=bias_constraint)


class DepthwiseConv1D(Layer):
    """Convolution of each channel by itself over steps."""

    def __init__(self, kernel_size: int | Sequence[int], strides: int | Sequence[int] = 1, padding: str | int | Sequence[Any] = "valid",
                 depth_multiplier: int = 1, data_format: str = "channels_last", dilation_rate: int | Sequence[int] = 1, activation: str | None =
                 None, use_bias: bool = True, depthwise_initializer: str | Initializer = "glorot_uniform", bias_initializer: str | Initializer =
                 "zeros", depthwise_regularizer: str | Named | None = None, bias_regularizer: str | Named | None = None, depthwise_constraint:
                 str | Named | None = None, bias_constraint: str | Named | None = None, name: str | None = None, trainable: bool = True) -> None:
        super().__init__(name, trainable, kernel_size=_ints(kernel_size), strides=_ints(strides), padding=_padding(padding),
                         depth_multiplier=depth_multiplier, data_format=data_format, dilation_rate=_ints(dilation_rate), activation=activation,
                         use_bias=use_bias, depthwise_initializer=depthwise_initializer, bias_initializer=bias_initializer,
                         depthwise_regularizer=depthwise_regularizer, bias_regularizer=bias_regularizer, depthwise_constraint=depthwise_constraint,
                         bias_constraint=bias_constraint)


class DepthwiseConv2D(Layer):
    """Convolution of each channel by itself over rows and columns."""

    def __init__(self, kernel_size: int | Sequence[int], strides: int | Sequence[int] = 1, padding: str | int | Sequence[Any] = "valid",
                 depth_multiplier: int = 1, data_format: str = "channels_last", dilation_rate: int | Sequence[int] = 1, activation: str | None =
                 None, use_bias: bool = True, depthwise_initializer: str | Initializer = "glorot_uniform", bias_initializer: str | Initializer =
                 "zeros", depthwise_regularizer: str | Named | None = None, bias_regularizer: str | Named | None = None, depthwise_constraint:
                 str | Named | None = None, bias_constraint: str | Named | None = None, name: str | None = None, trainable: bool = True) -> None:
        super().__init__(name, trainable, kernel_size=_ints(kernel_size), strides=_ints(strides), padding=_padding(padding),
                         depth_multiplier=depth_multiplier, data_format=data_format, dilation_rate=_ints(dilation_rate), activation=activation,
                         use_bias=use_bias, depthwise_initializer=depthwise_initializer, bias_initializer=bias_initializer,
                         depthwise_regularizer=depthwise_regularizer, bias_regularizer=bias_regularizer, depthwise_constraint=depthwise_constraint,
                         bias_constraint=bias_constraint)


class SeparableConv1D(Layer):
    """Convolution of each channel by itself over steps, then one that mixes the channels."""

    def __init__(self, filters: int, kernel_size: int | Sequence[int], strides: int | Sequence[int] = 1, padding: str | int | Sequence[Any] = "valid",
                 data_format: str = "channels_last", dilation_rate: int | Sequence[int] = 1, depth_multiplier: int = 1, activation: str | None =
                 None, use_bias: bool = True, depthwise_initializer: str | Initializer = "glorot_uniform", pointwise_initializer: str |
                 Initializer = "glorot_uniform", bias_initializer: str | Initializer = "zeros", depthwise_regularizer: str | Named | None =
                 None, pointwise_regularizer: str | Named | None = None, bias_regularizer: str | Named | None = None, depthwise_constraint: str
                 | Named | None = None, pointwise_constraint: str | Named | None = None, bias_constraint: str | Named | None = None, name: str |
                 None = None, trainable: bool = True) -> None:
        super().__init__(name, trainable, filters=filters, kernel_size=_ints(kernel_size), strides=_ints(strides), padding=_padding(padding),
                         data_format=data_format, dilation_rate=_ints(dilation_rate), depth_multiplier=depth_multiplier, activation=activation,
                         use_bias=use_bias, depthwise_initializer=depthwise_initializer, pointwise_initializer=pointwise_initializer,
                         bias_initializer=bias_initializer, depthwise_regularizer=depthwise_regularizer, pointwise_regularizer=pointwise_regularizer,
                         bias_regularizer=bias_regularizer, depthwise_constraint=depthwise_constraint, pointwise_constraint=pointwise_constraint,
                         bias_constraint=bias_constraint)


class SeparableConv2D(Layer):
    """Convolution of each channel by itself over rows and columns, then one that mixes the channels."""

    def __init__(self, filters: int, kernel_size: int | Sequence[int], strides: int | Sequence[int] = 1, padding: str | int | Sequence[Any] = "valid",
                 data_format: str = "channels_last", dilation_rate: int | Sequence[int] = 1, depth_multiplier: int = 1, activation: str | None =
                 None, use_bias: bool = True, depthwise_initializer: str | Initializer = "glorot_uniform", pointwise_initializer: str |
                 Initializer = "glorot_uniform", bias_initializer: str | Initializer = "zeros", depthwise_regularizer: str | Named | None =
                 None, pointwise_regularizer: str | Named | None = None, bias_regularizer: str | Named | None = None, depthwise_constraint: str
                 | Named | None = None, pointwise_constraint: str | Named | None = None, bias_constraint: str | Named | None = None, name: str |
                 None = None, trainable: bool = True) -> None:
        super().__init__(name, trainable, filters=filters, kernel_size=_ints(kernel_size), strides=_ints(strides), padding=_padding(padding),
                         data_format=data_format, dilation_rate=_ints(dilation_rate), depth_multiplier=depth_multiplier, activation=activation,
                         use_bias=use_bias, depthwise_initializer=depthwise_initializer, pointwise_initializer=pointwise_initializer,
                         bias_initializer=bias_initializer, depthwise_regularizer=depthwise_regularizer, pointwise_regularizer=pointwise_regularizer,
                         bias_regularizer=bias_regularizer, depthwise_constraint=depthwise_constraint, pointwise_constraint=pointwise_constraint,
                         bias_constraint=bias_constraint)


class MaxPooling1D(Layer):
    """The largest number of each window over steps."""

    def __init__(self, pool_size: int | Sequence[int] = 2, strides: int | Sequence[int] | None = None, padding: str | int | Sequence[Any] = "valid",
                 data_format: str = "channels_last", ceil_mode: bool = False, dilation_rate: int | Sequence[int] = 1, name: str | None = None) -> None:
        super().__init__(name, pool_size=_ints(pool_size), strides=_ints(strides), padding=_padding(padding), data_format=data_format,
                         ceil_mode=ceil_mode, dilation_rate=_ints(dilation_rate))


class MaxPooling2D(Layer):
    """The largest number of each window over rows and columns."""

    def __init__(self, pool_size: int | Sequence[int] = 2, strides: int | Sequence[int] | None = None, padding: str | int | Sequence[Any] = "valid",
                 data_format: str = "channels_last", ceil_mode: bool = False, dilation_rate: int | Sequence[int] = 1, name: str | None = None) -> None:
        super().__init__(name, pool_size=_ints(pool_size), strides=_ints(strides), padding=_padding(padding), data_format=data_format,
                         ceil_mode=ceil_mode, dilation_rate=_ints(dilation_rate))


class MaxPooling3D(Layer):
    """The largest number of each window over planes, rows and columns."""

    def __init__(self, pool_size: int | Sequence[int] = 2, strides: int | Sequence[int] | None = None, padding: str | int | Sequence[Any] = "valid",
                 data_format: str = "channels_last", ceil_mode: bool = False, dilation_rate: int | Sequence[int] = 1, name: str | None = None) -> None:
        super().__init__(name, pool_size=_ints(pool_size), strides=_ints(strides), padding=_padding(padding), data_format=data_format,
                         ceil_mode=ceil_mode, dilation_rate=_ints(dilation_rate))


class AveragePooling1D(Layer):
    """The mean of each window over steps."""

    def __init__(self, pool_size: int | Sequence[int] = 2, strides: int | Sequence[int] | None = None, padding: str | int | Sequence[Any] = "valid",
                 data_format: str = "channels_last", ceil_mode: bool = False, count_include_pad: bool = False, name: str | None = None) -> None:
        super().__init__(name, pool_size=_ints(pool_size), strides=_ints(strides), padding=_padding(padding), data_format=data_format,
                         ceil_mode=ceil_mode, count_include_pad=count_include_pad)


class AveragePooling2D(Layer):
    """The mean of each window over rows and columns."""

    def __init__(self, pool_size: int | Sequence[int] = 2, strides: int | Sequence[int] | None = None, padding: str | int | Sequence[Any] = "valid",
                 data_format: str = "channels_last", ceil_mode: bool = False, count_include_pad: bool = False, name: str | None = None) -> None:
        super().__init__(name, pool_size=_ints(pool_size), strides=_ints(strides), padding=_padding(padding), data_format=data_format,
                         ceil_mode=ceil_mode, count_include_pad=count_include_pad)


class AveragePooling3D(Layer):
    """The mean of each window over planes, rows and columns."""

    def __init__(self, pool_size: int | Sequence[int] = 2, strides: int | Sequence[int] | None = None, padding: str | int | Sequence[Any] = "valid",
                 data_format: str = "channels_last", ceil_mode: bool = False, count_include_pad: bool = False, name: str | None = None) -> None:
        super().__init__(name, pool_size=_ints(pool_size), strides=_ints(strides), padding=_padding(padding), data_format=data_format,
                         ceil_mode=ceil_mode, count_include_pad=count_include_pad)


class GlobalAveragePooling1D(Layer):
    """The mean of each channel over all steps."""

    def __init__(self, data_format: str = "channels_last", keepdims: bool = False, name: str | None = None) -> None:
        super().__init__(name, data_format=data_format, keepdims=keepdims)


class GlobalAveragePooling2D(Layer):
    """The mean of each channel over all rows and columns."""

    def __init__(self, data_format: str = "channels_last", keepdims: bool = False, name: str | None = None) -> None:
        super().__init__(name, data_format=data_format, keepdims=keepdims)


class GlobalAveragePooling3D(Layer):
    """The mean of each channel over all planes, rows and columns."""

    def __init__(self, data_format: str = "channels_last", keepdims: bool = False, name: str | None = None) -> None:
        super().__init__(name, data_format=data_format, keepdims=keepdims)


class GlobalMaxPooling1D(Layer):
    """The largest number of each channel over all steps."""

    def __init__(self, data_format: str = "channels_last", keepdims: bool = False, name: str | None = None) -> None:
        super().__init__(name, data_format=data_format, keepdims=keepdims)


class GlobalMaxPooling2D(Layer):
    """The largest number of each channel over all rows and columns."""

    def __init__(self, data_format: str = "channels_last", keepdims: bool = False, name: str | None = None) -> None:
        super().__init__(name, data_format=data_format, keepdims=keepdims)


class GlobalMaxPooling3D(Layer):
    """The largest number of each channel over all planes, rows and columns."""

    def __init__(self, data_format: str = "channels_last", keepdims: bool = False, name: str | None = None) -> None:
        super().__init__(name, data_format=data_format, keepdims=keepdims)


class ZeroPadding1D(Layer):
    """Zeros around steps."""

    def __init__(self, padding: int | Sequence[Any] = 1, data_format: str = "channels_last", name: str | None = None) -> None:
        super().__init__(name, padding=_flat(padding), data_format=data_format)


class ZeroPadding2D(Layer):
    """Zeros around rows and columns."""

    def __init__(self, padding: int | Sequence[Any] = 1, data_format: str = "channels_last", name: str | None = None) -> None:
        super().__init__(name, padding=_flat(padding), data_format=data_format)


class ZeroPadding3D(Layer):
    """Zeros around planes, rows and columns."""

    def __init__(self, padding: int | Sequence[Any] = 1, data_format: str = "channels_last", name: str | None = None) -> None:
        super().__init__(name, padding=_flat(padding), data_format=data_format)


class Cropping1D(Layer):
    """Numbers cut off at the edges of steps."""

    def __init__(self, cropping: int | Sequence[Any] = 1, data_format: str = "channels_last", name: str | None = None) -> None:
        super().__init__(name, cropping=_flat(cropping), data_format=data_format)


class Cropping2D(Layer):
    """Numbers cut off at the edges of rows and columns."""

    def __init__(self, cropping: int | Sequence[Any] = 0, data_format: str = "channels_last", name: str | None = None) -> None:
        super().__init__(name, cropping=_flat(cropping), data_format=data_format)


class Cropping3D(Layer):
    """Numbers cut off at the edges of planes, rows and columns."""

    def __init__(self, cropping: int | Sequence[Any] = 1, data_format: str = "channels_last", name: str | None = None) -> None:
        super().__init__(name, cropping=_flat(cropping), data_format=data_format)


class UpSampling1D(Layer):
    """Each step repeated."""

    def __init__(self, size: int | Sequence[int] = 2, name: str | None = None) -> None:
        super().__init__(name, size=_ints(size))


class UpSampling2D(Layer):
    """Rows and columns repeated, or drawn between neighbours ("bilinear", "bicubic")."""

    def __init__(self, size: int | Sequence[int] = 2, data_format: str = "channels_last", interpolation: str = "nearest", name: str | None = None) -> None:
        super().__init__(name, size=_ints(size), data_format=data_format, interpolation=interpolation)


class UpSampling3D(Layer):
    """Planes, rows and columns repeated."""

    def __init__(self, size: int | Sequence[int] = 2, data_format: str = "channels_last", name: str | None = None) -> None:
        super().__init__(name, size=_ints(size), data_format=data_format)


class CategoryEncoding(Layer):
    """Whole numbers as ones at their index, or counts."""

    def __init__(self, num_tokens: int, output_mode: str = "multi_hot", name: str | None = None) -> None:
        super().__init__(name, num_tokens=num_tokens, output_mode=output_mode)


class Discretization(Layer):
    """The interval that a number lies in: between boundaries that are given, or quantiles learnt from data by adapt."""

    def __init__(self, bin_boundaries: Sequence[float] | None = None, num_bins: int | None = None, epsilon: float = 0.01, output_mode: str = "int",
                 name: str | None = None) -> None:
        edges = None if bin_boundaries is None else [float(v) for v in bin_boundaries]
        if edges is not None and len(edges) > 64 and num_bins is None:  # more than an attribute holds: a weight
            super().__init__(name, bin_boundaries=None, num_bins=len(edges) + 1, epsilon=epsilon, output_mode=output_mode)
            self._values = [np.array(edges)]
        else:
            super().__init__(name, bin_boundaries=edges, num_bins=num_bins, epsilon=epsilon, output_mode=output_mode)

    @staticmethod
    def _compressed(values: np.ndarray, weights: np.ndarray, epsilon: float) -> tuple[np.ndarray, np.ndarray]:
        """Values at every share epsilon of the weights, with the weights between them."""
        if len(values) * epsilon < 1:
            return values, weights
        share, total = epsilon + np.arange(0.0, 1.0, epsilon), weights.cumsum()
        at = np.interp(share, total / total[-1], total)
        return np.interp(share, total / total[-1], values).astype(np.float32), np.diff(at, prepend=0).astype(np.float32)

    def adapt(self, data: Any) -> None:
        """Boundaries become quantiles of the data, summarized to 1 / epsilon values first, as Keras does."""
        bins = self._attrs["num_bins"]
        if bins is None:
            raise errors.make(1005, "Discretization: adapt learns boundaries, but bin_boundaries are given; give num_bins instead")
        values = np.sort(np.asarray(data, np.float32).reshape(-1)).astype(np.float64)
        if not len(values):
            raise errors.make(1005, "Discretization: adapt got no data")
        step = max(len(values) * self._attrs["epsilon"], 1.0)
        summary = values[int(step - 1)::int(step)]
        edges, weights = self._compressed(summary, np.full(len(summary), step), self._attrs["epsilon"])
        edges, _ = self._compressed(edges, weights, 1.0 / bins)
        edges = edges[:-1]
        if len(edges) != bins - 1:
            raise errors.make(1005, f"Discretization: adapt found {len(edges)} boundaries in {len(values)} numbers, num_bins={bins} needs {bins - 1}; give more data or fewer bins")
        self._set_values([edges])


class IntegerLookup(Layer):
    """The place of a whole number in a vocabulary, given or learnt by adapt (the most frequent numbers first); numbers outside it share the
    places before it. Without a vocabulary adapt comes before the layer is added to a model."""

    def __init__(self, max_tokens: int | None = None, num_oov_indices: int = 1, mask_token: int | None = None, oov_token: int = -1,
                 vocabulary: Sequence[int] | None = None, invert: bool = False, output_mode: str = "int", name: str | None = None) -> None:
        super().__init__(name, num_oov_indices=num_oov_indices, mask_token=mask_token, oov_token=oov_token, use_mask_token=mask_token is not None,
                         vocabulary_size=None, invert=invert, output_mode=output_mode)
        self._max_tokens = max_tokens
        if vocabulary is not None:
            self.set_vocabulary(vocabulary)

    @classmethod
    def _from_attrs(cls, name: str | None, attrs: dict[str, Any]) -> Layer:
        layer = cls(name=name)
        layer._attrs.update(attrs)
        if not layer._attrs["use_mask_token"]:
            layer._attrs["mask_token"] = None
        elif layer._attrs["mask_token"] is None:
            layer._attrs["mask_token"] = 0
        return layer

    def _first(self) -> int:
        return int(self._attrs["num_oov_indices"]) + (self._attrs["mask_token"] is not None and self._attrs["output_mode"] == "int")

    def set_vocabulary(self, vocabulary: Sequence[int]) -> None:
        """The numbers of the vocabulary in the order of their places, without or with mask and oov tokens in front."""
        words = [int(v) for v in vocabulary]
        oov = [self._attrs["oov_token"]] * self._attrs["num_oov_indices"]
        front = [self._attrs["mask_token"]] * (self._first() - len(oov)) + oov
        if front and words[:len(front)] == front:
            words = words[len(front):]
        if not words or len(set(words)) < len(words):
            raise errors.make(1004, "IntegerLookup: the vocabulary is empty or names a number twice")
        if self._max_tokens is not None and len(words) + len(front) > self._max_tokens:
            raise errors.make(1004, f"IntegerLookup: {len(words) + len(front)} numbers with mask and oov tokens, max_tokens is {self._max_tokens}")
        if self._net is not None and len(words) != self._attrs["vocabulary_size"]:
            raise errors.make(1005, f"IntegerLookup {self.name}: it is in a model with a vocabulary of {self._attrs['vocabulary_size']}; another size needs a new layer")
        self._attrs["vocabulary_size"] = len(words)
        self._set_values([np.array(words, np.float64)])

    def get_vocabulary(self, include_special_tokens: bool = True) -> list[int]:
        """Mask and oov tokens, then the numbers of the vocabulary."""
        words = self.get_weights()[0] if self._net is not None else (self._values or [np.empty(0)])[0]
        oov = [self._attrs["oov_token"]] * self._attrs["num_oov_indices"]
        front = [self._attrs["mask_token"]] * (self._first() - len(oov)) + oov if include_special_tokens else []
        return front + [int(v) for v in words]

    def vocabulary_size(self) -> int:
        """How many places there are."""
        return len(self.get_vocabulary())

    def adapt(self, data: Any) -> None:
        """The vocabulary becomes the numbers of the data, the most frequent first, of equally frequent ones the largest, as Keras orders them."""
        words, counts = np.unique(np.asarray(data).reshape(-1).astype(np.int64), return_counts=True)
        keep = ~np.isin(words, [v for v in (self._attrs["mask_token"], self._attrs["oov_token"]) if v is not None])
        order = sorted(zip(counts[keep].tolist(), words[keep].tolist()), reverse=True)
        room = None if self._max_tokens is None else max(self._max_tokens - self._first(), 0)
        self.set_vocabulary([word for _, word in order[:room]])


class Hashing(Layer):
    """Whole numbers in bins, by a hash of their decimal text: the bins are Keras'."""

    def __init__(self, num_bins: int, mask_value: int | None = None, salt: int | Sequence[int] | None = None, output_mode: str = "int",
                 name: str | None = None) -> None:
        super().__init__(name, num_bins=num_bins, mask_value=mask_value, salt=_ints(salt), output_mode=output_mode, use_mask_value=mask_value is not None)

    @classmethod
    def _from_attrs(cls, name: str | None, attrs: dict[str, Any]) -> Layer:
        mask = attrs.get("mask_value", 0) if attrs.pop("use_mask_value", False) else None
        return cls(**{**attrs, "mask_value": mask}, name=name)


class LPPooling1D(Layer):
    """The p-norm of each window over steps; torch's LPPool1d."""

    def __init__(self, norm_type: int = 2, pool_size: int | Sequence[int] = 2, strides: int | Sequence[int] | None = None,
                 padding: str | int | Sequence[Any] = "valid", data_format: str = "channels_last", ceil_mode: bool = False, name: str | None = None) -> None:
        super().__init__(name, norm_type=norm_type, pool_size=_ints(pool_size), strides=_ints(strides), padding=_padding(padding), data_format=data_format, ceil_mode=ceil_mode)


class LPPooling2D(Layer):
    """The p-norm of each window over rows and columns; torch's LPPool2d."""

    def __init__(self, norm_type: int = 2, pool_size: int | Sequence[int] = 2, strides: int | Sequence[int] | None = None,
                 padding: str | int | Sequence[Any] = "valid", data_format: str = "channels_last", ceil_mode: bool = False, name: str | None = None) -> None:
        super().__init__(name, norm_type=norm_type, pool_size=_ints(pool_size), strides=_ints(strides), padding=_padding(padding), data_format=data_format, ceil_mode=ceil_mode)


class LPPooling3D(Layer):
    """The p-norm of each window over planes, rows and columns; torch's LPPool3d."""

    def __init__(self, norm_type: int = 2, pool_size: int | Sequence[int] = 2, strides: int | Sequence[int] | None = None,
                 padding: str | int | Sequence[Any] = "valid", data_format: str = "channels_last", ceil_mode: bool = False, name: str | None = None) -> None:
        super().__init__(name, norm_type=norm_type, pool_size=_ints(pool_size), strides=_ints(strides), padding=_padding(padding), data_format=data_format, ceil_mode=ceil_mode)


class LocalResponseNormalization(Layer):
    """Divides each number by a power of the squares of neighbouring channels; torch's LocalResponseNorm."""

    def __init__(self, size: int = 5, alpha: float = 0.0001, beta: float = 0.75, bias: float = 1.0, data_format: str = "channels_last", name: str | None = None) -> None:
        super().__init__(name, size=size, alpha=alpha, beta=beta, bias=bias, data_format=data_format)


class Resizing(Layer):
    """Images of another size."""

    def __init__(self, height: int, width: int, interpolation: str = "bilinear", data_format: str = "channels_last", align_corners: bool = False,
                 name: str | None = None) -> None:
        super().__init__(name, height=height, width=width, interpolation=interpolation, data_format=data_format, align_corners=align_corners)
