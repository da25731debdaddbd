"""summary - what is known about a training: curves, times, workers."""
from __future__ import annotations

from typing import Any


class TrainingSummary:
    """`model.summary` of a freshly trained model.

    history            {"loss": [...], "val_loss": [...], "accuracy": [...]}: one number per epoch
    validations        what validationTrigger found inside epochs: {"epoch": 0, "step": 100, "loss": so far, "val_loss": ..., ...} each
    objectiveHistory   the loss after each epoch, as spark.ml calls it
    totalIterations    epochs run
    bestEpoch          the epoch whose weights were kept, from 0, when patience was set; else None
    stoppedEarly       whether patience ended the training
    resumedFrom        epochs that stood in the checkpoint that this training went on from, else 0
    restarts           of each time that a worker was lost: the error's code, what was "reached" (epochs, steps of the next) and where the next attempt
                       "resumed", when it was "lost" (seconds since fit began), and how many seconds later there were "slots" again, the workers had "met" and
                       the "first_step" was made; on Connect less is known
    interrupted        whether Ctrl-C ended it (onInterrupt="model")
    steps, rows        updates made; rows seen in all epochs (since then)
    bytesSent          what all workers sent each other while training, in bytes
    rowsPerWorker      rows that each worker read, before they were dealt
    skippedRows        rows left out by handleInvalid="skip"
    validationRows     rows evaluated instead of trained on, before validationFraction
    timings            seconds by part: wait and read and meet and deal and fit, and total as the driver saw it
    hosts              the host of each worker
    """

    def __init__(self, result: dict[str, Any], total_seconds: float):
        report = result["report"]
        self.history: dict[str, list[float]] = {name: list(values) for name, values in result["history"].items()}
        self.validations: list[dict[str, Any]] = list(result.get("validations", []))
        self.objectiveHistory: list[float] = list(self.history.get("loss", []))
        self.totalIterations: int = int(report["epochs_run"])
        self.bestEpoch = int(report["best_epoch"]) if report["best_epoch"] >= 0 else None
        self.stoppedEarly = bool(report["stopped_early"])
        self.resumedFrom = int(result["first_epoch"])
        self.restarts: list[dict[str, Any]] = list(result.get("restarts", ()))
        self.interrupted = bool(report.get("cancelled", False))
        self.steps, self.rows = int(report["steps"]), int(report["rows"])
        self.bytesSent = int(report.get("bytes_sent", 0))
        self.rowsPerWorker: list[int] = list(result["rows"])
        self.skippedRows, self.validationRows = int(result["skipped"]), int(result["validation_rows"])
        self.hosts: list[str] = list(result["hosts"])
        seconds = dict(result["seconds"])
        self.timings = {**seconds, "total": round(total_seconds, 3)}

    def __repr__(self) -> str:
        last = "  ".join(f"{name} {values[-1]:.4f}" for name, values in self.history.items() if values)
        return (f"{self.totalIterations} epochs, {self.steps:,} steps, {len(self.hosts)} workers, {self.timings['total']:.1f} s"
                f" ({self.timings.get('fit', 0):.1f} s training): {last}")

    def _repr_html_(self) -> str:
        from html import escape

        from ..history import History

        return f"<p>{escape(repr(self))}</p>" + History(self.history)._repr_html_()
