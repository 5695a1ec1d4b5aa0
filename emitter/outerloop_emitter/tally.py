"""What became of the rows: how many were sent, and how many were dropped for which reason.

Owns the counts and the reasons. It knows nothing of rows.
"""

import threading
from collections import Counter
from typing import Literal

Reason = Literal["buffer_full", "too_large", "unreadable", "unsent", "closed"]


class Tally:
    """Counts that any thread may add to, and the last problem that was told."""

    def __init__(self) -> None:
        self.sent = 0
        self.problem = ""
        self._drops: Counter[str] = Counter()
        self._lock = threading.Lock()

    def drop(self, reason: Reason, rows: int, problem: str = "") -> None:
        """Rows that the hub will not see; `problem` says more, and never a value of theirs."""
        if rows:
            with self._lock:
                self._drops[reason] += rows
                self.problem = problem or self.problem

    def send(self, rows: int) -> None:
        """Rows that the hub has taken."""
        with self._lock:
            self.sent += rows

    @property
    def drops(self) -> dict[str, int]:
        """Dropped rows by reason; reasons that never applied are absent."""
        with self._lock:
            return dict(self._drops)
