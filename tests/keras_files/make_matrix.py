"""make_matrix FOLDER [word] - several hundred models as Keras 2 saves them (tf_keras), each NAME.h5 with NAME.npz: inputs x0 x1 ..., outputs y0 y1 ...; and as Keras 1
saved them: NAME.keras1.h5, written here after the formats of 1.2. `word`: only cases whose name has it. Run by tests/proof/test_keras_matrix.py with tf_keras."""
import itertools
import json
import sys
from pathlib import Path

import h5py
import numpy as np
import tf_keras as keras

L = keras.layers
CASES = {}
INTEGERS = {}  # name: numbers below which whole numbers are drawn


def case(name, make, integers=0):
    assert name not in CASES, name
    CASES[name] = make
    if integers:
        INTEGERS[name] = integers


def chain(name, shape, *layers, integers=0):
    """A Sequential; layers are made when it is."""
    case(name, lambda: keras.Sequential([keras.Input(shape), *(layer() for layer in layers)]), integers)


def word(*values):
    return "_".join(str(v).replace(" ", "").replace("(", "").replace(")", "").replace(",", "x").replace("None", "none").lower() for v in values)


# ---- dense and element-wise
for a in ("linear relu tanh sigmoid hard_sigmoid softmax softplus softsign elu selu exponential swish gelu").split():
    chain(f"dense_{a}", (5,), lambda a=a: L.Dense(4, a), lambda: L.Dense(2))
    chain(f"activation_{a}", (3, 4), lambda a=a: L.Activation(a))
for i, make in enumerate((lambda: L.LeakyReLU(), lambda: L.LeakyReLU(0.05), lambda: L.ELU(0.7), lambda: L.ThresholdedReLU(0.4), lambda: L.ReLU(), lambda: L.ReLU(0.6),
                          lambda: L.ReLU(0.6, 0.1, 0.2), lambda: L.ReLU(negative_slope=0.3), lambda: L.PReLU(), lambda: L.PReLU(shared_axes=[1]), lambda: L.PReLU(shared_axes=[1, 2]),
                          lambda: L.Softmax(), lambda: L.Softmax(1), lambda: L.Softmax((1, 2)))):
    chain(f"advanced_{i}", (3, 4, 2), make)
for i, make in enumerate((lambda: L.Dropout(0.3), lambda: L.SpatialDropout1D(0.3), lambda: L.GaussianNoise(0.2), lambda: L.GaussianDropout(0.2), lambda: L.AlphaDropout(0.2),
                          lambda: L.ActivityRegularization(0.1), lambda: L.Permute((2, 1)), lambda: L.Reshape((2, 6)), lambda: L.Reshape((-1, 2)), lambda: L.Flatten(),
                          lambda: L.UnitNormalization(), lambda: L.LayerNormalization(), lambda: L.LayerNormalization(axis=(1, 2)), lambda: L.GroupNormalization(2),
                          lambda: L.Rescaling(0.5, 1.0), lambda: L.RepeatVector(2) if False else L.Masking(0.0))):
    chain(f"shape_{i}", (3, 4), make, lambda: L.Dense(2))
chain("repeat", (4,), lambda: L.RepeatVector(3), lambda: L.LSTM(2))
held = {"kernel_regularizer": keras.regularizers.l1_l2(0.1, 0.2), "bias_regularizer": "l2", "activity_regularizer": "l1", "kernel_constraint": keras.constraints.MaxNorm(2.0),
        "bias_constraint": "non_neg", "kernel_initializer": keras.initializers.VarianceScaling(2.0, "fan_out", "uniform"), "bias_initializer": keras.initializers.Constant(0.1)}
