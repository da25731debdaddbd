"""models - Model and Sequential: Keras' models over the engine's network."""
from __future__ import annotations

import warnings
from collections.abc import Sequence
from os import PathLike, fspath
from os.path import exists
from typing import TYPE_CHECKING, Any, cast

from . import _core, _graph as graph, errors
from ._context import context
from ._structure import _new_network
from ._text import attrs_text, parse_attrs, split_name, value_text
from ._training import Training
from .layers import Input, Layer
from .text import TextLayer

if TYPE_CHECKING:
    from typing import Self


class Model(Training):
    """Layers called on tensors: Model(inputs, outputs), each an Input or tensor, a list or a dict of them.

    Layers that already are in another model come as copies with their weights: training one model leaves the other as it is.
    """

    def __init__(self, inputs: Any, outputs: Any, name: str | None = None, dtype: Any = None) -> None:
        given, wanted = graph.tensors_of(inputs, "inputs"), graph.tensors_of(outputs, "outputs")
        nodes = graph.ordered(given, wanted)
        if dtype is None:
            owners = [node.layer._net for node in nodes if node.layer._net is not None]
            dtype = "float64" if owners and owners[0].info()["type"] == 11 else "float32"
        self._setup(_new_network(dtype, "Model"), name or "functional")
        self._connect(given, wanted, nodes)

    @staticmethod
    def _wrap(net: _core.Network, name: str | None = None) -> Model:
        """The model of a network that exists already."""
        kind = Sequential if net.info()["chain"] else Model
        model = kind.__new__(kind)
        model._setup(net, name or ("sequential" if kind is Sequential else "functional"))
        model._after_compile(None, None)
        return model

    # ---- files

    def load_weights(self, path: str | PathLike[str]) -> None:
        """Weights of a model with the same layers: a safetensors file, or one of Keras (.weights.h5, .h5, .keras), which needs h5py. Layers of
        Keras are matched by name, or by order where the names are others; all weights fit, or none is changed."""
        from .formats import load_weights
        self._ready()
        load_weights(self, fspath(path))

    def save_weights(self, path: str | PathLike[str]) -> None:
        """Write all weights, by the names that summary gives layers ("dense/kernel"), as a safetensors file."""
        from .formats import safetensors
        self._ready()
        safetensors.save(path, dict(zip((w[0] for w in self._net.weights()), self.get_weights())), {"format": "firesteel.weights"})

    def save(self, path: str | PathLike[str]) -> None:
        """Write an ONNX file for inference that fire.load makes a trainable model of again. Not the optimizer's state: see save_checkpoint."""
        self._written_ready()
        if fspath(path).endswith(".keras"):
            from .formats import _keras_write, safetensors
            safetensors.replace(path, _keras_write.to_bytes(self))
            return
        self._net.save(fspath(path))

    def _written_ready(self) -> None:
        """Ready, and with the vocabulary as it is now among its notes."""
        self._ready()
        if "_preprocessing" in self.__dict__:
            self._net.set_note("preprocessing", self._preprocessing._note() if self._preprocessing is not None else "")

    def save_checkpoint(self, folder: str | PathLike[str]) -> None:
        """Write model, optimizer state and position into a folder; a crash leaves the old checkpoint or the new one."""
        self._written_ready()
        self._net.save_checkpoint(fspath(folder))

    def to_bytes(self) -> bytes:
        """What save writes, as bytes."""
        self._written_ready()
        return self._net.save_bytes()

    @staticmethod
    def from_bytes(content: bytes) -> Model:
        """A model from what to_bytes made."""
        return Model._wrap(_core.Network.load_bytes(context(), content))

    def to_text(self) -> str:
        """The architecture, without weights: one line for the model and one per layer; then, unless each layer takes what the one before it
        gives, one per call of a layer and one for the outputs."""
        info = self._net.info()
        if info["loaded_as_onnx"]:
            raise errors.make(1005, "to_text: a plain ONNX graph has no layers")
        lines = [("Sequential " if info["chain"] else "Model ") + attrs_text({"name": self.name, "dtype": self.dtype})]
        layers = self._net.layers()
        for kind, name, attrs, _, _, _, trainable in layers:
            lines.append(" ".join(part for part in (kind, attrs, attrs_text({"name": name, "trainable": None if trainable else False})) if part))
        if not info["chain"]:
            lines += [f"call layer={layers[at][1]} in={value_text(tensors)} out={first}" for at, tensors, _, first in self._net.uses()]
            lines.append(f"outputs in={value_text([part[2] for part in self._net.parts(True)])}")
        return "\n".join(lines) + "\n"

    @staticmethod
    def from_text(text: str) -> Model:
        """A model of the architecture that to_text wrote, with weights yet to be drawn."""
        first, *others = [line for line in text.splitlines() if line.strip()] or [""]
        kind, attrs = split_name(first)
        if kind not in ("Sequential", "Model"):
            raise errors.make(1001, f"from_text: begins with '{kind}'; expected 'Sequential' or 'Model'")
        given = parse_attrs(attrs)
        made: Model = (Sequential if kind == "Sequential" else Model).__new__(Sequential if kind == "Sequential" else Model)
        made._setup(_new_network(given.get("dtype", "float32"), kind), str(given.get("name", "sequential" if kind == "Sequential" else "functional")))
        frozen: list[str] = []
        layers: dict[str, tuple[str, str]] = {}
        place: dict[int, int] = {}
        for line in others:
            kind, attrs = split_name(line)
            if kind == "call":
                call = parse_attrs(attrs)
                name = str(call["layer"])
                of, rest = layers[name]
                if of == "Input":
                    place[call["out"]] = made._net.input(f"{rest} {attrs_text({'name': name})}")
                else:
                    known = any(info[1] == name for info in made._net.layers())
                    place[call["out"]] = made._net.call(name if known else of, None if known else rest, [place[t - t % 8] + t % 8 for t in call["in"]])
                continue
            if kind == "outputs":
                made._net.outputs([place[t - t % 8] + t % 8 for t in parse_attrs(attrs)["in"]])
                continue
            if attrs.endswith(" trainable=false"):
                attrs = attrs.removesuffix(" trainable=false")
                frozen.append(str(parse_attrs(attrs)["name"]))
            if isinstance(made, Sequential):
                made._net.add(kind, attrs or None)
            else:
                layers[str(parse_attrs(attrs)["name"])] = kind, attrs
        made._sync()
        for name in frozen:
            made.get_layer(name).trainable = False
        return made

    def clone(self) -> Self:
        """A copy with the same layers, weights and compile settings, and a fresh optimizer."""
        return cast("Self", self._wrap(self._net.clone(), self.name))

    def __copy__(self) -> Self:
        return self.clone()

    def __deepcopy__(self, memo: Any) -> Self:
        return self.clone()

    def __reduce__(self) -> tuple[Any, ...]:
        info = self._net.info()
        ready = info["loaded_as_onnx"] or info["built"] and all(w[3] for w in self._net.weights())
        settings = (info["optimizer"], info["loss"], info["metrics"]) if info["compiled"] else None
        return _unpickle, (self._net.save_bytes() if ready else self.to_text(), self.name, settings, info["built"] and info["input"][1:])


