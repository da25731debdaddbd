"""ONNX models of other software as networks of layers: what they compute, their gradients and training as in PyTorch, cutting, freezing, extending and saving."""
import copy
import pickle
from pathlib import Path

import firesteel as fire
import numpy as np
import onnx
import onnx.reference
import onnxruntime
import pytest
from firesteel import errors, layers
from onnx import TensorProto, helper, numpy_helper

FOLDER = Path(__file__).parents[1] / "torch_models"
NAMES = sorted(path.stem for path in FOLDER.glob("*.onnx"))
GATES = {"lstm": [0, 3, 1, 2], "gru": [1, 0, 2], "rnn": [0]}  # torch's, in ONNX's order


def case(name):
    return fire.load(FOLDER / f"{name}.onnx"), np.load(FOLDER / f"{name}.npz")


def rows(numbers):
    return numbers["x"].astype("float64")


def onnx_weights(name, numbers, kind):
    """What torch has for each initializer, by their names or, of a recurrence, in ONNX's layout."""
    found = {key[2:]: numbers[key] for key in numbers.files if key.startswith(kind)}
    if name not in GATES:
        return list(found.values())
    out = [found[key] for key in found if key.startswith("o.")]

    def reordered(w):
        parts = np.split(w, len(GATES[name]))
        return np.concatenate([parts[i] for i in GATES[name]])

    for k in range(len({key.split("_l")[1][0] for key in found if "_l" in key})):
        ends = [f"_l{k}{way}" for way in ("", "_reverse") if f"l.weight_ih_l{k}{way}" in found]
        out += [np.stack([reordered(found[f"l.weight_{what}{end}"]) for end in ends]) for what in ("ih", "hh")]
        out.append(np.stack([np.concatenate([reordered(found[f"l.bias_{what}{end}"]) for what in ("ih", "hh")]) for end in ends]))
    return out


