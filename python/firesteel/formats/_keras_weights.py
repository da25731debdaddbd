"""_keras_weights - the weights of layers in Keras' files: where they lie, and what older versions stored in another form."""
from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import errors
from . import _keras_names as names
from ._hdf5 import Folder

Arrays = list[np.ndarray]
# The order of parts in a group of Keras 3, where it is not that of the alphabet. A leading _ does not count.
ORDER = ("forward_layer", "backward_layer", "cell", "layer", "query_dense", "key_dense", "value_dense", "output_dense")


def snake(name: str) -> str:
    """Keras 3's name of a group of weights: SeparableConv2D is separable_conv2d."""
    name = re.sub(r"\W+", "", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)).lower()


def below(group: Folder | None) -> Arrays:
    """All arrays of a layer's group of Keras 3, in the order of get_weights; the states of random generators are none."""
    if group is None:
        return []
    found: Arrays = []
    own = group.folders.get("vars")
    if own is not None:
        found += [np.asarray(own.arrays[name][()]) for name in sorted((n for n in own.arrays if n.isdigit()), key=int)]
    names = [name for name in group.folders if name not in ("vars", "seed_generator", "random_generator")]
    for name in sorted(names, key=lambda n: (ORDER.index(n.lstrip("_")) if n.lstrip("_") in ORDER else len(ORDER), n)):
        found += below(group.folders[name])
    return found


def listed(group: Folder, who: str) -> Arrays:
    """The arrays that a layer's group of an .h5 file lists, in its order."""
    found: Arrays = []
    for name in group.texts("weight_names"):
        array = group.array(name)
        if array is None:
            raise errors.make(5004, f"{who}: the weight {name!r} is listed, but not there")
        found.append(array)
    return found


def file_count(kind: str, counts: tuple[int, int], version: int) -> tuple[int, int]:
    """How many arrays (trainable, others) a layer has in a file."""
    if version == 1 and kind == "LSTM" and counts[0] == 3:
        return 12, 0
    if version == 1 and kind.startswith("ConvLSTM") and counts[0] == 3:
        return 12, 0
    if version == 1 and kind == "GRU" and counts[0] == 3:
        return 9, 0
    return counts


def _gates(a: Arrays, order: Sequence[int]) -> Arrays:
    """Keras 1's W, U and b of each gate, side by side."""
    return [np.concatenate([a[3 * gate + part] for gate in order], axis=-1) for part in range(3)]


def _cudnn(a: Arrays, gates: int, gru: bool) -> Arrays:
    """From cuDNN's layout: matrices transposed gate by gate, two biases."""
    kernel = np.hstack([k.T.reshape(k.shape, order="C") for k in np.hsplit(a[0], gates)])
    recurrent = np.hstack([k.T for k in np.hsplit(a[1], gates)])
    return [kernel, recurrent, a[2].reshape(2, -1) if gru else a[2].reshape(2, -1).sum(0)]


