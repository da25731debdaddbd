"""Models that are no chain: several inputs and outputs, shared layers, nested and cut models."""
import copy
import pickle

import firesteel as fire
import numpy as np
import onnxruntime
import pytest
from firesteel import layers as L

RNG = np.random.default_rng(3)
X = {"a": RNG.normal(size=(96, 4)).astype(np.float32), "b": RNG.normal(size=(96, 3, 2)).astype(np.float32)}
Y = [RNG.normal(size=(96, 1)).astype(np.float32), RNG.integers(0, 3, 96)]


def two_by_two(dtype="float32"):
    a, b = fire.Input((4,), name="a"), fire.Input((3, 2), name="b")
    shared = L.Dense(5, "relu", name="shared")
    both = L.Concatenate()([shared(a), shared(L.Dense(4)(L.Flatten()(b)))])
    model = fire.Model([a, b], [L.Dense(1, name="value")(both), L.Dense(3, "softmax", name="kind")(both)], dtype=dtype)
    model.compile("adam", {"value": "mse", "kind": "sparse_categorical_crossentropy"}, {"kind": "accuracy", "value": ["mae"]}, loss_weights={"value": 0.5, "kind": 2})
    return model


def test_shapes_and_names():
    model = two_by_two()
    assert model.input_names == ["a", "b"] and model.output_names == ["value", "kind"]
    assert model.input_shape == [(None, 4), (None, 3, 2)] and model.output_shape == [(None, 1), (None, 3)]
    assert [w.shape for w in model.get_weights()] == [(6, 4), (4,), (4, 5), (5,), (10, 1), (1,), (10, 3), (3,)]
    assert model.metrics_names == ["loss", "value_loss", "kind_loss", "value_mae", "kind_accuracy"]


def test_fit_reports_every_output():
    model = two_by_two()
    history = model.fit(X, Y, epochs=4, validation_split=0.25, verbose=0, seed=1).history
    assert set(history) == {*model.metrics_names, *(f"val_{name}" for name in model.metrics_names)}
    for loss, value, kind in zip(history["loss"], history["value_loss"], history["kind_loss"]):
        assert loss == pytest.approx(0.5 * value + 2 * kind, rel=1e-5)
    assert history["loss"][-1] < history["loss"][0]


def test_numbers_are_those_of_the_formula():
    model = two_by_two("float64")
    flat, bias, ws, bs, wv, bv, wk, bk = (w.astype(float) for w in model.get_weights())
    relu = lambda x: np.maximum(x, 0)
    both = np.concatenate([relu(X["a"] @ ws + bs), relu((X["b"].reshape(96, 6) @ flat + bias) @ ws + bs)], 1)
    value, z = both @ wv + bv, both @ wk + bk
    kind = np.exp(z) / np.exp(z).sum(1, keepdims=True)
    got = model.predict(X)
    assert np.allclose(got[0], value, atol=1e-12) and np.allclose(got[1], kind, atol=1e-12)
    loss = 0.5 * ((value - Y[0]) ** 2).mean() - 2 * np.log(kind[np.arange(96), Y[1]]).mean()
    results = model.evaluate(X, Y, return_dict=True)
    assert results["loss"] == pytest.approx(loss, rel=1e-12)
    assert results["kind_accuracy"] == pytest.approx((kind.argmax(1) == Y[1]).mean())
    total, *gradients = model.gradients(X, Y)
    assert total == pytest.approx(loss, rel=1e-12) and len(gradients) == 8 + 2 and gradients[-1].shape == (96, 3, 2)
    values = model.get_weights()
    for i, at in ((2, (1, 2)), (0, (3, 1)), (7, (1,))):  # the shared kernel gets the gradients of both calls
        ends = []
        for sign in (1, -1):
            moved = [v.copy() for v in values]
            moved[i][at] += sign * 1e-6
            model.set_weights(moved)
            ends.append(model.gradients(X, Y)[0])
        assert gradients[i][at] == pytest.approx((ends[0] - ends[1]) / 2e-6, rel=1e-5, abs=1e-9)


def test_save_load_and_onnxruntime(tmp_path):
    model = two_by_two()
    model.fit(X, Y, verbose=0, seed=1)
    expected = model.predict(X)
    model.save(tmp_path / "m.onnx")
    loaded = fire.load(tmp_path / "m.onnx")
    assert isinstance(loaded, fire.Model) and loaded.input_names == ["a", "b"]
    assert all((got == want).all() for got, want in zip(loaded.predict(X), expected))
    loaded.fit(X, Y, verbose=0)
    session = onnxruntime.InferenceSession(str(tmp_path / "m.onnx"))
    assert [o.name for o in session.get_outputs()] == ["value", "kind"]
    for got, want in zip(session.run(None, X), expected):
        assert np.abs(got - want).max() < 1e-5
    model.save_checkpoint(tmp_path / "c")
    assert (fire.load(tmp_path / "c").predict(X)[0] == expected[0]).all()


