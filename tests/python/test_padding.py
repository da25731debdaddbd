"""test_padding - rows of unlike length: lists, tables and files are padded and cut as the Input says, and masks follow."""
import io
import subprocess
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

import firesteel as fire
from firesteel import layers
from firesteel.utils import pad_sequences

ROWS = [[3, 1], [2, 4, 1, 3, 2, 1, 4], [], [1, 2, 3, 4, 1], [4]]
LABELS = [0, 1, 0, 1, 1]
BINARY = Path(__file__).parents[2] / "build" / "cli" / "firesteel"


def expected(rows, length, padding, truncating, value):
    """By hand, step by step."""
    out = []
    for row in rows:
        row = list(row)
        row = row[max(0, len(row) - length):] if truncating == "pre" else row[:length]
        extra = [value] * (length - len(row))
        out.append(extra + row if padding == "pre" else row + extra)
    return np.array(out, np.float32)


def tokens(padding="pre", truncating="pre", length=5, seed=1):
    fire.utils.set_random_seed(seed)
    return fire.Sequential([fire.Input((length,), padding=padding, truncating=truncating), layers.Embedding(5, 3, mask_zero=True), layers.LSTM(4),
                            layers.Dense(2, activation="softmax")])


@pytest.mark.parametrize("padding", ["pre", "post"])
@pytest.mark.parametrize("truncating", ["pre", "post"])
@pytest.mark.parametrize("length", [1, 5, 9])
@pytest.mark.parametrize("kind", [pa.int32(), pa.float64(), pa.int64()])
def test_every_entrance_pads_alike(padding, truncating, length, kind):
    model = tokens(padding, truncating, length)
    x = expected(ROWS, length, padding, truncating, 0)
    assert np.array_equal(pad_sequences(ROWS, length, padding=padding, truncating=truncating), x)
    by_hand = model.predict(x)
    objects = np.empty(len(ROWS), object)
    objects[:] = ROWS
    column = pa.array(ROWS, pa.list_(kind))
    for given in (ROWS, objects, [np.array(r, np.int16) for r in ROWS], pa.table({"words": column}), pa.table({"words": column.cast(pa.large_list(kind))}),
                  pa.table({"words": pa.chunked_array([column[:2], column[2:]])})):
        assert np.array_equal(model.predict(given), by_hand)
    loaded = fire.Model.from_bytes(model.to_bytes())
    assert np.array_equal(loaded.predict(ROWS), by_hand)
    assert np.array_equal(model.predict_row(ROWS[1]), model.predict_row(x[1]))


def test_fit_and_evaluate_of_lists_and_tables_are_those_of_padded_arrays():
    x, y = expected(ROWS, 5, "post", "pre", 0), np.array(LABELS)
    table = pa.table({"words": pa.array(ROWS, pa.list_(pa.int32())), "label": LABELS})
    results = []
    for given, label in (((x, y), None), ((ROWS, y), None), ((table,), "label"), ((iter(table.to_batches(max_chunksize=2)),), "label")):
        model = tokens("post")
        model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
        again = given if label is None else (table,)
        history = model.fit(*given, epochs=3, batch_size=2, seed=5, verbose=0, label=label)
        results.append((history.history["loss"], model.get_weights(), model.evaluate(*again, label=label, verbose=0)))
    for loss, weights, evaluated in results[1:]:
        assert loss == results[0][0] and evaluated == results[0][2]
        assert all(np.array_equal(a, b) for a, b in zip(weights, results[0][1]))


def test_padding_does_not_count_where_it_is_masked():
    short, long = tokens("pre", length=4), tokens("pre", length=12)
    long.set_weights(short.get_weights())
    rows = [[1, 2], [3, 4, 1], [2, 2, 2, 2]]
    assert np.allclose(short.predict(rows), long.predict(rows), atol=1e-6)


@pytest.mark.parametrize("padding", ["pre", "post"])
def test_steps_of_several_features(padding):
    rows = [[[1.0, 2.0], [3.0, 4.0]], [[5.0, 6.0]], [], [[k, -k] for k in range(6)]]
    model = fire.Sequential([fire.Input((4, 2), padding=padding, truncating="post", padding_value=-9.0), layers.Masking(-9.0), layers.GRU(3)])
    x = np.full((4, 4, 2), -9.0, np.float32)
    for i, row in enumerate(rows):
        row = row[:4]
        x[i, 0 if padding == "post" else 4 - len(row):][:len(row)] = np.array(row).reshape(-1, 2)
    by_hand = model.predict(x)
    nested, fixed = pa.list_(pa.list_(pa.float32())), pa.list_(pa.list_(pa.float32(), 2))
    flat = pa.array([[v for step in row for v in step] for row in rows], pa.list_(pa.float64()))
    for given in (rows, pa.table({"a": pa.array(rows, nested)}), pa.table({"a": pa.array(rows, fixed)}), pa.table({"a": flat}), pa.table({"a": pa.array(rows, nested)})[0:4]):
        assert np.array_equal(model.predict(given), by_hand)
    assert np.array_equal(model.predict(pa.table({"a": pa.array(rows, nested)}).slice(1, 2)), by_hand[1:3])


