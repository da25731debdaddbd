"""golden_engine - `run(case, arrays)`: compute a golden case with firesteel; NotImplementedError for what it does not have.

A case is a manifest entry of goldens made with Keras or torch: framework, kind, op and attrs; arrays hold its inputs. Everything goes through the
public API in float64. The gradient for an upstream dy comes from a mean squared error whose target is y - dy * n / 2; an optimizer's quadratic
w'Aw/2 - b'w is the squared error of a Dense layer on rows of A's Cholesky factor. torch's cases are in golden_torch.
"""
from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import firesteel as fire
import numpy as np
from firesteel import layers as L
from firesteel.errors import FiresteelError
from keras_config import make, plain

# Arguments that the manifest does not tell, since Keras' get_config leaves them out, as the case was made.
UNTOLD: dict[str, dict[str, Any]] = {"keras_loss_huber": {"delta": 0.7}}

Arrays = dict[str, np.ndarray]
Build = Callable[[list[Any]], Any]


def flat(value: Any) -> list[Any]:
    return [one for part in value for one in flat(part)] if isinstance(value, (list, tuple)) else [value]


def model_of(build: Build, shapes: Sequence[Sequence[int]], n_out: int, out_shapes: Sequence[Sequence[int]] | None = None, add: bool = False) -> fire.Model:
    """What build makes of Inputs, as a model with a mean squared error on each output. A Reshape keeps masks from the loss; `add`: to output
    k an input of the same shape is added, whose gradient tells the output."""
    try:
        inputs = [fire.Input(tuple(shape)) for shape in shapes]
        outputs = flat(build(inputs))[:n_out]
        if out_shapes is not None:
            outputs = [L.Reshape(tuple(shape))(y) if shape else y for y, shape in zip(outputs, out_shapes)]
        if add:
            more = [fire.Input(tuple(shape)) for shape in out_shapes or []]
            outputs = [L.Add()([y, z]) for y, z in zip(outputs, more)]
            inputs = [*inputs, *more]
        model = fire.Model(inputs, outputs if len(outputs) > 1 else outputs[0], dtype="float64")
        model.compile("sgd", ["mse"] * len(outputs) if len(outputs) > 1 else "mse")
        return model
    except FiresteelError as problem:
        if problem.code in ("FS1003", "FS1004", "FS1005"):  # an unknown name, a value that an attribute does not take, not supported
            raise NotImplementedError(str(problem)) from problem
        raise


def forward_backward(build: Build, xs: Sequence[np.ndarray], values: Sequence[np.ndarray], dys: Sequence[np.ndarray], training: bool = False) -> tuple[list[np.ndarray], list[np.ndarray], list[np.ndarray], list[np.ndarray]]:
    """(outputs, gradients by weight, gradients by input, weights after a training step) of what build makes, for upstream gradients dys.
    Weights after the step matter only where no gradient moves them: moving averages."""
    xs = [np.ascontiguousarray(x, np.float64) for x in xs]
    shapes, out_shapes = [x.shape[1:] for x in xs], [dy.shape[1:] for dy in dys]
    one = lambda parts: parts if len(parts) > 1 else parts[0]
    if training:  # predict does not train: outputs come as the gradients by what is added to them
        model = model_of(build, shapes, len(dys), out_shapes, add=True)
        model.set_weights(values)
        zeros = [np.zeros(dy.shape) for dy in dys]
        found = model.gradients([*xs, *zeros], one(zeros), training=True)
        ys = [by * (by.size / 2) for by in found[-len(dys):]]
    model = model_of(build, shapes, len(dys), out_shapes)
    model.set_weights(values)
    if not training:
        ys = flat(model.predict(one(xs)))
    targets = one([y - dy * (dy.size / 2) for y, dy in zip(ys, dys)])
    _, *found = model.gradients(one(xs), targets, training=training)
    if training:
        model.fit(one(xs), targets, batch_size=len(xs[0]), epochs=1, shuffle=False, verbose=0)
    return ys, found[:len(values)], found[len(values):], model.get_weights()


def masked(build: Build, mask: np.ndarray | None, xs: list[np.ndarray]) -> tuple[Build, list[np.ndarray]]:
    """build behind a Masking of the first input, whose steps outside of `mask` get a value of their own."""
    if mask is None:
        return build, xs
    marker = 12345.0
    return lambda ins: build([L.Masking(marker)(ins[0]), *ins[1:]]), [np.where(mask[..., None], xs[0], marker), *xs[1:]]


def numbered(arrays: Arrays, letter: str) -> list[str]:
    """Names x, or x0, x1 ..."""
    return sorted((name for name in arrays if re.fullmatch(rf"{letter}\d*", name)), key=lambda name: (len(name), name))


def named(prefix: str, names: Sequence[str], values: Sequence[np.ndarray]) -> Arrays:
    return dict(zip((name.replace(prefix[-1], prefix, 1) for name in names), values))


