"""From a registration to a person's yes, as timelines."""

import pytest

from shared.domain.outcomes import Failed, Succeeded
from tests.scenarios.timeline import Timeline
from tests.unit.domain.builders import asked, policy_with, registered, rolling, serving


@pytest.mark.rule("promotion")
def test_a_first_version_goes_from_its_registration_to_all_of_the_traffic():
    story = Timeline()
    story.push(registered("1")).expect(versions={"1": "awaiting_approval"}, traffic={})
    assert [type(order).__name__ for order in story.azure.orders] == [
        "ShareModel",
        "RecordReference",
        "DeployModel",
        "CheckEndpoint",
        "RunEvaluation",
        "RequestApproval",
    ]
    story.at("3h").approve("1").expect(champion="1", standby="", traffic={"version-1": 100})
    story.expect_reason("first_version").expect(versions={"1": "serving"})
    assert not story.holds


def test_a_first_version_is_compared_with_nothing_and_a_later_one_with_the_champion():
    story = Timeline()
    story.push(registered("1")).approve("1")
    story.at("1d").push(registered("2"))
    first, second = story.commands("RunEvaluation")
    assert not first.champion_ref
    assert second.champion_ref == "azureml:flight-delay:1"
    assert second.model_ref == "azureml:flight-delay:2"


@pytest.mark.rule("candidate")
def test_the_staging_deployment_is_removed_when_it_has_done_its_part():
    story = Timeline()
    story.push(registered("1")).approve("1")
    (removal,) = story.commands("RemoveDeployment")
    assert (removal.endpoint, removal.deployment) == ("flight-delay-stg", "version-1")


@pytest.mark.rule("approval")
def test_nobody_answers_and_the_safe_answer_is_no():
    story = Timeline(facts=serving("1"))
    story.push(registered("2")).at("47h").expect(versions={"1": "serving", "2": "awaiting_approval"})
    story.at("48h").expect(versions={"1": "serving", "2": "rejected"}, champion="1").expect_reason("expired")


@pytest.mark.rule("checks")
def test_a_check_that_fails_ends_the_candidate_and_nobody_is_asked():
    story = Timeline(facts=serving("1"))
    story.azure.next("CheckEndpoint", Succeeded(data={"latency_p95_ms": 1900.0, "error_rate": 0.0}))
    story.push(registered("2")).expect(versions={"1": "serving", "2": "rejected"}).expect_reason("check_failed")
    assert story.commands("RequestApproval") == []


def test_a_second_candidate_waits_for_the_first_and_then_has_its_turn():
    story = Timeline()
    story.push(registered("1"), registered("2")).expect(versions={"1": "awaiting_approval", "2": "registered"})
    story.at("1h").approve("1").expect(champion="1")
    story.at("2h").expect(versions={"1": "serving", "2": "awaiting_approval"})


def test_a_candidate_that_waits_for_days_is_not_taken_for_a_storm():
    story = Timeline(facts=serving("1"))
    story.push(registered("2"), registered("3")).at("47h").approve("2", answer="reject")
    story.at("48h").expect(versions={"1": "serving", "2": "rejected", "3": "awaiting_approval"})


def test_a_candidate_that_a_newer_champion_overtook_is_superseded():
    story = Timeline(facts=serving("1"))
    story.push(registered("3"), registered("2")).expect(
        versions={"1": "serving", "3": "awaiting_approval", "2": "registered"}
    )
    story.at("1m").approve("3").at("3h").expect(champion="3").expect_reason("older_than_champion")
    story.expect(versions={"1": "standby", "3": "serving", "2": "retired"})


def test_a_paused_workload_starts_no_promotion_until_it_is_resumed():
    story = Timeline(facts=serving("1"))
    story.push(asked("pause"), registered("2")).expect_reason("paused").expect(
        versions={"1": "serving", "2": "registered"}
    )
    story.at("12h").expect(versions={"1": "serving", "2": "registered"})
    story.push(asked("resume")).at("12h").expect(versions={"1": "serving", "2": "awaiting_approval"}, paused=False)


