"""What the services need to speak to other automation: what is owed to whom, and somebody to say it, as Protocols.

Owns these promises; ``ports.Store`` includes the first. Knows no SDK and no wire format.
"""

from collections.abc import Sequence
from typing import Protocol

from shared.domain.announcements import Announcement
from shared.domain.outcomes import Outcome


class Publisher(Protocol):
    """Takes announcements to a place where other automation subscribes to them."""

    async def publish(self, announcements: Sequence[Announcement]) -> Outcome:
        """Say them all, in order; a repeat is harmless.

        ``Failed`` without a retry is said of announcements that this target can never take; what a person can mend
        (a wrong key, a missing topic) is worth a retry.
        """
        ...


class Announcements(Protocol):
    """What was committed to be said, and is still owed to a target. Each target has its own."""

    async def announcements(self, target: str, limit: int) -> list[Announcement]:
        """What is owed to a target, the oldest first; those of one decision in their order."""
        ...

    async def announcements_waiting(self, target: str) -> int:
        """How many are owed to a target."""
        ...

    async def forget_announcements(self, target: str, announcements: Sequence[Announcement]) -> None:
        """They are owed to this target no more. Those that are unknown are passed over."""
        ...
