"""When the schedules of the policy fell due: each tick once, also with many instances, and after an outage as one.

Owns what is remembered of each schedule: how far it has been heard. Decides nothing: what a schedule starts is for the rules.
A tick is accepted before it is remembered, so that a crash in between repeats it, under the same key, instead of losing it.
"""

from dataclasses import dataclass
from datetime import datetime

import msgspec

from shared.domain.ids import derive
from shared.domain.policy import Workload
from shared.domain.policy_triggers import Schedule
from shared.domain.routing import subject_of
from shared.domain.schedules import elapsed
from shared.domain.signals import ScheduleElapsed
from shared.ports import Clock, ConflictError, Documents, PolicySource

PREFIX = "schedules/"


class Heard(msgspec.Struct, frozen=True):
    """Until when a schedule has been heard."""

    through: datetime


@dataclass(frozen=True, slots=True)
class Due:
    """A schedule that fell due, and the name under which it is remembered."""

    name: str
    signal: ScheduleElapsed


class Schedules:
    """Compares the schedules of the policy with what was heard of them. Raises StoreUnavailableError."""

    def __init__(self, documents: Documents, clock: Clock, policies: PolicySource) -> None:
        self._documents, self._clock, self._policies = documents, clock, policies

    async def due(self) -> list[Due]:
        """What fell due since it was last heard. One that is seen for the first time counts from now on."""
        policy, now = (await self._policies.current()).policy, self._clock.now()
        wanted = {name_of(known, rule): (known, rule) for known in policy.scheduled for rule in known.schedules}
        heard = await self._documents.documents(PREFIX)
        await self._forget([name for name in heard if name not in wanted])
        found = []
        for name, (workload, rule) in wanted.items():
            if name not in heard:
                await self._remember(name, now)
                continue
            signal = signal_of(workload, rule, msgspec.json.decode(heard[name], type=Heard).through, now)
            found += [Due(name, signal)] if signal else []
        return found

    async def mark_heard(self, due: Due) -> None:
        """The tick is accepted; it does not come again."""
        await self._remember(due.name, due.signal.due)

    async def _remember(self, name: str, through: datetime) -> None:
        stored = await self._documents.document(name)
        if stored.value and msgspec.json.decode(stored.value, type=Heard).through >= through:
            return
        try:
            await self._documents.save_document(name, msgspec.json.encode(Heard(through)), stored.etag)
        except ConflictError:
            return  # another instance was as quick; what it did not hear is due again in the next round

    async def _forget(self, names: list[str]) -> None:
        """A schedule that the policy drops and takes up again later is new then: it does not make up for the time between."""
        for name in names:
            stored = await self._documents.document(name)
            try:
                await self._documents.delete_document(name, stored.etag)
            except ConflictError:
                continue  # somebody else writes it: the next round looks again


def name_of(workload: Workload, rule: Schedule) -> str:
    """The document that remembers one schedule of one workload."""
    return f"{PREFIX}{workload.name}/{derive('schedule', rule.cron, rule.timezone)}"


def signal_of(workload: Workload, rule: Schedule, through: datetime, now: datetime) -> ScheduleElapsed | None:
    """What a schedule says of the time after one moment and until another; None when it was not due in it."""
    found = elapsed(rule.cron, rule.timezone, through, now)
    if found is None:
        return None
    return ScheduleElapsed(
        source="outerloop/schedules",
        dedup_key=derive("signal", "schedule", workload.name, rule.cron, rule.timezone, found.due.isoformat()),
        occurred_at=found.due,
        subject=subject_of(workload.name),
        workload=workload.name,
        cron=rule.cron,
        timezone=rule.timezone,
        due=found.due,
        missed=found.missed,
    )
