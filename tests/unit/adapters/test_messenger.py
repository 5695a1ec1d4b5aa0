import pytest

from shared.adapters.messenger import ChannelMessenger
from shared.adapters.teams import TeamsWebhooks
from shared.domain.outcomes import Failed, Succeeded, Unknown
from tests.unit.adapters.orders import notify, request_approval
from tests.unit.adapters.scripted_azure import Answer

MLOPS, PLATFORM = "/hooks/mlops", "/hooks/platform"


class Postbox:
    """Stands where SmtpMail stands: it has its own tests."""

    def __init__(self) -> None:
        self.sent = []
        self.outcome = Succeeded()

    async def send(self, address, mail, mark):
        self.sent.append((address, mail, mark))
        return self.outcome


@pytest.fixture
def postbox():
    return Postbox()


@pytest.fixture
def messenger(azure, postbox):
    teams = TeamsWebhooks({"mlops": azure.url + MLOPS, "platform": azure.url + PLATFORM}, 1.0)
    azure.on("POST", MLOPS, Answer(202))
    azure.on("POST", PLATFORM, Answer(202))
    return ChannelMessenger(teams, postbox, lambda asked: f"https://outerloop.example/approvals/{asked.approval_id}")


def card_of(asked):
    return asked.body["attachments"][0]["content"]


async def test_every_channel_of_a_message_is_told(azure, messenger, postbox):
    outcome = await messenger.send(notify("teams:mlops", "teams:platform", "email:owner@contoso.com"))
    assert outcome == Succeeded(data={"delivered": "teams:mlops,teams:platform,email:owner@contoso.com"})
    assert {asked.path for asked in azure.asked} == {MLOPS, PLATFORM}
    ((address, mail, mark),) = postbox.sent
    assert address == "owner@contoso.com"
    assert mail.subject == "[Outerloop] Drift in flight-delay"
    assert mark == "n" * 24


async def test_a_notification_says_what_and_why(azure, messenger):
    await messenger.send(notify("teams:mlops"))
    card = card_of(azure.asked[0])
    texts = [block.get("text") for block in card["body"]]
    assert "Drift in flight-delay" in texts
    assert "psi 0.31 is above 0.2" in texts
    assert "actions" not in card


async def test_a_request_for_approval_carries_its_link_and_its_end(azure, messenger, postbox):
    await messenger.send(request_approval("teams:mlops", "email:lead@contoso.com"))
    card = card_of(azure.asked[0])
    assert card["actions"][0]["url"] == "https://outerloop.example/approvals/approval-1"
    facts = {fact["title"]: fact["value"] for block in card["body"] for fact in block.get("facts", [])}
    assert facts == {"auc": "0.74", "Answer before": "2026-03-01 12:00 UTC"}
    assert "https://outerloop.example/approvals/approval-1" in postbox.sent[0][1].text


async def test_a_channel_that_refuses_does_not_silence_the_others(azure, messenger, postbox):
    azure.on("POST", MLOPS, Answer(503))
    outcome = await messenger.send(notify("teams:mlops", "email:owner@contoso.com"))
    assert isinstance(outcome, Failed)
    assert outcome.retryable
    assert outcome.reason.startswith("teams:mlops: ")
    assert "email:" not in outcome.reason
    assert outcome.data == {"delivered": "email:owner@contoso.com"}
    assert len(postbox.sent) == 1


async def test_the_channel_that_asks_for_the_most_time_is_waited_for(azure, messenger):
    azure.on("POST", MLOPS, Answer(429, headers={"Retry-After": "30"}))
    azure.on("POST", PLATFORM, Answer(503, headers={"Retry-After": "90"}))
    outcome = await messenger.send(notify("teams:mlops", "teams:platform", "email:owner@contoso.com"))
    assert outcome.data == {"delivered": "email:owner@contoso.com", "retry_after_seconds": 90.0}


async def test_only_permanent_refusals_are_not_tried_again(azure, messenger):
    azure.on("POST", MLOPS, Answer(404))
    outcome = await messenger.send(notify("teams:mlops", "teams:nobody"))
    assert isinstance(outcome, Failed)
    assert not outcome.retryable
    assert "teams:mlops" in outcome.reason
    assert "teams:nobody" in outcome.reason


async def test_a_delivery_that_nobody_confirmed_is_unknown(messenger, postbox):
    postbox.outcome = Unknown(reason="no answer")
    outcome = await messenger.send(notify("teams:mlops", "email:owner@contoso.com"))
    assert outcome == Unknown(reason="email:owner@contoso.com: no answer")


@pytest.mark.parametrize("channel", ["pager:1", "teams", "", "email:a@b.c"])
async def test_a_channel_that_is_not_set_up_is_named(azure, channel):
    messenger = ChannelMessenger(TeamsWebhooks({}, 1.0), None, lambda asked: asked.approval_id)
    outcome = await messenger.send(notify(channel))
    assert isinstance(outcome, Failed)
    assert not outcome.retryable
    assert outcome.reason.startswith(f"{channel}: ")


async def test_an_approval_without_a_usable_link_is_not_sent(azure):
    teams = TeamsWebhooks({"mlops": azure.url + MLOPS}, 1.0)
    outcome = await ChannelMessenger(teams, None, lambda _: "not set").send(request_approval("teams:mlops"))
    assert isinstance(outcome, Failed)
    assert not outcome.retryable
    assert azure.asked == []


async def test_a_persona_without_channels_is_a_failure_and_not_silence(messenger):
    outcome = await messenger.send(notify())
    assert isinstance(outcome, Failed)
    assert "ml_engineers" in outcome.reason
