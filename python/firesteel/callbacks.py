"""callbacks - what fit calls at the ends of an epoch, with Keras' names; early stopping is done by the engine itself."""
from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable, Sequence
from os import PathLike, fspath, getpid, listdir, makedirs
from os.path import dirname, exists, getsize, join, splitext
from typing import TYPE_CHECKING, Any, TextIO

from . import _core, errors
from ._context import context
from .history import History

if TYPE_CHECKING:
    from .models import Model

__all__ = ["CSVLogger", "Callback", "EarlyStopping", "GradientNorms", "History", "LambdaCallback", "LearningRateScheduler", "ModelCheckpoint", "ReduceLROnPlateau",
           "TensorBoard", "TerminateOnNaN"]

Logs = dict[str, float]


class Callback:
    """Base class. `self.model` is the model being trained; it may be read, saved and given another learning rate, not changed
    otherwise. `self.model.stop_training = True` ends the fit. What a callback adds to `logs` at the end of an epoch is in the history.

    Epochs are what callbacks see: the steps inside of one run in the engine. An epoch that early stopping leaves out may have begun."""

    model: Model

    def set_model(self, model: Model) -> None:
        """Called by fit."""
        self.model = model

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Before the first epoch."""

    def on_train_end(self, logs: Logs | None = None) -> None:
        """After the last epoch."""

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Before an epoch."""

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """After an epoch and its validation."""


class LambdaCallback(Callback):
    """Calls functions: LambdaCallback(on_epoch_end=lambda epoch, logs: ...)."""

    def __init__(self, on_epoch_begin: Callable[..., Any] | None = None, on_epoch_end: Callable[..., Any] | None = None,
                 on_train_begin: Callable[..., Any] | None = None, on_train_end: Callable[..., Any] | None = None) -> None:
        for name, call in (("on_epoch_begin", on_epoch_begin), ("on_epoch_end", on_epoch_end), ("on_train_begin", on_train_begin),
                           ("on_train_end", on_train_end)):
            if call is not None:
                setattr(self, name, call)


def _grows(mode: str, monitor: str, who: str) -> bool:
    """Whether larger values of `monitor` are better."""
    if mode not in ("auto", "min", "max"):
        raise errors.make(1001, f"{who}: mode='{mode}'; expected 'auto', 'min' or 'max'")
    return mode == "max" or (mode == "auto" and ("acc" in monitor or monitor.endswith(("auc", "precision", "recall", "f1_score", "r2_score", "iou"))))


class EarlyStopping(Callback):
    """Stop when `monitor` has not become better by more than `min_delta` for `patience` epochs. mode "auto": accuracies shall grow,
    all else shall fall. The engine watches; this object tells it what to watch, and holds `stopped_epoch` and `best_epoch`
    afterwards."""

    def __init__(self, monitor: str = "val_loss", min_delta: float = 0, patience: int = 0, verbose: int = 0, mode: str = "auto",
                 restore_best_weights: bool = False, start_from_epoch: int = 0) -> None:
        _grows(mode, monitor, "EarlyStopping")
        self.monitor = monitor
        self.min_delta = abs(min_delta)
        self.patience = patience
        self.verbose = verbose
        self.mode = mode
        self.restore_best_weights = restore_best_weights
        self.start_from_epoch = start_from_epoch
        self.stopped_epoch = 0
        self.best_epoch = 0

    @property
    def maximize(self) -> bool:
        """Whether larger is better."""
        return _grows(self.mode, self.monitor, "EarlyStopping")


class _Watching(Callback):
    """One that follows a number from epoch to epoch."""

    def __init__(self, monitor: str, mode: str, min_delta: float, best: float | None) -> None:
        self.monitor = monitor
        self.mode = mode
        self.min_delta = abs(min_delta)
        self.best = best
        self._grows = _grows(mode, monitor, type(self).__name__)

    def _value(self, logs: Logs) -> float | None:
        value = logs.get(self.monitor)
        if value is None:
            warnings.warn(f"{type(self).__name__} looks at '{self.monitor}', which fit does not report; it reports {', '.join(logs)}", stacklevel=3)
        return value

    def _better(self, value: float) -> bool:
        """Whether it is better than the best by more than min_delta."""
        return self.best is None or (value - self.min_delta > self.best if self._grows else value + self.min_delta < self.best)


