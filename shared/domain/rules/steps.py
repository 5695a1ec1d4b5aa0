"""The orders of a rollout's steps: how much traffic, and when it is looked at again.

Owns those orders. When they are due is ``rollout``'s to say.
"""

from shared.domain.commands import SetTraffic
from shared.domain.decisions import Hold, Reason
from shared.domain.differences import expected_traffic
from shared.domain.facts import Facts, Rollout
from shared.domain.references import deployment_name
from shared.domain.rules.ending import complete
from shared.domain.situation import Ruling, Situation
from shared.domain.values import replace

RULE = "rollout"


def begin(situation: Situation, facts: Facts, rollout: Rollout, *reasons: Reason) -> Ruling:
    """Order what a rollout begins with: the shadow step if the policy has one, else the first share of traffic."""
    mirror = situation.workload.promotion.rollout.mirror
    if mirror and rollout.champion:
        return set_traffic(situation, facts, rollout, 0, *reasons, mirror=mirror)
    return set_traffic(situation, facts, rollout, _first_step(situation, rollout.champion), *reasons)


def _first_step(situation: Situation, champion: str) -> int:
    return situation.workload.promotion.rollout.steps[0] if champion else 100


def wait(situation: Situation, facts: Facts, rollout: Rollout, *reasons: Reason) -> Ruling:
    """Leave the traffic as it is and look again after another bake; no verdict is counted."""
    waiting = replace(rollout, looks=rollout.looks + 1, waits=True)
    return Ruling("hold", RULE, reasons, replace(facts, rollout=waiting), holds=(_after_bake(situation, waiting),))


def traffic_for(rollout: Rollout, percent: int) -> dict[str, int]:
    """The endpoint's whole traffic map when the new version takes so many percent."""
    shares = {deployment_name(rollout.version): percent}
    if rollout.champion:
        shares[deployment_name(rollout.champion)] = 100 - percent
    return shares


def set_traffic(
    situation: Situation, facts: Facts, rollout: Rollout, percent: int, *reasons: Reason, mirror: int = 0
) -> Ruling:
    """Order a share of traffic for the version; it bakes from the moment that it is in force, and all counts begin anew.

    The step that is in force until then is kept, to be gone on with should the write not come about.
    """
    production = situation.workload.environments.production
    left = expected_traffic(replace(facts, rollout=rollout))
    shadow = f", and a copy of {mirror} % of the requests" if mirror else ""
    command = situation.order(
        SetTraffic,
        production.endpoint,
        f"version {rollout.version} takes {percent} %{shadow}",
        workspace=production.workspace,
        endpoint=production.endpoint,
        endpoint_kind=production.kind,
        traffic=traffic_for(rollout, percent),
        mirror={deployment_name(rollout.version): mirror} if mirror else {},
        expected=(left,) if left else (),
    )
    pending = Rollout(
        version=rollout.version,
        champion=rollout.champion,
        step=rollout.step + (rollout.step_started_at is not None),
        percent=percent,
        mirror=mirror,
        pending=command.id,
        before=replace(rollout, pending="", before=None),
    )
    return Ruling("act", RULE, reasons, replace(facts, rollout=pending), commands=(command,))


def share_of(rollout: Rollout) -> str:
    """What a step gives to the version, in words."""
    return f"a copy of {rollout.mirror} %" if rollout.mirror else f"{rollout.percent} %"


def advance(situation: Situation, rollout: Rollout, *reasons: Reason) -> Ruling:
    """The next step; after the last one the version serves everything."""
    steps = situation.workload.promotion.rollout.steps  # these may be others than when the rollout began
    percent = next((step for step in steps if step > rollout.percent), None)
    if percent is None:
        return complete(situation, rollout, *reasons)
    return set_traffic(situation, situation.facts, rollout, percent, *reasons)


def not_taken(situation: Situation, rollout: Rollout, *reasons: Reason) -> Ruling:
    """The write that a step waited for did not come about: the step before goes on as it was, and is watched."""
    before = rollout.before or Rollout(version=rollout.version, champion=rollout.champion)
    return wait(situation, situation.facts, before, *reasons)


def look_again(situation: Situation, rollout: Rollout) -> Hold:
    """The next look at a step: when its bake is over, or earlier, so that a failure goes back early."""
    rule = situation.workload.promotion.rollout
    soon = situation.now + rule.look_interval
    due = min(soon, rollout.baked_at) if rollout.baked_at and rollout.baked_at > situation.now else soon
    return situation.wake("bake", rollout.look, due)


def _after_bake(situation: Situation, rollout: Rollout) -> Hold:
    return situation.wake("bake", rollout.look, situation.now + situation.workload.promotion.rollout.bake)
