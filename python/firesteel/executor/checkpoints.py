"""checkpoints - what rank 0 keeps in checkpointDir, so that a training survives its workers and its driver.

    DIR/owner.json                   which attempt may write below DIR: the run, its attempt, a token
    DIR/attempt-000003/              one folder for each attempt at the training
        training.json                which training this is: fingerprint and run
        checkpoint-000005-00000120/  after 5 epochs and 120 steps of the sixth; the last few are kept
            history.json             results of the epochs so far
            model.onnx, state.safetensors, manifest.json    the manifest, written last, commits it
        finished                     the training ended; a later fit begins anew

DIR is a folder of a disk that all workers share, or anything that fsspec opens (s3://, memory://, hdfs:// ...): then a checkpoint is written to
this host's disk and a thread copies it, so that training does not wait for a slow store.

An attempt that was given up may have tasks that live on. They write into a folder of their own, and no more once another attempt owns DIR.
"""
from __future__ import annotations

import contextlib
import errno
import json
import os
import queue
import re
import secrets
import shutil
import tempfile
import threading
from typing import Any, Iterator, Optional

from .failure import TaskError
from .job import Job

ATTEMPT = re.compile(r"attempt-(\d{6})")
CHECKPOINT = re.compile(r"checkpoint-(\d{6,})-(\d{8,})")
FILES = ("history.json", "model.onnx", "state.safetensors", "manifest.json")  # in the order in which they are copied
KEPT = 2  # attempts with a checkpoint, besides the one under way


def is_remote(path: str) -> bool:
    return "://" in path and not path.startswith("file://")


def local_path(path: str) -> str:
    return path[len("file://"):] if path.startswith("file://") else path


# ---- where checkpoints lie -----------------------------------------------------------------

class Disk:
    """A folder of this host or of one that it mounts."""

    def __init__(self, root: str):
        self.root = root

    def path(self, *parts: str) -> str:
        return os.path.join(self.root, *parts)

    def names(self, *parts: str) -> list[str]:
        try:
            return sorted(os.listdir(self.path(*parts)))
        except (FileNotFoundError, NotADirectoryError):
            return []

    def read(self, *parts: str) -> Optional[bytes]:
        try:
            with open(self.path(*parts), "rb") as f:
                return f.read()
        except (FileNotFoundError, NotADirectoryError):
            return None

    def write(self, content: bytes, *parts: str) -> None:
        path = self.path(*parts)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path + ".new", "wb") as f:
            f.write(content)
        os.replace(path + ".new", path)

    def remove(self, *parts: str) -> None:
        shutil.rmtree(self.path(*parts), ignore_errors=True)

    def claim(self, name: str) -> bool:
        """Make a folder that nobody has made before."""
        os.makedirs(self.root, exist_ok=True)
        try:
            os.mkdir(self.path(name))
        except FileExistsError:
            return False
        return True


class Store:
    """A place that fsspec opens. Folders of an object store are but beginnings of names."""

    def __init__(self, url: str):
        try:
            import fsspec
        except ImportError:
            raise TaskError("FS1005", f"checkpointDir={url!r} needs the Python package fsspec on the workers and the driver; install it, "
                            "or name a folder of a disk that all workers share") from None
        try:
            self._fs, self.root = fsspec.core.url_to_fs(url)
        except (ImportError, ValueError) as error:
            raise TaskError("FS1005", f"checkpointDir={url!r}: fsspec cannot open it: {error}") from None

    def path(self, *parts: str) -> str:
        return "/".join([self.root.rstrip("/"), *parts])

    def names(self, *parts: str) -> list[str]:
        self._fs.invalidate_cache()
        try:
            return sorted({str(p).rstrip("/").rsplit("/", 1)[-1] for p in self._fs.ls(self.path(*parts), detail=False)})
        except (FileNotFoundError, NotADirectoryError):
            return []

    def read(self, *parts: str) -> Optional[bytes]:
        try:
            return bytes(self._fs.cat_file(self.path(*parts)))
        except FileNotFoundError:
            return None

    def write(self, content: bytes, *parts: str) -> None:
        with contextlib.suppress(OSError, NotImplementedError):
            self._fs.makedirs(self.path(*parts[:-1]), exist_ok=True)
        self._fs.pipe_file(self.path(*parts), content)

    def remove(self, *parts: str) -> None:
        with contextlib.suppress(OSError):
            self._fs.rm(self.path(*parts), recursive=True)

    def claim(self, name: str) -> bool:
        return not self.names(name)


def place(path: str) -> Any:
    return Store(path) if is_remote(path) else Disk(local_path(path))


def scratch() -> "tempfile.TemporaryDirectory[str]":
    """A folder on this host's own disk, where Spark keeps such things."""
    spark = os.environ.get("SPARK_LOCAL_DIRS", "").split(",")[0]
    return tempfile.TemporaryDirectory(prefix="firesteel-", dir=spark if spark and os.path.isdir(spark) else None, ignore_cleanup_errors=True)


