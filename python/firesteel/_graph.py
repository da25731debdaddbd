"""_graph - layers called on tensors: what a Model is made of before the engine has it.

Calling a layer on tensors makes a Node; its outputs are SymbolicTensors. A Model follows them from its outputs back to its inputs and
tells the engine; nothing is computed before.
"""
from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from . import errors

if TYPE_CHECKING:
    from .layers import Layer


class Node:
    """One call of a layer."""

    def __init__(self, layer: Layer, inputs: Sequence[SymbolicTensor], n_out: int = 1) -> None:
        self.layer = layer
        self.inputs = list(inputs)
        self.outputs = [SymbolicTensor(self, k) for k in range(n_out)]


class Arithmetic:
    """Python's operators, by the functions of fire.ops. There is nothing to branch on: values are known only when the engine runs."""

    __hash__ = object.__hash__
    __array_ufunc__ = None  # NumPy leaves array @ tensor to the tensor

    def __bool__(self) -> bool:
        raise errors.make(1001, "Python cannot branch on a tensor, whose value is known only when the engine runs; use ops.where")

    def __add__(self, other: Any) -> Any: return _ops().add(self, other)
    def __radd__(self, other: Any) -> Any: return _ops().add(other, self)
    def __sub__(self, other: Any) -> Any: return _ops().subtract(self, other)
    def __rsub__(self, other: Any) -> Any: return _ops().subtract(other, self)
    def __mul__(self, other: Any) -> Any: return _ops().multiply(self, other)
    def __rmul__(self, other: Any) -> Any: return _ops().multiply(other, self)
    def __truediv__(self, other: Any) -> Any: return _ops().divide(self, other)
    def __rtruediv__(self, other: Any) -> Any: return _ops().divide(other, self)
    def __floordiv__(self, other: Any) -> Any: return _ops().floor_divide(self, other)
    def __rfloordiv__(self, other: Any) -> Any: return _ops().floor_divide(other, self)
    def __mod__(self, other: Any) -> Any: return _ops().mod(self, other)
    def __rmod__(self, other: Any) -> Any: return _ops().mod(other, self)
    def __pow__(self, other: Any) -> Any: return _ops().power(self, other)
    def __rpow__(self, other: Any) -> Any: return _ops().power(other, self)
    def __matmul__(self, other: Any) -> Any: return _ops().matmul(self, other)
    def __rmatmul__(self, other: Any) -> Any: return _ops().matmul(other, self)
    def __and__(self, other: Any) -> Any: return _ops().logical_and(self, other)
    def __or__(self, other: Any) -> Any: return _ops().logical_or(self, other)
    def __invert__(self) -> Any: return _ops().logical_not(self)
    def __neg__(self) -> Any: return _ops().negative(self)
    def __abs__(self) -> Any: return _ops().absolute(self)
    def __lt__(self, other: Any) -> Any: return _ops().less(self, other)
    def __le__(self, other: Any) -> Any: return _ops().less_equal(self, other)
    def __gt__(self, other: Any) -> Any: return _ops().greater(self, other)
    def __ge__(self, other: Any) -> Any: return _ops().greater_equal(self, other)
    def __getitem__(self, key: Any) -> Any: return _ops().getitem(self, key)


def _ops() -> Any:
    from . import ops
    return ops


class SymbolicTensor(Arithmetic):
    """Output k of a node: what Keras calls a KerasTensor. `shape` has None for the batch."""

    def __init__(self, node: Node, k: int, shape: tuple[int | None, ...] | None = None) -> None:
        self.node = node
        self.k = k
        self._shape = shape

    @property
    def name(self) -> str:
        """The layer's."""
        return self.node.layer.name

    @property
    def shape(self) -> tuple[int | None, ...]:
        """Found by the engine, which builds what leads here."""
        if self._shape is None:
            from .models import Model
            self._shape = Model(inputs_of([self]), self).output_shape
        return self._shape

    def __repr__(self) -> str:
        return f"<SymbolicTensor {list(self.shape)} of {self.name or self.node.layer.kind}>"


def tensors_of(given: Any, who: str) -> list[SymbolicTensor]:
    """A tensor, an Input, or a (nested) sequence or dict of them as a flat list."""
    if isinstance(given, SymbolicTensor):
        return [given]
    symbol = getattr(given, "_symbol", None)
    if callable(symbol):
        return [symbol()]
    if isinstance(given, dict):
        return [t for part in given.values() for t in tensors_of(part, who)]
    if isinstance(given, (list, tuple)):
        return [t for part in given for t in tensors_of(part, who)]
    raise errors.make(1001, f"{who}: {type(given).__name__}; expected an Input or what a layer made of one")


def inputs_of(outputs: Iterable[SymbolicTensor]) -> list[SymbolicTensor]:
    """The Inputs that lead to the outputs, in the order they are met."""
    found: list[SymbolicTensor] = []
    seen: set[int] = set()

    def visit(tensor: SymbolicTensor) -> None:
        if id(tensor.node) in seen:
            return
        seen.add(id(tensor.node))
        if not tensor.node.inputs:
            found.append(tensor)
        for before in tensor.node.inputs:
            visit(before)

    for tensor in outputs:
        visit(tensor)
    return found


def ordered(inputs: Sequence[SymbolicTensor], outputs: Sequence[SymbolicTensor]) -> list[Node]:
    """The nodes between inputs and outputs in Keras' order: the farthest from the outputs first, those equally far in the order in which
    their layers are met from the outputs. So get_weights() has Keras' order."""
    given = {(id(t.node), t.k) for t in inputs}
    met: dict[int, int] = {}       # layer -> when it was met
    after: list[Node] = []         # nodes, each after those it needs
    done: set[int] = set()
    path: set[int] = set()

    def visit(node: Node) -> None:
        if id(node) in done:
            return
        if id(node) in path:
            raise errors.make(1001, "Model: the tensors go in a circle")
        path.add(id(node))
        met.setdefault(id(node.layer), len(met))
        if not node.inputs:
            raise errors.make(1001, f"Model: the outputs need the input '{node.layer.name or node.layer.kind}', which is not among the inputs")
        for tensor in node.inputs:
            if (id(tensor.node), tensor.k) not in given:
                visit(tensor.node)
        path.discard(id(node))
        done.add(id(node))
        after.append(node)

    for tensor in outputs:
        if (id(tensor.node), tensor.k) not in given:
            visit(tensor.node)
    depth: dict[int, int] = {}
    layer_depth: dict[int, int] = {}
    for node in reversed(after):
        far = max(depth.get(id(node), 0), layer_depth.get(id(node.layer), 0))
        depth[id(node)] = layer_depth[id(node.layer)] = far
        for tensor in node.inputs:
            if (id(tensor.node), tensor.k) not in given:
                depth[id(tensor.node)] = max(depth.get(id(tensor.node), 0), far + 1)
    place = {id(node): i for i, node in enumerate(after)}
    return sorted(after, key=lambda node: (-depth[id(node)], met[id(node.layer)], place[id(node)]))
