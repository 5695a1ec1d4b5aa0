"""The life of a model version, as one table.

Everything that moves a version from one state to another stands here; the diagram in the docs is generated from it.
This module does not know why something happened, what time it is, or what is done about it. An illegal move raises
and changes nothing.
"""

from typing import Literal

VersionState = Literal[
    "registered",
    "staging",
    "testing",
    "awaiting_approval",
    "deploying",
    "probing",
    "rolling_out",
    "serving",
    "standby",
    "retired",
    "rejected",
    "rolled_back",
]

VersionEvent = Literal[
    "promotion_started",
    "staging_deployed",
    "staging_failed",
    "checks_passed",
    "checks_failed",
    "approved",
    "approval_refused",
    "approval_expired",
    "deployed",
    "deployment_failed",
    "probe_passed",
    "probe_failed",
    "rollout_completed",
    "rollout_failed",
    "replaced",
    "restored",
    "standby_ended",
    "superseded",
]

TRANSITIONS: dict[tuple[VersionState, VersionEvent], VersionState] = {
    ("registered", "promotion_started"): "staging",
    ("registered", "superseded"): "retired",
    ("registered", "approval_refused"): "rejected",
    ("registered", "approval_expired"): "rejected",
    ("staging", "staging_deployed"): "testing",
    ("staging", "staging_failed"): "rejected",
    ("staging", "superseded"): "retired",
    ("testing", "checks_passed"): "awaiting_approval",
    ("testing", "checks_failed"): "rejected",
    ("testing", "superseded"): "retired",
    ("awaiting_approval", "approved"): "deploying",
    ("awaiting_approval", "approval_refused"): "rejected",
    ("awaiting_approval", "approval_expired"): "rejected",
    ("awaiting_approval", "superseded"): "retired",
    ("deploying", "deployed"): "probing",
    ("deploying", "deployment_failed"): "rejected",
    ("probing", "probe_passed"): "rolling_out",
    ("probing", "probe_failed"): "rejected",
    ("rolling_out", "rollout_completed"): "serving",
    ("rolling_out", "rollout_failed"): "rolled_back",
    ("rolling_out", "superseded"): "retired",
    ("serving", "replaced"): "standby",
    ("serving", "rollout_failed"): "rolled_back",
    ("standby", "restored"): "serving",
    ("standby", "standby_ended"): "retired",
}

IN_PROMOTION: frozenset[VersionState] = frozenset(
    {"staging", "testing", "awaiting_approval", "deploying", "probing", "rolling_out"}
)
ENDED: frozenset[VersionState] = frozenset({"retired", "rejected", "rolled_back"})


class IllegalMoveError(ValueError):
    """A version cannot make this move from the state that it is in."""


def move(state: VersionState, event: VersionEvent) -> VersionState:
    """The state after an event. Raises IllegalMoveError when the table does not hold the pair."""
    try:
        return TRANSITIONS[state, event]
    except KeyError:
        possible = sorted(known for (origin, known) in TRANSITIONS if origin == state)
        raise IllegalMoveError(
            f"a version that is {state} cannot take {event}; possible: {possible or 'nothing'}"
        ) from None


def diagram() -> str:
    """The table as a Mermaid state diagram, for the documentation."""
    moves = [f"    {origin} --> {target}: {event}" for (origin, event), target in TRANSITIONS.items()]
    ends = [f"    {state} --> [*]" for state in sorted(ENDED)]
    return "\n".join(["stateDiagram-v2", "    [*] --> registered", *moves, *ends, ""])
