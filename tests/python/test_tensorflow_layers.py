"""Graphs of TensorFlow as layers: numbers, gradients and steps of SGD are TensorFlow's (tests/tensorflow_files/make_layers.py), and such a network is cut,
frozen, extended and saved like any other."""
from pathlib import Path

import numpy as np
import pytest

import firesteel as fire

FILES = Path(__file__).resolve().parents[1] / "tensorflow_files"
NETWORKS = ["convnet", "table", "words", "module"]


def load(name, kind, **options):
    arrays = dict(np.load(FILES / f"layers_{name}.npz"))
    x = [arrays[f"x{i}"] for i in range(len(arrays)) if f"x{i}" in arrays]
    return fire.load(FILES / f"layers_{name}{kind}", **options), x[0] if len(x) == 1 else x, arrays


def close(got, want, tolerance):
    assert got.shape == want.shape
    assert np.abs(got - want).max() <= tolerance * max(1.0, np.abs(want).max())


@pytest.mark.parametrize("kind", ["", ".pb"])
@pytest.mark.parametrize("name", NETWORKS)
def test_as_tensorflow_trains(name, kind):
    model, x, arrays = load(name, kind)
    if (name, kind) == ("module", ".pb"):  # which variables are trained is not in a frozen graph, but for the moments of normalizations
        model.get_layer("mul").trainable = False
    close(model.predict(x), arrays["y"], 1e-6)
    values, wanted = model.get_weights(), [arrays[f"w{i}"] for i in range(len(arrays)) if f"w{i}" in arrays]
    model.compile(fire.optimizers.SGD(0.05), "mean_squared_error")
    loss, *gradients = model.gradients(x, arrays["target"])
    assert loss == pytest.approx(float(arrays["loss"]), rel=1e-5)
    places = []
    for w in wanted:
        same = [i for i, v in enumerate(values) if v.shape == w.shape and np.array_equal(v, w) and i not in places]
        assert same
        places += same[:1]
    for k, i in enumerate(places):
        close(gradients[i], arrays[f"g{k}"], 2e-5)
    model.fit(x, arrays["target"], epochs=3, batch_size=len(arrays["target"]), shuffle=False, verbose=0)
    after = model.get_weights()
    for k, i in enumerate(places):
        close(after[i], arrays[f"s{k}"], 2e-5)
    for i, (before, now) in enumerate(zip(values, after)):
        assert i in places or np.array_equal(before, now), f"weight {i} is no variable that TensorFlow trains"


def test_cut_frozen_extended_saved(tmp_path):
    model, x, arrays = load("convnet", "")
    layers = [layer for layer in model.layers if "MaxPool" in layer.name]
    features = fire.Model(model.inputs, layers[0].output)
    for layer in features.layers:
        layer.trainable = False
    net = fire.Model(features.inputs, fire.layers.Dense(2, activation="softmax", kernel_initializer="zeros")(fire.layers.Flatten()(features.output)))
    before = net.get_weights()
    net.compile("sgd", "sparse_categorical_crossentropy")
    net.fit(x, np.arange(len(x)) % 2, epochs=2, verbose=0)
    assert [np.array_equal(a, b) for a, b in zip(before, net.get_weights())] == [True] * (len(before) - 2) + [False] * 2
    net.save(tmp_path / "net.onnx")
    assert np.array_equal(fire.load(tmp_path / "net.onnx").predict(x), net.predict(x))


def test_saved_as_onnx_it_runs_elsewhere(tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    for name in NETWORKS:
        model, x, arrays = load(name, "")
        model.save(tmp_path / "m.onnx")
        session = onnxruntime.InferenceSession(tmp_path / "m.onnx")
        x = x if isinstance(x, list) else [x]
        (y,) = session.run(None, {i.name: v.astype(np.float32) for i, v in zip(session.get_inputs(), x)})
        close(y, arrays["y"], 1e-5)


def test_recurrent_network_of_keras():
    arrays = dict(np.load(FILES / "sm_lstm.npz"))
    model = fire.load(FILES / "sm_lstm")
    close(model.predict(arrays["x"]), arrays["y"], 1e-5)
    model.compile("adam", "mean_squared_error")
    first, last = (model.fit(arrays["x"], np.zeros_like(arrays["y"]), epochs=e, verbose=0).history["loss"][-1] for e in (1, 5))
    assert last < first


def test_an_inner_tensor_by_name():
    model, x, arrays = load("convnet", ".pb", outputs=["functional_1/max_pooling2d_1/MaxPool2d"])
    whole, _, _ = load("convnet", ".pb")
    layer = next(layer for layer in whole.layers if "MaxPool" in layer.name)
    assert np.array_equal(model.predict(x), fire.Model(whole.inputs, layer.output).predict(x))


def test_what_stands_against_layers_is_said():
    with pytest.raises(fire.FiresteelError, match=r"sizes that are known"):
        fire.load(FILES / "v1_scan.pb").compile("sgd", "mse")
