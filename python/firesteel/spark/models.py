"""models - NNClassifierModel, NNRegressorModel and NNEstimatorModel: trained networks that score tables, after the law of spark.ml."""
from __future__ import annotations

import dataclasses
import hashlib
from typing import Any, Optional, Sequence

import numpy
import pyarrow
from pyspark import keyword_only
from pyspark.ml.base import Model
from pyspark.ml.linalg import DenseVector, Vector
from pyspark.ml.util import MLReadable, MLWritable
from pyspark.sql.types import StructType

from .. import _lookups
from ..executor import engine, score
from . import files, nets, persist, schema, wiring
from .errors import fail
from .params import ANY_MODEL, CLASSIFIER_MODEL, REGRESSOR_MODEL, TableParams, bad, with_params
from .summary import TrainingSummary
from .transform import add_columns, output_fields


class Readable(MLReadable):  # type: ignore[type-arg]
    """What reads back what write() saved: X.load(path), X.read().load(path)."""

    @classmethod
    def read(cls) -> persist.Reader:
        """A reader of what write() saved."""
        return persist.Reader(cls)


class NNModel(Model, TableParams, MLWritable, Readable):
    """What all models share: the network as the bytes of its ONNX file, read when first needed."""

    _head: Optional[nets.Head] = None
    _content: bytes = b""
    _summary: Optional[TrainingSummary] = None

    @keyword_only
    def __init__(self) -> None:
        super().__init__()
        self._start({})
        self._loaded: Any = None

    @classmethod
    def _made(cls, content: bytes, head: nets.Head) -> Any:
        model = cls()
        model._content, model._head = content, head
        return model

    @classmethod
    def _from_saved(cls, content: Optional[bytes], mine: dict[str, Any]) -> Any:
        head = nets.Head.of(mine.get("head"))
        if content is None or head is None:
            raise fail(5004, "a saved model without its network or the description of its last layer")
        return cls._made(content, head)

    def write(self) -> persist.Writer:
        """A writer: write().overwrite().save(path)."""
        self._network()
        assert self._head is not None
        return persist.Writer(self, self._content, {"head": self._head.plain})

    def _network(self) -> Any:
        if self._loaded is None:
            if not self._content:
                raise fail(1006, f"{type(self).__name__} holds no network; it comes from fit or load")
            self._loaded = engine.load(self._content)
        return self._loaded

    @property
    def network(self) -> Any:
        """The trained network as a local firesteel.Sequential, a fresh one each time."""
        from .. import Sequential

        self._network()
        return Sequential._wrap(engine.load(self._content))

    @property
    def numFeatures(self) -> int:
        """Numbers per row that the network takes."""
        return int(numpy.prod(self._network().info()["input"][1:], dtype=numpy.int64))

    @property
    def hasSummary(self) -> bool:
        """Whether this model was trained in this session, and not loaded."""
        return self._summary is not None

    @property
    def summary(self) -> TrainingSummary:
        """How the training went."""
        if self._summary is None:
            raise RuntimeError(f"No training summary available for this {type(self).__name__}: it was loaded, not trained here")
        return self._summary

    # -- scoring

    def _outputs(self) -> score.Outputs:
        assert self._head is not None
        if not self._head.parts:
            return self._read(self._head, self._output_names()[0])
        parts = tuple(self._read(head, names) for head, names in zip(self._head.parts, self._output_names()))
        return score.Outputs("several", self._head.units, invalid=self.value("handleInvalid"), parts=parts)

    def _read(self, head: nets.Head, names: tuple[str, str, str]) -> score.Outputs:
        """How one output becomes the columns of these names."""
        return score.Outputs(head.head, head.units, prediction=bool(names[2]), invalid=self.value("handleInvalid"))

    def _output_names(self) -> list[tuple[str, str, str]]:
        """Of each output, the columns rawPrediction, probability and prediction; "" where there is none."""
        assert self._head is not None
        if not self._head.parts:
            return [("", "", self.value("predictionCol"))]
        return [("", "", name) for name in wiring.output_columns(self._ports(True), self.value("predictionCol"), None)]

    def _ports(self, output: bool) -> tuple[nets.Port, ...]:
        return nets.ports_of(self._network(), output)

    def _wires(self, table: StructType) -> wiring.Wires:
        """The feature columns of a table, judged."""
        ports = self._ports(False)
        wires = wiring.features(table, self, ports)
        wiring.check_widths(wires, {})
        width = wires.width()
        if width is not None and width != self.numFeatures:
            raise fail(1002, f"featuresCol={self.value('featuresCol')!r} gives {width} numbers per row, the network takes {self.numFeatures}")
        return wires

    def _call(self, names: list[str]) -> Optional[tuple[Any, ...]]:
        """The user's function that makes the features of columns, as it travels."""
        function = self.value("featurePreprocessing")
        return None if function is None else tuple(wiring.feature_call(function, names, self._ports(False)))

    def _scores(self, table: StructType) -> files.Scores:
        """Everything that transform and score_files need, judged by the schema alone."""
        wires, out, names = self._wires(table), self._outputs(), self._output_names()
        fields = [field for part, own in zip(out.parts or (out,), names) for field in output_fields(part, *own)]
        return files.Scores(self._content, wires.names, fields, "outputs", dataclasses.asdict(out))

    def _transform(self, dataset: Any) -> Any:
        ready, names = self._scores(schema.of(dataset, "transform")), self._output_names()
        roles = ("rawPredictionCol", "probabilityCol", "predictionCol")
        schema.free_outputs(dataset.schema, [(role, name) for own in names for role, name in zip(roles, own) if name])
        return add_columns(dataset, hashlib.sha256(self._content).hexdigest(), self._content, ready.features, self._outputs(), ready.fields, self._call(ready.features),
                           not self.value("categoricalCols"))

    def score_files(self, input: Any, output: str, columns: Optional[Sequence[str]] = None, mode: str = "error") -> Any:
        """Score Parquet files without a way through the JVM, and write Parquet; see files.score_files."""
        if self.value("featurePreprocessing") is not None:
            raise fail(1005, "score_files does not call featurePreprocessing; transform does")
        return files.score_files(self._scores, input, output, columns, mode)

    def _score_row(self, value: Any) -> tuple[score.Outputs, numpy.ndarray, Optional[numpy.ndarray]]:
        """One row: its numbers, or a dict or Row of its columns."""
        out = self._outputs()
        if out.parts:
            raise fail(1005, f"{type(self).__name__}: the network has several outputs; model.network.predict gives all of them")
        named = value.asDict() if hasattr(value, "asDict") else value if isinstance(value, dict) else None
        if named is not None:
            names = self._column_names()
            missing = [n for n in names if n not in named]
            if missing:
                raise fail(2001, f"the row has no column {missing[0]!r}; {schema.nearest(missing[0], list(named))}")
            arrays = [pyarrow.array([v.toArray().tolist() if isinstance(v, Vector) else v]) for v in (named[n] for n in names)]
        else:
            row = value.toArray() if isinstance(value, Vector) else numpy.asarray(value, numpy.float64)
            if row.size != self.numFeatures:
                raise fail(1002, f"a row of {row.size} numbers; the network takes {self.numFeatures}")
            names, arrays = ["features"], [pyarrow.FixedSizeListArray.from_arrays(pyarrow.array(row.reshape(-1).astype(numpy.float64)), row.size)]
        if named is not None:
            names, arrays = score.prepared(self._network(), names, arrays, self._call(names))
        own = dict(zip(names, arrays))
        y, logits = engine.predict(self._network(), pyarrow.RecordBatch.from_arrays(list(own.values()), names=list(own)), names, "keep")
        y = y.reshape(1, -1)
        return out, y, None if logits is None else logits.reshape(1, -1)

    def _column_names(self) -> list[str]:
        """The feature columns in their order, as the Params name them."""
        given, column, categories = self.value("inputCols"), self.value("featuresCol"), self.value("categoricalCols") or []
        if given is not None:
            ports = [port.name for port in self._ports(False)]
            return [c for name in ports for c in (given[name] if name in given else next(iter(given.values())))]
        known = _lookups.of(self._network())
        names = [column] if isinstance(column, str) else list(column)
        if known is not None and not self.isSet("featuresCol") and 0 in {at for c in known.columns for at in c.at}:
            names = []
        return names + [c for c in categories if c not in names]

    def __repr__(self) -> str:
        return f"{type(self).__name__}: uid={self.uid}" + (f", {self.numFeatures} features, {len(self._content):,} bytes" if self._content else "")


