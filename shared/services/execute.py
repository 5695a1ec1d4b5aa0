"""From a queued command id to its outcome: claim, act, record.

Owns the life of one command and what its outcome means for the next try. The claim is written before the call and expires;
effects happen through ports only. Nobody waits for a long operation: it is looked at again when it is due.
"""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import assert_never

from shared.domain.commands import EndpointCommand, RollBackTraffic, ScoreBatch, Training, kind_of
from shared.domain.effects import Dispatch, EndpointWrite
from shared.domain.ids import derive
from shared.domain.on_unknown import ON_UNKNOWN
from shared.domain.outcomes import Failed, Final, Outcome, Skipped, Started, Succeeded, Unknown
from shared.domain.plans import given_back, stale, waits
from shared.domain.records import CommandRow, SignalRow
from shared.domain.reservations import ACT_WITHIN
from shared.domain.routing import workload_of
from shared.domain.signals import CommandFinished
from shared.domain.values import replace
from shared.ports import Clock, CommandQueue, ConflictError, PolicySource, Store, StoreUnavailableError
from shared.services import attempts, reservations
from shared.services.aggregate import Aggregator
from shared.services.collected import CollectedReader
from shared.services.decide import Decider
from shared.services.effects import CALL_MAX, Effects, Hands, LongCommand
from shared.services.lease import end_lease, take_lease
from shared.services.outbox import send_row
from shared.services.referenced import ReferencedReader

log = logging.getLogger(__name__)

CLAIM_CALLS, LEASE_CALLS = 2.5, 5.0  # so many of them: longer than any single call, and longer than the claim
CLAIM_FOR = CLAIM_CALLS * CALL_MAX
LEASE_FOR = LEASE_CALLS * CALL_MAX  # a lease outlasts every call made under it
TRIES_MAX = 8
TRY_FOR = timedelta(minutes=30)  # an endpoint may be busy with somebody else's deployment for a while
AGE_MAX = timedelta(hours=24)  # of an operation that never ends
CANCEL_FOR = timedelta(minutes=15)  # so long it is tried to cancel a run that is overdue
BACKOFF_MAX = timedelta(minutes=5)
LEASE_RETRY = timedelta(seconds=2)
PAUSE_LOOK = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class Loop:
    """The services that a finished command goes back to."""

    decider: Decider
    aggregator: Aggregator


