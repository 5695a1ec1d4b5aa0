"""Events of Azure Policy: what a resource is judged to be.

Owns the states of compliance. Knows nothing of envelopes or of what a judgement blocks.
Wire format: Microsoft Learn, Azure Policy as an Event Grid source.

A deleted state counts as compliant: the assignment, or the resource, is gone, and a judgement that no longer stands
must not hold anything back. ``change`` tells it from a state that is compliant on its own merits.
"""

from typing import Literal

from shared.domain import ids
from shared.domain.platform_signals import ComplianceChanged
from shared.domain.signals import Signal
from shared.parsing.envelopes import Envelope
from shared.parsing.fields import FieldError, shown

# Azure Policy's compliance states; an exempt resource is one that somebody decided not to judge.
COMPLIANT_BY_STATE = {
    "compliant": True,
    "exempt": True,
    "noncompliant": False,
    "conflict": False,
    "conflicting": False,
    "error": False,
}
UNDECIDED_STATES = frozenset({"unknown", "notstarted", "notregistered", "protected"})  # no judgement (yet)


def state_created(event: Envelope) -> tuple[Signal, ...]:
    """A resource was judged for the first time."""
    return (_changed(event, "created"),)


def state_changed(event: Envelope) -> tuple[Signal, ...]:
    """A resource was judged anew."""
    return (_changed(event, "changed"),)


def state_deleted(event: Envelope) -> tuple[Signal, ...]:
    """A judgement no longer stands, whatever it was."""
    return (_changed(event, "deleted"),)


def is_compliant(state: str) -> bool:
    """Whether a state, in any spelling, is compliant. Raises FieldError, ``not_actionable`` when it is no judgement."""
    letters = "".join(character for character in state.lower() if character.isalpha())
    if letters in UNDECIDED_STATES:
        raise FieldError("not_actionable", f"data.complianceState is {shown(state)}: that is no judgement")
    if letters not in COMPLIANT_BY_STATE:
        allowed = "Compliant, NonCompliant, Exempt, Conflict or Error"
        raise FieldError("malformed_field", f"data.complianceState is {shown(state)}: expected {allowed}")
    return COMPLIANT_BY_STATE[letters]


def _changed(event: Envelope, change: Literal["created", "changed", "deleted"]) -> ComplianceChanged:
    data = event.fields
    if not event.subject:
        raise FieldError(
            "missing_field", "subject is missing or empty: expected the id of the resource that was judged"
        )
    judged_at = data.time("timestamp")
    compliant = change == "deleted" or is_compliant(data.text("complianceState"))
    # The event's id is a hash that is not documented to differ from state to state: the moment and the change join it.
    key = ids.derive("compliance", event.dedup_key, change, judged_at.isoformat())
    return ComplianceChanged(
        **event.heard | {"dedup_key": key, "occurred_at": judged_at},
        resource_id=event.subject.rstrip("/").lower(),
        compliant=compliant,
        assignment_id=data.arm_id("policyAssignmentId"),
        definition_id=data.optional_text("policyDefinitionId").rstrip("/").lower(),
        change=change,
        reason_code=data.optional_text("complianceReasonCode"),
    )
