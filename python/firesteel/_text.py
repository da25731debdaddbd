"""_text - the engine's texts: `Dense units=10 activation=relu`, one name and then name=value pairs.

Values: numbers, booleans as true and false, lists as [2,3], texts bare or in double quotes with \\" and \\\\.
"""
from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

_BARE = re.compile(r"[A-Za-z0-9_.+\-/:]+\Z")
_PAIR = re.compile(r'\s*([A-Za-z_][A-Za-z0-9_]*)=("(?:[^"\\]|\\.)*"|\[[^\]]*\]|\S*)')
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*([eE][+-]?\d+)?|\.\d+([eE][+-]?\d+)?|inf|nan)\Z")


def value_text(value: Any) -> str:
    """One value as the engine reads it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, str):
        return value if _BARE.match(value) else '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(value, Named):
        return value_text(value.text())
    if hasattr(value, "__index__"):
        return str(value.__index__())
    if hasattr(value, "__float__"):
        return repr(float(value))
    if isinstance(value, Iterable):
        return "[" + ",".join(value_text(v) for v in value) + "]"
    raise TypeError(f"{value!r} is not a number, text or list")


def attrs_text(attrs: Mapping[str, Any]) -> str:
    """name=value pairs; None means the default and is left out."""
    return " ".join(f"{name}={value_text(value)}" for name, value in attrs.items() if value is not None)


def split_name(text: str) -> tuple[str, str]:
    """`Adam learning_rate=0.1` is `Adam` and the rest."""
    name, _, rest = text.strip().partition(" ")
    return name, rest.strip()


def parse_value(text: str) -> Any:
    """The Python value of one value's text."""
    if text.startswith('"'):
        return re.sub(r"\\(.)", r"\1", text[1:-1])
    if text.startswith("["):
        inside = text[1:-1].strip()
        return tuple(float(part) if any(c in part for c in ".en") else int(part) for part in inside.split(",")) if inside else ()
    if text in ("true", "false"):
        return text == "true"
    if _NUMBER.match(text):
        return float(text) if any(c in text for c in ".eEn") else int(text)
    return text


def parse_attrs(text: str) -> dict[str, Any]:
    """name=value pairs as a dict."""
    found: dict[str, Any] = {}
    end = 0
    for match in _PAIR.finditer(text):
        if text[end:match.start()].strip():
            break
        found[match.group(1)] = parse_value(match.group(2))
        end = match.end()
    if text[end:].strip():
        raise ValueError(f"'{text[end:].strip()}' is not name=value")
    return found


class Named:
    """Something that the engine knows by a name and attributes: a layer, loss, metric, optimizer or initializer.

    A class's name, its parameters and their defaults are the engine's own (tests/python/test_catalog.py holds them to its
    catalog), which in turn are Keras 3's. Parameters can be read as attributes: `Dense(10).units`.
    """

    def __init__(self, **attrs: Any) -> None:
        self._attrs = attrs

    def __getattr__(self, name: str) -> Any:
        attrs = self.__dict__.get("_attrs", {})
        if name in attrs:
            return attrs[name]
        raise AttributeError(f"'{type(self).__name__}' has no attribute '{name}'")

    def get_config(self) -> dict[str, Any]:
        """Parameters by name."""
        return dict(self._attrs)

    def text(self) -> str:
        """As the engine reads it."""
        pairs = attrs_text(self._attrs)
        return f"{type(self).__name__} {pairs}" if pairs else type(self).__name__

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in self._attrs.items())})"


def text_of(thing: Any, what: str) -> str:
    """A name, text or instance as text."""
    if isinstance(thing, str):
        return thing
    if isinstance(thing, Named):
        return thing.text()
    raise TypeError(f"{what}: expected a name or an instance, found {type(thing).__name__}")


def object_of(text: str, kinds: Mapping[str, type[Named]]) -> Named | None:
    """The instance that a text describes, None for a name that `kinds` lacks."""
    name, rest = split_name(text)
    kind = kinds.get(name)
    return kind(**parse_attrs(rest)) if kind else None
