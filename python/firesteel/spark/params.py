"""params - every Param of the estimators and models in one table: name, kind, default, who has it, what it means.

Class attributes, setX, getX, constructor signatures, checks of values and what is written to disk all come from TABLE.
"""
from __future__ import annotations

import difflib
import inspect
import math
from typing import Any, Callable, NamedTuple, Optional

from pyspark.ml.param import Param, Params

from .errors import fail

# Who has a Param: an estimator (C classifier, R regressor, E any network) or its model (c, r, e), or an evaluator (V).
CLASSIFIER, REGRESSOR, CLASSIFIER_MODEL, REGRESSOR_MODEL, EVALUATOR = "C", "R", "c", "r", "V"
TRANSFORMER = "t"  # ModelTransformer
ANY, ANY_MODEL = "E", "e"  # has what the regressor has, but for the Params that make a network
MAKES_NET = ("hiddenLayers", "activation", "embeddingSize")


class Entry(NamedTuple):
    name: str
    kind: str
    default: Any  # UNSET: no default
    who: str
    doc: str


UNSET: Any = object()

TABLE = (
    Entry("featuresCol", "columns", "features", "CRcr", "features: one column (ML vector, array of numbers, or a number) or a list of columns, joined in that order"),
    Entry("labelCol", "column", "label", "CRcrV", "label: a class number 0, 1, ... for classification, a number for regression; an array or ML vector of them for multi-label classification and regression on several targets"),
    Entry("predictionCol", "outcolumn", "prediction", "CRcrV", "name of the column with the prediction; \"\" leaves it out"),
    Entry("probabilityCol", "outcolumn", "probability", "CcV", "name of the column with the classes' probabilities; \"\" leaves it out"),
    Entry("rawPredictionCol", "outcolumn", "rawPrediction", "Cc", "name of the column with the logits, what the last softmax or sigmoid sees; \"\" leaves it out"),
    Entry("weightCol", "column", UNSET, "CRV", "weight of each row, a number of at least 0; unset: every row weighs 1"),
    Entry("validationIndicatorCol", "column", UNSET, "CR", "boolean column: true marks rows that are not trained on but evaluated after each epoch"),
    Entry("validationFraction", "fraction", 0.0, "CR", "share of the rows, chosen by seed and content, that is evaluated after each epoch instead of trained on"),
    Entry("net", "net", UNSET, "CR", "the network, a firesteel.Sequential: weights it has are the start, others are drawn by seed; fit never changes it. Unset: hiddenLayers decide"),
    Entry("hiddenLayers", "ints0", [256, 128], "CR", "units of the hidden layers when net is not set; [] is a linear model"),
    Entry("activation", "text", "relu", "CR", "activation of the hidden layers when net is not set"),
    Entry("loss", "losses", UNSET, "CR", "loss, by name or as an object of firesteel.losses, of a net with several outputs a list or {output: loss}; unset: the compiled net's, else what fits the last layer"),
    Entry("lossWeights", "factors", UNSET, "CR", "factors of the losses of several outputs, as a list or as {output: factor}; unset: the compiled net's, else 1"),
    Entry("optimizer", "engine", UNSET, "CR", "optimizer, by name or as an object of firesteel.optimizers; unset: the compiled net's, else adam"),
    Entry("learningRate", "positive", UNSET, "CR", "step size; unset: the optimizer's own"),
    Entry("epochs", "count", 10, "CR", "passes over the rows"),
    Entry("batchSize", "count", 32, "CR", "rows of one step, of all workers together"),
    Entry("numWorkers", "workers", 1, "CR", "Spark tasks that train together; each needs a slot at the same time. 'auto': all slots of the application"),
    Entry("seed", "seed", 0, "CR", "decides first weights, dropout, order of rows and the validation share: same seed, table and numWorkers give the same bits"),
    Entry("classWeights", "weights", UNSET, "C", "one factor per class on its rows' loss, as a list or as {class: factor}; classes left out of a dict weigh 1"),
    Entry("thresholds", "thresholds", UNSET, "Cc", "one number per class: the class with the largest probability / threshold is predicted; multi-label: a label is set above its threshold"),
    Entry("handleInvalid", "invalid", "error", "CRcrt", "rows with a null, NaN or infinity: 'error' fails naming the column, 'skip' leaves the row out, 'keep' passes it to the network (nulls as NaN)"),
    Entry("patience", "count0", 0, "CR", "stop after so many epochs in which val_loss (loss, without validation rows) did not get better, and put the best weights back; 0: never"),
    Entry("localSteps", "count", 1, "CR", "steps that each worker takes by itself, on its share of each batch, before the workers' weights are averaged; 1: gradients are summed in every step, which is exact"),
    Entry("averageOptimizer", "flag", 1, "CR", "with localSteps above 1: 1 averages the optimizer's state along with the weights, 0 only at the end of an epoch, which sends less; with gradientCompression always so"),
    Entry("gradientCompression", "compression", "none", "CR", "what workers send of gradients: 'none' all, 'bf16' 16 bits of each number, 'threshold' those beyond a threshold; what is left out is sent later"),
    Entry("compressionRatio", "ratio", 0.0625, "CR", "with gradientCompression='threshold': bytes to send, as a share of those without compression"),
    Entry("cache", "cache", "auto", "CR", "where a worker keeps its rows: 'memory', 'disk' (files of no name in Spark's local folders, read in windows), 'auto' in memory up to cacheMemory, the rest on disk"),
    Entry("cacheMemory", "count", 1024, "CR", "with cache 'auto' or 'disk': MiB of rows that a worker holds in memory"),
    Entry("initialModel", "model", UNSET, "CR", "what to go on from, in place of net: a model of ours, a network, or the path of either; of a checkpoint also the optimizer's state"),
    Entry("checkpointDir", "text", UNSET, "CR", "folder for checkpoints, on a disk that all workers share or anything that fsspec opens (s3://...); with it a fit goes on after a lost worker or a killed driver"),
    Entry("checkpointEpochs", "count", 1, "CR", "a checkpoint after every so many epochs"),
    Entry("checkpointSteps", "count0", 0, "CR", "and within epochs after every so many steps; 0: at the end of epochs only"),
    Entry("checkpointKeep", "count", 1, "CR", "how many checkpoints are kept, the last ones"),
    Entry("maxRestarts", "count0", 3, "CR", "with checkpointDir: how many times the job is started again from the last checkpoint when a worker is lost"),
    Entry("resume", "resume", "auto", "CR", "with checkpointDir: 'auto' goes on with an unfinished training of the same network, columns and settings that is found there, 'never' begins anew"),
    Entry("inputCols", "inputs", UNSET, "t", "columns that feed the model: one, or a list, joined in that order (with several inputs: one for each, in order); or {input: column or list of columns}"),
    Entry("outputCols", "mapping", UNSET, "t", "columns that come out: one, or a list in the order of the model's outputs, or {output: column} for some of them"),
    Entry("outputLayer", "mapping", UNSET, "t", "a layer inside the model that gives the output column instead of the last one, by name; or {column: layer} for further output columns"),
    Entry("outputMode", "outputmode", "auto", "t", "'auto': a number where a row has one, else an array, nested by its shape; 'array': always an array; 'vector': an ML vector; or {column: mode}"),
    Entry("binaryType", "binarytype", "auto", "t", "type of the numbers in a column of bytes: 'uint8', 'float32', ...; 'auto': the input's own, or what their count fits"),
    Entry("channelOrder", "channels", "RGB", "t", "order of an image's colours as the model wants them: 'RGB' or 'BGR'"),
    Entry("onInterrupt", "interrupt", "cancel", "CR", "what Ctrl-C does during fit: 'cancel' the training, or end it after the step under way and return the 'model' so far; a second Ctrl-C cancels"),
    Entry("endWhen", "trigger", UNSET, "CR", "trigger (firesteel.spark.triggers) that ends the training, after `epochs` at the latest; where those are not set, after the largest MaxEpoch in it"),
    Entry("validationTrigger", "trigger", UNSET, "CR", "trigger after which validation rows are evaluated; unset: each epoch"),
    Entry("checkpointTrigger", "trigger", UNSET, "CR", "with checkpointDir: trigger after which checkpoints are written, in place of checkpointEpochs and checkpointSteps"),
    Entry("inputCols", "columnmap", UNSET, "CRcr", "of a net with several inputs: {input: column or list of columns}, in place of featuresCol"),
    Entry("labelCols", "columnmap", UNSET, "CRcr", "of a net with several outputs: {output: column or list of columns}, in place of labelCol"),
    Entry("outputCols", "textmap", UNSET, "Ee", "names of the columns with the outputs of a net with several: {output: column}, \"\" leaves one out; unset: predictionCol_output"),
    Entry("categoricalCols", "columns0", [], "CRcr", "columns of categories (texts, whole numbers, booleans, or arrays of them): Spark counts their words, which become indices for embeddings; 0 is a missing word, 1 an unknown one. Those that are no features yet are features behind the others"),
    Entry("minFrequency", "count", 1, "CR", "words of categoricalCols that are rarer count as unknown"),
    Entry("maxVocabulary", "vocabulary", 100_000, "CR", "indices of one of categoricalCols at most, those of missing and unknown words included; the rarest words are left out"),
    Entry("embeddingSize", "count0", 0, "CR", "numbers for each category of categoricalCols when net is not set; 0: 4 times the fourth root of how many there are, 2 to 64"),
    Entry("featurePreprocessing", "function", UNSET, "CRcr", "function that executors call with each pyarrow.RecordBatch of the feature columns, of any type: it gives a NumPy or Arrow array with an entry per row, or a dict of them by input of the net; not saved"),
    Entry("labelPreprocessing", "function", UNSET, "CR", "the same for the label columns; a dict by output of the net; not saved"),
    Entry("verbose", "flag", 1, "CR", "1 shows progress on the driver, 0 nothing"),
    Entry("metricName", "metric", "accuracy", "V", "the number that counts: accuracy, f1, auc, log_loss, rmse, r2 ... of the reports in docs/evaluation.md"),
)


