"""fit, evaluate, predict: what is learnt, what is reported, what stops it, and that bits repeat."""
import io
import json
import os
import pickle
import signal
import subprocess
import sys
import threading
import time

import firesteel as fire
import numpy as np
import pyarrow as pa
import pytest
from firesteel import _core, callbacks, data, errors, layers


def classifier(n_in=4, units=16, classes=3, seed=1, dtype="float32", optimizer="adam", metrics=("accuracy",)):
    fire.utils.set_random_seed(seed)
    model = fire.Sequential([fire.Input((n_in,)), layers.Dense(units, "relu"), layers.Dense(classes, "softmax")], dtype=dtype)
    model.compile(optimizer, "sparse_categorical_crossentropy", list(metrics))
    return model


def linear(optimizer, loss="mse", metrics=None, n_in=2, units=1):
    model = fire.Sequential([fire.Input((n_in,)), layers.Dense(units)], dtype="float64")
    model.compile(optimizer, loss, metrics)
    model.set_weights([np.arange(n_in * units).reshape(n_in, units) / 3 - 0.2, np.full(units, 0.1)])
    return model


def same(a, b):
    return len(a) == len(b) and all((x == y).all() for x, y in zip(a, b))


# ---- learning

def test_learns(blobs):
    x, y = blobs
    model = classifier()
    before = model.evaluate(x, y, verbose=0, return_dict=True)
    history = model.fit(x, y, epochs=30, verbose=0, seed=1)
    after = model.evaluate(x, y, verbose=0, return_dict=True)
    assert after["loss"] < 0.3 * before["loss"] and after["accuracy"] > 0.9 and list(after) == ["loss", "accuracy"]
    assert history.epoch == list(range(30)) and set(history.history) == {"loss", "accuracy"} and history is model.history
    assert history.history["loss"][-1] < 0.5 * history.history["loss"][0]
    p = model.predict(x)
    assert p.shape == (200, 3) and p.dtype == np.float32 and np.allclose(p.sum(1), 1, atol=1e-6)
    assert (p.argmax(1) == y).mean() == pytest.approx(after["accuracy"], abs=1e-6)
    assert model.evaluate(x, y, verbose=0) == pytest.approx([after["loss"], after["accuracy"]])


