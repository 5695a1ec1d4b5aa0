"""The real SDK clients publish to the local Azure, and subscribers receive what the published contract promises.

The topic keeps what arrived, for its control interface; the hub is read by azure-eventhub's own consumer.
"""

import asyncio
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import httpx
import jsonschema
import pytest
from azure.eventhub.aio import EventHubConsumerClient

from shared import connections, runtime
from shared.adapters.event_hub_out import EventHubOut, HubAddress
from shared.domain.announcements import ReasonSaid
from shared.domain.outcomes import Failed, Succeeded
from shared.domain.values import replace
from shared.settings import read_settings
from tests.contracts.announcements_contract import said
from tests.unit.services.fakes import EXAMPLE, SUBJECT
from tests.unit.services.signals import asked, registered

ROOT = EXAMPLE.parents[1]
SCHEMA = json.loads((ROOT / "docs" / "events.schema.json").read_text(encoding="utf-8"))
HUB = "announcements"
SOURCE = "https://outerloop.example"
PATIENCE_SECONDS = 20
SEED = {
    "workspaces": [
        (
            "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/mlops"
            "/providers/Microsoft.MachineLearningServices/workspaces/dev"
        )
    ],
    "hubs": ["telemetry", HUB],
}


@pytest.fixture(scope="module")
def azure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """The addresses of a local Azure, whose identity and certificate are those of this process."""
    folder = tmp_path_factory.mktemp("azure")
    seed, state = folder / "seed.yaml", folder / "state"
    seed.write_text(json.dumps(SEED), encoding="utf-8")
    command = [sys.executable, "-m", "local.azure", "--state", str(state), "--seed", str(seed)]
    process = subprocess.Popen(command, cwd=ROOT)
    environment = pytest.MonkeyPatch()
    try:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not (state / "azure.json").exists():
            assert process.poll() is None
            assert time.monotonic() < deadline
            threading.Event().wait(0.05)
        found = json.loads((state / "azure.json").read_text())
        environment.setenv("SSL_CERT_FILE", found["ca_file"])
        environment.setenv("REQUESTS_CA_BUNDLE", found["ca_file"])
        environment.setenv("IDENTITY_ENDPOINT", found["identity_endpoint"])
        environment.setenv("IDENTITY_HEADER", found["identity_header"])
        yield found
    finally:
        environment.undo()
        process.terminate()
        process.wait(15)


@pytest.fixture
async def app(azure, tmp_path):
    """The application with both targets; the topic by the process's identity, the hub by its connection string."""
    settings = read_settings(
        {
            "OUTERLOOP_POLICY": str(EXAMPLE / "policy.yaml"),
            "OUTERLOOP_STORE": str(tmp_path / "outerloop.db"),
            "OUTERLOOP_SIGNING_KEY": "a long random text",
            "OUTERLOOP_PUBLISH_TOPIC": azure["topic_url"],
            "OUTERLOOP_PUBLISH_HUB": HUB,
            "OUTERLOOP_PUBLISH_HUB_CONNECTION": azure["event_hubs_connection_string"],
            "OUTERLOOP_PUBLISH_SOURCE": f"{SOURCE}/{tmp_path.name}",
        }
    )
    app = await runtime.build(settings)
    yield app
    await app.announcer.stop()
    await app.store.close()


def from_the_topic(azure: dict[str, Any], source: str) -> list[dict[str, Any]]:
    """What the topic was sent by one installation."""
    everything = httpx.get(f"{azure['control_url']}/published").json()
    return [event for event in everything if event["source"] == source]


async def from_the_hub(azure: dict[str, Any], source: str, count: int) -> list[Any]:
    """What a consumer of the hub receives from one installation: so many messages, as they come."""
    received: list[Any] = []
    enough = asyncio.Event()

    async def on_event(_: Any, event: Any) -> None:
        if event is not None and json.loads(event.body_as_str())["source"] == source:
            received.append(event)
        if len(received) >= count:
            enough.set()

    consumer = EventHubConsumerClient.from_connection_string(
        azure["event_hubs_connection_string"], consumer_group="$Default", eventhub_name=HUB, retry_total=0
    )
    task = asyncio.create_task(consumer.receive(on_event, starting_position="-1"))
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            await enough.wait()
    finally:
        await consumer.close()
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    return received


async def say_everything(app: Any) -> int:
    """Sweep until nothing is owed to anybody."""
    swept = 0
    for _ in range(10):
        swept += (await app.sweeper.run()).announced
        seen = await app.announcer.standings()
        if not any(target.waiting for target in seen):
            return swept
    raise AssertionError(f"not everything could be said: {seen}")


def check_contract(events: list[dict[str, Any]]) -> None:
    checker = jsonschema.Draft202012Validator(SCHEMA)
    for event in events:
        checker.validate(event)


async def test_subscribers_of_both_targets_hear_what_was_decided(azure, app):
    source = app.settings.publish_source
    await app.ingest.take("event_grid", b"{}", [registered()])
    await app.ingest.take("cli", b"", [asked("pause")])
    await say_everything(app)
    topic = from_the_topic(azure, source)
    types = ["DecisionMade", "PromotionStarted", "DecisionMade", "Paused"]
    assert [event["type"] for event in topic] == [f"Outerloop.{name}" for name in types]
    check_contract(topic)
    (decision,) = [row for row in await app.store.decisions(SUBJECT, 10) if row.cause == "registered-7"]
    assert topic[1]["data"]["decision"] == decision.id
    assert [one["id"] for one in topic[1]["data"]["commands"]] == [command.id for command in decision.commands]

    messages = await from_the_hub(azure, source, len(types))
    hub = [json.loads(message.body_as_str()) for message in messages]
    assert [event["id"] for event in hub] == [event["id"] for event in topic]  # one subject keeps its order
    check_contract(hub)
    assert {message.content_type for message in messages} == {"application/cloudevents+json; charset=utf-8"}
    assert [message.message_id for message in messages] == [event["id"] for event in hub]


