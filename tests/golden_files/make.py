"""make.py VERSION - write the golden files of a format version: small models, a checkpoint, and what they answer.

Run once when a format version is new; the files are kept for ever and never made again. The answers come from another implementation:
onnxruntime for float32, onnx.reference for float64. Weights are drawn by NumPy, so that nothing here depends on this engine's random numbers.
"""
import json
import sys
from pathlib import Path

import firesteel as fire
import numpy as np
import onnx
import onnx.reference
import onnxruntime
from firesteel import layers

FOLDER = Path(__file__).resolve().parent / f"v{sys.argv[1]}"


def networks():
    """(name, model): every layer and activation, both types, frozen layers, names that need quoting."""
    for dtype in "float32", "float64":
        yield f"every_activation_{dtype}", fire.Sequential([fire.Input((5,)), *(layers.Dense(4, activation=a) for a in ("linear", "relu", "sigmoid", "softmax", "tanh"))], dtype=dtype)
        yield f"every_layer_{dtype}", fire.Sequential([
            fire.Input((2, 3)), layers.Normalization(), layers.Flatten(), layers.Dense(7, use_bias=False), layers.Activation("relu"), layers.Dropout(0.5),
            layers.Dense(3, activation="softmax", name='the "last" one')], dtype=dtype)
        yield f"step_{dtype}", fire.Sequential([fire.Input((3,)), layers.Dense(6, activation="step"), layers.Dense(2, activation="softmax")], dtype=dtype)


def answers(path, x):
    """What the file computes, by somebody else."""
    if x.dtype == np.float64:
        return onnx.reference.ReferenceEvaluator(onnx.load(path)).run(None, {"x": x})[0]
    return onnxruntime.InferenceSession(path).run(None, {"x": x})[0]


def main():
    FOLDER.mkdir(parents=True, exist_ok=True)
    record = {}
    for i, (name, model) in enumerate(networks()):
        rng = np.random.default_rng(i)
        model.compile(optimizer=fire.optimizers.SGD(learning_rate=0.125, momentum=0.5), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
        model.set_weights([np.abs(rng.normal(size=w.shape)) if "variance" in n else rng.normal(size=w.shape) for n, w in zip(model_names(model), model.get_weights())])
        model.layers[-2].trainable = False
        x = rng.normal(size=(6, *model.input_shape[1:])).astype(model.dtype)
        path = FOLDER / f"{name}.onnx"
        model.save(path)
        record[path.name] = {"dtype": model.dtype, "layers": [[type(layer).__name__, layer.name] for layer in model.layers], "weights": [w.tolist() for w in model.get_weights()],
                             "x": x.tolist(), "y": answers(path, x).tolist()}
        if "every_activation" in name:  # a checkpoint after two steps of training, its state besides
            target = rng.integers(0, 4, 6)
            model.fit(x, target, epochs=2, batch_size=6, verbose=0, shuffle=False)
            folder = FOLDER / f"{name}_checkpoint"
            model.save_checkpoint(folder)
            record[folder.name] = {"dtype": model.dtype, "weights": [w.tolist() for w in model.get_weights()], "x": x.tolist(), "y": answers(folder / "model.onnx", x).tolist(),
                                   "target": target.tolist(), "epoch": 2, "step": 2}
    (FOLDER / "answers.json").write_text(json.dumps(record, indent=None, separators=(",", ":")) + "\n")


def model_names(model):
    return [w[1] for layer in model.layers for w in model._own(layer)]


main()
