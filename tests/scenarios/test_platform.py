"""The platform speaks: alerts, health, Azure Policy, Defender, and hands that are not ours, as timelines.

The example bakes each step for 30 minutes, so version 2 takes over at 90 minutes; alerts are attributed for an hour.
"""

import json
from datetime import timedelta
from pathlib import Path

import pytest

from shared.parsing.detect import parse
from tests.scenarios.timeline import Timeline
from tests.unit.domain.builders import NOW, after, asked, known, registered, serving, version
from tests.unit.domain.platform_builders import (
    ELSEWHERE,
    ENDPOINT,
    PRODUCTION,
    STAGING,
    deployed,
    fired,
    health,
    judged,
    listening,
    resolved,
    resource_changed,
    security_alert,
    vulnerability,
)
from tests.unit.parsing.alert_bodies import older_activity

EVENTS = Path(__file__).parents[1] / "events"
BACK_TO_1 = {"version-1": 100, "version-2": 0}
SECURITY = {"notify_from": "medium", "to": "guards"}


def story_of_version_1(policy=None):
    """Version 1 serves since noon."""
    story = Timeline(policy or listening(), serving("1"))
    story.azure.traffic = {"version-1": 100}
    return story


def story_of_version_2(policy=None):
    """Version 1 serves, version 2 is approved, and ten percent are in force at noon."""
    return story_of_version_1(policy).push(registered("2")).approve("2").expect(percent=10)


def alert_at(text, rule="High latency", *targets, **fields):
    return fired(rule, *targets, occurred_at=after(text), **fields)


def as_azure_sends_it(name, resource, ours):
    """The signals of a recorded payload, about a resource of ours."""
    text = (EVENTS / f"{name}.json").read_text(encoding="utf-8")
    assert resource in text
    return parse(text.replace(resource, ours).encode())


def told(story, persona):
    return [notice for notice in story.commands("Notify") if notice.persona == persona]


@pytest.mark.rule("infrastructure")
def test_an_alert_long_after_any_rollout_is_an_incident_for_the_infrastructure_team():
    story = story_of_version_2().at("10h").push(alert_at("10h")).expect(champion="2", incidents=["open"])
    (notice,) = told(story, "infrastructure")
    assert notice.facts["condition"] == "RequestLatency_P95 is 812 (GreaterThan 500)"
    assert notice.facts["what changed last"] == "version 2 began serving at 2026-03-02 13:30:00 UTC"
    assert notice.facts["what is done"].startswith("nothing by itself")
    assert notice.channels == ("teams:infrastructure",)
    assert story.commands("RollBackTraffic") == []


@pytest.mark.rule("infrastructure")
def test_the_resolved_alert_closes_the_incident_and_tells():
    story = story_of_version_1().at("5h").push(alert_at("5h")).at("7h")
    story.push(resolved(occurred_at=after("7h"))).expect(incidents=["resolved"]).expect_reason("resolved")
    notice = told(story, "infrastructure")[-1]
    assert notice.title.endswith("High latency on flight-delay is resolved")
    assert notice.facts["open for"] == "2h"


def test_an_alert_that_is_stateful_stays_open_until_it_is_resolved():
    story_of_version_1().push(fired()).at("800h").expect(incidents=["open"])


def test_an_alert_on_the_activity_log_is_closed_by_its_age():
    story = story_of_version_1().push(fired("Key listed", category="activity_log", stateful=False))
    story.at("23h").expect(incidents=["open"]).at("24h").expect(incidents=["expired"]).expect_reason("expired")
    assert not story.holds


def test_a_repeat_puts_the_age_of_an_activity_log_alert_back_to_nothing():
    once = {"category": "activity_log", "stateful": False}
    story = story_of_version_1().push(fired("Key listed", **once)).at("20h")
    story.push(alert_at("20h", "Key listed", **once)).at("43h").expect(incidents=["open"])
    story.at("44h").expect(incidents=["expired"])


