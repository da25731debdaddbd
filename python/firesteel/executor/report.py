"""report - progress from rank 0 to the driver, over one socket that both ends prove themselves on.

The driver makes a random key for each fit and gives it to the tasks inside the job. Handshake (all sizes in bytes):
    driver -> task   16  nonce d
    task   -> driver 48  nonce t, HMAC-SHA256(key, "task" d t)
    driver -> task   32  HMAC-SHA256(key, "driver" t d)
Then frames from the task: length (4, big endian, at most LIMIT), JSON text, HMAC-SHA256(key, "frame" d t number text)[:16].
From the driver at most one thing: HMAC-SHA256(key, "stop" d t), training shall end after the step under way.
Progress is a convenience: a task that cannot reach the driver trains on in silence.
"""
from __future__ import annotations

import hashlib
import hmac
import json
import math
import os
import select
import socket
import struct
from typing import Any, Optional

LIMIT = 64 * 1024


def sign(key: bytes, *parts: bytes) -> bytes:
    return hmac.new(key, b"".join(parts), hashlib.sha256).digest()


def read_exactly(s: socket.socket, n: int) -> bytes:
    data = b""
    while len(data) < n:
        part = s.recv(n - len(data))
        if not part:
            raise ConnectionError("the other end closed the connection")
        data += part
    return data


class Pace:
    """Which events are told: of each kind one in 0.05 seconds. The end of an epoch is told however short before it a step was, and epochs may be far shorter."""

    def __init__(self) -> None:
        self._told: dict[str, float] = {}

    def due(self, kind: str, now: float) -> bool:
        if now - self._told.get(kind, -math.inf) <= 0.05:
            return False
        self._told[kind] = now
        return True


class Reporter:
    """The task's end. `send` never raises and never blocks for longer than the time-out of the socket."""

    def __init__(self, host: str, port: int, key: bytes, timeout: float = 3.0):
        self._key, self._number = key, 0
        self._heard = b""
        self._socket: Optional[socket.socket] = None
        try:
            s = socket.create_connection((host, port), timeout)
            s.settimeout(timeout)
            d = read_exactly(s, 16)
            t = os.urandom(16)
            s.sendall(t + sign(key, b"task", d, t))
            if not hmac.compare_digest(read_exactly(s, 32), sign(key, b"driver", t, d)):
                raise ConnectionError("the driver's port is held by somebody else")
            self._session, self._socket = d + t, s
        except OSError:
            self._socket = None

    @property
    def connected(self) -> bool:
        return self._socket is not None

    def send(self, message: dict[str, Any]) -> None:
        if self._socket is None:
            return
        text = json.dumps(message).encode("utf-8")
        mac = sign(self._key, b"frame", self._session, struct.pack(">Q", self._number), text)[:16]
        try:
            self._socket.sendall(struct.pack(">I", len(text)) + text + mac)
            self._number += 1
        except OSError:
            self.close()

    def stop_asked(self) -> bool:
        """Whether the driver has asked to stop. Does not wait."""
        if self._socket is None:
            return False
        try:
            ready = select.select([self._socket], [], [], 0)[0]
            part = self._socket.recv(32 - len(self._heard)) if ready and len(self._heard) < 32 else b""
        except (OSError, ValueError):
            return False
        self._heard += part
        return len(self._heard) == 32 and hmac.compare_digest(self._heard, sign(self._key, b"stop", self._session))

    def close(self) -> None:
        if self._socket is not None:
            try:
                self._socket.close()
            finally:
                self._socket = None


def read_frame(s: socket.socket, key: bytes, session: bytes, number: int) -> dict[str, Any]:
    """The driver's end of one frame; raises ConnectionError on anything that the task did not send."""
    (length,) = struct.unpack(">I", read_exactly(s, 4))
    if length > LIMIT:
        raise ConnectionError(f"a frame of {length} bytes, at most {LIMIT} are allowed")
    text = read_exactly(s, length)
    mac = read_exactly(s, 16)
    if not hmac.compare_digest(mac, sign(key, b"frame", session, struct.pack(">Q", number), text)[:16]):
        raise ConnectionError("a frame that the task did not sign")
    message = json.loads(text)
    if not isinstance(message, dict):
        raise ConnectionError("a frame that is not an object")
    return message
