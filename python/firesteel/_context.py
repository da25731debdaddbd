"""_context - the engine's context that all models of a process share, and what is set for it."""
from __future__ import annotations

from os import PathLike, fspath

from . import _core

_context: _core.Context | None = None


def context() -> _core.Context:
    """The engine's context that all models of this process share."""
    global _context
    if _context is None:
        _context = _core.Context()
    return _context


def set_threads(n: int) -> None:
    """Threads of every fit, evaluate and predict from now on; 1 at the start."""
    context().set_threads(n)


def set_limits(memory: int | None = None, work: int | None = None) -> None:
    """Refuse what takes more: `memory` is bytes that all models of this process may use together, `work` operations of one run of an imported
    model; None: no limit. For models from people one does not trust."""
    context().set_limits(memory or 0, work or 0)


def set_cache(folder: str | PathLike[str] | None) -> None:
    """A folder in which the processes of a host share weights of convolutions, in the order that the kernels like, for models that score from now on;
    None: each has its own. Who may write there may change what models compute. Its files may be removed at any time."""
    context().set_cache(None if folder is None else fspath(folder))
