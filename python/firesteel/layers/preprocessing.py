"""preprocessing - layers that prepare raw numbers and categories."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import errors
from .base import Layer, _floats, _ints


class CategoryEncoding(Layer):
    """Whole numbers as ones at their index, or counts."""

    def __init__(self, num_tokens: int, output_mode: str = "multi_hot", name: str | None = None) -> None:
        super().__init__(name, num_tokens=num_tokens, output_mode=output_mode)


class Discretization(Layer):
    """The interval that a number lies in: between boundaries that are given, or quantiles learnt from data by adapt."""

    def __init__(self, bin_boundaries: Sequence[float] | None = None, num_bins: int | None = None, epsilon: float = 0.01, output_mode: str = "int",
                 name: str | None = None) -> None:
        edges = None if bin_boundaries is None else [float(v) for v in bin_boundaries]
        if edges is not None and len(edges) > 64 and num_bins is None:  # more than an attribute holds: a weight
            super().__init__(name, bin_boundaries=None, num_bins=len(edges) + 1, epsilon=epsilon, output_mode=output_mode)
            self._values = [np.array(edges)]
        else:
            super().__init__(name, bin_boundaries=edges, num_bins=num_bins, epsilon=epsilon, output_mode=output_mode)

    @staticmethod
    def _compressed(values: np.ndarray, weights: np.ndarray, epsilon: float) -> tuple[np.ndarray, np.ndarray]:
        """Values at every share epsilon of the weights, with the weights between them."""
        if len(values) * epsilon < 1:
            return values, weights
        share, total = epsilon + np.arange(0.0, 1.0, epsilon), weights.cumsum()
        at = np.interp(share, total / total[-1], total)
        return np.interp(share, total / total[-1], values).astype(np.float32), np.diff(at, prepend=0).astype(np.float32)

    def adapt(self, data: Any) -> None:
        """Boundaries become quantiles of the data, summarized to 1 / epsilon values first, as Keras does."""
        bins = self._attrs["num_bins"]
        if bins is None:
            raise errors.make(1005, "Discretization: adapt learns boundaries, but bin_boundaries are given; give num_bins instead")
        values = np.sort(np.asarray(data, np.float32).reshape(-1)).astype(np.float64)
        if not len(values):
            raise errors.make(1005, "Discretization: adapt got no data")
        step = max(len(values) * self._attrs["epsilon"], 1.0)
        summary = values[int(step - 1)::int(step)]
        edges, weights = self._compressed(summary, np.full(len(summary), step), self._attrs["epsilon"])
        edges, _ = self._compressed(edges, weights, 1.0 / bins)
        edges = edges[:-1]
        if len(edges) != bins - 1:
            raise errors.make(1005, f"Discretization: adapt found {len(edges)} boundaries in {len(values)} numbers, num_bins={bins} needs {bins - 1}; give more data or fewer bins")
        self._set_values([edges])


class Hashing(Layer):
    """Whole numbers in bins, by a hash of their decimal text: the bins are Keras'."""

    def __init__(self, num_bins: int, mask_value: int | None = None, salt: int | Sequence[int] | None = None, output_mode: str = "int",
                 name: str | None = None) -> None:
        super().__init__(name, num_bins=num_bins, mask_value=mask_value, salt=_ints(salt), output_mode=output_mode, use_mask_value=mask_value is not None)

    @classmethod
    def _from_attrs(cls, name: str | None, attrs: dict[str, Any]) -> Layer:
        mask = attrs.get("mask_value", 0) if attrs.pop("use_mask_value", False) else None
        return cls(**{**attrs, "mask_value": mask}, name=name)