def test_an_alert_during_a_rollout_rolls_back_in_one_write():
    story = story_of_version_2().at("10m").push(alert_at("10m"))
    story.expect(champion="1", percent=None, traffic=BACK_TO_1, versions={"1": "serving", "2": "rolled_back"})
    story.expect_ordered("RollBackTraffic")
    (decision,) = [decision for decision in story.ledger if "RollBackTraffic" in str(decision.commands)]
    assert any(reason.code == "alert" and "High latency" in reason.text for reason in decision.reasons)
    assert "version 2 is taking over" in told(story, "infrastructure")[0].facts["what changed last"]
    assert "High latency" in str(told(story, "ml_engineers")[-1].facts)


@pytest.mark.rule("attribution")
def test_an_alert_soon_after_the_takeover_goes_back_to_the_warm_standby():
    story = story_of_version_2().at("2h").expect(champion="2").push(alert_at("2h"))
    story.expect(champion="1", standby="", traffic=BACK_TO_1).expect_reason("attributed")
    story.at("100h").expect(versions={"1": "serving", "2": "rolled_back"})


@pytest.mark.rule("attribution")
def test_an_alert_after_the_time_of_attribution_rolls_nothing_back():
    story = story_of_version_2().at("151m").push(alert_at("151m")).expect(champion="2", incidents=["open"])
    story.expect_reason("not_attributed")


def test_without_a_standby_there_is_nothing_to_go_back_to():
    story = Timeline(listening()).push(registered("1")).approve("1").at("10m").expect(champion="1")
    story.push(alert_at("10m")).expect(champion="1", incidents=["open"]).expect_reason("not_attributed")


def test_the_policy_may_only_want_to_be_told():
    story = story_of_version_2(listening({"then": "notify", "to": "infrastructure"})).at("10m").push(alert_at("10m"))
    story.expect(percent=10, incidents=["open"])
    assert len(told(story, "infrastructure")) == 1


@pytest.mark.parametrize("action", ["pause", None])
@pytest.mark.parametrize("mode", ["act", "observe"])
def test_neither_a_pause_nor_observing_keeps_an_alert_from_rolling_back(action, mode):
    story = story_of_version_2().at("10m")
    story.policy = listening(mode=mode)
    if action:
        story.push(asked(action))
    story.push(alert_at("10m")).expect(champion="1", traffic=BACK_TO_1)


def test_an_alert_that_fired_before_the_rollout_is_not_blamed_on_it():
    story = story_of_version_2().at("10m").push(fired(occurred_at=NOW - timedelta(minutes=3)))
    story.expect(percent=10, incidents=["open"]).expect_reason("not_attributed")


@pytest.mark.parametrize(
    "target", [STAGING, f"{PRODUCTION}/computes/cpu", f"{ENDPOINT}/deployments/version-1", f"{ENDPOINT}-eu"]
)
def test_an_alert_about_something_else_than_the_new_version_rolls_nothing_back(target):
    story = story_of_version_2().at("10m").push(alert_at("10m", "High latency", target))
    story.expect(percent=10, incidents=["open"])


@pytest.mark.parametrize("target", [PRODUCTION, ENDPOINT.upper(), f"{ENDPOINT}/deployments/version-2"])
def test_an_alert_about_the_new_version_the_endpoint_or_the_workspace_does(target):
    story_of_version_2().at("10m").push(alert_at("10m", "High latency", target)).expect(champion="1", percent=None)


def test_throttling_by_resource_manager_is_told_once_and_its_end_too():
    throttled = {"scope": "throttling", "tracking_id": "s1", "targets": (PRODUCTION,)}
    story = story_of_version_1(listening({"rules": "throttling", "then": "notify", "to": "infrastructure"}))
    story.push(health("Throttled", title="3 requests", **throttled)).expect(incidents=["open"])
    story.at("15m").push(health("Throttled", title="9", dedup_key="again", occurred_at=after("15m"), **throttled))
    assert [one.repeats for one in story.facts.incidents] == [1]
    story.at("2h").push(health("Resolved", occurred_at=after("2h"), **throttled)).expect(incidents=["resolved"])
    assert len(told(story, "infrastructure")) == 2


