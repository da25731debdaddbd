"""Files that Keras wrote: outputs, the next step of training, old versions' words, and what is refused. tests/keras_files/make_models.py made the data; more
models lie in shared/cases beside the checkout."""
import io
import json
import sys
import warnings
import zipfile
from pathlib import Path

import firesteel as fire
import numpy as np
import pytest
from firesteel import errors
from firesteel.formats import _hdf5, _keras_compile

h5py = pytest.importorskip("h5py")
HERE = Path(__file__).resolve()
OWN = HERE.parents[1] / "data" / "keras_models"
CASES = HERE.parents[3] / "shared/cases/keras_models"
GRAPHS = HERE.parents[1] / "data" / "keras3"  # of tests/keras_files/make_graphs.py
FILES = sorted(file for folder in (OWN, GRAPHS, CASES) for end in ("keras", "h5") for file in folder.glob(f"*.{end}"))
TRAINED = [file for file in FILES if file.parent == OWN]
name_of = dict(ids=lambda file: file.name)


def arrays_of(arrays, letter):
    return [arrays[name] for name in sorted((n for n in arrays if n[0] == letter), key=lambda n: int(n[1:] or 0))]


def one(values):
    return values if len(values) > 1 else values[0]


@pytest.mark.parametrize("file", FILES, **name_of)
def test_outputs(file):
    model = fire.load(file)
    arrays = np.load(file.with_suffix(".npz"))
    found = model.predict(one(arrays_of(arrays, "x")), verbose=0)
    for got, want in zip(found if isinstance(found, list) else [found], arrays_of(arrays, "y"), strict=True):
        assert got.shape == want.shape
        np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("file", sorted((HERE.parents[1] / "data" / "keras2").glob("*.h5")), **name_of)
def test_old_files(file):
    """Of tests/keras_files/make_matrix.py: what Keras 2 saved, and the same as Keras 1 did. Weights alone go into the architecture alone, too."""
    own = file.with_suffix(".npz")
    arrays = np.load(own if own.exists() else file.with_name(file.name.split(".")[0] + ".npz"))
    with h5py.File(file) as content:
        config = json.loads(content.attrs["model_config"]) | {"keras_version": content.attrs["keras_version"]}
    bare = fire.model_from_json(json.dumps(config))
    bare.load_weights(file)
    for model in (fire.load(file, compile=False), bare):
        found = model.predict(one(arrays_of(arrays, "x")), verbose=0)
        for got, want in zip(found if isinstance(found, list) else [found], arrays_of(arrays, "y"), strict=True):
            np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-5)


def trained_arrays(model):
    """Trainable weights in the order of layers, which is Keras' where no model is nested."""
    frozen = {i for i, info in enumerate(model._net.layers()) if not info[6]}
    return {name: a for (name, of, learns, _, _), a in zip(model._net.weights(), model.get_weights()) if learns and of not in frozen}


@pytest.mark.parametrize("file", TRAINED, **name_of)
def test_goes_on_training(file, monkeypatch):
    trees = []
    real = _keras_compile.restore
    monkeypatch.setattr(_keras_compile, "restore", lambda model, tree, *rest: (trees.append(tree), real(model, tree, *rest)))
    model = fire.load(file)
    assert model.optimizer.iterations == 3
    arrays = np.load(file.with_suffix(".npz"))
    model.fit(one(arrays_of(arrays, "x")), one(arrays_of(arrays, "t")), batch_size=8, epochs=1, shuffle=False, verbose=0)
    assert model.optimizer.iterations == 4
    own = trained_arrays(model)
    order = [name for name, _ in _keras_compile.trained(model, trees[0])]
    assert sorted(order) == sorted(own)
    for name, want in zip(order, arrays_of(arrays, "w"), strict=True):
        np.testing.assert_allclose(own[name], want, rtol=1e-6, atol=1e-6, err_msg=name)


def test_sizes_left_open():
    model = fire.load(OWN / "sequence.keras")
    x = np.random.default_rng(0).normal(size=(3, 11, 4)).astype("f")
    many = model.predict(x, verbose=0)
    padded = fire.load(OWN / "sequence.keras", input_shape=(11, 4))
    np.testing.assert_array_equal(many, padded.predict(x, verbose=0))
    assert model.optimizer.iterations == 3


# ---- old versions, written here by hand after their formats

def write_h5(path, config, weights, version="1.2.2", backend="tensorflow", training=None):
    """weights: {layer: [arrays]}"""
    with h5py.File(path, "w") as file:
        if version:
            file.attrs["keras_version"] = version
            file.attrs["backend"] = backend
        file.attrs["model_config"] = json.dumps(config).encode()
        if training:
            file.attrs["training_config"] = json.dumps(training).encode()
        top = file.create_group("model_weights")
        top.attrs["layer_names"] = [name.encode() for name in weights]
        for name, arrays in weights.items():
            group = top.create_group(name)
            group.attrs["weight_names"] = [f"{name}_{i}".encode() for i in range(len(arrays))]
            for i, a in enumerate(arrays):
                group[f"{name}_{i}"] = a
    return path