def has(who: str, entry: Entry) -> bool:
    """Whether an estimator or model has a Param."""
    return who in entry.who or who == ANY and "R" in entry.who and entry.name not in MAKES_NET or who == ANY_MODEL and "r" in entry.who


def bad(name: str, value: Any, expected: str) -> Exception:
    shown = repr(value)
    return fail(1004, f"{name}={shown if len(shown) <= 80 else shown[:77] + '...'}: expected {expected}")


def unknown(owner: str, name: str, names: list[str]) -> Exception:
    near = difflib.get_close_matches(name, names, 3)
    hint = f"did you mean {' or '.join(near)}?" if near else "it has " + ", ".join(sorted(names))
    return fail(1003, f"{owner} has no Param {name!r}; {hint}")


# ---- kinds of value: each function returns the stored value or raises ----------------

def _text(name: str, v: Any) -> str:
    if not isinstance(v, str) or not v:
        raise bad(name, v, "a text")
    return v


def _column(name: str, v: Any) -> str:
    if not isinstance(v, str) or not v:
        raise bad(name, v, "the name of a column")
    return v


def _outcolumn(name: str, v: Any) -> str:
    if not isinstance(v, str):
        raise bad(name, v, "the name of a column, or \"\" for none")
    return v


def _columns(name: str, v: Any) -> Any:
    if isinstance(v, str) and v:
        return v
    if isinstance(v, (list, tuple)) and v and all(isinstance(c, str) and c for c in v):
        twice = sorted({c for c in v if list(v).count(c) > 1})
        if twice:
            raise bad(name, v, f"each column once, {', '.join(twice)} is there twice")
        return list(v)
    raise bad(name, v, "the name of a column or a list of names")


