"""_keras_compile - compile settings and optimizer state in Keras' files: loss, metrics, optimizer, and what it has gathered."""
from __future__ import annotations

import inspect
import warnings
from typing import Any

import numpy as np

from .. import errors, losses, metrics, optimizers
from ._hdf5 import Folder, numbers
from ._keras_names import number, parts, squash
from .safetensors import write_bytes

RATES = optimizers.schedules


# What Keras 1 and 2 called losses. Their cosine_proximity was at first the mean over features, which is shorter than today's sum, but of the same direction.
FORMER = {"cosine_proximity": "cosine_similarity", "cosine": "cosine_similarity", "huber_loss": "huber"}


def _make(module: Any, base: type, value: Any, what: str) -> Any:
    """An instance of a configuration, or a name that compile takes."""
    if isinstance(value, str):
        return FORMER.get(value, value) if base is losses.Loss else value
    kind, config = parts(value)
    if not config and not (isinstance(value, dict) and isinstance(value.get("config"), dict)):
        return kind
    for cls in vars(module).values():
        if isinstance(cls, type) and issubclass(cls, base) and squash(cls.__name__) == squash(kind):
            known = inspect.signature(cls).parameters
            given = {k: number(v) for k, v in config.items() if k in known and v is not None and not (base is losses.Loss and k == "name")}
            if given.get("reduction") in ("auto", "sum_over_batch_size", None):
                given.pop("reduction", None)
            return cls(**given)
    if isinstance(config.get("fn"), (str, dict)):  # Keras 2: a function in a wrapper, with the name that it goes by
        name = config["fn"] if isinstance(config["fn"], str) else parts(config["fn"])[0]
        return _make(module, base, {"class_name": name, "config": {"name": config["name"]}}, what) if base is metrics.Metric and config.get("name") not in (None, name) else name
    raise errors.make(1005, f"{what} '{kind}' is not one that firesteel has")


def _each(value: Any, made: Any) -> Any:
    """One thing, a list or a dict by output, with `made` applied to each."""
    if isinstance(value, dict) and "class_name" not in value:
        return {k: _each(v, made) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_each(v, made) for v in value]
    return None if value is None else made(value)


def optimizer(value: Any) -> Any:
    """The optimizer of a configuration of any version."""
    if isinstance(value, str):
        return value
    kind, config = parts(value)
    cls = next((c for c in vars(optimizers).values() if isinstance(c, type) and issubclass(c, optimizers.Optimizer) and squash(c.__name__) == squash(kind)), None)
    if cls is None:
        raise errors.make(1005, f"the optimizer '{kind}' is not one that firesteel has")
    given = {("learning_rate" if k == "lr" else k): number(v) for k, v in config.items()}
    known = inspect.signature(cls).parameters
    rate = given.get("learning_rate")
    if isinstance(rate, dict):
        name, own = parts(rate)
        schedule = getattr(RATES, name, None)
        if not (isinstance(schedule, type) and issubclass(schedule, RATES.LearningRateSchedule)):
            raise errors.make(1005, f"the schedule '{name}' is not one that firesteel has")
        asked = inspect.signature(schedule).parameters
        given["learning_rate"] = schedule(**{k: v for k, v in own.items() if k in asked and v is not None})
    elif given.get("decay") and rate is not None and cls is not optimizers.SGD:
        given["learning_rate"] = RATES.InverseTimeDecay(float(rate), 1, float(given["decay"]))
    return cls(**{k: v for k, v in given.items() if k in known and k != "name" and v is not None})


def slots_of(root: Folder) -> tuple[list[np.ndarray], bool]:
    """The optimizer's variables in the order of the file, and whether they lie as in Keras 3."""
    group = root.folder("optimizer/vars")
    if group is not None:
        return [numbers(group.arrays[name]) for name in sorted((n for n in group.arrays if n.isdigit()), key=int)], True
    group = root.folder("optimizer_weights")
    if group is None:
        return [], True
    listed = group.texts("weight_names")
    found = [array for array in (group.array(name) for name in listed) if array is not None]
    return found, listed[:1] != [] and listed[0].split("/")[-1].split(":")[0] == "iteration"


def by_name(model: Any, tree: Any, root: Folder) -> list[tuple[str, tuple[int, ...]]]:
    """The same as trained, sorted by the names that the weights have in the file: the order of Keras 2.0."""
    top, named = root.folder("model_weights") or root, {}
    for part in tree.parts:
        listed = found.texts("weight_names") if (found := top.folder(part.name)) is not None else []
        if part.layer is not None and not part.nested:
            for name, (own, _) in zip(listed, trained(model, part)):
                named[own] = name
    return sorted(trained(model, tree), key=lambda weight: named.get(weight[0], weight[0]))


def groups(kind: Any, config: dict[str, Any], new: bool) -> list[list[int]]:
    """The optimizer's slots in the order in which a file has them: within a group weight by weight."""
    name = type(kind).__name__
    if name in ("Adam", "AdamW", "Adamax", "Nadam", "Lamb", "Adadelta", "Ftrl"):
        made = [[0, 1]] if new else [[0], [1]]
        return made + ([[2]] if config.get("amsgrad") else [])
    if name == "RMSprop":
        centered, momentum = bool(config.get("centered")), bool(config.get("momentum"))
        return [[0]] + ([[2 if centered else 1]] if momentum else []) + ([[1]] if centered else [])
    if name == "SGD":
        return [[0]] if config.get("momentum") or not new else []
    return [[0]] if name in ("Adagrad", "Lion") else []