def test_an_alert_that_keeps_firing_is_one_incident():
    story = story_of_version_1().push(*(alert_at(f"{hours}h") for hours in range(4))).expect(incidents=["open"])
    assert story.facts.incidents[0].repeats == 3
    assert len(told(story, "infrastructure")) == 1


@pytest.mark.rule("target_incidents")
def test_one_rule_on_two_targets_is_two_incidents_and_each_is_closed_by_its_own_end():
    story = story_of_version_1().push(fired("High latency", ENDPOINT, STAGING)).expect(incidents=["open", "open"])
    story.push(resolved("High latency", STAGING)).expect(incidents=["open", "resolved"])
    story.push(resolved("High latency", ENDPOINT)).expect(incidents=["resolved", "resolved"])


def test_an_end_that_is_heard_before_its_beginning_leaves_nothing_open():
    begin, finish = fired(), resolved(occurred_at=after("1h"))
    in_order, reversed_order = story_of_version_1().push(begin, finish), story_of_version_1().push(finish, begin)
    in_order.expect(incidents=["resolved"])
    reversed_order.expect(incidents=["resolved"]).expect_reason("already_resolved")


def test_an_old_end_that_comes_late_does_not_close_the_new_incident():
    story = story_of_version_1().push(fired(), alert_at("2h"))
    story.push(resolved(occurred_at=after("1h"))).expect(incidents=["open"]).expect_reason("stale")


def test_an_alert_that_fires_again_after_its_end_is_a_new_incident():
    story = story_of_version_1().push(fired(), resolved(occurred_at=after("1h")), alert_at("2h"))
    story.expect(incidents=["resolved", "open"])


def test_an_alert_that_no_rule_names_is_recorded_as_such():
    story = story_of_version_1(listening({"rules": "*latency*"})).push(fired("CPU is busy"), resolved("CPU is busy"))
    assert [(one.verdict, one.reasons[0].text) for one in story.ledger] == [
        ("no_match", "no rule of the policy names this alert (CPU is busy)")
    ] * 2


def test_the_first_rule_that_names_an_alert_answers_it():
    rules = {"rules": "high*", "then": "rollback_or_notify"}, {"rules": "*", "then": "notify", "to": "infrastructure"}
    story = story_of_version_2(listening(*rules)).at("10m").push(alert_at("10m", "CPU is busy")).expect(percent=10)
    assert len(told(story, "infrastructure")) == 1
    story.push(alert_at("10m")).expect(champion="1", percent=None)


def test_alerts_about_somebody_elses_resources_are_not_heard():
    story = story_of_version_1().push(fired("High latency", ELSEWHERE)).expect(incidents=[])
    assert story.ledger == []


def test_a_storm_of_alerts_crowds_out_the_oldest_incidents():
    story = story_of_version_1()
    for number in range(60):
        story.push(fired(f"rule {number}"))
    assert story.seen()["incidents"].count("open") == 20
    assert story.facts.incidents[-1].alert == "rule 59"
    assert story.facts_bytes_max < 64 * 1024


def test_a_resource_that_is_unavailable_during_a_rollout_rolls_back_unless_azure_is_the_cause():
    story_of_version_2().at("10m").push(health(occurred_at=after("10m"))).expect(champion="1", percent=None)
    by_azure = health(occurred_at=after("10m"), cause="PlatformInitiated")
    story_of_version_2().at("10m").push(by_azure).expect(percent=10, incidents=["open"])


def test_a_resource_that_is_available_again_closes_its_incident():
    story = story_of_version_1().push(health()).expect(incidents=["open"])
    story.push(health("Available", occurred_at=after("1h"))).expect(incidents=["resolved"])