async def test_what_a_crash_left_unsaid_is_swept_to_the_subscribers(azure, app):
    source = app.settings.publish_source
    stored = await app.store.facts(SUBJECT)
    evaluation = (await app.decider.preview(await app.policies.current(), asked("pause")))[0]
    evaluation = app.announcer.addressed(evaluation, asked("pause"), stored.value)
    await app.store.commit(evaluation, stored.etag)  # and here the process ends
    assert from_the_topic(azure, source) == []

    again = await runtime.build(app.settings)
    assert await say_everything(again) == 4
    assert [event["type"] for event in from_the_topic(azure, source)] == ["Outerloop.DecisionMade", "Outerloop.Paused"]
    assert len(await from_the_hub(azure, source, 2)) == 2
    await again.store.close()


async def test_what_is_said_twice_has_the_same_id_twice(azure, app):
    source = app.settings.publish_source
    target = app.announcer._targets["topic"]
    assert [await target.publish([said("a")]) for _ in range(2)] == [Succeeded()] * 2
    first, second = from_the_topic(azure, source)
    assert first == second
    assert first["id"] == "a"


async def test_the_key_of_the_topic_opens_it_and_another_does_not(azure, tmp_path):
    def targets(key):
        values = {
            "OUTERLOOP_POLICY": "policy.yaml",
            "OUTERLOOP_PUBLISH_TOPIC": azure["topic_url"],
            "OUTERLOOP_PUBLISH_TOPIC_KEY": key,
            "OUTERLOOP_PUBLISH_SOURCE": f"{SOURCE}/{tmp_path.name}",
        }
        return connections.targets(read_settings(values))

    assert await targets(azure["topic_key"])["topic"].publish([said("a")]) == Succeeded()
    refused = await targets("d3Jvbmc=")["topic"].publish([said("b")])
    assert refused == Failed(
        retryable=True,
        reason="the topic answered HTTP 401: the key is wrong, or the identity has no right to send",
    )
    assert [event["id"] for event in from_the_topic(azure, f"{SOURCE}/{tmp_path.name}")] == ["a"]


def hub_out(connection: str, hub: str = HUB, source: str = SOURCE) -> EventHubOut:
    def nobody() -> Any:
        raise AssertionError("with a connection string, nobody is asked who we are")

    return EventHubOut(HubAddress(hub, connection), source, nobody, 5.0)


async def test_more_than_one_batch_of_the_hub_arrives_whole(azure, tmp_path):
    source = f"{SOURCE}/{tmp_path.name}"
    reasons = tuple(ReasonSaid(code=f"reason-{n}", text="x" * 1000) for n in range(20))
    large = [said(f"a-{n:03}") for n in range(80)]
    large = [replace(one, data=replace(one.data, reasons=reasons)) for one in large]
    assert await hub_out(azure["event_hubs_connection_string"], source=source).publish(large) == Succeeded()
    received = await from_the_hub(azure, source, 80)
    assert [json.loads(event.body_as_str())["id"] for event in received] == [one.id for one in large]


async def test_subjects_keep_their_order_and_share_no_fate(azure, tmp_path):
    source = f"{SOURCE}/{tmp_path.name}"
    mixed = [said(f"{n}", subject=f"workload/number-{n % 3}") for n in range(12)]
    assert await hub_out(azure["event_hubs_connection_string"], source=source).publish(mixed) == Succeeded()
    received = [json.loads(event.body_as_str()) for event in await from_the_hub(azure, source, 12)]
    for subject in {one.subject for one in mixed}:
        heard = [event["id"] for event in received if event["subject"] == subject]
        assert heard == [one.id for one in mixed if one.subject == subject]


async def test_a_message_that_no_hub_takes_is_one_for_nobody(azure):
    huge = replace(said("a"), data=replace(said("a").data, rule="x" * 2_000_000))
    outcome = await hub_out(azure["event_hubs_connection_string"]).publish([said("b"), huge])
    assert isinstance(outcome, Failed)
    assert not outcome.retryable


@pytest.mark.parametrize("case", ["wrong key", "no such hub", "nobody listens", "no connection string"])
async def test_what_a_person_can_mend_about_a_hub_is_tried_again_and_names_no_secret(azure, case):
    good = azure["event_hubs_connection_string"]
    key = good.partition("SharedAccessKey=")[2].partition(";")[0]
    connection, hub = good, HUB
    match case:
        case "wrong key":
            connection = good.replace(key, "d3Jvbmc=")
        case "no such hub":
            hub = "nothing"
        case "nobody listens":
            connection = (
                "Endpoint=sb://127.0.0.1:9;SharedAccessKeyName=Root;SharedAccessKey=s3cret;UseDevelopmentEmulator=true"
            )
        case "no connection string":
            connection = "nonsense"
    outcome = await hub_out(connection, hub).publish([said("a")])
    assert isinstance(outcome, Failed)
    assert outcome.retryable
    assert key not in outcome.reason
    assert "s3cret" not in outcome.reason
