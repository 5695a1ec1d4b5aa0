"""What the log says of losses: at once when they begin, then once a minute, never for each row.

Owns when something is written and its words. It knows nothing of why rows are dropped.
"""

import logging
import time

from .tally import Tally

logger = logging.getLogger("outerloop_emitter")

LOG_SECONDS_MIN = 60.0


class DropLog:
    """Writes from the sending thread: a log that is slow must not slow a request."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._written: dict[str, int] = {}
        self._next_at = time.monotonic()
        self._failure = ""
        self._told_failure = False

    @property
    def is_behind(self) -> bool:
        """Whether there is something to write, now or when it is due."""
        return bool(self._failure and not self._told_failure) or self._tally.drops != self._written

    def failed(self, error: Exception) -> None:
        """The destination did not take messages."""
        if not self._failure:
            self._told_failure = False
        self._failure = f"{type(error).__name__}: {error}"

    def recovered(self) -> None:
        """The destination takes messages."""
        if self._failure and self._told_failure:
            logger.warning("telemetry is sent again; %s", self._losses())
        self._failure = ""

    def write_when_due(self, at_once: bool) -> None:  # noqa: FBT001 -- the end of the process is the only other moment
        """Write what is new, unless that was done less than a minute ago and there will be another time."""
        now = time.monotonic()
        if not self.is_behind or (now < self._next_at and not at_once):
            return
        self._next_at = now + LOG_SECONDS_MIN
        self._told_failure = bool(self._failure)
        away = f"; the hub is away: {self._failure}" if self._failure else ""
        logger.warning("telemetry: %s%s", self._losses(), away)

    def _losses(self) -> str:
        self._written = self._tally.drops
        by_reason = ", ".join(f"{reason} {rows}" for reason, rows in sorted(self._written.items())) or "none"
        problem = f" (last problem: {self._tally.problem})" if self._tally.problem else ""
        return f"rows sent {self._tally.sent}, rows dropped: {by_reason}{problem}"