chain("dense_held", (5,), lambda: L.Dense(3, **held))
chain("conv_held", (5, 5, 2), lambda: L.Conv2D(3, 3, **held))
chain("unit_norm", (5,), lambda: L.Dense(3, kernel_constraint=keras.constraints.UnitNorm(axis=0)), lambda: L.Dense(2, kernel_constraint=keras.constraints.MinMaxNorm(0.1, 2, 0.5)))
for i, how in enumerate(("glorot_normal", "he_normal", "he_uniform", "lecun_uniform", "orthogonal", "random_uniform", "truncated_normal", "identity", "ones")):
    chain(f"initializer_{i}", (4,), lambda how=how: L.Dense(4, kernel_initializer=how))

# ---- convolutions
for padding, stride, dilation in itertools.product(("valid", "same", "causal"), (1, 2), (1, 2)):
    if stride == 1 or dilation == 1:
        chain(f"conv1d_{word(padding, stride, dilation)}", (9, 2), lambda p=padding, s=stride, d=dilation: L.Conv1D(3, 3, s, p, dilation_rate=d), lambda: L.Flatten(), lambda: L.Dense(2))
for padding, stride, dilation, kernel in itertools.product(("valid", "same"), (1, 2, (1, 2)), (1, 2), (2, 3, (3, 2))):
    if stride == 1 or dilation == 1:
        chain(f"conv2d_{word(padding, stride, dilation, kernel)}", (8, 7, 2), lambda p=padding, s=stride, d=dilation, k=kernel: L.Conv2D(3, k, s, p, dilation_rate=d, activation="relu"))
for padding, stride in itertools.product(("valid", "same"), (1, 2)):
    chain(f"conv3d_{word(padding, stride)}", (5, 6, 5, 2), lambda p=padding, s=stride: L.Conv3D(2, 3, s, p), lambda: L.Flatten())
    chain(f"separable1d_{word(padding, stride)}", (8, 3), lambda p=padding, s=stride: L.SeparableConv1D(4, 3, s, p, depth_multiplier=2))
    chain(f"separable2d_{word(padding, stride)}", (7, 8, 3), lambda p=padding, s=stride: L.SeparableConv2D(4, 3, s, p, depth_multiplier=2))
    chain(f"depthwise1d_{word(padding, stride)}", (8, 3), lambda p=padding, s=stride: L.DepthwiseConv1D(3, s, p))
    chain(f"depthwise2d_{word(padding, stride)}", (7, 8, 3), lambda p=padding, s=stride: L.DepthwiseConv2D(3, s, p, depth_multiplier=2))
    chain(f"transpose1d_{word(padding, stride)}", (5, 3), lambda p=padding, s=stride: L.Conv1DTranspose(2, 3, s, p))
    chain(f"transpose2d_{word(padding, stride)}", (4, 5, 3), lambda p=padding, s=stride: L.Conv2DTranspose(2, 3, s, p))
    chain(f"transpose3d_{word(padding, stride)}", (3, 4, 3, 2), lambda p=padding, s=stride: L.Conv3DTranspose(2, 2, s, p))
    for rank, shape in ((1, (7, 2)), (2, (6, 7, 2)), (3, (4, 5, 4, 2))):
        for kind in ("MaxPooling", "AveragePooling"):
            chain(f"{kind.lower()}{rank}d_{word(padding, stride)}", shape, lambda k=kind, r=rank, p=padding, s=stride: getattr(L, f"{k}{r}D")(2, s, p))
for rank, shape in ((1, (7, 2)), (2, (4, 5, 2)), (3, (3, 4, 3, 2))):
    for kind, keep in itertools.product(("GlobalMaxPooling", "GlobalAveragePooling"), (False, True)):
        chain(f"{kind.lower()}{rank}d_{word(keep)}", shape, lambda k=kind, r=rank, keep=keep: getattr(L, f"{k}{r}D")(keepdims=keep))
    for kind, amounts in (("ZeroPadding", (1, (2, 1) if rank == 1 else tuple((i, 2) for i in range(rank)))), ("Cropping", (1, (0, 1) if rank == 1 else tuple((i % 2, 1) for i in range(rank)))),
                          ("UpSampling", (2, 3))):
        for i, amount in enumerate(amounts):
            chain(f"{kind.lower()}{rank}d_{i}", shape, lambda k=kind, r=rank, a=amount: getattr(L, f"{k}{r}D")(a))
