from datetime import UTC, datetime

import pytest

from shared.domain import guards
from shared.domain.budget_facts import BudgetFreeze
from shared.domain.evaluate import evaluate
from shared.domain.evaluate_shared import evaluate_budget
from shared.domain.facts import Facts
from shared.domain.platform_signals import DataArrived
from shared.domain.proposals import Beginning
from shared.domain.situation import Setting
from shared.parsing.policy_file import policy_digest
from tests.unit.domain.builders import (
    GROUP,
    NOW,
    POLICY,
    after,
    asked,
    budgeted,
    codes,
    crossed,
    failure,
    finished,
    held,
    kinds,
    known,
    ordered,
    rolling,
    serving,
    situation,
    version,
)

APRIL = datetime(2026, 4, 1, tzinfo=UTC)
SUBJECT = f"budget/{GROUP}"
KEY = f"{GROUP}/mlops"


def told(signal, facts=None, now=NOW, policy=None):
    """The decision of the budget's own subject."""
    policy = policy or budgeted()
    return evaluate_budget(
        Setting(
            policy=policy,
            policy_digest=policy_digest(policy),
            subject=SUBJECT,
            signal=signal,
            facts=facts or Facts(),
            now=now,
        )
    )


def frozen(signal, facts=None, **fields):
    """The decision of a workload in the budget's scope."""
    return evaluate(situation(signal, facts or serving("1"), policy=fields.pop("policy", budgeted()), **fields))


def personas(done):
    return [command.persona for command in done.decision.commands]


# Who is told


@pytest.mark.parametrize(
    ("ratio", "people"),
    [
        (0.49, []),
        (0.5, ["project_owner"]),
        (0.8999999999, ["project_owner", "ml_engineers"]),
        (0.95, ["project_owner", "ml_engineers"]),
        (1.2, ["project_owner", "ml_engineers"]),
    ],
)
def test_the_highest_tier_that_is_crossed_says_who_is_told(ratio, people):
    assert personas(told(crossed(ratio))) == people


def test_what_is_told_has_the_amounts_and_no_workload():
    (command,) = told(crossed(0.5)).decision.commands
    assert command.title == "Budget mlops has reached 50%"
    assert command.workload == ""
    assert command.facts["spent"] == "500.00 of 1,000.00 EUR"
    assert command.facts["period ends"] == "2026-04-01 00:00 UTC"


def test_a_freeze_is_told_with_the_way_out():
    command = told(crossed(1.0)).decision.commands[0]
    assert command.title.endswith("retraining is frozen")
    assert "lift-freeze" in command.facts["to retrain all the same"]


def test_a_tier_is_told_once_in_a_period_and_then_counted():
    facts = told(crossed(0.5)).facts
    again = told(crossed(0.52), facts)
    assert (again.decision.verdict, kinds(again), codes(again)) == ("suppress", [], ["budget", "tier_told"])
    assert again.facts.budgets[KEY].repeats == 1
    assert personas(told(crossed(0.9), again.facts)) == ["project_owner", "ml_engineers"]


def test_a_lower_tier_that_arrives_late_is_a_repeat():
    facts = told(crossed(0.9)).facts
    assert codes(told(crossed(0.5), facts)) == ["budget", "tier_told"]


def test_the_next_period_tells_anew():
    facts = told(crossed(0.9)).facts
    later = datetime(2026, 4, 3, tzinfo=UTC)
    done = told(crossed(0.5, occurred_at=later), facts, now=later)
    assert personas(done) == ["project_owner"]
    assert list(done.facts.budgets) == [KEY]
    assert done.facts.budgets[KEY].until == datetime(2026, 5, 1, tzinfo=UTC)


def test_forecast_and_actual_are_told_apart():
    facts = told(crossed(1.0)).facts
    done = told(crossed(1.15, forecast=True), facts)
    assert personas(done) == ["project_owner"]
    assert done.decision.commands[0].title == "Budget mlops is forecast to reach 115%"
    assert codes(told(crossed(1.2, forecast=True), done.facts)) == ["budget", "tier_told"]
    assert kinds(told(crossed(1.0, forecast=True))) == []


def test_the_classic_schema_counts_as_actual_and_as_now():
    old = datetime(2018, 6, 1, tzinfo=UTC)
    done = told(crossed(0.5, forecast=None, occurred_at=old, period_start=old))
    assert personas(done) == ["project_owner"]


def test_an_alert_about_a_period_that_is_over_tells_and_freezes_nothing():
    february = datetime(2026, 2, 27, tzinfo=UTC)
    assert codes(told(crossed(1.0, occurred_at=february))) == ["budget", "period_over"]
    assert codes(frozen(crossed(1.0, occurred_at=february))) == ["budget", "period_over"]
    assert frozen(crossed(1.0, occurred_at=february)).facts.freezes == {}


def test_two_budgets_of_one_scope_are_told_apart():
    facts = told(crossed(0.5)).facts
    assert personas(told(crossed(0.5, budget="gpu", dedup_key="gpu"), facts)) == ["project_owner"]


def test_a_budget_that_has_left_the_policy_is_recorded_and_nothing_else():
    assert told(crossed(1.0), policy=POLICY).decision.verdict == "no_match"


