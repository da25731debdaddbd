"""_summary - Keras' table of layers, with bytes and floating point operations."""
from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any


def bytes_text(n: int) -> str:
    """A size that reads at a glance: 796 B, 3.1 KB, 406.5 KB."""
    size = float(n)
    for unit in ("B", "KB", "MB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.2f} GB"


def _shape(shape: Sequence[int]) -> str:
    return "(" + ", ".join("None" if n < 0 else str(n) for n in shape) + ("," if len(shape) == 1 else "") + ")" if shape else "?"


def show(name: str, layers: Sequence[tuple[Any, ...]], info: dict[str, Any], print_fn: Callable[[str], Any] | None) -> None:
    """Through rich where it can be imported and nobody takes the lines, plain otherwise."""
    size = 4 if info["type"] == 1 else 8
    head = ("Layer (type)", "Output Shape", "Param #", "FLOPs/row")
    table = [(f"{layer} ({kind})", _shape(shape), f"{params:,}" if shape else "0 (unbuilt)", f"{flops:,}") for kind, layer, _, shape, params, flops, _ in layers if kind != "Input"]
    params, trainable = info["params"], info["trainable_params"]
    foot = [f"Total params: {params:,} ({bytes_text(params * size)})", f"Trainable params: {trainable:,} ({bytes_text(trainable * size)})",
            f"Non-trainable params: {params - trainable:,} ({bytes_text((params - trainable) * size)})", f"FLOPs per row: {info['flops']:,}"]
    if print_fn is None:
        try:
            from rich.console import Console
            from rich.table import Table
        except ImportError:
            pass
        else:
            drawn = Table(title=f'Model: "{name}"', title_justify="left")
            for i, title in enumerate(head):
                drawn.add_column(title, justify="right" if i > 1 else "left")
            for row in table:
                drawn.add_row(*row)
            console = Console()
            console.print(drawn)
            for line in foot:
                console.print(f" {line}", highlight=False)
            return
    width = [max(len(row[i]) for row in [head, *table]) for i in range(4)]
    rule = "─" * (sum(width) + 6)
    lines = [f'Model: "{name}"', rule]
    for row in [head, *table]:
        lines.append("  ".join(cell.rjust(width[i]) if i > 1 else cell.ljust(width[i]) for i, cell in enumerate(row)).rstrip())
        if row is head:
            lines.append(rule)
    for line in [*lines, rule, *foot]:
        (print_fn or print)(line)
