"""One session without a socket: where links lead, why they are refused, and how credit and room slow senders down."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from local.azure.event_hubs.codec import decode
from local.azure.event_hubs.frames import MESSAGE_BYTES_MAX, Code, Frame, FrameError, Terminus, parse_frame
from local.azure.event_hubs.messages import event
from local.azure.event_hubs.namespace import Namespace
from local.azure.event_hubs.performatives import Attach, Begin, Detach, Flow, Transfer
from local.azure.event_hubs.session import LINKS_MAX, Session
from local.azure.event_hubs.tokens import Door

GROUP = "hub/ConsumerGroups/$Default/Partitions/0"
HEAD_BYTES = 8


@dataclass
class Recorder:
    """A connection that notes its frames, and has room for messages as long as it is told so."""

    peer_frame_bytes_max: int = 1_000
    is_roomy: bool = True
    frames: list[Frame] = field(default_factory=list)

    def write(self, data: bytes) -> None:
        while data:
            size_bytes = int.from_bytes(data[:4], "big")
            self.frames.append(parse_frame(0, data[HEAD_BYTES:size_bytes]))
            data = data[size_bytes:]

    def has_room(self) -> bool:
        return self.is_roomy

    def told(self, code: Code) -> list[Frame]:
        return [frame for frame in self.frames if frame.code == code]


class Scene:
    """A session of a peer that put a good token, on a namespace with one hub."""

    def __init__(self) -> None:
        self.wire = Recorder()
        self.door = Door("KEY", lambda: 0.0)
        self.door.is_open = True
        self.namespace = Namespace({"hub": 2}, lambda: 0, 100)
        self.session = Session(Begin(0, 0), self.wire, self.door, self.namespace)

    @property
    def partition(self):
        return self.namespace.hub("hub").partition("0")

    def attach(self, address: str, handle: int = 0, selector: str | None = None) -> None:
        is_receiver = "ConsumerGroups" in address
        terminus = Terminus(f"link-{handle}", handle, is_receiver, address, address)
        self.session.handle(Attach(0, terminus, 0, selector, None))

    def send(
        self, payload: bytes, *, has_more: bool = False, is_aborted: bool = False, is_settled: bool = False
    ) -> None:
        self.session.handle(Transfer(0, 0, 7, 0, is_settled, has_more, is_aborted, payload))

    def reason(self) -> str | None:
        """Why the last link was closed."""
        (frame,) = self.wire.told(Code.DETACH)
        return frame.fields[2] and frame.fields[2].value[0]


@pytest.fixture
def scene():
    return Scene()


@pytest.mark.parametrize(
    ("address", "selector", "reason"),
    [
        ("other", None, "amqp:not-found"),
        ("hub/Partitions/2", None, "amqp:not-found"),
        ("hub/some/where", None, "amqp:not-found"),
        ("hub/ConsumerGroups/g/Partitions/2", None, "amqp:not-found"),
        ("hub/ConsumerGroups/g", None, "amqp:not-allowed"),
        (GROUP, "colour = 'red'", "amqp:invalid-field"),
    ],
)
def test_a_link_to_nowhere_is_attached_and_then_closed_for_a_reason(scene, address, selector, reason):
    scene.attach(address, selector=selector)

    assert [frame.code for frame in scene.wire.frames] == [Code.BEGIN, Code.ATTACH, Code.DETACH]
    assert scene.reason() == reason


def test_links_have_a_limit_and_handles_are_not_shared(scene):
    for handle in range(LINKS_MAX):
        scene.attach("hub", handle)

    with pytest.raises(FrameError):
        scene.attach("hub", LINKS_MAX)
    scene.session.handle(Detach(0, 5))
    scene.attach("hub", 5)
    with pytest.raises(FrameError):
        scene.attach("hub", 5)


def test_a_message_in_parts_is_put_together_and_accepted_once(scene):
    scene.attach("hub/Partitions/0")
    message = event(b"x" * 90, {})

    scene.send(message[:50], has_more=True)
    scene.send(message[50:])

    assert [entry.body for entry in scene.partition.entries] == [b"x" * 90]
    (settled,) = scene.wire.told(Code.DISPOSITION)
    assert settled.fields[4].descriptor == 0x24


def test_an_aborted_message_is_forgotten(scene):
    scene.attach("hub/Partitions/0")

    scene.send(b"half", has_more=True)
    scene.send(b"", is_aborted=True)
    scene.send(event(b"whole", {}))

    assert [entry.body for entry in scene.partition.entries] == [b"whole"]


def test_a_settled_message_is_stored_without_an_answer(scene):
    scene.attach("hub/Partitions/0")

    scene.send(event(b"x", {}), is_settled=True)

    assert len(scene.partition.entries) == 1
    assert scene.wire.told(Code.DISPOSITION) == []


def test_a_message_that_is_none_is_rejected_with_a_reason(scene):
    scene.attach("hub/Partitions/0")

    scene.send(b"\xff\xff")

    (settled,) = scene.wire.told(Code.DISPOSITION)
    assert settled.fields[4].descriptor == 0x25
    assert settled.fields[4].value[0].value[0] == "amqp:decode-error"


def test_a_message_over_the_limit_closes_its_link_only(scene):
    scene.attach("hub/Partitions/0")

    scene.send(bytes(MESSAGE_BYTES_MAX), has_more=True)
    scene.send(b"x")
    scene.send(b"a straggler")

    assert scene.reason() == "amqp:link:message-size-exceeded"
    assert scene.partition.entries == ()


def test_a_request_without_a_way_back_is_rejected(scene):
    scene.attach("$management")

    scene.send(event(b"x", {}))

    (settled,) = scene.wire.told(Code.DISPOSITION)
    assert settled.fields[4].descriptor == 0x25


def test_a_receiver_gets_no_more_than_its_credit(scene):
    scene.attach(GROUP)
    scene.partition.append([event(bytes([number]), {}) for number in range(5)], None)
    scene.session.handle(Flow(0, 0, delivery_count=0, credit=2))
    after_two = len(scene.wire.told(Code.TRANSFER))

    scene.session.handle(Flow(0, 0, delivery_count=1, credit=2))

    assert (after_two, len(scene.wire.told(Code.TRANSFER))) == (2, 3)


def test_a_receiver_with_credit_is_sent_a_new_event_in_the_same_breath(scene):
    scene.attach(GROUP)
    scene.session.handle(Flow(0, 0, delivery_count=0, credit=10))

    scene.partition.append([event(b"live", {})], None)

    assert len(scene.wire.told(Code.TRANSFER)) == 1


def test_events_wait_for_room_and_follow_in_order(scene):
    scene.attach(GROUP)
    scene.session.handle(Flow(0, 0, delivery_count=0, credit=10))
    scene.wire.is_roomy = False
    scene.partition.append([event(b"a", {}), event(b"b", {})], None)
    held_back = scene.wire.told(Code.TRANSFER)

    scene.wire.is_roomy = True
    scene.session.pump()

    assert held_back == []
    assert [frame.fields[1] for frame in scene.wire.told(Code.TRANSFER)] == [0, 1]


@pytest.mark.parametrize("size_bytes", [1, 700, 1_000, 5_000])
def test_an_event_larger_than_a_frame_is_split_without_loss(scene, size_bytes):
    scene.attach(GROUP)
    scene.session.handle(Flow(0, 0, delivery_count=0, credit=10))

    scene.partition.append([event(bytes(size_bytes), {})], None)

    parts = scene.wire.told(Code.TRANSFER)
    message = b"".join(part.payload for part in parts)
    assert message == scene.partition.entries[0].message
    assert [part.fields[5] for part in parts] == [True] * (len(parts) - 1) + [False]
    assert decode(message)[0].descriptor == 0x72


def test_a_session_that_ends_leaves_its_partitions(scene):
    scene.attach(GROUP)
    scene.session.handle(Flow(0, 0, delivery_count=0, credit=10))

    scene.session.leave()
    scene.partition.append([event(b"late", {})], None)

    assert scene.wire.told(Code.TRANSFER) == []
