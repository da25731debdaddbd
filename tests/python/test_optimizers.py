"""Optimizers, schedules, constraints and regularizers go where Keras' own go (tests/data/optimizers), and what is around them: resuming, callbacks."""
import json
import math
from pathlib import Path

import firesteel as fire
import numpy as np
import pytest
from firesteel import _core, errors

GOLDEN = json.loads((Path(__file__).resolve().parents[1] / "data" / "optimizers" / "paths.json").read_text())
OPTIMIZERS = [entry["name"] for entry in map(json.loads, _core.catalog().splitlines()) if entry["kind"] == "optimizer"]
schedules = fire.optimizers.schedules


def made(kinds, given):
    return getattr(kinds, given[0])(**given[1])


@pytest.mark.parametrize("name, attrs, expected", GOLDEN["cases"], ids=lambda value: value if isinstance(value, str) else "")
def test_path_is_that_of_keras(name, attrs, expected):
    attrs = dict(attrs)
    held = attrs.pop("constraint", None)
    if isinstance(attrs["learning_rate"], list):
        attrs["learning_rate"] = made(schedules, attrs["learning_rate"])
    factor, b = np.linalg.cholesky(GOLDEN["A"]), np.array(GOLDEN["b"])
    n = len(b)
    x, y = factor.T * math.sqrt(n / 2), np.linalg.solve(factor, b) * math.sqrt(n / 2)  # the mean of n squares has gradient 2 / n
    layer = fire.layers.Dense(1, use_bias=False, kernel_constraint=made(fire.constraints, held) if held else None)
    model = fire.Sequential([fire.Input((n,)), layer], dtype="float64")
    model.compile(getattr(fire.optimizers, name)(**attrs), "mse")
    model.set_weights([np.array(GOLDEN["w0"])[:, None]])
    path = [model.get_weights()[0][:, 0]]
    note = fire.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: path.append(model.get_weights()[0][:, 0]))
    model.fit(x, y[:, None], batch_size=n, epochs=len(expected) - 1, shuffle=False, verbose=0, callbacks=[note])
    np.testing.assert_allclose(path, expected, rtol=1e-5, atol=1e-5)
    if attrs.get("use_ema") and "gradient_accumulation_steps" not in attrs:  # fit ends with the average
        assert not np.array_equal(model.get_weights()[0][:, 0], path[-1])


@pytest.mark.parametrize("name, attrs, value, gradient", GOLDEN["penalties"])
def test_penalty_is_that_of_keras(name, attrs, value, gradient):
    layer = fire.layers.Dense(4, use_bias=False, kernel_regularizer=made(fire.regularizers, (name, attrs)))
    model = fire.Sequential([fire.Input((5,)), layer], dtype="float64")
    model.compile("sgd", "mse")
    model.set_weights([np.array(GOLDEN["W"])])
    x, y = np.zeros((3, 5)), np.zeros((3, 4))
    loss, found, _ = model.gradients(x, y)
    assert math.isclose(loss, value, rel_tol=1e-12) and math.isclose(model.evaluate(x, y, verbose=0), value, rel_tol=1e-12)
    np.testing.assert_allclose(found, gradient, rtol=1e-12, atol=1e-15)
    assert math.isclose(model.fit(x, y, verbose=0).history["loss"][0], value, rel_tol=1e-12)
    layer.trainable = False  # Keras leaves out the penalties of what does not learn
    model.compile("sgd", "mse")
    assert model.evaluate(x, y, verbose=0) == 0


def table(n=90):
    random = np.random.default_rng(3)
    x = random.normal(size=(n, 5)).astype("float32")
    return x, (x[:, 0] > 0).astype("int32")


def network(optimizer, loss="sparse_categorical_crossentropy", **kernel):
    model = fire.Sequential([fire.Input((5,)), fire.layers.Dense(8, "relu", **kernel), fire.layers.Dense(2, "softmax")])
    model.compile(optimizer, loss)
    return model


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_goes_on_from_a_checkpoint(name, tmp_path):
    x, y = table()
    whole, parts = network(name.lower()), network(name.lower())
    expected = whole.fit(x, y, epochs=4, batch_size=16, seed=2, verbose=0).history["loss"]
    parts.fit(x, y, epochs=2, batch_size=16, seed=2, verbose=0)
    parts.save_checkpoint(tmp_path)
    again = fire.load(tmp_path)
    history = again.fit(x, y, epochs=4, initial_epoch=2, batch_size=16, seed=2, verbose=0).history["loss"]
    assert history == expected[2:]
    assert all(np.array_equal(a, b) for a, b in zip(whole.get_weights(), again.get_weights()))


