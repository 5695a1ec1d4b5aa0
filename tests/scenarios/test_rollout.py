"""A new version takes over step by step, or doesn't, as timelines. The example bakes each step for 30 minutes."""

import pytest

from shared.domain.observations import TrafficSample
from shared.domain.outcomes import Failed, Succeeded
from shared.domain.policy import Policy
from tests.scenarios.timeline import Timeline
from tests.unit.domain.builders import BROKEN, SCARCE, asked, policy_with, raw_policy, registered, serving


def story_of_version_2(policy=None):
    """Version 1 serves, version 2 is approved, and ten percent are in force at noon."""
    story = Timeline(policy or policy_with(), serving("1"))
    story.azure.traffic = {"version-1": 100}
    return story.push(registered("2")).approve("2").expect(traffic={"version-2": 10, "version-1": 90})


@pytest.mark.rule("rollout")
def test_a_later_version_takes_over_in_three_steps_and_the_old_one_stays_warm():
    story = story_of_version_2()
    story.at("29m").expect(percent=10)
    story.at("30m").expect(percent=50, traffic={"version-2": 50, "version-1": 50})
    story.at("1h").expect(percent=100, traffic={"version-2": 100, "version-1": 0}, champion="1")
    story.at("90m").expect(percent=None, champion="2", standby="1", versions={"1": "standby", "2": "serving"})


@pytest.mark.rule("standby")
def test_the_warm_standby_is_removed_when_its_time_is_over():
    story = story_of_version_2().at("90m").at("73h").expect(standby="1")
    story.at("74h").expect(standby="", versions={"1": "retired", "2": "serving"}).expect_reason("standby_ended")
    assert story.commands("RemoveDeployment")[-1].deployment == "version-1"


@pytest.mark.rule("analysis")
@pytest.mark.rule("rollout")
def test_a_broken_version_3_is_caught_at_ten_percent():
    story = story_of_version_2().at("2h")
    story.azure.serves("3", BROKEN)
    story.push(registered("3")).approve("3").expect(traffic={"version-3": 10, "version-2": 90})
    story.at("150m").expect(
        traffic={"version-2": 100, "version-3": 0},
        champion="2",
        versions={"1": "standby", "2": "serving", "3": "rolled_back"},
        incidents=["rolled_back"],
    )
    story.expect_reason("error_rate").expect_ordered("RollBackTraffic")
    assert max(order.traffic.get("version-3", 0) for order in story.commands("SetTraffic")) == 10


def test_a_slow_version_is_caught_too():
    story = story_of_version_2()
    slow = SCARCE.__class__(
        requests=900, latency_p95_ms=150, latency_p95_ms_lower=140, latency_p95_ms_upper=160, latency_p50_ms=60
    )
    story.azure.serves("2", slow)
    story.at("30m").expect(traffic={"version-1": 100, "version-2": 0}).expect_reason("latency_p95_vs_champion")


@pytest.mark.rule("looks")
@pytest.mark.rule("analysis")
def test_too_few_requests_hold_the_step_and_then_give_up():
    story = story_of_version_2()
    story.azure.serves("2", SCARCE)
    story.at("3h").expect(percent=10).expect_reason("sample")
    story.at("4h").expect(percent=None, traffic={"version-1": 100, "version-2": 0})


def test_a_step_that_was_inconclusive_goes_on_when_requests_come():
    story = story_of_version_2()
    story.azure.serves("2", SCARCE)
    story.at("1h").expect(percent=10)
    story.azure.samples.clear()
    story.at("90m").expect(percent=50)


@pytest.mark.rule("ending")
def test_a_person_rolls_back_in_the_middle_even_of_a_paused_workload():
    story = story_of_version_2().at("31m").push(asked("pause"))
    story.push(asked("rollback")).expect(
        traffic={"version-1": 100, "version-2": 0}, champion="1", versions={"1": "serving", "2": "rolled_back"}
    )
    story.at("5h").expect(traffic={"version-1": 100, "version-2": 0})


@pytest.mark.rule("rollback")
def test_a_person_rolls_back_afterwards_to_the_warm_standby():
    story = story_of_version_2().at("10h").expect(champion="2").push(asked("rollback"))
    story.expect(champion="1", standby="", traffic={"version-1": 100, "version-2": 0})
    story.at("100h").expect(versions={"1": "serving", "2": "rolled_back"})
    assert not story.holds


def test_a_second_rollback_has_nothing_to_go_back_to():
    story = story_of_version_2().at("10h").push(asked("rollback"))
    story.push(asked("rollback", dedup_key="again")).expect(champion="1").expect_reason("no_standby")


def test_an_older_standby_that_ends_leaves_the_newer_one_reachable():
    story = story_of_version_2().at("2h").push(registered("3")).approve("3").at("10h").expect(champion="3", standby="2")
    story.at("74h").expect(standby="2", versions={"1": "retired", "2": "standby", "3": "serving"})
    story.push(asked("rollback")).expect(champion="2", traffic={"version-2": 100, "version-3": 0})


def test_traffic_that_cannot_be_set_goes_back_to_the_champion():
    story = Timeline(facts=serving("1"))
    story.azure.next("SetTraffic", Succeeded(), Failed(retryable=False, reason="the endpoint is being deleted"))
    story.push(registered("2")).approve("2").at("30m")
    story.expect(champion="1", percent=None).expect_reason("traffic_not_set").expect_ordered("RollBackTraffic")


@pytest.mark.rule("rollback")
def test_a_rollback_that_fails_pages_a_person_with_the_exact_command():
    story = story_of_version_2()
    story.azure.next("RollBackTraffic", Failed(retryable=False, reason="409 for fifteen minutes"))
    story.push(asked("rollback")).expect_reason("rollback_failed")
    page = story.commands("Notify")[-1]
    by_hand = (
        'az ml online-endpoint update --name flight-delay --traffic "version-1=100" '
        "--resource-group mlops --workspace-name flights-prod"
    )
    assert (page.facts["why"], page.facts["do this now"]) == ("409 for fifteen minutes", by_hand)


