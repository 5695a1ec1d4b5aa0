"""The documents of batch endpoints and deployments, as they are sent."""

import pytest

from shared.domain.commands import BatchSettings
from shared.domain.outcomes import Failed, Started, Succeeded
from shared.domain.values import replace
from tests.unit.adapters.orders import AT_ENDPOINT, NOW, WORKSPACE, deploy, remove, roll_back, set_traffic
from tests.unit.adapters.scripted_azure import Answer, refusal

ENDPOINT = "/batchEndpoints/flight"
DEPLOYMENT = f"{ENDPOINT}/deployments/green"
SETTINGS = BatchSettings(compute="nightly", mini_batch_size=4, concurrency=2, error_threshold=-1, timeout_seconds=300)


def batch(command):
    return replace(command, endpoint_kind="batch")


def endpoint(default="blue", state="Succeeded", **tags):
    properties = {
        "authMode": "AADToken",
        "description": "every night",
        "defaults": {"deploymentName": default},
        "provisioningState": state,
        "scoringUri": "https://flight.westeurope.inference.ml.azure.com/jobs",
    }
    return Answer(body={"location": "westeurope", "tags": {"team": "mlops", **tags}, "properties": properties})


def deployed(state="Succeeded", **tags):
    return Answer(body={"tags": tags, "properties": {"provisioningState": state, "loggingLevel": "Debug"}})


async def test_the_new_default_is_written_once_and_everything_else_is_kept(azure, workspace):
    azure.on("GET", ENDPOINT, endpoint())
    azure.on("PUT", ENDPOINT, endpoint(state="Updating"))
    outcome = await workspace.begin(batch(set_traffic(green=100, blue=0)), NOW)
    assert isinstance(outcome, Started)
    (write,) = azure.writes()
    assert write.body["properties"] == {
        "authMode": "AADToken",
        "description": "every night",
        "defaults": {"deploymentName": "green"},
    }
    assert write.body["tags"] == {"team": "mlops", "outerloop.command": "c" * 24, "outerloop.workload": "flight-delay"}


async def test_a_default_that_is_as_ordered_is_not_written(azure, workspace):
    azure.on("GET", ENDPOINT, endpoint("green"))
    assert await workspace.begin(batch(roll_back(green=100, blue=0)), NOW) == Succeeded(data={"traffic": "green=100"})
    assert azure.writes() == []


async def test_without_a_champion_to_go_back_to_there_is_no_default(azure, workspace):
    azure.on("GET", ENDPOINT, endpoint("green"))
    azure.on("PUT", ENDPOINT, endpoint("green", state="Updating"))
    await workspace.begin(batch(roll_back(green=0)), NOW)
    assert "defaults" not in azure.writes()[0].body["properties"]


async def test_a_default_that_somebody_else_set_meanwhile_is_told(azure, workspace):
    azure.on("GET", ENDPOINT, endpoint("blue", **{"outerloop.command": "theirs"}))
    outcome = await workspace.look(batch(set_traffic(green=100)), WORKSPACE + ENDPOINT, NOW)
    assert outcome == Failed(
        retryable=False,
        reason="changed by somebody else: ordered green=100, found blue=100, last write by theirs",
        data={"traffic": "blue=100", "by_hand": "blue=100", "written": 1.0},
    )


async def test_a_deployment_names_its_cluster_its_model_and_how_its_work_is_cut(azure, workspace):
    azure.on("GET", ENDPOINT, endpoint())
    azure.on("PUT", DEPLOYMENT, deployed("Creating"))
    outcome = await workspace.begin(batch(deploy(batch=SETTINGS)), NOW)
    assert isinstance(outcome, Started)
    (write,) = azure.writes()
    assert write.body["properties"] == {
        "compute": f"{WORKSPACE}/computes/nightly",
        "resources": {"instanceCount": 2},
        "miniBatchSize": 4,
        "maxConcurrencyPerInstance": 2,
        "errorThreshold": -1,
        "retrySettings": {"maxRetries": 3, "timeout": "PT300S"},
        "outputAction": "AppendRow",
        "outputFileName": "predictions.csv",
        "model": {"referenceType": "Id", "assetId": f"{WORKSPACE}/models/flight-delay/versions/7"},
        "environmentId": f"{WORKSPACE}/environments/flight-env/versions/2",
        "codeConfiguration": {"codeId": f"{WORKSPACE}/codes/flight-scoring/versions/1", "scoringScript": "score.py"},
    }
    assert write.body["tags"]["outerloop.version"] == "7"
    assert "sku" not in write.body


async def test_what_a_present_deployment_has_besides_is_kept(azure, workspace):
    azure.on("GET", ENDPOINT, endpoint())
    azure.on("GET", DEPLOYMENT, deployed())
    azure.on("PUT", DEPLOYMENT, deployed("Updating"))
    await workspace.begin(batch(deploy(batch=SETTINGS)), NOW)
    assert azure.writes()[0].body["properties"]["loggingLevel"] == "Debug"


async def test_an_endpoint_that_is_missing_is_made_without_keys(azure, workspace):
    azure.on("GET", ENDPOINT, refusal(404, "NotFound", "no such endpoint"))
    azure.on("GET", WORKSPACE, Answer(body={"location": "westeurope"}))
    azure.on("PUT", ENDPOINT, endpoint(state="Creating"))
    assert isinstance(await workspace.begin(batch(deploy(batch=SETTINGS)), NOW), Started)
    assert azure.writes()[0].body["properties"] == {"authMode": "AADToken"}


async def test_a_deployment_that_failed_has_no_log_to_ask_for(azure, workspace):
    azure.on("GET", DEPLOYMENT, deployed("Failed", **{"outerloop.command": "c" * 24}))
    outcome = await workspace.look(batch(deploy(batch=SETTINGS)), WORKSPACE + DEPLOYMENT, NOW)
    assert outcome.reason == "deployment green of endpoint flight is Failed"
    assert azure.writes() == []


async def test_the_default_deployment_is_not_removed(azure, workspace):
    azure.on("GET", ENDPOINT, endpoint("green"))
    outcome = await workspace.begin(batch(remove()), NOW)
    assert not outcome.retryable
    assert outcome.reason == "deployment green still takes 100 % of the traffic"


@pytest.mark.parametrize(("status", "retryable"), [(409, True), (429, True), (500, True), (403, False)])
async def test_a_refusal_of_the_default_is_classified(azure, workspace, status, retryable):
    azure.on("GET", ENDPOINT, endpoint())
    azure.on("PUT", ENDPOINT, refusal(status, "Nope", "not now"))
    outcome = await workspace.begin(batch(set_traffic(green=100)), NOW)
    assert (outcome.retryable, "batchEndpoints/flight" in outcome.reason) == (retryable, True)
    assert AT_ENDPOINT["endpoint"] in outcome.reason
