"""mllib_regression - the perceptron that Spark's MLlib lacks: MultilayerPerceptronRegressor, sigmoid hidden layers and linear outputs."""
from __future__ import annotations

import math
from typing import Any, Optional

import numpy
from pyspark import keyword_only
from pyspark.ml.linalg import Vector
from pyspark.ml.param import Param, Params, TypeConverters
from pyspark.ml.param.shared import HasBlockSize, HasMaxIter, HasSeed, HasSolver, HasStepSize, HasTol
from pyspark.ml.base import _PredictorParams
from pyspark.ml.regression import RegressionModel, Regressor
from pyspark.ml.util import MLWritable
from pyspark.sql import functions as F

from . import fit as fitting
from . import nets, schema
from .errors import fail
from .mllib import Perceptron, Trained, Trainer, _Readable, refused
from .models import NNRegressorModel


class _Shared(Perceptron, _PredictorParams, HasSeed, HasMaxIter, HasTol, HasStepSize, HasSolver, HasBlockSize):
    layers: Param[list[int]] = Param(Params._dummy(), "layers", "units of all layers, inputs and outputs included", typeConverter=TypeConverters.toListInt)
    initialWeights: Param[Vector] = Param(Params._dummy(), "initialWeights", "weights to start from, in MLlib's order", typeConverter=TypeConverters.toVector)

    def __init__(self, *args: Any):
        super().__init__(*args)
        self._setDefault(maxIter=100, tol=1e-6, blockSize=128, stepSize=0.03, solver="l-bfgs")

    def getLayers(self) -> list[int]:
        """Value of layers."""
        return self.getOrDefault(self.layers)

    def getInitialWeights(self) -> Vector:
        """Value of initialWeights."""
        return self.getOrDefault(self.initialWeights)


class MultilayerPerceptronRegressor(Trainer, Regressor, _Shared, MLWritable, _Readable):  # type: ignore[type-arg]
    """Trains a perceptron with sigmoid hidden layers and linear outputs on the mean squared error; otherwise as MultilayerPerceptronClassifier.

    MultilayerPerceptronRegressor(layers=[10, 50, 1], maxIter=200, seed=1).fit(df)"""

    _input_kwargs: dict[str, Any]

    @keyword_only
    def __init__(self, *, featuresCol: str = "features", labelCol: str = "label", predictionCol: str = "prediction", maxIter: int = 100, tol: float = 1e-6,
                 seed: Optional[int] = None, layers: Optional[list[int]] = None, blockSize: int = 128, stepSize: float = 0.03, solver: str = "l-bfgs",
                 initialWeights: Optional[Vector] = None, numWorkers: Any = "auto", weightCol: Optional[str] = None, regParam: float = 0.0,
                 validationIndicatorCol: Optional[str] = None, dtype: str = "float64"):
        super().__init__()
        self._set(**self._input_kwargs)

    @keyword_only
    def setParams(self, *, featuresCol: str = "features", labelCol: str = "label", predictionCol: str = "prediction", maxIter: int = 100, tol: float = 1e-6,
                  seed: Optional[int] = None, layers: Optional[list[int]] = None, blockSize: int = 128, stepSize: float = 0.03, solver: str = "l-bfgs",
                  initialWeights: Optional[Vector] = None, numWorkers: Any = "auto", weightCol: Optional[str] = None, regParam: float = 0.0,
                  validationIndicatorCol: Optional[str] = None, dtype: str = "float64") -> "MultilayerPerceptronRegressor":
        """Set several Params."""
        return self._set(**self._input_kwargs)

    @property
    def _last(self) -> tuple[str, str]:
        return "linear", "mean_squared_error"

    def _check_label(self, label: schema.Label, layers: list[int]) -> None:
        if layers[-1] > 1 and not label.several:
            raise fail(1002, f"layers={layers} ends in {layers[-1]} outputs, labelCol={label.name!r} is one number per row")

    def _look(self, dataset: Any, label: schema.Label, layers: list[int]) -> tuple[int, Optional[int]]:
        row = fitting.collect(dataset, lambda: dataset.select(F.count(F.lit(1)).alias("rows")).collect(), "counting the rows")[0]
        if not row["rows"]:
            raise fail(2007, "the table has no rows to train on")
        return int(row["rows"]), None

    def _model(self, content: bytes, result: Optional[dict[str, Any]], dataset: Any) -> "MultilayerPerceptronRegressionModel":
        return MultilayerPerceptronRegressionModel._of(self, content, result, dataset)  # type: ignore[no-any-return]


