"""Event Grid's promises, met at the wire by a web hook that answers as told."""

import json
from collections import Counter

import httpx
import pytest

from local.azure.event_grid import EventGrid, HandshakeFailed

HOOK = "http://app/runtime/webhooks/eventgrid?functionName=on_event&code=k"
TOPIC = "/subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningServices/workspaces/w"
RUN_COMPLETED = "Microsoft.MachineLearningServices.RunCompleted"


class WebHook:
    """A subscriber: validates itself, keeps what it got, and answers each notification with the next status."""

    def __init__(self, *statuses):
        self.statuses = list(statuses)
        self.handshakes = []
        self.notifications = []

    def __call__(self, request):
        if request.method == "OPTIONS":
            self.handshakes.append(request)
            return httpx.Response(200, headers={"WebHook-Allowed-Origin": request.headers["webhook-request-origin"]})
        body = json.loads(request.content)
        if request.headers["aeg-event-type"] == "SubscriptionValidation":
            self.handshakes.append(request)
            return httpx.Response(200, json={"validationResponse": body[0]["data"]["validationCode"]})
        self.notifications.append((request.headers, body))
        return httpx.Response(self.statuses.pop(0) if self.statuses else 200)

    @property
    def ids(self):
        return [(body[0] if isinstance(body, list) else body)["id"] for _, body in self.notifications]


async def subscribed(hook, *, schema="eventgrid", deliveries=1, seed=0):
    grid = EventGrid(deliveries, seed, retry_delays_seconds=(0.01,), transport=httpx.MockTransport(hook))
    await grid.subscribe(HOOK, schema)
    return grid


async def raise_and_drain(grid, count=1):
    for number in range(count):
        grid.raise_event(TOPIC, RUN_COMPLETED, f"experiments/x/runs/{number}", {"runId": f"{number}"}, f"e{number}")
    await grid.drain()


async def test_the_handshake_is_an_array_with_one_validation_event():
    hook = WebHook()
    await subscribed(hook)
    (request,) = hook.handshakes
    (event,) = json.loads(request.content)
    assert request.headers["aeg-event-type"] == "SubscriptionValidation"
    assert event["eventType"] == "Microsoft.EventGrid.SubscriptionValidationEvent"
    assert event["data"].keys() == {"validationCode", "validationUrl"}


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(202),
        httpx.Response(404),
        httpx.Response(200, text="welcome"),
        httpx.Response(200, json={}),
        httpx.Response(200, json=["code"]),
        httpx.Response(200, json={"validationResponse": "another code"}),
    ],
)
async def test_a_web_hook_that_does_not_echo_the_code_is_not_subscribed(answer):
    grid = EventGrid(1, 0, transport=httpx.MockTransport(lambda _: answer))
    with pytest.raises(HandshakeFailed):
        await grid.subscribe(HOOK)
    grid.raise_event(TOPIC, RUN_COMPLETED, "s", {})
    await grid.drain()
    assert grid.dropped == []


async def test_a_web_hook_that_does_not_answer_fails_the_handshake():
    def refuse(request):
        raise httpx.ConnectError("refused", request=request)

    with pytest.raises(HandshakeFailed, match="no answer"):
        await EventGrid(1, 0, transport=httpx.MockTransport(refuse)).subscribe(HOOK)


async def test_the_cloudevents_handshake_is_an_options_request():
    hook = WebHook()
    await subscribed(hook, schema="cloudevents")
    assert [request.method for request in hook.handshakes] == ["OPTIONS"]


async def test_a_target_without_options_cannot_take_cloudevents():
    grid = EventGrid(1, 0, transport=httpx.MockTransport(lambda _: httpx.Response(405)))
    with pytest.raises(HandshakeFailed):
        await grid.subscribe(HOOK, "cloudevents")


