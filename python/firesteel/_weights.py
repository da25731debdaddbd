"""_weights - weights of a network, or of one of its layers, as arrays."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from . import _core, errors
from .utils import next_seed

NUMPY: dict[int, type[np.floating[Any]]] = {1: np.float32, 11: np.float64}  # by the engine's number of a type


def ready(net: _core.Network, shape: Sequence[int] | None = None) -> None:
    """Build for rows of this shape and draw missing weights."""
    if shape is not None and not net.info()["built"]:
        net.build(shape)
    if not all(has_value for _, _, _, has_value, _ in net.weights()):
        net.init(next_seed())


def own(net: _core.Network, layer: int | None = None) -> list[tuple[int, str, tuple[int, ...]]]:
    """(number, name, shape) of every weight of a layer, None: of all."""
    return [(i, name, shape) for i, (name, of, _, _, shape) in enumerate(net.weights()) if layer is None or of == layer]


def get(net: _core.Network, layer: int | None = None) -> list[np.ndarray]:
    """Copies, in Keras' order."""
    ready(net)
    kind = NUMPY[net.info()["type"]]
    out = []
    for i, _, shape in own(net, layer):
        out.append(np.empty(shape, kind))
        net.read_weight(i, out[-1])
    return out


def put(net: _core.Network, weights: Sequence[Any], layer: int | None = None) -> None:
    """Copy values in; all of them fit, or none is changed."""
    places = own(net, layer)
    if len(weights) != len(places):
        raise errors.make(1002, f"set_weights: {len(weights)} arrays; the {'model' if layer is None else 'layer'} has {len(places)} weights" + (
            "" if net.info()["built"] else " (it is not built yet: call build or give it an Input layer)"))
    values = []
    for value, (_, name, shape) in zip(weights, places):
        given = np.asarray(value)
        if given.shape != shape:
            raise errors.make(1002, f"set_weights: {name} has shape {list(shape)}; found {list(given.shape)}")
        values.append(np.ascontiguousarray(given, np.float32 if given.dtype == np.float32 else np.float64).reshape(shape))
    for a, (i, _, _) in zip(values, places):
        net.set_weight(i, a)
