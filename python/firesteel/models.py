"""models - Model and Sequential: Keras' models over the engine's network."""
from __future__ import annotations

import json
import warnings
import weakref
from collections.abc import Callable, Mapping, Sequence
from os import PathLike, fspath
from os.path import exists
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from . import _core, _graph as graph, _lookups, _weights as weights, data as rows, errors, losses as loss_classes, metrics as metric_classes, ops, optimizers as optimizer_classes
from ._progress import Progress
from ._graph import Node, SymbolicTensor
from ._text import Named, attrs_text, object_of, parse_attrs, split_name, text_of, value_text
from .callbacks import Callback, EarlyStopping, TerminateOnNaN
from .history import History
from .layers import Input, Layer
from .text import TextLayer
from .utils import is_dense, next_seed, pad_sequences

if TYPE_CHECKING:
    from typing import Self, TypeAlias

    Symbols: TypeAlias = tuple[list[SymbolicTensor], list[SymbolicTensor], dict[tuple[str, int], Node]]

_TYPES = {"float32": 1, "float64": 11}
_context: _core.Context | None = None


def context() -> _core.Context:
    """The engine's context that all models of this process share."""
    global _context
    if _context is None:
        _context = _core.Context()
    return _context


def set_threads(n: int) -> None:
    """Threads of every fit, evaluate and predict from now on; 1 at the start."""
    context().set_threads(n)


def set_limits(memory: int | None = None, work: int | None = None) -> None:
    """Refuse what takes more: `memory` is bytes that all models of this process may use together, `work` operations of one run of an imported
    model; None: no limit. For models from people one does not trust."""
    context().set_limits(memory or 0, work or 0)


def set_cache(folder: str | PathLike[str] | None) -> None:
    """A folder in which the processes of a host share weights of convolutions, in the order that the kernels like, for models that score from now on;
    None: each has its own. Who may write there may change what models compute. Its files may be removed at any time."""
    context().set_cache(None if folder is None else fspath(folder))


def _named(module: Any) -> dict[str, type[Named]]:
    return {name: kind for name, kind in vars(module).items() if isinstance(kind, type) and issubclass(kind, Named)}