def _local(kernel: np.ndarray, config: dict[str, Any], shape: tuple[int, ...], bias: np.ndarray | None) -> np.ndarray:
    """A LocallyConnected kernel of implementation 2 (all pairs of places, most of them 0) or 3 (those that are not 0, in a row) as [places, window, filters]."""
    rank = 2 if isinstance(config.get("kernel_size"), (list, tuple)) and len(config["kernel_size"]) == 2 else 1
    places, seen, filters = shape
    window = [int(n) for n in np.resize(config["kernel_size"], rank)]
    strides = [int(n) for n in np.resize(config.get("strides", 1), rank)]
    first, same = config.get("data_format") == "channels_first", config.get("padding") == "same"
    channels = seen // int(np.prod(window))
    if kernel.ndim == 2 * rank + 2:
        sides = kernel.shape[1:1 + rank] if first else kernel.shape[:rank]
        out = kernel.shape[rank + 2:] if first else kernel.shape[rank + 1:-1]
    elif bias is not None and bias.ndim == rank + 1 and "input_sides" in config:
        sides, out = tuple(config["input_sides"]), bias.shape[:rank]
    else:
        sides = tuple(config.get("input_sides", ()))
        out = tuple((n - 1) // s + 1 if same else (n - k) // s + 1 for n, k, s in zip(sides, window, strides))
    if len(sides) != rank or int(np.prod(out)) != places or places * seen * filters > 1 << 28:
        raise ValueError
    before = [k // 2 if same else 0 for k in window]
    made = np.zeros((places, *window, channels, filters), kernel.dtype)
    inside = np.zeros((places, *window), bool)
    for at, place in enumerate(np.ndindex(*out)):
        for k in np.ndindex(*window):
            where = tuple(o * s + i - b for o, s, i, b in zip(place, strides, k, before))
            if all(0 <= i < n for i, n in zip(where, sides)):
                inside[(at, *k)] = True
                if kernel.ndim > 1:
                    made[(at, *k)] = kernel[(slice(None), *where, slice(None), *place)] if first else kernel[(*where, slice(None), *place, slice(None))]
    if kernel.ndim == 1:  # sorted by place and filter of the output, then by place and channel of the input
        if int(inside.sum()) * channels * filters != kernel.size:
            raise ValueError
        if first:
            of, order = np.broadcast_to(inside[None, :, None], (filters, places, channels, *window)), (1, *range(3, 3 + rank), 2, 0)
        else:
            of, order = np.broadcast_to(inside[:, None, ..., None], (places, filters, *window, channels)), (0, *range(2, 2 + rank), 2 + rank, 1)
        spread = np.zeros(of.shape, kernel.dtype)
        spread[of] = kernel
        made = spread.transpose(order)
    if first:
        made = np.moveaxis(made, -2, 1)
    return np.ascontiguousarray(made).reshape(shape)


def convert(kind: str, config: dict[str, Any], arrays: Arrays, shapes: Sequence[tuple[int, ...]], version: int, theano: bool, cudnn: bool) -> Arrays:
    """A layer's arrays as a file has them in the form of Keras 3. shapes: what the layer wants."""
    a = list(arrays)
    if kind in ("TimeDistributed", "Bidirectional") and isinstance(config.get("layer"), dict):
        inner, own = names.parts(config["layer"])
        cudnn, inner = inner.startswith("CuDNN"), names.CLASSES.get(inner, inner)
        parts = 1 if kind == "TimeDistributed" else 2
        return [one for k in range(parts)
                for one in convert(inner, own, a[k * len(a) // parts:(k + 1) * len(a) // parts], shapes[k * len(shapes) // parts:(k + 1) * len(shapes) // parts], version, theano, cudnn)]
    first = config.get("dim_ordering") == "th" or config.get("data_format") == "channels_first"
    if kind.startswith("ConvLSTM") and len(a) == 12:  # i, c, f, o as LSTM has them
        turned = [k.transpose(*range(2, k.ndim), 1, 0) if first and k.ndim > 1 else k for k in a]
        a = _gates(turned, (0, 2, 1, 3))
    elif kind == "LSTM" and len(a) == 12:
        a = _gates(a, (0, 2, 1, 3))  # Keras 1 stored i, c, f, o
    elif kind == "GRU" and len(a) == 9:
        a = _gates(a, (0, 1, 2))
    elif kind == "Highway" and version == 1:  # some versions had each bias behind its kernel
        a = [x for x in a if x.ndim == 2] + [x for x in a if x.ndim == 1]
    elif cudnn and len(a) == 3:
        a = _cudnn(a, 4 if kind == "LSTM" else 3, kind == "GRU")
    if version == 1 and kind.startswith("Conv") and a and len(shapes[0]) > 2 and not kind.startswith("ConvLSTM"):
        k = a[0]
        if kind == "Conv1D" and k.ndim == 4:  # [steps, 1, channels, filters], before that [filters, channels, steps, 1]
            k = (k.transpose(2, 3, 1, 0) if (*k.shape[:2], k.shape[3]) != (shapes[0][0], 1, shapes[0][2]) else k)[:, 0]
        elif kind == "Conv2DTranspose":  # its last two are the other way round than those of a convolution
            k = k.transpose(2, 3, 0, 1) if first else k.transpose(0, 1, 3, 2)
        elif first and k.ndim > 3:
            k = k.transpose(*range(2, k.ndim), 1, 0)
        a[0] = k
    if theano and kind.startswith("Conv"):  # Theano turns kernels round
        a = [x[(slice(None, None, -1),) * (x.ndim - 2)] if x.ndim > 2 and (i == 0 or kind.startswith("ConvLSTM")) else x for i, x in enumerate(a)]
    if kind.startswith("LocallyConnected") and a and a[0].ndim != 3:
        a[0] = _local(a[0], config, tuple(shapes[0]), a[1] if len(a) > 1 else None)
    if kind.startswith("LocallyConnected") and first and len(a) > 1 and a[1].ndim > 1:  # Keras adds the numbers as they lie, whatever their shape says: channels first
        a[1] = np.moveaxis(a[1].reshape(a[1].shape[-1], *a[1].shape[:-1]), 0, -1)
    if kind == "PReLU" and a and len(a[0].shape) == len(shapes[0]) + 1:
        a[0] = a[0][0]
    if len(a) == len(shapes):  # the same numbers with other ones in their shape, as in [1, 1, 3, 8] for [3, 8]
        a = [x.reshape(s) if x.shape != tuple(s) and [n for n in x.shape if n != 1] == [n for n in s if n != 1] else x for x, s in zip(a, shapes)]
    if kind == "Normalization" and len(a) == 2 and len(shapes) == 3:
        a.append(np.zeros(shapes[2]))
    return a
