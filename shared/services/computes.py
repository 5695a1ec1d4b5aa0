"""Which compute instances run and do nothing for longer than a policy allows: of the workloads with a ``compute_idle`` rule.

Owns since when each was found idle, look after look, and what was told of it. Decides nothing: what follows is for ``rules.idle_compute``.
"""

import logging
from datetime import datetime

import msgspec

from shared.domain.compute_seen import ComputeSeen
from shared.domain.facts import Facts
from shared.domain.ids import derive
from shared.domain.outcomes import Failed
from shared.domain.platform_signals import ComputeObserved
from shared.domain.policy import Workload
from shared.domain.policy_idle import ComputeIdle, compute_rules
from shared.domain.routing import subject_of
from shared.ports import Clock, ConflictError, PolicySource, Store
from shared.ports_observing import Computes
from shared.services.ingest import Ingest
from shared.services.rounds import Rounds, try_again_after

WORKLOADS_MAX = 50  # in one run: each costs a look at Azure
SINCE = "idle-computes/"

log = logging.getLogger(__name__)

Since = dict[str, datetime]  # by the compute's id: when it was found idle first


class ComputeWatch:
    """Looks for idle compute instances. Any method may raise StoreUnavailableError."""

    def __init__(  # one argument for each part that it needs
        self, store: Store, clock: Clock, policies: PolicySource, computes: Computes, ingest: Ingest, rounds: Rounds
    ) -> None:
        self._store, self._clock, self._policies = store, clock, policies
        self._computes, self._ingest, self._rounds = computes, ingest, rounds

    async def run(self) -> int:
        """Go on with the round that is due; how many instances are idle for too long, or in use again."""
        turn = await self._rounds.take()
        if turn is None:
            return 0
        policy = (await self._policies.current()).policy
        left_over = await self._store.documents(SINCE)  # of a rule that is gone: what it opened is ended, once
        watched = sorted(
            (known.name, known)
            for known in policy.workloads
            if compute_rules(known.monitoring) or f"{SINCE}{known.name}" in left_over
        )
        told, left = 0, [known for name, known in watched if name > turn.at.after]
        last = turn.at.after
        for workload in left[:WORKLOADS_MAX]:
            last, found = workload.name, await self._look(workload)
            if isinstance(found, Failed):
                await self._rounds.pause(turn, last, self._clock.now() + try_again_after(found))
                return told
            told += found
        if len(left) > WORKLOADS_MAX:
            await self._rounds.pause(turn, last, self._clock.now())
        else:
            await self._rounds.end(turn)
        return told

    async def _look(self, workload: Workload) -> int | Failed:
        """How many changes were told; ``Failed`` when the round should pause."""
        name, now, told = f"{SINCE}{workload.name}", self._clock.now(), 0
        stored = await self._store.document(name)
        before = msgspec.json.decode(stored.value, type=Since) if stored.value else Since()
        facts, after = (await self._store.facts(subject_of(workload.name))).value, Since()
        chosen: set[str] = set()  # by an earlier rule: the first that watches one is the one that answers
        unseen: set[str] = set()  # workspaces of which nobody knows what they hold now
        for rule in compute_rules(workload.monitoring):
            workspace = getattr(workload.environments, rule.environment).workspace.lower()
            seen = await self._computes.computes(workspace)
            if isinstance(seen, Failed):
                log.warning("computes of %s (%s) could not be seen: %s", workload.name, workspace, seen.reason)
                if seen.retryable:
                    return seen
                after |= {key: since for key, since in before.items() if key.startswith(f"{workspace}/")}
                unseen.add(workspace)
                continue
            for one in seen:
                key = f"{workspace}/computes/{one.name}".lower()
                if key in chosen or not rule.watches(one.name):
                    continue
                chosen.add(key)
                if one.is_idle:
                    after[key] = _since(one, before.get(key, now))
                change = _change(workload, rule, workspace, one, after.get(key), facts, now)
                told += (await self._ingest.tell(change)).accepted if change else 0
        for change in _gone(workload, facts, chosen, unseen, now):
            told += (await self._ingest.tell(change)).accepted
        if compute_rules(workload.monitoring):
            await self._remember(name, after, stored.etag)
        else:
            await self._forget(name, stored.etag)
        return told

    async def _forget(self, name: str, etag: str) -> None:
        try:
            await self._store.delete_document(name, etag)
        except ConflictError:
            log.info("another instance looks at computes too: it is forgotten there")

    async def _remember(self, name: str, after: Since, etag: str) -> None:
        try:
            await self._store.save_document(name, msgspec.json.encode(after), etag)
        except ConflictError:
            log.info("another instance looks at computes too: what it found counts")


def _since(seen: ComputeSeen, found: datetime) -> datetime:
    """Idle since it was found so first; what was started after that began anew."""
    return max(found, seen.changed_at) if seen.changed_at else found


def _change(  # noqa: PLR0913, PLR0917  # what a look compares
    workload: Workload,
    rule: ComputeIdle,
    workspace: str,
    seen: ComputeSeen,
    since: datetime | None,
    facts: Facts,
    now: datetime,
) -> ComputeObserved | None:
    target = f"{workspace}/computes/{seen.name}".lower()
    about = (known for known in facts.incidents if (known.kind, known.target) == ("compute_idle", target))
    asked = next((known for known in about if known.state != "closed"), None)
    if since is None:
        return _observed(workload, workspace, seen.name, None, asked.id, now) if asked else None
    if asked or now < since + rule.idle_for:
        return None
    return _observed(workload, workspace, seen.name, since, since.isoformat(), now)


def _observed(  # the fields of the signal
    workload: Workload, workspace: str, compute: str, since: datetime | None, news: str, now: datetime
) -> ComputeObserved:
    target = f"{workspace}/computes/{compute}".lower()
    return ComputeObserved(
        source=target,
        dedup_key=derive("compute", workload.name, target, news),
        occurred_at=now,
        subject=target,
        workload=workload.name,
        workspace=workspace,
        compute=compute,
        idle_since=since,
    )


def _gone(workload: Workload, facts: Facts, chosen: set[str], unseen: set[str], now: datetime) -> list[ComputeObserved]:
    """What ends the incidents about computes that were deleted, or that no rule watches any more."""
    known = (one for one in facts.incidents if one.kind == "compute_idle" and one.state != "closed")
    apart = ((one, *one.target.rpartition("/computes/")[::2]) for one in known if one.target not in chosen)
    return [
        _observed(workload, workspace, compute, None, one.id, now)
        for one, workspace, compute in apart
        if workspace not in unseen
    ]