class Found:
    """A checkpoint that was committed; whether it is whole shows when it is read."""

    def __init__(self, where: Any, attempt: str, name: str, epoch: int, step: int):
        self.where, self.attempt, self.name, self.epoch, self.step = where, attempt, name, epoch, step

    def history(self) -> dict[str, list[float]]:
        told = read_json(self.where, self.attempt, self.name, "history.json")
        return {str(k): [float(x) if x is not None else float("nan") for x in v[:self.epoch]] for k, v in told.items() if isinstance(v, list)}

    @contextlib.contextmanager
    def folder(self) -> Iterator[str]:
        """Its files on this host's disk."""
        if isinstance(self.where, Disk):
            yield self.where.path(self.attempt, self.name)
            return
        with scratch() as copy:
            for file in FILES:
                content = self.where.read(self.attempt, self.name, file)
                if content is not None:
                    with open(os.path.join(copy, file), "wb") as f:
                        f.write(content)
            yield copy


def read_json(where: Any, *parts: str) -> dict[str, Any]:
    try:
        found = json.loads(where.read(*parts) or b"{}")
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def attempts_of(where: Any) -> list[tuple[int, str]]:
    return [(int(m.group(1)), m.group(0)) for m in map(ATTEMPT.fullmatch, where.names()) if m]


def checkpoints_of(where: Any, attempt: str) -> list[Found]:
    """Those of one attempt that are committed, oldest first."""
    named = [m for m in map(CHECKPOINT.fullmatch, where.names(attempt)) if m]
    found = []
    for m in named:
        if where.read(attempt, m.group(0), "manifest.json") is not None:
            found.append(Found(where, attempt, m.group(0), int(m.group(1)), int(m.group(2))))
    return sorted(found, key=lambda f: (f.epoch, f.step))


def unfinished(where: Any, job: Job) -> list[Found]:
    """What `job` may go on with, the furthest first: checkpoints of attempts since the last training that finished."""
    found: list[Found] = []
    for _, attempt in reversed(attempts_of(where)):
        if where.read(attempt, "finished") is not None:
            break
        said = read_json(where, attempt, "training.json")
        if said.get("run") != job.run:
            if job.resume == "never":
                continue
            if said and said.get("fingerprint") != job.fingerprint:
                raise TaskError("FS1001", f"checkpointDir={job.checkpoint_dir!r} holds another training (other network, columns, optimizer or seed); "
                                "name another folder, or set resume='never' to begin anew in this one")
        found += checkpoints_of(where, attempt)
    return sorted(found, key=lambda f: (-f.epoch, -f.step))


# ---- writing -----------------------------------------------------------------------------------

