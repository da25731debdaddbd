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
    """The layers of a network."""
    size = 4 if info["type"] == 1 else 8
    head = ("Layer (type)", "Output Shape", "Param #", "FLOPs/row")
    table = [(f"{layer} ({kind})", _shape(shape), f"{params:,}" if shape else "0 (unbuilt)", f"{flops:,}") for kind, layer, _, shape, params, flops, _ in layers if kind != "Input"]
    params, trainable = info["params"], info["trainable_params"]
    _draw(name, head, table, [f"Total params: {params:,} ({bytes_text(params * size)})", f"Trainable params: {trainable:,} ({bytes_text(trainable * size)})",
                              f"Non-trainable params: {params - trainable:,} ({bytes_text((params - trainable) * size)})", f"FLOPs per row: {info['flops']:,}"], print_fn)


def show_named(name: str, inputs: Sequence[tuple[str, str, Sequence[int]]], outputs: Sequence[tuple[str, str, Sequence[int]]], why: str, print_fn: Callable[[str], Any] | None) -> None:
    """What goes in and out of a model without layers: (name, type, shape) of each."""
    rows = [(kind, tensor, text, _shape(shape)) for kind, tensors in (("input", inputs), ("output", outputs)) for tensor, text, shape in tensors]
    _draw(name, ("", "Tensor", "Type", "Shape"), rows, ["Computed by names: model.run({name: array})", f"No layers: {why}"], print_fn)


def _draw(name: str, head: Sequence[str], table: Sequence[Sequence[str]], foot: Sequence[str], print_fn: Callable[[str], Any] | None) -> None:
    """Through rich where it can be imported and nobody takes the lines, plain otherwise. Titles with # or / stand above numbers."""
    number = [any(c in title for c in "#/") for title in head]
    if print_fn is None:
        try:
            from rich.console import Console
            from rich.markup import escape
            from rich.table import Table
        except ImportError:
            pass
        else:
            drawn = Table(title=escape(f'Model: "{name}"'), title_justify="left")
            for title, right in zip(head, number):
                drawn.add_column(title, justify="right" if right else "left")
            for row in table:
                drawn.add_row(*(escape(cell) for cell in row))
            console = Console()
            console.print(drawn)
            for line in foot:
                console.print(f" {escape(line)}", highlight=False)
            return
    width = [max(len(row[i]) for row in [head, *table]) for i in range(len(head))]
    rule = "─" * (sum(width) + 2 * len(head) - 2)
    lines = [f'Model: "{name}"', rule]
    for row in [head, *table]:
        lines.append("  ".join(cell.rjust(n) if right else cell.ljust(n) for cell, n, right in zip(row, width, number)).rstrip())
        if row is head:
            lines.append(rule)
    for line in [*lines, rule, *foot]:
        (print_fn or print)(line)
