"""What Event Grid delivers is stored before it is answered, and never answered so that Event Grid would drop it."""

import json

import pytest

from handlers.event_grid import on_event_grid, receive_events
from local.host.conversion import decode, document
from shared.adapters.sqlite_store import SqliteStore
from shared.ports import StoreUnavailableError
from tests.unit.services.signals import DEVELOPMENT, ELSEWHERE

DATA = {"ModelName": "flight-delay", "ModelVersion": 7, "ModelTags": {"author": "ada"}, "ModelProperties": {}}
TYPE = "Microsoft.MachineLearningServices.ModelRegistered"


def event(topic=DEVELOPMENT, **changes):
    return {
        "topic": topic,
        "subject": "models/flight-delay:7",
        "eventType": TYPE,
        "eventTime": "2026-03-01T11:00:00.1234567Z",
        "id": "e-1",
        "data": DATA,
        "dataVersion": "2",
        "metadataVersion": "1",
    } | changes


def cloud_event(source=DEVELOPMENT):
    return {
        "specversion": "1.0",
        "source": source,
        "subject": "models/flight-delay:7",
        "type": TYPE,
        "time": "2026-03-01T11:00:00.1234567Z",
        "id": "e-1",
        "data": DATA,
    }


def triggered(payload):
    """The object that Microsoft's worker makes of a delivery."""
    return decode("eventGridTrigger", document(payload))


async def heard(app):
    return [(decision.cause_kind, decision.verdict) for decision in await app.store.decisions(None, 10)]


# The trigger


@pytest.mark.parametrize("payload", [event(), cloud_event()], ids=["Event Grid schema", "CloudEvents"])
async def test_a_triggered_event_is_decided(app, payload):
    await on_event_grid(triggered(payload))
    assert await heard(app) == [("ModelRegistered", "act")]
    version = (await app.store.facts("workload/flight-delay")).value.versions["7"]
    assert (version.model, version.author) == ("flight-delay", "ada")


async def test_the_same_event_in_both_envelopes_and_by_both_ways_counts_once(app, request_of):
    await on_event_grid(triggered(event()))
    await on_event_grid(triggered(cloud_event()))
    await receive_events(request_of("POST", json.dumps([event()]).encode()))
    await receive_events(request_of("POST", json.dumps(cloud_event()).encode()))
    assert len(await app.store.decisions(None, 10)) == 1


async def test_an_event_that_cannot_be_taken_is_kept_and_not_raised(app):
    await on_event_grid(triggered(event(eventType="Something.Else")))
    (row,) = await app.store.rejected(10)
    assert b"Something.Else" in row.body
    assert row.channel == "event_grid"


async def test_with_the_store_down_the_trigger_raises_so_that_it_comes_again(app):
    await app.store.close()
    with pytest.raises(StoreUnavailableError):
        await on_event_grid(triggered(event()))


async def test_commands_of_the_decision_wait_in_the_queue(app):
    await on_event_grid(triggered(event()))
    assert len(await app.queue.receive(10, 30.0)) == 2


# The web hook


async def test_a_delivery_is_accepted(app, request_of):
    answer = await receive_events(request_of("POST", json.dumps([event()]).encode()))
    assert answer.status_code == 202
    assert await heard(app) == [("ModelRegistered", "act")]


async def test_the_handshake_of_event_grids_schema_is_answered_with_its_code(app, request_of):
    asks = event(eventType="Microsoft.EventGrid.SubscriptionValidationEvent", data={"validationCode": "code-1"})
    answer = await receive_events(request_of("POST", json.dumps([asks]).encode()))
    assert answer.status_code == 200
    assert json.loads(answer.get_body()) == {"validationResponse": "code-1"}
    assert await app.store.decisions(None, 10) == []


async def test_the_handshake_of_cloud_events_is_answered_without_a_store(environment, request_of):
    answer = await receive_events(request_of("OPTIONS", headers={"WebHook-Request-Origin": "eventgrid.azure.net"}))
    assert answer.status_code == 200
    assert answer.headers["WebHook-Allowed-Origin"] == "eventgrid.azure.net"
    assert answer.headers["WebHook-Allowed-Rate"] == "*"


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"eventType": "Something.Else"}', b"[" * 9000]
)
async def test_what_cannot_be_taken_is_kept_and_answered_as_accepted(app, request_of, body):
    answer = await receive_events(request_of("POST", body))
    assert answer.status_code == 202
    (row,) = await app.store.rejected(10)
    assert row.body == body


async def test_an_event_of_somebody_else_is_kept_aside_and_answered_as_accepted(app, request_of):
    answer = await receive_events(request_of("POST", json.dumps([event(topic=ELSEWHERE)]).encode()))
    assert answer.status_code == 202
    assert [row.reason for row in await app.store.rejected(10)] == ["out_of_scope"]


async def test_the_neighbours_of_a_bad_event_are_decided(app, request_of):
    await receive_events(request_of("POST", json.dumps([event(eventType="Other"), event(), 5]).encode()))
    assert await heard(app) == [("ModelRegistered", "act")]
    assert len(await app.store.rejected(10)) == 2


async def test_with_the_store_down_event_grid_is_asked_to_send_again(app, request_of):
    await app.store.close()
    answer = await receive_events(request_of("POST", json.dumps([event()]).encode()))
    assert answer.status_code == 503


async def test_what_was_answered_503_is_decided_when_it_comes_again(app, request_of, tmp_path):
    await app.store.close()
    await receive_events(request_of("POST", json.dumps([event()]).encode()))
    await app.store.open()
    assert isinstance(app.store, SqliteStore)
    assert (await receive_events(request_of("POST", json.dumps([event()]).encode()))).status_code == 202
    assert await heard(app) == [("ModelRegistered", "act")]