def rand(*shape):
    return np.random.default_rng(sum(shape)).normal(size=shape).astype("f")


@pytest.mark.parametrize("backend", ["tensorflow", "theano"])
def test_keras_1_convnet(tmp_path, backend):
    k, w = rand(3, 2, 3, 3), rand(27, 2)
    config = {"class_name": "Sequential", "config": [
        {"class_name": "Convolution2D", "config": {"name": "c", "batch_input_shape": [None, 2, 5, 5], "nb_filter": 3, "nb_row": 3, "nb_col": 3, "border_mode": "valid",
                                                    "subsample": [1, 1], "dim_ordering": "th", "init": "glorot_uniform", "activation": "relu", "bias": True,
                                                    "W_regularizer": {"name": "WeightRegularizer", "l1": 0.0, "l2": 0.01}, "b_regularizer": None, "W_constraint": None, "trainable": True}},
        {"class_name": "Dropout", "config": {"name": "d", "p": 0.5, "trainable": True}},
        {"class_name": "Flatten", "config": {"name": "f", "trainable": True}},
        {"class_name": "Dense", "config": {"name": "e", "output_dim": 2, "init": "uniform", "activation": "linear", "bias": True, "input_dim": None}}]}
    training = {"optimizer_config": {"class_name": "SGD", "config": {"lr": 0.1, "momentum": 0.9, "decay": 0.0, "nesterov": True}}, "loss": "mse", "metrics": ["accuracy"]}
    model = fire.load(write_h5(tmp_path / "m.h5", config, {"c": [k, rand(3)], "d": [], "f": [], "e": [w, rand(2)]}, backend=backend, training=training))
    x = rand(4, 2, 5, 5)
    turned = k[:, :, ::-1, ::-1] if backend == "theano" else k
    y = np.zeros((4, 3, 3, 3))
    for i in range(3):
        for j in range(3):
            y[:, :, i, j] = np.tensordot(x[:, :, i:i + 3, j:j + 3], turned, ([1, 2, 3], [1, 2, 3]))
    y = np.maximum(y + rand(3)[:, None, None], 0).reshape(4, -1) @ w + rand(2)
    np.testing.assert_allclose(model.predict(x, verbose=0), y, rtol=1e-4, atol=1e-4)
    assert model.optimizer.momentum == 0.9 and model.metrics_names[0] == "loss"


def hard(x):
    return np.clip(0.2 * x + 0.5, 0, 1)


def test_keras_1_lstm(tmp_path):
    """Twelve arrays in the order of gates i, c, f, o, and the hard_sigmoid of those days."""
    parts = {gate: (rand(3, 2) + n, rand(2, 2) - n, rand(2) + n) for n, gate in enumerate("icfo")}
    config = {"class_name": "Sequential", "config": [{"class_name": "LSTM", "config": {
        "name": "l", "batch_input_shape": [None, 4, 3], "output_dim": 2, "activation": "tanh", "inner_activation": "hard_sigmoid", "return_sequences": False, "go_backwards": False,
        "stateful": False, "unroll": False, "consume_less": "cpu", "dropout_U": 0.0, "dropout_W": 0.0, "forget_bias_init": "one", "init": "glorot_uniform", "inner_init": "orthogonal"}}]}
    model = fire.load(write_h5(tmp_path / "m.h5", config, {"l": [a for gate in "icfo" for a in parts[gate]]}))
    x = rand(5, 4, 3)
    h = c = np.zeros((5, 2))
    for t in range(4):
        z = {gate: x[:, t] @ w + h @ u + b for gate, (w, u, b) in parts.items()}
        c = hard(z["f"]) * c + hard(z["i"]) * np.tanh(z["c"])
        h = hard(z["o"]) * np.tanh(c)
    np.testing.assert_allclose(model.predict(x, verbose=0), h, rtol=1e-5, atol=1e-5)


