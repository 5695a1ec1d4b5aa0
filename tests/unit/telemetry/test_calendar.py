from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.telemetry.calendar import Length, WindowFinder, parse_length, window_of
from tests.unit.telemetry.telemetry_builders import steady

LENGTHS = ["30s", "1m", "15m", "1h", "6h", "1d", "7d", "1w", "10d", "1mo", "3mo", "12mo"]
moments = st.datetimes(datetime(1971, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


def at(*parts):
    return datetime(*parts, tzinfo=UTC)


@pytest.mark.parametrize(
    ("moment", "length", "start", "end"),
    [
        (at(2026, 2, 28, 23, 59, 59), "1mo", at(2026, 2, 1), at(2026, 3, 1)),
        (at(2026, 12, 31), "1mo", at(2026, 12, 1), at(2027, 1, 1)),
        (at(2024, 2, 29), "1mo", at(2024, 2, 1), at(2024, 3, 1)),
        (at(2026, 5, 17), "3mo", at(2026, 4, 1), at(2026, 7, 1)),
        (at(2026, 11, 25, 8), "7d", at(2026, 11, 23), at(2026, 11, 30)),  # a Wednesday; 23 November is a Monday
        (at(2026, 11, 23), "1w", at(2026, 11, 23), at(2026, 11, 30)),
        (at(2026, 11, 22, 23, 59), "7d", at(2026, 11, 16), at(2026, 11, 23)),
        (at(1970, 1, 20), "14d", at(1970, 1, 19), at(1970, 2, 2)),  # fortnights begin on Monday too
        (at(2026, 3, 14, 15, 9, 26), "1d", at(2026, 3, 14), at(2026, 3, 15)),
        (at(2026, 3, 14, 15, 9, 26), "1h", at(2026, 3, 14, 15), at(2026, 3, 14, 16)),
        (at(2026, 3, 14, 15, 9, 26), "1m", at(2026, 3, 14, 15, 9), at(2026, 3, 14, 15, 10)),
        (at(2026, 3, 14, 15, 9, 29), "30s", at(2026, 3, 14, 15, 9), at(2026, 3, 14, 15, 9, 30)),
        (at(2026, 3, 14, 15, 9, 30), "30s", at(2026, 3, 14, 15, 9, 30), at(2026, 3, 14, 15, 10)),
        (at(1969, 12, 31, 23), "1d", at(1969, 12, 31), at(1970, 1, 1)),
    ],
)
def test_a_moment_lies_in_the_window_that_the_calendar_says(moment, length, start, end):
    assert window_of(moment, length) == (start, end)


@steady
@given(moments, st.sampled_from(LENGTHS))
def test_windows_hold_their_moment_and_leave_no_gap(moment, length):
    start, end = window_of(moment, length)
    assert start <= moment < end
    assert window_of(end, length)[0] == end
    assert window_of(start, length) == (start, end)
    assert window_of(end - timedelta(microseconds=1), length) == (start, end)


def test_the_zone_of_a_moment_does_not_change_its_window():
    berlin = timezone(timedelta(hours=2))
    assert window_of(datetime(2026, 7, 1, 1, 30, tzinfo=berlin), "1mo") == (at(2026, 6, 1), at(2026, 7, 1))


def test_a_moment_without_a_zone_is_utc():
    assert window_of(datetime(2026, 7, 1, 1, 30), "1d") == (at(2026, 7, 1), at(2026, 7, 2))  # noqa: DTZ001


@steady
@given(st.lists(moments, max_size=20), st.sampled_from(LENGTHS))
def test_a_finder_finds_what_window_of_finds_whatever_came_before(several, length):
    finder = WindowFinder(length)
    assert [finder.start_of(moment) for moment in several] == [window_of(moment, length)[0] for moment in several]


@pytest.mark.parametrize(
    "text", ["", "1", "mo", "0d", "-1d", "1.5h", "1 d", "1D", "1y", "01d", "9999999s", "1mo ", "٣d"]
)
def test_a_length_that_cannot_be_read_is_refused_with_a_sentence(text):
    with pytest.raises(ValueError, match="whole number and one of s, m, h, d, w, mo"):
        parse_length(text)


def test_lengths_are_months_or_durations():
    assert parse_length("2mo") == Length(months=2)
    assert parse_length("2w") == Length(duration=timedelta(days=14))
    assert parse_length("90s") == Length(duration=timedelta(seconds=90))
