"""fashion - read the Fashion-MNIST pictures that lie in examples/data (MIT licence, zalandoresearch/fashion-mnist)."""
from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np

CLASSES = ["T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"]
FOLDER = Path(__file__).resolve().parent / "data" / "fashion-mnist"


def read_idx(path: str | Path) -> np.ndarray:
    """An IDX file of bytes: two zeros, the type (8), the rank, each size as a big-endian int, the numbers row-major."""
    with gzip.open(path) if str(path).endswith(".gz") else open(path, "rb") as file:
        content = file.read()
    zero, kind, rank = struct.unpack_from(">HBB", content)
    if zero != 0 or kind != 8:
        raise ValueError(f"{path} is not an IDX file of bytes")
    shape = struct.unpack_from(f">{rank}I", content, 4)
    if len(content) != 4 + 4 * rank + int(np.prod(shape)):
        raise ValueError(f"{path} has {len(content)} bytes; its header says {4 + 4 * rank + int(np.prod(shape))}")
    return np.frombuffer(content, np.uint8, offset=4 + 4 * rank).reshape(shape)


def load(part: str) -> tuple[np.ndarray, np.ndarray]:
    """Pictures [n, 784] as float32 in 0..1 and class numbers [n] of "train" (60,000) or "test" (10,000)."""
    name = {"train": "train", "test": "t10k"}[part]
    pictures = read_idx(FOLDER / f"{name}-images-idx3-ubyte.gz")
    return pictures.reshape(len(pictures), -1).astype(np.float32) / 255, read_idx(FOLDER / f"{name}-labels-idx1-ubyte.gz")
