"""golden_engine - `run(case, arrays)`: compute a golden case with firesteel; NotImplementedError for what it does not have.

A case is a manifest entry of goldens made with Keras: kind, op and attrs; arrays hold its inputs. Everything goes through the public API
in float64. A layer's gradient for an upstream dy comes from a mean squared error whose target is y - dy * n / 2; an optimizer's quadratic
w'Aw/2 - b'w is the squared error of a Dense layer on rows of A's Cholesky factor.
"""
from __future__ import annotations

import inspect
from typing import Any

import firesteel as fire
import numpy as np
from firesteel.errors import FiresteelError, UnsupportedError

Arrays = dict[str, np.ndarray]


def _make(module: Any, op: str, attrs: dict[str, Any], skip: dict[str, Any]) -> Any:
    """An instance of module.op; attributes that it lacks must have a value that means nothing."""
    kind = getattr(module, op, None)
    if kind is None:
        raise NotImplementedError(op)
    known = inspect.signature(kind).parameters
    for name, value in attrs.items():
        if name not in known and value not in (None, False) and value != skip.get(name):
            raise NotImplementedError(f"{op}({name}={value!r})")
    try:
        return kind(**{name: value for name, value in attrs.items() if name in known and value is not None})
    except FiresteelError as problem:
        raise NotImplementedError(str(problem)) from problem


def _model(*layers: Any, loss: Any = "mean_squared_error", optimizer: Any = "sgd", metrics: Any = None) -> fire.Sequential:
    try:
        model = fire.Sequential(layers, dtype="float64")
        model.compile(optimizer, loss, metrics)
        return model
    except UnsupportedError as problem:
        raise NotImplementedError(str(problem)) from problem
    except FiresteelError as problem:
        if problem.code in ("FS1003", "FS1004"):  # an unknown name, or a value that an attribute does not take
            raise NotImplementedError(str(problem)) from problem
        raise


def _layer(case: dict[str, Any], a: Arrays) -> Arrays:
    if case["framework"].startswith("torch") or "mask" in a or "x" not in a:
        raise NotImplementedError(case["op"])
    x, dy = a["x"], a["dy"]
    model = _model(fire.Input(x.shape[1:]), _make(fire.layers, case["op"], case["attrs"], {}))
    names = [name for name in a if name.startswith("p_")]
    if names:
        model.set_weights([a[name] for name in names])
    y = model.predict(x)
    _, *by_weight, dx = model.gradients(x, y - dy * (dy.size / 2))
    return {"y": y, "dx": dx, **{"d" + name: g for name, g in zip(names, by_weight)}}


def _loss(case: dict[str, Any], a: Arrays) -> Arrays:
    if case["framework"].startswith("torch"):
        raise NotImplementedError(case["op"])
    loss = _make(fire.losses, case["op"], case["attrs"], {"reduction": "sum_over_batch_size", "axis": -1})
    model = _model(fire.Input(a["y_pred"].shape[1:]), fire.layers.Activation("linear"), loss=loss)
    value, dpred = model.gradients(a["y_pred"], a["y_true"], a.get("sample_weight"))
    return {"loss": np.asarray(value), "dpred": dpred}


def _metric(case: dict[str, Any], a: Arrays) -> Arrays:
    metric = _make(fire.metrics, case["op"], case["attrs"], {})
    model = _model(fire.Input(a["y_pred"].shape[1:]), fire.layers.Activation("linear"), metrics=[metric])
    return {"value": np.asarray(model.evaluate(a["y_pred"], a["y_true"], verbose=0)[1])}


def _optimizer(case: dict[str, Any], a: Arrays) -> Arrays:
    if case["framework"].startswith("torch") or "w1_0" in a:
        raise NotImplementedError(case["op"])
    attrs = dict(case["attrs"])
    rate = attrs.get("learning_rate")
    if isinstance(rate, dict):  # a schedule: only 1 / (1 + decay * step) is there
        config = rate["config"]
        if rate["class_name"] != "InverseTimeDecay" or config["decay_steps"] != 1 or config["staircase"] or case["op"] != "SGD":
            raise NotImplementedError(rate["class_name"])
        attrs.update(learning_rate=config["initial_learning_rate"], decay=config["decay_rate"])
    optimizer = _make(fire.optimizers, case["op"], attrs, {"ema_momentum": 0.99})
    n = len(a["w0"])
    factor = np.linalg.cholesky(a["A"])
    scale = np.sqrt(n / 2)  # the mean of n squares has gradient 2 / n
    x, y = factor.T * scale, np.linalg.solve(factor, a["b"]) * scale
    model = _model(fire.Input((n,)), fire.layers.Dense(1, use_bias=False), optimizer=optimizer)
    model.set_weights([a["w0"][:, None]])
    path = [a["w0"]]
    for _ in range(10):
        model.fit(x, y[:, None], batch_size=n, epochs=1, verbose=0, shuffle=False)
        path.append(model.get_weights()[0][:, 0])
    return {"traj": np.stack(path)}


def run(case: dict[str, Any], arrays: Arrays) -> Arrays:
    """Outputs of a golden case by their golden names."""
    kinds = {"layer": _layer, "loss": _loss, "metric": _metric, "optimizer": _optimizer}
    if case["kind"] not in kinds:
        raise NotImplementedError(case["kind"])
    return kinds[case["kind"]](case, arrays)