class Sequential(Model):
    """A stack of layers. dtype="float64" computes everything in double precision.

    A model gets its shapes from an Input layer or from the first data, and its first weights when they are first needed.
    """

    def __init__(self, layers: Sequence[Layer | Model] | None = None, name: str | None = None, dtype: Any = "float32") -> None:
        self._setup(_new_network(dtype, "Sequential"), name or "sequential")
        given = list(layers or [])
        if any(isinstance(one, Model) and not one._net.info()["chain"] for one in given):
            self._add_called(given)
            return
        for layer in given:
            self.add(layer)

    def _add_called(self, given: Sequence[Layer | Model]) -> None:
        """Layers and models one after the other, where a model among them is more than a chain."""
        first, rest = given[0], given[1:]
        if isinstance(first, Model) and first.built:
            first, rest = Input(first.input_shape[1:]) if isinstance(first.input_shape, tuple) else first, given
        if not isinstance(first, Input):
            raise errors.make(1006, f"{self.name}: begin it with an Input, since {type(first).__name__} does not tell the shape of a row")
        out: Any = first
        for one in rest:
            out = one(out)
        wanted = graph.tensors_of(out, "outputs")
        self._connect([first._symbol()], wanted, graph.ordered([first._symbol()], wanted))

    def _add_chain(self, model: Model) -> None:
        """Append copies of another chain's layers, with their weights."""
        for layer in model._all:
            if isinstance(layer, Input) and self._all:
                continue
            self._net.add(layer.kind, self._text_of(layer) or None)
            self._sync()
            mine = self._all[-1]
            if not layer.trainable:
                mine.trainable = False
            if model.built and self.built and layer.get_weights():
                mine.set_weights(layer.get_weights())

    def add(self, layer: Layer | Model) -> None:
        """Append a layer, or the layers of another model as copies with their weights. One that takes strings comes first, and becomes the model's
        preprocessing."""
        if isinstance(layer, Model):
            if not layer._net.info()["chain"]:
                raise errors.make(1001, f"add: {layer.name} is more than a chain of layers; give all at once, as in Sequential([{layer.name}, ...])")
            self._add_chain(layer)
            return
        if isinstance(layer, TextLayer):
            if self._all or self._net.layers():
                raise errors.make(1001, f"add: {type(layer).__name__} takes strings, and must be the first layer")
            self.preprocessing = layer
            return
        if not isinstance(layer, Layer):
            raise errors.make(1001, f"add: {layer!r} is not a layer of firesteel.layers")
        if layer._net is not None:
            raise errors.make(1001, f"add: layer {layer.name} is already in a model; make another, or clone the model")
        if hasattr(layer, "call"):
            if not self.built:
                raise errors.make(1006, f"add: the custom layer {type(layer).__name__} needs a model whose shape is known; begin it with an Input")
            layer._written([self.output_shape], self.dtype)
        adapted = layer.__dict__.get("_adapted_shape")
        if adapted is not None and not self._all:
            self._net.add("Input", attrs_text({"shape": adapted}))
            self._sync()
        self._net.add(layer.kind, layer._attrs_text() or None)
        self._sync(layer)
        if not layer._trainable:
            layer.trainable = False
        if layer._values is not None:
            if not self._net.info()["built"]:
                self.pop()
                raise errors.make(1006, f"add: {layer.kind} with values of its own needs a model whose shape is known; begin it with an Input layer")
            try:
                layer._take_values()
            except errors.FiresteelError:
                self.pop()
                raise

    def pop(self) -> Layer | None:
        """Remove the last layer and give it back."""
        last = self._all[-1] if self._all else None
        self._net.pop()
        self._sync()
        if last is not None and last not in self._all:
            last._net = None
        return last


