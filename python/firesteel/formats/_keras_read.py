"""_keras_read - Keras' files as models: what is in a file, its weights put into the layers of its configuration, and its compile settings."""
from __future__ import annotations

import json
import os
import zipfile
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import errors, layers
from . import _keras_compile, _keras_weights as weights
from ._hdf5 import Folder, open_file, text
from ._keras_build import Part, as_object, build, said

MOST_JSON = 256 << 20


def place(model: Any, tree: Part, root: Folder, version: int, backend: str, who: str) -> None:
    """Put the weights of a file into a model whose parts are known."""
    top = root.folder("model_weights") or root
    if "layer_names" in top.attrs or "layer_names0" in top.attrs:
        chosen: list[tuple[Part, weights.Arrays, list[str]]] = []
        known = {part.name: part for part in _flat(tree)}
        in_order = [part for part in _flat(tree) if any(_counts(model, leaf) != (0, 0) for leaf in part.leaves())]
        stored = [(name, weights.listed(found, who), found.texts("weight_names")) for name in top.texts("layer_names") if (found := top.folder(name)) is not None]
        filled = [(name, arrays, listed) for name, arrays, listed in stored if arrays]
        if not all(name in known for name, *_ in filled):  # another model's names: by order, as Keras does
            if len(filled) != len(in_order):
                raise errors.make(5004, f"{who}: {len(filled)} layers have weights, the model has {len(in_order)} such layers")
            chosen = [(part, arrays, listed) for part, (_, arrays, listed) in zip(in_order, filled)]
        else:
            chosen = [(known[name], arrays, listed) for name, arrays, listed in filled]
        for part, arrays, listed in chosen:
            _spread(model, part, arrays, version, backend, who, listed)
        rest = [part for part in in_order if not any(part is other for other, *_ in chosen)]
        for part in rest:
            if told := _told_weights(part):
                _put(model, part, told, version, backend, who)
        missing = [part.name for part in rest if not _told_weights(part)]
    elif root.folder("layers") is not None or root.folder("_layer_checkpoint_dependencies") is not None:
        missing = _descend(model, tree, root, version, backend, who)
    else:
        raise errors.make(5004, f"{who}: holds no weights of Keras: neither layer_names nor layers")
    if missing:
        raise errors.make(5004, f"{who}: no weights of {', '.join(missing[:5])}")


def _flat(tree: Part) -> list[Part]:
    """The parts that have a group of their own; those in a Merge of Keras 1 too."""
    return [part for one in tree.parts for part in (_flat(one) if one.kind == "Merge" else [one])]


def _counts(model: Any, leaf: Part) -> tuple[int, int]:
    """(trainable, other) weights of a layer."""
    assert leaf.layer is not None
    net, at = model.get_layer(leaf.layer.name)._place()
    own = [learns for _, of, learns, _, _ in net.weights() if of == at]
    return sum(own), len(own) - sum(own)


def _put(model: Any, leaf: Part, arrays: weights.Arrays, version: int, backend: str, who: str) -> None:
    assert leaf.layer is not None
    layer = model.get_layer(leaf.layer.name)
    net, at = layer._place()
    shapes = [shape for _, of, _, _, shape in net.weights() if of == at]
    kind = layer.kind
    config = leaf.config
    if kind.startswith("LocallyConnected") and arrays and arrays[0].ndim == 1:  # what its input is like must be known
        sides = layer.input.shape[1:]
        config = {**config, "input_sides": sides[1:] if config.get("data_format") == "channels_first" else sides[:-1]}
    try:
        arrays = weights.convert(kind, config, arrays, shapes, version, backend == "theano", bool(leaf.layer.__dict__.get("_cudnn")))
        if len(arrays) != len(shapes) or any(a.shape != tuple(s) for a, s in zip(arrays, shapes)):
            raise ValueError
    except (ValueError, IndexError):
        found = ", ".join(str(list(a.shape)) for a in arrays[:6])
        raise errors.make(5004, f"{who}: layer {leaf.name} has weights of shapes {found}; expected {', '.join(str(list(s)) for s in shapes)}") from None
    if shapes:
        layer.set_weights([np.asarray(a, np.float64 if a.dtype == np.float64 else np.float32) for a in arrays])


