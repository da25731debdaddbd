"""Embeddings whose gradients are rows, in networks of every form; tests/test_sparse.c has threads, workers and optimizers."""
import firesteel as fire
import numpy as np
import pytest
from firesteel import layers

WORDS, STEPS = 50, 6


def table(rows=160, parts=1):
    rng = np.random.default_rng(3)
    x = [rng.integers(0, 30, (rows, STEPS)).astype("float64") for _ in range(parts)]  # words 30 to 49 never occur
    return x if parts > 1 else x[0], (sum(p[:, 0] for p in x) > 15 * parts).astype("float64")


def embedding(sparse, **kwargs):
    return layers.Embedding(WORDS, 3, sparse=sparse, **kwargs)


def chain(sparse):
    return fire.Sequential([fire.Input((STEPS,)), embedding(sparse), layers.Flatten(), layers.Dense(1, "sigmoid")], dtype="float64")


def shared(sparse):
    """One table for two inputs, and read twice for one of them."""
    a, b = fire.Input((STEPS,)), fire.Input((STEPS,))
    words = embedding(sparse)
    first, second, again = words(a), words(b), words(a)
    y = layers.Dense(1, "sigmoid")(layers.Flatten()(layers.Concatenate()([layers.Add()([first, second]), again])))
    return fire.Model([a, b], y, dtype="float64")


def two_tables(sparse):
    """Two tables that look up the same numbers, and whose gradients are the same value."""
    a = fire.Input((STEPS,))
    y = layers.Add()([embedding(sparse)(a), embedding(sparse)(a)])
    return fire.Model(a, layers.Dense(1, "sigmoid")(layers.Flatten()(y)), dtype="float64")


def masked(sparse):
    return fire.Sequential([fire.Input((STEPS,)), embedding(sparse, mask_zero=True), layers.Bidirectional(layers.GRU(3)), layers.Dense(1, "sigmoid")], dtype="float64")


def looked_at(sparse):
    """The table's output has losses of its own and is looked at twice."""
    a = fire.Input((STEPS,))
    e = embedding(sparse)(a)
    return fire.Model(a, layers.Dense(1, "sigmoid")(layers.Concatenate()([layers.GlobalAveragePooling1D()(e), layers.GlobalMaxPooling1D()(e)])), dtype="float64")


def trained(build, sparse, optimizer):
    fire.utils.set_random_seed(5)
    model = build(sparse)
    model.compile(optimizer, "binary_crossentropy")
    x, y = table(parts=2 if build is shared else 1)
    model.fit(x, y, batch_size=48, epochs=2, verbose=0)
    return model


@pytest.mark.parametrize("optimizer", ["sgd", "adagrad"])
@pytest.mark.parametrize("build", [chain, shared, two_tables, masked, looked_at])
def test_equals_whole_gradients(build, optimizer):
    whole, rows = (trained(build, sparse, optimizer) for sparse in ("never", "always"))
    for a, b in zip(whole.get_weights(), rows.get_weights(), strict=True):
        assert np.abs(a - b).max() <= 1e-12 * np.abs(a).max()


def test_momentum_rests():
    """Adam over rows: those that no batch reads stay as they were."""
    fire.utils.set_random_seed(5)
    model = chain("always")
    model.compile("adam", "binary_crossentropy")
    before = model.get_weights()[0]
    x, y = table()
    model.fit(x, y, epochs=1, verbose=0)
    after = model.get_weights()[0]
    assert np.array_equal(before[30:], after[30:]) and (before[:30] != after[:30]).all()


def test_gradients_are_whole(tmp_path):
    """gradients() and the callback see arrays of the table's shape; what was saved is the same network."""
    model = trained(chain, "always", "sgd")
    whole = chain("never")
    whole.compile("sgd", "binary_crossentropy")
    whole.set_weights(model.get_weights())
    x, y = table()
    for a, b in zip(model.gradients(x, y), whole.gradients(x, y), strict=True):
        assert np.array_equal(a, b)
    norms = fire.callbacks.GradientNorms(x, y)
    model.fit(x, y, epochs=1, verbose=0, callbacks=[norms])
    assert all(v > 0 for v in norms.norms[0].values() if np.isfinite(v))
    model.save(str(tmp_path / "m.onnx"))
    again = fire.load(str(tmp_path / "m.onnx"))
    assert np.array_equal(again.predict(x), model.predict(x))
    assert "sparse=always" in again.to_text()


def test_refused():
    with pytest.raises(fire.errors.UnsupportedError, match="sparse=always does not go with the optimizer SGD, whose use_ema averages whole weights"):
        trained(chain, "always", fire.optimizers.SGD(0.1, use_ema=True))
    with pytest.raises(fire.errors.UsageError, match="sparse=always does not go with embeddings_regularizer"):
        fire.Sequential([fire.Input((STEPS,)), embedding("always", embeddings_regularizer="l2")])
    assert np.isfinite(trained(chain, "auto", fire.optimizers.SGD(0.1, use_ema=True)).get_weights()[0]).all()
