"""char_lstm [epochs] - an LSTM that writes like Shakespeare, character by character.

The text is cut into windows of 100 characters, and at each the network guesses the next one. The first nine tenths train, the last one
judges: below 1.75 nats per character (2.5 bits) after some epochs, a few minutes on two cores. Then it writes some lines itself.
"""
import gzip
import sys
import time
from pathlib import Path

import firesteel as fire
import numpy as np

FILE = Path(__file__).resolve().parent / "data" / "tinyshakespeare" / "input.txt.gz"
LENGTH = 100


def load() -> tuple[np.ndarray, list[str]]:
    """The text as numbers of characters, and the characters."""
    text = gzip.decompress(FILE.read_bytes()).decode()
    letters = sorted(set(text))
    number = {letter: i for i, letter in enumerate(letters)}
    return np.array([number[letter] for letter in text], np.int64), letters


def windows(text: np.ndarray, stride: int) -> tuple[np.ndarray, np.ndarray]:
    """Characters and those that follow them: two arrays [n, LENGTH]."""
    cut = fire.utils.timeseries_dataset_from_array(text, None, LENGTH + 1, stride)
    return cut[:, :-1].astype(np.float32), cut[:, 1:]


def write(net: fire.Sequential, letters: list[str], begin: str, count: int, seed: int) -> str:
    """`count` characters after `begin`, drawn as the network expects them."""
    rng = np.random.default_rng(seed)
    text = [letters.index(letter) for letter in begin]
    for _ in range(count):
        seen = text[-LENGTH:]
        row = np.array([seen + [0] * (LENGTH - len(seen))], np.float32)  # what stands behind does not reach back
        p = net.predict(row, verbose=0)[0, len(seen) - 1].astype(np.float64)
        text.append(int(rng.choice(len(letters), p=p / p.sum())))
    return "".join(letters[i] for i in text)


def main(epochs: int) -> float:
    """Train, judge, write; gives the loss on the last tenth in nats per character."""
    fire.utils.set_random_seed(1)
    fire.set_threads(2)
    text, letters = load()
    split = len(text) * 9 // 10
    net = fire.Sequential([
        fire.Input((LENGTH,)),
        fire.layers.Embedding(len(letters), 32),
        fire.layers.LSTM(256, return_sequences=True),
        fire.layers.Dense(len(letters), activation="softmax"),
    ])
    net.compile(optimizer=fire.optimizers.Adam(0.004), loss="sparse_categorical_crossentropy")
    begun = time.monotonic()
    net.fit(*windows(text[:split], LENGTH // 2), batch_size=64, epochs=epochs, validation_data=windows(text[split:], LENGTH), seed=1)
    loss = float(np.ravel(net.evaluate(*windows(text[split:], LENGTH), verbose=0))[0])
    print(f"{loss:.3f} nats per character after {epochs} epochs, {time.monotonic() - begun:.0f} s\n")
    print(write(net, letters, "ROMEO:\n", 300, 1))
    return loss


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 6)
