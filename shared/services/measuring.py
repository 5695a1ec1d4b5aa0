"""Reading what both versions of a rollout served, from the source that the policy names.

Owns which minutes are looked at: of our own windows those that are there, of others only whole minutes that ended long enough
ago to be complete, and of a step that a pause made long the newest days only. Judges nothing (``rules.analysis``); what could not be read is told as that, and never as no traffic.
"""

import dataclasses
import logging
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from shared.domain.durations import format_duration
from shared.domain.observations import DeploymentRef, TrafficSample
from shared.domain.outcomes import Failed
from shared.domain.policy_measured import STEP_MAX
from shared.domain.references import deployment_name
from shared.domain.situation import Situation
from shared.ports import StoreUnavailableError
from shared.ports_measuring import Stretch, TrafficMeter
from shared.services.aggregate import Aggregator

log = logging.getLogger(__name__)
MINUTE = timedelta(minutes=1)


class Measuring:
    """Asks whoever the policy's ``analysis.source`` names; ``meters`` are all that there are besides our own windows."""

    def __init__(self, aggregator: Aggregator, meters: Mapping[str, TrafficMeter] | None = None) -> None:
        self._aggregator, self._meters = aggregator, meters or {}

    async def with_traffic(self, situation: Situation) -> Situation:
        """The situation that knows what both versions served, or why nobody does. Raises StoreUnavailableError."""
        rollout = situation.facts.rollout
        if rollout is None or rollout.step_started_at is None:
            return situation
        versions = [version for version in (rollout.version, rollout.champion) if version]
        try:
            return await self._measured(situation, versions, rollout.step_started_at)
        except StoreUnavailableError:
            raise  # nothing can be decided either: the signal stays undecided, and comes again
        except Exception as error:
            log.exception("what was served could not be read for %s", situation.subject)
            return dataclasses.replace(situation, traffic_unknown=f"{type(error).__name__}: {error}")

    async def _measured(self, situation: Situation, versions: Sequence[str], since: datetime) -> Situation:
        rule, production = situation.workload.promotion.rollout, situation.workload.environments.production
        if rule.analysis.source == "windows":
            workspace, endpoint = production.place
            refs = [
                DeploymentRef(workspace=workspace, endpoint=endpoint, deployment=deployment_name(version))
                for version in versions
            ]
            served = await self._aggregator.traffic_since(refs, since, situation.now, rule.chance)
            return dataclasses.replace(situation, traffic=served)
        meter = self._meters.get(rule.analysis.source)
        if meter is None:
            text = f"nobody was asked: this app is not connected to {rule.analysis.source}"
            return dataclasses.replace(situation, traffic_unknown=text)
        names = tuple(deployment_name(version) for version in versions)
        first, last = complete_minutes(since, situation.now, rule.analysis.late_by)
        stretch = Stretch(production, names, max(first, last - STEP_MAX), last, rule.chance)
        return await _elsewhere(situation, meter, stretch)


async def _elsewhere(situation: Situation, meter: TrafficMeter, stretch: Stretch) -> Situation:
    late_by = format_duration(situation.workload.promotion.rollout.analysis.late_by)
    if stretch.since >= stretch.until:
        text = f"{meter.name} is looked at for minutes that ended {late_by} ago, and none of this step has"
        nothing = dict.fromkeys(stretch.deployments, TrafficSample())
        return dataclasses.replace(situation, traffic=nothing, traffic_from=text)
    found = await meter.served(stretch)
    if isinstance(found, Failed):
        log.warning("%s does not say what was served for %s: %s", meter.name, situation.subject, found.reason)
        return dataclasses.replace(situation, traffic_unknown=f"{meter.name}: {found.reason}")
    text = f"by {meter.name}, from {stretch.since:%Y-%m-%d %H:%M} to {stretch.until:%H:%M} UTC (minutes that ended {late_by} ago)"
    return dataclasses.replace(situation, traffic=found, traffic_from=text)


def complete_minutes(since: datetime, now: datetime, late_by: timedelta) -> tuple[datetime, datetime]:
    """The whole minutes after a moment that ended at least so long ago: the beginning of the first, and the end of the last.

    None when the one is not before the other.
    """
    first = since.replace(second=0, microsecond=0)
    first = first if first == since else first + MINUTE
    return first, (now - late_by).replace(second=0, microsecond=0)
