"""checkpoints - what rank 0 keeps in checkpointDir, so that a training survives its workers and its driver.

    DIR/attempt-000003/          one folder for each attempt at the training; nobody else ever writes into it
        training.json            which training this is: fingerprint and run
        model.onnx, state.safetensors, manifest.json    the checkpoint of the last epoch that ended; the manifest commits it
        history.json             results of the epochs so far, perhaps of one more than the checkpoint knows
        finished                 the training ended; a later fit begins anew

A worker of an attempt that was given up may write for some seconds more: into a folder that its successor only reads or has removed.
"""
from __future__ import annotations

import json
import os
import re
import shutil
from typing import Any, Optional

from .failure import TaskError
from .job import Job

ATTEMPT = re.compile(r"attempt-(\d{6})")
KEPT = 2  # attempts with a checkpoint, besides the one under way


class Checkpoints:
    """The folder as rank 0 of one attempt sees it."""

    def __init__(self, job: Job):
        assert job.checkpoint_dir is not None
        self.root, self.job = job.checkpoint_dir, job
        self.history: dict[str, list[float]] = {}
        self.network: Any = None  # what to go on with, or None
        self.epoch = 0            # epochs that it has behind it
        try:
            os.makedirs(self.root, exist_ok=True)
            older = self._attempts()
            self._find_start(older)
            self.folder = self._claim(older[-1][0] + 1 if older else 1)
            self._write("training.json", {"fingerprint": job.fingerprint, "run": job.run})
        except OSError as error:
            raise TaskError("FS5001", f"checkpointDir={self.root!r}: {error}; it must be a folder that all workers and later attempts can read and write") from None

    def _attempts(self) -> list[tuple[int, str]]:
        found = [(int(m.group(1)), os.path.join(self.root, m.group(0))) for m in map(ATTEMPT.fullmatch, os.listdir(self.root)) if m]
        return sorted(found)

    def _find_start(self, older: list[tuple[int, str]]) -> None:
        """The checkpoint with most epochs, of the attempts since the last training that finished."""
        from .. import _core
        from ..errors import FiresteelError
        from . import engine

        best: Optional[tuple[int, str]] = None
        for _, folder in reversed(older):
            if os.path.exists(os.path.join(folder, "finished")):
                break
            said = self._read(folder, "training.json")
            if said.get("run") != self.job.run:
                if self.job.resume == "never":
                    continue
                if said and said.get("fingerprint") != self.job.fingerprint:
                    raise TaskError("FS1001", f"checkpointDir={self.root!r} holds another training (other network, columns, optimizer or seed); "
                                    "name another folder, or set resume='never' to begin anew in this one")
            epoch = self._read(folder, "manifest.json").get("epoch")
            if isinstance(epoch, int) and (best is None or epoch > best[0]):
                try:
                    self.network = _core.Network.load(engine.context(self.job.threads), folder)
                except FiresteelError:
                    continue  # a manifest without its files: an older attempt will do
                best = epoch, folder
        if best is not None:
            self.epoch = best[0]
            told = self._read(best[1], "history.json")
            self.history = {str(k): [float(x) if x is not None else float("nan") for x in v[:self.epoch]] for k, v in told.items() if isinstance(v, list)}

    def _claim(self, number: int) -> str:
        while True:
            folder = os.path.join(self.root, f"attempt-{number:06d}")
            try:
                os.mkdir(folder)
                return folder
            except FileExistsError:
                number += 1

    def _read(self, folder: str, name: str) -> dict[str, Any]:
        try:
            with open(os.path.join(folder, name), encoding="utf-8") as f:
                found = json.load(f)
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def _write(self, name: str, content: dict[str, Any]) -> None:
        path = os.path.join(self.folder, name)
        with open(path + ".new", "w", encoding="utf-8") as f:
            json.dump(content, f)
        os.replace(path + ".new", path)

    def epoch_ended(self, history: dict[str, list[float]]) -> None:
        """Before the engine writes the checkpoint of this epoch: keep its results."""
        self._write("history.json", history)
        self._sweep()

    def finish(self) -> None:
        self._write("finished", {})
        self._sweep()

    def _sweep(self) -> None:
        """Once this attempt has a checkpoint, remove what is too old."""
        if os.path.exists(os.path.join(self.folder, "manifest.json")):
            for _, folder in [a for a in self._attempts() if a[1] < self.folder][:-KEPT]:
                shutil.rmtree(folder, ignore_errors=True)
