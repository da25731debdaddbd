"""transform - scoring a table: one Arrow function from the feature columns to a struct of outputs, whose fields become columns."""
from __future__ import annotations

import dataclasses
import os
from typing import Any, Callable, Iterator, Optional, Sequence

import pyarrow
from pyspark.ml.functions import array_to_vector
from pyspark.ml.linalg import VectorUDT
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, DoubleType, StructField, StructType

from ..executor.score import Outputs
from . import session
from .fit import column, plain_names

CLOSURE = 1 << 20  # bytes of a model file that still travel inside each task's function


def output_fields(out: Outputs, raw: str, probability: str, prediction: str) -> list[tuple[StructField, dict[str, Any]]]:
    """The columns that scoring adds, each with spark.ml's metadata, in the order that executor.score gives them."""
    if out.head == "values":
        return [(StructField(prediction, DoubleType() if out.units == 1 else VectorUDT()), {})] if prediction else []
    size: dict[str, Any] = {"ml_attr": {"num_attrs": out.classes}}
    found: list[tuple[StructField, dict[str, Any]]] = []
    if out.raw:
        found.append((StructField(raw, VectorUDT()), size))
    if out.probability:
        found.append((StructField(probability, VectorUDT()), size))
    if out.prediction:
        if out.head == "labels":
            found.append((StructField(prediction, ArrayType(DoubleType())), {}))
        else:
            found.append((StructField(prediction, DoubleType()), {"ml_attr": {"type": "nominal", "num_vals": out.classes}}))
    return found


def network_finder(spark: Any, key: str, model: bytes) -> Callable[[], Any]:
    """What tasks call to get the loaded network. It travels by value, a small model inside it; a large one lies on each host once, as a file that
    all its Python workers map."""
    find_wheel = session.wheel_finder()
    file = ""
    if len(model) > CLOSURE:
        file = f"firesteel-{key[:40]}.onnx"
        session.ship_file(spark, file, model)
        model = b""

    def read() -> Any:
        if not file:
            return model
        from pyspark import SparkFiles

        return SparkFiles.get(file)

    def find() -> Any:
        find_wheel()
        from firesteel.executor.score import network

        return network(key, read)

    return find


Score = Callable[[Sequence[str], Sequence[Any]], Any]  # names and arrays of the feature columns to a struct array of outputs
ENOUGH = 4  # feature columns of one floating type that travel as one array


def scorer(find: Callable[[], Any], output_names: Sequence[str], fields: dict[str, Any], order: Sequence[str] = (), call: Optional[tuple[Any, ...]] = None) -> Score:
    """The function that tasks run on each batch. It travels by value, and so does a user's function (executor.functions.Call). order: the features, where
    some column is there twice, which travels once."""

    def score(names: Sequence[str], arrays: Sequence[Any]) -> Any:
        net = find()
        from firesteel.executor.score import Outputs, score_arrays

        if order:
            own = dict(zip(names, arrays))
            names, arrays = order, [own[name] for name in order]
        return score_arrays(net, names, arrays, Outputs.of(fields), output_names, call)

    return score


def told_shortly(score: Callable[..., Any]) -> Callable[..., Any]:
    """score, whose errors of ours come without a way through its files: Spark shows people the whole traceback, and what is wrong with a row needs none."""

    def run(*given: Any) -> Any:
        try:
            return score(*given)
        except Exception as error:
            if type(error).__module__ == "firesteel.errors":  # which is not imported here: it may lie in a wheel that `score` finds first
                raise error.with_traceback(None) from None
            raise

    return run


def add_columns(df: Any, key: str, model: bytes, features: Sequence[str], out: Outputs, fields: list[tuple[StructField, dict[str, Any]]],
                call: Optional[tuple[Any, ...]] = None, plain: bool = True) -> Any:
    """df with the output columns of a classifier or regressor. plain: no feature is a word, so that several may travel as one. Rows come out in order; with handleInvalid="skip" those that cannot be scored are left out."""
    if not fields:
        return df
    unique = list(dict.fromkeys(features))
    order = list(features) if len(unique) < len(features) and call is None else []
    score = scorer(network_finder(df.sparkSession, key, model), [f.name for f, _ in fields], dataclasses.asdict(out), order, call)
    return add_scored(df, score, unique, fields, out.invalid == "skip", plain and not order and call is None)


