"""gradients(): exact in float64, against central differences of the loss, by every weight and by the input."""
import firesteel as fire
import numpy as np
import pytest
from firesteel import layers, losses

RNG = np.random.default_rng(11)
N = 6


def targets(kind, classes):
    if kind == "classes":
        return RNG.integers(0, classes, N)
    if kind == "one-hot":
        return RNG.dirichlet(np.ones(classes), N)
    if kind == "bits":
        return RNG.integers(0, 2, (N, classes)).astype(float)
    return RNG.normal(size=(N, classes))


CASES = [
    ("mse", losses.MeanSquaredError(), None, "numbers"), ("mse-tanh", "mse", "tanh", "numbers"), ("mse-sigmoid", "mse", "sigmoid", "numbers"),
    ("mse-softmax", "mse", "softmax", "numbers"), ("mse-relu", "mse", "relu", "numbers"),
    ("sparse", "sparse_categorical_crossentropy", "softmax", "classes"), ("sparse-logits", losses.SparseCategoricalCrossentropy(from_logits=True), None, "classes"),
    ("sparse-probabilities", "sparse_categorical_crossentropy", "sigmoid", "classes"),
    ("categorical", "categorical_crossentropy", "softmax", "one-hot"), ("categorical-logits", losses.CategoricalCrossentropy(from_logits=True), None, "one-hot"),
    ("categorical-smooth", losses.CategoricalCrossentropy(label_smoothing=0.1), "softmax", "one-hot"),
    ("binary", "binary_crossentropy", "sigmoid", "bits"), ("binary-logits", losses.BinaryCrossentropy(from_logits=True), None, "bits"),
    ("binary-smooth", losses.BinaryCrossentropy(label_smoothing=0.2), "sigmoid", "bits"),
]


def check(model, x, y, w):
    loss, *by_weight, by_input = model.gradients(x, y, w, training=False)
    weights = model.get_weights()
    assert loss == pytest.approx(model.gradients(x, y, w, training=False)[0], rel=0) and len(by_weight) == len(weights)
    step = 1e-6

    def at(change):
        change(step)
        up = model.gradients(x, y, w, training=False)[0]
        change(-2 * step)
        down = model.gradients(x, y, w, training=False)[0]
        change(step)
        return (up - down) / (2 * step)

    for k, gradient in enumerate([*by_weight, by_input]):
        values = weights[k] if k < len(weights) else x
        assert gradient.shape == values.shape and gradient.dtype == np.float64
        found = np.empty_like(values)
        for i in np.ndindex(values.shape):
            def change(by, i=i, values=values):
                values[i] += by
                model.set_weights(weights)
            found[i] = at(change)
        assert np.abs(found - gradient).max() <= 1e-6 * max(np.abs(gradient).max(), 1e-2), (k, found, gradient)


@pytest.mark.parametrize("weighted", [False, True], ids=["", "weighted"])
@pytest.mark.parametrize("loss, last, kind", [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_against_differences(loss, last, kind, weighted):
    fire.utils.set_random_seed(8)
    model = fire.Sequential([fire.Input((2, 2)), layers.Flatten(), layers.Dense(5, "tanh"), layers.Dense(4, "sigmoid"), layers.Dense(3, last)], dtype="float64")
    model.compile("sgd", loss)
    model.set_weights([w + RNG.normal(size=w.shape) * 0.3 for w in model.get_weights()])
    check(model, RNG.normal(size=(N, 2, 2)), targets(kind, 3), np.abs(RNG.normal(size=N)) if weighted else None)


def test_sequences():
    model = fire.Sequential([fire.Input((3, 2)), layers.Dense(4, "tanh"), layers.Dense(2, "softmax")], dtype="float64")
    model.compile("sgd", "categorical_crossentropy")
    check(model, RNG.normal(size=(N, 3, 2)), RNG.dirichlet(np.ones(2), (N, 3)), None)


def test_frozen_layers_have_zero_gradients():
    model = fire.Sequential([fire.Input((2,)), layers.Dense(3, "tanh"), layers.Dense(1)], dtype="float64")
    model.layers[0].trainable = False
    model.compile("sgd", "mse")
    _, a, b, c, d, x = model.gradients(RNG.normal(size=(N, 2)), RNG.normal(size=(N, 1)))
    assert not a.any() and not b.any() and c.any() and d.any() and x.any()
    before = model.get_weights()
    model.fit(RNG.normal(size=(N, 2)), RNG.normal(size=(N, 1)), verbose=0)
    after = model.get_weights()
    assert (before[0] == after[0]).all() and (before[1] == after[1]).all() and (before[2] != after[2]).all()


def test_dropout_is_active_only_in_training():
    model = fire.Sequential([fire.Input((1000,)), layers.Dropout(0.5), layers.Dense(1, use_bias=False, kernel_initializer="ones")], dtype="float64")
    model.compile("sgd", "mse")
    x, y = np.ones((20, 1000)), np.zeros((20, 1))
    _, _, by_input = model.gradients(x, y, training=True)
    kept = by_input != 0
    assert 0.47 < kept.mean() < 0.53 and (kept[0] != kept[1]).any()
    assert model.gradients(x, y, training=False)[2].all() and (model.predict(x) == 1000).all()
