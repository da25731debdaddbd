"""layers - Keras' layers as handles: the layer itself lives in the engine.

A layer object is a description until it is added to a model; from then on it reads and writes that model's layer. It belongs to
one model.
"""
from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from . import _core
from ._text import Named, attrs_text, parse_attrs
from .initializers import Initializer

if TYPE_CHECKING:
    import numpy as np
    from .models import Sequential


def _must_be_given(kind: str) -> dict[str, Any]:
    """The engine's defaults of what Keras wants to be given: the engine leaves out what equals its default."""
    for line in _core.catalog().splitlines():
        entry = json.loads(line)
        if entry["kind"] == "layer" and entry["name"] == kind:
            return {attr["name"]: attr["default"] for attr in entry["attrs"] if attr["name"] in ("rate", "activation")}
    return {}


class Layer(Named):
    """Base class of all layers."""

    kinds: ClassVar[dict[str, type[Layer]]] = {}

    def __init_subclass__(cls) -> None:
        Layer.kinds[cls.__name__] = cls

    def __init__(self, name: str | None = None, trainable: bool = True, **attrs: Any) -> None:
        super().__init__(**attrs)
        self._name = name
        self._trainable = trainable
        self._model: Sequential | None = None
        self._values: list[np.ndarray] | None = None  # weights to set once it has a model

    @property
    def name(self) -> str:
        """Its name in the model, "" before it is in one and none was given."""
        return self._name or ""

    @property
    def kind(self) -> str:
        """The engine's name of the layer's class."""
        return type(self).__name__

    def _attrs_text(self) -> str:
        text = attrs_text(self._attrs)
        return f"{text} {attrs_text({'name': self._name})}".strip() if self._name else text

    def _need_model(self) -> Sequential:
        if self._model is None:
            raise ValueError(f"layer {self.kind} is not in a model yet")
        return self._model

    @property
    def trainable(self) -> bool:
        """Whether fit changes its weights."""
        return self._model._layer_info(self)[6] if self._model else self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self._trainable = bool(value)
        if self._model:
            self._model._set_trainable(self, bool(value))

    @property
    def output_shape(self) -> tuple[int | None, ...]:
        """Shape of the output, None standing for the batch."""
        return tuple(None if n < 0 else n for n in self._need_model()._layer_info(self)[3])

    def count_params(self) -> int:
        """Numbers in its weights."""
        return self._need_model()._layer_info(self)[4]

    def get_weights(self) -> list[np.ndarray]:
        """Copies of its weights, in Keras' order."""
        return self._need_model()._get_weights(self)

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Copy values into its weights."""
        self._need_model()._set_weights(weights, self)

    @staticmethod
    def _restore(kind: str, name: str, attrs: str, model: Sequential) -> Layer:
        """The handle of a layer that the engine already has."""
        cls = Layer.kinds.get(kind, Layer)
        if cls is Layer:
            layer = Layer(name, **parse_attrs(attrs))
        else:
            layer = cls(**{**_must_be_given(kind), **parse_attrs(attrs)}, name=name)
        layer._model = model
        return layer


class Input(Layer):
    """The shape of one row, without the batch: Input((28, 28)). May come first in a model; without it the data decides."""

    def __init__(self, shape: Sequence[int] | int, name: str | None = None) -> None:
        super().__init__(name, shape=(shape,) if isinstance(shape, int) else tuple(shape))


class Dense(Layer):
    """activation(x w + b) over the last dimension of x."""

    def __init__(self, units: int, activation: str | None = None, use_bias: bool = True, kernel_initializer: str | Initializer = "glorot_uniform",
                 bias_initializer: str | Initializer = "zeros", name: str | None = None, trainable: bool = True) -> None:
        super().__init__(name, trainable, units=units, activation=activation, use_bias=use_bias, kernel_initializer=kernel_initializer,
                         bias_initializer=bias_initializer)


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

    def __init__(self, name: str | None = None) -> None:
        super().__init__(name)


class Normalization(Layer):
    """(x - mean) / sqrt(variance) along `axis`, learnt from data by adapt, or by fit when nobody adapted it."""

    def __init__(self, axis: int | Sequence[int] | None = -1, name: str | None = None) -> None:
        axes = () if axis is None else (axis,) if isinstance(axis, int) else tuple(axis)
        super().__init__(name, axis=axes)

    def adapt(self, data: Any) -> None:
        """Learn mean and variance of x. Inside a model of which this is the first layer, or before it is in one."""
        from .models import Sequential
        if self._model is not None:
            self._model._adapt_layer(self, data)
            return
        alone = Sequential([Normalization(self._attrs["axis"])])
        alone.adapt(data)
        self._values = alone.get_weights()
        self._adapted_shape = alone.input_shape[1:]
