"""alone - a training that one task does by itself: the same bits as a fit with numWorkers=1 on the same rows."""
from __future__ import annotations

import socket
import time
from typing import Any, Optional

from . import engine
from .failure import TaskError
from .job import Job, Recipe


def train_alone(data: Any, job: Job, net: Any = None, first: int = 0) -> tuple[dict[str, Any], Any]:
    """Train on a dealt dataset from epoch `first` on, going on with `net` unless it is None. What a fit's rank 0 reports, and the network.
    A loss that diverges is told as result["error"]; the network then holds the last good weights."""
    began = time.monotonic()
    if job.version != engine.version():
        raise TaskError("FS4009", f"the driver runs firesteel {job.version}, the worker on {socket.gethostname()} has {engine.version()}; ship the driver's wheel to the executors")
    said = engine.describe(data)
    if said["rows"] == 0:
        raise TaskError("FS2007", "there are no rows to train on" + (f" ({said['skipped']} left out as invalid)" if said["skipped"] else ""))
    history: dict[str, list[Optional[float]]] = {}

    def progress(event: dict[str, Any]) -> bool:
        if event["event"] == "epoch":
            for name, value in event["results"].items():
                history.setdefault(name, []).append(value)
        return False

    if net is None:
        net = engine.network(Recipe.parse(job.recipe, job.recipe_weights), job)
    report, error = engine.fit(net, data, None, job, progress, job.validation_fraction > 0 or said["validation_rows"] > 0, first)
    return {"history": history, "first_epoch": first, "first_step": 0, "report": report, "error": error, "hosts": [socket.gethostname()], "rows": [said["rows"]],
            "validation_rows": said["validation_rows"], "skipped": said["skipped"], "seconds": {"fit": round(time.monotonic() - began, 3)}}, net
