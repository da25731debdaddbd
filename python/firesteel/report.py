"""report - learning curves, confusion matrix and pictures as one HTML file that needs nothing else.

Charts are SVG written here, pictures are PNG data URIs packed with zlib. Every text from data is escaped.
"""
from __future__ import annotations

import math
import re
import struct
import zlib
from base64 import b64encode
from collections.abc import Mapping, Sequence
from html import escape
from os import PathLike, fspath
from typing import Any

import numpy as np

_COLOURS = ("#2563eb", "#d97706", "#059669", "#9333ea", "#dc2626", "#0891b2")
_TEXT, _MUTED, _GRID = "#1f2937", "#6b7280", "#e5e7eb"


class Picture:
    """An SVG that notebooks show."""

    def __init__(self, svg: str) -> None:
        self.svg = svg

    def _repr_svg_(self) -> str:
        return self.svg

    def save(self, path: str | PathLike[str]) -> None:
        """Write it as an .svg file."""
        with open(path, "w", encoding="utf-8") as file:
            file.write(self.svg)


def _ticks(low: float, high: float, about: int = 5) -> list[float]:
    """Round numbers that span low to high."""
    if not high > low:
        high = low + (abs(low) or 1.0)
    raw = (high - low) / about
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * m for m in (1, 2, 5, 10) if power * m >= raw * 0.999)
    first = math.floor(low / step + 1e-9)
    last = math.ceil(high / step - 1e-9)
    return [step * i for i in range(first, last + 1)]


def _label(value: float, step: float) -> str:
    return f"{value:.{max(0, -math.floor(math.log10(step) + 1e-9))}f}" if abs(value) < 1e5 else f"{value:.0e}"