chain("upsampling_bilinear", (4, 5, 2), lambda: L.UpSampling2D((2, 3), interpolation="bilinear"))
chain("conv_groups", (6, 6, 4), lambda: L.Conv2D(4, 3, groups=2))
for implementation, padding, rank in itertools.product((1, 2, 3), ("valid", "same"), (1, 2)):
    if implementation > 1 or padding == "valid":
        chain(f"local{rank}d_{word(implementation, padding)}", (6, 2) if rank == 1 else (5, 4, 2),
              lambda i=implementation, p=padding, r=rank: getattr(L, f"LocallyConnected{r}D")(3, 3 if r == 1 else (3, 2), 1 if i == 2 else 2, p, implementation=i, activation="tanh"))
for axis in (1, 2, 3, -1):
    chain(f"batch_norm_{axis}", (4, 3, 5), lambda a=axis: L.BatchNormalization(a), lambda: L.Activation("relu"))
for center, scale in itertools.product((False, True), repeat=2):
    chain(f"batch_norm_{word(center, scale)}", (4,), lambda c=center, s=scale: L.BatchNormalization(center=c, scale=s, epsilon=0.01, momentum=0.8))

# ---- recurrent
for kind in ("LSTM", "GRU", "SimpleRNN"):
    make = getattr(L, kind)
    for i, attrs in enumerate(({}, {"return_sequences": True}, {"go_backwards": True}, {"go_backwards": True, "return_sequences": True}, {"use_bias": False}, {"unroll": True}, {"dropout": 0.2},
                               {"activation": "relu"}, {"activation": "softsign"}, {"activation": "linear"})):
        chain(f"{kind.lower()}_{i}", (5, 3), lambda m=make, a=attrs: m(4, **a), lambda: L.Dense(2))
    if kind != "SimpleRNN":
        for a, implementation in itertools.product(("sigmoid", "hard_sigmoid", "relu", "tanh", "softplus"), (1, 2)):
            chain(f"{kind.lower()}_inner_{a}_{implementation}", (5, 3), lambda m=make, a=a, i=implementation: m(4, recurrent_activation=a, implementation=i))
    chain(f"{kind.lower()}_masked", (6,), lambda: L.Embedding(7, 3, mask_zero=True), lambda m=make: m(4, return_sequences=True), lambda m=make: m(3), integers=3)
    chain(f"{kind.lower()}_timed", (5, 3), lambda m=make: m(4, return_sequences=True), lambda: L.TimeDistributed(L.Dense(2, "softmax")))
    for mode, sequences in itertools.product(("concat", "sum", "mul", "ave"), (False, True)):
        chain(f"bi_{kind.lower()}_{mode}_{sequences}", (4, 3), lambda m=make, mode=mode, s=sequences: L.Bidirectional(m(3, return_sequences=s), merge_mode=mode))
    chain(f"bi_{kind.lower()}_back", (4, 3), lambda m=make: L.Bidirectional(m(3, go_backwards=True, return_sequences=True)))
    chain(f"bi_{kind.lower()}_masked", (6,), lambda: L.Embedding(7, 3, mask_zero=True), lambda m=make: L.Bidirectional(m(3, return_sequences=True)), lambda: L.Bidirectional(L.LSTM(2)), integers=3)
    cell = getattr(L, f"{kind}Cell")
    chain(f"cell_{kind.lower()}", (4, 3), lambda c=cell: L.RNN(c(3), return_sequences=True))
    chain(f"cells_{kind.lower()}", (4, 3), lambda c=cell: L.RNN([c(3), L.LSTMCell(2), c(4)]))

    def states(make=make, kind=kind):
        x = keras.Input((4, 3))
        y, *last = make(3, return_state=True)(x)
        z = make(3, return_sequences=True)(x, initial_state=last)
        return keras.Model(x, [y, z, *last])
    case(f"states_{kind.lower()}", states)