def _columns0(name: str, v: Any) -> Any:
    return [] if isinstance(v, (list, tuple)) and not v else _columns(name, v)


def _column_map(name: str, v: Any) -> dict[str, list[str]]:
    if not isinstance(v, dict) or not v or not all(isinstance(k, str) and k for k in v):
        raise bad(name, v, "a dict from names to a column or a list of columns")
    found = {}
    for key, columns in v.items():
        checked = _columns(f"{name}[{key!r}]", columns)
        found[key] = [checked] if isinstance(checked, str) else checked
    return found


def _text_map(name: str, v: Any) -> dict[str, str]:
    if not isinstance(v, dict) or not v or not all(isinstance(k, str) and k and isinstance(c, str) for k, c in v.items()):
        raise bad(name, v, "a dict from outputs to names of columns")
    return dict(v)


def _vocabulary(name: str, v: Any) -> int:
    return _whole(name, v, 3, 2**24, "a whole number from 3 to 16777216")


def _trigger(name: str, v: Any) -> str:
    from .triggers import TERM, Trigger

    text = v.text if isinstance(v, Trigger) else v
    if not isinstance(text, str) or not text or not all(TERM.fullmatch(term) for term in text.split(" ")):
        raise bad(name, v, "a trigger of firesteel.spark.triggers")
    return text


