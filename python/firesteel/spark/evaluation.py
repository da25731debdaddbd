"""evaluation - how good the predictions in a table are: one Spark job that sums, for any model's columns; no row comes to the driver.

    from firesteel.spark import evaluation
    report = evaluation.classification(model.transform(test))
    print(report)

The reports are those of firesteel.evaluation. NNEvaluator gives one of their numbers to CrossValidator and Tuner. docs/evaluation.md tells all.
"""
from __future__ import annotations

from typing import Any, Callable, Iterable, Iterator, Optional, Sequence

from pyspark.ml.evaluation import Evaluator
from pyspark.ml.util import MLReadable, MLWritable

from ..evaluation import REPORTS, ClassificationReport, MultiLabelReport, RegressionReport
from ..executor.evaluate import unpacked
from ..tally import POINTS
from . import fit as fitting
from . import persist, schema, session
from .errors import fail
from .params import EVALUATOR, TableParams, with_params

MERGERS = 8  # tasks that join the tallies of all others


def classification(df: Any, labelCol: str = "label", predictionCol: Optional[str] = "prediction", probabilityCol: Optional[str] = "probability", weightCol: Optional[str] = None,
                   names: Optional[Sequence[str]] = None, bins: int = 10, points: int = POINTS, handleInvalid: str = "error") -> ClassificationReport:
    """Report of a table with a class number, a predicted class number and, where the column is there, a probability for each class (a vector or
    array, or a number: of class 1). One of the last two may be missing. names: of the classes; unset, those in the label column's metadata."""
    columns = _columns(df, labelCol, predictionCol, probabilityCol, weightCol, several=False)
    label = schema.label(df.schema, columns["label"])
    return _report(df, "classes", columns, names or label.names, {"bins": bins, "points": points, "classes": fitting.MOST_CLASSES}, handleInvalid)  # type: ignore[no-any-return]


def multilabel(df: Any, labelCol: str = "label", predictionCol: Optional[str] = "prediction", probabilityCol: Optional[str] = "probability", weightCol: Optional[str] = None,
               names: Optional[Sequence[str]] = None, bins: int = 10, points: int = POINTS, handleInvalid: str = "error") -> MultiLabelReport:
    """Report of a table whose label is an array or vector of 0 and 1, like its prediction and, where the column is there, its probabilities."""
    columns = _columns(df, labelCol, predictionCol, probabilityCol, weightCol, several=True)
    return _report(df, "labels", columns, names, {"bins": bins, "points": points}, handleInvalid)  # type: ignore[no-any-return]


def regression(df: Any, labelCol: str = "label", predictionCol: str = "prediction", weightCol: Optional[str] = None, names: Optional[Sequence[str]] = None,
               points: int = POINTS, handleInvalid: str = "error") -> RegressionReport:
    """Report of a table with a number, or an array or vector of them, and a prediction alike."""
    columns = _columns(df, labelCol, predictionCol, None, weightCol, several=None)
    return _report(df, "numbers", columns, names, {"points": points}, handleInvalid)  # type: ignore[no-any-return]


def _columns(df: Any, label: str, prediction: Optional[str], probability: Optional[str], weight: Optional[str], several: Optional[bool]) -> dict[str, str]:
    """The columns by role, checked on the schema. A probability column by its default name may be missing; so may a prediction, if there is the other."""
    found = {"label": schema.label(df.schema, label).name}
    names = {f.name.lower() for f in df.schema.fields}
    if probability and (probability.lower() in names or probability != "probability"):
        found["probability"] = schema.field(df.schema, probability, "probabilityCol").name
    if prediction and (prediction.lower() in names or prediction != "prediction" or "probability" not in found):
        found["prediction"] = schema.field(df.schema, prediction, "predictionCol").name
    if len(found) == 1:
        raise fail(2001, "neither predictionCol nor probabilityCol is given; an evaluation looks at one of them or both")
    if weight is not None:
        found["weight"] = schema.weight(df.schema, weight) or weight
    is_several = {}
    for role, name in found.items():
        kind = schema.field(df.schema, name, role + "Col").dataType
        is_several[role] = schema.is_vector(kind) or schema.is_array(kind)
        if not is_several[role] and not schema.is_number(kind) and kind.simpleString() != "boolean":
            raise fail(2002, f"{role}Col={name!r} is {schema.says(kind)}; expected numbers")
    if several is not None and is_several["label"] != several:
        raise fail(2002, f"labelCol={label!r} is {'an array' if is_several['label'] else 'one number'} per row; " +
                   ("multilabel evaluates arrays of labels" if not several else "classification evaluates class numbers, regression numbers"))
    wanted = is_several["label"]
    if "prediction" in found and is_several["prediction"] != wanted:
        raise fail(2002, f"predictionCol={found['prediction']!r} is {'an array' if not wanted else 'one number'} per row, labelCol={label!r} is not")
    return found


