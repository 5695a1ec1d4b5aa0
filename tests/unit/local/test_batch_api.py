"""Batch endpoints over REST, as Resource Manager speaks of them, and the scoring address."""

import asyncio

import httpx
import jwt
import pytest
from starlette.applications import Starlette
from starlette.routing import Route

from local.azure.arm import Arm
from local.azure.assets import Asset, Assets
from local.azure.batch_api import BatchApi
from local.azure.batch_invocations import BatchInvocations
from local.azure.datastores import Datastores
from local.azure.effects import Effects
from local.azure.endpoints import Endpoints
from local.azure.jobs import Jobs
from local.azure.operations import Operations
from local.azure.references import Scope
from local.azure.tracking import Tracking

DEV = Scope("s", "g", "workspaces", "Dev")
ENDPOINT = f"{DEV.id}/batchEndpoints/nightly"
BLUE = f"{ENDPOINT}/deployments/blue"
NEW = {"location": "local", "properties": {"authMode": "AADToken"}}
DEPLOYMENT = {
    "location": "local",
    "properties": {
        "compute": f"{DEV.id}/computes/cpu",
        "model": {"referenceType": "Id", "assetId": f"{DEV.id}/models/m/versions/1"},
        "codeConfiguration": {"codeId": f"{DEV.id}/codes/c/versions/1", "scoringScript": "score.py"},
        "miniBatchSize": 5,
        "errorThreshold": 0,
    },
}
INPUT = {"JobInputType": "UriFolder", "Uri": f"{DEV.id}/data/night/versions/1"}
INVOCATION = {
    "properties": {
        "InputData": {"forms": INPUT},
        "OutputData": {
            "score": {"JobOutputType": "UriFolder", "Uri": "azureml://datastores/workspaceblobstore/paths/o/"}
        },
    }
}


class Azure:
    """Batch endpoints with a runner that runs nothing, and somebody who listens."""

    def __init__(self, folder):
        assets = Assets()
        assets.know(DEV)
        for kind, name in (("models", "m"), ("codes", "c"), ("data", "night")):
            (folder / name).mkdir()
            assets.add(Asset(DEV, kind, name, "1", {}, folder / name))
        self.submitted, self.effects = [], []
        datastores, endpoints, jobs, tracking = Datastores(folder / "storage", assets), Endpoints(), Jobs(), Tracking()
        self.operations = Operations()
        parts = [
            BatchApi(endpoints, datastores, ["cpu"], self.operations, Effects(self, self), settle_seconds=0.01),
            BatchInvocations(endpoints, jobs, datastores, tracking, self),
            self.operations,
        ]
        arm = Arm({DEV.key: DEV}, "https://local", [route for part in parts for route in part.routes()])
        app = Starlette(routes=[Route("/{path:path}", arm.__call__, methods=["GET", "PUT", "POST", "PATCH", "DELETE"])])
        transport = httpx.ASGITransport(app)
        self.client = httpx.AsyncClient(
            params={"api-version": "2025-12-01"},
            transport=transport,
            base_url="https://local",
            headers=bearer("https://ml.azure.com"),
        )

    def submit(self, job):
        self.submitted.append(job)

    def record(self, effect, target, **detail):
        self.effects.append((effect, target.rpartition("/")[2], detail))

    async def ask(self, method, path, body=None, **headers):
        return await self.client.request(method, path, json=body, headers=headers)

    async def done(self, method, path, body=None):
        """A change, followed by Azure-AsyncOperation to its end."""
        answer = await self.ask(method, path, body)
        assert answer.status_code in {200, 201, 202}, answer.text
        watch = answer.headers["azure-asyncoperation"]
        async with asyncio.timeout(5):
            while (await self.client.get(watch)).json()["status"] == "InProgress":  # noqa: ASYNC110 - it is asked, as by a client
                await asyncio.sleep(0.005)
        return answer

    async def document(self, path=ENDPOINT):
        return (await self.ask("GET", path)).json()


def bearer(audience):
    return {"authorization": f"Bearer {jwt.encode({'aud': audience}, 'k' * 32, algorithm='HS256')}"}


def by_default(name):
    return {**NEW, "properties": {**NEW["properties"], "defaults": {"deploymentName": name}}}


@pytest.fixture
async def azure(tmp_path):
    azure = Azure(tmp_path)
    yield azure
    await azure.operations.stop()


@pytest.fixture
async def nightly(azure):
    """An endpoint with one deployment, and no default yet."""
    await azure.done("PUT", ENDPOINT, NEW)
    await azure.done("PUT", BLUE, DEPLOYMENT)
    return azure


async def test_a_new_endpoint_has_no_default_and_says_where_to_invoke_it(azure):
    answer = await azure.done("PUT", ENDPOINT, NEW)
    assert answer.status_code == 201
    properties = (await azure.document())["properties"]
    assert (properties["authMode"], properties["defaults"]["deploymentName"]) == ("AADToken", None)
    assert properties["scoringUri"].startswith("https://local/batch/")


async def test_a_token_is_written_as_azures_own_client_writes_it(azure):
    answer = await azure.done("PUT", ENDPOINT, {**NEW, "properties": {**NEW["properties"], "authMode": "aadToken"}})
    assert answer.status_code == 201


async def test_a_batch_endpoint_has_no_keys(azure):
    answer = await azure.ask("PUT", ENDPOINT, {"properties": {"authMode": "Key"}})
    assert answer.status_code == 400