def _function(name: str, v: Any) -> Any:
    if not callable(v) or isinstance(v, type):
        raise bad(name, v, "a function of a pyarrow.RecordBatch")
    return v


def is_number(v: Any) -> bool:
    """A finite real number, Python's or numpy's, that is not a boolean."""
    if isinstance(v, bool) or isinstance(v, (str, bytes)):
        return False
    try:
        return math.isfinite(float(v))
    except (TypeError, ValueError, OverflowError):
        return False


def _whole(name: str, v: Any, low: int, high: int, expected: str) -> int:
    if not is_number(v) or float(v) != int(v) or not low <= int(v) <= high:
        raise bad(name, v, expected)
    return int(v)


def _count(name: str, v: Any) -> int:
    return _whole(name, v, 1, 2**31 - 1, "a whole number of at least 1")


def _count0(name: str, v: Any) -> int:
    return _whole(name, v, 0, 2**31 - 1, "a whole number of at least 0")


def _seed(name: str, v: Any) -> int:
    return _whole(name, v, -2**63, 2**64 - 1, "a whole number of 64 bits")


def _flag(name: str, v: Any) -> int:
    return _whole(name, int(v) if isinstance(v, bool) else v, 0, 2, "0 or 1")


def _ints0(name: str, v: Any) -> list[int]:
    if isinstance(v, (str, bytes)) or not hasattr(v, "__iter__"):
        raise bad(name, v, "a list of whole numbers, units of each hidden layer")
    return [_whole(name, u, 1, 2**24, "whole numbers of at least 1, units of each hidden layer") for u in v]


def _positive(name: str, v: Any) -> float:
    if not is_number(v) or float(v) <= 0:
        raise bad(name, v, "a number above 0")
    return float(v)


def _fraction(name: str, v: Any) -> float:
    if not is_number(v) or not 0 <= float(v) < 1:
        raise bad(name, v, "a number from 0 up to, but not including, 1")
    return float(v)


def _weights(name: str, v: Any) -> Any:
    if isinstance(v, dict):
        try:
            found = {int(k): float(w) for k, w in v.items()}
        except (TypeError, ValueError):
            raise bad(name, v, "a factor for each class number") from None
        if found and min(found) >= 0 and all(math.isfinite(w) and w >= 0 for w in found.values()):
            return {str(k): found[k] for k in sorted(found)}  # keys as JSON has them
    elif not isinstance(v, (str, bytes)) and hasattr(v, "__iter__"):
        values = list(v)
        if values and all(is_number(w) and float(w) >= 0 for w in values):
            return [float(w) for w in values]
    raise bad(name, v, "factors of at least 0, as a list with one per class or as {class: factor}")


def _thresholds(name: str, v: Any) -> list[float]:
    values = [] if isinstance(v, (str, bytes)) or not hasattr(v, "__iter__") else list(v)
    if not values or not all(is_number(t) and float(t) >= 0 for t in values) or sum(float(t) == 0 for t in values) > 1:
        raise bad(name, v, "one number of at least 0 per class, at most one of them 0")
    return [float(t) for t in values]


def _one_of(*words: str) -> Callable[[str, Any], str]:
    """A kind whose values are these words."""

    def check(name: str, v: Any) -> str:
        if v not in words:
            raise bad(name, v, ", ".join(map(repr, words[:-1])) + f" or {words[-1]!r}")
        return str(v)

    return check


def _workers(name: str, v: Any) -> Any:
    return v if isinstance(v, str) and v == "auto" else _whole(name, v, 1, 2**31 - 1, "a whole number of at least 1, or 'auto'")


def _metric(name: str, v: Any) -> str:
    from .evaluation import LARGER, SMALLER

    if v not in LARGER | SMALLER:
        near = difflib.get_close_matches(str(v), LARGER | SMALLER, 3)
        raise bad(name, v, " or ".join(map(repr, near)) if near else "one of " + ", ".join(sorted(LARGER | SMALLER)))
    return str(v)


