"""history - what fit returns: loss and metrics per epoch, which draws itself in a notebook."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


class History:
    """`.history` maps "loss", "val_loss" ... to one number per epoch; `.epoch` lists the epochs."""

    def __init__(self, history: Mapping[str, Sequence[float]] | None = None, epoch: Sequence[int] | None = None) -> None:
        self.history: dict[str, list[float]] = {name: list(values) for name, values in (history or {}).items()}
        longest = max((len(values) for values in self.history.values()), default=0)
        self.epoch: list[int] = list(range(longest)) if epoch is None else list(epoch)
        self.params: dict[str, Any] = {}
        self.seconds = 0.0  # that the fit took
        self.rows = 0  # seen, all epochs together

    def add(self, epoch: int, logs: Mapping[str, float]) -> None:
        """Append one epoch."""
        self.epoch.append(epoch)
        for name, value in logs.items():
            self.history.setdefault(name, []).append(value)

    def plot(self) -> Any:
        """Learning curves as a picture that notebooks show; `.svg` is its text, `.save(path)` writes it."""
        from .report import Picture, curves
        return Picture(curves(self.history, self.epoch))

    def _repr_html_(self) -> str:
        from .report import curves, history_table
        return f"<div>{curves(self.history, self.epoch)}{history_table(self.history, self.epoch)}</div>"

    def __repr__(self) -> str:
        last = ", ".join(f"{name}={values[-1]:.4g}" for name, values in self.history.items() if values)
        return f"History({len(self.epoch)} epochs{': ' + last if last else ''})"
