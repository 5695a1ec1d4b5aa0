"""Was it the version that changed last? What an alert may be blamed on, and what a person is told of the last change.

Owns that judgement: a version is blamed when the alert is about what it serves in production, did not fire before the version
took traffic, and came while it was taking over, or within ``attribute_within`` of that and with a warm standby to go back to.
Knows nothing of incidents, or of how traffic goes back (``rollout``).
"""

from collections.abc import Iterable
from datetime import datetime

from shared.domain.durations import format_duration
from shared.domain.facts import Version
from shared.domain.policy_infrastructure import InfrastructureAlert
from shared.domain.references import deployment_name
from shared.domain.situation import Situation


def blame(situation: Situation, rule: InfrastructureAlert, at: datetime, targets: Iterable[str]) -> tuple[bool, str]:
    """Whether the version that changed last is to go because of an alert that fired ``at``, and why (not)."""
    rollout, champion = situation.facts.rollout, situation.facts.champion
    version = situation.facts.versions.get(rollout.version if rollout else champion)
    if rule.relieves:
        return False, "its remedy answers alerts, and no change of health"
    if rule.then == "notify":
        return False, "the policy says notify"
    if version is None:
        return False, "no version of ours serves"
    if not any(_is_served_by(situation, version, target) for target in targets):
        return False, f"it is not about what version {version.version} serves in production"
    if rollout and not rollout.percent:
        return False, f"version {version.version} takes no traffic yet"
    if rollout:
        began_before = at < version.since
        text = f"version {version.version} is taking over since {version.since:%Y-%m-%d %H:%M:%S} UTC"
        return not began_before, f"the alert fired before {text}" if began_before else text
    return _blame_champion(situation, rule, at, version)


def _blame_champion(
    situation: Situation, rule: InfrastructureAlert, at: datetime, champion: Version
) -> tuple[bool, str]:
    within = rule.attribute_within
    text = f"version {champion.version} took over at {champion.since:%Y-%m-%d %H:%M:%S} UTC"
    if situation.now > champion.since + within or at < champion.since - within:
        return False, f"{text}, which is not within {format_duration(within)}"
    if _warm_standby(situation) is None:
        return False, f"{text}, and no warm standby is there to go back to"
    return True, f"{text}, which is within {format_duration(within)}"


def is_about_champion(situation: Situation, target: str) -> bool:
    """Whether a target is the production endpoint, or the deployment on it that serves; the workspace as a whole is more."""
    champion = situation.facts.versions.get(situation.facts.champion)
    workspace = situation.workload.environments.production.workspace.lower()
    return champion is not None and target != workspace and _is_served_by(situation, champion, target)


def _warm_standby(situation: Situation) -> Version | None:
    """The version that takes over again by one write, while it is kept warm."""
    standby, until = situation.facts.versions.get(situation.facts.standby), situation.facts.standby_until
    warm = until is not None and situation.now < until
    return standby if standby and standby.state == "standby" and warm else None


def _is_served_by(situation: Situation, version: Version, target: str) -> bool:
    """Whether a target is the production workspace, its endpoint, or the version's own deployment there."""
    production = situation.workload.environments.production
    workspace = production.workspace.lower()
    place = target.removeprefix(workspace).strip("/").split("/") if target.startswith(workspace) else ["elsewhere"]
    if place == [""]:
        return True
    if len(place) < 2 or not place[0].endswith("endpoints") or place[1] != production.endpoint.lower():
        return False
    deployment = version.deployment or deployment_name(version.version)
    return len(place) < 4 or place[3] == deployment.lower()


def what_changed_last(situation: Situation) -> str:
    """The rollout under way, else the version that began serving last, and when."""
    rollout, champion = situation.facts.rollout, situation.facts.versions.get(situation.facts.champion)
    if rollout:
        since = situation.facts.versions[rollout.version].since
        over = f", in the place of version {rollout.champion}" if rollout.champion else ""
        return (
            f"version {rollout.version} is taking over{over}: {rollout.percent} %, since {since:%Y-%m-%d %H:%M:%S} UTC"
        )
    if champion is None:
        return "nothing: no version of ours serves"
    return f"version {champion.version} began serving at {champion.since:%Y-%m-%d %H:%M:%S} UTC"
