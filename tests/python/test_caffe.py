"""Nets of Caffe: layers against what OpenCV's dnn and NumPy computed (tests/caffe_files/make_caffe.py), whole nets as models that train."""
import shutil
from pathlib import Path

import numpy as np
import pytest

import firesteel as fire

FILES = Path(__file__).resolve().parents[1] / "caffe_files"
KEPT = dict(np.load(FILES / "layers.npz"))
CASES = sorted({key.split("/")[0] for key in KEPT if "/" in key})


def files_of(name, folder):
    net, weights = folder / "net.prototxt", folder / "net.caffemodel"
    net.write_text(str(KEPT[f"{name}/prototxt"]))
    weights.write_bytes(KEPT[f"{name}/model"].tobytes())
    return net, weights


def feeds_of(name, model):
    return {k: KEPT.get(f"{name}/in/{k}", KEPT.get(k)) for k in (part.name for part in model.inputs)}


def check(name, folder, feeds=None):
    net, weights = files_of(name, folder)
    model = fire.load(net, weights=weights)
    got = model.run(feeds_of(name, model))
    want = {key.split("/")[2]: v for key, v in KEPT.items() if key.startswith(f"{name}/out/")}
    assert sorted(got) == sorted(want)
    for k, v in want.items():
        assert got[k].shape == v.shape, (name, k)
        np.testing.assert_allclose(got[k], v, rtol=2e-5, atol=2e-6, err_msg=name)
    return model


def test_layers(tmp_path):
    assert len(CASES) == 78  # a case for each layer and way that it can be told
    for name in CASES:
        check(name, tmp_path)


def test_a_net_with_its_weights_inside(tmp_path):
    net, weights = files_of("prelu_shared", tmp_path)
    (slope,) = fire.load(net, weights=weights).get_layer("it").get_weights()
    net.write_text(net.read_text().replace('top: "y"', f'top: "y" blobs {{ shape {{ dim: 1 }} data: [{slope[0]}] }}'))
    assert np.array_equal(fire.load(net).run({"data": KEPT["data"]})["y"], fire.load(net, weights=weights).run({"data": KEPT["data"]})["y"])


def test_a_net_for_training(tmp_path):
    """Data of both phases, a loss, an accuracy, and a layer of the other phase."""
    net, weights = files_of("net", tmp_path)
    text = net.read_text().replace('type: "Softmax" bottom: "f"', 'type: "SoftmaxWithLoss" bottom: "f" bottom: "label"').replace(
        "input: 'data' input_shape { dim: 1 dim: 6 dim: 9 dim: 8 }", """
        layer { name: "d" type: "Data" top: "data" top: "label" include { phase: TRAIN } data_param { source: "there" batch_size: 64 backend: LMDB } }
        layer { name: "d" type: "MemoryData" top: "data" top: "label" include { phase: TEST } memory_data_param { batch_size: 7 channels: 6 height: 9 width: 8 } }""")
    text += 'layer { name: "a" type: "Accuracy" bottom: "f" bottom: "label" top: "a" include { phase: TEST } }\nlayer { name: "t" type: "Power" bottom: "f" top: "t" include { phase: TRAIN } }\n'
    net.write_text(text)
    x, want = KEPT["data"], KEPT["net/out/prob"]
    model = fire.load(net, weights=weights)
    assert [i.name for i in model.inputs] == ["data"] and list(model.run({"data": x})) == ["prob"]
    np.testing.assert_allclose(model.run({"data": x})["prob"], want, rtol=2e-5, atol=2e-6)
    assert model.predict(x).shape == (2, 3)


def test_blobs_in_place_have_names(tmp_path):
    net, weights = files_of("net", tmp_path)
    whole, inner = fire.load(net, weights=weights), fire.load(net, weights=weights, outputs=["c@n", "c", "f"]).run({"data": KEPT["data"]})
    assert (inner["c"] >= 0).all() and (inner["c@n"] < 0).any() and inner["f"].shape == (2, 3)
    assert [layer.name for layer in whole.layers if not layer.name.endswith("_input")][-4:] == ["p", "d", "f", "prob"]