def _inputs(name: str, v: Any) -> Any:
    if isinstance(v, dict):
        if not v or not all(isinstance(k, str) and k for k in v):
            raise bad(name, v, "{input of the model: column or list of columns}")
        return {k: _columns(name, columns) for k, columns in v.items()}
    return _columns(name, v)


def _mapping(name: str, v: Any) -> Any:
    if isinstance(v, dict) and v and all(isinstance(x, str) and x for pair in v.items() for x in pair):
        return dict(v)
    if isinstance(v, dict) or (name == "outputLayer" and not isinstance(v, str)):
        raise bad(name, v, "a name, or {column: layer}" if name == "outputLayer" else "names of columns, or {output of the model: column}")
    return _columns(name, v)


MODES = ("auto", "array", "vector")
BINARY = ("auto", "uint8", "int8", "uint16", "int16", "int32", "int64", "float16", "float32", "float64", "bool")


def _outputmode(name: str, v: Any) -> Any:
    if isinstance(v, dict) and v and all(isinstance(k, str) and mode in MODES for k, mode in v.items()):
        return dict(v)
    if v not in MODES:
        raise bad(name, v, "'auto', 'array' or 'vector', or one of them for each column as {column: mode}")
    return v


def _ratio(name: str, v: Any) -> float:
    if not is_number(v) or not 0 < float(v) <= 1:
        raise bad(name, v, "a number above 0 and up to 1")
    return float(v)


def _engine(name: str, v: Any) -> str:
    from .nets import engine_text

    return engine_text(name, v)


def _losses(name: str, v: Any) -> Any:
    from .nets import engine_text

    if isinstance(v, dict):
        return {str(k): engine_text(name, one) for k, one in v.items()}
    return [engine_text(name, one) for one in v] if isinstance(v, (list, tuple)) else engine_text(name, v)


def _factors(name: str, v: Any) -> Any:
    values = list(v.values()) if isinstance(v, dict) else list(v) if isinstance(v, (list, tuple)) else []
    if not values or not all(is_number(w) for w in values):
        raise bad(name, v, "numbers, as a list with one per output or as {output: factor}")
    return {str(k): float(w) for k, w in v.items()} if isinstance(v, dict) else [float(w) for w in values]


def _net(name: str, v: Any) -> Any:
    from .nets import recipe_of

    return recipe_of(name, v)


def _model(name: str, v: Any) -> Any:
    from .nets import initial_recipe

    return initial_recipe(name, v)


KINDS: dict[str, Callable[[str, Any], Any]] = {
    "text": _text, "column": _column, "outcolumn": _outcolumn, "columns": _columns, "count": _count, "count0": _count0, "seed": _seed,
    "ratio": _ratio, "compression": _one_of("none", "bf16", "threshold"), "cache": _one_of("memory", "disk", "auto"),
    "flag": _flag, "ints0": _ints0, "positive": _positive, "fraction": _fraction, "weights": _weights, "thresholds": _thresholds,
    "inputs": _inputs, "mapping": _mapping, "outputmode": _outputmode, "binarytype": _one_of(*BINARY), "channels": _one_of("RGB", "BGR"),
    "workers": _workers, "interrupt": _one_of("cancel", "model"), "model": _model,
    "invalid": _one_of("error", "skip", "keep"), "resume": _one_of("auto", "never"), "columns0": _columns0, "columnmap": _column_map, "textmap": _text_map, "vocabulary": _vocabulary, "function": _function, "trigger": _trigger, "losses": _losses, "factors": _factors, "engine": _engine, "metric": _metric, "net": _net,
}


