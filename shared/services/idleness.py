"""Which endpoints nobody calls any more, and which are called again: of the workloads with an ``endpoint_idle`` rule.

Owns the comparison of when their deployments were heard of with what the rule allows. Decides nothing. Whatever was heard counts:
requests, and rows, which nobody sends who does not score.
"""

from datetime import datetime, timedelta

from shared.domain.differences import deployed_as, relied_on
from shared.domain.facts import Facts
from shared.domain.ids import derive
from shared.domain.observations import DeploymentRef
from shared.domain.policy import Workload
from shared.domain.policy_idle import EndpointIdle
from shared.domain.routing import subject_of
from shared.domain.telemetry_signals import EndpointFellIdle, EndpointUsed
from shared.ports import Clock, PolicySource, Store
from shared.services.hearing import Hearing
from shared.services.ingest import Ingest
from shared.services.rounds import Rounds
from shared.telemetry.closing import SOURCE

WORKLOADS_MAX = 500  # in one run
LISTENING_MIN = timedelta(minutes=5)  # what came while we were away ourselves has to be heard first

Change = EndpointFellIdle | EndpointUsed


class IdleWatch:
    """Looks for idle endpoints. Any method may raise StoreUnavailableError."""

    def __init__(  # one argument for each part that it needs
        self, store: Store, clock: Clock, policies: PolicySource, hearing: Hearing, ingest: Ingest, rounds: Rounds
    ) -> None:
        self._store, self._clock, self._policies = store, clock, policies
        self._hearing, self._ingest, self._rounds = hearing, ingest, rounds
        self._listening_since: datetime | None = None

    async def run(self) -> int:
        """Go on with the round that is due; how many endpoints fell idle, or are used again."""
        self._listening_since = self._listening_since or self._clock.now()
        if self._clock.now() < self._listening_since + LISTENING_MIN:
            return 0
        turn = await self._rounds.take()
        if turn is None:
            return 0
        policy, told = (await self._policies.current()).policy, 0
        watched = sorted((known.name, known) for known in policy.workloads if known.idle_rule)
        left = [known for name, known in watched if name > turn.at.after]
        for workload in left[:WORKLOADS_MAX]:
            change = await self._change(workload)
            told += (await self._ingest.tell(change)).accepted if change else 0
        if len(left) > WORKLOADS_MAX:
            await self._rounds.pause(turn, left[WORKLOADS_MAX - 1].name, self._clock.now())
        else:
            await self._rounds.end(turn)
        return told

    async def _change(self, workload: Workload) -> Change | None:
        facts = (await self._store.facts(subject_of(workload.name))).value
        last, rule = await self._called_at(workload, facts), workload.idle_rule
        if last is None or rule is None:
            return None
        asked = next((one for one in facts.incidents if one.kind == "endpoint_idle" and one.state != "closed"), None)
        if asked and asked.heard_at and last > asked.heard_at:
            return _used(workload, last, asked.id)
        return None if asked else _idle(workload, rule, last, self._clock.now())

    async def _called_at(self, workload: Workload, facts: Facts) -> datetime | None:
        """When any deployment of the endpoint was last heard of, or began to serve; None when none of ours is there."""
        workspace, endpoint = workload.environments.production.place
        serving = {
            DeploymentRef(workspace=workspace, endpoint=endpoint, deployment=deployed_as(known)).key: known.since
            for known in relied_on(facts).values()
        }
        heard = await self._hearing.heard(serving)
        return max((*serving.values(), *(one.at for one in heard.values())), default=None)


def _idle(workload: Workload, rule: EndpointIdle, last: datetime, now: datetime) -> EndpointFellIdle | None:
    workspace, endpoint = workload.environments.production.place
    if now < last + rule.idle_for:
        return None
    return EndpointFellIdle(
        source=SOURCE,
        dedup_key=derive("idle", workload.name, workspace, endpoint, last.isoformat()),
        occurred_at=last,
        subject=f"{workspace}/onlineendpoints/{endpoint}",
        workspace=workspace,
        endpoint=endpoint,
        idle_since=last,
    )


def _used(workload: Workload, last: datetime, incident: str) -> EndpointUsed:
    workspace, endpoint = workload.environments.production.place
    return EndpointUsed(
        source=SOURCE,
        dedup_key=derive("used", workload.name, workspace, endpoint, incident),
        occurred_at=last,
        subject=f"{workspace}/onlineendpoints/{endpoint}",
        workspace=workspace,
        endpoint=endpoint,
    )
