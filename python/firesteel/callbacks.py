"""callbacks - what fit calls at the end of an epoch, and early stopping, which the engine does itself."""
from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .history import History

if TYPE_CHECKING:
    from .models import Model

__all__ = ["Callback", "EarlyStopping", "History", "LambdaCallback"]

Logs = dict[str, float]


class Callback:
    """Base class. `self.model` is the model being trained; it may be read, saved and given another learning rate, not changed
    otherwise. `self.model.stop_training = True` ends the fit."""

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


class EarlyStopping(Callback):
    """Stop when `monitor` has not become better by more than `min_delta` for `patience` epochs. mode "auto": accuracies shall grow,
    all else shall fall. The engine watches; this object tells it what to watch, and holds `stopped_epoch` and `best_epoch`
    afterwards."""

    def __init__(self, monitor: str = "val_loss", min_delta: float = 0, patience: int = 0, verbose: int = 0, mode: str = "auto",
                 restore_best_weights: bool = False, start_from_epoch: int = 0) -> None:
        if mode not in ("auto", "min", "max"):
            from .errors import make
            raise make(1001, f"EarlyStopping: mode='{mode}'; expected 'auto', 'min' or 'max'")
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
        return self.mode == "max" or (self.mode == "auto" and ("acc" in self.monitor or self.monitor.endswith(("auc", "precision", "recall"))))
