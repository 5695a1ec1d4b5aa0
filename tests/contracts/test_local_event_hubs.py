"""The local Event Hubs namespace keeps the promises that the real azure-eventhub SDK and AMQP 1.0 peers rely on.

The server runs in the test's own event loop, as it does inside local Azure; synchronous clients get a thread.
"""

from __future__ import annotations

import asyncio
import threading
import time
from contextlib import asynccontextmanager, suppress

import pytest
from azure.eventhub import EventData, EventHubConsumerClient, EventHubProducerClient
from azure.eventhub.aio import EventHubConsumerClient as AioConsumer
from azure.eventhub.aio import EventHubProducerClient as AioProducer
from azure.eventhub.amqp import AmqpAnnotatedMessage
from azure.eventhub.exceptions import AuthenticationError, ConnectError

from local.azure.event_hubs import EventHubsServer
from local.azure.event_hubs.codec import encode
from local.azure.event_hubs.frames import AMQP_HEADER, SASL_HEADER, Code, Frame, described, read_frame
from local.azure.event_hubs.namespace import UnknownEntityError
from local.azure.event_hubs.values import Symbol, Uint

PATIENCE_SECONDS = 15
FIRST = "-1"


@pytest.fixture
async def server():
    server = EventHubsServer({"telemetry": 2, "single": 1}, "KEY")
    await server.start()
    yield server
    await server.stop()


def producer(server, hub="telemetry", client=AioProducer, key="KEY"):
    text = server.connection_string.replace("SharedAccessKey=KEY", f"SharedAccessKey={key}")
    return client.from_connection_string(text, eventhub_name=hub, retry_total=0)


def consumer(server, hub="single", client=AioConsumer, group="$Default"):
    return client.from_connection_string(
        server.connection_string, consumer_group=group, eventhub_name=hub, retry_total=0
    )


class Inbox:
    """What a consumer got, and a way to wait for it."""

    def __init__(self) -> None:
        self.events: list[EventData] = []
        self.errors: list[Exception] = []
        self._news = asyncio.Event()

    async def on_event(self, _, event) -> None:
        self.events.append(event)
        self._news.set()

    async def on_error(self, _, error) -> None:
        self.errors.append(error)
        self._news.set()

    @property
    def bodies(self) -> list[bytes]:
        return [b"".join(event.body) for event in self.events]

    async def until(self, is_enough) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not is_enough(self):
                self._news.clear()
                await self._news.wait()

    async def until_count(self, count: int) -> None:
        await self.until(lambda inbox: len(inbox.events) >= count)


@asynccontextmanager
async def receiving(server, hub="single", partition_id="0", group="$Default", **options):
    """A running aio consumer's inbox."""
    inbox, client = Inbox(), consumer(server, hub, group=group)
    options.setdefault("starting_position", FIRST)
    task = asyncio.create_task(
        client.receive(inbox.on_event, on_error=inbox.on_error, partition_id=partition_id, **options)
    )
    try:
        yield inbox
    finally:
        await client.close()
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def send(server, *bodies, hub="single", **options):
    async with producer(server, hub) as client:
        await client.send_batch([EventData(body) for body in bodies], **options)


def bodies_of(server, hub, partition):
    return [entry.body for entry in server.events(hub, partition)]


async def test_what_an_aio_producer_sends_an_aio_consumer_gets(server):
    await send(server, b"one", b"two")

    async with receiving(server) as inbox:
        await inbox.until_count(2)

    assert inbox.bodies == [b"one", b"two"]
    assert [event.sequence_number for event in inbox.events] == [0, 1]
    assert [event.offset for event in inbox.events] == [str(entry.stamp.offset) for entry in server.events("single", 0)]
    assert [event.enqueued_time.timestamp() for event in inbox.events] == [
        entry.stamp.enqueued_at_ms / 1_000 for entry in server.events("single", 0)
    ]


