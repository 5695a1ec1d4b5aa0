from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from shared.domain.maintenance import MaintenanceWindow
from tests.unit.domain.builders import policy_with


def window(begins="22:00", ends="04:00", days=("sat", "sun"), timezone="Europe/Berlin"):
    return MaintenanceWindow.model_validate({"from": begins, "to": ends, "days": days, "timezone": timezone})


def utc(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


# In winter Berlin is one hour ahead of UTC. 7 March 2026 is a Saturday.
@pytest.mark.parametrize(
    ("now", "end"),
    [
        ("2026-03-07T20:59:59", None),
        ("2026-03-07T21:00:00", "2026-03-08T03:00:00"),
        ("2026-03-08T02:59:59", "2026-03-08T03:00:00"),
        ("2026-03-08T03:00:00", None),
        ("2026-03-08T12:00:00", None),
        ("2026-03-08T22:00:00", "2026-03-09T03:00:00"),
        ("2026-03-09T22:00:00", None),
    ],
)
def test_a_window_past_midnight_belongs_to_the_day_on_which_it_begins(now, end):
    assert window().open_until(utc(now)) == (utc(end) if end else None)


def test_a_window_within_a_day():
    office = window("09:00", "17:00", ("mon",), "UTC")
    assert office.open_until(utc("2026-03-02T09:00:00")) == utc("2026-03-02T17:00:00")
    assert office.open_until(utc("2026-03-02T17:00:00")) is None
    assert office.open_until(utc("2026-03-03T10:00:00")) is None


def test_from_and_to_alike_mean_a_whole_day():
    assert window("00:00", "00:00", ("sun",), "UTC").open_until(utc("2026-03-08T23:59:59")) == utc(
        "2026-03-09T00:00:00"
    )


def test_without_days_every_day_counts_and_without_a_zone_utc():
    every = MaintenanceWindow.model_validate({"from": "01:00", "to": "02:00"})
    assert all(every.open_until(utc(f"2026-03-{day:02}T01:30:00")) for day in range(1, 32))


# On 29 March 2026 Berlin's clocks skip from 02:00 to 03:00 (01:00 UTC); on 25 October they go back from 03:00 to 02:00.
def test_when_the_clock_is_put_forward_the_window_is_an_hour_shorter():
    assert window().open_until(utc("2026-03-28T21:00:00")) == utc("2026-03-29T02:00:00")


def test_when_the_clock_is_put_back_the_window_is_an_hour_longer():
    assert window().open_until(utc("2026-10-24T20:00:00")) == utc("2026-10-25T03:00:00")
    assert window().open_until(utc("2026-10-24T19:59:59")) is None


def test_an_end_that_the_clock_shows_twice_is_the_second_one():
    night = window("23:00", "02:30", ("sat",))
    assert night.open_until(utc("2026-10-25T00:45:00")) == utc("2026-10-25T01:30:00")


def test_a_beginning_that_the_clock_shows_twice_is_the_first_one():
    early = window("02:30", "05:00", ("sun",))
    assert early.open_until(utc("2026-10-25T00:29:59")) is None
    assert early.open_until(utc("2026-10-25T00:30:00")) == utc("2026-10-25T04:00:00")


def test_an_end_that_the_clock_skips_comes_after_the_gap():
    night = window("23:00", "02:30", ("sat",))
    assert night.open_until(utc("2026-03-29T01:15:00")) == utc("2026-03-29T01:30:00")


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"timezone": "Berlin"}, "write an IANA name such as Europe/Berlin"),
        ({"timezone": "../../etc/passwd"}, "is no time zone"),
        ({"from": "24:00"}, "should match pattern"),
        ({"to": "4:00"}, "should match pattern"),
        ({"from": 1320}, 'in quotes, such as "22:00"'),
        ({"days": ["saturday"]}, "'sat'"),
        ({"days": []}, "at least 1 item"),
    ],
)
def test_a_window_that_could_not_work_is_a_fault(changes, text):
    with pytest.raises(ValidationError) as caught:
        policy_with(maintenance=[{"from": "22:00", "to": "04:00", **changes}])
    assert text in str(caught.value)
