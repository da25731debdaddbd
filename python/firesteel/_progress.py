"""_progress - one live line on a terminal or in a notebook, one plain line per epoch elsewhere."""
from __future__ import annotations

import sys
from typing import TextIO

_WIDTH = 24


def _in_notebook() -> bool:
    shell = sys.modules.get("IPython")
    return bool(shell and getattr(shell.get_ipython(), "kernel", None))


def seconds_text(seconds: float) -> str:
    """A time that reads at a glance: 7s, 3m05s, 2h04m."""
    s = max(0, round(seconds))
    return f"{s}s" if s < 60 else f"{s // 60}m{s % 60:02d}s" if s < 3600 else f"{s // 3600}h{s % 3600 // 60:02d}m"


def number_text(value: float) -> str:
    """Four digits that matter."""
    return f"{value:.4f}" if 1e-3 <= abs(value) < 1e4 or value == 0 else f"{value:.3e}"


class Progress:
    """What fit prints. verbose: "auto" or 1: a live line where one can be drawn; 2: a line per epoch; 0: nothing."""

    def __init__(self, verbose: int | str, names: list[str], out: TextIO | None = None) -> None:
        self.out = out or sys.stdout
        self.names = names
        self.on = verbose not in (0, "0", False)
        self.live = self.on and verbose in (1, "auto", True) and (self.out.isatty() or _in_notebook())
        self.drawn = 0  # length of the line on the screen

    def _line(self, text: str, end: str) -> None:
        self.out.write(("\r" if self.live else "") + text.ljust(self.drawn) + end)
        self.out.flush()
        self.drawn = 0 if end else len(text)

    def update(self, ended: bool, epoch: int, epochs: int, step: int, steps: int, rows: int, seconds: float, results: list[float],
               validation: list[float] | None) -> None:
        """Draw one report of the engine."""
        if not self.on or not (ended or self.live):
            return
        said = " - ".join(f"{n}: {number_text(v)}" for n, v in zip(self.names, results))
        if validation is not None:
            said += "".join(f" - val_{n}: {number_text(v)}" for n, v in zip(self.names, validation))
        rate = f"{rows / seconds:,.0f} rows/s" if seconds > 0 else ""
        head = f"Epoch {epoch + 1}/{epochs}"
        if ended:
            self._line(f"{head} - {seconds_text(seconds) if seconds >= 1 else f'{seconds * 1000:.0f}ms'} - {rate} - {said}", "\n")
            return
        full = _WIDTH * step // max(steps, 1)
        left = seconds * (steps - step) / step if step else 0.0
        self._line(f"{head} {'━' * full}{'╌' * (_WIDTH - full)} {step}/{steps} - {seconds_text(left)} left - {rate} - {said}", "")

    def say(self, text: str) -> None:
        """One line of its own."""
        if self.on:
            self._line(text, "\n")

    def close(self) -> None:
        """End an unfinished live line."""
        if self.drawn:
            self._line("", "\n")
