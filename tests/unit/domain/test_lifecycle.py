import re
from itertools import product
from pathlib import Path
from typing import get_args

import pytest

from shared.domain.lifecycle import (
    ENDED,
    IN_PROMOTION,
    TRANSITIONS,
    IllegalMoveError,
    VersionEvent,
    VersionState,
    diagram,
    move,
)
from tests.unit.domain.builders import NOW, after, version

PAGE = Path(__file__).parents[3] / "docs" / "lifecycle.md"
STATES, EVENTS = get_args(VersionState), get_args(VersionEvent)
LEGAL = [
    ("registered", "promotion_started", "staging"),
    ("registered", "superseded", "retired"),
    ("registered", "approval_refused", "rejected"),
    ("registered", "approval_expired", "rejected"),
    ("staging", "staging_deployed", "testing"),
    ("staging", "staging_failed", "rejected"),
    ("staging", "superseded", "retired"),
    ("testing", "checks_passed", "awaiting_approval"),
    ("testing", "checks_failed", "rejected"),
    ("testing", "superseded", "retired"),
    ("awaiting_approval", "approved", "deploying"),
    ("awaiting_approval", "approval_refused", "rejected"),
    ("awaiting_approval", "approval_expired", "rejected"),
    ("awaiting_approval", "superseded", "retired"),
    ("deploying", "deployed", "probing"),
    ("deploying", "deployment_failed", "rejected"),
    ("probing", "probe_passed", "rolling_out"),
    ("probing", "probe_failed", "rejected"),
    ("rolling_out", "rollout_completed", "serving"),
    ("rolling_out", "rollout_failed", "rolled_back"),
    ("rolling_out", "superseded", "retired"),
    ("serving", "replaced", "standby"),
    ("serving", "rollout_failed", "rolled_back"),
    ("standby", "restored", "serving"),
    ("standby", "standby_ended", "retired"),
]
ILLEGAL = sorted(set(product(STATES, EVENTS)) - {(state, event) for state, event, _ in LEGAL})


@pytest.mark.parametrize(("state", "event", "target"), LEGAL)
def test_every_row_of_the_table_moves(state, event, target):
    assert move(state, event) == target


def test_these_are_all_the_rows():
    assert {(state, event): target for state, event, target in LEGAL} == TRANSITIONS


@pytest.mark.parametrize(("state", "event"), ILLEGAL)
def test_any_other_move_raises_and_names_what_is_possible(state, event):
    possible = sorted(known for origin, known, _ in LEGAL if origin == state)
    with pytest.raises(IllegalMoveError, match=re.escape(str(possible or "nothing"))):
        move(state, event)


def test_an_illegal_move_changes_nothing():
    retired = version("1", "retired")
    with pytest.raises(IllegalMoveError):
        retired.after("restored", after("1h"))
    assert retired == version("1", "retired")


def test_a_move_remembers_since_when():
    moved = version("1", "standby").after("restored", after("1h"))
    assert (moved.state, moved.since) == ("serving", after("1h"))
    assert version("1", "standby").since == NOW


def test_every_state_can_be_reached_and_only_ended_ones_are_final():
    reached = {"registered"} | set(TRANSITIONS.values())
    left = {state for state, _ in TRANSITIONS}
    assert reached == set(STATES)
    assert set(STATES) - left == ENDED


def test_every_event_occurs():
    assert {event for _, event in TRANSITIONS} == set(EVENTS)


def test_a_version_in_promotion_can_end_without_ever_serving():
    for state in IN_PROMOTION:
        assert any(origin == state and target in ENDED for (origin, _), target in TRANSITIONS.items())


def test_traffic_is_only_ever_taken_after_a_yes_and_a_probe():
    ways_in = {state for (state, _), target in TRANSITIONS.items() if target == "rolling_out"}
    assert ways_in == {"probing"}
    assert {state for (state, _), target in TRANSITIONS.items() if target == "deploying"} == {"awaiting_approval"}


@pytest.mark.parametrize(("state", "event", "target"), LEGAL)
def test_the_diagram_lists_every_transition(state, event, target):
    assert f"    {state} --> {target}: {event}\n" in diagram()


def test_the_documentation_holds_the_diagram_of_this_table():
    (drawn,) = re.findall(r"```mermaid\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert drawn == diagram(), "docs/lifecycle.md is out of step: paste shared.domain.lifecycle.diagram() into it"


def test_the_documentation_explains_every_state():
    page = PAGE.read_text(encoding="utf-8")
    assert [state for state in STATES if f"| `{state}` |" not in page] == []
