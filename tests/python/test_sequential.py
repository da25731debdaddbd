"""Sequential: layers, shapes, weights, copies and texts."""
import copy
import gc
import pickle
import weakref

import firesteel as fire
import numpy as np
import pytest
from firesteel import errors, layers


def small(**more):
    return fire.Sequential([fire.Input((4,)), layers.Dense(8, "relu"), layers.Dropout(0.5), layers.Dense(3, "softmax", name="out")], **more)


def test_layers_and_names():
    model = small()
    assert [layer.name for layer in model.layers] == ["dense", "dropout", "out"] and [type(layer).__name__ for layer in model.layers] == ["Dense", "Dropout", "Dense"]
    assert model.get_layer("out").units == 3 and model.get_layer(index=0) is model.layers[0]
    assert (model.input_shape, model.output_shape, model.layers[0].output_shape) == ((None, 4), (None, 3), (None, 8))
    assert model.count_params() == 4 * 8 + 8 + 8 * 3 + 3 and model.layers[0].count_params() == 40
    with pytest.raises(errors.UsageError, match="no layer 'in'; there are .*dense, dropout, out"):
        model.get_layer("in")


def test_the_same_object_stays_the_handle():
    first, last = layers.Dense(5), layers.Dense(2)
    model = fire.Sequential([fire.Input((3,)), first])
    model.add(last)
    assert model.layers == [first, last] and last.name == "dense_1"
    assert model.pop() is last and model.layers == [first] and model.output_shape == (None, 5)
    with pytest.raises(errors.UsageError, match="dense is already in a model"):
        model.add(first)
    model.add(last)
    assert model.output_shape == (None, 2)
    with pytest.raises(errors.UsageError, match="is not a layer"):
        model.add("Dense")


def test_weights():
    model = small()
    weights = model.get_weights()
    assert [w.shape for w in weights] == [(4, 8), (8,), (8, 3), (3,)] and all(w.dtype == np.float32 for w in weights)
    assert weights[0].std() > 0.1 and not weights[1].any(), "glorot_uniform and zeros"
    limit = np.sqrt(6 / 12)
    assert np.abs(weights[0]).max() <= limit
    new = [w + 1 for w in weights]
    model.set_weights(new)
    assert all((a == b).all() for a, b in zip(model.get_weights(), new))
    model.layers[2].set_weights([np.zeros((8, 3)), np.ones(3)])
    assert model.layers[2].get_weights()[1].tolist() == [1, 1, 1] and (model.get_weights()[0] == new[0]).all()
    assert model.layers[1].get_weights() == []


@pytest.mark.parametrize("weights, words", [([], "0 arrays; the model has 4 weights"), ([np.zeros((8, 4)), 0, 0, 0], r"dense/kernel has shape \[4, 8\]; found \[8, 4\]")])
def test_set_weights_refuses(weights, words):
    with pytest.raises(errors.UsageError, match=words):
        small().set_weights(weights)


def test_seeds():
    def weights(seed):
        fire.utils.set_random_seed(seed)
        return small().get_weights() + small().get_weights()
    a, b, c = weights(3), weights(3), weights(4)
    assert all((x == y).all() for x, y in zip(a, b)) and (a[0] != c[0]).any() and (a[0] != a[4]).any()


def test_initializers():
    model = fire.Sequential([fire.Input((300,)), layers.Dense(200, kernel_initializer=fire.initializers.RandomNormal(stddev=0.2), bias_initializer="ones"),
                             layers.Dense(100, kernel_initializer="he_normal")])
    a, bias, b, _ = model.get_weights()
    assert abs(a.std() - 0.2) < 0.005 and (bias == 1).all() and abs(b.std() - np.sqrt(2 / 200)) < 0.005
    assert "RandomNormal" in model.to_text()


@pytest.mark.parametrize("make, code, words", [
    (lambda: layers.Dense(0), "FS1004", "units"), (lambda: layers.Dense(3, "rellu"), "FS1004", "relu"), (lambda: layers.Dropout(1.5), "FS1004", "rate"),
    (lambda: layers.Dense(3, kernel_initializer="glorot"), "FS100", "glorot")])
def test_bad_layers(make, code, words):
    with pytest.raises(ValueError, match=words) as caught:
        fire.Sequential([fire.Input((4,)), make()])
    assert caught.value.code.startswith(code)


def test_bad_models():
    with pytest.raises(ValueError, match="dtype='int32'"):
        fire.Sequential(dtype="int32")
    with pytest.raises(errors.NotReadyError, match="no shape yet"):
        fire.Sequential([layers.Dense(3)]).get_weights()
    with pytest.raises(errors.UsageError, match="None for the batch"):
        fire.Sequential([layers.Dense(3)]).build((4,))
    for optimizer, loss, metrics, words in (("adamm", "mse", None, "adamm"), ("adam", "msee", None, "msee"), ("adam", "mse", ["acuracy"], "acuracy"),
                                            ("adam learning_rate=-1", "mse", None, "learning_rate")):
        with pytest.raises(ValueError, match=words):
            small().compile(optimizer, loss, metrics)
    with pytest.raises(TypeError, match="optimizer: expected a name or an instance"):
        small().compile(3, "mse")


