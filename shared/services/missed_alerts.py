"""Alerts whose message never came: read back from Azure, for the resource groups that the policy speaks of.

Owns up to when each group was read. What was heard by its message has the same key, and is heard once; where Azure tells the moment
otherwise on the two roads, the incident that is open for the alert's rule and target counts it. Decides nothing.
"""

import logging
from datetime import datetime, timedelta

import msgspec

from shared.domain.outcomes import Failed
from shared.domain.policy import Policy
from shared.domain.routing import out_of_scope
from shared.ports import Clock, ConflictError, PolicySource, Store
from shared.ports_observing import AlertList
from shared.services.ingest import Ingest
from shared.services.rounds import Rounds

SETTLES = timedelta(minutes=5)  # a message has so long to come by itself
LOOKS_BACK = timedelta(hours=1)  # when a group is read for the first time
LOOKS_BACK_MAX = timedelta(days=7)  # as far as the list is asked for
GROUPS_MAX = 20  # in one run
TRY_AGAIN = timedelta(minutes=1)
READ = "alerts_read/"

log = logging.getLogger(__name__)


class Through(msgspec.Struct, frozen=True):
    """Up to which change the alerts of a group were read."""

    at: datetime


class MissedAlerts:
    """Reads alerts back. Raises StoreUnavailableError."""

    def __init__(  # one argument for each part that it needs
        self, store: Store, clock: Clock, policies: PolicySource, alerts: AlertList, ingest: Ingest, rounds: Rounds
    ) -> None:
        self._store, self._clock, self._policies = store, clock, policies
        self._alerts, self._ingest, self._rounds = alerts, ingest, rounds

    async def run(self) -> int:
        """Go on with the round that is due; how many alerts were heard that nobody had told."""
        turn = await self._rounds.take()
        if turn is None:
            return 0
        policy, heard = (await self._policies.current()).policy, 0
        for number, group in enumerate(group for group in groups(policy) if group > turn.at.after):
            found = await self._read(policy, group)
            if isinstance(found, int):
                heard += found
            stopped = isinstance(found, Failed) and found.retryable
            if stopped or number + 1 >= GROUPS_MAX:
                wait = _wait(found) if isinstance(found, Failed) else timedelta()
                await self._rounds.pause(turn, group, self._clock.now() + wait)
                return heard
        await self._rounds.end(turn)
        return heard

    async def _read(self, policy: Policy, group: str) -> int | Failed:
        name, until = f"{READ}{group}", self._clock.now() - SETTLES
        stored = await self._store.document(name)
        known = msgspec.json.decode(stored.value, type=Through).at if stored.value else until - LOOKS_BACK
        found = await self._alerts.changed(group, max(known, until - LOOKS_BACK_MAX), until)
        if isinstance(found, Failed):
            log.warning("the alerts of %s could not be read back: %s", group, found.reason)
            return found
        told = [await self._ingest.tell(alert) for alert in found if out_of_scope(policy, alert) is None]
        try:
            await self._store.save_document(name, msgspec.json.encode(Through(until)), stored.etag)
        except ConflictError:
            log.info("another instance read the alerts of %s too; each was heard once", group)
        return sum(receipt.accepted for receipt in told)


def groups(policy: Policy) -> tuple[str, ...]:
    """The resource groups of every workspace that a rule on alerts may be about, in order."""
    found = {
        environment.workspace.lower().partition("/providers/")[0]
        for workload in policy.workloads
        if workload.alert_rules
        for environment in (
            workload.environments.development,
            workload.environments.staging,
            workload.environments.production,
        )
    }
    return tuple(sorted(found))


def _wait(failed: Failed) -> timedelta:
    return max(TRY_AGAIN, timedelta(seconds=float(failed.data.get("retry_after_seconds", 0.0))))