class TableParams(Params):
    """What all estimators and models share: values checked by the table, unknown names refused with the nearest known."""

    _who = ""  # whose rows of TABLE these are; with_params says it
    _awaits: dict[str, str] = {}  # functions that were set when this was saved, by Param: what to set again

    def _start(self, given: dict[str, Any]) -> None:
        """The body of every constructor."""
        for entry in self._entries():
            if entry.default is not UNSET:
                self._setDefault(**{entry.name: entry.default})
        self._set(**given)

    @classmethod
    def _entries(cls) -> list[Entry]:
        return [e for e in TABLE if cls._who and has(cls._who, e)]

    def _set(self, **given: Any) -> Any:
        kinds = {e.name: e.kind for e in self._entries()}
        names = list(kinds)
        checked = {}
        for name, value in given.items():
            if name not in names:
                raise unknown(type(self).__name__, name, names)
            checked[name] = None if value is None else KINDS[kinds[name]](name, value)
        for name, value in checked.items():  # all or nothing
            param = getattr(self, name)
            if value is None:
                self._paramMap.pop(param, None)
            else:
                self._paramMap[param] = value
        return self

    def function(self, name: str) -> Any:
        """The value of a Param that holds a function, or None; one that was saved with a function must have it again."""
        value = self.value(name)
        if value is None and name in self._awaits:
            raise fail(1006, f"{type(self).__name__} was saved with {name}={self._awaits[name]}, and functions are not saved; "
                       f"set{name[0].upper()}{name[1:]} it before use")
        return value

    def value(self, name: str) -> Any:
        """The value set, or the default, or None."""
        param = getattr(self, name)
        return self.getOrDefault(param) if self.isDefined(param) else None


def _getter(entry: Entry) -> Callable[[Any], Any]:
    def get(self: Any) -> Any:
        value = self.value(entry.name)
        if entry.kind in ("net", "model") and value is not None:
            from .nets import network_of

            return network_of(value)
        return value

    get.__name__ = get.__qualname__ = "get" + entry.name[0].upper() + entry.name[1:]
    get.__doc__ = f"Value of {entry.name}: {entry.doc}."
    return get


def _setter(entry: Entry) -> Callable[[Any, Any], Any]:
    def set(self: Any, value: Any) -> Any:
        return self._set(**{entry.name: value})

    set.__name__ = set.__qualname__ = "set" + entry.name[0].upper() + entry.name[1:]
    set.__doc__ = f"Set {entry.name}: {entry.doc}."
    return set


def give_constructor(cls: Any) -> None:
    """A constructor and setParams that take Params by name; functions of their own, because each class has its own signature."""

    def __init__(self: Any, **params: Any) -> None:
        super(cls, self).__init__()
        self._start(params)

    def setParams(self: Any, **params: Any) -> Any:
        """Set several Params."""
        return self._set(**params)

    for function in (__init__, setParams):
        function.__qualname__ = f"{cls.__qualname__}.{function.__name__}"
        setattr(cls, function.__name__, function)


def with_params(who: str) -> Callable[[type], type]:
    """Class decorator: give a TableParams class the Params of `who`, their getters, and, to estimators, setters and a signature."""

    def decorate(cls: type) -> type:
        entries = [e for e in TABLE if has(who, e)]
        setattr(cls, "_who", who)
        for e in entries:
            # The converter also checks values in param maps, which do not pass through _set: est.fit(df, {est.epochs: 3}).
            converter = (lambda kind, name: lambda v: KINDS[kind](name, v))(e.kind, e.name)
            setattr(cls, e.name, Param(Params._dummy(), e.name, e.doc, typeConverter=converter))
            for make in (_getter, _setter):
                f = make(e)
                setattr(cls, f.__name__, f)
        if who.isupper():
            give_constructor(cls)
            keyword = inspect.Parameter.KEYWORD_ONLY
            shown = [inspect.Parameter(e.name, keyword, default=None if e.default is UNSET else e.default) for e in entries]
            me = inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)
            for method in ("__init__", "setParams"):
                getattr(cls, method).__signature__ = inspect.Signature([me, *shown])
            cls.__doc__ = (cls.__doc__ or "") + "\n\n    Params\n    ------\n" + "".join(
                f"    {e.name}{'' if e.default is UNSET else f' = {e.default!r}'}\n        {e.doc}\n" for e in entries)
        return cls

    return decorate


def checked_class_weights(value: Any, classes: int) -> Optional[tuple[float, ...]]:
    """classWeights as one factor per class."""
    if value is None:
        return None
    if isinstance(value, dict):
        high = max(int(k) for k in value)
        if high >= classes:
            raise bad("classWeights", value, f"classes 0 to {classes - 1}, found {high}")
        return tuple(float(value.get(str(c), 1.0)) for c in range(classes))
    if len(value) != classes:
        raise bad("classWeights", value, f"{classes} factors, one per class, found {len(value)}")
    return tuple(value)
