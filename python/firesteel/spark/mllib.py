"""mllib - Spark MLlib's MultilayerPerceptronClassifier by its own name: same Params, defaults, methods and order of weights, trained by firesteel.

Hidden layers are sigmoid, the last is softmax, numbers are float64, the loss is the mean over all rows. Spark's own objective is a mean of
means of blocks, so there blockSize decides where it ends; here blockSize is accepted and does not matter.
What it has beyond Spark's is in Perceptron, which mllib_regression.py shares.
"""
from __future__ import annotations

import functools
import json
import math
from typing import Any, Callable, Optional

import numpy
from pyspark import keyword_only
from pyspark.errors import IllegalArgumentException, SparkRuntimeException
from pyspark.ml import classification as theirs
from pyspark.ml.classification import ProbabilisticClassificationModel, ProbabilisticClassifier, _MultilayerPerceptronParams
from pyspark.ml.linalg import DenseVector, Vector
from pyspark.ml.param import Param, Params, TypeConverters
from pyspark.ml.param.shared import HasRegParam, HasValidationIndicatorCol, HasWeightCol
from pyspark.ml.util import MLReadable, MLWritable
from pyspark.sql import functions as F
from pyspark.sql.types import DecimalType

from ..errors import FiresteelError
from ..executor import engine
from ..executor.job import Recipe, pack_arrays
from . import fit as fitting
from . import nets, persist, schema, session, xorshift
from .errors import fail
from .models import NNClassifierModel
from .params import bad

SPARK = "org.apache.spark.ml.classification."
ENOUGH = 1000  # rows that are worth another worker
PATIENCE = 10  # iterations that do not lower the loss of validation rows


class _Reader(persist.Reader):
    """Reads what write() saved, and what Spark's class of the same name saved."""

    def load(self, path: str) -> Any:
        metadata = self._peek(path)
        if metadata is None or metadata.get("class") != SPARK + self._cls.__name__:
            return super().load(path)
        instance = self._cls._from_spark(persist.session_of(self), path, metadata)
        instance._resetUid(metadata["uid"])
        for section, set_ in (("defaultParamMap", instance._setDefault), ("paramMap", instance._set)):
            for name, value in metadata.get(section, {}).items():
                if instance.hasParam(name):
                    set_(**{name: DenseVector(value["values"]) if isinstance(value, dict) and "values" in value else value})
        return instance

    def _peek(self, path: str) -> Optional[dict[str, Any]]:
        try:
            spark = persist.session_of(self)
            with session.described(spark, persist.SAYS + path):
                found = json.loads(spark.read.text(f"{path}/metadata").first()[0])
        except Exception:
            return None  # the usual reader says what is wrong
        return found if isinstance(found, dict) else None


class _Readable(MLReadable):  # type: ignore[type-arg]
    @classmethod
    def read(cls) -> _Reader:
        """A reader of what write() saved, here or in Spark."""
        return _Reader(cls)


def _workers(value: Any) -> Any:
    return value if isinstance(value, str) and value == "auto" else TypeConverters.toInt(value)


class Perceptron(HasWeightCol, HasRegParam, HasValidationIndicatorCol):
    """What our perceptrons take beyond Spark's."""

    numWorkers: Param[Any] = Param(Params._dummy(), "numWorkers", "Spark tasks that train together; 'auto': as many as the application has slots, fewer for a small table",
                                   typeConverter=_workers)
    dtype: Param[str] = Param(Params._dummy(), "dtype", "numbers to compute with: float64 as Spark, or float32", typeConverter=TypeConverters.toString)

    def __init__(self, *args: Any):
        super().__init__(*args)
        self._setDefault(numWorkers="auto", regParam=0.0, dtype="float64")

    def getNumWorkers(self) -> Any:
        """Value of numWorkers."""
        return self.getOrDefault(self.numWorkers)

    def getDtype(self) -> str:
        """Value of dtype."""
        return self.getOrDefault(self.dtype)

    def setNumWorkers(self, value: Any) -> Any:
        """Set how many tasks train together; "auto": as many as fit."""
        return self._set(numWorkers=value)

    def setDtype(self, value: str) -> Any:
        """Set the numbers to compute with: float64 or float32."""
        return self._set(dtype=value)

    def setWeightCol(self, value: str) -> Any:
        """Set the column with the weight of each row."""
        return self._set(weightCol=value)

    def setRegParam(self, value: float) -> Any:
        """Set the regularization: regParam / 2 times the sum of squares of all weights but biases is added to the loss."""
        return self._set(regParam=value)

    def setValidationIndicatorCol(self, value: str) -> Any:
        """Set the boolean column that marks rows to validate on: training ends when their loss gets no better, and the best weights are kept."""
        return self._set(validationIndicatorCol=value)

    @classmethod
    def _entries(cls) -> list[Any]:
        return [value for name in dir(cls) if isinstance(value := getattr(cls, name, None), Param)]


