"""What a policy may say about pipelines elsewhere, and what it may not."""

import pytest
from pydantic import ValidationError

from shared.domain.ci_runs import AzurePipelineRun, GithubDispatchRun, GithubWorkflowRun
from shared.domain.policy_ci import AzurePipeline, GithubDispatch, GithubWorkflow, PipelineChoice

WORKFLOW = {"repository": "contoso/flights", "workflow": "retrain.yml"}
DISPATCH = {"repository": "contoso/flights", "event_type": "retrain"}


def test_a_workflow_runs_on_main_without_inputs_unless_told_otherwise():
    expected = GithubWorkflowRun(repository="contoso/flights", workflow="retrain.yml", ref="main")
    assert GithubWorkflow(**WORKFLOW).run({}) == expected


def test_a_workflow_may_be_named_by_its_number_and_have_inputs():
    section = GithubWorkflow(repository="contoso/flights.ml", workflow="161335", ref="release/1", inputs={"size": "m"})
    expected = GithubWorkflowRun(
        repository="contoso/flights.ml", workflow="161335", ref="release/1", inputs={"size": "m"}
    )
    assert section.run({}) == expected


def test_an_event_has_a_type_and_a_payload():
    expected = GithubDispatchRun(repository="contoso/flights", event_type="retrain", payload={"size": "m"})
    assert GithubDispatch(**DISPATCH, payload={"size": "m"}).run({}) == expected


@pytest.mark.parametrize(
    "repository",
    [
        "",
        "flights",
        "contoso/",
        "/flights",
        "contoso/flights/x",
        "https://github.com/contoso/flights",
        "contoso/..",
        "contoso/.",
        "../flights",
        "contoso/fl ights",
        "contoso/flights?x=1",
        "contoso/flights#x",
        "contoso/%2e%2e",
    ],
)
def test_a_repository_is_an_owner_and_a_name_and_leads_nowhere_else(repository):
    for section, fields in ((GithubWorkflow, WORKFLOW), (GithubDispatch, DISPATCH)):
        with pytest.raises(ValidationError):
            section(**{**fields, "repository": repository})


@pytest.mark.parametrize(
    "workflow", ["", "retrain", "../retrain.yml", ".github/workflows/retrain.yml", "a b.yml", "x.json"]
)
def test_a_workflow_is_a_file_name_or_a_number(workflow):
    with pytest.raises(ValidationError):
        GithubWorkflow(**{**WORKFLOW, "workflow": workflow})


def test_github_takes_25_inputs_of_which_one_is_the_mark():
    inputs = {f"input_{number}": "1" for number in range(24)}
    assert len(GithubWorkflow(**WORKFLOW, inputs=inputs).inputs) == 24
    with pytest.raises(ValidationError):
        GithubWorkflow(**WORKFLOW, inputs={**inputs, "one_more": "1"})


def test_github_takes_ten_keys_of_which_one_is_the_mark():
    payload = {f"key_{number}": "1" for number in range(9)}
    assert len(GithubDispatch(**DISPATCH, payload=payload).payload) == 9
    with pytest.raises(ValidationError):
        GithubDispatch(**DISPATCH, payload={**payload, "one_more": "1"})


def test_a_payload_has_to_be_below_64_kilobytes_with_the_mark():
    assert GithubDispatch(**DISPATCH, payload={"text": "x" * 62_000})
    with pytest.raises(ValidationError, match="below 64 KB"):
        GithubDispatch(**DISPATCH, payload={"text": "x" * 65_000})


@pytest.mark.parametrize("length", [0, 101])
def test_the_type_of_an_event_has_1_to_100_characters(length):
    with pytest.raises(ValidationError):
        GithubDispatch(**{**DISPATCH, "event_type": "x" * length})


def test_nobody_but_the_loop_gives_what_is_the_loops():
    for name in ("outerloop_command", "outerloop_model", "outerloop_whatever"):
        with pytest.raises(ValidationError, match=f"{name}: names that begin with outerloop_ are given by the loop"):
            GithubWorkflow(**WORKFLOW, inputs={name: "mine"})
        with pytest.raises(ValidationError, match="are given by the loop"):
            GithubDispatch(**DISPATCH, payload={name: "mine"})


@pytest.mark.parametrize("key", ["url", "host", "token"])
def test_a_policy_can_send_the_token_nowhere_else(key):
    with pytest.raises(ValidationError, match="Extra inputs"):
        GithubWorkflow(**WORKFLOW, **{key: "https://elsewhere.example"})


PIPELINE = {"organization": "contoso", "project": "My Flights", "pipeline": 12}


def test_a_pipeline_runs_on_main_without_parameters_unless_told_otherwise():
    expected = AzurePipelineRun(organization="contoso", project="My Flights", pipeline=12, ref="refs/heads/main")
    assert AzurePipeline(**PIPELINE).run({}) == expected
    tagged = AzurePipeline(**PIPELINE, ref="refs/tags/v1", parameters={"size": "m"}).run({})
    assert (tagged.ref, tagged.parameters) == ("refs/tags/v1", {"size": "m"})


@pytest.mark.parametrize(
    "changes",
    [
        {"organization": "contoso/other"},
        {"organization": "https://dev.azure.com/contoso"},
        {"organization": ".."},
        {"project": ".."},
        {"project": "a/b"},
        {"project": "a?b"},
        {"project": ""},
        {"pipeline": 0},
        {"pipeline": "retrain"},
        {"ref": "main"},
        {"parameters": {"outerloop_command": "mine"}},
        {"url": "https://elsewhere.example"},
    ],
)
def test_a_pipeline_that_could_not_be_found_or_leads_elsewhere_is_a_fault(changes):
    with pytest.raises(ValidationError):
        AzurePipeline(**{**PIPELINE, **changes})


def test_what_the_loop_gives_stands_beside_what_the_policy_says():
    given = {"outerloop_model": "flight-delay"}
    told = {"size": "m", **given}
    assert GithubWorkflow(**WORKFLOW, inputs={"size": "m"}).run(given).inputs == told
    assert GithubDispatch(**DISPATCH, payload={"size": "m"}).run(given).payload == told
    assert AzurePipeline(**PIPELINE, parameters={"size": "m"}).run(given).parameters == told


def test_a_choice_that_names_none_runs_nothing():
    assert PipelineChoice().run() is None
    assert PipelineChoice(github_workflow=WORKFLOW).run() == GithubWorkflow(**WORKFLOW).run({})
