"""What is done when the reason for a retraining comes again while its incident is open: counted, not acted on.

Owns telling a repeat from the signal that waited, and when an incident has become pointless. Knows no trigger.
"""

from shared.domain.decisions import Reason
from shared.domain.facts import Facts, Incident
from shared.domain.signals import HoldElapsed
from shared.domain.situation import Ruling, Situation, because
from shared.domain.values import replace

RELIEVED = ("infrastructure", "compute_idle")  # whose remedies are no retrainings


def may_act(situation: Situation, incident: Incident) -> bool:
    """Whether an incident's remedy may be ordered: this is the signal that waited for it, or none waits (any more)."""
    waits = any(held.about == f"incident {incident.id}" for held in situation.facts.held.values())
    return incident.state == "open" and (retrying(situation) or not waits)


def retrying(situation: Situation) -> bool:
    """Whether the signal was heard before, and its wait is over."""
    return isinstance(situation.signal, HoldElapsed)


def count(rule: str, facts: Facts, incident: Incident, why: tuple[Reason, ...]) -> Ruling:
    """The incident with one repeat more."""
    counted = facts.with_incident(replace(incident, repeats=incident.repeats + 1))
    known = because("incident_open", f"incident {incident.id} is {incident.state}: this is counted, not acted on")
    return Ruling("suppress", rule, (*why, known), counted)


def overtake(situation: Situation, rule: str, incident: Incident, text: str) -> Ruling:
    """Close an incident that waited for a retraining which is no longer needed."""
    closed = replace(incident, state="closed", closed_as="overtaken", closed_at=situation.now)
    facts = situation.facts.with_incident(closed)
    return Ruling("suppress", rule, (because("overtaken", f"incident {incident.id} is closed: {text}"),), facts)


def under_way(facts: Facts) -> Incident | None:
    """The incident that a retraining is mending right now, if any."""
    mended = (known for known in facts.incidents if known.state == "remedying" and known.kind not in RELIEVED)
    return next(mended, None)