def _spread(model: Any, part: Part, arrays: weights.Arrays, version: int, backend: str, who: str, listed: Sequence[str] = ()) -> None:
    """A nested model's arrays: first what its layers train, then the others. What the configuration tells is not among them."""
    told = [leaf for leaf in part.leaves() if part.nested and _told_weights(leaf)]
    for leaf in told:
        _put(model, leaf, _told_weights(leaf), version, backend, who)
    leaves = [leaf for leaf in part.leaves() if not any(leaf is other for other in told)]
    if not part.nested:
        for leaf in leaves:
            _put(model, leaf, arrays, version, backend, who)
        return
    first: list[tuple[Part, int]] = []
    then: list[tuple[Part, int]] = []
    for leaf in leaves:
        assert leaf.layer is not None
        trainable = leaf.config.get("trainable", True) is not False
        net, at = model.get_layer(leaf.layer.name)._place()
        if trainable and not leaf.layer._trainable:  # as it is in a model that is frozen, but counts among those that learn
            net.set_trainable(at, True)
        learns, others = weights.file_count(model.get_layer(leaf.layer.name).kind, _counts(model, leaf), version)
        if trainable and not leaf.layer._trainable:
            net.set_trainable(at, False)
        first.append((leaf, learns if trainable else 0))
        then.append((leaf, others + (0 if trainable else learns)))
    if sum(n for _, n in first + then) != len(arrays):
        raise errors.make(5004, f"{who}: the model {part.name} has {len(arrays)} arrays; expected {sum(n for _, n in first + then)}")
    own: dict[int, weights.Arrays] = {id(leaf): [] for leaf in leaves}
    order = [leaf for leaf, n in first + then for _ in range(n)]
    said = [max((leaf for leaf in leaves if f"/{name}".find(f"/{leaf.name}/") >= 0), key=lambda leaf: len(leaf.name), default=None) for name in listed]
    if sorted(map(id, said)) == sorted(map(id, order)):  # models in it, and layers frozen by themselves, may bring another order: names tell, where each names one layer
        order = [leaf for leaf in said if leaf is not None]
    for leaf, array in zip(order, arrays):
        own[id(leaf)].append(array)
    for leaf in leaves:
        _put(model, leaf, own[id(leaf)], version, backend, who)


def _descend(model: Any, tree: Part, group: Folder, version: int, backend: str, who: str) -> list[str]:
    """Keras 3's groups: named after classes, counted. Gives the names of layers without weights."""
    missing: list[str] = []
    inside = group.folder("layers")
    twice = inside is None  # Keras 2.12 and 2.13 list a layer that has weights twice, and count it twice
    inside = inside or group.folder("_layer_checkpoint_dependencies") or Folder()
    counted: dict[str, int] = {}
    for part in tree.parts:
        stem = weights.snake("TimeDistributed" if part.timed else part.stem if not part.nested or part.kind == "RNN" else "Sequential" if part.kind == "Sequential" else "Functional")
        number = counted[stem] = counted.get(stem, -1) + 1
        if twice and any(_counts(model, leaf) != (0, 0) for leaf in part.leaves()):
            counted[stem] += 1
        found = inside.folders.get(f"{stem}_{number}" if number else stem) or inside.folders.get(part.name)
        if part.timed and found is not None:
            found = found.folder("layer")
        if part.kind == "RNN" and part.nested:
            _spread(model, part, _cells(part, found), version, backend, who)
        elif part.nested:
            missing += _descend(model, part, found or Folder(), version, backend, who)
        elif part.layer is not None:
            arrays = weights.below(found) or _told_weights(part)
            if not arrays and _counts(model, part) != (0, 0):
                missing.append(part.name)
            else:
                _put(model, part, arrays, version, backend, who)
    return missing


def _cells(part: Part, group: Folder | None) -> weights.Arrays:
    """What an RNN over several cells has in Keras 3's file: groups named after the cells' classes, counted."""
    inside = group.folder("cell/cells") if group is not None else None
    if inside is None:
        return weights.below(group)
    arrays: weights.Arrays = []
    counted: dict[str, int] = {}
    for leaf in part.parts:
        stem = weights.snake(f"{leaf.kind}Cell")
        number = counted[stem] = counted.get(stem, -1) + 1
        arrays += weights.below(inside.folder(f"{stem}_{number}" if number else stem))
    return arrays


