"""The deployment that serves is in trouble: it gets more instances, or new ones, within limits; and what came of it.

Version 1 serves since noon, on one instance. The alert of its CPU may add one at a time, up to three, with half an hour to help.
"""

from datetime import timedelta

import pytest

from shared.domain.capacity import Quota
from shared.domain.outcomes import Failed, Succeeded
from tests.scenarios.test_platform import alert_at, told
from tests.scenarios.timeline import Timeline
from tests.unit.domain.builders import after, asked, registered, serving
from tests.unit.domain.platform_builders import ENDPOINT, PRODUCTION, fired, health, listening, resolved

CPU = "CPU is busy"
LIMITS = {"add": 1, "instances_max": 3, "cooldown": "30m", "within": "30m", "give_up_after": 2}
SCALES = {"rules": "cpu*", "then": "scale_out", "to": "infrastructure", "relief": LIMITS}
RESTARTS = {"rules": "memory*", "then": "restart", "to": "infrastructure", "relief": {"within": "20m"}}
OTHERS = {"then": "notify", "to": "infrastructure"}


def as_ordered(command):
    found = {"deployment": command.deployment, "instances": float(getattr(command, "instances", 1))}
    return Succeeded(data=found)


def story_of(*rules, **workload):
    policy = listening(*(rules or (SCALES, RESTARTS, OTHERS)), **workload)
    story = Timeline(policy, serving("1"))
    story.azure.traffic = {"version-1": 100}
    for kind in ("ScaleDeployment", "RestartDeployment"):
        story.azure.always(kind, as_ordered)
    return story


def scaled(story):
    return [(order.expected, order.instances) for order in story.commands("ScaleDeployment")]


def busy(story, text):
    return story.at(text).push(alert_at(text, CPU))


def over(story, text):
    return story.at(text).push(resolved(CPU, occurred_at=after(text)))


@pytest.mark.rule("relief")
def test_a_busy_deployment_gets_one_instance_more_and_the_resolved_alert_says_that_it_helped():
    story = busy(story_of(), "1h").expect(incidents=["verifying"]).expect_ordered("ScaleDeployment")
    assert scaled(story) == [(1, 2)]
    assert told(story, "infrastructure")[0].facts["what is done"] == "scale version-1 out from 1 to 2 instances"
    over(story, "80m").expect(incidents=["helped"])
    last = told(story, "infrastructure")[-1]
    assert "version-1 stays on 2; to go back to 1: az ml online-deployment update" in last.facts["instances"]
    assert not story.at("10h").holds


def test_what_more_instances_cost_is_told_where_the_policy_has_a_price():
    raw = listening(SCALES).model_dump(mode="json", by_alias=True)["workloads"][0]["deployment"]
    story = busy(story_of(SCALES, deployment={**raw, "price_per_hour": "0.27 EUR"}), "1h")
    assert "which costs 0.27 EUR more an hour" in told(story, "infrastructure")[0].facts["what is done"]


def test_an_alert_that_keeps_firing_while_its_remedy_is_waited_for_orders_nothing_more():
    story = busy(busy(story_of(), "1h"), "70m").expect(incidents=["verifying"])
    assert scaled(story) == [(1, 2)]
    assert len(told(story, "infrastructure")) == 1


def test_a_remedy_without_effect_is_followed_by_the_next_and_then_given_up_for_people():
    story = busy(story_of(), "1h").at("91m").expect(incidents=["verifying"]).expect_reason("no_effect")
    assert scaled(story) == [(1, 2), (2, 3)]
    story.at("3h").expect(incidents=["open"]).expect_reason("give_up")
    last = told(story, "infrastructure")[-1].facts
    assert last["what is done"].startswith("nothing by itself: 2 remedies in a row did not help")
    assert last["what changed last"].startswith("version 1 began serving")
    story.at("50h")
    assert scaled(story) == [(1, 2), (2, 3)]
    over(story, "51h").expect(incidents=["resolved"])


def test_once_given_up_the_next_alert_is_only_told_until_a_person_resumes():
    story = busy(story_of(), "1h").at("4h")
    over(story, "5h")
    busy(story, "6h").expect(incidents=["resolved", "open"]).expect_reason("give_up")
    over(story, "7h").push(asked("resume"))
    story.policy = listening({**SCALES, "relief": {**LIMITS, "instances_max": 5}}, OTHERS)
    busy(story, "8h")
    assert scaled(story)[-1] == (3, 4)


