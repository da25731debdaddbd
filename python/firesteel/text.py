"""text - from strings to numbers, before the network: StringLookup and TextVectorization, with Keras' names, defaults and indices.

Strings are no tensors. These layers run on the host: call one on strings and it gives an array; make one the first layer of a Sequential, or a model's
`preprocessing`, and fit, evaluate and predict take strings. The vocabulary then lies in the model file.
"""
from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any, ClassVar

import numpy as np

from . import _core, errors

_PUNCTUATION = str.maketrans("", "", "!\"#$%&()*+,-./:;<=>?@[\\]^_`{|}~'")
_LOWER = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz")
_MODES = ("int", "one_hot", "multi_hot", "count", "tf_idf")


def _strings(data: Any) -> np.ndarray:
    """An array of str, whatever it came as: lists, NumPy or Arrow arrays, bytes."""
    array = np.asarray(data.to_pylist() if hasattr(data, "to_pylist") else data)
    if array.dtype.kind in "SO":
        flat = [v.decode() if isinstance(v, bytes) else "" if v is None else str(v) for v in array.reshape(-1).tolist()]
        array = np.array(flat, dtype=object).reshape(array.shape)
    elif array.dtype.kind != "U":
        raise errors.make(1001, f"strings are expected, found numbers of type {array.dtype}")
    return array


class TextLayer:
    """Base of the layers that take strings."""

    kinds: ClassVar[dict[str, type[TextLayer]]] = {}
    _mask: str | None
    _oov: str
    _num_oov: int
    _mode: str
    _max_tokens: int | None
    _pad: bool

    def __init_subclass__(cls) -> None:
        TextLayer.kinds[cls.__name__] = cls

    def __init__(self, config: dict[str, Any], vocabulary: Sequence[str] | None, idf_weights: Sequence[float] | None) -> None:
        who, self._config = type(self).__name__, config
        if self._mode not in _MODES:
            raise errors.make(1004, f"{who}: output_mode='{self._mode}'; expected one of {', '.join(_MODES)}")
        if self._num_oov < 0 or self._max_tokens is not None and self._max_tokens <= self._start:
            raise errors.make(1004, f"{who}: max_tokens={self._max_tokens} leaves no room beside {self._start} mask and oov tokens")
        self._words: list[str] = []
        self._index: dict[str, int] = {}
        self._idf: np.ndarray | None = None
        if vocabulary is not None:
            self.set_vocabulary(vocabulary, idf_weights)

    # ---- the vocabulary

    @property
    def _masked(self) -> int:
        return int(self._mask is not None and self._mode == "int")

    @property
    def _start(self) -> int:
        return self._masked + self._num_oov

    def get_vocabulary(self, include_special_tokens: bool = True) -> list[str]:
        """Mask and oov tokens, then the words in the order of their indices."""
        front = [self._mask] * self._masked + [self._oov] * self._num_oov if include_special_tokens else []
        return [*front, *self._words]  # type: ignore[list-item]

    def vocabulary_size(self) -> int:
        """How many indices there are."""
        return self._start + len(self._words)

    def set_vocabulary(self, vocabulary: Sequence[str], idf_weights: Sequence[float] | None = None) -> None:
        """The words in the order of their indices, with or without mask and oov tokens in front."""
        who, words = type(self).__name__, [str(w) for w in vocabulary]
        front = self.get_vocabulary()[:self._start]
        special = bool(front) and words[:len(front)] == front
        words = words[len(front):] if special else words
        if not words or len(set(words)) < len(words):
            raise errors.make(1004, f"{who}: the vocabulary is empty or names a word twice")
        if self._max_tokens is not None and self._start + len(words) > self._max_tokens:
            raise errors.make(1004, f"{who}: {self._start + len(words)} words with mask and oov tokens, max_tokens is {self._max_tokens}")
        idf = None
        if self._mode == "tf_idf":
            if idf_weights is None or len(idf_weights) != len(vocabulary):
                raise errors.make(1004, f"{who}: output_mode='tf_idf' needs one idf weight for each word of the vocabulary")
            idf = np.asarray(idf_weights, np.float64)
            idf = idf if special else np.concatenate([np.full(self._start, idf.mean()), idf])
        self._words, self._idf = words, idf
        self._index = {word: self._start + i for i, word in enumerate(words)}

    def adapt(self, data: Any) -> None:
        """The vocabulary becomes the words of the data, the most frequent first; of equally frequent ones the last in the alphabet first, as in Keras."""
        rows = self._tokens(_strings(data))
        counts: Counter[str] = Counter(word for row in rows for word in row)
        for special in (self._mask, self._oov):
            if special is not None:
                counts.pop(special, None)
        words = sorted(counts, key=lambda word: (counts[word], word), reverse=True)
        words = words[:None if self._max_tokens is None else self._max_tokens - self._start]
        if not words:
            raise errors.make(1005, f"{type(self).__name__}: adapt found no words")
        idf = None
        if self._mode == "tf_idf":
            held = Counter(word for row in rows for word in set(row))
            idf = [float(np.log(1 + len(rows) / (1 + held[word]))) for word in words]
        self.set_vocabulary(words, idf)

    # ---- from words to numbers

    def _tokens(self, data: np.ndarray) -> list[list[str]]:
        raise NotImplementedError

    def _indices(self, words: Iterable[str]) -> list[int]:
        if not self._words:
            raise errors.make(1005, f"{type(self).__name__} has no vocabulary; give one or call adapt")
        return [self._place(word) for word in words]

    def _place(self, word: str) -> int:
        at = self._index.get(word)
        if at is not None:
            return at
        if self._masked and word == self._mask:
            return 0
        if self._num_oov == 0:
            if self._mode == "int":
                raise errors.make(1008, f"{type(self).__name__}: '{word}' is not in the vocabulary, and num_oov_indices is 0")
            return -1
        return self._masked + (_core.fingerprint(word.encode()) % self._num_oov if self._num_oov > 1 else 0)

    def _depth(self) -> int:
        return self._max_tokens if self._pad and self._max_tokens is not None else self.vocabulary_size()

    def _counted(self, rows: Sequence[Sequence[int]]) -> np.ndarray:
        """One line of counts, ones or weighted counts for each row of indices."""
        out = np.zeros((len(rows), self._depth()), np.float32)
        for line, row in zip(out, rows):
            for at in row:
                if at >= 0:
                    line[at] += 1
        if self._mode == "multi_hot":
            out = np.minimum(out, 1)
        if self._mode == "tf_idf" and self._idf is not None:
            out[..., :len(self._idf)] *= self._idf
        return out

    def __call__(self, data: Any) -> np.ndarray:
        """What the layer makes of an array of strings."""
        raise NotImplementedError

    # ---- in a model file

    def get_config(self) -> dict[str, Any]:
        """Parameters by name, with the vocabulary."""
        return {**self._config, "vocabulary": list(self._words) or None, "idf_weights": None if self._idf is None else self._idf[self._start:].tolist()}

    def _note(self) -> str:
        return json.dumps({"class": type(self).__name__, "config": self.get_config()})

    @staticmethod
    def _of_note(text: str) -> TextLayer:
        try:
            known = json.loads(text)
            return TextLayer.kinds[known["class"]](**known["config"])
        except (ValueError, KeyError, TypeError) as problem:
            raise errors.make(5004, f"the model's note on its texts cannot be read: {problem!r}") from problem


