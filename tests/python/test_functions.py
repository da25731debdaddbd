"""Custom layers and losses: Python functions over fire.ops that become programs of the engine."""
import firesteel as fire
import numpy as np
import onnxruntime
import pytest
from firesteel import layers as L, ops

RNG = np.random.default_rng(5)
X, Y = RNG.normal(size=(64, 4)), RNG.normal(size=(64, 1))


class Scale(fire.Layer):
    """tanh(x * gain + shift)"""

    def build(self, input_shape):
        self.gain = self.add_weight((input_shape[-1],), "ones", name="gain")
        self.shift = self.add_weight((input_shape[-1],), "zeros", name="shift")

    def call(self, x):
        return ops.tanh(x * self.gain + self.shift)


def uneven(y_true, y_pred):
    return ops.mean(ops.square(y_pred - y_true) * ops.where(y_true > 0, 2.0, 1.0), axis=-1)


def network(dtype="float64"):
    model = fire.Sequential([fire.Input((4,)), L.Dense(3), Scale(), L.Lambda(lambda x: x[:, :2] * 2), L.Dense(1)], dtype=dtype)
    model.compile("adam", uneven)
    return model


def test_numbers():
    model = network()
    model.fit(X, Y, epochs=3, verbose=0)
    w = model.get_weights()
    assert [v.shape for v in w] == [(4, 3), (3,), (3,), (3,), (2, 1), (1,)] and not (w[2][:2] == 1).any()  # the gain is trained where something reads it
    expected = np.tanh((X @ w[0] + w[1]) * w[2] + w[3])[:, :2] * 2 @ w[4] + w[5]
    assert np.abs(model.predict(X) - expected).max() < 1e-12
    assert model.evaluate(X, Y) == pytest.approx(((expected - Y) ** 2 * np.where(Y > 0, 2, 1)).mean(), rel=1e-12)


def test_gradients():
    model = network()
    loss, *gradients = model.gradients(X, Y)
    values = model.get_weights()
    for i in (2, 3):
        ends = []
        for sign in (1, -1):
            moved = [v.copy() for v in values]
            moved[i][1] += sign * 1e-6
            model.set_weights(moved)
            ends.append(model.gradients(X, Y)[0])
        assert gradients[i][1] == pytest.approx((ends[0] - ends[1]) / 2e-6, rel=1e-6)


def test_it_saves_with_the_model(tmp_path):
    model = network("float32")
    expected = model.predict(X)
    model.save(tmp_path / "m.onnx")
    loaded = fire.load(tmp_path / "m.onnx")
    assert (loaded.predict(X) == expected).all()
    assert loaded.evaluate(X, Y) == model.evaluate(X, Y)
    loaded.fit(X, Y, verbose=0)
    session = onnxruntime.InferenceSession(str(tmp_path / "m.onnx"))
    assert np.abs(session.run(None, {"x": X.astype(np.float32)})[0] - expected).max() < 1e-5


def test_operators_of_tensors():
    a, b = fire.Input((3,), name="a"), fire.Input((3,), name="b")
    distance = ops.sqrt(ops.sum((a - b) ** 2.0, axis=-1, keepdims=True))
    model = fire.Model([a, b], distance)
    x, y = RNG.normal(size=(2, 7, 3))
    assert np.allclose(model.predict([x, y])[:, 0], np.linalg.norm(x - y, axis=1), atol=1e-6)


UNARY = {"absolute": np.abs, "ceil": np.ceil, "cos": np.cos, "exp": np.exp, "expm1": np.expm1, "floor": np.floor, "negative": np.negative, "relu": lambda x: np.maximum(x, 0),
         "round": np.round, "sigmoid": lambda x: 1 / (1 + np.exp(-x)), "sign": np.sign, "sin": np.sin, "softplus": lambda x: np.log1p(np.exp(x)),
         "softsign": lambda x: x / (1 + np.abs(x)), "square": np.square, "tanh": np.tanh, "silu": lambda x: x / (1 + np.exp(-x))}
REDUCE = {"sum": np.sum, "mean": np.mean, "max": np.max, "min": np.min, "prod": np.prod, "var": np.var, "std": np.std}


def run(function, *arrays):
    inputs = [fire.Input(a.shape[1:]) for a in arrays]
    made = L.Lambda(function)(*inputs)
    return fire.Model(inputs, made, dtype="float64").predict(list(arrays) if len(arrays) > 1 else arrays[0])


