"""estimators - NNClassifier, NNRegressor and NNEstimator, after the law of spark.ml."""
from __future__ import annotations

import json
import re
from typing import Any, NamedTuple, Optional, Sequence

from pyspark.ml.base import Estimator
from pyspark.ml.util import MLWritable

from .._lookups import Lookups
from ..executor import engine
from ..executor.checkpoints import is_remote, local_path
from ..executor.functions import Call
from ..executor.job import Recipe
from . import fit as fitting
from . import nets, persist, schema, session, vocabulary, wiring
from .errors import fail
from .models import NNClassifierModel, NNEstimatorModel, NNRegressorModel, Readable
from .params import ANY, CLASSIFIER, REGRESSOR, TableParams, bad, checked_class_weights, with_params
from .summary import TrainingSummary


class Plan(NamedTuple):
    """What a fit has settled before its job: which columns go to the workers, how the network's output is read, and the fields of the Job."""

    features: list[Any]
    label: schema.Label     # the first one
    others: list[str]       # weight and validation columns
    head: nets.Head
    fields: dict[str, Any]
    labels: list[str]       # of all outputs, one after the other


class NNEstimatorBase(Estimator, TableParams, MLWritable, Readable):  # type: ignore[type-arg]
    """What all estimators share: from Params and a table's schema to a job, and from its answer to a model."""

    _model_class: Any = None
    _labels_apart = True  # a label that is also a feature is a mistake

    def write(self) -> persist.Writer:
        """A writer: write().overwrite().save(path). The net travels as configuration and weights, never as code."""
        net = self._given_network()
        return persist.Writer(self, None if net is None else net.weights, {})

    @classmethod
    def _from_saved(cls, content: Optional[bytes], mine: dict[str, Any]) -> Any:
        return cls()

    def _fit(self, dataset: Any) -> Any:
        schema.of(dataset, "fit")
        if self.value("validationIndicatorCol") is None and not self.value("validationFraction"):
            for what, asks in (("endWhen looks at MaxScore", "max_score" in (self.value("endWhen") or "")), ("validationTrigger is set", self.value("validationTrigger"))):
                if asks:
                    raise fail(1001, f"{what}, but there are no validation rows; set validationIndicatorCol or validationFraction")
        if self.value("checkpointTrigger") and not self.value("checkpointDir"):
            raise fail(1001, "checkpointTrigger is set, but there is no folder for checkpoints; set checkpointDir")
        plan = self._plan(dataset, session.workers(dataset.sparkSession, self.value("numWorkers")))
        return self._finish(plan, fitting.run(dataset, plan.features, plan.labels, plan.others, self.value("verbose"), self.value("maxRestarts"),
                                               self.value("onInterrupt"), **plan.fields))

    def fitMultiple(self, dataset: Any, paramMaps: Any) -> Any:
        """Models of several param maps, as an iterator of (index, model); with numWorkers=1 all train in one job, a task for each, where the executors share a host."""
        from .tune import fit_multiple

        return fit_multiple(self, dataset, paramMaps) or super().fitMultiple(dataset, paramMaps)

    def _plan(self, dataset: Any, workers: int) -> Plan:
        """All that a fit by so many workers settles before its job. What can be judged without looking at rows is judged before the first Spark job."""
        table, net = dataset.schema, self._given_network()
        inputs, outputs = (nets.ports(net, False), nets.ports(net, True)) if net is not None else ((), ())
        wires, labels = wiring.features(table, self, inputs), wiring.labels(table, self, outputs)
        weight = schema.weight(table, self.value("weightCol"))
        validation = schema.indicator(table, self.value("validationIndicatorCol"))
        schema.roles_apart([*[("features", n) for n in dict.fromkeys(wires.names)], *[("label", n) for n in dict.fromkeys(labels.names) if self._labels_apart or n not in wires.names], ("weightCol", weight), ("validationIndicatorCol", validation)])
        if validation is not None and self.value("validationFraction"):
            raise fail(1001, "validationIndicatorCol and validationFraction are both set; choose one way to pick validation rows")
        losses = nets.losses_of(self.value("loss"), net, outputs)
        optimizer = self.value("optimizer") or (net.optimizer if net is not None else "") or "adam"
        rows = nets.embedded(net) if net is not None else {}
        if net is not None:
            wiring.check_widths(wires, rows)
            head = self._head_of(net, outputs, labels, losses)
            self._check(net, head, optimizer, wires)
            wiring.check_label_widths(labels, head.loss.split("\n"))
        elif wires.raw or labels.raw:
            raise fail(1001, f"{'feature' if wires.raw else 'label'}Preprocessing needs a net; what it takes and gives decides what the function makes")
        fitting.once(dataset, ("slots", workers), lambda: session.check_slots(dataset.sparkSession, workers))
        if net is None:
            nets.check(nets.short_recipe(self.value("hiddenLayers"), self.value("activation"), 1, "linear"), optimizer, losses[0] or "mean_squared_error", "", None)
        known = vocabulary.lookups(vocabulary.count(dataset, wires.categories, self.value("minFrequency"), self.value("maxVocabulary")), wires.names) if wires.categories else None
        sizes = {} if known is None else {c.name: c.size for c in known.columns}
        if net is None:
            units, last = self._short_head(dataset, labels.first, losses[0])
            net = self._short(dataset, wires, sizes, units, last)
            head = self._head_of(net, nets.ports(net, True) if net.uses else (), labels, losses)
            self._check(net, head, optimizer, wires)
        else:
            wiring.check_vocabularies(wires, sizes, rows)
        return Plan(wires.features, labels.first, [c for c in (weight, validation) if c is not None], head, dict(
            version=engine.version(), recipe=net.text, recipe_weights=net.weights,
            workers=workers, weight=weight, validation=validation, invalid=self.value("handleInvalid"),
            loss=head.loss, optimizer=optimizer, metrics=self._metrics(net, head), learning_rate=self.value("learningRate"),
            epochs=self._epochs(), batch_size=self.value("batchSize"), seed=self.value("seed"),
            validation_fraction=self.value("validationFraction"), classes=self._classes(head, labels), class_weight=self._class_weight(head),
            local_steps=self.value("localSteps"), average_optimizer=bool(self.value("averageOptimizer")), compression=self.value("gradientCompression"),
            compression_ratio=self.value("compressionRatio"), cache=self.value("cache"), cache_memory=self.value("cacheMemory") << 20,
            patience=self.value("patience"), checkpoint_dir=self._checkpoint_dir(), checkpoint_epochs=self.value("checkpointEpochs"),
            checkpoint_steps=self.value("checkpointSteps"), checkpoint_keep=self.value("checkpointKeep"), resume=self.value("resume"),
            end_trigger=self.value("endWhen"), validation_trigger=self.value("validationTrigger"), checkpoint_trigger=self.value("checkpointTrigger"),
            lookups=known.text if known is not None else "", calls=self._calls(wires, labels, inputs, outputs),
            notes=self._notes(wires, labels, known)), labels.names)

    def _epochs(self) -> int:
        """How many epochs at most."""
        ends = [int(n) for n in re.findall(r"max_epoch=(\d+)", self.value("endWhen") or "")]
        return int(self.value("epochs")) if self.isSet("epochs") or not ends else min(max(ends), 2**31 - 1)

    def _head_of(self, net: Recipe, outputs: Sequence[nets.Port], labels: wiring.Labels, losses: Sequence[str]) -> nets.Head:
        """How the outputs are read, with the losses that fit them where nothing else was asked for."""
        heads = []
        for k, (port, own) in enumerate(labels.of):
            label = own[0] if len(own) == 1 else schema.Label(", ".join(one.name for one in own), True, False, None, None)
            head = self._judge(net, label, losses[k], k, labels.raw)
            heads.append(head._replace(loss=nets.weighted(losses[k] or head.loss, self.value("lossWeights"), k, outputs), name=port.name if port is not None else ""))
        return heads[0] if len(heads) == 1 else nets.joined(heads)

    def _calls(self, wires: wiring.Wires, labels: wiring.Labels, inputs: Sequence[nets.Port], outputs: Sequence[nets.Port]) -> tuple[tuple[Any, ...], ...]:
        """The user's functions, as they travel."""
        calls = []
        if wires.raw:
            calls.append(wiring.feature_call(self.value("featurePreprocessing"), wires.names, inputs))
        if labels.raw:
            own = tuple(dict.fromkeys(labels.names))
            gives = tuple(f"label of {port.name} (labelPreprocessing)" for port in outputs)
            calls.append(Call(self.value("labelPreprocessing"), "labelPreprocessing", own, own, tuple(p.name for p in outputs),
                              (None,) * len(outputs), gives))
        return tuple(tuple(call) for call in calls)

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

    def _check(self, net: Recipe, head: nets.Head, optimizer: str, wires: wiring.Wires) -> None:
        nets.check(net, optimizer, head.loss, self._metrics(net, head), wires.width())
        self._class_weight(head)

    def _notes(self, wires: wiring.Wires, labels: wiring.Labels, known: Optional[Lookups]) -> tuple[tuple[str, str], ...]:
        notes = []
        if not wires.raw and not labels.raw:
            names = labels.names
            notes.append(("columns", json.dumps({"features": wires.names, "label": names[0] if len(names) == 1 else names})))
        if labels.first.names and len(labels.names) == 1:
            notes.append(("classes", json.dumps(list(labels.first.names))))
        return tuple([*notes, *(known.notes() if known is not None else ())])

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

    def _judge(self, net: Recipe, label: schema.Label, loss: str, output: int, raw: bool) -> nets.Head:
        """How one output is read. raw: a function makes the labels, so that columns say nothing."""
        raise NotImplementedError

    def _short_head(self, dataset: Any, label: schema.Label, loss: str) -> tuple[int, str]:
        """Units and activation of the last layer where net is not set."""
        raise NotImplementedError

    def _short(self, dataset: Any, wires: wiring.Wires, sizes: dict[str, int], units: int, last: str) -> Recipe:
        """The network where none is set."""
        hidden, activation = self.value("hiddenLayers"), self.value("activation")
        if not sizes:
            return nets.short_recipe(hidden, activation, units, last)
        lists = [f.name for f in wires.categories if schema.is_list(f.dataType)]
        if lists:
            raise fail(1005, f"categoricalCols: {lists[0]!r} is an array; give a net, whose Input says how many words a row has")
        # The numbers come first, whatever the order of the columns: what a network of columns takes is by input.
        numbers = [f for f in wires.features if f.name not in sizes]
        if [f.name for f in wires.features[:len(numbers)]] != [f.name for f in numbers]:
            raise fail(1005, "featuresCol names columns of categoricalCols before others; leave them to categoricalCols, or give a net")
        width = vocabulary.width(dataset, numbers)
        categories = [(f.name, sizes[f.name]) for f in wires.features[len(numbers):]]
        return nets.embedding_recipe(width, categories, self.value("embeddingSize"), hidden, activation, units, last)

    def _metrics(self, net: Recipe, head: nets.Head) -> str:
        return net.metrics

    def _classes(self, head: nets.Head, labels: wiring.Labels) -> Optional[int]:
        return None

    def _class_weight(self, head: nets.Head) -> Optional[tuple[float, ...]]:
        return None


