"""make_graphs - small models of Keras 3 with what its files say in their own way: masks that are computed by operations, TimeDistributed models, RNNs over several cells,
layers as activations, inputs by name. Run with Keras and TensorFlow: python tests/keras_files/make_graphs.py"""
from pathlib import Path

import keras
import numpy as np

L = keras.layers
HOME = Path(__file__).resolve().parents[1] / "data" / "keras3"


def masked_concat():
    x = keras.Input((6,))
    a, b = L.Embedding(7, 3, mask_zero=True)(x), L.Embedding(7, 2, mask_zero=True)(x)
    return keras.Model(x, L.LSTM(4)(L.Concatenate()([a, b])))


def timed_model():
    a = keras.Input((6, 6, 2))
    b = L.Conv2D(2, 3, activation="relu")(a)
    inner = keras.Model(a, L.Dense(3)(L.Flatten()(L.Add()([b, L.Conv2D(2, 3)(a)]))))
    x = keras.Input((4, 6, 6, 2))
    return keras.Model(x, L.LSTM(3)(L.TimeDistributed(inner)(x)))


def cells():
    return keras.Sequential([keras.Input((5, 3)), L.RNN([L.LSTMCell(4), L.GRUCell(3)], return_sequences=True), L.RNN(L.StackedRNNCells([L.SimpleRNNCell(2), L.LSTMCell(3)]))])


def activations():
    return keras.Sequential([keras.Input((7, 9, 4)), L.Normalization(mean=[1.0, 2, 3, 4], variance=[1.0, 4, 9, 2]), L.CenterCrop(4, 5), L.Conv2D(3, 2, activation=L.LeakyReLU(0.1)),
                             L.Dense(3, activation=L.ReLU(1.5)), L.Dense(3, activation=L.Softmax())])


def by_name():
    a, b = keras.Input((4,), name="zeta"), keras.Input((3,), name="alpha")
    return keras.Model({"zeta": a, "alpha": b}, 1 - L.Dense(2)(L.Concatenate()([a, b])) * 2.0)


if __name__ == "__main__":
    HOME.mkdir(parents=True, exist_ok=True)
    for make, end, whole in ((masked_concat, "h5", 3), (timed_model, "keras", 0), (timed_model, "h5", 0), (cells, "keras", 0), (activations, "keras", 0), (by_name, "keras", 0)):
        rng = np.random.default_rng(3)
        keras.utils.clear_session()
        model = make()
        model.set_weights([rng.normal(size=w.shape) * 0.5 for w in model.weights])
        xs = [rng.integers(0, whole, (3, *t.shape[1:])).astype("f") if whole else rng.normal(size=(3, *t.shape[1:])).astype("f") for t in model.inputs]  # in the order of their names
        y = model.predict({t.name: x for t, x in zip(model.inputs, xs)} if make is by_name else xs, verbose=0)
        name = make.__name__
        model.save(HOME / f"{name}.{end}")
        np.savez_compressed(HOME / f"{name}.npz", y0=y, **{f"x{i}": x for i, x in enumerate(xs)})