class Checkpoints:
    """The folder as rank 0 of one attempt sees it."""

    def __init__(self, job: Job):
        assert job.checkpoint_dir is not None
        self.job = job
        self.history: dict[str, list[float]] = {}
        self.network: Any = None  # what to go on with, or None
        self.epoch = self.step = 0  # epochs that it has behind it, and steps of the next
        self.passed_over: list[str] = []  # checkpoints that are damaged, and how
        self._token = secrets.token_hex(8)
        self._sender: Optional[_Sender] = None
        with self._named():
            self._where = place(job.checkpoint_dir)
            owner = read_json(self._where, "owner.json")
            if owner.get("run") == job.run and int(owner.get("attempt", 0)) > job.attempt:
                raise self._fenced()
            self._where.write(json.dumps({"run": job.run, "attempt": job.attempt, "token": self._token}).encode(), "owner.json")
            self._find_start()
            older = attempts_of(self._where)
            number = older[-1][0] + 1 if older else 1
            while not self._where.claim(f"attempt-{number:06d}"):
                number += 1
            self.attempt = f"attempt-{number:06d}"
            self._where.write(json.dumps({"fingerprint": job.fingerprint, "run": job.run, "attempt": job.attempt}).encode(), self.attempt, "training.json")
        if isinstance(self._where, Store):
            self._sender = _Sender(self)

    @contextlib.contextmanager
    def _named(self) -> Iterator[None]:
        """Trouble with the folder names the Param. Packages of stores have exceptions of their own, which need not be OSErrors."""
        try:
            yield
        except Exception as error:
            own = isinstance(error, TaskError) or hasattr(error, "code") and hasattr(error, "message")  # errors of the engine that are none of files
            if not isinstance(error, OSError) and (own or not is_remote(str(self.job.checkpoint_dir))):
                raise
            said = getattr(error, "message", None) or str(error) or type(error).__name__
            full = any(os.strerror(n) in said for n in (errno.ENOSPC, errno.EDQUOT))
            raise TaskError("FS5001", f"checkpointDir={self.job.checkpoint_dir!r}: {said}; " + (
                "make room and fit again, which goes on from the last checkpoint: those are as they were" if full else
                "it must be a folder that all workers and later attempts can read and write")) from None

    def _fenced(self) -> TaskError:
        return TaskError("FS4008", f"checkpointDir={self.job.checkpoint_dir!r}: a later attempt of this fit, or another fit, has taken this folder over; this one writes no more")

    def check_owner(self) -> None:
        if read_json(self._where, "owner.json").get("token") != self._token:
            raise self._fenced()

    def _find_start(self) -> None:
        from .. import _core
        from ..errors import FiresteelError
        from . import engine

        for found in unfinished(self._where, self.job):
            with found.folder() as folder:
                try:
                    self.network = _core.Network.load(engine.context(self.job.threads), folder)
                except FiresteelError as error:  # an older one will do
                    self.passed_over.append(f"{found.attempt}/{found.name}: {error.message.replace(folder + '/', '')}")
                    continue
            self.epoch, self.step, self.history = found.epoch, found.step, found.history()
            return

    def save(self, net: Any, epoch: int, step: int, history: dict[str, list[float]]) -> None:
        """The network as it is after `epoch` epochs and `step` steps of the next."""
        name = f"checkpoint-{epoch:06d}-{step:08d}"
        text = json.dumps({k: v[:epoch] for k, v in history.items()}).encode()
        with self._named():
            self.check_owner()
            if self._sender is not None:
                self._sender.save(net, name, text)
                return
            try:
                self._where.write(text, self.attempt, name, "history.json")
                net.save_checkpoint(self._where.path(self.attempt, name))
            except Exception:
                self._where.remove(self.attempt, name)  # half of one, on a disk that may be full
                raise
            self.sweep()

    def save_best(self, model: bytes) -> None:
        """The model of the best epoch so far, beside the checkpoints."""
        with self._named():
            self.check_owner()
            self._where.write(model, self.attempt, "best.onnx")

    def finish(self) -> None:
        with self._named():
            if self._sender is not None:
                self._sender.end()
            self.check_owner()
            self._where.write(b"{}", self.attempt, "finished")
            self.sweep()

    def sweep(self) -> None:
        """Once this attempt has a checkpoint, remove what is too old."""
        mine = checkpoints_of(self._where, self.attempt)
        for old in mine[:-self.job.checkpoint_keep]:
            self._where.remove(self.attempt, old.name)
        if mine:
            for _, attempt in [a for a in attempts_of(self._where) if a[1] < self.attempt][:-KEPT]:
                self._where.remove(attempt)


class _Sender:
    """Copies checkpoints to a store while training goes on. One that waits when the next is there is left out."""

    def __init__(self, owner: Checkpoints):
        self._owner = owner
        self._folder = scratch()
        self._waiting: "queue.Queue[Optional[str]]" = queue.Queue()
        self._error: Optional[BaseException] = None
        self._thread = threading.Thread(target=self._run, daemon=True, name="firesteel-checkpoint")
        self._thread.start()

    def save(self, net: Any, name: str, history: bytes) -> None:
        self._raise()
        folder = os.path.join(self._folder.name, name)
        os.makedirs(folder)
        with open(os.path.join(folder, "history.json"), "wb") as f:
            f.write(history)
        net.save_checkpoint(folder)
        with contextlib.suppress(queue.Empty):
            shutil.rmtree(os.path.join(self._folder.name, str(self._waiting.get_nowait())), ignore_errors=True)
        self._waiting.put(name)

    def end(self) -> None:
        self._waiting.put(None)
        self._thread.join()
        self._folder.cleanup()
        self._raise()

    def _raise(self) -> None:
        if self._error is not None:
            error, self._error = self._error, None
            raise error if isinstance(error, TaskError) else OSError(str(error) or type(error).__name__)

    def _run(self) -> None:
        owner = self._owner
        while (name := self._waiting.get()) is not None:
            try:
                for file in FILES:
                    with open(os.path.join(self._folder.name, name, file), "rb") as f:
                        content = f.read()
                    owner.check_owner()
                    owner._where.write(content, owner.attempt, name, file)
                shutil.rmtree(os.path.join(self._folder.name, name), ignore_errors=True)
                owner.sweep()
            except Exception as error:  # told at the next checkpoint
                self._error = error


def last_model(path: str, job: Job) -> Optional[tuple[bytes, dict[str, list[float]], int, int]]:
    """On the driver: model file, history, epochs and steps of the furthest checkpoint of job's run; None without any."""
    try:
        where = place(path)
        for _, attempt in reversed(attempts_of(where)):
            if read_json(where, attempt, "training.json").get("run") != job.run:
                break
            for found in reversed(checkpoints_of(where, attempt)):
                content = where.read(attempt, found.name, "model.onnx")
                if content:
                    return content, found.history(), found.epoch, found.step
    except (OSError, TaskError):
        pass
    return None