OLD = {"nb_filter": 3, "border_mode": "valid", "activation": "linear", "bias": True, "init": "glorot_uniform"}
ORDER = {"dim_ordering": "th"}
GATES = {"output_dim": 3, "activation": "tanh", "inner_activation": "hard_sigmoid", "return_sequences": True, "forget_bias_init": "one", "stateful": False}
UNITS = {"units": 3, "return_sequences": True, "kernel_initializer": "ones", "unit_forget_bias": True}
conv, turned = rand(3, 2, 3, 3), lambda k: k[:, :, ::-1, ::-1]
gates = [(rand(3, 2, 3, 3) + n, rand(3, 3, 3, 3) - n, rand(3) + n) for n in range(4)]
cells = [rand(2, 12), rand(3, 12), rand(24)]
split = [np.split(a, 4, -1) for a in cells[:2]]
plain = [np.hstack([k.T.reshape(k.shape) for k in split[0]]), np.hstack([k.T for k in split[1]]), cells[2][:12] + cells[2][12:]]
# class, configuration, input, arrays of the file; the layer of today, its arrays; whether the channels have to come last for it
FORMER = [
    ("Deconvolution2D", {**OLD, **ORDER, "nb_row": 3, "nb_col": 3, "subsample": [2, 2], "output_shape": [None, 3, 9, 11]}, (2, 4, 5), [conv, rand(3)],
     lambda: fire.layers.Conv2DTranspose(3, 3, 2), [turned(conv).transpose(2, 3, 0, 1), rand(3)], True),
    ("Convolution2D", {**OLD, **ORDER, "nb_row": 3, "nb_col": 3, "border_mode": "full", "subsample": [1, 1]}, (2, 4, 5), [conv, rand(3)],
     lambda: fire.layers.Conv2D(3, 3, padding="[2,2]"), [turned(conv).transpose(2, 3, 1, 0), rand(3)], True),
    ("ZeroPadding2D", {**ORDER, "padding": {"top_pad": 1, "left_pad": 2}}, (2, 4, 5), [], lambda: fire.layers.ZeroPadding2D(((1, 0), (2, 0))), [], True),
    ("ConvLSTM2D", {**OLD, **ORDER, **GATES, "nb_row": 3, "nb_col": 3, "border_mode": "same", "subsample": [1, 1]}, (2, 2, 4, 5), [a for n in (0, 2, 1, 3) for a in gates[n]],
     lambda: fire.layers.ConvLSTM2D(3, 3, padding="same", recurrent_activation="hard_sigmoid_keras2", return_sequences=True),
     [np.concatenate([turned(g[k]).transpose(2, 3, 1, 0) if k < 2 else g[k] for g in gates], -1) for k in range(3)], True),
    ("TimeDistributed", {"layer": {"class_name": "Convolution2D", "config": {"name": "c", **OLD, **ORDER, "nb_row": 3, "nb_col": 3, "subsample": [1, 1]}}}, (2, 2, 4, 5), [conv, rand(3)],
     lambda: fire.layers.TimeDistributed(fire.layers.Conv2D(3, 3)), [turned(conv).transpose(2, 3, 1, 0), rand(3)], True),
    ("Bidirectional", {"merge_mode": "concat", "layer": {"class_name": "CuDNNLSTM", "config": {"name": "l", **UNITS}}}, (4, 2), cells + cells,
     lambda: fire.layers.Bidirectional(fire.layers.LSTM(3, return_sequences=True)), plain + plain, False),
    ("LSTM", {**GATES, "stateful": True, "batch_input_shape": [4, 4, 2]}, (4, 2), [part for n in (0, 2, 1, 3) for part in (split[0][n], split[1][n], cells[2][3 * n:3 * n + 3])],
     lambda: fire.layers.LSTM(3, return_sequences=True, recurrent_activation="hard_sigmoid_keras2"), [*cells[:2], cells[2][:12]], False),
    ("Highway", {"transform_bias": -2, "activation": "tanh", "bias": True, "init": "glorot_uniform", "W_regularizer": None}, (3,), [rand(3, 3), rand(3), rand(3, 3) + 1, rand(3) - 2],
     lambda: fire.layers.Highway("tanh"), [rand(3, 3), rand(3, 3) + 1, rand(3), rand(3) - 2], False),
]


@pytest.mark.parametrize("kind, config, shape, stored, now, arrays, moved", FORMER, ids=lambda value: value if isinstance(value, str) else "")
def test_layers_of_former_versions(kind, config, shape, stored, now, arrays, moved, tmp_path):
    """Against the layer of today, channels last. A file of Keras 1 with channels first and no word of its backend is Theano's, whose kernels are turned round."""
    entry = {"class_name": kind, "config": {"name": "a", "trainable": True, "batch_input_shape": [None, *shape], **config}}
    path = write_h5(tmp_path / "m.h5", {"class_name": "Sequential", "config": [entry]}, {"a": stored}, "" if moved or kind == "Highway" else "2.1.6" if "CuDNN" in str(config) else "1.1.2")
    x = rand(4, *shape)
    got = fire.load(path).predict(x, batch_size=4, verbose=0)
    first = len(shape) - 3  # where the channels are
    x = np.moveaxis(x, 1 + first, -1) if moved else x
    model = fire.Sequential([fire.Input(x.shape[1:]), now()])
    model.set_weights(arrays)
    want = model.predict(x, verbose=0)
    np.testing.assert_allclose(got, np.moveaxis(want, -1, 1 + first) if moved else want, rtol=1e-5, atol=1e-5)


