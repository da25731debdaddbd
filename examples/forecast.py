"""forecast [epochs] - the next 24 hours of a transformer's oil temperature, by an LSTM and by a convolution over time.

Hourly measurements of two years (ETTh1). A window of 72 hours, the temperature and the hour of the day, goes in; out come the differences
of the next 24 temperatures to the last one. Twelve months train, the four that follow choose the epoch, the last four judge, against the
baseline that nothing changes.
"""
import csv
import sys
from pathlib import Path

import firesteel as fire
import numpy as np

FILE = Path(__file__).resolve().parent / "data" / "etth1" / "ETTh1.csv"
HOURS, AHEAD, MONTH = 72, 24, 30 * 24


def load() -> tuple[np.ndarray, np.ndarray]:
    """Oil temperatures [hours], in degrees, and the hours of the day."""
    with open(FILE, newline="") as file:
        lines = list(csv.DictReader(file))
    return np.array([float(line["OT"]) for line in lines]), np.array([int(line["date"][11:13]) for line in lines])


def windows(series: np.ndarray, begin: int, end: int) -> tuple[np.ndarray, np.ndarray]:
    """Inputs [n, HOURS, 3] and differences [n, AHEAD] whose hours all lie in [begin, end). The temperature comes first in a series."""
    temperature = series[:, 0]
    last = np.arange(begin + HOURS - 1, end - AHEAD)
    ahead = temperature[last[:, None] + np.arange(1, AHEAD + 1)] - temperature[last, None]
    x, y = fire.utils.timeseries_dataset_from_array(series[begin:end], ahead, HOURS)
    x[:, :, 0] -= x[:, -1:, 0]  # levels of one year say little about the next: how it moves does
    return x.astype(np.float32), y.astype(np.float32)


def networks() -> dict[str, fire.Sequential]:
    """The two contestants."""
    layers = fire.layers
    return {
        "LSTM": fire.Sequential([fire.Input((HOURS, 3)), layers.LSTM(16, return_sequences=True), layers.Flatten(), layers.Dropout(0.5), layers.Dense(AHEAD)]),
        "1-D convolution": fire.Sequential([fire.Input((HOURS, 3)), layers.Conv1D(16, 24, strides=6, activation="relu"), layers.Flatten(), layers.Dropout(0.5), layers.Dense(AHEAD)]),
    }


def main(epochs: int) -> dict[str, float]:
    """Train both; mean absolute errors in degrees of each and of the baseline."""
    fire.utils.set_random_seed(1)
    fire.set_threads(2)
    temperature, hour = load()
    train, check, end = 12 * MONTH, 16 * MONTH, 20 * MONTH
    mean, deviation = temperature[:train].mean(), temperature[:train].std()
    angle = 2 * np.pi * hour / 24
    series = np.column_stack([(temperature - mean) / deviation, np.sin(angle), np.cos(angle)])
    parts = [windows(series, begin, stop) for begin, stop in ((0, train), (train - HOURS, check), (check - HOURS, end))]
    x, y = parts[2]
    errors = {"last value": float(np.abs(y).mean() * deviation)}
    for name, net in networks().items():
        net.compile(optimizer=fire.optimizers.Adam(0.001), loss="mean_absolute_error")
        net.fit(*parts[0], batch_size=64, epochs=epochs, validation_data=parts[1], callbacks=[fire.callbacks.EarlyStopping(patience=3, restore_best_weights=True)], verbose=0, seed=1)
        errors[name] = float(np.abs(net.predict(x, verbose=0) - y).mean() * deviation)
    for name, error in errors.items():
        less = "" if name == "last value" else f", {1 - error / errors['last value']:.1%} less"
        print(f"{name:16} {error:.3f} degrees{less}")
    return errors


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20)