def add_scored(df: Any, score: Score, features: Sequence[str], fields: list[tuple[StructField, dict[str, Any]]], skip: bool, one_input: bool) -> Any:
    """df with the columns `fields`, which `score` makes of the feature columns; a null struct leaves the row out where `skip` is set. one_input: `score` may get the
    columns joined to one."""
    score = told_shortly(score)
    # Vectors travel as arrays of doubles and become vectors in the query (see lists in executor/score.py).
    kind = StructType([StructField(f.name, ArrayType(DoubleType()) if isinstance(f.dataType, VectorUDT) else f.dataType) for f, _ in fields])
    alone = len(fields) == 1  # no struct is made for one column, which costs Spark a fifth less
    if session.version(df.sparkSession) < (4, 1):
        return _by_map(df, score, kind, features, fields)
    given: list[Any] = [column(c) for c in features]
    types = {f.dataType.simpleString() for f in df.schema.fields if f.name in set(features)}
    if one_input and len(given) >= ENOUGH and types in ({"float"}, {"double"}):
        function, made = _of_joined(score, list(features), alone), F.array(*given)
    else:
        function, made = _of_struct(score, list(features), alone), F.struct(*[c.alias(f"_{k}") for k, c in enumerate(given)])
    udf = getattr(F, "arrow_udf")(function, kind[0].dataType if alone else kind)  # pyspark 4.0 lacks it
    argument, temporary = (f"__firesteel_{what}_{os.urandom(4).hex()}" for what in ("in", "out"))
    # The argument twice, which travels once: Spark then makes it in a projection of its own below the function, and keeps only that with the columns that
    # are wanted above. Right above a columnar scan an arrow_udf would turn every column that it reads from columns into rows and back again, half again the
    # cost for 100 columns, and Spark 4.3 cannot do that at all where one is of a user's type, as vectors are (UNSUPPORTED_DATATYPE in RowToColumnConverter).
    below = df.select("*", made.alias(argument))
    if skip:
        # Spark may move a filter below the projection that it reads from and so score twice; not for a nondeterministic function.
        scored = below.withColumn(temporary, udf.asNondeterministic()(argument, argument)).where(F.col(temporary).isNotNull())
    else:
        scored = below.withColumn(temporary, udf(argument, argument))
    added = [_finish(F.col(temporary) if alone else F.col(temporary).getField(f.name), f, metadata) for f, metadata in fields]
    return scored.select("*", *added).drop(argument, temporary)


def _of_struct(score: Score, names: list[str], alone: bool) -> Callable[[Any, Any], Any]:
    def run(rows: Any, _: Any) -> Any:
        scored = score(names, rows.flatten())
        return scored.flatten()[0] if alone else scored

    run.__annotations__ = {"rows": pyarrow.Array, "_": pyarrow.Array, "return": pyarrow.Array}
    return run


def _of_joined(score: Score, names: list[str], alone: bool) -> Callable[[Any, Any], Any]:
    """For many columns of one type: as one array they cost Spark a third less than each by itself."""

    def run(rows: Any, _: Any) -> Any:
        try:
            scored = score(["features"], [rows])
        except Exception:
            import pyarrow.compute

            scored = score(names, [pyarrow.compute.list_element(rows, k) for k in range(len(names))])  # fails again, and names the column
        return scored.flatten()[0] if alone else scored

    run.__annotations__ = {"rows": pyarrow.Array, "_": pyarrow.Array, "return": pyarrow.Array}
    return run


def _by_map(df: Any, score: Score, kind: StructType, features: Sequence[str], fields: list[tuple[StructField, dict[str, Any]]]) -> Any:
    """All columns pass through Python: the way of Spark 4.0, which has no arrow_udf."""
    wanted, all_names, features = [df.columns.index(f) for f in features], list(df.columns), list(features)

    def run(batches: Iterator[Any]) -> Iterator[Any]:
        import pyarrow

        for batch in batches:
            scored = score(features, [batch.column(i) for i in wanted])
            arrays = [*batch.columns, *scored.flatten()]
            made = pyarrow.RecordBatch.from_arrays(arrays, names=[*all_names, *[f.name for f in scored.type]])
            yield made.filter(scored.is_valid()) if scored.null_count else made

    plain = df.select(*[column(c).alias(name) for c, name in zip(all_names, plain_names(all_names))])
    scored = plain.mapInArrow(run, StructType([*df.schema.fields, *kind.fields]))
    return scored.select(*[column(c) for c in df.columns], *[_finish(column(f.name), f, metadata) for f, metadata in fields])


def _finish(scored: Any, f: StructField, metadata: dict[str, Any], nulls: bool = False) -> Any:
    """An output column as spark.ml has it: arrays that stand for vectors made vectors, name and metadata. nulls: there may be some, which Spark's function does not take."""
    if isinstance(f.dataType, VectorUDT):
        scored = F.when(scored.isNotNull(), array_to_vector(scored)) if nulls else array_to_vector(scored)
    return scored.alias(f.name, metadata=metadata)