class MultilayerPerceptronRegressionModel(Trained, RegressionModel, _Shared, MLWritable, _Readable):  # type: ignore[type-arg]
    """What MultilayerPerceptronRegressor trained."""

    def _scorer(self) -> NNRegressorModel:
        model = NNRegressorModel._made(self._content, nets.Head("values", int(self._arrays()[-1].shape[0]), "mean_squared_error"))
        model._set(featuresCol=self.getOrDefault("featuresCol"), predictionCol=self.getOrDefault("predictionCol"))
        return model  # type: ignore[no-any-return]

    def predict(self, value: Any) -> Any:
        """The prediction for one row: a number, or a vector for several targets."""
        return self._scorer().predict(value)

    @refused
    def _transform(self, dataset: Any) -> Any:
        return self._scorer()._transform(dataset)

    def summary(self) -> "MultilayerPerceptronRegressionTrainingSummary":
        """How training went, and how good the model is on the table that it was trained on."""
        return MultilayerPerceptronRegressionTrainingSummary(self, *self._training())

    def evaluate(self, dataset: Any) -> "MultilayerPerceptronRegressionSummary":
        """How good the model is on a table with labels."""
        if not hasattr(dataset, "sparkSession"):
            raise TypeError(f"dataset must be a DataFrame but got {type(dataset)}.")
        return MultilayerPerceptronRegressionSummary(self, dataset)


class MultilayerPerceptronRegressionSummary:
    """Errors of a model on a table, by the names of LinearRegressionSummary, from one job of sums. For one target."""

    def __init__(self, model: MultilayerPerceptronRegressionModel, dataset: Any):
        self.predictions = model.transform(dataset)
        self.predictionCol, self.labelCol = model.getPredictionCol(), model.getLabelCol()
        self._sums: Any = None

    def _row(self) -> Any:
        if self._sums is None:
            y, p = (fitting.column(c).cast("double") for c in (self.labelCol, self.predictionCol))
            wanted = [F.count(y).alias("n"), F.avg((y - p) * (y - p)).alias("mse"), F.avg(F.abs(y - p)).alias("mae"), F.var_pop(y).alias("spread"),
                      F.avg(y).alias("mean"), F.avg(p).alias("predicted"), F.var_pop(p).alias("of_p")]
            self._sums = fitting.collect(self.predictions, lambda: self.predictions.select(*wanted).collect(), "adding up errors")[0]
        return self._sums

    @property
    def numInstances(self) -> int:
        """Rows of the table."""
        return int(self._row()["n"])

    @property
    def meanSquaredError(self) -> float:
        """The mean of squared errors."""
        return float(self._row()["mse"])

    @property
    def rootMeanSquaredError(self) -> float:
        """Its root."""
        return math.sqrt(self.meanSquaredError)

    @property
    def meanAbsoluteError(self) -> float:
        """The mean of errors without their sign."""
        return float(self._row()["mae"])

    @property
    def r2(self) -> float:
        """1 - mean squared error / variance of the labels."""
        return float(1 - numpy.float64(self.meanSquaredError) / self._row()["spread"])

    @property
    def explainedVariance(self) -> float:
        """The mean square of predictions around the labels' mean, as in Spark."""
        row = self._row()
        return float(row["of_p"] + (row["predicted"] - row["mean"]) ** 2)


class MultilayerPerceptronRegressionTrainingSummary(MultilayerPerceptronRegressionSummary):
    """The same for the table trained on, with the loss of the untrained network and after each iteration."""

    def __init__(self, model: MultilayerPerceptronRegressionModel, dataset: Any, history: list[float]):
        super().__init__(model, dataset)
        self.objectiveHistory, self.totalIterations = history, max(len(history) - 1, 0)

