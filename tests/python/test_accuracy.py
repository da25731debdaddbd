"""Two of the runs of tests/proof/test_accuracy.py, in full: 60,000 pictures to train on, 10,000 to test."""
import firesteel as fire
import pytest
from firesteel import layers


@pytest.mark.slow
@pytest.mark.parametrize("hidden, batch, epochs, least", [([128], 32, 10, 0.865), ([], 128, 5, 0.825)], ids=["one hidden layer", "softmax regression"])
def test_accuracy(fashion, hidden, batch, epochs, least):
    (x, y), validation = fashion
    fire.utils.set_random_seed(1)
    model = fire.Sequential([fire.Input((784,)), *(layers.Dense(units, "relu") for units in hidden), layers.Dense(10, "softmax")])
    model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])
    history = model.fit(x, y, batch_size=batch, epochs=epochs, verbose=0, validation_data=validation).history
    assert history["val_accuracy"][-1] >= least and history["loss"] == sorted(history["loss"], reverse=True)
