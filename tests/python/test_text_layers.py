"""StringLookup and TextVectorization: Keras' vocabularies and indices (tests/data/keras/texts.json), and strings through a model and its file."""
import json
from pathlib import Path

import firesteel as fire
import numpy as np
import pytest
from firesteel import errors, layers

KNOWN = json.loads((Path(__file__).resolve().parents[1] / "data" / "keras" / "texts.json").read_text())


@pytest.mark.parametrize("name", KNOWN["cases"])
def test_keras_words(name):
    case = KNOWN["cases"][name]
    lookup = case["kind"] == "StringLookup"
    layer = getattr(layers, case["kind"])(**case["attrs"])
    layer.adapt(KNOWN["words"] if lookup else KNOWN["texts"])
    assert layer.get_vocabulary() == case["vocabulary"]
    y = layer(KNOWN["pairs"] if lookup else KNOWN["new"])
    np.testing.assert_allclose(y, case["y"], rtol=1e-6)
    again = getattr(layers, case["kind"])(**layer.get_config())
    np.testing.assert_array_equal(again(KNOWN["pairs"] if lookup else KNOWN["new"]), y)


def test_strings_through_a_model(tmp_path):
    texts = ["good good film", "bad film", "a good one", "so bad", "really good", "bad bad bad"]
    words = layers.TextVectorization(output_sequence_length=4)
    words.adapt(texts)
    model = fire.Sequential([words, fire.Input((4,)), layers.Embedding(words.vocabulary_size(), 3), layers.Flatten(), layers.Dense(1, "sigmoid")])
    model.compile("adam", "binary_crossentropy")
    model.fit(texts, np.array([1, 0, 1, 0, 1, 0]), epochs=2, verbose=0)
    y = model.predict(np.array(texts), verbose=0)
    assert (model.predict(words(texts).astype("f"), verbose=0) == y).all()
    np.testing.assert_allclose(model.predict_row(texts[2]), y[2], rtol=1e-5)
    model.save(tmp_path / "m.onnx")
    back = fire.load(tmp_path / "m.onnx")
    assert (back.predict(texts, verbose=0) == y).all() and back.preprocessing.get_vocabulary() == words.get_vocabulary()


def test_refusals():
    with pytest.raises(errors.FiresteelError, match="has no vocabulary"):
        layers.StringLookup()(["a"])
    with pytest.raises(errors.FiresteelError, match="names a word twice"):
        layers.StringLookup(vocabulary=["a", "b", "a"])
    with pytest.raises(errors.FiresteelError, match="must be the first layer"):
        fire.Sequential([fire.Input((3,)), layers.TextVectorization(vocabulary=["a"])])
    with pytest.raises(errors.FiresteelError, match="strings are expected"):
        layers.StringLookup(vocabulary=["a"])([1, 2])
    with pytest.raises(errors.FiresteelError, match="'z' is not in the vocabulary"):
        layers.StringLookup(vocabulary=["a"], num_oov_indices=0)(["z"])
    with pytest.raises(errors.FiresteelError, match="output_mode='words'"):
        layers.TextVectorization(output_mode="words")