@pytest.mark.parametrize("name", UNARY)
def test_unary(name):
    x = RNG.normal(size=(5, 3)) * 2
    assert np.allclose(run(getattr(ops, name), x), UNARY[name](x), atol=1e-12)


@pytest.mark.parametrize("name", REDUCE)
@pytest.mark.parametrize("keepdims", [False, True])
def test_reductions(name, keepdims):
    x = RNG.normal(size=(5, 3, 4))
    assert np.allclose(run(lambda t: getattr(ops, name)(t, axis=(1, 2), keepdims=keepdims), x), REDUCE[name](x, axis=(1, 2), keepdims=keepdims), atol=1e-12)


@pytest.mark.parametrize("function, expected", [
    (lambda t: t[:, 1], lambda x: x[:, 1]),
    (lambda t: t[..., -1], lambda x: x[..., -1]),
    (lambda t: t[:, ::-1, 1:3], lambda x: x[:, ::-1, 1:3]),
    (lambda t: ops.reshape(t, (-1, 2, 6)), lambda x: x.reshape(-1, 2, 6)),
    (lambda t: ops.reshape(t, (-1, 6, -1)), lambda x: x.reshape(-1, 6, 2)),
    (lambda t: ops.transpose(t, (0, 2, 1)), lambda x: x.transpose(0, 2, 1)),
    (lambda t: ops.concatenate([t, t * 2], axis=1), lambda x: np.concatenate([x, x * 2], 1)),
    (lambda t: ops.stack([t, -t], axis=-1), lambda x: np.stack([x, -x], -1)),
    (lambda t: ops.softmax(t, axis=1), lambda x: np.exp(x) / np.exp(x).sum(1, keepdims=True)),
    (lambda t: ops.cast(ops.argmax(t, axis=-1), "float") + 0.0, lambda x: x.argmax(-1)),
    (lambda t: ops.matmul(t, ops.transpose(t, (0, 2, 1))), lambda x: x @ x.transpose(0, 2, 1)),
    (lambda t: 1 - t / 2 + 3 / (t * t + 1), lambda x: 1 - x / 2 + 3 / (x * x + 1)),
    (lambda t: ops.squeeze(ops.expand_dims(t, 1), 1), lambda x: x),
    (lambda t: ops.clip(t, -0.5, 0.5), lambda x: np.clip(x, -0.5, 0.5)),
])
def test_shapes(function, expected):
    x = RNG.normal(size=(5, 3, 4))
    assert np.allclose(run(function, x), expected(x), atol=1e-12)


@pytest.mark.parametrize("make, says", [
    (lambda: network().compile("adam", lambda y, p: ops.mean(p - y)), "axis=None would reduce the batch"),
    (lambda: network().compile("adam", lambda y, p: ops.sum(p - y, axis=0)), "axis 0 is the batch"),
    (lambda: network().compile("adam", lambda y, p: p if p > 0 else y), "cannot branch on a tensor"),
    (lambda: network().compile("adam", lambda y, p: 3), "gave int"),
    (lambda: network().compile("adam", lambda y, p: (p, y)), "gave 2 tensors"),
    (lambda: fire.Sequential([L.Dense(1)]).compile("adam", uneven), "needs a model whose shape is known"),
    (lambda: fire.Sequential([L.Dense(1), Scale()]), "needs a model whose shape is known"),
    (lambda: ops.add(1, 2), "no tensor among its arguments"),
    (lambda: run(lambda t: ops.matmul(t, t), np.ones((2, 3, 4))), "MatMul"),
    (lambda: run(lambda t: t[:, 9], np.ones((2, 3))), "9 is outside of dimension 1, which has 3"),
    (lambda: fire.Sequential([fire.Input((3,)), L.Function("Nonsense 0")]), "no operator of ONNX named 'Nonsense'"),
    (lambda: fire.Sequential([fire.Input((3,)), L.Function("Mul 0,7")]), "cannot read 'Mul 0,7'"),
    (lambda: fire.Sequential([fire.Input((3,)), L.Function("ReduceSum 0,i[1]{0} keepdims=0")]), "expected the batch as its first dimension"),
])
def test_bad_use(make, says):
    with pytest.raises(fire.FiresteelError, match=says):
        make()
