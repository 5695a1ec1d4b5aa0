"""When a schedule was due between two moments, by the clock of its place."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.schedules import MISSED_MAX, Elapsed, checked_cron, elapsed
from tests.unit.domain.builders import steady

MONDAY = datetime(2026, 3, 2, 6, 0, tzinfo=UTC)


def days(number):
    return timedelta(days=number)


def test_nothing_is_due_between_two_ticks():
    assert elapsed("0 6 * * 1", "UTC", MONDAY, MONDAY + days(7) - timedelta(seconds=1)) is None


def test_a_tick_is_due_at_its_very_moment_and_only_once():
    assert elapsed("0 6 * * 1", "UTC", MONDAY - days(1), MONDAY) == Elapsed(MONDAY, 0)
    assert elapsed("0 6 * * 1", "UTC", MONDAY, MONDAY) is None


def test_the_newest_tick_counts_and_those_before_it_were_missed():
    assert elapsed("0 6 * * 1", "UTC", MONDAY, MONDAY + days(22)) == Elapsed(MONDAY + days(21), 2)


def test_the_ticks_of_a_very_long_outage_are_counted_up_to_a_limit():
    found = elapsed("* * * * *", "UTC", MONDAY - days(3000), MONDAY)
    assert found == Elapsed(MONDAY, MISSED_MAX)


@pytest.mark.parametrize(("timezone", "hour"), [("UTC", 6), ("Europe/Berlin", 5), ("Asia/Tokyo", 21)])
def test_the_hour_is_that_of_the_place(timezone, hour):
    found = elapsed("0 6 * * *", timezone, MONDAY - days(1), MONDAY + timedelta(hours=1))
    assert found is not None
    assert found.due.hour == hour


# Summer time begins on 29 March 2026 and ends on 25 October 2026, both at 01:00 UTC.
BEGINS, ENDS = datetime(2026, 3, 29, tzinfo=UTC), datetime(2026, 10, 25, tzinfo=UTC)


def test_an_hour_that_is_left_out_is_made_up_for_at_its_end():
    assert elapsed("30 2 * * *", "Europe/Berlin", BEGINS, BEGINS + days(1)) == Elapsed(BEGINS.replace(hour=1), 0)


def test_an_hour_that_comes_twice_is_due_once():
    assert elapsed("30 2 * * *", "Europe/Berlin", ENDS, ENDS + timedelta(hours=20)) == Elapsed(
        ENDS.replace(hour=0, minute=30), 0
    )


@pytest.mark.parametrize("minutes", range(0, 300, 7))
def test_it_does_not_matter_when_in_such_a_night_somebody_looks(minutes):
    now = ENDS + timedelta(minutes=minutes)
    found = elapsed("30 2 * * *", "Europe/Berlin", ENDS, now)
    assert found == (Elapsed(ENDS + timedelta(minutes=30), 0) if minutes >= 30 else None)


def test_what_repeats_each_hour_also_does_in_the_hour_that_comes_twice():
    assert elapsed("0 * * * *", "Europe/Berlin", ENDS, ENDS + timedelta(hours=4)) == Elapsed(
        ENDS + timedelta(hours=4), 3
    )


@steady
@given(st.integers(0, 60 * 24 * 400), st.integers(1, 60 * 24 * 30), st.sampled_from(["30 2 * * *", "*/25 1-3 * * 0"]))
def test_however_often_one_looks_no_tick_is_lost_or_doubled(start, length, cron):
    begin = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=start)
    middle, end = begin + timedelta(minutes=length // 2), begin + timedelta(minutes=length)
    parts = [elapsed(cron, "Europe/Berlin", begin, middle), elapsed(cron, "Europe/Berlin", middle, end)]
    whole = elapsed(cron, "Europe/Berlin", begin, end)
    assert sum(found.missed + 1 for found in parts if found) == (whole.missed + 1 if whole else 0)


@pytest.mark.parametrize("text", ["0 6 * * 1", "*/15 8-18 * * MON-FRI", "0 0 1 JAN,JUL *", "0 0 29 2 *", "0 6 * * 0"])
def test_what_cron_allows_is_a_schedule(text):
    assert checked_cron(text) == text


def test_blanks_do_not_matter():
    assert checked_cron("  0  6 * *   1 ") == "0 6 * * 1"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("0 0 6 * * 1", "six fields, and neither seconds nor years are understood"),
        ("@weekly", "Wrong number of fields"),
        ("", "Wrong number of fields"),
        ("0 25 * * *", "Bad hour"),
        ("61 * * * *", "Bad minute"),
        ("0 6 * * monday", "Bad day-of-week"),
        ("0 0 31 2 *", "Bad day-of-month"),
    ],
)
def test_what_is_no_schedule_is_refused_with_what_is_allowed(text, says):
    with pytest.raises(ValueError, match=says) as refused:
        checked_cron(text)
    assert "write five fields (minute, hour, day of month, month, day of week)" in str(refused.value)