@pytest.mark.parametrize("name", NAMES)
def test_gradients_are_those_of_torch(name):
    model, numbers = case(name)
    assert model.dtype == "float64" and model.layers
    np.testing.assert_allclose(model.predict(rows(numbers), verbose=0), numbers["y"], rtol=0, atol=1e-9)
    model.compile("sgd", "mse")
    loss, *gradients = model.gradients(rows(numbers), numbers["t"])
    assert abs(loss - numbers["loss"]) < 1e-9
    values, wanted, found = onnx_weights(name, numbers, "w/"), onnx_weights(name, numbers, "g/"), set()
    own = [(value, gradient) for value, gradient, weight in zip(model.get_weights(), gradients[:len(model.get_weights())], model._net.weights()) if weight[2]]
    for value, gradient in own:
        for turn in (lambda w: w, np.transpose):  # a matrix may have been turned before it was written
            for i, (w, g) in enumerate(zip(values, wanted)):
                if turn(w).shape == value.shape and np.array_equal(turn(w), value):
                    np.testing.assert_allclose(gradient, turn(g), rtol=0, atol=1e-9)
                    found.add(i)
    assert len(found) == len(wanted) == len(own)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_training_is_that_of_torch(name, optimizer):
    model, numbers = case(name)
    made = fire.optimizers.SGD(0.05) if optimizer == "sgd" else fire.optimizers.Adam(0.01, epsilon=1e-12)
    model.compile(made, "mse")
    model.fit(rows(numbers), numbers["t"], batch_size=6, epochs=3, verbose=0)
    np.testing.assert_allclose(model.predict(rows(numbers), verbose=0), numbers[f"y_{optimizer}"], rtol=0, atol=1e-9 if optimizer == "sgd" else 1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_saved_networks_are_the_same(name, tmp_path):
    model, numbers = case(name)
    model.save(tmp_path / "m.onnx")
    proto = onnx.load(tmp_path / "m.onnx")
    onnx.checker.check_model(proto, full_check=True)
    assert [value.name for value in proto.graph.input] == ["x"] and [value.name for value in proto.graph.output] == ["y"]
    y = onnx.reference.ReferenceEvaluator(proto).run(None, {"x": rows(numbers)})[0]
    np.testing.assert_allclose(y, numbers["y"], rtol=0, atol=1e-7)  # the reference has some functions in float32
    back = fire.load(tmp_path / "m.onnx")
    assert back._net.layers() == model._net.layers() and back._net.uses() == model._net.uses()
    want = model.predict(rows(numbers), verbose=0)
    for other in (back, copy.copy(model), pickle.loads(pickle.dumps(model))):
        assert (other.predict(rows(numbers), verbose=0) == want).all()
        assert all((a == b).all() for a, b in zip(other.get_weights(), model.get_weights()))
    model.compile("adam", "mse")
    model.fit(rows(numbers), numbers["t"], verbose=0)
    model.save_checkpoint(tmp_path / "checkpoint")
    resumed = fire.load(tmp_path / "checkpoint")
    for one in (model, resumed):
        one.fit(rows(numbers), numbers["t"], verbose=0, shuffle=False, initial_epoch=1, epochs=2)
    assert (resumed.predict(rows(numbers), verbose=0) == model.predict(rows(numbers), verbose=0)).all()


def test_cut_freeze_and_extend():
    model, numbers = case("convolutions")
    assert [layer.name for layer in model.layers] == ["c.Conv", "bn.BatchNormalization", "Relu", "pool.MaxPool", "Reshape", "f.Gemm"] and model.output_names == ["y"]
    statistics = [weight for weight in model._net.weights() if "running" in weight[0]]
    assert len(statistics) == 2 and not any(weight[2] for weight in statistics)
    features = fire.Model(model.inputs, model.get_layer("pool.MaxPool").output)
    assert features.output_shape == (None, 4, 4, 4)
    features.get_layer("c.Conv").trainable = False
    x = layers.Flatten()(features.output)
    net = fire.Model(features.inputs, layers.Dense(2, activation="softmax", kernel_initializer="zeros")(x))
    net.compile(fire.optimizers.Adam(0.05), "sparse_categorical_crossentropy", ["accuracy"])
    rng = np.random.default_rng(0)
    pictures = rng.normal(size=(64, 2, 8, 8))
    labels = (pictures.mean((1, 2, 3)) > 0).astype(int)
    before = {weight[0]: value for weight, value in zip(net._net.weights(), net.get_weights())}
    history = net.fit(pictures, labels, epochs=60, batch_size=16, verbose=0)
    assert history.history["accuracy"][-1] > 0.95
    after = {weight[0]: value for weight, value in zip(net._net.weights(), net.get_weights())}
    changed = {name for name in before if not np.array_equal(before[name], after[name])}
    assert changed == {"bn.BatchNormalization/bn.weight", "bn.BatchNormalization/bn.bias", "dense/kernel", "dense/bias"}
    np.testing.assert_allclose(model.predict(rows(numbers), verbose=0), numbers["y"], atol=1e-9)  # the model that was cut is as it was


# ---- graphs made here


def graph(nodes, inputs, outputs, weights=(), opset=13):
    made = helper.make_graph(nodes, "g", [helper.make_tensor_value_info(*value) for value in inputs], [helper.make_tensor_value_info(*value) for value in outputs],
                             [numpy_helper.from_array(array, name) for name, array in weights])
    return fire.Model.from_bytes(helper.make_model(made, opset_imports=[helper.make_opsetid("", opset)], ir_version=8).SerializeToString())


FLOAT, HALF, INT, BYTES = TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.INT64, TensorProto.UINT8
N = helper.make_node


def test_a_fixed_batch_is_free():
    w = np.arange(12, dtype="float32").reshape(6, 2)
    for shape in ([1, 6], [1, -1]):
        model = graph([N("Relu", ["x"], ["r"]), N("Reshape", ["r", "s"], ["f"]), N("MatMul", ["f", "w"], ["y"])], [("x", FLOAT, [1, 2, 3])], [("y", FLOAT, [1, 2])],
                      [("w", w), ("s", np.array(shape))])
        x = np.random.default_rng(1).normal(size=(5, 2, 3)).astype("float32")
        np.testing.assert_allclose(model.predict(x, verbose=0), np.maximum(x, 0).reshape(5, 6) @ w, rtol=1e-5, atol=1e-5)
        assert [layer.name for layer in model.layers] == ["relu_0", "reshape_1", "matmul_2"]
        assert model.run({"x": x[:1]})["y"].shape == (1, 2)


def test_halves_are_floats():
    w = np.array([[0.5, 0.25], [2, -1]], "float16")
    model = graph([N("MatMul", ["x", "w"], ["y"])], [("x", HALF, ["n", 2])], [("y", HALF, ["n", 2])], [("w", w)])
    x = np.array([[1, 2], [3, 4]])
    assert (model.predict(x, verbose=0) == x @ w).all() and model.get_weights()[0].dtype == np.float32
    assert model.run({"x": x.astype("float16")})["y"].dtype == np.float16  # the file as it is
    model.set_weights([2 * w])
    assert (model.run({"x": x})["y"] == x @ (2 * w)).all()  # as the layers are


def test_dropout_drops_in_training():
    model = graph([N("Dropout", ["x", "r"], ["d"]), N("Mul", ["d", "w"], ["y"])], [("x", FLOAT, ["n", 50])], [("y", FLOAT, ["n", 50])],
                  [("w", np.ones(50, "float32")), ("r", np.array(0.25, "float32"))])
    assert model.layers[0].kind == "Dropout" and model.layers[0].get_config()["rate"] == 0.25
    x = np.ones((40, 50), "float32")
    assert (model.predict(x, verbose=0) == x).all()
    model.compile("sgd", "mse")
    gradient = model.gradients(x, 0 * x)[2]
    assert 0.15 < (gradient == 0).mean() < 0.35


def test_whole_numbers_and_several_ports():
    table = np.random.default_rng(2).normal(size=(7, 3)).astype("float32")
    model = graph([N("Gather", ["table", "ids"], ["e"]), N("Add", ["e", "x"], ["sum"]), N("ArgMax", ["sum"], ["best"], axis=2, keepdims=0)],
                  [("ids", INT, ["n", 4]), ("x", FLOAT, ["n", 4, 3])], [("sum", FLOAT, ["n", 4, 3]), ("best", INT, ["n", 4])], [("table", table)])
    ids, x = np.array([[1, 2, 3, 6], [0, 0, 5, 4]]), np.random.default_rng(3).normal(size=(2, 4, 3)).astype("float32")
    total, best = model.predict([ids, x], verbose=0)
    np.testing.assert_allclose(total, table[ids] + x, rtol=1e-6)
    assert (best == (table[ids] + x).argmax(2)).all() and model.output_names[0] == "sum"
    named = model.run({"ids": ids, "x": x})
    assert named["best"].dtype == np.int64 and (named["best"] == best).all()
    with pytest.raises(errors.FiresteelError, match="int64"):
        fire.Model(model.inputs, model.get_layer("argmax_2").output)


@pytest.mark.parametrize("nodes, inputs, weights, says", [
    ([N("LogSoftmax", ["x"], ["y"], axis=0)], [("x", FLOAT, [4, 3])], [], "mixes the rows"),
    ([N("ReduceMean", ["x"], ["m"], axes=[0]), N("Sub", ["x", "m"], ["y"])], [("x", FLOAT, ["n", 3])], [], "mixes the rows"),
    ([N("QuantizeLinear", ["x", "s", "z"], ["q"]), N("DequantizeLinear", ["q", "s", "z"], ["y"])], [("x", FLOAT, ["n", 3])],
     [("s", np.array(0.5, "float32")), ("z", np.array(3, "uint8"))], "quantizes"),
    ([N("Relu", ["x"], ["y"])], [("x", FLOAT, ["n", "m"])], [], "sizes that are known"),
    ([N("Shape", ["x"], ["s"]), N("Cast", ["s"], ["c"], to=1), N("ReduceProd", ["c"], ["p"], axes=[0], keepdims=0), N("Div", ["x", "p"], ["y"])], [("x", FLOAT, ["n", 3])], [], "number of rows"),
    ([N("NonZero", ["x"], ["p"]), N("Shape", ["p"], ["s"]), N("Slice", ["x", "a", "s"], ["y"])], [("x", FLOAT, ["n", 3])], [("a", np.array([0, 0]))], "known only when it runs"),
])
def test_what_has_no_layers_says_why(nodes, inputs, weights, says):
    model = graph(nodes, inputs, [("y", FLOAT, None)], weights)
    assert model.layers == []
    with pytest.raises(errors.FiresteelError, match=says):
        model.compile("sgd", "mse") or model.fit(np.zeros((4, 3), "float32"), np.zeros((4, 3), "float32"), verbose=0)
    assert model.run({"x": np.ones((4, 3), "float32")})["y"].shape[0] in (2, 4)


def test_single_rows_and_blocks_agree(tmp_path):
    """Weights whose layer reads no tensor, constants that are large, several outputs of a node, names that need care."""
    rng = np.random.default_rng(4)
    table, w = rng.normal(size=(6, 30)).astype("float32"), rng.normal(size=(30, 6)).astype("float32")
    nodes = [N("Constant", [], ["big"], value=numpy_helper.from_array(table)), N("Transpose", ["w"], ["wt"], name="/a b/Turn;"), N("MatMul", ["x", "wt"], ["h"], name="same"),
             N("Add", ["wt", "big"], ["v"], name="same"), N("MatMul", ["h", "w"], ["k"], name="x"), N("TopK", ["k", "three"], ["top", "place"], axis=1), N("Clip", ["top", "", "two"], ["y"])]
    model = graph(nodes, [("x", FLOAT, ["n", 6])], [("y", FLOAT, ["n", 3]), ("k", FLOAT, ["n", 6]), ("place", INT, ["n", 3])], [("w", w), ("three", np.array([3])), ("two", np.array(2, "float32"))])
    names = [layer.name for layer in model.layers]
    assert len(set(names)) == len(names) and "a_b.Turn_" in names
    x = rng.normal(size=(300, 6)).astype("float32")
    y, k, place = model.predict(x, verbose=0)
    order = np.argsort(-(x @ w.T @ w), kind="stable")[:, :3]
    assert (place == order).mean() > 0.99
    model.save(tmp_path / "m.onnx")
    found = onnxruntime.InferenceSession(tmp_path / "m.onnx", providers=["CPUExecutionProvider"]).run(None, {"x": x})
    for ours, others in zip((y, k, place), found):
        np.testing.assert_allclose(ours, others, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", ["convolutions", "tied"])
def test_spark_builds_the_same_network(name):
    """What tasks get of a network: a chain, and one in which tensors go several ways."""
    nets = pytest.importorskip("firesteel.spark.nets")
    model, numbers = case(name)
    recipe = nets.recipe_of("net", model)
    built = nets.network_of(type(recipe).parse(recipe.text, recipe.weights))
    assert built._net.layers() == model._net.layers() and built._net.uses() == model._net.uses()
    assert (built.predict(rows(numbers), verbose=0) == model.predict(rows(numbers), verbose=0)).all()
    assert nets.last_layer(recipe)[1] == numbers["y"].shape[1]
