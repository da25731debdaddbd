"""utils - seeds."""
from __future__ import annotations

import os
from hashlib import blake2b

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
    return int.from_bytes(blake2b(f"{_seed} {_drawn}".encode(), digest_size=8).digest(), "little")