def _report(df: Any, kind: str, columns: dict[str, str], names: Optional[Sequence[str]], settings: dict[str, int], invalid: str) -> Any:
    for name, value, least in (("bins", settings.get("bins", 1), 1), ("points", settings["points"], 2)):
        if not isinstance(value, int) or not least <= value <= 1 << 20:
            raise fail(1004, f"{name}={value!r}: expected a whole number from {least} to {1 << 20}")
    if invalid not in ("error", "skip"):
        raise fail(1004, f"handleInvalid={invalid!r}: expected 'error' or 'skip'")
    made = [_numbers(df, name).alias(role) for role, name in columns.items()]
    tallied = df.select(*made).mapInArrow(_task(kind, settings, columns, invalid), "data binary")
    merged = tallied.repartition(min(MERGERS, session.slots(df.sparkSession))).mapInArrow(_merger(kind, settings), "data binary")
    rows = fitting.collect(df, merged.collect, "an evaluation")
    return REPORTS[kind](unpacked(kind, settings, [bytes(r["data"]) for r in rows]), names)


def _numbers(df: Any, name: str) -> Any:
    """A column as double or array of doubles."""
    kind, c = schema.field(df.schema, name, name).dataType, fitting.column(name)
    if schema.is_vector(kind):
        from pyspark.ml.functions import vector_to_array

        return vector_to_array(c)
    return c.cast("array<double>" if schema.is_array(kind) else "double")


def _task(kind: str, settings: dict[str, int], names: dict[str, str], invalid: str) -> Callable[[Iterable[Any]], Iterator[Any]]:
    find_wheel = session.wheel_finder()

    def run(batches: Iterable[Any]) -> Iterator[Any]:
        find_wheel()
        from firesteel.executor.evaluate import tally_rows

        yield from tally_rows(batches, kind, settings, names, invalid)

    return run


def _merger(kind: str, settings: dict[str, int]) -> Callable[[Iterable[Any]], Iterator[Any]]:
    find_wheel = session.wheel_finder()

    def run(batches: Iterable[Any]) -> Iterator[Any]:
        find_wheel()
        from firesteel.executor.evaluate import merge_tallies

        yield from merge_tallies(batches, kind, settings)

    return run


# ---- one number of a report ------------------------------------------------------------------

SMALLER = {"log_loss", "brier", "ece", "mce", "hamming_loss", "mse", "rmse", "mae", "mape", "msle", "median_error", "max_error"}
LARGER = {"accuracy", "balanced_accuracy", "precision", "recall", "f1", "macro_precision", "macro_recall", "macro_f1", "kappa", "mcc", "top2_accuracy", "top3_accuracy",
          "top5_accuracy", "auc", "average_precision", "subset_accuracy", "micro_precision", "micro_recall", "micro_f1", "r2", "explained_variance", "correlation"}
OF_NUMBERS = {"mse", "rmse", "mae", "mape", "msle", "median_error", "max_error", "r2", "explained_variance", "correlation"}


@with_params(EVALUATOR)
class NNEvaluator(Evaluator, TableParams, MLWritable, MLReadable):  # type: ignore[type-arg]
    """One number of a report, for CrossValidator and Tuner: NNEvaluator(metricName="auc"). An array of labels is evaluated as multi-label."""

    def _evaluate(self, dataset: Any) -> float:
        name, label = self.value("metricName"), self.value("labelCol")
        given = {p: self.value(p) for p in ("labelCol", "predictionCol", "weightCol")}
        if name in OF_NUMBERS:
            return regression(dataset, **given).metric(name)
        which = multilabel if schema.label(dataset.schema, label).several else classification
        return which(dataset, probabilityCol=self.value("probabilityCol"), **given).metric(name)

    def isLargerBetter(self) -> bool:
        """Whether a larger number is a better one."""
        return self.value("metricName") in LARGER

    def write(self) -> persist.Writer:
        """A writer: write().overwrite().save(path)."""
        return persist.Writer(self, None, {})

    @classmethod
    def read(cls) -> persist.Reader:
        """A reader of what write() saved."""
        return persist.Reader(cls)

    @classmethod
    def _from_saved(cls, content: Optional[bytes], mine: dict[str, Any]) -> Any:
        return cls()
