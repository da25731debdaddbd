"""groups - one network for each group of a table, each trained where its rows lie, all in one job.

    models = fit_groups(df.groupBy("store"), NNRegressor(hiddenLayers=[16], epochs=20))
    models.transform(df).show()      # each row scored by its group's network
    models.models.show()             # store, rows, epochs, loss, history, seconds, error, model
"""
from __future__ import annotations

import dataclasses
from typing import Any, Callable, Iterable, Iterator, Optional, Sequence

from pyspark.ml.base import Model
from pyspark.ml.linalg import VectorUDT
from pyspark.ml.util import MLWritable
from pyspark.sql import functions as F
from pyspark.sql.types import (ArrayType, BinaryType, BooleanType, ByteType, DateType, DoubleType, IntegerType, LongType, ShortType, StringType, StructField, StructType,
                               TimestampNTZType, TimestampType)

from . import fit as fitting
from . import nets, persist, schema, session
from .errors import fail
from .models import Readable
from .params import TableParams
from .transform import _finish, output_fields

KEYS = (StringType, ByteType, ShortType, IntegerType, LongType, BooleanType, DateType, TimestampType, TimestampNTZType)
TOLD = "model binary, rows bigint, epochs int, loss double, history map<string,array<double>>, seconds double, error string"
PARTS = 4  # partitions for each slot, so that slots whose groups are done early get more


def fit_groups(grouped: Any, estimator: Any, verbose: int = 1) -> "GroupsModel":
    """Train `estimator`'s network once for each group of `grouped`, df.groupBy(columns), each by itself: the same bits as estimator.fit on the group's rows
    with numWorkers=1. A group that fails is a row with its error in `.models`; the others do not hear of it."""
    from .estimators import NNEstimatorBase

    df, keys = _keys(grouped)
    if not isinstance(estimator, NNEstimatorBase):
        raise fail(1004, f"fit_groups: estimator is a {type(estimator).__name__}; expected an estimator of firesteel.spark with a network, NNClassifier or NNRegressor")
    plan = estimator._plan(df, 1)
    if plan.fields.get("checkpoint_dir") is not None:
        raise fail(1001, "fit_groups: checkpointDir is of one training; leave it out, groups that are lost are trained again")
    schema.roles_apart([("labelCol", plan.label.name), *[("groupBy", k.name) for k in keys]])  # a key may well be a feature, too
    marked = [f"firesteel key {i}" for i in range(len(keys))]
    with_keys = df.select("*", *[fitting.column(k.name).alias(m) for k, m in zip(keys, marked)])
    frame, job = fitting.prepare(with_keys, plan.features, plan.labels, [*plan.others, *marked], plan.fields)
    spark = df.sparkSession
    parted = frame.repartition(PARTS * session.slots(spark), *marked).sortWithinPartitions(*marked)
    kinds = ", ".join(f"`{m}` {k.dataType.simpleString()}" for m, k in zip(marked, keys))
    trained = parted.mapInArrow(_fit_task(job.fields, marked), f"{kinds}, {TOLD}")
    named = trained.select(*[F.col(m).alias(k.name) for m, k in zip(marked, keys)], "rows", "epochs", "loss", "history", "seconds", "error", "model").persist()
    said = fitting.collect(df, lambda: named.agg(F.count(F.lit(1)).alias("groups"), F.count("error").alias("failed"), F.sum("rows").alias("rows"), F.avg("loss").alias("loss"),
                                                 F.min("error").alias("error")).collect(), "training groups")[0]
    if not said["groups"]:
        raise fail(2007, "the table has no rows to train on")
    prototype = estimator._model_class._made(b"", plan.head)
    estimator._copyValues(prototype)
    model = GroupsModel._made(named, [k.name for k in keys], prototype)
    model.trained, model.failed = int(said["groups"] - said["failed"]), int(said["failed"])
    if verbose:
        print(f"{model.trained:,} groups of {said['rows']:,} rows trained" + (f", mean loss {said['loss']:.4f}" if said["loss"] is not None else "") +
              (f"; {model.failed:,} failed, for one: {str(said['error'])[:200]}" if model.failed else ""), flush=True)
    return model


