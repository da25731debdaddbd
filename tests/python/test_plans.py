"""test_plans.py - how networks are run: no reference kernel in a step, what scoring folds and keeps, and that it follows the weights."""
import numpy as np
import pytest

import firesteel as fire
from firesteel import layers


def residual(x, channels, stride):
    a = layers.Activation("relu")(layers.BatchNormalization()(layers.Conv2D(channels, 3, strides=stride, padding="same", use_bias=False)(x)))
    a = layers.BatchNormalization()(layers.Conv2D(channels, 3, padding="same", use_bias=False)(a))
    if stride != 1:
        x = layers.BatchNormalization()(layers.Conv2D(channels, 1, strides=stride, use_bias=False)(x))
    return layers.Activation("relu")(layers.Add()([a, x]))


def resnet():
    """The residual network of bench/convnet.py, two blocks of it."""
    start = fire.Input((16, 16, 3))
    a = layers.Activation("relu")(layers.BatchNormalization()(layers.Conv2D(16, 3, padding="same", use_bias=False)(start)))
    a = residual(residual(a, 16, 1), 32, 2)
    return fire.Model(start, layers.Dense(10, activation="softmax")(layers.GlobalAveragePooling2D()(a)))


def bottlenecks():
    """The beginning and the end of bench/inference.py's ResNet-50."""
    start = fire.Input((32, 32, 3))
    x = layers.ZeroPadding2D(3)(start)
    x = layers.Activation("relu")(layers.BatchNormalization()(layers.Conv2D(16, 7, strides=2)(x)))
    x = layers.MaxPooling2D(3, strides=2)(layers.ZeroPadding2D(1)(x))
    a = layers.Activation("relu")(layers.BatchNormalization()(layers.Conv2D(8, 1, use_bias=False)(x)))
    a = layers.Activation("relu")(layers.BatchNormalization()(layers.Conv2D(8, 3, padding=[1, 1], use_bias=False)(a)))
    a = layers.BatchNormalization()(layers.Conv2D(32, 1, use_bias=False)(a))
    a = layers.Activation("relu")(layers.Add()([a, layers.BatchNormalization()(layers.Conv2D(32, 1)(x))]))
    return fire.Model(start, layers.Softmax()(layers.Dense(10)(layers.GlobalAveragePooling2D()(a))))


def squeezenet():
    """The beginning and the end of bench/inference.py's SqueezeNet."""
    start = fire.Input((32, 32, 3))
    x = layers.MaxPooling2D(3, strides=2)(layers.Conv2D(16, 3, strides=2, activation="relu")(start))
    s = layers.Conv2D(4, 1, activation="relu")(x)
    x = layers.Concatenate()([layers.Conv2D(8, 1, activation="relu")(s), layers.Conv2D(8, 3, padding=[1, 1], activation="relu")(s)])
    return fire.Model(start, layers.Softmax()(layers.GlobalAveragePooling2D()(layers.Conv2D(10, 1, activation="relu")(x))))


def convnet():
    return fire.Sequential([fire.Input((28, 28, 1)), layers.Conv2D(32, 3, activation="relu"), layers.MaxPooling2D(), layers.Conv2D(64, 3, activation="relu"),
                            layers.MaxPooling2D(), layers.Flatten(), layers.Dense(10, activation="softmax")])


def recurrent(layer):
    return fire.Sequential([fire.Input((16, 8)), getattr(layers, layer)(32), layers.Dense(10, activation="softmax")])


def perceptron():
    return fire.Sequential([fire.Input((784,)), layers.Dense(256, activation="relu"), layers.Dense(128, activation="relu"), layers.Dense(10, activation="softmax")])


def transformer():
    """A block: attention and two dense layers, each added to what went in and normalized."""
    start = fire.Input((16, 32))
    x = layers.LayerNormalization()(layers.Add()([start, layers.MultiHeadAttention(4, 8)(start, start)]))
    y = layers.Dense(32)(layers.Dense(64, activation="relu")(x))
    x = layers.LayerNormalization()(layers.Add()([x, y]))
    return fire.Model(start, layers.Dense(10, activation="softmax")(layers.Flatten()(x)))


