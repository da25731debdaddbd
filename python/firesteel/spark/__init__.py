"""firesteel.spark - neural networks as spark.ml estimators: a DataFrame goes in, a model comes out that scores DataFrames.

    from firesteel.spark import NNClassifier
    model = NNClassifier(hiddenLayers=[256, 128], epochs=10, numWorkers=4).fit(train)
    model.transform(test).select("prediction").show()

Works with pyspark 4.0 to 4.3, classic and Connect. docs/spark.md tells how.
"""
import importlib.util

for _needed in ("pyspark", "pyarrow"):
    if importlib.util.find_spec(_needed) is None:
        raise ImportError(f"firesteel.spark needs {_needed}, which is not installed: pip install 'firesteel[spark]', or the wheel with [spark] behind its name", name=_needed)

from . import cluster, evaluation, tune
from .cluster import distributed
from .estimators import NNClassifier, NNEstimator, NNRegressor
from .evaluation import NNEvaluator
from .groups import GroupsModel, fit_groups
from .mllib import MultilayerPerceptronClassificationModel, MultilayerPerceptronClassifier
from .mllib_regression import MultilayerPerceptronRegressionModel, MultilayerPerceptronRegressor
from .models import NNClassifierModel, NNEstimatorModel, NNRegressorModel
from .session import addWheel
from .summary import TrainingSummary
from .transformer import ModelTransformer
from .tune import Tuner, TunerModel
from .udf import register_udf

__all__ = [
    "ModelTransformer",
    "MultilayerPerceptronClassificationModel",
    "MultilayerPerceptronClassifier",
    "MultilayerPerceptronRegressionModel",
    "MultilayerPerceptronRegressor",
    "NNClassifier",
    "NNClassifierModel",
    "NNEstimator",
    "NNEstimatorModel",
    "NNEvaluator",
    "NNRegressor",
    "NNRegressorModel",
    "TrainingSummary",
    "addWheel",
    "cluster",
    "distributed",
    "evaluation",
    "fit_groups",
    "register_udf",
    "tune",
]