def _keys(grouped: Any) -> tuple[Any, list[StructField]]:
    """The table below a groupBy, and its columns that are grouped by."""
    df = getattr(grouped, "_df", None)
    if df is None or not hasattr(grouped, "agg"):
        raise fail(1004, f"fit_groups: {type(grouped).__name__} is no grouped table; give df.groupBy(columns)")
    names = [f.name for f in grouped.agg(F.count(F.lit(1))).schema.fields[:-1]]
    if not names:
        raise fail(1001, "fit_groups: groupBy() without columns; to train on the whole table call the estimator's fit")
    known = {f.name for f in df.schema.fields}
    found = []
    for name in names:
        if name not in known:
            raise fail(2001, f"fit_groups: grouped by {name!r}, which is no column of the table; add it first: df.withColumn(name, ...).groupBy(name)")
        f = schema.field(df.schema, name, "groupBy")
        if not isinstance(f.dataType, KEYS):
            raise fail(2002, f"fit_groups: grouped by {name!r}, which is {schema.says(f.dataType)}; expected a string, whole number, boolean, date or timestamp")
        found.append(f)
    return df, found


def _fit_task(fields: dict[str, Any], keys: Sequence[str]) -> Callable[[Iterable[Any]], Iterator[Any]]:
    find_wheel = session.wheel_finder()

    def run(batches: Iterable[Any]) -> Iterator[Any]:
        find_wheel()
        from firesteel.executor.groups import fit_groups
        from firesteel.executor.job import Job

        yield from fit_groups(batches, Job(**fields), keys)

    return run


