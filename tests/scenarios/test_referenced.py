"""Collector events that keep their rows in blobs of their own."""

import pytest

from shared.domain.outcomes import Failed, Succeeded
from tests.scenarios.timeline import Timeline
from tests.unit.domain.builders import COLLECTING, asked, policy_with, referenced, serving


def collecting():
    return Timeline(policy_with(**COLLECTING), serving("1"))


@pytest.mark.rule("referenced_rows")
def test_rows_that_are_too_many_for_their_event_are_counted_from_their_blob():
    story = collecting()
    story.azure.next("ReadReferenced", Succeeded(data={"rows": 40_000.0, "bytes": 5_000_000.0}))
    story.push(referenced()).expect_ordered("ReadReferenced").expect_reason("counted_rows")
    assert story.commands("Retrain") == []
    assert story.facts == serving("1")


@pytest.mark.rule("referenced_rows")
def test_a_blob_that_cannot_be_read_is_said_loudly_and_the_next_one_is_tried_all_the_same():
    story = collecting()
    story.azure.next("ReadReferenced", Failed(retryable=False, reason="HTTP 403: the role is missing"))
    story.push(referenced()).expect_reason("rows_not_read")
    assert story.ledger[-1].verdict == "escalate"
    story.push(referenced("modelDataCollector/flight-delay/rows/2.json"))
    story.expect_ordered("ReadReferenced").expect_reason("counted_rows")


def test_a_blob_outside_of_the_collectors_folder_is_left_alone_and_the_ledger_says_why():
    story = collecting().push(referenced("somebody/elses.json")).expect_reason("not_collected")
    assert story.commands("ReadReferenced") == []


def test_a_pause_does_not_make_the_loop_deaf_to_rows_in_blobs():
    story = collecting().push(asked("pause")).push(referenced())
    story.expect_ordered("ReadReferenced").expect_reason("counted_rows")
    assert story.waiting == []
