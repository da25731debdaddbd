"""streaming - networks that learn from Structured Streaming, a micro-batch at a time. (Scoring needs nothing: transform takes a stream as it takes a table.)

    trainer = streaming.StreamTrainer(NNClassifier(...), path="/models/clicks")
    query = clicks.writeStream.foreachBatch(trainer).option("checkpointLocation", "/checkpoints/clicks").start()
"""
from __future__ import annotations

import os
import re
import shutil
from typing import Any, Optional

from .errors import fail

KEPT = 2  # of the models on disk: one more than needed, for who still reads the one before


class StreamTrainer:
    """A function for foreachBatch: fits the estimator on each micro-batch, beginning with the weights that the batch before has left.

    With `path`, a folder that the driver and the workers see, the model is saved there after each batch as model-<batch id>, and beside it as state-<batch id> the checkpoint of its training, from
    which the optimizer goes on, too (unless the estimator has a checkpointDir of its own). A query that is started again with its checkpoint goes on with that model, and a
    batch that it had learned is not learned again. On Spark Connect the function runs in the server's process, so there `path` is needed, and `model` reads it."""

    def __init__(self, estimator: Any, path: Optional[str] = None, model: Any = None):
        if not hasattr(estimator, "fit") or not estimator.hasParam("net"):
            raise fail(1001, f"StreamTrainer: {type(estimator).__name__} has no net to go on with; give an NNClassifier or an NNRegressor")
        self.estimator, self.path, self.batches = estimator, path, 0
        self._model, self._last = model, -1

    @property
    def model(self) -> Any:
        """The model after the last batch; None before the first."""
        self._load()
        return self._model

    def _saved(self) -> list[int]:
        names = os.listdir(self.path) if self.path is not None and os.path.isdir(self.path) else []
        return sorted(int(m.group(1)) for name in names if (m := re.fullmatch(r"model-(\d+)", name)) and os.path.exists(os.path.join(str(self.path), name, "metadata", "_SUCCESS")))

    def _load(self) -> None:
        saved = self._saved()
        if saved and saved[-1] > self._last:
            from . import models

            self._last = saved[-1]
            kind = models.NNRegressorModel if "Regressor" in type(self.estimator).__name__ else models.NNClassifierModel
            self._model = kind.load(f"{self.path}/model-{self._last}")

    def __call__(self, df: Any, batch: int) -> None:
        self._load()
        if batch <= self._last and self._saved() or df.isEmpty():
            return
        estimator = self.estimator.copy()
        if self._model is not None:
            state = self._state(self._last)
            estimator.clear(estimator.net)
            estimator.setParams(initialModel=state if self._checkpoints() and os.path.isdir(state) else self._model.network)
        if self._checkpoints():
            estimator.setParams(checkpointDir=self._state(batch), checkpointEpochs=estimator.getOrDefault("epochs"))
        self._model = estimator.fit(df)
        self._last, self.batches = batch, self.batches + 1
        if self.path is not None:
            self._model.write().overwrite().save(f"{self.path}/model-{batch}")
            for old in self._saved()[:-KEPT]:
                for folder in (f"{self.path}/model-{old}", self._state(old)):
                    shutil.rmtree(folder, ignore_errors=True)

    def _checkpoints(self) -> bool:
        return self.path is not None and not (self.estimator.isDefined("checkpointDir") and self.estimator.getOrDefault("checkpointDir"))

    def _state(self, batch: int) -> str:
        return os.path.join(os.path.abspath(str(self.path)), f"state-{batch}")
