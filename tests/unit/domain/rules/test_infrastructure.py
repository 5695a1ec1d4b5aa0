from datetime import timedelta

import pytest

from shared.domain.evaluate import evaluate
from shared.domain.platform_signals import Criterion
from shared.domain.rules.infrastructure import (
    ALERT_EXPIRES_AFTER,
    SERVICE_EXPIRES_AFTER,
    TARGETS_MAX,
    on_alert,
    on_expiry,
    on_health,
    on_resolved,
)
from tests.unit.domain.builders import NOW, codes, elapsed, kinds, known, ordered, rolling, serving, situation, version
from tests.unit.domain.platform_builders import ENDPOINT, PRODUCTION, fired, health, listening, resolved

POLICY = listening()
NOTIFYING = listening({"then": "notify", "to": "infrastructure"})


def heard(signal, facts=None, policy=POLICY, **fields):
    return situation(signal, facts or serving("1"), policy=policy, **fields)


def opened(policy=NOTIFYING, **fields):
    """The facts after an alert fired, and its incident."""
    facts = on_alert(heard(fired(**fields), policy=policy), fired(**fields)).facts
    return facts, facts.incidents[0]


def test_an_alert_opens_an_incident_and_tells_the_persona():
    ruling = on_alert(heard(fired(), policy=NOTIFYING), fired())
    assert (ruling.verdict, ruling.rule, kinds(ruling)) == ("act", "infrastructure", ["Notify"])
    assert codes(ruling) == ["alert", "incident_opened", "not_attributed"]
    (found,) = ruling.facts.incidents
    assert (found.kind, found.alert, found.target, found.state) == ("infrastructure", "high latency", ENDPOINT, "open")


def test_what_is_told_says_what_was_measured_and_what_changed_last():
    (notice,) = on_alert(heard(fired(), policy=NOTIFYING), fired()).commands
    assert notice.facts == {
        "alert": "High latency",
        "condition": "RequestLatency_P95 is 812 (GreaterThan 500)",
        "severity": "Sev2",
        "target": ENDPOINT,
        "what changed last": "version 1 began serving at 2026-03-02 12:00:00 UTC",
        "what is done": "nothing by itself: the policy says notify",
    }


@pytest.mark.parametrize(
    ("criterion", "text"),
    [
        (Criterion(metric="cpu"), "cpu is no value ()"),
        (Criterion(metric="cpu", operator="LessThan", value=0.5, threshold=1), "cpu is 0.5 (LessThan 1)"),
        (
            Criterion(metric="cpu", operator="Dynamic", value=2, dimensions={"deployment": "version-2"}),
            "cpu is 2 (Dynamic) for deployment=version-2",
        ),
    ],
)
def test_a_criterion_is_told_with_what_is_known_of_it(criterion, text):
    (notice,) = on_alert(heard(fired(), policy=NOTIFYING), fired(criteria=(criterion,))).commands
    assert notice.facts["condition"] == text


def test_an_alert_without_criteria_tells_the_operation_or_its_description():
    shown = [
        on_alert(heard(fired(), policy=NOTIFYING), fired(criteria=(), **fields)).commands[0].facts["condition"]
        for fields in ({"operation": "listkeys/action"}, {"description": "somebody did it"}, {})
    ]
    assert shown == ["listkeys/action", "somebody did it", "its condition is true"]


def test_without_a_persona_the_owner_is_told():
    (notice,) = on_alert(heard(fired(), policy=listening({})), fired()).commands
    assert notice.persona == "ml_engineers"


def test_a_rollback_and_two_notices_are_one_decision_with_different_ids():
    decision = evaluate(heard(fired(), rolling())).decision
    assert [*kinds(decision)] == ["RollBackTraffic", "Notify", "Notify"]
    assert len({command.id for command in decision.commands}) == 3
    assert decision.rule == "infrastructure"
    assert ordered(decision, "RollBackTraffic").traffic == {"version-1": 100, "version-2": 0}
    assert codes(decision) == ["alert", "incident_opened", "attributed"]


def test_owner_and_persona_may_be_the_same_and_hear_of_both():
    policy = listening({"then": "rollback_or_notify", "to": "ml_engineers"})
    decision = evaluate(heard(fired(), rolling(), policy)).decision
    assert len({command.id for command in decision.commands}) == 3


def test_a_rollback_leaves_the_incident_open_until_the_alert_is_resolved():
    facts = evaluate(heard(fired(), rolling())).facts
    assert facts.open_incident("infrastructure") is not None
    assert facts.rollout is None


def test_a_repeat_rolls_nothing_back():
    facts, _ = opened()
    ruling = on_alert(heard(fired(dedup_key="again"), facts), fired(dedup_key="again"))
    assert (ruling.verdict, codes(ruling), ruling.commands) == ("suppress", ["incident_open"], ())
    assert ruling.facts.incidents[0].repeats == 1


@pytest.mark.parametrize("glob", ["high*", "HIGH LATENCY", "*", "h??h latency"])
def test_a_rule_names_alerts_in_any_case(glob):
    assert on_alert(heard(fired(), policy=listening({"rules": glob})), fired()).verdict == "act"