def test_an_issue_of_a_service_never_rolls_back_and_is_closed_when_azure_says_so():
    issue = {"scope": "service", "tracking_id": "abc-123", "occurred_at": after("10m")}
    story = story_of_version_2().at("10m").push(health("Active", **issue)).expect(percent=10, incidents=["open"])
    other = health("Resolved", **{**issue, "tracking_id": "def-456", "occurred_at": after("20m")})
    story.push(other).expect_reason("not_open")
    story.push(health("Resolved", **{**issue, "occurred_at": after("30m")}))
    assert [known.closed_as for known in story.facts.incidents if known.alert.endswith("abc-123")] == ["resolved"]


def test_an_issue_of_a_service_whose_end_nobody_told_is_closed_after_a_week():
    story = story_of_version_1().push(health("Active", scope="service", tracking_id="abc-123"))
    story.at("167h").expect(incidents=["open"]).at("168h").expect(incidents=["expired"])


@pytest.mark.rule("by_hand")
def test_a_deployment_that_we_did_not_order_is_reported_once():
    story = story_of_version_1().at("1h").push(deployed(), deployed()).expect_reason("changed_by_hand")
    (notice,) = told(story, "ml_engineers")
    assert (notice.title, notice.facts["what"]) == (
        "flight-delay: production was changed by hand",
        "flight-delay/blue was deployed",
    )
    story.expect(incidents=["open"], champion="1")


def test_our_own_deployments_are_recognised():
    story = story_of_version_2().at("2h")
    for name in ("version-1", "version-2"):
        story.push(deployed(f"flight-delay/{name}"), resource_changed(f"{ENDPOINT}/deployments/{name}"))
        story.expect_reason("our_own")
    assert not any("by hand" in notice.title for notice in told(story, "ml_engineers"))


def test_a_champion_that_somebody_deletes_is_reported_and_our_own_clean_up_is_not():
    story = story_of_version_2().at("74h").expect(versions={"1": "retired", "2": "serving"})
    story.push(resource_changed(f"{ENDPOINT}/deployments/version-1", "deleted")).expect_reason("our_own")
    story.push(resource_changed(f"{ENDPOINT}/deployments/version-2", "deleted", occurred_at=after("74h")))
    story.expect_reason("deleted_by_hand").expect(champion="", versions={"1": "retired", "2": "retired"})


def test_traffic_that_somebody_else_moves_is_reported_and_our_own_is_not():
    story = story_of_version_2().at("10m").push(resource_changed(ENDPOINT)).expect_reason("our_own")
    story.at("10h").push(resource_changed(ENDPOINT, dedup_key="later")).expect_reason("changed_by_hand")


@pytest.mark.rule("compliance")
def test_a_workspace_that_is_not_compliant_blocks_a_promotion_until_it_is():
    story = story_of_version_1().push(judged()).expect_reason("noncompliant")
    story.push(registered("2")).expect(versions={"1": "serving", "2": "registered"}).expect_reason("noncompliant")
    story.at("5h").expect(versions={"1": "serving", "2": "registered"})
    story.push(judged(compliant=True, occurred_at=after("5h"))).at("5h").expect(
        versions={"1": "serving", "2": "awaiting_approval"}
    )
    titles = [notice.title for notice in told(story, "ml_engineers")]
    assert titles == [
        "flight-delay: promotions wait until the production workspace is compliant",
        "flight-delay: the production workspace is compliant, promotions go on",
    ]


def test_a_hold_names_the_resource_and_the_assignment():
    story = story_of_version_1().push(judged(f"{STAGING}/computes/cpu"), registered("2"))
    (reason,) = story.ledger[-1].reasons
    assert "computes/cpu does not comply with" in reason.text
    assert "policyassignments/private-link" in reason.text
    assert "compliant" in reason.release


def test_every_assignment_has_to_be_mended():
    other = {"assignment_id": "/providers/a/policyassignments/tags"}
    story = story_of_version_1().push(judged(), judged(**other)).expect_reason("still_blocked").push(registered("2"))
    story.push(judged(compliant=True, occurred_at=after("1m"))).expect(versions={"1": "serving", "2": "registered"})
    story.push(judged(compliant=True, occurred_at=after("1m"), **other)).at("1m")
    story.expect(versions={"1": "serving", "2": "awaiting_approval"})
    assert len(told(story, "ml_engineers")) == 2