def merge_config(kind: str, shapes: Sequence[tuple[int, ...]], out: tuple[int, ...]) -> dict[str, Any]:
    """The axis of a Concatenate or Dot, which the note does not tell, from the shapes."""
    if kind == "Concatenate":
        return {"axis": next((d for d in range(1, len(out)) if out[d] != shapes[0][d]), -1)}
    if kind == "Dot":
        if len(shapes[0]) > 2:
            raise NotImplementedError("Dot whose axes are not told")
        return {"axes": 1}
    return {}


def _layer(case: dict[str, Any], a: Arrays) -> Arrays:
    op, attrs = case["op"], dict(case["attrs"])
    training = bool(attrs.pop("training", False))
    x_names, dy_names, names = numbered(a, "x"), numbered(a, "dy"), sorted((name for name in a if name.startswith("p_")), key=lambda name: int(name.split("_")[1]))
    if op == "MW":  # a merging layer, named in the note, of the inputs
        kind = {"concat": "Concatenate"}.get(case["note"], case["note"].title())
        config = merge_config(kind, [a[name].shape for name in x_names], a[dy_names[0]].shape)
        build: Build = lambda ins: make(L, kind, config)(ins)
    elif op == "W":  # a recurrent layer of units, return_sequences, called with its initial state
        cell = next(name for name in names if name.endswith("recurrent_kernel"))
        kind = next(kind for kind in ("SimpleRNN", "LSTM", "GRU") if re.search(rf"_{kind.lower()}", cell.replace("simple_rnn", "simplernn")))
        config = {"units": a[cell].shape[0], "return_sequences": a[dy_names[0]].ndim == 3, "return_state": len(dy_names) > 1}
        build = lambda ins: make(L, kind, config)(ins[0], initial_state=ins[1:])
    else:
        build = lambda ins: make(L, op, attrs)(*ins)
    if "mask" in a and op not in ("SimpleRNN", "LSTM", "GRU", "Bidirectional", "GlobalAveragePooling1D"):
        raise NotImplementedError(f"{op} with a mask: ours comes from a Masking, which makes the steps 0 that do not count")
    build, xs = masked(build, a.get("mask"), [a[name] for name in x_names])
    ys, by_weight, by_x, after = forward_backward(build, xs, [a[name] for name in names], [a[name] for name in dy_names], training)
    return {**named("y", [name[1:] for name in dy_names], ys), **named("dx", x_names, by_x), **{"d" + name: g for name, g in zip(names, by_weight)},
            **{"new_" + name: w for name, w in zip(names, after if training else [a[name] for name in names])}}


def loss_of(loss: Any, pred: np.ndarray, true: np.ndarray, weight: np.ndarray | None = None) -> Arrays:
    """The loss of predictions and its gradient. Numbers without a last dimension are one row of them; steps that have weights of their own are rows."""
    shape = pred.shape
    if pred.ndim == 1 and true.ndim == 1 and weight is None:
        pred, true = pred[None], true[None]
    elif weight is not None and weight.ndim == 2:
        weight = np.broadcast_to(weight, shape[:2]).reshape(-1)
        true = true.reshape(-1, *true.shape[2:])
        pred = pred.reshape(-1, *shape[2:])
    pred = np.ascontiguousarray(pred, np.float64)
    model = fire.Sequential([fire.Input(pred.shape[1:]), L.Activation("linear")], dtype="float64")
    model.compile("sgd", loss)
    value, by = model.gradients(pred, true, weight)
    return {"loss": np.asarray(value), "dpred": by.reshape(shape)}


def _loss(case: dict[str, Any], a: Arrays) -> Arrays:
    return loss_of(make(fire.losses, case["op"], {**case["attrs"], **UNTOLD.get(case["name"], {})}), a["y_pred"], a["y_true"], a.get("sample_weight"))


def _metric(case: dict[str, Any], a: Arrays) -> Arrays:
    attrs = dict(case["attrs"])
    for name, pattern in (("k", r"top(\d+)"), ("num_thresholds", r"auc_(\d+)")):  # the manifest has them in the case's name alone
        found = re.search(pattern, case["name"])
        if found and name not in attrs:
            attrs[name] = int(found[1])
    if case["op"] == "AUC" and "curve" not in attrs and re.search(r"(?i)(_|\b)pr(_|\b)", case["name"]):
        attrs["curve"] = "PR"
    if case["op"] in ("MeanIoU", "IoU") and "num_classes" not in attrs:
        attrs["num_classes"] = int(max(a["y_true"].max(), a["y_pred"].max())) + 1
    pred, true = (v[:, None] if v.ndim == 1 else v for v in (a["y_pred"], a["y_true"]))
    if case["op"].startswith("Sparse"):
        true = a["y_true"]
    model = fire.Sequential([fire.Input(pred.shape[1:]), L.Activation("linear")], dtype="float64")
    model.compile("sgd", "mse" if true.shape == pred.shape else fire.losses.SparseCategoricalCrossentropy(from_logits=True), [make(fire.metrics, case["op"], attrs)])
    return {"value": np.asarray(model.evaluate(pred.astype(np.float64), true, verbose=0)[1])}