class ModelCheckpoint(_Watching):
    """Save the model after each epoch, or with save_best_only when `monitor` has become better. A path that ends in .onnx gets the model; any
    other is a folder that gets a checkpoint, optimizer state included. `{epoch:02d}` and `{val_loss:.2f}` in it are filled in."""

    def __init__(self, filepath: str | PathLike[str], monitor: str = "val_loss", verbose: int = 0, save_best_only: bool = False, save_weights_only: bool = False,
                 mode: str = "auto", save_freq: str = "epoch", initial_value_threshold: float | None = None) -> None:
        super().__init__(monitor, mode, 0, initial_value_threshold)
        if save_weights_only:
            raise errors.make(1005, "ModelCheckpoint: save_weights_only=True; files hold the whole model, from which weights can be taken")
        if save_freq != "epoch":
            raise errors.make(1005, f"ModelCheckpoint: save_freq={save_freq!r}; callbacks run at the end of an epoch, 'epoch' is supported")
        self.filepath = fspath(filepath)
        self.verbose = verbose
        self.save_best_only = save_best_only
        self.save_freq = save_freq

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Save if it is time."""
        logs = logs or {}
        if self.save_best_only:
            value = self._value(logs)
            if value is not None and not self._better(value):
                return
            self.best = value if value is not None else self.best
        try:
            path = self.filepath.format(epoch=epoch + 1, **logs)
        except KeyError as problem:
            raise errors.make(1001, f"ModelCheckpoint: filepath='{self.filepath}' names {problem}, which fit does not report; it reports {', '.join(logs)}") from None
        if splitext(path)[1] == ".onnx":
            if dirname(path):
                makedirs(dirname(path), exist_ok=True)
            self.model.save(path)
        else:
            if dirname(path.rstrip("/")):
                makedirs(dirname(path.rstrip("/")), exist_ok=True)
            self.model.save_checkpoint(path)
        if self.verbose:
            print(f"Epoch {epoch + 1}: saved {path}")


class ReduceLROnPlateau(_Watching):
    """Multiply the learning rate by `factor` when `monitor` has not become better for `patience` epochs."""

    def __init__(self, monitor: str = "val_loss", factor: float = 0.1, patience: int = 10, verbose: int = 0, mode: str = "auto", min_delta: float = 1e-4,
                 cooldown: int = 0, min_lr: float = 0.0) -> None:
        super().__init__(monitor, mode, min_delta, None)
        if not 0 < factor < 1:
            raise errors.make(1001, f"ReduceLROnPlateau: factor={factor}; expected a number between 0 and 1")
        self.factor = factor
        self.patience = patience
        self.verbose = verbose
        self.cooldown = cooldown
        self.min_lr = min_lr
        self.cooldown_counter = self.wait = 0

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Begin to count."""
        self.best = None
        self.cooldown_counter = self.wait = 0

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Look at the number and lower the rate if it is time."""
        logs = {} if logs is None else logs
        rate = logs["learning_rate"] = float(self.model.optimizer.learning_rate)
        value = self._value(logs)
        if value is None:
            return
        if self.cooldown_counter > 0:
            self.cooldown_counter -= 1
            self.wait = 0
        if self._better(value):
            self.best = value
            self.wait = 0
        elif self.cooldown_counter <= 0:
            self.wait += 1
            if self.wait >= self.patience and rate > self.min_lr:
                self.model.optimizer.learning_rate = max(rate * self.factor, self.min_lr)
                self.cooldown_counter = self.cooldown
                self.wait = 0
                if self.verbose:
                    print(f"Epoch {epoch + 1}: the learning rate is now {self.model.optimizer.learning_rate:g}")


class LearningRateScheduler(Callback):
    """Set the learning rate of each epoch: schedule(epoch, rate) or schedule(epoch) gives it. For each update see `fire.optimizers.schedules`."""

    def __init__(self, schedule: Callable[..., float], verbose: int = 0) -> None:
        self.schedule = schedule
        self.verbose = verbose

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Set the rate."""
        rate = float(self.model.optimizer.learning_rate)
        try:
            new = self.schedule(epoch, rate)
        except TypeError:
            new = self.schedule(epoch)
        if isinstance(new, bool) or not hasattr(new, "__float__"):
            raise errors.make(1001, f"LearningRateScheduler: schedule gave {new!r}; expected a number")
        self.model.optimizer.learning_rate = float(new)
        if self.verbose:
            print(f"Epoch {epoch + 1}: the learning rate is {float(new):g}")

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Note the rate."""
        if logs is not None:
            logs["learning_rate"] = float(self.model.optimizer.learning_rate)


class TerminateOnNaN(Callback):
    """End the fit without an error when the loss becomes NaN or infinite; the weights of the last good epoch are put back. Without this
    callback, or with raise_error=True, fit raises DivergedError, which says what to do."""

    def __init__(self, raise_error: bool = False) -> None:
        self.raise_error = raise_error


class CSVLogger(Callback):
    """Write one line per epoch into a CSV file, epoch first. append: go on with a file that is there."""

    def __init__(self, filename: str | PathLike[str], separator: str = ",", append: bool = False) -> None:
        self.filename = fspath(filename)
        self.separator = separator
        self.append = append
        self._file: TextIO | None = None
        self._keys: list[str] | None = None

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Open the file."""
        self._head = not (self.append and exists(self.filename) and getsize(self.filename))
        self._file = open(self.filename, "a" if self.append else "w", newline="", encoding="utf-8")  # noqa: SIM115
        self._keys = None

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Write a line."""
        if self._file is None:
            return
        logs = logs or {}
        import csv
        writer = csv.writer(self._file, delimiter=self.separator, lineterminator="\n")
        if self._keys is None:
            self._keys = sorted(logs)
            if self._head:
                writer.writerow(["epoch", *self._keys])
        writer.writerow([epoch, *(logs.get(key, "NA") for key in self._keys)])
        self._file.flush()

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None


class TensorBoard(Callback):
    """Write event files that TensorBoard shows: what fit reports, by epoch, under `log_dir`/train and `log_dir`/validation with the tags epoch_loss,
    epoch_accuracy and so on, and the learning rate; with histogram_freq=n, the distribution of every weight each n epochs. A file can be looked at while it grows."""

    def __init__(self, log_dir: str | PathLike[str] = "logs", histogram_freq: int = 0, update_freq: str = "epoch") -> None:
        if update_freq != "epoch":
            raise errors.make(1005, f"TensorBoard: update_freq={update_freq!r}; callbacks run at the end of an epoch, 'epoch' is supported")
        self.log_dir = fspath(log_dir)
        self.histogram_freq = histogram_freq
        self.update_freq = update_freq
        self._writers: dict[str, _core.RecordWriter] = {}

    def _writer(self, part: str) -> _core.RecordWriter:
        """The file of "train" or "validation", opened when it is first needed."""
        if part not in self._writers:
            import socket
            folder = join(self.log_dir, part)
            makedirs(folder, exist_ok=True)
            name = f"events.out.tfevents.{int(time.time())}.{socket.gethostname()}.{getpid()}."
            count = sum(entry.startswith(name) for entry in listdir(folder))
            writer = self._writers[part] = _core.RecordWriter(context(), join(folder, f"{name}{count}.v2"), 0, True)
            writer.version(time.time())
        return self._writers[part]

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Write the numbers of the epoch."""
        now = time.time()
        for key, value in (logs or {}).items():
            part, name = ("validation", key[4:]) if key.startswith("val_") else ("train", key)
            self._writer(part).scalar(now, epoch, f"epoch_{name}", value)
        writer = self._writer("train")
        if "learning_rate" not in (logs or {}):
            writer.scalar(now, epoch, "epoch_learning_rate", float(self.model.optimizer.learning_rate))
        if self.histogram_freq and epoch % self.histogram_freq == 0:
            names = [weight[0] for weight in self.model._net.weights()]
            for name, weight in zip(names, self.model.get_weights()):
                writer.histogram(now, epoch, f"{name}/histogram", weight)
        for writer in self._writers.values():
            writer.flush()

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Close the files."""
        for writer in self._writers.values():
            writer.close(True)
        self._writers = {}


class GradientNorms(Callback):
    """After each epoch, the norm of the gradient of each layer over rows x, y: gradients that vanish or explode can be seen. The history gets
    `gradient_norm/LAYER`; `norms` holds one dict per epoch."""

    def __init__(self, x: Any, y: Any, sample_weight: Any = None, verbose: int = 0) -> None:
        self._rows: Sequence[Any] = (x, y, sample_weight)
        self.verbose = verbose
        self.norms: list[dict[str, float]] = []

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Take the norms."""
        norms = self.model.gradient_norms(*self._rows)
        self.norms.append(norms)
        if logs is not None:
            logs.update((f"gradient_norm/{name}", value) for name, value in norms.items())
        if self.verbose:
            print(f"Epoch {epoch + 1}: gradients " + ", ".join(f"{name} {value:.3g}" for name, value in norms.items() if math.isfinite(value)))