def test_an_older_judgement_never_overrides_a_newer_one():
    story = story_of_version_1().push(judged(compliant=True, occurred_at=after("1h")), judged()).expect_reason("older")
    story.push(registered("2")).expect(versions={"1": "serving", "2": "awaiting_approval"})


def test_what_is_wrong_in_development_blocks_nothing():
    development = PRODUCTION.replace("flights-prod", "flights-dev")
    story = story_of_version_1().push(judged(development)).expect_reason("no_rule")
    story.push(registered("2")).expect(versions={"1": "serving", "2": "awaiting_approval"})


def test_a_yes_waits_when_production_stops_being_compliant_meanwhile():
    story = story_of_version_1().push(registered("2"), judged()).approve("2")
    story.expect(versions={"1": "serving", "2": "awaiting_approval"}).expect_reason("noncompliant")
    assert not [order for order in story.commands("DeployModel") if order.endpoint == "flight-delay"]
    story.push(judged(compliant=True, occurred_at=after("1m"))).at("1m").expect(percent=10)


def test_a_yes_that_waits_too_long_ends_with_its_question():
    story = story_of_version_1().push(registered("2"), judged()).approve("2").at("49h")
    story.expect(versions={"1": "serving", "2": "rejected"}).at("60h")
    assert not story.holds


def test_a_candidate_does_not_enter_staging_when_that_stops_being_compliant():
    story = story_of_version_1()
    story.azure.next("ShareModel", None)
    story.push(registered("2"), judged(STAGING))
    (share,) = story.commands("ShareModel")
    story.finish(share).expect_reason("noncompliant").expect(versions={"1": "serving", "2": "staging"})
    story.push(judged(STAGING, compliant=True, occurred_at=after("1m"))).at("1m")
    story.expect(versions={"1": "serving", "2": "awaiting_approval"})


def test_a_rollout_under_way_and_a_rollback_do_not_wait_for_compliance():
    story = story_of_version_2().push(judged()).at("30m").expect(percent=50)
    story.push(asked("rollback")).expect(champion="1", traffic=BACK_TO_1)


@pytest.mark.rule("security")
def test_a_security_alert_is_told_once_to_those_who_guard():
    story = story_of_version_1(listening(security=SECURITY)).push(security_alert()).expect(incidents=["open"])
    again = security_alert(dedup_key="again", occurred_at=after("1h"))
    story.push(again).expect_reason("incident_open").expect(incidents=["open"])
    (notice,) = told(story, "guards")
    assert (notice.facts["severity"], notice.facts["target"]) == ("High", ENDPOINT)
    assert story.facts.incidents[0].repeats == 1


def test_a_security_alert_below_the_severity_is_recorded_and_not_told():
    story = story_of_version_1(listening(security=SECURITY)).push(security_alert("Low")).expect(incidents=[])
    story.expect_reason("below_severity")
    assert told(story, "guards") == []


def test_a_security_alert_that_becomes_worse_is_told_again():
    story = story_of_version_1(listening(security=SECURITY)).push(security_alert("Medium"), security_alert("High"))
    story.expect(incidents=["open"]).expect_reason("worse")
    assert len(told(story, "guards")) == 2


def test_a_vulnerability_that_is_mended_closes_its_incident():
    story = story_of_version_1(listening(security=SECURITY)).push(vulnerability()).expect(incidents=["open"])
    story.push(vulnerability(healthy=True, occurred_at=after("1d"))).expect(incidents=["resolved"])
    assert told(story, "guards")[-1].title == "flight-delay: resolved: Workspaces should use private link"


def test_a_security_alert_that_somebody_dismissed_closes_its_incident():
    story = story_of_version_1(listening(security=SECURITY)).push(security_alert())
    story.push(security_alert(status="Dismissed", occurred_at=after("1h"))).expect(incidents=["resolved"])


def test_without_a_section_about_security_nobody_is_told():
    story = story_of_version_1().push(security_alert(), vulnerability()).expect(incidents=[]).expect_reason("no_rule")
    assert story.commands() == []


