"""estimators - NNClassifier and NNRegressor, after the law of spark.ml."""
from __future__ import annotations

import json
from typing import Any, NamedTuple, Optional

from pyspark.ml.base import Estimator
from pyspark.ml.util import MLWritable

from ..executor import engine
from ..executor.checkpoints import is_remote, local_path
from ..executor.job import Recipe
from . import fit as fitting
from . import nets, persist, schema, session
from .errors import fail
from .models import NNClassifierModel, NNRegressorModel, Readable
from .params import CLASSIFIER, REGRESSOR, TableParams, bad, checked_class_weights, with_params
from .summary import TrainingSummary


class Plan(NamedTuple):
    """What a fit has settled before its job: which columns go to the workers, how the network's output is read, and the fields of the Job."""

    features: list[Any]
    label: schema.Label
    others: list[str]       # weight and validation columns
    head: nets.Head
    fields: dict[str, Any]


class NNEstimatorBase(Estimator, TableParams, MLWritable, Readable):  # type: ignore[type-arg]
    """What both estimators share: from Params and a table's schema to a job, and from its answer to a model."""

    _model_class: Any = None

    def write(self) -> persist.Writer:
        """A writer: write().overwrite().save(path). The net travels as configuration and weights, never as code."""
        net = self._given_network()
        return persist.Writer(self, None if net is None else net.weights, {})

    @classmethod
    def _from_saved(cls, content: Optional[bytes], mine: dict[str, Any]) -> Any:
        return cls()

    def _head_for(self, dataset: Any, label: schema.Label, loss: str) -> tuple[Recipe, nets.Head]:
        raise NotImplementedError

    def _fit(self, dataset: Any) -> Any:
        plan = self._plan(dataset, session.workers(dataset.sparkSession, self.value("numWorkers")))
        return self._finish(plan, fitting.run(dataset, plan.features, plan.label.name, plan.others, self.value("verbose"), self.value("maxRestarts"),
                                               self.value("onInterrupt"), **plan.fields))

    def _plan(self, dataset: Any, workers: int) -> Plan:
        """All that a fit by so many workers settles before its job. What can be judged without looking at rows is judged before the first Spark job."""
        table = dataset.schema
        features = schema.features(table, self.value("featuresCol"))
        label = schema.label(table, self.value("labelCol"))
        weight = schema.weight(table, self.value("weightCol"))
        validation = schema.indicator(table, self.value("validationIndicatorCol"))
        names = [f.name for f in features]
        schema.roles_apart([*[("featuresCol", n) for n in names], ("labelCol", label.name), ("weightCol", weight), ("validationIndicatorCol", validation)])
        if validation is not None and self.value("validationFraction"):
            raise fail(1001, "validationIndicatorCol and validationFraction are both set; choose one way to pick validation rows")
        net = self._given_network()
        loss = self.value("loss") or (net.loss if net is not None else "")
        optimizer = self.value("optimizer") or (net.optimizer if net is not None else "") or "adam"
        if net is not None:
            head = self._judge(net, label, loss)
            self._check(net, head, optimizer, loss, features)
        session.check_slots(dataset.sparkSession, workers)
        if net is None:
            nets.check(nets.short_recipe(self.value("hiddenLayers"), self.value("activation"), 1, "linear"), optimizer, loss or "mean_squared_error", "", None)
            net, head = self._short(dataset, label, loss)
            self._check(net, head, optimizer, loss, features)
        return Plan(features, label, [c for c in (weight, validation) if c is not None], nets.Head(head.head, head.units, loss or head.loss), dict(
            version=engine.version(), recipe=net.text, recipe_weights=net.weights,
            workers=workers, weight=weight, validation=validation, invalid=self.value("handleInvalid"),
            loss=loss or head.loss, optimizer=optimizer, metrics=self._metrics(net, head), learning_rate=self.value("learningRate"),
            epochs=self.value("epochs"), batch_size=self.value("batchSize"), seed=self.value("seed"),
            validation_fraction=self.value("validationFraction"), classes=self._classes(head, label), class_weight=self._class_weight(head),
            local_steps=self.value("localSteps"), average_optimizer=bool(self.value("averageOptimizer")), compression=self.value("gradientCompression"),
            compression_ratio=self.value("compressionRatio"), cache=self.value("cache"), cache_memory=self.value("cacheMemory") << 20,
            patience=self.value("patience"), checkpoint_dir=self._checkpoint_dir(), checkpoint_epochs=self.value("checkpointEpochs"),
            checkpoint_steps=self.value("checkpointSteps"), checkpoint_keep=self.value("checkpointKeep"), resume=self.value("resume"),
            notes=self._notes(names, label)))

    def _finish(self, plan: Plan, trained: fitting.Trained) -> Any:
        """The model of what a job sent back."""
        model = self._model_class._made(trained.model, plan.head)
        model._summary = TrainingSummary(trained.result, trained.seconds)
        model._resetUid(self.uid)
        self._copyValues(model)
        failure = trained.result.get("error")
        if failure:
            raise fail(int(failure["code"][2:]), failure["message"] + "; the last good weights are in this error's .model", model=model)
        return model

    def _check(self, net: Recipe, head: nets.Head, optimizer: str, loss: str, features: list[Any]) -> None:
        nets.check(net, optimizer, loss or head.loss, self._metrics(net, head), schema.width(features))
        self._class_weight(head)

    def _notes(self, names: list[str], label: schema.Label) -> tuple[tuple[str, str], ...]:
        notes = [("columns", json.dumps({"features": names, "label": label.name}))]
        if label.names:
            notes.append(("classes", json.dumps(list(label.names))))
        return tuple(notes)

    def _checkpoint_dir(self) -> Optional[str]:
        folder = self.value("checkpointDir")
        if folder is not None and not is_remote(folder) and not local_path(folder).startswith("/"):
            raise bad("checkpointDir", folder, "an absolute path, or file:///..., of a disk that all workers share, or a URL that fsspec opens")
        return folder if folder is None else local_path(folder)

    def _given_network(self) -> Optional[Recipe]:
        net: Optional[Recipe] = self.value("net")
        initial: Optional[Recipe] = self.value("initialModel")
        if net is not None and initial is not None:
            raise fail(1001, "net and initialModel are both set; initialModel brings its network, so leave net unset")
        return net if initial is None else initial

    def _judge(self, net: Recipe, label: schema.Label, loss: str) -> nets.Head:
        raise NotImplementedError

    def _short(self, dataset: Any, label: schema.Label, loss: str) -> tuple[Recipe, nets.Head]:
        raise NotImplementedError

    def _metrics(self, net: Recipe, head: nets.Head) -> str:
        return net.metrics

    def _classes(self, head: nets.Head, label: schema.Label) -> Optional[int]:
        return None

    def _class_weight(self, head: nets.Head) -> Optional[tuple[float, ...]]:
        return None


