"""test_stateful - recurrent layers that keep their states from batch to batch, against the same steps in one long sequence, and against NumPy."""
import numpy as np
import pytest

import firesteel as fire
from firesteel import layers

DRAW = np.random.default_rng(4)
KINDS = [("SimpleRNN", {}), ("LSTM", {}), ("GRU", {}), ("GRU", {"reset_after": False}), ("LSTM", {"go_backwards": True}), ("LSTM", {"unit_forget_bias": False, "use_bias": False})]


def of(kind, attrs, steps, stateful, batch=3, dtype="float64", masked=False, **more):
    made = [fire.Input((steps, 2), batch_size=batch)] + ([layers.Masking(0.0)] if masked else [])
    return fire.Sequential([*made, getattr(layers, kind)(4, stateful=stateful, return_sequences=True, **attrs), getattr(layers, kind)(3, stateful=stateful, **attrs, **more)], dtype=dtype)


def twin(model, other):
    other.set_weights(model.get_weights())
    return other


@pytest.mark.parametrize("kind, attrs", [k for k in KINDS if "go_backwards" not in k[1]])
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_predict_in_pieces_is_predict_of_the_whole(kind, attrs, masked, dtype):
    """Three rows of 12 steps, given 4 at a time: after the last piece the output is that of 12 steps at once."""
    piecewise = of(kind, attrs, 4, True, dtype=dtype, masked=masked)
    whole = twin(piecewise, of(kind, attrs, 12, False, dtype=dtype, masked=masked))
    x = DRAW.normal(size=(3, 12, 2))
    if masked:
        x[0, 10:] = x[1, 2:7] = x[2, :5] = 0
    pieces = np.concatenate([x[:, :4], x[:, 4:8], x[:, 8:]])  # batches of 3, in the order of time
    out = piecewise.predict(pieces)
    assert np.allclose(out[6:], whole.predict(x), rtol=0, atol=1e-6 if dtype == "float32" else 1e-13)
    assert not np.allclose(piecewise.predict(pieces), out)  # states go on between calls
    piecewise.reset_states()
    again = [piecewise.predict(pieces[at:at + 3]) for at in (0, 3, 6)]
    assert np.array_equal(np.concatenate(again), out)
    for layer in piecewise.layers[masked:]:
        layer.reset_states()
    assert np.array_equal(piecewise.predict(pieces), out)


def test_one_layer_is_reset_alone():
    model = of("GRU", {}, 4, True)
    x = DRAW.normal(size=(3, 4, 2))
    first, second = model.predict(x), model.predict(x)
    model.layers[1].reset_states()
    assert not np.allclose(model.predict(x), first)  # the lower one goes on
    model.reset_states()
    assert np.array_equal(model.predict(x), first) and np.array_equal(model.predict(x), second)


@pytest.mark.parametrize("kind, attrs", KINDS)
def test_fit_takes_states_along_and_gradients_stop_at_batches(kind, attrs):
    """Against the same network whose states are further inputs, trained batch after batch: truncated backpropagation through time."""
    x, y = DRAW.normal(size=(12, 4, 2)), DRAW.normal(size=(12, 3))
    model = of(kind, attrs, 4, True)
    names = {"SimpleRNN": 1, "GRU": 1, "LSTM": 2}[kind]
    given = [fire.Input((4, 2))] + [fire.Input((u,)) for u in (4, 3) for _ in range(names)]
    lower, upper = getattr(layers, kind)(4, return_sequences=True, return_state=True, **attrs), getattr(layers, kind)(3, return_state=True, **attrs)
    a = lower(given[0], initial_state=given[1:1 + names])
    b = upper(a[0], initial_state=given[1 + names:])
    by_hand = fire.Model(given, b[0], dtype="float64")
    looking = fire.Model(given, [*b, *a[1:]], dtype="float64")
    twin(model, by_hand)
    states = [np.zeros((3, u)) for u in (4, 3) for _ in range(names)]
    model.compile(fire.optimizers.SGD(0.1), "mse")
    by_hand.compile(fire.optimizers.SGD(0.1), "mse")
    losses, first = [], model.get_weights()
    for epoch in range(2):
        seen = []
        for at in range(0, 12, 3):
            batch = [x[at:at + 3], *states]
            looking.set_weights(by_hand.get_weights())
            made = looking.predict(batch)
            seen.append(np.mean((made[0] - y[at:at + 3]) ** 2))
            by_hand.fit(batch, y[at:at + 3], batch_size=3, shuffle=False, verbose=0)
            states = [*made[1 + names:], *made[1:1 + names]]
        losses.append(np.mean(seen))
    history = model.fit(x, y, epochs=2, shuffle=False, verbose=0)
    assert np.allclose(history.history["loss"], losses, rtol=1e-10)
    assert not np.allclose(first[0], model.get_weights()[0])
    for mine, other in zip(model.get_weights(), by_hand.get_weights()):
        assert np.allclose(mine, other, rtol=0, atol=1e-10)


