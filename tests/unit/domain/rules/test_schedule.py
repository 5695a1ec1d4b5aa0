import pytest

from shared.domain.evaluate import evaluate
from tests.unit.domain.builders import (
    NOW,
    WEEKLY,
    codes,
    incident,
    kinds,
    ordered,
    policy_with,
    retried,
    schedule_due,
    serving,
    situation,
)

POLICY = policy_with(monitoring=[WEEKLY])


def decide(signal=None, facts=None, **fields):
    return evaluate(situation(signal or schedule_due(), facts or serving("1"), **{"policy": POLICY, **fields}))


def waited(facts, about="incident x", **fields):
    return evaluate(retried(schedule_due(), facts, about, **{"policy": POLICY, **fields}))


def test_it_retrains_and_tells_the_owner():
    done = decide()
    assert (done.decision.verdict, done.decision.rule, kinds(done)) == ("act", "schedule", ["Retrain", "Notify"])
    assert done.facts.incidents[0].kind == "scheduled_retrain"
    assert ordered(done, "Notify").title == "flight-delay: retraining because of scheduled retrain"


@pytest.mark.parametrize(("missed", "says"), [(0, "12:00 UTC"), (1, "1 time before it"), (4, "4 times before it")])
def test_it_says_when_it_was_due_and_what_was_missed(missed, says):
    (reason,) = decide(schedule_due(missed=missed)).decision.reasons
    assert (reason.code, reason.observed) == ("schedule_due", missed)
    assert "schedule 0 6 * * 1 (Europe/Berlin) was due at 2026-03-02 12:00 UTC" in reason.text
    assert says in reason.text


@pytest.mark.parametrize("kind", ["data_drift", "manual_retrain", "scheduled_retrain"])
def test_a_retraining_under_way_is_enough(kind):
    facts = serving("1", incidents=(incident("remedying", kind=kind),))
    done = decide(facts=facts)
    assert (done.decision.verdict, codes(done)) == ("suppress", ["schedule_due", "remedy_under_way"])
    assert done.facts == facts


def test_while_its_incident_is_being_verified_it_is_counted():
    done = decide(facts=serving("1", incidents=(incident("verifying", kind="scheduled_retrain"),)))
    assert codes(done) == ["schedule_due", "incident_open"]
    assert done.facts.incidents[0].repeats == 1


def test_an_incident_for_which_nothing_waits_is_taken_up():
    done = decide(facts=serving("1", incidents=(incident("open", kind="scheduled_retrain"),)))
    assert kinds(done) == ["Retrain", "Notify"]
    assert len(done.facts.incidents) == 1


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"paused": True}, "paused"),
        ({"retrained_at": (NOW,)}, "cooldown"),
        ({"fruitless": 3}, "give_up"),
    ],
)
def test_every_guard_of_a_retraining_holds_it(change, code):
    done = decide(facts=serving("1", **change))
    assert (done.decision.verdict, code in codes(done), kinds(done)) == ("hold", True, [])
    assert [hold.retries for hold in done.holds] == [schedule_due().dedup_key]


def test_a_schedule_that_the_policy_dropped_does_nothing():
    done = decide(policy=policy_with())
    assert codes(done) == ["schedule_due", "no_schedule"]


def test_what_waited_for_a_schedule_that_was_dropped_is_closed():
    facts = serving("1", incidents=(incident("open", kind="scheduled_retrain"),))
    done = waited(facts, policy=policy_with())
    assert codes(done) == ["overtaken"]
    assert done.facts.incidents[0].closed_as == "overtaken"


def test_a_retraining_that_began_meanwhile_closes_what_waited_without_counting_against_it():
    opened = incident("open", kind="scheduled_retrain")
    done = waited(serving("1", incidents=(opened,), retrained_at=(opened.opened_at,), fruitless=2))
    assert codes(done) == ["overtaken"]
    assert (done.facts.incidents[0].closed_as, done.facts.fruitless) == ("overtaken", 2)


def test_the_reason_for_an_override_is_kept():
    policy = policy_with(monitoring=[{**WEEKLY, "override_reason": "labels are made each week"}])
    done = decide(policy=policy)
    assert codes(done) == ["schedule_due", "override"]
    assert "labels are made each week" in done.decision.reasons[1].text
