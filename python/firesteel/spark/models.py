"""models - NNClassifierModel and NNRegressorModel: trained networks that score tables, after the law of spark.ml."""
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

from ..executor import engine, score
from . import files, nets, persist, schema
from .errors import fail
from .params import CLASSIFIER_MODEL, REGRESSOR_MODEL, TableParams, bad, with_params
from .summary import TrainingSummary
from .transform import add_columns, output_fields


class Readable(MLReadable):  # type: ignore[type-arg]
    """What reads back what write() saved: X.load(path), X.read().load(path)."""

    @classmethod
    def read(cls) -> persist.Reader:
        """A reader of what write() saved."""
        return persist.Reader(cls)


class NNModel(Model, TableParams, MLWritable, Readable):
    """What both models share: the network as the bytes of its ONNX file, read when first needed."""

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
        head = mine.get("head")
        if content is None or not isinstance(head, dict) or set(head) != {"head", "units", "loss"}:
            raise fail(5004, "a saved model without its network or the description of its last layer")
        return cls._made(content, nets.Head(str(head["head"]), int(head["units"]), str(head["loss"])))

    def write(self) -> persist.Writer:
        """A writer: write().overwrite().save(path)."""
        self._network()
        assert self._head is not None
        return persist.Writer(self, self._content, {"head": self._head._asdict()})

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
        raise NotImplementedError

    def _output_names(self) -> tuple[str, str, str]:
        raise NotImplementedError

    def _scores(self, table: StructType) -> files.Scores:
        """Everything that transform and score_files need, judged by the schema alone."""
        self._network()
        features = schema.features(table, self.value("featuresCol"))
        width = schema.width(features)
        if width is not None and width != self.numFeatures:
            raise fail(1002, f"featuresCol={self.value('featuresCol')!r} gives {width} numbers per row, the network takes {self.numFeatures}")
        out = self._outputs()
        return files.Scores(self._content, [f.name for f in features], output_fields(out, *self._output_names()), "outputs", dataclasses.asdict(out))

    def _transform(self, dataset: Any) -> Any:
        ready = self._scores(dataset.schema)
        roles = zip(("rawPredictionCol", "probabilityCol", "predictionCol"), self._output_names())
        schema.free_outputs(dataset.schema, [(role, name) for role, name in roles if name])
        return add_columns(dataset, hashlib.sha256(self._content).hexdigest(), self._content, ready.features, self._outputs(), ready.fields)

    def score_files(self, input: Any, output: str, columns: Optional[Sequence[str]] = None, mode: str = "error") -> Any:
        """Score Parquet files without a way through the JVM, and write Parquet; see files.score_files."""
        return files.score_files(self._scores, input, output, columns, mode)

    def _score_row(self, value: Any) -> tuple[score.Outputs, numpy.ndarray, Optional[numpy.ndarray]]:
        row = value.toArray() if isinstance(value, Vector) else numpy.asarray(value, numpy.float64)
        if row.size != self.numFeatures:
            raise fail(1002, f"a row of {row.size} numbers; the network takes {self.numFeatures}")
        batch = pyarrow.RecordBatch.from_arrays([pyarrow.FixedSizeListArray.from_arrays(pyarrow.array(row.reshape(-1).astype(numpy.float64)), row.size)], names=["features"])
        y, logits = engine.predict(self._network(), batch, ["features"], "keep")
        y = y.reshape(1, -1)
        return self._outputs(), y, None if logits is None else logits.reshape(1, -1)

    def __repr__(self) -> str:
        return f"{type(self).__name__}: uid={self.uid}" + (f", {self.numFeatures} features, {len(self._content):,} bytes" if self._content else "")


@with_params(CLASSIFIER_MODEL)
class NNClassifierModel(NNModel):
    """A trained network that scores tables: adds rawPrediction, probability and prediction."""

    @property
    def numClasses(self) -> int:
        """Classes, or labels of a multi-label model."""
        return self._outputs().classes

    def _outputs(self) -> score.Outputs:
        assert self._head is not None
        out = score.Outputs(self._head.head, self._head.units, raw=bool(self.value("rawPredictionCol")), probability=bool(self.value("probabilityCol")),
                            prediction=bool(self.value("predictionCol")), invalid=self.value("handleInvalid"))
        thresholds = self.value("thresholds")
        if thresholds is None:
            return out
        if len(thresholds) != out.classes:
            raise bad("thresholds", thresholds, f"{out.classes} numbers, one per class")
        return dataclasses.replace(out, thresholds=tuple(thresholds))

    def _output_names(self) -> tuple[str, str, str]:
        return self.value("rawPredictionCol"), self.value("probabilityCol"), self.value("predictionCol")

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

    def _outputs(self) -> score.Outputs:
        assert self._head is not None
        return score.Outputs("values", self._head.units, prediction=bool(self.value("predictionCol")), invalid=self.value("handleInvalid"))

    def _output_names(self) -> tuple[str, str, str]:
        return "", "", self.value("predictionCol")

    def predict(self, value: Any) -> Any:
        """The prediction for one row: a number, or a vector for several targets."""
        out, y, _ = self._score_row(value)
        return float(y[0, 0]) if out.units == 1 else DenseVector(y[0].astype(numpy.float64))
