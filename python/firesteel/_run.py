"""Named tensors in and out: what Model.run does."""
from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from . import errors

if TYPE_CHECKING:
    from .models import Model

# ONNX's numbers of element types, as fire_type has them. Types that NumPy lacks are those of the package ml_dtypes, if it is there.
NUMPY: dict[int, Any] = {1: np.float32, 2: np.uint8, 3: np.int8, 4: np.uint16, 5: np.int16, 6: np.int32, 7: np.int64, 9: np.bool_, 10: np.float16,
                         11: np.float64, 12: np.uint32, 13: np.uint64}
ML_DTYPES = {16: "bfloat16", 17: "float8_e4m3fn", 18: "float8_e4m3fnuz", 19: "float8_e5m2", 20: "float8_e5m2fnuz", 21: "uint4", 22: "int4", 23: "float4_e2m1fn", 24: "float8_e8m0fnu",
             25: "uint2", 26: "int2", 27: "float6_e2m3fn", 28: "float6_e3m2fn"}
NUMBER = {name: kind for kind, name in ML_DTYPES.items()}
TEXT, BFLOAT16, LIST, OPTIONAL = 8, 16, 0x100, 0x200


def type_name(kind: int) -> str:
    """A type as it is shown: float32, list of int64 ..."""
    name = np.dtype(NUMPY[kind & 0xff]).name if kind & 0xff in NUMPY else ML_DTYPES.get(kind & 0xff, "text" if kind & 0xff == TEXT else "?")
    return ("optional " if kind & OPTIONAL else "") + ("list of " if kind & LIST else "") + name


def _given(value: Any, kind: int) -> tuple[Any, int]:
    """What the engine takes for a value, and the number of its type where that does not say it: an array; (shape, texts); a list of these; or None."""
    if value is None or kind & LIST:
        items = [_given(item, kind & ~(LIST | OPTIONAL)) for item in value or ()]
        return None if value is None else [item for item, _ in items], kind & ~OPTIONAL
    kind &= ~OPTIONAL
    array = np.asarray(value)
    if kind == TEXT:
        texts = [item.decode() if isinstance(item, bytes) else str(item) for item in array.ravel().tolist()]
        if any("\0" in text for text in texts):
            raise ValueError("run: a text has a zero character in it")
        return (array.shape, texts), 0
    if array.dtype.name in NUMBER:  # a dtype of ml_dtypes, of which the buffer protocol knows nothing
        return np.require(array, requirements=["C", "A"]).view(np.uint16 if array.dtype.itemsize == 2 else np.uint8), NUMBER[array.dtype.name]
    if kind == BFLOAT16 and array.dtype.kind == "f":
        single = np.require(array, np.float32, ["C", "A"]).view(np.uint32)
        single = np.where(np.isnan(array), np.uint32(0x7FC00000), single + np.uint32(0x7FFF) + (single >> np.uint32(16) & np.uint32(1)))
        return (single >> np.uint32(16)).astype(np.uint16), BFLOAT16
    if kind in ML_DTYPES and not hasattr(value, "dtype"):
        import ml_dtypes
        return array.astype(getattr(ml_dtypes, ML_DTYPES[kind])).view(np.uint16 if kind == BFLOAT16 else np.uint8), kind
    bits = np.uint16 if kind == BFLOAT16 else np.uint8
    if kind in ML_DTYPES and (array.dtype == bits or (array.dtype.names and array.dtype.itemsize == np.dtype(bits).itemsize)):
        return np.require(array, requirements=["C", "A"]).view(bits), kind  # bits, with or without a name, as onnx had them before ml_dtypes
    if kind in NUMPY and array.dtype != NUMPY[kind] and not hasattr(value, "dtype"):
        array = array.astype(NUMPY[kind])  # lists and plain numbers have no type of their own
    return np.require(array, requirements=["C", "A"]), 0


def _taken(kind: int, shape: Any, data: Any) -> Any:
    if kind & LIST:
        return [_taken(*item) for item in data]
    if kind == TEXT:
        array = np.empty(len(data), object)
        array[:] = data
        return array.reshape(shape)
    if kind == BFLOAT16:
        return (np.frombuffer(data, np.uint16).astype(np.uint32) << np.uint32(16)).view(np.float32).reshape(shape)
    if kind in ML_DTYPES:
        bits = np.frombuffer(data, np.uint8).reshape(shape)
        try:
            import ml_dtypes
        except ImportError:
            return bits
        return bits.view(getattr(ml_dtypes, ML_DTYPES[kind])) if hasattr(ml_dtypes, ML_DTYPES[kind]) else bits
    return np.frombuffer(data, NUMPY[kind]).reshape(shape) if kind else None


def run(model: Model, inputs: Mapping[str, Any]) -> dict[str, Any]:
    net = model._net
    wanted = {name: kind for name, kind, _ in net.ports(False)}
    if not net.ports(True):  # layers that are no file's any more
        return _run_layers(model, inputs)
    arrays: list[Any] = []
    kinds: list[int] = []
    for name, value in inputs.items():
        array, kind = _given(value, wanted.get(name, 0))
        arrays.append(array)
        kinds.append(kind)
    return {name: _taken(*value) for name, value in net.run(list(inputs), arrays, kinds)}


def _run_layers(model: Model, inputs: Mapping[str, Any]) -> dict[str, np.ndarray]:
    names = [part[0] for part in model._net.parts(False)] if model.built else []
    if sorted(names) != sorted(inputs):
        raise errors.make(1001, f"run: inputs {', '.join(inputs)}; the model takes {', '.join(names) or 'none before it is built'}")
    x = [inputs[name] for name in names]
    y = model.predict(x[0] if len(x) == 1 else x, verbose=0)
    outputs = [part[0] for part in model._net.parts(True)]
    return dict(zip(outputs, y if isinstance(y, list) else [y]))