def test_the_limit_of_instances_is_reached_and_people_are_told_instead():
    story = busy(story_of(), "1h")
    over(busy(over(story, "80m"), "3h"), "190m").expect(incidents=["helped", "helped"])
    busy(story, "5h").expect_reason("instances_max").expect(incidents=["helped", "helped", "open"])
    assert scaled(story) == [(1, 2), (2, 3)]
    assert "3 instances, the most that the policy allows" in told(story, "infrastructure")[-1].facts["what is done"]


def test_a_second_remedy_waits_for_the_cooldown_and_is_not_taken_when_the_trouble_is_over_by_then():
    story = over(busy(story_of(), "1h"), "65m")
    busy(story, "70m").expect_reason("cooldown").expect(incidents=["helped", "open"])
    over(story, "75m").at("10h").expect(incidents=["helped", "resolved"])
    assert scaled(story) == [(1, 2)]
    assert not story.holds


def test_a_second_remedy_is_taken_when_the_cooldown_is_over_and_the_trouble_is_not():
    story = busy(over(busy(story_of(), "1h"), "65m"), "70m").at("91m").expect(incidents=["helped", "verifying"])
    assert scaled(story) == [(1, 2), (2, 3)]


def test_while_a_version_takes_over_the_remedy_waits_and_then_goes_to_what_serves():
    story = story_of().push(registered("2")).approve("2").expect(percent=10)
    busy(story, "10m").expect(percent=10).expect_reason("promotion_under_way").expect_ordered("ScaleDeployment", 0)
    story.at("2h").expect(champion="2")
    assert [order.deployment for order in story.commands("ScaleDeployment")][:1] == ["version-2"]


def test_the_next_version_is_deployed_on_as_many_instances_as_its_champion_was_given():
    story = over(busy(story_of(), "1h"), "80m").push(registered("2")).approve("2")
    production = [order for order in story.commands("DeployModel") if order.endpoint == "flight-delay"]
    staging = [order for order in story.commands("DeployModel") if order.endpoint != "flight-delay"]
    assert ([one.instance_count for one in staging], [one.instance_count for one in production]) == ([1], [2])


def test_a_version_that_took_over_more_instances_is_scaled_out_from_there():
    story = over(busy(story_of(), "1h"), "80m").push(registered("2")).approve("2")
    busy(story, "5h").expect(champion="2")
    assert scaled(story) == [(1, 2), (2, 3)]


def test_after_a_change_of_the_policy_what_serves_is_known_to_run_on_what_it_was_deployed_on():
    story = story_of().push(registered("2")).approve("2").at("5h").expect(champion="2")
    raw = story.policy.model_dump(mode="json", by_alias=True)["workloads"][0]["deployment"]
    story.policy = listening(SCALES, OTHERS, deployment={**raw, "instance_count": 2})
    busy(story, "6h")
    assert scaled(story) == [(1, 2)]


def test_the_next_remedy_waits_for_a_long_cooldown_before_it_is_taken_or_not_needed():
    slow = {**SCALES, "relief": {**LIMITS, "cooldown": "3h"}}
    story = busy(story_of(slow), "1h").at("91m").expect_reason("cooldown").expect(incidents=["open"])
    assert scaled(story) == [(1, 2)]
    story.at("4h").expect(incidents=["verifying"])
    assert scaled(story) == [(1, 2), (2, 3)]
    calm = over(busy(story_of(slow), "1h").at("91m"), "2h").at("20h").expect(incidents=["resolved"])
    assert scaled(calm) == [(1, 2)]
    assert not calm.holds


@pytest.mark.rule("relief")
def test_memory_that_runs_full_is_answered_by_new_instances():
    story = story_of().at("1h").push(alert_at("1h", "Memory is full", f"{ENDPOINT}/deployments/version-1"))
    story.expect(incidents=["verifying"]).expect_ordered("RestartDeployment")
    assert "an update that changes nothing but one" in told(story, "infrastructure")[0].facts["what is done"]


def test_an_alert_that_nobody_ends_is_over_when_it_is_heard_of_no_more():
    story = story_of().at("1h").push(alert_at("1h", CPU, category="log", stateful=False)).at("91m")
    story.expect(incidents=["helped"]).expect_reason("helped")


def test_an_alert_that_nobody_ends_and_that_is_heard_again_had_no_effect():
    story = story_of().at("1h").push(alert_at("1h", CPU, category="log", stateful=False))
    story.at("80m").push(alert_at("80m", CPU, category="log", stateful=False)).at("91m").expect_reason("no_effect")


def test_another_alert_about_the_endpoint_since_the_remedy_says_that_it_got_worse():
    story = busy(story_of(), "1h").at("70m").push(alert_at("70m", "High latency")).at("91m").expect_reason("worse")
    assert "others fired about the same endpoint" in told(story, "infrastructure")[-1].facts["effect"]


