"""failure - an error's way from a task to the driver: one line of JSON inside the text of an exception.

Spark reports a failed task as some 90 lines of Java and Python. The line that `raise_marked` plants is what the driver looks for first.
"""
from __future__ import annotations

import json
import re
from typing import Any, Optional, Sequence

MARK = "firesteel-error "
# How Python prints one of our own exceptions, as scoring raises them.
_PLAIN = re.compile(r"\bfiresteel\.errors\.\w+: (FS\d{4}): ([^\n]*)")
_decoder = json.JSONDecoder()


class TaskError(RuntimeError):
    """Raised in a task; its text holds MARK and a JSON object on one line."""

    shared = False  # whether all peers know, so that no task need fail for the others to end

    def __init__(self, code: str, message: str, rank: int = -1, host: str = "", **more: Any):
        self.record = {"code": code, "message": message, "rank": rank, "host": host, **more}
        super().__init__(MARK + json.dumps(self.record, ensure_ascii=True))

    def __reduce__(self) -> Any:  # it may cross a process boundary in tests
        r = dict(self.record)
        return (_rebuild, (r,))


def _rebuild(record: dict[str, Any]) -> TaskError:
    return TaskError(**record)


def marked(error: BaseException, rank: int, host: str) -> TaskError:
    """Any exception of a task as a TaskError. Errors of the engine carry their code; others count as a failed task."""
    if isinstance(error, TaskError):
        return error
    code = getattr(error, "code", None)
    if isinstance(code, int):
        code = f"FS{code}"
    message = getattr(error, "message", None) or str(error) or type(error).__name__
    if not isinstance(code, str):
        code, message = "FS4008", f"{type(error).__name__}: {message}"
    return TaskError(code, message, rank, host)


def find(text: str) -> Optional[dict[str, Any]]:
    """The record planted in a long error text, or made of an exception of ours that is printed there. Of several, one that is not merely the echo of another worker's failure wins."""
    found: list[dict[str, Any]] = []
    at = text.find(MARK)
    while at >= 0:
        try:
            record, _ = _decoder.raw_decode(text, at + len(MARK))
        except ValueError:
            record = None
        if isinstance(record, dict) and isinstance(record.get("code"), str) and isinstance(record.get("message"), str):
            found.append(record)
        at = text.find(MARK, at + 1)
    best = first(found)
    if best is None:
        plain = _PLAIN.search(text)
        if plain:
            best = {"code": plain.group(1), "message": plain.group(2).strip(), "rank": -1, "host": ""}
    return best


def first(records: Sequence[dict[str, Any]]) -> Optional[dict[str, Any]]:
    """Of several records the first that is not merely the echo of another worker's failure."""
    own = [r for r in records if r["code"] not in ECHOES]
    return next(iter(own or records), None)


def of_lost_worker(code: str, message: str) -> bool:
    """Whether a worker is lost or silent, or another says that one is: then starting again may help."""
    return code in LOST or code == "FS4006" and any(other in message for other in LOST)


LOST = ("FS4003", "FS4004")
# Codes that say that somebody else failed: PEER_LOST, PEER_SILENT, PEER_FAILED.
ECHOES = ("FS4003", "FS4004", "FS4006")
