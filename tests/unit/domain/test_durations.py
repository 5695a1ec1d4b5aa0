from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.durations import format_duration, parse_duration
from tests.unit.domain.builders import steady


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("500ms", 0.5),
        ("30s", 30),
        ("5m", 300),
        ("12h", 43_200),
        ("3d", 259_200),
        ("2w", 1_209_600),
        ("1h30m", 5_400),
        ("1.5h", 5_400),
        ("0s", 0),
    ],
)
def test_a_duration_reads_as_people_write_it(text, seconds):
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "30", "m", "1mo", "5 m", "-5m", "1h 30m", "P1D", "five minutes", "1y", "5M"])
def test_anything_else_is_refused_with_what_is_allowed(text):
    with pytest.raises(ValueError, match="such as 30m or 1h30m"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("text", "shortest"),
    [("7d", "1w"), ("60s", "1m"), ("90m", "90m"), ("24h", "1d"), ("0m", "0s"), ("1500ms", "1500ms")],
)
def test_a_duration_is_written_in_its_largest_whole_unit(text, shortest):
    assert format_duration(parse_duration(text)) == shortest


@given(st.integers(0, 10**12))
@steady
def test_what_is_written_is_read_back(milliseconds):
    duration = timedelta(milliseconds=milliseconds)
    assert parse_duration(format_duration(duration)) == duration
