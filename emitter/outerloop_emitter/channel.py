"""What one process has of a collector: its buffer, its counts and its sending thread.

Owns that a forked child starts with its own: the parent sends what the parent collected, over the parent's connection.
It knows nothing of what a call holds.
"""

import os
import threading
import weakref
from contextlib import suppress
from functools import cache

from .buffer import Buffer, Waiting
from .courier import Courier
from .limits import Limits
from .packing import Source
from .senders import Sender
from .tally import Reason, Tally

FORK_SECONDS_MAX = 5.0  # a fork waits so long for an import to end: a child could never end it

_channels: "weakref.WeakSet[Channel]" = weakref.WeakSet()


class Channel:
    """The way from a request to the sender."""

    def __init__(self, sender: Sender, source: Source, limits: Limits) -> None:
        self._sender, self._source, self._limits = sender, source, limits
        self._begin()
        _channels.add(self)
        _follow_forks()
        self._start()

    def _begin(self) -> None:
        limits = self._limits
        self.tally = Tally()
        self.buffer = Buffer(limits.rows_max, limits.bytes_max, min(limits.message_bytes_max, limits.bytes_max // 4))
        self._courier = Courier(self.buffer, self._sender, self.tally, self._source, limits)
        self._start_lock = threading.Lock()
        self._started = False

    def put(self, call: Waiting) -> None:
        """Queue a call, or drop it, or drop older ones for it."""
        if dropped := self.buffer.put(call):
            self.drop(*dropped)
        if not self._started:
            self._start()

    def drop(self, reason: Reason, rows: int, problem: str = "") -> None:
        """Count rows that will not be sent."""
        self.tally.drop(reason, rows, problem)
        self.buffer.news.set()

    def close(self, timeout_seconds: float) -> None:
        """Send what waits and end the thread; what still waits after the timeout is dropped."""
        self.buffer.close()
        self._courier.join(timeout_seconds)
        self.drop("closed", self.buffer.clear())

    def _start(self) -> None:
        """Start the thread. A process that may not have one keeps what fits its buffer, and tries again."""
        with self._start_lock:
            if self._started:
                return
            with suppress(RuntimeError):
                self._courier.start()
                self._started = True

    def before_fork(self) -> None:
        """Let the thread finish an import: the child would inherit its lock, and nobody to release it."""
        self._imported = self._courier.preparing.acquire(timeout=FORK_SECONDS_MAX)

    def after_fork_in_parent(self) -> None:
        """Go on."""
        if self._imported:
            self._courier.preparing.release()

    def after_fork_in_child(self) -> None:
        """Begin anew, with a thread when there is something to send; stay closed if the parent was."""
        was_closed = self.buffer.closed.is_set()
        self._sender.forget()
        self._begin()
        if was_closed:
            self.buffer.close()


@cache
def _follow_forks() -> None:
    if hasattr(os, "register_at_fork"):  # not on Windows, which does not fork
        os.register_at_fork(before=_before, after_in_parent=_in_parent, after_in_child=_in_child)


def _before() -> None:
    for channel in list(_channels):
        channel.before_fork()


def _in_parent() -> None:
    for channel in list(_channels):
        channel.after_fork_in_parent()


def _in_child() -> None:
    for channel in list(_channels):
        channel.after_fork_in_child()