def test_what_optimizers_take():
    for text, words in (("adam clipnorm=1 clipvalue=1", "expected one at most"), ("adam gradient_accumulation_steps=1", "expected at least 2"),
                        ("adam learning_rate=CosineDekay", "did you mean 'CosineDecay'?"), ('adam learning_rate="ExponentialDecay decay_steps=0"', "decay_steps is 0"),
                        ('sgd learning_rate="PiecewiseConstantDecay boundaries=[1,2] values=[1]"', "one value more"), ("adam learning_rate=-1", "expected 0 to"),
                        ("adam loss_scale_factor=2", "no attribute")):
        with pytest.raises(errors.UsageError, match=words):
            network(text)
    for attrs, words in (({"kernel_regularizer": "l3"}, "no regularizer named 'l3'; did you mean"), ({"kernel_constraint": "MaxNorm max_value=-1"}, "max_value is -1"),
                         ({"kernel_constraint": "MinMaxNorm min_value=2"}, "above max_value")):
        with pytest.raises(errors.UsageError, match=words):
            network("sgd", **attrs)
    with pytest.raises(errors.UsageError, match="axis"):
        network("sgd", kernel_constraint=fire.constraints.UnitNorm(axis=5)).fit(*table(), verbose=0)
    with pytest.raises(errors.UnsupportedError, match="constraint"):
        network("lbfgs", kernel_constraint="NonNeg").fit(*table(), verbose=0)
    model = network(fire.optimizers.SGD(schedules.StepLR(0.5, 2, 0.1)))
    assert model.optimizer.learning_rate == 0.5
    model.fit(*table(), batch_size=30, verbose=0)
    assert math.isclose(model.optimizer.learning_rate, 0.05) and model.optimizer.iterations == 3
    with pytest.raises(errors.UsageError, match="follows StepLR"):
        model.optimizer.learning_rate = 0.1
    assert network("sgd learning_rate=InverseTimeDecay").optimizer.get_config()["learning_rate"].get_config() == {
        "initial_learning_rate": 0.001, "decay_steps": 1, "decay_rate": 0.5, "staircase": False}
    again = fire.Sequential.from_bytes(model.to_bytes()).optimizer
    assert isinstance(again.get_config()["learning_rate"], schedules.StepLR) and again.text() == model.optimizer.text()


def test_weight_decay_leaves_out_what_it_is_told_to():
    optimizer = fire.optimizers.SGD(0.1, weight_decay=0.5)
    optimizer.exclude_from_weight_decay(["dense_1"])
    model = fire.Sequential([fire.Input((3,)), fire.layers.Dense(2, use_bias=False), fire.layers.Dense(2, use_bias=False)], dtype="float64")
    model.compile(optimizer, "mse")
    before = model.get_weights()
    model.fit(np.zeros((4, 3)), np.zeros((4, 2)), batch_size=4, verbose=0)  # no gradient: decay alone
    np.testing.assert_allclose(model.get_weights()[0], before[0] * 0.95, rtol=1e-14)
    assert np.array_equal(model.get_weights()[1], before[1])


def three_parts(dtype="float64"):
    layers = fire.layers
    return fire.Sequential([fire.Input((5,)), layers.Dense(7, activation="tanh", name="wide"), layers.Dense(6, activation="tanh", name="deep_1"),
                            layers.Dense(3, name="deep_2"), layers.Dense(1, name="out")], dtype=dtype)