@with_params(CLASSIFIER)
class NNClassifier(NNEstimatorBase):
    """Trains a network that tells classes apart, on all workers together, and gives an NNClassifierModel.

    NNClassifier(hiddenLayers=[256, 128], epochs=10, numWorkers=4).fit(df)
    """

    _model_class = NNClassifierModel

    def _judge(self, net: Recipe, label: schema.Label, loss: str, output: int, raw: bool) -> nets.Head:
        several = label.several or raw and bool(re.search(r"categorical", loss, re.I)) and not re.search(r"sparse", loss, re.I)
        head = nets.classifier_head(net, loss, several, output)
        if label.several and head.head in ("sigmoid", "logit"):
            raise fail(1001, f"labelCol={label.name!r} is an array and the net ends in one unit; end it in one unit per label")
        if label.classes is not None and label.classes > max(2, head.units):
            raise fail(2006, f"labelCol={label.name!r} has {label.classes} classes by its metadata, the net ends in {head.units} units")
        self._check_thresholds(net, head)
        return head

    def _short_head(self, dataset: Any, label: schema.Label, loss: str) -> tuple[int, str]:
        last = "linear" if nets.LOGITS.search(loss) else "sigmoid" if label.several else "softmax"
        if label.several:
            return fitting.label_width(dataset, label), last
        return label.classes or fitting.look_at_labels(dataset, label, self.value("handleInvalid")).classes, last

    def _check_thresholds(self, net: Recipe, head: nets.Head) -> None:
        thresholds = self.value("thresholds")
        classes = 2 if head.head in ("sigmoid", "logit") else head.units
        if thresholds is not None and len(net.outputs) > 1:
            raise fail(1005, "thresholds are for a net with one output; this one has several")
        if thresholds is not None and len(thresholds) != classes:
            raise bad("thresholds", thresholds, f"{classes} numbers, one per class")

    def _metrics(self, net: Recipe, head: nets.Head) -> str:
        return net.metrics or "\n".join(f"accuracy output={k}" if k else "accuracy" for k in range(max(1, len(head.parts))))

    def _classes(self, head: nets.Head, labels: wiring.Labels) -> Optional[int]:
        return None if head.parts or labels.first.several or head.units > 1 and "sparse" not in head.loss.lower() else max(2, head.units)

    def _class_weight(self, head: nets.Head) -> Optional[tuple[float, ...]]:
        if head.parts and self.value("classWeights") is not None:
            raise fail(1005, "classWeights are for a net with one output; this one has several")
        return checked_class_weights(self.value("classWeights"), 2 if head.head in ("sigmoid", "logit") else head.units)


