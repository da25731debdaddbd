"""score - from columns of features to columns of predictions, as Arrow arrays of Spark's own layout.

One network is kept per Python worker and content of its file. The engine computes rows in blocks of fixed size, so that a row
comes out with the same bits however Spark cuts the table into batches.
"""
from __future__ import annotations

import dataclasses
import gc
from typing import Any, Callable, Optional, Sequence, Union

import numpy
import pyarrow

from .. import _lookups, errors
from . import engine
from .functions import Call, called

KEPT = 4  # networks that one Python worker keeps loaded


@dataclasses.dataclass(frozen=True)
class Outputs:
    """Which columns come out and how the network's last layer is read.

    head   softmax     k classes; logits are given by the engine
           sigmoid     one unit, two classes
           labels      k units, each a yes or no of its own (multi-label)
           logits      k linear units of a loss that takes logits
           logit       the same with one unit, two classes
           values      regression
    """

    head: str
    units: int
    raw: bool = False
    probability: bool = False
    prediction: bool = True
    thresholds: Optional[tuple[float, ...]] = None
    invalid: str = "error"
    parts: tuple["Outputs", ...] = ()

    @classmethod
    def of(cls, fields: dict[str, Any]) -> "Outputs":
        """What dataclasses.asdict made of one."""
        return cls(**{**fields, "parts": tuple(cls.of(part) for part in fields["parts"])})

    @property
    def classes(self) -> int:
        return 2 if self.head in ("sigmoid", "logit") else self.units


# ---- the network of this worker -----------------------------------------------

_networks: dict[str, Any] = {}


def network(key: str, read: Callable[[], Union[bytes, str]]) -> Any:
    """The loaded network whose file has the content hash `key`. When it is not loaded yet, `read` gives the file's bytes, or its path: such a file is
    mapped, so that all Python workers of a host share one copy of the weights."""
    net = _networks.pop(key, None)
    if net is None:
        while len(_networks) >= KEPT:
            del _networks[next(iter(_networks))]
        net = engine.load(read())
        if not gc.get_freeze_count():
            gc.freeze()  # Spark's workers collect garbage after every task: 15 ms over the objects of modules, which stay until the process ends
    _networks[key] = net  # youngest last
    return net


# ---- rows that cannot be scored ------------------------------------------------

def valid_rows(arrays: Sequence[pyarrow.Array]) -> Optional[numpy.ndarray]:
    """True for each row without a null, NaN or infinity in any column; None when that is all of them."""
    mask: Optional[numpy.ndarray] = None
    for array in arrays:
        good = _valid(array)
        if good is not None:
            mask = good if mask is None else mask & good
    return None if mask is None or mask.all() else mask


def _valid(array: pyarrow.Array) -> Optional[numpy.ndarray]:
    if isinstance(array, pyarrow.ChunkedArray):
        array = array.combine_chunks()
    kind = array.type
    good = None if array.null_count == 0 else array.is_valid().to_numpy(zero_copy_only=False)
    if pyarrow.types.is_struct(kind):  # an ML vector: what counts is in its values
        inner = _valid(array.field("values"))
        if inner is not None and good is not None:
            inner = inner | ~good
    elif pyarrow.types.is_list(kind) or pyarrow.types.is_large_list(kind) or pyarrow.types.is_fixed_size_list(kind):
        bad = _valid(array.flatten())  # leaves out what null rows hold
        if bad is None:
            inner = None
        else:
            lengths = array.value_lengths().fill_null(0).to_numpy(zero_copy_only=False).astype(numpy.int64)
            owner = numpy.repeat(numpy.arange(len(array)), lengths)
            inner = numpy.ones(len(array), bool)
            inner[owner[~bad]] = False
    elif pyarrow.types.is_floating(kind):
        finite = numpy.isfinite(array.fill_null(0).to_numpy(zero_copy_only=False))
        inner = None if finite.all() else finite
    else:
        inner = None
    if inner is None:
        return good
    return inner if good is None else good & inner


# ---- assembling columns ----------------------------------------------------------

def lists(values: numpy.ndarray) -> pyarrow.ListArray:
    """Rows of a float array [n, k] as lists of doubles. They become ML vectors in the query, not here: Spark 4.3 cannot turn rows with
    VectorUDT into columns when a Python function stands right above a columnar scan (RowToColumnConverter, UNSUPPORTED_DATATYPE)."""
    n, k = values.shape
    return pyarrow.ListArray.from_arrays(pyarrow.array(numpy.arange(n + 1, dtype=numpy.int32) * numpy.int32(k)),
                                         pyarrow.array(numpy.ascontiguousarray(values, dtype=numpy.float64).reshape(-1)))


def softmax(z: numpy.ndarray) -> numpy.ndarray:
    z = z.astype(numpy.float64)
    e = numpy.exp(z - z.max(axis=1, keepdims=True))
    return numpy.asarray(e / e.sum(axis=1, keepdims=True))


