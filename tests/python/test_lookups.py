"""Columns of words: their indices are StringLookup's, in tasks, in plain Python and in the file."""
import numpy as np
import pyarrow as pa
import pytest

import firesteel as fire
from firesteel import _lookups, errors
from firesteel._lookups import Lookup, Lookups


def test_indices_are_those_of_string_lookup():
    words = ["Rome", "Oslo", "Bern"]
    one = Lookup("city", [0], words)
    asked = ["Oslo", None, "", "Paris", "Bern", "Rome"]
    assert one.indices(pa.array(asked)).to_pylist() == [3, 0, 0, 1, 4, 2] == one.layer()(asked).tolist()
    assert one.size == 5 == one.layer().vocabulary_size()
    assert one.indices(pa.chunked_array([["Oslo"], [None]])).to_pylist() == [3, 0]
    assert one.indices(pa.array(["Oslo", "Oslo", "?"]).dictionary_encode()).to_pylist() == [3, 3, 1]
    assert one.indices(pa.array([], pa.string())).to_pylist() == []


def test_indices_of_numbers_booleans_and_lists():
    assert Lookup("n", [0], [7, -5]).indices(pa.array([7, None, 8, -5], pa.int16())).to_pylist() == [2, 0, 1, 3]
    assert Lookup("b", [0], ["true", "false"]).indices(pa.array([False, True, None])).to_pylist() == [3, 2, 0]
    lists = pa.array([["x"], ["b", "z"], None, [], [None, "a"]])
    for at in range(len(lists)):  # slices of lists with nulls
        found = Lookup("l", [0], ["a", "b"]).indices(lists[at:])
        assert found.to_pylist() == [[1], [3, 1], None, [], [0, 2]][at:]
    assert Lookup("l", [0], ["a"]).indices(pa.array([["a"]], pa.large_list(pa.string()))).to_pylist() == [[2]]


def test_what_a_vocabulary_cannot_look_up():
    with pytest.raises(errors.FiresteelError, match="FS2002.*'n' is string.*whole numbers"):
        Lookup("n", [0], [7]).indices(pa.array(["7"]))
    for text in ("{", "[1]", '[{"name": "a", "at": [0]}]', '[{"name": "a", "at": [0], "words": [1, "x"]}]', '[{"name": "a", "at": [0], "words": [99999999999999999999]}]'):
        with pytest.raises(errors.FiresteelError, match="FS5004"):
            Lookups.parse(text)


@pytest.fixture
def model(tmp_path):
    """A net over two numbers and a word, with its vocabulary in the file."""
    layers = fire.layers
    numbers, city = fire.Input((2,), name="numbers"), fire.Input((1,), name="city")
    net = fire.Model([numbers, city], layers.Dense(1)(layers.Concatenate()([numbers, layers.Flatten()(layers.Embedding(5, 3)(city))])))
    net.compile("sgd", "mse")
    for key, text in Lookups([Lookup("city", [1], ["Rome", "Oslo", "Bern"])]).notes():
        net._net.set_note(key, text)
    net._net.set_note("columns", '{"features": ["both", "city"], "label": "y"}')
    net.save(tmp_path / "model.onnx")
    return fire.load(tmp_path / "model.onnx")


def test_a_model_takes_words_in_plain_python(model):
    both, words = np.array([[1, 2], [3, 4], [5, 6], [7, 8]], np.float32), ["Oslo", None, "Paris", "Rome"]
    expected = model.predict({"numbers": both, "city": np.array([[3], [0], [1], [2]])}, verbose=0)
    table = pa.table({"city": words, "both": pa.array(both.tolist(), pa.list_(pa.float32())), "more": [1, 2, 3, 4]})
    for given in (table, table.to_batches()[0], {"both": both, "city": words}, {"numbers": both, "city": np.array(["Oslo", "", "Paris", "Rome"])}):
        assert model.predict(given, verbose=0).tobytes() == expected.tobytes()
    # A table with other names for the same columns.
    renamed = table.rename_columns(["town", "pair", "more"])
    assert model.predict(renamed, features=["pair", "town"], verbose=0).tobytes() == expected.tobytes()
    assert model.lookups["city"].get_vocabulary() == ["", "[UNK]", "Rome", "Oslo", "Bern"]
    y = np.zeros((4, 1), np.float32)
    assert model.evaluate({"both": both, "city": words}, y, verbose=0) == model.evaluate(table.append_column("y", pa.array([0.0] * 4)), verbose=0)


def test_many_models_in_one_process(model):
    for k in range(_lookups.KEPT + 2):
        for key, text in Lookups([Lookup("city", [1], [f"word{k}"])]).notes():
            model._net.set_note(key, text)
        assert _lookups.of(model._net).columns[0].words == [f"word{k}"]
    assert len(_lookups._known) == _lookups.KEPT
