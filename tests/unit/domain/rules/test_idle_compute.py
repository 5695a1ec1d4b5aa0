"""What an idle compute instance means, ruling by ruling; whole stories are among the scenarios."""

import pytest

from shared.domain.commands import Notify, StopCompute
from shared.domain.outcomes import Failed, Skipped, Succeeded
from shared.domain.plans import stale, waits
from shared.domain.policy import Policy
from shared.domain.policy_idle import compute_rules
from shared.domain.rules.idle_compute import on_observed, on_stopped
from shared.domain.values import replace
from tests.scenarios.test_idle_compute import RULE, seen
from tests.unit.domain.builders import (
    codes,
    drift_rule,
    finished,
    kinds,
    ordered,
    policy_with,
    raw_policy,
    serving,
    situation,
)
from tests.unit.domain.platform_builders import PERSONAS

POLICY = policy_with(monitoring=[drift_rule(), RULE])


def heard(signal=None, facts=None, policy=POLICY, **fields):
    signal = signal or seen()
    return on_observed(situation(signal, facts or serving("1"), policy=policy, **fields), signal)


def test_the_order_and_the_message_come_with_the_incident():
    ruling = heard()
    assert (codes(ruling), kinds(ruling)) == (["idle", "incident_opened"], ["StopCompute", "Notify"])
    (incident,) = ruling.facts.incidents
    assert (incident.kind, incident.state, incident.remedy) == (
        "compute_idle",
        "remedying",
        ordered(ruling, "StopCompute").id,
    )


def test_a_repeat_is_known():
    facts = heard().facts
    assert codes(heard(seen("2h"), facts)) == ["idle", "incident_open"]


def test_to_be_in_use_when_nothing_was_open_says_nothing():
    ruling = heard(seen(idle=False))
    assert (ruling.verdict, codes(ruling), ruling.facts) == ("suppress", ["used", "not_open"], serving("1"))


def test_an_end_that_nothing_waits_for_is_stale():
    signal = finished("c", "StopCompute", Succeeded())
    assert codes(on_stopped(situation(signal, serving("1"), policy=POLICY), signal)) == ["stale"]


@pytest.mark.parametrize(
    ("outcome", "code", "state"),
    [
        (Failed(retryable=False, reason="not permitted"), "stop_failed", "open"),
        (Skipped(reason="started again"), "used", "closed"),
    ],
)
def test_one_that_was_not_stopped_is_told_to_those_whom_the_rule_names(outcome, code, state):
    monitoring = [drift_rule(), {**RULE, "to": "infrastructure"}]
    policy = Policy.model_validate(raw_policy({"monitoring": monitoring}, personas=PERSONAS))
    ruling = heard(policy=policy)
    signal = finished(ordered(ruling, "StopCompute").id, "StopCompute", outcome)
    after = on_stopped(situation(signal, ruling.facts, policy=policy), signal)
    assert (codes(after), after.facts.incidents[-1].state) == ([code], state)
    (told,) = after.commands
    assert isinstance(told, Notify)
    assert told.persona == "infrastructure" != policy.workloads[0].owner
    assert outcome.reason in str(told.facts)


def test_an_order_is_stale_once_its_incident_is_over_and_waits_out_a_pause():
    ruling = heard()
    command = ordered(ruling, "StopCompute")
    assert isinstance(command, StopCompute)
    assert stale(command, ruling.facts) == ""
    assert waits(command, replace(ruling.facts, paused=True))
    closed = ruling.facts.with_incident(replace(ruling.facts.incidents[-1], state="closed"))
    assert stale(command, closed) == "it is in use again, or stopped"


@pytest.mark.parametrize(
    ("name", "watched"), [("ci-anna", True), ("CI-Anna", True), ("gpu-anna", False), ("my-ci-1", False)]
)
def test_a_rule_watches_names_in_any_case(name, watched):
    (rule,) = compute_rules(POLICY.workloads[0].monitoring)
    assert rule.watches(name) is watched


def test_a_rule_of_another_environment_stops_nothing_here():
    elsewhere = {**RULE, "environment": "staging" if RULE.get("environment") != "staging" else "production"}
    ruling = heard(policy=policy_with(monitoring=[drift_rule(), elsewhere]))
    assert (codes(ruling), kinds(ruling)) == (["idle", "no_rule"], [])


def test_of_two_rules_of_its_workspace_the_first_answers():
    told = {**RULE, "computes": "ci-a*", "then": "notify"}
    assert kinds(heard(policy=policy_with(monitoring=[drift_rule(), told, RULE]))) == ["Notify"]
