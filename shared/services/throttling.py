"""Azure Resource Manager throttles us: said once when it begins, counted while it goes on, and said when it is over.

Owns what was counted for each subscription since. Decides nothing: who hears of it is said by the policy's rules on the platform's
health. Each instance counts its own requests, and tells them when it is its turn to go round.
"""

import logging
from datetime import datetime, timedelta

import msgspec

from shared.domain.ids import derive
from shared.domain.platform_signals import PlatformHealthChanged
from shared.domain.policy import Policy
from shared.ports import Clock, ConflictError, PolicySource, Store
from shared.ports_observing import Throttling
from shared.services.ingest import Ingest
from shared.services.rounds import Rounds

OVER_AFTER = timedelta(hours=1)  # without another 429
PREFIX = "throttled/"

log = logging.getLogger(__name__)


class Throttled(msgspec.Struct, frozen=True):
    """What one subscription's throttling amounts to so far."""

    since: datetime
    last: datetime
    count: int


class ThrottleWatch:
    """Tells of throttling. Any method may raise StoreUnavailableError."""

    def __init__(  # one argument for each part that it needs
        self, store: Store, clock: Clock, policies: PolicySource, throttling: Throttling, ingest: Ingest, rounds: Rounds
    ) -> None:
        self._store, self._clock, self._policies = store, clock, policies
        self._throttling, self._ingest, self._rounds = throttling, ingest, rounds

    async def run(self) -> int:
        """Say what changed since the last round; how many subscriptions that was said of."""
        turn = await self._rounds.take()
        if turn is None:
            return 0
        policy, now, told = (await self._policies.current()).policy, self._clock.now(), 0
        found, known = self._throttling.take(), await self._store.documents(PREFIX)
        for subscription in sorted({*found, *(name.removeprefix(PREFIX) for name in known)}):
            told += await self._look(policy, subscription, found.get(subscription, 0), now)
        await self._rounds.end(turn)
        return told

    async def _look(self, policy: Policy, subscription: str, more: int, now: datetime) -> int:
        name = f"{PREFIX}{subscription}"
        stored = await self._store.document(name)
        before = msgspec.json.decode(stored.value, type=Throttled) if stored.value else None
        if not more and (before is None or now < before.last + OVER_AFTER):
            return 0
        try:
            if more:
                after = Throttled(before.since if before else now, now, (before.count if before else 0) + more)
                await self._store.save_document(name, msgspec.json.encode(after), stored.etag)
            else:
                await self._store.delete_document(name, stored.etag)
        except ConflictError:
            log.info("another instance tells of the throttling of subscription %s", subscription)
            return 0
        signal = _signal(policy, subscription, after if more else None, before, now)
        return (await self._ingest.tell(signal)).accepted if signal else 0


def _signal(
    policy: Policy, subscription: str, after: Throttled | None, before: Throttled | None, now: datetime
) -> PlatformHealthChanged | None:
    workspace = _workspace(policy, subscription)
    if not workspace:
        return None
    title = f"Azure Resource Manager answers our requests in subscription {subscription} with 429"
    if after:
        title += f": {after.count} since {after.since:%Y-%m-%d %H:%M} UTC"
    begun = (before or after or Throttled(now, now, 0)).since
    return PlatformHealthChanged(
        source=f"/subscriptions/{subscription}",
        dedup_key=derive("throttled", subscription, begun.isoformat(), now.isoformat()),
        occurred_at=now,
        subject=workspace,
        scope="throttling",
        status="Throttled" if after else "Resolved",
        title=title,
        targets=(workspace,),
        tracking_id=subscription,
    )


def _workspace(policy: Policy, subscription: str) -> str:
    """The workspace that it is told about: the first workload's in the subscription, so that not every one of them hears it."""
    prefix = f"/subscriptions/{subscription}/"
    for workload in sorted(policy.workloads, key=lambda known: known.name):
        places = workload.environments
        for environment in (places.production, places.staging, places.development):
            if environment.workspace.lower().startswith(prefix):
                return environment.workspace.lower()
    return ""