@pytest.mark.parametrize("common", [{}, {"clipnorm": 0.01}, {"gradient_accumulation_steps": 2}], ids=str)
def test_layers_with_optimizers_of_their_own(common, tmp_path):
    """Each layer moves as it does where its optimizer is that of all."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(64, 5)), rng.normal(size=(64, 1))
    chosen = {"": fire.optimizers.Adam(0.01, weight_decay=0.1, **common), "wide": fire.optimizers.Ftrl(0.1), "deep": fire.optimizers.SGD(0.05, momentum=0.9)}
    several, single = three_parts(), {name: three_parts() for name in chosen}
    fire.utils.set_random_seed(4)
    start = several.get_weights()
    for net, optimizer in [(several, chosen), *[(single[name], type(o)(**{**o._attrs, **(common if name else {})})) for name, o in chosen.items()]]:
        if net.built:
            net.set_weights(start)
        net.compile(optimizer, "mse")
        net.fit(x, y, batch_size=64 if not common.get("gradient_accumulation_steps") else 32, epochs=1, shuffle=False, verbose=0, seed=1)
    for i, owner in enumerate(["wide"] * 2 + ["deep"] * 4 + [""] * 2):
        assert several.get_weights()[i].tobytes() == single[owner].get_weights()[i].tobytes(), (i, owner)
        assert not np.array_equal(several.get_weights()[i], start[i])
    # The texts are in files, and a checkpoint goes on as if nothing had happened.
    several.optimizer.learning_rate = 0.02
    assert several._net.info()["optimizer"].splitlines()[1:] == ["Ftrl learning_rate=0.1 layers=wide", "SGD learning_rate=0.05 momentum=0.9 layers=deep"]
    several.save_checkpoint(tmp_path)
    again = fire.load(tmp_path)
    for net in (several, again):
        net.fit(x, y, batch_size=16, epochs=3, initial_epoch=1, verbose=0, seed=1)
    assert [w.tobytes() for w in several.get_weights()] == [w.tobytes() for w in again.get_weights()]


def test_a_large_table_with_an_optimizer_of_its_own():
    layers, rng = fire.layers, np.random.default_rng(0)
    x, y = rng.integers(0, 50, (64, 3)), rng.normal(size=(64, 1))
    moved = []
    for optimizer in ({"": "sgd", "words": fire.optimizers.Adagrad(0.3)}, fire.optimizers.Adagrad(0.3)):
        fire.utils.set_random_seed(4)
        net = fire.Sequential([fire.Input((3,)), layers.Embedding(50, 4, sparse="always", name="words"), layers.Flatten(), layers.Dense(1, name="out")])
        net.compile(optimizer, "mse")
        net.fit(x, y, batch_size=64, epochs=1, verbose=0, seed=1)
        moved.append(net.get_weights()[0].tobytes())
    assert moved[0] == moved[1]


@pytest.mark.parametrize("given, said", [
    ({"": "adam", "wede": "sgd"}, "FS1003.*did you mean 'wide'"), ({"wide": "adam"}, "FS1001.*missing"),
    ({"": "adam", "wide": fire.optimizers.SGD(clipnorm=1)}, "FS1001.*first optimizer does that for all"), ({"": "lbfgs", "wide": "sgd"}, "FS1005.*LBFGS"),
    ({"": "adam", "wide": "lbfgs"}, "FS1005.*LBFGS"), ({"": "adam", "wide": "sdg"}, "FS1003.*SGD"), ({"": "adam", "a|b": "sgd"}, "FS1001.*cannot name")])
def test_optimizers_by_layer_that_cannot_be(given, said):
    with pytest.raises(errors.FiresteelError, match=said):
        three_parts().compile(given, "mse")


def test_lbfgs_finds_the_minimum():
    random = np.random.default_rng(0)
    x = random.normal(size=(700, 4))
    y = x @ random.normal(size=(4, 1)) + 1.5
    model = fire.Sequential([fire.Input((4,)), fire.layers.Dense(1, kernel_regularizer=fire.regularizers.L2(0.01))], dtype="float64")
    model.compile(fire.optimizers.LBFGS(tol=1e-14), "mse")
    history = model.fit(x, y, epochs=100, verbose=0)
    assert len(history.epoch) < 30  # it has converged
    wide = np.hstack([x, np.ones((len(x), 1))])
    expected = np.linalg.solve(wide.T @ wide / len(x) + np.diag([0.01] * 4 + [0]), wide.T @ y / len(x))
    np.testing.assert_allclose(np.vstack([model.get_weights()[0], model.get_weights()[1][None]]), expected, atol=1e-6)
    assert all(b <= a for a, b in zip(history.history["loss"], history.history["loss"][1:]))


def test_callbacks(tmp_path):
    x, y = table(200)
    calls = fire.callbacks
    model = network(fire.optimizers.Adam(0.1))
    norms = calls.GradientNorms(x, y)
    seen = []
    history = model.fit(x, y, epochs=6, verbose=0, validation_split=0.2, seed=1, callbacks=[
        calls.ReduceLROnPlateau("val_loss", factor=0.5, patience=1, min_delta=10), calls.ModelCheckpoint(tmp_path / "best-{epoch:02d}.onnx", save_best_only=True),
        calls.ModelCheckpoint(tmp_path / "all" / "{epoch}"), norms, calls.CSVLogger(tmp_path / "log.csv"),
        calls.LambdaCallback(on_epoch_begin=lambda epoch, logs: seen.append((epoch, model.optimizer.learning_rate)))])
    assert history.history["learning_rate"] == [0.1, 0.1, 0.05, 0.025, 0.0125, 0.00625]  # nothing is better by 10: the first epoch waits, each after it halves
    assert seen == list(enumerate([0.1, 0.1, 0.05, 0.025, 0.0125, 0.00625]))
    lines = (tmp_path / "log.csv").read_text().splitlines()
    assert len(lines) == 7 and lines[0].startswith("epoch,gradient_norm/dense,") and float(lines[-1].split(",")[lines[0].split(",").index("val_loss")]) == history.history["val_loss"][-1]
    best = sorted(tmp_path.glob("best-*.onnx"))
    losses = history.history["val_loss"]
    assert [int(path.stem[5:]) - 1 for path in best] == [i for i in range(6) if losses[i] == min(losses[:i + 1])]
    assert fire.load(tmp_path / "all" / "3").optimizer.iterations == 15
    assert list(norms.norms[0]) == ["dense", "dense_1"] and history.history["gradient_norm/dense"] == [n["dense"] for n in norms.norms]
    _, *grads, _ = model.gradients(x, y)
    assert math.isclose(norms.norms[-1]["dense"], math.sqrt(sum(np.sum(np.square(g, dtype=float)) for g in grads[:2])), rel_tol=1e-6)

    network("sgd").fit(x, y, epochs=2, verbose=0, callbacks=[calls.CSVLogger(tmp_path / "log.csv", append=True)])
    assert len((tmp_path / "log.csv").read_text().splitlines()) == 9
    model = network("sgd")
    history = model.fit(x, y, epochs=3, verbose=0, callbacks=[calls.LearningRateScheduler(lambda epoch, rate: rate if epoch else 0.5), calls.LearningRateScheduler(lambda epoch: 1 / (epoch + 1))])
    assert history.history["learning_rate"] == [1.0, 0.5, 1 / 3]


def test_not_a_number():
    x, y = table()
    x[7, 2] = np.inf
    for calls in ([], [fire.callbacks.TerminateOnNaN(raise_error=True)]):
        with pytest.raises(errors.DivergedError):
            network("sgd").fit(x, y, verbose=0, callbacks=calls)
    model = network("sgd")
    history = model.fit(x, y, epochs=3, verbose=0, seed=0, callbacks=[fire.callbacks.TerminateOnNaN()])
    assert history.epoch == [] and all(np.isfinite(w).all() for w in model.get_weights())


def test_callbacks_say_what_is_wrong(tmp_path):
    calls = fire.callbacks
    for make in (lambda: calls.ReduceLROnPlateau(factor=1.5), lambda: calls.ModelCheckpoint("a", mode="best"), lambda: calls.ModelCheckpoint("a", save_freq=10),
                 lambda: calls.ModelCheckpoint("a", save_weights_only=True)):
        with pytest.raises(errors.UsageError):
            make()
    x, y = table()
    with pytest.raises(errors.UsageError, match="val_loss"):
        network("sgd").fit(x, y, verbose=0, callbacks=[calls.ModelCheckpoint(tmp_path / "{val_loss}.onnx")])
    with pytest.warns(UserWarning, match="reports loss"):
        network("sgd").fit(x, y, verbose=0, callbacks=[calls.ReduceLROnPlateau()])
    with pytest.raises(errors.UsageError, match="expected a number"):
        network("sgd").fit(x, y, verbose=0, callbacks=[calls.LearningRateScheduler(lambda epoch, rate: None)])


def test_masked_outputs_have_denominators_of_their_own():
    """Two branches over sequences of different length: each is trained as it would be alone, whatever the threads."""
    random = np.random.default_rng(5)
    parts, loss_weights = [(6, 0.7), (4, 1.0)], [0.7, 1.0]
    x = [random.normal(size=(80, steps, 2)) for steps, _ in parts]
    for values in x:
        values[random.random(values.shape[:2]) < 0.4] = 0  # left out by Masking
    y = [random.normal(size=(80, steps, 1)) for steps, _ in parts]

    def branch(steps):
        given = fire.Input((steps, 2))
        return given, fire.layers.Dense(1)(fire.layers.Masking()(given))

    both = [branch(steps) for steps, _ in parts]
    model = fire.Model([given for given, _ in both], [out for _, out in both], dtype="float64")
    model.compile("sgd", ["mse", "mse"], loss_weights=loss_weights)
    start = model.get_weights()
    loss, *grads = model.gradients(x, y)
    total = 0.0
    for k, (steps, weight) in enumerate(parts):
        given, out = branch(steps)
        alone = fire.Model(given, out, dtype="float64")
        alone.compile("sgd", "mse")
        alone.set_weights(start[2 * k:2 * k + 2])
        one, *expected = alone.gradients(x[k], y[k])
        total += weight * one
        for found, of in zip(grads[2 * k:2 * k + 2], expected):
            np.testing.assert_allclose(found, weight * of, rtol=1e-6)
    assert math.isclose(loss, total, rel_tol=1e-6)
    ends = []
    for threads in (1, 3):
        fire.set_threads(threads)
        model.set_weights(start)
        model.compile("sgd", ["mse", "mse"], loss_weights=loss_weights)
        model.fit(x, y, epochs=2, batch_size=80, verbose=0)
        ends.append(np.concatenate([w.ravel() for w in model.get_weights()]))
    fire.set_threads(1)
    np.testing.assert_allclose(ends[1], ends[0], rtol=1e-9)
