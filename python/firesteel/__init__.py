"""firesteel: deep learning for Apache Spark with its engine in C; this is its Python face, with Keras 3's names and defaults.

    import firesteel as fire
    model = fire.Sequential([fire.layers.Dense(128, "relu"), fire.layers.Dense(10, "softmax")])
    model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])
    model.fit(x, y, epochs=10)

Training on Spark is in firesteel.spark.
"""
from __future__ import annotations

from . import _core, callbacks, constraints, errors, evaluation, initializers, layers, losses, metrics, ops, optimizers, regularizers, utils
from ._context import context, set_cache, set_limits, set_threads
from .errors import FiresteelError
from .history import History
from .layers import Input, Layer
from .models import Model, Sequential, load, model_from_json

__version__ = _core.version()
__all__ = ["FiresteelError", "History", "Input", "Layer", "Model", "Sequential", "callbacks", "constraints", "context", "errors", "evaluation", "explain", "initializers",
           "layers", "load", "losses", "model_from_json", "metrics", "ops", "optimizers", "regularizers", "set_cache", "set_limits", "set_threads", "utils"]


def explain(code: int | str) -> str:
    """What an error code means and what to do: explain("FS2004")."""
    text = str(code).upper().removeprefix("FS")
    found = _core.explain(int(text)) if text.isdigit() else None
    if found is None:
        raise errors.make(1001, f"explain: no code '{code}'; there are " + ", ".join(f"FS{n}" for n in _core.codes()))
    return f"FS{text} {found[0]}\n{found[1]}"