def test_keras_1_activations_that_learn(tmp_path):
    """SReLU, ParametricSoftplus and MaxoutDense by their formulas."""
    forms = [rand(3, 4) * 0.3, rand(3, 4) + 0.1, rand(3, 4) - 0.2, rand(3, 4) + 0.3]
    alpha, beta = rand(1, 4), rand(1, 4) + 1
    kernel, bias = rand(5, 12, 2), rand(5, 2)
    config = {"class_name": "Sequential", "config": [
        {"class_name": "SReLU", "config": {"name": "s", "batch_input_shape": [None, 3, 4], "t_left_init": "zero", "a_left_init": "glorot_uniform", "t_right_init": "glorot_uniform",
                                            "a_right_init": "one", "shared_axes": None}},
        {"class_name": "ParametricSoftplus", "config": {"name": "p", "alpha_init": 0.2, "beta_init": 5.0, "shared_axes": [1]}},
        {"class_name": "Flatten", "config": {"name": "f"}},
        {"class_name": "MaxoutDense", "config": {"name": "m", "output_dim": 2, "nb_feature": 5, "init": "glorot_uniform", "bias": True, "W_regularizer": None, "input_dim": None}}]}
    model = fire.load(write_h5(tmp_path / "m.h5", config, {"s": forms, "p": [alpha, beta], "f": [], "m": [kernel, bias]}))
    x = 2 * rand(6, 3, 4)
    low, below, wide, above = forms
    high = low + abs(wide)
    y = np.where(x < low, low + below * (x - low), np.where(x > high, high + above * (x - high), x))
    y = (alpha * np.log1p(np.exp(beta * y))).reshape(6, 12)
    y = (np.einsum("ni,fiu->nfu", y, kernel) + bias).max(1)
    np.testing.assert_allclose(model.predict(x, verbose=0), y, rtol=1e-5, atol=1e-5)
    assert abs(fire.model_from_json(json.dumps(config)).get_layer("p").get_weights()[1] - 5).max() == 0


def test_keras_1_metrics_of_those_days(tmp_path):
    """A metric that is no more is left out; the model trains on as it did."""
    config = {"class_name": "Sequential", "config": [{"class_name": "Dense", "config": {"name": "d", "batch_input_shape": [None, 3], "output_dim": 2, "bias": True}}]}
    training = {"optimizer_config": {"class_name": "RMSprop", "config": {"lr": 0.01, "rho": 0.8, "epsilon": 1e-8}}, "loss": "cosine_proximity", "metrics": ["fmeasure"], "loss_weights": None}
    with pytest.warns(UserWarning, match="m.h5: loaded without its metrics: .*fmeasure"):
        model = fire.load(write_h5(tmp_path / "m.h5", config, {"d": [rand(3, 2), rand(2)]}, training=training))
    assert model.optimizer.rho == 0.8
    x, y = rand(6, 3), rand(6, 2)
    p = x @ rand(3, 2) + rand(2)
    want = -((y * p).sum(1) / np.linalg.norm(y, axis=1) / np.linalg.norm(p, axis=1)).mean()
    np.testing.assert_allclose(model.evaluate(x, y, verbose=0), want, rtol=1e-5)


def test_keras_2_functional(tmp_path):
    """inbound_nodes as lists, a shared layer, a GRU that says nothing of reset_after."""
    def dense(name, nodes):
        return {"class_name": "Dense", "name": name, "inbound_nodes": nodes, "config": {"name": name, "units": 3, "activation": "linear", "use_bias": False}}
    config = {"class_name": "Model", "config": {"name": "m", "layers": [
        {"class_name": "InputLayer", "name": n, "config": {"batch_input_shape": [None, 3], "dtype": "float32", "sparse": False, "name": n}, "inbound_nodes": []} for n in "pq"] + [
        dense("d", [[["p", 0, 0, {}]], [["q", 0, 0, {}]]]),
        {"class_name": "Subtract", "name": "s", "config": {"name": "s", "trainable": True}, "inbound_nodes": [[["d", 0, 0, {}], ["d", 1, 0, {}]]]}],
        "input_layers": [["p", 0, 0], ["q", 0, 0]], "output_layers": [["s", 0, 0]]}}
    w = rand(3, 3)
    model = fire.load(write_h5(tmp_path / "m.h5", config, {"p": [], "q": [], "d": [w], "s": []}, "2.2.4"))
    p, q = rand(2, 3), rand(3, 3)[:2]
    np.testing.assert_allclose(model.predict([p, q], verbose=0), (p - q) @ w, rtol=1e-5, atol=1e-5)
    assert len(model.get_weights()) == 1


def test_json_and_weights_alone(tmp_path):
    config = {"class_name": "Sequential", "keras_version": "2.1.6", "config": [
        {"class_name": "Dense", "config": {"name": "a", "units": 2, "batch_input_shape": [None, 3], "activation": "relu"}},
        {"class_name": "LeakyReLU", "config": {"name": "b", "alpha": 0.1}}, {"class_name": "ThresholdedReLU", "config": {"name": "c", "theta": 0.5}}]}
    model = fire.model_from_json(json.dumps(config))
    path = write_h5(tmp_path / "w.h5", {}, {"a": [rand(3, 2), rand(2)], "b": [], "c": []}, "2.1.6")
    model.load_weights(path)
    x = rand(6, 3)
    y = np.maximum(x @ rand(3, 2) + rand(2), 0)
    np.testing.assert_allclose(model.predict(x, verbose=0), np.where(y > 0.5, y, 0), rtol=1e-5, atol=1e-6)
    model.save_weights(tmp_path / "w.safetensors")
    other = fire.model_from_json(json.dumps(config))
    other.load_weights(tmp_path / "w.safetensors")
    assert all((a == b).all() for a, b in zip(model.get_weights(), other.get_weights(), strict=True))
    with pytest.raises(errors.ModelFormatError, match="the tensor 'dense/kernel' is none|no tensor"):
        fire.Sequential([fire.Input((3,)), fire.layers.Dense(2)]).load_weights(tmp_path / "w.safetensors")


