"""utils - seeds; sequences of unlike length; windows over time series."""
from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

_seed: int | None = None
_drawn = 0


def set_random_seed(seed: int) -> None:
    """From here on models draw their first weights, shuffles and dropout from this seed: the same program gives the same bits."""
    global _seed, _drawn
    _seed, _drawn = int(seed), 0


def next_seed() -> int:
    """64 bits for one model or fit: from set_random_seed's stream, or from the system when it was never called."""
    global _drawn
    if _seed is None:
        return int.from_bytes(os.urandom(8), "little")
    _drawn += 1
    from hashlib import blake2b
    return int.from_bytes(blake2b(f"{_seed} {_drawn}".encode(), digest_size=8).digest(), "little")


def is_dense(x: Any, shape: Sequence[int]) -> bool:
    """Whether x is no list, or one of rows of as many numbers as shape has: then it needs no padding."""
    import numpy as np

    if isinstance(x, np.ndarray) and x.dtype != object:
        return x.size == len(x) * int(np.prod(shape)) if x.ndim else True
    return not isinstance(x, (list, tuple, np.ndarray)) or len(x) == 0


def pad_sequences(sequences: Any, maxlen: int | None = None, dtype: Any = "int32", padding: str = "pre", truncating: str = "pre", value: float = 0.0,
                  step_shape: Sequence[int] | None = None) -> Any:
    """Sequences of unlike length as one array [n, maxlen, ...], as Keras pads and cuts them: `value` comes before ("pre") or behind ("post") a shorter
    one, steps at the beginning or the end of a longer one are left out. maxlen None: the longest. A step may be an array; step_shape says of
    what shape where no sequence tells. Input(..., padding=) does the same to the rows of fit, predict and of tables."""
    import numpy as np

    from . import errors
    for name, word in (("padding", padding), ("truncating", truncating)):
        if word not in ("pre", "post"):
            raise errors.make(1001, f"pad_sequences: {name}='{word}'; expected 'pre' or 'post'")
    steps = []
    for i, row in enumerate(sequences):
        try:
            a = np.asarray(row)
        except ValueError:
            raise errors.make(2005, f"row {i}: its steps have different lengths") from None
        if a.ndim == 0 or a.size and a.dtype.kind not in "biuf":
            raise errors.make(2002, f"row {i} is {'a single value' if a.ndim == 0 else f'of type {a.dtype}'}; expected a sequence of numbers")
        steps.append(a)
    shape = tuple(step_shape) if step_shape is not None else next((a.shape[1:] for a in steps if a.size), ())
    for i, a in enumerate(steps):
        if a.shape[1:] != shape and a.size:
            if a.ndim > 1 or a.size % int(np.prod(shape)):
                raise errors.make(2005, f"row {i} has steps of shape {list(a.shape[1:])}; expected {list(shape)}")
            steps[i] = a.reshape(-1, *shape)
    longest = max((len(a) for a in steps), default=0) if maxlen is None else maxlen
    out = np.full((len(steps), longest, *shape), value, dtype)
    for to, a in zip(out, steps):
        a = (a[-longest:] if truncating == "pre" else a[:longest]) if longest else a[:0]
        if len(a):
            to[longest - len(a) if padding == "pre" else 0:][:len(a)] = a
    return out


def timeseries_dataset_from_array(data: Any, targets: Any, sequence_length: int, sequence_stride: int = 1, sampling_rate: int = 1,
                                  start_index: int | None = None, end_index: int | None = None) -> Any:
    """Windows over a series [steps] or [steps, features], as Keras cuts them: window i begins at step i * sequence_stride and takes every
    sampling_rate-th step, sequence_length of them; targets[i * sequence_stride] belongs to it.

    Returns (windows [n, sequence_length, ...], targets [n, ...]), or the windows alone when targets is None: arrays for fit, whose
    batch_size and shuffle stand for Keras' arguments of that name. data and targets are cut to [start_index, end_index) first.
    """
    import numpy as np

    from . import errors
    series = np.asarray(data)
    begin, end = start_index or 0, len(series) if end_index is None else end_index
    for name, value, least, most in (("start_index", begin, 0, len(series) - 1), ("end_index", end, begin + 1, len(series)), ("sequence_length", sequence_length, 1, None),
                                     ("sequence_stride", sequence_stride, 1, None), ("sampling_rate", sampling_rate, 1, None)):
        if value < least or (most is not None and value > most):
            raise errors.make(1001, f"timeseries_dataset_from_array: {name}={value}; expected {least} {'or more' if most is None else f'to {most}'}")
    count = end - begin - (sequence_length - 1) * sampling_rate
    if targets is not None:
        count = min(count, len(targets))
    if count < 1:
        raise errors.make(1001, f"timeseries_dataset_from_array: {end - begin} steps have no window of {sequence_length} steps, each {sampling_rate} after the one before")
    starts = np.arange(0, count, sequence_stride)
    windows = series[begin:end][starts[:, None] + np.arange(0, sequence_length * sampling_rate, sampling_rate)]
    return windows if targets is None else (windows, np.asarray(targets)[begin:end][starts])