for reset, implementation in itertools.product((False, True), (1, 2)):
    chain(f"gru_reset_{reset}_{implementation}", (4, 3), lambda r=reset, i=implementation: L.GRU(3, reset_after=r, implementation=i))
chain("cells_masked", (6,), lambda: L.Embedding(7, 3, mask_zero=True), lambda: L.RNN([L.GRUCell(3), L.LSTMCell(2)], return_sequences=True), lambda: L.GRU(2), integers=3)
for i, attrs in enumerate(({}, {"return_sequences": True}, {"padding": "same", "go_backwards": True}, {"strides": 2, "recurrent_activation": "sigmoid"}, {"dilation_rate": 2})):
    chain(f"conv_lstm2d_{i}", (3, 5, 6, 2), lambda a=attrs: L.ConvLSTM2D(2, 2, **a))
    chain(f"conv_lstm1d_{i}", (3, 6, 2), lambda a=attrs: L.ConvLSTM1D(2, 2, **a))
chain("conv_lstm3d", (2, 3, 4, 3, 1), lambda: L.ConvLSTM3D(2, 2))
chain("bi_conv_lstm2d", (3, 4, 4, 1), lambda: L.Bidirectional(L.ConvLSTM2D(2, 2, return_sequences=True)))
chain("timed_conv", (3, 5, 5, 2), lambda: L.TimeDistributed(L.Conv2D(3, 3)), lambda: L.TimeDistributed(L.BatchNormalization()), lambda: L.TimeDistributed(L.MaxPooling2D()), lambda: L.TimeDistributed(L.Flatten()),
      lambda: L.LSTM(2))
chain("masking", (5, 3), lambda: L.Masking(0.0), lambda: L.LSTM(3, return_sequences=True), lambda: L.GlobalAveragePooling1D(), integers=2)
chain("embedding_flat", (5,), lambda: L.Embedding(9, 3), lambda: L.Flatten(), lambda: L.Dense(2), integers=9)
chain("embedding_conv", (6,), lambda: L.Embedding(9, 3, input_length=6), lambda: L.Conv1D(2, 3), lambda: L.GlobalMaxPooling1D(), integers=9)

# ---- graphs


def two(f, shape=(4, 3), other=None):
    def make():
        a, b = keras.Input(shape, name="a"), keras.Input(other or shape, name="b")
        return keras.Model([a, b], f(a, b))
    return make


for kind in ("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum", "Concatenate"):
    case(f"merge_{kind.lower()}", two(lambda a, b, k=kind: getattr(L, k)()([a, b])))
case("merge_concat_1", two(lambda a, b: L.Concatenate(axis=1)([a, b]), (4, 3), (2, 3)))
case("merge_dot", two(lambda a, b: L.Dot((2, 1))([a, b]), (4, 3), (3, 2)))
case("merge_dot_1", two(lambda a, b: L.Dot(1)([a, b]), (5,)))
case("merge_cos", two(lambda a, b: L.Dot(-1, normalize=True)([a, b]), (5,)))
case("attention", two(lambda a, b: L.Attention()([a, b])))
case("attention_scaled", two(lambda a, b: L.Attention(use_scale=True)([a, b])))
case("additive_attention", two(lambda a, b: L.AdditiveAttention()([a, b])))
case("multi_head", two(lambda a, b: L.MultiHeadAttention(2, 3)(a, b)))


def shared():
    a, b, dense = keras.Input((4,)), keras.Input((4,)), L.Dense(3, "relu", name="twice")
    return keras.Model([a, b], L.Subtract()([dense(a), dense(b)]))


def outputs():
    x = keras.Input((4,))
    y = L.Dense(3, "relu")(x)
    return keras.Model(x, [L.Dense(2, name="left")(y), L.Dense(1, name="right")(y)])


