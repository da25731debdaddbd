"""_structure - what a model is made of: layers, tensors, shapes and weights of the engine's network."""
from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from . import _core, _graph as graph, _weights as weights, errors
from ._context import context
from ._graph import Node, SymbolicTensor
from ._text import attrs_text
from .history import History
from .layers import Input, Layer

if TYPE_CHECKING:
    from typing import TypeAlias

    from .models import Model

    Symbols: TypeAlias = tuple[list[SymbolicTensor], list[SymbolicTensor], dict[tuple[str, int], Node]]

_TYPES = {"float32": 1, "float64": 11}


class Structure:
    """Layers and how they are connected."""

    def _connect(self, given: Sequence[SymbolicTensor], wanted: Sequence[SymbolicTensor], nodes: Sequence[Node]) -> None:
        """Tell the engine what the nodes are, then take over handles and weights of their layers."""
        place: dict[tuple[int, int], int] = {}
        called: dict[int, str] = {}  # layer -> its name in this network
        handles: list[tuple[str, Layer]] = []
        for tensor in given:
            is_input = isinstance(tensor.node.layer, Input)
            shape = tensor.node.layer._attrs["shape"] if is_input else tensor.shape[1:]
            key = {**tensor.node.layer._attrs, "name": tensor.node.layer._name} if is_input else {"shape": tuple(shape)}
            place[id(tensor.node), tensor.k] = self._net.input(attrs_text(key))
            if is_input:
                handles.append((self._net.layers()[-1][1], tensor.node.layer))
        for node in nodes:
            layer, tensors = node.layer, [place[id(t.node), t.k] for t in node.inputs]
            again = called.get(id(layer))
            first = self._net.call(again or layer.kind, None if again else self._text_of(layer), tensors)
            if not again:
                called[id(layer)] = self._net.layers()[-1][1]
                handles.append((called[id(layer)], layer))
            for tensor in node.outputs:
                place[id(tensor.node), tensor.k] = first + tensor.k
        self._net.outputs([place[id(t.node), t.k] for t in wanted])
        held = [(name, layer, None if layer._net is None or not layer._net.info()["built"] else layer.get_weights()) for name, layer in handles]
        free = {name: layer for name, layer in handles if layer._net is None}
        self._all[:] = free.values()
        for name, layer in free.items():
            layer._name = name
        self._sync()
        for name, layer, values in held:
            mine = self.get_layer(name)
            if mine is not layer or not layer._trainable:
                mine.trainable = layer.trainable if mine is not layer else layer._trainable
            if layer._values is not None and mine is layer:
                mine.set_weights(layer._values)
            elif values is not None:
                mine.set_weights(values)

    def _text_of(self, layer: Layer) -> str:
        """The layer as text; one of another model whose name is taken here gets a name of its own."""
        taken = layer._net is not None and any(info[1] == layer._name for info in self._net.layers())
        return attrs_text(layer._attrs) if taken else layer._attrs_text()

    def _setup(self, net: _core.Network, name: str) -> None:
        self._net = net
        self.name = name
        self.stop_training = False
        self.history: History | None = None
        self.optimizer: Any = None
        self.loss: Any = None
        self._all: list[Layer] = []
        self._sync()

    # ---- tensors

    def _symbols(self) -> Symbols:
        """Inputs, outputs and the nodes by (layer, call) of this model, from the engine's network."""
        stamp = (len(self._all), self.built)
        cached: Any = self.__dict__.get("_nodes")
        if cached is not None and cached[0] == stamp:
            return cast("Symbols", cached[1])
        if not self.built:
            if why := self._net.info()["no_layers"]:
                raise errors.make(1005, f"{self.name} is computed by names, model.run({{name: array}}), and has no layers: {why}")
            raise errors.make(1006, f"{self.name} has no tensors before its shape is known; begin it with an Input or build it")
        parts = self._net.parts(False)
        tensors: dict[int, SymbolicTensor] = {}
        nodes: dict[tuple[str, int], Node] = {}
        inputs: list[SymbolicTensor] = []
        uses, names = self._net.uses(), [info[1] for info in self._net.layers()]
        if not any(not ins for _, ins, _, _ in uses):  # a chain that was built from data
            first = Input(parts[0][1][1:])
            tensors[-1] = first._symbol()
            inputs.append(tensors[-1])
        for at, ins, n_out, first_tensor in uses:
            layer = self.get_layer(names[at])
            node = graph.Node(layer, [tensors[t] for t in ins], n_out)
            if not ins:
                node.outputs[0]._shape = tuple(None if n < 0 else n for n in parts[len(inputs)][1])
                inputs.append(node.outputs[0])
            for k, tensor in enumerate(node.outputs):
                tensors[first_tensor + k] = tensor
            nodes[names[at], sum(name == names[at] for name, _ in nodes)] = node
        outputs = []
        for _, shape, tensor in self._net.parts(True):
            outputs.append(tensors[tensor])
            outputs[-1]._shape = tuple(None if n < 0 else n for n in shape)
        self._nodes = (stamp, (inputs, outputs, nodes))
        return inputs, outputs, nodes

    @property
    def inputs(self) -> list[SymbolicTensor]:
        """Tensors that go in."""
        return self._symbols()[0]

    @property
    def outputs(self) -> list[SymbolicTensor]:
        """Tensors that come out."""
        return self._symbols()[1]

    @property
    def input(self) -> Any:
        """The tensor that goes in, or a list of them."""
        return self.inputs[0] if len(self.inputs) == 1 else self.inputs

    @property
    def output(self) -> Any:
        """The tensor that comes out, or a list of them: Model(m.input, m.get_layer("x").output) cuts a model at a layer."""
        return self.outputs[0] if len(self.outputs) == 1 else self.outputs

    @property
    def input_names(self) -> list[str]:
        """Names of the inputs: keys of fit's, predict's and run's dicts."""
        return [part[0] for part in self._net.parts(False) or self._net.ports(False)]

    @property
    def output_names(self) -> list[str]:
        """Names of the outputs: those of the layers that make them."""
        return [part[0] for part in self._net.parts(True) or self._net.ports(True)]

    def __call__(self, *inputs: Any) -> Any:
        """Apply the whole model to tensors, as one layer of another: its layers join that model."""
        given, (own, wanted, nodes) = graph.tensors_of(list(inputs), self.name), self._symbols()
        if len(given) != len(own):
            raise errors.make(1001, f"{self.name}: called on {len(given)} tensors; it has {len(own)} inputs")
        made = {(id(t.node), t.k): new for t, new in zip(own, given)}
        for node in nodes.values():
            if node.inputs:
                copy = graph.Node(node.layer, [made[id(t.node), t.k] for t in node.inputs], len(node.outputs))
                made.update({(id(node), k): tensor for k, tensor in enumerate(copy.outputs)})
        out = [made[id(t.node), t.k] for t in wanted]
        return out[0] if len(out) == 1 else out

    # ---- layers

    def _sync(self, added: Layer | None = None) -> None:
        """Make one handle for each of the engine's layers."""
        known = {layer._name: layer for layer in self._all}
        self._all = []
        self._row: tuple[np.dtype[Any], tuple[int, ...], Callable[[Any, Any], None]] | None = None  # what predict_row prepares
        for kind, name, attrs, *_ in self._net.layers():
            layer = known.get(name)
            if layer is None and added is not None and added.kind == kind:
                layer, added = added, None
                layer._name = name
            if layer is None:
                layer = Layer._restore(kind, name, attrs)
            layer._net, layer._model = self._net, weakref.ref(cast("Model", self))
            self._all.append(layer)

    @property
    def layers(self) -> list[Layer]:
        """The layers, without Input."""
        return [layer for layer in self._all if not isinstance(layer, Input)]

    @property
    def trainable(self) -> bool:
        """Whether any layer learns; setting it sets that of every layer."""
        return not self.layers or any(layer.trainable for layer in self.layers)

    @trainable.setter
    def trainable(self, value: bool) -> None:
        for layer in self.layers:
            layer.trainable = value

    def get_layer(self, name: str | None = None, index: int | None = None) -> Layer:
        """A layer by name or by place."""
        if index is not None:
            return self.layers[index]
        for layer in self._all:
            if layer.name == name:
                return layer
        raise errors.make(1003, f"get_layer: no layer '{name}'; there are {', '.join(layer.name for layer in self._all)}")

    # ---- shapes and weights

    @property
    def dtype(self) -> str:
        """ "float32" or "float64"."""
        return "float32" if self._net.info()["type"] == 1 else "float64"

    @property
    def built(self) -> bool:
        """Whether shapes are known."""
        return bool(self._net.info()["built"])

    def _shape_of(self, output: bool) -> Any:
        parts = self._net.parts(output) if self.built else []
        if len(parts) < 2:
            return tuple(None if n < 0 else n for n in self._net.info()["output" if output else "input"])
        return [tuple(None if n < 0 else n for n in part[1]) for part in parts]

    @property
    def input_shape(self) -> Any:
        """Shape of the input, None standing for the batch, or a list of those of several; () before the model is built."""
        return self._shape_of(False)

    @property
    def output_shape(self) -> Any:
        """Shape of the output, None standing for the batch, or a list of those of several; () before the model is built."""
        return self._shape_of(True)

    @property
    def metrics_names(self) -> list[str]:
        """ "loss" and the metrics, in the order of evaluate."""
        return self._net.metrics()

    def build(self, input_shape: Sequence[int | None]) -> None:
        """Fix the shape of the input, the batch (None) first, as in Keras."""
        shape = tuple(input_shape)
        if not shape or shape[0] is not None and shape[0] != -1 or any(n is None for n in shape[1:]):
            raise errors.make(1002, f"build: input_shape={shape}; expected None for the batch and then whole numbers, (None, 784)")
        self._net.build([int(n) for n in shape[1:] if n is not None])

    def _ready(self, shape: Sequence[int] | None = None) -> None:
        weights.ready(self._net, shape)

    def get_weights(self) -> list[np.ndarray]:
        """Copies of all weights, in Keras' order."""
        if not self.built and self._all:
            raise errors.make(1006, "get_weights: the model has no shape yet; call build, give it an Input layer, or fit it")
        return weights.get(self._net)

    def set_weights(self, values: Sequence[Any]) -> None:
        """Copy values into all weights, in the order of get_weights."""
        weights.put(self._net, values)

    def reset_states(self) -> None:
        """Make the states zero that layers with stateful=True keep from batch to batch."""
        self._net.reset_states(-1)

    def count_params(self) -> int:
        """Numbers in all weights."""
        return int(self._net.info()["params"])

    # ---- looking inside

    def explain_plan(self, batch_size: int = 32, training: bool = False, shapes: Mapping[str, Sequence[int]] | None = None) -> str:
        """Which kernel computes each node when scoring, or in a training step, and why others declined. shapes: of the inputs of a model that runs by
        name, where its file leaves sizes open."""
        self._ready()
        return self._net.explain_plan(batch_size, training, [(name, tuple(shape)) for name, shape in (shapes or {}).items()])

    def summary(self, print_fn: Callable[[str], Any] | None = None) -> None:
        """Print layers with shapes, numbers of weights and floating point operations per row; of a model without layers what goes in and out."""
        from . import _run, _summary
        info = self._net.info()
        if not info["no_layers"]:
            _summary.show(self.name, self._net.layers(), info, print_fn)
            return
        inputs, outputs = ([(name, _run.type_name(kind), shape) for name, kind, shape in self._net.ports(output)] for output in (False, True))
        _summary.show_named(self.name, inputs, outputs, info["no_layers"], print_fn)

    def __repr__(self) -> str:
        if self._net.info()["no_layers"]:
            return f"<{type(self).__name__} {self.name}: by names, {', '.join(self.input_names)} to {', '.join(self.output_names)}>"
        shape = f", {_shape_text(self.input_shape)} to {_shape_text(self.output_shape)}" if self.built else ", not built"
        return f"<{type(self).__name__} {self.name}: {len(self.layers)} layer{'' if len(self.layers) == 1 else 's'}{shape}>"


def _new_network(dtype: Any, who: str) -> _core.Network:
    kind = np.dtype(dtype).name
    if kind not in _TYPES:
        raise errors.make(1001, f"{who}: dtype='{kind}'; expected 'float32' or 'float64'")
    return _core.Network(context(), _TYPES[kind])


def _shape_text(shape: Any) -> str:
    return " and ".join(str(list(part)) for part in (shape if isinstance(shape, list) else [shape]))