def _regularizer(case: dict[str, Any], a: Arrays) -> Arrays:
    w = a["w"].reshape(-1, a["w"].shape[-1])
    layer = L.Dense(w.shape[1], use_bias=False, kernel_regularizer=make(fire.regularizers, case["op"], case["attrs"]))
    model = fire.Sequential([fire.Input(w.shape[:1]), layer], dtype="float64")
    model.compile("sgd", "mse")
    model.set_weights([w])
    value, by, _ = model.gradients(np.zeros((1, len(w))), np.zeros((1, w.shape[1])))  # no data: the loss is the penalty
    return {"value": np.asarray(value), "dw": by.reshape(a["w"].shape)}


def descend(optimizer: Any, a: Arrays, **dense: Any) -> Arrays:
    """Ten steps on w'Aw/2 - b'w, of each start w0, w1_0 by itself."""
    starts = [a[name] for name in ("w0", "w1_0") if name in a]
    n = len(a["w0"])
    factor = np.linalg.cholesky(a["A"])
    scale = np.sqrt(n / 2)  # the mean of n squares has gradient 2 / n
    x, y = factor.T * scale, np.linalg.solve(factor, a["b"]) * scale
    inputs = [fire.Input((n,)) for _ in starts]
    outputs = [L.Dense(1, use_bias=False, **dense)(one) for one in inputs]
    model = fire.Model(inputs, outputs if len(outputs) > 1 else outputs[0], dtype="float64")
    model.compile(optimizer, ["mse"] * len(outputs) if len(outputs) > 1 else "mse")
    model.set_weights([w[:, None] for w in starts])
    path = [starts]
    look = fire.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: path.append([w[:, 0] for w in model.get_weights()]))
    n_fit = len(starts)  # one fit: an average of weights is taken over when it ends
    model.fit([x] * n_fit if n_fit > 1 else x, [y[:, None]] * n_fit if n_fit > 1 else y[:, None], batch_size=n, epochs=10, verbose=0, shuffle=False, callbacks=[look])
    return {("traj", "traj1")[k]: np.stack([step[k] for step in path]) for k in range(len(starts))}


def _optimizer(case: dict[str, Any], a: Arrays) -> Arrays:
    return descend(make(fire.optimizers, case["op"], {name: plain(value) for name, value in case["attrs"].items()}), a)


def _statistical(case: dict[str, Any], a: Arrays) -> Arrays:
    """What a case without arrays expects, measured, by the names of `expect` where they are numbers."""
    op, attrs = case["op"], case["attrs"]
    if "shape" in attrs:  # an initializer
        *kernel, channels, filters = attrs["shape"]
        layer = L.Conv2D(filters, kernel, use_bias=False, kernel_initializer=op)
        w = fire.Sequential([fire.Input((*kernel, channels)), layer], dtype="float64").get_weights()[0]
        return {name: np.asarray(getattr(w, name)()) for name in ("std", "min", "max")}
    spatial = op.startswith("Spatial")
    shape = (50, 4, 5, 400) if spatial else (1000, attrs["n"] // 1000)
    x = np.ones(shape)
    inputs = [fire.Input(shape[1:]), fire.Input(shape[1:])]
    dropped = make(L, op, {"rate": attrs["rate"]})(inputs[0])
    model = fire.Model(inputs, L.Add()([dropped, inputs[1]]), dtype="float64")
    model.compile("sgd", "mse")
    _, dx, by_sum = model.gradients([x, np.zeros(shape)], np.zeros(shape))  # the loss is the mean of y^2: by y 2 y / n, by x 2 y / n times the mask
    y = by_sum * (x.size / 2)
    kept = y[y != 0]
    return {"train: fraction zero": np.mean(y == 0), "train: kept value for input 1": kept.mean(), "kept: spread": kept.std(), "mean": y.mean(),
            "eval": np.abs(model.predict([x, np.zeros(shape)]) - x).max(), "gradient": np.abs(dx * (x.size / 2) - y * y).max(),
            "mask": np.abs(y - y[:, :1, :1]).max() if spatial else np.zeros(())}


def run(case: dict[str, Any], arrays: Arrays) -> Arrays:
    """Outputs of a golden case by their golden names."""
    kinds: dict[str, Callable[[dict[str, Any], Arrays], Arrays]] = {"layer": _layer, "loss": _loss, "metric": _metric, "optimizer": _optimizer, "regularizer": _regularizer,
                                                                           "statistical": _statistical}
    if case["framework"].startswith("torch"):
        import golden_torch
        return golden_torch.run(case, arrays)
    if case["kind"] not in kinds:
        raise NotImplementedError(case["kind"])
    return kinds[case["kind"]](case, arrays)