def test_evaluate_and_validation_go_on():
    x, y = DRAW.normal(size=(6, 4, 2)), DRAW.normal(size=(6, 3))
    model = of("LSTM", {}, 4, True)
    model.compile("adam", "mse")
    out = model.predict(x)
    model.reset_states()
    assert model.evaluate(x, y, verbose=0) == pytest.approx(np.mean((out - y) ** 2), rel=1e-12)
    model.reset_states()
    fire.set_threads(2)
    try:
        history = model.fit(x[:3], y[:3], validation_data=(x[3:], y[3:]), epochs=1, shuffle=False, verbose=0)
    finally:
        fire.set_threads(1)
    fresh = twin(model, of("LSTM", {}, 4, True))
    assert history.history["val_loss"][0] != pytest.approx(np.mean((fresh.predict(x[3:]) - y[3:]) ** 2), rel=1e-9)  # it began where training ended


def test_bidirectional_and_one_row_at_a_time():
    model = fire.Sequential([fire.Input((2, 2), batch_size=1), layers.Bidirectional(layers.GRU(3, stateful=True)), layers.Dense(1)])
    x = DRAW.normal(size=(4, 2, 2)).astype(np.float32)
    out = model.predict(x)
    model.reset_states()
    assert np.allclose([model.predict_row(row) for row in x], out, atol=1e-6)
    assert len({float(v) for v in model.predict(np.repeat(x[:1], 4, 0))[:, 0]}) == 4


def test_a_saved_model_begins_at_zero(tmp_path):
    model = of("GRU", {}, 4, True, dtype="float32")
    x = DRAW.normal(size=(6, 4, 2))
    out = model.predict(x)
    model.save(tmp_path / "m.onnx")
    loaded = fire.load(tmp_path / "m.onnx")
    assert loaded.layers[0].stateful and np.array_equal(loaded.predict(x), out)
    assert not np.allclose(model.clone().predict(x)[3:], model.predict(x)[3:])
    session = pytest.importorskip("onnxruntime").InferenceSession(str(tmp_path / "m.onnx"), providers=["CPUExecutionProvider"])
    assert np.allclose(session.run(None, {session.get_inputs()[0].name: x[:3].astype(np.float32)})[0], out[:3], atol=1e-6)


def test_what_cannot_be():
    with pytest.raises(fire.FiresteelError, match="LSTM 'lstm': stateful=true needs to know how many rows a batch has; give Input a batch_size"):
        fire.Sequential([fire.Input((5, 3)), layers.LSTM(2, stateful=True)])
    with pytest.raises(fire.FiresteelError, match="does not go with TimeDistributed"):
        fire.Sequential([fire.Input((2, 5, 3), batch_size=2), layers.TimeDistributed(layers.LSTM(2, stateful=True))])
    model = of("LSTM", {}, 4, True)
    model.compile("adam", "mse")
    x, y = np.zeros((7, 4, 2)), np.zeros((7, 3))
    for call, rows in ((lambda: model.predict(x), "7 rows to predict"), (lambda: model.evaluate(x, y), "7 rows to evaluate"), (lambda: model.fit(x, y, verbose=0), "7 rows to train on"),
                       (lambda: model.predict_row(x[0]), "1 rows to predict"), (lambda: model.fit(x[:6], y[:6], validation_data=(x[:2], y[:2]), verbose=0), "2 rows to validate on")):
        with pytest.raises(fire.FiresteelError, match=f"{rows} are no whole number of batches of 3"):
            call()
    with pytest.raises(fire.FiresteelError, match="batch_size is 2, .* batches of 3 rows"):
        model.fit(x[:6], y[:6], batch_size=2, verbose=0)
    model.compile("lbfgs", "mse")
    with pytest.raises(fire.FiresteelError, match="LBFGS takes all rows at once"):
        model.fit(x[:6], y[:6], verbose=0)
    plain = fire.Sequential([fire.Input((4,)), layers.Dense(2)])
    for reset in (plain.reset_states, of("LSTM", {}, 4, False).layers[0].reset_states):
        with pytest.raises(fire.FiresteelError, match="keeps no states to reset"):
            reset()
