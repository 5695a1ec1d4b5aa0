"""HTTP triggers behind the host: routes, keys, identity, limits, and the Event Grid webhook with both its envelopes."""

import base64
import json
from collections.abc import AsyncIterator
from pathlib import Path
from types import ModuleType

import httpx
import pytest
import pytest_asyncio
from starlette.applications import Starlette

from local.azure.event_grid import EventGrid
from local.host.app_host import Options
from local.host.bindings import Index, IndexingError
from local.host.event_grid import PATH
from local.host.http import HttpEntry
from local.host.invocation import Invoker
from local.host.principals import UnknownUserError, Users, read_users
from local.host.requests import BODY_BYTES_MAX
from tests.contracts.host_under_test import KEY, hosting, index_of, module_of, write_app

APP = """
@app.route("approvals/{token}", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
async def show(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(f"<p>{req.route_params['token']} {dict(req.params)}</p>", mimetype="text/html")

@app.route("approvals/{token}", methods=["POST"])
def answer(req: func.HttpRequest) -> func.HttpResponse:
    seen.append((req.method, req.get_body(), req.form.get("verdict")))
    return func.HttpResponse(status_code=303, headers={"Location": "/done"})

@app.route("approvals/latest", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
def latest(req: func.HttpRequest) -> str:
    return "latest"

@app.route("files/{*rest}", auth_level=func.AuthLevel.ANONYMOUS)
def files(req: func.HttpRequest) -> str:
    return f"{req.method} {req.route_params['rest']}"

@app.route("who", auth_level=func.AuthLevel.ANONYMOUS)
def who(req: func.HttpRequest) -> str:
    return "\\n".join(f"{name}={value}" for name, value in req.headers.items())

@app.route("fails", auth_level=func.AuthLevel.ANONYMOUS)
def fails(req: func.HttpRequest) -> str:
    raise RuntimeError("on purpose")

@app.route("nothing", auth_level=func.AuthLevel.ANONYMOUS)
def nothing(req: func.HttpRequest):
    return None

@app.route("number", auth_level=func.AuthLevel.ANONYMOUS)
def number(req: func.HttpRequest):
    return 7

@app.route("cookies", auth_level=func.AuthLevel.ANONYMOUS)
def cookies(req: func.HttpRequest) -> func.HttpResponse:
    response = func.HttpResponse(b"{}", mimetype="application/json")
    response.headers.add("Set-Cookie", "a=1")
    response.headers.add("Set-Cookie", "b=2")
    return response

@app.event_grid_trigger(arg_name="event")
async def on_event(event: func.EventGridEvent) -> None:
    kind = event.type if isinstance(event, func.CloudEvent) else event.event_type
    if event.get_json().get("fails"):
        raise RuntimeError("on purpose")
    seen.append((event.id, kind, event.get_json()))
"""

EVENT = {
    "id": "1",
    "topic": "/subscriptions/s",
    "subject": "models/m:1",
    "eventType": "Microsoft.MachineLearningServices.ModelRegistered",
    "eventTime": "2026-01-01T00:00:00.1234567Z",
    "data": {"modelName": "m"},
    "dataVersion": "2",
}
CLOUD_EVENT = {
    "specversion": "1.0",
    "id": "2",
    "source": "/subscriptions/s",
    "type": "Microsoft.MachineLearningServices.ModelRegistered",
    "time": "2026-01-01T00:00:00Z",
    "data": {"modelName": "m"},
}
USERS = {"ada": {"id": "0-1", "groups": ["g-1", "g-2"], "roles": ["approver"]}, "bob": {"id": "0-2", "groups": []}}


class Served:
    """A host of the app above, its client, and the app's own module."""

    def __init__(self, client: httpx.AsyncClient, module: ModuleType) -> None:
        self.client = client
        self.module = module

    async def deliver(
        self, body: object, function: str = "on_event", code: str = KEY, **headers: str
    ) -> httpx.Response:
        named = {"aeg-event-type": "Notification"} | {name.replace("_", "-"): value for name, value in headers.items()}
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        parameters = {"functionName": function, "code": code}
        return await self.client.post(PATH, params=parameters, content=content, headers=named)


@pytest_asyncio.fixture
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    app = write_app(tmp_path, APP)
    users = tmp_path / "users.json"
    users.write_text(json.dumps(USERS))
    async with hosting(Options(app, tmp_path / "state", {"LOCAL_HOST_KEY": KEY}, users=users)) as (_, client):
        yield Served(client, module_of(app))


async def test_a_function_gets_its_route_and_query_and_answers_with_its_mimetype(served: Served) -> None:
    reply = await served.client.get("/api/approvals/t-1?a=1&a=2&b=3")
    assert reply.status_code == 200
    assert reply.text == "<p>t-1 {'a': '1,2', 'b': '3'}</p>"
    assert reply.headers["content-type"] == "text/html; charset=utf-8"