async def test_what_a_sync_producer_sends_a_sync_consumer_gets(server):
    def send_and_receive() -> list[bytes]:
        with producer(server, "single", EventHubProducerClient) as client:
            batch = client.create_batch()
            batch.add(EventData(b"one"))
            batch.add(EventData(b"two"))
            client.send_batch(batch)
        bodies, client = [], consumer(server, client=EventHubConsumerClient)

        def on_event(_, event):
            bodies.append(b"".join(event.body))
            if len(bodies) == 2:
                threading.Thread(target=client.close).start()  # close() waits for this callback

        client.receive(on_event, partition_id="0", starting_position=FIRST)
        return bodies

    async with asyncio.timeout(PATIENCE_SECONDS):
        assert await asyncio.to_thread(send_and_receive) == [b"one", b"two"]


async def test_properties_and_bodies_arrive_as_they_were_sent(server):
    event = EventData(bytes(range(256)))
    event.properties = {"text": "ü", "count": 7, "big": 2**30, "flag": True, "ratio": 0.5}
    event.content_type, event.message_id, event.correlation_id = "application/json", "id-1", "c-1"
    async with producer(server, "single") as client:
        await client.send_batch([event])

    async with receiving(server) as inbox:
        await inbox.until_count(1)

    (got,) = inbox.events
    assert inbox.bodies == [bytes(range(256))]
    assert got.properties == {
        b"text": "ü".encode(),
        b"count": 7,
        b"big": 2**30,
        b"flag": True,
        b"ratio": 0.5,
    }
    assert (got.content_type, got.message_id, got.correlation_id) == ("application/json", "id-1", "c-1")


async def test_values_sequences_and_own_annotations_pass_through(server):
    value = AmqpAnnotatedMessage(value_body={"nested": [1, None]}, annotations={"mine": "kept"})
    sequence = AmqpAnnotatedMessage(sequence_body=[1, "two"])
    async with producer(server, "single") as client:
        await client.send_batch([value, sequence])

    async with receiving(server) as inbox:
        await inbox.until_count(2)

    first, second = (event.raw_amqp_message for event in inbox.events)
    assert first.body == {b"nested": [1, None]}
    assert first.annotations[b"mine"] == b"kept"
    assert list(second.body) == [[1, b"two"]]


async def test_a_live_receiver_is_sent_new_events_at_once(server):
    """The SDK itself polls; the median of several is far below a poll interval of the service."""
    delays_s = []
    async with receiving(server) as inbox:
        server.publish("single", b"first")
        await inbox.until_count(1)
        for count in range(2, 7):
            start = time.perf_counter()
            server.publish("single", b"next")
            await inbox.until_count(count)
            delays_s.append(time.perf_counter() - start)

    assert sorted(delays_s)[2] < 1.0


async def test_a_partition_key_keeps_its_events_in_order_in_one_partition(server):
    async with producer(server) as client:
        for number in range(20):
            await client.send_batch([EventData(str(number))], partition_key="device-1")

    stored = [bodies_of(server, "telemetry", partition) for partition in (0, 1)]
    assert sorted(stored) == [[], [str(number).encode() for number in range(20)]]
    assert {entry.partition_key for partition in (0, 1) for entry in server.events("telemetry", partition)} == {
        "device-1"
    }


async def test_batches_without_a_key_take_turns(server):
    async with producer(server) as client:
        for number in range(4):
            await client.send_batch([EventData(str(number))])

    assert bodies_of(server, "telemetry", 0) == [b"0", b"2"]
    assert bodies_of(server, "telemetry", 1) == [b"1", b"3"]


async def test_a_batch_can_name_its_partition(server):
    await send(server, b"here", hub="telemetry", partition_id="1")

    assert bodies_of(server, "telemetry", 0) == []
    assert bodies_of(server, "telemetry", 1) == [b"here"]


@pytest.mark.parametrize(
    ("position", "is_inclusive", "expected"),
    [(FIRST, False, b"0"), (1, False, b"2"), (1, True, b"1")],
)
async def test_a_receiver_resumes_from_a_sequence_number(server, position, is_inclusive, expected):
    for number in range(4):
        server.publish("single", str(number).encode())

    async with receiving(server, starting_position=position, starting_position_inclusive=is_inclusive) as inbox:
        await inbox.until(lambda inbox: b"3" in inbox.bodies)

    assert inbox.bodies[0] == expected


async def test_a_receiver_resumes_from_an_offset(server):
    for number in range(4):
        server.publish("single", str(number).encode())
    offset = str(server.events("single", 0)[1].stamp.offset)

    async with receiving(server, starting_position=offset) as inbox:
        await inbox.until_count(2)

    assert inbox.bodies == [b"2", b"3"]


