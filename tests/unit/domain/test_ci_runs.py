"""What is started elsewhere can be named for a person, and told from another by its mark."""

import pytest

from shared.domain.ci_runs import (
    AzurePipelineRun,
    BatchEndpointRun,
    GithubDispatchRun,
    GithubWorkflowRun,
    shows_mark,
    where,
)
from shared.domain.ids import derive

MARK = derive("command", "d", "DispatchTraining", "flights", 0)


def test_a_run_is_named_by_what_is_started():
    workflow = GithubWorkflowRun(repository="contoso/flights", workflow="retrain.yml", ref="main")
    event = GithubDispatchRun(repository="contoso/flights", event_type="drift")
    pipeline = AzurePipelineRun(organization="contoso", project="flights", pipeline=12, ref="refs/heads/main")
    batch = BatchEndpointRun(
        workspace="w", endpoint="train-flights", data="azureml:flights@latest", data_input="data", experiment="retrain"
    )
    assert where(batch) == "the default deployment of batch endpoint train-flights"
    assert where(pipeline) == "pipeline 12 of contoso/flights at refs/heads/main"
    assert where(workflow) == "workflow retrain.yml of contoso/flights at main"
    assert where(event) == "repository_dispatch drift of contoso/flights"


@pytest.mark.parametrize("title", [MARK, f"Retrain {MARK}", f"[{MARK}] retrain of flights"])
def test_a_title_that_holds_a_command_id_shows_a_mark(title):
    assert shows_mark(title)


@pytest.mark.parametrize(
    "title", ["", "Retrain", MARK[:-1], f"x{MARK}", f"{MARK}0", MARK.upper(), "Retrain 2026-03-01"]
)
def test_any_other_title_shows_none(title):
    assert not shows_mark(title)
