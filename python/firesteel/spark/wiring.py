"""wiring - which columns of a table go into which inputs and outputs of a network."""
from __future__ import annotations

from typing import Any, NamedTuple, Optional, Sequence

from pyspark.sql.types import StructField, StructType

from ..executor.functions import Call
from . import schema
from .errors import fail
from .nets import Port


class Wires(NamedTuple):
    """The feature columns as the network's joined inputs take them, one after the other; a column may stand there twice."""

    features: list[StructField]
    ports: list[tuple[Port, list[StructField]]]  # the same by input; empty where featuresCol does not say which columns are whose
    categories: list[StructField]                # those whose words are to be looked up
    raw: bool                                    # a function of the user's makes the features of these columns

    @property
    def names(self) -> list[str]:
        return [f.name for f in self.features]

    def width(self) -> Optional[int]:
        """Numbers per row, where the schema tells."""
        return None if self.raw else _width(self.features, self.categories)


def _width(fields: Sequence[StructField], categories: Sequence[StructField]) -> Optional[int]:
    own = {f.name for f in categories}
    plain = schema.width([f for f in fields if f.name not in own])
    words = [f for f in fields if f.name in own]
    return None if plain is None or any(schema.is_list(f.dataType) for f in words) else plain + len(words)


def features(table: StructType, params: Any, ports: Sequence[Port]) -> Wires:
    """The features that the Params name. ports: the network's inputs; empty where there is no network yet."""
    given, raw = params.value("inputCols"), params.function("featurePreprocessing") is not None
    wanted = params.value("categoricalCols") or []
    if raw and wanted:
        raise fail(1005, "featurePreprocessing and categoricalCols are both set; the function gets the table's columns as they are, so let it look words up itself")
    categories = schema.categories(table, wanted)
    words = {f.name for f in categories}
    if given is None:
        column = params.value("featuresCol")
        if categories and not params.isSet("featuresCol") and all(f.name.lower() != str(column).lower() for f in table.fields):
            names = []  # nothing but categories
        else:
            names = [column] if isinstance(column, str) else list(column)
        fields = _checked(table, names, "featuresCol", words, raw)
        present = {f.name for f in fields}
        fields += [f for f in categories if f.name not in present]
        alone = [(ports[0], fields)] if len(ports) == 1 else []
        return Wires(fields, alone, categories, raw)
    if params.isSet("featuresCol"):
        raise fail(1001, "featuresCol and inputCols are both set; choose one way to name the features")
    if not ports:
        raise fail(1001, "inputCols names the inputs of a network; give one as net")
    columns = _by_port("inputCols", given, ports, "input")
    wired = [(port, _checked(table, columns[port.name], f"inputCols[{port.name!r}]", words, raw)) for port in ports]
    fields = [f for _, own in wired for f in own]
    lost = [c for c in words if c not in {f.name for f in fields}]
    if lost:
        raise fail(2001, f"categoricalCols: {lost[0]!r} goes into no input; name it in inputCols, which has {', '.join(sorted({f.name for f in fields}))}")
    return Wires(fields, wired, categories, raw)


def _checked(table: StructType, names: Sequence[str], role: str, words: set[str], raw: bool) -> list[StructField]:
    fields = [schema.field(table, n, role) for n in names]
    if not raw:
        schema.features(table, [f.name for f in fields if f.name not in words], role)
    return fields


def _by_port(role: str, given: dict[str, list[str]], ports: Sequence[Port], what: str) -> dict[str, list[str]]:
    """The map with the network's own names; its only input or output may be called as one likes."""
    names = [port.name for port in ports]
    if len(ports) == 1 and len(given) == 1:
        return {names[0]: next(iter(given.values()))}
    unknown = [k for k in given if k not in names]
    if unknown:
        raise fail(1003, f"{role}: the network has no {what} {unknown[0]!r}; {schema.nearest(unknown[0], names)}")
    missing = [n for n in names if n not in given]
    if missing:
        raise fail(1001, f"{role}: no columns for the {what} {missing[0]!r}; the network has {', '.join(names)}")
    return given