def test_without_an_input_layer_the_data_decide(blobs):
    x, y = blobs
    model = fire.Sequential([layers.Dense(3, "softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    model.fit(x, y, verbose=0)
    assert model.input_shape == (None, 4) and isinstance(model.evaluate(x, y, verbose=0), float)


@pytest.mark.slow
def test_fashion_subset(fashion):
    (x, y), (tx, ty) = fashion
    model = classifier(784, 64, 10)
    model.fit(x[:8000], y[:8000], epochs=3, batch_size=32, verbose=0, seed=5)
    assert model.evaluate(tx[:2000], ty[:2000], verbose=0, return_dict=True)["accuracy"] > 0.78


@pytest.mark.parametrize("loss, last, target", [
    ("binary_crossentropy", "sigmoid", lambda y: (y[:, None] == np.arange(3)).astype(np.float32)),
    ("categorical_crossentropy", "softmax", lambda y: np.eye(3)[y]),
    ("mse", "tanh", lambda y: y[:, None] - 1.0),
    (fire.losses.SparseCategoricalCrossentropy(from_logits=True), None, lambda y: y)])
def test_every_loss_learns(blobs, loss, last, target):
    x, y = blobs
    t = target(y)
    model = fire.Sequential([layers.Dense(16, "tanh"), layers.Dense(1 if np.ndim(t) == 2 and t.shape[1] == 1 else 3, last)])
    model.compile("adam", loss, ["accuracy"] if np.ndim(t) == 1 or t.shape[1] > 1 else ["mae"])
    history = model.fit(x, t, epochs=20, verbose=0, seed=3).history
    assert history["loss"][-1] < 0.6 * history["loss"][0]


# ---- against numbers worked out by hand

X = np.array([[1.0, 2.0], [-1.0, 0.5], [3.0, -2.0], [0.25, 1.0]])
Y = np.array([[1.0], [0.0], [2.0], [-1.0]])


def expected_sgd(w, b, weights, rate):
    r = X @ w + b - Y
    g = 2 * r * weights[:, None] / len(X)  # Keras divides by the number of rows, not by the sum of their weights
    return w - rate * X.T @ g, b - rate * g.sum(0), float((r[:, 0] ** 2 * weights).sum() / len(X))


@pytest.mark.parametrize("weights", [None, np.array([1.0, 2.0, 0.0, 0.5])])
def test_one_step_of_sgd(weights):
    model = linear(fire.optimizers.SGD(0.1), metrics=["mae"])
    w, b = model.get_weights()
    new_w, new_b, loss = expected_sgd(w, b, np.ones(4) if weights is None else weights, 0.1)
    history = model.fit(X, Y, batch_size=4, verbose=0, sample_weight=weights).history
    assert history["loss"][0] == pytest.approx(loss, rel=1e-12)
    assert history["mean_absolute_error" if "mean_absolute_error" in history else "mae"][0] == pytest.approx(np.abs(X @ w + b - Y).mean(), rel=1e-12), \
        "metrics= are not weighted, as in Keras"
    np.testing.assert_allclose(model.get_weights()[0], new_w, rtol=1e-12)
    np.testing.assert_allclose(model.get_weights()[1], new_b, rtol=1e-12)


def test_class_weights_are_row_weights():
    y = np.array([0, 1, 1, 2])
    def run(**more):
        model = linear("sgd", fire.losses.SparseCategoricalCrossentropy(from_logits=True), units=3)
        loss = model.fit(X, y, batch_size=4, verbose=0, **more).history["loss"][0]
        return loss, model.get_weights()
    factor = {0: 3.0, 2: 0.5}
    a, b = run(class_weight=factor), run(sample_weight=np.array([3.0, 1.0, 1.0, 0.5]))
    assert a[0] == pytest.approx(b[0], rel=1e-12) and all(np.allclose(p, q, rtol=1e-12) for p, q in zip(a[1], b[1]))
    z = X @ (np.arange(6).reshape(2, 3) / 3 - 0.2) + 0.1
    logp = z - np.log(np.exp(z).sum(1, keepdims=True))
    assert a[0] == pytest.approx(float(-(logp[np.arange(4), y] * [3.0, 1.0, 1.0, 0.5]).sum() / 4), rel=1e-12)
    both = run(class_weight=[3.0, 1.0, 0.5], sample_weight=np.array([1.0, 2.0, 1.0, 4.0]))
    assert both[0] == pytest.approx(run(sample_weight=np.array([3.0, 2.0, 1.0, 2.0]))[0], rel=1e-12)


def test_zero_weight_rows_do_not_matter(blobs):
    x, y = blobs
    w = np.ones(200)
    w[50:] = 0
    spoilt = x.copy()
    spoilt[50:] = 1e3
    a, b = classifier(dtype="float64"), classifier(dtype="float64")
    for model, rows in ((a, x), (b, spoilt)):
        model.fit(rows, y, epochs=2, batch_size=200, verbose=0, seed=1, sample_weight=w)
    assert all(np.allclose(p, q, rtol=1e-12) for p, q in zip(a.get_weights(), b.get_weights()))


def test_mini_batches_cover_every_row_once():
    """Row i only moves weight i, by rate * 2 * y / (size of its batch): the weights tell which batch each row was in."""
    x, y = np.eye(7), np.arange(1.0, 8.0)[:, None]
    for batch in (1, 2, 3, 7, 100):
        model = fire.Sequential([fire.Input((7,)), layers.Dense(1, use_bias=False, kernel_initializer="zeros")], dtype="float64")
        model.compile(fire.optimizers.SGD(0.25), "mse")
        history = model.fit(x, y, batch_size=batch, verbose=0, seed=3)
        sizes = [min(batch, 7)] * (7 // min(batch, 7)) + ([7 % batch] if batch < 7 and 7 % batch else [])
        found = 0.5 * y[:, 0] / model.get_weights()[0][:, 0]
        np.testing.assert_allclose(sorted(found), sorted(size for size in sizes for _ in range(size)), rtol=1e-12)
        assert history.params["steps"] == len(sizes)


def test_initial_epoch_and_optimizer_state(blobs):
    x, y = blobs
    a, b = classifier(), classifier()
    a.fit(x, y, epochs=4, verbose=0, seed=9)
    b.fit(x, y, epochs=2, verbose=0, seed=9)
    assert b.fit(x, y, epochs=4, initial_epoch=2, verbose=0, seed=9).epoch == [2, 3]
    assert same(a.get_weights(), b.get_weights()), "two fits of two epochs are one of four"


# ---- validation

def test_validation(blobs):
    x, y = blobs
    model = classifier()
    history = model.fit(x[:150], y[:150], epochs=3, verbose=0, seed=1, validation_data=(x[150:], y[150:])).history
    assert set(history) == {"loss", "accuracy", "val_loss", "val_accuracy"}
    assert model.evaluate(x[150:], y[150:], verbose=0) == pytest.approx([history["val_loss"][-1], history["val_accuracy"][-1]], rel=1e-6)
    split = classifier()
    assert split.fit(x, y, epochs=3, verbose=0, seed=1, validation_split=0.25).history == history, "the last rows validate, as in Keras"
    assert same(split.get_weights(), model.get_weights())
    marked = pa.table({"x": pa.FixedSizeListArray.from_arrays(pa.array(x.ravel()), 4), "y": y, "v": np.arange(200) >= 150})
    columns = classifier()
    assert columns.fit(marked, features="x", label="y", validation="v", epochs=3, verbose=0, seed=1).history == history


@pytest.mark.parametrize("n, n_val", [(10, 1), (10, 9), (7, 3), (60, 10), (3, 100), (100, 3)])
def test_validation_data_sizes(n, n_val):
    rng = np.random.default_rng(n)
    model = linear("sgd")
    x, v = rng.normal(size=(n, 2)), rng.normal(size=(n_val, 2))
    history = model.fit(x, x[:, :1], verbose=0, validation_data=(v, v[:, :1]))
    assert history.history["val_loss"][0] == pytest.approx(model.evaluate(v, v[:, :1], verbose=0)) and history.rows == n


def test_validation_data_refused(blobs):
    x, y = blobs
    for bad, words in (((x[:0], y[:0]), "no rows"), ((x,), "1 parts")):
        with pytest.raises(fire.FiresteelError, match=words):
            classifier().fit(x, y, verbose=0, validation_data=bad)


# ---- the same bits

def test_same_seed_same_bits(blobs):
    x, y = blobs
    def run(seed):
        model = classifier()
        model.add(layers.Dropout(0.2))
        model.pop()
        model.fit(x, y, epochs=3, verbose=0, seed=seed)
        return model.get_weights()
    assert same(run(1), run(1)) and not same(run(1), run(2))


def test_dropout_repeats(blobs):
    x, y = blobs
    def run():
        fire.utils.set_random_seed(4)
        model = fire.Sequential([layers.Dense(32, "relu"), layers.Dropout(0.5), layers.Dense(3, "softmax")])
        model.compile("adam", "sparse_categorical_crossentropy")
        model.fit(x, y, epochs=2, verbose=0)
        return model.get_weights()
    assert same(run(), run())


def test_arrays_and_tables_give_the_same_bits(blobs):
    x, y = blobs
    table = pa.table({"x": pa.FixedSizeListArray.from_arrays(pa.array(x.ravel()), 4), "y": y})
    scalar = pa.table({**{f"c{i}": x[:, i] for i in range(4)}, "y": y})
    def run(*given, **columns):
        model = classifier()
        history = model.fit(*given, **columns, epochs=3, verbose=0, seed=6).history
        return model.get_weights(), history, model
    expected = run(x, y)
    sources = [(table, {"features": "x", "label": "y"}), (table, {"label": "y"}), (scalar, {"label": "y"}), (table.to_batches(max_chunksize=33), {"label": "y"}),
               ((b for b in table.to_batches(max_chunksize=7)), {"label": "y"}), (pa.RecordBatchReader.from_batches(table.schema, table.to_batches(64)), {"label": "y"}),
               (pa.concat_tables([table.slice(0, 50), table.slice(50)]), {"label": "y"}), (scalar.to_pandas(), {"label": "y"})]
    for source, columns in sources:
        weights, history, model = run(source, **columns)
        assert same(weights, expected[0]) and history == expected[1], type(source)
    assert (expected[2].predict(x) == model.predict(scalar)).all(), "predict reads the columns that fit was given"
    assert model.evaluate(scalar, verbose=0) == expected[2].evaluate(x, y, verbose=0)
    assert json.loads(model._net.note("columns")) == {"features": ["c0", "c1", "c2", "c3"], "label": "y"}
    strided = np.asfortranarray(x)
    assert same(run(strided, y)[0], expected[0]) and same(run(x.tolist(), y.tolist())[0], expected[0])


def test_tables_are_not_copied():
    """Rows are read where the table has them: a change of its memory after it was handed over shows."""
    numbers = np.arange(8.0)
    column = pa.Array.from_buffers(pa.float64(), 8, [None, pa.py_buffer(numbers)])
    made = _core.Dataset(fire.context())
    data.add(made, pa.table({"a": column}), None, None, data.Columns.of())
    model = fire.Sequential([fire.Input((1,)), layers.Activation("linear")], dtype="float64")
    out = np.empty((8, 1))
    for scale in (1, -3):
        numbers *= scale
        model._net.predict(made, out)
        assert (out[:, 0] == numbers).all() and out.any()


def test_arrays_are_not_copied(blobs):
    x, _ = blobs
    made = _core.Dataset(fire.context())
    rows = x.copy()
    made.add(rows)
    model = fire.Sequential([fire.Input((4,)), layers.Activation("linear")])
    rows[3] = 7
    out = np.empty((200, 4), np.float32)
    model._net.predict(made, out)
    assert (out == rows).all()


def test_threads_agree(fashion):
    (x, y), _ = fashion
    x, y = x[:2048], y[:2048]
    results = []
    try:
        for threads in (1, 2):
            fire.set_threads(threads)
            model = classifier(784, 32, 10)
            model.fit(x, y, epochs=2, batch_size=256, verbose=0, seed=1)
            results.append((model.get_weights(), model.predict(x)))
            exact = classifier(784, 32, 10)
            exact.fit(x, y, epochs=1, batch_size=256, verbose=0, seed=1, reproducible=True)
            results[-1] += (exact.get_weights(),)
    finally:
        fire.set_threads(1)
    for a, b in zip(results[0][0], results[1][0]):
        assert np.abs(a - b).max() <= 2e-3 * np.abs(a).max()
    assert same(results[0][2], results[1][2]), "the reproducible mode does not depend on threads"


def test_predict_does_not_depend_on_the_batch(fashion):
    (x, _), _ = fashion
    model = classifier(784, 64, 10)
    whole = model.predict(x[:1000])
    for step in (1, 7, 333):
        parts = np.concatenate([model.predict(x[i:i + step]) for i in range(0, min(20 * step, 1000), step)])
        assert (parts[:1000] == whole[:len(parts)]).all()
    for i in range(5):
        assert np.abs(model.predict_row(x[i]) - whole[i]).max() < 1e-6
    p, z = model.predict(x[:50], logits=True)
    assert (p == whole[:50]).all() and np.allclose(np.exp(z) / np.exp(z).sum(1, keepdims=True), p, atol=1e-6)


# ---- callbacks

def test_early_stopping(blobs):
    x, y = blobs
    model = classifier(optimizer=fire.optimizers.SGD(0.0))
    stop = callbacks.EarlyStopping("loss", patience=3)
    history = model.fit(x, y, epochs=50, verbose=0, callbacks=[stop], seed=1)
    assert len(history.epoch) < 10 and stop.stopped_epoch == history.epoch[-1]
    assert stop.best_epoch == int(np.argmin(history.history["loss"]))


def test_restore_best_weights(blobs):
    x, y = blobs
    model = classifier(optimizer=fire.optimizers.SGD(0.5))
    seen = []
    keep = callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(model.get_weights()))
    stop = callbacks.EarlyStopping("val_accuracy", patience=2, restore_best_weights=True)
    history = model.fit(x, y, epochs=40, verbose=0, seed=2, validation_split=0.3, callbacks=[stop, keep]).history
    best = int(np.argmax(history["val_accuracy"]))
    assert stop.maximize and stop.best_epoch == best and len(seen) == len(history["loss"]) == best + 3
    assert same(model.get_weights(), seen[best]) and not same(seen[best], seen[-1])


def test_early_stopping_refuses(blobs):
    x, y = blobs
    with pytest.raises(ValueError, match="val_los"):
        classifier().fit(x, y, verbose=0, callbacks=[callbacks.EarlyStopping("val_los")])
    with pytest.raises(ValueError, match="val_loss"):
        classifier().fit(x, y, verbose=0, callbacks=[callbacks.EarlyStopping()])  # there are no validation rows
    with pytest.raises(ValueError, match="mode='up'"):
        callbacks.EarlyStopping(mode="up")


def test_callbacks_see_the_model(blobs):
    x, y = blobs
    events = []

    class Watch(callbacks.Callback):
        def on_train_begin(self, logs=None):
            events.append("begin")

        def on_epoch_begin(self, epoch, logs=None):
            events.append(("start", epoch))

        def on_epoch_end(self, epoch, logs=None):
            assert self.model.evaluate(x, y, verbose=0)[0] > 0
            events.append(("end", epoch, sorted(logs)))
            self.model.optimizer.learning_rate = 0.5 / (epoch + 1)
            with pytest.raises(RuntimeError, match="being trained"):
                self.model.pop()
            if epoch == 1:
                self.model.stop_training = True

        def on_train_end(self, logs=None):
            events.append("done")

    model = classifier()
    history = model.fit(x, y, epochs=5, verbose=0, callbacks=[Watch()])
    assert events == ["begin", ("start", 0), ("end", 0, ["accuracy", "loss"]), ("start", 1), ("end", 1, ["accuracy", "loss"]), "done"]
    assert history.epoch == [0, 1] and model.optimizer.learning_rate == 0.25


def test_a_callback_that_raises(blobs):
    x, y = blobs
    def raises(epoch, logs):
        raise KeyError("mine")
    model = classifier()
    with pytest.raises(KeyError, match="mine"):
        model.fit(x, y, epochs=5, verbose=0, callbacks=[callbacks.LambdaCallback(on_epoch_end=raises)])
    model.fit(x, y, verbose=0)  # and it goes on


# ---- progress

def test_plain_lines(blobs, capsys):
    x, y = blobs
    classifier().fit(x, y, epochs=2, validation_split=0.5)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 and lines[0].startswith("Epoch 1/2 - ") and " - val_accuracy: " in lines[1] and "rows/s" in lines[0]
    classifier().fit(x, y, verbose=0)
    assert capsys.readouterr().out == ""


def test_live_line():
    from firesteel._progress import Progress

    class Screen(io.StringIO):
        def isatty(self):
            return True

    screen = Screen()
    bar = Progress("auto", ["loss"], screen)
    bar.update(False, 0, 2, 50, 100, 1600, 1.0, [0.5], None)
    bar.update(True, 0, 2, 100, 100, 3200, 2.0, [0.25], [0.125])
    first, last = screen.getvalue().split("\r")[1:]
    assert "50/100 - 1s left - 1,600 rows/s - loss: 0.5000" in first and last.rstrip() == "Epoch 1/2 - 2s - 1,600 rows/s - loss: 0.2500 - val_loss: 0.1250"
    assert len(last) > len(first.rstrip()) - 1, "the longer line is wiped"


# ---- interrupts

INTERRUPT = """
import os, signal, sys, threading, time
import numpy as np, firesteel as fire
model = fire.Sequential([fire.Input((64,)), fire.layers.Dense(256, "relu"), fire.layers.Dense(10, "softmax")])
model.compile("adam", "sparse_categorical_crossentropy")
x, y = np.random.default_rng(0).random((20000, 64), np.float32), np.zeros(20000, int)
signal.signal(signal.SIGINT, signal.default_int_handler)  # what starts tests in the background ignores it
threading.Timer(1.0, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
start = time.monotonic()
try:
    model.fit(x, y, epochs=100000, verbose=0)
except KeyboardInterrupt:
    assert time.monotonic() - start < 20  # 100000 epochs take an hour
    model.fit(x[:100], y[:100], verbose=0)
    print("interrupted", np.isfinite(model.predict(x[:10])).all())
"""


@pytest.mark.slow
def test_keyboard_interrupt():
    done = subprocess.run([sys.executable, "-c", INTERRUPT], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "interrupted True", done.stderr


def test_other_threads_run_during_fit(blobs):
    """The GIL is free while the engine trains; another thread may wait for the same model."""
    x, y = blobs
    model = classifier(units=256)
    count, done = 0, threading.Event()
    thread = threading.Thread(target=lambda: (model.fit(np.tile(x, (50, 1)), np.tile(y, 50), epochs=20, verbose=0), done.set()))
    thread.start()
    while not done.wait(0.001):
        count += 1
    thread.join()
    assert count > 10
    shared = []
    threads = [threading.Thread(target=lambda: shared.append(model.predict(x))) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert all((p == shared[0]).all() for p in shared) and len(shared) == 4


# ---- bad input

@pytest.mark.parametrize("change, kind, code, words", [
    (lambda x, y: (x[:, :3], y), ValueError, "FS1002", "4"), (lambda x, y: (x, y + 7), ValueError, "FS2006", "9|8|7"),
    (lambda x, y: (x, y - 0.5), ValueError, "FS2006", r"0\.5|1\.5"), (lambda x, y: (x[:0], y[:0]), ValueError, "FS2007", "rows"),
    (lambda x, y: (x, np.zeros((200, 2))), ValueError, "FS1002", "2")])
def test_bad_rows(blobs, change, kind, code, words):
    with pytest.raises(kind, match=words) as caught:
        classifier().fit(*change(*blobs), verbose=0)
    assert caught.value.code.startswith(code) and len(str(caught.value).splitlines()) == 1


def test_bad_calls(blobs):
    x, y = blobs
    with pytest.raises(errors.NotReadyError, match="compile") as caught:
        fire.Sequential([layers.Dense(3)]).fit(x, y, verbose=0)
    assert caught.value.code == "FS1007"
    for more, words in (({"batch_size": -1}, "batch"), ({"epochs": -1}, "epochs"), ({"validation_split": 1.5}, "fraction|split"), ({"class_weight": {-1: 2.0}}, "class_weight"),
                        ({"sample_weight": -np.ones(200)}, "weight"), ({"class_weight": {0: -1.0}}, "class_weight|weight")):
        with pytest.raises(ValueError, match=words):
            classifier().fit(x, y, verbose=0, **more)
    with pytest.raises(errors.UsageError):
        fire.set_threads(0)


def test_divergence_keeps_the_last_good_weights(blobs):
    x, y = blobs
    model = classifier(optimizer=fire.optimizers.SGD(0.01))
    model.fit(x, y, verbose=0, seed=1)
    good = model.get_weights()
    spoilt = x.copy()
    spoilt[17, 2] = np.nan
    with pytest.raises(errors.DivergedError, match="NaN|infinite") as caught:
        model.fit(spoilt, y, epochs=3, verbose=0, seed=1)
    assert caught.value.code == "FS3001" and same(model.get_weights(), good)


# ---- files

def test_save_and_load(blobs, tmp_path):
    x, y = blobs
    model = classifier()
    model.fit(x, y, epochs=2, verbose=0)
    path = tmp_path / "model.onnx"
    model.save(path)
    again = fire.load(path)
    assert (again.predict(x) == model.predict(x)).all() and again.to_text() == model.to_text() and again.metrics_names == model.metrics_names
    assert type(again.optimizer) is fire.optimizers.Adam
    again.fit(x, y, verbose=0)
    again.add(layers.Dense(2))
    assert again.output_shape == (None, 2)
    assert (fire.Sequential.from_bytes(model.to_bytes()).predict(x) == model.predict(x)).all()
    twin = pickle.loads(pickle.dumps(model))
    assert (twin.predict(x) == model.predict(x)).all() and twin.evaluate(x, y, verbose=0) == model.evaluate(x, y, verbose=0)


def test_onnxruntime_agrees(blobs, tmp_path):
    runtime = pytest.importorskip("onnxruntime")
    x, y = blobs
    model = classifier()
    model.fit(x, y, epochs=2, verbose=0)
    model.save(tmp_path / "model.onnx")
    session = runtime.InferenceSession(tmp_path / "model.onnx", providers=["CPUExecutionProvider"])
    [p] = session.run(None, {session.get_inputs()[0].name: x})
    assert np.abs(p - model.predict(x)).max() < 1e-5


def test_checkpoint_goes_on_where_it_was(blobs, tmp_path):
    x, y = blobs
    a = classifier()
    a.fit(x, y, epochs=2, verbose=0, seed=3, checkpoint_dir=tmp_path / "c")
    b = fire.load(tmp_path / "c")
    assert same(a.get_weights(), b.get_weights())
    for model in (a, b):
        model.fit(x, y, epochs=4, initial_epoch=2, verbose=0, seed=3)
    assert same(a.get_weights(), b.get_weights()), "the optimizer's state came along"


def test_bad_files(tmp_path):
    with pytest.raises(FileNotFoundError, match="nothing.onnx") as caught:
        fire.load(tmp_path / "nothing.onnx")
    assert caught.value.code == "FS5001"
    (tmp_path / "text").write_text("hello, I am not a model")
    with pytest.raises(errors.ModelFormatError) as caught:
        fire.load(tmp_path / "text")
    assert caught.value.code in ("FS5002", "FS5003", "FS5004")
    with pytest.raises(OSError):
        classifier().save(tmp_path / "no" / "folder" / "m.onnx")


# ---- Normalization

def test_normalization(blobs):
    x, y = blobs
    x = x * [1, 10, 100, 1000] + 5
    norm = layers.Normalization()
    norm.adapt(x)
    model = fire.Sequential([norm])
    expected = (x - x.mean(0)) / x.std(0)
    np.testing.assert_allclose(model.predict(x), expected, atol=2e-4)
    inside = fire.Sequential([fire.Input((4,)), layers.Normalization(), layers.Dense(3, "softmax")])
    inside.compile("adam", "sparse_categorical_crossentropy")
    inside.fit(x, y, epochs=1, verbose=0)  # adapts it first
    mean, variance = inside.layers[0].get_weights()[:2]
    np.testing.assert_allclose(mean, x.mean(0), rtol=1e-4)
    np.testing.assert_allclose(variance, x.var(0), rtol=1e-3)
    with pytest.raises(errors.UnsupportedError, match="not the first layer"):
        late = fire.Sequential([fire.Input((4,)), layers.Dense(3), layers.Normalization()])
        late.layers[1].adapt(x)


def test_explain_plan():
    text = classifier().explain_plan(32, training=True)
    assert "\n" in text and "[32, 16]" in text


@pytest.mark.parametrize("more", [{"epochs": 0}, {"batch_size": 0}, {"epochs": -1}, {"batch_size": -32}, {"batch_size": "32"}, {"epochs": 2.5}, {"callbacks": ["early"]}])
def test_fit_trains_at_least_one_epoch_of_one_row(more):
    model = fire.Sequential([fire.layers.Dense(1)])
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match=next(iter(more))):
        model.fit(np.ones((4, 2)), np.ones(4), verbose=0, **more)
    assert not model.built


def test_one_callback_needs_no_list():
    seen = []
    model = fire.Sequential([fire.layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(np.ones((4, 2)), np.ones(4), epochs=2, verbose=0, callbacks=fire.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(epoch)))
    assert seen == [0, 1]


@pytest.mark.parametrize("case", ["plain", "weighted", "masked", "two"])
def test_penalties_on_outputs(case):
    """The sum over each row, meant over rows, whatever their weights: in the loss, and in its gradient, which differences show."""
    rng = np.random.default_rng(3)
    x, w = rng.normal(size=(6, 4, 3)), rng.uniform(size=6) if case == "weighted" else None
    if case == "masked":
        x[:3, 2:] = 0
    ys = [rng.normal(size=(6, 4, 2)), rng.normal(size=(6, 4, 1))][:2 if case == "two" else 1]
    def make(l1, l2):
        i = fire.Input((4, 3))
        h = layers.ActivityRegularization(l1, l2)(layers.Dense(3, "tanh")(layers.Masking()(i) if case == "masked" else i))
        outs = [layers.Dense(2)(h), layers.Dense(1)(h)][:len(ys)]
        model = fire.Model(i, outs if len(outs) > 1 else outs[0], dtype="float64")
        model.compile(fire.optimizers.SGD(0.1), "mse", **({"loss_weights": [1.0, 0.5]} if len(outs) > 1 else {}))
        return model
    model, plain = make(0.1, 0.2), make(0.0, 0.0)
    plain.set_weights(model.get_weights())
    y = ys if len(ys) > 1 else ys[0]
    def given(m):
        return m.gradients(x, y, sample_weight=w)
    kernel, bias = model.get_weights()[:2]
    h = np.tanh(np.where((x == 0).all(-1, keepdims=True), 0, x) @ kernel + bias)
    penalty = (0.1 * np.abs(h) + 0.2 * h * h).sum() / 6
    loss, *grads = given(model)
    assert loss == pytest.approx(given(plain)[0] + penalty, rel=1e-10)
    value = lambda result: result[0] if isinstance(result, list) else result
    assert value(model.evaluate(x, y, sample_weight=w, verbose=0)) == pytest.approx(value(plain.evaluate(x, y, sample_weight=w, verbose=0)) + penalty, rel=1e-10)
    before = model.get_weights()
    for k in range(4):
        at = rng.normal(size=before[k].shape)
        ends = []
        for step in (1e-6, -1e-6):
            model.set_weights([a + step * at if i == k else a for i, a in enumerate(before)])
            ends.append(given(model)[0])
        assert (ends[0] - ends[1]) / 2e-6 == pytest.approx((grads[k] * at).sum(), rel=1e-5, abs=1e-8)
    model.set_weights(before)
    history = model.fit(x, y, sample_weight=w, batch_size=6, verbose=0).history
    assert history["loss"][0] == pytest.approx(loss, rel=1e-10)
    np.testing.assert_allclose(model.get_weights()[0], before[0] - 0.1 * grads[0], rtol=1e-9, atol=1e-12)


def test_penalties_on_outputs_refused():
    model = fire.Sequential([fire.Input((2,)), layers.ActivityRegularization(0.1), layers.Dense(1)])
    model.compile("sgd", fire.losses.MeanSquaredError(reduction="sum"))
    with pytest.raises(errors.UnsupportedError, match="penalty on the outputs of a layer goes with losses that are averaged"):
        model.fit(np.ones((2, 2)), np.ones((2, 1)), verbose=0)
    with pytest.raises(errors.UnsupportedError, match="in a TimeDistributed"):
        fire.Sequential([fire.Input((3, 2)), layers.TimeDistributed(layers.ActivityRegularization(0.1))]).build()
