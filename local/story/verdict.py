"""Whether the story happened: read from the target's own journal and from the ledger, never from what the driver printed.

Owns the list of what must be true at the end, and the checks of the first half. Each names what it wanted and what it saw.
"""

from collections import Counter
from collections.abc import Callable

from local.story import verdict_forms, verdict_incidents, verdict_labels
from local.story.evidence import Check, Evidence, production_traffic
from shared.domain.commands import kind_of

EXPECTED_TRAFFIC = [
    {"version-1": 100},
    {"version-1": 90, "version-2": 10},
    {"version-1": 50, "version-2": 50},
    {"version-2": 100},
    {"version-2": 90, "version-3": 10},
    {"version-2": 100},
    {"version-2": 90, "version-4": 10},
    {"version-2": 50, "version-4": 50},
    {"version-4": 100},
    {"version-2": 100},
]


def judge(evidence: Evidence) -> list[Check]:
    """Every check, in the order of the story."""
    return [check(evidence) for check in CHECKS]


def invariants(evidence: Evidence) -> list[Check]:
    """What must be true at any moment of the story, so that a fault is seen when it happens."""
    return [_decided_once(evidence), _once(evidence), _nothing_lost(evidence)]


def questions(evidence: Evidence) -> list[str]:
    """What a curious person would ask next: why an action was taken, and why one was held."""
    rollbacks = [d for d in evidence.decisions if any(kind_of(c) == "RollBackTraffic" for c in d.commands)]
    held = [decision for decision in evidence.heard("OperatorAsked") if decision.verdict == "hold"]
    lines = [
        f"Why was version {number} rolled back?   .venv/bin/outerloop explain {decision.id}"
        for number, decision in zip(("3", "4"), rollbacks, strict=False)
    ]
    return lines + [
        f"Why was the retraining held?     .venv/bin/outerloop explain {decision.id}" for decision in held[-1:]
    ]


def auc_figures(evidence: Evidence) -> tuple[float, float] | None:
    """Version 2's and version 1's AUC on the same later rows, as the comparison job logged them."""
    incident = evidence.drift_incident
    for job in evidence.jobs:
        if incident and job["name"] == incident.verification and "auc" in job["metrics"]:
            return float(job["metrics"]["auc"]), float(job["metrics"]["auc_champion"])
    return None


def _decided_once(evidence: Evidence) -> Check:
    registered, decided = len(evidence.effects("model_registered")), len(evidence.heard("ModelRegistered"))
    seen = f"{registered} registered, {decided} decisions about them"
    return Check("each registration, delivered twice, was decided on at most once", decided <= registered, seen)


def _registered(evidence: Evidence) -> Check:
    versions = sorted(entry["target"].rsplit("/", 1)[-1] for entry in evidence.effects("model_registered"))
    decided = len(evidence.heard("ModelRegistered"))
    seen = f"{len(versions)} registered, {decided} decisions about them"
    return Check(
        "seven versions were registered by jobs, and each was decided on once", len(versions) == decided == 7, seen
    )


def _staged(evidence: Evidence) -> Check:
    online = [*evidence.facts.versions.values(), *evidence.digits.versions.values()]
    versions = [*online, *evidence.forms.versions.values()]
    checked = [v for v in versions if v.checks and all(check.passed for check in v.checks)]
    seen = "; ".join(f"{v.model} {v.version}: {check.name} {check.detail}" for v in checked for check in v.checks)
    name = "each version passed the evaluation in staging, and those that answer requests the endpoint check"
    return Check(name, len(checked) == 7, seen)


def _asked(evidence: Evidence) -> Check:
    cards = [card for card in evidence.cards if "for production?" in str(card)]
    mails = [mail for mail in evidence.mails if "for production?" in str(mail)]
    seen = f"{len(cards)} cards, {len(mails)} mails"
    return Check("seven approvals were asked for, by card and by mail, each once", len(cards) == len(mails) == 7, seen)


def _answered(evidence: Evidence) -> Check:
    answers = evidence.heard("ApprovalAnswered")
    acted = [answer for answer in answers if answer.verdict == "act"]
    outsiders = [a for a in answers if any(reason.code == "not_in_group" for reason in a.reasons)]
    seen = f"{len(answers)} answers, {len(acted)} decided, {len(outsiders)} from outside the group"
    return Check("each version was approved by people of the group, and by nobody else", len(acted) == 7, seen)


