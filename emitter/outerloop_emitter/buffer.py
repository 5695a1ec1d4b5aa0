"""Where calls wait for the sending thread: bounded in rows and in bytes.

Owns the bounds and who is dropped at them: the oldest calls. After an outage the newest rows say what the model does
now, while the windows of the oldest may have closed. It knows nothing of what a call holds, nor of sending.
"""

import threading
from collections import deque

from .calls import Call
from .served import Served
from .tally import Reason

Waiting = Call | Served


class Buffer:
    """A queue that never makes its caller wait: each operation holds the lock for moments.

    `news` is set when something waits or was dropped, `hurry` when `hurry_bytes` wait; both stay set once `closed` is.
    `idle` is set while all that came has been settled.
    """

    def __init__(self, rows_max: int, bytes_max: int, hurry_bytes: int) -> None:
        self.news, self.hurry = threading.Event(), threading.Event()
        self.idle, self.closed = threading.Event(), threading.Event()
        self.idle.set()
        self._rows_max, self._bytes_max, self._hurry_bytes = rows_max, bytes_max, hurry_bytes
        self._lock = threading.Lock()
        self._calls: deque[Waiting] = deque()
        self._rows = self._bytes = self._unsettled = 0

    def put(self, call: Waiting) -> tuple[Reason, int] | None:
        """Add a call; returns whose rows were dropped, and why: its own, or those of older calls."""
        if call.rows > self._rows_max or call.size > self._bytes_max:
            return "too_large", call.rows
        with self._lock:
            if self.closed.is_set():
                return "closed", call.rows
            evicted = self._add(call)
        if not self.news.is_set():
            self.news.set()
        if self._bytes >= self._hurry_bytes and not self.hurry.is_set():
            self.hurry.set()
        return ("buffer_full", evicted) if evicted else None

    def _add(self, call: Waiting) -> int:
        evicted = 0
        self._rows += call.rows
        self._bytes += call.size
        while self._rows > self._rows_max or self._bytes > self._bytes_max:
            evicted += self._pop().rows
        self._calls.append(call)
        self._unsettled += call.rows - evicted
        if self.idle.is_set():
            self.idle.clear()
        return evicted

    def take(self, bytes_max: int) -> list[Waiting]:
        """The oldest calls, of at most so many bytes, but at least one; empty when none waits."""
        taken: list[Waiting] = []
        size = 0
        with self._lock:
            while self._calls and (not taken or size + self._calls[0].size <= bytes_max):
                taken.append(self._pop())
                size += taken[-1].size
            if not self._calls and not self.closed.is_set():
                self.news.clear()
                self.hurry.clear()
        return taken

    def settle(self, rows: int) -> None:
        """Rows that were taken have been sent or dropped."""
        with self._lock:
            self._unsettled -= rows
            if self._unsettled == 0 and not self._calls:
                self.idle.set()

    def close(self) -> None:
        """Wake the sending thread for the last time."""
        with self._lock:
            self.closed.set()
        self.news.set()
        self.hurry.set()

    def clear(self) -> int:
        """Drop all that waits; returns how many rows that were."""
        with self._lock:
            rows = self._rows
            self._calls.clear()
            self._rows = self._bytes = 0
            self._unsettled -= rows
        return rows

    @property
    def unsettled_rows(self) -> int:
        """Rows that wait or are being sent."""
        return self._unsettled

    def _pop(self) -> Waiting:
        call = self._calls.popleft()
        self._rows -= call.rows
        self._bytes -= call.size
        return call
