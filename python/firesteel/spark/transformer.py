"""transformer - ModelTransformer: any model as a stage of a Pipeline, with several inputs and outputs and with layers inside it as columns."""
from __future__ import annotations

import dataclasses
import hashlib
import os
import tempfile
from typing import Any, Callable, NamedTuple, Optional, Sequence

from pyspark.ml.base import Transformer
from pyspark.ml.linalg import VectorUDT
from pyspark.ml.util import MLWritable
from pyspark.sql.types import (ArrayType, BinaryType, BooleanType, ByteType, DataType, DoubleType, FloatType, IntegerType, LongType, ShortType, StringType,
                               StructField, StructType)

from ..executor import apply as applying
from ..executor import engine
from ..executor.apply import Port, Program
from . import files, persist, schema
from .errors import fail
from .models import NNModel, Readable
from .params import TRANSFORMER, TableParams, bad, with_params
from .transform import Score, add_scored, network_finder

SPARK_TYPES: dict[str, DataType] = {"float32": FloatType(), "float64": DoubleType(), "int64": LongType(), "int32": IntegerType(), "int16": ShortType(),
                                    "int8": ByteType(), "bool": BooleanType()}


# ---- what a model may be given as ----------------------------------------------------------

def content_of(model: Any) -> bytes:
    """The ONNX bytes of a model: a firesteel model, a model of firesteel.spark, a path, or the bytes of a file, of any format that fire.load reads."""
    from .. import Model, load

    if isinstance(model, NNModel):
        model._network()
        return model._content
    if isinstance(model, ModelTransformer):
        return model._content
    if isinstance(model, Model):
        return model.to_bytes()
    if isinstance(model, (str, os.PathLike)):
        path = os.fspath(model)
        return load(path[len("file://"):] if path.startswith("file://") else path, compile=False).to_bytes()
    if isinstance(model, (bytes, bytearray, memoryview)):
        with tempfile.TemporaryDirectory(prefix="firesteel-") as folder:
            path = os.path.join(folder, "model")
            with open(path, "wb") as file:
                file.write(model)
            return load(path, compile=False).to_bytes()
    raise bad("model", model, "a firesteel model, a model of firesteel.spark, the path of a model file, or the bytes of one")


def spark_type(port: Port, mode: str) -> DataType:
    """The type of the column that an output makes."""
    if mode == "vector":
        return VectorUDT()
    kind: DataType = StringType() if port.type == applying.TEXT else SPARK_TYPES[applying.NUMPY.get(port.type, "float32")]
    for _ in () if applying.is_scalar(port, mode) else port.shape or (1,):
        kind = ArrayType(kind)
    return kind


def _one_of(name: str, names: Sequence[str], what: str, code: int = 1003) -> str:
    if name in names:
        return name
    raise fail(code, f"{what}: {name!r} is not there{applying.nearest(name, names)}; there {'is' if len(names) == 1 else 'are'} {', '.join(names[:12])}"
               + (f" and {len(names) - 12} more" if len(names) > 12 else ""))


class Plan(NamedTuple):
    """What is computed: the network's file, its inputs, and of each output column its number, name, port and mode."""

    content: bytes
    takes: list[Port]
    outputs: tuple[tuple[int, str, Port, str], ...]


