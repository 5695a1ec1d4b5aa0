"""Room within the limits that span workloads: so many in a window, so much in a period."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.limits import Limit, parse_limit
from shared.domain.money import parse_money
from shared.domain.policy import Policy
from shared.domain.reservations import ACT_WITHIN, RESERVED_MAX, Fleet, Reservation, Reserve, accounts, without
from tests.unit.domain.builders import DEVELOPMENT, GROUP, NOW, PRODUCTION, after, budgeted, raw_policy, steady

COST = parse_money("40 EUR")
FLEET = Fleet((parse_limit("2/1d"), parse_limit("3/7d")))


def paid(reserve="100 EUR", scope=GROUP, **budget):
    return budgeted({"retrain": {"estimated_cost": "40 EUR"}}, reserve=reserve, scope=scope, **budget)


def reserve(**budget):
    policy = paid(**budget)
    return Reserve(policy.budgets[0], policy.budgets[0].reserve)


def entry(account, at=NOW, command="another", **fields):
    return Reservation(
        command=command, subject="workload/x", at=at, until=account.over_at(at), **{"cost": COST, **fields}
    )


def limited(limits, **top):
    return Policy.model_validate(raw_policy(defaults={"limits": {"fleet_retrains": limits}}, **top))


def test_with_no_limit_nothing_is_counted():
    assert accounts(Policy.model_validate(raw_policy()), "flight-delay") == ((), None)


def test_the_limits_of_the_fleet_are_one_account_whatever_they_are():
    few, many = limited(["1/1d"]), limited(["10/1d", "20/7d"])
    ((first,), _), ((second,), _) = accounts(few, "flight-delay"), accounts(many, "flight-delay")
    assert (first.name, first.limits, len(second.limits)) == (second.name, (Limit(1, timedelta(days=1)),), 2)


def test_a_training_with_a_price_counts_against_each_budget_that_pays_for_it():
    policy = paid()
    ((account,), cost) = accounts(policy, "flight-delay")
    assert (account.reserve, cost) == (parse_money("100 EUR"), COST)
    assert accounts(paid(scope=PRODUCTION), "flight-delay") == ((), COST)
    ((narrow,), _) = accounts(paid(scope=DEVELOPMENT), "flight-delay")
    assert narrow.name != account.name


def test_a_workload_that_the_policy_names_no_more_counts_against_the_fleet_alone():
    ((account,), cost) = accounts(limited(["1/1d"]), "gone")
    assert (account.name, cost) == (FLEET.name, None)


def test_below_the_limits_there_is_room():
    assert FLEET.refusals([entry(FLEET)], None, NOW) == ()


def test_each_limit_without_room_is_named_with_what_is_committed_and_until_when():
    others = [entry(FLEET, NOW - timedelta(hours=hours)) for hours in (1, 2, 30)]
    day, week = FLEET.refusals(others, None, NOW)
    assert (day.code, day.observed, day.limit, day.until) == ("fleet_limit", 2, "2/1d", after("22h"))
    assert day.text == "all workloads together are limited to 2/1d, and 2 retrainings are committed"
    assert (week.observed, week.limit, week.until) == (3, "3/1w", after("7d") - timedelta(hours=30))


def test_it_is_over_with_the_longest_window():
    assert FLEET.over_at(NOW) == after("7d")


def test_within_the_reserve_there_is_room():
    assert reserve().refusals([entry(reserve())], COST, NOW) == ()


def test_to_the_last_cent():
    exact = reserve(reserve="80.00 EUR")
    assert exact.refusals([entry(exact)], COST, NOW) == ()
    assert exact.refusals([entry(exact)], parse_money("40.01 EUR"), NOW)


def test_beyond_it_the_refusal_names_the_budget_the_sums_and_the_end_of_the_period():
    account = reserve()
    (refusal,) = account.refusals([entry(account), entry(account, command="third")], COST, NOW)
    assert (refusal.code, refusal.observed, refusal.limit) == ("budget_reserved", 80.0, "100 EUR")
    assert refusal.until == datetime(2026, 4, 1, tzinfo=UTC)
    assert f"budget {GROUP} reserves for retraining in a month, 80 are committed to 2 retrainings" in refusal.text
    assert refusal.text.endswith("this one is estimated at 40 EUR")


@pytest.mark.parametrize(("period", "ends"), [("month", 4), ("quarter", 4), ("year", 13)])
def test_the_period_is_that_of_the_budget(period, ends):
    assert reserve(period=period).over_at(NOW) == datetime(2026 + ends // 13, ends % 12, 1, tzinfo=UTC)


def test_the_last_period_counts_no_more():
    account = reserve()
    before = entry(account, datetime(2026, 2, 28, 23, tzinfo=UTC))
    assert account.refusals([before, before], COST, NOW) == ()


def test_what_begins_at_the_end_of_a_period_counts_for_the_next_as_it_may_act_in_it():
    account, midnight = reserve(), datetime(2026, 4, 1, tzinfo=UTC)
    spent = [entry(account), entry(account)]
    assert account.refusals(spent, COST, midnight - ACT_WITHIN) == ()
    assert account.refusals(spent, COST, midnight - ACT_WITHIN - timedelta(seconds=1))


def test_amounts_of_another_currency_are_not_added():
    account = reserve()
    dollars = entry(account, cost=parse_money("90 USD"))
    assert account.refusals([dollars], COST, NOW) == ()


def test_there_is_a_most_of_them_however_cheap_they_are():
    account = reserve(reserve="100000 EUR")
    assert account.refusals([entry(account)] * RESERVED_MAX, COST, NOW)


def test_a_command_never_stands_in_its_own_way_and_what_is_over_in_nobodys():
    mine, over, other = entry(FLEET, command="mine"), entry(FLEET, NOW - timedelta(days=7)), entry(FLEET)
    assert without([mine, over, other], "mine", NOW) == (other,)


@given(st.lists(st.integers(0, 40), min_size=1, max_size=30), st.lists(st.integers(0, 4), min_size=30, max_size=30))
@steady
def test_effects_never_exceed_the_limit_in_any_window_however_long_each_call_takes(gaps, minutes):
    window, effects, entries, now = timedelta(hours=1), [], [], NOW
    fleet = Fleet((Limit(2, window),))
    for number, gap in enumerate(gaps):
        now += timedelta(minutes=gap)
        if not fleet.refusals(without(entries, str(number), now), None, now):
            entries.append(entry(fleet, now + ACT_WITHIN, str(number)))
            effects.append(now + timedelta(minutes=minutes[number]))
    assert all(sum(start <= at < start + window for at in effects) <= 2 for start in effects)
