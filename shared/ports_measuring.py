"""What the services need of those who measured an endpoint's traffic elsewhere, as a Protocol.

Owns the promise. Knows no SDK, and not what a measurement leads to.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from shared.domain.observations import TrafficSample
from shared.domain.outcomes import Failed
from shared.domain.policy_environments import Production


@dataclass(frozen=True, slots=True)
class Stretch:
    """Whole minutes of some deployments of one endpoint. ``chance`` is with which each bound may be wrong, at all looks together."""

    production: Production
    deployments: tuple[str, ...]
    since: datetime
    until: datetime
    chance: float


class TrafficMeter(Protocol):
    """Knows what an endpoint served without our telemetry."""

    @property
    def name(self) -> str:
        """What people call it."""
        ...

    async def served(self, stretch: Stretch) -> Mapping[str, TrafficSample] | Failed:
        """What each of the deployments served in these minutes, by its name; all of them are there, also those without a request.

        Raises nothing: whatever could not be read, or only in part, is a ``Failed``.
        """
        ...
