from datetime import timedelta

import pytest

from shared.domain.evaluate import evaluate
from shared.domain.policy import Policy
from shared.domain.values import replace
from tests.unit.domain.builders import (
    NOW,
    after,
    codes,
    fell_silent,
    kinds,
    known,
    ordered,
    policy_with,
    raw_policy,
    resumed,
    rolling,
    serving,
    situation,
    version,
)

POLICY = policy_with(monitoring=[{"when": "telemetry_absent", "for": "2h"}])


def decide(signal, facts=None, policy=POLICY):
    return evaluate(situation(signal, serving("1") if facts is None else facts, policy=policy))


def test_a_silent_champion_is_told_of_once():
    done = decide(fell_silent())
    assert (kinds(done), done.decision.rule) == (["Notify"], "telemetry_absent")
    assert [(one.kind, one.state) for one in done.facts.incidents] == [("telemetry_absent", "open")]
    told = ordered(done, "Notify")
    assert told.title == "flight-delay: no telemetry from version-1"
    assert told.facts["allowed"] == "2h of silence"
    again = decide(fell_silent(dedup_key="again"), done.facts)
    assert (codes(again), kinds(again)) == (["silent", "incident_open"], [])


@pytest.mark.parametrize(
    ("kind", "named"), [("managed_online", "diagnostic settings"), ("kubernetes_online", "the scoring script tells")]
)
def test_people_are_told_where_to_look_for_requests_of_that_kind(kind, named):
    place = {"kind": kind, **({"compute": "edge"} if kind == "kubernetes_online" else {})}
    rules = [{"when": "telemetry_absent", "for": "2h"}]
    done = decide(fell_silent(), policy=policy_with(environments={"production": place}, monitoring=rules))
    assert named in ordered(done, "Notify").facts["look at"]


def test_it_is_over_when_it_speaks_again_and_the_same_people_hear_of_it():
    spoke = decide(resumed(occurred_at=after("3h")), decide(fell_silent()).facts)
    assert (codes(spoke), kinds(spoke)) == (["resumed", "resolved"], ["Notify"])
    assert "after 3h of silence" in spoke.decision.reasons[0].text
    assert [one.closed_as for one in spoke.facts.incidents] == ["resolved"]


def test_an_end_that_is_heard_before_its_beginning_opens_nothing():
    spoke = decide(resumed())
    assert codes(spoke) == ["resumed", "not_open"]
    late = decide(fell_silent(), spoke.facts)
    assert (codes(late), kinds(late)) == (["silent", "already_resumed"], [])


def test_rows_that_are_missing_are_told_as_rows_and_what_to_look_at():
    done = decide(fell_silent(silent="rows"))
    assert (codes(done), kinds(done)) == (["rows_silent", "incident_opened"], ["Notify"])
    told = ordered(done, "Notify")
    assert (
        told.facts["silent"]
        == f"requests to version-1 are logged, its rows are not: none since {NOW:%Y-%m-%d %H:%M} UTC"
    )
    assert told.facts["look at"].startswith("the data collector of the deployment")
    assert told.facts["closes"].startswith("when its rows come again")


def test_an_end_of_one_kind_of_silence_ends_no_other():
    rows_silent = decide(fell_silent(silent="rows"))
    assert codes(decide(resumed(), rows_silent.facts)) == ["resumed", "not_open"]
    back = decide(resumed(silent="rows"), rows_silent.facts)
    assert (codes(back), ordered(back, "Notify").title) == (["resumed", "resolved"], "flight-delay: the rows are back")
    assert "sends rows again" in back.decision.reasons[0].text


def test_both_kinds_of_silence_wait_beside_each_other_while_a_rollout_lasts():
    held = decide(fell_silent(), rolling(percent=100))
    both = decide(fell_silent(silent="rows", dedup_key="rows"), held.facts)
    assert held.holds[0].id != both.holds[0].id
    assert len(both.facts.held) == len(held.facts.held) + 1


def test_the_next_silence_is_another():
    first = decide(resumed(), decide(fell_silent()).facts)
    second = decide(fell_silent(since=NOW + timedelta(seconds=1)), first.facts)
    assert kinds(second) == ["Notify"]
    assert [one.state for one in second.facts.incidents] == ["closed", "open"]


@pytest.mark.parametrize(
    ("facts", "policy", "code"),
    [
        (serving("2"), POLICY, "not_serving"),
        (known(version("1", "standby"), version("2")), POLICY, "not_serving"),
        (serving("1"), policy_with(monitoring=[]), "no_rule"),
    ],
)
def test_a_silence_that_nobody_minds_is_recorded(facts, policy, code):
    done = decide(fell_silent(), facts, policy)
    assert (codes(done), kinds(done)) == (["silent", code], [])


def test_a_champion_that_a_rollout_has_taken_all_traffic_from_is_looked_at_again():
    held = decide(fell_silent(), rolling(percent=100))
    assert (held.decision.verdict, codes(held)) == ("hold", ["silent", "rollout_under_way"])
    assert held.holds[0].due == after("1h")
    back = evaluate(
        situation(held.holds[0].signal, replace(held.facts, rollout=None), original=fell_silent(), policy=POLICY)
    )
    assert kinds(back) == ["Notify"]


def test_half_of_the_traffic_is_no_excuse():
    assert kinds(decide(fell_silent(), rolling(percent=50))) == ["Notify"]


def test_the_people_of_the_rule_hear_of_it():
    minded = {"monitoring": [{"when": "telemetry_absent", "for": "2h", "to": "infrastructure"}]}
    personas = {"infrastructure": {"group": "g", "channels": ["teams:platform"]}}
    policy = Policy.model_validate(raw_policy(minded, personas=personas))
    silent = decide(fell_silent(), policy=policy)
    assert ordered(silent, "Notify").channels == ("teams:platform",)
    assert ordered(decide(resumed(), silent.facts, policy), "Notify").persona == "infrastructure"