async def test_methods_of_one_path_go_to_different_functions_and_forms_are_read(served: Served) -> None:
    reply = await served.client.post(f"/api/approvals/t-1?code={KEY}", data={"verdict": "approve"})
    assert (reply.status_code, reply.headers["location"]) == (303, "/done")
    assert served.module.seen == [("POST", b"verdict=approve", "approve")]
    assert (await served.client.delete("/api/approvals/t-1")).status_code == 404


async def test_a_literal_path_goes_before_one_with_a_parameter(served: Served) -> None:
    assert (await served.client.get("/api/approvals/latest")).text == "latest"
    assert (await served.client.put("/api/files/a/b.txt")).text == "PUT a/b.txt"
    assert (await served.client.get("/approvals/latest")).status_code == 404


async def test_a_function_with_a_key_is_closed_without_it(served: Served) -> None:
    post = served.client.post
    assert (await post("/api/approvals/t")).status_code == 401
    assert (await post("/api/approvals/t?code=wrong")).status_code == 401
    assert (await post("/api/approvals/t", headers={b"x-functions-key": "schlüssel".encode()})).status_code == 401
    assert served.module.seen == []
    assert (await post("/api/approvals/t", headers={"x-functions-key": KEY})).status_code == 303


async def test_what_a_function_returns_or_raises_becomes_a_status(served: Served) -> None:
    assert (await served.client.get("/api/nothing")).status_code == 204
    assert (await served.client.get("/api/fails")).status_code == 500
    assert (await served.client.get("/api/number")).status_code == 500
    cookies = await served.client.get("/api/cookies")
    assert cookies.headers.get_list("set-cookie") == ["a=1", "b=2"]
    assert cookies.headers["content-type"] == "application/json"


