"""The topic's adapter: one batch of CloudEvents a call, and every answer classified."""

import asyncio
import socket

import pytest

from shared.adapters.event_grid_topic import EventGridTopic
from shared.domain.outcomes import Failed, Succeeded, Unknown
from tests.contracts.announcements_contract import said
from tests.unit.adapters.scripted_azure import Answer, StaticCredential, refusal

PATH = "/api/events"
SOURCE = "https://outerloop.example"
KEY = "the-secret-key"


def nobody():
    raise AssertionError("with a key, nobody is asked who we are")


def topic_at(url, key=KEY, credential=nobody, timeout_seconds=2.0):
    return EventGridTopic(f"{url}{PATH}", key, SOURCE, credential, timeout_seconds)


async def publish(azure, answer, *names, **options):
    azure.on("POST", PATH, answer)
    return await topic_at(azure.url, **options).publish([said(name) for name in names or ("a",)])


async def test_a_batch_is_one_request_of_cloud_events(azure):
    assert await publish(azure, Answer(200), "a", "b") == Succeeded()
    (asked,) = azure.asked
    assert asked.headers["content-type"] == "application/cloudevents-batch+json; charset=utf-8"
    assert asked.headers["aeg-sas-key"] == KEY
    assert [event["id"] for event in asked.body] == ["a", "b"]
    first = asked.body[0]
    assert (first["specversion"], first["source"], first["type"]) == ("1.0", SOURCE, "Outerloop.RolloutStarted")
    assert (first["subject"], first["time"]) == ("workload/flights", "2026-03-01T12:00:00.000Z")
    assert first["data"]["version"] == "7"


async def test_without_a_key_the_identity_of_the_process_is_shown(azure):
    assert await publish(azure, Answer(200), key="", credential=StaticCredential) == Succeeded()
    (asked,) = azure.asked
    assert asked.headers["authorization"].startswith("Bearer ")
    assert "aeg-sas-key" not in asked.headers


@pytest.mark.parametrize("status", [400, 401, 403, 404, 408, 429, 500, 503])
async def test_what_a_person_or_time_can_mend_is_tried_again_later_and_not_by_the_sdk(azure, status):
    outcome = await publish(azure, refusal(status, "Refused", "no"))
    assert isinstance(outcome, Failed)
    assert outcome.retryable
    assert str(status) in outcome.reason
    assert len(azure.asked) == 1


async def test_what_is_too_large_will_never_be_taken(azure):
    outcome = await publish(azure, refusal(413, "PayloadTooLarge", "too large"))
    assert outcome == Failed(retryable=False, reason="the topic answered HTTP 413: too large")


async def test_without_an_answer_it_may_have_arrived(azure):
    outcome = await publish(azure, Answer(200, delay_seconds=1.5), timeout_seconds=0.4)
    assert isinstance(outcome, Unknown)


async def test_a_topic_that_is_not_reached_has_heard_nothing():
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    outcome = await topic_at(f"https://127.0.0.1:{port}").publish([said("a")])
    assert isinstance(outcome, Failed)
    assert outcome.retryable
    assert "not reached" in outcome.reason


@pytest.mark.parametrize("endpoint", ["not an address", "ftp://topic.example"])
async def test_an_address_that_is_none_is_for_a_person_to_mend(endpoint):
    outcome = await EventGridTopic(endpoint, KEY, SOURCE, nobody, 2.0).publish([said("a")])
    assert isinstance(outcome, Failed)
    assert outcome.retryable


async def test_an_identity_that_gives_no_token_is_for_a_person_to_mend(azure):
    from azure.identity import CredentialUnavailableError  # noqa: PLC0415  # slow to import

    class Nobody:
        def get_token(self, *_, **__):
            raise CredentialUnavailableError("no identity is assigned")

    outcome = await publish(azure, Answer(200), key="", credential=Nobody)
    assert outcome == Failed(retryable=True, reason="no token for the topic: no identity is assigned")
    assert azure.asked == []


async def test_the_key_is_in_no_reason_and_no_log(azure, caplog):
    caplog.set_level("DEBUG")
    outcomes = [await publish(azure, Answer(status)) for status in (200, 401, 500)]
    assert KEY not in caplog.text
    assert KEY not in str(outcomes)


async def test_several_batches_at_once_do_not_disturb_each_other(azure):
    azure.on("POST", PATH, Answer(200))
    topic = topic_at(azure.url)
    outcomes = await asyncio.gather(*(topic.publish([said(f"a-{n}")]) for n in range(5)))
    assert outcomes == [Succeeded()] * 5
    assert {asked.body[0]["id"] for asked in azure.asked} == {f"a-{n}" for n in range(5)}