def _told_weights(part: Part) -> weights.Arrays:
    """What Normalization(mean, variance) and IntegerLookup(vocabulary) have in their configuration."""
    if isinstance(part.layer, layers.IntegerLookup) and part.config.get("vocabulary") is not None:
        return [np.asarray(part.layer.get_vocabulary(False), np.float64)]
    told = [part.config.get(name) for name in ("mean", "variance")] if part.kind == "Normalization" else []
    return [] if not told or any(value is None for value in told) else [np.asarray(value, np.float32) for value in told]


# ---- files

def _json(content: bytes | str, who: str) -> dict[str, Any]:
    try:
        found = as_object(json.loads(content), who)
        json.dumps(found, ensure_ascii=False).encode()  # names of half a character could not be printed
        return found
    except (ValueError, RecursionError) as problem:
        if isinstance(problem, errors.FiresteelError):
            raise
        raise errors.make(5004, f"{who}: no JSON of a model: {str(problem)[:200]}") from None


def _version(found: Any) -> int:
    """The first number of keras_version; files without one are of Keras 1."""
    digits = text(found).lstrip()[:1] if found is not None else "1"
    return int(digits) if digits.isdigit() else 3


def _member(archive: zipfile.ZipFile, name: str, who: str, most: int) -> bytes:
    """One file of an archive, that is no larger than it says and not 100 times what it takes there."""
    info = archive.getinfo(name)
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) or info.flag_bits & 1:
        raise errors.make(5004, f"{who}: {name} is packed in a way that models are not")
    if info.file_size > min(most, 100 * info.compress_size + (1 << 20)):
        raise errors.make(5004, f"{who}: {name} claims {info.file_size} bytes unpacked from {info.compress_size}")
    with archive.open(info) as file:
        content = file.read(info.file_size + 1)
    if len(content) != info.file_size:
        raise errors.make(5004, f"{who}: {name} has another size than it says")
    return content


def _unzip(path: str, who: str) -> dict[str, bytes]:
    """The parts of a .keras file."""
    try:
        with zipfile.ZipFile(path) as archive:
            listed = [info.filename for info in archive.infolist()]
            if len(listed) > 10000 or len(set(listed)) != len(listed):
                raise errors.make(5004, f"{who}: the archive names a file twice, or holds more than 10,000")
            for info in archive.infolist():
                parts = info.filename.replace("\\", "/").split("/")
                if parts[0] == "" or ".." in parts or ":" in parts[0] or (info.external_attr >> 16) & 0o170000 not in (0, 0o100000, 0o040000):
                    raise errors.make(5004, f"{who}: {info.filename!r} in the archive is a link or leads out of it")
            wanted = [name for name in ("config.json", "metadata.json", "model.weights.h5") if name in listed]
            if "config.json" not in wanted:
                raise errors.make(5002, f"{who}: a zip file without config.json is no model of Keras")
            size = os.stat(path).st_size
            return {name: _member(archive, name, who, MOST_JSON if name != "model.weights.h5" else 100 * size) for name in wanted}
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, EOFError, RuntimeError, zlib.error) as problem:
        if isinstance(problem, errors.FiresteelError):
            raise
        raise errors.make(5004, f"{who}: {' '.join(str(problem).split())[:200]}") from None


def load(path: str, compile: bool = True, input_shape: Any = None) -> Any:
    """A model from a .keras or .h5 file."""
    who = os.path.basename(path)
    with open(path, "rb") as file:
        zipped = file.read(4) == b"PK\x03\x04"
    try:
        if zipped:
            return _load_keras(path, who, compile, input_shape)
        return _load_h5(path, who, compile, input_shape)
    except Exception as problem:
        told = _told(problem, who)
        if told is problem:
            raise
        raise told from problem


