"""A version that a pipeline of the team brings to staging, as timelines in the users' words."""

import pytest

from shared.domain.ci_runs import AzurePipelineRun, GithubWorkflowRun
from shared.domain.outcomes import Failed, Succeeded
from tests.scenarios.timeline import Timeline
from tests.unit.domain.builders import policy_with, registered, serving

WORKFLOW = {"repository": "contoso/flights", "workflow": "promote.yml", "inputs": {"size": "m"}}
BY_GITHUB = policy_with(promotion={"with": {"github_workflow": WORKFLOW}})
PIPELINE = {"organization": "contoso", "project": "flights", "pipeline": 13}
RUN = "https://github.com/contoso/flights/actions/runs/30433642"


def handed_over(policy=BY_GITHUB):
    """Version 2 is registered, and its pipeline is under way."""
    story = Timeline(policy, serving("1"))
    story.azure.traffic = {"version-1": 100}
    story.azure.next("DispatchPromotion", None)
    return story.push(registered("2"))


def order(story):
    (command,) = story.commands("DispatchPromotion")
    return command


def endpoints(story, kind):
    return [command.endpoint for command in story.commands(kind)]


@pytest.mark.rule("promotion")
@pytest.mark.rule("staging")
def test_the_teams_workflow_promotes_and_the_loop_checks_asks_and_rolls_out():
    story = handed_over()
    assert story.commands("ShareModel") == story.commands("DeployModel") == story.commands("CheckEndpoint") == []
    story.finish(order(story), Succeeded(data={"run": RUN})).expect_reason("staging_deployed")
    assert endpoints(story, "CheckEndpoint") == [story.policy.workloads[0].environments.staging.endpoint]
    assert [command.deployment for command in story.commands("CheckEndpoint")] == ["version-2"]
    story.approve("2").at("2h").expect(champion="2")
    production = story.policy.workloads[0].environments.production.endpoint
    assert endpoints(story, "DeployModel") == [production]


def test_it_is_told_which_version_and_what_the_deployment_is_called():
    told = {
        "outerloop_model": "flight-delay",
        "outerloop_version": "2",
        "outerloop_deployment": "version-2",
        "outerloop_environment": BY_GITHUB.workloads[0].deployment.environment,
    }
    expected = {"repository": "contoso/flights", "workflow": "promote.yml", "ref": "main"}
    assert order(handed_over()).start == GithubWorkflowRun(**expected, inputs={"size": "m", **told})
    by_devops = handed_over(policy_with(promotion={"with": {"azure_pipeline": PIPELINE}}))
    assert order(by_devops).start == AzurePipelineRun(**PIPELINE, ref="refs/heads/main", parameters=told)


def test_what_it_is_compared_with_is_known_before_it_is_handed_over():
    story = Timeline(BY_GITHUB, serving("1"))
    story.azure.next("RecordReference", None)
    story.push(registered("2"))
    assert story.commands("DispatchPromotion") == []
    story.finish(story.commands("RecordReference")[0]).expect_ordered("DispatchPromotion").expect_reason("handed_over")


def test_a_workflow_that_fails_is_the_end_of_the_candidate():
    story = handed_over()
    story.finish(order(story), Failed(retryable=False, reason=f"{RUN} ended as failure"))
    assert story.facts.versions["2"].state == "rejected"
    assert f"DispatchPromotion: {RUN} ended as failure" in story.commands("Notify")[-1].facts.values()


def test_a_workflow_that_deployed_nothing_is_found_out_by_the_checks():
    story = handed_over()
    story.azure.next("CheckEndpoint", Failed(retryable=False, reason="no deployment version-2"))
    story.finish(order(story)).expect_reason("check_failed")
    assert story.facts.versions["2"].state == "rejected"


def test_a_newer_version_waits_while_the_workflow_runs():
    story = handed_over().push(registered("3")).expect_reason("promotion_under_way")
    assert len(story.commands("DispatchPromotion")) == 1


def test_who_is_asked_before_a_promotion_begins_sees_who_does_it():
    policy = policy_with(mode="propose", promotion={"with": {"github_workflow": WORKFLOW}})
    story = Timeline(policy, serving("1")).push(registered("2"))
    (question,) = story.commands("RequestApproval")
    assert "deployed to staging by workflow promote.yml of contoso/flights at main" in question.facts["why"]


def test_without_the_key_the_app_promotes_itself():
    story = Timeline(policy_with(), serving("1")).push(registered("2"))
    assert len(story.commands("ShareModel")) == len(story.commands("DeployModel")) == 1
    assert story.commands("DispatchPromotion") == []


def test_an_environment_that_is_shared_with_the_candidate_is_the_one_that_the_workflow_is_told():
    share = {"share_environment": True}
    story = Timeline(policy_with(promotion={"with": {"github_workflow": WORKFLOW}}, deployment=share), serving("1"))
    story.azure.next(
        "ShareEnvironment", Succeeded(data={"environment_ref": "azureml://registries/r/environments/e/versions/3"})
    )
    story.push(registered("2"))
    assert order(story).start.inputs["outerloop_environment"] == "azureml://registries/r/environments/e/versions/3"
