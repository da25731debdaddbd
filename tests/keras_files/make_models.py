"""make_models - what tests/python/test_keras_files.py reads: models that Keras 3 saved after some steps of training, what they predict, and
their weights after one step more. Run with Keras and TensorFlow: python tests/keras_files/make_models.py"""
from pathlib import Path

import keras
import numpy as np

L, O = keras.layers, keras.optimizers
HOME = Path(__file__).resolve().parents[1] / "data" / "keras_models"


def shared():
    """Two inputs through one nested model, whose layers batch-normalize; a frozen layer; a sum."""
    base = keras.Sequential([keras.Input((5,)), L.Dense(4, "gelu"), L.BatchNormalization(momentum=0.8), L.Dense(3, kernel_regularizer="l2")], name="base")
    a, b = keras.Input((5,), name="a"), keras.Input((5,), name="b")
    joined = L.Concatenate()([base(a), base(b), L.Dense(2, trainable=False, name="frozen")(a)])
    return keras.Model([a, b], [L.Dense(1, name="value")(joined), L.Dense(3, "softmax", name="kind")(joined)])


def sequence():
    """Steps of any number, an attention and two directions."""
    x = keras.Input((None, 4))
    y = L.Bidirectional(L.GRU(3, return_sequences=True))(x)
    y = L.MultiHeadAttention(2, 3)(y, y)
    return keras.Model(x, L.Dense(2)(L.GlobalAveragePooling1D()(L.Dropout(0.0)(y))))


def pictures():
    return keras.Sequential([keras.Input((6, 6, 2)), L.SeparableConv2D(4, 3, padding="same"), L.PReLU(shared_axes=[1, 2]), L.MaxPooling2D(), L.Flatten(), L.Dense(3)])


CASES = {
    "shared": (shared, lambda: O.Adam(0.01), {"value": "mse", "kind": "sparse_categorical_crossentropy"}, [(5,), (5,)]),
    "sequence": (sequence, lambda: O.RMSprop(0.01, momentum=0.5, centered=True), "mse", [(7, 4)]),
    "pictures": (pictures, lambda: O.SGD(O.schedules.ExponentialDecay(0.05, 3, 0.5), momentum=0.9, nesterov=True), "log_cosh", [(6, 6, 2)]),
    "nadam": (lambda: keras.Sequential([keras.Input((4,)), L.Dense(3, "tanh"), L.Dense(1)]), lambda: O.Nadam(0.02), "mse", [(4,)]),
    "amsgrad": (lambda: keras.Sequential([keras.Input((4,)), L.Dense(3, "tanh"), L.Dense(1)]), lambda: O.Adam(0.02, amsgrad=True, clipnorm=1.0), "mae", [(4,)]),
}

if __name__ == "__main__":
    HOME.mkdir(parents=True, exist_ok=True)
    for name, (make, optimizer, loss, shapes) in CASES.items():
        keras.utils.set_random_seed(1)
        rng = np.random.default_rng(2)
        model = make()
        model.compile(optimizer(), loss, metrics=[["mae"], ["accuracy"]] if isinstance(loss, dict) else ["mae"])
        xs = [rng.normal(size=(8, *shape)).astype("f") for shape in shapes]
        ys = [rng.normal(size=(8, 1)).astype("f"), rng.integers(0, 3, (8, 1)).astype("f")] if isinstance(loss, dict) else [rng.normal(size=(8, *model.output_shape[1:])).astype("f")]
        x, y = (xs if len(xs) > 1 else xs[0]), (ys if len(ys) > 1 else ys[0])
        for _ in range(3):
            model.train_on_batch(x, y)
        model.save(HOME / f"{name}.keras")
        model.save(HOME / f"{name}.h5")
        out = model.predict(x, verbose=0)
        arrays = {f"x{i}": a for i, a in enumerate(xs)} | {f"t{i}": a for i, a in enumerate(ys)} | {f"y{i}": a for i, a in enumerate(out if isinstance(out, list) else [out])}
        model.train_on_batch(x, y)
        arrays |= {f"w{i}": w.numpy() for i, w in enumerate(model.trainable_variables)}
        np.savez_compressed(HOME / f"{name}.npz", **arrays)
