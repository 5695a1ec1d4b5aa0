"""Files of the model data collector, heard of through Event Grid."""

import pytest

from shared.domain.outcomes import Failed, Succeeded
from shared.domain.platform_signals import DataDeleted
from tests.scenarios.timeline import Timeline
from tests.unit.domain.builders import COLLECTING, asked, collected, policy_with, serving


def collecting():
    return Timeline(policy_with(**COLLECTING), serving("1"))


@pytest.mark.rule("collected_files")
def test_what_the_collector_wrote_is_counted_while_it_grows():
    story = collecting()
    story.azure.next("ReadCollected", Succeeded(data={"lines": 40.0, "bytes": 9000.0, "through": 9000.0}))
    story.push(collected()).expect_ordered("ReadCollected").expect_reason("counted_lines")
    story.at("10m").push(collected(dedup_key="the next write")).expect_ordered("ReadCollected")
    assert story.commands("Retrain") == []
    assert story.facts == serving("1")


@pytest.mark.rule("collected_files")
def test_a_file_that_cannot_be_read_is_said_loudly_and_the_next_one_is_tried_all_the_same():
    story = collecting()
    story.azure.next("ReadCollected", Failed(retryable=False, reason="HTTP 403: the role is missing"))
    story.push(collected()).expect_reason("not_read")
    assert story.ledger[-1].verdict == "escalate"
    story.push(collected("modelDataCollector/flight-delay/version-1/model_inputs/2026/03/02/12/i.jsonl"))
    story.expect_ordered("ReadCollected").expect_reason("counted_lines")


def test_a_pause_does_not_make_the_loop_deaf():
    story = collecting().push(asked("pause")).push(collected())
    story.expect_ordered("ReadCollected").expect_reason("counted_lines")
    assert story.waiting == []


def test_what_old_files_told_stays_counted_when_they_are_cleared_away():
    story = collecting().push(collected()).push(collected(kind=DataDeleted))
    story.expect_reason("collected_deleted")