def test_build_as_keras_does():
    model = fire.Sequential([layers.Flatten(), layers.Dense(3)])
    assert not model.built and model.input_shape == ()
    model.build((None, 2, 5))
    assert model.built and model.output_shape == (None, 3) and model.get_weights()[0].shape == (10, 3)


def test_trainable():
    model = small()
    model.layers[0].trainable = False
    assert not model.layers[0].trainable and model.layers[2].trainable
    assert model._net.info()["trainable_params"] == 27
    assert not fire.Sequential([fire.Input((4,)), layers.Dense(3, trainable=False)]).layers[0].trainable


def test_optimizer_handle():
    model = small()
    model.compile("rmsprop", "mse")
    assert type(model.optimizer) is fire.optimizers.RMSprop and model.optimizer.learning_rate == 0.001
    model.compile(fire.optimizers.SGD(0.5, momentum=0.9), "sparse_categorical_crossentropy", ["accuracy"])
    model.optimizer.learning_rate = 0.25
    assert model._net.learning_rate() == 0.25 and model.optimizer.momentum == 0.9 and model.metrics_names[0] == "loss"
    assert type(model.loss) is fire.losses.SparseCategoricalCrossentropy


def test_texts():
    model = small(name="net", dtype="float64")
    model.layers[0].trainable = False
    text = model.to_text()
    again = fire.Sequential.from_text(text)
    assert again.to_text() == text and again.dtype == "float64" and again.name == "net" and not again.layers[0].trainable
    assert [layer.name for layer in again.layers] == ["dense", "dropout", "out"]
    with pytest.raises(ValueError, match="begins with 'Functional'"):
        fire.Sequential.from_text("Functional name=x\n")


def test_clone_is_independent():
    model = small()
    model.compile("adam", "mse")
    before = model.get_weights()
    for twin in (model.clone(), copy.copy(model), copy.deepcopy(model)):
        assert all((a == b).all() for a, b in zip(twin.get_weights(), before)) and type(twin.optimizer) is fire.optimizers.Adam
        twin.set_weights([w * 0 for w in before])
        assert all((a == b).all() for a, b in zip(model.get_weights(), before))


def test_unready_models_pickle_as_text():
    model = fire.Sequential([layers.Dense(3, "relu"), layers.Dense(1)], name="later")
    model.compile(fire.optimizers.SGD(0.3), "mse", ["mae"])
    again = pickle.loads(pickle.dumps(model))
    assert again.to_text() == model.to_text() and again.name == "later" and again.optimizer.learning_rate == 0.3
    assert again._net.info()["metrics"] == model._net.info()["metrics"]


def test_summary():
    lines = []
    model = small()
    model.summary(print_fn=lines.append)
    text = "\n".join(lines)
    assert lines[0] == 'Model: "sequential"' and "dense (Dense)" in text and "(None, 8)" in text and "Total params: 67 (268 B)" in text
    assert f"FLOPs per row: {model._net.info()['flops']:,}" in text and model._net.info()["flops"] >= 2 * (4 * 8 + 8 * 3)
    lines.clear()
    fire.Sequential([layers.Dense(2)]).summary(print_fn=lines.append)
    assert any("?" in line and "0 (unbuilt)" in line for line in lines)


def test_summary_with_rich(capsys):
    pytest.importorskip("rich")
    small().summary()
    printed = capsys.readouterr().out
    assert "dense (Dense)" in printed and "Total params: 67 (268 B)" in printed


def test_models_are_freed_at_once():
    """Handles do not point back at the model, so its memory does not wait for the garbage collector."""
    gc.disable()
    try:
        model = small()
        model.compile("adam", "mse")
        model.fit(np.zeros((4, 4)), np.zeros((4, 3)), verbose=0)
        gone = weakref.ref(model)
        first, optimizer = model.layers[0], model.optimizer
        del model
        assert gone() is None and first.get_weights()[0].shape == (4, 8) and optimizer.learning_rate == 0.001
    finally:
        gc.enable()


def test_normalization_with_mean_and_variance_of_its_own():
    x = np.array([[1, 10, 5], [3, 30, 5]], np.float32)
    mean, variance = np.array([2., 20., 0.]), np.array([4., 100., 25.])
    expected = (x - mean) / np.sqrt(variance)
    first = fire.Sequential([fire.layers.Normalization(mean=mean, variance=variance)])  # the values tell the shape
    assert first.input_shape == (None, 3) and np.allclose(first.predict(x), expected)
    first.add(fire.layers.Dense(1))
    first.compile("sgd", "mse")
    first.fit(x, np.ones(2), verbose=0)
    assert np.array_equal(first.layers[0].get_weights()[0], mean)  # fit learns them only when nobody gave them
    one = fire.Sequential([fire.Input((3,)), fire.layers.Normalization(mean=1, variance=4)])
    assert np.allclose(one.predict(x), (x - 1) / 2)
    for wrong in (dict(mean=[1.]), dict(mean=1, variance=-1), dict(mean=[np.nan, 1], variance=[1, 1])):
        with pytest.raises(fire.FiresteelError):
            fire.layers.Normalization(**wrong)
    with pytest.raises(fire.FiresteelError, match="Input"):
        fire.Sequential([fire.layers.Normalization(mean=1, variance=4)])
    with pytest.raises(fire.FiresteelError, match="mean"):
        fire.Sequential([fire.Input((4,)), fire.layers.Normalization(mean=mean, variance=variance)])
