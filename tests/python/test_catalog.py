"""The classes of the package are the engine's: same names, same parameters, same defaults. The catalog is the one source."""
import inspect
import json

import firesteel as fire
import pytest
from firesteel import _core
from firesteel._text import Named

MODULES = {"layer": fire.layers, "loss": fire.losses, "metric": fire.metrics, "optimizer": fire.optimizers, "initializer": fire.initializers,
           "schedule": fire.optimizers.schedules, "regularizer": fire.regularizers, "constraint": fire.constraints}
CATALOG = [entry for entry in map(json.loads, _core.catalog().splitlines()) if entry["kind"] in MODULES]
BASES = {"Layer", "Recurrent", "Loss", "Metric", "Optimizer", "Initializer", "LearningRateSchedule", "Regularizer", "Constraint", "Named"}


def test_all_are_there():
    for kind, module in MODULES.items():
        ours = {name for name, thing in vars(module).items() if inspect.isclass(thing) and issubclass(thing, Named) and (thing.__module__ + ".").startswith(module.__name__ + ".") and not name.startswith("_")}
        assert ours - BASES - {"Lambda"} == {entry["name"] for entry in CATALOG if entry["kind"] == kind}, kind


@pytest.mark.parametrize("entry", CATALOG, ids=lambda entry: f"{entry['kind']}-{entry['name']}")
def test_signature(entry):
    kind = getattr(MODULES[entry["kind"]], entry["name"])
    parameters = {name: p for name, p in inspect.signature(kind).parameters.items() if name not in ("name", "trainable")}
    if entry["name"] == "Normalization":
        assert parameters.pop("mean").default is None and parameters.pop("variance").default is None  # values of weights
    if entry["kind"] == "loss":  # what all losses have is in no entry
        assert parameters.pop("reduction").default == "sum_over_batch_size"
    if entry["name"] in ("Hashing", "IntegerLookup"):
        return  # parameters are Keras'; what may be None there is two attributes of the engine, and a vocabulary is a weight
    if entry["kind"] in ("optimizer", "schedule"):  # what all optimizers have comes last in the engine; Keras' order is another
        assert sorted(parameters) == sorted(attr["name"] for attr in entry["attrs"])
    else:
        assert list(parameters) == [attr["name"] for attr in entry["attrs"]]
    for attr in entry["attrs"]:
        default = parameters[attr["name"]].default
        if default is inspect.Parameter.empty:
            continue  # it must be given, as in Keras
        if default is None:  # nothing, in the engine's words
            nothing = entry["kind"] == "optimizer" and attr["default"] == 0 or attr["default"] in ("", "none", []) or ("min" in attr and attr["default"] < attr["min"])  # or a number out of range
            default = "linear" if attr["name"] == "activation" else attr["default"] if nothing else ""
        if attr["type"] in ("ints", "floats") and isinstance(default, (int, float)):
            default = [default]
        if isinstance(default, tuple):
            default = list(default)
        assert default == attr["default"] and isinstance(default, bool) == (attr["type"] == "bool"), attr
    assert kind.__doc__ and entry["help"]


def test_defaults_reach_the_engine():
    model = fire.Sequential([fire.Input((4,)), fire.layers.Dense(3)])
    for optimizer in (fire.optimizers.SGD, fire.optimizers.RMSprop, fire.optimizers.Adam):
        model.compile(optimizer(), "mse")
        by_instance = model._net.info()["optimizer"]
        model.compile(optimizer.__name__.lower(), "mse")
        assert model._net.info()["optimizer"] == by_instance
        assert model.optimizer.get_config() == optimizer().get_config()