def test_two_versions_that_are_known_keep_serving_whatever_is_said_about_security():
    facts = known(version("1", "standby"), version("2"))
    story = Timeline(listening(security=SECURITY), facts).push(security_alert(), vulnerability())
    story.expect(champion="2", standby="1", incidents=["open", "open"])


def test_the_latency_alert_that_azure_sends_opens_an_incident_and_its_resolved_one_closes_it():
    endpoint = (
        "/subscriptions/aaaa0a0a-bb1b-cc2c-dd3d-eeeeee4e4e4e/resourcegroups/test-rg/providers/"
        "microsoft.machinelearningservices/workspaces/test-ws/onlineendpoints/test-endpoint"
    )
    latency = "alert-common-metric-online-endpoint-latency"
    story = story_of_version_1().push(*as_azure_sends_it(latency, endpoint, ENDPOINT))
    story.expect(incidents=["open"])
    assert "deployment=green" in told(story, "infrastructure")[0].facts["condition"]
    story.push(*as_azure_sends_it(f"{latency}-resolved", endpoint, ENDPOINT)).expect(incidents=["resolved"])


def test_a_pause_and_compliance_hold_together_and_both_are_listed():
    story = story_of_version_1().push(asked("pause"), judged(), registered("2"))
    story.expect_reason("paused").expect_reason("noncompliant")
    story.push(judged(compliant=True, occurred_at=after("1m"))).at("1m")
    story.expect(versions={"1": "serving", "2": "registered"}).expect_reason("paused")
    story.push(asked("resume")).at("1m").expect(versions={"1": "serving", "2": "awaiting_approval"})


def test_a_promotion_behind_another_one_waits_for_compliance_too():
    story = story_of_version_2().push(judged(), registered("3")).expect_reason("promotion_under_way")
    story.expect_reason("noncompliant").at("3h").expect(champion="2").expect_reason("noncompliant")
    story.push(judged(compliant=True, occurred_at=after("3h"))).at("3h")
    assert story.seen()["versions"]["3"] == "awaiting_approval"


def written(name, resource=ENDPOINT, **changes):
    """The record of the activity log about a deployment that was written, as an Event Hub brings it."""
    record = {
        "time": "2026-03-02T13:00:00Z",
        "resourceId": f"{resource}/deployments/{name}".upper(),
        "operationName": "MICROSOFT.MACHINELEARNINGSERVICES/WORKSPACES/ONLINEENDPOINTS/DEPLOYMENTS/WRITE",
        "category": "Administrative",
        "resultType": "Success",
        "correlationId": f"write-of-{name}",
        "identity": {"claims": {"name": "eve@contoso.com"}},
    }
    return parse(json.dumps({"records": [record | changes]}).encode())[0]


def test_the_activity_log_tells_who_deployed_by_hand():
    story = story_of_version_1().at("1h").push(written("blue")).expect_reason("changed_by_hand")
    (notice,) = told(story, "ml_engineers")
    assert (notice.facts["what"], notice.facts["by"]) == ("flight-delay/blue was deployed", "eve@contoso.com")


def test_our_own_writes_in_the_activity_log_are_recognised():
    story = story_of_version_2().push(written("version-2")).expect_reason("our_own")
    staging = f"{STAGING}/onlineendpoints/flight-delay-stg"
    story.push(written("version-2", staging, correlationId="staging")).expect_reason("no_rule")
    assert not any("by hand" in notice.title for notice in told(story, "ml_engineers"))


def test_one_write_that_an_alert_and_the_event_hub_tell_is_reported_once():
    event = {
        "operationName": "Microsoft.MachineLearningServices/workspaces/onlineEndpoints/deployments/write",
        "resourceId": f"{ENDPOINT}/deployments/blue",
        "correlationId": "write-of-blue",
    }
    (alert,) = parse(json.dumps(older_activity(**event)).encode())
    story = story_of_version_1().push(alert, written("blue"))
    assert len(told(story, "ml_engineers")) == 1
