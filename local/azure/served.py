"""What the endpoints served, kept as Azure Monitor keeps it: for whoever asks for metrics or queries the traffic log.

Owns the requests that were logged, the newest ``KEPT_MAX`` of them, in the columns of the traffic log's table. Counts nothing.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

KEPT_MAX = 200_000


@dataclass(frozen=True, slots=True)
class Logged:
    """One row of AmlOnlineEndpointTrafficLog. ``resource`` is the endpoint's ARM id, in small letters."""

    at: datetime
    resource: str
    endpoint: str
    deployment: str
    status: int
    duration_ms: float


class ServedTraffic:
    """Everything that the scoring router told."""

    def __init__(self) -> None:
        self._rows: deque[Logged] = deque(maxlen=KEPT_MAX)

    def emit(self, record: dict[str, Any]) -> None:
        """Keep one diagnostic record, as ``traffic_log`` writes it."""
        told = record["properties"]
        self._rows.append(
            Logged(
                at=datetime.fromisoformat(record["time"][:26] + "+00:00"),
                resource=record["resourceId"].lower(),
                endpoint=told["EndpointName"],
                deployment=told["DeploymentName"],
                status=int(told["ResponseCode"]),
                duration_ms=float(told["TotalDurationMs"]),
            )
        )

    def between(self, since: datetime, until: datetime) -> Iterator[Logged]:
        """The rows from one moment on and before another."""
        return (row for row in self._rows if since <= row.at < until)