@pytest.mark.parametrize("glob", ["high", "latency*", "cpu"])
def test_an_alert_that_no_rule_names_is_no_match(glob):
    for ruling in (
        on_alert(heard(fired(), policy=listening({"rules": glob})), fired()),
        on_resolved(heard(resolved(), policy=listening({"rules": glob})), resolved()),
    ):
        assert (ruling.verdict, ruling.rule, codes(ruling)) == ("no_match", "none", ["no_rule"])
        assert "no rule of the policy names this alert" in ruling.reasons[0].text
        assert ruling.facts == serving("1")


@pytest.mark.parametrize(("status", "scope"), [("Active", "service"), ("Planned", "maintenance")])
def test_a_change_of_health_is_named_by_its_scope(status, scope):
    signal = health(status, scope=scope, tracking_id="T-1")
    name = "maintenance" if scope == "maintenance" else "service_health"
    assert on_health(heard(signal, policy=listening({"rules": name})), signal).verdict == "act"
    assert on_health(heard(signal, policy=listening({"rules": "resource_health"})), signal).verdict == "no_match"


@pytest.mark.parametrize("status", ["Available", "RESOLVED", "Completed", "Cancelled", " rca "])
def test_good_news_about_health_opens_nothing(status):
    signal = health(status)
    ruling = on_health(heard(signal), signal)
    assert (ruling.verdict, codes(ruling), ruling.commands) == ("suppress", ["not_open"], ())


@pytest.mark.parametrize("status", ["Unavailable", "Degraded", "Unknown", "Active"])
def test_every_other_news_about_health_is_trouble(status):
    assert on_health(heard(health(status)), health(status)).facts.open_incident("infrastructure")


def test_only_what_nobody_resolves_expires():
    cases = [
        (on_alert, fired(), None),
        (on_alert, fired(stateful=False), ALERT_EXPIRES_AFTER),
        (on_health, health(), None),
        (on_health, health("Active", scope="service"), SERVICE_EXPIRES_AFTER),
    ]
    for rule, signal, wanted in cases:
        dues = [
            hold.due - NOW for hold in rule(heard(signal), signal).holds if hold.signal.purpose == "incident_expiry"
        ]
        assert dues == ([wanted] if wanted else [])


def test_an_expiry_closes_the_incident_and_says_why():
    facts, found = opened(stateful=False)
    ruling = on_expiry(heard(elapsed("incident_expiry", found.id), facts), elapsed("incident_expiry", found.id))
    assert (codes(ruling), ruling.facts.incidents[0].closed_as) == (["expired"], "expired")
    again = on_expiry(heard(elapsed("incident_expiry", found.id), ruling.facts), elapsed("incident_expiry", found.id))
    assert codes(again) == ["stale"]


def test_the_end_tells_how_long_it_lasted_and_releases_its_expiry():
    facts, found = opened(stateful=False)
    signal = resolved(occurred_at=NOW + timedelta(hours=1))
    ruling = on_resolved(heard(signal, facts, NOTIFYING, now=NOW + timedelta(minutes=90)), signal)
    (notice,) = ruling.commands
    assert (notice.persona, notice.facts["open for"], notice.facts["repeats"]) == ("infrastructure", "90m", "0")
    assert len(ruling.released) == 1
    assert found.id in ruling.reasons[0].text


def test_an_incident_is_closed_even_when_its_rule_has_gone_from_the_policy():
    facts, _ = opened()
    ruling = on_resolved(heard(resolved(), facts, listening({"rules": "cpu"})), resolved())
    assert (codes(ruling), ruling.commands[0].persona) == (["resolved"], "ml_engineers")


def test_targets_outside_the_workload_are_left_out_and_those_above_it_count():
    group = PRODUCTION.partition("/providers/")[0]
    signal = fired("High latency", "/subscriptions/other/resourcegroups/x", group, ENDPOINT, ENDPOINT.upper())
    facts = on_alert(heard(signal), signal).facts
    assert [found.target for found in facts.incidents] == [group, ENDPOINT]


def test_an_alert_about_very_many_targets_keeps_the_first():
    signal = fired("High latency", *(f"{PRODUCTION}/computes/{number}" for number in range(40)))
    assert len(on_alert(heard(signal), signal).facts.incidents) == TARGETS_MAX


def test_nothing_serves_and_nothing_breaks():
    ruling = on_alert(heard(fired(), known(version("1", "registered"))), fired())
    assert ruling.commands[0].facts["what changed last"] == "nothing: no version of ours serves"


@pytest.mark.parametrize(
    ("dimensions", "blamed"),
    [
        ({"deployment": "version-2"}, True),
        ({"DeploymentName": "Version-2"}, True),
        ({"deployment": "version-1"}, False),
        ({"deployment": ""}, True),
        ({"statusCodeClass": "5xx"}, True),
    ],
)
def test_an_alert_that_splits_by_deployment_blames_only_the_one_that_it_measured(dimensions, blamed):
    criterion = Criterion(metric="RequestLatency_P95", dimensions=dimensions)
    ruling = on_alert(heard(fired(criteria=(criterion,)), rolling()), fired(criteria=(criterion,)))
    assert ("RollBackTraffic" in kinds(ruling)) is blamed
