"""The local Event Grid topic takes what the real one takes, refuses what it refuses, and keeps what it took."""

import httpx
import jwt
import pytest
from starlette.applications import Starlette

from local.azure.topic import API_VERSION, AUDIENCE, BATCH_BYTES_MAX, BATCH_TYPE, EVENT_TYPE, Topic

EVENT = {"specversion": "1.0", "id": "1", "source": "https://app.example", "type": "Outerloop.Paused", "data": {"a": 1}}


@pytest.fixture
def topic():
    return Topic()


@pytest.fixture
async def client(topic):
    transport = httpx.ASGITransport(Starlette(routes=topic.routes))
    async with httpx.AsyncClient(transport=transport, base_url="https://topic.example") as client:
        yield client


async def post(client, topic, body, *, kind=BATCH_TYPE, version=API_VERSION, **headers):
    headers = {"aeg-sas-key": topic.key, "content-type": f"{kind}; charset=utf-8"} | headers
    options = {"content": body} if isinstance(body, bytes) else {"json": body}
    return await client.post(topic.path, params={"api-version": version}, headers=headers, **options)


async def test_a_batch_is_kept_whole_and_in_order(client, topic):
    events = [EVENT | {"id": str(number)} for number in range(3)]
    answer = await post(client, topic, events)
    assert (answer.status_code, answer.content) == (200, b"")
    assert topic.received == events


async def test_a_single_event_is_taken_too(client, topic):
    assert (await post(client, topic, EVENT, kind=EVENT_TYPE)).status_code == 200
    assert topic.received == [EVENT]


async def test_a_token_for_event_grid_opens_it(client, topic):
    token = jwt.encode({"aud": AUDIENCE}, "k" * 32)
    headers = {"authorization": f"Bearer {token}", "content-type": BATCH_TYPE}
    answer = await client.post(topic.path, params={"api-version": API_VERSION}, headers=headers, json=[EVENT])
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"aeg-sas-key": "wrong"},
        {"authorization": "Bearer nonsense"},
        {"authorization": f"Bearer {jwt.encode({'aud': 'https://management.azure.com'}, 'k' * 32)}"},
    ],
)
async def test_nobody_else_comes_in(client, topic, headers):
    headers = {"content-type": BATCH_TYPE, **headers}
    answer = await client.post(topic.path, params={"api-version": API_VERSION}, headers=headers, json=[EVENT])
    assert answer.status_code == 401
    assert topic.received == []


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"{", BATCH_TYPE),
        ({}, BATCH_TYPE),
        ([], BATCH_TYPE),
        (["event"], BATCH_TYPE),
        ([EVENT], "application/json"),
        ([EVENT | {"id": ""}], BATCH_TYPE),
        ([{key: value for key, value in EVENT.items() if key != "type"}], BATCH_TYPE),
        ([EVENT | {"specversion": "0.3"}], BATCH_TYPE),
        ([EVENT | {"Event-Type": "x"}], BATCH_TYPE),
    ],
)
async def test_what_is_no_cloud_event_takes_its_whole_batch_down(client, topic, body, kind):
    body = [EVENT, *body] if isinstance(body, list) and body else body
    answer = await post(client, topic, body, kind=kind)
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "BadRequest"
    assert topic.received == []


async def test_another_api_version_is_refused(client, topic):
    assert (await post(client, topic, [EVENT], version="2030-01-01")).status_code == 400


async def test_a_batch_over_a_mebibyte_is_too_large(client, topic):
    large = [EVENT | {"data": "x" * BATCH_BYTES_MAX}]
    assert (await post(client, topic, large)).status_code == 413
