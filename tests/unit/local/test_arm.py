"""The front door: tokens, routing and the shape of errors."""

import asyncio
from typing import Any

import httpx
import jwt
import pytest
from starlette.applications import Starlette
from starlette.routing import Route

from local.azure.arm import Arm, ArmAnswer, ArmRequest, ArmRoute
from local.azure.errors import ArmError
from local.azure.mlflow_api import MlflowApi
from local.azure.operations import Operations
from local.azure.references import Scope
from local.azure.tracking import Run, Tracking

DEV = Scope("S", "G", "workspaces", "Dev")
ARM = "https://arm.local"


async def echo(request: ArmRequest) -> ArmAnswer:
    return ArmAnswer({"name": request.names["name"], "scope": request.scope.id, "body": request.body})


async def refuse(_: ArmRequest) -> ArmAnswer:
    raise ArmError(409, "Conflict", "not now")


async def crash(_: ArmRequest) -> ArmAnswer:
    raise RuntimeError("a bug")


ROUTES = [
    ArmRoute("GET", "{scope}/things/{name}", echo),
    ArmRoute("PUT", "{scope}/things/{name}", echo),
    ArmRoute("POST", "{scope}/things/{name}/refuse", refuse),
    ArmRoute("POST", "{scope}/things/{name}/crash", crash),
]


def token(audience: str = ARM) -> dict[str, str]:
    return {"authorization": "Bearer " + jwt.encode({"aud": audience}, "k" * 32, algorithm="HS256")}


def client(routes: list[ArmRoute]) -> httpx.AsyncClient:
    arm = Arm({DEV.key: DEV}, ARM, routes)
    app = Starlette(routes=[Route("/{path:path}", arm.__call__, methods=["GET", "PUT", "POST"])])
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url=ARM, headers=token(), params={"api-version": "2025-12-01"}
    )


async def test_paths_match_in_any_case_and_names_keep_theirs():
    answer = await client(ROUTES).get(DEV.id.upper() + "/THINGS/MyThing/")

    assert answer.json() == {"name": "MyThing", "scope": DEV.id, "body": {}}


async def test_registry_calls_may_come_through_the_management_front_end():
    answer = await client(ROUTES).get(f"/mferp/managementfrontend{DEV.id}/things/one")

    assert answer.json()["name"] == "one"


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer not-a-jwt", "Bearer a.b.c", "Basic abc", "Bearer a.W10.c"])
async def test_a_request_without_a_readable_token_is_unauthorized(header: str):
    answer = await client(ROUTES).get(f"{DEV.id}/things/one", headers={"authorization": header})

    assert answer.status_code == 401
    assert set(answer.json()["error"]) == {"code", "message"}


@pytest.mark.parametrize(
    ("audience", "status"),
    [(ARM, 200), (f"{ARM}/", 200), ("https://management.azure.com/", 200), ("https://vault.azure.net", 401)],
)
async def test_only_tokens_for_arm_are_taken(audience: str, status: int):
    answer = await client(ROUTES).get(f"{DEV.id}/things/one", headers=token(audience))

    assert answer.status_code == status


@pytest.mark.parametrize("path", ["/nothing", f"{DEV.id}/nothing", f"{DEV.id.replace('Dev', 'prod')}/things/one"])
async def test_what_does_not_exist_is_not_found_in_arms_words(path: str):
    answer = await client(ROUTES).get(path)

    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "ResourceNotFound")


@pytest.mark.parametrize("content", [b"{", b"[1]", b"\xff"])
async def test_a_body_that_is_no_object_is_a_bad_request(content: bytes):
    answer = await client(ROUTES).put(f"{DEV.id}/things/one", content=content)

    assert answer.status_code == 400


async def test_refusals_and_bugs_have_the_same_shape():
    refused = await client(ROUTES).post(f"{DEV.id}/things/one/refuse")
    crashed = await client(ROUTES).post(f"{DEV.id}/things/one/crash")

    assert (refused.status_code, refused.json()) == (409, {"error": {"code": "Conflict", "message": "not now"}})
    assert (crashed.status_code, crashed.json()["error"]["code"]) == (500, "InternalServerError")


async def follow(operations: Operations, work: Any) -> tuple[httpx.Response, httpx.Response, httpx.Response]:
    """The status before the work is done, and both addresses after it."""

    async def begin(request: ArmRequest) -> ArmAnswer:
        return ArmAnswer(status=202, headers=operations.headers(request, operations.start(work)))

    web = client([ArmRoute("POST", "{scope}/begin", begin), *operations.routes()])
    begun = await web.post(f"{DEV.id}/begin")
    before = await web.get(begun.headers["location"])
    await asyncio.sleep(0.05)
    return before, await web.get(begun.headers["azure-asyncoperation"]), await web.get(begun.headers["location"])