async def test_the_default_changes_when_the_operation_ends_and_not_before(nightly):
    answer = await nightly.ask("PUT", ENDPOINT, by_default("blue"))
    assert answer.json()["properties"]["defaults"]["deploymentName"] is None
    assert answer.json()["properties"]["provisioningState"] == "Updating"
    await asyncio.sleep(0.1)
    assert (await nightly.document())["properties"]["defaults"]["deploymentName"] == "blue"
    assert ("default_set", "nightly", {"default": "blue", "before": ""}) in nightly.effects


async def test_a_change_during_another_is_refused(nightly):
    await nightly.ask("PUT", ENDPOINT, by_default("blue"))
    answer = await nightly.ask("PUT", ENDPOINT, NEW)
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "Conflict")


async def test_a_put_that_names_no_default_leaves_none(nightly):
    await nightly.done("PUT", ENDPOINT, by_default("blue"))
    await nightly.done("PUT", ENDPOINT, NEW)
    assert (await nightly.document())["properties"]["defaults"]["deploymentName"] is None


async def test_a_patch_changes_tags_and_no_default(nightly):
    await nightly.done("PUT", ENDPOINT, by_default("blue"))
    await nightly.done("PATCH", ENDPOINT, {"tags": {"team": "forms"}})
    document = await nightly.document()
    assert (document["tags"], document["properties"]["defaults"]["deploymentName"]) == ({"team": "forms"}, "blue")


async def test_a_default_that_is_no_deployment_is_refused(nightly):
    assert (await nightly.ask("PUT", ENDPOINT, by_default("green"))).status_code == 400


async def test_the_default_deployment_is_not_deleted_and_another_is(nightly):
    await nightly.done("PUT", ENDPOINT, by_default("blue"))
    assert (await nightly.ask("DELETE", BLUE)).status_code == 400
    await nightly.done("PUT", ENDPOINT, NEW)
    await nightly.done("DELETE", BLUE)
    assert (await nightly.ask("GET", BLUE)).status_code == 404
    assert (await nightly.ask("DELETE", BLUE)).status_code == 204


@pytest.mark.parametrize(
    "change",
    [
        {"compute": f"{DEV.id}/computes/gone"},
        {"model": {"referenceType": "Id", "assetId": f"{DEV.id}/models/m/versions/9"}},
        {"model": f"{DEV.id}/models/m/versions/1"},
        {"codeConfiguration": None},
    ],
    ids=["compute", "model", "model as text", "code"],
)
async def test_what_a_deployment_names_has_to_exist_in_the_documented_form(nightly, change):
    body = {**DEPLOYMENT, "properties": {**DEPLOYMENT["properties"], **change}}
    assert (await nightly.ask("PUT", BLUE, body)).status_code in {400, 404}


async def test_an_endpoint_is_listed_and_deleted(nightly):
    assert [one["name"] for one in (await nightly.document(f"{DEV.id}/batchEndpoints"))["value"]] == ["nightly"]
    assert [one["name"] for one in (await nightly.document(f"{ENDPOINT}/deployments"))["value"]] == ["blue"]
    await nightly.done("DELETE", ENDPOINT)
    assert (await nightly.ask("GET", ENDPOINT)).status_code == 404


async def invoke(azure, body=None, **headers):
    address = (await azure.document())["properties"]["scoringUri"]
    return await azure.ask("POST", address, INVOCATION if body is None else body, **headers)


async def test_an_invocation_becomes_a_job_of_the_deployment_that_it_names(nightly):
    answer = await invoke(nightly, **{"azureml-model-deployment": "blue"})
    assert answer.status_code == 201
    (job,) = nightly.submitted
    assert answer.json()["name"] == job.name
    assert job.properties["properties"]["azureml.deploymentname"] == "blue"
    assert "--mini-batch-size 5 --error-threshold 0" in job.work["command"]
    assert job.properties["outputs"]["score"]["uri"] == "azureml://datastores/workspaceblobstore/paths/o/"


async def test_without_a_name_the_default_is_meant_and_there_has_to_be_one(nightly):
    assert (await invoke(nightly)).status_code == 404
    await nightly.done("PUT", ENDPOINT, by_default("blue"))
    assert (await invoke(nightly)).status_code == 201


async def test_a_name_means_one_job_for_ever(nightly):
    named = {"properties": {**INVOCATION["properties"], "name": "run-1"}}
    header = {"azureml-model-deployment": "blue"}
    assert (await invoke(nightly, named, **header)).json()["name"] == "run-1"
    assert (await invoke(nightly, named, **header)).status_code == 409


@pytest.mark.parametrize(
    ("inputs", "status"),
    [({}, 400), ({"a": INPUT, "b": INPUT}, 400), ({"a": {"JobInputType": "Literal", "value": 1}}, 400)],
    ids=["none", "two", "a literal"],
)
async def test_a_model_deployment_takes_one_folder_or_file(nightly, inputs, status):
    body = {"properties": {"InputData": inputs}}
    assert (await invoke(nightly, body, **{"azureml-model-deployment": "blue"})).status_code == status


async def test_an_input_that_does_not_exist_starts_nothing(nightly):
    body = {"properties": {"InputData": {"a": {**INPUT, "Uri": f"{DEV.id}/data/night/versions/9"}}}}
    assert (await invoke(nightly, body, **{"azureml-model-deployment": "blue"})).status_code == 404
    assert nightly.submitted == []


async def test_a_token_for_resource_manager_opens_no_scoring_address(nightly):
    assert (await invoke(nightly, **bearer("https://management.azure.com/"))).status_code == 401
