"""Which of the ports carries out which command: begin an effect, and look at one that is under way.

Owns the dispatch, and what a command needs from the policy besides itself. Knows nothing of claims, leases, retries or records
(``execute``).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import assert_never

from shared.domain.commands import CheckEndpoint, ReadCollected, ReadReferenced, RecordReference
from shared.domain.effects import AnyCommand, Dispatch, Message, WorkspaceCommand
from shared.domain.outcomes import Failed, Outcome, dated
from shared.domain.records import CommandRow
from shared.domain.references import deployment_name
from shared.ports import Messenger, PolicySource, Prober, Workspace
from shared.ports_collected import CollectedFiles
from shared.ports_dispatch import Dispatcher, Earlier, MarkedModels
from shared.services import attempts
from shared.services.aggregate import Aggregator
from shared.services.collected import CollectedReader
from shared.services.dispatching import Dispatching
from shared.services.referenced import ReferencedReader

CALL_MAX = timedelta(minutes=2)  # no single call outlasts it: its client has a shorter time-out

LongCommand = WorkspaceCommand | Dispatch  # what may have begun and not ended yet: it is looked at, not begun again


@dataclass(frozen=True, slots=True)
class Hands:
    """Everything that commands act on, and the time that no single call of theirs outlasts."""

    workspace: Workspace
    prober: Prober
    messenger: Messenger
    files: CollectedFiles
    dispatcher: Dispatcher
    models: MarkedModels
    call_max: timedelta = CALL_MAX


class Effects:
    """Brings commands to those who carry them out. Any method may raise StoreUnavailableError."""

    def __init__(
        self,
        hands: Hands,
        policies: PolicySource,
        aggregator: Aggregator,
        collected: CollectedReader,
        referenced: ReferencedReader,
    ) -> None:
        self._hands, self._policies = hands, policies
        self._aggregator, self._collected, self._referenced = aggregator, collected, referenced
        self._dispatching = Dispatching(hands.dispatcher, hands.models)

    async def look(self, command: LongCommand, operation: str, now: datetime) -> Outcome:
        """What became of an effect that was ``Started`` as this operation."""
        if isinstance(command, Dispatch):
            return await self._dispatching.look(command, operation, now)
        return await self._hands.workspace.look(command, operation, now)

    async def begin(self, row: CommandRow, now: datetime) -> Outcome:
        """Order the effect, with one call that ends within ``Hands.call_max``."""
        command: AnyCommand = row.command
        match command:
            case RecordReference():
                return _dated(await self._record_reference(command), now)
            case ReadCollected():
                return _dated(await self._collected.read(command, until=now + self._hands.call_max), now)
            case ReadReferenced():
                return _dated(await self._referenced.read(command, until=now + self._hands.call_max), now)
            case CheckEndpoint():
                return _dated(await self._check(command), now)
            case _ if isinstance(command, Dispatch):
                return await self._dispatching.begin(command, now, Earlier(row.created_at, attempts.tried(row)))
            case _ if isinstance(command, WorkspaceCommand):
                return await self._hands.workspace.begin(command, now)
            case _ if isinstance(command, Message):
                return _dated(await self._hands.messenger.send(command), now)
            case _:
                assert_never(command)

    async def _check(self, command: CheckEndpoint) -> Outcome:
        payloads = (await self._policies.current()).payloads
        if command.payload not in payloads:
            return Failed(retryable=False, reason=f"the file {command.payload} does not lie beside the policy")
        return await self._hands.prober.probe(command, payloads[command.payload])

    async def _record_reference(self, command: RecordReference) -> Outcome:
        tags = await self._hands.workspace.read_reference(command)
        if isinstance(tags, Failed):
            return tags
        production = (await self._policies.current()).policy.workload(command.workload).environments.production
        return await self._aggregator.save_profile(production, deployment_name(command.version), tags)


def _dated(outcome: Outcome, now: datetime) -> Outcome:
    """What a command came to whose target tells a time and no moment: who asks for time is left alone for as long."""
    return dated(outcome, now) if isinstance(outcome, Failed) else outcome
