"""Nobody calls an endpoint any more."""

import pytest

from tests.scenarios.timeline import Timeline
from tests.unit.domain.builders import after, fell_idle, idling, serving, used


@pytest.mark.rule("idle")
def test_an_endpoint_that_nobody_calls_is_proposed_for_retirement_and_never_deleted():
    story = Timeline(idling("14d"), serving("1")).at("14d").push(fell_idle()).expect(incidents=["open"])
    assert [notice.title for notice in story.commands()] == ["flight-delay: nobody calls its endpoint; retire it?"]
    story.at("20d").push(used(occurred_at=after("20d"))).expect(incidents=["resolved"], champion="1")
    assert len(story.commands()) == 1
