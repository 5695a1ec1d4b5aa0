import pytest

from shared.domain.arrivals import Arrivals
from shared.domain.evaluate import evaluate
from shared.domain.platform_signals import DataDeleted
from shared.domain.policy import Policy
from shared.domain.routing import out_of_scope, route
from tests.unit.domain.builders import (
    DATA_RULE,
    NOW,
    STORAGE,
    SUBJECT,
    arrived,
    breached,
    changed,
    codes,
    incident,
    kinds,
    policy_with,
    raw_policy,
    requiring,
    retried,
    serving,
    situation,
)

POLICY = requiring(DATA_RULE)
THREE = requiring(DATA_RULE, new_files_min=3)


def decide(signal=None, facts=None, policy=POLICY, **fields):
    return evaluate(situation(signal or arrived(), facts or serving("1"), policy=policy, **fields))


def waited(facts, policy=POLICY, **fields):
    return evaluate(retried(arrived(), facts, "incident x", policy=policy, **fields))


def test_new_data_retrain_and_say_what_arrived():
    done = decide()
    assert (done.decision.rule, kinds(done)) == ("data_arrived", ["Retrain", "Notify"])
    (reason,) = done.decision.reasons
    assert "flights/labelled/2013/01.csv arrived; 1 new file (1,000 bytes" in reason.text


def test_the_requirement_counts_the_file_that_is_judged():
    done = decide(policy=requiring(DATA_RULE, new_files_min=1))
    assert kinds(done) == ["Retrain", "Notify"]
    assert done.facts.arrivals == Arrivals()


def test_too_few_files_hold_with_what_has_to_arrive():
    done = decide(policy=THREE)
    reason = done.decision.reasons[-1]
    assert (done.decision.verdict, reason.code, reason.release) == ("hold", "new_files", "when 2 more arrive")
    assert done.facts.arrivals.count == 1


def test_the_file_that_makes_it_enough_wakes_what_waits():
    facts = decide(breached(), policy=THREE).facts
    for name in ("01.csv", "02.csv"):
        done = decide(arrived(name), facts, THREE)
        facts = done.facts
        assert [hold.due for hold in done.holds if hold.retries == breached().dedup_key] == []
    done = decide(arrived("03.csv"), facts, THREE)
    assert sorted(hold.due for hold in done.holds) == [NOW, NOW]
    assert {hold.retries for hold in done.holds} == {breached().dedup_key, arrived("01.csv").dedup_key}


def test_a_repeat_changes_nothing():
    facts = decide(policy=THREE).facts
    done = decide(arrived(dedup_key="again"), facts, THREE)
    assert (done.decision.verdict, codes(done), done.facts) == ("suppress", ["file_known"], facts)


def test_what_waited_does_not_count_its_file_again():
    facts = decide(policy=THREE).facts
    assert waited(facts, THREE).facts.arrivals.count == 1


@pytest.mark.parametrize(("kind", "state"), [("data_drift", "remedying"), ("data_arrival", "verifying")])
def test_what_arrives_during_a_retraining_waits_for_its_end(kind, state):
    done = decide(facts=serving("1", incidents=(incident(state, kind=kind),)))
    assert (done.decision.verdict, codes(done)) == ("hold", ["data_arrived", "remedy_under_way"])
    assert done.facts.arrivals.count == 1
    assert [hold.retries for hold in done.holds] == [arrived().dedup_key]


def test_drift_that_is_being_verified_keeps_no_data_waiting():
    assert kinds(decide(facts=serving("1", incidents=(incident("verifying"),)))) == ["Retrain", "Notify"]


def test_what_waited_is_dropped_when_its_data_were_used():
    done = waited(serving("1", incidents=(incident("open", kind="data_arrival"),)))
    assert codes(done) == ["overtaken"]
    assert done.facts.incidents[0].closed_as == "overtaken"


@pytest.mark.parametrize("rules", [[], [{**DATA_RULE, "then": "count"}]], ids=["no rule", "only counted"])
def test_what_waited_is_dropped_when_the_policy_retrains_on_it_no_more(rules):
    facts = serving("1", incidents=(incident("open", kind="data_arrival"),), arrivals=Arrivals(count=1))
    done = waited(facts, policy_with(monitoring=rules))
    assert (codes(done), done.facts.incidents[0].closed_as) == (["overtaken"], "overtaken")
    assert done.facts.arrivals.count == 1


def test_what_waited_without_an_incident_is_dropped_as_well():
    assert codes(waited(serving("1"))) == ["overtaken"]


def test_a_deletion_is_recorded_and_takes_its_file_from_the_count():
    facts = decide(policy=THREE).facts
    done = decide(arrived(kind=DataDeleted, sequencer="0000000000000002"), facts, THREE)
    assert (done.decision.verdict, done.decision.rule, codes(done)) == ("suppress", "data_arrived", ["data_deleted"])
    assert done.facts.arrivals.count == 0


def test_a_rule_that_only_counts_retrains_nothing():
    done = decide(policy=policy_with(monitoring=[{**DATA_RULE, "then": "count"}]))
    assert (done.decision.verdict, codes(done)) == ("suppress", ["data_arrived", "counted"])
    assert done.facts.arrivals.count == 1


def test_of_several_rules_one_that_retrains_is_enough():
    policy = policy_with(monitoring=[{**DATA_RULE, "then": "count"}, {**DATA_RULE, "path": "labelled/*"}])
    assert kinds(decide(policy=policy)) == ["Retrain", "Notify"]


def test_files_that_the_policy_counts_no_more_are_left_alone():
    assert codes(decide(policy=policy_with())) == ["no_data_rule"]


# Routing


@pytest.mark.parametrize(
    "signal",
    [
        arrived(),
        arrived(kind=DataDeleted),
        arrived(source=STORAGE.upper() + "/"),
        arrived(path="2013/january/flights/01.csv"),
    ],
)
def test_files_that_a_rule_names_go_to_its_workload(signal):
    assert out_of_scope(POLICY, signal) is None
    assert route(POLICY, signal) == (SUBJECT,)


@pytest.mark.parametrize(
    "fields",
    [
        {"source": STORAGE + "2"},
        {"container": "raw"},
        {"container": "Labelled"},
        {"path": "2013/01.parquet"},
    ],
)
def test_any_other_file_is_out_of_scope_and_says_what_to_do(fields):
    refusal = out_of_scope(POLICY, arrived(**fields))
    assert refusal is not None
    assert refusal.reason == "out_of_scope"
    assert "no rule with when: data_arrived counts" in refusal.detail


def test_storage_is_out_of_scope_of_a_policy_that_counts_no_files():
    assert out_of_scope(policy_with(), arrived()) is not None


EUROPE = {
    "name": "flight-eu",
    "model": "eu-*",
    "environments": {"staging": {"endpoint": "eu-stg"}, "production": {"endpoint": "eu"}},
}


def test_each_workload_that_counts_a_file_hears_of_it():
    raw = raw_policy({"monitoring": [DATA_RULE]})
    raw["workloads"].append(changed(raw["workloads"][0], EUROPE))
    assert route(Policy.model_validate(raw), arrived()) == (SUBJECT, "workload/flight-eu")