async def test_a_receiver_at_the_latest_gets_only_what_comes_later(server):
    server.publish("single", b"old")

    async with receiving(server, starting_position="@latest") as inbox:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not inbox.events:
                server.publish("single", b"new")
                await asyncio.sleep(0.05)

    assert set(inbox.bodies) == {b"new"}


async def test_a_900_kb_event_goes_through_in_many_frames(server):
    body = bytes(range(256)) * (900_000 // 256)
    await send(server, body)

    async with receiving(server) as inbox:
        await inbox.until_count(1)

    assert inbox.bodies == [body]


async def test_a_900_kb_batch_arrives_event_by_event(server):
    async with producer(server, "single") as client:
        batch = await client.create_batch()
        for number in range(900):
            batch.add(EventData(f"{number:04}".encode() + b"x" * 990))
        await client.send_batch(batch)

    async with receiving(server) as inbox:
        await inbox.until_count(900)

    assert [body[:4] for body in inbox.bodies] == [f"{number:04}".encode() for number in range(900)]


async def test_a_slow_reader_gets_everything_in_order(server):
    """More than the socket and the connection hold: the rest waits in the partition and follows."""
    for number in range(200):
        server.publish("single", f"{number:04}".encode() + bytes(50_000))

    async with receiving(server) as inbox:
        await inbox.until_count(200)

    assert [int(body[:4]) for body in inbox.bodies] == list(range(200))


async def test_many_sends_do_not_run_out_of_credit(server):
    def send_all() -> None:
        with producer(server, "single", EventHubProducerClient) as client:
            for number in range(1_200):
                client.send_batch([EventData(str(number))])

    await asyncio.to_thread(send_all)

    assert bodies_of(server, "single", 0) == [str(number).encode() for number in range(1_200)]


async def test_hub_and_partition_properties_are_told(server):
    server.publish("single", b"a")
    server.publish("single", b"b")
    async with producer(server, "telemetry") as client:
        hub = await client.get_eventhub_properties()
        empty = await client.get_partition_properties("1")
    async with consumer(server) as client:
        filled = await client.get_partition_properties("0")

    assert (hub["eventhub_name"], hub["partition_ids"]) == ("telemetry", ["0", "1"])
    assert (empty["is_empty"], empty["last_enqueued_sequence_number"]) == (True, -1)
    assert (filled["is_empty"], filled["beginning_sequence_number"]) == (False, 0)
    assert filled["last_enqueued_sequence_number"] == 1
    assert filled["last_enqueued_offset"] == str(server.events("single", 0)[-1].stamp.offset)


async def test_a_wrong_key_is_refused_by_aio_clients(server):
    async with producer(server, key="WRONG") as client:
        with pytest.raises(AuthenticationError, match="401"):
            await client.send_batch([EventData(b"x")], partition_id="0")

    assert bodies_of(server, "telemetry", 0) == []


async def test_a_wrong_key_is_refused_by_sync_clients(server):
    def send_one() -> None:
        with producer(server, client=EventHubProducerClient, key="WRONG") as client:
            client.get_eventhub_properties()

    with pytest.raises(AuthenticationError, match="401"):
        await asyncio.to_thread(send_one)


async def test_an_unknown_hub_is_not_found(server):
    async with producer(server, "nowhere") as client:
        with pytest.raises(ConnectError, match="404"):
            await client.get_eventhub_properties()
        with pytest.raises(ConnectError, match="404"):
            await client.send_batch([EventData(b"x")], partition_id="0")
    async with receiving(server, hub="nowhere") as inbox:
        await inbox.until(lambda inbox: inbox.errors)

    assert "404" in str(inbox.errors[0])


async def test_a_higher_epoch_steals_the_partition_and_a_lower_one_is_refused(server):
    server.publish("single", b"a")
    async with receiving(server, owner_level=1) as first:
        await first.until_count(1)
        async with receiving(server, owner_level=2) as second:
            await second.until_count(1)
            await first.until(lambda inbox: inbox.errors)
            async with receiving(server, owner_level=0) as third:
                await third.until(lambda inbox: inbox.errors)

    assert "epoch" in str(first.errors[0])
    assert (len(second.errors), third.events) == (0, [])


async def test_consumer_groups_read_independently(server):
    server.publish("single", b"a")
    async with receiving(server, owner_level=1) as first, receiving(server, group="other", owner_level=1) as second:
        await first.until_count(1)
        await second.until_count(1)

    assert first.errors == second.errors == []


async def test_published_events_look_like_sent_ones(server):
    server.publish("telemetry", b"body", partition_key="k", properties={"category": "AmlOnlineEndpointTrafficLog"})
    partition = next(number for number in (0, 1) if server.events("telemetry", number))

    async with receiving(server, hub="telemetry", partition_id=str(partition)) as inbox:
        await inbox.until_count(1)

    assert inbox.bodies == [b"body"]
    assert inbox.events[0].partition_key == b"k"
    assert inbox.events[0].properties == {b"category": b"AmlOnlineEndpointTrafficLog"}


async def test_retention_bounds_what_a_late_receiver_gets():
    server = EventHubsServer({"single": 1}, "KEY", retention_events_max=3)
    await server.start()
    for number in range(10):
        server.publish("single", str(number).encode())

    async with receiving(server) as inbox:
        await inbox.until_count(3)
    await server.stop()

    assert inbox.bodies == [b"7", b"8", b"9"]


async def test_the_clock_is_the_caller_s():
    server = EventHubsServer({"single": 1}, "KEY", now_s=lambda: 12.5)
    server.publish("single", b"a")

    assert server.events("single", 0)[0].stamp.enqueued_at_ms == 12_500


@pytest.mark.parametrize(("hubs", "retention_events_max"), [({"hub": 0}, 1), ({"hub": 1}, 0)])
def test_a_namespace_that_could_hold_nothing_is_refused(hubs, retention_events_max):
    with pytest.raises(ValueError, match="at least one"):
        EventHubsServer(hubs, "KEY", retention_events_max=retention_events_max)


async def test_unknown_names_are_refused_to_local_callers(server):
    with pytest.raises(UnknownEntityError):
        server.publish("nowhere", b"x")
    with pytest.raises(UnknownEntityError):
        server.events("telemetry", 2)


async def test_a_stopped_server_frees_its_port_and_keeps_its_events(server):
    async with receiving(server) as inbox:
        server.publish("single", b"a")
        await inbox.until_count(1)
        port = await asyncio.wait_for(_restart(server), PATIENCE_SECONDS)

    assert bodies_of(server, "single", 0) == [b"a"]
    assert f":{port};" in server.connection_string


async def _restart(server) -> int:
    port = int(server.connection_string.split(";")[0].rsplit(":", 1)[1])
    await server.stop()
    await server.stop()
    return await server.start(port)


def test_there_is_no_connection_string_before_the_start():
    with pytest.raises(RuntimeError):
        _ = EventHubsServer({"hub": 1}, "KEY").connection_string


class Peer:
    """A client that speaks frames by hand, for what the SDK never says."""

    def __init__(self, reader, writer) -> None:
        self.reader, self.writer = reader, writer

    def say(self, code: int, *fields, channel: int = 0, kind: int = 0) -> None:
        body = encode(described(code, *fields))
        self.writer.write((len(body) + 8).to_bytes(4, "big") + bytes((2, kind)) + channel.to_bytes(2, "big") + body)

    async def hear(self) -> Frame | bytes:
        return await asyncio.wait_for(read_frame(self.reader), PATIENCE_SECONDS)

    async def hear_end(self) -> bytes:
        return await asyncio.wait_for(self.reader.read(), PATIENCE_SECONDS)

    async def open(self, idle_timeout_ms: int | None = None) -> None:
        self.writer.write(AMQP_HEADER)
        self.say(Code.OPEN, "peer", None, Uint(65_536), None, idle_timeout_ms and Uint(idle_timeout_ms))
        assert await self.hear() == AMQP_HEADER
        assert (await self.hear()).code == Code.OPEN


@asynccontextmanager
async def peer_of(server):
    port = int(server.connection_string.split(";")[0].rsplit(":", 1)[1])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield Peer(reader, writer)
    finally:
        writer.close()


async def test_a_peer_that_wants_heartbeats_gets_them(server):
    async with peer_of(server) as peer:
        await peer.open(idle_timeout_ms=60)
        frames = [await peer.hear() for _ in range(3)]

    assert [frame.code for frame in frames] == [None, None, None]


async def test_performatives_have_every_field(server):
    """azure-eventhub indexes fields by position: shorter lists crash it."""
    async with peer_of(server) as peer:
        peer.writer.write(AMQP_HEADER)
        peer.say(Code.OPEN, "peer")
        peer.say(Code.BEGIN, None, Uint(0), Uint(1), Uint(1))
        peer.say(Code.CLOSE)
        raw = await peer.hear_end()

    counts = [int.from_bytes(raw[at + 8 : at + 12], "big") for at in _positions(raw, b"\x00\x53")]
    assert counts == [10, 8, 1]


def _positions(raw: bytes, marker: bytes) -> list[int]:
    return [at for at in range(len(raw)) if raw.startswith(marker, at)]


async def test_sasl_lets_anonymous_peers_in_and_no_others(server):
    async with peer_of(server) as peer:
        peer.writer.write(SASL_HEADER)
        peer.say(Code.SASL_INIT, Symbol("ANONYMOUS"), kind=1)
        answers = [await peer.hear() for _ in range(3)]
        await peer.open()
    async with peer_of(server) as stranger:
        stranger.writer.write(SASL_HEADER)
        stranger.say(Code.SASL_INIT, Symbol("PLAIN"), kind=1)
        refusals = [await stranger.hear() for _ in range(3)]

    assert answers[0] == SASL_HEADER
    assert answers[1].fields[0].items == ("ANONYMOUS", "MSSBCBS")
    assert answers[2].fields[0] == 0
    assert refusals[2].fields[0] == 1


async def test_a_link_without_a_token_is_refused(server):
    async with peer_of(server) as peer:
        await peer.open()
        peer.say(Code.BEGIN, None, Uint(0), Uint(1), Uint(1))
        peer.say(Code.ATTACH, "link", Uint(0), False, None, None, described(0x28, "me"), described(0x29, "single"))
        frames = [await peer.hear() for _ in range(3)]

    assert [frame.code for frame in frames] == [Code.BEGIN, Code.ATTACH, Code.DETACH]
    assert frames[2].fields[2].value[0] == "amqp:unauthorized-access"


@pytest.mark.parametrize(
    "garbage",
    [b"GET / HTTP/1.1\r\n", b"AMQP\x02\x01\x00\x00", b"\x00\x00\x00\x08\x01\x00\x00\x00", b"\xff" * 64],
    ids=["http", "tls", "no room for a header", "a huge frame"],
)
async def test_garbage_is_answered_with_a_close_and_hurts_nobody_else(server, garbage):
    async with peer_of(server) as peer:
        peer.writer.write(garbage)
        goodbye = await peer.hear_end()

    await send(server, b"still here")
    assert b"framing-error" in goodbye
    assert bodies_of(server, "single", 0) == [b"still here"]


@pytest.mark.parametrize(
    ("code", "fields"),
    [
        (Code.ATTACH, ("link", "handle", False)),
        (Code.ATTACH, ("link", None, False)),
        (Code.TRANSFER, ()),
        (Code.OPEN, ("peer", None, Uint(100))),
        (Code.BEGIN, (None, Uint(0))),
        (Code.SASL_OUTCOME, ()),
    ],
    ids=["text as handle", "no handle", "empty transfer", "tiny frames", "channel taken", "not for a server"],
)
async def test_a_broken_performative_closes_the_connection(server, code, fields):
    async with peer_of(server) as peer:
        await peer.open()
        peer.say(Code.BEGIN, None, Uint(0), Uint(1), Uint(1))
        peer.say(code, *fields)

        assert b"framing-error" in await peer.hear_end()


async def test_an_ended_session_is_answered_and_stragglers_are_ignored(server):
    async with peer_of(server) as peer:
        await peer.open()
        peer.say(Code.BEGIN, None, Uint(0), Uint(1), Uint(1))
        peer.say(Code.END)
        peer.say(Code.DETACH, Uint(0))
        peer.say(Code.CLOSE)
        codes = [(await peer.hear()).code for _ in range(3)]

        assert codes == [Code.BEGIN, Code.END, Code.CLOSE]
        assert await peer.hear_end() == b""