# ---- refused

def sequential(entry):
    return json.dumps({"class_name": "Sequential", "config": {"name": "s", "layers": [{"class_name": "InputLayer", "config": {"batch_shape": [None, 3], "name": "i"}}, entry]}})


@pytest.mark.parametrize("entry, message", [
    ({"class_name": "Lambda", "config": {"name": "twice", "function": ["4wEAAAA=", None, None]}}, "layer twice: its class 'Lambda' holds Python code, which is never run"),
    ({"class_name": "Mine", "config": {"name": "m"}}, "layer m: its class 'Mine' is not one that firesteel has"),
    ({"class_name": "my>Dense", "config": {"name": "m", "units": 2}, "registered_name": "my>Dense"}, "a class of the file's author"),
    ({"class_name": "Dense", "config": {"name": "m", "units": 2, "brightness": 7}}, "layer m of class Dense: brightness=7 is not supported"),
    ({"class_name": "Dense", "config": {"name": "m", "units": 1 << 60}}, "units"),
    ({"class_name": "Dense", "config": []}, "expected an object"),
])
def test_refused(entry, message):
    with pytest.raises(errors.FiresteelError, match=message):
        fire.model_from_json(sequential(entry))


def test_zip_bombs_and_links(tmp_path):
    path = tmp_path / "m.keras"
    for name, content, message in (("config.json", b"{" + b" " * (1 << 27), "claims"), ("../config.json", b"{}", "leads out of it"), ("x", b"", "without config.json")):
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(name, content)
        with pytest.raises(errors.ModelFileError, match=message):
            fire.load(path)
    with h5py.File(tmp_path / "w.h5", "w") as file:
        file["a"] = h5py.ExternalLink("/etc/passwd", "/")
    with pytest.raises(errors.ModelFileError, match="is a link"):
        fire.load(tmp_path / "w.h5")
    with h5py.File(tmp_path / "w.h5", "w") as file:
        file.create_dataset("a", (1 << 40,), "f4", chunks=(1 << 20,))
    with pytest.raises(errors.ModelFileError, match="more than the file can hold"):
        fire.load(tmp_path / "w.h5")


def test_attributes_that_are_lists(tmp_path):
    """HDF5 can crash on damaged ones: they are not looked at."""
    with h5py.File(tmp_path / "w.h5", "w") as file:
        file.attrs["keras_version"] = "2.1.0"
        file.attrs.create("lists", np.array([np.arange(3), np.arange(2)], object), dtype=h5py.vlen_dtype("i4"))
    file, root = _hdf5.open_file(tmp_path / "w.h5", "w.h5")
    with file:
        assert set(root.attrs) == {"keras_version"}


def test_heaps_that_do_not_end(tmp_path):
    """HDF5 itself would read them for ever."""
    path = tmp_path / "w.h5"
    with h5py.File(path, "w") as file:
        file.attrs["keras_version"] = "2.1.0"
    whole = path.read_bytes()
    heap = whole.index(b"GCOL")

    def refused(change, at, message):
        path.write_bytes(whole[:at] + change + whole[at + len(change):])
        with pytest.raises(errors.ModelFileError, match=message):
            fire.load(path)

    refused(bytes(24), heap + 40, "an object of no size")  # behind the text: free space of size 0
    refused(b"xyz" + whole[heap + 8:heap + 40] + b"\2" + bytes(7) + b"\xf0" + b"\xff" * 7, heap + 5, "an object of no size")  # 16 bytes before it and 2^64 - 16 in it
    nested = b"\1" + bytes(7) + (4080).to_bytes(8, "little") + bytes(4080)  # an object
    for _ in range(1000):  # a heap of all that was made so far; what follows its head is an object with that heap in it
        nested = b"\1" + bytes(7) + (16).to_bytes(8, "little") + b"GCOL\1" + bytes(3) + (16 + len(nested)).to_bytes(8, "little") + nested
    with pytest.raises(errors.ModelFileError, match="lies in another one"):
        _hdf5.open_file(nested, "w.h5")


@pytest.mark.slow
@pytest.mark.parametrize("file", [OWN / "nadam.keras", OWN / "shared.keras"], **name_of)
def test_damaged(file, tmp_path):
    """Cut short or with bytes changed in its configuration: an error of ours, or a model."""
    content, rng = file.read_bytes(), np.random.default_rng(0)
    path = tmp_path / "m.keras"
    for end in rng.integers(0, len(content), 15):
        path.write_bytes(content[:end])
        with pytest.raises(errors.FiresteelError):
            fire.load(path)
    with zipfile.ZipFile(file) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    for _ in range(30):
        config = bytearray(parts["config.json"])
        for at in rng.integers(0, len(config), 3):
            config[at] = rng.integers(32, 127)
        with zipfile.ZipFile(path, "w") as archive:
            for name, data in parts.items():
                archive.writestr(name, bytes(config) if name == "config.json" else data)
        try:
            fire.load(path)
        except errors.FiresteelError:
            pass


