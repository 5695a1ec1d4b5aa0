import json
import logging
import socket

import pytest

from shared.adapters.teams import TeamsWebhooks
from shared.domain.outcomes import Failed, Succeeded, Unknown
from shared.rendering.cards import adaptive_card, teams_message
from shared.rendering.notice import Notice
from tests.unit.adapters.scripted_azure import Answer

MESSAGE = teams_message(adaptive_card(Notice("Drift", "psi is above 0.2", {"psi": "0.31"})))
HOOK = "/workflows/1/triggers/manual/paths/invoke"


@pytest.fixture
def teams(azure):
    return TeamsWebhooks({"mlops": f"{azure.url}{HOOK}?sig=s3cret"}, timeout_seconds=1.0)


async def post(azure, teams, answer):
    azure.on("POST", HOOK, answer)
    return await teams.post("mlops", MESSAGE)


@pytest.mark.parametrize("status", [200, 202])
async def test_an_accepted_message_is_a_success(azure, teams, status):
    assert await post(azure, teams, Answer(status)) == Succeeded()
    (asked,) = azure.asked
    assert asked.body == json.loads(json.dumps(MESSAGE))
    assert asked.headers["content-type"] == "application/json"
    assert asked.query == {"sig": "s3cret"}


async def test_throttling_hidden_in_a_success_is_found(azure, teams):
    outcome = await post(azure, teams, Answer(200, "Microsoft Teams endpoint returned HTTP error 429 with ContextId"))
    assert isinstance(outcome, Failed)
    assert outcome.retryable


@pytest.mark.parametrize(
    ("status", "retryable"),
    [
        (400, False),
        (401, False),
        (403, False),
        (404, False),
        (413, False),
        (408, True),
        (429, True),
        (500, True),
        (503, True),
    ],
)
async def test_every_refusal_is_retryable_or_not(azure, teams, status, retryable):
    outcome = await post(azure, teams, Answer(status))
    assert isinstance(outcome, Failed)
    assert outcome.retryable is retryable
    assert str(status) in outcome.reason


async def test_a_channel_without_an_address_is_for_a_person_to_set_up(azure, teams):
    outcome = await teams.post("platform", MESSAGE)
    assert outcome == Failed(retryable=False, reason="no Teams web hook is set for the channel 'platform'")
    assert azure.asked == []


async def test_a_message_without_an_answer_may_have_arrived(azure, teams):
    outcome = await post(azure, teams, Answer(202, delay_seconds=2.0))
    assert isinstance(outcome, Unknown)


async def test_a_message_whose_answer_is_garbled_may_have_arrived(azure, teams):
    outcome = await post(azure, teams, Answer(202, "no gzip", {"Content-Encoding": "gzip"}))
    assert isinstance(outcome, Unknown)


async def test_a_workflow_that_is_not_reached_has_heard_nothing():
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    teams = TeamsWebhooks({"mlops": f"https://127.0.0.1:{port}{HOOK}?sig=s3cret"}, 1.0)
    outcome = await teams.post("mlops", MESSAGE)
    assert isinstance(outcome, Failed)
    assert outcome.retryable


async def test_an_address_that_is_none_is_for_a_person_to_correct():
    outcome = await TeamsWebhooks({"mlops": "not an address?sig=s3cret"}, 1.0).post("mlops", MESSAGE)
    assert outcome == Failed(retryable=False, reason="the web hook set for the channel 'mlops' is not an address")


async def test_the_signature_is_in_no_reason_and_no_log(azure, teams, caplog):
    caplog.set_level(logging.DEBUG)
    logging.getLogger("httpx").setLevel(logging.DEBUG)
    outcomes = [
        await post(azure, teams, Answer(202)),
        await post(azure, teams, Answer(500)),
        await TeamsWebhooks({"mlops": "not an address?sig=s3cret"}, 1.0).post("mlops", MESSAGE),
    ]
    assert "s3cret" not in caplog.text
    assert "s3cret" not in str(outcomes)