def raw_and_probability(out: Outputs, y: numpy.ndarray, logits: Optional[numpy.ndarray]) -> tuple[numpy.ndarray, numpy.ndarray]:
    """rawPrediction and probability, [n, classes] in float64, from the network's output y [n, units] and its logits."""
    if out.head in ("logits", "logit"):
        z = y.astype(numpy.float64)
        if out.head == "logits":
            return z, softmax(z)
        p = 1.0 / (1.0 + numpy.exp(-z))
        return numpy.hstack([-z, z]), numpy.hstack([1.0 - p, p])
    z = (y if logits is None else logits).astype(numpy.float64)
    p = y.astype(numpy.float64)
    if out.head == "sigmoid":
        return numpy.hstack([-z, z]), numpy.hstack([1.0 - p, p])
    return z, p


def choose(out: Outputs, raw: numpy.ndarray, probability: numpy.ndarray) -> numpy.ndarray:
    """The predicted class of each row, by spark.ml's rule: the largest raw value, or with thresholds the largest
    probability / threshold; the first of equals; NaN where the row has a NaN."""
    if out.thresholds is None:
        scaled = raw
    else:
        with numpy.errstate(divide="ignore", invalid="ignore"):
            scaled = probability / numpy.asarray(out.thresholds)
    best = numpy.where(numpy.isnan(scaled), -numpy.inf, scaled).argmax(axis=1).astype(numpy.float64)
    best[numpy.isnan(raw).any(axis=1)] = numpy.nan
    return numpy.asarray(best)


def columns(out: Outputs, y: numpy.ndarray, logits: Optional[numpy.ndarray]) -> list[pyarrow.Array]:
    """The wanted columns in the order rawPrediction, probability, prediction."""
    n = y.shape[0]
    y = y.reshape(n, -1)
    logits = None if logits is None else logits.reshape(n, -1)
    if y.shape[1] != out.units:
        raise errors.make(1002, f"the network gives {y.shape[1]} numbers per row, the model expects {out.units}")
    if out.parts:
        ends = [int(e) for e in numpy.cumsum([part.units for part in out.parts])]
        return [made for part, end in zip(out.parts, ends) for made in columns(part, y[:, end - part.units:end], None)]
    if out.head == "values":
        if not out.prediction:
            return []
        return [pyarrow.array(y[:, 0].astype(numpy.float64)) if out.units == 1 else lists(y)]
    raw, probability = raw_and_probability(out, y, logits)
    made: list[pyarrow.Array] = []
    if out.raw:
        made.append(lists(raw))
    if out.probability:
        made.append(lists(probability))
    if out.prediction:
        if out.head == "labels":
            limit = numpy.full(out.units, 0.5) if out.thresholds is None else numpy.asarray(out.thresholds)
            yes = (probability > limit).astype(numpy.float64)
            yes[numpy.isnan(probability)] = numpy.nan
            made.append(lists(yes))
        else:
            made.append(pyarrow.array(choose(out, raw, probability)))
    return made


def prepared(net: Any, names: Sequence[str], arrays: Sequence[Any], call: Optional[Sequence[Any]] = None) -> tuple[list[str], list[Any]]:
    """The columns that the engine reads: what the user's function makes of the table's, and words as indices of the model's vocabularies."""
    arrays = [a.combine_chunks() if isinstance(a, pyarrow.ChunkedArray) else a for a in arrays]
    if call is not None:
        own = Call(*call)
        return list(own.gives), called(own, pyarrow.RecordBatch.from_arrays(arrays, names=list(names)))
    lookups = _lookups.of(net)
    return list(names), arrays if lookups is None else lookups.arrays(arrays)


def score_arrays(net: Any, names: Sequence[str], arrays: Sequence[Any], out: Outputs, output_names: Sequence[str],
                 call: Optional[Sequence[Any]] = None) -> pyarrow.StructArray:
    """Score one Arrow batch: a struct per row with the fields output_names. With invalid="skip" a row that cannot be
    scored comes out as a null struct; the driver's query drops those. call: a functions.Call that makes the features of the columns."""
    names, arrays = prepared(net, names, arrays, call)
    mask = valid_rows(arrays) if out.invalid == "skip" else None
    if mask is not None:
        keep = pyarrow.array(mask)
        arrays = [a.filter(keep) for a in arrays]
    own = dict(zip(names, arrays))  # a column that feeds several inputs is there once
    batch = pyarrow.RecordBatch.from_arrays(list(own.values()), names=list(own))
    y, logits = engine.predict(net, batch, list(names), out.invalid)
    if mask is None:
        return pyarrow.StructArray.from_arrays(columns(out, y, logits), names=list(output_names))
    # Scored rows go to their places; below a null struct lie zeros, because Spark's vector type has fields that are never null.
    made = columns(out, _spread(y, mask), None if logits is None else _spread(logits, mask))
    return pyarrow.StructArray.from_arrays(made, names=list(output_names), mask=pyarrow.array(~mask))


def _spread(values: numpy.ndarray, mask: numpy.ndarray) -> numpy.ndarray:
    spread = numpy.zeros((len(mask), *values.shape[1:]), values.dtype)
    spread[mask] = values
    return spread
