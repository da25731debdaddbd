#!/usr/bin/env python3
"""make.py FOLDER [case ...] - numbers of Keras (on TensorFlow) for layers, in float64: one .npz a case with its inputs x0 x1 ..., weights p0 p1 ..., an upstream
gradient dy, the output y and the gradients dx0 ..., dp0 ... of sum(y * dy), and the case itself as JSON: class, attributes, arguments of the call, which
inputs pass a Masking layer first, and whether the layer trains. tests/python/test_keras_layers.py compares the engine with them.
"""
import json
import sys
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

keras.config.set_floatx("float64")

# name: class, attributes, shapes of the inputs; then masked inputs, arguments of the call, training
# Keras rounds 1 / sqrt(key_dim) to float32 (of 4 it is exact), and its fused attention takes a softmax in float32 whatever the type: asked for dropout, even of
# nothing, it does not go that way.
CASES = {
    "attention": ("Attention", {}, [(3, 4), (5, 4)]),
    "attention_scale": ("Attention", {"use_scale": True}, [(3, 4), (5, 2), (5, 4)]),
    "attention_concat": ("Attention", {"score_mode": "concat", "use_scale": True}, [(3, 4), (5, 4)]),
    "attention_causal": ("Attention", {}, [(4, 3), (4, 3)], [], {"use_causal_mask": True}),
    "attention_masks": ("Attention", {"use_scale": True}, [(3, 4), (5, 4)], [0, 1], {}),
    "attention_causal_masks": ("Attention", {}, [(5, 4), (5, 4)], [1], {"use_causal_mask": True}),
    "additive_attention": ("AdditiveAttention", {}, [(3, 4), (5, 4)]),
    "additive_attention_masks": ("AdditiveAttention", {}, [(3, 4), (5, 2), (5, 4)], [0, 1]),
    "mha_cross": ("MultiHeadAttention", {"dropout": 1e-9, "num_heads": 2, "key_dim": 4}, [(3, 4), (5, 6)]),
    "mha_three": ("MultiHeadAttention", {"dropout": 1e-9, "num_heads": 2, "key_dim": 4, "value_dim": 5}, [(3, 4), (5, 6), (5, 2)]),
    "mha_plain": ("MultiHeadAttention", {"dropout": 1e-9, "num_heads": 3, "key_dim": 4, "use_bias": False, "output_shape": (7,)}, [(3, 4), (5, 6)]),
    "mha_causal": ("MultiHeadAttention", {"dropout": 1e-9, "num_heads": 2, "key_dim": 4}, [(4, 5), (4, 5)], [], {"use_causal_mask": True}),
    "mha_masks": ("MultiHeadAttention", {"num_heads": 2, "key_dim": 4}, [(4, 5), (6, 5)], [0, 1]),
    "mha_masks_zero": ("MultiHeadAttention", {"dropout": 1e-9, "num_heads": 2, "key_dim": 4}, [(4, 5), (6, 5)], [0, 1]),
    "mha_planes": ("MultiHeadAttention", {"num_heads": 2, "key_dim": 4}, [(2, 3, 4), (2, 2, 4)]),
    "gqa": ("GroupQueryAttention", {"dropout": 1e-9, "head_dim": 4, "num_query_heads": 4, "num_key_value_heads": 2}, [(3, 4), (5, 4)]),
    "gqa_causal": ("GroupQueryAttention", {"dropout": 1e-9, "head_dim": 4, "num_query_heads": 2, "num_key_value_heads": 1, "use_bias": False}, [(4, 3), (4, 3)], [], {"use_causal_mask": True}),
    "conv_lstm_1d": ("ConvLSTM1D", {"filters": 2, "kernel_size": 3, "padding": "same", "return_sequences": True, "go_backwards": True}, [(3, 5, 2)]),
    "conv_lstm_2d": ("ConvLSTM2D", {"filters": 2, "kernel_size": (2, 3), "strides": (1, 2)}, [(3, 4, 5, 2)]),
    "conv_lstm_2d_dilated": ("ConvLSTM2D", {"filters": 2, "kernel_size": 2, "dilation_rate": 2, "use_bias": False}, [(2, 4, 4, 1)]),
    "conv_lstm_3d": ("ConvLSTM3D", {"filters": 2, "kernel_size": 2, "recurrent_activation": "hard_sigmoid"}, [(2, 2, 3, 2, 1)]),
    "einsum_dense": ("EinsumDense", {"equation": "abc,cd->abd", "output_shape": (None, 3), "bias_axes": "d", "activation": "tanh"}, [(2, 4)]),
    "einsum_heads": ("EinsumDense", {"equation": "abc,cde->abde", "output_shape": (None, 2, 3), "bias_axes": "de"}, [(3, 4)]),
    "einsum_dots": ("EinsumDense", {"equation": "...x,xy->...y", "output_shape": 3}, [(2, 3, 4)]),
    "einsum_dots_right": ("EinsumDense", {"equation": "ab...,bc->ac...", "output_shape": (5,), "bias_axes": "c"}, [(3, 2, 2)]),
    "einsum_stack": ("EinsumDense", {"equation": "abc,bd->acd", "output_shape": (4, 2), "bias_axes": "cd"}, [(3, 4)]),
    "add_ranks": ("Add", {}, [(3, 4), (4,), (3, 1)]),
    "multiply_masks": ("Multiply", {}, [(4, 3), (4, 3)], [0, 1]),
    "multiply_one_mask": ("Multiply", {}, [(4, 3), (4, 3)], [1]),
    "maximum_masks": ("Maximum", {}, [(4, 3), (4, 3), (4, 3)], [0, 1, 2]),
    "minimum_one_mask": ("Minimum", {}, [(4, 3), (4, 3)], [0]),
    "average": ("Average", {}, [(4,), (4,), (4,)]),
    "concatenate": ("Concatenate", {"axis": 1}, [(2, 3), (4, 3)]),
    "dot": ("Dot", {"axes": (1, 2)}, [(3, 4), (2, 3)]),
    "dot_vectors": ("Dot", {"axes": 1, "normalize": True}, [(4,), (4,)]),
    "dot_one": ("Dot", {"axes": (2, 1)}, [(3, 4), (4,)]),
    "batch_normalization_axis": ("BatchNormalization", {"axis": 1}, [(3, 4)]),
    "batch_normalization_train": ("BatchNormalization", {"axis": 1, "momentum": 0.9}, [(3, 4)], [], {}, True),
    "batch_normalization_masked": ("BatchNormalization", {}, [(5, 3)], [0], {}, True),
    "layer_normalization_axes": ("LayerNormalization", {"axis": (1, 2)}, [(3, 4, 2)]),
    "layer_normalization_inner": ("LayerNormalization", {"axis": 1, "center": False}, [(3, 4)]),
    "group_normalization": ("GroupNormalization", {"groups": 2, "axis": 1}, [(4, 3)]),
    "group_normalization_all": ("GroupNormalization", {"groups": -1}, [(3, 2, 4)]),
    "rms_normalization": ("RMSNormalization", {"axis": (1, 2)}, [(3, 4)]),
    "unit_normalization": ("UnitNormalization", {"axis": (1,)}, [(3, 4)]),
    "flatten_channels": ("Flatten", {"data_format": "channels_first"}, [(2, 3, 4)]),
    "rescaling": ("Rescaling", {"scale": [0.5, 2.0, -1.0], "offset": 0.25}, [(2, 3)]),
    "discretization": ("Discretization", {"bin_boundaries": [-0.5, 0.0, 0.7]}, [(4,)]),
    "discretization_one_hot": ("Discretization", {"bin_boundaries": [-0.5, 0.0, 0.7], "output_mode": "one_hot"}, [(1,)]),
    "discretization_multi_hot": ("Discretization", {"bin_boundaries": [-0.5, 0.0, 0.7], "output_mode": "multi_hot"}, [(4,)]),
    "discretization_count": ("Discretization", {"bin_boundaries": [-0.5, 0.0, 0.7], "output_mode": "count"}, [(4,)]),
    "category_multi_hot": ("CategoryEncoding", {"num_tokens": 6}, [(4,)]),
    "category_one_hot": ("CategoryEncoding", {"num_tokens": 6, "output_mode": "one_hot"}, [(1,)]),
    "category_one_hot_many": ("CategoryEncoding", {"num_tokens": 6, "output_mode": "one_hot"}, [(3,)]),
    "category_count": ("CategoryEncoding", {"num_tokens": 6, "output_mode": "count"}, [(4,)]),
    "hashing": ("Hashing", {"num_bins": 7}, [(9,)]),
    "hashing_mask": ("Hashing", {"num_bins": 5, "mask_value": 3}, [(9,)]),
    "hashing_salt": ("Hashing", {"num_bins": 11, "salt": 133}, [(9,)]),
    "hashing_salts": ("Hashing", {"num_bins": 11, "salt": [133, 137]}, [(9,)]),
    "integer_lookup": ("IntegerLookup", {"vocabulary": [3, 0, 5, 1]}, [(6,)]),
    "integer_lookup_mask": ("IntegerLookup", {"vocabulary": [3, 5, 1], "mask_token": 0, "num_oov_indices": 2}, [(6,)]),
    "integer_lookup_count": ("IntegerLookup", {"vocabulary": [3, 0, 5, 1], "output_mode": "count"}, [(6,)]),
}
WHOLE = {"CategoryEncoding", "Hashing", "IntegerLookup"}