class StringLookup(TextLayer):
    """The index of each string in a vocabulary, which is given or learnt by adapt; with invert the string of each index."""

    def __init__(self, max_tokens: int | None = None, num_oov_indices: int = 1, mask_token: str | None = None, oov_token: str = "[UNK]",
                 vocabulary: Sequence[str] | None = None, idf_weights: Sequence[float] | None = None, invert: bool = False, output_mode: str = "int",
                 pad_to_max_tokens: bool = False) -> None:
        self._mask, self._oov, self._num_oov, self._mode, self._max_tokens, self._pad = mask_token, oov_token, num_oov_indices, output_mode, max_tokens, pad_to_max_tokens
        if invert and output_mode != "int":
            raise errors.make(1004, f"StringLookup: invert goes with output_mode='int' only, not '{output_mode}'")
        self._invert = invert
        super().__init__({"max_tokens": max_tokens, "num_oov_indices": num_oov_indices, "mask_token": mask_token, "oov_token": oov_token, "invert": invert,
                          "output_mode": output_mode, "pad_to_max_tokens": pad_to_max_tokens}, vocabulary, idf_weights)

    def _tokens(self, data: np.ndarray) -> list[list[str]]:
        return [[str(v)] for v in data] if data.ndim == 1 else [[str(v) for v in row.reshape(-1)] for row in data]

    def __call__(self, data: Any) -> np.ndarray:
        """Indices of strings in an array of the same shape, or what output_mode makes of them; with invert strings of indices."""
        if self._invert:
            words, index = self.get_vocabulary(), np.asarray(data).astype(np.int64)
            return np.array([words[i] if 0 <= i < len(words) else self._oov for i in index.reshape(-1).tolist()], dtype=object).reshape(index.shape)
        array = _strings(data)
        index = np.array(self._indices(array.reshape(-1).tolist()), np.int64).reshape(array.shape)
        if self._mode == "int":
            return index
        if self._mode == "one_hot":
            sizes: list[int] = list(index.shape)
            shape = sizes[:-1] if len(sizes) > 1 and sizes[-1] == 1 else sizes
            return self._counted(index.reshape(-1, 1).tolist()).reshape(*shape, -1)
        sizes = list(index.shape)
        made = self._counted(index.reshape(-1, sizes[-1]).tolist())
        return made.reshape(*sizes[:-1], -1)


