"""A champion that says nothing any more: an endpoint without traffic, or a collector that broke. Told once, until it speaks.

Owns these rulings. Of a collector that broke alone, requests are still logged: its rows are silent, and that is an incident beside
that of everything. Order of arrival does not matter: a silence that is known to have ended opens nothing. How a rollout judges a
version without data is ``rollout``'s: there it counts as no data, and is held.
"""

from datetime import timedelta
from typing import Final

from shared.domain.commands import Notify
from shared.domain.decisions import Reason
from shared.domain.durations import format_duration
from shared.domain.facts import Incident
from shared.domain.policy_absence import TelemetryAbsent
from shared.domain.rules.target_incidents import Sighting, end, sight
from shared.domain.situation import Ruling, Situation, because, ignore
from shared.domain.telemetry_signals import TelemetryFellSilent, TelemetryResumed

RULE: Final = "telemetry_absent"
LOOK_AGAIN = timedelta(hours=1)  # while a rollout has all of the traffic
ROWS_ALERT: Final = f"{RULE} of rows"
LOOK_AT = {
    "everything": "the traffic of the endpoint, its diagnostic settings and the data collector of its deployment",
    "on kubernetes": "the traffic of the endpoint, the cluster, and whether the scoring script tells of each request and sends "
    "its rows (outerloop-emitter)",
    "rows": "the data collector of the deployment: whether it is on, whether its logging fails (console log), and the Event Hub "
    "or the storage events that its rows come by",
}
CLOSES = {
    "everything": "when it speaks again, or when a newer version serves",
    "rows": "when its rows come again, or when a newer version serves",
}
AN_INSTANT = timedelta(microseconds=1)  # whoever speaks again has spoken after the silence began


def on_silent(situation: Situation, signal: TelemetryFellSilent) -> Ruling:
    """Tell that the champion is silent, unless a rollout has taken its traffic."""
    rule, facts = situation.workload.absence_rule, situation.facts
    silent = _silence(signal)
    if rule is None:
        return ignore(situation, RULE, silent, because("no_rule", "the policy minds no silence (any more)"))
    champion = facts.versions.get(facts.champion)
    if champion is None or champion.deployment != signal.deployment:
        return ignore(situation, RULE, silent, because("not_serving", "it does not serve (any more)"))
    if facts.rollout and facts.rollout.percent >= 100:
        text = f"version {facts.rollout.version} has all of the traffic while its rollout lasts"
        whose = f"the rows of {signal.deployment}" if signal.silent == "rows" else signal.deployment
        hold, facts = situation.wait(f"silence of {whose}", situation.now + LOOK_AGAIN, facts)
        return Ruling("hold", RULE, (silent, because("rollout_under_way", text)), facts, holds=(hold,))
    return _open(situation, signal, rule, silent)


def _open(situation: Situation, signal: TelemetryFellSilent, rule: TelemetryAbsent, silent: Reason) -> Ruling:
    sighting = Sighting(RULE, _alert(signal), _target(signal), signal.last_heard_at, silent.text)
    seen, incident, facts = sight(situation, situation.facts, sighting)
    if seen == "late":
        return Ruling("suppress", RULE, (silent, because("already_resumed", "it has spoken again since")), facts)
    if seen != "opened":
        counted = because("incident_open", f"incident {incident.id} is open: this is counted, not told again")
        return Ruling("suppress", RULE, (silent, counted), facts)
    on_kubernetes = situation.workload.environments.production.on_kubernetes and signal.silent == "everything"
    shown = {
        "silent": silent.text,
        "allowed": f"{format_duration(rule.silent_for)} of silence",
        "version": situation.facts.champion,
        "endpoint": f"{signal.endpoint} in {signal.workspace}",
        "look at": LOOK_AT["on kubernetes" if on_kubernetes else signal.silent],
        "closes": CLOSES[signal.silent],
        "incident": incident.id,
    }
    missing = "no rows" if signal.silent == "rows" else "no telemetry"
    title = f"{situation.workload.name}: {missing} from {signal.deployment}"
    told = situation.tell(rule.to or situation.workload.owner, title, shown)
    opened = because("incident_opened", f"incident {incident.id} is opened for {signal.deployment}")
    return Ruling("act", RULE, (silent, opened), facts, commands=(told,))


def on_resumed(situation: Situation, signal: TelemetryResumed) -> Ruling:
    """It speaks again: close the incident, and tell those who heard of it."""
    again = "sends rows" if signal.silent == "rows" else "speaks"
    resumed = because("resumed", f"{signal.deployment} {again} again after {_since(signal)} of silence")
    sighting = Sighting(RULE, _alert(signal), _target(signal), signal.silent_since + AN_INSTANT)
    ended, incident, facts = end(situation, situation.facts, sighting)
    if ended != "closed":
        text = "no incident was open for it; that it speaks is remembered"
        return Ruling("suppress", RULE, (resumed, because("not_open", text)), facts)
    closed = because("resolved", f"incident {incident.id} is closed as resolved")
    return Ruling("act", RULE, (resumed, closed), facts, commands=(_tell_of_end(situation, resumed, incident),))


def _tell_of_end(situation: Situation, resumed: Reason, incident: Incident) -> Notify:
    rule = situation.workload.absence_rule
    shown = {"resumed": resumed.text, "was": incident.detail}
    title = f"{situation.workload.name}: {'the rows are' if incident.alert == ROWS_ALERT else 'telemetry is'} back"
    return situation.tell((rule.to if rule else "") or situation.workload.owner, title, shown)


def _silence(signal: TelemetryFellSilent) -> Reason:
    name, since = signal.deployment, f"{signal.last_heard_at:%Y-%m-%d %H:%M} UTC"
    if signal.silent == "rows":
        return because("rows_silent", f"requests to {name} are logged, its rows are not: none since {since}")
    return because("silent", f"{name} has said nothing since {since}")


def _alert(signal: TelemetryFellSilent | TelemetryResumed) -> str:
    return ROWS_ALERT if signal.silent == "rows" else RULE


def _target(signal: TelemetryFellSilent | TelemetryResumed) -> str:
    return f"{signal.workspace}/onlineendpoints/{signal.endpoint}/deployments/{signal.deployment}"


def _since(signal: TelemetryResumed) -> str:
    silent = max(signal.occurred_at - signal.silent_since, timedelta())
    return format_duration(timedelta(seconds=round(silent.total_seconds())))