def _told(problem: Exception, who: str) -> Exception:
    """What is raised for a file: firesteel's own errors with its name, and for a configuration that contradicts itself one of them."""
    if isinstance(problem, errors.FiresteelError):
        text = "".join(c if c.isprintable() else repr(c)[1:-1] for c in problem.message)  # names of a file may hold what terminals obey
        return problem if who in text and text == problem.message or not problem.code else errors.make(problem.code, text if who in text else f"{who}: {text}", problem.details)
    if isinstance(problem, RecursionError):
        return errors.make(5004, f"{who}: nested too deeply")
    if isinstance(problem, (ArithmeticError, AssertionError, AttributeError, LookupError, TypeError, ValueError)):
        return errors.make(5004, f"{who}: {type(problem).__name__}: {ascii(' '.join(str(problem).split())[:200])}")
    return problem


def _load_keras(path: str, who: str, compile: bool, input_shape: Any) -> Any:
    parts = _unzip(path, who)
    config = _json(parts["config.json"], f"{who}: config.json")
    version = _version(_json(parts.get("metadata.json", b"{}"), f"{who}: metadata.json").get("keras_version", "3"))
    model, tree = build(config, version, input_shape)
    if "model.weights.h5" not in parts:
        raise errors.make(5004, f"{who}: the archive has no model.weights.h5")
    file, root = open_file(parts["model.weights.h5"], f"{who}: model.weights.h5")
    with file:
        place(model, tree, root, version, "", who)
        if compile:
            _keras_compile.restore(model, tree, config.get("compile_config"), root, who)
    return model


def _backend(root: Folder, top: Folder, version: int, configs: Any) -> str:
    """What computed a file's model. Keras 1 did not write it down; there channels first were Theano's way."""
    found = text(root.attrs.get("backend", top.attrs.get("backend", "")))
    return found or ("theano" if version == 1 and said(configs, "dim_ordering") == "th" else "")


def _load_h5(path: str, who: str, compile: bool, input_shape: Any) -> Any:
    file, root = open_file(path, who)
    with file:
        if "model_config" not in root.attrs:
            raise errors.make(5002, f"{who}: an HDF5 file without model_config: weights alone; build the model and call model.load_weights")
        config = _json(text(root.attrs["model_config"]), f"{who}: model_config")
        top = root.folder("model_weights") or root
        found = root.attrs.get("keras_version", top.attrs.get("keras_version"))
        version = _version(found)
        model, tree = build(config, version, input_shape)
        place(model, tree, root, version, _backend(root, top, version, config), who)
        if compile and "training_config" in root.attrs:
            settings = _json(text(root.attrs["training_config"]), f"{who}: training_config")
            _keras_compile.restore(model, tree, settings, root, who)
    return model


def load_weights(model: Any, path: str) -> None:
    """Weights alone, of an .h5, .weights.h5 or .keras file, into a model of the same layers."""
    who = os.path.basename(path)
    with open(path, "rb") as file:
        zipped = file.read(4) == b"PK\x03\x04"
    content: Any = path
    version = 0
    if zipped:
        parts = _unzip(path, who)
        content, version = parts.get("model.weights.h5", b""), 3
    tree = model.__dict__.get("_parts") or Part("Sequential", {}, model.name)  # a model of from_json knows what was nested
    for layer in model._all if not tree.parts else []:
        part = Part("InputLayer" if isinstance(layer, layers.Input) else {"GroupQueryAttention": "GroupedQueryAttention"}.get(layer.kind, layer.kind),
                    {key: layer._attrs.get(key) for key in ("data_format", "kernel_size", "strides", "padding")} | {"trainable": layer.trainable}, layer.name)
        part.layer = None if isinstance(layer, layers.Input) else layer
        tree.parts.append(part)
    file, root = open_file(content, who)
    with file:
        top = root.folder("model_weights") or root
        version = version or _version(top.attrs.get("keras_version", root.attrs.get("keras_version", "3" if root.folder("layers") is not None else None)))
        before = model.get_weights()
        try:
            place(model, tree, root, version, _backend(root, top, version, [part.config for part in _flat(tree)]), who)
        except BaseException:
            model.set_weights(before)
            raise


def from_json(content: str, input_shape: Any = None) -> Any:
    """A model of the architecture that Keras' to_json wrote, with weights yet to be drawn."""
    config = _json(content, "model_from_json")
    try:
        return build(config, _version(config.get("keras_version", "3" if "module" in config else None)), input_shape)[0]
    except Exception as problem:
        told = _told(problem, "model_from_json")
        if told is problem:
            raise
        raise told from problem