@with_params(CLASSIFIER)
class NNClassifier(NNEstimatorBase):
    """Trains a network that tells classes apart, on all workers together, and gives an NNClassifierModel.

    NNClassifier(hiddenLayers=[256, 128], epochs=10, numWorkers=4).fit(df)
    """

    _model_class = NNClassifierModel

    def _judge(self, net: Recipe, label: schema.Label, loss: str) -> nets.Head:
        head = nets.classifier_head(net, loss, label.several)
        if label.several and head.head in ("sigmoid", "logit"):
            raise fail(1001, f"labelCol={label.name!r} is an array and the net ends in one unit; end it in one unit per label")
        if label.classes is not None and label.classes > max(2, head.units):
            raise fail(2006, f"labelCol={label.name!r} has {label.classes} classes by its metadata, the net ends in {head.units} units")
        self._check_thresholds(head)
        return head

    def _short(self, dataset: Any, label: schema.Label, loss: str) -> tuple[Recipe, nets.Head]:
        logits = bool(nets.LOGITS.search(loss))
        if label.several:
            units, last = fitting.label_width(dataset, label), "sigmoid"
        else:
            units, last = label.classes or fitting.look_at_labels(dataset, label, self.value("handleInvalid")).classes, "softmax"
        net = nets.short_recipe(self.value("hiddenLayers"), self.value("activation"), units, "linear" if logits else last)
        return net, self._judge(net, label, loss)

    def _check_thresholds(self, head: nets.Head) -> None:
        thresholds = self.value("thresholds")
        classes = 2 if head.head in ("sigmoid", "logit") else head.units
        if thresholds is not None and len(thresholds) != classes:
            raise bad("thresholds", thresholds, f"{classes} numbers, one per class")

    def _metrics(self, net: Recipe, head: nets.Head) -> str:
        return net.metrics or "accuracy"

    def _classes(self, head: nets.Head, label: schema.Label) -> Optional[int]:
        return None if label.several else max(2, head.units)

    def _class_weight(self, head: nets.Head) -> Optional[tuple[float, ...]]:
        return checked_class_weights(self.value("classWeights"), 2 if head.head in ("sigmoid", "logit") else head.units)


@with_params(REGRESSOR)
class NNRegressor(NNEstimatorBase):
    """Trains a network that predicts one number per row, or several when the label is an array or vector.

    NNRegressor(hiddenLayers=[64], epochs=20, numWorkers=2).fit(df)
    """

    _model_class = NNRegressorModel

    def _judge(self, net: Recipe, label: schema.Label, loss: str) -> nets.Head:
        head = nets.regressor_head(net)
        if not label.several and head.units != 1:
            raise fail(1002, f"labelCol={label.name!r} is one number per row, the net ends in {head.units} units")
        return head

    def _short(self, dataset: Any, label: schema.Label, loss: str) -> tuple[Recipe, nets.Head]:
        units = fitting.label_width(dataset, label) if label.several else 1
        net = nets.short_recipe(self.value("hiddenLayers"), self.value("activation"), units, "linear")
        return net, self._judge(net, label, loss)
