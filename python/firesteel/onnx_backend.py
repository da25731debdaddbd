"""ONNX's backend interface, so that ONNX's own test-suite runs with firesteel: pass this module's `FiresteelBackend`, or the module itself, to
`onnx.backend.test.BackendTest`. Needs the package `onnx`."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, helper
from onnx.backend.base import Backend, BackendRep

from . import errors
from .models import Model


class FiresteelRep(BackendRep):
    """A model that is ready to run."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.names = [name for name, _, _ in model._net.ports(False)]

    def run(self, inputs: Any, **kwargs: Any) -> tuple[Any, ...]:
        given = dict(inputs) if isinstance(inputs, dict) else dict(zip(self.names, inputs if isinstance(inputs, (list, tuple)) else [inputs]))
        kinds = {name: kind for name, kind, _ in self.model._net.ports(True)}
        found = self.model.run(given)
        return tuple(value.astype(helper.tensor_dtype_to_np_dtype(kinds[name])) if kinds[name] == TensorProto.BFLOAT16 else value for name, value in found.items())


class FiresteelBackend(Backend):
    """The engine as a backend of the onnx package. What it cannot run it refuses with firesteel's errors."""

    @classmethod
    def is_compatible(cls, model: ModelProto, device: str = "CPU", **kwargs: Any) -> bool:
        try:
            Model.from_bytes(model.SerializeToString())
        except errors.FiresteelError:
            return False
        return True

    @classmethod
    def prepare(cls, model: ModelProto, device: str = "CPU", **kwargs: Any) -> FiresteelRep:
        return FiresteelRep(Model.from_bytes(model.SerializeToString()))

    @classmethod
    def run_model(cls, model: ModelProto, inputs: Any, device: str = "CPU", **kwargs: Any) -> tuple[Any, ...]:
        return cls.prepare(model, device).run(inputs)

    @classmethod
    def run_node(cls, node: NodeProto, inputs: Sequence[Any], device: str = "CPU", outputs_info: Any = None, **kwargs: Any) -> tuple[Any, ...]:
        arrays = [np.asarray(value) for value in inputs]
        names = [name for name in node.input if name]
        made = [helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(array.dtype), array.shape) for name, array in zip(names, arrays)]
        outputs = [helper.make_empty_tensor_value_info(name) for name in node.output if name]
        graph = helper.make_graph([node], "node", made, outputs)
        opset = kwargs.get("opset_version") or 0
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)] if opset else None)
        return cls.run_model(model, arrays)

    @classmethod
    def supports_device(cls, device: str) -> bool:
        return device == "CPU"


is_compatible = FiresteelBackend.is_compatible
prepare = FiresteelBackend.prepare
run = FiresteelBackend.run_model
run_model = FiresteelBackend.run_model
run_node = FiresteelBackend.run_node
supports_device = FiresteelBackend.supports_device