def trained(model: Any, tree: Any) -> list[tuple[str, tuple[int, ...]]]:
    """(name, shape) of what Keras' optimizer updates, in its order."""
    found = []
    listed = model._net.weights()
    frozen = {info[1] for info in model._net.layers() if not info[6]}
    for leaf in tree.leaves():
        if leaf.layer.name not in frozen:
            at = model.get_layer(leaf.layer.name)._place()[1]
            found += [(name, shape) for name, of, learns, _, shape in listed if of == at and learns]
    return found


def restore(model: Any, tree: Any, settings: Any, root: Folder, who: str) -> None:
    """Compile the model as a file says, and give the optimizer its state. What is not understood is a warning: the model predicts without it."""
    if not settings or not settings.get("loss") or not (settings.get("optimizer") or settings.get("optimizer_config")):
        return
    try:
        chosen = optimizer(settings.get("optimizer") or settings["optimizer_config"])
        loss = _each(settings["loss"], lambda v: _make(losses, losses.Loss, v, "the loss"))
        names = model.output_names
        if isinstance(loss, dict):
            loss = [loss[k] for k in loss] if not all(k in names for k in loss) and len(loss) == len(names) else loss
        try:
            measured, counted = (_metrics(settings.get(name), len(model.outputs)) for name in ("metrics", "weighted_metrics"))
            model.compile(chosen, loss, metrics=measured, loss_weights=settings.get("loss_weights"), weighted_metrics=counted)
        except (errors.FiresteelError, TypeError, KeyError, ValueError, AttributeError) as problem:
            model.compile(chosen, loss, loss_weights=settings.get("loss_weights"))
            warnings.warn(f"{who}: loaded without its metrics: {problem}", stacklevel=4)
    except (errors.FiresteelError, TypeError, KeyError, ValueError, AttributeError) as problem:
        warnings.warn(f"{who}: loaded without its compile settings: {problem}", stacklevel=4)
        return
    state = slots_of(root)
    if state[0]:
        _state(model, tree, state, [trained(model, tree)] if state[1] else [trained(model, tree), by_name(model, tree, root)], who)


def _metrics(value: Any, outputs: int) -> Any:
    """Metrics; Keras 2 and 3 write a list for each output even where there is one."""
    made = _each(value, lambda v: _make(metrics, metrics.Metric, v, "the metric"))
    if isinstance(made, dict) and outputs == 1 and len(made) == 1:
        made = next(iter(made.values()))
    if isinstance(made, list) and outputs == 1:
        made = [one for part in made for one in (part if isinstance(part, list) else [part]) if one != "loss"]
    if isinstance(made, str):
        made = [made]
    return made or None


def _state(model: Any, tree: Any, state: tuple[list[np.ndarray], bool], orders: list[list[tuple[str, tuple[int, ...]]]], who: str) -> None:
    arrays, new = state
    kind = model.optimizer
    config = kind.get_config()
    scalars = [a for a in arrays if a.ndim == 0]
    rest = [a for a in arrays if a.ndim > 0]
    slots: dict[str, np.ndarray] = {}
    numeric = np.float32 if model.dtype == "float32" else np.float64
    order = groups(kind, config, new)
    if config.get("gradient_accumulation_steps") or config.get("use_ema"):
        own = max([k for group in order for k in group], default=-1) + 1
        extra = [[own]] if config.get("gradient_accumulation_steps") else []
        own += len(extra)
        before = [[own]] if config.get("use_ema") else []
        order = before + extra + order
    else:
        before = []
    fits = False
    ways = (order, [[k] for group in order for k in group], [[k for group in order for k in group]])
    wanted = orders[0]
    for tried, wanted in ((tried, wanted) for wanted in orders for tried in ways):
        need = [(name, k, shape) for group in tried for name, shape in wanted for k in group]
        at = rest[:len(need)]
        if len(at) == len(need) and all(a.shape == tuple(shape) for a, (_, _, shape) in zip(at, need)):
            slots = {f"slot{k}/{name}": np.ascontiguousarray(a, numeric) for a, (name, k, _) in zip(at, need)}
            fits = True
            break
    if not fits and wanted and order and rest:
        warnings.warn(f"{who}: the optimizer's state does not fit its weights and is left out", stacklevel=5)
        return
    step = int(scalars[0]) if scalars and np.isfinite(scalars[0]) and 0 <= scalars[0] < 2 ** 60 and (np.issubdtype(scalars[0].dtype, np.integer) or float(scalars[0]).is_integer()) else 0
    if before:
        for name, _ in wanted:
            slots[f"slot{before[0][0] + 1}/{name}"] = np.zeros_like(slots[f"slot{before[0][0]}/{name}"])
    if order and not rest:
        slots = {}  # saved before the first step
    if slots:  # the engine keeps state for frozen weights too
        count = 1 + max(int(name[4:name.index("/")]) for name in slots)
        frozen = [i for i, info in enumerate(model._net.layers()) if not info[6]]
        for i in frozen:
            model._net.set_trainable(i, True)
        listed = model._net.weights()
        for i in frozen:
            model._net.set_trainable(i, False)
        for name, _, learns, _, shape in listed:
            slots.update({key: np.zeros(shape, numeric) for key in (f"slot{k}/{name}" for k in range(count)) if learns and key not in slots})
    try:
        model._net.set_state(write_bytes(slots, {"step": str(step), "epoch": "0", "seed": "0"}))
    except errors.FiresteelError as problem:
        warnings.warn(f"{who}: the optimizer's state is left out: {problem}", stacklevel=5)
        return
    if new and len(scalars) > 1 and not isinstance(config.get("learning_rate"), RATES.LearningRateSchedule):
        rate = float(scalars[1])
        if np.isfinite(rate) and rate > 0 and np.float32(config.get("learning_rate", rate)) != np.float32(rate):
            kind.learning_rate = rate
