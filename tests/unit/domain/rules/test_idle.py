"""An endpoint that nobody calls is a question to people, asked once; nothing is deleted."""

from datetime import timedelta

from shared.domain.evaluate import evaluate
from tests.unit.domain.builders import (
    NOW,
    after,
    asked,
    codes,
    fell_idle,
    idling,
    kinds,
    ordered,
    policy_with,
    rolling,
    serving,
    situation,
    used,
)

POLICY = idling()


def decided(signal, facts=None, policy=POLICY):
    return evaluate(situation(signal, facts or serving("2"), policy=policy, now=after("14d")))


def test_an_endpoint_on_kubernetes_keeps_instances_of_its_cluster_busy():
    edge = {"kind": "kubernetes_online", "compute": "edge", "instance_type": "four-cores"}
    rules = [{"when": "endpoint_idle", "for": "14d"}]
    done = decided(fell_idle(), policy=policy_with(environments={"production": edge}, monitoring=rules))
    told = ordered(done, "Notify").facts
    assert told["keeps busy"].startswith("1 x four-cores")
    assert "RequestsPerMinute" not in told["first"], "a metric that nobody has there"
    assert "scoring script tells" in told["first"]


def test_people_are_asked_with_what_it_keeps_busy_and_the_command():
    done = decided(fell_idle())
    assert (done.decision.verdict, kinds(done)) == ("act", ["Notify"])
    told = ordered(done, "Notify")
    assert told.title == "flight-delay: nobody calls its endpoint; retire it?"
    assert told.facts["if nobody needs it"].startswith(
        "az ml online-endpoint delete --name flight-delay --resource-group"
    )
    assert told.facts["keeps busy"].startswith("1 x ")
    assert [(one.kind, one.state) for one in done.facts.incidents] == [("endpoint_idle", "open")]


def test_they_are_asked_once():
    first = decided(fell_idle())
    again = decided(fell_idle(dedup_key="again"), first.facts)
    assert (codes(again), kinds(again)) == (["idle", "incident_open"], [])


def test_a_call_closes_the_question():
    first = decided(fell_idle())
    done = decided(used(occurred_at=NOW + timedelta(days=1)), first.facts)
    assert (codes(done), done.facts.incidents[0].closed_as) == (["used", "resolved"], "resolved")


def test_a_person_closes_it_too():
    first = decided(fell_idle())
    assert decided(asked("close"), first.facts).facts.incidents[0].closed_as == "done"


def test_a_call_that_nobody_was_asked_about_is_no_news():
    assert codes(decided(used())) == ["used", "not_open"]


def test_nobody_is_asked_during_a_rollout_or_without_a_rule():
    assert codes(decided(fell_idle(), rolling())) == ["idle", "rollout_under_way"]
    assert codes(decided(fell_idle(), policy=idling(None))) == ["idle", "no_rule"]