class Executor:
    """Carries out commands, one at a time for each call, any number of calls side by side."""

    def __init__(
        self, store: Store, queue: CommandQueue, clock: Clock, policies: PolicySource, loop: Loop, hands: Hands
    ) -> None:
        self._store, self._queue, self._clock, self._policies = store, queue, clock, policies
        self._decider = loop.decider
        self._effects = Effects(
            hands,
            policies,
            loop.aggregator,
            CollectedReader(store, clock, policies, loop.aggregator, hands.files),
            ReferencedReader(clock, policies, loop.aggregator, hands.files),
        )
        self._call_max = hands.call_max
        self._claim, self._lease = CLAIM_CALLS * hands.call_max, LEASE_CALLS * hands.call_max

    async def run(self, subject: str, command_id: str, owner: str) -> Outcome | None:
        """Claim and carry out one step of a command; None when there is nothing to do or somebody else does it."""
        now = self._clock.now()
        pause = await self._wait_out_pause(subject, command_id, now)
        if pause:
            return pause
        row = await self._store.claim(subject, command_id, owner, now, now + self._claim)
        if row is None:
            return None
        outcome = await self._guarded_step(row)
        await self._keep_reserved(row, outcome)
        try:
            await self._record(row, owner, outcome)
        except ConflictError:
            return None  # the claim expired and another took over: its record counts
        return outcome

    async def poisoned(self, subject: str, command_id: str, owner: str) -> Outcome | None:
        """Record that the queue gave up on a message about a command: an attempt of which nobody knows what it did.

        It is tried again with a backoff, or ended as failed, as after any such attempt. None when the command is finished,
        not due, or somebody's: then its next message tells.
        """
        now = self._clock.now()
        row = await self._store.claim(subject, command_id, owner, now, now + self._claim)
        if row is None:
            return None
        outcome = Unknown(reason="poison: the queue gave up on its message; the log of the app says why")
        try:
            await self._record(row, owner, outcome)
        except ConflictError:
            return None
        return outcome

    async def _wait_out_pause(self, subject: str, command_id: str, now: datetime) -> Skipped | None:
        """Leave what a pause holds to ``sweep``, a little later. It is not claimed, so waiting counts towards no giving up,
        and not queued here: each delivery of a duplicate would breed another message.
        """
        facts = (await self._store.facts(subject)).value
        row = await self._store.command(subject, command_id) if facts.paused else None
        if row is None or not attempts.may_begin(row, now):
            return None  # what Azure has begun is still followed to its end
        why = waits(row.command, facts)
        if not why:
            return None
        again = now + PAUSE_LOOK
        await self._store.mark_sent(subject, command_id, again)
        return Skipped(reason=why, until=again)

    async def _guarded_step(self, row: CommandRow) -> Outcome:
        """The step's outcome; a fault of ours in it is recorded as one too, and counts towards giving up."""
        try:
            return await self._step(row)
        except StoreUnavailableError:
            raise  # nothing can be recorded either: the claim expires, and the command comes again
        except Exception as error:
            log.exception("command %s (%s) failed unexpectedly", row.command.id, kind_of(row.command))
            return Unknown(reason=f"{type(error).__name__}: {error}")

    async def _step(self, row: CommandRow) -> Outcome:
        command, now = row.command, self._clock.now()
        if isinstance(command, Training) and row.state == "claimed":
            await reservations.keep(self._store, command)  # what a crash left in mid-call may be done
        if isinstance(command, EndpointWrite) and not await take_lease(self._store, command, now, now + self._lease):
            return Skipped(reason="lease", until=now + LEASE_RETRY)
        if isinstance(row.outcome, Started) and isinstance(command, LongCommand):
            return await self._effects.look(command, row.outcome.operation, now)
        if row.state == "claimed" and isinstance(command, Dispatch):  # looked for when it can be found, not begun twice
            return Unknown(reason="a crash left it unknown whether this was ordered")
        if row.state == "claimed" and ON_UNKNOWN[type(command)] == "escalate":
            return Failed(
                retryable=False, reason="a crash left it unknown whether this was done; look, and do it by hand"
            )
        # Asked under the lease, and also after a crash in mid-call: a repeat now would undo the rollback just as well.
        facts = (await self._store.facts(row.subject)).value
        if why := stale(command, facts):
            return attempts.left(row, f"stale plan: {why}")
        if not attempts.begun(row) and (why := given_back(command, facts)):
            return Skipped(reason=why)
        refused = await self._reserve(command) if isinstance(command, Training) else None
        return refused or self._too_late(row) or await self._effects.begin(row, self._clock.now())

    def _too_late(self, row: CommandRow) -> Skipped | None:
        """A call begins only if it ends while its claim is in force: asked last, with no wait between this and any effect.

        A process that stood still may have lost the command to another, which did it, ended it and gave the lease back. The
        lease is taken after the claim and for longer, so it outlasts the call as well.
        """
        now = self._clock.now()
        if row.claimed_until and now + self._call_max <= row.claimed_until:
            return None
        return Skipped(reason="late", until=now)

    async def _reserve(self, command: Training) -> Skipped | None:
        """Room within the limits that span workloads, for a call that ends while the reservation is in force."""
        now = self._clock.now()
        refused = await reservations.reserve(self._store, (await self._policies.current()).policy, command, now)
        if refused or self._clock.now() + self._call_max <= now + ACT_WITHIN:
            return refused
        return Skipped(reason=reservations.CONTENDED, until=self._clock.now())  # this process stood still for long

    async def _keep_reserved(self, row: CommandRow, outcome: Outcome) -> None:
        """Before it is recorded, unless it is known that nothing was done: what is reserved for a training lasts from now on."""
        known = isinstance(row.outcome, Started) or isinstance(outcome, Failed | Skipped)
        if isinstance(row.command, Training) and not known:
            await reservations.keep(self._store, row.command)

    async def _record(self, row: CommandRow, owner: str, outcome: Outcome) -> None:
        match outcome:
            case Started() if isinstance(row.outcome, Started) and _given_up(row, self._clock.now()):
                reason = f"gave up: {outcome.operation} is still under way, or could not be looked at (then the log of the app says why)"
                await self._finish(row, owner, Failed(retryable=False, reason=reason))
            case Started():
                outcome = attempts.look_again(row, outcome, self._clock.now())
                await self._store.record_started(row.subject, row.command.id, owner, outcome)
                await self._send_again(row, outcome.look_again_at)
            case Skipped(reason="lease" | "late" | reservations.CONTENDED):
                await self._again(row, owner, outcome, outcome.until or self._clock.now())
            case Failed(retryable=True) | Unknown():
                await self._retry_or_finish(row, owner, outcome)
            case Succeeded() | Failed() | Skipped():
                await self._finish(row, owner, outcome)
            case _:
                assert_never(outcome)

    async def _retry_or_finish(self, row: CommandRow, owner: str, outcome: Failed | Unknown) -> None:
        now = self._clock.now()
        if isinstance(outcome, Unknown) and ON_UNKNOWN[type(row.command)] == "escalate":
            reason = f"it is unknown whether this was done ({outcome.reason}); look, and do it by hand"
            await self._finish(row, owner, Failed(retryable=False, reason=reason))
        elif _given_up(row, now):
            reason = f"gave up after {row.attempts} attempts: {outcome.reason}"
            await self._finish(row, owner, Failed(retryable=False, reason=reason))
        else:
            await self._again(row, owner, outcome, attempts.again_at(row, outcome, now, _backoff(row)))

    async def _again(self, row: CommandRow, owner: str, outcome: Outcome, not_before: datetime) -> None:
        await self._store.release(row.subject, row.command.id, owner, attempts.kept(row, outcome), not_before)
        await self._send_again(row, not_before)

    async def _send_again(self, row: CommandRow, not_before: datetime) -> None:
        await send_row(self._store, self._queue, replace(row, not_before=not_before), self._clock.now())

    async def _finish(self, row: CommandRow, owner: str, outcome: Final) -> None:
        now, command = self._clock.now(), row.command
        signal = CommandFinished(
            source="outerloop/commands",
            dedup_key=derive("signal", "finished", command.id),
            occurred_at=now,
            subject=row.subject,
            depth=attempts.depth_after(row, outcome),
            workload=workload_of(row.subject),
            command_id=command.id,
            command_kind=kind_of(command),
            outcome=outcome,
        )
        loaded = await self._policies.current()
        told = self._decider.routed(loaded, SignalRow(signal=signal, received_at=now))
        await self._store.finish(row.subject, command.id, owner, outcome, told)
        if isinstance(command, EndpointCommand):
            await end_lease(self._store, command, now)
        if isinstance(command, Training) and not isinstance(outcome, Succeeded):
            await reservations.release(self._store, command)
        await self._decider.decide_new(loaded, told)


def _given_up(row: CommandRow, now: datetime) -> bool:
    if isinstance(row.command, RollBackTraffic):
        return now >= row.command.until
    since = attempts.under_way_since(row)
    if since and isinstance(row.command, ScoreBatch):
        return now >= since + row.command.deadline + CANCEL_FOR
    if since:
        return now >= since + AGE_MAX
    return row.attempts >= TRIES_MAX and now >= row.created_at + TRY_FOR


def _backoff(row: CommandRow) -> timedelta:
    if isinstance(row.command, RollBackTraffic):
        return timedelta(seconds=1)  # nothing is more urgent, and the deadline bounds it
    return min(BACKOFF_MAX, timedelta(seconds=2 ** min(row.attempts, 10)))
