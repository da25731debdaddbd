"""_training - compile, fit, evaluate and predict, with Keras' names."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from . import _core, _weights as weights, data as rows, errors, losses as loss_classes, ops, optimizers as optimizer_classes
from ._feeding import Feeding
from ._progress import Progress
from ._text import Named, attrs_text, object_of, text_of
from .callbacks import Callback, EarlyStopping, TerminateOnNaN
from .history import History
from .layers import Input
from .utils import next_seed

if TYPE_CHECKING:
    from .models import Model


def _named(module: Any) -> dict[str, type[Named]]:
    return {name: kind for name, kind in vars(module).items() if isinstance(kind, type) and issubclass(kind, Named)}


class Training(Feeding):
    """What learns and predicts."""

    def _batch_size(self, given: int | None) -> int:
        """Rows of a batch: as given, as the Input says, or 32."""
        own = [layer._attrs.get("batch_size") for layer in self._all if isinstance(layer, Input)]
        return given if given is not None else next((int(n) for n in own if n), 32)

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
            if not hasattr(value, "__index__"):
                raise errors.make(1001, f"fit: {what}={value!r}; expected a whole number")
            if value < 1:
                raise errors.make(1001, f"fit: {what}={value}; expected at least 1")
        listed = [callbacks] if isinstance(callbacks, Callback) else [callback for callback in callbacks or [] if not isinstance(callback, History)]  # fit gives one anyway
        strange = [callback for callback in listed if not isinstance(callback, Callback)]
        if strange:
            raise errors.make(1001, f"fit: callbacks={strange[0]!r}; expected objects of fire.callbacks")
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
            callback.set_model(cast("Model", self))
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
        return _run.run(cast("Model", self), inputs)

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