def test_a_traffic_write_that_ends_after_the_rollback_restarts_nothing():
    story = Timeline(facts=serving("1"))
    story.azure.next("SetTraffic", None)
    story.push(registered("2")).approve("2")
    (late,) = story.commands("SetTraffic")
    story.push(asked("rollback")).finish(late).expect_reason("stale").expect(champion="1", percent=None)
    story.at("5h").expect(percent=None, traffic={"version-1": 100, "version-2": 0})


@pytest.mark.rule("probing")
def test_a_first_version_that_fails_its_probe_never_takes_traffic():
    story = Timeline()
    good = Succeeded(data={"latency_p95_ms": 40.0, "error_rate": 0.0})
    story.azure.next("CheckEndpoint", good, Succeeded(data={"latency_p95_ms": 40.0, "error_rate": 0.5}))
    story.push(registered("1")).approve("1").expect(champion="", traffic={}, versions={"1": "rejected"})
    assert story.commands("SetTraffic") == []


@pytest.mark.parametrize("steps", [[100], [10, 100], [5, 20, 60, 100]])
def test_steps_that_change_in_the_middle_still_end_with_all_of_the_traffic(steps):
    story = story_of_version_2().at("30m").expect(percent=50)
    story.policy = policy_with(promotion={"rollout": {"steps": steps}})
    story.at("6h").expect(champion="2", traffic={"version-2": 100, "version-1": 0})


def test_a_pause_stops_a_rollout_where_it_is_until_it_is_resumed():
    story = story_of_version_2().push(asked("pause")).at("5h").expect(percent=10, champion="1").expect_reason("paused")
    story.push(asked("resume")).at("8h").expect(percent=None, champion="2", traffic={"version-2": 100, "version-1": 0})


def test_an_approval_during_a_pause_moves_no_traffic_until_it_is_resumed():
    story = Timeline(facts=serving("1"))
    story.push(registered("2")).push(asked("pause")).approve("2").at("5h").expect(traffic={})
    assert story.facts.versions["2"].state == "deploying"
    story.push(asked("resume")).at("310m").expect(percent=10, traffic={"version-2": 10, "version-1": 90})


def test_a_standby_that_ends_during_a_rollout_is_removed_after_it():
    story = story_of_version_2().at("73h").push(registered("3")).approve("3")  # the standby is warm until 73h30m
    story.at("74h").expect(percent=100, champion="2", standby="1")
    assert not [order for order in story.commands("RemoveDeployment") if order.production]
    story.at("80h").expect(champion="3", versions={"1": "retired", "2": "standby", "3": "serving"})
    assert [order.deployment for order in story.commands("RemoveDeployment") if order.production] == ["version-1"]


def test_a_kubernetes_endpoint_is_rolled_out_and_rolled_back_as_a_managed_one():
    edge = {"kind": "kubernetes_online", "compute": "edge", "instance_type": "four-cores"}
    story = Timeline(policy_with(environments={"production": edge}), serving("1"))
    story.push(registered("2")).approve("2")
    staged, served = story.commands("DeployModel")
    assert (staged.endpoint_kind, staged.compute, staged.instance_type) == ("managed_online", "", "Standard_DS3_v2")
    assert (served.endpoint_kind, served.compute, served.instance_type) == ("kubernetes_online", "edge", "four-cores")
    story.expect(traffic={"version-1": 90, "version-2": 10}).push(asked("rollback"))
    story.expect(traffic={"version-1": 100, "version-2": 0}, versions={"1": "serving", "2": "rolled_back"})
    assert {order.endpoint_kind for order in story.commands("RollBackTraffic")} == {"kubernetes_online"}


def test_a_script_on_kubernetes_that_tells_of_no_request_is_named_as_the_reason_and_the_traffic_goes_back():
    edge = {"kind": "kubernetes_online", "compute": "edge"}
    story = Timeline(policy_with(environments={"production": edge}), serving("1"))
    for version in ("1", "2"):
        story.azure.serves(version, TrafficSample())
    story.push(registered("2")).approve("2").at("30m").expect_reason("no_data")
    assert any("collector.request" in reason.text for reason in story.ledger[-1].reasons)
    story.at("1d").expect(traffic={"version-1": 100, "version-2": 0}, versions={"1": "serving", "2": "rolled_back"})


def test_a_version_takes_over_on_kubernetes_step_by_step_and_gives_way_to_the_warm_standby_later():
    edge = {"kind": "kubernetes_online", "compute": "edge"}
    policy = raw_policy({"environments": {"staging": edge, "production": edge}})
    del policy["workloads"][0]["deployment"]["instance_type"]
    story = Timeline(Policy.model_validate(policy), serving("1"))
    story.push(registered("2")).approve("2").at("2h")
    story.expect(traffic={"version-2": 100, "version-1": 0}, champion="2", standby="1")
    assert [order.traffic["version-2"] for order in story.commands("SetTraffic")] == [10, 50, 100]
    story.push(asked("rollback")).expect(traffic={"version-1": 100, "version-2": 0}, champion="1")
    story.at("3d").expect(versions={"1": "serving", "2": "rolled_back"})
    kinds = ("DeployModel", "SetTraffic", "RollBackTraffic", "RemoveDeployment")
    removed = [order.deployment for order in story.commands("RemoveDeployment")]
    assert removed == ["version-2", "version-2"], "staging's when it has done its part, production's after forensics"
    assert {order.endpoint_kind for kind in kinds for order in story.commands(kind)} == {"kubernetes_online"}
