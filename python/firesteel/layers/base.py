"""base - what all layers share: a handle of a layer that lives in the engine; inputs, and layers that are programs.

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

from .. import _core, _graph as graph, _weights, errors, ops
from .._text import Named, attrs_text, parse_attrs, text_of

if TYPE_CHECKING:
    from ..models import Model


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


def _given(names: dict[str, Any]) -> dict[str, Any]:
    """What an __init__ was given: its locals() before anything else is done there."""
    return {name: value for name, value in names.items() if name not in ("self", "__class__")}


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