class GroupsModel(Model, TableParams, MLWritable, Readable):
    """The networks of many groups. `models` is the table of them; transform scores each row by its group's, and gives nulls to groups without one."""

    models: Any = None
    trained = failed = 0  # groups

    def __init__(self) -> None:
        super().__init__()
        self._start({})
        self.keys: list[str] = []
        self._prototype: Any = None  # a model without a network: the Params of scoring

    @classmethod
    def _made(cls, models: Any, keys: Sequence[str], prototype: Any) -> "GroupsModel":
        made = cls()
        made.models, made.keys, made._prototype = models, list(keys), prototype
        return made

    def of(self, *key: Any) -> Any:
        """The model of one group, by its key's values: an NNClassifierModel or NNRegressorModel."""
        if len(key) != len(self.keys):
            raise fail(1001, f"of{key}: {len(key)} values; the groups have the keys {', '.join(self.keys)}")
        where = F.lit(True)
        for name, value in zip(self.keys, key):
            where = where & fitting.column(name).eqNullSafe(F.lit(value))
        rows = self.models.where(where).select("model", "error").limit(1).collect()
        if not rows or rows[0]["model"] is None:
            raise fail(1003, f"of{key}: " + (f"this group failed: {rows[0]['error']}" if rows else "there is no such group"))
        made = type(self._prototype)._made(bytes(rows[0]["model"]), self._prototype._head)
        self._prototype._copyValues(made)
        return made

    def _transform(self, dataset: Any) -> Any:
        table, p = dataset.schema, self._prototype
        keys = [schema.field(table, k, "groupBy") for k in self.keys]
        features = schema.features(table, p.value("featuresCol"))
        out = p._outputs()
        raw, probability, prediction = p._output_names()[0]
        fields = output_fields(out, raw, probability, prediction)
        schema.free_outputs(table, [(role, name) for role, name in (("rawPredictionCol", raw), ("probabilityCol", probability), ("predictionCol", prediction)) if name])
        if not fields:
            return dataset
        names = {f.name: f"firesteel column {i}" for i, f in enumerate(table.fields)}
        plain = dataset.select(*[fitting.column(f.name).alias(names[f.name]) for f in table.fields])
        files = self.models.where("model is not null").select(*[fitting.column(k).cast(f.dataType).alias(names[f.name]) for k, f in zip(self.keys, keys)], "model")
        # A group's file comes before its rows: one shuffle, one sort, and no row carries a network.
        both = plain.withColumn("model", F.lit(None).cast(BinaryType())).unionByName(files, allowMissingColumns=True)
        by = [names[f.name] for f in keys]
        parted = both.repartition(PARTS * session.slots(dataset.sparkSession), *by).sortWithinPartitions(*by, F.col("model").isNull())
        kinds = [StructField(f.name, ArrayType(DoubleType()) if isinstance(f.dataType, VectorUDT) else f.dataType) for f, _ in fields]
        outputs = [StructField(f"firesteel output {i}", k.dataType) for i, k in enumerate(kinds)]
        task = _score_task(by, [names[f.name] for f in features], dataclasses.asdict(out), [(o.name, isinstance(o.dataType, ArrayType)) for o in outputs])
        scored = parted.mapInArrow(task, StructType([*[StructField(names[f.name], f.dataType) for f in table.fields], *outputs]))
        return scored.select(*[F.col(names[f.name]).alias(f.name, metadata=f.metadata) for f in table.fields],
                             *[_finish(F.col(o.name), f, metadata, nulls=True) for o, (f, metadata) in zip(outputs, fields)])

    def write(self) -> "GroupsWriter":
        """A writer: write().overwrite().save(path)."""
        p = self._prototype
        kept = {param.name: value for param, value in {**p._defaultParamMap, **p._paramMap}.items()}
        return GroupsWriter(self, None, {"keys": self.keys, "kind": type(p).__name__, "params": kept, "head": p._head._asdict(), "trained": self.trained, "failed": self.failed})

    @classmethod
    def read(cls) -> "GroupsReader":
        """A reader of what write() saved."""
        return GroupsReader(cls)

    @classmethod
    def _from_saved(cls, content: Optional[bytes], mine: dict[str, Any]) -> Any:
        from .models import NNClassifierModel, NNRegressorModel

        kinds = {c.__name__: c for c in (NNClassifierModel, NNRegressorModel)}
        if mine.get("kind") not in kinds or not isinstance(mine.get("keys"), list) or not isinstance(mine.get("params"), dict):
            raise fail(5004, "the metadata of saved groups lack what they were trained by")
        head = mine["head"]
        prototype = kinds[mine["kind"]]._made(b"", nets.Head(str(head["head"]), int(head["units"]), str(head["loss"])))
        prototype._set(**mine["params"])
        made = cls._made(None, mine["keys"], prototype)
        made.trained, made.failed = int(mine["trained"]), int(mine["failed"])
        return made

    def __repr__(self) -> str:
        return f"GroupsModel: uid={self.uid}, {self.trained:,} groups by {', '.join(self.keys)}" + (f", {self.failed:,} failed" if self.failed else "")


def _score_task(keys: Sequence[str], features: Sequence[str], fields: dict[str, Any], outputs: Sequence[tuple[str, bool]]) -> Callable[[Iterable[Any]], Iterator[Any]]:
    find_wheel = session.wheel_finder()

    def run(batches: Iterable[Any]) -> Iterator[Any]:
        find_wheel()
        import pyarrow

        from firesteel.executor.groups import score_groups
        from firesteel.executor.score import Outputs

        kinds = pyarrow.struct([(name, pyarrow.list_(pyarrow.float64()) if several else pyarrow.float64()) for name, several in outputs])
        yield from score_groups(batches, keys, "model", features, Outputs(**fields), kinds)

    return run


class GroupsWriter(persist.Writer):
    """PATH/models/ is the table of models as Parquet, beside metadata/."""

    def save(self, path: str) -> None:
        spark = persist.session_of(self)
        if not self.shouldOverwrite and persist._exists(spark, path):
            raise fail(5001, f"{path} exists; write().overwrite().save(path) replaces it")
        persist._attempt(spark, path, lambda: self._instance.models.write.mode("overwrite").parquet(f"{path}/models"))
        super().save(path)


class GroupsReader(persist.Reader):
    """Class.load(path)."""

    def load(self, path: str) -> Any:
        made = super().load(path)
        spark = persist.session_of(self)
        made.models = persist._attempt(spark, path, lambda: spark.read.parquet(f"{path}/models"))
        return made