@with_params(TRANSFORMER)
class ModelTransformer(Transformer, TableParams, MLWritable, Readable):
    """Any model as a Transformer.

    ModelTransformer(model, inputCols="features", outputCols="scores").transform(df)
    ModelTransformer("wide_deep.keras", {"wide": ["a", "b"], "deep": "embedding"}, {"score": "score"}, outputLayer={"hidden": "dense_1"})
    """

    def __init__(self, model: Any = None, inputCols: Any = None, outputCols: Any = None, outputLayer: Any = None, **params: Any):
        super().__init__()
        self._start({"inputCols": inputCols, "outputCols": outputCols, "outputLayer": outputLayer, **params})
        self._content = b"" if model is None else content_of(model)
        self._planned: Optional[tuple[Any, Plan]] = None
        if model is not None and (outputCols is not None or outputLayer is not None):
            self._plan()  # names that the model lacks are told here

    @classmethod
    def _from_saved(cls, content: Optional[bytes], mine: dict[str, Any]) -> Any:
        if content is None:
            raise fail(5004, "a saved ModelTransformer without its model")
        made = cls()
        made._content = content
        return made

    def write(self) -> persist.Writer:
        """A writer: write().overwrite().save(path). The model is saved as ONNX."""
        self._there()
        return persist.Writer(self, self._content, {})

    def _there(self) -> None:
        if not self._content:
            raise fail(1006, "ModelTransformer holds no model; give it one, or load it")

    @property
    def network(self) -> Any:
        """The model as a local firesteel model, a fresh one each time."""
        from .. import Model

        self._there()
        return Model.from_bytes(self._content)

    # -- what comes out

    def _wanted(self, outputs: Sequence[str]) -> list[tuple[str, str, bool]]:
        """(output or layer, column, whether it is a layer inside) of each output column."""
        columns, layer = self.value("outputCols"), self.value("outputLayer")
        if isinstance(layer, str):
            if not isinstance(columns, str):
                raise bad("outputCols", columns, f"one column, for the layer {layer!r}; outputLayer={{column: layer}} names several")
            return [(layer, columns, layer not in outputs)]
        if isinstance(columns, dict):
            found = [(_one_of(name, outputs, "outputCols"), column, False) for name, column in columns.items()]
        elif columns is None:
            found = []
        else:
            listed = [columns] if isinstance(columns, str) else columns
            if len(listed) != len(outputs):
                raise bad("outputCols", columns, f"{len(outputs)} columns, one for each output: {', '.join(outputs)}; or {{output: column}}")
            found = [(name, column, False) for name, column in zip(outputs, listed)]
        found += [(name, column, name not in outputs) for column, name in (layer or {}).items()]
        if not found:
            raise fail(1001, f"outputCols is not set; name the columns that come out, one for each output: {', '.join(outputs)}")
        return found

    def _plan(self) -> Plan:
        self._there()
        settings = (self.value("outputCols"), self.value("outputLayer"), self.value("outputMode"))
        if self._planned is not None and self._planned[0] == settings:
            return self._planned[1]
        net, content = engine.load(self._content), self._content
        outputs = [port.name for port in applying.ports(net, True)]
        wanted = self._wanted(outputs)
        if any(inner for _, _, inner in wanted):
            content, names = self._cut([name for name, _, _ in wanted], outputs)
            net = engine.load(content)
        else:
            names = [outputs.index(name) for name, _, _ in wanted]
        gives, mode = applying.ports(net, True), self.value("outputMode")
        if isinstance(mode, dict):
            for column in mode:
                _one_of(column, [column for _, column, _ in wanted], "outputMode")
        modes = [mode.get(column, "auto") if isinstance(mode, dict) else mode for _, column, _ in wanted]
        for k, one in zip(names, modes):
            if one == "vector" and gives[k].type == applying.TEXT:
                raise bad("outputMode", mode, f"'auto' or 'array' for the output {gives[k].name}, which is text")
        plan = Plan(content, applying.ports(net, False), tuple((k, column, gives[k], one) for k, (_, column, _), one in zip(names, wanted, modes)))
        self._planned = settings, plan
        return plan

    def _cut(self, names: list[str], outputs: list[str]) -> tuple[bytes, list[int]]:
        """The model with these outputs and layers as its outputs, and their numbers there."""
        from .. import Model, load

        model = self.network
        if model._net.info()["loaded_as_onnx"]:  # a graph without layers: tensors inside by their names
            distinct_names = list(dict.fromkeys(names))
            with tempfile.TemporaryDirectory(prefix="firesteel-") as folder:
                model.save(os.path.join(folder, "model.onnx"))
                cut = load(os.path.join(folder, "model.onnx"), outputs=distinct_names)
                return cut.to_bytes(), [distinct_names.index(name) for name in names]
        tensors: list[Any] = []
        for name in names:
            if name in outputs:
                tensors.append(model.outputs[outputs.index(name)])
                continue
            layers = [layer.name for layer in model.layers]
            tensor = model.get_layer(_one_of(name, layers, "outputLayer")).output
            tensors += tensor[:1] if isinstance(tensor, list) else [tensor]
        distinct = list({id(t): t for t in tensors}.values())
        cut = Model(model.inputs, distinct)
        for key in ("columns", "lookups"):
            note = model._net.note(key)
            if note is not None:
                cut._net.set_note(key, note)
        return cut.to_bytes(), [[id(d) for d in distinct].index(id(t)) for t in tensors]

    # -- what goes in

    def _columns(self, table: StructType, takes: Sequence[Port]) -> tuple[list[str], Optional[tuple[tuple[str, ...], ...]]]:
        """The columns to read and those of each input; None where one struct's fields are matched by name."""
        given = self.value("inputCols")
        if given is None:
            raise fail(1001, f"inputCols is not set; name the columns that feed {', '.join(map(str, takes))}")
        names = [port.name for port in takes]
        if isinstance(given, dict):
            for name in given:
                _one_of(name, names, "inputCols: inputs of the model")
            lacking = [name for name in names if name not in given]
            if lacking:
                raise bad("inputCols", given, f"columns for each input; {lacking[0]!r} has none")
            groups = [[given[name]] if isinstance(given[name], str) else list(given[name]) for name in names]
        elif len(takes) == 1:
            groups = [[given] if isinstance(given, str) else list(given)]
        else:
            listed = [given] if isinstance(given, str) else list(given)
            if len(listed) == 1 and is_plain_struct(schema.field(table, listed[0], "inputCols").dataType):
                groups = [listed] * len(takes)
            elif len(listed) != len(takes):
                raise bad("inputCols", given, f"one column for each input in order ({', '.join(map(str, takes))}), or {{input: columns}}")
            else:
                groups = [[name] for name in listed]
        fields = [[schema.field(table, name, "inputCols") for name in group] for group in groups]
        single = fields[0][0] if len({f.name for group in fields for f in group}) == 1 else None
        if single is not None and is_plain_struct(single.dataType):
            for port, group in zip(takes, self._fields(single, takes)):
                check_columns(group, port)
            return [single.name], None
        for port, group in zip(takes, fields):
            check_columns(group, port)
        read = list(dict.fromkeys(f.name for group in fields for f in group))
        return read, tuple(tuple(f.name for f in group) for group in fields)

    def _fields(self, f: StructField, takes: Sequence[Port]) -> list[list[StructField]]:
        """Which fields of a struct feed each input, as tasks will judge it (see applying.arrange)."""
        kind = f.dataType
        assert isinstance(kind, StructType)
        by_name = {part.name.lower(): part for part in kind.fields}
        wanted = [port.name for port in takes]
        if len(takes) == 1 and wanted[0].lower() not in by_name:
            wanted = applying.noted_columns(engine.load(self._plan().content))
            if not any(name.lower() in by_name for name in wanted):
                wanted = [part.name for part in kind.fields]
        for name in wanted:
            if name.lower() not in by_name:
                what = f"the inputs are {', '.join(map(str, takes))}" if len(takes) > 1 else f"the model takes {', '.join(wanted)}"
                raise fail(1003, f"inputCols={f.name!r}: no field of the struct is {name!r}{applying.nearest(name, [p.name for p in kind.fields])}; "
                           f"{what}, the fields are {', '.join(p.name for p in kind.fields)}")

        def named(part: StructField, within: str) -> StructField:
            return StructField(f"{within}.{part.name}", part.dataType, part.nullable, part.metadata)

        found = [named(by_name[name.lower()], f.name) for name in wanted]
        if len(takes) == 1:
            return [found]
        return [[named(inner, part.name) for inner in part.dataType.fields] if isinstance(part.dataType, StructType) and is_plain_struct(part.dataType) else [part] for part in found]

    def _ready(self, table: StructType) -> tuple[Plan, list[str], Program, list[tuple[StructField, dict[str, Any]]]]:
        """Everything that transform and score_files need, judged by the schema alone."""
        plan = self._plan()
        read, inputs = self._columns(table, plan.takes)
        fields: list[tuple[StructField, dict[str, Any]]] = []
        for _, column, port, mode in plan.outputs:
            vector = mode == "vector" and port.width is not None
            fields.append((StructField(column, spark_type(port, mode)), {"ml_attr": {"num_attrs": max(port.width or 1, 1)}} if vector else {}))
        program = Program(inputs, tuple(mode for *_, mode in plan.outputs), tuple(k for k, *_ in plan.outputs), self.value("handleInvalid"),
                          self.value("binaryType"), self.value("channelOrder"), type(self).__name__)
        return plan, read, program, fields

    def _scores(self, table: StructType) -> files.Scores:
        plan, read, program, fields = self._ready(table)
        return files.Scores(plan.content, read, fields, "program", dataclasses.asdict(program))

    def _transform(self, dataset: Any) -> Any:
        plan, read, program, fields = self._ready(schema.of(dataset, "transform"))
        schema.free_outputs(dataset.schema, [("outputCols", f.name) for f, _ in fields])
        find = network_finder(dataset.sparkSession, hashlib.sha256(plan.content).hexdigest(), plan.content)
        score = program_scorer(find, dataclasses.asdict(program), read, [f.name for f, _ in fields])
        # Columns are joined only as they feed the one input: in its order, each once.
        return add_scored(dataset, score, read, fields, program.invalid == "skip", program.inputs == (tuple(read),))

    def score_files(self, input: Any, output: str, columns: Optional[Sequence[str]] = None, mode: str = "error") -> Any:
        """Score Parquet files without a way through the JVM, and write Parquet; see files.score_files."""
        return files.score_files(self._scores, input, output, columns, mode)

    def __repr__(self) -> str:
        return f"ModelTransformer: uid={self.uid}" + (f", {len(self._content):,} bytes" if self._content else "")


