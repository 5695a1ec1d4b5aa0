"""Everything that the chapters share: the world, who acts in it, and the waits for what the loop does.

Owns no event of the story. Each wait ends by what the loop or the endpoint says of itself, or with an explanation.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeVar

from local.story.alerts import ActionGroup
from local.story.clients import Callers, Control
from local.story.data import Flights
from local.story.progress import Progress
from local.story.request_log import RequestLog
from local.story.state import WORKLOAD, LoopState, explain_state, version_in, wait_for
from local.story.world import World
from shared.domain.decisions import Decision
from shared.domain.facts import Incident, IncidentKind, Version

T = TypeVar("T")


@dataclass
class Story:
    """Everything that the chapters share."""

    world: World
    control: Control
    state: LoopState
    flights: Flights
    progress: Progress
    callers: Callers
    log: RequestLog  # of these callers
    monitor: ActionGroup
    broken: str = "row_by_row"  # how version 3 scores; a test makes it "vectorised", which is not broken
    sent_rows: dict[int, int] = field(default_factory=dict)
    images: asyncio.Task[None] | None = None  # the other workload's way into production, meanwhile
    forms: asyncio.Task[None] | None = None  # and the third one's

    async def wait(self, what: str, look: Callable[[], Awaitable[T | None]], within_seconds: float) -> T:
        """What ``look`` finds; raises StoryError with the last decisions when it finds nothing in time."""
        return await wait_for(what, look, within_seconds, lambda: explain_state(self.state))

    async def wait_version(self, number: str, *states: str, within_seconds: float, workload: str = WORKLOAD) -> Version:
        """A version in one of these states."""

        async def look() -> Version | None:
            return version_in(await self.state.facts(workload), number, *states)

        return await self.wait(f"version {number} of {workload} to be {' or '.join(states)}", look, within_seconds)

    async def wait_incident(
        self, kind: IncidentKind, state: str, within_seconds: float, *, about: str = "", workload: str = WORKLOAD
    ) -> Incident:
        """An incident of a kind in a state, and about a version when one is named."""

        async def look() -> Incident | None:
            incidents = (await self.state.facts(workload)).incidents
            alike = (known for known in incidents if known.kind == kind and known.state == state)
            return next((known for known in alike if about in ("", known.version)), None)

        return await self.wait(f"an incident {kind} of {workload} that is {state}", look, within_seconds)

    async def wait_decision(self, cause_kind: str, verdict: str, code: str, within_seconds: float) -> Decision:
        """The newest decision about a kind of signal with a verdict, one of whose reasons has a code."""

        async def look() -> Decision | None:
            alike = (d for d in await self.state.decisions() if (d.cause_kind, d.verdict) == (cause_kind, verdict))
            return max(
                (d for d in alike if code in {reason.code for reason in d.reasons}),
                key=lambda decision: decision.decided_at,
                default=None,
            )

        return await self.wait(f"{cause_kind}: {verdict}, because {code}", look, within_seconds)

    async def wait_traffic(self, wanted: dict[str, int], within_seconds: float) -> None:
        """The endpoint's own word that this traffic is in force."""

        async def look() -> bool | None:
            return True if await self.control.production_traffic() == wanted else None

        await self.wait(f"traffic {wanted}", look, within_seconds)