def test_two_inputs_each_with_its_own():
    a, b = fire.Input((4,), name="words", padding="post"), fire.Input((1,), name="age")
    made = layers.GlobalAveragePooling1D()(layers.Embedding(6, 2)(a))
    model = fire.Model([a, b], layers.Dense(1)(layers.Concatenate()([made, b])))
    age = [[1.0], [2.0], [3.0], [4.0], [5.0]]
    by_hand = model.predict({"words": expected(ROWS, 4, "post", "pre", 0), "age": age})
    assert np.array_equal(model.predict({"words": ROWS, "age": age}), by_hand)
    assert np.array_equal(model.predict([ROWS, age]), by_hand)
    table = pa.table({"words": pa.array(ROWS, pa.list_(pa.int8())), "age": [r[0] for r in age]})
    assert np.array_equal(model.predict(table), by_hand)


def test_nulls():
    model = tokens("post")
    table = pa.table({"words": pa.array([[1, 2], None, [3, None]], pa.list_(pa.int32()))})
    with pytest.raises(fire.FiresteelError, match="column 'words', row 1 holds a null"):
        model.predict(table)
    assert np.array_equal(model.predict(table, handle_invalid="skip"), model.predict([[1, 2]]))


@pytest.mark.parametrize("given, message", [
    (ROWS, "unless the Input has padding"),
    (pa.table({"words": pa.array(ROWS, pa.list_(pa.int32()))}), "column 'words', row 1 has 7 elements, expected 2 as in the rows before"),
])
def test_without_padding_rows_of_unlike_length_stay_an_error(given, message):
    model = fire.Sequential([fire.Input((5,)), layers.Embedding(5, 3), layers.LSTM(4)])
    with pytest.raises(fire.FiresteelError, match=message):
        model.predict(given)


@pytest.mark.parametrize("given, message", [
    ([[1.0, 2.0, 3.0]], r"row 0 has steps of shape \[\]; expected \[2\]"),
    ([[[1.0, 2.0], [3.0]]], "row 0: its steps have different lengths"),
    ([["a", "b"]], "row 0 is of type"),
    (pa.table({"a": pa.array([[1.0, 2.0], [1.0, 2.0, 3.0]])}), r"column 'a', row 1 has 3 elements, which are not whole steps of rows \[4, 2\]"),
    (pa.table({"a": pa.array([[[1.0, 2.0, 3.0], [1.0]]])}), "column 'a', row 0 has 4 elements, which are not whole steps"),
    (pa.table({"a": pa.array([[[1.0, 2.0, 3.0]]], pa.list_(pa.list_(pa.float32(), 3)))}), "steps do not fit"),
])
def test_what_is_no_sequence_of_steps(given, message):
    model = fire.Sequential([fire.Input((4, 2), padding="pre"), layers.GRU(3)])
    with pytest.raises(fire.FiresteelError, match=message):
        model.predict(given)


def test_the_command_pads(tmp_path):
    model = tokens("post")
    model.save(tmp_path / "m.onnx")
    for width in (3, 5, 8):
        x = np.arange(2 * width).reshape(2, width) % 5
        np.save(tmp_path / "x.npy", x.astype(np.float32))
        np.savetxt(tmp_path / "x.csv", x, "%d", ",")
        subprocess.run([BINARY, "score", tmp_path / "m.onnx", tmp_path / "x.npy", "-o", tmp_path / "y.npy"], check=True)
        assert np.array_equal(np.load(tmp_path / "y.npy"), model.predict(x.tolist()))
        out = subprocess.run([BINARY, "score", tmp_path / "m.onnx", tmp_path / "x.csv"], check=True, capture_output=True, text=True).stdout
        assert np.array_equal(np.loadtxt(io.StringIO(out), delimiter=",", skiprows=1)[:, :2].astype(np.float32), model.predict(x.tolist()))