class Model:
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

    @staticmethod
    def _wrap(net: _core.Network, name: str | None = None) -> Model:
        """The model of a network that exists already."""
        kind = Sequential if net.info()["chain"] else Model
        model = kind.__new__(kind)
        model._setup(net, name or ("sequential" if kind is Sequential else "functional"))
        model._after_compile(None, None)
        return model

    # ---- tensors

    def _symbols(self) -> Symbols:
        """Inputs, outputs and the nodes by (layer, call) of this model, from the engine's network."""
        stamp = (len(self._all), self.built)
        cached: Any = self.__dict__.get("_nodes")
        if cached is not None and cached[0] == stamp:
            return cast("Symbols", cached[1])
        if not self.built:
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
        """Names of the inputs: keys of fit's and predict's dicts."""
        return [part[0] for part in self._net.parts(False)]

    @property
    def output_names(self) -> list[str]:
        """Names of the outputs: those of the layers that make them."""
        return [part[0] for part in self._net.parts(True)]

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
            layer._net, layer._model = self._net, weakref.ref(self)
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

    def _batch_size(self, given: int | None) -> int:
        """Rows of a batch: as given, as the Input says, or 32."""
        own = [layer._attrs.get("batch_size") for layer in self._all if isinstance(layer, Input)]
        return given if given is not None else next((int(n) for n in own if n), 32)

    def count_params(self) -> int:
        """Numbers in all weights."""
        return int(self._net.info()["params"])

    # ---- training

    def compile(self, optimizer: Any = "rmsprop", loss: Any = None, metrics: Any = None, loss_weights: Any = None,
                weighted_metrics: Any = None) -> None:
        """Choose optimizer, loss and metrics: names or instances. A model with several outputs takes a loss for each, as a list or as a dict
        by output_names, and its metrics likewise; weighted_metrics count rows by their weights. Several optimizers, each for some layers, are a dict by
        names of layers or beginnings of them, {"": "adam", "wide": Ftrl(0.1)}; "" is for all others. Forgets what the optimizer had gathered."""
        if loss is None:
            raise errors.make(1007, "compile: no loss; give one, for example loss='sparse_categorical_crossentropy'")
        names = self.output_names if self.built else [""]
        texts = [self._loss_text(one, k) for k, one in enumerate(_per_output(loss, names, "loss"))]
        if loss_weights is not None:
            factors = _per_output(loss_weights, names, "loss_weights")
            texts = [text if factor is None else f"{text} loss_weight={float(factor)!r}" for text, factor in zip(texts, factors)]
        lines = _metric_texts(metrics, names)
        lines += [f"{line}{f' name=weighted_{line}' if line in lines and line.isidentifier() else ''} weighted=true" for line in _metric_texts(weighted_metrics, names)]
        self._net.compile(optimizer_classes.optimizer_text(optimizer), "\n".join(texts), "\n".join(lines) or None)
        self._after_compile(optimizer, loss)

    def _loss_text(self, loss: Any, output: int) -> str:
        """A loss's text; a Python function over fire.ops is run once, and is its program."""
        if isinstance(loss, (str, Named)) or not callable(loss):
            return text_of(loss, "loss")
        if not self.built:
            raise errors.make(1006, "compile: a custom loss needs a model whose shape is known; begin it with an Input or build it")
        kind, shape = self._net.info()["type"], self._net.parts(True)[output][1]
        body, n_out = ops.trace(loss, kind, [(kind, shape), (kind, shape)], [], getattr(loss, "__name__", "loss"))
        if n_out != 1:
            raise errors.make(1001, f"compile: the custom loss gave {n_out} tensors; expected one value per row")
        return f"Function {attrs_text({'body': body})}"

    def _after_compile(self, optimizer: Any, loss: Any) -> None:
        info = self._net.info()
        if not info["compiled"]:
            return
        if not isinstance(optimizer, optimizer_classes.Optimizer):
            first = optimizer.get("") if isinstance(optimizer, dict) else None
            optimizer = first if isinstance(first, optimizer_classes.Optimizer) else object_of(info["optimizer"].split("\n")[0], _named(optimizer_classes))
        if optimizer is not None:
            optimizer._net = self._net
        self.optimizer = optimizer
        if isinstance(loss, (Named, list, tuple, dict)) or callable(loss):
            self.loss = loss
        elif "\n" in info["loss"]:
            self.loss = info["loss"].splitlines()
        else:
            self.loss = object_of(info["loss"], _named(loss_classes)) or info["loss"]

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
        from .formats._keras_read import build
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

    def fit(self, x: Any, y: Any = None, batch_size: int | None = None, epochs: int = 1, verbose: int | str = "auto",
            callbacks: Callback | Sequence[Callback] | None = None, validation_split: float = 0.0, validation_data: Any = None, shuffle: bool = True,
            class_weight: Mapping[int, float] | Sequence[float] | None = None, sample_weight: Any = None, initial_epoch: int = 0, *,
            features: str | Sequence[str] | None = None, label: str | Sequence[str] | None = None, weight: str | None = None,
            validation: str | None = None, handle_invalid: str = "error", seed: int | None = None, reproducible: bool = False,
            checkpoint_dir: str | PathLike[str] | None = None) -> History:
        """Train; returns the History.

        From arrays: fit(x, y). From tables (pyarrow Table, RecordBatch, RecordBatchReader, anything that speaks Arrow, or an iterable of
        batches): fit(table, label="y"), which takes all other columns as features, or features=["a", "b"]; `weight` and `validation`
        name a column of row weights and a boolean one that marks validation rows. handle_invalid says what happens to rows with
        nulls, NaN or infinities in a table: "error", "skip" or "keep". The same seed, rows and threads give the same bits;
        reproducible=True makes them independent of the threads too. checkpoint_dir gets a checkpoint after each epoch.
        """
        batch_size = self._batch_size(batch_size)
        for what, value in (("epochs", epochs), ("batch_size", batch_size)):
            if value < 1:
                raise errors.make(1001, f"fit: {what}={value}; expected at least 1")
        listed = [callbacks] if isinstance(callbacks, Callback) else [callback for callback in callbacks or [] if not isinstance(callback, History)]  # fit gives one anyway
        columns = rows.Columns.of(features, label, weight, validation, handle_invalid)
        made = self._dataset(x, y, sample_weight, columns)
        n, marked, _, x_shape, _, _ = made.info()
        if validation_data is not None:
            self._add_validation(made, validation_data, columns, n)
        elif validation_split:
            made.split(float(validation_split), 0, True)
        stops = [c for c in listed if isinstance(c, EarlyStopping)]
        if len(stops) > 1:
            raise errors.make(1005, f"fit: {len(stops)} EarlyStopping callbacks; one is supported")
        stop = stops[0] if stops else None
        options: dict[str, Any] = {} if stop is None else {
            "monitor": stop.monitor, "patience": stop.patience, "start_from_epoch": stop.start_from_epoch, "min_delta": float(stop.min_delta),
            "maximize": stop.maximize, "restore_best": stop.restore_best_weights}
        if class_weight is not None:
            options["class_weight"] = _class_weights(class_weight)
        if checkpoint_dir is not None:
            options["checkpoint_dir"] = checkpoint_dir
        if not self.built:
            self._net.build(x_shape)
        return self._run_fit(made, listed, stop, verbose, epochs=epochs, initial_epoch=initial_epoch, batch_size=batch_size,
                             seed=next_seed() if seed is None else seed, shuffle=bool(shuffle), reproducible=reproducible, **options)

    def _add_validation(self, made: _core.Dataset, given: Any, columns: rows.Columns, n: int) -> None:
        """Append validation rows and split them off again: they are the last ones."""
        before = made.info()
        if isinstance(given, (tuple, list)) and not rows.is_arrow(given[0]):
            if len(given) not in (2, 3):
                raise errors.make(1001, f"validation_data has {len(given)} parts; expected (x, y) or (x, y, sample_weight)")
            x, y = self._join(self._worded(given[0]), given[1])
            rows.add_arrays(made, self._padded(x), y, *given[2:])
        else:
            rows.add(made, given, None, None, columns, self._padded)
        total = made.info()[0]
        if total == n:
            raise errors.make(2007, "validation_data has no rows")
        made.split((total - n - 0.5) / total, 0, True)
        after = made.info()
        assert (after[0], after[1]) == (n, total - n + before[1])

    def _run_fit(self, made: _core.Dataset, callbacks: Sequence[Callback], stop: EarlyStopping | None, verbose: int | str, **options: Any) -> History:
        names = self.metrics_names
        bar = Progress(verbose, names)
        history = History()
        self.stop_training = False
        per_epoch = 0

        def begin(epoch: int) -> None:
            for callback in callbacks:
                callback.on_epoch_begin(epoch, {})

        def report(ended: bool, epoch: int, epochs: int, step: int, steps: int, n: int, seconds: float, results: list[float],
                   validation: list[float] | None, rate: float) -> bool:
            nonlocal per_epoch
            per_epoch = steps
            bar.update(ended, epoch, epochs, step, steps, n, seconds, results, validation)
            if ended:
                logs = dict(zip(names, results))
                if validation is not None:
                    logs.update((f"val_{name}", value) for name, value in zip(names, validation))
                for callback in callbacks:
                    callback.on_epoch_end(epoch, logs)
                history.add(epoch, logs)
                if epoch + 1 < epochs and not self.stop_training:
                    begin(epoch + 1)
            return self.stop_training

        for callback in callbacks:
            callback.set_model(self)
            callback.on_train_begin({})
        best, stopped, n, seconds = -1, False, 0, 0.0
        try:
            if options["initial_epoch"] < options["epochs"]:
                begin(options["initial_epoch"])
            _, best, stopped, _, n, seconds, *_ = self._net.fit(made, progress=report, **options)
        except errors.DivergedError as problem:
            if not any(isinstance(callback, TerminateOnNaN) and not callback.raise_error for callback in callbacks):
                raise
            bar.say(f"fit has ended: {problem.message}")
        finally:
            bar.close()
        history.params = {"epochs": options["epochs"], "batch_size": options["batch_size"], "steps": per_epoch, "seed": options["seed"]}
        history.seconds, history.rows = seconds, n
        if stop is not None:
            stop.best_epoch = best
            if stopped:
                stop.stopped_epoch = history.epoch[-1]
                if stop.verbose:
                    bar.say(f"stopped after epoch {history.epoch[-1] + 1}: {stop.monitor} was best in epoch {best + 1}")
        for callback in callbacks:
            callback.on_train_end({})
        self._note_columns()
        self.history = history
        return history

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

    def evaluate(self, x: Any, y: Any = None, batch_size: int | None = None, verbose: int | str = "auto", sample_weight: Any = None,
                 return_dict: bool = False, *, features: str | Sequence[str] | None = None, label: str | Sequence[str] | None = None,
                 weight: str | None = None, handle_invalid: str = "error") -> Any:
        """Loss and metrics over all rows: one number, a list in the order of metrics_names, or a dict. Of a table the columns that the
        model was trained on are read, unless others are named. batch_size changes nothing: rows are computed in the model's own blocks."""
        features, label = self._noted(features, label)
        made = self._dataset(x, y, sample_weight, rows.Columns.of(features, label, weight, None, handle_invalid))
        self._ready(made.info()[3])
        results = self._net.evaluate(made)
        named = dict(zip(self.metrics_names, results))
        if verbose not in (0, "auto"):
            print(" - ".join(f"{name}: {value:.4f}" for name, value in named.items()))
        return named if return_dict else results if len(results) > 1 else results[0]

    def predict(self, x: Any, batch_size: int | None = None, verbose: int | str = "auto", *, features: str | Sequence[str] | None = None,
                logits: bool = False, handle_invalid: str = "error") -> Any:
        """Outputs, one row each. Rows are computed in blocks of a size that the model fixes, so a row's bits depend on nothing but the
        row and the model; batch_size changes nothing. logits=True: a pair, outputs and what the last softmax or sigmoid saw."""
        features, _ = self._noted(features, None)
        made = self._dataset(x, None, None, rows.Columns.of(features, None, None, None, handle_invalid))
        n, _, _, shape, _, _ = made.info()
        self._ready(shape)
        info = self._net.info()
        y = np.empty((n, *info["output"][1:]), weights.NUMPY[info["type"]])
        z = np.empty_like(y) if logits else None
        self._net.predict(made, y, z)
        return (self._split(y), self._split(z)) if z is not None else self._split(y)

    def run(self, inputs: Mapping[str, Any]) -> dict[str, np.ndarray]:
        """Outputs by name from inputs by name, for a whole batch at once, each of the type and shape that the model says. For models from ONNX
        files of other software; of a model with layers, inputs and outputs have the names of its first and last layers."""
        from . import _run
        return _run.run(self, inputs)

    def predict_row(self, x: Any) -> np.ndarray:
        """The output of one row, given without a batch: the fast way for serving, fastest for a dense array of the model's dtype. Agrees with predict to 1e-6."""
        prepared = self._row
        if prepared is not None and x.__class__ is np.ndarray and x.dtype is prepared[0]:
            y = np.empty(prepared[1], prepared[0])
            try:
                prepared[2](x, y)
                return y
            except (ValueError, BufferError):
                pass  # a row to be padded, one that is not dense, or one of a wrong shape: looked at closely below
        info = self._net.info()
        kind = weights.NUMPY[info["type"]]
        if self.preprocessing is not None and np.asarray(x).dtype.kind in "USO":
            x = self.preprocessing(np.asarray(x).reshape(1, -1) if np.ndim(x) else np.asarray([x]))[0]
        row = np.ascontiguousarray(self._padded([x])[0], kind)
        self._ready(row.shape)
        info = info if info["built"] else self._net.info()
        y = np.empty(info["output"][1:], kind)
        self._net.predict_row(row, y)
        self._row = np.dtype(kind), y.shape, self._net.row
        return y

    def gradients(self, x: Any, y: Any, sample_weight: Any = None, training: bool = True) -> tuple[Any, ...]:
        """The loss over all rows as one batch, then its gradient by each entry of get_weights() (zeros where not trainable), then by the input."""
        made = self._dataset(x, y, sample_weight, rows.Columns())
        n, _, _, shape, _, _ = made.info()
        self._ready(shape)
        info = self._net.info()
        kind = weights.NUMPY[info["type"]]
        by_weight = [np.empty(of, kind) for _, _, of in weights.own(self._net)]
        by_input = np.empty((n, *info["input"][1:]), kind)
        loss = self._net.gradients(made, bool(training), by_weight, by_input)
        parts = self._split(by_input, False)
        return loss, *by_weight, *(parts if isinstance(parts, list) else [parts])

    def gradient_norms(self, x: Any, y: Any, sample_weight: Any = None, training: bool = True, by: str = "layer") -> dict[str, float]:
        """The norm of the gradient of each layer that learns (by="weight": of each weight), from the first to the last: numbers that fall towards the
        first layers by orders of magnitude tell of vanishing gradients, numbers that grow of exploding ones."""
        if by not in ("layer", "weight"):
            raise errors.make(1001, f"gradient_norms: by='{by}'; expected 'layer' or 'weight'")
        _, *grads = self.gradients(x, y, sample_weight, training)
        squares: dict[str, float] = {}
        for (name, _, learns, *_), grad in zip(self._net.weights(), grads):
            if learns:
                key = name if by == "weight" else name.partition("/")[0]
                squares[key] = squares.get(key, 0.0) + float(np.sum(np.square(grad, dtype=np.float64)))
        return {key: float(np.sqrt(square)) for key, square in squares.items()}

    def adapt(self, x: Any, *, features: str | Sequence[str] | None = None) -> None:
        """Let Normalization layers learn from the data. fit does this by itself for those that nobody adapted."""
        made = self._dataset(x, None, None, rows.Columns.of(features))
        self._ready(made.info()[3])
        self._net.adapt(made)

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

    # ---- looking inside

    def explain_plan(self, batch_size: int = 32, training: bool = False, shapes: Mapping[str, Sequence[int]] | None = None) -> str:
        """Which kernel computes each node when scoring, or in a training step, and why others declined. shapes: of the inputs of a model that runs by
        name, where its file leaves sizes open."""
        self._ready()
        return self._net.explain_plan(batch_size, training, [(name, tuple(shape)) for name, shape in (shapes or {}).items()])

    def summary(self, print_fn: Callable[[str], Any] | None = None) -> None:
        """Print layers with shapes, numbers of weights and floating point operations per row."""
        from ._summary import show
        show(self.name, self._net.layers(), self._net.info(), print_fn)

    def __repr__(self) -> str:
        shape = f", {_shape_text(self.input_shape)} to {_shape_text(self.output_shape)}" if self.built else ", not built"
        return f"<{type(self).__name__} {self.name}: {len(self.layers)} layer{'' if len(self.layers) == 1 else 's'}{shape}>"


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


