"""Production as Azure shows it, compared with what we know: what no event told, and what an event got lost of.

Owns which workloads are looked at in a run, and what is remembered of each look, so that a look which finds the same says nothing.
Decides nothing: what a difference means is for ``rules.observed``. An endpoint on which nothing of ours relies is not asked about.
"""

import logging
from collections.abc import Iterator
from datetime import datetime

import msgspec

from shared.domain.differences import changed_by_hand, differences, relied_on, settled_at
from shared.domain.endpoint_seen import EndpointSeen
from shared.domain.facts import Facts
from shared.domain.ids import derive
from shared.domain.outcomes import Failed
from shared.domain.platform_signals import EndpointObserved
from shared.domain.policy import Policy, Workload
from shared.domain.routing import subject_of
from shared.domain.values import encode
from shared.ports import Clock, ConflictError, PolicySource, Store
from shared.ports_observing import Inventory
from shared.services.ingest import Ingest
from shared.services.rounds import Rounds, try_again_after

LOOKS_MAX = 50  # at Azure, in one run
WORKLOADS_MAX = 1000  # whose facts are read in one run
RUN_SECONDS_MAX = 30  # after which a run begins no further look: the sweep has other chores
SEEN = "seen/"

log = logging.getLogger(__name__)


class Remembered(msgspec.Struct, frozen=True):
    """What was said last about an endpoint. ``digest`` is empty when it was as we know it; ``told``: the signal was accepted."""

    digest: str = ""
    changes: int = 0
    told: bool = True


class Reconciler:
    """Looks at production endpoints. Raises StoreUnavailableError."""

    def __init__(  # noqa: PLR0913, PLR0917  # one argument for each part that it needs
        self,
        store: Store,
        clock: Clock,
        policies: PolicySource,
        inventory: Inventory,
        ingest: Ingest,
        rounds: Rounds,
        looks_max: int = LOOKS_MAX,
    ) -> None:
        self._store, self._clock, self._policies = store, clock, policies
        self._inventory, self._ingest, self._rounds, self._looks_max = inventory, ingest, rounds, looks_max

    async def run(self) -> int:
        """Go on with the round that is due; how many endpoints were found otherwise than we know them, or so again."""
        turn = await self._rounds.take()
        if turn is None:
            return 0
        begun, looks, told, last = self._clock.now(), 0, 0, turn.at.after
        for number, workload in enumerate(_behind((await self._policies.current()).policy, turn.at.after)):
            spent = (self._clock.now() - begun).total_seconds()
            if looks >= self._looks_max or number >= WORKLOADS_MAX or spent > RUN_SECONDS_MAX:
                await self._rounds.pause(turn, last, self._clock.now())
                return told
            last, facts = workload.name, (await self._store.facts(subject_of(workload.name))).value
            if not _is_looked_at(workload, facts):
                continue
            looks, at = looks + 1, self._clock.now()
            place = workload.environments.production
            seen = await self._inventory.endpoint(place.workspace, place.endpoint)
            if isinstance(seen, EndpointSeen):
                told += await self._compare(workload, facts, seen, at)
            elif _stops(workload, seen):
                await self._rounds.pause(
                    turn, last, at + try_again_after(seen)
                )  # this one is asked again in the next round
                return told
        await self._rounds.end(turn)
        return told

    async def _compare(self, workload: Workload, facts: Facts, seen: EndpointSeen, at: datetime) -> int:
        settled = settled_at(facts)
        if settled is None or at <= settled:
            return 0  # a write of ours may be on its way: the next round sees what came of it
        found = differences(facts, seen)
        as_known = not found and not changed_by_hand(facts)
        # Where nothing differs, it is the incidents which are still open that have to hear of it: each of them, once.
        news = [one.text for one in found] or [known.id for known in changed_by_hand(facts)]
        digest = "" if as_known else derive("seen", encode(seen).decode(), settled.isoformat(), *news)
        name = f"{SEEN}{workload.name}"
        stored = await self._store.document(name)
        known = msgspec.json.decode(stored.value, type=Remembered) if stored.value else Remembered()
        if digest == known.digest and known.told:
            return 0
        if digest != known.digest:
            known = Remembered(digest, known.changes + bool(digest), told=not digest)
            if not await self._remember(name, known, stored.etag) or not digest:
                return 0
        await self._ingest.tell(_signal(workload, seen, at, known))
        etag = (await self._store.document(name)).etag
        await self._remember(name, msgspec.structs.replace(known, told=True), etag)
        return 1

    async def _remember(self, name: str, known: Remembered, etag: str) -> bool:
        try:
            await self._store.save_document(name, msgspec.json.encode(known), etag)
        except ConflictError:
            return False  # another instance looks at it too, since our turn has run out
        return True


def _behind(policy: Policy, after: str) -> Iterator[Workload]:
    """The workloads behind a name, in the order of names: that order survives a new policy."""
    return iter(sorted((known for known in policy.workloads if known.name > after), key=lambda known: known.name))


def _is_looked_at(workload: Workload, facts: Facts) -> bool:
    place = workload.environments.production
    # An endpoint of another kind is no online endpoint that is gone.
    is_online = bool(place.endpoint) and place.kind.endswith("_online")
    return is_online and bool(relied_on(facts) or changed_by_hand(facts))


def _stops(workload: Workload, failed: Failed) -> bool:
    """Whether to ask for nothing more for now: where one read is throttled or finds nobody, so will the next be."""
    endpoint = workload.environments.production.endpoint
    log.warning("production of %s (endpoint %s) could not be seen: %s", workload.name, endpoint, failed.reason)
    return failed.retryable


def _signal(workload: Workload, seen: EndpointSeen, at: datetime, known: Remembered) -> EndpointObserved:
    place = workload.environments.production
    workspace, endpoint = place.place
    target = f"{workspace}/onlineendpoints/{endpoint}"
    return EndpointObserved(
        source=target,
        dedup_key=derive("signal", "observed", workload.name, target, known.changes, known.digest),
        occurred_at=at,
        subject=target,
        workspace=workspace,
        endpoint=endpoint,
        seen=seen,
    )
