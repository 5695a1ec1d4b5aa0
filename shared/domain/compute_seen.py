"""A compute of a workspace as one look at Azure found it: whether it runs, and whether anything runs on it.

Owns that value and when it is idle. Knows nothing of how Azure is asked (``adapters``), or for how long it may be idle (``rules``).
"""

from datetime import datetime

from shared.domain.values import Part


class ComputeSeen(Part, frozen=True, kw_only=True):
    """What was there. ``kind`` and ``state`` are Azure ML's words; ``changed_at`` is when it was started, or changed, last."""

    name: str
    kind: str
    state: str
    changed_at: datetime | None = None
    stops_itself: bool = False

    @property
    def is_idle(self) -> bool:
        """It runs, no job does on it, and nothing will stop it: a cluster scales down by itself, and so may an instance."""
        return self.kind == "ComputeInstance" and self.state == "Running" and not self.stops_itself
