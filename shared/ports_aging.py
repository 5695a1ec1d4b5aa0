"""What leaves a store with age, as a Protocol of its own: the store implements it, ``services.retention`` sets the moments.

Owns the promise that nothing leaves which is still under way. Knows no time limits, and not what facts refer to.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from shared.domain.records import SignalRow


class Aging(Protocol):
    """Old rows, removed a batch at a time, the store says in which order.

    Safe on several instances at once: what another one removed is not counted.
    """

    async def decided_signals(self, received_from: datetime, received_before: datetime, limit: int) -> list[SignalRow]:
        """Signals that have all their decisions, received between two moments, oldest first."""
        ...

    async def forget_signals(self, dedup_keys: Sequence[str]) -> int:
        """Remove signals with their dedup keys, unless they are not decided; how many. A duplicate is new from then on."""
        ...

    async def forget_rejected(self, received_before: datetime, limit: int) -> int:
        """Remove rejections that were first received before a moment, with their bodies; how many."""
        ...

    async def forget_decisions(self, decided_before: datetime, limit: int) -> int:
        """Remove decisions from before a moment with their commands, unless one of these is not finished; how many."""
        ...

    async def tidy(self, older_than: datetime) -> int:
        """Remove what interrupted or replaced writes from before a moment left behind, and nothing refers to; how much."""
        ...