def _text(x: float, y: float, content: str, anchor: str = "start", size: int = 11, fill: str = _MUTED, more: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" fill="{fill}"{more}>{escape(content)}</text>'


def _panel(name: str, lines: Mapping[str, Sequence[float]], epoch: Sequence[int], left: float, width: float, height: float) -> str:
    """One chart: `name` and "val_" + name over the epochs."""
    x0, x1, y0, y1 = left + 48, left + width - 16, height - 34, 40
    finite = [v for values in lines.values() for v in values if math.isfinite(v)]
    ticks = _ticks(min(finite), max(finite)) if finite else [0.0, 1.0]
    low, high = ticks[0], ticks[-1]
    xs = _ticks(min(epoch) + 1, max(epoch) + 1, 6) if len(epoch) > 1 else [epoch[0] + 1.0 if epoch else 1.0]
    first, last = (min(epoch) + 1, max(epoch) + 1) if epoch else (1, 1)

    def px(e: float) -> float:
        return x0 + (x1 - x0) * (e - first) / (last - first) if last > first else (x0 + x1) / 2

    def py(v: float) -> float:
        return y0 - (y0 - y1) * (v - low) / (high - low)

    out = [_text(left + 12, 20, name, size=13, fill=_TEXT, more=' font-weight="600"')]
    for t in ticks:
        out.append(f'<line x1="{x0:.1f}" x2="{x1:.1f}" y1="{py(t):.1f}" y2="{py(t):.1f}" stroke="{_GRID}"/>')
        out.append(_text(x0 - 6, py(t) + 4, _label(t, ticks[1] - ticks[0]), "end"))
    for t in xs:
        if first <= t <= last and abs(t - round(t)) < 1e-9:
            out.append(_text(px(t), y0 + 16, str(round(t)), "middle"))
    out.append(_text((x0 + x1) / 2, y0 + 30, "epoch", "middle"))
    at = x1
    for i, (line, values) in reversed(list(enumerate(lines.items()))):
        colour = _COLOURS[i % len(_COLOURS)]
        dash = ' stroke-dasharray="5 3"' if line.startswith("val_") else ""
        points = [(px(e + 1), py(v)) for e, v in zip(epoch, values) if math.isfinite(v)]
        if len(points) > 1:
            out.append(f'<polyline fill="none" stroke="{colour}" stroke-width="2"{dash} points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in points)}"/>')
        for x, y in points if len(points) < 30 else []:
            out.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.5" fill="{colour}"/>')
        word = "validation" if line.startswith("val_") else "training"
        at -= 6.2 * len(word)
        out.append(_text(at, 20, word, fill=_TEXT))
        out.append(f'<line x1="{at - 24:.1f}" x2="{at - 4:.1f}" y1="16" y2="16" stroke="{colour}" stroke-width="2"{dash}/>')
        at -= 36
    return "".join(out)


def curves(history: Mapping[str, Sequence[float]], epoch: Sequence[int] | None = None) -> str:
    """Learning curves as SVG: one chart per result, training and validation together."""
    names = [name for name in history if not name.startswith("val_")] + [
        name for name in history if name.startswith("val_") and name[4:] not in history]
    longest = max((len(values) for values in history.values()), default=0)
    epochs = list(range(longest)) if epoch is None or len(epoch) != longest else list(epoch)
    width, height = 380.0, 250.0
    panels = [_panel(name, {line: history[line] for line in (name, "val_" + name) if line in history}, epochs, width * i, width, height)
              for i, name in enumerate(names)]
    return (f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="learning curves" width="{width * max(len(names), 1):.0f}" height="{height:.0f}" '
            f'viewBox="0 0 {width * max(len(names), 1):.0f} {height:.0f}" font-family="system-ui, sans-serif" style="background:#fff">{"".join(panels)}</svg>')


def history_table(history: Mapping[str, Sequence[float]], epoch: Sequence[int]) -> str:
    """The numbers behind the curves, folded away."""
    head = "".join(f"<th>{escape(name)}</th>" for name in history)
    body = "".join(f"<tr><td>{e + 1}</td>" + "".join(f"<td>{values[i]:.5g}</td>" if i < len(values) else "<td></td>" for values in history.values()) + "</tr>"
                   for i, e in enumerate(epoch))
    return f"<details><summary>numbers</summary><table><tr><th>epoch</th>{head}</tr>{body}</table></details>"


def confusion_counts(labels: Any, predicted: Any, n_classes: int) -> np.ndarray:
    """counts[true class, predicted class]."""
    pairs = np.asarray(labels).astype(np.int64) * n_classes + np.asarray(predicted).astype(np.int64)
    return np.bincount(pairs, minlength=n_classes * n_classes).reshape(n_classes, n_classes)


def confusion(counts: np.ndarray, classes: Sequence[str]) -> str:
    """A confusion matrix as SVG: rows are true classes, darker is a larger share of the row."""
    n = len(classes)
    cell, left, top = 44, 18 + 7.2 * max((len(c) for c in classes), default=0), 96
    width, height = left + cell * n + 70, top + cell * n + 14
    share = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    out = [_text(left, 16, "predicted", fill=_TEXT, more=' font-weight="600"'), _text(4, top - 8, "true", fill=_TEXT, more=' font-weight="600"'),
           _text(left + cell * n + 10, top - 8, "recall", fill=_TEXT)]
    for i, name in enumerate(classes):
        x, y = left + cell * (i + 0.5), top + cell * (i + 0.5)
        out.append(_text(left - 8, y + 4, name, "end", fill=_TEXT))
        out.append(_text(x, top - 8, name, fill=_TEXT, more=f' transform="rotate(-45 {x:.1f} {top - 8})"'))
        out.append(_text(left + cell * n + 10, y + 4, f"{share[i, i]:.1%}", fill=_TEXT))
        for j in range(n):
            s = float(share[i, j])
            rgb = tuple(round(255 + (c - 255) * s ** 0.5) for c in ((30, 64, 175) if i == j else (185, 28, 28)))
            out.append(f'<rect x="{left + cell * j:.1f}" y="{top + cell * i:.1f}" width="{cell - 1}" height="{cell - 1}" fill="rgb{rgb}">'
                       f"<title>{escape(name)} taken for {escape(classes[j])}: {counts[i, j]} ({s:.1%})</title></rect>")
            if counts[i, j]:
                out.append(_text(left + cell * (j + 0.5), y + 4, str(counts[i, j]), "middle", fill="#fff" if s ** 0.5 > 0.55 else _TEXT))
    return (f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="confusion matrix" width="{width:.0f}" height="{height:.0f}" '
            f'viewBox="0 0 {width:.0f} {height:.0f}" font-family="system-ui, sans-serif" style="background:#fff">{"".join(out)}</svg>')


def plane(title: str, lines: Mapping[str, tuple[Sequence[float], Sequence[float]]], x: str, y: str, diagonal: bool = False, unit: bool = True) -> str:
    """Lines of points (xs, ys) by name in one chart as SVG; unit: both axes go from 0 to 1, diagonal: with a dashed line from corner to corner."""
    width, height, x0, x1, y0, y1 = 340.0, 300.0, 52.0, 326.0, 258.0, 36.0
    xs = [float(v) for line in lines.values() for v in line[0] if math.isfinite(v)] or [0.0, 1.0]
    ys = [float(v) for line in lines.values() for v in line[1] if math.isfinite(v)] or [0.0, 1.0]
    across, up = (_ticks(0, 1), _ticks(0, 1)) if unit else (_ticks(min(xs), max(xs)), _ticks(min(ys), max(ys)))

    def px(v: float) -> float:
        return x0 + (x1 - x0) * (v - across[0]) / (across[-1] - across[0])

    def py(v: float) -> float:
        return y0 - (y0 - y1) * (v - up[0]) / (up[-1] - up[0])

    out = [_text(12, 20, title, size=13, fill=_TEXT, more=' font-weight="600"')]
    for t in up:
        out.append(f'<line x1="{x0:.1f}" x2="{x1:.1f}" y1="{py(t):.1f}" y2="{py(t):.1f}" stroke="{_GRID}"/>' + _text(x0 - 6, py(t) + 4, _label(t, up[1] - up[0]), "end"))
    for t in across:
        out.append(_text(px(t), y0 + 16, _label(t, across[1] - across[0]), "middle"))
    out += [_text((x0 + x1) / 2, y0 + 34, x, "middle"), _text(14, (y0 + y1) / 2, y, "middle", more=f' transform="rotate(-90 14 {(y0 + y1) / 2:.1f})"')]
    if diagonal:
        out.append(f'<line x1="{px(0):.1f}" y1="{py(0):.1f}" x2="{px(1):.1f}" y2="{py(1):.1f}" stroke="{_MUTED}" stroke-dasharray="4 4"/>')
    for i, (name, (a, b)) in enumerate(lines.items()):
        colour = _COLOURS[i % len(_COLOURS)]
        points = " ".join(f"{px(float(u)):.1f},{py(float(v)):.1f}" for u, v in zip(a, b) if math.isfinite(u) and math.isfinite(v))
        out.append(f'<polyline fill="none" stroke="{colour}" stroke-width="2" points="{points}"><title>{escape(name)}</title></polyline>')
        if len(lines) > 1 and i < 8:
            out.append(_text(x1 - 4, y0 - 12 - 14 * i, name, "end", fill=colour))
    return (f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="{escape(title)}" width="{width:.0f}" height="{height:.0f}" '
            f'viewBox="0 0 {width:.0f} {height:.0f}" font-family="system-ui, sans-serif" style="background:#fff">{"".join(out)}</svg>')


def beside(charts: Sequence[str]) -> str:
    """Several SVGs in a row, as one."""
    sizes = [[float(v) for v in re.findall(r' (?:width|height)="(\d+)"', chart)[:2]] for chart in charts]
    width, height = sum(s[0] for s in sizes), max((s[1] for s in sizes), default=0.0)
    placed = [chart.replace("<svg ", f'<svg x="{sum(s[0] for s in sizes[:i]):.0f}" ', 1) for i, chart in enumerate(charts)]
    return (f'<svg xmlns="http://www.w3.org/2000/svg" role="img" width="{width:.0f}" height="{height:.0f}" viewBox="0 0 {width:.0f} {height:.0f}" '
            f'style="background:#fff">{"".join(placed)}</svg>')


def png(pixels: Any) -> bytes:
    """A PNG file of [h, w] grey or [h, w, 3] colour values: 0..1 if floating, 0..255 if whole numbers."""
    a = np.asarray(pixels)
    if a.dtype.kind == "f":
        a = np.clip(np.nan_to_num(a) * 255 + 0.5, 0, 255)
    a = np.ascontiguousarray(a, np.uint8)
    if a.ndim not in (2, 3) or (a.ndim == 3 and a.shape[2] != 3):
        raise ValueError(f"png: pixels of shape {list(a.shape)}; expected [h, w] or [h, w, 3]")
    h, w = a.shape[:2]

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    rows = b"".join(b"\0" + a[i].tobytes() for i in range(h))
    head = struct.pack(">IIBBBBB", w, h, 8, 2 if a.ndim == 3 else 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b"")


def _figure(pixels: Any, true: str, guess: str, sure: float) -> str:
    right = true == guess
    word = f"✓ {escape(true)}" if right else f"✗ {escape(guess)}<br>is {escape(true)}"
    return (f'<figure class="{"right" if right else "wrong"}"><img alt="{escape(true)}" src="data:image/png;base64,{b64encode(png(pixels)).decode()}">'
            f"<figcaption>{word}<br><small>{sure:.0%} sure</small></figcaption></figure>")


_STYLE = """body{font:15px/1.5 system-ui,sans-serif;color:#1f2937;background:#fff;max-width:1080px;margin:2em auto;padding:0 1em}
h1{font-size:1.6em}h2{font-size:1.15em;margin:2em 0 .6em;border-bottom:1px solid #e5e7eb}
.tiles{display:flex;gap:1em;flex-wrap:wrap}.tile{border:1px solid #e5e7eb;border-radius:8px;padding:.6em 1.2em}.tile b{display:block;font-size:1.5em}
.grid{display:grid;grid-template-columns:repeat(auto-fill,minmax(104px,1fr));gap:8px}
figure{margin:0;border-radius:6px;padding:6px;text-align:center;font-size:12px;border:2px solid}.right{border-color:#93c5fd}.wrong{border-color:#fca5a5}
img{width:84px;height:84px;image-rendering:pixelated;background:#000}small{color:#6b7280}
table{border-collapse:collapse;font-size:13px}td,th{padding:2px 10px;text-align:right;border-bottom:1px solid #e5e7eb}svg{max-width:100%;height:auto}"""


def classification(path: str | PathLike[str], *, title: str, history: Mapping[str, Sequence[float]], classes: Sequence[str], labels: Any,
                   probabilities: Any, pictures: Any = None) -> str:
    """Write the report of a classifier: curves from `history` (lists by name), confusion matrix, and of `pictures` ([n, h, w] or
    [n, h, w, 3]) some that were right and those that were most surely wrong. labels [n] are class numbers, probabilities [n, classes].
    Returns the path."""
    labels = np.asarray(labels).reshape(-1).astype(np.int64)
    probabilities = np.asarray(probabilities)
    if probabilities.shape != (len(labels), len(classes)):
        raise ValueError(f"classification: probabilities have shape {list(probabilities.shape)}; expected [{len(labels)}, {len(classes)}]")
    guess = probabilities.argmax(1)
    sure = probabilities.max(1)
    counts = confusion_counts(labels, guess, len(classes))
    right = int((guess == labels).sum())
    epochs = max((len(values) for values in history.values()), default=0)
    tiles = [("rows", f"{len(labels):,}"), ("accuracy", f"{right / max(len(labels), 1):.4f}"), ("wrong", f"{len(labels) - right:,}"), ("epochs", str(epochs))]
    worst = sorted(((int(counts[i, j]), i, j) for i in range(len(classes)) for j in range(len(classes)) if i != j), reverse=True)[:3]
    told = "; ".join(f"{escape(classes[i])} taken for {escape(classes[j])} {n:,} times" for n, i, j in worst if n)
    parts = ["<h2>Learning curves</h2>", curves(history), history_table(history, range(epochs)),
             "<h2>Confusion matrix</h2>", f"<p>Most often: {told}.</p>" if told else "", confusion(counts, list(classes))]
    if pictures is not None:
        wrong = np.flatnonzero(guess != labels)
        shown = [("Right", np.flatnonzero(guess == labels)[:24]), ("Wrong, the surest first", wrong[np.argsort(-sure[wrong], kind="stable")][:24])]
        for heading, indices in shown:
            figures = "".join(_figure(pictures[i], classes[labels[i]], classes[guess[i]], float(sure[i])) for i in indices)
            parts.append(f'<h2>{heading}</h2><div class="grid">{figures or "<p>none</p>"}</div>')
    text = (f'<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{escape(title)}</title>'
            f"<style>{_STYLE}</style></head><body><h1>{escape(title)}</h1>"
            f'<div class="tiles">{"".join(f"<div class=tile>{name}<b>{value}</b></div>" for name, value in tiles)}</div>{"".join(parts)}</body></html>\n')
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return fspath(path)
