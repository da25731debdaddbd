"""errors - what can go wrong, as exceptions that people already catch.

Every one is a FiresteelError with a stable `.code` ('FS2004'; `firesteel explain FS2004` says more) and `.details`, the whole
text where the message is a summary. Each is also the built-in that fits: a ValueError for a bad argument, an OSError for a file.
"""
from __future__ import annotations

from typing import Any


class FiresteelError(Exception):
    """Base of all errors of this package."""

    def __init__(self, message: str, code: str = "", details: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.details = details or message
        self.model: Any = None  # the last good model, where one was saved from a failed training

    def __str__(self) -> str:
        return f"{self.code}: {self.message}" if self.code else self.message

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.message, self.code, self.details)


class UsageError(FiresteelError, ValueError):
    """A call broke a rule: a bad argument, unknown name or shapes that do not fit."""


class UnsupportedError(UsageError, NotImplementedError):
    """Legal, but this version does not do it."""


class NotReadyError(UsageError, RuntimeError):
    """The model is not built or not compiled yet."""


class DataError(FiresteelError, ValueError):
    """Rows or columns are not as declared."""


class DataTypeError(DataError, TypeError):
    """A column or array has a type that cannot be used."""


class DivergedError(FiresteelError, ArithmeticError):
    """The loss became NaN or infinite; the weights of the last good epoch were put back."""


class ClusterError(FiresteelError, RuntimeError):
    """A worker is lost, late or not who it claims to be."""


class PeerTimeoutError(ClusterError, TimeoutError):
    """A worker sent nothing until the deadline."""


class ModelFileError(FiresteelError, OSError):
    """A model file or checkpoint cannot be read or written."""


class ModelFileNotFoundError(ModelFileError, FileNotFoundError):
    """There is no such model file."""


class ModelFormatError(ModelFileError, ValueError):
    """A file is not a model, is cut short, corrupt or of a newer version."""


class OutOfMemoryError(FiresteelError, MemoryError):
    """The engine's allocator returned no memory."""


# By code where a code has its own class, else by group (code // 1000).
_CLASSES: dict[int, type[FiresteelError]] = {
    1: UsageError, 1005: UnsupportedError, 1006: NotReadyError, 1007: NotReadyError, 1008: OutOfMemoryError, 2: DataError, 2002: DataTypeError,
    3: DivergedError, 4: ClusterError, 4004: PeerTimeoutError, 5: ModelFileError, 5002: ModelFormatError, 5003: ModelFormatError,
    5004: ModelFormatError, 5005: ModelFormatError, 5006: ModelFormatError}


def make(code: int | str, message: str, details: str = "") -> FiresteelError:
    """The exception for a code (2004 or 'FS2004') and a message."""
    number = int(code.removeprefix("FS")) if isinstance(code, str) else code
    kind = _CLASSES.get(number) or _CLASSES.get(number // 1000) or FiresteelError
    return kind(message, f"FS{number:04d}" if number else "", details)