async def test_a_body_over_the_cap_is_refused_announced_or_not(served: Served) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(9):
            yield b"x" * (BODY_BYTES_MAX // 8)

    address = f"/api/approvals/t?code={KEY}"
    assert (await served.client.post(address, content=b"x" * (BODY_BYTES_MAX + 1))).status_code == 413
    assert (await served.client.post(address, content=chunks())).status_code == 413
    assert (await served.client.post(address, content=b"x" * BODY_BYTES_MAX)).status_code == 303


async def test_identity_headers_from_outside_never_reach_the_app(served: Served) -> None:
    forged = {"X-MS-CLIENT-PRINCIPAL-ID": "admin", "X-MS-CLIENT-PRINCIPAL": "e30=", "X-MS-TOKEN-AAD-ID-TOKEN": "t"}
    seen = (await served.client.get("/api/who", headers=forged | {"X-Other": "kept"})).text
    assert "x-ms-" not in seen
    assert "x-other=kept" in seen


async def test_a_signed_in_user_arrives_as_app_service_says_it(served: Served) -> None:
    reply = await served.client.get("/api/who", headers={"x-local-user": "ada", "x-ms-client-principal-id": "forged"})
    headers = dict(line.split("=", 1) for line in reply.text.splitlines())
    assert headers["x-ms-client-principal-id"] == "0-1"
    assert headers["x-ms-client-principal-name"] == "ada"
    assert "x-local-user" not in headers
    claims = json.loads(base64.b64decode(headers["x-ms-client-principal"]))["claims"]
    assert [claim["val"] for claim in claims if claim["typ"] == "groups"] == ["g-1", "g-2"]
    assert [claim["val"] for claim in claims if claim["typ"] == "roles"] == ["approver"]
    assert (await served.client.get("/api/who", headers={"x-local-user": "eve"})).status_code == 401


def test_one_user_can_be_signed_in_for_all_requests(tmp_path: Path) -> None:
    path = tmp_path / "users.json"
    path.write_text(json.dumps(USERS))
    users = read_users(path, signed_in_as="bob")
    assert users.replace_headers({})["x-ms-client-principal-name"] == "bob"
    assert users.replace_headers({"x-local-user": "ada"})["x-ms-client-principal-name"] == "ada"
    assert Users({}).replace_headers({"accept": "*/*"}) == {"accept": "*/*"}
    with pytest.raises(UnknownUserError):
        read_users(path, signed_in_as="eve")


@pytest.mark.parametrize("content", ["[]", "{", '{"ada": {}}', '{"ada": 1}'])
def test_a_wrong_file_of_users_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "users.json"
    path.write_text(content)
    with pytest.raises(ValueError, match=r"."):
        read_users(path)


async def test_host_json_changes_the_prefix_of_routes(tmp_path: Path) -> None:
    (tmp_path / "host.json").write_text('{"version": "2.0", "extensions": {"http": {"routePrefix": ""}}}')
    app = write_app(tmp_path, APP)
    async with hosting(Options(app, tmp_path / "state", {})) as (_, client):
        assert (await client.get("/approvals/latest")).status_code == 200
        assert (await client.get("/api/approvals/latest")).status_code == 404


@pytest.mark.parametrize(
    ("routes", "reason"),
    [(("a", "a"), "both f0 and f1"), (("a/{id:int}",), "{id:int}"), (("a/{id?}",), "{id?}")],
)
def test_routes_that_the_host_cannot_serve_are_refused(tmp_path: Path, routes: tuple[str, ...], reason: str) -> None:
    function = '@app.route("{route}")\ndef f{number}(req: func.HttpRequest) -> str: ...\n'
    source = "".join(
        function.replace("{route}", route).replace("{number}", str(number)) for number, route in enumerate(routes)
    )
    with pytest.raises(IndexingError) as refusal:
        routes_of(index_of(tmp_path, source))
    assert reason in str(refusal.value)


def routes_of(found: Index) -> Starlette:
    entry = HttpEntry(Invoker(None), Users({}), KEY)  # type: ignore[arg-type]  # no request is made
    return Starlette(routes=entry.routes(found.functions, "api"))


async def test_event_grid_is_answered_only_with_the_key_and_for_a_known_function(served: Served) -> None:
    assert (await served.deliver([EVENT], code="wrong")).status_code == 401
    assert (await served.deliver([EVENT], function="other")).status_code == 404
    assert (await served.deliver([EVENT], aeg_event_type="Surprise")).status_code == 400
    without = await served.client.post(f"{PATH}?functionName=on_event&code={KEY}", json=[EVENT])
    assert without.status_code == 400
    assert served.module.seen == []


async def test_the_event_grid_handshake_echoes_the_code(served: Served) -> None:
    event = EVENT | {"data": {"validationCode": "c-1"}}
    reply = await served.deliver([event], aeg_event_type="SubscriptionValidation")
    assert (reply.status_code, reply.json()) == (200, {"validationResponse": "c-1"})
    assert (await served.deliver([EVENT], aeg_event_type="SubscriptionValidation")).status_code == 400
    assert (await served.deliver([], aeg_event_type="SubscriptionValidation")).status_code == 400
    assert (await served.deliver([EVENT], aeg_event_type="Unsubscribe")).status_code == 202
    assert served.module.seen == []


async def test_the_cloud_events_handshake_allows_the_origin(served: Served) -> None:
    headers = {"WebHook-Request-Origin": "eventgrid.azure.net", "WebHook-Request-Rate": "120"}
    reply = await served.client.options(f"{PATH}?functionName=on_event&code={KEY}", headers=headers)
    assert reply.status_code == 200
    assert reply.headers["webhook-allowed-origin"] == "eventgrid.azure.net"
    assert reply.headers["webhook-allowed-rate"] == "120"


async def test_every_event_of_an_array_and_a_single_cloud_event_call_the_function_once(served: Served) -> None:
    kind = EVENT["eventType"]
    assert (await served.deliver([EVENT, EVENT | {"id": "1b"}])).status_code == 202
    assert (await served.deliver(CLOUD_EVENT)).status_code == 202
    assert sorted(served.module.seen) == [(name, kind, {"modelName": "m"}) for name in ("1", "1b", "2")]


async def test_one_event_that_fails_has_the_whole_delivery_sent_again(served: Served) -> None:
    assert (await served.deliver([EVENT, EVENT | {"id": "3", "data": {"fails": True}}])).status_code == 500
    assert [name for name, _, _ in served.module.seen] == ["1"]
    assert (await served.deliver([EVENT | {"eventTime": "yesterday"}])).status_code == 500


@pytest.mark.parametrize("body", [b"", b"{", b"[1]", b'"text"'])
async def test_a_delivery_that_is_no_event_is_refused_for_good(served: Served, body: bytes) -> None:
    assert (await served.deliver(body)).status_code == 400
    assert served.module.seen == []


async def test_a_delivery_over_the_cap_is_too_large(served: Served) -> None:
    assert (await served.deliver(b" " * (BODY_BYTES_MAX + 1))).status_code == 413


async def test_the_local_event_grid_subscribes_and_delivers_in_both_envelopes(served: Served) -> None:
    topic = EventGrid(deliveries=2, seed=1)
    try:
        for schema in ("eventgrid", "cloudevents"):
            await topic.subscribe(f"{served.client.base_url}{PATH}?functionName=on_event&code={KEY}", schema)
        topic.raise_event("/subscriptions/s", "Some.Event", "subject", {"a": 1}, event_id="e-1")
        await topic.drain()
        assert served.module.seen == [("e-1", "Some.Event", {"a": 1})] * 4
        assert topic.dropped == []
    finally:
        await topic.close()