TEXTS = ["The cat sat on the mat.", "A dog, a cat & THE bird!", "", "the  dog\tsat", "Ein Vogel: \u00dcber den W\u00e4ldern"]
NEW = ["the bird saw a zebra", "cat-dog", "  ", "\u00dcber the mat mat mat a b c d e f g"]
TEXT_CASES = {
    "vectorization": ("TextVectorization", {}),
    "length": ("TextVectorization", {"output_sequence_length": 4, "max_tokens": 6}),
    "characters": ("TextVectorization", {"split": "character", "standardize": "lower", "output_sequence_length": 6}),
    "bigrams": ("TextVectorization", {"ngrams": 2, "standardize": None}),
    "ngrams": ("TextVectorization", {"ngrams": (1, 3), "output_mode": "count"}),
    "multi_hot": ("TextVectorization", {"output_mode": "multi_hot", "max_tokens": 20, "pad_to_max_tokens": True}),
    "tf_idf": ("TextVectorization", {"output_mode": "tf_idf"}),
    "unsplit": ("TextVectorization", {"split": None, "standardize": "strip_punctuation"}),
    "lookup": ("StringLookup", {}),
    "lookup_mask": ("StringLookup", {"mask_token": "", "num_oov_indices": 3}),
    "lookup_count": ("StringLookup", {"output_mode": "count"}),
    "lookup_one_hot": ("StringLookup", {"output_mode": "one_hot", "max_tokens": 4}),
}


