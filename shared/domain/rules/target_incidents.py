"""Incidents about a target: one for each alert and resource, opened, counted, closed, in whatever order they are heard.

Owns their book-keeping. ``occurred_at`` orders what is heard about one incident: a firing that is older than the end that
is known already opens nothing. Knows nothing of alerts or of what is done about an incident.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from shared.domain.facts import Facts, Incident, IncidentKind
from shared.domain.ids import derive
from shared.domain.policy_infrastructure import rank
from shared.domain.situation import Situation
from shared.domain.values import replace

OPEN_MAX = 20  # incidents about targets that are open at once; the oldest is closed as crowded out beyond it
DETAIL_MAX = 300  # characters that the facts keep
NAME_MAX = 500  # characters of an alert, a target and a severity; Azure's names are shorter
Seen = Literal["opened", "repeated", "worse", "late"]
Ended = Literal["closed", "unknown", "late"]


@dataclass(frozen=True, slots=True)
class Sighting:
    """Something that is wrong with a target: which alert says so (in lower case), when it occurred, in which words."""

    kind: IncidentKind
    alert: str
    target: str
    at: datetime
    detail: str = ""
    severity: str = ""


def sight(situation: Situation, facts: Facts, sighting: Sighting) -> tuple[Seen, Incident, Facts]:
    """Open an incident, or count a repeat into the one that is open."""
    known = newest(facts, sighting)
    if known is None or (known.state == "closed" and not _before(sighting.at, known.heard_at)):
        opened = _new(situation, facts, sighting)
        return "opened", opened, _with_room(situation, facts).with_incident(opened)
    if known.state == "closed":
        return "late", known, facts
    worse = rank(sighting.severity) > rank(known.severity) if sighting.severity else False
    counted = replace(
        known,
        repeats=known.repeats + 1,
        heard_at=max(sighting.at, known.heard_at or sighting.at),
        severity=_kept(sighting.severity) if worse else known.severity,
    )
    return "worse" if worse else "repeated", counted, facts.with_incident(counted)


def end(situation: Situation, facts: Facts, sighting: Sighting) -> tuple[Ended, Incident, Facts]:
    """Close the incident as resolved. An end that comes before its beginning is remembered, so that it opens nothing."""
    known = newest(facts, sighting)
    if known and known.state != "closed" and _before(sighting.at, known.heard_at):
        return "late", known, facts
    if known and known.state == "closed" and not _before(known.heard_at, sighting.at):
        return "late", known, facts
    closing = known if known and known.state != "closed" else _new(situation, facts, sighting)
    closed = replace(closing, state="closed", closed_as="resolved", closed_at=situation.now, heard_at=sighting.at)
    return "closed" if closing is known else "unknown", closed, facts.with_incident(closed)


def newest(facts: Facts, sighting: Sighting) -> Incident | None:
    """The incident about the same alert and target that was heard of last."""
    same = (known for known in reversed(facts.incidents) if _is_about(known, sighting))
    found = list(same)
    return next((known for known in found if known.state != "closed"), found[0] if found else None)


def _is_about(known: Incident, sighting: Sighting) -> bool:
    return (known.kind, known.alert, known.target) == (sighting.kind, _kept(sighting.alert), _kept(sighting.target))


def _kept(name: str) -> str:
    """A name as the facts keep it: whoever may send alerts must not fill them, nor make two names one."""
    return name if len(name) <= NAME_MAX else f"{name[:NAME_MAX]}…{derive(name)}"


def _before(one: datetime | None, other: datetime | None) -> bool:
    return one is not None and other is not None and one < other


def _new(situation: Situation, facts: Facts, sighting: Sighting) -> Incident:
    return Incident(
        id=derive(
            "incident", situation.subject, sighting.kind, situation.heard.dedup_key, sighting.alert, sighting.target
        ),
        kind=sighting.kind,
        state="open",
        opened_at=situation.now,
        version=facts.champion,
        detail=sighting.detail[:DETAIL_MAX],
        alert=_kept(sighting.alert),
        target=_kept(sighting.target),
        severity=_kept(sighting.severity),
        heard_at=sighting.at,
    )


def _with_room(situation: Situation, facts: Facts) -> Facts:
    """A storm of alerts must not fill the facts: the oldest incidents make room for the newest."""
    waiting = sorted(
        (known for known in facts.incidents if known.target and known.state == "open"),
        key=lambda known: (known.opened_at, known.id),
    )
    for oldest in waiting[: max(0, len(waiting) - OPEN_MAX + 1)]:
        facts = facts.with_incident(replace(oldest, state="closed", closed_as="crowded_out", closed_at=situation.now))
    return facts