def test_instances_that_somebody_else_set_are_told_and_known_from_then_on():
    story = story_of()
    found = {"deployment": "version-1", "instances": 2.0}
    story.azure.next("ScaleDeployment", Failed(retryable=False, reason="changed by somebody else", data=found))
    busy(story, "1h").expect(incidents=["open"]).expect_reason("relief_failed")
    assert "changed by somebody else" in told(story, "infrastructure")[-1].facts["effect"]
    busy(over(story, "2h"), "3h")
    assert scaled(story) == [(1, 2), (2, 3)]


def test_an_alert_about_another_deployment_the_workspace_or_staging_scales_nothing():
    story = story_of().at("1h")
    for target in (PRODUCTION, f"{ENDPOINT}/deployments/version-9", f"{PRODUCTION}/computes/cpu"):
        story.push(alert_at("1h", CPU, target)).expect_reason("not_serving")
    assert scaled(story) == []


def test_a_change_of_health_is_no_reason_for_more_instances():
    story = story_of({**SCALES, "rules": "*"}).at("1h").push(health()).expect_reason("not_attributed")
    assert "no change of health" in told(story, "infrastructure")[0].facts["what is done"]
    assert scaled(story) == []


def test_to_observe_is_to_be_told_what_would_be_done():
    story = busy(story_of(mode="observe"), "1h").expect_reason("mode_observe").expect(incidents=["open"])
    assert story.commands("ScaleDeployment") == []
    assert [one.instances for decision in story.ledger for one in decision.planned] == [2]
    assert "waits to scale version-1 out from 1 to 2" in told(story, "infrastructure")[0].facts["what is done"]


def test_to_propose_is_to_be_asked_first_and_a_yes_is_acted_on_at_once():
    story = busy(story_of(mode="propose"), "1h").expect_reason("approval").expect_ordered("RequestApproval")
    assert scaled(story) == []
    story.say("approve").expect(incidents=["verifying"])
    assert scaled(story) == [(1, 2)]


def test_a_no_leaves_the_incident_to_people_and_to_the_alert():
    story = busy(story_of(mode="propose"), "1h").say("reject").expect(incidents=["open"])
    assert scaled(story) == []
    over(story, "2h").expect(incidents=["resolved"])
    assert not story.holds


def test_a_pause_holds_it_and_its_end_lets_it_go_on():
    story = busy(story_of().push(asked("pause")), "1h").expect_reason("paused")
    story.push(asked("resume")).at("61m")
    assert scaled(story) == [(1, 2)]


def test_instances_that_have_no_room_wait_and_say_what_to_ask_for():
    story = story_of()
    story.azure.quota = Quota(location="westeurope", family="standardDSv3Family", cores=4, used=98, limit=100)
    busy(story, "1h").expect_reason("quota")
    assert scaled(story) == []
    story.azure.quota = Quota(location="westeurope", family="standardDSv3Family", cores=4, used=48, limit=100)
    story.at("80m")
    assert scaled(story) == [(1, 2)]


def test_a_region_that_is_down_is_told_and_no_remedy_storms_it():
    story = story_of().at("1h")
    outage = health(
        "Active", scope="service", tracking_id="ABC-1", title="Azure ML in West Europe", targets=(PRODUCTION,)
    )
    story.push(outage)
    for number in range(10):
        story.push(alert_at("1h", f"{CPU} {number}"), alert_at("1h", f"Memory {number}"))
    assert not {"ScaleDeployment", "RestartDeployment"} & {type(one).__name__ for one in story.commands()}
    story.expect_reason("platform_unwell")
    story.at("2h").push(
        health("Resolved", scope="service", tracking_id="ABC-1", targets=(PRODUCTION,), occurred_at=after("2h"))
    )
    for number in range(10):
        story.push(
            resolved(f"{CPU} {number}", occurred_at=after("2h")), resolved(f"Memory {number}", occurred_at=after("2h"))
        )
    story.at("30h")
    assert not story.holds
    assert scaled(story) == []


def test_of_many_alerts_at_once_one_remedy_is_taken_and_the_others_wait_for_it():
    story = story_of().at("1h").push(*(alert_at("1h", f"{CPU} {number}") for number in range(5)))
    assert scaled(story) == [(1, 2)]
    story.expect_reason("remedy_under_way")


@pytest.mark.parametrize("fields", [{"occurred_at": after("1h") - timedelta(minutes=5)}])
def test_an_end_that_comes_before_the_remedy_began_leaves_nothing_ordered(fields):
    story = story_of().push(fired(CPU, **fields), resolved(CPU, occurred_at=after("1h")))
    story.at("20h").expect(incidents=["helped"])
    assert scaled(story) == [(1, 2)]
