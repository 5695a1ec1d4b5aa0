"""Another number of instances, and new ones, at the wire."""

import pytest

from shared.domain.commands import RestartDeployment, ScaleDeployment
from shared.domain.outcomes import Failed, Started, Succeeded
from tests.unit.adapters.orders import AT_ENDPOINT, NOW, WORKSPACE
from tests.unit.adapters.scripted_azure import Answer, refusal

GREEN = "/onlineEndpoints/flight/deployments/green"
AUTOSCALE = "/providers/Microsoft.Insights/autoscalesettings"
RESOURCE = f"{WORKSPACE}{GREEN}"
SCALE = ScaleDeployment(**AT_ENDPOINT, deployment="green", expected=2, instances=3)
RESTART = RestartDeployment(**AT_ENDPOINT, deployment="green")
OURS = {"outerloop.command": "c" * 24}


def deployment(state="Succeeded", capacity=2, tags=None, **properties):
    body = {
        "id": RESOURCE,
        "location": "westeurope",
        "kind": "Managed",
        "sku": {"name": "Default", "capacity": capacity},
        "tags": tags or {"owner": "flights"},
        "properties": {"provisioningState": state, "model": "m", "environmentVariables": {"A": "1"}, **properties},
    }
    return Answer(body=body)


def autoscaled(**properties):
    return Answer(
        body={"value": [{"name": "by-cpu", "properties": {"targetResourceUri": RESOURCE.upper(), **properties}}]}
    )


@pytest.fixture
def unscaled(azure):
    azure.on("GET", AUTOSCALE, Answer(body={"value": []}))
    azure.on("PATCH", GREEN, Answer(202))
    azure.on("PUT", GREEN, deployment("Updating"))
    return azure


async def test_scaling_is_one_patch_of_the_number_and_the_marks(unscaled, workspace):
    unscaled.on("GET", GREEN, deployment())
    outcome = await workspace.begin(SCALE, NOW)
    assert isinstance(outcome, Started)
    assert outcome.operation == RESOURCE
    (write,) = unscaled.writes()
    assert (write.method, write.body) == (
        "PATCH",
        {
            "sku": {"name": "Default", "capacity": 3},
            "tags": {"owner": "flights", "outerloop.command": "c" * 24, "outerloop.workload": "flight-delay"},
        },
    )


async def test_a_number_that_is_there_already_is_done_without_a_write(unscaled, workspace):
    unscaled.on("GET", GREEN, deployment(capacity=3))
    assert await workspace.begin(SCALE, NOW) == Succeeded(data={"deployment": "green", "instances": 3.0})
    assert unscaled.writes() == []


async def test_a_number_that_somebody_else_set_is_left_and_told(unscaled, workspace):
    unscaled.on("GET", GREEN, deployment(capacity=7))
    outcome = await workspace.begin(SCALE, NOW)
    assert isinstance(outcome, Failed)
    assert not outcome.retryable
    assert outcome.reason == "changed by somebody else: green was expected to have 2 instances, and has 7"
    assert outcome.data == {"deployment": "green", "instances": 7.0}
    assert unscaled.writes() == []


async def test_a_repeat_whose_first_answer_was_lost_adds_nothing(unscaled, workspace):
    unscaled.on("GET", GREEN, deployment(capacity=3, tags=OURS))
    assert isinstance(await workspace.begin(SCALE, NOW), Succeeded)
    unscaled.on("GET", GREEN, deployment("Updating", capacity=3, tags=OURS))
    assert isinstance(await workspace.begin(SCALE, NOW), Started)
    assert unscaled.writes() == []


@pytest.mark.parametrize("settings", [{}, {"enabled": True}])
async def test_a_deployment_that_autoscale_has_is_not_written(unscaled, workspace, settings):
    unscaled.on("GET", GREEN, deployment())
    unscaled.on("GET", AUTOSCALE, autoscaled(**settings))
    outcome = await workspace.begin(SCALE, NOW)
    assert isinstance(outcome, Failed)
    assert outcome.reason.startswith("the autoscale setting by-cpu decides how many instances green has")
    assert unscaled.writes() == []


