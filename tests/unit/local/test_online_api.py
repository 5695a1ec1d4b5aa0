"""Endpoints, deployments and registries over REST, with a stand-in for the processes that serve."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from starlette.applications import Starlette
from starlette.routing import Route

from local.azure.arm import Arm
from local.azure.asset_api import AssetApi
from local.azure.assets import Asset, Assets
from local.azure.datastores import Datastores
from local.azure.deployment_api import DeploymentApi
from local.azure.deployments import DeploymentFailed, DeploymentKey
from local.azure.effects import Effects
from local.azure.endpoint_api import EndpointApi
from local.azure.endpoints import Endpoints
from local.azure.operations import Operations
from local.azure.quota_api import QuotaApi
from local.azure.references import Scope
from local.azure.registry import RegistryApi
from local.azure.workspace import WorkspaceApi

DEV = Scope("s", "g", "workspaces", "Dev")
REGISTRY = Scope("s", "g", "registries", "contoso")
ENDPOINT = f"{DEV.id}/onlineEndpoints/flight"
DEPLOYMENT = {
    "location": "local",
    "sku": {"name": "Default", "capacity": 1},
    "properties": {
        "endpointComputeType": "Managed",
        "model": f"{DEV.id}/models/m/versions/1",
        "codeConfiguration": {"codeId": f"{DEV.id}/codes/c/versions/1", "scoringScript": "score.py"},
        "environmentVariables": {"COLOR": "blue"},
        "instanceType": "Standard_DS3_v2",
    },
}


class Processes:
    """Serves nothing, slowly; fails for a script called broken.py."""

    def __init__(self) -> None:
        self.started: list[tuple[str, str, str]] = []
        self.stopped: list[str] = []

    async def start(
        self, key: DeploymentKey, code: Path, script: str, model: Path, environment: Mapping[str, str]
    ) -> None:
        await asyncio.sleep(0.02)
        assert code.name == "c"
        if script == "broken.py":
            raise DeploymentFailed("init() raised: no weights")
        self.started.append((key.deployment, model.name, environment.get("COLOR", "")))

    async def stop(self, key: DeploymentKey) -> None:
        self.stopped.append(key.deployment)


class Azure:
    """The ARM side in this process, its journal and its events."""

    def __init__(self, folder: Path) -> None:
        self.journal: list[tuple[str, dict[str, Any]]] = []
        self.events: list[str] = []
        self.processes = Processes()
        assets = Assets()
        for scope in (DEV, REGISTRY):
            assets.know(scope)
        for kind, name in (("models", "m"), ("codes", "c")):
            (folder / name).mkdir()
            (folder / name / "file").write_text(name)
            assets.add(Asset(DEV, kind, name, "1", {"modelType": "custom_model"}, folder / name))
        datastores, operations, endpoints = Datastores(folder / "storage", assets), Operations(), Endpoints()
        effects = Effects(self, self)
        parts = [
            WorkspaceApi({DEV.key: DEV}, ["cpu", "k8s-edge"], "local", operations, effects),
            AssetApi(datastores, effects),
            EndpointApi(endpoints, operations, self.processes, effects, ["cpu", "k8s-edge"], settle_seconds=0.02),
            DeploymentApi(endpoints, datastores, operations, self.processes, effects),
            QuotaApi(endpoints),
            RegistryApi({"contoso": REGISTRY}, datastores, operations, effects),
            operations,
        ]
        scopes = {DEV.key: DEV, REGISTRY.key: REGISTRY}
        arm = Arm(scopes, "https://arm.local", [route for part in parts for route in part.routes()])
        methods = ["GET", "PUT", "PATCH", "POST", "DELETE"]
        app = Starlette(routes=[Route("/{path:path}", arm.__call__, methods=methods)])
        token = jwt.encode({"aud": "https://arm.local"}, "k" * 32, algorithm="HS256")
        self.web = httpx.AsyncClient(
            params={"api-version": "2025-12-01"},
            transport=httpx.ASGITransport(app),
            base_url="https://arm.local",
            headers={"authorization": f"Bearer {token}"},
        )

    def record(self, effect: str, target: str, **detail: Any) -> None:
        self.journal.append((effect, {"target": target.rpartition("/")[2], **detail}))

    def raise_event(self, _topic: str, event_type: str, *_: Any) -> None:
        self.events.append(event_type)

    async def done(self, answer: httpx.Response) -> str:
        """How the operation that an answer began has ended."""
        assert answer.is_success, answer.text
        async with asyncio.timeout(5):
            found = {"status": "InProgress"}
            while found["status"] == "InProgress":
                await asyncio.sleep(0.01)
                found = (await self.web.get(answer.headers["azure-asyncoperation"])).json()
        return str(found.get("error", {}).get("message", found["status"]))

    async def endpoint(self) -> None:
        assert (
            await self.done(await self.web.put(ENDPOINT, json={"location": "local", "properties": {}})) == "Succeeded"
        )

    async def deploy(self, name: str, **changes: Any) -> str:
        body = {**DEPLOYMENT, "properties": {**DEPLOYMENT["properties"], **changes}}
        return await self.done(await self.web.put(f"{ENDPOINT}/deployments/{name}", json=body))

    async def shown(self, path: str = "") -> dict[str, Any]:
        return (await self.web.get(ENDPOINT + path)).json()


@pytest.fixture
async def azure(tmp_path: Path) -> Azure:
    return Azure(tmp_path)


async def test_a_new_endpoint_is_updating_and_then_there(azure: Azure):
    answer = await azure.web.put(ENDPOINT, json={"location": "local", "tags": {"a": "b"}, "properties": {}})

    assert answer.status_code == 201
    assert answer.json()["properties"]["provisioningState"] == "Updating"
    await azure.done(answer)
    shown = await azure.shown()
    assert (shown["name"], shown["tags"], shown["properties"]["traffic"]) == ("flight", {"a": "b"}, {})
    assert shown["properties"]["scoringUri"] == "https://arm.local/score/s/g/Dev/flight"
    assert azure.journal == []


@pytest.mark.parametrize("name", ["ab", "x" * 33])
async def test_names_have_bounds(azure: Azure, name: str):
    assert (await azure.web.put(f"{DEV.id}/onlineEndpoints/{name}", json={})).status_code == 400


async def test_a_deployment_starts_a_process_with_what_it_names(azure: Azure):
    await azure.endpoint()

    assert await azure.deploy("blue") == "Succeeded"
    assert azure.processes.started == [("blue", "m", "blue")]
    assert (await azure.shown("/deployments/blue"))["properties"]["provisioningState"] == "Succeeded"
    assert [effect for effect, _ in azure.journal] == ["deployment_created"]
    assert azure.events == []


async def test_an_identical_put_starts_nothing_and_another_one_updates(azure: Azure):
    await azure.endpoint()
    await azure.deploy("blue")
    again = await azure.web.put(f"{ENDPOINT}/deployments/BLUE", json=DEPLOYMENT)
    await azure.deploy("blue", environmentVariables={"COLOR": "navy"})

    assert again.status_code == 200
    assert "azure-asyncoperation" not in again.headers
    assert azure.processes.started == [("blue", "m", "blue"), ("blue", "m", "navy")]
    assert [effect for effect, _ in azure.journal] == ["deployment_created", "repeated", "deployment_updated"]


async def test_a_deployment_that_cannot_start_is_failed_and_may_be_tried_again(azure: Azure):
    await azure.endpoint()
    code = DEPLOYMENT["properties"]["codeConfiguration"]

    assert "no weights" in await azure.deploy("blue", codeConfiguration={**code, "scoringScript": "broken.py"})
    assert (await azure.shown("/deployments/blue"))["properties"]["provisioningState"] == "Failed"
    assert azure.journal == []
    assert await azure.deploy("blue") == "Succeeded"


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"model": "azureml:none:1"}, 404),
        ({"codeConfiguration": {"codeId": "azureml:none:1", "scoringScript": "s"}}, 404),
        ({"codeConfiguration": None}, 400),
        ({"model": "no reference"}, 400),
    ],
)
async def test_what_a_deployment_names_must_exist(azure: Azure, changes: dict[str, Any], status: int):
    await azure.endpoint()
    body = {**DEPLOYMENT, "properties": {**DEPLOYMENT["properties"], **changes}}

    assert (await azure.web.put(f"{ENDPOINT}/deployments/blue", json=body)).status_code == status
    assert (await azure.shown("/deployments"))["value"] == []


async def test_changes_conflict_while_one_is_under_way(azure: Azure):
    await azure.endpoint()
    begun = await azure.web.put(f"{ENDPOINT}/deployments/blue", json=DEPLOYMENT)
    refused = [
        await azure.web.put(f"{ENDPOINT}/deployments/green", json=DEPLOYMENT),
        await azure.web.put(ENDPOINT, json={"properties": {"traffic": {"blue": 100}}}),
        await azure.web.put(ENDPOINT, json={"location": "x", "properties": {"traffic": {"blue": 100}}}),
        await azure.web.delete(f"{ENDPOINT}/deployments/blue"),
        await azure.web.delete(ENDPOINT),
    ]

    assert [(answer.status_code, answer.json()["error"]["code"]) for answer in refused] == [(409, "Conflict")] * 5
    assert await azure.done(begun) == "Succeeded"


async def test_traffic_takes_effect_when_its_operation_ends(azure: Azure):
    await azure.endpoint()
    await azure.deploy("blue")
    begun = await azure.web.put(ENDPOINT, json={"location": "local", "properties": {"traffic": {"blue": 100}}})

    assert (await azure.shown())["properties"]["traffic"] == {}
    await azure.done(begun)
    assert (await azure.shown())["properties"]["traffic"] == {"blue": 100}
    assert azure.journal[-1] == ("traffic_set", {"target": "flight", "traffic": {"blue": 100}, "changed": True})


async def test_a_patch_keeps_what_it_does_not_name(azure: Azure):
    await azure.done(await azure.web.put(ENDPOINT, json={"location": "x", "tags": {"a": "b"}, "properties": {}}))
    await azure.deploy("blue")
    await azure.done(await azure.web.put(ENDPOINT, json={"location": "x", "properties": {"traffic": {"blue": 100}}}))
    assert (await azure.web.patch(ENDPOINT, json={"tags": {"c": "d"}})).status_code == 200

    shown = await azure.shown()
    assert (shown["location"], shown["tags"], shown["properties"]["traffic"]) == ("x", {"c": "d"}, {"blue": 100})


async def test_only_a_deployment_without_traffic_is_deleted(azure: Azure):
    await azure.endpoint()
    await azure.deploy("blue")
    await azure.done(await azure.web.put(ENDPOINT, json={"location": "x", "properties": {"traffic": {"blue": 100}}}))
    refused = await azure.web.delete(f"{ENDPOINT}/deployments/blue")
    await azure.done(await azure.web.put(ENDPOINT, json={"location": "x", "properties": {"traffic": {"blue": 0}}}))
    await azure.done(await azure.web.delete(f"{ENDPOINT}/deployments/blue"))

    assert refused.status_code == 400
    assert azure.processes.stopped == ["blue"]
    assert (await azure.shown("/deployments"))["value"] == []
    assert (await azure.web.delete(f"{ENDPOINT}/deployments/blue")).status_code == 204


async def test_deleting_an_endpoint_stops_its_deployments(azure: Azure):
    await azure.endpoint()
    await azure.deploy("blue")
    await azure.done(await azure.web.delete(ENDPOINT))

    assert azure.processes.stopped == ["blue"]
    assert (await azure.web.get(ENDPOINT)).status_code == 404
    assert (await azure.web.delete(ENDPOINT)).status_code == 204


async def share(azure: Azure, version: str = "1") -> httpx.Response:
    asset = f"azureml://locations/local/workspaces/{DEV.guid}/models/m/versions/1"
    body = {"properties": {"assetId": asset, "destinationName": "m", "destinationVersion": version}}
    answer = await azure.web.post(f"/mferp/managementfrontend{REGISTRY.id}/import", json=body)
    async with asyncio.timeout(5):
        status = 202
        while status == 202:
            await asyncio.sleep(0.01)
            status = (await azure.web.get(answer.headers["location"])).status_code
    return answer


async def test_a_shared_model_is_a_copy_and_sharing_again_changes_nothing(azure: Azure, tmp_path: Path):
    first, _ = await share(azure), await share(azure)
    (tmp_path / "m" / "file").write_text("changed later")

    shown = (await azure.web.get(f"{REGISTRY.id}/models/m/versions/1")).json()
    assert "azure-asyncoperation" not in first.headers
    assert shown["id"] == "azureml://registries/contoso/models/m/versions/1"
    assert [effect for effect, _ in azure.journal] == ["model_shared", "repeated"]
    assert azure.events == []
    copies = [path.read_text() for path in (tmp_path / "storage" / "registries").rglob("file")]
    assert copies == ["m"]


async def test_registries_are_discovered(azure: Azure):
    found = await azure.web.get("/registrymanagement/v1.0/registries/Contoso/discovery")

    assert found.json()["primaryRegionResourceProviderUri"] == "https://arm.local/"
    assert (await azure.web.get("/registrymanagement/v1.0/registries/other/discovery")).status_code == 404


async def test_computes_exist_by_name(azure: Azure):
    assert (await azure.web.get(f"{DEV.id}/computes/CPU")).json()["name"] == "cpu"
    assert (await azure.web.get(f"{DEV.id}/computes/gpu")).status_code == 404


async def test_a_registered_version_may_be_retagged_but_not_replaced(azure: Azure):
    path = f"{DEV.id}/models/m/versions/2"
    answers = [
        await azure.web.put(path, json={"properties": {"modelType": "custom_model", **changes}})
        for changes in ({}, {"tags": {"a": "b"}}, {"modelUri": "https://elsewhere"})
    ]

    assert [answer.status_code for answer in answers] == [201, 200, 409]
    assert (await azure.web.get(path)).json()["properties"]["tags"] == {"a": "b"}
    assert azure.events == ["Microsoft.MachineLearningServices.ModelRegistered"]


async def test_mirrored_traffic_takes_effect_when_its_operation_ends_and_is_kept_by_a_patch(azure: Azure):
    await azure.endpoint()
    await azure.deploy("blue")
    await azure.deploy("green")
    wanted = {"properties": {"traffic": {"blue": 100, "green": 0}, "mirrorTraffic": {"green": 20}}}
    begun = await azure.web.put(ENDPOINT, json={"location": "local", **wanted})

    assert (await azure.shown())["properties"]["mirrorTraffic"] == {}
    await azure.done(begun)
    assert (await azure.web.patch(ENDPOINT, json={"tags": {"c": "d"}})).status_code == 200
    assert (await azure.shown())["properties"]["mirrorTraffic"] == {"green": 20}
    assert ("mirror_set", {"target": "flight", "mirror": {"green": 20}}) in azure.journal


async def test_a_mirror_that_azure_does_not_allow_is_refused(azure: Azure):
    await azure.endpoint()
    await azure.deploy("blue")
    refused = await azure.web.patch(ENDPOINT, json={"properties": {"mirrorTraffic": {"blue": 60}}})
    assert refused.status_code == 400


async def test_the_quota_counts_what_is_deployed_with_the_fifth_that_is_reserved(azure: Azure):
    place = "/subscriptions/s/providers/Microsoft.MachineLearningServices/locations/local"
    await azure.endpoint()
    sizes = (await azure.web.get(f"{place}/vmSizes")).json()["value"]
    assert next(one["vCPUs"] for one in sizes if one["name"] == "Standard_DS3_v2") == 4

    await azure.deploy("blue")
    usages = (await azure.web.get(f"{place}/usages")).json()["value"]
    family = next(one for one in usages if one["name"]["value"] == "standardDSv2Family")
    assert (family["currentValue"], family["limit"], family["unit"]) == (8, 100, "Count"), "one instance counts as two"


# On a Kubernetes cluster


async def test_a_cluster_is_shown_with_its_instance_types(azure: Azure):
    shown = (await azure.web.get(f"{DEV.id}/computes/k8s-edge")).json()["properties"]
    assert (shown["computeType"], list(shown["properties"]["instanceTypes"])) == ("Kubernetes", ["defaultinstancetype"])


@pytest.mark.parametrize(("compute", "why"), [("cpu", "needs one of type Kubernetes"), ("lost", "is not attached")])
async def test_an_endpoint_is_made_on_an_attached_cluster_and_on_nothing_else(azure: Azure, compute: str, why: str):
    refused = await azure.web.put(ENDPOINT, json={"properties": {"compute": f"{DEV.id}/computes/{compute}"}})
    assert refused.status_code == 400
    assert why in refused.json()["error"]["message"]


async def test_what_is_deployed_on_a_cluster_has_its_kind_and_uses_none_of_azures_cores(azure: Azure):
    on_cluster = {"properties": {"compute": f"{DEV.id}/computes/k8s-edge"}}
    assert await azure.done(await azure.web.put(ENDPOINT, json=on_cluster)) == "Succeeded"
    green = f"{ENDPOINT}/deployments/green"
    assert (await azure.web.put(green, json=DEPLOYMENT)).status_code == 400, "a managed one"

    edge = {**DEPLOYMENT, "properties": {**DEPLOYMENT["properties"], "endpointComputeType": "Kubernetes"}}
    assert await azure.done(await azure.web.put(green, json=edge)) == "Succeeded"
    place = "/subscriptions/s/providers/Microsoft.MachineLearningServices/locations/local"
    usages = (await azure.web.get(f"{place}/usages")).json()["value"]
    assert {one["currentValue"] for one in usages} == {0}