def test_cut_frozen_trained_saved(tmp_path):
    net, weights = files_of("old", tmp_path)
    model = fire.load(net, weights=weights)
    x = KEPT["data"]
    np.testing.assert_allclose(model.predict(x), KEPT["old/out/prob"], rtol=2e-5, atol=2e-6)
    assert [w[0] for w in model._net.weights()] == ["c/kernel", "c/bias", "f/kernel", "f/bias"]
    features = fire.Model(model.inputs, model.get_layer("p").output)
    for layer in features.layers:
        layer.trainable = False
    mine = fire.Model(features.inputs, fire.layers.Dense(2, activation="softmax")(fire.layers.Flatten()(features.output)))
    kernel = {name: value for name, value in zip((w[0] for w in mine._net.weights()), mine.get_weights())}["c/kernel"]
    mine.compile("adam", "sparse_categorical_crossentropy")
    mine.fit(np.repeat(x, 8, 0), np.arange(16) % 2, epochs=2, verbose=0)
    assert np.array_equal({name: value for name, value in zip((w[0] for w in mine._net.weights()), mine.get_weights())}["c/kernel"], kernel)
    model.compile("sgd", "sparse_categorical_crossentropy")
    before = model.evaluate(x, np.array([0, 1]), verbose=0)
    model.fit(x, np.array([0, 1]), epochs=5, verbose=0)
    assert model.evaluate(x, np.array([0, 1]), verbose=0) < before
    model.save(tmp_path / "net.onnx")
    assert np.array_equal(fire.load(tmp_path / "net.onnx").predict(x), model.predict(x))


def test_dropout_drops_when_trained_and_moments_stay(tmp_path):
    net, weights = files_of("net", tmp_path)
    model = fire.load(net, weights=weights)
    assert "Dropout" in [type(layer).__name__ for layer in model.layers]
    before = model.get_layer("n").get_weights()
    model.compile("sgd", "categorical_crossentropy")
    model.fit(KEPT["data"], np.eye(3, dtype="f")[:2], epochs=2, verbose=0)
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_layer("n").get_weights()))


def test_any_size_goes_through_a_net_of_convolutions(tmp_path):
    net, weights = files_of("conv", tmp_path)
    model = fire.load(net, weights=weights)
    assert model.run({"data": np.zeros((1, 6, 21, 30), "f")})["y"].shape == (1, 4, 11, 15)
    with pytest.raises(fire.FiresteelError, match="the input 'data' has shape"):
        model.run({"data": np.zeros((6, 21, 30), "f")})


BAD = {
    'layer { name: "a" type: "Python" bottom: "x" top: "y" }': r"layer 'a' \(Python of Caffe\): this kind of layer is not supported",
    'layer { name: "a" type: "ReLU" bottom: "z" top: "y" }': "layer 'a' reads the blob 'z', which nothing before it makes",
    'layer { name: "a" type: "Convolution" bottom: "x" top: "y" convolution_param { kernal_size: 3 } }': "line 2, column 80: 'kernal_size' is no field of ConvolutionParameter",
    'layer { name: "a" type: "InnerProduct" bottom: "x" top: "y" }': "layer 'a' .*: it has no weights; load the net with the caffemodel that has them",
    'layer { name: "a" type: "ReLU" bottom: "x" top: "y" top: "y" }': "layer 'a' has the same top twice",
    'layer { name: "a" type: "Softmax" bottom: "x" top: "y" softmax_param { axis: 7 } }': "axis 7, but the data has 4 dimensions",
    'layer { name: "a" type: "Pooling" bottom: "x" top: "y" pooling_param { kernel_size: 0 } }': "kernel_size is 0",
    'force_backward: true': "begins like a net of Caffe, but has no layers",
    'name: "a"': "begins like a net of Caffe, but has no layers",
    'layer { name: "a" bottom: "x" top: "y" }': "layer 'a' has no type that is known",
    'layer { name: "a" type: "Silence" bottom: "x" }': "the net computes nothing",
}


@pytest.mark.parametrize("text", BAD, ids=range(len(BAD)))
def test_what_is_wrong_is_said(text, tmp_path):
    (tmp_path / "net.prototxt").write_text(("input: 'x' input_shape { dim: 1 dim: 2 dim: 5 dim: 5 }\n" if "layer" in text else "") + text)
    with pytest.raises(fire.FiresteelError, match=BAD[text]):
        fire.load(tmp_path / "net.prototxt").run({"x": np.zeros((1, 2, 5, 5), "f")})


def test_weights_of_another_net(tmp_path):
    net, _ = files_of("conv", tmp_path)
    shutil.copy(net, tmp_path / "no.caffemodel")
    other = tmp_path / "other.caffemodel"
    other.write_bytes(KEPT["net/model"].tobytes())
    for path, says in ((other, "none of the layers has a name"), (tmp_path / "missing", "cannot open"), (FILES / "layers.npz", "is no net of Caffe")):
        with pytest.raises(fire.FiresteelError, match=says):
            fire.load(net, weights=path)
    with pytest.raises(fire.FiresteelError, match="weights are given for nets of Caffe"):
        fire.load(FILES.parent / "tensorflow_files" / "v1_scan.pb", weights=other)