@pytest.mark.slow
@pytest.mark.parametrize("file", [file for file in FILES if file.suffix == ".keras"], **name_of)
def test_round_trip(file, tmp_path):
    """What Keras made, written for Keras again: the same bits."""
    arrays = np.load(file.with_suffix(".npz"))
    xs = arrays_of(arrays, "x")
    model = fire.load(file, input_shape=[x.shape[1:] for x in xs])
    model.save(tmp_path / "m.keras")
    back = fire.load(tmp_path / "m.keras")
    assert all((a == b).all() for a, b in zip(model.get_weights(), back.get_weights(), strict=True))
    for a, b in zip(*(out if isinstance(out, list) else [out] for out in (m.predict(one(xs), verbose=0) for m in (model, back))), strict=True):
        np.testing.assert_array_equal(a, b)
    if back.optimizer is not None:
        assert model._net.state() == back._net.state()
        y = one(arrays_of(arrays, "t") or arrays_of(arrays, "y"))
        for m in (model, back):
            m.fit(one(xs), y, batch_size=8, shuffle=False, verbose=0)
        assert all((a == b).all() for a, b in zip(model.get_weights(), back.get_weights(), strict=True))


def test_changed_texts(tmp_path):
    """JSON with a few things replaced, left out or put elsewhere, of fixed seeds: a model, or an error of ours. tests/fuzz/fuzz_keras.py goes on for as long as wanted."""
    sys.path.append(str(HERE.parents[1] / "fuzz"))
    from fuzz_keras import made
    path = tmp_path / "m.bin"
    refused = 0
    for seed in range(24):
        path.write_bytes(made(seed, texts=True))
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                fire.load(path)
        except errors.FiresteelError as problem:
            assert str(problem).encode() and "m.bin" in str(problem)
            refused += 1
    assert refused


@pytest.mark.parametrize("config, message", [
    ([{"class_name": "Dense", "config": {"name": "d", "units": "many", "batch_input_shape": [None, 3]}}], "m.h5: .*d.*units"),
    ([{"class_name": "Lambda", "config": {"name": "d\x1b[31m", "batch_input_shape": [None, 3]}}], r"m.h5: layer d\\x1b\[31m"),
    ([{"class_name": "Dense", "config": {"name": "d\ud800", "units": 2, "batch_input_shape": [None, 3]}}], "m.h5: model_config: no JSON"),
    ([{"class_name": "Dense", "config": {"name": "d", "units": 2, "batch_input_shape": [None, float("nan")]}}], "m.h5: "),
    ([{"class_name": "Dense", "config": {"name": "d", "units": 2, "batch_input_shape": [None, 1 << 40]}}], "m.h5: "),
    ([{"class_name": "LSTM", "config": {"name": "l", "units": 2, "activation": {"a": []}, "batch_input_shape": [None, 2, 2]}}], "m.h5: "),
    ([{"class_name": "ConvLSTM2D", "config": {"name": "c", "filters": 2, "kernel_size": 2, "batch_input_shape": [None, 1 << 30, 3, 3, 1]}}], "m.h5: .*1073741824 steps"),
])
def test_told_with_file_and_layer(config, message, tmp_path):
    with pytest.raises(errors.FiresteelError, match=message):
        fire.load(write_h5(tmp_path / "m.h5", {"class_name": "Sequential", "config": config}, {"d": []}, "2.2.4"))


def test_keras_has_no_such_layer(tmp_path):
    model = fire.Sequential([fire.Input((6, 2)), fire.layers.LPPooling1D(name="norm")])
    with pytest.raises(errors.UnsupportedError, match="Keras has no layer like norm"):
        model.save(tmp_path / "m.keras")
    assert not list(tmp_path.iterdir())


def test_configurations_are_those_that_keras_takes(tmp_path):
    """Arguments that Keras' layers of a kind lack are left out, for it refuses them; operations on tensors are its own."""
    L = fire.layers
    x = fire.Input((6, 4))
    y = L.EinsumDense("abc,cd->abd", (None, 3))(L.SpatialDropout1D(0.1)(L.Cropping1D(1)(L.UpSampling1D(2)(x))))
    z = L.Conv1DTranspose(2, 3)(y)
    model = fire.Model(x, L.Lambda(lambda a, b: a * b)(z, z))
    model.save(tmp_path / "m.keras")
    with zipfile.ZipFile(tmp_path / "m.keras") as archive:
        entries = {entry["class_name"]: entry for entry in json.loads(archive.read("config.json"))["config"]["layers"]}
    assert not {"data_format", "output_padding"} & {key for kind in ("Cropping1D", "UpSampling1D") for key in entries[kind]["config"]}
    assert "output_padding" not in entries["Conv1DTranspose"]["config"] and "trainable" not in entries["SpatialDropout1D"]["config"]
    assert entries["EinsumDense"]["config"]["output_shape"] == [None, 3] and entries["Multiply"]["module"] == "keras.src.ops.numpy"
    value = np.random.default_rng(0).normal(size=(2, 6, 4)).astype("f")
    np.testing.assert_array_equal(model.predict(value, verbose=0), fire.load(tmp_path / "m.keras").predict(value, verbose=0))