def texts():
    """Vocabularies learnt from TEXTS and what becomes of NEW (StringLookup: of their words, two a row)."""
    out = {"texts": TEXTS, "new": NEW, "cases": {}}
    words, pairs = " ".join(TEXTS).split(" "), [["the", "zebra"], ["", "dog"], ["cat", "cat"], ["sat", "Vogel:"]]
    out["words"], out["pairs"] = words, pairs
    for name, (kind, attrs) in TEXT_CASES.items():
        layer = getattr(keras.layers, kind)(**attrs)
        lookup = kind == "StringLookup"
        layer.adapt(words if lookup else TEXTS)
        y = np.asarray(layer(tf.constant(pairs if lookup else NEW)))
        out["cases"][name] = {"kind": kind, "attrs": attrs, "vocabulary": [str(w) for w in layer.get_vocabulary()], "y": y.tolist()}
    return out


def case(name, kind, attrs, shapes, masked=(), call=None, training=False):
    seed = sum(map(ord, name))
    rng = np.random.default_rng(seed)
    rows = 4
    if kind in WHOLE:
        xs = [rng.integers(0, 6 if kind != "Hashing" else 100000, (rows, *shape)) for shape in shapes]
        if kind == "Hashing":
            xs[0][:, :2] = [3, -17]
        made = getattr(keras.layers, kind)(**attrs)
        y = np.asarray(made(xs[0])).astype("float64")
        return {"x0": xs[0].astype("float64"), "y": y}
    xs = [rng.normal(size=(rows, *shape)) for shape in shapes]
    for i in masked:  # the last steps of some rows
        for row in range(rows):
            if row != 1:
                xs[i][row, shapes[i][0] - 1 - row % 2:] = 0
    layer = getattr(keras.layers, kind)(**attrs)
    inputs = [keras.Input(shape) for shape in shapes]
    ins = [keras.layers.Masking()(x) if i in masked else x for i, x in enumerate(inputs)]
    several = kind.endswith("Attention") and "Query" in kind or kind == "MultiHeadAttention"
    out = layer(*ins, **(call or {})) if several else layer(ins if len(ins) > 1 or kind.endswith("Attention") else ins[0], **(call or {}))
    model = keras.Model(inputs, out)
    if layer.weights:
        layer.set_weights([abs(rng.normal(size=w.shape)) + 0.1 if "variance" in w.name else rng.normal(size=w.shape) for w in layer.weights])
    weights = layer.get_weights()
    tensors = [tf.constant(x) for x in xs]
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(tensors)
        y = tf.cast(model(tensors, training=training), "float64")
        dy = rng.normal(size=y.shape)
        loss = tf.reduce_sum(y * dy)
    result = {"y": y.numpy(), "dy": dy, **{f"x{i}": x for i, x in enumerate(xs)}, **{f"p{i}": w for i, w in enumerate(weights)}}
    for i, t in enumerate(tensors):
        d = tape.gradient(loss, t)
        result[f"dx{i}"] = np.zeros(t.shape) if d is None else d.numpy()
    for i, w in enumerate(layer.weights):
        d = tape.gradient(loss, w.value) if w.trainable else None
        if d is not None:
            result[f"dp{i}"] = d.numpy()
        if not w.trainable and training:
            result[f"new{i}"] = w.numpy()
    return result


def main(folder, *names):
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for name, (kind, attrs, shapes, *rest) in CASES.items():
        if names and name not in names:
            continue
        masked, call, training = (*rest, *([], {}, False)[len(rest):])
        arrays = case(name, kind, attrs, shapes, masked, call, training)
        arrays["case"] = np.array(json.dumps({"kind": kind, "attrs": attrs, "masked": list(masked), "call": call, "training": training}))
        np.savez_compressed(folder / f"{name}.npz", **arrays)
    if not names:
        (folder / "texts.json").write_text(json.dumps(texts(), indent=1) + "\n")
    print(len(CASES), "cases; keras", keras.__version__, "tensorflow", tf.__version__)


if __name__ == "__main__":
    main(*sys.argv[1:])
