"""Recurrent layers against formulas written out in NumPy, masks, order, states, saved models, and the examples' helpers."""
from pathlib import Path

import firesteel as fire
import numpy as np
import pytest

layers = fire.layers
RNG = np.random.default_rng(7)
X = RNG.normal(size=(6, 5, 3))
MASK = np.array([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0], [0, 1, 1, 1, 0], [0, 0, 0, 0, 0], [1, 0, 1, 0, 1], [0, 0, 0, 0, 1]], bool)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def by_hand(kind, x, weights, mask, backwards, reset_after=True):
    """States after each step [n, steps, units], at the place of their time."""
    w, r, b = weights
    n, steps, _ = x.shape
    u = len(r)
    h, c, out = np.zeros((n, u)), np.zeros((n, u)), np.zeros((n, steps, u))
    for t in reversed(range(steps)) if backwards else range(steps):
        if kind == "SimpleRNN":
            new, carry = np.tanh(x[:, t] @ w + h @ r + b), c
        elif kind == "LSTM":
            i, f, g, o = np.split(x[:, t] @ w + h @ r + b, 4, axis=1)
            carry = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
            new = sigmoid(o) * np.tanh(carry)
        else:
            first, second = b if reset_after else (b, np.zeros_like(b))
            xz, xr, xa = np.split(x[:, t] @ w + first, 3, axis=1)
            hz, hr, ha = np.split(h @ r + second, 3, axis=1)
            z, reset = sigmoid(xz + hz), sigmoid(xr + hr)
            inner = reset * ha if reset_after else (reset * h) @ r[:, 2 * u:]
            new, carry = z * h + (1 - z) * np.tanh(xa + inner), c
        on = mask[:, t, None]
        h, c = np.where(on, new, h), np.where(on, carry, c)
        out[:, t] = h
    return out


def model_of(layer, masked, dtype="float64"):
    model = fire.Sequential([fire.Input((5, 3)), *([layers.Masking(9.0)] if masked else []), layer], dtype=dtype)
    model.compile("sgd", "mse")
    rng = np.random.default_rng(3)
    model.set_weights([0.5 * rng.normal(size=w.shape) for w in model.get_weights()])
    return model


def masked_input(masked):
    x = X.copy()
    if masked:
        x[~MASK] = 9.0
    return x, MASK if masked else np.ones_like(MASK)


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("kind", ["SimpleRNN", "LSTM", "GRU", "GRU before"])
def test_formulas(kind, backwards, masked):
    name, _, before = kind.partition(" ")
    more = {"reset_after": False} if before else {}
    x, mask = masked_input(masked)
    for sequences in (True, False):
        model = model_of(getattr(layers, name)(4, return_sequences=sequences, go_backwards=backwards, **more), masked)
        want = by_hand(name, X, model.get_weights(), mask, backwards, not before)
        shown = want[:, ::-1] if backwards else want
        np.testing.assert_allclose(model.predict(x), shown if sequences else shown[:, -1], rtol=0, atol=1e-12)


@pytest.mark.parametrize("kind", ["SimpleRNN", "LSTM", "GRU"])
def test_zero_output_for_mask(kind):
    x, mask = masked_input(True)
    model = model_of(getattr(layers, kind)(4, return_sequences=True, zero_output_for_mask=True), True)
    want = np.where(mask[:, :, None], by_hand(kind, X, model.get_weights(), mask, False), 0)
    np.testing.assert_allclose(model.predict(x), want, rtol=0, atol=1e-12)


@pytest.mark.parametrize("merge", ["concat", "sum", "mul", "ave"])
@pytest.mark.parametrize("masked", [False, True])
def test_bidirectional(merge, masked):
    x, mask = masked_input(masked)
    model = model_of(layers.Bidirectional(layers.LSTM(4, return_sequences=True), merge_mode=merge), masked)
    weights = model.get_weights()
    ways = [np.where(mask[:, :, None], by_hand("LSTM", X, weights[3 * k:3 * k + 3], mask, bool(k)), 0) for k in range(2)]
    join = {"concat": lambda a, b: np.concatenate([a, b], -1), "sum": np.add, "mul": np.multiply, "ave": lambda a, b: (a + b) / 2}[merge]
    np.testing.assert_allclose(model.predict(x), join(*ways), rtol=0, atol=1e-12)