def test_layers_counted_twice(tmp_path):
    """Files of Keras 2.12 and 2.13 number a layer that has weights twice: conv2d, conv2d_2."""
    L = fire.layers
    model = fire.Sequential([fire.Input((4,)), L.Dense(3), L.ReLU(), L.Dense(3), L.ReLU(), L.Dense(3)])
    model.save(tmp_path / "new.keras")
    content = io.BytesIO()
    with zipfile.ZipFile(tmp_path / "new.keras") as archive, zipfile.ZipFile(tmp_path / "old.keras", "w") as old:
        with h5py.File(io.BytesIO(archive.read("model.weights.h5"))) as source, h5py.File(content, "w") as target:
            for k, name in enumerate(("dense", "dense_1", "dense_2")):
                source.copy(f"layers/{name}", target, f"_layer_checkpoint_dependencies/dense_{2 * k}" if k else "_layer_checkpoint_dependencies/dense")
        old.writestr("config.json", archive.read("config.json"))
        old.writestr("metadata.json", json.dumps({"keras_version": "2.13.1"}))
        old.writestr("model.weights.h5", content.getvalue())
    assert all((a == b).all() for a, b in zip(fire.load(tmp_path / "old.keras").get_weights(), model.get_weights(), strict=True))


def test_what_a_nested_configuration_tells_is_not_in_the_file(tmp_path):
    config = {"class_name": "Sequential", "config": {"name": "s", "layers": [
        {"class_name": "Sequential", "config": {"name": "inner", "layers": [
            {"class_name": "Normalization", "config": {"name": "n", "batch_input_shape": [None, 2], "axis": [-1], "mean": [1.0, 2.0], "variance": [4.0, 0.25]}},
            {"class_name": "Dense", "config": {"name": "d", "units": 3, "use_bias": False}}]}}]}}
    metric = {"class_name": "MeanMetricWrapper", "config": {"name": "accuracy", "dtype": "float32", "fn": "binary_accuracy"}}
    training = {"optimizer_config": {"class_name": "SGD", "config": {"learning_rate": 0.1}}, "loss": "mse", "metrics": [[metric]]}
    model = fire.load(write_h5(tmp_path / "m.h5", config, {"inner": [rand(2, 3)]}, "2.11.0", training=training))
    x = rand(5, 2)
    np.testing.assert_allclose(model.predict(x, verbose=0), (x - [1, 2]) / [2, 0.5] @ rand(2, 3), rtol=1e-5, atol=1e-5)
    assert list(model.evaluate(x, rand(5, 3), verbose=0, return_dict=True)) == ["loss", "accuracy"]  # the name that the file gives it


def test_hard_sigmoid_of_keras_2_for_keras_3(tmp_path):
    """Written as a chain of two layers, which Keras 3 computes, and read as what it is."""
    L, old = fire.layers, "hard_sigmoid_keras2"
    x = fire.Input((4, 3))
    y = L.Bidirectional(L.GRU(2, recurrent_activation=old, return_sequences=True))(L.LSTM(3, recurrent_activation=old, return_sequences=True)(x))
    model = fire.Model(x, L.Activation(old)(L.TimeDistributed(L.Dense(2, old))(y)))
    model.save(tmp_path / "m.keras")
    with zipfile.ZipFile(tmp_path / "m.keras") as archive:
        entries = {entry["class_name"]: entry["config"] for entry in json.loads(archive.read("config.json"))["config"]["layers"]}
    chain = [(entry["class_name"], entry["config"]) for entry in entries["LSTM"]["recurrent_activation"]["config"]["layers"]]
    value = np.linspace(-4, 4, 17)
    (first, scale), (second, cut) = chain
    assert (first, second) == ("Rescaling", "ReLU")
    np.testing.assert_allclose(np.clip(value * scale["scale"] + scale["offset"], 0, cut["max_value"]), hard(value))
    back = fire.load(tmp_path / "m.keras")
    np.testing.assert_array_equal(back.predict(3 * rand(5, 4, 3), verbose=0), model.predict(3 * rand(5, 4, 3), verbose=0))
    assert back.get_layer("activation")._attrs["activation"] == old


def test_layers_of_keras_applications(tmp_path):
    """x + scale * y of InceptionResNet, gamma * x of ConvNeXt, and its branches that training leaves out at random."""
    def entry(kind, name, sources, **config):
        return {"class_name": kind, "name": name, "config": {"name": name, "trainable": True, "dtype": "float32", **config}, "inbound_nodes": [[[source, 0, 0, {}] for source in sources]] if sources else []}
    config = {"class_name": "Functional", "config": {"name": "m", "layers": [
        entry("InputLayer", "x", [], batch_input_shape=[None, 2, 3, 4]), entry("InputLayer", "y", [], batch_input_shape=[None, 2, 3, 4]),
        entry("LayerScale", "gamma", ["x"], init_values=1e-6, projection_dim=4), entry("StochasticDepth", "depth", ["gamma"], drop_path_rate=0.1),
        entry("Custom>CustomScaleLayer", "scaled", ["depth", "y"], scale=0.17)], "input_layers": [["x", 0, 0], ["y", 0, 0]], "output_layers": [["scaled", 0, 0]]}}
    path = write_h5(tmp_path / "m.h5", config, {"gamma": [rand(4)]}, "2.15.0")
    with pytest.warns(UserWarning, match="depth: StochasticDepth passes its input on"):
        model = fire.load(path)
    x, y = rand(2, 2, 3, 4), rand(4, 2, 3, 4)[:2]
    want = x * rand(4) + 0.17 * y
    np.testing.assert_allclose(model.predict([x, y], verbose=0), want, rtol=1e-5, atol=1e-5)
    model.save(tmp_path / "m.keras")
    np.testing.assert_allclose(fire.load(tmp_path / "m.keras").predict([x, y], verbose=0), want, rtol=1e-5, atol=1e-5)