async def test_the_event_grid_schema_is_an_array_of_one():
    hook = WebHook()
    await raise_and_drain(await subscribed(hook))
    ((headers, (event,)),) = hook.notifications
    assert headers["aeg-event-type"] == "Notification"
    assert (event["id"], event["topic"], event["eventType"]) == ("e0", TOPIC, RUN_COMPLETED)
    assert event["subject"] == "experiments/x/runs/0"
    assert event["data"] == {"runId": "0"}
    assert event.keys() >= {"eventTime", "dataVersion", "metadataVersion"}


async def test_a_cloud_event_is_a_single_object():
    hook = WebHook()
    await raise_and_drain(await subscribed(hook, schema="cloudevents"))
    ((headers, event),) = hook.notifications
    assert headers["content-type"].startswith("application/cloudevents+json")
    assert (event["specversion"], event["id"], event["source"]) == ("1.0", "e0", TOPIC)
    assert event["type"] == RUN_COMPLETED


async def test_every_event_is_delivered_twice_in_alternating_envelopes():
    hook = WebHook()
    await raise_and_drain(await subscribed(hook, schema="alternating", deliveries=2), 10)
    assert Counter(hook.ids) == Counter({f"e{number}": 2 for number in range(10)})
    assert Counter(type(body) for _, body in hook.notifications) == {list: 10, dict: 10}


async def test_events_arrive_out_of_order_and_the_same_way_for_the_same_seed():
    orders = []
    for seed in (3, 3, 4):
        hook = WebHook()
        await raise_and_drain(await subscribed(hook, seed=seed), 8)
        orders.append(hook.ids)
    assert orders[0] == orders[1]
    assert orders[0] != orders[2]
    assert orders[0] != sorted(orders[0])


@pytest.mark.parametrize("status", [503, 500, 404, 408, 301])
async def test_a_delivery_is_repeated_until_it_is_taken(status):
    hook = WebHook(status, status, 202)
    grid = await subscribed(hook)
    await raise_and_drain(grid)
    assert hook.ids == ["e0"] * 3
    assert [headers["aeg-delivery-count"] for headers, _ in hook.notifications] == ["0", "1", "2"]
    assert grid.dropped == []


async def test_silence_is_retried():
    hook, failures = WebHook(), [1, 1]

    def flaky(request):
        if request.headers.get("aeg-event-type") == "Notification" and failures:
            failures.pop()
            raise httpx.ReadTimeout("late", request=request)
        return hook(request)

    await raise_and_drain(await subscribed(flaky))
    assert hook.ids == ["e0"]


@pytest.mark.parametrize("status", [400, 401, 413])
async def test_a_final_refusal_drops_the_event_and_says_so(status):
    hook = WebHook(status)
    grid = await subscribed(hook)
    await raise_and_drain(grid)
    assert hook.ids == ["e0"]
    assert [(dropped.event_id, dropped.status, dropped.attempts) for dropped in grid.dropped] == [("e0", status, 1)]


async def test_an_event_is_given_up_after_thirty_attempts():
    hook = WebHook(*[503] * 40)
    grid = await subscribed(hook)
    await raise_and_drain(grid)
    assert len(hook.notifications) == 30
    assert [(dropped.status, dropped.attempts) for dropped in grid.dropped] == [(503, 30)]


async def test_one_refused_event_does_not_hold_up_its_neighbours():
    hook = WebHook(503, 400, 503)
    grid = await subscribed(hook)
    await raise_and_drain(grid, 5)
    assert len(grid.dropped) == 1
    assert len(set(hook.ids)) == 5


async def test_an_event_without_an_id_gets_one_and_keeps_it_over_its_deliveries():
    hook = WebHook()
    grid = await subscribed(hook, deliveries=3)
    grid.raise_event(TOPIC, RUN_COMPLETED, "s", {})
    await grid.drain()
    assert len(hook.ids) == 3
    assert len(set(hook.ids)) == 1


async def test_closing_gives_up_what_is_pending():
    hook = WebHook(*[503] * 40)
    grid = await subscribed(hook)
    grid.raise_event(TOPIC, RUN_COMPLETED, "s", {})
    await grid.close()
    assert hook.ids == []
