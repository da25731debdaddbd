"""make - paths.json: where Keras' own optimizers, schedules, constraints and regularizers go. Needs keras 3.15.1 and jax; run in this folder.

A case is an optimizer with its attributes ("constraint": of the weight) and the path of a weight w on the quadratic w'Aw/2 - b'w; a penalty is a
regularizer with its value for W and its gradient. A schedule or constraint is [name, attributes].
"""
import json
import os

os.environ["KERAS_BACKEND"] = "jax"
os.environ["JAX_ENABLE_X64"] = "1"
import jax  # noqa: E402
import keras  # noqa: E402
import numpy as np  # noqa: E402

STEPS = 14
keras.config.set_floatx("float64")
random = np.random.RandomState(0)
Q = random.randn(6, 6)
A, b, w0, W = Q @ Q.T / 6 + 0.3 * np.eye(6), random.randn(6), random.randn(6), random.randn(5, 4)


def path(name, attrs):
    attrs = dict(attrs)
    if isinstance(attrs["learning_rate"], list):
        schedule, given = attrs["learning_rate"]
        attrs["learning_rate"] = getattr(keras.optimizers.schedules, schedule)(**given)
    held = attrs.pop("constraint", None)
    optimizer, v = getattr(keras.optimizers, name)(**attrs), keras.Variable(w0.copy()[:, None], dtype="float64")
    if held:
        v.constraint = getattr(keras.constraints, held[0])(**held[1])
    found = [w0.tolist()]
    for _ in range(STEPS):
        optimizer.apply([A @ np.asarray(v) - b[:, None]], [v])
        found.append(np.asarray(v)[:, 0].tolist())
    return found


CASES = [
    ["SGD", {"learning_rate": 0.1, "momentum": 0.9}],
    ["SGD", {"learning_rate": 0.1, "weight_decay": 0.01}],
    ["SGD", {"learning_rate": 0.1, "clipvalue": 0.3}],
    ["SGD", {"learning_rate": 0.1, "global_clipnorm": 0.5}],
    ["SGD", {"learning_rate": 0.1, "clipnorm": 0.5}],
    ["SGD", {"learning_rate": 0.1, "use_ema": True, "ema_momentum": 0.9, "ema_overwrite_frequency": 4}],
    ["Adam", {"learning_rate": 0.05, "use_ema": True, "ema_momentum": 0.9, "ema_overwrite_frequency": 2, "gradient_accumulation_steps": 3}],
    ["Adam", {"learning_rate": 0.05, "amsgrad": True}],
    ["Adam", {"learning_rate": ["ExponentialDecay", {"initial_learning_rate": 0.05, "decay_steps": 4, "decay_rate": 0.5, "staircase": True}],
              "gradient_accumulation_steps": 2}],
    ["AdamW", {"learning_rate": 0.05, "weight_decay": 0.02}],
    ["AdamW", {"learning_rate": 0.05}],
    ["Adagrad", {"learning_rate": 0.3}],
    ["Adagrad", {"learning_rate": 0.3, "initial_accumulator_value": 0.0}],
    ["Adadelta", {"learning_rate": 1.0}],
    ["Adamax", {"learning_rate": 0.05}],
    ["Nadam", {"learning_rate": 0.05}],
    ["Ftrl", {"learning_rate": 0.1, "l1_regularization_strength": 0.01, "l2_regularization_strength": 0.02}],
    ["Ftrl", {"learning_rate": 0.1, "learning_rate_power": -0.3, "beta": 0.2, "l2_shrinkage_regularization_strength": 0.1}],
    ["Lion", {"learning_rate": 0.02, "weight_decay": 0.1}],
    ["Lamb", {"learning_rate": 0.05}],
    ["Lamb", {"learning_rate": 0.05, "weight_decay": 0.05}],
    ["RMSprop", {"learning_rate": 0.05, "rho": 0.8, "momentum": 0.5, "centered": True, "epsilon": 1e-5}],
]
CASES += [["SGD", {"learning_rate": schedule}] for schedule in (
    ["InverseTimeDecay", {"initial_learning_rate": 0.05, "decay_steps": 1, "decay_rate": 0.1}],
    ["PiecewiseConstantDecay", {"boundaries": [3, 6], "values": [0.2, 0.1, 0.02]}],
    ["CosineDecay", {"initial_learning_rate": 0.2, "decay_steps": 8, "alpha": 0.1}],
    ["CosineDecay", {"initial_learning_rate": 0.0, "decay_steps": 8, "warmup_target": 0.2, "warmup_steps": 3}],
    ["PolynomialDecay", {"initial_learning_rate": 0.2, "decay_steps": 8, "end_learning_rate": 0.01, "power": 2.0}],
    ["PolynomialDecay", {"initial_learning_rate": 0.2, "decay_steps": 5, "cycle": True}],
    ["CosineDecayRestarts", {"initial_learning_rate": 0.2, "first_decay_steps": 3}],
    ["CosineDecayRestarts", {"initial_learning_rate": 0.2, "first_decay_steps": 5, "t_mul": 1.0, "m_mul": 0.5, "alpha": 0.1}],
    ["CosineDecayRestarts", {"initial_learning_rate": 0.2, "first_decay_steps": 4, "t_mul": 1.5, "m_mul": 0.9}])]
CASES += [["SGD", {"learning_rate": 0.1, "constraint": held}] for held in (
    ["MaxNorm", {"max_value": 0.7}], ["UnitNorm", {}], ["NonNeg", {}], ["MinMaxNorm", {"min_value": 0.5, "max_value": 0.8, "rate": 0.7}])]
PENALTIES = [["L1", {"l1": 0.02}], ["L2", {}], ["L1L2", {"l1": 0.1, "l2": 0.2}], ["OrthogonalRegularizer", {"factor": 0.3}],
             ["OrthogonalRegularizer", {"factor": 0.3, "mode": "columns"}]]


def penalty(name, attrs):
    kind = getattr(keras.regularizers, name)(**attrs)
    at = jax.numpy.asarray(W)
    return [name, attrs, float(kind(at)), np.asarray(jax.grad(kind)(at)).tolist()]


with open("paths.json", "w") as file:
    json.dump({"A": A.tolist(), "b": b.tolist(), "w0": w0.tolist(), "W": W.tolist(), "cases": [[*case, path(*case)] for case in CASES],
               "penalties": [penalty(*given) for given in PENALTIES]}, file, indent=None, separators=(",", ":"))
    file.write("\n")