async def test_an_operation_can_be_followed_to_its_end():
    before, status, result = await follow(Operations(), asyncio.sleep(0.03))

    assert (before.status_code, before.headers["x-ms-retry-after-ms"]) == (202, "50")
    assert status.json()["status"] == "Succeeded"
    assert (result.status_code, result.content) == (204, b"")


async def fail(error: Exception) -> None:
    await asyncio.sleep(0.03)
    raise error


@pytest.mark.parametrize(
    ("error", "code"), [(ArmError(400, "Bad", "why"), "Bad"), (RuntimeError("why"), "InternalServerError")]
)
async def test_a_failed_operation_says_why(error: Exception, code: str):
    _, status, result = await follow(Operations(), fail(error))

    assert status.json()["status"] == "Failed"
    assert status.json()["error"] == {"code": code, "message": "why"}
    assert result.status_code == 400


async def test_stopping_cancels_what_is_under_way():
    operations = Operations()
    operation = operations.start(asyncio.sleep(60))
    await asyncio.sleep(0)
    await operations.stop()

    assert operation.status == "InProgress"


MLFLOW = f"/mlflow/v1.0{DEV.id}/api/2.0/mlflow"


def tracked() -> tuple[httpx.AsyncClient, Run]:
    tracking, run = Tracking(), Run("run-1", "e-1", "tiny", "file:///tmp")
    tracking.create(DEV.key, run)
    return client(MlflowApi(tracking).routes()), run


async def test_what_is_logged_can_be_read_back():
    web, _ = tracked()
    batch = {
        "run_id": "run-1",
        "metrics": [{"key": "auc", "value": 0.5, "timestamp": "1", "step": "0"}],
        "params": [{"key": "rate", "value": "2"}],
        "tags": [{"key": "a", "value": "b"}],
    }
    for path, body in {
        "runs/log-batch": batch,
        "runs/log-metric": {"run_id": "run-1", "key": "auc", "value": 0.7, "timestamp": 2, "step": "1"},
        "runs/log-parameter": {"run_id": "run-1", "key": "depth", "value": "3"},
        "runs/set-tag": {"run_id": "run-1", "key": "a", "value": "c"},
        "runs/update": {"run_id": "run-1", "status": "FINISHED", "end_time": 5},
    }.items():
        assert (await web.post(f"{MLFLOW}/{path}", json=body)).status_code == 200

    run = (await web.get(f"{MLFLOW}/runs/get", params={"run_id": "run-1"})).json()["run"]
    assert (run["info"]["status"], run["info"]["end_time"]) == ("FINISHED", 5)
    assert run["data"]["metrics"] == [{"key": "auc", "value": 0.7, "timestamp": 2, "step": 1}]
    assert run["data"]["params"] == [{"key": "rate", "value": "2"}, {"key": "depth", "value": "3"}]
    assert run["data"]["tags"] == [{"key": "a", "value": "c"}]


async def test_the_history_of_a_metric_keeps_every_value():
    web, _ = tracked()
    for step in (2, 1):
        await web.post(f"{MLFLOW}/runs/log-metric", json={"run_id": "run-1", "key": "auc", "value": step, "step": step})

    asked = {"run_id": "run-1", "metric_key": "auc"}
    found = (await web.get(f"{MLFLOW}/metrics/get-history", params=asked)).json()["metrics"]
    run = (await web.get(f"{MLFLOW}/runs/get", params=asked)).json()["run"]
    assert [metric["value"] for metric in found] == [2.0, 1.0]
    assert run["data"]["metrics"][0]["value"] == 2.0


async def test_experiments_are_found_by_id_and_name():
    web, _ = tracked()
    by_id = await web.get(f"{MLFLOW}/experiments/get", params={"experiment_id": "e-1"})
    by_name = await web.get(f"{MLFLOW}/experiments/get-by-name", params={"experiment_name": "tiny"})

    assert by_id.json() == by_name.json()
    assert by_id.json()["experiment"]["name"] == "tiny"


@pytest.mark.parametrize(
    ("path", "query", "status"),
    [("runs/get", {"run_id": "none"}, 404), ("experiments/get", {"experiment_id": "x"}, 404), ("runs/get", {}, 404)],
)
async def test_mlflow_errors_have_mlflows_shape(path: str, query: dict[str, str], status: int):
    web, _ = tracked()
    answer = await web.get(f"{MLFLOW}/{path}", params=query)

    assert answer.status_code == status
    assert answer.json()["error_code"] == "RESOURCE_DOES_NOT_EXIST"


async def test_a_metric_without_a_key_is_refused():
    web, run = tracked()
    answer = await web.post(f"{MLFLOW}/runs/log-metric", json={"run_id": "run-1", "value": 1})

    assert (answer.status_code, answer.json()["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
    assert run.metrics == []
