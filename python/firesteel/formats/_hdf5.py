"""_hdf5 - an HDF5 file as folders of arrays: no links out of it, no more numbers than it can hold, nothing read before it is asked for."""
from __future__ import annotations

import io
import mmap
import os
from typing import Any

import numpy as np

from .. import errors

MAGIC = b"\x89HDF\r\n\x1a\n"
SLACK = 64 << 20  # bytes that a file may claim beyond four times its size
MOST = 1_000_000  # objects
WORD = (1 << 64) - 1
HEAP = b"GCOL\1"
LEAST_HEAP = 4096  # bytes


def h5py(who: str) -> Any:
    """The h5py package."""
    try:
        import h5py as found
    except ImportError:
        raise errors.make(1005, f"{who}: Keras' weights are HDF5, which needs the package h5py: pip install 'firesteel[keras]'") from None
    return found


class Folder:
    """A group: attributes, folders and arrays by name. Names that hold / or \\ are several folders."""

    def __init__(self, path: str = "") -> None:
        self.path = path
        self.attrs: dict[str, Any] = {}
        self.folders: dict[str, Folder] = {}
        self.arrays: dict[str, Any] = {}

    def folder(self, name: str) -> Folder | None:
        """The folder at a path below this one."""
        at: Folder | None = self
        for part in name.replace("\\", "/").split("/"):
            at = at.folders.get(part) if at is not None and part else at
        return at

    def array(self, name: str) -> np.ndarray | None:
        """The numbers of the array at a path below this one."""
        before, _, last = name.replace("\\", "/").rpartition("/")
        folder = self.folder(before) if before else self
        found = folder.arrays.get(last) if folder is not None else None
        return None if found is None else numbers(found)

    def texts(self, name: str) -> list[str]:
        """An attribute that lists texts; Keras cuts long ones into name0, name1 ..."""
        pieces = [self.attrs[name]] if name in self.attrs else []
        while f"{name}{len(pieces)}" in self.attrs and name not in self.attrs:
            pieces.append(self.attrs[f"{name}{len(pieces)}"])
        return [text(value) for piece in pieces for value in np.asarray(piece).reshape(-1)]


def text(value: Any) -> str:
    """An attribute's text."""
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value[()]
    return value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else str(value)


def numbers(found: Any) -> np.ndarray:
    """The numbers of a data set."""
    return np.asarray(found[()])


def open_file(content: bytes | str | os.PathLike[str], who: str) -> tuple[Any, Folder]:
    """The open file, which the caller closes, and its folders. `content`: bytes, or a path."""
    lib = h5py(who)
    if isinstance(content, bytes):
        size = len(content)
        _check_heaps(content, who)
    else:
        size = os.stat(content).st_size
        if size:
            with open(content, "rb") as raw, mmap.mmap(raw.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
                _check_heaps(mapped, who)
    try:
        file = lib.File(io.BytesIO(content) if isinstance(content, bytes) else content, "r")
    except (OSError, RuntimeError, ValueError, KeyError) as problem:
        raise errors.make(5004, f"{who}: {_line(problem)}") from None
    try:
        root = Folder()
        _walk(lib, file, root, who, {"bytes": 4 * size + SLACK, "objects": MOST}, 0)
        return file, root
    except (OSError, RuntimeError, ValueError, KeyError, TypeError, UnicodeError) as problem:
        file.close()
        if isinstance(problem, errors.FiresteelError):
            raise
        raise errors.make(5004, f"{who}: {_line(problem)}") from None
    except BaseException:
        file.close()
        raise


def _check_heaps(held: bytes | mmap.mmap, who: str) -> None:
    """Refuse global heaps (where texts of any length lie) with an object of no size: HDF5, 2.0.0 too, reads them without end. The layout is that of the HDF5 File
    Format Specification, III.E: a head of 16 bytes, then objects of an index, a size in their bytes 8 to 16 and their content in eights; index 0: what is free."""
    heap, left = held.find(HEAP), len(held) // 16  # objects that there is room for
    while heap >= 0:
        length = int.from_bytes(held[heap + 8:heap + 16], "little")
        at, end = heap + 16, heap + length
        while LEAST_HEAP <= length <= len(held) - heap and at + 16 <= end:  # HDF5 reads no heap of another length
            index, size = int.from_bytes(held[at:at + 2], "little"), int.from_bytes(held[at + 8:at + 16], "little")
            step = 16 + (size + 7) // 8 * 8 & WORD if index else size  # as HDF5 reckons, in 64 bits
            left -= 1
            if not step:
                raise errors.make(5004, f"{who}: the heap at byte {heap} has an object of no size at byte {at}; the file is damaged")
            if left < 0:
                raise errors.make(5004, f"{who}: the heap at byte {heap} lies in another one; the file is damaged")
            at += step
        heap = held.find(HEAP, heap + 8)


def _line(problem: BaseException) -> str:
    return " ".join(str(problem).split())[:300] or type(problem).__name__


def _walk(lib: Any, group: Any, to: Folder, who: str, left: dict[str, int], depth: int) -> None:
    """Copy the structure of a group."""
    if depth > 64:
        raise errors.make(5004, f"{who}: groups inside groups, more than 64 deep")
    for name in group.attrs:
        space = group.attrs.get_id(name)
        if space.get_type().get_class() not in (lib.h5t.INTEGER, lib.h5t.FLOAT, lib.h5t.STRING, lib.h5t.ENUM):
            continue  # nothing of Keras', and HDF5 can be made to crash by lists and structs
        if int(np.prod(space.shape, dtype=np.float64)) > 1 << 26:
            raise errors.make(5004, f"{who}: the attribute {name!r} claims {space.shape} values")
        to.attrs[name] = group.attrs[name]
    for name in group:
        left["objects"] -= 1
        if left["objects"] < 0:
            raise errors.make(5004, f"{who}: more than {MOST} objects")
        shown = repr(f"{to.path}/{name}")
        if not isinstance(group.get(name, getlink=True), lib.HardLink):
            raise errors.make(5004, f"{who}: {shown} is a link; models have none")
        found = group[name]
        parts = [part for part in name.replace("\\", "/").split("/") if part]
        if not parts:
            raise errors.make(5004, f"{who}: an object has no name")
        inside = to
        for part in parts if isinstance(found, lib.Group) else parts[:-1]:
            inside = inside.folders.setdefault(part, Folder(f"{inside.path}/{part}"))
        if isinstance(found, lib.Group):
            _walk(lib, found, inside, who, left, depth + 1)
            continue
        if not isinstance(found, lib.Dataset):
            continue
        if found.external or found.is_virtual:
            raise errors.make(5004, f"{who}: the numbers of {shown} are in another file")
        if found.shape is None or found.dtype.kind not in "fiub" or found.dtype.itemsize > 8:
            continue  # texts and the like: not weights
        left["bytes"] -= int(np.prod(found.shape, dtype=object)) * found.dtype.itemsize if found.shape else found.dtype.itemsize
        if left["bytes"] < 0:
            raise errors.make(5004, f"{who}: {shown} claims {list(found.shape)} numbers, more than the file can hold")
        inside.arrays[parts[-1]] = found
