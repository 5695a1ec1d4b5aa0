from datetime import UTC, datetime, timedelta, timezone

import pytest

from shared.domain.budget_facts import BudgetFreeze, period_end
from tests.unit.domain.builders import NOW, after


def day(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("start", "period", "moment", "end"),
    [
        ("2022-11-01", "month", "2026-03-02", "2026-04-01"),
        ("2022-11-01", "month", "2026-12-31", "2027-01-01"),
        ("2026-02-01", "month", "2026-02-01", "2026-03-01"),
        ("2022-11-01", "quarter", "2026-03-02", "2026-05-01"),
        ("2022-01-01", "quarter", "2026-03-02", "2026-04-01"),
        ("2022-11-01", "year", "2026-03-02", "2026-11-01"),
        ("2022-11-01", "year", "2026-11-01", "2027-11-01"),
        ("2027-01-01", "month", "2026-03-02", "2026-04-01"),
    ],
)
def test_a_period_begins_anew_from_the_budgets_own_start(start, period, moment, end):
    assert period_end(day(start), period, day(moment)) == day(end)


@pytest.mark.parametrize(
    ("period", "end"), [("month", "2026-04-01"), ("quarter", "2026-04-01"), ("year", "2027-01-01")]
)
def test_without_a_start_the_calendar_counts(period, end):
    assert period_end(None, period, day("2026-03-02")) == day(end)


def test_a_period_is_counted_in_utc():
    tokyo = timezone(timedelta(hours=9))
    assert period_end(None, "month", datetime(2026, 4, 1, 3, tzinfo=tokyo)) == day("2026-04-01")


def test_a_freeze_ends_by_itself_or_by_a_person():
    freeze = BudgetFreeze(budget="mlops", ratio=1.0, since=NOW, until=after("1d"))
    assert freeze.in_force(after("23h"))
    assert not freeze.in_force(after("1d"))
    assert not BudgetFreeze(budget="mlops", ratio=1.0, since=NOW, until=after("1d"), lifted_by="ada").in_force(NOW)