def _unpickle(content: bytes | str, name: str, settings: tuple[str, str, str] | None, shape: Sequence[int] | bool) -> Model:
    if isinstance(content, bytes):
        model = Model.from_bytes(content)
    else:
        model = Model.from_text(content)
        if shape and not model.built:
            model._net.build(shape)  # type: ignore[arg-type]
    model.name = name
    if settings and not model._net.info()["compiled"]:
        optimizer, loss, metrics = settings
        model._net.compile(optimizer, loss, metrics or None)
        model._after_compile(None, None)
    return model


def model_from_json(text: str, input_shape: Any = None) -> Model:
    """A model of the architecture that Keras' to_json wrote, of any version, with weights yet to be drawn."""
    from .formats._keras_read import from_json
    return cast("Model", from_json(text, input_shape))


def _has_layers_alone(path: str | PathLike[str]) -> bool:
    """Whether a file was saved by firesteel: there are no tensors with names in it."""
    try:
        return not _core.Network.load(context(), fspath(path), (), (), None).ports(True)
    except errors.FiresteelError:  # perhaps a part of it can be loaded
        return False


def load(path: str | PathLike[str], compile: bool = True, input_shape: Any = None, inputs: Sequence[str] = (), outputs: Sequence[str] = (),
         signature: str | None = None, weights: str | PathLike[str] | None = None) -> Model:
    """A model from an ONNX file, from Keras' .keras and .h5 files (they need h5py), or from a checkpoint folder with its optimizer state and
    position; what a file is, its content tells. An ONNX file of other software has a layer for each node, if it can be layers; one that other
    software has changed is such a file, and warns. Of Keras' files: compile=False leaves loss, metrics and optimizer alone; input_shape is that of a row, or a list for
    several inputs, where the file leaves sizes open and the first data shall not decide. `outputs` names what the model gives instead of its own
    outputs: tensors of an ONNX or TensorFlow graph, layers of other files. Of TensorFlow's frozen graphs and SavedModels (docs/tensorflow.md) `inputs` names
    where it begins, too; else a SavedModel has those of `signature` (serving_default).
    A net of Caffe (docs/caffe.md) is a caffemodel, or a prototxt with the caffemodel as `weights`."""
    from .formats import kind_of
    found = kind_of(fspath(path))
    if outputs and not inputs and signature is None and weights is None and (found in ("keras", "json") or _has_layers_alone(path)):
        whole = load(path, compile, input_shape)
        parts = [whole.get_layer(name).output for name in outputs]
        return Model(whole.inputs, parts[0] if len(parts) == 1 else parts)
    if found == "keras":
        from .formats._keras_read import load as load_keras
        return cast("Model", load_keras(fspath(path), compile, input_shape))
    if found == "json":
        with open(path, encoding="utf-8", errors="replace") as file:
            return model_from_json(file.read(), input_shape)
    if found == "safetensors":
        raise errors.make(5002, f"{fspath(path)}: a safetensors file holds weights alone; build the model and call model.load_weights")
    try:
        net = _core.Network.load(context(), fspath(path), tuple(inputs), tuple(outputs), signature, None if weights is None else fspath(weights))
        if warning := net.note("warning"):
            warnings.warn(f"{fspath(path)}: {warning}", stacklevel=2)
        return Model._wrap(net)
    except errors.ModelFileError as problem:
        if exists(path):
            raise
        raise errors.ModelFileNotFoundError(problem.message, problem.code) from None