@pytest.mark.parametrize("settings", [{"enabled": False}, {"targetResourceUri": f"{RESOURCE}-2"}])
async def test_autoscale_that_is_off_or_anothers_is_in_nobodys_way(unscaled, workspace, settings):
    unscaled.on("GET", GREEN, deployment())
    unscaled.on("GET", AUTOSCALE, autoscaled(**settings))
    assert isinstance(await workspace.begin(SCALE, NOW), Started)


async def test_a_deployment_on_kubernetes_that_scales_by_itself_is_not_written(unscaled, workspace):
    unscaled.on("GET", GREEN, deployment(scaleSettings={"scaleType": "TargetUtilization"}))
    outcome = await workspace.begin(SCALE, NOW)
    assert isinstance(outcome, Failed)
    assert "TargetUtilization" in outcome.reason


async def test_who_may_not_see_autoscale_settings_does_not_write_over_them(unscaled, workspace):
    unscaled.on("GET", GREEN, deployment())
    unscaled.on("GET", AUTOSCALE, refusal(403, "AuthorizationFailed", "no autoscalesettings/read"))
    outcome = await workspace.begin(SCALE, NOW)
    assert isinstance(outcome, Failed)
    assert not outcome.retryable
    assert unscaled.writes() == []


@pytest.mark.parametrize("command", [SCALE, RESTART])
@pytest.mark.parametrize(
    ("state", "retryable"), [("Updating", True), ("Creating", True), ("Failed", False), ("Canceled", False)]
)
async def test_a_deployment_that_changes_is_waited_for_and_one_that_failed_is_not(
    unscaled, workspace, command, state, retryable
):
    unscaled.on("GET", GREEN, deployment(state))
    outcome = await workspace.begin(command, NOW)
    assert isinstance(outcome, Failed)
    assert outcome.retryable is retryable
    assert unscaled.writes() == []


@pytest.mark.parametrize("command", [SCALE, RESTART])
async def test_a_deployment_that_is_gone_is_a_failure(azure, workspace, command):
    outcome = await workspace.begin(command, NOW)
    assert outcome == Failed(retryable=False, reason="there is no deployment green on flight")
    assert await workspace.look(command, RESOURCE, NOW) == outcome


async def test_a_restart_writes_all_as_it_was_but_one_variable_and_the_marks(unscaled, workspace):
    unscaled.on("GET", GREEN, deployment(dataCollector={"collections": {}}))
    assert isinstance(await workspace.begin(RESTART, NOW), Started)
    (write,) = unscaled.writes()
    assert (write.method, write.body) == (
        "PUT",
        {
            "location": "westeurope",
            "kind": "Managed",
            "sku": {"name": "Default", "capacity": 2},
            "tags": {"owner": "flights", "outerloop.command": "c" * 24, "outerloop.workload": "flight-delay"},
            "properties": {
                "model": "m",
                "environmentVariables": {"A": "1", "OUTERLOOP_RESTARTED_BY": "c" * 24},
                "dataCollector": {"collections": {}},
            },
        },
    )


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (deployment("Succeeded", 3, OURS), Succeeded(data={"deployment": "green", "instances": 3.0})),
        (deployment("Succeeded", 4, OURS), "has 4"),
        (deployment("Failed", 3, OURS), "is Failed after it"),
        (deployment("Succeeded", 3), "changed by somebody else: deployment green"),
    ],
)
async def test_what_became_of_it_is_read_off_the_deployment(azure, workspace, found, said):
    azure.on("GET", GREEN, deployment("Updating", 3, OURS), found)
    assert isinstance(await workspace.look(SCALE, RESOURCE, NOW), Started)
    outcome = await workspace.look(SCALE, RESOURCE, NOW)
    assert outcome == said if isinstance(said, Succeeded) else said in outcome.reason