@with_params(CLASSIFIER_MODEL)
class NNClassifierModel(NNModel):
    """A trained network that scores tables: adds rawPrediction, probability and prediction."""

    @property
    def numClasses(self) -> int:
        """Classes, or labels of a multi-label model."""
        return self._outputs().classes

    def _read(self, head: nets.Head, names: tuple[str, str, str]) -> score.Outputs:
        out = score.Outputs(head.head, head.units, raw=bool(names[0]), probability=bool(names[1]), prediction=bool(names[2]), invalid=self.value("handleInvalid"))
        thresholds = self.value("thresholds")
        if thresholds is None:
            return out
        if len(thresholds) != out.classes:
            raise bad("thresholds", thresholds, f"{out.classes} numbers, one per class")
        return dataclasses.replace(out, thresholds=tuple(thresholds))

    def _output_names(self) -> list[tuple[str, str, str]]:
        assert self._head is not None
        raw, *others = (self.value(name) for name in ("rawPredictionCol", "probabilityCol", "predictionCol"))
        if not self._head.parts:
            return [(raw, *others)]
        # The engine gives the logits of a network with one output alone.
        probability, prediction = (wiring.output_columns(self._ports(True), base, None) for base in others)
        return [("", *own) for own in zip(probability, prediction)]

    def predict(self, value: Any) -> Any:
        """The class of one row (a vector or array); for a multi-label model the list of its labels."""
        out, y, logits = self._score_row(value)
        made = score.columns(dataclasses.replace(out, raw=False, probability=False, prediction=True), y, logits)[0]
        return made[0].as_py()

    def predictRaw(self, value: Any) -> DenseVector:
        """Logits of one row."""
        return DenseVector(score.raw_and_probability(*self._score_row(value))[0][0])

    def predictProbability(self, value: Any) -> DenseVector:
        """Probability of each class for one row."""
        return DenseVector(score.raw_and_probability(*self._score_row(value))[1][0])


@with_params(REGRESSOR_MODEL)
class NNRegressorModel(NNModel):
    """A trained network that scores tables: adds prediction, a number, or a vector when the label was one."""

    def predict(self, value: Any) -> Any:
        """The prediction for one row: a number, or a vector for several targets."""
        out, y, _ = self._score_row(value)
        return float(y[0, 0]) if out.units == 1 else DenseVector(y[0].astype(numpy.float64))


@with_params(ANY_MODEL)
class NNEstimatorModel(NNRegressorModel):
    """A trained network of any kind that scores tables: adds a column for each output, a number or a vector of its numbers."""

    def _output_names(self) -> list[tuple[str, str, str]]:
        return [("", "", name) for name in wiring.output_columns(self._ports(True), self.value("predictionCol"), self.value("outputCols"))]
