"""What a look at the production endpoint means: who is gone, who has failed, whose traffic it is; and that all is well again.

Owns these rulings. A change by hand is told once, is never undone, and stops the steps of a rollout until it is gone. Knows nothing
of how Azure is asked, nor of how often.
"""

import dataclasses

from shared.domain.az_commands import read_logs, set_traffic
from shared.domain.decisions import Hold, Reason, Verdict
from shared.domain.differences import (
    TRAFFIC,
    Difference,
    changed_by_hand,
    deployed_as,
    differences,
    expected_traffic,
    settled_at,
)
from shared.domain.effects import AnyCommand
from shared.domain.facts import Facts, Incident
from shared.domain.platform_signals import EndpointObserved
from shared.domain.rules import ending
from shared.domain.rules.deleted import on_gone
from shared.domain.rules.hand_incidents import DELETED, FAILED, adopted, opened, target_of, traffic_alert
from shared.domain.rules.met_by_hand import taken_back
from shared.domain.situation import Ruling, Situation, because, ignore
from shared.domain.values import replace

RULE = "by_hand"


def on_observed(situation: Situation, signal: EndpointObserved) -> Ruling:
    """Compare what was seen with what is known now, and say what differs."""
    settled = settled_at(situation.facts)
    if settled is None or signal.occurred_at <= settled:
        return ignore(situation, RULE, because("settling", "a write of ours may be newer than this look"))
    found = differences(situation.facts, signal.seen)
    gone = tuple(one for one in found if one.kind == "gone")
    if gone:
        return on_gone(situation, signal, gone)
    if over := _rollout_is_over(situation, signal, found):
        return over
    return _noted(situation, signal, found)


def _rollout_is_over(situation: Situation, signal: EndpointObserved, found: tuple[Difference, ...]) -> Ruling | None:
    """A candidate that failed goes back by our own write; one that a person took back already needs none."""
    current, champion = situation.facts.rollout, situation.facts.versions.get(situation.facts.champion)
    if current is None or not current.percent:
        return None
    if champion and signal.seen.traffic == {deployed_as(champion): 100} and current.percent < 100:
        return taken_back(situation, "; ".join(one.text for one in found))
    failed = next((one for one in found if one.role == "candidate"), None)
    if failed and all(one.kind != "traffic" for one in found):
        return ending.go_back(situation, because("deployment_failed", failed.text))
    return None


@dataclasses.dataclass(slots=True)
class _Notes:
    """What one look adds to the facts, and whom it is news to."""

    facts: Facts
    reasons: tuple[Reason, ...] = ()
    news: tuple[Difference, ...] = ()
    holds: tuple[Hold, ...] = ()
    well_again: tuple[Incident, ...] = ()


def _noted(situation: Situation, signal: EndpointObserved, found: tuple[Difference, ...]) -> Ruling:
    target = target_of(situation.workload.environments.production)
    traffic = any(one.kind == "traffic" for one in found)
    notes = _Notes(adopted(situation.facts, target, signal.seen) if traffic else situation.facts)
    _close(situation, signal, found, notes)
    for one in found:
        _open(situation, signal, one, notes)
    if not notes.reasons:
        return ignore(situation, RULE, because("as_known", "production is as we know it"))
    commands = (*_tell_news(situation, signal, notes), *_tell_end(situation, notes))
    called = traffic and notes.news and situation.facts.rollout
    verdict: Verdict = "escalate" if called else "act" if notes.facts != situation.facts or commands else "suppress"
    return Ruling(verdict, RULE, notes.reasons, notes.facts, commands=commands, holds=notes.holds)


def _alert_and_target(situation: Situation, signal: EndpointObserved, one: Difference) -> tuple[str, str]:
    production = situation.workload.environments.production
    alert = traffic_alert(signal.seen) if one.kind == "traffic" else FAILED
    return alert, target_of(production, one.deployment)


def _close(situation: Situation, signal: EndpointObserved, found: tuple[Difference, ...], notes: _Notes) -> None:
    """End what is seen no more. A champion that is gone stays an incident until another serves."""
    wrong = {_alert_and_target(situation, signal, one) for one in found}
    other_traffic = any(one.kind == "traffic" for one in found)
    for known in changed_by_hand(notes.facts):
        if (known.alert, known.target) in wrong or (known.alert == DELETED and not notes.facts.champion):
            continue
        changed_again = known.alert.startswith(TRAFFIC) and other_traffic
        closed_as = "overtaken" if changed_again else "recovered"
        ended = replace(
            known, state="closed", closed_as=closed_as, closed_at=situation.now, heard_at=signal.occurred_at
        )
        notes.facts = notes.facts.with_incident(ended)
        if changed_again:
            continue
        notes.reasons += (because("recovered", f"incident {known.id} is over: production is as we know it"),)
        if known.alert == FAILED or known.alert.startswith(TRAFFIC):
            notes.well_again += (known,)


def _open(situation: Situation, signal: EndpointObserved, one: Difference, notes: _Notes) -> None:
    alert, target = _alert_and_target(situation, signal, one)
    seen, incident, facts, holds = opened(situation, notes.facts, alert, target, signal.occurred_at, one.text)
    notes.facts, notes.holds = facts, (*notes.holds, *holds)
    notes.reasons += (because("changed_by_hand" if one.kind == "traffic" else "deployment_failed", one.text),)
    if seen == "opened":
        notes.news += (one,)
        return
    text = f"incident {incident.id} is open: this is counted, not told again"
    notes.reasons += (because("incident_open", text, observed=incident.repeats),)


def _tell_news(situation: Situation, signal: EndpointObserved, notes: _Notes) -> tuple[AnyCommand, ...]:
    if not notes.news:
        return ()
    shown = {
        "what": "; ".join(one.text for one in notes.news),
        "what is done": _done(situation, notes),
        "do this now": " or ".join(_advice(situation, one) for one in notes.news),
        "we know": f"champion {notes.facts.champion or 'none'}, standby {notes.facts.standby or 'none'}",
        "seen": f"{signal.occurred_at:%Y-%m-%d %H:%M:%S} UTC",
        "closes": "when production is seen as we know it",
    }
    return (situation.tell(situation.workload.owner, f"{situation.workload.name}: {_title(notes.news)}", shown),)


def _title(news: tuple[Difference, ...]) -> str:
    if any(one.kind == "traffic" for one in news):
        return "production traffic is not as we left it"
    return " and ".join(f"its {one.role} has failed" for one in news)


def _done(situation: Situation, notes: _Notes) -> str:
    if any(one.kind == "traffic" for one in notes.news) and situation.facts.rollout:
        return f"the rollout of version {situation.facts.rollout.version} stands still; nothing is written"
    return "nothing: what others changed is never undone"


def _advice(situation: Situation, one: Difference) -> str:
    production = situation.workload.environments.production
    if one.kind == "failed":
        return f"look at its log: {read_logs(production, one.deployment)}"
    back = set_traffic(production, expected_traffic(situation.facts) or {})
    asked = f", or give the rollout up: outerloop ask rollback {situation.workload.name}"
    return f"put it back: {back}{asked if situation.facts.rollout else ''}"


def _tell_end(situation: Situation, notes: _Notes) -> tuple[AnyCommand, ...]:
    if not notes.well_again:
        return ()
    shown = {"was": "; ".join(known.detail for known in notes.well_again), "is": "as we know it again"}
    title = f"{situation.workload.name}: production is as we know it again"
    return (situation.tell(situation.workload.owner, title, shown, ordinal=1),)
