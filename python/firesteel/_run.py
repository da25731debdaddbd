"""Named tensors in and out: what Model.run does."""
from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from . import errors

if TYPE_CHECKING:
    from .models import Model

# ONNX's numbers of element types; bfloat16, which NumPy lacks, comes back as float32.
NUMPY: dict[int, Any] = {1: np.float32, 2: np.uint8, 3: np.int8, 4: np.uint16, 5: np.int16, 6: np.int32, 7: np.int64, 9: np.bool_, 10: np.float16,
                         11: np.float64, 12: np.uint32, 13: np.uint64}
BFLOAT16 = 16


def _given(value: Any, kind: int) -> tuple[np.ndarray, int]:
    """A dense array of the type that is wanted, and the number of that type where the buffer does not say it."""
    array = np.asarray(value)
    if array.dtype.name == "bfloat16":
        return np.require(array, requirements=["C", "A"]).view(np.uint16), BFLOAT16
    if kind == BFLOAT16 and array.dtype.kind == "f":
        bits = np.require(array, np.float32, ["C", "A"]).view(np.uint32)
        bits = np.where(np.isnan(array), np.uint32(0x7FC00000), bits + np.uint32(0x7FFF) + (bits >> np.uint32(16) & np.uint32(1)))
        return (bits >> np.uint32(16)).astype(np.uint16), BFLOAT16
    if kind in NUMPY and array.dtype != NUMPY[kind] and not hasattr(value, "dtype"):
        array = array.astype(NUMPY[kind])  # lists and plain numbers have no type of their own
    return np.require(array, requirements=["C", "A"]), 0


def _taken(kind: int, shape: tuple[int, ...], data: bytearray) -> np.ndarray:
    if kind == BFLOAT16:
        return (np.frombuffer(data, np.uint16).astype(np.uint32) << np.uint32(16)).view(np.float32).reshape(shape)
    return np.frombuffer(data, NUMPY[kind]).reshape(shape)


def run(model: Model, inputs: Mapping[str, Any]) -> dict[str, np.ndarray]:
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
    return {name: _taken(kind, shape, data) for name, kind, shape, data in net.run(list(inputs), arrays, kinds)}


def _run_layers(model: Model, inputs: Mapping[str, Any]) -> dict[str, np.ndarray]:
    names = [part[0] for part in model._net.parts(False)] if model.built else []
    if sorted(names) != sorted(inputs):
        raise errors.make(1001, f"run: inputs {', '.join(inputs)}; the model takes {', '.join(names) or 'none before it is built'}")
    x = [inputs[name] for name in names]
    y = model.predict(x[0] if len(x) == 1 else x, verbose=0)
    outputs = [part[0] for part in model._net.parts(True)]
    return dict(zip(outputs, y if isinstance(y, list) else [y]))