NETWORKS = {"convnet": convnet, "resnet": resnet, "bottlenecks": bottlenecks, "squeezenet": squeezenet, "perceptron": perceptron, "transformer": transformer,
            "lstm": lambda: recurrent("LSTM"), "gru": lambda: recurrent("GRU"), "simple_rnn": lambda: recurrent("SimpleRNN")}


def lines(model, training, batch=8):
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy")
    return model.explain_plan(batch, training=training).splitlines()


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("name", NETWORKS)
def test_no_reference_kernel(name, training):
    found = lines(NETWORKS[name](), training)
    assert found
    assert [line for line in found if " reference" in line] == []


def test_normalization_is_folded_into_convolutions():
    """What is left of normalization, relu and sums is done by convolutions, or once for the weights."""
    for made in (resnet(), bottlenecks()):
        left = [line.split()[1] for line in lines(made, False) if "once for the weights" not in line]
        assert left.count("FusedConv") + left.count("Conv") == sum(isinstance(layer, layers.Conv2D) for layer in made.layers)
        assert not {"ChannelAffine", "Relu", "Add", "Mul"} & set(left), left


def moved(model, seed):
    """Weights away from their start, moments of normalization too."""
    rng = np.random.default_rng(seed)
    model.set_weights([w + 0.1 * (rng.random(w.shape, dtype=w.dtype) - 0.5) for w in model.get_weights()])


@pytest.mark.parametrize("name", ["resnet", "bottlenecks", "squeezenet", "transformer", "lstm"])
def test_scoring_follows_the_weights(name, tmp_path):
    """Kept forms of the weights are made anew after set_weights and after training; a network that never saw the old ones agrees to the bit."""
    model = NETWORKS[name]()
    x = np.random.default_rng(0).random((5, *model.input_shape[1:]), dtype=np.float32)
    y = np.arange(5)
    model.compile(optimizer="sgd", loss="sparse_categorical_crossentropy")

    def anew():
        model.save(tmp_path / "m.onnx")
        return fire.load(tmp_path / "m.onnx")

    before = model.predict(x)
    moved(model, 1)
    after = model.predict(x)
    assert not np.array_equal(before, after)
    assert np.array_equal(after, anew().predict(x))
    assert np.allclose(model.predict_row(x[2]), after[2], atol=1e-6)
    model.fit(x, y, epochs=1, batch_size=5, verbose=0)
    trained = model.predict(x)
    assert not np.array_equal(after, trained)
    assert np.array_equal(trained, anew().predict(x))
    assert np.allclose(model.predict_row(x[2]), trained[2], atol=1e-6)


def test_scoring_from_a_callback():
    """Weights have moved when a callback scores in the middle of fit."""
    model = perceptron()
    x = np.random.default_rng(0).random((64, 784), dtype=np.float32)
    model.compile(optimizer="sgd", loss="sparse_categorical_crossentropy")
    model.predict(x[:1])
    seen = []
    model.fit(x, np.arange(64) % 10, epochs=3, batch_size=16, verbose=0,
              callbacks=[fire.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append([w.copy() for w in model.get_weights()]))])
    last = perceptron()
    last.set_weights(seen[-1])
    assert np.array_equal(last.predict(x), model.predict(x))


def test_folding_keeps_the_numbers():
    """Folded in float64 and in float32, against the network taken layer by layer."""
    for kind, tolerance in (("float64", 1e-12), ("float32", 1e-5)):
        rng = np.random.default_rng(3)
        start = fire.Input((9, 9, 3))
        first, norm = layers.Conv2D(8, 3, strides=2, padding="same", bias_initializer="random_normal"), layers.BatchNormalization(epsilon=1e-2)
        model = fire.Model(start, layers.Activation("relu")(norm(first(start))), dtype=kind)
        moved(model, 5)
        x = rng.standard_normal((4, 9, 9, 3)).astype(kind)
        gamma, beta, mean, variance = norm.get_weights()
        alone = fire.Sequential([fire.Input((9, 9, 3)), layers.Conv2D(8, 3, strides=2, padding="same")], dtype=kind)
        alone.set_weights(first.get_weights())
        expected = np.maximum((alone.predict(x) - mean) / np.sqrt(variance + 1e-2) * gamma + beta, 0)
        assert np.allclose(model.predict(x), expected, rtol=tolerance, atol=tolerance)