def test_states_in_and_out():
    inputs, h0, c0 = fire.Input((5, 3)), fire.Input((4,)), fire.Input((4,))
    layer = layers.LSTM(4, return_sequences=True, return_state=True)
    y, h, c = layer(inputs, initial_state=[h0, c0])
    model = fire.Model([inputs, h0, c0], [y, h, c], dtype="float64")
    model.compile("sgd", "mse")
    a, b = RNG.normal(size=(6, 4)), RNG.normal(size=(6, 4))
    whole = model.predict([X, a, b])
    first = fire.Model([inputs, h0, c0], [y, h, c], dtype="float64")
    first.compile("sgd", "mse")
    np.testing.assert_allclose(whole[0][:, -1], whole[1], rtol=0, atol=0)
    assert np.abs(whole[0] - model.predict([X, 0 * a, 0 * b])[0]).max() > 0.01


def test_dropout_has_one_mask_for_a_sequence():
    """With w = 1 and no recurrence, a unit's dropped input is dropped at every step."""
    model = fire.Sequential([fire.Input((5, 3)), layers.SimpleRNN(3, activation="linear", use_bias=False, dropout=0.5, return_sequences=True)], dtype="float64")
    model.compile("sgd", "mse")
    model.set_weights([np.eye(3), np.zeros((3, 3))])
    x = np.ones((40, 5, 3))
    _, _, _, dx = model.gradients(x, np.zeros((40, 5, 3)))
    dropped = dx == 0
    assert 0.3 < dropped.mean() < 0.7 and (dropped == dropped[:, :1]).all()


def test_truncated_backpropagation_stops_at_boundaries():
    grads = []
    for length in (0, 2):
        model = model_of(layers.LSTM(4, tbptt_length=length), False)
        grads.append(model.gradients(X, np.zeros((6, 4)))[-1])
    assert (np.abs(grads[0][:, :4]) > 0).any(axis=(0, 2)).all()
    assert (grads[1][:, :4] == 0).all() and np.allclose(grads[1][:, 4], grads[0][:, 4])


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("layer", [
    "LSTM(4)", "LSTM(4, return_sequences=True, go_backwards=True)", "LSTM(4, activation='elu', recurrent_activation='hard_sigmoid')", "LSTM(4, use_bias=False)",
    "GRU(4)", "GRU(4, reset_after=False, return_sequences=True)", "SimpleRNN(4, activation='relu')", "Bidirectional(layers.GRU(3, return_sequences=True))",
    "Bidirectional(layers.LSTM(3), merge_mode='mul')"])
def test_saved_models_are_standard(layer, masked, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    x, _ = masked_input(masked)
    model = model_of(eval("layers." + layer), masked, "float32")
    path = str(tmp_path / "m.onnx")
    model.save(path)
    y = model.predict(x.astype(np.float32))
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    np.testing.assert_allclose(session.run(None, {session.get_inputs()[0].name: x.astype(np.float32)})[0], y, rtol=0, atol=2e-6)
    assert (fire.load(path).predict(x.astype(np.float32)) == y).all()


def test_what_cannot_be():
    with pytest.raises(fire.FiresteelError, match="expected sequences"):
        fire.Sequential([fire.Input((5,)), layers.GRU(2)])
    with pytest.raises(fire.FiresteelError, match="expected SimpleRNN, LSTM, GRU or ConvLSTM"):
        fire.Sequential([fire.Input((5, 3)), layers.Bidirectional(layers.Dense(2))])
    model = fire.Sequential([fire.Input((5, 3)), layers.LSTM(2, activation="exponential")])
    with pytest.raises(fire.FiresteelError, match="no activation exponential: it cannot be saved"):
        model.save("never.onnx")


def test_windows():
    series, cut = np.arange(20), fire.utils.timeseries_dataset_from_array
    assert cut(series, None, 4, 5, 2).tolist() == [[0, 2, 4, 6], [5, 7, 9, 11], [10, 12, 14, 16]]
    x, y = cut(series[:-3], series[3:], 3, start_index=2, end_index=9)
    assert x[0].tolist() == [2, 3, 4] and y[0] == 5 and len(x) == len(y) == 5
    with pytest.raises(fire.FiresteelError, match="sequence_stride=0"):
        cut(series, None, 4, 0)


def test_forecast_beats_the_last_value(monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).resolve().parents[2] / "examples"))
    import forecast

    found = forecast.main(8)
    assert found["LSTM"] < found["last value"] and found["1-D convolution"] < found["last value"]