class _Shared(Perceptron, _MultilayerPerceptronParams):
    """The classifier's Params."""


def refused(work: Callable[..., Any]) -> Callable[..., Any]:
    """What Spark refuses as an IllegalArgumentException is one here as well: wrong Params, columns, shapes and labels. What is wrong with values is also
    a SparkRuntimeException, as there."""

    @functools.wraps(work)
    def checked(self: Any, dataset: Any) -> Any:
        try:
            return work(self, dataset)
        except FiresteelError as error:
            if error.code[:3] in ("FS1", "FS2") and not isinstance(error, IllegalArgumentException):
                kind: Any = type(error)
                error.__class__ = _both(kind, error.code in ("FS2003", "FS2004", "FS2006"))
            raise

    return checked


@functools.lru_cache(maxsize=None)
def _both(kind: type, values: bool) -> type:
    return type(kind.__name__, (kind, IllegalArgumentException, *([SparkRuntimeException] if values else [])), {"__module__": kind.__module__})


def sizes(layers: list[int]) -> list[tuple[int, int]]:
    """Inputs and units of each dense layer."""
    return list(zip(layers[:-1], layers[1:]))


def weight_count(layers: list[int]) -> int:
    return sum((n + 1) * units for n, units in sizes(layers))


def to_recipe(layers: list[int], weights: numpy.ndarray, last: str = "softmax", dtype: str = "float64", reg: float = 0.0) -> Recipe:
    """The network with MLlib's flat weights: layer by layer, the matrix [inputs][units], then the biases."""
    arrays, at = {}, 0
    weights = numpy.asarray(weights, dtype)
    for i, (n, units) in enumerate(sizes(layers)):
        arrays[str(2 * i)] = weights[at:at + n * units].reshape(n, units)
        arrays[str(2 * i + 1)] = weights[at + n * units:at + (n + 1) * units]
        at += (n + 1) * units
    plain = nets.short_recipe(layers[1:-1], "sigmoid", layers[-1], last).layers
    if reg:
        plain = tuple((kind, f'{attrs} kernel_regularizer="L2 l2={float(reg) / 2!r}"') for kind, attrs in plain)
    return Recipe(plain, dtype=dtype, input=(layers[0],), weights=pack_arrays(arrays))


def first_weights(layers: list[int], seed: int) -> numpy.ndarray:
    """What MLlib begins with for this seed: uniform within 2.4 / sqrt(inputs of the layer), biases too."""
    scales = numpy.concatenate([numpy.full((n + 1) * units, math.sqrt(n)) for n, units in sizes(layers)])
    drawn: numpy.ndarray = (xorshift.uniform(seed, len(scales)) * 4.8 - 2.4) / scales
    return drawn