def test_a_message_that_did_not_arrive_is_said_loudly_under_the_budget():
    assert told(finished("c", "Notify", failure("no such channel"))).decision.verdict == "escalate"
    assert told(finished("c", "Notify")).decision.verdict == "suppress"


def test_what_a_budget_knows_no_rule_for_is_recorded():
    blob = DataArrived(source="s", dedup_key="k", occurred_at=NOW, account="a", container="c", path="p")
    assert told(blob).decision.verdict == "no_match"


# What is frozen


def test_a_freeze_lasts_until_the_period_ends():
    done = frozen(crossed(1.0))
    assert (done.decision.verdict, codes(done), kinds(done)) == ("act", ["budget", "frozen"], [])
    assert done.facts.freezes == {KEY: BudgetFreeze(budget="mlops", ratio=1.0, since=NOW, until=APRIL)}


def test_a_quarterly_budget_freezes_for_the_quarter():
    start = datetime(2022, 11, 1, tzinfo=UTC)
    done = frozen(crossed(1.0, period_start=start), policy=budgeted(period="quarter"))
    assert done.facts.freezes[KEY].until == datetime(2026, 5, 1, tzinfo=UTC)


@pytest.mark.parametrize("signal", [crossed(0.9), crossed(1.5, forecast=True)], ids=["below", "forecast"])
def test_less_than_the_tier_or_a_forecast_freezes_nothing(signal):
    done = frozen(signal)
    assert (codes(done), done.facts) == (["budget", "no_freeze"], serving("1"))


def test_without_a_rule_a_budget_alert_is_recorded():
    done = frozen(crossed(1.0), policy=POLICY)
    assert (done.decision.verdict, codes(done)) == ("no_match", ["budget", "no_budget"])


def test_a_higher_tier_does_not_end_the_freeze_of_a_lower_one():
    tiers = [{"at": 1.0, "then": "freeze_retraining", "to": "project_owner"}, {"at": 1.2, "to": "ml_engineers"}]
    assert frozen(crossed(1.3), policy=budgeted(tiers=tiers)).facts.freezes[KEY].ratio == 1.3


def test_more_spending_keeps_the_freeze_and_its_end():
    facts = frozen(crossed(1.0)).facts
    done = frozen(crossed(1.2), facts, now=after("2d"))
    assert codes(done) == ["budget", "frozen_already"]
    assert done.facts.freezes[KEY] == BudgetFreeze(budget="mlops", ratio=1.2, since=NOW, until=APRIL)


def test_the_guard_names_budget_ratio_end_and_release():
    facts = frozen(crossed(1.07)).facts
    (reason,) = guards.frozen(situation(asked("retrain"), facts))
    assert (reason.code, reason.observed, reason.until) == ("budget_freeze", 1.07, APRIL)
    assert "budget mlops is at 107%" in reason.text
    assert reason.release == "outerloop ask lift-freeze flight-delay --by YOU --why WHY"


def test_the_guard_releases_to_the_second():
    facts = frozen(crossed(1.0)).facts
    assert guards.frozen(situation(asked("retrain"), facts, now=APRIL)) == ()
    assert guards.frozen(situation(asked("retrain"), facts, now=APRIL.replace(month=3, day=31)))


def test_every_budget_that_freezes_is_listed():
    facts = frozen(crossed(1.0)).facts
    facts = frozen(crossed(1.1, budget="gpu"), facts).facts
    assert [reason.observed for reason in guards.frozen(situation(asked("retrain"), facts))] == [1.0, 1.1]


def test_a_freeze_holds_no_promotion():
    assert guards.holding(situation(asked("retrain"), frozen(crossed(1.0)).facts), Beginning(what="promotion")) == ()


@pytest.mark.parametrize(
    "facts", [rolling("2"), known(version("2"), version("1", "standby"))], ids=["rolling_out", "standby"]
)
def test_a_freeze_holds_no_rollback(facts):
    facts = frozen(crossed(1.0), facts).facts
    assert ordered(evaluate(situation(asked("rollback"), facts)), "RollBackTraffic").traffic["version-1"] == 100


# Who lifts it


def test_a_person_lifts_it_and_what_was_held_is_evaluated_at_once():
    facts = frozen(crossed(1.0), serving("1", held={"h": held("k", "incident i")})).facts
    done = frozen(asked("lift_freeze", why="one more"), facts)
    assert done.decision.reasons[0].text == "grace@contoso.com lifted it: one more"
    assert [(hold.signal.about, hold.due) for hold in done.holds] == [("incident i", NOW)]
    assert guards.frozen(situation(asked("retrain"), done.facts)) == ()


def test_what_was_lifted_stays_lifted_for_the_rest_of_the_period():
    lifted = frozen(asked("lift_freeze"), frozen(crossed(1.0)).facts).facts
    done = frozen(crossed(1.3), lifted)
    assert codes(done) == ["budget", "freeze_lifted"]
    assert guards.frozen(situation(asked("retrain"), done.facts)) == ()
    may = datetime(2026, 4, 20, tzinfo=UTC)
    anew = frozen(crossed(1.0, occurred_at=may), lifted, now=may)
    assert codes(anew) == ["budget", "frozen"]


def test_without_a_freeze_there_is_nothing_to_lift():
    done = frozen(asked("lift_freeze"))
    assert (done.decision.verdict, codes(done)) == ("suppress", ["asked", "no_freeze"])