def residual():
    x = keras.Input((8, 8, 3))
    y = L.BatchNormalization()(L.Conv2D(4, 3, padding="same", use_bias=False)(x))
    z = L.ReLU(6.0)(L.Add()([y, L.Conv2D(4, 1)(x)]))
    return keras.Model(x, L.Dense(2, "softmax")(L.GlobalAveragePooling2D()(z)))


def nested(trainable=True):
    def make():
        base = keras.Sequential([keras.Input((4,)), L.Dense(3, "relu"), L.BatchNormalization()], name="base")
        base.trainable = trainable
        x = keras.Input((4,))
        inner = keras.Model(x, L.Dense(4)(L.Concatenate()([x, base(x)])), name="inner")
        z = keras.Input((4,))
        return keras.Model(z, L.Dense(2)(inner(inner(z))))
    return make


def operations():
    x, z = keras.Input((4, 6)), keras.Input((4, 6))
    import tensorflow as tf
    y = [1 - x, x / z.shape[1], 2.0 ** x, tf.reshape(x, (-1, 24)), tf.nn.relu(x), tf.concat([x, z], -1), tf.reduce_mean(x, 1, True), x[:, 1:3, 0], x[..., tf.newaxis], x[:, -1], tf.transpose(x, [0, 2, 1]),
         tf.matmul(x, z, transpose_b=True), tf.stack([x, z], 1), *tf.split(x, 2, 1), tf.clip_by_value(x, -0.5, 0.5), tf.nn.softmax(x, 1), tf.maximum(x, z), -x, tf.math.l2_normalize(x, -1),
         tf.squeeze(tf.expand_dims(x, -1), -1), tf.where(x > z, x, z), tf.cast(x, "float32"), tf.math.squared_difference(x, z), tf.exp(x) + tf.sqrt(tf.abs(z)), x + [1.0, 2, 3, 4, 5, 6]]
    return keras.Model([x, z], y)


for name, make in (("shared", shared), ("outputs", outputs), ("residual", residual), ("nested", nested()), ("nested_frozen", nested(False)), ("operations", operations)):
    case(f"graph_{name}", make)
case("nested_first", lambda: keras.Sequential([keras.Input((5,)), keras.Sequential([keras.Input((5,)), L.Dense(4, "relu")]), L.Dense(2)]))
case("frozen", lambda: keras.Sequential([keras.Input((5,)), L.Dense(4, trainable=False), L.BatchNormalization(trainable=False), L.Dense(2)]))
case("applications_mobilenet", lambda: keras.applications.MobileNet(input_shape=(64, 64, 3), alpha=0.25, weights=None, classes=5))
case("applications_mobilenet2", lambda: keras.applications.MobileNetV2(input_shape=(64, 64, 3), alpha=0.35, weights=None, classes=5))
case("names_with_slashes", lambda: keras.Sequential([keras.Input((5,)), L.Dense(4, name="block/dense"), L.BatchNormalization(name="block/norm"), L.Dense(2, name="block/inner/last")]))
case("applications_mobilenet3", lambda: keras.applications.MobileNetV3Small(input_shape=(64, 64, 3), alpha=0.75, weights=None, classes=5, minimalistic=True))

# ---- Keras 1: what its files say for layers that both have

PADDING = {"padding": "border_mode"}