def _new_network(dtype: Any, who: str) -> _core.Network:
    kind = np.dtype(dtype).name
    if kind not in _TYPES:
        raise errors.make(1001, f"{who}: dtype='{kind}'; expected 'float32' or 'float64'")
    return _core.Network(context(), _TYPES[kind])


def _shape_text(shape: Any) -> str:
    return " and ".join(str(list(part)) for part in (shape if isinstance(shape, list) else [shape]))


def _per_output(given: Any, names: Sequence[str], what: str) -> list[Any]:
    """One thing per output, from one for all, a list or a dict by output."""
    if isinstance(given, dict):
        unknown = [name for name in given if name not in names]
        if unknown:
            raise errors.make(1003, f"compile: {what} names '{unknown[0]}'; the outputs are {', '.join(names)}")
        if what == "loss" and len(given) < len(names):
            raise errors.make(1001, f"compile: no loss for the output {next(name for name in names if name not in given)}")
        return [given.get(name) for name in names]
    listed = list(given) if isinstance(given, (list, tuple)) else [given] * len(names)
    if len(listed) != len(names):
        raise errors.make(1001, f"compile: {what} has {len(listed)} entries; the model has {len(names)} outputs")
    return listed


def _metric_texts(metrics: Any, names: Sequence[str]) -> list[str]:
    """One line per metric; a list or dict gives each output its own where there are several. One given by the name of its class has it in the history
    as well, as for Keras: "AUC" is AUC there, and AUC() is auc."""
    def line(metric: Any) -> str:
        text = text_of(metric, "metrics")
        return f"{text} name={text}" if isinstance(metric, str) and text.isidentifier() and not text.islower() else text

    if metrics is None:
        return []
    if len(names) == 1 and not isinstance(metrics, dict):
        return [line(m) for m in ([metrics] if isinstance(metrics, (str, Named)) else metrics)]
    lines = []
    for k, own in enumerate(_per_output(metrics, names, "metrics")):
        for m in [own] if isinstance(own, (str, Named)) else own or []:
            lines.append(line(m) + (f" output={k}" if k else ""))
    return lines


