"""xorshift - the random numbers that Spark draws for a seed, so that networks begin with Spark's weights.

Marsaglia's xorshift of 64 bits (Journal of Statistical Software 8, 2003, shifts 21, 35 and 4), its state hashed of the seed by MurmurHash3 (x86, 32 bits), and two states to a double as
java.util.Random has it.
"""
from __future__ import annotations

import numpy

_WORD = (1 << 32) - 1
_SEED = 0x3C074A61  # Scala's, for arrays


def _murmur(data: bytes, seed: int) -> int:
    """MurmurHash3 of a whole number of 32-bit words."""
    h = seed
    for at in range(0, len(data), 4):
        k = int.from_bytes(data[at:at + 4], "little") * 0xCC9E2D51 & _WORD
        h ^= (k << 15 | k >> 17) * 0x1B873593 & _WORD
        h = ((h << 13 | h >> 19) & _WORD) * 5 + 0xE6546B64 & _WORD
    h ^= len(data)
    h = (h ^ h >> 16) * 0x85EBCA6B & _WORD
    h = (h ^ h >> 13) * 0xC2B2AE35 & _WORD
    return h ^ h >> 16


def _step(x: numpy.ndarray) -> numpy.ndarray:
    """The state after each of these."""
    for way, places in ((numpy.left_shift, 21), (numpy.right_shift, 35), (numpy.left_shift, 4)):
        x = x ^ way(x, numpy.uint64(places))
    return x


def _states(first: int, count: int) -> numpy.ndarray:
    """`count` states that follow `first`. A step is linear over bits: states[n:2n] are the first n taken n steps on, which is the sum (xor) of where n steps take
    the bits of each; so the work of Python does not grow with the count, but for its logarithm."""
    bits = [numpy.uint64(k) for k in range(64)]
    after = _step(numpy.array([1 << k for k in range(64)], numpy.uint64))  # each bit, len(states) steps on
    states = _step(numpy.array([first], numpy.uint64))

    def on(x: numpy.ndarray) -> numpy.ndarray:
        made = numpy.zeros_like(x)
        for k in bits:
            made ^= after[k] * (x >> k & numpy.uint64(1))
        return made

    while len(states) < count:
        states = numpy.concatenate([states, on(states)])
        after = on(after)
    return states[:count]


def uniform(seed: int, count: int) -> numpy.ndarray:
    """What nextDouble gives `count` times: numbers from 0 to 1."""
    data = (seed % 2**64).to_bytes(8, "big")
    low = _murmur(data, _SEED)
    states = _states(_murmur(data, low) << 32 | low, 2 * count).reshape(count, 2)
    high = (states[:, 0] & numpy.uint64((1 << 26) - 1)) << numpy.uint64(27)
    return (high + (states[:, 1] & numpy.uint64((1 << 27) - 1))) * 2.0**-53