def keras1(layer, arrays, theano):
    """(class, configuration, weights) of a layer as Keras 1.2 wrote it, or None where it had no such layer."""
    c, kind = layer.get_config(), type(layer).__name__
    own = {"name": layer.name, "trainable": layer.trainable}
    order = {"dim_ordering": "th" if theano else "tf"}
    plain = {"init": "glorot_uniform", "activation": c.get("activation"), "W_regularizer": None, "b_regularizer": None, "activity_regularizer": None, "W_constraint": None, "b_constraint": None,
             "bias": c.get("use_bias", True)}
    gates = {"LSTM": (0, 2, 1, 3), "GRU": (0, 1, 2)}
    if kind == "Dense":
        return kind, {**own, **plain, "output_dim": c["units"], "input_dim": None}, arrays
    if kind in ("Activation", "Flatten", "Masking", "Permute", "ELU", "ThresholdedReLU"):
        return kind, {**own, **{k: v for k, v in c.items() if k in ("activation", "mask_value", "dims", "alpha", "theta")}}, arrays
    if kind == "LeakyReLU":
        return kind, {**own, "alpha": float(c["alpha"])}, arrays
    if kind in ("Dropout", "GaussianDropout"):
        return kind, {**own, "p": c["rate"]}, arrays
    if kind == "GaussianNoise":
        return kind, {**own, "sigma": c["stddev"]}, arrays
    if kind == "RepeatVector":
        return kind, {**own, "n": c["n"]}, arrays
    if kind == "Reshape":
        return kind, {**own, "target_shape": c["target_shape"]}, arrays
    if kind == "BatchNormalization" and c["center"] and c["scale"]:
        return kind, {**own, "epsilon": c["epsilon"], "mode": 0, "axis": c["axis"][0] if not isinstance(c["axis"], int) else c["axis"], "momentum": c["momentum"], "gamma_regularizer": None,
                      "beta_regularizer": None}, arrays
    if kind == "Embedding":
        return kind, {**own, "input_dim": c["input_dim"], "output_dim": c["output_dim"], "init": "uniform", "input_length": None, "mask_zero": c["mask_zero"], "W_regularizer": None,
                      "activity_regularizer": None, "W_constraint": None, "dropout": 0.0}, arrays
    if kind == "Conv1D" and c["padding"] != "causal" and not theano:
        atrous = {"atrous_rate": c["dilation_rate"][0]} if c["dilation_rate"][0] > 1 else {}
        return "AtrousConvolution1D" if atrous else "Convolution1D", {**own, **plain, **atrous, "nb_filter": c["filters"], "filter_length": c["kernel_size"][0], "border_mode": c["padding"],
                                                                       "subsample_length": c["strides"][0], "input_dim": None, "input_length": None}, [arrays[0][:, None], *arrays[1:]]
    if kind == "Conv2D" and c["groups"] == 1:
        atrous = {"atrous_rate": list(c["dilation_rate"])} if c["dilation_rate"][0] > 1 else {}
        kernel = arrays[0].transpose(3, 2, 0, 1)[:, :, ::-1, ::-1] if theano else arrays[0]
        return "AtrousConvolution2D" if atrous else "Convolution2D", {**own, **plain, **order, **atrous, "nb_filter": c["filters"], "nb_row": c["kernel_size"][0], "nb_col": c["kernel_size"][1],
                                                                       "border_mode": c["padding"], "subsample": list(c["strides"])}, [kernel, *arrays[1:]]
    if kind == "Conv3D" and c["groups"] == 1:
        kernel = arrays[0].transpose(4, 3, 0, 1, 2)[:, :, ::-1, ::-1, ::-1] if theano else arrays[0]
        return "Convolution3D", {**own, **plain, **order, "nb_filter": c["filters"], "kernel_dim1": c["kernel_size"][0], "kernel_dim2": c["kernel_size"][1], "kernel_dim3": c["kernel_size"][2],
                                 "border_mode": c["padding"], "subsample": list(c["strides"])}, [kernel, *arrays[1:]]
    if kind in ("MaxPooling1D", "AveragePooling1D") and not theano:
        return kind, {**own, "pool_length": c["pool_size"][0], "stride": c["strides"][0], "border_mode": c["padding"]}, arrays
    if kind in ("MaxPooling2D", "AveragePooling2D", "MaxPooling3D", "AveragePooling3D"):
        return kind, {**own, **order, "pool_size": list(c["pool_size"]), "strides": list(c["strides"]), "border_mode": c["padding"]}, arrays
    if kind.startswith("Global") and not c["keepdims"] and not (theano and "1D" in kind):
        return kind, {**own, **({} if "1D" in kind else order)}, arrays
    if kind in ("ZeroPadding2D", "Cropping2D", "UpSampling2D", "Cropping3D", "UpSampling3D") and c.get("interpolation", "nearest") == "nearest":
        key = {"Z": "padding", "C": "cropping", "U": "size"}[kind[0]]
        return kind, {**own, **order, key: c[key] if key != "padding" else [n for pair in c[key] for n in pair]}, arrays
    if kind in ("ZeroPadding1D", "Cropping1D") and not theano:
        key = {"Z": "padding", "C": "cropping"}[kind[0]]
        return kind, {**own, key: list(c[key])}, arrays
    if kind == "UpSampling1D" and not theano:
        return kind, {**own, "length": int(c["size"])}, arrays
    if kind in ("LSTM", "GRU", "SimpleRNN") and not theano and c["use_bias"] and not c.get("reset_after") and not c["return_state"]:
        cut = [np.split(a, len(gates[kind]), -1) for a in arrays] if kind in gates else None
        found = [part[gate] for gate in gates[kind] for part in cut] if cut else arrays
        inner = {} if kind == "SimpleRNN" else {"inner_activation": c["recurrent_activation"]}
        return kind, {**own, **inner, "output_dim": c["units"], "init": "glorot_uniform", "inner_init": "orthogonal", "activation": c["activation"], "return_sequences": c["return_sequences"],
                      "go_backwards": c["go_backwards"], "stateful": False, "unroll": c["unroll"], "consume_less": "cpu", "W_regularizer": None, "U_regularizer": None, "b_regularizer": None,
                      "dropout_W": c["dropout"], "dropout_U": 0.0, "input_dim": None, "input_length": None, **({"forget_bias_init": "one"} if kind == "LSTM" else {})}, found
    if kind in ("TimeDistributed", "Bidirectional") and not theano:
        forward = keras1(layer.layer if kind == "TimeDistributed" else layer.forward_layer, arrays[:len(arrays) // (1 if kind == "TimeDistributed" else 2)], theano)
        backward = forward if kind == "TimeDistributed" else keras1(layer.backward_layer, arrays[len(arrays) // 2:], theano)
        if forward is None or backward is None:
            return None
        entry = {"class_name": forward[0], "config": forward[1]}
        return kind, {**own, "layer": entry, **({"merge_mode": c["merge_mode"]} if kind == "Bidirectional" else {})}, forward[2] + (backward[2] if kind == "Bidirectional" else [])
    return None


MODES = {"Add": "sum", "Multiply": "mul", "Average": "ave", "Maximum": "max", "Concatenate": "concat", "Dot": "dot"}


def merge1(layer):
    """A merge layer as Keras 1's Merge."""
    c, kind = layer.get_config(), type(layer).__name__
    if kind not in MODES:
        return None
    axes = c.get("axes", -1)
    return "Merge", {"name": layer.name, "mode": "cos" if c.get("normalize") else MODES[kind], "concat_axis": c.get("axis", -1), "dot_axes": list(axes) if isinstance(axes, (list, tuple)) else axes,
                     "mode_type": "raw", "output_shape": None, "output_shape_type": "raw", "output_mask": None, "output_mask_type": "raw", "arguments": {}}


def write1(path, config, weights, backend):
    with h5py.File(path, "w") as file:
        file.attrs["keras_version"], file.attrs["backend"] = "1.2.2", backend
        file.attrs["model_config"] = json.dumps(config).encode()
        top = file.create_group("model_weights")
        top.attrs["layer_names"] = [name.encode() for name in weights]
        for name, arrays in weights.items():
            group = top.create_group(name)
            group.attrs["weight_names"] = [f"{name}_{i}".encode() for i in range(len(arrays))]
            for i, a in enumerate(arrays):
                group[f"{name}_{i}"] = a


def as_keras1(model, path, theano):
    """Write a model as Keras 1 would have; False where it could not."""
    weights, entries = {}, []
    sequential = isinstance(model, keras.Sequential)
    for layer in model.layers:
        if isinstance(layer, L.InputLayer):
            entries.append({"class_name": "InputLayer", "name": layer.name, "inbound_nodes": [],
                            "config": {"batch_input_shape": [None, *layer.output.shape[1:]], "input_dtype": "float32", "name": layer.name, "sparse": False}})
            weights[layer.name] = []
            continue
        made = merge1(layer) if not sequential else None
        made = (*made, []) if made else keras1(layer, layer.get_weights(), theano)
        if made is None:
            return False
        kind, config, arrays = made
        if sequential and not entries:
            shape = list(model.input_shape[1:])
            config = {**config, "batch_input_shape": [None, *(shape[-1:] + shape[:-1] if theano and len(shape) > 2 else shape)], "input_dtype": "float32"}
        nodes = [] if sequential else [[[t.node.layer.name if hasattr(t, "node") else t._keras_history.layer.name, t._keras_history.node_index, t._keras_history.tensor_index]
                                        for t in keras.src.utils.layer_utils.tf.nest.flatten(node.keras_inputs)] for node in layer.inbound_nodes]
        entries.append({"class_name": kind, "name": layer.name, "config": config, "inbound_nodes": nodes} if not sequential else {"class_name": kind, "config": config})
        weights[layer.name] = arrays
    if sequential:
        config = {"class_name": "Sequential", "config": entries}
    else:
        ends = [[t._keras_history.layer.name, t._keras_history.node_index, t._keras_history.tensor_index] for t in model.outputs]
        config = {"class_name": "Model", "config": {"name": "model_1", "layers": entries, "input_layers": [[n, 0, 0] for n in model.input_names], "output_layers": ends}}
    write1(path, config, weights, "theano" if theano else "tensorflow")
    return True


def main(folder, only=""):
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    counts = {"2": 0, "1": 0, "1_theano": 0}
    for name, make in CASES.items():
        if only not in name or (folder / f"{name}.npz").exists() and (folder / f"{name}.h5").exists():
            continue
        keras.backend.clear_session()
        rng = np.random.default_rng(sum(map(ord, name)))
        model = make()
        if not name.startswith("applications"):
            model.set_weights([(abs(rng.normal(size=w.shape)) + 0.2 if "variance" in w.name else rng.normal(size=w.shape) * 0.5).astype("f") for w in model.weights])
        shapes = [tuple(t.shape[1:]) for t in model.inputs]
        xs = [(rng.integers(0, INTEGERS[name], (3, *s)) if name in INTEGERS else rng.normal(size=(3, *s))).astype("f") for s in shapes]
        found = model(xs if len(xs) > 1 else xs[0], training=False)
        ys = [np.asarray(y) for y in (found if isinstance(found, (list, tuple)) else [found])]
        arrays = {f"x{i}": x for i, x in enumerate(xs)} | {f"y{i}": y for i, y in enumerate(ys)}
        np.savez_compressed(folder / f"{name}.npz", **arrays)
        model.save(folder / f"{name}.h5")
        counts["2"] += 1
        if as_keras1(model, folder / f"{name}.keras1.h5", False):
            counts["1"] += 1
        rank = len(shapes[0])
        if rank > 2 and isinstance(model, keras.Sequential) and not any(isinstance(layer, (L.Flatten, L.Dense, L.Activation, L.BatchNormalization, L.TimeDistributed, L.Permute, L.Masking, L.Reshape))
                                                                         for layer in model.layers) and not name.startswith(("advanced", "shape")):
            if as_keras1(model, folder / f"{name}.theano.h5", True):
                counts["1_theano"] += 1
                def turned(a):
                    return np.moveaxis(a, -1, 1) if a.ndim > 2 else a
                np.savez_compressed(folder / f"{name}.theano.npz", x0=turned(xs[0]), y0=turned(ys[0]))
    print(counts)


if __name__ == "__main__":
    main(*sys.argv[1:])
