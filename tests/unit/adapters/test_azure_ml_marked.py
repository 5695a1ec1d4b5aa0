"""Which version a pipeline registered is read from its tags, and from nothing else."""

import pytest

from shared.adapters.azure_ml_marked import AzureMlMarkedModels
from shared.domain.outcomes import Failed
from tests.unit.adapters.orders import WORKSPACE
from tests.unit.adapters.scripted_azure import Answer, refusal

MARK = "a" * 24
VERSIONS = "/models/flight-delay/versions"


def version(name, **tags):
    return {"name": name, "properties": {"tags": {key.replace("_", "."): value for key, value in tags.items()}}}


async def found(azure, workspace, *versions, answer=None):
    azure.on("GET", VERSIONS, answer or Answer(200, {"value": list(versions)}))
    return await AzureMlMarkedModels(workspace.clients).version(WORKSPACE, "flight-delay", MARK)


async def test_the_version_with_the_mark_is_found(azure, workspace):
    assert await found(azure, workspace, version("9"), version("8", outerloop_command=MARK)) == "8"
    (asked,) = azure.asked
    assert asked.query["tags"] == f"outerloop.command={MARK}"


async def test_the_newest_of_several_is_taken(azure, workspace):
    both = [version(name, outerloop_command=MARK) for name in ("9", "8")]
    assert await found(azure, workspace, *both) == "9"


@pytest.mark.parametrize("versions", [[], [version("9")], [version("9", outerloop_command="b" * 24)]])
async def test_another_mark_or_none_is_no_version_of_ours(azure, workspace, versions):
    assert await found(azure, workspace, *versions) == ""


async def test_a_model_that_was_never_registered_has_none(azure, workspace):
    azure.on("GET", "/workspaces/prod", Answer(200, {"name": "prod"}))
    assert await found(azure, workspace, answer=refusal(404, "NotFound", "no such model")) == ""


async def test_a_workspace_that_is_not_there_says_nothing_of_the_model(azure, workspace):
    outcome = await found(azure, workspace, answer=refusal(404, "NotFound", "no such workspace"))
    assert isinstance(outcome, Failed)
    assert not outcome.retryable


@pytest.mark.parametrize(("status", "retryable"), [(403, False), (429, True), (500, True)])
async def test_what_could_not_be_read_is_a_failure(azure, workspace, status, retryable):
    outcome = await found(azure, workspace, answer=refusal(status, "Code", "words"))
    assert isinstance(outcome, Failed)
    assert outcome.retryable is retryable


async def test_an_answer_of_another_shape_is_asked_for_again(azure, workspace):
    outcome = await found(azure, workspace, answer=Answer(200, {"value": [{"name": "9"}]}))
    assert isinstance(outcome, Failed)
    assert outcome.retryable
