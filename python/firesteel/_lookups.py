"""_lookups - columns of categories: the words of a table become indices of embeddings, by vocabularies that ride in the model file.

Index 0 is a missing word (null, or the empty string), 1 a word that the vocabulary lacks, and from 2 on stand its words: what StringLookup(mask_token="") gives.
"""
from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from . import errors

NOTE, KEY_NOTE = "lookups", "lookups_key"  # in the model file: the vocabularies, and a short text that changes with them
MISSING, UNKNOWN, FIRST = 0, 1, 2          # indices
KEPT = 8                                   # models whose vocabularies one process keeps ready


class Lookup:
    """One column: its name, the places it has among the features, and its words, texts or whole numbers, in the order of their indices."""

    def __init__(self, name: str, at: Sequence[int], words: Sequence[Any]):
        import pyarrow

        self.name, self.at, self.words = name, tuple(at), list(words)
        self.of_numbers = bool(words) and not isinstance(words[0], str)
        # The first word stands for a missing one.
        self._set = pyarrow.array([None, *words], pyarrow.int64()) if self.of_numbers else pyarrow.array(["", *words], pyarrow.string())

    @property
    def size(self) -> int:
        """How many indices there are."""
        return FIRST + len(self.words)

    def indices(self, column: Any) -> Any:
        """The indices of an Arrow array of words, or of lists of words, as int32 without nulls (but those of lists)."""
        import pyarrow
        import pyarrow.compute as compute

        kind = pyarrow.types
        if isinstance(column, pyarrow.ChunkedArray):
            column = column.combine_chunks()
        if kind.is_list(column.type) or kind.is_large_list(column.type):
            ends = compute.cumulative_sum(column.value_lengths().fill_null(0))
            offsets = pyarrow.concat_arrays([pyarrow.array([0], ends.type), ends])
            return type(column).from_arrays(offsets, self.indices(column.flatten()), mask=column.is_null() if column.null_count else None)
        if kind.is_dictionary(column.type):
            column = column.dictionary_decode()
        try:
            if not self.of_numbers:
                column = column.cast(self._set.type).fill_null("")
            elif kind.is_string(column.type) or kind.is_large_string(column.type):
                raise pyarrow.ArrowInvalid("texts")
            else:
                column = column.cast(self._set.type)
        except (pyarrow.ArrowInvalid, pyarrow.ArrowNotImplementedError):
            raise errors.make(2002, f"column '{self.name}' is {column.type}; its vocabulary is of {'whole numbers' if self.of_numbers else 'texts'}") from None
        found = compute.index_in(column, value_set=self._set)
        return compute.if_else(compute.equal(found, 0), MISSING, compute.add(found, 1)).fill_null(UNKNOWN).cast(pyarrow.int32())

    def layer(self) -> Any:
        """The same as a StringLookup; numbers are texts there."""
        from .text import StringLookup

        return StringLookup(mask_token="", vocabulary=[str(word) for word in self.words])


class Lookups:
    """The columns of one model."""

    def __init__(self, columns: Sequence[Lookup]):
        self.columns = list(columns)
        self._at = {at: column for column in self.columns for at in column.at}

    @property
    def text(self) -> str:
        """All of it as JSON."""
        return json.dumps([{"name": c.name, "at": c.at, "words": c.words} for c in self.columns], ensure_ascii=False, separators=(",", ":"))

    @classmethod
    def parse(cls, text: str) -> "Lookups":
        try:
            known = json.loads(text)
            columns = [Lookup(str(c["name"]), [int(at) for at in c["at"]], c["words"]) for c in known]
        except (ValueError, KeyError, TypeError, OverflowError) as problem:
            raise errors.make(5004, f"the model's note on its categorical columns cannot be read: {problem!r}") from None
        return cls(columns)

    def notes(self) -> list[tuple[str, str]]:
        """What goes into the model file."""
        text = self.text
        return [(NOTE, text), (KEY_NOTE, hashlib.sha256(text.encode("utf-8")).hexdigest())]

    def arrays(self, arrays: Sequence[Any]) -> list[Any]:
        """Columns of features in their order, those of words as indices."""
        return [self._at[i].indices(a) if i in self._at else a for i, a in enumerate(arrays)]

    def table(self, table: Any, features: Sequence[str]) -> Any:
        """Anything that speaks Arrow as a pyarrow Table, its columns of words as indices."""
        import pyarrow

        table = pyarrow.table(table) if hasattr(table, "__arrow_c_stream__") or not hasattr(table, "__arrow_c_array__") else pyarrow.Table.from_batches([pyarrow.record_batch(table)])
        done = set()
        for at, column in self._at.items():
            name = features[at] if at < len(features) else column.name
            if name in done or name not in table.column_names:
                continue
            done.add(name)
            table = table.set_column(table.column_names.index(name), name, column.indices(table.column(name)))
        return table

    def array(self, name: str, value: Any) -> Any:
        """A column's words, as NumPy, Arrow or a list, as an array of indices; what belongs to no column of words, as it is."""
        import numpy
        import pyarrow

        found = next((c for c in self.columns if c.name == name), None)
        if found is None:
            return value
        if not isinstance(value, (pyarrow.Array, pyarrow.ChunkedArray)):
            value = numpy.asarray(value).reshape(-1)
            value = pyarrow.array(value.tolist())
        return numpy.asarray(found.indices(value).to_pylist(), numpy.int64)

    def named(self) -> Mapping[str, Any]:
        """Each column as a StringLookup."""
        return {c.name: c.layer() for c in self.columns}


_known: dict[str, Lookups] = {}


def of(net: Any) -> Lookups | None:
    """Those of an engine's network, or None; parsed once for each content."""
    key = net.note(KEY_NOTE)
    if not key:
        return None
    found = _known.pop(key, None)
    if found is None:
        while len(_known) >= KEPT:
            del _known[next(iter(_known))]
        found = Lookups.parse(net.note(NOTE) or "")
    _known[key] = found  # youngest last
    return found