def test_center_crop_of_the_input():
    config = {"class_name": "Sequential", "config": [{"class_name": "CenterCrop", "config": {"name": "c", "height": 4, "width": 2, "batch_input_shape": [None, 6, 5, 3]}}]}
    x = rand(2, 6, 5, 3)
    np.testing.assert_array_equal(fire.model_from_json(json.dumps(config)).predict(x, verbose=0), x[:, 1:5, 1:3])


@pytest.mark.parametrize("value, l1, l2", [("l2", 0, 0.01), ({"class_name": "L1L2", "config": {"l1": 0.25, "l2": 0.5}}, 0.25, 0.5), ({"name": "ActivityRegularizer", "l1": 0.5, "l2": 0.0}, 0.5, 0)])
def test_penalties_on_outputs(value, l1, l2, tmp_path):
    config = {"class_name": "Sequential", "config": [
        {"class_name": "Dense", "config": {"name": "a", "units": 3, "batch_input_shape": [None, 2], "activation": "tanh", "activity_regularizer": value}},
        {"class_name": "ActivityRegularization", "config": {"name": "b", "l1": 0.0, "l2": 0.125}}]}
    training = {"optimizer_config": {"class_name": "SGD", "config": {"lr": 0.1}}, "loss": "mse"}
    model = fire.load(write_h5(tmp_path / "m.h5", config, {"a": [rand(2, 3), rand(3)], "b": []}, "2.2.4", training=training))
    x, y = rand(5, 2), rand(5, 3)
    h = np.tanh(x @ rand(2, 3) + rand(3))
    want = ((h - y) ** 2).mean() + (l1 * abs(h) + (l2 + 0.125) * h * h).sum() / 5
    np.testing.assert_allclose(model.evaluate(x, y, verbose=0), want, rtol=1e-5)
    model.save(tmp_path / "m.keras")
    np.testing.assert_allclose(fire.load(tmp_path / "m.keras").evaluate(x, y, verbose=0), want, rtol=1e-5)


@pytest.mark.parametrize("order, named", [("cabd", False), ("cabd", True), ("cadb", True)])
def test_layers_that_learn_in_a_frozen_model(order, named, tmp_path):
    """In the group of a nested model those that learn come first, whether or not the model itself does. Where weights bear the names of layers, these tell."""
    def dense(name, trainable):
        return {"class_name": "Dense", "config": {"name": name, "units": 2, "use_bias": False, "trainable": trainable, **({"batch_input_shape": [None, 2]} if name == "a" else {})}}
    inner = {"class_name": "Sequential", "config": {"name": "inner", "layers": [dense("b", named)]}}
    base = {"class_name": "Sequential", "config": {"name": "base", "trainable": False, "layers": [dense("a", False), inner, dense("c", True), dense("d", False)]}}
    arrays = {name: np.random.default_rng(k).normal(size=(2, 2)).astype("f") for k, name in enumerate("abcd")}
    path = write_h5(tmp_path / "m.h5", {"class_name": "Sequential", "config": {"name": "m", "layers": [base]}}, {"base": []}, "2.12.0")
    with h5py.File(path, "r+") as file:
        group = file["model_weights/base"]
        listed = [f"{name}/kernel:0" if named else f"base_{name}" for name in order]
        group.attrs["weight_names"] = [name.encode() for name in listed]
        for name, where in zip(order, listed):
            group[where] = arrays[name]
    x = rand(3, 2)
    np.testing.assert_allclose(fire.load(path).predict(x, verbose=0), x @ arrays["a"] @ arrays["b"] @ arrays["c"] @ arrays["d"], rtol=1e-4, atol=1e-5)


def test_locally_connected_bias_with_channels_first(tmp_path):
    """Its shape is [rows, columns, filters], but its numbers lie as [filters, rows, columns]."""
    config = {"class_name": "Sequential", "config": [{"class_name": "LocallyConnected2D", "config": {
        "name": "l", "batch_input_shape": [None, 1, 3, 4], "filters": 2, "kernel_size": [2, 2], "strides": [1, 1], "padding": "valid", "data_format": "channels_first", "implementation": 1}}]}
    model = fire.load(write_h5(tmp_path / "m.h5", config, {"l": [np.zeros((6, 4, 2), "f"), np.arange(12, dtype="f").reshape(2, 3, 2)]}, "2.2.4"))
    np.testing.assert_array_equal(model.predict(rand(1, 1, 3, 4), verbose=0)[0], np.arange(12).reshape(2, 2, 3))