def test_observing_records_what_would_be_done_and_orders_nothing():
    story = Timeline(policy_with(mode="observe"))
    story.push(registered("1")).expect_reason("mode_observe")
    assert story.commands() == []
    assert [type(command).__name__ for command in story.ledger[-1].planned] == ["ShareModel", "RecordReference"]
    story.policy = policy_with()
    story.at("1h").expect(versions={"1": "awaiting_approval"})


def test_years_of_observing_keep_the_facts_small():
    story = Timeline(policy_with(mode="observe"))
    for number in range(1, 400):
        story.push(registered(str(number)))
    assert story.facts_bytes_max < 64 * 1024
    assert len(story.facts.held) == 5
    assert story.facts.versions["399"].state == "registered"


def test_staging_that_fails_ends_the_candidate_with_azures_words():
    story = Timeline(facts=serving("1"))
    story.azure.next("DeployModel", Failed(retryable=False, reason="OutOfQuota: no cores left"))
    story.push(registered("2")).expect(versions={"1": "serving", "2": "rejected"})
    assert "OutOfQuota" in story.commands("Notify")[0].facts["failed"]


def test_checks_that_the_policy_dropped_while_they_ran_do_not_pass():
    story = Timeline(facts=serving("1"))
    story.azure.next("RunEvaluation", None)
    story.push(registered("2"))
    (running,) = story.commands("RunEvaluation")
    only = [story.policy.workloads[0].promotion.staging.checks[0].model_dump(mode="json")]
    story.policy = policy_with(promotion={"staging": {"checks": only}})
    story.finish(running, Succeeded(data={"auc": 0.9})).expect(versions={"1": "serving", "2": "rejected"})


def test_a_job_that_logs_thousands_of_metrics_does_not_fill_the_facts():
    story = Timeline()
    many = {f"auc_of_carrier_{number}": 0.7 for number in range(3000)}
    story.azure.always("RunEvaluation", Succeeded(data={**many, "auc": 0.7}))
    story.push(registered("1")).expect(versions={"1": "awaiting_approval"})
    assert story.facts_bytes_max < 16_000


@pytest.mark.parametrize("action", ["retrain", "rollback"])
def test_a_wish_with_a_long_story_behind_it_does_not_fill_the_facts(action):
    story = Timeline(facts=rolling("2", over="1"))
    story.push(asked(action, why="because " * 10_000))
    assert [len(known.detail) for known in story.facts.incidents] == [1000]


# One environment for staging and production

SHARING = policy_with(deployment={"share_environment": True})
COPIED = "azureml://registries/contoso-registry/environments/flight-env/versions/4"


def sharing():
    """Version 2 is a candidate, and its environment is version 4 when it is shared."""
    story = Timeline(SHARING, serving("1"))
    story.azure.next("ShareEnvironment", Succeeded(data={"environment_ref": COPIED}))
    return story.push(registered("2"))


def test_staging_and_production_run_the_environment_that_was_shared_with_the_candidate():
    story = sharing().expect(versions={"1": "serving", "2": "awaiting_approval"})
    (shared,) = story.commands("ShareEnvironment")
    assert shared.environment == "azureml:flight-env@latest"
    story.approve("2")
    assert [order.environment for order in story.commands("DeployModel")] == [COPIED, COPIED]


def test_an_environment_that_cannot_be_shared_ends_the_candidate_before_staging():
    story = Timeline(SHARING, serving("1"))
    story.azure.next("ShareEnvironment", Failed(retryable=False, reason="not found: environments/flight-env"))
    story.push(registered("2")).expect(versions={"1": "serving", "2": "rejected"})
    assert "flight-env" in story.commands("Notify")[0].facts["failed"]
    assert story.commands("DeployModel") == []


def test_without_the_option_each_workspace_has_its_own_environment():
    story = Timeline(facts=serving("1")).push(registered("2"))
    assert story.commands("ShareEnvironment") == []
    assert story.commands("DeployModel")[0].environment == "azureml:flight-env@latest"
