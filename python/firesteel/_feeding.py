"""_feeding - from the data that users have, arrays, tables, words and rows of unlike length, to the engine's rows, and back."""
from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from . import _core, _lookups, _weights as weights, data as rows, errors
from ._context import context
from ._structure import Structure
from .layers import Input
from .text import TextLayer
from .utils import is_dense, pad_sequences


class Feeding(Structure):
    """How data goes in and results come out."""

    def _dataset(self, x: Any, y: Any, w: Any, columns: rows.Columns) -> _core.Dataset:
        self._open_to(x)
        made = _core.Dataset(context())
        made.pad(self._net)
        x, y = self._join(self._worded(self._looked_up(x, columns)), y)
        if rows.add(made, x, y, w, columns, self._padded):
            self._columns = columns
        return made

    _open: tuple[dict[str, Any], int] | None = None  # of a Keras file that leaves sizes open: its configuration, and Keras' version

    def _open_to(self, x: Any) -> None:
        """Where a Keras file left sizes of the input open: make the network for those of x, with the weights and the optimizer's state that there are."""
        if self._open is None or rows.is_arrow(x):
            return
        given = [x[name] for name in self.input_names] if isinstance(x, dict) else list(x) if isinstance(x, (list, tuple)) and len(self.inputs) > 1 else [x]
        shapes = [np.shape(part)[1:] for part in given]
        parts = [tuple(part[1][1:]) for part in self._net.parts(False)]
        if len(shapes) != len(parts) or shapes == parts or any(len(a) != len(b) for a, b in zip(shapes, parts)):
            return
        from .formats._keras_build import build
        other, held, info = build(*self._open, input_shape=shapes)[0], self.get_weights(), self._net.info()
        other.set_weights(held)
        if info["compiled"]:
            other._net.compile(info["optimizer"], info["loss"], info["metrics"] or None)
            other._net.set_state(self._net.state())
        self._net = other._net
        self._sync()
        self.__dict__.pop("_nodes", None)
        if self.optimizer is not None:
            self.optimizer._net = self._net

    @property
    def lookups(self) -> Mapping[str, Any]:
        """The vocabularies of a model that was trained on columns of categories, each as a StringLookup; numbers are texts there. evaluate and predict
        take tables with the columns themselves, or a dict of arrays by column; in a dict by input texts are looked up and numbers are indices."""
        found = _lookups.of(self._net)
        return {} if found is None else found.named()

    def _looked_up(self, x: Any, columns: rows.Columns | None = None) -> Any:
        """A table, or a dict of all columns, with indices in place of words, where the model has vocabularies; anything else as it is."""
        found = _lookups.of(self._net)
        if found is None:
            return x
        features = columns.features if columns is not None and columns.features is not None else self._noted(None, None)[0] or []
        if rows.is_arrow(x):
            return found.table(x, features)
        if not isinstance(x, dict):
            return x
        if not set(features) <= set(x):  # by input: numbers are indices already
            return {name: found.array(name, value) if np.asarray(value).dtype.kind in "USO" else value for name, value in x.items()}
        words = {name: found.array(name, value) for name, value in x.items()}
        kind = weights.NUMPY[self._net.info()["type"]]
        arrays = [rows.array_of(words[name], f"x '{name}'") for name in features]
        return np.concatenate([a.reshape(len(a), -1).astype(kind) for a in arrays], axis=1)

    @property
    def preprocessing(self) -> TextLayer | None:
        """What turns strings into the numbers that the network takes: a StringLookup or TextVectorization; None: it takes numbers."""
        if "_preprocessing" not in self.__dict__:
            note = self._net.note("preprocessing")
            self._preprocessing: TextLayer | None = TextLayer._of_note(note) if note else None
        return self._preprocessing

    @preprocessing.setter
    def preprocessing(self, layer: TextLayer | None) -> None:
        if layer is not None and not isinstance(layer, TextLayer):
            raise errors.make(1001, f"preprocessing: {layer!r} is neither a StringLookup nor a TextVectorization")
        self._preprocessing = layer

    def _worded(self, x: Any) -> Any:
        """Strings as numbers, by the model's preprocessing; anything else as it is."""
        if self.preprocessing is None or not (isinstance(x, (list, tuple)) or hasattr(x, "dtype")):
            return x
        array = np.asarray(x)
        return self.preprocessing(array).astype(np.float32) if array.dtype.kind in "USO" else x

    def _padded(self, x: Any, name: str | None = None) -> Any:
        """Rows of unlike length as one array, by the padding of the Input `name` (None: of the only one); anything else as it is."""
        inputs = [layer for layer in self._all if isinstance(layer, Input) and name in (None, layer.name)]
        own = inputs[0]._attrs if len(inputs) == 1 else {}
        if own.get("padding", "none") in (None, "none") or is_dense(x, own["shape"]):
            return x
        try:
            return pad_sequences(x, own["shape"][0], np.float64, own["padding"], own.get("truncating", "pre"), own.get("padding_value", 0.0), own["shape"][1:])
        except errors.FiresteelError as problem:
            raise errors.make(int(problem.code[2:]), f"x for {inputs[0].kind} '{inputs[0].name}': {problem.message}") from None

    def _join(self, x: Any, y: Any) -> tuple[Any, Any]:
        """Arrays of several inputs or outputs side by side, as the engine takes them."""
        if not self.built or not isinstance(x, (dict, list, tuple)) and not isinstance(y, (dict, list, tuple)):
            return x, y
        kind = weights.NUMPY[self._net.info()["type"]]
        inputs, outputs = self.input_names, self.output_names
        if isinstance(x, dict) or len(inputs) > 1 and isinstance(x, (list, tuple)):
            x = rows.join(x, inputs, "x", kind, self._padded)
        if isinstance(y, dict) or len(outputs) > 1 and isinstance(y, (list, tuple)):
            y = rows.join(y, outputs, "y", kind)
        return x, y

    def _split(self, y: np.ndarray, output: bool = True) -> Any:
        """One array of joined rows as one per output (or input), each in its own shape."""
        parts = self._net.parts(output)
        if len(parts) < 2:
            return y
        made, at = [], 0
        for part in parts:
            width = int(np.prod(part[1][1:]))
            made.append(y[:, at:at + width].reshape(len(y), *part[1][1:]))
            at += width
        return made

    def _note_columns(self) -> None:
        columns: rows.Columns | None = self.__dict__.pop("_columns", None)
        if columns is not None:
            label: Any = list(columns.label)
            self._net.set_note("columns", json.dumps({"features": list(columns.features or []), "label": label[0] if len(label) == 1 else label or None}))

    def _noted(self, features: Any, label: Any) -> tuple[Any, Any]:
        """Columns as given, else those that the model was trained on."""
        note = self._net.note("columns")
        if note is None:
            return features, label
        known = json.loads(note)
        return known.get("features") if features is None else features, known.get("label") if label is None else label