class Trainer(Perceptron):
    """How both perceptrons are fitted."""

    def setLayers(self, value: list[int]) -> Any:
        """Set the units of all layers, inputs and classes included."""
        return self._set(layers=value)

    def setBlockSize(self, value: int) -> Any:
        """Set blockSize, which does not matter here."""
        return self._set(blockSize=value)

    def setInitialWeights(self, value: Vector) -> Any:
        """Set the weights to start from, in MLlib's order."""
        return self._set(initialWeights=value)

    def setMaxIter(self, value: int) -> Any:
        """Set how many iterations there may be."""
        return self._set(maxIter=value)

    def setSeed(self, value: int) -> Any:
        """Set what decides the first weights."""
        return self._set(seed=value)

    def setTol(self, value: float) -> Any:
        """Set how little improvement ends fitting."""
        return self._set(tol=value)

    def setStepSize(self, value: float) -> Any:
        """Set the step of solver gd."""
        return self._set(stepSize=value)

    def setSolver(self, value: str) -> Any:
        """Set the solver: l-bfgs or gd."""
        return self._set(solver=value)

    def write(self) -> persist.Writer:
        """A writer: write().overwrite().save(path)."""
        return persist.Writer(self, None, {})

    @classmethod
    def _from_saved(cls, content: Optional[bytes], mine: dict[str, Any]) -> Any:
        return cls()

    @classmethod
    def _from_spark(cls, spark: Any, path: str, metadata: dict[str, Any]) -> Any:
        return cls()

    def _fit(self, dataset: Any) -> Any:
        return self._train(dataset)

    @property
    def _last(self) -> tuple[str, str]:
        """The activation of the last layer, and the loss."""
        raise NotImplementedError

    def _check_label(self, label: schema.Label, layers: list[int]) -> None:
        raise NotImplementedError

    def _look(self, dataset: Any, label: schema.Label, layers: list[int]) -> tuple[int, Optional[int]]:
        """After one small job: how many rows there are, and how many classes."""
        raise NotImplementedError

    def _model(self, content: bytes, result: Optional[dict[str, Any]], dataset: Any) -> Any:
        raise NotImplementedError

    @refused
    def _train(self, dataset: Any) -> Any:
        me: Any = self  # Params of both
        layers = list(me.getLayers()) if me.isDefined(me.layers) else []
        if len(layers) < 2 or min(layers) < 1:
            raise bad("layers", layers, "at least two whole numbers above 0: inputs, units of hidden layers, outputs")
        if any(f.name == me.getLabelCol() and isinstance(f.dataType, DecimalType) for f in dataset.schema.fields):  # numbers to Spark's class as well
            dataset = dataset.withColumn(me.getLabelCol(), fitting.column(me.getLabelCol()).cast("double"))
        columns = dataset.schema
        features, label = schema.features(columns, me.getFeaturesCol()), schema.label(columns, me.getLabelCol())
        self._check_label(label, layers)
        weight = schema.weight(columns, me.getWeightCol() if me.isDefined(me.weightCol) and me.getWeightCol() else None)
        marked = schema.indicator(columns, me.getValidationIndicatorCol() if me.isDefined(me.validationIndicatorCol) else None)
        width = schema.width(features)
        if width is not None and width != layers[0]:
            raise fail(1002, f"layers={layers} begins with {layers[0]} inputs, featuresCol={me.getFeaturesCol()!r} has {width} numbers per row")
        epochs, tol, reg, dtype = me.getMaxIter(), me.getTol(), me.getRegParam(), me.getDtype()
        for name, value in (("maxIter", epochs), ("tol", tol), ("regParam", reg)):
            if value < 0:
                raise bad(name, value, "a number of at least 0")
        for name in ("blockSize", "stepSize"):
            if self.getOrDefault(name) <= 0:
                raise bad(name, self.getOrDefault(name), "a number above 0")
        if dtype not in engine.TYPES:
            raise bad("dtype", dtype, "'float64' or 'float32'")
        if self.getNumWorkers() != "auto" and self.getNumWorkers() < 1:
            raise bad("numWorkers", self.getNumWorkers(), "a whole number of at least 1, or 'auto'")
        optimizers = {"l-bfgs": f"LBFGS tol=0 gradient_tol={float(min(tol, 1.0))!r}", "gd": f"SGD learning_rate={float(me.getStepSize())!r}"}
        if me.getSolver() not in optimizers:
            raise bad("solver", me.getSolver(), "'l-bfgs' or 'gd'")
        start = first_weights(layers, me.getSeed())
        if me.isSet(me.initialWeights):
            start = me.getInitialWeights().toArray()
            if len(start) != weight_count(layers):
                raise bad("initialWeights", f"{len(start)} numbers", f"{weight_count(layers)} for layers={layers}")
        activation, loss = self._last
        descends = me.getSolver() == "gd"
        if descends and tol > 1:
            raise bad("tol", tol, "a number from 0 to 1 with solver='gd'")
        recipe, optimizer = to_recipe(layers, start, activation, dtype, reg), optimizers[me.getSolver()]
        nets.check(recipe, optimizer, loss, "", width)
        spark, workers = dataset.sparkSession, self.getNumWorkers()
        if workers != "auto":
            session.check_slots(spark, workers)
        rows, classes = self._look(dataset, label, layers)
        if workers == "auto":
            workers = max(1, min(session.workers(spark, "auto"), rows // ENOUGH))
        trained = fitting.run(
            dataset, features, label.name, [c for c in (weight, marked) if c is not None], 0, version=engine.version(), recipe=recipe.text,
            recipe_weights=recipe.weights, workers=workers, loss=loss, optimizer=optimizer, epochs=epochs, batch_size=max(rows, 1), seed=0, classes=classes,
            restarts=3, weight=weight, validation=marked, patience=PATIENCE if marked else 0, settled=("step" if descends else "loss", float(tol)),
            tell_loss="after" if descends else "before")
        result = trained.result
        # As Spark: the loss of the untrained network, then after each iteration. An epoch of gd tells the loss before its step.
        losses, told = list(result["history"].get("loss", [])), [] if result["loss"] is None else [result["loss"]]
        if losses == told:  # the only iteration moved nothing: it is none
            losses = []
        result["objective"] = [*losses, *told] if descends else [*told, *losses]
        failure = result.get("error")
        model = self._model(trained.model, result, dataset)
        if failure:
            raise fail(int(failure["code"][2:]), failure["message"] + "; the last good weights are in this error's .model", model=model)
        return model


class MultilayerPerceptronClassifier(Trainer, ProbabilisticClassifier, _Shared, MLWritable, _Readable):
    """Trains a perceptron with sigmoid hidden layers and softmax on top: pyspark.ml.classification's class of this name, by firesteel.

    MultilayerPerceptronClassifier(layers=[784, 100, 10], maxIter=100, seed=1).fit(df)

    solver "l-bfgs" or "gd" (steps of stepSize along the whole gradient); fitting ends after maxIter iterations, or as Spark's
    solvers do: l-bfgs when the last nineteen have lowered the loss by no more than tol times the first loss, or where the gradient is as small beside
    the loss, gd when a step is shorter than tol times the weights. Beyond Spark's: numWorkers, weightCol, regParam, validationIndicatorCol
    and dtype."""

    _input_kwargs: dict[str, Any]

    @keyword_only
    def __init__(self, *, featuresCol: str = "features", labelCol: str = "label", predictionCol: str = "prediction", maxIter: int = 100, tol: float = 1e-6,
                 seed: Optional[int] = None, layers: Optional[list[int]] = None, blockSize: int = 128, stepSize: float = 0.03, solver: str = "l-bfgs",
                 initialWeights: Optional[Vector] = None, probabilityCol: str = "probability", rawPredictionCol: str = "rawPrediction", numWorkers: Any = "auto",
                 weightCol: Optional[str] = None, regParam: float = 0.0, validationIndicatorCol: Optional[str] = None, dtype: str = "float64"):
        super().__init__()
        self._set(**self._input_kwargs)

    @keyword_only
    def setParams(self, *, featuresCol: str = "features", labelCol: str = "label", predictionCol: str = "prediction", maxIter: int = 100, tol: float = 1e-6,
                  seed: Optional[int] = None, layers: Optional[list[int]] = None, blockSize: int = 128, stepSize: float = 0.03, solver: str = "l-bfgs",
                  initialWeights: Optional[Vector] = None, probabilityCol: str = "probability", rawPredictionCol: str = "rawPrediction",
                  numWorkers: Any = "auto", weightCol: Optional[str] = None, regParam: float = 0.0, validationIndicatorCol: Optional[str] = None,
                  dtype: str = "float64") -> "MultilayerPerceptronClassifier":
        """Set several Params."""
        return self._set(**self._input_kwargs)

    @property
    def _last(self) -> tuple[str, str]:
        return "softmax", "sparse_categorical_crossentropy"

    def _look(self, dataset: Any, label: schema.Label, layers: list[int]) -> tuple[int, Optional[int]]:
        labels = fitting.look_at_labels(dataset, label, "error")
        if labels.classes > layers[-1]:
            raise fail(2006, f"labelCol={label.name!r} holds {labels.classes - 1}; layers={layers} ends in {layers[-1]} classes, 0 to {layers[-1] - 1}")
        return labels.rows, layers[-1]

    def _check_label(self, label: schema.Label, layers: list[int]) -> None:
        if layers[-1] < 2:
            raise bad("layers", layers, "at least 2 classes")
        if label.several:
            raise fail(2002, f"labelCol={label.name!r} is an array; expected class numbers 0 to {layers[-1] - 1}")
        if self.isDefined("thresholds") and len(self.getThresholds()) != layers[-1]:
            raise bad("thresholds", self.getThresholds(), f"{layers[-1]} numbers, one per class")

    def _model(self, content: bytes, result: Optional[dict[str, Any]], dataset: Any) -> "MultilayerPerceptronClassificationModel":
        return MultilayerPerceptronClassificationModel._of(self, content, result, dataset)  # type: ignore[no-any-return]


class Trained(Perceptron):
    """What the models of both perceptrons are: the bytes of an ONNX file, and how it came about."""

    def __init__(self) -> None:
        super().__init__()
        self._content = b""
        self._trained: Optional[tuple[Any, list[float]]] = None

    @classmethod
    def _made(cls, content: bytes) -> Any:
        model = cls()
        model._content = content
        return model

    @classmethod
    def _of(cls, estimator: Any, content: bytes, result: Optional[dict[str, Any]], dataset: Any) -> Any:
        model = cls._made(content)
        model._resetUid(estimator.uid)
        estimator._copyValues(model)
        model._trained = dataset, [] if result is None else list(result["objective"])
        return model

    @classmethod
    def _from_saved(cls, content: Optional[bytes], mine: dict[str, Any]) -> Any:
        if content is None:
            raise fail(5004, "a saved model without its network")
        return cls._made(content)

    def write(self) -> persist.Writer:
        """A writer: write().overwrite().save(path)."""
        return persist.Writer(self, self._content, {})

    def _arrays(self) -> list[numpy.ndarray]:
        if not self._content:
            raise fail(1006, f"{type(self).__name__} holds no network; it comes from fit or load")
        net = engine.load(self._content)
        dtype = numpy.float64 if net.info()["type"] == engine.TYPES["float64"] else numpy.float32
        arrays: list[numpy.ndarray] = []
        for i, (_, _, _, _, shape) in enumerate(net.weights()):
            arrays.append(numpy.empty(shape, dtype))
            net.read_weight(i, arrays[i])
        return arrays

    @property
    def weights(self) -> DenseVector:
        """All weights in MLlib's order: layer by layer the matrix [inputs][units], then the biases."""
        return DenseVector(numpy.concatenate([a.reshape(-1) for a in self._arrays()]).astype(numpy.float64))

    @property
    def network(self) -> Any:
        """The trained network as a local firesteel.Sequential, a fresh one each time."""
        return self._scorer().network

    @property
    def numFeatures(self) -> int:
        """Numbers per row that the network takes."""
        return int(self._arrays()[0].shape[0])

    def _scorer(self) -> Any:
        """The model that scores, with this one's columns."""
        raise NotImplementedError

    @property
    def hasSummary(self) -> bool:
        """Whether this model was trained in this session, and not loaded."""
        return self._trained is not None

    def _training(self) -> tuple[Any, list[float]]:
        if self._trained is None:
            raise RuntimeError(f"No training summary available for this {type(self).__name__}")
        return self._trained


class MultilayerPerceptronClassificationModel(Trained, ProbabilisticClassificationModel, _Shared, MLWritable, _Readable):
    """What MultilayerPerceptronClassifier trained or Spark's class saved: scores tables with pyspark's columns."""

    @classmethod
    def _from_spark(cls, spark: Any, path: str, metadata: dict[str, Any]) -> Any:
        layers = metadata.get("paramMap", {}).get("layers")
        try:
            with session.described(spark, persist.SAYS + path):
                row = spark.read.parquet(f"{path}/data").first()
            layers = [int(n) for n in (layers or row["layers"])]
            weights = row["weights"].toArray()
        except Exception as error:
            raise fail(5004, f"{path} is not a whole model of Spark's: {str(error).strip().splitlines()[0][:200]}") from None
        if len(layers) < 2 or min(layers) < 1 or len(weights) != weight_count(layers):
            raise fail(5004, f"{path}: layers={layers} want another number of weights than the {len(weights)} that are there")
        return cls._made(bytes(engine.build(to_recipe(layers, weights)).save_bytes()))

    # -- what it is

    def _scorer(self) -> NNClassifierModel:
        """The model that scores, with this one's columns."""
        model = NNClassifierModel._made(self._content, nets.Head("softmax", self.numClasses, "sparse_categorical_crossentropy"))
        given = {p: self.getOrDefault(p) for p in ("featuresCol", "predictionCol", "probabilityCol", "rawPredictionCol")}
        model._set(**given, thresholds=self.getOrDefault("thresholds") if self.isDefined("thresholds") else None)
        return model  # type: ignore[no-any-return]

    @property
    def numClasses(self) -> int:
        """Classes that the network tells apart."""
        return int(self._arrays()[-1].shape[0])

    def __repr__(self) -> str:
        if not self._content:
            return super().__repr__()
        return f"{type(self).__name__}: uid={self.uid}, numLayers={len(self._arrays()) // 2 + 1}, numClasses={self.numClasses}, numFeatures={self.numFeatures}"

    # -- what it does

    @refused
    def _transform(self, dataset: Any) -> Any:
        return self._scorer()._transform(dataset)

    @refused
    def predict(self, value: Any) -> float:
        """The most probable class of one row; as in Spark, thresholds do not count here."""
        return float(numpy.argmax(self._scorer().predictRaw(value).toArray()))

    @refused
    def predictRaw(self, value: Any) -> DenseVector:
        """What softmax sees, for one row."""
        return self._scorer().predictRaw(value)

    @refused
    def predictProbability(self, value: Any) -> DenseVector:
        """Probability of each class for one row."""
        return self._scorer().predictProbability(value)

    # -- how it went

    def summary(self) -> "MultilayerPerceptronClassificationTrainingSummary":
        """How training went, and how good the model is on the table that it was trained on."""
        return MultilayerPerceptronClassificationTrainingSummary(self, *self._training())

    @refused
    def evaluate(self, dataset: Any) -> "MultilayerPerceptronClassificationSummary":
        """How good the model is on a table with labels."""
        if not hasattr(dataset, "sparkSession"):
            raise TypeError(f"dataset must be a DataFrame but got {type(dataset)}.")
        if self.getLabelCol() not in dataset.columns:
            schema.label(dataset.schema, self.getLabelCol())  # says which columns there are
        return MultilayerPerceptronClassificationSummary(self, dataset)


class MultilayerPerceptronClassificationSummary(theirs.MultilayerPerceptronClassificationSummary):
    """Accuracy, precision, recall and the like of a model on a table, from one job that counts (label, prediction). It is one of Spark's summaries by type,
    and has nothing of its objects."""

    predictions: Any = None
    predictionCol = labelCol = weightCol = ""

    def __init__(self, model: MultilayerPerceptronClassificationModel, dataset: Any):
        super().__init__()
        self.predictions = model.transform(dataset)
        self.predictionCol, self.labelCol = model.getPredictionCol(), model.getLabelCol()
        self._counted: Optional[tuple[list[float], numpy.ndarray]] = None

    def _table(self) -> tuple[list[float], numpy.ndarray]:
        """The classes that occur as labels or predictions, and how many rows have label i and prediction j."""
        if self._counted is None:
            pair = [fitting.column(c).cast("double").alias(n) for c, n in ((self.labelCol, "label"), (self.predictionCol, "prediction"))]
            rows = fitting.collect(self.predictions, lambda: self.predictions.select(*pair).groupBy("label", "prediction").agg(F.count(F.lit(1)).alias("n")).collect(), "counting")
            labels = sorted({float(v) for r in rows for v in (r["label"], r["prediction"])})
            counts = numpy.zeros((len(labels), len(labels)))
            for r in rows:
                counts[labels.index(r["label"]), labels.index(r["prediction"])] = r["n"]
            self._counted = labels, counts
        return self._counted

    @property
    def labels(self) -> Any:
        """The classes, in order; lists by label go by it."""
        return self._table()[0]

    @staticmethod
    def _ratio(a: Any, b: Any) -> numpy.ndarray:
        made: numpy.ndarray = numpy.divide(a, b, out=numpy.zeros(numpy.shape(a)), where=numpy.asarray(b) != 0)
        return made

    def _weighted(self, values: Any) -> float:
        counts = self._table()[1]
        return float((counts.sum(1) * numpy.asarray(values)).sum() / counts.sum())

    @property
    def truePositiveRateByLabel(self) -> list[float]:
        """Of the rows of a class, the share that was predicted so."""
        counts = self._table()[1]
        return [float(v) for v in self._ratio(counts.diagonal(), counts.sum(1))]

    @property
    def falsePositiveRateByLabel(self) -> list[float]:
        """Of the rows of other classes, the share that was predicted as this one."""
        counts = self._table()[1]
        return [float(v) for v in self._ratio(counts.sum(0) - counts.diagonal(), counts.sum() - counts.sum(1))]

    @property
    def precisionByLabel(self) -> list[float]:
        """Of the rows predicted as a class, the share that is of it."""
        counts = self._table()[1]
        return [float(v) for v in self._ratio(counts.diagonal(), counts.sum(0))]

    @property
    def recallByLabel(self) -> list[float]:
        """The true positive rates."""
        return self.truePositiveRateByLabel

    def fMeasureByLabel(self, beta: float = 1.0) -> list[float]:
        """(1 + beta^2) precision recall / (beta^2 precision + recall) of each class."""
        p, r = numpy.array(self.precisionByLabel), numpy.array(self.recallByLabel)
        return [float(v) for v in self._ratio((1 + beta * beta) * p * r, beta * beta * p + r)]

    @property
    def accuracy(self) -> float:
        """The share of rows that were predicted right."""
        counts = self._table()[1]
        return float(counts.trace() / counts.sum())

    @property
    def weightedTruePositiveRate(self) -> float:
        """True positive rates, weighted by rows of each class."""
        return self._weighted(self.truePositiveRateByLabel)

    @property
    def weightedFalsePositiveRate(self) -> float:
        """False positive rates, weighted by rows of each class."""
        return self._weighted(self.falsePositiveRateByLabel)

    @property
    def weightedRecall(self) -> float:
        """Recalls, weighted by rows of each class."""
        return self._weighted(self.recallByLabel)

    @property
    def weightedPrecision(self) -> float:
        """Precisions, weighted by rows of each class."""
        return self._weighted(self.precisionByLabel)

    def weightedFMeasure(self, beta: float = 1.0) -> float:
        """F measures, weighted by rows of each class."""
        return self._weighted(self.fMeasureByLabel(beta))


class MultilayerPerceptronClassificationTrainingSummary(MultilayerPerceptronClassificationSummary, theirs.MultilayerPerceptronClassificationTrainingSummary):
    """The same for the table trained on, with the loss after each iteration."""

    objectiveHistory: list[float] = []
    totalIterations = 0

    def __init__(self, model: MultilayerPerceptronClassificationModel, dataset: Any, history: list[float]):
        super().__init__(model, dataset)
        self.objectiveHistory, self.totalIterations = history, max(len(history) - 1, 0)