def _class_weights(given: Mapping[int, float] | Sequence[float]) -> np.ndarray:
    """One factor per class; classes that a dict leaves out have 1."""
    if not isinstance(given, Mapping):
        return np.ascontiguousarray(given, np.float64)
    if not given or any(int(k) != k or k < 0 for k in given):
        raise errors.make(1001, f"class_weight={dict(given)}; expected class numbers from 0 with their factors")
    factors = np.ones(max(int(k) for k in given) + 1)
    for k, factor in given.items():
        factors[int(k)] = factor
    return factors


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
         signature: str | None = None) -> Model:
    """A model from an ONNX file, from Keras' .keras and .h5 files (they need h5py), or from a checkpoint folder with its optimizer state and
    position; what a file is, its content tells. An ONNX file of other software has a layer for each node, if it can be layers; one that other
    software has changed is such a file, and warns. Of Keras' files: compile=False leaves loss, metrics and optimizer alone; input_shape is that of a row, or a list for
    several inputs, where the file leaves sizes open and the first data shall not decide. `outputs` names what the model gives instead of its own
    outputs: tensors of an ONNX or TensorFlow graph, layers of other files. Of TensorFlow's frozen graphs and SavedModels (docs/tensorflow.md) `inputs` names
    where it begins, too; else a SavedModel has those of `signature` (serving_default)."""
    from .formats import kind_of
    found = kind_of(fspath(path))
    if outputs and not inputs and signature is None and (found in ("keras", "json") or _has_layers_alone(path)):
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
        net = _core.Network.load(context(), fspath(path), tuple(inputs), tuple(outputs), signature)
        if warning := net.note("warning"):
            warnings.warn(f"{fspath(path)}: {warning}", stacklevel=2)
        return Model._wrap(net)
    except errors.ModelFileError as problem:
        if exists(path):
            raise
        raise errors.ModelFileNotFoundError(problem.message, problem.code) from None
