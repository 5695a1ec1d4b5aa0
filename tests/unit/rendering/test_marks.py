from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.outcomes import Failed, Skipped, Started
from shared.rendering.marks import MARKS_SHOWN_MAX, Done, kind_of_mark, marks, placed
from tests.unit.rendering.histories import (
    VERSIONS,
    dispatched,
    month,
    ordered,
    retraining,
    rolled_back,
    traffic,
    window,
)

DAYS_30 = timedelta(days=30)
FAILED = Failed(retryable=False, reason="no")
LOOKING = Started(operation="o", look_again_at=month(1))


@pytest.mark.parametrize(
    ("row", "kind"),
    [
        (traffic(version_1=100), "serves"),
        (traffic(version_1=90, version_2=10), None),
        (traffic(version_1=100, outcome=FAILED), None),
        (rolled_back(), "rollback"),
        (retraining(), "retraining"),
        (retraining("started", LOOKING), "retraining"),
        (retraining("pending"), None),
        (dispatched(), "retraining"),
        (dispatched("finished", FAILED), None),
        (retraining("finished", Skipped(reason="limit")), None),
        (retraining("finished", FAILED), None),
    ],
)
def test_only_what_was_done_is_marked(row, kind):
    assert kind_of_mark(row) == kind


WINDOWS = (window(1), window(2), window(3))


def marked(*lines, windows=WINDOWS, known=None):
    done = [Done(line.decision, row) for line in lines for row in line.commands]
    return marks(done, known or {}, windows, VERSIONS)


def test_what_is_done_in_its_own_time_is_marked_when_it_ended():
    ended = month(3) + timedelta(days=4)
    line = ordered(month(3), traffic(at=ended, version_2=100), rolled_back(ended), retraining())
    found = marked(line, known={"dother": month(3)})
    assert {(mark.at, mark.kind, mark.version) for mark in found} == {
        (ended, "serves", "2"),
        (ended, "rollback", "1"),
        (month(3), "retraining", ""),
    }


def test_what_is_done_before_the_first_window_is_marked_at_its_beginning():
    (mark,) = marked(ordered(month(1) - DAYS_30, traffic(version_1=100)))
    assert mark.at == month(1)


def test_beside_no_windows_there_are_no_marks():
    assert marked(ordered(month(1), traffic(version_1=100)), windows=()) == ()


def test_a_version_that_the_facts_have_forgotten_is_named_by_its_deployment():
    (mark,) = marked(ordered(month(1), traffic(version_44=100)))
    assert mark.version == "44"


def test_only_the_newest_marks_are_shown():
    lines = [ordered(month(1) + timedelta(hours=n), retraining(), name=str(n)) for n in range(MARKS_SHOWN_MAX + 5)]
    found = marked(*lines)
    assert len(found) == MARKS_SHOWN_MAX
    assert found[0].at == month(1) + timedelta(hours=5)


@given(st.integers(-500, 50_000), st.integers(0, 500))
def test_a_mark_lies_at_its_moment_or_at_the_end_of_what_was_known(moment_days, newest_days):
    first = month(1)
    moment, newest = first + timedelta(days=moment_days), first + timedelta(days=newest_days)
    at = placed(moment, newest, first, DAYS_30)
    assert at in {moment, newest, first}
    assert first <= at <= newest + 2 * DAYS_30


def test_what_happened_at_one_place_stands_in_the_order_of_the_ledger():
    line = ordered(month(2), traffic(version_2=100), rolled_back(), retraining())
    assert [mark.kind for mark in marked(line)] == ["serves", "rollback", "retraining"]