def test_copies():
    model = two_by_two()
    expected = model.predict(X)
    for other in (model.clone(), copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert (other.predict(X)[1] == expected[1]).all() and other.metrics_names == model.metrics_names
    again = fire.Model.from_text(model.to_text())
    assert again.to_text() == model.to_text()


def test_the_order_of_a_list_and_a_dict():
    model = two_by_two()
    assert (model.predict([X["a"], X["b"]])[0] == model.predict(dict(reversed(X.items())))[0]).all()


def test_cut_and_extend():
    base = two_by_two()
    cut = fire.Model(base.input, base.get_layer("kind").input)
    features = cut.predict(X)
    assert features.shape == (96, 10)
    head = fire.Model(base.inputs, L.Dense(2, name="head")(base.get_layer("kind").input))
    head.get_layer("shared").trainable = False
    before = head.get_layer("shared").get_weights()[0]
    assert (before == base.get_layer("shared").get_weights()[0]).all()
    head.compile("sgd", "mse")
    head.fit(X, RNG.normal(size=(96, 2)), verbose=0)
    assert (head.get_layer("shared").get_weights()[0] == before).all()


def test_a_model_is_a_layer():
    inner = fire.Sequential([fire.Input((6,)), L.Dense(3, "tanh", name="in1"), L.Dense(2, name="in2")])
    x, y = fire.Input((6,), name="x"), fire.Input((6,), name="y")
    model = fire.Model([x, y], L.Subtract()([inner(x), inner(y)]))
    assert model.count_params() == inner.count_params()  # both calls share
    a, b = RNG.normal(size=(5, 6)), RNG.normal(size=(5, 6))
    assert np.allclose(model.predict([a, b]), inner.predict(a) - inner.predict(b), atol=1e-6)


def test_frozen_layers_stay_frozen():
    x = fire.Input((4,))
    model = fire.Model(x, L.Dense(1)(L.Dense(3, trainable=False, name="cold")(x)))
    assert not model.get_layer("cold").trainable and not fire.Model.from_text(model.to_text()).get_layer("cold").trainable


@pytest.mark.parametrize("make, says", [
    (lambda: fire.Model(fire.Input((2,)), L.Dense(1)(fire.Input((3,), name="other"))), "needs? the input 'other'"),
    (lambda: L.Dense(3)(np.ones((2, 2))), "ndarray; expected an Input"),
    (lambda: fire.Model([], []), "no inputs|0 outputs"),
    (lambda: L.Add()([fire.Input((2,)), fire.Input((3,))]).shape, r"Add 'add': input 1 is \[n, 3\], which does not go with \[n, 2\]"),
    (lambda: two_by_two().fit({"a": X["a"]}, Y), "'b' is missing"),
    (lambda: two_by_two().fit({**X, "c": X["a"]}, Y), "'c' is none of a, b"),
    (lambda: two_by_two().fit([X["a"]], Y), "1 arrays; expected 2"),
    (lambda: two_by_two().fit({"a": X["a"][:5], "b": X["b"]}, Y), "'b' has 96 rows, 'a' has 5"),
    (lambda: two_by_two().compile("adam", {"value": "mse"}), "no loss for the output kind"),
    (lambda: two_by_two().compile("adam", ["mse"]), "1 entries; the model has 2 outputs"),
    (lambda: two_by_two().compile("adam", {"value": "mse", "kinds": "mse"}), "'kinds'"),
    (lambda: two_by_two().fit(X, [Y[0], Y[1] + 1], verbose=0), "label.* 3, expected a whole number from 0 to 2"),
])
def test_bad_use(make, says):
    with pytest.raises(fire.FiresteelError, match=says):
        make()


def test_one_layer_called_on_two_shapes():
    dense = L.Dense(3)
    with pytest.raises(fire.FiresteelError, match=r"shared, but here its weight .*kernel would have shape \[3, 3\], not \[2, 3\]"):
        fire.Model([a := fire.Input((2,)), b := fire.Input((3,))], L.Concatenate()([dense(a), dense(b)]))


def test_models_in_a_sequential():
    """Models stand for their layers, copied with their weights, whether they are chains or more."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=(6, 4))
    chain = fire.Sequential([fire.Input((4,)), L.Dense(3, "tanh"), fire.Sequential([fire.Input((3,)), L.Dense(3, "relu")])], dtype="float64")
    a, b, c, d = chain.get_weights()
    expected = np.maximum(np.tanh(x @ a + b) @ c + d, 0)
    np.testing.assert_allclose(chain.predict(x, verbose=0), expected, rtol=1e-12)
    given = fire.Input((3,))
    hidden = L.Dense(3)(given)
    more = fire.Model(given, L.Add()([given, hidden]), dtype="float64")
    model = fire.Sequential([chain, more, L.Dense(2)], dtype="float64")
    model.compile("sgd", "mse")
    (w, z), (u, v) = more.get_weights(), model.get_weights()[-2:]
    np.testing.assert_allclose(model.predict(x, verbose=0), (expected + expected @ w + z) @ u + v, rtol=1e-12)
    assert all((one == other).all() for one, other in zip(model.get_weights(), [a, b, c, d, w, z]))
    chain.trainable = False  # as when a trained network is the beginning of another
    head = fire.Sequential([chain, L.Dense(2)], dtype="float64")
    assert not chain.trainable and head.trainable and [layer.trainable for layer in head.layers] == [False, False, True]
    head.compile("sgd", "mse")
    head.fit(x, rng.normal(size=(6, 2)), verbose=0)
    for one, other in zip(head.get_weights(), (a, b, c, d)):
        assert (one == other).all()
    head.pop()
    head.add(fire.Sequential([fire.Input((3,)), L.Dense(5, "softmax")]))
    assert head.output_shape == (None, 5)
    with pytest.raises(fire.errors.UsageError, match="more than a chain of layers"):
        head.add(more)
    with pytest.raises(fire.errors.UsageError, match="begin it with an Input"):
        fire.Sequential([L.Dense(3), more])


def test_rows_have_one_shape():
    with pytest.raises(fire.errors.UsageError, match="shape is .None, 3., and rows have one shape; give the number of steps"):
        fire.Input((None, 3))