class TextVectorization(TextLayer):
    """Texts as the indices of their words, cut and padded to a length, or as one line of counts each."""

    def __init__(self, max_tokens: int | None = None, standardize: str | Callable[[str], str] | None = "lower_and_strip_punctuation",
                 split: str | Callable[[str], list[str]] | None = "whitespace", ngrams: int | Sequence[int] | None = None, output_mode: str = "int",
                 output_sequence_length: int | None = None, pad_to_max_tokens: bool = False, vocabulary: Sequence[str] | None = None,
                 idf_weights: Sequence[float] | None = None) -> None:
        if standardize not in (None, "lower_and_strip_punctuation", "lower", "strip_punctuation") and not callable(standardize):
            raise errors.make(1004, f"TextVectorization: standardize={standardize!r}; expected lower_and_strip_punctuation, lower, strip_punctuation, None or a function")
        if split not in (None, "whitespace", "character") and not callable(split):
            raise errors.make(1004, f"TextVectorization: split={split!r}; expected whitespace, character, None or a function")
        if output_mode == "one_hot" or output_sequence_length is not None and (output_mode != "int" or output_sequence_length < 1):
            raise errors.make(1004, f"TextVectorization: output_mode='{output_mode}' with output_sequence_length={output_sequence_length}; a length of at least 1 goes with 'int'")
        self._mask, self._oov, self._num_oov, self._mode, self._max_tokens, self._pad = "", "[UNK]", 1, output_mode, max_tokens, pad_to_max_tokens
        self._standardize, self._split, self._length = standardize, split, output_sequence_length
        self._ngrams = tuple(range(1, ngrams + 1)) if isinstance(ngrams, int) else None if ngrams is None else tuple(ngrams)
        super().__init__({"max_tokens": max_tokens, "standardize": standardize, "split": split, "ngrams": ngrams, "output_mode": output_mode,
                          "output_sequence_length": output_sequence_length, "pad_to_max_tokens": pad_to_max_tokens}, vocabulary, idf_weights)

    def _note(self) -> str:
        if callable(self._standardize) or callable(self._split):
            raise errors.make(1005, "TextVectorization: a model with a Python function for standardize or split cannot be saved")
        return super()._note()

    def _tokens(self, data: np.ndarray) -> list[list[str]]:
        if data.ndim > 1 and data.shape[-1] != 1 and self._split is not None:
            raise errors.make(1002, f"TextVectorization: texts of shape {data.shape}; expected [n] or [n, 1]")
        rows = data.reshape(len(data), -1) if data.ndim > 1 else data.reshape(-1, 1)
        return [[word for text in row for word in self._words_of(str(text))] for row in rows]

    def _words_of(self, text: str) -> list[str]:
        if callable(self._standardize):
            text = self._standardize(text)
        elif self._standardize is not None:
            text = text.translate(_LOWER) if "lower" in self._standardize else text
            text = text.translate(_PUNCTUATION) if "strip" in self._standardize else text
        if callable(self._split):
            words = list(self._split(text))
        else:
            words = [text] if self._split is None else list(text) if self._split == "character" else re.findall(r"[^ \t\n\v\f\r]+", text)
        if self._ngrams is None:
            return words
        return [" ".join(words[i:i + n]) for n in self._ngrams for i in range(len(words) - n + 1)]

    def __call__(self, data: Any) -> np.ndarray:
        """Indices [n, length], padded with 0, or lines [n, vocabulary]."""
        array = _strings(data)
        rows = [self._indices(row) for row in self._tokens(array.reshape(1) if array.ndim == 0 else array)]
        if self._mode != "int":
            made = self._counted(rows)
        else:
            length = self._length if self._length is not None else max(map(len, rows), default=0)
            made = np.zeros((len(rows), length), np.int64)
            for line, row in zip(made, rows):
                line[:len(row)] = row[:length]
            if self._split is None and self._ngrams is None and self._length is None:
                made = made.reshape(array.shape)  # a word each
        return made[0] if array.ndim == 0 else made
