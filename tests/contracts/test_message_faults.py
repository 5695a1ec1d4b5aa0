"""Every fault of the wire, played to whatever tells people and other systems: with the real client, against its local peer.

A message may be repeated, and so is; what is asked of each is that nothing which did not arrive is taken for told.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest
from starlette.applications import Starlette

from local.azure.sinks import TeamsSink
from local.azure.topic import Topic
from shared.adapters.event_grid_topic import EventGridTopic
from shared.adapters.teams import TeamsWebhooks
from shared.domain.outcomes import ASKED_SECONDS, Failed, Outcome, Succeeded, Unknown
from shared.rendering.cards import adaptive_card, teams_message
from shared.rendering.notice import Notice
from tests.contracts.announcements_contract import said
from tests.contracts.fault_readings import REFUSALS
from tests.contracts.faulty_wire import Fault, Request
from tests.unit.adapters.scripted_azure import StaticCredential

CARD = teams_message(adaptive_card(Notice("Drift", "psi is above 0.2", {"psi": "0.31"})))
REFUSED = {how: played for how, played in REFUSALS.items() if "status" in played[0]}


@dataclass(frozen=True)
class Channel:
    """One target: its peer, how it is told something, and how much arrived.

    ``mended_later``: a message that may not be sent waits until a person has mended that.
    """

    peer: Callable[[Any], Any]
    tell: Callable[[Any, str], Awaitable[Outcome]]
    arrived: Callable[[Any], int]
    write: Request
    mended_later: bool = False


def post(peer: TeamsSink, url: str) -> Awaitable[Outcome]:
    return TeamsWebhooks(peer.urls(url), 5.0).post("mlops", CARD)


def publish(peer: Topic, url: str) -> Awaitable[Outcome]:
    return EventGridTopic(f"{url}{Topic.path}", peer.key, "https://o.example", StaticCredential, 5.0).publish(
        [said("a")]
    )


CHANNELS = {
    "TeamsWebhooks": Channel(
        lambda journal: TeamsSink(journal, ["mlops"]),
        post,
        lambda peer: len(peer.cards),
        Request("POST", "/invoke"),
    ),
    "EventGridTopic": Channel(
        lambda _: Topic(), publish, lambda peer: len(peer.received), Request("POST", Topic.path), mended_later=True
    ),
}


@pytest.fixture(params=CHANNELS)
def channel(request):
    return CHANNELS[request.param]


@pytest.fixture
def peer(channel, front, journal):
    peer = channel.peer(journal)
    front.app = Starlette(routes=peer.routes)
    return peer


@pytest.fixture
def wire(front_line):
    front_line.play()
    yield front_line
    front_line.play()


@pytest.mark.parametrize("how", REFUSED)
async def test_a_refused_message_did_not_arrive_and_says_when_to_try_again(how, channel, peer, wire):
    fault, retryable = REFUSED[how]
    wire.play(Fault(channel.write, **fault))
    outcome = await channel.tell(peer, wire.url)
    assert wire.is_played()
    assert isinstance(outcome, Failed), outcome
    assert outcome.retryable is (retryable or channel.mended_later)
    assert outcome.reason
    assert outcome.data == ({ASKED_SECONDS: 7.0} if "headers" in fault else {})
    assert channel.arrived(peer) == 0
    assert await channel.tell(peer, wire.url) == Succeeded()
    assert channel.arrived(peer) == 1


async def test_a_message_whose_answer_was_lost_may_have_arrived(channel, peer, wire):
    wire.play(Fault(channel.write, is_lost=True))
    outcome = await channel.tell(peer, wire.url)
    assert wire.is_played()
    assert isinstance(outcome, Unknown), outcome
    assert channel.arrived(peer) == 1


@pytest.mark.parametrize("fault", [{"is_cut": True}, {"change": lambda _: None}], ids=["cut", "null"])
async def test_an_answer_that_tells_nothing_but_its_status_is_a_success_or_unknown(fault, channel, peer, wire):
    wire.play(Fault(channel.write, **fault))
    assert isinstance(await channel.tell(peer, wire.url), Succeeded | Unknown)
    assert channel.arrived(peer) == 1