@with_params(REGRESSOR)
class NNRegressor(NNEstimatorBase):
    """Trains a network that predicts one number per row, or several when the label is an array or vector.

    NNRegressor(hiddenLayers=[64], epochs=20, numWorkers=2).fit(df)
    """

    _model_class = NNRegressorModel

    def _judge(self, net: Recipe, label: schema.Label, loss: str, output: int, raw: bool) -> nets.Head:
        head = nets.regressor_head(net, output)
        if not label.several and not raw and head.units != 1:
            raise fail(1002, f"labelCol={label.name!r} is one number per row, the net ends in {head.units} units")
        return head

    def _short_head(self, dataset: Any, label: schema.Label, loss: str) -> tuple[int, str]:
        return fitting.label_width(dataset, label) if label.several else 1, "linear"


@with_params(ANY)
class NNEstimator(NNEstimatorBase):
    """Trains any network with any losses, and gives an NNEstimatorModel, whose columns are the network's outputs as they are.

    NNEstimator(net=net, inputCols={"wide": ["a", "b"], "deep": "features"}, labelCols={"click": "clicked", "amount": "paid"},
                loss={"click": "binary_crossentropy", "amount": "mse"}, epochs=10).fit(df)
    """

    _model_class = NNEstimatorModel
    _labels_apart = False  # an autoencoder's are its features

    def _plan(self, dataset: Any, workers: int) -> Plan:
        if self._given_network() is None:
            raise fail(1001, "NNEstimator needs a net; NNClassifier and NNRegressor make one of hiddenLayers")
        return super()._plan(dataset, workers)

    def _judge(self, net: Recipe, label: schema.Label, loss: str, output: int, raw: bool) -> nets.Head:
        port = nets.ports(net, True)[output]
        if port.width is None:
            raise fail(1006, "net: what it gives is not known before its shape is; begin it with an Input")
        if not loss:
            raise fail(1007, f"no loss for the output {port.name!r} of net; set loss, or compile the net with one")
        return nets.Head("values", port.width, loss)
