"""make_layers - networks of TensorFlow with its own gradients and steps of SGD, for tests/python/test_tensorflow_layers.py: a SavedModel and a frozen
graph of each, and what TensorFlow computed with them. Wants TensorFlow."""
import os
from pathlib import Path

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import keras  # noqa: E402
import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2  # noqa: E402

HERE = Path(__file__).resolve().parent
L = keras.layers


def convnet():
    x = keras.Input((9, 9, 2), name="picture")
    y = L.Conv2D(4, 3, strides=2, padding="same", activation="relu")(x)
    y = L.BatchNormalization()(y)
    a = L.DepthwiseConv2D(3, padding="same")(y)
    b = L.SeparableConv2D(4, 3, padding="same", activation="elu")(y)
    y = L.Concatenate()([L.Add()([a, y]), b])
    y = L.MaxPooling2D(2)(y)
    y = L.Conv2DTranspose(3, 2, strides=2)(y)
    y = L.Flatten()(L.AveragePooling2D(2)(y))
    return keras.Model(x, L.Dense(3)(y))


def table():
    a, b = keras.Input((5,), name="a"), keras.Input((4,), name="b")
    y = L.BatchNormalization()(L.Dense(6, activation="tanh")(a))
    z = L.LeakyReLU(0.3)(L.Dense(6)(b))
    y = L.LayerNormalization()(L.Multiply()([y, z]))
    y = L.Reshape((2, 3))(y)
    y = L.Dot(axes=1)([y, y])
    return keras.Model([a, b], L.Dense(2, activation="softplus")(L.Flatten()(y)))


def words():
    x = keras.Input((6,), dtype="int32", name="tokens")
    y = L.Embedding(11, 4)(x)
    y = L.MultiHeadAttention(2, 3)(y, y)
    y = L.Conv1D(5, 3, padding="causal", activation="gelu")(y)
    return keras.Model(x, L.Dense(2)(L.GlobalAveragePooling1D()(y)))


class Module(tf.Module):
    """No Keras: variables of its own, one of which is not trained."""

    def __init__(self, rng):
        self.w = tf.Variable(rng.standard_normal((4, 3)).astype(np.float32), name="w")
        self.scale = tf.Variable(rng.standard_normal(3).astype(np.float32), name="scale", trainable=False)
        self.b = tf.Variable(rng.standard_normal(3).astype(np.float32), name="b")

    @tf.function(input_signature=[tf.TensorSpec((None, 4), tf.float32, name="x")])
    def __call__(self, x):
        y = tf.nn.relu6(tf.matmul(x, self.w) * self.scale + self.b)
        rows = tf.shape(y)[0]
        y = tf.reshape(y, [rows, 3, 1]) * tf.ones([rows, 1, 2])
        return {"y": tf.reduce_sum(tf.square(y), axis=2)}


def main():
    rng = np.random.default_rng(3)
    for name, make in (("convnet", convnet), ("table", table), ("words", words), ("module", lambda: Module(rng))):
        keras.utils.set_random_seed(5)
        model = make()
        is_keras = name != "module"
        variables = model.weights if is_keras else [model.w, model.scale, model.b]
        for v in variables:
            low = 0.5 if "variance" in v.name else -1.0
            v.assign(rng.uniform(low, 1.0, v.shape) * (1 if low > 0 else 0.6))
        inputs = model.inputs if is_keras else [tf.TensorSpec((None, 4), tf.float32, name="x")]
        feeds = [(rng.integers(0, 11, (7, *t.shape[1:])) if "int" in str(t.dtype) else rng.standard_normal((7, *t.shape[1:]))).astype(np.float32 if "float" in str(t.dtype) else np.int32)
                 for t in inputs]
        call = (lambda x, m=model: m(x, training=False)) if is_keras else (lambda x, m=model: m(x[0])["y"])
        arrays = {f"x{i}": x for i, x in enumerate(feeds)}
        arrays["y"] = call(feeds).numpy()
        target = rng.standard_normal(arrays["y"].shape).astype(np.float32)
        arrays["target"] = target
        folder = HERE / f"layers_{name}"
        if is_keras:
            model.export(folder, verbose=False)
            f = tf.function(lambda *x, m=model: m(list(x) if len(x) > 1 else x[0], training=False))
            frozen = convert_variables_to_constants_v2(f.get_concrete_function(*[tf.TensorSpec((None, *t.shape[1:]), t.dtype, name=t.name) for t in inputs]))
        else:
            tf.saved_model.save(model, folder, signatures={"serving_default": model.__call__})
            frozen = convert_variables_to_constants_v2(model.__call__.get_concrete_function())
        (HERE / f"layers_{name}.pb").write_bytes(frozen.graph.as_graph_def().SerializeToString())
        trained = model.trainable_variables
        values = [v.value if is_keras else v for v in trained]
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(call(feeds) - target))
        arrays["loss"] = loss.numpy()
        for i, g in enumerate(tape.gradient(loss, values)):
            arrays[f"w{i}"], arrays[f"g{i}"] = trained[i].numpy(), tf.convert_to_tensor(g).numpy()
        for _ in range(3):  # steps of SGD over the whole batch
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean(tf.square(call(feeds) - target))
            for v, g in zip(trained, tape.gradient(loss, values)):
                v.assign(v - 0.05 * tf.convert_to_tensor(g))
        for i, v in enumerate(trained):
            arrays[f"s{i}"] = v.numpy()
        np.savez_compressed(HERE / f"layers_{name}.npz", **arrays)


if __name__ == "__main__":
    main()