def is_plain_struct(kind: DataType) -> bool:
    return isinstance(kind, StructType) and not is_image(kind)


def is_image(kind: DataType) -> bool:
    return isinstance(kind, StructType) and set(applying.IMAGE) <= {f.name for f in kind.fields}


def check_type(f: StructField, port: Port) -> None:
    kind = f.dataType
    if port.type == applying.TEXT and isinstance(kind, StringType):
        return
    if not (schema.is_vector(kind) or schema.is_array(kind) or schema.is_number(kind) or isinstance(kind, (BooleanType, BinaryType)) or is_image(kind)):
        raise fail(2002, f"inputCols={f.name!r} is {schema.says(kind)}; the input {port} takes numbers, arrays of numbers, an ML vector, an image or bytes")
    if is_image(kind) and len(port.shape) not in (1, 3):
        raise fail(1002, f"inputCols={f.name!r} holds images; the input {port} takes none: they need three sizes, or one of flat rows")


def check_columns(group: Sequence[StructField], port: Port) -> None:
    """That columns can feed an input, as far as their types tell."""
    for f in group:
        check_type(f, port)
    width = schema.width(group) if all(schema.is_vector(f.dataType) or schema.is_array(f.dataType) or schema.is_number(f.dataType) for f in group) else None
    if width is not None and port.width is not None and width != port.width:
        raise fail(1002, f"inputCols: {', '.join(f.name for f in group)} give{'s' if len(group) == 1 else ''} {width} number{'s' if width != 1 else ''} per row, the input {port} takes {port.width}")


def program_scorer(find: Callable[[], Any], fields: dict[str, Any], read: Sequence[str], output_names: Sequence[str]) -> Score:
    """The function that tasks run on each batch; it travels by value."""
    read = list(read)

    def score(names: Sequence[str], arrays: Sequence[Any]) -> Any:
        net = find()
        from firesteel.executor.apply import Program, apply_struct

        joined = {} if list(names) == read else {"inputs": (tuple(names),)}
        return apply_struct(net, Program(**{**fields, **joined}), names, arrays, output_names)

    return score
