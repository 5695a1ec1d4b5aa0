"""What the services need from the outside world, as Protocols. Adapters implement them; ``runtime`` joins the two.

Owns the promises. Knows no SDK. Every method that reaches out is async; none waits for a long operation.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

from shared.domain.commands import CheckEndpoint, RecordReference
from shared.domain.effects import Message, WorkspaceCommand
from shared.domain.outcomes import Failed, Outcome


class Clock(Protocol):
    """The only source of the present."""

    def now(self) -> datetime:
        """The present, in UTC."""
        ...


class Workspace(Protocol):
    """Azure Machine Learning: one call for each command, classified where a failure is seen."""

    async def begin(self, command: WorkspaceCommand, now: datetime) -> Outcome:
        """Order the effect with one call and return at once: ``Started`` for anything that Azure works on."""
        ...

    async def look(self, command: WorkspaceCommand, operation: str, now: datetime) -> Outcome:
        """Ask by GET what became of a started operation; ``Started`` again while it is under way."""
        ...

    async def read_reference(self, command: RecordReference) -> Mapping[str, str] | Failed:
        """The tags ``outerloop.reference*`` of the run that produced a model version."""
        ...


class Prober(Protocol):
    """Sends real requests to one deployment of an endpoint."""

    async def probe(self, command: CheckEndpoint) -> Outcome:
        """Measure: ``Succeeded`` with requests, errors, latency_p50_ms, latency_p95_ms, latency_p99_ms."""
        ...


class Messenger(Protocol):
    """Reaches people on the channels that the settings name."""

    async def send(self, message: Message) -> Outcome:
        """Deliver to every channel of the message; ``Failed`` names the channels that refused."""
        ...