def check_widths(wires: Wires, rows: dict[int, int]) -> None:
    """Each input gets as many numbers as it takes. rows: of the tables that inputs, by place, look rows up in."""
    if wires.raw:
        return
    for port, fields in wires.ports:
        width = _width(fields, wires.categories)
        if width is not None and port.width is not None and width != port.width:
            raise fail(1002, f"input {port.name!r} of net takes {port.width} numbers per row ({list(port.shape)}), its columns {', '.join(f.name for f in fields)} have {width}")
    for at, (port, fields) in enumerate(wires.ports):
        for f in fields:
            if at in rows and not any(f.name == c.name for c in wires.categories) and schema.is_text(f.dataType):
                raise fail(2002, f"input {port.name!r}: {f.name!r} is {schema.says(f.dataType)}; name it in categoricalCols")


def check_vocabularies(wires: Wires, sizes: dict[str, int], rows: dict[int, int]) -> None:
    """Tables have a row for each word. sizes: indices of each column of categories."""
    for at, (port, fields) in enumerate(wires.ports):
        for f in fields:
            if at in rows and f.name in sizes and sizes[f.name] > rows[at]:
                raise fail(1002, f"input {port.name!r} of net: an Embedding with input_dim={rows[at]}, but {f.name!r} has {sizes[f.name]} indices (2 of them for missing and "
                           f"unknown words); make it larger, or set maxVocabulary={rows[at]}")


def feature_call(function: Any, names: Sequence[str], inputs: Sequence[Port]) -> Call:
    """The function that makes what the inputs take of the columns named."""
    gives = tuple(f"{port.name} (featurePreprocessing)" for port in inputs)
    own = tuple(dict.fromkeys(names))
    return Call(function, "featurePreprocessing", own, own, tuple(p.name for p in inputs), tuple(p.width for p in inputs), gives)


# ---- labels --------------------------------------------------------------------------------

class Labels(NamedTuple):
    """The label columns of each output, and what one column alone says of itself."""

    of: list[tuple[Optional[Port], list[schema.Label]]]
    raw: bool  # a function of the user's makes the labels of these columns

    @property
    def names(self) -> list[str]:
        """The columns as the joined outputs take them; one may stand there twice."""
        return [label.name for _, labels in self.of for label in labels]

    @property
    def first(self) -> schema.Label:
        return self.of[0][1][0]


def labels(table: StructType, params: Any, ports: Sequence[Port]) -> Labels:
    """The labels that the Params name. ports: the network's outputs; empty where there is no network yet."""
    given, raw = params.value("labelCols"), params.function("labelPreprocessing") is not None

    def label(name: str, role: str) -> schema.Label:
        if raw:
            return schema.Label(schema.field(table, name, role).name, False, False, None, None)
        return schema.label(table, name, role)

    if given is None:
        if len(ports) > 1 and not raw:
            raise fail(1001, f"net has {len(ports)} outputs, {', '.join(p.name for p in ports)}; labelCols={{...}} names the columns of each")
        return Labels([(ports[0] if len(ports) == 1 else None, [label(params.value("labelCol"), "labelCol")])], raw)
    if params.isSet("labelCol"):
        raise fail(1001, "labelCol and labelCols are both set; choose one way to name the labels")
    if not ports:
        raise fail(1001, "labelCols names the outputs of a network; give one as net")
    columns = _by_port("labelCols", given, ports, "output")
    return Labels([(port, [label(c, f"labelCols[{port.name!r}]") for c in columns[port.name]]) for port in ports], raw)


def check_label_widths(wired: Labels, losses: Sequence[str]) -> None:
    """Each output's loss gets as many numbers as it compares with, where the schema tells."""
    if wired.raw:
        return
    for (port, own), loss in zip(wired.of, losses):
        if port is None or port.width is None or any(one.several for one in own):
            continue
        sparse = "sparse" in loss.lower()
        expected = port.width // (port.shape[-1] or 1) if sparse and port.shape else port.width
        if len(own) != expected:
            raise fail(1002, f"output {port.name!r} of net has {port.width} numbers per row and the loss {loss.split(' ')[0]}, which takes {expected} "
                       f"label{'s' if expected != 1 else ''}; its columns {', '.join(one.name for one in own)} are {len(own)}")


def output_columns(ports: Sequence[Port], base: str, given: Optional[dict[str, str]]) -> list[str]:
    """The column of each output: as given, else `base` for the only one, base_output for one of several."""
    names = [port.name for port in ports]
    if given is not None:
        unknown = [k for k in given if k not in names]
        if unknown:
            raise fail(1003, f"outputCols: the network has no output {unknown[0]!r}; {schema.nearest(unknown[0], names)}")
    default = {name: base if len(names) == 1 or not base else f"{base}_{name}" for name in names}
    return [{**default, **(given or {})}[name] for name in names]