class IntegerLookup(Layer):
    """The place of a whole number in a vocabulary, given or learnt by adapt (the most frequent numbers first); numbers outside it share the
    places before it. Without a vocabulary adapt comes before the layer is added to a model."""

    def __init__(self, max_tokens: int | None = None, num_oov_indices: int = 1, mask_token: int | None = None, oov_token: int = -1,
                 vocabulary: Sequence[int] | None = None, invert: bool = False, output_mode: str = "int", name: str | None = None) -> None:
        super().__init__(name, num_oov_indices=num_oov_indices, mask_token=mask_token, oov_token=oov_token, use_mask_token=mask_token is not None,
                         vocabulary_size=None, invert=invert, output_mode=output_mode)
        self._max_tokens = max_tokens
        if vocabulary is not None:
            self.set_vocabulary(vocabulary)

    @classmethod
    def _from_attrs(cls, name: str | None, attrs: dict[str, Any]) -> Layer:
        layer = cls(name=name)
        layer._attrs.update(attrs)
        if not layer._attrs["use_mask_token"]:
            layer._attrs["mask_token"] = None
        elif layer._attrs["mask_token"] is None:
            layer._attrs["mask_token"] = 0
        return layer

    def _first(self) -> int:
        return int(self._attrs["num_oov_indices"]) + (self._attrs["mask_token"] is not None and self._attrs["output_mode"] == "int")

    def set_vocabulary(self, vocabulary: Sequence[int]) -> None:
        """The numbers of the vocabulary in the order of their places, without or with mask and oov tokens in front."""
        words = [int(v) for v in vocabulary]
        oov = [self._attrs["oov_token"]] * self._attrs["num_oov_indices"]
        front = [self._attrs["mask_token"]] * (self._first() - len(oov)) + oov
        if front and words[:len(front)] == front:
            words = words[len(front):]
        if not words or len(set(words)) < len(words):
            raise errors.make(1004, "IntegerLookup: the vocabulary is empty or names a number twice")
        if self._max_tokens is not None and len(words) + len(front) > self._max_tokens:
            raise errors.make(1004, f"IntegerLookup: {len(words) + len(front)} numbers with mask and oov tokens, max_tokens is {self._max_tokens}")
        if self._net is not None and len(words) != self._attrs["vocabulary_size"]:
            raise errors.make(1005, f"IntegerLookup {self.name}: it is in a model with a vocabulary of {self._attrs['vocabulary_size']}; another size needs a new layer")
        self._attrs["vocabulary_size"] = len(words)
        self._set_values([np.array(words, np.float64)])

    def get_vocabulary(self, include_special_tokens: bool = True) -> list[int]:
        """Mask and oov tokens, then the numbers of the vocabulary."""
        words = self.get_weights()[0] if self._net is not None else (self._values or [np.empty(0)])[0]
        oov = [self._attrs["oov_token"]] * self._attrs["num_oov_indices"]
        front = [self._attrs["mask_token"]] * (self._first() - len(oov)) + oov if include_special_tokens else []
        return front + [int(v) for v in words]

    def vocabulary_size(self) -> int:
        """How many places there are."""
        return len(self.get_vocabulary())

    def adapt(self, data: Any) -> None:
        """The vocabulary becomes the numbers of the data, the most frequent first, of equally frequent ones the largest, as Keras orders them."""
        words, counts = np.unique(np.asarray(data).reshape(-1).astype(np.int64), return_counts=True)
        keep = ~np.isin(words, [v for v in (self._attrs["mask_token"], self._attrs["oov_token"]) if v is not None])
        order = sorted(zip(counts[keep].tolist(), words[keep].tolist()), reverse=True)
        room = None if self._max_tokens is None else max(self._max_tokens - self._first(), 0)
        self.set_vocabulary([word for _, word in order[:room]])


class Rescaling(Layer):
    """X * scale + offset."""

    def __init__(self, scale: float | Sequence[float], offset: float | Sequence[float] = 0, name: str | None = None) -> None:
        super().__init__(name, scale=_floats(scale), offset=_floats(offset))


class Resizing(Layer):
    """Images of another size."""

    def __init__(self, height: int, width: int, interpolation: str = "bilinear", data_format: str = "channels_last", align_corners: bool = False,
                 name: str | None = None) -> None:
        super().__init__(name, height=height, width=width, interpolation=interpolation, data_format=data_format, align_corners=align_corners)
