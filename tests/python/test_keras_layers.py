"""Layers against Keras' own numbers in float64 (tests/data/keras, made by tests/keras_files/make.py): outputs, gradients, and what training makes of
moving averages."""
import json
from pathlib import Path

import firesteel as fire
import numpy as np
import pytest
from firesteel import errors, layers

CASES = sorted((Path(__file__).resolve().parents[1] / "data" / "keras").glob("*.npz"))
FLOAT32 = {"mha_masks", "mha_planes"}  # where Keras takes a softmax in float32


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_keras_numbers(path):
    near = {"rtol": 1e-6, "atol": 1e-6} if path.stem in FLOAT32 else {"rtol": 1e-9, "atol": 1e-10}
    a = dict(np.load(path))
    case = json.loads(str(a.pop("case")))
    xs = [a[f"x{i}"] for i in range(sum(name[0] == "x" for name in a))]
    weights = [a[f"p{i}"] for i in range(sum(name[0] == "p" for name in a))]
    layer = getattr(layers, case["kind"])(**case["attrs"], **case["call"])
    inputs = [fire.Input(x.shape[1:]) for x in xs]
    y = layer(*[layers.Masking()(x) if i in case["masked"] else x for i, x in enumerate(inputs)])
    model = fire.Model(inputs, layers.Flatten()(y), dtype="float64")  # Flatten hands no mask on: the loss counts every step
    if weights:
        model.set_weights(weights)
    data, want = xs if len(xs) > 1 else xs[0], a["y"].reshape(len(a["y"]), -1)
    if not case["training"]:
        np.testing.assert_allclose(model.predict(data, verbose=0), want, **near)
    if "dy" not in a:
        return
    # The mean of squared differences has gradient dy where the target is y - dy n / 2.
    dy = a["dy"].reshape(want.shape)
    model.compile("sgd", "mse")
    loss, *found = model.gradients(data, want - dy * (dy.size / 2), training=case["training"])
    np.testing.assert_allclose(loss, ((dy * dy.size / 2) ** 2).mean(), **near)
    for i in range(len(weights)):
        np.testing.assert_allclose(found[i], a.get(f"dp{i}", np.zeros_like(weights[i])), **near)
    for i, dx in enumerate(found[len(weights):]):
        np.testing.assert_allclose(dx, a[f"dx{i}"], **near)
    if case["training"]:
        model.compile(fire.optimizers.SGD(1e-300), "mse")
        model.fit(data, want, batch_size=len(want), epochs=1, verbose=0)
        for i in range(len(weights)):
            if f"new{i}" in a:
                np.testing.assert_allclose(model.get_weights()[i], a[f"new{i}"], **near)


def test_discretization_learns_quantiles():
    data = np.random.default_rng(0).normal(size=1000)
    layer = layers.Discretization(num_bins=4)
    layer.adapt(data)
    model = fire.Sequential([fire.Input((1,)), layer])
    index = model.predict(data[:, None].astype("f"), verbose=0)[:, 0]
    assert sorted(set(index)) == [0, 1, 2, 3]
    assert all(230 < (index == k).sum() < 270 for k in range(4))
    with pytest.raises(errors.FiresteelError, match="give more data or fewer bins"):
        layers.Discretization(num_bins=9).adapt([1, 2, 3])


def test_integer_lookup_learns_a_vocabulary(tmp_path):
    layer = layers.IntegerLookup(max_tokens=4, mask_token=0)
    layer.adapt([[7, 7, 7, 0], [5, 5, 9, 0]])
    assert layer.get_vocabulary() == [0, -1, 7, 5] and layer.vocabulary_size() == 4
    model = fire.Sequential([fire.Input((4,)), layer])
    x = np.array([[7, 5, 9, 0], [8, -3, 7, 7]], "f")
    want = [[2, 3, 1, 0], [1, 1, 2, 2]]
    assert (model.predict(x, verbose=0) == want).all()
    model.save(tmp_path / "m.onnx")
    back = fire.load(tmp_path / "m.onnx")
    assert (back.predict(x, verbose=0) == want).all() and back.layers[-1].get_vocabulary() == [0, -1, 7, 5]
    turned = fire.Sequential([fire.Input((4,)), layers.IntegerLookup(mask_token=0, vocabulary=[7, 5], invert=True)])
    assert (turned.predict(np.array([[2, 3, 1, 0]], "f"), verbose=0) == [[7, 5, -1, 0]]).all()
    with pytest.raises(errors.FiresteelError, match="names a number twice"):
        layers.IntegerLookup(vocabulary=[1, 2, 1])
    with pytest.raises(errors.FiresteelError, match="vocabulary_size is missing"):
        fire.Sequential([fire.Input((4,)), layers.IntegerLookup()])


def test_batch_moments_do_not_depend_on_slices():
    """Several threads each take a slice of the batch; its moments are those of all of it."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(512, 6, 5)), rng.integers(0, 3, 512)
    found = []
    try:
        for threads in (1, 2, 4):
            fire.set_threads(threads)
            model = fire.Sequential([fire.Input((6, 5)), layers.Dense(8), layers.BatchNormalization(), layers.ReLU(), layers.Flatten(), layers.Dense(3, "softmax")], dtype="float64")
            model.compile(fire.optimizers.SGD(0.1), "sparse_categorical_crossentropy")
            model.fit(x, y, batch_size=256, epochs=2, verbose=0, shuffle=False, seed=3)
            found.append(model.get_weights())
    finally:
        fire.set_threads(1)
    for other in found[1:]:
        for a, b in zip(found[0], other):
            np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)


def test_attention_gives_its_weights():
    x = fire.Input((3, 4))
    y, scores = layers.MultiHeadAttention(2, 3, return_attention_scores=True)(x, x)
    made = fire.Model(x, [y, scores]).predict(np.random.default_rng(0).normal(size=(5, 3, 4)), verbose=0)
    assert [part.shape for part in made] == [(5, 3, 4), (5, 2, 3, 3)]
    np.testing.assert_allclose(made[1].sum(-1), 1, rtol=1e-5)
