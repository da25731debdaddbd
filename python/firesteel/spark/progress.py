"""progress - the driver's side of a running training: a socket for rank 0, and a line on the screen.

Events arrive while they happen, on Connect too where workers can reach the client. Where they cannot, the line shows time and tasks.
"""
from __future__ import annotations

import hmac
import os
import socket
import struct
import threading
import time
from typing import Any, Optional, TextIO

from .._progress import Progress, seconds_text
from ..executor.report import read_exactly, read_frame, sign


class Listener:
    """Accepts the one task that proves that it knows the key, and keeps its latest words. Others are dropped after 3 seconds."""

    def __init__(self, host: str, bind: str = ""):
        self.key = os.urandom(32)
        self.host = host
        self.state: dict[str, Any] = {}     # the latest event of any kind
        self.start: dict[str, Any] = {}     # hosts and rows of each rank
        self.epochs: list[dict[str, Any]] = []  # one event per finished epoch
        self.met = 0.0                          # time.monotonic() when the workers had read their rows and dealt them
        self.stepped: Optional[float] = None    # and of the first step or epoch that was told
        self._task: Optional[tuple[socket.socket, bytes]] = None  # who is connected
        self._closed = False
        self._server = socket.create_server((bind, 0), backlog=8)
        self.port: int = self._server.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True, name="firesteel-progress").start()

    @property
    def address(self) -> tuple[str, int, bytes]:
        return self.host, self.port, self.key

    def _accept(self) -> None:
        while not self._closed:
            try:
                s, _ = self._server.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(s,), daemon=True, name="firesteel-progress").start()

    def _serve(self, s: socket.socket) -> None:
        try:
            with s:
                s.settimeout(3.0)
                d = os.urandom(16)
                s.sendall(d)
                answer = read_exactly(s, 48)
                t = answer[:16]
                if not hmac.compare_digest(answer[16:], sign(self.key, b"task", d, t)):
                    return
                s.sendall(sign(self.key, b"driver", t, d))
                s.settimeout(None)
                self._task = s, d + t
                number = 0
                while not self._closed:
                    self._take(read_frame(s, self.key, d + t, number))
                    number += 1
        except (OSError, ValueError, struct.error):
            return  # whoever it was, training does not depend on it

    def _take(self, event: dict[str, Any]) -> None:
        if event.get("event") == "start":
            self.start, self.met = event, time.monotonic()
        else:
            if event.get("event") == "epoch":
                self.epochs.append(event)
            if self.stepped is None:
                self.stepped = time.monotonic()
            self.state = event

    @property
    def heard(self) -> bool:
        """Whether a task has called."""
        return self._task is not None

    @property
    def reached(self) -> tuple[int, int]:
        """Epochs behind the training, and steps of the next, as far as they were told."""
        at = self.state
        if not at:
            return 0, 0
        return (at["epoch"] + 1, 0) if at["event"] == "epoch" else (at["epoch"], at["step"])

    def ask_to_stop(self) -> bool:
        """Ask the training to end after the step under way; whether somebody is there to hear it."""
        if self._task is None:
            return False
        s, session = self._task
        try:
            s.sendall(sign(self.key, b"stop", session))
        except OSError:
            return False
        return True

    def close(self) -> None:
        self._closed = True
        try:
            self._server.shutdown(socket.SHUT_RDWR)  # wakes the thread that waits in accept
        except OSError:
            pass
        self._server.close()


# ---- the line ---------------------------------------------------------------------------

class Screen:
    """Draws what a Listener knows, in the manner of a local fit: a live line on a terminal or in a notebook, elsewhere one line
    per finished epoch. Of several fits at once the first alone draws."""

    _owner: Optional["Screen"] = None
    _lock = threading.Lock()

    def __init__(self, verbose: int, out: Optional[TextIO] = None):
        with Screen._lock:
            free = Screen._owner is None
            self._line = Progress(verbose if free else 0, [], out)
            if self._line.on:
                Screen._owner = self
        self._began = time.monotonic()
        self._told = 0
        self._drawn: Any = None

    @property
    def live(self) -> bool:
        return self._line.live

    def show(self, listener: Optional[Listener], waiting: str) -> None:
        """Called a few times a second. `waiting` is what to say before the first step."""
        if not self._line.on:
            return
        for event in list(listener.epochs)[self._told:] if listener is not None else []:
            self._told += 1
            self._update(event, True)
        state = listener.state if listener is not None else {}
        if not self._line.live:
            return
        if not state:
            self._line._line(f"{waiting} - {seconds_text(time.monotonic() - self._began)}", "")
        elif state is not self._drawn and state.get("event") == "step":
            self._drawn = state
            self._update(state, False)

    def _update(self, event: dict[str, Any], ended: bool) -> None:
        names = [n for n in event["results"] if not n.startswith("val_")]
        results = [event["results"][n] for n in names]
        validation = [event["results"][f"val_{n}"] for n in names] if any(n.startswith("val_") for n in event["results"]) else None
        self._line.names = names
        self._line.update(ended, event["epoch"], event["epochs"], event["step"], event["steps"], event["rows"], event["seconds"], results, validation)

    def close(self, listener: Optional[Listener] = None, final: str = "") -> None:
        """Tell the last epochs, end the line, and let another fit draw."""
        if self._line.on:
            self.show(listener, "")
            self._line.close()
            if final:
                self._line.say(final)
            with Screen._lock:
                if Screen._owner is self:
                    Screen._owner = None
            self._line.on = False