def _traffic(evidence: Evidence) -> Check:
    seen = production_traffic(evidence)
    name = "traffic moved 100; 10, 50, 100; 10 and back; 10, 50, 100 and back by one write; nothing else was written"
    return Check(name, seen == EXPECTED_TRAFFIC, str(seen))


def _drifted(evidence: Evidence) -> Check:
    alike = [known for known in evidence.facts.incidents if known.kind == "data_drift" and known.version == "1"]
    detail = alike[0].detail if alike else "no incident"
    return Check("version 1's drift opened one incident", len(alike) == 1, f"{len(alike)}: {detail}")


def _retrained(evidence: Evidence) -> Check:
    started = [entry["target"].rsplit("/", 1)[-1] for entry in evidence.effects("job_started")]
    training = {entry["detail"]["job"] for entry in evidence.effects("model_registered")}
    incident = evidence.drift_incident
    remedies = started.count(incident.remedy) if incident else 0
    passed = remedies == 1 and len(training) == 7
    return Check(
        "one retraining was started for it, and started once",
        passed,
        f"{remedies} started; trained by {sorted(training)}",
    )


def _deduplicated(evidence: Evidence) -> Check:
    decisions = evidence.heard("MonitorBreached")
    repeats = evidence.drift_incident.repeats if evidence.drift_incident else 0
    suppressed = [decision for decision in decisions if decision.verdict == "suppress"]
    passed = len(decisions) == len(suppressed) == 1 and repeats >= 1
    name = "Azure ML's own drift event, delivered twice, was counted once into the open incident"
    return Check(name, passed, f"{len(decisions)} decisions, {repeats} repeats")


def _helped(evidence: Evidence) -> Check:
    figures, incident = auc_figures(evidence), evidence.drift_incident
    closed = incident.closed_as if incident else "no incident"
    better = bool(figures and figures[0] > figures[1])
    seen = f"closed as {closed}; AUC of version 2 and 1: {figures}"
    return Check(
        "the incident closed as helped, because version 2 is better on later rows", better and closed == "helped", seen
    )


def _caught(evidence: Evidence) -> Check:
    states = {version.version: version.state for version in evidence.facts.versions.values()}
    wanted = {"1": "standby", "2": "serving", "3": "rolled_back", "4": "rolled_back"}
    told = [card for card in evidence.cards if "version 3 was rolled back" in str(card)]
    passed = states == wanted and len(told) == 1
    return Check("version 3 was rolled back, and people were told why, once", passed, f"{states}, {len(told)} cards")


def _held(evidence: Evidence) -> Check:
    held = [d for d in evidence.heard("OperatorAsked") if d.verdict == "hold"]
    seen = "; ".join(reason.text for decision in held for reason in decision.reasons)
    return Check(
        "a retraining asked for too soon was held by the cooldown", "cooldown" in seen, seen or "nothing was held"
    )


def _once(evidence: Evidence) -> Check:
    repeated = evidence.effects("repeated")
    jobs = Counter(entry["target"] for entry in evidence.effects("job_started"))
    doubled = [target for target, times in jobs.items() if times > 1]
    seen = f"{len(repeated)} repeated effects, jobs started twice: {doubled}"
    return Check("everything was delivered twice, and nothing was done twice", not repeated and not doubled, seen)


def _nothing_lost(evidence: Evidence) -> Check:
    seen = f"{len(evidence.dropped)} events dropped, {evidence.rejected} deliveries rejected"
    return Check("nothing was dropped or rejected", not evidence.dropped and not evidence.rejected, seen)


CHECKS: tuple[Callable[[Evidence], Check], ...] = (
    _registered,
    _staged,
    _asked,
    _answered,
    _traffic,
    _drifted,
    _retrained,
    _deduplicated,
    _helped,
    _caught,
    _held,
    *verdict_labels.CHECKS,
    *verdict_incidents.CHECKS,
    *verdict_forms.CHECKS,
    _once,
    _nothing_lost,
)
