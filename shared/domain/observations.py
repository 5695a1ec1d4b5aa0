"""What deployments say about themselves: requests served and rows scored, and their summary for a decision.

Owns the values that parsing hands to telemetry, and the summaries that telemetry hands to the rules.
Knows nothing of bytes or of storage. Times are UTC; durations are in milliseconds.
What there are thousands of is a msgspec struct: it is made ten times as fast as a frozen dataclass.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from shared.domain.values import Part


class DeploymentRef(Part, frozen=True, kw_only=True, order=True):
    """One deployment. All three parts are lower case: sources disagree about the case of ids."""

    workspace: str
    endpoint: str
    deployment: str

    @property
    def key(self) -> str:
        """The deployment as one string, for rows and ids."""
        return f"{self.workspace}/onlineendpoints/{self.endpoint}/deployments/{self.deployment}"


class RequestServed(msgspec.Struct, frozen=True, gc=False):
    """One request that an endpoint answered, as its traffic log tells. ``failed``: the caller got no good answer.

    ``delay_ms`` is how long throttling held it up.
    """

    deployment: DeploymentRef
    at: datetime
    status_code: int
    model_status_code: int | None
    duration_ms: float
    failed: bool
    delay_ms: float = 0.0


class RowsCollected(msgspec.Struct, frozen=True, gc=False):
    """Rows of one collector event. ``collection`` is ``model_inputs``, ``model_outputs`` or another of the collector's."""

    deployment: DeploymentRef
    at: datetime
    collection: str
    correlation_id: str
    rows: Sequence[dict[str, Any]]


class RowsElsewhere(msgspec.Struct, frozen=True, gc=False):
    """Rows of one collector event that lie in a blob, and all that the event says of them.

    ``account`` (a storage account's name) and ``container`` are empty when the event leaves them open: those of the collector.
    """

    deployment: DeploymentRef
    at: datetime
    collection: str
    correlation_id: str
    event_id: str
    content_range: str
    account: str
    container: str
    path: str

    @property
    def named(self) -> str:
        """The blob, as a message names it."""
        return "/".join(part for part in (self.account, self.container, self.path) if part)


@dataclass(frozen=True, slots=True)
class RowsRefused:
    """Telemetry that could not be read, by reason: counted, and the first of each kept."""

    reason: str
    detail: str
    count: int = 1


@dataclass(frozen=True, slots=True)
class Telemetry:
    """Everything that one Event Hubs message held."""

    requests: tuple[RequestServed, ...] = ()
    rows: tuple[RowsCollected, ...] = ()
    refused: tuple[RowsRefused, ...] = ()
    elsewhere: tuple[RowsElsewhere, ...] = ()


class TrafficSample(Part, frozen=True, kw_only=True):
    """What one deployment served between two moments.

    ``latency_p95_ms`` is the sample's 95th percentile; ``_lower`` and ``_upper`` are bounds of the true one that hold at
    every look, from order statistics, which assume nothing about the shape of the distribution (``sequences``).
    Percentiles that somebody else computed have no such bounds (``latency_bounded``), and may tell of some of the requests
    only (``latency_requests``; None: of all).
    """

    requests: int = 0
    failed: int = 0
    latency_p50_ms: float = 0.0
    latency_p95_ms: float = 0.0
    latency_p95_ms_lower: float = 0.0
    latency_p95_ms_upper: float = 0.0
    latency_bounded: bool = True
    latency_requests: int | None = None

    @property
    def latency_of(self) -> int:
        """Of how many requests the latencies tell."""
        return self.requests if self.latency_requests is None else self.latency_requests
